//! HubSpot's webhooks: a verified delivery rings for the contacts it names, and does nothing else.
//!
//! Correctness never depends on a delivery: what is missed here is found by search. So everything is bounded and nothing is
//! waited for. A delivery is HubSpot's if it is signed with the secret of an endpoint for that endpoint's public URL; host
//! and path of the request itself are the proxy's and prove nothing. Of body and headers nothing is logged but counts.

mod serve;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashSet, VecDeque, btree_map::Entry},
    fmt,
    sync::{Arc, Mutex},
};

use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

pub use self::serve::serve;
use super::{
    events::ContactEvent,
    signature::{Claim, SigningSecret, Unsigned, signed_form},
};
use crate::{
    domain::{ContactId, Fingerprint, OwnerId, PortalId},
    runtime::{clock::Clock, lock},
};

/// Answered by the server itself; no delivery goes there.
pub const HEALTH_PATH: &str = "/healthz";
/// Largest body taken. HubSpot's hundred events are some 40 KiB.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;
/// Most events of one delivery. HubSpot sends up to a hundred.
const MAX_EVENTS: usize = 1_000;
/// Most pairs of secret and URL tried on one request.
const MAX_TRIED: usize = 64;
/// Events remembered, so that a repeated delivery does not ring again.
const REMEMBERED: usize = 20_000;

/// Where deliveries for one connection come from and how they are signed.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// `namespace/name` of the connection.
    pub id: String,
    /// Only events of this portal ring for it.
    pub portal: PortalId,
    /// Client secret of the app that sends.
    pub secret: SigningSecret,
    /// The URL as HubSpot calls it, query included.
    pub public_url: String,
}

/// Who wants to hear of changed contacts.
pub trait Doorbell: Send + Sync + 'static {
    /// The endpoints of this moment; asked at every request, so it must be cheap.
    fn endpoints(&self) -> Vec<Endpoint>;

    /// Contacts of the endpoint's portal may have changed; with the owner each is said to have now, where a delivery says
    /// one thing only. Must not wait.
    fn ring(&self, endpoint: &str, contacts: BTreeMap<ContactId, Option<OwnerId>>);
}

/// What has come in since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Deliveries with a valid signature.
    pub verified: u64,
    /// Requests without one, forged, stale or from the future.
    pub refused: u64,
    /// Events that rang.
    pub rung: u64,
    /// Events that had rung before.
    pub repeated: u64,
    /// Events of a portal that is not the signer's.
    pub foreign: u64,
    /// Events of no interest, or not understood.
    pub ignored: u64,
}

/// Judges deliveries and rings. Knows no sockets: the server and in-process simulations hand it requests alike.
pub struct Deliveries {
    doorbell: Arc<dyn Doorbell>,
    clock: Arc<dyn Clock>,
    memory: Mutex<Memory>,
}

/// Why a request is not taken.
enum Refusal {
    NotHere,
    TooLarge,
    Unsigned(Unsigned),
    Forged,
    NotEvents,
}

impl Deliveries {
    /// Deliveries that ring `doorbell`.
    pub fn new(doorbell: Arc<dyn Doorbell>, clock: Arc<dyn Clock>) -> Self {
        Self { doorbell, clock, memory: Mutex::default() }
    }

    /// Takes one request and gives its answer: 204 for every delivery of HubSpot's that could be read; 405, 413, 401 (not
    /// signed, forged, stale) or 400 (signed, but no list of events). `path` is that of the request as it arrived.
    pub fn receive(&self, method: &Method, path: &str, headers: &HeaderMap, body: &[u8]) -> StatusCode {
        match self.judge(method, path, headers, body) {
            Ok(()) => StatusCode::NO_CONTENT,
            Err(refusal) => self.refuse(&refusal),
        }
    }

    /// What has come in so far.
    pub fn counts(&self) -> Counts {
        lock(&self.memory).counts
    }

    fn judge(&self, method: &Method, path: &str, headers: &HeaderMap, body: &[u8]) -> Result<(), Refusal> {
        if method != Method::POST || path == HEALTH_PATH {
            return Err(Refusal::NotHere);
        }
        if body.len() > MAX_BODY_BYTES {
            return Err(Refusal::TooLarge);
        }
        let claim = Claim::read(headers, self.clock.now()).map_err(Refusal::Unsigned)?;
        let endpoints = self.doorbell.endpoints();
        let mut signers = candidates(&endpoints, path).into_iter();
        let signer = signers.find(|signer| signer.signed(&claim, method, body)).ok_or(Refusal::Forged)?;
        let items: Vec<Value> = serde_json::from_slice(body).map_err(|_| Refusal::NotEvents)?;
        if items.len() > MAX_EVENTS {
            return Err(Refusal::TooLarge);
        }
        self.ring(&signer, &items);
        Ok(())
    }

