//! When does what run, and what is told about it: the loop between Kubernetes and the pure core.
//!
//! `feed` brings objects in, `store` keeps them, `queue` orders the work, `runner` runs it; each kind has a folder with the
//! same files: `mod.rs` (the order of steps), `report.rs` (what was found → status), `cleanup.rs` (deletion). Status is
//! written from what was observed and applied, by `status` alone. HubSpot is reached through `portal` and `apply` only.

pub mod assistant;
mod cleanup;
pub mod context;
pub mod crm_connection;
mod disposition;
pub mod events;
mod feed;
pub mod portals;
pub mod queue;
mod references;
pub mod runner;
pub mod schedule_sync;
mod status;
pub mod store;

pub use context::{Context, Settings};
pub use runner::{Operator, Readiness};

use crate::{api::condition::Reason, desired::references::ObjectRef, plan::Refusal};

/// One tenant never borrows another's portal.
fn not_allowed(connection: &ObjectRef, namespace: &str) -> Refusal {
    Refusal::new(
        Reason::ReferenceNotAllowed,
        format!(
            "CrmConnection {}/{} does not list namespace {namespace} in allowedNamespaces",
            connection.namespace, connection.name
        ),
    )
}
