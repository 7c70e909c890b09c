//! The one source of a connection's access tokens.
//!
//! Whoever needs a token asks here. It is renewed before it ends, by the first who asks late enough: what nobody uses is
//! not renewed. However many ask, one request is under way, in a task of its own, so that a caller who gives up does not
//! take the answer with it; the task ends with the last client that could use what it brings.
//!
//! HubSpot may answer with another refresh token. Then this order holds: in memory → stored → access token used. If it
//! cannot be stored it is tried again and again, the old access token is used as long as it lives, and then nothing is.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use futures::future::BoxFuture;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    endpoint::{Granted, TokenEndpoint},
    secrets::RefreshToken,
    state::{Advice, Lineage, State, Verdict},
};
use crate::{
    domain::Fingerprint,
    hubspot::{
        error::{Error, Result},
        operation::Operation,
        region::Region,
        token::AccessToken,
        wire::account::TokenInfo,
    },
    runtime::{backoff::Backoff, chance::Chance, lock},
};

/// Keeps a refresh token where it survives us.
pub trait Keeper: Send + Sync {
    /// Puts `newest` in the place of a token of the same lineage. What is there and not of it stays: a person has put it
    /// there, and that counts as kept.
    fn keep(&self, newest: RefreshToken, lineage: Lineage) -> BoxFuture<'static, Result<(), NotKept>>;
}

/// Why it was not kept. For people; says nothing of the token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotKept(pub String);

/// A portal's consent to an app, and the tokens that come of it.
pub struct Authorization {
    core: Arc<Core>,
    /// Ends with us.
    flight: Mutex<Option<AbortOnDropHandle<()>>>,
    /// App, its secret and the refresh token it all began with.
    fingerprint: Fingerprint,
}

struct Core {
    endpoint: TokenEndpoint,
    keeper: Arc<dyn Keeper>,
    chance: Arc<Chance>,
    state: Mutex<State>,
    /// Rings when the state has changed.
    news: watch::Sender<()>,
}

/// What a flight is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Errand {
    /// A new access token, and whatever comes with it.
    Renew,
    /// To store the newest refresh token once more.
    Store,
}

/// Somebody on an errand. However it ends, others may go then, and hear of it.
struct Flight<'a>(&'a Core);

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).back();
        self.0.news.send_replace(());
    }
}

impl Authorization {
    /// Starts from a refresh token as a person stored it.
    pub fn new(endpoint: TokenEndpoint, first: RefreshToken, keeper: Arc<dyn Keeper>, chance: Arc<Chance>) -> Self {
        Self::start((endpoint, keeper, chance), first, None)
    }

    /// The same consent by another way (a new client secret, another host): goes on with the newest refresh token.
    #[must_use]
    pub fn succeeded_by(&self, endpoint: TokenEndpoint, keeper: Arc<dyn Keeper>) -> Self {
        let (newest, lineage) = lock(&self.core.state).to_keep();
        Self::start((endpoint, keeper, Arc::clone(&self.core.chance)), newest, Some(lineage))
    }

    fn start(
        (endpoint, keeper, chance): (TokenEndpoint, Arc<dyn Keeper>, Arc<Chance>),
        first: RefreshToken,
        lineage: Option<Lineage>,
    ) -> Self {
        let fingerprint = endpoint.app.fingerprint_with(&first);
        let state = Mutex::new(State::new(first, lineage));
        let core = Core { endpoint, keeper, chance, state, news: watch::Sender::default() };
        Self { core: Arc::new(core), flight: Mutex::default(), fingerprint }
    }

    /// Tells one consent from another; the same whatever HubSpot puts in the place of the first refresh token.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Whether a stored refresh token is ours: the first, or one that HubSpot put in its place.
    pub fn began_with(&self, stored: &RefreshToken) -> bool {
        lock(&self.core.state).lineage.contains(stored)
    }

    /// Whether it asks the same host as the same app, by the same names.
    pub fn asks_like(&self, endpoint: &TokenEndpoint) -> bool {
        let ours = &self.core.endpoint;
        ours.base == endpoint.base
            && ours.app.fingerprint() == endpoint.app.fingerprint()
            && ours.places == endpoint.places
    }

    /// Somebody has put back an older refresh token of ours: the newest is stored again.
    pub fn found(&self, stored: &RefreshToken) {
        let mut state = lock(&self.core.state);
        if state.newest.fingerprint() == stored.fingerprint() || !state.take_off() {
            return;
        }
        drop(state);
        self.launch(Errand::Store);
    }

