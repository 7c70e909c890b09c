//! A connection that is being deleted.

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt};

use super::{Finding, open::opened, portal};
use crate::{
    api::{
        CrmConnection,
        condition::{self, Reason},
        crm_connection::{ConnectionDeletionPolicy, CrmConnectionStatus},
    },
    apply,
    controllers::{
        cleanup::{self, Left},
        context::Context,
        queue::{Job, Next},
        status::{self, Interrupted, Standing},
    },
    desired::{
        ScheduleUnion, connection,
        references::{Kind, ObjectRef},
    },
    plan::{
        Permission, Refusal,
        portal::{PortalDesired, permission},
        removal::{self, Removal},
        render,
    },
    portal::{Part, Portal, Trouble, snapshot::Answers},
    runtime::lock,
};

/// Most rounds of look and remove in one run.
const MAX_ROUNDS: usize = 8;

/// Deals with what the connection caused, then lets it go.
pub(super) async fn run(ctx: &Context, job: &Job, object: &CrmConnection) -> Result<Next, Interrupted> {
    if !cleanup::holds(object) {
        super::gone(ctx, &job.key);
        return Ok(Next::Forget);
    }
    if let Some(refusal) = in_use(ctx, &job.key, object).await? {
        // Users on their way out may need the portal: until the last has gone, it is kept in line as ever.
        super::serve(ctx, job, object).await?;
        say(ctx, object, Standing::Waiting(refusal)).await?;
        return Ok(Next::After(cleanup::LOOK_AGAIN));
    }
    let left = match object.spec.deletion_policy {
        ConnectionDeletionPolicy::Retain => Left::Nothing,
        ConnectionDeletionPolicy::Delete | ConnectionDeletionPolicy::ForceDelete => remove(ctx, job, object).await?,
    };
    match cleanup::verdict(ctx, object, &left) {
        cleanup::Verdict::LetGo(warning) => {
            cleanup::warn(ctx, object, warning).await;
            status::let_go(ctx, object).await?;
            super::gone(ctx, &job.key);
            let users = users(ctx, &job.key);
            ctx.wake_all(users, crate::controllers::queue::Lane::Dependency);
            Ok(Next::Forget)
        }
        cleanup::Verdict::Wait(standing, next) => {
            say(ctx, object, standing).await?;
            Ok(next)
        }
    }
}

fn users(ctx: &Context, key: &ObjectRef) -> Vec<ObjectRef> {
    let store = lock(&ctx.store);
    let mut users = store.referrers(key, Kind::Assistant);
    users.extend(store.referrers(key, Kind::ScheduleSync));
    users
}

/// A connection in use stays, unless its whole namespace goes away: then only users on their own way out are waited for.
async fn in_use(ctx: &Context, key: &ObjectRef, object: &CrmConnection) -> Result<Option<Refusal>, Interrupted> {
    let mut users = users(ctx, key);
    // Who may not use it cannot hold it up.
    users.retain(|user| connection::allows(&object.spec, &key.namespace, &user.namespace));
    if users.is_empty() {
        return Ok(None);
    }
    let namespaces: Api<Namespace> = Api::all(ctx.client.clone());
    let namespace = status::limited(namespaces.get_opt(&key.namespace)).await?;
    let terminating = namespace.is_none_or(|namespace| namespace.metadata.deletion_timestamp.is_some());
    let waited_for: Vec<String> = users
        .into_iter()
        .filter(|user| !terminating || user.namespace == key.namespace || cleanup::is_leaving(ctx, user))
        .map(|user| user.to_string())
        .collect();
    if waited_for.is_empty() {
        return Ok(None);
    }
    let shown = waited_for.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    let more = if waited_for.len() > 5 { format!(" and {} more", waited_for.len() - 5) } else { String::new() };
    Ok(Some(Refusal::new(Reason::DeletionBlocked, format!("still used by {shown}{more}; delete them first"))))
}

