//! Notes, e-mails and tasks as API.md §9 has them, and how each is recognised.

use jiff::ToSpan;
use serde_json::Value;

use super::*;
use crate::domain::LeadId;

fn at() -> Timestamp {
    "2026-11-22T10:00:00.123456Z".parse().unwrap()
}

fn contact() -> ContactId {
    ContactId("201".to_owned())
}

fn ada() -> OwnerId {
    OwnerId("555".to_owned())
}

fn event(what: What) -> Event {
    Event { seq: 4, lead: LeadId("lead-1".to_owned()), contact: contact(), occurred_at: at(), done: false, what }
}

fn person(email: &str, first: Option<&str>, last: Option<&str>) -> Address {
    let text = |text: &str| text.to_owned();
    Address { email: text(email), first_name: first.map(text), last_name: last.map(text) }
}

fn message() -> EmailMessage {
    EmailMessage {
        subject: "Your question".to_owned(),
        text: Some("Hello Lee,\nhow about Monday?".to_owned()),
        html: Some("<p>Hello Lee,</p><p>how about Monday?</p>".to_owned()),
        from: person("assistant@example.com", Some("Ada"), Some("Assistant")),
        to: vec![person("lead@example.com", Some("L"), Some("E"))],
        cc: vec![person("boss@example.com", None, Some("Boss"))],
        bcc: Vec::new(),
    }
}

fn todo() -> Task {
    Task {
        subject: "Call back".to_owned(),
        body: Some("They ask for a price.".to_owned()),
        due_at: "2026-11-25T09:00:00Z".parse().unwrap(),
        priority: Some("HIGH".to_owned()),
        task_type: Some("CALL".to_owned()),
    }
}

fn logged(event: &Event) -> Entry {
    of_event(event, Some(&ada())).unwrap()
}

