//! Events that are under way: none is lost, none is done twice, and the cursor that survives a crash is never ahead.

use proptest::prelude::*;

use jiff::Timestamp;

use super::*;
use crate::{leads::memory::testing::contact, tec::What};

/// Contact, lead, seq.
type Entry = (usize, u8, u64);

fn event((number, lead, seq): Entry) -> Event {
    Event {
        seq,
        lead: LeadId(format!("lead-{lead}")),
        contact: contact(number),
        occurred_at: Timestamp::UNIX_EPOCH,
        done: false,
        what: What::StateChanged { state: "Warm".to_owned() },
    }
}

fn cursor(number: usize) -> Cursor {
    Cursor::new(number.to_string())
}

fn take_in(feed: &mut Feed, number: usize, events: &[Entry]) -> BTreeSet<ContactId> {
    feed.take_in(cursor(number), events.iter().copied().map(event).collect())
}

fn seqs(events: &[Event]) -> Vec<(&str, u64)> {
    events.iter().map(|event| (event.lead.as_str(), event.seq)).collect()
}

fn finish(feed: &mut Feed, number: usize) {
    let events = feed.of(&contact(number));
    feed.done(&contact(number), &events);
}

#[test]
fn it_goes_on_where_the_last_one_was() {
    let feed = Feed::from(Some(cursor(7)));
    assert_eq!((feed.cursor.as_ref(), feed.committed()), (Some(&cursor(7)), Some(&cursor(7))));
    assert_eq!(Feed::from(None).committed(), None);
}

/// One contact may wait for weeks, a page a second.
#[test]
fn an_event_that_waits_keeps_no_pages_behind_it() {
    let mut feed = Feed::from(None);
    take_in(&mut feed, 1, &[(1, 1, 1)]);
    for number in 2..1_000 {
        take_in(&mut feed, number, &[(2, 2, number as u64), (3, 3, number as u64)]);
        finish(&mut feed, 3);
        finish(&mut feed, 2);
        assert!(feed.pages.len() <= 2, "{}", feed.pages.len());
        assert_eq!(feed.committed(), None);
    }
    finish(&mut feed, 1);
    assert_eq!((feed.committed(), feed.pages.len()), (Some(&cursor(999)), 0));
}

#[test]
fn the_cursor_waits_for_the_oldest_event() {
    let mut feed = Feed::from(None);
    take_in(&mut feed, 1, &[(1, 1, 1), (2, 2, 1)]);
    take_in(&mut feed, 2, &[(3, 3, 1)]);
    take_in(&mut feed, 3, &[]);
    assert_eq!((feed.cursor.clone(), feed.committed(), feed.busy()), (Some(cursor(3)), None, 3));
    finish(&mut feed, 3);
    finish(&mut feed, 1);
    assert_eq!((feed.committed(), feed.busy()), (None, 1), "the first page is not done");
    finish(&mut feed, 2);
    assert_eq!((feed.committed(), feed.busy()), (Some(&cursor(3)), 0));
    take_in(&mut feed, 4, &[]);
    assert_eq!(feed.committed(), Some(&cursor(4)), "an empty page is done at once");
}

#[test]
fn events_come_in_the_order_of_their_leads() {
    let mut feed = Feed::from(None);
    take_in(&mut feed, 1, &[(1, 2, 1), (1, 1, 3), (2, 9, 9)]);
    take_in(&mut feed, 2, &[(1, 1, 2)]);
    assert_eq!(seqs(&feed.of(&contact(1))), [("lead-1", 2), ("lead-1", 3), ("lead-2", 1)]);
    assert!(feed.of(&contact(3)).is_empty());
    assert_eq!(feed.contacts(), [contact(1), contact(2)]);
}

#[test]
fn repeats_are_dropped() {
    let mut feed = Feed::from(None);
    assert_eq!(take_in(&mut feed, 1, &[(1, 1, 1), (1, 1, 1)]), [contact(1)].into());
    assert_eq!(take_in(&mut feed, 2, &[(1, 1, 1)]), [].into(), "it waits already");
    assert_eq!(feed.busy(), 1);
    finish(&mut feed, 1);
    assert_eq!(feed.committed(), Some(&cursor(2)));
    assert_eq!(take_in(&mut feed, 3, &[(1, 1, 1), (1, 1, 2)]), [contact(1)].into());
    assert_eq!(seqs(&feed.of(&contact(1))), [("lead-1", 2)], "it was done");
}

