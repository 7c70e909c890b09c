//! Finalizers, deletion, namespaces.

use std::{sync::Arc, time::Duration};

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams},
    runtime::{controller::Action, finalizer},
};
use serde_json::json;

use super::{Assistant, assistant, assistants, cluster, manifest, namespace, refusal, secret};

const FINALIZER: &str = "crm.theeminenceco.com/cleanup";

/// One pass of kube's own `finalizer` helper: what it did.
async fn pass(api: &Api<Assistant>, name: &str) -> &'static str {
    let object = Arc::new(api.get(name).await.unwrap());
    let done = std::cell::Cell::new("nothing");
    let outcome = finalizer::finalizer(api, FINALIZER, object, |event| {
        done.set(match event {
            finalizer::Event::Apply(_) => "apply",
            finalizer::Event::Cleanup(_) => "cleanup",
        });
        async { Ok::<_, std::io::Error>(Action::await_change()) }
    });
    outcome.await.unwrap();
    done.get()
}

#[tokio::test(start_paused = true)]
async fn kubes_finalizer_helper_runs_its_course() {
    let sim = cluster();
    let api = assistants(&sim);
    api.create(&PostParams::default(), &assistant("anna")).await.unwrap();
    assert_eq!(pass(&api, "anna").await, "nothing");
    assert_eq!(api.get("anna").await.unwrap().finalizers(), [FINALIZER]);
    assert_eq!(pass(&api, "anna").await, "apply");

    tokio::time::sleep(Duration::from_secs(90)).await;
    let marked = api.delete("anna", &DeleteParams::default()).await.unwrap().left().unwrap();
    assert_eq!(marked.metadata.deletion_timestamp.as_ref().unwrap().0.to_string(), "2026-03-01T09:01:30Z");
    assert_eq!(marked.metadata.generation, Some(2), "the mark counts as a change");
    let again = api.delete("anna", &DeleteParams::default()).await.unwrap().left().unwrap();
    assert_eq!(again.resource_version(), marked.resource_version());

    let late = json!({"metadata": {"finalizers": [FINALIZER, "other/late"]}});
    assert_eq!(refusal(api.patch("anna", &PatchParams::default(), &Patch::Merge(&late)).await).code, 422);
    assert_eq!(pass(&api, "anna").await, "cleanup");
    assert!(api.get_opt("anna").await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_namespace_empties_before_it_goes() {
    let sim = cluster();
    sim.create(namespace("tenant")).unwrap();
    sim.create(secret("tenant", "token")).unwrap();
    sim.create(manifest("tenant", "berta")).unwrap();
    let mut held = manifest("tenant", "anna");
    held["metadata"]["finalizers"] = json!([FINALIZER]);
    sim.create(held).unwrap();

    let namespaces: Api<Namespace> = Api::all(sim.client());
    let going = namespaces.delete("tenant", &DeleteParams::default()).await.unwrap().left().unwrap();
    assert_eq!(going.status.unwrap().phase.as_deref(), Some("Terminating"));
    assert!(going.metadata.deletion_timestamp.is_some());

    assert!(sim.get("secrets", "tenant", "token").is_none(), "what nothing holds goes first");
    assert!(sim.get("assistants", "tenant", "berta").is_none());
    let anna = sim.get("assistants", "tenant", "anna").unwrap();
    assert!(anna["metadata"]["deletionTimestamp"].is_string());
    assert!(sim.get("namespaces", None, "tenant").is_some());

    let secrets: Api<Secret> = Api::namespaced(sim.client(), "tenant");
    let new: Secret = serde_json::from_value(secret("tenant", "new")).unwrap();
    let late = refusal(secrets.create(&PostParams::default(), &new).await);
    assert_eq!((late.code, late.reason.as_str()), (403, "Forbidden"));
    assert_eq!(
        late.message,
        "secrets \"new\" is forbidden: unable to create new content in namespace tenant because it is being terminated"
    );
    assert_eq!(late.details.unwrap().causes[0].reason, "NamespaceTerminating");

    let tenant: Api<Assistant> = Api::namespaced(sim.client(), "tenant");
    assert_eq!(pass(&tenant, "anna").await, "cleanup");
    assert!(sim.get("namespaces", None, "tenant").is_none());
    let immortal = refusal(namespaces.delete("default", &DeleteParams::default()).await);
    assert_eq!(immortal.message, "namespaces \"default\" is forbidden: this namespace may not be deleted");
}

#[tokio::test(start_paused = true)]
async fn collections_are_deleted_by_selector() {
    let sim = cluster();
    for name in ["anna", "berta"] {
        sim.create(manifest("default", name)).unwrap();
    }
    let only = ListParams::default().fields("metadata.name=anna");
    let gone = assistants(&sim).delete_collection(&DeleteParams::default(), &only).await.unwrap().left().unwrap();
    assert_eq!(gone.items.len(), 1);
    assert_eq!(sim.list("assistants").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_namespace_watch_sees_it_terminate_and_go() {
    let sim = cluster();
    sim.create(namespace("tenant")).unwrap();
    let api: Api<Namespace> = Api::all(sim.client());
    let params = WatchParams::default().timeout(30).fields("metadata.name=tenant");
    let events = api.watch(&params, &sim.version().to_string()).await.unwrap();
    sim.delete("namespaces", None, "tenant").unwrap();
    let seen: Vec<String> = events
        .map(|event| match event.unwrap() {
            WatchEvent::Modified(namespace) => format!("modified {}", namespace.status.unwrap().phase.unwrap()),
            WatchEvent::Deleted(_) => "deleted".into(),
            other => format!("{other:?}"),
        })
        .collect()
        .await;
    assert_eq!(seen, ["modified Terminating", "deleted", "Bookmark event"]);
    // Made again, it is another one.
    let again = sim.create(namespace("tenant")).unwrap();
    assert_eq!(again["status"]["phase"], "Active");
}
