//! What HubSpot looks like now: one snapshot per portal, shared by every object that uses it.
//!
//! Reads HubSpot, writes nothing to it. `snapshot.rs` holds values (the planner sees only these), `observe.rs` collects
//! them, `cache.rs` keeps them and joins concurrent reads, `trouble.rs` says what a failed call means for us.

pub mod cache;
mod observe;
pub mod snapshot;
pub mod trouble;

pub use cache::{Part, Portal};
pub use snapshot::{PortalSnapshot, Section};
pub use trouble::Trouble;
