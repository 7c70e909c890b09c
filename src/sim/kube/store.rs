//! Objects, versions and the rules every write obeys, whoever sends it.
//!
//! Touches the injected clock for dates. Knows no HTTP and no faults; reads no other clock and draws nothing by chance.

use std::{collections::BTreeMap, sync::Arc};

use json_patch::Patch;
use serde_json::{Value, json};

use crate::runtime::clock::Clock;

use super::{
    admission,
    apply::{Operation, Owner, Ownership},
    patch,
    refusal::Refusal,
    resource::{self, Resource},
    rules::{self, has_finalizers, is_terminating, remove, text},
    selectors::Selector,
    watch::{Change, ChangeKind, Filter, History},
};

/// Where an object is kept. The order is the order of lists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// Qualified plural.
    pub(super) resource: String,
    pub(super) namespace: String,
    pub(super) name: String,
}

/// What a request points at.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) resource: Resource,
    pub(super) namespace: Option<String>,
    pub(super) name: Option<String>,
    /// `status`, or empty for the object itself.
    pub(super) subresource: String,
}

impl Target {
    pub(super) fn key(&self) -> Key {
        Key {
            resource: self.resource.qualified(),
            namespace: self.namespace.clone().unwrap_or_default(),
            name: self.name.clone().unwrap_or_default(),
        }
    }
}

/// What a writer wants.
pub(super) enum Write {
    Create(Value),
    Change(Edit),
    Delete(Value),
    DeleteCollection(Selector),
}

/// A change of one object.
pub(super) enum Edit {
    Replace(Value),
    Merge(Value),
    Json(Patch),
    Apply { body: Value, force: bool },
}

/// What a writer hears.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    Created(Arc<Value>),
    Object(Arc<Value>),
    /// The `Status` of a finished delete.
    Done(Value),
    Items(Vec<Arc<Value>>),
}

/// Everything the server holds.
pub(super) struct Store {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) resources: Vec<Resource>,
    pub(super) history: History,
    version: u64,
    created: u64,
    objects: BTreeMap<Key, Arc<Value>>,
    owners: BTreeMap<Key, Ownership>,
}

