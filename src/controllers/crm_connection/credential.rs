//! From Secrets to a credential: the one in use, as long as what people stored is what it was made from.

use std::sync::Arc;

use futures::future::BoxFuture;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::json;
use url::Url;

use crate::{
    api::{FIELD_MANAGER, condition::Reason},
    controllers::{
        context::Context,
        references::{self, Missing},
        status::{KUBE_TIMEOUT, limited},
    },
    desired::{
        ValidatedConnection,
        connection::{Auth, OAuthKeys, SecretKey},
        references::ObjectRef,
    },
    domain::Fingerprint,
    hubspot::{
        Credential,
        oauth::{Authorization, Keeper, Lineage, NotKept, Places, RefreshToken, TokenEndpoint},
    },
    plan::Refusal,
};

/// The credential of a connection, and what tells it from another.
pub(super) async fn credential(
    ctx: &Context,
    key: &ObjectRef,
    (valid, base): (&ValidatedConnection, &Url),
) -> Result<(Credential, Fingerprint), Missing> {
    match &valid.auth {
        Auth::Token(at) => {
            let token = references::token(ctx, &key.namespace, at).await?;
            let fingerprint = token.fingerprint();
            Ok((token.into(), fingerprint))
        }
        Auth::OAuth(keys) => {
            let authorization = authorization(ctx, key, (keys, base)).await?;
            let fingerprint = authorization.fingerprint();
            Ok((Credential::OAuth(authorization), fingerprint))
        }
    }
}

/// What HubSpot puts in the place of a refresh token is no news; what a person puts there is a new beginning.
async fn authorization(
    ctx: &Context,
    key: &ObjectRef,
    (keys, base): (&OAuthKeys, &Url),
) -> Result<Arc<Authorization>, Missing> {
    let (app, stored) = references::oauth(ctx, &key.namespace, keys).await?;
    let at = keys.refresh_token.clone();
    let places = places(keys);
    let endpoint = TokenEndpoint { transport: Arc::clone(&ctx.transport), base: base.clone(), app, places };
    let own = ctx.portals.authorization(key).filter(|used| used.began_with(&stored));
    // Two that renew one refresh token would take each other's for a person's, again and again, where HubSpot rotates them.
    let others = if own.as_ref().is_some_and(|own| own.asks_like(&endpoint)) {
        None
    } else {
        ctx.portals.authorized_by(key, &stored)
    };
    let used = match others {
        Some((_, others)) if others.asks_like(&endpoint) => Some(others),
        Some((other, _)) if own.is_none() => {
            let message = format!(
                "CrmConnection {} uses the refresh token of Secret {}, too, but not in the same way",
                other.name, at.name
            );
            return Err(Missing::Refusal(Refusal::new(Reason::Conflict, message)));
        }
        Some(_) | None => own,
    };
    if let Some(used) = used.as_ref().filter(|used| used.asks_like(&endpoint)) {
        used.found(&stored);
        return Ok(Arc::clone(used));
    }
    let keeper = Arc::new(SecretKeeper { client: ctx.client.clone(), namespace: key.namespace.clone(), at });
    Ok(Arc::new(match used {
        Some(used) => {
            // What it is being given now is to be known to the next; in vain it is not waited for long.
            let _settled = tokio::time::timeout(KUBE_TIMEOUT, used.settled()).await;
            let next = used.succeeded_by(endpoint, keeper);
            // What the one before could not store is stored now, before it is used.
            next.found(&stored);
            next
        }
        None => Authorization::new(endpoint, stored, keeper, Arc::clone(&ctx.chance)),
    }))
}

/// What messages call the Secrets.
pub(super) fn places(OAuthKeys { client_id, client_secret: _, refresh_token }: &OAuthKeys) -> Places {
    Places { app: format!("Secret {}", client_id.name), token: format!("Secret {}", refresh_token.name) }
}

/// How often a Secret is read again because somebody else wrote it in between.
const MAX_CONFLICTS: usize = 3;

/// Keeps refresh tokens under a key of a Secret, and touches nothing else in it.
struct SecretKeeper {
    client: Client,
    namespace: String,
    at: SecretKey,
}

impl Keeper for SecretKeeper {
    fn keep(&self, newest: RefreshToken, lineage: Lineage) -> BoxFuture<'static, Result<(), NotKept>> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        let at = self.at.clone();
        Box::pin(async move {
            for _ in 0..MAX_CONFLICTS {
                if put(&api, &at, (&newest, &lineage)).await? {
                    return Ok(());
                }
            }
            Err(NotKept(format!("Secret {} is changed by somebody else all the time", at.name)))
        })
    }
}

/// Whether the key now holds the newest token, or one that a person has put there. `false`: somebody was quicker.
async fn put(
    api: &Api<Secret>,
    SecretKey { name, key }: &SecretKey,
    (newest, lineage): (&RefreshToken, &Lineage),
) -> Result<bool, NotKept> {
    // What Kubernetes says of a write may repeat what was written: people get our words.
    let Ok(found) = limited(api.get_opt(name)).await else {
        return Err(NotKept(format!("Secret {name} cannot be read")));
    };
    let Some(secret) = found else { return Err(NotKept(format!("Secret {name} does not exist"))) };
    let stored = secret.data.as_ref().and_then(|data| data.get(key));
    let stored = stored.and_then(|bytes| RefreshToken::new(std::str::from_utf8(&bytes.0).ok()?).ok());
    let Some(stored) = stored else { return Err(NotKept(format!("Secret {name} has no key {key:?} any more"))) };
    if stored.fingerprint() == newest.fingerprint() || !lineage.contains(&stored) {
        return Ok(true);
    }
    let patch = json!({
        "metadata": {"resourceVersion": secret.metadata.resource_version, "uid": secret.metadata.uid},
        "data": {key: ByteString(newest.for_keeping().to_vec())},
    });
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    match tokio::time::timeout(KUBE_TIMEOUT, api.patch(name, &params, &Patch::Merge(patch))).await {
        Ok(Ok(_)) => Ok(true),
        Ok(Err(kube::Error::Api(status))) => match status.code {
            409 => Ok(false),
            403 => Err(NotKept(format!("the operator may not patch Secret {name}: allow `patch` on secrets"))),
            422 => Err(NotKept(format!("Secret {name} cannot be changed; is it immutable?"))),
            code => Err(NotKept(format!("Kubernetes refused to patch Secret {name} (status {code})"))),
        },
        Ok(Err(_)) | Err(_) => Err(NotKept(format!("Kubernetes did not answer when Secret {name} was patched"))),
    }
}
