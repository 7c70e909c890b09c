//! The end of assistants and connections that have contacts in work.

use serde_json::{Value, json};

use super::{
    super::world::NAMESPACE,
    MINUTE, SECOND,
    office::{Office, Start},
    ways::{FOUND, STATUS, TAKEN},
};

fn delete(office: &Office, plural: &str, name: &str) {
    office.world.kube.delete(plural, NAMESPACE, name).expect("the object");
}

fn exists(office: &Office, plural: &str, name: &str) -> bool {
    office.world.kube.get(plural, NAMESPACE, name).is_some()
}

fn users(office: &Office) -> Vec<String> {
    let state = office.world.hubspot.state();
    let emails = state["users"].as_array().into_iter().flatten().filter_map(|user| user["email"].as_str());
    emails.map(str::to_owned).collect()
}

#[tokio::test(start_paused = true)]
async fn an_assistant_gives_everything_back_before_it_goes() {
    let office = Office::open().await;
    let hers = [office.in_work("lena").await, office.in_work("otto").await];
    office.state(&hers[1], "Hot");
    let his = office.contact("ida");
    office.pass(SECOND).await;
    office.assign(&his, &office.bob);
    office.pass(FOUND).await;
    delete(&office, "assistants", "ada");
    // Every moment: it is there as long as it has contacts.
    for _ in 0..400 {
        if hers.iter().any(|contact| office.owner_of(contact) == "ada") {
            assert!(exists(&office, "assistants", "ada"));
        }
        office.pass(SECOND / 4).await;
    }
    assert!(!exists(&office, "assistants", "ada"), "{}", office.world.ready("assistants", "ada"));
    assert_eq!(office.since(&hers[0], &TAKEN), ["owner: ada to sam"]);
    let hot = ["status: hs_lead_status Connected", "status: Lead Connection Status Hot", "owner: ada to sam"];
    assert_eq!(office.since(&hers[1], &TAKEN), hot);
    assert_eq!(office.leads(&hers[0]), ["New ada stopped AssistantDeleted"]);
    assert_eq!(office.leads(&hers[1]), ["Hot ada stopped AssistantDeleted"]);
    assert_eq!((office.leads(&his), office.owner_of(&his)), (vec!["New bob".to_owned()], "bob".to_owned()));
    assert!(users(&office).contains(&"ada@example.com".to_owned()), "the policy is to keep the user");
    // The other one goes on.
    office.state(&his, "Hot");
    office.pass(2 * SECOND).await;
    assert_eq!(office.value(&his, STATUS), "Hot");
}

#[tokio::test(start_paused = true)]
async fn with_policy_delete_its_user_goes_after_its_contacts() {
    let office = Office::open().await;
    office.change_assistant("ada", &json!({"deletionPolicy": "Delete"}));
    let contact = office.in_work("lena").await;
    delete(&office, "assistants", "ada");
    for _ in 0..400 {
        let user = users(&office).contains(&"ada@example.com".to_owned());
        assert!(user || office.owner_of(&contact) == "sam", "{:?}", office.timeline(&contact));
        assert!(exists(&office, "assistants", "ada") || !user);
        office.pass(SECOND / 4).await;
    }
    assert!(!exists(&office, "assistants", "ada"), "{}", office.world.ready("assistants", "ada"));
    assert!(!users(&office).contains(&"ada@example.com".to_owned()));
    assert_eq!(office.leads(&contact), ["New ada stopped AssistantDeleted"]);
    assert_eq!(office.since(&contact, &TAKEN), ["owner: ada to sam"]);
}

#[tokio::test(start_paused = true)]
async fn an_assignment_to_an_assistant_that_is_leaving_goes_back_too() {
    let office = Office::open().await;
    let contact = office.contact("lena");
    office.pass(SECOND).await;
    office.assign(&contact, &office.ada);
    delete(&office, "assistants", "ada");
    office.pass(2 * MINUTE).await;
    assert!(!exists(&office, "assistants", "ada"));
    assert_eq!((office.owner_of(&contact), office.leads(&contact).len()), ("sam".to_owned(), 0));
    assert_eq!(office.timeline(&contact), ["owner: - to sam", "owner: sam to ada", "owner: ada to sam"]);
    // It never was a lead: the next assistant takes it.
    office.assign(&contact, &office.bob);
    office.pass(FOUND).await;
    assert_eq!(office.leads(&contact), ["New bob"]);
}

#[tokio::test(start_paused = true)]
async fn contacts_nobody_had_before_stay_without_an_owner_and_say_so() {
    let office = Office::open().await;
    let contact = office.contact_with("lena", &[("hubspot_owner_id", &office.ada)]);
    office.pass(FOUND).await;
    delete(&office, "assistants", "ada");
    office.pass(2 * MINUTE).await;
    assert!(!exists(&office, "assistants", "ada"));
    assert_eq!((office.owner_of(&contact).as_str(), office.notes(&contact).len()), ("", 2));
}

