//! People of a portal: members, their owners and CRM user records, and what time brings them. The three id spaces never
//! overlap, so a mixed-up id is always found out (API.md §5, §5.1, §6).

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;

use super::{
    lagged::Lagged,
    portal::{IdSpace, Portal, later},
    switches::{CrmRecordPolicy, OwnerArchival, OwnerPolicy, PendingOwner},
};

/// A member of the portal, invited or active.
#[derive(Clone, Debug)]
pub(super) struct User {
    pub id: u64,
    pub email: String,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub role_id: Option<String>,
    pub primary_team_id: Option<String>,
    pub secondary_team_ids: Vec<String>,
    pub super_admin: bool,
    pub accepted_at: Option<Timestamp>,
    /// Grows with every invitation, so that what was due for an earlier one does not happen to this one.
    membership: u64,
}

/// Who a new member is.
#[derive(Clone, Debug, Default)]
pub(super) struct NewUser {
    pub email: String,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub role_id: Option<String>,
    pub primary_team_id: Option<String>,
    pub secondary_team_ids: Vec<String>,
    pub super_admin: bool,
}

/// A person known to HubSpot at all: ids outlive memberships.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub user_id: u64,
    pub activated: bool,
    pub removed_at: Option<Timestamp>,
}

/// An owner; `archived` once its user is gone.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    pub id: u64,
    pub user_id: u64,
    pub email: String,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub team_ids: Vec<(String, bool)>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub archived: bool,
}

/// The CRM user record (object type 0-115).
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub id: u64,
    pub user_id: u64,
    pub email: String,
    pub accepted_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub deactivated: bool,
}

/// A permission set.
#[derive(Clone, Debug)]
pub(super) struct Role {
    pub id: String,
    pub name: String,
    pub requires_billing_write: bool,
}

/// A team.
#[derive(Clone, Debug)]
pub(super) struct Team {
    pub id: String,
    pub name: String,
}

/// Something time brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Event {
    user_id: u64,
    membership: u64,
    kind: EventKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum EventKind {
    Owner,
    Accept,
    /// The owner of a removed user follows.
    ArchiveOwner,
}

/// What `OwnerArchival::Later` means.
const ARCHIVAL_DELAY: Duration = Duration::from_mins(10);

pub(super) struct People {
    pub users: BTreeMap<u64, Lagged<User>>,
    pub identities: BTreeMap<String, Identity>,
    pub owners: BTreeMap<u64, Lagged<Owner>>,
    pub owner_of: BTreeMap<u64, u64>,
    pub records: BTreeMap<u64, Lagged<Record>>,
    pub record_of: BTreeMap<u64, u64>,
    pub roles: Vec<Role>,
    pub teams: Vec<Team>,
    due: BTreeSet<(Timestamp, Event)>,
    memberships: u64,
    user_ids: IdSpace,
    owner_ids: IdSpace,
    record_ids: IdSpace,
}

impl Default for People {
    fn default() -> Self {
        Self {
            users: BTreeMap::new(),
            identities: BTreeMap::new(),
            owners: BTreeMap::new(),
            owner_of: BTreeMap::new(),
            records: BTreeMap::new(),
            record_of: BTreeMap::new(),
            roles: Vec::new(),
            teams: Vec::new(),
            due: BTreeSet::new(),
            memberships: 0,
            user_ids: IdSpace::starting_at(1_001),
            owner_ids: IdSpace::starting_at(41_629_001),
            record_ids: IdSpace::starting_at(207_838_823_001),
        }
    }
}

impl People {
    pub(super) fn user(&self, id: u64) -> Option<&User> {
        self.users.get(&id).and_then(Lagged::get)
    }

    pub(super) fn user_by_email(&self, email: &str) -> Option<&User> {
        self.identities.get(&email.to_lowercase()).and_then(|identity| self.user(identity.user_id))
    }

    pub(super) fn member_count(&self) -> usize {
        self.users.values().filter(|user| user.get().is_some()).count()
    }

