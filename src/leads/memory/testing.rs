//! Names and times for the tests of this room.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::ContactId;

pub(super) fn contact(number: usize) -> ContactId {
    ContactId(format!("{number:04}"))
}

pub(super) fn after(start: Instant, seconds: u64) -> Instant {
    start + Duration::from_secs(seconds)
}
