//! What was found of an assistant → status code, conditions, checklist, events.

use std::sync::Arc;

use super::{
    Finding, connection_of,
    user::{Looked, held},
};
use crate::{
    api::{
        Assistant,
        assistant::{
            AssistantStatus, CrmIntegrationStatus, Invitation, ManualStep, Provisioning, SetupEntry, SetupStep,
            StepState, moment,
        },
        condition::{self, ConditionType, Reason, Truth, Verdict},
    },
    controllers::{
        context::Context,
        events::Severity,
        leads,
        portals::Usable,
        status::{self, Interrupted, Standing},
        tec::InTec,
    },
    desired::{ValidatedAssistant, assistant::DefaultContext, references::ObjectRef},
    plan::{
        Hold, Refusal, render,
        user::{UserFinding, UserMemory},
    },
    portal::snapshot::Acceptance,
};

/// Everything the status is made of.
pub(super) struct Facts {
    pub valid: Option<ValidatedAssistant>,
    pub usable: Option<Arc<Usable>>,
    /// What is wrong with the default context.
    pub context: Option<Refusal>,
    pub finding: Finding,
}

/// Says that the object has been seen, before anything slow is done.
pub(super) async fn first(ctx: &Context, object: &Assistant) -> Result<(), Interrupted> {
    let verdicts = Standing::progressing().verdicts();
    let new = AssistantStatus {
        conditions: condition::render(&[], &verdicts, object.metadata.generation, ctx.now()),
        observed_generation: object.metadata.generation,
        ..AssistantStatus::default()
    };
    status::write(ctx, object, None, &new).await
}

/// Writes the status and sends events about what changed.
pub(super) async fn write(ctx: &Context, object: &Assistant, facts: Facts) -> Result<(), Interrupted> {
    let old = object.status.clone().unwrap_or_default();
    let standing = match (standing(ctx, &facts), leads::halted(ctx, &connection_of(object))) {
        (Standing::Good(_), Some(refusal)) => Standing::Unknown(refusal),
        (standing, _) => standing,
    };
    let mut new = AssistantStatus { observed_generation: object.metadata.generation, plan: None, ..old.clone() };
    if let Finding::Looked(looked) = &facts.finding {
        let connection = connection_of(object);
        note_first_lead(ctx, &connection, &mut new, looked);
        describe(&mut new, looked, leads::flow(ctx, &connection));
        new.observed_at = Some(moment(ctx.now()));
    }
    if is_answered(&facts.finding) {
        new.last_handled_reconcile_at = status::requested_at(object);
    }
    if let Some(valid) = &facts.valid {
        new.setup = setup(valid, &new, &facts);
    }
    let mut verdicts = standing.verdicts();
    verdicts.extend(details(&facts.finding, &new));
    let said = condition::render(&old.conditions, &verdicts, object.metadata.generation, ctx.now());
    new.conditions = condition::keep(said, &old.conditions, &[ConditionType::UserExists, ConditionType::OwnerActive]);
    announce(ctx, object, &standing, &facts.finding).await;
    status::write(ctx, object, object.status.as_ref(), &new).await
}

/// Whether a request (`requestedAt`) has got what it asked for: a look at everything.
fn is_answered(finding: &Finding) -> bool {
    match finding {
        Finding::Looked(looked) => !matches!(looked.in_tec, Some(InTec::Unread(_))),
        Finding::Stalled(_) | Finding::Suspended => true,
        Finding::Waiting(_)
        | Finding::NoConnection(_)
        | Finding::Postponed
        | Finding::TecUnread(_)
        | Finding::Trouble(_) => false,
    }
}

/// Once a contact was accepted, that stays true.
fn note_first_lead(ctx: &Context, connection: &ObjectRef, new: &mut AssistantStatus, looked: &Looked) {
    if new.first_lead_accepted_at.is_none()
        && let Ok(Some(owner)) = &looked.report.owner
    {
        new.first_lead_accepted_at = leads::first_accepted(ctx, connection, owner).map(moment);
    }
}

