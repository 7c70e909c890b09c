//! Answers in HubSpot's shapes: successes, and errors whose body repeats the correlation id (API.md §12).
//! Builds values only; knows neither the store nor the socket.

use bytes::Bytes;
use http::Response;
use serde_json::{Map, Value, json};

pub(super) use crate::sim::shared::answer::{instant, put_header, respond, respond_json};

/// What a route answers.
pub(super) type Outcome = Result<Answer, ApiError>;

/// A success.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub body: Option<Value>,
    pub location: Option<String>,
}

impl Answer {
    pub(super) fn ok(body: Value) -> Self {
        Self { status: 200, body: Some(body), location: None }
    }

    pub(super) fn created(body: Value, location: String) -> Self {
        Self { status: 201, body: Some(body), location: Some(location) }
    }

    pub(super) fn no_content() -> Self {
        Self { status: 204, body: None, location: None }
    }
}

/// A refusal; the correlation id is added when it is rendered.
#[derive(Clone, Debug)]
pub(super) struct ApiError {
    pub status: u16,
    pub body: Map<String, Value>,
    pub headers: Vec<(&'static str, String)>,
}

impl ApiError {
    pub(super) fn new(status: u16, message: impl Into<String>) -> Self {
        let mut body = Map::new();
        body.insert("status".to_owned(), json!("error"));
        body.insert("message".to_owned(), Value::String(message.into()));
        Self { status, body, headers: Vec::new() }
    }

    /// 400 `VALIDATION_ERROR`.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, message).category("VALIDATION_ERROR")
    }

    /// 404 `OBJECT_NOT_FOUND`.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, message).category("OBJECT_NOT_FOUND")
    }

    pub(super) fn category(self, category: &str) -> Self {
        self.with("category", json!(category))
    }

    pub(super) fn sub_category(self, sub_category: &str) -> Self {
        self.with("subCategory", json!(sub_category))
    }

    pub(super) fn with(mut self, key: &str, value: Value) -> Self {
        self.body.insert(key.to_owned(), value);
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn message(&self) -> &str {
        self.body.get("message").and_then(Value::as_str).unwrap_or_default()
    }

    /// The error as an item of a batch answer (`StandardError`: all of its required fields).
    pub(super) fn into_batch_item(self, context: &Value) -> Value {
        let take = |key: &str, fallback: Value| self.body.get(key).cloned().unwrap_or(fallback);
        let mut item = json!({
            "status": "error",
            "category": take("category", json!("VALIDATION_ERROR")),
            "message": self.message(),
            "context": context,
            "links": {},
            "errors": take("errors", json!([])),
        });
        if let Some(sub) = self.body.get("subCategory") {
            item["subCategory"] = json!({ "name": sub });
        }
        item
    }
}

/// Renders an outcome; the correlation id goes to the header and into an error's body.
pub(super) fn render(outcome: Outcome, correlation_id: &str) -> Response<Bytes> {
    let mut response = match outcome {
        Ok(Answer { status, body, location }) => {
            let mut response = match body {
                Some(body) => respond_json(status, &body),
                None => respond(status, "", Bytes::new()),
            };
            if let Some(location) = location {
                put_header(&mut response, "location", &location);
            }
            response
        }
        Err(ApiError { status, mut body, headers }) => {
            body.insert("correlationId".to_owned(), json!(correlation_id));
            let mut response = respond_json(status, &Value::Object(body));
            for (name, value) in headers {
                put_header(&mut response, name, &value);
            }
            response
        }
    };
    put_header(&mut response, "x-hubspot-correlation-id", correlation_id);
    response
}

/// `{results, paging?}`; `after` is absent on the last page.
pub(super) fn page(results: Vec<Value>, after: Option<String>) -> Value {
    let mut body = json!({ "results": Value::Array(results) });
    if let Some(after) = after {
        body["paging"] = json!({ "next": { "link": format!("?after={after}"), "after": after } });
    }
    body
}