    /// Events to the signer's endpoints, each contact once.
    fn ring(&self, signer: &Signer<'_>, items: &[Value]) {
        let mut rings: BTreeMap<&str, BTreeMap<ContactId, Option<OwnerId>>> = BTreeMap::new();
        let mut now = Counts { verified: 1, ..Counts::default() };
        let mut memory = lock(&self.memory);
        for item in items {
            let Some(event) = ContactEvent::read(item) else {
                now.ignored += 1;
                continue;
            };
            let mut addressed = signer.endpoints.iter().filter(|endpoint| endpoint.portal == event.portal).peekable();
            if addressed.peek().is_none() {
                now.foreign += 1;
            } else if event.identity.is_some_and(|event| !memory.first_time((signer.fingerprint, event))) {
                now.repeated += 1;
            } else {
                now.rung += 1;
                for endpoint in addressed {
                    let rung = rings.entry(&endpoint.id).or_default();
                    for contact in &event.contacts {
                        let said = rung.entry(contact.clone()).or_insert_with(|| event.owner.clone());
                        // Which of two is the newer is not known.
                        said.take_if(|said| Some(&*said) != event.owner.as_ref());
                    }
                }
            }
        }
        memory.counts.add(&now);
        drop(memory);
        for (endpoint, contacts) in rings {
            self.doorbell.ring(endpoint, contacts);
        }
        let Counts { rung, repeated, foreign, ignored, .. } = now;
        tracing::debug!(events = items.len(), rung, repeated, foreign, ignored, "webhook delivery");
    }

    fn refuse(&self, refusal: &Refusal) -> StatusCode {
        let (status, reason) = match refusal {
            Refusal::NotHere => (StatusCode::METHOD_NOT_ALLOWED, "not a delivery".to_owned()),
            Refusal::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too large".to_owned()),
            Refusal::Unsigned(unsigned) => (StatusCode::UNAUTHORIZED, unsigned.to_string()),
            Refusal::Forged => (StatusCode::UNAUTHORIZED, "no secret fits the signature".to_owned()),
            Refusal::NotEvents => (StatusCode::BAD_REQUEST, "signed, but not a list of events".to_owned()),
        };
        if status == StatusCode::UNAUTHORIZED {
            lock(&self.memory).counts.refused += 1;
        }
        tracing::debug!(status = status.as_u16(), reason, "webhook request refused");
        status
    }
}

impl fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deliveries").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

/// One secret signing for one URL, and the endpoints that share them: portals of one app.
struct Signer<'a> {
    /// Of the secret.
    fingerprint: Fingerprint,
    url: String,
    endpoints: Vec<&'a Endpoint>,
}

impl Signer<'_> {
    fn signed(&self, claim: &Claim<'_>, method: &Method, body: &[u8]) -> bool {
        // They share the secret: any of them has it.
        let secret = self.endpoints.first().map(|endpoint| &endpoint.secret);
        secret.is_some_and(|secret| claim.verify(secret, method.as_str(), &self.url, body))
    }
}

/// Who may have signed a request to `path`: first endpoints whose URL has that path, then the others, since an ingress may
/// rewrite it. No more than [`MAX_TRIED`], because each costs a pass over the body.
fn candidates<'a>(endpoints: &'a [Endpoint], path: &str) -> Vec<Signer<'a>> {
    let mut signers: BTreeMap<(bool, Fingerprint, String), Vec<&Endpoint>> = BTreeMap::new();
    let elsewhere = |endpoint: &Endpoint| path_of(&endpoint.public_url) != path;
    let mut in_order: Vec<&Endpoint> = endpoints.iter().collect();
    in_order.sort_by_key(|endpoint| elsewhere(endpoint));
    for endpoint in in_order {
        let full = signers.len() >= MAX_TRIED;
        let url = signed_form(&endpoint.public_url).into_owned();
        let key = (elsewhere(endpoint), endpoint.secret.fingerprint(), url);
        match signers.entry(key) {
            Entry::Occupied(mut signer) => signer.get_mut().push(endpoint),
            Entry::Vacant(signer) if !full => drop(signer.insert(vec![endpoint])),
            Entry::Vacant(_) => {}
        }
    }
    let signer = |((_, fingerprint, url), endpoints)| Signer { fingerprint, url, endpoints };
    signers.into_iter().map(signer).collect()
}

/// The path of an absolute URL, as it is written.
fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    rest.find('/').map_or("/", |at| &rest[at..])
}

/// Which events have rung lately. Kept per secret: one tenant cannot silence another by telling its events first.
#[derive(Default)]
struct Memory {
    seen: HashSet<(Fingerprint, Fingerprint)>,
    order: VecDeque<(Fingerprint, Fingerprint)>,
    counts: Counts,
}

impl Memory {
    fn first_time(&mut self, event: (Fingerprint, Fingerprint)) -> bool {
        if !self.seen.insert(event) {
            return false;
        }
        self.order.push_back(event);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        true
    }
}

impl Counts {
    fn add(&mut self, other: &Self) {
        let Self { verified, refused, rung, repeated, foreign, ignored } = other;
        self.verified += verified;
        self.refused += refused;
        self.rung += rung;
        self.repeated += repeated;
        self.foreign += foreign;
        self.ignored += ignored;
    }
}
