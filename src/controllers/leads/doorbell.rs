//! HubSpot's deliveries for the connections that have an engine.

use std::collections::BTreeMap;

use super::Desk;
use crate::{
    controllers::{
        context::Context,
        portals::Usable,
        references::{self, Missing},
        status::Interrupted,
    },
    desired::references::ObjectRef,
    domain::{ContactId, OwnerId, PortalId},
    runtime::lock,
    server::webhook::{Doorbell, Endpoint},
};

impl Doorbell for Desk {
    fn endpoints(&self) -> Vec<Endpoint> {
        lock(&self.endpoints).values().cloned().collect()
    }

    fn ring(&self, endpoint: &str, contacts: BTreeMap<ContactId, Option<OwnerId>>) {
        let connection =
            lock(&self.endpoints).iter().find(|(_, known)| known.id == endpoint).map(|(key, _)| key.clone());
        if let Some(connection) = connection
            && let Some(running) = lock(&self.engines).get(&connection)
        {
            running.inbox.ring(contacts);
        }
    }
}

/// HubSpot's deliveries only make things faster: without the secret they are refused, and searches find what they told.
pub(super) async fn listen(
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
