//! What is shown of a state, whatever a connection maps it to. The default table is held against DESIGN 6.3 in
//! `tests/leads.rs`: this room does not read connections.

use super::*;

fn mapping() -> Mapping {
    Mapping([(LeadState::Warm, "MINE".to_owned()), (LeadState::New, "NEW".to_owned())].into())
}

#[test]
fn a_state_is_shown_by_its_name_and_as_the_connection_maps_it() {
    let shown = Shown { lead_status: Some("MINE".to_owned()), connection_status: "Warm" };
    assert_eq!(mapping().shown("Warm"), Some(shown));
}

#[test]
fn a_state_whose_status_the_portal_lacks_is_shown_by_its_name_alone() {
    assert_eq!(mapping().shown("Hot"), Some(Shown { lead_status: None, connection_status: "Hot" }));
}

#[test]
fn a_state_nobody_knows_is_not_shown() {
    for state in ["", "warm", "WARM", "Warm ", "Lukewarm", "IN_PROGRESS", "Unsubscribed", "out of office"] {
        assert_eq!(known(state), None, "{state:?}");
        assert_eq!(mapping().shown(state), None, "{state:?}");
    }
}

#[test]
fn every_state_is_known_by_its_name() {
    for state in LeadState::ALL {
        assert_eq!(known(state.name()), Some(state));
    }
}
