//! A transport that answers from a script, and a client around it. For the tests of this room only.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures::future::BoxFuture;
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use super::{Connection, LeadContact, NewLead, Tec, TecToken};
use crate::{
    domain::{ContactId, Email},
    runtime::transport::{HttpRequest, HttpResponse, Transport, TransportError},
};

pub(super) const TOKEN: &str = "CANARY_TOKEN_5F0E";

/// What the script answers.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    Http { status: u16, headers: Vec<(&'static str, String)>, body: String },
    Lost,
    NotSent,
    TooLarge,
}

/// An answer with a JSON (or any other) body.
#[allow(clippy::needless_pass_by_value, reason = "`json!` arguments read best by value")]
pub(super) fn reply(status: u16, body: impl ToString) -> Reply {
    Reply::Http { status, headers: Vec::new(), body: body.to_string() }
}

impl Reply {
    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Self::Http { headers, .. } = &mut self {
            headers.push((name, value.to_owned()));
        }
        self
    }
}

/// A request the script has seen.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// Since the script began.
    pub at: Duration,
    /// Method, then address with the query.
    pub line: String,
    /// `null` if there is none.
    pub body: Value,
    pub authorization: String,
}

/// Answers in order; the last answer is given for ever.
pub(super) struct Script {
    started: Instant,
    replies: Mutex<VecDeque<Reply>>,
    seen: Mutex<Vec<Seen>>,
}

impl Script {
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }

    fn next(&self) -> Reply {
        let mut replies = self.replies.lock().unwrap();
        if replies.len() > 1 { replies.pop_front().unwrap() } else { replies.front().expect("a reply").clone() }
    }
}

impl Transport for Script {
    fn send(&self, request: HttpRequest) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
        self.seen.lock().unwrap().push(Seen {
            at: self.started.elapsed(),
            line: format!("{} {}", request.method(), request.uri()),
            body: serde_json::from_slice(request.body()).unwrap_or_default(),
            authorization: request.headers()["authorization"].to_str().unwrap().to_owned(),
        });
        let reply = self.next();
        Box::pin(async move {
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
    pub tec: Tec,
    pub script: Arc<Script>,
}

pub(super) fn bench(replies: impl IntoIterator<Item = Reply>) -> Bench {
    bench_at("https://tec.example.com", replies)
}

pub(super) fn bench_at(base: &str, replies: impl IntoIterator<Item = Reply>) -> Bench {
    let script = Arc::new(Script {
        started: Instant::now(),
        replies: Mutex::new(replies.into_iter().collect()),
        seen: Mutex::default(),
    });
    let transport = Arc::clone(&script) as Arc<dyn Transport>;
    let (base, token) = (Url::parse(base).unwrap(), TecToken::new(TOKEN).unwrap());
    Bench { tec: Tec::new(Connection { transport, base, token }), script }
}

/// A lead of contact 201, with a key.
pub(super) fn lead(key: &str) -> NewLead {
    NewLead {
        idempotency_key: key.to_owned(),
        assistant_email: Email::new("canary.assistant@example.com").unwrap(),
        contact: LeadContact {
            crm_id: ContactId("201".to_owned()),
            email: "canary.person@example.com".to_owned(),
            first_name: Some("canary".to_owned()),
            last_name: None,
            company: None,
            phone: None,
        },
        context: Some("canary context".to_owned()),
        schedule: None,
    }
}
