//! HubSpot's limits, kept before HubSpot has to say so (API.md §11).
//!
//! One [`Limiter`] per portal and token, shared by every client of it. It counts sends in a rolling window, lets people's
//! edits pass before timers, and after a refusal keeps everybody quiet until one probe has found out that it is over. It
//! sends nothing itself.
//!
//! What is left after us is never less than the reserve, whoever has used the rest, but for one call in a window. What
//! others use is learnt from what HubSpot says is left: of the ten seconds (they use our token, or our app), and of the
//! day, which all calls of the account count to. Searches have no header: there all calls of others are the most that can
//! be searches. Of the day that is also left which others are going to need until midnight at their present pace, once a
//! third is used.

mod day;
mod others;
mod state;
mod urgency;
mod window;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::HeaderMap;
use jiff::{Timestamp, tz::TimeZone};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

pub use self::{
    day::Forecast,
    urgency::{Lane, Urgency},
};
use self::{
    state::{State, Ticket, Turn},
    window::Window,
};
use super::error::{ErrorKind, RatePolicy};
use crate::runtime::clock::Clock;

/// Assumed until headers say otherwise: the smallest documented limit (API.md §11).
const DEFAULT_MAX: u32 = 100;
const DEFAULT_INTERVAL: Duration = Duration::from_secs(10);
/// Search has its own limit, all credentials of the account together, and says nothing of it in headers.
const SEARCH_MAX: u32 = 5;
const SEARCH_INTERVAL: Duration = Duration::from_secs(1);
/// Shortest pauses after a 429.
const SECONDLY_PAUSE: Duration = Duration::from_secs(1);
const TEN_SECONDLY_PAUSE: Duration = Duration::from_secs(10);
/// No server parks us for longer than this at a time; API.md §12 knows of a day.
const LONGEST_PAUSE: Duration = Duration::from_hours(24);

/// Which of HubSpot's window limits a call counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Budget {
    General,
    Search,
}

impl Budget {
    fn other(self) -> Self {
        match self {
            Self::General => Self::Search,
            Self::Search => Self::General,
        }
    }
}

/// Why everything is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    Rate(RatePolicy),
    Busy { status: u16 },
}

/// Why a call does not get its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Exhausted { resets_at: Timestamp },
    Paused { cause: Cause, left: Duration },
}

impl From<Refusal> for ErrorKind {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Exhausted { resets_at } => Self::QuotaExhausted { resets_at },
            Refusal::Paused { cause: Cause::Rate(policy), left } => Self::RateLimited { policy, retry_after: left },
            Refusal::Paused { cause: Cause::Busy { status }, left } => Self::Busy { status, retry_after: left },
        }
    }
}

/// Whoever is told that the day is used up may ask again after this: what was left to others may not be needed by them.
pub const LOOK_AGAIN: Duration = Duration::from_mins(61);

/// What is known of the limits, for metrics and `doctor`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Calls HubSpot allows in an interval.
    pub window_max: u32,
    /// The interval.
    pub window_interval: Duration,
    /// Of those, the calls we use while nobody else does.
    pub window_allowance: usize,
    /// Of those, the calls that others of the same app use, as far as answers of the last two intervals show it.
    pub window_others: u32,
    /// Searches we make in a second.
    pub search_allowance: usize,
    /// Calls HubSpot allows in a day; unknown until a header says so, always unknown with OAuth.
    pub daily_max: Option<u32>,
    /// What is left of them for all apps of the account.
    pub daily_remaining: Option<u32>,
    /// Whether today's calls are going to be enough; unknown in the first half hour.
    pub forecast: Option<Forecast>,
    /// The portal's next midnight, when the day's limit resets.
    pub resets_at: Timestamp,
    /// When the day's limit resets, if it is used up.
    pub exhausted_until: Option<Timestamp>,
    /// How long nothing is sent, if HubSpot asked for a pause.
    pub paused_for: Option<Duration>,
    /// Calls waiting for their turn.
    pub waiting: usize,
}

