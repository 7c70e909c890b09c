//! The rules R1 to R11 (DESIGN 6.1): what is to be done about a contact, given what it looks like and who works here.
//!
//! Pure. Says what, in full; `batch/` carries it out and decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    contact::{Contact, OwnerChange, to_the_millisecond},
    mark::{Mark, MarkSeen, Phase},
};
use crate::domain::{ContactId, LeadId, OwnerId};
pub use crate::tec::StopReason;

/// Who works in a portal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Team {
    /// The assistants, by owner id.
    pub assistants: BTreeMap<OwnerId, Standing>,
    /// Every active owner, assistants included.
    pub active: BTreeSet<OwnerId>,
    /// Who gets a contact whose previous owner is gone; an assistant never does.
    pub fallback: Option<OwnerId>,
}

/// How an assistant stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Takes contacts.
    Working,
    /// On hold or suspended: assignments wait (R11).
    Waiting,
    /// Is being deleted and gives back what it has.
    Leaving,
}

/// What is to be done about a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The lead to stop first, in TEC.
    pub stop: Option<Stop>,
    /// What happens to the contact.
    pub then: Then,
}

/// A lead to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Which.
    pub lead: LeadId,
    /// Why.
    pub why: StopReason,
}

/// What happens to the contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// Nothing: it is not ours, or all is well.
    Nothing,
    /// It is in work: events apply.
    InWork,
    /// The assignment waits (R11).
    Wait,
    /// It becomes a lead (R2).
    Accept(Assigned),
    /// It goes back with a note that says why (R8, R10).
    Refuse(Assigned, Refusal, HandBack),
    /// It goes back because the assistant leaves.
    GiveBack(Mark, HandBack),
    /// A person has taken it: only the hidden mark follows (R9).
    Close(Mark),
}

/// An assignment to an assistant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assigned {
    /// The assistant.
    pub assistant: OwnerId,
    /// When it became owner.
    pub at: Timestamp,
    /// The last person before.
    pub previous: Option<OwnerId>,
}

/// Why an assignment is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It was a lead before, and nobody cleared the field (R8).
    WorkedBefore,
    /// There is no e-mail address to write to (R10).
    NoEmail,
    /// TEC does not take the contact.
    NotTaken,
}

/// Who gets the contact back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandBack {
    /// Its last owner who is a person and still there.
    Previous(OwnerId),
    /// The fallback owner.
    Fallback(OwnerId),
    /// There is nobody: it stays without an owner, and a note says so.
    Nobody,
}

impl HandBack {
    /// The new owner.
    pub fn owner(&self) -> Option<&OwnerId> {
        match self {
            Self::Previous(owner) | Self::Fallback(owner) => Some(owner),
            Self::Nobody => None,
        }
    }
}

/// Whom somebody chose as owner, or nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice(pub Option<OwnerId>);

/// Decides about a contact.
pub fn decide(contact: &Contact, team: &Team) -> Decision {
    let in_work = contact.mark.mark().filter(|mark| mark.phase == Phase::Working);
    match in_work {
        Some(mark) if is_theirs(contact, mark) => still_theirs(contact, mark, team),
        Some(mark) => taken(contact, mark, team),
        None => Decision { stop: None, then: candidate(contact, team) },
    }
}

/// Whether the assistant of the mark has the contact, by the assignment of the mark.
fn is_theirs(contact: &Contact, mark: &Mark) -> bool {
    mark.contact == contact.id
        && contact.owner.as_ref() == Some(&mark.assistant)
        && (contact.assignment().at == mark.assigned_at || nobody_else_since(contact, mark))
}

/// Whether the history says that the mark's assistant kept the contact. Its beginning may be cut off, and saving the same
/// owner again may fill it with newer versions (API.md §14.8): then the mark is the only one who knows since when.
fn nobody_else_since(contact: &Contact, mark: &Mark) -> bool {
    let mut since = since_mark(contact, mark);
    !contact.history.is_empty() && since.all(|change| change.owner.as_ref() == Some(&mark.assistant))
}

/// What happened to the owner after the assignment of the mark, newest first.
fn since_mark<'a>(contact: &'a Contact, mark: &Mark) -> impl Iterator<Item = &'a OwnerChange> {
    let begin = mark.assigned_at;
    contact.history.iter().take_while(move |change| to_the_millisecond(change.at) > begin)
}

fn still_theirs(contact: &Contact, mark: &Mark, team: &Team) -> Decision {
    match team.assistants.get(&mark.assistant) {
        // Also for an assistant nobody here knows (any more): its lead goes on in TEC, and is carried to its end.
        Some(Standing::Working) | None => Decision { stop: None, then: Then::InWork },
        Some(Standing::Leaving) => {
            let to = hand_back(contact, Some(mark), team);
            Decision { stop: stop(mark, StopReason::AssistantDeleted), then: Then::GiveBack(closed(mark), to) }
        }
        Some(Standing::Waiting) => Decision { stop: None, then: Then::Wait },
    }
}

/// A contact that was in work and is not any more, or not by that assignment.
fn taken(contact: &Contact, mark: &Mark, team: &Team) -> Decision {
    let moved = mark.contact != contact.id;
    let why = if moved { StopReason::ContactGone } else { StopReason::TakenBack };
    let then = match &contact.owner {
        Some(owner) if team.assistants.contains_key(owner) => {
            assigned(contact, owner, team, !moved && from_hand_to_hand(contact, mark, team))
        }
        _ => Then::Close(Mark { contact: contact.id.clone(), ..closed(mark) }),
    };
    Decision { stop: stop(mark, why), then }
}

