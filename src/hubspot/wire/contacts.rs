//! Contacts search (API.md §8.3).

use serde::{Deserialize, Serialize};

use super::{lenient, objects::ObjectRecord, paging::Paging};

/// A search. HubSpot allows 5 groups of 6 filters, 18 filters in all, 3,000 characters of body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SearchRequest {
    /// Any of these must hold.
    pub filter_groups: Vec<FilterGroup>,
    /// At most one.
    pub sorts: Vec<Sort>,
    /// Properties to return.
    pub properties: Vec<String>,
    /// At most 200.
    pub limit: u32,
    /// Offset as text.
    pub after: String,
}

/// All of these must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterGroup {
    /// At most 6.
    pub filters: Vec<SearchFilter>,
}

/// One comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SearchFilter {
    /// Internal name.
    pub property_name: String,
    /// e.g. `EQ`, `HAS_PROPERTY`.
    pub operator: String,
    /// What to compare with, where the operator takes one value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What to compare with, where it takes several; lower-case (API.md §8.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<String>>,
}

/// One ordering.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sort {
    /// Internal name.
    pub property_name: String,
    /// `ASCENDING` or `DESCENDING`.
    pub direction: String,
}

/// How many there are; the hits themselves are not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchTotal {
    /// Number of matches in the search index, which lags behind the contacts.
    #[serde(deserialize_with = "lenient::number")]
    pub total: u64,
}

/// One page of what was found.
#[derive(Deserialize)]
pub struct SearchAnswer {
    /// Number of matches in the search index, on all pages together.
    #[serde(deserialize_with = "lenient::number")]
    pub total: u64,
    /// The matches of this page.
    pub results: Vec<ObjectRecord>,
    /// Where the next page is; absent on the last one.
    #[serde(default)]
    pub paging: Option<Paging>,
}
