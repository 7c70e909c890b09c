//! Account details (API.md §4).

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
