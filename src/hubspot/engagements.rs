//! Notes, logged e-mails and tasks on a contact's timeline (API.md §9).
//!
//! HubSpot has no idempotency for them: a create that may have happened is looked up by what it holds before it is
//! repeated, with [`HubSpot::engagements_of`] and [`HubSpot::read_engagements`].

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use http::Method;
use jiff::Timestamp;

use super::{
    CONTACTS, HubSpot, VERSION,
    answer::malformed,
    batch::{BATCH_LIMIT, ItemOutcome, at_most, trace_id},
    call::Call,
    error::Result,
    instant,
    operation::Operation,
    paging::MAX_PAGES,
    wire::{
        associations::{Associations, FetchAssociations},
        objects::{
            AssociationInput, AssociationSpec, BatchAnswer, BatchInput, BatchRead, CreateInput, ObjectId, ObjectRecord,
        },
    },
};
use crate::domain::ContactId;

/// Contacts per look-up of what belongs to them.
pub const ASSOCIATIONS_LIMIT: usize = 1_000;

/// Place on the timeline; a task's due date.
const TIMESTAMP: &str = "hs_timestamp";

/// What can be put on a timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EngagementKind {
    /// A note.
    Note,
    /// The record of an e-mail; nothing is sent.
    Email,
    /// A task.
    Task,
}

/// Something to put on a contact's timeline.
#[derive(Clone, PartialEq, Eq)]
pub struct NewEngagement {
    /// On whose timeline.
    pub contact: ContactId,
    /// Values by internal name; `hs_timestamp` is required.
    pub properties: BTreeMap<String, String>,
}

/// Something on a timeline. Its `Debug` shows names, never values.
#[derive(Clone, PartialEq, Eq)]
pub struct EngagementRecord {
    /// Record id.
    pub id: String,
    properties: BTreeMap<String, String>,
}

impl EngagementKind {
    /// The object type in paths.
    pub fn object_type(self) -> &'static str {
        match self {
            Self::Note => "notes",
            Self::Email => "emails",
            Self::Task => "tasks",
        }
    }

    /// HubSpot's own association, from the engagement to the contact.
    fn to_contact(self) -> AssociationSpec {
        let association_type_id = match self {
            Self::Note => 202,
            Self::Email => 198,
            Self::Task => 204,
        };
        AssociationSpec { association_category: "HUBSPOT_DEFINED", association_type_id }
    }

    /// What creating one is called.
    pub fn create(self) -> Operation {
        match self {
            Self::Note => Operation::CreateNotes,
            Self::Email => Operation::CreateEmails,
            Self::Task => Operation::CreateTasks,
        }
    }

    fn read(self) -> Operation {
        match self {
            Self::Note => Operation::ReadNotes,
            Self::Email => Operation::ReadEmails,
            Self::Task => Operation::ReadTasks,
        }
    }

    fn path(self, rest: &str) -> String {
        format!("/crm/objects/{VERSION}/{}/{rest}", self.object_type())
    }
}

impl EngagementRecord {
    /// A record with what is set of it.
    pub fn new(id: String, properties: BTreeMap<String, String>) -> Self {
        Self { id, properties: properties.into_iter().filter(|(_, value)| !value.is_empty()).collect() }
    }

    /// The value of a property that was asked for; none if it is not set.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.properties.get(name).map(String::as_str)
    }

    /// Its place on the timeline, if `hs_timestamp` was asked for.
    pub fn at(&self) -> Option<Timestamp> {
        instant(self.value(TIMESTAMP)?)
    }
}

impl fmt::Debug for EngagementRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngagementRecord").field("id", &self.id).field("properties", &self.properties.keys()).finish()
    }
}

impl fmt::Debug for NewEngagement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { contact, properties } = self;
        f.debug_struct("NewEngagement").field("contact", contact).field("properties", &properties.keys()).finish()
    }
}

