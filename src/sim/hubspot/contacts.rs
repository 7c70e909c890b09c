//! Contact records: values with their history, and the rules a write obeys (API.md §8.2). Routes are elsewhere.
//!
//! Choice where HubSpot is silent: saving the same value again adds no history.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    answer::{ApiError, instant},
    lagged::Lagged,
    portal::{Actor, ByName, IdSpace, Portal, later},
    schema::Property,
};
use crate::domain::Email;

/// Always in an answer, asked for or not.
const ALWAYS: [&str; 3] = ["createdate", "hs_object_id", "lastmodifieddate"];
/// In an answer when no properties were asked for.
pub(super) const DEFAULT_PROPERTIES: [&str; 3] = ["email", "firstname", "lastname"];
const TEXT_LIMIT: usize = 65_536;

pub(super) struct Contacts {
    pub records: BTreeMap<u64, Contact>,
    /// What search sees; archived contacts leave it.
    index: BTreeMap<u64, Lagged<Contact>>,
    by_email: ByName<u64>,
    ids: IdSpace,
}

#[derive(Clone, Debug)]
pub(super) struct Contact {
    pub id: u64,
    /// Versions of each property, oldest first; an empty value is a cleared one.
    values: ByName<Vec<Version>>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub archived_at: Option<Timestamp>,
    /// Grows with everything that happens to the contact: tells what came first within a millisecond.
    pub order: u64,
}

/// A value a property had.
#[derive(Clone, Debug)]
pub(super) struct Version {
    pub value: String,
    pub at: Timestamp,
    pub by: Actor,
    /// The contact's order then.
    pub order: u64,
}

impl Default for Contacts {
    fn default() -> Self {
        Self {
            records: BTreeMap::new(),
            index: BTreeMap::new(),
            by_email: BTreeMap::new(),
            ids: IdSpace::starting_at(201),
        }
    }
}

impl Contacts {
    pub(super) fn get(&self, id: u64) -> Option<&Contact> {
        self.records.get(&id).filter(|contact| contact.archived_at.is_none())
    }

    /// Contacts as search sees them now, oldest first.
    pub(super) fn indexed(&self, now: Timestamp) -> impl Iterator<Item = &Contact> {
        self.index.values().filter_map(move |contact| contact.listed(now))
    }

    /// A purged property takes its values along.
    pub(super) fn forget_property(&mut self, name: &str) {
        for contact in self.records.values_mut() {
            contact.values.remove(name);
        }
        for contact in self.index.values_mut() {
            contact.rewrite(|contact| drop(contact.values.remove(name)));
        }
    }
}

impl Contact {
    /// The value of a property that is set.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        match name {
            "createdate" => Some(instant(self.created_at)),
            "lastmodifieddate" => Some(instant(self.updated_at)),
            "hs_object_id" => Some(self.id.to_string()),
            _ => self.values.get(name)?.last().map(|version| version.value.clone()).filter(|value| !value.is_empty()),
        }
    }

    /// The API's shape with the wanted properties; unset ones are null, unknown ones absent.
    pub(super) fn to_json<'a>(&self, portal: &Portal, wanted: impl IntoIterator<Item = &'a str>) -> Value {
        let mut properties = Map::new();
        for name in ALWAYS.into_iter().chain(wanted) {
            if portal.schema.active(name).is_some() {
                properties.insert(name.to_owned(), self.value(name).map_or(Value::Null, Value::String));
            }
        }
        let mut body = json!({
            "id": self.id.to_string(),
            "properties": properties,
            "createdAt": instant(self.created_at),
            "updatedAt": instant(self.updated_at),
            "archived": self.archived_at.is_some(),
        });
        if let Some(at) = self.archived_at {
            body["archivedAt"] = json!(instant(at));
        }
        body
    }

    /// All set properties, for the control route.
    pub(super) fn to_full_json(&self, portal: &Portal) -> Value {
        let names = self.values.keys().map(String::as_str).filter(|name| self.value(name).is_some());
        self.to_json(portal, names)
    }

    /// A property's versions, newest first, as `ValueWithTimestamp` (API.md §8.1).
    pub(super) fn history(&self, name: &str) -> Vec<Value> {
        self.values.get(name).into_iter().flatten().rev().map(Version::to_json).collect()
    }

    /// A property's versions, oldest first.
    pub(super) fn versions(&self, name: &str) -> &[Version] {
        self.values.get(name).map_or(&[], Vec::as_slice)
    }

    fn push(&mut self, name: &str, value: String, at: Timestamp, by: Actor) {
        let versions = self.values.entry(name.to_owned()).or_default();
        if versions.last().map_or("", |version| version.value.as_str()) != value {
            self.order += 1;
            versions.push(Version { value, at, by, order: self.order });
        }
    }
}

