//! What is known of the TEC behind a connection, as values: its assistants, its schedules, and when to look again.
//!
//! The connection's controller reads (`crm_connection/tec.rs`), the others look at the [`TecDirectory`] in
//! [`super::portals::Usable`]: calls do not depend on how many Assistants there are. Nothing in here calls anybody.

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use tokio::time::Instant;
use url::Url;

use crate::{
    api::condition::Reason,
    domain::{Email, Fingerprint},
    plan::Refusal,
    runtime::{backoff::Backoff, chance::Chance},
    tec::{Error, ErrorKind, Schedule, Tec},
};

/// One of TEC's lists. *Unread* is not *empty*: nothing is begun and nothing ends because of it.
#[derive(Debug, PartialEq)]
pub enum Listing<T> {
    /// Read whole.
    Fresh(Arc<T>),
    /// Read whole once; the last attempt failed.
    Stale(Arc<T>, Refusal),
    /// Never read; the last attempt failed.
    Unread(Refusal),
}

impl<T> Listing<T> {
    /// The list, if it may be acted on.
    pub fn fresh(&self) -> Result<&T, &Refusal> {
        match self {
            Self::Fresh(list) => Ok(list),
            Self::Stale(_, why) | Self::Unread(why) => Err(why),
        }
    }

    /// The list for showing, however old.
    pub fn last_known(&self) -> Option<&T> {
        match self {
            Self::Fresh(list) | Self::Stale(list, _) => Some(list),
            Self::Unread(_) => None,
        }
    }

    fn failed(before: Option<&Self>, why: Refusal) -> Self {
        match before {
            Some(Self::Fresh(list) | Self::Stale(list, _)) => Self::Stale(Arc::clone(list), why),
            Some(Self::Unread(_)) | None => Self::Unread(why),
        }
    }
}

/// How far TEC is with an assistant. What else TEC says of it is TEC's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Onboarding {
    /// It can work.
    Finished,
    /// TEC knows it, and is not done with it.
    UnderWay,
}

/// TEC's lists, as last read.
pub struct TecDirectory {
    /// Who asked for a look before this has had it.
    pub as_of: Instant,
    /// Assistants, by address.
    pub assistants: Listing<BTreeMap<Email, Onboarding>>,
    /// Schedules, inactive ones too.
    pub schedules: Listing<Vec<Schedule>>,
}

/// What TEC says of one assistant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InTec {
    /// It is there and can work.
    Created,
    /// It is not there, or not ready: somebody has to finish it in TEC.
    NotYet(Refusal),
    /// TEC cannot be read now; nothing is concluded from that.
    Unread(Refusal),
}

impl TecDirectory {
    /// What TEC says of the assistant with this address.
    pub fn find(&self, email: &Email) -> InTec {
        let missing = match self.assistants.fresh().map(|assistants| assistants.get(email)) {
            Err(why) => return InTec::Unread(why.clone()),
            Ok(Some(Onboarding::Finished)) => return InTec::Created,
            Ok(Some(Onboarding::UnderWay)) => "its onboarding there is not complete",
            Ok(None) => "there is none with this e-mail address",
        };
        InTec::NotYet(Refusal::new(Reason::NotCreatedInTec, format!("finish the assistant in TEC: {missing}")))
    }

    /// Why TEC cannot be read, if it cannot.
    pub fn trouble(&self) -> Option<&Refusal> {
        self.assistants.fresh().err().or(self.schedules.fresh().err())
    }
}

impl fmt::Debug for TecDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TecDirectory").field("trouble", &self.trouble()).finish_non_exhaustive()
    }
}

/// A list that could not be read, and when it is worth another try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub why: Refusal,
    pub again: Again,
}

/// When a failed read is worth another try. In the order of what is waited for longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Again {
    /// After a pause that grows with every failure in a row.
    Soon,
    /// As `Soon`, and not before TEC said.
    NotBefore(Duration),
    /// After a full interval: a person has to act.
    AtInterval,
}

impl Failure {
    /// What a failed call means; `token` names the place of the token.
    pub(super) fn of(error: &Error, token: &str) -> Self {
        let unreachable = |again| Self { why: Refusal::new(Reason::TecUnreachable, error.kind.to_string()), again };
        match &error.kind {
            ErrorKind::Unauthorized => Self {
                why: Refusal::new(Reason::InvalidCredentials, format!("TEC refused the access token in {token}")),
                again: Again::AtInterval,
            },
            ErrorKind::Rejected { .. } => unreachable(Again::AtInterval),
            ErrorKind::RateLimited { retry_after } => unreachable(Again::NotBefore(*retry_after)),
            ErrorKind::Unavailable { .. } | ErrorKind::Malformed { .. } | ErrorKind::CursorExpired => {
                unreachable(Again::Soon)
            }
        }
    }
}

/// What came of one attempt to read TEC.
pub(super) struct Reading {
    pub began: Instant,
    pub ended: Instant,
    pub assistants: Result<BTreeMap<Email, Onboarding>, Failure>,
    pub schedules: Result<Vec<Schedule>, Failure>,
}

