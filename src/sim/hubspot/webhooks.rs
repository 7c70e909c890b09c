//! Webhooks as HubSpot sends them (API.md §10.1, §10.2): changes of contacts become events, events batches, and batches are
//! posted until they are taken or a day is over. May be late, twice and out of order, by seed.
//!
//! Here is the queue and who works it off ([`run`]); the events are in `event`, the signatures in `sign`, what others than
//! HubSpot would send in `forge`. The signing code is this simulator's own. Due times are the portal's dates, so that
//! `/_sim/clock` brings retries forward.
//!
//! Choices where HubSpot is silent: a retry keeps its events, and their `eventId` unless switched; what happens in one go is told in one
//! batch; switching off forgets what was not delivered.

mod control;
mod event;
mod forge;
mod sign;

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures::{
    future::BoxFuture,
    stream::{FuturesUnordered, StreamExt as _},
};
use http::{StatusCode, Uri};
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::oneshot;

pub use self::forge::Forgery;
pub(super) use self::{
    control::control,
    forge::{forge, is_forgery},
};
use super::{
    ControlError, DEFAULT_APP_ID, HubSpotSim, State,
    portal::later,
    switches::{RetriedEvents, WebhookSettings},
};
use crate::runtime::transport::{HttpRequest, HttpTransport, Transport as _, TransportError};

/// Most events of one delivery.
const BATCH: usize = 100;
/// Most deliveries under way (`maxConcurrentRequests`).
const CONCURRENT: usize = 10;
/// Who has not answered by then has failed.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Retries after the first attempt.
const RETRIES: u32 = 10;
/// No retry is made later than this after the first attempt.
const RETRY_WITHIN: Duration = Duration::from_hours(24);
/// Middle of the first pause; each is twice the one before. The ten of them make 17 hours, or 21 with the worst of luck.
const FIRST_PAUSE: Duration = Duration::from_mins(1);
/// For so long HubSpot may go by the settings it has seen last.
const SETTINGS_CACHED: Duration = Duration::from_mins(5);
/// Attempts kept in the log.
const LOG_LIMIT: usize = 10_000;

/// Where an app has its webhooks sent, and how well HubSpot does it.
#[derive(Clone)]
pub struct WebhookTarget {
    /// The public URL: what is signed.
    pub url: String,
    /// Where the request really goes.
    pub deliver_to: Uri,
    /// The app's client secret.
    pub secret: String,
    /// The app.
    pub app_id: u64,
    /// What it wants to hear of.
    pub subscriptions: Vec<Subscription>,
    /// How probable it is that an event is told twice.
    pub duplicate_rate: f64,
    /// How probable it is that an event changes places with another.
    pub reorder: f64,
    /// Shortest and longest time from an event to its first delivery.
    pub delay: (Duration, Duration),
}

/// One subscription of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// HubSpot's number for it.
    pub id: u64,
    /// `contact.propertyChange`, `contact.deletion`, `object.creation`, …
    pub event_type: String,
    /// Only changes of this property; of all when absent.
    pub property: Option<String>,
}

/// One attempt at a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookAttempt {
    /// When it was sent, on the simulator's clock.
    pub at: Timestamp,
    /// 0 for the first, up to 10.
    pub attempt: u32,
    /// What was answered; `None` for no answer within five seconds.
    pub status: Option<u16>,
    /// How many events it told.
    pub events: usize,
}

/// Takes requests to where they go: a socket, or a receiver in the same process.
pub trait Sink: Send + Sync + 'static {
    /// Posts one delivery; the status of the answer.
    fn post(&self, request: HttpRequest) -> BoxFuture<'static, Result<StatusCode, TransportError>>;
}

impl<F> Sink for F
where
    F: Fn(HttpRequest) -> BoxFuture<'static, Result<StatusCode, TransportError>> + Send + Sync + 'static,
{
    fn post(&self, request: HttpRequest) -> BoxFuture<'static, Result<StatusCode, TransportError>> {
        self(request)
    }
}

impl Sink for HttpTransport {
    fn post(&self, request: HttpRequest) -> BoxFuture<'static, Result<StatusCode, TransportError>> {
        let answer = self.send(request);
        Box::pin(async move { Ok(answer.await?.status()) })
    }
}

impl WebhookTarget {
    /// An app that wants to hear of owners, deletions and merges, and is told promptly, once and in order.
    pub fn new(
        url: impl Into<String>,
        deliver_to: &str,
        secret: impl Into<String>,
    ) -> Result<Self, http::uri::InvalidUri> {
        let subscription = |id, event_type: &str, property: Option<&str>| Subscription {
            id,
            event_type: event_type.to_owned(),
            property: property.map(str::to_owned),
        };
        Ok(Self {
            url: url.into(),
            deliver_to: deliver_to.parse()?,
            secret: secret.into(),
            app_id: DEFAULT_APP_ID,
            subscriptions: vec![
                subscription(11, "contact.propertyChange", Some("hubspot_owner_id")),
                subscription(12, "contact.deletion", None),
                subscription(13, "contact.merge", None),
            ],
            duplicate_rate: 0.0,
            reorder: 0.0,
            delay: (Duration::ZERO, Duration::ZERO),
        })
    }
}

