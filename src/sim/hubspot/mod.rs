//! A simulated HubSpot portal, in memory, for tests, the demo and `tec-crm simulate`. Answers as API.md says HubSpot does,
//! from its own structures: it may use `domain`, `runtime` and the transport trait, and must not use the client's code,
//! so that a mistake in the client is not mirrored here.
//!
//! One door, [`HubSpotSim::handle`], serves sockets ([`serve`]) and processes ([`HubSpotSim::transport`]) alike. Time is the
//! injected clock plus what `/_sim/clock` added, waiting is tokio's, chance comes from one seed: the same requests in the same
//! order get byte-identical answers, correlation ids included. Paths of version `2026-03` and `v3` meet in one store.
//!
//! What of API.md §15 is done, where, and what is left out and why is the list in `checklist`; what HubSpot's behaviour is where
//! that is not established is a switch ([`Switches`]).

mod account;
mod actions;
mod answer;
mod association_api;
mod associations;
mod auth;
mod batch;
mod changes;
mod checklist;
mod config;
mod contact_actions;
mod contact_api;
mod contact_batch;
mod contact_check;
mod contact_merge;
mod contacts;
mod control;
mod crm_users;
mod engagement_api;
mod engagement_batch;
mod engagement_search;
mod engagement_values;
mod engagements;
mod faults;
mod groups;
mod input;
mod lagged;
mod limits;
mod markup;
mod neighbour;
mod noise;
mod oauth;
mod objects;
mod owners;
mod people;
mod portal;
mod properties;
mod route;
mod schema;
mod search;
mod search_filter;
mod seed;
mod state_file;
mod switches;
#[cfg(test)]
mod tests;
mod timeline;
mod users;
mod webhooks;
mod witness;

use std::{
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, header};
use jiff::Timestamp;
use tokio::net::TcpListener;

pub use self::{
    actions::{ControlError, NewMember},
    config::{ALL_SCOPES, DEFAULT_APP_ID, DEFAULT_TOKEN, SimConfig, TokenConfig},
    neighbour::{NeighbourConfig, NeighbourCounts},
    noise::Noise,
    oauth::{Consent, DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, OAuthApp},
    schema::PropertyUse,
    state_file::{InitialState, StateError},
    switches::{
        AnswersAs, ArchivedName, AssignedDateOnCreate, AssignedDateOnUnassign, CrmRecordPolicy, DailyUsage,
        DuplicateGroup, DuplicateOptions, DuplicateUser, EnumerationWithoutOptions, HistoryOrder, InvitationShown,
        InviteEmail, MergedRead, MissingInBatch, MissingScopes, NoAssociations, OptionErrors, OwnerArchival,
        OwnerPolicy, PartialWrites, PastEnd, PendingOwner, PutOmitted, ReadLag, RefreshRotation, RemovedOption,
        RetriedEvents, RetryAfter, Roles, SearchRefusal, SearchTies, Switches, TypeChange, Uninstalled, UnknownId,
        UnknownRoute, WebhookSettings, WrongRegion,
    },
    webhooks::{Forgery, Sink, Subscription, WebhookAttempt, WebhookTarget, run as deliver_webhooks},
    witness::{Exchange, Witness},
};
use self::{
    portal::{Incoming, Portal, later},
    route::Match,
    webhooks::Webhooks,
};
pub use crate::sim::shared::{
    Dropped,
    faults::{Chaos, Fault, FaultReply, FaultRule, When},
    log::{RequestCounts, RouteCount, TraceEntry},
};
use crate::{
    runtime::{clock::Clock, transport::Transport},
    sim::{
        shared::{
            Door,
            faults::{Faults, broken_off},
            in_process, listen,
            log::{LogTicket, RequestLog},
            wait,
        },
        tec::TecSim,
    },
};

/// A simulated portal; clones share it.
#[derive(Clone)]
pub struct HubSpotSim {
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
}

struct State {
    portal: Portal,
    faults: Faults,
    log: RequestLog,
    webhooks: Webhooks,
    /// What `/_sim/clock` has added to the clock.
    ahead: Duration,
    /// The TEC whose control routes are served here.
    tec: Option<TecSim>,
    witness: Option<Witness>,
}

/// A request between its arrival and its answer.
struct Visit {
    found: Option<Match>,
    ticket: LogTicket,
    fault: Option<Fault>,
    /// Waited before the effect.
    before: Duration,
    /// Waited between effect and answer.
    after: Duration,
}

