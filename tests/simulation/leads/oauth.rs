//! Leads on a connection with OAuth: they flow on while tokens are renewed under them.

use serde_json::json;
use tec_crm::sim::hubspot::{DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, OAuthApp, RefreshRotation};

use super::{
    HOUR, MINUTE, SECOND,
    office::{Office, Start},
};
use crate::simulation::world::{NAMESPACE, TEC_HOST, World, base64};

/// Somebody makes an app, installs it and stores what comes of it.
fn install(world: &World) {
    world.hubspot.register_app(OAuthApp::default());
    let token = world.hubspot.install_app(DEFAULT_CLIENT_ID).unwrap();
    let data = |text: &str| base64(text.as_bytes());
    for (name, data) in [
        ("app", json!({"client_id": data(DEFAULT_CLIENT_ID), "client_secret": data(DEFAULT_CLIENT_SECRET)})),
        ("tokens", json!({"refresh_token": data(&token)})),
    ] {
        let metadata = json!({"name": name, "namespace": NAMESPACE});
        world.kube.apply(json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn leads_flow_across_renewals_and_each_half_hour_has_one() {
    let office = Office::open_with(Start::default()).await;
    let world = &office.world;
    world.hubspot.set_switches(|s| s.refresh_rotation = RefreshRotation::Rotates { grace: std::time::Duration::ZERO });
    install(world);
    // From a service key to OAuth while leads are carried.
    let oauth = json!({"clientSecretRef": {"name": "app"}, "tokenSecretRef": {"name": "tokens"}});
    let tec = json!({"endpoint": format!("https://{TEC_HOST}"), "tokenSecretRef": {"name": "tec", "key": "token"}});
    world.connection(&json!({"auth": {"oauth": oauth}, "tec": tec}));
    office.pass(2 * MINUTE).await;
    world.assert_all_ready();
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
