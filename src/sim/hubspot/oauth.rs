//! OAuth apps and their tokens (API.md §3): consent, codes, refresh and access tokens, introspection, revocation, uninstall.
//!
//! Choices where HubSpot is silent or the sources differ, each said where it is made: how long a code lives, what a replaced
//! refresh token still does, what an uninstalled app hears, and that a token for the journal is unknown everywhere else.
//! Secrets of all kinds leave this file only in the answers that hand them out.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    answer::{Answer, ApiError, Outcome},
    auth::{Grant, TokenKind},
    config::ALL_SCOPES,
    input::Query,
    portal::{Incoming, Portal, later, not_allowed, unsupported_media_type},
    route::Route,
    switches::{RefreshRotation, Uninstalled},
};

/// How long an access token lives, in seconds (API.md §3).
const LIFETIME_S: u64 = 1800;
/// How long a code waits to be exchanged: the longest that RFC 6749 recommends.
const CODE_LIFETIME: Duration = Duration::from_mins(10);

/// Client id of [`OAuthApp::default`].
pub const DEFAULT_CLIENT_ID: &str = "00000000-0000-4000-8000-00000000c11e";
/// Client secret of [`OAuthApp::default`].
pub const DEFAULT_CLIENT_SECRET: &str = "00000000-0000-4000-8000-0000005ec4e7";

/// An OAuth app, as its developer registered it.
#[derive(Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct OAuthApp {
    /// Limits count per app.
    pub app_id: u64,
    /// Known to everybody.
    pub client_id: String,
    /// Known to the app alone.
    pub client_secret: String,
    /// Where people come back to after consent; a request must name one of these.
    pub redirect_uris: Vec<String>,
    /// The most it may ask for.
    pub scopes: Vec<String>,
}

impl Default for OAuthApp {
    fn default() -> Self {
        Self {
            app_id: 778,
            client_id: DEFAULT_CLIENT_ID.to_owned(),
            client_secret: DEFAULT_CLIENT_SECRET.to_owned(),
            redirect_uris: vec!["http://localhost:8687/callback".to_owned()],
            scopes: ALL_SCOPES.iter().map(ToString::to_string).collect(),
        }
    }
}

impl std::fmt::Debug for OAuthApp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OAuthApp").field("app_id", &self.app_id).finish_non_exhaustive()
    }
}

/// What a person agrees to on HubSpot's consent page.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Consent {
    /// The app.
    pub client_id: String,
    /// Where the code goes; the exchange must repeat it.
    pub redirect_uri: String,
    /// What is granted; everything the app may ask for when absent.
    #[serde(default)]
    pub scopes: Option<Vec<String>>,
    /// PKCE, method S256: then the exchange must show the verifier.
    #[serde(default)]
    pub code_challenge: Option<String>,
}

/// All apps, and what was handed out to them.
#[derive(Default)]
pub(super) struct Apps {
    registered: BTreeMap<String, OAuthApp>,
    codes: BTreeMap<String, Code>,
    refresh_tokens: BTreeMap<String, Refresh>,
}

struct Code {
    consent: Consent,
    scopes: Vec<String>,
    expires: Timestamp,
    used: bool,
}

struct Refresh {
    client_id: String,
    scopes: Vec<String>,
    life: Life,
}

#[derive(Clone, PartialEq, Eq)]
enum Life {
    /// It is the one in use.
    Newest,
    /// There is a newer one; until then this one works, too, and answers with the newer one.
    Replaced { by: String, until: Timestamp },
    /// By its owner.
    Revoked,
    /// With its app.
    Uninstalled,
}

impl Apps {
    pub(super) fn register(&mut self, app: OAuthApp) {
        self.registered.insert(app.client_id.clone(), app);
    }

    /// Client secrets, codes and refresh tokens, for whoever must keep them out of sight.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &str> {
        let secrets = self.registered.values().map(|app| app.client_secret.as_str());
        secrets.chain(self.codes.keys().map(String::as_str)).chain(self.refresh_tokens.keys().map(String::as_str))
    }
}

/// One of the flat refusals: HubSpot's word, OAuth's word, and a sentence.
fn refuse(status: &'static str, error: &'static str, description: &str) -> ApiError {
    ApiError::new(400, description)
        .with("status", json!(status))
        .with("error", json!(error))
        .with("error_description", json!(description))
}

