//! The whole configuration of a portal, as tables.

use std::sync::Arc;

use super::*;
use crate::{
    api::{condition::Reason, crm_connection::Adoption},
    desired::SyncState,
    plan::{
        Action, Difference, OptionsChange, PropertyChange, Step,
        testing::{
            GROUP, Small, active, by_hand, claims, desired, hours, nothing_read, now, option, sync, sync_ref, trouble,
        },
    },
    portal::{
        Section,
        snapshot::{Group, Property},
    },
};

const MARK: &str = "[managed by tec-crm c1]";

fn plan_of(desired: &PortalDesired, portal: &Small) -> PortalPlan {
    plan(desired, &portal.snapshot(), &Answers::default(), now()).unwrap()
}

fn difference(subject: &str, field: &str, found: &str, expected: &str) -> Difference {
    Difference { subject: subject.into(), field: field.into(), found: found.into(), expected: expected.into() }
}

/// The only step, and nothing besides.
fn only_step(planned: &PortalPlan) -> &Step {
    assert_eq!(planned.report.refusals, []);
    assert_eq!((planned.plan.withheld.len(), planned.plan.questions.len()), (0, 0), "{:#?}", planned.plan);
    let [step] = planned.plan.steps.as_slice() else { panic!("not one step: {:#?}", planned.plan.steps) };
    step
}

fn names_of_steps(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(|step| crate::plan::render::action(&step.action)).collect()
}

#[test]
fn an_empty_portal_gets_group_fields_and_lead_status_in_this_order() {
    let planned = plan_of(&desired(), &Small::fresh());
    let steps = [
        "create property group tec_ai_assistant",
        "create property tec_context",
        "create property tec_schedule",
        "create property tec_lead_connection_status",
        "create property tec_assistant_state",
        "update property hs_lead_status",
    ];
    assert_eq!(names_of_steps(&planned.plan), steps);
    assert_eq!(planned.report.refusals, []);
    assert!(planned.plan.withheld.is_empty() && planned.plan.questions.is_empty());
    assert!(planned.report.origins.values().all(|origin| *origin == FieldOrigin::Created));
    assert_eq!(planned.report.syncs[&sync_ref("a")].options, 2);
}