async fn remove(ctx: &Context, job: &Job, object: &CrmConnection) -> Result<Left, Interrupted> {
    let what = "our contact fields and their group";
    let valid = match connection::validate(&object.spec, &ctx.settings.endpoints) {
        Ok(valid) => valid,
        Err(invalid) => {
            return Ok(Left::Unreachable { what: what.to_owned(), why: Refusal::new(Reason::InvalidSpec, invalid.0) });
        }
    };
    let opened = match opened(ctx, &job.key, &valid, Some(job.since)).await? {
        Ok(opened) => opened,
        Err(Finding::Trouble(trouble)) => return Ok(Left::trouble(what, &trouble)),
        Err(Finding::Stalled(why) | Finding::Waiting(why)) => {
            return Ok(Left::Unreachable { what: what.to_owned(), why });
        }
        Err(Finding::Suspended | Finding::Looked(_)) => return Ok(Left::Nothing),
    };
    let account = opened.portal.read(&[Part::Account], Some(job.since), &job.urgency).await;
    let pinned = object.status.as_ref().and_then(|status| status.portal_id.clone());
    match account.account.fresh() {
        Err(trouble) => return Ok(Left::trouble(what, &trouble)),
        // Nothing was ever done there, or it is another portal: not ours to clean.
        Ok(account) if pinned != Some(account.portal.to_string()) => return Ok(Left::Nothing),
        Ok(_) => {}
    }
    if !ctx.portals.rivals(&job.key).is_empty() {
        return Ok(Left::Nothing);
    }
    if let Permission::Hold(hold) =
        permission(status::plan_only(object), valid.hold_until, valid.fields.mode, ctx.now())
    {
        let message = format!("{what} are not removed: {}", render::hold(hold));
        return Ok(Left::Blocked(Refusal::new(Reason::OnHold, message)));
    }
    let desired = PortalDesired {
        cluster: ctx.settings.cluster.clone(),
        connection: valid,
        schedules: ScheduleUnion::default(),
        known: portal::known(object),
        plan_only: false,
    };
    Ok(carry_out(&desired, &opened.portal, job).await.unwrap_or_else(|trouble| Left::trouble(what, &trouble)))
}

async fn carry_out(desired: &PortalDesired, portal: &Portal, job: &Job) -> Result<Left, Trouble> {
    // A deletion is a person's doing, and what HubSpot refused a while ago is asked anew.
    let urgency = &crate::hubspot::Lane::Edit.into();
    let parts = [Part::Groups, Part::Properties];
    let mut answers = Answers::default();
    let mut not_before = Some(job.since);
    for _ in 0..MAX_ROUNDS {
        let snapshot = portal.read(&parts, not_before, urgency).await;
        match removal::portal(desired, &snapshot, &answers)? {
            Removal::Done => return Ok(Left::Nothing),
            Removal::Blocked(refusal) => return Ok(Left::Blocked(refusal)),
            Removal::Next(plan) => {
                for question in &plan.questions {
                    answers.given.insert(question.clone(), portal.answer(question, urgency).await);
                }
                for step in &plan.steps {
                    apply::apply(portal, &step.action, urgency).await.map_err(|failed| failed.trouble)?;
                    tracing::info!(object = %job.key, change = %render::action(&step.action), "HubSpot changed");
                }
                if !plan.steps.is_empty() {
                    // The proof is a list without them, not our own bookkeeping.
                    not_before = Some(tokio::time::Instant::now());
                }
            }
        }
    }
    Ok(Left::NotYet(Refusal::new(Reason::Progressing, "HubSpot still lists what was removed")))
}

async fn say(ctx: &Context, object: &CrmConnection, standing: Standing) -> Result<(), Interrupted> {
    let old = object.status.clone().unwrap_or_default();
    let conditions = condition::render(&old.conditions, &standing.verdicts(), object.metadata.generation, ctx.now());
    let new = CrmConnectionStatus { conditions, observed_generation: object.metadata.generation, ..old };
    tracing::debug!(object = %object.name_any(), "deletion waits");
    status::write(ctx, object, object.status.as_ref(), &new).await
}
