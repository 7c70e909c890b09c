//! Watches: Kubernetes → store → queue.

use std::collections::{BTreeMap, BTreeSet};

use futures::{
    StreamExt,
    stream::{BoxStream, SelectAll},
};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{
    Api, Resource,
    core::{DynamicObject, PartialObjectMeta},
    discovery::ApiResource,
    runtime::{
        WatchStreamExt,
        watcher::{self, watcher},
    },
};

use super::{context::Context, queue::Lane, store::Change};
use crate::{
    api::{Assistant, CrmConnection, ScheduleSync},
    desired::references::{Kind, ObjectRef},
    runtime::lock,
};

/// Which watch something came from: a kind in one namespace, or in all.
type Source = (Kind, Option<String>);

/// What a watch says.
pub(super) enum Delta {
    /// A complete list begins.
    Begin,
    /// An object of ours is like this.
    Object(Box<DynamicObject>),
    /// A Secret or ConfigMap has this version.
    Reference(ObjectRef, Option<String>),
    /// It is gone.
    Gone(ObjectRef),
    /// The list is complete.
    Complete,
}

/// What a watch said.
pub(super) struct Said {
    source: Source,
    delta: Result<Delta, watcher::Error>,
}

/// All watches.
pub(super) struct Feed {
    streams: SelectAll<BoxStream<'static, Said>>,
    /// Lists under way: what was in them so far.
    listing: BTreeMap<Source, BTreeSet<ObjectRef>>,
    /// Watches whose first list is not complete yet.
    incomplete: BTreeSet<Source>,
}

impl Feed {
    /// Starts watching our kinds whole, Secrets and ConfigMaps by metadata.
    pub(super) fn start(client: &kube::Client, namespaces: &[String]) -> Self {
        let scopes: Vec<Option<String>> =
            if namespaces.is_empty() { vec![None] } else { namespaces.iter().cloned().map(Some).collect() };
        let mut feed = Self { streams: SelectAll::new(), listing: BTreeMap::new(), incomplete: BTreeSet::new() };
        for scope in scopes {
            feed.watch_ours::<CrmConnection>(client, (Kind::Connection, scope.clone()));
            feed.watch_ours::<ScheduleSync>(client, (Kind::ScheduleSync, scope.clone()));
            feed.watch_ours::<Assistant>(client, (Kind::Assistant, scope.clone()));
            feed.watch_metadata::<Secret>(client, (Kind::Secret, scope.clone()));
            feed.watch_metadata::<ConfigMap>(client, (Kind::ConfigMap, scope));
        }
        feed
    }

    /// Whether every first list is complete: before that, half of the world is missing.
    pub(super) fn is_complete(&self) -> bool {
        self.incomplete.is_empty()
    }

    /// The next thing said. Watches never end.
    pub(super) async fn next(&mut self) -> Option<Said> {
        self.streams.next().await
    }

    fn watch_ours<K: Resource<DynamicType = ()>>(&mut self, client: &kube::Client, source: Source) {
        let resource = ApiResource::erase::<K>(&());
        let api: Api<DynamicObject> = match &source.1 {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
            None => Api::all_with(client.clone(), &resource),
        };
        let kind = source.0;
        let deltas = watcher(api, watcher::Config::default().streaming_lists()).default_backoff().map(move |event| {
            event.map(|event| match event {
                watcher::Event::Init => Delta::Begin,
                watcher::Event::InitApply(object) | watcher::Event::Apply(object) => Delta::Object(Box::new(object)),
                watcher::Event::Delete(object) => Delta::Gone(reference(kind, &object.metadata)),
                watcher::Event::InitDone => Delta::Complete,
            })
        });
        self.add(source, deltas.boxed());
    }

    fn watch_metadata<K>(&mut self, client: &kube::Client, source: Source)
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + Send
            + Sync
            + 'static,
    {
        let api: Api<PartialObjectMeta<K>> = match &source.1 {
            Some(namespace) => Api::namespaced(client.clone(), namespace),
            None => Api::all(client.clone()),
        };
        let kind = source.0;
        let deltas = watcher(api, watcher::Config::default().streaming_lists()).default_backoff().map(move |event| {
            event.map(|event| match event {
                watcher::Event::Init => Delta::Begin,
                watcher::Event::InitApply(object) | watcher::Event::Apply(object) => {
                    Delta::Reference(reference(kind, &object.metadata), object.metadata.resource_version)
                }
                watcher::Event::Delete(object) => Delta::Gone(reference(kind, &object.metadata)),
                watcher::Event::InitDone => Delta::Complete,
            })
        });
        self.add(source, deltas.boxed());
    }

