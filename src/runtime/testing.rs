//! For the unit tests of clients: a transport that answers from a script, and a log that keeps everything.

#![allow(missing_docs, clippy::needless_pass_by_value, reason = "tests only; `json!` arguments read best by value")]

use std::{
    collections::VecDeque,
    fmt::Write as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures::future::BoxFuture;
use serde_json::Value;
use tokio::time::Instant;
use tracing::field::{Field, Visit};
use tracing_subscriber::{Layer, layer::Context};

use super::transport::{HttpRequest, HttpResponse, Transport, TransportError};

/// What the script answers.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Http { status: u16, headers: Vec<(&'static str, String)>, body: String },
    Lost,
    NotSent,
    TooLarge,
}

/// An answer with a JSON (or any other) body.
pub(crate) fn reply(status: u16, body: impl ToString) -> Reply {
    Reply::Http { status, headers: Vec::new(), body: body.to_string() }
}

impl Reply {
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Self::Http { headers, .. } = &mut self {
            headers.push((name, value.to_owned()));
        }
        self
    }
}

/// A request the script has seen.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Since the script began.
    pub(crate) at: Duration,
    pub(crate) method: String,
    pub(crate) host: String,
    /// With the query.
    pub(crate) path: String,
    pub(crate) body: String,
    pub(crate) authorization: String,
}

impl Seen {
    /// Method and path.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Method and whole address.
    pub(crate) fn address(&self) -> String {
        format!("{} {}{}", self.method, self.host, self.path)
    }

    /// The body; `null` if there is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// Answers in order; the last answer is given for ever.
pub(crate) struct Script {
    started: Instant,
    latency: Duration,
    replies: Mutex<VecDeque<Reply>>,
    seen: Mutex<Vec<Seen>>,
}

impl Script {
    /// Begins now. Every answer takes `latency`.
    pub(crate) fn new(replies: impl IntoIterator<Item = Reply>, latency: Duration) -> Arc<Self> {
        let replies = Mutex::new(replies.into_iter().collect());
        Arc::new(Self { started: Instant::now(), latency, replies, seen: Mutex::default() })
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().iter().map(Seen::line).collect()
    }

    pub(crate) fn addresses(&self) -> Vec<String> {
        self.seen().iter().map(Seen::address).collect()
    }

    /// Forgets what was to come.
    pub(crate) fn now_answer(&self, replies: impl IntoIterator<Item = Reply>) {
        *self.replies.lock().unwrap() = replies.into_iter().collect();
    }

    fn next(&self) -> Reply {
        let mut replies = self.replies.lock().unwrap();
        if replies.len() > 1 { replies.pop_front().unwrap() } else { replies.front().expect("a reply").clone() }
    }
}

impl Transport for Script {
    fn send(&self, request: HttpRequest) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
        let (uri, headers) = (request.uri(), request.headers());
        self.seen.lock().unwrap().push(Seen {
            at: self.started.elapsed(),
            method: request.method().to_string(),
            host: format!("{}://{}", uri.scheme_str().unwrap(), uri.authority().unwrap()),
            path: uri.path_and_query().unwrap().to_string(),
            body: String::from_utf8(request.body().to_vec()).unwrap(),
            authorization: headers.get("authorization").map_or("", |value| value.to_str().unwrap()).to_owned(),
        });
        let (reply, latency) = (self.next(), self.latency);
        Box::pin(async move {
            if !latency.is_zero() {
                tokio::time::sleep(latency).await;
            }
            match reply {
                Reply::Lost => Err(TransportError::Lost("reset by peer".to_owned())),
                Reply::NotSent => Err(TransportError::NotSent("refused".to_owned())),
                Reply::TooLarge => Err(TransportError::TooLarge { limit_bytes: 16 }),
                Reply::Http { status, headers, body } => {
                    let mut response = http::Response::builder().status(status);
                    for (name, value) in headers {
                        response = response.header(name, value);
                    }
                    Ok(response.body(Bytes::from(body)).unwrap())
                }
            }
        })
    }
}

/// Writes down every field of every event and span, at every level.
#[derive(Clone, Default)]
pub(crate) struct Everything(Arc<Mutex<String>>);

impl Everything {
    /// All that was written down so far.
    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }
}

struct Writer<'a>(&'a mut String);

impl Visit for Writer<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
    }
}

impl<S: tracing::Subscriber> Layer<S> for Everything {
    fn on_new_span(&self, attributes: &tracing::span::Attributes<'_>, _: &tracing::span::Id, _: Context<'_, S>) {
        attributes.record(&mut Writer(&mut self.0.lock().unwrap()));
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut text = self.0.lock().unwrap();
        event.record(&mut Writer(&mut text));
        text.push('\n');
    }
}
