//! Search of notes, e-mails and tasks (API.md §8.3): by the contact they hang on and by value, in an index that lags.
//! Reads only.
//!
//! For now no `CONTAINS_TOKEN`. A search by contact looks only at what ever hung on it.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    answer::{Answer, ApiError, Outcome, page},
    engagement_values::{is_property, moment},
    engagements::Engagement,
    input,
    objects::Kind,
    portal::{Call, Portal},
    search::{BODY_LIMIT, FILTER_LIMIT, FILTERS_PER_GROUP, GROUP_LIMIT, RESULT_LIMIT, check_reach, problem},
};

/// The pseudo-property of associated contacts.
const CONTACT: &str = "associations.contact";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SearchInput {
    #[serde(default)]
    filter_groups: Vec<FilterGroup>,
    #[serde(default)]
    properties: Vec<String>,
    #[serde(default)]
    sorts: Vec<Sort>,
    limit: Option<usize>,
    after: Option<Value>,
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
    high_value: Option<String>,
    values: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sort {
    property_name: String,
    direction: Option<String>,
}

pub(super) fn search(portal: &Portal, kind: Kind, call: &Call<'_>) -> Outcome {
    if call.body.len() > BODY_LIMIT {
        return Err(problem(&format!("The request body is longer than {BODY_LIMIT} characters")));
    }
    let input: SearchInput = input::body(call.body)?;
    check(kind, &input)?;
    let (offset, limit) = place(&input)?;
    check_reach(portal, offset)?;
    let mut hits = hits(portal, kind, &input.filter_groups);
    if let Some(Sort { property_name, direction }) = input.sorts.first() {
        hits.sort_by_cached_key(|engagement| Key::of(property_name, engagement.value(property_name)));
        if direction.as_deref() == Some("DESCENDING") {
            hits.reverse();
        }
    }
    let shown = hits.iter().take(RESULT_LIMIT).skip(offset).take(limit);
    let results = shown.map(|engagement| engagement.to_json(input.properties.iter().map(String::as_str)));
    let next = offset.saturating_add(limit);
    let mut body = page(results.collect(), (next < hits.len() && offset < RESULT_LIMIT).then(|| next.to_string()));
    body["total"] = json!(hits.len());
    Ok(Answer::ok(body))
}

/// What the index shows now, oldest first.
fn hits<'a>(portal: &'a Portal, kind: Kind, groups: &[FilterGroup]) -> Vec<&'a Engagement> {
    let engagements = &portal.engagements;
    let unset = portal.config.switches.negation_finds_unset;
    let hit = |engagement: &&Engagement| {
        engagement.kind == kind
            && engagement.archived_at.is_none()
            && (groups.is_empty()
                || groups.iter().any(|group| group.filters.iter().all(|filter| filter.matches(engagement, unset))))
    };
    if let [group] = groups
        && let Some(contact) = group.filters.iter().find_map(Filter::one_contact)
    {
        return engagements.ever_of(contact).filter_map(|record| record.shown(portal.now)).filter(hit).collect();
    }
    engagements.records.values().filter_map(|record| record.shown(portal.now)).filter(hit).collect()
}

fn check(kind: Kind, input: &SearchInput) -> Result<(), ApiError> {
    let sizes = input.filter_groups.iter().map(|group| group.filters.len());
    if input.filter_groups.len() > GROUP_LIMIT
        || sizes.clone().any(|n| n > FILTERS_PER_GROUP)
        || sizes.sum::<usize>() > FILTER_LIMIT
    {
        return Err(problem(&format!(
            "Too many filters: at most {GROUP_LIMIT} groups of {FILTERS_PER_GROUP} filters, {FILTER_LIMIT} in all"
        )));
    }
    for filter in input.filter_groups.iter().flat_map(|group| &group.filters) {
        filter.check(kind)?;
    }
    if input.sorts.len() > 1 {
        return Err(problem("Only one sort is supported"));
    }
    for Sort { property_name, direction } in &input.sorts {
        if !is_property(kind, property_name) {
            return Err(problem(&format!("Property '{property_name}' does not exist")));
        }
        if !matches!(direction.as_deref(), None | Some("ASCENDING" | "DESCENDING")) {
            return Err(problem("The direction of a sort is ASCENDING or DESCENDING"));
        }
    }
    Ok(())
}

