//! What is written to contacts and timelines.

use super::*;

fn fresh(values: &[(&str, &str)]) -> ContactRecord {
    let address = [("email", "lead@example.com")];
    record(&[(A, 10), (P, 1)], &[address.as_slice(), values].concat())
}

fn nothing() -> BTreeMap<&'static str, &'static str> {
    BTreeMap::new()
}

fn texts<'a>(values: &'a [(&'static str, String)]) -> BTreeMap<&'a str, &'a str> {
    values.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

#[test]
fn an_accepted_contact_shows_what_tec_says_and_has_a_note() {
    let begun = Mark { seq: 0, ..mark(A, 10) };
    let table = [
        ("as it began", "New", vec![], "New", 0),
        ("as it is by now", "Cold", vec![], "Cold", 0),
        ("newer in its events", "New", vec![says(1, "Cold"), says(2, "Warm")], "Warm", 2),
        ("unknown: something has to be shown", "Lukewarm", vec![], "New", 0),
        ("unknown in its events", "Cold", vec![says(1, "Lukewarm")], "Cold", 1),
    ];
    for (what, said, events, state, seq) in table {
        let case = visit(&fresh(&[]), events, Some((LEAD, said)));
        let expected = MarkSeen::Mark(Mark { seq, ..begun.clone() });
        assert_eq!(update(&case), (texts(&shown(state)), expected), "{what}");
        assert_eq!(notes(&case), [(10, "No. 71 works")], "{what}");
    }
}

#[test]
fn a_lead_that_is_done_when_it_is_accepted_goes_back_at_once() {
    let finished = Event { done: true, ..says(1, "Processed") };
    let case = visit(&fresh(&[]), vec![finished], Some((LEAD, "New")));
    let mut expected = shown("Processed").to_vec();
    expected.push((OWNER, P.to_owned()));
    assert_eq!(update(&case), (texts(&expected), MarkSeen::Mark(done(Mark { seq: 1, ..mark(A, 10) }))));
    assert_eq!((notes(&case), case.handed_back), (vec![(10, "No. 71 works")], true));
}

#[test]
fn a_contact_in_work_follows_its_events() {
    let table = [
        ("nothing happened", vec![], nothing(), None),
        ("nothing new", vec![says(7, "Hot"), says(3, "Cold")], nothing(), None),
        ("a state nobody knows", vec![says(9, "Lukewarm")], nothing(), Some(9)),
        ("an e-mail", vec![email(LEAD, 8)], nothing(), Some(8)),
        ("another lead's", vec![event(("lead-0", 9), What::StateChanged { state: "Hot".to_owned() })], nothing(), None),
    ];
    for (what, events, written, seq) in table {
        let case = visit(&in_work(&mark(A, 10)), events, None);
        let expected = seq.map_or(MarkSeen::None, |seq| MarkSeen::Mark(Mark { seq, ..mark(A, 10) }));
        assert_eq!(update(&case), (written, expected), "{what}");
        assert!(notes(&case).is_empty() && !case.handed_back, "{what}");
    }
    let case = visit(&in_work(&mark(A, 10)), vec![says(9, "Hot"), says(8, "Cold")], None);
    assert_eq!(update(&case), (texts(&shown("Hot")), MarkSeen::Mark(Mark { seq: 9, ..mark(A, 10) })));
}

#[test]
fn a_contact_whose_status_the_portal_lacks_shows_the_other_field() {
    let rules = Rules { mapping: Mapping(BTreeMap::new()), ..rules() };
    let case = visit_by(&rules, &in_work(&mark(A, 10)), vec![says(9, "Hot")], None);
    assert_eq!(update(&case).0, [("status", "Hot")].into());
    let mut case = visit(&in_work(&mark(A, 10)), vec![says(9, "Hot")], None);
    case.without_lead_status();
    assert_eq!(update(&case).0, [("status", "Hot")].into());
}

#[test]
fn a_finished_lead_gives_its_contact_back() {
    let finished = || vec![Event { done: true, ..says(9, "Processed") }];
    let over = MarkSeen::Mark(done(Mark { seq: 9, ..mark(A, 10) }));
    let case = visit(&in_work(&mark(A, 10)), finished(), None);
    let with_owner = |to: &str| [shown("Processed").as_slice(), &[(OWNER, to.to_owned())]].concat();
    assert_eq!(update(&case), (texts(&with_owner(P)), over.clone()));
    assert_eq!(case.given().map(|given| (given.to, given.mark.assistant)), Some((Some(owner(P)), owner(A))));
    assert!(notes(&case).is_empty() && case.handed_back);

    let nobody = Rules { active_owners: [owner(A)].into(), ..rules() };
    // Another lead's end is another day's.
    let mut events =
        vec![Event { done: true, ..event(("lead-0", 3), What::StateChanged { state: "Processed".to_owned() }) }];
    events.extend(finished());
    let case = visit_by(&nobody, &in_work(&mark(A, 10)), events, None);
    assert_eq!(update(&case), (texts(&with_owner("")), over));
    assert_eq!(case.given().map(|given| (given.to, given.mark.assistant)), Some((None, owner(A))));
    let [(when, text)] = notes(&case)[..] else { panic!("one note") };
    assert_eq!(when, 1_009, "when the lead was done, by the event that is delivered again after a crash");
    assert!(text.starts_with("No. 71 is done with this contact.") && text.contains("no owner"), "{text}");
}

#[test]
fn a_refused_contact_goes_back_with_a_note_that_says_why_and_where() {
    let refused = Mark { lead: None, phase: Phase::Refused, seq: 0, ..mark(A, 10) };
    let fallback_only = Rules { active_owners: [A, FALLBACK].map(owner).into(), ..rules() };
    let nobody = Rules { active_owners: [owner(A)].into(), ..rules() };
    let worked = || fresh(&[("status", "Warm")]);
    let silent = || record(&[(A, 10), (P, 1)], &[]);
    let table = [
        (rules(), worked(), P, "Clear Status", ""),
        (fallback_only.clone(), worked(), FALLBACK, "Clear Status", "fallback owner"),
        (nobody.clone(), worked(), "", "Clear Status", "no owner now"),
        (rules(), silent(), P, "no e-mail address", ""),
        (nobody, silent(), "", "no e-mail address", "no owner now"),
    ];
    for (rules, record, to, why, whither) in table {
        let case = visit_by(&rules, &record, vec![], None);
        let previous = Some(owner(P)).filter(|id| rules.active_owners.contains(id));
        let expected = MarkSeen::Mark(Mark { previous, ..refused.clone() });
        assert_eq!(update(&case), ([(OWNER, to)].into(), expected), "{why} {to}");
        let [(10, text)] = notes(&case)[..] else { panic!("one note, at the assignment") };
        assert!(text.contains(why) && text.contains(whither), "{text}");
        assert_eq!(text.contains("<br>"), !whither.is_empty(), "{text}");
    }
}

#[test]
fn what_tec_never_takes_is_refused() {
    let rules = rules();
    let Read { contact, person } = Wanted::of(&rules).read(&fresh(&[]));
    let assigned = Assigned { assistant: owner(A), at: at(10), previous: Some(owner(P)) };
    let then = Then::Refuse(assigned, Refusal::NotTaken, HandBack::Previous(owner(P)));
    let mut case = Case::new(contact, person, Decision { stop: None, then }, vec![]);
    assert!(case.plan(&rules, &rules.team()));
    assert!(notes(&case)[0].1.contains("TEC does not accept its data"));
    assert_eq!(update(&case).0, [(OWNER, P)].into());
}

#[test]
fn a_leaving_assistant_gives_back_and_a_person_only_takes() {
    let case = visit(&in_work(&mark(B, 10)), vec![], None);
    assert_eq!(case.decision.stop.as_ref().map(|stop| stop.why), Some(StopReason::AssistantDeleted));
    assert_eq!(update(&case), ([(OWNER, P)].into(), MarkSeen::Mark(done(mark(B, 10)))));
    assert!(notes(&case).is_empty());

    let nobody = Rules { active_owners: [owner(B)].into(), ..rules() };
    let case = visit_by(&nobody, &in_work(&mark(B, 10)), vec![], None);
    assert_eq!(update(&case).0, [(OWNER, "")].into());
    assert_eq!(notes(&case).iter().map(|(when, _)| *when).collect::<Vec<_>>(), [10]);

    let value = mark(A, 10).to_value().unwrap();
    let taken = record(&[(P, 20), (A, 10)], &[("status", "Warm"), ("mark", &value)]);
    let case = visit(&taken, vec![says(9, "Hot")], None);
    assert_eq!(update(&case), (nothing(), MarkSeen::Mark(done(mark(A, 10)))), "nothing people see changes (R9)");
    assert!(case.given().is_none());
}

#[test]
fn what_cannot_be_written_is_said_so() {
    let rules = rules();
    let Read { contact, person } = Wanted::of(&rules).read(&fresh(&[]));
    let decision = decide(&contact, &rules.team());
    let mut case = Case::new(contact, person, decision, vec![]);
    case.lead = Some((LeadId("x".repeat(400)), "New".to_owned()));
    assert!(!case.plan(&rules, &rules.team()));
}

/// Found by `leads/tests`: an assignment was undone between its lead and its mark, and what the assistant had written by then
/// was on no timeline.
#[test]
fn an_email_of_a_lead_nobody_waits_for_is_logged_all_the_same() {
    let case = visit(&record(&[(P, 20), (A, 10)], &[]), vec![email(LEAD, 1)], None);
    assert_eq!((emails(&case), update(&case)), (vec![("lead-1 1", None)], (nothing(), MarkSeen::None)));
    assert_eq!(case.followed.orphans, [LeadId(LEAD.to_owned())]);
}

#[test]
fn an_email_is_its_assistants_as_far_as_marks_tell() {
    let value = Mark { assistant: owner(B), ..mark(B, 10) }.to_value().unwrap();
    let from_hand_to_hand =
        record(&[(A, 20), (B, 10), (P, 1)], &[("email", "l@example.com"), ("status", "Warm"), ("mark", &value)]);
    let events = vec![email("lead-0", 1), email(LEAD, 8), email("lead-2", 1)];
    let case = visit(&from_hand_to_hand, events, Some(("lead-2", "New")));
    assert_eq!(emails(&case), [("lead-0 1", None), ("lead-1 8", Some(B)), ("lead-2 1", Some(A))]);
}

/// Found by `leads/tests`: a closed mark does not follow its lead any more, and what came late was taken for new each time.
#[test]
fn what_may_be_there_already_is_looked_up() {
    let closed = done(mark(A, 10));
    let elsewhere = Mark { contact: ContactId("202".to_owned()), ..mark(A, 10) };
    let table = [
        ("new", in_work(&mark(A, 10)), vec![email(LEAD, 8)], false),
        ("told again", in_work(&mark(A, 10)), vec![email(LEAD, 8), email(LEAD, 7)], false),
        ("another lead's", in_work(&mark(A, 10)), vec![email("lead-0", 9)], true),
        ("late", in_work(&closed), vec![email(LEAD, 8)], true),
        ("told again after the end", in_work(&closed), vec![email(LEAD, 7)], false),
        ("without a mark", fresh(&[]), vec![email("lead-0", 1)], true),
        ("nothing came", in_work(&closed), vec![], false),
        // A contact that swallowed another has its timeline, too.
        ("with another contact's mark", in_work(&elsewhere), vec![], true),
        ("with a mark nobody reads", fresh(&[("mark", "?")]), vec![], true),
    ];
    for (what, record, events, expected) in table {
        assert_eq!(visit(&record, events, None).has_old_news(), expected, "{what}");
    }
    let mut case = visit(&fresh(&[]), vec![email(LEAD, 1)], Some((LEAD, "New")));
    assert!(!case.has_old_news(), "of the lead it becomes");
    case.lead = None;
    assert!(case.has_old_news());
}

/// Whatever became of it since: a salesperson may have deleted the mail, or moved the task.
#[test]
fn what_the_mark_says_is_on_the_timeline_is_not_logged_again() {
    let elsewhere = Mark { contact: ContactId("202".to_owned()), ..mark(A, 10) };
    for (record, expected) in [
        (in_work(&mark(A, 10)), vec!["lead-1 8"]),
        (in_work(&done(mark(A, 10))), vec!["lead-1 8"]),
        (in_work(&elsewhere), vec!["lead-1 6", "lead-1 7", "lead-1 8"]),
    ] {
        let case = visit(&record, vec![email(LEAD, 6), email(LEAD, 7), email(LEAD, 8)], None);
        assert_eq!(emails(&case).into_iter().map(|(subject, _)| subject).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn nothing_of_a_person_is_in_debug() {
    let case = visit(&fresh(&[("firstname", "Lee")]), vec![email(LEAD, 1)], Some((LEAD, "New")));
    let shown = format!("{case:?}");
    for word in ["lead@example.com", "Lee", "Hello", "someone"] {
        assert!(!shown.contains(word), "{word} in {shown}");
    }
}
