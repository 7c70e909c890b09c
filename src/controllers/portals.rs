//! What is known of every connection's portal, in memory: the meeting place of the three controllers.
//!
//! The connection's controller is the only writer of a portal's configuration and the only one that opens a portal; the
//! others wait until it says `Ready`. So a dead credential costs one probe however many objects use it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use jiff::Timestamp;
use tokio::time::Instant;
use url::Url;

use super::tec::{TecDirectory, TecState};
use crate::{
    desired::{SyncRef, ValidatedConnection, references::ObjectRef},
    domain::{Fingerprint, PortalId},
    hubspot::{
        Credential, HubSpot, Limiter,
        oauth::{Authorization, RefreshToken},
    },
    plan::{Difference, Hold, Refusal, options::SyncReport},
    portal::{Portal, Trouble},
    runtime::lock,
    tec::Tec,
};

/// Whether a connection can be used.
#[derive(Clone, Debug)]
pub enum Availability {
    /// It has not been looked at yet.
    Unknown,
    /// It can.
    Ready(Arc<Usable>),
    /// It cannot; its own conditions say the same.
    Unavailable(Refusal),
}

/// A connection that can be used.
#[derive(Debug)]
pub struct Usable {
    /// The portal behind it.
    pub portal: Arc<Portal>,
    /// Its spec.
    pub connection: ValidatedConnection,
    /// What happened before this is in the snapshot, or will be when its parts are read.
    pub as_of: Instant,
    /// The plan annotation is set: nothing is written.
    pub plan_only: bool,
    /// What came of the schedule options.
    pub schedules: Schedules,
    /// What TEC lists, as last read. `None`: the connection has no `spec.tec`.
    pub tec: Option<Arc<TecDirectory>>,
    /// The way to TEC, one and the same while token and endpoint are. `None` also for want of a token.
    pub tec_client: Option<Tec>,
    /// Why TEC cannot be used, if it should be and cannot.
    pub tec_trouble: Option<Refusal>,
    /// Which generation of the connection this is.
    pub generation: Option<i64>,
}

/// What came of the schedule options, by ScheduleSync.
#[derive(Clone, Debug, Default)]
pub struct Schedules(pub BTreeMap<SyncRef, SyncOutcome>);

/// What came of one ScheduleSync.
#[derive(Clone, Debug, PartialEq)]
pub struct SyncOutcome {
    /// Which state of the object was looked at.
    pub seen: Seen,
    /// What the plan says of it.
    pub report: SyncReport,
    /// How it stands.
    pub verdict: SyncVerdict,
    /// Its own `holdUntil` kept its options from being written.
    pub own_hold: bool,
    /// Schedules of TEC that cannot be options, and why.
    pub left_out: Vec<String>,
    /// It was being deleted, and its options with it.
    pub removing: bool,
}

/// Which state of an object was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Its uid.
    pub uid: String,
    /// Its generation.
    pub generation: i64,
    /// Version of the ConfigMap it reads, if it reads one.
    pub source: Option<String>,
    /// Its plan annotation is set.
    pub plan_only: bool,
}

/// How a ScheduleSync stands.
#[derive(Clone, Debug, PartialEq)]
pub enum SyncVerdict {
    /// As it should.
    InSync,
    /// Differences stay.
    Held(Hold, Vec<Difference>),
    /// A person has to solve something.
    Refused(Refusal),
    /// Its list cannot be read now: its options stay as they are.
    Unread(Refusal),
    /// It did not work out.
    Trouble(Trouble),
}

#[derive(Debug)]
struct Entry {
    availability: Availability,
    client: Option<Client>,
    portal: Option<Arc<Portal>>,
    /// When the portal was last tried in vain, and why it could not be opened.
    closed: Option<(Instant, Trouble)>,
    /// When the snapshot is to be read again, or the portal to be tried again.
    refresh_due: Option<Instant>,
    /// When the last reading began that went well.
    read_at: Option<Instant>,
    /// Somebody wants a snapshot not older than this.
    demand: Option<Instant>,
    /// Requests that were seen: of the connection itself, of ScheduleSyncs, and of Assistants if they are about TEC.
    requests: BTreeMap<ObjectRef, (String, Instant)>,
    /// The portal, with the age of the connection that uses it.
    claim: Option<Claim>,
    /// The TEC behind it.
    tec: TecState,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Claim {
    portal: PortalId,
    age: Age,
}

/// Creation time, then uid: who came first.
pub type Age = (Timestamp, String);

/// A client and what it was made from.
#[derive(Clone, Debug)]
struct Client {
    made_from: (Fingerprint, Option<Url>, u8),
    hubspot: HubSpot,
}

impl Entry {
    /// Since when somebody asks for this: since the first run that saw it.
    fn asked_since(&mut self, by: &ObjectRef, request: &str, since: Instant) -> Instant {
        let (known, asked) = self.requests.entry(by.clone()).or_insert_with(|| (request.to_owned(), since));
        if known != request {
            request.clone_into(known);
            *asked = since;
        }
        *asked
    }
}

/// All connections.
#[derive(Debug, Default)]
pub struct Portals(Mutex<BTreeMap<ObjectRef, Entry>>);

impl Portals {
    /// Whether the connection can be used.
    pub fn availability(&self, connection: &ObjectRef) -> Availability {
        lock(&self.0).get(connection).map_or(Availability::Unknown, |entry| entry.availability.clone())
    }

