//! `CrmConnection`: opens the portal, keeps its configuration in line, tells everybody how it stands.
//!
//! The order of steps: spec → token → portal → TEC's lists → snapshot → plan → apply → status → wake whoever uses the connection.

pub mod consent;

mod cleanup;
mod credential;
mod open;
mod portal;
mod quota;
mod report;
mod schedules;
mod tec;

use std::time::Duration;

use kube::ResourceExt;
use tokio::time::Instant;

use self::{
    open::{Opened, opened},
    portal::{Looked, look},
};
use super::{
    context::Context,
    disposition::{self, Disposition},
    portals::{Age, Availability, Schedules, Usable},
    queue::{Job, Lane, Next},
    status::{self, Interrupted, Loaded},
};
use crate::{
    api::{CrmConnection, condition::Reason},
    desired::{
        ValidatedConnection, connection,
        references::{Kind, ObjectRef},
    },
    domain::PortalId,
    plan::Refusal,
    portal::{Part, Trouble, snapshot::Account},
    runtime::backoff::Backoff,
};

/// What one run found.
enum Finding {
    /// A person has to act; HubSpot was not asked.
    Stalled(Refusal),
    /// Something in Kubernetes is awaited.
    Waiting(Refusal),
    /// `suspend: true`.
    Suspended,
    /// The portal could not be opened or read.
    Trouble(Trouble),
    /// The portal was read and compared.
    Looked(Box<Looked>),
}

impl Finding {
    /// The trouble, where nothing came of the run but that.
    fn only_trouble(&self) -> Option<&Trouble> {
        match self {
            Self::Trouble(trouble) => Some(trouble),
            Self::Looked(looked) if looked.done.is_empty() => looked.failed.as_ref(),
            Self::Stalled(_) | Self::Waiting(_) | Self::Suspended | Self::Looked(_) => None,
        }
    }
}

/// One run.
pub(super) async fn reconcile(ctx: &Context, job: &Job) -> Result<Next, Interrupted> {
    let object = match status::load::<CrmConnection>(ctx, &job.key) {
        Loaded::Gone => {
            ctx.portals.forget(&job.key);
            ctx.leads.dismiss(&job.key);
            return Ok(Next::Forget);
        }
        Loaded::Malformed(error) => {
            status::report_malformed::<CrmConnection>(ctx, &job.key, &error).await?;
            let refusal = Refusal::new(Reason::InvalidSpec, "the stored object cannot be read");
            publish(ctx, &job.key, Availability::Unavailable(refusal));
            return Ok(Next::Idle);
        }
        Loaded::Object(object) => object,
    };
    if object.metadata.deletion_timestamp.is_some() {
        return cleanup::run(ctx, job, &object).await;
    }
    status::hold_on(ctx, &object).await?;
    if object.status.is_none() {
        report::first(ctx, &object).await?;
    }
    let valid = connection::validate(&object.spec, &ctx.settings.endpoints);
    if let Ok(valid) = &valid {
        // The longest pause that this interval can mean.
        ctx.portals.refresh_by(&job.key, Instant::now() + valid.interval.mul_f64(1.1));
    }
    let finding = match &valid {
        Err(invalid) => Finding::Stalled(Refusal::new(Reason::InvalidSpec, invalid.0.clone())),
        Ok(valid) if valid.suspend => Finding::Suspended,
        Ok(valid) => find(ctx, job, &object, valid).await?,
    };
    if let Some(trouble) = finding.only_trouble()
        && status::passes_by_itself(trouble)
    {
        tracing::info!(object = %job.key, %trouble, "will be repeated");
        return Ok(Next::Retry);
    }
    if let Finding::Trouble(trouble) = &finding {
        hold_back(ctx, job, trouble, valid.as_ref().ok());
    }
    let written = report::write(ctx, &object, &finding).await;
    let next = next(ctx, &job.key, valid.as_ref().ok(), &finding);
    tell(ctx, &job.key, valid.ok(), finding);
    written?;
    Ok(next)
}

/// Keeps the portal in line and its users informed, without a word in the connection's own status.
async fn serve(ctx: &Context, job: &Job, object: &CrmConnection) -> Result<(), Interrupted> {
    let Ok(valid) = connection::validate(&object.spec, &ctx.settings.endpoints) else { return Ok(()) };
    let finding = if valid.suspend { Finding::Suspended } else { find(ctx, job, object, &valid).await? };
    if let Finding::Trouble(trouble) = &finding {
        hold_back(ctx, job, trouble, Some(&valid));
    }
    tell(ctx, &job.key, Some(valid), finding);
    Ok(())
}

