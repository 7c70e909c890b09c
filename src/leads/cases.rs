//! One contact on a visit: what was read of it, what was decided, what will be written. No call is made here.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    contact::{Contact, OwnerChange},
    decide::{
        Assigned, Choice, Decision, HandBack, Refusal, Team, Then, accepted_mark, hand_back, overruled, refused_mark,
    },
    events::{Followed, News},
    mark::{Mark, MarkSeen, Phase},
    setup::Rules,
    text,
    timeline::{self, Entry},
};
use crate::{
    domain::{ContactId, LeadId, OwnerId},
    hubspot::{ContactRecord, instant},
    tec::{Event, LeadContact, What},
};

pub(super) const OWNER: &str = "hubspot_owner_id";
pub(super) const ASSIGNED: &str = "hubspot_owner_assigneddate";
const LEAD_STATUS: &str = "hs_lead_status";

/// Which properties are read.
#[derive(Debug)]
pub(super) struct Wanted<'a>(&'a Rules);

/// A contact as it was read: what the rules look at, and what only passes through.
pub(super) struct Read {
    pub contact: Contact,
    pub person: Person,
}

/// What goes to TEC and is looked at by nobody here.
#[derive(Debug)]
pub(super) struct Person {
    pub contact: LeadContact,
    pub context: Option<String>,
    pub schedule: Option<String>,
    /// When the owner changed, as searches show it.
    pub assigned: Option<Timestamp>,
}

/// A hand-back.
#[derive(Clone, Debug)]
pub(super) struct Given {
    /// Nobody, if there was none to give it to.
    pub to: Option<OwnerId>,
    /// As written with it: a contact that does not carry it was not handed back.
    pub mark: Mark,
}

/// A contact on a visit.
#[derive(Debug)]
pub(super) struct Case {
    pub contact: Contact,
    pub person: Person,
    pub decision: Decision,
    pub events: Vec<Event>,
    /// The lead it became, and its state.
    pub lead: Option<(LeadId, String)>,
    pub followed: Followed,
    /// What the contact carries afterwards.
    pub mark: Option<Mark>,
    pub entries: Vec<Entry>,
    /// What is written to the contact, nothing if it is as it should be.
    pub update: BTreeMap<String, String>,
    /// Something of ours may be on the timeline that nobody remembers.
    pub look_first: bool,
    /// The contact goes back because the lead is done.
    pub handed_back: bool,
}

impl<'a> Wanted<'a> {
    pub(super) fn of(rules: &'a Rules) -> Self {
        Self(rules)
    }

    pub(super) fn properties(&self) -> Vec<&'a str> {
        let fields = &self.0.fields;
        vec![
            OWNER,
            ASSIGNED,
            "email",
            "firstname",
            "lastname",
            "company",
            "phone",
            &fields.context,
            &fields.schedule,
            &fields.connection_status,
            &fields.state,
        ]
    }

    pub(super) fn read(&self, record: &ContactRecord) -> Read {
        let fields = &self.0.fields;
        let text = |name: &str| record.value(name).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let assigned = record.value(ASSIGNED).and_then(instant);
        let contact = Contact {
            id: record.id.clone(),
            owner: text(OWNER).map(OwnerId),
            history: owners(record),
            owner_assigned_at: assigned,
            has_email: text("email").is_some(),
            connection_status: text(&fields.connection_status),
            mark: MarkSeen::read(record.value(&fields.state)),
        };
        let person = Person {
            contact: LeadContact {
                crm_id: record.id.clone(),
                email: text("email").unwrap_or_default(),
                first_name: text("firstname"),
                last_name: text("lastname"),
                company: text("company"),
                phone: text("phone"),
            },
            context: text(&fields.context),
            schedule: text(&fields.schedule),
            assigned,
        };
        Read { contact, person }
    }

    /// What a search says of a contact, without history. It may be out of date.
    pub(super) fn shown(&self, record: &ContactRecord) -> Contact {
        self.read(record).contact
    }

    /// Properties a search answers with.
    pub(super) fn search_properties(&self) -> Vec<String> {
        let fields = &self.0.fields;
        [OWNER, ASSIGNED, &fields.connection_status, &fields.state].map(str::to_owned).to_vec()
    }
}

impl Given {
    /// What gives the contact to whom somebody chose, if this hand-back happened and wrote over that.
    pub(super) fn restored(&self, now: &Contact, rules: &Rules) -> Option<BTreeMap<String, String>> {
        let Self { to, mark } = self;
        if now.mark != MarkSeen::read(mark.to_value().as_deref()) {
            return None;
        }
        let Choice(choice) = overruled(now, to.as_ref(), &mark.assistant)?;
        let mut update = BTreeMap::new();
        if mark.phase == Phase::Done && choice.as_ref().is_some_and(|owner| rules.members.contains_key(owner)) {
            // From hand to hand while it was in work: no accident, although the field has been filled since (R8).
            update.insert(rules.fields.connection_status.clone(), String::new());
        }
        update.insert(OWNER.to_owned(), choice.map(|owner| owner.to_string()).unwrap_or_default());
        Some(update)
    }
}

