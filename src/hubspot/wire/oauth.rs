//! Answers of the token endpoint (API.md §3). Neither has a `Debug`: both hold tokens, or could.

use serde::Deserialize;

use super::lenient;
use crate::domain::{PortalId, UserId};

/// Tokens handed out.
#[derive(Deserialize)]
pub struct TokenAnswer {
    /// For calls.
    pub access_token: String,
    /// For the next answer like this; absent with `client_credentials`.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub refresh_token: Option<String>,
    /// Seconds the access token lives.
    #[serde(deserialize_with = "lenient::number")]
    pub expires_in: u64,
    /// The portal it is bound to.
    #[serde(default, deserialize_with = "lenient::optional_portal_id")]
    pub hub_id: Option<PortalId>,
    /// What it may do.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub scopes: Vec<String>,
}

/// What a token is good for.
#[derive(Deserialize)]
pub struct Introspection {
    /// Whether it is good for anything; then the rest is there.
    pub active: bool,
    /// Whose it is.
    #[serde(default, deserialize_with = "lenient::optional_id")]
    pub user_id: Option<UserId>,
    /// The portal it is bound to.
    #[serde(default, deserialize_with = "lenient::optional_portal_id")]
    pub hub_id: Option<PortalId>,
    /// What it may do.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub scopes: Vec<String>,
}
