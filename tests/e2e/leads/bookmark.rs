//! A restart in order: where the feed of events was is in the status, and the next start goes on from there.

use serde_json::json;

use super::{
    super::world::PATIENCE,
    office::{Office, Opening, PORTAL},
};

#[test]
fn on_sigterm_the_place_in_the_feed_is_saved_and_the_next_start_reads_on_from_it() {
    let mut office = Office::open(Opening::new("leads-bookmark"));
    office.bring_in_work(&json!({}));
    let contacts: Vec<String> = (0..10).map(|n| office.contact(&format!("c{n}"), &[])).collect();
    office.assign(&contacts, &office.ada());
    office.wait_until("all are in TEC", PATIENCE, || office.tec.leads().len() == contacts.len());
    let logged = |office: &Office| -> usize {
        contacts.iter().map(|contact| office.sim.emails_of(contact).map_or(0, |list| list.len())).sum()
    };
    let write_to_all = |office: &Office, subject: &str| {
        for contact in &contacts {
            let email = json!({"subject": subject, "text": "Shall we talk?"});
            office.say(contact, &json!({"type": "EmailSent", "email": email}));
        }
    };
    // Three goes, so that what was saved by the way is not all there is to save.
    for (count, subject) in ["A boat", "A bigger boat", "The last boat"].into_iter().enumerate() {
        write_to_all(&office, subject);
        office.wait_until("all are logged", PATIENCE, || logged(&office) == (count + 1) * contacts.len());
    }
    // The commit of the last is the contact's update.
    office.wait_until("and all contacts say so", PATIENCE, || {
        contacts.iter().all(|contact| office.value(contact, "tec_assistant_state").contains("\"seq\":3"))
    });

    let (status, took) = office.world.terminate_operator();
    assert_eq!(status.code(), Some(0), "{}", office.log());
    assert!(took < PATIENCE / 4, "{took:?}");
    let saved = office.get(PORTAL)["status"]["leads"].clone();
    // The simulated TEC counts its deliveries in the cursor: thirty were read, all of them.
    assert_eq!(saved["cursor"], "evt_0_30", "{saved:#}");

    office.tec.reset_requests();
    write_to_all(&office, "The very last boat");
    office.world.start_operator();
    office.wait_until("what was said meanwhile is logged", PATIENCE, || logged(&office) == 4 * contacts.len());
    office.wait_flowing();
    let polls: Vec<String> =
        office.tec.trace().into_iter().map(|entry| entry.path).filter(|path| path.starts_with("/v1/events")).collect();
    let read_again = |path: &String| !path.contains("after=evt_0_30") && !path.contains("after=evt_0_40");
    assert!(polls[0].contains("after=evt_0_30") && !polls.iter().any(read_again), "{polls:#?}");
    assert_eq!(office.tec.leads().len(), contacts.len());
}
