//! What HubSpot's errors say about records, without the values: their texts repeat what was written, which is contact
//! data. Only codes and property names are taken (API.md §8.2, §9).

use serde_json::{Map, Value};

use super::{clean, token::AccessToken};

const MAX_COMPLAINTS: usize = 16;
const MAX_NAME: usize = 100;

/// Before a list of bad values as JSON.
const BAD_VALUES: &str = "Property values were not valid";
/// Names the properties in the context and has no code of its own.
const REQUIRED: &str = "Some required properties were not set";
/// Texts that begin like this are shown so far, where no code says it better.
const KNOWN: [&str; 10] = [
    BAD_VALUES,
    "One or more associations are invalid",
    "invalid from object type",
    "Duplicate IDs found in batch input",
    "The maximum number of inputs supported in a batch",
    "Contact already exists",
    "Could not get some CONTACT objects",
    "Object not found",
    "Invalid input JSON",
    "There was a problem with the request",
];

/// What an error says.
#[derive(Debug, Default)]
pub(super) struct ItemError {
    pub category: Option<String>,
    pub sub_category: Option<String>,
    /// Only where HubSpot gives a number.
    status: Option<u64>,
    complaints: Vec<Complaint>,
    known: Option<&'static str>,
}

/// A code, and the property it is about.
#[derive(Debug, PartialEq, Eq)]
struct Complaint {
    code: String,
    property: Option<String>,
}

/// Reads an item of `errors`, or the body of a whole refusal: they have the same fields.
pub(super) fn read(error: &Map<String, Value>, token: &AccessToken) -> ItemError {
    let message = error.get("message").and_then(Value::as_str).unwrap_or_default();
    let mut found = ItemError {
        category: code(error.get("category"), token),
        sub_category: sub_category(error.get("subCategory"), token),
        status: error.get("status").and_then(number),
        complaints: Vec::new(),
        known: KNOWN.into_iter().find(|known| message.starts_with(known)),
    };
    for detail in error.get("errors").and_then(Value::as_array).into_iter().flatten() {
        let names = texts(detail.pointer("/context/propertyName"));
        let name = names.first().and_then(|name| property(name));
        found.complain(code(detail.get("code"), token), name.clone());
        found.complain(sub_category(detail.get("subCategory"), token), name);
    }
    let bad_values = message.strip_prefix(BAD_VALUES).map(|rest| rest.trim_start_matches([':', ' ']));
    for bad in bad_values.and_then(|json| serde_json::from_str::<Vec<Value>>(json).ok()).into_iter().flatten() {
        let name = bad.get("name").and_then(Value::as_str).and_then(property);
        found.complain(code(bad.get("error"), token), name);
    }
    if message.contains(REQUIRED) {
        found.complain(Some("REQUIRED_PROPERTY".to_owned()), None);
        for name in texts(error.get("context").and_then(|context| context.get("properties"))) {
            found.complain(Some("REQUIRED_PROPERTY".to_owned()), property(&name));
        }
    }
    // Some codes are keys: `INVALID_OBJECT_IDS`.
    for key in error.get("context").and_then(Value::as_object).into_iter().flat_map(Map::keys) {
        found.complain(Some(key.clone()).filter(|key| is_code(key)), None);
    }
    found
}

impl ItemError {
    /// The record, or what should be read with it, is not there.
    pub(super) fn is_missing(&self) -> bool {
        self.category.as_deref() == Some("OBJECT_NOT_FOUND")
    }

    /// Not about the record: HubSpot could not, just now.
    pub(super) fn is_trouble(&self) -> bool {
        let category = self.category.as_deref().unwrap_or_default();
        self.status.is_some_and(|status| matches!(status, 408 | 423 | 429 | 500..))
            || ["INTERNAL", "RATE_LIMIT", "TIMEOUT", "UNAVAILABLE"].iter().any(|word| category.contains(word))
    }

    /// Every code once.
    pub(super) fn codes(&self) -> impl Iterator<Item = &str> {
        let mut codes: Vec<&str> = self.complaints.iter().map(|complaint| complaint.code.as_str()).collect();
        codes.sort_unstable();
        codes.dedup();
        codes.into_iter()
    }

    /// e.g. `INVALID_OPTION on hs_lead_status`.
    pub(super) fn summary(&self) -> Option<String> {
        let shown = |complaint: &Complaint| match &complaint.property {
            Some(property) => format!("{} on {property}", complaint.code),
            None => complaint.code.clone(),
        };
        let complaints: Vec<_> = self.complaints.iter().map(shown).collect();
        if complaints.is_empty() { self.known.map(str::to_owned) } else { Some(complaints.join(", ")) }
    }

    /// The same code is told in several places, and not in all of them with the property.
    fn complain(&mut self, code: Option<String>, property: Option<String>) {
        let Some(code) = code else { return };
        let known = |told: &Complaint| told.code == code && (property.is_none() || told.property == property);
        if self.complaints.len() < MAX_COMPLAINTS && !self.complaints.iter().any(known) {
            self.complaints.retain(|told| told.code != code || told.property.is_some());
            self.complaints.push(Complaint { code, property });
        }
    }
}

/// The texts of a context entry, which is a list, or one text.
pub(super) fn texts(value: Option<&Value>) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    match value {
        Some(Value::Array(values)) => values.iter().filter_map(text).collect(),
        Some(value) => text(value).into_iter().collect(),
        None => Vec::new(),
    }
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn code(value: Option<&Value>, token: &AccessToken) -> Option<String> {
    clean::word(value?.as_str()?, token).filter(|word| is_code(word))
}

/// Codes are in capitals.
fn is_code(word: &str) -> bool {
    let sound = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    word.starts_with(|c: char| c.is_ascii_uppercase()) && word.chars().all(sound)
}

/// e.g. `crm.associations.NO_ASSOCIATIONS_FOUND`: ends in a code.
fn sub_category(value: Option<&Value>, token: &AccessToken) -> Option<String> {
    let word = match value? {
        Value::Object(object) => object.values().find_map(Value::as_str)?,
        value => value.as_str()?,
    };
    let word = clean::word(word, token)?;
    is_code(word.rsplit('.').next().unwrap_or_default()).then_some(word)
}

/// An internal name.
fn property(name: &str) -> Option<String> {
    let sound = |c: char| c.is_ascii_alphanumeric() || c == '_';
    ((1..=MAX_NAME).contains(&name.len()) && name.chars().all(sound)).then(|| name.to_owned())
}
