//! Answers in the contract's shapes. Builds values only.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

use crate::sim::shared::{
    answer::{put_header, respond_json},
    faults::{custom, proxy_page, put_headers},
};

/// A request refused as a whole: `{code, message}` with a status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub status: u16,
    pub code: &'static str,
    pub message: String,
}

impl Refusal {
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self { status: 400, code: "INVALID_REQUEST", message: message.into() }
    }

    pub(super) fn unauthorized() -> Self {
        Self { status: 401, code: "UNAUTHORIZED", message: "The access token is not valid.".to_owned() }
    }

    pub(super) fn not_found() -> Self {
        Self { status: 404, code: "NOT_FOUND", message: "There is nothing at this path.".to_owned() }
    }

    pub(super) fn cursor_expired() -> Self {
        Self { status: 410, code: "CURSOR_EXPIRED", message: "The cursor is too old.".to_owned() }
    }
}

/// An error of one item of a batch, beside the item's key.
pub(super) fn item_error(key: &str, value: &str, code: &str, message: &str) -> Value {
    json!({ key: value, "error": { "code": code, "message": message } })
}

pub(super) fn render(outcome: Result<Value, Refusal>) -> Response<Bytes> {
    match outcome {
        Ok(body) => respond_json(200, &body),
        Err(Refusal { status, code, message }) => respond_json(status, &json!({ "code": code, "message": message })),
    }
}

/// Renders a fault's answer.
pub(super) fn fault(status: u16, body: Option<&Value>, headers: &BTreeMap<String, String>) -> Response<Bytes> {
    let mut response = match body {
        Some(body) => custom(status, body),
        None => usual(status),
    };
    if status == 429 {
        put_header(&mut response, "retry-after", "1");
    }
    put_headers(&mut response, headers);
    response
}

/// The body TEC, or the proxies before it, give a status.
fn usual(status: u16) -> Response<Bytes> {
    if let Some(page) = proxy_page(status) {
        return page;
    }
    let refusal = match status {
        401 => Refusal::unauthorized(),
        404 => Refusal::not_found(),
        410 => Refusal::cursor_expired(),
        429 => Refusal { status, code: "RATE_LIMITED", message: "Too many calls.".to_owned() },
        500.. => Refusal { status, code: "UNAVAILABLE", message: "Please try again later.".to_owned() },
        200..=299 => return respond_json(status, &json!({})),
        _ => Refusal { status, ..Refusal::invalid("The request is not what the contract says.") },
    };
    render(Err(refusal))
}
