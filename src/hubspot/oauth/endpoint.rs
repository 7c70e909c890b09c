//! The token endpoint: forms in, tokens or a meaning out (API.md §3).
//!
//! Nothing HubSpot writes into an error is passed on but its code, and that only if it looks like one: the rest of the
//! text may repeat what was sent. These calls count to no limit and wait for none.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use url::{Url, form_urlencoded};

use super::secrets::{App, AuthorizationCode, CodeVerifier, RefreshToken};
use crate::{
    domain::PortalId,
    hubspot::{
        VERSION,
        error::{Error, ErrorKind, Rejection, Result},
        limits,
        operation::Operation,
        region::Region,
        token::AccessToken,
        wire::{
            account::TokenInfo,
            oauth::{Introspection, TokenAnswer},
        },
    },
    runtime::transport::{HttpRequest, HttpResponse, Transport, TransportError},
};

/// Pause after a 429 or 477 that does not say for how long.
const LEAST_PAUSE: Duration = Duration::from_secs(10);
/// An access token is taken to live at least so long: nonsense must not make us ask on and on.
const LEAST_LIFETIME: Duration = Duration::from_mins(1);
/// And no longer than this before we ask again.
const LONGEST_LIFETIME: Duration = Duration::from_hours(24);

/// What people call the places our secrets come from: part of every message that asks them to change one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// Where client id and secret are, e.g. `Secret hubspot-app`.
    pub app: String,
    /// Where the refresh token is, e.g. `Secret hubspot-tokens`.
    pub token: String,
}

/// HubSpot's token endpoint, as one app calls it.
pub struct TokenEndpoint {
    /// Sends requests.
    pub transport: Arc<dyn Transport>,
    /// Scheme and host.
    pub base: Url,
    /// Who asks.
    pub app: App,
    /// Where that is written.
    pub places: Places,
}

/// What the endpoint grants.
#[derive(Clone, Debug)]
pub struct Granted {
    /// For calls.
    pub access: AccessToken,
    /// For the next grant; the same as before or another one.
    pub refresh: Option<RefreshToken>,
    /// How long the access token lives, from when it was asked for.
    pub lifetime: Duration,
    /// When it was asked for.
    pub asked_at: Instant,
    /// What it may do.
    pub scopes: Vec<String>,
    /// The portal it is bound to, if HubSpot says so.
    pub portal: Option<PortalId>,
}

