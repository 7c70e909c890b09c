//! What HubSpot's front door answers when a fault strikes, and which faults name a route of HubSpot's.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

use super::{
    answer::{put_header, respond_json},
    limits,
    route::Route,
};
use crate::sim::shared::faults::{custom, proxy_page, put_headers};

/// Whether a fault's route is one of ours, not the beginning of some.
pub(super) fn is_template(route: &str) -> bool {
    Route::templates().any(|template| template == route)
}

/// Renders a fault's answer with a correlation id.
pub(super) fn render(
    status: u16,
    body: Option<&Value>,
    headers: &BTreeMap<String, String>,
    correlation_id: &str,
) -> Response<Bytes> {
    let mut response = match body {
        Some(body) => custom(status, body),
        None => usual(status, correlation_id),
    };
    put_header(&mut response, "x-hubspot-correlation-id", correlation_id);
    put_headers(&mut response, headers);
    response
}

/// The body HubSpot, or the proxies before it, give a status (API.md §11, §12).
fn usual(status: u16, correlation_id: &str) -> Response<Bytes> {
    if let Some(page) = proxy_page(status) {
        return page;
    }
    let mut body = match status {
        429 => Value::Object(limits::refusal("ten_secondly_rolling", "TEN_SECONDLY_ROLLING", 10).body),
        423 => json!({ "status": "error", "message": "The resource is locked by other writes. Try again later." }),
        477 => json!({ "status": "error", "message": "This account is being migrated. Try again later." }),
        500..=599 => json!({ "status": "error", "message": "internal error" }),
        200..=299 => json!({}),
        _ => json!({ "status": "error", "message": "There was a problem with the request." }),
    };
    if !(200..=299).contains(&status) {
        body["correlationId"] = json!(correlation_id);
    }
    let mut response = respond_json(status, &body);
    if status == 477 {
        put_header(&mut response, "retry-after", "3600");
    }
    response
}
