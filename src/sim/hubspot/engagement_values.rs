//! Properties of notes, e-mails and tasks, and the rules their values obey (API.md §9). Reads the portal only to know owners.
//!
//! Choices where HubSpot is silent: an unknown or read-only property is refused in every write; headers that are no JSON of
//! the documented shape are refused.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    answer::ApiError,
    contact_check::{BadValue, parse_instant},
    objects::Kind,
    portal::{ByName, Portal},
};

const TEXT_LIMIT: usize = 65_536;

/// Always in an answer, asked for or not.
pub(super) const ALWAYS: [&str; 3] = ["hs_createdate", "hs_lastmodifieddate", "hs_object_id"];

/// What values a property takes.
#[derive(Clone, Copy)]
enum Form {
    Text,
    Options(&'static [&'static str]),
    Owner,
    Instant,
    Headers,
    ReadOnly,
}

const COMMON: [(&str, Form); 6] = [
    ("hs_attachment_ids", Form::Text),
    ("hs_createdate", Form::ReadOnly),
    ("hs_lastmodifieddate", Form::ReadOnly),
    ("hs_object_id", Form::ReadOnly),
    ("hs_timestamp", Form::Instant),
    ("hubspot_owner_id", Form::Owner),
];

const NOTE: [(&str, Form); 1] = [("hs_note_body", Form::Text)];

const EMAIL: [(&str, Form); 18] = [
    ("hs_email_bcc_email", Form::ReadOnly),
    ("hs_email_bcc_firstname", Form::ReadOnly),
    ("hs_email_bcc_lastname", Form::ReadOnly),
    ("hs_email_cc_email", Form::ReadOnly),
    ("hs_email_cc_firstname", Form::ReadOnly),
    ("hs_email_cc_lastname", Form::ReadOnly),
    ("hs_email_direction", Form::Options(&["EMAIL", "INCOMING_EMAIL", "FORWARDED_EMAIL"])),
    ("hs_email_from_email", Form::ReadOnly),
    ("hs_email_from_firstname", Form::ReadOnly),
    ("hs_email_from_lastname", Form::ReadOnly),
    ("hs_email_headers", Form::Headers),
    ("hs_email_html", Form::Text),
    ("hs_email_status", Form::Options(&["BOUNCED", "FAILED", "SCHEDULED", "SENDING", "SENT"])),
    ("hs_email_subject", Form::Text),
    ("hs_email_text", Form::Text),
    ("hs_email_to_email", Form::ReadOnly),
    ("hs_email_to_firstname", Form::ReadOnly),
    ("hs_email_to_lastname", Form::ReadOnly),
];

const TASK: [(&str, Form); 6] = [
    ("hs_task_body", Form::Text),
    ("hs_task_priority", Form::Options(&["LOW", "MEDIUM", "HIGH"])),
    ("hs_task_reminders", Form::Text),
    ("hs_task_status", Form::Options(&["COMPLETED", "NOT_STARTED", "IN_PROGRESS", "WAITING", "DEFERRED"])),
    ("hs_task_subject", Form::Text),
    ("hs_task_type", Form::Options(&["EMAIL", "CALL", "TODO"])),
];

fn form(kind: Kind, name: &str) -> Option<Form> {
    let own: &[(&str, Form)] = match kind {
        Kind::Note => &NOTE,
        Kind::Email => &EMAIL,
        Kind::Task => &TASK,
    };
    COMMON.iter().chain(own).find(|(known, _)| *known == name).map(|(_, form)| *form)
}

pub(super) fn is_property(kind: Kind, name: &str) -> bool {
    form(kind, name).is_some()
}

