//! R11: while something is on hold assignments wait; none is lost, none is refused for waiting, none is taken twice.

use std::future::Future;

use serde_json::{Value, json};
use tec_crm::sim::{
    kube::{Strike, Verb},
    tec::NewAssistant,
};

use super::{
    HOUR, MINUTE, SECOND,
    office::{Office, Start},
    ways::{STATUS, TAKEN},
};

/// What waits in an office.
struct Work {
    /// In work before.
    working: String,
    /// Assigned meanwhile.
    fresh: Vec<String>,
    /// Was a lead before, and assigned again meanwhile.
    worked: String,
}

/// Something is put on hold, the day goes on for ten minutes, and nothing of ours happens.
async fn waits<F: Future<Output = ()>>(office: &Office, hold: impl FnOnce() -> F) -> Work {
    let worked = office.worked("worked").await;
    let working = office.in_work("working").await;
    hold().await;
    office.forget_requests();
    let fresh: Vec<String> = ["lena", "otto", "ida"].iter().map(|name| office.contact(name)).collect();
    office.pass(SECOND).await;
    office.edit(&[fresh.clone(), vec![worked.clone()]].concat(), "hubspot_owner_id", &office.ada);
    office.say(&working, json!({"type": "EmailSent", "email": {"subject": "Boat", "text": "Hi"}}));
    office.state(&working, "Hot");
    office.pass(10 * MINUTE).await;
    assert_eq!((office.hubspot_writes(), office.tec_writes()), (Vec::new(), Vec::new()));
    for contact in &fresh {
        assert_eq!((office.leads(contact).len(), office.owner_of(contact).as_str()), (0, "ada"));
    }
    assert_eq!(office.timeline(&working), TAKEN);
    Work { working, fresh, worked }
}

/// After the hold everything has happened once.
async fn goes_on(office: &Office, Work { working, fresh, worked }: &Work) {
    for _ in 0..2 {
        office.pass(12 * SECOND).await;
        for contact in fresh {
            assert_eq!(
                (office.timeline(contact), office.leads(contact)),
                (TAKEN.map(str::to_owned).to_vec(), vec!["New ada".to_owned()])
            );
        }
        assert_eq!(
            office.since(working, &TAKEN),
            ["email: EMAIL Boat: Hi", "status: hs_lead_status Connected", "status: Lead Connection Status Hot"]
        );
        assert_eq!((office.owner_of(worked), office.notes(worked).len()), ("sam".to_owned(), 2));
        office.pass(10 * MINUTE).await;
    }
    assert!(office.flowing().starts_with("True/Succeeded"), "{}", office.flowing());
}

async fn connection_waits(office: &Office, spec: Value, said: &str) -> Work {
    let work = waits(office, || async {
        office.change_connection(&spec);
        office.pass(5 * SECOND).await;
    })
    .await;
    assert_eq!(office.flowing(), said);
    work
}

#[tokio::test(start_paused = true)]
async fn a_connection_on_hold_goes_on_at_its_deadline() {
    let office = Office::open().await;
    let spec = json!({"holdUntil": office.date_in(15 * MINUTE)});
    let said = "False/OnHold: on hold: assignments wait, none is lost and none is refused for waiting";
    let work = connection_waits(&office, spec, said).await;
    office.pass(5 * MINUTE).await;
    goes_on(&office, &work).await;
}

#[tokio::test(start_paused = true)]
async fn a_suspended_connection_goes_on_when_it_is_not_any_more() {
    let office = Office::open().await;
    let work = connection_waits(&office, json!({"suspend": true}), "-").await;
    assert!(office.world.ready("crmconnections", "portal").starts_with("Unknown/Suspended"));
    office.change_connection(&json!({"suspend": false}));
    goes_on(&office, &work).await;
}

