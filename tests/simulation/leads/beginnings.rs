//! R1 to R4: how an assignment is found, and what TEC gets of it.

use serde_json::{Value, json};
use tec_crm::sim::{hubspot::SimConfig, tec::NewAssistant};

use super::{
    super::world::NAMESPACE,
    HOUR, MINUTE, SECOND,
    office::{Office, Start},
    ways::{FOUND, TAKEN},
};

/// An office whose portal finds changes only after a while.
async fn with_lag(lag: std::time::Duration) -> Office {
    let start = Start::default();
    let portal = SimConfig { search_lag: lag, ..start.portal };
    Office::open_with(Start { portal, ..start }).await
}

async fn assign_some(office: &Office, count: usize) -> Vec<String> {
    let contacts: Vec<String> = (0..count).map(|number| office.contact(&format!("lead{number}"))).collect();
    office.pass(SECOND).await;
    office.edit(&contacts, "hubspot_owner_id", &office.ada);
    contacts
}

fn assert_taken_once(office: &Office, contacts: &[String]) {
    for contact in contacts {
        assert_eq!(office.timeline(contact), TAKEN);
        assert_eq!(office.leads(contact), ["New ada"]);
    }
}

#[tokio::test(start_paused = true)]
async fn r1_an_assignment_is_found_within_the_poll_interval_whenever_it_comes() {
    let office =
        Office::open_with(Start { connection: json!({"leads": {"pollInterval": "30s"}}), ..Start::default() }).await;
    for number in 0..7 {
        let contact = office.contact(&format!("lead{number}"));
        office.pass(4 * SECOND).await;
        office.assign(&contact, &office.ada);
        office.pass(31 * SECOND).await;
        assert_taken_once(&office, &[contact]);
    }
}

#[tokio::test(start_paused = true)]
async fn r1_an_index_that_lags_by_less_than_two_minutes_costs_no_more_than_its_lag() {
    let office = with_lag(110 * SECOND).await;
    let contacts = assign_some(&office, 20).await;
    office.pass(110 * SECOND + FOUND).await;
    assert_taken_once(&office, &contacts);
    office.pass(5 * MINUTE).await;
    assert_taken_once(&office, &contacts);
}

#[tokio::test(start_paused = true)]
async fn r1_an_index_that_lags_by_less_than_ten_minutes_is_caught_up_with_in_a_minute() {
    let office = with_lag(9 * MINUTE).await;
    let contacts = assign_some(&office, 20).await;
    office.pass(9 * MINUTE + MINUTE + FOUND).await;
    assert_taken_once(&office, &contacts);
    office.pass(20 * MINUTE).await;
    assert_taken_once(&office, &contacts);
}

#[tokio::test(start_paused = true)]
async fn r1_what_every_window_missed_is_found_by_the_hourly_sweep() {
    let office = with_lag(HOUR).await;
    let contacts = assign_some(&office, 12).await;
    office.pass(2 * HOUR + 10 * MINUTE).await;
    assert_taken_once(&office, &contacts);
    office.pass(3 * HOUR).await;
    assert_taken_once(&office, &contacts);
}

#[tokio::test(start_paused = true)]
async fn r1_what_was_assigned_while_nobody_ran_is_found_after_the_start() {
    let mut office = Office::open().await;
    let contacts = assign_some(&office, 3).await;
    office.world.kill().await;
    let more: Vec<String> = (0..3).map(|number| office.contact(&format!("late{number}"))).collect();
    office.pass(SECOND).await;
    office.edit(&more, "hubspot_owner_id", &office.ada);
    office.pass(3 * HOUR).await;
    office.world.start();
    office.pass(MINUTE).await;
    assert_taken_once(&office, &[contacts, more].concat());
}

#[tokio::test(start_paused = true)]
async fn r2_a_contact_created_for_the_assistant_is_accepted() {
    let office = Office::open().await;
    let contact = office.contact_with("lena", &[("hubspot_owner_id", &office.ada)]);
    office.pass(FOUND).await;
    assert_eq!(office.leads(&contact), ["New ada"]);
    let mut expected = vec!["owner: - to ada"];
    expected.extend(&TAKEN[2..]);
    assert_eq!(office.timeline(&contact), expected);
}

#[tokio::test(start_paused = true)]
async fn r2_the_note_is_the_assistants_at_the_time_of_the_assignment() {
    let office = Office::open().await;
    let contact = office.in_work("lena").await;
    let notes = office.world.hubspot.notes_of(&contact).unwrap();
    let owners = office.world.hubspot.contact_history(&contact, "hubspot_owner_id").unwrap();
    assert_eq!(notes.len(), 1);
    assert_eq!(notes[0]["properties"]["hs_timestamp"], owners[0]["timestamp"]);
    assert_eq!(notes[0]["properties"]["hubspot_owner_id"], json!(office.ada));
}

