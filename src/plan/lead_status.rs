//! The options of HubSpot's own `hs_lead_status` that the mapping uses.

use super::{Action, OptionsChange, Permission, Plan, PropertyChange, Refusal, Step, options};
use crate::{
    api::condition::Reason, desired::connection::LeadStatusOptions, domain::ClusterId, portal::snapshot::Properties,
};

#[cfg(test)]
mod tests;

/// Internal name of the built-in field (API.md §7.1).
pub const PROPERTY: &str = "hs_lead_status";

/// Plans missing options into `plan`; says what cannot be done.
pub fn plan(
    wanted: &LeadStatusOptions,
    properties: &Properties,
    cluster: &ClusterId,
    permission: Permission,
    plan: &mut Plan,
) -> Vec<Refusal> {
    let Some(found) = properties.active.get(PROPERTY) else {
        return vec![Refusal::new(
            Reason::HubSpotRefused,
            format!("HubSpot's own field {PROPERTY} is not there; restore it in the portal's settings"),
        )];
    };
    let new = options::added(PROPERTY, &found.options, &wanted.values(), cluster);
    if new.because.is_empty() {
        return new.refusals;
    }
    if found.read_only_options {
        let missing: Vec<String> = new.because.iter().map(|difference| difference.expected.clone()).collect();
        return vec![Refusal::new(
            Reason::HubSpotRefused,
            format!(
                "{PROPERTY} needs the options {}, but its options are read-only; map those states to other values with leadStatus.mapping",
                missing.join(", ")
            ),
        )];
    }
    let change = PropertyChange {
        options: Some(OptionsChange { from: found.options.clone(), to: new.to }),
        ..PropertyChange::default()
    };
    let action = Action::UpdateProperty { name: PROPERTY.to_owned(), change };
    plan.add(Step { action, because: new.because }, permission);
    new.refusals
}