#[test]
fn what_comes_while_a_contact_is_visited_stays() {
    let mut feed = Feed::from(None);
    take_in(&mut feed, 1, &[(1, 1, 1)]);
    let visited = feed.of(&contact(1));
    take_in(&mut feed, 2, &[(1, 1, 2)]);
    feed.done(&contact(1), &visited);
    feed.done(&contact(1), &visited);
    assert_eq!(seqs(&feed.of(&contact(1))), [("lead-1", 2)]);
    assert_eq!((feed.committed(), feed.busy()), (Some(&cursor(1)), 1));
}

#[test]
fn the_memory_of_what_was_done_is_bounded() {
    let mut feed = Feed::from(None);
    let limit = u64::try_from(APPLIED_LIMIT).unwrap();
    for first in (1..=limit + 10).step_by(100) {
        let page: Vec<_> = (first..first + 100).map(|seq| (1, 1, seq)).collect();
        take_in(&mut feed, 1, &page);
        finish(&mut feed, 1);
    }
    assert_eq!((feed.applied.len(), feed.applied_order.len()), (APPLIED_LIMIT, APPLIED_LIMIT));
    assert_eq!(take_in(&mut feed, 2, &[(1, 1, 1)]), [contact(1)].into(), "the contact's mark knows it");
    assert_eq!(take_in(&mut feed, 3, &[(1, 1, limit)]), [].into());
}

/// Found while writing the tests: after TEC had forgotten the cursor, an event that waited was a repeat on its new page,
/// and the page passed for done. A crash then lost the event.
#[test]
fn a_restart_of_the_feed_does_not_pass_what_waits() {
    let mut feed = Feed::from(Some(cursor(7)));
    take_in(&mut feed, 8, &[(1, 1, 1), (2, 2, 1)]);
    feed.restart();
    assert_eq!((feed.cursor.clone(), feed.committed(), feed.busy()), (None, None, 2), "what waits still waits");
    assert_eq!(take_in(&mut feed, 1, &[(1, 1, 1)]), [].into());
    assert_eq!(feed.committed(), None);
    finish(&mut feed, 1);
    assert_eq!(feed.committed(), None, "who knows where the other one is");
    finish(&mut feed, 2);
    assert_eq!((feed.committed(), feed.busy()), (Some(&cursor(1)), 0));

    feed.restart();
    assert_eq!((feed.cursor.clone(), feed.committed()), (None, None), "with nothing waiting, too");
    take_in(&mut feed, 2, &[]);
    assert_eq!(feed.committed(), Some(&cursor(2)));
}

/// A page of so many events of one lead.
fn many(number: usize, events: usize) -> Vec<Entry> {
    (1..).take(events).map(|seq| (number, u8::try_from(number).unwrap(), seq)).collect()
}

#[test]
fn what_waits_for_an_assistant_keeps_nobody_else_waiting() {
    let mut feed = Feed::from(None);
    take_in(&mut feed, 1, &[(1, 1, 1), (2, 2, 1)]);
    feed.park(&contact(1));
    feed.park(&contact(1));
    feed.park(&contact(3));
    assert_eq!((feed.busy(), feed.committed()), (1, None));
    take_in(&mut feed, 2, &[(1, 1, 2), (2, 2, 2)]);
    assert_eq!(feed.busy(), 2, "what comes for it waits with it");
    finish(&mut feed, 2);
    assert_eq!((feed.busy(), feed.committed()), (0, None));
    feed.unpark();
    assert_eq!((feed.busy(), seqs(&feed.of(&contact(1)))), (2, vec![("lead-1", 1), ("lead-1", 2)]));
    feed.park(&contact(1));
    finish(&mut feed, 1);
    assert_eq!((feed.busy(), feed.committed()), (0, Some(&cursor(2))), "taken back while it waited");
}

