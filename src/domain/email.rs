//! An e-mail address as TEC and HubSpot key people by.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A lower-cased address of the form `local@domain`, at most 254 characters.
///
/// HubSpot stores addresses in lower case (API.md §7.1), so two spellings of one address are one person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

/// The text is not an address a mail could be sent to.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not an e-mail address")]
pub struct InvalidEmail(String);

impl Email {
    /// Trims, lower-cases and checks.
    pub fn new(text: &str) -> Result<Self, InvalidEmail> {
        let lowered = text.trim().to_lowercase();
        let invalid = || InvalidEmail(text.to_owned());
        let (local, domain) = lowered.rsplit_once('@').ok_or_else(invalid)?;
        let plain = |c: char| !c.is_whitespace() && !c.is_control() && c != '@';
        let sound = !local.is_empty()
            && lowered.len() <= 254
            && lowered.chars().filter(|c| *c == '@').count() == 1
            && local.chars().all(plain)
            && domain.chars().all(plain)
            && domain.contains('.')
            && domain.split('.').all(|label| !label.is_empty());
        if sound { Ok(Self(lowered)) } else { Err(invalid()) }
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Email {
    type Error = InvalidEmail;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text)
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

#[cfg(test)]
mod tests {
    use super::Email;

    #[test]
    fn lower_cased_and_checked() {
        assert_eq!(Email::new(" Ada@Example.COM ").unwrap().as_str(), "ada@example.com");
        for bad in
            ["", "ada", "@example.com", "ada@", "ada@com", "a b@example.com", "a@b@example.com", "a@example..com"]
        {
            assert!(Email::new(bad).is_err(), "{bad:?}");
        }
    }
}
