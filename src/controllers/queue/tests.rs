//! The queue as a value: who runs next, who not yet.

use super::*;
use crate::desired::references::Kind;

fn key(name: &str) -> ObjectRef {
    ObjectRef::new(Kind::Assistant, "ns", name)
}

fn connection(name: &str) -> ObjectRef {
    ObjectRef::new(Kind::Connection, "ns", name)
}

/// An object of one connection.
fn add(queue: &mut Queue, name: &str, lane: Lane, now: Instant) {
    queue.add(&key(name), &connection("c"), lane, now);
}

fn names(queue: &mut Queue, now: Instant) -> Vec<String> {
    std::iter::from_fn(|| queue.pop(now)).map(|job| job.key.name).collect()
}

#[test]
fn urgent_first_then_first_come_and_each_once() {
    let (mut queue, now) = (Queue::new(Backoff::RECONCILE, 16), Instant::now());
    for name in ["t1", "t2"] {
        add(&mut queue, name, Lane::Timer, now);
    }
    add(&mut queue, "d", Lane::Dependency, now);
    add(&mut queue, "t2", Lane::Edit, now);
    add(&mut queue, "t2", Lane::Timer, now);
    assert_eq!(names(&mut queue, now), ["t2", "d", "t1"]);
}

#[test]
fn never_twice_at_once_but_again_afterwards() {
    let (mut queue, now, chance) = (Queue::new(Backoff::RECONCILE, 16), Instant::now(), Chance::seeded(1));
    add(&mut queue, "a", Lane::Edit, now);
    assert!(queue.pop(now).is_some());
    let later = now + Duration::from_secs(1);
    add(&mut queue, "a", Lane::Edit, later);
    assert_eq!(queue.pop(later), None);
    // Nor when a second wish is more urgent than the first.
    add(&mut queue, "b", Lane::Timer, later);
    assert!(queue.pop(later).is_some());
    add(&mut queue, "b", Lane::Timer, later);
    add(&mut queue, "b", Lane::Edit, later);
    assert_eq!(queue.pop(later), None);
    queue.done(&key("a"), Next::Idle, later, &chance);
    assert_eq!(queue.pop(later).unwrap().since, later);
}

#[test]
fn failures_back_off_per_object_and_success_resets() {
    let (mut queue, mut now, chance) = (Queue::new(Backoff::RECONCILE, 16), Instant::now(), Chance::seeded(1));
    let mut pauses = Vec::new();
    add(&mut queue, "a", Lane::Edit, now);
    for _ in 0..6 {
        queue.pop(now).unwrap();
        queue.done(&key("a"), Next::Retry, now, &chance);
        let due = queue.next_due().unwrap();
        pauses.push(due - now);
        now = due;
    }
    assert!(pauses[5] > pauses[0] && pauses[5] <= Duration::from_secs(32), "{pauses:?}");
    assert_eq!(queue.pop(now).unwrap().failures, 6);
    queue.done(&key("a"), Next::After(Duration::from_secs(9)), now, &chance);
    assert_eq!(queue.next_due(), Some(now + Duration::from_secs(9)));
    assert_eq!(queue.pop(now + Duration::from_secs(9)).unwrap().failures, 0);
}

#[test]
fn forgotten_objects_leave_nothing_behind() {
    let (mut queue, now, chance) = (Queue::new(Backoff::RECONCILE, 16), Instant::now(), Chance::seeded(1));
    add(&mut queue, "a", Lane::Edit, now);
    queue.pop(now).unwrap();
    queue.add_at(&key("a"), now);
    queue.done(&key("a"), Next::Forget, now, &chance);
    assert!(queue.slots.is_empty() && queue.timers.is_empty() && queue.ready.is_empty());
    add(&mut queue, "b", Lane::Edit, now);
    queue.pop(now).unwrap();
    add(&mut queue, "b", Lane::Edit, now);
    queue.done(&key("b"), Next::Forget, now, &chance);
    assert_eq!(queue.pop(now).unwrap().key.name, "b");
}

