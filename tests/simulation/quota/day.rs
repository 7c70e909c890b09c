//! The portal's day at the operator: until when it waits, whom it asks, and what it foresees.

use jiff::tz::TimeZone;
use tec_crm::sim::hubspot::{NeighbourConfig, SimConfig};

use super::*;

const USAGE: &str = "/account-info/api-usage/daily/private-apps";

fn portal(zone: &str, daily_limit: u64) -> SimConfig {
    SimConfig { limit_per_10s: 1000, daily_limit, time_zone: TimeZone::get(zone).unwrap(), ..SimConfig::default() }
}

#[tokio::test(start_paused = true)]
async fn a_day_ends_at_midnight_also_when_the_clocks_change() {
    for (zone, now, midnight) in [
        ("US/Eastern", "2027-03-14T06:00:00Z", "2027-03-15T04:00:00Z"),
        ("US/Eastern", "2026-11-01T05:00:00Z", "2026-11-02T05:00:00Z"),
        ("Europe/Berlin", "2027-03-28T00:00:00Z", "2027-03-28T22:00:00Z"),
        ("Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T23:00:00Z"),
    ] {
        let world = World::at(now, 1, portal(zone, 250_000)).settled().await;
        world.hubspot.add_fault(refusing("*", "DAILY")).unwrap();
        world.request("crmconnections", "portal", "1");
        world.pass(MINUTE).await;
        let exhausted = world.condition("crmconnections", "portal", "QuotaExhausted");
        assert!(exhausted.starts_with("True/") && exhausted.contains(midnight), "{zone}: {exhausted}");
        let midnight: jiff::Timestamp = midnight.parse().unwrap();
        let left = Duration::try_from(midnight.duration_since(world.clock.now())).unwrap();
        world.pass(left.checked_sub(SECOND).unwrap()).await;
        assert_eq!(world.hubspot.requests().total, 1, "{zone}");
        world.hubspot.clear_faults();
        world.pass(MINUTE).await;
        world.assert_all_ready();
        assert_eq!(world.condition("crmconnections", "portal", "QuotaExhausted"), "-", "{zone}");
    }
}

/// Another share to leave to others is no other limit.
#[tokio::test(start_paused = true)]
async fn a_changed_reserve_does_not_end_the_wait_for_midnight() {
    let world = World::new(1, portal("UTC", 250_000)).settled().await;
    world.hubspot.add_fault(refusing("*", "DAILY")).unwrap();
    world.request("crmconnections", "portal", "1");
    world.pass(MINUTE).await;
    world.hubspot.reset_requests();
    world.connection(&json!({"quota": {"reservePercent": 10}}));
    world.pass(HOUR).await;
    assert_eq!(world.hubspot.requests().total, 0, "{}", world.trace());
    let exhausted = world.condition("crmconnections", "portal", "QuotaExhausted");
    assert!(exhausted.starts_with("True/"), "{exhausted}");
}

#[tokio::test(start_paused = true)]
async fn where_answers_do_not_tell_of_the_day_usage_is_asked_for_once_an_hour() {
    let world = World::new(1, portal("UTC", 1_500));
    world.hubspot.tell_day(false);
    let world = world.settled().await;
    assert_eq!(world.object("crmconnections", "portal")["status"]["quota"]["dailyLimit"], 1_500);
    let before = versions(&world);
    world.pass(4 * HOUR).await;
    assert!((3..=4).contains(&world.hubspot.requests().of("GET", USAGE)), "{:?}", world.hubspot.requests());
    assert_eq!(versions(&world), before);
    // Others use the rest: the reserve is left to them.
    world.hubspot.neighbour(&NeighbourConfig { per_day: 200_000, app_id: 778, ..NeighbourConfig::default() });
    world.pass(8 * MINUTE).await;
    world.hubspot.neighbour(&NeighbourConfig::default());
    world.pass(HOUR).await;
    let exhausted = world.condition("crmconnections", "portal", "QuotaExhausted");
    assert!(exhausted.contains("2026-11-23T00:00:00Z"), "{exhausted}");
    assert_eq!(world.hubspot.requests().with_status(429), 0);
    world.pass(10 * HOUR).await;
    world.assert_all_ready();
}

#[tokio::test(start_paused = true)]
async fn usage_that_cannot_be_read_keeps_nobody_from_work() {
    let unknown = json!({"results": [{"name": "private-apps-api-calls-daily", "usageLimit": 9, "currentUsage": 9, "fetchStatus": "FAILURE"}]});
    for answer in [
        json!({"status": 403, "body": {"status": "error", "message": "no", "category": "MISSING_SCOPES"}}),
        json!({"status": 404, "body": "<html>"}),
        json!({"status": 200, "body": unknown}),
        json!({"status": 200, "body": {"results": []}}),
        json!({"status": 200, "body": "nonsense"}),
    ] {
        let world = World::new(1, portal("UTC", 250_000));
        world.hubspot.tell_day(false);
        let mut rule = json!({"route": USAGE, "times": 1_000_000});
        json_patch::merge(&mut rule, &answer);
        world.hubspot.add_fault(serde_json::from_value(rule).unwrap()).unwrap();
        let world = world.settled().await;
        let before = versions(&world);
        world.pass(3 * HOUR).await;
        assert!((2..=3).contains(&world.hubspot.requests().of("GET", USAGE)), "{answer}");
        assert_eq!(versions(&world), before, "{answer}");
        assert!(world.object("crmconnections", "portal")["status"].get("quota").is_none(), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_answers_tell_of_the_day_usage_is_never_asked_for() {
    let world = World::new(1, portal("UTC", 250_000)).settled().await;
    world.pass(3 * HOUR).await;
    assert_eq!(world.hubspot.requests().of("GET", USAGE), 0);
}

#[tokio::test(start_paused = true)]
async fn a_day_that_will_not_do_is_said_once_and_taken_back_once() {
    // Midnight in Honolulu is when the story begins.
    let world = World::new(1, portal("Pacific/Honolulu", 100_000)).settled().await;
    let quota = |world: &World| world.object("crmconnections", "portal")["status"]["quota"].clone();
    assert_eq!(quota(&world), json!({"dailyLimit": 100_000, "forecast": "WithinLimit"}));
    let mut writes = 0;
    let mut before = versions(&world);
    let mut follow = async |hours: u32| {
        for _ in 0..hours * 12 {
            world.pass(5 * MINUTE).await;
            let now = versions(&world);
            writes += usize::from(now != before);
            before = now;
        }
        std::mem::take(&mut writes)
    };
    assert_eq!(follow(2).await, 0, "a day that will do");
    world.hubspot.neighbour(&NeighbourConfig { per_day: 150_000, app_id: 778, ..NeighbourConfig::default() });
    assert_eq!(follow(5).await, 1);
    let exceeds = json!({"dailyLimit": 100_000, "forecast": "ExceedsLimit", "resetsAt": "2026-11-23T10:00:00Z"});
    assert_eq!(quota(&world), exceeds);
    world.assert_all_ready();
    world.hubspot.neighbour(&NeighbourConfig::default());
    assert_eq!(follow(3).await, 1);
    assert_eq!(quota(&world), json!({"dailyLimit": 100_000, "forecast": "WithinLimit"}));
}
