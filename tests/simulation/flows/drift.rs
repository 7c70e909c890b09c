//! What people change in HubSpot or in specs, and what becomes of it: repaired, shown, or left alone.

use tec_crm::sim::kube::{Strike, Verb};

use super::*;

/// An edit somebody makes in HubSpot.
type Edit = fn(&World);

const EDITS: [(&str, Edit); 6] = [
    ("label changed", |world| {
        world.hubspot.edit_property("tec_context", json!({"label": "Other"})).unwrap();
    }),
    ("option removed", |world| {
        let options = world.property("tec_schedule").unwrap()["options"].as_array().unwrap()[1..].to_vec();
        world.hubspot.edit_property("tec_schedule", json!({"options": options})).unwrap();
    }),
    ("option renamed", |world| {
        let mut options = world.property("tec_schedule").unwrap()["options"].clone();
        options[0]["label"] = json!("Other");
        world.hubspot.edit_property("tec_schedule", json!({"options": options})).unwrap();
    }),
    ("property archived", |world| world.hubspot.archive_property("tec_lead_connection_status").unwrap()),
    ("group renamed", |world| {
        world.hubspot.edit_group("tec_ai_assistant", json!({"label": "Other"})).unwrap();
    }),
    ("description changed", |world| {
        world.hubspot.edit_property("tec_schedule", json!({"description": "Other"})).unwrap();
    }),
];

