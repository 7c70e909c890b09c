//! Tokens, routes, faults, latency, the log.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{DEFAULT_TOKEN, START, begin, call, call_as, get, tec, tec_with};
use crate::sim::{
    hubspot::{Fault, FaultRule, When},
    tec::{InitialTec, TecConfig, TecSim},
};

#[tokio::test(start_paused = true)]
async fn only_the_contracts_routes_with_its_token() {
    let tec = tec();
    let table = [
        ("wrong", "GET /v1/schedules", 401, "UNAUTHORIZED"),
        ("wrong", "GET /elsewhere", 401, "UNAUTHORIZED"),
        (DEFAULT_TOKEN, "GET /elsewhere", 404, "NOT_FOUND"),
        (DEFAULT_TOKEN, "GET /v1/schedules/", 404, "NOT_FOUND"),
        (DEFAULT_TOKEN, "DELETE /v1/schedules", 404, "NOT_FOUND"),
        (DEFAULT_TOKEN, "GET /_sim/state", 404, "NOT_FOUND"),
        (DEFAULT_TOKEN, "GET /v1/events?after=somewhere", 400, "INVALID_REQUEST"),
        (DEFAULT_TOKEN, "GET /v1/events?after=evt_0_1", 400, "INVALID_REQUEST"),
        (DEFAULT_TOKEN, "GET /v1/events?after=evt_1_0", 400, "INVALID_REQUEST"),
        (DEFAULT_TOKEN, "GET /v1/schedules?after=evt_0_0", 400, "INVALID_REQUEST"),
    ];
    for (token, line, status, code) in table {
        let reply = call_as(&tec, token, line, Value::Null).await.unwrap();
        assert_eq!((reply.status, &reply.body["code"]), (status, &json!(code)), "{line}");
        assert!(reply.body["message"].is_string());
    }
    tec.configure(|config| config.token = "new".to_owned());
    assert_eq!(call_as(&tec, "new", "GET /v1/schedules", Value::Null).await.unwrap().status, 200);
    assert_eq!(get(&tec, "/v1/schedules").await.status, 401);
}

#[tokio::test(start_paused = true)]
async fn messages_repeat_no_values() {
    let tec = tec();
    let lead = json!({"idempotencyKey": "k", "assistantEmail": "ada@example.com", "contact": "canary@example.org"});
    let reply = call(&tec, "POST /v1/leads/batch", json!({ "leads": [lead] })).await;
    assert_eq!((reply.status, reply.body.to_string().contains("canary")), (400, false), "{reply:?}");
}

#[tokio::test(start_paused = true)]
async fn faults_strike_before_or_after_the_effect() {
    let tec = tec();
    let rule =
        |when, status, drop| FaultRule { route: "/v1/leads/batch".into(), when, status, drop, ..FaultRule::default() };
    let one = || json!({"leads": [super::item("1")]});
    for (when, leads) in [(When::Before, 0), (When::After, 1)] {
        tec.add_fault(rule(when, None, true)).unwrap();
        assert!(call_as(&tec, DEFAULT_TOKEN, "POST /v1/leads/batch", one()).await.is_err());
        assert_eq!(tec.leads().len(), leads, "{when:?}");
    }
    tec.add_fault(rule(When::Before, Some(429), false)).unwrap();
    let reply = call(&tec, "POST /v1/leads/batch", one()).await;
    assert_eq!((reply.status, &reply.body["code"]), (429, &json!("RATE_LIMITED")));
    assert_eq!(reply.headers["retry-after"], "1");
    assert_eq!(get(&tec, "/v1/schedules").await.status, 200, "another route");
    assert!(tec.add_fault(FaultRule { route: "v1".into(), ..FaultRule::default() }).is_err());

    tec.set_chaos(Some(Box::new(|_: &http::Method, route: &str| {
        (route == "/v1/schedules").then(|| Fault::status(When::Before, 503))
    })));
    assert_eq!(get(&tec, "/v1/schedules").await.body["code"], "UNAVAILABLE");
    assert_eq!(get(&tec, "/v1/assistants").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn requests_are_counted_by_route_and_take_their_time() {
    let tec = tec_with(TecConfig { latency: Duration::from_millis(100), ..TecConfig::default() });
    tec.add_fault(FaultRule { route: "/v1/events".into(), delay_ms: 900, ..FaultRule::default() }).unwrap();
    let started = Instant::now();
    get(&tec, "/v1/events?limit=3").await;
    assert_eq!(started.elapsed(), Duration::from_secs(1));
    begin(&tec, &["1"]).await;
    get(&tec, "/v1/nothing").await;
    let counts = tec.requests();
    assert_eq!((counts.total, counts.of("GET", "/v1/events"), counts.of("POST", "/v1/leads/batch")), (3, 1, 1));
    assert_eq!((counts.with_status(404), tec.trace()[0].path.as_str()), (1, "/v1/events?limit=3"));
    assert_eq!(tec.trace()[0].at.to_string(), START);
    tec.reset_requests();
    assert_eq!((tec.requests().total, tec.trace().len()), (0, 0));
    assert!(!format!("{tec:?} {:?}", TecConfig::default()).contains(DEFAULT_TOKEN));
}

#[tokio::test(start_paused = true)]
async fn lists_keep_what_a_change_does_not_name() {
    let tec = tec();
    let set_up = |text: &str| tec.set_up(&serde_json::from_str::<InitialTec>(text).unwrap());
    set_up(r#"{"assistants": [{"email": "bob@example.com", "defaultSchedule": "101"}], "schedules": [{"id": "102", "name": "Evenings"}]}"#)
        .unwrap();
    set_up(r#"{"assistants": [{"email": "BOB@example.com", "onboarded": false}], "schedules": [{"id": "102", "name": "Nights", "active": false}]}"#)
        .unwrap();
    for wrong in [r#"{"assistants": [{"email": "bob"}]}"#, r#"{"schedules": [{"id": "1 2", "name": "x"}]}"#] {
        assert_eq!(set_up(wrong).unwrap_err().status, 400, "{wrong}");
    }
    let bob = json!({"id": "assistant-2", "email": "bob@example.com", "name": "bob", "onboarded": false, "defaultSchedule": "101"});
    assert_eq!(get(&tec, "/v1/assistants?email=Bob@example.com").await.body, json!({ "assistants": [bob] }));
    let nights = json!({"id": "102", "name": "Nights", "active": false});
    assert_eq!(get(&tec, "/v1/schedules?after=lst_1").await.body, json!({ "schedules": [nights] }));
    assert_eq!(get(&tec, "/v1/schedules?limit=1").await.body["next"], "lst_1");
    assert_eq!(tec.state()["assistants"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_socket_serves_it_and_a_waiting_poll_does_not_hold_up_the_end() {
    let clock = Arc::new(crate::runtime::clock::SystemClock);
    let tec = TecSim::new(TecConfig::default(), clock);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(super::super::serve(tec.clone(), listener, async move { drop(stopped.await) }));
    let transport = crate::runtime::transport::HttpTransport::new().unwrap();
    let request = http::Request::get(format!("{base}/v1/events?waitSeconds=30"));
    let request = request.header("authorization", format!("Bearer {DEFAULT_TOKEN}")).body(bytes::Bytes::new()).unwrap();
    let poll = tokio::spawn(crate::runtime::transport::Transport::send(&transport, request));
    while tec.requests().total == 0 {
        tokio::task::yield_now().await;
    }
    drop(stop);
    assert_eq!(poll.await.unwrap().unwrap().body(), &json!({"cursor": "evt_0_0", "events": []}).to_string());
    server.await.unwrap().unwrap();
}
