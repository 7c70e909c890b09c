//! TEC beside HubSpot: assistants that are not there yet, schedules that come from there, and TEC out of reach.

use http::Method;
use tec_crm::{
    api::condition::Reason,
    sim::{
        hubspot::{Fault, When},
        tec::{NewAssistant, NewSchedule, TecConfig},
    },
};

use super::*;

const INTERVAL: Duration = Duration::from_mins(5);

/// A portal and a TEC with two assistants and three schedules, and nothing in Kubernetes but the connection. Leads stay off:
/// they have flows of their own.
fn prepared(config: SimConfig) -> World {
    let world = World::new(1, config).with_tec(TecConfig::default());
    for name in ["ada", "bob"] {
        onboarded(&world, name, true);
    }
    for (id, name) in [("101", "Weekdays"), ("102", "Evenings"), ("103", "Every day")] {
        world.tec().schedule(NewSchedule::new(id, name)).unwrap();
    }
    connect(&world, &json!({}));
    world
}

fn connect(world: &World, extra: &Value) {
    let mut spec = json!({"leads": {"mode": "Off"}});
    json_patch::merge(&mut spec, extra);
    world.connection_with_tec(&spec);
}

fn onboarded(world: &World, name: &str, finished: bool) {
    let assistant = NewAssistant { onboarded: Some(finished), ..NewAssistant::new(format!("{name}@example.com")) };
    world.tec().assistant(assistant).unwrap();
}

fn from_tec(world: &World, name: &str, extra: &Value) {
    let mut spec = json!({"connectionRef": {"name": "portal"}, "source": {"tec": {}}});
    json_patch::merge(&mut spec, extra);
    world.apply("ScheduleSync", name, &spec);
}

/// With two assistants and TEC's schedules, all of it in line, and all logs empty.
async fn in_line() -> World {
    let mut world = prepared(SimConfig { limit_per_10s: 1000, ..SimConfig::default() });
    world.assistant("ada", &json!({}));
    world.assistant("bob", &json!({}));
    from_tec(&world, "schedules", &json!({}));
    world.start();
    world.pass(MINUTE).await;
    world.assert_all_ready();
    world.hubspot.reset_requests();
    world.tec().reset_requests();
    world
}

fn code(world: &World, name: &str) -> Value {
    world.object("assistants", name)["status"]["crmIntegrationStatus"].clone()
}

fn handled(world: &World, name: &str) -> Value {
    world.object("assistants", name)["status"]["lastHandledReconcileAt"].clone()
}

/// `state: message` of a step of the checklist.
fn step(world: &World, name: &str, step: &str) -> String {
    let setup = world.object("assistants", name)["status"]["setup"].clone();
    let found = setup.as_array().into_iter().flatten().find(|entry| entry["step"] == step).cloned().unwrap_or_default();
    format!("{}: {}", found["state"].as_str().unwrap_or_default(), found["message"].as_str().unwrap_or_default())
}

fn invited(world: &World) -> u64 {
    world.hubspot.requests().of("POST", "/settings/users")
}

/// Calls for the two lists.
fn list_calls(world: &World) -> u64 {
    let requests = world.tec().requests();
    requests.of("GET", "/v1/assistants") + requests.of("GET", "/v1/schedules")
}

fn starts(text: &str, beginning: &str) {
    assert!(text.starts_with(beginning), "{text}");
}

