//! Small holes: one record that spoils everything, one answer that says too little, one moment in which somebody acts.

use std::time::Duration;

use serde_json::{Value, json};
use tec_crm::sim::hubspot::{FaultRule, MissingInBatch, SimConfig, Switches};

use super::{
    HOUR, MINUTE, SECOND,
    office::{Office, Start, hooks},
    ways::STATUS,
};

const READ: &str = "/crm/objects/contacts/batch/read";
const UPDATE: &str = "/crm/objects/contacts/batch/update";
const SEARCH: &str = "/crm/objects/contacts/search";

fn strike(office: &Office, rule: &Value) {
    let rule: FaultRule = serde_json::from_value(rule.clone()).unwrap();
    office.world.hubspot.add_fault(rule).unwrap();
}

fn processed(office: &Office, contact: &str) {
    office.say(contact, json!({"type": "StateChanged", "state": "Processed", "done": true}));
}

#[tokio::test(start_paused = true)]
async fn a_contact_that_cannot_be_read_after_it_went_back_holds_up_nobody() {
    let office = Office::open().await;
    let (lena, otto) = (office.in_work("lena").await, office.contact("otto"));
    // The visit reads it, the look after the hand-back does not.
    strike(&office, &json!({"route": READ, "afterN": 1, "times": 1, "status": 400}));
    processed(&office, &lena);
    office.pass(2 * SECOND).await;
    assert_eq!(office.owner_of(&lena), "sam");
    office.assign(&otto, &office.ada);
    office.pass(11 * SECOND).await;
    assert_eq!(office.leads(&otto), ["New ada"]);
    let flowing = office.world.condition("crmconnections", "portal", "LeadsFlowing");
    assert!(flowing.starts_with("True/"), "{flowing}");
}

