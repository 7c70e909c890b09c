//! Controllers (docs follow).
pub mod queue;
pub mod store;
