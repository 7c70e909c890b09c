//! What the deletion of any kind has in common: when to wait, and when to let go.

use std::time::Duration;

use kube::ResourceExt;

use super::{
    context::Context,
    disposition::{self, Disposition},
    events::Severity,
    queue::Next,
    status::{Ours, Standing},
};
use crate::{
    api::{FINALIZER, condition::Reason},
    desired::references::ObjectRef,
    plan::Refusal,
    portal::{Trouble, trouble::TroubleKind},
    runtime::lock,
};

/// How often a blocked deletion is looked at again.
pub(super) const LOOK_AGAIN: Duration = Duration::from_mins(1);

/// What is left in HubSpot of an object.
pub(super) enum Left {
    /// Nothing, as far as its policy asks; there is proof.
    Nothing,
    /// Not known yet; the connection is about to say.
    NotYet(Refusal),
    /// Something, and a person has to decide.
    Blocked(Refusal),
    /// Something, and HubSpot cannot be used: after the grace period it is left behind.
    Unreachable {
        /// What stays behind.
        what: String,
        /// Why.
        why: Refusal,
    },
    /// It is not known now; the same again soon.
    Unknown {
        /// What may stay behind.
        what: String,
        /// Why.
        trouble: Trouble,
    },
}

impl Left {
    /// What a trouble leaves.
    pub(super) fn trouble(what: &str, trouble: &Trouble) -> Self {
        Self::Unknown { what: what.to_owned(), trouble: trouble.clone() }
    }
}

/// Wait or let go.
pub(super) enum Verdict {
    /// Let go, with a warning if something stays behind.
    LetGo(Option<Refusal>),
    /// Wait.
    Wait(Standing, Next),
}

/// Whether our finalizer is on.
pub(super) fn holds<K: Ours>(object: &K) -> bool {
    object.finalizers().iter().any(|name| name == FINALIZER)
}

/// Whether an object is being deleted.
pub(super) fn is_leaving(ctx: &Context, key: &ObjectRef) -> bool {
    let object = lock(&ctx.store).get_untyped(key);
    object.is_some_and(|object| object.metadata.deletion_timestamp.is_some())
}

/// Wait or let go.
pub(super) fn verdict<K: Ours>(ctx: &Context, object: &K, left: &Left) -> Verdict {
    let deadline = object.meta().deletion_timestamp.as_ref().map(|time| {
        let grace = jiff::SignedDuration::try_from(ctx.settings.deletion_grace).unwrap_or(jiff::SignedDuration::MAX);
        time.0.saturating_add(grace).unwrap_or(jiff::Timestamp::MAX)
    });
    let remaining = deadline.map_or(Duration::ZERO, |deadline| ctx.until(deadline));
    match left {
        Left::Nothing => Verdict::LetGo(None),
        Left::NotYet(why) => Verdict::Wait(Standing::Waiting(why.clone()), Next::After(LOOK_AGAIN)),
        Left::Blocked(refusal) => Verdict::Wait(Standing::Stalled(refusal.clone()), Next::After(LOOK_AGAIN)),
        Left::Unreachable { what, why } if remaining.is_zero() => Verdict::LetGo(Some(left_behind(what, &why.message))),
        Left::Unreachable { what, why } => Verdict::Wait(
            Standing::Waiting(Refusal::new(
                Reason::DeletionBlocked,
                format!("{what} cannot be removed: {}", why.message),
            )),
            Next::After(remaining + Duration::from_secs(1)),
        ),
        Left::Unknown { what, trouble } if remaining.is_zero() && lets_go_of(trouble) => {
            Verdict::LetGo(Some(left_behind(what, &trouble.message)))
        }
        Left::Unknown { what, trouble } => {
            let message = format!("{what} not removed yet: {}", trouble.message);
            let standing = Standing::Waiting(Refusal::new(Reason::DeletionBlocked, message));
            let next = match disposition::of(trouble, ctx) {
                Disposition::Retry => Next::Retry,
                Disposition::Wait(pause) => Next::After(pause),
                Disposition::Stalled => Next::After(LOOK_AGAIN),
            };
            Verdict::Wait(standing, next)
        }
    }
}

/// Whether the grace period counts: only where waiting may be for ever. A used-up limit passes by itself, and a refusal
/// is for a person to solve.
fn lets_go_of(trouble: &Trouble) -> bool {
    match trouble.kind {
        TroubleKind::InvalidCredentials
        | TroubleKind::MissingScopes
        | TroubleKind::WrongRegion
        | TroubleKind::Unreachable
        | TroubleKind::Unclear
        | TroubleKind::NotKept
        | TroubleKind::NotRead => true,
        TroubleKind::Refused | TroubleKind::QuotaExhausted(_) | TroubleKind::RateLimited => false,
    }
}

fn left_behind(what: &str, why: &str) -> Refusal {
    Refusal::new(
        Reason::DeletionBlocked,
        format!("let go after the grace period; {what} stays behind in HubSpot: {why}"),
    )
}

/// Says what stays behind.
pub(super) async fn warn<K: Ours>(ctx: &Context, object: &K, warning: Option<Refusal>) {
    if let Some(warning) = warning {
        tracing::warn!(object = %object.name_any(), namespace = object.namespace(), message = %warning.message, "deletion let go");
        ctx.events.send(object, (Severity::Warning, warning.reason), "Delete", &warning.message).await;
    }
}
