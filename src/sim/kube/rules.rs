//! What every change of an object obeys: preconditions, which part a write may touch, what counts as a change. Pure.

use serde_json::{Value, json};

use super::{
    admission,
    apply::{self, Operation, Owner, Ownership},
    patch,
    refusal::{Cause, Refusal},
    resource::Resource,
    store::{Edit, Target},
};

pub(super) fn owner(target: &Target, manager: &str, operation: Operation) -> Owner {
    Owner { manager: manager.into(), operation, subresource: target.subresource.clone() }
}

/// The object as the writer wants it, before the rules of [`fold`].
pub(super) fn wanted(
    target: &Target,
    old: &Value,
    edit: Edit,
    author: &Owner,
    ownership: &mut Ownership,
) -> Result<Value, Refusal> {
    let resource = &target.resource;
    match edit {
        Edit::Replace(mut object) => {
            admission::identify(target, &mut object)?;
            let version = text(&object, "resourceVersion");
            if version.is_empty() && !resource.allows_unconditional_update() {
                let cause = Cause {
                    reason: "FieldValueInvalid",
                    field: "metadata.resourceVersion",
                    message: "Invalid value: 0: must be specified for an update".into(),
                };
                return Err(Refusal::invalid(resource, text(&object, "name"), &cause));
            }
            Ok(object)
        }
        Edit::Merge(patch) => Ok(patch::merged(old, &patch)),
        Edit::Json(patch) => patch::patched(old, &patch),
        Edit::Apply { mut body, force } => {
            admission::identify(target, &mut body)?;
            patch::prune_nulls(&mut body);
            check_preconditions(target, old, &body)?;
            let mut live = old.clone();
            let within = restrict(target, body);
            ownership.apply(&mut live, author, &within, force).map_err(|clashes| apply::refuse(resource, &clashes))?;
            Ok(live)
        }
    }
}

pub(super) fn check_preconditions(target: &Target, old: &Value, wanted: &Value) -> Result<(), Refusal> {
    let name = target.name.as_deref().unwrap_or_default();
    if text(wanted, "name") != text(old, "name") && !text(wanted, "name").is_empty() {
        return Err(Refusal::bad_request(format!(
            "the name of the object ({}) does not match the name on the URL ({name})",
            text(wanted, "name")
        )));
    }
    let (uid, sent) = (text(old, "uid"), text(wanted, "uid"));
    if !sent.is_empty() && sent != uid {
        let why = format!("Precondition failed: UID in precondition: {sent}, UID in object meta: {uid}");
        return Err(Refusal::conflict(&target.resource, name, &why));
    }
    let sent = text(wanted, "resourceVersion");
    if !sent.is_empty() && sent != text(old, "resourceVersion") {
        return Err(Refusal::modified(&target.resource, name));
    }
    Ok(())
}

pub(super) fn check_finalizers(resource: &Resource, old: &Value, new: &Value) -> Result<(), Refusal> {
    let of = |object: &Value| object["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
    let before = of(old);
    let added: Vec<Value> = of(new).into_iter().filter(|finalizer| !before.contains(finalizer)).collect();
    if !is_terminating(old) || added.is_empty() {
        return Ok(());
    }
    let cause = Cause {
        reason: "FieldValueForbidden",
        field: "metadata.finalizers",
        message: format!(
            "Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
            added.iter().map(Value::to_string).collect::<Vec<_>>().join(", ")
        ),
    };
    Err(Refusal::invalid(resource, text(old, "name"), &cause))
}

/// What an apply to this target may speak about.
pub(super) fn restrict(target: &Target, mut body: Value) -> Value {
    if let Some(members) = body.as_object_mut() {
        if target.subresource == "status" {
            members.retain(|name, _| name == "status");
        } else if target.resource.status_subresource {
            members.remove("status");
        }
    }
    body
}

/// What is kept of `wanted`: the status alone on `/status`, all but the status and the server's own metadata elsewhere.
pub(super) fn fold(target: &Target, old: &Value, wanted: Value) -> Value {
    let put = |object: &mut Value, name: &str, value: &Value| {
        if value.is_null() {
            remove(object, name);
        } else {
            object[name] = value.clone();
        }
    };
    if target.subresource == "status" {
        let mut new = old.clone();
        put(&mut new, "status", &wanted["status"]);
        return new;
    }
    let mut new = wanted;
    if !new["metadata"].is_object() {
        new["metadata"] = json!({});
    }
    for field in ["apiVersion", "kind"] {
        put(&mut new, field, &old[field]);
    }
    if target.resource.status_subresource {
        put(&mut new, "status", &old["status"]);
    }
    let fixed = ["name", "namespace", "generateName", "uid", "resourceVersion", "generation", "creationTimestamp"];
    for field in fixed.into_iter().chain(["deletionTimestamp", "deletionGracePeriodSeconds", "managedFields"]) {
        put(&mut new["metadata"], field, &old["metadata"][field]);
    }
    new
}

/// What `generation` counts changes of.
pub(super) fn content(resource: &Resource, object: &Value) -> Value {
    let mut content = object.clone();
    remove(&mut content, "metadata");
    if resource.status_subresource {
        remove(&mut content, "status");
    }
    content
}

/// Empty metadata collections are not stored.
pub(super) fn tidy(object: &mut Value) {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.retain(|_, value| {
            let empty =
                value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(serde_json::Map::is_empty);
            !empty && !value.is_null()
        });
    }
}

pub(super) fn remove(object: &mut Value, field: &str) {
    if let Some(members) = object.as_object_mut() {
        members.remove(field);
    }
}

/// A text field of the metadata, or "".
pub(super) fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or_default()
}

pub(super) fn is_terminating(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

pub(super) fn has_finalizers(object: &Value) -> bool {
    object["metadata"]["finalizers"].as_array().is_some_and(|finalizers| !finalizers.is_empty())
}
