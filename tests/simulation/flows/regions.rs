//! Portals that live in another region: which host is asked, which answers, what is said, and where the token goes
//! (API.md §1).

use tec_crm::sim::hubspot::WrongRegion;

use super::*;

const DOCUMENTED: &str = "api.hubapi.com";
const EUROPE: &str = "api-eu1.hubapi.com";
const EUROPEAN: &str = "pat-eu1-00000000-0000-4000-8000-000000000002";
const UNMARKED: &str = "CJ-no-region-in-it-00000000000000000000000000";

/// A European portal, one connection with that token, and one assistant.
async fn european(wrong_region: WrongRegion, token: &str, connection: Value) -> World {
    let mut config = SimConfig { data_hosting_location: "eu1".to_owned(), ..SimConfig::default() };
    config.tokens = vec![TokenConfig::with_all_scopes(token)];
    config.switches.wrong_region = wrong_region;
    let mut world = World::new(1, config);
    world.secret("hubspot", token);
    world.connection(&connection);
    world.assistant("ada", &json!({}));
    world.start();
    world.pass(MINUTE).await;
    world
}

/// Hosts the token went to: how often to each, in order of name.
fn hosts(world: &World) -> Vec<(String, usize)> {
    let mut hosts = std::collections::BTreeMap::new();
    for (host, _) in world.wire.credentials() {
        *hosts.entry(host).or_insert(0) += 1;
    }
    hosts.into_iter().collect()
}

fn names(hosts: &[(String, usize)]) -> Vec<&str> {
    hosts.iter().map(|(host, _)| host.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn without_an_endpoint_the_region_is_found_with_one_more_probe_and_said() {
    for token in [EUROPEAN, UNMARKED] {
        for wrong_region in WrongRegion::ALL {
            let world = european(*wrong_region, token, json!({})).await;
            let what = format!("{wrong_region:?} {token}");
            let hosts = hosts(&world);
            let authorized = world.condition("crmconnections", "portal", "Authorized");
            match (wrong_region, token) {
                // Nothing says where it lives.
                (WrongRegion::Unauthorized, UNMARKED) => {
                    assert_eq!(hosts, [(DOCUMENTED.to_owned(), 1)], "{what}");
                    assert!(authorized.starts_with("False/InvalidCredentials"), "{what}: {authorized}");
                    continue;
                }
                (WrongRegion::Served, _) => assert_eq!(names(&hosts), [DOCUMENTED], "{what}"),
                (WrongRegion::Unauthorized | WrongRegion::Misdirected, _) => {
                    assert_eq!(names(&hosts), [EUROPE, DOCUMENTED], "{what}");
                    assert_eq!(hosts[1].1, 1, "{what}: the documented host is asked once");
                }
            }
            let answers = names(&hosts)[0].to_owned();
            assert!(
                authorized.starts_with(&format!("True/Succeeded: {answers} answers for portal 999001")),
                "{authorized}"
            );
            world.assert_all_ready();
            world.pass(Duration::from_hours(1)).await;
            assert_eq!(names(&self::hosts(&world)), [answers], "{what}: an hour later");
            world.assert_all_ready();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_endpoint_that_is_set_is_the_only_one() {
    for wrong_region in WrongRegion::ALL {
        let right = european(*wrong_region, EUROPEAN, json!({"apiEndpoint": format!("https://{EUROPE}")})).await;
        assert_eq!(names(&hosts(&right)), [EUROPE], "{wrong_region:?}");
        right.assert_all_ready();
        let wrong = european(*wrong_region, EUROPEAN, json!({"apiEndpoint": format!("https://{DOCUMENTED}")})).await;
        assert_eq!(names(&hosts(&wrong)), [DOCUMENTED], "{wrong_region:?}");
        let authorized = wrong.condition("crmconnections", "portal", "Authorized");
        let says = match wrong_region {
            WrongRegion::Served => "True/Succeeded: api.hubapi.com answers for portal 999001",
            WrongRegion::Unauthorized => "False/InvalidCredentials: ",
            WrongRegion::Misdirected => {
                "False/WrongRegion: account_details: the portal lives in another region: eu1; set apiEndpoint to https://api-eu1.hubapi.com, or leave it out"
            }
        };
        assert!(authorized.starts_with(says), "{authorized}");
        // As it says.
        wrong.connection(&json!({"apiEndpoint": format!("https://{EUROPE}")}));
        wrong.pass(MINUTE).await;
        wrong.assert_all_ready();
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_regional_token_costs_two_probes_an_interval() {
    let world = european(WrongRegion::Unauthorized, EUROPEAN, json!({})).await;
    world.hubspot.revoke_token(EUROPEAN).unwrap();
    world.pass(Duration::from_mins(12)).await;
    hosts(&world);
    world.pass(Duration::from_hours(1)).await;
    let hosts = hosts(&world);
    assert!(hosts.iter().all(|(host, _)| [DOCUMENTED, EUROPE].contains(&host.as_str())), "{hosts:?}");
    assert!(hosts.iter().all(|(_, count)| *count <= 14), "{hosts:?}");
    assert!(world.ready("crmconnections", "portal").starts_with("False/InvalidCredentials"));
}

#[tokio::test(start_paused = true)]
async fn the_token_goes_to_no_host_that_is_not_hubspots() {
    let elsewhere = ["evil.example", "eu1@evil.example/", "eu1.evil.example", "../../eu1", "EU1", "eu"];
    for region in elsewhere {
        let mut world = World::new(1, SimConfig::default());
        world.connection(&json!({}));
        let body = json!({"status": "error", "message": "unknown to this Hublet", "correctHublet": region});
        let headers = json!({"x-hubspot-correct-hublet": region, "location": format!("https://{region}/")});
        for status in [488, 302, 307, 308, 301] {
            let rule = json!({"route": "*", "times": 3, "status": status, "body": body, "headers": headers});
            world.hubspot.add_fault(fault(&rule)).unwrap();
        }
        world.start();
        world.pass(Duration::from_hours(3)).await;
        assert_eq!(names(&hosts(&world)), [DOCUMENTED], "{region}");
        world.assert_all_ready();
    }
    for endpoint in [
        "https://evil.example",
        "https://api.hubapi.com.evil.example",
        "https://api.hubapi.com@evil.example",
        "http://api.hubapi.com",
    ] {
        let mut world = World::new(1, SimConfig::default());
        world.connection(&json!({"apiEndpoint": endpoint}));
        world.start();
        world.pass(Duration::from_mins(20)).await;
        assert!(hosts(&world).is_empty(), "{endpoint}");
        let ready = world.ready("crmconnections", "portal");
        assert!(ready.starts_with("False/InvalidSpec"), "{ready}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_488_now_and_then_as_after_a_move_flips_nothing() {
    let world = settled().await;
    let code = |name: &str| world.object("assistants", name)["status"]["crmIntegrationStatus"].clone();
    let before = [code("ada"), code("bob")];
    let body = json!({"status": "error", "message": "unknown to this Hublet", "correctHublet": "eu1"});
    for turn in 0..40 {
        let rule = json!({"route": "*", "times": 1, "afterN": 6 * turn, "status": 488, "body": body});
        world.hubspot.add_fault(fault(&rule)).unwrap();
    }
    for _ in 0..60 {
        world.pass(MINUTE).await;
        assert_eq!([code("ada"), code("bob")], before);
    }
    assert!(world.hubspot.requests().with_status(488) >= 5);
    world.hubspot.clear_faults();
    world.pass(Duration::from_mins(7)).await;
    world.assert_all_ready();
    assert_eq!(writes(&world), 0);
}
