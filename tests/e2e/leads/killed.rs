//! `kill -9`, again and again, while contacts are assigned, worked on, finished and taken back. Whatever the operator was
//! doing, in the end everything has happened once.

use std::{collections::BTreeMap, time::Duration};

use fastrand::Rng;
use serde_json::{Value, json};
use tec_crm::sim::{hubspot::RequestCounts, tec::TecConfig};

use super::{
    super::world::{PATIENCE, Setup},
    office::{Office, Opening},
};

const LIVES: usize = 14;
const CONTACTS: usize = 40;
/// Things that happen in one life of the operator.
const STIR: usize = 14;
const TICK: Duration = Duration::from_millis(5);

/// How far people and TEC are with a contact; the operator may be far behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Fresh,
    Assigned,
    Worked,
    Ripe,
    Done,
    Taken,
}

struct Lead {
    contact: String,
    stage: Stage,
    /// Subjects of what has to be on its timeline.
    emails: Vec<String>,
    tasks: Vec<String>,
}

/// When a life ends.
enum End {
    /// So many ticks after the start.
    Ticks(u32),
    /// As soon as the operator has sent so many requests that change a lead.
    Writes(u64),
}

#[test]
fn killed_again_and_again_it_loses_nothing_and_does_nothing_twice() {
    // SEED decides what happens; when exactly, the machine does.
    let seed = std::env::var("SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_122);
    let mut rng = Rng::with_seed(seed);
    let opening = Opening::new("leads-killed");
    let mut setup = Setup { operator: false, ..opening.setup };
    (setup.sim.latency, setup.sim.search_lag) = (Duration::from_millis(20), Duration::from_millis(500));
    let tec = TecConfig { latency: Duration::from_millis(20), duplicates: 0.2, reorder: 5, ..opening.tec };
    let mut office = Office::open(Opening { setup, tec });
    office.bring_in_work(&json!({"leads": {"pollInterval": "1s"}}));
    let mut leads: Vec<Lead> = (0..CONTACTS)
        .map(|n| Lead {
            contact: office.contact(&format!("c{n}"), &[]),
            stage: Stage::Fresh,
            emails: Vec::new(),
            tasks: Vec::new(),
        })
        .collect();

    let mut interrupted = 0;
    for _ in 0..LIVES {
        live(&office, &mut leads, &mut rng);
        interrupted += usize::from(is_busy(&office));
        office.world.kill_operator();
        office.world.start_operator();
        // Every other life only has searches to find out what happened.
        if rng.bool() { office.tell_webhooks() } else { office.sim.stop_webhooks() }
    }
    assert!(interrupted > 1, "the kills came when nothing was going on");
    office.wait_until("people and TEC are done", 2 * PATIENCE, || {
        stir(&office, &mut leads, &mut rng);
        leads.iter().all(|lead| matches!(lead.stage, Stage::Done | Stage::Taken))
    });
    office.wait_until("everything has happened", 2 * PATIENCE, || leads.iter().all(|lead| is_settled(&office, lead)));
    // Once more from the start: what is done is not done again.
    office.world.kill_operator();
    office.world.start_operator();
    office.wait_flowing();
    wait_quiet(&office);
    check(&office, &leads, seed);
}

/// One life of the operator, up to the kill.
fn live(office: &Office, leads: &mut [Lead], rng: &mut Rng) {
    let end = if rng.bool() { End::Ticks(rng.u32(20..300)) } else { End::Writes(writes(office) + rng.u64(1..=8)) };
    let mut left = STIR;
    for tick in 0..600 {
        if left > 0 && rng.u8(..5) == 0 && stir(office, leads, rng) {
            left -= 1;
        }
        let over = match end {
            End::Ticks(ticks) => tick >= ticks,
            End::Writes(count) => writes(office) >= count,
        };
        if over {
            return;
        }
        std::thread::sleep(TICK);
    }
}

/// Requests for leads, engagements and contacts, from the moment they come in.
fn writes(office: &Office) -> u64 {
    let tec = office.tec.requests();
    let batches = ["notes", "emails", "tasks"].map(|kind| format!("/crm/objects/{kind}/batch/create"));
    let portal = office.sim.requests();
    batches.iter().map(|route| portal.of("POST", route)).sum::<u64>()
        + portal.of("POST", "/crm/objects/contacts/batch/update")
        + tec.of("POST", "/v1/leads/batch")
        + tec.of("POST", "/v1/leads/stop/batch")
}

/// Whether a request waits for its answer.
fn is_busy(office: &Office) -> bool {
    let open =
        |counts: RequestCounts| counts.by_route.iter().any(|line| line.status.is_none() && line.route != "/v1/events");
    open(office.sim.requests()) || open(office.tec.requests())
}

/// Something happens to some contact, if it can.
fn stir(office: &Office, leads: &mut [Lead], rng: &mut Rng) -> bool {
    let fresh: Vec<usize> = (0..leads.len()).filter(|at| leads[*at].stage == Stage::Fresh).collect();
    if !fresh.is_empty() && rng.u8(..3) == 0 {
        let some = &fresh[..fresh.len().min(rng.usize(1..=6))];
        let ids: Vec<String> = some.iter().map(|at| leads[*at].contact.clone()).collect();
        office.assign(&ids, &office.ada());
        for at in some {
            leads[*at].stage = Stage::Assigned;
        }
        return true;
    }
    let at = rng.usize(..leads.len());
    step(office, &mut leads[at], rng)
}

fn step(office: &Office, lead: &mut Lead, rng: &mut Rng) -> bool {
    let contact = lead.contact.clone();
    let state = |state: &str| json!({"type": "StateChanged", "state": state});
    match lead.stage {
        Stage::Assigned if office.tec.leads().iter().any(|begun| begun["crmId"] == contact.as_str()) => {
            for number in 0..rng.usize(1..=3) {
                email(office, lead, "EmailSent", &format!("Hello {number}"));
            }
            office.say(&contact, &state("Engaged"));
            lead.stage = Stage::Worked;
        }
        Stage::Worked => {
            email(office, lead, "EmailReceived", "Re: Hello");
            let subject = format!("Call {contact}");
            office.say(&contact, &json!({"type": "TaskCreated", "task": {"subject": subject}}));
            lead.tasks.push(subject);
            office.say(&contact, &state("Hot"));
            lead.stage = Stage::Ripe;
        }
        // Nobody takes back what does not look taken yet.
        Stage::Ripe if rng.u8(..4) == 0 && !office.statuses(&contact)[1].is_empty() => {
            office.assign(&[contact], &office.sue);
            lead.stage = Stage::Taken;
        }
        Stage::Ripe => {
            email(office, lead, "EmailSent", "Good-bye");
            let mut last = state("Responded");
            last["done"] = json!(true);
            office.say(&contact, &last);
            lead.stage = Stage::Done;
        }
        Stage::Fresh | Stage::Assigned | Stage::Done | Stage::Taken => return false,
    }
    true
}

fn email(office: &Office, lead: &mut Lead, kind: &str, subject: &str) {
    let subject = format!("{subject}, {}", lead.contact);
    let email = json!({"subject": subject, "text": "We should talk."});
    office.say(&lead.contact, &json!({"type": kind, "email": email}));
    lead.emails.push(subject);
}

/// Whether what has to happen has happened, once or more often.
fn is_settled(office: &Office, lead: &Lead) -> bool {
    let contact = lead.contact.as_str();
    let count = |list: Result<Vec<Value>, _>| list.map_or(0, |list| list.len());
    let tec = office.tec.leads();
    let begun = tec.iter().find(|begun| begun["crmId"] == contact);
    let owner = if lead.stage == Stage::Taken { &office.sue } else { &office.sam };
    let over = lead.stage == Stage::Done || begun.is_some_and(|begun| begun["stopped"] == "TakenBack");
    over && office.value(contact, "hubspot_owner_id") == *owner
        && count(office.sim.notes_of(contact)) >= 1
        && count(office.sim.emails_of(contact)) >= lead.emails.len()
        && count(office.sim.tasks_of(contact)) >= lead.tasks.len()
}

/// Nobody writes to HubSpot or TEC for as long as it takes to find everything by search.
fn wait_quiet(office: &Office) {
    let (mut seen, mut since) = (writes(office), std::time::Instant::now());
    office.wait_until("nothing happens any more", 2 * PATIENCE, || {
        let now = writes(office);
        if now != seen {
            (seen, since) = (now, std::time::Instant::now());
        }
        since.elapsed() >= Duration::from_secs(3)
    });
}

fn check(office: &Office, leads: &[Lead], seed: u64) {
    let mut wrong = Vec::new();
    let begun = office.tec.leads();
    let mut by_contact: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for lead in &begun {
        by_contact.entry(lead["crmId"].as_str().unwrap_or_default()).or_default().push(lead);
    }
    for lead in leads {
        let contact = lead.contact.as_str();
        let subjects = |list: Result<Vec<Value>, _>, name: &str| {
            let list: Vec<Value> = list.unwrap_or_default();
            let mut all: Vec<String> =
                list.iter().map(|one| one["properties"][name].as_str().unwrap_or("?").to_owned()).collect();
            all.sort();
            all
        };
        let sorted = |list: &[String]| {
            let mut list = list.to_vec();
            list.sort();
            list
        };
        let theirs = by_contact.get(contact).cloned().unwrap_or_default();
        let ends: Vec<[&Value; 2]> = theirs.iter().map(|begun| [&begun["done"], &begun["stopped"]]).collect();
        let (owner, end, statuses) = match lead.stage {
            Stage::Taken => (&office.sue, [json!(false), json!("TakenBack")], None),
            _ => (&office.sam, [json!(true), Value::Null], Some(["CONNECTED", "Responded"])),
        };
        let shown = office.statuses(contact);
        let right = ends == [[&end[0], &end[1]]]
            && office.value(contact, "hubspot_owner_id") == *owner
            && office.sim.notes_of(contact).unwrap_or_default().len() == 1
            && subjects(office.sim.emails_of(contact), "hs_email_subject") == sorted(&lead.emails)
            && subjects(office.sim.tasks_of(contact), "hs_task_subject") == sorted(&lead.tasks)
            && statuses.map_or(!shown[1].is_empty(), |statuses| shown == statuses);
        if !right {
            wrong.push(format!(
                "{contact} {:?}: {ends:?} {shown:?} expected {:?} {:?} and one note, got {:#?}",
                lead.stage,
                lead.emails,
                lead.tasks,
                office.timeline(contact)
            ));
        }
    }
    assert!(wrong.is_empty(), "seed {seed}: {} of {}\n{}", wrong.len(), leads.len(), wrong.join("\n"));
    assert_eq!(begun.len(), leads.len());
}
