//! `ScheduleSync`: tells how its share of the schedule options stands.
//!
//! The options of all ScheduleSyncs of a portal are one list, so the connection's controller writes them; this one checks
//! the spec, asks for a comparison where the last one did not see this state of the object, and reports.

mod cleanup;
mod report;

use std::sync::Arc;

use kube::ResourceExt;
use tokio::time::Instant;

use super::{
    Barred,
    context::Context,
    may_use,
    portals::{Availability, Seen, SyncOutcome, Usable},
    queue::{Job, Lane, Next},
    references::{self, Missing},
    status::{self, Interrupted, Loaded},
};
use crate::{
    api::{ScheduleSync, condition::Reason},
    desired::{
        SyncRef,
        references::{ObjectRef, connection},
        schedule_sync::{self, ScheduleSource},
    },
    plan::Refusal,
};

/// What one run found.
enum Finding {
    /// A person has to act; HubSpot was not asked.
    Stalled(Refusal),
    /// Another object is awaited.
    Waiting(Refusal),
    /// The connection cannot be used now: what was known stays.
    NoConnection(Refusal),
    /// `suspend: true`.
    Suspended,
    /// The connection's controller has been asked to compare.
    Asked,
    /// This is how it stands.
    Compared(Box<SyncOutcome>, Arc<Usable>),
}

/// One run.
pub(super) async fn reconcile(ctx: &Context, job: &Job) -> Result<Next, Interrupted> {
    let object = match status::load::<ScheduleSync>(ctx, &job.key) {
        Loaded::Gone => return Ok(Next::Forget),
        Loaded::Malformed(error) => {
            status::report_malformed::<ScheduleSync>(ctx, &job.key, &error).await?;
            return Ok(Next::Idle);
        }
        Loaded::Object(object) => object,
    };
    if object.metadata.deletion_timestamp.is_some() {
        return cleanup::run(ctx, &object).await;
    }
    status::hold_on(ctx, &object).await?;
    if object.status.is_none() {
        report::first(ctx, &object).await?;
    }
    let finding = find(ctx, job, &object).await?;
    if let Finding::Compared(outcome, _) = &finding
        && let super::portals::SyncVerdict::Trouble(trouble) = &outcome.verdict
        && status::passes_by_itself(trouble)
    {
        return Ok(Next::Idle);
    }
    report::write(ctx, &object, &finding).await?;
    let held = object.spec.hold_until.as_ref().map(|until| ctx.until(until.0)).filter(|left| !left.is_zero());
    Ok(held.map_or(Next::Idle, |left| Next::After(left + std::time::Duration::from_secs(1))))
}

async fn find(ctx: &Context, job: &Job, object: &ScheduleSync) -> Result<Finding, Interrupted> {
    let source = match schedule_sync::validate(&object.spec.source) {
        Ok(source) => source,
        Err(invalid) => return Ok(Finding::Stalled(Refusal::new(Reason::InvalidSpec, invalid.0))),
    };
    let key = connection_of(object);
    if let Err(finding) = reference(ctx, object, &key) {
        return Ok(finding);
    }
    if object.spec.suspend {
        return Ok(Finding::Suspended);
    }
    let version = match source_version(ctx, object, &source).await? {
        Ok(version) => version,
        Err(refusal) => return Ok(Finding::Waiting(refusal)),
    };
    let usable = match ctx.portals.availability(&key) {
        Availability::Ready(usable) => usable,
        Availability::Unknown => {
            let message = format!("CrmConnection {} has not been looked at yet", key.name);
            return Ok(Finding::Waiting(Refusal::new(Reason::Waiting, message)));
        }
        Availability::Unavailable(why) => {
            let message = format!("CrmConnection {} is not usable: {}: {}", key.name, why.reason, why.message);
            return Ok(Finding::NoConnection(Refusal::new(Reason::ConnectionNotReady, message)));
        }
    };
    let wanted_since = wanted_since(ctx, job, object, &key);
    let now = Seen {
        uid: object.uid().unwrap_or_default(),
        generation: object.metadata.generation.unwrap_or_default(),
        source: version,
        plan_only: status::plan_only(object),
    };
    let held = object.spec.hold_until.as_ref().is_some_and(|until| until.0 > ctx.now()) || now.plan_only;
    match usable.schedules.0.get(&name(object)) {
        Some(outcome)
            if outcome.seen == now
                && wanted_since.is_none_or(|since| usable.as_of >= since)
                && !hold_has_ended(outcome, held) =>
        {
            Ok(Finding::Compared(Box::new(outcome.clone()), Arc::clone(&usable)))
        }
        _ => {
            ctx.wake(&key, job.lane.min(Lane::Dependency));
            Ok(Finding::Asked)
        }
    }
}

/// The outcome is from a time when the object was on hold, and it no longer is.
fn hold_has_ended(outcome: &SyncOutcome, held: bool) -> bool {
    use super::portals::SyncVerdict;
    let on_hold = matches!(&outcome.verdict, SyncVerdict::Held(crate::plan::Hold::ScheduleSync, _));
    on_hold && !held && outcome.own_hold
}

fn name(object: &ScheduleSync) -> SyncRef {
    SyncRef { namespace: object.namespace().unwrap_or_default(), name: object.name_any() }
}

fn connection_of(object: &ScheduleSync) -> ObjectRef {
    connection(&object.namespace().unwrap_or_default(), &object.spec.connection_ref)
}

fn reference(ctx: &Context, object: &ScheduleSync, key: &ObjectRef) -> Result<(), Finding> {
    may_use(ctx, key, &object.namespace().unwrap_or_default()).map_err(|barred| match barred {
        Barred::Missing(why) => Finding::Waiting(why),
        Barred::Malformed(why) => Finding::NoConnection(why),
        Barred::NotAllowed(why) => Finding::Stalled(why),
    })
}

/// Version of the ConfigMap the list is in. A list that cannot be read is reported by the comparison; one that is not there, here.
async fn source_version(
    ctx: &Context,
    object: &ScheduleSync,
    source: &ScheduleSource,
) -> Result<Result<Option<String>, Refusal>, Interrupted> {
    let ScheduleSource::ConfigMap { name, key } = source else { return Ok(Ok(None)) };
    match references::config_map_text(ctx, &object.namespace().unwrap_or_default(), name, key).await {
        Ok((_, version)) => Ok(Ok(Some(version))),
        Err(Missing::Refusal(refusal)) => Ok(Err(refusal)),
        Err(Missing::Unreadable(error)) => Err(error),
    }
}

/// Since when somebody waits for a comparison (`requestedAt`); tells the connection once.
fn wanted_since(ctx: &Context, job: &Job, object: &ScheduleSync, key: &ObjectRef) -> Option<Instant> {
    let handled = object.status.as_ref().and_then(|status| status.last_handled_reconcile_at.clone());
    let requested = status::requested_at(object).filter(|requested| Some(requested) != handled.as_ref())?;
    let since = ctx.portals.request(key, (&job.key, &requested), job.since);
    Some(since)
}
