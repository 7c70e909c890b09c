//! What holds for every plan: carried out, it leaves nothing to do.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::{
    Plan,
    portal::{PortalDesired, plan},
    testing::{GROUP, Small, by_hand, claims, desired, now, option, sync, us},
};
use crate::{
    api::{
        crm_connection::{Adoption, FieldOrigin},
        schedule_sync::Prune,
    },
    desired::{ScheduleUnion, SyncInput, SyncState},
    domain::LeadState,
    plan::ownership,
    portal::snapshot::{Answer, Answers, Property, PropertyOption},
};

const SEEDS: u64 = 3000;
/// As many as the controller grants one run.
const ROUNDS: usize = 5;
const LABELS: [&str; 5] = ["One", "Two", "Three", "Four", "Five"];
const FIELDS: [&str; 4] = ["tec_context", "tec_schedule", "tec_lead_connection_status", "tec_assistant_state"];

#[test]
fn carried_out_a_plan_leaves_nothing_to_do() {
    for seed in 0..SEEDS {
        let mut rng = Rng::with_seed(seed);
        let desired = some_desired(&mut rng);
        let mut portal = some_portal(&mut rng);
        let before = portal.clone();
        settle(seed, &desired, &mut portal);
        assert_strangers_untouched(seed, &before, &portal);
    }
}

#[test]
fn after_any_drift_the_same_portal_comes_back() {
    for seed in 0..SEEDS {
        let mut rng = Rng::with_seed(seed);
        let desired = desired();
        let calm = Small::in_sync(&desired);
        let mut portal = calm.clone();
        for _ in 0..rng.usize(1..4) {
            spoil(&mut rng, &mut portal);
        }
        settle(seed, &desired, &mut portal);
        for name in FIELDS {
            let (mut found, mut expected) = (portal.property(name).clone(), calm.properties.active[name].clone());
            // The order of choices is a person's to change.
            for property in [&mut found, &mut expected] {
                property.options.sort_by(|a, b| a.value.cmp(&b.value));
                property.options.iter_mut().for_each(|option| option.display_order = 0);
            }
            assert_eq!(found, expected, "seed {seed}");
        }
        assert_eq!(portal.groups, calm.groups, "seed {seed}");
    }
}

/// Plans and applies as the controller does, answering questions, until there is nothing left.
fn settle(seed: u64, desired: &PortalDesired, portal: &mut Small) {
    let mut answers = Answers::default();
    for _ in 0..ROUNDS {
        let planned = plan(desired, &portal.snapshot(), &answers, now()).unwrap();
        let again = plan(desired, &portal.snapshot(), &answers, now()).unwrap();
        assert_eq!(planned, again, "seed {seed}: the same twice");
        let Plan { steps, withheld: _, questions } = &planned.plan;
        if steps.is_empty() && questions.is_empty() {
            return;
        }
        for step in steps {
            assert!(!step.because.is_empty(), "seed {seed}: {step:?} has no reason");
            assert!(step.because.iter().all(|why| why.found != why.expected), "seed {seed}: {step:?}");
        }
        if questions.is_empty() {
            portal.apply(&planned.plan);
        }
        for question in questions {
            let count = u64::from(format!("{question:?}").len() % 2 == 0);
            assert_eq!(answers.given.insert(question.clone(), Answer::Count(count)), None, "seed {seed}: asked twice");
        }
    }
    let left = plan(desired, &portal.snapshot(), &answers, now()).unwrap();
    assert!(left.plan.is_settled(), "seed {seed}: not settled after {ROUNDS} rounds: {left:#?}");
}

fn assert_strangers_untouched(seed: u64, before: &Small, after: &Small) {
    for (name, property) in &before.properties.active {
        let theirs = matches!(ownership::owner(&property.description, &us()), ownership::Owner::OtherCluster(_));
        if theirs {
            assert_eq!(Some(property), after.properties.active.get(name), "seed {seed}");
        }
        for option in &property.options {
            let theirs = matches!(ownership::owner(&option.description, &us()), ownership::Owner::OtherCluster(_));
            if theirs {
                assert!(after.properties.active[name].options.contains(option), "seed {seed}: {option:?}");
            }
            let by_hand = ownership::owner(&option.description, &us()) == ownership::Owner::Person;
            let kept = || after.properties.active[name].options.iter().any(|kept| kept.value == option.value);
            assert!(!by_hand || kept(), "seed {seed}: {option:?} was a person's");
        }
    }
}

