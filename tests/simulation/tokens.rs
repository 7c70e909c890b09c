//! The client with OAuth on the simulator: codes become tokens, tokens are renewed, and a 401 costs one renewal and one
//! repeat, where a repeat is safe.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::future::{BoxFuture, join_all};
use tec_crm::{
    domain::{ContactId, Email},
    hubspot::{
        Connection, ContactUpdate, Credential, ErrorKind, HubSpot, Limiter,
        oauth::{
            App, Authorization, AuthorizationCode, ClientId, ClientSecret, CodeVerifier, Granted, Keeper, Lineage,
            NotKept, Places, RefreshToken, TokenEndpoint,
        },
        wire::users::NewUser,
    },
    runtime::{chance::Chance, clock::VirtualClock},
    sim::hubspot::{
        Consent, DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, HubSpotSim, OAuthApp, RefreshRotation, SimConfig,
    },
};
use url::Url;

const REDIRECT: &str = "http://localhost:8687/callback";
const TOKEN: &str = "/oauth/token";

/// Where refresh tokens are kept, and how many there have been.
#[derive(Default)]
struct Shelf(Mutex<usize>);

impl Keeper for Shelf {
    fn keep(&self, _: RefreshToken, _: Lineage) -> BoxFuture<'static, Result<(), NotKept>> {
        *self.0.lock().unwrap() += 1;
        Box::pin(async { Ok(()) })
    }
}

struct Bench {
    sim: HubSpotSim,
    hubspot: HubSpot,
    shelf: Arc<Shelf>,
}

fn endpoint(sim: &HubSpotSim) -> TokenEndpoint {
    TokenEndpoint {
        transport: sim.transport(),
        base: Url::parse("http://127.0.0.1:8686").unwrap(),
        app: App {
            id: ClientId::new(DEFAULT_CLIENT_ID).unwrap(),
            secret: ClientSecret::new(DEFAULT_CLIENT_SECRET).unwrap(),
        },
        places: Places { app: "Secret app".to_owned(), token: "Secret tokens".to_owned() },
    }
}

fn bench(rotation: RefreshRotation) -> Bench {
    let clock = Arc::new(VirtualClock::starting_at("2026-11-22T10:00:00Z".parse().unwrap()));
    let sim = HubSpotSim::new(SimConfig::default(), clock.clone());
    sim.set_switches(|switches| switches.refresh_rotation = rotation);
    sim.register_app(OAuthApp::default());
    let first = RefreshToken::new(sim.install_app(DEFAULT_CLIENT_ID).unwrap()).unwrap();
    let (shelf, chance) = (Arc::new(Shelf::default()), Arc::new(Chance::seeded(1)));
    let keeper = Arc::clone(&shelf) as Arc<dyn Keeper>;
    let authorization = Authorization::new(endpoint(&sim), first, keeper, Arc::clone(&chance));
    let hubspot = HubSpot::new(Connection {
        transport: sim.transport(),
        base: Url::parse("http://127.0.0.1:8686").unwrap(),
        credential: Credential::OAuth(Arc::new(authorization)),
        limiter: Arc::new(Limiter::new(clock, 0)),
        chance,
    });
    Bench { sim, hubspot, shelf }
}

impl Bench {
    fn refreshes(&self) -> u64 {
        self.sim.requests().of("POST", TOKEN)
    }
}

fn ada() -> NewUser {
    NewUser {
        email: Email::new("ada@example.com").unwrap(),
        first_name: None,
        last_name: None,
        role_id: None,
        primary_team_id: None,
        send_welcome_email: false,
    }
}

