//! What the rooms say of leads together, held against the tables of the design.

use tec_crm::{
    desired::connection::default_mapping,
    domain::LeadState,
    leads::mapping::{Mapping, Shown},
};

/// TEC state, `hs_lead_status`; `Lead Connection Status` is the state's name.
const TABLE: [(&str, &str); 12] = [
    ("Cold", "IN_PROGRESS"),
    ("Engaged", "IN_PROGRESS"),
    ("Warm", "IN_PROGRESS"),
    ("OutOfOffice", "IN_PROGRESS"),
    ("Hot", "CONNECTED"),
    ("Responded", "CONNECTED"),
    ("LeadAtRisk", "CONNECTED"),
    ("UnSubscribed", "UNQUALIFIED"),
    ("DeActivated", "UNQUALIFIED"),
    ("Processed", "QUALIFIED"),
    ("Pending", "IN_PROGRESS"),
    ("New", "NEW"),
];

#[test]
fn states_are_shown_as_the_design_says() {
    let mapping = Mapping(LeadState::ALL.map(|state| (state, default_mapping(state).to_owned())).into());
    for (state, lead_status) in TABLE {
        let shown = Shown { lead_status: Some(lead_status.to_owned()), connection_status: state };
        assert_eq!(mapping.shown(state), Some(shown), "{state}");
    }
    assert_eq!(mapping.0.len(), TABLE.len(), "no state without a row");
    assert_eq!(mapping.shown("Lukewarm"), None, "a state nobody knows");
}
