//! Contacts in work that somebody moved: R9, R10 and how they meet R8.

use super::*;

#[test]
fn a_person_takes_a_contact_back() {
    let closed = || stop(StopReason::TakenBack, Then::Close(done(working(A, 10, P))));
    check(
        &team(),
        [
            ("whose it was", in_work(&[(P, 20), (A, 10), (P, 1)], A, 10), closed()),
            ("who never had it", in_work(&[(Q, 20), (A, 10), (P, 1)], A, 10), closed()),
            ("and it has no owner now", in_work(&[(NOBODY, 20), (A, 10), (P, 1)], A, 10), closed()),
            ("given to somebody who left", in_work(&[(GONE, 20), (A, 10), (P, 1)], A, 10), closed()),
            ("given to an assistant nobody here knows", in_work(&[(UNKNOWN, 20), (A, 10)], A, 10), closed()),
            (
                "the field cleared, too",
                Contact { connection_status: None, ..in_work(&[(P, 20), (A, 10)], A, 10) },
                closed(),
            ),
            ("with a history that is behind", Contact { owner: some_owner(P), ..in_work(&[(A, 10)], A, 10) }, closed()),
            (
                "from an assistant nobody here knows",
                in_work(&[(P, 20), (UNKNOWN, 10)], UNKNOWN, 10),
                stop(StopReason::TakenBack, Then::Close(done(working(UNKNOWN, 10, P)))),
            ),
            (
                "from one on hold",
                in_work(&[(P, 20), (WAITING, 10)], WAITING, 10),
                stop(StopReason::TakenBack, Then::Close(done(working(WAITING, 10, P)))),
            ),
            (
                "from one that leaves",
                in_work(&[(P, 20), (LEAVING, 10)], LEAVING, 10),
                stop(StopReason::TakenBack, Then::Close(done(working(LEAVING, 10, P)))),
            ),
            (
                "before TEC named a lead",
                Contact {
                    mark: MarkSeen::Mark(Mark { lead: None, ..working(A, 10, P) }),
                    ..in_work(&[(P, 20), (A, 10)], A, 10)
                },
                only(Then::Close(done(Mark { lead: None, ..working(A, 10, P) }))),
            ),
        ],
    );
}

#[test]
fn a_person_had_it_in_between() {
    let again = &[(A, 30), (Q, 20), (A, 10), (P, 1)];
    let to_another = &[(B, 30), (Q, 20), (A, 10), (P, 1)];
    let cleared = |contact| Contact { connection_status: None, ..contact };
    check(
        &team(),
        [
            (
                "the same assistant again",
                in_work(again, A, 10),
                stop(StopReason::TakenBack, refuse((A, 30, Q), Refusal::WorkedBefore, to_previous(Q))),
            ),
            ("again, the field cleared", cleared(in_work(again, A, 10)), stop(StopReason::TakenBack, accept(A, 30, Q))),
            (
                "another assistant",
                in_work(to_another, A, 10),
                stop(StopReason::TakenBack, refuse((B, 30, Q), Refusal::WorkedBefore, to_previous(Q))),
            ),
            (
                "another, the field cleared",
                cleared(in_work(to_another, A, 10)),
                stop(StopReason::TakenBack, accept(B, 30, Q)),
            ),
            (
                "nobody had it in between",
                in_work(&[(A, 30), (NOBODY, 20), (A, 10), (P, 1)], A, 10),
                stop(StopReason::TakenBack, refuse((A, 30, P), Refusal::WorkedBefore, to_previous(P))),
            ),
            (
                "nobody, on the way to another",
                in_work(&[(B, 30), (NOBODY, 20), (A, 10), (P, 1)], A, 10),
                stop(StopReason::TakenBack, refuse((B, 30, P), Refusal::WorkedBefore, to_previous(P))),
            ),
            (
                "before it came to the assistant that gives it on",
                in_work(&[(B, 40), (A, 30), (Q, 20), (A, 10), (P, 1)], A, 10),
                stop(StopReason::TakenBack, refuse((B, 40, Q), Refusal::WorkedBefore, to_previous(Q))),
            ),
            (
                "known by the assignment date alone",
                Contact { history: Vec::new(), owner_assigned_at: Some(at(30)), ..in_work(again, A, 10) },
                stop(StopReason::TakenBack, refuse((A, 30, NOBODY), Refusal::WorkedBefore, to_previous(P))),
            ),
        ],
    );
}

