//! Owners (API.md §6).

use super::{Archived, HubSpot, VERSION, call::Call, error::Result, operation::Operation, wire::owners::Owner};

impl HubSpot {
    /// All owners, active or archived.
    pub async fn list_owners(&self, archived: Archived) -> Result<Vec<Owner>> {
        let call = Call::get(Operation::ListOwners, format!("/crm/owners/{VERSION}"));
        self.fetch_pages(call.query("archived", archived.as_str())).await
    }
}
