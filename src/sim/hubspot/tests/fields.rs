//! Contact properties: definitions, options, archive and restore, batches, limits.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    super::{ArchivedName, HubSpotSim, PropertyUse, ReadLag, SimConfig},
    Reply, call, column, get, portal, portal_with, status,
};

const FIELDS: &str = "/crm/properties/2026-03/contacts";

fn select() -> Value {
    json!({
        "name": "acme_stage", "label": "Stage", "type": "enumeration", "fieldType": "select",
        "groupName": "contactinformation", "description": "Set by Acme",
        "options": [
            { "label": "New", "value": "new", "displayOrder": 0, "hidden": false },
            { "label": "Done", "value": "done", "displayOrder": 1, "hidden": false, "description": "over" },
        ],
    })
}

fn with(changes: Value) -> String {
    let mut body = select();
    for (key, value) in changes.as_object().unwrap() {
        body[key] = value.clone();
    }
    body.to_string()
}

async fn create(sim: &HubSpotSim, changes: Value) -> Reply {
    call(sim, &format!("POST {FIELDS}"), &with(changes)).await
}

async fn read(sim: &HubSpotSim, name: &str) -> Value {
    get(sim, &format!("{FIELDS}/{name}")).await.body
}

#[tokio::test(start_paused = true)]
async fn a_property_is_created_complete() {
    let sim = portal();
    let created = create(&sim, json!({})).await;
    assert_eq!(
        (created.status, created.header("location")),
        (201, Some("/crm/properties/2026-03/contacts/acme_stage"))
    );
    let mut expected = select();
    for (key, value) in json!({
        "createdAt": "2026-11-22T10:00:00Z", "updatedAt": "2026-11-22T10:00:00Z", "createdUserId": "1001",
        "updatedUserId": "1001", "displayOrder": -1, "calculated": false, "externalOptions": false, "archived": false,
        "hasUniqueValue": false, "hidden": false, "formField": false, "dataSensitivity": "non_sensitive",
        "modificationMetadata": { "archivable": true, "readOnlyDefinition": false, "readOnlyValue": false },
    })
    .as_object()
    .unwrap()
    {
        expected[key] = value.clone();
    }
    assert_eq!(created.body, expected);
    assert_eq!(read(&sim, "acme_stage").await, expected);
    assert!(column(&get(&sim, FIELDS).await.body, "name").contains(&"acme_stage".to_owned()));
    let limits = get(&sim, "/crm/limits/2026-03/custom-properties").await.body;
    let contacts = json!({
        "objectTypeId": "0-1", "singularLabel": "Contact", "pluralLabel": "Contacts", "limit": 1000, "usage": 1,
        "percentage": 0.1,
    });
    assert_eq!(limits["byObjectType"][0], contacts);
    assert_eq!((&limits["overallUsage"], &limits["overallLimit"]), (&json!(1), &json!(10_000)));
}

