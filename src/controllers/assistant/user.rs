//! Looks at an assistant's user and brings it in line.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;

use super::{FIRST_POLL, Finding, connection_of, tec::wanted_since};
use crate::{
    api::{
        Assistant,
        assistant::{ManualStep, SetupStep, StepState},
        condition::ConditionType,
        crm_connection::Mode,
    },
    apply::{self, Applied},
    controllers::{
        context::Context,
        portals::Usable,
        queue::{Job, Lane},
        status,
        tec::InTec,
    },
    desired::ValidatedAssistant,
    domain::UserId,
    plan::{
        Action, Hold, Permission, Plan,
        portal::permission,
        render,
        user::{self as planner, UserDesired, UserFinding, UserMemory, UserPlan, UserReport},
    },
    portal::{Part, PortalSnapshot, Trouble, snapshot::Answers, trouble::TroubleKind},
};

/// Most rounds of plan and apply in one run.
const MAX_ROUNDS: usize = 4;

/// A connection that was looked at this short a time ago is believed: HubSpot may refuse one list and answer another.
const DISTRUST_AFTER: Duration = Duration::from_secs(10);

/// What was found of the user, and what was done.
pub(super) struct Looked {
    pub plan: Plan,
    pub report: UserReport,
    /// What to remember in status.
    pub memory: UserMemory,
    pub plan_only: bool,
    /// What was done, for an event.
    pub done: Vec<String>,
    pub failed: Option<Trouble>,
    /// When to look for the owner again.
    pub poll_after: Option<Duration>,
    /// The connection's interval.
    pub interval: Duration,
    /// What TEC says of the assistant. `None`: there is no TEC to ask.
    pub in_tec: Option<InTec>,
}

/// Reads, plans, applies, until nothing is left to do.
pub(super) async fn look(
    ctx: &Context,
    job: &Job,
    object: &Assistant,
    (valid, usable): (&ValidatedAssistant, &Arc<Usable>),
    in_tec: Option<InTec>,
) -> Result<Looked, Trouble> {
    let portal = &usable.portal;
    let plan_only = status::plan_only(object) || usable.plan_only;
    let hold_until = valid.hold_until.max(usable.connection.hold_until);
    let mut desired = desired(object, valid, permission(plan_only, hold_until, Mode::Enforce, ctx.now()));
    let began = Instant::now();
    let mut snapshot = read(ctx, job, object, (valid, usable)).await;
    let mut answers = Answers::default();
    let (mut done, mut failed) = (Vec::new(), None);
    let mut planned = planner::plan(&desired, &snapshot, &answers, ctx.now());
    for _ in 0..MAX_ROUNDS {
        if planned.plan.is_settled() || failed.is_some() {
            break;
        }
        for question in &planned.plan.questions {
            answers.given.insert(question.clone(), portal.answer(question, &job.urgency).await);
        }
        for step in &planned.plan.steps {
            let again = matches!(planned.report.user, UserFinding::Removed { .. });
            match apply::apply(portal, &step.action, &job.urgency).await {
                Ok(applied) => {
                    remember(&mut desired.memory, (&step.action, &applied), again, ctx.now());
                    answers = Answers::default();
                    tracing::info!(object = %job.key, change = step.action.kind(), "HubSpot changed");
                    done.push(format!("{} ({})", render::action(&step.action), render::differences(&step.because)));
                }
                Err(problem) => {
                    tracing::warn!(
                        object = %job.key, correlation_id = problem.correlation_id,
                        change = step.action.kind(), error = %problem.trouble, "HubSpot not changed"
                    );
                    // Names and teams are not worth stopping for: HubSpot's no is reported as drift.
                    if matches!(step.action, Action::UpdateUser { .. }) && problem.trouble.kind == TroubleKind::Refused
                    {
                        planned.report.drift.extend(step.because.iter().cloned());
                    } else {
                        failed = Some(problem.trouble);
                    }
                }
            }
        }
        if !planned.report.drift.is_empty() && planned.plan.questions.is_empty() {
            break;
        }
        snapshot = portal.read(&[], None, &job.urgency).await;
        planned = planner::plan(&desired, &snapshot, &answers, ctx.now());
    }
    let report = planned.report;
    if let UserFinding::Unknown(trouble) = &report.user {
        return Err(trouble.clone());
    }
    if let Err(trouble) = &report.owner {
        // What has been done must be remembered, whatever cannot be read afterwards.
        if done.is_empty() {
            return Err(trouble.clone());
        }
        failed = failed.or_else(|| Some(trouble.clone()));
    }
    note_removal(&mut desired, &report);
    tracing::debug!(object = %job.key, took_ms = began.elapsed().as_millis(), "user looked at");
    let poll_after = poll_after(ctx, waiting_since(object, &desired.memory), &report, usable.connection.interval);
    let interval = usable.connection.interval;
    let memory = desired.memory;
    Ok(Looked { plan: planned.plan, report, memory, plan_only, done, failed, poll_after, interval, in_tec })
}

