//! When does it run? One work queue for all kinds.
//!
//! A value without clock or tasks: whoever owns it says what time it is. Guarantees: an object never runs twice at
//! once; adding what is already waiting changes nothing (or moves it to a more urgent lane); what changes while its
//! object runs is run again afterwards; a person's edit goes before timers; equal urgency is first come, first served.
//! Order depends on the calls alone, never on addresses or hashes.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    desired::references::ObjectRef,
    runtime::{backoff::Backoff, chance::Chance},
};

/// How urgent a run is. Smaller is sooner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// A person changed something.
    Edit,
    /// Something it depends on changed.
    Dependency,
    /// Its time has come.
    Timer,
}

/// What follows a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing, until something changes.
    Idle,
    /// Another run after this time.
    After(Duration),
    /// Another run after a pause that grows with every failure in a row.
    Retry,
    /// The object is gone: forget it.
    Forget,
}

/// One run to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Of which object.
    pub key: ObjectRef,
    /// Why so urgent.
    pub lane: Lane,
    /// Since when something was to be done. Observations made before may miss it.
    pub since: Instant,
    /// Failures in a row before this run.
    pub failures: u32,
}

#[derive(Debug, Default)]
struct Slot {
    /// Place in `ready`, if waiting.
    waiting: Option<(Lane, u64)>,
    /// Since when it waits.
    since: Option<Instant>,
    running: bool,
    /// Place in `timers`, if any.
    timer: Option<(Instant, u64)>,
    failures: u32,
}

/// The queue.
#[derive(Debug)]
pub struct Queue {
    slots: BTreeMap<ObjectRef, Slot>,
    ready: BTreeMap<(Lane, u64), ObjectRef>,
    timers: BTreeMap<(Instant, u64), ObjectRef>,
    running: BTreeSet<ObjectRef>,
    backoff: Backoff,
    ticket: u64,
}

impl Queue {
    /// An empty queue.
    pub fn new(backoff: Backoff) -> Self {
        Self {
            slots: BTreeMap::new(),
            ready: BTreeMap::new(),
            timers: BTreeMap::new(),
            running: BTreeSet::new(),
            backoff,
            ticket: 0,
        }
    }

    /// Asks for a run as soon as possible.
    pub fn add(&mut self, key: &ObjectRef, lane: Lane, now: Instant) {
        self.ticket += 1;
        let slot = self.slots.entry(key.clone()).or_default();
        slot.since = Some(now);
        match slot.waiting {
            Some((waiting, _)) if waiting <= lane => {}
            before => {
                if let Some(place) = before {
                    self.ready.remove(&place);
                }
                slot.waiting = Some((lane, self.ticket));
                if !slot.running {
                    self.ready.insert((lane, self.ticket), key.clone());
                }
            }
        }
    }

    /// Asks for a run at a time, replacing an earlier such wish.
    pub fn add_at(&mut self, key: &ObjectRef, due: Instant) {
        self.ticket += 1;
        let slot = self.slots.entry(key.clone()).or_default();
        if let Some(old) = slot.timer.replace((due, self.ticket)) {
            self.timers.remove(&old);
        }
        self.timers.insert((due, self.ticket), key.clone());
    }

    /// The most urgent run, marked as running.
    pub fn pop(&mut self, now: Instant) -> Option<Job> {
        self.ripen(now);
        let ((lane, _), key) = self.ready.pop_first()?;
        let slot = self.slots.entry(key.clone()).or_default();
        slot.waiting = None;
        slot.running = true;
        self.running.insert(key.clone());
        Some(Job { lane, since: slot.since.take().unwrap_or(now), failures: slot.failures, key })
    }

