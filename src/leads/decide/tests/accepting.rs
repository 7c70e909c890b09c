//! Assignments of contacts that are not in work: R1, R2, R8, R10, R11.

use super::*;

#[test]
fn what_no_assistant_owns_is_left_alone() {
    check(
        &team(),
        [
            ("a person's", owned(&[(P, 10)]), only(Then::Nothing)),
            ("nobody's", owned(&[]), only(Then::Nothing)),
            ("cleared", owned(&[(NOBODY, 20), (P, 10)]), only(Then::Nothing)),
            ("an assistant's once", owned(&[(P, 20), (A, 10)]), only(Then::Nothing)),
            ("somebody's who left", owned(&[(GONE, 10)]), only(Then::Nothing)),
            ("of an assistant nobody here knows", owned(&[(UNKNOWN, 10)]), only(Then::Nothing)),
            (
                "done, with its status for all to see",
                Contact {
                    connection_status: status("Processed"),
                    mark: MarkSeen::Mark(done(working(A, 10, P))),
                    ..owned(&[(P, 20), (A, 10), (P, 1)])
                },
                only(Then::Nothing),
            ),
            (
                "refused",
                Contact {
                    connection_status: status("Warm"),
                    mark: MarkSeen::Mark(Mark { phase: Phase::Refused, ..working(A, 10, P) }),
                    ..owned(&[(P, 20), (A, 10), (P, 1)])
                },
                only(Then::Nothing),
            ),
            (
                "with a mark nobody reads",
                Contact { mark: MarkSeen::Unreadable, ..owned(&[(P, 10)]) },
                only(Then::Nothing),
            ),
        ],
    );
}

#[test]
fn an_assignment_with_an_empty_field_is_accepted() {
    let saved_again = owned(&[(A, 30), (A, 20), (A, 10), (P, 1)]);
    let finer_than_milliseconds = Contact {
        history: vec![OwnerChange { owner: some_owner(A), at: Timestamp::new(10, 1_999_999).unwrap() }],
        ..owned(&[(A, 10)])
    };
    let to_the_millisecond = Assigned { at: Timestamp::from_millisecond(10_001).unwrap(), ..assigned(A, 10, NOBODY) };
    check(
        &team(),
        [
            ("from a person", owned(&[(A, 10), (P, 1)]), only(accept(A, 10, P))),
            ("from nobody", owned(&[(A, 10)]), only(accept(A, 10, NOBODY))),
            ("from cleared", owned(&[(A, 10), (NOBODY, 5), (P, 1)]), only(accept(A, 10, P))),
            ("the other assistant", owned(&[(B, 10), (Q, 5), (P, 1)]), only(accept(B, 10, Q))),
            ("from somebody who left", owned(&[(A, 10), (GONE, 5), (P, 1)]), only(accept(A, 10, P))),
            ("from another assistant, which had not begun", owned(&[(B, 10), (A, 5), (P, 1)]), only(accept(B, 10, P))),
            ("saved again by the way", saved_again, only(accept(A, 10, P))),
            ("in microseconds", finer_than_milliseconds, only(Then::Accept(to_the_millisecond))),
            (
                "again, the field cleared after it was done",
                Contact {
                    mark: MarkSeen::Mark(done(working(A, 10, P))),
                    ..owned(&[(A, 30), (P, 20), (A, 10), (P, 1)])
                },
                only(accept(A, 30, P)),
            ),
            (
                "again, the field cleared after it was refused",
                Contact {
                    mark: MarkSeen::Mark(Mark { phase: Phase::Refused, lead: None, ..working(A, 10, P) }),
                    ..owned(&[(A, 30), (P, 20), (A, 10), (P, 1)])
                },
                only(accept(A, 30, P)),
            ),
            (
                "with a mark nobody reads, and no status",
                Contact { mark: MarkSeen::Unreadable, ..owned(&[(A, 10), (P, 1)]) },
                only(accept(A, 10, P)),
            ),
        ],
    );
}

#[test]
fn where_the_history_says_nothing_the_assignment_date_does() {
    let silent = Contact { history: Vec::new(), ..owned(&[(A, 10)]) };
    let nothing_at_all = Contact { owner_assigned_at: None, ..silent.clone() };
    let behind = Contact { owner: some_owner(A), owner_assigned_at: Some(at(10)), ..owned(&[(P, 1)]) };
    let at_no_time = Assigned { at: Timestamp::UNIX_EPOCH, ..assigned(A, 10, NOBODY) };
    check(
        &team(),
        [
            ("empty", silent, only(accept(A, 10, NOBODY))),
            ("empty, and no date", nothing_at_all, only(Then::Accept(at_no_time))),
            ("behind", behind, only(accept(A, 10, P))),
        ],
    );
}

