//! Assistants and schedules.

use serde_json::{Value, json};

use crate::tec::testing::{Bench, bench, reply};

fn schedules(from: usize, next: &Value) -> Value {
    json!({"schedules": [{"id": format!("s{from}"), "name": "S", "active": true}], "next": next})
}

#[tokio::test(start_paused = true)]
async fn all_pages_in_order_with_cursors_as_they_came() {
    let pages = [schedules(0, &json!("a/b +1")), schedules(1, &json!("c")), schedules(2, &json!(null))];
    let Bench { tec, script } = bench(pages.map(|page| reply(200, page)));
    let ids: Vec<String> = tec.schedules().await.unwrap().into_iter().map(|schedule| schedule.id).collect();
    assert_eq!(ids, ["s0", "s1", "s2"]);
    let queries: Vec<String> = script.lines().iter().map(|line| line.split_once('?').unwrap().1.to_owned()).collect();
    assert_eq!(queries, ["limit=200", "limit=200&after=a%2Fb+%2B1", "limit=200&after=c"]);
}

#[tokio::test(start_paused = true)]
async fn a_list_is_whole_or_an_error() {
    let circle = bench([reply(200, schedules(0, &json!("same")))]);
    assert!(circle.tec.schedules().await.unwrap_err().to_string().contains("circle"));
    assert_eq!(circle.script.seen().len(), 2);

    let endless = bench((0..=100).map(|page| reply(200, schedules(page, &json!(page.to_string())))));
    assert!(endless.tec.schedules().await.unwrap_err().to_string().contains("more than 100 pages"));
    assert_eq!(endless.script.seen().len(), 100);

    let unreadable = bench([reply(200, schedules(0, &json!("x"))), reply(200, json!({"schedules": [{"id": "1"}]}))]);
    assert_eq!(unreadable.tec.schedules().await.unwrap_err().category(), "malformed");
}

#[tokio::test(start_paused = true)]
async fn an_assistant_without_an_address_is_left_out() {
    let body = json!({"assistants": [
        {"id": "1", "email": "Ada@Example.com", "name": "Ada", "onboarded": true, "defaultContext": "C", "new": {}},
        {"id": "2", "email": "nobody", "name": "B", "onboarded": true},
        {"id": "3", "email": "c@example.com", "name": null, "onboarded": false, "defaultSchedule": null},
    ]});
    let found = bench([reply(200, body)]).tec.assistants().await.unwrap();
    let shown: Vec<_> = found.iter().map(|one| (one.id.as_str(), one.email.as_str(), one.onboarded)).collect();
    assert_eq!(shown, [("1", "ada@example.com", true), ("3", "c@example.com", false)]);
    assert_eq!((found[0].default_context.as_deref(), found[1].default_schedule.as_deref()), (Some("C"), None));
}
