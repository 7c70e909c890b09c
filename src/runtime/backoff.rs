//! Exponential back-off with full jitter.

use std::time::Duration;

use super::chance::Chance;

/// How long to wait before the n-th repeat.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// Ceiling of the first wait.
    pub base: Duration,
    /// No ceiling grows beyond this.
    pub max: Duration,
}

impl Backoff {
    /// For reconciles: 1 s, doubling, at most 5 min.
    pub const RECONCILE: Self = Self { base: Duration::from_secs(1), max: Duration::from_mins(5) };

    /// The ceiling of the wait after `failures` failures in a row (1 = first failure).
    pub fn ceiling(self, failures: u32) -> Duration {
        let factor = 1u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.max)
    }

    /// A wait drawn between a tenth of the ceiling and the ceiling: never zero, never in step with others.
    pub fn delay(self, failures: u32, chance: &Chance) -> Duration {
        let ceiling = self.ceiling(failures);
        ceiling.mul_f64(0.1 + 0.9 * chance.fraction())
    }
}

#[cfg(test)]
mod tests {
    use super::{Backoff, Chance, Duration};

    #[test]
    fn doubles_up_to_the_limit_and_never_overflows() {
        let ceilings: Vec<u64> =
            [1, 2, 3, 9, 10, 40, u32::MAX].map(|n| Backoff::RECONCILE.ceiling(n).as_secs()).to_vec();
        assert_eq!(ceilings, [1, 2, 4, 256, 300, 300, 300]);
    }

    #[test]
    fn delays_are_jittered_within_bounds() {
        let chance = Chance::seeded(1);
        for failures in 1..20 {
            let delay = Backoff::RECONCILE.delay(failures, &chance);
            let ceiling = Backoff::RECONCILE.ceiling(failures);
            assert!(delay >= ceiling / 10 && delay <= ceiling, "{delay:?} of {ceiling:?}");
        }
        assert_ne!(Backoff::RECONCILE.delay(9, &chance), Backoff::RECONCILE.delay(9, &chance));
        assert!(chance.up_to(Duration::ZERO).is_zero());
    }
}
