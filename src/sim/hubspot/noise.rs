//! Answers that are strange and yet well-formed: what HubSpot may send any day without notice (API.md §1 "breaking change", §12
//! "open set"). Changes bodies only, and nothing the operator cannot do without; `Sparse` and `Nulls`
//! go further than HubSpot's schemas, which require some of what they take away (an option's `hidden`, a property's
//! `description`): API.md §12 tells parsers to take every field as optional. Pure.
//!
//! The names are those of HubSpot's 2026-03 schemas; where something optional carries what was written by a client (a user's
//! name, an option's description), it stays.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// What is strange about answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Noise {
    /// Nothing.
    #[default]
    None,
    /// Every object has a field nobody knows.
    ExtraFields,
    /// Lists whose order means nothing are in another one: options, roles, errors.
    Reordered,
    /// What is optional and says nothing is left out.
    Sparse,
    /// What is optional and says nothing is null.
    Nulls,
    /// Enumerations have values nobody knows.
    NewValues,
}

/// Optional in HubSpot's schemas, or required there, and of no use to a client that knows what it wrote.
const OPTIONAL: [&str; 26] = [
    "additionalCurrencies",
    "archivedAt",
    "calculated",
    "createdUserId",
    "dataSensitivity",
    "displayOrder",
    "externalOptions",
    "formField",
    "hasUniqueValue",
    "hubspotDefined",
    "link",
    "links",
    "modificationMetadata",
    "objectWriteTraceId",
    "resetsAt",
    "seatNames",
    "sendWelcomeEmail",
    "sourceId",
    "sourceLabel",
    "startedAt",
    "completedAt",
    "subCategory",
    "updatedByUserId",
    "updatedUserId",
    "url",
    "userIdIncludingInactive",
];

/// Optional too, but only without meaning when empty.
const OPTIONAL_WHEN_EMPTY: [&str; 9] =
    ["archived", "description", "errors", "firstName", "hidden", "lastName", "secondaryTeamIds", "superAdmin", "teams"];

/// Optional fields that objects may have and ours mostly have not: null instead of absent.
const ABSENT: [&str; 5] = ["archivedAt", "firstName", "paging", "primaryTeamId", "url"];

/// Objects whose keys are data: values of a record, an error's context.
const MAPS: [&str; 3] = ["properties", "propertiesWithHistory", "context"];

/// Lists without an order of their own.
const UNORDERED: [&str; 5] = ["additionalCurrencies", "errors", "options", "roleIds", "teams"];

impl Noise {
    /// Every kind, silence included.
    pub const ALL: &[Self] =
        &[Self::None, Self::ExtraFields, Self::Reordered, Self::Sparse, Self::Nulls, Self::NewValues];

    /// The body with the noise in it.
    pub(super) fn over(self, mut body: Value) -> Value {
        if self != Self::None {
            self.disturb(&mut body);
        }
        body
    }

    /// The same for the body of an error.
    pub(super) fn over_object(self, mut body: Map<String, Value>) -> Map<String, Value> {
        if self != Self::None {
            self.disturb_object(&mut body);
        }
        body
    }

    fn disturb_object(self, object: &mut Map<String, Value>) {
        // From the inside out: what is added is not disturbed in turn.
        let inner = object.iter_mut().filter(|(name, _)| !MAPS.contains(&name.as_str()));
        inner.for_each(|(_, value)| self.disturb(value));
        if let Some(Value::Object(histories)) = object.get_mut("propertiesWithHistory") {
            histories.values_mut().for_each(|versions| self.disturb(versions));
        }
        match self {
            Self::None => {}
            Self::ExtraFields => extend(object),
            Self::Reordered => reorder(object),
            Self::Sparse => object.retain(|name, value| !says_nothing(name, value)),
            Self::Nulls => annul(object),
            Self::NewValues => invent(object),
        }
    }

    fn disturb(self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.disturb(item)),
            Value::Object(object) => self.disturb_object(object),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

fn extend(object: &mut Map<String, Value>) {
    let news = json!({ "since": "2027-03", "values": [1, null, { "more": true }] });
    object.insert("hsSomethingNew".to_owned(), news);
    object.insert("Something-Else".to_owned(), Value::Null);
}

fn reorder(object: &mut Map<String, Value>) {
    for name in UNORDERED {
        if let Some(Value::Array(items)) = object.get_mut(name) {
            items.reverse();
        }
    }
}

fn says_nothing(name: &str, value: &Value) -> bool {
    let empty = match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Number(_) => false,
    };
    OPTIONAL.contains(&name) || (empty && OPTIONAL_WHEN_EMPTY.contains(&name))
}

fn annul(object: &mut Map<String, Value>) {
    for (name, value) in object.iter_mut() {
        if says_nothing(name, value) {
            *value = Value::Null;
        }
    }
    for name in ABSENT {
        object.entry(name).or_insert(Value::Null);
    }
}

/// New members of open sets; the type of a client's own field is not one.
fn invent(object: &mut Map<String, Value>) {
    let built_in = object.get("hubspotDefined") == Some(&json!(true));
    let inventions = [
        ("accountType", "QUANTUM", true),
        ("dataSensitivity", "somewhat_sensitive", true),
        ("fetchStatus", "GUESSED", true),
        ("fieldType", "hologram", built_in),
        ("sourceType", "TELEPATHY", true),
        ("type", "HIVE", object.get("type") == Some(&json!("PERSON"))),
    ];
    for (name, value, applies) in inventions {
        if applies && let Some(held) = object.get_mut(name) {
            *held = json!(value);
        }
    }
    if object.contains_key("completedAt") {
        object.insert("status".to_owned(), json!("SETTLED"));
    }
}
