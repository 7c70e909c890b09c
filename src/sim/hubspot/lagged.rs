//! A value whose reads lag behind its writes: what eventual consistency looks like from outside. Pure.

use jiff::Timestamp;

/// A value, or its absence, with what readers may still see instead.
#[derive(Clone, Debug)]
pub(super) struct Lagged<T> {
    current: Option<T>,
    /// Earlier states, oldest first, each shown until its time.
    older: Vec<(Timestamp, Option<T>)>,
}

impl<T> Default for Lagged<T> {
    fn default() -> Self {
        Self { current: None, older: Vec::new() }
    }
}

impl<T: Clone> Lagged<T> {
    /// The truth.
    pub(super) fn get(&self) -> Option<&T> {
        self.current.as_ref()
    }

    /// What a reader sees.
    pub(super) fn shown(&self, now: Timestamp) -> Option<&T> {
        match self.older.iter().find(|(until, _)| *until > now) {
            Some((_, shown)) => shown.as_ref(),
            None => self.current.as_ref(),
        }
    }

    /// Changes the truth and all earlier states alike: for what leaves no trace.
    pub(super) fn rewrite(&mut self, change: impl Fn(&mut T)) {
        self.older.iter_mut().filter_map(|(_, value)| value.as_mut()).for_each(&change);
        self.current.iter_mut().for_each(&change);
    }

    /// Changes the truth at `now`; readers see the state before until `reads_follow`.
    pub(super) fn set(&mut self, now: Timestamp, reads_follow: Timestamp, value: Option<T>) {
        self.older.retain(|(until, _)| *until > now);
        let before = std::mem::replace(&mut self.current, value);
        if reads_follow > now {
            self.older.push((reads_follow, before));
        }
    }
}
