//! What simulated services have in common: a front door, sockets and processes before it, faults, a request log.
//! Knows nothing of any service.

pub(in crate::sim) mod answer;
pub(in crate::sim) mod faults;
pub(in crate::sim) mod listen;
pub(in crate::sim) mod log;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;

use crate::runtime::transport::{HttpRequest, HttpResponse, Transport, TransportError};

/// The connection was closed without an answer, as a fault demanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("connection closed without an answer")]
pub struct Dropped;

/// Why a control action was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ControlError {
    /// The HTTP status the control route answers.
    pub status: u16,
    /// What is wrong.
    pub message: String,
}

impl ControlError {
    pub(in crate::sim) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }
}

/// The body of a control request.
pub(in crate::sim) fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, ControlError> {
    serde_json::from_slice(body).map_err(|error| ControlError::new(400, format!("body: {error}")))
}

/// Where requests come in, whatever brought them.
pub(in crate::sim) trait Door: Clone + Send + Sync + 'static {
    /// Answers one request.
    fn enter(&self, request: Request<Bytes>) -> impl Future<Output = Result<Response<Bytes>, Dropped>> + Send;
}

/// A simulator as a transport, without sockets.
pub(in crate::sim) fn in_process(door: impl Door) -> Arc<dyn Transport> {
    Arc::new(InProcess(door))
}

struct InProcess<D>(D);

impl<D: Door> Transport for InProcess<D> {
    fn send(&self, request: HttpRequest) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
        let door = self.0.clone();
        Box::pin(async move { door.enter(request).await.map_err(|dropped| TransportError::Lost(dropped.to_string())) })
    }
}

/// Even no time lets others run, as a socket would: callers in one thread interleave.
pub(in crate::sim) async fn wait(duration: Duration) {
    if duration.is_zero() {
        tokio::task::yield_now().await;
    } else {
        tokio::time::sleep(duration).await;
    }
}

/// The date moved ahead, as far as dates go.
pub(in crate::sim) fn later(at: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}
