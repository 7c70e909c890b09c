//! Trouble on every way an assignment or an event takes: in the evening everything is as on a calm day.

use std::time::Duration;

use serde_json::{Value, json};
use tec_crm::sim::{
    hubspot::{FaultRule, Forgery, NoAssociations, PartialWrites, SearchTies, SimConfig, WebhookTarget},
    tec::TecConfig,
};

use super::{
    MINUTE, SECOND,
    day::Day,
    office::{Start, hooks},
};

/// Longer than two looks, and than the pauses after two failures.
const PAUSE: Duration = Duration::from_secs(45);

const HUBSPOT: [&str; 9] = [
    "/crm/objects/contacts/search",
    "/crm/objects/contacts/batch/read",
    "/crm/objects/contacts/batch/update",
    "/crm/objects/notes/batch/create",
    "/crm/objects/emails/batch/create",
    "/crm/objects/tasks/batch/create",
    "/crm/associations/{from}/{to}/batch/read",
    "/crm/objects/notes/batch/read",
    "/crm/objects/emails/batch/read",
];

const TEC: [&str; 3] = ["/v1/leads/batch", "/v1/leads/stop/batch", "/v1/events"];

fn fault(rule: &Value) -> FaultRule {
    serde_json::from_value(rule.clone()).unwrap()
}

fn too_many(policy: &str) -> Value {
    json!({"status": 429, "body": {"status": "error", "message": "You have reached your limit.", "errorType": "RATE_LIMIT", "policyName": policy}})
}

/// What may happen to a call.
fn troubles() -> Vec<Value> {
    let mut all = vec![too_many("SECONDLY"), too_many("TEN_SECONDLY_ROLLING")];
    all.extend([423, 429, 477, 500, 502, 503, 504].map(|status| json!({"status": status})));
    all.extend([500, 502, 504].map(|status| json!({"status": status, "when": "after"})));
    all.push(json!({"drop": true}));
    all.push(json!({"drop": true, "when": "after"}));
    all.push(json!({"status": 200, "body": "<html>not what you think", "when": "after"}));
    all.push(json!({"delayMs": 20_000}));
    all
}

/// A day with these faults and pauses of that length, on a runtime of its own.
fn day(what: &str, start: impl FnOnce() -> Start, pause: Duration, rules: &[Value]) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
    runtime.block_on(async {
        let mut day = Day::begin(start()).await;
        for rule in rules {
            day.office.world.hubspot.add_fault(fault(rule)).unwrap();
        }
        day.live(pause).await;
        day.office.pass(2 * MINUTE).await;
        day.assert_well(what);
    });
}

fn with(trouble: &Value, route: &str, times: u32, after: u32) -> Value {
    let mut rule = json!({"route": route, "times": times, "afterN": after});
    json_patch::merge(&mut rule, trouble);
    rule
}

/// Every trouble on this route: at the first calls, and at the calls after them.
fn all_troubles_on(routes: &[&str]) {
    for trouble in troubles() {
        // HubSpot's word for an hour's rest; it is a test of its own.
        let long = trouble["status"] == 477;
        for (route, (times, after)) in routes.iter().flat_map(|route| [(1, 0), (2, 1)].map(|turn| (route, turn))) {
            let hubspot = route.starts_with("/crm");
            if long || (!hubspot && trouble["status"] == 423) {
                continue;
            }
            let mut rules = vec![with(&trouble, route, times, after)];
            if route.contains("associations") || route.ends_with("notes/batch/read") {
                // These are only asked about what may be there.
                rules.push(json!({"route": "/crm/objects/notes/batch/create", "drop": true, "when": "after"}));
            }
            if route.contains("associations") || route.ends_with("emails/batch/read") {
                rules.push(json!({"route": "/crm/objects/emails/batch/create", "drop": true, "when": "after"}));
            }
            day(&format!("{rules:?}"), Start::default, PAUSE, &rules);
        }
    }
}

#[test]
fn whatever_happens_to_reads_at_hubspot_the_day_ends_well() {
    all_troubles_on(&HUBSPOT[..2]);
    all_troubles_on(&HUBSPOT[6..]);
}

