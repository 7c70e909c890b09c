//! Seeded storms over leads: people and TEC do what a seed decides, and HubSpot, TEC, Kubernetes and the operator's life are
//! as bad as it decides. People who look before they act end as on a calm day; after hasty ones the books balance.

mod books;
mod hasty;
mod patient;

use std::time::Duration;

use fastrand::Rng;
use http::Method;
use serde_json::{Value, json};
use tec_crm::sim::{
    hubspot::{Fault, SimConfig, WebhookTarget, When},
    tec::TecConfig,
};

use super::{
    SECOND,
    office::{Office, Start, hooks},
};
use crate::simulation::seeds::{hubspot_chaos, kube_chaos, on_virtual_time};

/// How long trouble lasts.
const STORM: Duration = Duration::from_mins(15);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Weather {
    Calm,
    Stormy,
}

/// What happens besides what people do.
struct Sky {
    weather: Weather,
    rng: Rng,
    crashes: usize,
}

impl Sky {
    /// An office under this sky.
    async fn over(seed: u64, weather: Weather) -> (Self, Office) {
        let mut start = Start { seed, ..Start::default() };
        let latency = Duration::from_millis(50);
        start.portal = SimConfig { latency, limit_per_10s: 190, ..start.portal };
        if weather == Weather::Stormy {
            let lags = [Duration::ZERO, 5 * SECOND, 30 * SECOND];
            start.portal.search_lag = lags[usize::try_from(seed % 3).unwrap_or_default()];
            start.webhooks = (seed % 4 < 2).then(|| WebhookTarget {
                duplicate_rate: 0.3,
                reorder: 0.3,
                delay: (Duration::ZERO, 3 * SECOND),
                ..hooks()
            });
            start.tec = TecConfig { latency, duplicates: 0.2, reorder: 5, temporary: 0.05, ..TecConfig::default() };
        }
        let office = Office::open_with(start).await;
        if weather == Weather::Stormy {
            office.world.hubspot.set_chaos(Some(Box::new(hubspot_chaos(seed))));
            office.tec().set_chaos(Some(Box::new(tec_chaos(seed))));
            office.world.kube.set_chaos(kube_chaos(seed));
        }
        (Self { weather, rng: Rng::with_seed(seed ^ 0xdead), crashes: 0 }, office)
    }

    /// Lets time pass, in which the operator may die, once or twice, and stay away for a while.
    async fn pass(&mut self, office: &mut Office, time: Duration) {
        if self.weather == Weather::Calm || self.rng.f64() > time.as_secs_f64() / 200.0 {
            return office.pass(time).await;
        }
        let before = time.mul_f64(self.rng.f64());
        let away = if self.rng.bool() { Duration::ZERO } else { time.saturating_sub(before).mul_f64(self.rng.f64()) };
        office.pass(before).await;
        if self.rng.bool() {
            office.world.kill().await;
        } else {
            office.world.stop().await;
        }
        office.pass(away).await;
        office.world.start();
        self.crashes += 1;
        if self.rng.u8(0..4) == 0 {
            office.pass(time.saturating_sub(before + away).min(Duration::from_millis(self.rng.u64(0..300)))).await;
            office.world.kill().await;
            office.world.start();
        }
        office.pass(time.saturating_sub(before + away)).await;
    }

    /// No more trouble.
    fn clear(&mut self, office: &Office) {
        self.weather = Weather::Calm;
        office.world.hubspot.set_chaos(None);
        office.tec().set_chaos(None);
        office.world.kube.clear_chaos();
        office.tec().configure(|config| (config.temporary, config.duplicates, config.reorder) = (0.0, 0.0, 0));
    }
}

