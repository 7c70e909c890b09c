//! What is said, and how it is delivered.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{begin, get, tec, tec_with};
use crate::sim::tec::{TecConfig, TecSim};

fn state(contact: &str, state: &str) -> Value {
    json!({"crmId": contact, "type": "StateChanged", "state": state})
}

/// Polls until there is nothing more: `(lead, seq)` of every delivery, page by page.
async fn read_all(tec: &TecSim, limit: usize) -> Vec<Vec<(String, u64)>> {
    let mut pages = Vec::new();
    let mut query = format!("/v1/events?limit={limit}");
    loop {
        let page = get(tec, &query).await.body;
        let events = page["events"].as_array().unwrap();
        if events.is_empty() {
            return pages;
        }
        let row = |event: &Value| (event["leadId"].as_str().unwrap().to_owned(), event["seq"].as_u64().unwrap());
        pages.push(events.iter().map(row).collect());
        query = format!("/v1/events?limit={limit}&after={}", page["cursor"].as_str().unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_caller_leaves_out_is_filled_in() {
    let tec = tec();
    begin(&tec, &["1", "2"]).await;
    tec.advance(Duration::from_millis(1500));
    let said = tec.say(vec![
        state("1", "Warm"),
        json!({"leadId": "lead-1", "type": "EmailSent", "email": {"subject": "Hi", "text": "…"}, "seq": 7}),
        json!({"crmId": "1", "type": "EmailReceived", "email": {"subject": "Re", "cc": [{"email": "boss@example.org"}]}, "done": true}),
        json!({"crmId": "2", "type": "TaskCreated", "task": {"subject": "Call"}, "occurredAt": "2026-11-20T09:00:00Z"}),
        json!({"crmId": "2", "type": "Weather", "sun": true}),
    ]);
    let said = said.unwrap();
    let expected = json!({"seq": 1, "leadId": "lead-1", "crmId": "1", "type": "StateChanged", "state": "Warm",
        "occurredAt": "2026-11-22T10:00:01.500Z"});
    assert_eq!(said[0], expected);
    let (ada, contact) = (json!({"email": "ada@example.com", "firstName": "ada"}), json!({"email": "c1@example.org"}));
    assert_eq!(
        said[1]["email"],
        json!({"subject": "Hi", "text": "…", "from": ada, "to": [contact], "cc": [], "bcc": []})
    );
    assert_eq!((&said[2]["email"]["from"], &said[2]["email"]["to"][0], &said[2]["seq"]), (&contact, &ada, &json!(8)));
    assert_eq!(said[3]["task"], json!({"subject": "Call", "dueAt": "2026-11-23T10:00:01.500Z"}));
    assert_eq!((&said[3]["occurredAt"], &said[4]["sun"]), (&json!("2026-11-20T09:00:00Z"), &json!(true)));
    assert_eq!(get(&tec, "/v1/events").await.body["events"], json!(said));
    let lead = &tec.leads()[0];
    assert_eq!((&lead["state"], &lead["seq"], &lead["done"]), (&json!("Warm"), &json!(8), &json!(true)));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_if_a_part_is_wrong() {
    let tec = tec();
    begin(&tec, &["1"]).await;
    let table = [
        (json!({"crmId": "9", "type": "StateChanged", "state": "Hot"}), 404),
        (json!({"leadId": "lead-9", "type": "StateChanged", "state": "Hot"}), 404),
        (json!({"type": "StateChanged", "state": "Hot"}), 400),
        (json!({"crmId": "1", "type": "StateChanged"}), 400),
        (json!({"crmId": "1", "type": "StateChanged", "state": ""}), 400),
        (json!({"crmId": "1", "type": "StateChanged", "state": "Hot", "email": {}}), 400),
        (json!({"crmId": "1", "type": "EmailSent", "email": {}}), 400),
        (json!({"crmId": "1", "type": "TaskCreated", "task": {"subject": "x", "priority": "URGENT"}}), 400),
        (json!({"crmId": "1", "type": "two words"}), 400),
        (json!({"crmId": "1", "type": "Weather", "seq": 0}), 400),
        (json!("hello"), 400),
    ];
    for (event, status) in table {
        let error = tec.say(vec![state("1", "Warm"), event.clone()]).unwrap_err();
        assert_eq!(error.status, status, "{event}: {error}");
    }
    assert_eq!(get(&tec, "/v1/events").await.body["events"], json!([]));
    assert_eq!(tec.leads()[0]["state"], "New");
}

#[tokio::test(start_paused = true)]
async fn a_contacts_newest_lead_is_meant() {
    let tec = tec();
    begin(&tec, &["1"]).await;
    let mut second = super::item("1");
    second["idempotencyKey"] = json!("key-1b");
    super::call(&tec, "POST /v1/leads/batch", json!({ "leads": [second] })).await;
    let said = tec.say(vec![state("1", "Warm"), json!({"leadId": "lead-1", "type": "StateChanged", "state": "Cold"})]);
    let said = said.unwrap();
    assert_eq!((&said[0]["leadId"], &said[1]["crmId"]), (&json!("lead-2"), &json!("1")));
}

#[tokio::test(start_paused = true)]
async fn a_poll_waits_and_wakes() {
    let tec = tec_with(TecConfig { poll_delay: Duration::from_millis(50), ..TecConfig::default() });
    begin(&tec, &["1"]).await;
    let started = Instant::now();
    let page = get(&tec, "/v1/events?waitSeconds=20").await;
    assert_eq!((started.elapsed(), page.body), (Duration::from_secs(20), json!({"cursor": "evt_0_0", "events": []})));

    let waiting = tokio::spawn({
        let tec = tec.clone();
        async move { get(&tec, "/v1/events?waitSeconds=20&after=evt_0_0").await.body }
    });
    sleep(Duration::from_secs(5)).await;
    let started = Instant::now();
    tec.say(vec![state("1", "Warm")]).unwrap();
    sleep(Duration::from_millis(20)).await;
    tec.say(vec![state("1", "Hot")]).unwrap();
    let page = waiting.await.unwrap();
    assert_eq!((started.elapsed(), page["events"].as_array().unwrap().len()), (Duration::from_millis(50), 2));
    assert_eq!(get(&tec, "/v1/events?waitSeconds=20&after=evt_0_1").await.body["events"][0]["state"], "Hot", "at once");
}

#[tokio::test(start_paused = true)]
async fn an_older_cursor_delivers_again() {
    let tec = tec();
    begin(&tec, &["1"]).await;
    for _ in 0..5 {
        tec.say(vec![state("1", "Warm")]).unwrap();
    }
    let first = read_all(&tec, 2).await;
    assert_eq!(first.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    assert_eq!(read_all(&tec, 200).await, [first.concat()]);
    tec.expire_cursors();
    assert_eq!(get(&tec, "/v1/events?after=evt_0_2").await.status, 410);
    assert_eq!(read_all(&tec, 200).await, [first.concat()]);
}

#[tokio::test(start_paused = true)]
async fn duplicates_come_in_later_pages() {
    let tec = tec_with(TecConfig { duplicates: 1.0, ..TecConfig::default() });
    begin(&tec, &["1", "2"]).await;
    tec.say((0..10).flat_map(|_| [state("1", "Warm"), state("2", "Cold")]).collect()).unwrap();
    let pages = read_all(&tec, 3).await;
    let mut counts: BTreeMap<(String, u64), usize> = BTreeMap::new();
    for page in &pages {
        for row in page {
            *counts.entry(row.clone()).or_default() += 1;
        }
    }
    assert_eq!((counts.len(), counts.values().all(|count| *count == 2)), (20, true), "each exactly twice: {counts:?}");
    let all = pages.concat();
    let late = |place: usize| all[..place].iter().any(|(lead, seq)| *lead == all[place].0 && *seq > all[place].1);
    assert!((0..all.len()).any(late), "some come after newer ones: {all:?}");
}

#[tokio::test(start_paused = true)]
async fn leads_overtake_each_other_but_not_themselves() {
    let mut orders = std::collections::BTreeSet::new();
    for seed in 0..8 {
        let tec = tec_with(TecConfig { seed, reorder: 6, ..TecConfig::default() });
        begin(&tec, &["1", "2", "3"]).await;
        let events = (0..30).map(|n| state(["1", "2", "3"][n % 3], "Warm")).collect();
        tec.say(events).unwrap();
        let all = read_all(&tec, 200).await.concat();
        for lead in ["lead-1", "lead-2", "lead-3"] {
            let own: Vec<u64> = all.iter().filter(|(name, _)| name == lead).map(|(_, seq)| *seq).collect();
            assert_eq!(own, (1..=10).collect::<Vec<u64>>(), "seed {seed}, {lead}");
        }
        orders.insert(all);
    }
    assert!(orders.len() > 4, "the seed decides");
}

#[tokio::test(start_paused = true)]
async fn what_was_read_stays_where_it_is() {
    let tec = tec_with(TecConfig { seed: 3, reorder: 100, duplicates: 0.5, ..TecConfig::default() });
    begin(&tec, &["1", "2", "3"]).await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for round in 0..40 {
        tec.say(vec![state(["1", "2", "3"][round % 3], "Warm"), state(["2", "3", "1"][round % 3], "Hot")]).unwrap();
        if round % 4 == 3 {
            let page = get(&tec, &format!("/v1/events?limit=5{cursor}")).await.body;
            seen.extend(page["events"].as_array().unwrap().clone());
            cursor = format!("&after={}", page["cursor"].as_str().unwrap());
        }
    }
    let again = get(&tec, "/v1/events?limit=50").await.body;
    assert_eq!(again["events"].as_array().unwrap()[..seen.len()], seen[..]);
}
