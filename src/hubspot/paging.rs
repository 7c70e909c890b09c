//! Lists read to their end, with a bound on everything.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;

use super::{HubSpot, answer::malformed, call::Call, error::Result, wire::paging::Page};

/// Items per page. Owners would allow 500 (API.md §6); 100 is what all lists allow.
pub(super) const PAGE_SIZE: u32 = 100;
/// Pages per list: a portal with more than this is not one we know how to hold.
pub(super) const MAX_PAGES: usize = 1_000;

impl HubSpot {
    /// All pages, in order. A list is whole or an error: half a list would look like deletions.
    pub(super) async fn fetch_pages<T: DeserializeOwned>(&self, first: Call) -> Result<Vec<T>> {
        let first = first.query("limit", PAGE_SIZE.to_string());
        let mut items = Vec::new();
        let mut cursors = BTreeSet::new();
        let mut call = first.clone();
        for _ in 0..MAX_PAGES {
            let page: Page<T> = self.fetch(&call).await?;
            let next = page.next().map(str::to_owned);
            items.extend(page.results);
            let Some(after) = next else { return Ok(items) };
            if !cursors.insert(after.clone()) {
                return Err(malformed(call.operation, "its pages go round in a circle".to_owned(), None));
            }
            call = first.clone().query("after", after);
        }
        Err(malformed(call.operation, format!("it has more than {MAX_PAGES} pages"), None))
    }

    /// A list that does not page.
    pub(super) async fn fetch_list<T: DeserializeOwned>(&self, call: &Call) -> Result<Vec<T>> {
        let page: Page<T> = self.fetch(call).await?;
        Ok(page.results)
    }
}