fn some_desired(rng: &mut Rng) -> PortalDesired {
    let mut desired = desired();
    desired.connection.fields.adoption = [Adoption::Never, Adoption::IfCompatible, Adoption::Always][rng.usize(0..3)];
    let syncs = (0..rng.usize(0..4)).map(|at| some_sync(rng, at)).collect();
    desired.schedules = ScheduleUnion::of(syncs);
    if rng.bool() {
        desired.connection.lead_status.mapping.insert(LeadState::Hot, "HAND_OVER".into());
    }
    desired.known = FIELDS
        .iter()
        .filter_map(|name| match rng.u8(0..4) {
            0 => Some(((*name).to_owned(), FieldOrigin::Created)),
            1 => Some(((*name).to_owned(), FieldOrigin::Adopted)),
            _ => None,
        })
        .collect::<BTreeMap<_, _>>();
    desired
}

fn some_sync(rng: &mut Rng, at: usize) -> SyncInput {
    let mut labels = LABELS;
    rng.shuffle(&mut labels);
    let values: Vec<String> = (1..=5).filter(|_| rng.bool()).map(|value: u8| value.to_string()).collect();
    let pairs: Vec<(&str, &str)> = values.iter().map(String::as_str).zip(labels).collect();
    let state = match rng.u8(0..6) {
        0 => SyncState::Untouched,
        1 => SyncState::Removing,
        2 => SyncState::OnHold(claims(&pairs)),
        _ => SyncState::Active(claims(&pairs)),
    };
    let prune = [Prune::Hide, Prune::Delete, Prune::Keep][rng.usize(0..3)];
    SyncInput { prune, ..sync(["a", "b", "c"][at], i64::try_from(at).unwrap(), state) }
}

fn some_portal(rng: &mut Rng) -> Small {
    let mut portal = Small::fresh();
    if rng.bool() {
        portal.groups.insert(GROUP.into(), crate::portal::snapshot::Group { label: "Old".into() });
    }
    for name in FIELDS {
        let (r#type, field_types): (&str, [&str; 3]) = match (name, rng.u8(0..10)) {
            (_, 0) => ("number", ["number"; 3]),
            ("tec_context" | "tec_assistant_state", _) => ("string", ["text", "textarea", "html"]),
            _ => ("enumeration", ["select", "radio", "checkbox"]),
        };
        let mut property = by_hand(LABELS[rng.usize(0..5)], r#type, field_types[rng.usize(0..3)]);
        property.description = some_description(rng, "Text.");
        property.hidden = rng.u8(0..4) == 0;
        property.read_only_definition = rng.u8(0..10) == 0;
        property.read_only_options = rng.u8(0..10) == 0;
        if r#type == "enumeration" {
            property.options = some_options(rng);
        }
        match rng.u8(0..4) {
            0 => drop(portal.properties.archived.insert(name.to_owned(), property)),
            1 => {}
            _ => drop(portal.properties.active.insert(name.to_owned(), property)),
        }
    }
    portal
}

fn some_options(rng: &mut Rng) -> Vec<PropertyOption> {
    let mut labels = LABELS;
    rng.shuffle(&mut labels);
    let mut list: Vec<PropertyOption> = Vec::new();
    for (at, label) in labels.into_iter().enumerate() {
        if rng.bool() {
            let mut made = option(&(at + 1).to_string(), label, i64::try_from(at).unwrap());
            let source = ["ScheduleSync ns/a", "ScheduleSync ns/b", "ScheduleSync ns/gone"][rng.usize(0..3)];
            made.description = some_description(rng, source);
            made.hidden = rng.u8(0..3) == 0;
            list.push(made);
        }
    }
    list
}

fn some_description(rng: &mut Rng, text: &str) -> String {
    match rng.u8(0..6) {
        0 => text.to_owned(),
        1 => format!("{text} [managed by tec-crm other]"),
        _ => ownership::marked(text, &us()),
    }
}

/// What a person can do to a portal in its settings.
fn spoil(rng: &mut Rng, portal: &mut Small) {
    let name = FIELDS[rng.usize(0..4)];
    if !portal.properties.active.contains_key(name) {
        return;
    }
    match rng.u8(0..8) {
        0 => portal.archive(name),
        1 => drop(portal.properties.active.remove(name)),
        2 => drop(portal.groups.insert(GROUP.into(), crate::portal::snapshot::Group { label: "Renamed".into() })),
        3 => portal.property(name).label = "Renamed".into(),
        4 => portal.property(name).hidden ^= true,
        5 => portal.property(name).group = "contactinformation".into(),
        _ => spoil_options(rng, portal.property(name)),
    }
}

fn spoil_options(rng: &mut Rng, property: &mut Property) {
    let options = &mut property.options;
    if options.is_empty() {
        return;
    }
    let (one, other) = (rng.usize(0..options.len()), rng.usize(0..options.len()));
    match rng.u8(0..4) {
        0 => drop(options.remove(one)),
        1 => options[one].label = "Renamed".to_owned() + &options[one].value,
        2 => options[one].hidden = true,
        // Two labels changed places.
        _ => {
            let label = options[one].label.clone();
            options[one].label = std::mem::replace(&mut options[other].label, label);
        }
    }
}
