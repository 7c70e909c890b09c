//! Account details (API.md §4).

use http::Method;

use super::{
    Credential, HubSpot, VERSION,
    call::Call,
    error::Result,
    operation::Operation,
    wire::{
        account::{AccountDetails, DailyUsage, FetchStatus, TokenInfo},
        paging::Page,
    },
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

    /// How much of the day's limit all private apps and scripts of the account have used; OAuth apps have no such limit
    /// (API.md §11). `None` if HubSpot cannot tell now. Tells the limiter, for whom it is meant: where HubSpot's headers do
    /// not say so, and not more than once an hour ([`super::Limiter::ask_usage`]).
    pub async fn daily_usage(&self) -> Result<Option<DailyUsage>> {
        let path = format!("/account-info/{VERSION}/api-usage/daily/private-apps");
        let answer = self.fetch::<Page<DailyUsage>>(&Call::get(Operation::DailyUsage, path)).await?;
        let known = |usage: &DailyUsage| matches!(usage.fetch_status, FetchStatus::Success | FetchStatus::Cached);
        // One that was collected on another day says nothing of this one; the limiter sees to that.
        let usage = answer.results.into_iter().find(|usage| known(usage) && usage.usage_limit > 0);
        if let Some(usage) = &usage {
            let left = usage.usage_limit.saturating_sub(usage.current_usage);
            self.limiter().learn_usage((usage.usage_limit, left), (usage.collected_at, usage.resets_at));
        }
        Ok(usage)
    }

    /// Whom the token belongs to and which scopes it holds. Of a static token it is asked by a call that HubSpot's specs do
    /// not have (API.md §2.1), of one of OAuth by introspection (API.md §3).
    pub async fn token_info(&self) -> Result<TokenInfo> {
        let token = match &self.inner.credential {
            Credential::OAuth(authorization) => return authorization.introspect().await,
            Credential::Static(token) => token,
        };
        let path = "/oauth/v2/private-apps/get/access-token-info";
        let call = Call::new(Operation::TokenInfo, Method::POST, path).json(&token.question())?;
        self.fetch(&call).await
    }
}
