//! What an engine remembers between two steps. All of it can be lost: then it looks again (DESIGN 6.2).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;
use tokio::time::Instant;

use super::{cases::Given, contact::Contact, mark::Mark};
use crate::{
    domain::{ContactId, LeadId, OwnerId},
    tec::{Cursor, Event},
};

/// Most events applied that are remembered, to recognise redelivered ones without asking HubSpot.
const APPLIED_LIMIT: usize = 50_000;
/// Most events kept for assistants on hold.
const PARKED_LIMIT: usize = 20_000;
/// Most contacts or leads of one kind that are remembered.
const REMEMBERED: usize = 100_000;

/// Contacts to be visited.
#[derive(Debug, Default)]
pub(super) struct Pending {
    contacts: BTreeMap<ContactId, Visit>,
}

/// Why and when a contact is visited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Visit {
    /// Not before.
    pub due: Instant,
    /// Somebody assigned it, maybe; otherwise there are only events for it.
    pub assignment: bool,
    /// Failures in a row.
    pub failures: u32,
    /// How many of them were HubSpot's refusals of this one.
    pub refusals: u32,
    /// TEC was not there: it is not read again before TEC is.
    pub needs_tec: bool,
}

impl Pending {
    /// Wants a visit; one that is planned is not postponed.
    pub(super) fn want(&mut self, contact: ContactId, due: Instant, assignment: bool) {
        let new = Visit { due, assignment, failures: 0, refusals: 0, needs_tec: false };
        let visit = self.contacts.entry(contact).or_insert(new);
        visit.assignment |= assignment;
        // One that failed keeps its pause.
        if visit.failures == 0 {
            visit.due = visit.due.min(due);
        }
    }

    /// Plans a visit again after a failure.
    pub(super) fn again(&mut self, contact: ContactId, visit: Visit) {
        self.contacts.insert(contact, visit);
    }

    pub(super) fn contains(&self, contact: &ContactId) -> bool {
        self.contacts.contains_key(contact)
    }

    pub(super) fn len(&self) -> usize {
        self.contacts.len()
    }

    /// Contacts whose last visit failed.
    pub(super) fn delayed(&self) -> usize {
        self.contacts.values().filter(|visit| visit.failures > 0 || visit.needs_tec).count()
    }

    /// When the next visit is due, if TEC is there from `tec_from` on.
    pub(super) fn next_due(&self, tec_from: Option<Instant>) -> Option<Instant> {
        self.contacts.values().map(|visit| visit.from(tec_from)).min()
    }

    /// Takes up to `limit` that are due, assignments first, but never events alone waiting for ever.
    pub(super) fn take(&mut self, now: Instant, tec_from: Option<Instant>, limit: usize) -> Vec<(ContactId, Visit)> {
        let (mut assignments, mut others): (Vec<_>, Vec<_>) = self
            .contacts
            .iter()
            .filter(|(_, visit)| visit.from(tec_from) <= now)
            .map(|(contact, visit)| (contact.clone(), *visit))
            .partition(|(_, visit)| visit.assignment);
        assignments.sort_by_key(|(_, visit)| visit.due);
        others.sort_by_key(|(_, visit)| visit.due);
        let reserved = others.len().min(limit / 4);
        assignments.truncate(limit - reserved);
        others.truncate(limit - assignments.len());
        assignments.append(&mut others);
        for (contact, _) in &assignments {
            self.contacts.remove(contact);
        }
        assignments
    }

    /// Whatever waits for something is tried at once.
    pub(super) fn hurry(&mut self, now: Instant) {
        for visit in self.contacts.values_mut() {
            visit.due = visit.due.min(now);
        }
    }
}

impl Visit {
    fn from(&self, tec_from: Option<Instant>) -> Instant {
        if self.needs_tec { self.due.max(tec_from.unwrap_or(self.due)) } else { self.due }
    }
}

/// Events that are not yet on their contacts, and how far the feed may be said to be read.
#[derive(Debug, Default)]
pub(super) struct Feed {
    /// What to ask for next.
    pub cursor: Option<Cursor>,
    /// Pages with events under way, oldest first: the cursor behind each, and how many. Without a cursor: events from
    /// before TEC forgot where we were.
    pages: VecDeque<(u64, Option<Cursor>, usize)>,
    next_page: u64,
    /// Behind everything that is done.
    committed: Option<Cursor>,
    queued: BTreeMap<ContactId, Vec<(u64, Event)>>,
    count: usize,
    /// Contacts whose events wait for their assistant.
    parked: BTreeSet<ContactId>,
    /// How many events those are.
    parked_count: usize,
    /// Some of those were let go of.
    forgotten: bool,
    /// The next page answers a question from before the cursor was set back.
    passed: bool,
    applied: BTreeSet<(LeadId, u64)>,
    applied_order: VecDeque<(LeadId, u64)>,
}

