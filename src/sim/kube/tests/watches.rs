//! kube's watcher on this server, both ways of starting, whole objects and metadata.

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, pin_mut};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, ResourceExt as _,
    api::{PartialObjectMeta, WatchEvent, WatchParams},
    runtime::watcher::{self, Event, watcher},
};
use serde_json::json;

use super::{Assistant, cluster, manifest, secret};
use crate::sim::kube::watch::HISTORY_CHANGES;

fn said<K: kube::Resource>(event: &Event<K>) -> String {
    let name = |object: &K| object.meta().name.clone().unwrap_or_default();
    match event {
        Event::Init => "init".into(),
        Event::InitApply(object) => format!("init {}", name(object)),
        Event::InitDone => "done".into(),
        Event::Apply(object) => format!("apply {}", name(object)),
        Event::Delete(object) => format!("delete {}", name(object)),
    }
}

async fn follows(config: watcher::Config) {
    let sim = cluster();
    sim.create(manifest("default", "anna")).unwrap();
    let events = watcher(Api::<Assistant>::all(sim.client()), config);
    pin_mut!(events);
    let next = async |events: &mut std::pin::Pin<&mut _>| {
        let event: Option<Result<Event<Assistant>, watcher::Error>> = futures::StreamExt::next(events).await;
        event.unwrap().map_or_else(|error| format!("error {error}"), |event| said(&event))
    };
    assert_eq!(next(&mut events).await, "init");
    assert_eq!(next(&mut events).await, "init anna");
    assert_eq!(next(&mut events).await, "done");
    sim.create(manifest("default", "berta")).unwrap();
    assert_eq!(next(&mut events).await, "apply berta");
    sim.patch("assistants", "default", "anna", json!({"spec": {"role": "Ops"}})).unwrap();
    assert_eq!(next(&mut events).await, "apply anna");

    // A cut watch resumes where it was, and misses nothing.
    sim.cut_watches();
    sim.delete("assistants", "default", "berta").unwrap();
    assert_eq!(next(&mut events).await, "delete berta");

    // Forgotten history makes it start anew, whether the watch was open or not.
    sim.compact();
    assert!(next(&mut events).await.starts_with("error"));
    assert_eq!(next(&mut events).await, "init");
    assert_eq!(next(&mut events).await, "init anna");
    assert_eq!(next(&mut events).await, "done");
    sim.patch("assistants", "default", "anna", json!({"spec": {"role": "Sales"}})).unwrap();
    assert_eq!(next(&mut events).await, "apply anna");
    sim.cut_watches();
    sim.patch("assistants", "default", "anna", json!({"spec": {"role": "Ops"}})).unwrap();
    sim.compact();
    assert!(next(&mut events).await.contains("too old resource version"));
    assert_eq!(next(&mut events).await, "init");
    assert_eq!(next(&mut events).await, "init anna");
    assert_eq!(next(&mut events).await, "done");
}

#[tokio::test(start_paused = true)]
async fn list_then_watch() {
    follows(watcher::Config::default()).await;
}

#[tokio::test(start_paused = true)]
async fn streaming_list() {
    follows(watcher::Config::default().streaming_lists()).await;
}

