//! R10: contacts that are deleted, restored, or merged while they are in work.

use serde_json::json;
use tec_crm::sim::hubspot::{MergedRead, SimConfig, Switches};

use super::{
    HOUR, MINUTE, SECOND,
    office::{Office, Start},
    ways::{FOUND, REFUSED, STATUS, TAKEN},
};

async fn with_switches(switches: Switches) -> Office {
    let start = Start::default();
    let portal = SimConfig { switches, ..start.portal };
    Office::open_with(Start { portal, ..start }).await
}

/// Every way a merge may leave its traces.
fn merges() -> Vec<Switches> {
    let mut all = Vec::new();
    for merge_keeps_primary_id in [false, true] {
        for merged_read in [MergedRead::Absent, MergedRead::AnswersAsSurvivor] {
            for merge_stamps in [false, true] {
                all.push(Switches { merge_keeps_primary_id, merged_read, merge_stamps, ..Switches::default() });
            }
        }
    }
    all
}

#[tokio::test(start_paused = true)]
async fn a_deleted_contact_ends_its_lead_within_the_hour() {
    let office = Office::open().await;
    let contact = office.in_work("lena").await;
    let other = office.in_work("otto").await;
    office.world.hubspot.delete_contacts(std::slice::from_ref(&contact)).unwrap();
    office.pass(HOUR + 10 * MINUTE).await;
    assert_eq!(office.leads(&contact), ["New ada stopped ContactGone"]);
    assert_eq!(office.leads(&other), ["New ada"]);
    assert_eq!(office.timeline(&other), TAKEN);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_contact_ends_its_lead_at_the_first_thing_tec_says_of_it() {
    let office = Office::open().await;
    let contact = office.in_work("lena").await;
    office.world.hubspot.delete_contacts(std::slice::from_ref(&contact)).unwrap();
    office.state(&contact, "Hot");
    office.pass(2 * SECOND).await;
    assert_eq!(office.leads(&contact), ["Hot ada stopped ContactGone"]);
    // What it still says is read, and the feed goes on.
    office.state(&contact, "Cold");
    let other = office.in_work("otto").await;
    office.state(&other, "Warm");
    office.pass(2 * SECOND).await;
    assert_eq!(office.value(&other, STATUS), "Warm");
    let stops = office.tec_writes().iter().filter(|write| write.contains("stop")).count();
    assert_eq!(stops, 1);
}

#[tokio::test(start_paused = true)]
async fn a_contact_restored_before_anybody_missed_it_goes_on() {
    let office = Office::open().await;
    let contact = office.in_work("lena").await;
    office.world.hubspot.delete_contacts(std::slice::from_ref(&contact)).unwrap();
    office.pass(SECOND).await;
    office.world.hubspot.restore_contact(&contact).unwrap();
    office.state(&contact, "Hot");
    office.pass(2 * HOUR).await;
    assert_eq!(office.leads(&contact), ["Hot ada"]);
    assert_eq!(
        office.since(&contact, &TAKEN),
        ["status: hs_lead_status Connected", "status: Lead Connection Status Hot"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_contact_restored_after_its_lead_ended_can_be_assigned_anew() {
    let office = Office::open().await;
    let contact = office.in_work("lena").await;
    office.world.hubspot.delete_contacts(std::slice::from_ref(&contact)).unwrap();
    office.pass(HOUR + 10 * MINUTE).await;
    office.world.hubspot.restore_contact(&contact).unwrap();
    office.pass(HOUR).await;
    office.assign(&contact, &office.sue);
    office.edit(std::slice::from_ref(&contact), STATUS, "");
    office.pass(FOUND).await;
    office.assign(&contact, &office.ada);
    office.pass(FOUND).await;
    assert_eq!(office.leads(&contact), ["New ada stopped ContactGone", "New ada"]);
    assert_eq!(office.statuses(&contact), ("NEW".to_owned(), "New".to_owned()));
    office.done(&contact, "Processed").await;
    assert_eq!(office.owner_of(&contact), "sue");
}

/// What remains of a contact in work and an older one of Sue's that nobody worked on.
async fn merged(switches: &Switches, in_work_is_primary: bool) -> (Office, String, String) {
    let office = with_switches(switches.clone()).await;
    let other = office.contact_with("helena", &[("hubspot_owner_id", &office.sue)]);
    office.pass(10 * SECOND).await;
    let worked = office.in_work("lena").await;
    office.say(&worked, json!({"type": "EmailSent", "email": {"subject": "Boat", "text": "Hi"}}));
    office.state(&worked, "Hot");
    office.pass(10 * SECOND).await;
    let (primary, secondary) = if in_work_is_primary { (&worked, &other) } else { (&other, &worked) };
    let left = office.world.hubspot.merge_contacts(primary, secondary).unwrap();
    office.pass(HOUR + 10 * MINUTE).await;
    assert_eq!(office.lines(&left, "email"), ["EMAIL Boat: Hi"]);
    let taken = office.notes(&left).into_iter().filter(|note| note.contains("has taken over")).count();
    assert_eq!((taken, office.statuses(&left)), (1, ("CONNECTED".to_owned(), "Hot".to_owned())));
    (office, worked, left)
}

#[tokio::test(start_paused = true)]
async fn a_contact_in_work_merged_into_a_persons_stays_with_the_person_and_its_lead_ends() {
    for switches in merges() {
        let what = format!("{switches:?}");
        let (office, worked, left) = merged(&switches, false).await;
        assert_eq!(office.leads(&worked), ["Hot ada stopped ContactGone"], "{what}");
        assert_eq!((office.owner_of(&left).as_str(), office.notes(&left).len()), ("sue", 1), "{what}");
        office.assign(&left, &office.ada);
        office.pass(FOUND).await;
        assert_eq!((office.owner_of(&left).as_str(), office.notes(&left).len()), ("sue", 2), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_contact_in_work_that_takes_another_in_under_its_own_id_goes_on() {
    for switches in merges().into_iter().filter(|switches| switches.merge_keeps_primary_id) {
        let what = format!("{switches:?}");
        let (office, worked, left) = merged(&switches, true).await;
        assert_eq!(worked, left);
        office.state(&left, "Warm");
        office.pass(2 * SECOND).await;
        assert_eq!(office.leads(&left), ["Warm ada"], "{what}");
        assert_eq!((office.owner_of(&left).as_str(), office.value(&left, STATUS).as_str()), ("ada", "Warm"), "{what}");
        office.done(&left, "Processed").await;
        assert_eq!((office.owner_of(&left).as_str(), office.notes(&left).len()), ("sam", 1), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_contact_in_work_that_becomes_another_by_a_merge_ends_its_lead_and_goes_back_with_a_note() {
    for switches in merges().into_iter().filter(|switches| !switches.merge_keeps_primary_id) {
        let what = format!("{switches:?}");
        let (office, worked, left) = merged(&switches, true).await;
        assert_ne!(worked, left);
        assert_eq!(office.leads(&worked), ["Hot ada stopped ContactGone"], "{what}");
        assert_eq!((office.owner_of(&left).as_str(), office.leads(&left).len()), ("sam", 0), "{what}");
        assert_eq!(format!("note: {}", office.notes(&left)[1]), REFUSED, "{what}");
        assert_eq!(office.notes(&left).len(), 2, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_contacts_in_work_that_become_one_end_in_one_place() {
    for switches in merges() {
        let what = format!("{switches:?}");
        let office = with_switches(switches.clone()).await;
        let (first, second) = (office.in_work("lena").await, office.in_work("helena").await);
        let left = office.world.hubspot.merge_contacts(&first, &second).unwrap();
        office.pass(HOUR + 10 * MINUTE).await;
        assert_eq!(office.leads(&second), ["New ada stopped ContactGone"], "{what}");
        let goes_on = left == first && office.owner_of(&left) == "ada";
        let ended = office.owner_of(&left) == "sam" && office.leads(&first)[0].contains("stopped");
        assert!(goes_on || ended, "{what}: {:?} {:#?}", office.leads(&first), office.timeline(&left));
    }
}
