//! Long trouble: TEC or HubSpot away for an hour or a day. Little is asked meanwhile, and nothing is lost.

use std::time::Duration;

use serde_json::{Value, json};
use tec_crm::sim::{
    hubspot::{DEFAULT_TOKEN, FaultRule, SimConfig, TokenConfig},
    tec,
};

use super::{
    HOUR, MINUTE, SECOND,
    office::{Office, Start},
};

fn strike(office: &Office, rule: &Value) {
    let rule: FaultRule = serde_json::from_value(rule.clone()).unwrap();
    office.world.hubspot.add_fault(rule).unwrap();
}

fn contacts(office: &Office, name: &str, count: usize) -> Vec<String> {
    let contacts = (0..count).map(|number| office.contact(&format!("{name}{number}"))).collect();
    office.world.hubspot.reset_requests();
    office.tec().reset_requests();
    contacts
}

fn assign(office: &Office, contacts: &[String]) {
    office.edit(contacts, "hubspot_owner_id", &office.ada);
}

fn calls(office: &Office) -> u64 {
    office.world.hubspot.requests().total
}

/// Everybody is accepted, once.
fn assert_accepted(office: &Office, contacts: &[String]) {
    for contact in contacts {
        assert_eq!(office.leads(contact), ["New ada"], "{}", office.world.trace());
        assert_eq!((office.owner_of(contact).as_str(), office.notes(contact).len()), ("ada", 1));
        assert_eq!(office.statuses(contact), ("NEW".to_owned(), "New".to_owned()));
    }
}

/// A contact in work, and a hundred that are not.
async fn at_work() -> (Office, String, Vec<String>) {
    let office = Office::open().await;
    let lena = office.contact("lena");
    office.assign(&lena, &office.ada);
    office.pass(MINUTE).await;
    let new = contacts(&office, "new", 100);
    (office, lena, new)
}

#[tokio::test(start_paused = true)]
async fn an_hour_without_tec_costs_few_calls_and_loses_nothing() {
    let (office, lena, new) = at_work().await;
    let gone = office.contact("gone");
    office.assign(&gone, &office.ada);
    office.pass(MINUTE).await;
    strike(&office, &json!({"route": "/v1/", "drop": true, "times": 100_000}));
    office.world.hubspot.reset_requests();
    office.tec().reset_requests();
    assign(&office, &new);
    office.assign(&gone, &office.sue);
    office.pass(HOUR).await;
    let (hubspot, tec) = (calls(&office), office.tec().requests().total);
    assert!(hubspot <= 500, "{hubspot} calls to HubSpot\n{}", office.world.trace());
    // Each failed question is asked three times; the lists are somebody else's.
    assert!(tec <= 400, "{tec} calls to TEC");
    assert_eq!(office.tec().leads().len(), 2);
    let flowing = office.world.condition("crmconnections", "portal", "LeadsFlowing");
    assert!(flowing.contains("TecUnreachable"), "{flowing}");
    office.world.hubspot.clear_faults();
    office.state(&lena, "Hot");
    office.pass(6 * MINUTE).await;
    assert_accepted(&office, &new);
    assert_eq!(office.leads(&gone), ["New ada stopped TakenBack"]);
    assert_eq!(office.statuses(&lena), ("CONNECTED".to_owned(), "Hot".to_owned()));
    let flowing = office.world.condition("crmconnections", "portal", "LeadsFlowing");
    assert!(flowing.starts_with("True/"), "{flowing}");
}

