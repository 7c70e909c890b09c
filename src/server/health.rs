//! `/healthz` and `/readyz`.
//!
//! Live as long as the process can answer; never for a custom resource's or HubSpot's sake. Ready once CRDs are there and
//! caches are filled.

use axum::{Router, http::StatusCode, routing::get};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Serves until `shutdown`. `is_ready` is asked at every probe.
pub async fn serve<F>(listener: TcpListener, is_ready: F, shutdown: CancellationToken) -> std::io::Result<()>
where
    F: Fn() -> bool + Clone + Send + Sync + 'static,
{
    let ready = move || {
        let is_ready = is_ready.clone();
        async move {
            if is_ready() {
                (StatusCode::OK, "ok")
            } else {
                (StatusCode::SERVICE_UNAVAILABLE, "waiting for CRDs and caches")
            }
        }
    };
    let router = Router::new().route("/healthz", get(|| async { "ok" })).route("/readyz", get(ready));
    axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned()).await
}
