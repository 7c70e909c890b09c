//! What leads cost in calls and in time (DESIGN 12), counted in the portal's own log and read from the contacts' own history.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};
use tec_crm::sim::hubspot::{NewMember, RouteCount, SimConfig, WebhookTarget};

use super::{
    MINUTE, SECOND,
    office::{Office, Start, hooks},
};

/// A figure for whoever asks with `--nocapture`.
macro_rules! tell {
    ($($text:tt)*) => {{
        #[allow(clippy::print_stdout, reason = "figures of a test")]
        {
            println!($($text)*);
        }
    }};
}

/// `pollInterval` of a connection that says nothing of it.
const POLL_INTERVAL: Duration = Duration::from_secs(10);
/// What HubSpot gives a private app of a paid portal.
const LIMIT: u32 = 190;

fn begin(webhooks: bool, latency: Duration) -> Start {
    let portal = SimConfig { limit_per_10s: LIMIT, auto_accept: true, latency, ..SimConfig::default() };
    Start { portal, webhooks: webhooks.then(hooks), ..Start::default() }
}

fn many(office: &Office, count: usize, owner: &str) -> Vec<String> {
    let email = format!("{count}@customer.example.com");
    let values = [("email", email.as_str()), ("firstname", "Lena {n}"), ("hubspot_owner_id", owner)];
    let values = values.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    office.world.hubspot.create_contacts(count, &values).unwrap()
}

fn calls(office: &Office) -> u64 {
    office.world.hubspot.requests().total
}

