//! The portal's day: when it ends, what is left of it to others, and what is foreseen.

use super::*;
use crate::hubspot::limits::Forecast;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

fn limiter_at(time: &str, zone: &str, reserve_percent: u8) -> Arc<Limiter> {
    let clock = Arc::new(VirtualClock::starting_at(time.parse().unwrap()));
    let limiter = Arc::new(Limiter::new(clock, reserve_percent));
    limiter.set_time_zone(zone);
    limiter
}

fn day(max: u32, remaining: u32) -> HeaderMap {
    headers(&[
        ("x-hubspot-ratelimit-daily", &max.to_string()),
        ("x-hubspot-ratelimit-daily-remaining", &remaining.to_string()),
    ])
}

async fn refused(limiter: &Arc<Limiter>) -> Option<Timestamp> {
    match limiter.acquire(Lane::Edit, Budget::General).await {
        Err(Refusal::Exhausted { resets_at }) => Some(resets_at),
        Err(Refusal::Paused { .. }) => panic!("not paused"),
        Ok(permit) => {
            permit.answered(&HeaderMap::new());
            None
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_day_ends_at_the_portals_midnight_also_when_the_clocks_change() {
    for (zone, now, midnight, hours) in [
        // Spring forward: a day of 23 hours; fall back: one of 25.
        ("US/Eastern", "2027-03-14T05:19:30Z", "2027-03-15T04:00:00Z", 23),
        ("US/Eastern", "2026-11-01T04:19:30Z", "2026-11-02T05:00:00Z", 25),
        ("Europe/Berlin", "2027-03-27T23:19:30Z", "2027-03-28T22:00:00Z", 23),
        ("Europe/Berlin", "2026-10-24T22:19:30Z", "2026-10-25T23:00:00Z", 25),
        ("UTC", "2026-11-22T00:19:30Z", "2026-11-23T00:00:00Z", 24),
    ] {
        let limiter = limiter_at(now, zone, 20);
        turn(&limiter).await.limited(&HeaderMap::new(), RatePolicy::Daily);
        let resets_at: Timestamp = midnight.parse().unwrap();
        assert_eq!(limiter.quota().exhausted_until, Some(resets_at), "{zone} {now}");
        advance(HOUR * (hours - 1) + 40 * MINUTE).await;
        assert_eq!(refused(&limiter).await, Some(resets_at), "{zone} {now}");
        advance(MINUTE).await;
        assert_eq!(refused(&limiter).await, None, "{zone} {now}");
        assert_eq!(limiter.quota().exhausted_until, None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_day_used_up_just_after_midnight_is_yesterday_by_hubspots_clock() {
    let limiter = limiter_at("2026-11-22T23:50:00Z", "UTC", 0);
    turn(&limiter).await.limited(&day(1000, 0), RatePolicy::Daily);
    advance(10 * MINUTE).await;
    turn(&limiter).await.limited(&day(1000, 0), RatePolicy::Daily);
    assert_eq!(refused(&limiter).await, "2026-11-23T00:10:00Z".parse().ok());
    advance(10 * MINUTE).await;
    turn(&limiter).await.limited(&day(1000, 0), RatePolicy::Daily);
    assert_eq!(refused(&limiter).await, "2026-11-24T00:00:00Z".parse().ok());
}

#[tokio::test(start_paused = true)]
async fn searches_use_up_the_day_although_their_answers_do_not_say_so() {
    let limiter = limiter_at("2026-11-22T10:00:00Z", "UTC", 20);
    turn(&limiter).await.answered(&day(1000, 205));
    let mut searches = 0;
    while let Ok(permit) = limiter.acquire(Lane::Leads, Budget::Search).await {
        permit.answered(&HeaderMap::new());
        searches += 1;
    }
    assert_eq!(searches, 5);
    assert_eq!(limiter.quota().exhausted_until, "2026-11-23T00:00:00Z".parse().ok());
}

/// A day in which others make so many calls an hour and we one in five minutes; how it stands after each hour.
async fn hours(limiter: &Arc<Limiter>, max: u32, used: &mut u32, hours: u32, by_others: u32) -> Vec<Option<Forecast>> {
    let mut said = Vec::new();
    for _ in 0..hours {
        for _ in 0..12 {
            advance(5 * MINUTE).await;
            *used += by_others / 12;
            if let Ok(permit) = limiter.acquire(Lane::Resync, Budget::General).await {
                *used += 1;
                permit.answered(&day(max, max.saturating_sub(*used)));
            }
        }
        said.push(limiter.quota().forecast);
    }
    said
}

#[tokio::test(start_paused = true)]
async fn a_day_that_will_not_do_is_foreseen_and_a_job_at_night_is_none() {
    let limiter = limiter_at("2026-11-22T00:00:00Z", "UTC", 20);
    let mut used = 0;
    assert_eq!(limiter.quota().forecast, None);
    // 30 % in the first hour: at that pace it would not do, and then it is over.
    assert_eq!(hours(&limiter, 100_000, &mut used, 1, 30_000).await, [Some(Forecast::Exceeds)]);
    assert_eq!(hours(&limiter, 100_000, &mut used, 3, 0).await[1..], [Some(Forecast::Fits); 2]);
    // The rest of the day is busy.
    let busy = hours(&limiter, 100_000, &mut used, 8, 4_800).await;
    assert_eq!(busy, [Some(Forecast::Exceeds); 8], "{used}");
    assert_eq!(limiter.quota().exhausted_until, None);
    // A new day.
    advance(12 * HOUR).await;
    assert_eq!(refused(&limiter).await, None);
    assert_eq!(limiter.quota().forecast, Some(Forecast::Fits));
}

#[tokio::test(start_paused = true)]
async fn a_forecast_on_the_edge_does_not_flap() {
    let limiter = limiter_at("2026-11-22T00:00:00Z", "UTC", 0);
    let mut used = 0;
    let mut said = Vec::new();
    for hour in 0..23 {
        let by_others = if hour % 2 == 0 { 4_200 } else { 4_080 };
        said.extend(hours(&limiter, 100_000, &mut used, 1, by_others).await);
    }
    let changes = said.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(changes <= 1, "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn what_others_will_need_today_is_left_to_them_and_looked_at_once_an_hour() {
    let limiter = limiter_at("2026-11-22T00:00:00Z", "UTC", 0);
    let (start, mut ours) = (Instant::now(), 0);
    // They use 80 of 100 by midnight, evenly; we would use more than the rest.
    let left = |ours: u32| {
        let others = u32::try_from(start.elapsed().as_secs() * 38_400 / 86_400).unwrap();
        (others, day(48_000, 48_000 - others - ours))
    };
    let stopped = loop {
        match timeout(MINUTE, limiter.acquire(Lane::Resync, Budget::General)).await {
            Ok(Ok(permit)) => {
                ours += 1;
                permit.answered(&left(ours).1);
            }
            Ok(Err(_)) => break start.elapsed(),
            Err(error) => panic!("neither go nor stop: {error}"),
        }
        sleep(Duration::from_secs(5)).await;
    };
    assert!((7_600..=7_700).contains(&ours), "{ours} of 9,600 less a margin of 1,920 after {stopped:?}");
    assert_eq!(refused(&limiter).await, "2026-11-23T00:00:00Z".parse().ok());
    assert_eq!(limiter.quota().exhausted_until, None);
    // One an hour looks whether they still need it.
    let mut looks = 0;
    while start.elapsed() < 23 * HOUR {
        sleep(MINUTE).await;
        if let Ok(permit) = limiter.acquire(Lane::Resync, Budget::General).await {
            looks += 1;
            permit.answered(&left(ours + looks).1);
        }
    }
    assert!((10..=16).contains(&looks), "{looks} looks");
    // They stop.
    let (others, _) = left(ours);
    for _ in 0..2 {
        advance(HOUR / 4).await;
        limiter.learn_usage((48_000, 48_000 - others - ours - looks), (None, None));
    }
    assert_eq!(refused(&limiter).await, None);
}

#[tokio::test(start_paused = true)]
async fn usage_is_asked_for_where_headers_do_not_tell_and_once_an_hour() {
    let limiter = limiter_at("2026-11-22T10:00:00Z", "UTC", 20);
    assert!(limiter.ask_usage());
    assert!(!limiter.ask_usage());
    advance(HOUR).await;
    assert!(limiter.ask_usage());
    limiter.learn_usage((1000, 900), (None, None));
    assert_eq!((limiter.quota().daily_max, limiter.quota().daily_remaining), (Some(1000), Some(900)));
    advance(59 * MINUTE).await;
    turn(&limiter).await.answered(&day(1000, 880));
    advance(2 * MINUTE).await;
    assert!(!limiter.ask_usage(), "an answer has said so");
    limiter.learn_usage((1000, 150), (None, None));
    assert_eq!(refused(&limiter).await, "2026-11-23T00:00:00Z".parse().ok());
}

#[tokio::test(start_paused = true)]
async fn usage_counted_on_another_day_says_nothing_of_this_one() {
    let limiter = limiter_at("2026-11-22T05:20:00Z", "US/Eastern", 20);
    let at = |time: &str| time.parse().ok();
    // Twenty minutes past midnight there; the answer is kept from before.
    limiter.learn_usage((1000, 50), (at("2026-11-22T04:50:00Z"), None));
    limiter.learn_usage((1000, 50), (None, at("2026-11-22T05:00:00Z")));
    assert_eq!((refused(&limiter).await, limiter.quota().daily_remaining), (None, None));
    limiter.learn_usage((1000, 50), (at("2026-11-22T05:10:00Z"), at("2026-11-23T05:00:00Z")));
    assert_eq!(refused(&limiter).await, "2026-11-23T05:00:00Z".parse().ok());
}

#[tokio::test(start_paused = true)]
async fn a_day_used_up_by_a_clock_that_ran_ahead_is_over_when_it_is_set_right() {
    let clock = Arc::new(SetBack::default());
    let limiter = Arc::new(Limiter::new(clock.clone(), 20));
    turn(&limiter).await.limited(&HeaderMap::new(), RatePolicy::Daily);
    assert_eq!(refused(&limiter).await, "2026-11-24T00:00:00Z".parse().ok());
    clock.0.store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(refused(&limiter).await, None);
    turn(&limiter).await.limited(&HeaderMap::new(), RatePolicy::Daily);
    assert_eq!(refused(&limiter).await, "2026-11-23T00:00:00Z".parse().ok());
}

/// A clock that was a day ahead.
#[derive(Debug, Default)]
struct SetBack(std::sync::atomic::AtomicBool);

impl crate::runtime::clock::Clock for SetBack {
    fn now(&self) -> Timestamp {
        let day = if self.0.load(std::sync::atomic::Ordering::Relaxed) { 22 } else { 23 };
        format!("2026-11-{day}T10:00:00Z").parse().unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn another_reserve_keeps_what_is_known() {
    let limiter = limiter_at("2026-11-22T10:00:00Z", "UTC", 20);
    turn(&limiter).await.limited(&HeaderMap::new(), RatePolicy::Daily);
    limiter.set_reserve(50);
    assert_eq!(refused(&limiter).await, "2026-11-23T00:00:00Z".parse().ok());
    assert_eq!((limiter.quota().window_allowance, limiter.quota().search_allowance), (50, 2));
}
