//! Contacts one by one and as a list (API.md §8.1, §8.2); batches are in `contact_batch`.
//!
//! Choices where HubSpot is silent: a DELETE of an id that is not there is 204; values must be JSON strings; `associations`
//! of an update are refused.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    answer::{Answer, ApiError, Outcome, page},
    associations::{self, AssociationInput},
    contacts::{Contact, DEFAULT_PROPERTIES},
    input::{self, Query},
    objects::{Kind, ObjectType},
    portal::{Actor, Call, Portal},
    switches::MergedRead,
};

/// Largest page of a list.
const PAGE_LIMIT: usize = 100;
/// Largest page or batch with histories.
pub(super) const HISTORY_LIMIT: usize = 50;

/// What an answer shall tell of contacts.
#[derive(Default)]
pub(super) struct Wanted {
    pub properties: Vec<String>,
    pub with_history: Vec<String>,
    /// Types whose ids stand beside the contact.
    pub associations: Vec<ObjectType>,
}

impl Wanted {
    fn of(query: &Query) -> Result<Self, ApiError> {
        Ok(Self {
            properties: query.list("properties"),
            with_history: query.list("propertiesWithHistory"),
            associations: associations::wanted(query)?,
        })
    }

    pub(super) fn show(&self, portal: &Portal, contact: &Contact) -> Value {
        let mut body = if self.properties.is_empty() {
            contact.to_json(portal, DEFAULT_PROPERTIES)
        } else {
            contact.to_json(portal, self.properties.iter().map(String::as_str))
        };
        if !self.with_history.is_empty() {
            let known = self.with_history.iter().filter(|name| portal.schema.active(name).is_some());
            let histories: Map<String, Value> = known
                .map(|name| (name.clone(), Value::Array(contact.history(name, &portal.config.switches))))
                .collect();
            body["propertiesWithHistory"] = Value::Object(histories);
        }
        for other in &self.associations {
            portal.with_associated((ObjectType::Contact, contact.id), *other, &mut body);
        }
        body
    }
}

/// The property that names contacts in a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum IdProperty {
    Id,
    Email,
}

impl IdProperty {
    pub(super) fn parse(name: Option<&str>) -> Result<Self, ApiError> {
        match name {
            None | Some("hs_object_id" | "") => Ok(Self::Id),
            Some("email") => Ok(Self::Email),
            Some(other) => {
                Err(ApiError::invalid(format!("Unable to perform update/upsert by non-unique 0-1 property {other}")))
            }
        }
    }
}

/// What is found under an id.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Contact(u64),
    /// It was merged into another, and nothing answers under it any more.
    MergedAway,
    Nothing,
}

impl Portal {
    /// Finds a contact, an archived one only when `archived`.
    pub(super) fn find_contact(&self, key: &str, by: IdProperty, archived: bool) -> Found {
        let id = match by {
            IdProperty::Id => key.parse().ok(),
            IdProperty::Email => self.contacts.by_email.get(&key.trim().to_lowercase()).copied(),
        };
        let Some(mut id) = id else { return Found::Nothing };
        while let Some(survivor) = self.contacts.merged.get(&id) {
            match self.config.switches.merged_read {
                MergedRead::Absent => return Found::MergedAway,
                MergedRead::AnswersAsSurvivor => id = *survivor,
            }
        }
        match self.contacts.records.get(&id) {
            Some(contact) if contact.archived_at.is_some() == archived => Found::Contact(id),
            _ => Found::Nothing,
        }
    }

    /// The one contact a path names.
    fn contact_at(&self, call: &Call<'_>, archived: bool) -> Result<u64, ApiError> {
        let by = IdProperty::parse(call.query.get("idProperty"))?;
        match self.find_contact(call.arg, by, archived) {
            Found::Contact(id) => Ok(id),
            Found::MergedAway | Found::Nothing => Err(self.no_contact(call.arg)),
        }
    }

    /// A contact as the answer to a write of these properties.
    pub(super) fn written_contact(&self, id: u64, values: &BTreeMap<String, String>) -> Value {
        let contact = self.contacts.records.get(&id);
        contact.map_or(Value::Null, |contact| contact.to_json(self, values.keys().map(String::as_str)))
    }
}

