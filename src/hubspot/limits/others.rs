//! What others use of a limit we share with them. Pure: told the time, never asks for it.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// Readings of a limit this far apart tell how much others send.
const SHORTEST: Duration = Duration::from_secs(5);
/// Looked back this far, if there are readings so old.
const USUAL: Duration = Duration::from_secs(10);
/// Readings are kept no closer than this.
const GAP: Duration = Duration::from_secs(1);
/// A counter that fell by more than half, and by more than answers cross, has begun anew.
pub(super) const CROSSING: u64 = 50;
/// A rate is believed for this long after the last reading.
const BELIEVED: Duration = Duration::from_mins(10);
/// The highest rate counts for this long.
const REMEMBERED: Duration = Duration::from_mins(1);

/// The highest of what was noted lately: whoever sends in bursts is counted with his burst.
#[derive(Debug, Default)]
pub(super) struct Peak {
    /// Oldest first, each lower than the one before.
    noted: VecDeque<(Instant, u32)>,
}

impl Peak {
    pub(super) fn note(&mut self, at: Instant, value: u32) {
        while self.noted.back().is_some_and(|(_, lower)| *lower <= value) {
            self.noted.pop_back();
        }
        self.noted.push_back((at, value));
    }

    /// The highest value younger than `keep`, and when it will have become older.
    pub(super) fn highest(&mut self, now: Instant, keep: Duration) -> Option<(u32, Instant)> {
        while self.noted.front().is_some_and(|(at, _)| *at + keep <= now) {
            self.noted.pop_front();
        }
        self.noted.front().map(|(at, value)| (*value, *at + keep))
    }
}

/// How many calls a second other apps of the account send, whatever they are: told by the day's counter, the only one all
/// calls of all apps count to.
#[derive(Debug, Default)]
pub(super) struct Rate {
    /// What others had used of the day, oldest first.
    readings: VecDeque<(Instant, u64)>,
    highest: Peak,
}

/// What is known of others' calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// HubSpot never said anything of a day.
    Never,
    /// It did, but not often enough yet, or long ago.
    NotNow,
    /// So many a second, to the nearest.
    PerSecond(u32),
}

impl Rate {
    /// Notes what others have used of the day so far.
    pub(super) fn note(&mut self, now: Instant, used_by_others: u64) {
        if self.readings.back().is_some_and(|(_, used)| used_by_others < *used) {
            // Answers cross, and days end.
            let ended = self.readings.back().is_some_and(|(_, used)| used_by_others + CROSSING < *used / 2);
            if !ended {
                return;
            }
            self.readings.clear();
        }
        if let Some(base) = self.base(now) {
            let (at, used) = base;
            let millis = u64::try_from(now.duration_since(at).as_millis()).unwrap_or(u64::MAX).max(1);
            let per_second = ((used_by_others - used) * 1000 + millis / 2) / millis;
            self.highest.note(now, u32::try_from(per_second).unwrap_or(u32::MAX));
        }
        if self.readings.back().is_none_or(|(at, _)| now.duration_since(*at) >= GAP) {
            self.readings.push_back((now, used_by_others));
        }
        // One that is old enough to look back to, and what is younger.
        while self.readings.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= USUAL) {
            self.readings.pop_front();
        }
    }

    fn base(&self, now: Instant) -> Option<(Instant, u64)> {
        let old_enough = |least: Duration| move |(at, _): &&(Instant, u64)| now.duration_since(*at) >= least;
        let usual = self.readings.iter().rev().find(old_enough(USUAL));
        usual.or_else(|| self.readings.iter().find(old_enough(SHORTEST))).copied()
    }

    pub(super) fn known(&mut self, now: Instant) -> Known {
        let Some((last, _)) = self.readings.back() else { return Known::Never };
        if now.duration_since(*last) > BELIEVED {
            return Known::NotNow;
        }
        // The last word counts until there is another, a higher one before it for a while.
        let keep = REMEMBERED.max(now.duration_since(*last) + GAP);
        self.highest.highest(now, keep).map_or(Known::NotNow, |(rate, _)| Known::PerSecond(rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_highest_counts_until_it_is_old() {
        let (mut peak, start) = (Peak::default(), Instant::now());
        for (second, value) in [(0, 3), (1, 9), (2, 4), (3, 5)] {
            peak.note(start + SECOND * second, value);
        }
        let ten = SECOND * 10;
        assert_eq!(peak.highest(start + SECOND * 4, ten), Some((9, start + SECOND * 11)));
        assert_eq!(peak.highest(start + SECOND * 11, ten), Some((5, start + SECOND * 13)));
        assert_eq!(peak.highest(start + SECOND * 13, ten), None);
    }

    #[test]
    fn a_rate_needs_two_readings_and_is_forgotten_in_the_end() {
        let (mut rate, start) = (Rate::default(), Instant::now());
        assert_eq!(rate.known(start), Known::Never);
        rate.note(start, 1000);
        rate.note(start + SECOND * 2, 1008);
        assert_eq!(rate.known(start + SECOND * 2), Known::NotNow);
        rate.note(start + SECOND * 5, 1020);
        assert_eq!(rate.known(start + SECOND * 5), Known::PerSecond(4));
        // They stop; a minute later that is believed.
        rate.note(start + SECOND * 70, 1020);
        rate.note(start + SECOND * 140, 1020);
        assert_eq!(rate.known(start + SECOND * 140), Known::PerSecond(0));
        assert_eq!(rate.known(start + SECOND * 700), Known::PerSecond(0));
        assert_eq!(rate.known(start + SECOND * 800), Known::NotNow);
    }

    #[test]
    fn crossed_answers_are_nothing_and_midnight_is_a_new_start() {
        let (mut rate, start) = (Rate::default(), Instant::now());
        rate.note(start, 1000);
        rate.note(start + SECOND * 6, 1024);
        rate.note(start + SECOND * 7, 1020);
        assert_eq!(rate.known(start + SECOND * 7), Known::PerSecond(4));
        rate.note(start + SECOND * 80, 3);
        assert_eq!(rate.known(start + SECOND * 80), Known::NotNow);
    }
}
