//! TEC's access token: known to the client, shown to nobody.

use crate::{
    domain::Fingerprint,
    runtime::secret::{InvalidSecret, Secret},
};

/// The Bearer token of TEC's API: a type of its own, so that it never goes to HubSpot, nor HubSpot's to TEC.
#[derive(Clone, Debug)]
pub struct TecToken(Secret);

impl TecToken {
    /// Takes the token.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidSecret> {
        Secret::new(text).map(Self)
    }

    /// Tells one token from another without showing either.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&[self.0.expose().as_bytes()])
    }

    /// The value of the `Authorization` header.
    pub(super) fn authorization(&self) -> Result<http::HeaderValue, http::header::InvalidHeaderValue> {
        self.0.bearer()
    }

    /// Whether a text gives this token away.
    pub(super) fn occurs_in(&self, text: &str) -> bool {
        text.contains(self.0.expose())
    }
}
