//! Property groups: list, create, get, PATCH, archive (API.md §7). An archived group is forgotten; its name is free again.

use serde::Deserialize;
use serde_json::json;

use super::{
    answer::{Answer, ApiError, Outcome},
    input,
    lagged::Lagged,
    portal::{Call, Portal},
    schema::{Group, check_name},
    switches::DuplicateGroup,
};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupInput {
    name: Option<String>,
    label: Option<String>,
    display_order: Option<i64>,
}

pub(super) fn list(portal: &Portal) -> Answer {
    let shown = portal.schema.groups.values().filter_map(|group| group.shown(portal.now));
    Answer::ok(json!({ "results": shown.map(Group::to_json).collect::<Vec<_>>() }))
}

pub(super) fn get(portal: &Portal, call: &Call<'_>) -> Outcome {
    // It may lag (API.md §7).
    let shown = portal.schema.groups.get(call.arg).and_then(|group| group.shown(portal.now));
    shown.map(|group| Answer::ok(group.to_json())).ok_or_else(|| missing(call.arg))
}

fn missing(name: &str) -> ApiError {
    ApiError::not_found(format!("No property group exists with the name {name} and object type 0-1"))
}

fn find<'a>(portal: &'a Portal, name: &str) -> Result<&'a Group, ApiError> {
    portal.schema.group(name).ok_or_else(|| missing(name))
}

pub(super) fn create(portal: &mut Portal, call: &Call<'_>) -> Outcome {
    let group = create_one(portal, input::body(call.body)?)?;
    let location = format!("/crm/properties/2026-03/contacts/groups/{}", group.name);
    Ok(Answer::created(group.to_json(), location))
}

pub(super) fn create_one(portal: &mut Portal, input: GroupInput) -> Result<Group, ApiError> {
    input::require(&[("label", input.label.is_some()), ("name", input.name.is_some())])?;
    let GroupInput { name, label, display_order } = input;
    let (name, label) = (name.unwrap_or_default(), label.unwrap_or_default());
    if let Some(group) = portal.schema.group(&name) {
        let message = format!("A property group named '{name}' already exists.");
        return match portal.config.switches.duplicate_group {
            DuplicateGroup::Conflict => {
                let error = ApiError::new(409, message).category("OBJECT_ALREADY_EXISTS");
                Err(error.sub_category("Properties.GROUP_WITH_NAME_EXISTS"))
            }
            DuplicateGroup::Invalid => Err(ApiError::invalid(message)),
            DuplicateGroup::SameGroup => Ok(group.clone()),
        };
    }
    check_name(&name, portal.config.switches.name_limit)?;
    check_label(&label)?;
    let display_order = place(portal, display_order);
    let group = Group { name, label, display_order };
    put(portal, &group.name.clone(), Some(group.clone()));
    Ok(group)
}

/// -1 and nothing mean: after all others.
fn place(portal: &Portal, display_order: Option<i64>) -> i64 {
    let last = portal.schema.groups.values().filter_map(Lagged::get).map(|group| group.display_order).max();
    display_order.filter(|order| *order >= 0).unwrap_or(last.map_or(0, |last| last + 1))
}

fn check_label(label: &str) -> Result<(), ApiError> {
    if label.trim().is_empty() { Err(ApiError::invalid("Property group label must not be empty")) } else { Ok(()) }
}

fn put(portal: &mut Portal, name: &str, group: Option<Group>) {
    let (now, follow) = (portal.now, portal.reads_follow());
    portal.schema.groups.entry(name.to_owned()).or_default().set(now, follow, group);
}

pub(super) fn update(portal: &mut Portal, call: &Call<'_>) -> Outcome {
    let input = input::body(call.body)?;
    update_one(portal, call.arg, input).map(|group| Answer::ok(group.to_json()))
}

/// Changes label and order; a name in the body is ignored.
pub(super) fn update_one(portal: &mut Portal, name: &str, input: GroupInput) -> Result<Group, ApiError> {
    let mut group = find(portal, name)?.clone();
    let GroupInput { name: _, label, display_order } = input;
    if let Some(label) = label {
        check_label(&label)?;
        group.label = label;
    }
    if display_order.is_some() {
        group.display_order = place(portal, display_order);
    }
    put(portal, name, Some(group.clone()));
    Ok(group)
}

pub(super) fn archive(portal: &mut Portal, call: &Call<'_>) -> Outcome {
    archive_one(portal, call.arg)?;
    Ok(Answer::no_content())
}

/// Archives a group without active properties; HubSpot's refusal holds the real error as text (API.md §7).
pub(super) fn archive_one(portal: &mut Portal, name: &str) -> Result<(), ApiError> {
    find(portal, name)?;
    let mut properties = portal.schema.properties.values().filter_map(Lagged::get);
    if properties.any(|property| property.archived_at.is_none() && property.definition.group == name) {
        let nested = r#"{"status":"error","message":"Can't delete or purge a group with active properties","category":"VALIDATION_ERROR","subCategory":"PropertyGroupError.GROUP_WITH_ACTIVE_PROPERTIES"}"#;
        return Err(ApiError::new(400, nested));
    }
    put(portal, name, None);
    Ok(())
}
