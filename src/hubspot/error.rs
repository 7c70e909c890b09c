//! What can go wrong, by meaning: what the caller has to do, not what the status code was (API.md §12).
//!
//! Nothing in an [`Error`] holds a token, an e-mail address or a property value, so it may be logged and shown.
//! Its `Display` is stable: the same failure reads the same every time, without ids and times that move.

use std::time::Duration;

use jiff::Timestamp;

use super::operation::{Effect, Operation};

/// A result of a call to HubSpot.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{operation}: {kind}")]
pub struct Error {
    /// What was asked for.
    pub operation: Operation,
    /// What it means.
    pub kind: ErrorKind,
    /// HubSpot's id of the call, for logs and for its support; changes with every attempt.
    pub correlation_id: Option<String>,
}

/// What a failure means.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ErrorKind {
    /// 401: the credential is not valid here (API.md §3).
    #[error("the access token was refused: {message}")]
    Unauthorized {
        /// What HubSpot says.
        message: String,
        /// It says that it has expired, which is no proof that another one would work (API.md §3).
        expired: bool,
    },
    /// OAuth: the app may not act for this portal any more. Only a person can authorise it again (API.md §3).
    #[error("the authorisation has ended: {message}")]
    AuthorizationLost {
        /// Which, and what to do.
        message: String,
    },
    /// OAuth: the app's own id or secret is wrong, which is a matter of configuration (API.md §3).
    #[error("the app was refused: {message}")]
    ClientRefused {
        /// Which, and what to do.
        message: String,
    },
    /// OAuth: HubSpot has replaced the refresh token, and the new one is not stored yet. Until it is, nothing is called with
    /// what came with it; it is tried again without being asked.
    #[error("HubSpot's new refresh token could not be stored: {message}")]
    NotKept {
        /// Why.
        message: String,
    },
    /// 403: the credential lacks scopes (API.md §2.2).
    #[error("scopes are missing: {}", listed(scopes))]
    MissingScopes {
        /// Their names, sorted; any one of a call's alternatives may be meant. Empty if HubSpot names none.
        scopes: Vec<String>,
    },
    /// 403 for another reason.
    #[error("access was refused: {message}")]
    Forbidden {
        /// What HubSpot says.
        message: String,
    },
    /// 488: the portal lives in another region (API.md §1).
    #[error("the portal lives in another region: {}", correct.as_deref().unwrap_or("not named"))]
    WrongRegion {
        /// The region HubSpot names, e.g. `eu1`.
        correct: Option<String>,
    },
    /// 404.
    #[error("not found")]
    NotFound,
    /// 409 to a create: read it back.
    #[error("exists already: {message}")]
    AlreadyExists {
        /// What HubSpot says.
        message: String,
    },
    /// Any other 4xx: the request is wrong for this portal; a repeat answers the same.
    #[error("{0}")]
    Rejected(Box<Rejection>),
    /// 429, window limits (API.md §11). Nothing was done.
    #[error("rate limit reached ({policy})")]
    RateLimited {
        /// The limit.
        policy: RatePolicy,
        /// No call leaves before this has passed.
        retry_after: Duration,
    },
    /// 429 `DAILY`, or only the reserve of the day is left. Nothing was done.
    #[error("the daily limit is used up until {resets_at}")]
    QuotaExhausted {
        /// The portal's next midnight.
        resets_at: Timestamp,
    },
    /// 423, 477, 503 with `Retry-After`: refused for now. Nothing was done.
    #[error("HubSpot asks to come back later (status {status})")]
    Busy {
        /// The status.
        status: u16,
        /// When to come back.
        retry_after: Duration,
    },
    /// No usable answer to a call that can be repeated without harm: a read, or a request that never reached HubSpot's
    /// servers (521, 522, 523, 525, 526).
    #[error("HubSpot is not available: {message}")]
    Unavailable {
        /// The status, if there was an answer at all.
        status: Option<u16>,
        /// What happened.
        message: String,
    },
    /// A write without a usable answer: it may have happened. Read back before any repeat.
    #[error("no answer to a write that may have happened: {message}")]
    Ambiguous {
        /// The status, if there was an answer at all.
        status: Option<u16>,
        /// What happened.
        message: String,
    },
    /// Nothing was sent.
    #[error("HubSpot cannot be reached: {message}")]
    Unreachable {
        /// What happened.
        message: String,
    },
    /// 2xx with a body we cannot read. If it was a write, it has happened.
    #[error("HubSpot's answer cannot be read: {message}")]
    Malformed {
        /// What is wrong with it, never what is in it.
        message: String,
    },
    /// 3xx: never followed, because the token would travel.
    #[error("HubSpot answered with a redirect (status {status}), which is not followed")]
    Redirected {
        /// The status.
        status: u16,
    },
}

