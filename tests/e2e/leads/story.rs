//! The life of one lead, from an assistant TEC has not heard of to `ALL_WORKING_WELL`.

use std::time::Duration;

use serde_json::{Value, json};
use tec_crm::sim::tec::NewAssistant;

use super::{
    super::world::{PATIENCE, PROMPTLY},
    office::{ADA, Office, Opening, PORTAL, between},
};

const NOT_IN_TEC: &str = "ASSISTANT_NOT_YET_CREATED";
const EXISTS: &str = "ASSISTANT_EXISTS_AS_USER_IN_CRM";
const WELL: &str = "ALL_WORKING_WELL";

fn wait_code(office: &Office, code: &str) {
    office.wait_until(code, PATIENCE, || office.get(ADA)["status"]["crmIntegrationStatus"] == code);
}

#[test]
fn an_assigned_contact_is_worked_on_and_goes_back_and_all_is_well() {
    let office = Office::open(Opening::new("leads"));
    office.apply(&office.manifests(&json!({})));
    office.wait_condition(ADA, ["Ready", "False", "NotCreatedInTec"], PATIENCE);
    wait_code(&office, NOT_IN_TEC);
    assert_eq!(office.sim.requests().of("POST", "/settings/users"), 0, "her mailbox is not there yet");
    assert!(office.kubectl(&["get", "assistants"]).contains(NOT_IN_TEC));

    // Somebody finishes her in TEC, and presses Refresh.
    office.tec.assistant(NewAssistant::new("ada@example.com")).expect("an assistant");
    office.refresh(ADA);
    wait_code(&office, EXISTS);
    office.wait_flowing();
    assert!(office.get(ADA)["status"]["firstLeadAcceptedAt"].is_null());

    office.tell_webhooks();
    let contact = office.contact("lena", &[]);
    office.assign(std::slice::from_ref(&contact), &office.ada());
    let shown = |what: &str| office.entries(&contact).into_iter().find(|entry| entry["property"] == what);
    let accepted = office.wait_for("it is accepted", PATIENCE, || shown("Lead Connection Status"));
    let assigned = office.entries(&contact).into_iter().find(|entry| entry["to"] == "ada@example.com");
    let took = between(&assigned.expect("the assignment"), &accepted);
    // A second is promised, another given: the machine is busy with other tests.
    assert!(took < PROMPTLY, "accepted after {took:?}");
    wait_code(&office, WELL);

    let email = |subject: &str, text: &str| json!({"subject": subject, "text": text});
    office.say(&contact, &json!({"type": "EmailSent", "email": email("A boat for you", "Shall we talk?")}));
    office.say(&contact, &json!({"type": "StateChanged", "state": "Engaged"}));
    office.say(&contact, &json!({"type": "EmailReceived", "email": email("Re: A boat for you", "Yes, please.")}));
    office.say(&contact, &json!({"type": "TaskCreated", "task": {"subject": "Call Lena"}}));
    office.say(&contact, &json!({"type": "StateChanged", "state": "Hot"}));
    office.wait_until("she is hot", PATIENCE, || office.statuses(&contact) == ["CONNECTED", "Hot"]);
    assert_eq!(office.value(&contact, "hubspot_owner_id"), office.ada());
    office.say(&contact, &json!({"type": "StateChanged", "state": "Responded", "done": true}));
    office.wait_until("it goes back", PATIENCE, || office.value(&contact, "hubspot_owner_id") == office.sam);
    assert_eq!(office.statuses(&contact), ["CONNECTED", "Responded"]);

    let timeline = office.timeline(&contact);
    let count = |begin: &str| timeline.iter().filter(|line| line.starts_with(begin)).count();
    assert_eq!(timeline[..2], ["owner: - to sam", "owner: sam to ada"], "{timeline:#?}");
    assert_eq!([count("note:"), count("email:"), count("task:")], [1, 2, 1], "{timeline:#?}");
    for line in [
        "note: ada: Ada Assistant has taken over this contact and will get in touch by e-mail.",
        "email: EMAIL A boat for you: Shall we talk?",
        "email: INCOMING_EMAIL Re: A boat for you: Yes, please.",
        "task: Call Lena",
        "status: hs_lead_status Connected",
        "owner: ada to sam",
    ] {
        assert!(timeline.iter().any(|seen| seen == line), "{line}: {timeline:#?}");
    }
    let leads: Vec<Value> = office.tec.leads();
    assert_eq!(leads.len(), 1, "{leads:#?}");
    assert_eq!((&leads[0]["schedule"], &leads[0]["done"]), (&json!("101"), &json!(true)));

    let row = office.kubectl(&["get", "assistants", "--no-headers"]);
    assert!(row.contains(WELL) && row.contains("True") && row.contains("Succeeded"), "{row}");
    office.wait_condition(PORTAL, ["LeadsFlowing", "True", "Succeeded"], PATIENCE);
    let status = office.get(ADA)["status"].clone();
    let first: jiff::Timestamp = status["firstLeadAcceptedAt"].as_str().expect("a date").parse().expect("a date");
    assert!(jiff::Timestamp::now().duration_since(first).unsigned_abs() < Duration::from_mins(5), "{status:#}");
    let step = status["setup"].as_array().and_then(|all| all.iter().find(|step| step["step"] == "FirstContact"));
    assert_eq!(step.expect("a step")["state"], "Done");
}
