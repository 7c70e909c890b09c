//! The timeline a salesperson sees, and how quick it is on a large portal.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::{
    super::{HubSpotSim, NewMember, SimConfig, markup::plain_text},
    call,
    engagements::{NOTES, note, post, to, with_contacts},
    get, portal,
};

fn edit(sim: &HubSpotSim, name: &str, value: &str) {
    let values = BTreeMap::from([(name.to_owned(), value.to_owned())]);
    sim.update_contacts(&["201".into()], &values).unwrap();
}

/// A contact with everything on its timeline, most of it at one instant.
async fn story() -> HubSpotSim {
    let sim = with_contacts(1, SimConfig::default());
    let ada = NewMember { email: "ada@example.com".into(), accepted: true, ..NewMember::default() };
    sim.add_user(ada).unwrap();
    sim.create_group(json!({ "name": "tec", "label": "TEC" })).unwrap();
    let option =
        |value: &str, label: &str| json!({ "label": label, "value": value, "displayOrder": 0, "hidden": false });
    let property = |name: &str, label: &str, hidden: bool| {
        json!({ "name": name, "label": label, "type": "enumeration", "fieldType": "checkbox", "groupName": "tec",
            "hidden": hidden, "options": [option("a", "Accepted"), option("d", "Done")] })
    };
    sim.create_property(property("connection", "Lead Connection Status", false)).unwrap();
    sim.create_property(property("mark", "Mark", true)).unwrap();
    sim.create_property(
        json!({ "name": "free", "label": "Free", "type": "string", "fieldType": "text", "groupName": "tec" }),
    )
    .unwrap();
    edit(&sim, "hubspot_owner_id", "41629002");
    let mut accepted = note("201", "<p>Accepted &amp; <b>started</b></p><p>Context: 3 &lt; 5</p>");
    accepted["properties"]["hs_timestamp"] = json!("2026-11-22T10:00:00Z");
    accepted["properties"]["hubspot_owner_id"] = json!("41629002");
    assert_eq!(post(&sim, NOTES, accepted).await.status, 201);
    edit(&sim, "hs_lead_status", "IN_PROGRESS");
    edit(&sim, "connection", "a");
    edit(&sim, "mark", "a");
    edit(&sim, "free", "text");
    let headers = json!({ "from": { "email": "ada@example.com" }, "to": [{ "email": "l@example.com" }] });
    let email = json!({ "properties": { "hs_timestamp": "2026-11-22T10:02:00Z", "hs_email_direction": "EMAIL",
        "hs_email_subject": "Hello", "hs_email_html": "Hi&nbsp;there<br>Ada", "hs_email_headers": headers.to_string() },
        "associations": to("201", 198) });
    assert_eq!(post(&sim, "/crm/objects/2026-03/emails", email).await.status, 201);
    sim.advance(Duration::from_mins(1));
    let task = json!({ "properties": { "hs_timestamp": "2026-11-25T09:00:00Z", "hs_task_subject": "Call",
        "hs_task_body": "Ask", "hs_task_status": "NOT_STARTED" }, "associations": to("201", 204) });
    assert_eq!(post(&sim, "/crm/objects/2026-03/tasks", task).await.status, 201);
    edit(&sim, "connection", "a;d");
    sim.advance(Duration::from_mins(2));
    edit(&sim, "hubspot_owner_id", "");
    post(&sim, NOTES, note("201", "Deleted")).await;
    assert_eq!(call(&sim, "DELETE /crm/objects/2026-03/notes/7000004", "").await.status, 204);
    sim
}

