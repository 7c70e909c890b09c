//! Where HubSpot does not do as its own documents say, and API.md has it written down. Anything else that differs is a mistake
//! of ours. A line nobody needs any more has to go: [`super::every_route`] and [`super::every_operation`] need them all.

use serde_json::Value;

use super::{
    checker::{Side, Violation},
    openapi::{MISSING, UNKNOWN},
};

/// One difference.
pub struct Allowed {
    /// Where API.md says so.
    pub section: &'static str,
    pub what: &'static str,
    side: Where,
    /// Operations that begin and end so.
    operation: (&'static str, &'static str),
    /// JSON pointer; `*` stands for any one segment.
    pointer: &'static str,
    rule: &'static str,
    value: fn(&Value) -> bool,
}

/// Which requests or answers a line is about.
enum Where {
    Requests,
    Successes,
    /// With one of these statuses.
    Refusals(&'static [u16]),
}

const ANY: (&str, &str) = ("", "");

/// The list.
pub const HUBSPOT: &[Allowed] = &[
    Allowed {
        section: "8.3",
        what: "sorts of a search are objects, not texts",
        side: Where::Requests,
        operation: ("POST", "/search"),
        pointer: "/sorts/*",
        rule: "type",
        value: is_sort,
    },
    Allowed {
        section: "8.2",
        what: "a property that was asked for and has no value is null",
        side: Where::Successes,
        operation: ANY,
        pointer: "/results/*/properties/*",
        rule: "type",
        value: Value::is_null,
    },
    Allowed {
        section: "8.2",
        what: "the same in the answer about one record",
        side: Where::Successes,
        operation: ANY,
        pointer: "/properties/*",
        rule: "type",
        value: Value::is_null,
    },
    Allowed {
        section: "6",
        what: "an archived owner's userId is null",
        side: Where::Successes,
        operation: ("GET /crm/owners/", ""),
        pointer: "/results/*/userId",
        rule: "type",
        value: Value::is_null,
    },
    Allowed {
        section: "6",
        what: "the same in the answer about one owner",
        side: Where::Successes,
        operation: ("GET /crm/owners/", "/{ownerId}"),
        pointer: "/userId",
        rule: "type",
        value: Value::is_null,
    },
    Allowed {
        section: "9",
        what: "ids of associated records may be numbers",
        side: Where::Successes,
        operation: ("POST /crm/associations/", "/batch/read"),
        pointer: "/results/*/to/*/toObjectId",
        rule: "type",
        value: Value::is_u64,
    },
    Allowed {
        section: "9",
        what: "the same for one record",
        side: Where::Successes,
        operation: ("GET /crm/objects/", "/associations/{toObjectType}"),
        pointer: "/results/*/toObjectId",
        rule: "type",
        value: Value::is_u64,
    },
    Allowed {
        section: "12",
        what: "the sub-category of a batch's error is an object or a text",
        side: Where::Successes,
        operation: ("POST", "/batch/read"),
        pointer: "/errors/*/subCategory",
        rule: "type",
        value: Value::is_string,
    },
    Allowed {
        section: "12",
        what: "errors say status: error",
        side: Where::Refusals(&[]),
        operation: ANY,
        pointer: "/status",
        rule: UNKNOWN,
        value: |value| value == "error",
    },
    Allowed {
        section: "8.2",
        what: "a body that is no JSON, an unknown record and a group in use are refused without a category",
        side: Where::Refusals(&[400, 404]),
        operation: ANY,
        pointer: "/category",
        rule: MISSING,
        value: has_no_category,
    },
    Allowed {
        section: "11",
        what: "errors of rate limits have a type in place of a category",
        side: Where::Refusals(&[429]),
        operation: ANY,
        pointer: "/category",
        rule: MISSING,
        value: |error| error["errorType"] == "RATE_LIMIT",
    },
    Allowed {
        section: "11",
        what: "the type of a rate limit's error",
        side: Where::Refusals(&[429]),
        operation: ANY,
        pointer: "/errorType",
        rule: UNKNOWN,
        value: |value| value == "RATE_LIMIT",
    },
    Allowed {
        section: "11",
        what: "which limit it was",
        side: Where::Refusals(&[429]),
        operation: ANY,
        pointer: "/policyName",
        rule: UNKNOWN,
        value: |value| ["DAILY", "TEN_SECONDLY_ROLLING", "SECONDLY"].iter().any(|policy| value == policy),
    },
    Allowed {
        section: "11",
        what: "whose limit it was",
        side: Where::Refusals(&[429]),
        operation: ANY,
        pointer: "/groupName",
        rule: UNKNOWN,
        value: Value::is_string,
    },
    Allowed {
        section: "11",
        what: "the daily limit names the request",
        side: Where::Refusals(&[429]),
        operation: ANY,
        pointer: "/requestId",
        rule: UNKNOWN,
        value: Value::is_string,
    },
    Allowed {
        section: "3",
        what: "of a token that is none (any more) only that is said",
        side: Where::Successes,
        operation: ("POST /oauth/", "/introspect"),
        pointer: "",
        rule: "oneOf",
        value: |value| *value == serde_json::json!({"active": false}),
    },
    Allowed {
        section: "3",
        what: "revoking answers 200; the file names no success",
        side: Where::Successes,
        operation: ("POST /oauth/", "/revoke"),
        pointer: "",
        rule: "status",
        value: |_| true,
    },
    Allowed {
        section: "3",
        what: "the token endpoint refuses in a flat form, without a category",
        side: Where::Refusals(&[400]),
        operation: ("POST /oauth/", "/token"),
        pointer: "/category",
        rule: MISSING,
        value: |error| error["error"].is_string(),
    },
    Allowed {
        section: "3",
        what: "the token endpoint's status is HubSpot's word for the reason",
        side: Where::Refusals(&[400]),
        operation: ("POST /oauth/", "/token"),
        pointer: "/status",
        rule: UNKNOWN,
        value: |value| value.as_str().is_some_and(|word| word.starts_with("BAD_")),
    },
    Allowed {
        section: "3",
        what: "its error is OAuth's word for it",
        side: Where::Refusals(&[400]),
        operation: ("POST /oauth/", "/token"),
        pointer: "/error",
        rule: UNKNOWN,
        value: Value::is_string,
    },
    Allowed {
        section: "3",
        what: "with a sentence",
        side: Where::Refusals(&[400]),
        operation: ("POST /oauth/", "/token"),
        pointer: "/error_description",
        rule: UNKNOWN,
        value: Value::is_string,
    },
    Allowed {
        section: "1",
        what: "a portal of another region is told of without a category",
        side: Where::Refusals(&[488]),
        operation: ANY,
        pointer: "/category",
        rule: MISSING,
        value: |error| error["correctHublet"].is_string(),
    },
    Allowed {
        section: "1",
        what: "the region of the portal",
        side: Where::Refusals(&[488]),
        operation: ANY,
        pointer: "/correctHublet",
        rule: UNKNOWN,
        value: Value::is_string,
    },
];

/// What API.md knows and no file of HubSpot's does. Same form as theirs.
pub const UNDOCUMENTED: &str = r#"{
    "openapi": "3.0.1",
    "info": {"title": "API.md §2.1: what a static token may do"},
    "paths": {"/oauth/v2/private-apps/get/access-token-info": {"post": {
        "security": [{"bearer": []}],
        "requestBody": {"content": {"application/json": {"schema": {
            "type": "object", "required": ["tokenKey"], "properties": {"tokenKey": {"type": "string"}}
        }}}},
        "responses": {
            "200": {"content": {"application/json": {"schema": {
                "type": "object", "required": ["userId", "hubId", "appId", "scopes"], "properties": {
                    "userId": {"type": "integer", "format": "int64"},
                    "hubId": {"type": "integer", "format": "int64"},
                    "appId": {"type": "integer", "format": "int64"},
                    "scopes": {"type": "array", "items": {"type": "string"}}
                }
            }}}},
            "default": {"content": {"*/*": {"schema": {
                "type": "object", "required": ["category", "correlationId", "message"], "properties": {
                    "category": {"type": "string"},
                    "correlationId": {"type": "string", "format": "uuid"},
                    "message": {"type": "string"}
                }
            }}}}
        }
    }}}
}"#;

