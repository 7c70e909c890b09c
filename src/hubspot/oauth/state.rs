//! What is known of the tokens of one authorisation, and what to do now. Pure: told the time, never asks; sends nothing.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::Instant;

use super::secrets::RefreshToken;
use crate::{
    domain::Fingerprint,
    hubspot::{error::ErrorKind, token::AccessToken},
};

/// An access token is not used in its last moments: it would end on the way.
const LAST_MOMENTS: Duration = Duration::from_secs(10);
/// The earliest and the latest time to renew a token, as parts of its life: 25 and 29 of 30 minutes.
const RENEWAL: (f64, f64) = (25.0 / 30.0, 29.0 / 30.0);
/// From so many failures in a row on, some seconds, a refresh token that is not stored is worth a word: a write to Kubernetes
/// that works the second time is nobody's business.
const WORTH_A_WORD: u32 = 3;
/// How long an answer that only a person can change is believed.
const BELIEVED: Duration = Duration::from_secs(30);

/// The refresh tokens of one authorisation: the first, and all that HubSpot put in its place. Whatever else is found
/// where they are kept was put there by a person.
#[derive(Clone, Debug)]
pub struct Lineage(BTreeSet<Fingerprint>);

impl Lineage {
    fn of(first: &RefreshToken) -> Self {
        Self(BTreeSet::from([first.fingerprint()]))
    }

    /// Whether it is one of them.
    pub fn contains(&self, token: &RefreshToken) -> bool {
        self.0.contains(&token.fingerprint())
    }
}

/// An access token that can be used.
#[derive(Debug)]
struct Live {
    token: AccessToken,
    renew_at: Instant,
    ends_at: Instant,
    /// It was asked for because the one before was refused.
    forced: bool,
    /// HubSpot took it at least once.
    proven: bool,
}

/// Why there is no access token.
#[derive(Debug)]
struct Trouble {
    why: ErrorKind,
    /// HubSpot is not asked before.
    until: Instant,
}

/// What to do for somebody who wants an access token.
#[derive(Debug)]
pub(super) enum Advice {
    /// Use it. `renew`: and have it renewed meanwhile.
    Use { token: AccessToken, renew: bool },
    /// Ask again when something has changed. `renew`: and have one fetched.
    Wait { renew: bool },
    /// There is none now.
    Fail(ErrorKind),
}

/// What a 401 to an access token means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is a newer one, or will be: the call can be repeated, once.
    Renewed,
    /// Another token would not help.
    Final,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) newest: RefreshToken,
    pub(super) lineage: Lineage,
    live: Option<Live>,
    /// Somebody is at the token endpoint, or storing what came from there.
    flying: bool,
    /// The token in use was refused: the next one is on probation.
    forced: bool,
    failures: u32,
    trouble: Option<Trouble>,
    /// Why the newest refresh token is not stored, and how often that was tried.
    unkept: Option<(String, u32)>,
    /// The last access token there was.
    last: Option<AccessToken>,
}

impl State {
    pub(super) fn new(first: RefreshToken, lineage: Option<Lineage>) -> Self {
        let lineage = lineage.unwrap_or_else(|| Lineage::of(&first));
        Self {
            newest: first,
            lineage,
            live: None,
            flying: false,
            forced: false,
            failures: 0,
            trouble: None,
            unkept: None,
            last: None,
        }
    }

    /// Answers who wants a token. Who is told to renew has to do it and to say how it went: nobody else will be.
    pub(super) fn advise(&mut self, now: Instant) -> Advice {
        let held = self.trouble.as_ref().filter(|trouble| now < trouble.until);
        if let Some(live) = self.live.as_ref().filter(|live| now < live.ends_at) {
            let renew = now >= live.renew_at && !self.flying && held.is_none();
            self.flying |= renew;
            return Advice::Use { token: live.token.clone(), renew };
        }
        if let Some(why) = self.concern() {
            return Advice::Fail(ErrorKind::NotKept { message: why.to_owned() });
        }
        if let Some(trouble) = held {
            return Advice::Fail(trouble.why.clone());
        }
        let renew = !self.flying;
        self.flying = true;
        Advice::Wait { renew }
    }