impl fmt::Debug for WebhookTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookTarget").field("app_id", &self.app_id).finish_non_exhaustive()
    }
}

impl HubSpotSim {
    /// Has changes of contacts told from now on.
    pub fn start_webhooks(&self, target: WebhookTarget) {
        self.lock().change_webhooks(Some(target));
    }

    /// Tells no more; what was not delivered is forgotten.
    pub fn stop_webhooks(&self) {
        self.lock().change_webhooks(None);
    }

    /// The latest 10,000 attempts, oldest first.
    pub fn webhook_attempts(&self) -> Vec<WebhookAttempt> {
        self.lock().webhooks.log.iter().cloned().collect()
    }
}

/// What is to be told, and what has been.
pub(super) struct Webhooks {
    target: Option<Arc<WebhookTarget>>,
    rng: fastrand::Rng,
    /// By the time they are due, then by number.
    queue: BTreeMap<(Timestamp, u64), Delivery>,
    numbered: u64,
    /// Sent as they are, at once; nobody retries them.
    forgeries: VecDeque<Fake>,
    log: VecDeque<WebhookAttempt>,
    /// The last delivery that was taken.
    taken: Option<HttpRequest>,
    /// New settings, and when they count.
    coming: Option<(Timestamp, Option<WebhookTarget>)>,
}

/// Some events on their way.
struct Delivery {
    target: Arc<WebhookTarget>,
    events: Vec<Value>,
    attempt: u32,
    /// When it was sent first.
    since: Option<Timestamp>,
}

/// A request of somebody else's making, and who wants to know what it was answered.
struct Fake {
    request: HttpRequest,
    reply: oneshot::Sender<Option<u16>>,
}

enum Job {
    Tell(Delivery),
    Fake(Fake),
}

impl Webhooks {
    pub(super) fn new(seed: u64, target: Option<WebhookTarget>) -> Self {
        Self {
            target: target.map(Arc::new),
            // Its own, so that webhooks change nothing in what the API answers.
            rng: fastrand::Rng::with_seed(seed ^ 0x7765_6268_6f6f_6b73),
            queue: BTreeMap::new(),
            numbered: 0,
            forgeries: VecDeque::new(),
            log: VecDeque::new(),
            taken: None,
            coming: None,
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.target.is_some()
    }

    fn put(&mut self, due: Timestamp, delivery: Delivery) {
        self.numbered += 1;
        self.queue.insert((due, self.numbered), delivery);
    }

    /// Doubling, a quarter more or less.
    fn pause(&mut self, attempt: u32) -> Duration {
        FIRST_PAUSE.saturating_mul(1 << attempt.min(RETRIES)).mul_f64(0.75 + 0.5 * self.rng.f64())
    }

    /// An attempt is over.
    fn settle(&mut self, delivery: Delivery, request: HttpRequest, sent: Timestamp, outcome: (Option<u16>, Timestamp)) {
        let Delivery { target, events, attempt, since } = delivery;
        let (status, now) = outcome;
        if self.log.len() >= LOG_LIMIT {
            self.log.pop_front();
        }
        self.log.push_back(WebhookAttempt { at: sent, attempt, status, events: events.len() });
        if status.is_some_and(|status| (200..300).contains(&status)) {
            self.taken = Some(request);
            return;
        }
        let since = since.unwrap_or(sent);
        let due = later(now, self.pause(attempt));
        let wanted = self.target.as_ref().is_some_and(|current| Arc::ptr_eq(current, &target));
        if wanted && attempt < RETRIES && due <= later(since, RETRY_WITHIN) {
            self.put(due, Delivery { target, events, attempt: attempt + 1, since: Some(since) });
        }
    }
}

impl State {
    /// New settings: at once, or when HubSpot looks at them again (switch).
    fn change_webhooks(&mut self, target: Option<WebhookTarget>) {
        let cached = self.portal.config.switches.webhook_settings == WebhookSettings::Cached;
        if cached && self.webhooks.is_on() {
            self.webhooks.coming = Some((later(self.portal.now, SETTINGS_CACHED), target));
        } else {
            self.set_webhooks(target);
        }
        self.portal.wake.notify_one();
    }

