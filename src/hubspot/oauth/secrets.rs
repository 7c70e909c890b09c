//! What OAuth knows and shows to nobody. Each has a type of its own, so that none is sent in the place of another.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

use crate::{
    domain::Fingerprint,
    hubspot::region::Region,
    runtime::secret::{InvalidSecret, NoRandomness, Secret},
};

macro_rules! secrets {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name(Secret);

        impl $name {
            /// Takes the text.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidSecret> {
                Secret::new(text).map(Self)
            }

            /// The text itself, for a request to the token endpoint.
            pub(super) fn expose(&self) -> &str {
                self.0.expose()
            }
        }
    )+};
}

secrets! {
    /// Names the app. Not secret in HubSpot's eyes, and of no use in a log either.
    ClientId;
    /// The app's password.
    ClientSecret;
    /// Gets access tokens until the app is uninstalled or the token revoked.
    RefreshToken;
    /// What comes back from the consent page; good once.
    AuthorizationCode;
    /// The secret half of PKCE.
    CodeVerifier;
}

/// An app as HubSpot's token endpoint knows it.
#[derive(Clone, Debug)]
pub struct App {
    /// `client_id`.
    pub id: ClientId,
    /// `client_secret`.
    pub secret: ClientSecret,
}

impl App {
    /// Tells one app, or its new secret, from another without showing either.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&[self.id.expose().as_bytes(), self.secret.expose().as_bytes()])
    }

    /// The same for an app with the refresh token it starts from.
    pub(super) fn fingerprint_with(&self, token: &RefreshToken) -> Fingerprint {
        Fingerprint::of(&[b"oauth", self.id.expose().as_bytes(), self.secret.expose().as_bytes(), token.for_keeping()])
    }
}

impl CodeVerifier {
    /// A new one, as long as PKCE asks for.
    pub fn random() -> Result<Self, NoRandomness> {
        Secret::random().map(Self)
    }

    /// The half that may be seen: of method S256.
    pub(super) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.expose()))
    }
}

impl RefreshToken {
    /// Tells one token from another without showing either.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&[self.expose().as_bytes()])
    }

    /// The region in its prefix (`eu1-…`), if it has one (API.md §1). A hint, not a fact.
    pub fn region_hint(&self) -> Option<Region> {
        self.expose().split_once('-').and_then(|(region, _)| Region::new(region))
    }

    /// The text itself, for who keeps it.
    pub fn for_keeping(&self) -> &[u8] {
        self.expose().as_bytes()
    }
}