async fn find(
    ctx: &Context,
    job: &Job,
    object: &CrmConnection,
    valid: &ValidatedConnection,
) -> Result<Finding, Interrupted> {
    let Opened { portal, not_before } = match opened(ctx, &job.key, valid, wanted_since(ctx, job, object)).await? {
        Ok(opened) => opened,
        Err(finding) => return Ok(finding),
    };
    let snapshot = portal.read(&[Part::Account], not_before, &job.urgency).await;
    let account = match snapshot.account.fresh() {
        Ok(account) => account,
        Err(trouble) => return Ok(Finding::Trouble(trouble)),
    };
    if let Some(refusal) = refused_portal(ctx, &job.key, object, (valid, account)) {
        return Ok(Finding::Stalled(refusal));
    }
    // OAuth apps have no limit of a day (API.md §11).
    if matches!(valid.auth, connection::Auth::Token(_)) {
        quota::ask(job, &portal).await;
    }
    let tec = tec::look(ctx, &job.key, valid).await?;
    let looked = look(ctx, job, object, (valid, &portal, not_before), tec).await?;
    Ok(looked.map_or_else(Finding::Trouble, |looked| Finding::Looked(Box::new(looked))))
}

/// Since when somebody waits for a comparison (`requestedAt`): since the first run that saw the request. While it cannot
/// be met, whatever else wakes this object is no new request.
fn wanted_since(ctx: &Context, job: &Job, object: &CrmConnection) -> Option<Instant> {
    let handled = object.status.as_ref().and_then(|status| status.last_handled_reconcile_at.clone());
    let requested = status::requested_at(object).filter(|requested| Some(requested) != handled.as_ref())?;
    Some(ctx.portals.request(&job.key, (&job.key, &requested), job.since))
}

/// The portal the spec insists on, or else the one it was first.
fn expected_portal(object: &CrmConnection, valid: &ValidatedConnection) -> Option<PortalId> {
    let pinned = object.status.as_ref().and_then(|status| status.portal_id.as_deref()).and_then(|id| id.parse().ok());
    valid.portal_guard.or(pinned.map(PortalId))
}

/// The guards before anything is written: the right portal, and nobody else's.
fn refused_portal(
    ctx: &Context,
    key: &ObjectRef,
    object: &CrmConnection,
    (valid, account): (&ValidatedConnection, &Account),
) -> Option<Refusal> {
    if let Some(expected) = expected_portal(object, valid).filter(|expected| *expected != account.portal) {
        return Some(Refusal::new(
            Reason::WrongPortal,
            format!(
                "the access token belongs to portal {}, this connection is for portal {expected}; nothing was written",
                account.portal
            ),
        ));
    }
    let in_memory = ctx.portals.claim(key, account.portal, &age(object)).err();
    let Some(winner) = in_memory.or_else(|| older_in_status(ctx, key, object, &account.portal.to_string())) else {
        // A younger one may have been looked at first: it has to yield now.
        let younger = ctx.portals.rivals(key);
        let working = |rival: &ObjectRef| matches!(ctx.portals.availability(rival), Availability::Ready(_));
        ctx.wake_all(younger.into_iter().filter(working), Lane::Dependency);
        return None;
    };
    Some(Refusal::new(
        Reason::Conflict,
        format!(
            "portal {} is managed by the older CrmConnection {}/{}; use that one (allowedNamespaces) or delete it",
            account.portal, winner.namespace, winner.name
        ),
    ))
}

/// An older connection that has worked in this portal before: after a restart it may not have been looked at yet.
fn older_in_status(ctx: &Context, key: &ObjectRef, object: &CrmConnection, portal: &str) -> Option<ObjectRef> {
    let all = crate::runtime::lock(&ctx.store).keys(Kind::Connection);
    all.into_iter().filter(|other| other != key).find(|other| match status::load::<CrmConnection>(ctx, other) {
        Loaded::Object(other) => {
            other.metadata.deletion_timestamp.is_none()
                && other.status.as_ref().and_then(|status| status.portal_id.as_deref()) == Some(portal)
                && age(&other) < age(object)
        }
        Loaded::Gone | Loaded::Malformed(_) => false,
    })
}

fn age(object: &CrmConnection) -> Age {
    let created = object.metadata.creation_timestamp.as_ref().map_or(jiff::Timestamp::MAX, |time| time.0);
    (created, object.uid().unwrap_or_default())
}

/// After a failure HubSpot is left alone for a while, whoever asks: others wake this connection, too.
fn hold_back(ctx: &Context, job: &Job, trouble: &Trouble, valid: Option<&ValidatedConnection>) {
    let now = Instant::now();
    if ctx.portals.refresh_due(&job.key).is_some_and(|due| due > now) {
        return;
    }
    let interval = valid.map_or(Duration::from_mins(5), |valid| valid.interval);
    let pause = match disposition::of(trouble, ctx) {
        Disposition::Retry => Backoff::RECONCILE.ceiling(job.failures + 1) / 10,
        Disposition::Wait(pause) => pause,
        Disposition::Stalled => ctx.chance.around(interval, 0.1),
    };
    ctx.portals.read_again(&job.key, now + pause);
}

