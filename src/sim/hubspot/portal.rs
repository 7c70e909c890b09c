//! The portal itself: everything HubSpot remembers, and the front desk every request passes (region, token, limits,
//! scopes, then the route). One lock outside guards it; nothing here waits.

use std::{
    collections::{BTreeMap, VecDeque},
    mem::take,
    sync::Arc,
};

use bytes::Bytes;
use http::{Method, Response};
use jiff::Timestamp;
use serde_json::json;
use tokio::sync::Notify;

use super::{
    account,
    answer::{ApiError, Outcome, put_header, render, respond},
    association_api,
    auth::{TokenKind, Tokens},
    batch,
    changes::ContactChange,
    config::SimConfig,
    contact_api, contact_batch, contact_merge,
    contacts::Contacts,
    crm_users, engagement_api,
    engagements::Engagements,
    groups,
    input::Query,
    limits::{Limits, Payer},
    oauth, owners,
    people::People,
    properties,
    route::{Match, Route},
    schema::Schema,
    search, seed,
    switches::{AnswersAs, RetryAfter, SearchRefusal, Switches, UnknownRoute},
    users,
};
pub(super) use crate::sim::shared::later;

const NO_PAGE: Bytes =
    Bytes::from_static(b"<html><head><title>404</title></head><body><h1>Not found</h1></body></html>");

/// All state of one portal.
pub(super) struct Portal {
    pub config: SimConfig,
    /// The date of what is happening now.
    pub now: Timestamp,
    pub rng: fastrand::Rng,
    pub tokens: Tokens,
    pub oauth: oauth::Apps,
    pub limits: Limits,
    pub people: People,
    pub schema: Schema,
    pub contacts: Contacts,
    pub engagements: Engagements,
    /// What happened to contacts and nobody has told yet.
    pub changes: VecDeque<ContactChange>,
    /// Whether `changes` is kept at all.
    pub collect_changes: bool,
    /// Rung when there is something new to tell.
    pub wake: Arc<Notify>,
}

/// Who acts: HubSpot writes it into histories and `updatedUserId`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Actor {
    /// An API call of an app, on behalf of the user who made its token.
    App { app_id: u64, user_id: u64 },
    /// A person in HubSpot's pages.
    Person { user_id: u64 },
    /// A person who marked several records in a list.
    PersonInBulk { user_id: u64 },
    /// A merge somebody asked for.
    Merge { user_id: u64 },
}

impl Actor {
    pub(super) fn user_id(self) -> u64 {
        match self {
            Self::App { user_id, .. }
            | Self::Person { user_id }
            | Self::PersonInBulk { user_id }
            | Self::Merge { user_id } => user_id,
        }
    }

    /// `sourceType` and `sourceId` of a property's history (API.md §8.1).
    pub(super) fn source(self) -> (&'static str, String) {
        match self {
            Self::App { app_id, .. } => ("INTEGRATION", app_id.to_string()),
            Self::Person { user_id } => ("CRM_UI", format!("userId:{user_id}")),
            Self::PersonInBulk { user_id } => ("CRM_UI_BULK_ACTION", format!("userId:{user_id}")),
            Self::Merge { user_id } => ("MERGE_CONTACTS", format!("userId:{user_id}")),
        }
    }
}

/// A request at its route.
pub(super) struct Call<'a> {
    /// The id or name in the path.
    pub arg: &'a str,
    pub query: Query,
    pub body: &'a Bytes,
    pub actor: Actor,
}

/// A request as it reaches the front desk.
pub(super) struct Incoming<'a> {
    pub method: &'a Method,
    pub found: Option<&'a Match>,
    /// Whether the path asks for version 2026-09.
    pub is_2026_09: bool,
    pub host: Option<&'a str>,
    pub bearer: Option<&'a str>,
    pub query: Option<&'a str>,
    pub content_type: Option<&'a str>,
    pub body: &'a Bytes,
}

impl Portal {
    pub(super) fn new(config: SimConfig, now: Timestamp) -> Self {
        let limits = Limits::new(&config, now);
        let mut portal = Self {
            now,
            rng: fastrand::Rng::with_seed(config.seed),
            tokens: Tokens::default(),
            oauth: oauth::Apps::default(),
            limits,
            people: People::default(),
            schema: Schema::default(),
            contacts: Contacts::default(),
            engagements: Engagements::default(),
            changes: VecDeque::new(),
            collect_changes: false,
            wake: Arc::default(),
            config,
        };
        portal.without_lags(seed::plant);
        portal
    }

