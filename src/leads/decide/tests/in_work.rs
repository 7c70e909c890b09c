//! Contacts an assistant works on, and how they stay so: R5's ground, R11.

use super::*;

#[test]
fn a_contact_in_work_stays_in_work() {
    let usual = &[(A, 10), (P, 1)];
    check(
        &team(),
        [
            ("as it was accepted", in_work(usual, A, 10), only(Then::InWork)),
            (
                "the field cleared by somebody",
                Contact { connection_status: None, ..in_work(usual, A, 10) },
                only(Then::InWork),
            ),
            ("the address gone", Contact { has_email: false, ..in_work(usual, A, 10) }, only(Then::InWork)),
            ("the owner saved again", in_work(&[(A, 30), (A, 20), (A, 10), (P, 1)], A, 10), only(Then::InWork)),
            ("without history", Contact { history: Vec::new(), ..in_work(usual, A, 10) }, only(Then::InWork)),
            (
                "with a history that is behind",
                Contact { owner: some_owner(A), owner_assigned_at: Some(at(10)), ..in_work(&[(P, 1)], A, 10) },
                only(Then::InWork),
            ),
            (
                "whose lead TEC never named",
                Contact { mark: MarkSeen::Mark(Mark { lead: None, ..working(A, 10, P) }), ..in_work(usual, A, 10) },
                only(Then::InWork),
            ),
        ],
    );
}

/// Found while writing the tests: every lead of a portal where something saves owners again and again was stopped and
/// refused when the beginning had fallen out of the history.
#[test]
fn a_history_whose_beginning_is_cut_off_takes_nothing_away() {
    check(
        &team(),
        [
            ("saved again until nothing else fits", in_work(&[(A, 30), (A, 20)], A, 10), only(Then::InWork)),
            (
                "accepted by the assignment date, seen a moment later in the history",
                in_work(&[(A, 11), (P, 1)], A, 10),
                only(Then::InWork),
            ),
            ("the history says a moment before", in_work(&[(A, 9), (P, 1)], A, 10), only(Then::InWork)),
        ],
    );
}

#[test]
fn an_assistant_on_hold_keeps_what_it_has() {
    check(
        &team(),
        [
            ("in work", in_work(&[(WAITING, 10), (P, 1)], WAITING, 10), only(Then::Wait)),
            (
                "taken, and given to it again: the old lead ends, the assignment waits",
                in_work(&[(WAITING, 30), (P, 20), (WAITING, 10), (P, 1)], WAITING, 10),
                stop(StopReason::TakenBack, Then::Wait),
            ),
        ],
    );
}

/// What was begun for an assistant that is not here any more, and stays a user of the portal, is carried to its end.
#[test]
fn an_assistant_nobody_here_knows_keeps_what_it_has() {
    check(
        &team(),
        [
            ("in work", in_work(&[(UNKNOWN, 10), (P, 1)], UNKNOWN, 10), only(Then::InWork)),
            (
                "taken, and given to it again: the old lead ends, and nobody begins another",
                in_work(&[(UNKNOWN, 30), (P, 20), (UNKNOWN, 10), (P, 1)], UNKNOWN, 10),
                stop(StopReason::TakenBack, Then::Close(done(working(UNKNOWN, 10, P)))),
            ),
        ],
    );
}

#[test]
fn an_assistant_that_leaves_gives_back_what_it_works_on() {
    let mark = done(working(LEAVING, 10, P));
    check(
        &team(),
        [
            (
                "to whom it was from",
                in_work(&[(LEAVING, 10), (P, 1)], LEAVING, 10),
                stop(StopReason::AssistantDeleted, Then::GiveBack(mark.clone(), to_previous(P))),
            ),
            (
                "known by its mark alone",
                in_work(&[(LEAVING, 10)], LEAVING, 10),
                stop(StopReason::AssistantDeleted, Then::GiveBack(mark.clone(), to_previous(P))),
            ),
            (
                "without a lead",
                Contact {
                    mark: MarkSeen::Mark(Mark { lead: None, ..working(LEAVING, 10, P) }),
                    ..in_work(&[(LEAVING, 10), (P, 1)], LEAVING, 10)
                },
                only(Then::GiveBack(Mark { lead: None, ..mark }, to_previous(P))),
            ),
        ],
    );
}
