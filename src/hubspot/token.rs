//! The access token: known to the client, shown to nobody.

use std::fmt;

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use super::region::Region;
use crate::domain::Fingerprint;

/// Longest token taken. HubSpot asks to allow 512 (API.md §3).
const MAX_LENGTH: usize = 2048;

/// A Bearer token: service key, private-app token or OAuth access token (API.md §2).
///
/// It has no `Display`, no `Serialize`, and its `Debug` shows nothing; only this module can read it.
#[derive(Clone)]
pub struct AccessToken(SecretString);

/// The text cannot be a token. Says nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an access token: 1 to {MAX_LENGTH} printable ASCII characters without blanks are expected")]
pub struct InvalidToken;

impl AccessToken {
    /// Takes the token, without the blanks and line ends a Secret often brings along.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidToken> {
        let text = SecretString::from(text.into());
        let token = text.expose_secret().trim();
        let sound = (1..=MAX_LENGTH).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic());
        if sound { Ok(Self(SecretString::from(token.to_owned()))) } else { Err(InvalidToken) }
    }

    /// The region in the token's prefix (`pat-eu1-…`), if it has one (API.md §1). A hint, not a fact.
    pub fn region_hint(&self) -> Option<Region> {
        let rest = self.0.expose_secret().strip_prefix("pat-")?;
        let (region, _) = rest.split_once('-')?;
        Region::new(region)
    }

    /// Tells one token from another without showing either.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&[self.0.expose_secret().as_bytes()])
    }

    /// The value of the `Authorization` header, marked as not to be logged.
    pub(super) fn authorization(&self) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.0.expose_secret()))?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// The body that asks HubSpot about this very token (API.md §2.1). Goes nowhere but into a request.
    pub(super) fn question(&self) -> serde_json::Value {
        serde_json::json!({"tokenKey": self.0.expose_secret()})
    }

    /// `text` without this token in it.
    pub(super) fn redact(&self, text: &str) -> String {
        text.replace(self.0.expose_secret(), "<token>")
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(<redacted>)")
    }
}

#[cfg(test)]
mod tests {
    use super::AccessToken;

    #[test]
    fn takes_what_a_secret_holds_and_refuses_what_no_header_could() {
        assert!(AccessToken::new("pat-na1-abc\n").is_ok());
        for bad in ["", "  ", "a b", "a\nb", "schlüssel", &"x".repeat(3000)] {
            assert!(AccessToken::new(bad).is_err(), "{bad:?}");
        }
    }

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
    fn shows_nothing_and_compares_by_fingerprint() {
        let token = AccessToken::new("pat-eu1-canary").unwrap();
        assert!(!format!("{token:?}").contains("canary"));
        assert!(token.authorization().unwrap().is_sensitive());
        assert_eq!(token.fingerprint(), AccessToken::new(" pat-eu1-canary ").unwrap().fingerprint());
        assert_ne!(token.fingerprint(), AccessToken::new("pat-eu1-other").unwrap().fingerprint());
    }
}
