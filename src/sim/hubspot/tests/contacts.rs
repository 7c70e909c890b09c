//! Contacts a person works with, and search to find and count them.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    super::{HubSpotSim, NewMember, SimConfig},
    call, column, portal, portal_with, values,
};

const SEARCH: &str = "POST /crm/objects/2026-03/contacts/search";

async fn search(sim: &HubSpotSim, body: Value) -> Value {
    let reply = call(sim, SEARCH, &body.to_string()).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.body
}

fn filter(property: &str, operator: &str, rest: Value) -> Value {
    let mut filter = json!({ "propertyName": property, "operator": operator });
    for (key, value) in rest.as_object().unwrap() {
        filter[key] = value.clone();
    }
    json!({ "filterGroups": [{ "filters": [filter] }] })
}

#[tokio::test(start_paused = true)]
async fn a_person_writes_contacts_by_the_rules() {
    let sim = portal();
    let ids = sim.create_contacts(3, &values(&[("email", "Lead@Example.com"), ("firstname", "L{n}")])).unwrap();
    assert_eq!(ids, ["201", "202", "203"]);
    let contact = sim.state()["contacts"][1].clone();
    let at = "2026-11-22T10:00:00Z";
    let properties = json!({
        "email": "lead+2@example.com", "firstname": "L2", "hs_object_id": "202", "createdate": at,
        "lastmodifieddate": at,
    });
    let expected =
        json!({ "id": "202", "properties": properties, "createdAt": at, "updatedAt": at, "archived": false });
    assert_eq!(contact, expected);

    let table = [
        ("nope", "x", "PROPERTY_DOESNT_EXIST"),
        ("createdate", "1", "READ_ONLY_VALUE"),
        ("hubspot_owner_assigneddate", "1", "READ_ONLY_VALUE"),
        ("hs_lead_status", "QUALIFIED", "INVALID_OPTION"),
        ("hubspot_owner_id", "1001", "INVALID_OWNER_ID"),
        ("email", "nobody", "INVALID_EMAIL"),
    ];
    for (name, value, code) in table {
        let error = sim.update_contacts(&ids[..1], &values(&[(name, value)])).unwrap_err();
        assert_eq!(error.status, 400);
        assert!(error.message.contains(code), "{name}: {error}");
    }
    let option = |value: &str| json!({ "label": value, "value": value, "displayOrder": 0, "hidden": false });
    let group = "contactinformation";
    sim.create_property(json!({ "name": "tags", "label": "Tags", "type": "enumeration", "fieldType": "checkbox",
        "groupName": group, "options": [option("a"), option("b")] }))
        .unwrap();
    sim.update_contacts(&ids[..1], &values(&[("tags", "a;b")])).unwrap();
    let error = sim.update_contacts(&ids[..1], &values(&[("tags", "a;c")])).unwrap_err();
    assert!(error.message.contains("c was not one of the allowed options: [a, b]"), "{error}");
    let taken = sim.update_contacts(&ids[..1], &values(&[("email", "lead+2@example.com")])).unwrap_err();
    assert_eq!((taken.status, taken.message.as_str()), (409, "Contact already exists. Existing ID: 202"));
    assert_eq!(sim.update_contacts(&["999".into()], &values(&[])).unwrap_err().status, 404);
    sim.delete_contacts(&ids[1..2]).unwrap();
    assert_eq!(sim.delete_contacts(&ids[1..2]).unwrap_err().status, 404);
    sim.update_contacts(&ids[..1], &values(&[("email", "lead+2@example.com")])).unwrap();
}

#[tokio::test(start_paused = true)]
async fn assignment_leaves_a_date_and_history_and_takes_archived_owners() {
    let sim = portal();
    sim.add_user(NewMember { email: "ada@example.com".into(), accepted: true, ..NewMember::default() }).unwrap();
    let ids = sim.create_contacts(1, &values(&[("hubspot_owner_id", "41629001")])).unwrap();
    sim.advance(Duration::from_mins(1));
    sim.remove_user("ada@example.com").unwrap();
    for owner in ["41629002", "41629002", ""] {
        sim.update_contacts(&ids, &values(&[("hubspot_owner_id", owner)])).unwrap();
        sim.advance(Duration::from_mins(1));
    }
    let version = |value: &str, at: &str| json!({ "value": value, "timestamp": at, "sourceType": "CRM_UI", "sourceId": "userId:1001", "updatedByUserId": 1001 });
    let expected = [
        version("", "2026-11-22T10:03:00Z"),
        version("41629002", "2026-11-22T10:01:00Z"),
        version("41629001", "2026-11-22T10:00:00Z"),
    ];
    assert_eq!(sim.contact_history("201", "hubspot_owner_id").unwrap(), expected);
    let dates = sim.contact_history("201", "hubspot_owner_assigneddate").unwrap();
    assert_eq!(dates[1]["value"], "2026-11-22T10:01:00Z");
    assert_eq!(sim.state()["contacts"][0]["properties"]["lastmodifieddate"], "2026-11-22T10:03:00Z");
}

