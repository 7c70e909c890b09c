//! The token and contact data never show, whatever TEC sends back.

use std::{fmt::Write as _, time::Duration};

use serde_json::json;
use tracing_subscriber::layer::SubscriberExt;

use crate::{
    domain::LeadId,
    runtime::testing::Everything,
    tec::{
        StopLead, StopReason, Tec,
        testing::{Reply, TOKEN, bench, lead, reply},
    },
};

/// Every call's outcome, in both of its spellings.
async fn everything_shown(tec: &Tec) -> String {
    let mut shown = format!("{tec:?} {:?}", lead("k"));
    let stop = StopLead { lead: LeadId("lead-1".to_owned()), reason: StopReason::TakenBack };
    macro_rules! show {
        ($($call:expr),+) => {
            $(match $call.await {
                Ok(found) => write!(shown, " {found:?}").unwrap(),
                Err(error) => write!(shown, " {error} {error:?} {}", error.category()).unwrap(),
            })+
        };
    }
    show!(
        tec.assistants(),
        tec.schedules(),
        tec.create_leads(&[lead("k")]),
        tec.stop_leads(&[stop]),
        tec.events(None, 10, Duration::ZERO)
    );
    shown
}

/// Answers to all calls at once, with a canary wherever a text may be.
fn everything() -> String {
    let address = json!({"email": "canary.person@example.com", "firstName": "canary", "lastName": "canary"});
    let email = json!({"subject": "canary", "text": "canary", "html": "canary", "from": address, "to": [address],
        "cc": [address], "bcc": [address]});
    let task = json!({"subject": "canary", "body": "canary", "dueAt": "2026-11-22T10:00:00Z", "priority": "canary"});
    let event = |change: serde_json::Value| {
        let mut event = json!({"seq": 1, "leadId": "lead-1", "crmId": "201", "occurredAt": "2026-11-22T10:00:00Z"});
        json_patch::merge(&mut event, &change);
        event
    };
    let error = json!({"code": TOKEN, "message": "canary.person@example.com"});
    json!({
        "code": TOKEN,
        "message": "canary.person@example.com Bearer CANARY_TOKEN_5F0E",
        "assistants": [
            {"id": "1", "email": "canary.assistant@example.com", "name": "canary", "onboarded": true, "defaultContext": "canary"},
            {"id": "2", "email": "canary", "name": "canary", "onboarded": true},
        ],
        "schedules": [],
        "results": [{"idempotencyKey": "k", "error": error}, {"leadId": "lead-1", "error": error}],
        "cursor": "c",
        "events": [
            event(json!({"type": "EmailSent", "email": email})),
            event(json!({"type": "EmailReceived", "email": email})),
            event(json!({"type": "TaskCreated", "task": task})),
            event(json!({"type": "canary person"})),
            event(json!({"type": "EmailSent", "email": "canary"})),
            event(json!({"type": "EmailSent", "email": "canary", "leadId": "canary person", "seq": "canary"})),
        ],
    })
    .to_string()
}

#[tokio::test(start_paused = true)]
async fn neither_errors_nor_logs_nor_debug_show_token_or_person() {
    let log = Everything::default();
    let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(log.clone()));
    let mut shown = String::new();
    for status in [200, 302, 400, 401, 404, 410, 429, 500] {
        let answer = reply(status, everything()).header("Location", "https://evil.example/canary");
        // Another test's thread may have met the log line first, with nobody listening; that is cached.
        tracing::callsite::rebuild_interest_cache();
        shown.push_str(&everything_shown(&bench([answer]).tec).await);
    }
    shown.push_str(&everything_shown(&bench([Reply::Lost]).tec).await);
    drop(guard);
    let log = log.text();
    for needle in ["canary", "CANARY", "Bearer"] {
        assert!(!shown.contains(needle), "{needle} in {shown}");
        assert!(!log.contains(needle), "{needle} in {log}");
    }
    assert!(shown.contains("EmailMessage") && shown.contains("LeadContact"), "{shown}");
    assert!(log.contains("operation=\"read_events\"") && log.contains("outcome=\"unavailable\""), "{log}");
    assert!(log.contains("cannot be read and is skipped lead=\"lead-1\" seq=1"), "{log}");
}