#[tokio::test(start_paused = true)]
async fn an_assistant_that_tec_does_not_have_is_invited_when_it_does() {
    let mut world = prepared(SimConfig::default());
    onboarded(&world, "bob", false);
    for name in ["ada", "bob", "eve"] {
        world.assistant(name, &json!({}));
    }
    world.start();
    world.pass(MINUTE).await;
    starts(&world.ready("assistants", "ada"), "True/");
    assert_eq!(step(&world, "ada", "AssistantCreated"), "Done: TEC has the assistant");
    for (name, why) in [("bob", "onboarding"), ("eve", "e-mail address")] {
        assert_eq!(code(&world, name), "ASSISTANT_NOT_YET_CREATED");
        let ready = world.ready("assistants", name);
        assert!(
            ready.starts_with("False/NotCreatedInTec: finish the assistant in TEC") && ready.contains(why),
            "{ready}"
        );
        starts(&world.condition("assistants", name, "Reconciling"), "True/NotCreatedInTec");
        assert_eq!(world.condition("assistants", name, "Stalled"), "-");
        starts(&world.condition("assistants", name, "UserExists"), "False/");
        starts(&step(&world, name, "AssistantCreated"), "Pending: finish the assistant in TEC");
        starts(&step(&world, name, "UserInvited"), "Blocked: nobody is invited before TEC has the assistant");
    }
    assert_eq!(invited(&world), 1, "ada alone");
    let (before, calls) = (versions(&world), world.hubspot.requests().total);
    world.pass(Duration::from_mins(20)).await;
    assert_eq!(versions(&world), before);
    let calls = world.hubspot.requests().total - calls;
    assert!(calls <= 5 * 6, "{calls} calls: nothing is asked about those who wait");
    // Finished in TEC: seen within an interval, or at once if somebody asks.
    onboarded(&world, "bob", true);
    world.pass(INTERVAL.mul_f64(1.2)).await;
    starts(&world.ready("assistants", "bob"), "True/");
    onboarded(&world, "eve", true);
    world.request("assistants", "eve", "1");
    world.pass(10 * SECOND).await;
    starts(&world.ready("assistants", "eve"), "True/");
    assert_eq!(handled(&world, "eve"), "1");
    assert_eq!(code(&world, "eve"), "ASSISTANT_EXISTS_AS_USER_IN_CRM");
    assert_eq!(invited(&world), 3);
}

#[tokio::test(start_paused = true)]
async fn a_user_that_is_there_is_reported_and_left_alone_while_tec_does_not_have_its_assistant() {
    let mut world = prepared(SimConfig::default());
    let member = json!({"email": "eve@example.com", "firstName": "Eva", "accepted": true});
    world.hubspot.add_user(serde_json::from_value(member).unwrap()).unwrap();
    world.assistant("eve", &json!({"role": "Sales rep"}));
    world.assistant("ada", &json!({"deletionPolicy": "Delete"}));
    world.start();
    world.pass(MINUTE).await;
    assert_eq!(code(&world, "eve"), "ASSISTANT_NOT_YET_CREATED");
    starts(&world.ready("assistants", "eve"), "False/NotCreatedInTec");
    starts(&world.condition("assistants", "eve", "UserExists"), "True/");
    starts(&world.condition("assistants", "eve", "OwnerActive"), "True/");
    let drifted = world.condition("assistants", "eve", "Drifted");
    assert!(drifted.starts_with("True/DriftReported") && drifted.contains("role"), "{drifted}");
    // TEC loses one it had.
    world.hubspot.reset_requests();
    onboarded(&world, "ada", false);
    world.request("crmconnections", "portal", "1");
    world.pass(10 * SECOND).await;
    assert_eq!(code(&world, "ada"), "ASSISTANT_NOT_YET_CREATED");
    starts(&world.condition("assistants", "ada", "UserExists"), "True/");
    world.pass(Duration::from_mins(20)).await;
    assert_eq!(writes(&world), 0);
    // Gone from HubSpot meanwhile: not invited again before TEC has it.
    world.hubspot.remove_user("ada@example.com").unwrap();
    world.pass(Duration::from_mins(6)).await;
    assert_eq!(invited(&world), 0);
    onboarded(&world, "ada", true);
    world.pass(Duration::from_mins(6)).await;
    assert_eq!(invited(&world), 1);
    starts(&world.ready("assistants", "ada"), "True/");
    starts(&world.ready("assistants", "eve"), "False/NotCreatedInTec");
}

