//! What a person's consent is asked for by, and where it is kept: used by a person with rights of his own, beside the operator.
//!
//! Kubernetes' words about a write are passed on nowhere: they may repeat what was written.

use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::json;
use url::Url;

use super::{credential, expected_portal};
use crate::{
    api::{CrmConnection, FIELD_MANAGER},
    controllers::{
        references::{self, Missing},
        status::{KUBE_TIMEOUT, limited},
    },
    desired::{
        connection::{self, Auth, EndpointPolicy, SecretKey},
        references::ObjectRef,
    },
    domain::PortalId,
    hubspot::oauth::{App, NotKept, Places, RefreshToken},
};

/// What a connection says of its consent.
#[derive(Debug)]
pub struct Asker {
    /// Who asks.
    pub app: App,
    /// Where that is written, and where the token will be.
    pub places: Places,
    /// The base URL the spec insists on.
    pub endpoint: Option<Url>,
    /// The one portal that will do, if there is one.
    pub portal: Option<PortalId>,
    /// Where the refresh token goes.
    pub at: SecretKey,
}

/// Why nobody can be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAsker {
    /// No such object.
    #[error("{0} does not exist")]
    NoConnection(ObjectRef),
    /// Kubernetes does not show it, or the app's Secret.
    #[error("{0}")]
    Unreadable(String),
    /// The spec has to be changed first.
    #[error("{0} is not valid: {1}")]
    Invalid(ObjectRef, String),
    /// The connection has a token of another kind.
    #[error("{0} does not authenticate by OAuth")]
    NotOAuth(ObjectRef),
    /// The app's Secret is not there, or not as it should be.
    #[error("{0}")]
    NoApp(String),
}

/// Reads the connection and its app.
pub async fn asker(client: &Client, key: &ObjectRef, endpoints: &EndpointPolicy) -> Result<Asker, NoAsker> {
    let api: Api<CrmConnection> = Api::namespaced(client.clone(), &key.namespace);
    let found = limited(api.get_opt(&key.name)).await;
    let found = found.map_err(|error| NoAsker::Unreadable(format!("{key} cannot be read: {error}")))?;
    let object = found.ok_or_else(|| NoAsker::NoConnection(key.clone()))?;
    let valid = connection::validate(&object.spec, endpoints)
        .map_err(|invalid| NoAsker::Invalid(key.clone(), invalid.to_string()))?;
    let portal = expected_portal(&object, &valid);
    let keys = match valid.auth {
        Auth::OAuth(keys) => keys,
        Auth::Token(_) => return Err(NoAsker::NotOAuth(key.clone())),
    };
    let app = references::app(client, &key.namespace, &keys).await.map_err(|missing| match missing {
        Missing::Refusal(refusal) => NoAsker::NoApp(refusal.message),
        Missing::Unreadable(error) => {
            NoAsker::Unreadable(format!("Secret {} cannot be read: {error}", keys.client_id.name))
        }
    })?;
    Ok(Asker { app, places: credential::places(&keys), endpoint: valid.endpoint, portal, at: keys.refresh_token })
}

/// Puts the token under its key, whatever was there; makes the Secret if there is none, and touches nothing else in it. In one
/// request, so that neither the operator nor anybody else can come in between.
pub async fn keep(
    client: &Client,
    namespace: &str,
    (SecretKey { name, key }, token): (&SecretKey, &RefreshToken),
) -> Result<(), NotKept> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let wanted = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
        "data": {key: ByteString(token.for_keeping().to_vec())},
    });
    let params = PatchParams::apply(FIELD_MANAGER).force();
    match tokio::time::timeout(KUBE_TIMEOUT, api.patch(name, &params, &Patch::Apply(wanted))).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(kube::Error::Api(status))) => Err(NotKept(match status.code {
            403 => format!(
                "you may not write Secret {namespace}/{name}: it takes the rights `patch` and, for a new one, `create`"
            ),
            404 => format!("there is no namespace {namespace}"),
            422 => format!("Secret {namespace}/{name} cannot be changed; is it immutable?"),
            code => format!("Kubernetes refused to write Secret {namespace}/{name} (status {code})"),
        })),
        Ok(Err(_)) | Err(_) => {
            Err(NotKept(format!("Kubernetes did not answer when Secret {namespace}/{name} was written")))
        }
    }
}
