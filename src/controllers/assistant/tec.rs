//! What TEC says of an assistant, and what that allows.

use tokio::time::Instant;

use super::connection_of;
use crate::{
    api::{Assistant, assistant::CrmIntegrationStatus},
    controllers::{
        context::Context,
        portals::Usable,
        queue::{Job, Lane},
        status,
        tec::InTec,
    },
    desired::ValidatedAssistant,
    plan::Refusal,
};

/// What is to be done about an assistant.
pub(super) enum Course {
    /// Its user is brought in line.
    Work(Option<InTec>),
    /// Its user is looked at, and left as it is: an invitation to a mailbox that is not there yet bounces (API.md §5).
    LookOnly(InTec),
    /// Nothing: whether it may be invited is not known.
    Nothing(Refusal),
    /// Somebody asked for a newer look at TEC; the connection has been told, and will wake it.
    Later,
}

/// What to do. Without `spec.tec` there is nobody to ask, and assistants are worked on.
pub(super) fn course(
    ctx: &Context,
    job: &Job,
    object: &Assistant,
    (valid, usable): (&ValidatedAssistant, &Usable),
) -> Course {
    let Some(directory) = &usable.tec else { return Course::Work(None) };
    if wanted_since(ctx, job, object, usable).is_some_and(|since| directory.as_of < since) {
        ctx.wake(&connection_of(object), job.lane.min(Lane::Dependency));
        return Course::Later;
    }
    match directory.find(&valid.email) {
        InTec::Created => Course::Work(Some(InTec::Created)),
        InTec::NotYet(why) => Course::LookOnly(InTec::NotYet(why)),
        InTec::Unread(why) if was_created(object) => Course::Work(Some(InTec::Unread(why))),
        InTec::Unread(why) => Course::Nothing(why),
    }
}

/// Since when somebody waits for a look (`requestedAt`). Where TEC has to be asked, too, that may take several runs: it
/// counts from the first that saw the request.
pub(super) fn wanted_since(ctx: &Context, job: &Job, object: &Assistant, usable: &Usable) -> Option<Instant> {
    let handled = object.status.as_ref().and_then(|status| status.last_handled_reconcile_at.as_ref());
    let requested = status::requested_at(object).filter(|requested| Some(requested) != handled)?;
    if usable.tec.is_none() {
        return Some(job.since);
    }
    Some(ctx.portals.request_tec(&connection_of(object), (&job.key, &requested), job.since))
}

/// Whether its code says that TEC had it, when TEC was last read or before there was a TEC to ask.
fn was_created(object: &Assistant) -> bool {
    match object.status.as_ref().and_then(|status| status.crm_integration_status) {
        None | Some(CrmIntegrationStatus::AssistantNotYetCreated) => false,
        Some(
            CrmIntegrationStatus::AssistantDoesNotExistsAsUserInCrm
            | CrmIntegrationStatus::AssistantExistsAsUserInCrm
            | CrmIntegrationStatus::AllWorkingWell,
        ) => true,
    }
}
