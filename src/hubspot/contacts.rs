//! Contacts, as far as configuration needs them: counting (API.md §8.3).

use http::Method;

use super::{
    CONTACTS, HubSpot, VERSION,
    call::Call,
    error::Result,
    operation::Operation,
    wire::contacts::{FilterGroup, SearchFilter, SearchRequest, SearchTotal},
};

/// One condition on a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Internal name of the property, built-ins included.
    pub property: String,
    /// What must hold.
    pub operator: FilterOperator,
}

/// What must hold for a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterOperator {
    /// It has some value.
    HasProperty,
    /// It has this value.
    Eq(String),
}

impl From<&Filter> for SearchFilter {
    fn from(filter: &Filter) -> Self {
        let (operator, value) = match &filter.operator {
            FilterOperator::HasProperty => ("HAS_PROPERTY", None),
            FilterOperator::Eq(value) => ("EQ", Some(value.clone())),
        };
        Self { property_name: filter.property.clone(), operator: operator.to_owned(), value }
    }
}

impl HubSpot {
    /// How many contacts meet all filters; at most 6 are allowed. The search index lags behind writes and never shows
    /// archived contacts, so a zero is not proof for the last few seconds.
    pub async fn count_contacts(&self, filters: &[Filter]) -> Result<u64> {
        let request = SearchRequest {
            filter_groups: vec![FilterGroup { filters: filters.iter().map(SearchFilter::from).collect() }],
            sorts: Vec::new(),
            properties: Vec::new(),
            limit: 1,
            after: "0".to_owned(),
        };
        let path = format!("/crm/objects/{VERSION}/{CONTACTS}/search");
        let call = Call::new(Operation::CountContacts, Method::POST, path).searching().json(&request)?;
        let found: SearchTotal = self.fetch(&call).await?;
        Ok(found.total)
    }
}
