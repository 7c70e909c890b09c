//! What leaves Kubernetes, and what leaves HubSpot with it.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use tec_crm::sim::hubspot::NewMember;

use super::world::{PATIENCE, PROMPTLY, Setup, World, assistant, named, option, property, schedules, users};

const PORTAL: &str = "crmconnections/portal";
const ADA: &str = "assistants/ada";
const SCHEDULES: &str = "schedulesyncs/schedules";
const ADDRESS: &str = "ada@example.com";
const FIELDS: [&str; 4] = ["tec_context", "tec_schedule", "tec_lead_connection_status", "tec_assistant_state"];

fn gone(world: &World, object: &str) {
    world.wait_until(&format!("{object} is gone"), PATIENCE, || world.find(object).is_none());
}

fn policy(policy: &str) -> Value {
    json!({"spec": {"deletionPolicy": policy}})
}

/// A property that can be used.
fn active(state: &Value, name: &str) -> bool {
    property(state, name).is_object() && property(state, name)["archived"] != true
}

#[test]
fn a_connection_in_use_stays_names_its_users_and_goes_with_the_last() {
    let world = World::start("in-use");
    world.bring_in_line();
    let before = world.sim.state();
    world.delete(PORTAL);
    let message = world.wait_condition(PORTAL, ["Ready", "False", "DeletionBlocked"], PROMPTLY);
    for user in ["ada", "schedules"] {
        assert!(message.contains(&format!("{}/{user}", world.namespace)), "{message}");
    }
    world.wait_ready(ADA);

    world.delete(ADA);
    gone(&world, ADA);
    world.wait_until("only the other user is named", PATIENCE, || {
        let message = world.wait_condition(PORTAL, ["Ready", "False", "DeletionBlocked"], PROMPTLY);
        !message.contains("ada") && message.contains("schedules")
    });
    world.delete(SCHEDULES);
    gone(&world, SCHEDULES);
    gone(&world, PORTAL);
    assert_eq!(world.sim.state(), before, "Retain leaves everything as it is");
}

#[test]
fn users_that_remove_something_can_go_after_their_connection_even_after_a_restart() {
    let mut world = World::start("connection-first");
    world.bring_in_line();
    for object in [PORTAL, ADA, SCHEDULES] {
        world.patch(object, &policy("Delete"));
    }
    world.wait_calm(Duration::from_millis(300));
    world.delete(PORTAL);
    world.wait_condition(PORTAL, ["Ready", "False", "DeletionBlocked"], PROMPTLY);
    world.delete(SCHEDULES);
    gone(&world, SCHEDULES);
    world.kill_operator();
    world.start_operator();
    world.delete(ADA);
    gone(&world, ADA);
    gone(&world, PORTAL);
    let state = world.sim.state();
    assert_eq!(users(&state, ADDRESS), 0);
    assert!(FIELDS.iter().all(|name| !active(&state, name)), "{:#}", state["properties"]);
}

#[test]
fn a_namespace_goes_in_one_go_and_leaves_hubspot_as_it_is() {
    let world = World::start("namespace");
    world.bring_in_line();
    world.apply(&[assistant("bob", &json!({})), assistant("eve", &json!({}))]);
    world.wait_ready("assistants/bob");
    world.wait_ready("assistants/eve");
    let before = world.sim.state();
    delete_namespace(&world);
    assert_eq!(world.sim.state(), before);
}

#[test]
fn a_namespace_with_things_to_remove_goes_too() {
    // Its Secret may go first: then what should be removed stays behind, after the grace period and not for ever.
    let setup = Setup::new("namespace-delete");
    let world = World::with(Setup { args: ["--deletion-grace", "3s"].map(Into::into).to_vec(), ..setup });
    world.bring_in_line();
    for object in [PORTAL, ADA, SCHEDULES] {
        world.patch(object, &policy("Delete"));
    }
    world.wait_calm(Duration::from_millis(300));
    delete_namespace(&world);
}

fn delete_namespace(world: &World) {
    let path = format!("/api/v1/namespaces/{}", world.namespace);
    world.request("DELETE", &path, None).expect("a namespace");
    world.wait_until(
        "the namespace is gone",
        Duration::from_secs(40),
        || matches!(world.request("GET", &path, None), Err(kube::Error::Api(status)) if status.code == 404),
    );
}

