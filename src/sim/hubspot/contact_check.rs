//! What a contact's values must be to be written, and the form HubSpot keeps them in (API.md §7, §8.2). Changes nothing.
//!
//! Choices where HubSpot is silent: dates are taken as epoch milliseconds or ISO and kept as ISO; values of custom
//! `hasUniqueValue` properties are not compared with other contacts'.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil, tz::TimeZone};
use serde_json::{Value, json};

use super::{
    answer::{ApiError, instant},
    portal::{Actor, Portal},
    schema::{Property, Schema},
    switches::UnknownId,
};
use crate::domain::Email;

const TEXT_LIMIT: usize = 65_536;

/// One value that cannot be written.
pub(super) struct BadValue {
    pub name: String,
    pub code: &'static str,
    pub message: String,
}

/// A date as HubSpot takes it: epoch milliseconds, an instant, or a day.
pub(super) fn parse_instant(text: &str) -> Option<Timestamp> {
    if let Ok(millis) = text.parse() {
        return Timestamp::from_millisecond(millis).ok();
    }
    let day = || text.parse::<civil::Date>().ok()?.to_zoned(TimeZone::UTC).ok();
    text.parse().ok().or_else(|| Some(day()?.timestamp()))
}

/// The form a checked value is kept in.
pub(super) fn stored(schema: &Schema, name: &str, held: Option<&str>, value: &str) -> String {
    if name == "email" {
        return value.trim().to_lowercase();
    }
    let Some(Property { definition, .. }) = schema.active(name) else { return value.to_owned() };
    match (definition.value_type.as_str(), parse_instant(value)) {
        ("datetime", Some(at)) => instant(at),
        ("date", Some(at)) => at.strftime("%Y-%m-%d").to_string(),
        // A leading `;` adds to the chosen options instead of replacing them.
        ("enumeration", _) if definition.field_type == "checkbox" && value.starts_with(';') => {
            let mut chosen: Vec<&str> = held.unwrap_or_default().split(';').chain(value.split(';')).collect();
            let mut seen = std::collections::BTreeSet::new();
            chosen.retain(|option| !option.is_empty() && seen.insert(*option));
            chosen.join(";")
        }
        _ => value.to_owned(),
    }
}

impl Portal {
    /// Whether these values may be written to a contact (to a new one without `own`).
    pub(super) fn check_contact(
        &self,
        values: &BTreeMap<String, String>,
        own: Option<u64>,
        by: Actor,
    ) -> Result<(), ApiError> {
        self.check_values(values)?;
        self.check_required(values, own, by)?;
        match values.get("email") {
            Some(email) => self.check_email_free(&email.trim().to_lowercase(), own),
            None => Ok(()),
        }
    }

    /// What an admin requires of a record is asked of apps (API.md §1): the record as it would be afterwards.
    fn check_required(&self, values: &BTreeMap<String, String>, own: Option<u64>, by: Actor) -> Result<(), ApiError> {
        let Some(name) = &self.config.switches.required_property else { return Ok(()) };
        let held = || own.and_then(|id| self.contacts.get(id)).and_then(|contact| contact.value(name));
        let is_set = values.get(name).cloned().or_else(held).is_some_and(|value| !value.is_empty());
        match by {
            Actor::App { .. } if !is_set => {
                let message = format!("Property {name} is required and has no value");
                let context = json!({ "propertyName": [name] });
                let item = json!({ "message": message, "code": "MISSING_REQUIRED_PROPERTY", "context": context });
                Err(ApiError::invalid(message).with("errors", json!([item])))
            }
            Actor::App { .. } | Actor::Person { .. } | Actor::PersonInBulk { .. } | Actor::Merge { .. } => Ok(()),
        }
    }

    /// The 404 of a contact that is not there, in the form the switch says.
    pub(super) fn no_contact(&self, id: &str) -> ApiError {
        if self.config.switches.unknown_contact_id == UnknownId::Bare && id.parse::<u64>().is_ok() {
            return ApiError::new(404, "resource not found");
        }
        ApiError::not_found("Object not found.  objectId are usually numeric.").with("context", json!({ "id": [id] }))
    }

    pub(super) fn check_email_free(&self, email: &str, own: Option<u64>) -> Result<(), ApiError> {
        match self.contacts.by_email.get(email) {
            Some(id) if Some(*id) != own => {
                Err(ApiError::new(409, format!("Contact already exists. Existing ID: {id}")).category("CONFLICT"))
            }
            _ => Ok(()),
        }
    }

    /// All bad values of a record are told in one 400 (API.md §8.2).
    fn check_values(&self, values: &BTreeMap<String, String>) -> Result<(), ApiError> {
        let bad: Vec<BadValue> = values.iter().filter_map(|(name, value)| self.check_value(name, value)).collect();
        self.refuse_values(&bad)
    }

    pub(super) fn refuse_values(&self, bad: &[BadValue]) -> Result<(), ApiError> {
        if bad.is_empty() {
            return Ok(());
        }
        let portal_id = self.config.portal_id;
        let nested = bad.iter().map(|BadValue { name, code, message }| {
            json!({ "isValid": false, "message": message, "error": code, "name": name,
                    "localizedErrorMessage": message, "portalId": portal_id })
        });
        let message = format!("Property values were not valid: {}", Value::Array(nested.collect()));
        let items = bad.iter().map(|BadValue { name, code, message }| {
            json!({ "message": message, "code": code, "context": { "propertyName": [name] } })
        });
        Err(ApiError::invalid(message).with("errors", Value::Array(items.collect())))
    }

    fn check_value(&self, name: &str, value: &str) -> Option<BadValue> {
        let bad = |code, message: String| Some(BadValue { name: name.to_owned(), code, message });
        let Some(property) = self.schema.active(name) else {
            return bad("PROPERTY_DOESNT_EXIST", format!("Property \"{name}\" does not exist"));
        };
        if property.modifiable.read_only_value {
            return bad("READ_ONLY_VALUE", format!("\"{name}\" is a read only property; its value cannot be set."));
        }
        let Property { definition, .. } = property;
        match definition.value_type.as_str() {
            _ if value.is_empty() => None,
            _ if name == "hubspot_owner_id" && !self.is_owner_id(value) => {
                bad("INVALID_OWNER_ID", format!("{value} was not a valid owner ID"))
            }
            _ if name == "email" && Email::new(value).is_err() => {
                bad("INVALID_EMAIL", format!("Email address {value} is invalid"))
            }
            "enumeration" | "bool" if !property.external_options => {
                let allowed: Vec<&str> = definition.options.iter().map(|option| option.value.as_str()).collect();
                // A checkbox holds several values, joined by `;`.
                let several = definition.field_type == "checkbox";
                let chosen: Vec<&str> = if several { value.split(';').collect() } else { vec![value] };
                let unknown = chosen.into_iter().find(|value| !value.is_empty() && !allowed.contains(value))?;
                let allowed = allowed.join(", ");
                bad("INVALID_OPTION", format!("{unknown} was not one of the allowed options: [{allowed}]"))
            }
            "number" if value.parse::<f64>().is_err() => {
                bad("INVALID_INTEGER", format!("{value} was not a valid number"))
            }
            "date" | "datetime" if parse_instant(value).is_none() => {
                bad("INVALID_LONG", format!("{value} was not a valid long."))
            }
            "string" if value.chars().count() > TEXT_LIMIT => {
                bad("INVALID_LENGTH", format!("The value is longer than {TEXT_LIMIT} characters"))
            }
            _ => None,
        }
    }
}