fn describe(new: &mut AssistantStatus, looked: &Looked, leads_flow: Option<bool>) {
    let UserMemory { user, sent_at, removed_at, given_up_for } = &looked.memory;
    let present = matches!(looked.report.user, UserFinding::Present(_));
    new.user_id = user.as_ref().map(|user| user.as_str().to_owned());
    new.owner_id = match &looked.report.owner {
        Ok(owner) => owner.as_ref().filter(|_| present).map(|owner| owner.as_str().to_owned()),
        Err(_) => new.owner_id.take(),
    };
    let invitation = Invitation {
        sent_at: sent_at.map(moment),
        removed_at: removed_at.map(moment),
        given_up_for: given_up_for.clone(),
    };
    new.invitation = (invitation != Invitation::default()).then_some(invitation);
    new.crm_integration_status = match &looked.in_tec {
        Some(InTec::NotYet(_)) => Some(CrmIntegrationStatus::AssistantNotYetCreated),
        // No code flips because something could not be read.
        Some(InTec::Unread(_)) => new.crm_integration_status,
        Some(InTec::Created) | None => Some(code(new, present, leads_flow)),
    };
    if looked.plan_only {
        new.plan = Some(status::plan_lines(render::lines(&looked.plan)));
    }
}

/// The code of an assistant that TEC has, as far as anybody can be asked.
fn code(new: &AssistantStatus, present: bool, leads_flow: Option<bool>) -> CrmIntegrationStatus {
    if present && new.owner_id.is_some() {
        let was_well = new.crm_integration_status == Some(CrmIntegrationStatus::AllWorkingWell);
        if new.first_lead_accepted_at.is_some() && leads_flow.unwrap_or(was_well) {
            CrmIntegrationStatus::AllWorkingWell
        } else {
            CrmIntegrationStatus::AssistantExistsAsUserInCrm
        }
    } else {
        CrmIntegrationStatus::AssistantDoesNotExistsAsUserInCrm
    }
}

fn standing(ctx: &Context, facts: &Facts) -> Standing {
    match &facts.finding {
        Finding::Stalled(refusal) => Standing::Stalled(refusal.clone()),
        Finding::Waiting(refusal) => Standing::Waiting(refusal.clone()),
        Finding::Postponed => Standing::progressing(),
        Finding::NoConnection(refusal) | Finding::TecUnread(refusal) => Standing::Unknown(refusal.clone()),
        Finding::Suspended => {
            Standing::Unknown(Refusal::new(Reason::Suspended, "suspend is set: HubSpot is neither read nor written"))
        }
        Finding::Trouble(trouble) => Standing::of(trouble, ctx),
        Finding::Looked(looked) => match &looked.in_tec {
            Some(InTec::NotYet(why)) => Standing::Waiting(why.clone()),
            // What a person has to solve, and what HubSpot refuses, is told first: TEC is everybody's trouble.
            Some(InTec::Unread(why)) => match looked_standing(ctx, looked, facts) {
                standing @ Standing::Stalled(_) => standing,
                standing if looked.failed.is_some() => standing,
                _ => Standing::Unknown(why.clone()),
            },
            Some(InTec::Created) | None => looked_standing(ctx, looked, facts),
        },
    }
}

fn looked_standing(ctx: &Context, looked: &Looked, facts: &Facts) -> Standing {
    if let Some(trouble) = &looked.failed {
        return Standing::of(trouble, ctx);
    }
    if let Some(refusal) = &looked.report.refusal {
        return Standing::Stalled(refusal.clone());
    }
    let observing = facts.valid.as_ref().is_some_and(|valid| valid.provisioning == Provisioning::Observe);
    match (&looked.report.user, &looked.report.owner) {
        (UserFinding::Removed { given_up: true }, _) => Standing::Stalled(Refusal::new(
            Reason::RemovedInCrm,
            "the user was removed from HubSpot again, so it is not invited any more; set the requestedAt annotation to invite once more",
        )),
        (UserFinding::Absent | UserFinding::Removed { .. }, _) if observing => Standing::Stalled(Refusal::new(
            Reason::InvitationRequired,
            "there is no such user in HubSpot and provisioning is Observe: an admin has to invite it",
        )),
        (UserFinding::Absent | UserFinding::Removed { .. } | UserFinding::Asking | UserFinding::Unknown(_), _) => {
            absent(looked)
        }
        (UserFinding::Present(_), Ok(None) | Err(_)) => Standing::Waiting(Refusal::new(
            Reason::InvitationPending,
            "the user exists, HubSpot has made no owner for it yet; that happens at the latest when the invitation is accepted (TEC forwards the mail)",
        )),
        (UserFinding::Present(_), Ok(Some(_))) => match (&facts.context, withheld(looked)) {
            (Some(refusal), _) => Standing::Waiting(refusal.clone()),
            (None, Some(refusal)) => Standing::Paused(refusal),
            (None, None) => Standing::Good("contacts can be assigned in HubSpot".to_owned()),
        },
    }
}