pub(super) fn list(portal: &Portal, call: &Call<'_>) -> Outcome {
    let wanted = Wanted::of(&call.query)?;
    let limit = call.query.limit(10, if wanted.with_history.is_empty() { PAGE_LIMIT } else { HISTORY_LIMIT })?;
    let after = call.query.after()?.map_or(0, |id| id.saturating_add(1));
    let archived = call.query.flag("archived")?;
    let all = portal.contacts.records.range(after..).map(|(_, contact)| contact);
    let mut shown = all.filter(|contact| contact.archived_at.is_some() == archived);
    let contacts: Vec<&Contact> = shown.by_ref().take(limit).collect();
    let cursor = shown.next().and(contacts.last()).map(|last| last.id.to_string());
    let results = contacts.into_iter().map(|contact| wanted.show(portal, contact)).collect();
    Ok(Answer::ok(page(results, cursor)))
}

pub(super) fn get(portal: &Portal, call: &Call<'_>) -> Outcome {
    let wanted = Wanted::of(&call.query)?;
    let id = portal.contact_at(call, call.query.flag("archived")?)?;
    let contact = portal.contacts.records.get(&id).ok_or_else(|| portal.no_contact(call.arg))?;
    Ok(Answer::ok(wanted.show(portal, contact)))
}

#[derive(Deserialize)]
struct Write {
    properties: Option<BTreeMap<String, String>>,
    #[serde(default)]
    associations: Vec<AssociationInput>,
}

fn write_input(call: &Call<'_>) -> Result<(BTreeMap<String, String>, Vec<AssociationInput>), ApiError> {
    let Write { properties, associations } = input::body(call.body)?;
    input::require(&[("properties", properties.is_some())])?;
    Ok((properties.unwrap_or_default(), associations))
}

/// Updates have none: ignoring them would be a wrong answer.
pub(super) fn refuse_associations(associations: &[AssociationInput]) -> Result<(), ApiError> {
    if associations.is_empty() {
        return Ok(());
    }
    Err(ApiError::invalid("The simulator associates contacts only as it creates them"))
}

impl Portal {
    /// A new contact with the engagements it is to have.
    pub(super) fn create_linked_contact(
        &mut self,
        values: &BTreeMap<String, String>,
        links: &[(Kind, u64)],
        by: Actor,
    ) -> Result<u64, ApiError> {
        let contact = self.create_contact(values, by)?;
        for (kind, id) in links {
            self.link(*kind, *id, contact);
        }
        Ok(contact)
    }
}

pub(super) fn create(portal: &mut Portal, call: &Call<'_>) -> Outcome {
    let (values, associations) = write_input(call)?;
    let links = portal.check_contact_associations(&associations)?;
    let id = portal.create_linked_contact(&values, &links, call.actor)?;
    let location = format!("/crm/objects/2026-03/contacts/{id}");
    Ok(Answer::created(portal.written_contact(id, &values), location))
}

pub(super) fn update(portal: &mut Portal, call: &Call<'_>) -> Outcome {
    let (values, associations) = write_input(call)?;
    refuse_associations(&associations)?;
    let id = portal.contact_at(call, false)?;
    portal.update_contact(id, &values, call.actor)?;
    Ok(Answer::ok(portal.written_contact(id, &values)))
}

pub(super) fn archive(portal: &mut Portal, call: &Call<'_>) -> Outcome {
    if call.arg.parse::<u64>().is_err() {
        return Err(portal.no_contact(call.arg));
    }
    if let Found::Contact(id) = portal.find_contact(call.arg, IdProperty::Id, false) {
        portal.archive_contact(id, call.actor);
    }
    Ok(Answer::no_content())
}

/// Refuses a batch that names something twice (API.md §8.2).
pub(super) fn refuse_duplicates<'a>(ids: impl Iterator<Item = &'a str>) -> Result<(), ApiError> {
    let (mut seen, mut twice) = (BTreeSet::new(), BTreeSet::new());
    for id in ids {
        if !seen.insert(id) {
            twice.insert(id);
        }
    }
    if twice.is_empty() {
        return Ok(());
    }
    let twice: Vec<&str> = twice.into_iter().collect();
    let message = format!("Duplicate IDs found in batch input: [{}]. IDs must be unique", twice.join(", "));
    Err(ApiError::invalid(message).with("context", json!({ "ids": twice })))
}
