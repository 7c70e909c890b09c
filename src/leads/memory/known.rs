//! What is known of contacts and leads without asking.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use tokio::time::Instant;

use crate::{
    domain::{ContactId, LeadId, OwnerId},
    leads::{cases::Given, contact::Contact, mark::Mark},
};

/// Most contacts or leads of one kind that are remembered.
const REMEMBERED: usize = 100_000;

/// What is known of contacts.
#[derive(Debug, Default)]
pub(in crate::leads) struct Known {
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
pub(in crate::leads) struct Settled {
    pub owner: Option<OwnerId>,
    pub assigned: Option<Timestamp>,
}

impl Settled {
    /// As a search shows it.
    pub(in crate::leads) fn of(shown: &Contact) -> Self {
        Self { owner: shown.owner.clone(), assigned: shown.owner_assigned_at }
    }
}

impl Known {
    pub(in crate::leads) fn settle(&mut self, contact: ContactId, how: Settled, now: Instant) {
        self.settled.insert(contact, (how, now));
    }

    pub(in crate::leads) fn is_settled(&self, contact: &ContactId, how: &Settled) -> bool {
        self.settled.get(contact).is_some_and(|(known, _)| known == how)
    }

    /// Everybody is looked at anew.
    pub(in crate::leads) fn unsettle_all(&mut self) {
        self.settled.clear();
        self.bad_owners.clear();
    }

    /// Forgets what searches cannot show any more.
    pub(in crate::leads) fn prune(&mut self, before: Instant) {
        self.settled.retain(|_, (_, at)| *at >= before);
    }

    pub(in crate::leads) fn is_clean(&self, contact: &ContactId) -> bool {
        self.clean.contains(contact)
    }

    pub(in crate::leads) fn is_doubtful(&self, contact: &ContactId) -> bool {
        self.doubtful.contains(contact)
    }

    pub(in crate::leads) fn cleaned(&mut self, contact: ContactId) {
        if self.clean.len() >= REMEMBERED {
            // They will be looked up again.
            self.clean.clear();
        }
        self.doubtful.remove(&contact);
        self.clean.insert(contact);
    }

    /// Something of ours may be on its timeline.
    pub(in crate::leads) fn doubt(&mut self, contact: &ContactId) {
        self.clean.remove(contact);
        self.doubtful.insert(contact.clone());
    }

    /// Leads begun for this contact that are not the one of its mark.
    pub(in crate::leads) fn abandoned<'a>(
        &'a self,
        contact: &ContactId,
        mark: Option<&'a Mark>,
    ) -> impl Iterator<Item = &'a LeadId> {
        let marked = mark.and_then(|mark| mark.lead.as_ref());
        self.begun.get(contact).into_iter().flatten().filter(move |lead| Some(*lead) != marked)
    }

    /// Whether an assistant works on it, has begun to, or has just given it back.
    pub(in crate::leads) fn concerns_us(&self, contact: &ContactId) -> bool {
        self.working.contains_key(contact) || self.begun.contains_key(contact) || self.given.contains_key(contact)
    }

    /// It was left out of an answer. Since when it is.
    pub(in crate::leads) fn missed(&mut self, contact: &ContactId, now: Instant) -> Instant {
        *self.absent.entry(contact.clone()).or_insert(now)
    }

    /// It was not left out.
    pub(in crate::leads) fn found(&mut self, contact: &ContactId) {
        self.absent.remove(contact);
    }

    /// It is gone.
    pub(in crate::leads) fn forget(&mut self, contact: &ContactId) {
        self.absent.remove(contact);
        self.begun.remove(contact);
        self.settled.remove(contact);
    }

    /// TEC works on it no more.
    pub(in crate::leads) fn stopped(&mut self, lead: LeadId) {
        if self.stopped.len() >= REMEMBERED {
            self.stopped.clear();
        }
        self.stopped.insert(lead);
    }

    pub(in crate::leads) fn is_stopped(&self, lead: &LeadId) -> bool {
        self.stopped.contains(lead)
    }
}

#[cfg(test)]
mod tests;
