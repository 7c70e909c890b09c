//! What the limiter knows, and whose turn it is. Pure but for the wake-ups it hands out: told the time, never asks.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use tokio::{sync::Notify, time::Instant};

use super::{Budget, Cause, Lane, Refusal, window::Window};

/// Longest pause a call waits for; beyond it the call fails at once.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// Place in the queue: lane first, then first come, first served.
pub(super) type Ticket = (Lane, u64);

/// Whether anything may be sent.
#[derive(Debug)]
enum Gate {
    Open,
    /// Nothing is sent before `until`.
    Paused {
        until: Instant,
        cause: Cause,
    },
    /// After a pause one request finds out whether it is over.
    Probing {
        under_way: bool,
    },
}

/// A budget and those who wait for it.
#[derive(Debug)]
struct Bucket {
    window: Window,
    queue: BTreeMap<Ticket, Arc<Notify>>,
}

/// The day's limit, shared by all apps of the account.
#[derive(Debug, Default)]
pub(super) struct Day {
    pub(super) max: Option<u32>,
    pub(super) remaining: Option<u32>,
    /// When we learnt that it is used up.
    exhausted_at: Option<Timestamp>,
}

/// What somebody who waits has to do.
#[derive(Debug)]
pub(super) enum Turn {
    /// Send.
    Go { probe: bool },
    /// Ask again at that time, or when woken.
    At(Instant),
    /// Ask again when woken.
    WhenWoken,
    /// Give up.
    Refused(Refusal),
}

#[derive(Debug)]
pub(super) struct State {
    buckets: [Bucket; 2],
    gate: Gate,
    pub(super) day: Day,
    zone: TimeZone,
    reserve_percent: u8,
    next_ticket: u64,
}

impl State {
    pub(super) fn new(general: Window, search: Window, reserve_percent: u8) -> Self {
        Self {
            buckets: [general, search].map(|window| Bucket { window, queue: BTreeMap::new() }),
            gate: Gate::Open,
            day: Day::default(),
            zone: TimeZone::UTC,
            reserve_percent: reserve_percent.min(100),
            next_ticket: 0,
        }
    }

    fn bucket(&mut self, budget: Budget) -> &mut Bucket {
        &mut self.buckets[budget as usize]
    }

    pub(super) fn window(&self, budget: Budget) -> &Window {
        &self.buckets[budget as usize].window
    }

    pub(super) fn window_mut(&mut self, budget: Budget) -> &mut Window {
        &mut self.bucket(budget).window
    }

    pub(super) fn waiting(&self) -> usize {
        self.buckets.iter().map(|bucket| bucket.queue.len()).sum()
    }

    pub(super) fn queue_up(&mut self, budget: Budget, lane: Lane, bell: Arc<Notify>) -> Ticket {
        let ticket = (lane, self.next_ticket);
        self.next_ticket += 1;
        self.bucket(budget).queue.insert(ticket, bell);
        ticket
    }

    pub(super) fn leave(&mut self, budget: Budget, ticket: Ticket) {
        self.bucket(budget).queue.remove(&ticket);
        self.wake_heads();
    }

    /// Wakes who is first in each budget. Nobody else could go.
    pub(super) fn wake_heads(&self) {
        for bucket in &self.buckets {
            if let Some((_, bell)) = bucket.queue.first_key_value() {
                bell.notify_one();
            }
        }
    }

    fn wake_all(&self) {
        self.buckets.iter().flat_map(|bucket| bucket.queue.values()).for_each(|bell| bell.notify_one());
    }

