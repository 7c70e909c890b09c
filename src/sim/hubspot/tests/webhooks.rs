//! Webhooks as they leave the portal, on a paused clock.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::{Instant, advance, sleep};

use super::{
    super::{
        Forgery, HubSpotSim, RetriedEvents, SimConfig, Sink, Subscription, WebhookSettings, WebhookTarget,
        deliver_webhooks,
    },
    call, portal_with, status,
};
use crate::runtime::transport::{HttpRequest, TransportError};

const URL: &str = "https://hooks.example.com/hubspot?tenant=a%2Fb";

/// A receiver that answers by script and keeps what came.
#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Received>>);

#[derive(Default)]
struct Received {
    /// Answered in turn; 204 when there is none left. `None` is a cut connection.
    script: Vec<Option<u16>>,
    /// How long each answer takes.
    takes: Duration,
    deliveries: Vec<(Duration, HttpRequest)>,
    now: usize,
    most: usize,
}

impl Receiver {
    fn lock(&self) -> MutexGuard<'_, Received> {
        self.0.lock().unwrap()
    }

    fn sink(&self, started: Instant) -> impl Sink {
        let receiver = self.clone();
        move |request: HttpRequest| -> futures::future::BoxFuture<'static, Result<StatusCode, TransportError>> {
            let receiver = receiver.clone();
            Box::pin(async move {
                let (answer, takes) = {
                    let mut mail = receiver.lock();
                    mail.deliveries.push((started.elapsed(), request));
                    mail.now += 1;
                    mail.most = mail.most.max(mail.now);
                    let answer = if mail.script.is_empty() { Some(204) } else { mail.script.remove(0) };
                    (answer, mail.takes)
                };
                sleep(takes).await;
                receiver.lock().now -= 1;
                let cut = || TransportError::Lost("reset".to_owned());
                Ok(StatusCode::from_u16(answer.ok_or_else(cut)?).unwrap())
            })
        }
    }

    /// Events of each delivery so far.
    fn batches(&self) -> Vec<Vec<Value>> {
        let bodies = |(_, request): &(Duration, HttpRequest)| serde_json::from_slice(request.body()).unwrap();
        self.lock().deliveries.iter().map(bodies).collect()
    }

    fn events(&self) -> Vec<Value> {
        self.batches().concat()
    }
}

fn target() -> WebhookTarget {
    WebhookTarget::new(URL, "http://receiver.example/hooks", "s3cret").unwrap()
}

/// A portal that delivers, with as many contacts, of nobody.
fn delivering(target: WebhookTarget, contacts: usize) -> (HubSpotSim, Receiver, Vec<String>) {
    let sim = portal_with(SimConfig { webhooks: Some(target), ..SimConfig::default() });
    let receiver = Receiver::default();
    tokio::spawn(deliver_webhooks(sim.clone(), receiver.sink(Instant::now())));
    let ids = sim.create_contacts(contacts, &BTreeMap::new()).unwrap();
    (sim, receiver, ids)
}

fn admin(sim: &HubSpotSim) -> String {
    sim.state()["owners"][0]["id"].as_str().unwrap().to_owned()
}

fn assign(sim: &HubSpotSim, ids: &[String], owner: &str) {
    sim.update_contacts(ids, &BTreeMap::from([("hubspot_owner_id".to_owned(), owner.to_owned())])).unwrap();
}

async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn owner_changes_are_told_signed_and_at_once() {
    let (sim, receiver, ids) = delivering(target(), 2);
    let owner = admin(&sim);
    assign(&sim, &ids[..1], &owner);
    settle().await;
    sim.update_contacts(&ids, &BTreeMap::from([("firstname".to_owned(), "Ada".to_owned())])).unwrap();
    assign(&sim, &ids[..1], &owner);
    settle().await;
    assign(&sim, &ids[..1], "");
    settle().await;
    sim.delete_contacts(&ids[1..]).unwrap();
    settle().await;
    let told: Vec<_> = receiver
        .events()
        .iter()
        .map(|event| [&event["subscriptionType"], &event["objectId"], &event["propertyValue"]].map(ToString::to_string))
        .collect();
    let expected = [
        ["\"contact.propertyChange\"", "201", &format!("\"{owner}\"")],
        ["\"contact.propertyChange\"", "201", "\"\""],
        ["\"contact.deletion\"", "202", "null"],
    ];
    assert_eq!(told, expected, "not what is not subscribed, nor what did not change");
    let mail = receiver.lock();
    let (after, first) = &mail.deliveries[0];
    assert!(*after < Duration::from_millis(2), "{after:?}");
    assert_eq!(first.uri(), "http://receiver.example/hooks");
    assert_eq!(first.headers()["x-hubspot-signature-version"], "v1");
    assert_eq!(first.headers()["x-hubspot-signature-v3"].len(), 44);
    assert_eq!(first.headers()["x-hubspot-signature"].len(), 64);
    drop(mail);
    let attempts: Vec<_> = sim.webhook_attempts().iter().map(|a| (a.attempt, a.status, a.events)).collect();
    assert_eq!(attempts, [(0, Some(204), 1); 3]);
    assert_eq!(sim.requests().total, 0, "nothing is counted");
}

