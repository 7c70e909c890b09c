//! Deletions of assistants that cannot give everything back, and who goes away with a whole namespace.

use serde_json::json;
use tec_crm::sim::hubspot::FaultRule;

use super::{
    super::world::NAMESPACE,
    HOUR, MINUTE, SECOND,
    office::Office,
    ways::{FOUND, TAKEN},
};

fn delete(office: &Office, name: &str) {
    office.world.kube.delete("assistants", NAMESPACE, name).expect("the object");
}

fn exists(office: &Office, name: &str) -> bool {
    office.world.kube.get("assistants", NAMESPACE, name).is_some()
}

fn broken(route: &str, status: u16) -> FaultRule {
    FaultRule { route: route.to_owned(), times: Some(1_000_000), status: Some(status), ..FaultRule::default() }
}

/// What events say of deletions.
fn farewells(office: &Office) -> Vec<String> {
    let events = office.world.kube.list("events");
    let notes = events.iter().filter_map(|event| event["note"].as_str().or(event["message"].as_str()));
    notes.filter(|note| note.contains("let go")).map(str::to_owned).collect()
}

#[tokio::test(start_paused = true)]
async fn a_namespace_gives_everything_back_with_the_tokens_it_had() {
    let office = Office::open().await;
    let contact = office.in_work("lena").await;
    office.world.kube.delete("namespaces", None, NAMESPACE).unwrap();
    office.pass(5 * MINUTE).await;
    assert!(office.world.kube.get("namespaces", None, NAMESPACE).is_none(), "{:#?}", office.world.all_ready());
    assert_eq!(office.since(&contact, &TAKEN), ["owner: ada to sam"]);
    assert_eq!(office.leads(&contact), ["New ada stopped AssistantDeleted"]);
    // Nobody is there any more.
    office.forget_requests();
    office.pass(HOUR).await;
    assert_eq!((office.world.hubspot.requests().total, office.tec().requests().total), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_namespace_after_a_restart_ends_after_the_grace_period_and_leaves_contacts_alone() {
    let mut office = Office::open().await;
    let contact = office.in_work("lena").await;
    office.world.kill().await;
    office.forget_requests();
    office.world.kube.delete("namespaces", None, NAMESPACE).unwrap();
    office.world.start();
    office.pass(MINUTE).await;
    let ready = office.world.ready("assistants", "ada");
    let said = "False/DeletionBlocked: what it owns in HubSpot cannot be removed: Secret hubspot does not exist";
    assert_eq!(ready, said);
    office.pass(62 * MINUTE).await;
    assert!(office.world.kube.get("namespaces", None, NAMESPACE).is_none(), "{:#?}", office.world.all_ready());
    assert_eq!((office.timeline(&contact), office.hubspot_writes()), (TAKEN.map(str::to_owned).to_vec(), Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn without_tec_an_assistant_goes_after_the_grace_period_and_says_what_stays() {
    for status in [503, 401] {
        let office = Office::open().await;
        let contact = office.in_work("lena").await;
        office.tec().add_fault(broken("/v1/", status)).unwrap();
        delete(&office, "ada");
        office.pass(59 * MINUTE).await;
        assert!(exists(&office, "ada"), "{status}");
        office.pass(3 * MINUTE).await;
        assert!(!exists(&office, "ada"), "{status}: {}", office.world.ready("assistants", "ada"));
        assert!(farewells(&office).iter().any(|note| note.contains("contacts")), "{:?}", farewells(&office));
        assert_eq!(office.owner_of(&contact), "ada");
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_secret_of_tec_nothing_is_let_go_in_silence() {
    let mut office = Office::open().await;
    office.in_work("lena").await;
    office.world.kill().await;
    office.world.kube.delete("secrets", NAMESPACE, "tec").unwrap();
    office.world.start();
    office.pass(MINUTE).await;
    delete(&office, "ada");
    office.pass(30 * MINUTE).await;
    assert!(exists(&office, "ada"));
    office.pass(35 * MINUTE).await;
    assert!(!exists(&office, "ada"), "{}", office.world.ready("assistants", "ada"));
    assert!(farewells(&office).iter().any(|note| note.contains("contacts")), "{:?}", farewells(&office));
}

#[tokio::test(start_paused = true)]
async fn a_used_up_quota_is_waited_for_however_long() {
    let office = Office::open().await;
    let contact = office.in_work("lena").await;
    let body = json!({"status": "error", "message": "limit", "errorType": "RATE_LIMIT", "policyName": "DAILY"});
    office.world.hubspot.add_fault(FaultRule { body: Some(body), ..broken("/crm/", 429) }).unwrap();
    delete(&office, "ada");
    office.pass(3 * HOUR).await;
    assert!(exists(&office, "ada"));
    office.world.hubspot.clear_faults();
    office.pass(24 * HOUR).await;
    assert!(!exists(&office, "ada"), "{}", office.world.ready("assistants", "ada"));
    assert_eq!(office.owner_of(&contact), "sam");
}

#[tokio::test(start_paused = true)]
async fn an_assistant_whose_owner_was_archived_meanwhile_goes_at_once() {
    let office = Office::open().await;
    office.in_work("lena").await;
    // Suspended, it is not looked at, and its status still says which owner it was.
    office.change_assistant("ada", &json!({"suspend": true}));
    office.pass(5 * SECOND).await;
    office.world.hubspot.remove_user("ada@example.com").expect("a removal");
    office.pass(6 * MINUTE).await;
    delete(&office, "ada");
    office.pass(MINUTE).await;
    assert!(!exists(&office, "ada"), "{}", office.world.ready("assistants", "ada"));
}

#[tokio::test(start_paused = true)]
async fn who_comes_after_one_that_is_leaving_takes_over_at_once() {
    let office = Office::open().await;
    office.patch(
        "assistants",
        "ada",
        json!({"metadata": {"finalizers": ["crm.theeminenceco.com/finalizer", "example.com/keep"]}}),
    );
    let contact = office.in_work("lena").await;
    delete(&office, "ada");
    office.world.assistant("ada-again", &json!({"email": "ada@example.com", "firstName": "Ada"}));
    office.pass(5 * MINUTE).await;
    assert_eq!((office.owner_of(&contact).as_str(), office.leads(&contact)), ("ada", vec!["New ada".to_owned()]));
    let other = office.in_work("otto").await;
    assert_eq!(office.leads(&other), ["New ada"]);
}

#[tokio::test(start_paused = true)]
async fn an_assistant_that_is_gone_from_kubernetes_is_no_person() {
    let office = Office::open().await;
    let contact = office.contact("lena");
    office.pass(SECOND).await;
    // Kept, and then given on after Bob has gone.
    office.change_assistant("bob", &json!({"leads": {"onDelete": "Keep"}}));
    office.pass(SECOND).await;
    delete(&office, "bob");
    office.pass(10 * SECOND).await;
    assert!(!exists(&office, "bob"));
    office.assign(&contact, &office.bob);
    office.pass(FOUND).await;
    office.take_over(&contact).await;
    office.done(&contact, "Processed").await;
    assert_eq!(office.owner_of(&contact), "sam");
}
