//! Contact search in an index that lags (API.md §8.3). Reads only; what a filter means is in `search_filter`.
//!
//! Choices where HubSpot is silent: contacts without the sorted value come last in either direction; `query` looks for every
//! word in name, e-mail, phone and company; how equals are ordered is a switch.

use std::cmp::Ordering;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    answer::{Answer, ApiError, Outcome, page},
    contacts::{DEFAULT_PROPERTIES, Snapshot},
    input,
    portal::{Call, Portal},
    search_filter::{Filter, Kind, Operand, Test},
    switches::{PastEnd, SearchTies},
};

pub(super) const GROUP_LIMIT: usize = 5;
pub(super) const FILTERS_PER_GROUP: usize = 6;
pub(super) const FILTER_LIMIT: usize = 18;
pub(super) const RESULT_LIMIT: usize = 10_000;
pub(super) const BODY_LIMIT: usize = 3_000;

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
    query: Option<String>,
}

#[derive(Deserialize)]
struct FilterGroup {
    filters: Vec<Filter>,
}

/// A search that was checked.
struct Search {
    groups: Vec<Vec<Test>>,
    words: Vec<String>,
    sort: Sort,
    properties: Vec<String>,
    offset: usize,
    limit: usize,
}

struct Sort {
    name: String,
    kind: Kind,
    descending: bool,
}

/// A contact found, with what decides its place.
struct Hit<'a> {
    key: Option<Operand>,
    tie: u64,
    contact: &'a Snapshot,
}

pub(super) fn search(portal: &mut Portal, call: &Call<'_>) -> Outcome {
    let search = read(portal, call.body)?;
    let ties = match portal.config.switches.search_ties {
        SearchTies::ById => None,
        SearchTies::Stable => Some(portal.config.seed),
        SearchTies::Unstable => Some(portal.rng.u64(..)),
    };
    let found = portal.contacts.indexed(portal.now).filter(|contact| search.finds(contact));
    let mut hits: Vec<Hit<'_>> = found
        .map(|contact| Hit {
            key: search.sort.kind.of(contact, &search.sort.name).pop(),
            tie: ties.map_or(contact.head.id, |seed| scatter(seed, contact.head.id)),
            contact,
        })
        .collect();
    let place = |a: &Hit<'_>, b: &Hit<'_>| search.sort.compare(a, b);
    let next = search.offset.saturating_add(search.limit);
    // Only the part up to the page's end has to be in order.
    if next < hits.len() {
        hits.select_nth_unstable_by(next, place);
    }
    let total = hits.len();
    hits.truncate(next.min(RESULT_LIMIT));
    hits.sort_unstable_by(place);
    let wanted = || search.properties.iter().map(String::as_str);
    let shown = hits.iter().skip(search.offset);
    let results = shown.map(|hit| hit.contact.to_json(portal, wanted())).collect();
    let more = next < total && search.offset < RESULT_LIMIT;
    let mut body = page(results, more.then(|| next.to_string()));
    body["total"] = json!(total);
    Ok(Answer::ok(body))
}

impl Search {
    fn finds(&self, contact: &Snapshot) -> bool {
        let by_filter =
            self.groups.is_empty() || self.groups.iter().any(|tests| tests.iter().all(|t| t.holds(contact)));
        by_filter && self.words.iter().all(|word| contains(contact, word))
    }
}

