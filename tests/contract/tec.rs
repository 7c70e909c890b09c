//! TEC's contract: the document itself, the client and the simulator against it, and the checker against mistakes.

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tec_crm::{
    domain::{ContactId, Email, LeadId},
    runtime::{
        clock::VirtualClock,
        transport::{HttpRequest, HttpResponse, Transport, TransportError},
    },
    sim::{
        hubspot::{FaultRule, When},
        tec::{DEFAULT_TOKEN, NewAssistant, NewSchedule, TecConfig, TecSim},
    },
    tec::{
        Connection, CreatedLead, ErrorKind, ItemError, LeadContact, NewLead, StopLead, StopOutcome, StopReason, Tec,
        TecToken, What,
    },
};

use super::{
    checker::{Contract, schema},
    openapi::Document,
    watch::Watch,
};

fn contract() -> &'static Contract {
    static CONTRACT: OnceLock<Contract> = OnceLock::new();
    CONTRACT.get_or_init(|| {
        let document = serde_saphyr::from_str(include_str!("../../src/tec/openapi.yaml")).expect("YAML");
        Contract::new(vec![Document::new(document)], false, |path| Cow::Borrowed(path))
    })
}

fn watch() -> Watch {
    Watch::new(contract(), &[])
}

/// A TEC with an assistant and a schedule, and a client whose every word is checked.
struct Desk {
    sim: TecSim,
    watch: Watch,
    tec: Tec,
}

fn desk(config: TecConfig) -> Desk {
    let epoch = "2026-11-22T10:00:00Z".parse().unwrap();
    let sim = TecSim::new(config, Arc::new(VirtualClock::starting_at(epoch)));
    sim.assistant(NewAssistant { default_schedule: Some("101".into()), ..NewAssistant::new("ada@example.com") })
        .unwrap();
    sim.schedule(NewSchedule::new("101", "Weekdays")).unwrap();
    let watch = watch();
    let tec = client(&sim, &watch, DEFAULT_TOKEN);
    Desk { sim, watch, tec }
}

fn client(sim: &TecSim, watch: &Watch, token: &str) -> Tec {
    let base = "http://tec.invalid".parse().unwrap();
    Tec::new(Connection { transport: watch.over(sim.transport()), base, token: TecToken::new(token).unwrap() })
}

fn lead(number: u64) -> NewLead {
    NewLead {
        idempotency_key: format!("999001:{number}:1795341600000"),
        assistant_email: Email::new("ada@example.com").unwrap(),
        contact: LeadContact {
            crm_id: ContactId(number.to_string()),
            email: format!("lead{number}@example.org"),
            first_name: Some("Grace".into()),
            last_name: None,
            company: Some("Example Ltd".into()),
            phone: None,
        },
        context: Some("Asked for a price list.".into()),
        schedule: Some("101".into()),
    }
}

fn refused(code: &str) -> CreatedLead {
    CreatedLead::Refused(ItemError { code: code.into() })
}

#[test]
fn every_example_is_what_its_schema_says() {
    let [document] = &contract().documents[..] else { panic!("one document") };
    let mut checked = 0;
    let mut check = |place: String, schema: &Value, example: &Value| {
        let wrong: Vec<String> = document
            .schema(schema, true)
            .broken(example)
            .into_iter()
            .map(|one| one.pointer + " " + &one.expected)
            .collect();
        assert!(wrong.is_empty(), "{place}: {wrong:#?}");
        checked += 1;
    };
    for (path, methods) in document.value()["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let parameter = document.resolved(parameter);
                check(format!("{method} {path} {}", parameter["name"]), &parameter["schema"], &parameter["example"]);
            }
            let answers = operation["responses"].as_object().unwrap().iter();
            let bodies = answers.chain(operation.get("requestBody").map(|body| (method, body)));
            for (name, body) in bodies {
                let body = document.resolved(body);
                for (header, field) in body["headers"].as_object().into_iter().flatten() {
                    check(format!("{method} {path} {name} {header}"), &field["schema"], &field["example"]);
                }
                let examples = body["content"]["application/json"]["examples"].as_object();
                let examples = examples.unwrap_or_else(|| panic!("{method} {path} {name} has no example"));
                for (example, value) in examples {
                    check(format!("{method} {path} {name} {example}"), schema(body), &value["value"]);
                }
            }
        }
    }
    for (name, schema) in document.value()["components"]["schemas"].as_object().unwrap() {
        assert!(jsonschema::meta::is_valid(schema), "{name}");
        for example in schema["examples"].as_array().into_iter().flatten() {
            check(name.clone(), schema, example);
        }
    }
    assert!(checked > 50, "{checked}");
}

