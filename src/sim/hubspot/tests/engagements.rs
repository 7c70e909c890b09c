//! Notes, e-mails and tasks: writes with their checks, reads, scopes.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::{
    super::{DEFAULT_TOKEN, FaultRule, HubSpotSim, MissingInBatch, PartialWrites, SimConfig, TokenConfig, When},
    Reply, call, call_as, column, get, portal, portal_with, raw, status,
};

pub(super) const NOTES: &str = "/crm/objects/2026-03/notes";
pub(super) const OWNER: &str = "41629001";

/// A portal with contacts 201, 202, …
pub(super) fn with_contacts(count: usize, config: SimConfig) -> HubSpotSim {
    let sim = portal_with(config);
    let values = BTreeMap::from([("firstname".to_owned(), "L{n}".to_owned())]);
    sim.create_contacts(count, &values).unwrap();
    sim
}

pub(super) fn to(contact: &str, type_id: i64) -> Value {
    let types = json!([{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id }]);
    json!([{ "to": { "id": contact }, "types": types }])
}

pub(super) fn note(contact: &str, body: &str) -> Value {
    let properties = json!({ "hs_timestamp": "2026-11-22T09:00:00Z", "hs_note_body": body, "hubspot_owner_id": OWNER });
    json!({ "properties": properties, "associations": to(contact, 202) })
}

fn traced(mut input: Value, trace_id: &str) -> Value {
    input["objectWriteTraceId"] = json!(trace_id);
    input
}

pub(super) async fn post(sim: &HubSpotSim, path: &str, body: Value) -> Reply {
    call(sim, &format!("POST {path}"), &body.to_string()).await
}

async fn batch(sim: &HubSpotSim, path: &str, inputs: Value) -> Reply {
    post(sim, &format!("{path}/batch/create"), json!({ "inputs": inputs })).await
}

