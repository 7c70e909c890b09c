//! Others beside us: what they use is learnt from headers, and left to them.

use super::*;

/// What HubSpot says is left of a hundred, and of the day's ten thousand.
fn left(remaining: u32, of_the_day: u32) -> HeaderMap {
    headers(&[
        ("x-hubspot-ratelimit-max", "100"),
        ("x-hubspot-ratelimit-remaining", &remaining.to_string()),
        ("x-hubspot-ratelimit-daily", "10000"),
        ("x-hubspot-ratelimit-daily-remaining", &of_the_day.to_string()),
    ])
}

/// How many more calls get their turn now.
async fn turns_now(limiter: &Arc<Limiter>, budget: Budget, said: &HeaderMap) -> usize {
    let mut turns = 0;
    while let Ok(permit) = timeout(Duration::from_millis(1), limiter.acquire(Lane::Resync, budget)).await {
        permit.unwrap().answered(said);
        turns += 1;
    }
    turns
}

#[tokio::test(start_paused = true)]
async fn what_others_use_is_not_used_by_us() {
    for (reserve, ours) in [(0, 100 - 53), (20, 80 - 53), (50, 1)] {
        let limiter = limiter(reserve);
        // One of the fifty-one is ours; of others we take fifty and a little more.
        turn(&limiter).await.answered(&left(49, 9_000));
        assert_eq!(limiter.quota().window_others, 53);
        let mut turns = 1;
        while let Ok(permit) = timeout(Duration::from_millis(1), turn(&limiter)).await {
            turns += 1;
            permit.answered(&left(50 - turns, 9_000));
        }
        assert_eq!(turns, ours, "reserve {reserve}");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_under_way_are_not_taken_for_others() {
    let limiter = limiter(0);
    turn(&limiter).await.answered(&left(99, 9_000));
    let permits: Vec<_> = futures::future::join_all((0..80).map(|_| turn(&limiter))).await;
    // HubSpot counts them in another order than we sent them.
    for (place, permit) in permits.into_iter().rev().enumerate() {
        permit.answered(&left(98 - u32::try_from(place).unwrap(), 9_000));
    }
    assert_eq!(limiter.quota().window_others, 0);
}

#[tokio::test(start_paused = true)]
async fn others_who_stop_are_forgotten_after_two_windows() {
    let limiter = limiter(0);
    turn(&limiter).await.answered(&left(9, 9_000));
    assert_eq!(limiter.quota().window_others, 95);
    sleep(Duration::from_secs(11)).await;
    turn(&limiter).await.answered(&left(99, 9_000));
    assert_eq!(limiter.quota().window_others, 95);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(limiter.quota().window_others, 0);
}

#[tokio::test(start_paused = true)]
async fn after_a_silence_a_few_find_out_how_much_is_left_before_the_rest_leave() {
    let limiter = limiter(20);
    let mut permits = Vec::new();
    while let Ok(permit) = timeout(Duration::from_millis(1), turn(&limiter)).await {
        permits.push(permit);
    }
    assert_eq!(permits.len(), 8);
    permits.pop().unwrap().answered(&left(92, 9_000));
    assert_eq!(turns_now(&limiter, Budget::General, &left(92, 9_000)).await, 72);
}

#[tokio::test(start_paused = true)]
async fn searches_are_as_many_as_others_surely_leave() {
    let limiter = limiter(20);
    assert_eq!(limiter.quota().search_allowance, 4, "where no day is told of, a refusal has to tell");
    turn(&limiter).await.answered(&left(99, 9_000));
    assert_eq!(limiter.quota().search_allowance, 1, "not known yet");
    // Others make no calls, then three a second.
    sleep(Duration::from_secs(10)).await;
    turn(&limiter).await.answered(&left(99, 8_999));
    assert_eq!(limiter.quota().search_allowance, 4);
    sleep(Duration::from_secs(10)).await;
    turn(&limiter).await.answered(&left(99, 8_968));
    assert_eq!(limiter.quota().search_allowance, 1);
    assert_eq!(turns_now(&limiter, Budget::Search, &HeaderMap::new()).await, 1);
    // They stop.
    for second in 0..100 {
        sleep(Duration::from_secs(1)).await;
        turn(&limiter).await.answered(&left(99, 8_966 - second));
    }
    assert_eq!(limiter.quota().search_allowance, 4);
}

#[tokio::test(start_paused = true)]
async fn a_refused_search_makes_us_search_once_a_second_for_a_while() {
    let limiter = limiter(0);
    let permit = limiter.acquire(Lane::Leads, Budget::Search).await.unwrap();
    permit.limited(&HeaderMap::new(), RatePolicy::Secondly);
    assert_eq!(limiter.quota().search_allowance, 1);
    sleep(Duration::from_mins(11)).await;
    assert_eq!(limiter.quota().search_allowance, 5);
}
