//! Which cluster a mark in HubSpot belongs to.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Eight hexadecimal digits (or a name chosen with `--cluster-id`) that sign everything this operator makes in a portal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClusterId(String);

/// A cluster id is 1 to 63 characters of `a-z`, `0-9` and `-`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("cluster id {0:?} must be 1 to 63 characters of a-z, 0-9 and '-'")]
pub struct InvalidClusterId(String);

impl ClusterId {
    /// Takes an id a person chose.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidClusterId> {
        let text = text.into();
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if (1..=63).contains(&text.len()) && text.chars().all(allowed) {
            Ok(Self(text))
        } else {
            Err(InvalidClusterId(text))
        }
    }

    /// Derives the id from the uid of the `kube-system` namespace, which lives as long as the cluster.
    pub fn from_kube_system_uid(uid: &str) -> Self {
        let digest = Sha256::digest(uid.as_bytes());
        let [a, b, c, d, ..] = digest.0;
        Self(format!("{a:02x}{b:02x}{c:02x}{d:02x}"))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ClusterId {
    type Error = InvalidClusterId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(text)
    }
}

impl From<ClusterId> for String {
    fn from(id: ClusterId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::ClusterId;

    #[test]
    fn derived_from_the_kube_system_uid_by_sha_256() {
        // printf %s 00000000-0000-0000-0000-000000000000 | sha256sum
        let id = ClusterId::from_kube_system_uid("00000000-0000-0000-0000-000000000000");
        assert_eq!(id.as_str(), "12b9377c");
    }

    #[test]
    fn chosen_ids_are_checked() {
        assert!(ClusterId::new("prod-eu").is_ok());
        for bad in ["", "Prod", "a]b", "with space"] {
            assert!(ClusterId::new(bad).is_err(), "{bad:?}");
        }
    }
}
