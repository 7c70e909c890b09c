//! What an engine is told and what it tells: plain values between it and the controllers.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use super::{
    decide::{Standing, Team},
    mapping::Mapping,
};
use crate::{
    domain::{Email, OwnerId, PortalId},
    hubspot::{self, HubSpot},
    tec::{self, Cursor, Tec},
};

/// Everything an engine works with.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The ways out.
    pub links: Links,
    /// What to do.
    pub rules: Arc<Rules>,
}

/// The ways out.
#[derive(Clone, Debug)]
pub struct Links {
    /// HubSpot, in the lane for leads.
    pub hubspot: HubSpot,
    /// TEC.
    pub tec: Tec,
}

/// What to do in a portal, and for whom.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// The portal.
    pub portal: PortalId,
    /// Do it, say it, or wait.
    pub mode: Mode,
    /// Time between looks for new assignments.
    pub poll_interval: Duration,
    /// Names of the contact fields.
    pub fields: Fields,
    /// How a state is shown.
    pub mapping: Mapping,
    /// Texts of notes.
    pub notes: NoteTexts,
    /// The assistants, by owner id.
    pub members: BTreeMap<OwnerId, Member>,
    /// Every active owner of the portal.
    pub active_owners: BTreeSet<OwnerId>,
    /// Who gets a contact whose previous owner is gone.
    pub fallback: Option<OwnerId>,
}

/// Do it, say it, or wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Carry leads.
    Process,
    /// Say what would be done.
    Observe,
    /// On hold: assignments wait, nothing is written to HubSpot. What a person took back is stopped all the same.
    Hold,
}

/// Names of the contact fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    /// `Context`.
    pub context: String,
    /// `TEC Schedule`.
    pub schedule: String,
    /// `Lead Connection Status`.
    pub connection_status: String,
    /// What people read above it.
    pub connection_status_label: String,
    /// The hidden mark.
    pub state: String,
}

/// Texts of notes, with `{assistant}` and `{field}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteTexts {
    /// When a contact is accepted.
    pub accepted: String,
    /// When one is refused because it was a lead before.
    pub refused: String,
}

/// An assistant at work.
#[derive(Clone, PartialEq, Eq)]
pub struct Member {
    /// Who it is in TEC.
    pub email: Email,
    /// What people call it.
    pub name: String,
    /// Takes contacts, waits, or leaves.
    pub standing: Standing,
    /// Context of contacts without one of their own.
    pub context: Option<String>,
    /// Schedule of contacts without one of their own.
    pub schedule: Option<String>,
}

impl Rules {
    /// Who works here, as the rules see it.
    pub fn team(&self) -> Team {
        let assistants = self.members.iter().map(|(owner, member)| (owner.clone(), member.standing));
        Team { assistants: assistants.collect(), active: self.active_owners.clone(), fallback: self.fallback.clone() }
    }
}

impl Rules {
    /// Whether this assistant is being deleted.
    pub fn is_leaving(&self, owner: &OwnerId) -> bool {
        self.members.get(owner).is_some_and(|member| member.standing == Standing::Leaving)
    }
}

impl std::fmt::Debug for Member {
    // The default context may say more about people than a log should.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Member").field("email", &self.email).field("standing", &self.standing).finish_non_exhaustive()
    }
}

/// Where an engine goes on after a restart. Losing it costs calls, not truth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bookmark {
    /// Events up to here are on their contacts.
    pub cursor: Option<Cursor>,
    /// Assignments before this were seen.
    pub looked_until: Option<Timestamp>,
}

/// How an engine is doing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Whether leads flow.
    pub flow: Flow,
    /// Where to go on after a restart.
    pub bookmark: Bookmark,
    /// When each assistant's first contact was accepted, as far as this engine has seen.
    pub first_accepted: BTreeMap<OwnerId, Timestamp>,
    /// Contacts each leaving assistant still has; absent until they have been counted.
    pub still_owned: BTreeMap<OwnerId, u64>,
    /// Contacts in work, as far as this engine has seen.
    pub in_work: usize,
    /// Contacts that wait for something that failed.
    pub delayed: usize,
    /// What was done since the start.
    pub tally: Tally,
    /// `Observe`: what would be done to how many contacts.
    pub would: Would,
}

/// Whether leads flow.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Flow {
    /// Not known yet.
    #[default]
    Starting,
    /// They do.
    Flowing,
    /// They do not, for this reason.
    Halted(Halt),
    /// HubSpot answers, and refuses the same of everybody: leads begin and end, and people do not see all of it.
    Refused(Halt),
}

/// What was done, by outcome. No contact can be told from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Became leads.
    pub accepted: u64,
    /// Went back at once.
    pub refused: u64,
    /// Went back when the lead was done.
    pub handed_back: u64,
    /// Were taken by a person.
    pub taken_back: u64,
    /// Were deleted or merged away.
    pub gone: u64,
    /// Events with a state nobody knows, or that could not be read.
    pub unknown_events: u64,
    /// Engagements HubSpot refused for good.
    pub given_up: u64,
}

/// What would be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Would {
    /// Contacts that would become leads.
    pub accept: usize,
    /// Contacts that would go back.
    pub refuse: usize,
}

/// Why nothing goes on.
#[derive(Clone, Debug)]
pub enum Halt {
    /// HubSpot cannot be used.
    HubSpot(Arc<hubspot::Error>),
    /// TEC cannot be used.
    Tec(Arc<tec::Error>),
}

impl PartialEq for Halt {
    // By meaning: how often and when exactly does not matter to anybody who reads it.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::HubSpot(a), Self::HubSpot(b)) => a.category() == b.category(),
            (Self::Tec(a), Self::Tec(b)) => a.category() == b.category(),
            _ => false,
        }
    }
}

impl Report {
    /// Whether somebody may wait for what the new report says.
    pub(super) fn is_news(&self, new: &Self) -> bool {
        self.flow != new.flow
            || self.first_accepted.keys().ne(new.first_accepted.keys())
            || self.still_owned != new.still_owned
            || self.would != new.would
    }
}

impl Halt {
    /// Whether it will not pass by itself, or not for long.
    pub fn is_serious(&self) -> bool {
        match self {
            Self::HubSpot(error) => matches!(
                error.kind,
                hubspot::ErrorKind::Unauthorized { .. }
                    | hubspot::ErrorKind::AuthorizationLost { .. }
                    | hubspot::ErrorKind::ClientRefused { .. }
                    | hubspot::ErrorKind::MissingScopes { .. }
                    | hubspot::ErrorKind::Forbidden { .. }
                    | hubspot::ErrorKind::WrongRegion { .. }
                    | hubspot::ErrorKind::QuotaExhausted { .. }
            ),
            Self::Tec(error) => matches!(error.kind, tec::ErrorKind::Unauthorized),
        }
    }

    /// Finite and stable, for logs.
    pub fn category(&self) -> &'static str {
        match self {
            Self::HubSpot(error) => error.category(),
            Self::Tec(error) => error.category(),
        }
    }
}
