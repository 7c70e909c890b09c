//! When does it run? One work queue for all kinds.
//!
//! A value without clock or tasks: whoever owns it says what time it is. Guarantees: an object never runs twice at
//! once; adding what is already waiting changes nothing (or moves it to a more urgent lane); what changes while its
//! object runs is run again afterwards; a person's edit goes before timers; equal urgency is first come, first served.
//! Order depends on the calls alone, never on addresses or hashes.
//!
//! Runs wait for HubSpot's limits, each in its place. So that a portal with much to do keeps no place from others, a
//! connection has a share of the places; and so that timers keep none from a person, edits have places of their own.

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use crate::{
    desired::references::ObjectRef,
    hubspot::{self, Urgency},
    runtime::{backoff::Backoff, chance::Chance},
};

/// How urgent a run is. Smaller is sooner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// A person changed something.
    Edit,
    /// Something it depends on changed.
    Dependency,
    /// Its time has come.
    Timer,
}

impl Lane {
    fn class(self) -> Class {
        match self {
            Self::Edit => Class::Edits,
            Self::Dependency | Self::Timer => Class::Others,
        }
    }
}

/// A person's edit overtakes a resync on the way to HubSpot, too.
impl From<Lane> for Urgency {
    fn from(lane: Lane) -> Self {
        match lane {
            Lane::Edit => hubspot::Lane::Edit.into(),
            Lane::Dependency | Lane::Timer => hubspot::Lane::Resync.into(),
        }
    }
}

/// Whose places a run takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Edits,
    Others,
}

/// One in so many places is a connection's.
const SHARE: usize = 4;

/// What follows a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing, until something changes.
    Idle,
    /// Another run after this time.
    After(Duration),
    /// Another run after a pause that grows with every failure in a row.
    Retry,
    /// The object is gone: forget it.
    Forget,
}

/// One run to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Of which object.
    pub key: ObjectRef,
    /// Why so urgent.
    pub lane: Lane,
    /// Since when something was to be done. Observations made before may miss it.
    pub since: Instant,
    /// Failures in a row before this run.
    pub failures: u32,
    /// The urgency of its calls to HubSpot; it grows if a person changes the object while it runs.
    pub urgency: Urgency,
}

#[derive(Debug)]
struct Running {
    home: ObjectRef,
    class: Class,
    urgency: Urgency,
}

/// Runs under way that use a connection.
#[derive(Debug, Default)]
struct Load {
    edits: usize,
    others: usize,
}

impl Load {
    fn of(&mut self, class: Class) -> &mut usize {
        match class {
            Class::Edits => &mut self.edits,
            Class::Others => &mut self.others,
        }
    }
}

#[derive(Debug)]
struct Slot {
    /// The connection it uses.
    home: ObjectRef,
    /// Place in `ready`, if waiting.
    waiting: Option<(Lane, u64)>,
    /// Since when it waits.
    since: Option<Instant>,
    running: Option<Running>,
    /// Place in `timers`, if any.
    timer: Option<(Instant, u64)>,
    failures: u32,
}

/// The queue.
#[derive(Debug)]
pub struct Queue {
    slots: BTreeMap<ObjectRef, Slot>,
    /// Those that could start, by the connection they use.
    ready: BTreeMap<ObjectRef, BTreeMap<(Lane, u64), ObjectRef>>,
    timers: BTreeMap<(Instant, u64), ObjectRef>,
    loads: BTreeMap<ObjectRef, Load>,
    /// Runs under way other than edits, and most of them.
    others: usize,
    places: usize,
    backoff: Backoff,
    ticket: u64,
}

impl Queue {
    /// An empty queue: `places` runs at once, of them each connection's share, and as many edits of each connection.
    pub fn new(backoff: Backoff, places: usize) -> Self {
        Self {
            slots: BTreeMap::new(),
            ready: BTreeMap::new(),
            timers: BTreeMap::new(),
            loads: BTreeMap::new(),
            others: 0,
            places: places.max(1),
            backoff,
            ticket: 0,
        }
    }

    /// Asks for a run as soon as possible. `home` is the connection the object uses, or itself.
    pub fn add(&mut self, key: &ObjectRef, home: &ObjectRef, lane: Lane, now: Instant) {
        self.ticket += 1;
        let slot = self.slots.entry(key.clone()).or_insert_with(|| Slot::new(home));
        slot.since = Some(now);
        if let Some(running) = slot.running.as_ref().filter(|_| lane == Lane::Edit) {
            // The edit waits for this run: it must not wait for others.
            running.urgency.raise(hubspot::Lane::Edit);
        }
        let place = match slot.waiting {
            Some(waiting) if waiting.0 <= lane => waiting,
            _ => (lane, self.ticket),
        };
        if slot.running.is_some() {
            home.clone_into(&mut slot.home);
        } else if slot.waiting != Some(place) || slot.home != *home {
            if let Some(before) = slot.waiting {
                remove(&mut self.ready, &slot.home, &before);
            }
            home.clone_into(&mut slot.home);
            self.ready.entry(home.clone()).or_default().insert(place, key.clone());
        }
        slot.waiting = Some(place);
    }