/// Reads and reports; changes nothing and asks nothing about single users, however many Assistants TEC does not have yet.
pub(super) async fn look_only(
    ctx: &Context,
    job: &Job,
    object: &Assistant,
    (valid, usable): (&ValidatedAssistant, &Arc<Usable>),
    in_tec: InTec,
) -> Result<Looked, Trouble> {
    let desired = desired(object, valid, Permission::Hold(Hold::Observe));
    let snapshot = read(ctx, job, object, (valid, usable)).await;
    let UserPlan { plan, mut report } = planner::plan(&desired, &snapshot, &Answers::default(), ctx.now());
    if let UserFinding::Unknown(trouble) = &report.user {
        return Err(trouble.clone());
    }
    if let Err(trouble) = &report.owner {
        return Err(trouble.clone());
    }
    if report.user == UserFinding::Asking {
        report.user = UserFinding::Absent;
    }
    report.drift.extend(plan.withheld.into_iter().flat_map(|withheld| withheld.step.because));
    Ok(Looked {
        plan: Plan::default(),
        report,
        memory: desired.memory,
        plan_only: status::plan_only(object) || usable.plan_only,
        done: Vec::new(),
        failed: None,
        poll_after: None,
        interval: usable.connection.interval,
        in_tec: Some(in_tec),
    })
}

fn desired(object: &Assistant, valid: &ValidatedAssistant, permission: Permission) -> UserDesired {
    UserDesired { assistant: valid.clone(), memory: memory(object), wish: wish(object), permission }
}

/// Users and owners, not older than the connection's look, and what else this assistant needs.
async fn read(
    ctx: &Context,
    job: &Job,
    object: &Assistant,
    (valid, usable): (&ValidatedAssistant, &Arc<Usable>),
) -> PortalSnapshot {
    let portal = &usable.portal;
    let wanted = wanted_since(ctx, job, object, usable);
    if wanted.is_some() {
        portal.forget_refusals();
    }
    let not_before = Some(usable.as_of).max(wanted);
    portal.read(&[Part::Users], not_before, &job.urgency).await;
    let polled = not_before.max(owner_poll(ctx, job, object));
    let seen = portal.read(&[Part::Owners], polled, &job.urgency).await;
    // With the owner, the acceptance may have come.
    let appeared = seen.owners.fresh().is_ok_and(|owners| owners.contains_key(&valid.email));
    portal.read(&extra_parts(valid, object), if appeared { polled } else { not_before }, &job.urgency).await
}

/// A 401 in the middle of work: the connection has to look again before anybody else asks.
pub(super) fn distrust(ctx: &Context, object: &Assistant, usable: &Usable, trouble: Trouble) -> Finding {
    if trouble.kind == TroubleKind::InvalidCredentials && usable.as_of.elapsed() > DISTRUST_AFTER {
        let connection = connection_of(object);
        ctx.portals.demand(&connection, Instant::now());
        ctx.wake(&connection, Lane::Dependency);
    }
    Finding::Trouble(trouble)
}

