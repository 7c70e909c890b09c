//! What the limiter knows, and whose turn it is. Pure but for the wake-ups it hands out: told the time, never asks.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{sync::Notify, time::Instant};

use super::{
    Budget, Cause, Lane, Refusal,
    day::Day,
    others::{Known, Rate},
    window::Window,
};

/// For this long after a refused search we search as if all the rest were somebody else's.
const CROWDED: Duration = Duration::from_mins(10);

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

/// What somebody who waits has to do.
#[derive(Debug)]
pub(super) enum Turn {
    /// Send; it is our call of that number.
    Go { probe: bool, number: u64 },
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
    /// Calls of other apps of the account.
    rate: Rate,
    /// A search was refused: somebody else searches, too.
    crowded_until: Option<Instant>,
    /// Calls of ours, ever.
    sent: u64,
    next_ticket: u64,
}

impl State {
    pub(super) fn new(general: Window, search: Window, reserve_percent: u8) -> Self {
        Self {
            buckets: [general, search].map(|window| Bucket { window, queue: BTreeMap::new() }),
            gate: Gate::Open,
            day: Day::new(reserve_percent),
            rate: Rate::default(),
            crowded_until: None,
            sent: 0,
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

    /// Moves a place to another lane, where it is older than all that came later.
    pub(super) fn move_to(&mut self, budget: Budget, ticket: Ticket, lane: Lane) -> Ticket {
        let moved = (lane, ticket.1);
        let queue = &mut self.bucket(budget).queue;
        if let Some(bell) = queue.remove(&ticket) {
            queue.insert(moved, bell);
        }
        self.wake_heads();
        moved
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
        if let Some(resets_at) = self.spent_until(date) {
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
        let opens_at = self.opens_at(budget, now);
        if opens_at > now {
            return Turn::At(opens_at);
        }
        if budget == Budget::General && !self.window(budget).may_scout(now) {
            return Turn::WhenWoken;
        }
        let probe = matches!(self.gate, Gate::Probing { .. });
        if probe && self.other_goes_first(budget, ticket, now) {
            return Turn::WhenWoken;
        }
        if probe {
            self.gate = Gate::Probing { under_way: true };
        }
        self.window_mut(budget).take(now);
        self.sent += 1;
        self.day.sent(date);
        Turn::Go { probe, number: self.sent }
    }

    /// When the next send of a budget may leave.
    fn opens_at(&mut self, budget: Budget, now: Instant) -> Instant {
        match budget {
            Budget::General => self.window_mut(budget).opens_at(now),
            Budget::Search => {
                let others = self.searches_of_others(now);
                self.window_mut(budget).opens_beside(others, now)
            }
        }
    }

    /// How many searches a second others may be making. No header tells (API.md §11), but they are not more than all their
    /// calls, which the day's counter shows; where there is none (OAuth), only a refusal does.
    pub(super) fn searches_of_others(&mut self, now: Instant) -> u32 {
        let all = self.window(Budget::Search).max();
        if self.crowded_until.is_some_and(|until| until > now) {
            return all;
        }
        match self.rate.known(now) {
            Known::Never => 0,
            Known::NotNow => all,
            Known::PerSecond(rate) => rate.min(all),
        }
    }

    /// A search was refused.
    pub(super) fn crowded(&mut self, now: Instant) {
        self.crowded_until = Some(now + CROWDED);
    }

    /// A send has come to its end.
    pub(super) fn returned(&mut self, budget: Budget) {
        self.window_mut(budget).returned();
        self.wake_heads();
    }

    fn is_head(&mut self, budget: Budget, ticket: Ticket) -> bool {
        self.bucket(budget).queue.first_key_value().is_some_and(|(first, _)| *first == ticket)
    }

    /// Only one request may probe: the first of the other budget, if it has the better place and could go.
    fn other_goes_first(&mut self, budget: Budget, ticket: Ticket, now: Instant) -> bool {
        let other = self.bucket(budget.other());
        let first = other.queue.first_key_value().map(|(first, bell)| (*first, Arc::clone(bell)));
        match first {
            Some((first, bell)) if first < ticket && self.opens_at(budget.other(), now) <= now => {
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

    /// Notes what HubSpot says of the day in the answer to our call of that number.
    pub(super) fn learn_day(&mut self, said: (Option<u32>, Option<u32>), number: u64, now: Instant, date: Timestamp) {
        let was_exhausted = self.day.exhausted_until(date).is_some();
        if let Some(others) = self.day.learn(said, number, date) {
            self.rate.note(now, others);
        }
        if !was_exhausted && self.day.exhausted_until(date).is_some() {
            self.wake_all();
        }
    }

    /// As [`Self::learn_day`], where HubSpot was asked how much is used.
    pub(super) fn learn_usage(&mut self, said: (u32, u32), now: Instant, date: Timestamp) {
        self.learn_day((Some(said.0), Some(said.1)), self.sent, now, date);
        self.wake_heads();
    }

    /// The day's limit is used up: nothing more today. Answers until when.
    pub(super) fn exhaust(&mut self, date: Timestamp) -> Timestamp {
        let until = self.day.exhaust(date);
        self.wake_all();
        until
    }

    pub(super) fn set_reserve(&mut self, percent: u8) {
        for bucket in &mut self.buckets {
            bucket.window.set_reserve(percent);
        }
        self.day.set_reserve(percent);
    }

    /// Whether a time is of an earlier day of the portal's.
    pub(super) fn is_before_today(&self, at: Timestamp, date: Timestamp) -> bool {
        self.day.is_before_today(at, date)
    }

    /// Until when the day's limit is used up. Clears itself when the time has come; one request then probes.
    pub(super) fn exhausted_until(&mut self, date: Timestamp) -> Option<Timestamp> {
        let resets_at = self.day.exhausted_until(date)?;
        if date < resets_at {
            return Some(resets_at);
        }
        self.day.refill(self.sent);
        if matches!(self.gate, Gate::Open) {
            self.gate = Gate::Probing { under_way: false };
        }
        None
    }

    /// Until when nothing is sent for the sake of the day.
    fn spent_until(&mut self, date: Timestamp) -> Option<Timestamp> {
        if let Some(until) = self.exhausted_until(date) {
            return Some(until);
        }
        self.day.roll(self.sent, date);
        self.day.spent_until(self.sent, date)
    }

    pub(super) fn paused_until(&self) -> Option<Instant> {
        match self.gate {
            Gate::Paused { until, .. } => Some(until),
            Gate::Open | Gate::Probing { .. } => None,
        }
    }
}
