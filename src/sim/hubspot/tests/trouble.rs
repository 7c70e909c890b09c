//! Limits, faults, chaos, latency, the request log.

use std::time::Duration;

use http::Method;
use serde_json::json;
use tokio::time::Instant;

use super::{
    super::{
        DEFAULT_TOKEN, Dropped, Fault, FaultReply, FaultRule, HubSpotSim, NeighbourConfig, RequestCounts, RetryAfter,
        SimConfig, TokenConfig, When,
    },
    call, call_as, get, portal, portal_with, raw, status,
};

const OWNERS: &str = "/crm/owners/2026-03";
const INVITE: &str = r#"{"email":"ada@example.com","sendWelcomeEmail":true}"#;

fn rule(route: &str) -> FaultRule {
    FaultRule { route: route.into(), ..FaultRule::default() }
}

#[tokio::test(start_paused = true)]
async fn ten_seconds_roll_per_app() {
    let sim = portal();
    sim.set_token(&TokenConfig { app_id: 778, ..TokenConfig::with_all_scopes("other-app") });
    for n in 1..=100 {
        let reply = get(&sim, OWNERS).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("x-hubspot-ratelimit-remaining"), Some((100 - n).to_string().as_str()));
        sim.advance(Duration::from_millis(10));
    }
    let refused = get(&sim, OWNERS).await;
    let expected = json!({
        "status": "error", "message": "You have reached your ten_secondly_rolling limit.", "errorType": "RATE_LIMIT",
        "correlationId": refused.header("x-hubspot-correlation-id").unwrap(), "policyName": "TEN_SECONDLY_ROLLING",
        "groupName": "publicapi:private_app-api-calls-ten-secondly:999001:777",
    });
    assert_eq!((refused.status, &refused.body, refused.header("retry-after")), (429, &expected, None));
    for (name, value) in [
        ("x-hubspot-ratelimit-max", "100"),
        ("x-hubspot-ratelimit-interval-milliseconds", "10000"),
        ("x-hubspot-ratelimit-daily", "250000"),
        ("x-hubspot-ratelimit-daily-remaining", "249900"),
    ] {
        assert_eq!(refused.header(name), Some(value), "{name}");
    }
    assert_eq!(call_as(&sim, "other-app", &format!("GET {OWNERS}"), "").await.status, 200);
    sim.set_switches(|switches| switches.retry_after = RetryAfter::Present);
    assert_eq!(get(&sim, OWNERS).await.header("retry-after"), Some("10"));
    sim.advance(Duration::from_secs(9));
    assert_eq!(get(&sim, OWNERS).await.status, 200, "the oldest has left the window");
    assert_eq!(get(&sim, OWNERS).await.status, 429, "and only it");
}

#[tokio::test(start_paused = true)]
async fn the_day_ends_at_the_portals_midnight() {
    let zone = jiff::tz::TimeZone::posix("EST5EDT,M3.2.0,M11.1.0").unwrap();
    let sim = portal_with(SimConfig { daily_limit: 3, time_zone: zone, ..SimConfig::default() });
    let usage = get(&sim, "/account-info/2026-03/api-usage/daily/private-apps").await.body;
    let day = json!({
        "name": "private-apps-api-calls-daily", "usageLimit": 3, "currentUsage": 1,
        "collectedAt": "2026-11-22T10:00:00Z", "fetchStatus": "SUCCESS", "resetsAt": "2026-11-23T05:00:00Z",
    });
    assert_eq!(usage, json!({ "results": [day] }));
    assert_eq!(get(&sim, OWNERS).await.status, 200);
    assert_eq!(get(&sim, OWNERS).await.status, 200);
    let refused = get(&sim, OWNERS).await;
    assert_eq!((refused.status, &refused.body["policyName"]), (429, &json!("DAILY")));
    assert_eq!(refused.message(), "You have reached your daily limit.");
    assert!(refused.body["requestId"].is_string());
    sim.advance(Duration::from_secs(19 * 3600 - 1));
    assert_eq!(get(&sim, OWNERS).await.status, 429);
    sim.advance(Duration::from_secs(1));
    assert_eq!(get(&sim, OWNERS).await.header("x-hubspot-ratelimit-daily-remaining"), Some("2"));
}

