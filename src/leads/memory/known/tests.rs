//! What was dealt with, and within which bounds it is remembered.

#![allow(clippy::needless_pass_by_value, clippy::unnecessary_wraps, reason = "tables and stories read best so")]

use super::*;
use crate::leads::memory::testing::{after, contact};

fn owner(id: &str) -> Option<OwnerId> {
    Some(OwnerId(id.to_owned()))
}

#[test]
fn what_was_dealt_with_is_known_until_it_looks_otherwise() {
    let (mut known, start) = (Known::default(), Instant::now());
    let how = |id: &str, second| Settled { owner: owner(id), assigned: Timestamp::from_second(second).ok() };
    known.settle(contact(1), how("71", 10), start);
    assert!(known.is_settled(&contact(1), &how("71", 10)));
    assert!(!known.is_settled(&contact(1), &how("71", 11)), "assigned again");
    assert!(!known.is_settled(&contact(1), &how("72", 10)), "to another");
    assert!(!known.is_settled(&contact(2), &how("71", 10)));

    known.settle(contact(2), how("71", 10), after(start, 60));
    known.prune(after(start, 60));
    assert!(!known.is_settled(&contact(1), &how("71", 10)), "too old to be shown again");
    assert!(known.is_settled(&contact(2), &how("71", 10)));
    known.forget(&contact(2));
    assert!(!known.is_settled(&contact(2), &how("71", 10)));

    known.settle(contact(3), how("71", 10), start);
    known.bad_owners.extend(owner("11"));
    known.unsettle_all();
    assert!(!known.is_settled(&contact(3), &how("71", 10)) && known.bad_owners.is_empty());
}

#[test]
fn a_timeline_is_clean_in_doubt_or_unknown() {
    let mut known = Known::default();
    assert!(!known.is_clean(&contact(1)) && !known.is_doubtful(&contact(1)));
    known.cleaned(contact(1));
    assert!(known.is_clean(&contact(1)) && !known.is_doubtful(&contact(1)));
    known.doubt(&contact(1));
    assert!(!known.is_clean(&contact(1)) && known.is_doubtful(&contact(1)));
    known.cleaned(contact(1));
    assert!(known.is_clean(&contact(1)) && !known.is_doubtful(&contact(1)));
}

/// Forgetting a clean one costs a look; forgetting a doubtful one would cost a second note.
#[test]
fn doubt_is_not_forgotten_with_the_rest() {
    let mut known = Known::default();
    known.doubt(&contact(0));
    for number in 1..=REMEMBERED + 1 {
        known.cleaned(contact(number));
    }
    assert!(known.is_doubtful(&contact(0)));
    assert!(!known.is_clean(&contact(1)) && known.is_clean(&contact(REMEMBERED + 1)));
}

#[test]
fn stopped_leads_are_remembered_within_bounds() {
    let (mut known, lead) = (Known::default(), |number: usize| LeadId(format!("lead-{number}")));
    known.stopped(lead(0));
    assert!(known.is_stopped(&lead(0)) && !known.is_stopped(&lead(1)));
    for number in 1..=REMEMBERED {
        known.stopped(lead(number));
    }
    assert!(!known.is_stopped(&lead(0)) && known.is_stopped(&lead(REMEMBERED)), "it may be said again");
}