fn properties(entry: &Entry) -> BTreeMap<&str, &str> {
    entry.new.properties.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// What HubSpot shows of it afterwards.
fn record(entry: &Entry, changes: &[(&str, &str)]) -> EngagementRecord {
    let mut properties = entry.new.properties.clone();
    properties.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    // Only what was asked for.
    properties.retain(|name, _| key_properties(entry.kind).contains(&name.as_str()));
    EngagementRecord::new("9".to_owned(), properties)
}

fn is_recognised(entry: &Entry, changes: &[(&str, &str)]) -> bool {
    key_of(entry.kind, &record(entry, changes)).as_ref() == Some(&entry.key)
}

#[test]
fn a_note_is_the_assistants_and_stands_where_the_assignment_was() {
    let entry = note(&contact(), at(), "Ada works on it.<br>Yes.", &ada());
    assert_eq!((entry.kind, &entry.new.contact), (EngagementKind::Note, &contact()));
    let expected = [
        ("hs_note_body", "Ada works on it.<br>Yes."),
        ("hs_timestamp", "2026-11-22T10:00:00.123Z"),
        ("hubspot_owner_id", "555"),
    ];
    assert_eq!(properties(&entry), expected.into());
}

#[test]
fn an_email_is_logged_with_its_direction_and_headers() {
    let directions =
        [(event(What::EmailSent(message())), "EMAIL"), (event(What::EmailReceived(message())), "INCOMING_EMAIL")];
    for (event, direction) in directions {
        let entry = logged(&event);
        assert_eq!((entry.kind, &entry.new.contact), (EngagementKind::Email, &contact()));
        let mut properties = properties(&entry);
        let headers: Value = serde_json::from_str(properties.remove("hs_email_headers").unwrap()).unwrap();
        let expected = json!({
            "from": {"email": "assistant@example.com", "firstName": "Ada", "lastName": "Assistant"},
            "to": [{"email": "lead@example.com", "firstName": "L", "lastName": "E"}],
            "cc": [{"email": "boss@example.com", "lastName": "Boss"}],
            "bcc": [],
        });
        assert_eq!(headers, expected);
        let expected = [
            ("hs_email_direction", direction),
            ("hs_email_html", "<p>Hello Lee,</p><p>how about Monday?</p>"),
            ("hs_email_status", "SENT"),
            ("hs_email_subject", "Your question"),
            ("hs_email_text", "Hello Lee,\nhow about Monday?"),
            ("hs_timestamp", "2026-11-22T10:00:00.123Z"),
            ("hubspot_owner_id", "555"),
        ];
        assert_eq!(properties, expected.into());
    }
}

#[test]
fn an_email_to_thousands_names_the_first_fifty_of_each_kind() {
    let many = |kind: &str| (0..2_000).map(|n| person(&format!("{n}.{kind}@example.com"), None, None)).collect();
    let entry = logged(&event(What::EmailSent(EmailMessage { cc: many("cc"), bcc: many("bcc"), ..message() })));
    let headers: Value = serde_json::from_str(properties(&entry)["hs_email_headers"]).unwrap();
    for kind in ["cc", "bcc"] {
        let named: Vec<&str> =
            headers[kind].as_array().unwrap().iter().map(|person| person["email"].as_str().unwrap()).collect();
        let expected: Vec<String> = (0..50).map(|n| format!("{n}.{kind}@example.com")).collect();
        assert_eq!(named, expected);
    }
}

#[test]
fn an_email_has_the_bodies_it_has() {
    let with = |text: Option<&str>, html: Option<&str>| EmailMessage {
        text: text.map(ToOwned::to_owned),
        html: html.map(ToOwned::to_owned),
        ..message()
    };
    for (message, bodies) in [
        (with(Some("t"), None), vec![("hs_email_text", "t")]),
        (with(None, Some("h")), vec![("hs_email_html", "h")]),
        (with(None, None), vec![]),
    ] {
        let entry = logged(&event(What::EmailSent(message)));
        let mut found = properties(&entry);
        found.retain(|name, _| ["hs_email_text", "hs_email_html"].contains(name));
        assert_eq!(found, bodies.into_iter().collect());
        assert!(is_recognised(&entry, &[]));
    }
}

#[test]
fn a_task_stands_at_its_due_date() {
    let entry = logged(&event(What::TaskCreated(todo())));
    assert_eq!((entry.kind, &entry.new.contact), (EngagementKind::Task, &contact()));
    let expected = [
        ("hs_task_body", "They ask for a price."),
        ("hs_task_priority", "HIGH"),
        ("hs_task_status", "NOT_STARTED"),
        ("hs_task_subject", "Call back"),
        ("hs_task_type", "CALL"),
        ("hs_timestamp", "2026-11-25T09:00:00Z"),
        ("hubspot_owner_id", "555"),
    ];
    assert_eq!(properties(&entry), expected.into());
}

#[test]
fn a_task_says_what_tec_does_not() {
    let odd = Task { body: None, priority: Some("URGENT".to_owned()), task_type: None, ..todo() };
    let entry = logged(&event(What::TaskCreated(odd)));
    let found = properties(&entry);
    assert_eq!(
        (found["hs_task_body"], found["hs_task_priority"], found["hs_task_type"]),
        ("", "MEDIUM", "TODO"),
        "HubSpot refuses words it does not know"
    );
    assert!(is_recognised(&entry, &[]), "HubSpot shows no empty body");
}

#[test]
fn events_about_states_put_nothing_on_the_timeline() {
    for what in [What::StateChanged { state: "Warm".to_owned() }, What::Unknown { kind: "Later".to_owned() }] {
        assert!(of_event(&event(what), Some(&ada())).is_none());
    }
}

#[test]
fn nobody_is_named_whom_nobody_knows() {
    let entry = of_event(&event(What::EmailSent(message())), None).unwrap();
    assert!(!entry.new.properties.contains_key("hubspot_owner_id"));
    assert_eq!(entry.key, logged(&event(What::EmailSent(message()))).key, "it is the same e-mail");
}

#[test]
fn the_same_thing_has_the_same_key() {
    let events = [What::EmailSent(message()), What::TaskCreated(todo())];
    for what in events {
        let again = Event { seq: 9, occurred_at: at() + 300.microseconds(), ..event(what.clone()) };
        let (first, second) = (logged(&event(what)), logged(&again));
        assert_eq!(first.key, second.key, "redelivered; HubSpot keeps milliseconds");
        assert!(is_recognised(&first, &[]));
    }
    let note = note(&contact(), at(), "A &amp; B<br>C", &ada());
    assert!(is_recognised(&note, &[]));
}

#[test]
fn different_things_have_different_keys() {
    let email = |message| logged(&event(What::EmailSent(message))).key;
    let usual = email(message());
    let text = |text: &str| text.to_owned();
    assert_ne!(usual, email(EmailMessage { subject: text("Your answer"), ..message() }));
    assert_ne!(usual, email(EmailMessage { text: Some(text("Hello Lee,\nhow about Tuesday?")), ..message() }));
    let later = Event { occurred_at: at() + 1.millisecond(), ..event(What::EmailSent(message())) };
    assert_ne!(usual, logged(&later).key);

    let task = |task| logged(&event(What::TaskCreated(task))).key;
    let usual = task(todo());
    assert_ne!(usual, task(Task { subject: text("Call again"), ..todo() }));
    assert_ne!(usual, task(Task { body: None, ..todo() }));
    assert_ne!(usual, task(Task { due_at: at(), ..todo() }));
    // What a person changes while working on it is no other task.
    assert_eq!(usual, task(Task { priority: None, task_type: None, ..todo() }));

    let on = |html: &str, at| note(&contact(), at, html, &ada()).key;
    assert_ne!(on("yes", at()), on("no", at()));
    assert_ne!(on("yes", at()), on("yes", at() + 1.millisecond()));
}

#[test]
fn what_hubspot_touched_is_recognised() {
    let note = note(&contact(), at(), "\"A &amp; B\"<br>works &lt;here&gt;", &ada());
    for body in [
        "<p>\"A &amp; B\"<br>works &lt;here&gt;</p>",
        "<div style=\"\" dir=\"auto\"><p>&quot;A &amp; B&quot;<br />\nworks&nbsp;&lt;here&gt;</p></div>",
        "\"A & B\" works &lt;here&gt;",
    ] {
        assert!(is_recognised(&note, &[("hs_note_body", body)]), "{body}");
    }
    for time in ["1795341600123", "2026-11-22T10:00:00.123Z", "2026-11-22T11:00:00.123+01:00"] {
        assert!(is_recognised(&note, &[("hs_timestamp", time)]), "{time}");
    }
    assert!(!is_recognised(&note, &[("hs_note_body", "\"A &amp; B\" works &lt;there&gt;")]));

    let email = logged(&event(What::EmailSent(message())));
    let touched = [("hs_email_text", "Hello Lee,\r\nhow about Monday? "), ("hs_email_html", "<html>other</html>")];
    assert!(is_recognised(&email, &touched), "text comes first");
    let html_only = logged(&event(What::EmailSent(EmailMessage { text: None, ..message() })));
    assert!(is_recognised(
        &html_only,
        &[("hs_email_html", "<html><body>Hello Lee,<br>how about Monday?</body></html>")]
    ));
}

/// Whether HubSpot makes the other body when it is given only one is not known.
#[test]
fn a_body_hubspot_makes_itself_does_not_hide_an_email() {
    let html_only = logged(&event(What::EmailSent(EmailMessage { text: None, ..message() })));
    assert!(is_recognised(&html_only, &[("hs_email_text", "Hello Lee, how about Monday?")]));
    let text_only = logged(&event(What::EmailSent(EmailMessage { html: None, ..message() })));
    assert!(is_recognised(&text_only, &[("hs_email_html", "<p>Hello Lee,<br>how about Monday?</p>")]));
}

#[test]
fn what_has_no_time_has_no_key() {
    let note = note(&contact(), at(), "yes", &ada());
    for time in ["", "soon"] {
        assert_eq!(key_of(EngagementKind::Note, &record(&note, &[("hs_timestamp", time)])), None);
    }
}

#[test]
fn what_is_too_long_is_cut_and_recognised() {
    let long = "word ".repeat(20_000);
    let email = EmailMessage { text: Some(long.clone()), html: Some(format!("<p>{long}</p>")), ..message() };
    let entries = [
        note(&contact(), at(), &long, &ada()),
        logged(&event(What::EmailSent(email))),
        logged(&event(What::TaskCreated(Task { body: Some(long), ..todo() }))),
    ];
    for entry in entries {
        assert!(entry.new.properties.values().all(|value| value.chars().count() <= 65_536));
        assert!(is_recognised(&entry, &[]));
    }
}

#[test]
fn nothing_of_it_is_in_debug() {
    let shown = format!("{:?}", logged(&event(What::EmailSent(message()))));
    for word in ["Hello", "question", "example.com", "Ada", "Lee"] {
        assert!(!shown.contains(word), "{shown}");
    }
}
