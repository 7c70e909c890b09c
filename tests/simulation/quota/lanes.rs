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

/// A cluster full of assistants that have yet to be invited, found by an operator that starts: nobody waits for them.
#[tokio::test(start_paused = true)]
async fn an_edit_is_among_the_next_two_calls_while_5000_objects_wait() {
    const WAITING: usize = 5_000;
    let latency = Duration::from_millis(100);
    let mut world = World::new(1, SimConfig { auto_accept: true, latency, limit_per_10s: 100, ..SimConfig::default() });
    world.connection(&json!({}));
    world.schedules("schedules", &[("101", "Weekdays")], &json!({}));
    world.assistant("ada", &json!({"firstName": "Ada"}));
    world.start();
    world.pass(2 * MINUTE).await;
    world.assert_all_ready();
    let user = world.object("assistants", "ada")["status"]["userId"].as_str().unwrap().to_owned();
    world.kill().await;
    for number in 0..WAITING + 400 {
        world.assistant(&format!("a{number:04}"), &json!({"firstName": "Ada"}));
    }
    world.start();
    world.pass(30 * SECOND).await;
    let invited = world.hubspot.requests().of("POST", "/settings/users");
    assert!((10..300).contains(&invited), "{invited} invited so far");
    world.hubspot.reset_requests();
    world.assistant("ada", &json!({"firstName": "Adele"}));
    world.pass(10 * SECOND).await;
    let trace = world.hubspot.trace();
    let place = trace.iter().position(|entry| entry.method == "PUT" && entry.path.contains(&format!("/{user}")));
    assert!(place.is_some_and(|place| place < 2), "{place:?}\n{}", world.trace());
    world.hubspot.reset_requests();
    world.schedules("schedules", &[("101", "Weekdays"), ("102", "Evenings")], &json!({}));
    world.pass(10 * SECOND).await;
    // The field is read first, among the next two; its options follow as soon as the answer is there.
    let trace = world.hubspot.trace();
    let find = |method: &str| trace.iter().position(|e| e.method == method && e.path.contains("/tec_schedule"));
    let (read, written) = (find("GET").expect("a read"), find("PATCH").expect("a write"));
    let between = trace[written].at.duration_since(trace[read].at);
    assert!(read < 2 && between <= latency.try_into().unwrap(), "{between:?}\n{}", world.trace());
    let invited = world.hubspot.state()["users"].as_array().map_or(0, Vec::len);
    assert!(invited < 400, "{invited} of {WAITING} are there: the others waited all the time");
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
