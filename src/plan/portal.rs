//! The whole configuration of a portal: group, fields, lead-status options, schedule options.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    Hold, Permission, Plan,
    fields::{self, FieldsInput, FieldsReport},
    lead_status,
};
use crate::{
    api::crm_connection::{FieldOrigin, Mode},
    desired::{ScheduleUnion, ValidatedConnection},
    domain::ClusterId,
    portal::{
        Trouble,
        snapshot::{Answers, PortalSnapshot},
    },
};

#[cfg(test)]
mod tests;

/// What a portal should be.
#[derive(Clone, Debug)]
pub struct PortalDesired {
    /// Who we are.
    pub cluster: ClusterId,
    /// The connection.
    pub connection: ValidatedConnection,
    /// What its ScheduleSyncs want.
    pub schedules: ScheduleUnion,
    /// Where fields came from, as far as status remembers.
    pub known: BTreeMap<String, FieldOrigin>,
    /// The plan annotation is set.
    pub plan_only: bool,
}

/// The plan and what to tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PortalPlan {
    /// What to do.
    pub plan: Plan,
    /// What to tell.
    pub report: FieldsReport,
}

/// Plans. Fails if group or property lists could not be read: nothing is decided on half a picture.
pub fn plan(
    desired: &PortalDesired,
    observed: &PortalSnapshot,
    answers: &Answers,
    now: Timestamp,
) -> Result<PortalPlan, Trouble> {
    let groups = observed.groups.fresh()?;
    let properties = observed.properties.fresh()?;
    let PortalDesired { cluster, connection, schedules, known, plan_only } = desired;
    let permission = |mode: Mode| permission(*plan_only, connection.hold_until, mode, now);
    let mut plan = Plan::default();
    let input = FieldsInput {
        cluster,
        fields: &connection.fields,
        schedules,
        known,
        answers,
        permission: permission(connection.fields.mode),
    };
    let mut report = fields::plan(&input, groups, properties, &mut plan);
    let refusals = lead_status::plan(
        &connection.lead_status,
        properties,
        cluster,
        permission(connection.lead_status.mode),
        &mut plan,
    );
    report.refusals.extend(refusals);
    Ok(PortalPlan { plan, report })
}

/// May differences be repaired now?
pub fn permission(plan_only: bool, hold_until: Option<Timestamp>, mode: Mode, now: Timestamp) -> Permission {
    if plan_only {
        Permission::Hold(Hold::PlanOnly)
    } else if hold_until.is_some_and(|until| until > now) {
        Permission::Hold(Hold::UntilDeadline)
    } else {
        match mode {
            Mode::Enforce => Permission::Write,
            Mode::Observe => Permission::Hold(Hold::Observe),
        }
    }
}
