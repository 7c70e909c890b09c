//! Who is visited next.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::leads::memory::testing::{after, contact};

const LIMIT: usize = 100;

fn taken(pending: &mut Pending, now: Instant) -> Vec<(ContactId, Visit)> {
    pending.take(now, None, LIMIT)
}

fn names(visits: &[(ContactId, Visit)]) -> Vec<&str> {
    visits.iter().map(|(contact, _)| contact.as_str()).collect()
}

#[test]
fn assignments_come_first_and_events_are_not_starved() {
    let (mut pending, start) = (Pending::default(), Instant::now());
    // Events of an hour ago, and assignments that never end.
    for number in 0..200 {
        pending.want(contact(number), start, false);
    }
    let mut rounds = 0;
    let mut next = 1_000;
    while pending.contacts.keys().any(|id| *id < contact(1_000)) {
        for _ in 0..LIMIT {
            pending.want(contact(next), after(start, 3_600), true);
            next += 1;
        }
        let visits = taken(&mut pending, after(start, 3_600));
        assert_eq!(visits.len(), LIMIT);
        assert_eq!(visits.iter().filter(|(_, visit)| visit.assignment).count(), 75);
        assert!(visits[..75].iter().all(|(_, visit)| visit.assignment), "first");
        rounds += 1;
    }
    assert_eq!(rounds, 8, "25 of 200 at a time");
}

#[test]
fn room_that_is_left_is_used_by_whoever_is_there() {
    let start = Instant::now();
    let table = [
        (300, 0, (100, 0)),
        (0, 300, (0, 100)),
        (300, 10, (90, 10)),
        (90, 300, (75, 25)),
        (10, 300, (10, 90)),
        (3, 4, (3, 4)),
    ];
    for (assignments, events, expected) in table {
        let mut pending = Pending::default();
        for number in 0..assignments + events {
            pending.want(contact(number), start, number < assignments);
        }
        let visits = taken(&mut pending, start);
        let found = visits.iter().filter(|(_, visit)| visit.assignment).count();
        assert_eq!((found, visits.len() - found), expected, "{assignments} assignments, {events} events");
        assert_eq!(pending.len(), assignments + events - visits.len(), "who is not visited waits");
    }
}

#[test]
fn who_waits_longest_is_first() {
    let (mut pending, start) = (Pending::default(), Instant::now());
    for (number, second) in [(1, 30), (2, 10), (3, 20)] {
        pending.want(contact(number), after(start, second), true);
    }
    assert_eq!(names(&taken(&mut pending, after(start, 25))), ["0002", "0003"]);
    assert_eq!(pending.next_due(None), Some(after(start, 30)));
    assert!(taken(&mut pending, after(start, 29)).is_empty(), "not before it is due");
}

#[test]
fn a_visit_that_is_planned_is_not_postponed() {
    let (mut pending, start) = (Pending::default(), Instant::now());
    pending.want(contact(1), after(start, 10), false);
    pending.want(contact(1), after(start, 60), true);
    let expected = Visit { due: after(start, 10), assignment: true, failures: 0, refusals: 0, needs_tec: false };
    assert_eq!(taken(&mut pending, after(start, 10)), [(contact(1), expected)]);
    pending.want(contact(2), after(start, 60), true);
    pending.want(contact(2), after(start, 10), false);
    assert_eq!(taken(&mut pending, after(start, 10)), [(contact(2), expected)], "still an assignment, and sooner");
}

#[test]
fn a_visit_that_failed_keeps_its_pause_until_the_rules_change() {
    let (mut pending, start) = (Pending::default(), Instant::now());
    let failed = Visit { due: after(start, 60), assignment: false, failures: 3, refusals: 0, needs_tec: false };
    pending.again(contact(1), failed);
    pending.want(contact(2), start, true);
    assert_eq!((pending.delayed(), pending.len()), (1, 2));
    pending.want(contact(1), start, true);
    assert_eq!(names(&taken(&mut pending, start)), ["0002"]);
    assert!(pending.contains(&contact(1)) && !pending.contains(&contact(2)));
    pending.hurry(start);
    let expected = Visit { due: start, assignment: true, ..failed };
    assert_eq!(taken(&mut pending, start), [(contact(1), expected)]);
}

#[test]
fn who_needs_tec_waits_for_tec() {
    let (mut pending, start) = (Pending::default(), Instant::now());
    pending.again(contact(1), Visit { due: start, assignment: true, failures: 0, refusals: 0, needs_tec: true });
    pending.want(contact(2), after(start, 5), true);
    let back = Some(after(start, 60));
    assert_eq!(pending.next_due(back), Some(after(start, 5)));
    assert_eq!(names(&pending.take(after(start, 10), back, LIMIT)), ["0002"], "who does not, is visited");
    assert_eq!(pending.next_due(back), back);
    pending.hurry(start);
    assert_eq!(pending.next_due(back), back, "hurry does not bring TEC back");
    assert_eq!(names(&taken(&mut pending, start)), ["0001"]);
    assert_eq!(pending.next_due(back), None);
}

proptest! {
    /// Whatever is wanted is visited once, and nobody is visited who is not.
    #[test]
    fn everybody_is_visited(
        wanted in prop::collection::vec((0_usize..40, 0_u64..20, any::<bool>()), 0..80), limit in 1_usize..12,
    ) {
        let (mut pending, start) = (Pending::default(), Instant::now());
        let mut expected = BTreeSet::new();
        for (number, second, assignment) in wanted {
            pending.want(contact(number), after(start, second), assignment);
            expected.insert(contact(number));
        }
        let mut visited = BTreeSet::new();
        for _ in 0..80 {
            let visits = pending.take(after(start, 20), None, limit);
            prop_assert!(visits.len() <= limit);
            prop_assert!(!visits.is_empty() || pending.len() == 0);
            for (contact, _) in visits {
                prop_assert!(visited.insert(contact), "visited twice");
            }
        }
        prop_assert_eq!(visited, expected);
    }
}
