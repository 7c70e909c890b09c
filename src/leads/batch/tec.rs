//! What is told to TEC: leads begun (R2 to R4) and stopped (R9, R10).

use std::collections::{BTreeMap, BTreeSet};

use super::{Tour, halves::halves};
use crate::{
    domain::{ContactId, LeadId},
    leads::{
        cases::Case,
        decide::{Assigned, Refusal, Stop, StopReason, Then, hand_back},
    },
    tec::{self, CreatedLead, ItemError, MAX_BATCH, NewLead, StopLead, StopOutcome},
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
            leads.extend(self.engine.known.begun.get(contact).cloned().unwrap_or_default());
            for event in events.iter().filter(|event| event.done) {
                leads.remove(&event.lead);
            }
            leads.retain(|lead| !self.engine.known.is_stopped(lead));
            stops.extend(leads.into_iter().map(|lead| (contact.clone(), Stop { lead, why: StopReason::ContactGone })));
        }
        let failed = self.send_stops(&stops).await;
        for contact in gone {
            if let Some(failed) = failed.get(&contact) {
                self.set_aside_after(&contact, *failed);
                continue;
            }
            let events = self.engine.feed.of(&contact);
            self.engine.feed.done(&contact, &events);
            if self.engine.known.working.remove(&contact).is_some() {
                self.engine.tally.gone += 1;
                tracing::info!(connection = %self.engine.name, %contact, "contact is gone, its lead is stopped");
            }
            self.engine.known.forget(&contact);
            self.visits.remove(&contact);
        }
    }

    pub(super) async fn stop_leads(&mut self) {
        let known = &self.engine.known;
        let wanted = |case: &Case| case.decision.stop.clone().filter(|stop| !known.is_stopped(&stop.lead));
        let stops: Vec<(ContactId, Stop)> =
            self.cases.iter().filter_map(|(contact, case)| Some((contact.clone(), wanted(case)?))).collect();
        for (contact, failed) in self.send_stops(&stops).await {
            self.cases.remove(&contact);
            self.set_aside_after(&contact, failed);
        }
    }

    /// Leads TEC works on although no contact is in work for them: an assignment was undone before it was committed. Only
    /// once the contact itself says so: until then the same assignment may yet be taken, and TEC would answer with this lead.
    pub(super) async fn stop_orphans(&mut self, written: &[Case]) {
        let known = &self.engine.known;
        let mut stops = Vec::new();
        for case in written {
            let orphans = case.followed.orphans.iter().chain(known.abandoned(case.id(), case.mark.as_ref()));
            let orphans: BTreeSet<&LeadId> = orphans.filter(|lead| !known.is_stopped(lead)).collect();
            let stop = |lead: &LeadId| Stop { lead: lead.clone(), why: StopReason::TakenBack };
            stops.extend(orphans.into_iter().map(|lead| (case.id().clone(), stop(lead))));
        }
        for (contact, failed) in self.send_stops(&stops).await {
            // Its events are kept: they are who tells of the lead.
            self.engine.known.doubt(&contact);
            self.set_aside_after(&contact, failed);
        }
    }

    /// On hold nothing is accepted, but what was begun and then taken back before its contact said so ends.
    pub(super) async fn stop_abandoned(&mut self) {
        let known = &self.engine.known;
        let is_taken = |case: &&Case| matches!(case.decision.then, Then::Nothing | Then::Close(_));
        let mut stops = Vec::new();
        for case in self.cases.values().filter(is_taken) {
            let leads = known.abandoned(case.id(), case.contact.mark.mark()).filter(|lead| !known.is_stopped(lead));
            let stop = |lead: &LeadId| Stop { lead: lead.clone(), why: StopReason::TakenBack };
            stops.extend(leads.map(|lead| (case.id().clone(), stop(lead))));
        }
        for (contact, failed) in self.send_stops(&stops).await {
            self.cases.remove(&contact);
            self.set_aside_after(&contact, failed);
        }
    }

    /// Sends stops; answers whose lead goes on, and whether that is because TEC is not there.
    async fn send_stops(&mut self, stops: &[(ContactId, Stop)]) -> BTreeMap<ContactId, Failed> {
        let mut failed = BTreeMap::new();
        let mut rest: Vec<&[(ContactId, Stop)]> = stops.chunks(MAX_BATCH).rev().collect();
        while let Some(part) = rest.pop() {
            if self.engine.tec_is_down() {
                failed.extend(part.iter().map(|(contact, _)| (contact.clone(), Failed::TecDown)));
                continue;
            }
            let requests: Vec<StopLead> =
                part.iter().map(|(_, Stop { lead, why })| StopLead { lead: lead.clone(), reason: *why }).collect();
            match self.setup.links.tec.stop_leads(&requests).await {
                Ok(outcomes) => {
                    self.engine.tec_answered();
                    for ((contact, stop), outcome) in part.iter().zip(outcomes) {
                        match outcome {
                            // A lead TEC does not know cannot go on.
                            StopOutcome::Stopped | StopOutcome::Unknown => {
                                self.engine.known.stopped(stop.lead.clone());
                            }
                            StopOutcome::Refused(error) => {
                                tracing::warn!(connection = %self.engine.name, lead = %stop.lead, code = error.code, "TEC does not stop a lead, will be repeated");
                                failed.insert(contact.clone(), Failed::Refused);
                            }
                        }
                    }
                }
                Err(error) if is_rejected(&error) && part.len() > 1 => rest.extend(halves(part)),
                Err(error) => {
                    let why = if is_rejected(&error) { Failed::Refused } else { Failed::TecDown };
                    self.tec_failed(error);
                    failed.extend(part.iter().map(|(contact, _)| (contact.clone(), why)));
                }
            }
        }
        failed
    }

    /// One bad item is that item's trouble.
    fn tec_failed(&mut self, error: tec::Error) {
        if is_rejected(&error) {
            tracing::warn!(connection = %self.engine.name, %error, "TEC refuses one lead, will be repeated");
        } else {
            self.engine.tec_failed(error);
        }
    }

    fn set_aside_after(&mut self, contact: &ContactId, failed: Failed) {
        match failed {
            Failed::TecDown => self.set_aside_for_tec(contact),
            Failed::Refused => self.set_aside(contact),
        }
    }

    /// R2 to R4: the accepted become leads. Contacts TEC cannot take now wait; those it never takes are refused.
    pub(super) async fn create_leads(&mut self) {
        let accepted: Vec<(ContactId, NewLead)> =
            self.cases.iter().filter_map(|(contact, case)| Some((contact.clone(), self.new_lead(case)?))).collect();
        let mut refused: BTreeMap<String, usize> = BTreeMap::new();
        for chunk in accepted.chunks(MAX_BATCH) {
            let outcomes = self.send_leads(chunk).await;
            for ((contact, _), outcome) in chunk.iter().zip(outcomes) {
                match outcome {
                    // Of this assignment's lead we know that it is stopped: another assignment makes another lead.
                    Some(CreatedLead::Created { lead, .. }) if self.engine.known.is_stopped(&lead) => {
                        self.refuse(contact, Refusal::WorkedBefore);
                    }
                    Some(CreatedLead::Created { lead, state }) => {
                        self.engine.known.begun.entry(contact.clone()).or_default().insert(lead.clone());
                        if let Some(case) = self.cases.get_mut(contact) {
                            case.lead = Some((lead, state));
                        }
                    }
                    Some(CreatedLead::Refused(error)) if error.code == ItemError::INVALID_CONTACT => {
                        self.refuse(contact, Refusal::NotTaken);
                    }
                    Some(CreatedLead::Refused(error)) => {
                        *refused.entry(error.code).or_default() += 1;
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
        for (code, contacts) in refused {
            tracing::warn!(connection = %self.engine.name, code, contacts, "TEC takes no leads of them yet, will be repeated");
        }
    }

    async fn send_leads(&mut self, leads: &[(ContactId, NewLead)]) -> Vec<Option<CreatedLead>> {
        let mut outcomes: Vec<Option<CreatedLead>> = leads.iter().map(|_| None).collect();
        if self.engine.tec_is_down() {
            return outcomes;
        }
        let all: Vec<(usize, NewLead)> = leads.iter().map(|(_, lead)| lead.clone()).enumerate().collect();
        let mut rest = vec![all];
        while let Some(part) = rest.pop() {
            let batch: Vec<NewLead> = part.iter().map(|(_, lead)| lead.clone()).collect();
            let answers = match self.setup.links.tec.create_leads(&batch).await {
                Ok(answers) => answers,
                Err(error) if is_rejected(&error) && part.len() > 1 => {
                    rest.extend(halves(&part).map(<[_]>::to_vec));
                    continue;
                }
                Err(error) if is_rejected(&error) => {
                    let refused = CreatedLead::Refused(ItemError { code: "REJECTED".to_owned() });
                    for (place, _) in &part {
                        outcomes[*place] = Some(refused.clone());
                    }
                    continue;
                }
                Err(error) => {
                    self.engine.tec_failed(error);
                    return outcomes;
                }
            };
            self.engine.tec_answered();
            let mut again = Vec::new();
            for ((place, lead), answer) in part.into_iter().zip(answers) {
                match answer {
                    // R3 goes on with the assistant's schedule, and ends with TEC's.
                    CreatedLead::Refused(error)
                        if error.code == ItemError::UNKNOWN_SCHEDULE && lead.schedule.is_some() =>
                    {
                        let default = self.default_schedule(&lead);
                        let schedule = default.filter(|default| Some(default) != lead.schedule.as_ref());
                        again.push((place, NewLead { schedule, ..lead }));
                    }
                    answer => outcomes[place] = Some(answer),
                }
            }
            if !again.is_empty() {
                rest.push(again);
            }
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

    /// This assignment will never be a lead.
    fn refuse(&mut self, contact: &ContactId, why: Refusal) {
        let Some(case) = self.cases.get_mut(contact) else { return };
        let Then::Accept(assigned) = case.decision.then.clone() else { return };
        let to = hand_back(&case.contact, case.contact.mark.mark(), &self.team);
        case.decision.then = Then::Refuse(assigned, why, to);
    }
}

/// Why a lead goes on that should not.
#[derive(Clone, Copy)]
enum Failed {
    /// TEC is not there.
    TecDown,
    /// TEC does not want to, for this one.
    Refused,
}

/// The whole request is wrong, most likely for the sake of one item.
fn is_rejected(error: &tec::Error) -> bool {
    matches!(error.kind, tec::ErrorKind::Rejected { .. })
}
