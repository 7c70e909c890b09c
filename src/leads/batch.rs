//! Visits contacts: reads up to a hundred, decides about each, and carries out what was decided, in batches (DESIGN 6.2).
//!
//! The order is what makes a crash harmless: TEC first (its key is the assignment), then the timeline (natural keys), then
//! the contact with its mark, which commits. Whoever is visited again after a crash goes the same way and finds each step
//! done. A contact that cannot go on is set aside alone; the others go on.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::BoxFuture;
use tokio::time::Instant;

use super::{
    cases::{Case, Read, Wanted},
    decide::{Assigned, Refusal, Stop, StopReason, Team, Then, decide, hand_back, overruled},
    engine::Engine,
    events::follow,
    mark::{Mark, Phase},
    memory::{Settled, Visit},
    setup::{Mode, Rules, Setup},
    timeline::{self, Entry},
};
use crate::{
    domain::{ContactId, LeadId, OwnerId},
    hubspot::{self, ContactUpdate, EngagementKind, ErrorKind, HubSpot, ItemOutcome, ItemRefusal},
    tec::{CreatedLead, NewLead, StopLead, StopOutcome},
};

/// Contacts of one visit: HubSpot's limit on writes (API.md §8.2).
pub(super) const VISIT: usize = 100;
/// HubSpot's limit on reads with history (API.md §8.1).
const HISTORY: usize = 50;
/// Refusals after which what HubSpot refuses is left out, so that the contact can go on. Other trouble does not count.
const PATIENCE: u32 = 5;

/// A visit under way.
struct Tour<'a> {
    engine: &'a mut Engine,
    setup: Setup,
    rules: std::sync::Arc<Rules>,
    team: Team,
    /// Failures of each contact so far.
    visits: BTreeMap<ContactId, Visit>,
    cases: BTreeMap<ContactId, Case>,
    /// Contacts that went back on this visit: to whom, and from which assistant.
    given: BTreeMap<ContactId, (Option<OwnerId>, OwnerId)>,
}