    fn set_webhooks(&mut self, target: Option<WebhookTarget>) {
        self.webhooks.coming = None;
        self.portal.changes.clear();
        self.portal.collect_changes = target.is_some();
        self.webhooks.queue.clear();
        self.webhooks.taken = None;
        self.webhooks.target = target.map(Arc::new);
    }

    /// Makes deliveries of what has happened.
    fn gather(&mut self) {
        self.tell();
        if self.webhooks.coming.as_ref().is_some_and(|(due, _)| *due <= self.portal.now)
            && let Some((_, target)) = self.webhooks.coming.take()
        {
            self.set_webhooks(target);
        }
    }

    fn tell(&mut self) {
        let Self { portal, webhooks, .. } = self;
        let Some(target) = webhooks.target.clone() else { return };
        let changes: Vec<_> = portal.changes.drain(..).collect();
        let rng = &mut webhooks.rng;
        let mut events: Vec<Value> =
            changes.iter().flat_map(|change| event::told(change, &target, portal.config.portal_id, rng)).collect();
        // From the end, so that no copy is copied.
        for at in (0..events.len()).rev() {
            if rng.f64() < target.duplicate_rate {
                let again = events[at].clone();
                events.insert(rng.usize(at + 1..=events.len()), again);
            }
        }
        for at in 0..events.len() {
            if rng.f64() < target.reorder {
                let other = rng.usize(..events.len());
                events.swap(at, other);
            }
        }
        let (shortest, longest) = target.delay;
        while !events.is_empty() {
            let rest = events.split_off(events.len().min(BATCH));
            let events = std::mem::replace(&mut events, rest);
            let delay = shortest + longest.saturating_sub(shortest).mul_f64(webhooks.rng.f64());
            webhooks.put(
                later(portal.now, delay),
                Delivery { target: Arc::clone(&target), events, attempt: 0, since: None },
            );
        }
    }

    fn next_job(&mut self) -> Option<Job> {
        if let Some(fake) = self.webhooks.forgeries.pop_front() {
            return Some(Job::Fake(fake));
        }
        let first = self.webhooks.queue.first_entry()?;
        (first.key().0 <= self.portal.now).then(|| Job::Tell(first.remove()))
    }

    /// How long until the next delivery is due.
    fn next_due(&self) -> Option<Duration> {
        let delivery = self.webhooks.queue.first_key_value().map(|((due, _), _)| *due);
        let settings = self.webhooks.coming.as_ref().map(|(due, _)| *due);
        let due = delivery.into_iter().chain(settings).min()?;
        Some(Duration::try_from(due.duration_since(self.portal.now)).unwrap_or_default())
    }
}

/// Delivers, for ever: to be spawned once for a portal whose webhooks are, or may be, switched on.
pub async fn run(sim: HubSpotSim, sink: impl Sink) {
    let wake = Arc::clone(&sim.lock().portal.wake);
    let mut under_way = FuturesUnordered::new();
    loop {
        sim.lock().gather();
        while under_way.len() < CONCURRENT
            && let Some(job) = { sim.lock().next_job() }
        {
            under_way.push(attempt(&sim, &sink, job));
        }
        let full = under_way.len() >= CONCURRENT;
        let due = if full { None } else { sim.lock().next_due() };
        tokio::select! {
            biased;
            Some(()) = under_way.next(), if !under_way.is_empty() => {}
            () = wake.notified() => {}
            () = tokio::time::sleep(due.unwrap_or_default()), if due.is_some() => {}
        }
    }
}

async fn attempt(sim: &HubSpotSim, sink: &impl Sink, job: Job) {
    match job {
        Job::Fake(Fake { request, reply }) => {
            // Who asked may be gone.
            let _unheard = reply.send(post(sink, request).await);
        }
        Job::Tell(mut delivery) => {
            let sent = sim.now();
            {
                let State { portal, webhooks, .. } = &mut *sim.lock();
                let new_ids = portal.config.switches.retried_events == RetriedEvents::GetNewIds;
                for event in &mut delivery.events {
                    event["attemptNumber"] = delivery.attempt.into();
                    if new_ids && delivery.attempt > 0 {
                        event["eventId"] = webhooks.rng.u32(..).into();
                    }
                }
            }
            let body = Bytes::from(Value::Array(delivery.events.clone()).to_string());
            let request = sign::request(&delivery.target, body, sent);
            let status = post(sink, request.clone()).await;
            let mut state = sim.lock();
            let now = state.portal.now;
            state.webhooks.settle(delivery, request, sent, (status, now));
        }
    }
}

/// The status of the answer, if one comes in time.
async fn post(sink: &impl Sink, request: HttpRequest) -> Option<u16> {
    let answer = tokio::time::timeout(TIMEOUT, sink.post(request)).await;
    Some(answer.ok()?.ok()?.as_u16())
}