    /// Says whether it can be used.
    pub fn publish(&self, connection: &ObjectRef, availability: Availability) {
        self.with(connection, |entry| entry.availability = availability);
    }

    /// The client for this credential, endpoint and reserve: the one in use if nothing changed, so that limits are remembered.
    pub fn client(
        &self,
        connection: &ObjectRef,
        made_from: (Fingerprint, Option<Url>, u8),
        make: impl FnOnce(Option<Arc<Limiter>>) -> HubSpot,
    ) -> HubSpot {
        self.with(connection, |entry| match &entry.client {
            Some(client) if client.made_from == made_from => client.hubspot.clone(),
            _ => {
                // The limits are the credential's, whatever else has changed.
                let same = entry.client.as_ref().filter(|client| client.made_from.0 == made_from.0);
                let hubspot = make(same.map(|client| Arc::clone(client.hubspot.limiter())));
                entry.client = Some(Client { made_from, hubspot: hubspot.clone() });
                entry.portal = None;
                entry.closed = None;
                entry.refresh_due = None;
                entry.read_at = None;
                hubspot
            }
        })
    }

    /// The authorisation in use, if OAuth is.
    pub fn authorization(&self, connection: &ObjectRef) -> Option<Arc<Authorization>> {
        let all = lock(&self.0);
        match all.get(connection)?.client.as_ref()?.hubspot.credential() {
            Credential::OAuth(authorization) => Some(Arc::clone(authorization)),
            Credential::Static(_) => None,
        }
    }

    /// Another connection of the namespace whose authorisation goes by this refresh token, or began with it.
    pub fn authorized_by(
        &self,
        connection: &ObjectRef,
        stored: &RefreshToken,
    ) -> Option<(ObjectRef, Arc<Authorization>)> {
        let all = lock(&self.0);
        all.iter().filter(|(other, _)| other.namespace == connection.namespace && *other != connection).find_map(
            |(other, entry)| match entry.client.as_ref()?.hubspot.credential() {
                Credential::OAuth(used) if used.began_with(stored) => Some((other.clone(), Arc::clone(used))),
                Credential::OAuth(_) | Credential::Static(_) => None,
            },
        )
    }

    /// All authorisations in use.
    pub fn authorizations(&self) -> Vec<Arc<Authorization>> {
        let all = lock(&self.0);
        let one = |entry: &Entry| match entry.client.as_ref()?.hubspot.credential() {
            Credential::OAuth(used) => Some(Arc::clone(used)),
            Credential::Static(_) => None,
        };
        all.values().filter_map(one).collect()
    }

    /// The portal, if it has been opened with the client in use.
    pub fn portal(&self, connection: &ObjectRef) -> Option<Arc<Portal>> {
        self.with(connection, |entry| entry.portal.clone())
    }

    /// Keeps an opened portal.
    pub fn opened(&self, connection: &ObjectRef, portal: Arc<Portal>) {
        self.with(connection, |entry| {
            entry.portal = Some(portal);
            entry.closed = None;
        });
    }

    /// When the portal was last tried in vain with the client in use, and why it could not be opened.
    pub fn closed(&self, connection: &ObjectRef) -> Option<(Instant, Trouble)> {
        self.with(connection, |entry| entry.closed.clone())
    }

    /// The portal was tried at that time and could not be opened.
    pub fn not_opened(&self, connection: &ObjectRef, tried: Instant, trouble: Trouble) {
        self.with(connection, |entry| entry.closed = Some((tried, trouble)));
    }

    /// When the snapshot is to be read again.
    pub fn refresh_due(&self, connection: &ObjectRef) -> Option<Instant> {
        self.with(connection, |entry| entry.refresh_due)
    }

