//! Authorisations that end, apps that are refused, endpoints that are away, and persons who mend it.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use tec_crm::sim::hubspot::Uninstalled;

use super::*;

async fn hour_after(world: &World) -> (String, u64) {
    world.hubspot.reset_requests();
    world.pass(HOUR).await;
    (world.ready("crmconnections", "portal"), world.hubspot.requests().total)
}

#[tokio::test(start_paused = true)]
async fn an_uninstalled_app_is_told_probed_once_an_interval_and_heals_at_once() {
    for answer in [Uninstalled::BadRefreshToken, Uninstalled::BadHub] {
        let world = running(RefreshRotation::Same).await;
        world.hubspot.set_switches(|switches| switches.uninstalled = answer);
        world.hubspot.uninstall_app(DEFAULT_CLIENT_ID).unwrap();
        world.pass(6 * MINUTE).await;
        let (ready, calls) = hour_after(&world).await;
        assert!(ready.starts_with("False/InvalidCredentials"), "{ready}");
        assert!(ready.contains("Secret tokens") && ready.contains("authorise the app again"), "{ready}");
        assert!((10..=14).contains(&calls), "{calls} calls in an hour of 12 intervals");
        assert_eq!(refreshes(&world), calls, "HubSpot itself is not asked without a token");
        assert!(world.condition("crmconnections", "portal", "Authorized").starts_with("False/InvalidCredentials"));
        assert!(world.ready("assistants", "ada").starts_with("Unknown/"));
        authorise_again(&world);
        world.pass(10 * SECOND).await;
        world.assert_all_ready();
    }
}

#[tokio::test(start_paused = true)]
async fn a_revoked_refresh_token_ends_with_the_last_access_token() {
    let world = running(RefreshRotation::Same).await;
    let token = String::from_utf8(unbase64(&stored(&world))).unwrap();
    world.hubspot.revoke_refresh_token(&token).unwrap();
    world.pass(20 * MINUTE).await;
    world.assert_all_ready();
    let (ready, _) = hour_after(&world).await;
    assert!(ready.starts_with("False/InvalidCredentials") && ready.contains("authorise the app again"), "{ready}");
    authorise_again(&world);
    world.pass(10 * SECOND).await;
    world.assert_all_ready();
}

#[tokio::test(start_paused = true)]
async fn a_wrong_client_id_or_secret_is_a_matter_of_configuration() {
    for (key, id, password) in
        [("client_id", "other", DEFAULT_CLIENT_SECRET), ("client_secret", DEFAULT_CLIENT_ID, "canary-wrong")]
    {
        let mut world = with_objects(RefreshRotation::Same);
        secret(&world, "app", &[("client_id", id), ("client_secret", password)]);
        world.start();
        let (ready, calls) = hour_after(&world).await;
        assert!(ready.starts_with("False/InvalidCredentials"), "{ready}");
        assert!(ready.contains(&format!("{key:?} of Secret app")) && !ready.contains("authorise"), "{ready}");
        assert!((10..=14).contains(&calls), "{calls} calls in an hour of 12 intervals");
        app_secret(&world, DEFAULT_CLIENT_SECRET);
        world.pass(MINUTE).await;
        world.assert_all_ready();
    }
}

/// The app gets another secret, at HubSpot and with us.
fn new_client_secret(world: &World) {
    world.hubspot.register_app(OAuthApp { client_secret: "next".to_owned(), ..OAuthApp::default() });
    app_secret(world, "next");
}

#[tokio::test(start_paused = true)]
async fn a_new_client_secret_goes_on_with_the_newest_refresh_token() {
    let world = running(AT_ONCE).await;
    let before = stored(&world);
    // The rotated token cannot be stored, and then the app gets another secret.
    let refuse = |verb: Verb, plural: &str| {
        let refused = Strike::Refuse { code: 422, reason: "Invalid".to_owned() };
        (verb == Verb::Patch && plural == "secrets").then_some(refused)
    };
    world.kube.set_chaos(refuse);
    world.pass(40 * MINUTE).await;
    assert!(world.ready("crmconnections", "portal").contains("is it immutable?"));
    new_client_secret(&world);
    world.hubspot.reset_requests();
    world.pass(6 * MINUTE).await;
    assert_eq!(refreshes(&world), 0, "it is stored before it is used");
    world.kube.clear_chaos();
    until_refreshed(&world).await;
    assert_ne!(stored(&world), before);
    world.pass(6 * MINUTE).await;
    world.assert_all_ready();
}

#[tokio::test(start_paused = true)]
async fn a_new_client_secret_waits_for_the_refresh_token_that_is_on_its_way() {
    let world = running(AT_ONCE).await;
    // Often enough that the token is renewed while the old one lives: nobody waits for the new one.
    world.connection(&json!({"interval": "20s", "auth": auth()["auth"]}));
    world.hubspot.reset_requests();
    renewal_begins(&world).await;
    new_client_secret(&world);
    world.pass(10 * MINUTE).await;
    world.assert_all_ready();
    let refused =
        world.hubspot.trace().into_iter().filter(|entry| entry.path.ends_with("/token") && entry.status >= Some(400));
    assert_eq!(refused.count(), 0, "the dead refresh token is not tried again");
}

