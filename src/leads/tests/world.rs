//! One contact of a portal, its timeline, and TEC. People and TEC do what they like; the worker does what it decides.

#![allow(clippy::needless_pass_by_value, clippy::unnecessary_wraps, reason = "tables and stories read best so")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jiff::{Timestamp, ToSpan};

use super::{A, B, FALLBACK, ID, MARK, OTHER_ID, OWNER, P, Q, STATUS};
use crate::{
    domain::{ContactId, Email, LeadId, LeadState, OwnerId, PortalId},
    hubspot::{ContactRecord, EngagementKind, NewEngagement, Version},
    leads::{
        decide::Standing,
        mapping::Mapping,
        mark::{Mark, MarkSeen, Phase},
        setup::{Fields, Member, Mode, NoteTexts, Rules},
    },
    tec::{Address, CreatedLead, Cursor, EmailMessage, Event, ItemError, NewLead, Task, What},
};

pub(super) type Properties = BTreeMap<String, String>;

pub(super) struct World {
    pub now: Timestamp,
    pub contact: Properties,
    /// How often it was written, by anybody.
    pub writes: usize,
    /// Oldest first.
    pub owners: Vec<Version>,
    /// How many of them HubSpot shows.
    pub depth: usize,
    pub timeline: Vec<(EngagementKind, Properties)>,
    /// By idempotency key.
    pub leads: BTreeMap<String, Lead>,
    /// TEC's feed; a cursor is a place in it.
    pub log: Vec<Event>,
    pub bookmark: Option<Cursor>,
    pub team: Staff,
    /// Every time an assistant became owner, in milliseconds.
    pub assignments: BTreeSet<(OwnerId, i64)>,
    /// E-mails and tasks TEC told of.
    pub told: BTreeSet<String>,
    /// What contacts were told about their assignments: when one was, in milliseconds, and words of the note.
    pub said: BTreeSet<(i64, &'static str)>,
    /// What was decided on the way.
    pub decided: BTreeSet<&'static str>,
    /// Who gets the contact back may have changed on the way.
    pub heirs_changed: bool,
}

/// Who is there, and how.
#[derive(Clone)]
pub(super) struct Staff {
    pub standing: BTreeMap<OwnerId, Standing>,
    pub active: BTreeSet<OwnerId>,
    pub fallback: Option<OwnerId>,
    rules: Arc<Rules>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lead {
    pub id: LeadId,
    pub contact: ContactId,
    pub assistant: Email,
    pub seq: u64,
    pub state: String,
    pub running: bool,
}

/// What people and TEC do.
#[derive(Clone, Debug)]
pub(super) enum Deed {
    Assign(&'static str),
    Unassign,
    SaveOwnerAgain,
    ClearField,
    /// The address: none, one TEC refuses, a good one.
    Address(&'static str),
    /// A merge brings the mark of another contact.
    Merge,
    Stands(&'static str, Standing),
    Leaves(&'static str),
    Returns(&'static str),
    /// TEC says something of one of its leads.
    Tells(usize, Told),
    /// TEC delivers something again.
    Again(usize),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Told {
    State(&'static str),
    Mail,
    Answer,
    Task,
    Done,
}

pub(super) fn owner(id: &str) -> OwnerId {
    OwnerId(id.to_owned())
}

pub(super) fn id() -> ContactId {
    ContactId(ID.to_owned())
}

fn address(id: &OwnerId) -> Email {
    Email::new(&format!("assistant-{id}@example.com")).unwrap()
}

impl Staff {
    fn new(fallback: Option<&str>) -> Self {
        let standing: BTreeMap<_, _> = [A, B].map(|id| (owner(id), Standing::Working)).into();
        let active = [A, B, P, Q, FALLBACK].map(owner).into();
        let rules = Arc::new(rules());
        let mut staff = Self { standing, active, fallback: fallback.map(owner), rules };
        staff.announce();
        staff
    }

    fn announce(&mut self) {
        let member = |(id, standing): (&OwnerId, &Standing)| {
            let name = format!("Assistant {id}");
            (id.clone(), Member { email: address(id), name, standing: *standing, context: None, schedule: None })
        };
        let members = self.standing.iter().map(member).collect();
        let (active_owners, fallback) = (self.active.clone(), self.fallback.clone());
        self.rules = Arc::new(Rules { members, active_owners, fallback, ..(*self.rules).clone() });
    }

    pub(super) fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules)
    }
}

fn rules() -> Rules {
    Rules {
        portal: PortalId(7),
        mode: Mode::Process,
        poll_interval: Duration::from_mins(5),
        fields: Fields {
            context: "tec_context".to_owned(),
            schedule: "tec_schedule".to_owned(),
            connection_status: STATUS.to_owned(),
            connection_status_label: "Lead Connection Status".to_owned(),
            state: MARK.to_owned(),
        },
        mapping: Mapping(LeadState::ALL.map(|state| (state, state.name().to_uppercase())).into()),
        notes: NoteTexts { accepted: "{assistant} works on it".to_owned(), refused: "Clear {field} first".to_owned() },
        members: BTreeMap::new(),
        active_owners: BTreeSet::new(),
        fallback: None,
    }
}

impl World {
    pub(super) fn new(first: Option<&str>, fallback: Option<&str>, depth: usize) -> Self {
        let mut world = Self {
            now: Timestamp::from_second(1_790_000_000).unwrap(),
            contact: BTreeMap::from([("email".to_owned(), "lead@example.com".to_owned())]),
            writes: 0,
            owners: Vec::new(),
            depth,
            timeline: Vec::new(),
            leads: BTreeMap::new(),
            log: Vec::new(),
            bookmark: None,
            team: Staff::new(fallback),
            assignments: BTreeSet::new(),
            told: BTreeSet::new(),
            said: BTreeSet::new(),
            decided: BTreeSet::new(),
            heirs_changed: false,
        };
        if let Some(first) = first {
            world.assign(Some(first));
        }
        world
    }

    pub(super) fn do_it(&mut self, deed: Deed) {
        self.now += 20.seconds();
        match deed {
            Deed::Assign(to) => self.assign(Some(to)),
            Deed::Unassign => self.assign(None),
            Deed::SaveOwnerAgain => self.owners.extend(
                // HubSpot may keep a version of it; more than it shows would hide when the assignment was.
                self.owners.last().filter(|_| self.depth > 99).cloned().map(|last| Version { at: self.now, ..last }),
            ),
            Deed::ClearField => drop(self.contact.remove(STATUS)),
            Deed::Address(address) => self.update(&[("email".to_owned(), address.to_owned())].into()),
            Deed::Merge => self.merge(),
            Deed::Stands(id, standing) => {
                let now = self.team.standing.entry(owner(id)).or_insert(standing);
                // Nobody who goes comes back.
                if *now != Standing::Leaving {
                    *now = standing;
                }
                self.team.announce();
            }
            Deed::Leaves(id) => {
                self.heirs_changed |= self.team.active.remove(&owner(id));
                self.team.announce();
            }
            Deed::Returns(id) => {
                self.heirs_changed |= self.team.active.insert(owner(id));
                self.team.announce();
            }
            Deed::Tells(which, told) => {
                let keys: Vec<String> = self.leads.keys().cloned().collect();
                if let Some(key) = which.checked_rem(keys.len()).and_then(|at| keys.get(at)) {
                    self.tell(key, told);
                }
            }
            Deed::Again(which) => {
                let again = which.checked_rem(self.log.len()).and_then(|at| self.log.get(at)).cloned();
                self.log.extend(again);
            }
        }
    }

    pub(super) fn owner(&self) -> Option<OwnerId> {
        self.contact.get(OWNER).map(|id| owner(id))
    }

    pub(super) fn mark(&self) -> MarkSeen {
        MarkSeen::read(self.contact.get(MARK).map(String::as_str))
    }

    fn assign(&mut self, to: Option<&str>) {
        self.update(&[(OWNER.to_owned(), to.unwrap_or_default().to_owned())].into());
    }

    fn merge(&mut self) {
        self.heirs_changed = true;
        let number = self.leads.len();
        let lead = Lead {
            id: LeadId(format!("other-{number}")),
            contact: ContactId(OTHER_ID.to_owned()),
            assistant: address(&owner(A)),
            seq: 0,
            state: "Cold".to_owned(),
            running: true,
        };
        let mark = Mark {
            contact: lead.contact.clone(),
            lead: Some(lead.id.clone()),
            assistant: owner(A),
            previous: Some(owner(Q)),
            assigned_at: self.now,
            phase: Phase::Working,
            seq: 0,
        };
        self.leads.insert(format!("7:{OTHER_ID}:{number}"), lead);
        self.contact.extend(mark.to_value().map(|value| (MARK.to_owned(), value)));
    }

    /// HubSpot's side of an update.
    pub(super) fn update(&mut self, properties: &Properties) {
        self.now += 10.milliseconds();
        self.writes += 1;
        let before = self.owner();
        for (name, value) in properties {
            if value.is_empty() {
                self.contact.remove(name);
            } else {
                self.contact.insert(name.clone(), value.clone());
            }
        }
        let after = self.owner();
        if before != after {
            let value = after.as_ref().map(ToString::to_string);
            self.owners.push(Version { value, at: self.now, source: "CRM_UI".to_owned() });
            self.contact.insert("hubspot_owner_assigneddate".to_owned(), self.now.to_string());
            let assistant = after.filter(|owner| self.team.standing.contains_key(owner));
            self.assignments.extend(assistant.map(|owner| (owner, self.now.as_millisecond())));
        }
    }

    pub(super) fn read(&self) -> ContactRecord {
        let shown = self.owners.iter().rev().take(self.depth).cloned().collect();
        ContactRecord::new(id(), self.contact.clone(), [(OWNER.to_owned(), shown)].into())
    }

    pub(super) fn log_on_timeline(&mut self, kind: EngagementKind, new: &NewEngagement) {
        let mut properties = new.properties.clone();
        if let Some(body) = properties.get_mut("hs_note_body") {
            // HubSpot does not keep markup as it was.
            *body = format!("<div><p>{body}</p>\n</div>");
        }
        self.timeline.push((kind, properties));
    }

    /// TEC's side of a create.
    pub(super) fn create(&mut self, new: &NewLead) -> CreatedLead {
        if new.contact.email == "refused" {
            return CreatedLead::Refused(ItemError { code: ItemError::INVALID_CONTACT.to_owned() });
        }
        let number = self.leads.len();
        let lead = self.leads.entry(new.idempotency_key.clone()).or_insert_with(|| Lead {
            id: LeadId(format!("lead-{number}")),
            contact: new.contact.crm_id.clone(),
            assistant: new.assistant_email.clone(),
            seq: 0,
            state: "New".to_owned(),
            running: true,
        });
        CreatedLead::Created { lead: lead.id.clone(), state: lead.state.clone() }
    }

    /// TEC's side of a stop.
    pub(super) fn stop(&mut self, lead: &LeadId) {
        let key = self.leads.iter().find(|(_, known)| known.id == *lead && known.running).map(|(key, _)| key.clone());
        if let Some(key) = key {
            self.tell(&key, Told::State("DeActivated"));
            self.leads.get_mut(&key).unwrap().running = false;
        }
    }

    pub(super) fn running(&self) -> Vec<&Lead> {
        self.leads.values().filter(|lead| lead.running).collect()
    }

    /// Whoever runs says so, sooner or later.
    pub(super) fn chatter(&mut self) {
        let keys: Vec<String> = self.leads.keys().cloned().collect();
        for key in keys {
            for state in ["Hot", "Lukewarm", "Warm"] {
                self.tell(&key, Told::State(state));
            }
        }
    }

    fn tell(&mut self, key: &str, told: Told) {
        let number = self.log.len();
        let Some(lead) = self.leads.get_mut(key) else { return };
        // People answer when they like; all else ends with the lead.
        if !lead.running && !matches!(told, Told::Answer) {
            return;
        }
        lead.seq += 1;
        let subject = format!("no. {number}");
        let what = match told {
            Told::State(state) => {
                state.clone_into(&mut lead.state);
                What::StateChanged { state: state.to_owned() }
            }
            Told::Mail => What::EmailSent(email(&subject)),
            Told::Answer => What::EmailReceived(email(&subject)),
            Told::Task => What::TaskCreated(task(&subject, self.now)),
            Told::Done => {
                lead.running = false;
                "Processed".clone_into(&mut lead.state);
                What::StateChanged { state: "Processed".to_owned() }
            }
        };
        let (seq, id, contact) = (lead.seq, lead.id.clone(), lead.contact.clone());
        // What belongs to a contact that was merged away goes with it.
        if matches!(told, Told::Mail | Told::Answer | Told::Task) && contact.as_str() == ID {
            self.told.insert(subject);
        }
        let done = matches!(told, Told::Done);
        self.log.push(Event { seq, lead: id, contact, occurred_at: self.now, done, what });
    }
}

fn email(subject: &str) -> EmailMessage {
    let someone = Address { email: "someone@example.com".to_owned(), first_name: None, last_name: None };
    EmailMessage {
        subject: subject.to_owned(),
        text: Some("Hello".to_owned()),
        html: None,
        from: someone.clone(),
        to: vec![someone],
        cc: Vec::new(),
        bcc: Vec::new(),
    }
}

fn task(subject: &str, due_at: Timestamp) -> Task {
    Task { subject: subject.to_owned(), body: None, due_at, priority: None, task_type: None }
}