    /// Why the newest refresh token is not stored, if it is not and that has lasted some seconds. Nothing is lost as long as we live.
    pub fn concern(&self) -> Option<String> {
        lock(&self.core.state).concern().map(ToOwned::to_owned)
    }

    /// Until nobody is at the token endpoint any more, and what came from there is stored: whoever ends before may lose it.
    pub async fn settled(&self) {
        let mut news = self.core.news.subscribe();
        while lock(&self.core.state).is_flying() {
            let _rung = news.changed().await;
        }
    }

    /// A token that can be used at once; one that should be renewed is, meanwhile.
    pub(in crate::hubspot) fn ready(&self) -> Option<AccessToken> {
        let advice = lock(&self.core.state).advise(Instant::now());
        match advice {
            Advice::Use { token, renew } => {
                if renew {
                    self.launch(Errand::Renew);
                }
                Some(token)
            }
            Advice::Wait { renew } => {
                if renew {
                    self.launch(Errand::Renew);
                }
                None
            }
            Advice::Fail(_) => None,
        }
    }

    /// The region the refresh token hints at.
    pub(in crate::hubspot) fn region_hint(&self) -> Option<Region> {
        lock(&self.core.state).newest.region_hint()
    }

    /// An access token that works, as far as we know.
    pub(in crate::hubspot) async fn token(&self) -> Result<AccessToken> {
        let mut news = self.core.news.subscribe();
        loop {
            let advice = lock(&self.core.state).advise(Instant::now());
            match advice {
                Advice::Use { token, renew } => {
                    if renew {
                        self.launch(Errand::Renew);
                    }
                    return Ok(token);
                }
                Advice::Fail(kind) => {
                    return Err(Error { operation: Operation::RefreshToken, kind, correlation_id: None });
                }
                Advice::Wait { renew: true } => self.launch(Errand::Renew),
                Advice::Wait { renew: false } => {}
            }
            // The sender lives as long as we do.
            let _rung = news.changed().await;
        }
    }

    /// HubSpot took a token.
    pub(in crate::hubspot) fn worked(&self, token: &AccessToken) {
        lock(&self.core.state).worked(token);
    }

    /// HubSpot answered 401 to a token.
    pub(in crate::hubspot) fn refused(&self, token: &AccessToken, expired: bool) -> Verdict {
        lock(&self.core.state).refused(token, expired)
    }

    /// The access token last in use, for whoever has to keep it out of sight.
    pub(in crate::hubspot) fn last(&self) -> Option<AccessToken> {
        lock(&self.core.state).last()
    }

    /// Whom the access token belongs to.
    pub(in crate::hubspot) async fn introspect(&self) -> Result<TokenInfo> {
        let token = self.token().await?;
        self.core.endpoint.introspect(&token).await
    }

    /// Runs an errand in a task of its own. The state says already that one is under way.
    fn launch(&self, errand: Errand) {
        let core = Arc::clone(&self.core);
        let task = tokio::spawn(async move {
            let _flight = Flight(&core);
            match errand {
                Errand::Renew => core.renew().await,
                Errand::Store => core.store().await,
            }
        });
        *lock(&self.flight) = Some(AbortOnDropHandle::new(task));
    }
}

impl Core {
    async fn renew(&self) {
        let refresh = lock(&self.state).newest.clone();
        let Granted { access, refresh: next, lifetime, asked_at, .. } = match self.endpoint.refresh(&refresh).await {
            Ok(granted) => granted,
            Err(error) => {
                let pause = |failures| Backoff::RECONCILE.delay(failures, &self.chance);
                return lock(&self.state).failed(error.kind, Instant::now(), pause);
            }
        };
        if let Some(next) = next.filter(|next| next.fingerprint() != refresh.fingerprint()) {
            lock(&self.state).rotated(next);
            self.store().await;
        }
        lock(&self.state).landed(access, (asked_at, lifetime), self.chance.fraction());
    }

    /// Stores the newest refresh token, however long that takes.
    async fn store(&self) {
        let place = self.endpoint.places.token.as_str();
        for failures in 1.. {
            let (newest, lineage) = lock(&self.state).to_keep();
            let Err(NotKept(why)) = self.keeper.keep(newest, lineage).await else {
                lock(&self.state).kept();
                tracing::info!(place, "HubSpot's new refresh token is stored");
                return;
            };
            tracing::warn!(place, %why, failures, "HubSpot's new refresh token is not stored yet, will be repeated");
            lock(&self.state).unkept(why, failures);
            self.news.send_replace(());
            sleep(Backoff::RECONCILE.delay(failures, &self.chance)).await;
        }
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}
