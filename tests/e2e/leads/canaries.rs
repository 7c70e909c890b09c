//! What is in contacts, notes, e-mails, tokens and secrets is in no log line, no version of an object and no event, also when
//! everything fails once and HubSpot and TEC repeat the values in their errors. And what knocks at the webhooks' door
//! without being HubSpot gets its answer and costs nothing.

use std::time::Duration;

use serde_json::{Value, json};
use tec_crm::sim::hubspot::{FaultRule, Forgery};

use super::{
    super::world::{PATIENCE, Setup},
    office::{Office, Opening, PORTAL},
};

const FIRST_NAME: &str = "Canaryfirst";
const LAST_NAME: &str = "Canarylast";
const COMPANY: &str = "Canarycompany";
const PHONE: &str = "+49 30 5550199";
const CONTEXT: &str = "Canarycontext";
const SUBJECT: &str = "Canarysubject";
const BODY: &str = "Canarybody";
const MAILBOX: &str = "canary.mailbox";
const ALL: [&str; 8] = [FIRST_NAME, LAST_NAME, COMPANY, PHONE, CONTEXT, SUBJECT, BODY, MAILBOX];

fn noisy(name: &'static str) -> Office {
    let opening = Opening::new(name);
    Office::open(Opening { setup: Setup { rust_log: "debug", ..opening.setup }, ..opening })
}

/// The world itself looks for them when it is over.
#[test]
fn no_contact_data_and_no_secret_is_seen_although_everything_fails_and_repeats_it() {
    let mut office = noisy("leads-canary");
    office.world.secrets.extend(ALL.map(str::to_owned));
    office.bring_in_work(&json!({"leads": {"pollInterval": "1s"}}));
    let words = words(&office);
    let contact = office.contact(
        MAILBOX,
        &[
            ("firstname", FIRST_NAME),
            ("lastname", LAST_NAME),
            ("company", COMPANY),
            ("phone", PHONE),
            ("tec_context", CONTEXT),
        ],
    );
    let steps = [
        "/crm/objects/contacts/search",
        "/crm/objects/contacts/batch/read",
        "/v1/leads/batch",
        "/crm/objects/notes/batch/create",
        "/crm/objects/contacts/batch/update",
    ];
    for (number, (status, body)) in answers(&words).into_iter().enumerate() {
        for route in steps {
            fault(&office, route, status, &body);
        }
        // The first time it is found by webhook, then by search.
        office.assign(std::slice::from_ref(&contact), &office.ada());
        office.wait_until("every step has failed", 2 * PATIENCE, || {
            steps.iter().all(|route| failed(&office, route, status) > 0)
        });
        office.wait_until("and then succeeded", 2 * PATIENCE, || !office.statuses(&contact)[1].is_empty());

        let events = ["/v1/events", "/crm/objects/emails/batch/create", "/crm/objects/tasks/batch/create"];
        for route in events {
            fault(&office, route, status, &body);
        }
        let email = json!({"subject": SUBJECT, "text": BODY, "html": format!("<p>{BODY}</p>")});
        office.say(&contact, &json!({"type": "EmailSent", "email": email}));
        office.say(&contact, &json!({"type": "EmailReceived", "email": email}));
        office.say(&contact, &json!({"type": "TaskCreated", "task": {"subject": SUBJECT, "body": BODY}}));
        // An unknown state, and one that ends it.
        office.say(&contact, &json!({"type": "StateChanged", "state": FIRST_NAME}));
        office.say(&contact, &json!({"type": "StateChanged", "state": "Responded", "done": true}));
        office.wait_until("every step has failed", 3 * PATIENCE, || {
            events.iter().all(|route| failed(&office, route, status) > 0)
        });
        office.wait_until("it goes back", 3 * PATIENCE, || office.value(&contact, "hubspot_owner_id") == office.sam);
        let emails = office.sim.emails_of(&contact).expect("a contact");
        assert_eq!(emails.len(), 2 * (number + 1), "{:#?}", office.timeline(&contact));
        // Somebody starts over, with what was said before in the field.
        office.sim.clear_faults();
        office.edit(std::slice::from_ref(&contact), "tec_lead_connection_status", "");
        office.sim.reset_requests();
        office.tec.reset_requests();
    }
    office.wait_condition(PORTAL, ["LeadsFlowing", "True", "Succeeded"], PATIENCE);
    let log = office.log();
    assert!(log.contains(" DEBUG ") && log.contains("leads do not flow"), "the log is less than asked for");
}

/// Every canary, as an error might repeat them.
fn words(office: &Office) -> String {
    format!("{} is not welcome: {} {MAILBOX}@customer.example.com", office.secrets.join(", "), ALL.join(" "))
}

/// What HubSpot or TEC may answer instead of the truth.
fn answers(words: &str) -> Vec<(u16, Value)> {
    let inner =
        format!("Property values were not valid: [{{\"isValid\":false,\"message\":\"{words}\",\"name\":\"email\"}}]");
    let codes = json!({
        "status": "error", "message": inner, "category": "VALIDATION_ERROR", "code": "INVALID_EMAIL", "subCategory": words,
        "errors": [{"message": words, "code": words, "in": words, "context": {"value": [words]}}], "context": {"email": [words]},
    });
    let garbage = json!({"results": [{"id": words, "properties": words}], "leads": words, "events": words});
    vec![(400, codes), (200, garbage)]
}

fn fault(office: &Office, route: &str, status: u16, body: &Value) {
    let rule =
        FaultRule { route: route.into(), status: Some(status), body: Some(body.clone()), ..FaultRule::default() };
    office.sim.add_fault(rule).expect("a fault");
}

/// How often a route has answered so since the last reset.
fn failed(office: &Office, route: &str, status: u16) -> u64 {
    let counts = if route.starts_with("/v1/") { office.tec.requests() } else { office.sim.requests() };
    counts
        .by_route
        .iter()
        .filter(|line| line.route == route && line.status == Some(status))
        .map(|line| line.count)
        .sum()
}

#[test]
fn what_is_not_hubspots_is_refused_and_costs_no_call() {
    let office = noisy("leads-forged");
    office.bring_in_work(&json!({}));
    let contact = office.contact("lena", &[]);
    office.assign(std::slice::from_ref(&contact), &office.ada());
    office.wait_until("a genuine delivery is taken", PATIENCE, || {
        office.sim.webhook_attempts().iter().any(|attempt| attempt.status == Some(204))
    });
    office.wait_until("the contact is accepted", PATIENCE, || !office.statuses(&contact)[1].is_empty());
    office.wait_calm(Duration::from_millis(500));
    office.sim.reset_requests();
    for (kind, expected) in [
        (Forgery::Replayed, 204),
        (Forgery::Forged, 401),
        (Forgery::Stale, 401),
        (Forgery::Malformed, 400),
        (Forgery::Oversized, 413),
    ] {
        let status = office.runtime().block_on(office.sim.forge_webhook(kind)).expect("an answer");
        assert_eq!(status, expected, "{kind:?}");
    }
    office.wait_calm(Duration::from_millis(500));
    assert_eq!(office.sim.requests().total, 0, "{:?}", office.sim.requests());
}
