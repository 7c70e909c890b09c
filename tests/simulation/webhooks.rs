//! Webhooks from the simulated portal to the operator's receiver: two implementations of one signature, in one process and
//! over sockets.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::future::BoxFuture;
use http::StatusCode;
use serde_json::{Value, json};
use tec_crm::{
    domain::{ContactId, OwnerId, PortalId},
    runtime::{
        clock::{Clock, SystemClock, VirtualClock},
        transport::{HttpRequest, HttpTransport, Transport as _, TransportError},
    },
    server::{
        signature::SigningSecret,
        webhook::{self, Deliveries, Doorbell, Endpoint},
    },
    sim::hubspot::{self, HubSpotSim, SimConfig, Sink, WebhookTarget, deliver_webhooks},
};
use tokio::{net::TcpListener, sync::Notify, time};
use tokio_util::sync::CancellationToken;

const URL: &str = "https://hooks.example.com/hubspot?tenant=a%2Fb";
const SECRET: &str = "11111111-2222-3333-4444-555555555555";

/// Knows one connection and remembers for whom it rang.
struct Bell {
    portal: u64,
    rung: Mutex<Vec<String>>,
    changed: Notify,
}

impl Bell {
    fn of(portal: u64) -> Arc<Self> {
        Arc::new(Self { portal, rung: Mutex::default(), changed: Notify::new() })
    }

    fn rung(&self) -> Vec<String> {
        self.rung.lock().unwrap().clone()
    }
}

impl Doorbell for Bell {
    fn endpoints(&self) -> Vec<Endpoint> {
        let secret = SigningSecret::new(SECRET).unwrap();
        vec![Endpoint {
            id: "sales/hubspot".to_owned(),
            portal: PortalId(self.portal),
            secret,
            public_url: URL.to_owned(),
        }]
    }

    fn ring(&self, endpoint: &str, contacts: BTreeMap<ContactId, Option<OwnerId>>) {
        assert_eq!(endpoint, "sales/hubspot");
        self.rung.lock().unwrap().extend(contacts.into_keys().map(|id| id.0));
        self.changed.notify_one();
    }
}

/// Hands requests to the receiver; of every so many answers one is lost, so that the delivery comes again.
fn in_process(deliveries: Arc<Deliveries>, lose_every: usize) -> impl Sink {
    let count = Mutex::new(0_usize);
    move |request: HttpRequest| -> BoxFuture<'static, Result<StatusCode, TransportError>> {
        let status =
            deliveries.receive(request.method(), request.uri().path(), request.headers(), request.body().as_ref());
        let mut count = count.lock().unwrap();
        *count += 1;
        let lost = count.is_multiple_of(lose_every);
        Box::pin(async move { if lost { Err(TransportError::Lost("reset".to_owned())) } else { Ok(status) } })
    }
}

fn owner(sim: &HubSpotSim) -> BTreeMap<String, String> {
    let id = sim.state()["owners"][0]["id"].as_str().unwrap().to_owned();
    BTreeMap::from([("hubspot_owner_id".to_owned(), id)])
}

#[tokio::test(start_paused = true)]
async fn every_assignment_rings_once_whatever_happens_on_the_way() {
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::starting_at("2026-11-22T10:00:00Z".parse().unwrap()));
    let mut target = WebhookTarget::new(URL, "http://operator/rewritten/by/ingress", SECRET).unwrap();
    (target.duplicate_rate, target.reorder) = (0.3, 0.5);
    target.delay = (Duration::ZERO, Duration::from_secs(2));
    let config = SimConfig { webhooks: Some(target), ..SimConfig::default() };
    let bell = Bell::of(config.portal_id);
    let sim = HubSpotSim::new(config, Arc::clone(&clock));
    let deliveries = Arc::new(Deliveries::new(bell.clone(), clock));
    tokio::spawn(deliver_webhooks(sim.clone(), in_process(Arc::clone(&deliveries), 3)));
    let ids = sim.create_contacts(1_000, &BTreeMap::new()).unwrap();
    sim.update_contacts(&ids, &owner(&sim)).unwrap();
    time::sleep(Duration::from_hours(24)).await;
    let rung = bell.rung();
    assert_eq!(rung.iter().collect::<BTreeSet<_>>(), ids.iter().collect::<BTreeSet<_>>());
    let counts = deliveries.counts();
    assert_eq!((counts.rung, counts.refused, counts.foreign), (1_000, 0, 0));
    assert!(counts.repeated > 300, "duplicates and lost answers: {counts:?}");
}

