//! Server-side apply, as the operator uses it for status.

use kube::{
    ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use super::{Assistant, assistant, assistants, cluster, manifest, refusal};

fn condition(kind: &str, status: &str) -> Value {
    json!({"type": kind, "status": status, "reason": "R", "message": "m", "lastTransitionTime": "2026-03-01T09:00:00Z"})
}

fn body(status: &Value) -> Patch<Value> {
    Patch::Apply(json!({"apiVersion": "crm.theeminenceco.com/v1alpha1", "kind": "Assistant", "status": status}))
}

fn by(manager: &str) -> PatchParams {
    PatchParams::apply(manager)
}

fn kinds(object: &Assistant) -> Vec<(String, String)> {
    let conditions = object.status.iter().flat_map(|status| &status.conditions);
    conditions.map(|condition| (condition.type_.clone(), condition.status.clone())).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(kind, status)| ((*kind).to_owned(), (*status).to_owned())).collect()
}

#[tokio::test(start_paused = true)]
async fn what_a_manager_leaves_out_goes_and_the_rest_stays() {
    let sim = cluster();
    let api = assistants(&sim);
    api.create(&PostParams::default(), &assistant("anna")).await.unwrap();
    let full = json!({"code": "A", "conditions": [condition("Ready", "True"), condition("Stalled", "True")]});
    api.patch_status("anna", &by("us").force(), &body(&full)).await.unwrap();
    let theirs = json!({"conditions": [condition("Theirs", "True")]});
    api.patch_status("anna", &by("them"), &body(&theirs)).await.unwrap();
    let less = json!({"conditions": [condition("Ready", "False")]});
    let after = api.patch_status("anna", &by("us").force(), &body(&less)).await.unwrap();
    assert_eq!(kinds(&after), pairs(&[("Ready", "False"), ("Theirs", "True")]));
    assert_eq!(after.status.as_ref().unwrap().code, None);
    assert_eq!(after.metadata.generation, Some(1));
    let nothing = api.patch_status("anna", &by("us").force(), &body(&json!({}))).await.unwrap();
    assert_eq!(kinds(&nothing), pairs(&[("Theirs", "True")]));
}

#[tokio::test(start_paused = true)]
async fn an_apply_that_changes_nothing_moves_nothing() {
    let sim = cluster();
    let api = assistants(&sim);
    api.create(&PostParams::default(), &assistant("anna")).await.unwrap();
    let status = json!({"conditions": [condition("Ready", "True")]});
    let once = api.patch_status("anna", &by("us").force(), &body(&status)).await.unwrap();
    let twice = api.patch_status("anna", &by("us").force(), &body(&status)).await.unwrap();
    assert_eq!(once.resource_version(), twice.resource_version());
}

#[tokio::test(start_paused = true)]
async fn two_managers_of_one_condition_conflict_without_force() {
    let sim = cluster();
    let api = assistants(&sim);
    api.create(&PostParams::default(), &assistant("anna")).await.unwrap();
    api.patch_status("anna", &by("them"), &body(&json!({"conditions": [condition("Ready", "True")]}))).await.unwrap();
    let ours = body(&json!({"conditions": [condition("Ready", "False")]}));
    let conflict = refusal(api.patch_status("anna", &by("us"), &ours).await);
    assert_eq!((conflict.code, conflict.reason.as_str()), (409, "Conflict"));
    assert_eq!(
        conflict.message,
        "Apply failed with 1 conflict: conflict with \"them\" with subresource \"status\" using \
         crm.theeminenceco.com/v1alpha1: .status.conditions[type=\"Ready\"].status"
    );
    assert_eq!(conflict.details.unwrap().causes[0].reason, "FieldManagerConflict");
    let forced = api.patch_status("anna", &by("us").force(), &ours).await.unwrap();
    assert_eq!(kinds(&forced), pairs(&[("Ready", "False")]));
    // What both named with the same value is shared: it goes only when both leave it out.
    let theirs = api.patch_status("anna", &by("them"), &body(&json!({}))).await.unwrap();
    assert_eq!(kinds(&theirs), pairs(&[("Ready", "False")]));
    let less = api.patch_status("anna", &by("us").force(), &body(&json!({}))).await.unwrap();
    assert_eq!(kinds(&less), pairs(&[]));
}