impl HubSpotSim {
    /// A portal with what every portal starts with.
    pub fn new(config: SimConfig, clock: Arc<dyn Clock>) -> Self {
        let webhooks = Webhooks::new(config.seed, config.webhooks.clone());
        let mut portal = Portal::new(config, clock.now());
        portal.collect_changes = webhooks.is_on();
        let (faults, log) = (Faults::new(faults::is_template), RequestLog::default());
        let state = State { portal, faults, log, webhooks, ahead: Duration::ZERO, tec: None, witness: None };
        Self { clock, state: Arc::new(Mutex::new(state)) }
    }

    /// A portal that starts with more (`--state FILE.yaml`).
    pub fn with_state(config: SimConfig, clock: Arc<dyn Clock>, initial: &InitialState) -> Result<Self, StateError> {
        let sim = Self::new(config, clock);
        let mut state = sim.lock();
        initial.apply(&mut state.portal)?;
        // What is there from the start has not happened.
        state.portal.changes.clear();
        drop(state);
        Ok(sim)
    }

    /// Answers one request, of HubSpot's API or of `/_sim`. Half the latency passes before the effect and half after it, so
    /// that a caller who gives up leaves both kinds of doubt.
    pub async fn handle(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Dropped> {
        if control::is_control(request.uri().path()) {
            return Ok(control::handle(self, &request).await);
        }
        let visit = self.arrive(&request);
        wait(visit.before).await;
        let answer = self.act(&request, &visit);
        self.show(&request, answer.as_ref().ok().filter(|_| visit.is_answered_truly()));
        wait(visit.after).await;
        answer
    }

    /// The portal as a transport, without sockets.
    pub fn transport(&self) -> Arc<dyn Transport> {
        in_process(self.clone())
    }

    fn arrive(&self, request: &Request<Bytes>) -> Visit {
        let path = request.uri().path();
        let found = route::find(&input::segments(path));
        let template = found.as_ref().map_or("(unknown)", |found| found.route.template());
        let mut state = self.lock();
        let State { portal, faults, log, .. } = &mut *state;
        let shown = request.uri().path_and_query().map_or(path, http::uri::PathAndQuery::as_str);
        let shown = portal.redact(shown);
        let ticket = log.arrive(portal.now, request.method(), shown, template);
        let fault = faults.strike((request.method(), template, path), portal.now);
        let half = portal.config.latency / 2;
        let (mut before, mut after) = (half, portal.config.latency.saturating_sub(half));
        if let Some(fault) = &fault {
            match fault.when {
                When::Before => before += fault.delay,
                When::After => after += fault.delay,
            }
        }
        Visit { found, ticket, fault, before, after }
    }

    fn act(&self, request: &Request<Bytes>, visit: &Visit) -> Result<Response<Bytes>, Dropped> {
        let mut state = self.lock();
        let State { portal, log, .. } = &mut *state;
        let correlation_id = portal.correlation_id();
        let mut truth = || {
            let header = |name| request.headers().get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
            let incoming = Incoming {
                method: request.method(),
                found: visit.found.as_ref(),
                is_2026_09: route::is_2026_09(request.uri().path()),
                host: request.uri().host().or_else(|| header(header::HOST)),
                bearer: header(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer ")),
                query: request.uri().query(),
                content_type: header(header::CONTENT_TYPE),
                body: request.body(),
            };
            portal.answer(&incoming, &correlation_id)
        };
        let response = match &visit.fault {
            None => truth(),
            Some(Fault { when, reply, delay: _ }) => {
                let answer = if *when == When::After || matches!(reply, FaultReply::True | FaultReply::Cut) {
                    Some(truth())
                } else {
                    None
                };
                match (reply, answer) {
                    (FaultReply::True, Some(answer)) => answer,
                    (FaultReply::Cut, Some(answer)) => broken_off(answer),
                    (FaultReply::Answer { status, body, headers }, _) => {
                        faults::render(*status, body.as_ref(), headers, &correlation_id)
                    }
                    (FaultReply::Drop | FaultReply::True | FaultReply::Cut, _) => return Err(Dropped),
                }
            }
        };
        log.answer(visit.ticket, request.method(), response.status().as_u16());
        Ok(response)
    }

    /// The state, brought up to now.
    fn lock(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now: Timestamp = later(self.clock.now(), state.ahead);
        // HubSpot's dates are whole milliseconds; finer ones would put what refers to them before them.
        state.portal.advance(Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now));
        state
    }
}

impl fmt::Debug for HubSpotSim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HubSpotSim")
    }
}

impl Door for HubSpotSim {
    async fn enter(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Dropped> {
        self.handle(request).await
    }
}

/// Serves the portal on a socket until `shutdown` is done.
pub async fn serve(
    sim: HubSpotSim,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    listen::serve(sim, listener, shutdown).await
}
