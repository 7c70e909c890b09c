//! Which host is asked, and how often.

use std::time::Duration;

use url::Url;

use crate::hubspot::{
    region::{Region, resolve},
    testing::{Bench, Reply, bench_with, reply},
};

const ACCOUNT: &str = r#"{"portalId":999001,"timeZone":"US/Eastern","dataHostingLocation":"eu1"}"#;

fn on(token: &str, replies: impl IntoIterator<Item = Reply>) -> Bench {
    bench_with(replies, token, 0, Duration::ZERO)
}

fn hosts(bench: &Bench) -> Vec<String> {
    bench.script.seen().into_iter().map(|seen| seen.host).collect()
}

const DOCUMENTED: &str = "https://api.hubapi.com";
const EUROPE: &str = "https://api-eu1.hubapi.com";

#[tokio::test(start_paused = true)]
async fn the_documented_host_is_enough_where_it_answers() {
    let bench = on("pat-eu1-x", [reply(200, ACCOUNT)]);
    let resolved = resolve(&bench.hubspot, None).await.unwrap();
    assert_eq!(resolved.base.as_str().trim_end_matches('/'), DOCUMENTED);
    assert_eq!(hosts(&bench), [DOCUMENTED]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_regional_token_is_tried_in_its_region_once() {
    let bench = on("pat-eu1-x", [reply(401, ""), reply(200, ACCOUNT)]);
    let resolved = resolve(&bench.hubspot, None).await.unwrap();
    assert_eq!(resolved.base.as_str().trim_end_matches('/'), EUROPE);
    resolved.hubspot.account_details().await.unwrap();
    assert_eq!(hosts(&bench), [DOCUMENTED, EUROPE, EUROPE]);

    let dead = on("pat-eu1-x", [reply(401, "")]);
    assert_eq!(resolve(&dead.hubspot, None).await.unwrap_err().category(), "unauthorized");
    assert_eq!(hosts(&dead), [DOCUMENTED, EUROPE]);
}

#[tokio::test(start_paused = true)]
async fn nothing_else_is_tried() {
    for (token, answer) in [
        ("pat-na1-x", reply(401, "")),
        ("oauth-token", reply(401, "")),
        ("pat-evil.example-x", reply(401, "")),
        ("pat-eu1-x", reply(403, "")),
        ("pat-na1-x", reply(488, r#"{"correctHublet":"eu1@evil.example/"}"#)),
    ] {
        let bench = on(token, [answer]);
        assert!(resolve(&bench.hubspot, None).await.is_err());
        assert_eq!(hosts(&bench), [DOCUMENTED], "{token}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_named_region_beats_the_prefix() {
    let bench = on("pat-na1-x", [reply(488, r#"{"correctHublet":"eu1"}"#), reply(200, ACCOUNT)]);
    resolve(&bench.hubspot, None).await.unwrap();
    assert_eq!(hosts(&bench), [DOCUMENTED, EUROPE]);
    let header = reply(488, "").header("X-HubSpot-Correct-Hublet", "eu1");
    let bench = on("oauth-token", [header, reply(200, ACCOUNT)]);
    resolve(&bench.hubspot, None).await.unwrap();
    assert_eq!(hosts(&bench), [DOCUMENTED, EUROPE]);
}

#[tokio::test(start_paused = true)]
async fn a_configured_endpoint_is_the_only_one() {
    let bench = on("pat-eu1-x", [reply(401, "")]);
    let endpoint = Url::parse("http://127.0.0.1:8686/").unwrap();
    assert!(resolve(&bench.hubspot, Some(&endpoint)).await.is_err());
    assert_eq!(hosts(&bench), ["http://127.0.0.1:8686"]);
    assert_eq!(bench.script.lines(), ["GET /account-info/2026-03/details"]);
}

#[test]
fn regions_are_two_letters_and_a_digit() {
    assert!(Region::new("ap1").is_some());
    assert!(Region::new("na2").unwrap().is_north_america());
    for bad in ["", "eu", "eu12", "EU1", "e.1", "€1", "eu1/", "1eu"] {
        assert_eq!(Region::new(bad), None, "{bad:?}");
    }
}
