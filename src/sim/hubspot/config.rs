//! What a simulated portal is like: its identity and its limits; what HubSpot's behaviour is where that is not established
//! stands in `switches`. Values only; nothing here acts.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::{switches::Switches, webhooks::WebhookTarget};

/// A simulated portal's settings. `Default` is the portal of the documentation: 999001, United States, generous scopes.
#[derive(Clone, Debug)]
pub struct SimConfig {
    /// HubSpot's account id.
    pub portal_id: u64,
    /// Tokens that work from the start.
    pub tokens: Vec<TokenConfig>,
    /// Decides everything left to chance.
    pub seed: u64,
    /// Time an answer takes: half passes before the effect, half after it.
    pub latency: Duration,
    /// Requests per rolling ten seconds and app of service keys and private apps: 100, 190 or 250, as the tier is (API.md §11).
    pub limit_per_10s: u32,
    /// Requests per rolling ten seconds of an OAuth app in this portal, whatever its tier (API.md §11).
    pub oauth_per_10s: u32,
    /// Requests per day of the portal's time zone.
    pub daily_limit: u64,
    /// Time from a user's creation to what HubSpot does by itself: make the owner, or (with `auto_accept`) have the invitation accepted.
    pub owner_delay: Duration,
    /// Longest time the search index lags behind a write; each write draws its own.
    pub search_lag: Duration,
    /// Invitations are accepted by themselves after `owner_delay`.
    pub auto_accept: bool,
    /// Decides when the daily counter starts anew.
    pub time_zone: TimeZone,
    /// `na1`, `eu1`, …: where the portal lives.
    pub data_hosting_location: String,
    /// `STANDARD`, `SANDBOX`, `DEVELOPER_TEST` or `APP_DEVELOPER`.
    pub account_type: String,
    /// E-mail of the super admin every portal starts with; the tokens are that person's.
    pub admin_email: String,
    /// Custom properties the portal may hold per object type.
    pub custom_property_limit: usize,
    /// Where changes of contacts are told from the start.
    pub webhooks: Option<WebhookTarget>,
    /// Behaviours HubSpot does not document.
    pub switches: Switches,
}

/// A token and what it may do.
#[derive(Clone)]
pub struct TokenConfig {
    /// The secret itself.
    pub token: String,
    /// Scope names; `oauth` is always added, as HubSpot does (API.md §2).
    pub scopes: Vec<String>,
    /// The app it belongs to: the ten-second limit counts per app.
    pub app_id: u64,
}

impl std::fmt::Debug for TokenConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenConfig")
            .field("scopes", &self.scopes)
            .field("app_id", &self.app_id)
            .finish_non_exhaustive()
    }
}

impl TokenConfig {
    /// A token of the default app with every scope the operator can ask for.
    pub fn with_all_scopes(token: impl Into<String>) -> Self {
        Self {
            token: token.into(),
            scopes: ALL_SCOPES.iter().map(ToString::to_string).collect(),
            app_id: DEFAULT_APP_ID,
        }
    }
}

/// The token of [`SimConfig::default`].
pub const DEFAULT_TOKEN: &str = "pat-na1-00000000-0000-4000-8000-000000000001";

/// The app tokens belong to unless said otherwise.
pub const DEFAULT_APP_ID: u64 = 777;

/// Every scope the simulated routes look at (API.md §2.2).
pub const ALL_SCOPES: &[&str] = &[
    "oauth",
    "settings.users.read",
    "settings.users.write",
    "settings.users.teams.read",
    "crm.objects.users.read",
    "crm.objects.users.write",
    "crm.objects.owners.read",
    "crm.schemas.contacts.read",
    "crm.schemas.contacts.write",
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "sales-email-read",
];

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            portal_id: 999_001,
            tokens: vec![TokenConfig::with_all_scopes(DEFAULT_TOKEN)],
            seed: 1,
            latency: Duration::ZERO,
            limit_per_10s: 100,
            oauth_per_10s: 110,
            daily_limit: 250_000,
            owner_delay: Duration::from_secs(2),
            search_lag: Duration::ZERO,
            auto_accept: false,
            time_zone: TimeZone::UTC,
            data_hosting_location: "na1".to_owned(),
            account_type: "DEVELOPER_TEST".to_owned(),
            admin_email: "admin@example.com".to_owned(),
            custom_property_limit: 1000,
            webhooks: None,
            switches: Switches::default(),
        }
    }
}