/// The code of the first bad value of a refused write.
fn code(reply: &Reply) -> &str {
    assert_eq!(reply.status, 400, "{}", reply.text);
    reply.body["errors"][0]["code"].as_str().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_batch_creates_notes_on_contacts() {
    let sim = with_contacts(2, SimConfig::default());
    sim.advance(Duration::from_mins(1));
    let inputs = json!([traced(note("201", "One"), "n-1"), traced(note("202", "Two"), "n-2"), note("201", "Three")]);
    let reply = batch(&sim, NOTES, inputs).await;
    assert_eq!((reply.status, &reply.body["status"]), (201, &json!("COMPLETE")));
    let mut results = reply.body["results"].as_array().unwrap().clone();
    results.sort_by_key(|result| result["id"].to_string());
    let at = "2026-11-22T10:01:00Z";
    let properties = json!({
        "hs_timestamp": "2026-11-22T09:00:00Z", "hs_note_body": "One", "hubspot_owner_id": OWNER,
        "hs_object_id": "7000001", "hs_createdate": at, "hs_lastmodifieddate": at,
    });
    let expected = json!({ "id": "7000001", "objectWriteTraceId": "n-1", "properties": properties, "createdAt": at,
        "updatedAt": at, "archived": false });
    assert_eq!(results[0], expected);
    assert_eq!(results[2].get("objectWriteTraceId"), None);

    let read = json!({ "inputs": [{ "id": "7000001" }, { "id": "7000002" }, { "id": "7000001" }, { "id": "9" }, { "id": "x" }],
        "properties": ["hs_note_body", "hs_attachment_ids", "nope"], "propertiesWithHistory": [] });
    let read = post(&sim, &format!("{NOTES}/batch/read"), read).await;
    assert_eq!((read.status, &read.body["numErrors"]), (207, &json!(1)));
    let missing = &read.body["errors"][0];
    assert_eq!(
        (&missing["category"], &missing["context"]),
        (&json!("OBJECT_NOT_FOUND"), &json!({ "ids": ["9", "x"] }))
    );
    let one = read.body["results"].as_array().unwrap().iter().find(|result| result["id"] == "7000002").unwrap();
    let expected = json!({ "hs_note_body": "Two", "hs_attachment_ids": null, "hs_object_id": "7000002",
        "hs_createdate": at, "hs_lastmodifieddate": at });
    assert_eq!((column(&read.body, "id").len(), &one["properties"]), (2, &expected));
}

#[tokio::test(start_paused = true)]
async fn a_bad_item_spoils_a_batch_unless_all_are_traced() {
    let sim = with_contacts(1, SimConfig::default());
    let mut bad = note("201", "Bad");
    bad["properties"]["nope"] = json!("x");
    let mixed = json!([note("201", "Good"), traced(bad.clone(), "t")]);
    assert_eq!(code(&batch(&sim, NOTES, mixed).await), "PROPERTY_DOESNT_EXIST");
    let same = json!([traced(note("201", "Good"), "t"), traced(bad.clone(), "t")]);
    assert_eq!(batch(&sim, NOTES, same).await.status, 400);
    assert_eq!(sim.state()["notes"], json!([]));
    let inputs = json!([traced(note("201", "Good"), "a"), traced(bad, "b"), traced(note("999", "Lost"), "c")]);
    let reply = batch(&sim, NOTES, inputs).await;
    assert_eq!((reply.status, column(&reply.body, "objectWriteTraceId")), (207, vec!["a".to_owned()]));
    let errors = reply.body["errors"].as_array().unwrap();
    assert_eq!(errors[0]["context"], json!({ "objectWriteTraceId": ["b"] }));
    let context = json!({ "INVALID_OBJECT_IDS": ["CONTACT=999 is not valid"], "objectId": ["999"],
        "objectType": ["CONTACT"], "objectWriteTraceId": ["c"] });
    assert_eq!(errors[1]["context"], context);
    assert_eq!(sim.state()["notes"].as_array().unwrap().len(), 1);
    for (partial_writes, inputs, expected) in [
        (PartialWrites::Never, json!([traced(note("201", "x"), "a"), traced(note("999", "x"), "b")]), (400, 1)),
        (PartialWrites::Always, json!([note("201", "x"), note("999", "x")]), (207, 2)),
    ] {
        sim.set_switches(|switches| switches.partial_writes = partial_writes);
        let status = batch(&sim, NOTES, inputs).await.status;
        assert_eq!((status, sim.state()["notes"].as_array().unwrap().len()), expected, "{partial_writes:?}");
    }
    sim.set_switches(|switches| {
        switches.partial_writes = PartialWrites::default();
        switches.missing_in_batch = MissingInBatch::Silent;
    });
    let read = json!({ "inputs": [{ "id": "7000001" }, { "id": "9" }] });
    let read = post(&sim, &format!("{NOTES}/batch/read"), read).await;
    assert_eq!((read.status, column(&read.body, "id").len()), (200, 1));

    let full = Value::Array(vec![note("201", "x"); 100]);
    assert_eq!(batch(&sim, NOTES, full).await.status, 201);
    let over = Value::Array(vec![note("201", "x"); 101]);
    assert!(batch(&sim, NOTES, over).await.message().contains("supported in a batch is 100"));
    for missing in ["associations", "properties"] {
        let mut input = note("201", "x");
        input.as_object_mut().unwrap().remove(missing);
        let reply = batch(&sim, NOTES, json!([input.clone()])).await;
        assert!(reply.status == 400 && reply.message().contains(missing), "{}", reply.text);
        assert_eq!(post(&sim, NOTES, input).await.status, 400);
    }
}

#[tokio::test(start_paused = true)]
async fn values_are_checked_by_kind() {
    let sim = portal();
    let table = [
        ("notes", "hs_task_subject", json!("x"), "PROPERTY_DOESNT_EXIST"),
        ("notes", "hs_object_id", json!("1"), "READ_ONLY_VALUE"),
        ("notes", "hs_note_body", json!("x".repeat(65_537)), "INVALID_LENGTH"),
        ("notes", "hubspot_owner_id", json!("1001"), "INVALID_OWNER_ID"),
        ("notes", "hs_timestamp", json!("yesterday"), "INVALID_LONG"),
        ("notes", "hs_timestamp", json!(""), "REQUIRED_PROPERTY"),
        ("emails", "hs_email_direction", json!("OUT"), "INVALID_OPTION"),
        ("emails", "hs_email_status", json!("sent"), "INVALID_OPTION"),
        ("emails", "hs_email_from_email", json!("a@example.com"), "READ_ONLY_VALUE"),
        ("emails", "hs_email_headers", json!("from: a"), "INVALID_JSON"),
        ("emails", "hs_email_headers", json!(r#"{"to":[{"firstName":"A"}]}"#), "INVALID_JSON"),
        ("tasks", "hs_task_status", json!("DONE"), "INVALID_OPTION"),
        ("tasks", "hs_task_priority", json!("URGENT"), "INVALID_OPTION"),
        ("tasks", "hs_task_type", json!("MEET"), "INVALID_OPTION"),
    ];
    for (kind, name, value, expected) in table {
        let mut properties = json!({ "hs_timestamp": "1763800000000" });
        properties[name] = value;
        let reply = post(
            &sim,
            &format!("/crm/objects/2026-03/{kind}"),
            json!({ "properties": properties, "associations": [] }),
        )
        .await;
        assert_eq!(code(&reply), expected, "{kind} {name}");
    }
    let body = json!({ "properties": { "hs_note_body": "x" }, "associations": [] });
    let reply = post(&sim, NOTES, body).await;
    assert_eq!(reply.message(), "Error creating NOTE. Some required properties were not set.");
    assert_eq!(reply.body["context"], json!({ "properties": ["hs_timestamp"] }));
    let body = json!({ "properties": { "hs_timestamp": 1_763_800_000_500_i64, "hs_note_body": "x".repeat(65_536) }, "associations": [] });
    let reply = post(&sim, NOTES, body).await;
    assert_eq!((reply.status, &reply.body["properties"]["hs_timestamp"]), (201, &json!("2025-11-22T08:26:40.500Z")));
    assert_eq!(reply.header("location"), Some("/crm/objects/2026-03/notes/7000001"));
}

#[tokio::test(start_paused = true)]
async fn email_headers_fill_the_read_only_fields() {
    let sim = with_contacts(1, SimConfig::default());
    let headers = json!({ "from": { "email": "ada@example.com", "firstName": "Ada", "lastName": "A" },
        "to": [{ "email": "l@example.com", "firstName": "L" }, { "email": "m@example.com" }], "cc": [], "bcc": [] });
    let properties = json!({ "hs_timestamp": "2026-11-22T09:00:00Z", "hs_email_direction": "EMAIL",
        "hs_email_status": "SENT", "hs_email_subject": "Hi", "hs_email_text": "Hello", "hs_email_headers": headers.to_string() });
    let body = json!({ "properties": properties, "associations": to("201", 198) });
    let created = post(&sim, "/crm/v3/objects/0-49", body).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let path = "/crm/objects/2026-03/email/7000001";
    let names = "hs_email_from_email,hs_email_from_firstname,hs_email_from_lastname,hs_email_to_email,\
                 hs_email_to_firstname,hs_email_to_lastname,hs_email_cc_email";
    let read = get(&sim, &format!("{path}?properties={names}&associations=contacts")).await.body;
    let mut expected = json!({ "hs_email_from_email": "ada@example.com", "hs_email_from_firstname": "Ada",
        "hs_email_from_lastname": "A", "hs_email_to_email": "l@example.com;m@example.com", "hs_email_to_firstname": "L",
        "hs_email_to_lastname": null, "hs_email_cc_email": null });
    for name in ["hs_createdate", "hs_lastmodifieddate", "hs_object_id"] {
        expected[name] = read["properties"][name].clone();
    }
    assert_eq!(read["properties"], expected);
    assert_eq!(
        read["associations"],
        json!({ "contacts": { "results": [{ "id": "201", "type": "email_to_contact" }] } })
    );
    let change = json!({ "properties": { "hs_email_headers": "", "hs_email_status": "" } }).to_string();
    let changed = call(&sim, &format!("PATCH {path}"), &change).await.body;
    assert_eq!(
        (changed["properties"].get("hs_email_from_email"), changed["properties"].get("hs_email_status")),
        (None, None)
    );
    assert_eq!(status(&sim, &format!("DELETE {path}"), "").await, 204);
    assert_eq!(status(&sim, &format!("GET {path}?archived=true"), "").await, 404, "for good");
    assert_eq!(status(&sim, &format!("DELETE {path}"), "").await, 204, "again");
    assert_eq!(sim.state()["emails"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn one_at_a_time_they_are_read_listed_changed_and_deleted() {
    let sim = with_contacts(1, SimConfig::default());
    for body in ["a", "b", "c"] {
        assert_eq!(post(&sim, "/crm/v3/objects/note", note("201", body)).await.status, 201);
    }
    post(&sim, "/crm/objects/2026-03/tasks", json!({ "properties": { "hs_timestamp": "0" }, "associations": [] }))
        .await;
    let page = get(&sim, &format!("{NOTES}?limit=2&properties=hs_note_body")).await.body;
    assert_eq!(
        (column(&page, "id"), &page["paging"]["next"]["after"]),
        (vec!["7000001".into(), "7000002".into()], &json!("7000002"))
    );
    let rest = get(&sim, "/crm/v3/objects/0-46?limit=2&after=7000002").await.body;
    assert_eq!((column(&rest, "id"), rest.get("paging")), (vec!["7000003".into()], None));
    sim.advance(Duration::from_secs(1));
    let change = r#"{"properties":{"hs_note_body":"B","hs_timestamp":"2026-11-21T00:00:00Z"}}"#;
    let changed = call(&sim, "PATCH /crm/objects/2026-03/notes/7000002", change).await.body;
    assert_eq!(
        (&changed["properties"]["hs_note_body"], &changed["updatedAt"]),
        (&json!("B"), &json!("2026-11-22T10:00:01Z"))
    );
    assert_eq!(changed["properties"]["hs_timestamp"], "2026-11-21T00:00:00Z");
    assert_eq!(
        code(&call(&sim, "PATCH /crm/v3/objects/notes/7000002", r#"{"properties":{"x":"1"}}"#).await),
        "PROPERTY_DOESNT_EXIST"
    );
    let table = [
        ("GET /crm/objects/2026-03/notes/7000004", "", 404),
        ("GET /crm/objects/2026-03/tasks/7000004", "", 200),
        ("GET /crm/objects/2026-03/notes/abc", "", 404),
        ("GET /crm/objects/2026-03/notes/7000001?idProperty=hs_note_body", "", 400),
        ("GET /crm/objects/2026-03/notes/7000001?propertiesWithHistory=hs_note_body", "", 400),
        ("PATCH /crm/objects/2026-03/notes/1", change, 404),
        ("PATCH /crm/objects/2026-03/notes/7000001", "{}", 400),
        ("PUT /crm/objects/2026-03/notes/7000001", "{}", 405),
        ("DELETE /crm/objects/2026-03/notes/1", "", 404),
        ("DELETE /crm/objects/2026-03/notes/7000001", "", 204),
        ("GET /crm/objects/2026-03/notes/7000001", "", 404),
        ("GET /crm/objects/2026-03/notes/7000001?archived=true", "", 200),
        ("PATCH /crm/objects/2026-03/notes/7000001", change, 404),
        ("POST /crm/objects/2026-03/notes/batch/archive", r#"{"inputs":[{"id":"7000002"},{"id":"1"}]}"#, 204),
        ("GET /crm/objects/2026-03/notes/7000002", "", 404),
        ("GET /crm/objects/2026-03/calls", "", 400),
    ];
    for (line, body, expected) in table {
        let reply = call(&sim, line, body).await;
        assert_eq!(reply.status, expected, "{line}: {}", reply.text);
    }
    assert_eq!(column(&get(&sim, NOTES).await.body, "id"), ["7000003"]);
    assert_eq!(column(&get(&sim, &format!("{NOTES}?archived=true")).await.body, "id").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn creating_twice_makes_two_even_when_the_answer_was_lost() {
    let sim = with_contacts(1, SimConfig::default());
    let route = "/crm/objects/notes/batch/create".to_owned();
    sim.add_fault(FaultRule { route, when: When::After, drop: true, ..FaultRule::default() }).unwrap();
    let body = json!({ "inputs": [traced(note("201", "x"), "n")] }).to_string();
    let lost = raw(&sim, "POST", &format!("{NOTES}/batch/create"), DEFAULT_TOKEN, &body).await;
    assert!(lost.is_err());
    assert_eq!(status(&sim, &format!("POST {NOTES}/batch/create"), &body).await, 201);
    assert_eq!(sim.notes_of("201").unwrap().len(), 2);
    assert_eq!(sim.requests().of("POST", "/crm/objects/notes/batch/create"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_write_on_the_timeline_is_a_change_of_the_contact_but_not_of_its_owner() {
    let sim = with_contacts(2, SimConfig::default());
    let owned = BTreeMap::from([("hubspot_owner_id".to_owned(), OWNER.to_owned())]);
    sim.update_contacts(&["201".into()], &owned).unwrap();
    let steps = [
        ("POST /crm/objects/2026-03/notes", note("201", "x").to_string()),
        ("PATCH /crm/objects/2026-03/notes/7000001", r#"{"properties":{"hs_note_body":"y"}}"#.to_owned()),
        ("DELETE /crm/objects/2026-03/notes/7000001/associations/contacts/201", String::new()),
        ("PUT /crm/objects/2026-03/notes/7000001/associations/default/contacts/201", String::new()),
        ("DELETE /crm/objects/2026-03/notes/7000001", String::new()),
    ];
    for (line, body) in steps {
        sim.advance(Duration::from_mins(1));
        assert!(call(&sim, line, &body).await.status < 300, "{line}");
        let contacts = sim.state()["contacts"].clone();
        let dates = |place: usize| contacts[place]["properties"]["lastmodifieddate"].clone();
        let found = post(&sim, "/crm/objects/2026-03/contacts/search", json!({})).await.body;
        assert_eq!(
            (dates(0), found["results"][0]["properties"]["lastmodifieddate"].clone()),
            (json!(sim.now()), json!(sim.now())),
            "{line}"
        );
        assert_eq!(dates(1), "2026-11-22T10:00:00Z");
        assert_eq!(contacts[0]["properties"]["hubspot_owner_assigneddate"], "2026-11-22T10:00:00Z");
    }
    assert_eq!(sim.contact_history("201", "hubspot_owner_id").unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn archived_owners_may_be_named() {
    let sim = with_contacts(1, SimConfig::default());
    sim.add_user(super::super::NewMember { email: "ada@example.com".into(), accepted: true, ..Default::default() })
        .unwrap();
    sim.remove_user("ada@example.com").unwrap();
    let mut input = note("201", "x");
    input["properties"]["hubspot_owner_id"] = json!("41629002");
    assert_eq!(post(&sim, NOTES, input).await.status, 201);
}

#[tokio::test(start_paused = true)]
async fn scopes_are_those_of_contacts_and_for_emails_also_the_mailbox() {
    let sim = with_contacts(1, SimConfig::default());
    let table: [(&str, &[&str], &[&str]); 4] = [
        (
            "crm.objects.contacts.read",
            &["GET notes", "POST tasks/batch/read", "POST emails/search"],
            &["POST notes", "DELETE emails/1"],
        ),
        (
            "crm.objects.contacts.write",
            &["POST notes", "POST emails/batch/create"],
            &["GET notes", "POST notes/batch/read"],
        ),
        ("sales-email-read", &["GET emails", "POST emails/batch/create"], &["GET notes", "POST tasks"]),
        ("crm.objects.owners.read", &[], &["GET notes", "GET emails", "GET notes/1/associations/contacts"]),
    ];
    for (scope, open, closed) in table {
        sim.set_token(&TokenConfig { token: "t".into(), scopes: vec![scope.into()], app_id: 1 });
        for (lines, refused) in [(open, false), (closed, true)] {
            for line in lines {
                let (method, path) = line.split_once(' ').unwrap();
                let reply = call_as(&sim, "t", &format!("{method} /crm/objects/2026-03/{path}"), "{}").await;
                assert_eq!(reply.status == 403, refused, "{scope} {line}: {}", reply.text);
            }
        }
    }
}
