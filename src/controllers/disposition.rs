//! One place that turns a trouble into what happens next.

use std::time::Duration;

use super::{context::Context, queue::Next};
use crate::{
    hubspot::limits::LOOK_AGAIN,
    portal::{Trouble, trouble::TroubleKind},
};

/// How an object takes a trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disposition {
    /// The same again after a growing pause.
    Retry,
    /// The same again then.
    Wait(Duration),
    /// Waiting will not help: a person has to act. Looked at again after a full interval, or when something changes.
    Stalled,
}

/// Retry, wait or stall.
pub(super) fn of(trouble: &Trouble, ctx: &Context) -> Disposition {
    match trouble.kind {
        TroubleKind::NotRead
        | TroubleKind::RateLimited
        | TroubleKind::Unreachable
        | TroubleKind::Unclear
        | TroubleKind::NotKept => Disposition::Retry,
        // A second behind midnight, so that two clocks a little apart agree that it has passed.
        TroubleKind::QuotaExhausted(resets_at) => {
            Disposition::Wait((ctx.until(resets_at) + Duration::from_secs(1)).min(LOOK_AGAIN))
        }
        TroubleKind::InvalidCredentials
        | TroubleKind::MissingScopes
        | TroubleKind::WrongRegion
        | TroubleKind::Refused => Disposition::Stalled,
    }
}

impl Disposition {
    /// The next run, where a stalled object is looked at again after `interval`.
    pub(super) fn next(self, interval: Duration) -> Next {
        match self {
            Self::Retry => Next::Retry,
            Self::Wait(pause) => Next::After(pause),
            Self::Stalled => Next::After(interval),
        }
    }
}
