//! The access token: known to the client, shown to nobody.

use super::region::Region;
use crate::{
    domain::Fingerprint,
    runtime::secret::{InvalidSecret, Secret},
};

/// A Bearer token: service key, private-app token or OAuth access token (API.md §2).
#[derive(Clone, Debug)]
pub struct AccessToken(Secret);

impl AccessToken {
    /// Takes the token.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidSecret> {
        Secret::new(text).map(Self)
    }

    /// The region in the token's prefix (`pat-eu1-…`), if it has one (API.md §1). A hint, not a fact.
    pub fn region_hint(&self) -> Option<Region> {
        let rest = self.0.expose().strip_prefix("pat-")?;
        let (region, _) = rest.split_once('-')?;
        Region::new(region)
    }

    /// Tells one token from another without showing either.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&[self.0.expose().as_bytes()])
    }

    /// Whether both are the same token.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.0.expose() == other.0.expose()
    }

    /// The text itself, for a question about it.
    pub(super) fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The value of the `Authorization` header.
    pub(super) fn authorization(&self) -> Result<http::HeaderValue, http::header::InvalidHeaderValue> {
        self.0.bearer()
    }

    /// The body that asks HubSpot about this very token (API.md §2.1). Goes nowhere but into a request.
    pub(super) fn question(&self) -> serde_json::Value {
        serde_json::json!({"tokenKey": self.0.expose()})
    }

    /// `text` without this token in it.
    pub(super) fn redact(&self, text: &str) -> String {
        text.replace(self.0.expose(), "<token>")
    }
}

#[cfg(test)]
mod tests {
    use super::AccessToken;

    #[test]
    fn the_prefix_hints_at_the_region() {
        let hint = |text: &str| AccessToken::new(text).unwrap().region_hint().map(|region| region.to_string());
        assert_eq!(hint("pat-eu1-abc").as_deref(), Some("eu1"));
        assert_eq!(hint("pat-na1-abc").as_deref(), Some("na1"));
        for none in ["CJabc", "pat-", "pat-evil.example-abc", "pat-eu12-abc", "pat-EU1-x"] {
            assert_eq!(hint(none), None, "{none:?}");
        }
    }

    #[test]
    fn compares_by_fingerprint() {
        let token = AccessToken::new("pat-eu1-canary").unwrap();
        assert!(!format!("{token:?}").contains("canary"));
        assert_eq!(token.fingerprint(), AccessToken::new(" pat-eu1-canary ").unwrap().fingerprint());
        assert_ne!(token.fingerprint(), AccessToken::new("pat-eu1-other").unwrap().fingerprint());
    }
}
