//! What is told of the leads: counts, and the report on the board.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::Engine;
use crate::{
    domain::{ContactId, OwnerId},
    leads::{
        cases::Case,
        decide::Then,
        mailbox::News,
        mark::Phase,
        setup::{Bookmark, Flow, Mode, Report, Would},
    },
};

/// Time between two news of how far the events are.
const PLACE_PAUSE: Duration = Duration::from_secs(30);

impl Engine {
    /// An assistant has a contact in work since then.
    pub(in crate::leads) fn has_accepted(&mut self, assistant: &OwnerId, at: Timestamp) {
        let first = self.first_accepted.entry(assistant.clone()).or_insert(at);
        *first = at.min(*first);
    }

    /// What would be done to a contact.
    pub(in crate::leads) fn observed(&mut self, contact: &ContactId, then: &Then) {
        match then {
            Then::Accept(_) => drop(self.would.insert(contact.clone(), true)),
            Then::Refuse(..) => drop(self.would.insert(contact.clone(), false)),
            Then::Nothing | Then::InWork | Then::Wait | Then::GiveBack(..) | Then::Close(_) => {
                self.would.remove(contact);
            }
        }
    }

    /// Counts what was done.
    pub(in crate::leads) fn count(&mut self, case: &Case) {
        match &case.decision.then {
            Then::Accept(_) => self.tally.accepted += 1,
            Then::Refuse(..) => self.tally.refused += 1,
            Then::GiveBack(..) => self.tally.handed_back += 1,
            Then::Close(_) => self.tally.taken_back += 1,
            Then::Nothing | Then::InWork | Then::Wait => {}
        }
        if case.handed_back {
            self.tally.handed_back += 1;
        }
        let worked = case.mark.as_ref().is_some_and(|mark| mark.phase == Phase::Working);
        if !worked {
            self.would.remove(case.id());
        }
    }

    /// Puts the report on the board; news that somebody may wait for rings.
    pub(super) fn tell(&mut self) {
        if !self.hubspot.is_down() && !self.tec.is_down() && !self.events.is_down() && self.has_proven() {
            (self.halt, self.halted_at) = (None, None);
        }
        let flow = match self.told_halt() {
            Some(halt) => Flow::Halted(halt.clone()),
            None if self.has_proven() => self.refused.told().cloned().map_or(Flow::Flowing, Flow::Refused),
            // A blip, or the first answers are on their way.
            None => self.board.read().flow,
        };
        let accept = self.would.values().filter(|accept| **accept).count();
        let report = Report {
            flow,
            bookmark: Bookmark { cursor: self.feed.committed().cloned(), looked_until: self.looked_until },
            first_accepted: self.first_accepted.clone(),
            still_owned: self.still_owned.clone(),
            in_work: self.known.working.len(),
            delayed: self.pending.delayed(),
            tally: self.tally,
            would: Would { accept, refuse: self.would.len() - accept },
        };
        if self.board.write(report) {
            (self.on_news)(News::Standing);
        } else if self.has_moved_on() {
            (self.on_news)(News::Place);
        }
    }

    /// Whether the events have moved on since that was told last, some time ago.
    pub(super) fn has_moved_on(&mut self) -> bool {
        let (cursor, now) = (self.feed.committed(), Instant::now());
        let Some((told, at)) = &self.told else {
            self.told = Some((cursor.cloned(), now));
            return false;
        };
        let moved = told.as_ref() != cursor && now.duration_since(*at) >= PLACE_PAUSE;
        if moved {
            self.told = Some((cursor.cloned(), now));
        }
        moved
    }

    /// Both sides have answered since the start, or since the ways out changed.
    pub(super) fn has_proven(&self) -> bool {
        let tec = self.events.proven || self.setup.rules.mode != Mode::Process;
        self.hubspot.proven
            && tec
            && self.visits_succeed
            && self.hubspot.failures == 0
            && self.search.failures == 0
            && self.events.failures == 0
            && self.tec.failures == 0
    }
}
