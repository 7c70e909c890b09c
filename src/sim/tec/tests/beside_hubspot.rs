//! A TEC attached to a HubSpot: one set of control routes for both.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use super::{START, begin, get, tec};
use crate::{
    runtime::clock::VirtualClock,
    sim::{
        hubspot::{HubSpotSim, InitialState, SimConfig},
        tec::TecSim,
    },
};

fn both() -> (HubSpotSim, TecSim) {
    let clock = Arc::new(VirtualClock::starting_at(START.parse().unwrap()));
    let (hubspot, tec) = (HubSpotSim::new(SimConfig::default(), clock), tec());
    hubspot.attach_tec(tec.clone());
    (hubspot, tec)
}

async fn control(sim: &HubSpotSim, line: &str, body: Value) -> (u16, Value) {
    let (method, uri) = line.split_once(' ').unwrap();
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request = Request::builder().method(method).uri(uri).body(Bytes::from(body)).unwrap();
    let (parts, body) = sim.handle(request).await.unwrap().into_parts();
    (parts.status.as_u16(), serde_json::from_slice(&body).unwrap_or_default())
}

#[tokio::test(start_paused = true)]
async fn every_control_route_does_its_deed() {
    let (hubspot, tec) = both();
    begin(&tec, &["1"]).await;
    let said = json!({"events": [{"crmId": "1", "type": "StateChanged", "state": "Hot"}]});
    let lost = json!({"events": [{"crmId": "2", "type": "StateChanged", "state": "Hot"}]});
    let table = [
        ("POST /_sim/tec/assistants", json!({"email": "bob@example.com", "name": "Bob", "onboarded": false}), 200),
        ("POST /_sim/tec/assistants", json!({"email": "bob"}), 400),
        ("POST /_sim/tec/assistants", json!({"mail": "bob@example.com"}), 400),
        ("POST /_sim/tec/schedules", json!({"id": "102", "name": "Evenings", "active": false}), 200),
        ("POST /_sim/tec/schedules", json!({"id": 102, "name": "Evenings"}), 400),
        ("POST /_sim/tec/events", said, 200),
        ("POST /_sim/tec/events", lost, 404),
        ("POST /_sim/tec/events", json!([]), 400),
        ("GET /_sim/tec/leads", Value::Null, 200),
        ("DELETE /_sim/tec/cursors", Value::Null, 204),
        ("GET /_sim/tec/nothing", Value::Null, 404),
        ("POST /_sim/faults", json!({"route": "/v1/events", "status": 503}), 204),
        ("POST /_sim/faults", json!({"route": "/v1/events"}), 400),
    ];
    for (line, body, expected) in table {
        let (status, answer) = control(&hubspot, line, body.clone()).await;
        assert_eq!(status, expected, "{line} {body}: {answer}");
        assert_eq!(status >= 400, answer["error"].is_string(), "{line}");
    }
    let (_, state) = control(&hubspot, "GET /_sim/state", Value::Null).await;
    assert_eq!(state["tec"], tec.state());
    assert_eq!(
        (&state["tec"]["assistants"][1]["name"], &state["tec"]["leads"][0]["state"]),
        (&json!("Bob"), &json!("Hot"))
    );
}

#[tokio::test(start_paused = true)]
async fn requests_faults_and_the_clock_are_shared_and_kept_apart() {
    let (hubspot, tec) = both();
    control(
        &hubspot,
        "POST /_sim/faults",
        json!([{"route": "/v1/schedules", "status": 500}, {"route": "*", "status": 500}]),
    )
    .await;
    let (_, faults) = control(&hubspot, "GET /_sim/faults", Value::Null).await;
    assert_eq!(faults.as_array().unwrap().len(), 2);
    assert_eq!(get(&tec, "/v1/schedules").await.status, 500);
    control(&hubspot, "DELETE /_sim/faults", Value::Null).await;
    assert_eq!(get(&tec, "/v1/schedules").await.status, 200);

    let (_, report) = control(&hubspot, "GET /_sim/requests?log=1&reset=1", Value::Null).await;
    assert_eq!((&report["total"], &report["tec"]["total"]), (&json!(0), &json!(2)));
    let line = json!({"method": "GET", "route": "/v1/schedules", "status": 500, "count": 1});
    assert!(report["tec"]["byRoute"].as_array().unwrap().contains(&line));
    assert_eq!(report["tec"]["log"][1]["path"], "/v1/schedules");
    let (_, report) = control(&hubspot, "GET /_sim/requests", Value::Null).await;
    assert_eq!(report, json!({"total": 0, "byRoute": [], "tec": {"total": 0, "byRoute": []}}));

    hubspot.advance(Duration::from_hours(1));
    assert_eq!((tec.now(), tec.now().to_string().as_str()), (hubspot.now(), "2026-11-22T11:00:00Z"));
}

#[tokio::test(start_paused = true)]
async fn without_a_tec_there_is_none() {
    let hubspot = HubSpotSim::new(SimConfig::default(), Arc::new(VirtualClock::starting_at(START.parse().unwrap())));
    assert_eq!(control(&hubspot, "POST /_sim/tec/events", json!({"events": []})).await.0, 404);
    assert_eq!(control(&hubspot, "POST /_sim/faults", json!({"route": "/v1/events", "drop": true})).await.0, 400);
    assert!(hubspot.tec().is_none() && hubspot.state().get("tec").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_state_file_may_have_a_part_for_tec() {
    let text = "
tec:
  assistants: [{ email: Bob@example.com, defaultSchedule: '102' }]
  schedules: [{ id: '102', name: Evenings }]
";
    let initial = InitialState::from_yaml(text).unwrap();
    let tec = tec();
    tec.set_up(initial.tec().unwrap()).unwrap();
    assert_eq!(tec.state()["assistants"][1]["defaultSchedule"], "102");
    assert!(InitialState::from_yaml("{}").unwrap().tec().is_none());
    assert!(InitialState::from_yaml("tec: { leads: [] }").is_err());
}
