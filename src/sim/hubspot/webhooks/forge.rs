//! Deliveries nobody should believe, or be hurt by: `POST /_sim/webhooks/forge`.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::{
    super::{
        State,
        changes::{ChangeKind, ContactChange},
        control::Reply,
    },
    ControlError, Fake, HubSpotSim, TIMEOUT, event, sign,
};
use crate::{runtime::transport::HttpRequest, sim::shared::parse};

/// How old a stale delivery is: twice what is allowed.
const STALE: Duration = Duration::from_mins(10);
/// Size of an oversized delivery.
const OVERSIZED: usize = 2 * 1024 * 1024;

/// What is wrong with a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Forgery {
    /// Signed with a secret of the forger's.
    Forged,
    /// Signed with the secret, ten minutes ago.
    Stale,
    /// The last delivery that was taken, once more, to the letter.
    Replayed,
    /// Signed with the secret, but no JSON.
    Malformed,
    /// Signed with the secret, 2 MiB.
    Oversized,
}

impl HubSpotSim {
    /// Sends a delivery of this kind to where webhooks go, and tells what it is answered. Needs [`super::run`] to be running.
    pub async fn forge_webhook(&self, kind: Forgery) -> Result<u16, ControlError> {
        let (reply, answer) = oneshot::channel();
        {
            let mut state = self.lock();
            let request = state.forgery(kind)?;
            state.webhooks.forgeries.push_back(Fake { request, reply });
            state.portal.wake.notify_one();
        }
        let answer = tokio::time::timeout(TIMEOUT + Duration::from_secs(1), answer).await;
        let status = answer.ok().and_then(Result::ok).flatten();
        status.ok_or_else(|| ControlError::new(504, "the delivery was not answered"))
    }
}

impl State {
    fn forgery(&mut self, kind: Forgery) -> Result<HttpRequest, ControlError> {
        let webhooks = &self.webhooks;
        let target = webhooks.target.clone().ok_or_else(|| ControlError::new(409, "webhooks are off"))?;
        let now = self.portal.now;
        let mut target = (*target).clone();
        let body = match kind {
            Forgery::Replayed => {
                let taken = webhooks.taken.clone();
                return taken.ok_or_else(|| ControlError::new(409, "no delivery has been taken yet"));
            }
            Forgery::Malformed => Bytes::from_static(b"[{\"eventId\":"),
            Forgery::Forged | Forgery::Stale => self.believable(&target),
            Forgery::Oversized => {
                let mut body = self.believable(&target).to_vec();
                body.resize(OVERSIZED, b' ');
                Bytes::from(body)
            }
        };
        if kind == Forgery::Forged {
            target.secret = format!("not-{}", target.secret);
        }
        let age = if kind == Forgery::Stale { STALE } else { Duration::ZERO };
        Ok(sign::request(&target, body, now.checked_sub(age).unwrap_or(now)))
    }

    /// A new event that would ring if it were believed.
    fn believable(&mut self, target: &super::WebhookTarget) -> Bytes {
        let portal = &self.portal;
        let change = ContactChange {
            object_id: portal.contacts.records.keys().next().copied().unwrap_or(201),
            kind: ChangeKind::PropertyChange { name: "hubspot_owner_id".to_owned(), value: String::new() },
            at: portal.now,
            source_type: "CRM_UI",
            source_id: "userId:42".to_owned(),
        };
        let events = event::told(&change, target, portal.config.portal_id, &mut self.webhooks.rng);
        Bytes::from(Value::Array(events).to_string())
    }
}

/// Whether a control request asks for a forgery: the one control route that takes time.
pub(in super::super) fn is_forgery(request: &Request<Bytes>) -> bool {
    request.method() == Method::POST && request.uri().path().trim_end_matches('/') == "/_sim/webhooks/forge"
}

/// Answers it.
pub(in super::super) async fn forge(sim: &HubSpotSim, body: &Bytes) -> Reply {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        kind: Forgery,
    }
    let Order { kind } = parse(body)?;
    let status = sim.forge_webhook(kind).await?;
    Ok(Some(json!({ "status": status })))
}
