//! All integration tests, one target.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail the test that called them")]

mod e2e;
mod support;
mod tidy;
