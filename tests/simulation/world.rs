//! A world of its own for every test: a cluster, a portal, perhaps a TEC, a clock, and the operator between them.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};
use tec_crm::{
    api::schema,
    controllers::{Context, Operator, Settings, context::Outside},
    desired::connection::EndpointPolicy,
    domain::ClusterId,
    runtime::{chance::Chance, clock::Clock, clock::VirtualClock},
    server::webhook::Deliveries,
    sim::{
        hubspot::{DEFAULT_TOKEN, HubSpotSim, SimConfig, WebhookTarget, deliver_webhooks},
        kube::KubeSim,
        tec::{self, TecConfig, TecSim},
    },
};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::wires::{ByHost, Gate, Wire};
use crate::contract::hubspot::Kept;

pub const NAMESPACE: &str = "sales";
/// Where TEC lives.
pub const TEC_HOST: &str = "tec.example.com";

/// A cluster, a portal, a clock, and the operator between them.
pub struct World {
    pub kube: KubeSim,
    pub hubspot: HubSpotSim,
    /// Nobody answers at its address without it.
    pub tec: Option<TecSim>,
    pub clock: Arc<dyn Clock>,
    /// Everything to HubSpot and TEC goes through it.
    pub wire: Arc<Wire>,
    /// Where webhooks come in.
    gate: Arc<Gate>,
    seed: u64,
    started: u64,
    running: Option<(JoinHandle<()>, CancellationToken)>,
    /// HubSpot's contract, by everybody here.
    _contract: Kept,
}

impl World {
    /// An empty portal and a cluster with our kinds, the namespace and the token's Secret. The operator is not running.
    pub fn new(seed: u64, config: SimConfig) -> Self {
        Self::at("2026-11-22T10:00:00Z", seed, config)
    }

