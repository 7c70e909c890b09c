//! Answers as bytes: what every simulated service needs to say anything at all. Builds values only.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use jiff::Timestamp;
use serde_json::Value;

/// The content type of a JSON body.
pub(in crate::sim) const JSON: &str = "application/json;charset=utf-8";

/// Sets one header; a value that is no header text is left out.
pub(in crate::sim) fn put_header(response: &mut Response<Bytes>, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// Bytes with a status; JSON unless `content_type` says otherwise.
pub(in crate::sim) fn respond(status: u16, content_type: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if status != 204 {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    response
}

/// JSON with a status.
pub(in crate::sim) fn respond_json(status: u16, body: &Value) -> Response<Bytes> {
    respond(status, JSON, Bytes::from(body.to_string()))
}

/// A date as Java's `Instant` writes it: milliseconds only when there are any (API.md §8.2).
pub(in crate::sim) fn instant(at: Timestamp) -> String {
    let seconds = at.strftime("%Y-%m-%dT%H:%M:%S");
    match at.subsec_millisecond() {
        0 => format!("{seconds}Z"),
        millis => format!("{seconds}.{millis:03}Z"),
    }
}
