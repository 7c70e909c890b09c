//! What HubSpot shows, as the rules and TEC get it.

use super::*;

fn read(record: &ContactRecord) -> Read {
    Wanted::of(&rules()).read(record)
}

#[test]
fn a_contact_is_read_with_everything_the_rules_look_at() {
    let value = mark(A, 10).to_value().unwrap();
    let values = [
        ("email", " lead@example.com "),
        ("firstname", "Lee"),
        ("lastname", " "),
        ("company", "Lead Ltd"),
        ("phone", "+49 30 1"),
        ("context", "likes trains"),
        ("schedule", "sched-1"),
        ("status", "Warm"),
        ("mark", &value),
        (ASSIGNED, "1970-01-01T00:00:10Z"),
    ];
    let Read { contact, person } = read(&record(&[(A, 10), (P, 1)], &values));
    let change = |id: &str, second| OwnerChange { owner: Some(owner(id)), at: at(second) };
    let expected = Contact {
        id: ContactId(ID.to_owned()),
        owner: Some(owner(A)),
        history: vec![change(A, 10), change(P, 1)],
        owner_assigned_at: Some(at(10)),
        has_email: true,
        connection_status: Some("Warm".to_owned()),
        mark: MarkSeen::Mark(mark(A, 10)),
    };
    assert_eq!(contact, expected);
    let text = |text: &str| Some(text.to_owned());
    let expected = LeadContact {
        crm_id: ContactId(ID.to_owned()),
        email: "lead@example.com".to_owned(),
        first_name: text("Lee"),
        last_name: None,
        company: text("Lead Ltd"),
        phone: text("+49 30 1"),
    };
    assert!(person.contact == expected);
    assert_eq!(
        (person.context, person.schedule, person.assigned),
        (text("likes trains"), text("sched-1"), Some(at(10)))
    );
}

#[test]
fn nothing_is_made_of_what_is_not_there() {
    let Read { contact, person } =
        read(&record(&[], &[("email", " "), ("status", " "), ("mark", " "), (ASSIGNED, "soon")]));
    let expected = Contact {
        id: ContactId(ID.to_owned()),
        owner: None,
        history: Vec::new(),
        owner_assigned_at: None,
        has_email: false,
        connection_status: None,
        mark: MarkSeen::None,
    };
    assert_eq!(contact, expected);
    assert_eq!((person.contact.email.as_str(), person.context, person.assigned), ("", None, None));
}

/// Whether saving the same owner again adds a version is not known (API.md §14.8): the assignment is the oldest of them.
#[test]
fn an_owner_saved_again_is_one_change() {
    let owners = [(A, 40), (A, 30), (A, 20), ("", 11), ("", 10), (P, 9), (A, 8), (P, 7), (P, 6)];
    let Read { contact, .. } = read(&record(&owners, &[]));
    let seen: Vec<(&str, i64)> = contact
        .history
        .iter()
        .map(|change| (change.owner.as_ref().map_or("", OwnerId::as_str), change.at.as_second()))
        .collect();
    assert_eq!(seen, [(A, 20), ("", 10), (P, 9), (A, 8), (P, 6)]);
    assert_eq!(contact.assignment().at, at(20));
}

#[test]
fn what_is_asked_for_is_what_is_read() {
    let rules = rules();
    let wanted = Wanted::of(&rules);
    let asked: BTreeSet<&str> = wanted.properties().into_iter().collect();
    for name in
        [OWNER, ASSIGNED, "email", "firstname", "lastname", "company", "phone", "context", "schedule", "status", "mark"]
    {
        assert!(asked.contains(name), "{name}");
    }
    assert_eq!(wanted.search_properties(), [OWNER, ASSIGNED, "status", "mark"]);
    let hit = record(&[(A, 10)], &[("status", "Warm")]);
    assert_eq!(wanted.shown(&hit).connection_status.as_deref(), Some("Warm"));
}