impl Store {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            resources: resource::built_in(),
            history: History::default(),
            version: 0,
            created: 0,
            objects: BTreeMap::new(),
            owners: BTreeMap::new(),
        }
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn now(&self) -> String {
        admission::date(self.clock.as_ref())
    }

    /// Adds a kind, or replaces what was known about it.
    pub(super) fn register(&mut self, resource: Resource) {
        self.resources.retain(|known| known.qualified() != resource.qualified());
        self.resources.push(resource);
    }

    pub(super) fn find(&self, key: &Key) -> Option<&Arc<Value>> {
        self.objects.get(key)
    }

    pub(super) fn objects(&self) -> impl Iterator<Item = (&Key, &Arc<Value>)> {
        self.objects.iter()
    }

    pub(super) fn existing(&self, target: &Target) -> Result<Arc<Value>, Refusal> {
        let key = target.key();
        self.objects.get(&key).cloned().ok_or_else(|| Refusal::not_found(&target.resource, &key.name))
    }

    pub(super) fn listed(&self, filter: &Filter) -> Vec<Arc<Value>> {
        self.of(&filter.resource).filter(|object| filter.covers(object)).cloned().collect()
    }

    pub(super) fn of(&self, resource: &Resource) -> impl Iterator<Item = &Arc<Value>> + use<'_> {
        let qualified = resource.qualified();
        let first = Key { resource: qualified.clone(), namespace: String::new(), name: String::new() };
        self.objects.range(first..).take_while(move |(key, _)| key.resource == qualified).map(|(_, object)| object)
    }

    /// Forgets history; the version moves on, as if something else in the cluster had been written.
    pub(super) fn compact(&mut self) {
        self.version += 1;
        self.history.compact(self.version);
    }

    /// Carries a write out, and then lets the namespace controller do its work.
    pub(super) fn execute(&mut self, target: &Target, manager: &str, write: Write) -> Result<Outcome, Refusal> {
        let outcome = match write {
            Write::Create(object) => {
                self.create(target, &rules::owner(target, manager, Operation::Update), object).map(Outcome::Created)
            }
            Write::Change(edit) => self.change(target, manager, edit),
            Write::Delete(options) => self.delete(target, &options),
            Write::DeleteCollection(selector) => self.delete_collection(target, selector),
        }?;
        self.settle_namespaces();
        Ok(outcome)
    }

    fn create(&mut self, target: &Target, author: &Owner, mut object: Value) -> Result<Arc<Value>, Refusal> {
        let resource = &target.resource;
        admission::identify(target, &mut object)?;
        patch::prune_nulls(&mut object);
        if !text(&object, "resourceVersion").is_empty() {
            return Err(Refusal::new(500, "", "resourceVersion should not be set on objects to be created"));
        }
        if resource.namespaced {
            self.admit_to_namespace(resource, &object)?;
        }
        admission::name(resource, &mut object, self.created + 1)?;
        let key = Key { name: text(&object, "name").into(), ..target.key() };
        if self.objects.contains_key(&key) {
            return Err(Refusal::already_exists(resource, &key.name));
        }
        self.created += 1;
        if resource.status_subresource
            && let Some(members) = object.as_object_mut()
        {
            members.remove("status");
        }
        let metadata = &mut object["metadata"];
        metadata["uid"] = json!(admission::uid(&key, self.created));
        metadata["creationTimestamp"] = json!(admission::date(self.clock.as_ref()));
        for field in ["deletionTimestamp", "deletionGracePeriodSeconds", "generation", "managedFields"] {
            remove(metadata, field);
        }
        if resource.counts_generation() {
            metadata["generation"] = json!(1);
        }
        admission::complete(resource, &mut object, None);
        rules::tidy(&mut object);
        let mut ownership = Ownership::default();
        ownership.record_update(&Value::Null, &object, author);
        self.owners.insert(key, ownership);
        if let Some(defined) = admission::defined_by(resource, &object) {
            self.register(defined);
        }
        Ok(self.commit(resource, ChangeKind::Added, object))
    }

    fn change(&mut self, target: &Target, manager: &str, edit: Edit) -> Result<Outcome, Refusal> {
        let operation = if matches!(edit, Edit::Apply { .. }) { Operation::Apply } else { Operation::Update };
        let author = rules::owner(target, manager, operation);
        let (old, edit) = match (self.existing(target), edit) {
            (Ok(old), edit) => (old, edit),
            (Err(_), Edit::Apply { body, .. }) if target.subresource.is_empty() => {
                if !text(&body, "resourceVersion").is_empty() {
                    return Err(Refusal::modified(&target.resource, &target.key().name));
                }
                return self.create(target, &author, body).map(Outcome::Created);
            }
            (Err(refusal), _) => return Err(refusal),
        };
        let mut ownership = self.owners.get(&target.key()).cloned().unwrap_or_default();
        let mut wanted = rules::wanted(target, &old, edit, &author, &mut ownership)?;
        if !wanted.is_object() {
            return Err(Refusal::bad_request("the patched object is not a JSON object"));
        }
        patch::prune_nulls(&mut wanted);
        rules::check_preconditions(target, &old, &wanted)?;
        let mut new = rules::fold(target, &old, wanted);
        admission::complete(&target.resource, &mut new, Some(&old));
        rules::tidy(&mut new);
        rules::check_finalizers(&target.resource, &old, &new)?;
        if operation == Operation::Update {
            ownership.record_update(&old, &new, &author);
        }
        Ok(Outcome::Object(self.finish(target, &old, new, ownership)))
    }

    /// Stores a change, unless it is none; lets go an object whose last finalizer went.
    fn finish(&mut self, target: &Target, old: &Arc<Value>, mut new: Value, ownership: Ownership) -> Arc<Value> {
        let resource = &target.resource;
        if resource.counts_generation() && rules::content(resource, &new) != rules::content(resource, old) {
            new["metadata"]["generation"] = json!(old["metadata"]["generation"].as_i64().unwrap_or(0) + 1);
        }
        let key = target.key();
        if new == **old && self.owners.get(&key) == Some(&ownership) {
            return Arc::clone(old);
        }
        self.owners.insert(key, ownership);
        if let Some(defined) = admission::defined_by(resource, &new) {
            self.register(defined);
        }
        let leaves = is_terminating(&new) && !has_finalizers(&new) && !resource.is_namespaces();
        self.commit(resource, if leaves { ChangeKind::Deleted } else { ChangeKind::Modified }, new)
    }

    fn delete(&mut self, target: &Target, options: &Value) -> Result<Outcome, Refusal> {
        let old = self.existing(target)?;
        admission::check_delete(target, &old, options)?;
        let resource = &target.resource;
        if resource.is_namespaces() {
            return self.terminate_namespace(resource, &old).map(Outcome::Object);
        }
        if has_finalizers(&old) {
            return Ok(Outcome::Object(self.mark_deleted(resource, &old)));
        }
        self.commit(resource, ChangeKind::Deleted, (*old).clone());
        let mut details = json!({"name": text(&old, "name"), "kind": resource.plural, "uid": text(&old, "uid")});
        if !resource.group.is_empty() {
            details["group"] = json!(resource.group);
        }
        Ok(Outcome::Done(json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details,
        })))
    }

    fn delete_collection(&mut self, target: &Target, selector: Selector) -> Result<Outcome, Refusal> {
        let resource = &target.resource;
        if resource.is_namespaces() {
            return Err(Refusal::not_allowed());
        }
        let namespace = target.namespace.clone();
        let shape = super::watch::Shape::Whole;
        let items = self.listed(&Filter { resource: resource.clone(), namespace, selector, shape });
        for object in &items {
            self.remove_or_mark(resource, object);
        }
        Ok(Outcome::Items(items))
    }

    /// Deletes an object, or marks it when finalizers hold it.
    pub(super) fn remove_or_mark(&mut self, resource: &Resource, object: &Arc<Value>) {
        if has_finalizers(object) {
            self.mark_deleted(resource, object);
        } else {
            self.commit(resource, ChangeKind::Deleted, (**object).clone());
        }
    }

    fn mark_deleted(&mut self, resource: &Resource, old: &Arc<Value>) -> Arc<Value> {
        if is_terminating(old) {
            return Arc::clone(old);
        }
        let mut object = (**old).clone();
        let metadata = &mut object["metadata"];
        metadata["deletionTimestamp"] = json!(self.now());
        metadata["deletionGracePeriodSeconds"] = json!(0);
        if let Some(generation) = metadata["generation"].as_i64() {
            // The real server counts the mark as a change of what is wanted.
            metadata["generation"] = json!(generation + 1);
        }
        self.commit(resource, ChangeKind::Modified, object)
    }

    /// Stamps a new version, stores and tells the watches.
    pub(super) fn commit(&mut self, resource: &Resource, kind: ChangeKind, mut object: Value) -> Arc<Value> {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let key = Key {
            resource: resource.qualified(),
            namespace: text(&object, "namespace").into(),
            name: text(&object, "name").into(),
        };
        let object = Arc::new(object);
        let previous = if kind == ChangeKind::Deleted {
            self.owners.remove(&key);
            self.objects.remove(&key)
        } else {
            self.objects.insert(key.clone(), Arc::clone(&object))
        };
        let (version, resource) = (self.version, key.resource);
        self.history.record(Change { version, resource, kind, object: Arc::clone(&object), previous });
        object
    }
}
