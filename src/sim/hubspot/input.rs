//! Reading requests as strictly as HubSpot does: path, query and JSON body, with HubSpot's words when they are wrong.

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::answer::ApiError;

/// The query of a request, decoded, in its order.
#[derive(Clone, Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(query: Option<&str>) -> Self {
        let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        Self(pairs.map(|(key, value)| (key.into_owned(), value.into_owned())).collect())
    }

    /// The first value of a parameter; an empty one counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// All values of a parameter that may repeat or hold a comma-separated list.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let values = self.0.iter().filter(|(key, _)| key == name);
        values.flat_map(|(_, value)| value.split(',')).filter(|v| !v.is_empty()).map(str::to_owned).collect()
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.get(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(invalid_parameter(name, other, "true or false")),
        }
    }

    /// `limit`, refused outside `1..=max`.
    pub(super) fn limit(&self, default: usize, max: usize) -> Result<usize, ApiError> {
        let Some(text) = self.get("limit") else { return Ok(default) };
        match text.parse() {
            Ok(limit) if (1..=max).contains(&limit) => Ok(limit),
            _ => Err(invalid_parameter("limit", text, &format!("a number from 1 to {max}"))),
        }
    }

    /// `after` of lists whose cursor is the last id of the page before.
    pub(super) fn after(&self) -> Result<Option<u64>, ApiError> {
        let Some(text) = self.get("after") else { return Ok(None) };
        text.parse().map(Some).map_err(|_| invalid_parameter("after", text, "a cursor of an earlier answer"))
    }
}

fn invalid_parameter(name: &str, value: &str, expected: &str) -> ApiError {
    ApiError::invalid(format!("Invalid query parameter {name}: '{value}' is not {expected}"))
}

/// The segments of a path, decoded; one trailing slash is as good as none.
pub(super) fn segments(path: &str) -> Vec<String> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    path.split('/').map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned()).collect()
}

/// The body as `T`; else HubSpot's 400 with line and column.
pub(super) fn body<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, ApiError> {
    serde_json::from_slice(bytes).map_err(|error| {
        let text = error.to_string();
        let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
        invalid_json(error.line(), error.column(), reason)
    })
}

/// The same for a value taken out of a larger body (an item of a batch).
pub(super) fn item<T: DeserializeOwned>(value: Value) -> Result<T, ApiError> {
    serde_json::from_value(value).map_err(|error| invalid_json(1, 1, &error.to_string()))
}

fn invalid_json(line: usize, column: usize, reason: &str) -> ApiError {
    ApiError::new(400, format!("Invalid input JSON on line {line}, column {column}: {reason}"))
}

/// Refuses a body that lacks required fields, naming all of them.
pub(super) fn require(fields: &[(&str, bool)]) -> Result<(), ApiError> {
    let missing: Vec<&str> = fields.iter().filter(|(_, present)| !present).map(|(name, _)| *name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(invalid_json(1, 1, &format!("Some required fields were not set: [{}]", missing.join(", "))))
}
