//! `hs_lead_status` belongs to the portal's admin: options are added and nothing else.

use super::*;
use crate::{
    domain::LeadState,
    plan::{
        Hold, render,
        testing::{Small, lead_status, option, us},
    },
};

fn planned(wanted: &LeadStatusOptions, portal: &Small, permission: Permission) -> (Plan, Vec<Refusal>) {
    let mut out = Plan::default();
    let refusals = plan(wanted, &portal.properties, &us(), permission, &mut out);
    (out, refusals)
}

#[test]
fn missing_options_go_to_the_end_and_nothing_else_moves() {
    let mut portal = Small::fresh();
    let mut wanted = lead_status();
    wanted.mapping.insert(LeadState::Hot, "HAND_OVER".into());
    // What an admin did to HubSpot's own options is the admin's.
    let options = &mut portal.property(PROPERTY).options;
    options[0].label = "Brand new".into();
    options[2].hidden = true;
    options.swap(4, 6);
    let before = options.clone();
    let (plan, refusals) = planned(&wanted, &portal, Permission::Write);
    assert_eq!((plan.steps.len(), refusals), (1, vec![]));
    portal.apply(&plan);
    let after = &portal.property(PROPERTY).options;
    assert_eq!(after[..before.len()], before);
    let added: Vec<(&str, &str)> =
        after[before.len()..].iter().map(|option| (option.value.as_str(), option.label.as_str())).collect();
    assert_eq!(added, [("HAND_OVER", "Hand Over"), ("QUALIFIED", "Qualified")]);
    assert_eq!(planned(&wanted, &portal, Permission::Write), (Plan::default(), vec![]));
}

#[test]
fn options_that_are_no_longer_used_stay() {
    let mut portal = Small::fresh();
    let (plan, _) = planned(&lead_status(), &portal, Permission::Write);
    portal.apply(&plan);
    let mut wanted = lead_status();
    wanted.mapping.insert(LeadState::Processed, "CONNECTED".into());
    assert_eq!(planned(&wanted, &portal, Permission::Write), (Plan::default(), vec![]));
}

#[test]
fn a_label_that_is_taken_is_a_conflict_and_the_rest_is_added() {
    let mut portal = Small::fresh();
    portal.property(PROPERTY).options.push(option("qualified_lead", "Qualified", 8));
    let mut wanted = lead_status();
    wanted.mapping.insert(LeadState::Hot, "HAND_OVER".into());
    let (plan, refusals) = planned(&wanted, &portal, Permission::Write);
    let [refusal] = refusals.as_slice() else { panic!("{refusals:?}") };
    assert_eq!(refusal.reason, Reason::Conflict);
    assert!(refusal.message.contains("\"qualified_lead\""), "{refusal:?}");
    let expected = "property hs_lead_status option HAND_OVER: expected \"Hand Over\", found \"absent\"";
    assert_eq!(render::lines(&plan), [format!("update property hs_lead_status: {expected}")]);
}

#[test]
fn read_only_options_need_another_mapping() {
    let mut portal = Small::fresh();
    portal.property(PROPERTY).read_only_options = true;
    let (plan, refusals) = planned(&lead_status(), &portal, Permission::Write);
    assert_eq!(plan, Plan::default());
    assert_eq!(refusals[0].reason, Reason::HubSpotRefused);
    assert!(refusals[0].message.contains("Qualified") && refusals[0].message.contains("leadStatus.mapping"));
    let mut wanted = lead_status();
    wanted.mapping.insert(LeadState::Processed, "CONNECTED".into());
    assert_eq!(
        planned(&wanted, &portal, Permission::Write),
        (Plan::default(), vec![]),
        "nothing to write, nothing to say"
    );
}

#[test]
fn a_portal_without_the_field_says_so() {
    let mut portal = Small::fresh();
    portal.properties.active.clear();
    let (plan, refusals) = planned(&lead_status(), &portal, Permission::Write);
    assert_eq!((plan, refusals[0].reason), (Plan::default(), Reason::HubSpotRefused));
}

#[test]
fn observing_shows_what_is_missing() {
    let (plan, _) = planned(&lead_status(), &Small::fresh(), Permission::Hold(Hold::Observe));
    assert_eq!((plan.steps.len(), plan.withheld.len()), (0, 1));
}
