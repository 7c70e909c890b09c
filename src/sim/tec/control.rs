//! `/_sim/tec`: the control routes over HTTP, served by the HubSpot simulator a TEC is attached to.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::TecSim;
use crate::sim::shared::{ControlError, parse};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Events {
    events: Vec<Value>,
}

/// Answers a control request; `path` is what follows `/_sim/tec`.
pub(in crate::sim) fn control(
    sim: &TecSim,
    method: &str,
    path: &[&str],
    body: &Bytes,
) -> Result<Option<Value>, ControlError> {
    match (method, path) {
        ("POST", ["events"]) => {
            let Events { events } = parse(body)?;
            Ok(Some(json!({ "events": sim.say(events)? })))
        }
        ("POST", ["assistants"]) => sim.assistant(parse(body)?).map(Some),
        ("POST", ["schedules"]) => sim.schedule(parse(body)?).map(Some),
        ("GET", ["leads"]) => Ok(Some(json!({ "leads": sim.leads() }))),
        ("DELETE", ["cursors"]) => {
            sim.expire_cursors();
            Ok(None)
        }
        (method, path) => {
            Err(ControlError::new(404, format!("no control route {method} /_sim/tec/{}", path.join("/"))))
        }
    }
}
