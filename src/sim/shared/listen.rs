//! A simulator on a real socket. Only carries bytes: every decision is made behind its [`Door`].

use std::io;

use axum::{Router, body::Body, extract::Request, response::Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use tokio::net::TcpListener;

use super::{Door, Dropped};

/// The largest request body read.
const BODY_LIMIT: usize = 16 * 1024 * 1024;

/// Serves until `shutdown` is done.
pub(in crate::sim) async fn serve(
    sim: impl Door,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let answer = move |request: Request| {
        let sim = sim.clone();
        async move { answer(&sim, request).await }
    };
    axum::serve(listener, Router::new().fallback(answer)).with_graceful_shutdown(shutdown).await
}

async fn answer(sim: &impl Door, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
        let mut refused = Response::new(Body::empty());
        *refused.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        return refused;
    };
    match sim.enter(http::Request::from_parts(parts, body)).await {
        Ok(response) => response.map(Body::from),
        Err(dropped) => cut(dropped.into()),
    }
}

/// A response that never reaches the client: its body fails before anything is flushed, so the server closes the connection.
/// The promised length makes whatever might be sent nevertheless an incomplete answer.
fn cut(cause: io::Error) -> Response {
    let body = futures::stream::once(async move { Err::<Bytes, io::Error>(cause) });
    let mut response = Response::new(Body::from_stream(body));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("1"));
    response
}

impl From<Dropped> for io::Error {
    fn from(dropped: Dropped) -> Self {
        Self::new(io::ErrorKind::ConnectionReset, dropped)
    }
}
