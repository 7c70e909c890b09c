//! What a user can write in YAML, and what comes back in status: the three kinds of `crm.theeminenceco.com/v1alpha1`.
//!
//! Types, schema, CEL rules and messages only. What a field *means* is decided in [`crate::desired`], the only reader of specs.
#![allow(unreachable_pub, reason = "kube's derive makes private shadow structs with public fields")]

pub mod assistant;
pub mod condition;
pub mod crm_connection;
pub mod schedule_sync;
pub mod schema;
pub mod shared;

pub use assistant::Assistant;
pub use crm_connection::CrmConnection;
pub use schedule_sync::ScheduleSync;

/// API group of all kinds.
pub const GROUP: &str = "crm.theeminenceco.com";
/// The one version served.
pub const VERSION: &str = "v1alpha1";
/// Held on every object until what it caused in HubSpot has been dealt with.
pub const FINALIZER: &str = "crm.theeminenceco.com/finalizer";
/// Field manager of every write to Kubernetes.
pub const FIELD_MANAGER: &str = "tec-crm";
/// "Compare now": any new value; echoed in `status.lastHandledReconcileAt`.
pub const REQUESTED_AT: &str = "crm.theeminenceco.com/requestedAt";
/// `"true"`: write the plan to status instead of applying it.
pub const PLAN: &str = "crm.theeminenceco.com/plan";
