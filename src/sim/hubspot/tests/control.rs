//! The control routes, and the state file.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    super::{DEFAULT_TOKEN, HubSpotSim, InitialState, SimConfig},
    START, call, get, portal, status,
};
use crate::runtime::clock::VirtualClock;

#[tokio::test(start_paused = true)]
async fn every_control_route_does_its_deed() {
    let sim = portal();
    let table = [
        ("POST /_sim/ui/users", r#"{"email":"ada@example.com","firstName":"Ada"}"#, 200),
        ("POST /_sim/ui/users", r#"{"email":"ada@example.com"}"#, 409),
        ("POST /_sim/ui/users", r#"{"email":"ada"}"#, 400),
        ("POST /_sim/ui/users", r#"{"mail":"ada"}"#, 400),
        ("POST /_sim/invitations/ada%40example.com/accept", "", 200),
        ("POST /_sim/invitations/ada@example.com/accept", "", 200),
        ("POST /_sim/invitations/eve@example.com/accept", "", 404),
        ("DELETE /_sim/ui/users/ada@example.com", "", 204),
        ("DELETE /_sim/ui/users/ada@example.com", "", 404),
        ("POST /_sim/ui/contacts", r#"{"count":2,"properties":{"firstname":"L"}}"#, 200),
        ("PATCH /_sim/ui/contacts", r#"{"ids":["201"],"properties":{"hs_lead_status":"OPEN"}}"#, 204),
        ("PATCH /_sim/ui/contacts", r#"{"ids":["201"],"properties":{"hs_lead_status":"X"}}"#, 400),
        ("DELETE /_sim/ui/contacts", r#"{"ids":["202"]}"#, 204),
        ("DELETE /_sim/ui/contacts", r#"{"ids":["202"]}"#, 404),
        ("POST /_sim/ui/contacts/202/restore", "", 204),
        ("POST /_sim/ui/contacts/202/restore", "", 404),
        ("POST /_sim/ui/contacts/merge", r#"{"primary":"201","secondary":"201"}"#, 400),
        ("POST /_sim/ui/contacts/merge", r#"{"primary":"201","secondary":"202"}"#, 200),
        ("POST /_sim/ui/contacts/merge", r#"{"primary":"201","secondary":"202"}"#, 404),
        ("PUT /_sim/ui/contacts", "{}", 404),
        ("POST /_sim/ui/groups", r#"{"name":"g","label":"G"}"#, 200),
        ("POST /_sim/ui/groups", r#"{"name":"g","label":"G"}"#, 409),
        ("PATCH /_sim/ui/groups/g", r#"{"label":"GG"}"#, 200),
        (
            "POST /_sim/ui/properties",
            r#"{"name":"p","label":"P","type":"string","fieldType":"text","groupName":"g"}"#,
            200,
        ),
        ("PATCH /_sim/ui/properties/p", r#"{"label":"PP"}"#, 200),
        ("PATCH /_sim/ui/properties/q", r#"{"label":"PP"}"#, 404),
        ("PUT /_sim/ui/properties/p/uses", r#"[{"parentType":"LIST","parentName":"My list"}]"#, 204),
        ("DELETE /_sim/ui/properties/p", "", 400),
        ("PUT /_sim/ui/properties/p/uses", "[]", 204),
        ("DELETE /_sim/ui/groups/g", "", 400),
        ("DELETE /_sim/ui/properties/p", "", 204),
        ("DELETE /_sim/ui/groups/g", "", 204),
        ("POST /_sim/neighbour", r#"{"per10s":80,"perDay":9,"searchesPerS":4,"inBursts":true,"appId":778}"#, 204),
        ("POST /_sim/neighbour", r#"{"per10s":-1}"#, 400),
        ("GET /_sim/neighbour", "", 200),
        ("POST /_sim/faults", r#"{"route":"*","times":2,"status":500}"#, 204),
        ("POST /_sim/faults", r#"[{"route":"*","times":2,"when":"after","drop":true}]"#, 204),
        ("POST /_sim/faults", r#"{"route":"*","when":"never","status":500}"#, 400),
        ("POST /_sim/faults", r#"{"status":500}"#, 400),
        ("GET /_sim/faults", "", 200),
        ("DELETE /_sim/faults", "", 204),
        ("POST /_sim/clock", r#"{"advanceMs":60000}"#, 200),
        ("POST /_sim/clock", "{}", 400),
        ("POST /_sim/tokens", r#"{"token":"t","scopes":["crm.objects.owners.read"]}"#, 204),
        ("POST /_sim/tokens", r#"{"token":"t","revoke":true}"#, 204),
        ("POST /_sim/tokens", r#"{"token":"t","revoke":true}"#, 404),
        ("GET /_sim/state/", "", 200),
        ("GET /_sim/timeline/203", "", 200),
        ("GET /_sim/timeline/999", "", 404),
        ("GET /_sim/requests", "", 200),
        ("GET /_sim/nothing", "", 404),
        ("GET /_sim", "", 404),
    ];
    for (line, body, expected) in table {
        let reply = call(&sim, line, body).await;
        assert_eq!(reply.status, expected, "{line} {body}: {}", reply.text);
        assert_eq!(reply.status >= 400, reply.body["error"].is_string(), "{line}");
    }
    assert_eq!(sim.now().to_string(), "2026-11-22T10:01:00Z");
    assert_eq!(sim.requests().total, 0);
}

#[tokio::test(start_paused = true)]
async fn state_and_requests_are_reported_in_the_apis_shapes() {
    let sim = portal();
    get(&sim, "/crm/v3/owners").await;
    let state = get(&sim, "/_sim/state").await.body;
    assert_eq!(state["account"], get(&sim, "/account-info/v3/details").await.body);
    for (section, path) in [
        ("users", "/settings/v3/users"),
        ("owners", "/crm/v3/owners"),
        ("groups", "/crm/v3/properties/contacts/groups"),
        ("properties", "/crm/v3/properties/contacts"),
    ] {
        assert_eq!(state[section], get(&sim, path).await.body["results"], "{section}");
    }
    assert_eq!(state["contacts"], json!([]));
    let report = get(&sim, "/_sim/requests?log=1&reset=1").await.body;
    assert_eq!(report["total"], 6);
    let line = json!({ "method": "GET", "route": "/crm/owners", "status": 200, "count": 2 });
    assert!(report["byRoute"].as_array().unwrap().contains(&line));
    let entry = json!({ "at": START, "method": "GET", "path": "/crm/v3/owners", "status": 200 });
    assert_eq!(report["log"][0], entry);
    assert_eq!(get(&sim, "/_sim/requests").await.body, json!({ "total": 0, "byRoute": [] }));
}

const FILE: &str = "
roles: [{ name: Closer }]
teams: [{ id: '9', name: Robots }]
users:
  - { email: Ada@example.com, firstName: Ada, role: Closer, team: Robots }
  - { email: new@example.com, accepted: false }
groups: [{ name: acme, label: Acme }]
properties:
  - { name: acme_x, label: X, type: string, fieldType: text, groupName: acme }
  - name: hs_lead_status
    options: [{ label: Qualified, value: QUALIFIED, displayOrder: 0, hidden: false }]
contacts:
  - { owner: ada@example.com, properties: { email: lead@example.com, acme_x: '1' } }
  - {}
";

fn load(text: &str) -> Result<Value, String> {
    let initial = InitialState::from_yaml(text).map_err(|error| error.to_string())?;
    let clock = Arc::new(VirtualClock::starting_at(START.parse().unwrap()));
    let sim = HubSpotSim::with_state(SimConfig::default(), clock, &initial).map_err(|error| error.to_string())?;
    Ok(sim.state())
}

#[tokio::test(start_paused = true)]
async fn a_state_file_is_the_beginning() {
    let state = load(FILE).unwrap();
    let ada = &state["users"][1];
    assert_eq!(
        (&ada["email"], &ada["roleId"], &ada["primaryTeamId"]),
        (&json!("ada@example.com"), &json!("5001"), &json!("9"))
    );
    assert_eq!(state["owners"].as_array().unwrap().len(), 2);
    let lead = &state["contacts"][0]["properties"];
    assert_eq!((&lead["hubspot_owner_id"], &lead["acme_x"]), (&state["owners"][1]["id"], &json!("1")));
    let status = state["properties"].as_array().unwrap().iter().find(|p| p["name"] == "hs_lead_status").unwrap();
    assert_eq!(status["options"][0]["value"], "QUALIFIED");
    assert!(load("{}").is_ok());

    for (text, words) in [
        ("user: []", "state file"),
        ("users: [{ email: x }]", "state file, user x"),
        ("users: [{ email: admin@example.com }]", "is in the portal already"),
        ("users: [{ email: a@example.com, role: Boss }]", "no role is named \"Boss\""),
        (
            "properties: [{ name: x, label: X, type: string, fieldType: text, groupName: nope }]",
            "group nope does not exist",
        ),
        ("contacts: [{ properties: { nope: '1' } }]", "contact 1"),
    ] {
        let error = load(text).unwrap_err();
        assert!(error.contains(words), "{text}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn control_works_whatever_happens_to_the_api() {
    let sim = portal();
    sim.revoke_token(DEFAULT_TOKEN).unwrap();
    assert_eq!(status(&sim, "POST /_sim/faults", r#"{"route":"*","times":1000,"drop":true}"#).await, 204);
    assert_eq!(status(&sim, "GET /_sim/state", "").await, 200);
    assert_eq!(sim.requests().total, 0);
}
