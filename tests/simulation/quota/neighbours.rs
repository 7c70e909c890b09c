//! Another app, or a script with our token, uses the same limits. It is never refused because of us.

use jiff::tz::TimeZone;
use tec_crm::sim::hubspot::{NeighbourConfig, SimConfig};

use super::*;
use crate::simulation::leads::office::{Office, Start};

/// A portal with a hundred calls in ten seconds, and many assistants to invite.
fn busy(reserve: u32, assistants: u32) -> World {
    let world = World::new(1, SimConfig { auto_accept: true, ..SimConfig::default() });
    world.connection(&json!({"quota": {"reservePercent": reserve}}));
    for number in 0..assistants {
        world.assistant(&format!("a{number:03}"), &json!({}));
    }
    world
}

#[tokio::test(start_paused = true)]
async fn alone_we_use_the_window_but_for_the_reserve() {
    for (reserve, share) in [(0, 100), (20, 80), (50, 50)] {
        let mut world = busy(reserve, 200);
        world.start();
        world.pass(15 * MINUTE).await;
        world.assert_all_ready();
        assert_eq!(most_in(&world, 10 * SECOND, |entry| !is_search(entry)), share);
        assert_eq!(world.hubspot.requests().with_status(429), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_neighbour_that_uses_80_percent_of_the_window_is_never_refused() {
    for (reserve, share) in [(0, 20), (20, 1), (50, 1)] {
        for in_bursts in [false, true] {
            let mut world = busy(reserve, 20);
            world.hubspot.neighbour(&NeighbourConfig { per_10s: 80, in_bursts, ..NeighbourConfig::default() });
            world.pass(11 * SECOND).await;
            world.start();
            world.pass(if share == 1 { 30 * MINUTE } else { 5 * MINUTE }).await;
            world.assert_all_ready();
            let most = most_in(&world, 10 * SECOND, |entry| !is_search(entry));
            assert!(most <= share && most >= share.min(10), "{most} of {share} beside the reserve of {reserve} %");
            let counts = world.hubspot.neighbour_counts();
            assert!(counts.sent > 1_000 && counts.refused.is_empty(), "{counts:?}");
            assert_eq!(world.hubspot.requests().with_status(429), 0);
        }
    }
}

/// It comes when we are at work, and goes again.
#[tokio::test(start_paused = true)]
async fn a_neighbour_that_comes_is_given_way_and_one_that_goes_leaves_its_share() {
    let mut world = busy(20, 150);
    world.start();
    world.pass(5 * SECOND).await;
    let neighbour = NeighbourConfig { per_10s: 40, ..NeighbourConfig::default() };
    world.hubspot.neighbour(&neighbour);
    world.pass(11 * SECOND).await;
    world.hubspot.neighbour(&neighbour);
    world.hubspot.reset_requests();
    world.pass(30 * SECOND).await;
    let beside = most_in(&world, 10 * SECOND, |entry| !is_search(entry));
    assert!((30..=40).contains(&beside), "{beside} of 40");
    assert_eq!(world.hubspot.neighbour_counts().refused.len(), 0);
    world.hubspot.neighbour(&NeighbourConfig::default());
    world.pass(10 * MINUTE).await;
    world.assert_all_ready();
    assert_eq!(world.hubspot.requests().with_status(429), 0);
}

fn owner_of_ada(office: &Office) -> String {
    office.world.object("assistants", "ada")["status"]["ownerId"].as_str().unwrap().to_owned()
}

/// Leads, with so much kept for others and a neighbour that searches.
async fn searching(reserve: u32, neighbour: NeighbourConfig) -> Office {
    let portal = SimConfig { limit_per_10s: 1000, auto_accept: true, ..SimConfig::default() };
    let connection = json!({"quota": {"reservePercent": reserve}});
    let mut office = Office::closed(Start { portal, connection, ..Start::default() });
    office.world.hubspot.neighbour(&neighbour);
    office.world.start();
    office.pass(3 * MINUTE).await;
    office.ada = owner_of_ada(&office);
    let new: Vec<String> = (0..250).map(|number| office.contact(&format!("new{number}"))).collect();
    office.edit(&new, "hubspot_owner_id", &office.ada);
    office.pass(10 * MINUTE).await;
    assert_eq!(office.tec().leads().len(), 250);
    assert_eq!(office.world.hubspot.requests().with_status(429), 0, "{}", office.world.trace());
    office
}

#[tokio::test(start_paused = true)]
async fn a_neighbour_that_uses_80_percent_of_the_searches_is_never_refused() {
    for reserve in [0, 20, 50] {
        for in_bursts in [false, true] {
            let neighbour = NeighbourConfig { searches_per_s: 4, in_bursts, ..NeighbourConfig::default() };
            let office = searching(reserve, neighbour).await;
            assert_eq!(most_in(&office.world, SECOND, is_search), 1);
            let counts = office.world.hubspot.neighbour_counts();
            assert!(counts.sent > 3_000 && counts.refused.is_empty(), "{reserve} {counts:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn alone_we_search_but_for_the_reserve() {
    for (reserve, share) in [(0, 5), (20, 4), (50, 2)] {
        let office = searching(reserve, NeighbourConfig::default()).await;
        let most = most_in(&office.world, SECOND, is_search);
        assert!(most <= share, "{most} of {share}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_neighbour_that_uses_80_percent_of_the_day_is_never_refused() {
    for reserve in [0, 20, 50] {
        // Midnight in Honolulu is when the story begins.
        let zone = TimeZone::get("Pacific/Honolulu").unwrap();
        let portal = SimConfig {
            limit_per_10s: 1000,
            daily_limit: 10_000,
            auto_accept: true,
            time_zone: zone,
            ..SimConfig::default()
        };
        let connection = json!({"quota": {"reservePercent": reserve}});
        let mut office = Office::closed(Start { portal, connection, ..Start::default() });
        let neighbour = NeighbourConfig { per_day: 8_000, app_id: 778, ..NeighbourConfig::default() };
        office.world.hubspot.neighbour(&neighbour);
        office.world.start();
        office.pass(23 * HOUR).await;
        let ours = office.world.hubspot.requests().total;
        assert!((1_000..=2_000).contains(&ours), "{ours} calls of ours beside 80 % and a reserve of {reserve} %");
        let exhausted = office.world.condition("crmconnections", "portal", "QuotaExhausted");
        assert!(exhausted.contains("2026-11-23T10:00:00Z"), "{exhausted}");
        // Work waits for the next day, and is done then.
        office.ada = owner_of_ada(&office);
        let lena = office.contact("lena");
        office.assign(&lena, &office.ada);
        office.pass(HOUR + MINUTE).await;
        assert_eq!(office.leads(&lena), ["New ada"]);
        office.world.assert_all_ready();
        assert_eq!(office.world.hubspot.neighbour_counts().refused.len(), 0);
        assert_eq!(office.world.hubspot.requests().with_status(429), 0);
    }
}
