//! Tokens, scopes and regions: who may call what (API.md §1, §2). Static tokens never leave this file; those that OAuth
//! hands out are kept here, too.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Method;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::{
    answer::{Answer, ApiError, Outcome, instant},
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
    pub kind: TokenKind,
}

/// Where a token comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A service key or private app: works until it is revoked.
    Static,
    /// An OAuth app; bound to this portal, and over after a while.
    OAuth {
        client_id: String,
        expires: Timestamp,
        /// `client_credentials`: good for the journal, unknown everywhere else.
        for_journal: bool,
    },
}

impl TokenKind {
    pub(super) fn is_of(&self, client: &str) -> bool {
        matches!(self, Self::OAuth { client_id, .. } if client_id == client)
    }
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
        self.issue(token.token.clone(), Grant { scopes, app_id: token.app_id, user_id, kind: TokenKind::Static });
    }

    /// Takes a token as it is.
    pub(super) fn issue(&mut self, token: String, grant: Grant) {
        self.0.insert(token, Some(grant));
    }

    /// Makes every token of an OAuth app invalid.
    pub(super) fn revoke_all_of(&mut self, client_id: &str) {
        let its = |grant: &Grant| grant.kind.is_of(client_id);
        self.0.values_mut().filter(|grant| grant.as_ref().is_some_and(its)).for_each(|grant| *grant = None);
    }

    /// Whether it was valid.
    pub(super) fn revoke(&mut self, token: &str) -> bool {
        self.0.get_mut(token).and_then(Option::take).is_some()
    }

    pub(super) fn get(&self, token: &str) -> Option<&Grant> {
        self.0.get(token).and_then(Option::as_ref)
    }

    /// What a token that has not run out allows.
    pub(super) fn look(&self, token: &str, now: Timestamp) -> Result<&Grant, ApiError> {
        let grant = self.get(token).ok_or_else(unauthorized)?;
        match grant.kind {
            TokenKind::OAuth { expires, .. } if now >= expires => Err(expired(expires, now)),
            TokenKind::OAuth { .. } | TokenKind::Static => Ok(grant),
        }
    }

    pub(super) fn check(&self, bearer: Option<&str>, now: Timestamp) -> Result<Grant, ApiError> {
        let grant = self.look(bearer.ok_or_else(unauthorized)?, now)?;
        match grant.kind {
            TokenKind::OAuth { for_journal: true, .. } => Err(unauthorized()),
            TokenKind::OAuth { .. } | TokenKind::Static => Ok(grant.clone()),
        }
    }

    /// Every token there ever was.
    pub(super) fn all(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl Portal {
    /// A path and query for the log, with everything secret in it blotted out. What is sent to the token endpoint in the
    /// query is secret whatever it is.
    pub(super) fn redact(&self, shown: &str) -> String {
        let shown = match shown.split_once('?') {
            Some((path, _)) if path.starts_with("/oauth/") => format!("{path}?[redacted]"),
            _ => shown.to_owned(),
        };
        let secrets = self.tokens.all().chain(self.oauth.secrets());
        secrets.fold(shown, |text, secret| text.replace(secret, "[token]"))
    }

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
            self.tokens.check(bearer, self.now)?;
        }
        let Question { token_key } = input::body(body)?;
        input::require(&[("tokenKey", token_key.is_some())])?;
        let grant = self.tokens.get(token_key.as_deref().unwrap_or_default());
        let grant = grant.filter(|grant| grant.kind == TokenKind::Static).ok_or_else(unauthorized)?;
        let Grant { scopes, app_id, user_id, kind: _ } = grant;
        let hub_id = self.config.portal_id;
        Ok(Answer::ok(json!({ "userId": user_id, "hubId": hub_id, "appId": app_id, "scopes": scopes })))
    }
}

fn unauthorized() -> ApiError {
    let message = "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find \
                   more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview";
    ApiError::new(401, message).category("INVALID_AUTHENTICATION")
}

fn expired(since: Timestamp, now: Timestamp) -> ApiError {
    let seconds = now.as_second() - since.as_second();
    ApiError::new(401, format!("The OAuth token used to make this call expired {seconds} second(s) ago."))
        .category("EXPIRED_AUTHENTICATION")
        .with("context", json!({ "expire time": [instant(since)] }))
}

/// `na1` for HubSpot's documented hosts, the region of a regional one, nothing for other hosts.
fn region_of_host(host: &str) -> Option<&str> {
    let host = host.split(':').next().unwrap_or(host);
    match host {
        "api.hubapi.com" | "api.hubspot.com" => Some("na1"),
        _ => host.strip_prefix("api-").and_then(|rest| rest.strip_suffix(".hubapi.com")),
    }
}