#[tokio::test(start_paused = true)]
async fn tec_out_of_reach_keeps_codes_invites_nobody_new_and_writes_status_once() {
    let answers = [
        json!({"route": "*", "times": 100_000, "status": 500}),
        json!({"route": "*", "times": 100_000, "drop": true}),
        json!({"route": "*", "times": 100_000, "status": 200, "body": "<html>maintenance</html>"}),
        json!({"route": "*", "times": 100_000, "delayMs": 3_600_000}),
        json!({"route": "*", "times": 100_000, "status": 404}),
    ];
    for answer in answers {
        let world = in_line().await;
        world.tec().add_fault(fault(&answer)).unwrap();
        world.pass(Duration::from_mins(30)).await;
        world.assistant("eve", &json!({}));
        world.request("assistants", "ada", "1");
        world.pass(Duration::from_mins(10)).await;
        starts(&world.ready("crmconnections", "portal"), "True/");
        for name in ["ada", "bob", "eve"] {
            starts(&world.ready("assistants", name), "Unknown/TecUnreachable");
            starts(&step(&world, name, "AssistantCreated"), "Blocked");
        }
        assert_eq!(code(&world, "ada"), "ASSISTANT_EXISTS_AS_USER_IN_CRM");
        assert_eq!(code(&world, "eve"), Value::Null, "never guess");
        assert_eq!(handled(&world, "ada"), Value::Null, "asked for, and not done yet");
        starts(&world.ready("schedulesyncs", "schedules"), "Unknown/TecUnreachable");
        assert_eq!(world.object("schedulesyncs", "schedules")["status"]["options"], 3);
        let before = versions(&world);
        world.tec().reset_requests();
        world.hubspot.reset_requests();
        world.pass(Duration::from_hours(1)).await;
        let calls = world.hubspot.requests().total;
        assert!(calls <= 13 * 6, "{calls} calls to HubSpot in an hour of 12 intervals: {answer}");
        assert_eq!(versions(&world), before, "a retry of the same failure writes nothing: {answer}");
        // Two lists, three attempts each, at most some thirty times an hour once pauses have grown.
        let calls = list_calls(&world);
        assert!((20..=200).contains(&calls), "{calls} calls in an hour: {answer}");
        assert_eq!(writes(&world), 0);
        // Who was known before is still looked after.
        world.hubspot.remove_user("bob@example.com").unwrap();
        world.pass(Duration::from_mins(7)).await;
        assert_eq!(invited(&world), 1, "bob: {answer}");
        assert_eq!(world.option_labels("tec_schedule"), ["Weekdays", "Evenings", "Every day"]);
        world.tec().clear_faults();
        onboarded(&world, "eve", true);
        world.pass(Duration::from_mins(7)).await;
        world.assert_all_ready();
        assert_eq!(handled(&world, "ada"), "1");
    }
}