/// Gives out turns to send. See the module.
pub struct Limiter {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

impl Limiter {
    /// A limiter that leaves `reserve_percent` (0..=100) of every limit unused. At least one call per window is let
    /// through whatever the reserve, and whatever others use.
    pub fn new(clock: Arc<dyn Clock>, reserve_percent: u8) -> Self {
        let general = Window::new(DEFAULT_MAX, DEFAULT_INTERVAL, reserve_percent);
        let search = Window::new(SEARCH_MAX, SEARCH_INTERVAL, reserve_percent);
        Self { clock, state: Mutex::new(State::new(general, search, reserve_percent)) }
    }

    /// Another share to leave unused, from now on.
    pub fn set_reserve(&self, reserve_percent: u8) {
        let mut state = self.lock();
        state.set_reserve(reserve_percent.min(100));
        state.wake_heads();
    }

    /// The portal's time zone (e.g. `US/Eastern`): its midnight resets the daily limit. An unknown name is UTC.
    pub fn set_time_zone(&self, name: &str) {
        self.lock().day.set_zone(TimeZone::get(name).unwrap_or(TimeZone::UTC));
    }

    /// What is known now.
    pub fn quota(&self) -> Quota {
        let (date, now) = (self.clock.now(), Instant::now());
        let mut state = self.lock();
        let exhausted_until = state.exhausted_until(date);
        let window_others = state.window_mut(Budget::General).others(now);
        let searches_of_others = state.searches_of_others(now);
        let window = state.window(Budget::General);
        Quota {
            window_max: window.max(),
            window_interval: window.interval(),
            window_allowance: window.allowance(),
            window_others,
            search_allowance: state.window(Budget::Search).allowance_beside(searches_of_others),
            daily_max: state.day.max(),
            daily_remaining: state.day.remaining(),
            forecast: state.day.forecast(),
            resets_at: state.day.midnight_after(date),
            exhausted_until,
            paused_for: state.paused_until().map(|until| until.saturating_duration_since(now)).filter(|d| !d.is_zero()),
            waiting: state.waiting(),
        }
    }

    /// Whether HubSpot is to be asked how much of the day is used: no answer has said so for an hour. Asked, it is not due
    /// again for an hour.
    pub fn ask_usage(&self) -> bool {
        let date = self.clock.now();
        self.lock().day.ask_usage(date)
    }

    /// HubSpot was asked, and this is the day's limit and what is left of it.
    pub(super) fn learn_usage(
        &self,
        (max, remaining): (u32, u32),
        (collected_at, resets_at): (Option<Timestamp>, Option<Timestamp>),
    ) {
        let date = self.clock.now();
        let is_over = resets_at.is_some_and(|at| at <= date);
        let mut state = self.lock();
        if is_over || collected_at.is_some_and(|at| state.is_before_today(at, date)) {
            return;
        }
        state.learn_usage((max, remaining), Instant::now(), date);
    }