fn absent(looked: &Looked) -> Standing {
    match withheld(looked) {
        Some(refusal) => Standing::Paused(refusal),
        None => Standing::Waiting(Refusal::new(Reason::Progressing, "the user is being created")),
    }
}

fn withheld(looked: &Looked) -> Option<Refusal> {
    let reason = match held(&looked.plan)? {
        Hold::UntilDeadline | Hold::ScheduleSync => Reason::OnHold,
        Hold::Observe => Reason::DriftReported,
        Hold::PlanOnly => Reason::Planned,
    };
    let differences = looked.plan.withheld.iter().flat_map(|withheld| &withheld.step.because);
    let why = held(&looked.plan).map_or("", render::hold);
    Some(Refusal::new(reason, format!("{why}: {}", render::differences(differences))))
}

fn details(finding: &Finding, new: &AssistantStatus) -> Vec<Verdict> {
    let Finding::Looked(looked) = finding else { return Vec::new() };
    let present = matches!(looked.report.user, UserFinding::Present(_));
    let user = if present {
        Verdict::new(ConditionType::UserExists, Truth::True, Reason::Succeeded, "HubSpot has a user with this e-mail")
    } else {
        Verdict::new(ConditionType::UserExists, Truth::False, Reason::Waiting, "HubSpot has no user with this e-mail")
    };
    let owner = if new.owner_id.is_some() {
        Verdict::new(ConditionType::OwnerActive, Truth::True, Reason::Succeeded, "contacts can be assigned")
    } else {
        Verdict::new(ConditionType::OwnerActive, Truth::False, Reason::Waiting, "HubSpot has made no active owner yet")
    };
    let mut verdicts = vec![user, owner];
    if let Some(refusal) = withheld(looked) {
        verdicts.push(Verdict::new(ConditionType::Drifted, Truth::True, refusal.reason, refusal.message));
    } else if !looked.report.drift.is_empty() {
        let message = render::differences(&looked.report.drift);
        verdicts.push(Verdict::new(ConditionType::Drifted, Truth::True, Reason::DriftReported, message));
    }
    verdicts
}

fn setup(valid: &ValidatedAssistant, new: &AssistantStatus, facts: &Facts) -> Vec<SetupEntry> {
    let done = |message: &str| (StepState::Done, message.to_owned());
    let looked = match &facts.finding {
        Finding::Looked(looked) => Some(looked.as_ref()),
        _ => None,
    };
    let known = looked.is_some();
    let authorized = match &facts.usable {
        Some(_) => done("the connection's token works"),
        None => (StepState::Blocked, "the connection is not usable; see its conditions".to_owned()),
    };
    let keep = |step: SetupStep, otherwise: (StepState, String)| {
        let old = new.setup.iter().find(|entry| entry.step == step);
        old.filter(|_| !known).map_or(otherwise, |entry| (entry.state, entry.message.clone()))
    };
    let steps = [
        (SetupStep::Authorized, authorized),
        (SetupStep::AssistantCreated, created(valid, new, facts)),
        (SetupStep::UserInvited, keep(SetupStep::UserInvited, invited(valid, looked))),
        (SetupStep::InvitationAccepted, keep(SetupStep::InvitationAccepted, accepted(valid, new, looked))),
        (SetupStep::EmailNotificationsDisabled, notifications(valid)),
        (SetupStep::DefaultContext, default_context(valid, facts)),
        (SetupStep::SchedulesSynced, keep(SetupStep::SchedulesSynced, schedules(facts))),
        (SetupStep::FirstContact, first_contact(new)),
    ];
    steps.into_iter().map(|(step, (state, message))| SetupEntry { step, state, message }).collect()
}

/// Kept while the connection cannot be used: then nobody can be asked.
fn created(valid: &ValidatedAssistant, new: &AssistantStatus, facts: &Facts) -> (StepState, String) {
    let Some(usable) = &facts.usable else {
        let old = new.setup.iter().find(|entry| entry.step == SetupStep::AssistantCreated);
        let unknown = || (StepState::Blocked, "the connection is not usable; see its conditions".to_owned());
        return old.map_or_else(unknown, |entry| (entry.state, entry.message.clone()));
    };
    match usable.tec.as_ref().map(|directory| directory.find(&valid.email)) {
        None => (StepState::Manual, "create the assistant in TEC; the operator is not connected to TEC".to_owned()),
        Some(InTec::Created) => (StepState::Done, "TEC has the assistant".to_owned()),
        Some(InTec::NotYet(why)) => (StepState::Pending, why.message),
        Some(InTec::Unread(why)) => (StepState::Blocked, why.message),
    }
}