#[tokio::test(start_paused = true)]
async fn a_timeline_tells_the_story_in_order() {
    let sim = story().await;
    let assigned = "2026-11-22T10:00:00Z";
    let status = |at: &str, property: &str, from: Value, to: &str| json!({ "at": at, "kind": "status", "property": property, "from": from, "to": to });
    let entries = json!([
        { "at": assigned, "kind": "owner", "from": null, "to": "ada@example.com", "by": "CRM_UI" },
        { "at": assigned, "kind": "note", "body": "Accepted & started\nContext: 3 < 5", "owner": "ada@example.com" },
        status(assigned, "hs_lead_status", json!(null), "In Progress"),
        status(assigned, "Lead Connection Status", json!(null), "Accepted"),
        { "at": "2026-11-22T10:01:00Z", "kind": "task", "subject": "Call", "body": "Ask", "due": "2026-11-25T09:00:00Z",
            "status": "NOT_STARTED" },
        status("2026-11-22T10:01:00Z", "Lead Connection Status", json!("Accepted"), "Accepted, Done"),
        { "at": "2026-11-22T10:02:00Z", "kind": "email", "direction": "EMAIL", "subject": "Hello", "text": "Hi there\nAda",
            "from": "ada@example.com", "to": "l@example.com" },
        { "at": "2026-11-22T10:03:00Z", "kind": "owner", "from": "ada@example.com", "to": null, "by": "CRM_UI" },
    ]);
    let timeline = sim.timeline("201").unwrap();
    assert_eq!(timeline, entries);
    assert_eq!(get(&sim, "/_sim/timeline/201").await.body, timeline);
    assert_eq!(story().await.timeline("201").unwrap().to_string(), timeline.to_string(), "the same each time");
    assert_eq!(get(&sim, "/_sim/timeline/999").await.status, 404);
    sim.delete_contacts(&["201".into()]).unwrap();
    assert_eq!(sim.timeline("201").unwrap(), timeline, "deleting a contact hides nothing from tests");
    let plain = portal();
    plain.create_contacts(1, &BTreeMap::new()).unwrap();
    assert_eq!(plain.timeline("201").unwrap(), json!([]));
}

#[tokio::test(start_paused = true)]
async fn what_hangs_on_a_contact_is_told_by_kind() {
    let sim = story().await;
    let (notes, emails, tasks) =
        (sim.notes_of("201").unwrap(), sim.emails_of("201").unwrap(), sim.tasks_of("201").unwrap());
    assert_eq!((notes.len(), emails.len(), tasks.len()), (1, 1, 1));
    assert_eq!(tasks[0]["properties"]["hs_task_subject"], "Call");
    assert_eq!(tasks[0]["associations"]["contacts"]["results"], json!([{ "id": "201", "type": "task_to_contact" }]));
    let state = sim.state();
    assert_eq!((&state["tasks"][0], state["emails"].as_array().unwrap().len()), (&tasks[0], 1));
    let archived: Vec<bool> = state["notes"].as_array().unwrap().iter().map(|note| note["archived"] == true).collect();
    assert_eq!(archived, [false, true]);
    assert_eq!(sim.notes_of("999").unwrap_err().status, 404);
}

#[test]
fn html_is_shown_as_text() {
    let table = [
        ("plain, 3 < 5 & 6 > 2; <3 &nope; &", "plain, 3 < 5 & 6 > 2; <3 &nope; &"),
        ("<P>One</P>\n<p class='a'>Two", "One\n\nTwo"),
        ("a<br/>b<br />c<hr>d", "a\nb\ncd"),
        ("&lt;b&gt; &quot;x&quot; &#39;&#x27;&apos;&nbsp;&amp;lt; &#9999999999;", "<b> \"x\" ''' &lt; &#9999999999;"),
        ("<!-- hidden -->Grüße <a href=\"x\">Link</a>", "Grüße Link"),
        ("<unfinished", "<unfinished"),
        ("", ""),
    ];
    for (html, text) in table {
        assert_eq!(plain_text(html), text, "{html}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_portal_is_quick() {
    let sim = with_contacts(2_000, SimConfig { limit_per_10s: 10_000, ..SimConfig::default() });
    let start = std::time::Instant::now();
    for round in 0..50 {
        let contact = |place: usize| (201 + (round * 100 + place) % 2_000).to_string();
        let inputs: Vec<Value> = (0..100).map(|place| note(&contact(place), "x")).collect();
        assert_eq!(post(&sim, &format!("{NOTES}/batch/create"), json!({ "inputs": inputs })).await.status, 201);
    }
    let ids: Vec<Value> = (201..1_201).map(|id| json!({ "id": id.to_string() })).collect();
    let read = post(&sim, "/crm/associations/2026-03/contacts/notes/batch/read", json!({ "inputs": ids })).await;
    let counts = read.body["results"].as_array().unwrap().iter().map(|result| result["to"].as_array().unwrap().len());
    assert_eq!((read.status, counts.sum::<usize>()), (200, 3_000));
    for contact in 201..701 {
        sim.timeline(&contact.to_string()).unwrap();
    }
    let spent = start.elapsed();
    assert!(spent < Duration::from_secs(10), "{spent:?}");
}
