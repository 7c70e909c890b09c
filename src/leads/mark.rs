//! The mark: what a contact in work carries in the hidden field, and the commit point of everything done to it (DESIGN 6.2).
//!
//! JSON of at most 400 bytes without personal data. It is written in the same update as what people see, so that after a
//! crash the contact itself says how far things went.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::{ContactId, LeadId, OwnerId};

/// Longest mark written or believed.
pub const MAX_BYTES: usize = 400;
/// The shape below.
const VERSION: u8 = 1;

/// What is known of a contact's last assignment to an assistant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The contact it was written on. Another one: the mark came along in a merge.
    pub contact: ContactId,
    /// The lead in TEC, if the assignment became one.
    pub lead: Option<LeadId>,
    /// The assistant's owner id.
    pub assistant: OwnerId,
    /// Who owned the contact before.
    pub previous: Option<OwnerId>,
    /// When the assistant became owner, to the millisecond.
    pub assigned_at: Timestamp,
    /// How far it is.
    pub phase: Phase,
    /// The newest event of the lead that the contact shows; 0 before the first.
    pub seq: u64,
}

/// How far an assignment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// The assistant works on it.
    Working,
    /// It went back to a person.
    Done,
    /// It never became a lead.
    Refused,
}

/// What the hidden field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MarkSeen {
    /// Nothing.
    None,
    /// A mark.
    Mark(Mark),
    /// A newer version of us wrote it: the contact is that one's business.
    Newer,
    /// Something we did not write.
    Unreadable,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    v: u8,
    contact: ContactId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lead: Option<LeadId>,
    assistant: OwnerId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<OwnerId>,
    assigned_at: i64,
    phase: Phase,
    seq: u64,
}

impl Mark {
    /// The field's value. Ids longer than HubSpot's and TEC's own would make it too long: then it is `None`.
    pub fn to_value(&self) -> Option<String> {
        let Self { contact, lead, assistant, previous, assigned_at, phase, seq } = self.clone();
        let assigned_at = assigned_at.as_millisecond();
        let written = Written { v: VERSION, contact, lead, assistant, previous, assigned_at, phase, seq };
        serde_json::to_string(&written).ok().filter(|text| text.len() <= MAX_BYTES)
    }
}

impl MarkSeen {
    /// Reads the field's value.
    pub fn read(value: Option<&str>) -> Self {
        let Some(text) = value.map(str::trim).filter(|text| !text.is_empty()) else { return Self::None };
        if text.len() > MAX_BYTES {
            return Self::Unreadable;
        }
        let written: Written = match serde_json::from_str(text) {
            Ok(written) => written,
            Err(_) => return Self::foreign(text),
        };
        let Written { v: VERSION, contact, lead, assistant, previous, assigned_at, phase, seq } = written else {
            return Self::foreign(text);
        };
        match Timestamp::from_millisecond(assigned_at) {
            Ok(assigned_at) => Self::Mark(Mark { contact, lead, assistant, previous, assigned_at, phase, seq }),
            Err(_) => Self::Unreadable,
        }
    }

    /// The mark, if there is one.
    pub fn mark(&self) -> Option<&Mark> {
        match self {
            Self::Mark(mark) => Some(mark),
            Self::None | Self::Newer | Self::Unreadable => None,
        }
    }

    fn foreign(text: &str) -> Self {
        let version = serde_json::from_str::<serde_json::Value>(text).ok().and_then(|value| value["v"].as_u64());
        if version.is_some_and(|version| version > VERSION.into()) { Self::Newer } else { Self::Unreadable }
    }
}

#[cfg(test)]
mod tests;
