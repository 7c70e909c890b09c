//! Routes of associations, in both directions: batches, lists, single pairs (API.md §9).
//!
//! Choices where HubSpot is silent: an unknown object has no associations; batch writes tell bad items in a 207 and do the
//! others; a page of a batch read holds as many as one of a list. Counted to the ordinary limits.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    answer::{Answer, ApiError, Outcome, page},
    associations::{AssociationSpec, ObjectId, check_specs},
    batch::complete,
    input,
    objects::{AssociationPath, Kind, ObjectType, type_between},
    portal::{Call, Portal, not_allowed},
    switches::NoAssociations,
};

const READ_LIMIT: usize = 1_000;
const WRITE_LIMIT: usize = 2_000;
const PAGE: usize = 500;

/// The types of a request, from and to.
type Ends = (ObjectType, ObjectType);

pub(super) fn dispatch(
    portal: &mut Portal,
    path: AssociationPath,
    ends: Ends,
    method: &http::Method,
    call: &Call<'_>,
) -> Outcome {
    match (path, method.as_str()) {
        (AssociationPath::BatchRead, "POST") => batch_read(portal, ends, call),
        (AssociationPath::BatchCreate, "POST") => batch_create(portal, ends, call),
        (AssociationPath::BatchArchive, "POST") => batch_archive(portal, ends, call),
        (AssociationPath::BatchDefault, "POST") => batch_default(portal, ends, call),
        (AssociationPath::BatchLabelsArchive, "POST") => batch_labels_archive(portal, ends, call),
        (AssociationPath::List, "GET") => list(portal, ends, call),
        (AssociationPath::Pair, "PUT") => put(portal, ends, call),
        (AssociationPath::Pair, "DELETE") => Ok(delete(portal, ends, call)),
        (AssociationPath::DefaultPair, "PUT") => put_default(portal, ends, call),
        _ => Err(not_allowed(method)),
    }
}

#[derive(Deserialize)]
struct Batch<T> {
    inputs: Option<Vec<T>>,
}

#[derive(Deserialize)]
struct ReadInput {
    #[serde(flatten)]
    id: ObjectId,
    after: Option<String>,
}

#[derive(Deserialize)]
struct PairInput {
    from: Option<ObjectId>,
    to: Option<ObjectId>,
    types: Option<Vec<AssociationSpec>>,
}

#[derive(Deserialize)]
struct ArchiveInput {
    from: Option<ObjectId>,
    to: Option<Vec<ObjectId>>,
}

fn inputs<T: serde::de::DeserializeOwned>(call: &Call<'_>, limit: usize) -> Result<Vec<T>, ApiError> {
    let Batch { inputs } = input::body(call.body)?;
    input::require(&[("inputs", inputs.is_some())])?;
    let inputs = inputs.unwrap_or_default();
    if inputs.len() > limit {
        return Err(ApiError::invalid(format!(
            "The maximum number of inputs supported in a batch is {limit}. Please reduce the number of items and try again"
        )));
    }
    Ok(inputs)
}

/// One page of what is associated with an object, with the cursor of the next.
fn page_of(portal: &Portal, (from, to): Ends, id: &str, after: u64, limit: usize) -> (Vec<Value>, Option<String>) {
    let ids = id.parse().map_or_else(|_| Vec::new(), |id| portal.associated(from, id, to));
    let mut rest = ids.into_iter().filter(|id| *id > after);
    let shown: Vec<u64> = rest.by_ref().take(limit).collect();
    let cursor = rest.next().and(shown.last()).map(u64::to_string);
    let numbers = portal.config.switches.association_ids_are_numbers;
    let type_id = type_between(from, to);
    let item = |id: &u64| {
        let id = if numbers { json!(id) } else { json!(id.to_string()) };
        let types = json!([{ "category": "HUBSPOT_DEFINED", "typeId": type_id }]);
        json!({ "toObjectId": id, "associationTypes": types })
    };
    (shown.iter().map(item).collect(), cursor)
}

