//! What the process stands on: time, chance, secrets, back-off, shutdown, telemetry, the way out over HTTP. Knows nothing of HubSpot or of our resources.

pub mod backoff;
pub mod chance;
pub mod clock;
pub mod secret;
pub mod shutdown;
pub mod telemetry;
pub mod transport;

#[cfg(test)]
pub(crate) mod testing;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, whatever became of an earlier holder: every value kept this way is whole between any two statements.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
