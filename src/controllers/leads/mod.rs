//! The desk of the lead engines: starts one per connection that carries leads, tells it who works there, hears how it is.
//!
//! An engine is told by value and asked by value ([`Setup`], [`Report`]); everything it does to contacts is in
//! [`crate::leads`]. Dropped with its context, an engine ends as if killed; asked to end, it finishes its step.

mod bookmark;
mod doorbell;
mod farewell;
mod members;
mod sharing;
mod standing;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use kube::ResourceExt;
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use self::{
    bookmark::{SAVE_PAUSE, bookmark},
    doorbell::listen,
    farewell::{Farewell, keep_for_leaving},
    members::{has_left_off, keep, member, setup},
    sharing::{Sharing, sharing},
};
pub(super) use self::{
    bookmark::{close, remembered},
    standing::{first_accepted, flow, halted, passes_by_itself, refusal, refused},
};
use super::{
    context::Context,
    portals::Availability,
    queue::Lane,
    status::{self, Interrupted, Loaded},
};
use crate::{
    api::{Assistant, condition::Reason},
    desired::{
        assistant,
        references::{Kind, ObjectRef, connection as connection_of},
    },
    domain::OwnerId,
    leads::{
        Board, Engine, Inbox, News, Parts, Report, Rules, Setup,
        setup::{Links, Mode},
    },
    plan::Refusal,
    runtime::lock,
    server::webhook::Endpoint,
};

/// All engines.
#[derive(Debug, Default)]
pub struct Desk {
    engines: Mutex<BTreeMap<ObjectRef, Running>>,
    /// Connections that should have one, and why they have none.
    barred: Mutex<BTreeMap<ObjectRef, Refusal>>,
    /// How HubSpot's deliveries for each connection are signed.
    endpoints: Mutex<BTreeMap<ObjectRef, Endpoint>>,
    /// Connections that have no engine for the sake of an older one.
    yielding: Mutex<BTreeMap<ObjectRef, ObjectRef>>,
    /// Assistants that are being deleted.
    farewells: Mutex<BTreeMap<ObjectRef, Farewell>>,
}

#[derive(Debug)]
struct Running {
    inbox: Arc<Inbox>,
    board: Arc<Board>,
    rules: Arc<Rules>,
    links: Links,
    stop: CancellationToken,
    task: AbortOnDropHandle<()>,
    saved: Option<Instant>,
}

/// How the leads of a connection are doing, for its conditions.
#[derive(Clone, Debug, PartialEq)]
pub enum Leads {
    /// Contacts are left alone: `leads.mode` is `Off`, or there is no `tec`.
    Off,
    /// They would be carried, but for this.
    Barred(Refusal),
    /// An engine is at work.
    At(Mode, Report),
}

impl Desk {
    /// How the leads of a connection are doing.
    pub fn leads(&self, connection: &ObjectRef) -> Leads {
        if let Some((mode, report)) = self.report(connection) {
            return Leads::At(mode, report);
        }
        lock(&self.barred).get(connection).map_or(Leads::Off, |why| Leads::Barred(why.clone()))
    }

    /// The engine's last report.
    pub fn report(&self, connection: &ObjectRef) -> Option<(Mode, Report)> {
        lock(&self.engines).get(connection).map(|running| (running.rules.mode, running.board.read()))
    }

    /// Whether it is time to remember where the engine is; asked, it is remembered.
    fn may_save(&self, connection: &ObjectRef) -> bool {
        let mut all = lock(&self.engines);
        let Some(running) = all.get_mut(connection) else { return false };
        let now = Instant::now();
        let may = running.saved.is_none_or(|at| now.duration_since(at) >= SAVE_PAUSE);
        if may {
            running.saved = Some(now);
        }
        may
    }

    /// Ends the engine as if killed: what it was doing is redone by the next.
    pub fn dismiss(&self, connection: &ObjectRef) {
        lock(&self.engines).remove(connection);
        lock(&self.barred).remove(connection);
        lock(&self.endpoints).remove(connection);
        lock(&self.yielding).remove(connection);
    }

