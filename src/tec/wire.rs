//! What the bytes look like: the bodies of `openapi.yaml`, and what of TEC's text is fit to be kept.
//!
//! Lists of items are kept as JSON values first: one item that cannot be read must not spoil the others.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, value::RawValue};

use super::leads::StopReason;

#[derive(Deserialize)]
pub(super) struct ErrorBody {
    pub code: String,
}

/// A code as the contract writes them; `None` if it is none. Everything else TEC says about an error is not kept.
pub(super) fn code(text: &str) -> Option<String> {
    let sound = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let begins = text.starts_with(|c: char| c.is_ascii_uppercase());
    (begins && text.len() <= 64 && text.chars().all(sound)).then(|| text.to_owned())
}

/// Whether the text is an id or a name as the contract writes them: fit for logs.
pub(super) fn is_word(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "._:-".contains(c))
}

/// `null` is the type's default.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Deserialize)]
pub(super) struct AssistantPage {
    pub assistants: Vec<Assistant>,
    pub next: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Assistant {
    pub id: String,
    pub email: String,
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    pub onboarded: bool,
    pub default_context: Option<String>,
    pub default_schedule: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct SchedulePage {
    pub schedules: Vec<Schedule>,
    pub next: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Schedule {
    pub id: String,
    pub name: String,
    pub active: bool,
}

#[derive(Serialize)]
pub(super) struct Leads<T> {
    pub leads: Vec<T>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewLead<'a> {
    pub idempotency_key: &'a str,
    pub assistant_email: &'a str,
    pub contact: Contact<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Contact<'a> {
    pub crm_id: &'a str,
    pub email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StopLead {
    pub lead_id: String,
    pub reason: StopReason,
}

#[derive(Deserialize)]
pub(super) struct Results {
    pub results: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreatedLead {
    pub idempotency_key: String,
    pub lead_id: Option<String>,
    pub state: Option<String>,
    pub error: Option<ErrorBody>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoppedLead {
    pub lead_id: String,
    #[serde(default, deserialize_with = "or_default")]
    pub stopped: bool,
    pub error: Option<ErrorBody>,
}

#[derive(Deserialize)]
pub(super) struct EventPage {
    pub cursor: String,
    /// Each is read alone: half a character in one mail must not spoil the page.
    pub events: Vec<Box<RawValue>>,
}

/// Which event it is, if it says so.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventName {
    pub lead_id: Option<Value>,
    pub seq: Option<Value>,
}

/// What every event has.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventHead {
    pub seq: u64,
    pub lead_id: String,
    pub crm_id: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub occurred_at: Timestamp,
    #[serde(default, deserialize_with = "or_default")]
    pub done: bool,
}

#[derive(Deserialize)]
pub(super) struct StateChanged {
    pub state: String,
}

#[derive(Deserialize)]
pub(super) struct EmailEvent {
    pub email: EmailMessage,
}

#[derive(Deserialize)]
pub(super) struct EmailMessage {
    #[serde(default, deserialize_with = "or_default")]
    pub subject: String,
    pub text: Option<String>,
    pub html: Option<String>,
    pub from: Address,
    #[serde(default, deserialize_with = "or_default")]
    pub to: Vec<Address>,
    #[serde(default, deserialize_with = "or_default")]
    pub cc: Vec<Address>,
    #[serde(default, deserialize_with = "or_default")]
    pub bcc: Vec<Address>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Address {
    pub email: String,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct TaskEvent {
    pub task: Task,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Task {
    pub subject: String,
    pub body: Option<String>,
    pub due_at: Timestamp,
    pub priority: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
}
