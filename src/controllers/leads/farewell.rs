//! Assistants that are being deleted: whether their contacts still go back, and an engine for them when its Secrets are gone.

use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use tokio::time::Instant;

use super::{Desk, members::still};
use crate::{
    controllers::{
        context::Context,
        status::{self, Interrupted},
    },
    desired::references::ObjectRef,
    leads::{Rules, decide::Standing},
    runtime::lock,
};

/// What was seen of an assistant on its way out, since this process runs.
#[derive(Debug, Default)]
pub(super) struct Farewell {
    /// The fewest contacts it had.
    fewest: Option<u64>,
    /// Since when it has none, as far as the index knows.
    none_since: Option<Instant>,
    /// Since when nothing has gone on.
    stuck_since: Option<Instant>,
}

impl Desk {
    /// For how long it has had no contacts.
    pub fn none_left_for(&self, assistant: &ObjectRef) -> Duration {
        let mut all = lock(&self.farewells);
        let seen = all.entry(assistant.clone()).or_default();
        seen.none_since.get_or_insert_with(Instant::now).elapsed()
    }

    /// It has contacts, so many if they have been counted. Less than ever before is progress.
    pub fn some_left(&self, assistant: &ObjectRef, count: Option<u64>) {
        let mut all = lock(&self.farewells);
        let seen = all.entry(assistant.clone()).or_default();
        seen.none_since = None;
        if let Some(count) = count
            && seen.fewest.is_none_or(|fewest| count < fewest)
        {
            (seen.fewest, seen.stuck_since) = (Some(count), None);
        }
    }

    /// For how long nothing has gone on.
    pub fn stuck_for(&self, assistant: &ObjectRef) -> Duration {
        let mut all = lock(&self.farewells);
        let seen = all.entry(assistant.clone()).or_default();
        seen.stuck_since.get_or_insert_with(Instant::now).elapsed()
    }

    /// It waits for something that passes by itself.
    pub fn not_stuck(&self, assistant: &ObjectRef) {
        if let Some(seen) = lock(&self.farewells).get_mut(assistant) {
            seen.stuck_since = None;
        }
    }

    /// It has gone.
    pub fn has_gone(&self, assistant: &ObjectRef) {
        lock(&self.farewells).remove(assistant);
    }
}

/// A namespace that goes away takes the tokens along first. An engine still has them: as long as somebody is on the way out,
/// it gives back what they have, and does nothing else. Whether there is one, and somebody to do that for.
pub(super) async fn keep_for_leaving(ctx: &Context, connection: &ObjectRef) -> Result<bool, Interrupted> {
    let Some(rules) = ctx.leads.rules(connection) else { return Ok(false) };
    let Rules { mode, mut members, .. } = still(ctx, connection, &rules).await?;
    let mut leaving = false;
    for member in members.values_mut() {
        match member.standing {
            Standing::Leaving => leaving = true,
            Standing::Working | Standing::Waiting => member.standing = Standing::Waiting,
        }
    }
    // The others of such a namespace are about to be deleted, too.
    if !leaving && (members.is_empty() || !is_terminating(ctx, &connection.namespace).await?) {
        return Ok(false);
    }
    ctx.leads.instruct(connection, Rules { mode, members, ..(*rules).clone() });
    Ok(true)
}

async fn is_terminating(ctx: &Context, namespace: &str) -> Result<bool, Interrupted> {
    let namespaces: Api<Namespace> = Api::all(ctx.client.clone());
    let namespace = status::limited(namespaces.get_opt(namespace)).await?;
    Ok(namespace.is_some_and(|namespace| namespace.metadata.deletion_timestamp.is_some()))
}