/// Owners of a contact, newest first, equal neighbours being one.
fn owners(record: &ContactRecord) -> Vec<OwnerChange> {
    let versions = record.history(OWNER).iter();
    let mut changes: Vec<OwnerChange> = versions
        .map(|version| OwnerChange {
            owner: version.value.clone().filter(|id| !id.is_empty()).map(OwnerId),
            at: version.at,
        })
        .collect();
    // The older of two equal ones is when it began.
    changes.reverse();
    changes.dedup_by(|newer, older| newer.owner == older.owner);
    changes.reverse();
    changes
}

impl Case {
    pub(super) fn new(contact: Contact, person: Person, decision: Decision, events: Vec<Event>) -> Self {
        Self {
            contact,
            person,
            decision,
            events,
            lead: None,
            followed: Followed::default(),
            mark: None,
            entries: Vec::new(),
            update: BTreeMap::new(),
            look_first: false,
            handed_back: false,
        }
    }

    /// What the events say of the lead.
    pub(super) fn news(&self) -> Vec<News> {
        let state = |event: &Event| match &event.what {
            What::StateChanged { state } => Some(state.clone()),
            What::EmailSent(_) | What::EmailReceived(_) | What::TaskCreated(_) | What::Unknown { .. } => None,
        };
        let news =
            |event: &Event| News { lead: event.lead.clone(), seq: event.seq, state: state(event), done: event.done };
        self.events.iter().map(news).collect()
    }

    /// What the contact carries before its events are followed.
    pub(super) fn mark_after_decision(&self) -> Option<Mark> {
        match (&self.decision.then, &self.lead) {
            (Then::Accept(assigned), Some((lead, _))) => Some(accepted_mark(&self.contact.id, assigned, lead.clone())),
            (Then::Refuse(assigned, ..), _) => Some(refused_mark(&self.contact, assigned)),
            (Then::GiveBack(mark, _) | Then::Close(mark), _) => Some(mark.clone()),
            (Then::Nothing | Then::InWork | Then::Wait | Then::Accept(_), _) => self.contact.mark.mark().cloned(),
        }
    }

    /// Whether something may be there already that the contact's mark does not tell: it follows the events of its lead no
    /// more, or is about another lead, or is not this contact's own.
    pub(super) fn has_old_news(&self) -> bool {
        let mark = self.contact.mark.mark();
        let is_foreign = mark.is_some_and(|mark| mark.contact != self.contact.id);
        if is_foreign || self.contact.mark == MarkSeen::Unreadable {
            return true;
        }
        let is_old = |event: &Event| match mark {
            // A mark that is closed does not follow the events any more.
            Some(mark) if mark.lead.as_ref() == Some(&event.lead) => {
                mark.phase != Phase::Working && event.seq > mark.seq
            }
            // Another lead's events: nobody remembers how far they came.
            Some(_) | None => self.lead.as_ref().is_none_or(|(lead, _)| *lead != event.lead),
        };
        self.events.iter().any(is_old)
    }

    /// Works out what is written. `false` if the mark cannot be written.
    pub(super) fn plan(&mut self, rules: &Rules, team: &Team) -> bool {
        let mark = self.mark_after_decision();
        self.log_events(mark.as_ref());
        let Some(mut mark) = mark else { return true };
        match self.decision.then.clone() {
            Then::Nothing | Then::Wait => return true,
            Then::Accept(assigned) => {
                let template = rules.notes.accepted.clone();
                self.note(rules, &template, &assigned);
                let said = self.lead.as_ref().map(|(_, state)| state.clone()).unwrap_or_default();
                let state = self.followed.state.clone().unwrap_or(said);
                // Something has to be shown: an empty field means that the contact was never a lead (R8).
                self.show(rules, if super::mapping::known(&state).is_some() { &state } else { "New" });
                self.follow(&mut mark, team, rules);
            }
            Then::InWork => {
                if self.followed.seq.is_none() {
                    self.mark = Some(mark);
                    return true;
                }
                if let Some(state) = self.followed.state.clone() {
                    self.show(rules, &state);
                }
                self.follow(&mut mark, team, rules);
            }
            Then::Refuse(assigned, why, to) => {
                let template = refusal_text(rules, why, &to);
                self.note(rules, &template, &assigned);
                self.give(&to);
            }
            Then::GiveBack(_, to) => {
                self.give(&to);
                self.note_if_nobody(&to, &mark, mark.assigned_at, rules);
            }
            Then::Close(_) => {}
        }
        let Some(value) = mark.to_value() else { return false };
        self.update.insert(rules.fields.state.clone(), value);
        self.mark = Some(mark);
        true
    }