/// What lifts an earlier giving-up: a change of the spec or a request.
fn wish(object: &Assistant) -> String {
    let requested = status::requested_at(object).unwrap_or_default();
    format!("{}/{requested}", object.metadata.generation.unwrap_or_default())
}

fn memory(object: &Assistant) -> UserMemory {
    let Some(status) = &object.status else { return UserMemory::default() };
    let invitation = status.invitation.clone().unwrap_or_default();
    UserMemory {
        user: status.user_id.clone().map(UserId),
        sent_at: invitation.sent_at.map(|time| time.0),
        removed_at: invitation.removed_at.map(|time| time.0),
        given_up_for: invitation.given_up_for,
    }
}

fn remember(memory: &mut UserMemory, (action, applied): (&Action, &Applied), again: bool, now: Timestamp) {
    if let (Action::CreateUser { .. }, Applied::User(user)) = (action, applied) {
        memory.user = Some(user.clone());
        memory.sent_at = Some(now);
        memory.given_up_for = None;
        if again {
            memory.removed_at = Some(now);
        }
    }
}

fn note_removal(desired: &mut UserDesired, report: &UserReport) {
    match &report.user {
        UserFinding::Present(user) => desired.memory.user = Some(user.clone()),
        UserFinding::Removed { given_up: true } => desired.memory.given_up_for = Some(desired.wish.clone()),
        UserFinding::Removed { given_up: false }
        | UserFinding::Absent
        | UserFinding::Asking
        | UserFinding::Unknown(_) => {}
    }
}

/// Roles and teams only where named; who accepted only until it is known.
fn extra_parts(valid: &ValidatedAssistant, object: &Assistant) -> Vec<Part> {
    let setup = object.status.iter().flat_map(|status| &status.setup);
    let mut accepted = setup.filter(|entry| entry.step == SetupStep::InvitationAccepted);
    let known = accepted.any(|entry| entry.state == StepState::Done)
        || valid.acknowledged.contains(&ManualStep::InvitationAccepted);
    let wanted = [(Part::Roles, valid.role.is_some()), (Part::Teams, valid.team.is_some()), (Part::Acceptance, !known)];
    wanted.into_iter().filter(|(_, wanted)| *wanted).map(|(part, _)| part).collect()
}

/// How old the list of owners may be while one is awaited: many who wait share one read.
fn owner_poll(ctx: &Context, job: &Job, object: &Assistant) -> Option<Instant> {
    let waiting = object.status.as_ref().is_some_and(|status| status.user_id.is_some() && status.owner_id.is_none());
    if !waiting || job.lane != Lane::Timer {
        return None;
    }
    let since = waiting_since(object, &memory(object));
    Instant::now().checked_sub(pause_since(ctx, since, Duration::MAX) / 2)
}

/// Since when an owner is awaited: since the invitation, or since a user that someone else invited was first seen.
fn waiting_since(object: &Assistant, memory: &UserMemory) -> Option<Timestamp> {
    let conditions = object.status.iter().flat_map(|status| &status.conditions);
    let mut seen = conditions.filter(|condition| condition.type_ == ConditionType::UserExists.name());
    let seen = seen.find(|condition| condition.status == "True").map(|condition| condition.last_transition_time.0);
    memory.sent_at.or(seen)
}

/// The longer it takes, the rarer we look.
fn pause_since(ctx: &Context, since: Option<Timestamp>, most: Duration) -> Duration {
    let waited =
        since.map_or(Duration::ZERO, |at| Duration::try_from(ctx.now().duration_since(at)).unwrap_or_default());
    (waited / 2).clamp(FIRST_POLL, Duration::from_mins(5)).min(most)
}

fn poll_after(ctx: &Context, since: Option<Timestamp>, report: &UserReport, interval: Duration) -> Option<Duration> {
    let waiting = matches!((&report.user, &report.owner), (UserFinding::Present(_), Ok(None)));
    waiting.then(|| pause_since(ctx, since, interval))
}

/// Why steps are withheld, if any are.
pub(super) fn held(plan: &Plan) -> Option<Hold> {
    plan.withheld.first().map(|withheld| withheld.why)
}
