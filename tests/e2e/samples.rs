//! The samples, as a user applies them: on an empty portal, and on one where an admin has made everything by hand.

use std::{fs, time::Duration};

use serde_json::{Value, json};
use tec_crm::sim::{
    hubspot::{NewMember, SimConfig, TokenConfig, TraceEntry},
    tec::{NewAssistant, NewSchedule, TecConfig},
};

use super::kstatus::{self, State};
use super::tec::simulate;
use super::world::{KINDS, PATIENCE, Setup, World, assistant, named, option, property, repository, users};

const GROUP: &str = "tec_ai_assistant";
const FIELDS: [&str; 4] = ["tec_context", "tec_schedule", "tec_lead_connection_status", "tec_assistant_state"];

/// A world whose portal and TEC accept the samples' tokens, and the URL of that TEC.
fn samples_world(name: &'static str) -> (World, String) {
    let text = fs::read_to_string(repository().join("manifests/samples/connection.yaml")).expect("the sample");
    let tokens: Vec<&str> = text.lines().filter_map(|line| line.trim().strip_prefix("token: ")).collect();
    let token = |begin: &str| {
        let words = tokens.iter().filter_map(|line| line.split_whitespace().next());
        words.into_iter().find(|token| token.starts_with(begin)).expect("a token").to_owned()
    };
    let setup = Setup { operator: false, ..Setup::new(name) };
    let sim = SimConfig { tokens: vec![TokenConfig::with_all_scopes(token("pat-"))], ..setup.sim.clone() };
    let mut world = World::with(Setup { sim, ..setup });
    let (tec, endpoint) = simulate(&mut world, TecConfig { token: token("tec-"), ..TecConfig::default() });
    tec.assistant(NewAssistant::new("ada@example.com")).expect("an assistant");
    for id in ["101", "102", "103"] {
        tec.schedule(NewSchedule::new(id, "A schedule")).expect("a schedule");
    }
    world.start_operator();
    (world, endpoint)
}

/// `kubectl apply -k` of the samples, pointed at the simulators.
fn apply_samples(world: &World, tec: &str) {
    let (samples, overlay) = (world.folder().join("samples"), world.folder().join("overlay"));
    for folder in [&samples, &overlay] {
        fs::create_dir_all(folder).expect("a folder");
    }
    for file in fs::read_dir(repository().join("manifests/samples")).expect("the samples") {
        let file = file.expect("a file");
        fs::copy(file.path(), samples.join(file.file_name())).expect("a copy");
    }
    let patch = json!([
        {"op": "add", "path": "/spec/apiEndpoint", "value": world.endpoint},
        {"op": "add", "path": "/spec/interval", "value": "1h"},
        {"op": "replace", "path": "/spec/tec/endpoint", "value": tec},
    ]);
    let overlay_file = json!({
        "namespace": world.namespace, "resources": ["../samples"],
        "patches": [{"target": {"kind": "CrmConnection"}, "patch": patch.to_string()}],
    });
    fs::write(overlay.join("kustomization.yaml"), overlay_file.to_string()).expect("an overlay");
    world.kubectl(&["apply", "--warnings-as-errors", "--kustomize", overlay.to_str().expect("a readable path")]);
}

fn wait_for_samples(world: &World) {
    let all = ["crmconnection/portal", "assistant/ada", "schedulesync/schedules"];
    world.kubectl(&[&["wait", "--for=condition=Ready", "--timeout=20s"], &all[..]].concat());
    world.wait_calm(Duration::from_millis(300));
    world.wait_ready("crmconnections/portal");
    world.wait_ready("assistants/ada");
    world.wait_ready("schedulesyncs/schedules");
}

/// What the operator wrote, in order: method and path without the API's version.
fn writes(world: &World) -> Vec<String> {
    let is_write = |entry: &&TraceEntry| entry.method != "GET" && !entry.path.ends_with("/search");
    let trace = world.sim.trace();
    trace.iter().filter(is_write).map(|entry| format!("{} {}", entry.method, entry.path)).collect()
}

fn writes_to<'a>(writes: &'a [String], path: &str) -> Vec<&'a String> {
    writes.iter().filter(|write| write.contains(path)).collect()
}

