//! How leads are doing, in the words of conditions.

use jiff::Timestamp;

use super::Leads;
use crate::{
    api::condition::Reason,
    controllers::{context::Context, portals::Availability},
    desired::references::ObjectRef,
    domain::OwnerId,
    leads::{
        Report,
        setup::{Flow, Halt, Mode},
    },
    plan::Refusal,
    portal::{Trouble, trouble::TroubleKind},
    tec,
};

/// What goes wrong with an engine, in the words of conditions.
pub(in crate::controllers) fn refusal(halt: &Halt) -> Refusal {
    match halt {
        Halt::HubSpot(error) => {
            let trouble = Trouble::from(error.as_ref());
            Refusal::new(trouble.reason(), trouble.message)
        }
        Halt::Tec(error) => {
            let reason = match error.kind {
                tec::ErrorKind::Unauthorized => Reason::InvalidCredentials,
                _ => Reason::TecUnreachable,
            };
            Refusal::new(reason, format!("TEC: {error}"))
        }
    }
}

/// The same where HubSpot answers, and does not want what is written.
pub(in crate::controllers) fn refused(halt: &Halt) -> Refusal {
    let Refusal { reason, message } = refusal(halt);
    Refusal::new(reason, format!("HubSpot refuses the same of every contact, it is tried again: {message}"))
}

/// Whether it is only a matter of time.
pub(in crate::controllers) fn passes_by_itself(halt: &Halt) -> bool {
    match halt {
        Halt::HubSpot(error) => {
            let kind = Trouble::from(error.as_ref()).kind;
            matches!(kind, TroubleKind::QuotaExhausted(_) | TroubleKind::RateLimited)
        }
        Halt::Tec(error) => matches!(error.kind, tec::ErrorKind::RateLimited { .. }),
    }
}

/// When the assistant's first contact was accepted, as far as its engine has seen.
pub(in crate::controllers) fn first_accepted(
    ctx: &Context,
    connection: &ObjectRef,
    owner: &OwnerId,
) -> Option<Timestamp> {
    ctx.leads.report(connection)?.1.first_accepted.get(owner).copied()
}

/// Whether leads flow at this moment; `None` while that is not known, and nothing is concluded from it.
pub(in crate::controllers) fn flow(ctx: &Context, connection: &ObjectRef) -> Option<bool> {
    match ctx.leads.leads(connection) {
        Leads::At(Mode::Process, report) => match report.flow {
            Flow::Flowing | Flow::Refused(_) => Some(true),
            Flow::Starting | Flow::Halted(_) => None,
        },
        Leads::At(Mode::Observe | Mode::Hold, _) => Some(false),
        Leads::Off => match ctx.portals.availability(connection) {
            Availability::Ready(usable) => usable.connection.leads.is_none().then_some(false),
            Availability::Unknown | Availability::Unavailable(_) => None,
        },
        // An engine that is about to be employed again after a restart is barred by nothing but time.
        Leads::Barred(why) => (why.reason != Reason::Progressing).then_some(false),
    }
}

/// Why leads do not flow although they should.
pub(in crate::controllers) fn halted(ctx: &Context, connection: &ObjectRef) -> Option<Refusal> {
    match ctx.leads.leads(connection) {
        Leads::At(Mode::Process, Report { flow: Flow::Halted(halt), .. }) => Some(refusal(&halt)),
        Leads::At(Mode::Process, Report { flow: Flow::Refused(halt), .. }) => Some(refused(&halt)),
        Leads::At(..) | Leads::Off | Leads::Barred(_) => None,
    }
}
