//! A connection that authenticates by OAuth: tokens come and go, and nobody notices but who counts them.

mod crashes;
mod endings;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tec_crm::sim::{
    hubspot::{DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, OAuthApp, RefreshRotation},
    kube::{Strike, Verb},
};

use super::*;
use crate::simulation::world::base64;

const TOKEN: &str = "/oauth/token";
const HOUR: Duration = Duration::from_hours(1);

/// The old refresh token dies at once.
const AT_ONCE: RefreshRotation = RefreshRotation::Rotates { grace: Duration::ZERO };

fn secret(world: &World, name: &str, data: &[(&str, &str)]) {
    let data: Value = data.iter().map(|(key, text)| ((*key).to_owned(), json!(base64(text.as_bytes())))).collect();
    let metadata = json!({"name": name, "namespace": NAMESPACE});
    world.kube.apply(json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})).unwrap();
}

fn app_secret(world: &World, client_secret: &str) {
    secret(world, "app", &[("client_id", DEFAULT_CLIENT_ID), ("client_secret", client_secret)]);
}

/// The refresh token as it is stored.
fn stored(world: &World) -> String {
    let secret = world.kube.get("secrets", NAMESPACE, "tokens").unwrap();
    secret["data"]["refresh_token"].as_str().unwrap().to_owned()
}

fn unbase64(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap()
}

/// What a connection says of it.
pub fn auth() -> Value {
    let oauth = json!({"clientSecretRef": {"name": "app"}, "tokenSecretRef": {"name": "tokens"}});
    json!({"auth": {"oauth": oauth}})
}

/// The app is installed; its Secrets are there, and one of them holds something of somebody else's, too.
fn installed(rotation: RefreshRotation) -> World {
    let world = World::new(1, SimConfig { limit_per_10s: 1_000_000, ..SimConfig::default() });
    world.hubspot.set_switches(|switches| switches.refresh_rotation = rotation);
    install(&world);
    world
}

/// Somebody installs the app and stores what comes of it.
pub fn install(world: &World) {
    world.hubspot.register_app(OAuthApp::default());
    let token = world.hubspot.install_app(DEFAULT_CLIENT_ID).unwrap();
    app_secret(world, DEFAULT_CLIENT_SECRET);
    secret(world, "tokens", &[("refresh_token", &token), ("note", "mine")]);
}

/// The usual objects on such a connection; the operator does not run yet.
fn with_objects(rotation: RefreshRotation) -> World {
    let world = installed(rotation);
    world.usual_objects();
    world.connection(&auth());
    world
}

/// The app is installed again, and a person stores what comes of it.
fn authorise_again(world: &World) {
    let token = world.hubspot.install_app(DEFAULT_CLIENT_ID).unwrap();
    secret(world, "tokens", &[("refresh_token", &token)]);
}

async fn running(rotation: RefreshRotation) -> World {
    let mut world = with_objects(rotation);
    world.start();
    world.pass(2 * MINUTE).await;
    world.assert_all_ready();
    world.hubspot.reset_requests();
    world
}

fn refreshes(world: &World) -> u64 {
    world.hubspot.requests().of("POST", TOKEN)
}

