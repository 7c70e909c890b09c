//! An assistant that is being deleted.

use std::sync::Arc;

use kube::ResourceExt;

use super::{Finding, connection_of, other_claimant, reach, reference};
use crate::{
    api::{
        Assistant, CrmConnection,
        assistant::{AssistantStatus, LeadsOnDelete},
        condition::{self, Reason},
        crm_connection::Mode,
        shared::DeletionPolicy,
    },
    apply,
    controllers::{
        cleanup::{self, Left},
        context::Context,
        leads::Leads,
        portals::{Availability, Usable},
        queue::{Job, Lane, Next},
        status::{self, Interrupted, Loaded, Standing},
    },
    desired::{assistant, connection, references::ObjectRef},
    domain::{Email, OwnerId},
    leads::setup,
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
    let left = match (contacts(ctx, object), object.spec.deletion_policy) {
        (Left::Nothing, DeletionPolicy::Retain) => Left::Nothing,
        (Left::Nothing, DeletionPolicy::Delete) => remove(ctx, job, object).await,
        (contacts, _) => contacts,
    };
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

/// What is left of its contacts: the engine of its connection gives them back (`leads.onDelete`).
fn contacts(ctx: &Context, object: &Assistant) -> Left {
    let key = connection_of(object);
    let owner = object.status.as_ref().and_then(|status| status.owner_id.clone()).map(OwnerId);
    let (Ok(valid), Some(owner)) = (assistant::validate(&object.spec), owner) else { return Left::Nothing };
    if valid.on_delete == LeadsOnDelete::Keep || reference(ctx, object, &key).is_err() || !carries_leads(ctx, &key) {
        return Left::Nothing;
    }
    if other_claimant(ctx, object).is_some() {
        // They are the other's from now on.
        return Left::Nothing;
    }
    let waiting = |message: &str| Left::NotYet(Refusal::new(Reason::DeletionBlocked, message));
    match (ctx.leads.leads(&key), ctx.portals.availability(&key)) {
        (_, Availability::Unavailable(why)) => Left::Unreachable { what: "what it owns in HubSpot".to_owned(), why },
        (Leads::At(setup::Mode::Process, report), _) if report.still_owned.get(&owner) == Some(&0) => Left::Nothing,
        (Leads::At(setup::Mode::Process, _), _) => waiting("its contacts go back to their previous owners"),
        (Leads::At(setup::Mode::Hold, _), _) => Left::Blocked(Refusal::new(
            Reason::OnHold,
            "its contacts do not go back to their previous owners while the connection is on hold",
        )),
        // Nothing of its contacts was ever touched, or cannot be told.
        (Leads::At(setup::Mode::Observe, _) | Leads::Barred(_), _) => Left::Nothing,
        (Leads::Off, _) => waiting("the connection is being looked at"),
    }
}

fn carries_leads(ctx: &Context, key: &ObjectRef) -> bool {
    match status::load::<CrmConnection>(ctx, key) {
        Loaded::Object(connection) => connection::validate(&connection.spec, &ctx.settings.endpoints)
            .is_ok_and(|valid| valid.leads.is_some() && !valid.suspend),
        Loaded::Gone | Loaded::Malformed(_) => false,
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
    let lane = crate::hubspot::Lane::Edit;
    let mut answers = Answers::default();
    for _ in 0..MAX_ROUNDS {
        let snapshot = usable.portal.read(&[Part::Users], Some(usable.as_of), lane).await;
        match removal::user(email, &snapshot, &answers)? {
            Removal::Done => return Ok(Left::Nothing),
            Removal::Blocked(refusal) => return Ok(Left::Blocked(refusal)),
            Removal::Next(plan) => {
                for question in &plan.questions {
                    answers.given.insert(question.clone(), usable.portal.answer(question, lane).await);
                }
                for step in &plan.steps {
                    apply::apply(&usable.portal, &step.action, lane).await.map_err(|failed| failed.trouble)?;
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