impl Allowed {
    /// Whether the violation is this difference.
    pub fn covers(&self, violation: &Violation) -> bool {
        let Self { section: _, what: _, side, operation: (begin, end), pointer, rule, value } = self;
        let said = match (side, violation.side) {
            (Where::Requests, Side::Request) => true,
            (Where::Successes, Side::Answer(status)) => status < 300,
            (Where::Refusals(only), Side::Answer(status)) => {
                status >= 400 && (only.is_empty() || only.contains(&status))
            }
            (Where::Requests, Side::Answer(_)) | (Where::Successes | Where::Refusals(_), Side::Request) => false,
        };
        let (at, broken) = (violation.broken.pointer.split('/'), &violation.broken);
        said && violation.operation.starts_with(begin)
            && violation.operation.ends_with(end)
            && broken.rule == *rule
            && pointer.split('/').count() == at.clone().count()
            && pointer.split('/').zip(at).all(|(known, found)| known == "*" || known == found)
            && value(&broken.value)
    }
}

/// The last is a whole error as a text (API.md §7).
fn has_no_category(error: &Value) -> bool {
    let known = ["Invalid input JSON", "resource not found", "{\"status\":\"error\""];
    error["message"].as_str().is_some_and(|message| known.iter().any(|begin| message.starts_with(begin)))
}

fn is_sort(value: &Value) -> bool {
    let field = |name: &str| value[name].as_str().unwrap_or_default();
    let known = value.as_object().is_some_and(|fields| fields.len() == 2);
    known && !field("propertyName").is_empty() && ["ASCENDING", "DESCENDING"].contains(&field("direction"))
}