    fn add(&mut self, source: Source, deltas: BoxStream<'static, Result<Delta, watcher::Error>>) {
        self.incomplete.insert(source.clone());
        self.streams.push(deltas.map(move |delta| Said { source: source.clone(), delta }).boxed());
    }

    /// Takes in what was said and wakes whom it concerns.
    pub(super) fn take(&mut self, ctx: &Context, said: Said) {
        let Said { source, delta } = said;
        match delta {
            Err(error) => {
                tracing::warn!(kind = source.0.name(), namespace = source.1, %error, "watch interrupted, will be resumed");
            }
            Ok(Delta::Begin) => {
                self.listing.insert(source, BTreeSet::new());
            }
            Ok(Delta::Object(object)) => {
                let key = reference(source.0, &object.metadata);
                self.note(&source, &key);
                let change = lock(&ctx.store).apply(source.0, *object);
                if change == Change::Trigger {
                    // Whatever a list brings, nobody has just typed it.
                    let lane = if self.listing.contains_key(&source) { Lane::Dependency } else { Lane::Edit };
                    changed(ctx, &key, lane);
                }
            }
            Ok(Delta::Reference(key, version)) => {
                self.note(&source, &key);
                reference_changed(ctx, &key, version.as_deref());
            }
            Ok(Delta::Gone(key)) => gone(ctx, &key),
            Ok(Delta::Complete) => {
                if let Some(seen) = self.listing.remove(&source) {
                    let missing = lock(&ctx.store).missing(source.0, source.1.as_deref(), &seen);
                    for key in missing {
                        gone(ctx, &key);
                    }
                }
                self.incomplete.remove(&source);
            }
        }
    }

    fn note(&mut self, source: &Source, key: &ObjectRef) {
        if let Some(seen) = self.listing.get_mut(source) {
            seen.insert(key.clone());
        }
    }
}

fn reference(kind: Kind, meta: &kube::api::ObjectMeta) -> ObjectRef {
    ObjectRef::new(kind, meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default())
}

/// A person, or something acting for one, changed an object.
fn changed(ctx: &Context, key: &ObjectRef, lane: Lane) {
    ctx.wake(key, lane);
    match key.kind {
        // It counts its users, and its deletion waits for them.
        Kind::Assistant => wake_connections(ctx, key),
        // Who may use it may have changed.
        Kind::Connection => {
            let users: Vec<ObjectRef> = [Kind::ScheduleSync, Kind::Assistant]
                .into_iter()
                .flat_map(|kind| lock(&ctx.store).referrers(key, kind))
                .collect();
            ctx.wake_all(users, Lane::Dependency);
        }
        Kind::ScheduleSync | Kind::Secret | Kind::ConfigMap => {}
    }
}

fn gone(ctx: &Context, key: &ObjectRef) {
    if matches!(key.kind, Kind::Secret | Kind::ConfigMap) {
        reference_changed(ctx, key, None);
        return;
    }
    let rivals = lock(&ctx.store).rivals(key);
    wake_connections(ctx, key);
    let change = lock(&ctx.store).remove(key);
    if change == Change::Gone {
        ctx.wake(key, Lane::Dependency);
        ctx.wake_all(rivals, Lane::Dependency);
        if key.kind == Kind::Connection {
            super::crm_connection::gone(ctx, key);
            let users: Vec<ObjectRef> = [Kind::ScheduleSync, Kind::Assistant]
                .into_iter()
                .flat_map(|kind| lock(&ctx.store).referrers(key, kind))
                .collect();
            ctx.wake_all(users, Lane::Dependency);
        }
    }
}

fn reference_changed(ctx: &Context, key: &ObjectRef, version: Option<&str>) {
    let mut store = lock(&ctx.store);
    if store.apply_reference(key, version) != Change::Trigger {
        return;
    }
    let kinds = [Kind::Connection, Kind::ScheduleSync, Kind::Assistant];
    let users: Vec<ObjectRef> = kinds.into_iter().flat_map(|kind| store.referrers(key, kind)).collect();
    drop(store);
    if key.kind == Kind::ConfigMap && version.is_none() {
        ctx.config_maps.forget(key);
    }
    ctx.wake_all(users, Lane::Edit);
}

fn wake_connections(ctx: &Context, key: &ObjectRef) {
    let connections = lock(&ctx.store).refers_to(key, Kind::Connection);
    let known: Vec<ObjectRef> =
        connections.into_iter().filter(|connection| lock(&ctx.store).contains(connection)).collect();
    ctx.wake_all(known, Lane::Dependency);
}
