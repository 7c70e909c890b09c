//! Whole flows, as a platform engineer and a HubSpot admin live through them, one promise a test.

use std::time::Duration;

use serde_json::{Value, json};
use tec_crm::sim::hubspot::{FaultRule, OwnerPolicy, SimConfig, TokenConfig};

use super::world::{NAMESPACE, World};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// A portal in line, with the operator running and HubSpot's log empty.
async fn settled() -> World {
    let mut world = World::new(1, SimConfig { limit_per_10s: 1000, ..SimConfig::default() });
    world.usual_objects();
    world.start();
    world.pass(MINUTE).await;
    world.assert_all_ready();
    world.hubspot.reset_requests();
    world
}

fn writes(world: &World) -> u64 {
    world.hubspot.requests().writes()
}

/// Resource versions of all our objects.
fn versions(world: &World) -> Vec<Value> {
    let kinds = ["crmconnections", "assistants", "schedulesyncs"];
    kinds.iter().flat_map(|plural| world.kube.list(plural)).map(|o| o["metadata"]["resourceVersion"].clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn an_empty_portal_gets_each_thing_once_and_in_order() {
    let mut world = World::new(1, SimConfig::default());
    world.usual_objects();
    world.start();
    world.pass(MINUTE).await;
    world.assert_all_ready();
    let writes: Vec<String> = world
        .hubspot
        .trace()
        .into_iter()
        .filter(|entry| entry.method != "GET")
        .map(|entry| format!("{} {}", entry.method, entry.path))
        .collect();
    let properties = "/crm/properties/2026-03/contacts";
    let of = |line: &str| writes.iter().filter(|write| *write == line).count();
    assert_eq!(writes[0], format!("POST {properties}/groups"), "{writes:#?}");
    assert_eq!(of(&format!("POST {properties}")), 4);
    assert_eq!(of(&format!("PATCH {properties}/hs_lead_status")), 1);
    assert_eq!(of("POST /settings/users/2026-03"), 2);
    assert_eq!(writes.len(), 1 + 4 + 1 + 2, "{writes:#?}");
    assert_eq!(world.option_labels("tec_schedule"), ["Weekdays", "Evenings", "Every day"]);
    assert_eq!(world.option_labels("tec_lead_connection_status").len(), 12);
    assert!(world.option_labels("hs_lead_status").ends_with(&["Qualified".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn what_an_admin_made_by_hand_is_adopted_without_a_single_write() {
    let mut first = World::new(1, SimConfig::default());
    first.usual_objects();
    first.start();
    first.pass(MINUTE).await;
    // The same portal, as a person would have made it: no marks, other order of options, own descriptions.
    let mut world = World::new(2, SimConfig::default());
    let hubspot = &world.hubspot;
    hubspot.create_group(json!({"name": "tec_ai_assistant", "label": "TEC AI Assistant", "displayOrder": -1})).unwrap();
    for name in ["tec_context", "tec_schedule", "tec_lead_connection_status", "tec_assistant_state"] {
        let mut made = first.property(name).unwrap();
        let mut options = made["options"].as_array().cloned().unwrap_or_default();
        options.reverse();
        for (place, option) in options.iter_mut().enumerate() {
            option["description"] = json!("");
            option["displayOrder"] = json!(place);
        }
        let mut definition = json!({"description": "By hand", "groupName": "tec_ai_assistant"});
        for field in ["name", "label", "type", "fieldType"] {
            definition[field] = made[field].take();
        }
        if definition["type"] == "enumeration" {
            definition["options"] = options.into();
        }
        hubspot.create_property(definition).unwrap();
    }
    let lead_status = first.property("hs_lead_status").unwrap()["options"].clone();
    hubspot.edit_property("hs_lead_status", json!({"options": lead_status})).unwrap();
    for name in ["ada", "bob"] {
        let member = serde_json::from_value(json!({"email": format!("{name}@example.com"), "accepted": true})).unwrap();
        hubspot.add_user(member).unwrap();
    }
    world.usual_objects();
    world.start();
    world.pass(Duration::from_mins(20)).await;
    world.assert_all_ready();
    assert_eq!(writes(&world), 0, "{:#?}", world.hubspot.requests());
}

#[tokio::test(start_paused = true)]
async fn calls_of_a_pass_do_not_grow_with_the_number_of_objects() {
    let mut calls = Vec::new();
    for number in [10, 1000] {
        let config = SimConfig { limit_per_10s: 1_000_000, ..SimConfig::default() };
        let mut world = World::new(1, config);
        for place in 0..number {
            let email = format!("a{place}@example.com");
            let member = json!({"email": email, "accepted": true});
            world.hubspot.add_user(serde_json::from_value(member).unwrap()).unwrap();
            world.assistant(&format!("a{place}"), &json!({}));
        }
        world.connection(&json!({}));
        let schedules: Vec<(String, String)> = (0..number.min(500)).map(|n| (n.to_string(), format!("S{n}"))).collect();
        let list: Vec<(&str, &str)> = schedules.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        world.schedules("schedules", &list, &json!({}));
        world.start();
        world.pass(Duration::from_mins(10)).await;
        world.assert_all_ready();
        world.hubspot.reset_requests();
        world.kube.take_requests();
        let before = versions(&world);
        // Exactly one pass: an interval is 5 minutes, give or take 10 %.
        let mut passed = 0;
        while world.hubspot.requests().of("GET", "/account-info/details") == 0 && passed < 10 {
            world.pass(MINUTE).await;
            passed += 1;
        }
        world.pass(10 * SECOND).await;
        let requests = world.hubspot.requests();
        let pages = requests.of("GET", "/settings/users") + requests.of("GET", "/crm/owners");
        assert_eq!(requests.of("GET", "/account-info/details"), 1);
        assert_eq!(requests.writes(), 0);
        assert_eq!(world.kube.writes(), 0, "{:?}", world.kube.requests());
        assert_eq!(versions(&world), before);
        assert!(pages <= 2 * (number / 100 + 1), "{pages} pages for {number}");
        calls.push(requests.total - pages);
    }
    assert_eq!(calls[0], calls[1]);
    assert!(calls[0] <= 5, "{calls:?}");
}

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
async fn a_missing_secret_heals_within_two_seconds_of_its_appearance() {
    let mut world = World::new(1, SimConfig::default());
    world.connection(&json!({"auth": {"accessToken": {"secretRef": {"name": "later"}}}}));
    world.start();
    world.pass(Duration::from_hours(1)).await;
    let ready = world.ready("crmconnections", "portal");
    assert!(ready.starts_with("False/ReferenceNotFound") && ready.contains("later"), "{ready}");
    assert_eq!(world.hubspot.requests().total, 0);
    world.secret("later", tec_crm::sim::hubspot::DEFAULT_TOKEN);
    world.pass(2 * SECOND).await;
    world.assert_all_ready();
}

#[tokio::test(start_paused = true)]
async fn a_dead_token_costs_one_probe_an_interval_however_many_objects() {
    let mut world = World::new(1, SimConfig { limit_per_10s: 1_000_000, ..SimConfig::default() });
    world.secret("hubspot", "pat-na1-wrong");
    world.connection(&json!({}));
    for place in 0..200 {
        world.assistant(&format!("a{place}"), &json!({}));
    }
    world.schedules("schedules", &[("1", "One")], &json!({}));
    world.start();
    world.pass(Duration::from_hours(1)).await;
    let calls = world.hubspot.requests().total;
    assert!((10..=14).contains(&calls), "{calls} calls in an hour of 12 intervals");
    let ready = world.ready("crmconnections", "portal");
    assert!(ready.starts_with("False/InvalidCredentials"), "{ready}");
    assert!(world.condition("crmconnections", "portal", "Stalled").starts_with("True/InvalidCredentials"));
    let assistant = world.ready("assistants", "a7");
    assert!(
        assistant.starts_with("Unknown/ConnectionNotReady") && assistant.contains("InvalidCredentials"),
        "{assistant}"
    );
    // Rotated: all well again, at once.
    world.secret("hubspot", tec_crm::sim::hubspot::DEFAULT_TOKEN);
    world.pass(MINUTE).await;
    world.assert_all_ready();
}

#[tokio::test(start_paused = true)]
async fn a_token_revoked_in_the_middle_keeps_codes_and_is_probed_once_an_interval() {
    let world = settled().await;
    world.hubspot.revoke_token(tec_crm::sim::hubspot::DEFAULT_TOKEN).unwrap();
    world.pass(Duration::from_hours(1)).await;
    let calls = world.hubspot.requests().total;
    assert!((10..=14).contains(&calls), "{calls} calls");
    let status = world.object("assistants", "ada")["status"].clone();
    assert_eq!(status["crmIntegrationStatus"], "ASSISTANT_EXISTS_AS_USER_IN_CRM");
    assert!(world.ready("assistants", "ada").starts_with("Unknown/"));
    world.hubspot.set_token(&TokenConfig::with_all_scopes("pat-na1-next"));
    world.secret("hubspot", "pat-na1-next");
    world.pass(10 * SECOND).await;
    world.assert_all_ready();
}

#[tokio::test(start_paused = true)]
async fn a_missing_scope_is_named_and_harms_only_what_needs_it() {
    let mut world = World::new(1, SimConfig::default());
    let mut token = TokenConfig::with_all_scopes("pat-na1-less");
    token.scopes.retain(|scope| !scope.contains("settings.users") && !scope.contains("objects.users"));
    world.hubspot.set_token(&token);
    world.secret("hubspot", "pat-na1-less");
    world.usual_objects();
    world.start();
    world.pass(MINUTE).await;
    assert!(world.ready("crmconnections", "portal").starts_with("True/"));
    assert!(world.ready("schedulesyncs", "schedules").starts_with("True/"));
    let ready = world.ready("assistants", "ada");
    assert!(ready.starts_with("False/MissingScopes") && ready.contains("users.read"), "{ready}");
}

#[tokio::test(start_paused = true)]
async fn a_token_of_another_portal_writes_nothing() {
    for guard in [json!({"portalId": "4711"}), json!({})] {
        let world = settled().await;
        if guard.get("portalId").is_none() {
            // Seen before, pinned in status: pretend it was another one.
            let pinned = json!({"status": {"portalId": "4711"}});
            world.kube.patch_status("crmconnections", NAMESPACE, "portal", pinned).unwrap();
        }
        world.hubspot.edit_property("tec_context", json!({"label": "Other"})).unwrap();
        world.connection(&guard);
        world.request("crmconnections", "portal", "1");
        world.pass(Duration::from_mins(20)).await;
        let ready = world.ready("crmconnections", "portal");
        assert!(ready.starts_with("False/WrongPortal") && ready.contains("999001"), "{ready}");
        assert_eq!(writes(&world), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_roles_and_teams_list_what_exists() {
    let mut world = World::new(1, SimConfig::default());
    world.connection(&json!({}));
    world.assistant("ada", &json!({"role": "Boss"}));
    world.assistant("bob", &json!({"role": "Sales rep", "team": "Nobody"}));
    world.assistant("eve", &json!({"role": "Sales rep", "team": "Support"}));
    world.start();
    world.pass(MINUTE).await;
    let (ada, bob) = (world.ready("assistants", "ada"), world.ready("assistants", "bob"));
    assert!(ada.starts_with("False/InvalidSpec") && ada.contains("Read only, Sales rep"), "{ada}");
    assert!(bob.starts_with("False/InvalidSpec") && bob.contains("Sales Team, Support"), "{bob}");
    assert!(world.ready("assistants", "eve").starts_with("True/"));
    assert_eq!(world.hubspot.requests().of("POST", "/settings/users"), 1);
}

#[tokio::test(start_paused = true)]
async fn one_e_mail_belongs_to_the_older_assistant() {
    let mut world = World::new(1, SimConfig::default());
    world.connection(&json!({}));
    world.assistant("ada", &json!({}));
    world.start();
    world.pass(MINUTE).await;
    world.assistant("twin", &json!({"email": "ADA@example.com"}));
    world.pass(MINUTE).await;
    let twin = world.ready("assistants", "twin");
    assert!(twin.starts_with("False/Conflict") && twin.contains("sales/ada"), "{twin}");
    assert!(world.ready("assistants", "ada").starts_with("True/"));
    assert_eq!(world.hubspot.requests().of("POST", "/settings/users"), 1);
    world.kube.delete("assistants", NAMESPACE, "ada").unwrap();
    world.pass(MINUTE).await;
    assert!(world.ready("assistants", "twin").starts_with("True/"));
}

#[tokio::test(start_paused = true)]
async fn a_value_claimed_twice_belongs_to_the_older_schedule_sync() {
    let world = settled().await;
    world.schedules("more", &[("101", "Mine"), ("201", "Nights"), ("202", "Evenings")], &json!({}));
    world.pass(MINUTE).await;
    let more = world.ready("schedulesyncs", "more");
    assert!(more.starts_with("False/Conflict") && more.contains("sales/schedules"), "{more}");
    assert!(more.contains("101") && more.contains("Evenings"), "both claims are named: {more}");
    assert!(world.ready("schedulesyncs", "schedules").starts_with("True/"));
    assert_eq!(world.option_labels("tec_schedule"), ["Weekdays", "Evenings", "Every day", "Nights"]);
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
async fn another_clusters_fields_are_left_alone() {
    let mut world = World::new(1, SimConfig::default());
    let group = json!({"name": "tec_ai_assistant", "label": "TEC AI Assistant"});
    world.hubspot.create_group(group).unwrap();
    let field = json!({
        "name": "tec_context", "label": "Theirs", "type": "string", "fieldType": "textarea",
        "groupName": "tec_ai_assistant", "description": "x [managed by tec-crm other]",
    });
    world.hubspot.create_property(field).unwrap();
    world.connection(&json!({}));
    world.start();
    world.pass(Duration::from_mins(10)).await;
    let ready = world.ready("crmconnections", "portal");
    assert!(ready.starts_with("False/Conflict") && ready.contains("cluster other"), "{ready}");
    assert_eq!(world.property("tec_context").unwrap()["label"], "Theirs");
    assert!(world.property("tec_schedule").is_some());
}

#[tokio::test(start_paused = true)]
async fn an_incompatible_field_is_refused_and_the_rest_is_made() {
    let mut world = World::new(1, SimConfig::default());
    let group = json!({"name": "mine", "label": "Mine"});
    world.hubspot.create_group(group).unwrap();
    let field =
        json!({"name": "tec_schedule", "label": "S", "type": "number", "fieldType": "number", "groupName": "mine"});
    world.hubspot.create_property(field).unwrap();
    world.usual_objects();
    world.start();
    world.pass(Duration::from_mins(10)).await;
    let ready = world.ready("crmconnections", "portal");
    assert!(ready.starts_with("False/AdoptionRefused") && ready.contains("type number"), "{ready}");
    assert!(world.ready("schedulesyncs", "schedules").starts_with("False/AdoptionRefused"));
    assert!(world.property("tec_context").is_some());
    assert!(world.ready("assistants", "ada").starts_with("True/"));
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_not_hubspots_costs_no_call() {
    let mut world = World::new(1, SimConfig::default());
    world.connection(&json!({"apiEndpoint": "https://evil.example"}));
    world.start();
    world.pass(Duration::from_hours(1)).await;
    let ready = world.ready("crmconnections", "portal");
    assert!(ready.starts_with("False/InvalidSpec") && ready.contains("evil.example"), "{ready}");
    assert_eq!(world.hubspot.requests().total, 0);
}

#[tokio::test(start_paused = true)]
async fn references_across_namespaces_need_permission() {
    let mut world = World::new(1, SimConfig::default());
    world.kube.create(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}})).unwrap();
    world.connection(&json!({}));
    let spec = json!({"connectionRef": {"name": "portal", "namespace": NAMESPACE}, "email": "ada@example.com"});
    world.apply_in("other", "Assistant", "ada", &spec);
    world.start();
    world.pass(MINUTE).await;
    let ready = |world: &World| {
        let object = world.kube.get("assistants", "other", "ada").unwrap();
        object["status"]["conditions"].as_array().unwrap().iter().find(|c| c["type"] == "Ready").unwrap()["reason"]
            .clone()
    };
    assert_eq!(ready(&world), "ReferenceNotAllowed");
    assert_eq!(world.hubspot.requests().of("POST", "/settings/users"), 0);
    world.connection(&json!({"allowedNamespaces": ["other"]}));
    world.pass(MINUTE).await;
    assert_eq!(ready(&world), "Succeeded");
}

#[tokio::test(start_paused = true)]
async fn a_second_connection_to_one_portal_yields_to_the_first() {
    let world = settled().await;
    let spec = json!({"auth": {"accessToken": {"secretRef": {"name": "hubspot"}}}});
    world.pass(SECOND).await;
    world.apply("CrmConnection", "second", &spec);
    world.pass(MINUTE).await;
    let second = world.ready("crmconnections", "second");
    assert!(second.starts_with("False/Conflict") && second.contains("sales/portal"), "{second}");
    assert!(world.ready("crmconnections", "portal").starts_with("True/"));
    assert_eq!(writes(&world), 0);
}

#[tokio::test(start_paused = true)]
async fn a_malformed_object_is_reported_and_stops_nobody() {
    let world = settled().await;
    world.apply("Assistant", "odd", &json!({"connectionRef": {"name": "portal"}, "email": 7}));
    world.apply("CrmConnection", "odd", &json!({"auth": "none"}));
    world.apply("ScheduleSync", "odd", &json!({"connectionRef": {"name": "portal"}, "source": "none"}));
    world.assistant("eve", &json!({}));
    world.pass(MINUTE).await;
    for plural in ["assistants", "crmconnections", "schedulesyncs"] {
        let ready = world.ready(plural, "odd");
        assert!(ready.starts_with("False/InvalidSpec") && ready.contains("cannot be read"), "{plural}: {ready}");
    }
    assert!(world.ready("assistants", "eve").starts_with("True/"));
    let before = versions(&world);
    world.pass(Duration::from_mins(20)).await;
    assert_eq!(versions(&world), before);
    for plural in ["assistants", "crmconnections", "schedulesyncs"] {
        world.kube.delete(plural, NAMESPACE, "odd").unwrap();
        world.pass(SECOND).await;
        assert!(world.kube.get(plural, NAMESPACE, "odd").is_none(), "{plural}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_never_comes_by_itself_is_found_after_acceptance() {
    let mut world = World::new(1, SimConfig::default());
    world.hubspot.set_switches(|switches| switches.owner = OwnerPolicy::AfterAcceptance);
    world.usual_objects();
    world.start();
    world.pass(Duration::from_hours(8)).await;
    let ready = world.ready("assistants", "ada");
    assert!(ready.starts_with("False/InvitationPending"), "{ready}");
    world.hubspot.accept_invitation("ada@example.com").unwrap();
    world.pass(Duration::from_secs(331)).await;
    assert!(world.ready("assistants", "ada").starts_with("True/"), "{}", world.ready("assistants", "ada"));
    assert!(world.ready("assistants", "bob").starts_with("False/InvitationPending"));
}

fn fault(rule: &Value) -> FaultRule {
    serde_json::from_value(rule.clone()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn hubspot_down_keeps_codes_writes_status_once_and_recovers() {
    let answers = [
        json!({"route": "*", "times": 100_000, "status": 500, "body": "<html>oops</html>"}),
        json!({"route": "*", "times": 100_000, "drop": true}),
        json!({"route": "*", "times": 100_000, "status": 200, "body": "<html>maintenance</html>"}),
    ];
    for answer in answers {
        let world = settled().await;
        world.hubspot.add_fault(fault(&answer)).unwrap();
        world.pass(Duration::from_mins(30)).await;
        let status = world.object("assistants", "ada")["status"].clone();
        assert_eq!(status["crmIntegrationStatus"], "ASSISTANT_EXISTS_AS_USER_IN_CRM");
        assert!(world.ready("crmconnections", "portal").starts_with("Unknown/Unreachable"), "{answer}");
        let before = versions(&world);
        world.pass(Duration::from_mins(30)).await;
        assert_eq!(versions(&world), before, "a retry of the same failure writes nothing");
        world.hubspot.clear_faults();
        world.pass(Duration::from_mins(6)).await;
        world.assert_all_ready();
        assert_eq!(writes(&world), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn each_limit_is_obeyed_without_a_useless_write() {
    for (policy, window) in [("TEN_SECONDLY_ROLLING", 10), ("SECONDLY", 1)] {
        let world = settled().await;
        let before = versions(&world);
        let body = json!({"status": "error", "message": "limit", "errorType": "RATE_LIMIT", "policyName": policy});
        let rule = json!({"route": "*", "times": 100_000, "status": 429, "body": body});
        world.hubspot.add_fault(fault(&rule)).unwrap();
        world.request("crmconnections", "portal", "1");
        world.pass(MINUTE).await;
        let calls = world.hubspot.requests().total;
        assert!(calls >= 1 && calls <= 60 / window + 1, "{calls} calls under {policy}");
        world.hubspot.clear_faults();
        world.pass(Duration::from_mins(7)).await;
        world.assert_all_ready();
        let after = versions(&world);
        // Only the connection's echo of the request.
        assert_eq!(after.iter().zip(&before).filter(|(a, b)| a != b).count(), 1, "{policy}");
        assert_eq!(writes(&world), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_daily_limit_is_waited_out_until_the_portals_midnight() {
    let world = settled().await;
    let body = json!({"status": "error", "message": "limit", "errorType": "RATE_LIMIT", "policyName": "DAILY"});
    let rule = json!({"route": "*", "times": 1, "status": 429, "body": body});
    world.hubspot.add_fault(fault(&rule)).unwrap();
    world.request("crmconnections", "portal", "1");
    world.pass(MINUTE).await;
    let exhausted = world.condition("crmconnections", "portal", "QuotaExhausted");
    assert!(exhausted.starts_with("True/QuotaExhausted") && exhausted.contains("2026-11-23T00:00:00Z"), "{exhausted}");
    world.hubspot.reset_requests();
    world.pass(Duration::from_hours(13)).await;
    assert_eq!(world.hubspot.requests().total, 0);
    world.pass(Duration::from_hours(1)).await;
    world.assert_all_ready();
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_to_a_create_makes_nothing_twice() {
    let routes = [
        ("/settings/users", "/settings/users"),
        ("/crm/properties/contacts", "/crm/properties/contacts"),
        ("/crm/properties/contacts/groups", "/crm/properties/contacts/groups"),
    ];
    for (route, counted) in routes {
        for rule in [
            json!({"route": route, "method": "POST", "times": 1, "drop": true, "when": "after"}),
            json!({"route": route, "method": "POST", "times": 1, "status": 504, "when": "after"}),
        ] {
            let mut world = World::new(1, SimConfig::default());
            world.connection(&json!({}));
            world.assistant("ada", &json!({}));
            world.hubspot.add_fault(fault(&rule)).unwrap();
            world.start();
            world.pass(Duration::from_mins(10)).await;
            world.assert_all_ready();
            let expected = if counted == "/crm/properties/contacts" { 4 } else { 1 };
            assert_eq!(world.hubspot.requests().of("POST", counted), expected, "{rule}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn deleting_everything_in_any_order_ends_and_keeps_the_portal() {
    let orders: [&[(&str, &str)]; 3] = [
        &[("crmconnections", "portal"), ("assistants", "ada"), ("assistants", "bob"), ("schedulesyncs", "schedules")],
        &[("schedulesyncs", "schedules"), ("assistants", "bob"), ("crmconnections", "portal"), ("assistants", "ada")],
        &[("assistants", "ada"), ("assistants", "bob"), ("schedulesyncs", "schedules"), ("crmconnections", "portal")],
    ];
    for order in orders {
        let world = settled().await;
        let before = world.portal_view();
        for (plural, name) in order {
            world.kube.delete(plural, NAMESPACE, name).unwrap();
            world.pass(SECOND).await;
            if *plural == "crmconnections" && !world.kube.list("assistants").is_empty() {
                let ready = world.ready("crmconnections", "portal");
                assert!(ready.starts_with("False/DeletionBlocked") && ready.contains("Assistant sales/ada"), "{ready}");
            }
        }
        world.pass(5 * SECOND).await;
        assert!(world.all_ready().is_empty(), "{:?}", world.all_ready());
        assert_eq!(world.portal_view(), before);
        assert_eq!(writes(&world), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_namespace_goes_away_whole_even_without_its_secret() {
    let world = settled().await;
    world.kube.delete("namespaces", None, NAMESPACE).unwrap();
    world.pass(10 * SECOND).await;
    assert!(world.kube.get("namespaces", None, NAMESPACE).is_none(), "{:?}", world.all_ready());
    assert_eq!(writes(&world), 0);
}

#[tokio::test(start_paused = true)]
async fn with_policy_delete_a_namespace_goes_away_after_the_grace_period_and_says_so() {
    let mut world = World::new(1, SimConfig::default());
    world.connection(&json!({"deletionPolicy": "Delete"}));
    world.assistant("ada", &json!({"deletionPolicy": "Delete"}));
    world.start();
    world.pass(MINUTE).await;
    world.hubspot.revoke_token(tec_crm::sim::hubspot::DEFAULT_TOKEN).unwrap();
    world.kube.delete("namespaces", None, NAMESPACE).unwrap();
    world.pass(Duration::from_mins(30)).await;
    assert!(world.kube.get("namespaces", None, NAMESPACE).is_some());
    world.pass(Duration::from_mins(45)).await;
    assert!(world.kube.get("namespaces", None, NAMESPACE).is_none(), "{:?}", world.all_ready());
    assert!(world.property("tec_context").is_some());
}

#[tokio::test(start_paused = true)]
async fn policy_delete_removes_what_is_ours_and_nothing_else() {
    let mut world = World::new(1, SimConfig::default());
    let group = json!({"name": "mine", "label": "Mine"});
    world.hubspot.create_group(group).unwrap();
    let field = json!({"name": "tec_context", "label": "Context", "type": "string", "fieldType": "textarea", "groupName": "mine"});
    world.hubspot.create_property(field).unwrap();
    world.connection(&json!({"deletionPolicy": "Delete"}));
    world.assistant("ada", &json!({"deletionPolicy": "Delete"}));
    world.assistant("admin", &json!({"deletionPolicy": "Delete"}));
    world.schedules("schedules", &[("1", "One")], &json!({"deletionPolicy": "Delete", "prune": "Delete"}));
    world.start();
    world.pass(MINUTE).await;
    world.assert_all_ready();
    world.kube.delete("assistants", NAMESPACE, "ada").unwrap();
    world.kube.delete("schedulesyncs", NAMESPACE, "schedules").unwrap();
    world.pass(5 * SECOND).await;
    assert!(world.kube.get("assistants", NAMESPACE, "ada").is_none());
    assert!(world.kube.get("schedulesyncs", NAMESPACE, "schedules").is_none(), "{:?}", world.all_ready());
    assert!(world.option_labels("tec_schedule").is_empty());
    world.kube.delete("assistants", NAMESPACE, "admin").unwrap();
    world.pass(5 * SECOND).await;
    let ready = world.ready("assistants", "admin");
    assert!(ready.starts_with("False/DeletionBlocked") && ready.contains("super admin"), "{ready}");
    world.assistant("admin", &json!({"deletionPolicy": "Retain"}));
    world.pass(5 * SECOND).await;
    world.kube.delete("crmconnections", NAMESPACE, "portal").unwrap();
    world.pass(5 * SECOND).await;
    assert!(world.all_ready().is_empty(), "{:?}", world.all_ready());
    assert!(world.property("tec_context").is_some(), "made by hand, stays");
    for gone in ["tec_schedule", "tec_lead_connection_status", "tec_assistant_state"] {
        assert!(world.property(gone).is_none(), "{gone}");
    }
    let view = world.portal_view();
    let emails: Vec<&Value> = view["users"].as_array().unwrap().iter().map(|user| &user["email"]).collect();
    assert_eq!(emails, ["admin@example.com"]);
    assert!(!view["groups"].to_string().contains("tec_ai_assistant"));
}

#[tokio::test(start_paused = true)]
async fn fields_that_contacts_hold_values_in_block_the_deletion() {
    let mut world = World::new(1, SimConfig::default());
    world.connection(&json!({"deletionPolicy": "Delete"}));
    world.start();
    world.pass(MINUTE).await;
    let held = [("tec_context".to_owned(), "likes tea".to_owned())].into();
    world.hubspot.create_contacts(2, &held).unwrap();
    world.kube.delete("crmconnections", NAMESPACE, "portal").unwrap();
    world.pass(5 * SECOND).await;
    let ready = world.ready("crmconnections", "portal");
    assert!(ready.starts_with("False/DeletionBlocked") && ready.contains("tec_context (2 contacts)"), "{ready}");
    assert!(world.property("tec_context").is_some());
    world.connection(&json!({"deletionPolicy": "ForceDelete"}));
    world.pass(5 * SECOND).await;
    assert!(world.all_ready().is_empty());
    assert!(world.property("tec_context").is_none());
}

#[tokio::test(start_paused = true)]
async fn the_plan_annotation_shows_the_plan_and_writes_nothing() {
    let mut world = World::new(1, SimConfig::default());
    world.usual_objects();
    for (plural, name) in [("crmconnections", "portal"), ("assistants", "ada")] {
        let patch = json!({"metadata": {"annotations": {"crm.theeminenceco.com/plan": "true"}}});
        world.kube.patch(plural, NAMESPACE, name, patch).unwrap();
    }
    world.start();
    world.pass(Duration::from_mins(10)).await;
    assert_eq!(writes(&world), 0, "{:#?}", world.hubspot.requests());
    let plan = world.object("crmconnections", "portal")["status"]["plan"].clone();
    assert!(plan[0].as_str().unwrap().starts_with("create property group tec_ai_assistant"), "{plan}");
    assert_eq!(plan.as_array().unwrap().len(), 6, "{plan}");
    assert!(world.object("assistants", "ada")["status"]["plan"][0].as_str().unwrap().starts_with("invite user"));
    let patch = json!({"metadata": {"annotations": {"crm.theeminenceco.com/plan": null}}});
    for (plural, name) in [("crmconnections", "portal"), ("assistants", "ada")] {
        world.kube.patch(plural, NAMESPACE, name, patch.clone()).unwrap();
    }
    world.pass(MINUTE).await;
    world.assert_all_ready();
    assert!(world.object("crmconnections", "portal")["status"].get("plan").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_graceful_stop_finishes_what_is_under_way() {
    let config = SimConfig { latency: Duration::from_millis(500), ..SimConfig::default() };
    let mut world = World::new(1, config);
    world.usual_objects();
    world.start();
    world.pass(Duration::from_millis(2_250)).await;
    world.stop().await;
    let cut = world.hubspot.trace().into_iter().filter(|entry| entry.status.is_none()).count();
    assert_eq!(cut, 0);
    let calls = world.hubspot.requests().total;
    world.pass(MINUTE).await;
    assert_eq!(world.hubspot.requests().total, calls, "a stopped operator is silent");
    world.start();
    world.pass(MINUTE).await;
    world.assert_all_ready();
    assert_eq!(world.hubspot.requests().of("POST", "/settings/users"), 2);
}

#[tokio::test(start_paused = true)]
async fn five_hundred_new_assistants_use_the_rate_the_limit_allows() {
    let mut world = World::new(1, SimConfig { latency: Duration::from_millis(50), ..SimConfig::default() });
    for place in 0..500 {
        world.assistant(&format!("a{place}"), &json!({}));
    }
    world.connection(&json!({}));
    world.start();
    let created = |world: &World| world.hubspot.requests().of("POST", "/settings/users");
    let mut waited = Duration::ZERO;
    while created(&world) < 500 && waited < Duration::from_mins(30) {
        world.pass(SECOND).await;
        waited += SECOND;
    }
    let requests = world.hubspot.requests();
    assert_eq!((created(&world), requests.with_status(201)), (500, 505), "each user, group and field once");
    // 100 in ten seconds, 20 % of them left to others.
    let allowed = waited.as_secs() * 8;
    assert!(requests.total * 100 >= allowed * 95, "{} of {allowed} calls in {waited:?}", requests.total);
    assert_eq!(requests.with_status(429), 0);
    world.pass(Duration::from_mins(10)).await;
    world.assert_all_ready();
}

#[tokio::test(start_paused = true)]
async fn no_token_in_any_object_or_event() {
    let mut world = World::new(1, SimConfig::default());
    let canary = "pat-na1-canary-7c1d";
    world.secret("hubspot", canary);
    let echo = json!({"status": "error", "message": format!("bad token {canary}"), "correlationId": canary, "category": canary});
    world.usual_objects();
    world.start();
    for status in [400, 401, 403, 404, 409, 429, 500, 502] {
        let rule = json!({"route": "*", "times": 40, "status": status, "body": echo});
        world.hubspot.add_fault(fault(&rule)).unwrap();
        world.request("crmconnections", "portal", &status.to_string());
        world.pass(Duration::from_mins(6)).await;
        world.hubspot.clear_faults();
    }
    world.hubspot.set_token(&TokenConfig::with_all_scopes(canary));
    world.pass(Duration::from_mins(12)).await;
    world.assert_all_ready();
    let mut looked_at = 0;
    for plural in ["crmconnections", "assistants", "schedulesyncs", "events"] {
        for object in world.kube.list(plural) {
            looked_at += 1;
            assert!(!object.to_string().contains("canary"), "{object}");
        }
    }
    assert!(looked_at > 8, "{looked_at} objects and events");
}

#[tokio::test(start_paused = true)]
async fn a_connection_deleted_first_still_serves_those_who_have_things_to_remove() {
    let mut world = World::new(1, SimConfig::default());
    world.connection(&json!({}));
    world.assistant("ada", &json!({"deletionPolicy": "Delete"}));
    world.schedules("schedules", &[("1", "One")], &json!({"deletionPolicy": "Delete", "prune": "Delete"}));
    world.start();
    world.pass(MINUTE).await;
    world.assert_all_ready();
    world.kube.delete("crmconnections", NAMESPACE, "portal").unwrap();
    world.pass(SECOND).await;
    world.kube.delete("schedulesyncs", NAMESPACE, "schedules").unwrap();
    world.kube.delete("assistants", NAMESPACE, "ada").unwrap();
    world.pass(Duration::from_mins(2)).await;
    assert!(world.all_ready().is_empty(), "{:#?}", world.all_ready());
    assert!(world.option_labels("tec_schedule").is_empty());
    assert_eq!(world.portal_view()["users"].as_array().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_second_connection_inherits_the_portal() {
    let world = settled().await;
    let spec = json!({"auth": {"accessToken": {"secretRef": {"name": "hubspot"}}}});
    world.apply("CrmConnection", "second", &spec);
    world.pass(MINUTE).await;
    assert!(world.ready("crmconnections", "second").starts_with("False/Conflict"));
    for (plural, name) in
        [("assistants", "ada"), ("assistants", "bob"), ("schedulesyncs", "schedules"), ("crmconnections", "portal")]
    {
        world.kube.delete(plural, NAMESPACE, name).unwrap();
    }
    world.pass(Duration::from_mins(2)).await;
    assert_eq!(world.all_ready().len(), 1, "{:#?}", world.all_ready());
    world.assert_all_ready();
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
async fn one_list_that_fails_is_tried_again_soon_and_one_refused_is_not_hammered() {
    let world = settled().await;
    let down = json!({"route": "/settings/users", "times": 100_000, "status": 503});
    world.hubspot.add_fault(fault(&down)).unwrap();
    world.request("assistants", "ada", "1");
    world.pass(MINUTE).await;
    assert!(
        world.ready("assistants", "ada").starts_with("Unknown/Unreachable"),
        "{}",
        world.ready("assistants", "ada")
    );
    world.hubspot.clear_faults();
    world.pass(MINUTE).await;
    assert!(world.ready("assistants", "ada").starts_with("True/"), "{}", world.ready("assistants", "ada"));
    let refused = json!({"route": "/settings/users", "times": 100_000, "status": 401});
    world.hubspot.add_fault(fault(&refused)).unwrap();
    world.hubspot.reset_requests();
    world.pass(Duration::from_hours(1)).await;
    let calls = world.hubspot.requests().total;
    assert!(calls <= 13 * 8, "{calls} calls in an hour of twelve intervals");
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

#[tokio::test(start_paused = true)]
async fn after_a_restart_a_deletion_waits_for_its_proof_however_old_it_is() {
    let mut world = World::new(1, SimConfig::default());
    world.connection(&json!({}));
    world.assistant("ada", &json!({"deletionPolicy": "Delete"}));
    world.start();
    world.pass(MINUTE).await;
    world.stop().await;
    world.kube.delete("assistants", NAMESPACE, "ada").unwrap();
    world.pass(Duration::from_hours(5)).await;
    world.start();
    world.pass(Duration::from_mins(2)).await;
    assert!(world.kube.get("assistants", NAMESPACE, "ada").is_none());
    assert_eq!(world.portal_view()["users"].as_array().unwrap().len(), 1);
}