#[test]
fn from_hand_to_hand_is_no_accident() {
    check(
        &team(),
        [
            (
                "from one to the other",
                in_work(&[(B, 20), (A, 10), (P, 1)], A, 10),
                stop(StopReason::TakenBack, accept(B, 20, P)),
            ),
            (
                "from one on hold",
                in_work(&[(B, 20), (WAITING, 10), (P, 1)], WAITING, 10),
                stop(StopReason::TakenBack, accept(B, 20, P)),
            ),
            (
                "from one that leaves",
                in_work(&[(B, 20), (LEAVING, 10), (P, 1)], LEAVING, 10),
                stop(StopReason::TakenBack, accept(B, 20, P)),
            ),
            (
                "to one on hold",
                in_work(&[(WAITING, 20), (A, 10), (P, 1)], A, 10),
                stop(StopReason::TakenBack, Then::Wait),
            ),
            (
                "to one that leaves",
                in_work(&[(LEAVING, 20), (A, 10), (P, 1)], A, 10),
                stop(
                    StopReason::TakenBack,
                    Then::GiveBack(Mark { phase: Phase::Refused, ..working(LEAVING, 20, P) }, to_previous(P)),
                ),
            ),
            (
                "with a history that is behind",
                Contact { owner: some_owner(B), owner_assigned_at: Some(at(20)), ..in_work(&[(A, 10), (P, 1)], A, 10) },
                stop(StopReason::TakenBack, accept(B, 20, P)),
            ),
            (
                "without a history nobody knows that it is",
                Contact { history: Vec::new(), ..in_work(&[(B, 20)], A, 10) },
                stop(StopReason::TakenBack, refuse((B, 20, NOBODY), Refusal::WorkedBefore, to_previous(P))),
            ),
            (
                "from one nobody here knows",
                in_work(&[(B, 20), (UNKNOWN, 10), (P, 1)], UNKNOWN, 10),
                stop(StopReason::TakenBack, accept(B, 20, UNKNOWN)),
            ),
        ],
    );
}

/// Found while writing the tests: whether such a contact was accepted or refused depended on how quick we were.
#[test]
fn from_hand_to_hand_by_way_of_a_third() {
    check(
        &team(),
        [
            (
                "to another, before the one in between had begun",
                in_work(&[(B, 30), (WAITING, 20), (A, 10), (P, 1)], A, 10),
                stop(StopReason::TakenBack, accept(B, 30, P)),
            ),
            (
                "and back",
                in_work(&[(A, 30), (B, 20), (A, 10), (P, 1)], A, 10),
                stop(StopReason::TakenBack, accept(A, 30, P)),
            ),
            (
                "saved again on the way",
                in_work(&[(A, 40), (A, 30), (B, 21), (B, 20), (A, 11), (A, 10), (P, 1)], A, 10),
                stop(StopReason::TakenBack, accept(A, 30, P)),
            ),
        ],
    );
}

#[test]
fn a_mark_that_came_along_in_a_merge_ends_its_lead() {
    let merged = |contact: Contact, mark: Mark| Contact {
        mark: MarkSeen::Mark(Mark { contact: ContactId(OTHER_ID.to_owned()), ..mark }),
        ..contact
    };
    let usual = || in_work(&[(A, 10), (P, 1)], A, 10);
    let gone = |then| stop(StopReason::ContactGone, then);
    check(
        &team(),
        [
            (
                "the surviving one is an assistant's",
                merged(usual(), working(A, 10, P)),
                gone(refuse((A, 10, P), Refusal::WorkedBefore, to_previous(P))),
            ),
            (
                "an assistant's, and shows nothing",
                merged(Contact { connection_status: None, ..usual() }, working(A, 10, P)),
                gone(accept(A, 10, P)),
            ),
            (
                "an assistant's, from the hand of the one in the mark",
                merged(in_work(&[(B, 20), (A, 10), (P, 1)], A, 10), working(A, 10, P)),
                gone(refuse((B, 20, P), Refusal::WorkedBefore, to_previous(P))),
            ),
            (
                "of an assistant on hold",
                merged(in_work(&[(WAITING, 10), (P, 1)], WAITING, 10), working(WAITING, 10, P)),
                gone(Then::Wait),
            ),
            (
                "a person's: the mark is its own from now on",
                merged(in_work(&[(P, 20), (A, 10)], A, 10), working(A, 10, P)),
                gone(Then::Close(done(working(A, 10, P)))),
            ),
            (
                "nobody's",
                merged(in_work(&[(NOBODY, 20), (A, 10)], A, 10), working(A, 10, P)),
                gone(Then::Close(done(working(A, 10, P)))),
            ),
            (
                "whose lead was done",
                merged(in_work(&[(P, 20), (A, 10)], A, 10), done(working(A, 10, P))),
                only(Then::Nothing),
            ),
            (
                "whose lead was done, with an assistant",
                merged(usual(), done(working(B, 5, Q))),
                only(refuse((A, 10, P), Refusal::WorkedBefore, to_previous(P))),
            ),
        ],
    );
}
