//! CRM records and batches of them, in the form contacts, notes, emails and tasks share (API.md §8, §9).
//!
//! Values are contact data: nothing here has a `Debug` that could show one.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::lenient;
use crate::domain::ContactId;

/// A record as HubSpot returns it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectRecord {
    /// Record id.
    #[serde(deserialize_with = "lenient::id")]
    pub id: String,
    /// Values that are set; `null` and `""` are not.
    #[serde(default, deserialize_with = "lenient::values")]
    pub properties: BTreeMap<String, String>,
    /// Versions of the properties whose history was asked for; their order is not promised.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub properties_with_history: BTreeMap<String, Option<Vec<ValueWithTimestamp>>>,
    /// Archived record.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub archived: bool,
    /// What the input of a write was marked with.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub object_write_trace_id: Option<String>,
}

/// A value a property had.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ValueWithTimestamp {
    /// The value; `null` and `""` where it was cleared.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub value: Option<String>,
    /// Since when.
    #[serde(deserialize_with = "lenient::timestamp")]
    pub timestamp: Timestamp,
    /// e.g. `CRM_UI`; open set.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub source_type: String,
}

/// The answer to any batch, whole (200, 201) or partial (207). 2026-09 puts errors into a 200 as well (API.md §1).
#[derive(Deserialize)]
pub struct BatchAnswer<T> {
    /// What went well, in any order.
    pub results: Vec<T>,
    /// What did not. Not typed: every field is optional, and `message` repeats values.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub errors: Vec<Value>,
}

/// A batch of inputs.
#[derive(Serialize)]
pub struct BatchInput<T> {
    /// One per record.
    pub inputs: Vec<T>,
}

/// Which records to read, and what of them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchRead {
    /// Properties to return.
    pub properties: Vec<String>,
    /// Properties to return with their versions.
    pub properties_with_history: Vec<String>,
    /// At most 100, or 50 with history.
    pub inputs: Vec<ObjectId>,
}

/// A record by id.
#[derive(Serialize)]
pub struct ObjectId {
    /// Record id.
    pub id: String,
}

/// New values for a record.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateInput {
    /// Record id.
    pub id: String,
    /// Distinct in the batch: makes HubSpot carry out what it can (API.md §8.2).
    pub object_write_trace_id: String,
    /// Values to write; `""` clears.
    pub properties: BTreeMap<String, String>,
}

/// A record to create.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateInput {
    /// As in [`UpdateInput`].
    pub object_write_trace_id: String,
    /// Its values.
    pub properties: BTreeMap<String, String>,
    /// What it belongs to.
    pub associations: Vec<AssociationInput>,
}

/// What a new record belongs to.
#[derive(Serialize)]
pub struct AssociationInput {
    /// The other record.
    pub to: ObjectId,
    /// In the direction from the new record to the other one (API.md §9).
    pub types: Vec<AssociationSpec>,
}

/// How two records belong together.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AssociationSpec {
    /// `HUBSPOT_DEFINED`, as far as we are concerned.
    pub association_category: &'static str,
    /// HubSpot's number for it.
    pub association_type_id: u32,
}

impl From<&ContactId> for ObjectId {
    fn from(id: &ContactId) -> Self {
        Self { id: id.as_str().to_owned() }
    }
}