#[tokio::test(start_paused = true)]
async fn lists_are_read_to_their_end() {
    let Desk { sim, watch, tec } = desk(TecConfig::default());
    for number in 0..450 {
        sim.assistant(NewAssistant::new(format!("a{number}@example.com"))).unwrap();
        sim.schedule(NewSchedule { active: Some(false), ..NewSchedule::new(format!("s{number}"), "Never") }).unwrap();
    }
    let (assistants, schedules) = (tec.assistants().await.unwrap(), tec.schedules().await.unwrap());
    assert_eq!((assistants.len(), schedules.len()), (451, 451));
    let ada = &assistants[0];
    assert_eq!(
        (ada.email.as_str(), ada.onboarded, ada.default_schedule.as_deref()),
        ("ada@example.com", true, Some("101"))
    );
    assert_eq!((schedules[0].active, schedules[450].active), (true, false));
    assert_eq!(sim.requests().of("GET", "/v1/assistants"), 3);
    watch.assert_kept();
}

#[tokio::test(start_paused = true)]
async fn a_lead_from_its_beginning_to_its_end() {
    let Desk { sim, watch, tec } = desk(TecConfig::default());
    let mut batch: Vec<NewLead> = (201..=300).map(lead).collect();
    batch[1].assistant_email = Email::new("nobody@example.com").unwrap();
    batch[2].contact.email = "nowhere".into();
    batch[3].schedule = Some("Mondays; and more".into());
    let outcomes = tec.create_leads(&batch).await.unwrap();
    assert_eq!(outcomes[0], CreatedLead::Created { lead: LeadId("lead-1".into()), state: "New".into() });
    assert_eq!(outcomes[1..4], ["UNKNOWN_ASSISTANT", "INVALID_CONTACT", "UNKNOWN_SCHEDULE"].map(refused));
    assert_eq!((outcomes.len(), sim.leads().len()), (100, 97));
    assert_eq!(tec.create_leads(&batch).await.unwrap(), outcomes, "the same keys are the same leads");
    assert_eq!((sim.leads().len(), &sim.leads()[0]["requests"]), (97, &json!(2)));

    let said = sim.say(vec![
        json!({"crmId": "201", "type": "EmailSent", "email": {"subject": "Hello", "text": "…", "html": "<p>…</p>"}}),
        json!({"leadId": "lead-1", "type": "StateChanged", "state": "Brand new"}),
        json!({"crmId": "201", "type": "TaskCreated", "task": {"subject": "Call", "priority": "HIGH", "type": "CALL"}}),
        json!({"crmId": "201", "type": "Weather", "sun": true}),
        json!({"crmId": "201", "type": "EmailReceived", "email": {"subject": "", "from": {"email": "x@example.org"}}, "done": true}),
    ]);
    assert_eq!(said.unwrap().len(), 5);
    let first = tec.events(None, 3, Duration::ZERO).await.unwrap();
    let rest = tec.events(Some(&first.cursor), 200, Duration::from_mins(1)).await.unwrap();
    let events: Vec<_> = first.events.iter().chain(&rest.events).collect();
    assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert!(matches!(&events[0].what, What::EmailSent(email) if email.to[0].email == "lead201@example.org"));
    assert_eq!(events[1].what, What::StateChanged { state: "Brand new".into() });
    assert!(matches!(&events[2].what, What::TaskCreated(task) if task.task_type.as_deref() == Some("CALL")));
    assert_eq!(events[3].what, What::Unknown { kind: "Weather".into() });
    assert!(matches!(&events[4].what, What::EmailReceived(email) if email.from.email == "x@example.org"));
    assert!(events[4].done && !events[3].done && events.iter().all(|event| event.contact.as_str() == "201"));
    let nothing = tec.events(Some(&rest.cursor), 200, Duration::from_mins(1)).await.unwrap();
    assert_eq!((&nothing.cursor, nothing.events.len(), nothing.skipped), (&rest.cursor, 0, 0));

    let stop = |lead: &str, reason| StopLead { lead: LeadId(lead.into()), reason };
    let stops = [
        stop("lead-2", StopReason::ContactGone),
        stop("lead-999", StopReason::TakenBack),
        stop("lead-3", StopReason::AssistantDeleted),
    ];
    let outcomes = tec.stop_leads(&stops).await.unwrap();
    assert_eq!(outcomes, [StopOutcome::Stopped, StopOutcome::Unknown, StopOutcome::Stopped]);
    assert_eq!(tec.stop_leads(&[stop("lead-2", StopReason::TakenBack)]).await.unwrap(), [StopOutcome::Stopped]);
    assert_eq!((&sim.leads()[1]["stopped"], &sim.leads()[0]["done"]), (&json!("ContactGone"), &json!(true)));
    watch.assert_kept();
}

