//! Randomness, injected: one seed decides everything that is left to chance.

use std::{fmt, sync::Mutex, time::Duration};

/// A seeded source of chance, shared by whoever needs jitter.
pub struct Chance(Mutex<fastrand::Rng>);

impl Chance {
    /// Repeatable chance.
    pub fn seeded(seed: u64) -> Self {
        Self(Mutex::new(fastrand::Rng::with_seed(seed)))
    }

    /// Chance from the system's entropy.
    pub fn from_entropy() -> Self {
        Self(Mutex::new(fastrand::Rng::new()))
    }

    /// A number in `0..1`.
    pub fn fraction(&self) -> f64 {
        self.with(fastrand::Rng::f64)
    }

    /// A duration in `0..=upper` ("full jitter").
    pub fn up_to(&self, upper: Duration) -> Duration {
        upper.mul_f64(self.fraction())
    }

    /// `mid` moved by at most `share` (0.1 = ±10 %).
    pub fn around(&self, mid: Duration, share: f64) -> Duration {
        mid.mul_f64(1.0 + share * (2.0 * self.fraction() - 1.0))
    }

    /// Uses the generator itself.
    pub fn with<T>(&self, draw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        draw(&mut super::lock(&self.0))
    }
}

impl fmt::Debug for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chance")
    }
}
