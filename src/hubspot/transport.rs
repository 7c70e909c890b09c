//! The one place bytes leave for HubSpot: a small trait, so that a simulation needs no sockets.

use bytes::Bytes;
use futures::future::BoxFuture;

/// A request, body included.
pub type HttpRequest = http::Request<Bytes>;
/// An answer, read to its end.
pub type HttpResponse = http::Response<Bytes>;

/// Sends one request and reads the whole answer. Implementations never retry, never follow redirects.
pub trait Transport: Send + Sync {
    /// Sends; the future owns all it needs.
    fn send(&self, request: HttpRequest) -> BoxFuture<'static, Result<HttpResponse, TransportError>>;
}

/// Why there is no answer. What matters is whether HubSpot may have acted on the request.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// Nothing was sent (name not found, connection refused): safe to repeat.
    #[error("no connection: {0}")]
    NotSent(String),
    /// The connection ended or timed out after sending began: a write may have happened.
    #[error("connection lost: {0}")]
    Lost(String),
    /// The answer is larger than we are willing to hold.
    #[error("answer larger than {limit_bytes} bytes")]
    TooLarge {
        /// The bound that was exceeded.
        limit_bytes: usize,
    },
}