#[tokio::test(start_paused = true)]
async fn another_portals_events_do_not_ring() {
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::starting_at("2026-11-22T10:00:00Z".parse().unwrap()));
    let target = WebhookTarget::new(URL, "http://operator/hubspot", SECRET).unwrap();
    let sim = HubSpotSim::new(SimConfig { webhooks: Some(target), ..SimConfig::default() }, Arc::clone(&clock));
    let bell = Bell::of(1);
    let deliveries = Arc::new(Deliveries::new(bell.clone(), clock));
    tokio::spawn(deliver_webhooks(sim.clone(), in_process(Arc::clone(&deliveries), usize::MAX)));
    sim.create_contacts(1, &owner(&sim)).unwrap();
    time::sleep(Duration::from_secs(1)).await;
    assert_eq!((bell.rung().len(), deliveries.counts().foreign), (0, 1));
    assert_eq!(sim.webhook_attempts()[0].status, Some(204), "HubSpot need not try again");
}

/// The simulator as a process, and the operator's receiver, on loopback.
struct Loopback {
    sim: HubSpotSim,
    control: String,
    transport: HttpTransport,
    bell: Arc<Bell>,
    hooks: String,
    stop: CancellationToken,
}

impl Loopback {
    async fn start() -> Self {
        let sim = HubSpotSim::new(SimConfig::default(), Arc::new(SystemClock));
        let (api, hooks) =
            (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let url = |listener: &TcpListener| format!("http://{}", listener.local_addr().unwrap());
        let (bell, stop) = (Bell::of(SimConfig::default().portal_id), CancellationToken::new());
        let transport = HttpTransport::direct().unwrap();
        let loopback = Self {
            control: url(&api),
            hooks: url(&hooks),
            sim: sim.clone(),
            transport: transport.clone(),
            bell: bell.clone(),
            stop: stop.clone(),
        };
        tokio::spawn(deliver_webhooks(sim.clone(), transport));
        tokio::spawn(hubspot::serve(sim, api, stop.clone().cancelled_owned()));
        tokio::spawn(webhook::serve(hooks, bell, Arc::new(SystemClock), stop));
        loopback
    }

    async fn call(&self, line: &str, body: &Value) -> (u16, Value) {
        let (method, path) = line.split_once(' ').unwrap();
        let request = http::Request::builder().method(method).uri(format!("{}{path}", self.control));
        let answer = self.transport.send(request.body(body.to_string().into()).unwrap()).await.unwrap();
        (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap_or_default())
    }
}

#[tokio::test]
async fn over_sockets_the_genuine_rings_and_the_forged_does_not() {
    let world = Loopback::start().await;
    let settings = json!({ "url": URL, "deliverTo": format!("{}/hubspot", world.hooks), "secret": SECRET });
    assert_eq!(world.call("POST /_sim/webhooks", &settings).await.0, 204);
    let contact = json!({ "count": 1, "properties": owner(&world.sim) });
    let (_, created) = world.call("POST /_sim/ui/contacts", &contact).await;
    time::timeout(Duration::from_secs(5), world.bell.changed.notified()).await.unwrap();
    let rung = world.bell.rung();
    assert_eq!(json!(rung), created["ids"]);

    // The answer to the first delivery is on its way to the simulator's log.
    let replayed = loop {
        let (status, body) = world.call("POST /_sim/webhooks/forge", &json!({ "kind": "replayed" })).await;
        if status != 409 {
            break (status, body);
        }
    };
    assert_eq!(replayed, (200, json!({ "status": 204 })));
    for (kind, answered) in [("forged", 401), ("stale", 401), ("malformed", 400), ("oversized", 413)] {
        let answer = world.call("POST /_sim/webhooks/forge", &json!({ "kind": kind })).await;
        assert_eq!(answer, (200, json!({ "status": answered })), "{kind}");
    }
    assert_eq!(world.bell.rung(), rung, "nothing more has rung");
    let (_, log) = world.call("GET /_sim/webhooks", &Value::Null).await;
    assert_eq!(log, json!([{ "at": log[0]["at"], "attempt": 0, "status": 204, "events": 1 }]));
    world.stop.cancel();
}
