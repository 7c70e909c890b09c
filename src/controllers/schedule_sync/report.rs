//! How a ScheduleSync stands → status and events.

use super::Finding;
use crate::{
    api::{
        ScheduleSync,
        assistant::moment,
        condition::{self, ConditionType, Reason, Truth, Verdict},
        schedule_sync::ScheduleSyncStatus,
    },
    controllers::{
        context::Context,
        events::Severity,
        portals::{SyncOutcome, SyncVerdict},
        status::{self, Interrupted, Standing},
    },
    plan::{Hold, Refusal, render},
};

/// Says that the object has been seen, before anything slow is done.
pub(super) async fn first(ctx: &Context, object: &ScheduleSync) -> Result<(), Interrupted> {
    let verdicts = Standing::progressing().verdicts();
    let new = ScheduleSyncStatus {
        conditions: condition::render(&[], &verdicts, object.metadata.generation, ctx.now()),
        observed_generation: object.metadata.generation,
        ..ScheduleSyncStatus::default()
    };
    status::write(ctx, object, None, &new).await
}

/// Writes the status and sends events about what changed.
pub(super) async fn write(ctx: &Context, object: &ScheduleSync, finding: &Finding) -> Result<(), Interrupted> {
    let old = object.status.clone().unwrap_or_default();
    let Some(standing) = standing(ctx, object, finding) else { return Ok(()) };
    let mut new = ScheduleSyncStatus { observed_generation: object.metadata.generation, plan: None, ..old.clone() };
    let mut verdicts = standing.verdicts();
    if let Finding::Compared(outcome, usable) = finding {
        if !matches!(outcome.verdict, SyncVerdict::Unread(_)) {
            new.options = i32::try_from(outcome.report.options).ok();
        }
        new.observed_at = Some(moment(ctx.now()));
        if usable.plan_only || status::plan_only(object) {
            new.plan = Some(status::plan_lines(held_lines(outcome)));
        }
        verdicts.extend(details(outcome));
    }
    if is_answered(finding) {
        new.last_handled_reconcile_at = status::requested_at(object);
    }
    let said = condition::render(&old.conditions, &verdicts, object.metadata.generation, ctx.now());
    new.conditions = condition::keep(said, &old.conditions, &[ConditionType::OptionsSynced]);
    if let Standing::Stalled(refusal) = &standing {
        ctx.events.send(object, (Severity::Warning, refusal.reason), "Reconcile", &refusal.message).await;
    }
    if let Finding::Compared(outcome, _) = finding
        && let Some(in_use) = in_use(outcome)
    {
        ctx.events.send(object, (Severity::Warning, in_use.reason), "Prune", &in_use.message).await;
    }
    if let Finding::Compared(outcome, _) = finding
        && let Some(message) = left_out(outcome)
    {
        ctx.events.send(object, (Severity::Warning, Reason::InvalidSpec), "Reconcile", &message).await;
    }
    status::write(ctx, object, object.status.as_ref(), &new).await
}

/// Whether a request (`requestedAt`) has got what it asked for: a comparison with the list.
fn is_answered(finding: &Finding) -> bool {
    match finding {
        Finding::Compared(outcome, _) => !matches!(outcome.verdict, SyncVerdict::Unread(_)),
        Finding::Stalled(_) | Finding::Suspended => true,
        Finding::Waiting(_) | Finding::NoConnection(_) | Finding::Asked => false,
    }
}

