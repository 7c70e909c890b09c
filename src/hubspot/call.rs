//! One call from request to meaning: waits its turn, sends, learns, repeats where that is safe, logs once.
//!
//! The only place that knows the token's way into a request. Never logs paths, queries, bodies or headers.

#[cfg(test)]
mod tests;

use std::time::Duration;

use bytes::Bytes;
use http::{Method, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::{Instant, sleep};
use url::Url;

use super::{
    HubSpot,
    answer::{self, Answer},
    error::{Error, ErrorKind, Result},
    limits::Budget,
    oauth::Verdict,
    operation::{Effect, Operation},
    token::AccessToken,
};
use crate::runtime::transport::HttpRequest;

/// Repeats after no usable answer, where a repeat is safe.
const MAX_REPEATS: u32 = 2;
/// Repeats after 429 and 423, which did nothing.
const MAX_REFUSALS: u32 = 1;
/// Repeats with another access token after a 401, which did nothing.
const MAX_RENEWALS: u32 = 1;
/// Pause before the n-th repeat: n times this, jittered.
const REPEAT_PAUSE: Duration = Duration::from_millis(200);

/// Everything but letters, digits and `-._~`.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A path segment from any text.
pub(super) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// A call to make.
#[derive(Clone)]
pub(super) struct Call {
    pub operation: Operation,
    method: Method,
    /// Begins with `/`; segments are encoded.
    path: String,
    query: Vec<(&'static str, String)>,
    body: Option<Bytes>,
    budget: Budget,
}

impl Call {
    pub(super) fn new(operation: Operation, method: Method, path: impl Into<String>) -> Self {
        Self { operation, method, path: path.into(), query: Vec::new(), body: None, budget: Budget::General }
    }

    pub(super) fn get(operation: Operation, path: impl Into<String>) -> Self {
        Self::new(operation, Method::GET, path)
    }

    pub(super) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// Counts against the search limit, which has no headers (API.md §8.3).
    pub(super) fn searching(mut self) -> Self {
        self.budget = Budget::Search;
        self
    }

    pub(super) fn json(mut self, body: &impl Serialize) -> Result<Self> {
        let bytes = serde_json::to_vec(body).map_err(|_| unbuildable(self.operation))?;
        self.body = Some(bytes.into());
        Ok(self)
    }

    fn url(&self, base: &Url) -> String {
        let mut url = format!("{}{}", base.as_str().trim_end_matches('/'), self.path);
        if !self.query.is_empty() {
            let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.query).finish();
            url.push('?');
            url.push_str(&query);
        }
        url
    }
}

fn unbuildable(operation: Operation) -> Error {
    let kind = ErrorKind::Unreachable { message: "the request cannot be built".to_owned() };
    Error { operation, kind, correlation_id: None }
}

impl HubSpot {
    /// Calls and reads the answer.
    pub(super) async fn fetch<T: DeserializeOwned>(&self, call: &Call) -> Result<T> {
        self.execute(call).await?.json(call.operation)
    }

    /// As [`HubSpot::fetch`], where 404 means "there is none".
    pub(super) async fn fetch_optional<T: DeserializeOwned>(&self, call: &Call) -> Result<Option<T>> {
        match self.fetch(call).await {
            Ok(found) => Ok(Some(found)),
            Err(Error { kind: ErrorKind::NotFound, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes; what is gone already is gone.
    pub(super) async fn remove(&self, call: &Call) -> Result<()> {
        match self.execute(call).await {
            Ok(_) | Err(Error { kind: ErrorKind::NotFound, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn execute(&self, call: &Call) -> Result<Answer> {
        let (mut repeats, mut refusals, mut renewals) = (0, 0, 0);
        loop {
            let error = match self.attempt(call).await {
                Ok(answer) => return Ok(answer),
                Err(Failed { error, token: Verdict::Renewed }) if renewals < MAX_RENEWALS => {
                    renewals += 1;
                    match call.operation.effect() {
                        // As after a refusal for now: whoever decided on it looks again.
                        Effect::Overwrite => return Err(Error { kind: LOOK_AGAIN, ..error }),
                        Effect::Read | Effect::IdempotentWrite | Effect::Create => continue,
                    }
                }
                Err(Failed { error, token: _ }) => error,
            };
            match next_step(&error) {
                Step::Repeat if repeats < MAX_REPEATS => {
                    repeats += 1;
                    sleep(self.inner.chance.around(REPEAT_PAUSE * repeats, 0.5)).await;
                }
                // The limiter has been told and makes the repeat wait.
                Step::WaitTurn if refusals < MAX_REFUSALS => refusals += 1,
                Step::Repeat | Step::WaitTurn | Step::GiveUp => return Err(error),
            }
        }
    }

    /// Sends once.
    async fn attempt(&self, call: &Call) -> Result<Answer, Failed> {
        let fail = |kind| Error { operation: call.operation, kind, correlation_id: None };
        let credential = &self.inner.credential;
        let (permit, token) = loop {
            // Without a token no turn is taken; and one that ends while the turn is waited for is not waited for with the turn.
            credential.token().await?;
            let turn = self.inner.limiter.acquire(&self.urgency, call.budget).await;
            let permit = turn.map_err(|refusal| fail(refusal.into()))?;
            if let Some(token) = credential.ready() {
                break (permit, token);
            }
        };
        let request = self.request(call, &token)?;
        let started = Instant::now();
        let (status, result) = match self.inner.transport.send(request).await {
            Ok(response) => {
                let status = response.status().as_u16();
                (Some(status), answer::read(call.operation, response, permit, &token))
            }
            Err(error) => (None, Err(fail(answer::no_answer(call.operation, &error, &token)))),
        };
        log(call.operation, status, &result, started.elapsed());
        let token = match (&result, status) {
            (Err(Error { kind: ErrorKind::Unauthorized { expired, .. }, .. }), _) => {
                credential.refused(&token, *expired)
            }
            (_, Some(_)) => {
                credential.worked(&token);
                Verdict::Final
            }
            (_, None) => Verdict::Final,
        };
        result.map_err(|error| Failed { error, token })
    }

    fn request(&self, call: &Call, token: &AccessToken) -> Result<HttpRequest> {
        // An empty id would address the whole collection, and dots another path.
        if call.path.split('/').skip(1).any(|segment| matches!(segment, "" | "." | "..")) {
            return Err(unbuildable(call.operation));
        }
        let authorization = token.authorization().map_err(|_| unbuildable(call.operation))?;
        let mut request = http::Request::builder()
            .method(call.method.clone())
            .uri(call.url(&self.base))
            .header(header::ACCEPT, "application/json")
            .header(header::AUTHORIZATION, authorization);
        if call.body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        request.body(call.body.clone().unwrap_or_default()).map_err(|_| unbuildable(call.operation))
    }
}

/// A call that was not made because its token had to be renewed first: nothing was done, and what was seen may have changed.
const LOOK_AGAIN: ErrorKind = ErrorKind::Busy { status: 401, retry_after: Duration::from_secs(1) };

/// An attempt that failed.
struct Failed {
    error: Error,
    /// What it says of the token.
    token: Verdict,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, token: Verdict::Final }
    }
}

/// What to do after a failed attempt.
enum Step {
    Repeat,
    WaitTurn,
    GiveUp,
}

fn next_step(error: &Error) -> Step {
    match (&error.kind, error.operation.effect()) {
        // Where tokens come from, repeats have their own pace.
        _ if error.operation == Operation::RefreshToken => Step::GiveUp,
        // After seconds of waiting it would be written as blindly as after a lost answer.
        (ErrorKind::RateLimited { .. } | ErrorKind::Busy { .. }, Effect::Overwrite) => Step::GiveUp,
        (ErrorKind::RateLimited { .. } | ErrorKind::Busy { status: 423, .. }, _) => Step::WaitTurn,
        // Not sent: even a create can be repeated.
        (ErrorKind::Unreachable { .. }, _)
        | (ErrorKind::Unavailable { .. } | ErrorKind::Ambiguous { .. }, Effect::Read | Effect::IdempotentWrite) => {
            Step::Repeat
        }
        _ => Step::GiveUp,
    }
}

fn log(operation: Operation, status: Option<u16>, result: &Result<Answer>, duration: Duration) {
    let (outcome, correlation_id) = match result {
        Ok(answer) => ("ok", answer.correlation_id.as_deref()),
        Err(error) => (error.category(), error.correlation_id.as_deref()),
    };
    let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    tracing::debug!(operation = operation.name(), status, outcome, duration_ms, correlation_id, "hubspot call");
}
