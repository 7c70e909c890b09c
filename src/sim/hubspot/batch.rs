//! Batch create, read and archive of contact properties (API.md §7). A bad item never spoils the others: 207.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    answer::{Answer, ApiError, Outcome, instant},
    input,
    portal::{Call, Portal},
    properties::{self, PropertyInput},
};

pub(super) const BATCH_LIMIT: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Batch {
    inputs: Option<Vec<Value>>,
    archived: Option<bool>,
}

#[derive(Deserialize)]
struct Name {
    name: Option<String>,
}

fn inputs(batch: &mut Batch) -> Result<Vec<Value>, ApiError> {
    let inputs = batch.inputs.take().unwrap_or_default();
    if inputs.len() > BATCH_LIMIT {
        return Err(ApiError::invalid(format!(
            "The maximum number of inputs supported in a batch is {BATCH_LIMIT}. Please reduce the number of items and try again"
        )));
    }
    Ok(inputs)
}

fn names(batch: &mut Batch) -> Result<Vec<String>, ApiError> {
    let parse = |value| {
        let Name { name } = input::item(value)?;
        input::require(&[("name", name.is_some())])?;
        Ok(name.unwrap_or_default())
    };
    inputs(batch)?.into_iter().map(parse).collect()
}

/// `status` when all went well, else 207 with the errors.
pub(super) fn complete(portal: &Portal, status: u16, results: Vec<Value>, errors: Vec<Value>) -> Answer {
    let at = instant(portal.now);
    let mut body =
        json!({ "status": "COMPLETE", "startedAt": at, "completedAt": at, "results": Value::Array(results) });
    if errors.is_empty() {
        return Answer { status, body: Some(body), location: None };
    }
    body["numErrors"] = json!(errors.len());
    body["errors"] = Value::Array(errors);
    Answer { status: 207, body: Some(body), location: None }
}

pub(super) fn create(portal: &mut Portal, call: &Call<'_>) -> Outcome {
    let mut batch: Batch = input::body(call.body)?;
    input::require(&[("inputs", batch.inputs.is_some())])?;
    let items: Result<Vec<PropertyInput>, ApiError> = inputs(&mut batch)?.into_iter().map(input::item).collect();
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for item in items? {
        let name = item.name.clone().unwrap_or_default();
        match properties::create_one(portal, item, call.actor) {
            Ok(property) => results.push(property.to_json()),
            Err(error) => errors.push(error.into_batch_item(&json!({ "name": [name] }))),
        }
    }
    Ok(complete(portal, 201, results, errors))
}

/// `dataSensitivity` is required by the dated specification, and unknown to version 3: both may ask.
pub(super) fn read(portal: &Portal, call: &Call<'_>) -> Outcome {
    let mut batch: Batch = input::body(call.body)?;
    input::require(&[("archived", batch.archived.is_some()), ("inputs", batch.inputs.is_some())])?;
    let archived = batch.archived.unwrap_or_default();
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for name in names(&mut batch)? {
        match properties::read(portal, &name, archived) {
            Ok(property) => results.push(property.to_json()),
            Err(error) => errors.push(error.into_batch_item(&json!({ "name": [name] }))),
        }
    }
    Ok(complete(portal, 200, results, errors))
}

/// 204 whatever the state of the named properties; what can be archived is.
pub(super) fn archive(portal: &mut Portal, call: &Call<'_>) -> Outcome {
    let mut batch: Batch = input::body(call.body)?;
    input::require(&[("inputs", batch.inputs.is_some())])?;
    for name in names(&mut batch)? {
        // HubSpot answers 204 "whatever their state" (API.md §7), so a refusal is not told.
        let _refused = properties::archive_one(portal, &name, call.actor);
    }
    Ok(Answer::no_content())
}