/// Seconds between one refresh and the next.
fn gaps(world: &World) -> Vec<i64> {
    let trace = world.hubspot.trace();
    let refreshes = trace.iter().filter(|entry| entry.path.ends_with("/token"));
    let at: Vec<i64> = refreshes.map(|entry| entry.at.as_second()).collect();
    at.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[tokio::test(start_paused = true)]
async fn everything_is_ready_with_oauth() {
    let mut world = with_objects(RefreshRotation::Same);
    world.start();
    world.pass(MINUTE).await;
    world.assert_all_ready();
    assert_eq!(refreshes(&world), 1);
    assert_eq!(world.object("crmconnections", "portal")["status"]["portalId"], "999001");
    // Nobody may delete the user the app was installed by, who is known by introspection alone.
    let authorized = world.condition("crmconnections", "portal", "Authorized");
    assert_eq!(authorized, "True/Succeeded: api.hubapi.com answers for portal 999001");
}

#[tokio::test(start_paused = true)]
async fn a_day_has_a_refresh_each_half_hour() {
    let mut world = with_objects(RefreshRotation::Same);
    // Somebody asks often enough that every renewal is in time.
    world.connection(&json!({"interval": "30s", "auth": auth()["auth"]}));
    world.start();
    world.pass(10 * MINUTE).await;
    world.assert_all_ready();
    world.pass(24 * HOUR).await;
    world.assert_all_ready();
    let (count, gaps) = (refreshes(&world), gaps(&world));
    assert!((50..=59).contains(&count), "{count} refreshes in 24 hours 10 minutes");
    assert!(gaps.iter().all(|gap| (25 * 60..=29 * 60 + 40).contains(gap)), "seconds between refreshes: {gaps:?}");
    assert_eq!(world.hubspot.requests().with_status(401), 0);
}

#[tokio::test(start_paused = true)]
async fn two_hundred_assistants_share_one_token() {
    let mut world = with_objects(RefreshRotation::Same);
    for place in 0..200 {
        world.assistant(&format!("a{place}"), &json!({}));
    }
    world.start();
    world.pass(3 * HOUR).await;
    world.assert_all_ready();
    let count = refreshes(&world);
    assert!((6..=8).contains(&count), "{count} refreshes in three hours");
    assert_eq!(world.hubspot.requests().with_status(401), 0);
}

#[tokio::test(start_paused = true)]
async fn a_token_nobody_uses_is_not_renewed() {
    let world = running(RefreshRotation::Same).await;
    world.connection(&json!({"suspend": true, "auth": auth()["auth"]}));
    world.pass(24 * HOUR).await;
    assert_eq!(world.hubspot.requests().total, 0);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_ends_before_its_time_is_renewed_once() {
    let world = running(RefreshRotation::Same).await;
    // HubSpot's clock runs ahead of ours.
    world.hubspot.advance(40 * MINUTE);
    world.pass(6 * MINUTE).await;
    world.assert_all_ready();
    assert_eq!((refreshes(&world), world.hubspot.requests().with_status(401)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_rotated_token_is_stored_before_it_is_used_and_nothing_else_is_touched() {
    let world = running(AT_ONCE).await;
    let before = stored(&world);
    let uses = world.object("crmconnections", "portal")["metadata"]["resourceVersion"].clone();
    world.kube.take_requests();
    world.pass(2 * HOUR).await;
    world.assert_all_ready();
    let (count, after) = (refreshes(&world), stored(&world));
    assert!((3..=5).contains(&count), "{count}");
    assert_ne!(after, before);
    let secret = world.kube.get("secrets", NAMESPACE, "tokens").unwrap();
    assert_eq!(secret["data"]["note"], base64(b"mine"));
    let writes = world.kube.take_requests().into_iter().filter(|line| line.starts_with("PATCH")).collect::<Vec<_>>();
    assert_eq!(writes.len() as u64, count, "one write a rotation, and none besides: {writes:?}");
    assert_eq!(world.object("crmconnections", "portal")["metadata"]["resourceVersion"], uses);
    // Our own writes are no new credential: nothing is read anew but by its interval.
    let details = world.hubspot.requests().of("GET", "/account-info/details");
    assert!(details <= 27, "{details} looks in two hours of 24 intervals");
}

#[tokio::test(start_paused = true)]
async fn what_came_with_an_unstored_token_is_not_used_and_nothing_is_lost() {
    let world = running(AT_ONCE).await;
    world.kube.set_chaos(|verb: Verb, plural: &str| {
        let refused = Strike::Refuse { code: 403, reason: "Forbidden".to_owned() };
        (verb == Verb::Patch && plural == "secrets").then_some(refused)
    });
    world.pass(30 * MINUTE).await;
    let calls = world.hubspot.requests();
    assert_eq!(calls.of("POST", TOKEN), 1, "the token endpoint is not asked again");
    world.hubspot.reset_requests();
    world.pass(30 * MINUTE).await;
    assert_eq!(world.hubspot.requests().total, 0, "nothing is called with what came with it");
    let ready = world.ready("crmconnections", "portal");
    assert!(ready.starts_with("Unknown/Retrying") && ready.contains("may not patch Secret tokens"), "{ready}");
    world.kube.clear_chaos();
    world.pass(11 * MINUTE).await;
    world.assert_all_ready();
    assert!(!world.condition("crmconnections", "portal", "Authorized").contains("memory"));
}

#[tokio::test(start_paused = true)]
async fn while_the_old_token_lives_a_failed_store_is_told_and_nothing_stops() {
    let world = running(AT_ONCE).await;
    world.connection(&json!({"interval": "20s", "auth": auth()["auth"]}));
    world.kube.set_chaos(|verb: Verb, plural: &str| {
        let refused = Strike::Refuse { code: 403, reason: "Forbidden".to_owned() };
        (verb == Verb::Patch && plural == "secrets").then_some(refused)
    });
    let authorized = || world.condition("crmconnections", "portal", "Authorized");
    let told = async {
        while !authorized().contains("only in memory") {
            world.pass(5 * SECOND).await;
        }
    };
    tokio::time::timeout(30 * MINUTE, told).await.expect("told while the old token lives");
    assert!(authorized().starts_with("True/") && authorized().contains("may not patch Secret tokens"));
    world.assert_all_ready();
    world.kube.clear_chaos();
    world.pass(5 * MINUTE).await;
    world.assert_all_ready();
    assert_eq!(authorized(), "True/Succeeded: api.hubapi.com answers for portal 999001");
    assert_eq!(refreshes(&world), 1);
}

#[tokio::test(start_paused = true)]
async fn a_store_whose_answer_is_lost_is_found_done() {
    let world = running(AT_ONCE).await;
    let lose = |verb: Verb, plural: &str| (verb == Verb::Patch && plural == "secrets").then_some(Strike::LoseReply);
    world.kube.set_chaos(lose);
    world.kube.take_requests();
    world.pass(2 * HOUR).await;
    world.assert_all_ready();
    let writes: Vec<String> = world.kube.take_requests().into_iter().filter(|line| line.starts_with("PATCH")).collect();
    assert_eq!(writes.len() as u64, refreshes(&world), "each is written once: {writes:#?}");
}
