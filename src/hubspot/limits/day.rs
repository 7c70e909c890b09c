//! The portal's day: its limit, what is used of it, and what will be by midnight. Pure: told the time, never asks for it.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp, Zoned, tz::TimeZone};

use super::others::CROSSING;

/// Use is judged by at least so much time, and by the last hour if there is one.
const SHORTEST: SignedDuration = SignedDuration::from_mins(30);
const USUAL: SignedDuration = SignedDuration::from_hours(1);
/// Readings are kept no closer than this.
const GAP: SignedDuration = SignedDuration::from_mins(5);
/// While the rest of the day is left to others, one call in this time finds out whether they still need it.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_hours(1);
/// A day that seems used up this soon after midnight is yesterday: HubSpot's clock may be behind ours.
const DAYBREAK: SignedDuration = SignedDuration::from_mins(10);

/// Whether today's calls, ours and others', are going to be enough. Changes with a margin, so that it does not flap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forecast {
    /// At the present pace they are.
    Fits,
    /// At the present pace all but the reserve is used before midnight.
    Exceeds,
}

/// What HubSpot said of the day at a time.
#[derive(Clone, Copy, Debug)]
struct Reading {
    at: Timestamp,
    /// Calls of all apps today.
    used: u64,
    /// Calls of ours, ever.
    ours: u64,
}

/// The day's limit, shared by all apps of the account.
#[derive(Debug)]
pub(super) struct Day {
    zone: TimeZone,
    reserve_percent: u8,
    max: Option<u32>,
    /// Calls of ours before this day.
    ours_before: u64,
    latest: Option<Reading>,
    /// Earlier readings of the same day, oldest first.
    earlier: VecDeque<Reading>,
    /// When we learnt that it is used up.
    exhausted_at: Option<Timestamp>,
    forecast: Option<Forecast>,
    last_sent: Option<Timestamp>,
    usage_asked_at: Option<Timestamp>,
}

impl Day {
    pub(super) fn new(reserve_percent: u8) -> Self {
        Self {
            zone: TimeZone::UTC,
            reserve_percent: reserve_percent.min(100),
            max: None,
            ours_before: 0,
            latest: None,
            earlier: VecDeque::new(),
            exhausted_at: None,
            forecast: None,
            last_sent: None,
            usage_asked_at: None,
        }
    }

    pub(super) fn set_zone(&mut self, zone: TimeZone) {
        self.zone = zone;
    }

    pub(super) fn set_reserve(&mut self, percent: u8) {
        self.reserve_percent = percent;
    }

    /// Whether a time is of an earlier day.
    pub(super) fn is_before_today(&self, at: Timestamp, date: Timestamp) -> bool {
        self.midnight_after(at) <= date
    }

    pub(super) fn max(&self) -> Option<u32> {
        self.max
    }

    /// What is left for all apps, as last heard.
    pub(super) fn remaining(&self) -> Option<u32> {
        let used = self.latest?.used;
        Some(u32::try_from(u64::from(self.max?).saturating_sub(used)).unwrap_or(u32::MAX))
    }

    pub(super) fn forecast(&self) -> Option<Forecast> {
        self.forecast
    }

    /// Notes a send of ours.
    pub(super) fn sent(&mut self, date: Timestamp) {
        self.last_sent = Some(date);
    }

    /// What HubSpot says; `ours` are all calls of ours it has counted. Answers what others have used today, if that is known.
    pub(super) fn learn(
        &mut self,
        (max, remaining): (Option<u32>, Option<u32>),
        ours: u64,
        date: Timestamp,
    ) -> Option<u64> {
        self.max = max.or(self.max);
        let remaining = remaining?;
        let used = u64::from(self.max?.saturating_sub(remaining));
        let new = Reading { at: date, used, ours };
        self.roll(ours, date);
        if self.latest.is_some_and(|latest| used + CROSSING < latest.used / 2) {
            self.begin(ours);
        }
        // Answers cross: the higher of two is the later.
        if self.latest.is_none_or(|latest| latest.used <= used) {
            self.latest = Some(new);
        }
        if self.earlier.back().is_none_or(|last| date.duration_since(last.at) >= GAP) {
            self.earlier.push_back(new);
        }
        while self.earlier.get(1).is_some_and(|second| date.duration_since(second.at) >= USUAL) {
            self.earlier.pop_front();
        }
        if u64::from(remaining) <= self.reserve() {
            self.exhaust(date);
        }
        self.foresee();
        Some(self.others(&new))
    }

    /// A new day; what is known of the old one is worth nothing.
    fn begin(&mut self, ours: u64) {
        (self.ours_before, self.latest) = (ours, None);
        self.earlier.clear();
        self.forecast = self.forecast.map(|_| Forecast::Fits);
    }

    /// Forgets a day that is over.
    pub(super) fn roll(&mut self, ours: u64, date: Timestamp) {
        if self.latest.is_some_and(|latest| self.midnight_after(latest.at) <= date) {
            self.begin(ours);
        }
    }

    fn reserve(&self) -> u64 {
        u64::from(self.max.unwrap_or_default()) * u64::from(self.reserve_percent) / 100
    }

