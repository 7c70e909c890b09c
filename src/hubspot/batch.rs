//! Batches: how many records fit, what came of each, and which missing ones are fine (API.md §8, §9).
//!
//! HubSpot answers in any order and partly. Every input gets a mark of its own (`objectWriteTraceId`): without marks one
//! bad input spoils the whole batch.

use std::{collections::BTreeSet, fmt};

use serde_json::Value;

use super::{
    HubSpot,
    error::{Error, ErrorKind, Rejection, Result},
    item_error::{self, ItemError, texts},
    operation::Operation,
    wire::objects::{BatchAnswer, ObjectRecord},
};
use crate::domain::ContactId;

/// Records per batch.
pub const BATCH_LIMIT: usize = 100;

/// What came of one input of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemOutcome {
    /// It is done. With the id of what was created, or of the record that took the place of the one that was named.
    Done(Option<String>),
    /// The contact is not there.
    Missing,
    /// HubSpot does not want it; a repeat is refused as well.
    Refused(ItemRefusal),
    /// HubSpot does not say, or could not just now. A create may have happened: look before any repeat.
    Unclear,
}

/// Why HubSpot does not want an input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemRefusal {
    /// e.g. `VALIDATION_ERROR`; open set.
    pub category: Option<String>,
    /// e.g. `INVALID_OPTION`, `INVALID_OBJECT_IDS`; open set.
    pub codes: Vec<String>,
    /// e.g. `INVALID_OPTION on hs_lead_status`. Codes and property names: HubSpot's own text repeats values.
    pub message: String,
}

impl ItemRefusal {
    /// Whether the code is named anywhere.
    pub fn mentions(&self, code: &str) -> bool {
        self.category.iter().chain(&self.codes).any(|text| text.contains(code))
    }
}

impl fmt::Display for ItemRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused: {}", self.message)
    }
}

impl From<ItemError> for ItemRefusal {
    fn from(error: ItemError) -> Self {
        let codes = error.sub_category.iter().map(String::as_str).chain(error.codes()).map(str::to_owned).collect();
        let message =
            error.summary().or_else(|| error.category.clone()).unwrap_or_else(|| "no reason given".to_owned());
        Self { category: error.category, codes, message }
    }
}

impl From<&Rejection> for ItemRefusal {
    /// What a refusal of a whole call means for the one input in it.
    fn from(rejection: &Rejection) -> Self {
        let codes = rejection.sub_category.iter().chain(&rejection.codes).cloned().collect();
        Self { category: rejection.category.clone(), codes, message: rejection.message.clone() }
    }
}

impl From<ItemError> for ItemOutcome {
    fn from(error: ItemError) -> Self {
        match error {
            error if error.is_missing() => Self::Missing,
            error if error.is_trouble() => Self::Unclear,
            error => Self::Refused(error.into()),
        }
    }
}

/// Refuses what HubSpot would refuse, before anything is sent.
pub(super) fn refused_here(operation: Operation, message: String) -> Error {
    let category = Some("VALIDATION_ERROR".to_owned());
    let rejection = Rejection { status: 400, category, message, ..Rejection::default() };
    Error { operation, kind: ErrorKind::Rejected(Box::new(rejection)), correlation_id: None }
}

/// Refuses more than fits into a call: where to cut is for the caller to say.
pub(super) fn at_most(operation: Operation, limit: usize, count: usize) -> Result<()> {
    let refused = || refused_here(operation, format!("{count} records in a call that takes {limit}; nothing was sent"));
    if count <= limit { Ok(()) } else { Err(refused()) }
}

/// The mark of the n-th input. For HubSpot it has no meaning beyond the call.
pub(super) fn trace_id(index: usize) -> String {
    format!("input-{index}")
}

impl HubSpot {
    /// Lets pass that records are not there; anything else that was not read is an error, for unread is not empty.
    pub(super) fn nothing_unread(&self, operation: Operation, errors: &[Value]) -> Result<()> {
        let Some(error) = self.errors(errors).map(|(_, error)| error).find(|error| !error.is_missing()) else {
            return Ok(());
        };
        let trouble = error.is_trouble();
        let ItemRefusal { category, codes, message } = error.into();
        let kind = if trouble {
            ErrorKind::Unavailable { status: Some(207), message: format!("a part was not read: {message}") }
        } else {
            ErrorKind::Rejected(Box::new(Rejection { status: 207, category, sub_category: None, codes, message }))
        };
        Err(Error { operation, kind, correlation_id: None })
    }

