//! A simulated TEC, in memory, for tests, the demo and `tec-crm simulate`. Answers as `src/tec/openapi.yaml` says, from its
//! own structures: it must not use the client's code, so that a mistake in the client is not mirrored here.
//!
//! Strict about input (whatever the contract does not name is 400 `INVALID_REQUEST`), complete in output. It begins and
//! stops leads and says nothing of its own accord: what happens to a lead is told by [`TecSim::say`], or by
//! `POST /_sim/tec/events` on the HubSpot simulator it is attached to.
//!
//! Delivery is as bad as the contract allows, where [`TecConfig`] asks for it: events delivered again in a later page, also
//! after newer ones, and events of different leads out of order. Time is the injected clock, waiting is tokio's, chance
//! comes from one seed.

mod actions;
mod answer;
mod control;
mod feed;
mod input;
mod leads;
mod lists;
mod say;
#[cfg(test)]
mod tests;

use std::{
    fmt, io,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, header};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Notify, time::Instant};

pub(in crate::sim) use self::control::control;
pub use self::lists::{InitialTec, NewAssistant, NewSchedule};
use self::{
    answer::{Refusal, render},
    feed::Feed,
    input::{Page, Query},
    leads::Leads,
    lists::Lists,
};
use crate::{
    runtime::{clock::Clock, lock, transport::Transport},
    sim::shared::{
        Door, Dropped,
        faults::{Fault, FaultReply, Faults, When, broken_off},
        in_process, later, listen,
        log::RequestLog,
        wait,
    },
};

/// The token of [`TecConfig::default`].
pub const DEFAULT_TOKEN: &str = "tec-00000000-0000-4000-8000-000000000001";

/// What a simulated TEC is like.
#[derive(Clone)]
pub struct TecConfig {
    /// The token that is accepted.
    pub token: String,
    /// Decides everything left to chance.
    pub seed: u64,
    /// Time an answer takes besides waiting for events: half passes before the effect, half after it.
    pub latency: Duration,
    /// Probability that an event is delivered a second time, in a later page, perhaps after newer ones.
    pub duplicates: f64,
    /// Over how many events not yet delivered a new one may be moved ahead of those of other leads.
    pub reorder: usize,
    /// Time from the first new event to the answer of a waiting poll, in which others may join it.
    pub poll_delay: Duration,
    /// Probability that an item of a batch is refused as `TEMPORARY`.
    pub temporary: f64,
}

impl Default for TecConfig {
    fn default() -> Self {
        Self {
            token: DEFAULT_TOKEN.to_owned(),
            seed: 1,
            latency: Duration::ZERO,
            duplicates: 0.0,
            reorder: 0,
            poll_delay: Duration::ZERO,
            temporary: 0.0,
        }
    }
}

impl fmt::Debug for TecConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TecConfig").field("seed", &self.seed).finish_non_exhaustive()
    }
}

/// A simulated TEC; clones share it.
#[derive(Clone)]
pub struct TecSim {
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
    /// Something was said.
    said: Arc<Notify>,
}

struct State {
    config: TecConfig,
    rng: fastrand::Rng,
    lists: Lists,
    leads: Leads,
    feed: Feed,
    faults: Faults,
    log: RequestLog,
    /// What `/_sim/clock` has added to the clock.
    ahead: Duration,
    /// Polls wait no more: the socket is closing.
    closing: bool,
}

/// The routes of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Assistants,
    Schedules,
    CreateLeads,
    StopLeads,
    Events,
}

impl Route {
    const ALL: [Self; 5] = [Self::Assistants, Self::Schedules, Self::CreateLeads, Self::StopLeads, Self::Events];

    /// The path; faults and counts go by it.
    fn template(self) -> &'static str {
        match self {
            Self::Assistants => "/v1/assistants",
            Self::Schedules => "/v1/schedules",
            Self::CreateLeads => "/v1/leads/batch",
            Self::StopLeads => "/v1/leads/stop/batch",
            Self::Events => "/v1/events",
        }
    }

    fn method(self) -> Method {
        match self {
            Self::Assistants | Self::Schedules | Self::Events => Method::GET,
            Self::CreateLeads | Self::StopLeads => Method::POST,
        }
    }

    fn find(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|route| route.template() == path)
    }
}

impl TecSim {
    /// A TEC without assistants, schedules and leads.
    pub fn new(config: TecConfig, clock: Arc<dyn Clock>) -> Self {
        let state = State {
            rng: fastrand::Rng::with_seed(config.seed),
            config,
            lists: Lists::default(),
            leads: Leads::default(),
            feed: Feed::default(),
            faults: Faults::new(|route| Route::find(route).is_some()),
            log: RequestLog::default(),
            ahead: Duration::ZERO,
            closing: false,
        };
        Self { clock, state: Arc::new(Mutex::new(state)), said: Arc::default() }
    }

