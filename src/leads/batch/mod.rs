//! Visits contacts: reads up to a hundred, decides about each, and carries out what was decided, in batches (DESIGN 6.2).
//!
//! The order is what makes a crash harmless: TEC first (its key is the assignment), then the timeline (natural keys), then
//! the contact with its mark, which commits, and last the leads that no contact is in work for: before, they might yet be. Whoever is visited again after a crash goes the same way and finds each step
//! done. A contact that cannot go on is set aside alone; the others go on.

mod contacts;
mod halves;
mod tec;
mod timelines;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use self::halves::read_contacts;
use super::{
    cases::{Case, Read, Wanted},
    contact::Contact,
    decide::{Decision, Team, Then, decide},
    engine::Engine,
    events::follow,
    mark::{Mark, MarkSeen, Phase},
    memory::{Settled, Visit},
    setup::{Mode, Rules, Setup},
};
use crate::{
    domain::ContactId,
    hubspot::{self, ContactRecord},
};

/// Contacts of one visit.
pub(super) const VISIT: usize = hubspot::BATCH_LIMIT;
/// Refusals after which what HubSpot refuses is left out, so that the contact can go on. Other trouble does not count.
const PATIENCE: u32 = 5;
/// A contact that is absent this long without a word is gone.
const ABSENCE: Duration = Duration::from_mins(1);

/// A visit under way.
struct Tour<'a> {
    engine: &'a mut Engine,
    setup: Setup,
    rules: Arc<Rules>,
    team: Team,
    /// Failures of each contact so far.
    visits: BTreeMap<ContactId, Visit>,
    cases: BTreeMap<ContactId, Case>,
}

impl Engine {
    /// Visits these contacts. What fails is planned again.
    pub(super) async fn visit(&mut self, setup: Setup, visits: Vec<(ContactId, Visit)>) {
        let rules = Arc::clone(&setup.rules);
        let mut team = rules.team();
        team.active.retain(|owner| !self.known.bad_owners.contains(owner));
        let visits: BTreeMap<ContactId, Visit> = visits.into_iter().collect();
        let mut tour = Tour { engine: self, setup, rules, team, visits, cases: BTreeMap::new() };
        if let Err(error) = tour.read().await {
            let contacts: Vec<ContactId> = tour.visits.keys().cloned().collect();
            for contact in contacts {
                tour.set_aside(&contact);
            }
            tour.engine.hubspot_failed(error);
            return;
        }
        if tour.rules.mode == Mode::Process {
            tour.carry_out().await;
        } else {
            tour.only_watch().await;
        }
    }
}

