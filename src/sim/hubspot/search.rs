//! Contact search: enough to find and count contacts by value (API.md §8.3), in an index that lags. Reads only.
//!
//! For now: `EQ`, `IN`, `HAS_PROPERTY`, `NOT_HAS_PROPERTY`; sorts and the other operators come with the contact routes.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    answer::{Answer, ApiError, Outcome, page},
    contacts::{Contact, DEFAULT_PROPERTIES},
    input,
    portal::{Call, Portal},
};

const GROUP_LIMIT: usize = 5;
const FILTERS_PER_GROUP: usize = 6;
const FILTER_LIMIT: usize = 18;
const RESULT_LIMIT: usize = 10_000;
const BODY_LIMIT: usize = 3_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SearchInput {
    #[serde(default)]
    filter_groups: Vec<FilterGroup>,
    #[serde(default)]
    properties: Vec<String>,
    limit: Option<usize>,
    after: Option<Value>,
    #[serde(default)]
    sorts: Vec<Value>,
}

#[derive(Deserialize)]
struct FilterGroup {
    filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    property_name: String,
    operator: String,
    value: Option<String>,
    values: Option<Vec<String>>,
}

const KNOWN_OPERATORS: [&str; 9] =
    ["BETWEEN", "CONTAINS_TOKEN", "GT", "GTE", "LT", "LTE", "NEQ", "NOT_CONTAINS_TOKEN", "NOT_IN"];

pub(super) fn search(portal: &Portal, call: &Call<'_>) -> Outcome {
    let (input, offset, limit) = read(portal, call.body)?;
    let hit = |contact: &&Contact| {
        let groups = &input.filter_groups;
        groups.is_empty() || groups.iter().any(|group| group.filters.iter().all(|filter| filter.matches(contact)))
    };
    let hits: Vec<&Contact> = portal.contacts.indexed(portal.now).filter(hit).collect();
    let wanted = || -> Vec<&str> {
        if input.properties.is_empty() {
            return DEFAULT_PROPERTIES.to_vec();
        }
        input.properties.iter().map(String::as_str).collect()
    };
    let results = hits
        .iter()
        .take(RESULT_LIMIT)
        .skip(offset)
        .take(limit)
        .map(|contact| contact.to_json(portal, wanted()))
        .collect();
    let next = offset.saturating_add(limit);
    let mut body = page(results, (next < hits.len()).then(|| next.to_string()));
    body["total"] = json!(hits.len());
    Ok(Answer::ok(body))
}

/// The checked request with its offset and limit.
fn read(portal: &Portal, body: &Bytes) -> Result<(SearchInput, usize, usize), ApiError> {
    if body.len() > BODY_LIMIT {
        return Err(problem(&format!("The request body is longer than {BODY_LIMIT} characters")));
    }
    let input: SearchInput = input::body(body)?;
    let filters = input.filter_groups.iter().map(|group| group.filters.len());
    if input.filter_groups.len() > GROUP_LIMIT
        || filters.clone().any(|n| n > FILTERS_PER_GROUP)
        || filters.sum::<usize>() > FILTER_LIMIT
    {
        return Err(problem(&format!(
            "Too many filters: at most {GROUP_LIMIT} groups of {FILTERS_PER_GROUP} filters, {FILTER_LIMIT} in all"
        )));
    }
    if !input.sorts.is_empty() {
        // Ignoring it would be a wrong answer.
        return Err(problem("The simulator does not sort yet"));
    }
    for filter in input.filter_groups.iter().flat_map(|group| &group.filters) {
        filter.check(portal)?;
    }
    let limit = input.limit.unwrap_or(10);
    if !(1..=200).contains(&limit) {
        return Err(problem(&format!("limit {limit} must be from 1 to 200")));
    }
    let offset = match &input.after {
        None | Some(Value::Null) => Some(0),
        Some(Value::String(text)) if text.is_empty() => Some(0),
        Some(Value::String(text)) => text.parse().ok(),
        Some(other) => other.as_u64().and_then(|offset| usize::try_from(offset).ok()),
    };
    let offset = offset.ok_or_else(|| problem("after must be a number"))?;
    if offset >= RESULT_LIMIT {
        return Err(problem(&format!("Paging past {RESULT_LIMIT} results is not allowed")));
    }
    Ok((input, offset, limit))
}

fn problem(message: &str) -> ApiError {
    ApiError::invalid("There was a problem with the request.").with("errors", json!([{ "message": message }]))
}

impl Filter {
    fn check(&self, portal: &Portal) -> Result<(), ApiError> {
        let Self { property_name, operator, value, values } = self;
        if portal.schema.active(property_name).is_none() {
            return Err(problem(&format!("Property '{property_name}' does not exist")));
        }
        let complete = match operator.as_str() {
            "EQ" => value.is_some(),
            "IN" => values.as_ref().is_some_and(|values| !values.is_empty()),
            "HAS_PROPERTY" | "NOT_HAS_PROPERTY" => true,
            known if KNOWN_OPERATORS.contains(&known) => {
                return Err(problem(&format!("The simulator does not know operator {known} yet")));
            }
            unknown => return Err(problem(&format!("Unknown operator {unknown}"))),
        };
        if complete {
            return Ok(());
        }
        Err(problem(&format!(
            "Operator {operator} on {property_name} lacks its {}",
            if operator == "IN" { "values" } else { "value" }
        )))
    }

    fn matches(&self, contact: &Contact) -> bool {
        let held = contact.value(&self.property_name);
        match self.operator.as_str() {
            "HAS_PROPERTY" => held.is_some(),
            "NOT_HAS_PROPERTY" => held.is_none(),
            "EQ" => held.zip(self.value.as_ref()).is_some_and(|(held, value)| same(&held, value)),
            _ => held.is_some_and(|held| self.values.iter().flatten().any(|value| same(&held, value))),
        }
    }
}

/// Comparison ignores case, which also covers `IN` with the lower-case values HubSpot wants.
fn same(held: &str, value: &str) -> bool {
    held.to_lowercase() == value.to_lowercase()
}