#[tokio::test(start_paused = true)]
async fn a_tec_that_hangs_does_not_hold_up_hubspot() {
    let mut world = prepared(SimConfig::default());
    let hangs = json!({"route": "*", "times": 100_000, "delayMs": 3_600_000});
    world.tec().add_fault(fault(&hangs)).unwrap();
    world.assistant("ada", &json!({}));
    from_tec(&world, "schedules", &json!({}));
    world.start();
    world.pass(Duration::from_secs(90)).await;
    starts(&world.ready("crmconnections", "portal"), "True/");
    assert!(world.property("tec_schedule").is_some());
    let ready = world.ready("assistants", "ada");
    assert!(ready.starts_with("Unknown/TecUnreachable") && ready.contains("60 s"), "{ready}");
    starts(&world.ready("schedulesyncs", "schedules"), "Unknown/TecUnreachable");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_tec_refuses_is_named_and_costs_one_probe_an_interval() {
    let mut world = prepared(SimConfig { limit_per_10s: 1_000_000, ..SimConfig::default() });
    world.secret("tec", "tec-canary-wrong");
    for place in 0..200 {
        let name = format!("a{place}");
        onboarded(&world, &name, true);
        world.assistant(&name, &json!({}));
    }
    from_tec(&world, "schedules", &json!({}));
    world.start();
    world.pass(Duration::from_hours(1)).await;
    let calls = list_calls(&world);
    assert!((2 * 10..=2 * 14).contains(&calls), "{calls} calls in an hour of 12 intervals");
    starts(&world.ready("crmconnections", "portal"), "True/");
    for (plural, name) in [("assistants", "a7"), ("schedulesyncs", "schedules")] {
        let ready = world.ready(plural, name);
        assert!(ready.starts_with("Unknown/InvalidCredentials: TEC refused"), "{ready}");
        assert!(ready.contains("Secret tec") && ready.contains("\"token\""), "{ready}");
    }
    assert_eq!(invited(&world), 0);
    for plural in ["crmconnections", "assistants", "schedulesyncs", "events"] {
        assert!(!world.kube.list(plural).iter().any(|object| object.to_string().contains("canary")), "{plural}");
    }
    // Rotated: all well, at once.
    world.secret("tec", tec_crm::sim::tec::DEFAULT_TOKEN);
    world.pass(MINUTE).await;
    world.assert_all_ready();
}

#[tokio::test(start_paused = true)]
async fn without_its_secret_tec_waits_and_hubspot_does_not() {
    let mut world = prepared(SimConfig::default());
    connect(&world, &json!({"tec": {"tokenSecretRef": {"name": "later"}}}));
    world.assistant("ada", &json!({}));
    from_tec(&world, "schedules", &json!({}));
    world.start();
    world.pass(Duration::from_hours(1)).await;
    starts(&world.condition("crmconnections", "portal", "FieldsSynced"), "True/");
    for (plural, name) in [("assistants", "ada"), ("schedulesyncs", "schedules")] {
        let ready = world.ready(plural, name);
        assert_eq!(ready, "Unknown/ReferenceNotFound: TEC cannot be read: Secret later does not exist");
    }
    assert_eq!((world.tec().requests().total, invited(&world)), (0, 0));
    // Whoever asks for a look is told so, and nothing turns in a circle.
    world.request("assistants", "ada", "1");
    world.kube.take_requests();
    world.pass(MINUTE).await;
    assert!(world.kube.take_requests().len() < 20);
    world.secret("later", tec_crm::sim::tec::DEFAULT_TOKEN);
    world.pass(10 * SECOND).await;
    starts(&world.ready("schedulesyncs", "schedules"), "True/");
    assert_eq!(step(&world, "ada", "AssistantCreated"), "Done: TEC has the assistant");
    assert_eq!(handled(&world, "ada"), "1");
    assert_eq!(list_calls(&world), 2);
}

#[tokio::test(start_paused = true)]
async fn too_many_calls_are_no_reason_to_doubt_what_was_just_read() {
    let world = in_line().await;
    let before = versions(&world);
    let slower = json!({"route": "*", "times": 100_000, "status": 429, "headers": {"Retry-After": "20"}});
    world.tec().add_fault(fault(&slower)).unwrap();
    world.pass(INTERVAL.mul_f64(1.5)).await;
    assert_eq!(versions(&world), before);
    let calls = list_calls(&world);
    assert!((2..=30).contains(&calls), "{calls} calls");
    // But not for ever.
    world.pass(3 * INTERVAL).await;
    starts(&world.ready("assistants", "ada"), "Unknown/TecUnreachable");
    world.tec().clear_faults();
    world.pass(INTERVAL.mul_f64(1.2)).await;
    world.assert_all_ready();
}

#[tokio::test(start_paused = true)]
async fn calls_to_tec_do_not_grow_with_the_number_of_objects() {
    let mut calls = Vec::new();
    for number in [10, 1000] {
        let mut world = prepared(SimConfig { limit_per_10s: 1_000_000, ..SimConfig::default() });
        for place in 0..1000 {
            let name = format!("a{place}");
            onboarded(&world, &name, true);
            if place < number {
                world.assistant(&name, &json!({}));
            }
        }
        from_tec(&world, "schedules", &json!({}));
        world.start();
        world.pass(Duration::from_mins(15)).await;
        world.assert_all_ready();
        world.tec().reset_requests();
        world.kube.take_requests();
        let before = versions(&world);
        world.pass(Duration::from_hours(1)).await;
        assert_eq!(versions(&world), before);
        assert_eq!(world.kube.writes(), 0, "{:?}", world.kube.requests());
        let passes = world.tec().requests().of("GET", "/v1/schedules");
        assert!((11..=13).contains(&passes), "{passes} in an hour of 12 intervals");
        calls.push(list_calls(&world) / passes);
        // All ask at once: a few looks serve them all.
        world.tec().reset_requests();
        for place in 0..number {
            world.request("assistants", &format!("a{place}"), "now");
        }
        world.pass(MINUTE).await;
        let looks = world.tec().requests().of("GET", "/v1/schedules");
        assert!((1..=3).contains(&looks), "{looks} looks for {number} requests");
        assert!((0..number).all(|place| handled(&world, &format!("a{place}")) == "now"));
    }
    // Pages of 200 of the 1,002 assistants, and one of schedules.
    assert_eq!(calls, [7, 7]);
}

#[tokio::test(start_paused = true)]
async fn schedules_come_from_tec_and_go_as_prune_says() {
    for (prune, gone) in [("Hide", "(Evenings)"), ("Delete", ""), ("Keep", "Evenings")] {
        let mut world = prepared(SimConfig::default());
        from_tec(&world, "schedules", &json!({"prune": prune}));
        world.tec().schedule(NewSchedule { active: Some(false), ..NewSchedule::new("104", "Never") }).unwrap();
        world.start();
        world.pass(MINUTE).await;
        assert_eq!(world.option_labels("tec_schedule"), ["Weekdays", "Evenings", "Every day"]);
        assert_eq!(world.object("schedulesyncs", "schedules")["status"]["options"], 3);
        world.tec().schedule(NewSchedule { active: Some(false), ..NewSchedule::new("102", "Evenings") }).unwrap();
        world.tec().schedule(NewSchedule::new("101", "Working days")).unwrap();
        world.request("schedulesyncs", "schedules", "1");
        world.pass(10 * SECOND).await;
        let expected: Vec<&str> =
            ["Working days", gone, "Every day"].into_iter().filter(|label| !label.is_empty()).collect();
        assert_eq!(world.option_labels("tec_schedule"), expected, "{prune}");
        world.assert_all_ready();
        assert_eq!(world.object("schedulesyncs", "schedules")["status"]["lastHandledReconcileAt"], "1");
    }
}

#[tokio::test(start_paused = true)]
async fn schedules_of_one_name_are_told_apart_and_impossible_ones_left_out() {
    let world = in_line().await;
    let list = json!({"schedules": [
        {"id": "201", "name": "Nights", "active": true},
        {"id": "101", "name": "Weekdays", "active": true},
        {"id": "a;b", "name": "Odd", "active": true},
        {"id": "202", "name": "Nights", "active": true},
    ]});
    let rule = json!({"route": "/v1/schedules", "times": 100_000, "status": 200, "body": list});
    world.tec().add_fault(fault(&rule)).unwrap();
    world.pass(INTERVAL.mul_f64(1.2)).await;
    let labels = world.option_labels("tec_schedule");
    assert_eq!(labels, ["Weekdays", "(Evenings)", "(Every day)", "Nights (201)", "Nights (202)"]);
    let ready = world.ready("schedulesyncs", "schedules");
    assert!(ready.starts_with("True/") && ready.contains("left out: TEC's schedule \"Odd\""), "{ready}");
    let events = world.kube.list("events");
    let told = events.iter().filter(|event| event["note"].as_str().is_some_and(|note| note.contains("\"Odd\"")));
    assert_eq!(told.map(|event| event["reason"].clone()).collect::<Vec<_>>(), [Reason::InvalidSpec.name()]);
    let before = versions(&world);
    world.hubspot.reset_requests();
    world.pass(Duration::from_mins(30)).await;
    assert_eq!((versions(&world), writes(&world)), (before, 0));
}

#[tokio::test(start_paused = true)]
async fn schedules_from_tec_need_a_connection_to_tec() {
    let world = in_line().await;
    // Without it nothing of TEC counts any more; the options stay.
    world.connection(&json!({"leads": {"mode": "Off"}, "tec": null}));
    world.pass(10 * SECOND).await;
    let ready = world.ready("schedulesyncs", "schedules");
    assert!(
        ready.starts_with("False/InvalidSpec") && ready.contains("set spec.tec of CrmConnection portal"),
        "{ready}"
    );
    starts(&world.condition("schedulesyncs", "schedules", "Stalled"), "True/InvalidSpec");
    assert_eq!(world.option_labels("tec_schedule"), ["Weekdays", "Evenings", "Every day"]);
    starts(&step(&world, "ada", "AssistantCreated"), "Manual");
    world.tec().reset_requests();
    world.pass(Duration::from_mins(20)).await;
    assert_eq!((world.tec().requests().total, writes(&world)), (0, 0));
    connect(&world, &json!({}));
    world.pass(10 * SECOND).await;
    world.assert_all_ready();
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_gets_a_tec_asks_it_before_anybody_else_is_invited() {
    let mut world = prepared(SimConfig::default());
    world.connection(&json!({"tec": null}));
    world.assistant("ada", &json!({}));
    world.assistant("old", &json!({}));
    world.start();
    world.pass(MINUTE).await;
    assert_eq!(invited(&world), 2);
    world.tec().add_fault(fault(&json!({"route": "*", "times": 100_000, "status": 503}))).unwrap();
    connect(&world, &json!({}));
    world.assistant("eve", &json!({}));
    world.pass(MINUTE).await;
    // TEC never said a word of `old`: it was set up before, and nothing is taken from it.
    assert_eq!(code(&world, "old"), "ASSISTANT_EXISTS_AS_USER_IN_CRM");
    starts(&world.ready("assistants", "old"), "Unknown/TecUnreachable");
    assert_eq!((code(&world, "eve"), invited(&world)), (Value::Null, 2));
    world.tec().clear_faults();
    world.pass(INTERVAL.mul_f64(1.2)).await;
    assert_eq!(code(&world, "old"), "ASSISTANT_NOT_YET_CREATED");
    assert_eq!(code(&world, "eve"), "ASSISTANT_NOT_YET_CREATED");
    starts(&world.ready("assistants", "ada"), "True/");
    assert_eq!(invited(&world), 2);
}

#[tokio::test(start_paused = true)]
async fn a_restart_while_tec_is_out_of_reach_forgets_no_code() {
    let mut world = in_line().await;
    onboarded(&world, "bob", false);
    world.request("crmconnections", "portal", "1");
    world.pass(10 * SECOND).await;
    world.tec().add_fault(fault(&json!({"route": "*", "times": 100_000, "drop": true}))).unwrap();
    world.kill().await;
    world.start();
    world.pass(Duration::from_mins(10)).await;
    assert_eq!(code(&world, "ada"), "ASSISTANT_EXISTS_AS_USER_IN_CRM");
    assert_eq!(code(&world, "bob"), "ASSISTANT_NOT_YET_CREATED");
    for name in ["ada", "bob"] {
        starts(&world.ready("assistants", name), "Unknown/TecUnreachable");
    }
    assert_eq!(writes(&world), 0);
}

/// Whatever TEC answers for a while: nobody is invited twice, nobody too early, and it ends as on a calm day.
#[tokio::test(start_paused = true)]
async fn storms_over_tec_end_as_a_calm_day() {
    for seed in 0..20 {
        let mut world = prepared(SimConfig { limit_per_10s: 1000, ..SimConfig::default() });
        let mut rng = fastrand::Rng::with_seed(seed);
        let rate = rng.f64() * 0.6;
        world.tec().set_chaos(Some(Box::new(move |_: &Method, _: &str| {
            (rng.f64() < rate).then(|| match rng.u8(0..6) {
                0 => Fault::drop(When::Before),
                1 => Fault::drop(When::After),
                2 => Fault::status(When::Before, 429),
                3 => Fault::status(When::Before, 401),
                4 => Fault::status(When::After, 503),
                _ => Fault { delay: Duration::from_millis(rng.u64(1..90_000)), ..Fault::default() },
            })
        })));
        for name in ["ada", "bob", "eve"] {
            world.assistant(name, &json!({}));
        }
        from_tec(&world, "schedules", &json!({}));
        world.start();
        world.pass(Duration::from_mins(10)).await;
        world.kill().await;
        world.start();
        world.pass(Duration::from_mins(10)).await;
        assert!(invited(&world) <= 2, "seed {seed}: eve is not in TEC yet");
        onboarded(&world, "eve", true);
        world.tec().schedule(NewSchedule { active: Some(false), ..NewSchedule::new("103", "Every day") }).unwrap();
        world.pass(Duration::from_mins(10)).await;
        world.tec().set_chaos(None);
        world.pass(Duration::from_mins(12)).await;
        world.assert_all_ready();
        assert_eq!(invited(&world), 3, "seed {seed}");
        assert_eq!(world.option_labels("tec_schedule"), ["Weekdays", "Evenings", "(Every day)"], "seed {seed}");
    }
}