    fn others(&self, reading: &Reading) -> u64 {
        reading.used.saturating_sub(reading.ours.saturating_sub(self.ours_before))
    }

    /// The day's limit is used up: nothing more today. Answers until when.
    pub(super) fn exhaust(&mut self, date: Timestamp) -> Timestamp {
        let at = self.exhausted_before(date).unwrap_or(date);
        self.exhausted_at = Some(at);
        self.end_of(at)
    }

    /// Until when the day's limit is used up.
    pub(super) fn exhausted_until(&self, date: Timestamp) -> Option<Timestamp> {
        self.exhausted_before(date).map(|at| self.end_of(at))
    }

    /// When that was learnt; what was learnt in the future a clock said that has been set right since.
    fn exhausted_before(&self, date: Timestamp) -> Option<Timestamp> {
        self.exhausted_at.filter(|at| at.duration_since(date) <= DAYBREAK)
    }

    /// A day that was used up is over: what is left of the new one is not known.
    pub(super) fn refill(&mut self, ours: u64) {
        self.exhausted_at = None;
        self.begin(ours);
    }

    /// Until when nothing may be sent for the sake of the day, where we have sent `ours` calls in all: what is left is the
    /// reserve, or less than two thirds of the day and no more than others are going to need and a little.
    pub(super) fn spent_until(&mut self, ours: u64, date: Timestamp) -> Option<Timestamp> {
        if let Some(until) = self.exhausted_until(date) {
            return Some(until);
        }
        let latest = self.latest?;
        let max = u64::from(self.max?);
        let left = max.saturating_sub(latest.used + ours.saturating_sub(latest.ours));
        if left <= self.reserve() {
            return Some(self.exhaust(date));
        }
        let midnight = self.midnight_after(latest.at);
        let needed = self.expected(&latest, midnight, |reading| self.others(reading))?;
        let lately = self.last_sent.is_some_and(|at| date.duration_since(at) < LOOK_AGAIN);
        // Of their whole day a twentieth more: a margin that stays as it is until midnight.
        let margin = (self.others(&latest) + needed) / 20;
        (left <= needed + margin && left <= max / 3 * 2 && lately).then_some(midnight)
    }

    /// Calls that come before midnight at the present pace: the slower of today's and the last hour's, so that neither a
    /// job at night nor a burst is taken for the day.
    fn expected(&self, latest: &Reading, midnight: Timestamp, calls: impl Fn(&Reading) -> u64) -> Option<u64> {
        let base = self.earlier.front().filter(|base| latest.at.duration_since(base.at) >= SHORTEST)?;
        let rest = midnight.duration_since(latest.at);
        let recent = project(calls(latest).saturating_sub(calls(base)), latest.at.duration_since(base.at), rest);
        let today = project(calls(latest), latest.at.duration_since(self.start_of(latest.at)), rest);
        Some(recent.min(today))
    }

    fn foresee(&mut self) {
        let (Some(max), Some(latest)) = (self.max, self.latest) else { return };
        let midnight = self.midnight_after(latest.at);
        let Some(expected) = self.expected(&latest, midnight, |reading| reading.used) else { return };
        let (total, usable) = (latest.used + expected, u64::from(max) - self.reserve());
        if total > usable {
            self.forecast = Some(Forecast::Exceeds);
        } else if self.forecast.is_none() || total <= usable / 10 * 9 {
            self.forecast = Some(Forecast::Fits);
        }
    }

    /// Whether to ask how much is used: no answer has said so for an hour. Asked, it is not due for an hour.
    pub(super) fn ask_usage(&mut self, date: Timestamp) -> bool {
        let fresh = |at: Option<Timestamp>| at.is_some_and(|at| date.duration_since(at) < LOOK_AGAIN);
        let due = !fresh(self.latest.map(|latest| latest.at)) && !fresh(self.usage_asked_at);
        if due {
            self.usage_asked_at = Some(date);
        }
        due
    }

    /// The portal's next midnight.
    pub(super) fn midnight_after(&self, date: Timestamp) -> Timestamp {
        let tomorrow = self.local(date).tomorrow();
        tomorrow.and_then(|day| day.start_of_day()).map_or(Timestamp::MAX, |midnight| midnight.timestamp())
    }

    fn start_of(&self, date: Timestamp) -> Timestamp {
        self.local(date).start_of_day().map_or(date, |midnight| midnight.timestamp())
    }

    /// When a day that was found used up at `date` ends.
    fn end_of(&self, date: Timestamp) -> Timestamp {
        let morning = self.start_of(date).saturating_add(DAYBREAK).unwrap_or(date);
        if date < morning { morning } else { self.midnight_after(date) }
    }

    fn local(&self, date: Timestamp) -> Zoned {
        date.to_zoned(self.zone.clone())
    }
}

/// `calls` in a time, so many in `rest`.
fn project(calls: u64, time: SignedDuration, rest: SignedDuration) -> u64 {
    let seconds = |time: SignedDuration| u64::try_from(time.as_secs()).unwrap_or_default();
    calls.saturating_mul(seconds(rest)) / seconds(time).max(1)
}
