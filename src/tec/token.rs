//! TEC's access token: known to the client, shown to nobody.

use std::fmt;

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use crate::domain::Fingerprint;

/// Longest token taken.
const MAX_LENGTH: usize = 2048;

/// The Bearer token of TEC's API.
///
/// It has no `Display`, no `Serialize`, and its `Debug` shows nothing; only this module can read it.
#[derive(Clone)]
pub struct TecToken(SecretString);

/// The text cannot be a token. Says nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an access token: 1 to {MAX_LENGTH} printable ASCII characters without blanks are expected")]
pub struct InvalidToken;

impl TecToken {
    /// Takes the token, without the blanks and line ends a Secret often brings along.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidToken> {
        let text = SecretString::from(text.into());
        let token = text.expose_secret().trim();
        let sound = (1..=MAX_LENGTH).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic());
        if sound { Ok(Self(SecretString::from(token.to_owned()))) } else { Err(InvalidToken) }
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

    /// Whether a text gives this token away.
    pub(super) fn occurs_in(&self, text: &str) -> bool {
        text.contains(self.0.expose_secret())
    }
}

impl fmt::Debug for TecToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TecToken(<redacted>)")
    }
}

#[cfg(test)]
mod tests {
    use super::TecToken;

    #[test]
    fn takes_what_a_secret_holds_and_refuses_what_no_header_could() {
        assert!(TecToken::new("tec_abc\n").is_ok());
        for bad in ["", "  ", "a b", "a\nb", "schlüssel", &"x".repeat(3000)] {
            assert!(TecToken::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn shows_nothing_and_compares_by_fingerprint() {
        let token = TecToken::new("tec-canary").unwrap();
        assert!(!format!("{token:?} {:?}", TecToken::new("bad canary")).contains("canary"));
        assert!(token.authorization().unwrap().is_sensitive());
        assert_eq!(token.fingerprint(), TecToken::new(" tec-canary ").unwrap().fingerprint());
        assert_ne!(token.fingerprint(), TecToken::new("tec-other").unwrap().fingerprint());
    }
}