fn unknown_hub() -> ApiError {
    let error = ApiError::new(400, "missing or unknown hub id").with("status", json!("BAD_HUB"));
    error.with("error", json!("access_denied"))
}

fn bad_refresh_token() -> ApiError {
    refuse("BAD_REFRESH_TOKEN", "invalid_grant", "refresh token is invalid, expired or revoked")
}

fn bad_code() -> ApiError {
    refuse("BAD_AUTH_CODE", "invalid_grant", "missing or unknown auth code")
}

/// Answers the three routes of the token endpoint.
pub(super) fn answer(portal: &mut Portal, route: Route, incoming: &Incoming<'_>) -> Outcome {
    if incoming.method != Method::POST {
        return Err(not_allowed(incoming.method));
    }
    if !incoming.content_type.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded")) {
        return Err(unsupported_media_type());
    }
    // Everything is in the body: what is in the query is not looked at (API.md §3).
    let form = Query::parse(std::str::from_utf8(incoming.body).ok());
    match route {
        Route::OAuthIntrospect => introspect(portal, &form),
        Route::OAuthRevoke => revoke(portal, &form),
        _ => token(portal, &form),
    }
}

fn token(portal: &mut Portal, form: &Query) -> Outcome {
    let grant_type = form.get("grant_type").unwrap_or_default();
    if !["authorization_code", "refresh_token", "client_credentials"].contains(&grant_type) {
        return Err(refuse("BAD_GRANT_TYPE", "unsupported_grant_type", "missing or unknown grant type"));
    }
    let app = client(portal, form)?;
    match grant_type {
        "authorization_code" => exchange(portal, &app, form),
        "refresh_token" => refresh(portal, &app, form),
        _ => own_token(portal, &app, form),
    }
}

/// The app that shows its id and secret.
fn client(portal: &Portal, form: &Query) -> Result<OAuthApp, ApiError> {
    let known = form.get("client_id").and_then(|id| portal.oauth.registered.get(id));
    let Some(app) = known else {
        return Err(refuse("BAD_CLIENT_ID", "invalid_client", "missing or invalid client id"));
    };
    if form.get("client_secret") != Some(app.client_secret.as_str()) {
        return Err(refuse("BAD_CLIENT_SECRET", "invalid_client", "missing or invalid client secret"));
    }
    Ok(app.clone())
}

fn exchange(portal: &mut Portal, app: &OAuthApp, form: &Query) -> Outcome {
    let now = portal.now;
    let code = form.get("code").and_then(|code| portal.oauth.codes.get_mut(code));
    let code = code.filter(|code| code.consent.client_id == app.client_id && !code.used && now < code.expires);
    let Some(code) = code else { return Err(bad_code()) };
    if form.get("redirect_uri") != Some(code.consent.redirect_uri.as_str()) {
        return Err(refuse("BAD_REDIRECT_URI", "invalid_grant", "missing or invalid redirect uri"));
    }
    if let Some(challenge) = &code.consent.code_challenge {
        let verifier = form.get("code_verifier").unwrap_or_default();
        if URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) != *challenge {
            return Err(refuse("BAD_CODE_VERIFIER", "invalid_grant", "missing or invalid code verifier"));
        }
    }
    code.used = true;
    let scopes = code.scopes.clone();
    let refresh_token = portal.new_refresh_token(&app.client_id, &scopes);
    Ok(granted(portal, app, &scopes, Some(refresh_token)))
}

fn refresh(portal: &mut Portal, app: &OAuthApp, form: &Query) -> Outcome {
    let now = portal.now;
    let shown = form.get("refresh_token").unwrap_or_default();
    let known = portal.oauth.refresh_tokens.get(shown).filter(|token| token.client_id == app.client_id);
    let Some(Refresh { scopes, life, .. }) = known else { return Err(bad_refresh_token()) };
    let (scopes, life) = (scopes.clone(), life.clone());
    let newest = match life {
        Life::Newest => match portal.config.switches.refresh_rotation {
            RefreshRotation::Same => shown.to_owned(),
            RefreshRotation::Rotates { grace } => {
                let by = portal.new_refresh_token(&app.client_id, &scopes);
                let replaced = Life::Replaced { by: by.clone(), until: later(now, grace) };
                portal.oauth.refresh_tokens.entry(shown.to_owned()).and_modify(|token| token.life = replaced);
                by
            }
        },
        // The answer that replaced it may not have arrived: the same replacement is told again.
        Life::Replaced { by, until } if now < until => by,
        Life::Replaced { .. } | Life::Revoked => return Err(bad_refresh_token()),
        Life::Uninstalled => {
            return Err(match portal.config.switches.uninstalled {
                Uninstalled::BadRefreshToken => bad_refresh_token(),
                Uninstalled::BadHub => unknown_hub(),
            });
        }
    };
    Ok(granted(portal, app, &scopes, Some(newest)))
}