    /// What the engine goes by, if there is one.
    fn rules(&self, connection: &ObjectRef) -> Option<Arc<Rules>> {
        lock(&self.engines).get(connection).map(|running| Arc::clone(&running.rules))
    }

    /// Time between looks for new assignments.
    pub fn poll_interval(&self, connection: &ObjectRef) -> Option<Duration> {
        self.rules(connection).map(|rules| rules.poll_interval)
    }

    /// Other rules for an engine at work, with the ways out it has.
    fn instruct(&self, connection: &ObjectRef, rules: Rules) {
        let mut engines = lock(&self.engines);
        let Some(running) = engines.get_mut(connection) else { return };
        if *running.rules != rules {
            running.rules = Arc::new(rules);
            running.inbox.set(Setup { links: running.links.clone(), rules: Arc::clone(&running.rules) });
        }
    }

    /// There is no engine, for this reason. Whether that is news.
    fn bar(&self, connection: &ObjectRef, why: Refusal) -> bool {
        lock(&self.engines).remove(connection);
        lock(&self.barred).insert(connection.clone(), why.clone()) != Some(why)
    }
}

/// Why there is no engine.
enum NoEngine {
    Off,
    Barred(Refusal),
    /// Not everything is known yet; it will be attended to again.
    NotYet,
    Interrupted(Interrupted),
}

impl From<Interrupted> for NoEngine {
    fn from(error: Interrupted) -> Self {
        Self::Interrupted(error)
    }
}

/// Makes sure that the engine of a connection that can be used works by its present rules, or that there is none.
pub(super) async fn attend(ctx: &Arc<Context>, connection: &ObjectRef) -> Result<(), Interrupted> {
    let result = look_after(ctx, connection).await;
    let waiting = ctx.leads.take_yielding(connection);
    ctx.wake_all(waiting, Lane::Dependency);
    result
}

async fn look_after(ctx: &Arc<Context>, connection: &ObjectRef) -> Result<(), Interrupted> {
    if has_left_off(ctx, connection) {
        ctx.leads.dismiss(connection);
        return Ok(());
    }
    let usable = match ctx.portals.availability(connection) {
        Availability::Ready(usable) => usable,
        // Passing trouble with the portal is the engine's trouble, too, and it knows how to wait.
        Availability::Unavailable(why) if passes(why.reason) => return keep(ctx, connection).await,
        Availability::Unavailable(why) => {
            if why.reason != Reason::ReferenceNotFound || !keep_for_leaving(ctx, connection).await? {
                ctx.leads.dismiss(connection);
            }
            return Ok(());
        }
        Availability::Unknown => {
            ctx.leads.dismiss(connection);
            return Ok(());
        }
    };
    match setup(ctx, connection, &usable).await {
        Ok(setup) => match sharing(ctx, connection, &setup.links.tec).await? {
            Sharing::Nobody => {
                listen(ctx, connection, (&usable, setup.rules.portal)).await?;
                employ(ctx, connection, setup);
            }
            Sharing::With(other) => {
                let message = format!(
                    "its token of TEC is used by the older CrmConnection {}/{}, whose leads it would mix up with its \
                     own; each portal needs a token of its own",
                    other.namespace, other.name
                );
                bar(ctx, connection, Refusal::new(Reason::Conflict, message));
                ctx.leads.yields(connection, other);
            }
            Sharing::NotYet(other) => ctx.leads.yields(connection, other),
        },
        Err(NoEngine::Off) => ctx.leads.dismiss(connection),
        Err(NoEngine::Barred(why)) => {
            if why.reason != Reason::ReferenceNotFound || !keep_for_leaving(ctx, connection).await? {
                bar(ctx, connection, why);
            }
        }
        Err(NoEngine::NotYet) => {}
        Err(NoEngine::Interrupted(error)) => return Err(error),
    }
    Ok(())
}

