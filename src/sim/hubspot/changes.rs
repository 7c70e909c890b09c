//! What happened to contacts, in the order it happened, for whoever delivers webhooks. Collected only when asked for.

use jiff::Timestamp;

use super::portal::{Actor, Portal};

/// Changes kept undrained; beyond, the oldest are forgotten.
const OUTBOX_LIMIT: usize = 100_000;

/// One thing that happened to one contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ContactChange {
    /// The contact; after a merge the surviving one.
    pub object_id: u64,
    pub kind: ChangeKind,
    pub at: Timestamp,
    /// As in the property history: `CRM_UI`, `INTEGRATION`, …
    pub source_type: &'static str,
    pub source_id: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ChangeKind {
    /// A property has another value now; an empty one was cleared. Also told of every value a contact is created with.
    PropertyChange {
        name: String,
        value: String,
    },
    Creation,
    Deletion,
    Restoration,
    /// The contact took the place of these ids, the primary's first.
    Merge {
        merged: Vec<u64>,
    },
}

impl Portal {
    pub(super) fn note_change(&mut self, object_id: u64, kind: ChangeKind, by: Actor) {
        if !self.collect_changes {
            return;
        }
        if self.changes.len() >= OUTBOX_LIMIT {
            self.changes.pop_front();
        }
        let (source_type, source_id) = by.source();
        self.changes.push_back(ContactChange { object_id, kind, at: self.now, source_type, source_id });
        self.wake.notify_one();
    }
}
