//! Contact records: values with their history, and what a write does to them (API.md §8.2). Routes are elsewhere, and so are
//! the rules a value obeys (`contact_check`).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    answer::{ApiError, instant},
    changes::ChangeKind,
    contact_check::stored,
    lagged::Lagged,
    portal::{Actor, ByName, IdSpace, Portal, later},
    switches::{AssignedDateOnCreate, AssignedDateOnUnassign, HistoryOrder, Switches},
};

/// Always in an answer, asked for or not.
const ALWAYS: [&str; 3] = ["createdate", "hs_object_id", "lastmodifieddate"];
/// In an answer when no properties were asked for.
pub(super) const DEFAULT_PROPERTIES: [&str; 3] = ["email", "firstname", "lastname"];

pub(super) struct Contacts {
    pub records: BTreeMap<u64, Contact>,
    /// What search sees; archived contacts leave it.
    index: BTreeMap<u64, Lagged<Snapshot>>,
    pub(super) by_email: ByName<u64>,
    pub(super) ids: IdSpace,
    /// Ids merged away, each with the one that took its place.
    pub(super) merged: BTreeMap<u64, u64>,
}

#[derive(Clone, Debug)]
pub(super) struct Contact {
    pub id: u64,
    /// Versions of each property, oldest first; an empty value is a cleared one.
    pub(super) values: ByName<Vec<Version>>,
    /// Addresses it took over in merges: they find it too.
    pub other_emails: Vec<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub archived_at: Option<Timestamp>,
    /// Grows with everything that happens to the contact: tells what came first within a millisecond.
    pub order: u64,
}

/// A contact's values at one time, without their past: what search remembers.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub head: Head,
    values: ByName<String>,
}

/// What every answer tells of a contact.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub id: u64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub archived_at: Option<Timestamp>,
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
            merged: BTreeMap::new(),
        }
    }
}

impl Contacts {
    pub(super) fn get(&self, id: u64) -> Option<&Contact> {
        self.records.get(&id).filter(|contact| contact.archived_at.is_none())
    }

    /// Contacts as search sees them now, by id.
    pub(super) fn indexed(&self, now: Timestamp) -> impl Iterator<Item = &Snapshot> {
        self.index.values().filter_map(move |contact| contact.shown(now))
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

impl Head {
    /// The properties HubSpot keeps itself.
    fn value(&self, name: &str) -> Option<String> {
        match name {
            "createdate" => Some(instant(self.created_at)),
            "lastmodifieddate" => Some(instant(self.updated_at)),
            "hs_object_id" => Some(self.id.to_string()),
            _ => None,
        }
    }

    /// The API's shape with the wanted properties; unset ones are null, unknown ones absent.
    fn to_json<'a>(
        self,
        portal: &Portal,
        wanted: impl IntoIterator<Item = &'a str>,
        value: impl Fn(&str) -> Option<String>,
    ) -> Value {
        let mut properties = Map::new();
        for name in ALWAYS.into_iter().chain(wanted) {
            if portal.schema.active(name).is_some() {
                properties.insert(name.to_owned(), value(name).map_or(Value::Null, Value::String));
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
}

impl Snapshot {
    /// The text of a property that is set; HubSpot's own three are in the head.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The API's shape with the wanted properties.
    pub(super) fn to_json<'a>(&self, portal: &Portal, wanted: impl IntoIterator<Item = &'a str>) -> Value {
        self.head.to_json(portal, wanted, |name| self.head.value(name).or_else(|| self.values.get(name).cloned()))
    }
}

impl Contact {
    /// The value of a property that is set.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        self.head().value(name).or_else(|| self.text(name).map(str::to_owned))
    }

    fn text(&self, name: &str) -> Option<&str> {
        let last = self.values.get(name)?.last()?;
        Some(last.value.as_str()).filter(|value| !value.is_empty())
    }

    fn head(&self) -> Head {
        let Self { id, created_at, updated_at, archived_at, .. } = *self;
        Head { id, created_at, updated_at, archived_at }
    }

    /// The API's shape with the wanted properties; unset ones are null, unknown ones absent.
    pub(super) fn to_json<'a>(&self, portal: &Portal, wanted: impl IntoIterator<Item = &'a str>) -> Value {
        self.head().to_json(portal, wanted, |name| self.value(name))
    }

    /// All set properties, for the control route.
    pub(super) fn to_full_json(&self, portal: &Portal) -> Value {
        let names = self.values.keys().map(String::as_str).filter(|name| self.text(name).is_some());
        self.to_json(portal, names)
    }

    /// A property's versions, newest first unless switched, as `ValueWithTimestamp` (API.md §8.1). What HubSpot keeps itself has one.
    pub(super) fn history(&self, name: &str, switches: &Switches) -> Vec<Value> {
        if let Some(value) = self.head().value(name) {
            let at = if name == "lastmodifieddate" { self.updated_at } else { self.created_at };
            return vec![json!({ "value": value, "timestamp": instant(at), "sourceType": "CRM" })];
        }
        let newest_first = self.values.get(name).into_iter().flatten().rev().map(Version::to_json);
        let mut history: Vec<Value> = newest_first.take(switches.history_depth.unwrap_or(usize::MAX)).collect();
        if switches.history_order == HistoryOrder::OldestFirst {
            history.reverse();
        }
        history
    }

    /// A property's versions, oldest first.
    pub(super) fn versions(&self, name: &str) -> &[Version] {
        self.values.get(name).map_or(&[], Vec::as_slice)
    }

    /// Every address that finds this contact.
    pub(super) fn emails(&self) -> impl Iterator<Item = &str> {
        self.text("email").into_iter().chain(self.other_emails.iter().map(String::as_str))
    }

    /// Whether the value changed. Saved again, it adds to the history only `again`.
    fn put(&mut self, name: &str, version: Version, again: bool) -> bool {
        let versions = self.values.entry(name.to_owned()).or_default();
        let changes = versions.last().map_or("", |last| last.value.as_str()) != version.value;
        if changes || (again && !version.value.is_empty()) {
            self.order = version.order;
            versions.push(version);
        }
        changes
    }

    fn snapshot(&self) -> Snapshot {
        let set = self.values.keys().filter_map(|name| Some((name.clone(), self.text(name)?.to_owned())));
        Snapshot { head: self.head(), values: set.collect() }
    }
}

impl Version {
    fn to_json(&self) -> Value {
        let Self { value, at, by, order: _ } = self;
        let (source_type, source_id) = by.source();
        json!({
            "value": value,
            "timestamp": instant(*at),
            "sourceType": source_type,
            "sourceId": source_id,
            "updatedByUserId": by.user_id(),
        })
    }
}

impl Portal {
    /// Creates a contact with these values.
    pub(super) fn create_contact(&mut self, values: &BTreeMap<String, String>, by: Actor) -> Result<u64, ApiError> {
        self.check_contact(values, None, by)?;
        let id = self.contacts.ids.next();
        let now = self.now;
        let contact = Contact {
            id,
            values: BTreeMap::new(),
            other_emails: Vec::new(),
            created_at: now,
            updated_at: now,
            archived_at: None,
            order: 0,
        };
        self.contacts.records.insert(id, contact);
        self.note_change(id, ChangeKind::Creation, by);
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
            return Err(self.no_contact(&id.to_string()));
        }
        self.check_contact(values, Some(id), by)?;
        self.write_values(id, values, by);
        Ok(())
    }

