//! Contacts to be visited: who is first, and who waits for what.

use std::collections::BTreeMap;

use tokio::time::Instant;

use crate::domain::ContactId;

/// Contacts to be visited.
#[derive(Debug, Default)]
pub(in crate::leads) struct Pending {
    contacts: BTreeMap<ContactId, Visit>,
}

/// Why and when a contact is visited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::leads) struct Visit {
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
    pub(in crate::leads) fn want(&mut self, contact: ContactId, due: Instant, assignment: bool) {
        let new = Visit { due, assignment, failures: 0, refusals: 0, needs_tec: false };
        let visit = self.contacts.entry(contact).or_insert(new);
        visit.assignment |= assignment;
        // One that failed keeps its pause.
        if visit.failures == 0 {
            visit.due = visit.due.min(due);
        }
    }

    /// Plans a visit again after a failure.
    pub(in crate::leads) fn again(&mut self, contact: ContactId, visit: Visit) {
        self.contacts.insert(contact, visit);
    }

    pub(in crate::leads) fn contains(&self, contact: &ContactId) -> bool {
        self.contacts.contains_key(contact)
    }

    pub(in crate::leads) fn len(&self) -> usize {
        self.contacts.len()
    }

    /// Contacts whose last visit failed.
    pub(in crate::leads) fn delayed(&self) -> usize {
        self.contacts.values().filter(|visit| visit.failures > 0 || visit.needs_tec).count()
    }

    /// When the next visit is due, if TEC is there from `tec_from` on.
    pub(in crate::leads) fn next_due(&self, tec_from: Option<Instant>) -> Option<Instant> {
        self.contacts.values().map(|visit| visit.from(tec_from)).min()
    }

    /// Takes up to `limit` that are due, assignments first, but never events alone waiting for ever.
    pub(in crate::leads) fn take(
        &mut self,
        now: Instant,
        tec_from: Option<Instant>,
        limit: usize,
    ) -> Vec<(ContactId, Visit)> {
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
    pub(in crate::leads) fn hurry(&mut self, now: Instant) {
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

#[cfg(test)]
mod tests;
