//! What TEC says of an assistant, and what that allows.

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
};

/// What is to be done about an assistant.
pub(super) enum Course {
    /// Its user is brought in line.
    Work(Option<InTec>),
    /// Its user is looked at, and left as it is: an invitation to a mailbox that is not there yet bounces (API.md §5).
    LookOnly(InTec),
    /// Nothing: whether it may be invited is not known.
    Nothing(crate::plan::Refusal),
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
    if let Some(requested) = requested(object) {
        let connection = connection_of(object);
        let since = ctx.portals.request_tec(&connection, (&job.key, &requested), job.since);
        if directory.as_of < since {
            ctx.wake(&connection, job.lane.min(Lane::Dependency));
            return Course::Later;
        }
    }
    match directory.find(&valid.email) {
        InTec::Created => Course::Work(Some(InTec::Created)),
        InTec::NotYet(why) => Course::LookOnly(InTec::NotYet(why)),
        InTec::Unread(why) if was_created(object) => Course::Work(Some(InTec::Unread(why))),
        InTec::Unread(why) => Course::Nothing(why),
    }
}

/// A `requestedAt` that has not been answered yet.
fn requested(object: &Assistant) -> Option<String> {
    let handled = object.status.as_ref().and_then(|status| status.last_handled_reconcile_at.as_ref());
    status::requested_at(object).filter(|requested| Some(requested) != handled)
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