/// Calls by route, for whoever wonders.
fn by_route(office: &Office) -> String {
    let lines = office.world.hubspot.requests().by_route;
    let line = |line: &RouteCount| format!("{} {} {:?}: {}", line.method, line.route, line.status, line.count);
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Waits until it is so; how long that took.
async fn until(office: &Office, what: &str, longest: Duration, so: impl Fn(&Office) -> bool) -> Duration {
    let step = Duration::from_millis(100);
    let mut waited = Duration::ZERO;
    while !so(office) {
        assert!(waited < longest, "{what}: not within {longest:?}\n{}", by_route(office));
        office.pass(step).await;
        waited += step;
    }
    waited
}

async fn a_thousand_at_once(webhooks: Option<WebhookTarget>) {
    let how =
        webhooks.as_ref().map_or("searches", |hooks| if hooks.reorder > 0.0 { "bad webhooks" } else { "webhooks" });
    let portal = SimConfig { auto_accept: true, ..SimConfig::default() };
    let office = Office::open_with(Start { portal, webhooks, ..Start::default() }).await;
    let contacts = many(&office, 1_000, &office.sam);
    office.pass(2 * MINUTE).await;
    office.world.hubspot.reset_requests();
    office.edit(&contacts, "hubspot_owner_id", &office.ada);
    let accepted = |office: &Office| {
        office.tec().leads().len() == contacts.len()
            && contacts.iter().all(|contact| office.statuses(contact) == ("NEW".to_owned(), "New".to_owned()))
    };
    let took = until(&office, "accepted", MINUTE, accepted).await;
    let (until_accepted, refused) = (calls(&office), office.world.hubspot.requests().with_status(429));
    tell!("1,000 contacts, {how}: {until_accepted} calls, {took:?}, {refused} times 429");
    assert!(until_accepted <= 70, "{until_accepted} calls\n{}", by_route(&office));
    assert!(refused <= 1, "{refused} times 429");
    office.world.hubspot.reset_requests();
    office.pass(MINUTE).await;
    tell!("1,000 contacts, {how}: {} calls in the minute after", calls(&office));
    assert!(calls(&office) <= 30, "the minute after: {} calls\n{}", calls(&office), by_route(&office));
    assert_eq!(office.tec().leads().len(), 1_000);
    for contact in &contacts {
        assert_eq!(office.leads(contact), ["New ada"]);
        assert_eq!(office.notes(contact).len(), 1);
        assert_eq!(office.lines(contact, "status"), ["hs_lead_status New", "Lead Connection Status New"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_contacts_assigned_at_once_take_seventy_calls() {
    a_thousand_at_once(None).await;
}

#[tokio::test(start_paused = true)]
async fn a_thousand_contacts_assigned_at_once_take_seventy_calls_with_webhooks_too() {
    a_thousand_at_once(Some(hooks())).await;
}

#[tokio::test(start_paused = true)]
async fn a_thousand_contacts_assigned_at_once_take_seventy_calls_although_webhooks_come_late_twice_and_mixed_up() {
    let delay = (Duration::ZERO, 2 * SECOND);
    a_thousand_at_once(Some(WebhookTarget { duplicate_rate: 0.3, reorder: 0.5, delay, ..hooks() })).await;
}

/// 500 contacts of five salespeople that were leads once; by accident somebody gives them all to Ada again.
async fn five_hundred_by_accident(webhooks: bool, restarted: bool) {
    let mut office = Office::open_with(begin(webhooks, Duration::ZERO)).await;
    let owners = [
        office.sam.clone(),
        office.sue.clone(),
        seller(&office, "tom"),
        seller(&office, "tim"),
        seller(&office, "tea"),
    ];
    // New people are known to the operator when it has read the portal again.
    office.pass(6 * MINUTE).await;
    let contacts = many(&office, 500, &office.sam);
    for (place, contact) in contacts.iter().enumerate() {
        office.assign(contact, &owners[place % owners.len()]);
    }
    office.pass(SECOND).await;
    office.edit(&contacts, "hubspot_owner_id", &office.ada);
    office.pass(MINUTE).await;
    for contact in &contacts {
        office.say(contact, json!({"type": "StateChanged", "state": "Processed", "done": true}));
    }
    office.pass(2 * MINUTE).await;
    let owner = |contact: &String| office.value(contact, "hubspot_owner_id");
    let theirs = |office: &Office| {
        contacts
            .iter()
            .enumerate()
            .all(|(place, contact)| office.value(contact, "hubspot_owner_id") == owners[place % owners.len()])
    };
    assert!(theirs(&office), "{:?}", contacts.iter().map(owner).collect::<BTreeSet<_>>());
    if restarted {
        office.world.kill().await;
    }
    office.world.hubspot.reset_requests();
    office.edit(&contacts, "hubspot_owner_id", &office.ada);
    if restarted {
        office.world.start();
    }
    let refused = |office: &Office| theirs(office) && contacts.iter().all(|contact| office.notes(contact).len() == 2);
    let took = until(&office, "refused", MINUTE, refused).await;
    tell!("500 by accident, webhooks {webhooks}, restarted {restarted}: {} calls, {took:?}", calls(&office));
    assert!(calls(&office) <= 60, "{} calls\n{}", calls(&office), by_route(&office));
    office.world.hubspot.reset_requests();
    office.pass(2 * MINUTE).await;
    tell!(
        "500 by accident, webhooks {webhooks}, restarted {restarted}: {} calls in the two minutes after",
        calls(&office)
    );
    assert!(refused(&office));
    assert_eq!(office.tec().leads().len(), 500, "none became a lead again");
}

/// One more salesperson; the owner id.
fn seller(office: &Office, name: &str) -> String {
    let email = format!("{name}@example.com");
    office.world.hubspot.add_user(NewMember { email: email.clone(), accepted: true, ..NewMember::default() }).unwrap();
    let state = office.world.hubspot.state();
    let owners = state["owners"].as_array().cloned().unwrap_or_default();
    let found = owners.iter().find(|owner| owner["email"] == email.as_str()).and_then(|owner| owner["id"].as_str());
    found.unwrap_or_else(|| panic!("{name} has no owner")).to_owned()
}

#[tokio::test(start_paused = true)]
async fn five_hundred_processed_contacts_assigned_by_accident_go_back_in_sixty_calls() {
    five_hundred_by_accident(false, false).await;
}

#[tokio::test(start_paused = true)]
async fn five_hundred_processed_contacts_go_back_in_sixty_calls_with_webhooks_too() {
    five_hundred_by_accident(true, false).await;
}

#[tokio::test(start_paused = true)]
async fn five_hundred_processed_contacts_go_back_in_sixty_calls_although_the_operator_has_yet_to_start() {
    five_hundred_by_accident(false, true).await;
}

/// When a property got its newest value.
fn changed(office: &Office, contact: &str, property: &str) -> Timestamp {
    let history = office.world.hubspot.contact_history(contact, property).unwrap();
    let newest = history.first().and_then(|version: &Value| version["timestamp"].as_str());
    newest.and_then(|at| at.parse().ok()).unwrap_or_else(|| panic!("{contact} has no {property}"))
}

/// From the owner's change to the statuses on the contact; the note comes before them.
fn latency(office: &Office, contact: &str) -> Duration {
    let (assigned, shown) =
        (changed(office, contact, "hubspot_owner_id"), changed(office, contact, "tec_lead_connection_status"));
    assert_eq!(office.notes(contact).len(), 1, "{contact}");
    Duration::try_from(shown.duration_since(assigned)).unwrap()
}

/// 150 assignments, one every 0.7 seconds or so, while TEC has news of 200 leads every second; each call takes 20 ms.
async fn latencies(webhooks: bool) -> Vec<Duration> {
    let office = Office::open_with(begin(webhooks, Duration::from_millis(20))).await;
    office.tec().configure(|config| config.latency = Duration::from_millis(20));
    let leads = many(&office, 200, &office.ada);
    let new = many(&office, 150, &office.sam);
    office.pass(2 * MINUTE).await;
    let mut rng = fastrand::Rng::with_seed(7);
    let start = office.world.clock.now();
    let (mut told, mut assigned) = (0, 0);
    while assigned < new.len() {
        let passed = Duration::try_from(office.world.clock.now().duration_since(start)).unwrap();
        if passed >= told * SECOND {
            told += 1;
            for (place, contact) in leads.iter().enumerate() {
                office.state(contact, ["Cold", "Warm", "Hot"][(place + told as usize) % 3]);
            }
        }
        office.assign(&new[assigned], &office.ada);
        assigned += 1;
        let next = Duration::from_millis(rng.u64(400..1_000)).min((told * SECOND).saturating_sub(passed));
        office.pass(next.max(Duration::from_millis(1))).await;
    }
    office.pass(MINUTE).await;
    for contact in &leads {
        let connection = office.statuses(contact).1;
        assert!(["Cold", "Warm", "Hot"].contains(&connection.as_str()), "{connection}");
    }
    let mut all: Vec<Duration> = new.iter().map(|contact| latency(&office, contact)).collect();
    all.sort();
    let at = |share: usize| all[(all.len() - 1) * share / 100];
    tell!("webhooks {webhooks}: half {:?}, 99 of 100 {:?}, longest {:?}; {told} seconds", at(50), at(99), at(100));
    all
}

#[tokio::test(start_paused = true)]
async fn with_webhooks_an_assignment_is_accepted_within_a_second_whatever_else_goes_on() {
    let longest = latencies(true).await.pop().unwrap();
    assert!(longest < SECOND, "{longest:?}");
}

#[tokio::test(start_paused = true)]
async fn without_webhooks_an_assignment_is_accepted_a_second_after_the_next_look_whatever_else_goes_on() {
    let longest = latencies(false).await.pop().unwrap();
    assert!(longest < POLL_INTERVAL + SECOND, "{longest:?}");
}

#[tokio::test(start_paused = true)]
async fn an_hour_in_which_nothing_happens_costs_few_calls() {
    for webhooks in [false, true] {
        let office = Office::open_with(begin(webhooks, Duration::ZERO)).await;
        let contacts = many(&office, 1_000, &office.ada);
        office.pass(30 * MINUTE).await;
        assert_eq!(office.tec().leads().len(), contacts.len());
        office.world.hubspot.reset_requests();
        office.tec().reset_requests();
        office.pass(60 * MINUTE).await;
        tell!("idle hour, webhooks {webhooks}: {} calls", calls(&office));
        assert!(calls(&office) <= 450, "{} calls\n{}", calls(&office), by_route(&office));
        assert_eq!(office.world.hubspot.requests().writes(), 0);
        let events = office.tec().requests().of("GET", "/v1/events");
        assert!(events <= 185, "{events} long polls");
    }
}
