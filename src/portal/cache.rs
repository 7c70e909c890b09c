//! One snapshot per portal: concurrent readers join one fetch, writes are folded back in.

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt, future::Future, sync::Arc};

use tokio::{
    sync::{Mutex, MutexGuard},
    time::Instant,
};

use super::{
    observe,
    snapshot::{
        Acceptance, Account, Answer, Group, Owner, PortalSnapshot, Properties, Property, Question, Role, Section, Team,
        User,
    },
    trouble::{Trouble, TroubleKind},
};
use crate::{
    domain::{Email, Fingerprint, GroupName, UserId},
    hubspot::{self, HubSpot, Lane, Limiter, Urgency, wire},
    runtime::{backoff::Backoff, lock},
};

/// One list of a portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Account details.
    Account,
    /// Property groups.
    Groups,
    /// Contact properties.
    Properties,
    /// Users.
    Users,
    /// Active owners.
    Owners,
    /// Permission sets.
    Roles,
    /// Teams.
    Teams,
    /// Who accepted the invitation.
    Acceptance,
}

/// How long a "no" of HubSpot to one exact change is taken for an answer.
const REFUSAL_HOLDS: std::time::Duration = std::time::Duration::from_hours(1);

/// A portal, as far as it was read, and the client that reads it.
pub struct Portal {
    hubspot: HubSpot,
    ours: std::sync::Mutex<Vec<String>>,
    account: Cell<Account>,
    groups: Cell<BTreeMap<String, Group>>,
    properties: Cell<Properties>,
    users: Cell<BTreeMap<Email, User>>,
    owners: Cell<BTreeMap<Email, Owner>>,
    roles: Cell<Vec<Role>>,
    teams: Cell<Vec<Team>>,
    acceptance: Cell<BTreeMap<Email, Acceptance>>,
    refusals: std::sync::Mutex<BTreeMap<Fingerprint, (Instant, Trouble)>>,
}

struct Cell<T> {
    slot: Mutex<Slot<T>>,
    crowd: std::sync::Mutex<Crowd>,
}

/// Who is at a list.
#[derive(Default)]
struct Crowd {
    /// The work that reads it.
    reader: Option<Urgency>,
    /// How many wait for it because a person waits.
    edits: usize,
}

/// A place among those who wait for a list. While one of them is there because of a person, whoever reads it hurries.
struct Waiting<'a>(Option<&'a std::sync::Mutex<Crowd>>);

impl<'a> Waiting<'a> {
    fn at(crowd: &'a std::sync::Mutex<Crowd>, urgency: &Urgency) -> Self {
        if urgency.lane() != Lane::Edit {
            return Self(None);
        }
        let mut seen = lock(crowd);
        seen.edits += 1;
        if let Some(reader) = &seen.reader {
            reader.raise(Lane::Edit);
        }
        Self(Some(crowd))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(crowd) = self.0 {
            lock(crowd).edits -= 1;
        }
    }
}

struct Slot<T> {
    /// When the last read began: what happened before is in it.
    began: Option<Instant>,
    section: Section<T>,
    /// Failures in a row, and when a list that could not be read is worth another try, whoever asks.
    failures: u32,
    retry_at: Option<Instant>,
}

impl<T> Slot<T> {
    fn new(began: Option<Instant>, section: Section<T>) -> Self {
        Self { began, section, failures: 0, retry_at: None }
    }
}

impl<T> Cell<T> {
    fn new(slot: Slot<T>) -> Self {
        Self { slot: Mutex::new(slot), crowd: std::sync::Mutex::default() }
    }

    fn unread() -> Self {
        Self::new(Slot::new(None, Section::NotRead))
    }

    /// The section, read anew if the last read began before `not_before` or never began. Whoever waits for a read under way gets its
    /// result if that is young enough.
    async fn read<F>(
        &self,
        (wanted, not_before, urgency): (bool, Option<Instant>, &Urgency),
        fetch: impl FnOnce() -> F,
    ) -> Section<T>
    where
        F: Future<Output = hubspot::Result<T>>,
    {
        let waiting = Waiting::at(&self.crowd, urgency);
        let mut slot = self.slot.lock().await;
        drop(waiting);
        let retry = slot.retry_at.is_some_and(|at| at <= Instant::now());
        if wanted && (retry || slot.began.is_none_or(|began| Some(began) < not_before)) {
            let began = Instant::now();
            self.begin_reading(urgency);
            let result = fetch().await;
            lock(&self.crowd).reader = None;
            slot.began = Some(began);
            slot.section = match result {
                Ok(value) => {
                    (slot.failures, slot.retry_at) = (0, None);
                    Section::Fresh(Arc::new(value))
                }
                Err(error) => {
                    let trouble = Trouble::from(&error);
                    slot.failures = slot.failures.saturating_add(1);
                    let pause = Backoff::RECONCILE.ceiling(slot.failures) / 2;
                    slot.retry_at = (!trouble.needs_a_person()).then(|| Instant::now() + pause);
                    stale(std::mem::replace(&mut slot.section, Section::NotRead), trouble)
                }
            };
        }
        slot.section.share()
    }

    fn begin_reading(&self, urgency: &Urgency) {
        let mut crowd = lock(&self.crowd);
        crowd.reader = Some(urgency.clone());
        if crowd.edits > 0 {
            urgency.raise(Lane::Edit);
        }
    }
}

fn stale<T>(old: Section<T>, trouble: Trouble) -> Section<T> {
    match old {
        Section::Fresh(value) | Section::Stale(value, _) => Section::Stale(value, trouble),
        Section::NotRead | Section::Unread(_) => Section::Unread(trouble),
    }
}

