//! OAuth: codes, tokens, their ends, and what each refusal is called.

use std::time::Duration;

use http::Request;
use serde_json::{Value, json};

use super::{
    super::{
        Consent, DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, DEFAULT_TOKEN, HubSpotSim, OAuthApp, RefreshRotation,
        SimConfig, Uninstalled,
    },
    Reply, call_as, portal, portal_with,
};

const TOKEN: &str = "/oauth/2026-03/token";
const DETAILS: &str = "GET /account-info/v3/details";
const REDIRECT: &str = "http://localhost:8687/callback";

fn with_app() -> HubSpotSim {
    let sim = portal();
    sim.register_app(OAuthApp::default());
    sim
}

/// POST of a form. Id and secret of the app are added unless the form has its own.
async fn form(sim: &HubSpotSim, path: &str, fields: &[(&str, &str)]) -> Reply {
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in [("client_id", DEFAULT_CLIENT_ID), ("client_secret", DEFAULT_CLIENT_SECRET)] {
        if fields.iter().all(|(given, _)| *given != name) {
            body.append_pair(name, value);
        }
    }
    let body = body.extend_pairs(fields).finish();
    let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
    Reply::of(sim.handle(request.body(body.into()).unwrap()).await.unwrap())
}

async fn refresh(sim: &HubSpotSim, token: &str) -> Reply {
    form(sim, TOKEN, &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
}

fn text(reply: &Reply, field: &str) -> String {
    reply.body[field].as_str().unwrap_or_default().to_owned()
}

/// `(status code, HubSpot's word)`.
fn refusal(reply: &Reply) -> (u16, String) {
    assert_eq!(reply.body.get("category"), None, "the flat shape has no category");
    (reply.status, text(reply, "status"))
}

fn refused(word: &str) -> (u16, String) {
    (400, word.to_owned())
}

fn consent() -> Consent {
    Consent { client_id: DEFAULT_CLIENT_ID.into(), redirect_uri: REDIRECT.into(), ..Consent::default() }
}

#[tokio::test(start_paused = true)]
async fn a_code_is_good_once_at_its_redirect_with_its_verifier() {
    let sim = with_app();
    // RFC 7636, appendix B.
    let (verifier, challenge) =
        ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    let scopes = Some(vec!["oauth".to_owned(), "crm.objects.owners.read".to_owned()]);
    let code = sim.authorize(Consent { scopes, code_challenge: Some(challenge.into()), ..consent() }).unwrap();
    let exchange = async |redirect: &str, verifier: &str| {
        let fields = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", redirect)];
        form(&sim, TOKEN, &[&fields[..], &[("code_verifier", verifier)]].concat()).await
    };
    assert_eq!(refusal(&exchange("http://localhost:1/other", verifier).await), refused("BAD_REDIRECT_URI"));
    assert_eq!(refusal(&exchange(REDIRECT, "guess").await), refused("BAD_CODE_VERIFIER"));
    let granted = exchange(REDIRECT, verifier).await;
    assert_eq!(granted.status, 200, "{}", granted.text);
    let expected = json!({
        "token_type": "bearer", "token_use": "access_token", "expires_in": 1800, "hub_id": 999_001, "user_id": 1001,
        "scopes": ["oauth", "crm.objects.owners.read"],
        "access_token": granted.body["access_token"], "refresh_token": granted.body["refresh_token"],
    });
    assert_eq!(granted.body, expected);
    assert_eq!(refusal(&exchange(REDIRECT, verifier).await), refused("BAD_AUTH_CODE"));
    let access = text(&granted, "access_token");
    assert_eq!(call_as(&sim, &access, DETAILS, "").await.body["portalId"], 999_001);
    let users = call_as(&sim, &access, "GET /settings/v3/users", "").await;
    assert_eq!((users.status, users.body["category"].as_str()), (403, Some("MISSING_SCOPES")));

    let late = sim.authorize(consent()).unwrap();
    sim.advance(Duration::from_mins(10));
    let fields = [("grant_type", "authorization_code"), ("code", &*late), ("redirect_uri", REDIRECT)];
    assert_eq!(refusal(&form(&sim, TOKEN, &fields).await), refused("BAD_AUTH_CODE"));
    assert!(sim.authorize(Consent { redirect_uri: "https://evil.example".into(), ..consent() }).is_err());
    assert!(sim.authorize(Consent { scopes: Some(vec!["content".into()]), ..consent() }).is_err());
}

#[tokio::test(start_paused = true)]
async fn an_access_token_ends_after_half_an_hour_and_says_when() {
    let sim = with_app();
    let access = text(&refresh(&sim, &sim.install_app(DEFAULT_CLIENT_ID).unwrap()).await, "access_token");
    sim.advance(Duration::from_secs(1799));
    assert_eq!(call_as(&sim, &access, DETAILS, "").await.status, 200);
    sim.advance(Duration::from_secs(76));
    let reply = call_as(&sim, &access, DETAILS, "").await;
    assert_eq!((reply.status, reply.body["category"].as_str()), (401, Some("EXPIRED_AUTHENTICATION")));
    assert_eq!(reply.message(), "The OAuth token used to make this call expired 75 second(s) ago.");
    assert_eq!(reply.body["context"], json!({"expire time": ["2026-11-22T10:30:00Z"]}));
}

#[tokio::test(start_paused = true)]
async fn refresh_tokens_stay_or_rotate_as_the_switch_says() {
    let sim = with_app();
    let first = sim.install_app(DEFAULT_CLIENT_ID).unwrap();
    assert_eq!(text(&refresh(&sim, &first).await, "refresh_token"), first);

    sim.set_switches(|s| s.refresh_rotation = RefreshRotation::Rotates { grace: Duration::ZERO });
    let second = text(&refresh(&sim, &first).await, "refresh_token");
    assert_ne!(second, first);
    assert_eq!(refusal(&refresh(&sim, &first).await), refused("BAD_REFRESH_TOKEN"));

    sim.set_switches(|s| s.refresh_rotation = RefreshRotation::Rotates { grace: Duration::from_mins(1) });
    let third = text(&refresh(&sim, &second).await, "refresh_token");
    assert_eq!(text(&refresh(&sim, &second).await, "refresh_token"), third, "told again");
    sim.advance(Duration::from_mins(1));
    assert_eq!(refusal(&refresh(&sim, &second).await), refused("BAD_REFRESH_TOKEN"));
    assert_eq!(refresh(&sim, &third).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn revoking_does_not_cascade_and_uninstalling_does() {
    let sim = with_app();
    let token = sim.install_app(DEFAULT_CLIENT_ID).unwrap();
    let access = text(&refresh(&sim, &token).await, "access_token");
    let ask = async |token: &str| form(&sim, "/oauth/v3/token/introspect", &[("token", token)]).await.body;
    let told = ask(&access).await;
    assert_eq!((&told["active"], &told["expires_in"], &told["user_id"]), (&json!(true), &json!(1800), &json!(1001)));
    assert_eq!(told["signed_access_token"]["hublet"], "na1");
    assert_eq!(ask(&token).await["token_use"], "refresh_token");

    let revoked = form(&sim, "/oauth/2026-03/token/revoke", &[("token", &token)]).await;
    assert_eq!((revoked.status, revoked.text.as_str()), (200, ""));
    assert_eq!(refusal(&refresh(&sim, &token).await), refused("BAD_REFRESH_TOKEN"));
    assert_eq!(ask(&token).await, json!({"active": false}));
    assert_eq!(call_as(&sim, &access, DETAILS, "").await.status, 200, "issued tokens live on");

    let again = sim.install_app(DEFAULT_CLIENT_ID).unwrap();
    sim.uninstall_app(DEFAULT_CLIENT_ID).unwrap();
    assert_eq!(call_as(&sim, &access, DETAILS, "").await.status, 401);
    assert_eq!(refusal(&refresh(&sim, &again).await), refused("BAD_REFRESH_TOKEN"));
    sim.set_switches(|switches| switches.uninstalled = Uninstalled::BadHub);
    assert_eq!(refusal(&refresh(&sim, &again).await), refused("BAD_HUB"));
    assert_eq!(ask(&access).await, json!({"active": false}));
}

#[tokio::test(start_paused = true)]
async fn every_refusal_has_its_word_and_the_query_is_not_looked_at() {
    let sim = with_app();
    let token = sim.install_app(DEFAULT_CLIENT_ID).unwrap();
    let grant = ("grant_type", "refresh_token");
    let table: [(&[(&str, &str)], &str); 6] = [
        (&[("grant_type", "password")], "BAD_GRANT_TYPE"),
        (&[grant, ("client_id", "other")], "BAD_CLIENT_ID"),
        (&[grant, ("client_secret", "other")], "BAD_CLIENT_SECRET"),
        (&[grant, ("refresh_token", "other")], "BAD_REFRESH_TOKEN"),
        (&[("grant_type", "authorization_code"), ("code", "other")], "BAD_AUTH_CODE"),
        (&[("grant_type", "client_credentials"), ("scope", "content")], "BAD_SCOPES"),
    ];
    for (fields, word) in table {
        assert_eq!(refusal(&form(&sim, TOKEN, fields).await), refused(word));
    }
    let query = format!("{TOKEN}?refresh_token={token}&client_secret=typed-by-hand");
    assert_eq!(refusal(&form(&sim, &query, &[grant]).await), refused("BAD_REFRESH_TOKEN"));
    let json_body = call_as(&sim, DEFAULT_TOKEN, &format!("POST {TOKEN}"), "{}").await;
    assert_eq!((json_body.status, &json_body.body["category"]), (415, &json!("VALIDATION_ERROR")));
    let shown = format!("{:?} {:?}", sim.trace(), OAuthApp::default());
    for secret in [&*token, "typed-by-hand", DEFAULT_CLIENT_SECRET] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_of_the_app_itself_is_good_for_nothing_here() {
    let sim = with_app();
    let fields = [("grant_type", "client_credentials"), ("scope", "oauth developer.webhooks_journal.read")];
    let granted = form(&sim, TOKEN, &fields).await;
    assert_eq!((&granted.body["token_use"], granted.body.get("refresh_token")), (&json!("client_credentials"), None));
    assert_eq!(call_as(&sim, &text(&granted, "access_token"), DETAILS, "").await.status, 401);
}

#[tokio::test(start_paused = true)]
async fn an_oauth_app_has_110_in_ten_seconds_and_no_day() {
    // Whatever the tier is.
    let sim = portal_with(SimConfig { limit_per_10s: 250, ..SimConfig::default() });
    sim.register_app(OAuthApp::default());
    let access = text(&refresh(&sim, &sim.install_app(DEFAULT_CLIENT_ID).unwrap()).await, "access_token");
    let first = call_as(&sim, &access, DETAILS, "").await;
    assert_eq!(first.header("x-hubspot-ratelimit-max"), Some("110"));
    assert_eq!(first.header("x-hubspot-ratelimit-daily"), None);
    for _ in 1..110 {
        assert_eq!(call_as(&sim, &access, DETAILS, "").await.status, 200);
    }
    assert_eq!(call_as(&sim, &access, DETAILS, "").await.body["policyName"], "TEN_SECONDLY_ROLLING");
    // Another app's window is another, and tokens are asked for beside all limits.
    let mine = call_as(&sim, DEFAULT_TOKEN, DETAILS, "").await;
    assert_eq!((mine.status, mine.header("x-hubspot-ratelimit-daily-remaining")), (200, Some("249999")));
    assert_eq!(mine.header("x-hubspot-ratelimit-max"), Some("250"));
    assert_eq!(refresh(&sim, &sim.install_app(DEFAULT_CLIENT_ID).unwrap()).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn control_routes_do_the_same() {
    let sim = portal();
    let control =
        async |what: &str, body: Value| call_as(&sim, "", &format!("POST /_sim/oauth/{what}"), &body.to_string()).await;
    assert_eq!(
        control("apps", json!({"clientId": "mine", "clientSecret": "s", "redirectUris": ["http://localhost/"]}))
            .await
            .status,
        204
    );
    let code = control("codes", json!({"clientId": "mine", "redirectUri": "http://localhost/"})).await;
    let fields = [("client_id", "mine"), ("client_secret", "s"), ("grant_type", "authorization_code")];
    let more = [("code", code.body["code"].as_str().unwrap()), ("redirect_uri", "http://localhost/")];
    assert_eq!(form(&sim, TOKEN, &[&fields[..], &more].concat()).await.status, 200);
    let installed = control("installs", json!({"clientId": "mine"})).await;
    assert_eq!(control("revocations", json!({"refreshToken": installed.body["refreshToken"]})).await.status, 204);
    assert_eq!(control("uninstalls", json!({"clientId": "mine"})).await.status, 204);
    assert_eq!(control("uninstalls", json!({"clientId": "unknown"})).await.status, 404);
    assert_eq!(control("pizza", json!({})).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn older_and_newer_versions_of_the_token_endpoint_answer_the_same() {
    let sim = with_app();
    let token = sim.install_app(DEFAULT_CLIENT_ID).unwrap();
    let fields = [("grant_type", "refresh_token"), ("refresh_token", &*token)];
    for path in ["/oauth/v1/token", "/oauth/v3/token", "/oauth/2026-09/token"] {
        let granted = form(&sim, path, &fields).await;
        assert_eq!((granted.status, &granted.body["expires_in"]), (200, &json!(1800)), "{path}");
    }
    for path in ["/oauth/v1/token/introspect", "/oauth/v2/token"] {
        assert_eq!(form(&sim, path, &fields).await.status, 404, "{path}");
    }
}
