//! A crash between the timeline and the contact's mark: what was logged is found again, however the next start gets there.

use serde_json::{Value, json};
use tec_crm::sim::hubspot::FaultRule;

use super::{MINUTE, SECOND, office::Office};

fn fault_updates(office: &Office, fault: &Value) {
    let mut rule = json!({"route": "/crm/objects/contacts/batch/update", "method": "POST", "times": 1});
    json_patch::merge(&mut rule, fault);
    let rule: FaultRule = serde_json::from_value(rule).unwrap();
    office.world.hubspot.add_fault(rule).unwrap();
}

fn say_email(office: &Office, contact: &str) {
    office.say(contact, json!({"type": "EmailSent", "email": {"subject": "A boat", "text": "For you"}}));
}

#[tokio::test(start_paused = true)]
async fn on_a_contact_taken_meanwhile() {
    let mut office = Office::open().await;
    let contact = office.contact("lena");
    office.assign(&contact, &office.ada);
    office.pass(MINUTE).await;
    fault_updates(&office, &json!({"delayMs": 2000}));
    say_email(&office, &contact);
    office.pass(SECOND).await;
    assert_eq!(office.lines(&contact, "email").len(), 1, "it is logged, and the contact does not say so yet");
    office.world.kill().await;
    office.assign(&contact, &office.sue);
    office.world.start();
    office.pass(2 * MINUTE).await;
    assert_eq!(office.leads(&contact), ["New ada stopped TakenBack"]);
    assert_eq!(office.lines(&contact, "email"), ["EMAIL A boat: For you"]);
}

#[tokio::test(start_paused = true)]
async fn on_a_contact_that_is_accepted_once_more_before_its_events_are_read() {
    let mut office = Office::open().await;
    let contact = office.contact("lena");
    fault_updates(&office, &json!({"status": 400, "delayMs": 500}));
    fault_updates(&office, &json!({"delayMs": 5000}));
    office.assign(&contact, &office.ada);
    while office.leads(&contact).is_empty() {
        office.pass(SECOND / 10).await;
    }
    say_email(&office, &contact);
    while office.lines(&contact, "email").is_empty() {
        office.pass(SECOND / 10).await;
    }
    assert_eq!(office.statuses(&contact), (String::new(), String::new()), "and the contact does not say so yet");
    office.world.kill().await;
    office.world.start();
    office.pass(2 * MINUTE).await;
    assert_eq!(office.leads(&contact), ["New ada"]);
    assert_eq!(office.lines(&contact, "email"), ["EMAIL A boat: For you"]);
    assert_eq!(office.notes(&contact).len(), 1);
}
