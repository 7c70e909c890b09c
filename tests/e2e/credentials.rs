//! Tokens: missing, wrong, rotated, too weak, of another portal; and that they are never told to anybody.

use std::time::Duration;

use serde_json::{Value, json};
use tec_crm::sim::hubspot::{ALL_SCOPES, FaultRule, SimConfig, TokenConfig};

use super::{
    kstatus::{self, State},
    world::{PATIENCE, PROMPTLY, Setup, World, assistant, property, schedules, secret},
};

const PORTAL: &str = "crmconnections/portal";
const ADA: &str = "assistants/ada";
const SCHEDULES: &str = "schedulesyncs/schedules";

#[test]
fn a_missing_secret_is_named_and_heals_within_two_seconds_of_its_appearance() {
    let world = World::start("missing-secret");
    world.apply(&[world.connection(&json!({})), assistant("ada", &json!({})), schedules(&["101"])]);
    let message = world.wait_condition(PORTAL, ["Ready", "False", "ReferenceNotFound"], PATIENCE);
    assert!(message.contains("Secret portal"), "{message}");
    assert_eq!(kstatus::of(&world.get(PORTAL)), State::InProgress);
    for object in [ADA, SCHEDULES] {
        let message = world.wait_condition(object, ["Ready", "Unknown", "ConnectionNotReady"], PATIENCE);
        assert!(message.contains("Secret portal"), "{message}");
    }

    world.apply(&[json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "portal"}, "stringData": {"Token": world.token()},
    })]);
    let message = world.wait_for("the missing key is named", PROMPTLY, || {
        let object = world.get(PORTAL);
        let message = kstatus::condition(&object, "Ready")?["message"].as_str()?.to_owned();
        message.contains("key").then_some(message)
    });
    assert!(message.contains(r#"no key "token""#), "{message}");
    assert_eq!(world.sim.requests().total, 0, "nobody was asked without a token");

    // As `kubectl create secret --from-file` makes it: with the end of the line.
    world.patch("secrets/portal", &json!({"stringData": {"token": format!("{}\n", world.token())}}));
    world.wait_condition(PORTAL, ["Ready", "True", "Succeeded"], PROMPTLY);
    for object in [ADA, SCHEDULES] {
        world.wait_ready(object);
    }
}

#[test]
fn a_rotated_token_is_picked_up_and_a_dead_one_costs_one_probe() {
    let mut world = World::start("rotated");
    world.bring_in_line();
    world.apply(&[assistant("bob", &json!({})), assistant("eve", &json!({}))]);
    world.wait_ready("assistants/bob");
    world.wait_ready("assistants/eve");
    world.wait_calm(Duration::from_millis(300));
    world.sim.revoke_token(&world.secrets[0]).expect("a token");
    world.sim.reset_requests();

    world.refresh(PORTAL);
    let message = world.wait_condition(PORTAL, ["Ready", "False", "InvalidCredentials"], PROMPTLY);
    assert!(!message.is_empty());
    assert_eq!(kstatus::of(&world.get(PORTAL)), State::Failed);
    world.wait_condition(PORTAL, ["Authorized", "False", "InvalidCredentials"], PROMPTLY);
    for name in ["ada", "bob", "eve"] {
        let object = format!("assistants/{name}");
        world.wait_condition(&object, ["Ready", "Unknown", "ConnectionNotReady"], PROMPTLY);
        assert_eq!(world.get(&object)["status"]["crmIntegrationStatus"], "ASSISTANT_EXISTS_AS_USER_IN_CRM");
    }
    let probes = world.sim.requests().total;
    assert_eq!(probes, 1, "{:?}", world.sim.requests());
    // Whatever is done to the objects that use it.
    for name in ["ada", "bob", "eve"] {
        world.patch(&format!("assistants/{name}"), &json!({"spec": {"acknowledged": ["InvitationAccepted"]}}));
        world.refresh(&format!("assistants/{name}"));
    }
    world.wait_calm(Duration::from_millis(500));
    assert_eq!(world.sim.requests().total, probes, "{:?}", world.sim.requests());

    let fresh = "pat-na1-canary-rotated-second-77aa".to_owned();
    world.sim.set_token(&TokenConfig::with_all_scopes(&fresh));
    world.apply(&[secret(&fresh)]);
    world.secrets.push(fresh);
    world.wait_condition(PORTAL, ["Ready", "True", "Succeeded"], PROMPTLY);
    for name in ["ada", "bob", "eve"] {
        world.wait_ready(&format!("assistants/{name}"));
    }
    assert_eq!(world.sim.requests().writes(), 0, "{:?}", world.sim.requests());
}

#[test]
fn a_wrong_token_is_probed_once_per_interval() {
    let mut world = World::start("wrong-token");
    world.secrets.push("pat-na1-canary-never-valid".to_owned());
    let names = ["ada", "bob", "eve", "joe", "kim"];
    let mut manifests: Vec<Value> = names.iter().map(|name| assistant(name, &json!({}))).collect();
    manifests.extend([secret("pat-na1-canary-never-valid"), world.connection(&json!({"interval": "10s"}))]);
    world.apply(&manifests);
    world.wait_condition(PORTAL, ["Ready", "False", "InvalidCredentials"], PATIENCE);
    for name in names {
        world.wait_condition(&format!("assistants/{name}"), ["Ready", "Unknown", "ConnectionNotReady"], PATIENCE);
    }
    world.wait_calm(Duration::from_millis(300));
    assert_eq!(world.sim.requests().total, 1, "{:?}", world.sim.requests());
    let versions = world.versions();
    world.wait_until("the next probe", Duration::from_secs(12), || world.sim.requests().total > 1);
    world.wait_calm(Duration::from_millis(500));
    assert_eq!(world.sim.requests().total, 2, "{:?}", world.sim.requests());
    assert_eq!(world.versions(), versions, "the same failure again is no news");
}

#[test]
fn a_missing_scope_is_named() {
    let without = |missing: &[&str]| TokenConfig {
        scopes: ALL_SCOPES.iter().filter(|scope| !missing.contains(*scope)).map(ToString::to_string).collect(),
        ..TokenConfig::with_all_scopes("pat-na1-canary-weak-0c1d")
    };
    let setup = Setup::new("scopes");
    let sim = SimConfig { tokens: vec![without(&["crm.schemas.contacts.write"])], ..setup.sim.clone() };
    let world = World::with(Setup { sim, ..setup });
    world.apply(&[world.secret(), world.connection(&json!({}))]);
    let message = world.wait_condition(PORTAL, ["Ready", "False", "MissingScopes"], PATIENCE);
    assert!(message.contains("crm.schemas.contacts.write"), "{message}");
    assert_eq!(kstatus::of(&world.get(PORTAL)), State::Failed);

    // Either of the two would do.
    world.sim.set_token(&without(&["settings.users.write", "crm.objects.users.write"]));
    world.refresh(PORTAL);
    world.wait_ready(PORTAL);
    world.apply(&[assistant("ada", &json!({}))]);
    let message = world.wait_condition(ADA, ["Ready", "False", "MissingScopes"], PATIENCE);
    assert!(message.contains("settings.users.write"), "{message}");

    world.sim.set_token(&TokenConfig::with_all_scopes(world.token()));
    world.refresh(ADA);
    world.wait_ready(ADA);
}

#[test]
fn a_token_of_another_portal_writes_nothing() {
    let setup = Setup { operator: false, ..Setup::new("other-portal") };
    let mut world = World::with(setup);
    let other_token = "pat-na1-canary-other-portal-91ab";
    let other =
        SimConfig { portal_id: 42, tokens: vec![TokenConfig::with_all_scopes(other_token)], ..SimConfig::default() };
    let (other, other_endpoint) = world.another_portal(other);
    world.start_operator();

    // A guard in the spec is heeded from the start.
    world.apply(&[world.secret(), world.connection(&json!({"portalId": "7"})), assistant("ada", &json!({}))]);
    let message = world.wait_condition(PORTAL, ["Ready", "False", "WrongPortal"], PATIENCE);
    assert!(message.contains("999001") && message.contains('7'), "{message}");
    world.wait_condition(ADA, ["Ready", "Unknown", "ConnectionNotReady"], PATIENCE);
    assert_eq!(world.sim.requests().writes(), 0, "{:?}", world.sim.requests());
    world.patch(PORTAL, &json!({"spec": {"portalId": null}}));
    world.wait_ready(PORTAL);
    world.wait_ready(ADA);

    // Without one, the portal once seen is the one.
    world.patch("secrets/portal", &json!({"stringData": {"token": other_token}}));
    world.patch(PORTAL, &json!({"spec": {"apiEndpoint": other_endpoint}}));
    let message = world.wait_condition(PORTAL, ["Ready", "False", "WrongPortal"], PATIENCE);
    assert!(message.contains("42") && message.contains("999001"), "{message}");
    world.wait_condition(ADA, ["Ready", "Unknown", "ConnectionNotReady"], PATIENCE);
    world.refresh(PORTAL);
    world.refresh(ADA);
    world.wait_calm(Duration::from_millis(500));
    assert_eq!(other.requests().writes(), 0, "{:?}", other.requests());
    assert_eq!(world.get(PORTAL)["status"]["portalId"], "999001");

    // Not even on the way out.
    world.patch(PORTAL, &json!({"spec": {"deletionPolicy": "ForceDelete"}}));
    world.delete(ADA);
    world.delete(PORTAL);
    world.wait_until("both are gone", PATIENCE, || world.objects().is_empty());
    assert_eq!(other.requests().writes(), 0, "{:?}", other.requests());
    assert!(property(&world.sim.state(), "tec_context").is_object());
}

/// The world itself looks for tokens in the log, in every version of every object, and in events.
#[test]
fn a_token_is_in_no_log_line_status_or_event_even_if_hubspot_echoes_it() {
    let world = World::with(Setup { rust_log: "debug", ..Setup::new("canary") });
    world.bring_in_line();
    assert!(world.log().contains(" DEBUG "), "the log is less than asked for");
    let token = world.token().to_owned();
    let words = format!("Authorization: Bearer {token} (token={token}) is not welcome");
    let json_error = |category: &str| {
        json!({
            "status": "error", "message": words, "category": category, "correlationId": token, "subCategory": token,
            "errors": [{"message": words, "code": token, "in": token, "context": {"token": [token], "missingScopes": [token]}}],
            "context": {"token": [token], "requiredGranularScopes": [token]}, "links": {"help": words},
        })
    };
    let page = json!(format!("<html><body>{words}</body></html>"));
    let read = "/crm/properties/contacts";
    for (route, method, status, body) in [
        ("/settings/users", "GET", 400, json_error("VALIDATION_ERROR")),
        (read, "GET", 403, json_error("MISSING_SCOPES")),
        (read, "GET", 500, page.clone()),
        (read, "GET", 200, json!({"results": [{"name": token, "label": 5}]})),
        (read, "GET", 200, json!(words)),
        (read, "GET", 423, json_error("LOCKED")),
        ("/crm/properties/contacts/{name}", "PATCH", 400, json_error("VALIDATION_ERROR")),
        ("/crm/properties/contacts/{name}", "PATCH", 502, page),
        ("*", "GET", 401, json_error("INVALID_AUTHENTICATION")),
    ] {
        world.sim.edit_property("tec_context", json!({"label": "Kontext"})).expect("an edit");
        let headers = [("x-hubspot-correlation-id".to_owned(), token.clone())].into();
        let fault = FaultRule {
            route: route.into(),
            method: Some(method.into()),
            times: Some(20),
            status: Some(status),
            body: Some(body),
            headers,
            ..FaultRule::default()
        };
        world.sim.add_fault(fault).expect("a fault");
        world.sim.reset_requests();
        world.refresh(PORTAL);
        world.refresh(ADA);
        world.wait_until("the fault strikes", PATIENCE, || world.sim.requests().with_status(status) > 0);
        world.wait_until("it is reported", PATIENCE, || {
            let objects = [world.get(PORTAL), world.get(ADA)];
            let mut ready = objects.iter().filter_map(|object| kstatus::condition(object, "Ready").cloned());
            ready.any(|ready| ready["status"] != "True")
        });
        world.sim.clear_faults();
        let mut asked = [PORTAL, ADA].map(|object| (object, world.refresh(object)));
        world.wait_until("all is well again", PATIENCE, || {
            for (object, stamp) in &mut asked {
                if world.get(object)["status"]["lastHandledReconcileAt"] == stamp.as_str() {
                    *stamp = world.refresh(object);
                }
            }
            let objects = [world.get(PORTAL), world.get(ADA)];
            objects.iter().all(|object| kstatus::of(object) == State::Current)
        });
    }
    // The log tells of the errors, only not of the token.
    assert!(world.log().contains("is not welcome"), "HubSpot's words help to solve it");
}
