//! R7: who gets a contact back, and what it shows then.

use serde_json::json;

use super::{
    MINUTE, SECOND,
    office::{Office, Start},
    ways::{FOUND, TAKEN},
};

const NOBODY: &str = "note: ada: Ada Assistant is done with this contact. Its previous owner is not available, so it has no owner now: please choose one.";

/// The portal is compared often enough to know who has left.
async fn attentive(connection: serde_json::Value) -> Office {
    let mut all = json!({"interval": "10s"});
    json_patch::merge(&mut all, &connection);
    Office::open_with(Start { connection: all, ..Start::default() }).await
}

fn owners(office: &Office, contact: &str) -> Vec<String> {
    office.lines(contact, "owner")
}

#[tokio::test(start_paused = true)]
async fn a_finished_contact_goes_back_and_keeps_what_it_shows() {
    let office = Office::open().await;
    let contact = office.in_work("lena").await;
    office.say(&contact, json!({"type": "EmailReceived", "email": {"subject": "Re: Boat", "text": "Call me"}}));
    office.done(&contact, "Responded").await;
    let mut seen = office.since(&contact, &TAKEN);
    seen[1..].sort();
    assert_eq!(
        seen,
        [
            "email: INCOMING_EMAIL Re: Boat: Call me",
            "owner: ada to sam",
            "status: Lead Connection Status Responded",
            "status: hs_lead_status Connected",
        ]
    );
    office.pass(10 * MINUTE).await;
    assert_eq!(office.statuses(&contact), ("CONNECTED".to_owned(), "Responded".to_owned()));
    assert_eq!(office.leads(&contact), ["Responded ada done"]);
    assert_eq!(owners(&office, &contact), ["- to sam", "sam to ada", "ada to sam"]);
}

