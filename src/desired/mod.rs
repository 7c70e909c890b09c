//! PURE. From specs and what they refer to, to values that leave no question open. The only reader of specs.
//!
//! One file per kind; each turns a spec into its `Validated*` once, and nobody looks at the spec again. A spec that
//! cannot be turned is [`Invalid`], costs no HubSpot call and becomes `Stalled` with reason `InvalidSpec`.

pub mod assistant;
pub mod connection;
pub mod references;
pub mod schedule_sync;

pub use assistant::ValidatedAssistant;
pub use connection::ValidatedConnection;
pub use schedule_sync::{Claim, ScheduleUnion, SyncInput, SyncRef, SyncState};

/// The spec asks for something that cannot be; the text says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub String);

impl Invalid {
    fn at(field: &str, problem: impl std::fmt::Display) -> Self {
        Self(format!("{field}: {problem}"))
    }
}
