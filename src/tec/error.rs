//! What can go wrong, by meaning: what the caller has to do, not what the status code was.
//!
//! Nothing in an [`Error`] holds a token, an e-mail address or anything else TEC wrote, but a `code` of capital letters,
//! so it may be logged and shown. Its `Display` is stable: the same failure reads the same every time.

use std::{fmt, time::Duration};

/// A result of a call to TEC.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// `GET /v1/assistants`
    ListAssistants,
    /// `GET /v1/schedules`
    ListSchedules,
    /// `POST /v1/leads/batch`
    CreateLeads,
    /// `POST /v1/leads/stop/batch`
    StopLeads,
    /// `GET /v1/events`
    ReadEvents,
}

impl Operation {
    /// All operations, for metrics that want every series from the start.
    pub const ALL: &[Self] =
        &[Self::ListAssistants, Self::ListSchedules, Self::CreateLeads, Self::StopLeads, Self::ReadEvents];

    /// Stable name, `snake_case`.
    pub fn name(self) -> &'static str {
        match self {
            Self::ListAssistants => "list_assistants",
            Self::ListSchedules => "list_schedules",
            Self::CreateLeads => "create_leads",
            Self::StopLeads => "stop_leads",
            Self::ReadEvents => "read_events",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A failed call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{operation}: {kind}")]
pub struct Error {
    /// What was asked for.
    pub operation: Operation,
    /// What it means.
    pub kind: ErrorKind,
}

/// What a failure means.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ErrorKind {
    /// 401, 403: the credential is not valid here.
    #[error("TEC refused the access token")]
    Unauthorized,
    /// Any other 4xx: the request is wrong; a repeat answers the same.
    #[error("TEC refused the request ({code})")]
    Rejected {
        /// TEC's code, e.g. `INVALID_REQUEST`; `HTTP_413` if it gave none. Capital letters, digits and `_`; open set.
        code: String,
    },
    /// 429. Nothing was done.
    #[error("TEC asks for fewer calls")]
    RateLimited {
        /// No call should leave before this has passed.
        retry_after: Duration,
    },
    /// 410 `CURSOR_EXPIRED`: read the events again without a cursor.
    #[error("TEC no longer knows the place in its events")]
    CursorExpired,
    /// No usable answer: not sent, lost, timed out or 5xx. A write may have happened; redoing it is safe.
    #[error("TEC is not available: {message}")]
    Unavailable {
        /// What happened, in our words.
        message: String,
    },
    /// An answer that is not what the contract says. If it was a write, it has happened.
    #[error("TEC's answer cannot be read: {message}")]
    Malformed {
        /// What is wrong with it, never what is in it.
        message: String,
    },
}

impl Error {
    /// Finite and stable, for metrics and events.
    pub fn category(&self) -> &'static str {
        self.kind.category()
    }
}

impl ErrorKind {
    /// Finite and stable, for metrics and events.
    pub fn category(&self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Rejected { .. } => "rejected",
            Self::RateLimited { .. } => "rate_limited",
            Self::CursorExpired => "cursor_expired",
            Self::Unavailable { .. } => "unavailable",
            Self::Malformed { .. } => "malformed",
        }
    }
}