impl Feed {
    pub(super) fn from(cursor: Option<Cursor>) -> Self {
        Self { cursor: cursor.clone(), committed: cursor, ..Self::default() }
    }

    /// Takes a page; answers whose contacts have news. What is known is dropped.
    pub(super) fn take_in(&mut self, cursor: Cursor, events: Vec<Event>) -> BTreeSet<ContactId> {
        if std::mem::take(&mut self.passed) {
            return BTreeSet::new();
        }
        let page = self.new_page();
        let mut contacts = BTreeSet::new();
        let mut count = 0;
        for event in events {
            let key = (event.lead.clone(), event.seq);
            let queue = self.queued.entry(event.contact.clone()).or_default();
            let known = self.applied.contains(&key) || queue.iter().any(|(_, e)| (&e.lead, e.seq) == (&key.0, key.1));
            if !known {
                contacts.insert(event.contact.clone());
                self.parked_count += usize::from(self.parked.contains(&event.contact));
                queue.push((page, event));
                count += 1;
            }
        }
        self.queued.retain(|_, queue| !queue.is_empty());
        self.count += count;
        self.cursor = Some(cursor.clone());
        match self.pages.back_mut() {
            // Nothing on this page: what is behind it is behind the one before, too.
            Some((_, last, _)) if count == 0 => *last = Some(cursor),
            Some(_) | None => self.pages.push_back((page, Some(cursor), count)),
        }
        self.advance();
        contacts
    }

    /// The events waiting for a contact, in the order of their leads.
    pub(super) fn of(&self, contact: &ContactId) -> Vec<Event> {
        let mut events: Vec<Event> =
            self.queued.get(contact).into_iter().flatten().map(|(_, event)| event.clone()).collect();
        events.sort_by(|a, b| (&a.lead, a.seq).cmp(&(&b.lead, b.seq)));
        events
    }

    /// These events are on their contact, or never will be.
    pub(super) fn done(&mut self, contact: &ContactId, events: &[Event]) {
        let Some(queue) = self.queued.get_mut(contact) else { return };
        let mut pages = Vec::new();
        for event in events {
            let Some(at) = queue.iter().position(|(_, e)| e.lead == event.lead && e.seq == event.seq) else { continue };
            let (page, event) = queue.swap_remove(at);
            self.count -= 1;
            self.parked_count -= usize::from(self.parked.contains(contact));
            pages.push(page);
            let key = (event.lead, event.seq);
            if self.applied.insert(key.clone()) {
                self.applied_order.push_back(key);
            }
        }
        if queue.is_empty() {
            self.queued.remove(contact);
            self.parked.remove(contact);
        }
        pages.into_iter().for_each(|page| self.one_less(page));
        while self.applied_order.len() > APPLIED_LIMIT {
            if let Some(oldest) = self.applied_order.pop_front() {
                self.applied.remove(&oldest);
            }
        }
        self.advance();
    }

    /// An event of that page is done. A page without events is one with the page before it, so that one event that waits for
    /// weeks does not keep all pages behind it.
    fn one_less(&mut self, page: u64) {
        let Ok(at) = self.pages.binary_search_by_key(&page, |(number, _, _)| *number) else { return };
        let (_, cursor, left) = &mut self.pages[at];
        *left -= 1;
        if *left == 0 && at > 0 {
            let cursor = cursor.take();
            self.pages[at - 1].1 = cursor;
            self.pages.remove(at);
        }
    }

    fn advance(&mut self) {
        while let Some((_, cursor, 0)) = self.pages.front() {
            self.committed.clone_from(cursor);
            self.pages.pop_front();
        }
    }

    fn new_page(&mut self) -> u64 {
        let page = self.next_page;
        self.next_page += 1;
        page
    }

    /// Everything up to here is on its contact.
    pub(super) fn committed(&self) -> Option<&Cursor> {
        self.committed.as_ref()
    }

    /// Contacts with events waiting.
    pub(super) fn contacts(&self) -> Vec<ContactId> {
        self.queued.keys().cloned().collect()
    }

    /// How many events wait for anything but their assistant.
    pub(super) fn busy(&self) -> usize {
        self.count - self.parked_count
    }

    /// The contact's events wait for its assistant (R11), perhaps for weeks. Those beyond a limit are forgotten and read again
    /// when the wait is over: the cursor does not move past them.
    pub(super) fn park(&mut self, contact: &ContactId) {
        let Some(queue) = self.queued.get(contact) else { return };
        let length = queue.len();
        if self.parked.insert(contact.clone()) {
            self.parked_count += length;
        }
        if self.parked_count > PARKED_LIMIT {
            self.count -= length;
            self.parked_count -= length;
            self.queued.remove(contact);
            self.parked.remove(contact);
            self.forgotten = true;
        }
    }

    /// Whoever waited for an assistant may go on.
    pub(super) fn unpark(&mut self) {
        self.parked.clear();
        self.parked_count = 0;
        if std::mem::take(&mut self.forgotten) {
            self.cursor.clone_from(&self.committed);
            self.pages.clear();
            self.queued.clear();
            self.count = 0;
            // If there was no question under way, the next is put twice, which does no harm.
            self.passed = true;
        }
    }

