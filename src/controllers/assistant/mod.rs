//! `Assistant`: keeps its HubSpot user there and tells how far the set-up is.
//!
//! The order of steps: spec → connection → what TEC lists → snapshot → plan → apply → status.

mod cleanup;
mod contacts;
mod report;
mod tec;
mod user;

use std::{sync::Arc, time::Duration};

use kube::ResourceExt;

use self::{tec::Course, user::Looked};
use super::{
    Barred,
    context::Context,
    disposition, may_use,
    portals::{Availability, Usable},
    queue::{Job, Next},
    references::{self, Missing},
    status::{self, Interrupted, Loaded},
};
use crate::{
    api::{Assistant, CrmConnection, condition::Reason},
    desired::{
        ValidatedAssistant,
        assistant::{self, DefaultContext},
        references::{Kind, ObjectRef, connection},
    },
    plan::Refusal,
    portal::Trouble,
    runtime::lock,
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
    /// The connection is about to be looked at, or TEC for it; then everybody is woken.
    Postponed,
    /// TEC cannot be read, and never said that it has the assistant: what was known stays.
    TecUnread(Refusal),
    /// HubSpot could not be read.
    Trouble(Trouble),
    /// The user was looked at.
    Looked(Box<Looked>),
}

impl Finding {
    /// The trouble, where nothing came of the run but that.
    fn only_trouble(&self) -> Option<&Trouble> {
        match self {
            Self::Trouble(trouble) => Some(trouble),
            Self::Looked(looked) if looked.done.is_empty() => looked.failed.as_ref(),
            Self::Stalled(_)
            | Self::Waiting(_)
            | Self::NoConnection(_)
            | Self::Suspended
            | Self::Postponed
            | Self::TecUnread(_)
            | Self::Looked(_) => None,
        }
    }
}

/// One run.
pub(super) async fn reconcile(ctx: &Context, job: &Job) -> Result<Next, Interrupted> {
    let object = match status::load::<Assistant>(ctx, &job.key) {
        Loaded::Gone => return Ok(Next::Forget),
        Loaded::Malformed(error) => {
            status::report_malformed::<Assistant>(ctx, &job.key, &error).await?;
            return Ok(Next::Idle);
        }
        Loaded::Object(object) => object,
    };
    if object.metadata.deletion_timestamp.is_some() {
        return cleanup::run(ctx, job, &object).await;
    }
    // Should there be traces of one of the same name.
    ctx.leads.has_gone(&job.key);
    status::hold_on(ctx, &object).await?;
    if object.status.is_none() {
        report::first(ctx, &object).await?;
    }
    let valid = assistant::validate(&object.spec);
    // Before HubSpot is touched: a failure here must not lose the memory of what was done there.
    let context = match &valid {
        Ok(valid) => default_context(ctx, &object, valid).await?,
        Err(_) => None,
    };
    let (usable, finding) = match (&valid, reach(ctx, &object)) {
        (Err(invalid), usable) => (usable.ok(), Finding::Stalled(Refusal::new(Reason::InvalidSpec, invalid.0.clone()))),
        (Ok(valid), usable) if valid.suspend => (usable.ok(), Finding::Suspended),
        (Ok(_), Err(finding)) => (None, finding),
        (Ok(valid), Ok(usable)) => {
            let finding = find(ctx, job, &object, (valid, &usable)).await;
            (Some(usable), finding)
        }
    };
    if matches!(finding, Finding::Postponed) {
        return Ok(Next::Idle);
    }
    if let Some(trouble) = finding.only_trouble()
        && status::passes_by_itself(trouble)
    {
        tracing::info!(object = %job.key, %trouble, "will be repeated");
        return Ok(Next::Retry);
    }
    let next = next(ctx, (valid.as_ref().ok(), usable.as_deref()), &finding);
    report::write(ctx, &object, report::Facts { valid: valid.ok(), usable, context, finding }).await?;
    Ok(next)
}

async fn find(
    ctx: &Context,
    job: &Job,
    object: &Assistant,
    (valid, usable): (&ValidatedAssistant, &Arc<Usable>),
) -> Finding {
    let looked = match tec::course(ctx, job, object, (valid, usable)) {
        Course::Later => return Finding::Postponed,
        Course::Nothing(why) => return Finding::TecUnread(why),
        Course::LookOnly(in_tec) => user::look_only(ctx, job, object, (valid, usable), in_tec).await,
        Course::Work(in_tec) => user::look(ctx, job, object, (valid, usable), in_tec).await,
    };
    looked
        .map_or_else(|trouble| user::distrust(ctx, object, usable, trouble), |looked| Finding::Looked(Box::new(looked)))
}

