//! TEC's events: when they are asked for, and what an answer means.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{Engine, Poll, trouble::pause_of_tec};
use crate::{
    leads::{
        health::Health,
        setup::{Halt, Mode},
    },
    tec::{self, EventPage},
};

/// How long TEC may hold a question for events.
const LONG_POLL: Duration = tec::MAX_WAIT;
/// Events asked for at once, unless so many are more than an answer may hold.
pub(super) const EVENTS: u32 = tec::MAX_EVENTS;
/// Pause after an answer without events for which TEC did not wait.
const POLL_FLOOR: Duration = Duration::from_secs(1);
/// With so many events waiting no more are asked for.
const EVENT_LIMIT: usize = 5_000;
/// While TEC does not know us the feed is asked first.
const AFTER_THE_FEED: Duration = Duration::from_secs(1);

impl Engine {
    pub(super) fn may_poll(&self) -> bool {
        self.setup.rules.mode == Mode::Process && !self.events.is_down() && self.feed.busy() < EVENT_LIMIT
    }

    pub(super) fn poll(&mut self) -> Poll {
        let (tec, after, limit) = (self.setup.links.tec.clone(), self.feed.cursor.clone(), self.page_limit);
        // The first question is whether TEC is there at all.
        let known = self.events.proven && self.events.failures == 0;
        let wait = if known { LONG_POLL } else { Duration::ZERO };
        self.asked = Some((Instant::now(), wait));
        Box::pin(async move { tec.events(after.as_ref(), limit, wait).await })
    }

    pub(super) fn take_page(&mut self, page: tec::Result<EventPage>) {
        match page {
            Ok(EventPage { cursor, events, skipped }) => {
                if self.events.failures > 0 {
                    // TEC is back: whatever waited for it is tried at once.
                    self.tec = Health::default();
                }
                self.events.answered();
                self.page_limit = self.page_limit.saturating_mul(2).min(EVENTS);
                if events.is_empty() && self.answered_too_soon() {
                    self.events.down_until = Some(Instant::now() + POLL_FLOOR);
                }
                self.tally.unknown_events += u64::try_from(skipped).unwrap_or_default();
                let now = Instant::now();
                for contact in self.feed.take_in(cursor, events) {
                    self.pending.want(contact, now, false);
                }
            }
            Err(error) if self.feed.cursor.is_some() && is_unknown_place(&error) => {
                tracing::warn!(connection = %self.name, "TEC does not know (any more) where we were, its events are read from the start");
                self.feed.restart();
            }
            // Too much mail for one answer, or one event that spoils it.
            Err(tec::Error { kind: tec::ErrorKind::Malformed { .. }, .. }) if self.page_limit > 1 => {
                self.page_limit /= 2;
            }
            Err(error) => {
                let pause = pause_of_tec(&error);
                self.events.failed(pause, &self.chance);
                if error.kind == tec::ErrorKind::Unauthorized {
                    // Nothing else is asked with that token before the feed has been asked again.
                    self.tec.down_until = self.events.down_until.map(|until| until + AFTER_THE_FEED);
                }
                self.halted(Halt::Tec(Arc::new(error)));
            }
        }
    }

    /// Whether TEC did not wait for events although it was asked to.
    pub(super) fn answered_too_soon(&self) -> bool {
        self.asked.is_some_and(|(at, wait)| !wait.is_zero() && at.elapsed() < POLL_FLOOR)
    }
}

/// TEC has forgotten the cursor, or never made it: it was kept from another one.
fn is_unknown_place(error: &tec::Error) -> bool {
    match &error.kind {
        tec::ErrorKind::CursorExpired => true,
        tec::ErrorKind::Rejected { code } => code == "INVALID_REQUEST",
        _ => false,
    }
}