#[tokio::test(start_paused = true)]
async fn search_has_a_limit_of_its_own_and_no_headers() {
    let sim = portal_with(SimConfig { limit_per_10s: 1, ..SimConfig::default() });
    let search = "POST /crm/objects/2026-03/contacts/search";
    for _ in 0..5 {
        let reply = call(&sim, search, "{}").await;
        assert_eq!((reply.status, reply.header("x-hubspot-ratelimit-max")), (200, None));
    }
    let refused = call(&sim, search, "{}").await;
    assert_eq!((refused.status, &refused.body["policyName"]), (429, &json!("SECONDLY")));
    assert_eq!(refused.header("x-hubspot-ratelimit-max"), None);
    sim.advance(Duration::from_secs(1));
    assert_eq!(status(&sim, search, "{}").await, 200);
    assert_eq!(get(&sim, OWNERS).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_neighbour_uses_the_limits_it_shares() {
    let sim = portal_with(SimConfig { daily_limit: 10_000, ..SimConfig::default() });
    let neighbour = NeighbourConfig { per_10s: 80, searches_per_s: 4, per_day: 86_400, ..NeighbourConfig::default() };
    sim.neighbour(&neighbour);
    sim.advance(Duration::from_millis(9_999));
    let reply = get(&sim, OWNERS).await;
    assert_eq!(reply.header("x-hubspot-ratelimit-remaining"), Some("9"), "80, 10 for the day, and ours");
    assert_eq!(reply.header("x-hubspot-ratelimit-daily-remaining"), Some("9869"));
    let search = "POST /crm/objects/2026-03/contacts/search";
    assert_eq!(status(&sim, search, "{}").await, 200);
    assert_eq!(status(&sim, search, "{}").await, 429);
    assert_eq!(sim.neighbour_counts().refused.len(), 0);
    // It begins when ours are in its way.
    sim.neighbour(&NeighbourConfig::default());
    sim.advance(Duration::from_secs(11));
    for _ in 0..30 {
        assert_eq!(get(&sim, OWNERS).await.status, 200);
    }
    assert_eq!(status(&sim, search, "{}").await, 200);
    sim.neighbour(&NeighbourConfig { in_bursts: true, searches_per_s: 5, ..neighbour });
    let counts = sim.neighbour_counts();
    assert_eq!((counts.refused["TEN_SECONDLY_ROLLING"], counts.refused["SECONDLY"]), (11, 1), "{counts:?}");
    // Another app's ten seconds are its own.
    sim.neighbour(&NeighbourConfig::default());
    sim.advance(Duration::from_secs(11));
    sim.neighbour(&NeighbourConfig { app_id: 778, in_bursts: true, ..neighbour });
    sim.advance(Duration::from_secs(11));
    assert_eq!(get(&sim, OWNERS).await.header("x-hubspot-ratelimit-remaining"), Some("99"));
    assert_eq!(sim.neighbour_counts().refused.len(), 0);
    sim.tell_day(false);
    assert_eq!(get(&sim, OWNERS).await.header("x-hubspot-ratelimit-daily"), None);
}

#[tokio::test(start_paused = true)]
async fn faults_strike_by_route_and_turn() {
    let sim = portal();
    let property = "/crm/properties/contacts/{name}";
    let fault =
        FaultRule { method: Some("get".into()), times: Some(2), after_n: 1, status: Some(503), ..rule(property) };
    sim.add_fault(fault).unwrap();
    let (one, all) = ("/crm/properties/2026-03/contacts/email", "/crm/properties/2026-03/contacts");
    let mut statuses = Vec::new();
    for path in [one, all, one, one, one] {
        statuses.push(get(&sim, path).await.status);
    }
    assert_eq!(statuses, [200, 200, 503, 503, 200]);

    for (route, hit, missed) in [
        ("/crm/owners", OWNERS, "/crm/owners/2026-03/41629001"),
        ("/crm/properties/2026-03", all, "/crm/v3/properties/contacts"),
        ("/crm/properties/contacts/b*", "/crm/v3/properties/contacts/batch/read", one),
        ("*", OWNERS, ""),
    ] {
        sim.clear_faults();
        sim.add_fault(FaultRule { times: Some(9), status: Some(500), ..rule(route) }).unwrap();
        assert_eq!(get(&sim, hit).await.status, 500, "{route} {hit}");
        if !missed.is_empty() {
            assert_ne!(get(&sim, missed).await.status, 500, "{route} {missed}");
        }
    }
    for bad in [
        rule("x"),
        rule("/crm"),
        FaultRule { times: Some(0), status: Some(500), ..rule("*") },
        FaultRule { status: Some(99), ..rule("*") },
    ] {
        assert_eq!(sim.add_fault(bad).unwrap_err().status, 400);
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_may_have_happened_or_not() {
    for (when, users) in [(When::Before, 1), (When::After, 2)] {
        for (status, drop) in [(Some(502), false), (None, true)] {
            let sim = portal();
            sim.add_fault(FaultRule { when, status, drop, ..rule("/settings/users") }).unwrap();
            let reply = raw(&sim, "POST", "/settings/users/2026-03", DEFAULT_TOKEN, INVITE).await;
            assert_eq!(reply.map(|reply| reply.status().as_u16()), status.ok_or(Dropped));
            assert_eq!(sim.state()["users"].as_array().unwrap().len(), users, "{when:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_faults_answer_is_hubspots_or_ones_own() {
    let sim = portal();
    let answer = async |status: u16, body: Option<serde_json::Value>| {
        let headers = [("x-extra".to_owned(), "1".to_owned())].into();
        sim.add_fault(FaultRule { status: Some(status), body, headers, ..rule("*") }).unwrap();
        let reply = get(&sim, OWNERS).await;
        assert_eq!((reply.status, reply.header("x-extra")), (status, Some("1")));
        assert!(reply.header("x-hubspot-correlation-id").is_some());
        reply
    };
    assert_eq!(answer(429, None).await.body["policyName"], "TEN_SECONDLY_ROLLING");
    assert!(answer(504, None).await.text.starts_with("<html>"));
    assert_eq!(answer(477, None).await.header("retry-after"), Some("3600"));
    assert!(answer(500, None).await.body["correlationId"].is_string());
    assert_eq!(answer(200, Some(json!({ "results": [] }))).await.body, json!({ "results": [] }));
    assert_eq!(answer(200, Some(json!(r#"{"results":["#))).await.text, r#"{"results":["#);
    assert_eq!(answer(423, Some(json!("<html>"))).await.header("content-type"), Some("text/html;charset=utf-8"));
}

#[tokio::test(start_paused = true)]
async fn latency_and_delays_pass_in_virtual_time() {
    let sim = portal_with(SimConfig { latency: Duration::from_millis(80), ..SimConfig::default() });
    let start = Instant::now();
    get(&sim, OWNERS).await;
    assert_eq!(start.elapsed(), Duration::from_millis(80));
    for (when, users) in [(When::Before, 1), (When::After, 2)] {
        sim.add_fault(FaultRule { when, delay_ms: 5_000, ..rule("/settings/users") }).unwrap();
        let request = raw(&sim, "POST", "/settings/users/2026-03", DEFAULT_TOKEN, INVITE);
        let impatient = tokio::time::timeout(Duration::from_secs(1), request).await;
        assert!(impatient.is_err());
        assert_eq!(sim.state()["users"].as_array().unwrap().len(), users, "{when:?}");
    }
    let counts = sim.requests();
    assert_eq!((counts.total, counts.of("POST", "/settings/users")), (3, 2), "given up, yet counted");
}

#[tokio::test(start_paused = true)]
async fn chaos_is_asked_about_every_request() {
    let sim = portal();
    let mut turn = 0;
    let chaos = move |method: &Method, route: &str| {
        turn += 1;
        match (method.as_str(), route, turn % 3) {
            ("GET", "/crm/owners", 0) => Some(Fault::drop(When::After)),
            ("GET", "/crm/owners", 1) => Some(Fault::status(When::Before, 503)),
            ("GET", "/crm/owners", _) => {
                Some(Fault { delay: Duration::from_secs(1), reply: FaultReply::True, ..Fault::default() })
            }
            _ => None,
        }
    };
    sim.set_chaos(Some(Box::new(chaos)));
    let mut statuses = Vec::new();
    for _ in 0..6 {
        let reply = raw(&sim, "GET", OWNERS, DEFAULT_TOKEN, "").await;
        statuses.push(reply.map_or(0, |reply| reply.status().as_u16()));
    }
    assert_eq!(statuses, [503, 200, 0, 503, 200, 0]);
    sim.set_chaos(None);
    assert_eq!(get(&sim, OWNERS).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn requests_are_counted_by_route() {
    async fn play(sim: &HubSpotSim) {
        get(sim, OWNERS).await;
        get(sim, "/crm/v3/owners/").await;
        get(sim, "/nowhere").await;
        call(sim, "POST /settings/v3/users", INVITE).await;
        call(sim, "POST /crm/v3/objects/contacts/search", "{}").await;
        get(sim, "/_sim/state").await;
    }
    let sim = portal();
    play(&sim).await;
    let counts = sim.requests();
    let lines: Vec<_> = counts
        .by_route
        .iter()
        .map(|line| (line.method.as_str(), line.route.as_str(), line.status, line.count))
        .collect();
    let expected = [
        ("GET", "(unknown)", Some(404), 1),
        ("GET", "/crm/owners", Some(200), 2),
        ("POST", "/crm/objects/contacts/search", Some(200), 1),
        ("POST", "/settings/users", Some(201), 1),
    ];
    assert_eq!((counts.total, lines), (5, expected.to_vec()));
    assert_eq!((counts.of("GET", "/crm/owners"), counts.with_status(200), counts.writes()), (2, 3, 1));
    let paths: Vec<String> = sim.trace().into_iter().map(|entry| entry.path).collect();
    assert_eq!(paths[1], "/crm/v3/owners/");
    sim.reset_requests();
    assert_eq!((sim.requests(), sim.trace().len()), (RequestCounts::default(), 0));
}
