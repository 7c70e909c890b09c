//! Goes the way of `batch/` for one contact, with the engine's own memory, decisions and plans; only the calls are the
//! world's. Between any two steps it may be struck down, or somebody does something.

use std::collections::{BTreeSet, VecDeque};

use jiff::{Timestamp, ToSpan};

use super::{
    OTHER_ID, OWNER,
    world::{Deed, World, id},
};
use crate::{
    domain::{ContactId, LeadId},
    hubspot::{EngagementKind, EngagementRecord},
    leads::{
        cases::{Case, Read, Wanted},
        contact::Contact,
        decide::{Assigned, Decision, Refusal, Team, Then, decide, hand_back},
        events::follow,
        mark::{Mark, MarkSeen, Phase},
        memory::{Feed, Known},
        setup::Rules,
        timeline::{key_of, key_properties},
    },
    tec::{CreatedLead, Cursor, Event, NewLead},
};

/// Events on a page of the feed.
const PAGE: usize = 3;

pub(super) struct Worker {
    pub feed: Feed,
    known: Known,
    started: Timestamp,
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub(super) enum Happens {
    /// The worker gets on by a step.
    Step,
    /// The worker's place in the feed is saved.
    Save,
    /// The worker is killed.
    Crash,
    /// A call fails, and nobody knows whether it was carried out.
    Fail,
    Does(Deed),
}

/// Why a visit ends early.
#[derive(Debug)]
pub(super) enum Struck {
    Crash,
    Fail,
}

type Script = VecDeque<Happens>;

impl Worker {
    /// Knows what was saved.
    pub(super) fn start(world: &World) -> Self {
        Self { feed: Feed::from(world.bookmark.clone()), known: Known::default(), started: world.now }
    }

    /// What happens before the next step.
    fn pause(&self, world: &mut World, script: &mut Script) -> Result<(), Struck> {
        world.now += 1.seconds();
        while let Some(next) = script.pop_front() {
            match next {
                Happens::Step => break,
                Happens::Save => world.bookmark = self.feed.committed().cloned(),
                Happens::Crash => return Err(Struck::Crash),
                Happens::Fail => return Err(Struck::Fail),
                Happens::Does(deed) => world.do_it(deed),
            }
        }
        Ok(())
    }

    /// A page of the feed, and a visit to everybody concerned.
    pub(super) fn round(&mut self, world: &mut World, script: &mut Script) -> Result<(), Struck> {
        let from: usize = self.feed.cursor.as_ref().map_or(0, |cursor| cursor.as_str().parse().unwrap());
        let to = (from + PAGE).min(world.log.len());
        self.feed.take_in(Cursor::new(to.to_string()), world.log[from..to].to_vec());
        self.pause(world, script)?;
        self.respect_choices(world, script)?;
        let gone = ContactId(OTHER_ID.to_owned());
        if !self.feed.of(&gone).is_empty() {
            self.forget(&gone, world, script)?;
        }
        self.visit(world, script)
    }

    /// It was merged away.
    fn forget(&mut self, contact: &ContactId, world: &mut World, script: &mut Script) -> Result<(), Struck> {
        let events = self.feed.of(contact);
        let mut leads: BTreeSet<&LeadId> = events.iter().map(|event| &event.lead).collect();
        for event in events.iter().filter(|event| event.done) {
            leads.remove(&event.lead);
        }
        for lead in leads {
            self.stop(lead, world, script)?;
        }
        self.feed.done(contact, &events);
        Ok(())
    }

    fn stop(&mut self, lead: &LeadId, world: &mut World, script: &mut Script) -> Result<(), Struck> {
        if !self.known.is_stopped(lead) {
            world.stop(lead);
            self.pause(world, script)?;
            self.known.stopped(lead.clone());
        }
        Ok(())
    }

