//! Search: operators by type of value, order, pages, and a portal of many.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    super::{HubSpotSim, SearchTies, SimConfig},
    Reply, call, column, portal, portal_with, values,
};

async fn raw_search(sim: &HubSpotSim, body: &Value) -> Reply {
    sim.advance(Duration::from_secs(1));
    call(sim, "POST /crm/objects/2026-03/contacts/search", &body.to_string()).await
}

async fn search(sim: &HubSpotSim, body: Value) -> Value {
    let reply = raw_search(sim, &body).await;
    assert_eq!(reply.status, 200, "{body}: {}", reply.text);
    reply.body
}

fn filter(property: &str, operator: &str, rest: Value) -> Value {
    let mut filter = json!({ "propertyName": property, "operator": operator });
    filter.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    filter
}

fn property(sim: &HubSpotSim, name: &str, kind: &str, field: &str) {
    let option = |value: &str| json!({ "label": value, "value": value, "displayOrder": 0, "hidden": false });
    let options = if kind == "enumeration" { json!([option("a"), option("b"), option("c")]) } else { json!([]) };
    let property = json!({ "name": name, "label": name, "type": kind, "fieldType": field, "options": options,
        "groupName": "contactinformation" });
    sim.create_property(property).unwrap();
}

/// Three contacts and a bare one, a minute apart.
fn four() -> HubSpotSim {
    let sim = portal();
    property(&sim, "score", "number", "number");
    property(&sim, "tags", "enumeration", "checkbox");
    property(&sim, "moment", "datetime", "date");
    let rows: [&[(&str, &str)]; 4] = [
        &[
            ("firstname", "Ada Maria"),
            ("email", "ada@example.com"),
            ("score", "9"),
            ("hs_lead_status", "NEW"),
            ("tags", "a;b"),
            ("moment", "2026-11-22T10:00:00Z"),
        ],
        &[
            ("firstname", "bea"),
            ("email", "bea@example.org"),
            ("score", "10"),
            ("hs_lead_status", "OPEN"),
            ("tags", "b"),
            ("moment", "2026-11-22T10:00:00.500Z"),
        ],
        &[
            ("firstname", "Cleo"),
            ("email", "cleo@mail.example.com"),
            ("score", "-1.5"),
            ("hs_lead_status", "NEW"),
            ("tags", "c"),
            ("moment", "2026-11-22T10:00:01Z"),
        ],
        &[],
    ];
    for row in rows {
        sim.create_contacts(1, &values(row)).unwrap();
        sim.advance(Duration::from_mins(1));
    }
    sim
}

