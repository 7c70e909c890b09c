//! Two contacts become one.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    super::{HubSpotSim, MergedRead, SimConfig},
    Reply, START, call, column, get, portal, portal_with, status, values,
};

const CONTACTS: &str = "/crm/objects/2026-03/contacts";

/// Ada is older and has the newer first name; Bea knows a company and has the owner.
fn two() -> HubSpotSim {
    let sim = portal();
    sim.create_contacts(1, &values(&[("email", "ada@example.com"), ("firstname", "A")])).unwrap();
    sim.advance(Duration::from_secs(1));
    let bea = values(&[("email", "bea@example.com"), ("company", "B Ltd"), ("firstname", "B")]);
    sim.create_contacts(1, &bea).unwrap();
    sim.update_contacts(&["202".into()], &values(&[("hubspot_owner_id", "41629001")])).unwrap();
    sim.advance(Duration::from_secs(1));
    sim.update_contacts(&["201".into()], &values(&[("firstname", "AA")])).unwrap();
    sim.advance(Duration::from_secs(1));
    sim
}

async fn read(sim: &HubSpotSim, ids: &[&str]) -> Reply {
    let inputs: Value = ids.iter().map(|id| json!({ "id": id })).collect();
    call(sim, &format!("POST {CONTACTS}/batch/read"), &json!({ "inputs": inputs }).to_string()).await
}

fn history(sim: &HubSpotSim, id: &str, name: &str) -> Vec<(String, String)> {
    let text = |version: &Value, field: &str| version[field].as_str().unwrap().to_owned();
    let history = sim.contact_history(id, name).unwrap();
    history.iter().map(|version| (text(version, "value"), text(version, "sourceType"))).collect()
}

#[tokio::test(start_paused = true)]
async fn a_merge_makes_a_new_contact_and_both_old_ids_vanish() {
    let sim = two();
    let body = json!({ "primaryObjectId": "201", "objectIdToMerge": "202" }).to_string();
    let reply = call(&sim, &format!("POST {CONTACTS}/merge"), &body).await;
    let at = |second: u8| format!("2026-11-22T10:00:0{second}Z");
    let properties = json!({ "company": "B Ltd", "createdate": START, "email": "ada@example.com", "firstname": "AA",
        "hs_object_id": "203", "hubspot_owner_assigneddate": at(1), "hubspot_owner_id": "41629001",
        "lastmodifieddate": at(3) });
    let merged =
        json!({ "id": "203", "properties": properties, "createdAt": START, "updatedAt": at(3), "archived": false });
    assert_eq!((reply.status, &reply.body), (200, &merged));
    assert_eq!((sim.contact("201"), sim.contact("202"), sim.contact("203")), (None, None, Some(merged)));
    let told = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(value, source)| ((*value).to_owned(), (*source).to_owned())).collect()
    };
    assert_eq!(history(&sim, "203", "firstname"), told(&[("AA", "CRM_UI"), ("B", "CRM_UI"), ("A", "CRM_UI")]));
    let emails = [("ada@example.com", "MERGE_CONTACTS"), ("bea@example.com", "CRM_UI"), ("ada@example.com", "CRM_UI")];
    assert_eq!(history(&sim, "203", "email"), told(&emails));
    assert_eq!(history(&sim, "203", "hubspot_owner_id"), told(&[("41629001", "CRM_UI")]));

    assert_eq!((get(&sim, &format!("{CONTACTS}/201")).await.status, read(&sim, &["203"]).await.status), (404, 200));
    let batch = read(&sim, &["201", "202", "203"]).await;
    assert_eq!((batch.status, column(&batch.body, "id")), (200, vec!["203".to_owned()]));
    let update = json!({ "inputs": [{ "id": "201", "properties": { "firstname": "X" } }] });
    let reply = call(&sim, &format!("POST {CONTACTS}/batch/update"), &update.to_string()).await;
    assert_eq!((reply.status, &reply.body["results"], reply.body.get("errors")), (200, &json!([]), None));
    assert_eq!(status(&sim, &format!("DELETE {CONTACTS}/202"), "").await, 204);
    assert!(sim.contact("203").is_some());

    let bea = format!("{CONTACTS}/bea@example.com?idProperty=email");
    assert_eq!(get(&sim, &bea).await.body["id"], "203");
    assert_eq!(sim.create_contacts(1, &values(&[("email", "bea@example.com")])).unwrap_err().status, 409);
    sim.delete_contacts(&["203".into()]).unwrap();
    assert_eq!(get(&sim, &bea).await.status, 404);
    sim.create_contacts(1, &values(&[("email", "bea@example.com")])).unwrap();
}

