//! What cannot work, said so that a person knows what to do, and nobody else harmed.

use tec_crm::sim::hubspot::{EnumerationWithoutOptions, MissingScopes};

use super::*;

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
async fn a_missing_scope_is_named_if_hubspot_does_and_harms_only_what_needs_it() {
    for (missing_scopes, told) in
        [(MissingScopes::Named, "users.read"), (MissingScopes::Unnamed, "HubSpot does not name them")]
    {
        without_scopes_of_users(missing_scopes, told).await;
    }
}

async fn without_scopes_of_users(missing_scopes: MissingScopes, told: &str) {
    let mut world = World::new(1, SimConfig::default());
    world.hubspot.set_switches(|switches| switches.missing_scopes = missing_scopes);
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
    assert!(ready.starts_with("False/MissingScopes") && ready.contains(told), "{ready}");
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

/// HubSpot may refuse enumerations without options (API.md §15).
#[tokio::test(start_paused = true)]
async fn a_schedule_field_refused_while_there_are_no_schedules_is_told_and_made_with_the_first() {
    let mut config = SimConfig::default();
    config.switches.enumeration_without_options = EnumerationWithoutOptions::Refused;
    let mut world = World::new(1, config);
    world.secret("hubspot", tec_crm::sim::hubspot::DEFAULT_TOKEN);
    world.connection(&json!({}));
    world.start();
    world.pass(MINUTE).await;
    let ready = world.ready("crmconnections", "portal");
    assert!(ready.starts_with("False/HubSpotRefused") && ready.contains("tec_schedule"), "{ready}");
    assert!(world.property("tec_context").is_some() && world.property("tec_schedule").is_none());
    world.schedules("schedules", &[("1", "One")], &json!({}));
    world.pass(Duration::from_mins(10)).await;
    world.assert_all_ready();
    assert_eq!(world.option_labels("tec_schedule"), ["One"]);
}
