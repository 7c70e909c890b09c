//! User provisioning: the settings API (API.md §5).

use serde::{Deserialize, Serialize};

use super::lenient;
use crate::domain::{Email, RoleId, TeamId, UserId};

/// A user of the portal, invited or active: this API does not tell which (API.md §5.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// The person, across portals.
    #[serde(deserialize_with = "lenient::id")]
    pub id: UserId,
    /// As HubSpot wrote it; compare through [`User::address`].
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub email: String,
    /// First name, if the person has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// Last name, if the person has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// Permission sets.
    #[serde(default, deserialize_with = "lenient::ids")]
    pub role_ids: Vec<RoleId>,
    /// The one permission set, where there is one.
    #[serde(default, deserialize_with = "lenient::optional_id", skip_serializing_if = "Option::is_none")]
    pub role_id: Option<RoleId>,
    /// Main team.
    #[serde(default, deserialize_with = "lenient::optional_id", skip_serializing_if = "Option::is_none")]
    pub primary_team_id: Option<TeamId>,
    /// Further teams.
    #[serde(default, deserialize_with = "lenient::optional_ids", skip_serializing_if = "Option::is_none")]
    pub secondary_team_ids: Option<Vec<TeamId>>,
    /// May do everything; never removed by us.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub super_admin: bool,
    /// True only in the answer to the create that sent a mail.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub send_welcome_email: bool,
}

impl User {
    /// The address in the form we compare by; `None` if it is not one.
    pub fn address(&self) -> Option<Email> {
        Email::new(&self.email).ok()
    }
}

/// A user to invite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewUser {
    /// Identity; cannot be changed later.
    pub email: Email,
    /// First name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// Last name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// Permission set; must exist. None gives minimal rights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_id: Option<RoleId>,
    /// Main team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_team_id: Option<TeamId>,
    /// Whether HubSpot mails the invitation.
    pub send_welcome_email: bool,
}

/// New values for a user. What HubSpot does with a field that is left out is not established (API.md §14.4): send the
/// current value of everything that must stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserUpdate {
    /// First name; refused with `USER_NOT_ON_ANY_HUBS` until the person has activated the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// Last name; as above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// Permission set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_id: Option<RoleId>,
    /// Main team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_team_id: Option<TeamId>,
    /// Further teams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secondary_team_ids: Option<Vec<TeamId>>,
}

/// A permission set of the portal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Role {
    /// Its id.
    #[serde(deserialize_with = "lenient::id")]
    pub id: RoleId,
    /// Its name, as an admin sees it.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub name: String,
    /// Giving it out needs the scope `billing-write`.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub requires_billing_write: bool,
}

/// A team of the portal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Team {
    /// Its id.
    #[serde(deserialize_with = "lenient::id")]
    pub id: TeamId,
    /// Its name, as an admin sees it.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub name: String,
    /// Members whose main team it is.
    #[serde(default, deserialize_with = "lenient::ids")]
    pub user_ids: Vec<UserId>,
    /// Members who are also in it.
    #[serde(default, deserialize_with = "lenient::ids")]
    pub secondary_user_ids: Vec<UserId>,
}
