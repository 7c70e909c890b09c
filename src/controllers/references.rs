//! Reads what specs refer to. ConfigMaps are kept while the watch shows no newer version; Secrets never are.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Api, Client};
use secrecy::{ExposeSecret, SecretString};

use super::{
    context::Context,
    status::{Interrupted, limited},
};
use crate::{
    api::condition::Reason,
    desired::{
        connection::{OAuthKeys, SecretKey},
        references::{Kind, ObjectRef},
    },
    hubspot::{
        AccessToken,
        oauth::{App, ClientId, ClientSecret, RefreshToken},
    },
    plan::Refusal,
    runtime::lock,
    server::signature::SigningSecret,
    tec::TecToken,
};

/// ConfigMaps read so far, by the version the watch showed.
#[derive(Debug, Default)]
pub(super) struct ConfigMaps(Mutex<BTreeMap<ObjectRef, Versioned>>);

/// A resource version and the `data` of that version.
type Versioned = (String, Arc<BTreeMap<String, String>>);

/// Why a reference gives nothing.
#[derive(Debug)]
pub(super) enum Missing {
    /// It is not there, or not as it should be: somebody has to change something.
    Refusal(Refusal),
    /// Kubernetes did not answer.
    Unreadable(Interrupted),
}

impl ConfigMaps {
    /// Forgets what nobody refers to any more.
    pub(super) fn forget(&self, key: &ObjectRef) {
        lock(&self.0).remove(key);
    }
}

/// The text under a key of a ConfigMap, and the version it is from.
pub(super) async fn config_map_text(
    ctx: &Context,
    namespace: &str,
    name: &str,
    key: &str,
) -> Result<(String, String), Missing> {
    let reference = ObjectRef::new(Kind::ConfigMap, namespace, name);
    let watched = lock(&ctx.store).version(&reference);
    let cached =
        lock(&ctx.config_maps.0).get(&reference).filter(|(version, _)| Some(version) == watched.as_ref()).cloned();
    let (version, data) = match cached {
        Some(found) => found,
        None => fetch_config_map(ctx, &reference).await?,
    };
    match data.get(key) {
        Some(text) => Ok((text.clone(), version)),
        None => Err(not_found(format!("ConfigMap {name} has no key {key:?}"))),
    }
}

async fn fetch_config_map(ctx: &Context, reference: &ObjectRef) -> Result<Versioned, Missing> {
    let api: Api<ConfigMap> = Api::namespaced(ctx.client.clone(), &reference.namespace);
    let found = limited(api.get_opt(&reference.name)).await.map_err(Missing::Unreadable)?;
    let Some(found) = found else {
        return Err(not_found(format!("ConfigMap {} does not exist", reference.name)));
    };
    let version = found.metadata.resource_version.unwrap_or_default();
    let data = Arc::new(found.data.unwrap_or_default());
    lock(&ctx.config_maps.0).insert(reference.clone(), (version.clone(), Arc::clone(&data)));
    Ok((version, data))
}

/// HubSpot's token under a key of a Secret.
pub(super) async fn token(ctx: &Context, namespace: &str, at: &SecretKey) -> Result<AccessToken, Missing> {
    let text = secret_text(ctx, namespace, at).await?;
    AccessToken::new(text.expose_secret()).map_err(|_| not_a("an access token", at))
}

/// The app and the refresh token under the keys of one or two Secrets.
pub(super) async fn oauth(ctx: &Context, namespace: &str, keys: &OAuthKeys) -> Result<(App, RefreshToken), Missing> {
    let app = app(&ctx.client, namespace, keys).await?;
    let at = &keys.refresh_token;
    let token = set_text(&secret(&ctx.client, namespace, &at.name).await?, at)?;
    let token = RefreshToken::new(token.expose_secret()).map_err(|_| not_a("a refresh token", at))?;
    Ok((app, token))
}

/// The app alone.
pub(super) async fn app(client: &Client, namespace: &str, keys: &OAuthKeys) -> Result<App, Missing> {
    let OAuthKeys { client_id, client_secret, refresh_token: _ } = keys;
    let app = secret(client, namespace, &client_id.name).await?;
    let (id, password) = (set_text(&app, client_id)?, set_text(&app, client_secret)?);
    Ok(App {
        id: ClientId::new(id.expose_secret()).map_err(|_| not_a("a client id", client_id))?,
        secret: ClientSecret::new(password.expose_secret()).map_err(|_| not_a("a client secret", client_secret))?,
    })
}

/// TEC's token under a key of a Secret.
pub(super) async fn tec_token(ctx: &Context, namespace: &str, at: &SecretKey) -> Result<TecToken, Missing> {
    let text = secret_text(ctx, namespace, at).await?;
    TecToken::new(text.expose_secret()).map_err(|_| not_a("an access token", at))
}

/// The secret under a key of a Secret that HubSpot signs deliveries with.
pub(super) async fn signing_secret(ctx: &Context, namespace: &str, at: &SecretKey) -> Result<SigningSecret, Missing> {
    let text = secret_text(ctx, namespace, at).await?;
    SigningSecret::new(text.expose_secret()).map_err(|_| not_a("a client secret", at))
}

/// The text under a key of a Secret, without the blanks and line ends it often brings along. Messages name Secret and key,
/// never what is in it.
async fn secret_text(ctx: &Context, namespace: &str, at: &SecretKey) -> Result<SecretString, Missing> {
    text(&secret(&ctx.client, namespace, &at.name).await?, at)
}

async fn secret(client: &Client, namespace: &str, name: &str) -> Result<Secret, Missing> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let found = limited(api.get_opt(name)).await.map_err(Missing::Unreadable)?;
    found.ok_or_else(|| not_found(format!("Secret {name} does not exist")))
}

fn text(secret: &Secret, SecretKey { name, key }: &SecretKey) -> Result<SecretString, Missing> {
    let Some(bytes) = secret.data.as_ref().and_then(|data| data.get(key)) else {
        return Err(not_found(format!("Secret {name} has no key {key:?}")));
    };
    let text = std::str::from_utf8(&bytes.0);
    let text = text.map_err(|_| invalid(format!("key {key:?} of Secret {name} is no text")))?;
    Ok(SecretString::from(text))
}

/// As [`text`]; a key without a text is as good as none.
fn set_text(secret: &Secret, at: &SecretKey) -> Result<SecretString, Missing> {
    let text = text(secret, at)?;
    if text.expose_secret().trim().is_empty() {
        return Err(not_found(format!("key {:?} of Secret {} is empty", at.key, at.name)));
    }
    Ok(text)
}

fn not_a(what: &str, SecretKey { name, key }: &SecretKey) -> Missing {
    invalid(format!("key {key:?} of Secret {name} does not hold {what}"))
}

fn invalid(message: String) -> Missing {
    Missing::Refusal(Refusal::new(Reason::InvalidCredentials, message))
}

fn not_found(message: String) -> Missing {
    Missing::Refusal(Refusal::new(Reason::ReferenceNotFound, message))
}