impl Sort {
    fn compare(&self, a: &Hit<'_>, b: &Hit<'_>) -> Ordering {
        let by_key = match (&a.key, &b.key) {
            (Some(a), Some(b)) if self.descending => b.compare(a),
            (Some(a), Some(b)) => a.compare(b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        by_key.then(a.tie.cmp(&b.tie)).then(a.contact.head.id.cmp(&b.contact.head.id))
    }
}

fn contains(contact: &Snapshot, word: &str) -> bool {
    let places = ["firstname", "lastname", "email", "phone", "company"];
    places.iter().filter_map(|name| contact.text(name)).any(|text| text.to_lowercase().contains(word))
}

/// A number that looks like chance and is the same for the same seed and id (splitmix64).
fn scatter(seed: u64, id: u64) -> u64 {
    let mut x = seed.wrapping_add(id.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn read(portal: &Portal, body: &Bytes) -> Result<Search, ApiError> {
    if String::from_utf8_lossy(body).chars().count() > BODY_LIMIT {
        return Err(problem(&format!("The request body is longer than {BODY_LIMIT} characters")));
    }
    let SearchInput { filter_groups, properties, limit, after, sorts, query } = input::body(body)?;
    let counts = filter_groups.iter().map(|group| group.filters.len());
    if filter_groups.len() > GROUP_LIMIT
        || counts.clone().any(|n| n > FILTERS_PER_GROUP)
        || counts.sum::<usize>() > FILTER_LIMIT
    {
        return Err(problem(&format!(
            "Too many filters: at most {GROUP_LIMIT} groups of {FILTERS_PER_GROUP} filters, {FILTER_LIMIT} in all"
        )));
    }
    let group = |group: FilterGroup| group.filters.into_iter().map(|filter| filter.test(portal)).collect();
    let groups = filter_groups.into_iter().map(group).collect::<Result<_, ApiError>>()?;
    let limit = limit.unwrap_or(10);
    if !(1..=200).contains(&limit) {
        return Err(problem(&format!("limit {limit} must be from 1 to 200")));
    }
    let offset = match &after {
        None | Some(Value::Null) => Some(0),
        Some(Value::String(text)) if text.is_empty() => Some(0),
        Some(Value::String(text)) => text.parse().ok(),
        Some(other) => other.as_u64().and_then(|offset| usize::try_from(offset).ok()),
    };
    let offset = offset.ok_or_else(|| problem("after must be a number"))?;
    check_reach(portal, offset)?;
    let properties = match properties.as_slice() {
        [] => DEFAULT_PROPERTIES.map(str::to_owned).to_vec(),
        _ => properties,
    };
    let words = query.unwrap_or_default().split_whitespace().map(str::to_lowercase).collect();
    Ok(Search { groups, words, sort: sort(portal, &sorts)?, properties, offset, limit })
}

/// The one sort rule, as an object or as a name; oldest first without one.
fn sort(portal: &Portal, sorts: &[Value]) -> Result<Sort, ApiError> {
    let (name, direction) = match sorts {
        [] => ("createdate", None),
        [Value::String(name)] => (name.as_str(), None),
        [Value::Object(rule)] => {
            let name = rule.get("propertyName").and_then(Value::as_str);
            (
                name.ok_or_else(|| problem("A sort lacks its propertyName"))?,
                rule.get("direction").and_then(Value::as_str),
            )
        }
        [_] => return Err(problem("A sort must be a rule or the name of a property")),
        _ => return Err(problem("Only one sort is allowed")),
    };
    let descending = match direction {
        None | Some("ASCENDING") => false,
        Some("DESCENDING") => true,
        Some(other) => return Err(problem(&format!("Unknown direction {other}: ASCENDING or DESCENDING"))),
    };
    Ok(Sort { kind: Kind::of_property(portal, name)?, name: name.to_owned(), descending })
}

/// What lies beyond the last result a search reaches is refused, or empty (switch).
pub(super) fn check_reach(portal: &Portal, offset: usize) -> Result<(), ApiError> {
    if offset < RESULT_LIMIT {
        return Ok(());
    }
    match portal.config.switches.search_past_end {
        PastEnd::Explained => Err(problem(&format!("Paging past {RESULT_LIMIT} results is not allowed"))),
        PastEnd::Bare => Err(ApiError::new(400, "Bad Request")),
        PastEnd::Empty => Ok(()),
    }
}

pub(super) fn problem(message: &str) -> ApiError {
    ApiError::invalid("There was a problem with the request.").with("errors", json!([{ "message": message }]))
}
