//! Names of things in a portal.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The text cannot be such a name; says what can.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{text:?} is not a {kind}: {rule}")]
pub struct InvalidName {
    kind: &'static str,
    text: String,
    rule: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks and takes the name.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidName> {
                let text = text.into();
                let check: fn(&str) -> bool = $check;
                if check(&text) { Ok(Self(text)) } else { Err(InvalidName { kind: $kind, text, rule: $rule }) }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}

name!(
    /// Internal name of a custom contact property. HubSpot refuses `hs_` and `a<appId>_` prefixes and anything
    /// but lower case (API.md §7 "Names"); built-ins are spelt as constants where they are used.
    PropertyName, "property name",
    "use a-z first, then a-z, 0-9 and '_', at most 100 characters, not starting with hs_ or a<number>_",
    is_internal_name
);
name!(
    /// Internal name of a property group.
    GroupName, "property group name",
    "use a-z first, then a-z, 0-9 and '_', at most 100 characters, not starting with hs_ or a<number>_",
    is_internal_name
);
name!(
    /// Internal value of an option of a select field. `;` would be read as a separator of several values (API.md §7).
    OptionValue, "option value",
    "use 1 to 255 characters without ';', line breaks or surrounding blanks",
    is_option_value
);

fn is_internal_name(text: &str) -> bool {
    let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase());
    let plain = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    starts_well && plain && text.len() <= 100 && !text.starts_with("hs_") && !has_app_prefix(text)
}

fn has_app_prefix(text: &str) -> bool {
    let rest = text.strip_prefix('a').unwrap_or("");
    let digits = rest.chars().take_while(char::is_ascii_digit).count();
    digits > 0 && rest[digits..].starts_with('_')
}

fn is_option_value(text: &str) -> bool {
    (1..=255).contains(&text.chars().count())
        && text.trim() == text
        && !text.chars().any(|c| c == ';' || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::{OptionValue, PropertyName};

    #[test]
    fn property_names_follow_hubspot() {
        for good in ["tec_context", "a", "a1b_x", "assistant_2"] {
            assert!(PropertyName::new(good).is_ok(), "{good:?}");
        }
        for bad in ["", "Tec", "hs_lead_status", "1x", "a12_x", "tec-context", "täc"] {
            assert!(PropertyName::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn option_values_stay_single() {
        assert!(OptionValue::new("Mo-Fr 9-17").is_ok());
        for bad in ["", "a;b", " a", "a\nb"] {
            assert!(OptionValue::new(bad).is_err(), "{bad:?}");
        }
    }
}
