//! A contact's timeline as a salesperson sees it, and what hangs on a contact: for tests and the demo. Reads only.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    ControlError, HubSpotSim,
    contacts::{Contact, Version},
    engagement_api::to_full_json,
    engagements::Engagement,
    lagged::Lagged,
    markup::plain_text,
    objects::Kind,
    portal::Portal,
    schema::Property,
};

/// An entry with its place: date shown, date of happening, order within the contact, id.
type Entry = ((Timestamp, Timestamp, u64, u64), Value);

impl HubSpotSim {
    /// What a salesperson sees of a contact, oldest first: a list of `{at, kind, …}`. An engagement stands at its
    /// timestamp, a task where it was created; what has the same date is in order of happening.
    pub fn timeline(&self, contact: &str) -> Result<Value, ControlError> {
        let portal = &self.lock().portal;
        let contact = find(portal, contact)?;
        let mut entries = portal.owner_entries(contact);
        entries.extend(portal.status_entries(contact));
        entries.extend(portal.engagements.on_contact(contact.id).map(|engagement| portal.entry(contact, engagement)));
        entries.sort_by_key(|(place, _)| *place);
        Ok(entries.into_iter().map(|(_, entry)| entry).collect())
    }

    /// A contact's notes with all set properties, oldest first.
    pub fn notes_of(&self, contact: &str) -> Result<Vec<Value>, ControlError> {
        self.engagements_of(contact, Kind::Note)
    }

    /// A contact's e-mails with all set properties, oldest first.
    pub fn emails_of(&self, contact: &str) -> Result<Vec<Value>, ControlError> {
        self.engagements_of(contact, Kind::Email)
    }

    /// A contact's tasks with all set properties, oldest first.
    pub fn tasks_of(&self, contact: &str) -> Result<Vec<Value>, ControlError> {
        self.engagements_of(contact, Kind::Task)
    }

    fn engagements_of(&self, contact: &str, kind: Kind) -> Result<Vec<Value>, ControlError> {
        let portal = &self.lock().portal;
        let contact = find(portal, contact)?;
        let of_kind = portal.engagements.on_contact(contact.id).filter(|engagement| engagement.kind == kind);
        Ok(of_kind.map(|engagement| to_full_json(portal, engagement)).collect())
    }
}

/// The contact, archived or not.
fn find<'a>(portal: &'a Portal, id: &str) -> Result<&'a Contact, ControlError> {
    let contact = id.parse().ok().and_then(|id: u64| portal.contacts.records.get(&id));
    contact.ok_or_else(|| ControlError::new(404, format!("contact {id} does not exist")))
}

impl Portal {
    fn entry(&self, contact: &Contact, engagement: &Engagement) -> Entry {
        let value = |name: &str| engagement.value(name);
        let shown = |name: &str| value(name).map(|text| plain_text(&text));
        let (at, mut entry) = match engagement.kind {
            Kind::Note => {
                let owner = self.owner_email(value("hubspot_owner_id").as_deref());
                (engagement.at, json!({ "kind": "note", "body": shown("hs_note_body"), "owner": owner }))
            }
            Kind::Email => {
                let text = value("hs_email_text").or_else(|| shown("hs_email_html"));
                let entry = json!({
                    "kind": "email",
                    "direction": value("hs_email_direction"),
                    "subject": value("hs_email_subject"),
                    "text": text,
                    "from": value("hs_email_from_email"),
                    "to": value("hs_email_to_email"),
                });
                (engagement.at, entry)
            }
            Kind::Task => {
                let entry = json!({
                    "kind": "task",
                    "subject": value("hs_task_subject"),
                    "body": shown("hs_task_body"),
                    "due": engagement.at.to_string(),
                    "status": value("hs_task_status"),
                });
                (engagement.created_at, entry)
            }
        };
        entry["at"] = json!(at.to_string());
        let order = engagement.contacts.get(&contact.id).copied().unwrap_or_default();
        ((at, engagement.created_at, order, engagement.id), entry)
    }

    fn owner_entries(&self, contact: &Contact) -> Vec<Entry> {
        let email = |value: &str| self.owner_email(Some(value));
        changes(contact.versions("hubspot_owner_id"))
            .map(|(before, now)| {
                let (by, _) = now.by.source();
                place(now, json!({ "kind": "owner", "from": email(before), "to": email(&now.value), "by": by }))
            })
            .collect()
    }

    /// Changes of the lead status and of the selects people made for themselves.
    fn status_entries(&self, contact: &Contact) -> Vec<Entry> {
        let own = |property: &&Property| {
            property.archived_at.is_none()
                && property.definition.value_type == "enumeration"
                && !property.definition.hidden
                && (!property.hubspot_defined || property.name == "hs_lead_status")
        };
        let properties = self.schema.properties.values().filter_map(Lagged::get).filter(own);
        let entries = properties.flat_map(|property| {
            let name = if property.hubspot_defined { &property.name } else { &property.definition.label };
            changes(contact.versions(&property.name)).map(move |(before, now)| {
                let (from, to) = (label(property, before), label(property, &now.value));
                place(now, json!({ "kind": "status", "property": name, "from": from, "to": to }))
            })
        });
        entries.collect()
    }

    fn owner_email(&self, id: Option<&str>) -> Option<String> {
        let owner = self.people.owners.get(&id?.parse().ok()?).and_then(Lagged::get)?;
        Some(owner.email.clone())
    }
}

/// Each version with the value before it.
fn changes(versions: &[Version]) -> impl Iterator<Item = (&str, &Version)> {
    let before = std::iter::once("").chain(versions.iter().map(|version| version.value.as_str()));
    before.zip(versions)
}

fn place(version: &Version, mut entry: Value) -> Entry {
    entry["at"] = json!(version.at.to_string());
    ((version.at, version.at, version.order, 0), entry)
}

/// What a person reads in a select: labels, of several values joined by `, `; null for none.
fn label(property: &Property, value: &str) -> Option<String> {
    let options = &property.definition.options;
    let chosen = value.split(';').filter(|value| !value.is_empty());
    let labels = chosen.map(|value| {
        let option = options.iter().find(|option| option.value == value);
        option.map_or(value, |option| option.label.as_str())
    });
    let labels: Vec<&str> = labels.collect();
    (!labels.is_empty()).then(|| labels.join(", "))
}