impl HubSpot {
    /// Puts up to 100 engagements on timelines and says what came of each, in the order of `items`. Not repeated once
    /// it may have been received: after an ambiguous error or [`ItemOutcome::Unclear`], look before any repeat.
    ///
    /// A contact that is not there may also show as refusal with `INVALID_OBJECT_IDS`, which some portals answer for
    /// good contacts too (API.md §9): read the contact to know.
    pub async fn create_engagements(&self, kind: EngagementKind, items: &[NewEngagement]) -> Result<Vec<ItemOutcome>> {
        let operation = kind.create();
        at_most(operation, BATCH_LIMIT, items.len())?;
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let input = |(index, item): (usize, &NewEngagement)| CreateInput {
            object_write_trace_id: trace_id(index),
            properties: item.properties.clone(),
            associations: vec![AssociationInput { to: (&item.contact).into(), types: vec![kind.to_contact()] }],
        };
        let request = BatchInput { inputs: items.iter().enumerate().map(input).collect() };
        let call = Call::new(operation, Method::POST, kind.path("batch/create")).json(&request)?;
        let contacts: Vec<&ContactId> = items.iter().map(|item| &item.contact).collect();
        Ok(self.created(&contacts, self.fetch(&call).await?))
    }

    /// The ids of all engagements of a kind of up to [`ASSOCIATIONS_LIMIT`] contacts. Contacts that have none, or are
    /// not there, are not in the answer.
    pub async fn engagements_of(
        &self,
        kind: EngagementKind,
        contacts: &[ContactId],
    ) -> Result<BTreeMap<ContactId, Vec<String>>> {
        let operation = Operation::ReadAssociations;
        let wanted: BTreeSet<&ContactId> = contacts.iter().collect();
        at_most(operation, ASSOCIATIONS_LIMIT, wanted.len())?;
        let path = format!("/crm/associations/{VERSION}/{CONTACTS}/{}/batch/read", kind.object_type());
        let mut found: BTreeMap<ContactId, BTreeSet<String>> = BTreeMap::new();
        let mut cursors = BTreeSet::new();
        // Every contact has pages of its own; those with more are asked about again, together.
        let first = |id: &ContactId| FetchAssociations { id: id.as_str().to_owned(), after: None };
        let mut inputs: Vec<_> = wanted.into_iter().map(first).collect();
        for _ in 0..MAX_PAGES {
            if inputs.is_empty() {
                return Ok(found.into_iter().map(|(contact, ids)| (contact, ids.into_iter().collect())).collect());
            }
            let call = Call::new(operation, Method::POST, path.as_str()).json(&BatchInput { inputs })?;
            let answer: BatchAnswer<Associations> = self.fetch(&call).await?;
            self.nothing_unread(operation, &answer.errors)?;
            inputs = Vec::new();
            for Associations { from, to, paging } in answer.results {
                if let Some(after) = paging.as_ref().and_then(|paging| paging.cursor()) {
                    if !cursors.insert((from.id.clone(), after.to_owned())) {
                        return Err(malformed(operation, "its pages go round in a circle".to_owned(), None));
                    }
                    inputs.push(FetchAssociations { id: from.id.clone(), after: Some(after.to_owned()) });
                }
                if !to.is_empty() {
                    found.entry(ContactId(from.id)).or_default().extend(to.into_iter().map(|to| to.id));
                }
            }
        }
        Err(malformed(operation, format!("it has more than {MAX_PAGES} pages"), None))
    }

    /// The engagements that are there, up to 100, in any order.
    pub async fn read_engagements(
        &self,
        kind: EngagementKind,
        ids: &[String],
        properties: &[&str],
    ) -> Result<Vec<EngagementRecord>> {
        let operation = kind.read();
        let ids: BTreeSet<&String> = ids.iter().collect();
        at_most(operation, BATCH_LIMIT, ids.len())?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let request = BatchRead {
            properties: properties.iter().map(|name| (*name).to_owned()).collect(),
            properties_with_history: Vec::new(),
            inputs: ids.into_iter().map(|id| ObjectId { id: id.clone() }).collect(),
        };
        let call = Call::new(operation, Method::POST, kind.path("batch/read")).json(&request)?;
        let answer: BatchAnswer<ObjectRecord> = self.fetch(&call).await?;
        self.nothing_unread(operation, &answer.errors)?;
        let record = |record: ObjectRecord| EngagementRecord::new(record.id, record.properties);
        Ok(answer.results.into_iter().map(record).collect())
    }
}
