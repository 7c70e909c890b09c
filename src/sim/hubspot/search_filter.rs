//! What a search filter means (API.md §8.3): values compared by the property's type. Pure.
//!
//! Choices where HubSpot is silent: order comparisons need a number or a date; a checkbox property equals any one of its chosen
//! options; tokens are words and their alphanumeric parts, all of the value's must be there, `*` stands for any text;
//! negations find no contact without a value (switch).

use std::cmp::Ordering;

use jiff::Timestamp;
use serde::Deserialize;

use super::{
    answer::ApiError, contact_check::parse_instant, contacts::Snapshot, portal::Portal, schema::Property,
    search::problem,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Filter {
    property_name: String,
    operator: String,
    value: Option<String>,
    high_value: Option<String>,
    values: Option<Vec<String>>,
}

/// How values of a property compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Without regard to case.
    Text,
    /// Exactly: enumerations.
    Exact,
    /// Several options joined by `;`.
    Several,
    Number,
    Instant,
}

/// A value made ready to compare; two of one property are of one kind.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    Text(String),
    Number(f64),
    At(Timestamp),
}

/// A filter that was checked.
pub(super) struct Test {
    name: String,
    kind: Kind,
    condition: Condition,
    /// What a contact without a value gets.
    unset: bool,
}

enum Condition {
    Known,
    AnyOf(Vec<Operand>),
    NoneOf(Vec<Operand>),
    /// From the first to the second; the flags say whether the bound itself is in.
    Within(Option<(Operand, bool)>, Option<(Operand, bool)>),
    Tokens {
        wanted: Vec<String>,
        present: bool,
    },
}

impl Operand {
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::At(a), Self::At(b)) => a.cmp(b),
            _ => Ordering::Equal,
        }
    }

    fn equals(&self, other: &Self) -> bool {
        self.compare(other) == Ordering::Equal
    }
}

impl Kind {
    pub(super) fn of_property(portal: &Portal, name: &str) -> Result<Self, ApiError> {
        let property = portal.schema.active(name);
        let Property { definition, .. } =
            property.ok_or_else(|| problem(&format!("Property '{name}' does not exist")))?;
        Ok(match (definition.value_type.as_str(), definition.field_type.as_str()) {
            ("enumeration", "checkbox") => Self::Several,
            ("enumeration" | "bool", _) => Self::Exact,
            ("number", _) => Self::Number,
            ("date" | "datetime", _) => Self::Instant,
            _ => Self::Text,
        })
    }

    /// The values a contact holds: none when unset, several only for several options.
    pub(super) fn of(self, contact: &Snapshot, name: &str) -> Vec<Operand> {
        match name {
            "createdate" => return vec![Operand::At(contact.head.created_at)],
            "lastmodifieddate" => return vec![Operand::At(contact.head.updated_at)],
            "hs_object_id" => return self.parse(&contact.head.id.to_string()).into_iter().collect(),
            _ => {}
        }
        let Some(text) = contact.text(name) else { return Vec::new() };
        match self {
            Self::Several => text.split(';').map(|option| Operand::Text(option.to_owned())).collect(),
            _ => self.parse(text).into_iter().collect(),
        }
    }

    fn parse(self, text: &str) -> Option<Operand> {
        match self {
            Self::Text => Some(Operand::Text(text.to_lowercase())),
            Self::Exact | Self::Several => Some(Operand::Text(text.to_owned())),
            Self::Number => text.parse().ok().map(Operand::Number),
            Self::Instant => parse_instant(text).map(Operand::At),
        }
    }
}

impl Filter {
    /// The filter as a test, or HubSpot's 400.
    pub(super) fn test(self, portal: &Portal) -> Result<Test, ApiError> {
        let kind = Kind::of_property(portal, &self.property_name)?;
        let negative = matches!(self.operator.as_str(), "NEQ" | "NOT_IN" | "NOT_CONTAINS_TOKEN");
        let unset = self.operator == "NOT_HAS_PROPERTY" || (negative && portal.config.switches.negation_finds_unset);
        let condition = self.condition(kind)?;
        Ok(Test { name: self.property_name, kind, condition, unset })
    }

