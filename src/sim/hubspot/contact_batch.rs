//! Batches of contacts: read, create, update, upsert, archive (API.md §8.1, §8.2). Results come in an order of chance.
//!
//! Choices where HubSpot is silent: a missing id in an update without trace ids is a bad item like any other; the 400 of an
//! all-or-nothing batch tells the first bad item; two inputs must not claim the same e-mail.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    answer::{Answer, ApiError, Outcome},
    associations::AssociationInput,
    batch::{BATCH_LIMIT, complete},
    contact_api::{Found, HISTORY_LIMIT, IdProperty, Wanted, refuse_associations, refuse_duplicates},
    input,
    objects::Kind,
    portal::{Call, Portal},
    switches::{MissingInBatch, PartialWrites},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadBatch {
    inputs: Option<Vec<Key>>,
    #[serde(default)]
    properties: Vec<String>,
    #[serde(default)]
    properties_with_history: Vec<String>,
    id_property: Option<String>,
}

#[derive(Deserialize)]
struct Key {
    id: Option<String>,
}

#[derive(Deserialize)]
struct WriteBatch {
    inputs: Option<Vec<WriteInput>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WriteInput {
    id: Option<String>,
    id_property: Option<String>,
    properties: Option<BTreeMap<String, String>>,
    object_write_trace_id: Option<String>,
    #[serde(default)]
    associations: Vec<AssociationInput>,
}

/// What shall become of one input, looked at before anything is written.
struct Planned {
    trace_id: Option<String>,
    values: BTreeMap<String, String>,
    target: Result<Target, ApiError>,
}

#[derive(Clone)]
enum Target {
    /// With these engagements.
    New(Vec<(Kind, u64)>),
    Existing(u64),
    /// Merged into another: left out of the results without an error.
    MergedAway,
}

fn missing(ids: &[&str]) -> ApiError {
    let message = "Could not get some CONTACT objects, they may be deleted or not exist. Check that ids are valid.";
    ApiError::new(400, message).category("OBJECT_NOT_FOUND").with("context", json!({ "ids": ids }))
}

fn check_count(count: usize, with_history: bool) -> Result<(), ApiError> {
    let (limit, what) =
        if with_history { (HISTORY_LIMIT, "batch request for property histories") } else { (BATCH_LIMIT, "batch") };
    if count <= limit {
        return Ok(());
    }
    Err(ApiError::invalid(format!(
        "The maximum number of inputs supported in a {what} is {limit}. Please reduce the number of items and try again"
    )))
}

/// The ids of a batch of ids alone.
fn keys(inputs: Option<Vec<Key>>) -> Result<Vec<String>, ApiError> {
    input::require(&[("inputs", inputs.is_some())])?;
    let inputs = inputs.unwrap_or_default();
    input::require(&[("id", inputs.iter().all(|key| key.id.is_some()))])?;
    Ok(inputs.into_iter().filter_map(|key| key.id).collect())
}

/// The specification also requires `properties` and `propertiesWithHistory`; HubSpot's own examples leave them out.
pub(super) fn read(portal: &mut Portal, call: &Call<'_>) -> Outcome {
    let ReadBatch { inputs, properties, properties_with_history: with_history, id_property } = input::body(call.body)?;
    let ids = keys(inputs)?;
    check_count(ids.len(), !with_history.is_empty())?;
    refuse_duplicates(ids.iter().map(String::as_str))?;
    let by = IdProperty::parse(id_property.as_deref())?;
    let archived = call.query.flag("archived")?;
    let wanted = Wanted { properties, with_history, associations: Vec::new() };
    // Two ids merged into one contact give it once.
    let (mut found, mut unknown) = (BTreeSet::new(), Vec::new());
    for id in &ids {
        match portal.find_contact(id, by, archived) {
            Found::Contact(id) => drop(found.insert(id)),
            Found::MergedAway => {}
            Found::Nothing => unknown.push(id.as_str()),
        }
    }
    let contacts = found.iter().filter_map(|id| portal.contacts.records.get(id));
    let mut results: Vec<Value> = contacts.map(|contact| wanted.show(portal, contact)).collect();
    portal.rng.shuffle(&mut results);
    let mut errors = Vec::new();
    if !unknown.is_empty() && portal.config.switches.missing_in_batch == MissingInBatch::Named {
        errors.push(missing(&unknown).into_batch_item(&json!({ "ids": unknown })));
    }
    Ok(complete(portal, 200, results, errors))
}

fn write_inputs(call: &Call<'_>, with_id: bool) -> Result<Vec<WriteInput>, ApiError> {
    let WriteBatch { inputs } = input::body(call.body)?;
    input::require(&[("inputs", inputs.is_some())])?;
    let inputs = inputs.unwrap_or_default();
    check_count(inputs.len(), false)?;
    input::require(&[
        ("id", !with_id || inputs.iter().all(|input| input.id.is_some())),
        ("properties", inputs.iter().all(|input| input.properties.is_some())),
    ])?;
    refuse_duplicates(inputs.iter().filter_map(|input| input.id.as_deref()))?;
    for input in inputs.iter().filter(|_| with_id) {
        refuse_associations(&input.associations)?;
    }
    Ok(inputs)
}

pub(super) fn create(portal: &mut Portal, call: &Call<'_>) -> Outcome {
    let inputs = write_inputs(call, false)?;
    let planned = plan(portal, call, inputs, |_, _, _| Ok(Target::New(Vec::new())))?;
    carry_out(portal, call, planned, 201, false)
}

pub(super) fn update(portal: &mut Portal, call: &Call<'_>) -> Outcome {
    let inputs = write_inputs(call, true)?;
    let planned = plan(portal, call, inputs, |portal, id, by| match portal.find_contact(id, by, false) {
        Found::Contact(id) => Ok(Target::Existing(id)),
        Found::MergedAway => Ok(Target::MergedAway),
        Found::Nothing => Err(missing(&[id])),
    })?;
    carry_out(portal, call, planned, 200, false)
}

/// By e-mail, or by id for contacts that exist.
pub(super) fn upsert(portal: &mut Portal, call: &Call<'_>) -> Outcome {
    let mut inputs = write_inputs(call, true)?;
    for WriteInput { id, id_property, properties, .. } in &mut inputs {
        if let (Some("email"), Some(id), Some(values)) = (id_property.as_deref(), id, properties) {
            values.entry("email".to_owned()).or_insert_with(|| id.clone());
        }
    }
    let planned = plan(portal, call, inputs, |portal, id, by| match (portal.find_contact(id, by, false), by) {
        (Found::Contact(id), _) => Ok(Target::Existing(id)),
        (Found::MergedAway, _) => Ok(Target::MergedAway),
        (Found::Nothing, IdProperty::Email) => Ok(Target::New(Vec::new())),
        (Found::Nothing, IdProperty::Id) => Err(missing(&[id])),
    })?;
    carry_out(portal, call, planned, 200, true)
}

/// Looks every input up and checks its values, with nothing written yet.
fn plan(
    portal: &Portal,
    call: &Call<'_>,
    inputs: Vec<WriteInput>,
    target: impl Fn(&Portal, &str, IdProperty) -> Result<Target, ApiError>,
) -> Result<Vec<Planned>, ApiError> {
    let mut claimed = BTreeSet::new();
    let mut planned = Vec::with_capacity(inputs.len());
    for WriteInput { id, id_property, properties, object_write_trace_id: trace_id, associations } in inputs {
        let by = IdProperty::parse(id_property.as_deref())?;
        let values = properties.unwrap_or_default();
        let check = |mut target| {
            match &mut target {
                Target::New(links) => {
                    portal.check_contact(&values, None, call.actor)?;
                    *links = portal.check_contact_associations(&associations)?;
                }
                Target::Existing(id) => portal.check_contact(&values, Some(*id), call.actor)?,
                Target::MergedAway => {}
            }
            let email = values.get("email").map(|email| email.trim().to_lowercase());
            if email.is_some_and(|email| !email.is_empty() && !claimed.insert(email)) {
                return Err(ApiError::new(409, "Several inputs have the same email").category("CONFLICT"));
            }
            Ok(target)
        };
        let target = target(portal, id.as_deref().unwrap_or_default(), by).and_then(check);
        planned.push(Planned { trace_id, values, target });
    }
    Ok(planned)
}

fn carry_out(portal: &mut Portal, call: &Call<'_>, planned: Vec<Planned>, status: u16, tell_new: bool) -> Outcome {
    let trace_ids: BTreeSet<&String> = planned.iter().filter_map(|item| item.trace_id.as_ref()).collect();
    let partial = match portal.config.switches.partial_writes {
        PartialWrites::WithTraceIds => trace_ids.len() == planned.len(),
        PartialWrites::Always => true,
        PartialWrites::Never => false,
    };
    if !partial && let Some(error) = planned.iter().find_map(|item| item.target.as_ref().err()) {
        return Err(error.clone());
    }
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for Planned { trace_id, values, target } in planned {
        let written = target.and_then(|target| match target {
            Target::New(links) => portal.create_linked_contact(&values, &links, call.actor).map(|id| Some((id, true))),
            Target::Existing(id) => portal.update_contact(id, &values, call.actor).map(|()| Some((id, false))),
            Target::MergedAway => Ok(None),
        });
        match written {
            Ok(None) => {}
            Ok(Some((id, new))) => {
                let mut result = portal.written_contact(id, &values);
                if tell_new {
                    result["new"] = json!(new);
                }
                results.push(result);
            }
            Err(error) => errors.push(item_error(error, trace_id)),
        }
    }
    portal.rng.shuffle(&mut results);
    Ok(complete(portal, status, results, errors))
}

/// The error of one input, with its trace id beside what the context says already.
fn item_error(error: ApiError, trace_id: Option<String>) -> Value {
    let mut context = error.body.get("context").and_then(Value::as_object).cloned().unwrap_or_else(Map::new);
    if let Some(trace_id) = trace_id {
        context.insert("objectWriteTraceId".to_owned(), json!([trace_id]));
    }
    error.into_batch_item(&Value::Object(context))
}

/// 204 whatever the state of the named contacts; those that are there are archived.
pub(super) fn archive(portal: &mut Portal, call: &Call<'_>) -> Outcome {
    #[derive(Deserialize)]
    struct Batch {
        inputs: Option<Vec<Key>>,
    }
    let Batch { inputs } = input::body(call.body)?;
    let ids = keys(inputs)?;
    check_count(ids.len(), false)?;
    for id in ids {
        if let Found::Contact(id) = portal.find_contact(&id, IdProperty::Id, false) {
            portal.archive_contact(id, call.actor);
        }
    }
    Ok(Answer::no_content())
}