    /// The snapshot is to be read again then.
    pub fn read_again(&self, connection: &ObjectRef, next: Instant) {
        self.with(connection, |entry| entry.refresh_due = Some(next));
    }

    /// The snapshot has been read; what happened before `began` is in it.
    pub fn has_been_read(&self, connection: &ObjectRef, began: Instant) {
        self.with(connection, |entry| entry.read_at = Some(began));
    }

    /// A `requestedAt` asks for a comparison; the first run that sees the request says since when.
    pub fn request(&self, connection: &ObjectRef, (by, request): (&ObjectRef, &str), since: Instant) -> Instant {
        self.with(connection, |entry| {
            let asked = entry.asked_since(by, request, since);
            entry.demand = entry.demand.max(Some(asked));
            entry.tec.demand(asked);
            asked
        })
    }

    /// As [`Self::request`], of TEC alone.
    pub fn request_tec(&self, connection: &ObjectRef, (by, request): (&ObjectRef, &str), since: Instant) -> Instant {
        self.with(connection, |entry| {
            let asked = entry.asked_since(by, request, since);
            entry.tec.demand(asked);
            asked
        })
    }

    /// What is known of the TEC behind a connection.
    pub(super) fn tec<T>(&self, connection: &ObjectRef, use_it: impl FnOnce(&mut TecState) -> T) -> T {
        self.with(connection, |entry| use_it(&mut entry.tec))
    }

    /// The way to the TEC behind a connection, if there ever was one for its present spec.
    pub fn tec_client(&self, connection: &ObjectRef) -> Option<Tec> {
        lock(&self.0).get(connection).and_then(|entry| entry.tec.way())
    }

    /// A working portal is read again at the latest then: its interval may have become shorter.
    pub fn refresh_by(&self, connection: &ObjectRef, latest: Instant) {
        self.with(connection, |entry| {
            if matches!(entry.availability, Availability::Ready(_)) {
                entry.refresh_due = entry.refresh_due.map(|due| due.min(latest));
                entry.tec.refresh_by(latest);
            }
        });
    }

    /// Somebody wants a snapshot not older than this.
    pub fn demand(&self, connection: &ObjectRef, not_before: Instant) {
        self.with(connection, |entry| entry.demand = entry.demand.max(Some(not_before)));
    }

    /// The age that `asked`, or a demand not met yet, wants of the snapshot. `None`: it is young enough.
    pub fn unmet(&self, connection: &ObjectRef, asked: Option<Instant>) -> Option<Instant> {
        self.with(connection, |entry| {
            asked.max(entry.demand).filter(|wanted| entry.read_at.is_none_or(|at| at < *wanted))
        })
    }

    /// Claims a portal. The connection that came first keeps it; its name is the error.
    pub fn claim(&self, connection: &ObjectRef, portal: PortalId, age: &Age) -> Result<(), ObjectRef> {
        let mut all = lock(&self.0);
        let older = all.iter().find(|(other, entry)| {
            *other != connection && entry.claim.as_ref().is_some_and(|c| c.portal == portal && c.age < *age)
        });
        let winner = older.map(|(winner, _)| winner.clone());
        // A loser's claim is kept: it is heir to the portal.
        if let Some(entry) = all.get_mut(connection) {
            entry.claim = Some(Claim { portal, age: age.clone() });
        }
        winner.map_or(Ok(()), Err)
    }

    /// Other connections that claim the same portal.
    pub fn rivals(&self, connection: &ObjectRef) -> Vec<ObjectRef> {
        let all = lock(&self.0);
        let Some(claim) = all.get(connection).and_then(|entry| entry.claim.clone()) else { return Vec::new() };
        let same = |entry: &Entry| entry.claim.as_ref().is_some_and(|other| other.portal == claim.portal);
        all.iter()
            .filter(|(other, entry)| *other != connection && same(entry))
            .map(|(other, _)| other.clone())
            .collect()
    }

    /// Forgets a connection.
    pub fn forget(&self, connection: &ObjectRef) {
        lock(&self.0).remove(connection);
    }

    fn with<T>(&self, connection: &ObjectRef, use_it: impl FnOnce(&mut Entry) -> T) -> T {
        let mut all = lock(&self.0);
        let entry = all.entry(connection.clone()).or_insert_with(|| Entry {
            availability: Availability::Unknown,
            client: None,
            portal: None,
            closed: None,
            refresh_due: None,
            read_at: None,
            demand: None,
            requests: BTreeMap::new(),
            claim: None,
            tec: TecState::default(),
        });
        use_it(entry)
    }
}
