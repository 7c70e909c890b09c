//! Contacts one by one and as a list, their histories, and what is told of changes to whoever delivers webhooks.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    super::{AssignedDateOnUnassign, HubSpotSim, NewMember, UnknownId, changes::ChangeKind},
    START, call, column, get, portal, status, values,
};

const CONTACTS: &str = "/crm/objects/2026-03/contacts";

fn sources(sim: &HubSpotSim, id: &str, property: &str) -> Vec<(Value, Value, Value)> {
    let history = sim.contact_history(id, property).unwrap();
    let part = |version: &Value| (version["value"].clone(), version["sourceType"].clone(), version["sourceId"].clone());
    history.iter().map(part).collect()
}

#[tokio::test(start_paused = true)]
async fn a_contact_is_created_read_changed_and_archived() {
    let sim = portal();
    let body = json!({ "properties": { "email": "Lead@Example.com", "firstname": "L" }, "associations": [] });
    let reply = call(&sim, &format!("POST {CONTACTS}"), &body.to_string()).await;
    assert_eq!((reply.status, reply.header("location")), (201, Some("/crm/objects/2026-03/contacts/201")));
    let always = json!({ "createdate": START, "hs_object_id": "201", "lastmodifieddate": START });
    let with = |more: Value| {
        let mut properties = always.clone();
        properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "id": "201", "properties": properties, "createdAt": START, "updatedAt": START, "archived": false })
    };
    assert_eq!(reply.body, with(json!({ "email": "lead@example.com", "firstname": "L" })));
    let one = format!("{CONTACTS}/201");
    let default = json!({ "email": "lead@example.com", "firstname": "L", "lastname": null });
    assert_eq!(get(&sim, &one).await.body, with(default));
    let by_email = format!("{CONTACTS}/LEAD%40example.com?idProperty=email&properties=phone,nope&properties=company");
    assert_eq!(get(&sim, &by_email).await.body, with(json!({ "phone": null, "company": null })));

    sim.advance(Duration::from_millis(60_250));
    let change = json!({ "properties": { "firstname": "", "phone": "1" } });
    let patched = call(&sim, &format!("PATCH {CONTACTS}/lead@example.com?idProperty=email"), &change.to_string()).await;
    let later = "2026-11-22T10:01:00.250Z";
    assert_eq!((patched.status, &patched.body["updatedAt"]), (200, &json!(later)));
    let properties = json!({ "createdate": START, "firstname": null, "hs_object_id": "201", "lastmodifieddate": later, "phone": "1" });
    assert_eq!(patched.body["properties"], properties);
    assert_eq!(sim.contact("201").unwrap()["properties"].get("firstname"), None);

    assert_eq!(status(&sim, &format!("DELETE {one}"), "").await, 204);
    assert_eq!(status(&sim, &format!("DELETE {one}"), "").await, 204);
    assert_eq!(
        (get(&sim, &one).await.status, status(&sim, &format!("PATCH {one}"), r#"{"properties":{}}"#).await),
        (404, 404)
    );
    let archived = get(&sim, &format!("{one}?archived=true")).await.body;
    assert_eq!((&archived["archived"], &archived["archivedAt"]), (&json!(true), &json!(later)));
    assert_eq!(sim.contact("201").unwrap()["archived"], true);
    sim.restore_contact("201").unwrap();
    assert_eq!(sim.restore_contact("201").unwrap_err().status, 404);
    assert_eq!((get(&sim, &format!("{one}?archived=true")).await.status, get(&sim, &one).await.status), (404, 200));
    assert_eq!((sim.contact("999"), sim.contact("x")), (None, None));
}

#[tokio::test(start_paused = true)]
async fn a_restored_contact_must_not_take_anothers_email() {
    let sim = portal();
    let email = values(&[("email", "a@example.com")]);
    let first = sim.create_contacts(1, &email).unwrap();
    sim.delete_contacts(&first).unwrap();
    let second = sim.create_contacts(1, &email).unwrap();
    assert_eq!(sim.restore_contact(&first[0]).unwrap_err().status, 409);
    sim.delete_contacts(&second).unwrap();
    sim.restore_contact(&first[0]).unwrap();
    let found = get(&sim, &format!("{CONTACTS}/a@example.com?idProperty=email")).await.body;
    assert_eq!(found["id"], "201");
}

#[tokio::test(start_paused = true)]
async fn bad_requests_are_refused_in_hubspots_words() {
    let sim = portal();
    sim.create_contacts(1, &values(&[("email", "a@example.com")])).unwrap();
    let one = format!("{CONTACTS}/201");
    let write = |name: &str, value: Value| json!({ "properties": { name: value } }).to_string();
    let table = [
        (format!("GET {CONTACTS}/abc"), String::new(), 404, "OBJECT_NOT_FOUND"),
        (format!("GET {CONTACTS}/999"), String::new(), 404, "OBJECT_NOT_FOUND"),
        (format!("DELETE {CONTACTS}/abc"), String::new(), 404, "OBJECT_NOT_FOUND"),
        (format!("GET {one}?idProperty=firstname"), String::new(), 400, "VALIDATION_ERROR"),
        (format!("GET {CONTACTS}?limit=101"), String::new(), 400, "VALIDATION_ERROR"),
        (format!("GET {CONTACTS}?limit=51&propertiesWithHistory=email"), String::new(), 400, "VALIDATION_ERROR"),
        (format!("POST {CONTACTS}"), write("email", json!("A@example.com")), 409, "CONFLICT"),
        (format!("POST {CONTACTS}"), write("nope", json!("1")), 400, "VALIDATION_ERROR"),
        (format!("PATCH {one}"), write("hs_object_id", json!("1")), 400, "VALIDATION_ERROR"),
        (format!("PATCH {one}"), write("hubspot_owner_id", json!("1001")), 400, "VALIDATION_ERROR"),
        (
            format!("POST {CONTACTS}"),
            json!({ "properties": {}, "associations": [{ "to": { "id": "1" }, "types": [] }] }).to_string(),
            400,
            "VALIDATION_ERROR",
        ),
    ];
    for (line, body, expected, category) in table {
        let reply = call(&sim, &line, &body).await;
        assert_eq!((reply.status, reply.body["category"].as_str()), (expected, Some(category)), "{line} {body}");
    }
    for body in [write("firstname", json!(5)), "{}".to_owned(), "[".to_owned()] {
        let reply = call(&sim, &format!("PATCH {one}"), &body).await;
        assert!(reply.status == 400 && reply.message().starts_with("Invalid input JSON"), "{body}: {}", reply.text);
    }
    assert_eq!(status(&sim, &format!("PUT {one}"), "").await, 405);
    assert_eq!(status(&sim, "GET /crm/objects/2026-03/contacts/batch/read/1", "").await, 404);
    assert_eq!(sim.state()["contacts"].as_array().unwrap().len(), 1);
    sim.set_switches(|switches| switches.unknown_contact_id = UnknownId::Bare);
    let bare = get(&sim, &format!("{CONTACTS}/999")).await;
    assert_eq!((bare.status, bare.message(), bare.body.get("category")), (404, "resource not found", None));
    assert_eq!(get(&sim, &format!("{CONTACTS}/abc")).await.body["context"]["id"], json!(["abc"]));
}

#[tokio::test(start_paused = true)]
async fn lists_are_paged_and_archived_ones_apart() {
    let sim = portal();
    let ids = sim.create_contacts(60, &values(&[("firstname", "A")])).unwrap();
    sim.delete_contacts(&ids[..5]).unwrap();
    let first = get(&sim, CONTACTS).await.body;
    assert_eq!((column(&first, "id").len(), &first["paging"]["next"]["after"]), (10, &json!("215")));
    let rest = get(&sim, &format!("{CONTACTS}?after=215&limit=50&propertiesWithHistory=firstname")).await.body;
    assert_eq!((column(&rest, "id").len(), rest.get("paging")), (45, None));
    assert_eq!(rest["results"][0]["propertiesWithHistory"]["firstname"][0]["value"], "A");
    assert_eq!(column(&get(&sim, &format!("{CONTACTS}?archived=true")).await.body, "id"), ids[..5]);
}

#[tokio::test(start_paused = true)]
async fn history_tells_who_wrote_and_how() {
    let sim = portal();
    let ids = sim.create_contacts(3, &values(&[("firstname", "A")])).unwrap();
    let api = |name: &str| json!({ "properties": { "firstname": name } }).to_string();
    sim.advance(Duration::from_secs(1));
    assert_eq!(status(&sim, &format!("PATCH {CONTACTS}/201"), &api("B")).await, 200);
    sim.advance(Duration::from_secs(1));
    sim.update_contacts(&ids, &values(&[("firstname", "C")])).unwrap();
    sim.update_contacts(&ids[..1], &values(&[("firstname", "C")])).unwrap();
    let told = |value: &str, source: &str, id: &str| (json!(value), json!(source), json!(id));
    let person = "userId:1001";
    let expected =
        [told("C", "CRM_UI_BULK_ACTION", person), told("B", "INTEGRATION", "777"), told("A", "CRM_UI", person)];
    assert_eq!(sources(&sim, "201", "firstname"), expected);
    let at: Vec<Value> =
        ids.iter().map(|id| sim.contact_history(id, "firstname").unwrap()[0]["timestamp"].clone()).collect();
    assert!(at.iter().all(|at| at == "2026-11-22T10:00:02Z"), "{at:?}");

    let read = get(&sim, &format!("{CONTACTS}/201?propertiesWithHistory=firstname,phone,hs_object_id,nope")).await.body;
    let histories = read["propertiesWithHistory"].as_object().unwrap();
    assert_eq!(histories.keys().collect::<Vec<_>>(), ["firstname", "hs_object_id", "phone"]);
    assert_eq!((histories["firstname"].as_array().unwrap().len(), &histories["phone"]), (3, &json!([])));
    for version in histories.values().flat_map(|versions| versions.as_array().unwrap()) {
        assert!(["sourceType", "timestamp", "value"].iter().all(|field| version[field].is_string()), "{version}");
    }

    sim.set_switches(|switches| switches.resave_adds_history = true);
    sim.update_contacts(&ids[..1], &values(&[("firstname", "C"), ("phone", "")])).unwrap();
    assert_eq!(sources(&sim, "201", "firstname")[0], told("C", "CRM_UI", person));
    assert_eq!((sources(&sim, "201", "firstname").len(), sources(&sim, "201", "phone").len()), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn the_assignment_date_follows_the_owner_as_the_switch_says() {
    let sim = portal();
    let owner = sim.add_user(NewMember { email: "ada@example.com".into(), accepted: true, ..NewMember::default() });
    owner.unwrap();
    let ids = sim.create_contacts(1, &values(&[("hubspot_owner_id", "41629002")])).unwrap();
    let date = |sim: &HubSpotSim| sim.contact("201").unwrap()["properties"].get("hubspot_owner_assigneddate").cloned();
    assert_eq!(date(&sim), Some(json!(START)));
    sim.set_switches(|switches| switches.resave_adds_history = true);
    sim.advance(Duration::from_mins(1));
    sim.update_contacts(&ids, &values(&[("hubspot_owner_id", "41629002")])).unwrap();
    assert_eq!(date(&sim), Some(json!(START)), "saved again is not assigned again");
    for (switch, expected) in
        [(AssignedDateOnUnassign::Keeps, Some(json!("2026-11-22T10:01:00Z"))), (AssignedDateOnUnassign::Clears, None)]
    {
        sim.set_switches(|switches| switches.assigned_date_on_unassign = switch);
        sim.update_contacts(&ids, &values(&[("hubspot_owner_id", "41629001")])).unwrap();
        sim.update_contacts(&ids, &values(&[("hubspot_owner_id", "")])).unwrap();
        assert_eq!(date(&sim), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn values_are_kept_in_hubspots_form() {
    let sim = portal();
    let ids = sim.create_contacts(1, &values(&[])).unwrap();
    let option = |value: &str| json!({ "label": value, "value": value, "displayOrder": 0, "hidden": false });
    for (name, kind, field, options) in [
        ("day", "date", "date", json!([])),
        ("moment", "datetime", "date", json!([])),
        ("tags", "enumeration", "checkbox", json!([option("a"), option("b"), option("c")])),
    ] {
        let property = json!({ "name": name, "label": name, "type": kind, "fieldType": field, "options": options,
            "groupName": "contactinformation" });
        sim.create_property(property).unwrap();
    }
    let table = [
        ("day", "2026-11-22", "2026-11-22"),
        ("day", "1763769600000", "2025-11-22"),
        ("moment", "1763805540000", "2025-11-22T09:59:00Z"),
        ("moment", "2026-11-22T12:00:00.5+02:00", "2026-11-22T10:00:00.500Z"),
        ("moment", "2026-11-22", "2026-11-22T00:00:00Z"),
        ("tags", "a", "a"),
        ("tags", ";c;a", "a;c"),
        ("tags", "b;c", "b;c"),
        ("email", " Lead@Example.COM ", "lead@example.com"),
    ];
    for (name, value, expected) in table {
        sim.update_contacts(&ids, &values(&[(name, value)])).unwrap();
        assert_eq!(sim.contact("201").unwrap()["properties"][name], expected, "{name} {value}");
    }
    assert!(sim.update_contacts(&ids, &values(&[("moment", "soon")])).unwrap_err().message.contains("INVALID_LONG"));
}

#[tokio::test(start_paused = true)]
async fn changes_are_told_when_asked_for_and_the_oldest_forgotten() {
    let sim = portal();
    let ids = sim.create_contacts(2, &values(&[("firstname", "A")])).unwrap();
    assert!(sim.lock().portal.changes.is_empty());
    sim.lock().portal.collect_changes = true;
    sim.update_contacts(&ids, &values(&[("firstname", "B"), ("hubspot_owner_id", "41629001")])).unwrap();
    sim.update_contacts(&ids, &values(&[("firstname", "B")])).unwrap();
    sim.create_contacts(1, &values(&[("phone", "1")])).unwrap();
    sim.delete_contacts(&ids[..1]).unwrap();
    sim.restore_contact(&ids[0]).unwrap();
    sim.merge_contacts("201", "202").unwrap();
    let drained: Vec<_> = sim.lock().portal.changes.drain(..).collect();
    let set = |name: &str, value: &str| ChangeKind::PropertyChange { name: name.to_owned(), value: value.to_owned() };
    let assigned = |id| {
        [
            (id, set("firstname", "B")),
            (id, set("hubspot_owner_id", "41629001")),
            (id, set("hubspot_owner_assigneddate", START)),
        ]
    };
    let mut expected: Vec<(u64, ChangeKind)> = assigned(201).into_iter().chain(assigned(202)).collect();
    expected.extend([
        (203, ChangeKind::Creation),
        (203, set("phone", "1")),
        (201, ChangeKind::Deletion),
        (201, ChangeKind::Restoration),
        (204, ChangeKind::Merge { merged: vec![201, 202] }),
    ]);
    let told: Vec<_> = drained.iter().map(|change| (change.object_id, change.kind.clone())).collect();
    assert_eq!(told, expected);
    let sources: Vec<_> = drained.iter().map(|change| (change.source_type, change.source_id.as_str())).collect();
    assert_eq!((sources[0], sources[8].0), (("CRM_UI_BULK_ACTION", "userId:1001"), "CRM_UI"));
    assert!(drained.iter().all(|change| change.at.to_string() == START));

    sim.create_contacts(100_001, &values(&[])).unwrap();
    let changes = &sim.lock().portal.changes;
    assert_eq!((changes.len(), changes[0].object_id), (100_000, 206));
}
