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
    tec::{self, Cursor, EventPage},
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
/// Pause after an answer without events for which TEC did not wait.
const POLL_FLOOR: Duration = Duration::from_secs(1);
/// Pause after a write that may have happened, before it is looked for.
const DOUBT: Duration = Duration::from_secs(5);
/// From so many failures in a row on, visits are gathered.
const GATHERED_FROM: u32 = 4;
/// Trouble that lasts no longer is nobody's business.
const BLIP: Duration = Duration::from_secs(30);
/// Time between two news of how far the events are.
const PLACE_PAUSE: Duration = Duration::from_secs(30);
/// With so many events waiting no more are asked for.
const EVENT_LIMIT: usize = 5_000;
/// While TEC does not know us the feed is asked first.
const AFTER_THE_FEED: Duration = Duration::from_secs(1);

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
    /// The same on the clock that only moves forward.
    born: Instant,
    looked_until: Option<Timestamp>,
    due: Due,
    hubspot: Health,
    /// HubSpot's search, which can fail alone.
    search: Health,
    tec: Health,
    events: Health,
    halt: Option<Halt>,
    /// Since when.
    halted_at: Option<Instant>,
    /// The last visit met no trouble with HubSpot as a whole.
    visits_succeed: bool,
    /// The question under way is put to somebody else.
    poll_again: bool,
    /// When the last question for events was put, and how long its answer might take.
    asked: Option<(Instant, Duration)>,
    /// How far the events were when that was told last, and when.
    told: Option<(Option<Cursor>, Instant)>,
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
            born: now,
            looked_until: bookmark.looked_until,
            due: Due { quick: now, thorough: now, sweep: now },
            hubspot: Health::default(),
            search: Health::default(),
            tec: Health::default(),
            events: Health::default(),
            halt: None,
            halted_at: None,
            visits_succeed: true,
            poll_again: false,
            asked: None,
            told: None,
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
            if std::mem::take(&mut self.poll_again) {
                poll = None;
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
            } else if !self.known.given.is_empty() {
                self.respect_choices(&setup).await;
            } else {
                return;
            }
            self.read_letters();
            self.tell();
        }
    }

    fn due_look(&self, now: Instant) -> Option<Look> {
        if self.search.is_down() {
            return None;
        }
        if self.due.sweep <= now {
            return Some(Look::Sweep);
        }
        if self.due.thorough <= now {
            // Without a memory of the last look, everything that was ever marked: somebody may have been taken away since.
            let since = self.looked_until.map_or(Timestamp::UNIX_EPOCH, |until| until.min(self.clock.now()) - OVERLAP);
            return Some(Look::Since(since));
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
            self.look_failed(error);
            return;
        }
        self.search.answered();
        self.hubspot.answered();
        // Without visits nothing can show that they succeed again.
        self.visits_succeed |= self.pending.delayed() == 0;
        let now = Instant::now();
        let poll_interval = setup.rules.poll_interval;
        match look {
            Look::Quick => self.due.quick = now + poll_interval,
            Look::Since(_) => {
                // Not beyond whom somebody still has to visit: a restart would not find them again.
                if self.pending.delayed() == 0 {
                    self.looked_until = Some(began);
                }
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
            self.links_changed(&setup);
            self.setup = setup;
        }
        for contact in contacts {
            if self.pending.len() >= PENDING_LIMIT {
                break;
            }
            self.pending.want(contact, now + GATHERING, true);
        }
    }

    /// Other ways out: whatever was down may not be any more.
    fn links_changed(&mut self, new: &Setup) {
        let (old, new) = (&self.setup.links, &new.links);
        if !old.hubspot.is_same(&new.hubspot) {
            (self.hubspot, self.search) = (Health::default(), Health::default());
            self.halt = None;
        }
        if !old.tec.is_same(&new.tec) {
            (self.tec, self.events) = (Health::default(), Health::default());
            self.halt = None;
            self.poll_again = true;
        }
        if old.tec.base() != new.tec.base() {
            // Another TEC: a place in the old one's events means nothing there.
            self.feed = Feed::default();
        }
    }

    /// Whoever waited may go on; who came may have work already.
    fn rules_changed(&mut self, now: Instant) {
        self.known.unsettle_all();
        self.feed.unpark();
        self.would.clear();
        self.pending.hurry(now);
        for contact in self.feed.contacts() {
            self.pending.want(contact, now, false);
        }
        self.due = Due { quick: now, thorough: now, sweep: now };
    }

    fn may_poll(&self) -> bool {
        self.setup.rules.mode == Mode::Process && !self.events.is_down() && self.feed.busy() < EVENT_LIMIT
    }

    fn poll(&mut self) -> Poll {
        let (tec, after) = (self.setup.links.tec.clone(), self.feed.cursor.clone());
        // The first question is whether TEC is there at all.
        let known = self.events.proven && self.events.failures == 0;
        let wait = if known { LONG_POLL } else { Duration::ZERO };
        self.asked = Some((Instant::now(), wait));
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
                if events.is_empty() && self.answered_too_soon() {
                    self.events.down_until = Some(Instant::now() + POLL_FLOOR);
                }
                self.tally.unknown_events += u64::try_from(skipped).unwrap_or_default();
                let now = Instant::now();
                for contact in self.feed.take_in(cursor, events) {
                    self.pending.want(contact, now, false);
                }
            }
            // Also a cursor TEC never made: it was kept from another one.
            Err(tec::Error { kind: tec::ErrorKind::CursorExpired | tec::ErrorKind::Rejected { .. }, .. })
                if self.feed.cursor.is_some() =>
            {
                tracing::warn!(connection = %self.name, "TEC has forgotten where we were, its events are read from the start");
                self.feed.restart();
            }
            Err(error) => {
                let pause = pause_of_tec(&error);
                self.events.failed(pause, &self.chance);
                if error.kind == tec::ErrorKind::Unauthorized {
                    // Nothing else is asked with that token before the feed has been asked again.
                    self.tec.down_until = self.events.down_until.map(|until| until + AFTER_THE_FEED);
                }
                self.halted(Halt::Tec(Arc::new(error)));
            }
        }
    }

    /// Whether TEC did not wait for events although it was asked to.
    fn answered_too_soon(&self) -> bool {
        self.asked.is_some_and(|(at, wait)| !wait.is_zero() && at.elapsed() < POLL_FLOOR)
    }

    fn next_due(&self, polling: bool) -> Instant {
        let looks = self.due.quick.min(self.due.thorough).min(self.due.sweep);
        let looks = self.search.down_until.map_or(looks, |until| looks.max(until));
        let visits = self.pending.next_due(self.tec.down_until);
        let work = visits.map_or(looks, |visits| visits.min(looks));
        let work = self.hubspot.down_until.map_or(work, |until| work.max(until));
        match self.events.down_until {
            // Past it, something else keeps us from asking: time alone changes nothing.
            Some(until) if !polling && until > Instant::now() => work.min(until),
            _ => work,
        }
    }

    /// The date.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Search can fail while everything else works: then deliveries and events go on.
    fn look_failed(&mut self, error: hubspot::Error) {
        match error.kind {
            ErrorKind::Unavailable { .. } | ErrorKind::Malformed { .. } | ErrorKind::Rejected(_) => {
                self.search.failed(Duration::ZERO, &self.chance);
                self.halted(Halt::HubSpot(Arc::new(error)));
            }
            _ => self.hubspot_failed(error),
        }
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
            // It may be at work still: what is looked up too early is not there yet (API.md §12).
            ErrorKind::Ambiguous { .. } => DOUBT,
            _ => Duration::ZERO,
        };
        self.hubspot.failed(pause, &self.chance);
        self.visits_succeed = false;
        self.halted(Halt::HubSpot(Arc::new(error)));
    }

    pub(super) fn hubspot_is_down(&self) -> bool {
        self.hubspot.is_down()
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
        self.halted_at = self.halted_at.or(Some(Instant::now()));
        self.halt = Some(halt);
    }

    /// What is halted long enough to be told, or will not pass by itself.
    fn told_halt(&self) -> Option<&Halt> {
        let lasting = self.halted_at.is_some_and(|at| at.elapsed() >= BLIP);
        self.halt.as_ref().filter(|halt| lasting || halt.is_serious())
    }

    /// Plans another visit after a failed one.
    pub(super) fn visit_again(&mut self, contact: ContactId, visit: Visit, needs_tec: bool) {
        // TEC's own pause is the pause then.
        let failures = if needs_tec { visit.failures } else { visit.failures.saturating_add(1) };
        let mut pause = if needs_tec { Duration::ZERO } else { PAUSE.delay(failures, &self.chance) };
        if self.known.is_doubtful(&contact) {
            pause = pause.max(DOUBT);
        }
        let due = self.on_the_grid(Instant::now() + pause, failures);
        self.pending.again(contact, Visit { due, failures, needs_tec, ..visit });
    }

    /// Visits after many failures come together, so that they share calls.
    fn on_the_grid(&self, due: Instant, failures: u32) -> Instant {
        let step = PAUSE.ceiling(failures) / 4;
        if failures < GATHERED_FROM || step.is_zero() {
            return due;
        }
        let steps = due.duration_since(self.born).as_millis() / step.as_millis() + 1;
        u32::try_from(steps).map_or(due, |steps| self.born + step * steps)
    }

    /// Whether something may be on its timeline that its mark does not tell: after a failure, or from before the start.
    pub(super) fn may_be_logged(&self, case: &Case) -> bool {
        let contact = case.id();
        if self.known.is_doubtful(contact) {
            return true;
        }
        // Clocks differ.
        let since_start = |at: Timestamp| at > self.started + Duration::from_mins(1);
        // What TEC said before, an engine before us may have logged without a mark of it, and a visit of ours without these
        // events has not looked for them.
        if !case.events.iter().all(|event| since_start(event.occurred_at)) {
            return true;
        }
        // Assigned after the start: nobody before us can have touched it.
        let fresh = match &case.decision.then {
            Then::Accept(assigned) | Then::Refuse(assigned, ..) => since_start(assigned.at),
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
            (self.halt, self.halted_at) = (None, None);
        }
        let flow = match self.told_halt() {
            Some(halt) => Flow::Halted(halt.clone()),
            None if self.has_proven() => Flow::Flowing,
            // A blip, or the first answers are on their way.
            None => self.board.read().flow,
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
        } else if self.has_moved_on() {
            (self.on_news)(News::Place);
        }
    }

    /// Whether the events have moved on since that was told last, some time ago.
    fn has_moved_on(&mut self) -> bool {
        let (cursor, now) = (self.feed.committed(), Instant::now());
        let Some((told, at)) = &self.told else {
            self.told = Some((cursor.cloned(), now));
            return false;
        };
        let moved = told.as_ref() != cursor && now.duration_since(*at) >= PLACE_PAUSE;
        if moved {
            self.told = Some((cursor.cloned(), now));
        }
        moved
    }

    /// Both sides have answered since the start, or since the ways out changed.
    fn has_proven(&self) -> bool {
        let tec = self.events.proven || self.setup.rules.mode != Mode::Process;
        self.hubspot.proven
            && tec
            && self.visits_succeed
            && self.hubspot.failures == 0
            && self.search.failures == 0
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
