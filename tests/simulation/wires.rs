//! What lies between the operator and the others: the way to HubSpot and TEC, which can be cut at any call, and the gate
//! webhooks come in by.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::future::BoxFuture;
use http::{StatusCode, header};
use tec_crm::{
    runtime::transport::{HttpRequest, HttpResponse, MAX_BODY_BYTES, TOTAL_TIMEOUT, Transport, TransportError},
    server::webhook::Deliveries,
    sim::{
        hubspot::Sink,
        kube::{Strike, Verb},
    },
};
use tokio::sync::Notify;

use super::world::TEC_HOST;

/// Whom a request is for stands in its host.
pub struct ByHost {
    pub hubspot: Arc<dyn Transport>,
    pub tec: Option<Arc<dyn Transport>>,
    pub wire: Arc<Wire>,
}

impl Transport for ByHost {
    fn send(&self, request: HttpRequest) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
        let to = match (request.uri().host(), &self.tec) {
            (Some(TEC_HOST), Some(tec)) => Arc::clone(tec),
            (Some(TEC_HOST), None) => {
                return Box::pin(async { Err(TransportError::NotSent("name not found".to_owned())) });
            }
            _ => Arc::clone(&self.hubspot),
        };
        let wire = Arc::clone(&self.wire);
        Box::pin(async move {
            wire.note(&request);
            match wire.next() {
                Cut::None => {
                    let answer = bounded(to.send(request), wire.max_body()).await;
                    wire.hear(&answer);
                    answer
                }
                Cut::Before => wire.trip().await,
                Cut::After => {
                    let _lost = to.send(request).await;
                    wire.trip().await
                }
            }
        })
    }
}

/// The bounds real sockets have: an answer in time, and not too large.
async fn bounded(
    answer: BoxFuture<'static, Result<HttpResponse, TransportError>>,
    limit_bytes: usize,
) -> Result<HttpResponse, TransportError> {
    let in_time = tokio::time::timeout(TOTAL_TIMEOUT, answer).await;
    let answer = in_time.map_err(|_| TransportError::Lost("timed out".to_owned()))??;
    if answer.body().len() > limit_bytes {
        return Err(TransportError::TooLarge { limit_bytes });
    }
    Ok(answer)
}

/// Counts calls, and never brings back the answer of one of them.
#[derive(Default)]
pub struct Wire {
    state: Mutex<Count>,
    tripped: Notify,
}

#[derive(Default)]
struct Count {
    calls: usize,
    cut: Option<(usize, Cut)>,
    /// Host and path of each request that carried a credential.
    credentials: Vec<(String, String)>,
    /// Largest answer let through, if it is not the usual.
    max_body: Option<usize>,
    /// Of all answers so far.
    heard: DefaultHasher,
}

/// Where a call ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cut {
    /// Nowhere.
    #[default]
    None,
    /// Nothing has happened.
    Before,
    /// All has happened, and nobody hears of it.
    After,
}

impl Wire {
    /// Counts from 0 again; cuts that call.
    pub fn arm(&self, call: usize, cut: Cut) {
        *self.state.lock().expect("no panic") = Count { cut: Some((call, cut)), ..Count::default() };
    }

    /// Calls since the wire was armed.
    pub fn calls(&self) -> usize {
        self.state.lock().expect("no panic").calls
    }

    /// Host and path of every request with a credential, since this was asked last.
    pub fn credentials(&self) -> Vec<(String, String)> {
        std::mem::take(&mut self.state.lock().expect("no panic").credentials)
    }

    /// Tells one conversation from another: equal if all answers were.
    pub fn heard(&self) -> u64 {
        self.state.lock().expect("no panic").heard.finish()
    }

    fn hear(&self, answer: &Result<HttpResponse, TransportError>) {
        let said = answer.as_ref().ok().map(|answer| (answer.status(), answer.body()));
        said.hash(&mut self.state.lock().expect("no panic").heard);
    }

    /// Holds answers to a smaller bound than real sockets do.
    pub fn allow(&self, max_body: usize) {
        self.state.lock().expect("no panic").max_body = Some(max_body);
    }

    fn max_body(&self) -> usize {
        self.state.lock().expect("no panic").max_body.unwrap_or(MAX_BODY_BYTES)
    }

    fn note(&self, request: &HttpRequest) {
        let carries =
            request.headers().contains_key(header::AUTHORIZATION) || request.uri().path().contains("access-token-info");
        if carries {
            let host = request.uri().host().unwrap_or_default().to_owned();
            self.state.lock().expect("no panic").credentials.push((host, request.uri().path().to_owned()));
        }
    }

    /// Until the call that is to be cut.
    pub async fn tripped(&self) {
        self.tripped.notified().await;
    }

    /// One more call, also of another kind.
    pub fn next(&self) -> Cut {
        let mut state = self.state.lock().expect("no panic");
        let place = state.calls;
        state.calls += 1;
        state.cut.filter(|(call, _)| *call == place).map_or(Cut::None, |(_, cut)| cut)
    }

    /// Says so; the caller is as good as dead.
    pub fn ring(&self) {
        self.tripped.notify_one();
    }

    async fn trip(&self) -> Result<HttpResponse, TransportError> {
        self.ring();
        std::future::pending().await
    }
}

/// Calls to Kubernetes count, too.
pub fn count_kubernetes(wire: Arc<Wire>) -> impl FnMut(Verb, &str) -> Option<Strike> + Send {
    move |_: Verb, _: &str| match wire.next() {
        Cut::None => None,
        Cut::Before => {
            wire.ring();
            Some(Strike::Delay(Duration::from_hours(1_000)))
        }
        Cut::After => {
            wire.ring();
            Some(Strike::LoseReply)
        }
    }
}

/// Deliveries of webhooks find the operator that runs now, if one does.
#[derive(Default)]
pub struct Gate(Mutex<Option<Arc<Deliveries>>>);

impl Gate {
    pub fn open(&self, deliveries: Deliveries) {
        *self.0.lock().expect("no panic") = Some(Arc::new(deliveries));
    }

    pub fn close(&self) {
        *self.0.lock().expect("no panic") = None;
    }

    pub fn sink(self: Arc<Self>) -> impl Sink {
        move |request: HttpRequest| -> BoxFuture<'static, Result<StatusCode, TransportError>> {
            let inside = self.0.lock().expect("no panic").clone();
            let answer = inside
                .map(|inside| {
                    let path = request.uri().path();
                    inside.receive(request.method(), path, request.headers(), request.body().as_ref())
                })
                .ok_or_else(|| TransportError::NotSent("connection refused".to_owned()));
            Box::pin(async move { answer })
        }
    }
}