#[tokio::test(start_paused = true)]
async fn an_apply_to_status_honours_a_version_and_ignores_spec() {
    let sim = cluster();
    let api = assistants(&sim);
    let made = api.create(&PostParams::default(), &assistant("anna")).await.unwrap();
    sim.patch("assistants", "default", "anna", json!({"spec": {"role": "Ops"}})).unwrap();
    let at = |version: &str| {
        Patch::Apply(json!({
            "apiVersion": "crm.theeminenceco.com/v1alpha1", "kind": "Assistant", "spec": {"role": "Hidden"},
            "metadata": {"resourceVersion": version}, "status": {"code": "A"},
        }))
    };
    let stale = at(&made.resource_version().unwrap());
    assert!(refusal(api.patch_status("anna", &by("us").force(), &stale).await).is_conflict());
    let fresh = api.get("anna").await.unwrap();
    let applied = api.patch_status("anna", &by("us").force(), &at(&fresh.resource_version().unwrap())).await.unwrap();
    assert_eq!(applied.spec.role.as_deref(), Some("Ops"));
    assert_eq!(applied.status.unwrap().code.as_deref(), Some("A"));
    let missing = refusal(api.patch_status("nobody", &by("us").force(), &body(&json!({}))).await);
    assert_eq!(missing.code, 404);
}

#[tokio::test(start_paused = true)]
async fn a_person_applies_manifests() {
    let sim = cluster();
    let mut wanted = manifest("default", "anna");
    wanted["spec"]["role"] = json!("Sales");
    wanted["metadata"]["finalizers"] = json!(["theirs/one"]);
    sim.apply(wanted.clone()).unwrap();
    sim.patch("assistants", "default", "anna", json!({"metadata": {"labels": {"by": "hand"}}})).unwrap();
    let changed = sim.apply(manifest("default", "anna")).unwrap();
    assert_eq!(changed["spec"], json!({"email": "anna@example.com"}));
    assert_eq!(changed["metadata"]["labels"], json!({"by": "hand"}));
    assert!(changed["metadata"]["finalizers"].is_null());
    assert_eq!(changed["metadata"]["generation"], 2);
    let same = sim.apply(manifest("default", "anna")).unwrap();
    assert_eq!(same["metadata"]["resourceVersion"], changed["metadata"]["resourceVersion"]);
    assert!(sim.requests().is_empty(), "what a person does is no request of the operator");
}

#[tokio::test(start_paused = true)]
async fn what_others_wrote_is_theirs_until_forced() {
    let sim = cluster();
    sim.create(manifest("default", "anna")).unwrap();
    let edit = json!({"spec": {"role": "Ops"}, "metadata": {"labels": {"team": "ops"}}});
    sim.patch("assistants", "default", "anna", edit).unwrap();
    let mut wanted = manifest("default", "anna");
    wanted["spec"]["role"] = json!("Sales");
    wanted["metadata"]["labels"] = json!({"team": "sales"});
    let api = assistants(&sim);
    let conflict = refusal(api.patch("anna", &by("us"), &Patch::Apply(&wanted)).await);
    assert_eq!(
        conflict.message,
        "Apply failed with 2 conflicts: conflicts with \"kubectl\" using crm.theeminenceco.com/v1alpha1:\n\
         - .metadata.labels.team\n- .spec.role"
    );
    let forced = api.patch("anna", &by("us").force(), &Patch::Apply(&wanted)).await.unwrap();
    assert_eq!((forced.spec.role.as_deref(), forced.labels()["team"].as_str()), (Some("Sales"), "sales"));
    // An edit takes the field back; the next apply that still wants it must force again.
    sim.patch("assistants", "default", "anna", json!({"spec": {"role": "Ops"}})).unwrap();
    assert!(refusal(api.patch("anna", &by("us"), &Patch::Apply(&wanted)).await).is_conflict());
    // What is no longer ours is not removed when we leave it out.
    let less = api.patch("anna", &by("us"), &Patch::Apply(&manifest("default", "anna"))).await.unwrap();
    assert_eq!((less.spec.role.as_deref(), less.labels().len()), (Some("Ops"), 0));
    // What a person removed belongs to nobody: the next manager need not force.
    wanted["spec"]["role"] = json!("Ops");
    api.patch("anna", &by("us"), &Patch::Apply(&wanted)).await.unwrap();
    sim.patch("assistants", "default", "anna", json!({"spec": {"role": null}})).unwrap();
    wanted["spec"]["role"] = json!("Field");
    api.patch("anna", &by("them"), &Patch::Apply(&wanted)).await.unwrap();
    let nameless = refusal(api.patch("anna", &PatchParams::default(), &Patch::Apply(&wanted)).await);
    assert!(nameless.message.contains("fieldManager: Required value"), "{nameless}");
}
