//! What people change in HubSpot, and how soon it is as it was; or, where nothing may be written, how it is reported.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    kstatus::{self, State},
    world::{PATIENCE, PROMPTLY, World, assistant, named, option, property, schedules, users},
};

const PORTAL: &str = "crmconnections/portal";
const ADA: &str = "assistants/ada";
const SCHEDULES: &str = "schedulesyncs/schedules";
const ADDRESS: &str = "ada@example.com";

/// A person edits the options of a field.
fn edit_options(world: &World, name: &str, edit: impl FnOnce(&mut Vec<Value>)) {
    let mut options = property(&world.sim.state(), name)["options"].as_array().expect("options").clone();
    edit(&mut options);
    world.sim.edit_property(name, json!({"options": options})).expect("an edit");
}

#[test]
fn edits_in_hubspot_are_repaired_within_two_seconds_of_a_request() {
    let world = World::start("repairs");
    world.bring_in_line();
    let calm = world.sim.state();

    world.sim.edit_property("tec_context", json!({"label": "Kontext"})).expect("an edit");
    world
        .repaired_on_request(PORTAL, "the label is back", |state| property(state, "tec_context")["label"] == "Context");

    edit_options(&world, "tec_schedule", |options| options.retain(|option| option["value"] != "101"));
    world
        .repaired_on_request(SCHEDULES, "the option is back", |state| option(state, "tec_schedule", "101").is_object());

    edit_options(&world, "tec_lead_connection_status", |options| {
        options.iter_mut().filter(|option| option["value"] == "Warm").for_each(|warm| warm["label"] = json!("Lauwarm"));
    });
    assert_eq!(option(&world.sim.state(), "tec_lead_connection_status", "Warm")["label"], "Lauwarm");
    world.repaired_on_request(PORTAL, "the option has its name again", |state| {
        option(state, "tec_lead_connection_status", "Warm")["label"] == "Warm"
    });

    edit_options(&world, "hs_lead_status", |options| options.retain(|option| option["value"] != "QUALIFIED"));
    world.repaired_on_request(PORTAL, "the lead status is back", |state| {
        option(state, "hs_lead_status", "QUALIFIED").is_object()
    });

    world.sim.archive_property("tec_context").expect("an edit");
    world.repaired_on_request(PORTAL, "the property is restored", |state| {
        property(state, "tec_context")["archived"] == false
    });

    world.sim.edit_group("tec_ai_assistant", json!({"label": "Roboter"})).expect("an edit");
    world.repaired_on_request(PORTAL, "the group has its name again", |state| {
        named(&state["groups"], "tec_ai_assistant")["label"] == "TEC AI Assistant"
    });

    for object in [PORTAL, ADA, SCHEDULES] {
        world.wait_ready(object);
    }
    let shown = |state: &Value, name: &str| -> Vec<Value> {
        let options = property(state, name)["options"].as_array().cloned().unwrap_or_default();
        options.iter().map(|option| json!([option["value"], option["label"], option["hidden"]])).collect()
    };
    let after = world.sim.state();
    assert_eq!(shown(&after, "tec_lead_connection_status"), shown(&calm, "tec_lead_connection_status"));
    assert_eq!(shown(&after, "hs_lead_status"), shown(&calm, "hs_lead_status"));
    // The repair is told to whoever looks at the object.
    let events = world.events();
    let notes: Vec<&str> = events.iter().filter_map(|event| event["note"].as_str()).collect();
    let told = notes.iter().any(|note| note.contains(r#"tec_context label: expected "Context", found "Kontext""#));
    assert!(told, "{notes:#?}");
}

#[test]
fn edits_in_hubspot_are_repaired_within_one_interval() {
    let world = World::start("interval");
    world.apply(&[world.secret(), world.connection(&json!({"interval": "10s"}))]);
    world.wait_ready(PORTAL);
    world.sim.edit_property("tec_context", json!({"label": "Kontext"})).expect("an edit");
    world.wait_until("the label is back", Duration::from_secs(12), || {
        property(&world.sim.state(), "tec_context")["label"] == "Context"
    });
}

#[test]
fn a_removed_user_is_invited_again_once_and_then_only_on_request() {
    let world = World::start("removed");
    world.bring_in_line();
    let invitations = || world.sim.requests().of("POST", "/settings/users");
    assert_eq!(invitations(), 1);

    world.sim.remove_user(ADDRESS).expect("a user");
    world.repaired_on_request(ADA, "the user is invited again", |state| users(state, ADDRESS) == 1);
    assert_eq!(invitations(), 2);
    world.wait_ready(ADA);

    world.sim.remove_user(ADDRESS).expect("a user");
    let stamp = world.refresh(PORTAL);
    let message = world.wait_condition(ADA, ["Ready", "False", "RemovedInCrm"], PROMPTLY);
    assert!(message.contains("requestedAt"), "{message}");
    assert_eq!(kstatus::of(&world.get(ADA)), State::Failed);
    assert_eq!(world.get(ADA)["status"]["crmIntegrationStatus"], "ASSISTANT_DOES_NOT_EXISTS_AS_USER_IN_CRM");
    assert_eq!(world.get(PORTAL)["status"]["lastHandledReconcileAt"], stamp.as_str());
    // Another pass over everything insists no more than this one.
    world.refresh(PORTAL);
    world.wait_calm(Duration::from_millis(500));
    assert_eq!((users(&world.sim.state(), ADDRESS), invitations()), (0, 2));

    world.repaired_on_request(ADA, "the user is invited on request", |state| users(state, ADDRESS) == 1);
    assert_eq!(invitations(), 3);
    world.wait_ready(ADA);
}

#[test]
fn a_manifest_edit_reaches_hubspot_promptly() {
    let world = World::start("edits");
    world.bring_in_line();

    world.patch(PORTAL, &json!({"spec": {"contactFields": {"context": {"label": "What Ada knows"}}}}));
    world.wait_until("the field has its new label", PROMPTLY, || {
        property(&world.sim.state(), "tec_context")["label"] == "What Ada knows"
    });
    world.apply(&[schedules(&["101", "103"])]);
    world.wait_until("the new schedule is offered, the dropped one is hidden", PROMPTLY, || {
        let state = world.sim.state();
        option(&state, "tec_schedule", "103")["hidden"] == false
            && option(&state, "tec_schedule", "102")["hidden"] == true
    });
    world.wait_ready(PORTAL);
    world.wait_ready(SCHEDULES);
    world.wait_calm(Duration::from_millis(300));
}

/// Message of `Drifted`, which must be there.
fn drift(world: &World, object: &str, reason: &str) -> String {
    world.wait_condition(object, ["Drifted", "True", reason], PATIENCE)
}

#[test]
fn observe_writes_nothing_and_names_field_expected_and_found() {
    let world = World::start("observe");
    world.bring_in_line();
    world.patch(PORTAL, &json!({"spec": {"contactFields": {"mode": "Observe"}, "leadStatus": {"mode": "Observe"}}}));
    world.wait_ready(PORTAL);

    world.sim.edit_property("tec_context", json!({"label": "Kontext"})).expect("an edit");
    edit_options(&world, "hs_lead_status", |options| options.retain(|option| option["value"] != "QUALIFIED"));
    world.sim.reset_requests();
    let stamp = world.refresh(PORTAL);
    let message = drift(&world, PORTAL, "DriftReported");
    assert!(message.contains(r#"property tec_context label: expected "Context", found "Kontext""#), "{message}");
    assert!(
        message.contains(r#"property hs_lead_status option QUALIFIED: expected "Qualified", found "absent""#),
        "{message}"
    );
    world.wait_until("the echo", PROMPTLY, || world.get(PORTAL)["status"]["lastHandledReconcileAt"] == stamp.as_str());
    let ready = world.wait_condition(PORTAL, ["Ready", "False", "DriftReported"], PROMPTLY);
    assert!(ready.contains("Kontext"), "{ready}");
    assert_eq!(world.sim.requests().writes(), 0, "{:?}", world.sim.requests());
    assert_eq!(property(&world.sim.state(), "tec_context")["label"], "Kontext");

    world.patch(PORTAL, &json!({"spec": {"contactFields": {"mode": "Enforce"}, "leadStatus": {"mode": "Enforce"}}}));
    world.wait_ready(PORTAL);
    assert_eq!(property(&world.sim.state(), "tec_context")["label"], "Context");
    assert!(kstatus::condition(&world.get(PORTAL), "Drifted").is_none());
}

#[test]
fn an_observing_assistant_leaves_the_invitation_to_an_admin() {
    let world = World::start("observing");
    let observing = assistant("ada", &json!({"provisioning": "Observe"}));
    world.apply(&[world.secret(), world.connection(&json!({})), observing]);
    world.wait_condition(ADA, ["Ready", "False", "InvitationRequired"], PATIENCE);
    assert_eq!(world.sim.requests().of("POST", "/settings/users"), 0);
    let ada = tec_crm::sim::hubspot::NewMember { email: ADDRESS.into(), accepted: true, ..Default::default() };
    world.sim.add_user(ada).expect("a user");
    world.refresh(ADA);
    world.wait_ready(ADA);
    assert_eq!(world.sim.requests().of("POST", "/settings/users"), 0);
}

#[test]
fn on_hold_nothing_is_written_and_afterwards_it_is_repaired() {
    let world = World::start("hold");
    world.bring_in_line();
    let until = Timestamp::now() + SignedDuration::from_secs(8);
    let hold = json!({"spec": {"holdUntil": until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()}});
    for object in [PORTAL, ADA] {
        world.patch(object, &hold);
    }
    world.wait_calm(Duration::from_millis(300));
    world.sim.reset_requests();
    world.sim.edit_property("tec_context", json!({"label": "Kontext"})).expect("an edit");
    world.sim.archive_property("tec_assistant_state").expect("an edit");
    world.sim.remove_user(ADDRESS).expect("a user");
    for object in [PORTAL, ADA] {
        world.refresh(object);
    }
    let message = drift(&world, PORTAL, "OnHold");
    assert!(message.contains(r#"property tec_context label: expected "Context", found "Kontext""#), "{message}");
    assert!(message.contains("property tec_assistant_state: expected"), "{message}");
    let message = drift(&world, ADA, "OnHold");
    assert!(message.contains(r#"user ada@example.com: expected "a user of the portal", found "absent""#), "{message}");
    world.wait_condition(PORTAL, ["Ready", "False", "OnHold"], PROMPTLY);
    world.wait_condition(ADA, ["Ready", "False", "OnHold"], PROMPTLY);
    assert!(Timestamp::now() < until, "too slow to see the hold");
    assert_eq!(world.sim.requests().writes(), 0, "{:?}", world.sim.requests());

    world.wait_until("all is repaired after the deadline", PATIENCE, || {
        let state = world.sim.state();
        property(&state, "tec_context")["label"] == "Context"
            && property(&state, "tec_assistant_state")["archived"] == false
            && users(&state, ADDRESS) == 1
    });
    let first_write = world.sim.trace().into_iter().find(|entry| entry.method != "GET").expect("a repair");
    assert!(first_write.at >= until, "written at {}, held until {until}", first_write.at);
    for object in [PORTAL, ADA] {
        world.wait_ready(object);
        assert!(kstatus::condition(&world.get(object), "Drifted").is_none());
    }
}

#[test]
fn schedules_on_hold_are_shown_and_written_afterwards() {
    let world = World::start("held-schedules");
    world.bring_in_line();
    let until = Timestamp::now() + SignedDuration::from_secs(5);
    let mut later = schedules(&["101", "102", "103"]);
    later["spec"]["holdUntil"] = json!(until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    world.sim.reset_requests();
    world.apply(&[later]);
    let message = drift(&world, SCHEDULES, "OnHold");
    assert!(message.contains(r#"option 103: expected "Schedule 103", found "absent""#), "{message}");
    assert_eq!(world.sim.requests().writes(), 0, "{:?}", world.sim.requests());
    world.wait_until("the option is there after the deadline", PATIENCE, || {
        option(&world.sim.state(), "tec_schedule", "103").is_object()
    });
    assert!(Timestamp::now() >= until);
    world.wait_ready(SCHEDULES);
    world.wait_ready(PORTAL);
}

#[test]
fn a_suspended_connection_is_left_alone() {
    let world = World::start("suspend");
    world.bring_in_line();
    world.patch(PORTAL, &json!({"spec": {"suspend": true}}));
    world.wait_condition(PORTAL, ["Ready", "Unknown", "Suspended"], PROMPTLY);
    world.wait_condition(ADA, ["Ready", "Unknown", "ConnectionNotReady"], PROMPTLY);
    // What was known stays: a code is never flipped by not looking.
    assert_eq!(world.get(ADA)["status"]["crmIntegrationStatus"], "ASSISTANT_EXISTS_AS_USER_IN_CRM");
    world.wait_calm(Duration::from_millis(300));
    world.sim.reset_requests();
    for object in [PORTAL, ADA, SCHEDULES] {
        world.refresh(object);
    }
    world.wait_calm(Duration::from_millis(500));
    assert_eq!(world.sim.requests().total, 0);
    world.patch(PORTAL, &json!({"spec": {"suspend": false}}));
    for object in [PORTAL, ADA, SCHEDULES] {
        world.wait_ready(object);
    }
}
