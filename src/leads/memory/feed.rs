//! TEC's events on their way to contacts, and the place in the feed up to which all of them are there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::{
    domain::{ContactId, LeadId},
    tec::{Cursor, Event},
};

/// Most events applied that are remembered, to recognise redelivered ones without asking HubSpot.
const APPLIED_LIMIT: usize = 50_000;
/// Most events kept for assistants on hold.
const PARKED_LIMIT: usize = 20_000;

/// Events that are not yet on their contacts, and how far the feed may be said to be read.
#[derive(Debug, Default)]
pub(in crate::leads) struct Feed {
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
    pub(in crate::leads) fn from(cursor: Option<Cursor>) -> Self {
        Self { cursor: cursor.clone(), committed: cursor, ..Self::default() }
    }

    /// Takes a page; answers whose contacts have news. What is known is dropped.
    pub(in crate::leads) fn take_in(&mut self, cursor: Cursor, events: Vec<Event>) -> BTreeSet<ContactId> {
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
    pub(in crate::leads) fn of(&self, contact: &ContactId) -> Vec<Event> {
        let mut events: Vec<Event> =
            self.queued.get(contact).into_iter().flatten().map(|(_, event)| event.clone()).collect();
        events.sort_by(|a, b| (&a.lead, a.seq).cmp(&(&b.lead, b.seq)));
        events
    }

    /// These events are on their contact, or never will be.
    pub(in crate::leads) fn done(&mut self, contact: &ContactId, events: &[Event]) {
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
        for page in pages {
            self.one_less(page);
        }
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
    pub(in crate::leads) fn committed(&self) -> Option<&Cursor> {
        self.committed.as_ref()
    }

    /// Contacts with events waiting.
    pub(in crate::leads) fn contacts(&self) -> Vec<ContactId> {
        self.queued.keys().cloned().collect()
    }

    /// How many events wait for anything but their assistant.
    pub(in crate::leads) fn busy(&self) -> usize {
        self.count - self.parked_count
    }

    /// The contact's events wait for its assistant (R11), perhaps for weeks. Those beyond a limit are forgotten and read again
    /// when the wait is over: the cursor does not move past them.
    pub(in crate::leads) fn park(&mut self, contact: &ContactId) {
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
    pub(in crate::leads) fn unpark(&mut self) {
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
    pub(in crate::leads) fn restart(&mut self) {
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

#[cfg(test)]
mod tests;
