//! Kubernetes events: what happened to an object, once.
//!
//! kube's own recorder names events after the wall clock, which no simulation can repeat; ours are named after what they
//! say. A repeat of the same words within `QUIET` is not sent. Reasons come from the closed list in `api::condition`.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    api::{core::v1::ObjectReference, events::v1::Event},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::{Api, Resource, api::PostParams};

use crate::{
    api::{FIELD_MANAGER, condition::Reason},
    domain::Fingerprint,
    runtime::{clock::Clock, lock},
};

/// How long the same words are not repeated.
const QUIET: SignedDuration = SignedDuration::from_hours(1);
/// Kubernetes' limit on `note`.
const NOTE_LIMIT: usize = 1024;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// As it should be.
    Normal,
    /// Somebody should look.
    Warning,
}

/// Sends events.
pub struct Events {
    client: kube::Client,
    clock: Arc<dyn Clock>,
    sent: Mutex<BTreeMap<Fingerprint, Timestamp>>,
}

impl Events {
    pub(super) fn new(client: kube::Client, clock: Arc<dyn Clock>) -> Self {
        Self { client, clock, sent: Mutex::default() }
    }

    /// Sends, unless the same was sent a short while ago. A failure is logged: an event is never worth a retry.
    pub async fn send<K: Resource<DynamicType = ()>>(
        &self,
        about: &K,
        (severity, reason): (Severity, Reason),
        action: &str,
        note: &str,
    ) {
        self.send_about(&about.object_ref(&()), (severity, reason), action, note).await;
    }

    /// As [`Self::send`], about an object that cannot be read.
    pub async fn send_about(
        &self,
        reference: &ObjectReference,
        (severity, reason): (Severity, Reason),
        action: &str,
        note: &str,
    ) {
        let now = self.clock.now();
        let uid = reference.uid.as_deref().unwrap_or_default();
        let words = Fingerprint::of(&[uid.as_bytes(), reason.name().as_bytes(), action.as_bytes(), note.as_bytes()]);
        if !self.is_news(words, now) {
            return;
        }
        let namespace = reference.namespace.clone().unwrap_or_else(|| "default".to_owned());
        let api: Api<Event> = Api::namespaced(self.client.clone(), &namespace);
        let event = Event { note: Some(shorten(note)), ..event(reference, (severity, reason), action, (words, now)) };
        match api
            .create(&PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() }, &event)
            .await
        {
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(object = reference.name.as_deref(), reason = %reason, %error, "event not recorded");
            }
        }
    }

    fn is_news(&self, words: Fingerprint, now: Timestamp) -> bool {
        let mut sent = lock(&self.sent);
        sent.retain(|_, at| now.duration_since(*at) < QUIET);
        sent.insert(words, now).is_none()
    }
}

fn event(
    about: &ObjectReference,
    (severity, reason): (Severity, Reason),
    action: &str,
    (words, now): (Fingerprint, Timestamp),
) -> Event {
    let name = format!("{}.{words}.{:x}", about.name.as_deref().unwrap_or("object"), now.as_millisecond());
    Event {
        metadata: ObjectMeta { name: Some(name), namespace: about.namespace.clone(), ..ObjectMeta::default() },
        action: Some(action.to_owned()),
        event_time: Some(MicroTime(now)),
        reason: Some(reason.name()),
        regarding: Some(about.clone()),
        reporting_controller: Some("crm.theeminenceco.com/tec-crm".to_owned()),
        reporting_instance: Some(FIELD_MANAGER.to_owned()),
        type_: Some(match severity {
            Severity::Normal => "Normal".to_owned(),
            Severity::Warning => "Warning".to_owned(),
        }),
        ..Event::default()
    }
}

fn shorten(note: &str) -> String {
    if note.len() <= NOTE_LIMIT {
        return note.to_owned();
    }
    let mut end = NOTE_LIMIT - 3;
    while !note.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &note[..end])
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events")
    }
}
