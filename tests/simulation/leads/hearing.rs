//! What people change in Kubernetes is heard, also while the portal cannot be used, and whoever is missing is waited for.

use serde_json::json;
use tec_crm::sim::hubspot::FaultRule;

use super::{HOUR, MINUTE, SECOND, office::Office, ways::FOUND};
use crate::simulation::world::NAMESPACE;

/// The portal's configuration cannot be read; contacts can.
fn trouble() -> FaultRule {
    let route = "/account-info/".to_owned();
    FaultRule { route, times: Some(1_000_000), status: Some(503), ..FaultRule::default() }
}

async fn in_trouble() -> (Office, String) {
    let office = Office::open().await;
    let contact = office.contact("lena");
    office.world.hubspot.add_fault(trouble()).unwrap();
    office.pass(20 * MINUTE).await;
    let ready = office.world.ready("crmconnections", "portal");
    assert!(ready.starts_with("Unknown/"), "{ready}");
    (office, contact)
}

#[tokio::test(start_paused = true)]
async fn in_passing_trouble_assigned_contacts_still_become_leads() {
    let (office, contact) = in_trouble().await;
    office.assign(&contact, &office.ada);
    office.pass(FOUND).await;
    assert_eq!(office.leads(&contact), ["New ada"]);
}

#[tokio::test(start_paused = true)]
async fn in_passing_trouble_a_hold_is_heard() {
    let (office, contact) = in_trouble().await;
    office.change_connection(&json!({"holdUntil": office.date_in(HOUR)}));
    office.pass(5 * SECOND).await;
    office.assign(&contact, &office.ada);
    office.pass(MINUTE).await;
    assert_eq!(office.leads(&contact).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn in_passing_trouble_leads_can_be_switched_off() {
    for spec in [json!({"leads": {"mode": "Off"}}), json!({"suspend": true}), json!({"leads": {"mode": "Observe"}})] {
        let (office, contact) = in_trouble().await;
        office.change_connection(&spec);
        office.pass(5 * SECOND).await;
        office.assign(&contact, &office.ada);
        office.pass(MINUTE).await;
        assert_eq!(office.leads(&contact).len(), 0, "{spec}");
    }
}

#[tokio::test(start_paused = true)]
async fn in_passing_trouble_an_assistant_can_be_suspended_or_deleted() {
    let (office, contact) = in_trouble().await;
    office.change_assistant("ada", &json!({"suspend": true}));
    office.pass(5 * SECOND).await;
    office.assign(&contact, &office.ada);
    office.pass(MINUTE).await;
    assert_eq!(office.leads(&contact).len(), 0);
    office.change_assistant("ada", &json!({"suspend": false}));
    office.pass(FOUND).await;
    assert_eq!(office.leads(&contact), ["New ada"]);
    office.world.kube.delete("assistants", NAMESPACE, "ada").unwrap();
    office.pass(3 * MINUTE).await;
    assert_eq!(office.leads(&contact), ["New ada stopped AssistantDeleted"]);
    assert_eq!(office.owner_of(&contact), "sam");
}

#[tokio::test(start_paused = true)]
async fn an_assistant_whose_context_is_missing_waits_for_it() {
    let office = Office::open().await;
    let from = json!({"configMapKeyRef": {"name": "contexts", "key": "ada"}});
    office.change_assistant("ada", &json!({"defaults": {"context": null, "contextFrom": from}}));
    office.pass(5 * SECOND).await;
    let contact = office.contact("lena");
    office.pass(SECOND).await;
    office.assign(&contact, &office.ada);
    office.pass(2 * MINUTE).await;
    assert_eq!((office.leads(&contact).len(), office.owner_of(&contact).as_str()), (0, "ada"));
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "contexts", "namespace": NAMESPACE},
        "data": {"ada": "We sell boats."},
    });
    office.world.kube.apply(map).unwrap();
    office.pass(FOUND).await;
    assert_eq!(office.leads(&contact), ["New ada"]);
    assert_eq!(office.tec().leads()[0]["context"], "We sell boats.");
}