    /// Archives a contact; its e-mail is free again. Whether there was one.
    pub(super) fn archive_contact(&mut self, id: u64, by: Actor) -> bool {
        let now = self.now;
        let Contacts { records, by_email, .. } = &mut self.contacts;
        let contact = records.get_mut(&id).filter(|contact| contact.archived_at.is_none());
        let Some(contact) = contact else { return false };
        contact.archived_at = Some(now);
        for email in contact.emails() {
            by_email.remove(email);
        }
        self.note_change(id, ChangeKind::Deletion, by);
        self.index_contact(id);
        true
    }

    /// Brings an archived contact back as it was, unless its e-mail is another's by now. The 90 days HubSpot allows for it are
    /// not looked at.
    pub(super) fn restore_contact(&mut self, id: u64, by: Actor) -> Result<(), ApiError> {
        let now = self.now;
        let archived = self.contacts.records.get(&id).filter(|contact| contact.archived_at.is_some());
        let emails: Vec<String> = match archived {
            Some(contact) => contact.emails().map(str::to_owned).collect(),
            None => return Err(self.no_contact(&id.to_string())),
        };
        for email in &emails {
            self.check_email_free(email, Some(id))?;
        }
        let Contacts { records, by_email, .. } = &mut self.contacts;
        by_email.extend(emails.into_iter().map(|email| (email, id)));
        if let Some(contact) = records.get_mut(&id) {
            contact.archived_at = None;
            contact.updated_at = now;
        }
        self.note_change(id, ChangeKind::Restoration, by);
        self.index_contact(id);
        Ok(())
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
    pub(super) fn index_contact(&mut self, id: u64) {
        let lag = self.config.search_lag;
        let follow = if lag.is_zero() { self.now } else { later(self.now, lag.mul_f64(self.rng.f64())) };
        let contact = self.contacts.get(id).map(Contact::snapshot);
        self.contacts.index.entry(id).or_default().set(self.now, follow, contact);
    }

    fn write_values(&mut self, id: u64, values: &BTreeMap<String, String>, by: Actor) {
        let Self { schema, contacts: Contacts { records, by_email, .. }, config, now, .. } = self;
        let (now, switches) = (*now, &config.switches);
        let Some(contact) = records.get_mut(&id) else { return };
        let owner_before = contact.value("hubspot_owner_id");
        let is_new = contact.values.is_empty();
        let mut changed = Vec::new();
        let mut put = |contact: &mut Contact, name: &str, value: String, again: bool| {
            if contact.put(name, Version { value: value.clone(), at: now, by, order: contact.order + 1 }, again) {
                changed.push(ChangeKind::PropertyChange { name: name.to_owned(), value });
            }
        };
        for (name, value) in values {
            let value = stored(schema, name, contact.text(name), value);
            if name == "email" {
                if let Some(before) = contact.text("email") {
                    by_email.remove(before);
                }
                contact.other_emails.retain(|other| *other != value);
                if !value.is_empty() {
                    by_email.insert(value.clone(), id);
                }
            }
            put(contact, name, value, switches.resave_adds_history);
        }
        let owner = contact.value("hubspot_owner_id");
        if owner != owner_before {
            match (owner, switches.assigned_date_on_unassign) {
                (Some(_), _) if is_new && switches.assigned_date_on_create == AssignedDateOnCreate::Absent => {}
                (Some(_), _) => put(contact, "hubspot_owner_assigneddate", instant(now), false),
                (None, AssignedDateOnUnassign::Clears) => {
                    put(contact, "hubspot_owner_assigneddate", String::new(), false);
                }
                (None, AssignedDateOnUnassign::Keeps) => {}
            }
        }
        contact.updated_at = now;
        for kind in changed {
            self.note_change(id, kind, by);
        }
        self.index_contact(id);
    }
}