    /// Answers one request. Half the latency passes before the effect and half after it, so that a caller who gives up
    /// leaves both kinds of doubt.
    pub async fn handle(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Dropped> {
        let path = request.uri().path();
        let template = Route::find(path).map_or("(unknown)", Route::template);
        let (ticket, fault, latency) = {
            let now = self.now();
            let mut state = self.lock();
            let State { config, faults, log, .. } = &mut *state;
            let shown = request.uri().path_and_query().map_or(path, http::uri::PathAndQuery::as_str);
            let ticket = log.arrive(now, request.method(), shown.to_owned(), template);
            (ticket, faults.strike((request.method(), template, path), now), config.latency)
        };
        let Fault { when, delay, reply } = fault.unwrap_or_default();
        let (before, after) = match when {
            When::Before => (delay, Duration::ZERO),
            When::After => (Duration::ZERO, delay),
        };
        wait(latency / 2 + before).await;
        let truth = match (when, &reply) {
            (When::Before, FaultReply::Drop | FaultReply::Answer { .. }) => None,
            _ => Some(render(self.truth(&request).await)),
        };
        let response = match (reply, truth) {
            (FaultReply::True, Some(truth)) => truth,
            (FaultReply::Cut, Some(truth)) => broken_off(truth),
            (FaultReply::Answer { status, body, headers }, _) => answer::fault(status, body.as_ref(), &headers),
            (FaultReply::Drop | FaultReply::True | FaultReply::Cut, _) => {
                wait(latency.saturating_sub(latency / 2) + after).await;
                return Err(Dropped);
            }
        };
        self.lock().log.answer(ticket, request.method(), response.status().as_u16());
        wait(latency.saturating_sub(latency / 2) + after).await;
        Ok(response)
    }

    /// The TEC as a transport, without sockets.
    pub fn transport(&self) -> Arc<dyn Transport> {
        in_process(self.clone())
    }

    /// What the contract says is the answer.
    async fn truth(&self, request: &Request<Bytes>) -> Result<Value, Refusal> {
        self.authorize(request)?;
        let route = Route::find(request.uri().path()).filter(|route| route.method() == request.method());
        let route = route.ok_or_else(Refusal::not_found)?;
        let known: &[&str] = match route {
            Route::Assistants => &["email", "after", "limit"],
            Route::Schedules => &["after", "limit"],
            Route::CreateLeads | Route::StopLeads => &[],
            Route::Events => &["after", "limit", "waitSeconds"],
        };
        let query = Query::parse(request.uri().query(), known)?;
        match route {
            Route::Assistants => self.lock().lists.assistants(&query),
            Route::Schedules => self.lock().lists.schedules(&query),
            Route::CreateLeads => self.create_leads(input::batch(request)?),
            Route::StopLeads => self.stop_leads(input::batch(request)?),
            Route::Events => self.poll(&query).await,
        }
    }

    fn authorize(&self, request: &Request<Bytes>) -> Result<(), Refusal> {
        let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.strip_prefix("Bearer "));
        if token == Some(self.lock().config.token.as_str()) { Ok(()) } else { Err(Refusal::unauthorized()) }
    }

    /// Events after a cursor; waits for some if there are none.
    async fn poll(&self, query: &Query) -> Result<Value, Refusal> {
        let Page { after, limit } = query.page()?;
        let seconds = query.number("waitSeconds", 0, 0..=30)?;
        let deadline = Instant::now() + Duration::from_secs(seconds);
        loop {
            let said = self.said.notified();
            tokio::pin!(said);
            said.as_mut().enable();
            let poll_delay = {
                let mut state = self.lock();
                let State { config, rng, feed, closing, .. } = &mut *state;
                let (cursor, events) = feed.read(after, limit, config.duplicates, rng)?;
                if !events.is_empty() || *closing || Instant::now() >= deadline {
                    return Ok(json!({ "cursor": cursor, "events": events }));
                }
                config.poll_delay
            };
            if tokio::time::timeout_at(deadline, said).await.is_ok() {
                tokio::time::sleep_until(deadline.min(Instant::now() + poll_delay)).await;
            }
        }
    }

    /// The simulator's date.
    pub fn now(&self) -> Timestamp {
        later(self.clock.now(), self.lock().ahead)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl fmt::Debug for TecSim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TecSim")
    }
}

impl Door for TecSim {
    async fn enter(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Dropped> {
        self.handle(request).await
    }
}

/// Serves TEC on a socket until `shutdown` is done; polls that wait are answered then.
pub async fn serve(
    sim: TecSim,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let closing = sim.clone();
    let shutdown = async move {
        shutdown.await;
        closing.lock().closing = true;
        closing.said.notify_waiters();
    };
    listen::serve(sim, listener, shutdown).await
}
