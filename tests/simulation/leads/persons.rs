//! R9: a person's choice always wins.

use serde_json::json;
use tec_crm::sim::hubspot::{AssignedDateOnUnassign, FaultRule, SimConfig, Switches, When};

use super::{
    HOUR, MINUTE, SECOND,
    office::{Office, Start},
    ways::{FOUND, REFUSED, STATUS, TAKEN},
};

const HOT: [&str; 2] = ["status: hs_lead_status Connected", "status: Lead Connection Status Hot"];

#[tokio::test(start_paused = true)]
async fn a_contact_taken_back_ends_its_lead_and_nothing_is_written_over() {
    let office = Office::open().await;
    let contact = office.in_work("lena").await;
    office.state(&contact, "Hot");
    office.pass(2 * SECOND).await;
    office.assign(&contact, &office.sue);
    office.pass(FOUND).await;
    assert_eq!(office.leads(&contact), ["Hot ada stopped TakenBack"]);
    // TEC had said this before it heard of it.
    office.say(&contact, json!({"type": "EmailSent", "email": {"subject": "Boat", "text": "Hi"}}));
    office.say(&contact, json!({"type": "StateChanged", "state": "Processed", "done": true}));
    office.pass(2 * HOUR).await;
    let shown = [&TAKEN[..], &HOT, &["owner: ada to sue"]].concat();
    assert_eq!(office.since(&contact, &shown), ["email: EMAIL Boat: Hi"]);
    assert_eq!(office.leads(&contact), ["Processed ada stopped TakenBack done"]);
}

#[tokio::test(start_paused = true)]
async fn a_contact_whose_owner_is_cleared_ends_its_lead() {
    for assigned_date_on_unassign in [AssignedDateOnUnassign::Clears, AssignedDateOnUnassign::Keeps] {
        let start = Start::default();
        let switches = Switches { assigned_date_on_unassign, ..Switches::default() };
        let portal = SimConfig { switches, ..start.portal };
        let office = Office::open_with(Start { portal, ..start }).await;
        let contact = office.in_work("lena").await;
        office.pass(HOUR).await;
        office.assign(&contact, "");
        office.pass(FOUND).await;
        assert_eq!(office.leads(&contact), ["New ada stopped TakenBack"], "{assigned_date_on_unassign:?}");
        office.pass(HOUR).await;
        assert_eq!(office.since(&contact, &TAKEN), ["owner: ada to -"]);
    }
}

#[tokio::test(start_paused = true)]
async fn from_hand_to_hand_the_other_assistant_goes_on() {
    let office = Office::open().await;
    let contact = office.in_work("lena").await;
    office.state(&contact, "Hot");
    office.pass(2 * SECOND).await;
    office.assign(&contact, &office.bob);
    office.pass(FOUND).await;
    assert_eq!(office.leads(&contact), ["Hot ada stopped TakenBack", "New bob"]);
    let shown = [&TAKEN[..], &HOT, &["owner: ada to bob"]].concat();
    let again = TAKEN[2..].iter().map(|line| line.replace("ada: Ada", "bob: Bob"));
    assert_eq!(office.since(&contact, &shown), again.collect::<Vec<_>>());
    // What the first one still says changes nothing.
    office.tec().say(vec![json!({"leadId": "lead-1", "type": "StateChanged", "state": "Cold", "done": true})]).unwrap();
    office.pass(2 * SECOND).await;
    assert_eq!((office.value(&contact, STATUS).as_str(), office.owner_of(&contact).as_str()), ("New", "bob"));
    office.done(&contact, "Processed").await;
    assert_eq!(office.owner_of(&contact), "sam");
}

