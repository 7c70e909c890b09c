//! The checker against mistakes: sound exchanges with one thing wrong in them, on either side.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use tec_crm::{
    runtime::clock::VirtualClock,
    sim::hubspot::{DEFAULT_TOKEN, FaultRule, HubSpotSim, SimConfig, When},
};

use super::{
    allowed,
    hubspot::{Kept, contract},
    watch::Watch,
};

const UPDATE: &str = "POST /crm/objects/2026-03/contacts/batch/update";
const SEARCH: &str = "POST /crm/objects/2026-03/contacts/search";
const USERS: &str = "GET /settings/users/2026-03";

fn request(line: &str, body: &Value) -> Request<Bytes> {
    let (method, path) = line.split_once(' ').unwrap();
    let request =
        Request::builder().method(method).uri(path).header("authorization", format!("Bearer {DEFAULT_TOKEN}"));
    if body.is_null() {
        return request.body(Bytes::new()).unwrap();
    }
    request.header("content-type", "application/json").body(Bytes::from(body.to_string())).unwrap()
}

fn answer(status: u16, body: &Value) -> Response<Bytes> {
    let answer = Response::builder().status(status).header("content-type", "application/json;charset=utf-8");
    answer.body(Bytes::from(body.to_string())).unwrap()
}

/// `value` with what is at `pointer` replaced, put there, or taken away by `Null`.
fn changed(value: &Value, pointer: &str, new: &Value) -> Value {
    let mut value = value.clone();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    let parent = value.pointer_mut(parent).unwrap_or_else(|| panic!("{pointer}")).as_object_mut().unwrap();
    match new {
        Value::Null => drop(parent.remove(field)),
        new => drop(parent.insert(field.to_owned(), new.clone())),
    }
    value
}

/// What a watch says of an exchange.
fn said(request: &Request<Bytes>, answer: Option<&Response<Bytes>>) -> String {
    let watch = Watch::new(contract().expect("the files"), allowed::HUBSPOT);
    watch.exchange(request, answer);
    watch.violations().join("\n")
}

#[test]
fn a_mistake_in_a_request_is_found() {
    if contract().is_none() {
        return;
    }
    let update = json!({"inputs": [{"id": "201", "objectWriteTraceId": "t", "properties": {"acme_stage": "done"}}]});
    let search = json!({
        "filterGroups": [{"filters": [{"propertyName": "email", "operator": "EQ", "value": "x@example.org"}]}],
        "sorts": [{"propertyName": "createdate", "direction": "ASCENDING"}], "properties": [], "limit": 1, "after": "0",
    });
    for (line, body) in [(UPDATE, &update), (SEARCH, &search), (USERS, &Value::Null)] {
        assert_eq!(said(&request(line, body), None), "", "{line}");
    }
    let filter = "/filterGroups/0/filters/0";
    let table = [
        (UPDATE, &update, "/more".to_owned(), json!(1), "\"/more\": unknown"),
        (UPDATE, &update, "/inputs/0/archived".to_owned(), json!(false), "\"/inputs/0/archived\": unknown"),
        (UPDATE, &update, "/inputs/0/id".to_owned(), json!(null), "\"/inputs/0/id\": missing"),
        (UPDATE, &update, "/inputs/0/id".to_owned(), json!(201), "\"/inputs/0/id\": type"),
        (UPDATE, &update, "/inputs/0/properties/acme_stage".to_owned(), json!(7), "acme_stage\": type"),
        (SEARCH, &search, format!("{filter}/operator"), json!("LIKE"), "/operator\": enum"),
        (SEARCH, &search, "/limit".to_owned(), json!(1_u64 << 40), "\"/limit\": maximum"),
        (SEARCH, &search, "/after".to_owned(), json!(null), "\"/after\": missing"),
        (
            SEARCH,
            &search,
            "/sorts".to_owned(),
            json!([{"propertyName": "createdate", "direction": "UP"}]),
            "\"/sorts/0\": type",
        ),
    ];
    for (line, body, pointer, new, expected) in table {
        let found = said(&request(line, &changed(body, &pointer, &new)), None);
        assert!(
            found.starts_with(&format!("request {line} at ")) && found.contains(expected),
            "{pointer} {new}: {found}"
        );
    }
    let table = [
        ("GET /settings/users/2026-03?limit=1&offset=2", Value::Null, "\"offset\": parameter"),
        ("GET /settings/users/2026-03?limit=ten", Value::Null, "\"limit\": type"),
        ("GET /settings/users/2026-03?limit=1.0", Value::Null, "\"limit\": type"),
        ("GET /settings/users/2026-03?limit=%2010", Value::Null, "\"limit\": type"),
        ("GET /settings/users/2026-03?limit=1&limit=2", Value::Null, "\"limit\": parameter"),
        ("GET /settings/users/2026-03/7?idProperty=NAME", Value::Null, "\"idProperty\": enum"),
        ("GET /crm/owners/2026-03/ada", Value::Null, "\"ownerId\": type"),
        ("GET /crm/owners/2026-03?archived=yes", Value::Null, "\"archived\": type"),
        ("GET /crm/owners/2026-03?archived=true%20", Value::Null, "\"archived\": type"),
        ("GET /crm/owners/2026-04", Value::Null, "\"\": operation"),
        ("PATCH /crm/owners/2026-03", json!({}), "\"\": operation"),
        ("DELETE /settings/users/2026-03/7", json!({}), "\"\": body"),
        (UPDATE, Value::Null, "\"Content-Type\": header"),
    ];
    for (line, body, expected) in table {
        let found = said(&request(line, &body), None);
        assert!(found.starts_with("request ") && found.contains(expected), "{line}: {found}");
    }
    let nobody = Request::builder().uri("/settings/users/2026-03");
    for request in [nobody.body(Bytes::new()), with_token("/settings/users/2026-03", "Bearer ", "")] {
        assert!(said(&request.unwrap(), None).contains("\"Authorization\": header"));
    }
    let form = "grant_type=refresh_token&client_id=a&client_secret=b&refresh_token=c";
    let token = |form: &str| with_token("/oauth/2026-03/token", "Bearer x", form).unwrap();
    assert!(said(&token(form), None).contains("\"Authorization\": header: none"));
    assert!(said(&token(&format!("{form}&refresh_token=d")), None).contains("\"refresh_token\": form"));
}

