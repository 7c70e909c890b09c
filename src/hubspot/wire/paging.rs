//! Lists that come in pages, and lists that do not.

use serde::{Deserialize, Serialize};

use super::lenient;

/// One page, or a whole list where the endpoint does not page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// What the page holds.
    pub results: Vec<T>,
    /// Where the next page is; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paging: Option<Paging>,
}

/// Forward paging.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paging {
    /// The next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<NextPage>,
}

/// The cursor of the next page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextPage {
    /// Opaque; sent back as `after`.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// HubSpot's own link; we never follow it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

impl<T> Page<T> {
    /// The cursor to go on with, if there is a next page.
    pub fn next(&self) -> Option<&str> {
        self.paging.as_ref()?.cursor()
    }
}

impl Paging {
    /// The cursor to go on with, if there is a next page.
    pub fn cursor(&self) -> Option<&str> {
        let after = self.next.as_ref()?.after.as_deref()?;
        (!after.is_empty()).then_some(after)
    }
}
