//! The end of things, in any order.

use super::*;

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