#[tokio::test(start_paused = true)]
async fn status_and_owner_change_in_one_update() {
    let office = Office::open().await;
    let contact = office.in_work("lena").await;
    office.forget_requests();
    office.done(&contact, "Processed").await;
    assert_eq!(office.hubspot_writes(), ["POST /crm/objects/2026-03/contacts/batch/update"]);
    assert_eq!(office.owner_of(&contact), "sam");
    assert_eq!(office.statuses(&contact), ("QUALIFIED".to_owned(), "Processed".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn assistants_before_are_skipped() {
    let office = Office::open().await;
    let contact = office.contact("lena");
    for owner in [&office.sue, &office.bob, &office.ada] {
        office.pass(SECOND).await;
        office.assign(&contact, owner);
        office.pass(FOUND).await;
    }
    office.done(&contact, "UnSubscribed").await;
    assert_eq!(owners(&office, &contact), ["- to sam", "sam to sue", "sue to bob", "bob to ada", "ada to sue"]);
}

#[tokio::test(start_paused = true)]
async fn who_has_left_is_skipped() {
    let office = attentive(json!({})).await;
    let contact = office.contact("lena");
    office.pass(SECOND).await;
    office.assign(&contact, &office.sue);
    office.pass(SECOND).await;
    office.take_over(&contact).await;
    office.world.hubspot.remove_user("sue@example.com").unwrap();
    office.pass(15 * SECOND).await;
    office.done(&contact, "Processed").await;
    assert_eq!(owners(&office, &contact), ["- to sam", "sam to sue", "sue to ada", "ada to sam"]);
    assert_eq!(office.notes(&contact).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn times_without_an_owner_are_skipped() {
    let office = Office::open().await;
    let contact = office.contact("lena");
    office.pass(SECOND).await;
    office.assign(&contact, "");
    office.pass(SECOND).await;
    office.take_over(&contact).await;
    office.done(&contact, "Processed").await;
    assert_eq!(owners(&office, &contact), ["- to sam", "sam to -", "- to ada", "ada to sam"]);
}

#[tokio::test(start_paused = true)]
async fn a_contact_whose_owner_is_gone_goes_to_the_fallback() {
    let office = attentive(json!({"leads": {"fallbackOwnerEmail": "sue@example.com"}})).await;
    let contact = office.in_work("lena").await;
    let created = office.contact_with("otto", &[("hubspot_owner_id", &office.ada)]);
    office.pass(FOUND).await;
    office.world.hubspot.remove_user("sam@example.com").unwrap();
    office.pass(15 * SECOND).await;
    office.done(&contact, "Processed").await;
    office.done(&created, "Processed").await;
    assert_eq!(owners(&office, &contact), ["- to sam", "sam to ada", "ada to sue"]);
    assert_eq!(owners(&office, &created), ["- to ada", "ada to sue"]);
    assert_eq!((office.notes(&contact).len(), office.notes(&created).len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn with_nobody_left_a_contact_has_no_owner_and_a_note_says_so() {
    let office = attentive(json!({})).await;
    let created = office.contact_with("otto", &[("hubspot_owner_id", &office.ada)]);
    let contact = office.in_work("lena").await;
    office.world.hubspot.remove_user("sam@example.com").unwrap();
    office.pass(15 * SECOND).await;
    for contact in [&created, &contact] {
        office.done(contact, "Processed").await;
        assert_eq!(office.owner_of(contact), "");
        let notes = office.notes(contact);
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert_eq!(format!("note: {}", notes[1]), NOBODY);
        assert_eq!(office.statuses(contact), ("QUALIFIED".to_owned(), "Processed".to_owned()));
    }
    assert_eq!(owners(&office, &created), ["- to ada", "ada to -"]);
}

#[tokio::test(start_paused = true)]
async fn a_previous_owner_who_leaves_at_that_moment_holds_nothing_up() {
    let office = attentive(json!({"interval": "1h"})).await;
    let contact = office.in_work("lena").await;
    office.world.hubspot.remove_user("sam@example.com").unwrap();
    office.done(&contact, "Processed").await;
    office.pass(10 * MINUTE).await;
    // HubSpot takes owners who have left: then the contact is where its history says.
    assert_eq!(office.value(&contact, "hubspot_owner_id"), office.sam);
    assert_eq!(office.statuses(&contact), ("QUALIFIED".to_owned(), "Processed".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn what_comes_after_the_end_is_logged_and_changes_nothing_else() {
    let office = Office::open().await;
    let contact = office.worked("lena").await;
    let before = office.timeline(&contact);
    office.forget_requests();
    office.say(&contact, json!({"type": "EmailReceived", "email": {"subject": "Re: Boat", "text": "Thanks"}}));
    office.say(&contact, json!({"type": "TaskCreated", "task": {"subject": "Send a card"}}));
    office.state(&contact, "Cold");
    office.say(&contact, json!({"type": "StateChanged", "state": "Processed", "done": true}));
    office.pass(5 * SECOND).await;
    let before: Vec<&str> = before.iter().map(String::as_str).collect();
    let mut late = office.since(&contact, &before);
    late.sort();
    assert_eq!(late, ["email: INCOMING_EMAIL Re: Boat: Thanks", "task: Send a card: -"]);
    let mails = office.world.hubspot.emails_of(&contact).unwrap();
    assert_eq!(mails[0]["properties"]["hubspot_owner_id"], json!(office.ada));
    assert_eq!(
        office.hubspot_writes(),
        ["POST /crm/objects/2026-03/emails/batch/create", "POST /crm/objects/2026-03/tasks/batch/create"]
    );
    assert_eq!((office.owner_of(&contact).as_str(), office.tec_writes().len()), ("sam", 0));
}

#[tokio::test(start_paused = true)]
async fn a_mail_that_ends_the_lead_is_logged_and_the_contact_goes_back() {
    let office = Office::open().await;
    let contact = office.in_work("lena").await;
    let email = json!({"subject": "Re: Boat", "text": "No, thanks"});
    office.say(&contact, json!({"type": "EmailReceived", "email": email, "done": true}));
    office.pass(2 * SECOND).await;
    assert_eq!(office.since(&contact, &TAKEN), ["email: INCOMING_EMAIL Re: Boat: No, thanks", "owner: ada to sam"]);
}