/// TEC behind one connection: client, what is known, and when to look again.
#[derive(Debug, Default)]
pub(super) struct TecState {
    client: Option<Client>,
    known: Option<Arc<TecDirectory>>,
    /// When the last attempt began.
    tried: Option<Instant>,
    /// When the last attempt began that went well.
    read_at: Option<Instant>,
    /// When the next attempt is due. `None`: as soon as there is a client.
    due: Option<Instant>,
    /// TEC asked for no calls before this, whoever wants one.
    quiet_until: Option<Instant>,
    failures: u32,
    /// Somebody wants a look not older than this.
    demand: Option<Instant>,
}

/// A client and what it was made from.
#[derive(Debug)]
struct Client {
    made_from: (Fingerprint, Url),
    tec: Tec,
}

impl TecState {
    /// The client for this token and endpoint: the one in use if nothing changed. Another one may see another TEC, so
    /// nothing is known of it.
    pub(super) fn client(&mut self, made_from: (Fingerprint, Url), make: impl FnOnce() -> Tec) -> Tec {
        if let Some(client) = self.client.as_ref().filter(|client| client.made_from == made_from) {
            return client.tec.clone();
        }
        let tec = make();
        let client = Client { made_from, tec: tec.clone() };
        *self = Self { client: Some(client), demand: self.demand, ..Self::default() };
        tec
    }

    /// The client in use.
    pub(super) fn way(&self) -> Option<Tec> {
        self.client.as_ref().map(|client| client.tec.clone())
    }

    /// Somebody wants a look not older than this.
    pub(super) fn demand(&mut self, not_before: Instant) {
        self.demand = self.demand.max(Some(not_before));
    }

    /// Whether it is time for a look, or somebody wants one.
    pub(super) fn is_wanted(&self, now: Instant) -> bool {
        let quiet = self.quiet_until.is_some_and(|until| until > now);
        !quiet && (self.due.is_none_or(|due| due <= now) || self.demand > self.tried)
    }

    /// When the next look is due, if that is a matter of time.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The next look is due at the latest then.
    pub(super) fn refresh_by(&mut self, latest: Instant) {
        self.due = self.due.map(|due| due.min(latest)).max(self.quiet_until);
    }

    /// What is known.
    pub(super) fn known(&self) -> Option<Arc<TecDirectory>> {
        self.known.clone()
    }

    /// Takes in what came of an attempt.
    pub(super) fn take(&mut self, reading: Reading, interval: Duration, chance: &Chance) -> Arc<TecDirectory> {
        let Reading { began, ended, assistants, schedules } = reading;
        let again = [assistants.as_ref().err(), schedules.as_ref().err()].into_iter().flatten();
        let again = again.map(|failure| failure.again).max();
        // "Not so fast" is no reason to doubt what was read a short while ago.
        let recent = self.read_at.is_some_and(|at| began.duration_since(at) < interval * 2);
        let stands = |failure: &Failure| recent && matches!(failure.again, Again::NotBefore(pause) if pause < interval);
        let before = self.known.clone();
        let assistants = merged(before.as_deref().map(|known| &known.assistants), assistants, stands);
        let schedules = merged(before.as_deref().map(|known| &known.schedules), schedules, stands);
        self.tried = Some(began);
        let backoff = |failures| Backoff::RECONCILE.delay(failures, chance).min(interval);
        self.failures = if again.is_some() { self.failures.saturating_add(1) } else { 0 };
        self.quiet_until = match again {
            Some(Again::NotBefore(pause)) => Some(ended + pause),
            Some(Again::Soon | Again::AtInterval) | None => None,
        };
        let due = match again {
            None => began + chance.around(interval, 0.1),
            Some(Again::Soon | Again::NotBefore(_)) => ended + backoff(self.failures),
            Some(Again::AtInterval) => ended + chance.around(interval, 0.1),
        };
        self.due = Some(due).max(self.quiet_until);
        if again.is_none() {
            self.read_at = Some(began);
        }
        self.keep(TecDirectory { as_of: began, assistants, schedules })
    }

    /// There is no way to TEC, for want of a token.
    pub(super) fn cut_off(&mut self, why: &Refusal, now: Instant) -> Arc<TecDirectory> {
        let before = self.known.clone();
        let before = before.as_deref();
        let directory = TecDirectory {
            as_of: now,
            assistants: Listing::failed(before.map(|known| &known.assistants), why.clone()),
            schedules: Listing::failed(before.map(|known| &known.schedules), why.clone()),
        };
        self.tried = Some(now);
        self.due = None;
        self.keep(directory)
    }

    /// The same words are no news, unless somebody waits for them: who compares sees the very same directory.
    fn keep(&mut self, new: TecDirectory) -> Arc<TecDirectory> {
        let old = self.known.take().filter(|old| {
            let asked = self.demand.is_some_and(|demand| demand > old.as_of);
            !asked && old.assistants == new.assistants && old.schedules == new.schedules
        });
        Arc::clone(self.known.insert(old.unwrap_or_else(|| Arc::new(new))))
    }
}

/// `stands`: whether what was read before still counts, in spite of this failure.
fn merged<T>(before: Option<&Listing<T>>, read: Result<T, Failure>, stands: impl Fn(&Failure) -> bool) -> Listing<T> {
    match (read, before) {
        (Ok(list), _) => Listing::Fresh(Arc::new(list)),
        (Err(failure), Some(Listing::Fresh(list))) if stands(&failure) => Listing::Fresh(Arc::clone(list)),
        (Err(failure), before) => Listing::failed(before, failure.why),
    }
}
