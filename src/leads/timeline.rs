//! What goes on a contact's timeline, as HubSpot wants it (API.md §9), and the natural key by which it is recognised there.
//! Pure. Holds subjects and bodies on their way from TEC to HubSpot; nothing here can print them.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    contact::to_the_millisecond,
    text::{bounded, fingerprint},
};
use crate::{
    domain::{ContactId, OwnerId},
    hubspot::{EngagementKind, EngagementRecord, NewEngagement},
    tec::{Address, EmailMessage, Event, Task, What},
};

/// Most people shown of each kind: the headers are one text, and a text has its limit (API.md §7).
const PEOPLE: usize = 50;

/// One thing to be logged.
#[derive(Clone)]
pub struct Entry {
    /// Note, e-mail or task.
    pub kind: EngagementKind,
    /// By which it is recognised on the contact.
    pub key: Key,
    /// As HubSpot takes it.
    pub new: NewEngagement,
}

/// Recognises an engagement of a contact: HubSpot has no idempotency key (API.md §8.2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    at_ms: i64,
    text: [u8; 32],
}

/// Which way a mail went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Outgoing,
    Incoming,
}

/// A note by an assistant.
pub fn note(contact: &ContactId, at: Timestamp, html: &str, author: &OwnerId) -> Entry {
    let body = bounded(html);
    let properties = [("hs_note_body", body.clone())];
    entry(EngagementKind::Note, (contact, at), ("", &body), properties, Some(author))
}

/// What an event puts on the timeline, if anything. `author` is the assistant, if it is known.
pub fn of_event(event: &Event, author: Option<&OwnerId>) -> Option<Entry> {
    match &event.what {
        What::EmailSent(message) => Some(email(event, message, Direction::Outgoing, author)),
        What::EmailReceived(message) => Some(email(event, message, Direction::Incoming, author)),
        What::TaskCreated(new) => Some(task(event, new, author)),
        What::StateChanged { .. } | What::Unknown { .. } => None,
    }
}

fn email(event: &Event, message: &EmailMessage, direction: Direction, author: Option<&OwnerId>) -> Entry {
    let EmailMessage { subject, text, html, from, to, cc, bcc } = message;
    let all = |addresses: &[Address]| addresses.iter().take(PEOPLE).map(address).collect::<Vec<_>>();
    let headers = json!({"from": address(from), "to": all(to), "cc": all(cc), "bcc": all(bcc)});
    let direction = match direction {
        Direction::Outgoing => "EMAIL",
        Direction::Incoming => "INCOMING_EMAIL",
    };
    let (subject, text, html) = (bounded(subject), text.as_deref().map(bounded), html.as_deref().map(bounded));
    let body = text.clone().or_else(|| html.clone()).unwrap_or_default();
    let mut properties = vec![
        ("hs_email_direction", direction.to_owned()),
        ("hs_email_status", "SENT".to_owned()),
        ("hs_email_subject", subject.clone()),
        ("hs_email_headers", headers.to_string()),
    ];
    properties.extend(text.map(|text| ("hs_email_text", text)));
    properties.extend(html.map(|html| ("hs_email_html", html)));
    entry(EngagementKind::Email, (&event.contact, event.occurred_at), (&subject, &body), properties, author)
}

/// Names that are not known are left out: whether HubSpot takes a null there is not known.
fn address(Address { email, first_name, last_name }: &Address) -> Value {
    let mut address = json!({ "email": email });
    for (key, name) in [("firstName", first_name), ("lastName", last_name)] {
        if let Some(name) = name {
            address[key] = Value::from(name.as_str());
        }
    }
    address
}

/// A task's time is its due date (API.md §9).
fn task(event: &Event, new: &Task, author: Option<&OwnerId>) -> Entry {
    let Task { subject, body, due_at, priority, task_type } = new;
    let (subject, body) = (bounded(subject), bounded(body.as_deref().unwrap_or_default()));
    let one_of = |value: &Option<String>, known: &[&str], otherwise: &str| {
        value.as_deref().filter(|value| known.contains(value)).unwrap_or(otherwise).to_owned()
    };
    let properties = [
        ("hs_task_subject", subject.clone()),
        ("hs_task_body", body.clone()),
        ("hs_task_status", "NOT_STARTED".to_owned()),
        ("hs_task_priority", one_of(priority, &["LOW", "MEDIUM", "HIGH"], "MEDIUM")),
        ("hs_task_type", one_of(task_type, &["EMAIL", "CALL", "TODO"], "TODO")),
    ];
    entry(EngagementKind::Task, (&event.contact, *due_at), (&subject, &body), properties, author)
}

fn entry(
    kind: EngagementKind,
    (contact, at): (&ContactId, Timestamp),
    (subject, body): (&str, &str),
    properties: impl IntoIterator<Item = (&'static str, String)>,
    author: Option<&OwnerId>,
) -> Entry {
    let at = to_the_millisecond(at);
    let mut all: BTreeMap<String, String> =
        properties.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    all.insert("hs_timestamp".to_owned(), at.to_string());
    if let Some(author) = author {
        all.insert("hubspot_owner_id".to_owned(), author.to_string());
    }
    let key = Key { at_ms: at.as_millisecond(), text: fingerprint(subject, body) };
    Entry { kind, key, new: NewEngagement { contact: contact.clone(), properties: all } }
}

/// What has to be read of an engagement to know its key.
pub fn key_properties(kind: EngagementKind) -> &'static [&'static str] {
    match kind {
        EngagementKind::Note => &["hs_timestamp", "hs_note_body"],
        EngagementKind::Email => &["hs_timestamp", "hs_email_subject", "hs_email_text", "hs_email_html"],
        EngagementKind::Task => &["hs_timestamp", "hs_task_subject", "hs_task_body"],
    }
}

/// The key of what is there.
pub fn key_of(kind: EngagementKind, record: &EngagementRecord) -> Option<Key> {
    let value = |name| record.value(name).unwrap_or_default();
    let (subject, body) = match kind {
        EngagementKind::Note => ("", value("hs_note_body")),
        EngagementKind::Email => {
            let text = value("hs_email_text");
            (value("hs_email_subject"), if text.is_empty() { value("hs_email_html") } else { text })
        }
        EngagementKind::Task => (value("hs_task_subject"), value("hs_task_body")),
    };
    let at_ms = record.at()?.as_millisecond();
    Some(Key { at_ms, text: fingerprint(subject, body) })
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("kind", &self.kind).field("contact", &self.new.contact).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