#[tokio::test(start_paused = true)]
async fn a_timeline_that_cannot_be_read_holds_up_nobody_and_not_for_ever() {
    for route in ["/crm/associations/{from}/{to}/batch/read", "/crm/objects/notes/batch/read"] {
        let mut office = Office::open().await;
        let contacts = ["lena", "otto"].map(|name| office.contact(name));
        // The notes are made; who made them is forgotten before the contacts say so.
        strike(&office, &json!({"route": UPDATE, "status": 500, "times": 1000}));
        office.edit(&contacts, "hubspot_owner_id", &office.ada);
        office.pass(11 * SECOND).await;
        office.world.kill().await;
        office.world.hubspot.clear_faults();
        // All of it, then the first half: Lena's.
        strike(&office, &json!({"route": route, "status": 400, "times": 2}));
        office.world.start();
        while office.value(&contacts[1], STATUS).is_empty() {
            office.pass(SECOND / 100).await;
        }
        assert_eq!((office.value(&contacts[1], STATUS), office.notes(&contacts[1]).len()), ("New".to_owned(), 1));
        assert_eq!(office.value(&contacts[0], STATUS), "", "{route}: it waits alone");
        office.pass(MINUTE).await;
        assert_eq!((office.value(&contacts[0], STATUS), office.notes(&contacts[0]).len()), ("New".to_owned(), 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_lead_begun_and_taken_back_before_its_contact_says_so_is_stopped() {
    let office = Office::open().await;
    let (lena, gone) = (office.contact("lena"), office.contact("gone"));
    strike(&office, &json!({"route": "/crm/objects/notes/batch/create", "status": 500, "times": 1000}));
    office.edit(&[lena.clone(), gone.clone()], "hubspot_owner_id", &office.ada);
    office.pass(11 * SECOND).await;
    assert_eq!((office.leads(&lena), office.leads(&gone)), (vec!["New ada".to_owned()], vec!["New ada".to_owned()]));
    office.assign(&lena, &office.sue);
    office.world.hubspot.delete_contacts(std::slice::from_ref(&gone)).unwrap();
    office.world.hubspot.clear_faults();
    office.pass(10 * MINUTE).await;
    assert_eq!(
        (office.leads(&lena), office.owner_of(&lena).as_str()),
        (vec!["New ada stopped TakenBack".into()], "sue")
    );
    assert_eq!(office.leads(&gone), ["New ada stopped ContactGone"], "TEC said nothing of either");
    office.assign(&lena, &office.ada);
    office.pass(11 * SECOND).await;
    assert_eq!(office.leads(&lena), ["New ada stopped TakenBack", "New ada"]);
}

#[tokio::test(start_paused = true)]
async fn a_contact_that_waits_makes_no_look_any_longer() {
    let mut searches = Vec::new();
    for stuck in [false, true] {
        let office = Office::open().await;
        if stuck {
            let fault = json!({"route": "/v1/leads/batch", "status": 400, "times": 100_000});
            office.tec().add_fault(serde_json::from_value(fault).unwrap()).unwrap();
            office.assign(&office.contact("lena"), &office.ada);
            office.pass(MINUTE).await;
            assert_eq!(office.tec().leads().len(), 0);
        }
        // What was marked once and changes hands is what a thorough look finds.
        let worked: Vec<String> =
            (0..500).map(|n| office.contact_with(&format!("c{n}"), &[("tec_assistant_state", "old")])).collect();
        office.edit(&worked, "hubspot_owner_id", &office.sue);
        office.pass(HOUR).await;
        office.world.hubspot.reset_requests();
        office.pass(10 * MINUTE).await;
        searches.push(office.world.hubspot.requests().of("POST", SEARCH));
    }
    assert_eq!(searches[0], searches[1], "each minute, no more pages than without it");
}

#[tokio::test(start_paused = true)]
async fn a_choice_made_while_a_hand_back_waits_is_not_mistaken_for_one_written_over() {
    let office = Office::open().await;
    let lena = office.in_work("lena").await;
    let body = json!({"status": "error", "message": "You have reached your daily limit.", "errorType": "RATE_LIMIT", "policyName": "DAILY"});
    strike(&office, &json!({"route": UPDATE, "status": 429, "body": body, "times": 1}));
    processed(&office, &lena);
    office.pass(HOUR).await;
    assert_eq!(office.owner_of(&lena), "ada", "until midnight nothing is sent");
    office.assign(&lena, &office.sue);
    office.pass(HOUR).await;
    office.assign(&lena, &office.sam);
    office.pass(20 * HOUR).await;
    assert_eq!(office.owner_of(&lena), "sam", "{:?}", office.lines(&lena, "owner"));
    assert_eq!(office.lines(&lena, "owner").last().unwrap(), "sue to sam");
}

#[tokio::test(start_paused = true)]
async fn pages_of_events_too_large_or_spoilt_are_read_in_smaller_ones() {
    let office = Office::open().await;
    let lena = office.in_work("lena").await;
    let spoilt = json!({"route": "/v1/events", "status": 200, "body": "{\"cursor\":\"c\",\"events\":[", "times": 7});
    office.tec().add_fault(serde_json::from_value(spoilt).unwrap()).unwrap();
    // The question under way is answered first.
    office.pass(25 * SECOND).await;
    office.state(&lena, "Hot");
    office.pass(2 * SECOND).await;
    assert_eq!(office.value(&lena, STATUS), "Hot");
    let trace = office.tec().trace();
    let limit = |path: &str| path.split_once("limit=")?.1.split('&').next()?.parse::<u32>().ok();
    let limits: Vec<u32> = trace.iter().filter_map(|entry| limit(&entry.path)).collect();
    let smaller = [200, 100, 50, 25, 12, 6, 3, 1];
    assert!(limits.windows(smaller.len()).any(|some| some == smaller), "{limits:?}");
}

#[tokio::test(start_paused = true)]
async fn contacts_left_out_of_one_answer_are_not_gone() {
    let office = Office::open().await;
    let (lena, otto) = (office.in_work("lena").await, office.in_work("otto").await);
    let moment = "2026-11-22T10:00:00.000Z";
    let nothing = json!({"status": "COMPLETE", "startedAt": moment, "completedAt": moment, "results": []});
    strike(&office, &json!({"route": READ, "status": 200, "body": nothing, "times": 1}));
    office.state(&lena, "Hot");
    office.state(&otto, "Warm");
    office.pass(2 * MINUTE).await;
    assert_eq!((office.leads(&lena), office.leads(&otto)), (vec!["Hot ada".to_owned()], vec!["Warm ada".to_owned()]));
    assert_eq!((office.value(&lena, STATUS), office.value(&otto, STATUS)), ("Hot".to_owned(), "Warm".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn an_owner_chosen_in_the_moment_of_a_hand_back_stays_although_the_next_answer_leaves_the_contact_out() {
    let office = Office::open().await;
    let lena = office.in_work("lena").await;
    let moment = "2026-11-22T10:00:00.000Z";
    let nothing = json!({"status": "COMPLETE", "startedAt": moment, "completedAt": moment, "results": []});
    strike(&office, &json!({"route": READ, "afterN": 1, "status": 200, "body": nothing, "times": 1}));
    strike(&office, &json!({"route": UPDATE, "times": 1, "delayMs": 2000}));
    processed(&office, &lena);
    office.pass(SECOND).await;
    office.assign(&lena, &office.sue);
    office.pass(MINUTE).await;
    assert_eq!(office.owner_of(&lena), "sue", "{:?}", office.lines(&lena, "owner"));
}

/// Others use up the account's searches.
#[tokio::test(start_paused = true)]
async fn searches_that_are_refused_hold_up_nothing_that_webhooks_tell() {
    let office = Office::open_with(Start { webhooks: Some(hooks()), ..Start::default() }).await;
    let (taken, lena) = (office.in_work("taken").await, office.contact("lena"));
    office.pass(MINUTE).await;
    let body = json!({"status": "error", "message": "limit", "errorType": "RATE_LIMIT", "policyName": "SECONDLY"});
    strike(&office, &json!({"route": SEARCH, "status": 429, "body": body, "times": 1_000_000}));
    office.pass(10 * MINUTE).await;
    office.assign(&lena, &office.ada);
    office.assign(&taken, &office.sue);
    office.pass(5 * SECOND).await;
    assert_eq!((office.leads(&lena), office.value(&lena, STATUS)), (vec!["New ada".to_owned()], "New".to_owned()));
    assert_eq!(office.leads(&taken), ["New ada stopped TakenBack"]);
}

#[tokio::test(start_paused = true)]
async fn a_contact_restored_after_its_lead_ended_goes_back_with_a_note() {
    for missing_in_batch in [MissingInBatch::Named, MissingInBatch::Silent] {
        let switches = Switches { missing_in_batch, ..Switches::default() };
        let portal = SimConfig { switches, ..Start::default().portal };
        let office = Office::open_with(Start { portal, ..Start::default() }).await;
        let lena = office.in_work("lena").await;
        office.world.hubspot.delete_contacts(std::slice::from_ref(&lena)).unwrap();
        office.state(&lena, "Hot");
        office.pass(2 * MINUTE).await;
        assert_eq!(office.leads(&lena), ["Hot ada stopped ContactGone"]);
        office.world.hubspot.restore_contact(&lena).unwrap();
        office.pass(2 * HOUR).await;
        assert_eq!(office.owner_of(&lena), "sam", "nobody works on it, and Sam knows");
        assert_eq!(office.notes(&lena).len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn given_to_another_assistant_in_the_moment_of_a_hand_back_it_becomes_that_ones_lead() {
    let office = Office::open().await;
    let lena = office.in_work("lena").await;
    strike(&office, &json!({"route": UPDATE, "times": 1, "delayMs": 2000}));
    processed(&office, &lena);
    office.pass(SECOND).await;
    office.assign(&lena, &office.bob);
    office.pass(MINUTE).await;
    assert_eq!(office.owner_of(&lena), "bob", "{:?}", office.lines(&lena, "owner"));
    assert_eq!(office.leads(&lena), ["Processed ada done", "New bob"]);
    assert_eq!(office.value(&lena, STATUS), "New");
}

#[tokio::test(start_paused = true)]
async fn hundreds_of_newer_hand_backs_do_not_hide_an_assignment_from_the_next_look() {
    let office = Office::open().await;
    let leads: Vec<String> = (0..400).map(|n| office.contact(&format!("c{n}"))).collect();
    office.edit(&leads, "hubspot_owner_id", &office.ada);
    office.pass(3 * MINUTE).await;
    let lena = office.contact("lena");
    let looks = || office.world.hubspot.requests().of("POST", SEARCH);
    let before = looks();
    while looks() == before {
        office.pass(SECOND / 10).await;
    }
    office.assign(&lena, &office.ada);
    office.pass(SECOND).await;
    for contact in &leads {
        processed(&office, contact);
    }
    office.pass(10 * SECOND).await;
    assert!(leads.iter().all(|contact| office.owner_of(contact) == "sam"));
    assert_eq!(office.leads(&lena), ["New ada"]);
}

#[tokio::test(start_paused = true)]
async fn contacts_people_give_each_other_by_the_thousand_hold_up_no_assignment() {
    let portal = SimConfig { limit_per_10s: 100, auto_accept: true, ..SimConfig::default() };
    let office = Office::open_with(Start { portal, webhooks: Some(hooks()), ..Start::default() }).await;
    let many: Vec<String> = (0..12_000).map(|n| office.contact(&format!("c{n}"))).collect();
    let lena = office.contact("lena");
    let working = office.in_work("otto").await;
    office.pass(MINUTE).await;
    office.pass(5 * MINUTE).await;
    office.world.hubspot.reset_requests();
    office.edit(&many, "hubspot_owner_id", &office.sue);
    office.pass(Duration::from_millis(100)).await;
    office.assign(&lena, &office.ada);
    office.state(&working, "Hot");
    office.pass(10 * SECOND).await;
    assert_eq!((office.leads(&lena), office.value(&lena, STATUS)), (vec!["New ada".to_owned()], "New".to_owned()));
    assert_eq!(office.value(&working, STATUS), "Hot");
    let reads = office.world.hubspot.requests().of("POST", READ);
    assert!(reads <= 6, "{reads} reads: nobody looks at what concerns no assistant");
}
