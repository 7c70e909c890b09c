//! A person's edit, while a portal with little room has much to do.

use tec_crm::sim::hubspot::{NeighbourConfig, SimConfig};

use super::*;

/// An admin has removed forty of sixty users, and there is room for one call in ten seconds: forty are to be invited again.
async fn resyncing() -> World {
    let mut world = World::new(1, SimConfig { auto_accept: true, limit_per_10s: 100, ..SimConfig::default() });
    world.connection(&json!({}));
    world.schedules("schedules", &[("101", "Weekdays")], &json!({}));
    for number in 0..60 {
        world.assistant(&format!("a{number:02}"), &json!({"firstName": "Ada"}));
    }
    world.start();
    world.pass(10 * MINUTE).await;
    world.assert_all_ready();
    world.hubspot.neighbour(&NeighbourConfig { per_10s: 99, ..NeighbourConfig::default() });
    world.pass(15 * SECOND).await;
    for number in 0..40 {
        world.hubspot.remove_user(&format!("a{number:02}@example.com")).unwrap();
    }
    world.hubspot.reset_requests();
    world.pass(8 * MINUTE).await;
    let invited = world.hubspot.requests().of("POST", "/settings/users");
    assert!((3..=35).contains(&invited), "{invited} invited so far\n{}", world.trace());
    world.hubspot.reset_requests();
    world
}

/// The place, among the requests that follow, of the first that fits.
async fn place(world: &World, method: &str, path: &str) -> usize {
    world.pass(45 * SECOND).await;
    let trace = world.hubspot.trace();
    let found = trace.iter().position(|entry| entry.method == method && entry.path.contains(path));
    found.unwrap_or_else(|| panic!("no {method} {path} in {trace:#?}"))
}

#[tokio::test(start_paused = true)]
async fn an_edit_is_among_the_next_two_calls_while_many_resync() {
    let world = resyncing().await;
    let user = world.object("assistants", "a50")["status"]["userId"].as_str().unwrap().to_owned();
    world.assistant("a50", &json!({"firstName": "Adele"}));
    assert!(place(&world, "PUT", &format!("/{user}")).await < 2, "{}", world.trace());

    world.hubspot.reset_requests();
    world.schedules("schedules", &[("101", "Weekdays"), ("102", "Evenings")], &json!({}));
    // The field is read once more before its options are written.
    assert!(place(&world, "GET", "/tec_schedule").await < 2, "{}", world.trace());
    assert!(place(&world, "PATCH", "/tec_schedule").await <= 2, "{}", world.trace());
    assert_eq!(world.option_labels("tec_schedule"), ["Weekdays", "Evenings"]);
}

#[tokio::test(start_paused = true)]
async fn an_edit_of_what_is_being_worked_on_hurries_it() {
    let world = resyncing().await;
    let still: Vec<String> = (0..40)
        .map(|number| format!("a{number:02}"))
        .filter(|name| {
            let state = world.hubspot.state();
            let users = state["users"].as_array().unwrap();
            !users.iter().any(|user| user["email"] == format!("{name}@example.com"))
        })
        .collect();
    // The first of those in line has a place already and waits for its turn; the last has none yet.
    for name in [&still[0], &still[still.len() - 1]] {
        world.hubspot.reset_requests();
        world.assistant(name, &json!({"firstName": "Adele"}));
        world.pass(25 * SECOND).await;
        let users = world.hubspot.state()["users"].as_array().cloned().unwrap_or_default();
        let email = format!("{name}@example.com");
        assert!(users.iter().any(|user| user["email"] == email), "{name} of {still:?}\n{}", world.trace());
        assert!(world.hubspot.requests().total <= 3);
    }
}