    /// Waits for a turn. Fails at once when the day is used up or the pause is longer than a minute.
    pub(super) async fn acquire(
        self: &Arc<Self>,
        urgency: impl Into<Urgency>,
        budget: Budget,
    ) -> Result<Permit, Refusal> {
        let (urgency, bell) = (urgency.into(), Arc::new(Notify::new()));
        let mut raised = urgency.watch();
        let ticket = self.lock().queue_up(budget, urgency.lane(), Arc::clone(&bell));
        // Leaves the queue however this ends, so that a cancelled call never blocks those behind it.
        let mut place = Place { limiter: self, budget, ticket };
        loop {
            let date = self.clock.now();
            let now = Instant::now();
            let turn = self.lock().turn(budget, place.ticket, now, date);
            match turn {
                Turn::Go { probe, number } => {
                    drop(place);
                    return Ok(Permit { limiter: Arc::clone(self), budget, probe, number, sent_at: now });
                }
                Turn::Refused(refusal) => return Err(refusal),
                Turn::WhenWoken => tokio::select! {
                    biased;
                    () = bell.notified() => {}
                    Ok(()) = raised.changed() => place.move_to(urgency.lane()),
                },
                Turn::At(time) => tokio::select! {
                    biased;
                    () = bell.notified() => {}
                    Ok(()) = raised.changed() => place.move_to(urgency.lane()),
                    () = sleep_until(time) => {}
                },
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").field("quota", &self.quota()).finish()
    }
}

/// A place in the queue.
struct Place<'a> {
    limiter: &'a Limiter,
    budget: Budget,
    ticket: Ticket,
}

impl Place<'_> {
    fn move_to(&mut self, lane: Lane) {
        self.ticket = self.limiter.lock().move_to(self.budget, self.ticket, lane);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.limiter.lock().leave(self.budget, self.ticket);
    }
}

/// The right to send one request. Tell it how the request ended; dropped, it means there was no answer.
pub(super) struct Permit {
    limiter: Arc<Limiter>,
    budget: Budget,
    probe: bool,
    /// How many calls we have sent, with this one.
    number: u64,
    sent_at: Instant,
}

impl Permit {
    /// HubSpot answered, and not with a refusal for now.
    pub(super) fn answered(mut self, headers: &HeaderMap) {
        let mut state = self.learn(headers);
        if self.probe {
            state.probed(true);
        }
        drop(state);
        self.probe = false;
    }

    /// 429: pauses everybody, or ends the day. Answers what it means for the call.
    pub(super) fn limited(self, headers: &HeaderMap, policy: RatePolicy) -> ErrorKind {
        if policy == RatePolicy::Daily {
            let date = self.limiter.clock.now();
            let resets_at = self.learn(headers).exhaust(date);
            return ErrorKind::QuotaExhausted { resets_at };
        }
        let least = if policy == RatePolicy::Secondly { SECONDLY_PAUSE } else { TEN_SECONDLY_PAUSE };
        let retry_after = retry_after(headers).unwrap_or_default().max(least);
        let mut state = self.learn(headers);
        state.pause(Cause::Rate(policy), Instant::now() + retry_after);
        if self.budget == Budget::Search {
            state.crowded(Instant::now());
        }
        ErrorKind::RateLimited { policy, retry_after }
    }

    /// Refused for now by something else than a limit: pauses everybody for `least`, or as long as HubSpot says.
    pub(super) fn busy(self, headers: &HeaderMap, status: u16, least: Duration) -> ErrorKind {
        let retry_after = retry_after(headers).unwrap_or_default().max(least);
        self.learn(headers).pause(Cause::Busy { status }, Instant::now() + retry_after);
        ErrorKind::Busy { status, retry_after }
    }

    fn learn(&self, headers: &HeaderMap) -> MutexGuard<'_, State> {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u32>().ok();
        let (date, now) = (self.limiter.clock.now(), Instant::now());
        let mut state = self.limiter.lock();
        if self.budget == Budget::General {
            let interval = number("x-hubspot-ratelimit-interval-milliseconds");
            let window = state.window_mut(Budget::General);
            window.learn(
                number("x-hubspot-ratelimit-max"),
                interval.map(|milliseconds| Duration::from_millis(milliseconds.into())),
            );
            if let Some(remaining) = number("x-hubspot-ratelimit-remaining") {
                window.read(remaining, self.sent_at, now);
            }
        }
        let day = (number("x-hubspot-ratelimit-daily"), number("x-hubspot-ratelimit-daily-remaining"));
        state.learn_day(day, self.number, now, date);
        state.wake_heads();
        state
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.limiter.lock();
        state.returned(self.budget);
        if self.probe {
            state.probed(false);
        }
    }
}

/// `Retry-After` in seconds, at most a day. HubSpot documents it for 477 only; a date counts as absent.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_PAUSE))
}
