//! Merge patch and JSON patch, with the leniency of the real server. Pure.

use json_patch::{Patch, PatchOperation};
use serde_json::Value;

use super::refusal::Refusal;

/// The object after an RFC 7396 merge patch.
pub(super) fn merged(object: &Value, patch: &Value) -> Value {
    let mut object = object.clone();
    json_patch::merge(&mut object, patch);
    object
}

/// The object after an RFC 6902 JSON patch, all of it or none.
pub(super) fn patched(object: &Value, patch: &Patch) -> Result<Value, Refusal> {
    let mut object = object.clone();
    for operation in &patch.0 {
        if let PatchOperation::Test(test) = operation
            && test.value.is_null()
            && object.pointer(test.path.as_str()).is_none()
        {
            // Go's JSON patch takes an absent member for null in `test`; kube's `finalizer()` relies on it.
            continue;
        }
        json_patch::patch(&mut object, std::slice::from_ref(operation)).map_err(|_| rejected())?;
    }
    Ok(object)
}

fn rejected() -> Refusal {
    // The real server hides which operation failed.
    Refusal::new(422, "Invalid", "the server rejected our request due to an error in our request")
}

/// Removes members that are null, which the real server prunes from objects before storing them.
pub(super) fn prune_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(prune_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(prune_nulls),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn json_patch(operations: Value) -> Patch {
        serde_json::from_value(operations).unwrap()
    }

    #[test]
    fn json_patch_takes_absent_for_null_in_test_and_is_all_or_nothing() {
        let object = json!({"metadata": {"name": "a"}});
        let add = json_patch(json!([
            {"op": "test", "path": "/metadata/finalizers", "value": null},
            {"op": "add", "path": "/metadata/finalizers", "value": ["f"]},
        ]));
        let finalized = patched(&object, &add).unwrap();
        assert_eq!(finalized["metadata"]["finalizers"], json!(["f"]));
        assert_eq!(patched(&finalized, &add).unwrap_err().code, 422);
    }

    #[test]
    fn merge_patch_removes_with_null_and_replaces_lists() {
        let object = json!({"spec": {"a": 1, "b": [1, 2]}});
        let merged = merged(&object, &json!({"spec": {"a": null, "b": [3], "c": {"d": null}}}));
        assert_eq!(merged, json!({"spec": {"b": [3], "c": {}}}));
    }
}
