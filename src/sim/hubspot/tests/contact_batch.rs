//! Batches of contacts: limits, partial success, order of chance.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    super::{HubSpotSim, MissingInBatch, PartialWrites, SimConfig},
    Reply, START, call, column, portal, portal_with, values,
};

async fn batch(sim: &HubSpotSim, what: &str, body: Value) -> Reply {
    call(sim, &format!("POST /crm/objects/2026-03/contacts/batch/{what}"), &body.to_string()).await
}

fn inputs<T: AsRef<str>>(ids: impl IntoIterator<Item = T>) -> Value {
    ids.into_iter().map(|id| json!({ "id": id.as_ref() })).collect()
}

async fn read(sim: &HubSpotSim, ids: &[&str]) -> Reply {
    batch(sim, "read", json!({ "inputs": inputs(ids), "properties": ["firstname"], "propertiesWithHistory": [] })).await
}

fn first_name(sim: &HubSpotSim, id: &str) -> Value {
    sim.contact(id).unwrap()["properties"]["firstname"].clone()
}

#[tokio::test(start_paused = true)]
async fn a_read_finds_many_with_history_and_names_the_missing() {
    let sim = portal();
    let ids = sim.create_contacts(4, &values(&[("firstname", "A"), ("email", "a{n}@example.com")])).unwrap();
    sim.delete_contacts(&ids[3..]).unwrap();
    let body = json!({ "inputs": inputs(["202", "999", "204", "201", "x"]), "properties": ["email", "phone", "nope"],
        "propertiesWithHistory": ["firstname"] });
    let reply = batch(&sim, "read", body.clone()).await;
    let missing = json!({ "status": "error", "category": "OBJECT_NOT_FOUND", "links": {}, "errors": [],
        "message": "Could not get some CONTACT objects, they may be deleted or not exist. Check that ids are valid.",
        "context": { "ids": ["999", "204", "x"] } });
    assert_eq!((reply.status, &reply.body["errors"]), (207, &json!([missing])));
    assert_eq!((&reply.body["numErrors"], &reply.body["status"]), (&json!(1), &json!("COMPLETE")));
    let mut results = reply.body["results"].as_array().unwrap().clone();
    results.sort_by_key(|result| result["id"].to_string());
    let version = json!({ "value": "A", "timestamp": START, "sourceType": "CRM_UI", "sourceId": "userId:1001",
        "updatedByUserId": 1001 });
    let first = json!({ "id": "201", "createdAt": START, "updatedAt": START, "archived": false,
        "properties": { "createdate": START, "email": "a1@example.com", "hs_object_id": "201",
            "lastmodifieddate": START, "phone": null },
        "propertiesWithHistory": { "firstname": [version] } });
    assert_eq!((results.len(), &results[0]), (2, &first));

    let archived = call(&sim, "POST /crm/v3/objects/0-1/batch/read?archived=true", &body.to_string()).await;
    assert_eq!(column(&archived.body, "id"), ["204"]);
    let by_email = json!({ "inputs": inputs(["A1@example.com", "b@example.com"]), "idProperty": "email" });
    let reply = batch(&sim, "read", by_email).await;
    assert_eq!((column(&reply.body, "id"), reply.status), (vec!["201".to_owned()], 207));
    sim.set_switches(|switches| switches.missing_in_batch = MissingInBatch::Silent);
    let silent = read(&sim, &["201", "999"]).await;
    assert_eq!((silent.status, silent.body.get("errors"), column(&silent.body, "id").len()), (200, None, 1));
}

#[tokio::test(start_paused = true)]
async fn results_come_in_an_order_of_chance() {
    async fn orders(seed: u64) -> Vec<Vec<String>> {
        let sim = portal_with(SimConfig { seed, ..SimConfig::default() });
        let ids = sim.create_contacts(20, &values(&[])).unwrap();
        let mut orders = Vec::new();
        for _ in 0..2 {
            let reply = batch(&sim, "read", json!({ "inputs": inputs(&ids) })).await;
            let order = column(&reply.body, "id");
            assert_ne!(order, ids);
            assert_eq!(order.iter().collect::<BTreeSet<_>>(), ids.iter().collect());
            orders.push(order);
        }
        orders
    }
    assert_eq!(orders(1).await, orders(1).await);
    assert_ne!(orders(1).await, orders(2).await);
}

