//! What the process serves: health, for the kubelet; webhooks, for HubSpot; and while somebody waits for a consent, the
//! address a browser brings it to.

pub mod callback;
pub mod health;
pub mod webhook;

pub mod signature;

mod connections;
mod events;
