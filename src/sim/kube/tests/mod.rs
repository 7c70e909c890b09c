//! The server as kube's own client sees it.

mod applies;
mod faults;
mod lives;
mod watches;
mod writes;

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{Api, CustomResource, CustomResourceExt as _, core::Status};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::runtime::clock::VirtualClock;

use super::KubeSim;

#[derive(CustomResource, Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[kube(group = "crm.theeminenceco.com", version = "v1alpha1", kind = "Assistant", namespaced)]
#[kube(status = "AssistantStatus", selectable = ".spec.email", derive = "PartialEq")]
struct AssistantSpec {
    email: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct AssistantStatus {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<serde_json::Value>")]
    conditions: Vec<Condition>,
}

/// A cluster on virtual time that serves assistants.
fn cluster() -> KubeSim {
    let sim = KubeSim::new(Arc::new(VirtualClock::starting_at("2026-03-01T09:00:00.5Z".parse().unwrap())));
    sim.create(serde_json::to_value(Assistant::crd()).unwrap()).unwrap();
    sim
}

fn assistants(sim: &KubeSim) -> Api<Assistant> {
    Api::default_namespaced(sim.client())
}

fn assistant(name: &str) -> Assistant {
    Assistant::new(name, AssistantSpec { email: format!("{name}@example.com"), role: None })
}

fn manifest(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "crm.theeminenceco.com/v1alpha1", "kind": "Assistant",
        "metadata": {"name": name, "namespace": namespace}, "spec": {"email": "anna@example.com"},
    })
}

fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

fn secret(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace},
        "stringData": {"token": "pat-na1-1"},
    })
}

/// The `Status` behind a refusal.
fn refusal<T: std::fmt::Debug>(result: Result<T, kube::Error>) -> Box<Status> {
    match result.unwrap_err() {
        kube::Error::Api(status) => status,
        other => panic!("no Status: {other}"),
    }
}
