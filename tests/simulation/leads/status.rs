//! What `kubectl` says of leads: the status code, the checklist, `LeadsFlowing`, and how seldom any of it is written.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tec_crm::sim::hubspot::{DEFAULT_TOKEN, FaultRule};

use super::{
    HOUR, MINUTE, SECOND,
    office::{Office, Start},
};

const EXISTS: &str = "ASSISTANT_EXISTS_AS_USER_IN_CRM";
const WELL: &str = "ALL_WORKING_WELL";
const FLOWING: &str = "True/Succeeded: assigned contacts become leads, and what TEC reports is shown in HubSpot";

fn broken(route: &str, status: u16) -> FaultRule {
    FaultRule { route: route.to_owned(), times: Some(1_000_000), status: Some(status), ..FaultRule::default() }
}

#[tokio::test(start_paused = true)]
async fn all_works_well_after_the_first_accepted_contact_and_not_before() {
    let office = Office::open().await;
    assert_eq!((office.code("ada").as_str(), office.flowing().as_str()), (EXISTS, FLOWING));
    assert_eq!(
        office.step("ada", "FirstContact"),
        "Pending: assign a contact to the assistant in HubSpot once it can own contacts"
    );
    // One that goes back is not accepted.
    let refused = office.contact_with("otto", &[("email", "")]);
    office.pass(SECOND).await;
    office.assign(&refused, &office.ada);
    office.pass(MINUTE).await;
    assert_eq!(office.code("ada"), EXISTS);
    office.in_work("lena").await;
    office.pass(2 * SECOND).await;
    assert_eq!((office.code("ada").as_str(), office.code("bob").as_str()), (WELL, EXISTS));
    assert_eq!(office.step("ada", "FirstContact"), "Done: the assistant has accepted a contact");
    let ada = office.world.object("assistants", "ada");
    assert!(ada["status"]["firstLeadAcceptedAt"].is_string(), "{ada}");
    office.world.assert_all_ready();
}

#[tokio::test(start_paused = true)]
async fn the_code_survives_a_restart_and_the_end_of_the_lead() {
    let mut office = Office::open().await;
    let contact = office.in_work("lena").await;
    office.pass(2 * SECOND).await;
    let at = |office: &Office| office.world.object("assistants", "ada")["status"]["firstLeadAcceptedAt"].clone();
    let first = at(&office);
    office.done(&contact, "Processed").await;
    office.world.kill().await;
    office.pass(HOUR).await;
    office.world.start();
    for _ in 0..240 {
        office.pass(SECOND / 4).await;
        assert_eq!((office.code("ada").as_str(), at(&office)), (WELL, first.clone()));
    }
    office.in_work("otto").await;
    assert_eq!((office.code("ada").as_str(), at(&office)), (WELL, first));
}

#[tokio::test(start_paused = true)]
async fn a_contact_in_work_is_proof_for_an_operator_that_forgot() {
    let mut office = Office::open().await;
    office.in_work("lena").await;
    office.world.stop().await;
    let forget = json!({"status": {"firstLeadAcceptedAt": null, "crmIntegrationStatus": null}});
    office.world.kube.patch_status("assistants", super::super::world::NAMESPACE, "ada", forget).unwrap();
    office.world.start();
    office.pass(MINUTE).await;
    assert_eq!(office.code("ada"), WELL);
}

#[tokio::test(start_paused = true)]
async fn a_failed_read_flips_no_code() {
    let office = Office::open().await;
    office.in_work("lena").await;
    office.pass(2 * SECOND).await;
    office.tec().add_fault(broken("/v1/", 503)).unwrap();
    office.pass(20 * MINUTE).await;
    assert_eq!((office.code("ada").as_str(), office.code("bob").as_str()), (WELL, EXISTS));
    for name in ["ada", "bob"] {
        let ready = office.world.ready("assistants", name);
        assert!(ready.starts_with("Unknown/TecUnreachable"), "{ready}");
    }
    let flowing = office.flowing();
    assert!(flowing.starts_with("False/TecUnreachable: TEC"), "{flowing}");
    office.tec().clear_faults();
    office.pass(10 * MINUTE).await;
    assert_eq!((office.code("ada").as_str(), office.flowing().as_str()), (WELL, FLOWING));
    office.world.assert_all_ready();
}