#[tokio::test(start_paused = true)]
async fn a_field_cleared_while_in_work_stays_empty_until_there_is_news() {
    let office = Office::open().await;
    let contact = office.in_work("lena").await;
    office.edit(std::slice::from_ref(&contact), STATUS, "");
    office.edit(std::slice::from_ref(&contact), "hs_lead_status", "");
    office.pass(2 * HOUR).await;
    assert_eq!(office.statuses(&contact), (String::new(), String::new()));
    assert_eq!(office.leads(&contact), ["New ada"]);
    office.state(&contact, "Hot");
    office.pass(2 * SECOND).await;
    assert_eq!(office.statuses(&contact), ("CONNECTED".to_owned(), "Hot".to_owned()));
    assert_eq!(office.notes(&contact).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn other_edits_of_a_contact_in_work_are_left_alone() {
    let office = Office::open().await;
    let contact = office.in_work("lena").await;
    for (property, value) in [("firstname", "Helena"), ("tec_context", "New words"), ("hs_lead_status", "OPEN_DEAL")] {
        office.edit(std::slice::from_ref(&contact), property, value);
    }
    office.forget_requests();
    office.pass(HOUR).await;
    assert_eq!(office.value(&contact, "hs_lead_status"), "OPEN_DEAL");
    assert_eq!(office.hubspot_writes(), [""; 0]);
    assert_eq!(office.leads(&contact), ["New ada"]);
}

#[tokio::test(start_paused = true)]
async fn taken_and_given_again_between_two_looks_is_an_accident() {
    let office = Office::open().await;
    let contact = office.in_work("lena").await;
    office.pass(2 * SECOND).await;
    office.assign(&contact, &office.sue);
    office.pass(SECOND).await;
    office.assign(&contact, &office.ada);
    office.pass(FOUND).await;
    assert_eq!(
        office.since(&contact, &TAKEN),
        ["owner: ada to sue", "owner: sue to ada", REFUSED, "owner: ada to sue"]
    );
    assert_eq!(office.leads(&contact), ["New ada stopped TakenBack"]);
}

#[tokio::test(start_paused = true)]
async fn taken_cleared_and_given_again_between_two_looks_is_a_new_lead() {
    let office = Office::open().await;
    let contact = office.in_work("lena").await;
    office.pass(2 * SECOND).await;
    office.assign(&contact, &office.sue);
    office.edit(std::slice::from_ref(&contact), STATUS, "");
    office.pass(SECOND).await;
    office.assign(&contact, &office.ada);
    office.pass(FOUND).await;
    let shown = ["owner: ada to sue", "status: Lead Connection Status -", "owner: sue to ada"];
    let shown = [&TAKEN[..], &shown].concat();
    // The lead status says New already.
    assert_eq!(office.since(&contact, &shown), [TAKEN[2], TAKEN[4]]);
    assert_eq!(office.leads(&contact), ["New ada stopped TakenBack", "New ada"]);
    office.done(&contact, "Processed").await;
    assert_eq!(office.owner_of(&contact), "sue");
}

#[tokio::test(start_paused = true)]
async fn a_person_who_is_quicker_than_the_end_of_the_lead_keeps_the_contact() {
    let office = Office::open().await;
    let contact = office.in_work("lena").await;
    office.assign(&contact, &office.sue);
    office.done(&contact, "Responded").await;
    office.pass(FOUND).await;
    assert_eq!(office.lines(&contact, "owner"), ["- to sam", "sam to ada", "ada to sue"]);
    assert_eq!(office.value(&contact, STATUS), "New");
}

/// The next request of this route takes a while, and somebody acts in the middle of it.
fn slow(office: &Office, route: &str, delay_ms: u64) {
    let rule = FaultRule { route: route.to_owned(), delay_ms, when: When::Before, ..FaultRule::default() };
    office.world.hubspot.add_fault(rule).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_person_who_changes_their_mind_while_the_contact_is_being_accepted_keeps_it() {
    for route in ["/v1/leads/batch", "/crm/objects/notes/batch/create", "/crm/objects/contacts/batch/update"] {
        let office = Office::open().await;
        let contact = office.contact("lena");
        office.pass(SECOND).await;
        slow(&office, route, 20_000);
        office.assign(&contact, &office.ada);
        office.pass(12 * SECOND).await;
        office.assign(&contact, &office.sue);
        office.pass(2 * MINUTE).await;
        assert_eq!(office.owner_of(&contact), "sue", "{route}");
        assert_eq!(office.leads(&contact), ["New ada stopped TakenBack"], "{route}");
        assert_eq!(office.lines(&contact, "owner"), ["- to sam", "sam to ada", "ada to sue"], "{route}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_person_who_acts_while_the_contact_goes_back_keeps_it() {
    let office = Office::open().await;
    let contact = office.in_work("lena").await;
    slow(&office, "/crm/objects/emails/batch/create", 10_000);
    office
        .say(&contact, json!({"type": "EmailReceived", "email": {"subject": "Re: Boat", "text": "No"}, "done": true}));
    office.pass(5 * SECOND).await;
    office.assign(&contact, &office.sue);
    office.pass(MINUTE).await;
    assert_eq!((office.owner_of(&contact).as_str(), office.notes(&contact).len()), ("sue", 1));
    assert_eq!(office.lines(&contact, "email"), ["INCOMING_EMAIL Re: Boat: No"]);
}

#[tokio::test(start_paused = true)]
async fn a_person_who_acts_while_the_contact_is_being_refused_keeps_it() {
    let office = Office::open().await;
    let contact = office.worked("lena").await;
    slow(&office, "/crm/objects/notes/batch/create", 20_000);
    office.assign(&contact, &office.ada);
    office.pass(12 * SECOND).await;
    office.assign(&contact, &office.sue);
    office.pass(MINUTE).await;
    assert_eq!((office.owner_of(&contact).as_str(), office.notes(&contact).len()), ("sue", 2));
}

#[tokio::test(start_paused = true)]
async fn given_to_an_assistant_on_hold_a_contact_waits_for_it() {
    let office = Office::open().await;
    let contact = office.in_work("lena").await;
    office.change_assistant("bob", &json!({"suspend": true}));
    office.pass(5 * SECOND).await;
    office.assign(&contact, &office.bob);
    office.pass(5 * MINUTE).await;
    assert_eq!(office.leads(&contact), ["New ada stopped TakenBack"]);
    assert_eq!(office.since(&contact, &TAKEN), ["owner: ada to bob"]);
    office.change_assistant("bob", &json!({"suspend": false}));
    office.pass(FOUND).await;
    assert_eq!(office.leads(&contact), ["New ada stopped TakenBack", "New bob"]);
    assert_eq!((office.notes(&contact).len(), office.owner_of(&contact).as_str()), (2, "bob"));
}

#[tokio::test(start_paused = true)]
async fn a_contact_taken_while_the_operator_is_away_ends_its_lead_when_it_is_back() {
    let mut office = Office::open().await;
    let (taken, kept) = (office.in_work("lena").await, office.in_work("otto").await);
    office.world.stop().await;
    office.assign(&taken, &office.sue);
    office.pass(2 * HOUR).await;
    office.world.start();
    office.pass(MINUTE).await;
    assert_eq!(office.leads(&taken), ["New ada stopped TakenBack"]);
    assert_eq!(office.leads(&kept), ["New ada"]);
    assert_eq!((office.timeline(&kept), office.owner_of(&taken).as_str()), (TAKEN.map(str::to_owned).to_vec(), "sue"));
}

#[tokio::test(start_paused = true)]
async fn a_contact_whose_hidden_field_somebody_emptied_goes_back_and_its_lead_ends_at_its_next_word() {
    let office = Office::open().await;
    let contact = office.in_work("lena").await;
    office.edit(std::slice::from_ref(&contact), "tec_assistant_state", "");
    office.say(&contact, json!({"type": "EmailSent", "email": {"subject": "Boat", "text": "Hi"}}));
    office.pass(FOUND).await;
    let mut seen = office.since(&contact, &TAKEN[..2]);
    seen.retain(|line| !TAKEN.contains(&line.as_str()));
    assert_eq!(seen, [REFUSED, "email: EMAIL Boat: Hi", "owner: ada to sam"]);
    assert_eq!(office.leads(&contact), ["New ada stopped TakenBack"]);
}
