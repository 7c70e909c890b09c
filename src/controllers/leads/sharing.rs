//! Events name contacts by number only, and every portal counts from one: two portals never share a feed. The connection that
//! came first keeps it, whether it reads it at the moment or not; a younger one with an engine loses it.

use std::sync::Arc;

use kube::ResourceExt;

use super::Desk;
use crate::{
    api::CrmConnection,
    controllers::{
        context::Context,
        portals::{Age, Availability},
        queue::Lane,
        references::{self, Missing},
        status::{self, Interrupted, Loaded},
    },
    desired::{
        connection,
        references::{Kind, ObjectRef},
    },
    runtime::lock,
    tec::{Connection, Tec},
};

/// Whose feed it is.
pub(super) enum Sharing {
    /// Its own.
    Nobody,
    /// This older connection's.
    With(ObjectRef),
    /// It may be this older connection's, which has not been looked at yet.
    NotYet(ObjectRef),
}

impl Desk {
    /// There is no engine for the sake of an older connection: when that has been looked at, this one is, too.
    pub(super) fn yields(&self, connection: &ObjectRef, to: ObjectRef) {
        lock(&self.yielding).insert(connection.clone(), to);
    }

    /// Who waits for this connection. Asked, it is forgotten.
    pub(super) fn take_yielding(&self, to: &ObjectRef) -> Vec<ObjectRef> {
        let mut yielding = lock(&self.yielding);
        let all: Vec<ObjectRef> =
            yielding.iter().filter(|(_, other)| *other == to).map(|(key, _)| key.clone()).collect();
        yielding.retain(|_, other| other != to);
        all
    }
}

/// Whose feed the connection would read.
pub(super) async fn sharing(ctx: &Context, connection: &ObjectRef, tec: &Tec) -> Result<Sharing, Interrupted> {
    let Loaded::Object(own) = status::load::<CrmConnection>(ctx, connection) else { return Ok(Sharing::Nobody) };
    let own = age(&own);
    let mut not_yet = None;
    let others = lock(&ctx.store).keys(Kind::Connection);
    for other in others.into_iter().filter(|other| other != connection) {
        let known = ctx.portals.tec_client(&other);
        if known.as_ref().is_some_and(|known| !known.sees_the_same(tec)) {
            continue;
        }
        let Loaded::Object(object) = status::load::<CrmConnection>(ctx, &other) else { continue };
        if age(&object) > own {
            yield_to_us(ctx, &other, tec);
            continue;
        }
        if known.is_some() {
            return Ok(Sharing::With(other));
        }
        if !is_at(ctx, &object, tec) {
            continue;
        }
        if matches!(ctx.portals.availability(&other), Availability::Unknown) {
            not_yet = not_yet.or(Some(other));
        } else if has_the_same(ctx, (&other, &object), tec).await? {
            return Ok(Sharing::With(other));
        }
    }
    Ok(not_yet.map_or(Sharing::Nobody, Sharing::NotYet))
}

fn age(object: &CrmConnection) -> Age {
    let created = object.metadata.creation_timestamp.as_ref().map_or(jiff::Timestamp::MAX, |time| time.0);
    (created, object.uid().unwrap_or_default())
}

fn yield_to_us(ctx: &Context, younger: &ObjectRef, tec: &Tec) {
    let runs = lock(&ctx.leads.engines).get(younger).is_some_and(|running| running.links.tec.sees_the_same(tec));
    if runs {
        ctx.leads.dismiss(younger);
        ctx.wake(younger, Lane::Dependency);
    }
}

fn is_at(ctx: &Context, object: &CrmConnection, tec: &Tec) -> bool {
    let valid = connection::validate(&object.spec, &ctx.settings.endpoints);
    valid.is_ok_and(|valid| valid.tec.is_some_and(|endpoint| endpoint.url == *tec.base()))
}

/// One that was never used since the start, perhaps because it is suspended: only its Secret can tell.
async fn has_the_same(
    ctx: &Context,
    (other, object): (&ObjectRef, &CrmConnection),
    tec: &Tec,
) -> Result<bool, Interrupted> {
    let valid = connection::validate(&object.spec, &ctx.settings.endpoints);
    let Some(endpoint) = valid.ok().and_then(|valid| valid.tec) else { return Ok(false) };
    match references::tec_token(ctx, &other.namespace, &endpoint.token).await {
        Ok(token) => {
            let transport = Arc::clone(&ctx.transport);
            Ok(Tec::new(Connection { transport, base: endpoint.url, token }).sees_the_same(tec))
        }
        Err(Missing::Refusal(_)) => Ok(false),
        Err(Missing::Unreadable(error)) => Err(error),
    }
}
