//! A secret text: taken once, used by who sends or signs with it, shown to nobody.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};

/// Longest secret taken. HubSpot asks to allow tokens of 512 characters (API.md §3).
const MAX_LENGTH: usize = 2048;

/// A token or a key. It has no `Display`, no `Serialize`, and its `Debug` shows nothing.
#[derive(Clone)]
pub struct Secret(SecretString);

/// The text cannot be a secret. Says nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("1 to {MAX_LENGTH} printable ASCII characters without blanks are expected")]
pub struct InvalidSecret;

/// The operating system gave no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gives no random numbers")]
pub struct NoRandomness;

impl Secret {
    /// A new one nobody can guess: 256 bits from the operating system, in 43 characters that a URL takes as they are.
    pub fn random() -> Result<Self, NoRandomness> {
        let mut bytes = [0; 32];
        rustls::crypto::ring::default_provider().secure_random.fill(&mut bytes).map_err(|_| NoRandomness)?;
        Ok(Self(SecretString::from(URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// Takes the text, without the blanks and line ends a Kubernetes Secret often brings along. An empty one is refused:
    /// anybody could sign with it.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidSecret> {
        let text = SecretString::from(text.into());
        let secret = text.expose_secret().trim();
        let sound = (1..=MAX_LENGTH).contains(&secret.len()) && secret.bytes().all(|byte| byte.is_ascii_graphic());
        if sound { Ok(Self(SecretString::from(secret.to_owned()))) } else { Err(InvalidSecret) }
    }

    /// The text itself, for who sends or signs with it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The value of an `Authorization` header, marked as not to be logged.
    pub fn bearer(&self) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.expose()))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Secret;

    #[test]
    fn takes_what_a_secret_holds_and_refuses_what_no_header_could() {
        assert_eq!(Secret::new(" pat-na1-abc\n").unwrap().expose(), "pat-na1-abc");
        for bad in ["", "  ", "a b", "a\nb", "schlüssel", &"x".repeat(3000)] {
            assert!(Secret::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn random_ones_differ_and_need_no_escaping() {
        let made: BTreeSet<String> = (0..100).map(|_| Secret::random().unwrap().expose().to_owned()).collect();
        assert_eq!(made.len(), 100);
        let plain = |text: &String| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        assert!(made.iter().all(|text| text.len() == 43 && plain(text)), "{made:?}");
    }

    #[test]
    fn shows_nothing() {
        let secret = Secret::new("canary").unwrap();
        assert!(!format!("{secret:?} {:?}", Secret::new("bad canary")).contains("canary"));
        assert!(secret.bearer().unwrap().is_sensitive());
    }
}