#[tokio::test(start_paused = true)]
async fn each_way_not_to_flow_has_its_reason() {
    let cases: [(&str, FaultRule, &str); 4] = [
        ("TEC is broken", broken("/v1/events", 500), "False/TecUnreachable: TEC"),
        ("TEC does not know the token", broken("/v1/events", 401), "False/InvalidCredentials: TEC"),
        ("HubSpot is broken", broken("/crm/objects/contacts/search", 503), "False/Unreachable"),
        ("a scope is missing", broken("/crm/objects/contacts/batch", 403), "False/MissingScopes"),
    ];
    for (case, fault, said) in cases {
        let office = Office::open().await;
        office.in_work("lena").await;
        office.pass(2 * SECOND).await;
        office.world.hubspot.add_fault(fault).unwrap();
        let contact = office.contact("otto");
        office.pass(SECOND).await;
        office.assign(&contact, &office.ada);
        office.pass(7 * MINUTE).await;
        let flowing = office.flowing();
        assert!(flowing.starts_with(said), "{case}: {flowing}");
        assert_eq!(office.code("ada"), WELL, "{case}");
        for (plural, name) in [("crmconnections", "portal"), ("assistants", "ada"), ("assistants", "bob")] {
            assert_eq!(office.world.ready(plural, name), flowing.replace("False/", "Unknown/"), "{case}");
        }
        office.world.hubspot.clear_faults();
        office.pass(15 * MINUTE).await;
        assert_eq!(office.flowing(), FLOWING, "{case}");
        assert_eq!(office.leads(&contact), ["New ada"], "{case}");
        office.world.assert_all_ready();
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_token_flips_no_code() {
    let office = Office::open().await;
    office.in_work("lena").await;
    office.pass(2 * SECOND).await;
    office.world.hubspot.revoke_token(DEFAULT_TOKEN).unwrap();
    office.pass(20 * MINUTE).await;
    assert_eq!(office.code("ada"), WELL);
    let ready = office.world.ready("assistants", "ada");
    assert!(ready.starts_with("Unknown/") || ready.starts_with("False/ConnectionNotReady"), "{ready}");
}

#[tokio::test(start_paused = true)]
async fn who_switches_leads_off_is_not_told_that_all_works() {
    for mode in ["Observe", "Off"] {
        let office = Office::open().await;
        office.in_work("lena").await;
        office.pass(2 * SECOND).await;
        office.change_connection(&json!({"leads": {"mode": mode}}));
        office.pass(MINUTE).await;
        assert_eq!(office.code("ada"), EXISTS, "{mode}");
        assert_eq!(office.step("ada", "FirstContact"), "Done: the assistant has accepted a contact");
        office.change_connection(&json!({"leads": {"mode": "Process"}}));
        office.pass(MINUTE).await;
        assert_eq!(office.code("ada"), WELL, "{mode}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_an_assistant_that_can_own_contacts_leads_wait_and_say_for_what() {
    let office = Office::open().await;
    for name in ["ada", "bob"] {
        office.world.kube.delete("assistants", super::super::world::NAMESPACE, name).unwrap();
    }
    office.pass(2 * MINUTE).await;
    assert_eq!(office.flowing(), "False/Waiting: no assistant can own contacts yet");
    assert!(office.world.ready("crmconnections", "portal").starts_with("True/"));
    office.world.assistant("ada", &json!({"firstName": "Ada", "lastName": "Assistant"}));
    office.pass(MINUTE).await;
    assert_eq!(office.flowing(), FLOWING);
}

#[tokio::test(start_paused = true)]
async fn without_the_visible_field_leads_wait_and_say_for_what() {
    let mut office =
        Office::closed(Start { connection: json!({"contactFields": {"mode": "Observe"}}), ..Start::default() });
    office.world.start();
    office.pass(2 * MINUTE).await;
    let flowing = office.flowing();
    assert!(flowing.starts_with("False/Waiting: contacts have no field tec_"), "{flowing}");
    office.change_connection(&json!({"contactFields": {"mode": "Enforce"}}));
    office.pass(2 * MINUTE).await;
    assert_eq!(office.flowing(), FLOWING);
}

/// Resource versions of everything.
fn versions(office: &Office) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for plural in ["crmconnections", "assistants", "schedulesyncs", "secrets", "events"] {
        for object in office.world.kube.list(plural) {
            let metadata = &object["metadata"];
            all.insert(format!("{plural}/{}", metadata["name"]), metadata["resourceVersion"].clone());
        }
    }
    all
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_to_kubernetes_while_nothing_happens() {
    let office = Office::open().await;
    office.in_work("lena").await;
    office.pass(2 * MINUTE).await;
    let before = versions(&office);
    office.world.kube.take_requests();
    office.pass(10 * MINUTE).await;
    assert_eq!(versions(&office), before);
    assert_eq!(office.world.kube.writes(), 0, "{:#?}", office.world.kube.requests());
}

#[tokio::test(start_paused = true)]
async fn traffic_is_remembered_twice_a_minute_at_most() {
    let office = Office::open().await;
    let contacts: Vec<String> = (0..20).map(|number| office.contact(&format!("lead{number}"))).collect();
    office.pass(SECOND).await;
    office.edit(&contacts, "hubspot_owner_id", &office.ada);
    office.pass(MINUTE).await;
    office.world.kube.take_requests();
    let bookmark = |office: &Office| office.world.object("crmconnections", "portal")["status"]["leads"].clone();
    let before = bookmark(&office);
    let minutes = 12;
    for second in 0..minutes * 60 {
        let contact = &contacts[second % contacts.len()];
        office.state(contact, ["Cold", "Warm", "Hot"][second % 3]);
        office.pass(SECOND).await;
    }
    let writes = office.world.kube.writes();
    assert!((1..=2 * minutes).contains(&writes), "{writes} writes: {:#?}", office.world.kube.requests());
    let after = bookmark(&office);
    assert!(after["cursor"].is_string() && after["cursor"] != before["cursor"], "{before} {after}");
}

#[tokio::test(start_paused = true)]
async fn no_object_and_no_event_knows_a_contact() {
    let office = Office::open().await;
    let more = [("firstname", "Canaria"), ("lastname", "Kanarek"), ("phone", "555-777"), ("company", "Finchworks")];
    let contact = office.contact_with("canary", &more);
    office.pass(SECOND).await;
    office.take_over(&contact).await;
    office.say(&contact, json!({"type": "EmailReceived", "email": {"subject": "Warbler", "text": "Nightingale"}}));
    office.say(&contact, json!({"type": "TaskCreated", "task": {"subject": "Goldfinch"}}));
    office.pass(2 * SECOND).await;
    // Trouble of every kind, too.
    for (route, status) in [("/crm/objects/emails", 400), ("/crm/objects/contacts", 400), ("/v1/", 500)] {
        office.world.hubspot.add_fault(broken(route, status)).unwrap();
        office.say(&contact, json!({"type": "EmailSent", "email": {"subject": "Warbler", "text": "Sparrow"}}));
        office.pass(10 * MINUTE).await;
        office.world.hubspot.clear_faults();
    }
    office.change_connection(&json!({"leads": {"mode": "Observe"}}));
    office.pass(MINUTE).await;
    for plural in ["crmconnections", "assistants", "schedulesyncs", "events", "configmaps", "leases"] {
        for object in office.world.kube.list(plural) {
            let text = object.to_string().to_lowercase();
            for canary in
                ["canar", "kanarek", "555-777", "finch", "warbler", "nightingale", "sparrow", "customer.example.com"]
            {
                assert!(!text.contains(canary), "{canary}: {text}");
            }
        }
    }
}
