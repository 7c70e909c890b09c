//! Deliveries over a socket: plain HTTP behind an ingress that ends TLS. Carries bytes within bounds; every decision is
//! made behind [`Deliveries::receive`].

use std::{io, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::Request,
    routing::{get, post},
};
use bytes::Bytes;
use http::{StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::{net::TcpListener, sync::Semaphore, time};
use tokio_util::sync::CancellationToken;

use super::{Deliveries, Doorbell, HEALTH_PATH, MAX_BODY_BYTES};
use crate::{runtime::clock::Clock, server::connections::Bounded};

/// Of a body that is too large so much is read before it is cut off.
const MAX_DISCARDED: usize = 4 * MAX_BODY_BYTES;

/// How much the socket bears.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Connections at a time; more wait to be accepted.
    pub connections: usize,
    /// Deliveries read or judged at a time; more are answered 503. HubSpot itself sends ten at a time and app.
    pub deliveries: usize,
    /// A connection on which nothing comes in for so long is closed.
    pub idle: Duration,
    /// A body must have come in by then. HubSpot gives up after as much.
    pub body: Duration,
    /// How long a shutdown waits for requests under way.
    pub drain: Duration,
}

impl Bounds {
    const USUAL: Self = Self {
        connections: 256,
        deliveries: 64,
        idle: Duration::from_mins(1),
        body: Duration::from_secs(5),
        drain: Duration::from_secs(5),
    };
}

/// Serves until `shutdown`: deliveries on every path by POST, `/healthz` by GET.
pub async fn serve(
    listener: TcpListener,
    doorbell: Arc<dyn Doorbell>,
    clock: Arc<dyn Clock>,
    shutdown: CancellationToken,
) -> io::Result<()> {
    serve_within(Bounds::USUAL, listener, Arc::new(Deliveries::new(doorbell, clock)), shutdown).await
}

pub(super) async fn serve_within(
    bounds: Bounds,
    listener: TcpListener,
    deliveries: Arc<Deliveries>,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let room = Arc::new(Semaphore::new(bounds.deliveries));
    let deliver = move |request: Request| {
        let (deliveries, room) = (Arc::clone(&deliveries), Arc::clone(&room));
        async move {
            let Ok(_place) = room.try_acquire() else { return StatusCode::SERVICE_UNAVAILABLE };
            answer(deliveries, request, bounds.body).await.unwrap_or_else(|status| status)
        }
    };
    let router = Router::new().route(HEALTH_PATH, get(|| async { "ok" })).fallback_service(post(deliver));
    let listener = Bounded::new(listener, bounds.connections, bounds.idle);
    let server = axum::serve(listener, router).with_graceful_shutdown(shutdown.clone().cancelled_owned());
    let patience = async {
        shutdown.cancelled().await;
        time::sleep(bounds.drain).await;
    };
    tokio::select! {
        result = server.into_future() => result,
        () = patience => Ok(()),
    }
}

async fn answer(deliveries: Arc<Deliveries>, request: Request, patience: Duration) -> Result<StatusCode, StatusCode> {
    let (parts, body) = request.into_parts();
    let announced = parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|bytes: u64| u64::try_from(MAX_BODY_BYTES).is_ok_and(|limit| bytes > limit)) {
        // Closed while it is still sending, a sender may not hear the answer.
        let _in_time = time::timeout(patience, discard(body)).await;
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let body = time::timeout(patience, whole(body)).await.map_err(|_| StatusCode::REQUEST_TIMEOUT)??;
    // Hashing is work, and anybody may cause it: not on the threads that keep the operator going.
    let judged =
        tokio::task::spawn_blocking(move || deliveries.receive(&parts.method, parts.uri.path(), &parts.headers, &body));
    judged.await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

/// Reads on for a bit without keeping anything.
async fn discard(body: Body) {
    let mut body = Limited::new(body, MAX_DISCARDED);
    while let Some(Ok(_frame)) = body.frame().await {}
}

/// A body read to its end, if that is near enough.
async fn whole(body: Body) -> Result<Bytes, StatusCode> {
    match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Err(_) => Err(StatusCode::BAD_REQUEST),
    }
}
