//! Whole flows, as a platform engineer and a HubSpot admin live through them, one promise a test.

mod bad_input;
mod deletion;
mod drift;
mod noise;
pub mod oauth;
mod outages;
mod regions;
mod set_up;
mod tec;

use std::time::Duration;

use serde_json::{Value, json};
use tec_crm::sim::hubspot::{FaultRule, OwnerPolicy, SimConfig, TokenConfig};

use super::world::{NAMESPACE, World};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// A portal in line, with the operator running and HubSpot's log empty.
async fn settled() -> World {
    World::new(1, SimConfig { limit_per_10s: 1000, ..SimConfig::default() }).settled().await
}

fn writes(world: &World) -> u64 {
    world.hubspot.requests().writes()
}

/// Resource versions of all our objects.
fn versions(world: &World) -> Vec<Value> {
    let kinds = ["crmconnections", "assistants", "schedulesyncs"];
    kinds.iter().flat_map(|plural| world.kube.list(plural)).map(|o| o["metadata"]["resourceVersion"].clone()).collect()
}

fn fault(rule: &Value) -> FaultRule {
    serde_json::from_value(rule.clone()).unwrap()
}
