//! A small Kubernetes API server for simulation tests: in-process, deterministic, on virtual time.
//!
//! **Answers**, as kube-apiserver 1.37 does where an operator would notice: get, list, watch (from a version, streaming
//! lists, bookmarks, `timeoutSeconds`, 410 in the stream), create, PUT, merge patch, JSON patch, server-side apply,
//! delete with preconditions, delete of collections; `/status`, generation, finalizers, optimistic locking, no-op
//! writes that change nothing; label and field selectors; `PartialObjectMetadata`; `Status` bodies with details;
//! the life of namespaces; `CustomResourceDefinition`s that are established at once and make their kind served;
//! `stringData` of Secrets.
//!
//! **Leaves out**: schemas, pruning, defaults and CEL (test those with `kube::core::cel` or the real server); other
//! versions than the stored one; authentication and RBAC; owner references and garbage collection; pages (`limit` is
//! ignored: everything comes in one); stale reads; dry runs (refused); strategic merge patches (refused);
//! `managedFields` (ownership is kept, never shown); deleting a definition does not delete its objects.
//!
//! May touch the injected clock and tokio's. Must not touch sockets, the wall clock or chance: the same requests in
//! the same order get the same answers, byte for byte.

mod admission;
mod apply;
mod faults;
mod namespaces;
mod patch;
mod refusal;
mod resource;
mod rules;
mod selectors;
mod serve;
mod store;
#[cfg(test)]
mod tests;
mod watch;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::{Value, json};

use crate::runtime::clock::Clock;

pub use faults::{Chaos, Strike, Verb};
pub use refusal::Refusal;
pub use resource::Resource;
use store::{Edit, Outcome, Store, Target, Write};

/// The uid of the namespace `kube-system`, which is the cluster's identity.
pub const KUBE_SYSTEM_UID: &str = "6b756265-0000-4000-8000-73797374656d";
/// The field manager of what a person does through [`KubeSim`].
const PERSON: &str = "kubectl";

/// The server. Clones are handles to the same one.
#[derive(Clone)]
pub struct KubeSim(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Apart from the state, so that a [`Chaos`] may use the server while it decides.
    chaos: Mutex<Option<Box<dyn Chaos>>>,
}

struct State {
    store: Store,
    requests: Vec<String>,
    writes: usize,
}

