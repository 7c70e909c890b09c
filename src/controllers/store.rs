//! What Kubernetes holds: our three kinds as packed text, updated in place, and who refers to whom.
//!
//! Kept as text because a relist of 10,000 parsed objects would double the memory (KUBE P7), and untyped because one
//! malformed object must not hide the others (KUBE 13). Watches feed it, reconciles read it.

use std::collections::{BTreeMap, BTreeSet};

use kube::core::DynamicObject;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    api::{FINALIZER, PLAN, REQUESTED_AT},
    desired::references::{self, Kind, ObjectRef},
    domain::Fingerprint,
};

#[derive(Debug)]
struct Entry {
    packed: Box<str>,
    version: u64,
    /// Everything of an object whose change must wake it. Status is not part of it.
    trigger: Fingerprint,
    refers_to: Box<[ObjectRef]>,
    identity: Option<(ObjectRef, String)>,
}

/// What a watch event changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing that matters.
    None,
    /// Spec, deletion, finalizer or one of our annotations.
    Trigger,
    /// It is gone.
    Gone,
}

/// What Kubernetes holds.
#[derive(Debug, Default)]
pub struct Store {
    objects: BTreeMap<ObjectRef, Entry>,
    referrers: BTreeMap<ObjectRef, BTreeSet<ObjectRef>>,
    /// Who claims the same identity: Assistants of one portal with one e-mail.
    claimants: BTreeMap<(ObjectRef, String), BTreeSet<ObjectRef>>,
    /// Resource versions of Secrets and ConfigMaps somebody refers to.
    versions: BTreeMap<ObjectRef, String>,
}

impl Store {
    /// Takes an object of one of our kinds in, unless a newer version is already here.
    pub fn apply(&mut self, kind: Kind, mut object: DynamicObject) -> Change {
        object.metadata.managed_fields = None;
        let Some(name) = object.metadata.name.clone() else { return Change::None };
        let namespace = object.metadata.namespace.clone().unwrap_or_default();
        let key = ObjectRef::new(kind, namespace, name);
        let version = object.metadata.resource_version.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0);
        if self.objects.get(&key).is_some_and(|old| old.version > version && version != 0) {
            return Change::None;
        }
        let trigger = trigger(&object);
        let spec = object.data.get("spec").unwrap_or(&Value::Null);
        let refers_to = references::of(kind, &key.namespace, spec).into_boxed_slice();
        let identity = references::identity(kind, &key.namespace, spec);
        let Ok(packed) = serde_json::to_string(&object) else { return Change::None };
        let packed = packed.into_boxed_str();
        let entry = Entry { packed, version, trigger, refers_to: refers_to.clone(), identity: identity.clone() };
        let old = self.objects.insert(key.clone(), entry);
        let unchanged = old.as_ref().is_some_and(|old| old.trigger == trigger);
        self.unlink(&key, old.as_ref());
        if let Some(identity) = identity {
            self.claimants.entry(identity).or_default().insert(key.clone());
        }
        for target in &*refers_to {
            self.referrers.entry(target.clone()).or_default().insert(key.clone());
        }
        if unchanged { Change::None } else { Change::Trigger }
    }

    /// Takes in what Kubernetes answered to a write of ours. An object that the watch has seen go meanwhile does not come
    /// back: nobody would ever take it out again.
    pub fn answered(&mut self, kind: Kind, object: DynamicObject) {
        let meta = &object.metadata;
        let (namespace, name) = (meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default());
        if self.objects.contains_key(&ObjectRef::new(kind, namespace, name)) {
            self.apply(kind, object);
        }
    }

    /// Takes an object of one of our kinds out.
    pub fn remove(&mut self, key: &ObjectRef) -> Change {
        let Some(old) = self.objects.remove(key) else { return Change::None };
        self.unlink(key, Some(&old));
        Change::Gone
    }

    /// Notes the version of a Secret or ConfigMap. Nobody is woken for one that nobody refers to.
    pub fn apply_reference(&mut self, key: &ObjectRef, version: Option<&str>) -> Change {
        if !self.referrers.contains_key(key) {
            self.versions.remove(key);
            return Change::None;
        }
        let Some(version) = version else {
            // Its arrival may have been before anybody referred to it.
            self.versions.remove(key);
            return Change::Trigger;
        };
        let before = self.versions.insert(key.clone(), version.to_owned());
        if before.as_deref() == Some(version) { Change::None } else { Change::Trigger }
    }

    /// The version of a Secret or ConfigMap as last seen.
    pub fn version(&self, key: &ObjectRef) -> Option<String> {
        self.versions.get(key).cloned()
    }

    /// The object as its type, `None` if it is gone; the error if it does not fit its type.
    pub fn get<K: DeserializeOwned>(&self, key: &ObjectRef) -> Option<Result<K, serde_json::Error>> {
        self.objects.get(key).map(|entry| serde_json::from_str(&entry.packed))
    }

    /// The object without a type.
    pub fn get_untyped(&self, key: &ObjectRef) -> Option<DynamicObject> {
        self.objects.get(key).and_then(|entry| serde_json::from_str(&entry.packed).ok())
    }

    /// Whether the object is here.
    pub fn contains(&self, key: &ObjectRef) -> bool {
        self.objects.contains_key(key)
    }

    /// Who refers to `target`, of one kind, in order.
    pub fn referrers(&self, target: &ObjectRef, kind: Kind) -> Vec<ObjectRef> {
        let all = self.referrers.get(target).into_iter().flatten();
        all.filter(|key| key.kind == kind).cloned().collect()
    }

    /// What an object refers to, of one kind.
    pub fn refers_to(&self, key: &ObjectRef, kind: Kind) -> Vec<ObjectRef> {
        let all = self.objects.get(key).into_iter().flat_map(|entry| &entry.refers_to);
        all.filter(|target| target.kind == kind).cloned().collect()
    }

    /// What we hold of a kind (in a namespace, or in all) that is not in a complete list.
    pub fn missing(&self, kind: Kind, namespace: Option<&str>, listed: &BTreeSet<ObjectRef>) -> Vec<ObjectRef> {
        let held = self.objects.keys().chain(self.versions.keys());
        let ours = held.filter(|key| key.kind == kind && namespace.is_none_or(|namespace| key.namespace == namespace));
        ours.filter(|key| !listed.contains(key)).cloned().collect()
    }

    /// Who else claims what this object claims.
    pub fn rivals(&self, key: &ObjectRef) -> Vec<ObjectRef> {
        let identity = self.objects.get(key).and_then(|entry| entry.identity.as_ref());
        let all = identity.and_then(|identity| self.claimants.get(identity)).into_iter().flatten();
        all.filter(|other| *other != key).cloned().collect()
    }

    /// All objects of a kind, in order.
    pub fn keys(&self, kind: Kind) -> Vec<ObjectRef> {
        self.objects.keys().filter(|key| key.kind == kind).cloned().collect()
    }

    fn unlink(&mut self, key: &ObjectRef, old: Option<&Entry>) {
        if let Some(identity) = old.and_then(|entry| entry.identity.as_ref())
            && let Some(claimants) = self.claimants.get_mut(identity)
        {
            claimants.remove(key);
            if claimants.is_empty() {
                self.claimants.remove(identity);
            }
        }
        for target in old.into_iter().flat_map(|entry| &entry.refers_to) {
            if let Some(referrers) = self.referrers.get_mut(target) {
                referrers.remove(key);
                if referrers.is_empty() {
                    self.referrers.remove(target);
                }
            }
        }
    }
}

