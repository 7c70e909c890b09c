//! What an engine is told: who works in a portal, and by which rules.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use kube::ResourceExt;

use super::NoEngine;
use crate::{
    api::{Assistant, assistant::LeadsOnDelete, condition::Reason},
    controllers::{
        context::Context,
        may_use,
        portals::{Age, Usable},
        references::{self, Missing},
        status::{self, Interrupted, Loaded},
        tec::InTec,
    },
    desired::{
        ValidatedAssistant,
        assistant::{self, DefaultContext},
        connection::{LeadRules, STATE_FIELD},
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
    portal::snapshot::{Owner, Properties},
    runtime::lock,
    tec::Tec,
};

pub(super) async fn setup(ctx: &Context, connection: &ObjectRef, usable: &Usable) -> Result<Setup, NoEngine> {
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
    let mut members: BTreeMap<OwnerId, (Age, Member)> = BTreeMap::new();
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

pub(super) async fn member(
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