    /// When the next timer is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.timers.first_key_value().map(|((due, _), _)| *due)
    }

    /// A run has ended.
    pub fn done(&mut self, key: &ObjectRef, next: Next, now: Instant, chance: &Chance) {
        self.running.remove(key);
        let Some(slot) = self.slots.get_mut(key) else { return };
        slot.running = false;
        slot.failures = if next == Next::Retry { slot.failures.saturating_add(1) } else { 0 };
        let failures = slot.failures;
        if let Some(place) = slot.waiting {
            self.ready.insert(place, key.clone());
        }
        match next {
            Next::Idle => self.clear_timer(key),
            Next::After(pause) => self.add_at(key, now + pause),
            Next::Retry => self.add_at(key, now + self.backoff.delay(failures, chance)),
            Next::Forget => self.forget(key),
        }
    }

    /// How many runs are under way.
    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// How many objects wait for a run that could start now.
    pub fn waiting(&self) -> usize {
        self.ready.len()
    }

    fn ripen(&mut self, now: Instant) {
        while let Some(entry) = self.timers.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let key = entry.remove();
            if let Some(slot) = self.slots.get_mut(&key) {
                slot.timer = None;
            }
            self.add(&key, Lane::Timer, now);
        }
    }

    fn clear_timer(&mut self, key: &ObjectRef) {
        if let Some(old) = self.slots.get_mut(key).and_then(|slot| slot.timer.take()) {
            self.timers.remove(&old);
        }
    }

    /// Keeps a slot only while something is still to be done for it: the object may come back under its name.
    fn forget(&mut self, key: &ObjectRef) {
        self.clear_timer(key);
        if self.slots.get(key).is_some_and(|slot| slot.waiting.is_none()) {
            self.slots.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired::references::Kind;

    fn key(name: &str) -> ObjectRef {
        ObjectRef::new(Kind::Assistant, "ns", name)
    }

    fn names(queue: &mut Queue, now: Instant) -> Vec<String> {
        std::iter::from_fn(|| queue.pop(now)).map(|job| job.key.name).collect()
    }

    #[test]
    fn urgent_first_then_first_come_and_each_once() {
        let (mut queue, now) = (Queue::new(Backoff::RECONCILE), Instant::now());
        for name in ["t1", "t2"] {
            queue.add(&key(name), Lane::Timer, now);
        }
        queue.add(&key("d"), Lane::Dependency, now);
        queue.add(&key("t2"), Lane::Edit, now);
        queue.add(&key("t2"), Lane::Timer, now);
        assert_eq!(names(&mut queue, now), ["t2", "d", "t1"]);
    }

    #[test]
    fn never_twice_at_once_but_again_afterwards() {
        let (mut queue, now, chance) = (Queue::new(Backoff::RECONCILE), Instant::now(), Chance::seeded(1));
        queue.add(&key("a"), Lane::Edit, now);
        assert!(queue.pop(now).is_some());
        let later = now + Duration::from_secs(1);
        queue.add(&key("a"), Lane::Edit, later);
        assert_eq!(queue.pop(later), None);
        // Nor when a second wish is more urgent than the first.
        queue.add(&key("b"), Lane::Timer, later);
        assert!(queue.pop(later).is_some());
        queue.add(&key("b"), Lane::Timer, later);
        queue.add(&key("b"), Lane::Edit, later);
        assert_eq!(queue.pop(later), None);
        queue.done(&key("a"), Next::Idle, later, &chance);
        assert_eq!(queue.pop(later).unwrap().since, later);
    }

    #[test]
    fn failures_back_off_per_object_and_success_resets() {
        let (mut queue, mut now, chance) = (Queue::new(Backoff::RECONCILE), Instant::now(), Chance::seeded(1));
        let mut pauses = Vec::new();
        queue.add(&key("a"), Lane::Edit, now);
        for _ in 0..6 {
            queue.pop(now).unwrap();
            queue.done(&key("a"), Next::Retry, now, &chance);
            let due = queue.next_due().unwrap();
            pauses.push(due - now);
            now = due;
        }
        assert!(pauses[5] > pauses[0] && pauses[5] <= Duration::from_secs(32), "{pauses:?}");
        assert_eq!(queue.pop(now).unwrap().failures, 6);
        queue.done(&key("a"), Next::After(Duration::from_secs(9)), now, &chance);
        assert_eq!(queue.next_due(), Some(now + Duration::from_secs(9)));
        assert_eq!(queue.pop(now + Duration::from_secs(9)).unwrap().failures, 0);
    }

    #[test]
    fn forgotten_objects_leave_nothing_behind() {
        let (mut queue, now, chance) = (Queue::new(Backoff::RECONCILE), Instant::now(), Chance::seeded(1));
        queue.add(&key("a"), Lane::Edit, now);
        queue.pop(now).unwrap();
        queue.add_at(&key("a"), now);
        queue.done(&key("a"), Next::Forget, now, &chance);
        assert!(queue.slots.is_empty() && queue.timers.is_empty() && queue.ready.is_empty());
        queue.add(&key("b"), Lane::Edit, now);
        queue.pop(now).unwrap();
        queue.add(&key("b"), Lane::Edit, now);
        queue.done(&key("b"), Next::Forget, now, &chance);
        assert_eq!(queue.pop(now).unwrap().key.name, "b");
    }
}
