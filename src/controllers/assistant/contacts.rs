//! The contacts of an assistant that is being deleted: the engine of its connection gives them back (`leads.onDelete`).

use std::time::Duration;

use kube::ResourceExt;

use super::{connection_of, other_claimant, reference};
use crate::{
    api::{Assistant, CrmConnection, assistant::LeadsOnDelete, condition::Reason},
    controllers::{
        cleanup::Left,
        context::Context,
        leads::{self, Leads},
        portals::Availability,
        status::{self, Loaded},
    },
    desired::{
        ValidatedAssistant, assistant, connection,
        references::{Kind, ObjectRef},
    },
    domain::OwnerId,
    hubspot::Lane,
    leads::{
        Report,
        setup::{Flow, Mode},
    },
    plan::Refusal,
    portal::Part,
};

/// HubSpot's index lags behind: none are left when none were found for so long.
const SURE: Duration = Duration::from_mins(1);
/// A count is this much older than it should be, at most.
const SLACK: Duration = Duration::from_secs(10);
/// Nothing is left behind before this has been tried for so long, however long ago the deletion was asked for.
const PATIENCE: Duration = Duration::from_mins(10);

const WHAT: &str = "the contacts it owns";

/// What is left of its contacts.
pub(super) async fn left(ctx: &Context, object: &Assistant) -> Left {
    let key = ObjectRef::new(Kind::Assistant, object.namespace().unwrap_or_default(), object.name_any());
    let connection = connection_of(object);
    let owner = object.status.as_ref().and_then(|status| status.owner_id.clone()).map(OwnerId);
    let (Ok(valid), Some(owner)) = (assistant::validate(&object.spec), owner) else { return Left::Nothing };
    if valid.on_delete == LeadsOnDelete::Keep
        || reference(ctx, object, &connection).is_err()
        || !carries_leads(ctx, &connection)
    {
        return Left::Nothing;
    }
    if other_claimant(ctx, object).is_some() {
        // They are the other's from now on.
        return Left::Nothing;
    }
    let Some(owner) = owner_now(ctx, (&connection, &valid), owner).await else { return Left::Nothing };
    let held = valid.hold_until.is_some_and(|until| until > ctx.now()) || status::plan_only(object);
    match (ctx.leads.leads(&connection), ctx.portals.availability(&connection)) {
        // Nothing of its contacts was ever touched.
        (Leads::At(Mode::Observe, _), _) => Left::Nothing,
        (Leads::At(Mode::Process, _), _) if held => on_hold(ctx, &key, "it is"),
        (Leads::At(Mode::Process, report), _) => in_process(ctx, (&key, &connection), &owner, &report),
        (Leads::At(Mode::Hold, _), _) => on_hold(ctx, &key, "the connection is"),
        (Leads::Barred(why), _) => unreachable(ctx, &key, WHAT, why),
        (Leads::Off, Availability::Unavailable(why)) if why.reason == Reason::QuotaExhausted => {
            ctx.leads.not_stuck(&key);
            Left::NotYet(Refusal::new(Reason::DeletionBlocked, cannot("what it owns in HubSpot", &why)))
        }
        (Leads::Off, Availability::Unavailable(why)) => unreachable(ctx, &key, "what it owns in HubSpot", why),
        (Leads::Off, Availability::Unknown) => waiting("the connection is being looked at"),
        (Leads::Off, Availability::Ready(_)) => {
            let why = Refusal::new(Reason::Waiting, "leads have not begun to flow");
            unreachable(ctx, &key, WHAT, why)
        }
    }
}

fn carries_leads(ctx: &Context, key: &ObjectRef) -> bool {
    match status::load::<CrmConnection>(ctx, key) {
        Loaded::Object(connection) => connection::validate(&connection.spec, &ctx.settings.endpoints)
            .is_ok_and(|valid| valid.leads.is_some() && !valid.suspend),
        Loaded::Gone | Loaded::Malformed(_) => false,
    }
}

/// Whose contacts they are. `None`: it has been archived, and there is nothing left to give back.
async fn owner_now(
    ctx: &Context,
    (connection, valid): (&ObjectRef, &ValidatedAssistant),
    known: OwnerId,
) -> Option<OwnerId> {
    let Availability::Ready(usable) = ctx.portals.availability(connection) else { return Some(known) };
    let snapshot = usable.portal.read(&[Part::Owners], None, &Lane::Leads.into()).await;
    match snapshot.owners.last_known() {
        Some(owners) => owners.get(&valid.email).map(|owner| owner.id.clone()),
        None => Some(known),
    }
}

fn in_process(ctx: &Context, (key, connection): (&ObjectRef, &ObjectRef), owner: &OwnerId, report: &Report) -> Left {
    let go_back = "its contacts go back to their previous owners";
    let count = report.still_owned.get(owner).copied();
    if count == Some(0) && matches!(report.flow, Flow::Flowing | Flow::Refused(_)) {
        let sure = ctx.leads.poll_interval(connection).map_or(SURE, |pause| SURE.max(pause + SLACK));
        return if ctx.leads.none_left_for(key) >= sure { Left::Nothing } else { waiting(go_back) };
    }
    ctx.leads.some_left(key, count);
    match &report.flow {
        Flow::Halted(halt) if leads::passes_by_itself(halt) => {
            ctx.leads.not_stuck(key);
            waiting(go_back)
        }
        Flow::Halted(halt) => unreachable(ctx, key, WHAT, leads::refusal(halt)),
        Flow::Refused(halt) if ctx.leads.stuck_for(key) >= PATIENCE => {
            unreachable(ctx, key, WHAT, leads::refused(halt))
        }
        Flow::Starting | Flow::Flowing | Flow::Refused(_) if ctx.leads.stuck_for(key) < PATIENCE => waiting(go_back),
        Flow::Starting | Flow::Flowing | Flow::Refused(_) => {
            unreachable(ctx, key, WHAT, Refusal::new(Reason::HubSpotRefused, "some are refused time and again"))
        }
    }
}

fn waiting(message: &str) -> Left {
    Left::NotYet(Refusal::new(Reason::DeletionBlocked, message))
}

fn on_hold(ctx: &Context, key: &ObjectRef, who: &str) -> Left {
    ctx.leads.not_stuck(key);
    let message = format!("its contacts do not go back to their previous owners while {who} on hold");
    Left::Blocked(Refusal::new(Reason::OnHold, message))
}

fn unreachable(ctx: &Context, key: &ObjectRef, what: &str, why: Refusal) -> Left {
    if ctx.leads.stuck_for(key) < PATIENCE {
        return Left::NotYet(Refusal::new(Reason::DeletionBlocked, cannot(what, &why)));
    }
    Left::Unreachable { what: what.to_owned(), why }
}

fn cannot(what: &str, why: &Refusal) -> String {
    format!("{what} cannot be removed: {}", why.message)
}