    /// Outcomes of updates, in the order of `ids`.
    pub(super) fn updated(&self, ids: &[&ContactId], answer: BatchAnswer<ObjectRecord>) -> Vec<ItemOutcome> {
        let mut outcomes = Outcomes::of(ids);
        for record in answer.results {
            let at = outcomes.marked(record.object_write_trace_id.as_deref());
            let Some(at) = at.or_else(|| ids.iter().position(|id| id.as_str() == record.id)) else { continue };
            let other = (ids[at].as_str() != record.id).then_some(record.id);
            outcomes.settle(at, ItemOutcome::Done(other));
        }
        outcomes.refuse_marked(self.errors(&answer.errors));
        outcomes.refuse_named(self.errors(&answer.errors));
        outcomes.into_vec()
    }

    /// Outcomes of creates for `contacts`, in their order.
    pub(super) fn created(&self, contacts: &[&ContactId], answer: BatchAnswer<ObjectRecord>) -> Vec<ItemOutcome> {
        let mut outcomes = Outcomes::of(contacts);
        let mut unmarked = Vec::new();
        for ObjectRecord { id, object_write_trace_id, .. } in answer.results {
            match outcomes.marked(object_write_trace_id.as_deref()) {
                Some(at) => outcomes.settle(at, ItemOutcome::Done(Some(id))),
                None => unmarked.push(id),
            }
        }
        outcomes.refuse_marked(self.errors(&answer.errors));
        let open = outcomes.open();
        if unmarked.is_empty() {
            outcomes.refuse_named(self.errors(&answer.errors));
        } else if unmarked.len() == open.len() {
            // All were made; only whose id is whose is a guess.
            open.into_iter().zip(unmarked).for_each(|(at, id)| outcomes.settle(at, ItemOutcome::Done(Some(id))));
        }
        outcomes.into_vec()
    }

    fn errors<'a>(&'a self, errors: &'a [Value]) -> impl Iterator<Item = (&'a Value, ItemError)> {
        // What is no object is an error all the same, that says nothing.
        let token = self.inner.credential.last();
        let read = move |error: &'a Value| Some(item_error::read(error.as_object()?, token.as_ref()?));
        errors.iter().map(move |error| (error, read(error).unwrap_or_default()))
    }
}

/// The record ids that errors name.
pub(super) fn named_ids<'a>(errors: impl IntoIterator<Item = &'a Value>) -> BTreeSet<String> {
    let named = |error: &Value| {
        let texts = |key| texts(error.pointer(&format!("/context/{key}")));
        ["ids", "id", "objectId"].into_iter().flat_map(texts).collect::<Vec<_>>()
    };
    errors.into_iter().flat_map(named).collect()
}

/// What is known so far of each input. What was settled once stays: a result is proof, an error may be about a part.
struct Outcomes<'a> {
    ids: &'a [&'a ContactId],
    known: Vec<Option<ItemOutcome>>,
}

impl<'a> Outcomes<'a> {
    fn of(ids: &'a [&'a ContactId]) -> Self {
        Self { ids, known: vec![None; ids.len()] }
    }

    fn marked(&self, trace_id: Option<&str>) -> Option<usize> {
        let at: usize = trace_id?.strip_prefix("input-")?.parse().ok()?;
        (at < self.known.len()).then_some(at)
    }

    fn open(&self) -> Vec<usize> {
        (0..self.known.len()).filter(|at| self.known[*at].is_none()).collect()
    }

    fn settle(&mut self, at: usize, outcome: ItemOutcome) {
        self.known[at].get_or_insert(outcome);
    }

    fn refuse_marked<'e>(&mut self, errors: impl Iterator<Item = (&'e Value, ItemError)>) {
        for (error, read) in errors {
            let outcome = ItemOutcome::from(read);
            for mark in texts(error.pointer("/context/objectWriteTraceId")) {
                if let Some(at) = self.marked(Some(&mark)) {
                    self.settle(at, outcome.clone());
                }
            }
        }
    }

    /// Errors without a mark: by the ids in them, or because there is only one input they can be about.
    fn refuse_named<'e>(&mut self, errors: impl Iterator<Item = (&'e Value, ItemError)>) {
        for (error, read) in errors {
            let outcome = ItemOutcome::from(read);
            let named = named_ids([error]);
            for at in self.open() {
                if self.ids.len() == 1 || named.contains(self.ids[at].as_str()) {
                    self.settle(at, outcome.clone());
                }
            }
        }
    }

    fn into_vec(self) -> Vec<ItemOutcome> {
        self.known.into_iter().map(|outcome| outcome.unwrap_or(ItemOutcome::Unclear)).collect()
    }
}