#[tokio::test(start_paused = true)]
async fn with_keep_it_goes_at_once_and_what_it_began_is_carried_to_its_end() {
    let office = Office::open().await;
    office.change_assistant("ada", &json!({"leads": {"onDelete": "Keep"}}));
    let contact = office.in_work("lena").await;
    delete(&office, "assistants", "ada");
    office.pass(5 * SECOND).await;
    assert!(!exists(&office, "assistants", "ada"), "{}", office.world.ready("assistants", "ada"));
    office.state(&contact, "Hot");
    office.pass(10 * MINUTE).await;
    assert_eq!(
        office.since(&contact, &TAKEN),
        ["status: hs_lead_status Connected", "status: Lead Connection Status Hot"]
    );
    assert_eq!((office.owner_of(&contact).as_str(), office.leads(&contact)), ("ada", vec!["Hot ada".to_owned()]));
    office.say(&contact, json!({"type": "StateChanged", "state": "Processed", "done": true}));
    office.pass(MINUTE).await;
    assert_eq!(office.owner_of(&contact), "sam");
}

#[tokio::test(start_paused = true)]
async fn an_assistant_that_comes_back_goes_on_with_what_it_kept() {
    let office = Office::open().await;
    office.change_assistant("ada", &json!({"leads": {"onDelete": "Keep"}}));
    let contact = office.in_work("lena").await;
    delete(&office, "assistants", "ada");
    office.pass(MINUTE).await;
    office.state(&contact, "Hot");
    office.pass(MINUTE).await;
    office.world.assistant("ada", &json!({"firstName": "Ada", "lastName": "Assistant"}));
    office.pass(MINUTE).await;
    assert_eq!(
        office.since(&contact, &TAKEN),
        ["status: hs_lead_status Connected", "status: Lead Connection Status Hot"]
    );
    assert_eq!(office.leads(&contact), ["Hot ada"]);
    assert_eq!(office.code("ada"), "ALL_WORKING_WELL");
}

#[tokio::test(start_paused = true)]
async fn on_hold_a_deletion_waits_and_says_why() {
    let office = Office::open().await;
    let contact = office.in_work("lena").await;
    office.change_connection(&json!({"holdUntil": office.date_in(15 * MINUTE)}));
    office.pass(5 * SECOND).await;
    delete(&office, "assistants", "ada");
    office.pass(10 * MINUTE).await;
    let ready = office.world.ready("assistants", "ada");
    assert!(ready.contains("OnHold") && ready.contains("do not go back"), "{ready}");
    assert_eq!(office.timeline(&contact), TAKEN);
    office.pass(10 * MINUTE).await;
    assert!(!exists(&office, "assistants", "ada"));
    assert_eq!(office.since(&contact, &TAKEN), ["owner: ada to sam"]);
}

#[tokio::test(start_paused = true)]
async fn while_tec_is_away_a_deletion_waits() {
    let office = Office::open().await;
    let contact = office.in_work("lena").await;
    let broken = tec_crm::sim::hubspot::FaultRule {
        route: "/v1/".to_owned(),
        times: Some(1_000_000),
        status: Some(503),
        ..Default::default()
    };
    office.tec().add_fault(broken).unwrap();
    delete(&office, "assistants", "ada");
    office.pass(10 * MINUTE).await;
    assert!(exists(&office, "assistants", "ada"));
    office.tec().clear_faults();
    office.pass(10 * MINUTE).await;
    assert!(!exists(&office, "assistants", "ada"), "{}", office.world.ready("assistants", "ada"));
    assert_eq!(office.leads(&contact), ["New ada stopped AssistantDeleted"]);
    assert_eq!(office.owner_of(&contact), "sam");
}

#[tokio::test(start_paused = true)]
async fn a_connection_goes_after_its_assistants_and_their_contacts() {
    let office = Office::open().await;
    let contact = office.in_work("lena").await;
    delete(&office, "crmconnections", "portal");
    office.pass(2 * MINUTE).await;
    // Leads go on as long as it is used.
    let other = office.in_work("otto").await;
    office.state(&contact, "Hot");
    office.pass(2 * SECOND).await;
    assert_eq!(office.value(&contact, STATUS), "Hot");
    for (plural, name) in [("assistants", "ada"), ("assistants", "bob"), ("schedulesyncs", "schedules")] {
        delete(&office, plural, name);
    }
    office.pass(3 * MINUTE).await;
    assert!(office.world.all_ready().is_empty(), "{:#?}", office.world.all_ready());
    for contact in [&contact, &other] {
        assert_eq!(office.owner_of(contact), "sam");
        assert!(office.leads(contact)[0].ends_with("stopped AssistantDeleted"));
    }
    office.forget_requests();
    office.assign(&contact, &office.ada);
    office.pass(2 * MINUTE).await;
    assert_eq!((office.world.hubspot.requests().total, office.tec().requests().total), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_connection_with_policy_delete_keeps_fields_that_hold_values() {
    let start = Start { connection: json!({"deletionPolicy": "Delete"}), ..Start::default() };
    let office = Office::open_with(start).await;
    let contact = office.in_work("lena").await;
    for (plural, name) in
        [("assistants", "ada"), ("assistants", "bob"), ("schedulesyncs", "schedules"), ("crmconnections", "portal")]
    {
        delete(&office, plural, name);
    }
    office.pass(5 * MINUTE).await;
    let ready = office.world.ready("crmconnections", "portal");
    assert!(ready.contains("DeletionBlocked") && ready.contains('1'), "{ready}");
    assert_eq!(office.statuses(&contact), ("NEW".to_owned(), "New".to_owned()));
    office.change_connection(&json!({"deletionPolicy": Value::Null}));
    office.pass(2 * MINUTE).await;
    assert!(!exists(&office, "crmconnections", "portal"));
    assert_eq!(office.owner_of(&contact), "sam");
}
