//! A portal as a value.

use std::{collections::BTreeMap, sync::Arc};

use super::trouble::Trouble;
use crate::domain::{Email, OwnerId, PortalId, RoleId, TeamId, UserId};

/// What one kind of list in HubSpot says. *Unread* is not *empty*: nothing is created or removed on it.
#[derive(Debug, PartialEq)]
pub enum Section<T> {
    /// Nobody asked for it yet.
    NotRead,
    /// Read whole.
    Fresh(Arc<T>),
    /// Read whole once; the last attempt failed.
    Stale(Arc<T>, Trouble),
    /// Never read; the last attempt failed.
    Unread(Trouble),
}

impl<T> Section<T> {
    /// The same, sharing the value.
    #[must_use]
    pub fn share(&self) -> Self {
        match self {
            Self::NotRead => Self::NotRead,
            Self::Fresh(value) => Self::Fresh(Arc::clone(value)),
            Self::Stale(value, trouble) => Self::Stale(Arc::clone(value), trouble.clone()),
            Self::Unread(trouble) => Self::Unread(trouble.clone()),
        }
    }

    /// The value, if it may be acted on.
    pub fn fresh(&self) -> Result<&T, Trouble> {
        match self {
            Self::Fresh(value) => Ok(value),
            Self::Stale(_, trouble) | Self::Unread(trouble) => Err(trouble.clone()),
            Self::NotRead => Err(Trouble::not_read()),
        }
    }

    /// The value for showing, however old.
    pub fn last_known(&self) -> Option<&T> {
        match self {
            Self::Fresh(value) | Self::Stale(value, _) => Some(value),
            Self::Unread(_) | Self::NotRead => None,
        }
    }
}

/// A portal as it was read.
#[derive(Debug, PartialEq)]
pub struct PortalSnapshot {
    /// Account details.
    pub account: Section<Account>,
    /// Contact property groups by name.
    pub groups: Section<BTreeMap<String, Group>>,
    /// Contact properties.
    pub properties: Section<Properties>,
    /// Users by e-mail.
    pub users: Section<BTreeMap<Email, User>>,
    /// Active owners by e-mail.
    pub owners: Section<BTreeMap<Email, Owner>>,
    /// Permission sets.
    pub roles: Section<Vec<Role>>,
    /// Teams.
    pub teams: Section<Vec<Team>>,
    /// Users whose invitation the CRM users object shows, by e-mail (API.md §5.2).
    pub acceptance: Section<BTreeMap<Email, Acceptance>>,
}

/// Account details (API.md §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The portal's id.
    pub portal: PortalId,
    /// `STANDARD`, `SANDBOX`, …; an open set.
    pub account_type: String,
    /// Where people log in, e.g. `app.hubspot.com`.
    pub ui_domain: String,
}

/// A contact property group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What people read.
    pub label: String,
}

/// Contact properties, as far as we have to know them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    /// Active properties, by name.
    pub active: BTreeMap<String, Property>,
    /// Archived properties, by name. Read only when one of ours is missing among the active ones.
    pub archived: BTreeMap<String, Property>,
}

/// A contact property (API.md §7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// What people read.
    pub label: String,
    /// Free text; ours ends with our mark.
    pub description: String,
    /// `string`, `enumeration`, …
    pub r#type: String,
    /// `text`, `textarea`, `select`, `radio`, …
    pub field_type: String,
    /// Name of the group it is in.
    pub group: String,
    /// Hidden in HubSpot's UI.
    pub hidden: bool,
    /// Choices, in their order.
    pub options: Vec<PropertyOption>,
    /// The definition cannot be changed by API.
    pub read_only_definition: bool,
    /// The choices cannot be changed by API.
    pub read_only_options: bool,
}

/// One choice of an enumeration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PropertyOption {
    /// What is stored.
    pub value: String,
    /// What people read.
    pub label: String,
    /// Free text; ours carries our mark.
    pub description: String,
    /// Kept but not offered.
    pub hidden: bool,
    /// Place among the choices.
    pub display_order: i64,
}

/// A user of the portal (API.md §5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Settings user id.
    pub id: UserId,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// Permission sets.
    pub roles: Vec<RoleId>,
    /// Main team.
    pub team: Option<TeamId>,
    /// Other teams.
    pub secondary_teams: Vec<TeamId>,
    /// May do everything; never removed by us.
    pub super_admin: bool,
}

/// An active owner (API.md §6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The value of `hubspot_owner_id`.
    pub id: OwnerId,
}

/// A permission set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its id.
    pub id: RoleId,
    /// Its name.
    pub name: String,
}

/// A team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// Its id.
    pub id: TeamId,
    /// Its name.
    pub name: String,
}

/// What HubSpot shows of an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// Accepted.
    Accepted,
    /// Not accepted yet.
    Pending,
}

/// Everything of a user that can be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserValues {
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// Permission set.
    pub role: Option<RoleId>,
    /// Main team.
    pub team: Option<TeamId>,
    /// Other teams.
    pub secondary_teams: Vec<TeamId>,
}

/// A fact the lists do not hold, asked for one by one because only few objects need it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// Is there a user with this address? Lists lag behind creates (API.md §5).
    User(Email),
    /// How many contacts hold this option of this property?
    ContactsHoldingOption {
        /// Name of the property.
        property: String,
        /// Value of the option.
        value: String,
    },
    /// How many contacts hold any value of this property?
    ContactsHoldingProperty {
        /// Name of the property.
        property: String,
    },
    /// Which user does the token belong to? Never remove that one.
    TokenUser,
}

/// Answers, as far as asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers {
    /// By question.
    pub given: BTreeMap<Question, Answer>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// To [`Question::User`].
    User(Option<User>),
    /// To the two counting questions.
    Count(u64),
    /// To [`Question::TokenUser`].
    TokenUser(UserId),
    /// It could not be found out.
    Trouble(Trouble),
}
