//! Account details (API.md §4).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{lenient, open_enum::open_enum};
use crate::domain::{PortalId, UserId};

open_enum!(
    /// What kind of account a portal is.
    AccountType {
        /// A paying or free customer.
        Standard = "STANDARD",
        /// A sandbox of a customer.
        Sandbox = "SANDBOX",
        /// A developer's test account.
        DeveloperTest = "DEVELOPER_TEST",
        /// The account that owns apps.
        AppDeveloper = "APP_DEVELOPER",
    }
);

/// A portal, as the credential sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountDetails {
    /// The portal the credential belongs to.
    #[serde(deserialize_with = "lenient::portal_id")]
    pub portal_id: PortalId,
    /// Production, sandbox or test.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub account_type: AccountType,
    /// Name of the portal's time zone, e.g. `US/Eastern`; the daily limit resets at its midnight (API.md §11).
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub time_zone: String,
    /// Three letters.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub company_currency: String,
    /// Three letters each.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub additional_currencies: Vec<String>,
    /// e.g. `-05:00`.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub utc_offset: String,
    /// The same in milliseconds.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub utc_offset_milliseconds: i64,
    /// Host of the portal's pages, e.g. `app.hubspot.com`.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub ui_domain: String,
    /// Region the portal's data is kept in, e.g. `na1`.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub data_hosting_location: String,
}

open_enum!(
    /// Whether HubSpot could find out how much is used.
    FetchStatus {
        /// It could.
        Success = "SUCCESS",
        /// It remembered.
        Cached = "CACHED",
        /// It could not.
        Failure = "FAILURE",
        /// There is nothing of the kind.
        NotFound = "NOTFOUND",
        /// It took too long.
        Timeout = "TIMEOUT",
    }
);

/// How much of the day's limit is used (API.md §4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DailyUsage {
    /// Calls the account may make in a day.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub usage_limit: u32,
    /// Calls it has made today.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub current_usage: u32,
    /// When they were counted.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub collected_at: Option<Timestamp>,
    /// When the day ends.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub resets_at: Option<Timestamp>,
    /// Whether the numbers mean anything.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub fetch_status: FetchStatus,
}

/// What HubSpot says of a static token (API.md §2.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenInfo {
    /// Who made the token.
    #[serde(deserialize_with = "lenient::id")]
    pub user_id: UserId,
    /// The portal it is for.
    #[serde(deserialize_with = "lenient::portal_id")]
    pub hub_id: PortalId,
    /// What it may do.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub scopes: Vec<String>,
}
