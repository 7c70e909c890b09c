//! All integration tests, one target.
