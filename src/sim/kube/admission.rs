//! What happens to an object on its way in: identity, names, dates, and what built-in kinds fill in. Pure.

use k8s_openapi::ByteString;
use serde_json::{Value, json};

use crate::runtime::clock::Clock;

use super::{
    KUBE_SYSTEM_UID,
    refusal::{Cause, Refusal},
    resource::{DEFINITIONS, NAMESPACES, Resource},
    rules::text,
    store::{Key, Target},
};

const IMMORTAL: [&str; 3] = ["default", "kube-public", "kube-system"];

/// Completes `apiVersion`, `kind`, name and namespace from the request's path, or refuses what contradicts it.
pub(super) fn identify(target: &Target, object: &mut Value) -> Result<(), Refusal> {
    let resource = &target.resource;
    let Some(members) = object.as_object_mut() else {
        return Err(Refusal::bad_request("the object provided is not a JSON object"));
    };
    for (field, expected) in [("apiVersion", resource.api_version()), ("kind", resource.kind.clone())] {
        let sent = members.entry(field).or_insert_with(|| json!(expected));
        if *sent != expected {
            return Err(Refusal::bad_request(format!(
                "the object provided is unrecognized (must be of type {}): {field} is {sent}, expected \"{expected}\"",
                resource.kind
            )));
        }
    }
    let metadata = members.entry("metadata").or_insert_with(|| json!({}));
    let Some(metadata) = metadata.as_object_mut() else {
        return Err(Refusal::bad_request("metadata is not an object"));
    };
    let mut fix = |field: &str, expected: Option<&String>| match (expected, metadata.get(field)) {
        (Some(expected), Some(Value::String(sent))) if sent != expected => Err(Refusal::bad_request(match field {
            "name" => format!("the name of the object ({sent}) does not match the name on the URL ({expected})"),
            _ => "the namespace of the provided object does not match the namespace sent on the request".to_owned(),
        })),
        (Some(expected), _) => {
            metadata.insert(field.to_owned(), json!(expected));
            Ok(())
        }
        (None, _) => Ok(()),
    };
    fix("name", target.name.as_ref())?;
    fix("namespace", target.namespace.as_ref())?;
    if !resource.namespaced {
        metadata.remove("namespace");
    }
    Ok(())
}

/// Checks the name, or makes one from `generateName`.
pub(super) fn name(resource: &Resource, object: &mut Value, count: u64) -> Result<(), Refusal> {
    let prefix = text(object, "generateName").to_owned();
    if text(object, "name").is_empty() && !prefix.is_empty() {
        object["metadata"]["name"] = json!(format!("{prefix}{count:05}"));
    }
    let name = text(object, "name");
    if name.is_empty() {
        let message = "Required value: name or generateName is required".to_owned();
        let cause = Cause { reason: "FieldValueRequired", field: "metadata.name", message };
        return Err(Refusal::invalid(resource, name, &cause));
    }
    let is_edge = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let is_label = |part: &str| {
        part.starts_with(is_edge) && part.ends_with(is_edge) && part.chars().all(|c| is_edge(c) || c == '-')
    };
    let (valid, rule) = if resource.is_namespaces() {
        (is_label(name) && name.len() <= 63, LABEL_RULE)
    } else {
        (name.split('.').all(is_label) && name.len() <= 253, SUBDOMAIN_RULE)
    };
    if valid {
        return Ok(());
    }
    let message = format!("Invalid value: \"{name}\": {rule}");
    Err(Refusal::invalid(resource, name, &Cause { reason: "FieldValueInvalid", field: "metadata.name", message }))
}

const LABEL_RULE: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', \
    and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN_RULE: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' \
    or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

/// A date as metadata holds it: whole seconds, UTC.
pub(super) fn date(clock: &dyn Clock) -> String {
    let now = clock.now();
    jiff::Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
}

/// The `count`th object's uid.
pub(super) fn uid(key: &Key, count: u64) -> String {
    if key.resource == NAMESPACES && key.name == "kube-system" {
        return KUBE_SYSTEM_UID.into();
    }
    format!("00000000-0000-4000-8000-{count:012x}")
}

/// What the server fills in by itself for built-in kinds.
pub(super) fn complete(resource: &Resource, object: &mut Value, old: Option<&Value>) {
    match resource.qualified().as_str() {
        "secrets" => complete_secret(object),
        NAMESPACES => {
            if !object["metadata"]["labels"].is_object() {
                object["metadata"]["labels"] = json!({});
            }
            object["metadata"]["labels"]["kubernetes.io/metadata.name"] = object["metadata"]["name"].clone();
            object["spec"] = old.map_or_else(|| json!({"finalizers": ["kubernetes"]}), |old| old["spec"].clone());
            if old.is_none() {
                object["status"] = json!({"phase": "Active"});
            }
        }
        DEFINITIONS if old.is_none() => establish(object),
        _ => {}
    }
}

fn complete_secret(secret: &mut Value) {
    let plain = secret.as_object_mut().and_then(|members| members.remove("stringData"));
    if plain.is_some() && !secret["data"].is_object() {
        secret["data"] = json!({});
    }
    for (key, value) in plain.as_ref().and_then(Value::as_object).into_iter().flatten() {
        let bytes = ByteString(value.as_str().unwrap_or_default().as_bytes().to_vec());
        // A byte string always serializes to base64 text.
        secret["data"][key] = serde_json::to_value(bytes).unwrap_or_default();
    }
    if secret["type"].is_null() {
        secret["type"] = json!("Opaque");
    }
}

/// The API extension server accepts every definition at once.
fn establish(definition: &mut Value) {
    let since = definition["metadata"]["creationTimestamp"].clone();
    let condition = |kind: &str, reason: &str, message: &str| json!({"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": since});
    let versions = definition["spec"]["versions"].as_array().into_iter().flatten();
    let stored: Vec<&Value> =
        versions.filter(|version| version["storage"] == true).map(|version| &version["name"]).collect();
    definition["status"] = json!({
        "acceptedNames": definition["spec"]["names"],
        "storedVersions": stored,
        "conditions": [
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ],
    });
}

/// The kind a new object brings with it, when it is a definition.
pub(super) fn defined_by(resource: &Resource, object: &Value) -> Option<Resource> {
    (resource.qualified() == DEFINITIONS).then(|| Resource::from_definition(object)).flatten()
}

/// Preconditions of a delete, and namespaces that may not go.
pub(super) fn check_delete(target: &Target, old: &Value, options: &Value) -> Result<(), Refusal> {
    let (resource, name) = (&target.resource, text(old, "name"));
    if resource.is_namespaces() && IMMORTAL.contains(&name) {
        return Err(Refusal::forbidden(resource, name, "this namespace may not be deleted"));
    }
    let table = [
        ("uid", "UID", "The object might have been deleted and then recreated"),
        ("resourceVersion", "ResourceVersion", "The object might have been modified"),
    ];
    for (field, title, guess) in table {
        let record = text(old, field);
        if let Some(sent) = options["preconditions"][field].as_str()
            && sent != record
        {
            let why = format!(
                "the {title} in the precondition ({sent}) does not match the {title} in record ({record}). {guess}"
            );
            return Err(Refusal::conflict(resource, name, &why));
        }
    }
    Ok(())
}
