//! Seeded trouble: what a test may do to the requests of the operator.
//!
//! Decides nothing by itself: a [`Chaos`] is asked once per request, before the server looks at it. A person's own
//! calls on [`KubeSim`](super::KubeSim) are never struck.

use std::{fmt, time::Duration};

/// What a request wants, in Kubernetes' own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Reads one object.
    Get,
    /// Reads a collection.
    List,
    /// Follows a collection.
    Watch,
    /// POST.
    Create,
    /// PUT.
    Update,
    /// PATCH, apply included.
    Patch,
    /// DELETE of one object.
    Delete,
    /// DELETE of a collection.
    DeleteCollection,
}

impl Verb {
    /// Whether it may change something.
    pub fn writes(self) -> bool {
        !matches!(self, Self::Get | Self::List | Self::Watch)
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Get => "GET",
            Self::List => "LIST",
            Self::Watch => "WATCH",
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::DeleteCollection => "DELETECOLLECTION",
        })
    }
}

/// What happens to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Strike {
    /// Nothing is done; the client gets this error.
    Refuse {
        /// HTTP status.
        code: u16,
        /// `Status.reason`, e.g. `TooManyRequests`.
        reason: String,
    },
    /// The request waits this long, then takes effect and is answered.
    Delay(Duration),
    /// The request takes effect, but its answer never arrives: the client sees a connection error.
    LoseReply,
    /// Every open watch ends without a word; the request itself is served.
    CutWatches,
    /// History is forgotten as by [`KubeSim::compact`](super::KubeSim::compact); the request itself is served.
    Compact,
}

/// Decides which requests are struck. Must be deterministic: seed it.
///
/// It may use the server while it decides (a person's edit between the operator's read and write), but neither send
/// requests through a client nor set another chaos: it would wait for itself.
pub trait Chaos: Send {
    /// Asked once per request for a known resource, in order of arrival.
    fn strike(&mut self, verb: Verb, plural: &str) -> Option<Strike>;
}

impl<F: FnMut(Verb, &str) -> Option<Strike> + Send> Chaos for F {
    fn strike(&mut self, verb: Verb, plural: &str) -> Option<Strike> {
        self(verb, plural)
    }
}
