//! Associations: what a create may name, reads of both directions, links made and removed later.

use serde_json::{Value, json};

use super::{
    super::{FaultRule, HubSpotSim, NoAssociations, SimConfig},
    call, column,
    engagements::{NOTES, note, post, to, with_contacts},
    get, portal, status,
};

const CONTACTS: &str = "/crm/objects/2026-03/contacts";
const READ: &str = "/crm/associations/2026-03/contacts/notes/batch/read";

fn ids(ids: &[&str]) -> Value {
    json!({ "inputs": ids.iter().map(|id| json!({ "id": id })).collect::<Vec<_>>() })
}

/// Ids associated with an object, by GET.
async fn linked(sim: &HubSpotSim, path: &str) -> Vec<String> {
    let body = get(sim, &format!("/crm/objects/2026-03/{path}")).await.body;
    column(&body, "toObjectId")
}

#[tokio::test(start_paused = true)]
async fn a_wrong_association_refuses_the_whole_creation() {
    let sim = with_contacts(1, SimConfig::default());
    sim.delete_contacts(&["201".into()]).unwrap();
    let invalid = "One or more associations are invalid";
    let refusal = async |kind: &str, associations: Value| {
        let body = json!({ "properties": { "hs_timestamp": "0" }, "associations": associations });
        let reply = post(&sim, &format!("/crm/objects/2026-03/{kind}"), body).await;
        assert_eq!((reply.status, &reply.body["category"]), (400, &json!("VALIDATION_ERROR")), "{}", reply.text);
        (reply.message().to_owned(), reply.body["context"].clone())
    };
    for contact in ["999", "201", "abc"] {
        let context = json!({ "INVALID_OBJECT_IDS": [format!("CONTACT={contact} is not valid")], "objectId": [contact],
            "objectType": ["CONTACT"] });
        assert_eq!(refusal("notes", to(contact, 202)).await, (invalid.to_owned(), context));
    }
    let wrong = "object type 0-1 for associations to be created. expected:";
    for (kind, type_id, message) in [
        ("notes", 201, "invalid from object type 0-46 for associations to be created. expected: 0-1".to_owned()),
        ("emails", 197, "invalid from object type 0-49 for associations to be created. expected: 0-1".to_owned()),
        ("tasks", 203, "invalid from object type 0-27 for associations to be created. expected: 0-1".to_owned()),
        ("notes", 204, "invalid from object type 0-46 for associations to be created. expected: 0-27".to_owned()),
    ] {
        assert_eq!(refusal(kind, to("999", type_id)).await.0, message, "{wrong}");
    }
    let mut custom = to("999", 3);
    custom[0]["types"][0]["associationCategory"] = json!("USER_DEFINED");
    let context = json!({ "associationSpec": ["USER_DEFINED=3"],
        "INVALID_ASSOCIATION_TYPE_ID": ["USER_DEFINED=3 is not a valid association definition id"] });
    assert_eq!(refusal("notes", custom).await, (invalid.to_owned(), context));
    assert_eq!(refusal("notes", json!([{ "to": { "id": "999" }, "types": [] }])).await.0, invalid);
    assert_eq!(sim.state()["notes"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn associations_can_fail_for_no_reason() {
    let sim = with_contacts(1, SimConfig::default());
    sim.set_switches(|switches| switches.associations_always_fail = true);
    let mut input = note("201", "x");
    assert_eq!(post(&sim, NOTES, input.clone()).await.message(), "One or more associations are invalid");
    input["objectWriteTraceId"] = json!("n");
    let reply = post(&sim, &format!("{NOTES}/batch/create"), json!({ "inputs": [input.clone()] })).await;
    assert_eq!((reply.status, &reply.body["results"]), (207, &json!([])));
    input["associations"] = json!([]);
    assert_eq!(post(&sim, NOTES, input).await.status, 201, "the note itself can be created");
    let line = "PUT /crm/objects/2026-03/notes/7000001/associations/default/contacts/201";
    assert_eq!(status(&sim, line, "").await, 400);
}

#[tokio::test(start_paused = true)]
async fn batch_reads_answer_each_object_that_has_some() {
    let sim = with_contacts(3, SimConfig::default());
    for contact in ["201", "201", "202"] {
        post(&sim, NOTES, note(contact, "x")).await;
    }
    let reply = post(&sim, READ, ids(&["201", "203", "202", "999"])).await;
    assert_eq!((reply.status, &reply.body["numErrors"]), (207, &json!(2)));
    let expected = json!({
        "status": "error", "category": "OBJECT_NOT_FOUND", "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": "No note is associated with contact 203.",
        "context": { "fromObjectId": ["203"], "fromObjectType": ["contact"], "toObjectType": ["note"] },
        "links": {}, "errors": [],
    });
    assert_eq!(reply.body["errors"][0], expected);
    let mut results = reply.body["results"].as_array().unwrap().clone();
    results.sort_by_key(|result| result["from"]["id"].to_string());
    let types = json!([{ "category": "HUBSPOT_DEFINED", "typeId": 201 }]);
    let item = |id: &str| json!({ "toObjectId": id, "associationTypes": types });
    assert_eq!(results[0], json!({ "from": { "id": "201" }, "to": [item("7000001"), item("7000002")] }));
    assert_eq!(results.len(), 2);

    let back = post(&sim, "/crm/v3/associations/0-46/contact/batch/read", ids(&["7000003"])).await;
    assert_eq!(back.status, 200);
    let types = json!([{ "category": "HUBSPOT_DEFINED", "typeId": 202 }]);
    let expected = json!([{ "from": { "id": "7000003" }, "to": [{ "toObjectId": "202", "associationTypes": types }] }]);
    assert_eq!(back.body["results"], expected);

    sim.set_switches(|switches| {
        switches.no_associations = NoAssociations::Absent;
        switches.association_ids_are_numbers = true;
    });
    let plain = post(&sim, READ, ids(&["203", "202"])).await;
    assert_eq!((plain.status, plain.body.get("errors")), (200, None));
    assert_eq!(plain.body["results"][0]["to"][0]["toObjectId"], 7_000_003);

    let many: Vec<String> = (1..=1_001).map(|id| id.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(post(&sim, READ, ids(&many[..1_000])).await.status, 200);
    assert!(post(&sim, READ, ids(&many)).await.message().contains("supported in a batch is 1000"));
    assert_eq!(post(&sim, "/crm/associations/2026-03/contacts/calls/batch/read", ids(&["1"])).await.status, 400);
    assert_eq!(post(&sim, READ, json!({})).await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn long_lists_come_in_pages() {
    let sim = with_contacts(1, SimConfig { limit_per_10s: 1_000, ..SimConfig::default() });
    for _ in 0..6 {
        let inputs = vec![note("201", "x"); 100];
        assert_eq!(post(&sim, &format!("{NOTES}/batch/create"), json!({ "inputs": inputs })).await.status, 201);
    }
    let first = post(&sim, READ, ids(&["201"])).await.body["results"][0].clone();
    let after = first["paging"]["next"]["after"].as_str().unwrap();
    assert_eq!(first["to"].as_array().unwrap().len(), 500);
    let rest =
        post(&sim, READ, json!({ "inputs": [{ "id": "201", "after": after }] })).await.body["results"][0].clone();
    assert_eq!((rest["to"].as_array().unwrap().len(), rest.get("paging")), (100, None));
    let page = get(&sim, "/crm/objects/2026-03/contacts/201/associations/notes?limit=3").await.body;
    assert_eq!(page["paging"]["next"]["after"], "7000003");
    let next = get(&sim, "/crm/objects/2026-03/contacts/201/associations/notes?limit=3&after=7000003").await.body;
    assert_eq!(column(&next, "toObjectId")[0], "7000004");
    assert_eq!(post(&sim, READ, json!({ "inputs": [{ "id": "201", "after": "x" }] })).await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn pairs_are_linked_and_unlinked_from_either_side() {
    let sim = with_contacts(3, SimConfig::default());
    post(&sim, NOTES, note("201", "x")).await;
    let put = "PUT /crm/objects/2026-03/contacts/202/associations/notes/7000001";
    let spec = |id: i64| json!([{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": id }]).to_string();
    assert_eq!(
        call(&sim, put, &spec(202)).await.message(),
        "invalid from object type 0-1 for associations to be created. expected: 0-46"
    );
    let reply = call(&sim, put, &spec(201)).await;
    let expected = json!({ "fromObjectTypeId": "0-1", "fromObjectId": "202", "toObjectTypeId": "0-46",
        "toObjectId": "7000001", "labels": [] });
    assert_eq!((reply.status, &reply.body), (201, &expected));
    assert_eq!(reply.header("location"), Some("/crm/objects/2026-03/contacts/202/associations/notes/7000001"));
    assert_eq!(call(&sim, put, &spec(201)).await.status, 201, "again");
    let default = "PUT /crm/objects/2026-03/note/7000001/associations/default/0-1/203";
    let results = call(&sim, default, "").await.body["results"].clone();
    assert_eq!(
        results[0]["associationSpec"],
        json!({ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 202 })
    );
    assert_eq!((&results[1]["from"]["id"], &results[1]["to"]["id"]), (&json!("203"), &json!("7000001")));
    assert_eq!(linked(&sim, "notes/7000001/associations/contacts").await, ["201", "202", "203"]);
    assert_eq!(linked(&sim, "notes/7000001/associations/emails").await.len(), 0);
    let remove = "DELETE /crm/objects/2026-03/contacts/202/associations/notes/7000001";
    assert_eq!((status(&sim, remove, "").await, status(&sim, remove, "").await), (204, 204));
    sim.delete_contacts(&["203".into()]).unwrap();
    assert_eq!(linked(&sim, "notes/7000001/associations/contacts").await, ["201"]);
    assert_eq!(linked(&sim, "contacts/203/associations/notes").await.len(), 0);
    let lost = call(&sim, "PUT /crm/objects/2026-03/notes/7/associations/default/contacts/201", "").await;
    assert_eq!(lost.body["context"]["INVALID_OBJECT_IDS"], json!(["NOTE=7 is not valid"]));
    assert_eq!(status(&sim, "PUT /crm/objects/2026-03/notes/7000001/associations/default/tasks/1", "").await, 400);
    assert_eq!(status(&sim, "GET /crm/objects/2026-03/notes/7000001/associations/calls", "").await, 400);
}

#[tokio::test(start_paused = true)]
async fn batches_link_and_unlink() {
    let sim = with_contacts(2, SimConfig::default());
    post(&sim, NOTES, note("201", "x")).await;
    let base = "/crm/associations/2026-03/notes/contacts/batch";
    let pair = |contact: &str, type_id: i64| json!({ "from": { "id": "7000001" }, "to": { "id": contact }, "types": to(contact, type_id)[0]["types"] });
    let reply = post(
        &sim,
        &format!("{base}/create"),
        json!({ "inputs": [pair("202", 202), pair("999", 202), pair("202", 201)] }),
    )
    .await;
    assert_eq!((reply.status, column(&reply.body, "toObjectId")), (207, vec!["202".to_owned()]));
    assert_eq!(reply.body["errors"][0]["context"]["objectId"], json!(["999"]));
    let archive = json!({ "inputs": [{ "from": { "id": "7000001" }, "to": [{ "id": "201" }, { "id": "202" }] }] });
    let reply = post(&sim, &format!("{base}/archive"), archive).await;
    assert_eq!((reply.status, &reply.body["results"]), (200, &json!([])));
    assert_eq!(linked(&sim, "notes/7000001/associations/contacts").await.len(), 0);
    assert_eq!(sim.notes_of("201").unwrap().len(), 0);
    let default = json!({ "inputs": [{ "from": { "id": "7000001" }, "to": { "id": "201" } }] });
    assert_eq!(post(&sim, &format!("{base}/associate/default"), default).await.status, 200);
    assert_eq!(sim.notes_of("201").unwrap().len(), 1);
    let labels = json!({ "inputs": [pair("201", 202)] });
    assert_eq!(post(&sim, &format!("{base}/labels/archive"), labels).await.status, 200);
    assert_eq!(sim.notes_of("201").unwrap().len(), 0);
    let over = json!({ "inputs": vec![pair("201", 202); 2_001] });
    assert_eq!(post(&sim, &format!("{base}/create"), over).await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn a_merge_takes_the_timeline_along() {
    let sim = with_contacts(3, SimConfig::default());
    for contact in ["201", "202", "203"] {
        post(&sim, NOTES, note(contact, contact)).await;
    }
    call(&sim, "PUT /crm/objects/2026-03/notes/7000001/associations/default/contacts/202", "").await;
    let id = sim.merge_contacts("201", "202").unwrap();
    assert_eq!(linked(&sim, &format!("contacts/{id}/associations/notes")).await, ["7000001", "7000002"]);
    assert_eq!(linked(&sim, "notes/7000001/associations/contacts").await, [id.as_str()]);
    assert_eq!(linked(&sim, "contacts/201/associations/notes").await.len(), 0);
    assert_eq!(sim.notes_of("203").unwrap().len(), 1);
    sim.set_switches(|switches| switches.merge_keeps_primary_id = true);
    assert_eq!(sim.merge_contacts(&id, "203").unwrap(), id);
    assert_eq!(sim.notes_of(&id).unwrap().len(), 3);
    assert_eq!(sim.timeline(&id).unwrap().as_array().unwrap().len(), 3);
    let on = json!({ "propertyName": "associations.contact", "operator": "EQ", "value": id });
    let body = json!({ "filterGroups": [{ "filters": [on] }] });
    assert_eq!(post(&sim, &format!("{NOTES}/search"), body).await.body["total"], 3);
}

#[tokio::test(start_paused = true)]
async fn faults_strike_one_pair_of_types_or_all() {
    let sim = portal();
    let rule =
        |route: &str| FaultRule { route: route.into(), status: Some(503), times: Some(1), ..FaultRule::default() };
    let tasks = "/crm/associations/2026-03/contacts/tasks/batch/read";
    sim.add_fault(rule("/crm/associations/2026-03/contacts/notes")).unwrap();
    assert_eq!((post(&sim, tasks, ids(&[])).await.status, post(&sim, READ, ids(&[])).await.status), (200, 503));
    sim.add_fault(rule("/crm/associations/{from}/{to}/batch/read")).unwrap();
    assert_eq!(post(&sim, tasks, ids(&[])).await.status, 503);
    assert_eq!(
        (sim.requests().of("POST", "/crm/associations/{from}/{to}/batch/read"), sim.requests().writes()),
        (3, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_contact_is_created_with_engagements_and_read_with_them() {
    let sim = with_contacts(1, SimConfig::default());
    let note = post(&sim, NOTES, note("201", "Hello")).await.body["id"].as_str().unwrap().to_owned();
    let new = |name: &str, other: &str, type_id: i64| json!({ "properties": { "firstname": name }, "associations": to(other, type_id) });
    let one = post(&sim, CONTACTS, new("One", &note, 201)).await;
    assert_eq!(one.status, 201, "{}", one.text);
    let batch = json!({ "inputs": [new("Two", &note, 201)] });
    assert_eq!(post(&sim, &format!("{CONTACTS}/batch/create"), batch).await.status, 201);
    assert_eq!(linked(&sim, &format!("notes/{note}/associations/contacts")).await, ["201", "202", "203"]);

    let shown = get(&sim, &format!("{CONTACTS}/202?associations=notes,0-27")).await.body;
    let results = json!([{ "id": note, "type": "contact_to_note" }]);
    assert_eq!(shown["associations"], json!({ "notes": { "results": results } }));
    let listed = get(&sim, &format!("{CONTACTS}?associations=note")).await.body;
    assert_eq!(listed["results"][2]["associations"]["notes"]["results"], results);
    assert_eq!(get(&sim, &format!("{CONTACTS}/202")).await.body.get("associations"), None);
    let unknown = get(&sim, &format!("{CONTACTS}/202?associations=unicorns")).await;
    assert_eq!((unknown.status, unknown.message()), (400, "Unable to infer object type from: unicorns"));

    for (other, type_id, message) in [
        ("999", 201, "One or more associations are invalid"),
        (&*note, 203, "One or more associations are invalid"),
        (&*note, 202, "invalid from object type 0-1 for associations to be created. expected: 0-46"),
        (&*note, 9, "One or more associations are invalid"),
    ] {
        let refused = post(&sim, CONTACTS, new("Three", other, type_id)).await;
        assert_eq!((refused.status, refused.message()), (400, message), "{other} {type_id}");
        let batch = json!({ "inputs": [new("Three", other, type_id)] });
        assert_eq!(post(&sim, &format!("{CONTACTS}/batch/create"), batch).await.status, 400);
    }
    let update = json!({ "properties": {}, "associations": to(&note, 201) }).to_string();
    assert_eq!(status(&sim, &format!("PATCH {CONTACTS}/201"), &update).await, 400);
    assert_eq!(sim.state()["contacts"].as_array().unwrap().len(), 3);
}
