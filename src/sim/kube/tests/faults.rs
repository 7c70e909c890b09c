//! Trouble, and that it is repeatable.

use std::time::Duration;

use futures::StreamExt as _;
use kube::{
    Api, ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
    runtime::{WatchStreamExt as _, watcher},
};
use serde_json::json;
use tokio::time::Instant;

use super::{Assistant, assistant, assistants, cluster, manifest, refusal};
use crate::sim::kube::{KubeSim, Strike, Verb};

/// Strikes the first request of this verb.
fn once(sim: &KubeSim, verb: Verb, strike: Strike) {
    let mut left = Some(strike);
    sim.set_chaos(move |asked: Verb, _: &str| if asked == verb { left.take() } else { None });
}

#[tokio::test(start_paused = true)]
async fn strikes_do_what_they_say() {
    let sim = cluster();
    let api = assistants(&sim);
    once(&sim, Verb::Create, Strike::Refuse { code: 503, reason: "ServiceUnavailable".into() });
    assert_eq!(refusal(api.create(&PostParams::default(), &assistant("anna")).await).code, 503);
    assert!(sim.list("assistants").is_empty());

    once(&sim, Verb::Create, Strike::LoseReply);
    let lost = api.create(&PostParams::default(), &assistant("anna")).await.unwrap_err();
    assert!(matches!(lost, kube::Error::Service(_)), "{lost:?}");
    assert_eq!(sim.list("assistants").len(), 1, "the effect happened");

    once(&sim, Verb::Get, Strike::Delay(Duration::from_secs(7)));
    let before = Instant::now();
    api.get("anna").await.unwrap();
    assert_eq!(before.elapsed(), Duration::from_secs(7));

    sim.clear_chaos();
    assert_eq!(sim.take_requests().len(), 3);
    assert_eq!((sim.requests().len(), sim.writes()), (0, 0));
}

/// A person interferes exactly between the operator's read and its write.
#[tokio::test(start_paused = true)]
async fn chaos_may_use_the_server() {
    let sim = cluster();
    let api = assistants(&sim);
    let mut read = api.create(&PostParams::default(), &assistant("anna")).await.unwrap();
    let person = sim.clone();
    sim.set_chaos(move |verb: Verb, _: &str| {
        if verb == Verb::Update {
            person.patch("assistants", "default", "anna", json!({"spec": {"role": "Ops"}})).unwrap();
        }
        None
    });
    read.spec.role = Some("Sales".into());
    assert!(refusal(api.replace("anna", &PostParams::default(), &read).await).is_conflict());
}

/// An hour of a small operator in a rough cluster: what it sent, and what was left.
async fn rough_hour(seed: u64) -> String {
    let sim = cluster();
    let mut chance = fastrand::Rng::with_seed(seed);
    sim.set_chaos(move |_: Verb, _: &str| match chance.u8(0..20) {
        0 => Some(Strike::Refuse { code: 500, reason: "InternalError".into() }),
        1 => Some(Strike::Delay(Duration::from_millis(chance.u64(0..5_000)))),
        2 => Some(Strike::LoseReply),
        3 => Some(Strike::CutWatches),
        4 => Some(Strike::Compact),
        _ => None,
    });
    let person = sim.clone();
    let edits = async move {
        for round in 0..60 {
            let name = format!("a{}", round % 7);
            if person.create(manifest("default", &name)).is_err() {
                person.patch("assistants", "default", &name, json!({"spec": {"role": format!("r{round}")}})).unwrap();
            }
            tokio::time::sleep(Duration::from_mins(1)).await;
        }
    };
    let api = assistants(&sim);
    let operator = async {
        fastrand::seed(seed);
        let events = watcher(Api::<Assistant>::all(sim.client()), watcher::Config::default().streaming_lists());
        let mut events = events.default_backoff().applied_objects().boxed();
        while let Some(event) = events.next().await {
            let Ok(object) = event else { continue };
            let status = json!({
                "apiVersion": "crm.theeminenceco.com/v1alpha1", "kind": "Assistant",
                "status": {"code": object.spec.role, "conditions": []},
            });
            // A refused status is written again when the object is next seen.
            let _ =
                api.patch_status(&object.name_any(), &PatchParams::apply("us").force(), &Patch::Apply(status)).await;
        }
    };
    tokio::select! {
        biased;
        () = operator => {}
        () = edits => {}
    }
    format!("{:#?} {:#?} {}", sim.requests(), sim.list("assistants"), sim.version())
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_is_the_same_hour() {
    let first = rough_hour(7).await;
    assert!(first.contains("LIST") || first.matches("WATCH").count() > 3, "the hour was not rough: {first}");
    for _ in 0..19 {
        assert_eq!(rough_hour(7).await, first);
    }
    assert_ne!(rough_hour(8).await, first);
}
