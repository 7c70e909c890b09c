//! The operator as a process: probes, restarts, calm, and objects it cannot read.

use std::time::Duration;

use serde_json::{Value, json};
use tec_crm::sim::hubspot::FaultRule;

use super::{
    kstatus::{self, State},
    world::{KINDS, PATIENCE, PROMPTLY, Setup, World, assistant, install_crds, kubectl, repository, users},
};

const PORTAL: &str = "crmconnections/portal";
const ADA: &str = "assistants/ada";

#[test]
fn it_is_alive_at_once_and_ready_when_the_definitions_are_there() {
    let world = World::with(Setup { own_plane: true, ..Setup::new("readiness") });
    world.wait_until("it is alive", PATIENCE, || world.probe("/healthz") == Some(200));
    world.wait_until("it says what it waits for", PATIENCE, || world.log().contains("is not installed"));
    assert_eq!(world.probe("/readyz"), Some(503));
    install_crds(world.admin()).expect("CRDs without a warning");
    world.wait_until("it is ready", PATIENCE, || world.probe("/readyz") == Some(200));
    assert_eq!(world.probe("/healthz"), Some(200));
    world.bring_in_line();
}

#[test]
fn on_sigterm_it_ends_within_seconds_without_an_error() {
    let mut world = World::start("shutdown");
    world.bring_in_line();
    // In the middle of a call.
    let slow = FaultRule { route: "/crm/properties/contacts".into(), delay_ms: 1_000, ..FaultRule::default() };
    world.sim.add_fault(slow).expect("a fault");
    world.sim.reset_requests();
    world.refresh(PORTAL);
    world.wait_until("a call is under way", PATIENCE, || {
        world
            .sim
            .requests()
            .by_route
            .iter()
            .any(|line| line.route == "/crm/properties/contacts" && line.status.is_none())
    });
    let (status, took) = world.terminate_operator();
    assert_eq!(status.code(), Some(0), "{}", world.log());
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert!(world.log().contains("stopped"));

    world.start_operator();
    world.wait_until("the request is handled by the next one", PATIENCE, || {
        let portal = world.get(PORTAL);
        portal["status"]["lastHandledReconcileAt"]
            == portal["metadata"]["annotations"]["crm.theeminenceco.com/requestedAt"]
    });
    assert_eq!(world.sim.requests().writes(), 0, "{:?}", world.sim.requests());
}

#[test]
fn killed_in_the_middle_of_an_invitation_it_invites_nobody_twice() {
    let mut world = World::start("killed");
    world.apply(&[world.secret(), world.connection(&json!({}))]);
    world.wait_ready(PORTAL);
    // The user is made, the answer does not come before the kill.
    let late = FaultRule {
        route: "/settings/users".into(),
        method: Some("POST".into()),
        when: tec_crm::sim::hubspot::When::After,
        delay_ms: 30_000,
        ..FaultRule::default()
    };
    world.sim.add_fault(late).expect("a fault");
    world.apply(&[assistant("ada", &json!({}))]);
    world.wait_until("the user is there", PATIENCE, || users(&world.sim.state(), "ada@example.com") == 1);
    world.kill_operator();
    world.start_operator();
    world.wait_ready(ADA);
    assert_eq!(users(&world.sim.state(), "ada@example.com"), 1);
    assert_eq!(world.sim.requests().of("POST", "/settings/users"), 1, "{:?}", world.sim.requests());
}

#[test]
fn passes_over_what_is_in_line_write_nothing_and_cost_the_same_for_few_and_many() {
    let world = World::start("calm");
    world.bring_in_line();
    world.patch(PORTAL, &json!({"spec": {"interval": "10s"}}));
    world.wait_ready(PORTAL);
    world.wait_calm(Duration::from_millis(500));
    let few = calls_of_two_passes(&world);

    let many: Vec<Value> = (0..40).map(|n| assistant(&format!("many{n}"), &json!({}))).collect();
    world.apply(&many);
    for n in 0..40 {
        world.wait_ready(&format!("assistants/many{n}"));
    }
    world.wait_until("none waits for an owner any more", PATIENCE, || {
        world.objects().iter().all(|object| kstatus::of(object) == State::Current)
    });
    world.wait_calm(Duration::from_secs(1));
    assert_eq!(calls_of_two_passes(&world), few);
}