#[tokio::test(start_paused = true)]
async fn every_operator_compares_by_the_type_of_the_property() {
    let sim = four();
    let value = |value: &str| json!({ "value": value });
    let list = |values: &[&str]| json!({ "values": values });
    let between = |low: &str, high: &str| json!({ "value": low, "highValue": high });
    // 10:00:00.500Z
    let half = "1795341600500";
    let table = [
        (filter("firstname", "EQ", value("BEA")), &["202"][..]),
        (filter("firstname", "NEQ", value("bea")), &["201", "203"]),
        (filter("firstname", "IN", list(&["bea", "cleo"])), &["202", "203"]),
        (filter("firstname", "IN", list(&["Cleo"])), &[]),
        (filter("firstname", "NOT_IN", list(&["bea"])), &["201", "203"]),
        (filter("hs_lead_status", "EQ", value("new")), &[]),
        (filter("hs_lead_status", "IN", list(&["NEW"])), &["201", "203"]),
        (filter("hs_lead_status", "NEQ", value("NEW")), &["202"]),
        (filter("tags", "EQ", value("b")), &["201", "202"]),
        (filter("tags", "NOT_IN", list(&["b"])), &["203"]),
        (filter("score", "GT", value("9")), &["202"]),
        (filter("score", "GTE", value("9.0")), &["201", "202"]),
        (filter("score", "LT", value("9")), &["203"]),
        (filter("score", "LTE", value("9")), &["201", "203"]),
        (filter("score", "BETWEEN", between("-2", "9")), &["201", "203"]),
        (filter("score", "EQ", value("10.0")), &["202"]),
        (filter("hs_object_id", "GT", value("201")), &["202", "203", "204"]),
        (filter("hs_object_id", "IN", list(&["204", "201"])), &["201", "204"]),
        (filter("moment", "GTE", value(half)), &["202", "203"]),
        (filter("moment", "LT", value("2026-11-22T12:00:00.500+02:00")), &["201"]),
        (filter("moment", "EQ", value(half)), &["202"]),
        (filter("moment", "BETWEEN", between("2026-11-22T10:00:00Z", half)), &["201", "202"]),
        (filter("createdate", "GT", value("2026-11-22T10:01:00Z")), &["203", "204"]),
        (filter("lastmodifieddate", "LTE", value("2026-11-22T10:01:00Z")), &["201", "202"]),
        (filter("score", "HAS_PROPERTY", json!({})), &["201", "202", "203"]),
        (filter("score", "NOT_HAS_PROPERTY", json!({})), &["204"]),
        (filter("firstname", "CONTAINS_TOKEN", value("maria")), &["201"]),
        (filter("firstname", "CONTAINS_TOKEN", value("mar")), &[]),
        (filter("firstname", "CONTAINS_TOKEN", value("Mar* a*a")), &["201"]),
        (filter("email", "CONTAINS_TOKEN", value("*@example.com")), &["201"]),
        (filter("email", "CONTAINS_TOKEN", value("example")), &["201", "202", "203"]),
        (filter("email", "NOT_CONTAINS_TOKEN", value("com")), &["202"]),
    ];
    for (filter, expected) in table {
        let body = json!({ "filterGroups": [{ "filters": [filter] }] });
        assert_eq!(column(&search(&sim, body.clone()).await, "id"), expected, "{body}");
    }
    sim.set_switches(|switches| switches.negation_finds_unset = true);
    let not = json!({ "filterGroups": [{ "filters": [filter("firstname", "NEQ", value("bea"))] }] });
    assert_eq!(column(&search(&sim, not).await, "id"), ["201", "203", "204"]);
    let either = json!({ "filterGroups": [
        { "filters": [filter("score", "GT", value("8")), filter("tags", "EQ", value("a"))] },
        { "filters": [filter("firstname", "EQ", value("cleo"))] } ] });
    assert_eq!(column(&search(&sim, either).await, "id"), ["201", "203"]);
    assert_eq!(column(&search(&sim, json!({ "query": "ADA maria" })).await, "id"), ["201"]);
}

