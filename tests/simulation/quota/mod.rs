//! HubSpot's limits, as its other users and the portal's request log see them: counted, on virtual time.

mod day;
mod lanes;
mod neighbours;
mod storms;

use std::time::Duration;

use serde_json::{Value, json};
use tec_crm::sim::hubspot::{FaultRule, TraceEntry};

use super::world::World;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// HubSpot refuses everything on a route by this policy.
fn refusing(route: &str, policy: &str) -> FaultRule {
    let body = json!({"status": "error", "message": "limit", "errorType": "RATE_LIMIT", "policyName": policy});
    let rule = json!({"route": route, "times": 1_000_000, "status": 429, "body": body});
    serde_json::from_value(rule).unwrap()
}

fn is_search(entry: &TraceEntry) -> bool {
    entry.path.contains("/search")
}

/// Most requests of a kind in any rolling time.
fn most_in(world: &World, time: Duration, counted: impl Fn(&TraceEntry) -> bool) -> usize {
    let trace = world.hubspot.trace();
    let at: Vec<i64> = trace.iter().filter(|entry| counted(entry)).map(|entry| entry.at.as_millisecond()).collect();
    let time = i64::try_from(time.as_millis()).unwrap();
    (0..at.len()).map(|last| last + 1 - at.partition_point(|at_then| *at_then <= at[last] - time)).max().unwrap_or(0)
}

/// All our objects.
fn objects(world: &World) -> Vec<Value> {
    ["crmconnections", "assistants", "schedulesyncs"].iter().flat_map(|plural| world.kube.list(plural)).collect()
}

/// Their resource versions.
fn versions(world: &World) -> Vec<Value> {
    objects(world).iter().map(|object| object["metadata"]["resourceVersion"].clone()).collect()
}