/// Straight from one assistant to another, perhaps by way of a third: a person's choice, and no accident (R9 before R8).
fn from_hand_to_hand(contact: &Contact, mark: &Mark, team: &Team) -> bool {
    let is_assistant = |change: &OwnerChange| change.owner.as_ref().is_some_and(|o| team.assistants.contains_key(o));
    let mut before = contact.assignment().before.iter();
    let newer = |change: &OwnerChange| to_the_millisecond(change.at) > mark.assigned_at && is_assistant(change);
    let begin = before.find(|change| !newer(change));
    begin.and_then(|change| change.owner.as_ref()) == Some(&mark.assistant)
}

/// A contact that is not in work.
fn candidate(contact: &Contact, team: &Team) -> Then {
    match &contact.owner {
        // After a step back to this version: it may well be in work.
        Some(owner) if contact.mark == MarkSeen::Newer && team.assistants.contains_key(owner) => Then::Wait,
        Some(owner) if team.assistants.contains_key(owner) => assigned(contact, owner, team, false),
        _ => Then::Nothing,
    }
}

/// An assistant owns the contact and has not begun.
fn assigned(contact: &Contact, assistant: &OwnerId, team: &Team, on_purpose: bool) -> Then {
    let mark = contact.mark.mark();
    match team.assistants.get(assistant) {
        Some(Standing::Working) => {}
        Some(Standing::Leaving) => {
            let assigned = assignment(contact, assistant, team);
            let closing = refused_mark(contact, &assigned);
            return Then::GiveBack(closing, hand_back(contact, mark, team));
        }
        Some(Standing::Waiting) | None => return Then::Wait,
    }
    let assigned = assignment(contact, assistant, team);
    let refuse = |why| Then::Refuse(assigned.clone(), why, hand_back(contact, mark, team));
    if contact.connection_status.is_some() && !on_purpose {
        refuse(Refusal::WorkedBefore)
    } else if contact.has_email {
        Then::Accept(assigned)
    } else {
        refuse(Refusal::NoEmail)
    }
}

fn assignment(contact: &Contact, assistant: &OwnerId, team: &Team) -> Assigned {
    let assignment = contact.assignment();
    Assigned {
        assistant: assistant.clone(),
        at: assignment.at,
        previous: last_person(assignment.before, team).cloned(),
    }
}

/// Who gets a contact back (R7).
pub fn hand_back(contact: &Contact, mark: Option<&Mark>, team: &Team) -> HandBack {
    // The history may be cut short: how much HubSpot keeps is not known (API.md §14.8).
    let remembered = mark.and_then(|mark| mark.previous.as_ref()).filter(|owner| is_person(owner, team));
    match (last_person(contact.assignment().before, team).or(remembered), &team.fallback) {
        (Some(owner), _) => HandBack::Previous(owner.clone()),
        (None, Some(owner)) if is_person(owner, team) => HandBack::Fallback(owner.clone()),
        (None, _) => HandBack::Nobody,
    }
}

/// The owner somebody had chosen between our look and our hand-back, which wrote over it: HubSpot has no way to write only
/// if nothing changed (API.md §7).
pub fn overruled(now: &Contact, given: Option<&OwnerId>, assistant: &OwnerId) -> Option<Choice> {
    if now.owner.as_ref() != given {
        // Changed again since: that is the choice to keep.
        return None;
    }
    let mut since = now.assignment().before.iter().take_while(|change| change.owner.as_ref() != Some(assistant));
    let choice = since.next()?;
    // When we look late, ours may have come first, and somebody who moved the contact on may have given it back since.
    let first = since.last().unwrap_or(choice);
    (first.owner.as_ref() != given).then(|| Choice(choice.owner.clone()))
}

fn last_person<'a>(before: &'a [OwnerChange], team: &Team) -> Option<&'a OwnerId> {
    before.iter().filter_map(|change| change.owner.as_ref()).find(|owner| is_person(owner, team))
}

fn is_person(owner: &OwnerId, team: &Team) -> bool {
    team.active.contains(owner) && !team.assistants.contains_key(owner)
}

fn stop(mark: &Mark, why: StopReason) -> Option<Stop> {
    mark.lead.clone().map(|lead| Stop { lead, why })
}

fn closed(mark: &Mark) -> Mark {
    Mark { phase: Phase::Done, ..mark.clone() }
}

/// The mark of an accepted contact.
pub fn accepted_mark(contact: &ContactId, assigned: &Assigned, lead: LeadId) -> Mark {
    let Assigned { assistant, at, previous } = assigned.clone();
    Mark {
        contact: contact.clone(),
        lead: Some(lead),
        assistant,
        previous,
        assigned_at: at,
        phase: Phase::Working,
        seq: 0,
    }
}

/// The mark of a refused contact; it remembers the lead it was once.
pub fn refused_mark(contact: &Contact, assigned: &Assigned) -> Mark {
    let Assigned { assistant, at, previous } = assigned.clone();
    let (lead, seq) = match &contact.mark {
        MarkSeen::Mark(mark) => (mark.lead.clone(), mark.seq),
        MarkSeen::None | MarkSeen::Newer | MarkSeen::Unreadable => (None, 0),
    };
    Mark { contact: contact.id.clone(), lead, assistant, previous, assigned_at: at, phase: Phase::Refused, seq }
}

#[cfg(test)]
mod tests;