#[tokio::test(start_paused = true)]
async fn while_tec_takes_no_leads_the_others_go_on() {
    let (office, lena, new) = at_work().await;
    strike(&office, &json!({"route": "/v1/leads/batch", "status": 503, "times": 100_000}));
    assign(&office, &new);
    for (minutes, state) in [(10, "Cold"), (10, "Warm"), (10, "Hot")] {
        office.pass(minutes * MINUTE).await;
        office.state(&lena, state);
        office.pass(SECOND).await;
        assert_eq!(office.statuses(&lena).1, state);
    }
    office.pass(30 * MINUTE).await;
    assert!(calls(&office) <= 500, "{} calls to HubSpot", calls(&office));
    let asked = office.tec().requests().of("POST", "/v1/leads/batch");
    assert!((10..=100).contains(&asked), "{asked} times");
    office.world.hubspot.clear_faults();
    office.pass(6 * MINUTE).await;
    assert_accepted(&office, &new);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_token_for_tec_is_tried_once_a_minute_at_most() {
    let (office, lena, new) = at_work().await;
    office.tec().configure(|config| "another".clone_into(&mut config.token));
    assign(&office, &new);
    office.tec().reset_requests();
    office.pass(HOUR).await;
    let tried = office.tec().requests().total;
    assert!((5..=60).contains(&tried), "{tried} calls with a wrong token: {:?}", office.tec().requests());
    assert!(calls(&office) <= 470, "{} calls to HubSpot", calls(&office));
    office.state(&lena, "Hot");
    office.world.secret("tec", "another");
    office.pass(20 * SECOND).await;
    assert_accepted(&office, &new);
    assert_eq!(office.statuses(&lena).1, "Hot");
    office.tec().configure(|config| tec::DEFAULT_TOKEN.clone_into(&mut config.token));
}

#[tokio::test(start_paused = true)]
async fn a_token_of_the_portal_that_was_revoked_is_replaced_and_leads_go_on() {
    let (office, lena, new) = at_work().await;
    office.world.hubspot.revoke_token(DEFAULT_TOKEN).unwrap();
    office.world.hubspot.reset_requests();
    assign(&office, &new);
    office.state(&lena, "Hot");
    office.pass(HOUR).await;
    assert!(calls(&office) <= 40, "{} calls with a dead token\n{}", calls(&office), office.world.trace());
    assert_eq!(office.tec().leads().len(), 1);
    office.world.hubspot.set_token(&TokenConfig::with_all_scopes("pat-na1-new"));
    office.world.secret("hubspot", "pat-na1-new");
    office.pass(20 * SECOND).await;
    assert_accepted(&office, &new);
    assert_eq!(office.statuses(&lena).1, "Hot");
}

/// A day whose calls are used up; the portal's clock is a minute ahead of ours.
async fn used_up(office: Office) {
    let lena = office.contact("lena");
    office.assign(&lena, &office.ada);
    office.pass(HOUR).await;
    let exhausted = office.world.condition("crmconnections", "portal", "QuotaExhausted");
    assert!(exhausted.starts_with("True/"), "{exhausted}");
    let refused = office.world.hubspot.requests().with_status(429);
    assert!(refused <= 1, "{refused} refusals");
    let new = contacts(&office, "new", 100);
    assign(&office, &new);
    office.state(&lena, "Hot");
    let midnight = "2026-11-23T00:00:00Z".parse::<jiff::Timestamp>().unwrap();
    let left = Duration::try_from(midnight.duration_since(office.world.clock.now())).unwrap();
    office.pass(left.checked_sub(SECOND).unwrap()).await;
    assert_eq!(calls(&office), 0, "{}", office.world.trace());
    office.pass(MINUTE).await;
    assert_accepted(&office, &new);
    assert_eq!(office.statuses(&lena).1, "Hot");
    assert_eq!(office.world.hubspot.requests().with_status(429), 0);
}

#[tokio::test(start_paused = true)]
async fn a_portal_whose_calls_run_low_is_left_alone_until_midnight() {
    let portal = SimConfig { daily_limit: 300, limit_per_10s: 1000, auto_accept: true, ..SimConfig::default() };
    used_up(Office::open_with(Start { portal, ..Start::default() }).await).await;
}

#[tokio::test(start_paused = true)]
async fn a_portal_whose_calls_are_used_up_by_others_is_left_alone_until_midnight() {
    let office = Office::open().await;
    let body = json!({"status": "error", "message": "You have reached your daily limit.", "errorType": "RATE_LIMIT", "policyName": "DAILY"});
    let search = "/crm/objects/contacts/search";
    strike(&office, &json!({"route": search, "afterN": 20, "status": 429, "body": body}));
    used_up(office).await;
}

/// HubSpot refuses something of one contact: the others of its batch go on, and so does it in the end.
async fn one_is_refused(office: Office) {
    let new = contacts(&office, "new", 50);
    assign(&office, &new);
    office.pass(15 * SECOND).await;
    // Recipients whose names are together longer than a field of HubSpot's may be.
    let copy = json!({"email": "colleague@customer.example.com", "firstName": "a".repeat(70_000)});
    let mail = json!({"type": "EmailSent", "email": {"subject": "To all", "text": "Hello", "cc": [copy]}});
    office.say(&new[7], mail);
    for contact in &new {
        office.say(contact, json!({"type": "EmailSent", "email": {"subject": "Hello", "text": "Hello"}}));
        office.state(contact, "Hot");
    }
    office.pass(SECOND).await;
    let hello = ["EMAIL Hello: Hello".to_owned()];
    for contact in new.iter().filter(|contact| **contact != new[7]) {
        assert_eq!((office.lines(contact, "email"), office.statuses(contact).1), (hello.to_vec(), "Hot".to_owned()));
    }
    office.pass(5 * MINUTE).await;
    assert_eq!((office.lines(&new[7], "email"), office.statuses(&new[7]).1), (hello.to_vec(), "Hot".to_owned()));
    let flowing = office.world.condition("crmconnections", "portal", "LeadsFlowing");
    assert!(flowing.starts_with("True/"), "{flowing}");
}

#[tokio::test(start_paused = true)]
async fn an_e_mail_that_hubspot_refuses_holds_up_nobody() {
    one_is_refused(Office::open().await).await;
}

#[tokio::test(start_paused = true)]
async fn an_e_mail_that_hubspot_refuses_holds_up_nobody_although_it_refuses_all_of_a_batch() {
    let office = Office::open().await;
    office.world.hubspot.set_switches(|switches| {
        switches.partial_writes = tec_crm::sim::hubspot::PartialWrites::Never;
    });
    one_is_refused(office).await;
}

#[tokio::test(start_paused = true)]
async fn a_lead_status_somebody_removes_holds_up_nobody() {
    let office = Office::open().await;
    let new = contacts(&office, "new", 20);
    assign(&office, &new);
    office.pass(15 * SECOND).await;
    let kept: Vec<Value> = office.world.property("hs_lead_status").unwrap()["options"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|option| option["value"] != "IN_PROGRESS")
        .cloned()
        .collect();
    office.world.hubspot.edit_property("hs_lead_status", json!({"options": kept})).unwrap();
    for (place, contact) in new.iter().enumerate() {
        office.state(contact, if place % 2 == 0 { "Cold" } else { "Hot" });
    }
    office.pass(SECOND).await;
    for contact in new.iter().skip(1).step_by(2) {
        assert_eq!(office.statuses(contact), ("CONNECTED".to_owned(), "Hot".to_owned()));
    }
    office.pass(10 * MINUTE).await;
    for contact in new.iter().step_by(2) {
        assert_eq!(office.statuses(contact).1, "Cold");
    }
}

#[tokio::test(start_paused = true)]
async fn an_operator_that_ends_while_hubspot_is_away_has_its_events_told_again() {
    for killed in [false, true] {
        let (mut office, lena, new) = at_work().await;
        assign(&office, &new);
        office.pass(MINUTE).await;
        strike(&office, &json!({"route": "/crm/", "status": 503, "times": 100_000}));
        for (round, contact) in new.iter().take(5).enumerate() {
            office.say(&lena, json!({"type": "EmailSent", "email": {"subject": format!("Mail {round}"), "text": "."}}));
            office.state(contact, "Hot");
            office.pass(2 * MINUTE).await;
        }
        if killed {
            office.world.kill().await;
        } else {
            office.world.stop().await;
        }
        office.world.hubspot.clear_faults();
        office.world.start();
        office.pass(2 * MINUTE).await;
        let mails: Vec<String> = (0..5).map(|round| format!("EMAIL Mail {round}: .")).collect();
        assert_eq!(office.lines(&lena, "email"), mails, "killed {killed}");
        assert!(new[..5].iter().all(|contact| office.statuses(contact).1 == "Hot"), "killed {killed}");
    }
}
