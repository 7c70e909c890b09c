//! Leads: keys, refusals, stops.

use serde_json::json;

use super::{begin, call, item, tec};
use crate::sim::tec::{NewAssistant, NewSchedule};

#[tokio::test(start_paused = true)]
async fn a_key_is_one_lead_in_its_present_state() {
    let tec = tec();
    begin(&tec, &["1", "2"]).await;
    tec.say(vec![json!({"leadId": "lead-1", "type": "StateChanged", "state": "Warm"})]).unwrap();
    let again = begin(&tec, &["1", "3", "1"]).await;
    let shown: Vec<_> =
        again.iter().map(|one| (one["leadId"].as_str().unwrap(), one["state"].as_str().unwrap())).collect();
    assert_eq!(shown, [("lead-1", "Warm"), ("lead-3", "New"), ("lead-1", "Warm")]);
    let requests: Vec<_> = tec.leads().iter().map(|lead| lead["requests"].as_u64().unwrap()).collect();
    assert_eq!(requests, [3, 1, 1]);
    // A known key is not judged anew.
    tec.assistant(NewAssistant { onboarded: Some(false), ..NewAssistant::new("ada@example.com") }).unwrap();
    let after = begin(&tec, &["1", "4"]).await;
    assert_eq!((&after[0]["leadId"], &after[1]["error"]["code"]), (&json!("lead-1"), &json!("UNKNOWN_ASSISTANT")));
}

#[tokio::test(start_paused = true)]
async fn items_are_judged_one_by_one() {
    let tec = tec();
    tec.schedule(NewSchedule { active: Some(false), ..NewSchedule::new("102", "Gone") }).unwrap();
    let with = |change: serde_json::Value| {
        let mut item = item("1");
        json_patch::merge(&mut item, &change);
        item
    };
    let table = [
        (with(json!({"assistantEmail": "bob@example.com"})), Some("UNKNOWN_ASSISTANT")),
        (with(json!({"contact": {"email": "nowhere"}})), Some("INVALID_CONTACT")),
        (with(json!({"schedule": "103"})), Some("UNKNOWN_SCHEDULE")),
        (with(json!({"schedule": "102"})), Some("UNKNOWN_SCHEDULE")),
        (with(json!({"schedule": "101", "context": "C", "assistantEmail": "ADA@example.com"})), None),
    ];
    let leads: Vec<_> = table.iter().map(|(item, _)| item.clone()).collect();
    let reply = call(&tec, "POST /v1/leads/batch", json!({ "leads": leads })).await;
    for ((item, code), result) in table.iter().zip(reply.body["results"].as_array().unwrap()) {
        assert_eq!(result["error"]["code"].as_str(), *code, "{item}");
        assert_eq!(result["leadId"].is_string(), code.is_none());
    }
    let expected = json!([{
        "leadId": "lead-1", "idempotencyKey": "key-1", "crmId": "1", "assistantEmail": "ada@example.com",
        "contact": {"crmId": "1", "email": "c1@example.org"}, "context": "C", "schedule": "101", "state": "New",
        "seq": 0, "stopped": null, "done": false, "requests": 1,
    }]);
    assert_eq!(json!(tec.leads()), expected);
    assert_eq!(tec.state()["leads"], expected);
}

#[tokio::test(start_paused = true)]
async fn the_first_reason_to_stop_stays() {
    let tec = tec();
    begin(&tec, &["1"]).await;
    for reason in ["ContactGone", "TakenBack"] {
        let stop = |lead: &str| json!({"leadId": lead, "reason": reason});
        let reply =
            call(&tec, "POST /v1/leads/stop/batch", json!({"leads": [stop("lead-2"), stop("lead-1"), stop("x")]}))
                .await;
        let results = reply.body["results"].as_array().unwrap();
        assert_eq!(results[1], json!({"leadId": "lead-1", "stopped": true}));
        assert_eq!(
            (&results[0]["error"]["code"], &results[2]["error"]["code"]),
            (&json!("UNKNOWN_LEAD"), &json!("UNKNOWN_LEAD"))
        );
    }
    assert_eq!(tec.leads()[0]["stopped"], "ContactGone");
}
