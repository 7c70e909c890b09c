//! Account details (API.md §4).

use http::Method;

use super::{
    HubSpot, VERSION,
    call::Call,
    error::Result,
    operation::Operation,
    wire::account::{AccountDetails, TokenInfo},
};

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

    /// Whom the token belongs to and which scopes it holds (API.md §2.1). Not in HubSpot's specs.
    pub async fn token_info(&self) -> Result<TokenInfo> {
        let path = "/oauth/v2/private-apps/get/access-token-info";
        let call = Call::new(Operation::TokenInfo, Method::POST, path).json(&self.inner.token.question())?;
        self.fetch(&call).await
    }
}