#[tokio::test(start_paused = true)]
async fn results_are_sorted_by_one_rule_unset_last() {
    let sim = four();
    let rule = |name: &str, direction: &str| json!([{ "propertyName": name, "direction": direction }]);
    let table = [
        (json!([]), ["201", "202", "203", "204"]),
        (rule("createdate", "DESCENDING"), ["204", "203", "202", "201"]),
        (rule("score", "ASCENDING"), ["203", "201", "202", "204"]),
        (rule("score", "DESCENDING"), ["202", "201", "203", "204"]),
        (json!([{ "propertyName": "firstname" }]), ["201", "202", "203", "204"]),
        (json!(["score"]), ["203", "201", "202", "204"]),
        (rule("moment", "DESCENDING"), ["203", "202", "201", "204"]),
        (rule("hs_object_id", "DESCENDING"), ["204", "203", "202", "201"]),
        (rule("lastmodifieddate", "ASCENDING"), ["201", "202", "203", "204"]),
    ];
    for (sorts, expected) in table {
        let body = json!({ "sorts": sorts });
        assert_eq!(column(&search(&sim, body.clone()).await, "id"), expected, "{body}");
    }
    let page = search(&sim, json!({ "sorts": rule("score", "DESCENDING"), "limit": 2, "after": "1" })).await;
    assert_eq!((column(&page, "id"), &page["total"]), (vec!["201".to_owned(), "203".to_owned()], &json!(4)));
    assert_eq!(page["paging"]["next"], json!({ "after": "3", "link": "?after=3" }));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_compared_is_refused() {
    let sim = four();
    let one = |filter: Value| json!({ "filterGroups": [{ "filters": [filter] }] });
    let table = [
        one(filter("firstname", "GT", json!({ "value": "a" }))),
        one(filter("score", "GT", json!({ "value": "a" }))),
        one(filter("score", "GT", json!({}))),
        one(filter("score", "BETWEEN", json!({ "value": "1" }))),
        one(filter("moment", "EQ", json!({ "value": "yesterday" }))),
        one(filter("score", "IN", json!({ "value": "1" }))),
        one(filter("firstname", "CONTAINS_TOKEN", json!({ "value": " " }))),
        json!({ "sorts": ["score", "email"] }),
        json!({ "sorts": ["nope"] }),
        json!({ "sorts": [{ "propertyName": "score", "direction": "UP" }] }),
        json!({ "sorts": [1] }),
    ];
    for body in table {
        let reply = raw_search(&sim, &body).await;
        assert_eq!((reply.status, &reply.body["category"]), (400, &json!("VALIDATION_ERROR")), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn equals_are_ordered_as_the_switch_says() {
    async fn orders(seed: u64, ties: SearchTies) -> [Vec<String>; 2] {
        let sim = portal_with(SimConfig { seed, ..SimConfig::default() });
        sim.create_contacts(30, &values(&[("firstname", "A")])).unwrap();
        sim.set_switches(|switches| switches.search_ties = ties);
        let body = json!({ "sorts": ["firstname"], "limit": 200 });
        [column(&search(&sim, body.clone()).await, "id"), column(&search(&sim, body).await, "id")]
    }
    let by_id: Vec<String> = (201..231).map(|id: u32| id.to_string()).collect();
    let [first, second] = orders(1, SearchTies::Stable).await;
    assert!(first == second && first != by_id && first != orders(2, SearchTies::Stable).await[0]);
    assert_eq!(orders(1, SearchTies::ById).await, [by_id.clone(), by_id]);
    let [first, second] = orders(1, SearchTies::Unstable).await;
    assert_ne!(first, second);
}

#[tokio::test(start_paused = true)]
async fn many_contacts_are_paged_once_each_and_not_past_ten_thousand() {
    let sim = portal();
    sim.create_contacts(10_050, &values(&[("firstname", "A{n}"), ("hs_lead_status", "NEW")])).unwrap();
    let body = |after: usize| json!({ "sorts": ["hs_lead_status"], "limit": 200, "after": after.to_string() });
    let mut seen = std::collections::BTreeSet::new();
    let mut after = 0;
    loop {
        let page = search(&sim, body(after)).await;
        assert_eq!(page["total"], 10_050);
        seen.extend(column(&page, "id"));
        after = page["paging"]["next"]["after"].as_str().unwrap().parse().unwrap();
        if after >= 10_000 {
            break;
        }
    }
    assert_eq!(seen.len(), 10_000);
    assert_eq!(raw_search(&sim, &body(10_000)).await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn two_thousand_contacts_with_long_histories_are_written_and_found() {
    let sim = portal_with(SimConfig { search_lag: Duration::from_secs(5), ..SimConfig::default() });
    let ids = sim.create_contacts(2_000, &values(&[("email", "a{n}@example.com"), ("company", "A")])).unwrap();
    for round in 0..20 {
        let phone = if round % 2 == 0 { "1" } else { "2" };
        sim.update_contacts(&ids, &values(&[("phone", phone), ("jobtitle", &format!("{round}"))])).unwrap();
        sim.advance(Duration::from_secs(1));
    }
    sim.advance(Duration::from_secs(5));
    let body = json!({ "filterGroups": [{ "filters": [filter("jobtitle", "EQ", json!({ "value": "19" }))] }],
        "sorts": [{ "propertyName": "lastmodifieddate", "direction": "DESCENDING" }], "limit": 200 });
    let mut found = 0;
    for page in 0..10 {
        let mut body = body.clone();
        body["after"] = json!((page * 200).to_string());
        found += column(&search(&sim, body).await, "id").len();
    }
    assert_eq!(found, 2_000);
    assert_eq!(sim.contact_history("2200", "phone").unwrap().len(), 20);
}