fn trigger(object: &DynamicObject) -> Fingerprint {
    let meta = &object.metadata;
    let annotation = |name: &str| {
        meta.annotations.as_ref().and_then(|all| all.get(name)).map_or("", String::as_str).as_bytes().to_vec()
    };
    let finalizer = meta.finalizers.iter().flatten().any(|name| name == FINALIZER);
    Fingerprint::of(&[
        meta.uid.as_deref().unwrap_or_default().as_bytes(),
        &meta.generation.unwrap_or_default().to_be_bytes(),
        &[u8::from(meta.deletion_timestamp.is_some()), u8::from(finalizer)],
        &annotation(REQUESTED_AT),
        &annotation(PLAN),
    ])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn assistant(version: u64, patch: &Value) -> DynamicObject {
        let mut object = json!({
            "apiVersion": "crm.theeminenceco.com/v1alpha1", "kind": "Assistant",
            "metadata": {"name": "ada", "namespace": "ns", "uid": "u", "generation": 1, "resourceVersion": version.to_string()},
            "spec": {"connectionRef": {"name": "portal"}, "email": "ada@example.com"}
        });
        json_patch::merge(&mut object, patch);
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn status_wakes_nobody_and_old_versions_are_ignored() {
        let mut store = Store::default();
        assert_eq!(store.apply(Kind::Assistant, assistant(5, &json!({}))), Change::Trigger);
        assert_eq!(store.apply(Kind::Assistant, assistant(6, &json!({"status": {"userId": "1"}}))), Change::None);
        let requested = json!({"metadata": {"annotations": {REQUESTED_AT: "now"}}});
        assert_eq!(store.apply(Kind::Assistant, assistant(7, &requested)), Change::Trigger);
        assert_eq!(store.apply(Kind::Assistant, assistant(4, &json!({}))), Change::None);
        let key = ObjectRef::new(Kind::Assistant, "ns", "ada");
        assert_eq!(store.objects[&key].version, 7);
    }

    #[test]
    fn referrers_follow_the_spec() {
        let mut store = Store::default();
        let portal = |namespace: &str| ObjectRef::new(Kind::Connection, namespace, "portal");
        store.apply(Kind::Assistant, assistant(1, &json!({})));
        assert_eq!(store.referrers(&portal("ns"), Kind::Assistant).len(), 1);
        let moved = json!({"metadata": {"generation": 2}, "spec": {"connectionRef": {"namespace": "crm"}}});
        store.apply(Kind::Assistant, assistant(2, &moved));
        assert!(store.referrers(&portal("ns"), Kind::Assistant).is_empty());
        let key = store.referrers(&portal("crm"), Kind::Assistant).remove(0);
        assert_eq!(store.remove(&key), Change::Gone);
        assert!(store.referrers.is_empty() && store.claimants.is_empty());
    }

    #[test]
    fn an_answer_that_comes_after_the_end_brings_nothing_back() {
        let mut store = Store::default();
        store.apply(Kind::Assistant, assistant(1, &json!({})));
        let key = ObjectRef::new(Kind::Assistant, "ns", "ada");
        store.answered(Kind::Assistant, assistant(2, &json!({})));
        assert_eq!(store.objects[&key].version, 2);
        store.remove(&key);
        store.answered(Kind::Assistant, assistant(3, &json!({})));
        assert!(!store.contains(&key));
    }

    #[test]
    fn references_nobody_has_are_not_kept() {
        let mut store = Store::default();
        let secret = ObjectRef::new(Kind::Secret, "ns", "token");
        assert_eq!(store.apply_reference(&secret, Some("1")), Change::None);
        assert!(store.versions.is_empty());
    }
}
