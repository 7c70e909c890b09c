//! From an HTTP answer, or none, to a meaning (API.md §12). Tells the limiter what it must know; calls nobody.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use serde::de::DeserializeOwned;

use super::{
    clean,
    error::{Error, ErrorKind, RatePolicy, Rejection, Result},
    error_body::{self, ErrorBody, Texts},
    limits::{self, Permit},
    operation::{Effect, Operation},
    region::Region,
    token::AccessToken,
};
use crate::runtime::transport::{HttpResponse, TransportError};

/// A record locked by heavy writes is free again after this (API.md §12).
const LOCK_PAUSE: Duration = Duration::from_secs(2);
/// A portal that moves between data centres, when HubSpot does not say for how long.
const MIGRATION_PAUSE: Duration = Duration::from_mins(1);

/// A 2xx.
pub(super) struct Answer {
    pub correlation_id: Option<String>,
    body: Bytes,
}

impl Answer {
    /// Reads the body. The error says where it is unreadable, never what is in it.
    pub(super) fn json<T: DeserializeOwned>(self, operation: Operation) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let what = match error.classify() {
                serde_json::error::Category::Data => "has not the documented shape",
                serde_json::error::Category::Eof if self.body.is_empty() => "is empty",
                serde_json::error::Category::Eof => "is cut off",
                serde_json::error::Category::Syntax | serde_json::error::Category::Io => "is not JSON",
            };
            let message = format!("it {what} (line {}, column {})", error.line(), error.column());
            malformed(operation, message, self.correlation_id)
        })
    }
}

/// A 2xx that cannot be used.
pub(super) fn malformed(operation: Operation, message: String, correlation_id: Option<String>) -> Error {
    Error { operation, kind: ErrorKind::Malformed { message }, correlation_id }
}

/// Reads an answer and gives the permit back.
pub(super) fn read(
    operation: Operation,
    response: HttpResponse,
    permit: Permit,
    token: &AccessToken,
) -> Result<Answer> {
    let (parts, body) = response.into_parts();
    let from_header = word_header(&parts.headers, "x-hubspot-correlation-id", token);
    if parts.status.is_success() {
        permit.answered(&parts.headers);
        return Ok(Answer { correlation_id: from_header, body });
    }
    let mut said = error_body::parse(&body, texts(operation, parts.status.as_u16()), token);
    let correlation_id = said.correlation_id.take().or(from_header);
    let kind = match parts.status.as_u16() {
        429 => permit.limited(&parts.headers, RatePolicy::parse(said.policy_name.as_deref())),
        423 => permit.busy(&parts.headers, 423, LOCK_PAUSE),
        477 => permit.busy(&parts.headers, 477, MIGRATION_PAUSE),
        status => {
            permit.answered(&parts.headers);
            if status == 488 && said.correct_hublet.is_none() {
                said.correct_hublet = word_header(&parts.headers, "x-hubspot-correct-hublet", token);
            }
            meaning(operation, status, limits::retry_after(&parts.headers), said)
        }
    };
    Err(Error { operation, kind, correlation_id })
}

/// Refused before the request was read: then the text is about the credential.
fn texts(operation: Operation, status: u16) -> Texts {
    let read = !matches!(status, 401 | 403);
    if operation.sends_contact_data() && read { Texts::MayHoldValues } else { Texts::Plain }
}

/// What a status other than 2xx, 423, 429 and 477 means.
fn meaning(operation: Operation, status: u16, retry_after: Option<Duration>, said: ErrorBody) -> ErrorKind {
    let expired = said.category.as_deref() == Some("EXPIRED_AUTHENTICATION");
    let lacks_scopes = said.category.as_deref() == Some("MISSING_SCOPES") || !said.scopes.is_empty();
    let message = said.message.unwrap_or_else(|| format!("status {status}"));
    match (status, operation.effect()) {
        (300..=399, _) => ErrorKind::Redirected { status },
        // HubSpot's text counts the seconds since; ours must not move.
        (401, _) if expired => ErrorKind::Unauthorized { message: "it has expired or was revoked".to_owned(), expired },
        (401, _) => ErrorKind::Unauthorized { message, expired },
        (403, _) if lacks_scopes => ErrorKind::MissingScopes { scopes: said.scopes },
        (403, _) => ErrorKind::Forbidden { message },
        (404, _) => ErrorKind::NotFound,
        (409, Effect::Create) => ErrorKind::AlreadyExists { message },
        (488, _) => {
            let correct = said.correct_hublet.as_deref().and_then(Region::new);
            ErrorKind::WrongRegion { correct: correct.map(|region| region.to_string()) }
        }
        (503, _) if retry_after.is_some() => ErrorKind::Busy { status, retry_after: retry_after.unwrap_or_default() },
        // Cloudflare's words for "never reached the servers".
        (521 | 522 | 523 | 525 | 526, _) | (408 | 500.., Effect::Read) => {
            ErrorKind::Unavailable { status: Some(status), message }
        }
        (408 | 500.., _) => ErrorKind::Ambiguous { status: Some(status), message },
        _ => ErrorKind::Rejected(Box::new(Rejection {
            status,
            category: said.category,
            sub_category: said.sub_category,
            codes: said.codes,
            message,
        })),
    }
}

/// What it means that there is no answer.
pub(super) fn no_answer(operation: Operation, error: &TransportError, token: &AccessToken) -> ErrorKind {
    let message = clean::message(&error.to_string(), token);
    match (error, operation.effect()) {
        (TransportError::NotSent(_), _) => ErrorKind::Unreachable { message },
        (TransportError::TooLarge { .. }, Effect::Read) => ErrorKind::Malformed { message },
        (TransportError::Lost(_), Effect::Read) => ErrorKind::Unavailable { status: None, message },
        (TransportError::Lost(_) | TransportError::TooLarge { .. }, _) => {
            ErrorKind::Ambiguous { status: None, message }
        }
    }
}

fn word_header(headers: &HeaderMap, name: &str, token: &AccessToken) -> Option<String> {
    clean::word(headers.get(name)?.to_str().ok()?, token)
}
