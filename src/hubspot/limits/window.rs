//! One rolling window of sends. Pure: told the time, never asks for it.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::others::Peak;

/// Added to every interval, so that a send at the very edge of ours is not inside HubSpot's.
const MARGIN: Duration = Duration::from_millis(20);

/// Bounds on what a header may make of a window.
const INTERVALS: std::ops::RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_hours(1);
const LARGEST_MAX: u32 = 10_000;

/// At most `max` sends in `interval`, less a reserve and what others of the same app use.
#[derive(Debug)]
pub(super) struct Window {
    max: u32,
    interval: Duration,
    reserve_percent: u8,
    /// Sends of the last two intervals, oldest first.
    sent: VecDeque<Instant>,
    /// What others used at least, whenever HubSpot said what is left.
    others: Peak,
    /// When HubSpot last said so, and whether there were others.
    read: Option<(Instant, bool)>,
    /// Sends without an answer yet.
    under_way: usize,
    /// HubSpot says nothing is left: no send before this.
    shut_until: Option<Instant>,
}

impl Window {
    pub(super) fn new(max: u32, interval: Duration, reserve_percent: u8) -> Self {
        Self {
            max,
            interval,
            reserve_percent: reserve_percent.min(100),
            sent: VecDeque::new(),
            others: Peak::default(),
            read: None,
            under_way: 0,
            shut_until: None,
        }
    }

    pub(super) fn set_reserve(&mut self, percent: u8) {
        self.reserve_percent = percent;
    }

    pub(super) fn max(&self) -> u32 {
        self.max
    }

    pub(super) fn interval(&self) -> Duration {
        self.interval
    }

    /// Our share of the limit while nobody else uses it; at least one, or nothing would ever move.
    pub(super) fn allowance(&self) -> usize {
        self.allowance_beside(0)
    }

    /// Our share beside `others`: what is left after us is never less than the reserve, but for one call in an interval.
    pub(super) fn allowance_beside(&self, others: u32) -> usize {
        let all_of_us = u64::from(self.max) * u64::from(100 - self.reserve_percent) / 100;
        usize::try_from(all_of_us.saturating_sub(others.into())).unwrap_or(usize::MAX).max(1)
    }

    /// What others use at most in two intervals, with a little more, for they do not keep time with us.
    pub(super) fn others(&mut self, now: Instant) -> u32 {
        self.others.highest(now, self.span() * 2).map_or(0, |(most, _)| with_slack(most))
    }

    /// When the next send may leave, beside what HubSpot's headers say of others: `now` or later.
    pub(super) fn opens_at(&mut self, now: Instant) -> Instant {
        let others = self.others.highest(now, self.span() * 2);
        let room_at = self.opens_beside(others.map_or(0, |(most, _)| with_slack(most)), now);
        // They may use less from then on.
        others.filter(|(most, _)| *most > 0).map_or(room_at, |(_, until)| room_at.min(until))
    }

    /// When the next send may leave beside `others`: `now` or later.
    pub(super) fn opens_beside(&mut self, others: u32, now: Instant) -> Instant {
        let span = self.span();
        while self.sent.front().is_some_and(|sent| *sent + span * 2 <= now) {
            self.sent.pop_front();
        }
        let begins = self.sent.partition_point(|sent| *sent + span <= now);
        let full = self.sent.len().checked_sub(self.allowance_beside(others)).filter(|full| *full >= begins);
        let room_at = full.and_then(|over| self.sent.get(over)).map_or(now, |sent| *sent + span);
        room_at.max(self.shut_until.unwrap_or(now)).max(now)
    }

    /// Whether one more may leave although HubSpot has not said lately how much others use: a few find out for all, or one
    /// where there were others last time.
    pub(super) fn may_scout(&self, now: Instant) -> bool {
        let few = (self.allowance() / 10).max(1);
        match self.read {
            Some((at, _)) if at + self.interval > now => true,
            Some((_, true)) => self.under_way == 0,
            Some((_, false)) | None => self.under_way < few,
        }
    }

    /// Notes a send.
    pub(super) fn take(&mut self, now: Instant) {
        self.sent.push_back(now);
        self.under_way += 1;
    }

    /// A send has come to its end, with or without an answer.
    pub(super) fn returned(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
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

    /// HubSpot says, in the answer to what was sent at `sent`, what is left. What is missing and cannot be ours is others'.
    pub(super) fn read(&mut self, remaining: u32, sent: Instant, now: Instant) {
        if now.duration_since(sent) > self.interval {
            return;
        }
        let ours = self.sent.len() - self.sent.partition_point(|at| *at + self.interval <= sent);
        let used = self.max.saturating_sub(remaining);
        let others = used.saturating_sub(u32::try_from(ours).unwrap_or(u32::MAX));
        self.others.note(now, others);
        self.read = Some((now, others > 0));
        if remaining == 0 {
            self.used_up(now);
        }
    }

    /// Nothing is left: room comes back when the oldest send leaves the window.
    fn used_up(&mut self, now: Instant) {
        let span = self.span();
        let begins = self.sent.partition_point(|sent| *sent + span <= now);
        let oldest = self.sent.get(begins).copied().unwrap_or(now);
        self.shut_until = Some(oldest + span);
    }

    fn span(&self) -> Duration {
        self.interval + MARGIN
    }
}

/// A twentieth more, and one.
fn with_slack(others: u32) -> u32 {
    if others == 0 { 0 } else { others + others / 20 + 1 }
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
        let mut window = Window::new(2, TEN_SECONDS, 0);
        window.take(start);
        window.take(start + Duration::from_secs(3));
        let now = start + Duration::from_secs(4);
        window.read(0, now, now);
        assert_eq!(window.opens_at(now), start + TEN_SECONDS + MARGIN);
    }

    #[test]
    fn the_whole_in_reserve_still_moves() {
        assert_eq!(Window::new(100, TEN_SECONDS, 100).allowance(), 1);
        assert_eq!(Window::new(5, TEN_SECONDS, 20).allowance(), 4);
    }
}
