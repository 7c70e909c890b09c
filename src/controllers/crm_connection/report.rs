//! What was found of a connection → status and events.

use kube::ResourceExt;

use super::{Finding, Looked, quota};
use crate::{
    api::{
        CrmConnection,
        assistant::moment,
        condition::{self, ConditionType, Reason, Truth, Verdict},
        crm_connection::{CrmConnectionStatus, FieldStatus},
    },
    controllers::{
        context::Context,
        events::Severity,
        leads::{self, Leads},
        status::{self, Interrupted, Standing},
    },
    desired::{
        connection::allows,
        references::{Kind, ObjectRef},
    },
    leads::setup::{Flow, Mode, Report, Would},
    plan::{Hold, Refusal, Withheld, fields, render},
    runtime::lock,
};

/// What stays as it was while nothing new is known.
const KEPT: [ConditionType; 2] = [ConditionType::Authorized, ConditionType::FieldsSynced];

/// Says that the object has been seen, before anything slow is done.
pub(super) async fn first(ctx: &Context, object: &CrmConnection) -> Result<(), Interrupted> {
    let verdicts = Standing::progressing().verdicts();
    let new = CrmConnectionStatus {
        conditions: condition::render(&[], &verdicts, object.metadata.generation, ctx.now()),
        observed_generation: object.metadata.generation,
        ..CrmConnectionStatus::default()
    };
    status::write(ctx, object, None, &new).await
}

/// Writes the status and sends events about what changed.
pub(super) async fn write(ctx: &Context, object: &CrmConnection, finding: &Finding) -> Result<(), Interrupted> {
    let old = object.status.clone().unwrap_or_default();
    let standing = standing(ctx, finding);
    let mut new = CrmConnectionStatus {
        observed_generation: object.metadata.generation,
        assistants: Some(assistants(ctx, object)),
        plan: None,
        ..old.clone()
    };
    if let Finding::Looked(looked) = finding {
        describe(&mut new, looked);
        new.observed_at = Some(moment(ctx.now()));
    }
    let key = status::key_of(object);
    new.quota = quota::status(ctx, &key, old.quota.as_ref());
    let leads = match finding {
        Finding::Looked(_) => ctx.leads.leads(&key),
        Finding::Stalled(_) | Finding::Waiting(_) | Finding::Suspended | Finding::Trouble(_) => Leads::Off,
    };
    if let Leads::At(_, report) = &leads {
        new.leads = leads::remembered(ctx, &key, (old.leads.as_ref(), report));
    }
    let standing = if let Standing::Good(_) = standing { with_leads(standing, &leads) } else { standing };
    let mut verdicts = standing.verdicts();
    let unkept = ctx.portals.authorization(&key).and_then(|authorization| authorization.concern());
    verdicts.extend(details(finding, unkept.as_deref()));
    verdicts.extend(flowing(&leads));
    if !matches!(finding, Finding::Trouble(_)) {
        new.last_handled_reconcile_at = status::requested_at(object);
    }
    let said = condition::render(&old.conditions, &verdicts, object.metadata.generation, ctx.now());
    new.conditions = condition::keep(said, &old.conditions, &KEPT);
    announce(ctx, object, &standing, finding).await;
    status::write(ctx, object, object.status.as_ref(), &new).await
}

/// Leads that do not flow are trouble of the connection; that nobody is there to take any is not.
fn with_leads(good: Standing, leads: &Leads) -> Standing {
    match leads {
        Leads::At(Mode::Process, Report { flow: Flow::Halted(halt), .. }) => Standing::Unknown(leads::refusal(halt)),
        Leads::At(Mode::Process, Report { flow: Flow::Refused(halt), .. }) => Standing::Unknown(leads::refused(halt)),
        Leads::Barred(why) if why.reason != Reason::Waiting && why.reason != Reason::Progressing => {
            Standing::Unknown(why.clone())
        }
        Leads::Off | Leads::Barred(_) | Leads::At(..) => good,
    }
}

