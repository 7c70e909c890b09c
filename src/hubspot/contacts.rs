//! Contacts by id: read with history, changed in batches (API.md §8.1, §8.2).

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use http::Method;
use jiff::Timestamp;

use super::{
    CONTACTS, HubSpot, VERSION,
    batch::{BATCH_LIMIT, ItemOutcome, at_most, named_ids, refused_here, trace_id},
    call::Call,
    error::Result,
    operation::Operation,
    wire::objects::{BatchAnswer, BatchInput, BatchRead, ObjectId, ObjectRecord, UpdateInput, ValueWithTimestamp},
};
use crate::domain::ContactId;

/// Contacts per read with history.
pub const HISTORY_LIMIT: usize = 50;

/// A contact. Its `Debug` shows names, never values.
#[derive(Clone, PartialEq, Eq)]
pub struct ContactRecord {
    /// Its id. A merged contact may answer under the id of the one it was merged into.
    pub id: ContactId,
    properties: BTreeMap<String, String>,
    history: BTreeMap<String, Vec<Version>>,
    /// Archived record.
    pub archived: bool,
}

/// What came of a read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContactsRead {
    /// Those that are there, in any order.
    pub records: Vec<ContactRecord>,
    /// Those HubSpot says are not. One that is in neither was merged away, or left out for no reason (API.md §8.1).
    pub missing: BTreeSet<ContactId>,
}

/// A value a property had.
#[derive(Clone, PartialEq, Eq)]
pub struct Version {
    /// The value; none where it was cleared.
    pub value: Option<String>,
    /// Since when.
    pub at: Timestamp,
    /// HubSpot's `sourceType`, e.g. `CRM_UI`; open set.
    pub source: String,
}

/// New values for a contact.
#[derive(Clone, PartialEq, Eq)]
pub struct ContactUpdate {
    /// Which contact.
    pub id: ContactId,
    /// Values by internal name; `""` clears.
    pub properties: BTreeMap<String, String>,
}

impl ContactRecord {
    /// A contact that is not archived, with what is set of it, and versions in any order.
    pub fn new(id: ContactId, properties: BTreeMap<String, String>, history: BTreeMap<String, Vec<Version>>) -> Self {
        let properties = properties.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let newest_first = |(name, mut versions): (String, Vec<Version>)| {
            versions.sort_by_key(|version| std::cmp::Reverse(version.at));
            (name, versions)
        };
        Self { id, properties, history: history.into_iter().map(newest_first).collect(), archived: false }
    }

    /// The value of a property that was asked for; none if it is not set.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.properties.get(name).map(String::as_str)
    }

    /// The versions of a property whose history was asked for, newest first. Equal neighbours are not merged, and how
    /// far back it goes is not established (API.md §14.8).
    pub fn history(&self, name: &str) -> &[Version] {
        self.history.get(name).map(Vec::as_slice).unwrap_or_default()
    }
}

impl ContactsRead {
    /// Adds what came of another read.
    pub fn append(&mut self, other: Self) {
        let Self { records, missing } = other;
        self.records.extend(records);
        self.missing.extend(missing);
    }
}

impl From<ObjectRecord> for ContactRecord {
    fn from(record: ObjectRecord) -> Self {
        let ObjectRecord { id, properties, properties_with_history, archived, object_write_trace_id: _ } = record;
        let version = |ValueWithTimestamp { value, timestamp, source_type }| Version {
            value: value.filter(|value| !value.is_empty()),
            at: timestamp,
            source: source_type,
        };
        let versions = |versions: Option<Vec<_>>| versions.unwrap_or_default().into_iter().map(version).collect();
        let history = properties_with_history.into_iter().map(|(name, held)| (name, versions(held))).collect();
        Self { archived, ..Self::new(ContactId(id), properties, history) }
    }
}

impl fmt::Debug for ContactRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContactRecord")
            .field("id", &self.id)
            .field("properties", &self.properties.keys())
            .field("history", &self.history.keys())
            .field("archived", &self.archived)
            .finish()
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Version").field("at", &self.at).field("source", &self.source).finish_non_exhaustive()
    }
}

impl fmt::Debug for ContactUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContactUpdate").field("id", &self.id).field("properties", &self.properties.keys()).finish()
    }
}

fn path(rest: &str) -> String {
    format!("/crm/objects/{VERSION}/{CONTACTS}/{rest}")
}

impl HubSpot {
    /// The contacts as they are now. At most 100, or [`HISTORY_LIMIT`] with history. Those that were deleted or merged away
    /// are not among the records; a property with history also has its value.
    pub async fn read_contacts(
        &self,
        ids: &[ContactId],
        properties: &[&str],
        with_history: &[&str],
    ) -> Result<ContactsRead> {
        let operation = Operation::ReadContacts;
        let ids: BTreeSet<&ContactId> = ids.iter().collect();
        at_most(operation, if with_history.is_empty() { BATCH_LIMIT } else { HISTORY_LIMIT }, ids.len())?;
        if ids.is_empty() {
            return Ok(ContactsRead::default());
        }
        let mut names: Vec<&str> = properties.to_vec();
        names.extend(with_history.iter().filter(|name| !properties.contains(name)));
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let request = BatchRead {
            properties: owned(&names),
            properties_with_history: owned(with_history),
            inputs: ids.iter().copied().map(ObjectId::from).collect(),
        };
        let call = Call::new(operation, Method::POST, path("batch/read")).json(&request)?;
        let answer: BatchAnswer<ObjectRecord> = self.fetch(&call).await?;
        self.nothing_unread(operation, &answer.errors)?;
        // A merged contact that was asked for by both its ids comes twice.
        let mut seen = BTreeSet::new();
        let first_time = |contact: &ContactRecord| seen.insert(contact.id.clone());
        let records: Vec<_> = answer.results.into_iter().map(ContactRecord::from).filter(first_time).collect();
        let absent = named_ids(&answer.errors);
        let missing = ids.into_iter().filter(|id| absent.contains(id.as_str())).cloned().collect();
        Ok(ContactsRead { records, missing })
    }

    /// Changes up to 100 different contacts and says what came of each, in the order of `updates`. An error means that
    /// the batch as a whole was refused or its answer lost. It is never repeated here: what was decided on may have changed.
    pub async fn update_contacts(&self, updates: &[ContactUpdate]) -> Result<Vec<ItemOutcome>> {
        let operation = Operation::UpdateContacts;
        at_most(operation, BATCH_LIMIT, updates.len())?;
        let ids: Vec<&ContactId> = updates.iter().map(|update| &update.id).collect();
        if ids.iter().collect::<BTreeSet<_>>().len() < ids.len() {
            return Err(refused_here(operation, "a contact twice in one call; nothing was sent".to_owned()));
        }
        if updates.is_empty() {
            return Ok(Vec::new());
        }
        let input = |(index, update): (usize, &ContactUpdate)| UpdateInput {
            id: update.id.as_str().to_owned(),
            object_write_trace_id: trace_id(index),
            properties: update.properties.clone(),
        };
        let request = BatchInput { inputs: updates.iter().enumerate().map(input).collect() };
        let call = Call::new(operation, Method::POST, path("batch/update")).json(&request)?;
        Ok(self.updated(&ids, self.fetch(&call).await?))
    }
}