impl<T: Clone> Cell<T> {
    /// Changes what is known without reading: our own write went through.
    async fn fold(&self, change: impl FnOnce(&mut T)) {
        let mut slot: MutexGuard<'_, Slot<T>> = self.slot.lock().await;
        if let Section::Fresh(value) | Section::Stale(value, _) = &mut slot.section {
            change(Arc::make_mut(value));
        }
    }
}

impl Portal {
    /// A portal whose account details have just been read.
    pub fn new(resolved: hubspot::region::Resolved) -> Self {
        let section = Section::Fresh(Arc::new(observe::to_account(resolved.account)));
        let account = Slot::new(Some(Instant::now()), section);
        Self {
            hubspot: resolved.hubspot,
            ours: std::sync::Mutex::default(),
            account: Cell::new(account),
            groups: Cell::unread(),
            properties: Cell::unread(),
            users: Cell::unread(),
            owners: Cell::unread(),
            roles: Cell::unread(),
            teams: Cell::unread(),
            acceptance: Cell::unread(),
            refusals: std::sync::Mutex::default(),
        }
    }

    /// The client, in a lane.
    pub fn hubspot(&self, urgency: impl Into<Urgency>) -> HubSpot {
        self.hubspot.with_lane(urgency)
    }

    /// The limits of the portal and its token.
    pub fn limiter(&self) -> &Limiter {
        self.hubspot.limiter()
    }

    /// Which properties must be known even when archived.
    pub fn watch_properties(&self, names: Vec<String>) {
        *lock(&self.ours) = names;
    }

    /// The snapshot; of each of `parts` no read is older than `not_before`; `None`: any read will do.
    pub async fn read(&self, parts: &[Part], not_before: Option<Instant>, urgency: &Urgency) -> PortalSnapshot {
        let hubspot = &self.hubspot(urgency);
        let wants = |part: Part| parts.contains(&part);
        let ours = lock(&self.ours).clone();
        let (account, groups, properties, users, owners, roles, teams, acceptance) = futures::join!(
            self.account.read((wants(Part::Account), not_before, urgency), || observe::account(hubspot)),
            self.groups.read((wants(Part::Groups), not_before, urgency), || observe::groups(hubspot)),
            self.properties
                .read((wants(Part::Properties), not_before, urgency), || observe::properties(hubspot, &ours)),
            self.users.read((wants(Part::Users), not_before, urgency), || observe::users(hubspot)),
            self.owners.read((wants(Part::Owners), not_before, urgency), || observe::owners(hubspot)),
            self.roles.read((wants(Part::Roles), not_before, urgency), || observe::roles(hubspot)),
            self.teams.read((wants(Part::Teams), not_before, urgency), || observe::teams(hubspot)),
            self.acceptance.read((wants(Part::Acceptance), not_before, urgency), || observe::acceptance(hubspot)),
        );
        PortalSnapshot { account, groups, properties, users, owners, roles, teams, acceptance }
    }

    /// Asks HubSpot one thing. A user found this way is folded in.
    pub async fn answer(&self, question: &Question, urgency: &Urgency) -> Answer {
        let answer = observe::answer(&self.hubspot(urgency), question).await;
        if let (Question::User(email), Answer::User(Some(user))) = (question, &answer) {
            self.fold_user(email, Some(user.clone())).await;
        }
        answer
    }

    /// A group is now like this, or gone.
    pub async fn fold_group(&self, name: &GroupName, now: Option<Group>) {
        self.groups.fold(|groups| set(groups, name.as_str().to_owned(), now)).await;
    }

    /// A property is now like this, or gone.
    pub async fn fold_property(&self, name: &str, now: Option<wire::properties::Property>) -> Option<Property> {
        let now = now.map(observe::to_property);
        let kept = now.clone();
        let change = |properties: &mut Properties| {
            properties.archived.remove(name);
            set(&mut properties.active, name.to_owned(), now);
        };
        self.properties.fold(change).await;
        kept
    }

    /// A user is now like this, or gone.
    pub async fn fold_user(&self, email: &Email, now: Option<User>) {
        self.users.fold(|users| set(users, email.clone(), now)).await;
    }

    /// As [`Self::fold_user`], from HubSpot's own answer.
    pub async fn fold_wire_user(&self, email: &Email, now: wire::users::User) -> UserId {
        let user = observe::to_user(now);
        let id = user.id.clone();
        self.fold_user(email, Some(user)).await;
        id
    }

    /// HubSpot said no to exactly this.
    pub fn note_refusal(&self, change: Fingerprint, trouble: &Trouble) {
        if trouble.kind == TroubleKind::Refused {
            lock(&self.refusals).insert(change, (Instant::now(), trouble.clone()));
        }
    }

    /// Somebody asks for another look, most likely because something is different in HubSpot now.
    pub fn forget_refusals(&self) {
        lock(&self.refusals).clear();
    }

    /// HubSpot's last word on exactly this, unless it is old.
    pub fn refusal(&self, change: Fingerprint) -> Option<Trouble> {
        let mut refusals = lock(&self.refusals);
        refusals.retain(|_, (at, _)| at.elapsed() < REFUSAL_HOLDS);
        refusals.get(&change).map(|(_, trouble)| trouble.clone())
    }
}

fn set<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) {
    match value {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    };
}

impl fmt::Debug for Portal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Portal").field("hubspot", &self.hubspot).finish_non_exhaustive()
    }
}