#[test]
fn samples_on_an_empty_portal_create_each_thing_once_in_order_and_become_ready() {
    let (world, tec) = samples_world("samples-empty");
    apply_samples(&world, &tec);
    wait_for_samples(&world);

    let state = world.sim.state();
    assert_eq!(named(&state["groups"], GROUP)["label"], "TEC AI Assistant");
    for (name, label) in FIELDS.into_iter().zip(["Context", "TEC Schedule", "Lead Connection Status"]) {
        assert_eq!(property(&state, name)["label"], label);
    }
    assert_eq!(property(&state, "tec_assistant_state")["hidden"], true);
    assert!(FIELDS.iter().all(|name| property(&state, name)["groupName"] == GROUP), "{:#}", state["properties"]);
    let offered = |name: &str| -> Vec<String> {
        let options = property(&state, name)["options"].as_array().expect("options").clone();
        options.iter().map(|option| option["value"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(offered("tec_schedule"), ["101", "102", "103"]);
    assert_eq!(offered("tec_lead_connection_status").len(), 12);
    let lead_status = offered("hs_lead_status");
    assert_eq!((lead_status.len(), lead_status.last().map(String::as_str)), (9, Some("QUALIFIED")));
    assert_eq!(users(&state, "ada@example.com"), 1);

    // One group, four fields, one update that adds QUALIFIED, one user, and nothing else.
    let writes = writes(&world);
    let counts = world.sim.requests();
    assert_eq!(counts.writes(), writes.len() as u64, "{counts:?}");
    let group = writes_to(&writes, "/groups");
    assert_eq!(group.len(), 1, "{writes:?}");
    assert_eq!(writes_to(&writes, "hs_lead_status").len(), 1, "{writes:?}");
    assert_eq!(writes_to(&writes, "/settings/users").len(), 1, "{writes:?}");
    let created = counts.of("POST", "/crm/properties/contacts");
    let batches = counts.of("POST", "/crm/properties/contacts/batch/create");
    assert!((created, batches) == (4, 0) || (created, batches) == (0, 1), "each field once: {writes:?}");
    assert_eq!(counts.writes(), 3 + created + batches, "{writes:?}");
    let position = |wanted: &String| writes.iter().position(|write| write == wanted);
    let fields = writes.iter().filter(|write| write.contains("/properties/") && !write.contains("/groups"));
    assert!(fields.clone().all(|field| position(field) > position(group[0])), "group before fields: {writes:?}");
    assert_eq!(counts.with_status(409) + counts.with_status(400), 0, "{counts:?}");

    // What a GitOps tool reads meanwhile: in progress from the first status on, never failed, never healthy too early.
    for kind in ["CrmConnection", "Assistant", "ScheduleSync"] {
        let chronicle = world.chronicle();
        let with_status = chronicle.iter().filter(|object| object["kind"] == kind && object["status"].is_object());
        let mut states: Vec<State> = with_status.map(kstatus::of).collect();
        states.dedup();
        assert_eq!(states, [State::InProgress, State::Current], "{kind}");
    }
}

#[test]
fn samples_on_a_portal_made_by_hand_adopt_it_without_one_write() {
    let (world, tec) = samples_world("samples-by-hand");
    let by_hand = |name: &str, label: &str, kinds: [&str; 2], options: &Value| {
        let property = json!({
            "name": name, "label": label, "groupName": GROUP, "type": kinds[0], "fieldType": kinds[1],
            "hidden": name == "tec_assistant_state", "options": options,
        });
        world.sim.create_property(property).expect("a property");
    };
    let choices = |values: &[[&str; 2]]| -> Value {
        let choice = |(place, [value, label]): (usize, &[&str; 2])| json!({"value": value, "label": label, "displayOrder": place, "hidden": false});
        values.iter().enumerate().map(choice).collect()
    };
    let states = [
        "New",
        "Pending",
        "Cold",
        "Engaged",
        "Warm",
        "Hot",
        "Responded",
        "OutOfOffice",
        "LeadAtRisk",
        "Processed",
        "UnSubscribed",
        "DeActivated",
    ];
    world.sim.create_group(json!({"name": GROUP, "label": "TEC AI Assistant"})).expect("a group");
    by_hand("tec_context", "Context", ["string", "textarea"], &json!([]));
    let schedules = [["101", "Weekdays 9-17"], ["102", "Weekdays 8-20"], ["103", "Every day"]];
    by_hand("tec_schedule", "TEC Schedule", ["enumeration", "select"], &choices(&schedules));
    by_hand(
        "tec_lead_connection_status",
        "Lead Connection Status",
        ["enumeration", "select"],
        &choices(&states.map(|s| [s, s])),
    );
    by_hand("tec_assistant_state", "TEC Assistant State", ["string", "text"], &json!([]));
    let mut choice_list = property(&world.sim.state(), "hs_lead_status")["options"].clone();
    choice_list
        .as_array_mut()
        .expect("options")
        .push(json!({"value": "QUALIFIED", "label": "Good one", "displayOrder": 8, "hidden": false}));
    world.sim.edit_property("hs_lead_status", json!({"options": choice_list})).expect("an option");
    let ada = NewMember { email: "ada@example.com".into(), accepted: true, ..NewMember::default() };
    world.sim.add_user(ada).expect("a user");
    let before = world.sim.state();
    world.sim.reset_requests();

    apply_samples(&world, &tec);
    wait_for_samples(&world);

    assert_eq!(writes(&world), Vec::<String>::new());
    assert_eq!(world.sim.state(), before);
    let portal = world.get("crmconnections/portal")["status"].clone();
    let origins = portal["fields"].as_array().expect("fields");
    assert!(origins.len() == 4 && origins.iter().all(|field| field["origin"] == "Adopted"), "{portal:#}");
    let ada = &world.get("assistants/ada")["status"];
    assert_eq!(ada["crmIntegrationStatus"], "ASSISTANT_EXISTS_AS_USER_IN_CRM");
    assert!(ada["invitation"].is_null(), "nobody was invited: {ada:#}");
}

#[test]
fn kubectl_get_shows_how_far_everything_is() {
    let world = World::start("columns");
    world.bring_in_line();
    let table = |args: &[&str]| -> Vec<Vec<String>> {
        let text = world.kubectl(&[&["get"], args].concat());
        // Columns are two or more spaces apart; a name such as CRM STATUS has one in it.
        let cells =
            |line: &str| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(Into::into).collect();
        text.lines().map(cells).collect()
    };

    let assistants = table(&["asst"]);
    assert_eq!(assistants[0], ["NAME", "CRM STATUS", "READY", "REASON", "OWNER", "AGE"]);
    let owner = world.get("assistants/ada")["status"]["ownerId"].as_str().expect("an owner").to_owned();
    assert_eq!(assistants[1][..5], ["ada", "ASSISTANT_EXISTS_AS_USER_IN_CRM", "True", "Succeeded", &owner]);
    let wide = table(&["asst", "--output=wide"]);
    assert_eq!(wide[0], ["NAME", "CRM STATUS", "READY", "REASON", "OWNER", "EMAIL", "AGE"]);
    assert_eq!(wide[1][5], "ada@example.com");
    let connections = table(&["crmconn"]);
    assert_eq!(connections[0], ["NAME", "PORTAL", "READY", "REASON", "ASSISTANTS", "AGE"]);
    assert_eq!(connections[1][..5], ["portal", "999001", "True", "Succeeded", "1"]);
    let schedules = table(&["schedsync"]);
    assert_eq!(schedules[0], ["NAME", "OPTIONS", "READY", "REASON", "AGE"]);
    assert_eq!(schedules[1][..4], ["schedules", "2", "True", "Succeeded"]);

    let category = world.kubectl(&["get", "tec", "--output=name"]);
    for kind in KINDS {
        let singular = kind.trim_end_matches('s');
        assert!(category.contains(&format!("{singular}.crm.theeminenceco.com/")), "{category}");
    }
    world.kubectl(&[
        "wait",
        "--for=jsonpath={.status.crmIntegrationStatus}=ASSISTANT_EXISTS_AS_USER_IN_CRM",
        "assistant/ada",
    ]);
}

#[test]
fn an_invited_assistant_waits_for_acceptance_and_then_exists_as_user() {
    let setup = Setup::new("acceptance");
    // HubSpot makes the owner when the invitation is accepted, at the latest.
    let world =
        World::with(Setup { sim: SimConfig { owner_delay: Duration::from_hours(48), ..setup.sim.clone() }, ..setup });
    world.apply(&[world.secret(), world.connection(&json!({})), assistant("ada", &json!({"firstName": "Ada"}))]);
    world.wait_condition("assistants/ada", ["Ready", "False", "InvitationPending"], PATIENCE);
    let status = world.get("assistants/ada")["status"].clone();
    assert_eq!(status["crmIntegrationStatus"], "ASSISTANT_DOES_NOT_EXISTS_AS_USER_IN_CRM");

    world.sim.accept_invitation("ada@example.com").expect("an invitation");
    world.wait_ready("assistants/ada");
    let status = world.get("assistants/ada")["status"].clone();
    assert_eq!(status["crmIntegrationStatus"], "ASSISTANT_EXISTS_AS_USER_IN_CRM");
    let steps: Vec<String> = status["setup"]
        .as_array()
        .expect("a checklist")
        .iter()
        .map(|step| format!("{} {}", step["step"].as_str().unwrap_or("?"), step["state"].as_str().unwrap_or("?")))
        .collect();
    assert_eq!(
        steps,
        [
            "Authorized Done",
            "AssistantCreated Manual",
            "UserInvited Done",
            "InvitationAccepted Done",
            "EmailNotificationsDisabled Manual",
            "DefaultContext Manual",
            "SchedulesSynced Manual",
            "FirstContact Pending",
        ]
    );
    assert!(option(&world.sim.state(), "hs_lead_status", "QUALIFIED").is_object());
}