    /// Does what was done long ago: nothing lags behind it.
    pub(super) fn without_lags<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let Switches { read_lag, owner_after_acceptance, .. } = &mut self.config.switches;
        let lags = (take(read_lag), take(owner_after_acceptance), take(&mut self.config.search_lag));
        let done = work(self);
        let Switches { read_lag, owner_after_acceptance, .. } = &mut self.config.switches;
        (*read_lag, *owner_after_acceptance, self.config.search_lag) = lags;
        done
    }

    /// Moves to `now`, letting everything happen that was due on the way.
    pub(super) fn advance(&mut self, now: Timestamp) {
        let now = now.max(self.now);
        while let Some((due, event)) = self.people.take_due(now) {
            self.now = due.max(self.now);
            self.happen(event);
        }
        self.now = now;
        properties::purge(self);
    }

    /// A `UUIDv7`, as HubSpot's correlation ids are lately.
    pub(super) fn correlation_id(&mut self) -> String {
        let millis = u64::try_from(self.now.as_millisecond()).unwrap_or(0);
        let (a, b) = (self.rng.u16(..) & 0x0fff, self.rng.u64(..));
        let clock = 0x8000 | ((b >> 48) & 0x3fff);
        format!(
            "{:08x}-{:04x}-7{a:03x}-{clock:04x}-{:012x}",
            (millis >> 16) & 0xffff_ffff,
            millis & 0xffff,
            b & 0xffff_ffff_ffff
        )
    }

    /// Until when reads may show what was before a write made now.
    pub(super) fn reads_follow(&mut self) -> Timestamp {
        let lag = self.config.switches.read_lag;
        if lag.max.is_zero() {
            return self.now;
        }
        let spread = lag.max.saturating_sub(lag.min).mul_f64(self.rng.f64());
        later(self.now, lag.min + spread)
    }

    /// A request with its effect and its answer.
    pub(super) fn answer(&mut self, incoming: &Incoming<'_>, correlation_id: &str) -> Response<Bytes> {
        let mut metered = None;
        let outcome = self.admit(incoming, &mut metered);
        let outcome = match outcome {
            Err(mut error) if error.status == 429 && self.config.switches.retry_after == RetryAfter::Absent => {
                error.headers.clear();
                Err(error)
            }
            other => other,
        };
        let mut response = match (incoming.found, self.config.switches.unknown_route) {
            (None, UnknownRoute::Html) if is_status(&outcome, 404) => respond(404, "text/html;charset=utf-8", NO_PAGE),
            (None, UnknownRoute::Empty) if is_status(&outcome, 404) => respond(404, "text/plain", Bytes::new()),
            _ => render(self.told(outcome, incoming.is_2026_09), correlation_id),
        };
        put_header(&mut response, "x-hubspot-correlation-id", correlation_id);
        if let Some(payer) = metered {
            self.limits.standing(self.now, payer).write(&mut response);
        }
        response
    }

    /// An outcome as version and noise make it.
    fn told(&self, outcome: Outcome, is_2026_09: bool) -> Outcome {
        let Switches { answers_as, noise, .. } = &self.config.switches;
        let is_2026_09 = is_2026_09 || *answers_as == AnswersAs::V2026_09;
        match outcome {
            Ok(mut answer) => {
                if answer.status == 207 && is_2026_09 {
                    answer.status = 200;
                }
                answer.body = answer.body.map(|body| noise.over(body));
                Ok(answer)
            }
            Err(mut error) => {
                error.body = noise.over_object(error.body);
                Err(error)
            }
        }
    }

    /// Counts a request, or refuses it in the words the switches choose.
    fn meter(&mut self, payer: Payer, is_search: bool) -> Result<(), ApiError> {
        let Err(mut refused) = self.limits.take(self.now, payer, is_search) else { return Ok(()) };
        let by_search = refused.body.get("policyName").is_some_and(|policy| policy == "SECONDLY");
        if by_search {
            if self.config.switches.refused_search_counts {
                self.limits.charge();
            }
            match self.config.switches.search_refusal {
                SearchRefusal::Secondly => {}
                SearchRefusal::TenSecondly => refused = refused.with("policyName", json!("TEN_SECONDLY_ROLLING")),
                SearchRefusal::Unnamed => drop(refused.body.remove("policyName")),
            }
        }
        Err(refused)
    }

    fn admit(&mut self, incoming: &Incoming<'_>, metered: &mut Option<Payer>) -> Outcome {
        let Incoming { method, found, is_2026_09: _, host, bearer, query, content_type, body } = *incoming;
        if let Some(Match { route, .. }) = found
            && route.is_token_endpoint()
        {
            return oauth::answer(self, *route, incoming);
        }
        self.check_region(host)?;
        let Some(Match { route, arg }) = found else {
            return Err(ApiError::new(404, "resource not found"));
        };
        if *route == Route::TokenInfo && method == Method::POST {
            return self.token_info(body, bearer);
        }
        let grant = self.tokens.check(bearer, self.now)?;
        let payer = match grant.kind {
            TokenKind::Static => Payer::Private(grant.app_id),
            TokenKind::OAuth { .. } => Payer::OAuth(grant.app_id),
        };
        let is_search = route.is_search();
        if !is_search {
            *metered = Some(payer);
        }
        self.meter(payer, is_search)?;
        self.check_scopes(&grant, *route, method)?;
        if !body.is_empty() && content_type.is_some_and(|kind| !kind.starts_with("application/json")) {
            return Err(unsupported_media_type());
        }
        let actor = Actor::App { app_id: grant.app_id, user_id: grant.user_id };
        let call = Call { arg, query: Query::parse(query), body, actor };
        self.dispatch(*route, method, &call)
    }

    fn dispatch(&mut self, route: Route, method: &Method, call: &Call<'_>) -> Outcome {
        match (route, method.as_str()) {
            (Route::AccountDetails, "GET") => Ok(account::details(self)),
            (Route::DailyUsage, "GET") => account::daily_usage(self),
            (Route::CustomPropertyLimits, "GET") => Ok(account::custom_property_limits(self)),
            (Route::Users, "GET") => users::list(self, call),
            (Route::Users, "POST") => users::create(self, call),
            (Route::User, "GET") => users::get(self, call),
            (Route::User, "PUT") => users::replace(self, call),
            (Route::User, "DELETE") => users::delete(self, call),
            (Route::Roles, "GET") => users::roles(self),
            (Route::Teams, "GET") => Ok(users::teams(self)),
            (Route::Owners, "GET") => owners::list(self, call),
            (Route::Owner, "GET") => owners::get(self, call),
            (Route::CrmUsers, "GET") => crm_users::list(self, call),
            (Route::CrmUser, "GET") => crm_users::get(self, call),
            (Route::UserProperties, "GET") => crm_users::list_properties(self, call),
            (Route::UserProperty, "GET") => crm_users::get_property(self, call),
            (Route::ContactSearch, "POST") => search::search(self, call),
            (Route::Contacts, "GET") => contact_api::list(self, call),
            (Route::Contacts, "POST") => contact_api::create(self, call),
            (Route::Contact, "GET") => contact_api::get(self, call),
            (Route::Contact, "PATCH") => contact_api::update(self, call),
            (Route::Contact, "DELETE") => contact_api::archive(self, call),
            (Route::ContactBatchRead, "POST") => contact_batch::read(self, call),
            (Route::ContactBatchCreate, "POST") => contact_batch::create(self, call),
            (Route::ContactBatchUpdate, "POST") => contact_batch::update(self, call),
            (Route::ContactBatchUpsert, "POST") => contact_batch::upsert(self, call),
            (Route::ContactBatchArchive, "POST") => contact_batch::archive(self, call),
            (Route::ContactMerge, "POST") => contact_merge::merge(self, call),
            (Route::Properties, "GET") => properties::list(self, call),
            (Route::Properties, "POST") => properties::create(self, call),
            (Route::Property, "GET") => properties::get(self, call),
            (Route::Property, "PATCH") => properties::update(self, call),
            (Route::Property, "DELETE") => properties::archive(self, call),
            (Route::PropertyBatchCreate, "POST") => batch::create(self, call),
            (Route::PropertyBatchRead, "POST") => batch::read(self, call),
            (Route::PropertyBatchArchive, "POST") => batch::archive(self, call),
            (Route::Groups, "GET") => Ok(groups::list(self)),
            (Route::Groups, "POST") => groups::create(self, call),
            (Route::Group, "GET") => groups::get(self, call),
            (Route::Group, "PATCH") => groups::update(self, call),
            (Route::Group, "DELETE") => groups::archive(self, call),
            (Route::Engagement(kind, path), _) => engagement_api::dispatch(self, kind, path, method, call),
            (Route::Association(path, from, to), _) => association_api::dispatch(self, path, (from, to), method, call),
            (Route::UnknownObjectType, _) => {
                Err(ApiError::invalid(format!("Unable to infer object type from: {}", call.arg)))
            }
            _ => Err(not_allowed(method)),
        }
    }
}

fn is_status(outcome: &Outcome, status: u16) -> bool {
    outcome.as_ref().is_err_and(|error| error.status == status)
}

pub(super) fn not_allowed(method: &Method) -> ApiError {
    ApiError::new(405, format!("HTTP {method} is not allowed here")).category("VALIDATION_ERROR")
}

pub(super) fn unsupported_media_type() -> ApiError {
    ApiError::new(415, "HTTP 415 Unsupported Media Type").category("VALIDATION_ERROR")
}

/// Numbers of one kind of thing, never reused.
#[derive(Clone, Copy, Debug)]
pub(super) struct IdSpace(u64);

impl IdSpace {
    pub(super) const fn starting_at(first: u64) -> Self {
        Self(first)
    }

    pub(super) fn next(&mut self) -> u64 {
        let id = self.0;
        self.0 += 1;
        id
    }
}

/// Names to values, in order of name.
pub(super) type ByName<T> = BTreeMap<String, T>;