fn cursor(after: Option<&str>) -> Result<u64, ApiError> {
    let Some(text) = after else { return Ok(0) };
    text.parse().map_err(|_| ApiError::invalid(format!("'{text}' is not a cursor of an earlier answer")))
}

/// Objects without associations are absent from the results and, by default, told as errors in a 207.
fn batch_read(portal: &mut Portal, ends: Ends, call: &Call<'_>) -> Outcome {
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for ReadInput { id, after } in inputs(call, READ_LIMIT)? {
        let id = id.text()?;
        let (to, next) = page_of(portal, ends, &id, cursor(after.as_deref())?, PAGE);
        if to.is_empty() {
            errors.push(none_found(ends, &id));
            continue;
        }
        let mut result = json!({ "from": { "id": id }, "to": to });
        if let Some(after) = next {
            result["paging"] = json!({ "next": { "link": format!("?after={after}"), "after": after } });
        }
        results.push(result);
    }
    if portal.config.switches.no_associations == NoAssociations::Absent {
        errors.clear();
    }
    portal.rng.shuffle(&mut results);
    Ok(complete(portal, 200, results, errors))
}

/// Seen live with a plain text as sub-category, unlike other batch errors.
fn none_found((from, to): Ends, id: &str) -> Value {
    let (from, to) = (from.name(), to.name());
    json!({
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": format!("No {to} is associated with {from} {id}."),
        "context": { "fromObjectId": [id], "fromObjectType": [from], "toObjectType": [to] },
        "links": {},
        "errors": [],
    })
}

fn batch_create(portal: &mut Portal, ends: Ends, call: &Call<'_>) -> Outcome {
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for PairInput { from, to, types } in inputs(call, WRITE_LIMIT)? {
        input::require(&[("from", from.is_some()), ("to", to.is_some()), ("types", types.is_some())])?;
        let pair = pair_of(from, to)?;
        match associate(portal, ends, &pair, types.as_deref()) {
            Ok(()) => results.push(labels(ends, &pair)),
            Err(error) => errors.push(item(error)),
        }
    }
    Ok(complete(portal, 201, results, errors))
}

/// Bad items are told in a 200: the specification has no 207 here.
fn batch_default(portal: &mut Portal, ends: Ends, call: &Call<'_>) -> Outcome {
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for PairInput { from, to, types: _ } in inputs(call, WRITE_LIMIT)? {
        let pair = pair_of(from, to)?;
        match associate(portal, ends, &pair, None) {
            Ok(()) => results.extend(defaults(ends, &pair)),
            Err(error) => errors.push(item(error)),
        }
    }
    Ok(Answer { status: 200, ..complete(portal, 200, results, errors) })
}

fn batch_archive(portal: &mut Portal, ends: Ends, call: &Call<'_>) -> Outcome {
    for ArchiveInput { from, to } in inputs(call, WRITE_LIMIT)? {
        input::require(&[("to", to.is_some())])?;
        for to in to.unwrap_or_default() {
            dissociate(portal, ends, &pair_of(from.clone(), Some(to))?);
        }
    }
    Ok(complete(portal, 200, Vec::new(), Vec::new()))
}

/// Without custom labels the unlabelled association is all there is to remove.
fn batch_labels_archive(portal: &mut Portal, ends: Ends, call: &Call<'_>) -> Outcome {
    for PairInput { from, to, types } in inputs(call, WRITE_LIMIT)? {
        let pair = pair_of(from, to)?;
        check_specs(ends.0, ends.1, types.as_deref().unwrap_or_default())?;
        dissociate(portal, ends, &pair);
    }
    Ok(complete(portal, 200, Vec::new(), Vec::new()))
}

fn list(portal: &Portal, ends: Ends, call: &Call<'_>) -> Outcome {
    let limit = call.query.limit(PAGE, PAGE)?;
    let (results, next) = page_of(portal, ends, call.arg, call.query.after()?.unwrap_or(0), limit);
    Ok(Answer::ok(page(results, next)))
}

