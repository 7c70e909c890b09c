//! R8 and R10: contacts that were leads before, and contacts nobody can write to.

use serde_json::json;
use tec_crm::sim::hubspot::FaultRule;

use super::{
    MINUTE, SECOND,
    office::{Office, Start},
    ways::{FOUND, REFUSED, STATUS, TAKEN},
};

const NO_EMAIL: &str = "note: ada: Ada Assistant cannot work on this contact because it has no e-mail address. Add one and assign the contact again.";

fn strs(lines: &[String]) -> Vec<&str> {
    lines.iter().map(String::as_str).collect()
}

#[tokio::test(start_paused = true)]
async fn r8_a_contact_that_was_a_lead_goes_back_with_a_note() {
    let office = Office::open().await;
    let contact = office.worked("lena").await;
    let before = office.timeline(&contact);
    office.assign(&contact, &office.ada);
    office.pass(FOUND).await;
    let refused = ["owner: sam to ada", REFUSED, "owner: ada to sam"];
    assert_eq!(office.since(&contact, &strs(&before)), refused);
    assert_eq!(office.leads(&contact), ["Responded ada done"]);
    office.pass(5 * MINUTE).await;
    // Every accident has its own note.
    office.assign(&contact, &office.ada);
    office.pass(FOUND).await;
    assert_eq!(office.since(&contact, &strs(&before)), [refused, refused].concat());
    assert_eq!(office.leads(&contact), ["Responded ada done"]);
    assert_eq!(office.statuses(&contact), ("CONNECTED".to_owned(), "Responded".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn r8_another_assistant_refuses_it_too() {
    let office = Office::open().await;
    let contact = office.worked("lena").await;
    let before = office.timeline(&contact);
    office.assign(&contact, &office.bob);
    office.pass(FOUND).await;
    let note = REFUSED.replace("note: ada: Ada", "note: bob: Bob");
    assert_eq!(office.since(&contact, &strs(&before)), ["owner: sam to bob", &note, "owner: bob to sam"]);
}

#[tokio::test(start_paused = true)]
async fn r8_a_multi_select_goes_back_each_to_its_own_owner() {
    let office = Office::open().await;
    let (mut worked, mut fresh) = (Vec::new(), Vec::new());
    for name in ["lena", "otto", "ida"] {
        worked.push(office.worked(name).await);
    }
    for name in ["max", "eva"] {
        fresh.push(office.contact(name));
    }
    office.edit(&worked[1..2], "hubspot_owner_id", &office.sue);
    office.edit(&worked[2..3], "hubspot_owner_id", "");
    office.pass(MINUTE).await;
    let before: Vec<Vec<String>> = worked.iter().map(|contact| office.timeline(contact)).collect();
    office.edit(&[worked.clone(), fresh.clone()].concat(), "hubspot_owner_id", &office.ada);
    office.pass(FOUND).await;
    // Nobody had the third one: who had it last before.
    let owners = [("sam", "sam"), ("sue", "sue"), ("-", "sam")];
    for ((contact, before), (from, to)) in worked.iter().zip(&before).zip(owners) {
        let lines = [format!("owner: {from} to ada"), REFUSED.to_owned(), format!("owner: ada to {to}")];
        assert_eq!(office.since(contact, &strs(before)), lines);
        assert_eq!(office.leads(contact), ["Responded ada done"]);
    }
    for contact in &fresh {
        assert_eq!(office.timeline(contact), TAKEN);
    }
}

#[tokio::test(start_paused = true)]
async fn r8_clearing_the_field_and_assigning_again_begins_a_new_lead() {
    let office = Office::open().await;
    let contact = office.worked("lena").await;
    office.assign(&contact, &office.ada);
    office.pass(FOUND).await;
    let before = office.timeline(&contact);
    office.edit(std::slice::from_ref(&contact), STATUS, "");
    office.pass(SECOND).await;
    office.assign(&contact, &office.ada);
    office.pass(FOUND).await;
    let mut again = vec!["status: Lead Connection Status -"];
    again.extend(&TAKEN[1..]);
    assert_eq!(office.since(&contact, &strs(&before)), again);
    assert_eq!(office.leads(&contact), ["Responded ada done", "New ada"]);
    office.state(&contact, "Hot");
    office.pass(2 * SECOND).await;
    assert_eq!(office.statuses(&contact), ("CONNECTED".to_owned(), "Hot".to_owned()));
    office.done(&contact, "Processed").await;
    assert_eq!(office.owner_of(&contact), "sam");
    assert_eq!(office.leads(&contact), ["Responded ada done", "Processed ada done"]);
}

#[tokio::test(start_paused = true)]
async fn r8_clearing_the_field_in_the_same_edit_as_the_assignment_will_do() {
    let office = Office::open().await;
    let contact = office.worked("lena").await;
    let both = [(STATUS, ""), ("hubspot_owner_id", office.ada.as_str())];
    let both = both.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    office.world.hubspot.update_contacts(std::slice::from_ref(&contact), &both).unwrap();
    office.pass(FOUND).await;
    assert_eq!(office.leads(&contact), ["Responded ada done", "New ada"]);
    assert_eq!(office.owner_of(&contact), "ada");
}

#[tokio::test(start_paused = true)]
async fn r8_a_field_filled_by_hand_counts_as_worked() {
    let office = Office::open().await;
    let contact = office.contact_with("lena", &[(STATUS, "Cold")]);
    office.pass(SECOND).await;
    office.assign(&contact, &office.ada);
    office.pass(FOUND).await;
    let lines = office.timeline(&contact);
    assert_eq!(lines[lines.len() - 3..], ["owner: sam to ada", REFUSED, "owner: ada to sam"]);
    assert!(office.leads(&contact).is_empty());
    office.edit(std::slice::from_ref(&contact), STATUS, "");
    office.take_over(&contact).await;
}

#[tokio::test(start_paused = true)]
async fn r8_the_note_is_the_one_of_the_connection_and_says_where_the_contact_went() {
    let connection = json!({
        "interval": "10s", "leads": {"notes": {"refused": "{assistant}: not again ({field})"}, "fallbackOwnerEmail": "sue@example.com"},
    });
    let office = Office::open_with(Start { connection, ..Start::default() }).await;
    let contact = office.worked("lena").await;
    let orphan = office.contact_with("otto", &[(STATUS, "Cold"), ("hubspot_owner_id", "")]);
    office.pass(SECOND).await;
    office.edit(&[contact.clone(), orphan.clone()], "hubspot_owner_id", &office.ada);
    office.pass(FOUND).await;
    assert_eq!(office.notes(&contact)[1], "ada: Ada Assistant: not again (Lead Connection Status)");
    assert_eq!(
        office.notes(&orphan),
        [
            "ada: Ada Assistant: not again (Lead Connection Status)\nIts previous owner is not available, so it went to the fallback owner."
        ]
    );
    assert_eq!((office.owner_of(&contact), office.owner_of(&orphan)), ("sam".to_owned(), "sue".to_owned()));
    office.change_connection(&json!({"leads": {"fallbackOwnerEmail": null}}));
    office.pass(5 * SECOND).await;
    let another = office.contact_with("ida", &[(STATUS, "Cold"), ("hubspot_owner_id", &office.ada)]);
    office.pass(FOUND).await;
    assert_eq!(office.owner_of(&another), "");
    assert_eq!(
        office.notes(&another),
        [
            "ada: Ada Assistant: not again (Lead Connection Status)\nIts previous owner is not available, so it has no owner now."
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn r10_without_an_address_a_contact_goes_back_with_a_note_until_it_has_one() {
    let office = Office::open().await;
    let contact = office.contact_with("lena", &[("email", "")]);
    office.pass(SECOND).await;
    office.assign(&contact, &office.ada);
    office.pass(FOUND).await;
    let refused = ["owner: - to sam", "owner: sam to ada", NO_EMAIL, "owner: ada to sam"];
    assert_eq!(office.timeline(&contact), refused);
    assert!(office.leads(&contact).is_empty());
    office.edit(std::slice::from_ref(&contact), "email", "lena@customer.example.com");
    office.pass(MINUTE).await;
    assert_eq!(office.timeline(&contact), refused);
    office.take_over(&contact).await;
    assert_eq!(office.since(&contact, &refused), TAKEN[1..]);
}

#[tokio::test(start_paused = true)]
async fn r10_one_contact_without_an_address_holds_up_nobody() {
    let office = Office::open().await;
    let good: Vec<String> = (0..5).map(|number| office.contact(&format!("lead{number}"))).collect();
    let bad = office.contact_with("lena", &[("email", "")]);
    office.pass(SECOND).await;
    office.edit(&[good.clone(), vec![bad.clone()]].concat(), "hubspot_owner_id", &office.ada);
    office.pass(FOUND).await;
    for contact in &good {
        assert_eq!(office.timeline(contact), TAKEN);
    }
    assert_eq!(office.owner_of(&bad), "sam");
}

#[tokio::test(start_paused = true)]
async fn r10_a_contact_tec_does_not_take_goes_back_and_says_what_to_do() {
    let office = Office::open().await;
    let contact = office.contact("lena");
    office.pass(SECOND).await;
    office.assign(&contact, &office.ada);
    let assigned: jiff::Timestamp = office.value(&contact, "hubspot_owner_assigneddate").parse().unwrap();
    let key = format!("999001:{contact}:{}", assigned.as_millisecond());
    let error = json!({"code": "INVALID_CONTACT", "message": "The contact's e-mail address is none."});
    let answer = FaultRule {
        route: "/v1/leads/batch".to_owned(),
        status: Some(200),
        body: Some(json!({"results": [{"idempotencyKey": key, "error": error}]})),
        ..FaultRule::default()
    };
    office.tec().add_fault(answer).unwrap();
    office.pass(FOUND).await;
    let note = "note: ada: Ada Assistant cannot work on this contact: TEC does not accept its data, most likely its e-mail address. Correct it and assign the contact again.";
    let refused = ["owner: - to sam", "owner: sam to ada", note, "owner: ada to sam"];
    assert_eq!(office.timeline(&contact), refused);
    office.edit(std::slice::from_ref(&contact), "email", "lena.berg@customer.example.com");
    office.take_over(&contact).await;
    assert_eq!(office.since(&contact, &refused), TAKEN[1..]);
}
