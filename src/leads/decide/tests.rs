//! The rules R1 to R11 as tables: what a contact looks like, and all that is to be done about it. Builders here, one theme
//! per file.

#![allow(clippy::type_complexity, clippy::unnecessary_wraps, reason = "tables read best so")]

use jiff::Timestamp;

use super::{Assigned, Decision, HandBack, Refusal, Standing, Stop, StopReason, Team, Then, decide};
use crate::{
    domain::{ContactId, LeadId, OwnerId},
    leads::{
        contact::{Contact, OwnerChange},
        mark::{Mark, MarkSeen, Phase},
    },
};

mod accepting;
mod always;
mod going_back;
mod in_work;
mod moving;

/// The contact, and one that was merged into it.
const ID: &str = "201";
const OTHER_ID: &str = "202";

/// Two assistants; one on hold; one that is being deleted; one that nobody knows any more.
const A: &str = "71";
const B: &str = "72";
const WAITING: &str = "73";
const LEAVING: &str = "74";
const UNKNOWN: &str = "79";
/// People; who left; who gets what nobody else can get.
const P: &str = "11";
const Q: &str = "12";
const GONE: &str = "19";
const FALLBACK: &str = "15";
/// No owner.
const NOBODY: &str = "";

const LEAD: &str = "lead-1";

fn team() -> Team {
    let standing =
        [(A, Standing::Working), (B, Standing::Working), (WAITING, Standing::Waiting), (LEAVING, Standing::Leaving)];
    Team {
        assistants: standing.map(|(id, standing)| (owner(id), standing)).into(),
        active: [A, B, WAITING, LEAVING, UNKNOWN, P, Q, FALLBACK].map(owner).into(),
        fallback: Some(owner(FALLBACK)),
    }
}

fn owner(id: &str) -> OwnerId {
    OwnerId(id.to_owned())
}

fn some_owner(id: &str) -> Option<OwnerId> {
    (id != NOBODY).then(|| owner(id))
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A contact with an e-mail address that nobody has worked on. Owners are newest first, with the second they came at.
fn owned(owners: &[(&str, i64)]) -> Contact {
    let change = |(id, second): &(&str, i64)| OwnerChange { owner: some_owner(id), at: at(*second) };
    let history: Vec<OwnerChange> = owners.iter().map(change).collect();
    Contact {
        id: ContactId(ID.to_owned()),
        owner: history.first().and_then(|change| change.owner.clone()),
        owner_assigned_at: history.first().map(|change| change.at),
        history,
        has_email: true,
        connection_status: None,
        mark: MarkSeen::None,
    }
}

fn status(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// The mark of an assignment that is a lead.
fn working(assistant: &str, second: i64, previous: &str) -> Mark {
    Mark {
        contact: ContactId(ID.to_owned()),
        lead: Some(LeadId(LEAD.to_owned())),
        assistant: owner(assistant),
        previous: some_owner(previous),
        assigned_at: at(second),
        phase: Phase::Working,
        seq: 7,
    }
}

fn done(mark: Mark) -> Mark {
    Mark { phase: Phase::Done, ..mark }
}

/// A contact in work by `assistant` since `second`, whatever happened then.
fn in_work(owners: &[(&str, i64)], assistant: &str, second: i64) -> Contact {
    Contact { connection_status: status("Warm"), mark: MarkSeen::Mark(working(assistant, second, P)), ..owned(owners) }
}

fn assigned(assistant: &str, second: i64, previous: &str) -> Assigned {
    Assigned { assistant: owner(assistant), at: at(second), previous: some_owner(previous) }
}

fn accept(assistant: &str, second: i64, previous: &str) -> Then {
    Then::Accept(assigned(assistant, second, previous))
}

fn refuse((assistant, second, previous): (&str, i64, &str), why: Refusal, to: HandBack) -> Then {
    Then::Refuse(assigned(assistant, second, previous), why, to)
}

fn to_previous(id: &str) -> HandBack {
    HandBack::Previous(owner(id))
}

fn to_fallback() -> HandBack {
    HandBack::Fallback(owner(FALLBACK))
}

/// Nothing to stop.
fn only(then: Then) -> Decision {
    Decision { stop: None, then }
}

fn stop(why: StopReason, then: Then) -> Decision {
    Decision { stop: Some(Stop { lead: LeadId(LEAD.to_owned()), why }), then }
}

/// Rows of one theme: what it is, what the contact looks like, what is to be done.
fn check(team: &Team, rows: impl IntoIterator<Item = (&'static str, Contact, Decision)>) {
    for (what, contact, expected) in rows {
        assert_eq!(decide(&contact, team), expected, "{what}: {contact:?}");
    }
}
