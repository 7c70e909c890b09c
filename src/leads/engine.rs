//! The loop that carries the leads of one connection: hears of contacts, visits them, reads TEC's events.
//!
//! One task per connection. What it knows is in `memory.rs` and can be lost at any moment; what is true is in HubSpot and
//! TEC. It only decides *when*: what happens to a contact is `decide.rs`, how is `batch.rs`, where candidates come from
//! is `look.rs`.

use std::{collections::BTreeMap, fmt, pin::Pin, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    batch::VISIT,
    cases::Case,
    decide::Then,
    health::{Health, PAUSE},
    look::{Look, OVERLAP},
    mailbox::{Board, Inbox, Letters, News, OnNews, PENDING_LIMIT},
    mark::Phase,
    memory::{Feed, Known, Pending, Visit},
    setup::{Bookmark, Flow, Halt, Mode, Report, Setup, Tally, Would},
};
use crate::{
    domain::{ContactId, OwnerId},
    hubspot::{self, ErrorKind},
    runtime::{chance::Chance, clock::Clock},
    tec::{self, EventPage},
};

/// Deliveries of one multi-select come in within this, and are visited together.
const GATHERING: Duration = Duration::from_millis(50);
/// Time between thorough looks at recent changes.
const THOROUGH: Duration = Duration::from_mins(1);
/// Time between looks at everything the assistants own.
const SWEEP: Duration = Duration::from_hours(1);
/// How long TEC may hold a question for events.
const LONG_POLL: Duration = tec::MAX_WAIT;
/// Events asked for at once.
const EVENTS: u32 = tec::MAX_EVENTS;
/// With so many events waiting no more are asked for.
const EVENT_LIMIT: usize = 5_000;

/// What an engine is made of.
pub struct Parts {
    /// `namespace/name` of the connection, for logs.
    pub name: String,
    /// What to do.
    pub setup: Setup,
    /// Where an engine before this one was.
    pub bookmark: Bookmark,
    /// The date.
    pub clock: Arc<dyn Clock>,
    /// Jitter.
    pub chance: Arc<Chance>,
    /// Letters to it.
    pub inbox: Arc<Inbox>,
    /// Its report.
    pub board: Arc<Board>,
    /// Whom to tell of news.
    pub on_news: OnNews,
}

/// The engine of one connection.
pub struct Engine {
    pub(super) name: String,
    setup: Setup,
    clock: Arc<dyn Clock>,
    chance: Arc<Chance>,
    inbox: Arc<Inbox>,
    board: Arc<Board>,
    on_news: OnNews,
    pub(super) pending: Pending,
    pub(super) feed: Feed,
    pub(super) known: Known,
    pub(super) tally: Tally,
    pub(super) still_owned: BTreeMap<OwnerId, u64>,
    first_accepted: BTreeMap<OwnerId, Timestamp>,
    pub(super) would: BTreeMap<ContactId, bool>,
    started: Timestamp,
    looked_until: Option<Timestamp>,
    due: Due,
    hubspot: Health,
    tec: Health,
    events: Health,
    halt: Option<Halt>,
    /// The last visit met no trouble with HubSpot as a whole.
    visits_succeed: bool,
}

/// When to look for what.
struct Due {
    quick: Instant,
    thorough: Instant,
    sweep: Instant,
}

type Poll = Pin<Box<dyn Future<Output = tec::Result<EventPage>> + Send>>;

impl Engine {
    /// An engine that has not begun.
    pub fn new(parts: Parts) -> Self {
        let Parts { name, setup, bookmark, clock, chance, inbox, board, on_news } = parts;
        let now = Instant::now();
        Self {
            name,
            setup,
            pending: Pending::default(),
            feed: Feed::from(bookmark.cursor),
            known: Known::default(),
            tally: Tally::default(),
            still_owned: BTreeMap::new(),
            first_accepted: BTreeMap::new(),
            would: BTreeMap::new(),
            started: clock.now(),
            looked_until: bookmark.looked_until,
            due: Due { quick: now, thorough: now, sweep: now },
            hubspot: Health::default(),
            tec: Health::default(),
            events: Health::default(),
            halt: None,
            visits_succeed: true,
            clock,
            chance,
            inbox,
            board,
            on_news,
        }
    }