/// A 4xx that is about the request.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("refused (status {status}): {message}{}", bracketed(codes))]
pub struct Rejection {
    /// The status.
    pub status: u16,
    /// e.g. `VALIDATION_ERROR`; open set.
    pub category: Option<String>,
    /// e.g. `PropertyValidationError.CANNOT_DELETE_PROPERTY_IN_USE`; open set.
    pub sub_category: Option<String>,
    /// Codes of the single errors, and of errors nested in the message; open set, at most 16.
    pub codes: Vec<String>,
    /// What HubSpot says; not a contract (API.md §1).
    pub message: String,
}

impl Rejection {
    /// Whether the code is named anywhere: HubSpot is not consistent about where (API.md §5, §7).
    pub fn mentions(&self, code: &str) -> bool {
        let fields = [&self.category, &self.sub_category];
        fields.into_iter().flatten().chain(&self.codes).any(|text| text.contains(code)) || self.message.contains(code)
    }
}

/// Which limit was hit (API.md §11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RatePolicy {
    /// `SECONDLY`: search.
    Secondly,
    /// `TEN_SECONDLY_ROLLING`: everything else.
    TenSecondlyRolling,
    /// `DAILY`.
    Daily,
    /// Not named; treated as ten-secondly.
    Unknown,
}

impl RatePolicy {
    /// Reads `policyName`.
    pub fn parse(name: Option<&str>) -> Self {
        match name.map(str::to_ascii_uppercase).as_deref() {
            Some("DAILY") => Self::Daily,
            Some("SECONDLY") => Self::Secondly,
            Some("TEN_SECONDLY_ROLLING" | "TEN_SECONDLY") => Self::TenSecondlyRolling,
            _ => Self::Unknown,
        }
    }

    /// HubSpot's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Secondly => "SECONDLY",
            Self::TenSecondlyRolling => "TEN_SECONDLY_ROLLING",
            Self::Daily => "DAILY",
            Self::Unknown => "policy not named",
        }
    }
}

impl std::fmt::Display for RatePolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Error {
    /// Whether a write may have happened without us knowing what came of it: read back before any repeat.
    pub fn is_ambiguous(&self) -> bool {
        match self.kind {
            ErrorKind::Ambiguous { .. } => true,
            ErrorKind::Malformed { .. } => self.operation.effect() != Effect::Read,
            _ => false,
        }
    }

    /// Finite and stable, for metrics and events.
    pub fn category(&self) -> &'static str {
        self.kind.category()
    }
}

impl ErrorKind {
    /// Finite and stable, for metrics and events.
    pub fn category(&self) -> &'static str {
        match self {
            Self::Unauthorized { .. } => "unauthorized",
            Self::AuthorizationLost { .. } => "authorization_lost",
            Self::ClientRefused { .. } => "client_refused",
            Self::NotKept { .. } => "not_kept",
            Self::MissingScopes { .. } => "missing_scopes",
            Self::Forbidden { .. } => "forbidden",
            Self::WrongRegion { .. } => "wrong_region",
            Self::NotFound => "not_found",
            Self::AlreadyExists { .. } => "already_exists",
            Self::Rejected(_) => "rejected",
            Self::RateLimited { .. } => "rate_limited",
            Self::QuotaExhausted { .. } => "quota_exhausted",
            Self::Busy { .. } => "busy",
            Self::Unavailable { .. } => "unavailable",
            Self::Ambiguous { .. } => "ambiguous",
            Self::Unreachable { .. } => "unreachable",
            Self::Malformed { .. } => "malformed",
            Self::Redirected { .. } => "redirected",
        }
    }
}

fn listed(scopes: &[String]) -> String {
    if scopes.is_empty() { "HubSpot does not name them".to_owned() } else { scopes.join(", ") }
}

fn bracketed(codes: &[String]) -> String {
    if codes.is_empty() { String::new() } else { format!(" [{}]", codes.join(", ")) }
}