#[tokio::test(start_paused = true)]
async fn built_ins_are_there_with_their_flags() {
    let sim = portal();
    let status = read(&sim, "hs_lead_status").await;
    let values: Vec<&str> =
        status["options"].as_array().unwrap().iter().map(|o| o["value"].as_str().unwrap()).collect();
    let default =
        ["NEW", "OPEN", "IN_PROGRESS", "OPEN_DEAL", "UNQUALIFIED", "ATTEMPTED_TO_CONTACT", "CONNECTED", "BAD_TIMING"];
    assert_eq!(values, default);
    assert_eq!((&status["fieldType"], &status["groupName"]), (&json!("radio"), &json!("sales_properties")));
    assert_eq!((&status["hubspotDefined"], status.get("archived")), (&json!(true), None));
    assert_eq!(read(&sim, "hubspot_owner_id").await["externalOptions"], true);
    let required = ["description", "fieldType", "groupName", "label", "name", "options", "type"];
    for property in get(&sim, FIELDS).await.body["results"].as_array().unwrap() {
        assert!(required.iter().all(|field| property.get(field).is_some()), "{property}");
    }
    for name in ["email", "firstname", "lastname", "lifecyclestage", "lastmodifieddate", "hubspot_owner_assigneddate"] {
        assert_eq!(read(&sim, name).await["name"], name);
    }
    let label = call(&sim, &format!("PATCH {FIELDS}/hs_lead_status"), r#"{"label":"Mine"}"#).await;
    assert_eq!(label.status, 400);
    assert_eq!(call(&sim, &format!("DELETE {FIELDS}/hs_lead_status"), "").await.status, 400);
    let options = json!({ "options": [{ "label": "Q", "value": "QUALIFIED", "displayOrder": 8, "hidden": false }] });
    assert_eq!(call(&sim, &format!("PATCH {FIELDS}/hs_lead_status"), &options.to_string()).await.status, 200);
    assert_eq!(call(&sim, &format!("PATCH {FIELDS}/hubspot_owner_id"), &options.to_string()).await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn bad_definitions_are_refused_and_change_nothing() {
    let sim = portal();
    let option =
        |label: &str, value: &str| json!({ "label": label, "value": value, "displayOrder": 0, "hidden": false });
    let table = [
        (json!({ "name": null, "label": null }), "Some required fields were not set: [label, name]"),
        (json!({ "name": "hs_stage" }), "reserved"),
        (json!({ "name": "a77_stage" }), "reserved"),
        (json!({ "name": "Stage" }), "lower case"),
        (json!({ "name": "" }), "lower case"),
        (json!({ "groupName": "nope" }), "Property group nope does not exist"),
        (json!({ "type": "text" }), "Invalid type text"),
        (json!({ "fieldType": "textarea" }), "Invalid fieldType textarea for type enumeration"),
        (json!({ "type": "string", "fieldType": "text" }), "does not take options"),
        (json!({ "type": "bool", "fieldType": "booleancheckbox" }), "exactly true and false"),
        (json!({ "label": " " }), "label must not be empty"),
        (json!({ "hidden": "no" }), "Invalid input JSON on line 1"),
        (json!({ "options": [{ "label": "x", "value": "x" }] }), "not set: [displayOrder, hidden]"),
        (json!({ "options": [option("A", "a"), option("A", "b")] }), "Option label 'A' is not unique"),
        (json!({ "options": [option("A", "a"), option("B", "a")] }), "Option value 'a' is not unique"),
        (json!({ "options": [option("A", "")] }), "must not be empty"),
        (json!({ "options": [option("A", &"a".repeat(3_000))] }), "longer than 3000"),
        (json!({ "options": vec![option("A", "a"); 5_001] }), "at most 5000 options"),
    ];
    let before = sim.state();
    for (changes, message) in table {
        let reply = create(&sim, changes.clone()).await;
        assert_eq!(reply.status, 400, "{changes:.200}");
        assert!(reply.message().contains(message), "{changes:.200}: {}", reply.message());
    }
    assert_eq!(sim.state(), before);
    assert_eq!(create(&sim, json!({ "name": "empty", "options": null })).await.body["options"], json!([]));
    assert_eq!(create(&sim, json!({ "name": "assistant_2" })).await.status, 201);
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_is_409_in_hubspots_words() {
    let sim = portal();
    create(&sim, json!({})).await;
    let before = sim.state();
    let reply = create(&sim, json!({ "label": "Other" })).await;
    let expected = json!({
        "status": "error", "message": "A property named 'acme_stage' already exists.",
        "correlationId": reply.header("x-hubspot-correlation-id").unwrap(),
        "category": "OBJECT_ALREADY_EXISTS", "subCategory": "Properties.PROPERTY_WITH_NAME_EXISTS",
    });
    assert_eq!((reply.status, reply.body), (409, expected));
    assert_eq!(sim.state(), before);
}

#[tokio::test(start_paused = true)]
async fn patch_replaces_options_whole_and_ignores_what_cannot_change() {
    let sim = portal();
    create(&sim, json!({})).await;
    let patch = format!("PATCH {FIELDS}/acme_stage");
    sim.advance(Duration::from_millis(1_250));
    let kept = call(&sim, &patch, r#"{"label":"Stage (Acme)","name":"other","hasUniqueValue":true,"nope":1}"#).await;
    assert_eq!(
        (kept.status, &kept.body["label"], &kept.body["name"]),
        (200, &json!("Stage (Acme)"), &json!("acme_stage"))
    );
    assert_eq!((&kept.body["options"], &kept.body["hasUniqueValue"]), (&select()["options"], &json!(false)));
    assert_eq!(kept.body["updatedAt"], "2026-11-22T10:00:01.250Z");
    assert_eq!(kept.body["createdAt"], "2026-11-22T10:00:00Z");
    let one = json!({ "options": [{ "label": "New", "value": "new", "displayOrder": 0, "hidden": true }] });
    let replaced = call(&sim, &patch, &one.to_string()).await.body;
    assert_eq!((&replaced["options"], &replaced["description"]), (&one["options"], &json!("Set by Acme")));
    assert_eq!(status(&sim, &patch, r#"{"groupName":"nope"}"#).await, 400);
    assert_eq!(status(&sim, &patch, r#"{"type":"string","fieldType":"text"}"#).await, 400);
    let text = call(&sim, &patch, r#"{"type":"string","fieldType":"textarea","options":[]}"#).await;
    assert_eq!((text.status, &text.body["type"]), (200, &json!("string")));
    assert_eq!(call(&sim, &patch, r#"{"type":"phone_number","fieldType":"phonenumber"}"#).await.status, 200);
    assert_eq!(status(&sim, &format!("PATCH {FIELDS}/nope"), "{}").await, 404);
}

#[tokio::test(start_paused = true)]
async fn an_archived_property_is_read_apart_and_restored_as_the_switch_says() {
    let table = [
        (ArchivedName::Restores, 201, "2026-11-22T10:00:00Z", json!("new")),
        (ArchivedName::Fresh, 201, "2026-11-22T10:00:05Z", Value::Null),
        (ArchivedName::Refused, 409, "", Value::Null),
    ];
    for (switch, expected, created_at, value) in table {
        let sim = portal();
        sim.set_switches(|switches| switches.archived_name = switch);
        create(&sim, json!({})).await;
        sim.create_contacts(1, &[("acme_stage".to_owned(), "new".to_owned())].into()).unwrap();
        sim.advance(Duration::from_secs(5));
        let path = format!("{FIELDS}/acme_stage");
        assert_eq!(status(&sim, &format!("DELETE {path}"), "").await, 204);
        let gone = get(&sim, &path).await;
        assert_eq!((gone.status, &gone.body["category"]), (404, &json!("OBJECT_NOT_FOUND")));
        assert_eq!(status(&sim, &format!("DELETE {path}"), "").await, 404);
        assert_eq!(status(&sim, &format!("PATCH {path}"), "{}").await, 404);
        let archived = get(&sim, &format!("{path}?archived=true")).await;
        assert_eq!((archived.status, &archived.body["archivedAt"]), (200, &json!("2026-11-22T10:00:05Z")));
        assert_eq!(column(&get(&sim, &format!("{FIELDS}?archived=true")).await.body, "name"), ["acme_stage"]);
        assert_eq!(sim.state()["contacts"][0]["properties"].get("acme_stage"), None);

        let again = create(&sim, json!({ "label": "Again" })).await;
        assert_eq!(again.status, expected, "{switch:?}");
        if expected == 201 {
            assert_eq!((&again.body["label"], &again.body["createdAt"]), (&json!("Again"), &json!(created_at)));
            assert_eq!(again.body.get("archivedAt"), None);
            let held = sim.state()["contacts"][0]["properties"].get("acme_stage").cloned();
            assert_eq!(held.unwrap_or_default(), value, "{switch:?}");
            assert_eq!(get(&sim, &format!("{path}?archived=true")).await.status, 404);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn archived_properties_are_purged_after_ninety_days() {
    let sim = portal();
    create(&sim, json!({})).await;
    sim.archive_property("acme_stage").unwrap();
    let path = format!("{FIELDS}/acme_stage?archived=true");
    sim.advance(Duration::from_hours(90 * 24));
    assert_eq!(get(&sim, &path).await.status, 200);
    sim.advance(Duration::from_secs(1));
    assert_eq!(get(&sim, &path).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_property_in_use_stays() {
    let sim = portal();
    create(&sim, json!({})).await;
    let workflow = PropertyUse { parent_type: "WORKFLOW".into(), parent_name: "My workflow".into() };
    sim.set_property_uses("acme_stage", vec![workflow]).unwrap();
    let refused = call(&sim, &format!("DELETE {FIELDS}/acme_stage"), "").await;
    let words = "Property: acme_stage of object type 0-1 is currently used in 1 places and cannot be deleted";
    assert_eq!((refused.status, refused.message()), (400, words));
    assert_eq!(refused.body["subCategory"], "PropertyValidationError.CANNOT_DELETE_PROPERTY_IN_USE");
    assert_eq!(refused.body["errors"][0]["context"]["parentName"], json!(["My workflow"]));
    sim.set_property_uses("acme_stage", vec![]).unwrap();
    assert_eq!(status(&sim, &format!("DELETE {FIELDS}/acme_stage"), "").await, 204);
}

#[tokio::test(start_paused = true)]
async fn batches_do_what_they_can() {
    let sim = portal();
    let mut text = select();
    text["name"] = json!("acme_two");
    let post = format!("POST {FIELDS}/batch/create");
    let created = call(&sim, &post, &json!({ "inputs": [select(), text] }).to_string()).await;
    assert_eq!((created.status, column(&created.body, "name")), (201, vec!["acme_stage".into(), "acme_two".into()]));
    let mut third = select();
    third["name"] = json!("acme_three");
    let mixed = call(&sim, &post, &json!({ "inputs": [select(), third] }).to_string()).await;
    assert_eq!((mixed.status, &mixed.body["numErrors"]), (207, &json!(1)));
    let error = &mixed.body["errors"][0];
    assert_eq!(
        (&error["category"], &error["context"]),
        (&json!("OBJECT_ALREADY_EXISTS"), &json!({ "name": ["acme_stage"] }))
    );
    for field in ["category", "context", "errors", "links", "message", "status"] {
        assert!(error.get(field).is_some(), "{field}");
    }

    let read = format!("POST {FIELDS}/batch/read");
    let names = json!([{ "name": "acme_stage" }, { "name": "nope" }]);
    let ask = json!({ "inputs": names, "archived": false, "dataSensitivity": "non_sensitive" });
    let found = call(&sim, &read, &ask.to_string()).await;
    assert_eq!((found.status, column(&found.body, "name")), (207, vec!["acme_stage".into()]));
    assert_eq!(status(&sim, &read, r#"{"inputs":[]}"#).await, 400);
    let archive = format!("POST {FIELDS}/batch/archive");
    assert_eq!(status(&sim, &archive, &json!({ "inputs": names }).to_string()).await, 204);
    assert_eq!(get(&sim, &format!("{FIELDS}/acme_stage")).await.status, 404);
    let many = json!({ "inputs": vec![json!({ "name": "x" }); 101] });
    let refused = call(&sim, &archive, &many.to_string()).await;
    assert!(refused.message().starts_with("The maximum number of inputs supported in a batch is 100."));
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_custom_properties_holds_and_reads_lag() {
    let sim = portal_with(SimConfig { custom_property_limit: 1, ..SimConfig::default() });
    let lag = ReadLag { min: Duration::from_millis(250), max: Duration::from_millis(700) };
    sim.set_switches(|switches| switches.read_lag = lag);
    assert_eq!(create(&sim, json!({})).await.status, 201);
    assert_eq!(create(&sim, json!({ "name": "acme_two" })).await.status, 400);
    let listed = async || column(&get(&sim, FIELDS).await.body, "name").contains(&"acme_stage".to_owned());
    let one = async || get(&sim, &format!("{FIELDS}/acme_stage")).await;
    let read = json!({"inputs": [{"name": "acme_stage"}], "archived": false, "dataSensitivity": "non_sensitive"});
    let batch = async || call(&sim, &format!("POST {FIELDS}/batch/read"), &read.to_string()).await.status;
    let group = json!({"name": "acme", "label": "Acme"}).to_string();
    assert_eq!(status(&sim, &format!("POST {FIELDS}/groups"), &group).await, 201);
    let its_group = async || get(&sim, &format!("{FIELDS}/groups/acme")).await.status;
    sim.advance(Duration::from_millis(249));
    assert_eq!((listed().await, one().await.status, batch().await, its_group().await), (false, 404, 207, 404));
    sim.advance(Duration::from_millis(451));
    assert_eq!((listed().await, one().await.status, batch().await, its_group().await), (true, 200, 200, 200));
    // Writes are never behind: what is read may be.
    let renamed = json!({ "label": "Other" }).to_string();
    let answer = call(&sim, &format!("PATCH {FIELDS}/acme_stage"), &renamed).await;
    assert_eq!((answer.status, &answer.body["label"]), (200, &json!("Other")));
    assert_ne!(one().await.body["label"], "Other");
    sim.advance(Duration::from_millis(700));
    assert_eq!(one().await.body["label"], "Other");
}
