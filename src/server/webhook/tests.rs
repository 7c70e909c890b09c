//! Deliveries as HubSpot and others send them, without sockets and with.

mod core;
mod socket;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Deliveries, Doorbell, Endpoint};
use crate::{
    domain::{ContactId, OwnerId, PortalId},
    runtime::clock::{Clock, VirtualClock},
    server::signature::{SIGNATURE_HEADER, SigningSecret, TIMESTAMP_HEADER},
};

const START: &str = "2026-11-22T10:00:00Z";
const URL: &str = "https://hooks.example.com/hubspot?tenant=a/b";

/// A doorbell that remembers who was rung for.
#[derive(Default)]
struct Bell {
    endpoints: Mutex<Vec<Endpoint>>,
    rings: Mutex<Vec<(String, Vec<String>)>>,
    /// Who is said to own a contact, the last time it rang.
    owners: Mutex<BTreeMap<String, Option<String>>>,
}

impl Bell {
    fn with(endpoints: Vec<Endpoint>) -> Arc<Self> {
        Arc::new(Self { endpoints: Mutex::new(endpoints), rings: Mutex::default(), owners: Mutex::default() })
    }

    /// What has rung since the last look.
    fn rings(&self) -> Vec<(String, Vec<String>)> {
        std::mem::take(&mut self.rings.lock().unwrap())
    }
}

impl Doorbell for Bell {
    fn endpoints(&self) -> Vec<Endpoint> {
        self.endpoints.lock().unwrap().clone()
    }

    fn ring(&self, endpoint: &str, contacts: BTreeMap<ContactId, Option<OwnerId>>) {
        let said = contacts.iter().map(|(id, owner)| (id.0.clone(), owner.as_ref().map(|owner| owner.0.clone())));
        self.owners.lock().unwrap().extend(said);
        let contacts = contacts.into_keys().map(|id| id.0).collect();
        self.rings.lock().unwrap().push((endpoint.to_owned(), contacts));
    }
}

fn endpoint(id: &str, portal: u64, secret: &str, url: &str) -> Endpoint {
    let secret = SigningSecret::new(secret).unwrap();
    Endpoint { id: id.to_owned(), portal: PortalId(portal), secret, public_url: url.to_owned() }
}

/// Headers as HubSpot's, signed for a URL without anything to decode.
fn signed(secret: &str, url: &str, body: &[u8], timestamp_ms: i64) -> HeaderMap {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(&[b"POST", url.as_bytes(), body, timestamp_ms.to_string().as_bytes()].concat());
    let mut headers = HeaderMap::new();
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    headers.insert(SIGNATURE_HEADER, HeaderValue::from_str(&signature).unwrap());
    headers.insert(TIMESTAMP_HEADER, HeaderValue::from(timestamp_ms));
    headers
}

fn event(id: u64, portal: u64, contact: u64) -> Value {
    json!({"eventId": id, "subscriptionId": 11, "portalId": portal, "appId": 777, "occurredAt": 1_760_000_000_000_u64,
        "subscriptionType": "contact.propertyChange", "attemptNumber": 0, "objectId": contact,
        "propertyName": "hubspot_owner_id", "propertyValue": "555", "changeSource": "CRM_UI", "sourceId": "userId:42"})
}

fn rung(endpoint: &str, contacts: &[&str]) -> (String, Vec<String>) {
    (endpoint.to_owned(), contacts.iter().map(ToString::to_string).collect())
}
