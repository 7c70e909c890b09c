//! Compares a portal with what is desired and brings it in line.

use std::{collections::BTreeMap, sync::Arc};

use tokio::time::Instant;
use url::Url;

use super::{
    schedules::{self, List, Problem},
    tec,
};
use crate::{
    api::{CrmConnection, crm_connection::FieldOrigin},
    apply::{self, Applied},
    controllers::{
        context::Context,
        portals::{Schedules, SyncOutcome, SyncVerdict},
        queue::Job,
        status::{self, Interrupted},
    },
    desired::{SyncRef, SyncState, ValidatedConnection, connection::STATE_FIELD, references::ObjectRef},
    plan::{
        Action, Difference, Hold, Plan, Refusal, fields,
        portal::{self as planner, PortalDesired, PortalPlan},
        render,
    },
    portal::{
        Part, Portal, PortalSnapshot, Trouble,
        snapshot::{Account, Answers},
        trouble::TroubleKind,
    },
};

/// Most rounds of plan and apply in one run: each corrects what the one before took for granted.
const MAX_ROUNDS: usize = 5;

/// A portal, read and compared.
pub(super) struct Looked {
    pub portal: Arc<Portal>,
    pub account: Account,
    pub base: Url,
    /// What happened before is in the snapshot.
    pub as_of: Instant,
    pub plan_only: bool,
    /// Which generation of the connection was looked at.
    pub generation: Option<i64>,
    /// What is left to do: withheld steps, or steps that failed.
    pub plan: Plan,
    pub refusals: Vec<Refusal>,
    pub origins: BTreeMap<String, FieldOrigin>,
    pub group: String,
    /// What was done, for an event.
    pub done: Vec<String>,
    pub failed: Option<Trouble>,
    pub schedules: Schedules,
    pub tec: Option<tec::Seen>,
}

/// Reads, plans, applies, until nothing is left to do.
pub(super) async fn look(
    ctx: &Context,
    job: &Job,
    object: &CrmConnection,
    (valid, portal, not_before): (&ValidatedConnection, &Arc<Portal>, Option<Instant>),
    tec: Option<tec::Seen>,
) -> Result<Result<Looked, Trouble>, Interrupted> {
    let directory = tec.as_ref().map(|seen| seen.directory.as_ref());
    let (union, lists) = schedules::all(ctx, &job.key, object, directory).await?;
    let mut desired = PortalDesired {
        cluster: ctx.settings.cluster.clone(),
        connection: valid.clone(),
        schedules: union,
        known: known(object),
        plan_only: status::plan_only(object),
    };
    portal.watch_properties(names(valid));
    let began = Instant::now();
    let parts = [Part::Groups, Part::Properties];
    let mut snapshot = portal.read(&parts, not_before, &job.urgency).await;
    let mut answers = Answers::default();
    let mut done = Vec::new();
    let mut failed = None;
    let mut planned = PortalPlan::default();
    for _ in 0..MAX_ROUNDS {
        planned = match planner::plan(&desired, &snapshot, &answers, ctx.now()) {
            Ok(planned) => planned,
            Err(trouble) => return Ok(Err(trouble)),
        };
        if planned.plan.is_settled() {
            break;
        }
        for question in &planned.plan.questions {
            answers.given.insert(question.clone(), portal.answer(question, &job.urgency).await);
        }
        if planned.plan.questions.is_empty() {
            failed = carry_out(job, portal, &planned.plan, (&mut desired.known, &mut done)).await;
        }
        snapshot = portal.read(&[], None, &job.urgency).await;
        if failed.is_some() {
            break;
        }
    }
    if failed.is_some() {
        // What is told, and remembered as made by us, must be about the portal as it is now.
        planned = match planner::plan(&desired, &snapshot, &answers, ctx.now()) {
            Ok(planned) => planned,
            Err(trouble) => return Ok(Err(trouble)),
        };
    }
    if failed.as_ref().is_some_and(|trouble| matches!(trouble.kind, TroubleKind::Unclear | TroubleKind::Unreachable)) {
        // The write may have happened: the next run looks before it repeats anything.
        ctx.portals.read_again(&job.key, Instant::now());
    } else if not_before.is_some() {
        let pause = ctx.chance.around(valid.interval, 0.1);
        ctx.portals.read_again(&job.key, began + pause);
        ctx.portals.has_been_read(&job.key, began);
    }
    Ok(assemble(
        &desired,
        (portal, &snapshot),
        planned,
        Outcome {
            began,
            not_before,
            done,
            failed,
            lists,
            tec,
            key: &job.key,
            generation: object.metadata.generation,
            ctx,
        },
    ))
}

/// Carries out what can be carried out; the first trouble that is not just a "no" to one step ends it.
async fn carry_out(
    job: &Job,
    portal: &Portal,
    plan: &Plan,
    (known, done): (&mut BTreeMap<String, FieldOrigin>, &mut Vec<String>),
) -> Option<Trouble> {
    let mut first = None;
    for step in &plan.steps {
        match apply::apply(portal, &step.action, &job.urgency).await {
            Ok(Applied::Done | Applied::User(_)) => {
                let change = format!("{} ({})", render::action(&step.action), render::differences(&step.because));
                tracing::info!(object = %job.key, %change, "HubSpot changed");
                done.push(change);
                // Nothing in HubSpot says who made a group.
                if let Action::CreateGroup { name, label: _ } = &step.action {
                    known.insert(fields::group_key(name.as_str()), FieldOrigin::Created);
                }
            }
            Ok(Applied::Stale) => return first,
            Err(failed) => {
                tracing::warn!(
                    object = %job.key, correlation_id = failed.correlation_id,
                    change = %render::action(&step.action), error = %failed.trouble, "HubSpot not changed"
                );
                let refused = failed.trouble.kind == TroubleKind::Refused;
                first = first.or(Some(failed.trouble));
                if !refused {
                    return first;
                }
            }
        }
    }
    first
}