impl KubeSim {
    /// A cluster with the namespaces `default` and `kube-system`, and nothing else in it.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let state = State { store: Store::new(clock), requests: Vec::new(), writes: 0 };
        let sim = Self(Arc::new(Shared { state: Mutex::new(state), chaos: Mutex::new(None) }));
        for name in ["default", "kube-system"] {
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            let created = sim.create(namespace);
            debug_assert!(created.is_ok(), "{created:?}");
        }
        sim
    }

    /// A client of this server: no sockets, no retries, no time limits. Each request it sends is logged and may be
    /// struck. Must be called inside a tokio runtime.
    pub fn client(&self) -> kube::Client {
        let sim = self.clone();
        let service = tower::service_fn(move |request| serve::serve(sim.clone(), request));
        kube::Client::new(service, "default")
    }

    /// Serves one more kind (or serves it differently).
    pub fn register(&self, resource: Resource) {
        self.locked(|state| state.store.register(resource));
    }

    /// Asks `chaos` about every request from now on.
    pub fn set_chaos(&self, chaos: impl Chaos + 'static) {
        *self.0.chaos.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(chaos));
    }

    /// No more trouble.
    pub fn clear_chaos(&self) {
        *self.0.chaos.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Ends every open watch without a word, as a load balancer does.
    pub fn cut_watches(&self) {
        self.locked(|state| state.store.history.cut());
    }

    /// Forgets history: open watches end with 410, and a watch from an older version hears 410 at once.
    pub fn compact(&self) {
        self.locked(|state| state.store.compact());
    }

    /// Every request of the clients so far, in order: `VERB path` in Kubernetes' verbs, e.g.
    /// `PATCH /apis/crm.theeminenceco.com/v1alpha1/namespaces/default/assistants/anna/status`.
    pub fn requests(&self) -> Vec<String> {
        self.locked(|state| state.requests.clone())
    }

    /// Returns [`Self::requests`] and starts the log anew; [`Self::writes`] too.
    pub fn take_requests(&self) -> Vec<String> {
        self.locked(|state| {
            state.writes = 0;
            std::mem::take(&mut state.requests)
        })
    }

    /// How many requests of the clients were writes, whether or not they were accepted or changed anything.
    pub fn writes(&self) -> usize {
        self.locked(|state| state.writes)
    }

    /// How many watches are open.
    pub fn open_watches(&self) -> usize {
        self.locked(|state| state.store.history.open_watches())
    }

    /// The newest resource version. It moves with every effective write, whoever made it.
    pub fn version(&self) -> u64 {
        self.locked(|state| state.store.version())
    }

    /// An object as stored; `None` as namespace for kinds outside namespaces.
    pub fn get<'a>(&self, plural: &str, namespace: impl Into<Option<&'a str>>, name: &str) -> Option<Value> {
        let target = self.target(plural, namespace.into(), name).ok()?;
        self.locked(|state| state.store.existing(&target).ok()).map(|object| (*object).clone())
    }

    /// All objects of a kind in all namespaces, by namespace and name.
    pub fn list(&self, plural: &str) -> Vec<Value> {
        self.locked(|state| {
            let Some(resource) = find(&state.store.resources, plural) else { return Vec::new() };
            state.store.of(resource).map(|object| (**object).clone()).collect()
        })
    }

    /// `kubectl create`. The namespace defaults to `default`.
    pub fn create(&self, object: Value) -> Result<Value, Refusal> {
        let target = Target { name: None, ..self.target_of(&object)? };
        self.write(&target, Write::Create(object))
    }

    /// `kubectl apply --server-side --force-conflicts`.
    pub fn apply(&self, object: Value) -> Result<Value, Refusal> {
        let target = self.target_of(&object)?;
        self.write(&target, Write::Change(Edit::Apply { body: object, force: true }))
    }

    /// `kubectl patch --type=merge`.
    pub fn patch<'a>(
        &self,
        plural: &str,
        namespace: impl Into<Option<&'a str>>,
        name: &str,
        patch: Value,
    ) -> Result<Value, Refusal> {
        let target = self.target(plural, namespace.into(), name)?;
        self.write(&target, Write::Change(Edit::Merge(patch)))
    }

    /// `kubectl patch --type=merge --subresource=status`.
    pub fn patch_status<'a>(
        &self,
        plural: &str,
        namespace: impl Into<Option<&'a str>>,
        name: &str,
        patch: Value,
    ) -> Result<Value, Refusal> {
        let target = Target { subresource: "status".into(), ..self.target(plural, namespace.into(), name)? };
        self.write(&target, Write::Change(Edit::Merge(patch)))
    }

    /// `kubectl delete --wait=false`. Returns the object that waits for its finalizers, or the `Status` of success.
    pub fn delete<'a>(
        &self,
        plural: &str,
        namespace: impl Into<Option<&'a str>>,
        name: &str,
    ) -> Result<Value, Refusal> {
        let target = self.target(plural, namespace.into(), name)?;
        self.write(&target, Write::Delete(Value::Null))
    }

    fn write(&self, target: &Target, write: Write) -> Result<Value, Refusal> {
        Ok(match self.locked(|state| state.store.execute(target, PERSON, write))? {
            Outcome::Created(object) | Outcome::Object(object) => (*object).clone(),
            Outcome::Done(status) => status,
            Outcome::Items(items) => items.iter().map(|item| (**item).clone()).collect(),
        })
    }

    fn target(&self, plural: &str, namespace: Option<&str>, name: &str) -> Result<Target, Refusal> {
        let resource = self.locked(|state| find(&state.store.resources, plural).cloned());
        let resource = resource.ok_or_else(Refusal::unknown_path)?;
        let namespace = namespace.filter(|_| resource.namespaced).map(str::to_owned);
        Ok(Target { resource, namespace, name: Some(name.to_owned()), subresource: String::new() })
    }

    fn target_of(&self, object: &Value) -> Result<Target, Refusal> {
        let (api_version, kind) = (&object["apiVersion"], &object["kind"]);
        let is_meant = |known: &&Resource| *api_version == known.api_version() && *kind == known.kind;
        let resource = self.locked(|state| state.store.resources.iter().find(is_meant).cloned());
        let resource = resource.ok_or_else(|| {
            Refusal::new(404, "NotFound", format!("no matches for kind {kind} in version {api_version}"))
        })?;
        let namespace = resource.namespaced.then(|| match rules::text(object, "namespace") {
            "" => "default".to_owned(),
            namespace => namespace.to_owned(),
        });
        let name = object["metadata"]["name"].as_str().map(str::to_owned);
        Ok(Target { resource, namespace, name, subresource: String::new() })
    }

    fn locked<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn strike(&self, verb: Verb, plural: &str) -> Option<Strike> {
        let mut chaos = self.0.chaos.lock().unwrap_or_else(PoisonError::into_inner);
        chaos.as_mut().and_then(|chaos| chaos.strike(verb, plural))
    }

    fn send_bookmark(&self, watch: u64) {
        self.locked(|state| state.store.history.bookmark(watch, state.store.version()));
    }
}

impl fmt::Debug for KubeSim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KubeSim")
    }
}

fn find<'a>(resources: &'a [Resource], plural: &str) -> Option<&'a Resource> {
    resources.iter().find(|resource| resource.plural == plural || resource.qualified() == plural)
}
