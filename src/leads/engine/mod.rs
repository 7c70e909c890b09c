//! The loop that carries the leads of one connection: hears of contacts, visits them, reads TEC's events.
//!
//! One task per connection. What it knows is in `memory/` and can be lost at any moment; what is true is in HubSpot and
//! TEC. It only decides *when*: what happens to a contact is `decide.rs`, how is `batch/`, where candidates come from
//! is `look.rs`. `polling.rs` reads TEC's events, `trouble.rs` and `refused.rs` wait and count, `telling.rs` reports.

mod polling;
mod refused;
mod telling;
mod trouble;

use std::{collections::BTreeMap, fmt, pin::Pin, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::refused::Refused;
use super::{
    batch::VISIT,
    cases::Case,
    decide::Then,
    health::Health,
    look::{Look, OVERLAP},
    mailbox::{Board, Inbox, Letters, OnNews, PENDING_LIMIT},
    memory::{Feed, Known, Pending, Settled},
    setup::{Bookmark, Halt, Setup, Tally},
};
use crate::{
    domain::{ContactId, OwnerId},
    runtime::{chance::Chance, clock::Clock},
    tec::{self, Cursor, EventPage},
};

/// Deliveries of one multi-select come in within this, and are visited together.
const GATHERING: Duration = Duration::from_millis(50);
/// Time between thorough looks at recent changes.
const THOROUGH: Duration = Duration::from_mins(1);
/// Time between looks at everything the assistants own.
const SWEEP: Duration = Duration::from_hours(1);

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
    /// Behind everything that was found and visited; a restart goes on from here.
    looked_until: Option<Timestamp>,
    /// When the last thorough look began.
    thorough_at: Option<Timestamp>,
    /// What the last quick one showed.
    pub(super) shown: BTreeMap<ContactId, Settled>,
    due: Due,
    hubspot: Health,
    /// HubSpot's search, which can fail alone.
    search: Health,
    tec: Health,
    events: Health,
    halt: Option<Halt>,
    /// Since when.
    halted_at: Option<Instant>,
    /// What HubSpot refuses although it answers.
    pub(super) refused: Refused,
    /// The last visit met no trouble with HubSpot as a whole.
    visits_succeed: bool,
    /// Events asked for at once.
    page_limit: u32,
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
            thorough_at: bookmark.looked_until,
            shown: BTreeMap::new(),
            due: Due { quick: now, thorough: now, sweep: now },
            hubspot: Health::default(),
            search: Health::default(),
            tec: Health::default(),
            events: Health::default(),
            halt: None,
            halted_at: None,
            refused: Refused::default(),
            visits_succeed: true,
            page_limit: polling::EVENTS,
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

    /// Does what is due, but no more than one look and the visits of one batch: TEC's events and letters are not to wait for
    /// thousands.
    async fn step(&mut self, shutdown: &CancellationToken) {
        let setup = self.setup.clone();
        if let Some(look) = self.due_look(Instant::now()).filter(|_| self.may_work(shutdown)) {
            self.look_and_plan(&setup, look).await;
        }
        if !self.may_work(shutdown) {
            return;
        }
        let visits = self.pending.take(Instant::now(), self.tec.down_until, VISIT);
        if !visits.is_empty() {
            self.visits_succeed = true;
            self.visit(setup, visits).await;
        } else if !self.known.given.is_empty() {
            self.respect_choices(&setup).await;
        }
    }

    fn may_work(&self, shutdown: &CancellationToken) -> bool {
        !shutdown.is_cancelled() && !self.hubspot.is_down()
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
            let since = self.thorough_at.map_or(Timestamp::UNIX_EPOCH, |until| until.min(self.clock.now()) - OVERLAP);
            return Some(Look::Since(since));
        }
        (self.due.quick <= now).then_some(Look::Quick)
    }

    async fn look_and_plan(&mut self, setup: &Setup, look: Look) {
        let (began, began_at) = (self.clock.now(), Instant::now());
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
                self.thorough_at = Some(began);
                // Not beyond whom somebody still has to visit: a restart would not find them again. Whom this look found, it would.
                let waiting = self.pending.next_due(None).is_some_and(|due| due <= began_at);
                if self.pending.delayed() == 0 && !waiting {
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
        for (contact, owner) in contacts {
            if self.pending.len() >= PENDING_LIMIT {
                break;
            }
            let ours = owner.is_none_or(|owner| self.setup.rules.members.contains_key(&owner))
                || self.known.concerns_us(&contact)
                || self.would.contains_key(&contact);
            // What people give each other by the thousand needs no look, once it is known what the assistants have: what they
            // lose besides is found by the next thorough look. Before, it may wait.
            if ours || self.due.sweep <= now {
                self.pending.want(contact, now + GATHERING, ours);
            }
        }
    }

    /// Other ways out: whatever was down may not be any more.
    fn links_changed(&mut self, new: &Setup) {
        let (old, new) = (&self.setup.links, &new.links);
        if !old.hubspot.is_same(&new.hubspot) {
            (self.hubspot, self.search) = (Health::default(), Health::default());
            (self.halt, self.refused) = (None, Refused::default());
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
}

async fn polled(poll: &mut Option<Poll>) -> tec::Result<EventPage> {
    match poll {
        Some(poll) => poll.as_mut().await,
        None => std::future::pending().await,
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("name", &self.name).finish_non_exhaustive()
    }
}
