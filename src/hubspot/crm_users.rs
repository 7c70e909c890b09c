//! CRM users (API.md §5.2).

use super::{
    HubSpot, VERSION,
    call::Call,
    error::Result,
    operation::Operation,
    wire::crm_users::{CrmUser, PROPERTIES},
};

impl HubSpot {
    /// All CRM user records, with what shows an accepted invitation. A user may have none.
    pub async fn list_crm_users(&self) -> Result<Vec<CrmUser>> {
        let call = Call::get(Operation::ListCrmUsers, format!("/crm/objects/{VERSION}/users"));
        self.fetch_pages(call.query("properties", PROPERTIES.join(","))).await
    }
}
