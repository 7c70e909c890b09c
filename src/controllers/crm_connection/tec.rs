//! Reads TEC for a connection, when it is time or somebody asks: two lists, whole, whatever uses them.

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use tokio::time::{Instant, timeout};

use crate::{
    api::condition::Reason,
    controllers::{
        context::Context,
        references::{self, Missing},
        status::Interrupted,
        tec::{Again, Failure, Onboarding, Reading, TecDirectory, TecState},
    },
    desired::{
        ValidatedConnection,
        connection::{SecretKey, TecEndpoint},
        references::ObjectRef,
    },
    domain::Email,
    plan::Refusal,
    tec::{self, Connection, Tec},
};

/// Longest a list may take, if an interval is not shorter: HubSpot's turn comes after it.
const LONGEST_READ: Duration = Duration::from_mins(1);

/// TEC behind a connection.
pub(super) struct Seen {
    pub directory: Arc<TecDirectory>,
    /// `None` for want of a token.
    pub client: Option<Tec>,
}

/// What is known of TEC, read anew if it is time. `None`: the connection has no `spec.tec`.
pub(super) async fn look(
    ctx: &Context,
    key: &ObjectRef,
    valid: &ValidatedConnection,
) -> Result<Option<Seen>, Interrupted> {
    let Some(endpoint) = &valid.tec else {
        ctx.portals.tec(key, |state| *state = TecState::default());
        return Ok(None);
    };
    let token = match references::tec_token(ctx, &key.namespace, &endpoint.token).await {
        Ok(token) => token,
        Err(Missing::Refusal(Refusal { reason, message })) => {
            let why = Refusal::new(reason, format!("TEC cannot be read: {message}"));
            let directory = ctx.portals.tec(key, |state| state.cut_off(&why, Instant::now()));
            return Ok(Some(Seen { directory, client: None }));
        }
        Err(Missing::Unreadable(error)) => return Err(error),
    };
    let made_from = (token.fingerprint(), endpoint.url.clone());
    let transport = Arc::clone(&ctx.transport);
    let make = || Tec::new(Connection { transport, base: endpoint.url.clone(), token });
    let client = ctx.portals.tec(key, |state| state.client(made_from, make));
    let began = Instant::now();
    let known = ctx.portals.tec(key, |state| if state.is_wanted(began) { None } else { state.known() });
    let directory = if let Some(known) = known {
        known
    } else {
        let reading = read(key, &client, (endpoint, valid.interval)).await;
        ctx.portals.tec(key, |state| state.take(reading, valid.interval, &ctx.chance))
    };
    Ok(Some(Seen { directory, client: Some(client) }))
}

async fn read(key: &ObjectRef, tec: &Tec, (endpoint, interval): (&TecEndpoint, Duration)) -> Reading {
    let (began, at, limit) = (Instant::now(), &endpoint.token, LONGEST_READ.min(interval));
    let (assistants, schedules) = futures::join!(list(tec.assistants(), at, limit), list(tec.schedules(), at, limit));
    for failure in [assistants.as_ref().err(), schedules.as_ref().err()].into_iter().flatten() {
        tracing::warn!(object = %key, reason = %failure.why.reason, message = %failure.why.message, "TEC cannot be read");
    }
    Reading { began, ended: Instant::now(), assistants: assistants.map(by_address), schedules }
}

async fn list<T>(call: impl Future<Output = tec::Result<T>>, at: &SecretKey, limit: Duration) -> Result<T, Failure> {
    let Ok(result) = timeout(limit, call).await else {
        let message = format!("TEC did not answer within {} s", limit.as_secs());
        return Err(Failure { why: Refusal::new(Reason::TecUnreachable, message), again: Again::Soon });
    };
    result.map_err(|error| Failure::of(&error, &format!("key {:?} of Secret {}", at.key, at.name)))
}

/// Should TEC list an address twice, one that can work counts.
fn by_address(list: Vec<tec::Assistant>) -> BTreeMap<Email, Onboarding> {
    let mut found = BTreeMap::new();
    for tec::Assistant { id: _, email, name: _, onboarded, default_context: _, default_schedule: _ } in list {
        let onboarding = if onboarded { Onboarding::Finished } else { Onboarding::UnderWay };
        let place = found.entry(email).or_insert(onboarding);
        if onboarded {
            *place = onboarding;
        }
    }
    found
}
