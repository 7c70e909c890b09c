//! Hasty people: they do things whenever they like, most of all while the operator is in the middle of something.

use std::time::Duration;

use fastrand::Rng;

use super::{Contact, End, STATES, STORM, Sky, Tally, Weather, Word, books};
use crate::simulation::leads::{MINUTE, office::Office};

/// Longer than the longest pause.
const CALM: Duration = Duration::from_mins(12);
/// Longer than the hour between sweeps, which alone find what a merge moved.
const LONG_CALM: Duration = Duration::from_mins(75);

#[derive(Clone, Copy, Debug)]
enum Act {
    Assign(u8),
    TakeBack(u8),
    TakeAway,
    Clear,
    Say(Word),
    Done,
    Delete,
    Merge(bool),
    /// Many at once.
    AssignAll(u8),
}

/// What happens when, and to whom.
fn script(rng: &mut Rng, contacts: usize) -> Vec<(u64, usize, Act)> {
    let mut acts = Vec::new();
    for _ in 0..rng.usize(15..40) {
        let (mut at, contact) = (rng.u64(0..STORM.as_secs() * 1_000), rng.usize(0..contacts));
        let burst: Vec<Act> = match rng.u8(0..16) {
            0..=2 => vec![Act::Clear, Act::Assign(rng.u8(0..2))],
            3 => vec![Act::Assign(rng.u8(0..2)), Act::TakeBack(rng.u8(0..2))],
            4 => vec![Act::Clear, Act::Assign(0), Act::Assign(1)],
            5 => vec![Act::Clear, Act::Assign(0), Act::TakeBack(0), Act::Assign(0)],
            6 => vec![Act::Assign(1), Act::TakeAway],
            7..=9 => (0..rng.usize(1..5)).map(|_| Act::Say(Word::any(rng))).collect(),
            10 => vec![Act::Done, Act::TakeBack(1)],
            11 => vec![Act::Say(Word::any(rng)), Act::TakeBack(0), Act::Say(Word::any(rng))],
            12 => vec![Act::Done],
            13 => vec![Act::TakeBack(rng.u8(0..2))],
            14 => vec![Act::AssignAll(rng.u8(0..2))],
            _ if rng.bool() => vec![Act::Clear, Act::Assign(0), Act::Delete],
            _ => vec![Act::Clear, Act::Assign(0), Act::Merge(rng.bool())],
        };
        for act in burst {
            acts.push((at, contact, act));
            // In the middle of a visit, between two, or after a look.
            at += match rng.u8(0..3) {
                0 => rng.u64(0..300),
                1 => rng.u64(0..3_000),
                _ => rng.u64(0..30_000),
            };
        }
    }
    acts.sort_by_key(|(at, _, _)| *at);
    acts
}

fn carry_out(office: &Office, contacts: &mut [Contact], place: usize, act: Act) {
    let owner = |assistant: u8| if assistant == 0 { &office.ada } else { &office.bob };
    if let Act::AssignAll(assistant) = act {
        let all: Vec<String> =
            contacts.iter().filter(|contact| !contact.deleted).map(|contact| contact.id.clone()).collect();
        return office.edit(&all, "hubspot_owner_id", owner(assistant));
    }
    let contact = &mut contacts[place];
    if contact.deleted {
        return;
    }
    match act {
        Act::Assign(assistant) => office.assign(&contact.id, owner(assistant)),
        Act::TakeBack(person) => office.assign(&contact.id, if person == 0 { &office.sam } else { &office.sue }),
        Act::TakeAway => office.assign(&contact.id, ""),
        Act::Clear => office.edit(std::slice::from_ref(&contact.id), "tec_lead_connection_status", ""),
        Act::Say(word) => {
            if let Some(lead) = contact.running(&office.tec().leads()) {
                let lead = lead.clone();
                contact.say(office, &lead, word, false);
            }
        }
        Act::Done => {
            if let Some(lead) = contact.running(&office.tec().leads()) {
                let lead = lead.clone();
                contact.say(office, &lead, Word::State("Processed"), true);
            }
        }
        Act::Delete => contact.delete(office),
        Act::Merge(other_way) if contact.former.is_empty() => contact.merge(office, other_way),
        Act::Merge(_) | Act::AssignAll(_) => {}
    }
}

/// One storm.
pub async fn live(seed: u64) -> End {
    let mut rng = Rng::with_seed(seed ^ 0x4a57);
    let (mut sky, mut office) = Sky::over(seed, Weather::Stormy).await;
    let count = rng.usize(3..9);
    let mut contacts: Vec<Contact> = (0..count).map(|number| Contact::new(&office, format!("c{number}"))).collect();
    let mut passed = 0;
    for (at, place, act) in script(&mut rng, count) {
        sky.pass(&mut office, Duration::from_millis(at - passed)).await;
        passed = at;
        carry_out(&office, &mut contacts, place, act);
    }
    sky.pass(&mut office, MINUTE).await;
    sky.clear(&office);
    // TEC writes to whomever it has a lead for, and says so: that is how leads come to light that nobody waits for.
    let leads = office.tec().leads();
    for contact in &mut contacts {
        let running: Vec<_> = contact.leads(&leads).filter(|lead| super::is_running(lead)).cloned().collect();
        for lead in running {
            contact.say(&office, &lead, Word::State(STATES[rng.usize(..STATES.len())]), false);
        }
    }
    let merged = contacts.iter().any(|contact| !contact.former.is_empty());
    office.pass(if merged { LONG_CALM } else { CALM }).await;
    books::assert_balanced(seed, &office, &contacts);
    End { shown: String::new(), trace: office.world.trace(), tally: Tally::of(&sky, &office) }
}