/// `client_credentials`: a token of the app itself, for the journal.
fn own_token(portal: &mut Portal, app: &OAuthApp, form: &Query) -> Outcome {
    let scopes: Vec<String> = form.get("scope").unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    let known = |scope: &String| app.scopes.contains(scope) || scope.starts_with("developer.webhooks_journal.");
    if scopes.is_empty() || !scopes.iter().all(known) {
        return Err(refuse("BAD_SCOPES", "invalid_scope", "missing or unknown scopes"));
    }
    Ok(granted(portal, app, &scopes, None))
}

/// A new access token, in HubSpot's words.
fn granted(portal: &mut Portal, app: &OAuthApp, scopes: &[String], refresh_token: Option<String>) -> Answer {
    let token = format!("CJ{}", portal.secret_text(28));
    let kind = TokenKind::OAuth {
        client_id: app.client_id.clone(),
        expires: later(portal.now, Duration::from_secs(LIFETIME_S)),
        for_journal: refresh_token.is_none(),
    };
    let user_id = portal.admin_id();
    portal.tokens.issue(token.clone(), Grant { scopes: scopes.to_vec(), app_id: app.app_id, user_id, kind });
    let mut body = json!({
        "token_type": "bearer", "token_use": "client_credentials", "access_token": token, "expires_in": LIFETIME_S,
        "hub_id": portal.config.portal_id, "user_id": user_id, "scopes": scopes,
    });
    if let Some(refresh_token) = refresh_token {
        body["token_use"] = json!("access_token");
        body["refresh_token"] = json!(refresh_token);
    }
    Answer::ok(body)
}

fn introspect(portal: &Portal, form: &Query) -> Outcome {
    let app = client(portal, form)?;
    let token = form.get("token").unwrap_or_default();
    let user_id = portal.admin_id();
    let common = |token_use: &str, scopes: &[String]| {
        json!({
            "active": true, "token": token, "token_type": "bearer", "token_use": token_use, "client_id": app.client_id,
            "app_id": app.app_id, "hub_id": portal.config.portal_id, "hub_domain": "example.com", "user_id": user_id,
            "user": portal.config.admin_email, "scopes": scopes,
        })
    };
    if let Ok(grant) = portal.tokens.look(token, portal.now)
        && let TokenKind::OAuth { client_id, expires, for_journal } = &grant.kind
        && *client_id == app.client_id
    {
        let token_use = if *for_journal { "client_credentials" } else { "access_token" };
        let mut body = common(token_use, &grant.scopes);
        body["expires_in"] = json!(expires.as_second() - portal.now.as_second());
        body["is_private_distribution"] = json!(true);
        body["signed_access_token"] = signed(portal, &app, (&grant.scopes, *expires));
        return Ok(Answer::ok(body));
    }
    let known = portal.oauth.refresh_tokens.get(token).filter(|known| known.client_id == app.client_id);
    let works = |known: &&Refresh| match &known.life {
        Life::Newest => true,
        Life::Replaced { until, .. } => portal.now < *until,
        Life::Revoked | Life::Uninstalled => false,
    };
    Ok(Answer::ok(match known.filter(works) {
        Some(known) => common("refresh_token", &known.scopes),
        None => json!({ "active": false }),
    }))
}

