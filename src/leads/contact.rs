//! A contact, as far as the rules look at it. No name, no address: only whether it has one.

use jiff::Timestamp;

use super::mark::MarkSeen;
use crate::domain::{ContactId, OwnerId};

/// A contact at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Its id.
    pub id: ContactId,
    /// Who owns it.
    pub owner: Option<OwnerId>,
    /// Owners it had, newest first, the present one included.
    pub history: Vec<OwnerChange>,
    /// HubSpot's own note of when the owner changed: used where the history says nothing (API.md §7.1).
    pub owner_assigned_at: Option<Timestamp>,
    /// Whether mail can reach it.
    pub has_email: bool,
    /// The value of `Lead Connection Status`.
    pub connection_status: Option<String>,
    /// The hidden field.
    pub mark: MarkSeen,
}

/// One version of the owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerChange {
    /// The owner from then on; nobody, if it was cleared.
    pub owner: Option<OwnerId>,
    /// When.
    pub at: Timestamp,
}

/// How the present owner came to the contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment<'a> {
    /// Since when, to the millisecond.
    pub at: Timestamp,
    /// What was before, newest first.
    pub before: &'a [OwnerChange],
}

impl Contact {
    /// How the present owner came to it. Saving the same owner again is no new assignment: whether HubSpot notes it is not
    /// known (API.md §14.8).
    pub fn assignment(&self) -> Assignment<'_> {
        let run = self.history.iter().take_while(|change| change.owner == self.owner).count();
        match run.checked_sub(1).and_then(|oldest| self.history.get(oldest)) {
            Some(change) => Assignment { at: to_the_millisecond(change.at), before: &self.history[run..] },
            // The history is silent, or behind what the field says.
            None => Assignment {
                at: to_the_millisecond(self.owner_assigned_at.unwrap_or(Timestamp::UNIX_EPOCH)),
                before: &self.history,
            },
        }
    }
}

/// HubSpot's own resolution.
pub fn to_the_millisecond(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}
