//! A person and the operator at the same contact in the same moment.

use serde_json::json;
use tec_crm::sim::hubspot::{FaultRule, SimConfig};

use super::{
    MINUTE, SECOND,
    office::{Office, Start},
};

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

/// The next update of contacts happens, and its reply is lost; the one after is refused for ten seconds.
fn a_lost_reply(office: &Office) {
    let route = "/crm/objects/contacts/batch/update";
    for fault in [
        json!({"route": route, "method": "POST", "times": 1, "when": "after", "drop": true}),
        json!({"route": route, "method": "POST", "times": 1, "status": 429}),
    ] {
        office.world.hubspot.add_fault(serde_json::from_value(fault).unwrap()).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_person_clears_after_a_lost_reply_is_not_written_again() {
    let office = Office::open().await;
    let contact = office.contact("lena");
    office.assign(&contact, &office.ada);
    office.pass(11 * SECOND).await;
    a_lost_reply(&office);
    office.say(&contact, json!({"type": "StateChanged", "state": "Processed", "done": true}));
    office.pass(SECOND).await;
    assert_eq!((office.owner_of(&contact).as_str(), office.statuses(&contact).1.as_str()), ("sam", "Processed"));
    office.edit(std::slice::from_ref(&contact), "tec_lead_connection_status", "");
    office.pass(MINUTE).await;
    assert_eq!(office.statuses(&contact).1, "");
    assert_eq!((office.owner_of(&contact).as_str(), office.notes(&contact).len()), ("sam", 1));
}

#[tokio::test(start_paused = true)]
async fn a_lead_whose_assignment_may_yet_be_taken_is_not_stopped() {
    let office = Office::open().await;
    let contact = office.contact("lena");
    let fault = json!({"route": "/crm/objects/contacts/batch/update", "status": 500, "times": 1000});
    office.world.hubspot.add_fault(serde_json::from_value(fault).unwrap()).unwrap();
    office.assign(&contact, &office.ada);
    office.pass(11 * SECOND).await;
    assert_eq!(office.leads(&contact), ["New ada"], "TEC has begun, the contact does not say so yet");
    // For as long as the field says something, the assignment is one to refuse, and the lead nobody's.
    office.edit(std::slice::from_ref(&contact), "tec_lead_connection_status", "Warm");
    office.state(&contact, "Cold");
    office.pass(MINUTE).await;
    office.edit(std::slice::from_ref(&contact), "tec_lead_connection_status", "");
    office.world.hubspot.clear_faults();
    office.pass(10 * MINUTE).await;
    assert_eq!((office.owner_of(&contact).as_str(), office.statuses(&contact).1.as_str()), ("ada", "Cold"));
    assert_eq!(office.leads(&contact), ["Cold ada"], "it goes on");
}

#[tokio::test(start_paused = true)]
async fn an_owner_chosen_in_the_moment_of_a_hand_back_stays_although_its_reply_is_lost() {
    // Every call takes two seconds: one to get there, one back.
    let portal = SimConfig { latency: 2 * SECOND, ..Start::default().portal };
    let office = Office::open_with(Start { portal, ..Start::default() }).await;
    let contact = office.contact("lena");
    office.assign(&contact, &office.ada);
    office.pass(MINUTE).await;
    assert_eq!(office.leads(&contact), ["New ada"]);
    let lost = json!({"route": "/crm/objects/contacts/batch/update", "times": 1, "when": "after", "drop": true});
    office.world.hubspot.add_fault(serde_json::from_value(lost).unwrap()).unwrap();
    let updates = || office.world.hubspot.requests().of("POST", "/crm/objects/contacts/batch/update");
    let before = updates();
    office.say(&contact, json!({"type": "StateChanged", "state": "Processed", "done": true}));
    while updates() == before {
        office.pass(SECOND / 10).await;
    }
    // On its way, and not there yet.
    assert_eq!(office.owner_of(&contact), "ada");
    office.assign(&contact, &office.sue);
    office.pass(5 * MINUTE).await;
    assert_eq!(office.owner_of(&contact), "sue", "{:?}", office.lines(&contact, "owner"));
}

#[tokio::test(start_paused = true)]
async fn a_contact_hubspot_cannot_read_holds_up_nobody() {
    let office = Office::open().await;
    let (odd, other) = (office.contact("odd"), office.contact("otto"));
    // All of them, then the first half.
    let fault = json!({"route": "/crm/objects/contacts/batch/read", "times": 2, "status": 400});
    office.world.hubspot.add_fault(serde_json::from_value(fault).unwrap()).unwrap();
    office.edit(&[odd.clone(), other.clone()], "hubspot_owner_id", &office.ada);
    while office.notes(&other).is_empty() {
        office.pass(SECOND / 100).await;
    }
    assert_eq!(office.notes(&odd).len(), 0, "it waits alone");
    office.pass(MINUTE).await;
    assert_eq!((office.notes(&odd).len(), office.leads(&odd)), (1, vec!["New ada".to_owned()]));
}
