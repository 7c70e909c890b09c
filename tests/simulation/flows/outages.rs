//! HubSpot down, slow, or at its limits.

use super::*;

#[tokio::test(start_paused = true)]
async fn hubspot_down_keeps_codes_writes_status_once_and_recovers() {
    let answers = [
        json!({"route": "*", "times": 100_000, "status": 500, "body": "<html>oops</html>"}),
        json!({"route": "*", "times": 100_000, "drop": true}),
        json!({"route": "*", "times": 100_000, "status": 200, "body": "<html>maintenance</html>"}),
    ];
    for answer in answers {
        let world = settled().await;
        world.hubspot.add_fault(fault(&answer)).unwrap();
        world.pass(Duration::from_mins(30)).await;
        let status = world.object("assistants", "ada")["status"].clone();
        assert_eq!(status["crmIntegrationStatus"], "ASSISTANT_EXISTS_AS_USER_IN_CRM");
        assert!(world.ready("crmconnections", "portal").starts_with("Unknown/Unreachable"), "{answer}");
        let before = versions(&world);
        world.pass(Duration::from_mins(30)).await;
        assert_eq!(versions(&world), before, "a retry of the same failure writes nothing");
        world.hubspot.clear_faults();
        world.pass(Duration::from_mins(6)).await;
        world.assert_all_ready();
        assert_eq!(writes(&world), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn each_limit_is_obeyed_without_a_useless_write() {
    for (policy, window) in [("TEN_SECONDLY_ROLLING", 10), ("SECONDLY", 1)] {
        let world = settled().await;
        let before = versions(&world);
        let body = json!({"status": "error", "message": "limit", "errorType": "RATE_LIMIT", "policyName": policy});
        let rule = json!({"route": "*", "times": 100_000, "status": 429, "body": body});
        world.hubspot.add_fault(fault(&rule)).unwrap();
        world.request("crmconnections", "portal", "1");
        world.pass(MINUTE).await;
        let calls = world.hubspot.requests().total;
        assert!(calls >= 1 && calls <= 60 / window + 1, "{calls} calls under {policy}");
        world.hubspot.clear_faults();
        world.pass(Duration::from_mins(7)).await;
        world.assert_all_ready();
        let after = versions(&world);
        // Only the connection's echo of the request.
        assert_eq!(after.iter().zip(&before).filter(|(a, b)| a != b).count(), 1, "{policy}");
        assert_eq!(writes(&world), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_daily_limit_is_waited_out_until_the_portals_midnight() {
    let world = settled().await;
    let body = json!({"status": "error", "message": "limit", "errorType": "RATE_LIMIT", "policyName": "DAILY"});
    let rule = json!({"route": "*", "times": 1, "status": 429, "body": body});
    world.hubspot.add_fault(fault(&rule)).unwrap();
    world.request("crmconnections", "portal", "1");
    world.pass(MINUTE).await;
    let exhausted = world.condition("crmconnections", "portal", "QuotaExhausted");
    assert!(exhausted.starts_with("True/QuotaExhausted") && exhausted.contains("2026-11-23T00:00:00Z"), "{exhausted}");
    world.hubspot.reset_requests();
    world.pass(Duration::from_hours(13)).await;
    assert_eq!(world.hubspot.requests().total, 0);
    world.pass(Duration::from_hours(1)).await;
    world.assert_all_ready();
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_to_a_create_makes_nothing_twice() {
    let routes = [
        ("/settings/users", "/settings/users"),
        ("/crm/properties/contacts", "/crm/properties/contacts"),
        ("/crm/properties/contacts/groups", "/crm/properties/contacts/groups"),
    ];
    for (route, counted) in routes {
        for rule in [
            json!({"route": route, "method": "POST", "times": 1, "drop": true, "when": "after"}),
            json!({"route": route, "method": "POST", "times": 1, "status": 504, "when": "after"}),
        ] {
            let mut world = World::new(1, SimConfig::default());
            world.connection(&json!({}));
            world.assistant("ada", &json!({}));
            world.hubspot.add_fault(fault(&rule)).unwrap();
            world.start();
            world.pass(Duration::from_mins(10)).await;
            world.assert_all_ready();
            let expected = if counted == "/crm/properties/contacts" { 4 } else { 1 };
            assert_eq!(world.hubspot.requests().of("POST", counted), expected, "{rule}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_list_that_fails_is_tried_again_soon_and_one_refused_is_not_hammered() {
    let world = settled().await;
    let down = json!({"route": "/settings/users", "times": 100_000, "status": 503});
    world.hubspot.add_fault(fault(&down)).unwrap();
    world.request("assistants", "ada", "1");
    world.pass(MINUTE).await;
    assert!(
        world.ready("assistants", "ada").starts_with("Unknown/Unreachable"),
        "{}",
        world.ready("assistants", "ada")
    );
    world.hubspot.clear_faults();
    world.pass(MINUTE).await;
    assert!(world.ready("assistants", "ada").starts_with("True/"), "{}", world.ready("assistants", "ada"));
    let refused = json!({"route": "/settings/users", "times": 100_000, "status": 401});
    world.hubspot.add_fault(fault(&refused)).unwrap();
    world.hubspot.reset_requests();
    world.pass(Duration::from_hours(1)).await;
    let calls = world.hubspot.requests().total;
    assert!(calls <= 13 * 8, "{calls} calls in an hour of twelve intervals");
}

#[tokio::test(start_paused = true)]
async fn what_goes_while_no_watch_is_open_is_missed_when_all_is_listed_again() {
    let world = settled().await;
    world.kube.cut_watches();
    world.kube.delete("secrets", NAMESPACE, "hubspot").unwrap();
    let nobody = json!({"metadata": {"finalizers": []}});
    world.kube.patch("assistants", NAMESPACE, "ada", nobody).unwrap();
    world.kube.delete("assistants", NAMESPACE, "ada").unwrap();
    world.kube.compact();
    world.pass(10 * MINUTE).await;
    let connection = world.ready("crmconnections", "portal");
    assert!(connection.starts_with("False/ReferenceNotFound"), "{connection}");
    assert_eq!(world.object("crmconnections", "portal")["status"]["assistants"], 1);
}