fn bar(ctx: &Context, connection: &ObjectRef, why: Refusal) {
    if ctx.leads.bar(connection, why) {
        ctx.wake(connection, Lane::Dependency);
    }
}

fn passes(reason: Reason) -> bool {
    matches!(reason, Reason::Retrying | Reason::Unreachable | Reason::QuotaExhausted | Reason::Progressing)
}

/// An assistant has been looked at: if its engine should know, its connection is looked at, too.
pub(super) async fn notice(ctx: &Arc<Context>, key: &ObjectRef) -> Result<(), Interrupted> {
    let Loaded::Object(object) = status::load::<Assistant>(ctx, key) else { return Ok(()) };
    let connection = connection_of(&object.namespace().unwrap_or_default(), &object.spec.connection_ref);
    let Some(rules) = ctx.leads.rules(&connection) else {
        // Whoever can own contacts from now on may be the first.
        if let Availability::Ready(usable) = ctx.portals.availability(&connection)
            && usable.connection.leads.is_some()
            && object.status.as_ref().is_some_and(|status| status.owner_id.is_some())
        {
            ctx.wake(&connection, Lane::Dependency);
        }
        return Ok(());
    };
    let Availability::Ready(usable) = ctx.portals.availability(&connection) else {
        return look_after(ctx, &connection).await;
    };
    let owner = object.status.as_ref().and_then(|status| status.owner_id.clone()).map(OwnerId);
    let new = match (assistant::validate(&object.spec), &owner) {
        (Ok(valid), Some(_)) => Some(member(ctx, (key, &object), usable.tec.as_deref(), valid).await?),
        (Ok(_) | Err(_), _) => None,
    };
    let old = owner.and_then(|owner| rules.members.get(&owner).cloned());
    if old != new {
        ctx.wake(&connection, Lane::Dependency);
    }
    Ok(())
}

fn employ(ctx: &Arc<Context>, connection: &ObjectRef, setup: Setup) {
    let mut desk = lock(&ctx.leads.engines);
    if let Some(running) = desk.get_mut(connection)
        && !running.task.is_finished()
    {
        let same_links =
            running.links.hubspot.is_same(&setup.links.hubspot) && running.links.tec.is_same(&setup.links.tec);
        if !same_links || running.rules != setup.rules {
            (running.rules, running.links) = (Arc::clone(&setup.rules), setup.links.clone());
            running.inbox.set(setup);
        }
        return;
    }
    let (inbox, board) = (Arc::<Inbox>::default(), Arc::<Board>::default());
    let engine = Engine::new(Parts {
        name: format!("{}/{}", connection.namespace, connection.name),
        setup: setup.clone(),
        bookmark: bookmark(ctx, connection),
        clock: Arc::clone(&ctx.clock),
        chance: Arc::clone(&ctx.chance),
        inbox: Arc::clone(&inbox),
        board: Arc::clone(&board),
        on_news: on_news(ctx, connection),
    });
    let stop = CancellationToken::new();
    let task = AbortOnDropHandle::new(tokio::spawn(engine.run(stop.clone())));
    let Setup { links, rules } = setup;
    lock(&ctx.leads.barred).remove(connection);
    desk.insert(connection.clone(), Running { inbox, board, rules, links, stop, task, saved: None });
}

/// Wakes whose status may say something new. Weak: an engine does not keep alive what keeps it alive.
fn on_news(ctx: &Arc<Context>, connection: &ObjectRef) -> Arc<dyn Fn(News) + Send + Sync> {
    let (ctx, connection): (Weak<Context>, _) = (Arc::downgrade(ctx), connection.clone());
    Arc::new(move |news| {
        let Some(ctx) = ctx.upgrade() else { return };
        if news == News::Standing {
            let users = lock(&ctx.store).referrers(&connection, Kind::Assistant);
            ctx.wake_all(users, Lane::Dependency);
        }
        ctx.wake(&connection, Lane::Dependency);
    })
}
