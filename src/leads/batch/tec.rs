//! What is told to TEC: leads begun (R2 to R4) and stopped (R9, R10).

use std::collections::BTreeSet;

use super::{Tour, VISIT};
use crate::{
    domain::{ContactId, LeadId},
    leads::{
        cases::Case,
        decide::{Assigned, Refusal, Stop, StopReason, Then, hand_back},
    },
    tec::{CreatedLead, ItemError, NewLead, StopLead, StopOutcome},
};

impl Tour<'_> {
    /// Contacts that were not in the answer: deleted, or merged into another (R10).
    pub(super) async fn stop_and_forget_gone(&mut self) {
        let gone: Vec<ContactId> = self.visits.keys().filter(|id| !self.cases.contains_key(id)).cloned().collect();
        let mut stops = Vec::new();
        for contact in &gone {
            let events = self.engine.feed.of(contact);
            let mut leads: BTreeSet<LeadId> = events.iter().map(|event| event.lead.clone()).collect();
            leads.extend(self.engine.known.working.get(contact).cloned());
            for event in events.iter().filter(|event| event.done) {
                leads.remove(&event.lead);
            }
            leads.retain(|lead| !self.engine.known.is_stopped(lead));
            stops.extend(leads.into_iter().map(|lead| (contact.clone(), Stop { lead, why: StopReason::ContactGone })));
        }
        let failed = self.send_stops(&stops).await;
        for contact in gone {
            if failed.contains(&contact) {
                self.set_aside_for_tec(&contact);
                continue;
            }
            let events = self.engine.feed.of(&contact);
            self.engine.feed.done(&contact, &events);
            if self.engine.known.working.remove(&contact).is_some() {
                self.engine.tally.gone += 1;
                tracing::info!(connection = %self.engine.name, %contact, "contact is gone, its lead is stopped");
            }
            self.engine.known.unsettle(&contact);
            self.visits.remove(&contact);
        }
    }

    pub(super) async fn stop_leads(&mut self) {
        let known = &self.engine.known;
        let wanted = |case: &Case| case.decision.stop.clone().filter(|stop| !known.is_stopped(&stop.lead));
        let stops: Vec<(ContactId, Stop)> =
            self.cases.iter().filter_map(|(contact, case)| Some((contact.clone(), wanted(case)?))).collect();
        for contact in self.send_stops(&stops).await {
            self.cases.remove(&contact);
            self.set_aside_for_tec(&contact);
        }
    }

    /// Leads TEC works on although no contact is in work for them: an assignment was undone before it was committed.
    pub(super) async fn stop_orphans(&mut self) {
        let known = &self.engine.known;
        let mut stops = Vec::new();
        for (contact, case) in &self.cases {
            let orphans = case.followed.orphans.iter().filter(|lead| !known.is_stopped(lead)).cloned();
            stops.extend(orphans.map(|lead| (contact.clone(), Stop { lead, why: StopReason::TakenBack })));
        }
        for contact in self.send_stops(&stops).await {
            self.cases.remove(&contact);
            self.set_aside_for_tec(&contact);
        }
    }

    /// Sends stops; answers whose could not be sent.
    async fn send_stops(&mut self, stops: &[(ContactId, Stop)]) -> BTreeSet<ContactId> {
        let mut failed = BTreeSet::new();
        for chunk in stops.chunks(VISIT) {
            if self.engine.tec_is_down() {
                failed.extend(chunk.iter().map(|(contact, _)| contact.clone()));
                continue;
            }
            let requests: Vec<StopLead> = chunk
                .iter()
                .map(|(_, Stop { lead, why })| StopLead { lead: lead.clone(), reason: reason(*why) })
                .collect();
            match self.setup.links.tec.stop_leads(&requests).await {
                Ok(outcomes) => {
                    self.engine.tec_answered();
                    for ((contact, stop), outcome) in chunk.iter().zip(outcomes) {
                        match outcome {
                            // A lead TEC does not know cannot go on.
                            StopOutcome::Stopped | StopOutcome::Unknown => {
                                self.engine.known.stopped(stop.lead.clone());
                            }
                            StopOutcome::Refused(error) => {
                                tracing::warn!(connection = %self.engine.name, lead = %stop.lead, code = error.code, "TEC does not stop a lead");
                                failed.insert(contact.clone());
                            }
                        }
                    }
                }
                Err(error) => {
                    self.engine.tec_failed(error);
                    failed.extend(chunk.iter().map(|(contact, _)| contact.clone()));
                }
            }
        }
        failed
    }

    /// R2 to R4: the accepted become leads. Contacts TEC cannot take now wait; those it never takes are refused.
    pub(super) async fn create_leads(&mut self) {
        let accepted: Vec<(ContactId, NewLead)> =
            self.cases.iter().filter_map(|(contact, case)| Some((contact.clone(), self.new_lead(case)?))).collect();
        for chunk in accepted.chunks(VISIT) {
            let outcomes = self.send_leads(chunk).await;
            for ((contact, _), outcome) in chunk.iter().zip(outcomes) {
                match outcome {
                    Some(CreatedLead::Created { lead, state }) => {
                        if let Some(case) = self.cases.get_mut(contact) {
                            case.lead = Some((lead, state));
                        }
                    }
                    Some(CreatedLead::Refused(error)) if error.code == ItemError::INVALID_CONTACT => {
                        self.refuse(contact)
                    }
                    Some(CreatedLead::Refused(error)) => {
                        tracing::warn!(connection = %self.engine.name, %contact, code = error.code, "TEC takes no lead yet, will be repeated");
                        self.cases.remove(contact);
                        self.set_aside(contact);
                    }
                    None => {
                        self.cases.remove(contact);
                        self.set_aside_for_tec(contact);
                    }
                }
            }
        }
    }

    async fn send_leads(&mut self, leads: &[(ContactId, NewLead)]) -> Vec<Option<CreatedLead>> {
        let mut outcomes: Vec<Option<CreatedLead>> = leads.iter().map(|_| None).collect();
        if self.engine.tec_is_down() {
            return outcomes;
        }
        let mut requests: Vec<(usize, NewLead)> = leads.iter().map(|(_, lead)| lead.clone()).enumerate().collect();
        // Again for those whose schedule TEC does not know (any more): R3 goes on with the assistant's, and ends with TEC's.
        while !requests.is_empty() {
            let batch: Vec<NewLead> = requests.iter().map(|(_, lead)| lead.clone()).collect();
            let answers = match self.setup.links.tec.create_leads(&batch).await {
                Ok(answers) => answers,
                Err(error) => {
                    self.engine.tec_failed(error);
                    return outcomes;
                }
            };
            self.engine.tec_answered();
            let mut repeated = Vec::new();
            for ((place, lead), answer) in requests.into_iter().zip(answers) {
                match answer {
                    CreatedLead::Refused(error)
                        if error.code == ItemError::UNKNOWN_SCHEDULE && lead.schedule.is_some() =>
                    {
                        let schedule =
                            self.default_schedule(&lead).filter(|default| Some(default) != lead.schedule.as_ref());
                        repeated.push((place, NewLead { schedule, ..lead }));
                    }
                    answer => outcomes[place] = Some(answer),
                }
            }
            requests = repeated;
        }
        outcomes
    }

    fn new_lead(&self, case: &Case) -> Option<NewLead> {
        let Then::Accept(Assigned { assistant, at, .. }) = &case.decision.then else { return None };
        let member = self.rules.members.get(assistant)?;
        let contact = &case.contact.id;
        Some(NewLead {
            idempotency_key: format!("{}:{contact}:{}", self.rules.portal, at.as_millisecond()),
            assistant_email: member.email.clone(),
            contact: case.person.contact.clone(),
            context: case.person.context.clone().or_else(|| member.context.clone()),
            schedule: case.person.schedule.clone().or_else(|| member.schedule.clone()),
        })
    }

    fn default_schedule(&self, lead: &NewLead) -> Option<String> {
        let mut members = self.rules.members.values();
        members.find(|member| member.email == lead.assistant_email)?.schedule.clone()
    }

    /// TEC will never take it.
    fn refuse(&mut self, contact: &ContactId) {
        let Some(case) = self.cases.get_mut(contact) else { return };
        let Then::Accept(assigned) = case.decision.then.clone() else { return };
        let to = hand_back(&case.contact, case.contact.mark.mark(), &self.team);
        case.decision.then = Then::Refuse(assigned, Refusal::NotTaken, to);
    }
}

fn reason(why: StopReason) -> crate::tec::StopReason {
    match why {
        StopReason::TakenBack => crate::tec::StopReason::TakenBack,
        StopReason::ContactGone => crate::tec::StopReason::ContactGone,
        StopReason::AssistantDeleted => crate::tec::StopReason::AssistantDeleted,
    }
}