fn tec_chaos(seed: u64) -> impl FnMut(&Method, &str) -> Option<Fault> + Send {
    let mut rng = Rng::with_seed(seed ^ 0x7ec);
    let rate = rng.f64() * 0.3;
    move |_: &Method, _: &str| {
        if rng.f64() >= rate {
            return None;
        }
        let when = if rng.bool() { When::Before } else { When::After };
        Some(match rng.u8(0..6) {
            0 => Fault::drop(When::Before),
            1 => Fault::drop(When::After),
            2 => Fault::status(When::Before, 429),
            3 => Fault::status(when, 500),
            4 => Fault::status(when, 503),
            _ => Fault { delay: Duration::from_millis(rng.u64(1..20_000)), when, ..Fault::default() },
        })
    }
}

/// A contact, and what was said of it.
#[derive(Default)]
struct Contact {
    name: String,
    /// The present one; a merge gives it another.
    id: String,
    /// Those it had before.
    former: Vec<String>,
    deleted: bool,
    /// Lines its timeline has to have once.
    mails: Vec<String>,
    tasks: Vec<String>,
    /// The last state TEC said.
    state: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    State(&'static str),
    Sent,
    Received,
    Task,
}

const STATES: [&str; 5] = ["Cold", "Engaged", "Warm", "Hot", "OutOfOffice"];

impl Word {
    fn any(rng: &mut Rng) -> Self {
        match rng.u8(0..5) {
            0 | 1 => Self::State(STATES[rng.usize(..STATES.len())]),
            2 => Self::Sent,
            3 => Self::Received,
            _ => Self::Task,
        }
    }
}

impl Contact {
    fn new(office: &Office, name: String) -> Self {
        let id = office.contact(&name);
        Self { name, id, ..Self::default() }
    }

    /// The contact's leads, oldest first, those under its former ids included.
    fn leads<'a>(&'a self, all: &'a [Value]) -> impl DoubleEndedIterator<Item = &'a Value> {
        all.iter().filter(|lead| self.id == lead["crmId"] || self.former.iter().any(|id| *id == lead["crmId"]))
    }

    /// The lead TEC works on.
    fn running<'a>(&'a self, all: &'a [Value]) -> Option<&'a Value> {
        self.leads(all).rfind(|lead| is_running(lead))
    }

    /// TEC says something of this lead.
    fn say(&mut self, office: &Office, lead: &Value, word: Word, done: bool) {
        let number = self.mails.len() + self.tasks.len();
        let mail = |subject: &str| json!({"email": {"subject": subject, "text": "Well."}});
        let (kind, mut event) = match word {
            Word::State(state) => {
                state.clone_into(&mut self.state);
                ("StateChanged", json!({"state": state}))
            }
            Word::Sent => {
                self.mails.push(format!("EMAIL Mail {number}: Well."));
                ("EmailSent", mail(&format!("Mail {number}")))
            }
            Word::Received => {
                self.mails.push(format!("INCOMING_EMAIL Mail {number}: Well."));
                ("EmailReceived", mail(&format!("Mail {number}")))
            }
            Word::Task => {
                self.tasks.push(format!("Task {number}: Do it."));
                ("TaskCreated", json!({"task": {"subject": format!("Task {number}"), "body": "Do it."}}))
            }
        };
        json_patch::merge(&mut event, &json!({"leadId": lead["leadId"], "type": kind, "done": done}));
        office.tec().say(vec![event]).expect("an event");
    }

    /// Somebody merges it with a contact of Sue's, one way or the other.
    fn merge(&mut self, office: &Office, other_way: bool) {
        let sue = [("hubspot_owner_id", office.sue.as_str())];
        let other = office.contact_with(&format!("{}.too", self.name), &sue);
        let (primary, secondary) = if other_way { (&other, &self.id) } else { (&self.id, &other) };
        let survivor = office.world.hubspot.merge_contacts(primary, secondary).expect("a merge");
        self.former.push(std::mem::replace(&mut self.id, survivor));
    }

