//! What a TEC state looks like on a contact (DESIGN 6.3).

use std::collections::BTreeMap;

use crate::domain::LeadState;

/// The values of the two status fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// `hs_lead_status`, where the portal has the option.
    pub lead_status: Option<String>,
    /// `Lead Connection Status`.
    pub connection_status: &'static str,
}

/// TEC state to `hs_lead_status`, as far as the portal has the options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping(pub BTreeMap<LeadState, String>);

impl Mapping {
    /// What the contact shows in this state; `None` for a state we do not know, which is written to neither field.
    pub fn shown(&self, state: &str) -> Option<Shown> {
        let state = known(state)?;
        let lead_status = self.0.get(&state).cloned();
        Some(Shown { lead_status, connection_status: state.name() })
    }
}

/// One of the twelve, as TEC spells them.
pub fn known(state: &str) -> Option<LeadState> {
    LeadState::ALL.into_iter().find(|known| known.name() == state)
}

#[cfg(test)]
mod tests;