/// The one lead of a contact, as TEC knows it.
fn lead(office: &Office, contact: &str) -> Value {
    let leads: Vec<Value> = office.tec().leads().into_iter().filter(|lead| lead["crmId"] == *contact).collect();
    assert_eq!(leads.len(), 1, "{leads:?}");
    leads[0].clone()
}

#[tokio::test(start_paused = true)]
async fn r2_tec_gets_who_the_contact_is_and_one_key_per_assignment() {
    let office = Office::open().await;
    let more = [("lastname", "Berg"), ("company", "Berg & Sons"), ("phone", "+49 1")];
    let contact = office.contact_with("lena", &more);
    office.pass(SECOND).await;
    office.take_over(&contact).await;
    let lead = lead(&office, &contact);
    let assigned: jiff::Timestamp = office.value(&contact, "hubspot_owner_assigneddate").parse().unwrap();
    assert_eq!(lead["idempotencyKey"], format!("999001:{contact}:{}", assigned.as_millisecond()));
    assert_eq!((&lead["requests"], &lead["assistantEmail"]), (&json!(1), &json!("ada@example.com")));
    assert_eq!(
        lead["contact"],
        json!({
            "crmId": contact, "email": "lena@customer.example.com", "firstName": "lena", "lastName": "Berg",
            "company": "Berg & Sons", "phone": "+49 1",
        })
    );
}

#[tokio::test(start_paused = true)]
async fn r3_r4_the_contacts_own_values_come_first_then_the_assistants_then_tecs() {
    let office = Office::open().await;
    let tecs = NewAssistant {
        default_context: Some("TEC's words".to_owned()),
        default_schedule: Some("102".to_owned()),
        ..NewAssistant::new("bob@example.com")
    };
    office.tec().assistant(tecs).unwrap();
    let both: &[_] = &[("tec_context", "Own words"), ("tec_schedule", "102")];
    let cases = [
        ("both", &office.ada, both, json!(["Own words", "102"])),
        ("context", &office.ada, &both[..1], json!(["Own words", "101"])),
        ("schedule", &office.ada, &both[1..], json!(["Our product is a boat.", "102"])),
        ("neither", &office.ada, &[], json!(["Our product is a boat.", "101"])),
        ("own", &office.bob, both, json!(["Own words", "102"])),
        // Nothing is said, so TEC takes its own.
        ("tecs", &office.bob, &[], json!([null, null])),
    ];
    for (name, assistant, values, expected) in cases {
        let contact = office.contact_with(name, values);
        office.pass(SECOND).await;
        office.assign(&contact, assistant);
        office.pass(FOUND).await;
        let lead = lead(&office, &contact);
        assert_eq!(json!([lead["context"], lead["schedule"]]), expected, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn r4_a_default_context_may_come_from_a_config_map_and_follows_it() {
    let office = Office::open().await;
    let config_map = |text: &str| {
        let metadata = json!({"name": "texts", "namespace": NAMESPACE});
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"bob": text}})
    };
    office.world.kube.apply(config_map("A boat.")).unwrap();
    let from = json!({"contextFrom": {"configMapKeyRef": {"name": "texts", "key": "bob"}}});
    office.change_assistant("bob", &json!({"defaults": from}));
    office.pass(5 * SECOND).await;
    for text in ["A boat.", "A yacht."] {
        office.world.kube.apply(config_map(text)).unwrap();
        office.pass(5 * SECOND).await;
        let contact = office.contact(&text.replace([' ', '.'], ""));
        office.pass(SECOND).await;
        office.assign(&contact, &office.bob);
        office.pass(FOUND).await;
        assert_eq!(lead(&office, &contact)["context"], text);
    }
}

#[tokio::test(start_paused = true)]
async fn r3_a_schedule_tec_does_not_know_keeps_nobody_waiting() {
    let office = Office::open().await;
    office.world.schedules("schedules", &[("101", "Weekdays"), ("999", "Full moon")], &json!({}));
    office.pass(5 * SECOND).await;
    let contact = office.contact_with("lena", &[("tec_schedule", "999")]);
    let other = office.contact_with("otto", &[("tec_schedule", "101")]);
    office.pass(SECOND).await;
    office.edit(&[contact.clone(), other.clone()], "hubspot_owner_id", &office.ada);
    office.pass(FOUND).await;
    assert_eq!(lead(&office, &contact)["schedule"], "101", "the assistant's own is next");
    assert_eq!(lead(&office, &other)["schedule"], "101");
    for contact in [contact, other] {
        assert_eq!(office.leads(&contact), ["New ada"]);
        assert_eq!((office.notes(&contact).len(), office.statuses(&contact).1.as_str()), (1, "New"));
    }
}