    /// Whose turn it is, for one who waits. `Go` counts the send.
    pub(super) fn turn(&mut self, budget: Budget, ticket: Ticket, now: Instant, date: Timestamp) -> Turn {
        if let Some(resets_at) = self.exhausted_until(date) {
            return Turn::Refused(Refusal::Exhausted { resets_at });
        }
        if let Gate::Paused { until, cause } = self.gate {
            let left = until.saturating_duration_since(now);
            if left > LONGEST_WAIT {
                return Turn::Refused(Refusal::Paused { cause, left });
            }
            if !left.is_zero() {
                return if self.is_head(budget, ticket) { Turn::At(until) } else { Turn::WhenWoken };
            }
            self.gate = Gate::Probing { under_way: false };
        }
        if !self.is_head(budget, ticket) || matches!(self.gate, Gate::Probing { under_way: true }) {
            return Turn::WhenWoken;
        }
        let opens_at = self.window_mut(budget).opens_at(now);
        if opens_at > now {
            return Turn::At(opens_at);
        }
        let probe = matches!(self.gate, Gate::Probing { .. });
        if probe && self.other_goes_first(budget, ticket, now) {
            return Turn::WhenWoken;
        }
        if probe {
            self.gate = Gate::Probing { under_way: true };
        }
        self.window_mut(budget).take(now);
        Turn::Go { probe }
    }

    fn is_head(&mut self, budget: Budget, ticket: Ticket) -> bool {
        self.bucket(budget).queue.first_key_value().is_some_and(|(first, _)| *first == ticket)
    }

    /// Only one request may probe: the first of the other budget, if it has the better place and could go.
    fn other_goes_first(&mut self, budget: Budget, ticket: Ticket, now: Instant) -> bool {
        let other = self.bucket(budget.other());
        let first = other.queue.first_key_value().map(|(first, bell)| (*first, Arc::clone(bell)));
        match first {
            Some((first, bell)) if first < ticket && other.window.opens_at(now) <= now => {
                bell.notify_one();
                true
            }
            _ => false,
        }
    }

    /// Pauses everything; a longer pause is never shortened.
    pub(super) fn pause(&mut self, cause: Cause, until: Instant) {
        match self.gate {
            Gate::Paused { until: later, .. } if later >= until => {}
            _ => self.gate = Gate::Paused { until, cause },
        }
        self.wake_all();
    }

    /// How the probe ended. Without an answer the next in line probes; another refusal has paused us already.
    pub(super) fn probed(&mut self, answered: bool) {
        if let Gate::Probing { under_way: true } = self.gate {
            self.gate = if answered { Gate::Open } else { Gate::Probing { under_way: false } };
        }
        self.wake_heads();
    }

    /// Notes what the headers say of the day; keeps the reserve.
    pub(super) fn learn_day(&mut self, max: Option<u32>, remaining: Option<u32>, date: Timestamp) {
        self.day.max = max.or(self.day.max);
        self.day.remaining = remaining.or(self.day.remaining);
        if let (Some(max), Some(remaining)) = (max, remaining) {
            let reserve = u64::from(max) * u64::from(self.reserve_percent) / 100;
            if u64::from(remaining) <= reserve {
                self.exhaust(date);
            }
        }
    }

    /// The day's limit is used up: nothing more today. Answers until when.
    pub(super) fn exhaust(&mut self, date: Timestamp) -> Timestamp {
        let at = *self.day.exhausted_at.get_or_insert(date);
        self.wake_all();
        self.midnight_after(at)
    }

    /// Until when the day's limit is used up. Clears itself when the time has come; one request then probes.
    pub(super) fn exhausted_until(&mut self, date: Timestamp) -> Option<Timestamp> {
        let resets_at = self.midnight_after(self.day.exhausted_at?);
        if date < resets_at {
            return Some(resets_at);
        }
        self.day.exhausted_at = None;
        self.day.remaining = None;
        if matches!(self.gate, Gate::Open) {
            self.gate = Gate::Probing { under_way: false };
        }
        None
    }

    pub(super) fn set_zone(&mut self, zone: TimeZone) {
        self.zone = zone;
    }

    pub(super) fn paused_until(&self) -> Option<Instant> {
        match self.gate {
            Gate::Paused { until, .. } => Some(until),
            Gate::Open | Gate::Probing { .. } => None,
        }
    }

    fn midnight_after(&self, date: Timestamp) -> Timestamp {
        let zoned = date.to_zoned(self.zone.clone());
        let midnight = zoned.tomorrow().and_then(|tomorrow| tomorrow.start_of_day());
        midnight.map_or(Timestamp::MAX, |midnight| midnight.timestamp())
    }
}