    fn archive_owner(&mut self, user_id: u64, now: Timestamp, follow: Timestamp) {
        if let Some(owner) = self.owner_of.get(&user_id).and_then(|id| self.owners.get_mut(id)) {
            let archived = owner.get().cloned().map(|owner| Owner { archived: true, updated_at: now, ..owner });
            owner.set(now, follow, archived);
        }
    }

    /// The next thing due by `now`.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<(Timestamp, Event)> {
        let first = self.due.first().filter(|(at, _)| *at <= now).copied()?;
        self.due.remove(&first);
        Some(first)
    }
}

impl Portal {
    /// Whether things can be assigned to this owner id; to archived ones they can (API.md §6), to those of pending users it is
    /// not established (§14.2).
    pub(super) fn is_owner_id(&self, id: &str) -> bool {
        let owner = id.parse().ok().and_then(|id: u64| self.people.owners.get(&id)).and_then(Lagged::get);
        let Some(owner) = owner else { return false };
        let pending = self.people.user(owner.user_id).is_some_and(|user| user.accepted_at.is_none());
        !pending || self.config.switches.pending_owner == PendingOwner::Assignable
    }

    /// Makes a person a member. The id is the person's, so it comes back with the e-mail.
    pub(super) fn add_user(&mut self, new: NewUser) -> u64 {
        let NewUser { email, first_name, last_name, role_id, primary_team_id, secondary_team_ids, super_admin } = new;
        let email = email.to_lowercase();
        let people = &mut self.people;
        let id = match people.identities.get(&email) {
            Some(identity) => identity.user_id,
            None => people.user_ids.next(),
        };
        let identity = Identity { user_id: id, activated: false, removed_at: None };
        people.identities.entry(email.clone()).or_insert(identity).removed_at = None;
        people.memberships += 1;
        let membership = people.memberships;
        let user = User {
            id,
            email,
            first_name,
            last_name,
            role_id,
            primary_team_id,
            secondary_team_ids,
            super_admin,
            accepted_at: None,
            membership,
        };
        let due = later(self.now, self.config.owner_delay);
        if self.config.switches.owner == OwnerPolicy::AfterDelay {
            people.due.insert((due, Event { user_id: id, membership, kind: EventKind::Owner }));
        }
        if self.config.auto_accept {
            people.due.insert((due, Event { user_id: id, membership, kind: EventKind::Accept }));
        }
        self.put_user(user);
        self.advance(self.now);
        id
    }

    /// Writes a user, and what follows from it into the owner.
    pub(super) fn put_user(&mut self, user: User) {
        let (now, follow, id) = (self.now, self.reads_follow(), user.id);
        if let Some(owner_id) = self.people.owner_of.get(&id).copied() {
            let before = self.people.owners.get(&owner_id).and_then(Lagged::get).filter(|owner| !owner.archived);
            if let Some(before) = before {
                let after = before.following(&user, now);
                if after.differs(before) {
                    self.people.owners.entry(owner_id).or_default().set(now, follow, Some(after));
                }
            }
        }
        self.people.users.entry(id).or_default().set(now, follow, Some(user));
    }

    /// Ends a membership: the owner is archived, the record deactivated, the identity stays.
    pub(super) fn remove_user(&mut self, id: u64) {
        let (now, follow) = (self.now, self.reads_follow());
        let Some(user) = self.people.user(id).cloned() else { return };
        let people = &mut self.people;
        if let Some(identity) = people.identities.get_mut(&user.email) {
            identity.removed_at = Some(now);
        }
        people.users.entry(id).or_default().set(now, follow, None);
        let kind = EventKind::ArchiveOwner;
        match self.config.switches.owner_archival {
            OwnerArchival::AtOnce => people.archive_owner(id, now, follow),
            OwnerArchival::Later => {
                let event = Event { user_id: id, membership: user.membership, kind };
                people.due.insert((later(now, ARCHIVAL_DELAY), event));
            }
            OwnerArchival::Never => {}
        }
        if let Some(record) = people.record_of.get(&id).and_then(|id| people.records.get_mut(id)) {
            let gone = record.get().cloned().map(|record| Record { deactivated: true, updated_at: now, ..record });
            record.set(now, follow, gone);
        }
    }

