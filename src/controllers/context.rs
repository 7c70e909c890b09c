//! What every reconcile can reach. All of it is injected.

use std::{fmt, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{sync::Notify, time::Instant};

use super::{
    events::Events,
    leads::Desk,
    portals::Portals,
    queue::{Lane, Queue},
    references::ConfigMaps,
    store::Store,
};
use crate::{
    desired::{
        connection::EndpointPolicy,
        references::{Kind, ObjectRef},
    },
    domain::ClusterId,
    runtime::{backoff::Backoff, chance::Chance, clock::Clock, lock, transport::Transport},
};

/// How the operator was started.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who we are in HubSpot.
    pub cluster: ClusterId,
    /// Which endpoints connections may name.
    pub endpoints: EndpointPolicy,
    /// Only these namespaces; all if empty.
    pub namespaces: Vec<String>,
    /// Most reconciles at once, but for those a person waits for.
    pub concurrency: usize,
    /// How long a deletion waits for an unusable connection.
    pub deletion_grace: Duration,
}

/// What every reconcile can reach.
pub struct Context {
    /// Kubernetes.
    pub client: kube::Client,
    /// The way to HubSpot.
    pub transport: Arc<dyn Transport>,
    /// The date.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub chance: Arc<Chance>,
    /// How the operator was started.
    pub settings: Settings,
    /// What is known of every connection's portal.
    pub portals: Portals,
    /// The lead engines.
    pub leads: Arc<Desk>,
    /// Events to Kubernetes.
    pub events: Events,
    pub(super) config_maps: ConfigMaps,
    pub(super) store: std::sync::Mutex<Store>,
    pub(super) queue: std::sync::Mutex<Queue>,
    pub(super) work: Notify,
}

/// The ways out of the process.
pub struct Outside {
    /// Kubernetes.
    pub client: kube::Client,
    /// HubSpot.
    pub transport: Arc<dyn Transport>,
    /// The date.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub chance: Arc<Chance>,
}

impl Context {
    /// A context with nothing known yet.
    pub fn new(outside: Outside, settings: Settings) -> Self {
        let Outside { client, transport, clock, chance } = outside;
        Self {
            events: Events::new(client.clone(), Arc::clone(&clock)),
            config_maps: ConfigMaps::default(),
            portals: Portals::default(),
            leads: Arc::default(),
            store: std::sync::Mutex::default(),
            queue: std::sync::Mutex::new(Queue::new(Backoff::RECONCILE, settings.concurrency)),
            work: Notify::new(),
            client,
            transport,
            clock,
            chance,
            settings,
        }
    }

    /// Asks for a run as soon as possible.
    pub fn wake(&self, key: &ObjectRef, lane: Lane) {
        let home = lock(&self.store).refers_to(key, Kind::Connection).pop().unwrap_or_else(|| key.clone());
        lock(&self.queue).add(key, &home, lane, Instant::now());
        self.work.notify_one();
    }

    /// Asks for runs as soon as possible.
    pub fn wake_all(&self, keys: impl IntoIterator<Item = ObjectRef>, lane: Lane) {
        for key in keys {
            self.wake(&key, lane);
        }
    }

    /// The date and time now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// How long until `time`, zero if it has passed.
    pub fn until(&self, time: Timestamp) -> Duration {
        Duration::try_from(time.duration_since(self.now())).unwrap_or_default()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("settings", &self.settings).finish_non_exhaustive()
    }
}
