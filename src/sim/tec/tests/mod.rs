//! Tests of the simulator: in process on a paused clock, one over a socket.

#![allow(clippy::needless_pass_by_value)] // `json!` arguments read best by value

mod access;
mod beside_hubspot;
mod feed;
mod leads;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request};
use serde_json::{Value, json};

use super::{DEFAULT_TOKEN, NewAssistant, NewSchedule, TecConfig, TecSim};
use crate::{runtime::clock::VirtualClock, sim::shared::Dropped};

const START: &str = "2026-11-22T10:00:00Z";

/// A TEC with Ada and the schedule 101; needs a runtime.
fn tec_with(config: TecConfig) -> TecSim {
    let tec = TecSim::new(config, Arc::new(VirtualClock::starting_at(START.parse().unwrap())));
    tec.assistant(NewAssistant::new("Ada@example.com")).unwrap();
    tec.schedule(NewSchedule::new("101", "Weekdays")).unwrap();
    tec
}

fn tec() -> TecSim {
    tec_with(TecConfig::default())
}

/// An answer taken apart.
#[derive(Debug)]
struct Reply {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

async fn call_as(tec: &TecSim, token: &str, line: &str, body: Value) -> Result<Reply, Dropped> {
    let (method, uri) = line.split_once(' ').unwrap();
    let request = Request::builder().method(method).uri(uri).header("authorization", format!("Bearer {token}"));
    let request = request.header("content-type", "application/json").body(Bytes::from(body.to_string())).unwrap();
    let (parts, bytes) = tec.handle(request).await?.into_parts();
    let body = serde_json::from_slice(&bytes).unwrap_or_default();
    Ok(Reply { status: parts.status.as_u16(), headers: parts.headers, body })
}

/// `"GET /path"` with the default token.
async fn call(tec: &TecSim, line: &str, body: Value) -> Reply {
    call_as(tec, DEFAULT_TOKEN, line, body).await.unwrap()
}

async fn get(tec: &TecSim, path: &str) -> Reply {
    call(tec, &format!("GET {path}"), Value::Null).await
}

fn item(contact: &str) -> Value {
    json!({"idempotencyKey": format!("key-{contact}"), "assistantEmail": "ada@example.com",
        "contact": {"crmId": contact, "email": format!("c{contact}@example.org")}})
}

/// Begins one lead per contact.
async fn begin(tec: &TecSim, contacts: &[&str]) -> Vec<Value> {
    let leads: Vec<Value> = contacts.iter().map(|contact| item(contact)).collect();
    let reply = call(tec, "POST /v1/leads/batch", json!({ "leads": leads })).await;
    reply.body["results"].as_array().unwrap().clone()
}
