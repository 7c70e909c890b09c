//! Search of notes, e-mails and tasks.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    super::SimConfig,
    call, column,
    engagements::{NOTES, note, post, with_contacts},
};

#[tokio::test(start_paused = true)]
async fn search_finds_by_contact_and_value_behind_a_lag() {
    let sim = with_contacts(2, SimConfig { search_lag: Duration::from_secs(4), ..SimConfig::default() });
    for (contact, minute) in [("201", 1), ("201", 2), ("201", 3), ("202", 4)] {
        let mut input = note(contact, &format!("Note {minute}"));
        input["properties"]["hs_timestamp"] = json!(format!("2026-11-22T09:0{minute}:00Z"));
        post(&sim, NOTES, input).await;
    }
    let find = async |filters: Value, rest: Value| {
        sim.advance(Duration::from_secs(1));
        let mut body = json!({ "filterGroups": [{ "filters": filters }] });
        for (key, value) in rest.as_object().unwrap() {
            body[key] = value.clone();
        }
        let reply = post(&sim, &format!("{NOTES}/search"), body).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert_eq!(reply.header("x-hubspot-ratelimit-remaining"), None);
        reply.body
    };
    let on = |contact: &str| json!({ "propertyName": "associations.contact", "operator": "EQ", "value": contact });
    let by =
        |name: &str, operator: &str, value: &str| json!({ "propertyName": name, "operator": operator, "value": value });
    sim.advance(Duration::from_secs(4));
    let bodies = json!({ "properties": ["hs_note_body"] });
    let found = find(json!([on("201")]), bodies.clone()).await;
    assert_eq!(
        (found["total"].clone(), found["results"][0]["properties"]["hs_note_body"].clone()),
        (json!(3), json!("Note 1"))
    );
    let table = [
        (json!([on("202")]), 1),
        (json!([on("999")]), 0),
        (json!([by("hs_timestamp", "EQ", "1795338120000")]), 1),
        (json!([on("201"), by("hs_timestamp", "GTE", "2026-11-22T09:02:00Z")]), 2),
        (json!([on("202"), by("hs_timestamp", "LT", "1795338120000")]), 0),
        (json!([by("hs_note_body", "EQ", "note 4")]), 1),
        (json!([by("hs_object_id", "GT", "7000002")]), 2),
        (
            json!([{ "propertyName": "hs_timestamp", "operator": "BETWEEN", "value": "1795338060000", "highValue": "1795338180000" }]),
            3,
        ),
        (json!([{ "propertyName": "associations.contact", "operator": "IN", "values": ["201", "202"] }]), 4),
        (json!([{ "propertyName": "hs_attachment_ids", "operator": "NOT_HAS_PROPERTY" }]), 4),
    ];
    for (filters, total) in table {
        assert_eq!(find(filters.clone(), json!({})).await["total"], total, "{filters}");
    }
    let sorted = json!({ "sorts": [{ "propertyName": "hs_timestamp", "direction": "DESCENDING" }], "limit": 2 });
    let page = find(json!([on("201")]), sorted).await;
    assert_eq!(
        (column(&page, "id"), &page["paging"]["next"]["after"]),
        (vec!["7000003".into(), "7000002".into()], &json!("2"))
    );
    call(&sim, "DELETE /crm/objects/2026-03/notes/7000004", "").await;
    post(&sim, NOTES, note("202", "New")).await;
    assert!(find(json!([on("202")]), json!({})).await["total"].as_u64().unwrap() <= 2, "in its own time");
    sim.advance(Duration::from_secs(4));
    assert_eq!(column(&find(json!([on("202")]), json!({})).await, "id"), ["7000005"]);
    for (name, operator) in [("nope", "EQ"), ("associations.contact", "GT"), ("hs_note_body", "CONTAINS_TOKEN")] {
        sim.advance(Duration::from_secs(1));
        let body = json!({ "filterGroups": [{ "filters": [by(name, operator, "x")] }] });
        assert_eq!(post(&sim, &format!("{NOTES}/search"), body).await.status, 400, "{name} {operator}");
    }
    for _ in 0..5 {
        post(&sim, &format!("{NOTES}/search"), json!({})).await;
    }
    assert_eq!(post(&sim, "/crm/objects/2026-03/contacts/search", json!({})).await.status, 429, "one limit for all");
}
