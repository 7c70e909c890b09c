//! Merging two contacts into one (API.md §8.2): classic behaviour makes a new contact under a new id and both old ids vanish;
//! a switch keeps the primary's id.
//!
//! Choices where HubSpot is silent: the older creation date stays; both histories are joined by date, and a value that is not
//! the newest of the joined history gets an entry of the merge's (`MERGE_CONTACTS`), so that a history always starts with
//! the value that holds; the secondary's address goes on finding the contact.

use serde::Deserialize;

use super::{
    answer::{Answer, ApiError, Outcome, instant},
    changes::ChangeKind,
    contact_api::{Found, IdProperty},
    contacts::{Contact, Version},
    input,
    portal::{Actor, Call, Portal},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MergeInput {
    primary_object_id: Option<String>,
    object_id_to_merge: Option<String>,
}

pub(super) fn merge(portal: &mut Portal, call: &Call<'_>) -> Outcome {
    let MergeInput { primary_object_id: primary, object_id_to_merge: secondary } = input::body(call.body)?;
    input::require(&[("objectIdToMerge", secondary.is_some()), ("primaryObjectId", primary.is_some())])?;
    let (primary, secondary) = (primary.unwrap_or_default(), secondary.unwrap_or_default());
    let id = portal.merge_contacts(&primary, &secondary, call.actor)?;
    let contact = portal.contacts.get(id).ok_or_else(|| portal.no_contact(&primary))?;
    Ok(Answer::ok(contact.to_full_json(portal)))
}

impl Portal {
    /// Merges the secondary into the primary; the id of the contact that remains.
    pub(super) fn merge_contacts(&mut self, primary: &str, secondary: &str, by: Actor) -> Result<u64, ApiError> {
        let find = |key: &str| match self.find_contact(key, IdProperty::Id, false) {
            Found::Contact(id) => Ok(id),
            Found::MergedAway | Found::Nothing => Err(self.no_contact(key)),
        };
        let (primary_id, secondary_id) = (find(primary)?, find(secondary)?);
        if primary_id == secondary_id {
            return Err(ApiError::invalid("A contact cannot be merged with itself"));
        }
        let records = &mut self.contacts.records;
        let (Some(first), Some(second)) = (records.remove(&primary_id), records.remove(&secondary_id)) else {
            return Err(self.no_contact(primary));
        };
        let keeps = self.config.switches.merge_keeps_primary_id;
        let id = if keeps { primary_id } else { self.contacts.ids.next() };
        let by = Actor::Merge { user_id: by.user_id() };
        let contact = self.joined(id, &first, &second, by);
        for email in contact.emails() {
            self.contacts.by_email.insert(email.to_owned(), id);
        }
        self.contacts.records.insert(id, contact);
        let mut gone = vec![primary_id, secondary_id];
        gone.retain(|old| *old != id);
        self.contacts.merged.extend(gone.iter().map(|old| (*old, id)));
        self.reassociate(&gone, id);
        for old in &gone {
            self.index_contact(*old);
        }
        self.index_contact(id);
        self.note_change(id, ChangeKind::Merge { merged: gone }, by);
        Ok(id)
    }

    fn joined(&self, id: u64, first: &Contact, second: &Contact, by: Actor) -> Contact {
        let now = self.now;
        let stamps = self.config.switches.merge_stamps;
        let mut other_emails: Vec<String> = first.other_emails.clone();
        other_emails.extend(second.emails().map(str::to_owned));
        let mut joined = Contact {
            id,
            values: second.values.clone(),
            other_emails,
            created_at: first.created_at.min(second.created_at),
            updated_at: now,
            archived_at: None,
            order: first.order.max(second.order) + 1,
        };
        for (name, versions) in &first.values {
            let all = joined.values.entry(name.clone()).or_default();
            all.extend(versions.iter().cloned());
            // Stable: of equal dates the primary's is the newer.
            all.sort_by_key(|version| version.at);
        }
        for (name, versions) in &mut joined.values {
            let mut value = first.value(name).or_else(|| second.value(name)).unwrap_or_default();
            let newest = versions.last().map_or("", |version| version.value.as_str());
            let stamp = stamps && !value.is_empty();
            if stamp && name == "hubspot_owner_assigneddate" {
                value = instant(now);
            }
            if stamp || newest != value {
                versions.push(Version { value, at: now, by, order: joined.order });
            }
        }
        let email = joined.value("email");
        joined.other_emails.retain(|other| Some(other) != email.as_ref());
        joined
    }
}