#[tokio::test(start_paused = true)]
async fn search_finds_counts_and_pages() {
    let sim = portal();
    sim.create_contacts(25, &values(&[("email", "a{n}@example.com"), ("hs_lead_status", "NEW")])).unwrap();
    let open = sim.create_contacts(5, &values(&[("hs_lead_status", "OPEN"), ("firstname", "Zoe")])).unwrap();
    let table = [
        (json!({}), 30),
        (filter("hs_lead_status", "EQ", json!({ "value": "OPEN" })), 5),
        (filter("firstname", "EQ", json!({ "value": "zoe" })), 5),
        (filter("hs_lead_status", "IN", json!({ "values": ["NEW", "OPEN", "nope"] })), 30),
        (filter("email", "HAS_PROPERTY", json!({})), 25),
        (filter("email", "NOT_HAS_PROPERTY", json!({})), 5),
        (filter("hs_object_id", "EQ", json!({ "value": "201" })), 1),
    ];
    for (body, total) in table {
        assert_eq!(search(&sim, body.clone()).await["total"], total, "{body}");
        sim.advance(Duration::from_secs(1));
    }
    let all = search(&sim, json!({})).await;
    assert_eq!((column(&all, "id").len(), &all["paging"]["next"]["after"]), (10, &json!("10")));
    let last = search(&sim, json!({ "limit": 10, "after": "20", "properties": ["hs_lead_status", "nope"] })).await;
    assert_eq!((column(&last, "id").len(), last.get("paging")), (10, None));
    let names: Vec<&String> = last["results"][9]["properties"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["createdate", "hs_lead_status", "hs_object_id", "lastmodifieddate"]);
    sim.delete_contacts(&open).unwrap();
    let body = filter("hs_lead_status", "EQ", json!({ "value": "OPEN" }));
    assert_eq!(search(&sim, body).await, json!({ "total": 0, "results": [] }));
}

#[tokio::test(start_paused = true)]
async fn the_index_lags_behind_every_write() {
    let lag = Duration::from_secs(4);
    let sim = portal_with(SimConfig { search_lag: lag, ..SimConfig::default() });
    let ids = sim.create_contacts(20, &values(&[("firstname", "A")])).unwrap();
    let found = async |name: &str| {
        let found = search(&sim, filter("firstname", "EQ", json!({ "value": name }))).await;
        found["total"].as_u64().unwrap()
    };
    assert_eq!(found("A").await, 0);
    sim.advance(lag / 2);
    assert!((1..20).contains(&found("A").await), "each contact in its own time");
    sim.advance(lag / 2);
    assert_eq!(found("A").await, 20);
    sim.update_contacts(&ids, &values(&[("firstname", "B")])).unwrap();
    assert_eq!((found("A").await, found("B").await), (20, 0));
    sim.advance(lag);
    assert_eq!((found("A").await, found("B").await), (0, 20));
    sim.delete_contacts(&ids).unwrap();
    assert_eq!(found("B").await, 20);
    sim.advance(lag);
    assert_eq!(found("B").await, 0);
}

#[tokio::test(start_paused = true)]
async fn bad_searches_are_refused() {
    let sim = portal();
    let one = json!({ "propertyName": "email", "operator": "HAS_PROPERTY" });
    let table = [
        filter("nope", "HAS_PROPERTY", json!({})),
        filter("email", "EQ", json!({})),
        filter("email", "IN", json!({ "values": [] })),
        filter("email", "LIKE", json!({ "value": "x" })),
        filter("email", "GT", json!({ "value": "x" })),
        json!({ "limit": 201 }),
        json!({ "limit": 0 }),
        json!({ "after": "x" }),
        json!({ "after": "10000" }),
        json!({ "sorts": [{}] }),
        json!({ "filterGroups": vec![json!({ "filters": [one] }); 6] }),
        json!({ "filterGroups": [{ "filters": vec![one.clone(); 7] }] }),
        json!({ "filterGroups": vec![json!({ "filters": vec![one.clone(); 5] }); 4] }),
        json!({ "filterGroups": "x" }),
        json!({ "properties": vec!["x".repeat(100); 30] }),
    ];
    for body in table {
        let reply = call(&sim, SEARCH, &body.to_string()).await;
        assert_eq!(reply.status, 400, "{body:.200}");
        sim.advance(Duration::from_secs(1));
    }
}
