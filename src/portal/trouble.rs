//! What a failed HubSpot call means for us.

use jiff::Timestamp;

use crate::{
    api::condition::Reason,
    hubspot::{Error, ErrorKind},
};

/// Why something could not be read or done, in terms of what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Trouble {
    /// What to do about it.
    pub kind: TroubleKind,
    /// For people. Stable: the same trouble says the same words.
    pub message: String,
}

/// What to do about a trouble.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TroubleKind {
    /// Nobody asked HubSpot yet.
    NotRead,
    /// The token is not accepted: a person must change it.
    InvalidCredentials,
    /// The token lacks scopes: a person must add them.
    MissingScopes,
    /// The portal lives elsewhere: a person must change the endpoint.
    WrongRegion,
    /// HubSpot says the request is wrong: repeating will not help.
    Refused,
    /// The daily limit is used up until then.
    QuotaExhausted(Timestamp),
    /// A short limit is used up: the same again in a moment.
    RateLimited,
    /// HubSpot cannot be reached or is in trouble itself: the same again, with growing pauses.
    Unreachable,
    /// A write may or may not have happened: look before repeating.
    Unclear,
    /// A new refresh token has to be stored before anything else: tried again by itself.
    NotKept,
}

impl Trouble {
    /// A trouble.
    pub fn new(kind: TroubleKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Nobody asked HubSpot yet.
    pub fn not_read() -> Self {
        Self::new(TroubleKind::NotRead, "HubSpot has not been read yet")
    }

    /// The word for it in conditions.
    pub fn reason(&self) -> Reason {
        match self.kind {
            TroubleKind::NotRead => Reason::Progressing,
            TroubleKind::InvalidCredentials => Reason::InvalidCredentials,
            TroubleKind::MissingScopes => Reason::MissingScopes,
            TroubleKind::WrongRegion => Reason::WrongRegion,
            TroubleKind::Refused => Reason::HubSpotRefused,
            TroubleKind::QuotaExhausted(_) => Reason::QuotaExhausted,
            TroubleKind::RateLimited | TroubleKind::Unclear | TroubleKind::NotKept => Reason::Retrying,
            TroubleKind::Unreachable => Reason::Unreachable,
        }
    }

    /// Whether a person has to act before it can go away.
    pub fn needs_a_person(&self) -> bool {
        matches!(
            self.kind,
            TroubleKind::InvalidCredentials
                | TroubleKind::MissingScopes
                | TroubleKind::WrongRegion
                | TroubleKind::Refused
        )
    }
}

impl From<&Error> for Trouble {
    fn from(error: &Error) -> Self {
        let kind = match &error.kind {
            ErrorKind::Unauthorized { .. } | ErrorKind::AuthorizationLost { .. } | ErrorKind::ClientRefused { .. } => {
                TroubleKind::InvalidCredentials
            }
            ErrorKind::NotKept { .. } => TroubleKind::NotKept,
            ErrorKind::MissingScopes { .. } | ErrorKind::Forbidden { .. } => TroubleKind::MissingScopes,
            ErrorKind::WrongRegion { .. } => TroubleKind::WrongRegion,
            ErrorKind::Rejected(_) | ErrorKind::AlreadyExists { .. } | ErrorKind::NotFound => TroubleKind::Refused,
            ErrorKind::RateLimited { .. } => TroubleKind::RateLimited,
            ErrorKind::QuotaExhausted { resets_at } => TroubleKind::QuotaExhausted(*resets_at),
            ErrorKind::Busy { .. } | ErrorKind::Unavailable { .. } | ErrorKind::Unreachable { .. } => {
                TroubleKind::Unreachable
            }
            ErrorKind::Malformed { .. } | ErrorKind::Redirected { .. } => TroubleKind::Unreachable,
            ErrorKind::Ambiguous { .. } => TroubleKind::Unclear,
        };
        Self::new(kind, error.to_string())
    }
}
