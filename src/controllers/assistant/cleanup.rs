//! An assistant that is being deleted.

use std::sync::Arc;

use kube::ResourceExt;

use super::{Finding, connection_of, contacts, other_claimant, reach, reference};
use crate::{
    api::{
        Assistant,
        assistant::AssistantStatus,
        condition::{self, Reason},
        crm_connection::Mode,
        shared::DeletionPolicy,
    },
    apply,
    controllers::{
        cleanup::{self, Left},
        context::Context,
        portals::Usable,
        queue::{Job, Lane, Next},
        status::{self, Interrupted, Standing},
    },
    desired::assistant,
    domain::Email,
    plan::{
        Permission, Refusal,
        portal::permission,
        removal::{self, Removal},
        render,
    },
    portal::{Part, Trouble, snapshot::Answers},
};

/// Most rounds of look and remove in one run.
const MAX_ROUNDS: usize = 6;

/// Deals with what the assistant caused, then lets it go.
pub(super) async fn run(ctx: &Context, job: &Job, object: &Assistant) -> Result<Next, Interrupted> {
    if !cleanup::holds(object) {
        return Ok(Next::Forget);
    }
    // Contacts first: without its user nobody could see whose they were.
    let contacts = contacts::left(ctx, object).await;
    let has_contacts = !matches!(contacts, Left::Nothing);
    let left = match (contacts, object.spec.deletion_policy) {
        (Left::Nothing, DeletionPolicy::Retain) => Left::Nothing,
        (Left::Nothing, DeletionPolicy::Delete) => remove(ctx, job, object).await,
        (contacts, _) => contacts,
    };
    match cleanup::verdict(ctx, object, &left) {
        cleanup::Verdict::LetGo(warning) => {
            ctx.leads.has_gone(&job.key);
            cleanup::warn(ctx, object, warning).await;
            status::let_go(ctx, object).await?;
            ctx.wake(&connection_of(object), Lane::Dependency);
            Ok(Next::Forget)
        }
        cleanup::Verdict::Wait(standing, next) => {
            say(ctx, object, standing).await?;
            Ok(match next {
                Next::After(pause) if has_contacts => Next::After(pause.min(cleanup::LOOK_AGAIN)),
                next => next,
            })
        }
    }
}

async fn remove(ctx: &Context, job: &Job, object: &Assistant) -> Left {
    let what = "the HubSpot user";
    let Ok(valid) = assistant::validate(&object.spec) else { return Left::Nothing };
    // Never its user: another Assistant has it, or the connection never allowed this one.
    let allowed = match reference(ctx, object, &connection_of(object)) {
        Err(Finding::Stalled(_)) => false,
        Err(_) | Ok(()) => true,
    };
    if !allowed || other_claimant(ctx, object).is_some() {
        return Left::Nothing;
    }
    let usable = match reach(ctx, object) {
        Err(Finding::Waiting(why)) if why.reason == Reason::Waiting => return Left::NotYet(why),
        Ok(usable) => usable,
        Err(Finding::Stalled(why) | Finding::Waiting(why) | Finding::NoConnection(why) | Finding::TecUnread(why)) => {
            return Left::Unreachable { what: what.to_owned(), why };
        }
        Err(Finding::Suspended | Finding::Postponed | Finding::Trouble(_) | Finding::Looked(_)) => {
            return Left::NotYet(Refusal::new(Reason::Progressing, "the connection is being looked at"));
        }
    };
    let until = valid.hold_until.max(usable.connection.hold_until);
    let plan_only = status::plan_only(object) || usable.plan_only;
    if let Permission::Hold(hold) = permission(plan_only, until, Mode::Enforce, ctx.now()) {
        let message = format!("{what} is not removed: {}", render::hold(hold));
        return Left::Blocked(Refusal::new(Reason::OnHold, message));
    }
    carry_out(&valid.email, &usable, job).await.unwrap_or_else(|trouble| Left::trouble(what, &trouble))
}

async fn carry_out(email: &Email, usable: &Arc<Usable>, job: &Job) -> Result<Left, Trouble> {
    // A deletion is a person's doing, and what HubSpot refused a while ago is asked anew.
    let urgency = &crate::hubspot::Lane::Edit.into();
    let mut answers = Answers::default();
    for _ in 0..MAX_ROUNDS {
        let snapshot = usable.portal.read(&[Part::Users], Some(usable.as_of), urgency).await;
        match removal::user(email, &snapshot, &answers)? {
            Removal::Done => return Ok(Left::Nothing),
            Removal::Blocked(refusal) => return Ok(Left::Blocked(refusal)),
            Removal::Next(plan) => {
                for question in &plan.questions {
                    answers.given.insert(question.clone(), usable.portal.answer(question, urgency).await);
                }
                for step in &plan.steps {
                    apply::apply(&usable.portal, &step.action, urgency).await.map_err(|failed| failed.trouble)?;
                    tracing::info!(object = %job.key, change = step.action.kind(), "HubSpot changed");
                    // The proof is HubSpot's 404, not our own bookkeeping.
                    answers.given.retain(|question, _| !matches!(question, crate::portal::snapshot::Question::User(_)));
                }
            }
        }
    }
    Ok(Left::NotYet(Refusal::new(Reason::Progressing, "HubSpot still lists the removed user")))
}

async fn say(ctx: &Context, object: &Assistant, standing: Standing) -> Result<(), Interrupted> {
    let old = object.status.clone().unwrap_or_default();
    let conditions = condition::render(&old.conditions, &standing.verdicts(), object.metadata.generation, ctx.now());
    let new = AssistantStatus { conditions, observed_generation: object.metadata.generation, ..old };
    tracing::debug!(object = %object.name_any(), "deletion waits");
    status::write(ctx, object, object.status.as_ref(), &new).await
}