impl Tour<'_> {
    /// Reads the contacts and decides. One that HubSpot cannot read is set aside alone.
    async fn read(&mut self) -> Result<(), hubspot::Error> {
        let ids: Vec<ContactId> = self.visits.keys().cloned().collect();
        let rules = Arc::clone(&self.rules);
        let wanted = Wanted::of(&rules);
        let hubspot = self.setup.links.hubspot.clone();
        let (read, unreadable) = read_contacts(&hubspot, &ids, &wanted.properties()).await?;
        for (contact, error) in unreadable {
            tracing::warn!(connection = %self.engine.name, %contact, %error, "HubSpot cannot read a contact, will be repeated");
            self.set_aside_refused(&contact);
        }
        self.take(&wanted, &read.records);
        self.look_again_for_absent(&read.missing);
        Ok(())
    }

    /// Who is not in the answer is gone if HubSpot says so, or is still absent a while later: it has been seen to leave out
    /// records that are there (API.md §8.1).
    fn look_again_for_absent(&mut self, missing: &BTreeSet<ContactId>) {
        let now = Instant::now();
        let absent: Vec<ContactId> = self.visits.keys().filter(|id| !self.cases.contains_key(id)).cloned().collect();
        for contact in absent {
            let first = self.engine.known.missed(&contact, now);
            if !missing.contains(&contact)
                && now.duration_since(first) < ABSENCE
                && let Some(visit) = self.visits.remove(&contact)
            {
                self.engine.pending.again(contact, Visit { due: first + ABSENCE, ..visit });
            }
        }
    }

    fn take(&mut self, wanted: &Wanted<'_>, records: &[ContactRecord]) {
        for record in records {
            let Read { contact, person } = wanted.read(record);
            if !self.visits.contains_key(&contact.id) {
                // A merged contact may answer for the one it swallowed (API.md §8.1).
                self.engine.pending.want(contact.id, Instant::now(), true);
                continue;
            }
            self.engine.known.found(&contact.id);
            let events = self.engine.feed.of(&contact.id);
            let decision = self.decide(&contact);
            self.cases.insert(contact.id.clone(), Case::new(contact, person, decision, events));
        }
    }

    /// What the rules say. A contact that was deleted came back with a mark that says Working; its lead was stopped, so it is in
    /// work for nobody, and the assignment is looked at like one after a finished lead.
    fn decide(&self, contact: &Contact) -> Decision {
        let decision = decide(contact, &self.team);
        let stopped = |mark: &&Mark| mark.lead.as_ref().is_some_and(|lead| self.engine.known.is_stopped(lead));
        match contact.mark.mark().filter(stopped) {
            Some(mark) if decision.then == Then::InWork => {
                let mark = MarkSeen::Mark(Mark { phase: Phase::Done, ..mark.clone() });
                decide(&Contact { mark, ..contact.clone() }, &self.team)
            }
            Some(_) | None => decision,
        }
    }

    async fn carry_out(&mut self) {
        self.stop_and_forget_gone().await;
        self.stop_leads().await;
        self.leave_waiting();
        self.create_leads().await;
        self.follow_events();
        self.log_on_timelines().await;
        let written = self.update_contacts().await;
        self.stop_orphans(&written).await;
        for case in written {
            self.committed(&case);
        }
        self.engine.respect_choices(&self.setup).await;
    }

    /// `Observe` and `Hold`: nothing is written to HubSpot, and no lead begins. On hold, what a person took back is
    /// stopped all the same.
    async fn only_watch(&mut self) {
        if self.rules.mode == Mode::Hold {
            self.stop_and_forget_gone().await;
            self.stop_leads().await;
            self.stop_abandoned().await;
        }
        for (contact, case) in std::mem::take(&mut self.cases) {
            self.engine.observed(&contact, &case.decision.then);
            self.settle(&case);
        }
    }

    /// R11: assignments, and the events of an assistant on hold, stay where they are until the rules change.
    fn leave_waiting(&mut self) {
        let waiting: Vec<ContactId> =
            self.cases.iter().filter(|(_, case)| case.decision.then == Then::Wait).map(|(id, _)| id.clone()).collect();
        for contact in waiting {
            if let Some(case) = self.cases.remove(&contact) {
                self.engine.feed.park(&contact);
                self.settle(&case);
            }
        }
    }

    /// What the contacts will show, and what goes on their timelines.
    fn follow_events(&mut self) {
        let mut unknown = 0;
        let mut unwritable = Vec::new();
        for case in self.cases.values_mut() {
            case.followed = follow(case.mark_after_decision().as_ref(), &case.news());
            unknown += case.followed.unknown.len();
            if !case.plan(&self.rules, &self.team) {
                tracing::error!(connection = %self.engine.name, contact = %case.id(), "TEC's lead id is too long for the mark");
                unwritable.push(case.id().clone());
            }
            if self.visits.get(case.id()).is_some_and(|visit| visit.refusals >= PATIENCE) {
                // Better a contact without it than one that never moves.
                case.without_lead_status();
            }
            case.look_first = self.engine.may_be_logged(case) || case.has_old_news();
        }
        for contact in unwritable {
            self.cases.remove(&contact);
            self.set_aside(&contact);
        }
        if unknown > 0 {
            self.engine.tally.unknown_events += u64::try_from(unknown).unwrap_or_default();
            tracing::warn!(connection = %self.engine.name, count = unknown, "TEC reports states this version does not know; they are not shown");
        }
    }

    /// Searches may show this state of the contact for a while; it is known.
    fn settle(&mut self, case: &Case) {
        let how = Settled { owner: case.contact.owner.clone(), assigned: case.person.assigned };
        self.engine.known.settle(case.contact.id.clone(), how, Instant::now());
        self.visits.remove(&case.contact.id);
    }

    fn refusals(&self, contact: &ContactId) -> u32 {
        self.visits.get(contact).map_or(0, |visit| visit.refusals)
    }

    /// It is visited again, with growing pauses.
    fn set_aside(&mut self, contact: &ContactId) {
        if let Some(visit) = self.visits.remove(contact) {
            self.engine.visit_again(contact.clone(), visit, false);
        }
    }

    /// The same for one HubSpot itself has refused.
    fn set_aside_refused(&mut self, contact: &ContactId) {
        if let Some(visit) = self.visits.get_mut(contact) {
            visit.refusals = visit.refusals.saturating_add(1);
        }
        self.set_aside(contact);
    }

    /// It is visited again when TEC is there.
    fn set_aside_for_tec(&mut self, contact: &ContactId) {
        if let Some(visit) = self.visits.remove(contact) {
            self.engine.visit_again(contact.clone(), visit, true);
        }
    }
}
