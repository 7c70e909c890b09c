//! All integration tests, one target.
#![allow(unreachable_pub, reason = "modules of one test target")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail the test that called them")]

mod cli;
mod contract;
mod e2e;
mod simulation;
mod support;
mod tidy;