#[tokio::test(start_paused = true)]
async fn every_edit_in_hubspot_is_repaired_within_an_interval() {
    for (what, edit) in EDITS {
        let world = settled().await;
        let before = sorted_view(&world);
        edit(&world);
        assert_ne!(sorted_view(&world), before, "{what}");
        world.pass(Duration::from_secs(331)).await;
        assert_eq!(sorted_view(&world), before, "{what}");
        assert_eq!(writes(&world), 1, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_edit_in_hubspot_is_repaired_two_seconds_after_a_request() {
    for (what, edit) in EDITS {
        for (plural, name) in [("crmconnections", "portal"), ("schedulesyncs", "schedules")] {
            let world = settled().await;
            let before = sorted_view(&world);
            edit(&world);
            world.request(plural, name, "now");
            world.pass(2 * SECOND).await;
            assert_eq!(sorted_view(&world), before, "{what}, asked of {plural}");
            let echo = world.object(plural, name)["status"]["lastHandledReconcileAt"].clone();
            assert_eq!(echo, "now", "{what}, asked of {plural}");
        }
    }
}

/// The portal with options in the order of their values: a restored option comes back at the end.
fn sorted_view(world: &World) -> Value {
    let mut view = world.portal_view();
    for property in view["properties"].as_array_mut().unwrap() {
        if let Some(options) = property["options"].as_array_mut() {
            options.sort_by_key(ToString::to_string);
        }
    }
    view
}

#[tokio::test(start_paused = true)]
async fn a_removed_user_is_invited_once_more_and_then_left_alone_until_asked() {
    let world = settled().await;
    let invited = |world: &World| world.hubspot.requests().of("POST", "/settings/users");
    world.hubspot.remove_user("bob@example.com").unwrap();
    world.request("assistants", "bob", "1");
    world.pass(2 * SECOND).await;
    assert_eq!(invited(&world), 1);
    world.pass(MINUTE).await;
    world.assert_all_ready();
    world.hubspot.remove_user("bob@example.com").unwrap();
    world.pass(Duration::from_hours(3)).await;
    assert_eq!(invited(&world), 1);
    assert!(world.ready("assistants", "bob").starts_with("False/RemovedInCrm"), "{}", world.ready("assistants", "bob"));
    assert_eq!(
        world.object("assistants", "bob")["status"]["crmIntegrationStatus"],
        "ASSISTANT_DOES_NOT_EXISTS_AS_USER_IN_CRM"
    );
    // A day later it is still left alone: time alone is no wish.
    world.pass(Duration::from_hours(30)).await;
    assert_eq!(invited(&world), 1);
    world.request("assistants", "bob", "2");
    world.pass(MINUTE).await;
    assert_eq!(invited(&world), 2);
    world.assert_all_ready();
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_while_observing_or_on_hold() {
    let modes = [
        json!({"contactFields": {"mode": "Observe"}, "leadStatus": {"mode": "Observe"}}),
        json!({"holdUntil": "2026-11-22T11:00:00Z"}),
    ];
    for mode in modes {
        let world = settled().await;
        world.connection(&mode);
        world.hubspot.edit_property("tec_context", json!({"label": "Kontext"})).unwrap();
        world.pass(Duration::from_mins(12)).await;
        assert_eq!(writes(&world), 0);
        let drifted = world.condition("crmconnections", "portal", "Drifted");
        for part in ["property tec_context label", "expected \"Context\"", "found \"Kontext\""] {
            assert!(drifted.contains(part), "{drifted}");
        }
        assert!(world.ready("crmconnections", "portal").starts_with("False/"));
        world.pass(Duration::from_hours(1)).await;
        let repaired = world.property("tec_context").unwrap()["label"] == "Context";
        assert_eq!(repaired, mode.get("holdUntil").is_some(), "{mode}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_assistant_on_hold_is_not_invited_before_the_deadline() {
    let mut world = World::new(1, SimConfig::default());
    world.connection(&json!({}));
    world.assistant("ada", &json!({"holdUntil": "2026-11-22T11:00:00Z"}));
    world.start();
    world.pass(Duration::from_mins(30)).await;
    assert_eq!(world.hubspot.requests().of("POST", "/settings/users"), 0);
    assert!(world.ready("assistants", "ada").starts_with("False/OnHold"), "{}", world.ready("assistants", "ada"));
    world.pass(Duration::from_mins(31)).await;
    world.assert_all_ready();
}

#[tokio::test(start_paused = true)]
async fn suspended_means_neither_read_nor_written() {
    let world = settled().await;
    world.connection(&json!({"suspend": true}));
    world.pass(SECOND).await;
    world.hubspot.reset_requests();
    world.pass(Duration::from_hours(2)).await;
    assert_eq!(world.hubspot.requests().total, 0);
    assert!(world.ready("crmconnections", "portal").starts_with("Unknown/Suspended"));
    assert!(world.ready("assistants", "ada").starts_with("Unknown/ConnectionNotReady"));
    world.connection(&json!({"suspend": false}));
    world.pass(5 * SECOND).await;
    world.assert_all_ready();
}

#[tokio::test(start_paused = true)]
async fn suspended_means_so_also_while_its_status_cannot_be_written() {
    let world = settled().await;
    world.kube.set_chaos(|verb: Verb, plural: &str| {
        let refused = Strike::Refuse { code: 403, reason: "Forbidden".to_owned() };
        (verb == Verb::Patch && plural == "crmconnections").then_some(refused)
    });
    world.connection(&json!({"suspend": true}));
    world.pass(MINUTE).await;
    world.hubspot.reset_requests();
    world.pass(Duration::from_hours(2)).await;
    assert_eq!(world.hubspot.requests().total, 0, "{:#?}", world.hubspot.requests());
    assert!(world.ready("assistants", "ada").starts_with("Unknown/ConnectionNotReady"));
}

#[tokio::test(start_paused = true)]
async fn schedules_from_a_config_map_follow_it_and_broken_yaml_changes_nothing() {
    let world = settled().await;
    let list = |text: &str| {
        let map = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "list", "namespace": NAMESPACE},
            "data": {"schedules.yaml": text},
        });
        world.kube.apply(map).unwrap();
    };
    let spec = json!({
        "connectionRef": {"name": "portal"},
        "source": {"configMapRef": {"name": "list", "key": "schedules.yaml"}}, "prune": "Delete",
    });
    world.apply("ScheduleSync", "file", &spec);
    world.pass(5 * SECOND).await;
    assert!(world.ready("schedulesyncs", "file").starts_with("False/ReferenceNotFound"));
    list("- {value: '301', label: Nights}\n- {value: '302', label: Mornings}\n");
    world.pass(2 * SECOND).await;
    assert!(world.ready("schedulesyncs", "file").starts_with("True/"), "{}", world.ready("schedulesyncs", "file"));
    assert_eq!(world.option_labels("tec_schedule").len(), 5);
    list("- {value: '301', label: Nights}\n- {value: '302' label: Mornings}\n");
    world.pass(Duration::from_mins(10)).await;
    let ready = world.ready("schedulesyncs", "file");
    assert!(ready.starts_with("False/InvalidSpec") && ready.contains("line 2"), "{ready}");
    assert_eq!(world.option_labels("tec_schedule").len(), 5);
    list("- {value: '301', label: Nights}\n");
    world.pass(5 * SECOND).await;
    assert!(world.ready("schedulesyncs", "file").starts_with("True/"));
    assert_eq!(world.option_labels("tec_schedule"), ["Weekdays", "Evenings", "Every day", "Nights"]);
}

#[tokio::test(start_paused = true)]
async fn a_pruned_option_that_contacts_hold_is_hidden_and_counted() {
    let world = settled().await;
    let held = [("tec_schedule".to_owned(), "102".to_owned())].into();
    world.hubspot.create_contacts(3, &held).unwrap();
    world.schedules("schedules", &[("101", "Weekdays")], &json!({"prune": "Delete"}));
    world.pass(5 * SECOND).await;
    assert_eq!(world.option_labels("tec_schedule"), ["Weekdays", "(Evenings)"]);
    let synced = world.condition("schedulesyncs", "schedules", "OptionsSynced");
    assert!(synced.starts_with("True/OptionInUse") && synced.contains("102 (3 contacts)"), "{synced}");
}

#[tokio::test(start_paused = true)]
async fn a_request_once_made_does_not_postpone_repairs_for_ever() {
    let world = settled().await;
    world.request("crmconnections", "portal", "1");
    world.request("schedulesyncs", "schedules", "1");
    world.pass(5 * SECOND).await;
    world.hubspot.edit_property("tec_context", json!({"label": "Other"})).unwrap();
    for minute in 0..12 {
        world.assistant("ada", &json!({"firstName": format!("Ada {minute}")}));
        world.pass(MINUTE).await;
    }
    assert_eq!(world.property("tec_context").unwrap()["label"], "Context");
    let looks = world.hubspot.requests().of("GET", "/account-info/details");
    assert!(looks <= 5, "{looks} readings in twelve minutes");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_connections_hold_wakes_its_assistants() {
    let mut world = World::new(1, SimConfig::default());
    world.connection(&json!({"holdUntil": "2026-11-22T10:30:00Z", "interval": "12h"}));
    world.assistant("ada", &json!({}));
    world.start();
    world.pass(Duration::from_mins(29)).await;
    assert_eq!(writes(&world), 0);
    world.pass(Duration::from_mins(3)).await;
    world.assert_all_ready();
}

#[tokio::test(start_paused = true)]
async fn a_schedule_sync_on_hold_holds_up_nobody_else() {
    let world = settled().await;
    let spec = json!({"holdUntil": "2026-11-22T12:00:00Z"});
    world.schedules("later", &[("901", "Later")], &spec);
    world.pass(MINUTE).await;
    let later = world.ready("schedulesyncs", "later");
    assert!(later.starts_with("False/OnHold") && later.contains("Later"), "{later}");
    assert!(world.ready("crmconnections", "portal").starts_with("True/"));
    assert!(world.ready("schedulesyncs", "schedules").starts_with("True/"));
    assert_eq!(writes(&world), 0);
    world.pass(Duration::from_hours(2)).await;
    world.assert_all_ready();
    assert!(world.option_labels("tec_schedule").contains(&"Later".to_owned()));
}