fn standing(ctx: &Context, object: &ScheduleSync, finding: &Finding) -> Option<Standing> {
    Some(match finding {
        // The last status stands until the comparison is there; a new object already says `Progressing`.
        Finding::Asked
            if object.status.as_ref().is_some_and(|s| s.observed_generation == object.metadata.generation) =>
        {
            return None;
        }
        Finding::Asked => {
            Standing::Waiting(Refusal::new(Reason::Progressing, "the portal is being compared with the new list"))
        }
        Finding::Stalled(refusal) => Standing::Stalled(refusal.clone()),
        Finding::Waiting(refusal) => Standing::Waiting(refusal.clone()),
        Finding::NoConnection(refusal) => Standing::Unknown(refusal.clone()),
        Finding::Suspended => {
            Standing::Unknown(Refusal::new(Reason::Suspended, "suspend is set: its options stay as they are"))
        }
        Finding::Compared(outcome, _) => match &outcome.verdict {
            SyncVerdict::InSync => Standing::Good(in_sync(outcome)),
            SyncVerdict::Held(hold, differences) => Standing::Paused(Refusal::new(
                reason(*hold),
                format!("{}: {}", render::hold(*hold), render::differences(differences)),
            )),
            SyncVerdict::Refused(_) => {
                let all: Vec<&str> = outcome.report.refusals.iter().map(|refusal| refusal.message.as_str()).collect();
                let first = refusal(outcome)?;
                let message = if all.is_empty() { first.message } else { all.join("; ") };
                Standing::Stalled(Refusal::new(first.reason, message))
            }
            SyncVerdict::Unread(why) => Standing::Unknown(why.clone()),
            SyncVerdict::Trouble(trouble) => Standing::of(trouble, ctx),
        },
    })
}

fn refusal(outcome: &SyncOutcome) -> Option<Refusal> {
    match &outcome.verdict {
        SyncVerdict::Refused(refusal) => Some(refusal.clone()),
        SyncVerdict::InSync | SyncVerdict::Held(..) | SyncVerdict::Unread(_) | SyncVerdict::Trouble(_) => None,
    }
}

/// In sync, and what remains to be said.
fn in_sync(outcome: &SyncOutcome) -> String {
    let mut said = vec!["the options are as specified".to_owned()];
    said.extend(in_use(outcome).map(|in_use| in_use.message));
    said.extend(left_out(outcome));
    said.join("; ")
}

/// Most schedules named that were left out; the rest is counted.
const NAMED: usize = 5;

fn left_out(outcome: &SyncOutcome) -> Option<String> {
    let all = &outcome.left_out;
    let named = all.iter().take(NAMED).cloned().collect::<Vec<_>>().join("; ");
    let more = if all.len() > NAMED { format!("; and {} more", all.len() - NAMED) } else { String::new() };
    (!all.is_empty()).then(|| format!("left out: {named}{more}"))
}

fn reason(hold: Hold) -> Reason {
    match hold {
        Hold::UntilDeadline | Hold::ScheduleSync => Reason::OnHold,
        Hold::Observe => Reason::DriftReported,
        Hold::PlanOnly => Reason::Planned,
    }
}

fn in_use(outcome: &SyncOutcome) -> Option<Refusal> {
    let held: Vec<String> =
        outcome.report.in_use.iter().map(|(value, count)| format!("option {value} ({count} contacts)")).collect();
    let message = format!("hidden instead of deleted, because contacts hold them: {}", held.join(", "));
    (!held.is_empty()).then(|| Refusal::new(Reason::OptionInUse, message))
}

fn held_lines(outcome: &SyncOutcome) -> Vec<String> {
    match &outcome.verdict {
        SyncVerdict::Held(_, differences) => differences.iter().map(render::difference).collect(),
        SyncVerdict::InSync | SyncVerdict::Refused(_) | SyncVerdict::Unread(_) | SyncVerdict::Trouble(_) => Vec::new(),
    }
}

fn details(outcome: &SyncOutcome) -> Vec<Verdict> {
    let kind = ConditionType::OptionsSynced;
    match &outcome.verdict {
        SyncVerdict::InSync => {
            let reason = in_use(outcome).map_or(Reason::Succeeded, |in_use| in_use.reason);
            vec![Verdict::new(kind, Truth::True, reason, in_sync(outcome))]
        }
        SyncVerdict::Held(hold, differences) => {
            let message = format!("{}: {}", render::hold(*hold), render::differences(differences));
            vec![
                Verdict::new(kind, Truth::False, reason(*hold), message.clone()),
                Verdict::new(ConditionType::Drifted, Truth::True, reason(*hold), message),
            ]
        }
        SyncVerdict::Refused(refusal) => {
            vec![Verdict::new(kind, Truth::False, refusal.reason, refusal.message.clone())]
        }
        SyncVerdict::Unread(why) => vec![Verdict::new(kind, Truth::Unknown, why.reason, why.message.clone())],
        SyncVerdict::Trouble(trouble) => {
            vec![Verdict::new(kind, Truth::Unknown, trouble.reason(), trouble.message.clone())]
        }
    }
}
