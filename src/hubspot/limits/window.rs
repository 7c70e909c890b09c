//! One rolling window of sends. Pure: told the time, never asks for it.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// Added to every interval, so that a send at the very edge of ours is not inside HubSpot's.
const MARGIN: Duration = Duration::from_millis(20);

/// Bounds on what a header may make of a window.
const INTERVALS: std::ops::RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_hours(1);
const LARGEST_MAX: u32 = 10_000;

/// At most `max` sends in `interval`, less a reserve.
#[derive(Debug)]
pub(super) struct Window {
    max: u32,
    interval: Duration,
    reserve_percent: u8,
    /// Sends younger than the interval, oldest first.
    sent: VecDeque<Instant>,
    /// HubSpot says nothing is left: no send before this.
    shut_until: Option<Instant>,
}

impl Window {
    pub(super) fn new(max: u32, interval: Duration, reserve_percent: u8) -> Self {
        Self { max, interval, reserve_percent: reserve_percent.min(100), sent: VecDeque::new(), shut_until: None }
    }

    pub(super) fn max(&self) -> u32 {
        self.max
    }

    pub(super) fn interval(&self) -> Duration {
        self.interval
    }

    /// Our share of the limit; at least one, or nothing would ever move.
    pub(super) fn allowance(&self) -> usize {
        let ours = u64::from(self.max) * u64::from(100 - self.reserve_percent) / 100;
        usize::try_from(ours).unwrap_or(usize::MAX).max(1)
    }

    /// When the next send may leave: `now` or later.
    pub(super) fn opens_at(&mut self, now: Instant) -> Instant {
        let span = self.interval + MARGIN;
        while self.sent.front().is_some_and(|sent| *sent + span <= now) {
            self.sent.pop_front();
        }
        let full = self.sent.len().checked_sub(self.allowance()).and_then(|over| self.sent.get(over));
        let room_at = full.map_or(now, |sent| *sent + span);
        room_at.max(self.shut_until.unwrap_or(now)).max(now)
    }

    /// Notes a send.
    pub(super) fn take(&mut self, now: Instant) {
        self.sent.push_back(now);
    }

    /// Learns the limit from headers; nonsense is ignored.
    pub(super) fn learn(&mut self, max: Option<u32>, interval: Option<Duration>) {
        if let Some(max) = max.filter(|max| (1..=LARGEST_MAX).contains(max)) {
            self.max = max;
        }
        if let Some(interval) = interval.filter(|interval| INTERVALS.contains(interval)) {
            self.interval = interval;
        }
    }

    /// HubSpot says nothing is left: room comes back when the oldest send leaves the window.
    pub(super) fn used_up(&mut self, now: Instant) {
        let oldest = self.sent.front().copied().unwrap_or(now);
        self.shut_until = Some(oldest + self.interval + MARGIN);
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Instant, MARGIN, Window};

    const TEN_SECONDS: Duration = Duration::from_secs(10);

    #[test]
    fn lets_our_share_through_and_then_one_for_one() {
        let start = Instant::now();
        let mut window = Window::new(10, TEN_SECONDS, 20);
        for n in 0..8 {
            let now = start + Duration::from_secs(n);
            assert_eq!(window.opens_at(now), now, "send {n}");
            window.take(now);
        }
        let now = start + Duration::from_secs(8);
        assert_eq!(window.opens_at(now), start + TEN_SECONDS + MARGIN);
        let later = start + TEN_SECONDS + MARGIN;
        assert_eq!(window.opens_at(later), later);
        window.take(later);
        assert_eq!(window.opens_at(later), later + Duration::from_secs(1));
    }

    #[test]
    fn a_lower_limit_holds_at_once_and_nonsense_is_ignored() {
        let start = Instant::now();
        let mut window = Window::new(100, TEN_SECONDS, 0);
        for n in 0..10 {
            window.take(start + Duration::from_millis(n));
        }
        window.learn(Some(4), None);
        let now = start + Duration::from_secs(1);
        assert_eq!(window.opens_at(now), start + Duration::from_millis(6) + TEN_SECONDS + MARGIN);
        window.learn(Some(0), Some(Duration::ZERO));
        assert_eq!((window.max(), window.interval()), (4, TEN_SECONDS));
    }

    #[test]
    fn used_up_shuts_until_the_oldest_send_leaves() {
        let start = Instant::now();
        let mut window = Window::new(100, TEN_SECONDS, 0);
        window.take(start);
        window.take(start + Duration::from_secs(3));
        let now = start + Duration::from_secs(4);
        window.used_up(now);
        assert_eq!(window.opens_at(now), start + TEN_SECONDS + MARGIN);
    }

    #[test]
    fn the_whole_in_reserve_still_moves() {
        assert_eq!(Window::new(100, TEN_SECONDS, 100).allowance(), 1);
        assert_eq!(Window::new(5, TEN_SECONDS, 20).allowance(), 4);
    }
}
