//! The limiter on virtual time: how many leave, when, and in which order.

mod day;
mod others;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use http::HeaderMap;
use jiff::Timestamp;
use tokio::time::{Instant, advance, sleep, timeout};

use super::{Budget, Lane, Limiter, Permit, Refusal, Urgency};
use crate::{
    hubspot::{
        ErrorKind, Filter, FilterOperator, HubSpot,
        error::RatePolicy,
        testing::{Bench, CANARY, bench, bench_with, limited, reply},
    },
    runtime::clock::VirtualClock,
};

const EMPTY: &str = r#"{"results":[]}"#;

fn limiter(reserve_percent: u8) -> Arc<Limiter> {
    let epoch: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    Arc::new(Limiter::new(Arc::new(VirtualClock::starting_at(epoch)), reserve_percent))
}

async fn turn(limiter: &Arc<Limiter>) -> Permit {
    limiter.acquire(Lane::Resync, Budget::General).await.unwrap()
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

fn clients(hubspot: &HubSpot, lane: Lane, count: usize) -> Vec<tokio::task::JoinHandle<()>> {
    let start = |_| {
        let hubspot = hubspot.with_lane(lane);
        tokio::spawn(async move {
            drop(hubspot.list_groups().await);
        })
    };
    (0..count).map(start).collect()
}

/// Sends in each 10 s since the start.
fn per_window(bench: &Bench, windows: u64) -> Vec<usize> {
    let at: Vec<_> = bench.script.seen().iter().map(|seen| seen.at.as_secs() / 10).collect();
    (0..windows).map(|window| at.iter().filter(|second| **second == window).count()).collect()
}

#[tokio::test(start_paused = true)]
async fn the_reserve_is_left_and_the_rest_is_used() {
    let bench = bench_with([reply(200, EMPTY)], CANARY, 20, Duration::ZERO);
    let tasks = clients(&bench.hubspot, Lane::Resync, 400);
    sleep(Duration::from_secs(39)).await;
    assert_eq!(per_window(&bench, 4), [80; 4]);
    for (n, seen) in bench.script.seen().iter().enumerate().skip(80) {
        let earlier = bench.script.seen()[n - 80].at;
        assert!(seen.at >= earlier + Duration::from_secs(10), "81 calls within 10 s at {:?}", seen.at);
    }
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(start_paused = true)]
async fn the_limit_is_learnt_from_headers() {
    let answer = reply(200, EMPTY)
        .header("X-HubSpot-RateLimit-Max", "190")
        .header("X-HubSpot-RateLimit-Interval-Milliseconds", "5000")
        .header("X-HubSpot-RateLimit-Remaining", "189")
        .header("X-HubSpot-RateLimit-Daily", "250000")
        .header("X-HubSpot-RateLimit-Daily-Remaining", "249000");
    let bench = bench_with([answer], CANARY, 10, Duration::ZERO);
    bench.hubspot.list_groups().await.unwrap();
    let quota = bench.hubspot.limiter().quota();
    assert_eq!((quota.window_max, quota.window_allowance), (190, 171));
    assert_eq!(quota.window_interval, Duration::from_secs(5));
    assert_eq!((quota.daily_max, quota.daily_remaining), (Some(250_000), Some(249_000)));
    let tasks = clients(&bench.hubspot, Lane::Resync, 300);
    sleep(Duration::from_secs(4)).await;
    assert_eq!(bench.script.seen().len(), 171);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(bench.script.seen().len(), 301);
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(start_paused = true)]
async fn nothing_left_means_nothing_sent() {
    let used_up =
        reply(200, EMPTY).header("X-HubSpot-RateLimit-Max", "100").header("X-HubSpot-RateLimit-Remaining", "0");
    let bench = bench([used_up, reply(200, EMPTY)]);
    bench.hubspot.list_groups().await.unwrap();
    bench.hubspot.list_groups().await.unwrap();
    let seen = bench.script.seen();
    assert!(seen[1].at >= seen[0].at + Duration::from_secs(10), "{:?}", seen[1].at);
}

#[tokio::test(start_paused = true)]
async fn a_storm_lets_at_most_one_probe_per_window_through() {
    let latency = Duration::from_millis(150);
    let bench = bench_with([limited("TEN_SECONDLY_ROLLING")], CANARY, 20, latency);
    bench.hubspot.list_groups().await.unwrap_err();
    let before = bench.script.seen().len();
    // Callers that never give up.
    let stubborn = |lane: Lane| {
        let hubspot = bench.hubspot.with_lane(lane);
        tokio::spawn(async move { while hubspot.list_groups().await.is_err() {} })
    };
    let tasks: Vec<_> = [Lane::Edit, Lane::Leads, Lane::Resync].into_iter().cycle().take(60).map(stubborn).collect();
    let start = Instant::now();
    sleep(Duration::from_mins(1)).await;
    let during = bench.script.seen().len() - before;
    assert!(during <= 6, "{during} calls in 60 s");
    bench.script.now_answer([reply(200, EMPTY)]);
    for task in tasks {
        task.await.unwrap();
    }
    assert!(start.elapsed() < Duration::from_secs(72), "over soon after the storm: {:?}", start.elapsed());
    assert_eq!(bench.script.seen().len() - before - during, 60);
}

#[tokio::test(start_paused = true)]
async fn the_others_wait_for_the_probes_answer() {
    let limiter = limiter(0);
    turn(&limiter).await.limited(&HeaderMap::new(), RatePolicy::Secondly);
    let probe = turn(&limiter).await;
    let others: Vec<_> = (0..3)
        .map(|_| {
            let limiter = Arc::clone(&limiter);
            tokio::spawn(async move { turn(&limiter).await.answered(&HeaderMap::new()) })
        })
        .collect();
    sleep(Duration::from_secs(30)).await;
    assert!(others.iter().all(|task| !task.is_finished()));
    probe.answered(&HeaderMap::new());
    for other in others {
        other.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_probe_or_wait_holds_up_nobody() {
    let limiter = limiter(0);
    turn(&limiter).await.limited(&HeaderMap::new(), RatePolicy::TenSecondlyRolling);
    // Gives up while waiting, at the head of the queue.
    assert!(timeout(Duration::from_secs(1), turn(&limiter)).await.is_err());
    let probe = turn(&limiter).await;
    drop(probe);
    let second = timeout(Duration::from_secs(1), turn(&limiter)).await.expect("the next one probes");
    assert!(timeout(Duration::from_secs(1), turn(&limiter)).await.is_err(), "one at a time");
    second.answered(&HeaderMap::new());
    turn(&limiter).await.answered(&HeaderMap::new());
    assert_eq!(limiter.quota().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn a_late_success_does_not_end_a_pause() {
    let limiter = limiter(0);
    let (early, refused) = (turn(&limiter).await, turn(&limiter).await);
    refused.limited(&HeaderMap::new(), RatePolicy::TenSecondlyRolling);
    early.answered(&HeaderMap::new());
    let start = Instant::now();
    turn(&limiter).await.answered(&HeaderMap::new());
    assert!(start.elapsed() >= Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn lanes_go_in_order_and_each_first_come_first_served() {
    let limiter = limiter(0);
    turn(&limiter).await.limited(&HeaderMap::new(), RatePolicy::Secondly);
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    let arrivals = [(Lane::Resync, 1), (Lane::Leads, 2), (Lane::Edit, 3), (Lane::Resync, 4), (Lane::Edit, 5)];
    for (lane, number) in arrivals {
        let (limiter, order) = (Arc::clone(&limiter), Arc::clone(&order));
        tasks.push(tokio::spawn(async move {
            let permit = limiter.acquire(lane, Budget::General).await.unwrap();
            order.lock().unwrap().push(number);
            permit.answered(&HeaderMap::new());
        }));
        tokio::task::yield_now().await;
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*order.lock().unwrap(), [3, 5, 2, 1, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_hurries_when_a_person_comes_to_wait_for_it() {
    let bench = bench_with([reply(200, EMPTY)], CANARY, 20, Duration::ZERO);
    let tasks = clients(&bench.hubspot, Lane::Leads, 500);
    let urgency = Urgency::from(Lane::Resync);
    let hubspot = bench.hubspot.with_lane(&urgency);
    let waiting = tokio::spawn(async move { hubspot.list_teams().await });
    sleep(Duration::from_secs(1)).await;
    let before = bench.script.seen().len();
    urgency.raise(Lane::Edit);
    urgency.raise(Lane::Resync);
    assert_eq!(urgency.lane(), Lane::Edit);
    waiting.await.unwrap().unwrap();
    assert!(bench.script.seen()[before].path.contains("teams"));
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(start_paused = true)]
async fn an_edit_overtakes_a_full_queue() {
    let bench = bench_with([reply(200, EMPTY)], CANARY, 20, Duration::ZERO);
    let tasks = clients(&bench.hubspot, Lane::Resync, 1_000);
    sleep(Duration::from_secs(1)).await;
    let start = Instant::now();
    bench.hubspot.with_lane(Lane::Edit).list_groups().await.unwrap();
    assert!(start.elapsed() < Duration::from_millis(9_100), "in the next window: {:?}", start.elapsed());
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(start_paused = true)]
async fn an_edit_made_while_5000_resyncs_wait_is_among_the_next_two_calls() {
    for latency in [Duration::ZERO, Duration::from_millis(250)] {
        let bench = bench_with([reply(200, EMPTY)], CANARY, 20, latency);
        let tasks = clients(&bench.hubspot, Lane::Resync, 5_000);
        sleep(Duration::from_secs(15)).await;
        assert!(bench.hubspot.limiter().quota().waiting > 4_800);
        let before = bench.script.seen().len();
        bench.hubspot.with_lane(Lane::Edit).list_teams().await.unwrap();
        let place = bench.script.seen()[before..].iter().position(|seen| seen.path.contains("teams"));
        assert!(place.is_some_and(|place| place < 2), "{place:?} calls went before it");
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

#[tokio::test(start_paused = true)]
async fn search_has_its_own_five_a_second() {
    let bench = bench_with([reply(200, r#"{"total":1,"results":[]}"#)], CANARY, 20, Duration::ZERO);
    let filter = Filter { property: "x".to_owned(), operator: FilterOperator::HasProperty };
    let tasks: Vec<_> = (0..12)
        .map(|_| {
            let (hubspot, filter) = (bench.hubspot.clone(), filter.clone());
            tokio::spawn(async move { hubspot.count_contacts(&[filter]).await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let seconds: Vec<_> = bench.script.seen().iter().map(|seen| seen.at.as_secs()).collect();
    assert_eq!(seconds, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
    assert_eq!(bench.hubspot.limiter().quota().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn of_two_budgets_the_better_lane_probes() {
    let limiter = limiter(0);
    turn(&limiter).await.limited(&HeaderMap::new(), RatePolicy::Secondly);
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for (lane, budget) in [(Lane::Leads, Budget::Search), (Lane::Edit, Budget::General), (Lane::Leads, Budget::General)]
    {
        let (limiter, order) = (Arc::clone(&limiter), Arc::clone(&order));
        tasks.push(tokio::spawn(async move {
            let permit = limiter.acquire(lane, budget).await.unwrap();
            order.lock().unwrap().push((lane, budget, permit.probe));
            sleep(Duration::from_millis(10)).await;
            permit.answered(&HeaderMap::new());
        }));
        tokio::task::yield_now().await;
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(order.lock().unwrap()[0], (Lane::Edit, Budget::General, true));
    assert_eq!(order.lock().unwrap().iter().filter(|(_, _, probe)| *probe).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_used_up_day_fails_everybody_until_the_portals_midnight() {
    let account = reply(200, r#"{"portalId":1,"timeZone":"US/Eastern"}"#);
    let bench = bench([account, limited("DAILY"), reply(200, EMPTY)]);
    bench.hubspot.account_details().await.unwrap();
    let resets_at: Timestamp = "2026-11-23T05:00:00Z".parse().unwrap();
    for _ in 0..50 {
        let error = bench.hubspot.list_groups().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::QuotaExhausted { resets_at });
    }
    assert_eq!(bench.script.seen().len(), 2);
    assert_eq!(bench.hubspot.limiter().quota().exhausted_until, Some(resets_at));
    advance(Duration::from_hours(19) - Duration::from_secs(1)).await;
    bench.hubspot.list_groups().await.unwrap_err();
    advance(Duration::from_secs(2)).await;
    bench.hubspot.list_groups().await.unwrap();
    assert_eq!(bench.script.seen().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_learn_that_the_day_is_over() {
    let limiter = limiter(0);
    turn(&limiter).await.limited(&HeaderMap::new(), RatePolicy::TenSecondlyRolling);
    let probe = turn(&limiter).await;
    let waiting = tokio::spawn({
        let limiter = Arc::clone(&limiter);
        async move { limiter.acquire(Lane::Edit, Budget::General).await.map(|_| ()) }
    });
    tokio::task::yield_now().await;
    probe.limited(&HeaderMap::new(), RatePolicy::Daily);
    assert!(matches!(waiting.await.unwrap(), Err(Refusal::Exhausted { .. })));
}

#[tokio::test(start_paused = true)]
async fn the_days_reserve_is_left_too() {
    let day = |remaining: &str| {
        headers(&[("x-hubspot-ratelimit-daily", "1000"), ("x-hubspot-ratelimit-daily-remaining", remaining)])
    };
    let limiter = limiter(20);
    turn(&limiter).await.answered(&day("201"));
    assert_eq!(limiter.quota().exhausted_until, None);
    turn(&limiter).await.answered(&day("200"));
    assert_eq!(limiter.quota().exhausted_until, "2026-11-23T00:00:00Z".parse().ok());
    limiter.set_time_zone("Asia/Tokyo");
    assert_eq!(limiter.quota().exhausted_until, "2026-11-22T15:00:00Z".parse().ok());
    limiter.set_time_zone("Nowhere/Atall");
    assert_eq!(limiter.quota().exhausted_until, "2026-11-23T00:00:00Z".parse().ok());
}

#[tokio::test(start_paused = true)]
async fn nonsense_in_headers_changes_nothing() {
    let limiter = limiter(0);
    let before = limiter.quota();
    turn(&limiter).await.answered(&headers(&[
        ("x-hubspot-ratelimit-max", "0"),
        ("x-hubspot-ratelimit-interval-milliseconds", "-1"),
        ("x-hubspot-ratelimit-remaining", "many"),
        ("x-hubspot-ratelimit-daily-remaining", ""),
        ("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"),
    ]));
    assert_eq!(limiter.quota(), before);
}