impl Engine {
    /// Visits these contacts. What fails is planned again.
    pub(super) async fn visit(&mut self, setup: Setup, visits: Vec<(ContactId, Visit)>) {
        let rules = std::sync::Arc::clone(&setup.rules);
        let mut team = rules.team();
        team.active.retain(|owner| !self.known.bad_owners.contains(owner));
        let visits: BTreeMap<ContactId, Visit> = visits.into_iter().collect();
        let mut tour =
            Tour { engine: self, setup, rules, team, visits, cases: BTreeMap::new(), given: BTreeMap::new() };
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
    /// Reads the contacts and decides. Those that are not there any more are settled here.
    async fn read(&mut self) -> Result<(), hubspot::Error> {
        let ids: Vec<ContactId> = self.visits.keys().cloned().collect();
        let wanted = Wanted::of(&self.rules);
        for chunk in ids.chunks(HISTORY) {
            let records =
                self.setup.links.hubspot.read_contacts(chunk, &wanted.properties(), &["hubspot_owner_id"]).await?;
            for record in records {
                let Read { contact, person } = wanted.read(&record);
                if !self.visits.contains_key(&contact.id) {
                    // A merged contact may answer for the one it swallowed (API.md §8.1).
                    self.engine.pending.want(contact.id, Instant::now(), true);
                    continue;
                }
                let events = self.engine.feed.of(&contact.id);
                let decision = decide(&contact, &self.team);
                self.cases.insert(contact.id.clone(), Case::new(contact, person, decision, events));
            }
        }
        Ok(())
    }

    async fn carry_out(&mut self) {
        self.stop_and_forget_gone().await;
        self.stop_leads().await;
        self.leave_waiting();
        self.create_leads().await;
        self.follow_events();
        self.stop_orphans().await;
        self.log_on_timelines().await;
        self.update_contacts().await;
        self.respect_choices().await;
    }

    /// `Observe` and `Hold`: nothing is written to HubSpot, and no lead begins. On hold, what a person took back is
    /// stopped all the same.
    async fn only_watch(&mut self) {
        if self.rules.mode == Mode::Hold {
            self.stop_and_forget_gone().await;
            self.stop_leads().await;
        }
        for (contact, case) in std::mem::take(&mut self.cases) {
            self.engine.observed(&contact, &case.decision.then);
            self.settle(&case);
        }
    }

    /// Contacts that were not in the answer: deleted, or merged into another (R10).
    async fn stop_and_forget_gone(&mut self) {
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

    /// R11: assignments, and the events of an assistant on hold, stay where they are until the rules change.
    fn leave_waiting(&mut self) {
        let waiting: Vec<ContactId> =
            self.cases.iter().filter(|(_, case)| case.decision.then == Then::Wait).map(|(id, _)| id.clone()).collect();
        for contact in waiting {
            if let Some(case) = self.cases.remove(&contact) {
                self.settle(&case);
            }
        }
    }

    async fn stop_leads(&mut self) {
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
    async fn stop_orphans(&mut self) {
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
    async fn create_leads(&mut self) {
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
                    Some(CreatedLead::Refused(error)) if error.code == "INVALID_CONTACT" => self.refuse(contact),
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
        // A second time for those whose schedule TEC does not know (any more): R3 ends with TEC's default.
        for attempt in 0..2 {
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
                    CreatedLead::Refused(error) if error.code == "UNKNOWN_SCHEDULE" && attempt == 0 => {
                        repeated.push((place, NewLead { schedule: None, ..lead }));
                    }
                    answer => outcomes[place] = Some(answer),
                }
            }
            if repeated.is_empty() {
                break;
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

    /// TEC will never take it.
    fn refuse(&mut self, contact: &ContactId) {
        let Some(case) = self.cases.get_mut(contact) else { return };
        let Then::Accept(assigned) = case.decision.then.clone() else { return };
        let to = hand_back(&case.contact, case.contact.mark.mark(), &self.team);
        case.decision.then = Then::Refuse(assigned, Refusal::NotTaken, to);
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

    /// R6: notes, e-mails and tasks, each once.
    async fn log_on_timelines(&mut self) {
        for kind in [EngagementKind::Note, EngagementKind::Email, EngagementKind::Task] {
            if let Err(error) = self.drop_what_is_there(kind).await {
                self.set_aside_all(kind, error);
                continue;
            }
            let entries: Vec<Entry> = self.entries(kind).cloned().collect();
            for chunk in entries.chunks(VISIT) {
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
        let hubspot = &self.setup.links.hubspot;
        let there = hubspot.engagements_of(kind, &doubtful).await?;
        let ids: Vec<String> = there.values().flatten().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        let mut keys = BTreeMap::new();
        for chunk in ids.chunks(VISIT) {
            for record in hubspot.read_engagements(kind, chunk, timeline::key_properties(kind)).await? {
                keys.extend(timeline::key_of(kind, &record).map(|key| (record.id.clone(), key)));
            }
        }
        for (contact, ids) in there {
            let Some(case) = self.cases.get_mut(&contact) else { continue };
            let known: BTreeSet<_> = ids.iter().filter_map(|id| keys.get(id)).collect();
            case.entries.retain(|entry| entry.kind != kind || !known.contains(&entry.key));
        }
        Ok(())
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
            match outcome {
                ItemOutcome::Done(_) => {}
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

    /// The commit: status fields, owner and mark in one update each.
    async fn update_contacts(&mut self) {
        let (to_write, rest): (Vec<ContactId>, Vec<ContactId>) = {
            let (write, rest): (Vec<_>, Vec<_>) = self.cases.iter().partition(|(_, case)| !case.update.is_empty());
            let ids = |cases: Vec<(&ContactId, &Case)>| cases.into_iter().map(|(id, _)| id.clone()).collect();
            (ids(write), ids(rest))
        };
        for contact in rest {
            if let Some(case) = self.cases.remove(&contact) {
                self.committed(&case);
            }
        }
        for chunk in to_write.chunks(VISIT) {
            let updates: Vec<ContactUpdate> = chunk
                .iter()
                .filter_map(|id| self.cases.get(id))
                .map(|case| ContactUpdate { id: case.contact.id.clone(), properties: case.update.clone() })
                .collect();
            let hubspot = self.setup.links.hubspot.clone();
            let (outcomes, error) =
                in_halves(&hubspot, &updates, |hubspot, items| Box::pin(hubspot.update_contacts(items))).await;
            if let Some(error) = error {
                self.engine.hubspot_failed(error);
            }
            for (update, outcome) in updates.iter().zip(outcomes) {
                self.updated(&update.id, outcome);
            }
        }
    }

    fn updated(&mut self, contact: &ContactId, outcome: ItemOutcome) {
        let Some(case) = self.cases.remove(contact) else { return };
        match outcome {
            ItemOutcome::Done(_) => self.committed(&case),
            // It is read again and found gone.
            ItemOutcome::Missing | ItemOutcome::Unclear => self.set_aside(contact),
            ItemOutcome::Refused(refused) => {
                tracing::warn!(connection = %self.engine.name, %contact, refused = refused.message, "HubSpot refused an update, will be repeated");
                // Somebody who left in the meantime: the next in line gets it.
                if let (true, Some(owner)) = (refused.mentions("INVALID_OWNER_ID"), case.new_owner()) {
                    self.engine.known.bad_owners.insert(owner);
                }
                self.set_aside_refused(contact);
            }
        }
    }

    /// Everything about this contact is done and shown on it.
    fn committed(&mut self, case: &Case) {
        let contact = case.contact.id.clone();
        let engine = &mut *self.engine;
        engine.feed.done(&contact, &case.events);
        engine.known.cleaned(contact.clone());
        match &case.mark {
            Some(Mark { phase: Phase::Working, lead: Some(lead), assistant, assigned_at, .. }) => {
                engine.known.working.insert(contact.clone(), lead.clone());
                engine.has_accepted(assistant, *assigned_at);
            }
            Some(_) | None => drop(engine.known.working.remove(&contact)),
        }
        engine.count(case);
        if let (Some(given), Some(mark)) = (case.given(), &case.mark) {
            self.given.insert(contact, (given, mark.assistant.clone()));
        }
        self.settle(case);
    }

    /// R9: whom a person chose while we were about to hand a contact back is who gets it.
    async fn respect_choices(&mut self) {
        let given: Vec<ContactId> = self.given.keys().cloned().collect();
        let wanted = Wanted::of(&self.rules);
        let mut updates = Vec::new();
        for chunk in given.chunks(HISTORY) {
            let read =
                self.setup.links.hubspot.read_contacts(chunk, &["hubspot_owner_id"], &["hubspot_owner_id"]).await;
            let records = match read {
                Ok(records) => records,
                Err(error) => {
                    tracing::warn!(connection = %self.engine.name, contacts = chunk.len(), "whether somebody chose an owner in the same moment is not known");
                    return self.engine.hubspot_failed(error);
                }
            };
            for record in records {
                let Some((given, assistant)) = self.given.get(&record.id) else { continue };
                if let Some(choice) = overruled(&wanted.shown(&record), given.as_ref(), assistant) {
                    let owner = choice.map(|owner| owner.to_string()).unwrap_or_default();
                    let properties = BTreeMap::from([("hubspot_owner_id".to_owned(), owner)]);
                    updates.push(ContactUpdate { id: record.id, properties });
                }
            }
        }
        if updates.is_empty() {
            return;
        }
        tracing::info!(connection = %self.engine.name, contacts = updates.len(), "somebody chose an owner in the moment of a hand-back: the choice is restored");
        for chunk in updates.chunks(VISIT) {
            if let Err(error) = self.setup.links.hubspot.update_contacts(chunk).await {
                return self.engine.hubspot_failed(error);
            }
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

/// Writes all at once; where HubSpot refuses all for the sake of one, in halves, until only that one is refused: whether it
/// always tells item by item is not known (API.md §14.9). Such a refusal wrote nothing. Any other failure ends it, and what
/// was not answered is unclear.
async fn in_halves<T>(
    hubspot: &HubSpot,
    items: &[T],
    write: impl for<'a> Fn(&'a HubSpot, &'a [T]) -> BoxFuture<'a, Result<Vec<ItemOutcome>, hubspot::Error>>,
) -> (Vec<ItemOutcome>, Option<hubspot::Error>) {
    let mut outcomes = Vec::with_capacity(items.len());
    let mut rest = vec![items];
    while let Some(part) = rest.pop() {
        match write(hubspot, part).await {
            Ok(mut answered) => outcomes.append(&mut answered),
            Err(hubspot::Error { kind: ErrorKind::Rejected(_) | ErrorKind::NotFound, .. }) if part.len() > 1 => {
                let (first, second) = part.split_at(part.len() / 2);
                rest.extend([second, first]);
            }
            Err(hubspot::Error { kind: ErrorKind::Rejected(rejection), .. }) => {
                outcomes.push(ItemOutcome::Refused(ItemRefusal::from(&*rejection)));
            }
            Err(hubspot::Error { kind: ErrorKind::NotFound, .. }) => outcomes.push(ItemOutcome::Missing),
            Err(error) => {
                outcomes.resize(items.len(), ItemOutcome::Unclear);
                return (outcomes, Some(error));
            }
        }
    }
    (outcomes, None)
}

fn reason(why: StopReason) -> crate::tec::StopReason {
    match why {
        StopReason::TakenBack => crate::tec::StopReason::TakenBack,
        StopReason::ContactGone => crate::tec::StopReason::ContactGone,
        StopReason::AssistantDeleted => crate::tec::StopReason::AssistantDeleted,
    }
}
