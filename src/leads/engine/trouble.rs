//! What fails: how long nothing is asked, when it is tried again, and when it is worth a word.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::Engine;
use crate::{
    domain::ContactId,
    hubspot::{self, ErrorKind, limits::LOOK_AGAIN},
    leads::{health::PAUSE, memory::Visit, setup::Halt},
    tec,
};

/// Pause after a write that may have happened, before it is looked for.
const DOUBT: Duration = Duration::from_secs(5);
/// From so many failures in a row on, visits are gathered.
const GATHERED_FROM: u32 = 4;
/// Trouble that lasts no longer is nobody's business.
pub(super) const BLIP: Duration = Duration::from_secs(30);
/// Nor are limits that are reached for so long: HubSpot's windows are of seconds, and others come and go.
const STORM: Duration = Duration::from_mins(5);

impl Engine {
    /// Search can fail while everything else works: then deliveries and events go on.
    pub(super) fn look_failed(&mut self, error: hubspot::Error) {
        let pause = match &error.kind {
            ErrorKind::Unavailable { .. } | ErrorKind::Malformed { .. } | ErrorKind::Rejected(_) => Duration::ZERO,
            // Others may use up the account's searches; the limiter sees to what else may be sent.
            ErrorKind::RateLimited { retry_after, .. } => *retry_after,
            _ => return self.hubspot_failed(error),
        };
        self.search.failed(pause, &self.chance);
        self.halted(Halt::HubSpot(Arc::new(error)));
    }

    /// A call to HubSpot failed as a whole: nothing is asked of it for a while.
    pub(in crate::leads) fn hubspot_failed(&mut self, error: hubspot::Error) {
        let pause = match &error.kind {
            ErrorKind::QuotaExhausted { resets_at } => {
                let left = Duration::try_from(resets_at.duration_since(self.clock.now())).unwrap_or_default();
                left.min(LOOK_AGAIN)
            }
            ErrorKind::RateLimited { retry_after, .. } | ErrorKind::Busy { retry_after, .. } => *retry_after,
            ErrorKind::Unauthorized { .. }
            | ErrorKind::AuthorizationLost { .. }
            | ErrorKind::ClientRefused { .. }
            | ErrorKind::MissingScopes { .. }
            | ErrorKind::Forbidden { .. }
            | ErrorKind::WrongRegion { .. } => PAUSE.max,
            // It may be at work still: what is looked up too early is not there yet (API.md §12).
            ErrorKind::Ambiguous { .. } => DOUBT,
            _ => Duration::ZERO,
        };
        self.hubspot.failed(pause, &self.chance);
        self.visits_succeed = false;
        self.halted(Halt::HubSpot(Arc::new(error)));
    }

    pub(in crate::leads) fn hubspot_is_down(&self) -> bool {
        self.hubspot.is_down()
    }

    pub(in crate::leads) fn tec_failed(&mut self, error: tec::Error) {
        let pause = pause_of_tec(&error);
        self.tec.failed(pause, &self.chance);
        self.halted(Halt::Tec(Arc::new(error)));
    }

    pub(in crate::leads) fn tec_answered(&mut self) {
        self.tec.answered();
    }

    pub(in crate::leads) fn tec_is_down(&self) -> bool {
        self.tec.is_down()
    }

    pub(super) fn halted(&mut self, halt: Halt) {
        if self.halt.as_ref() != Some(&halt) {
            let correlation_id = match &halt {
                Halt::HubSpot(error) => error.correlation_id.clone(),
                Halt::Tec(_) => None,
            };
            tracing::warn!(connection = %self.name, error = %halt, correlation_id, "leads do not flow, will be repeated");
        }
        self.halted_at = self.halted_at.or(Some(Instant::now()));
        self.halt = Some(halt);
    }

    /// What is halted long enough to be told, or will not pass by itself.
    pub(super) fn told_halt(&self) -> Option<&Halt> {
        let patience = match &self.halt {
            Some(Halt::HubSpot(error)) if matches!(error.kind, ErrorKind::RateLimited { .. }) => STORM,
            Some(Halt::HubSpot(_) | Halt::Tec(_)) | None => BLIP,
        };
        let lasting = self.halted_at.is_some_and(|at| at.elapsed() >= patience);
        self.halt.as_ref().filter(|halt| lasting || halt.is_serious())
    }

    /// Plans another visit after a failed one.
    pub(in crate::leads) fn visit_again(&mut self, contact: ContactId, visit: Visit, needs_tec: bool) {
        // TEC's own pause is the pause then.
        let failures = if needs_tec { visit.failures } else { visit.failures.saturating_add(1) };
        let mut pause = if needs_tec { Duration::ZERO } else { PAUSE.delay(failures, &self.chance) };
        if self.known.is_doubtful(&contact) {
            pause = pause.max(DOUBT);
        }
        let due = self.on_the_grid(Instant::now() + pause, failures);
        self.pending.again(contact, Visit { due, failures, needs_tec, ..visit });
    }

    /// Visits after many failures come together, so that they share calls.
    pub(super) fn on_the_grid(&self, due: Instant, failures: u32) -> Instant {
        let step = PAUSE.ceiling(failures) / 4;
        if failures < GATHERED_FROM || step.is_zero() {
            return due;
        }
        let steps = due.duration_since(self.born).as_millis() / step.as_millis() + 1;
        u32::try_from(steps).map_or(due, |steps| self.born + step * steps)
    }
}

pub(super) fn pause_of_tec(error: &tec::Error) -> Duration {
    match &error.kind {
        tec::ErrorKind::RateLimited { retry_after } => *retry_after,
        tec::ErrorKind::Unauthorized => Duration::from_mins(1),
        _ => Duration::ZERO,
    }
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HubSpot(error) => error.fmt(f),
            Self::Tec(error) => write!(f, "TEC: {error}"),
        }
    }
}