#[tokio::test(start_paused = true)]
async fn a_token_endpoint_that_is_away_stops_nothing_for_a_while_and_heals_by_itself() {
    let faults = [
        json!({"status": 503}),
        json!({"status": 502, "body": "<html>"}),
        json!({"status": 429}),
        json!({"drop": true}),
        json!({"drop": true, "when": "after"}),
        json!({"status": 500, "when": "after"}),
    ];
    for fault_of in faults {
        let world = running(GRACE_OF_HOURS).await;
        let mut rule = json!({"route": TOKEN, "times": 10_000});
        json_patch::merge(&mut rule, &fault_of);
        world.hubspot.add_fault(fault(&rule)).unwrap();
        world.pass(20 * MINUTE).await;
        world.assert_all_ready();
        world.pass(100 * MINUTE).await;
        let ready = world.ready("crmconnections", "portal");
        assert!(ready.starts_with("Unknown/Unreachable"), "{fault_of}: {ready}");
        let calls = refreshes(&world);
        assert!((15..=60).contains(&calls), "{fault_of}: {calls} tries in an hour and a half");
        world.hubspot.clear_faults();
        world.pass(11 * MINUTE).await;
        world.assert_all_ready();
    }
}

#[tokio::test(start_paused = true)]
async fn a_persons_new_refresh_token_is_taken_at_once() {
    let world = running(AT_ONCE).await;
    let old = stored(&world);
    authorise_again(&world);
    world.pass(10 * SECOND).await;
    world.assert_all_ready();
    assert_eq!(refreshes(&world), 1);
    // Whatever becomes of the one before.
    assert!(world.hubspot.revoke_refresh_token(&String::from_utf8(unbase64(&old)).unwrap()).is_ok());
    world.pass(2 * HOUR).await;
    world.assert_all_ready();
}

#[tokio::test(start_paused = true)]
async fn a_persons_token_is_not_written_over_by_one_that_waits_to_be_stored() {
    let world = running(AT_ONCE).await;
    let refuse = |verb: Verb, plural: &str| {
        (verb == Verb::Patch && plural == "secrets").then_some(Strike::Refuse { code: 500, reason: String::new() })
    };
    world.kube.set_chaos(refuse);
    world.pass(40 * MINUTE).await;
    assert!(world.ready("crmconnections", "portal").starts_with("Unknown/Retrying"));
    world.hubspot.set_switches(|switches| switches.refresh_rotation = RefreshRotation::Same);
    authorise_again(&world);
    let theirs = stored(&world);
    world.kube.clear_chaos();
    world.pass(20 * MINUTE).await;
    world.assert_all_ready();
    assert_eq!(stored(&world), theirs);
}

#[tokio::test(start_paused = true)]
async fn an_old_token_put_back_by_a_tool_is_replaced_again() {
    let world = running(AT_ONCE).await;
    let old = stored(&world);
    world.pass(HOUR).await;
    let newest = stored(&world);
    assert_ne!(old, newest);
    let patch = json!({"data": {"refresh_token": old}});
    world.kube.patch("secrets", NAMESPACE, "tokens", patch).unwrap();
    world.pass(10 * SECOND).await;
    assert_eq!(stored(&world), newest);
    world.assert_all_ready();
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_is_named_with_its_secret_and_key() {
    let mut world = with_objects(RefreshRotation::Same);
    let token = String::from_utf8(unbase64(&stored(&world))).unwrap();
    secret(&world, "tokens", &[("refresh_token", "")]);
    world.kube.delete("secrets", NAMESPACE, "app").unwrap();
    world.start();
    let steps: [(&[(&str, &str)], &str); 3] = [
        (&[], "Secret app has no key \"client_id\""),
        (&[("client_id", DEFAULT_CLIENT_ID)], "Secret app has no key \"client_secret\""),
        (
            &[("client_id", DEFAULT_CLIENT_ID), ("client_secret", DEFAULT_CLIENT_SECRET)],
            "key \"refresh_token\" of Secret tokens is empty",
        ),
    ];
    world.pass(MINUTE).await;
    let said = || world.ready("crmconnections", "portal");
    assert_eq!(said(), "False/ReferenceNotFound: Secret app does not exist");
    for (data, words) in steps {
        secret(&world, "app", data);
        world.pass(2 * SECOND).await;
        assert_eq!(said(), format!("False/ReferenceNotFound: {words}"));
    }
    assert_eq!(world.hubspot.requests().total, 0);
    secret(&world, "tokens", &[("refresh_token", &token)]);
    world.pass(MINUTE).await;
    world.assert_all_ready();
}

#[tokio::test(start_paused = true)]
async fn a_european_portal_is_found_by_its_refresh_token() {
    let config = SimConfig { data_hosting_location: "eu1".to_owned(), ..SimConfig::default() };
    let mut world = World::new(1, config);
    world.hubspot.register_app(OAuthApp::default());
    app_secret(&world, DEFAULT_CLIENT_SECRET);
    authorise_again(&world);
    world.usual_objects();
    world.connection(&auth());
    world.start();
    world.pass(2 * MINUTE).await;
    world.assert_all_ready();
    let endpoint = world.object("crmconnections", "portal")["status"]["apiEndpoint"].clone();
    assert_eq!((endpoint, refreshes(&world)), (json!("https://api-eu1.hubapi.com"), 1));
}

/// Access tokens, refresh tokens and client secrets of the simulator, wherever in a text.
fn secrets_in(text: &str) -> Vec<String> {
    let hex = |rest: &str| rest.bytes().take_while(u8::is_ascii_hexdigit).count();
    let long = |prefix: &'static str, least: usize| {
        text.match_indices(prefix).filter(move |(at, _)| hex(&text[at + prefix.len()..]) >= least)
    };
    let found = long("CJ", 40).chain(long("na1-", 30)).map(|(at, _)| text[at..].chars().take(40).collect());
    found.chain(text.contains(DEFAULT_CLIENT_SECRET).then(|| DEFAULT_CLIENT_SECRET.to_owned())).collect()
}