fn first_contact(new: &AssistantStatus) -> (StepState, String) {
    if new.first_lead_accepted_at.is_some() {
        (StepState::Done, "the assistant has accepted a contact".to_owned())
    } else {
        (StepState::Pending, "assign a contact to the assistant in HubSpot once it can own contacts".to_owned())
    }
}

fn invited(valid: &ValidatedAssistant, looked: Option<&Looked>) -> (StepState, String) {
    let Some(looked) = looked else {
        return (StepState::Blocked, "HubSpot has not been read yet".to_owned());
    };
    match (&looked.report.user, &looked.report.refusal) {
        (UserFinding::Present(_), _) => (StepState::Done, "HubSpot has a user with this e-mail".to_owned()),
        _ if matches!(looked.in_tec, Some(InTec::NotYet(_))) => {
            (StepState::Blocked, "nobody is invited before TEC has the assistant".to_owned())
        }
        (_, Some(refusal)) => (StepState::Blocked, refusal.message.clone()),
        (UserFinding::Removed { given_up: true }, _) => {
            (StepState::Blocked, "the user was removed in HubSpot; set requestedAt to invite once more".to_owned())
        }
        _ if valid.provisioning == Provisioning::Observe => {
            (StepState::Manual, "an admin has to invite the user in HubSpot".to_owned())
        }
        _ => (StepState::Pending, "the operator invites the user".to_owned()),
    }
}

fn accepted(valid: &ValidatedAssistant, new: &AssistantStatus, looked: Option<&Looked>) -> (StepState, String) {
    let acceptance = looked.and_then(|looked| looked.report.acceptance);
    if acceptance == Some(Acceptance::Accepted) || valid.acknowledged.contains(&ManualStep::InvitationAccepted) {
        (StepState::Done, "the invitation was accepted".to_owned())
    } else if looked.is_none_or(|looked| !matches!(looked.report.user, UserFinding::Present(_))) {
        (StepState::Blocked, "nobody is invited yet".to_owned())
    } else if acceptance == Some(Acceptance::Pending) {
        (StepState::Pending, "open the invitation that TEC forwarded and accept it".to_owned())
    } else if new.owner_id.is_some() {
        (
            StepState::Manual,
            "HubSpot does not show whether it was accepted; acknowledge InvitationAccepted once it was".to_owned(),
        )
    } else {
        (StepState::Manual, "open the invitation that TEC forwarded and accept it".to_owned())
    }
}

fn notifications(valid: &ValidatedAssistant) -> (StepState, String) {
    if valid.acknowledged.contains(&ManualStep::EmailNotificationsDisabled) {
        (StepState::Done, "acknowledged".to_owned())
    } else {
        (
            StepState::Manual,
            "log in as the assistant, switch its e-mail notifications off, then add EmailNotificationsDisabled to spec.acknowledged"
                .to_owned(),
        )
    }
}

fn default_context(valid: &ValidatedAssistant, facts: &Facts) -> (StepState, String) {
    match (&valid.context, &facts.context) {
        (_, Some(refusal)) => (StepState::Blocked, refusal.message.clone()),
        (DefaultContext::None, None) => (StepState::Manual, "set spec.defaults.context or contextFrom".to_owned()),
        (DefaultContext::Inline(_) | DefaultContext::ConfigMap { .. }, None) => {
            (StepState::Done, "a default context is set".to_owned())
        }
    }
}

fn schedules(facts: &Facts) -> (StepState, String) {
    match &facts.usable {
        Some(usable) if usable.schedules.all_in_sync() => {
            (StepState::Done, "the schedules are options of the schedule field".to_owned())
        }
        Some(usable) if usable.schedules.0.is_empty() => {
            (StepState::Manual, "create a ScheduleSync for the connection".to_owned())
        }
        Some(_) => (StepState::Pending, "a ScheduleSync of the connection is not ready; see its conditions".to_owned()),
        None => (StepState::Blocked, "the connection is not usable".to_owned()),
    }
}

async fn announce(ctx: &Context, object: &Assistant, standing: &Standing, finding: &Finding) {
    if let Finding::Looked(looked) = finding {
        for line in &looked.done {
            ctx.events.send(object, (Severity::Normal, Reason::Succeeded), "Repair", line).await;
        }
    }
    if let Standing::Stalled(refusal) = standing {
        ctx.events.send(object, (Severity::Warning, refusal.reason), "Reconcile", &refusal.message).await;
    }
}