#[tokio::test(start_paused = true)]
async fn creations_are_told_to_who_subscribes() {
    let (sim, receiver, _) = delivering(
        WebhookTarget {
            subscriptions: vec![Subscription { id: 1, event_type: "contact.creation".to_owned(), property: None }],
            ..target()
        },
        0,
    );
    sim.create_contacts(1, &BTreeMap::new()).unwrap();
    settle().await;
    let event = receiver.events().remove(0);
    assert_eq!((&event["changeFlag"], &event["changeSource"]), (&json!("NEW"), &json!("CRM_UI")));
}

#[tokio::test(start_paused = true)]
async fn many_changes_come_in_batches_of_a_hundred() {
    let (sim, receiver, ids) = delivering(target(), 250);
    assign(&sim, &ids, &admin(&sim));
    settle().await;
    assert_eq!(receiver.batches().iter().map(Vec::len).collect::<Vec<_>>(), [100, 100, 50]);
    let told: Vec<_> = receiver.events().iter().map(|event| event["objectId"].to_string()).collect();
    assert_eq!(told, ids, "in order");
    let numbers: BTreeSet<_> = receiver.events().iter().map(|event| event["eventId"].as_u64().unwrap()).collect();
    assert!(numbers.len() == 250 && numbers.iter().all(|number| u32::try_from(*number).is_ok()));
}

