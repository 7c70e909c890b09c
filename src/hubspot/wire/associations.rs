//! Which records belong to which (API.md §9).

use serde::{Deserialize, Serialize};

use super::{lenient, paging::Paging};

/// The record whose associations are wanted.
#[derive(Clone, Debug, Serialize)]
pub struct FetchAssociations {
    /// Record id.
    pub id: String,
    /// Where to go on; every record has its own pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// A page of what belongs to one record.
#[derive(Clone, Debug, Deserialize)]
pub struct Associations {
    /// The record that was asked for.
    pub from: AssociatedFrom,
    /// What belongs to it.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub to: Vec<AssociatedTo>,
    /// Where the next page is.
    #[serde(default)]
    pub paging: Option<Paging>,
}

/// The record that was asked for.
#[derive(Clone, Debug, Deserialize)]
pub struct AssociatedFrom {
    /// Record id.
    #[serde(deserialize_with = "lenient::id")]
    pub id: String,
}

/// A record on the other side.
#[derive(Clone, Debug, Deserialize)]
pub struct AssociatedTo {
    /// Record id; a number in the guides, a string in the specification.
    #[serde(rename = "toObjectId", alias = "id", deserialize_with = "lenient::id")]
    pub id: String,
}
