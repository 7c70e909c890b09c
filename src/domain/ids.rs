//! HubSpot's id spaces, kept apart by type: one person has three ids and only one of them can own a contact (API.md §5.1).

use std::fmt;

use serde::{Deserialize, Serialize};

/// A HubSpot account ("hub", "portal").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PortalId(pub u64);

impl fmt::Display for PortalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The id as HubSpot writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// The person, across portals: settings API `id`, owner `userId`.
    UserId
);
text_id!(
    /// The person as owner of records in one portal: the value of `hubspot_owner_id`.
    OwnerId
);
text_id!(
    /// A permission set of a portal.
    RoleId
);
text_id!(
    /// A team of a portal.
    TeamId
);
text_id!(
    /// A contact of a portal. Says nothing about the person behind it.
    ContactId
);
text_id!(
    /// A lead in TEC: one assignment of one contact to one assistant.
    LeadId
);