#[tokio::test(start_paused = true)]
async fn limits_are_told_exactly() {
    let sim = portal();
    let ids: Vec<String> = (1..=101).map(|id: u32| id.to_string()).collect();
    let limit =
        "The maximum number of inputs supported in a batch is 100. Please reduce the number of items and try again";
    let history = "The maximum number of inputs supported in a batch request for property histories is 50. Please reduce the number of items and try again";
    let items = |ids: &[String]| -> Value {
        ids.iter().map(|id| json!({ "id": id, "idProperty": "email", "properties": {} })).collect()
    };
    let twice = "Duplicate IDs found in batch input: [1]. IDs must be unique";
    let table = [
        ("read", json!({ "inputs": inputs(&ids) }), limit),
        ("read", json!({ "inputs": inputs(&ids[..51]), "propertiesWithHistory": ["email"] }), history),
        ("read", json!({ "inputs": inputs(["1", "2", "1"]) }), twice),
        ("create", json!({ "inputs": items(&ids) }), limit),
        ("update", json!({ "inputs": items(&ids) }), limit),
        ("update", json!({ "inputs": [{ "id": "1", "properties": {} }, { "id": "1", "properties": {} }] }), twice),
        ("upsert", json!({ "inputs": items(&ids) }), limit),
        ("archive", json!({ "inputs": inputs(&ids) }), limit),
    ];
    for (what, body, message) in table {
        let reply = batch(&sim, what, body).await;
        assert_eq!((reply.status, reply.message()), (400, message), "{what}");
        assert_eq!(reply.body["category"], "VALIDATION_ERROR");
    }
    for (what, body) in [
        ("read", json!({})),
        ("read", json!({ "inputs": [{}] })),
        ("read", json!({ "inputs": [{ "id": 1 }] })),
        ("read", json!({ "inputs": [], "idProperty": "firstname" })),
        ("update", json!({ "inputs": [{ "id": "1" }] })),
        ("update", json!({ "inputs": [{ "properties": {} }] })),
        ("create", json!({ "inputs": [{}] })),
        ("upsert", json!({ "inputs": [{ "id": "a", "idProperty": "firstname", "properties": {} }] })),
    ] {
        assert_eq!(batch(&sim, what, body.clone()).await.status, 400, "{what} {body}");
    }
    assert_eq!(batch(&sim, "read", json!({ "inputs": inputs(&ids[..100]) })).await.status, 207);
    let fifty = json!({ "inputs": inputs(&ids[..50]), "propertiesWithHistory": ["email"] });
    assert_eq!(batch(&sim, "read", fifty).await.status, 207);
    assert_eq!(batch(&sim, "read", json!({ "inputs": [] })).await.body["results"], json!([]));
}

fn update(id: &str, trace: Option<&str>, name: &str, value: &str) -> Value {
    let mut input = json!({ "id": id, "properties": { name: value } });
    if let Some(trace) = trace {
        input["objectWriteTraceId"] = json!(trace);
    }
    input
}

#[tokio::test(start_paused = true)]
async fn an_update_with_trace_ids_writes_what_it_can() {
    let sim = portal();
    sim.create_contacts(3, &values(&[("firstname", "A"), ("email", "a{n}@example.com")])).unwrap();
    let good = json!([update("202", None, "firstname", "B"), update("201", None, "firstname", "B")]);
    let reply = batch(&sim, "update", json!({ "inputs": good })).await;
    assert_eq!((reply.status, column(&reply.body, "id").len(), reply.body.get("errors")), (200, 2, None));
    let mixed = json!([
        update("201", Some("t-1"), "firstname", "C"),
        update("202", Some("t-2"), "hs_lead_status", "QUALIFIED"),
        update("999", Some("t-3"), "firstname", "C"),
        update("203", Some("t-4"), "email", "A1@example.com"),
    ]);
    let reply = batch(&sim, "update", json!({ "inputs": mixed })).await;
    assert_eq!((reply.status, column(&reply.body, "id")), (207, vec!["201".to_owned()]));
    let properties = json!({ "createdate": START, "firstname": "C", "hs_object_id": "201", "lastmodifieddate": START });
    assert_eq!(reply.body["results"][0]["properties"], properties);
    let errors = reply.body["errors"].as_array().unwrap();
    let told: Vec<(&str, &Value)> =
        errors.iter().map(|error| (error["category"].as_str().unwrap(), &error["context"])).collect();
    let (invalid, gone, taken) = (
        json!({ "objectWriteTraceId": ["t-2"] }),
        json!({ "ids": ["999"], "objectWriteTraceId": ["t-3"] }),
        json!({ "objectWriteTraceId": ["t-4"] }),
    );
    assert_eq!(told, [("VALIDATION_ERROR", &invalid), ("OBJECT_NOT_FOUND", &gone), ("CONFLICT", &taken)]);
    assert!(errors[0]["message"].as_str().unwrap().contains("INVALID_OPTION"));
    assert_eq!(errors[0]["errors"][0]["code"], "INVALID_OPTION");
    assert_eq!(sim.contact_history("201", "firstname").unwrap()[0]["sourceType"], "INTEGRATION");
}

