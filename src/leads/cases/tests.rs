//! What is written for each decision, in full; and what was found by playing with the rules in motion.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{
    domain::{Email, LeadState, PortalId},
    hubspot::{EngagementKind, Version},
    leads::{
        decide::{Standing, StopReason, decide},
        events::follow,
        mapping::Mapping,
        setup::{Fields, Member, Mode, NoteTexts},
    },
    tec::{Address, EmailMessage},
};

mod reading;
mod writing;

const ID: &str = "201";
const LEAD: &str = "lead-1";
const A: &str = "71";
const B: &str = "72";
const P: &str = "11";
const FALLBACK: &str = "15";

fn owner(id: &str) -> OwnerId {
    OwnerId(id.to_owned())
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn rules() -> Rules {
    let member = |(id, standing): (&str, Standing)| {
        let (email, name) = (Email::new(&format!("{id}@example.com")).unwrap(), format!("No. {id}"));
        (owner(id), Member { email, name, standing, context: None, schedule: None })
    };
    Rules {
        portal: PortalId(7),
        mode: Mode::Process,
        poll_interval: std::time::Duration::from_mins(5),
        fields: Fields {
            context: "context".to_owned(),
            schedule: "schedule".to_owned(),
            connection_status: "status".to_owned(),
            connection_status_label: "Status".to_owned(),
            state: "mark".to_owned(),
        },
        mapping: Mapping(LeadState::ALL.map(|state| (state, state.name().to_uppercase())).into()),
        notes: NoteTexts { accepted: "{assistant} works".to_owned(), refused: "Clear {field}".to_owned() },
        members: [(A, Standing::Working), (B, Standing::Leaving)].map(member).into(),
        active_owners: [A, B, P, FALLBACK].map(owner).into(),
        fallback: Some(owner(FALLBACK)),
    }
}

/// As HubSpot shows it: owners newest first, with the second they came at, and values.
fn record(owners: &[(&str, i64)], values: &[(&str, &str)]) -> ContactRecord {
    let version = |(id, second): &(&str, i64)| Version {
        value: Some((*id).to_owned()).filter(|id| !id.is_empty()),
        at: at(*second),
        source: "CRM_UI".to_owned(),
    };
    let present = owners.first().map(|(id, _)| (OWNER, *id));
    let properties = values.iter().copied().chain(present).map(|(name, value)| (name.to_owned(), value.to_owned()));
    let history = owners.iter().map(version).collect();
    ContactRecord::new(ContactId(ID.to_owned()), properties.collect(), [(OWNER.to_owned(), history)].into())
}

fn mark(assistant: &str, second: i64) -> Mark {
    Mark {
        contact: ContactId(ID.to_owned()),
        lead: Some(LeadId(LEAD.to_owned())),
        assistant: owner(assistant),
        previous: Some(owner(P)),
        assigned_at: at(second),
        phase: Phase::Working,
        seq: 7,
    }
}

fn done(mark: Mark) -> Mark {
    Mark { phase: Phase::Done, ..mark }
}

/// A contact in work since second 10.
fn in_work(mark: &Mark) -> ContactRecord {
    let value = mark.to_value().unwrap();
    let assistant = mark.assistant.as_str();
    record(&[(assistant, 10), (P, 1)], &[("email", "lead@example.com"), ("status", "Warm"), ("mark", &value)])
}

fn event((lead, seq): (&str, u64), what: What) -> Event {
    Event {
        seq,
        lead: LeadId(lead.to_owned()),
        contact: ContactId(ID.to_owned()),
        occurred_at: at(1_000 + i64::try_from(seq).unwrap()),
        done: false,
        what,
    }
}

fn says(seq: u64, state: &str) -> Event {
    event((LEAD, seq), What::StateChanged { state: state.to_owned() })
}

fn email(lead: &str, seq: u64) -> Event {
    let someone = Address { email: "someone@example.com".to_owned(), first_name: None, last_name: None };
    let message = EmailMessage {
        subject: format!("{lead} {seq}"),
        text: Some("Hello".to_owned()),
        html: None,
        from: someone.clone(),
        to: vec![someone],
        cc: Vec::new(),
        bcc: Vec::new(),
    };
    event((lead, seq), What::EmailSent(message))
}

/// A visit up to the writing.
fn visit(record: &ContactRecord, events: Vec<Event>, lead: Option<(&str, &str)>) -> Case {
    visit_by(&rules(), record, events, lead)
}

fn visit_by(rules: &Rules, record: &ContactRecord, events: Vec<Event>, lead: Option<(&str, &str)>) -> Case {
    let Read { contact, person } = Wanted::of(rules).read(record);
    let decision = decide(&contact, &rules.team());
    let mut case = Case::new(contact, person, decision, events);
    case.lead = lead.map(|(lead, state)| (LeadId(lead.to_owned()), state.to_owned()));
    case.followed = follow(case.mark_after_decision().as_ref(), &case.news());
    assert!(case.plan(rules, &rules.team()));
    case
}

/// What is written, with the mark as it is read again.
fn update(case: &Case) -> (BTreeMap<&str, &str>, MarkSeen) {
    let mut update: BTreeMap<&str, &str> =
        case.update.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mark = MarkSeen::read(update.remove("mark"));
    assert_eq!(mark.mark().cloned(), case.mark.clone().filter(|_| !case.update.is_empty()));
    (update, mark)
}

fn shown(state: &str) -> [(&'static str, String); 2] {
    [(LEAD_STATUS, state.to_uppercase()), ("status", state.to_owned())]
}

/// Second and text of each note.
fn notes(case: &Case) -> Vec<(i64, &str)> {
    let notes = case.entries.iter().filter(|entry| entry.kind == EngagementKind::Note);
    notes
        .map(|entry| {
            let value = |name: &str| entry.new.properties[name].as_str();
            (value("hs_timestamp").parse::<Timestamp>().unwrap().as_second(), value("hs_note_body"))
        })
        .collect()
}

/// Subject and author of each e-mail.
fn emails(case: &Case) -> Vec<(&str, Option<&str>)> {
    let emails = case.entries.iter().filter(|entry| entry.kind == EngagementKind::Email);
    emails
        .map(|entry| {
            let value = |name: &str| entry.new.properties.get(name).map(String::as_str);
            (value("hs_email_subject").unwrap(), value(OWNER))
        })
        .collect()
}