fn with_token(path: &str, token: &str, form: &str) -> http::Result<Request<Bytes>> {
    let request = Request::builder().uri(path).header("authorization", token);
    let request = request.method(if form.is_empty() { "GET" } else { "POST" });
    request.header("content-type", "application/x-www-form-urlencoded").body(Bytes::from(form.to_owned()))
}

#[test]
fn a_spelling_that_only_means_what_is_written_is_found() {
    let Some(contract) = contract() else { return };
    for (path, is_found) in [
        ("/crm/owners/2026-03", false),
        ("/crm/owners/2026-03/", true),
        ("/crm/v3/owners", true),
        ("/crm/objects/2026-03/contact/batch/read", true),
        ("/crm/properties/2026-03/contacts/", true),
    ] {
        let request = Request::builder().uri(path).body(Bytes::new()).unwrap();
        assert_eq!(contract.other_spelling(&request).is_some(), is_found, "{path}");
    }
}

#[test]
fn a_mistake_in_an_answer_is_found() {
    if contract().is_none() {
        return;
    }
    let users = json!({"results": [{"id": "1", "email": "x@example.org", "roleIds": [], "superAdmin": false}]});
    let date = "2026-11-22T10:00:00.000Z";
    let batch = json!({"status": "COMPLETE", "startedAt": date, "completedAt": date, "results": [
        {"id": "201", "properties": {"email": null}, "createdAt": date, "updatedAt": date, "archived": false},
    ]});
    let refusal = json!({
        "status": "error", "message": "x", "category": "CONFLICT", "correlationId": "01a0e0a0-0000-7000-8000-000000000000",
    });
    let good = [(USERS, 200, &users), (UPDATE, 200, &batch), (UPDATE, 207, &batch), (USERS, 409, &refusal)];
    let ask = |line: &str| match line {
        UPDATE => request(line, &json!({"inputs": []})),
        line => request(line, &Value::Null),
    };
    for (line, status, body) in good {
        assert_eq!(said(&ask(line), Some(&answer(status, body))), "", "{line} {status}");
    }
    let table = [
        (USERS, 200, &users, "/results/0/active", json!(true), "\"/results/0/active\": unknown"),
        (USERS, 200, &users, "/results/0/superAdmin", json!(null), "\"/results/0/superAdmin\": missing"),
        (USERS, 200, &users, "/results/0/id", json!(1), "\"/results/0/id\": type"),
        (UPDATE, 200, &batch, "/status", json!("DONE"), "\"/status\": enum"),
        (UPDATE, 200, &batch, "/startedAt", json!("yesterday"), "\"/startedAt\": format"),
        (UPDATE, 200, &batch, "/results/0/properties/email", json!(false), "email\": type"),
        (UPDATE, 200, &batch, "/errors", json!([]), "\"/errors\": unknown"),
        (UPDATE, 207, &batch, "/errors", json!([{"message": "x"}]), "\"/errors/0/category\": missing"),
        (USERS, 409, &refusal, "/category", json!(null), "\"/category\": missing"),
        (USERS, 400, &refusal, "/category", json!(null), "\"/category\": missing"),
        (USERS, 409, &refusal, "/correlationId", json!("5e2"), "\"/correlationId\": format"),
        (USERS, 409, &refusal, "/policyName", json!("DAILY"), "\"/policyName\": unknown"),
        (USERS, 409, &refusal, "/status", json!("CONFLICT"), "\"/status\": unknown"),
        (USERS, 429, &refusal, "/policyName", json!("HOURLY"), "\"/policyName\": unknown"),
    ];
    for (line, status, body, pointer, new, expected) in table {
        let found = said(&ask(line), Some(&answer(status, &changed(body, pointer, &new))));
        assert!(found.starts_with(&format!("answer {line} {status} at ")), "{pointer} {new}: {found}");
        assert!(found.contains(expected), "{pointer} {new}: {found}");
    }
    for (line, status, body, expected) in [
        (USERS, 201, &users, "\"\": status"),
        (USERS, 207, &users, "\"\": status"),
        (UPDATE, 204, &batch, "\"\": status"),
        ("DELETE /settings/users/2026-03/7", 204, &users, "\"\": body"),
        ("DELETE /settings/users/2026-03/7", 302, &users, "\"\": status"),
    ] {
        let found = said(&ask(line), Some(&answer(status, body)));
        assert!(found.starts_with("answer ") && found.contains(expected), "{line} {status}: {found}");
    }
    let page = Response::builder().status(404).header("content-type", "text/html").body(Bytes::from("<html>")).unwrap();
    assert!(said(&ask(USERS), Some(&page)).contains("\"Content-Type\": header"));
}

