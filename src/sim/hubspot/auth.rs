//! Tokens, scopes and regions: who may call what (API.md §1, §2). Tokens never leave this file.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::{
    answer::{Answer, ApiError, Outcome},
    config::TokenConfig,
    input,
    portal::Portal,
    route::Route,
    switches::{MissingScopes, WrongRegion},
};

/// What a token allows.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub scopes: Vec<String>,
    pub app_id: u64,
    pub user_id: u64,
}

/// All tokens there ever were; a revoked one grants nothing but is still kept out of logs.
#[derive(Default)]
pub(super) struct Tokens(BTreeMap<String, Option<Grant>>);

impl Tokens {
    /// Makes a token valid, or changes its scopes.
    pub(super) fn grant(&mut self, token: &TokenConfig, user_id: u64) {
        let mut scopes = token.scopes.clone();
        if !scopes.iter().any(|scope| scope == "oauth") {
            scopes.insert(0, "oauth".to_owned());
        }
        self.0.insert(token.token.clone(), Some(Grant { scopes, app_id: token.app_id, user_id }));
    }

    /// Whether it was valid.
    pub(super) fn revoke(&mut self, token: &str) -> bool {
        self.0.get_mut(token).and_then(Option::take).is_some()
    }

    pub(super) fn get(&self, token: &str) -> Option<&Grant> {
        self.0.get(token).and_then(Option::as_ref)
    }

    pub(super) fn check(&self, bearer: Option<&str>) -> Result<Grant, ApiError> {
        bearer.and_then(|token| self.get(token)).cloned().ok_or_else(unauthorized)
    }

    /// A text with every token in it blotted out.
    pub(super) fn redact(&self, text: &str) -> String {
        self.0.keys().fold(text.to_owned(), |text, token| text.replace(token.as_str(), "[token]"))
    }
}

impl Portal {
    pub(super) fn check_scopes(&self, grant: &Grant, route: Route, method: &Method) -> Result<(), ApiError> {
        let wanted = route.scopes(method);
        if wanted.is_empty() || wanted.iter().any(|scope| grant.scopes.iter().any(|held| held == scope)) {
            return Ok(());
        }
        let page = "https://developers.hubspot.com/scopes";
        let message = format!(
            "This app hasn't been granted all required scopes to make this call. Read more about required scopes here: {page}."
        );
        let error = ApiError::new(403, message).category("MISSING_SCOPES").with("links", json!({ "scopes": page }));
        Err(match self.config.switches.missing_scopes {
            MissingScopes::Unnamed => error,
            MissingScopes::Named => {
                let item = json!({
                    "message": "One or more of the following scopes are required.",
                    "context": { "requiredGranularScopes": wanted },
                });
                error.with("errors", json!([item]))
            }
        })
    }

    /// Refuses a call on a HubSpot host of another region. Hosts that are not HubSpot's (loopback) serve any portal.
    pub(super) fn check_region(&self, host: Option<&str>) -> Result<(), ApiError> {
        let Some(called) = host.and_then(region_of_host) else { return Ok(()) };
        let home = self.config.data_hosting_location.as_str();
        if called == home || (called == "na1" && home.starts_with("na")) {
            return Ok(());
        }
        Err(match self.config.switches.wrong_region {
            WrongRegion::Served => return Ok(()),
            WrongRegion::Unauthorized => unauthorized(),
            WrongRegion::Misdirected => {
                let portal = self.config.portal_id;
                let message =
                    format!("Hub {portal} is unknown to this Hublet, but it appears to exist in Hublet {home}");
                ApiError::new(488, message).with("correctHublet", json!(home)).header("x-hubspot-correct-hublet", home)
            }
        })
    }

    /// `access-token-info` (API.md §2.1): any token may be asked about; outside North America the asker shows one too.
    pub(super) fn token_info(&self, body: &Bytes, bearer: Option<&str>) -> Outcome {
        #[derive(Deserialize)]
        struct Question {
            #[serde(rename = "tokenKey")]
            token_key: Option<String>,
        }
        if bearer.is_some() || !self.config.data_hosting_location.starts_with("na") {
            self.tokens.check(bearer)?;
        }
        let Question { token_key } = input::body(body)?;
        input::require(&[("tokenKey", token_key.is_some())])?;
        let grant = self.tokens.get(token_key.as_deref().unwrap_or_default()).ok_or_else(unauthorized)?;
        let Grant { scopes, app_id, user_id } = grant;
        let hub_id = self.config.portal_id;
        Ok(Answer::ok(json!({ "userId": user_id, "hubId": hub_id, "appId": app_id, "scopes": scopes })))
    }
}

fn unauthorized() -> ApiError {
    let message = "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find \
                   more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview";
    ApiError::new(401, message).category("INVALID_AUTHENTICATION")
}

/// `na1` for HubSpot's documented hosts, the region of a regional one, nothing for other hosts.
fn region_of_host(host: &str) -> Option<&str> {
    let host = host.split(':').next().unwrap_or(host);
    match host {
        "api.hubapi.com" | "api.hubspot.com" => Some("na1"),
        _ => host.strip_prefix("api-").and_then(|rest| rest.strip_suffix(".hubapi.com")),
    }
}
