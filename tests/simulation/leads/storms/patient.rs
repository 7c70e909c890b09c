//! People who look before they act: nobody does the next thing to a contact before the last one shows. So what they do
//! does not depend on the weather, and neither may its outcome.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Write as _,
    time::Duration,
};

use fastrand::Rng;
use serde_json::Value;

use super::{Contact, End, Sky, Tally, Weather, Word, books};
use crate::simulation::leads::{MINUTE, SECOND, office::Office};

/// Between looks.
const LOOK: Duration = Duration::from_secs(7);
/// Longer than the hour between sweeps, with everything that may come on top: nobody waits longer.
const LONGEST: Duration = Duration::from_hours(5);

/// TEC writes to somebody by then. Longer than the hour between sweeps.
const WRITES: Duration = Duration::from_mins(75);

#[derive(Clone, Debug)]
enum Step {
    /// Becomes a lead of Ada's, or of Bob's.
    Assign(Assistant),
    /// Goes back, because it was a lead before.
    AssignByAccident(Assistant),
    Clear,
    Say(Vec<Word>),
    Done,
    TakeBack,
    Delete,
    Merge(bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Assistant {
    Ada,
    Bob,
}

struct Person {
    contact: Contact,
    plan: VecDeque<Step>,
    last: Option<Step>,
    /// How long it has waited for the last step to show.
    waited: Duration,
}

fn plan(rng: &mut Rng) -> VecDeque<Step> {
    let mut plan = VecDeque::new();
    let (mut in_work, mut fresh) = (None, true);
    for _ in 0..rng.usize(2..9) {
        let assistant = if rng.bool() { Assistant::Ada } else { Assistant::Bob };
        let step = match (in_work, rng.u8(0..20)) {
            (None, 0..=9) if !fresh => Step::AssignByAccident(assistant),
            (None, _) => {
                if !fresh {
                    plan.push_back(Step::Clear);
                }
                (in_work, fresh) = (Some(assistant), false);
                Step::Assign(assistant)
            }
            (Some(_), 0..=8) => Step::Say((0..rng.usize(1..5)).map(|_| Word::any(rng)).collect()),
            (Some(_), 9..=12) => {
                in_work = None;
                Step::Done
            }
            (Some(_), 13..=15) => {
                in_work = None;
                Step::TakeBack
            }
            (Some(before), 16..=17) => {
                let other = if before == Assistant::Ada { Assistant::Bob } else { Assistant::Ada };
                in_work = Some(other);
                Step::Assign(other)
            }
            (Some(_), last) => {
                plan.push_back(if last == 18 { Step::Delete } else { Step::Merge(rng.bool()) });
                break;
            }
        };
        plan.push_back(step);
    }
    plan
}

impl Person {
    /// Whether what was done last shows.
    fn is_settled(&self, office: &Office, leads: &[Value]) -> bool {
        let Some(last) = &self.last else { return true };
        let contact = &self.contact;
        let mark = || office.value(&contact.id, "tec_assistant_state");
        let owner = || office.owner_of(&contact.id);
        let stopped = || contact.leads(leads).next_back().is_some_and(|lead| !lead["stopped"].is_null());
        let works = || ["ada", "bob"].contains(&owner().as_str());
        match last {
            Step::Clear => true,
            Step::Assign(_) => contact.running(leads).is_some_and(|lead| {
                let id = lead["leadId"].as_str().unwrap_or_default();
                mark().contains(&format!("\"{id}\""))
                    && mark().contains("Working")
                    && lead["assistantEmail"] == format!("{}@example.com", owner())
            }),
            Step::AssignByAccident(_) | Step::Done => !works() && !mark().contains("Working"),
            Step::TakeBack => stopped() && !mark().contains("Working"),
            Step::Delete => stopped(),
            Step::Merge(_) => stopped() && !works(),
            Step::Say(_) => {
                office.lines(&contact.id, "email").len() >= contact.mails.len()
                    && office.lines(&contact.id, "task").len() >= contact.tasks.len()
                    && (contact.state.is_empty() || office.statuses(&contact.id).1 == contact.state)
            }
        }
    }

    /// Who vanished while the operator was not there comes to light when TEC writes to it: nothing else tells.
    fn wait(&mut self, office: &Office, leads: &[Value]) {
        let gone = matches!(self.last, Some(Step::Delete | Step::Merge(_)));
        if gone
            && self.waited < WRITES
            && self.waited + LOOK >= WRITES
            && let Some(lead) = self.contact.running(leads)
        {
            self.contact.say(office, &lead.clone(), Word::State("Cold"), false);
        }
        self.waited += LOOK;
    }

    /// Does what comes next; assignments are collected.
    fn act(&mut self, office: &Office, leads: &[Value], assigned: &mut BTreeMap<String, Vec<String>>) {
        (self.last, self.waited) = (self.plan.pop_front(), Duration::ZERO);
        let Some(step) = self.last.clone() else { return };
        let contact = &mut self.contact;
        let lead = contact.running(leads).cloned();
        match step {
            Step::Assign(assistant) | Step::AssignByAccident(assistant) => {
                let owner = if assistant == Assistant::Ada { &office.ada } else { &office.bob };
                assigned.entry(owner.clone()).or_default().push(contact.id.clone());
                contact.state.clear();
            }
            Step::Clear => office.edit(std::slice::from_ref(&contact.id), "tec_lead_connection_status", ""),
            Step::Say(words) => {
                let lead = lead.expect("a contact in work has a lead");
                for word in words {
                    contact.say(office, &lead, word, false);
                }
            }
            Step::Done => {
                contact.say(office, &lead.expect("a contact in work has a lead"), Word::State("Processed"), true);
            }
            Step::TakeBack => office.assign(&contact.id, &office.sue),
            Step::Delete => contact.delete(office),
            Step::Merge(other_way) => contact.merge(office, other_way),
        }
    }
}

/// One run.
pub async fn live(seed: u64, weather: Weather) -> End {
    let mut rng = Rng::with_seed(seed);
    let (mut sky, mut office) = Sky::over(seed, weather).await;
    let count = rng.usize(4..9);
    let mut people: Vec<Person> = (0..count)
        .map(|number| Person {
            contact: Contact::new(&office, format!("c{number}")),
            plan: plan(&mut rng),
            last: None,
            waited: Duration::ZERO,
        })
        .collect();
    let mut lived = Duration::ZERO;
    loop {
        sky.pass(&mut office, LOOK).await;
        lived += LOOK;
        if lived >= super::STORM {
            sky.clear(&office);
        }
        let leads = office.tec().leads();
        let mut assigned = BTreeMap::new();
        let mut all_done = true;
        for person in &mut people {
            if person.is_settled(&office, &leads) {
                person.act(&office, &leads, &mut assigned);
            } else {
                person.wait(&office, &leads);
            }
            all_done &= person.last.is_none();
        }
        for (owner, contacts) in assigned {
            office.edit(&contacts, "hubspot_owner_id", &owner);
        }
        if all_done {
            break;
        }
        if lived > LONGEST {
            let open = people.iter().find(|person| person.last.is_some()).expect("somebody waits");
            let shown = shown(&office, &open.contact);
            panic!("seed {seed}: {:?} does not show\n{shown}\n{}", open.last, office.world.trace());
        }
    }
    sky.clear(&office);
    office.pass(6 * MINUTE + SECOND).await;
    let contacts: Vec<Contact> = people.into_iter().map(|person| person.contact).collect();
    books::assert_balanced(seed, &office, &contacts);
    let shown = contacts.iter().map(|contact| shown(&office, contact)).collect();
    End { shown, trace: office.world.trace(), tally: Tally::of(&sky, &office) }
}

/// What is seen of a contact.
fn shown(office: &Office, contact: &Contact) -> String {
    let (mut text, all) = (String::new(), office.tec().leads());
    let (status, connection) = office.statuses(&contact.id);
    let _ = writeln!(text, "{}: {} {status}/{connection}", contact.name, office.owner_of(&contact.id));
    // What TEC had to say before it heard that somebody is gone depends on the weather.
    let gone = contact.deleted || !contact.former.is_empty();
    for lead in contact.leads(&all) {
        let state = if gone { &Value::Null } else { &lead["state"] };
        let _ = writeln!(text, "  lead: {} {state} {} {}", lead["assistantEmail"], lead["stopped"], lead["done"]);
    }
    for kind in ["owner", "note", "email", "task"] {
        let mut lines = office.lines(&contact.id, kind);
        if kind != "owner" {
            // What was written first of two with one date means nothing.
            lines.sort();
        }
        for line in lines {
            let _ = writeln!(text, "  {kind}: {}", line.chars().take(45).collect::<String>());
        }
    }
    text
}