#[tokio::test(start_paused = true)]
async fn every_refusal_is_as_written() {
    let Desk { sim, watch, tec } = desk(TecConfig::default());
    let error = client(&sim, &watch, "wrong").assistants().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthorized);
    sim.say_anything(
        json!({"seq": 1, "leadId": "lead-1", "crmId": "1", "type": "Hello", "occurredAt": "2026-11-22T10:00:00Z"}),
    );
    let cursor = tec.events(None, 10, Duration::ZERO).await.unwrap().cursor;
    sim.expire_cursors();
    let error = tec.events(Some(&cursor), 10, Duration::ZERO).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::CursorExpired);
    assert_eq!(tec.events(None, 10, Duration::ZERO).await.unwrap().events.len(), 1, "from the beginning");
    for (status, category) in [
        (400, "rejected"),
        (404, "rejected"),
        (429, "rate_limited"),
        (500, "unavailable"),
        (502, "unavailable"),
        (503, "unavailable"),
    ] {
        for when in [When::Before, When::After] {
            let rule =
                FaultRule { route: "*".into(), times: Some(9), when, status: Some(status), ..FaultRule::default() };
            sim.add_fault(rule).unwrap();
            assert_eq!(tec.create_leads(&[lead(status.into())]).await.unwrap_err().category(), category, "{status}");
            assert_eq!(tec.schedules().await.unwrap_err().category(), category, "{status}");
            sim.clear_faults();
        }
    }
    sim.configure(|config| config.temporary = 1.0);
    let outcomes = tec.create_leads(&[lead(7)]).await.unwrap();
    assert!(matches!(&outcomes[0], CreatedLead::Refused(error) if error.code == ItemError::TEMPORARY));
    let stop = StopLead { lead: LeadId("lead-1".into()), reason: StopReason::TakenBack };
    assert!(
        matches!(&tec.stop_leads(&[stop]).await.unwrap()[0], StopOutcome::Refused(error) if error.code == ItemError::TEMPORARY)
    );
    watch.assert_kept();
}

/// Answers whatever it is told.
struct Says(u16, Value);

impl Transport for Says {
    fn send(&self, _: HttpRequest) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
        let answer = http::Response::builder().status(self.0).header("content-type", "application/json");
        let answer = answer.body(Bytes::from(self.1.to_string())).unwrap();
        Box::pin(async move { Ok(answer) })
    }
}

