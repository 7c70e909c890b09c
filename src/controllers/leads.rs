//! The desk of the lead engines: starts one per connection that carries leads, tells it who works there, hears how it is.
//!
//! An engine is told by value and asked by value ([`Setup`], [`Report`]); everything it does to contacts is in
//! [`crate::leads`]. Dropped with its context, an engine ends as if killed; asked to end, it finishes its step.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use jiff::Timestamp;
use kube::ResourceExt;
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    context::Context,
    may_use,
    portals::{Availability, Usable},
    queue::Lane,
    references::{self, Missing},
    status::{self, Interrupted, Loaded},
    tec::InTec,
};
use crate::{
    api::{
        Assistant, CrmConnection,
        assistant::{LeadsOnDelete, moment},
        condition::Reason,
        crm_connection::LeadsBookmark,
    },
    desired::{
        ValidatedAssistant,
        assistant::{self, DefaultContext},
        connection::{LeadRules, STATE_FIELD},
        references::{Kind, ObjectRef, connection as connection_of},
    },
    domain::{ContactId, Email, LeadState, OwnerId, PortalId},
    hubspot,
    leads::{
        Board, Bookmark, Engine, Inbox, Parts, Report, Rules, Setup,
        decide::Standing,
        mapping::Mapping,
        setup::{Fields, Flow, Halt, Links, Member, Mode, NoteTexts},
    },
    plan::Refusal,
    portal::{
        Trouble,
        snapshot::{Owner, Properties},
    },
    runtime::lock,
    server::webhook::{Doorbell, Endpoint},
    tec::{self, Cursor, Tec},
};

/// Places of engines are remembered at most this often, and at the end (DESIGN 6.2).
const SAVE_PAUSE: Duration = Duration::from_secs(30);
/// If nothing but time passes, they are remembered this often.
const LOOKS_SAVED: Duration = Duration::from_hours(1);
/// How long an engine may take to finish its step.
const FAREWELL: Duration = Duration::from_secs(20);

/// All engines.
#[derive(Debug, Default)]
pub struct Desk {
    engines: Mutex<BTreeMap<ObjectRef, Running>>,
    /// Connections that should have one, and why they have none.
    barred: Mutex<BTreeMap<ObjectRef, Refusal>>,
    /// How HubSpot's deliveries for each connection are signed.
    endpoints: Mutex<BTreeMap<ObjectRef, Endpoint>>,
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
    }

    /// There is no engine, for this reason. Whether that is news.
    fn bar(&self, connection: &ObjectRef, why: Refusal) -> bool {
        lock(&self.engines).remove(connection);
        lock(&self.barred).insert(connection.clone(), why.clone()) != Some(why)
    }
}

impl Doorbell for Desk {
    fn endpoints(&self) -> Vec<Endpoint> {
        lock(&self.endpoints).values().cloned().collect()
    }