#[test]
fn what_waits_too_long_is_forgotten_and_read_again() {
    let mut feed = Feed::from(Some(cursor(1)));
    take_in(&mut feed, 2, &many(1, PARKED_LIMIT));
    take_in(&mut feed, 3, &[(2, 2, 1), (3, 3, 1)]);
    feed.park(&contact(1));
    feed.park(&contact(1));
    assert!(!feed.of(&contact(1)).is_empty(), "as many as may be");
    feed.park(&contact(2));
    assert!(feed.of(&contact(2)).is_empty() && !feed.of(&contact(1)).is_empty());
    finish(&mut feed, 3);
    finish(&mut feed, 1);
    assert_eq!((feed.busy(), feed.committed()), (0, Some(&cursor(2))), "not past what was forgotten");
    take_in(&mut feed, 4, &[]);
    assert_eq!(feed.committed(), Some(&cursor(2)));

    feed.unpark();
    assert_eq!(feed.cursor, Some(cursor(2)), "read again from there");
    // Found while writing the tests: a question was under way when the rules changed, and its answer skipped all that.
    assert_eq!(take_in(&mut feed, 5, &[(3, 3, 2)]), [].into());
    assert_eq!((feed.cursor.clone(), feed.committed()), (Some(cursor(2)), Some(&cursor(2))));
    assert_eq!(take_in(&mut feed, 3, &[(2, 2, 1), (3, 3, 1)]), [contact(2)].into(), "what was done is known");
    take_in(&mut feed, 5, &[(3, 3, 2)]);
    finish(&mut feed, 2);
    finish(&mut feed, 3);
    assert_eq!((feed.busy(), feed.committed()), (0, Some(&cursor(5))));
}

#[derive(Clone, Debug)]
enum Step {
    /// The next events of TEC's log, and some of earlier ones again.
    Page(usize, Vec<usize>),
    /// Some of what waits for a contact, by a mask.
    Done(usize, u8),
    Restart,
}

const CONTACTS: usize = 4;

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    let page = (0_usize..4, prop::collection::vec(0_usize..64, 0..3)).prop_map(|(new, old)| Step::Page(new, old));
    let done = (0..CONTACTS, any::<u8>()).prop_map(|(contact, mask)| Step::Done(contact, mask));
    prop::collection::vec(prop_oneof![6 => page, 9 => done, 1 => Just(Step::Restart)], 0..40)
}

/// Events of all contacts and two leads each, each once, in any order.
fn any_log() -> impl Strategy<Value = Vec<Entry>> {
    let of =
        |number: usize| (0..12_u8).map(move |at| (number, at % 2 + if number > 1 { 2 } else { 0 }, u64::from(at) + 1));
    // Leads of contacts 0 and 1 would be the same.
    let own = |(number, lead, seq): Entry| (number, lead + if number % 2 == 1 { 4 } else { 0 }, seq);
    Just((0..CONTACTS).flat_map(of).map(own).collect::<Vec<_>>()).prop_shuffle()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_cursor_never_passes_what_is_not_done(log in any_log(), steps in any_steps()) {
        let mut feed = Feed::from(None);
        let (mut read, mut committed_before) = (0, 0);
        let (mut seen, mut done): (BTreeSet<Entry>, BTreeSet<Entry>) = Default::default();
        for step in steps {
            match step {
                Step::Page(new, old) => {
                    let to = (read + new).min(log.len());
                    let again = old.into_iter().filter_map(|at| log[..to].get(at)).copied();
                    let events: Vec<Entry> = log[read..to].iter().copied().chain(again).collect();
                    seen.extend(&events);
                    let news = take_in(&mut feed, to, &events);
                    prop_assert!(news.iter().all(|contact| !feed.of(contact).is_empty()));
                    read = to;
                }
                Step::Done(number, mask) => {
                    let waiting = feed.of(&contact(number)).into_iter().enumerate();
                    let some: Vec<Event> =
                        waiting.filter(|(at, _)| mask >> (at % 8) & 1 == 1).map(|(_, event)| event).collect();
                    feed.done(&contact(number), &some);
                    for finished in some {
                        let entry = log.iter().find(|entry| event(**entry) == finished);
                        prop_assert!(entry.is_some_and(|entry| done.insert(*entry)), "done twice");
                    }
                }
                Step::Restart => {
                    feed.restart();
                    (read, committed_before) = (0, 0);
                }
            }
            let committed: usize = feed.committed().map_or(0, |cursor| cursor.as_str().parse().unwrap());
            prop_assert!(log[..committed].iter().all(|event| done.contains(event)), "ahead of what is done");
            prop_assert!(committed >= committed_before);
            committed_before = committed;
            // All that was seen is done or waits, once.
            prop_assert_eq!(seen.len(), done.len() + feed.busy());
        }
        for number in 0..CONTACTS {
            finish(&mut feed, number);
        }
        prop_assert_eq!(feed.busy(), 0);
        prop_assert_eq!(feed.committed(), feed.cursor.as_ref(), "calm: everything is done");
    }
}