#[test]
fn whatever_happens_to_writes_at_hubspot_the_day_ends_well() {
    all_troubles_on(&HUBSPOT[2..6]);
}

#[test]
fn whatever_happens_to_calls_of_tec_the_day_ends_well() {
    all_troubles_on(&TEC);
}

fn with_portal(change: impl FnOnce(&mut SimConfig)) -> Start {
    let mut start = Start::default();
    change(&mut start.portal);
    start
}

#[test]
fn whatever_a_portal_is_like_the_day_ends_well() {
    type Portal = fn(&mut SimConfig);
    let portals: [(&str, Portal); 8] = [
        ("its index lags by half a minute", |portal| portal.search_lag = 30 * SECOND),
        ("its index lags by two minutes", |portal| portal.search_lag = 2 * MINUTE),
        ("it is slow", |portal| portal.latency = 2 * SECOND),
        ("its pages shift", |portal| portal.switches.search_ties = SearchTies::Unstable),
        ("it writes all or nothing", |portal| portal.switches.partial_writes = PartialWrites::Never),
        ("it is silent about contacts with nothing", |portal| {
            portal.switches.no_associations = NoAssociations::Absent;
            portal.switches.association_ids_are_numbers = true;
        }),
        ("it notes what is saved again", |portal| portal.switches.resave_adds_history = true),
        ("it allows little", |portal| portal.limit_per_10s = 20),
    ];
    for (what, portal) in portals {
        for webhooks in [None, Some(hooks())] {
            // Lost replies on the way, so that what is there has to be found.
            let rules = ["notes", "emails", "tasks"].map(
                |kind| json!({"route": format!("/crm/objects/{kind}/batch/create"), "drop": true, "when": "after"}),
            );
            let how = format!("{what}, webhooks {}", webhooks.is_some());
            day(&how, || Start { webhooks, ..with_portal(portal) }, 5 * MINUTE, &rules);
        }
    }
}

#[test]
fn however_tec_tells_its_events_the_day_ends_well() {
    let second = TecConfig { latency: SECOND, ..TecConfig::default() };
    let tecs = [
        ("twice", TecConfig { duplicates: 0.9, ..TecConfig::default() }),
        ("mixed up", TecConfig { reorder: 20, duplicates: 0.5, poll_delay: 30 * SECOND, ..TecConfig::default() }),
        ("slowly", second),
        ("only now and then", TecConfig { temporary: 0.6, ..TecConfig::default() }),
    ];
    for (what, tec) in tecs {
        for seed in 1..10 {
            day(what, || Start { tec: tec.clone(), seed, ..Start::default() }, 5 * MINUTE, &[]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_cursor_that_tec_forgets_costs_nothing_but_calls() {
    for restarted in [false, true] {
        let mut day = Day::begin(Start::default()).await;
        day.live(PAUSE).await;
        day.office.tec().expire_cursors();
        if restarted {
            day.office.world.kill().await;
            day.office.world.start();
        }
        day.office.pass(2 * MINUTE).await;
        day.assert_well(&format!("forgotten, restarted {restarted}"));
    }
}

#[tokio::test(start_paused = true)]
async fn deliveries_twice_late_mixed_up_replayed_and_forged_change_nothing() {
    let hooks = WebhookTarget { duplicate_rate: 0.5, reorder: 0.9, delay: (Duration::ZERO, 20 * SECOND), ..hooks() };
    let mut day = Day::begin(Start { webhooks: Some(hooks), ..Start::default() }).await;
    let portal = day.office.world.hubspot.clone();
    let forger = tokio::spawn(async move {
        loop {
            for (kind, answer) in [
                (Forgery::Forged, 401),
                (Forgery::Stale, 401),
                (Forgery::Replayed, 204),
                (Forgery::Malformed, 400),
                (Forgery::Oversized, 413),
            ] {
                // Nothing can be replayed before the first delivery.
                let answered = portal.forge_webhook(kind).await;
                assert!(answered.is_err() || answered == Ok(answer), "{kind:?}: {answered:?}");
                tokio::time::sleep(SECOND).await;
            }
        }
    });
    day.live(PAUSE).await;
    day.office.pass(MINUTE).await;
    day.assert_well("bad webhooks");
    assert!(!forger.is_finished());
    forger.abort();
}
