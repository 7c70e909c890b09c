//! Batch create, read and archive of notes, e-mails and tasks (API.md §9): at most 100 at a time. Reads and creations answer
//! in no particular order.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    answer::{Answer, ApiError, Outcome},
    associations::{AssociationInput, ObjectId},
    batch::{BATCH_LIMIT, complete},
    engagement_values::texts,
    input,
    objects::Kind,
    portal::{ByName, Call, Portal},
    switches::{MissingInBatch, PartialWrites},
};

/// `SimplePublicObjectBatchInputForCreate`; one at a time it has no trace id.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateInput {
    properties: Option<Map<String, Value>>,
    associations: Option<Vec<AssociationInput>>,
    object_write_trace_id: Option<String>,
}

/// A creation whose form is right.
pub(super) struct Creation {
    values: ByName<String>,
    associations: Vec<AssociationInput>,
    trace_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadInput {
    inputs: Option<Vec<ObjectId>>,
    #[serde(default)]
    properties: Vec<String>,
    #[serde(default)]
    properties_with_history: Vec<String>,
    id_property: Option<String>,
}

#[derive(Deserialize)]
struct Batch<T> {
    inputs: Option<Vec<T>>,
}

fn check_size<T>(inputs: Option<Vec<T>>) -> Result<Vec<T>, ApiError> {
    input::require(&[("inputs", inputs.is_some())])?;
    let inputs = inputs.unwrap_or_default();
    if inputs.len() > BATCH_LIMIT {
        return Err(ApiError::invalid(format!(
            "The maximum number of inputs supported in a batch is {BATCH_LIMIT}. Please reduce the number of items and try again"
        )));
    }
    Ok(inputs)
}

impl CreateInput {
    pub(super) fn into_creation(self) -> Result<Creation, ApiError> {
        let Self { properties, associations, object_write_trace_id } = self;
        input::require(&[("associations", associations.is_some()), ("properties", properties.is_some())])?;
        Ok(Creation {
            values: texts(properties.unwrap_or_default())?,
            associations: associations.unwrap_or_default(),
            trace_id: object_write_trace_id,
        })
    }
}

impl Creation {
    /// The contacts of an engagement HubSpot would create.
    fn check(&self, portal: &Portal, kind: Kind) -> Result<Vec<u64>, ApiError> {
        portal.check_new_engagement(kind, &self.values)?;
        portal.check_associations(kind, &self.associations)
    }

    pub(super) fn carry_out(&self, portal: &mut Portal, kind: Kind) -> Result<Value, ApiError> {
        let contacts = self.check(portal, kind)?;
        let mut body = portal.create_engagement(kind, &self.values, &contacts).to_full_json();
        if let Some(trace_id) = &self.trace_id {
            body["objectWriteTraceId"] = json!(trace_id);
        }
        Ok(body)
    }
}

/// All or nothing, unless every input has a trace id of its own (switch): then each for itself, and 207 (API.md §8.2).
pub(super) fn create(portal: &mut Portal, kind: Kind, call: &Call<'_>) -> Outcome {
    let Batch { inputs } = input::body(call.body)?;
    let creations: Result<Vec<Creation>, ApiError> =
        check_size(inputs)?.into_iter().map(CreateInput::into_creation).collect();
    let creations = creations?;
    let traces: BTreeSet<&String> = creations.iter().filter_map(|creation| creation.trace_id.as_ref()).collect();
    let partial = match portal.config.switches.partial_writes {
        PartialWrites::WithTraceIds => traces.len() == creations.len(),
        PartialWrites::Always => true,
        PartialWrites::Never => false,
    };
    if !partial {
        for creation in &creations {
            creation.check(portal, kind)?;
        }
    }
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for creation in &creations {
        match creation.carry_out(portal, kind) {
            Ok(body) => results.push(body),
            Err(error) => errors.push(traced(error, creation.trace_id.as_ref())),
        }
    }
    portal.rng.shuffle(&mut results);
    Ok(complete(portal, 201, results, errors))
}

/// An error as an item of the answer, naming the input it is about.
fn traced(error: ApiError, trace_id: Option<&String>) -> Value {
    let mut context = error.body.get("context").cloned().unwrap_or_else(|| json!({}));
    if let Some(trace_id) = trace_id {
        context["objectWriteTraceId"] = json!([trace_id]);
    }
    error.into_batch_item(&context)
}

/// Unknown ids are told in one error, or not at all (switch, API.md §8.1).
pub(super) fn read(portal: &mut Portal, kind: Kind, call: &Call<'_>) -> Outcome {
    let ReadInput { inputs, properties, properties_with_history, id_property } = input::body(call.body)?;
    no_history(&properties_with_history)?;
    if let Some(other) = id_property.filter(|name| name != "hs_object_id") {
        return Err(ApiError::invalid(format!("{other} is not a unique property of object type {}", kind.type_id())));
    }
    let archived = call.query.flag("archived")?;
    let (mut results, mut missing, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for id in check_size(inputs)? {
        let id = id.text()?;
        if !seen.insert(id.clone()) {
            continue;
        }
        let found = id.parse().ok().and_then(|id| portal.engagements.any(kind, id));
        match found.filter(|engagement| engagement.archived_at.is_some() == archived) {
            Some(engagement) => results.push(engagement.to_json(properties.iter().map(String::as_str))),
            None => missing.push(id),
        }
    }
    portal.rng.shuffle(&mut results);
    if missing.is_empty() || portal.config.switches.missing_in_batch == MissingInBatch::Silent {
        return Ok(complete(portal, 200, results, Vec::new()));
    }
    let name = kind.name().to_uppercase();
    let message =
        format!("Could not get some {name} objects, they may be deleted or not exist. Check that ids are valid.");
    let error = ApiError::not_found(message).into_batch_item(&json!({ "ids": missing }));
    Ok(complete(portal, 200, results, vec![error]))
}

/// 204 whatever the state of the named engagements.
pub(super) fn archive(portal: &mut Portal, kind: Kind, call: &Call<'_>) -> Outcome {
    let Batch { inputs } = input::body(call.body)?;
    let ids: Result<Vec<String>, ApiError> = check_size(inputs)?.iter().map(ObjectId::text).collect();
    for id in ids?.iter().filter_map(|id| id.parse().ok()) {
        portal.archive_engagement(kind, id);
    }
    Ok(Answer::no_content())
}

/// Answering without it would be a wrong answer.
pub(super) fn no_history(names: &[String]) -> Result<(), ApiError> {
    if names.is_empty() {
        return Ok(());
    }
    Err(ApiError::invalid("The simulator keeps no history of engagements"))
}