/// Offset and limit.
fn place(input: &SearchInput) -> Result<(usize, usize), ApiError> {
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
    Ok((offset, limit))
}

/// A value in its order: dates and numbers by size, texts without case.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Unset,
    Number(u64),
    Date(Timestamp),
    Text(String),
}

impl Key {
    fn of(property: &str, value: Option<String>) -> Self {
        let Some(value) = value else { return Self::Unset };
        let known = match property {
            "hs_timestamp" | "hs_createdate" | "hs_lastmodifieddate" => moment(&value).map(Self::Date),
            "hs_object_id" => value.parse().ok().map(Self::Number),
            _ => None,
        };
        known.unwrap_or_else(|| Self::Text(value.to_lowercase()))
    }
}

impl Filter {
    fn check(&self, kind: Kind) -> Result<(), ApiError> {
        let Self { property_name, operator, value, high_value, values } = self;
        let by_contact = property_name == CONTACT;
        if !by_contact && !is_property(kind, property_name) {
            return Err(problem(&format!("Property '{property_name}' does not exist")));
        }
        let complete = match operator.as_str() {
            "EQ" => value.is_some(),
            "IN" => values.as_ref().is_some_and(|values| !values.is_empty()),
            "NOT_IN" if !by_contact => values.as_ref().is_some_and(|values| !values.is_empty()),
            "NEQ" | "GT" | "GTE" | "LT" | "LTE" if !by_contact => value.is_some(),
            "BETWEEN" if !by_contact => value.is_some() && high_value.is_some(),
            "HAS_PROPERTY" | "NOT_HAS_PROPERTY" if !by_contact => true,
            other => return Err(problem(&format!("Operator {other} is not supported on {property_name}"))),
        };
        if complete {
            return Ok(());
        }
        Err(problem(&format!("Operator {operator} on {property_name} lacks its value")))
    }

    /// The one contact this filter is about.
    fn one_contact(&self) -> Option<u64> {
        let about = self.property_name == CONTACT && self.operator == "EQ";
        self.value.as_ref().filter(|_| about)?.parse().ok()
    }

    /// `unset`: whether negations find what has no value.
    fn matches(&self, engagement: &Engagement, unset: bool) -> bool {
        let Self { property_name, operator, value, high_value, values } = self;
        let listed = || values.iter().flatten();
        if property_name == CONTACT {
            let hangs_on = |id: &String| id.parse().is_ok_and(|id: u64| engagement.contacts.contains_key(&id));
            return value.iter().filter(|_| operator == "EQ").any(hangs_on)
                || listed().filter(|_| operator == "IN").any(hangs_on);
        }
        let key = |text: &String| Key::of(property_name, Some(text.clone()));
        let held = Key::of(property_name, engagement.value(property_name));
        if held == Key::Unset {
            return operator == "NOT_HAS_PROPERTY" || (unset && matches!(operator.as_str(), "NEQ" | "NOT_IN"));
        }
        let value = value.as_ref().map(key);
        let by_value = |wanted: fn(std::cmp::Ordering) -> bool| value.as_ref().is_some_and(|v| wanted(held.cmp(v)));
        match operator.as_str() {
            "HAS_PROPERTY" => true,
            "NOT_HAS_PROPERTY" => false,
            "EQ" => by_value(std::cmp::Ordering::is_eq),
            "NEQ" => by_value(std::cmp::Ordering::is_ne),
            "GT" => by_value(std::cmp::Ordering::is_gt),
            "GTE" => by_value(std::cmp::Ordering::is_ge),
            "LT" => by_value(std::cmp::Ordering::is_lt),
            "LTE" => by_value(std::cmp::Ordering::is_le),
            "BETWEEN" => {
                let high = high_value.as_ref().map(key);
                by_value(std::cmp::Ordering::is_ge) && high.is_some_and(|high| held <= high)
            }
            "NOT_IN" => !listed().any(|value| held == key(value)),
            _ => listed().any(|value| held == key(value)),
        }
    }
}
