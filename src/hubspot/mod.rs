//! The HubSpot client: typed calls, errors by meaning, limits obeyed, tokens never shown.
//!
//! Touches `domain`, `runtime` and the network, the last only through [`Transport`]. Decides nothing about
//! portals: no caching, no comparing, no repairing, and no repeat that could do a thing twice. Bodies, queries, tokens
//! and contact data never reach a log line or an error. The facts it rests on are in API.md; HubSpot's own names are
//! used throughout.
//!
//! Reading order: a method in a family file (`users`, `properties`, …) builds a `call`, the `limits` say when it may
//! leave, the `transport` sends it, `answer` says what came back, `error` what that means, and `batch` what came of each
//! record where a call was about many.

mod account;
mod contacts;
mod credential;
mod crm_users;
mod engagements;
mod owners;
mod properties;
mod search;
mod users;

mod answer;
mod batch;
mod call;
mod clean;
mod error_body;
mod item_error;
mod paging;

pub mod error;
pub mod limits;
pub mod oauth;
pub mod operation;
pub mod region;
pub mod scopes;
pub mod token;
pub mod wire;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use url::Url;

use self::region::Region;
pub use self::{
    batch::{BATCH_LIMIT, ItemOutcome, ItemRefusal},
    contacts::{ContactRecord, ContactUpdate, ContactsRead, HISTORY_LIMIT, Version},
    credential::Credential,
    engagements::{ASSOCIATIONS_LIMIT, EngagementKind, EngagementRecord, NewEngagement},
    error::{Error, ErrorKind, Result},
    limits::{Forecast, Lane, Limiter, Urgency},
    operation::{Effect, Operation},
    search::{Direction, Filter, FilterOperator, FoundContacts, SEARCH_PAGE, SEARCH_WINDOW, Search},
    token::AccessToken,
    wire::lenient::instant,
};
use crate::runtime::{chance::Chance, transport::Transport};

/// HubSpot's API version, part of every path (API.md §1).
pub const VERSION: &str = "2026-03";

/// The object type whose properties and records we deal with.
pub const CONTACTS: &str = "contacts";

/// What a client is made of.
pub struct Connection {
    /// Sends requests.
    pub transport: Arc<dyn Transport>,
    /// Scheme and host, e.g. [`region::DEFAULT_BASE`]. Whether plain http or another host is fine is for the caller to say.
    pub base: Url,
    /// The credential.
    pub credential: Credential,
    /// The limits of this portal and credential, shared with every other client of them.
    pub limiter: Arc<Limiter>,
    /// Jitter.
    pub chance: Arc<Chance>,
}

/// A client for one portal. Cheap to clone; clones share limits.
#[derive(Clone)]
pub struct HubSpot {
    inner: Arc<Inner>,
    base: Arc<Url>,
    urgency: Urgency,
}

struct Inner {
    transport: Arc<dyn Transport>,
    credential: Credential,
    limiter: Arc<Limiter>,
    chance: Arc<Chance>,
}

/// Which of two lists: HubSpot never mixes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Archived {
    /// What is in use.
    Exclude,
    /// What was archived, and nothing else.
    Only,
}

impl Archived {
    fn as_str(self) -> &'static str {
        match self {
            Self::Exclude => "false",
            Self::Only => "true",
        }
    }
}

impl HubSpot {
    /// A client in the lane [`Lane::Resync`].
    pub fn new(connection: Connection) -> Self {
        let Connection { transport, base, credential, limiter, chance } = connection;
        Self {
            inner: Arc::new(Inner { transport, credential, limiter, chance }),
            base: Arc::new(base),
            urgency: Lane::default().into(),
        }
    }

    /// The same client whose calls wait in another lane.
    #[must_use]
    pub fn with_lane(&self, urgency: impl Into<Urgency>) -> Self {
        Self { urgency: urgency.into(), ..self.clone() }
    }

    /// The same client pointed at another host; limits stay shared.
    #[must_use]
    pub fn at(&self, base: Url) -> Self {
        Self { base: Arc::new(base), ..self.clone() }
    }

    /// Whether both call the same portal in the same way: then they share limits, too.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner) && self.base == other.base
    }

    /// The host it calls.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// The region the credential's prefix hints at.
    pub fn region_hint(&self) -> Option<Region> {
        self.inner.credential.region_hint()
    }

    /// How it authenticates.
    pub fn credential(&self) -> &Credential {
        &self.inner.credential
    }

    /// The limits it obeys.
    pub fn limiter(&self) -> &Arc<Limiter> {
        &self.inner.limiter
    }
}

impl fmt::Debug for HubSpot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubSpot")
            .field("base", &self.base.as_str())
            .field("lane", &self.urgency)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}