#[test]
fn a_contact_that_was_a_lead_before_is_refused() {
    let before = |mark: MarkSeen| Contact {
        connection_status: status("Warm"),
        mark,
        ..owned(&[(A, 30), (P, 20), (A, 10), (Q, 1)])
    };
    let refused = || only(refuse((A, 30, P), Refusal::WorkedBefore, to_previous(P)));
    check(
        &team(),
        [
            ("done", before(MarkSeen::Mark(done(working(A, 10, Q)))), refused()),
            ("done by another", before(MarkSeen::Mark(done(working(B, 5, Q)))), refused()),
            ("refused once", before(MarkSeen::Mark(Mark { phase: Phase::Refused, ..working(A, 10, Q) })), refused()),
            ("without a mark", before(MarkSeen::None), refused()),
            ("with a mark nobody reads", before(MarkSeen::Unreadable), refused()),
            ("and has no address either", Contact { has_email: false, ..before(MarkSeen::None) }, refused()),
        ],
    );
}

#[test]
fn a_contact_without_an_address_is_refused() {
    let without = |contact| Contact { has_email: false, ..contact };
    check(
        &team(),
        [
            ("new", without(owned(&[(A, 10), (P, 1)])), only(refuse((A, 10, P), Refusal::NoEmail, to_previous(P)))),
            (
                "a lead once, the field cleared",
                without(Contact {
                    mark: MarkSeen::Mark(done(working(A, 10, P))),
                    ..owned(&[(A, 30), (P, 20), (A, 10), (P, 1)])
                }),
                only(refuse((A, 30, P), Refusal::NoEmail, to_previous(P))),
            ),
            (
                "from hand to hand",
                without(in_work(&[(B, 20), (A, 10), (P, 1)], A, 10)),
                stop(StopReason::TakenBack, refuse((B, 20, P), Refusal::NoEmail, to_previous(P))),
            ),
        ],
    );
}

#[test]
fn assignments_to_an_assistant_on_hold_wait_whatever_they_are() {
    check(
        &team(),
        [
            ("new", owned(&[(WAITING, 10), (P, 1)]), only(Then::Wait)),
            ("without address", Contact { has_email: false, ..owned(&[(WAITING, 10), (P, 1)]) }, only(Then::Wait)),
            (
                "a lead before",
                Contact { connection_status: status("Warm"), ..owned(&[(WAITING, 10), (P, 1)]) },
                only(Then::Wait),
            ),
        ],
    );
}

/// After a step back to an older version nothing is given back that a newer one works on.
#[test]
fn what_a_newer_version_marked_waits_for_it() {
    let newer = |contact| Contact { mark: MarkSeen::Newer, ..contact };
    check(
        &team(),
        [
            ("with a status", newer(in_work(&[(A, 10), (P, 1)], A, 10)), only(Then::Wait)),
            ("without", newer(owned(&[(A, 10), (P, 1)])), only(Then::Wait)),
            ("of one on hold", newer(owned(&[(WAITING, 10), (P, 1)])), only(Then::Wait)),
            ("a person's", newer(owned(&[(P, 10), (A, 1)])), only(Then::Nothing)),
            ("nobody's", newer(owned(&[(NOBODY, 10), (A, 1)])), only(Then::Nothing)),
        ],
    );
}

#[test]
fn an_assistant_that_leaves_gives_back_what_it_has_not_begun() {
    let fresh = Mark { lead: None, phase: Phase::Refused, seq: 0, ..working(LEAVING, 10, P) };
    let known_as_lead = Mark { phase: Phase::Refused, ..working(LEAVING, 30, P) };
    let silent =
        Contact { history: Vec::new(), mark: MarkSeen::Mark(done(working(A, 10, Q))), ..owned(&[(LEAVING, 30)]) };
    check(
        &team(),
        [
            ("new", owned(&[(LEAVING, 10), (P, 1)]), only(Then::GiveBack(fresh, to_previous(P)))),
            (
                "a lead before, which its mark does not forget",
                Contact {
                    connection_status: status("Warm"),
                    mark: MarkSeen::Mark(done(working(A, 10, P))),
                    ..owned(&[(LEAVING, 30), (P, 20), (A, 10)])
                },
                only(Then::GiveBack(known_as_lead, to_previous(P))),
            ),
            (
                "known by its mark alone who had it",
                silent,
                only(Then::GiveBack(Mark { phase: Phase::Refused, ..working(LEAVING, 30, NOBODY) }, to_previous(Q))),
            ),
        ],
    );
}