    /// R6: whatever TEC did or saw, also for a lead nobody waits for.
    fn log_events(&mut self, mark: Option<&Mark>) {
        let marks = [mark, self.contact.mark.mark()];
        let of = |event: &Event| marks.into_iter().flatten().find(|mark| mark.lead.as_ref() == Some(&event.lead));
        let author = |event: &Event| of(event).map(|mark| &mark.assistant);
        let news = self.events.iter().filter(|event| !self.is_committed(event));
        let entries: Vec<Entry> = news.filter_map(|event| timeline::of_event(event, author(event))).collect();
        self.entries.extend(entries);
    }

    /// Whether the contact's own mark says that this event is on its timeline, or was: what a person removed or changed
    /// since is not logged again. The first delivery of a lead's events is in order, so nothing older can be new.
    fn is_committed(&self, event: &Event) -> bool {
        let mark = self.contact.mark.mark().filter(|mark| mark.contact == self.contact.id);
        mark.is_some_and(|mark| mark.lead.as_ref() == Some(&event.lead) && event.seq <= mark.seq)
    }

    /// R5 and R7: the mark moves on, and the contact goes back when the lead is done.
    fn follow(&mut self, mark: &mut Mark, team: &Team, rules: &Rules) {
        mark.seq = self.followed.seq.unwrap_or(mark.seq).max(mark.seq);
        if !self.followed.done {
            return;
        }
        let to = hand_back(&self.contact, Some(mark), team);
        mark.phase = Phase::Done;
        self.handed_back = true;
        self.give(&to);
        let is_end = |event: &&Event| event.done && mark.lead.as_ref() == Some(&event.lead);
        let done = self.events.iter().find(is_end).map(|event| event.occurred_at);
        self.note_if_nobody(&to, mark, done.unwrap_or(mark.assigned_at), rules);
    }

    fn show(&mut self, rules: &Rules, state: &str) {
        if let Some(shown) = rules.mapping.shown(state) {
            self.update.extend(shown.lead_status.map(|value| (LEAD_STATUS.to_owned(), value)));
            self.update.insert(rules.fields.connection_status.clone(), shown.connection_status.to_owned());
        }
    }

    fn give(&mut self, to: &HandBack) {
        self.update.insert(OWNER.to_owned(), to.owner().map(ToString::to_string).unwrap_or_default());
    }

    fn note(&mut self, rules: &Rules, template: &str, assigned: &Assigned) {
        let name = rules.members.get(&assigned.assistant).map_or("The assistant", |member| member.name.as_str());
        let html = text::note(template, name, &rules.fields.connection_status_label);
        self.entries.push(timeline::note(&self.contact.id, assigned.at, &html, &assigned.assistant));
    }

    fn note_if_nobody(&mut self, to: &HandBack, mark: &Mark, at: Timestamp, rules: &Rules) {
        if *to == HandBack::Nobody {
            let assigned = Assigned { assistant: mark.assistant.clone(), at, previous: None };
            self.note(rules, NOBODY, &assigned);
        }
    }

    /// The owner it would get.
    pub(super) fn new_owner(&self) -> Option<OwnerId> {
        self.update.get(OWNER).filter(|owner| !owner.is_empty()).map(|owner| OwnerId(owner.clone()))
    }

    /// To whom the contact went and from whom, if its owner was touched.
    pub(super) fn given(&self) -> Option<Given> {
        let mark = self.mark.clone()?;
        self.update.contains_key(OWNER).then(|| Given { to: self.new_owner(), mark })
    }

    /// Leaves `hs_lead_status` as it is: the portal lacks the option.
    pub(super) fn without_lead_status(&mut self) {
        self.update.remove(LEAD_STATUS);
    }

    pub(super) fn id(&self) -> &ContactId {
        &self.contact.id
    }
}

const NOBODY: &str = "{assistant} is done with this contact. Its previous owner is not available, so it has no owner now: please choose one.";
const NO_EMAIL: &str = "{assistant} cannot work on this contact because it has no e-mail address. \
     Add one and assign the contact again.";
const NOT_TAKEN: &str = "{assistant} cannot work on this contact: TEC does not accept its data, most likely its e-mail \
     address. Correct it and assign the contact again.";

fn refusal_text(rules: &Rules, why: Refusal, to: &HandBack) -> String {
    let text = match why {
        Refusal::WorkedBefore => rules.notes.refused.clone(),
        Refusal::NoEmail => NO_EMAIL.to_owned(),
        Refusal::NotTaken => NOT_TAKEN.to_owned(),
    };
    match to {
        HandBack::Previous(_) => text,
        HandBack::Fallback(_) => {
            format!("{text}\nIts previous owner is not available, so it went to the fallback owner.")
        }
        HandBack::Nobody => format!("{text}\nIts previous owner is not available, so it has no owner now."),
    }
}

#[cfg(test)]
mod tests;