/// The connection, if the object may use it, nobody else claims the e-mail, and it works.
fn reach(ctx: &Context, object: &Assistant) -> Result<Arc<Usable>, Finding> {
    let key = connection_of(object);
    reference(ctx, object, &key)?;
    if let Some(winner) = older_claimant(ctx, object) {
        return Err(Finding::Stalled(Refusal::new(
            Reason::Conflict,
            format!(
                "the older Assistant {}/{} has the same e-mail on the same connection; delete one of the two",
                winner.namespace, winner.name
            ),
        )));
    }
    match ctx.portals.availability(&key) {
        Availability::Ready(usable) if is_current(ctx, &key, &usable) => Ok(usable),
        Availability::Ready(_) => Err(Finding::Postponed),
        Availability::Unknown => Err(Finding::Waiting(Refusal::new(
            Reason::Waiting,
            format!("CrmConnection {} has not been looked at yet", key.name),
        ))),
        Availability::Unavailable(why) => Err(Finding::NoConnection(Refusal::new(
            Reason::ConnectionNotReady,
            format!("CrmConnection {} is not usable: {}: {}", key.name, why.reason, why.message),
        ))),
    }
}

/// Whether the connection has been looked at since it was changed: nothing is written on what it said before.
fn is_current(ctx: &Context, key: &ObjectRef, usable: &Usable) -> bool {
    match status::load::<CrmConnection>(ctx, key) {
        Loaded::Object(connection) => {
            connection.metadata.generation == usable.generation && status::plan_only(&connection) == usable.plan_only
        }
        Loaded::Gone | Loaded::Malformed(_) => false,
    }
}

fn connection_of(object: &Assistant) -> ObjectRef {
    connection(&object.namespace().unwrap_or_default(), &object.spec.connection_ref)
}

/// Whether the connection exists and may be used from here.
fn reference(ctx: &Context, object: &Assistant, key: &ObjectRef) -> Result<(), Finding> {
    may_use(ctx, key, &object.namespace().unwrap_or_default()).map_err(|barred| match barred {
        Barred::Missing(why) => Finding::Waiting(why),
        Barred::Malformed(why) => Finding::NoConnection(why),
        Barred::NotAllowed(why) => Finding::Stalled(why),
    })
}

/// The Assistant that came first, if it is not this one.
fn older_claimant(ctx: &Context, object: &Assistant) -> Option<ObjectRef> {
    let age = |object: &Assistant| {
        let created = object.metadata.creation_timestamp.as_ref().map_or(jiff::Timestamp::MAX, |time| time.0);
        (created, object.uid().unwrap_or_default())
    };
    claimants(ctx, object).into_iter().find(|(_, other)| age(other) < age(object)).map(|(key, _)| key)
}

/// Any other Assistant that lives on and wants the same user.
fn other_claimant(ctx: &Context, object: &Assistant) -> Option<ObjectRef> {
    claimants(ctx, object).into_iter().next().map(|(key, _)| key)
}

/// The others with the same e-mail. One that is on its way out, or may not use the connection, stands in nobody's way.
fn claimants(ctx: &Context, object: &Assistant) -> Vec<(ObjectRef, Assistant)> {
    let key = ObjectRef::new(Kind::Assistant, object.namespace().unwrap_or_default(), object.name_any());
    let rivals = lock(&ctx.store).rivals(&key);
    rivals
        .into_iter()
        .filter_map(|rival| match status::load::<Assistant>(ctx, &rival) {
            Loaded::Object(other)
                if other.metadata.deletion_timestamp.is_none()
                    && reference(ctx, &other, &connection_of(&other)).is_ok() =>
            {
                Some((rival, other))
            }
            Loaded::Object(_) | Loaded::Gone | Loaded::Malformed(_) => None,
        })
        .collect()
}

/// What is wrong with the default context, if it is in a ConfigMap.
async fn default_context(
    ctx: &Context,
    object: &Assistant,
    valid: &ValidatedAssistant,
) -> Result<Option<Refusal>, Interrupted> {
    let DefaultContext::ConfigMap { name, key } = &valid.context else { return Ok(None) };
    match references::config_map_text(ctx, &object.namespace().unwrap_or_default(), name, key).await {
        Ok(_) => Ok(None),
        Err(Missing::Refusal(refusal)) => Ok(Some(refusal)),
        Err(Missing::Unreadable(error)) => Err(error),
    }
}

/// First wait for an owner that is not there yet.
const FIRST_POLL: Duration = Duration::from_secs(2);

fn next(ctx: &Context, (valid, usable): (Option<&ValidatedAssistant>, Option<&Usable>), finding: &Finding) -> Next {
    let next = match finding {
        Finding::Stalled(_)
        | Finding::Waiting(_)
        | Finding::NoConnection(_)
        | Finding::Suspended
        | Finding::TecUnread(_)
        | Finding::Postponed => Next::Idle,
        Finding::Trouble(trouble) => disposition::of(trouble, ctx).next(Duration::from_mins(5)),
        Finding::Looked(looked) => match &looked.failed {
            Some(trouble) => disposition::of(trouble, ctx).next(looked.interval),
            None => looked.poll_after.map_or(Next::Idle, Next::After),
        },
    };
    let until = valid.and_then(|valid| valid.hold_until).max(usable.and_then(|usable| usable.connection.hold_until));
    let held = until.map(|until| ctx.until(until)).filter(|left| !left.is_zero());
    let at_deadline = held.map(|left| left + Duration::from_secs(1));
    match (next, at_deadline) {
        (Next::After(pause), Some(left)) => Next::After(pause.min(left)),
        (Next::Idle, Some(left)) => Next::After(left),
        (next, _) => next,
    }
}