fn flowing(leads: &Leads) -> Option<Verdict> {
    let kind = ConditionType::LeadsFlowing;
    let verdict = |truth, refusal: Refusal| Some(Verdict::new(kind, truth, refusal.reason, refusal.message));
    match leads {
        Leads::Off => None,
        Leads::Barred(why) => verdict(Truth::False, why.clone()),
        Leads::At(Mode::Hold, _) => {
            let message = "on hold: assignments wait, none is lost and none is refused for waiting";
            verdict(Truth::False, Refusal::new(Reason::OnHold, message))
        }
        Leads::At(Mode::Observe, report) => {
            let Would { accept, refuse } = report.would;
            let message =
                format!("leads.mode is Observe: {accept} contacts would become leads, {refuse} would go back");
            verdict(Truth::False, Refusal::new(Reason::DriftReported, message))
        }
        Leads::At(Mode::Process, report) => match &report.flow {
            Flow::Flowing => verdict(
                Truth::True,
                Refusal::new(
                    Reason::Succeeded,
                    "assigned contacts become leads, and what TEC reports is shown in HubSpot",
                ),
            ),
            Flow::Starting => verdict(
                Truth::Unknown,
                Refusal::new(Reason::Progressing, "HubSpot and TEC are being asked for the first time"),
            ),
            Flow::Halted(halt) => verdict(Truth::False, leads::refusal(halt)),
            Flow::Refused(halt) => verdict(Truth::False, leads::refused(halt)),
        },
    }
}

fn assistants(ctx: &Context, object: &CrmConnection) -> i32 {
    let key = ObjectRef::new(Kind::Connection, object.namespace().unwrap_or_default(), object.name_any());
    let users = lock(&ctx.store).referrers(&key, Kind::Assistant);
    let allowed = users.iter().filter(|user| allows(&object.spec, &key.namespace, &user.namespace));
    i32::try_from(allowed.count()).unwrap_or(i32::MAX)
}

fn describe(new: &mut CrmConnectionStatus, looked: &Looked) {
    new.portal_id = Some(looked.account.portal.to_string());
    new.api_endpoint = Some(looked.base.as_str().trim_end_matches('/').to_owned());
    new.account_type = Some(looked.account.account_type.clone());
    let group_key = fields::group_key(&looked.group);
    let origin = |(name, origin): (&String, _)| FieldStatus { name: name.clone(), origin };
    let fields = looked.origins.iter().filter(|(name, _)| **name != group_key);
    new.fields = fields.map(|(name, at)| origin((name, *at))).collect();
    new.group = looked.origins.get(&group_key).map(|at| origin((&looked.group, *at)));
    if looked.plan_only {
        new.plan = Some(status::plan_lines(render::lines(&looked.plan)));
    }
}

fn standing(ctx: &Context, finding: &Finding) -> Standing {
    match finding {
        Finding::Stalled(refusal) => Standing::Stalled(refusal.clone()),
        Finding::Waiting(refusal) if refusal.reason == Reason::InvalidCredentials => Standing::Stalled(refusal.clone()),
        Finding::Waiting(refusal) => Standing::Waiting(refusal.clone()),
        Finding::Suspended => {
            Standing::Unknown(Refusal::new(Reason::Suspended, "suspend is set: HubSpot is neither read nor written"))
        }
        Finding::Trouble(trouble) => Standing::of(trouble, ctx),
        Finding::Looked(looked) => looked_standing(ctx, looked),
    }
}

fn looked_standing(ctx: &Context, looked: &Looked) -> Standing {
    if let Some(trouble) = &looked.failed {
        return Standing::of(trouble, ctx);
    }
    if let Some(refusal) = looked.refusals.first() {
        let all: Vec<&str> = looked.refusals.iter().map(|refusal| refusal.message.as_str()).collect();
        return Standing::Stalled(Refusal::new(refusal.reason, all.join("; ")));
    }
    match withheld(looked) {
        Some(refusal) => Standing::Paused(refusal),
        None if !looked.plan.is_settled() => {
            Standing::Waiting(Refusal::new(Reason::Progressing, "HubSpot keeps changing while it is being compared"))
        }
        None => Standing::Good("group, fields and options are as specified".to_owned()),
    }
}

