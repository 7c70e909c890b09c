//! Lists of choices, as tables.

use jiff::Timestamp;

use super::*;
use crate::domain::OptionValue;

type Labels = &'static [(&'static str, &'static str)];

fn cluster() -> ClusterId {
    ClusterId::new("c1").unwrap()
}

fn option(value: &str, label: &str, description: &str) -> PropertyOption {
    PropertyOption {
        value: value.into(),
        label: label.into(),
        description: description.into(),
        hidden: false,
        display_order: 0,
    }
}

fn sync(name: &str) -> SyncRef {
    SyncRef { namespace: "ns".into(), name: name.into() }
}

fn ours(value: &str, label: &str) -> PropertyOption {
    option(value, label, &ownership::option_description(&sync("a"), &cluster()))
}

fn union(prune: Prune, claims: &[(&str, &str)]) -> ScheduleUnion {
    let claim = |(value, label): &(&str, &str)| Claim {
        value: OptionValue::new(*value).unwrap(),
        label: (*label).into(),
        hidden: false,
    };
    let state = SyncState::Active(claims.iter().map(claim).collect());
    ScheduleUnion::of(vec![SyncInput {
        sync: sync("a"),
        created: Timestamp::UNIX_EPOCH,
        uid: "a".into(),
        prune,
        state,
    }])
}

fn plan(existing: &[PropertyOption], union: &ScheduleUnion, answers: &Answers) -> NewOptions {
    schedules("tec_schedule", existing, (union, answers), &cluster(), |_| true)
}

#[test]
fn a_hand_made_option_with_the_right_label_is_adopted_without_a_change() {
    let existing = [option("1", "One", "")];
    let new = plan(&existing, &union(Prune::Hide, &[("1", "One")]), &Answers::default());
    assert_eq!(new.to, existing);
    assert!(new.because.is_empty());
    assert_eq!(new.syncs[&sync("a")].options, 1);
}

#[test]
fn options_of_people_keep_their_place_and_ours_come_behind() {
    let new =
        plan(&[option("x", "By hand", "")], &union(Prune::Hide, &[("1", "One"), ("2", "Two")]), &Answers::default());
    let list: Vec<(&str, i64)> = new.to.iter().map(|o| (o.value.as_str(), o.display_order)).collect();
    assert_eq!(list, [("x", 0), ("1", 1), ("2", 2)]);
}

#[test]
fn pruning_follows_the_policy() {
    let gone = |prune, answers: &Answers| plan(&[ours("9", "Nine")], &union(prune, &[]), answers);
    assert!(gone(Prune::Hide, &Answers::default()).to[0].hidden);
    assert!(!gone(Prune::Keep, &Answers::default()).to[0].hidden);
    let asking = gone(Prune::Delete, &Answers::default());
    assert_eq!(asking.questions.len(), 1);
    let count = |n| Answers { given: [(asking.questions[0].clone(), Answer::Count(n))].into() };
    assert!(gone(Prune::Delete, &count(0)).to.is_empty());
    let held = gone(Prune::Delete, &count(3));
    assert!(held.to[0].hidden);
    assert_eq!(held.syncs[&sync("a")].in_use, [("9".to_owned(), 3)]);
}

#[test]
fn many_options_are_deleted_in_several_runs_and_none_of_them_only_asks() {
    let mut existing: Vec<PropertyOption> = (0..150).map(|at| ours(&at.to_string(), &format!("Label {at}"))).collect();
    // What contacts hold of the first ten, in every run.
    let count = |value: &str| Answer::Count(u64::from(value.len() == 1));
    let mut left_after_run = Vec::new();
    for _ in 0..3 {
        let mut answers = Answers::default();
        let mut rounds = 0;
        let new = loop {
            let new = plan(&existing, &union(Prune::Delete, &[]), &answers);
            rounds += 1;
            if new.questions.is_empty() {
                break new;
            }
            for question in new.questions {
                let Question::ContactsHoldingOption { value, .. } = &question else { panic!("{question:?}") };
                let answer = count(value);
                answers.given.insert(question, answer);
            }
        };
        assert!(rounds <= 4, "{rounds} rounds of questions");
        existing = new.to;
        assert!(existing.iter().all(|option| option.hidden));
        left_after_run.push((existing.len(), new.syncs[&sync("a")].unpruned));
    }
    assert_eq!(left_after_run, [(100, 90), (50, 40), (10, 0)]);
}

#[test]
fn options_beyond_many_that_are_in_use_are_hidden_for_good() {
    let existing: Vec<PropertyOption> = (0..70).map(|at| ours(&at.to_string(), &format!("Label {at}"))).collect();
    let question =
        |at: usize| Question::ContactsHoldingOption { property: "tec_schedule".into(), value: at.to_string() };
    let answers = Answers { given: (0..60).map(|at| (question(at), Answer::Count(1))).collect() };
    let new = plan(&existing, &union(Prune::Delete, &[]), &answers);
    assert_eq!((new.questions.len(), new.to.len()), (0, 70));
    assert_eq!(new.syncs[&sync("a")].unpruned, 0, "a deletion must not wait for ever");
}