#[test]
fn definitions_are_complete() {
    let portal = Small::in_sync(&desired());
    let made = |name: &str| portal.properties.active[name].clone();
    let expected = |label: &str, help: &str, r#type: &str, field_type: &str| Property {
        label: label.into(),
        description: format!("{help} {MARK}"),
        r#type: r#type.into(),
        field_type: field_type.into(),
        group: GROUP.into(),
        ..by_hand("", "", "")
    };
    let context = expected("Context", "What the TEC assistant should know about this contact.", "string", "textarea");
    assert_eq!(made("tec_context"), context);
    let state = expected("TEC Assistant State", "Bookkeeping of the TEC assistant. Do not edit.", "string", "text");
    assert_eq!(made("tec_assistant_state"), Property { hidden: true, ..state });

    let schedule = made("tec_schedule");
    assert_eq!((schedule.r#type.as_str(), schedule.field_type.as_str()), ("enumeration", "select"));
    let mut first = option("1", "Weekdays", 0);
    first.description = format!("ScheduleSync ns/a {MARK}");
    let second = crate::portal::snapshot::PropertyOption {
        value: "2".into(),
        label: "Every day".into(),
        display_order: 1,
        ..first.clone()
    };
    assert_eq!(schedule.options, [first, second]);

    let states: Vec<(String, i64)> =
        made("tec_lead_connection_status").options.into_iter().map(|o| (o.value, o.display_order)).collect();
    let expected: Vec<(String, i64)> =
        crate::domain::LeadState::ALL.into_iter().map(|state| state.name().to_owned()).zip(0..).collect();
    assert_eq!(states, expected);

    let lead_status = made("hs_lead_status").options;
    assert_eq!(
        lead_status[..8],
        crate::plan::testing::hubspots_lead_status().options,
        "HubSpot's own stay as they are"
    );
    let [added] = &lead_status[8..] else { panic!("{lead_status:?}") };
    assert_eq!((added.value.as_str(), added.label.as_str(), added.display_order), ("QUALIFIED", "Qualified", 8));
}

#[test]
fn a_portal_in_sync_needs_nothing() {
    let planned = plan_of(&desired(), &Small::in_sync(&desired()));
    assert_eq!(planned.plan, Plan::default());
    assert_eq!(planned.report.refusals, []);
    assert!(
        planned
            .report
            .origins
            .iter()
            .all(|(name, origin)| (*origin == FieldOrigin::Created) != (name == "group/tec_ai_assistant")),
        "fields are known by their mark; a group has none and needs a memory: {:?}",
        planned.report.origins
    );
}

#[test]
fn fields_made_by_hand_are_adopted_without_a_write() {
    let mut portal = Small::fresh();
    portal.groups.insert(GROUP.into(), Group { label: "TEC AI Assistant".into() });
    let states = (0..).zip(crate::domain::LeadState::ALL).map(|(at, state)| option(state.name(), state.name(), at));
    let by_hand = [
        ("tec_context", by_hand("Context", "string", "text")),
        (
            "tec_schedule",
            Property {
                options: vec![option("x", "By hand", 0), option("2", "Every day", 1), option("1", "Weekdays", 2)],
                ..by_hand("TEC Schedule", "enumeration", "radio")
            },
        ),
        (
            "tec_lead_connection_status",
            Property { options: states.collect(), ..by_hand("Lead Connection Status", "enumeration", "select") },
        ),
        ("tec_assistant_state", by_hand("TEC Assistant State", "string", "textarea")),
    ];
    portal.properties.active.extend(by_hand.map(|(name, property)| (name.to_owned(), property)));
    portal.property("hs_lead_status").options.push(option("QUALIFIED", "Ready to buy", 8));
    let planned = plan_of(&desired(), &portal);
    assert_eq!(planned.plan, Plan::default());
    assert_eq!(planned.report.refusals, []);
    assert!(planned.report.origins.values().all(|origin| *origin == FieldOrigin::Adopted), "{:?}", planned.report);
    assert_eq!(planned.report.syncs[&sync_ref("a")].options, 2);
}

#[test]
fn each_drift_is_one_step_that_names_it() {
    type Spoil = fn(&mut Small);
    let context = |change: PropertyChange| ("tec_context", change);
    let text = |text: &str| Some(text.to_owned());
    let help = "What the TEC assistant should know about this contact.";
    let table: [(Spoil, _, Difference); 7] = [
        (
            |portal| portal.property("tec_context").label = "Kontext".into(),
            context(PropertyChange { label: text("Context"), ..PropertyChange::default() }),
            difference("property tec_context", "label", "Kontext", "Context"),
        ),
        (
            |portal| portal.property("tec_context").description = format!("Mine. {MARK}"),
            context(PropertyChange { description: Some(format!("{help} {MARK}")), ..PropertyChange::default() }),
            difference("property tec_context", "description", &format!("Mine. {MARK}"), &format!("{help} {MARK}")),
        ),
        (
            |portal| portal.property("tec_context").field_type = "text".into(),
            context(PropertyChange { field_type: Some("textarea"), ..PropertyChange::default() }),
            difference("property tec_context", "field type", "text", "textarea"),
        ),
        (
            |portal| portal.property("tec_context").group = "contactinformation".into(),
            context(PropertyChange { group: text(GROUP), ..PropertyChange::default() }),
            difference("property tec_context", "group", "contactinformation", GROUP),
        ),
        (
            |portal| portal.property("tec_context").hidden = true,
            context(PropertyChange { hidden: Some(false), ..PropertyChange::default() }),
            difference("property tec_context", "visibility", "hidden", "shown"),
        ),
        (
            |portal| portal.property("tec_assistant_state").hidden = false,
            ("tec_assistant_state", PropertyChange { hidden: Some(true), ..PropertyChange::default() }),
            difference("property tec_assistant_state", "visibility", "shown", "hidden"),
        ),
        (
            |portal| portal.property("tec_schedule").field_type = "radio".into(),
            ("tec_schedule", PropertyChange { field_type: Some("select"), ..PropertyChange::default() }),
            difference("property tec_schedule", "field type", "radio", "select"),
        ),
    ];
    for (spoil, (name, change), why) in table {
        let mut portal = Small::in_sync(&desired());
        spoil(&mut portal);
        let planned = plan_of(&desired(), &portal);
        let step = only_step(&planned);
        assert_eq!(step.action, Action::UpdateProperty { name: name.into(), change });
        assert_eq!(step.because, [why]);
    }
}

#[test]
fn a_renamed_group_gets_its_label_back() {
    let mut portal = Small::in_sync(&desired());
    portal.groups.get_mut(GROUP).unwrap().label = "KI".into();
    let planned = plan_of(&desired(), &portal);
    let step = only_step(&planned);
    let expected =
        Action::RelabelGroup { name: desired().connection.fields.group, label: "TEC AI Assistant".to_owned() };
    assert_eq!(step.action, expected);
    assert_eq!(step.because, [difference("property group tec_ai_assistant", "label", "KI", "TEC AI Assistant")]);
}

#[test]
fn each_drift_of_an_option_replaces_the_list_once_and_names_the_option() {
    type Spoil = fn(&mut Small);
    let table: [(Spoil, &str, Difference); 5] = [
        (
            |portal| portal.property("tec_schedule").options[0].label = "Werktags".into(),
            "tec_schedule",
            difference("property tec_schedule", "option 1 label", "Werktags", "Weekdays"),
        ),
        (
            |portal| portal.property("tec_schedule").options[1].hidden = true,
            "tec_schedule",
            difference("property tec_schedule", "option 2 visibility", "hidden", "shown"),
        ),
        (
            |portal| drop(portal.property("tec_schedule").options.remove(1)),
            "tec_schedule",
            difference("property tec_schedule", "option 2", "absent", "Every day"),
        ),
        (
            |portal| portal.property("tec_lead_connection_status").options[2].label = "Kalt".into(),
            "tec_lead_connection_status",
            difference("property tec_lead_connection_status", "option Cold label", "Kalt", "Cold"),
        ),
        (
            |portal| drop(portal.property("hs_lead_status").options.pop()),
            "hs_lead_status",
            difference("property hs_lead_status", "option QUALIFIED", "absent", "Qualified"),
        ),
    ];
    for (spoil, name, why) in table {
        let mut portal = Small::in_sync(&desired());
        spoil(&mut portal);
        let spoilt = portal.property(name).options.clone();
        let planned = plan_of(&desired(), &portal);
        let step = only_step(&planned);
        assert_eq!(step.because, [why]);
        let Action::UpdateProperty { name: changed, change } = &step.action else { panic!("{step:?}") };
        assert_eq!(changed, name);
        let PropertyChange { options: Some(OptionsChange { from, to: _ }), .. } = change else { panic!("{change:?}") };
        assert_eq!(*from, spoilt, "the precondition is what was seen");
        assert_eq!(PropertyChange { options: None, ..change.clone() }, PropertyChange::default());
        portal.apply(&planned.plan);
        assert_eq!(plan_of(&desired(), &portal).plan, Plan::default());
    }
}

#[test]
fn an_archived_field_of_ours_is_restored_with_its_options() {
    let mut portal = Small::in_sync(&desired());
    portal.property("tec_schedule").options.push(option("x", "By hand", 9));
    let before = portal.property("tec_schedule").clone();
    portal.archive("tec_schedule");
    let planned = plan_of(&desired(), &portal);
    let step = only_step(&planned);
    assert_eq!(crate::plan::render::action(&step.action), "restore property tec_schedule");
    assert_eq!(step.because, [difference("property tec_schedule", "", "archived", "TEC Schedule")]);
    portal.apply(&planned.plan);
    assert_eq!(*portal.property("tec_schedule"), before);
}

#[test]
fn an_absent_field_is_made_anew() {
    let mut portal = Small::in_sync(&desired());
    portal.properties.active.remove("tec_context");
    let planned = plan_of(&desired(), &portal);
    assert_eq!(crate::plan::render::action(&only_step(&planned).action), "create property tec_context");
}

#[test]
fn what_hubspot_could_not_say_is_not_guessed() {
    let known = Small::in_sync(&desired()).snapshot();
    let groups = || Section::Fresh(Arc::new(known.groups.fresh().unwrap().clone()));
    let properties = || Section::Fresh(Arc::new(known.properties.fresh().unwrap().clone()));
    let stale_groups = || Section::Stale(Arc::new(known.groups.fresh().unwrap().clone()), trouble());
    let stale_properties = || Section::Stale(Arc::new(known.properties.fresh().unwrap().clone()), trouble());
    let table = [
        (Section::Unread(trouble()), properties(), trouble()),
        (groups(), Section::Unread(trouble()), trouble()),
        (stale_groups(), properties(), trouble()),
        (groups(), stale_properties(), trouble()),
        (Section::NotRead, properties(), Trouble::not_read()),
        (groups(), Section::NotRead, Trouble::not_read()),
    ];
    for (groups, properties, expected) in table {
        let observed = PortalSnapshot { groups, properties, ..nothing_read() };
        assert_eq!(plan(&desired(), &observed, &Answers::default(), now()), Err(expected));
    }
}

#[test]
fn whoever_may_not_write_shows_the_same_steps_instead() {
    type Forbid = fn(&mut PortalDesired);
    let would = plan_of(&desired(), &Small::fresh()).plan.steps;
    let table: [(Forbid, Hold); 4] = [
        (|desired| desired.plan_only = true, Hold::PlanOnly),
        (|desired| desired.connection.hold_until = Some(hours(1)), Hold::UntilDeadline),
        (
            |desired| {
                desired.connection.fields.mode = Mode::Observe;
                desired.connection.lead_status.mode = Mode::Observe;
            },
            Hold::Observe,
        ),
        (
            |desired| {
                desired.plan_only = true;
                desired.connection.hold_until = Some(hours(1));
            },
            Hold::PlanOnly,
        ),
    ];
    for (forbid, why) in table {
        let mut desired = desired();
        forbid(&mut desired);
        let plan = plan_of(&desired, &Small::fresh()).plan;
        assert_eq!(plan.steps, []);
        assert!(plan.withheld.iter().all(|withheld| withheld.why == why), "{why:?}");
        let shown: Vec<Step> = plan.withheld.into_iter().map(|withheld| withheld.step).collect();
        assert_eq!(shown, would);
    }
}

#[test]
fn a_deadline_that_has_passed_holds_nothing() {
    for until in [hours(-1), now()] {
        assert_eq!(permission(false, Some(until), Mode::Enforce, now()), Permission::Write);
        assert_eq!(permission(false, Some(until), Mode::Observe, now()), Permission::Hold(Hold::Observe));
    }
}

#[test]
fn fields_and_lead_status_have_modes_of_their_own() {
    let mut desired = desired();
    desired.connection.fields.mode = Mode::Observe;
    let plan = plan_of(&desired, &Small::fresh()).plan;
    assert_eq!(names_of_steps(&plan), ["update property hs_lead_status"]);
    assert_eq!(plan.withheld.len(), 5);
}

#[test]
fn a_schedule_sync_on_hold_is_shown_and_the_others_are_written() {
    let mut desired = desired();
    desired.schedules = ScheduleUnion::of(vec![
        sync("a", 10, SyncState::OnHold(claims(&[("1", "Mon to Fri"), ("3", "Three")]))),
        sync("b", 20, active(&[("4", "Four")])),
    ]);
    let mut portal = Small::in_sync(&super::super::testing::desired());
    let planned = plan_of(&desired, &portal);
    let values = |step: &Step| match &step.action {
        Action::UpdateProperty { name, change: PropertyChange { options: Some(options), .. } } => {
            assert_eq!(name, "tec_schedule");
            options.to.iter().map(|option| format!("{} {}", option.value, option.label)).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    let [step] = planned.plan.steps.as_slice() else { panic!("{:#?}", planned.plan) };
    assert_eq!(values(step), ["1 Weekdays", "2 Every day", "4 Four"]);
    let [withheld] = planned.plan.withheld.as_slice() else { panic!("{:#?}", planned.plan) };
    assert_eq!(withheld.why, Hold::ScheduleSync);
    assert_eq!(values(&withheld.step), ["1 Mon to Fri", "2 Every day", "4 Four", "3 Three"]);
    assert_eq!(planned.report.syncs[&sync_ref("a")].unpruned, 1, "option 2 waits for its hiding");

    portal.apply(&planned.plan);
    let again = plan_of(&desired, &portal).plan;
    assert!(again.is_settled() && again.withheld.len() == 1, "{again:#?}");
}

#[test]
fn several_schedule_syncs_share_one_field_in_one_write() {
    let mut desired = desired();
    desired.schedules = ScheduleUnion::of(vec![
        sync("young", 20, active(&[("1", "Mine"), ("3", "Three")])),
        sync("old", 10, active(&[("1", "One"), ("2", "Two")])),
        sync("away", 5, SyncState::Untouched),
    ]);
    let mut portal = Small::fresh();
    let planned = plan_of(&desired, &portal);
    portal.apply(&planned.plan);
    let labels: Vec<&str> =
        portal.property("tec_schedule").options.iter().map(|option| option.label.as_str()).collect();
    assert_eq!(labels, ["One", "Two", "Three"]);
    let young = &planned.report.syncs[&sync_ref("young")];
    let [lost] = young.refusals.as_slice() else { panic!("{young:?}") };
    assert_eq!((young.options, lost.reason), (1, Reason::Conflict));
    assert!(lost.message.contains("ns/old"), "{lost:?}");
    assert_eq!(plan_of(&desired, &portal).plan, Plan::default());
}

#[test]
fn one_fields_refusal_does_not_hold_up_the_others() {
    let mut portal = Small::fresh();
    portal.properties.active.insert("tec_context".into(), by_hand("Context", "number", "number"));
    let planned = plan_of(&desired(), &portal);
    assert_eq!(planned.plan.steps.len(), 5);
    assert!(!names_of_steps(&planned.plan).iter().any(|name| name.contains("tec_context")));
    let [refusal] = planned.report.refusals.as_slice() else { panic!("{:?}", planned.report.refusals) };
    assert_eq!(refusal.reason, Reason::AdoptionRefused);
    assert!(!planned.report.origins.contains_key("tec_context"));
}

#[test]
fn adoption_is_decided_field_by_field() {
    use Adoption::{Always, IfCompatible, Never};
    let strange = || by_hand("Context", "string", "phonenumber");
    let fitting = || by_hand("Context", "string", "text");
    let other = || by_hand("Context", "number", "number");
    let table = [
        (Never, fitting(), Err("adoption is Never")),
        (Never, other(), Err("has type number")),
        (IfCompatible, fitting(), Ok(None)),
        (IfCompatible, strange(), Err("field type phonenumber")),
        (IfCompatible, other(), Err("the type of an existing property is never changed")),
        (Always, fitting(), Ok(None)),
        (Always, strange(), Ok(Some("textarea"))),
        (Always, other(), Err("has type number")),
    ];
    for (adoption, found, expected) in table {
        let case = format!("{adoption:?} {}", found.field_type);
        let mut desired = desired();
        let mut portal = Small::in_sync(&desired);
        desired.connection.fields.adoption = adoption;
        *portal.property("tec_context") = found;
        let planned = plan_of(&desired, &portal);
        match expected {
            Err(text) => {
                let [refusal] = planned.report.refusals.as_slice() else { panic!("{case}: {:?}", planned.report) };
                assert_eq!(refusal.reason, Reason::AdoptionRefused, "{case}");
                assert!(
                    refusal.message.contains(text) && refusal.message.contains("tec_context"),
                    "{case}: {refusal:?}"
                );
                assert_eq!(planned.plan, Plan::default(), "{case}");
            }
            Ok(None) => assert_eq!((planned.plan, planned.report.refusals), (Plan::default(), vec![]), "{case}"),
            Ok(field_type) => {
                let change = PropertyChange { field_type, ..PropertyChange::default() };
                assert_eq!(only_step(&planned).action, Action::UpdateProperty { name: "tec_context".into(), change });
            }
        }
    }
}

#[test]
fn never_adopting_does_not_disown_what_we_made() {
    let mut desired = desired();
    let mut portal = Small::in_sync(&desired);
    desired.connection.fields.adoption = Adoption::Never;
    assert_eq!(plan_of(&desired, &portal).plan, Plan::default());
    desired.known = crate::plan::testing::all_created();
    portal.property("tec_context").description = "Mark taken away".into();
    assert_eq!(only_step(&plan_of(&desired, &portal)).because[0].field, "description");
}

#[test]
fn a_mark_of_another_cluster_is_a_conflict_and_nothing_is_planned_for_the_field() {
    for archived in [false, true] {
        let mut portal = Small::in_sync(&desired());
        portal.property("tec_schedule").description = "Text. [managed by tec-crm other]".into();
        portal.property("tec_schedule").label = "Theirs".into();
        portal.property("tec_schedule").options.clear();
        if archived {
            portal.archive("tec_schedule");
        }
        let planned = plan_of(&desired(), &portal);
        assert_eq!(planned.plan, Plan::default());
        let [refusal] = planned.report.refusals.as_slice() else { panic!("{:?}", planned.report) };
        assert_eq!(refusal.reason, Reason::Conflict);
        assert!(refusal.message.contains("managed by cluster other; this is cluster c1"), "{refusal:?}");
        assert_eq!(
            planned.report.syncs[&sync_ref("a")].refusals,
            planned.report.refusals,
            "its ScheduleSyncs are told"
        );
    }
}

#[test]
fn an_archived_field_of_another_type_needs_a_person() {
    let mut portal = Small::in_sync(&desired());
    portal.archive("tec_context");
    portal.properties.archived.get_mut("tec_context").unwrap().r#type = "number".into();
    let planned = plan_of(&desired(), &portal);
    assert_eq!(planned.plan, Plan::default());
    assert!(planned.report.refusals[0].message.contains("archived with type number"));
}

#[test]
fn a_field_that_cannot_be_written_is_only_a_problem_when_it_has_to_be() {
    let mut portal = Small::in_sync(&desired());
    portal.property("tec_context").read_only_definition = true;
    portal.property("tec_schedule").read_only_options = true;
    let quiet = plan_of(&desired(), &portal);
    assert_eq!((quiet.plan, quiet.report.refusals), (Plan::default(), vec![]));

    portal.property("tec_context").label = "Kontext".into();
    portal.property("tec_schedule").options[0].label = "Werktags".into();
    let planned = plan_of(&desired(), &portal);
    assert_eq!(planned.plan.steps, []);
    let told: Vec<(Reason, bool)> =
        planned.report.refusals.iter().map(|refusal| (refusal.reason, refusal.message.contains("read-only"))).collect();
    assert_eq!(told, [(Reason::HubSpotRefused, true); 2], "{:?}", planned.report.refusals);
}

#[test]
fn an_adopted_field_that_was_archived_comes_back_as_the_persons_it_was() {
    let mut desired = desired();
    let mut portal = Small::in_sync(&desired);
    *portal.property("tec_context") = by_hand("Context", "string", "textarea");
    portal.archive("tec_context");
    for known in [Some(FieldOrigin::Adopted), None] {
        desired.known = known.map(|origin| ("tec_context".to_owned(), origin)).into_iter().collect();
        let mut portal = portal.clone();
        let planned = plan_of(&desired, &portal);
        assert_eq!(planned.report.origins["tec_context"], FieldOrigin::Adopted);
        portal.apply(&planned.plan);
        assert_eq!(
            portal.property("tec_context").description,
            "Made by hand.",
            "no mark: deletion must leave it alone"
        );
        assert_eq!(plan_of(&desired, &portal).plan, Plan::default());
    }
    desired.connection.fields.adoption = Adoption::Never;
    let planned = plan_of(&desired, &portal);
    assert_eq!(planned.plan, Plan::default());
    assert_eq!(planned.report.refusals[0].reason, Reason::AdoptionRefused);
}