#[tokio::test(start_paused = true)]
async fn no_more_than_ten_deliveries_are_under_way() {
    let (sim, receiver, ids) = delivering(target(), 2_500);
    receiver.lock().takes = Duration::from_secs(1);
    assign(&sim, &ids, &admin(&sim));
    sleep(Duration::from_secs(10)).await;
    assert_eq!((receiver.batches().len(), receiver.lock().most), (25, 10));
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_comes_again_signed_afresh() {
    let (sim, receiver, ids) = delivering(target(), 1);
    receiver.lock().script = vec![Some(401), None, Some(500), Some(302)];
    assign(&sim, &ids, &admin(&sim));
    sleep(Duration::from_hours(1)).await;
    let attempts: Vec<_> = sim.webhook_attempts().iter().map(|a| (a.attempt, a.status)).collect();
    assert_eq!(attempts, [(0, Some(401)), (1, None), (2, Some(500)), (3, Some(302)), (4, Some(204))]);
    let numbers: Vec<_> = receiver.events().iter().map(|event| event["attemptNumber"].clone()).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
    let events: BTreeSet<_> = receiver.events().iter().map(|event| event["eventId"].to_string()).collect();
    assert_eq!(events.len(), 1, "one event");
    let mail = receiver.lock();
    let pauses: Vec<_> =
        mail.deliveries.windows(2).map(|pair| pair[1].0.as_secs_f64() - pair[0].0.as_secs_f64()).collect();
    for (pause, middle) in pauses.iter().zip([60.0, 120.0, 240.0, 480.0]) {
        assert!((0.74..1.26).contains(&(pause / middle)), "{pauses:?}");
    }
    let stamp = |request: &HttpRequest| request.headers()["x-hubspot-request-timestamp"].to_str().unwrap().to_owned();
    let signature = |request: &HttpRequest| request.headers()["x-hubspot-signature-v3"].clone();
    let (first, second) = (&mail.deliveries[0].1, &mail.deliveries[1].1);
    assert!(stamp(first) < stamp(second) && signature(first) != signature(second));
    let sent: Vec<i64> = sim.webhook_attempts().iter().map(|attempt| attempt.at.as_millisecond()).collect();
    assert_eq!(stamp(second), sent[1].to_string());
}

#[tokio::test(start_paused = true)]
async fn silence_is_a_failure_after_five_seconds_and_a_day_is_the_end() {
    let (sim, receiver, ids) = delivering(target(), 1);
    receiver.lock().takes = Duration::from_mins(1);
    assign(&sim, &ids, &admin(&sim));
    sleep(Duration::from_secs(4)).await;
    assert_eq!(sim.webhook_attempts().len(), 0);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(sim.webhook_attempts()[0].status, None);
    sleep(Duration::from_hours(48)).await;
    let attempts = sim.webhook_attempts();
    assert_eq!(attempts.iter().map(|a| a.attempt).collect::<Vec<_>>(), (0..=10).collect::<Vec<_>>());
    let hours = attempts[10].at.duration_since(attempts[0].at).as_hours();
    assert!((12..24).contains(&hours), "{hours}");
}

#[tokio::test(start_paused = true)]
async fn the_portals_clock_brings_retries_forward() {
    let (sim, receiver, ids) = delivering(target(), 1);
    receiver.lock().script = vec![Some(503)];
    assign(&sim, &ids, &admin(&sim));
    settle().await;
    sim.advance(Duration::from_mins(2));
    settle().await;
    assert_eq!(receiver.batches().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn mischief_tells_twice_late_and_out_of_order_but_loses_nothing() {
    let target = WebhookTarget {
        duplicate_rate: 0.3,
        reorder: 0.5,
        delay: (Duration::from_secs(1), Duration::from_secs(3)),
        ..target()
    };
    let story = async |seed: u64| {
        let sim = portal_with(SimConfig { webhooks: Some(target.clone()), seed, ..SimConfig::default() });
        let receiver = Receiver::default();
        receiver.lock().script = vec![Some(500), Some(204), Some(500)];
        let deliverer = tokio::spawn(deliver_webhooks(sim.clone(), receiver.sink(Instant::now())));
        let ids = sim.create_contacts(300, &BTreeMap::new()).unwrap();
        assign(&sim, &ids, &admin(&sim));
        sleep(Duration::from_hours(1)).await;
        deliverer.abort();
        let mail = receiver.lock();
        let deliveries: Vec<_> = mail.deliveries.iter().map(|(at, request)| (*at, request.body().clone())).collect();
        (ids, receiver.clone(), deliveries)
    };
    let (ids, receiver, first) = story(1).await;
    assert!(first[0].0 >= Duration::from_secs(1) && first[0].0 <= Duration::from_secs(3), "{:?}", first[0].0);
    let fresh = |event: &Value| event["attemptNumber"] == 0;
    let told: Vec<_> = receiver.events().into_iter().filter(fresh).map(|event| event["objectId"].to_string()).collect();
    assert_eq!(told.iter().collect::<BTreeSet<_>>(), ids.iter().collect::<BTreeSet<_>>());
    assert!(told.len() > 350 && told.len() < 450, "{}", told.len());
    let out_of_order = told.windows(2).filter(|pair| pair[0] > pair[1]).count();
    assert!(out_of_order > 50, "{out_of_order}");
    let bodies = |story: &[(Duration, bytes::Bytes)]| story.iter().map(|(_, body)| body.clone()).collect::<Vec<_>>();
    let times = |story: &[(Duration, bytes::Bytes)]| story.iter().map(|(at, _)| *at).collect::<Vec<_>>();
    let (_, _, same) = story(1).await;
    let (_, _, other) = story(2).await;
    // Dates within the bodies are the same: each story has its own clock.
    assert_eq!((bodies(&first), times(&first)), (bodies(&same), times(&same)), "one seed, one story");
    assert_ne!(times(&first), times(&other));
}

#[tokio::test(start_paused = true)]
async fn switched_on_and_off_by_control_route() {
    let sim = portal_with(SimConfig::default());
    let receiver = Receiver::default();
    tokio::spawn(deliver_webhooks(sim.clone(), receiver.sink(Instant::now())));
    let ids = sim.create_contacts(1, &BTreeMap::new()).unwrap();
    let owner = admin(&sim);
    assign(&sim, &ids, &owner);
    settle().await;
    let bad = [
        "{}",
        r#"{"url":"https://x.example","secret":""}"#,
        r#"{"url":"x","secret":"s"}"#,
        r#"{"url":"https://x.example","deliverTo":"/hooks","secret":"s"}"#,
        r#"{"url":"https://x.example","deliverTo":"http://a b","secret":"s"}"#,
        r#"{"url":"https://x.example","secret":"s","duplicateRate":2}"#,
        r#"{"url":"https://x.example","secret":"s","reorder":-1}"#,
        r#"{"url":"https://x.example","secret":"s","nope":1}"#,
    ];
    for body in bad {
        assert_eq!(status(&sim, "POST /_sim/webhooks", body).await, 400, "{body}");
    }
    assert_eq!(status(&sim, "PUT /_sim/webhooks", "").await, 404);
    let on = r#"{"url":"https://x.example/w","deliverTo":"http://127.0.0.1:9/w","secret":"s","appId":5,"duplicateRate":0.0,"reorder":true,"delayMs":[10,20]}"#;
    assert_eq!(status(&sim, "POST /_sim/webhooks", on).await, 204);
    assign(&sim, &ids, "");
    sleep(Duration::from_millis(50)).await;
    let event = receiver.events().remove(0);
    assert_eq!((&event["appId"], &event["propertyValue"]), (&json!(5), &json!("")), "what was before is not told");
    let log = call(&sim, "GET /_sim/webhooks", "").await.body;
    assert_eq!(log, json!([{ "at": log[0]["at"], "attempt": 0, "status": 204, "events": 1 }]));
    assert!(log[0]["at"].as_str().unwrap().parse::<Timestamp>().is_ok());
    assert_eq!(status(&sim, "DELETE /_sim/webhooks", "").await, 204);
    assign(&sim, &ids, &owner);
    sleep(Duration::from_hours(1)).await;
    assert_eq!(receiver.batches().len(), 1);
    assert_eq!(status(&sim, "POST /_sim/webhooks/forge", r#"{"kind":"forged"}"#).await, 409, "off");
}

#[tokio::test(start_paused = true)]
async fn switching_off_forgets_what_was_to_be_tried_again() {
    let (sim, receiver, ids) = delivering(target(), 1);
    receiver.lock().script = vec![Some(500), Some(500)];
    assign(&sim, &ids, &admin(&sim));
    settle().await;
    sim.stop_webhooks();
    assign(&sim, &ids, "");
    sim.start_webhooks(target());
    sleep(Duration::from_hours(48)).await;
    assert_eq!(receiver.batches().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn forgeries_are_sent_as_ordered() {
    let (sim, receiver, ids) = delivering(target(), 1);
    let line = "POST /_sim/webhooks/forge";
    assert_eq!(status(&sim, line, r#"{"kind":"replayed"}"#).await, 409, "there is nothing to replay");
    assert_eq!(status(&sim, line, r#"{"kind":"evil"}"#).await, 400);
    assign(&sim, &ids, &admin(&sim));
    settle().await;
    advance(Duration::from_mins(1)).await;
    receiver.lock().script = vec![Some(401), Some(401), Some(204), Some(400), Some(413)];
    for (kind, answered) in [("forged", 401), ("stale", 401), ("replayed", 204), ("malformed", 400), ("oversized", 413)]
    {
        let reply = call(&sim, line, &json!({ "kind": kind }).to_string()).await;
        assert_eq!((reply.status, &reply.body), (200, &json!({ "status": answered })), "{kind}");
    }
    assert_eq!(sim.webhook_attempts().len(), 1, "nobody retries them, and they are not HubSpot's");
    let mail = receiver.lock();
    let [genuine, forged, stale, replayed, malformed, oversized] = mail.deliveries.as_slice() else { panic!() };
    let stamp = |sent: &(Duration, HttpRequest)| -> i64 {
        sent.1.headers()["x-hubspot-request-timestamp"].to_str().unwrap().parse().unwrap()
    };
    assert_eq!(stamp(forged) - stamp(stale), 600_000);
    assert_eq!((replayed.1.headers(), replayed.1.body()), (genuine.1.headers(), genuine.1.body()));
    assert!(serde_json::from_slice::<Value>(malformed.1.body()).is_err());
    assert!(oversized.1.body().len() > 1024 * 1024 && serde_json::from_slice::<Value>(oversized.1.body()).is_ok());
    assert!(!sim.state().to_string().contains("s3cret"));
}

#[tokio::test(start_paused = true)]
async fn a_forgery_nobody_sends_is_given_up() {
    let sim = portal_with(SimConfig { webhooks: Some(target()), ..SimConfig::default() });
    assert_eq!(sim.forge_webhook(Forgery::Stale).await.unwrap_err().status, 504);
    assert!(!format!("{:?}", target()).contains("s3cret"));
}

#[tokio::test(start_paused = true)]
async fn a_retry_names_its_events_anew_where_that_is_switched() {
    let (sim, receiver, ids) = delivering(target(), 1);
    sim.set_switches(|switches| switches.retried_events = RetriedEvents::GetNewIds);
    receiver.lock().script = vec![Some(500), Some(500)];
    assign(&sim, &ids, &admin(&sim));
    sleep(Duration::from_hours(1)).await;
    let events: BTreeSet<_> = receiver.events().iter().map(|event| event["eventId"].to_string()).collect();
    assert_eq!((receiver.batches().len(), events.len()), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn settings_may_count_only_after_five_minutes() {
    let (sim, receiver, ids) = delivering(target(), 1);
    sim.set_switches(|switches| switches.webhook_settings = WebhookSettings::Cached);
    let admin = admin(&sim);
    sim.stop_webhooks();
    for (pause, owner, told) in
        [(Duration::from_mins(1), &*admin, 1), (Duration::from_mins(3), "", 2), (Duration::from_mins(2), &*admin, 2)]
    {
        sleep(pause).await;
        assign(&sim, &ids, owner);
        settle().await;
        assert_eq!(receiver.events().len(), told);
    }
}
