//! What an engine is told: who works in a portal, and by which rules.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use kube::ResourceExt;

use super::NoEngine;
use crate::{
    api::{Assistant, CrmConnection, assistant::LeadsOnDelete, condition::Reason},
    controllers::{
        cleanup,
        context::Context,
        may_use,
        portals::{Age, Usable},
        references::{self, Missing},
        status::{self, Interrupted, Loaded},
        tec::{InTec, TecDirectory},
    },
    desired::{
        ValidatedAssistant, ValidatedConnection,
        assistant::{self, DefaultContext},
        connection::{self as connection_spec, LeadRules, STATE_FIELD},
        references::{Kind, ObjectRef},
    },
    domain::{Email, LeadState, OwnerId},
    hubspot,
    leads::{
        Rules, Setup,
        decide::Standing,
        mapping::Mapping,
        setup::{Fields, Links, Member, Mode, NoteTexts},
    },
    plan::Refusal,
    portal::{Part, snapshot::Properties},
    runtime::lock,
    tec::Tec,
};

pub(super) async fn setup(ctx: &Context, connection: &ObjectRef, usable: &Usable) -> Result<Setup, NoEngine> {
    let leads = usable.connection.leads.as_ref().ok_or(NoEngine::Off)?;
    let tec = tec_of(usable)?;
    let snapshot = usable.portal.read(&[Part::Owners], None, &hubspot::Lane::Leads.into()).await;
    let account = snapshot.account.last_known().ok_or(NoEngine::NotYet)?;
    let properties = snapshot.properties.last_known().ok_or(NoEngine::NotYet)?;
    let fields = &usable.connection.fields;
    needed_fields(properties, fields.lead_connection_status.name.as_str())?;
    let owners = snapshot.owners.last_known().ok_or(NoEngine::NotYet)?;
    let owner_of = |email: &Email| owners.get(email).map(|owner| owner.id.clone());
    let members = members(ctx, connection, (usable.tec.as_deref(), &owner_of)).await?;
    if members.is_empty() {
        let nobody = "no assistant can own contacts yet";
        return Err(NoEngine::Barred(Refusal::new(Reason::Waiting, nobody)));
    }
    let robots = robots(ctx, connection, usable.tec.as_deref());
    let robots: BTreeSet<OwnerId> = robots.iter().filter_map(owner_of).collect();
    let is_person = |owner: &OwnerId| members.contains_key(owner) || !robots.contains(owner);
    let rules = Rules {
        portal: account.portal,
        mode: mode_now(ctx, connection).unwrap_or_else(|| mode(ctx, (&usable.connection, leads), usable.plan_only)),
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
        active_owners: owners.values().map(|owner| owner.id.clone()).filter(is_person).collect(),
        members,
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

fn mode(ctx: &Context, (spec, leads): (&ValidatedConnection, &LeadRules), plan_only: bool) -> Mode {
    let held = spec.hold_until.is_some_and(|until| until > ctx.now());
    if leads.observe {
        Mode::Observe
    } else if held || plan_only {
        Mode::Hold
    } else {
        Mode::Process
    }
}

/// The connection as Kubernetes has it now, whether it could be looked at since or not.
fn spec_now(ctx: &Context, connection: &ObjectRef) -> Option<(ValidatedConnection, bool)> {
    let Loaded::Object(object) = status::load::<CrmConnection>(ctx, connection) else { return None };
    let valid = connection_spec::validate(&object.spec, &ctx.settings.endpoints).ok()?;
    Some((valid, status::plan_only(&object)))
}

fn mode_now(ctx: &Context, connection: &ObjectRef) -> Option<Mode> {
    let (spec, plan_only) = spec_now(ctx, connection)?;
    Some(mode(ctx, (&spec, spec.leads.as_ref()?), plan_only))
}

/// Whether a person has switched leads off.
pub(super) fn has_left_off(ctx: &Context, connection: &ObjectRef) -> bool {
    spec_now(ctx, connection).is_some_and(|(spec, _)| spec.suspend || spec.leads.is_none())
}

/// The portal cannot be used for a while: what people change in Kubernetes is heard all the same.
pub(super) async fn keep(ctx: &Context, connection: &ObjectRef) -> Result<(), Interrupted> {
    let Some(rules) = ctx.leads.rules(connection) else { return Ok(()) };
    let rules = still(ctx, connection, &rules).await?;
    ctx.leads.instruct(connection, rules);
    Ok(())
}

/// The rules of an engine as they are now, without a look at the portal: nobody joins.
pub(super) async fn still(ctx: &Context, connection: &ObjectRef, rules: &Rules) -> Result<Rules, Interrupted> {
    let directory = ctx.portals.tec(connection, |tec| tec.known());
    let known: BTreeMap<&Email, &OwnerId> =
        rules.members.iter().map(|(owner, member)| (&member.email, owner)).collect();
    let owner_of = |email: &Email| known.get(email).map(|owner| (*owner).clone());
    let members = members(ctx, connection, (directory.as_deref(), &owner_of)).await?;
    let mut new = Rules { mode: mode_now(ctx, connection).unwrap_or(rules.mode), ..rules.clone() };
    for gone in rules.members.keys().filter(|owner| !members.contains_key(*owner)) {
        new.active_owners.remove(gone);
    }
    new.members = members;
    Ok(new)
}

/// Addresses of assistants, at work or not: those TEC knows, and those of all objects. None of them is a person.
fn robots(ctx: &Context, connection: &ObjectRef, directory: Option<&TecDirectory>) -> BTreeSet<Email> {
    let store = lock(&ctx.store);
    let objects = store.referrers(connection, Kind::Assistant).into_iter().filter_map(|key| store.get_untyped(&key));
    let named = objects.filter_map(|object| Email::new(object.data.pointer("/spec/email")?.as_str()?).ok());
    let in_tec = directory.and_then(|directory| directory.assistants.last_known());
    named.chain(in_tec.into_iter().flat_map(BTreeMap::keys).cloned()).collect()
}

/// The owner behind an address.
type OwnerOf<'a> = &'a (dyn Fn(&Email) -> Option<OwnerId> + Sync);

/// The assistants of a connection that have an owner, by owner.
async fn members(
    ctx: &Context,
    connection: &ObjectRef,
    (directory, owner_of): (Option<&TecDirectory>, OwnerOf<'_>),
) -> Result<BTreeMap<OwnerId, Member>, Interrupted> {
    let mut members: BTreeMap<OwnerId, ((bool, Age), Member)> = BTreeMap::new();
    let users = lock(&ctx.store).referrers(connection, Kind::Assistant);
    for key in users {
        let Loaded::Object(object) = status::load::<Assistant>(ctx, &key) else { continue };
        let Ok(valid) = assistant::validate(&object.spec) else { continue };
        let Some(owner) = owner_of(&valid.email) else { continue };
        let leaving = object.metadata.deletion_timestamp.is_some();
        if may_use(ctx, connection, &key.namespace).is_err() || (leaving && !cleanup::holds(&object)) {
            continue;
        }
        let created = object.metadata.creation_timestamp.as_ref().map_or(Timestamp::MAX, |time| time.0);
        // Two with one e-mail: one that lives on, then the older one works; the other is told (`Conflict`).
        let rank = (leaving, (created, object.uid().unwrap_or_default()));
        if members.get(&owner).is_some_and(|(other, _)| *other < rank) {
            continue;
        }
        let member = member(ctx, (&key, &object), directory, valid).await?;
        members.insert(owner, (rank, member));
    }
    Ok(members.into_iter().map(|(owner, (_, member))| (owner, member)).collect())
}

pub(super) async fn member(
    ctx: &Context,
    (key, object): (&ObjectRef, &Assistant),
    directory: Option<&TecDirectory>,
    valid: ValidatedAssistant,
) -> Result<Member, Interrupted> {
    let (standing, context) = match (standing_of(ctx, object, directory, &valid), context_of(ctx, key, &valid).await) {
        (standing, Ok(context)) => (standing, context),
        // What is accepted without its context stays without: better wait. The assistant's own status says why.
        (Standing::Working | Standing::Waiting, Err(Missing::Refusal(_))) => (Standing::Waiting, None),
        (Standing::Leaving, Err(Missing::Refusal(_))) => (Standing::Leaving, None),
        (_, Err(Missing::Unreadable(error))) => return Err(error),
    };
    Ok(Member {
        name: name_of(&valid),
        standing,
        context,
        schedule: valid.schedule.as_ref().map(ToString::to_string),
        email: valid.email,
    })
}

/// What people call it.
fn name_of(valid: &ValidatedAssistant) -> String {
    let names: Vec<&str> = valid.first_name.iter().chain(&valid.last_name).map(String::as_str).collect();
    if names.is_empty() { valid.email.to_string() } else { names.join(" ") }
}

fn standing_of(
    ctx: &Context,
    object: &Assistant,
    directory: Option<&TecDirectory>,
    valid: &ValidatedAssistant,
) -> Standing {
    let held = valid.hold_until.is_some_and(|until| until > ctx.now()) || status::plan_only(object);
    match (object.metadata.deletion_timestamp.is_some(), valid.on_delete) {
        (true, LeadsOnDelete::HandBack) if !held => Standing::Leaving,
        (true, LeadsOnDelete::HandBack | LeadsOnDelete::Keep) => Standing::Waiting,
        (false, _) if valid.suspend || held || !in_tec(directory, valid) => Standing::Waiting,
        (false, _) => Standing::Working,
    }
}

/// Whether TEC takes leads for the assistant. While TEC cannot be read, that it once did is believed.
fn in_tec(directory: Option<&TecDirectory>, valid: &ValidatedAssistant) -> bool {
    match directory.map(|directory| directory.find(&valid.email)) {
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

async fn context_of(ctx: &Context, key: &ObjectRef, valid: &ValidatedAssistant) -> Result<Option<String>, Missing> {
    match &valid.context {
        DefaultContext::None => Ok(None),
        DefaultContext::Inline(text) => Ok(Some(text.clone())),
        DefaultContext::ConfigMap { name, key: entry } => {
            references::config_map_text(ctx, &key.namespace, name, entry).await.map(|(text, _)| Some(text))
        }
    }
}
