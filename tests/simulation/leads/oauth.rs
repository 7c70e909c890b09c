//! Leads on a connection with OAuth: they flow on while tokens are renewed under them.

use tec_crm::sim::hubspot::RefreshRotation;

use super::{
    HOUR, MINUTE, SECOND,
    office::{Office, Start},
};
use crate::simulation::flows::oauth;

#[tokio::test(start_paused = true)]
async fn leads_flow_across_renewals_and_each_half_hour_has_one() {
    let office = Office::open_with(Start::default()).await;
    let world = &office.world;
    world.hubspot.set_switches(|s| s.refresh_rotation = RefreshRotation::Rotates { grace: std::time::Duration::ZERO });
    oauth::install(world);
    assert_eq!(world.object("crmconnections", "portal")["status"]["quota"]["dailyLimit"], 250_000);
    // From a service key to OAuth while leads are carried.
    world.connection_with_tec(&oauth::auth());
    office.pass(2 * MINUTE).await;
    world.assert_all_ready();
    let status = world.object("crmconnections", "portal")["status"].clone();
    assert!(status["quota"].is_null(), "OAuth apps have no limit of a day: {status}");
    world.hubspot.revoke_token(tec_crm::sim::hubspot::DEFAULT_TOKEN).unwrap();
    world.hubspot.reset_requests();
    let mut contacts = Vec::new();
    for place in 0..72 {
        let contact = office.contact(&format!("c{place}"));
        office.assign(&contact, &office.ada);
        office.pass(30 * SECOND).await;
        assert_eq!(office.notes(&contact).len(), 1, "accepted within half a minute: {:?}", office.timeline(&contact));
        contacts.push(contact);
        office.pass(2 * MINUTE).await;
    }
    let requests = world.hubspot.requests();
    let renewals = requests.of("POST", "/oauth/token");
    assert!((6..=7).contains(&renewals), "{renewals} renewals in three hours");
    assert_eq!(requests.with_status(401), 0);
    for contact in &contacts {
        assert_eq!((office.leads(contact).len(), office.notes(contact).len()), (1, 1));
    }
    // A token that ends before its time, under everything at once.
    world.hubspot.advance(HOUR);
    let late = office.contact("late");
    office.assign(&late, &office.ada);
    office.pass(MINUTE).await;
    assert_eq!((office.leads(&late).len(), office.notes(&late).len()), (1, 1));
    world.assert_all_ready();
}