#[tokio::test(start_paused = true)]
async fn a_quiet_watch_is_renewed_for_hours_without_a_relist() {
    let sim = cluster();
    sim.create(manifest("default", "anna")).unwrap();
    let events = watcher(Api::<Assistant>::all(sim.client()), watcher::Config::default());
    pin_mut!(events);
    for _ in 0..3 {
        events.try_next().await.unwrap();
    }
    let quiet = tokio::time::timeout(Duration::from_hours(2), events.try_next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    let lists = sim.requests().iter().filter(|line| line.starts_with("LIST")).count();
    let watches = sim.requests().iter().filter(|line| line.starts_with("WATCH")).count();
    assert_eq!((lists, watches), (1, 25), "290 seconds each");
    assert_eq!(sim.open_watches(), 1);
}

/// Other kinds push a quiet watch out of history; bookmarks keep it in.
#[tokio::test(start_paused = true)]
async fn bookmarks_save_a_quiet_watch_from_a_relist() {
    for (waits, relists) in [(Duration::from_secs(61), false), (Duration::ZERO, true)] {
        let sim = cluster();
        sim.create(manifest("default", "anna")).unwrap();
        sim.create(secret("default", "token")).unwrap();
        let events = watcher(Api::<Assistant>::all(sim.client()), watcher::Config::default());
        pin_mut!(events);
        for _ in 0..3 {
            events.try_next().await.unwrap();
        }
        // Once more, so that the watch is open.
        assert!(tokio::time::timeout(Duration::from_secs(1), events.next()).await.is_err());
        for round in 0..=HISTORY_CHANGES {
            sim.patch("secrets", "default", "token", json!({"stringData": {"token": round.to_string()}})).unwrap();
        }
        assert!(tokio::time::timeout(waits, events.next()).await.is_err());
        sim.cut_watches();
        let next = tokio::time::timeout(Duration::from_secs(1), events.next()).await;
        assert_eq!(next.is_ok_and(|event| event.unwrap().is_err()), relists);
    }
}

#[tokio::test(start_paused = true)]
async fn metadata_watches_carry_no_secrets() {
    let sim = cluster();
    sim.create(secret("default", "token")).unwrap();
    let partial: Api<PartialObjectMeta<Secret>> = Api::all(sim.client());
    for config in [watcher::Config::default(), watcher::Config::default().streaming_lists()] {
        let events = watcher(partial.clone(), config);
        pin_mut!(events);
        let mut said_all = Vec::new();
        for _ in 0..3 {
            said_all.push(said(&events.try_next().await.unwrap().unwrap()));
        }
        assert_eq!(said_all, ["init", "init token", "done"]);
        sim.patch("secrets", "default", "token", json!({"stringData": {"token": sim.version().to_string()}})).unwrap();
        let Event::Apply(object) = events.try_next().await.unwrap().unwrap() else { panic!("no change") };
        assert_eq!(object.name_any(), "token");
        assert_eq!(object.types.unwrap().kind, "PartialObjectMetadata");
    }
    let listed = Api::<Secret>::all(sim.client()).list_metadata(&kube::api::ListParams::default()).await.unwrap();
    assert_eq!(listed.types.kind, "PartialObjectMetadataList");
    let got = Api::<Secret>::default_namespaced(sim.client()).get_metadata("token").await.unwrap();
    assert_eq!(got.types.unwrap().api_version, "meta.k8s.io/v1");
}

#[tokio::test(start_paused = true)]
async fn an_object_that_stops_matching_is_deleted_for_the_watch() {
    let sim = cluster();
    let api = Api::<Assistant>::default_namespaced(sim.client());
    let label = |team: &str| json!({"metadata": {"labels": {"team": team}}});
    sim.create(manifest("default", "anna")).unwrap();
    let stream = api.watch(&WatchParams::default().labels("team=sales"), &sim.version().to_string()).await.unwrap();
    pin_mut!(stream);
    for team in ["sales", "ops", "sales"] {
        sim.patch("assistants", "default", "anna", label(team)).unwrap();
    }
    sim.delete("assistants", "default", "anna").unwrap();
    let mut seen = Vec::new();
    while let Some(event) = stream.next().await {
        match event.unwrap() {
            WatchEvent::Added(object) => seen.push(format!("added {}", object.labels()["team"])),
            WatchEvent::Deleted(object) => seen.push(format!("deleted {}", object.labels()["team"])),
            WatchEvent::Bookmark(bookmark) => {
                seen.push(format!("bookmark {}", bookmark.metadata.resource_version == sim.version().to_string()));
            }
            other => panic!("{other:?}"),
        }
    }
    let bookmarks = vec!["bookmark true"; 5]; // every minute of 290 seconds, and before the end
    assert_eq!(seen, [vec!["added sales", "deleted sales", "added sales", "deleted sales"], bookmarks].concat());
}
