//! From a Secret to a portal that answers.

use std::sync::Arc;

use tokio::time::Instant;
use url::Url;

use super::{Finding, credential};
use crate::{
    api::condition::Reason,
    controllers::{context::Context, references::Missing, status::Interrupted},
    desired::{ValidatedConnection, references::ObjectRef},
    hubspot::{
        Connection, Error, ErrorKind, HubSpot, Limiter,
        region::{self, Region},
    },
    plan::Refusal,
    portal::{Portal, Trouble},
};

/// A portal that answers.
pub(super) struct Opened {
    pub portal: Arc<Portal>,
    /// The age the snapshot must have. `None`: whatever is there will do.
    pub not_before: Option<Instant>,
}

/// Opens the portal, or says why not. Credential, endpoint and reserve unchanged: it is the one already open, and a portal
/// that could not be opened is not tried again before its time, however often somebody asks.
pub(super) async fn opened(
    ctx: &Context,
    key: &ObjectRef,
    valid: &ValidatedConnection,
    wanted_since: Option<Instant>,
) -> Result<Result<Opened, Finding>, Interrupted> {
    let Some(base) = valid.endpoint.clone().or_else(|| Url::parse(region::DEFAULT_BASE).ok()) else {
        let refusal = Refusal::new(Reason::InvalidSpec, "apiEndpoint is needed");
        return Ok(Err(Finding::Stalled(refusal)));
    };
    let (credential, fingerprint) = match credential::credential(ctx, key, (valid, &base)).await {
        Ok(found) => found,
        Err(Missing::Refusal(refusal)) => return Ok(Err(Finding::Waiting(refusal))),
        Err(Missing::Unreadable(error)) => return Err(error),
    };
    let made_from = (fingerprint, valid.endpoint.clone(), valid.reserve_percent);
    let hubspot = ctx.portals.client(key, made_from, |limiter| {
        let limiter = limiter.unwrap_or_else(|| Arc::new(Limiter::new(Arc::clone(&ctx.clock), valid.reserve_percent)));
        limiter.set_reserve(valid.reserve_percent);
        HubSpot::new(Connection {
            transport: Arc::clone(&ctx.transport),
            base,
            credential,
            limiter,
            chance: Arc::clone(&ctx.chance),
        })
    });
    let now = Instant::now();
    let due = ctx.portals.refresh_due(key).is_none_or(|due| due <= now).then_some(now);
    let asked = ctx.portals.unmet(key, wanted_since);
    let not_before = asked.max(due);
    if let Some(portal) = ctx.portals.portal(key) {
        if asked.is_some() {
            portal.forget_refusals();
        }
        return Ok(Ok(Opened { portal, not_before }));
    }
    if let Some((tried, trouble)) = ctx.portals.closed(key)
        && due.is_none()
        && asked.is_none_or(|asked| asked <= tried)
    {
        return Ok(Err(Finding::Trouble(trouble)));
    }
    match region::resolve(&hubspot, valid.endpoint.as_ref()).await {
        Ok(resolved) => {
            let portal = Arc::new(Portal::new(resolved));
            ctx.portals.opened(key, Arc::clone(&portal));
            Ok(Ok(Opened { portal, not_before: Some(now) }))
        }
        Err(error) => {
            tracing::warn!(object = %key, correlation_id = error.correlation_id, %error, "portal cannot be opened");
            let trouble = explained(&error, valid.endpoint.is_some());
            ctx.portals.not_opened(key, now, trouble.clone());
            Ok(Err(Finding::Trouble(trouble)))
        }
    }
}

/// What is wrong, and for a portal of another region what to do about it.
fn explained(error: &Error, configured: bool) -> Trouble {
    let mut trouble = Trouble::from(error);
    if let ErrorKind::WrongRegion { correct } = &error.kind {
        let base = correct.as_deref().and_then(Region::new).as_ref().and_then(Region::base);
        let host = base.map_or_else(|| "the host of its region".to_owned(), |base| base.origin().ascii_serialization());
        let or = if configured { ", or leave it out" } else { "" };
        trouble.message = format!("{}; set apiEndpoint to {host}{or}", trouble.message);
    }
    trouble
}
