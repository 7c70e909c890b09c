//! One call from request to meaning: sends, repeats what got no answer, logs once.
//!
//! The only place that knows the token's way into a request. Never logs paths, queries, bodies or headers.

#[cfg(test)]
mod tests;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, header};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::{Instant, sleep};

use super::{
    Tec,
    error::{Error, ErrorKind, Operation, Result},
    wire,
};
use crate::runtime::transport::{HttpRequest, HttpResponse, TransportError};

/// Repeats after no usable answer; every call of the contract may be repeated.
const MAX_REPEATS: u32 = 2;
/// Pause before the n-th repeat: n times this.
const REPEAT_PAUSE: Duration = Duration::from_millis(200);
/// Repeats after 429.
const MAX_REFUSALS: u32 = 1;
/// A longer pause than this is the caller's to wait.
const LONGEST_OWN_PAUSE: Duration = Duration::from_secs(5);
/// A 429 that does not say for how long.
const USUAL_PAUSE: Duration = Duration::from_secs(1);
/// Whatever TEC says, we come back after this.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// A call to make.
#[derive(Clone)]
pub(super) struct Call {
    pub operation: Operation,
    /// Begins with `/`.
    path: &'static str,
    query: Vec<(&'static str, String)>,
    body: Option<Bytes>,
}

impl Call {
    pub(super) fn get(operation: Operation, path: &'static str) -> Self {
        Self { operation, path, query: Vec::new(), body: None }
    }

    pub(super) fn post(operation: Operation, path: &'static str, body: &impl Serialize) -> Result<Self> {
        let body = serde_json::to_vec(body).map_err(|_| unbuildable(operation))?;
        Ok(Self { operation, path, query: Vec::new(), body: Some(body.into()) })
    }

    pub(super) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    pub(super) fn fail(&self, kind: ErrorKind) -> Error {
        Error { operation: self.operation, kind }
    }

    pub(super) fn malformed(&self, message: impl Into<String>) -> Error {
        self.fail(ErrorKind::Malformed { message: message.into() })
    }
}

fn unbuildable(operation: Operation) -> Error {
    Error { operation, kind: ErrorKind::Unavailable { message: "the request cannot be built".to_owned() } }
}

impl Tec {
    /// Calls and reads the answer.
    pub(super) async fn fetch<T: DeserializeOwned>(&self, call: &Call) -> Result<T> {
        let body = self.execute(call).await?;
        serde_json::from_slice(&body).map_err(|error| {
            let what = match error.classify() {
                serde_json::error::Category::Data => "has not the documented shape",
                serde_json::error::Category::Eof if body.is_empty() => "is empty",
                serde_json::error::Category::Eof => "is cut off",
                serde_json::error::Category::Syntax | serde_json::error::Category::Io => "is not JSON",
            };
            call.malformed(format!("it {what} (line {}, column {})", error.line(), error.column()))
        })
    }

    async fn execute(&self, call: &Call) -> Result<Bytes> {
        let (mut repeats, mut refusals) = (0, 0);
        loop {
            let error = match self.attempt(call).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            match error.kind {
                ErrorKind::Unavailable { .. } if repeats < MAX_REPEATS => {
                    repeats += 1;
                    sleep(REPEAT_PAUSE * repeats).await;
                }
                ErrorKind::RateLimited { retry_after }
                    if refusals < MAX_REFUSALS && retry_after <= LONGEST_OWN_PAUSE =>
                {
                    refusals += 1;
                    sleep(retry_after).await;
                }
                _ => return Err(error),
            }
        }
    }

    /// Sends once.
    async fn attempt(&self, call: &Call) -> Result<Bytes> {
        let request = self.request(call)?;
        let started = Instant::now();
        let (status, result) = match self.0.transport.send(request).await {
            Ok(response) => (Some(response.status().as_u16()), self.read(response)),
            Err(error) => (None, Err(no_answer(&error))),
        };
        let result = result.map_err(|kind| call.fail(kind));
        let outcome = result.as_ref().map_or_else(Error::category, |_| "ok");
        let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::debug!(operation = call.operation.name(), status, outcome, duration_ms, "tec call");
        result
    }

    fn request(&self, call: &Call) -> Result<HttpRequest> {
        let authorization = self.0.token.authorization().map_err(|_| unbuildable(call.operation))?;
        let mut url = format!("{}{}", self.0.base.as_str().trim_end_matches('/'), call.path);
        if !call.query.is_empty() {
            let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&call.query).finish();
            url.push('?');
            url.push_str(&query);
        }
        let mut request = http::Request::builder()
            .method(if call.body.is_some() { Method::POST } else { Method::GET })
            .uri(url)
            .header(header::ACCEPT, "application/json")
            .header(header::AUTHORIZATION, authorization);
        if call.body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        request.body(call.body.clone().unwrap_or_default()).map_err(|_| unbuildable(call.operation))
    }

    /// What an answer means.
    fn read(&self, response: HttpResponse) -> Result<Bytes, ErrorKind> {
        let (parts, body) = response.into_parts();
        if parts.status.is_success() {
            return Ok(body);
        }
        let code = serde_json::from_slice::<wire::ErrorBody>(&body).ok().and_then(|body| self.code(&body.code));
        Err(match parts.status.as_u16() {
            status @ 300..=399 => {
                ErrorKind::Malformed { message: format!("a redirect (status {status}), which is not followed") }
            }
            401 | 403 => ErrorKind::Unauthorized,
            429 => ErrorKind::RateLimited { retry_after: retry_after(&parts.headers) },
            410 if code.as_deref() == Some("CURSOR_EXPIRED") => ErrorKind::CursorExpired,
            status @ (408 | 500..) => ErrorKind::Unavailable { message: format!("status {status}") },
            status => ErrorKind::Rejected { code: code.unwrap_or_else(|| format!("HTTP_{status}")) },
        })
    }

    /// A code as the contract writes them, never our own secret.
    pub(super) fn code(&self, text: &str) -> Option<String> {
        wire::code(text).filter(|code| !self.0.token.occurs_in(code))
    }
}

/// What it means that there is no answer. The transport's own words name no URL, but may name a proxy: they stay here.
fn no_answer(error: &TransportError) -> ErrorKind {
    match error {
        TransportError::NotSent(_) => ErrorKind::Unavailable { message: "it cannot be reached".to_owned() },
        TransportError::Lost(_) => ErrorKind::Unavailable { message: "the connection was lost".to_owned() },
        TransportError::TooLarge { limit_bytes } => {
            ErrorKind::Malformed { message: format!("it is larger than {limit_bytes} bytes") }
        }
    }
}

fn retry_after(headers: &HeaderMap) -> Duration {
    let seconds = || headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok();
    seconds().map_or(USUAL_PAUSE, Duration::from_secs).min(LONGEST_PAUSE)
}
