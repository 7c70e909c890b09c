//! How urgent work is, and that it may become more so while it waits.

use std::{fmt, sync::Arc};

use tokio::sync::watch;

/// Who waits before whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// A person waits for it.
    Edit,
    /// Leads waiting to be taken or moved on.
    Leads,
    /// Comparisons by timer.
    #[default]
    Resync,
}

/// The lane of a piece of work, shared by all its calls. Clones share it, so that a person who comes to wait for work under
/// way can hurry what is left of it, a call that waits for its turn included.
#[derive(Clone)]
pub struct Urgency(Arc<watch::Sender<Lane>>);

impl Urgency {
    /// The lane it is in now.
    pub fn lane(&self) -> Lane {
        *self.0.borrow()
    }

    /// Moves it to a better lane, never to a worse one.
    pub fn raise(&self, to: Lane) {
        self.0.send_if_modified(|lane| {
            let better = to < *lane;
            if better {
                *lane = to;
            }
            better
        });
    }

    /// Tells when it is raised.
    pub(super) fn watch(&self) -> watch::Receiver<Lane> {
        self.0.subscribe()
    }
}

impl From<Lane> for Urgency {
    fn from(lane: Lane) -> Self {
        Self(Arc::new(watch::Sender::new(lane)))
    }
}

impl From<&Urgency> for Urgency {
    fn from(urgency: &Urgency) -> Self {
        urgency.clone()
    }
}

impl PartialEq for Urgency {
    fn eq(&self, other: &Self) -> bool {
        self.lane() == other.lane()
    }
}

impl Eq for Urgency {}

impl fmt::Debug for Urgency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lane().fmt(f)
    }
}