impl TokenEndpoint {
    /// A new access token.
    pub async fn refresh(&self, token: &RefreshToken) -> Result<Granted> {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token.expose())];
        self.grant(Operation::RefreshToken, &form).await
    }

    /// The first tokens, for a code from the consent page.
    pub async fn exchange(
        &self,
        code: &AuthorizationCode,
        redirect_uri: &str,
        verifier: &CodeVerifier,
    ) -> Result<Granted> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier.expose()),
        ];
        self.grant(Operation::ExchangeCode, &form).await
    }

    /// Whom an access token belongs to and what it may do.
    pub async fn introspect(&self, token: &AccessToken) -> Result<TokenInfo> {
        let operation = Operation::IntrospectToken;
        let form = [("token", token.expose()), ("token_type_hint", "access_token")];
        let answer: Introspection = self.call(operation, "/introspect", &form).await?;
        match answer {
            Introspection { active: true, user_id: Some(user_id), hub_id: Some(hub_id), scopes } => {
                Ok(TokenInfo { user_id, hub_id, scopes })
            }
            Introspection { active: false, .. } => {
                let message = "HubSpot does not know it (any more)".to_owned();
                Err(failure(operation, ErrorKind::Unauthorized { message, expired: false }))
            }
            Introspection { .. } => Err(malformed(operation, "it names no user or no portal")),
        }
    }

    async fn grant(&self, operation: Operation, form: &[(&str, &str)]) -> Result<Granted> {
        let asked_at = Instant::now();
        let answer = self.call(operation, "", form).await?;
        let TokenAnswer { access_token, refresh_token, expires_in, hub_id, scopes } = answer;
        let unusable = |_| malformed(operation, "it holds a token that cannot be one");
        Ok(Granted {
            access: AccessToken::new(access_token).map_err(unusable)?,
            refresh: refresh_token.map(RefreshToken::new).transpose().map_err(unusable)?,
            lifetime: Duration::from_secs(expires_in).clamp(LEAST_LIFETIME, LONGEST_LIFETIME),
            asked_at,
            scopes,
            portal: hub_id,
        })
    }

    /// Sends a form, id and secret of the app with it, and reads the answer.
    async fn call<T: DeserializeOwned>(&self, operation: Operation, path: &str, form: &[(&str, &str)]) -> Result<T> {
        let request = self.request(path, form).map_err(|_| {
            let message = "the request cannot be built".to_owned();
            failure(operation, ErrorKind::Unreachable { message })
        })?;
        let started = Instant::now();
        let (status, result) = match self.transport.send(request).await {
            Ok(response) => (Some(response.status().as_u16()), self.read(operation, response)),
            Err(error) => (None, Err(failure(operation, no_answer(&error)))),
        };
        let outcome = result.as_ref().map_or_else(Error::category, |_| "ok");
        let correlation_id = result.as_ref().err().and_then(|error| error.correlation_id.as_deref());
        let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::debug!(operation = operation.name(), status, outcome, duration_ms, correlation_id, "hubspot call");
        serde_json::from_slice(&result?).map_err(|_| malformed(operation, "it has not the documented shape"))
    }

    fn request(&self, path: &str, form: &[(&str, &str)]) -> Result<HttpRequest, http::Error> {
        let App { id, secret } = &self.app;
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .append_pair("client_id", id.expose())
            .append_pair("client_secret", secret.expose())
            .finish();
        http::Request::post(format!("{}/oauth/{VERSION}/token{path}", self.base.as_str().trim_end_matches('/')))
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body.into())
    }

    fn read(&self, operation: Operation, response: HttpResponse) -> Result<Bytes> {
        let (parts, body) = response.into_parts();
        if parts.status.is_success() {
            return Ok(body);
        }
        let correlation_id = id_of(&parts.headers);
        let kind = self.meaning(parts.status.as_u16(), &parts.headers, &body);
        Err(Error { operation, kind, correlation_id })
    }

    /// What a status other than 2xx means.
    fn meaning(&self, status: u16, headers: &HeaderMap, body: &Bytes) -> ErrorKind {
        let retry_after = limits::retry_after(headers);
        match status {
            300..=399 => ErrorKind::Redirected { status },
            423 | 429 | 477 => {
                ErrorKind::Busy { status, retry_after: retry_after.unwrap_or_default().max(LEAST_PAUSE) }
            }
            488 => {
                let named = headers.get("x-hubspot-correct-hublet").and_then(|value| value.to_str().ok());
                ErrorKind::WrongRegion { correct: named.and_then(Region::new).map(|region| region.to_string()) }
            }
            408 | 500.. => {
                let message = format!("the token endpoint answered with status {status}");
                ErrorKind::Unavailable { status: Some(status), message }
            }
            _ => self.refusal(status, &Codes::of(body)),
        }
    }

    fn refusal(&self, status: u16, codes: &Codes) -> ErrorKind {
        let Places { app, token } = &self.places;
        let again = "authorise the app again and put the new refresh token there";
        match (codes.status.as_deref(), codes.error.as_deref()) {
            (Some("BAD_REFRESH_TOKEN"), _) | (None, Some("invalid_grant")) => ErrorKind::AuthorizationLost {
                message: format!(
                    "HubSpot refuses key \"refresh_token\" of {token} (BAD_REFRESH_TOKEN): the app was uninstalled, the \
                     token was revoked, or it was replaced by one that never arrived here; {again}"
                ),
            },
            (Some("BAD_HUB"), _) | (None, Some("access_denied")) => ErrorKind::AuthorizationLost {
                message: format!(
                    "HubSpot knows no portal for key \"refresh_token\" of {token} (BAD_HUB): the app was uninstalled; {again}"
                ),
            },
            (Some("BAD_CLIENT_ID"), _) => ErrorKind::ClientRefused {
                message: format!("HubSpot knows no app for key \"client_id\" of {app} (BAD_CLIENT_ID)"),
            },
            (Some("BAD_CLIENT_SECRET"), _) => ErrorKind::ClientRefused {
                message: format!("key \"client_secret\" of {app} is not the secret of its app (BAD_CLIENT_SECRET)"),
            },
            (None, Some("invalid_client")) => ErrorKind::ClientRefused {
                message: format!("HubSpot refuses keys \"client_id\" and \"client_secret\" of {app} (invalid_client)"),
            },
            (code, error) => ErrorKind::Rejected(Box::new(Rejection {
                status,
                codes: code.or(error).map(ToOwned::to_owned).into_iter().collect(),
                message: "by the token endpoint".to_owned(),
                ..Rejection::default()
            })),
        }
    }
}

/// The codes of a flat refusal.
#[derive(Debug, Default)]
struct Codes {
    /// HubSpot's: `BAD_…`.
    status: Option<String>,
    /// OAuth's: `invalid_…`.
    error: Option<String>,
}

impl Codes {
    fn of(body: &Bytes) -> Self {
        const OAUTH: [&str; 6] = [
            "invalid_grant",
            "invalid_client",
            "invalid_request",
            "invalid_scope",
            "unsupported_grant_type",
            "access_denied",
        ];
        let Ok(body) = serde_json::from_slice::<serde_json::Value>(body) else { return Self::default() };
        let text = |key: &str| body.get(key).and_then(serde_json::Value::as_str).map(ToOwned::to_owned);
        let is_code = |text: &String| {
            let rest = text.strip_prefix("BAD_").unwrap_or_default();
            (1..=30).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        };
        Self {
            status: text("status").filter(is_code),
            error: text("error").filter(|error| OAUTH.contains(&error.as_str())),
        }
    }
}

/// HubSpot's id of a call, if it is of the form of one.
fn id_of(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("x-hubspot-correlation-id")?.to_str().ok()?;
    (text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')).then(|| text.to_owned())
}

fn no_answer(error: &TransportError) -> ErrorKind {
    match error {
        TransportError::NotSent(_) => {
            ErrorKind::Unreachable { message: "no connection to the token endpoint".to_owned() }
        }
        TransportError::Lost(_) => {
            ErrorKind::Unavailable { status: None, message: "the token endpoint did not answer".to_owned() }
        }
        TransportError::TooLarge { .. } => unreadable("it is too large"),
    }
}

/// Nothing of the caller's has been sent, so to him it is as if there had been no answer.
fn unreadable(what: &str) -> ErrorKind {
    ErrorKind::Unavailable { status: None, message: format!("the token endpoint's answer cannot be read: {what}") }
}

fn malformed(operation: Operation, what: &str) -> Error {
    failure(operation, unreadable(what))
}

fn failure(operation: Operation, kind: ErrorKind) -> Error {
    Error { operation, kind, correlation_id: None }
}

impl fmt::Debug for TokenEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenEndpoint").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}
