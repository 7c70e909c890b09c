//! Replies that are not what they should be: whatever comes, nothing is done twice, no code flips, and all is right afterwards.

use super::*;

/// The largest answer let through here: sixteen megabytes are much to carry about.
const ROOM: usize = 256 * 1024;

/// What one call may get instead of its answer.
fn bad_replies() -> Vec<Value> {
    let page = "<!DOCTYPE html><html><body><h1>Something went wrong</h1></body></html>";
    let mut all: Vec<Value> = [400, 404, 408, 409, 414, 500, 502, 503, 504, 521, 522, 523, 524, 525, 526]
        .map(|status| json!({"status": status, "body": page}))
        .into();
    let away = json!({"location": "https://elsewhere.example/steal", "content-type": "text/html"});
    all.extend([301, 302, 303, 307, 308].map(|status| json!({"status": status, "body": "", "headers": away})));
    all.extend([
        json!({"status": 200, "body": page}),
        json!({"status": 200, "body": ""}),
        json!({"status": 204, "body": ""}),
        json!({"status": 200, "body": "null"}),
        json!({"status": 200, "body": "[]"}),
        json!({"status": 200, "body": "\u{feff}{}"}),
        json!({"status": 200, "body": {"results": null, "paging": null}}),
        json!({"status": 200, "body": {"results": [null, 7, "text", [], {}]}}),
        json!({"cut": true}),
        json!({"status": 200, "body": "x".repeat(ROOM + 1)}),
        json!({"delayMs": 45_000}),
        json!({"drop": true}),
    ]);
    all
}

/// Everything in `status` that says what HubSpot has.
fn codes(world: &World) -> Vec<Value> {
    ["ada", "bob"].map(|name| world.object("assistants", name)["status"]["crmIntegrationStatus"].clone()).into()
}

#[tokio::test(start_paused = true)]
async fn any_bad_reply_to_any_read_changes_nothing_and_is_got_over() {
    const READS: [&[&str]; 2] = [
        // The probe fails: nothing else is read.
        &["/account-info/details"],
        &["/settings/users", "/crm/owners", "/crm/properties/contacts", "/crm/properties/contacts/groups"],
    ];
    for reply in bad_replies() {
        let world = settled().await;
        world.wire.allow(ROOM);
        let (before, view) = (codes(&world), world.portal_view());
        let what: String = reply.to_string().chars().take(120).collect();
        for (round, routes) in READS.into_iter().enumerate() {
            for route in routes {
                let mut rule = json!({"route": route, "method": "GET", "times": 4});
                json_patch::merge(&mut rule, &reply);
                world.hubspot.add_fault(fault(&rule)).unwrap();
            }
            world.request("crmconnections", "portal", &format!("c{round}"));
            world.request("assistants", "ada", &format!("a{round}"));
            world.pass(10 * SECOND).await;
            assert_eq!(codes(&world), before, "{routes:?} {what}");
            world.pass(2 * MINUTE).await;
            assert_eq!(codes(&world), before, "{routes:?} {what}");
            world.hubspot.clear_faults();
            world.request("crmconnections", "portal", &format!("d{round}"));
            world.request("assistants", "ada", &format!("b{round}"));
            world.pass(MINUTE).await;
            world.assert_all_ready();
        }
        assert_eq!((codes(&world), world.portal_view()), (before, view), "{what}");
        assert_eq!(writes(&world), 0, "{what}");
        let hosts: std::collections::BTreeSet<String> =
            world.wire.credentials().into_iter().map(|(host, _)| host).collect();
        assert_eq!(hosts.into_iter().collect::<Vec<_>>(), ["api.hubapi.com"], "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn any_bad_reply_to_any_write_makes_nothing_twice() {
    const WRITES: [&str; 4] = [
        "/settings/users",
        "/crm/properties/contacts",
        "/crm/properties/contacts/groups",
        "/crm/properties/contacts/{name}",
    ];
    for reply in bad_replies() {
        for when in ["before", "after"] {
            let mut world = World::new(1, SimConfig { limit_per_10s: 1000, ..SimConfig::default() });
            world.usual_objects();
            world.wire.allow(ROOM);
            for route in WRITES {
                for method in ["POST", "PATCH"] {
                    let mut rule = json!({"route": route, "method": method, "times": 1, "when": when});
                    json_patch::merge(&mut rule, &reply);
                    world.hubspot.add_fault(fault(&rule)).unwrap();
                }
            }
            world.start();
            world.pass(2 * MINUTE).await;
            for (plural, name) in [
                ("crmconnections", "portal"),
                ("assistants", "ada"),
                ("assistants", "bob"),
                ("schedulesyncs", "schedules"),
            ] {
                world.request(plural, name, "again");
            }
            world.pass(6 * MINUTE).await;
            let what: String = format!("{when} {reply}").chars().take(120).collect();
            assert!(
                world.all_ready().values().all(|text| text.starts_with("True/")),
                "{what}: {:#?}",
                world.all_ready()
            );
            // Made once each, however often it was asked for.
            let made = world.hubspot.requests().with_status(201);
            assert!(made <= 7, "{what}: {made} things were made");
            let view = world.portal_view();
            assert_eq!(view["users"].as_array().unwrap().len(), 3, "{what}");
            assert_eq!(world.option_labels("tec_schedule"), ["Weekdays", "Evenings", "Every day"], "{what}");
            world.hubspot.reset_requests();
            world.pass(6 * MINUTE).await;
            assert_eq!(writes(&world), 0, "{what}: needless");
        }
    }
}
