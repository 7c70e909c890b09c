//! The CRM users object: the only place an accepted invitation shows (API.md §5.2).

use serde::{Deserialize, Serialize};

use super::lenient;
use crate::domain::{Email, OwnerId, UserId};

/// The properties we ask for.
pub const PROPERTIES: [&str; 6] = [
    "hs_email",
    "hs_internal_user_id",
    "hubspot_owner_id",
    "hs_invite_status",
    "hs_invite_accepted_time",
    "hs_deactivated",
];

/// A user as CRM record. A user who never activated may have none, for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CrmUser {
    /// Record id; neither the user id nor the owner id (API.md §5.1).
    #[serde(deserialize_with = "lenient::id")]
    pub id: String,
    /// Property values.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub properties: CrmUserProperties,
    /// Archived record.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub archived: bool,
}

/// Values as HubSpot writes them: text, `null` where unset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrmUserProperties {
    /// E-mail.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub hs_email: Option<String>,
    /// Settings user id.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub hs_internal_user_id: Option<String>,
    /// Owner id.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub hubspot_owner_id: Option<String>,
    /// Values are not established: show, do not decide by it.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub hs_invite_status: Option<String>,
    /// When the invitation was accepted; empty while it was not.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub hs_invite_accepted_time: Option<String>,
    /// `true` or `false`.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub hs_deactivated: Option<String>,
}

fn set(value: Option<&String>) -> Option<&str> {
    value.map(String::as_str).filter(|text| !text.is_empty())
}

impl CrmUser {
    /// The settings user this record stands for.
    pub fn user_id(&self) -> Option<UserId> {
        set(self.properties.hs_internal_user_id.as_ref()).map(|id| UserId(id.to_owned()))
    }

    /// The owner this record stands for.
    pub fn owner_id(&self) -> Option<OwnerId> {
        set(self.properties.hubspot_owner_id.as_ref()).map(|id| OwnerId(id.to_owned()))
    }

    /// The address in the form we compare by.
    pub fn address(&self) -> Option<Email> {
        Email::new(set(self.properties.hs_email.as_ref())?).ok()
    }

    /// Whether the invitation was accepted. An empty value means it was not (API.md §5.2).
    pub fn has_accepted(&self) -> bool {
        set(self.properties.hs_invite_accepted_time.as_ref()).is_some()
    }

    /// Whether an admin deactivated the user.
    pub fn is_deactivated(&self) -> bool {
        set(self.properties.hs_deactivated.as_ref()) == Some("true")
    }
}