    /// HubSpot took a token.
    pub(super) fn worked(&mut self, token: &AccessToken) {
        if let Some(live) = self.live.as_mut().filter(|live| !live.proven && live.token.is(token)) {
            live.proven = true;
        }
    }

    /// HubSpot answered 401 to a token. That it says "expired" proves little (API.md §3), so a token fetched for such a
    /// reason has to work once before it is given up for another.
    pub(super) fn refused(&mut self, token: &AccessToken, expired: bool) -> Verdict {
        match &self.live {
            Some(live) if !live.token.is(token) => Verdict::Renewed,
            Some(live) if live.proven || (expired && !live.forced) => {
                self.live = None;
                self.forced = true;
                Verdict::Renewed
            }
            Some(_) => Verdict::Final,
            None => Verdict::Renewed,
        }
    }

    /// Another refresh token takes the place of the newest.
    pub(super) fn rotated(&mut self, newest: RefreshToken) {
        self.lineage.0.insert(newest.fingerprint());
        self.newest = newest;
    }

    /// What is to be stored, and what it may take the place of.
    pub(super) fn to_keep(&self) -> (RefreshToken, Lineage) {
        (self.newest.clone(), self.lineage.clone())
    }

    /// It could not be stored.
    pub(super) fn unkept(&mut self, why: String, failures: u32) {
        self.unkept = Some((why, failures));
    }

    pub(super) fn kept(&mut self) {
        self.unkept = None;
    }

    /// Why the newest refresh token is not stored, if it is not and that has lasted.
    pub(super) fn concern(&self) -> Option<&str> {
        let lasting = self.unkept.as_ref().filter(|(_, failures)| *failures >= WORTH_A_WORD);
        lasting.map(|(why, _)| why.as_str())
    }

    /// There is a new access token that may be used. `chance` is in `0..1`.
    pub(super) fn landed(&mut self, token: AccessToken, (asked_at, lifetime): (Instant, Duration), chance: f64) {
        let (earliest, latest) = RENEWAL;
        self.last = Some(token.clone());
        self.live = Some(Live {
            token,
            renew_at: asked_at + lifetime.mul_f64(earliest + (latest - earliest) * chance),
            ends_at: asked_at + lifetime.saturating_sub(LAST_MOMENTS),
            forced: std::mem::take(&mut self.forced),
            proven: false,
        });
        self.failures = 0;
        self.trouble = None;
    }

    /// There is none. `pause` grows with the failures in a row, which it is given.
    pub(super) fn failed(&mut self, why: ErrorKind, now: Instant, pause: impl FnOnce(u32) -> Duration) {
        self.failures = self.failures.saturating_add(1);
        let pause = match &why {
            ErrorKind::Busy { retry_after, .. } => *retry_after,
            ErrorKind::AuthorizationLost { .. } | ErrorKind::ClientRefused { .. } | ErrorKind::Rejected(_) => BELIEVED,
            _ => pause(self.failures),
        };
        self.trouble = Some(Trouble { why, until: now + pause });
    }

    /// Whoever was at the token endpoint is back.
    pub(super) fn back(&mut self) {
        self.flying = false;
    }

    /// Whether somebody is at the token endpoint, or storing what came from there.
    pub(super) fn is_flying(&self) -> bool {
        self.flying
    }

    /// Whether somebody is there; if not, the caller is now.
    pub(super) fn take_off(&mut self) -> bool {
        !std::mem::replace(&mut self.flying, true)
    }

    /// The access token last in use, for whoever has to keep it out of sight.
    pub(super) fn last(&self) -> Option<AccessToken> {
        self.last.clone()
    }
}
