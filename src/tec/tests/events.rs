//! The feed.

use std::time::Duration;

use serde_json::{Value, json};

use crate::tec::{
    Cursor, What,
    testing::{Bench, bench, reply},
};

fn event(change: &Value) -> Value {
    let mut event = json!({"seq": 1, "leadId": "lead-1", "crmId": "201", "type": "StateChanged", "state": "Hot",
        "occurredAt": "2026-11-22T10:00:00.5+01:00"});
    json_patch::merge(&mut event, change);
    event
}

fn page(events: &[Value]) -> crate::tec::testing::Reply {
    reply(200, json!({"cursor": "c-2", "events": events}))
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_skipped_and_counted_and_stops_nothing() {
    let email = json!({"subject": null, "from": {"email": "x"}, "to": null, "html": "<p>"});
    let good = [
        event(&json!({})),
        event(&json!({"seq": 2, "done": null, "extra": [1]})),
        event(&json!({"seq": 3, "type": "EmailSent", "email": email})),
        event(&json!({"seq": 4, "type": "TaskCreated",
            "task": {"subject": "S", "dueAt": "2026-11-23T10:00:00Z", "priority": "URGENT", "type": "CALL"}})),
        event(&json!({"seq": 5, "type": "Weather", "email": 7, "done": true})),
        event(&json!({"seq": 6, "type": "two words"})),
    ];
    let bad = [
        json!("nonsense"),
        json!({}),
        event(&json!({"seq": 0})),
        event(&json!({"seq": "1"})),
        event(&json!({"leadId": null})),
        event(&json!({"crmId": "2 0 1"})),
        event(&json!({"occurredAt": "yesterday"})),
        event(&json!({"state": null})),
        event(&json!({"type": "EmailReceived"})),
        event(&json!({"type": "EmailReceived", "email": {"subject": "no sender"}})),
        event(&json!({"type": "TaskCreated", "task": {"subject": "never due"}})),
    ];
    // Every bad one between good ones.
    let all: Vec<Value> = bad.iter().flat_map(|bad| [&[bad.clone()][..], &good[..]].concat()).collect();
    let read = bench([page(&all)]).tec.events(None, 100, Duration::ZERO).await.unwrap();
    assert_eq!((read.skipped, read.events.len(), read.cursor.as_str()), (bad.len(), good.len() * bad.len(), "c-2"));
    let [state, again, email, task, weather, odd] = &read.events[..6] else { panic!("six events") };
    assert_eq!(state.occurred_at.to_string(), "2026-11-22T09:00:00.5Z");
    assert_eq!((&state.what, state.done, again.done), (&What::StateChanged { state: "Hot".to_owned() }, false, false));
    assert!(matches!(&email.what, What::EmailSent(email) if email.subject.is_empty() && email.to.is_empty()));
    assert!(
        matches!(&task.what, What::TaskCreated(task) if task.priority.is_none() && task.task_type.as_deref() == Some("CALL"))
    );
    assert_eq!((&weather.what, weather.done), (&What::Unknown { kind: "Weather".to_owned() }, true));
    assert_eq!(odd.what, What::Unknown { kind: "?".to_owned() });
}

/// Half an emoji, as cut by somebody who counts UTF-16: no JSON text for us, and nothing for the rest of the page.
#[tokio::test(start_paused = true)]
async fn half_a_character_spoils_its_own_event_only() {
    let half = r#"{"seq": 2, "leadId": "lead-1", "crmId": "201", "type": "EmailReceived", "occurredAt": "2026-11-22T10:00:00Z",
        "email": {"subject": "\ud83d", "from": {"email": "x"}, "to": [], "cc": [], "bcc": []}, "done": DONE}"#;
    let (first, last) = (event(&json!({})), event(&json!({"seq": 3})));
    let [unread, done] = ["false", "true"].map(|done| half.replace("DONE", done));
    let body = format!(r#"{{"cursor": "c-2", "events": [{first}, {unread}, {done}, {last}]}}"#);
    let read = bench([reply(200, body)]).tec.events(None, 100, Duration::ZERO).await.unwrap();
    let seqs: Vec<(u64, bool)> = read.events.iter().map(|event| (event.seq, event.done)).collect();
    assert_eq!((seqs, read.skipped), (vec![(1, false), (2, true), (3, false)], 1));
}

#[tokio::test(start_paused = true)]
async fn the_poll_ends_before_the_transports_patience() {
    let Bench { tec, script } = bench([page(&[])]);
    let cursor = Cursor::new("c+1/=");
    tec.events(None, 0, Duration::from_millis(900)).await.unwrap();
    tec.events(Some(&cursor), 5000, Duration::from_mins(5)).await.unwrap();
    tec.events(Some(&cursor), 7, Duration::from_secs(3)).await.unwrap();
    let queries: Vec<String> = script.lines().iter().map(|line| line.split_once('?').unwrap().1.to_owned()).collect();
    let expected = [
        "limit=1&waitSeconds=0",
        "limit=200&waitSeconds=20&after=c%2B1%2F%3D",
        "limit=7&waitSeconds=3&after=c%2B1%2F%3D",
    ];
    assert_eq!(queries, expected);
}

#[tokio::test(start_paused = true)]
async fn a_cursor_that_could_not_go_back_is_not_taken() {
    for bad in [json!(""), json!("two words"), json!("c\n"), json!("c".repeat(513)), json!(null), json!(7)] {
        let answer = reply(200, json!({"cursor": bad, "events": []}));
        let error = bench([answer]).tec.events(None, 1, Duration::ZERO).await.unwrap_err();
        assert_eq!(error.category(), "malformed", "{bad}");
    }
}

#[test]
fn a_cursor_is_kept_as_plain_text() {
    let cursor = Cursor::new("c-1");
    assert_eq!((serde_json::to_string(&cursor).unwrap(), format!("{cursor:?}")), ("\"c-1\"".into(), "\"c-1\"".into()));
    assert_eq!(serde_json::from_str::<Cursor>("\"c-1\"").unwrap(), cursor);
}
