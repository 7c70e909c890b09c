//! What the process stands on: time, chance, back-off, shutdown, telemetry. Knows nothing of HubSpot or of our resources.

pub mod backoff;
pub mod chance;
pub mod clock;