fn next(ctx: &Context, key: &ObjectRef, valid: Option<&ValidatedConnection>, finding: &Finding) -> Next {
    let interval = valid.map_or(Duration::from_mins(5), |valid| valid.interval);
    let due = ctx.portals.refresh_due(key).map_or(interval, |due| due.duration_since(Instant::now()));
    let next = match finding {
        Finding::Stalled(_) | Finding::Waiting(_) | Finding::Suspended => Next::Idle,
        Finding::Trouble(trouble) => disposition::of(trouble, ctx).next(due),
        Finding::Looked(looked) => {
            looked.failed.as_ref().map_or(Next::After(due), |trouble| disposition::of(trouble, ctx).next(due))
        }
    };
    let tec_due = ctx.portals.tec(key, |tec| tec.due()).map(|due| due.duration_since(Instant::now()));
    let next = match (next, finding, tec_due) {
        (Next::After(pause), Finding::Looked(_), Some(due)) => Next::After(pause.min(due)),
        (next, _, _) => next,
    };
    let held = valid.and_then(|valid| valid.hold_until).map(|until| ctx.until(until)).filter(|left| !left.is_zero());
    match (next, held) {
        (Next::After(pause), Some(left)) => Next::After(pause.min(left + Duration::from_secs(1))),
        (next, _) => next,
    }
}

/// Tells whoever uses the connection, if there is news.
fn tell(ctx: &Context, key: &ObjectRef, valid: Option<ValidatedConnection>, finding: Finding) {
    let availability = match (finding, valid) {
        (Finding::Looked(looked), Some(connection)) => {
            let Looked { portal, as_of, schedules, plan_only, generation, tec, .. } = *looked;
            let (tec, tec_client) = tec.map_or((None, None), |seen| (Some(seen.directory), seen.client));
            let tec_trouble = tec.as_ref().and_then(|directory| directory.trouble().cloned());
            let usable =
                Usable { portal, connection, as_of, plan_only, schedules, tec, tec_client, tec_trouble, generation };
            Availability::Ready(std::sync::Arc::new(usable))
        }
        (Finding::Suspended, _) => Availability::Unavailable(Refusal::new(
            Reason::Suspended,
            format!("CrmConnection {} is suspended", key.name),
        )),
        (Finding::Stalled(why) | Finding::Waiting(why), _) => Availability::Unavailable(why),
        (Finding::Trouble(trouble), _) => Availability::Unavailable(Refusal::new(trouble.reason(), trouble.message)),
        (Finding::Looked(_), None) => return,
    };
    publish(ctx, key, availability);
}

/// Publishes, and wakes those who wait for it.
pub(super) fn publish(ctx: &Context, key: &ObjectRef, availability: Availability) {
    let before = ctx.portals.availability(key);
    let news = is_news(&before, &availability);
    ctx.portals.publish(key, availability);
    if news {
        let store = crate::runtime::lock(&ctx.store);
        let mut users = store.referrers(key, Kind::ScheduleSync);
        users.extend(store.referrers(key, Kind::Assistant));
        drop(store);
        ctx.wake_all(users, Lane::Dependency);
    }
}

fn is_news(before: &Availability, after: &Availability) -> bool {
    match (before, after) {
        (Availability::Ready(before), Availability::Ready(after)) => {
            before.as_of != after.as_of
                || before.connection != after.connection
                || before.plan_only != after.plan_only
                || before.generation != after.generation
                || before.schedules.0 != after.schedules.0
                || before.tec.as_ref().map(std::sync::Arc::as_ptr) != after.tec.as_ref().map(std::sync::Arc::as_ptr)
        }
        (Availability::Unavailable(before), Availability::Unavailable(after)) => before != after,
        (Availability::Unknown, Availability::Unknown) => false,
        _ => true,
    }
}

/// A connection that has gone away.
pub(super) fn gone(ctx: &Context, key: &ObjectRef) {
    let rivals = ctx.portals.rivals(key);
    ctx.portals.forget(key);
    ctx.wake_all(rivals, Lane::Dependency);
}

impl Schedules {
    /// Whether any ScheduleSync feeds the portal, and all are in sync.
    pub(super) fn all_in_sync(&self) -> bool {
        !self.0.is_empty() && self.0.values().all(|outcome| outcome.verdict == super::portals::SyncVerdict::InSync)
    }
}
