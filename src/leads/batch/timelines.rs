//! What goes on timelines (R6), each thing once.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    PATIENCE, Tour,
    halves::{in_halves, read_in_halves},
};
use crate::{
    domain::ContactId,
    hubspot::{self, ASSOCIATIONS_LIMIT, BATCH_LIMIT, EngagementKind, EngagementRecord, ItemOutcome},
    leads::timeline::{self, Entry},
};

impl Tour<'_> {
    /// R6: notes, e-mails and tasks, each once.
    pub(super) async fn log_on_timelines(&mut self) {
        for kind in [EngagementKind::Note, EngagementKind::Email, EngagementKind::Task] {
            if let Err(error) = self.drop_what_is_there(kind).await {
                self.set_aside_all(kind, error);
                continue;
            }
            let entries: Vec<Entry> = self.entries(kind).cloned().collect();
            for chunk in entries.chunks(BATCH_LIMIT) {
                self.create(kind, chunk).await;
            }
        }
    }

    fn entries(&self, kind: EngagementKind) -> impl Iterator<Item = &Entry> {
        self.cases.values().flat_map(|case| &case.entries).filter(move |entry| entry.kind == kind)
    }

    /// Where something of ours may be that we do not remember, what is there is looked up by natural key.
    async fn drop_what_is_there(&mut self, kind: EngagementKind) -> Result<(), hubspot::Error> {
        let doubtful: Vec<ContactId> = self
            .cases
            .values()
            .filter(|case| case.look_first && case.entries.iter().any(|entry| entry.kind == kind))
            .map(|case| case.contact.id.clone())
            .collect();
        if doubtful.is_empty() {
            return Ok(());
        }
        let hubspot = self.setup.links.hubspot.clone();
        let (there, unread) = read_in_halves(&hubspot, &doubtful, ASSOCIATIONS_LIMIT, |hubspot, contacts| {
            Box::pin(hubspot.engagements_of(kind, contacts))
        })
        .await?;
        let there: BTreeMap<ContactId, Vec<String>> = there.into_iter().flatten().collect();
        let ids: BTreeSet<String> = there.values().flatten().cloned().collect();
        let ids: Vec<String> = ids.into_iter().collect();
        let (records, unreadable) = read_in_halves(&hubspot, &ids, BATCH_LIMIT, |hubspot, ids| {
            Box::pin(hubspot.read_engagements(kind, ids, timeline::key_properties(kind)))
        })
        .await?;
        let key = |record: &EngagementRecord| Some((record.id.clone(), timeline::key_of(kind, record)?));
        let keys: BTreeMap<_, _> = records.iter().flatten().filter_map(key).collect();
        let unreadable: BTreeSet<String> = unreadable.into_iter().map(|(id, _)| id).collect();
        let mut in_the_dark: Vec<ContactId> = unread.into_iter().map(|(contact, _)| contact).collect();
        for (contact, ids) in there {
            if ids.iter().any(|id| unreadable.contains(id)) {
                in_the_dark.push(contact.clone());
            }
            let Some(case) = self.cases.get_mut(&contact) else { continue };
            let known: BTreeSet<_> = ids.iter().filter_map(|id| keys.get(id)).collect();
            case.entries.retain(|entry| entry.kind != kind || !known.contains(&entry.key));
        }
        for contact in in_the_dark {
            self.cannot_look(kind, &contact);
        }
        Ok(())
    }

    /// What is on this contact's timeline cannot be read: it waits, but not for ever.
    fn cannot_look(&mut self, kind: EngagementKind, contact: &ContactId) {
        let connection = &self.engine.name;
        if self.refusals(contact) >= PATIENCE {
            tracing::error!(%connection, %contact, ?kind, "HubSpot refuses again and again to say what is on a timeline: something may be logged twice");
            return;
        }
        tracing::warn!(%connection, %contact, ?kind, "HubSpot refused to say what is on a timeline, will be repeated");
        self.cases.remove(contact);
        self.set_aside_refused(contact);
    }

    /// Creates engagements. A contact of which one cannot be created is set aside, in doubt.
    async fn create(&mut self, kind: EngagementKind, entries: &[Entry]) {
        // Set aside by an earlier chunk: what is left of it waits, too.
        let entries: Vec<&Entry> = entries.iter().filter(|entry| self.cases.contains_key(&entry.new.contact)).collect();
        let new: Vec<_> = entries.iter().map(|entry| entry.new.clone()).collect();
        if new.is_empty() {
            return;
        }
        for entry in &entries {
            // Until the contact's mark says so, only its timeline knows.
            self.engine.known.doubt(&entry.new.contact);
        }
        let hubspot = self.setup.links.hubspot.clone();
        let (outcomes, error) =
            in_halves(&hubspot, &new, |hubspot, items| Box::pin(hubspot.create_engagements(kind, items))).await;
        if let Some(error) = error {
            self.engine.hubspot_failed(error);
        }
        for (entry, outcome) in entries.into_iter().zip(outcomes) {
            let contact = &entry.new.contact;
            if let ItemOutcome::Refused(refused) = &outcome {
                self.engine.refused.refused(kind.create(), contact, refused);
            }
            match outcome {
                ItemOutcome::Done(_) => self.engine.refused.accepted(kind.create()),
                ItemOutcome::Refused(refused) if self.refusals(contact) >= PATIENCE => {
                    self.engine.tally.given_up += 1;
                    tracing::error!(connection = %self.engine.name, %contact, kind = ?kind, refused = refused.message, "HubSpot refuses an engagement again and again, it is left out");
                }
                ItemOutcome::Refused(refused) => {
                    tracing::warn!(connection = %self.engine.name, %contact, kind = ?kind, refused = refused.message, "HubSpot refused an engagement, will be repeated");
                    self.cases.remove(contact);
                    self.set_aside_refused(contact);
                }
                ItemOutcome::Missing | ItemOutcome::Unclear => {
                    self.cases.remove(contact);
                    self.set_aside(contact);
                }
            }
        }
    }

    /// Everybody with such an entry.
    fn set_aside_all(&mut self, kind: EngagementKind, error: hubspot::Error) {
        let contacts: BTreeSet<ContactId> = self.entries(kind).map(|entry| entry.new.contact.clone()).collect();
        for contact in contacts {
            self.cases.remove(&contact);
            self.set_aside(&contact);
        }
        self.engine.hubspot_failed(error);
    }
}