    /// The same on another day.
    pub fn at(epoch: &str, seed: u64, config: SimConfig) -> Self {
        // kube's watch back-off draws from this thread's generator (KUBE P10).
        fastrand::seed(seed);
        let epoch: Timestamp = epoch.parse().expect("a date");
        let clock: Arc<dyn Clock> = Arc::new(VirtualClock::starting_at(epoch));
        let kube = KubeSim::new(Arc::clone(&clock));
        for crd in schema::crds() {
            kube.create(serde_json::to_value(crd).expect("a CRD")).expect("CRDs are new");
        }
        kube.create(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})).expect("new");
        let hubspot = HubSpotSim::new(SimConfig { seed, ..config }, Arc::clone(&clock));
        let contract = Kept::in_world();
        contract.watch(&hubspot);
        let (wire, gate) = (Arc::default(), Arc::default());
        let running = None;
        let world =
            Self { kube, hubspot, tec: None, clock, wire, gate, seed, started: 0, running, _contract: contract };
        world.secret("hubspot", DEFAULT_TOKEN);
        world
    }

    /// The same with a TEC, and the Secret of its token. The portal's control routes lead to it, too.
    pub fn with_tec(mut self, config: TecConfig) -> Self {
        let tec = TecSim::new(TecConfig { seed: self.seed, ..config }, Arc::clone(&self.clock));
        self.hubspot.attach_tec(tec.clone());
        self.tec = Some(tec);
        self.secret("tec", tec::DEFAULT_TOKEN);
        self
    }

    /// The portal tells of changes, to whichever operator runs then. The connection has to say so, too: [`Self::webhooks`].
    pub fn with_webhooks(self, target: WebhookTarget) -> Self {
        self.secret("webhooks", &target.secret);
        self.hubspot.start_webhooks(target);
        tokio::spawn(deliver_webhooks(self.hubspot.clone(), Arc::clone(&self.gate).sink()));
        self
    }

    /// What a connection says of webhooks.
    pub fn webhooks(url: &str) -> Value {
        json!({"webhooks": {"signingSecretRef": {"name": "webhooks", "key": "token"}, "publicUrl": url}})
    }

    /// The TEC of a world that has one.
    pub fn tec(&self) -> &TecSim {
        self.tec.as_ref().expect("a world with a TEC")
    }

    /// Starts the operator; the same seed, the same chance.
    pub fn start(&mut self) {
        assert!(self.running.is_none(), "one operator at a time");
        self.started += 1;
        let outside = Outside {
            client: self.kube.client(),
            transport: Arc::new(ByHost {
                hubspot: self.hubspot.transport(),
                tec: self.tec.as_ref().map(TecSim::transport),
                wire: Arc::clone(&self.wire),
            }),
            clock: Arc::clone(&self.clock),
            chance: Arc::new(Chance::seeded(self.seed.wrapping_mul(31).wrapping_add(self.started))),
        };
        let settings = Settings {
            cluster: ClusterId::new("simulated").expect("a cluster id"),
            endpoints: EndpointPolicy::default(),
            namespaces: Vec::new(),
            concurrency: 16,
            deletion_grace: Duration::from_hours(1),
        };
        let shutdown = CancellationToken::new();
        let operator = Operator::new(Context::new(outside, settings));
        let desk = Arc::clone(&operator.context().leads);
        self.gate.open(Deliveries::new(desk, Arc::clone(&self.clock)));
        self.running = Some((tokio::spawn(operator.run(shutdown.clone())), shutdown));
    }

    /// As `kill -9`: nothing is finished, nothing is said.
    pub async fn kill(&mut self) {
        if let Some((task, _)) = self.running.take() {
            self.gate.close();
            task.abort();
            let ended = task.await;
            assert!(ended.is_err_and(|error| error.is_cancelled()), "the operator ended by itself");
        }
    }

    /// As SIGTERM.
    pub async fn stop(&mut self) {
        if let Some((task, shutdown)) = self.running.take() {
            self.gate.close();
            shutdown.cancel();
            task.await.expect("a clean end");
        }
    }

    /// With the usual objects in line, the operator running and HubSpot's log empty.
    pub async fn settled(mut self) -> Self {
        self.usual_objects();
        self.start();
        self.pass(Duration::from_mins(1)).await;
        self.assert_all_ready();
        self.hubspot.reset_requests();
        self
    }

    /// Lets time pass.
    pub async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Lets time pass; if the wire is cut meanwhile, the operator dies of it and is started again.
    pub async fn endure(&mut self, time: Duration) {
        let (wire, end) = (Arc::clone(&self.wire), Instant::now() + time);
        loop {
            tokio::select! {
                biased;
                () = wire.tripped() => {}
                () = sleep_until(end) => return,
            }
            self.kill().await;
            self.start();
        }
    }

    pub fn secret(&self, name: &str, token: &str) {
        self.kube
            .apply(json!({
                "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": NAMESPACE},
                "data": {"token": base64(token.as_bytes())},
            }))
            .expect("a Secret");
    }

    /// `kubectl apply` of one of our kinds.
    pub fn apply(&self, kind: &str, name: &str, spec: &Value) {
        self.apply_in(NAMESPACE, kind, name, spec);
    }

    pub fn apply_in(&self, namespace: &str, kind: &str, name: &str, spec: &Value) {
        self.kube
            .apply(json!({
                "apiVersion": "crm.theeminenceco.com/v1alpha1", "kind": kind,
                "metadata": {"name": name, "namespace": namespace}, "spec": spec,
            }))
            .expect("an object");
    }

    pub fn connection(&self, extra: &Value) {
        let mut spec = json!({});
        if extra["auth"].is_null() {
            spec["auth"] = json!({"accessToken": {"secretRef": {"name": "hubspot", "key": "token"}}});
        }
        json_patch::merge(&mut spec, extra);
        self.apply("CrmConnection", "portal", &spec);
    }

    /// The connection with `spec.tec`.
    pub fn connection_with_tec(&self, extra: &Value) {
        let endpoint = format!("https://{TEC_HOST}");
        let mut spec = json!({"tec": {"endpoint": endpoint, "tokenSecretRef": {"name": "tec", "key": "token"}}});
        json_patch::merge(&mut spec, extra);
        self.connection(&spec);
    }

    pub fn assistant(&self, name: &str, extra: &Value) {
        let mut spec = json!({"connectionRef": {"name": "portal"}, "email": format!("{name}@example.com")});
        json_patch::merge(&mut spec, extra);
        self.apply("Assistant", name, &spec);
    }

    pub fn schedules(&self, name: &str, list: &[(&str, &str)], extra: &Value) {
        let schedules: Vec<Value> = list.iter().map(|(value, label)| json!({"value": value, "label": label})).collect();
        let mut spec = json!({"connectionRef": {"name": "portal"}, "source": {"schedules": schedules}});
        json_patch::merge(&mut spec, extra);
        self.apply("ScheduleSync", name, &spec);
    }

    /// One connection, two assistants, three schedules: enough of everything.
    pub fn usual_objects(&self) {
        self.connection(&json!({}));
        self.assistant("ada", &json!({"firstName": "Ada"}));
        self.assistant("bob", &json!({}));
        self.schedules("schedules", &[("101", "Weekdays"), ("102", "Evenings"), ("103", "Every day")], &json!({}));
    }

    /// The page's *Refresh*.
    pub fn request(&self, plural: &str, name: &str, value: &str) {
        let patch = json!({"metadata": {"annotations": {"crm.theeminenceco.com/requestedAt": value}}});
        self.kube.patch(plural, NAMESPACE, name, patch).expect("the object");
    }

    pub fn object(&self, plural: &str, name: &str) -> Value {
        self.kube.get(plural, NAMESPACE, name).unwrap_or_else(|| panic!("{plural} {name} is gone"))
    }

    /// `status/reason: message` of a condition, or `-`.
    pub fn condition(&self, plural: &str, name: &str, kind: &str) -> String {
        let object = self.object(plural, name);
        let conditions = object.pointer("/status/conditions").and_then(Value::as_array).cloned().unwrap_or_default();
        let text = |condition: &Value, field: &str| condition[field].as_str().unwrap_or_default().to_owned();
        conditions.iter().find(|condition| condition["type"] == kind).map_or_else(
            || "-".to_owned(),
            |found| format!("{}/{}: {}", text(found, "status"), text(found, "reason"), text(found, "message")),
        )
    }

    pub fn ready(&self, plural: &str, name: &str) -> String {
        self.condition(plural, name, "Ready")
    }

    /// `Ready` of all our objects.
    pub fn all_ready(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for plural in ["crmconnections", "assistants", "schedulesyncs"] {
            for object in self.kube.list(plural) {
                let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                let ready = self.ready(plural, &name);
                all.insert(format!("{plural}/{name}"), ready);
            }
        }
        all
    }

    pub fn assert_all_ready(&self) {
        let ready = self.all_ready();
        assert!(!ready.is_empty() && ready.values().all(|text| text.starts_with("True/")), "{ready:#?}");
    }

    pub fn property(&self, name: &str) -> Option<Value> {
        let state = self.hubspot.state();
        let all = state["properties"].as_array().cloned().unwrap_or_default();
        all.into_iter().find(|property| property["name"] == name && property["archived"] != true)
    }

    /// Labels of a property's options, in order, hidden ones in brackets.
    pub fn option_labels(&self, property: &str) -> Vec<String> {
        let options = self.property(property).map(|property| property["options"].clone()).unwrap_or_default();
        let label = |option: &Value| {
            let label = option["label"].as_str().unwrap_or_default().to_owned();
            if option["hidden"] == true { format!("({label})") } else { label }
        };
        options.as_array().into_iter().flatten().map(label).collect()
    }

    /// What people see of the portal: no ids, no times, nothing hidden from them. (Which retired options lie hidden
    /// depends on who was faster, an admin removing an option or the operator retiring it.)
    pub fn portal_view(&self) -> Value {
        let state = self.hubspot.state();
        let pick = |list: &str, fields: &[&str]| -> Vec<Value> {
            let mut rows: Vec<Value> = state[list]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|item| item["archived"] != true)
                .map(|item| fields.iter().map(|field| ((*field).to_owned(), item[*field].clone())).collect())
                .collect();
            rows.sort_by_key(ToString::to_string);
            rows
        };
        let shown = |mut property: Value| {
            let options = property["options"].as_array().cloned().unwrap_or_default().into_iter();
            let shown: Vec<Value> = options
                .filter(|option| option["hidden"] != true)
                .map(|option| json!([option["value"], option["label"], option["description"]]))
                .collect();
            property["options"] = shown.into();
            property
        };
        let property = ["name", "label", "type", "fieldType", "groupName", "description", "hidden", "options"];
        json!({
            "groups": pick("groups", &["name", "label"]),
            "properties": pick("properties", &property).into_iter().map(shown).collect::<Vec<_>>(),
            "users": pick("users", &["email", "firstName", "lastName"]),
            "owners": pick("owners", &["email"]),
        })
    }

    /// Every request to each simulator, in order.
    pub fn trace(&self) -> String {
        let mut trace = String::new();
        for entry in self.hubspot.trace() {
            let _ = writeln!(trace, "{} {} {} {:?}", entry.at, entry.method, entry.path, entry.status);
        }
        for entry in self.tec.iter().flat_map(TecSim::trace) {
            let _ = writeln!(trace, "{} TEC {} {} {:?}", entry.at, entry.method, entry.path, entry.status);
        }
        for line in self.kube.requests() {
            let _ = writeln!(trace, "{line}");
        }
        trace
    }
}

pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, byte| (word << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = (word >> (18 - 6 * place)) & 63;
            text.push(if place <= chunk.len() { char::from(ALPHABET[digit as usize]) } else { '=' });
        }
    }
    text
}
