//! What the process serves: health, for the kubelet; webhooks, for HubSpot.

pub mod health;
pub mod webhook;

pub mod signature;

mod connections;
mod events;
