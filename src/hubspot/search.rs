//! Searching contacts (API.md §8.3). The index lags behind writes: confirm by reading before acting.

use std::fmt;

use http::Method;

use super::{
    CONTACTS, HubSpot, VERSION,
    answer::malformed,
    batch::refused_here,
    call::Call,
    contacts::ContactRecord,
    error::Result,
    operation::Operation,
    wire::contacts::{FilterGroup, SearchAnswer, SearchFilter, SearchRequest, SearchTotal, Sort},
};

/// Matches a search can reach, whatever its `total`: beyond, another search has to begin where this one ends.
pub const SEARCH_WINDOW: u32 = 10_000;
/// Matches per page.
pub const SEARCH_PAGE: u32 = 200;

const GROUP_LIMIT: usize = 5;
const FILTERS_PER_GROUP: usize = 6;
const FILTER_LIMIT: usize = 18;
const BODY_LIMIT: usize = 3_000;

/// One condition on a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Internal name of the property, built-ins included.
    pub property: String,
    /// What must hold.
    pub operator: FilterOperator,
}

/// What must hold for a property. Points in time are compared as milliseconds since the epoch.
#[derive(Clone, PartialEq, Eq)]
pub enum FilterOperator {
    /// It has some value.
    HasProperty,
    /// It has none.
    NotHasProperty,
    /// It has this value.
    Eq(String),
    /// It has one of these; at least one. Sent in lower case, as HubSpot wants it.
    In(Vec<String>),
    /// It is more than this.
    Gt(String),
    /// It is this or more.
    Gte(String),
    /// It is less than this.
    Lt(String),
    /// It is this or less.
    Lte(String),
}

/// In which direction to sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Least first.
    Ascending,
    /// Most first.
    Descending,
}

/// What to look for. Bounds: 5 alternatives of 6 filters, 18 filters in all; what HubSpot would refuse is not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// All filters of any of these must hold; empty finds all contacts.
    pub any_of: Vec<Vec<Filter>>,
    /// Property and direction; oldest created first without.
    pub sort: Option<(String, Direction)>,
    /// Properties to return.
    pub properties: Vec<String>,
    /// At most [`SEARCH_PAGE`], at least 1.
    pub limit: u32,
    /// How many matches to skip. Not a stable cursor: matches move while one pages.
    pub after: u32,
}

/// A page of what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundContacts {
    /// Matches on all pages together, also those out of reach.
    pub total: u64,
    /// The matches of this page.
    pub contacts: Vec<ContactRecord>,
    /// [`Search::after`] of the next page, if there is one. At [`SEARCH_WINDOW`] a search is at its end all the same.
    pub next: Option<u32>,
}

impl FilterOperator {
    fn as_str(&self) -> &'static str {
        match self {
            Self::HasProperty => "HAS_PROPERTY",
            Self::NotHasProperty => "NOT_HAS_PROPERTY",
            Self::Eq(_) => "EQ",
            Self::In(_) => "IN",
            Self::Gt(_) => "GT",
            Self::Gte(_) => "GTE",
            Self::Lt(_) => "LT",
            Self::Lte(_) => "LTE",
        }
    }
}

/// Values may be contact data.
impl fmt::Debug for FilterOperator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<&Filter> for SearchFilter {
    fn from(filter: &Filter) -> Self {
        let (value, values) = match &filter.operator {
            FilterOperator::HasProperty | FilterOperator::NotHasProperty => (None, None),
            FilterOperator::In(values) => (None, Some(values.iter().map(|value| value.to_lowercase()).collect())),
            FilterOperator::Eq(value)
            | FilterOperator::Gt(value)
            | FilterOperator::Gte(value)
            | FilterOperator::Lt(value)
            | FilterOperator::Lte(value) => (Some(value.clone()), None),
        };
        let operator = filter.operator.as_str().to_owned();
        Self { property_name: filter.property.clone(), operator, value, values }
    }
}

impl Direction {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ascending => "ASCENDING",
            Self::Descending => "DESCENDING",
        }
    }
}

impl Search {
    fn request(&self) -> SearchRequest {
        let sort = |(property, direction): &(String, Direction)| Sort {
            property_name: property.clone(),
            direction: direction.as_str().to_owned(),
        };
        SearchRequest {
            filter_groups: self.any_of.iter().map(|filters| group(filters)).collect(),
            sorts: self.sort.iter().map(sort).collect(),
            properties: self.properties.clone(),
            limit: self.limit,
            after: self.after.to_string(),
        }
    }

    /// Why HubSpot would refuse it.
    fn flaw(&self) -> Option<&'static str> {
        let filters = || self.any_of.iter().flatten();
        let is_empty = |filter: &Filter| matches!(&filter.operator, FilterOperator::In(values) if values.is_empty());
        let flaws = [
            (self.any_of.len() > GROUP_LIMIT, "too many alternatives"),
            (self.any_of.iter().any(|group| group.len() > FILTERS_PER_GROUP), "too many filters in an alternative"),
            (self.any_of.iter().any(Vec::is_empty), "an alternative without filters"),
            (filters().count() > FILTER_LIMIT, "too many filters"),
            (filters().any(is_empty), "a choice among no values"),
            (!(1..=SEARCH_PAGE).contains(&self.limit), "a page of a size that does not exist"),
            (self.after.saturating_add(self.limit) > SEARCH_WINDOW, "a page beyond what a search can reach"),
            (
                serde_json::to_string(&self.request()).map_or(0, |body| body.chars().count()) > BODY_LIMIT,
                "too long a request",
            ),
        ];
        flaws.into_iter().find_map(|(applies, flaw)| applies.then_some(flaw))
    }
}

fn group(filters: &[Filter]) -> FilterGroup {
    FilterGroup { filters: filters.iter().map(SearchFilter::from).collect() }
}

fn call(operation: Operation, request: &SearchRequest) -> Result<Call> {
    let path = format!("/crm/objects/{VERSION}/{CONTACTS}/search");
    Call::new(operation, Method::POST, path).searching().json(request)
}

impl HubSpot {
    /// How many contacts meet all filters; at most 6 are allowed. The search index lags behind writes and never shows
    /// archived contacts, so a zero is not proof for the last few seconds.
    pub async fn count_contacts(&self, filters: &[Filter]) -> Result<u64> {
        let request = SearchRequest {
            filter_groups: vec![group(filters)],
            limit: 1,
            after: "0".to_owned(),
            ..SearchRequest::default()
        };
        let found: SearchTotal = self.fetch(&call(Operation::CountContacts, &request)?).await?;
        Ok(found.total)
    }

    /// One page of the contacts that match.
    pub async fn search_contacts(&self, search: &Search) -> Result<FoundContacts> {
        let operation = Operation::SearchContacts;
        if let Some(flaw) = search.flaw() {
            return Err(refused_here(operation, format!("{flaw}; nothing was sent")));
        }
        let SearchAnswer { total, results, paging } = self.fetch(&call(operation, &search.request())?).await?;
        let next = match paging.as_ref().and_then(|paging| paging.cursor()) {
            None => None,
            Some(cursor) => match cursor.parse() {
                Ok(next) if next > search.after => Some(next),
                _ => return Err(malformed(operation, "its next page is not further on".to_owned(), None)),
            },
        };
        Ok(FoundContacts { total, contacts: results.into_iter().map(ContactRecord::from).collect(), next })
    }
}
