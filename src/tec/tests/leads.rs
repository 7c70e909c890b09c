//! Leads begun and stopped.

use serde_json::json;

use crate::{
    domain::LeadId,
    tec::{
        CreatedLead, ErrorKind, ItemError, StopLead, StopOutcome, StopReason,
        testing::{Bench, bench, lead, reply},
    },
};

fn refused(code: &str) -> CreatedLead {
    CreatedLead::Refused(ItemError { code: code.to_owned() })
}

#[tokio::test(start_paused = true)]
async fn one_outcome_per_lead_in_input_order_whatever_the_answer_holds() {
    let body = json!({"results": [
        {"idempotencyKey": "b", "error": {"code": "UNKNOWN_SCHEDULE", "message": "x"}},
        {"idempotencyKey": "a", "leadId": "lead-1", "state": "Warm", "new": true},
        {"idempotencyKey": "c", "error": {"code": "no code", "message": "x"}},
        {"idempotencyKey": "d", "leadId": 7, "state": "Warm"},
        {"idempotencyKey": "e", "leadId": "lead\n1", "state": "Warm"},
        "nonsense",
        {"idempotencyKey": "somebody else's", "leadId": "lead-9", "state": "New"},
        {"idempotencyKey": "g", "leadId": "lead-3", "state": "New", "error": {"code": "TEMPORARY", "message": "x"}},
    ]});
    let Bench { tec, script } = bench([reply(200, body)]);
    let leads: Vec<_> = ["a", "b", "c", "d", "e", "f", "g"].map(lead).into();
    let outcomes = tec.create_leads(&leads).await.unwrap();
    assert_eq!(outcomes[0], CreatedLead::Created { lead: LeadId("lead-1".to_owned()), state: "Warm".to_owned() });
    let codes = ["UNKNOWN_SCHEDULE", "UNNAMED", "NO_ANSWER", "NO_ANSWER", "NO_ANSWER", "TEMPORARY"];
    assert_eq!(outcomes[1..], codes.map(refused));
    let sent = json!({"idempotencyKey": "a", "assistantEmail": "canary.assistant@example.com", "context": "canary context",
        "contact": {"crmId": "201", "email": "canary.person@example.com", "firstName": "canary"}});
    assert_eq!(script.seen()[0].json()["leads"][0], sent, "what is absent is not sent");
}

#[tokio::test(start_paused = true)]
async fn a_batch_has_a_size() {
    let Bench { tec, script } = bench([reply(200, json!({"results": []}))]);
    assert_eq!(tec.create_leads(&[]).await.unwrap(), []);
    assert_eq!(tec.stop_leads(&[]).await.unwrap(), []);
    let error = tec.create_leads(&vec![lead("k"); 101]).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Rejected { .. }));
    assert_eq!(script.seen().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn stops_are_told_apart() {
    let body = json!({"results": [
        {"leadId": "3", "error": {"code": "TEMPORARY", "message": "x"}},
        {"leadId": "2", "error": {"code": "UNKNOWN_LEAD", "message": "x"}},
        {"leadId": "1", "stopped": true},
        {"leadId": "4", "stopped": false},
    ]});
    let Bench { tec, script } = bench([reply(200, body)]);
    let stop = |id: &str, reason| StopLead { lead: LeadId(id.to_owned()), reason };
    let stops = [
        stop("1", StopReason::TakenBack),
        stop("2", StopReason::ContactGone),
        stop("3", StopReason::AssistantDeleted),
        stop("4", StopReason::TakenBack),
        stop("5", StopReason::TakenBack),
    ];
    let refused = |code: &str| StopOutcome::Refused(ItemError { code: code.to_owned() });
    let expected = [
        StopOutcome::Stopped,
        StopOutcome::Unknown,
        refused(ItemError::TEMPORARY),
        refused(ItemError::NO_ANSWER),
        refused(ItemError::NO_ANSWER),
    ];
    assert_eq!(tec.stop_leads(&stops).await.unwrap(), expected);
    let sent = script.seen()[0].json()["leads"].clone();
    let reasons = [0, 1, 2].map(|place: usize| sent[place]["reason"].as_str().unwrap().to_owned());
    assert_eq!(reasons, ["TakenBack", "ContactGone", "AssistantDeleted"]);
}
