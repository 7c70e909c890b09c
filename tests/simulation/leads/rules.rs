//! The eleven rules of DESIGN 6.1, one after the other.

use super::{SECOND, office::Office};

#[tokio::test(start_paused = true)]
async fn r1_r2_an_assigned_contact_becomes_a_lead_with_a_note_and_a_status() {
    let office = Office::open().await;
    let contact = office.contact("lena");
    office.pass(SECOND).await;
    office.assign(&contact, &office.ada);
    office.pass(11 * SECOND).await;
    assert_eq!(office.leads(&contact), ["New ada"]);
    assert_eq!(
        office.timeline(&contact),
        [
            "owner: - to sam",
            "owner: sam to ada",
            "note: ada: Ada Assistant has taken over this contact and will get in touch by e-mail.",
            "status: hs_lead_status New",
            "status: Lead Connection Status New",
        ]
    );
    assert_eq!(office.owner_of(&contact), "ada");
}
