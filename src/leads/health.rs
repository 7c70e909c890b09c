//! Whether HubSpot and TEC can be used, and when to try again.

use std::time::Duration;

use tokio::time::Instant;

use crate::runtime::{backoff::Backoff, chance::Chance};

/// Pauses after a failure at TEC or HubSpot.
pub(super) const PAUSE: Backoff = Backoff { base: Duration::from_secs(1), max: Duration::from_mins(5) };

/// Whether something can be used.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Health {
    pub failures: u32,
    /// Not before.
    pub down_until: Option<Instant>,
    /// It has answered since the engine started.
    pub proven: bool,
}

impl Health {
    pub(super) fn is_down(&self) -> bool {
        self.down_until.is_some_and(|until| until > Instant::now())
    }

    pub(super) fn answered(&mut self) {
        *self = Self { proven: true, ..Self::default() };
    }

    pub(super) fn failed(&mut self, at_least: Duration, chance: &Chance) {
        self.failures = self.failures.saturating_add(1);
        self.down_until = Some(Instant::now() + PAUSE.delay(self.failures, chance).max(at_least));
    }
}
