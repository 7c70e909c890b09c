//! Account details (API.md §4).

use super::{HubSpot, VERSION, call::Call, error::Result, operation::Operation, wire::account::AccountDetails};

impl HubSpot {
    /// The portal of the token: the credential probe. Tells the limiter the portal's time zone.
    pub async fn account_details(&self) -> Result<AccountDetails> {
        let call = Call::get(Operation::AccountDetails, format!("/account-info/{VERSION}/details"));
        let account: AccountDetails = self.fetch(&call).await?;
        if !account.time_zone.is_empty() {
            self.limiter().set_time_zone(&account.time_zone);
        }
        Ok(account)
    }
}
