//! A transport that answers from a script, and a client around it. For the tests of this room only.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use super::{AccessToken, Connection, HubSpot, Limiter, region::DEFAULT_BASE};
use crate::runtime::{
    chance::Chance,
    clock::VirtualClock,
    transport::{HttpRequest, HttpResponse, Transport, TransportError},
};

pub(super) const CANARY: &str = "pat-na1-canary-5f0e";

/// What the script answers.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    Http { status: u16, headers: Vec<(&'static str, String)>, body: String },
    Lost,
    NotSent,
    TooLarge,
}

/// An answer with a JSON (or any other) body.
pub(super) fn reply(status: u16, body: &str) -> Reply {
    Reply::Http { status, headers: Vec::new(), body: body.to_owned() }
}

impl Reply {
    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Self::Http { headers, .. } = &mut self {
            headers.push((name, value.to_owned()));
        }
        self
    }
}

/// 429 with a policy.
pub(super) fn limited(policy: &str) -> Reply {
    reply(
        429,
        &format!(
            r#"{{"status":"error","message":"You have reached your limit.","errorType":"RATE_LIMIT","policyName":"{policy}"}}"#
        ),
    )
}

/// A request the script has seen.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// Since the script began.
    pub at: Duration,
    pub method: String,
    pub host: String,
    /// With the query.
    pub path: String,
    pub body: String,
    pub authorization: String,
}

impl Seen {
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Answers in order; the last answer is given for ever.
pub(super) struct Script {
    started: Instant,
    latency: Duration,
    replies: Mutex<VecDeque<Reply>>,
    seen: Mutex<Vec<Seen>>,
}

impl Script {
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.seen().iter().map(Seen::line).collect()
    }

    /// Forgets what was to come.
    pub(super) fn now_answer(&self, replies: impl IntoIterator<Item = Reply>) {
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
            authorization: headers["authorization"].to_str().unwrap().to_owned(),
        });
        let (reply, latency) = (self.next(), self.latency);
        Box::pin(async move {
            tokio::time::sleep(latency).await;
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

/// A client on a script.
pub(super) struct Bench {
    pub hubspot: HubSpot,
    pub script: Arc<Script>,
}

/// No reserve, no latency, 22 November 2026 10:00 UTC.
pub(super) fn bench(replies: impl IntoIterator<Item = Reply>) -> Bench {
    bench_with(replies, CANARY, 0, Duration::ZERO)
}

pub(super) fn bench_with(
    replies: impl IntoIterator<Item = Reply>,
    token: &str,
    reserve_percent: u8,
    latency: Duration,
) -> Bench {
    let epoch: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    let script = Arc::new(Script {
        started: Instant::now(),
        latency,
        replies: Mutex::new(replies.into_iter().collect()),
        seen: Mutex::default(),
    });
    let hubspot = HubSpot::new(Connection {
        transport: Arc::clone(&script) as Arc<dyn Transport>,
        base: Url::parse(DEFAULT_BASE).unwrap(),
        token: AccessToken::new(token).unwrap(),
        limiter: Arc::new(Limiter::new(Arc::new(VirtualClock::starting_at(epoch)), reserve_percent)),
        chance: Arc::new(Chance::seeded(1)),
    });
    Bench { hubspot, script }
}
