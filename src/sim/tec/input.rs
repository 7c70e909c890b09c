//! Reading requests strictly: what the contract does not name is refused, and nothing is done. Messages repeat no values.

use std::{collections::BTreeMap, ops::RangeInclusive};

use bytes::Bytes;
use http::{Request, header};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

use super::answer::Refusal;

/// The query of a request, decoded.
pub(super) struct Query(BTreeMap<String, String>);

/// Which part of a list.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Page<'a> {
    pub after: Option<&'a str>,
    pub limit: usize,
}

impl Query {
    /// Refuses parameters that are unknown or given twice.
    pub(super) fn parse(query: Option<&str>, known: &[&str]) -> Result<Self, Refusal> {
        let mut values = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if !known.contains(&name.as_ref()) {
                return Err(Refusal::invalid("there is a query parameter the route does not have"));
            }
            if values.insert(name.clone().into_owned(), value.into_owned()).is_some() {
                return Err(Refusal::invalid(format!("{name}: given twice")));
            }
        }
        Ok(Self(values))
    }

    /// A text, refused when empty.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.0.get(name).map(String::as_str) {
            Some("") => Err(Refusal::invalid(format!("{name}: empty"))),
            text => Ok(text),
        }
    }

    pub(super) fn number(&self, name: &str, default: u64, range: RangeInclusive<u64>) -> Result<u64, Refusal> {
        let Some(text) = self.0.get(name) else { return Ok(default) };
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|number| digits && range.contains(number));
        let (first, last) = range.into_inner();
        number.ok_or_else(|| Refusal::invalid(format!("{name}: a number from {first} to {last} is expected")))
    }

    pub(super) fn page(&self) -> Result<Page<'_>, Refusal> {
        let limit = usize::try_from(self.number("limit", 100, 1..=200)?).unwrap_or(1);
        Ok(Page { after: self.text("after")?, limit })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch<T> {
    leads: Vec<T>,
}

/// The items of a batch, 1 to 100.
pub(super) fn batch<T: DeserializeOwned>(request: &Request<Bytes>) -> Result<Vec<T>, Refusal> {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let mime = content_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    if !mime.trim().eq_ignore_ascii_case("application/json") {
        return Err(Refusal::invalid("Content-Type: application/json is expected"));
    }
    let Batch { leads } = serde_json::from_slice(request.body()).map_err(|error| unreadable(&error))?;
    if (1..=100).contains(&leads.len()) {
        Ok(leads)
    } else {
        Err(Refusal::invalid(format!("leads: 1 to 100 items are expected, not {}", leads.len())))
    }
}

/// Names of fields may be told, values not.
fn unreadable(error: &serde_json::Error) -> Refusal {
    let text = error.to_string();
    let about_names = ["unknown field", "missing field", "duplicate field"].iter().any(|begin| text.starts_with(begin));
    let why = if about_names { text } else { format!("wrong at line {}, column {}", error.line(), error.column()) };
    Refusal::invalid(format!("body: {why}"))
}

/// A field that may be absent and must not be `null`.
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// `Id` of the contract.
pub(super) fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "._:-".contains(c))
}