#[test]
fn what_is_not_ours_is_never_pruned() {
    let by_hand = option("9", "Nine", "");
    let other_cluster = option("8", "Eight", "ScheduleSync ns/a [managed by tec-crm other]");
    let gone_sync = option("7", "Seven", &ownership::option_description(&sync("deleted"), &cluster()));
    let existing = [by_hand, other_cluster, gone_sync];
    assert_eq!(plan(&existing, &union(Prune::Delete, &[]), &Answers::default()).to, existing);
}

#[test]
fn labels_stay_unique() {
    let retired = plan(&[ours("1", "Days")], &union(Prune::Hide, &[("2", "Days")]), &Answers::default());
    let labels: Vec<&str> = retired.to.iter().map(|o| o.label.as_str()).collect();
    assert_eq!(labels, ["Days (1)", "Days"]);
    let clash = plan(&[option("1", "Days", "")], &union(Prune::Hide, &[("2", "Days")]), &Answers::default());
    assert_eq!(clash.to.len(), 1);
    assert_eq!(clash.syncs[&sync("a")].refusals[0].reason, Reason::Conflict);
}

#[test]
fn labels_change_places_and_move_on() {
    let labels = |new: &NewOptions| -> Vec<(String, String)> {
        new.to.iter().map(|option| (option.value.clone(), option.label.clone())).collect()
    };
    let table: [(Labels, Labels); 3] = [
        (&[("1", "B"), ("2", "A")], &[("1", "B"), ("2", "A")]),
        (&[("3", "A"), ("1", "B"), ("2", "C")], &[("1", "B"), ("2", "C"), ("3", "A")]),
        (&[("1", "B"), ("2", "A (old)")], &[("1", "B"), ("2", "A (old)")]),
    ];
    for (claims, expected) in table {
        let before = [ours("1", "A"), ours("2", "B")];
        let new = plan(&before, &union(Prune::Hide, claims), &Answers::default());
        let expected: Vec<_> = expected.iter().map(|(v, l)| ((*v).to_owned(), (*l).to_owned())).collect();
        assert_eq!(labels(&new), expected);
        assert_eq!(new.syncs[&sync("a")].refusals, []);
    }
}

#[test]
fn a_label_does_not_become_free_if_its_holder_cannot_move() {
    let before = [ours("1", "A"), ours("2", "B"), option("x", "C", "")];
    let new = plan(&before, &union(Prune::Hide, &[("1", "B"), ("2", "C")]), &Answers::default());
    assert_eq!(new.to, before);
    assert_eq!(new.syncs[&sync("a")].refusals.len(), 2);
}

#[test]
fn nobody_takes_the_options_of_a_schedule_sync_that_rests() {
    let input = |name: &str, state| SyncInput {
        sync: sync(name),
        created: Timestamp::UNIX_EPOCH,
        uid: name.into(),
        prune: Prune::Delete,
        state,
    };
    let claim = Claim { value: OptionValue::new("1").unwrap(), label: "Mine now".into(), hidden: false };
    let union = ScheduleUnion::of(vec![input("a", SyncState::Untouched), input("b", SyncState::Active(vec![claim]))]);
    let before = [ours("1", "One")];
    let new = plan(&before, &union, &Answers::default());
    assert_eq!((new.to.as_slice(), new.questions.len()), (before.as_slice(), 0));
    assert_eq!(new.syncs[&sync("b")].refusals[0].reason, Reason::Conflict);
    assert!(new.syncs[&sync("b")].refusals[0].message.contains("ns/a"));
}

#[test]
fn another_clusters_option_is_left_alone() {
    let theirs = [option("1", "Eins", "ScheduleSync x/y [managed by tec-crm other]")];
    let new = plan(&theirs, &union(Prune::Hide, &[("1", "One")]), &Answers::default());
    assert_eq!(new.to, theirs);
    assert!(new.syncs[&sync("a")].refusals[0].message.contains("cluster other"));
}

#[test]
fn states_repair_labels_and_keep_strangers() {
    let mut existing = states("s", &[], &cluster()).to;
    assert_eq!(existing.len(), 12);
    existing[3].label = "Kalt".into();
    existing.remove(5);
    existing.push(option("mine", "Mine", ""));
    let new = states("s", &existing, &cluster());
    assert_eq!(new.because.len(), 2, "{:?}", new.because);
    assert_eq!(new.to.len(), 13);
}

#[test]
fn missing_lead_statuses_are_added_with_hubspots_kind_of_label() {
    let new = added("hs_lead_status", &[option("NEW", "New", "")], &["NEW", "OPEN_DEAL"], &cluster());
    assert_eq!((new.to.len(), new.to[1].label.as_str()), (2, "Open Deal"));
}
