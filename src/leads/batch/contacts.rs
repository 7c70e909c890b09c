//! What is written to contacts: the commit of everything done about them.

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::{
    ABSENCE, Tour,
    halves::{in_halves, read_contacts},
};
use crate::{
    domain::ContactId,
    hubspot::{self, BATCH_LIMIT, ContactRecord, ContactUpdate, ContactsRead, HISTORY_LIMIT, ItemOutcome, Operation},
    leads::{
        cases::{Case, OWNER, Wanted},
        decide::Then,
        engine::Engine,
        mark::{Mark, Phase},
        setup::{Rules, Setup},
    },
};

impl Tour<'_> {
    /// The commit: status fields, owner and mark in one update each. Answers whose is done, or was not needed.
    pub(super) async fn update_contacts(&mut self) -> Vec<Case> {
        let (to_write, mut written): (Vec<Case>, Vec<Case>) =
            std::mem::take(&mut self.cases).into_values().partition(|case| !case.update.is_empty());
        let mut to_write = to_write.into_iter().peekable();
        while to_write.peek().is_some() {
            let cases: Vec<Case> = to_write.by_ref().take(BATCH_LIMIT).collect();
            let update = |case: &Case| ContactUpdate { id: case.id().clone(), properties: case.update.clone() };
            let updates: Vec<ContactUpdate> = cases.iter().map(update).collect();
            // Before it is known what came of it: a write whose reply is lost may have written over a choice, too.
            let given = cases.iter().filter_map(|case| Some((case.id().clone(), case.given()?)));
            self.engine.known.given.extend(given);
            let hubspot = self.setup.links.hubspot.clone();
            let (outcomes, error) =
                in_halves(&hubspot, &updates, |hubspot, items| Box::pin(hubspot.update_contacts(items))).await;
            if let Some(error) = error {
                self.engine.hubspot_failed(error);
            }
            for (case, outcome) in cases.into_iter().zip(outcomes) {
                written.extend(self.updated(case, outcome));
            }
        }
        written
    }

    fn updated(&mut self, case: Case, outcome: ItemOutcome) -> Option<Case> {
        let contact = case.id();
        match outcome {
            ItemOutcome::Done(_) => {
                self.engine.refused.accepted(Operation::UpdateContacts);
                return Some(case);
            }
            // It is read again, and perhaps found done or gone.
            ItemOutcome::Missing | ItemOutcome::Unclear => self.set_aside(contact),
            ItemOutcome::Refused(refused) => {
                tracing::warn!(connection = %self.engine.name, %contact, refused = refused.message, "HubSpot refused an update, will be repeated");
                self.engine.refused.refused(Operation::UpdateContacts, contact, &refused);
                // Somebody who left in the meantime: the next in line gets it.
                if let (true, Some(owner)) = (refused.mentions("INVALID_OWNER_ID"), case.new_owner()) {
                    self.engine.known.bad_owners.insert(owner);
                }
                self.set_aside_refused(contact);
            }
        }
        None
    }

    /// Everything about this contact is done and shown on it, unless it was set aside after all.
    pub(super) fn committed(&mut self, case: &Case) {
        let contact = case.contact.id.clone();
        if !self.visits.contains_key(&contact) {
            return;
        }
        let engine = &mut *self.engine;
        engine.feed.done(&contact, &case.events);
        engine.known.cleaned(contact.clone());
        engine.known.begun.remove(&contact);
        match &case.mark {
            Some(Mark { phase: Phase::Working, lead: Some(lead), assistant, assigned_at, .. }) => {
                engine.known.working.insert(contact.clone(), lead.clone());
                // An engine before this one took it: it was not before the assignment.
                let took = matches!(case.decision.then, Then::Accept(_));
                engine.has_accepted(assistant, if took { engine.now() } else { *assigned_at });
            }
            Some(_) | None => drop(engine.known.working.remove(&contact)),
        }
        engine.count(case);
        self.settle(case);
    }
}

impl Engine {
    /// R9: whom a person chose while we were about to hand a contact back is who gets it. What cannot be looked at now is
    /// looked at later.
    pub(in crate::leads) async fn respect_choices(&mut self, setup: &Setup) {
        let given: Vec<ContactId> = self.known.given.keys().cloned().collect();
        for chunk in given.chunks(HISTORY_LIMIT) {
            if self.hubspot_is_down() {
                return;
            }
            if let Err(error) = self.restore_choices(setup, chunk).await {
                return self.hubspot_failed(error);
            }
        }
    }

    async fn restore_choices(&mut self, setup: &Setup, contacts: &[ContactId]) -> Result<(), hubspot::Error> {
        let hubspot = &setup.links.hubspot;
        let rules = &setup.rules;
        let (read, unreadable) = read_contacts(hubspot, contacts, &[OWNER, &rules.fields.state]).await?;
        for (contact, error) in &unreadable {
            tracing::error!(connection = %self.name, %contact, %error, "HubSpot cannot read a contact that went back: whether somebody chose an owner meanwhile is not known");
        }
        for record in &read.records {
            self.known.found(&record.id);
        }
        let mut open = self.left_out(contacts, &read, &unreadable);
        let updates: Vec<ContactUpdate> =
            read.records.iter().filter_map(|record| self.restoring_update(rules, record)).collect();
        if !updates.is_empty() {
            tracing::info!(connection = %self.name, contacts = updates.len(), "somebody chose an owner in the moment of a hand-back: the choice is restored");
            let (outcomes, error) =
                in_halves(hubspot, &updates, |hubspot, items| Box::pin(hubspot.update_contacts(items))).await;
            for (update, outcome) in updates.iter().zip(outcomes) {
                match outcome {
                    ItemOutcome::Done(_) | ItemOutcome::Missing => {}
                    ItemOutcome::Unclear => drop(open.insert(update.id.clone())),
                    ItemOutcome::Refused(refused) => {
                        tracing::error!(connection = %self.name, contact = %update.id, refused = refused.message, "HubSpot refuses the owner somebody had chosen");
                    }
                }
            }
            if let Some(error) = error {
                return Err(error);
            }
        }
        for contact in contacts.iter().filter(|contact| !open.contains(contact)) {
            self.known.given.remove(contact);
            // Nobody looks for it again.
            self.known.found(contact);
        }
        Ok(())
    }

    /// Those of whom HubSpot said nothing, as it may of records that are there: they are looked at once more.
    fn left_out(
        &mut self,
        contacts: &[ContactId],
        read: &ContactsRead,
        unreadable: &[(ContactId, hubspot::Error)],
    ) -> BTreeSet<ContactId> {
        let ContactsRead { records, missing } = read;
        let told = records.iter().map(|record| &record.id).chain(missing).chain(unreadable.iter().map(|(id, _)| id));
        let told: BTreeSet<&ContactId> = told.collect();
        let silent: Vec<&ContactId> = contacts.iter().filter(|contact| !told.contains(contact)).collect();
        let now = Instant::now();
        let is_new = |contact: &&ContactId| now.duration_since(self.known.missed(contact, now)) < ABSENCE;
        silent.into_iter().filter(is_new).cloned().collect()
    }

    fn restoring_update(&self, rules: &Rules, record: &ContactRecord) -> Option<ContactUpdate> {
        let given = self.known.given.get(&record.id)?;
        let properties = given.restored(&Wanted::of(rules).read(record).contact, rules)?;
        Some(ContactUpdate { id: record.id.clone(), properties })
    }
}