/// Lets two passes go by; nothing may be written meanwhile, to HubSpot or to Kubernetes. The calls of one pass.
fn calls_of_two_passes(world: &World) -> Vec<(String, u64)> {
    let accounts = || world.sim.requests().of("GET", "/account-info/details");
    let versions = world.versions();
    let mut calls = Vec::new();
    for _ in 0..2 {
        world.sim.reset_requests();
        world.wait_until("a pass", Duration::from_secs(13), || accounts() > 0);
        // Whoever is woken by it has had its turn when nobody has written for a while.
        world.wait_calm(Duration::from_secs(1));
        assert_eq!(world.sim.requests().writes(), 0, "{:?}", world.sim.requests());
        calls = world.sim.requests().by_route.iter().map(|line| (line.route.clone(), line.count)).collect();
    }
    assert_eq!(world.versions(), versions, "a pass that changes nothing writes nothing");
    let total: u64 = calls.iter().map(|(_, count)| count).sum();
    assert!(total <= 7, "5 and a page each of users and owners: {calls:?}");
    calls
}

#[test]
fn an_object_that_cannot_be_read_is_reported_and_harms_nobody() {
    let mut world = World::with(Setup { own_plane: true, operator: false, ..Setup::new("malformed") });
    install_lax_crds(&world);
    let mut broken = assistant("broken", &json!({}));
    broken["spec"]["firstName"] = json!(5);
    broken["spec"]["provisioning"] = json!("Whatever");
    // Where a field has a rule of its own, the API server takes not even a status.
    let mut mute = assistant("mute", &json!({}));
    mute["spec"]["email"] = json!(5);
    world.apply(&[world.secret(), world.connection(&json!({})), broken, mute, assistant("ada", &json!({}))]);
    install_crds(world.admin()).expect("CRDs without a warning");
    // The new schema is in force when it refuses what the old one took.
    let mut late = assistant("late", &json!({}));
    late["spec"]["email"] = json!(5);
    world.wait_until("the schema is in force", PATIENCE, || {
        world.request("POST", &format!("{}?dryRun=All", world.path("assistants")), Some(&late)).is_err()
    });
    world.start_operator();

    let message = world.wait_condition("assistants/broken", ["Ready", "False", "InvalidSpec"], PATIENCE);
    assert!(message.contains("cannot be read") && message.contains("invalid type"), "{message}");
    assert_eq!(kstatus::of(&world.get("assistants/broken")), State::Failed);
    world.wait_ready(PORTAL);
    world.wait_ready(ADA);
    world.wait_until("the other is reported by an event", PATIENCE, || {
        world.events().iter().any(|event| {
            let says = event["note"].as_str().is_some_and(|note| note.contains("cannot be read"));
            says && event["regarding"]["name"] == "mute" && event["reason"] == "InvalidSpec"
        })
    });
    // A correction is taken at once.
    world.patch("assistants/broken", &json!({"spec": {"firstName": "Bob", "provisioning": "Invite"}}));
    // The report was no apply, so taking its conditions away takes a second write: for a moment old ones stand beside new.
    world.wait_until("the corrected object is as it should be", PATIENCE, || {
        kstatus::of(&world.get("assistants/broken")) == State::Current
    });
}

/// Definitions of an older day, which took anything.
fn install_lax_crds(world: &World) {
    for kind in KINDS {
        let file = repository().join(format!("crds/{kind}.yaml"));
        let file = file.to_str().expect("a readable path");
        let crd = kubectl(world.admin(), &["create", "--dry-run=client", "--output=json", "--filename", file], None);
        let mut crd: Value = serde_json::from_str(&crd.expect("a CRD")).expect("JSON");
        let schema = &mut crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        *schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        crd["spec"]["versions"][0].as_object_mut().expect("a version").remove("selectableFields");
        let applied = kubectl(world.admin(), &["apply", "--server-side", "--filename", "-"], Some(&crd.to_string()));
        applied.expect("a lax CRD");
    }
    let crds = KINDS.map(|kind| format!("crd/{kind}.crm.theeminenceco.com"));
    let wait = ["wait", "--for=condition=Established", "--timeout=20s", &crds[0], &crds[1], &crds[2]];
    kubectl(world.admin(), &wait, None).expect("established");
    world.wait_until("they are served", PATIENCE, || {
        KINDS.iter().all(|kind| world.request("GET", &world.path(kind), None).is_ok())
    });
}

#[test]
fn a_malformed_object_can_be_deleted() {
    let mut world = World::with(Setup { own_plane: true, operator: false, ..Setup::new("malformed-gone") });
    install_lax_crds(&world);
    let mut broken = assistant("broken", &json!({}));
    broken["spec"]["firstName"] = json!(5);
    broken["metadata"]["finalizers"] = json!(["crm.theeminenceco.com/finalizer"]);
    world.apply(&[broken]);
    install_crds(world.admin()).expect("CRDs without a warning");
    world.start_operator();
    world.wait_condition("assistants/broken", ["Ready", "False", "InvalidSpec"], PATIENCE);
    world.delete("assistants/broken");
    world.wait_until("it is gone", PROMPTLY, || world.find("assistants/broken").is_none());
}