    /// The invitation is accepted: the record is there at once, the owner when the switch says.
    pub(super) fn accept_user(&mut self, id: u64) {
        let Some(mut user) = self.people.user(id).cloned() else { return };
        let membership = user.membership;
        if user.accepted_at.is_none() {
            user.accepted_at = Some(self.now);
            if let Some(identity) = self.people.identities.get_mut(&user.email) {
                identity.activated = true;
            }
            self.put_user(user);
        }
        let wait = self.config.switches.owner_after_acceptance;
        if wait.is_zero() {
            self.ensure_owner(id);
        } else {
            let event = Event { user_id: id, membership, kind: EventKind::Owner };
            self.people.due.insert((later(self.now, wait), event));
        }
        self.ensure_record(id);
    }

    /// Carries out what was due, unless the membership it was due for has ended.
    pub(super) fn happen(&mut self, event: Event) {
        let Event { user_id, membership, kind } = event;
        if kind == EventKind::ArchiveOwner && self.people.user(user_id).is_none() {
            let (now, follow) = (self.now, self.reads_follow());
            self.people.archive_owner(user_id, now, follow);
        }
        let Some(user) = self.people.user(user_id).filter(|user| user.membership == membership) else { return };
        let known = self.people.identities.get(&user.email).is_some_and(|identity| identity.activated);
        match kind {
            // The person is back.
            EventKind::ArchiveOwner => {}
            EventKind::Accept => self.accept_user(user_id),
            EventKind::Owner => {
                self.ensure_owner(user_id);
                if known || self.config.switches.crm_record == CrmRecordPolicy::WithOwner {
                    self.ensure_record(user_id);
                }
            }
        }
    }

    fn ensure_owner(&mut self, user_id: u64) {
        let (now, follow) = (self.now, self.reads_follow());
        let people = &mut self.people;
        let Some(user) = people.users.get(&user_id).and_then(Lagged::get) else { return };
        let id = *people.owner_of.entry(user_id).or_insert_with(|| people.owner_ids.next());
        let owner = people.owners.entry(id).or_default();
        let next = match owner.get() {
            Some(active) if !active.archived => return,
            Some(archived) => Owner { archived: false, ..archived.following(user, now) },
            None => Owner {
                id,
                user_id,
                email: user.email.clone(),
                first_name: None,
                last_name: None,
                team_ids: Vec::new(),
                created_at: now,
                updated_at: now,
                archived: false,
            }
            .following(user, now),
        };
        owner.set(now, follow, Some(next));
    }

    fn ensure_record(&mut self, user_id: u64) {
        let (now, follow) = (self.now, self.reads_follow());
        let people = &mut self.people;
        let Some(user) = people.users.get(&user_id).and_then(Lagged::get) else { return };
        let (email, accepted_at) = (user.email.clone(), user.accepted_at);
        let id = *people.record_of.entry(user_id).or_insert_with(|| people.record_ids.next());
        let record = people.records.entry(id).or_default();
        let unchanged = |record: &&Record| !record.deactivated && record.accepted_at == accepted_at;
        if record.get().as_ref().is_some_and(unchanged) {
            return;
        }
        let created_at = record.get().map_or(now, |record| record.created_at);
        let next = Record { id, user_id, email, accepted_at, created_at, updated_at: now, deactivated: false };
        record.set(now, follow, Some(next));
    }
}

impl Owner {
    /// This owner with the user's e-mail, names and teams.
    fn following(&self, user: &User, now: Timestamp) -> Self {
        let primary = user.primary_team_id.iter().map(|id| (id.clone(), true));
        let secondary = user.secondary_team_ids.iter().map(|id| (id.clone(), false));
        Self {
            email: user.email.clone(),
            first_name: user.first_name.clone(),
            last_name: user.last_name.clone(),
            team_ids: primary.chain(secondary).collect(),
            updated_at: now,
            ..self.clone()
        }
    }

    fn differs(&self, other: &Self) -> bool {
        (&self.email, &self.first_name, &self.last_name, &self.team_ids)
            != (&other.email, &other.first_name, &other.last_name, &other.team_ids)
    }
}