struct Outcome<'a> {
    began: Instant,
    not_before: Option<Instant>,
    done: Vec<String>,
    failed: Option<Trouble>,
    lists: BTreeMap<SyncRef, List>,
    tec: Option<tec::Seen>,
    key: &'a ObjectRef,
    generation: Option<i64>,
    ctx: &'a Context,
}

fn assemble(
    desired: &PortalDesired,
    (portal, snapshot): (&Arc<Portal>, &PortalSnapshot),
    planned: PortalPlan,
    outcome: Outcome<'_>,
) -> Result<Looked, Trouble> {
    let PortalPlan { plan, report } = planned;
    let Outcome { began, not_before, done, failed, lists, tec, key, generation, ctx } = outcome;
    let account = snapshot.account.last_known().cloned().ok_or_else(Trouble::not_read)?;
    let as_of = match (not_before, ctx.portals.availability(key)) {
        (None, super::Availability::Ready(usable)) => usable.as_of,
        _ => began,
    };
    let schedule = desired.connection.fields.schedule.name.as_str();
    let held = held(&plan, schedule);
    let schedules = lists
        .into_iter()
        .map(|(sync, List { seen, problem, left_out })| {
            let report = report.syncs.get(&sync).cloned().unwrap_or_default();
            let state = desired.schedules.syncs.get(&sync).map(|input| &input.state);
            let own_hold = matches!(state, Some(SyncState::OnHold(_)));
            let removing = matches!(state, Some(SyncState::Removing));
            let refused = match &problem {
                Some(Problem::Refused(refusal)) => Some(refusal),
                Some(Problem::Unread(_)) | None => report.refusals.first(),
            };
            let verdict = if let Some(Problem::Unread(why)) = problem {
                SyncVerdict::Unread(why)
            } else if let Some(refusal) = refused {
                SyncVerdict::Refused(refusal.clone())
            } else if let Some(trouble) = &failed {
                SyncVerdict::Trouble(trouble.clone())
            } else if let Some((hold, differences)) = &held {
                if own_hold || *hold != Hold::ScheduleSync {
                    SyncVerdict::Held(*hold, differences.clone())
                } else {
                    SyncVerdict::InSync
                }
            } else {
                SyncVerdict::InSync
            };
            (sync, SyncOutcome { seen, report, verdict, own_hold, left_out, removing })
        })
        .collect();
    Ok(Looked {
        portal: Arc::clone(portal),
        account,
        base: portal.hubspot(crate::hubspot::Lane::Resync).base().clone(),
        as_of,
        plan_only: desired.plan_only,
        generation,
        plan,
        refusals: report.refusals,
        origins: present(report.origins, snapshot),
        group: desired.connection.fields.group.as_str().to_owned(),
        done,
        failed,
        schedules: Schedules(schedules),
        tec,
    })
}

/// Only what is there has an origin: what is still to be made must not be remembered as made.
fn present(mut origins: BTreeMap<String, FieldOrigin>, snapshot: &PortalSnapshot) -> BTreeMap<String, FieldOrigin> {
    let properties = snapshot.properties.last_known();
    let groups = snapshot.groups.last_known();
    origins.retain(|name, _| {
        properties.is_some_and(|properties| properties.active.contains_key(name))
            || groups.is_some_and(|groups| groups.keys().any(|group| fields::group_key(group) == *name))
    });
    origins
}

/// What is withheld of the schedule field, and why.
fn held(plan: &Plan, schedule: &str) -> Option<(Hold, Vec<Difference>)> {
    let about_schedule = |action: &Action| match action {
        Action::CreateProperty { definition, restores: _ } => definition.name == schedule,
        Action::UpdateProperty { name, change: _ } => name == schedule,
        _ => false,
    };
    let steps: Vec<_> = plan.withheld.iter().filter(|withheld| about_schedule(&withheld.step.action)).collect();
    let why = steps.first()?.why;
    Some((why, steps.into_iter().flat_map(|withheld| withheld.step.because.clone()).collect()))
}

fn names(valid: &ValidatedConnection) -> Vec<String> {
    let fields = &valid.fields;
    let ours = [
        fields.context.name.as_str(),
        fields.schedule.name.as_str(),
        fields.lead_connection_status.name.as_str(),
        STATE_FIELD,
    ];
    ours.map(ToOwned::to_owned).to_vec()
}

/// Where fields came from, as status remembers.
pub(super) fn known(object: &CrmConnection) -> BTreeMap<String, FieldOrigin> {
    let status = object.status.as_ref();
    let fields = status.into_iter().flat_map(|status| &status.fields).map(|field| (field.name.clone(), field.origin));
    let group =
        status.and_then(|status| status.group.as_ref()).map(|group| (fields::group_key(&group.name), group.origin));
    fields.chain(group).collect()
}
