//! R5 and R6 of DESIGN 6.1: how a lead shows while it is in work; R2 in one picture.

use serde_json::{Value, json};

use super::{
    SECOND,
    office::{Office, Start},
    ways::{STATUS, TAKEN},
};

#[tokio::test(start_paused = true)]
async fn r1_r2_an_assigned_contact_becomes_a_lead_with_a_note_and_a_status() {
    let office = Office::open().await;
    let contact = office.contact("lena");
    office.pass(SECOND).await;
    office.assign(&contact, &office.ada);
    office.pass(11 * SECOND).await;
    assert_eq!(office.leads(&contact), ["New ada"]);
    assert_eq!(office.timeline(&contact), TAKEN);
    assert_eq!(office.owner_of(&contact), "ada");
}

/// Contacts in work, all at once.
async fn many_in_work(office: &Office, names: &[&str]) -> Vec<String> {
    let contacts: Vec<String> = names.iter().map(|name| office.contact(&name.to_lowercase())).collect();
    office.pass(SECOND).await;
    office.edit(&contacts, "hubspot_owner_id", &office.ada);
    office.pass(11 * SECOND).await;
    contacts
}

#[tokio::test(start_paused = true)]
async fn r5_every_state_shows_as_the_table_says() {
    let table = [
        ("Cold", "IN_PROGRESS"),
        ("Engaged", "IN_PROGRESS"),
        ("Warm", "IN_PROGRESS"),
        ("OutOfOffice", "IN_PROGRESS"),
        ("Hot", "CONNECTED"),
        ("Responded", "CONNECTED"),
        ("LeadAtRisk", "CONNECTED"),
        ("UnSubscribed", "UNQUALIFIED"),
        ("DeActivated", "UNQUALIFIED"),
        ("Processed", "QUALIFIED"),
        ("Pending", "IN_PROGRESS"),
        ("New", "NEW"),
    ];
    let office = Office::open().await;
    let contacts = many_in_work(&office, &table.map(|(state, _)| state)).await;
    for (contact, (state, _)) in contacts.iter().zip(table) {
        office.state(contact, state);
    }
    office.pass(2 * SECOND).await;
    for (contact, (state, lead_status)) in contacts.iter().zip(table) {
        assert_eq!(office.statuses(contact), (lead_status.to_owned(), state.to_owned()));
        assert_eq!(office.notes(contact).len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn r5_of_several_quick_states_only_the_newest_is_written() {
    let office = Office::open().await;
    let contact = office.in_work("lena").await;
    office.forget_requests();
    let said = |seq: u64, state: &str| json!({"crmId": contact, "type": "StateChanged", "state": state, "seq": seq});
    // In whatever order they come.
    office.tec().say(vec![said(2, "Warm"), said(4, "Hot"), said(1, "Cold"), said(3, "Engaged")]).unwrap();
    office.pass(2 * SECOND).await;
    assert_eq!(
        office.since(&contact, &TAKEN),
        ["status: hs_lead_status Connected", "status: Lead Connection Status Hot"]
    );
    assert_eq!(office.hubspot_writes(), ["POST /crm/objects/2026-03/contacts/batch/update"]);
    // Older news that come late change nothing.
    office.tec().say(vec![said(3, "LeadAtRisk")]).unwrap();
    office.pass(2 * SECOND).await;
    assert_eq!(office.statuses(&contact), ("CONNECTED".to_owned(), "Hot".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn r5_a_state_nobody_knows_is_written_nowhere_and_the_next_goes_on() {
    let office = Office::open().await;
    let contact = office.in_work("lena").await;
    office.state(&contact, "Lukewarm");
    office.pass(2 * SECOND).await;
    assert_eq!(office.since(&contact, &TAKEN), [""; 0]);
    office.state(&contact, "Hot");
    office.state(&contact, "SimplyPerfect");
    office.pass(2 * SECOND).await;
    let shown = ["status: hs_lead_status Connected", "status: Lead Connection Status Hot"];
    assert_eq!(office.since(&contact, &TAKEN), shown);
    office.state(&contact, "hot");
    office.say(&contact, json!({"type": "Weather", "sun": true}));
    office.pass(2 * SECOND).await;
    assert_eq!(office.since(&contact, &TAKEN), shown);
    office.state(&contact, "Cold");
    office.pass(2 * SECOND).await;
    assert_eq!(office.statuses(&contact), ("IN_PROGRESS".to_owned(), "Cold".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn r5_single_rows_of_the_table_can_be_changed() {
    let connection = json!({"leadStatus": {"mapping": {"Hot": "OPEN_DEAL", "New": "OPEN"}}});
    let office = Office::open_with(Start { connection, ..Start::default() }).await;
    let contact = office.in_work("lena").await;
    assert_eq!(office.statuses(&contact), ("OPEN".to_owned(), "New".to_owned()));
    for (state, lead_status) in [("Hot", "OPEN_DEAL"), ("Cold", "IN_PROGRESS")] {
        office.state(&contact, state);
        office.pass(2 * SECOND).await;
        assert_eq!(office.statuses(&contact), (lead_status.to_owned(), state.to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn r5_a_lead_status_the_portal_lacks_is_left_out_and_the_rest_is_written() {
    let start = Start { connection: json!({"leadStatus": {"mode": "Observe"}}), ..Start::default() };
    let mut office = Office::closed(start);
    office.world.start();
    office.pass(super::MINUTE).await;
    let flowing = office.flowing();
    assert!(flowing.starts_with("True/"), "{flowing}");
    office.ada = office.world.object("assistants", "ada")["status"]["ownerId"].as_str().unwrap().to_owned();
    let contact = office.in_work("lena").await;
    office.state(&contact, "Hot");
    office.pass(2 * SECOND).await;
    office.state(&contact, "Processed");
    office.pass(2 * SECOND).await;
    assert_eq!(office.statuses(&contact), ("CONNECTED".to_owned(), "Processed".to_owned()));
    assert_eq!(office.flowing(), flowing);
}

fn properties(records: &[Value], names: &[&str]) -> Vec<Vec<String>> {
    let text = |record: &Value, name: &str| record["properties"][name].as_str().unwrap_or("-").to_owned();
    records.iter().map(|record| names.iter().map(|name| text(record, name)).collect()).collect()
}

#[tokio::test(start_paused = true)]
async fn r6_mails_are_logged_with_direction_bodies_people_and_time() {
    let office = Office::open().await;
    let contact = office.in_work("lena").await;
    let first = office.tec().now().to_string();
    let out = json!({
        "subject": "A boat?", "text": "Do you like boats?", "html": "<p>Do you like <b>boats</b>?</p>",
        "cc": [{"email": "sam@example.com", "firstName": "Sam", "lastName": "Sales"}, {"email": "x@example.com"}],
        "bcc": [{"email": "archive@example.com"}],
    });
    office.say(&contact, json!({"type": "EmailSent", "email": out}));
    office.pass(2 * SECOND).await;
    office.say(&contact, json!({"type": "EmailReceived", "email": {"subject": "Re: A boat?", "text": "Yes & no <3"}}));
    office.pass(2 * SECOND).await;
    let emails = office.world.hubspot.emails_of(&contact).unwrap();
    let bodies = ["hs_email_direction", "hs_email_status", "hs_email_subject", "hs_email_text", "hs_email_html"];
    assert_eq!(
        properties(&emails, &bodies),
        [
            ["EMAIL", "SENT", "A boat?", "Do you like boats?", "<p>Do you like <b>boats</b>?</p>"],
            ["INCOMING_EMAIL", "SENT", "Re: A boat?", "Yes & no <3", "-"],
        ]
    );
    let people = ["from_email", "from_firstname", "to_email", "to_firstname", "cc_email", "cc_firstname", "bcc_email"]
        .map(|end| format!("hs_email_{end}"));
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    let cc = "sam@example.com;x@example.com";
    assert_eq!(
        properties(&emails, &people),
        [
            ["ada@example.com", "ada", "lena@customer.example.com", "lena", cc, "Sam", "archive@example.com"],
            ["lena@customer.example.com", "lena", "ada@example.com", "ada", "-", "-", "-"],
        ]
    );
    let at = emails[0]["properties"]["hs_timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert_eq!(at.to_string(), first);
    assert_eq!(emails[0]["properties"]["hubspot_owner_id"], json!(office.ada));
    assert_eq!(
        office.since(&contact, &TAKEN),
        ["email: EMAIL A boat?: Do you like boats?", "email: INCOMING_EMAIL Re: A boat?: Yes & no <3"]
    );
}

#[tokio::test(start_paused = true)]
async fn r6_tasks_are_logged_with_due_date_priority_and_owner() {
    let office = Office::open().await;
    let contact = office.in_work("lena").await;
    let due = "2026-12-01T09:00:00Z";
    let call =
        json!({"subject": "Call Lena", "body": "She wants a boat", "dueAt": due, "priority": "HIGH", "type": "CALL"});
    office.say(&contact, json!({"type": "TaskCreated", "task": call}));
    office.say(&contact, json!({"type": "TaskCreated", "task": {"subject": "Think", "dueAt": due}}));
    office.pass(2 * SECOND).await;
    let tasks = office.world.hubspot.tasks_of(&contact).unwrap();
    let names = ["subject", "body", "status", "priority", "type"].map(|name| format!("hs_task_{name}"));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut found = properties(&tasks, &names);
    found.sort();
    assert_eq!(
        found,
        [
            ["Call Lena", "She wants a boat", "NOT_STARTED", "HIGH", "CALL"],
            ["Think", "-", "NOT_STARTED", "MEDIUM", "TODO"],
        ]
    );
    for task in &tasks {
        assert!(task["properties"]["hs_timestamp"].as_str().unwrap().starts_with("2026-12-01T09:00:00"), "{task}");
        assert_eq!(task["properties"]["hubspot_owner_id"], json!(office.ada));
    }
}

#[tokio::test(start_paused = true)]
async fn r6_what_tec_tells_again_is_logged_once_also_by_the_next_operator() {
    let mut office = Office::open().await;
    let contact = office.in_work("lena").await;
    let said = office
        .tec()
        .say(vec![
            json!({"crmId": contact, "type": "EmailSent", "email": {"subject": "Hello", "html": "<p>Hi</p>"}}),
            json!({"crmId": contact, "type": "TaskCreated", "task": {"subject": "Call"}}),
            json!({"crmId": contact, "type": "StateChanged", "state": "Hot"}),
        ])
        .unwrap();
    office.pass(2 * SECOND).await;
    let expected = [
        "email: EMAIL Hello: Hi",
        "task: Call: -",
        "status: hs_lead_status Connected",
        "status: Lead Connection Status Hot",
    ];
    let seen = |office: &Office| {
        let mut seen = office.since(&contact, &TAKEN);
        seen.sort();
        seen
    };
    let mut sorted = expected;
    sorted.sort_unstable();
    assert_eq!(seen(&office), sorted);
    for event in &said {
        office.tec().say_anything(event.clone());
    }
    office.pass(2 * SECOND).await;
    assert_eq!(seen(&office), sorted);
    office.world.kill().await;
    for event in &said {
        office.tec().say_anything(event.clone());
    }
    office.world.start();
    office.pass(super::MINUTE).await;
    assert_eq!(seen(&office), sorted);
}

#[tokio::test(start_paused = true)]
async fn r6_two_mails_with_the_same_words_at_different_times_are_two() {
    let office = Office::open().await;
    let contact = office.in_work("lena").await;
    for _ in 0..2 {
        office.say(&contact, json!({"type": "EmailSent", "email": {"subject": "Ping", "text": "Still there?"}}));
        office.pass(2 * SECOND).await;
    }
    assert_eq!(office.since(&contact, &TAKEN), ["email: EMAIL Ping: Still there?"; 2]);
}

#[tokio::test(start_paused = true)]
async fn r6_a_body_longer_than_hubspot_takes_is_cut_and_says_so() {
    let office = Office::open().await;
    let contact = office.in_work("lena").await;
    let long = "ä€".repeat(60_000);
    let email = json!({"subject": "Long", "text": long, "html": format!("<p>{long}</p>")});
    office.say(&contact, json!({"type": "EmailSent", "email": email}));
    office.say(&contact, json!({"type": "TaskCreated", "task": {"subject": "Read", "body": long}}));
    office.pass(5 * SECOND).await;
    let emails = office.world.hubspot.emails_of(&contact).unwrap();
    let tasks = office.world.hubspot.tasks_of(&contact).unwrap();
    assert_eq!((emails.len(), tasks.len()), (1, 1));
    for body in [&emails[0]["properties"]["hs_email_text"], &tasks[0]["properties"]["hs_task_body"]] {
        let body = body.as_str().unwrap();
        assert!(body.starts_with("ä€ä€") && body.ends_with("[…]") && body.chars().count() > 60_000);
    }
    // The next operator recognises them, cut as they are.
    office.state(&contact, "Hot");
    office.pass(2 * SECOND).await;
    assert_eq!(office.value(&contact, STATUS), "Hot");
}

#[tokio::test(start_paused = true)]
async fn r6_notes_say_what_the_template_says_and_markup_in_it_is_text() {
    let accepted = "{assistant} <b>& friends</b> \"took\" {field}\n{nothing}";
    let connection = json!({"leads": {"notes": {"accepted": accepted}}});
    let office = Office::open_with(Start { connection, ..Start::default() }).await;
    office.change_assistant("ada", &json!({"firstName": "<i>{field}</i>"}));
    office.pass(5 * SECOND).await;
    let contact = office.in_work("lena").await;
    let notes = office.world.hubspot.notes_of(&contact).unwrap();
    assert_eq!(
        properties(&notes, &["hs_note_body"]),
        [[
            "&lt;i&gt;{field}&lt;/i&gt; Assistant &lt;b&gt;&amp; friends&lt;/b&gt; &quot;took&quot; Lead Connection Status<br>{nothing}"
        ]]
    );
    assert_eq!(
        office.notes(&contact),
        ["ada: <i>{field}</i> Assistant <b>& friends</b> \"took\" Lead Connection Status\n{nothing}"]
    );
}