    /// A mark is not believed when its lead was stopped.
    fn decide(&self, contact: &Contact, team: &Team) -> Decision {
        let decision = decide(contact, team);
        let stopped = |mark: &&Mark| mark.lead.as_ref().is_some_and(|lead| self.known.is_stopped(lead));
        match contact.mark.mark().filter(stopped) {
            Some(mark) if decision.then == Then::InWork => {
                let mark = MarkSeen::Mark(Mark { phase: Phase::Done, ..mark.clone() });
                decide(&Contact { mark, ..contact.clone() }, team)
            }
            Some(_) | None => decision,
        }
    }

    fn visit(&mut self, world: &mut World, script: &mut Script) -> Result<(), Struck> {
        let rules = world.team.rules();
        let team = rules.team();
        let Read { contact, person } = Wanted::of(&rules).read(&world.read());
        let events = self.feed.of(&contact.id);
        let decision = self.decide(&contact, &team);
        let mut case = Case::new(contact, person, decision, events);
        self.pause(world, script)?;
        if let Some(stop) = case.decision.stop.clone() {
            self.stop(&stop.lead, world, script)?;
        }
        if case.decision.then == Then::Wait {
            world.decided.insert("waits");
            self.feed.park(&case.contact.id);
            return Ok(());
        }
        if let Some(new) = new_lead(&case, &rules) {
            let created = world.create(&new);
            self.pause(world, script)?;
            match created {
                CreatedLead::Created { lead, state } => case.lead = Some((lead, state)),
                CreatedLead::Refused(_) => refuse(&mut case, &team),
            }
        }
        case.followed = follow(case.mark_after_decision().as_ref(), &case.news());
        assert!(case.plan(&rules, &team), "the mark can be written");
        case.look_first = self.may_be_logged(&case) || case.has_old_news();
        self.log(&mut case, world, script)?;
        self.commit(&case, &team, world, script)
    }

    /// As the engine has it.
    fn may_be_logged(&self, case: &Case) -> bool {
        let ours = self.started + 1.minutes();
        let before_us = |event: &Event| event.occurred_at <= ours;
        if self.known.is_doubtful(case.id()) || case.events.iter().any(before_us) {
            return true;
        }
        let fresh = match &case.decision.then {
            Then::Accept(assigned) | Then::Refuse(assigned, ..) => assigned.at > ours,
            Then::Nothing | Then::InWork | Then::Wait | Then::GiveBack(..) | Then::Close(_) => false,
        };
        !fresh && !self.known.is_clean(case.id())
    }

    fn log(&mut self, case: &mut Case, world: &mut World, script: &mut Script) -> Result<(), Struck> {
        for kind in [EngagementKind::Note, EngagementKind::Email, EngagementKind::Task] {
            if case.look_first && case.entries.iter().any(|entry| entry.kind == kind) {
                let there: Vec<_> =
                    world.timeline.iter().filter(|(of, _)| *of == kind).map(|(_, shown)| shown).collect();
                let key = |shown: &super::world::Properties| {
                    let asked = |name: &&String| key_properties(kind).contains(&name.as_str());
                    let shown =
                        shown.iter().filter(|(name, _)| asked(name)).map(|(name, value)| (name.clone(), value.clone()));
                    key_of(kind, &EngagementRecord::new(String::new(), shown.collect()))
                };
                let keys: BTreeSet<_> = there.into_iter().filter_map(key).collect();
                case.entries.retain(|entry| entry.kind != kind || !keys.contains(&entry.key));
                self.pause(world, script)?;
            }
            let entries: Vec<_> = case.entries.iter().filter(|entry| entry.kind == kind).collect();
            for entry in entries {
                self.known.doubt(&entry.new.contact);
                world.log_on_timeline(kind, &entry.new);
                self.pause(world, script)?;
            }
        }
        Ok(())
    }

