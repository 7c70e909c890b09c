//! Contacts searched, read and changed in batches.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    domain::ContactId,
    hubspot::{
        ContactUpdate, ContactsRead, Direction, Error, ErrorKind, Filter, FilterOperator, ItemOutcome, ItemRefusal,
        Search,
        error::Rejection,
        testing::{Bench, Reply, bench, limited, reply},
    },
};

fn id(text: &str) -> ContactId {
    ContactId(text.to_owned())
}

fn ids(count: usize) -> Vec<ContactId> {
    (0..count).map(|n| id(&n.to_string())).collect()
}

fn answer(status: u16, body: &Value) -> Reply {
    reply(status, &body.to_string())
}

fn filter(property: &str, operator: FilterOperator) -> Filter {
    Filter { property: property.to_owned(), operator }
}

fn search() -> Search {
    Search { any_of: Vec::new(), sort: None, properties: Vec::new(), limit: 200, after: 0 }
}

fn update(contact: &str, properties: &[(&str, &str)]) -> ContactUpdate {
    let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    ContactUpdate { id: id(contact), properties }
}

fn updates(contacts: &[&str]) -> Vec<ContactUpdate> {
    contacts.iter().map(|contact| update(contact, &[("hs_lead_status", "OPEN")])).collect()
}

fn rejection(error: &Error) -> &Rejection {
    match &error.kind {
        ErrorKind::Rejected(rejection) => rejection,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_search_is_sent_as_documented_and_read_leniently() {
    let bench = bench([
        answer(
            200,
            &json!({"total": "412", "results": [
                {"id": 201, "properties": {"email": "lead@example.com", "hubspot_owner_id": 555, "phone": null, "city": ""}},
                {"id": "202", "properties": null, "archived": null, "new": {}},
            ], "paging": {"next": {"after": 200, "link": "?"}}}),
        ),
        answer(200, &json!({"total": 412, "results": []})),
    ]);
    let wanted = Search {
        any_of: vec![
            vec![
                filter("hubspot_owner_id", FilterOperator::In(vec!["555".to_owned(), "AbC".to_owned()])),
                filter("hubspot_owner_assigneddate", FilterOperator::Gte("1763800000000".to_owned())),
                filter("tec_state", FilterOperator::NotHasProperty),
            ],
            vec![
                filter("a", FilterOperator::HasProperty),
                filter("b", FilterOperator::Gt("1".to_owned())),
                filter("c", FilterOperator::Lt("2".to_owned())),
                filter("d", FilterOperator::Lte("3".to_owned())),
                filter("e", FilterOperator::Eq("X".to_owned())),
            ],
        ],
        sort: Some(("hs_object_id".to_owned(), Direction::Ascending)),
        properties: vec!["email".to_owned()],
        limit: 100,
        after: 100,
    };
    let found = bench.hubspot.search_contacts(&wanted).await.unwrap();
    assert_eq!((found.total, found.next), (412, Some(200)));
    let first = &found.contacts[0];
    assert_eq!((first.id.as_str(), first.value("email")), ("201", Some("lead@example.com")));
    assert_eq!((first.value("hubspot_owner_id"), first.value("phone"), first.value("city")), (Some("555"), None, None));
    assert!(!found.contacts[1].archived);
    let rest = Search { sort: Some(("x".to_owned(), Direction::Descending)), ..search() };
    assert_eq!(bench.hubspot.search_contacts(&rest).await.unwrap().next, None);

    assert_eq!(bench.script.lines(), ["POST /crm/objects/2026-03/contacts/search"; 2]);
    let seen = bench.script.seen();
    let sent = json!({
        "filterGroups": [
            {"filters": [
                {"propertyName": "hubspot_owner_id", "operator": "IN", "values": ["555", "abc"]},
                {"propertyName": "hubspot_owner_assigneddate", "operator": "GTE", "value": "1763800000000"},
                {"propertyName": "tec_state", "operator": "NOT_HAS_PROPERTY"},
            ]},
            {"filters": [
                {"propertyName": "a", "operator": "HAS_PROPERTY"},
                {"propertyName": "b", "operator": "GT", "value": "1"},
                {"propertyName": "c", "operator": "LT", "value": "2"},
                {"propertyName": "d", "operator": "LTE", "value": "3"},
                {"propertyName": "e", "operator": "EQ", "value": "X"},
            ]},
        ],
        "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        "properties": ["email"], "limit": 100, "after": "100",
    });
    assert_eq!(seen[0].json(), sent);
    let sent = json!({
        "filterGroups": [], "sorts": [{"propertyName": "x", "direction": "DESCENDING"}],
        "properties": [], "limit": 200, "after": "0",
    });
    assert_eq!(seen[1].json(), sent);
}

#[tokio::test(start_paused = true)]
async fn a_search_beyond_hubspots_bounds_is_not_sent() {
    let Bench { hubspot, script } = bench([answer(200, &json!({"total": 0, "results": []}))]);
    let some = |count: usize| vec![filter("a", FilterOperator::HasProperty); count];
    let long = FilterOperator::In((0..400).map(|n| format!("{n:08}")).collect());
    let refused = [
        Search { any_of: vec![some(1); 6], ..search() },
        Search { any_of: vec![some(7)], ..search() },
        Search { any_of: vec![some(5); 4], ..search() },
        Search { any_of: vec![Vec::new()], ..search() },
        Search { any_of: vec![vec![filter("a", FilterOperator::In(Vec::new()))]], ..search() },
        Search { any_of: vec![vec![filter("a", long)]], ..search() },
        Search { limit: 201, ..search() },
        Search { limit: 0, ..search() },
        Search { after: 9_801, ..search() },
    ];
    for search in refused {
        let error = hubspot.search_contacts(&search).await.unwrap_err();
        assert!(rejection(&error).message.ends_with("; nothing was sent"), "{error}");
    }
    assert!(script.seen().is_empty());
    hubspot.search_contacts(&Search { any_of: vec![some(6); 3], after: 9_800, ..search() }).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_search_that_does_not_get_on_is_an_error() {
    for after in ["100", "50", "x", "-1"] {
        let body = json!({"total": 1, "results": [], "paging": {"next": {"after": after}}});
        let bench = bench([answer(200, &body)]);
        let error = bench.hubspot.search_contacts(&Search { after: 100, ..search() }).await.unwrap_err();
        assert_eq!(error.category(), "malformed", "{after}");
    }
}

const READ: &str = r#"{"status":"COMPLETE","results":[
    {"id":"202","properties":{"email":"b@example.com"},"archived":false},
    {"id":"201","properties":{"email":"lead@example.com","hubspot_owner_id":"555","hs_lead_status":null},
     "propertiesWithHistory":{"hubspot_owner_id":[
        {"value":"333","timestamp":"2026-11-01T08:00:00Z","sourceType":"INTEGRATION","sourceId":"777","updatedByUserId":null},
        {"value":555,"timestamp":"2026-11-22T09:59:00.000Z","sourceType":"CRM_UI"},
        {"value":"","timestamp":1763000000000,"sourceType":null},
        {"value":null,"timestamp":"1762990000000"}],"other":null}},
    {"id":202,"properties":{}}],
  "numErrors":1,"errors":[{"status":"error","category":"OBJECT_NOT_FOUND","message":"Could not get some CONTACT objects, they may be deleted or not exist. Check that ids are valid.","context":{"ids":["999"]}}]}"#;

#[tokio::test(start_paused = true)]
async fn contacts_are_read_with_history_newest_first() {
    let bench = bench([reply(207, READ), answer(200, &json!({"results": []}))]);
    let wanted = [id("201"), id("999"), id("202"), id("201")];
    let contacts = bench.hubspot.read_contacts(&wanted, &["email"], &["hubspot_owner_id"]).await.unwrap().records;
    assert_eq!(contacts.iter().map(|contact| contact.id.as_str()).collect::<Vec<_>>(), ["202", "201"]);
    let versions: Vec<_> = contacts[1]
        .history("hubspot_owner_id")
        .iter()
        .map(|version| (version.value.as_deref(), version.at.to_string(), version.source.as_str()))
        .collect();
    let expected = [
        (Some("555"), "2026-11-22T09:59:00Z", "CRM_UI"),
        (Some("333"), "2026-11-01T08:00:00Z", "INTEGRATION"),
        (None, "2025-11-13T02:13:20Z", ""),
        (None, "2025-11-12T23:26:40Z", ""),
    ];
    assert_eq!(versions, expected.map(|(value, at, source)| (value, at.to_owned(), source)));
    assert!(contacts[0].history("hubspot_owner_id").is_empty() && contacts[1].history("other").is_empty());

    bench.hubspot.read_contacts(&ids(100), &["email", "phone"], &[]).await.unwrap();
    assert_eq!(bench.script.lines(), ["POST /crm/objects/2026-03/contacts/batch/read"; 2]);
    let seen = bench.script.seen();
    let sent = json!({
        "properties": ["email", "hubspot_owner_id"], "propertiesWithHistory": ["hubspot_owner_id"],
        "inputs": [{"id": "201"}, {"id": "202"}, {"id": "999"}],
    });
    assert_eq!(seen[0].json(), sent, "every id once; a property with history is read as well");
    assert_eq!(seen[1].json()["propertiesWithHistory"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn what_was_not_read_is_not_missing() {
    let rows = [
        (json!({"results": [], "errors": [{"category": "INTERNAL_ERROR", "context": {"ids": ["1"]}}]}), "unavailable"),
        (json!({"results": [], "errors": [{"status": "503"}]}), "unavailable"),
        (json!({"results": [], "errors": [{"category": "VALIDATION_ERROR"}]}), "rejected"),
        (json!({"results": [], "errors": ["?"]}), "rejected"),
        (json!({"status": "COMPLETE"}), "malformed"),
        (json!({"results": null}), "malformed"),
        (json!({"results": [{"id": "1", "propertiesWithHistory": {"x": [{"timestamp": "soon"}]}}]}), "malformed"),
    ];
    for (body, expected) in rows {
        let error = bench([answer(207, &body)]).hubspot.read_contacts(&ids(1), &[], &["x"]).await.unwrap_err();
        assert_eq!(error.category(), expected, "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn updates_are_marked_and_told_apart() {
    let body = json!({"results": [
        {"id": "204", "properties": {}},
        {"id": 201, "properties": {"hs_lead_status": "OPEN"}},
        {"id": "900", "objectWriteTraceId": "input-5"},
        {"id": "901"},
    ],
    "numErrors": 3, "errors": [
        {"status": "error", "category": "VALIDATION_ERROR", "message": "Property values were not valid: [{\"isValid\":false,\"message\":\"canary was not one of the allowed options: [canary]\",\"error\":\"INVALID_OPTION\",\"name\":\"hs_lead_status\",\"propertyValue\":\"canary\"}]", "context": {"objectWriteTraceId": ["input-1"]}},
        {"status": "error", "category": "OBJECT_NOT_FOUND", "message": "canary", "context": {"ids": ["203", 205]}},
        {"status": "error", "category": "INTERNAL_ERROR", "context": {"ids": ["206"], "objectWriteTraceId": "input-6"}},
        {"status": "error", "category": "VALIDATION_ERROR", "context": {"ids": ["204"]}},
        {"status": "error", "category": "VALIDATION_ERROR"},
    ]});
    let bench = bench([answer(207, &body)]);
    let mut wanted = updates(&["201", "202", "203", "204", "205", "207", "206", "208"]);
    wanted[0] = update("201", &[("hs_lead_status", "OPEN"), ("tec_state", "")]);
    let outcomes = bench.hubspot.update_contacts(&wanted).await.unwrap();
    let refusal = ItemRefusal {
        category: Some("VALIDATION_ERROR".to_owned()),
        codes: vec!["INVALID_OPTION".to_owned()],
        message: "INVALID_OPTION on hs_lead_status".to_owned(),
    };
    assert!(refusal.mentions("INVALID_OPTION"));
    let expected = [
        ItemOutcome::Done(None),
        ItemOutcome::Refused(refusal),
        ItemOutcome::Missing,
        ItemOutcome::Done(None),
        ItemOutcome::Missing,
        ItemOutcome::Done(Some("900".to_owned())),
        ItemOutcome::Unclear,
        ItemOutcome::Unclear,
    ];
    assert_eq!(outcomes, expected);
    assert_eq!(bench.script.lines(), ["POST /crm/objects/2026-03/contacts/batch/update"]);
    let sent = bench.script.seen()[0].json();
    let first = json!({
        "id": "201", "objectWriteTraceId": "input-0", "properties": {"hs_lead_status": "OPEN", "tec_state": ""},
    });
    assert_eq!((sent["inputs"][0].clone(), sent["inputs"].as_array().map(Vec::len)), (first, Some(8)));
    assert_eq!(sent["inputs"][7]["objectWriteTraceId"], "input-7");
}

#[tokio::test(start_paused = true)]
async fn an_error_without_a_mark_is_about_the_only_input() {
    let body = json!({"results": [], "errors": [{"category": "VALIDATION_ERROR", "message": "canary"}]});
    let bench = bench([answer(200, &body)]);
    let refused = bench.hubspot.update_contacts(&updates(&["1"])).await.unwrap();
    assert!(matches!(&refused[0], ItemOutcome::Refused(refusal) if refusal.message == "VALIDATION_ERROR"));
    let unclear = bench.hubspot.update_contacts(&updates(&["1", "2"])).await.unwrap();
    assert_eq!(unclear, [ItemOutcome::Unclear, ItemOutcome::Unclear]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_the_whole_batch_is_an_error_without_values() {
    let bad_values = json!({"status": "error", "category": "VALIDATION_ERROR", "correlationId": "5e2-1",
        "message": "Property values were not valid: [{\"message\":\"canary\",\"error\":\"INVALID_OPTION\",\"name\":\"hs_lead_status\"},{\"error\":\"READ_ONLY_VALUE\",\"name\":\"a b\"}]",
        "errors": [{"message": "canary", "code": "INVALID_OPTION", "context": {"propertyName": ["hs_lead_status"]}}]});
    let rows = [
        (bad_values, "INVALID_OPTION on hs_lead_status, READ_ONLY_VALUE"),
        (
            json!({"category": "VALIDATION_ERROR", "message": "Duplicate IDs found in batch input: [canary]."}),
            "Duplicate IDs found in batch input",
        ),
        (
            json!({"message": "canary {\"code\":\"CANARY\",\"category\":\"CANARY\",\"message\":\"canary\"}"}),
            "status 400",
        ),
        (json!({"message": "", "errors": [{"message": "{\"code\":\"CANARY\"}"}]}), "status 400"),
    ];
    for (body, message) in rows {
        let error = bench([answer(400, &body)]).hubspot.update_contacts(&updates(&["1"])).await.unwrap_err();
        assert_eq!(rejection(&error).message, message, "{body}");
        assert!(!format!("{error} {error:?}").to_lowercase().contains("canary"), "{error:?}");
    }
    let html = bench([reply(400, "<html>canary")]).hubspot.update_contacts(&updates(&["1"])).await.unwrap_err();
    assert_eq!(rejection(&html).message, "status 400");
}

#[tokio::test(start_paused = true)]
async fn too_many_contacts_or_none_cost_no_call() {
    let Bench { hubspot, script } = bench([reply(500, "")]);
    let read = |count: usize, history: &'static [&str]| {
        let hubspot = hubspot.clone();
        async move { hubspot.read_contacts(&ids(count), &["email"], history).await }
    };
    assert_eq!(rejection(&read(101, &[]).await.unwrap_err()).status, 400);
    let error = read(51, &["hubspot_owner_id"]).await.unwrap_err();
    let expected = "read_contacts: refused (status 400): 51 records in a call that takes 50; nothing was sent";
    assert_eq!(error.to_string(), expected);
    let many: Vec<_> = ids(101).into_iter().map(|id| ContactUpdate { id, properties: BTreeMap::new() }).collect();
    rejection(&hubspot.update_contacts(&many).await.unwrap_err());
    rejection(&hubspot.update_contacts(&updates(&["1", "2", "1"])).await.unwrap_err());
    assert_eq!(read(0, &[]).await, Ok(ContactsRead::default()));
    assert_eq!(hubspot.update_contacts(&[]).await, Ok(Vec::new()));
    assert!(script.seen().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_update_that_would_be_late_is_left_to_whoever_looks_again() {
    let done = answer(200, &json!({"results": [{"id": "1"}]}));
    for trouble in [Reply::Lost, reply(504, "canary"), limited("SECONDLY"), reply(423, "{}")] {
        let Bench { hubspot, script } = bench([trouble.clone(), done.clone()]);
        assert!(hubspot.update_contacts(&updates(&["1"])).await.is_err(), "{trouble:?}");
        assert_eq!(script.seen().len(), 1, "{trouble:?}");
    }
    let Bench { hubspot, script } = bench([Reply::NotSent, done]);
    assert_eq!(hubspot.update_contacts(&updates(&["1"])).await.unwrap(), [ItemOutcome::Done(None)]);
    assert_eq!(script.seen().len(), 2, "nobody has seen the first");
}

#[tokio::test(start_paused = true)]
async fn contacts_show_names_and_no_values() {
    let bench = bench([reply(200, READ)]);
    let contacts = bench.hubspot.read_contacts(&[id("201")], &["email"], &["hubspot_owner_id"]).await.unwrap().records;
    let shown = format!("{contacts:?} {:?} {:?}", contacts[1].history("hubspot_owner_id"), updates(&["201"]));
    assert!(shown.contains("201") && shown.contains("email") && shown.contains("CRM_UI"), "{shown}");
    for value in ["lead@", "555", "333", "OPEN"] {
        assert!(!shown.contains(value), "{value} in {shown}");
    }
    let filter = filter("email", FilterOperator::Eq("lead@example.com".to_owned()));
    let shown = format!("{:?}", Search { any_of: vec![vec![filter]], ..search() });
    assert!(shown.contains("operator: EQ") && !shown.contains("lead@"), "{shown}");
}
