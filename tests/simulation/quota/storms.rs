//! A minute of refusals, or a day, with set-up and leads under way.

use tec_crm::sim::hubspot::SimConfig;

use super::*;
use crate::simulation::leads::office::{Office, Start};

/// Of the portal's answers.
const LATENCY: Duration = Duration::from_millis(100);

/// Everything is under way when HubSpot begins to refuse: an assistant to invite, names and schedules to change, contacts
/// to take, a lead to move on.
async fn struck(route: &str, policy: &str) -> (Office, String, Vec<String>) {
    // An answer takes a moment: who asks after the first refusal has had time to hear of it.
    let portal = SimConfig { latency: LATENCY, ..Start::default().portal };
    let office = Office::open_with(Start { portal, ..Start::default() }).await;
    let lena = office.contact("lena");
    office.assign(&lena, &office.ada);
    office.tec().assistant(tec_crm::sim::tec::NewAssistant::new("eve@example.com".to_owned())).unwrap();
    office.world.request("crmconnections", "portal", "0");
    office.pass(MINUTE).await;
    let new: Vec<String> = (0..40).map(|number| office.contact(&format!("new{number}"))).collect();
    office.world.hubspot.reset_requests();
    office.world.hubspot.add_fault(refusing(route, policy)).unwrap();
    office.world.assistant("eve", &json!({"firstName": "Eve"}));
    office.world.assistant("bob", &json!({"firstName": "Robert", "lastName": "Assistant"}));
    office.world.schedules("schedules", &[("101", "Weekdays"), ("102", "Evenings"), ("103", "Always")], &json!({}));
    office.world.request("crmconnections", "portal", "1");
    office.edit(&new, "hubspot_owner_id", &office.ada);
    office.state(&lena, "Hot");
    (office, lena, new)
}

fn assert_right(office: &Office, lena: &str, new: &[String]) {
    office.world.assert_all_ready();
    assert_eq!(office.statuses(lena).1, "Hot");
    for contact in new {
        assert_eq!(office.leads(contact), ["New ada"], "{}", office.world.trace());
        assert_eq!((office.owner_of(contact).as_str(), office.notes(contact).len()), ("ada", 1));
        assert_eq!(office.statuses(contact), ("NEW".to_owned(), "New".to_owned()));
    }
    let users = office.world.hubspot.state()["users"].as_array().cloned().unwrap_or_default();
    let named = |email: &str| users.iter().filter(|user| user["email"] == email).cloned().collect::<Vec<_>>();
    assert_eq!(named("eve@example.com").len(), 1);
    assert_eq!(named("bob@example.com")[0]["firstName"], "Robert");
    assert_eq!(office.world.option_labels("tec_schedule"), ["Weekdays", "Evenings", "Always"]);
    let counts = office.world.hubspot.requests();
    let invited = |line: &&tec_crm::sim::hubspot::RouteCount| {
        (line.method.as_str(), line.route.as_str(), line.status) == ("POST", "/settings/users", Some(201))
    };
    assert_eq!(counts.by_route.iter().filter(invited).map(|line| line.count).sum::<u64>(), 1);
}

/// Requests after those that were on their way before the first refusal arrived, and how long after it the next came.
fn later(office: &Office) -> Vec<Duration> {
    let trace = office.world.hubspot.trace();
    let first = trace[0].at;
    let heard = first + LATENCY;
    let on_their_way = trace.iter().filter(|entry| entry.at < heard).count();
    assert!(on_their_way <= 4, "{on_their_way} at once");
    let after = |entry: &TraceEntry| Duration::try_from(entry.at.duration_since(first)).unwrap();
    trace[on_their_way..].iter().map(after).collect()
}

/// A minute of refusals: at most one request in each window, nothing written to Kubernetes, everything right afterwards.
async fn minute(policy: &str, window: Duration) {
    let (office, lena, new) = struck("*", policy).await;
    office.pass(5 * SECOND).await;
    let before = objects(&office.world);
    office.pass(55 * SECOND).await;
    let probes = later(&office);
    assert!(!probes.is_empty(), "it is found out when it is over");
    let mut before_it = Duration::ZERO;
    for at in probes {
        assert!(at >= before_it + window, "{}", office.world.trace());
        before_it = at;
    }
    for (now, before) in objects(&office.world).iter().zip(&before) {
        assert_eq!(now, before, "written to Kubernetes");
    }
    office.world.hubspot.clear_faults();
    office.pass(7 * MINUTE).await;
    assert_right(&office, &lena, &new);
}

#[tokio::test(start_paused = true)]
async fn a_minute_of_ten_secondly_refusals_costs_one_request_in_ten_seconds() {
    minute("TEN_SECONDLY_ROLLING", 10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn a_minute_of_secondly_refusals_costs_one_request_in_a_second() {
    minute("SECONDLY", SECOND).await;
}

/// As HubSpot does it: only searches are refused. Nothing else is sent for a second after each, and no two searches in one.
#[tokio::test(start_paused = true)]
async fn a_minute_of_refused_searches_holds_up_nothing_that_needs_none() {
    let search = "/crm/objects/contacts/search";
    let (office, lena, new) = struck(search, "SECONDLY").await;
    office.pass(MINUTE).await;
    assert!(most_in(&office.world, SECOND, is_search) <= 1, "{}", office.world.trace());
    for pair in office.world.hubspot.trace().windows(2).filter(|pair| pair[0].status == Some(429)) {
        let gap = pair[1].at.duration_since(pair[0].at);
        assert!(gap.is_zero() || gap.as_millis() >= 1000, "{pair:?}");
    }
    assert_eq!(office.statuses(&lena).1, "Hot", "what TEC says needs no search");
    let bob = office.world.ready("assistants", "bob");
    assert!(bob.starts_with("True/"), "{bob} {}", office.world.trace());
    office.world.hubspot.clear_faults();
    office.pass(7 * MINUTE).await;
    assert_right(&office, &lena, &new);
}

#[tokio::test(start_paused = true)]
async fn a_daily_refusal_is_the_last_request_until_the_portals_midnight() {
    let (office, lena, new) = struck("*", "DAILY").await;
    office.pass(MINUTE).await;
    assert_eq!(later(&office).len(), 0, "{}", office.world.trace());
    let exhausted = office.world.condition("crmconnections", "portal", "QuotaExhausted");
    assert!(exhausted.starts_with("True/QuotaExhausted") && exhausted.contains("2026-11-23T00:00:00Z"), "{exhausted}");
    let before = versions(&office.world);
    let midnight: jiff::Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
    let left = Duration::try_from(midnight.duration_since(office.world.clock.now())).unwrap();
    office.pass(left.checked_sub(SECOND).unwrap()).await;
    assert_eq!(later(&office).len(), 0, "{}", office.world.trace());
    assert_eq!(versions(&office.world), before, "written to Kubernetes");
    office.world.hubspot.clear_faults();
    office.pass(7 * MINUTE).await;
    assert_right(&office, &lena, &new);
    assert_eq!(office.world.condition("crmconnections", "portal", "QuotaExhausted"), "-");
}