fn put(portal: &mut Portal, ends: Ends, call: &Call<'_>) -> Outcome {
    let specs: Vec<AssociationSpec> = input::body(call.body)?;
    let pair = pair_in_path(call);
    associate(portal, ends, &pair, Some(&specs))?;
    let (from, to) = (ends.0.plural(), ends.1.plural());
    let location = format!("/crm/objects/2026-03/{from}/{}/associations/{to}/{}", pair.0, pair.1);
    Ok(Answer::created(labels(ends, &pair), location))
}

fn put_default(portal: &mut Portal, ends: Ends, call: &Call<'_>) -> Outcome {
    let pair = pair_in_path(call);
    associate(portal, ends, &pair, None)?;
    Ok(complete(portal, 200, defaults(ends, &pair), Vec::new()))
}

/// 204 whether or not there was one.
fn delete(portal: &mut Portal, ends: Ends, call: &Call<'_>) -> Answer {
    dissociate(portal, ends, &pair_in_path(call));
    Answer::no_content()
}

fn pair_in_path(call: &Call<'_>) -> (String, String) {
    let (from, to) = call.arg.split_once('/').unwrap_or((call.arg, ""));
    (from.to_owned(), to.to_owned())
}

fn pair_of(from: Option<ObjectId>, to: Option<ObjectId>) -> Result<(String, String), ApiError> {
    input::require(&[("from", from.is_some()), ("to", to.is_some())])?;
    let text = |id: Option<ObjectId>| id.as_ref().map(ObjectId::text).transpose().map(Option::unwrap_or_default);
    Ok((text(from)?, text(to)?))
}

/// Associates a pair; without specs by the default type.
fn associate(
    portal: &mut Portal,
    (from, to): Ends,
    pair: &(String, String),
    specs: Option<&[AssociationSpec]>,
) -> Result<(), ApiError> {
    if type_between(from, to).is_none() {
        let (from, to) = (from.type_id(), to.type_id());
        return Err(ApiError::invalid(format!("The simulator knows no association from {from} to {to}")));
    }
    if let Some(specs) = specs {
        check_specs(from, to, specs)?;
    }
    portal.check_ends(&[(from, pair.0.clone()), (to, pair.1.clone())])?;
    if let Some((kind, id, contact)) = sorted((from, to), pair) {
        portal.link(kind, id, contact);
    }
    Ok(())
}

fn dissociate(portal: &mut Portal, ends: Ends, pair: &(String, String)) {
    if let Some((kind, id, contact)) = sorted(ends, pair) {
        portal.unlink(kind, id, contact);
    }
}

/// The engagement and the contact of a pair, whichever way it was given.
fn sorted(ends: Ends, (from, to): &(String, String)) -> Option<(Kind, u64, u64)> {
    let (from, to) = (from.parse().ok()?, to.parse().ok()?);
    match ends {
        (ObjectType::Engagement(kind), ObjectType::Contact) => Some((kind, from, to)),
        (ObjectType::Contact, ObjectType::Engagement(kind)) => Some((kind, to, from)),
        _ => None,
    }
}

/// `LabelsBetweenObjectPair`.
fn labels((from, to): Ends, pair: &(String, String)) -> Value {
    json!({
        "fromObjectTypeId": from.type_id(),
        "fromObjectId": pair.0,
        "toObjectTypeId": to.type_id(),
        "toObjectId": pair.1,
        "labels": [],
    })
}

/// `PublicDefaultAssociation` of both directions.
fn defaults((from, to): Ends, (from_id, to_id): &(String, String)) -> Vec<Value> {
    let one = |type_id: Option<i64>, from: &str, to: &str| {
        json!({
            "from": { "id": from },
            "to": { "id": to },
            "associationSpec": { "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id },
        })
    };
    vec![one(type_between(from, to), from_id, to_id), one(type_between(to, from), to_id, from_id)]
}

fn item(error: ApiError) -> Value {
    let context = error.body.get("context").cloned().unwrap_or_else(|| json!({}));
    error.into_batch_item(&context)
}