    /// Asks for a run at a time, replacing an earlier such wish.
    pub fn add_at(&mut self, key: &ObjectRef, due: Instant) {
        self.ticket += 1;
        let slot = self.slots.entry(key.clone()).or_insert_with(|| Slot::new(key));
        if let Some(old) = slot.timer.replace((due, self.ticket)) {
            self.timers.remove(&old);
        }
        self.timers.insert((due, self.ticket), key.clone());
    }

    /// The most urgent run that has a place, marked as running.
    pub fn pop(&mut self, now: Instant) -> Option<Job> {
        self.ripen(now);
        let (home, place) = self.next_place()?;
        let key = remove(&mut self.ready, &home, &place)?;
        let (lane, class) = (place.0, place.0.class());
        *self.loads.entry(home.clone()).or_default().of(class) += 1;
        self.others += usize::from(class == Class::Others);
        let slot = self.slots.entry(key.clone()).or_insert_with(|| Slot::new(&home));
        let urgency = Urgency::from(lane);
        slot.waiting = None;
        slot.running = Some(Running { home, class, urgency: urgency.clone() });
        Some(Job { lane, since: slot.since.take().unwrap_or(now), failures: slot.failures, urgency, key })
    }

    /// The first in line of those whose connection has a place left for them: edits, then whose connection has the fewest
    /// running, so that many for which little can be done now do not keep the places from the rest.
    fn next_place(&self) -> Option<(ObjectRef, (Lane, u64))> {
        let in_line = |(home, waiting)| {
            let place = self.first_of(home, waiting)?;
            let running = match place.0.class() {
                Class::Edits => None,
                Class::Others => Some(self.loads.get(home).map_or(0, |load| load.others)),
            };
            Some((running, place, home))
        };
        let first = self.ready.iter().filter_map(in_line).min();
        first.map(|(_, place, home)| (home.clone(), place))
    }

    fn first_of(&self, home: &ObjectRef, waiting: &BTreeMap<(Lane, u64), ObjectRef>) -> Option<(Lane, u64)> {
        let share = self.places.div_ceil(SHARE);
        let (edits, others) = self.loads.get(home).map_or((0, 0), |load| (load.edits, load.others));
        let edit = waiting.keys().next().filter(|place| place.0 == Lane::Edit && edits < share);
        let may_start = others < share && self.others < self.places;
        let other = || waiting.range((Lane::Dependency, 0)..).next().map(|(place, _)| place).filter(|_| may_start);
        edit.or_else(other).copied()
    }

    /// When the next timer is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.timers.first_key_value().map(|((due, _), _)| *due)
    }

    /// A run has ended.
    pub fn done(&mut self, key: &ObjectRef, next: Next, now: Instant, chance: &Chance) {
        let Some(slot) = self.slots.get_mut(key) else { return };
        if let Some(Running { home, class, urgency: _ }) = slot.running.take() {
            self.others -= usize::from(class == Class::Others);
            if let Some(load) = self.loads.get_mut(&home) {
                *load.of(class) -= 1;
                if load.edits + load.others == 0 {
                    self.loads.remove(&home);
                }
            }
        }
        slot.failures = if next == Next::Retry { slot.failures.saturating_add(1) } else { 0 };
        let failures = slot.failures;
        if let Some(place) = slot.waiting {
            self.ready.entry(slot.home.clone()).or_default().insert(place, key.clone());
        }
        match next {
            Next::Idle => self.clear_timer(key),
            Next::After(pause) => self.add_at(key, now + pause),
            Next::Retry => self.add_at(key, now + self.backoff.delay(failures, chance)),
            Next::Forget => self.forget(key),
        }
    }

    /// How many runs are under way.
    pub fn running(&self) -> usize {
        self.loads.values().map(|load| load.edits + load.others).sum()
    }

    /// How many objects wait for a run.
    pub fn waiting(&self) -> usize {
        self.ready.values().map(BTreeMap::len).sum()
    }

    fn ripen(&mut self, now: Instant) {
        while let Some(entry) = self.timers.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let key = entry.remove();
            let Some(slot) = self.slots.get_mut(&key) else { continue };
            slot.timer = None;
            let home = slot.home.clone();
            self.add(&key, &home, Lane::Timer, now);
        }
    }

    fn clear_timer(&mut self, key: &ObjectRef) {
        if let Some(old) = self.slots.get_mut(key).and_then(|slot| slot.timer.take()) {
            self.timers.remove(&old);
        }
    }

    /// Keeps a slot only while something is still to be done for it: the object may come back under its name.
    fn forget(&mut self, key: &ObjectRef) {
        self.clear_timer(key);
        if self.slots.get(key).is_some_and(|slot| slot.waiting.is_none()) {
            self.slots.remove(key);
        }
    }
}

impl Slot {
    fn new(home: &ObjectRef) -> Self {
        Self { home: home.clone(), waiting: None, since: None, running: None, timer: None, failures: 0 }
    }
}

fn remove(
    ready: &mut BTreeMap<ObjectRef, BTreeMap<(Lane, u64), ObjectRef>>,
    home: &ObjectRef,
    place: &(Lane, u64),
) -> Option<ObjectRef> {
    let waiting = ready.get_mut(home)?;
    let key = waiting.remove(place);
    if waiting.is_empty() {
        ready.remove(home);
    }
    key
}