    /// Carries leads until `shutdown`; a step under way is finished.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut poll: Option<Poll> = None;
        loop {
            self.read_letters();
            self.step(&shutdown).await;
            self.tell();
            if shutdown.is_cancelled() {
                return;
            }
            if poll.is_none() && self.may_poll() {
                poll = Some(self.poll());
            }
            let inbox = Arc::clone(&self.inbox);
            let next = self.next_due(poll.is_some());
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                () = inbox.bell.notified() => {}
                page = polled(&mut poll) => {
                    poll = None;
                    self.take_page(page);
                }
                () = tokio::time::sleep_until(next) => {}
            }
        }
    }

    /// Does everything that is due.
    async fn step(&mut self, shutdown: &CancellationToken) {
        while !shutdown.is_cancelled() && !self.hubspot.is_down() {
            let setup = self.setup.clone();
            let now = Instant::now();
            let visits = self.pending.take(now, self.tec.down_until, VISIT);
            if !visits.is_empty() {
                self.visits_succeed = true;
                self.visit(setup, visits).await;
            } else if let Some(look) = self.due_look(now) {
                self.look_and_plan(&setup, look).await;
            } else {
                return;
            }
            self.read_letters();
            self.tell();
        }
    }

    fn due_look(&self, now: Instant) -> Option<Look> {
        if self.due.sweep <= now {
            return Some(Look::Sweep);
        }
        if self.due.thorough <= now {
            // Without a memory of the last look, the sweep has seen everything there is to see.
            let since = self.looked_until.unwrap_or(self.started);
            return Some(Look::Since(since.min(self.clock.now()) - OVERLAP));
        }
        (self.due.quick <= now).then_some(Look::Quick)
    }

    async fn look_and_plan(&mut self, setup: &Setup, look: Look) {
        let began = self.clock.now();
        let outcome = match self.look(setup, look).await {
            Ok(()) if look != Look::Quick || !self.still_owned.is_empty() => self.count_owned(setup).await,
            outcome => outcome,
        };
        if let Err(error) = outcome {
            self.hubspot_failed(error);
            return;
        }
        self.hubspot.answered();
        // Without visits nothing can show that they succeed again.
        self.visits_succeed |= self.pending.delayed() == 0;
        let now = Instant::now();
        let poll_interval = setup.rules.poll_interval;
        match look {
            Look::Quick => self.due.quick = now + poll_interval,
            Look::Since(_) => {
                self.looked_until = Some(began);
                self.due.thorough = now + THOROUGH.max(poll_interval);
                self.due.quick = now + poll_interval;
                self.known.prune(now.checked_sub(SWEEP).unwrap_or(now));
            }
            Look::Sweep => self.due.sweep = now + self.chance.around(SWEEP, 0.1),
        }
    }

    fn read_letters(&mut self) {
        let Letters { setup, contacts } = self.inbox.take();
        let now = Instant::now();
        if let Some(setup) = setup {
            if setup.rules != self.setup.rules {
                self.rules_changed(now);
            }
            // Other ways out: whatever was down may not be any more.
            (self.hubspot, self.tec, self.events) = (Health::default(), Health::default(), Health::default());
            self.halt = None;
            self.setup = setup;
        }
        for contact in contacts {
            if self.pending.len() >= PENDING_LIMIT {
                break;
            }
            self.pending.want(contact, now + GATHERING, true);
        }
    }

    /// Whoever waited may go on; who came may have work already.
    fn rules_changed(&mut self, now: Instant) {
        self.known.unsettle_all();
        self.would.clear();
        self.pending.hurry(now);
        for contact in self.feed.contacts() {
            self.pending.want(contact, now, false);
        }
        self.due = Due { quick: now, thorough: now, sweep: now };
    }

    fn may_poll(&self) -> bool {
        self.setup.rules.mode == Mode::Process && !self.events.is_down() && self.feed.len() < EVENT_LIMIT
    }

    fn poll(&self) -> Poll {
        let (tec, after) = (self.setup.links.tec.clone(), self.feed.cursor.clone());
        // The first question is whether TEC is there at all.
        let wait = if self.events.proven { LONG_POLL } else { Duration::ZERO };
        Box::pin(async move { tec.events(after.as_ref(), EVENTS, wait).await })
    }

    fn take_page(&mut self, page: tec::Result<EventPage>) {
        match page {
            Ok(EventPage { cursor, events, skipped }) => {
                if self.events.failures > 0 {
                    // TEC is back: whatever waited for it is tried at once.
                    self.tec = Health::default();
                }
                self.events.answered();
                self.tally.unknown_events += u64::try_from(skipped).unwrap_or_default();
                let now = Instant::now();
                for contact in self.feed.take_in(cursor, events) {
                    self.pending.want(contact, now, false);
                }
            }
            Err(tec::Error { kind: tec::ErrorKind::CursorExpired, .. }) => {
                tracing::warn!(connection = %self.name, "TEC has forgotten where we were, its events are read from the start");
                self.feed.restart();
            }
            Err(error) => {
                let pause = pause_of_tec(&error);
                self.events.failed(pause, &self.chance);
                self.halted(Halt::Tec(Arc::new(error)));
            }
        }
    }

    fn next_due(&self, polling: bool) -> Instant {
        let looks = self.due.quick.min(self.due.thorough).min(self.due.sweep);
        let visits = self.pending.next_due(self.tec.down_until);
        let work = visits.map_or(looks, |visits| visits.min(looks));
        let work = self.hubspot.down_until.map_or(work, |until| work.max(until));
        match self.events.down_until {
            Some(until) if !polling => work.min(until),
            _ => work,
        }
    }

    /// The date.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A call to HubSpot failed as a whole: nothing is asked of it for a while.
    pub(super) fn hubspot_failed(&mut self, error: hubspot::Error) {
        let pause = match &error.kind {
            ErrorKind::QuotaExhausted { resets_at } => {
                Duration::try_from(resets_at.duration_since(self.clock.now())).unwrap_or_default()
            }
            ErrorKind::RateLimited { retry_after, .. } | ErrorKind::Busy { retry_after, .. } => *retry_after,
            ErrorKind::Unauthorized { .. }
            | ErrorKind::MissingScopes { .. }
            | ErrorKind::Forbidden { .. }
            | ErrorKind::WrongRegion { .. } => PAUSE.max,
            _ => Duration::ZERO,
        };
        self.hubspot.failed(pause, &self.chance);
        self.visits_succeed = false;
        self.halted(Halt::HubSpot(Arc::new(error)));
    }

    pub(super) fn tec_failed(&mut self, error: tec::Error) {
        let pause = pause_of_tec(&error);
        self.tec.failed(pause, &self.chance);
        self.halted(Halt::Tec(Arc::new(error)));
    }

    pub(super) fn tec_answered(&mut self) {
        self.tec.answered();
    }

    pub(super) fn tec_is_down(&self) -> bool {
        self.tec.is_down()
    }

    fn halted(&mut self, halt: Halt) {
        if self.halt.as_ref() != Some(&halt) {
            let correlation_id = match &halt {
                Halt::HubSpot(error) => error.correlation_id.clone(),
                Halt::Tec(_) => None,
            };
            tracing::warn!(connection = %self.name, error = %halt, correlation_id, "leads do not flow, will be repeated");
        }
        self.halt = Some(halt);
    }

    /// Plans another visit after a failed one.
    pub(super) fn visit_again(&mut self, contact: ContactId, visit: Visit, needs_tec: bool) {
        // TEC's own pause is the pause then.
        let failures = if needs_tec { visit.failures } else { visit.failures.saturating_add(1) };
        let pause = if needs_tec { Duration::ZERO } else { PAUSE.delay(failures, &self.chance) };
        let due = Instant::now() + pause;
        self.pending.again(contact, Visit { due, failures, needs_tec, ..visit });
    }

    /// Whether something may be on its timeline that its mark does not tell: after a failure, or from before the start.
    pub(super) fn may_be_logged(&self, case: &Case) -> bool {
        let contact = case.id();
        if self.known.is_doubtful(contact) {
            return true;
        }
        // Assigned after the start: nobody before us can have touched it. Clocks differ.
        let fresh = match &case.decision.then {
            Then::Accept(assigned) | Then::Refuse(assigned, ..) => assigned.at > self.started + Duration::from_mins(1),
            Then::Nothing | Then::InWork | Then::Wait | Then::GiveBack(..) | Then::Close(_) => false,
        };
        !fresh && !self.known.is_clean(contact)
    }

    /// An assistant has a contact in work since then.
    pub(super) fn has_accepted(&mut self, assistant: &OwnerId, at: Timestamp) {
        let first = self.first_accepted.entry(assistant.clone()).or_insert(at);
        *first = at.min(*first);
    }

    /// What would be done to a contact.
    pub(super) fn observed(&mut self, contact: &ContactId, then: &Then) {
        match then {
            Then::Accept(_) => drop(self.would.insert(contact.clone(), true)),
            Then::Refuse(..) => drop(self.would.insert(contact.clone(), false)),
            Then::Nothing | Then::InWork | Then::Wait | Then::GiveBack(..) | Then::Close(_) => {
                self.would.remove(contact);
            }
        }
    }

    /// Counts what was done.
    pub(super) fn count(&mut self, case: &Case) {
        match &case.decision.then {
            Then::Accept(_) => self.tally.accepted += 1,
            Then::Refuse(..) => self.tally.refused += 1,
            Then::GiveBack(..) => self.tally.handed_back += 1,
            Then::Close(_) => self.tally.taken_back += 1,
            Then::Nothing | Then::InWork | Then::Wait => {}
        }
        if case.handed_back {
            self.tally.handed_back += 1;
        }
        let worked = case.mark.as_ref().is_some_and(|mark| mark.phase == Phase::Working);
        if !worked {
            self.would.remove(case.id());
        }
    }

    /// Puts the report on the board; news that somebody may wait for rings.
    fn tell(&mut self) {
        if !self.hubspot.is_down() && !self.tec.is_down() && !self.events.is_down() && self.has_proven() {
            self.halt = None;
        }
        let flow = match &self.halt {
            Some(halt) => Flow::Halted(halt.clone()),
            None if self.has_proven() => Flow::Flowing,
            None => Flow::Starting,
        };
        let accept = self.would.values().filter(|accept| **accept).count();
        let report = Report {
            flow,
            bookmark: Bookmark { cursor: self.feed.committed().cloned(), looked_until: self.looked_until },
            first_accepted: self.first_accepted.clone(),
            still_owned: self.still_owned.clone(),
            in_work: self.known.working.len(),
            delayed: self.pending.delayed(),
            tally: self.tally,
            would: Would { accept, refuse: self.would.len() - accept },
        };
        if self.board.write(report) {
            (self.on_news)(News::Standing);
        }
    }

    /// Both sides have answered since the start, or since the ways out changed.
    fn has_proven(&self) -> bool {
        let tec = self.events.proven || self.setup.rules.mode != Mode::Process;
        self.hubspot.proven
            && tec
            && self.visits_succeed
            && self.hubspot.failures == 0
            && self.events.failures == 0
            && self.tec.failures == 0
    }
}

fn pause_of_tec(error: &tec::Error) -> Duration {
    match &error.kind {
        tec::ErrorKind::RateLimited { retry_after } => *retry_after,
        tec::ErrorKind::Unauthorized => Duration::from_mins(1),
        _ => Duration::ZERO,
    }
}

async fn polled(poll: &mut Option<Poll>) -> tec::Result<EventPage> {
    match poll {
        Some(poll) => poll.as_mut().await,
        None => std::future::pending().await,
    }
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HubSpot(error) => error.fmt(f),
            Self::Tec(error) => write!(f, "TEC: {error}"),
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("name", &self.name).finish_non_exhaustive()
    }
}