    fn ring(&self, endpoint: &str, contacts: BTreeSet<ContactId>) {
        let connection =
            lock(&self.endpoints).iter().find(|(_, known)| known.id == endpoint).map(|(key, _)| key.clone());
        if let Some(connection) = connection
            && let Some(running) = lock(&self.engines).get(&connection)
        {
            running.inbox.ring(contacts);
        }
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
    let usable = match ctx.portals.availability(connection) {
        Availability::Ready(usable) => usable,
        // Passing trouble with the portal is the engine's trouble, too, and it knows how to wait.
        Availability::Unavailable(why) if passes(why.reason) => return Ok(()),
        Availability::Unavailable(_) | Availability::Unknown => {
            ctx.leads.dismiss(connection);
            return Ok(());
        }
    };
    match setup(ctx, connection, &usable).await {
        Ok(setup) if let Some(other) = sharing(ctx, connection, &setup.links.tec) => {
            let message = format!(
                "its token of TEC is used by the older CrmConnection {}/{}, whose leads it would mix up with its own; \
                 each portal needs a token of its own",
                other.namespace, other.name
            );
            if ctx.leads.bar(connection, Refusal::new(Reason::Conflict, message)) {
                ctx.wake(connection, Lane::Dependency);
            }
        }
        Ok(setup) => {
            listen(ctx, connection, (&usable, setup.rules.portal)).await?;
            employ(ctx, connection, setup);
        }
        Err(NoEngine::Off) => ctx.leads.dismiss(connection),
        Err(NoEngine::Barred(why)) => {
            if ctx.leads.bar(connection, why) {
                ctx.wake(connection, Lane::Dependency);
            }
        }
        Err(NoEngine::NotYet) => {}
        Err(NoEngine::Interrupted(error)) => return Err(error),
    }
    Ok(())
}

fn passes(reason: Reason) -> bool {
    matches!(reason, Reason::Retrying | Reason::Unreachable | Reason::QuotaExhausted | Reason::Progressing)
}

/// An assistant has been looked at: if its engine should know, its connection is looked at, too.
pub(super) async fn notice(ctx: &Context, key: &ObjectRef) -> Result<(), Interrupted> {
    let Loaded::Object(object) = status::load::<Assistant>(ctx, key) else { return Ok(()) };
    let connection = connection_of(&object.namespace().unwrap_or_default(), &object.spec.connection_ref);
    let Availability::Ready(usable) = ctx.portals.availability(&connection) else { return Ok(()) };
    if usable.connection.leads.is_none() {
        return Ok(());
    }
    let known = lock(&ctx.leads.engines).get(&connection).map(|running| Arc::clone(&running.rules));
    let owner = object.status.as_ref().and_then(|status| status.owner_id.clone()).map(OwnerId);
    let new = match (assistant::validate(&object.spec), &owner) {
        (Ok(valid), Some(_)) => Some(member(ctx, (key, &object), &usable, valid).await?),
        (Ok(_) | Err(_), _) => None,
    };
    let old = known.zip(owner).and_then(|(rules, owner)| rules.members.get(&owner).cloned());
    if old != new {
        ctx.wake(&connection, Lane::Dependency);
    }
    Ok(())
}

/// Events name contacts by number only, and every portal counts from one: two portals never share a feed. The connection
/// that came first keeps it; a younger one with an engine loses it.
fn sharing(ctx: &Context, connection: &ObjectRef, tec: &Tec) -> Option<ObjectRef> {
    let same: Vec<ObjectRef> = lock(&ctx.leads.engines)
        .iter()
        .filter(|(other, running)| *other != connection && running.links.tec.sees_the_same(tec))
        .map(|(other, _)| other.clone())
        .collect();
    let age = |key: &ObjectRef| match status::load::<CrmConnection>(ctx, key) {
        Loaded::Object(object) => {
            let created = object.metadata.creation_timestamp.as_ref().map_or(Timestamp::MAX, |time| time.0);
            Some((created, object.uid().unwrap_or_default()))
        }
        Loaded::Gone | Loaded::Malformed(_) => None,
    };
    let own = age(connection);
    for other in same {
        if age(&other) < own && age(&other).is_some() {
            return Some(other);
        }
        ctx.leads.dismiss(&other);
        ctx.wake(&other, Lane::Dependency);
    }
    None
}

/// HubSpot's deliveries only make things faster: without the secret they are refused, and searches find what they told.
async fn listen(
    ctx: &Context,
    connection: &ObjectRef,
    (usable, portal): (&Usable, PortalId),
) -> Result<(), Interrupted> {
    let endpoint = match &usable.connection.webhooks {
        None => None,
        Some(webhooks) => match references::signing_secret(ctx, &connection.namespace, &webhooks.secret).await {
            Ok(secret) => Some(Endpoint {
                id: format!("{}/{}", connection.namespace, connection.name),
                portal,
                secret,
                public_url: webhooks.public_url.clone(),
            }),
            Err(Missing::Refusal(refusal)) => {
                tracing::warn!(object = %connection, reason = %refusal.message, "webhooks are refused; assignments are found by search");
                None
            }
            Err(Missing::Unreadable(error)) => return Err(error),
        },
    };
    let mut endpoints = lock(&ctx.leads.endpoints);
    match endpoint {
        Some(endpoint) => drop(endpoints.insert(connection.clone(), endpoint)),
        None => drop(endpoints.remove(connection)),
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
fn on_news(ctx: &Arc<Context>, connection: &ObjectRef) -> Arc<dyn Fn() + Send + Sync> {
    let (ctx, connection): (Weak<Context>, _) = (Arc::downgrade(ctx), connection.clone());
    Arc::new(move || {
        let Some(ctx) = ctx.upgrade() else { return };
        let users = lock(&ctx.store).referrers(&connection, Kind::Assistant);
        ctx.wake_all(users, Lane::Dependency);
        ctx.wake(&connection, Lane::Dependency);
    })
}

fn bookmark(ctx: &Context, connection: &ObjectRef) -> Bookmark {
    let Loaded::Object(object) = status::load::<CrmConnection>(ctx, connection) else { return Bookmark::default() };
    let saved = object.status.and_then(|status| status.leads).unwrap_or_default();
    Bookmark { cursor: saved.cursor.map(Cursor::new), looked_until: saved.looked_until.map(|time| time.0) }
}

/// What is to be remembered in the connection's status: what is there, unless it is time for something newer.
pub(super) fn remembered(
    ctx: &Context,
    connection: &ObjectRef,
    (old, report): (Option<&LeadsBookmark>, &Report),
) -> Option<LeadsBookmark> {
    let old_looked = old.and_then(|old| old.looked_until.as_ref()).map(|time| time.0);
    let stale = |new: Timestamp| {
        old_looked.is_none_or(|old| Duration::try_from(new.duration_since(old)).is_ok_and(|age| age >= LOOKS_SAVED))
    };
    let cursor = report.bookmark.cursor.as_ref().map(|cursor| cursor.as_str().to_owned());
    let moved = cursor.is_some() && cursor.as_ref() != old.and_then(|old| old.cursor.as_ref());
    let worth_it = moved || report.bookmark.looked_until.is_some_and(stale);
    if worth_it && ctx.leads.may_save(connection) { Some(place(report, old)) } else { old.cloned() }
}

fn place(report: &Report, old: Option<&LeadsBookmark>) -> LeadsBookmark {
    let Bookmark { cursor, looked_until } = &report.bookmark;
    LeadsBookmark {
        cursor: cursor.as_ref().map(|cursor| cursor.as_str().to_owned()).or_else(|| old?.cursor.clone()),
        looked_until: looked_until.map(moment).or_else(|| old?.looked_until.clone()),
    }
}

/// Ends all engines in order, and remembers where they were.
pub(super) async fn close(ctx: &Context) {
    let all = std::mem::take(&mut *lock(&ctx.leads.engines));
    for running in all.values() {
        running.stop.cancel();
    }
    for (connection, running) in all {
        if tokio::time::timeout(FAREWELL, running.task).await.is_err() {
            tracing::warn!(%connection, "its leads are in the middle of something, which is redone at the next start");
        }
        if let Err(error) = save(ctx, &connection, &running.board.read()).await {
            tracing::warn!(%connection, %error, "how far leads were is not remembered; more is looked at again at the next start");
        }
    }
}

async fn save(ctx: &Context, connection: &ObjectRef, report: &Report) -> Result<(), Interrupted> {
    let Loaded::Object(object) = status::load::<CrmConnection>(ctx, connection) else { return Ok(()) };
    let Some(old) = &object.status else { return Ok(()) };
    let mut new = old.clone();
    new.leads = Some(place(report, old.leads.as_ref()));
    status::write(ctx, &object, Some(old), &new).await
}

async fn setup(ctx: &Context, connection: &ObjectRef, usable: &Usable) -> Result<Setup, NoEngine> {
    let leads = usable.connection.leads.as_ref().ok_or(NoEngine::Off)?;
    let tec = tec_of(usable)?;
    let snapshot = usable.portal.read(&[], None, hubspot::Lane::Leads).await;
    let account = snapshot.account.last_known().ok_or(NoEngine::NotYet)?;
    let properties = snapshot.properties.last_known().ok_or(NoEngine::NotYet)?;
    let fields = &usable.connection.fields;
    needed_fields(properties, fields.lead_connection_status.name.as_str())?;
    let owners = snapshot.owners.last_known().ok_or(NoEngine::NotYet)?;
    let members = members(ctx, connection, (usable, owners)).await?;
    if members.is_empty() {
        let nobody = "no assistant can own contacts yet";
        return Err(NoEngine::Barred(Refusal::new(Reason::Waiting, nobody)));
    }
    let owner_of = |email: &Email| owners.get(email).map(|owner| owner.id.clone());
    let rules = Rules {
        portal: account.portal,
        mode: mode(ctx, usable, leads),
        poll_interval: leads.poll_interval,
        fields: Fields {
            context: fields.context.name.to_string(),
            schedule: fields.schedule.name.to_string(),
            connection_status: fields.lead_connection_status.name.to_string(),
            connection_status_label: fields.lead_connection_status.label.clone(),
            state: STATE_FIELD.to_owned(),
        },
        mapping: mapping(properties, &usable.connection.lead_status.mapping),
        notes: NoteTexts { accepted: leads.accepted_note.clone(), refused: leads.refused_note.clone() },
        members,
        active_owners: owners.values().map(|owner| owner.id.clone()).collect(),
        fallback: leads.fallback_owner.as_ref().and_then(owner_of),
    };
    let links = Links { hubspot: usable.portal.hubspot(hubspot::Lane::Leads), tec };
    Ok(Setup { links, rules: Arc::new(rules) })
}

/// The fields an assignment is marked with, and every option of the visible one.
fn needed_fields(properties: &Properties, connection_status: &str) -> Result<(), NoEngine> {
    let barred = |message: String| Err(NoEngine::Barred(Refusal::new(Reason::Waiting, message)));
    for name in [STATE_FIELD, connection_status] {
        if !properties.active.contains_key(name) {
            return barred(format!("contacts have no field {name} yet; leads need it"));
        }
    }
    let options = options_of(properties, connection_status);
    match LeadState::ALL.into_iter().find(|state| !options.contains(state.name())) {
        Some(state) => barred(format!("the field {connection_status} has no option {state} yet; leads need it")),
        None => Ok(()),
    }
}

fn options_of<'a>(properties: &'a Properties, name: &str) -> BTreeSet<&'a str> {
    let options = properties.active.get(name).map(|property| property.options.as_slice()).unwrap_or_default();
    options.iter().map(|option| option.value.as_str()).collect()
}

/// Rows whose value the portal knows: HubSpot would refuse the whole update for the others (API.md §7.1).
fn mapping(properties: &Properties, rows: &BTreeMap<LeadState, String>) -> Mapping {
    let options = options_of(properties, "hs_lead_status");
    let known = rows.iter().filter(|(_, value)| options.contains(value.as_str()));
    Mapping(known.map(|(state, value)| (*state, value.clone())).collect())
}

fn mode(ctx: &Context, usable: &Usable, leads: &LeadRules) -> Mode {
    let held = usable.connection.hold_until.is_some_and(|until| until > ctx.now());
    if leads.observe {
        Mode::Observe
    } else if held || usable.plan_only {
        Mode::Hold
    } else {
        Mode::Process
    }
}

/// The assistants of a connection that have an owner, by owner.
async fn members(
    ctx: &Context,
    connection: &ObjectRef,
    (usable, owners): (&Usable, &BTreeMap<Email, Owner>),
) -> Result<BTreeMap<OwnerId, Member>, NoEngine> {
    let mut members: BTreeMap<OwnerId, (super::portals::Age, Member)> = BTreeMap::new();
    let users = lock(&ctx.store).referrers(connection, Kind::Assistant);
    for key in users {
        let Loaded::Object(object) = status::load::<Assistant>(ctx, &key) else { continue };
        let Ok(valid) = assistant::validate(&object.spec) else { continue };
        let Some(owner) = owners.get(&valid.email) else { continue };
        if may_use(ctx, connection, &key.namespace).is_err() {
            continue;
        }
        let created = object.metadata.creation_timestamp.as_ref().map_or(Timestamp::MAX, |time| time.0);
        let age = (created, object.uid().unwrap_or_default());
        // Two with one e-mail: the older one works, the other is told (`Conflict`).
        if members.get(&owner.id).is_some_and(|(other, _)| *other < age) {
            continue;
        }
        let member = member(ctx, (&key, &object), usable, valid).await?;
        members.insert(owner.id.clone(), (age, member));
    }
    Ok(members.into_iter().map(|(owner, (_, member))| (owner, member)).collect())
}

async fn member(
    ctx: &Context,
    (key, object): (&ObjectRef, &Assistant),
    usable: &Usable,
    valid: ValidatedAssistant,
) -> Result<Member, Interrupted> {
    Ok(Member {
        name: name_of(&valid),
        standing: standing_of(ctx, object, usable, &valid),
        context: context_of(ctx, key, &valid).await?,
        schedule: valid.schedule.as_ref().map(ToString::to_string),
        email: valid.email,
    })
}

/// What people call it.
fn name_of(valid: &ValidatedAssistant) -> String {
    let names: Vec<&str> = valid.first_name.iter().chain(&valid.last_name).map(String::as_str).collect();
    if names.is_empty() { valid.email.to_string() } else { names.join(" ") }
}

fn standing_of(ctx: &Context, object: &Assistant, usable: &Usable, valid: &ValidatedAssistant) -> Standing {
    let held = valid.hold_until.is_some_and(|until| until > ctx.now()) || status::plan_only(object);
    match (object.metadata.deletion_timestamp.is_some(), valid.on_delete) {
        (true, LeadsOnDelete::HandBack) if !held => Standing::Leaving,
        (true, LeadsOnDelete::HandBack | LeadsOnDelete::Keep) => Standing::Waiting,
        (false, _) if valid.suspend || held || !in_tec(usable, valid) => Standing::Waiting,
        (false, _) => Standing::Working,
    }
}

/// Whether TEC takes leads for the assistant. While TEC cannot be read, that it once did is believed.
fn in_tec(usable: &Usable, valid: &ValidatedAssistant) -> bool {
    match usable.tec.as_ref().map(|directory| directory.find(&valid.email)) {
        Some(InTec::Created | InTec::Unread(_)) | None => true,
        Some(InTec::NotYet(_)) => false,
    }
}

fn tec_of(usable: &Usable) -> Result<Tec, NoEngine> {
    match (&usable.tec_client, &usable.tec_trouble) {
        (Some(tec), _) => Ok(tec.clone()),
        (None, Some(why)) => Err(NoEngine::Barred(why.clone())),
        (None, None) => Err(NoEngine::NotYet),
    }
}

async fn context_of(ctx: &Context, key: &ObjectRef, valid: &ValidatedAssistant) -> Result<Option<String>, Interrupted> {
    match &valid.context {
        DefaultContext::None => Ok(None),
        DefaultContext::Inline(text) => Ok(Some(text.clone())),
        DefaultContext::ConfigMap { name, key: entry } => {
            match references::config_map_text(ctx, &key.namespace, name, entry).await {
                Ok((text, _)) => Ok(Some(text)),
                // The assistant's own status says so; its contacts are carried without.
                Err(Missing::Refusal(_)) => Ok(None),
                Err(Missing::Unreadable(error)) => Err(error),
            }
        }
    }
}

/// What goes wrong with an engine, in the words of conditions.
pub(super) fn refusal(halt: &Halt) -> Refusal {
    match halt {
        Halt::HubSpot(error) => {
            let trouble = Trouble::from(error.as_ref());
            Refusal::new(trouble.reason(), trouble.message)
        }
        Halt::Tec(error) => {
            let reason = match error.kind {
                tec::ErrorKind::Unauthorized => Reason::InvalidCredentials,
                _ => Reason::TecUnreachable,
            };
            Refusal::new(reason, format!("TEC: {error}"))
        }
    }
}

/// When the assistant's first contact was accepted, as far as its engine has seen.
pub(super) fn first_accepted(ctx: &Context, connection: &ObjectRef, owner: &OwnerId) -> Option<Timestamp> {
    ctx.leads.report(connection)?.1.first_accepted.get(owner).copied()
}

/// Whether leads flow at this moment; `None` while that is not known, and nothing is concluded from it.
pub(super) fn flow(ctx: &Context, connection: &ObjectRef) -> Option<bool> {
    match ctx.leads.leads(connection) {
        Leads::At(Mode::Process, report) => match report.flow {
            Flow::Flowing => Some(true),
            Flow::Starting | Flow::Halted(_) => None,
        },
        Leads::At(Mode::Observe | Mode::Hold, _) => Some(false),
        Leads::Off => match ctx.portals.availability(connection) {
            Availability::Ready(usable) => usable.connection.leads.is_none().then_some(false),
            Availability::Unknown | Availability::Unavailable(_) => None,
        },
        // An engine that is about to be employed again after a restart is barred by nothing but time.
        Leads::Barred(why) => (why.reason != Reason::Progressing).then_some(false),
    }
}

/// Why leads do not flow although they should.
pub(super) fn halted(ctx: &Context, connection: &ObjectRef) -> Option<Refusal> {
    match ctx.leads.leads(connection) {
        Leads::At(Mode::Process, Report { flow: Flow::Halted(halt), .. }) => Some(refusal(&halt)),
        Leads::At(..) | Leads::Off | Leads::Barred(_) => None,
    }
}