fn raw(line: &str, body: &Value) -> HttpRequest {
    let (method, path) = line.split_once(' ').unwrap();
    let request = http::Request::builder().method(method).uri(format!("http://tec.invalid{path}"));
    let request = request.header("authorization", format!("Bearer {DEFAULT_TOKEN}"));
    if body.is_null() {
        return request.body(Bytes::new()).unwrap();
    }
    request.header("content-type", "application/json").body(Bytes::from(body.to_string())).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_checker_finds_what_is_wrong_with_an_answer() {
    let event = |extra: Value| {
        let mut event = json!({"seq": 1, "leadId": "l", "crmId": "1", "type": "StateChanged", "occurredAt": "2026-11-22T10:00:00Z", "state": "New"});
        json_patch::merge(&mut event, &extra);
        json!({"cursor": "c", "events": [event]})
    };
    let table = [
        ("GET /v1/schedules", 200, json!({"schedules": [{"id": "1", "name": "x", "active": true}]}), true),
        ("GET /v1/schedules", 200, json!({"schedules": [{"id": "1", "name": "x", "active": "yes"}]}), false),
        ("GET /v1/schedules", 200, json!({"schedules": [{"id": "1", "name": "x"}]}), false),
        ("GET /v1/schedules", 200, json!({"schedules": [], "more": true}), false),
        ("GET /v1/schedules", 200, json!({"schedules": [], "next": null}), false),
        ("GET /v1/schedules", 204, json!({}), false),
        ("GET /v1/schedules", 401, json!({"code": "UNAUTHORIZED", "message": "x"}), true),
        ("GET /v1/schedules", 401, json!({"code": "NOT_FOUND", "message": "x"}), false),
        ("GET /v1/schedules", 401, json!({"code": "UNAUTHORIZED", "message": "x", "detail": "y"}), false),
        ("GET /v1/schedules", 429, json!({"code": "RATE_LIMITED", "message": "x"}), false),
        ("GET /v1/events", 200, event(json!({})), true),
        ("GET /v1/events", 200, event(json!({"done": true})), true),
        ("GET /v1/events", 200, event(json!({"seq": 0})), false),
        ("GET /v1/events", 200, event(json!({"occurredAt": "yesterday"})), false),
        ("GET /v1/events", 200, event(json!({"task": {}})), false),
        ("GET /v1/events", 200, event(json!({"type": "EmailSent"})), false),
        ("GET /v1/events", 200, event(json!({"type": "Weather"})), true),
    ];
    for (line, status, answer, sound) in table {
        let watch = watch();
        watch.over(Arc::new(Says(status, answer.clone()))).send(raw(line, &Value::Null)).await.unwrap();
        let violations = watch.violations();
        assert_eq!(violations.is_empty(), sound, "{line} {status} {answer}: {violations:#?}");
        assert!(violations.iter().all(|violation| violation.starts_with("answer ")), "{violations:#?}");
    }
}

/// The simulator refuses what the contract forbids, and nothing else: two readings of the same rules.
#[tokio::test(start_paused = true)]
async fn simulator_and_checker_agree_on_what_a_request_may_be() {
    let Desk { sim, .. } = desk(TecConfig::default());
    let create = "POST /v1/leads/batch";
    let stop = "POST /v1/leads/stop/batch";
    let item = |change: Value| {
        let mut item = json!({"idempotencyKey": "k", "assistantEmail": "ada@example.com", "contact": {"crmId": "1", "email": "x@example.org"}});
        // A merge would take `null` for a removal; here it is a value.
        for (path, value) in change.as_object().unwrap() {
            let (parent, field) = path.rsplit_once('/').unwrap();
            let parent = item.pointer_mut(parent).unwrap().as_object_mut().unwrap();
            if value == "REMOVED" {
                parent.remove(field)
            } else {
                parent.insert(field.to_owned(), value.clone())
            };
        }
        item
    };
    let many = |count: usize| json!({"leads": vec![item(json!({})); count]});
    let one = |change: Value| json!({"leads": [item(change)]});
    let good = [
        ("GET /v1/assistants", Value::Null),
        ("GET /v1/assistants?email=x&limit=200&after=lst_0", Value::Null),
        ("GET /v1/schedules?limit=1", Value::Null),
        ("GET /v1/events?limit=1&waitSeconds=30", Value::Null),
        (create, many(1)),
        (create, many(100)),
        (create, one(json!({"/context": "", "/schedule": "", "/contact/phone": "+1"}))),
        (create, one(json!({"/contact/email": "", "/assistantEmail": ""}))),
        (stop, json!({"leads": [{"leadId": "nonsense", "reason": "TakenBack"}]})),
    ];
    let bad = [
        ("GET /v1/assistants?name=ada", Value::Null),
        ("GET /v1/assistants?limit=0", Value::Null),
        ("GET /v1/assistants?limit=201", Value::Null),
        ("GET /v1/assistants?limit=ten", Value::Null),
        ("GET /v1/assistants?limit=1&limit=1", Value::Null),
        ("GET /v1/assistants?after=", Value::Null),
        ("GET /v1/schedules?email=x", Value::Null),
        ("GET /v1/events?waitSeconds=31", Value::Null),
        ("GET /v1/events?waitSeconds=-1", Value::Null),
        ("GET /v1/events?wait=1", Value::Null),
        (create, Value::Null),
        (create, json!([])),
        (create, json!({})),
        (create, many(0)),
        (create, many(101)),
        (create, json!({"leads": [item(json!({}))], "more": 1})),
        (create, one(json!({"/idempotencyKey": "REMOVED"}))),
        (create, one(json!({"/idempotencyKey": ""}))),
        (create, one(json!({"/idempotencyKey": "k".repeat(201)}))),
        (create, one(json!({"/assistantEmail": 7}))),
        (create, one(json!({"/contact": "REMOVED"}))),
        (create, one(json!({"/contact/crmId": 201}))),
        (create, one(json!({"/contact/crmId": "a b"}))),
        (create, one(json!({"/contact/email": "REMOVED"}))),
        (create, one(json!({"/contact/firstname": "Grace"}))),
        (create, one(json!({"/contact/firstName": null}))),
        (create, one(json!({"/context": null}))),
        (create, one(json!({"/priority": "HIGH"}))),
        (stop, json!({"leads": [{"leadId": "lead-1"}]})),
        (stop, json!({"leads": [{"leadId": "lead-1", "reason": "Bored"}]})),
        (stop, json!({"leads": [{"leadId": "", "reason": "TakenBack"}]})),
        (stop, json!({"leads": [{"leadId": "lead-1", "reason": "TakenBack", "why": ""}]})),
    ];
    let rows = good.iter().map(|row| (row, 200)).chain(bad.iter().map(|row| (row, 400)));
    for ((line, body), status) in rows {
        let watch = watch();
        let answer = watch.over(sim.transport()).send(raw(line, body)).await.unwrap();
        let violations = watch.violations();
        assert_eq!(answer.status(), status, "{line} {body}: {answer:?}");
        assert_eq!(violations.is_empty(), status == 200, "{line} {body}: {violations:#?}");
        assert!(violations.iter().all(|violation| violation.starts_with("request ")), "{violations:#?}");
    }
    assert_eq!(sim.leads().len(), 1, "what is refused has no effect");
}
