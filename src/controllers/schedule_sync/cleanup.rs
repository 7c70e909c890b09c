//! A ScheduleSync that is being deleted.

use kube::ResourceExt;

use super::{Finding, connection_of, name, reference};
use crate::{
    api::{
        ScheduleSync,
        condition::{self, Reason},
        schedule_sync::ScheduleSyncStatus,
        shared::DeletionPolicy,
    },
    controllers::{
        cleanup::{self, Left},
        context::Context,
        portals::{Availability, SyncVerdict},
        queue::{Lane, Next},
        status::{self, Interrupted, Standing},
    },
    plan::Refusal,
};

/// Deals with what the object caused, then lets it go.
pub(super) async fn run(ctx: &Context, object: &ScheduleSync) -> Result<Next, Interrupted> {
    if !cleanup::holds(object) {
        return Ok(Next::Forget);
    }
    let left = left(ctx, object).unwrap_or_else(|| {
        ctx.wake(&connection_of(object), Lane::Dependency);
        Left::NotYet(Refusal::new(Reason::Progressing, "its options are being removed from the schedule field"))
    });
    match cleanup::verdict(ctx, object, &left) {
        cleanup::Verdict::LetGo(warning) => {
            cleanup::warn(ctx, object, warning).await;
            status::let_go(ctx, object).await?;
            ctx.wake(&connection_of(object), Lane::Dependency);
            Ok(Next::Forget)
        }
        cleanup::Verdict::Wait(standing, next) => {
            say(ctx, object, standing).await?;
            Ok(next)
        }
    }
}

/// What is left of it in HubSpot; `None`: the connection has not compared since the deletion.
fn left(ctx: &Context, object: &ScheduleSync) -> Option<Left> {
    let what = "its options";
    if object.spec.deletion_policy == DeletionPolicy::Retain {
        return Some(Left::Nothing);
    }
    let key = connection_of(object);
    let unreachable = |why| Some(Left::Unreachable { what: what.to_owned(), why });
    match reference(ctx, object, &key) {
        Ok(()) => {}
        // It never had any options there.
        Err(Finding::Stalled(_)) => return Some(Left::Nothing),
        Err(Finding::Waiting(why) | Finding::NoConnection(why)) => return unreachable(why),
        Err(Finding::Suspended | Finding::Asked | Finding::Compared(..)) => return None,
    }
    let usable = match ctx.portals.availability(&key) {
        Availability::Ready(usable) => usable,
        Availability::Unknown => return None,
        Availability::Unavailable(why) => return unreachable(why),
    };
    let outcome = usable.schedules.0.get(&name(object)).filter(|outcome| outcome.removing)?;
    match &outcome.verdict {
        SyncVerdict::InSync if outcome.report.unpruned == 0 => Some(Left::Nothing),
        SyncVerdict::InSync => None,
        SyncVerdict::Trouble(trouble) => Some(Left::trouble(what, trouble)),
        SyncVerdict::Refused(refusal) | SyncVerdict::Unread(refusal) => unreachable(refusal.clone()),
        SyncVerdict::Held(..) => unreachable(Refusal::new(Reason::OnHold, "nothing may be written to the portal now")),
    }
}

async fn say(ctx: &Context, object: &ScheduleSync, standing: Standing) -> Result<(), Interrupted> {
    let old = object.status.clone().unwrap_or_default();
    let conditions = condition::render(&old.conditions, &standing.verdicts(), object.metadata.generation, ctx.now());
    let new = ScheduleSyncStatus { conditions, observed_generation: object.metadata.generation, ..old };
    tracing::debug!(object = %object.name_any(), "deletion waits");
    status::write(ctx, object, object.status.as_ref(), &new).await
}