#[tokio::test(start_paused = true)]
async fn without_distinct_trace_ids_one_bad_item_spoils_all() {
    let sim = portal();
    sim.create_contacts(2, &values(&[("firstname", "A")])).unwrap();
    for (first, second) in [(None, None), (Some("t"), Some("t")), (Some("t"), None)] {
        let bad = json!([update("201", first, "firstname", "B"), update("202", second, "nope", "1")]);
        let reply = batch(&sim, "update", json!({ "inputs": bad })).await;
        assert_eq!((reply.status, &reply.body["category"]), (400, &json!("VALIDATION_ERROR")));
        assert!(reply.message().contains("PROPERTY_DOESNT_EXIST") && reply.body["correlationId"].is_string());
        let gone = json!([update("201", first, "firstname", "B"), update("999", second, "firstname", "B")]);
        let reply = batch(&sim, "update", json!({ "inputs": gone })).await;
        assert_eq!((reply.status, &reply.body["context"]["ids"]), (400, &json!(["999"])));
        assert_eq!(first_name(&sim, "201"), "A");
    }
    let bad = json!([update("201", Some("1"), "firstname", "B"), update("202", Some("2"), "nope", "1")]);
    sim.set_switches(|switches| switches.partial_writes = PartialWrites::Never);
    assert_eq!(batch(&sim, "update", json!({ "inputs": bad })).await.status, 400);
    let bad = json!([update("201", None, "firstname", "B"), update("202", None, "nope", "1")]);
    sim.set_switches(|switches| switches.partial_writes = PartialWrites::Always);
    assert_eq!(batch(&sim, "update", json!({ "inputs": bad })).await.status, 207);
    assert_eq!(first_name(&sim, "201"), "B");
}

#[tokio::test(start_paused = true)]
async fn creates_upserts_and_archives_come_in_batches_too() {
    let sim = portal();
    let new = |email: &str, trace: &str| {
        json!({ "properties": { "email": email, "firstname": "A" },
        "associations": [], "objectWriteTraceId": trace })
    };
    let body = json!({ "inputs": [new("a@example.com", "1"), new("A@example.com", "2"), new("b", "3")] });
    let reply = batch(&sim, "create", body).await;
    assert_eq!((reply.status, column(&reply.body, "id")), (207, vec!["201".to_owned()]));
    assert_eq!(reply.body["numErrors"], 2);
    let reply = batch(&sim, "create", json!({ "inputs": [new("b@example.com", "1")] })).await;
    assert_eq!((reply.status, column(&reply.body, "id")), (201, vec!["202".to_owned()]));
    let untraced = json!({ "inputs": [{ "properties": { "email": "b@example.com" } }] });
    let reply = batch(&sim, "create", untraced).await;
    assert_eq!((reply.status, reply.message()), (409, "Contact already exists. Existing ID: 202"));

    let upsert = |id: &str| json!({ "id": id, "idProperty": "email", "properties": { "firstname": "U" } });
    let reply = batch(&sim, "upsert", json!({ "inputs": [upsert("a@example.com"), upsert("c@example.com")] })).await;
    let results = reply.body["results"].as_array().unwrap();
    let told: BTreeSet<(&str, bool)> =
        results.iter().map(|r| (r["id"].as_str().unwrap(), r["new"].as_bool().unwrap())).collect();
    assert_eq!((reply.status, told), (200, BTreeSet::from([("201", false), ("203", true)])));
    assert_eq!(sim.contact("203").unwrap()["properties"]["email"], "c@example.com");
    let by_id = json!({ "id": "201", "properties": { "firstname": "V" }, "objectWriteTraceId": "1" });
    let unknown = json!({ "id": "999", "properties": {}, "objectWriteTraceId": "2" });
    let reply = batch(&sim, "upsert", json!({ "inputs": [by_id, unknown] })).await;
    assert_eq!((reply.status, &reply.body["errors"][0]["context"]["ids"]), (207, &json!(["999"])));

    let reply = batch(&sim, "archive", json!({ "inputs": inputs(["201", "999", "203"]) })).await;
    assert_eq!((reply.status, reply.text.as_str()), (204, ""));
    let left: Vec<Value> = sim.state()["contacts"].as_array().unwrap().iter().map(|c| c["archived"].clone()).collect();
    assert_eq!(left, [true, false, true]);
}