#[tokio::test(start_paused = true)]
async fn a_code_is_exchanged_with_its_verifier() {
    let Bench { sim, .. } = bench(RefreshRotation::Same);
    // RFC 7636, appendix B.
    let (verifier, challenge) =
        ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    let consent = Consent {
        client_id: DEFAULT_CLIENT_ID.to_owned(),
        redirect_uri: REDIRECT.to_owned(),
        scopes: Some(vec!["oauth".to_owned()]),
        code_challenge: Some(challenge.to_owned()),
    };
    let code = AuthorizationCode::new(sim.authorize(consent).unwrap()).unwrap();
    let wrong = CodeVerifier::new("guess").unwrap();
    let refused = endpoint(&sim).exchange(&code, REDIRECT, &wrong).await.unwrap_err();
    assert!(matches!(refused.kind, ErrorKind::Rejected(_)) && refused.to_string().contains("BAD_CODE_VERIFIER"));
    let verifier = CodeVerifier::new(verifier).unwrap();
    let granted = endpoint(&sim).exchange(&code, REDIRECT, &verifier).await.unwrap();
    let Granted { refresh, lifetime, scopes, portal, .. } = granted;
    assert_eq!((lifetime, scopes, portal.unwrap().0), (Duration::from_mins(30), vec!["oauth".to_owned()], 999_001));
    let again = endpoint(&sim).refresh(&refresh.unwrap()).await.unwrap();
    assert_eq!(endpoint(&sim).introspect(&again.access).await.unwrap().user_id.0, "1001");
    let used = endpoint(&sim).exchange(&code, REDIRECT, &verifier).await.unwrap_err();
    assert!(used.to_string().contains("BAD_AUTH_CODE"), "{used}");
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_costs_one_renewal_and_one_repeat_each() {
    let bench = bench(RefreshRotation::Rotates { grace: Duration::ZERO });
    bench.hubspot.account_details().await.unwrap();
    bench.sim.advance(Duration::from_mins(31));
    bench.sim.reset_requests();
    let calls = join_all((0..20).map(|_| bench.hubspot.account_details())).await;
    assert!(calls.iter().all(Result::is_ok));
    let requests = bench.sim.requests();
    assert_eq!((bench.refreshes(), *bench.shelf.0.lock().unwrap()), (1, 2), "one flight, and its token is kept");
    assert!(requests.with_status(401) <= 20 && requests.of("GET", "/account-info/details") <= 40, "{requests:?}");
    // Nothing was done by a refused create: it is made, once.
    bench.sim.advance(Duration::from_mins(31));
    bench.hubspot.create_user(&ada()).await.unwrap();
    let users =
        bench.sim.state()["users"].as_array().unwrap().iter().filter(|u| u["email"] == "ada@example.com").count();
    assert_eq!((users, bench.refreshes()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn what_could_write_over_somebody_is_looked_at_again_instead() {
    let bench = bench(RefreshRotation::Same);
    bench.hubspot.account_details().await.unwrap();
    let id = ContactId(bench.sim.create_contacts(1, &BTreeMap::new()).unwrap().remove(0));
    bench.sim.advance(Duration::from_mins(31));
    let properties = BTreeMap::from([("city".to_owned(), "Bonn".to_owned())]);
    let update = [ContactUpdate { id, properties }];
    let error = bench.hubspot.update_contacts(&update).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Busy { status: 401, .. }), "{error}");
    bench.hubspot.update_contacts(&update).await.unwrap();
    assert_eq!((bench.refreshes(), bench.sim.requests().with_status(401)), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_refused_for_good_is_not_fetched_over_and_over() {
    let bench = bench(RefreshRotation::Same);
    bench.hubspot.account_details().await.unwrap();
    let body = serde_json::json!({"status": "error", "message": "…", "category": "EXPIRED_AUTHENTICATION"});
    let rule = serde_json::json!({"route": "/account-info", "times": 1000, "status": 401, "body": body});
    bench.sim.add_fault(serde_json::from_value(rule).unwrap()).unwrap();
    bench.sim.reset_requests();
    for _ in 0..10 {
        let error = bench.hubspot.account_details().await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Unauthorized { expired: true, .. }), "{error}");
    }
    assert_eq!(bench.refreshes(), 1);
    assert_eq!(bench.sim.requests().of("GET", "/account-info/details"), 11);
}

#[tokio::test(start_paused = true)]
async fn whose_token_it_is_is_known_by_introspection() {
    let bench = bench(RefreshRotation::Same);
    let info = bench.hubspot.token_info().await.unwrap();
    assert_eq!((info.user_id.0.as_str(), info.hub_id.0), ("1001", 999_001));
    assert_eq!(bench.sim.requests().of("POST", "/oauth/token/introspect"), 1);
}
