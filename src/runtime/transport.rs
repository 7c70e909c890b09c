//! The one place bytes leave for HubSpot and TEC: a small trait, so that a simulation needs no sockets, and its reqwest
//! implementation.

#[cfg(test)]
mod tests;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
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

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// From first byte out to last byte in.
pub const TOTAL_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest answer held. A page of 100 is some 100 KiB; all properties of a portal a few MiB.
pub const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// Real sockets. Cheap to clone; clones share connections. Uses the system's proxy settings and root certificates.
#[derive(Clone, Debug)]
pub struct HttpTransport {
    client: reqwest::Client,
    max_body_bytes: usize,
}

impl HttpTransport {
    /// Fails if TLS cannot be set up, e.g. without root certificates.
    pub fn new() -> Result<Self, TransportError> {
        Self::build(reqwest::Client::builder(), MAX_BODY_BYTES)
    }

    /// As [`HttpTransport::new`], past any proxy: for what is near.
    pub fn direct() -> Result<Self, TransportError> {
        Self::build(reqwest::Client::builder().no_proxy(), MAX_BODY_BYTES)
    }

    fn build(builder: reqwest::ClientBuilder, max_body_bytes: usize) -> Result<Self, TransportError> {
        // The first in the process wins; another one installed before is just as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = builder
            .user_agent(concat!("tec-crm/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TOTAL_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .build()
            .map_err(|error| TransportError::NotSent(reason(error)))?;
        Ok(Self { client, max_body_bytes })
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: HttpRequest) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
        let (client, limit_bytes) = (self.client.clone(), self.max_body_bytes);
        Box::pin(async move {
            let request = reqwest::Request::try_from(request).map_err(|e| TransportError::NotSent(reason(e)))?;
            let mut response = client.execute(request).await.map_err(classified)?;
            let mut answer = http::Response::new(Bytes::new());
            *answer.status_mut() = response.status();
            *answer.headers_mut() = std::mem::take(response.headers_mut());
            let mut body = BytesMut::new();
            while let Some(chunk) = response.chunk().await.map_err(|e| TransportError::Lost(reason(e)))? {
                if body.len() + chunk.len() > limit_bytes {
                    return Err(TransportError::TooLarge { limit_bytes });
                }
                body.extend_from_slice(&chunk);
            }
            *answer.body_mut() = body.freeze();
            Ok(answer)
        })
    }
}

fn classified(error: reqwest::Error) -> TransportError {
    if error.is_connect() || error.is_builder() {
        TransportError::NotSent(reason(error))
    } else {
        TransportError::Lost(reason(error))
    }
}

/// The innermost cause without the URL, which may hold an e-mail address.
fn reason(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "timed out".to_owned();
    }
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
