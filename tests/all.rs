//! All integration tests, one target.

mod e2e;
mod support;