    fn delete(&mut self, office: &Office) {
        office.world.hubspot.delete_contacts(std::slice::from_ref(&self.id)).expect("a deletion");
        self.deleted = true;
    }
}

fn is_running(lead: &Value) -> bool {
    lead["stopped"].is_null() && lead["done"] == false
}

/// Seeds in `make test`, half of them for each kind of people; more with `SEEDS=2000 cargo test …`, one alone, for both, with
/// `SEED=414`.
fn seeds(half: u64) -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let all = || (0..number("SEEDS").unwrap_or(100)).filter(|seed| seed % 2 == half).collect();
    number("SEED").map_or_else(all, |one| vec![one])
}

/// For every seed, on all processors. A storm that strikes nothing proves nothing.
fn for_every_seed(half: u64, check: impl Fn(u64) -> Tally + Sync) {
    let (seeds, check) = (seeds(half), &check);
    let shares = std::thread::available_parallelism().map_or(1, usize::from);
    let tallies: Vec<Tally> = std::thread::scope(|scope| {
        let share = |share| seeds.iter().copied().skip(share).step_by(shares);
        let workers: Vec<_> =
            (0..shares).map(|number| scope.spawn(move || share(number).map(check).collect::<Vec<_>>())).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker that failed has said why")).collect()
    });
    let sum = |field: fn(&Tally) -> usize| tallies.iter().map(field).sum::<usize>();
    if seeds.len() < 25 {
        return;
    }
    let struck = [
        ("crashes", sum(|t| t.crashes), 1),
        ("calls without an answer", sum(|t| t.unanswered), 4),
        ("server errors", sum(|t| t.server_errors), 4),
        ("refusals for speed", sum(|t| t.refused_for_speed), 1),
        ("leads", sum(|t| t.leads), 3),
        ("notes, e-mails and tasks", sum(|t| t.logged), 10),
    ];
    for (what, count, least) in struck {
        assert!(count > least * seeds.len(), "{count} {what} in {} storms", seeds.len());
    }
}

/// What a storm has struck, and what was done in it.
#[derive(Default)]
struct Tally {
    crashes: usize,
    unanswered: usize,
    server_errors: usize,
    refused_for_speed: usize,
    leads: usize,
    logged: usize,
}

impl Tally {
    fn of(sky: &Sky, office: &Office) -> Self {
        let mut tally = Self { crashes: sky.crashes, leads: office.tec().leads().len(), ..Self::default() };
        for entry in office.world.hubspot.trace().into_iter().chain(office.tec().trace()) {
            match entry.status {
                None => tally.unanswered += 1,
                Some(429) => tally.refused_for_speed += 1,
                Some(500..) => tally.server_errors += 1,
                Some(_) => {}
            }
        }
        let state = office.world.hubspot.state();
        let count = |list: &str| state[list].as_array().map_or(0, Vec::len);
        tally.logged = ["notes", "emails", "tasks"].map(count).into_iter().sum();
        tally
    }
}

/// How a run ended.
struct End {
    /// What is seen of the contacts.
    shown: String,
    trace: String,
    tally: Tally,
}

#[test]
fn people_who_look_before_they_act_find_a_storm_ends_as_a_calm_day() {
    for_every_seed(0, |seed| {
        let calm = on_virtual_time(patient::live(seed, Weather::Calm)).shown;
        let End { shown, trace, tally } = on_virtual_time(patient::live(seed, Weather::Stormy));
        assert!(calm == shown, "seed {seed}: the storm ends with\n{shown}\nand the calm day with\n{calm}\n{trace}");
        tally
    });
}

#[test]
fn after_a_storm_the_books_balance_whatever_people_did_in_it() {
    for_every_seed(1, |seed| on_virtual_time(hasty::live(seed)).tally);
}

#[test]
fn one_seed_one_trace_over_five_runs() {
    let runs: Vec<String> = (0..5).map(|_| on_virtual_time(hasty::live(5)).trace).collect();
    assert!(runs[0].lines().count() > 200, "{}", runs[0]);
    for run in &runs[1..] {
        let line = runs[0].lines().zip(run.lines()).position(|(first, again)| first != again);
        assert!(*run == runs[0], "differs from line {line:?}");
    }
}