/// What is left undone on purpose. Schedules of a ScheduleSync on hold are that object's business.
fn withheld(looked: &Looked) -> Option<Refusal> {
    let concerns: Vec<&Withheld> =
        looked.plan.withheld.iter().filter(|withheld| withheld.why != Hold::ScheduleSync).collect();
    let first = concerns.first()?;
    let (reason, why) = match first.why {
        why @ (Hold::UntilDeadline | Hold::ScheduleSync) => (Reason::OnHold, render::hold(why)),
        Hold::Observe => (Reason::DriftReported, render::hold(Hold::Observe)),
        Hold::PlanOnly => (Reason::Planned, render::hold(Hold::PlanOnly)),
    };
    let differences = render::differences(concerns.iter().flat_map(|withheld| &withheld.step.because));
    Some(Refusal::new(reason, format!("{why}: {differences}")))
}

/// `unkept`: why HubSpot's newest refresh token is not stored, if it is not.
fn details(finding: &Finding, unkept: Option<&str>) -> Vec<Verdict> {
    let no = |kind, refusal: &Refusal| Verdict::new(kind, Truth::False, refusal.reason, refusal.message.clone());
    match finding {
        Finding::Looked(looked) => {
            let host = looked.base.host_str().unwrap_or_default();
            let mut message = format!("{host} answers for portal {}", looked.account.portal);
            if let Some(why) = unkept {
                let more = "; only in memory is HubSpot's new refresh token, and it is not used until it is stored";
                message = format!("{message}{more}: {why}");
            }
            let authorized = Verdict::new(ConditionType::Authorized, Truth::True, Reason::Succeeded, message);
            let mut verdicts = vec![authorized, fields_synced(looked)];
            if let Some(drift) = withheld(looked) {
                verdicts.push(Verdict::new(ConditionType::Drifted, Truth::True, drift.reason, drift.message));
            }
            verdicts
        }
        Finding::Stalled(refusal) | Finding::Waiting(refusal)
            if matches!(
                refusal.reason,
                Reason::WrongPortal | Reason::ReferenceNotFound | Reason::InvalidCredentials
            ) =>
        {
            vec![no(ConditionType::Authorized, refusal)]
        }
        Finding::Trouble(trouble) if trouble.needs_a_person() => {
            vec![no(ConditionType::Authorized, &Refusal::new(trouble.reason(), trouble.message.clone()))]
        }
        Finding::Stalled(_) | Finding::Waiting(_) | Finding::Suspended | Finding::Trouble(_) => Vec::new(),
    }
}

fn fields_synced(looked: &Looked) -> Verdict {
    let kind = ConditionType::FieldsSynced;
    if let Some(trouble) = &looked.failed {
        Verdict::new(kind, Truth::False, trouble.reason(), trouble.message.clone())
    } else if let Some(refusal) = looked.refusals.first().cloned().or_else(|| withheld(looked)) {
        Verdict::new(kind, Truth::False, refusal.reason, refusal.message)
    } else {
        Verdict::new(kind, Truth::True, Reason::Succeeded, "group, fields and options are as specified")
    }
}

async fn announce(ctx: &Context, object: &CrmConnection, standing: &Standing, finding: &Finding) {
    if let Finding::Looked(looked) = finding {
        for line in &looked.done {
            ctx.events.send(object, (Severity::Normal, Reason::Succeeded), "Repair", line).await;
        }
    }
    if let Standing::Stalled(refusal) = standing {
        ctx.events.send(object, (Severity::Warning, refusal.reason), "Reconcile", &refusal.message).await;
    }
}