/// Property values as the texts HubSpot keeps; null clears.
pub(super) fn texts(properties: Map<String, Value>) -> Result<ByName<String>, ApiError> {
    let text = |(name, value)| match value {
        Value::String(text) => Ok((name, text)),
        Value::Number(number) => Ok((name, number.to_string())),
        Value::Bool(flag) => Ok((name, flag.to_string())),
        Value::Null => Ok((name, String::new())),
        Value::Array(_) | Value::Object(_) => {
            Err(ApiError::new(400, format!("Invalid input JSON on line 1, column 1: {name} must be a text")))
        }
    };
    properties.into_iter().map(text).collect()
}

/// Epoch milliseconds or ISO 8601, to the millisecond.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    Timestamp::from_millisecond(parse_instant(text.trim())?.as_millisecond()).ok()
}

impl Portal {
    /// All bad values are told in one 400 (API.md §8.2).
    pub(super) fn check_engagement_values(&self, kind: Kind, values: &ByName<String>) -> Result<(), ApiError> {
        let bad = values.iter().filter_map(|(name, value)| self.bad_value(kind, name, value));
        self.refuse_values(&bad.collect::<Vec<_>>())
    }

    fn bad_value(&self, kind: Kind, name: &str, value: &str) -> Option<BadValue> {
        let bad = |code, message: String| Some(BadValue { name: name.to_owned(), code, message });
        let Some(form) = form(kind, name) else {
            return bad("PROPERTY_DOESNT_EXIST", format!("Property \"{name}\" does not exist"));
        };
        match form {
            Form::ReadOnly => {
                bad("READ_ONLY_VALUE", format!("\"{name}\" is a read only property; its value cannot be set."))
            }
            Form::Instant if value.is_empty() => bad("REQUIRED_PROPERTY", format!("Property \"{name}\" is required")),
            _ if value.is_empty() => None,
            Form::Instant if moment(value).is_none() => bad("INVALID_LONG", format!("{value} was not a valid long.")),
            Form::Options(allowed) if !allowed.contains(&value) => {
                let allowed = allowed.join(", ");
                bad("INVALID_OPTION", format!("{value} was not one of the allowed options: [{allowed}]"))
            }
            Form::Owner if !self.is_owner_id(value) => {
                bad("INVALID_OWNER_ID", format!("{value} was not a valid owner ID"))
            }
            _ if value.chars().count() > TEXT_LIMIT => {
                bad("INVALID_LENGTH", format!("The value is longer than {TEXT_LIMIT} characters"))
            }
            Form::Headers if parse_headers(value).is_none() => {
                bad("INVALID_JSON", "The e-mail headers are not JSON of the expected shape".to_owned())
            }
            Form::Instant | Form::Options(_) | Form::Owner | Form::Headers | Form::Text => None,
        }
    }
}

/// `hs_email_headers`, as documented.
#[derive(Deserialize)]
struct Headers {
    from: Option<Person>,
    #[serde(default)]
    to: Vec<Person>,
    #[serde(default)]
    cc: Vec<Person>,
    #[serde(default)]
    bcc: Vec<Person>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Person {
    email: String,
    first_name: Option<String>,
    last_name: Option<String>,
}

fn parse_headers(text: &str) -> Option<Headers> {
    serde_json::from_str(text).ok()
}

/// The read-only properties that follow from the headers; several people are joined by `;`.
pub(super) fn from_headers(text: &str) -> ByName<String> {
    let Some(Headers { from, to, cc, bcc }) = parse_headers(text) else { return ByName::new() };
    let mut values = ByName::new();
    let from: Vec<Person> = from.into_iter().collect();
    for (end, people) in [("from", from), ("to", to), ("cc", cc), ("bcc", bcc)] {
        let mut put = |field: &str, texts: Vec<&str>| {
            if !texts.is_empty() {
                values.insert(format!("hs_email_{end}_{field}"), texts.join(";"));
            }
        };
        put("email", people.iter().map(|person| person.email.as_str()).collect());
        put("firstname", people.iter().filter_map(|person| person.first_name.as_deref()).collect());
        put("lastname", people.iter().filter_map(|person| person.last_name.as_deref()).collect());
    }
    values
}
