//! The two ways to an access token: one that is there for good, or one that OAuth renews.

use std::sync::Arc;

use super::{
    error::Result,
    oauth::{Authorization, Verdict},
    region::Region,
    token::AccessToken,
};

/// How a client authenticates.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A service key or private-app token.
    Static(AccessToken),
    /// OAuth.
    OAuth(Arc<Authorization>),
}

impl Credential {
    /// The token for the next request; waits where one has to be fetched.
    pub(super) async fn token(&self) -> Result<AccessToken> {
        match self {
            Self::Static(token) => Ok(token.clone()),
            Self::OAuth(authorization) => authorization.token().await,
        }
    }

    /// The token for a request that leaves now; none if it has to be waited for.
    pub(super) fn ready(&self) -> Option<AccessToken> {
        match self {
            Self::Static(token) => Some(token.clone()),
            Self::OAuth(authorization) => authorization.ready(),
        }
    }

    /// HubSpot took the token.
    pub(super) fn worked(&self, token: &AccessToken) {
        match self {
            Self::Static(_) => {}
            Self::OAuth(authorization) => authorization.worked(token),
        }
    }

    /// HubSpot answered 401 to the token.
    pub(super) fn refused(&self, token: &AccessToken, expired: bool) -> Verdict {
        match self {
            Self::Static(_) => Verdict::Final,
            Self::OAuth(authorization) => authorization.refused(token, expired),
        }
    }

    /// The token last used, if one was.
    pub(super) fn last(&self) -> Option<AccessToken> {
        match self {
            Self::Static(token) => Some(token.clone()),
            Self::OAuth(authorization) => authorization.last(),
        }
    }

    /// The region its prefix hints at.
    pub(super) fn region_hint(&self) -> Option<Region> {
        match self {
            Self::Static(token) => token.region_hint(),
            Self::OAuth(authorization) => authorization.region_hint(),
        }
    }
}

impl From<AccessToken> for Credential {
    fn from(token: AccessToken) -> Self {
        Self::Static(token)
    }
}