#[test]
fn delete_removes_what_the_operator_made_and_nothing_else() {
    let world = World::start("delete");
    world.sim.create_group(json!({"name": "mine", "label": "Mine"})).expect("a group");
    let mine = json!({"name": "mine", "label": "Mine", "groupName": "mine", "type": "string", "fieldType": "text"});
    world.sim.create_property(mine).expect("a property");
    world.bring_in_line();
    for object in [PORTAL, ADA, SCHEDULES] {
        world.patch(object, &policy("Delete"));
    }
    world.wait_calm(Duration::from_millis(300));

    world.delete(SCHEDULES);
    gone(&world, SCHEDULES);
    let state = world.sim.state();
    let offered = |value: &str| option(&state, "tec_schedule", value)["hidden"] == false;
    assert!(!offered("101") && !offered("102"), "{:#}", property(&state, "tec_schedule"));

    world.delete(ADA);
    gone(&world, ADA);
    assert_eq!(users(&world.sim.state(), ADDRESS), 0);

    world.delete(PORTAL);
    gone(&world, PORTAL);
    let state = world.sim.state();
    assert!(FIELDS.iter().all(|name| !active(&state, name)), "{:#}", state["properties"]);
    assert!(
        named(&state["groups"], "tec_ai_assistant").is_null()
            || named(&state["groups"], "tec_ai_assistant")["archived"] == true
    );
    assert!(active(&state, "mine") && active(&state, "hs_lead_status"));
    assert!(option(&state, "hs_lead_status", "QUALIFIED").is_object(), "lead statuses are never removed");
    assert_eq!(users(&state, "admin@example.com"), 1);
}

#[test]
fn fields_that_contacts_hold_values_in_block_delete_but_not_force_delete() {
    let world = World::start("values");
    world.apply(&[world.secret(), world.connection(&json!({"deletionPolicy": "Delete"}))]);
    world.wait_ready(PORTAL);
    let values: BTreeMap<String, String> =
        [("email", "lead@example.com"), ("tec_context", "likes tea")].map(|(k, v)| (k.into(), v.into())).into();
    world.sim.create_contacts(3, &values).expect("contacts");
    world.delete(PORTAL);
    let message = world.wait_condition(PORTAL, ["Ready", "False", "DeletionBlocked"], PATIENCE);
    assert!(message.contains("tec_context (3 contacts)"), "{message}");
    assert!(!message.contains("tea") && !message.contains("lead@"), "{message}");
    assert!(FIELDS.iter().all(|name| active(&world.sim.state(), name)), "all or nothing");

    world.patch(PORTAL, &policy("ForceDelete"));
    gone(&world, PORTAL);
    assert!(FIELDS.iter().all(|name| !active(&world.sim.state(), name)));
}

#[test]
fn a_super_admin_is_never_removed() {
    let world = World::start("super-admin");
    let admin = assistant("ada", &json!({"email": "admin@example.com", "deletionPolicy": "Delete"}));
    world.apply(&[world.secret(), world.connection(&json!({})), admin]);
    world.wait_ready(ADA);
    world.delete(ADA);
    let message = world.wait_condition(ADA, ["Ready", "False", "DeletionBlocked"], PATIENCE);
    assert!(message.contains("super admin"), "{message}");
    world.refresh(ADA);
    world.wait_calm(Duration::from_millis(500));
    assert_eq!(users(&world.sim.state(), "admin@example.com"), 1);
    world.patch(ADA, &policy("Retain"));
    gone(&world, ADA);
    assert_eq!(users(&world.sim.state(), "admin@example.com"), 1);
    assert_eq!(world.sim.requests().of("DELETE", "/settings/users/{id}"), 0);
}

#[test]
fn a_user_that_an_admin_has_removed_already_holds_nobody_up() {
    let world = World::start("removed-before");
    world.apply(&[
        world.secret(),
        world.connection(&json!({})),
        assistant("ada", &json!({"deletionPolicy": "Delete"})),
    ]);
    world.wait_ready(ADA);
    world.sim.remove_user(ADDRESS).expect("a user");
    world.sim.reset_requests();
    world.delete(ADA);
    gone(&world, ADA);
    assert_eq!(users(&world.sim.state(), ADDRESS), 0);
    assert_eq!(world.sim.requests().of("POST", "/settings/users"), 0, "not invited on the way out");
}

#[test]
fn an_adopted_user_and_adopted_fields_stay_where_the_policy_says_so() {
    let world = World::start("adopted");
    let bob = NewMember { email: "bob@example.com".into(), accepted: true, ..NewMember::default() };
    world.sim.add_user(bob).expect("a user");
    world.sim.create_group(json!({"name": "tec_ai_assistant", "label": "TEC AI Assistant"})).expect("a group");
    let context = json!({
        "name": "tec_context", "label": "Context", "groupName": "tec_ai_assistant", "type": "string", "fieldType": "textarea",
    });
    world.sim.create_property(context).expect("a property");
    let bob = assistant("bob", &json!({}));
    world.apply(&[
        world.secret(),
        world.connection(&json!({"deletionPolicy": "ForceDelete"})),
        bob,
        schedules(&["101"]),
    ]);
    for object in [PORTAL, "assistants/bob", SCHEDULES] {
        world.wait_ready(object);
    }
    for object in ["assistants/bob", SCHEDULES, PORTAL] {
        world.delete(object);
        gone(&world, object);
    }
    let state = world.sim.state();
    assert_eq!(users(&state, "bob@example.com"), 1);
    assert!(active(&state, "tec_context"), "an admin made it");
    assert!(!active(&state, "tec_schedule"), "the operator made it");
    assert_eq!(named(&state["groups"], "tec_ai_assistant")["label"], "TEC AI Assistant");
}
