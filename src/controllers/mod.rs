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
pub mod leads;
pub mod portals;
pub mod queue;
mod references;
pub mod runner;
pub mod schedule_sync;
mod status;
pub mod store;
pub mod tec;

pub use context::{Context, Settings};
pub use runner::{Operator, Readiness};

use crate::{
    api::{CrmConnection, condition::Reason},
    desired::{connection::allows, references::ObjectRef},
    plan::Refusal,
};

/// Why a connection cannot be used from a namespace.
enum Barred {
    /// It does not exist.
    Missing(Refusal),
    /// It exists and cannot be read.
    Malformed(Refusal),
    /// One tenant never borrows another's portal.
    NotAllowed(Refusal),
}

/// Whether the connection exists and may be used from this namespace.
fn may_use(ctx: &Context, connection: &ObjectRef, namespace: &str) -> Result<(), Barred> {
    let ObjectRef { kind: _, namespace: home, name } = connection;
    match status::load::<CrmConnection>(ctx, connection) {
        status::Loaded::Gone => {
            let message = format!("CrmConnection {home}/{name} does not exist");
            Err(Barred::Missing(Refusal::new(Reason::ReferenceNotFound, message)))
        }
        status::Loaded::Malformed(_) => {
            let message = format!("CrmConnection {home}/{name} cannot be read");
            Err(Barred::Malformed(Refusal::new(Reason::ConnectionNotReady, message)))
        }
        status::Loaded::Object(found) if allows(&found.spec, home, namespace) => Ok(()),
        status::Loaded::Object(_) => {
            let message =
                format!("CrmConnection {home}/{name} does not list namespace {namespace} in allowedNamespaces");
            Err(Barred::NotAllowed(Refusal::new(Reason::ReferenceNotAllowed, message)))
        }
    }
}
