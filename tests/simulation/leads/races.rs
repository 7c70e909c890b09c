//! A person and the operator at the same contact in the same moment.

use serde_json::json;
use tec_crm::sim::hubspot::FaultRule;

use super::{MINUTE, SECOND, office::Office};

/// Every update of contacts takes two seconds to reach HubSpot.
fn slow_updates(office: &Office) {
    let rule: FaultRule = serde_json::from_value(json!({
        "route": "/crm/objects/contacts/batch/update", "method": "POST", "times": 1, "delayMs": 2000
    }))
    .unwrap();
    office.world.hubspot.add_fault(rule).unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_owner_chosen_in_the_moment_of_a_hand_back_stays() {
    let office = Office::open().await;
    let contact = office.contact("lena");
    office.assign(&contact, &office.ada);
    office.pass(11 * SECOND).await;
    slow_updates(&office);
    office.say(&contact, json!({"type": "StateChanged", "state": "Processed", "done": true}));
    office.pass(SECOND).await;
    office.assign(&contact, &office.sue);
    office.pass(MINUTE).await;
    assert_eq!(office.owner_of(&contact), "sue");
    assert_eq!(office.lines(&contact, "owner").last().unwrap(), "sam to sue", "it went to sam for a moment");
    assert_eq!(office.leads(&contact), ["Processed ada done"]);
    assert_eq!(office.notes(&contact).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_owner_chosen_in_the_moment_of_an_acceptance_stays_and_the_lead_stops() {
    let office = Office::open().await;
    let contact = office.contact("lena");
    slow_updates(&office);
    office.assign(&contact, &office.ada);
    office.pass(11 * SECOND).await;
    office.assign(&contact, &office.sue);
    office.pass(MINUTE).await;
    assert_eq!(office.owner_of(&contact), "sue");
    assert_eq!(office.leads(&contact), ["New ada stopped TakenBack"]);
}