fn watched() -> (HubSpotSim, Kept) {
    let clock = VirtualClock::starting_at("2026-11-22T10:00:00Z".parse().unwrap());
    let (sim, kept) = (HubSpotSim::new(SimConfig::default(), Arc::new(clock)), Kept::new());
    kept.watch(&sim);
    (sim, kept)
}

/// A task of its own, as most of the operator's are, cannot fail a test; the end of its world does.
#[tokio::test(start_paused = true)]
async fn a_test_in_whose_world_the_contract_was_broken_fails() {
    if contract().is_none() {
        return;
    }
    let (sim, kept) = watched();
    let asked = sim.clone();
    tokio::spawn(async move { asked.handle(request("GET /crm/owners/2026-03?who=ada", &Value::Null)).await })
        .await
        .unwrap()
        .unwrap();
    let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(kept))).unwrap_err();
    let said = failed.downcast_ref::<String>().unwrap();
    assert!(said.contains("GET /crm/owners/2026-03 at \"who\": parameter: no such one"), "{said}");
    assert!(!said.contains("ada") && !said.contains(DEFAULT_TOKEN), "{said}");
}

/// What a fault makes up is not HubSpot's word, but what it was asked is ours.
#[tokio::test(start_paused = true)]
async fn answers_made_up_by_faults_are_not_judged_and_their_requests_are() {
    if contract().is_none() {
        return;
    }
    let (sim, kept) = watched();
    let fault = |when, status: Option<u16>, drop: bool, delay_ms: u64| FaultRule {
        route: "*".into(),
        when,
        status,
        body: status.map(|_| json!({"nonsense": true})),
        drop,
        delay_ms,
        ..FaultRule::default()
    };
    for when in [When::Before, When::After] {
        for rule in [fault(when, Some(200), false, 0), fault(when, None, true, 0)] {
            sim.add_fault(rule).unwrap();
            drop(sim.handle(request(USERS, &Value::Null)).await);
        }
        // Only late: the portal's own.
        sim.add_fault(fault(when, None, false, 10)).unwrap();
        sim.handle(request(USERS, &Value::Null)).await.unwrap();
    }
    let found = kept.found();
    assert_eq!(found.violations, Vec::<String>::new());
    let counts: Vec<(u16, u64)> = found.exchanges.iter().map(|((_, status), count)| (*status, *count)).collect();
    assert_eq!(counts, [(0, 4), (200, 2)]);
    let (sim, kept) = watched();
    sim.add_fault(fault(When::Before, Some(500), false, 0)).unwrap();
    sim.handle(request("GET /settings/users/2026-03?who=ada", &Value::Null)).await.unwrap();
    assert_eq!(kept.found().violations.len(), 1);
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(kept))).is_err());
}
