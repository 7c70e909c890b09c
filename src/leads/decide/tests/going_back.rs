//! Who gets a contact back: R7.

use super::*;
use crate::leads::decide::{Choice, accepted_mark, hand_back, overruled, refused_mark};

fn back(owners: &[(&str, i64)], mark: Option<&Mark>, team: &Team) -> HandBack {
    hand_back(&owned(owners), mark, team)
}

#[test]
fn the_last_person_before_gets_it_back() {
    let (team, mark) = (team(), working(A, 10, Q));
    let table: [(&str, &[(&str, i64)], HandBack); 8] = [
        ("who had it", &[(A, 10), (P, 1)], to_previous(P)),
        ("the last of two", &[(A, 10), (P, 5), (Q, 1)], to_previous(P)),
        ("not who left", &[(A, 10), (GONE, 5), (P, 1)], to_previous(P)),
        ("not another assistant", &[(A, 10), (B, 5), (P, 1)], to_previous(P)),
        ("not one on hold, nor one that leaves", &[(A, 10), (WAITING, 6), (LEAVING, 5), (P, 1)], to_previous(P)),
        ("not the assistant itself, earlier", &[(A, 10), (A, 9), (NOBODY, 5), (A, 4), (P, 1)], to_previous(P)),
        ("whom the mark remembers when the history does not", &[(A, 10)], to_previous(Q)),
        ("the history before the mark", &[(A, 10), (P, 1), (GONE, 0)], to_previous(P)),
    ];
    for (what, owners, expected) in table {
        assert_eq!(back(owners, Some(&mark), &team), expected, "{what}");
    }
    let behind = Contact { owner: some_owner(A), ..owned(&[(P, 1)]) };
    assert_eq!(hand_back(&behind, None, &team), to_previous(P), "the history does not know of the assistant");
}

#[test]
fn with_nobody_before_the_fallback_gets_it_if_it_can() {
    let nobody_before: [(&str, &[(&str, i64)], Option<Mark>); 5] = [
        ("created with the assistant", &[(A, 10)], None),
        ("without a mark's memory", &[(A, 10)], Some(working(A, 10, NOBODY))),
        ("who had it left", &[(A, 10), (GONE, 1)], Some(working(A, 10, GONE))),
        ("only assistants had it", &[(A, 10), (B, 1)], Some(working(A, 10, B))),
        ("nothing is known", &[], None),
    ];
    let with = |fallback: Option<&str>| Team { fallback: fallback.map(owner), ..team() };
    for (what, owners, mark) in nobody_before {
        let to = |team: &Team| back(owners, mark.as_ref(), team);
        assert_eq!(to(&with(Some(FALLBACK))), to_fallback(), "{what}");
        assert_eq!(to(&with(None)), HandBack::Nobody, "{what}, no fallback");
        assert_eq!(to(&with(Some(GONE))), HandBack::Nobody, "{what}, the fallback left");
    }
}

/// Found while writing the tests: such a contact went from the assistant to itself, or to the next, and was refused for ever.
#[test]
fn an_assistant_is_nobodys_fallback() {
    for fallback in [A, B, WAITING, LEAVING] {
        let team = Team { fallback: some_owner(fallback), ..team() };
        assert_eq!(back(&[(A, 10)], None, &team), HandBack::Nobody, "{fallback}");
    }
}

#[test]
fn whoever_chose_in_the_moment_of_a_hand_back_is_heard() {
    let chose = |id: &str| Some(Choice(some_owner(id)));
    let table: [(&str, &str, &[(&str, i64)], Option<Choice>); 12] = [
        ("nobody did", P, &[(P, 20), (A, 10), (P, 1)], None),
        ("nobody did, and there was nobody", NOBODY, &[(NOBODY, 20), (A, 10)], None),
        ("a person", P, &[(P, 20), (Q, 19), (A, 10), (P, 1)], chose(Q)),
        ("another assistant", P, &[(P, 20), (B, 19), (A, 10), (P, 1)], chose(B)),
        ("a person, while there was nobody", NOBODY, &[(NOBODY, 20), (Q, 19), (A, 10)], chose(Q)),
        ("somebody who cleared it", P, &[(P, 20), (NOBODY, 19), (A, 10), (P, 1)], chose(NOBODY)),
        ("the second of two", P, &[(P, 20), (B, 19), (Q, 18), (A, 10), (P, 1)], chose(B)),
        ("the same as we", P, &[(P, 19), (A, 10), (P, 1)], None),
        ("chosen again since", P, &[(Q, 21), (P, 20), (A, 10), (P, 1)], None),
        ("given to the assistant again since", P, &[(A, 21), (P, 20), (A, 10), (P, 1)], None),
        // Found while writing the tests: who looked late took the contact from the last who had chosen.
        ("moved on and given back since", P, &[(P, 40), (Q, 30), (P, 20), (A, 10), (P, 1)], None),
        ("with nothing before", P, &[(P, 20)], None),
    ];
    for (what, given, owners, expected) in table {
        assert_eq!(overruled(&owned(owners), some_owner(given).as_ref(), &owner(A)), expected, "{what}");
    }
}

#[test]
fn refusals_say_where_the_contact_goes() {
    let no_fallback = Team { fallback: None, ..team() };
    let before = |owners| Contact { connection_status: status("Warm"), ..owned(owners) };
    let refused = |to| only(refuse((A, 10, NOBODY), Refusal::WorkedBefore, to));
    check(&team(), [("to the fallback", before(&[(A, 10), (GONE, 1)]), refused(to_fallback()))]);
    check(&no_fallback, [("to nobody", before(&[(A, 10), (GONE, 1)]), refused(HandBack::Nobody))]);
    let leaving = Mark { lead: None, phase: Phase::Refused, seq: 0, ..working(LEAVING, 10, NOBODY) };
    check(
        &no_fallback,
        [("given back to nobody", owned(&[(LEAVING, 10)]), only(Then::GiveBack(leaving, HandBack::Nobody)))],
    );
}

#[test]
fn who_that_is() {
    assert_eq!(to_previous(P).owner(), Some(&owner(P)));
    assert_eq!(to_fallback().owner(), Some(&owner(FALLBACK)));
    assert_eq!(HandBack::Nobody.owner(), None);
}

#[test]
fn what_the_marks_say() {
    let id = ContactId(ID.to_owned());
    let accepted = accepted_mark(&id, &assigned(A, 10, P), LeadId(LEAD.to_owned()));
    assert_eq!(accepted, Mark { seq: 0, ..working(A, 10, P) });

    let refused = |mark: MarkSeen| refused_mark(&Contact { mark, ..owned(&[(B, 20)]) }, &assigned(B, 20, Q));
    let expected = Mark { phase: Phase::Refused, ..working(B, 20, Q) };
    let elsewhere = Mark { contact: ContactId(OTHER_ID.to_owned()), ..working(A, 10, P) };
    assert_eq!(refused(MarkSeen::Mark(elsewhere)), expected, "it remembers the lead, and is this contact's");
    let nothing_to_remember = Mark { lead: None, seq: 0, ..expected };
    assert_eq!(refused(MarkSeen::None), nothing_to_remember);
    assert_eq!(refused(MarkSeen::Unreadable), nothing_to_remember);
}
