//! The token endpoint and the source of tokens around a scripted transport: what each answer means, who is told, and that
//! nothing secret shows.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::future::BoxFuture;
use serde_json::json;
use tokio::time::{Instant, advance};
use tracing_subscriber::layer::SubscriberExt;
use url::Url;

use super::{
    App, Authorization, AuthorizationCode, ClientId, ClientSecret, CodeVerifier, Keeper, Lineage, NotKept, Places,
    RefreshToken, TokenEndpoint, Verdict,
    state::{Advice, State},
};
use crate::{
    hubspot::{AccessToken, Connection, Credential, Error, ErrorKind, HubSpot, Limiter},
    runtime::{
        chance::Chance,
        clock::VirtualClock,
        testing::{Everything, Reply, Script, reply},
    },
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// Keeps what it is given, unless it is told to fail that many times.
#[derive(Default)]
struct Drawer {
    kept: Mutex<Vec<String>>,
    failures: Mutex<u32>,
}

impl Keeper for Drawer {
    fn keep(&self, newest: RefreshToken, _: Lineage) -> BoxFuture<'static, Result<(), NotKept>> {
        let mut failures = self.failures.lock().unwrap();
        if *failures > 0 {
            *failures -= 1;
            return Box::pin(async { Err(NotKept("the drawer is stuck".to_owned())) });
        }
        self.kept.lock().unwrap().push(String::from_utf8(newest.for_keeping().to_vec()).unwrap());
        Box::pin(async { Ok(()) })
    }
}

struct Bench {
    authorization: Arc<Authorization>,
    script: Arc<Script>,
    drawer: Arc<Drawer>,
}

fn endpoint(script: &Arc<Script>) -> TokenEndpoint {
    TokenEndpoint {
        transport: Arc::clone(script) as Arc<_>,
        base: Url::parse("https://api.hubapi.com").unwrap(),
        app: App { id: ClientId::new("canary-id").unwrap(), secret: ClientSecret::new("canary-secret&=").unwrap() },
        places: Places { app: "Secret app".to_owned(), token: "Secret tokens".to_owned() },
    }
}

fn bench(replies: impl IntoIterator<Item = Reply>) -> Bench {
    let script = Script::new(replies, SECOND / 5);
    let drawer = Arc::new(Drawer::default());
    let first = RefreshToken::new("na1-canary-first").unwrap();
    let keeper = Arc::clone(&drawer) as Arc<dyn Keeper>;
    let authorization = Authorization::new(endpoint(&script), first, keeper, Arc::new(Chance::seeded(1)));
    Bench { authorization: Arc::new(authorization), script, drawer }
}

fn granted(access: &str, refresh: &str) -> Reply {
    reply(200, json!({"access_token": access, "refresh_token": refresh, "expires_in": 1800, "token_type": "bearer"}))
}

impl Bench {
    async fn token(&self) -> Result<String, Error> {
        self.authorization.token().await.map(|token| token.expose().to_owned())
    }

    fn kept(&self) -> Vec<String> {
        self.drawer.kept.lock().unwrap().clone()
    }
}