#[test]
fn a_connection_has_a_share_and_edits_have_places_of_their_own() {
    let (mut queue, now, chance) = (Queue::new(Backoff::RECONCILE, 8), Instant::now(), Chance::seeded(1));
    for number in 0..1_000 {
        queue.add(&key(&format!("a{number:03}")), &connection("a"), Lane::Timer, now);
    }
    assert_eq!(names(&mut queue, now), ["a000", "a001"]);
    // A throttled portal keeps no place from ten others; all places taken, the others take turns.
    for number in 0..10 {
        queue.add(&key(&format!("b{number}")), &connection(&format!("b{number}")), Lane::Timer, now);
    }
    assert_eq!(names(&mut queue, now), ["b0", "b1", "b2", "b3", "b4", "b5"]);
    queue.done(&key("b0"), Next::Idle, now, &chance);
    assert_eq!(names(&mut queue, now), ["b6"]);
    // Nor from a person, of whatever connection.
    queue.add(&key("a500"), &connection("a"), Lane::Edit, now);
    queue.add(&key("c"), &connection("c"), Lane::Edit, now);
    assert_eq!(names(&mut queue, now), ["a500", "c"]);
    assert_eq!(queue.running(), 10);
    // One person's thousand edits keep none from another's.
    for number in 0..100 {
        queue.add(&key(&format!("c{number}")), &connection("c"), Lane::Edit, now);
    }
    queue.add(&key("d"), &connection("d"), Lane::Edit, now);
    assert_eq!(names(&mut queue, now), ["c0", "d"]);
    // What has a place by another class is not held up by a full one; whoever has none of it comes first.
    queue.done(&key("a000"), Next::Idle, now, &chance);
    assert_eq!(names(&mut queue, now), ["b7"]);
    assert_eq!(queue.waiting(), 1_000 - 4 + 3 + 99);
}

#[test]
fn many_connections_for_which_little_can_be_done_keep_no_place_from_another() {
    let (mut queue, now, chance) = (Queue::new(Backoff::RECONCILE, 16), Instant::now(), Chance::seeded(1));
    for home in ["a", "b", "c", "d"] {
        for number in 0..100 {
            queue.add(&key(&format!("{home}{number:02}")), &connection(home), Lane::Dependency, now);
        }
    }
    assert_eq!(names(&mut queue, now).len(), 16);
    queue.add(&key("z0"), &connection("z"), Lane::Timer, now);
    assert!(names(&mut queue, now).is_empty());
    queue.done(&key("b01"), Next::Idle, now, &chance);
    assert_eq!(names(&mut queue, now), ["z0"], "it has none yet");
}

#[test]
fn an_object_that_moves_to_another_connection_waits_there() {
    let (mut queue, now, chance) = (Queue::new(Backoff::RECONCILE, 4), Instant::now(), Chance::seeded(1));
    for name in ["a", "b", "c"] {
        queue.add(&key(name), &connection("x"), Lane::Timer, now);
    }
    assert_eq!(names(&mut queue, now), ["a"]);
    queue.add(&key("c"), &connection("y"), Lane::Timer, now);
    assert_eq!(names(&mut queue, now), ["c"]);
    queue.done(&key("a"), Next::Idle, now, &chance);
    queue.done(&key("c"), Next::After(Duration::from_secs(1)), now, &chance);
    assert_eq!(names(&mut queue, now), ["b"]);
    assert_eq!(names(&mut queue, now + Duration::from_secs(1)), ["c"]);
    queue.done(&key("b"), Next::Forget, now, &chance);
    queue.done(&key("c"), Next::Forget, now, &chance);
    assert!(queue.loads.is_empty() && queue.ready.is_empty() && queue.slots.len() == 1);
}

#[test]
fn a_run_hurries_when_a_person_changes_its_object() {
    let (mut queue, now) = (Queue::new(Backoff::RECONCILE, 16), Instant::now());
    add(&mut queue, "a", Lane::Timer, now);
    let job = queue.pop(now).unwrap();
    assert_eq!(job.urgency.lane(), hubspot::Lane::Resync);
    add(&mut queue, "a", Lane::Dependency, now);
    assert_eq!(job.urgency.lane(), hubspot::Lane::Resync);
    add(&mut queue, "a", Lane::Edit, now);
    assert_eq!(job.urgency.lane(), hubspot::Lane::Edit);
}
