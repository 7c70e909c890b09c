//! Notes, e-mails and tasks of a portal, with the contacts they hang on (API.md §9). Routes are elsewhere.
//!
//! A record carries its associations, so that search lags behind both alike. HubSpot knows no idempotency: creating the same
//! thing twice makes two.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    answer::{ApiError, instant},
    engagement_values::{ALWAYS, from_headers, is_property, moment},
    lagged::Lagged,
    objects::Kind,
    portal::{ByName, IdSpace, Portal, later},
};

/// One space of ids for all kinds: a mixed-up id is always found out.
pub(super) struct Engagements {
    /// Lists show the search index.
    pub records: BTreeMap<u64, Lagged<Engagement>>,
    /// What ever hung on a contact; the record says whether it still does.
    pub of_contact: BTreeMap<u64, BTreeSet<u64>>,
    ids: IdSpace,
}

#[derive(Clone, Debug)]
pub(super) struct Engagement {
    pub id: u64,
    pub kind: Kind,
    /// `hs_timestamp`: the place on the timeline, a task's due date.
    pub at: Timestamp,
    values: ByName<String>,
    /// Associated contacts, each with its order when it was associated.
    pub contacts: BTreeMap<u64, u64>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub archived_at: Option<Timestamp>,
}

impl Default for Engagements {
    fn default() -> Self {
        Self { records: BTreeMap::new(), of_contact: BTreeMap::new(), ids: IdSpace::starting_at(7_000_001) }
    }
}

impl Engagements {
    /// The engagement, archived or not.
    pub(super) fn any(&self, kind: Kind, id: u64) -> Option<&Engagement> {
        self.records.get(&id).and_then(Lagged::get).filter(|engagement| engagement.kind == kind)
    }

    pub(super) fn get(&self, kind: Kind, id: u64) -> Option<&Engagement> {
        self.any(kind, id).filter(|engagement| engagement.archived_at.is_none())
    }

    /// Active engagements of a contact, in order of id.
    pub(super) fn on_contact(&self, contact: u64) -> impl Iterator<Item = &Engagement> {
        let records = self.ever_of(contact).filter_map(Lagged::get);
        records.filter(move |engagement| engagement.archived_at.is_none() && engagement.contacts.contains_key(&contact))
    }

    /// Records that hang or hung on a contact, in order of id.
    pub(super) fn ever_of(&self, contact: u64) -> impl Iterator<Item = &Lagged<Engagement>> {
        self.of_contact.get(&contact).into_iter().flatten().filter_map(|id| self.records.get(id))
    }
}

impl Engagement {
    /// The value of a property that is set.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        match name {
            "hs_timestamp" => Some(instant(self.at)),
            "hs_createdate" => Some(instant(self.created_at)),
            "hs_lastmodifieddate" => Some(instant(self.updated_at)),
            "hs_object_id" => Some(self.id.to_string()),
            _ => self.values.get(name).filter(|value| !value.is_empty()).cloned(),
        }
    }

    /// The API's shape with the wanted properties; unset ones are null, unknown ones absent.
    pub(super) fn to_json<'a>(&self, wanted: impl IntoIterator<Item = &'a str>) -> Value {
        let mut properties = Map::new();
        for name in ALWAYS.into_iter().chain(wanted) {
            if is_property(self.kind, name) {
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

    /// All set properties, as a write answers them.
    pub(super) fn to_full_json(&self) -> Value {
        let set = self.values.keys().map(String::as_str).filter(|name| self.value(name).is_some());
        self.to_json(std::iter::once("hs_timestamp").chain(set))
    }

    fn write(&mut self, values: &ByName<String>) {
        for (name, value) in values {
            match name.as_str() {
                "hs_timestamp" => self.at = moment(value).unwrap_or(self.at),
                "hs_email_headers" => {
                    let derived = ["from", "to", "cc", "bcc"].map(|end| format!("hs_email_{end}_"));
                    self.values.retain(|name, _| !derived.iter().any(|prefix| name.starts_with(prefix)));
                    self.values.extend(from_headers(value));
                    self.values.insert(name.clone(), value.clone());
                }
                _ => drop(self.values.insert(name.clone(), value.clone())),
            }
        }
    }
}

impl Portal {
    /// Whether an engagement with these values can be created.
    pub(super) fn check_new_engagement(&self, kind: Kind, values: &ByName<String>) -> Result<(), ApiError> {
        self.check_engagement_values(kind, values)?;
        if values.contains_key("hs_timestamp") {
            return Ok(());
        }
        let message = format!("Error creating {}. Some required properties were not set.", kind.name().to_uppercase());
        Err(ApiError::invalid(message).with("context", json!({ "properties": ["hs_timestamp"] })))
    }

    /// Creates an engagement whose values and contacts were checked.
    pub(super) fn create_engagement(&mut self, kind: Kind, values: &ByName<String>, contacts: &[u64]) -> Engagement {
        let (id, now) = (self.engagements.ids.next(), self.now);
        let mut engagement = Engagement {
            id,
            kind,
            at: now,
            values: ByName::new(),
            contacts: BTreeMap::new(),
            created_at: now,
            updated_at: now,
            archived_at: None,
        };
        engagement.write(values);
        for contact in contacts {
            let order = self.touch_contact(*contact);
            engagement.contacts.insert(*contact, order);
            self.engagements.of_contact.entry(*contact).or_default().insert(id);
        }
        self.put_engagement(id, Some(engagement.clone()));
        engagement
    }

    /// Changes values that were checked; an empty one clears.
    pub(super) fn update_engagement(&mut self, mut engagement: Engagement, values: &ByName<String>) -> Engagement {
        engagement.write(values);
        engagement.updated_at = self.now;
        self.touch_contacts(&engagement);
        self.put_engagement(engagement.id, Some(engagement.clone()));
        engagement
    }

    /// Archives an engagement; a deleted e-mail is gone for good. Whether there was one.
    pub(super) fn archive_engagement(&mut self, kind: Kind, id: u64) -> bool {
        let Some(mut engagement) = self.engagements.get(kind, id).cloned() else { return false };
        self.touch_contacts(&engagement);
        engagement.archived_at = Some(self.now);
        self.put_engagement(id, (kind != Kind::Email).then_some(engagement));
        true
    }

    fn touch_contacts(&mut self, engagement: &Engagement) {
        for contact in engagement.contacts.keys() {
            self.touch_contact(*contact);
        }
    }

    /// Writes a record; search follows in its own time.
    pub(super) fn put_engagement(&mut self, id: u64, engagement: Option<Engagement>) {
        let lag = self.config.search_lag;
        let follow = if lag.is_zero() { self.now } else { later(self.now, lag.mul_f64(self.rng.f64())) };
        self.engagements.records.entry(id).or_default().set(self.now, follow, engagement);
    }
}