    /// TEC has forgotten the cursor: everything is read again. What waits still waits, and until it is done nothing of
    /// what comes is said to be.
    pub(super) fn restart(&mut self) {
        self.cursor = None;
        self.committed = None;
        let page = self.new_page();
        for (of, _) in self.queued.values_mut().flatten() {
            *of = page;
        }
        self.pages = VecDeque::from([(page, None, self.count)]);
        self.advance();
    }
}

/// What is known of contacts.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Owner and assignment date that were dealt with: search shows the same contact again and again.
    settled: BTreeMap<ContactId, (Settled, Instant)>,
    /// Contacts in work, with their leads.
    pub working: BTreeMap<ContactId, LeadId>,
    /// Contacts on whose timelines nothing of ours can be that their mark does not tell.
    clean: BTreeSet<ContactId>,
    /// Contacts on whose timelines something was written, or may have been, that their mark does not tell.
    doubtful: BTreeSet<ContactId>,
    /// Leads that were begun for contacts which do not say so yet.
    pub begun: BTreeMap<ContactId, BTreeSet<LeadId>>,
    /// Contacts that HubSpot left out of its answers, and since when.
    absent: BTreeMap<ContactId, Instant>,
    /// Leads that were stopped: no need to say it again.
    stopped: BTreeSet<LeadId>,
    /// Contacts that went back, to whom and from which assistant, and nobody has looked yet whether that wrote over a choice.
    pub given: BTreeMap<ContactId, Given>,
    /// Owners HubSpot would not give a contact to.
    pub bad_owners: BTreeSet<OwnerId>,
}

/// What a contact's assignment looked like when it was dealt with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settled {
    pub owner: Option<OwnerId>,
    pub assigned: Option<Timestamp>,
}

impl Settled {
    /// As a search shows it.
    pub(super) fn of(shown: &Contact) -> Self {
        Self { owner: shown.owner.clone(), assigned: shown.owner_assigned_at }
    }
}

impl Known {
    pub(super) fn settle(&mut self, contact: ContactId, how: Settled, now: Instant) {
        self.settled.insert(contact, (how, now));
    }

    pub(super) fn is_settled(&self, contact: &ContactId, how: &Settled) -> bool {
        self.settled.get(contact).is_some_and(|(known, _)| known == how)
    }

    /// Everybody is looked at anew.
    pub(super) fn unsettle_all(&mut self) {
        self.settled.clear();
        self.bad_owners.clear();
    }

    /// Forgets what searches cannot show any more.
    pub(super) fn prune(&mut self, before: Instant) {
        self.settled.retain(|_, (_, at)| *at >= before);
    }

    pub(super) fn is_clean(&self, contact: &ContactId) -> bool {
        self.clean.contains(contact)
    }

    pub(super) fn is_doubtful(&self, contact: &ContactId) -> bool {
        self.doubtful.contains(contact)
    }

    pub(super) fn cleaned(&mut self, contact: ContactId) {
        if self.clean.len() >= REMEMBERED {
            // They will be looked up again.
            self.clean.clear();
        }
        self.doubtful.remove(&contact);
        self.clean.insert(contact);
    }

    /// Something of ours may be on its timeline.
    pub(super) fn doubt(&mut self, contact: &ContactId) {
        self.clean.remove(contact);
        self.doubtful.insert(contact.clone());
    }

    /// Leads begun for this contact that are not the one of its mark.
    pub(super) fn abandoned<'a>(
        &'a self,
        contact: &ContactId,
        mark: Option<&'a Mark>,
    ) -> impl Iterator<Item = &'a LeadId> {
        let marked = mark.and_then(|mark| mark.lead.as_ref());
        self.begun.get(contact).into_iter().flatten().filter(move |lead| Some(*lead) != marked)
    }

    /// It was left out of an answer. Since when it is.
    pub(super) fn is_absent(&mut self, contact: &ContactId, now: Instant) -> Instant {
        *self.absent.entry(contact.clone()).or_insert(now)
    }

    /// It was not left out.
    pub(super) fn is_there(&mut self, contact: &ContactId) {
        self.absent.remove(contact);
    }

    /// It is gone.
    pub(super) fn forget(&mut self, contact: &ContactId) {
        self.absent.remove(contact);
        self.begun.remove(contact);
        self.settled.remove(contact);
    }

    /// TEC works on it no more.
    pub(super) fn stopped(&mut self, lead: LeadId) {
        if self.stopped.len() >= REMEMBERED {
            self.stopped.clear();
        }
        self.stopped.insert(lead);
    }

    pub(super) fn is_stopped(&self, lead: &LeadId) -> bool {
        self.stopped.contains(lead)
    }
}

#[cfg(test)]
mod tests;
