//! Tests of the simulator: in process on a paused clock, a few over a socket.

#![allow(clippy::needless_pass_by_value)] // `json!` arguments read best by value

mod access;
mod associations;
mod checklist;
mod contact_api;
mod contact_batch;
mod contact_merge;
mod contacts;
mod control;
mod engagement_search;
mod engagements;
mod fields;
mod groups;
mod oauth;
mod people;
mod search;
mod socket;
mod switches;
mod timeline;
mod trouble;
mod webhooks;

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use serde_json::Value;

use super::{DEFAULT_TOKEN, Dropped, HubSpotSim, SimConfig};
use crate::runtime::clock::VirtualClock;

const START: &str = "2026-11-22T10:00:00Z";

/// A portal at the start of the story; needs a runtime.
fn portal_with(config: SimConfig) -> HubSpotSim {
    HubSpotSim::new(config, Arc::new(VirtualClock::starting_at(START.parse().unwrap())))
}

fn portal() -> HubSpotSim {
    portal_with(SimConfig::default())
}

/// An answer taken apart.
struct Reply {
    status: u16,
    headers: HeaderMap,
    body: Value,
    text: String,
}

impl Reply {
    fn of(response: Response<Bytes>) -> Self {
        let (parts, bytes) = response.into_parts();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Self { status: parts.status.as_u16(), headers: parts.headers, body, text }
    }

    fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

async fn raw(sim: &HubSpotSim, method: &str, uri: &str, token: &str, body: &str) -> Result<Response<Bytes>, Dropped> {
    let request = Request::builder().method(method).uri(uri).header("authorization", format!("Bearer {token}"));
    sim.handle(request.body(Bytes::from(body.to_owned())).unwrap()).await
}

async fn call_as(sim: &HubSpotSim, token: &str, line: &str, body: &str) -> Reply {
    let (method, uri) = line.split_once(' ').unwrap();
    Reply::of(raw(sim, method, uri, token, body).await.unwrap())
}

/// `"GET /path"` with the default token.
async fn call(sim: &HubSpotSim, line: &str, body: &str) -> Reply {
    call_as(sim, DEFAULT_TOKEN, line, body).await
}

async fn get(sim: &HubSpotSim, path: &str) -> Reply {
    call(sim, &format!("GET {path}"), "").await
}

async fn status(sim: &HubSpotSim, line: &str, body: &str) -> u16 {
    call(sim, line, body).await.status
}

/// Values for a contact.
fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The values of one field of all results.
fn column(body: &Value, field: &str) -> Vec<String> {
    let results = body["results"].as_array().unwrap();
    results.iter().map(|result| result[field].as_str().unwrap().to_owned()).collect()
}