/// What people ask for holds also while nobody can be told that it does.
#[tokio::test(start_paused = true)]
async fn a_connection_waits_when_told_to_although_its_status_cannot_be_written() {
    for (wait, go_on) in [
        (json!({"suspend": true}), json!({"suspend": false})),
        (json!({"leads": {"mode": "Off"}}), json!({"leads": {"mode": "Process"}})),
    ] {
        let office = Office::open().await;
        let lena = office.contact("lena");
        office.world.kube.set_chaos(|verb: Verb, plural: &str| {
            let refused = Strike::Refuse { code: 403, reason: "Forbidden".to_owned() };
            (verb == Verb::Patch && plural == "crmconnections").then_some(refused)
        });
        office.change_connection(&wait);
        office.pass(MINUTE).await;
        office.assign(&lena, &office.ada);
        office.pass(HOUR).await;
        assert_eq!((office.leads(&lena).len(), office.notes(&lena).len()), (0, 0), "{wait}");
        office.world.kube.clear_chaos();
        office.change_connection(&go_on);
        office.pass(10 * MINUTE).await;
        assert_eq!((office.leads(&lena).len(), office.notes(&lena).len()), (1, 1), "{wait}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_observes_says_what_it_would_do() {
    let office = Office::open().await;
    let said = "False/DriftReported: leads.mode is Observe: 3 contacts would become leads, 1 would go back";
    let work = connection_waits(&office, json!({"leads": {"mode": "Observe"}}), said).await;
    office.assign(&work.worked, &office.sam);
    office.pass(12 * SECOND).await;
    let said = "False/DriftReported: leads.mode is Observe: 3 contacts would become leads, 0 would go back";
    assert_eq!(office.flowing(), said, "somebody had second thoughts");
    office.assign(&work.fresh[0], &office.sam);
    office.pass(70 * MINUTE).await;
    let said = "False/DriftReported: leads.mode is Observe: 2 contacts would become leads, 0 would go back";
    assert_eq!(office.flowing(), said, "also about one without a trace of ours");
    assert_eq!((office.hubspot_writes(), office.tec_writes()), (Vec::new(), Vec::new()));
    let work = Work { fresh: work.fresh[1..].to_vec(), ..work };
    office.assign(&work.worked, &office.ada);
    office.change_connection(&json!({"leads": {"mode": "Process"}}));
    goes_on(&office, &work).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_only_plans_waits_too() {
    let office = Office::open().await;
    let work = waits(&office, || async {
        office.annotate("crmconnections", "portal", "plan", &json!("true"));
        office.pass(5 * SECOND).await;
    })
    .await;
    assert!(office.flowing().starts_with("False/OnHold"), "{}", office.flowing());
    office.annotate("crmconnections", "portal", "plan", &Value::Null);
    goes_on(&office, &work).await;
}

#[tokio::test(start_paused = true)]
async fn leads_that_are_off_wait_too() {
    let office = Office::open().await;
    let work = connection_waits(&office, json!({"leads": {"mode": "Off"}}), "-").await;
    office.change_connection(&json!({"leads": {"mode": "Process"}}));
    goes_on(&office, &work).await;
}

#[tokio::test(start_paused = true)]
async fn an_assistant_on_hold_goes_on_at_its_deadline() {
    let office = Office::open().await;
    let work = waits(&office, || async {
        office.change_assistant("ada", &json!({"holdUntil": office.date_in(15 * MINUTE)}));
        office.pass(5 * SECOND).await;
    })
    .await;
    office.pass(5 * MINUTE).await;
    goes_on(&office, &work).await;
}

#[tokio::test(start_paused = true)]
async fn a_suspended_assistant_goes_on_when_it_is_not_any_more() {
    let office = Office::open().await;
    let work = waits(&office, || async {
        office.change_assistant("ada", &json!({"suspend": true}));
        office.pass(5 * SECOND).await;
    })
    .await;
    office.change_assistant("ada", &json!({"suspend": false}));
    goes_on(&office, &work).await;
}

#[tokio::test(start_paused = true)]
async fn an_assistant_that_only_plans_waits_too() {
    let office = Office::open().await;
    let work = waits(&office, || async {
        office.annotate("assistants", "ada", "plan", &json!("true"));
        office.pass(5 * SECOND).await;
    })
    .await;
    office.annotate("assistants", "ada", "plan", &Value::Null);
    goes_on(&office, &work).await;
}

#[tokio::test(start_paused = true)]
async fn an_assistant_tec_has_not_onboarded_any_more_waits() {
    let office = Office::open().await;
    let onboarded = |is| {
        let assistant = NewAssistant { onboarded: Some(is), ..NewAssistant::new("ada@example.com") };
        office.tec().assistant(assistant).unwrap();
    };
    let work = waits(&office, || async {
        onboarded(false);
        office.world.request("crmconnections", "portal", "now");
        office.pass(5 * SECOND).await;
    })
    .await;
    assert_eq!(office.code("ada"), "ASSISTANT_NOT_YET_CREATED");
    onboarded(true);
    office.world.request("crmconnections", "portal", "again");
    goes_on(&office, &work).await;
}

#[tokio::test(start_paused = true)]
async fn an_assistant_tec_suddenly_does_not_know_keeps_its_assignments() {
    let office = Office::open().await;
    let onboarded = |is| {
        let assistant = NewAssistant { onboarded: Some(is), ..NewAssistant::new("ada@example.com") };
        office.tec().assistant(assistant).unwrap();
    };
    onboarded(false);
    let (hers, his) = (office.contact("lena"), office.contact("otto"));
    office.pass(SECOND).await;
    office.assign(&hers, &office.ada);
    office.assign(&his, &office.bob);
    office.pass(20 * MINUTE).await;
    assert_eq!((office.leads(&hers).len(), office.leads(&his)), (0, vec!["New bob".to_owned()]));
    assert_eq!(office.timeline(&hers), TAKEN[..2]);
    onboarded(true);
    office.pass(10 * MINUTE).await;
    assert_eq!(office.timeline(&hers), TAKEN);
}

#[tokio::test(start_paused = true)]
async fn one_assistant_on_hold_holds_up_no_other() {
    let office = Office::open().await;
    office.change_assistant("ada", &json!({"suspend": true}));
    office.pass(5 * SECOND).await;
    let (hers, his) = (office.contact("lena"), office.contact("otto"));
    office.pass(SECOND).await;
    office.assign(&hers, &office.ada);
    office.assign(&his, &office.bob);
    office.pass(12 * SECOND).await;
    assert_eq!((office.leads(&hers).len(), office.leads(&his)), (0, vec!["New bob".to_owned()]));
    assert!(office.flowing().starts_with("True/"), "{}", office.flowing());
}

#[tokio::test(start_paused = true)]
async fn what_a_person_takes_back_is_stopped_also_on_hold() {
    let office = Office::open().await;
    let contact = office.in_work("lena").await;
    office.change_connection(&json!({"holdUntil": office.date_in(15 * MINUTE)}));
    office.pass(5 * SECOND).await;
    office.assign(&contact, &office.sue);
    office.pass(12 * SECOND).await;
    assert_eq!(office.leads(&contact), ["New ada stopped TakenBack"]);
    office.pass(20 * MINUTE).await;
    assert_eq!(office.since(&contact, &TAKEN), ["owner: ada to sue"]);
    assert_eq!(office.leads(&contact), ["New ada stopped TakenBack"]);
    office.assign(&contact, &office.ada);
    office.pass(12 * SECOND).await;
    assert_eq!((office.owner_of(&contact).as_str(), office.value(&contact, STATUS).as_str()), ("sue", "New"));
}

#[tokio::test(start_paused = true)]
async fn a_lead_that_ends_on_hold_goes_back_afterwards() {
    let office = Office::open().await;
    let contact = office.in_work("lena").await;
    office.change_assistant("ada", &json!({"suspend": true}));
    office.pass(5 * SECOND).await;
    office.done(&contact, "Responded").await;
    office.pass(20 * MINUTE).await;
    assert_eq!(office.timeline(&contact), TAKEN);
    office.change_assistant("ada", &json!({"suspend": false}));
    office.pass(12 * SECOND).await;
    assert_eq!(office.owner_of(&contact), "sam");
    assert_eq!(office.statuses(&contact), ("CONNECTED".to_owned(), "Responded".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn an_office_that_opens_on_hold_takes_everything_when_the_hold_ends() {
    let mut office = Office::closed(Start::default());
    office.change_connection(&json!({"leads": {"mode": "Off"}}));
    office.world.start();
    office.pass(MINUTE).await;
    office.ada = office.world.object("assistants", "ada")["status"]["ownerId"].as_str().unwrap().to_owned();
    let contacts: Vec<String> = (0..40).map(|number| office.contact(&format!("lead{number}"))).collect();
    office.pass(SECOND).await;
    office.edit(&contacts, "hubspot_owner_id", &office.ada);
    office.pass(30 * MINUTE).await;
    office.change_connection(&json!({"leads": {"mode": "Process"}}));
    office.pass(15 * SECOND).await;
    for contact in &contacts {
        assert_eq!(office.timeline(contact), TAKEN);
    }
}
