//! The feed of what happened to leads: long polls, read with tolerance. One event that cannot be read, or is of a kind we
//! do not know, never stops the feed.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    Tec,
    call::Call,
    error::{Operation, Result},
    wire,
};
use crate::domain::{ContactId, LeadId};

/// Most events per page.
pub const MAX_EVENTS: u32 = 200;
/// Longest wait of one poll: well below the transport's own end of patience.
pub const MAX_WAIT: Duration = Duration::from_secs(20);
/// Longest cursor of the contract.
const MAX_CURSOR: usize = 512;

/// A place in the feed; opaque, safe to keep and to show.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(String);

impl Cursor {
    /// A cursor kept from an earlier [`EventPage`].
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The cursor as TEC wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Some events, oldest first, and where to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPage {
    /// What to read after next; equal to the one given when nothing happened.
    pub cursor: Cursor,
    /// What happened. Delivery is at least once: compare [`Event::seq`].
    pub events: Vec<Event>,
    /// Events that could not be read, and are not among `events`.
    pub skipped: usize,
}

/// Something that happened to a lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Grows with every event of the lead; from 1, gaps allowed.
    pub seq: u64,
    /// The lead.
    pub lead: LeadId,
    /// Its contact.
    pub contact: ContactId,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// The lead is finished.
    pub done: bool,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The lead has another state.
    StateChanged {
        /// One of the twelve, or one we do not know.
        state: String,
    },
    /// The assistant wrote.
    EmailSent(EmailMessage),
    /// The contact wrote.
    EmailReceived(EmailMessage),
    /// The assistant wants a person to do something.
    TaskCreated(Task),
    /// Something later versions of TEC say.
    Unknown {
        /// Its type, or `?` if that is no plain word.
        kind: String,
    },
}

/// An e-mail. `Debug` shows none of it.
#[derive(Clone, PartialEq, Eq)]
pub struct EmailMessage {
    /// May be empty.
    pub subject: String,
    /// As plain text.
    pub text: Option<String>,
    /// As HTML.
    pub html: Option<String>,
    /// The sender.
    pub from: Address,
    /// Recipients.
    pub to: Vec<Address>,
    /// Recipients of a copy.
    pub cc: Vec<Address>,
    /// Hidden recipients of a copy.
    pub bcc: Vec<Address>,
}

/// A person of an e-mail. `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// As in the e-mail's header.
    pub email: String,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
}

/// A task for a person. `Debug` does not show its words.
#[derive(Clone, PartialEq, Eq)]
pub struct Task {
    /// What to do.
    pub subject: String,
    /// In more words.
    pub body: Option<String>,
    /// When.
    pub due_at: Timestamp,
    /// `LOW`, `MEDIUM` or `HIGH`; another word counts as none.
    pub priority: Option<String>,
    /// `EMAIL`, `CALL` or `TODO`; another word counts as none.
    pub task_type: Option<String>,
}

impl fmt::Debug for EmailMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let recipients = self.to.len() + self.cc.len() + self.bcc.len();
        f.debug_struct("EmailMessage").field("recipients", &recipients).finish_non_exhaustive()
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(<redacted>)")
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("due_at", &self.due_at)
            .field("priority", &self.priority)
            .field("task_type", &self.task_type)
            .finish_non_exhaustive()
    }
}

impl Tec {
    /// What happened after a cursor, or from the beginning of what TEC keeps. Without anything new the answer is empty and
    /// comes after `wait`, which is cut to whole seconds and to [`MAX_WAIT`]; `limit` is cut to [`MAX_EVENTS`].
    pub async fn events(&self, after: Option<&Cursor>, limit: u32, wait: Duration) -> Result<EventPage> {
        let mut call = Call::get(Operation::ReadEvents, "/v1/events")
            .query("limit", limit.clamp(1, MAX_EVENTS).to_string())
            .query("waitSeconds", wait.min(MAX_WAIT).as_secs().to_string());
        if let Some(after) = after {
            call = call.query("after", after.as_str());
        }
        let page: wire::EventPage = self.fetch(&call).await?;
        // A cursor we could not give back would end the feed: better read this page again.
        if !(1..=MAX_CURSOR).contains(&page.cursor.len()) || !page.cursor.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(call.malformed("its cursor is none"));
        }
        let read: Vec<Option<Event>> = page.events.iter().map(|event| read(event.get())).collect();
        let skipped = read.iter().filter(|event| event.is_none()).count();
        Ok(EventPage { cursor: Cursor(page.cursor), events: read.into_iter().flatten().collect(), skipped })
    }
}

/// The event, or a line in the log that says which one could not be read.
fn read(json: &str) -> Option<Event> {
    let event = readable(json);
    if event.is_none() {
        let (lead, seq) = parse(json).map(|wire::EventName { lead_id, seq }| (lead_id, seq)).unwrap_or_default();
        let lead = lead.as_ref().and_then(Value::as_str).filter(|lead| wire::is_word(lead));
        let seq = seq.as_ref().and_then(Value::as_u64);
        tracing::warn!(lead, seq, "a TEC event cannot be read and is skipped");
    }
    event
}

fn readable(json: &str) -> Option<Event> {
    let wire::EventHead { seq, lead_id, crm_id, kind, occurred_at, done } = parse(json)?;
    if seq == 0 || !wire::is_word(&lead_id) || !is_contact(&crm_id) {
        return None;
    }
    let what = match what(&kind, json) {
        Some(what) => what,
        // That the lead is done is known all the same, and must not be lost with the rest.
        None if done => What::Unknown { kind },
        None => return None,
    };
    Some(Event { seq, lead: LeadId(lead_id), contact: ContactId(crm_id), occurred_at, done, what })
}

fn what(kind: &str, json: &str) -> Option<What> {
    Some(match kind {
        "StateChanged" => What::StateChanged { state: parse::<wire::StateChanged>(json)?.state },
        "EmailSent" => What::EmailSent(email(parse::<wire::EmailEvent>(json)?.email)),
        "EmailReceived" => What::EmailReceived(email(parse::<wire::EmailEvent>(json)?.email)),
        "TaskCreated" => What::TaskCreated(task(parse::<wire::TaskEvent>(json)?.task)),
        other => What::Unknown { kind: if wire::is_word(other) { other } else { "?" }.to_owned() },
    })
}

/// HubSpot's ids are numbers: anything else would be refused, with the ids beside it.
fn is_contact(id: &str) -> bool {
    (1..=20).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit())
}

fn parse<T: DeserializeOwned>(json: &str) -> Option<T> {
    serde_json::from_str(json).ok()
}

fn email(message: wire::EmailMessage) -> EmailMessage {
    let wire::EmailMessage { subject, text, html, from, to, cc, bcc } = message;
    let all = |list: Vec<wire::Address>| list.into_iter().map(address).collect();
    EmailMessage { subject, text, html, from: address(from), to: all(to), cc: all(cc), bcc: all(bcc) }
}

fn address(address: wire::Address) -> Address {
    let wire::Address { email, first_name, last_name } = address;
    Address { email, first_name, last_name }
}

fn task(task: wire::Task) -> Task {
    let wire::Task { subject, body, due_at, priority, kind } = task;
    let known = |word: Option<String>, words: [&str; 3]| word.filter(|word| words.contains(&word.as_str()));
    Task {
        subject,
        body,
        due_at,
        priority: known(priority, ["LOW", "MEDIUM", "HIGH"]),
        task_type: known(kind, ["EMAIL", "CALL", "TODO"]),
    }
}
