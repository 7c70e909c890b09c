//! Namespaces: who may create in them, and how they end.
//!
//! Plays the admission plugin `NamespaceLifecycle` and the namespace controller. The controller acts at once, after
//! each write: contents without finalizers (Secrets too) are gone before anyone can clean up with their help. It
//! reports no conditions about what remains.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    patch,
    refusal::Refusal,
    resource::{NAMESPACES, Resource},
    rules::{has_finalizers, is_terminating, text},
    store::{Key, Store},
    watch::ChangeKind,
};

impl Store {
    /// Refuses what is created in a namespace that is missing or going.
    pub(super) fn admit_to_namespace(&self, resource: &Resource, object: &Value) -> Result<(), Refusal> {
        let name = text(object, "namespace");
        let key = Key { resource: NAMESPACES.into(), namespace: String::new(), name: name.into() };
        let Some(namespace) = self.find(&key) else {
            return Err(Refusal::not_found(&Resource::new("", "v1", NAMESPACES, "Namespace"), name));
        };
        if !is_terminating(namespace) {
            return Ok(());
        }
        let why = format!("unable to create new content in namespace {name} because it is being terminated");
        Err(Refusal::forbidden(resource, text(object, "name"), &why).caused_by(vec![json!({
            "reason": "NamespaceTerminating",
            "message": format!("namespace {name} is being terminated"),
            "field": "metadata.namespace",
        })]))
    }

    /// Marks a namespace; [`Self::settle_namespaces`] does the rest.
    pub(super) fn terminate_namespace(&mut self, resource: &Resource, old: &Arc<Value>) -> Result<Arc<Value>, Refusal> {
        if is_terminating(old) {
            let why = "The system is ensuring all content is removed from this namespace.  Upon completion, this \
                       namespace will automatically be purged by the system.";
            return Err(Refusal::conflict(resource, text(old, "name"), why));
        }
        let mark = json!({"metadata": {"deletionTimestamp": self.now()}, "status": {"phase": "Terminating"}});
        let object = patch::merged(old, &mark);
        Ok(self.commit(resource, ChangeKind::Modified, object))
    }

    /// The namespace controller: empties namespaces that are going, and removes those that are empty.
    pub(super) fn settle_namespaces(&mut self) {
        let Some(namespaces) = self.resources.iter().find(|resource| resource.is_namespaces()).cloned() else { return };
        let going: Vec<Arc<Value>> =
            self.of(&namespaces).filter(|namespace| is_terminating(namespace)).cloned().collect();
        for namespace in going {
            let name = text(&namespace, "name");
            for (resource, object) in self.contents(name) {
                if !is_terminating(&object) {
                    self.remove_or_mark(&resource, &object);
                }
            }
            if self.contents(name).is_empty() && !has_finalizers(&namespace) {
                let mut object = (*namespace).clone();
                object["spec"] = json!({});
                self.commit(&namespaces, ChangeKind::Deleted, object);
            }
        }
    }

    fn contents(&self, namespace: &str) -> Vec<(Resource, Arc<Value>)> {
        let inside = self.objects().filter(|(key, _)| key.namespace == namespace);
        let known = inside.filter_map(|(key, object)| {
            let resource = self.resources.iter().find(|resource| resource.qualified() == key.resource)?;
            Some((resource.clone(), Arc::clone(object)))
        });
        known.collect()
    }
}