fn signed(portal: &Portal, app: &OAuthApp, (scopes, expires): (&[String], Timestamp)) -> Value {
    let portal_id = portal.config.portal_id;
    json!({
        "appId": app.app_id, "appInstallId": format!("{portal_id}-{}", app.app_id), "audience": "Public",
        "expiresAt": expires.as_millisecond(), "hubId": portal_id, "hublet": portal.config.data_hosting_location,
        "installingUserId": portal.admin_id(), "isPrivateDistribution": true, "isServiceAccount": false,
        "isUserLevel": false, "newSignature": "", "scopeToScopeGroupPks": "", "scopes": scopes.join(" "),
        "signature": "", "trialScopeToScopeGroupPks": "", "trialScopes": "", "userId": portal.admin_id(),
    })
}

/// Whatever was revoked before, or never known, is answered the same. Access tokens outlive their refresh token.
fn revoke(portal: &mut Portal, form: &Query) -> Outcome {
    let app = client(portal, form)?;
    let token = form.get("token").unwrap_or_default();
    if let Some(known) = portal.oauth.refresh_tokens.get_mut(token).filter(|known| known.client_id == app.client_id) {
        known.life = Life::Revoked;
    } else if portal.tokens.get(token).is_some_and(|grant| grant.kind.is_of(&app.client_id)) {
        portal.tokens.revoke(token);
    }
    Ok(Answer { status: 200, body: None, location: None })
}

impl Portal {
    /// A person agrees; the code that HubSpot sends to the redirect URI.
    pub(super) fn consent(&mut self, consent: Consent) -> Result<String, ApiError> {
        let Some(app) = self.oauth.registered.get(&consent.client_id) else {
            return Err(ApiError::new(404, "no such app"));
        };
        if !app.redirect_uris.contains(&consent.redirect_uri) {
            return Err(ApiError::new(400, "the redirect URI is not one of the app's"));
        }
        let scopes = consent.scopes.clone().unwrap_or_else(|| app.scopes.clone());
        if let Some(foreign) = scopes.iter().find(|scope| !app.scopes.contains(scope)) {
            return Err(ApiError::new(400, format!("the app may not ask for {foreign}")));
        }
        let code = self.regional_secret(16);
        let expires = later(self.now, CODE_LIFETIME);
        self.oauth.codes.insert(code.clone(), Code { consent, scopes, expires, used: false });
        Ok(code)
    }

    /// Consent and exchange in one: a refresh token with everything the app may ask for.
    pub(super) fn install(&mut self, client_id: &str) -> Result<String, ApiError> {
        let app = self.oauth.registered.get(client_id).cloned().ok_or_else(|| ApiError::new(404, "no such app"))?;
        Ok(self.new_refresh_token(&app.client_id, &app.scopes))
    }

    /// An admin removes the app: nothing it was given works any more.
    pub(super) fn uninstall(&mut self, client_id: &str) -> Result<(), ApiError> {
        if !self.oauth.registered.contains_key(client_id) {
            return Err(ApiError::new(404, "no such app"));
        }
        let its = |token: &&mut Refresh| token.client_id == client_id;
        self.oauth.refresh_tokens.values_mut().filter(its).for_each(|token| token.life = Life::Uninstalled);
        self.tokens.revoke_all_of(client_id);
        Ok(())
    }

    /// The owner revokes a refresh token on HubSpot's pages; access tokens live on (API.md §3).
    pub(super) fn revoke_refresh_token(&mut self, token: &str) -> Result<(), ApiError> {
        let known = self.oauth.refresh_tokens.get_mut(token);
        known.map(|known| known.life = Life::Revoked).ok_or_else(|| ApiError::new(404, "no such refresh token"))
    }

    fn new_refresh_token(&mut self, client_id: &str, scopes: &[String]) -> String {
        let token = self.regional_secret(20);
        let fresh = Refresh { client_id: client_id.to_owned(), scopes: scopes.to_vec(), life: Life::Newest };
        self.oauth.refresh_tokens.insert(token.clone(), fresh);
        token
    }

    /// Codes and refresh tokens begin with the region (API.md §1).
    fn regional_secret(&mut self, bytes: usize) -> String {
        let text = self.secret_text(bytes);
        format!("{}-{text}", self.config.data_hosting_location)
    }

    /// Random text of this many bytes, in hexadecimal.
    fn secret_text(&mut self, bytes: usize) -> String {
        let mut text = String::new();
        for _ in 0..bytes {
            let byte = self.rng.u8(..);
            text.extend([byte >> 4, byte & 15].map(|half| char::from_digit(half.into(), 16).unwrap_or('0')));
        }
        text
    }
}
