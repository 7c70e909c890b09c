//! Owners: who records can be assigned to (API.md §6).

use serde::{Deserialize, Serialize};

use super::{lenient, open_enum::open_enum};
use crate::domain::{Email, OwnerId, TeamId, UserId};

open_enum!(
    /// What an owner is.
    OwnerType {
        /// A user.
        Person = "PERSON",
        /// A queue.
        Queue = "QUEUE",
    }
);

/// Somebody a record can belong to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// The value of `hubspot_owner_id`.
    #[serde(deserialize_with = "lenient::id")]
    pub id: OwnerId,
    /// Person or queue.
    #[serde(rename = "type", default, deserialize_with = "lenient::or_default")]
    pub owner_type: OwnerType,
    /// As HubSpot wrote it; compare through [`Owner::address`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// First name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// Last name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// The active user behind the owner; absent once deactivated.
    #[serde(
        default,
        deserialize_with = "lenient::optional_id",
        serialize_with = "lenient::as_number",
        skip_serializing_if = "Option::is_none"
    )]
    pub user_id: Option<UserId>,
    /// The same, deactivated or not.
    #[serde(
        default,
        deserialize_with = "lenient::optional_id",
        serialize_with = "lenient::as_number",
        skip_serializing_if = "Option::is_none"
    )]
    pub user_id_including_inactive: Option<UserId>,
    /// Instant as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// Instant as text; follows the owner, not the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<String>,
    /// Deactivated. HubSpot still lets records be assigned to it: check before you do.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub archived: bool,
    /// Teams of the owner.
    #[serde(default, deserialize_with = "lenient::or_default", skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<OwnerTeam>,
}

impl Owner {
    /// The address in the form we compare by; `None` if there is none or it is not one.
    pub fn address(&self) -> Option<Email> {
        Email::new(self.email.as_deref()?).ok()
    }
}

/// A team, as an owner shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerTeam {
    /// Its id.
    #[serde(deserialize_with = "lenient::id")]
    pub id: TeamId,
    /// Its name.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub name: String,
    /// The owner's main team.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub primary: bool,
}
