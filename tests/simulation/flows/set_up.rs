//! Setting a portal up: what is made, what is adopted, what it costs.

use super::*;

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