impl Version {
    fn to_json(&self) -> Value {
        let Self { value, at, by, order: _ } = self;
        let (source_type, source_id) = match by {
            Actor::App { app_id, .. } => ("INTEGRATION", app_id.to_string()),
            Actor::Person { user_id } => ("CRM_UI", format!("userId:{user_id}")),
        };
        json!({
            "value": value,
            "timestamp": instant(*at),
            "sourceType": source_type,
            "sourceId": source_id,
            "updatedByUserId": by.user_id(),
        })
    }
}

/// One value that cannot be written.
pub(super) struct BadValue {
    pub name: String,
    pub code: &'static str,
    pub message: String,
}

impl Portal {
    /// Creates a contact with these values.
    pub(super) fn create_contact(&mut self, values: &BTreeMap<String, String>, by: Actor) -> Result<u64, ApiError> {
        self.check_values(values)?;
        self.check_email_free(values, None)?;
        let id = self.contacts.ids.next();
        let now = self.now;
        let contact =
            Contact { id, values: BTreeMap::new(), created_at: now, updated_at: now, archived_at: None, order: 0 };
        self.contacts.records.insert(id, contact);
        self.write_values(id, values, by);
        Ok(id)
    }

    /// Changes values of a contact; an empty one clears.
    pub(super) fn update_contact(
        &mut self,
        id: u64,
        values: &BTreeMap<String, String>,
        by: Actor,
    ) -> Result<(), ApiError> {
        if self.contacts.get(id).is_none() {
            return Err(ApiError::not_found("Object not found.  objectId are usually numeric.")
                .with("context", json!({ "id": [id.to_string()] })));
        }
        self.check_values(values)?;
        self.check_email_free(values, Some(id))?;
        self.write_values(id, values, by);
        Ok(())
    }

    /// Archives a contact; its e-mail is free again. Whether there was one.
    pub(super) fn archive_contact(&mut self, id: u64) -> bool {
        let now = self.now;
        let contact = self.contacts.records.get_mut(&id).filter(|contact| contact.archived_at.is_none());
        let Some(contact) = contact else { return false };
        contact.archived_at = Some(now);
        if let Some(email) = contact.value("email") {
            self.contacts.by_email.remove(&email);
        }
        self.index_contact(id);
        true
    }

    /// Something on the contact's timeline changed: it is a change of the contact, of no property though (API.md §9).
    /// Returns the contact's order.
    pub(super) fn touch_contact(&mut self, id: u64) -> u64 {
        let Some(contact) = self.contacts.records.get_mut(&id) else { return 0 };
        contact.updated_at = self.now;
        contact.order += 1;
        let order = contact.order;
        self.index_contact(id);
        order
    }

    /// Hands the contact's state to the search index, which follows in its own time.
    fn index_contact(&mut self, id: u64) {
        let lag = self.config.search_lag;
        let follow = if lag.is_zero() { self.now } else { later(self.now, lag.mul_f64(self.rng.f64())) };
        let contact = self.contacts.get(id).cloned();
        self.contacts.index.entry(id).or_default().set(self.now, follow, contact);
    }

    fn write_values(&mut self, id: u64, values: &BTreeMap<String, String>, by: Actor) {
        let now = self.now;
        let Contacts { records, by_email, .. } = &mut self.contacts;
        let Some(contact) = records.get_mut(&id) else { return };
        let owner_before = contact.value("hubspot_owner_id");
        for (name, value) in values {
            let value = if name == "email" { value.trim().to_lowercase() } else { value.clone() };
            if name == "email" {
                if let Some(before) = contact.value("email") {
                    by_email.remove(&before);
                }
                if !value.is_empty() {
                    by_email.insert(value.clone(), id);
                }
            }
            contact.push(name, value, now, by);
        }
        let owner = contact.value("hubspot_owner_id");
        if owner != owner_before {
            let assigned_at = owner.map(|_| instant(now)).unwrap_or_default();
            contact.push("hubspot_owner_assigneddate", assigned_at, now, by);
        }
        contact.updated_at = now;
        self.index_contact(id);
    }

    fn check_email_free(&self, values: &BTreeMap<String, String>, own: Option<u64>) -> Result<(), ApiError> {
        let Some(email) = values.get("email").map(|email| email.trim().to_lowercase()) else { return Ok(()) };
        match self.contacts.by_email.get(&email) {
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
            _ if name == "hubspot_owner_id" && !self.people.is_owner_id(value) => {
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
            "date" | "datetime" if value.parse::<i64>().is_err() && value.parse::<Timestamp>().is_err() => {
                bad("INVALID_LONG", format!("{value} was not a valid long."))
            }
            "string" if value.chars().count() > TEXT_LIMIT => {
                bad("INVALID_LENGTH", format!("The value is longer than {TEXT_LIMIT} characters"))
            }
            _ => None,
        }
    }
}