    fn condition(&self, kind: Kind) -> Result<Condition, ApiError> {
        Ok(match self.operator.as_str() {
            "HAS_PROPERTY" => Condition::Known,
            "NOT_HAS_PROPERTY" => Condition::AnyOf(Vec::new()),
            "EQ" => Condition::AnyOf(vec![self.operand(kind, self.value.as_deref())?]),
            "NEQ" => Condition::NoneOf(vec![self.operand(kind, self.value.as_deref())?]),
            "IN" => Condition::AnyOf(self.list(kind)?),
            "NOT_IN" => Condition::NoneOf(self.list(kind)?),
            "LT" => Condition::Within(None, Some((self.bound(kind)?, false))),
            "LTE" => Condition::Within(None, Some((self.bound(kind)?, true))),
            "GT" => Condition::Within(Some((self.bound(kind)?, false)), None),
            "GTE" => Condition::Within(Some((self.bound(kind)?, true)), None),
            "BETWEEN" => {
                let high = self.operand(kind, self.high_value.as_deref())?;
                Condition::Within(Some((self.bound(kind)?, true)), Some((high, true)))
            }
            "CONTAINS_TOKEN" => Condition::Tokens { wanted: self.tokens()?, present: true },
            "NOT_CONTAINS_TOKEN" => Condition::Tokens { wanted: self.tokens()?, present: false },
            unknown => return Err(problem(&format!("Unknown operator {unknown}"))),
        })
    }

    fn lacks(&self, what: &str) -> ApiError {
        problem(&format!("Operator {} on {} lacks its {what}", self.operator, self.property_name))
    }

    fn operand(&self, kind: Kind, value: Option<&str>) -> Result<Operand, ApiError> {
        let value = value.ok_or_else(|| self.lacks("value"))?;
        let unfit = || problem(&format!("{value} is not a value {} can be compared with", self.property_name));
        kind.parse(value).ok_or_else(unfit)
    }

    /// Values as they came: on text properties only lower-case ones find anything.
    fn list(&self, kind: Kind) -> Result<Vec<Operand>, ApiError> {
        let values = self.values.as_deref().unwrap_or_default();
        if values.is_empty() {
            return Err(self.lacks("values"));
        }
        match kind {
            Kind::Text => Ok(values.iter().cloned().map(Operand::Text).collect()),
            _ => values.iter().map(|value| self.operand(kind, Some(value))).collect(),
        }
    }

    fn bound(&self, kind: Kind) -> Result<Operand, ApiError> {
        if !matches!(kind, Kind::Number | Kind::Instant) {
            return Err(problem(&format!("Operator {} does not fit {}", self.operator, self.property_name)));
        }
        self.operand(kind, self.value.as_deref())
    }

    fn tokens(&self) -> Result<Vec<String>, ApiError> {
        let tokens: Vec<String> =
            self.value.as_deref().unwrap_or_default().split_whitespace().map(str::to_lowercase).collect();
        if tokens.is_empty() { Err(self.lacks("value")) } else { Ok(tokens) }
    }
}

impl Test {
    pub(super) fn holds(&self, contact: &Snapshot) -> bool {
        let held = self.kind.of(contact, &self.name);
        if held.is_empty() {
            return self.unset;
        }
        match &self.condition {
            Condition::Known => true,
            Condition::AnyOf(wanted) => held.iter().any(|held| wanted.iter().any(|wanted| held.equals(wanted))),
            Condition::NoneOf(wanted) => !held.iter().any(|held| wanted.iter().any(|wanted| held.equals(wanted))),
            Condition::Within(low, high) => held.iter().any(|held| {
                let fits = |bound: &Option<(Operand, bool)>, outside: Ordering| {
                    let Some((bound, included)) = bound else { return true };
                    let order = held.compare(bound);
                    order != outside && (*included || order != Ordering::Equal)
                };
                fits(low, Ordering::Less) && fits(high, Ordering::Greater)
            }),
            Condition::Tokens { wanted, present } => {
                let text = contact.text(&self.name).unwrap_or_default().to_lowercase();
                wanted.iter().all(|wanted| has_token(&text, wanted)) == *present
            }
        }
    }
}

/// Whether a word of the text, or an alphanumeric part of one, is this token.
fn has_token(text: &str, token: &str) -> bool {
    let words = text.split_whitespace();
    let parts = text.split(|c: char| !c.is_alphanumeric());
    words.chain(parts).filter(|word| !word.is_empty()).any(|word| like(word, token))
}

/// Whether a word is what a pattern with `*` says.
fn like(word: &str, pattern: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return word == pattern };
    let Some(word) = word.strip_prefix(start) else { return false };
    let mut middle: Vec<&str> = rest.split('*').collect();
    let end = middle.pop().unwrap_or_default();
    let mut left = word;
    for piece in middle {
        let Some(at) = left.find(piece) else { return false };
        left = left.get(at + piece.len()..).unwrap_or_default();
    }
    left.ends_with(end)
}