/// Everything this thread logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn no_secret_in_any_object_event_or_log() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    assert_eq!(secrets_in(&format!("CJ{} na1-{} {DEFAULT_CLIENT_SECRET}", "0a".repeat(28), "b1".repeat(20))).len(), 3);
    let mut world = with_objects(GRACE_OF_HOURS);
    world.start();
    for (place, status) in [400, 401, 403, 404, 429, 488, 500, 502].into_iter().enumerate() {
        let token = String::from_utf8(unbase64(&stored(&world))).unwrap();
        let said = format!("bad {token} of {DEFAULT_CLIENT_SECRET}");
        let echo = json!({
            "status": said, "message": said, "error": said, "error_description": said, "correlationId": token,
            "category": token,
        });
        // HubSpot's other calls never hear of the app's secret.
        let other =
            json!({"status": "error", "message": format!("bad {token}"), "correlationId": token, "category": token});
        for (route, body) in [(TOKEN, echo), ("*", other)] {
            let rule = json!({"route": route, "times": 20, "status": status, "body": body});
            world.hubspot.add_fault(fault(&rule)).unwrap();
        }
        // Another test's thread may have met a log line first, with nobody listening; that is cached.
        tracing::callsite::rebuild_interest_cache();
        world.request("crmconnections", "portal", &place.to_string());
        world.pass(40 * MINUTE).await;
        world.hubspot.clear_faults();
        world.pass(6 * MINUTE).await;
    }
    world.hubspot.uninstall_app(DEFAULT_CLIENT_ID).unwrap();
    world.pass(HOUR).await;
    authorise_again(&world);
    world.pass(12 * MINUTE).await;
    world.assert_all_ready();
    let mut looked_at = 0;
    for plural in ["crmconnections", "assistants", "schedulesyncs", "events"] {
        for object in world.kube.list(plural) {
            looked_at += 1;
            assert_eq!(secrets_in(&object.to_string()), Vec::<String>::new(), "{object}");
        }
    }
    assert!(looked_at > 8, "{looked_at} objects and events");
    assert_eq!(secrets_in(&world.trace()), Vec::<String>::new());
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert_eq!(secrets_in(&log), Vec::<String>::new());
    assert!(log.contains("refresh_token") && log.contains("new refresh token is stored"), "{log}");
}

/// Any answer may be lost, and the old refresh token still works when it is tried again.
const GRACE_OF_HOURS: RefreshRotation = RefreshRotation::Rotates { grace: Duration::from_hours(3) };

/// Each would take the other's newest refresh token for a person's, again and again.
#[tokio::test(start_paused = true)]
async fn two_connections_with_one_refresh_token_share_what_comes_of_it() {
    let mut world = with_objects(AT_ONCE);
    let spec = auth();
    world.apply("CrmConnection", "second", &spec);
    world.start();
    world.pass(HOUR).await;
    let count = refreshes(&world);
    assert!(count <= 3, "{count} refreshes in an hour");
    assert!(world.ready("crmconnections", "portal").starts_with("True/"));
    let second = world.ready("crmconnections", "second");
    assert!(second.starts_with("False/Conflict"), "{second}");
}

/// Until a renewal has been made whose answer takes a while.
async fn renewal_begins(world: &World) {
    let slow = json!({"route": TOKEN, "times": 1, "delayMs": 3_000, "when": "after"});
    world.hubspot.add_fault(fault(&slow)).unwrap();
    until_refreshed(world).await;
}

async fn until_refreshed(world: &World) {
    while refreshes(world) == 0 {
        world.pass(SECOND / 10).await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_asked_to_end_stores_the_new_refresh_token_first() {
    let mut world = running(AT_ONCE).await;
    // Often enough that the token is renewed while the old one lives: nobody waits for the new one.
    world.connection(&json!({"interval": "20s", "auth": auth()["auth"]}));
    let before = stored(&world);
    world.hubspot.reset_requests();
    renewal_begins(&world).await;
    world.stop().await;
    assert_ne!(stored(&world), before);
    world.start();
    world.pass(10 * MINUTE).await;
    world.assert_all_ready();
}