#[tokio::test(start_paused = true)]
async fn one_request_serves_everybody_and_everything_is_in_its_body() {
    let bench = bench([granted("CJ1", "na1-canary-first")]);
    let all = futures::future::join_all((0..200).map(|_| bench.token())).await;
    assert!(all.iter().all(|token| token.as_ref().unwrap() == "CJ1"));
    let seen = bench.script.seen();
    assert_eq!(bench.script.addresses(), ["POST https://api.hubapi.com/oauth/2026-03/token"]);
    assert_eq!(
        seen[0].body,
        "grant_type=refresh_token&refresh_token=na1-canary-first&client_id=canary-id&client_secret=canary-secret%26%3D"
    );
    assert_eq!(bench.kept(), Vec::<String>::new(), "the same refresh token is not stored");
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_shared_too_and_the_next_attempt_has_its_time() {
    let bench = bench([reply(502, "<html>"), granted("CJ1", "na1-canary-first")]);
    let all = futures::future::join_all((0..50).map(|_| bench.token())).await;
    let kinds: Vec<ErrorKind> = all.into_iter().map(|token| token.unwrap_err().kind).collect();
    assert!(kinds.iter().all(|kind| matches!(kind, ErrorKind::Unavailable { status: Some(502), .. })), "{kinds:?}");
    assert!(bench.token().await.is_err());
    assert_eq!(bench.script.seen().len(), 1);
    advance(SECOND).await;
    assert_eq!(bench.token().await.unwrap(), "CJ1");
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_while_the_old_one_is_used() {
    let bench = bench([granted("CJ1", "na1-canary-first"), granted("CJ2", "na1-canary-first")]);
    assert_eq!(bench.token().await.unwrap(), "CJ1");
    advance(24 * MINUTE).await;
    assert_eq!(bench.token().await.unwrap(), "CJ1");
    assert_eq!(bench.script.seen().len(), 1);
    advance(5 * MINUTE).await;
    let before = Instant::now();
    assert_eq!(bench.token().await.unwrap(), "CJ1");
    assert_eq!(before.elapsed(), Duration::ZERO, "nobody waits for a renewal");
    tokio::time::sleep(SECOND).await;
    assert_eq!(bench.token().await.unwrap(), "CJ2");
    assert_eq!(bench.script.seen().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_came_with_an_unstored_refresh_token_is_not_used() {
    let bench = bench([granted("CJ1", "na1-canary-second"), granted("CJ2", "na1-canary-third")]);
    *bench.drawer.failures.lock().unwrap() = 5;
    let error = bench.token().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotKept { message: "the drawer is stuck".to_owned() });
    assert_eq!(bench.authorization.concern().as_deref(), Some("the drawer is stuck"));
    tokio::time::sleep(30 * SECOND).await;
    assert_eq!(bench.kept(), ["na1-canary-second"]);
    assert_eq!((bench.token().await.unwrap().as_str(), bench.authorization.concern()), ("CJ1", None));
    assert_eq!(bench.script.seen().len(), 1, "the token endpoint is not asked again");
    // The next refresh shows the newest, and both are ours.
    advance(30 * MINUTE).await;
    assert_eq!(bench.token().await.unwrap(), "CJ2");
    assert!(bench.script.seen()[1].body.contains("canary-second"));
    for ours in ["na1-canary-first", "na1-canary-second", "na1-canary-third"] {
        assert!(bench.authorization.began_with(&RefreshToken::new(ours).unwrap()), "{ours}");
    }
    assert!(!bench.authorization.began_with(&RefreshToken::new("na1-other").unwrap()));
}

#[tokio::test(start_paused = true)]
async fn an_older_token_put_back_by_somebody_is_replaced_again() {
    let bench = bench([granted("CJ1", "na1-canary-second")]);
    bench.token().await.unwrap();
    bench.authorization.found(&RefreshToken::new("na1-canary-second").unwrap());
    bench.authorization.found(&RefreshToken::new("na1-canary-first").unwrap());
    tokio::time::sleep(SECOND).await;
    assert_eq!(bench.kept(), ["na1-canary-second", "na1-canary-second"]);
    assert_eq!(bench.script.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_gives_up_does_not_take_the_answer_along() {
    let bench = bench([granted("CJ1", "na1-canary-second")]);
    assert!(tokio::time::timeout(SECOND / 10, bench.token()).await.is_err());
    tokio::time::sleep(SECOND).await;
    assert_eq!(bench.kept(), ["na1-canary-second"]);
    assert_eq!(bench.token().await.unwrap(), "CJ1");
    assert_eq!(bench.script.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn every_answer_has_its_meaning() {
    let flat = |status: &str, error: &str| {
        json!({"status": status, "message": "canary", "error": error, "error_description": "canary"}).to_string()
    };
    let table: [(u16, String, &str, &str); 14] = [
        (400, flat("BAD_REFRESH_TOKEN", "invalid_grant"), "authorization_lost", "\"refresh_token\" of Secret tokens"),
        (400, flat("BAD_HUB", "access_denied"), "authorization_lost", "authorise the app again"),
        (400, flat("canary", "invalid_grant"), "authorization_lost", "authorise the app again"),
        (400, flat("BAD_CLIENT_ID", "invalid_client"), "client_refused", "\"client_id\" of Secret app"),
        (400, flat("BAD_CLIENT_SECRET", "invalid_client"), "client_refused", "\"client_secret\" of Secret app"),
        (401, flat("canary", "invalid_client"), "client_refused", "Secret app"),
        (400, flat("BAD_GRANT_TYPE", "canary"), "rejected", "BAD_GRANT_TYPE"),
        (403, "<html>canary</html>".to_owned(), "rejected", "status 403"),
        (302, String::new(), "redirected", "302"),
        (429, flat("canary", "canary"), "busy", "429"),
        (500, flat("BAD_REFRESH_TOKEN", "invalid_grant"), "unavailable", "500"),
        (200, "{\"access_token\":\"canary\"".to_owned(), "unavailable", "cannot be read"),
        (200, json!({"access_token": "ca nary", "expires_in": 1800}).to_string(), "unavailable", "cannot be one"),
        (200, json!({"access_token": "CJ", "expires_in": null}).to_string(), "unavailable", "documented shape"),
    ];
    for (status, body, category, words) in table {
        let error = bench([reply(status, &body)]).token().await.unwrap_err();
        assert_eq!(error.category(), category, "{status} {body}");
        let shown = error.to_string();
        assert!(shown.contains(words) && !shown.contains("canary"), "{shown}");
        assert!(!error.is_ambiguous(), "the caller's own request has not been sent: {error}");
    }
    for (silence, category) in
        [(Reply::Lost, "unavailable"), (Reply::NotSent, "unreachable"), (Reply::TooLarge, "unavailable")]
    {
        assert_eq!(bench([silence]).token().await.unwrap_err().category(), category);
    }
}

#[tokio::test(start_paused = true)]
async fn a_busy_endpoint_is_left_alone_as_long_as_it_says() {
    let bench = bench([reply(429, "").header("Retry-After", "90"), granted("CJ1", "na1-canary-first")]);
    assert!(bench.token().await.is_err());
    advance(89 * SECOND).await;
    assert!(bench.token().await.is_err());
    assert_eq!(bench.script.seen().len(), 1);
    advance(SECOND).await;
    assert!(bench.token().await.is_ok());
}

#[test]
fn a_refused_token_is_renewed_once_if_that_may_help() {
    let token = |text: &str| AccessToken::new(text).unwrap();
    let (now, life) = (Instant::now(), 30 * MINUTE);
    let mut state = State::new(RefreshToken::new("first").unwrap(), None);
    state.landed(token("one"), (now, life), 0.5);
    // Never seen to work, and HubSpot does not say that it ended: another would be no better.
    assert_eq!(state.refused(&token("one"), false), Verdict::Final);
    assert_eq!(state.refused(&token("one"), true), Verdict::Renewed);
    assert!(matches!(state.advise(now), Advice::Wait { renew: true }));
    state.landed(token("two"), (now, life), 0.5);
    state.back();
    assert_eq!(state.refused(&token("one"), true), Verdict::Renewed, "a late answer to the old one");
    assert_eq!(state.refused(&token("two"), true), Verdict::Final, "it did not help");
    state.worked(&token("two"));
    assert_eq!(state.refused(&token("two"), false), Verdict::Renewed, "it worked before");
}

#[test]
fn renewals_lie_between_25_and_29_minutes() {
    let now = Instant::now();
    for (chance, at) in [(0.0, 25), (0.5, 27), (1.0, 29)] {
        let mut state = State::new(RefreshToken::new("first").unwrap(), None);
        state.landed(AccessToken::new("one").unwrap(), (now, 30 * MINUTE), chance);
        let renews = |state: &mut State, at| match state.advise(now + at) {
            Advice::Use { renew, .. } => renew,
            Advice::Wait { .. } | Advice::Fail(_) => panic!("a token is there"),
        };
        assert!(!renews(&mut state, (60 * at - 1) * SECOND));
        assert!(renews(&mut state, at * MINUTE + SECOND));
        assert!(!renews(&mut state, at * MINUTE + SECOND), "one is enough");
        assert!(matches!(state.advise(now + 30 * MINUTE - 5 * SECOND), Advice::Wait { renew: false }));
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_secret_shows() {
    let echo = r#"{"status":"canary","message":"canary","error":"canary","correlationId":"canary"}"#;
    let log = Everything::default();
    let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(log.clone()));
    let mut shown = String::new();
    for status in [200, 302, 400, 401, 403, 429, 488, 500] {
        tracing::callsite::rebuild_interest_cache();
        let answer = || {
            reply(status, echo)
                .header("X-HubSpot-Correlation-Id", "canary")
                .header("X-HubSpot-Correct-Hublet", "canary")
        };
        let bench = bench([answer()]);
        let error = bench.token().await.unwrap_err();
        let secret = |text: &str| (CodeVerifier::new(text).unwrap(), AuthorizationCode::new(text).unwrap());
        let (verifier, code) = secret("canary");
        let script = Script::new([answer(), granted("CJcanary", "na1-canary")], Duration::ZERO);
        let endpoint = endpoint(&script);
        let exchanged = endpoint.exchange(&code, "http://localhost/", &verifier).await.map(drop).unwrap_err();
        let tokens = endpoint.exchange(&code, "http://localhost/", &verifier).await.unwrap();
        assert!(
            script.seen()[0].body.contains("code=canary") && script.seen()[0].body.contains("code_verifier=canary")
        );
        write!(shown, "{error} {error:?} {exchanged} {exchanged:?} {:?}", bench.authorization).unwrap();
        write!(shown, "{verifier:?} {code:?} {endpoint:?} {:?} {tokens:?}", endpoint.app).unwrap();
    }
    // What comes back from a call with an access token.
    for status in [400, 401, 404, 429, 500] {
        let one = bench([granted("CJcanary", "na1-canary-first"), reply(status, echo.replace("canary", "CJcanary"))]);
        let hubspot = HubSpot::new(Connection {
            transport: Arc::clone(&one.script) as Arc<_>,
            base: Url::parse("https://api.hubapi.com").unwrap(),
            credential: Credential::OAuth(Arc::clone(&one.authorization)),
            limiter: Arc::new(Limiter::new(Arc::new(VirtualClock::starting_at(jiff::Timestamp::UNIX_EPOCH)), 0)),
            chance: Arc::new(Chance::seeded(1)),
        });
        write!(shown, "{:?} {hubspot:?}", hubspot.account_details().await.unwrap_err()).unwrap();
        assert_eq!(one.script.seen()[1].authorization, "Bearer CJcanary");
    }
    let stuck = bench([granted("CJcanary", "na1-canary-second")]);
    *stuck.drawer.failures.lock().unwrap() = 3;
    write!(shown, "{:?}", stuck.token().await.unwrap_err()).unwrap();
    tokio::time::sleep(MINUTE).await;
    drop(guard);
    shown.push_str(&log.text());
    assert!(!shown.contains("canary"), "{shown}");
    assert!(shown.contains("operation=\"refresh_token\"") && shown.contains("the drawer is stuck"), "{shown}");
}