    fn commit(&mut self, case: &Case, team: &Team, world: &mut World, script: &mut Script) -> Result<(), Struck> {
        if !case.update.is_empty() {
            check_update(case, team);
            world.update(&case.update);
            remember(case, world);
            self.pause(world, script)?;
        }
        // Not before: until the contact says otherwise, such a lead may still become the one it is in work by.
        for lead in &case.followed.orphans {
            self.stop(lead, world, script)?;
        }
        self.feed.done(case.id(), &case.events);
        self.known.cleaned(case.id().clone());
        if let Some(given) = case.given() {
            self.known.given.insert(case.id().clone(), given);
        }
        self.respect_choices(world, script)
    }

    /// Whom a person chose between the look and the hand-back.
    fn respect_choices(&mut self, world: &mut World, script: &mut Script) -> Result<(), Struck> {
        let Some(given) = self.known.given.get(&id()) else { return Ok(()) };
        let rules = world.team.rules();
        let restored = given.restored(&Wanted::of(&rules).read(&world.read()).contact, &rules);
        self.pause(world, script)?;
        if let Some(update) = restored {
            world.decided.insert("choice restored");
            world.update(&update);
            self.pause(world, script)?;
        }
        self.known.given.remove(&id());
        Ok(())
    }
}

fn new_lead(case: &Case, rules: &Rules) -> Option<NewLead> {
    let Then::Accept(Assigned { assistant, at, .. }) = &case.decision.then else { return None };
    Some(NewLead {
        idempotency_key: format!("{}:{}:{}", rules.portal, case.contact.id, at.as_millisecond()),
        assistant_email: rules.members[assistant].email.clone(),
        contact: case.person.contact.clone(),
        context: None,
        schedule: None,
    })
}

fn refuse(case: &mut Case, team: &Team) {
    let Then::Accept(assigned) = case.decision.then.clone() else { return };
    let to = hand_back(&case.contact, case.contact.mark.mark(), team);
    case.decision.then = Then::Refuse(assigned, Refusal::NotTaken, to);
}

/// What the contact now says was done, and what people read of it.
fn remember(case: &Case, world: &mut World) {
    let (decided, said) = match &case.decision.then {
        Then::Accept(assigned) => ("accepted", Some((assigned.at, "works on it"))),
        Then::Refuse(assigned, Refusal::WorkedBefore, _) => ("worked before", Some((assigned.at, "Clear Lead"))),
        Then::Refuse(assigned, Refusal::NoEmail, _) => ("no address", Some((assigned.at, "no e-mail address"))),
        Then::Refuse(assigned, Refusal::NotTaken, _) => ("not taken", Some((assigned.at, "does not accept its data"))),
        Then::GiveBack(..) => ("given back", None),
        Then::Close(_) => ("closed", None),
        Then::InWork if case.handed_back => ("done", None),
        Then::InWork => ("followed", None),
        Then::Nothing | Then::Wait => panic!("nothing is written"),
    };
    world.decided.insert(decided);
    if case.decision.stop.is_some() && said.is_some_and(|(_, words)| words == "works on it") {
        world.decided.insert("from hand to hand");
    }
    if !case.followed.orphans.is_empty() {
        world.decided.insert("orphans");
    }
    world.said.extend(said.map(|(at, words)| (at.as_millisecond(), words)));
}

/// What holds for every update, whatever happens before and after.
fn check_update(case: &Case, team: &Team) {
    let mark = case.mark.as_ref().expect("every update says how far things are");
    assert_eq!(mark.contact, id());
    let is_assistants = case.contact.owner.as_ref().is_some_and(|owner| team.assistants.contains_key(owner));
    assert!(is_assistants || mark.phase != Phase::Working);
    if case.update.contains_key(OWNER) {
        assert!(is_assistants, "nothing is written over a person's choice (R9)");
        assert_ne!(mark.phase, Phase::Working);
        if let Some(to) = case.new_owner() {
            assert!(team.active.contains(&to) && !team.assistants.contains_key(&to), "to a person who is there");
        }
    }
}
