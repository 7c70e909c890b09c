//! The TEC client: typed calls of the contract in `openapi.yaml`, errors by meaning, tokens and contact data never shown.
//!
//! Touches `domain`, `runtime` and the network, the last only through [`Transport`]. Decides nothing about leads. Every
//! call may be repeated: reads change nothing, leads are keyed by `idempotencyKey`, a stopped lead is stopped. So a lost
//! answer is only [`ErrorKind::Unavailable`], and the caller may redo the whole step.
//!
//! Reading order: a method in `lists`, `leads` or `events` builds a `call`, which sends it and says what the answer means;
//! `wire` is what the bytes look like.

mod call;
mod events;
mod leads;
mod lists;
mod wire;

pub mod error;
pub mod token;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use url::Url;

pub use self::{
    error::{Error, ErrorKind, Operation, Result},
    events::{Address, Cursor, EmailMessage, Event, EventPage, MAX_EVENTS, MAX_WAIT, Task, What},
    leads::{CreatedLead, ItemError, LeadContact, MAX_BATCH, NewLead, StopLead, StopOutcome, StopReason},
    lists::{Assistant, Schedule},
    token::TecToken,
};
use crate::runtime::transport::Transport;

/// What a client is made of.
pub struct Connection {
    /// Sends requests.
    pub transport: Arc<dyn Transport>,
    /// Scheme, host and perhaps a path before `/v1`. Whether plain http or another host is fine is for the caller to say.
    pub base: Url,
    /// The credential.
    pub token: TecToken,
}

/// A client for TEC. Cheap to clone.
#[derive(Clone)]
pub struct Tec(Arc<Connection>);

impl Tec {
    /// A client.
    pub fn new(connection: Connection) -> Self {
        Self(Arc::new(connection))
    }

    /// Whether both are one client.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether both see the same leads: one endpoint, one token.
    pub fn sees_the_same(&self, other: &Self) -> bool {
        self.0.base == other.0.base && self.0.token.fingerprint() == other.0.token.fingerprint()
    }

    /// The host it calls.
    pub fn base(&self) -> &Url {
        &self.0.base
    }
}

impl fmt::Debug for Tec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tec").field(&self.0).finish()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("host", &self.base.host_str()).finish_non_exhaustive()
    }
}
