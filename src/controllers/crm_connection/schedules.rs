//! What the ScheduleSyncs of a connection ask for, and why a list cannot be had.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kube::ResourceExt;

use crate::{
    api::{CrmConnection, ScheduleSync, condition::Reason, shared::DeletionPolicy},
    controllers::{
        context::Context,
        portals::Seen,
        references::{self, Missing},
        status::{self, Interrupted, Loaded},
        tec::TecDirectory,
    },
    desired::{
        Claim, ScheduleUnion, SyncInput, SyncRef, SyncState,
        connection::allows,
        references::{Kind, ObjectRef},
        schedule_sync::{self, ScheduleSource, TecOptions},
    },
    plan::Refusal,
    runtime::lock,
};

/// The list of one ScheduleSync, as it was found.
#[derive(Default)]
pub(super) struct List {
    /// Which state of the object, and of what it refers to.
    pub seen: Seen,
    /// Why there is none.
    pub problem: Option<Problem>,
    /// Schedules of TEC that cannot be options, and why.
    pub left_out: Vec<String>,
}

/// Why a list cannot be had. Its options stay as they are.
pub(super) enum Problem {
    /// A person has to change the object or what it refers to.
    Refused(Refusal),
    /// TEC cannot be read now.
    Unread(Refusal),
}

/// What the ScheduleSyncs of this connection ask for.
pub(super) async fn all(
    ctx: &Context,
    key: &ObjectRef,
    connection: &CrmConnection,
    tec: Option<&TecDirectory>,
) -> Result<(ScheduleUnion, BTreeMap<SyncRef, List>), Interrupted> {
    let referrers = lock(&ctx.store).referrers(key, Kind::ScheduleSync);
    let mut inputs = Vec::new();
    let mut lists = BTreeMap::new();
    for referrer in referrers {
        let Loaded::Object(sync) = status::load::<ScheduleSync>(ctx, &referrer) else { continue };
        if !allows(&connection.spec, &key.namespace, &referrer.namespace) {
            continue;
        }
        let name = SyncRef { namespace: referrer.namespace.clone(), name: referrer.name.clone() };
        let Some((state, mut list)) = state(ctx, &sync, (key, tec)).await? else { continue };
        list.seen = Seen {
            uid: sync.uid().unwrap_or_default(),
            generation: sync.metadata.generation.unwrap_or_default(),
            source: list.seen.source,
            plan_only: status::plan_only(&sync),
        };
        lists.insert(name.clone(), list);
        inputs.push(SyncInput {
            sync: name,
            created: sync.metadata.creation_timestamp.as_ref().map_or(Timestamp::MAX, |time| time.0),
            uid: sync.uid().unwrap_or_default(),
            prune: sync.spec.prune,
            state,
        });
    }
    Ok((ScheduleUnion::of(inputs), lists))
}

/// What one ScheduleSync asks for. `None`: nothing any more, its options are nobody's.
async fn state(
    ctx: &Context,
    sync: &ScheduleSync,
    (connection, tec): (&ObjectRef, Option<&TecDirectory>),
) -> Result<Option<(SyncState, List)>, Interrupted> {
    if sync.metadata.deletion_timestamp.is_some() {
        return Ok(match sync.spec.deletion_policy {
            DeletionPolicy::Retain => None,
            DeletionPolicy::Delete => Some((SyncState::Removing, List::default())),
        });
    }
    if sync.spec.suspend {
        return Ok(Some((SyncState::Untouched, List::default())));
    }
    let (claims, list) = match schedule_sync::validate(&sync.spec.source) {
        Err(invalid) => (None, refused(Refusal::new(Reason::InvalidSpec, invalid.0))),
        Ok(ScheduleSource::Inline(claims)) => (Some(claims), List::default()),
        Ok(ScheduleSource::ConfigMap { name, key }) => in_config_map(ctx, sync, (&name, &key)).await?,
        Ok(ScheduleSource::Tec) => in_tec(connection, tec),
    };
    let held = sync.spec.hold_until.as_ref().is_some_and(|until| until.0 > ctx.now()) || status::plan_only(sync);
    let state = match claims {
        None => SyncState::Untouched,
        Some(claims) if held => SyncState::OnHold(claims),
        Some(claims) => SyncState::Active(claims),
    };
    Ok(Some((state, list)))
}

fn refused(why: Refusal) -> List {
    List { problem: Some(Problem::Refused(why)), ..List::default() }
}

async fn in_config_map(
    ctx: &Context,
    sync: &ScheduleSync,
    (name, key): (&str, &str),
) -> Result<(Option<Vec<Claim>>, List), Interrupted> {
    let namespace = sync.namespace().unwrap_or_default();
    let (text, version) = match references::config_map_text(ctx, &namespace, name, key).await {
        Err(Missing::Unreadable(error)) => return Err(error),
        Err(Missing::Refusal(refusal)) => return Ok((None, refused(refusal))),
        Ok(found) => found,
    };
    let (claims, mut list) = match schedule_sync::parse(&text, &format!("ConfigMap {name} key {key}")) {
        Ok(claims) => (Some(claims), List::default()),
        Err(invalid) => (None, refused(Refusal::new(Reason::InvalidSpec, invalid.0))),
    };
    list.seen.source = Some(version);
    Ok((claims, list))
}

fn in_tec(connection: &ObjectRef, tec: Option<&TecDirectory>) -> (Option<Vec<Claim>>, List) {
    let Some(directory) = tec else {
        let message = format!("source.tec: set spec.tec of CrmConnection {}, which has none", connection.name);
        return (None, refused(Refusal::new(Reason::InvalidSpec, message)));
    };
    let schedules = match directory.schedules.fresh() {
        Ok(schedules) => schedules,
        Err(why) => return (None, List { problem: Some(Problem::Unread(why.clone())), ..List::default() }),
    };
    let active = schedules.iter().filter(|schedule| schedule.active);
    let active: Vec<(&str, &str)> = active.map(|schedule| (schedule.id.as_str(), schedule.name.as_str())).collect();
    match schedule_sync::of_tec(&active) {
        Ok(TecOptions { claims, left_out }) => (Some(claims), List { left_out, ..List::default() }),
        Err(invalid) => (None, refused(Refusal::new(Reason::InvalidSpec, format!("source.tec: {invalid}")))),
    }
}