#[tokio::test(start_paused = true)]
async fn old_ids_answer_as_the_survivor_when_the_switch_says_so() {
    let sim = two();
    sim.set_switches(|switches| switches.merged_read = MergedRead::AnswersAsSurvivor);
    let id = sim.merge_contacts("201", "202").unwrap();
    sim.create_contacts(1, &values(&[])).unwrap();
    assert_eq!((id.as_str(), sim.merge_contacts(&id, "204").unwrap().as_str()), ("203", "205"));
    assert_eq!(get(&sim, &format!("{CONTACTS}/201")).await.body["id"], "205");
    let batch = read(&sim, &["201", "202", "203", "205", "999"]).await;
    assert_eq!((batch.status, column(&batch.body, "id")), (207, vec!["205".to_owned()]));
    assert_eq!(batch.body["errors"][0]["context"]["ids"], json!(["999"]));
    let patch = r#"{"properties":{"firstname":"X"}}"#;
    assert_eq!(call(&sim, &format!("PATCH {CONTACTS}/202"), patch).await.body["id"], "205");
}

#[tokio::test(start_paused = true)]
async fn a_merge_may_keep_the_primarys_id_and_stamp_what_it_takes() {
    let sim = two();
    sim.set_switches(|switches| {
        switches.merge_keeps_primary_id = true;
        switches.merge_stamps = true;
    });
    assert_eq!(sim.merge_contacts("201", "202").unwrap(), "201");
    assert_eq!((sim.contact("202"), status(&sim, &format!("GET {CONTACTS}/201"), "").await), (None, 200));
    let stamp = ("41629001".to_owned(), "MERGE_CONTACTS".to_owned());
    assert_eq!(history(&sim, "201", "hubspot_owner_id")[0], stamp);
    let date = &sim.contact("201").unwrap()["properties"]["hubspot_owner_assigneddate"];
    assert_eq!(date, "2026-11-22T10:00:03Z");
}

#[tokio::test(start_paused = true)]
async fn bad_merges_change_nothing() {
    let sim = two();
    sim.create_contacts(1, &values(&[])).unwrap();
    sim.delete_contacts(&["203".into()]).unwrap();
    let before = sim.state();
    let ids = |primary: Value, other: Value| json!({ "primaryObjectId": primary, "objectIdToMerge": other });
    for (body, expected) in [
        (ids(json!("201"), json!("201")), 400),
        (ids(json!("201"), json!("203")), 404),
        (ids(json!("999"), json!("201")), 404),
        (json!({ "primaryObjectId": "201" }), 400),
    ] {
        assert_eq!(status(&sim, &format!("POST {CONTACTS}/merge"), &body.to_string()).await, expected, "{body}");
    }
    assert_eq!(sim.state(), before);
}

#[tokio::test(start_paused = true)]
async fn the_index_follows_a_merge_in_its_own_time() {
    let lag = Duration::from_secs(4);
    let sim = portal_with(SimConfig { search_lag: lag, ..SimConfig::default() });
    sim.create_contacts(2, &values(&[])).unwrap();
    sim.advance(lag);
    sim.merge_contacts("201", "202").unwrap();
    let found = async || column(&call(&sim, &format!("POST {CONTACTS}/search"), "{}").await.body, "id");
    let mut at_once = found().await;
    at_once.sort();
    assert_eq!(at_once, ["201", "202"]);
    sim.advance(lag);
    assert_eq!(found().await, ["203"]);
}
