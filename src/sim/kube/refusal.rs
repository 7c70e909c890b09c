//! What the server says when it says no: the `Status` bodies of Kubernetes, word for word where it matters.
//! Plain values; touches nothing.

use serde_json::{Value, json};

use super::resource::Resource;

/// A request the server refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// HTTP status.
    pub code: u16,
    /// Machine-readable reason, e.g. `Conflict`.
    pub reason: String,
    /// What a person reads.
    pub message: String,
    details: Value,
}

/// One offending field of an invalid object.
pub(super) struct Cause<'a> {
    pub(super) reason: &'a str,
    pub(super) field: &'a str,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(code: u16, reason: &str, message: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), message: message.into(), details: Value::Null }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(super) fn unknown_path() -> Self {
        let refusal = Self::new(404, "NotFound", "the server could not find the requested resource");
        Self { details: json!({}), ..refusal }
    }

    pub(super) fn not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self { details: json!({}), ..Self::new(405, "MethodNotAllowed", message) }
    }

    pub(super) fn not_found(resource: &Resource, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{resource} \"{name}\" not found")).about(&resource.plural, resource, name)
    }

    pub(super) fn already_exists(resource: &Resource, name: &str) -> Self {
        let message = format!("{resource} \"{name}\" already exists");
        Self::new(409, "AlreadyExists", message).about(&resource.plural, resource, name)
    }

    pub(super) fn conflict(resource: &Resource, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {resource} \"{name}\": {why}");
        Self::new(409, "Conflict", message).about(&resource.plural, resource, name)
    }

    pub(super) fn modified(resource: &Resource, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(resource, name, why)
    }

    pub(super) fn forbidden(resource: &Resource, name: &str, why: &str) -> Self {
        let message = format!("{resource} \"{name}\" is forbidden: {why}");
        Self::new(403, "Forbidden", message).about(&resource.plural, resource, name)
    }

    pub(super) fn invalid(resource: &Resource, name: &str, cause: &Cause<'_>) -> Self {
        let message =
            format!("{} \"{name}\" is invalid: {}: {}", resource.qualified_kind(), cause.field, cause.message);
        Self::new(422, "Invalid", message).about(&resource.kind, resource, name).caused_by(vec![json!({
            "reason": cause.reason, "message": cause.message, "field": cause.field,
        })])
    }

    pub(super) fn expired(from: u64, current: u64) -> Self {
        Self::new(410, "Expired", format!("too old resource version: {from} ({current})"))
    }

    pub(super) fn caused_by(mut self, causes: Vec<Value>) -> Self {
        if !self.details.is_object() {
            self.details = json!({});
        }
        self.details["causes"] = Value::Array(causes);
        self
    }

    fn about(mut self, kind: &str, resource: &Resource, name: &str) -> Self {
        self.details = json!({"name": name, "kind": kind});
        if !resource.group.is_empty() {
            self.details["group"] = json!(resource.group);
        }
        self
    }

    /// The `Status` object sent to the client.
    pub fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code,
        });
        if !self.details.is_null() {
            status["details"] = self.details.clone();
        }
        status
    }
}
