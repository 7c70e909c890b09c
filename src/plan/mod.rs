//! PURE. What has to change in a portal so that it is as desired: synchronous, total functions of values.
//!
//! `desired × observed × now → Plan`. An [`Action`] is complete: nothing is decided while applying it. Whoever applies,
//! shows or counts consumes the same [`Plan`]. A plan is safe to repeat and safe to apply late: every action carries
//! what it takes for granted.

pub mod fields;
pub mod lead_status;
pub mod options;
pub mod ownership;
pub mod portal;
pub mod removal;
pub mod render;
pub mod user;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use crate::{
    api::condition::Reason,
    domain::{Email, GroupName, RoleId, TeamId, UserId},
    portal::snapshot::{PropertyOption, Question, UserValues},
};

/// Everything that has to change, in the order it has to happen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// To be carried out.
    pub steps: Vec<Step>,
    /// Would be carried out, were writing allowed.
    pub withheld: Vec<Withheld>,
    /// Facts missing for the rest of the plan: answer, then plan again.
    pub questions: Vec<Question>,
}

impl Plan {
    /// Whether there is nothing to do and nothing to ask.
    pub fn is_settled(&self) -> bool {
        self.steps.is_empty() && self.questions.is_empty()
    }

    /// Files a step under what may be done or under what may not.
    pub fn add(&mut self, step: Step, permission: Permission) {
        match permission {
            Permission::Write => self.steps.push(step),
            Permission::Hold(why) => self.withheld.push(Withheld { why, step }),
        }
    }
}

/// An action and the differences it removes.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What to do.
    pub action: Action,
    /// Why.
    pub because: Vec<Difference>,
}

/// A step that is shown instead of done.
#[derive(Clone, Debug, PartialEq)]
pub struct Withheld {
    /// Why it is not done.
    pub why: Hold,
    /// What would be done.
    pub step: Step,
}

/// May differences be repaired?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Yes.
    Write,
    /// No.
    Hold(Hold),
}

/// Why differences are not repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hold {
    /// `holdUntil` lies ahead.
    UntilDeadline,
    /// `holdUntil`, or the plan annotation, of the `ScheduleSync` whose options these are: nobody else's business.
    ScheduleSync,
    /// `mode: Observe`.
    Observe,
    /// The plan annotation.
    PlanOnly,
}

/// One place where HubSpot is not as desired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What differs, e.g. `property tec_context`.
    pub subject: String,
    /// Which part of it, e.g. `label`; empty for the whole.
    pub field: String,
    /// As found.
    pub found: String,
    /// As desired.
    pub expected: String,
}

/// One change of a portal. Holds ids, payload and precondition.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Create a contact property group.
    CreateGroup {
        /// Its name.
        name: GroupName,
        /// Its label.
        label: String,
    },
    /// Change a group's label.
    RelabelGroup {
        /// Its name.
        name: GroupName,
        /// The new label.
        label: String,
    },
    /// Create a contact property, or bring an archived one back: for HubSpot both are the same call (API.md §7).
    CreateProperty {
        /// The whole definition.
        definition: Definition,
        /// Whether an archived property of that name comes back.
        restores: bool,
    },
    /// Change a contact property.
    UpdateProperty {
        /// Its name.
        name: String,
        /// What changes.
        change: PropertyChange,
    },
    /// Archive a contact property.
    ArchiveProperty {
        /// Its name.
        name: String,
    },
    /// Delete a property group.
    DeleteGroup {
        /// Its name.
        name: GroupName,
    },
    /// Create a user, which invites it. Precondition: nobody has that address.
    CreateUser {
        /// Whom.
        email: Email,
        /// First name.
        first_name: Option<String>,
        /// Last name.
        last_name: Option<String>,
        /// Permission set.
        role: Option<RoleId>,
        /// Main team.
        team: Option<TeamId>,
        /// Whether HubSpot mails an invitation.
        send_invitation: bool,
    },
    /// Replace what can be replaced of a user. Sends everything, because HubSpot does not say what leaving out means (API.md §5).
    UpdateUser {
        /// Whom.
        email: Email,
        /// By id.
        user: UserId,
        /// All replaceable values.
        to: UserValues,
    },
    /// Remove a user from the portal.
    DeleteUser {
        /// Whom.
        email: Email,
        /// By id.
        user: UserId,
    },
}

impl Action {
    /// Finite and stable, for logs and metrics: no names of people.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::CreateGroup { .. } => "create_group",
            Self::RelabelGroup { .. } => "relabel_group",
            Self::CreateProperty { restores: false, .. } => "create_property",
            Self::CreateProperty { restores: true, .. } => "restore_property",
            Self::UpdateProperty { .. } => "update_property",
            Self::ArchiveProperty { .. } => "archive_property",
            Self::DeleteGroup { .. } => "delete_group",
            Self::CreateUser { .. } => "create_user",
            Self::UpdateUser { .. } => "update_user",
            Self::DeleteUser { .. } => "delete_user",
        }
    }
}

/// A contact property to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Internal name.
    pub name: String,
    /// What people read.
    pub label: String,
    /// What people read when they ask; ends with our mark.
    pub description: String,
    /// `string` or `enumeration`.
    pub r#type: &'static str,
    /// `text`, `textarea`, `select`.
    pub field_type: &'static str,
    /// Name of its group.
    pub group: String,
    /// Hidden in HubSpot's UI.
    pub hidden: bool,
    /// Choices.
    pub options: Vec<PropertyOption>,
}

/// What changes of a contact property. `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PropertyChange {
    /// New label.
    pub label: Option<String>,
    /// New description.
    pub description: Option<String>,
    /// New field type.
    pub field_type: Option<&'static str>,
    /// New group.
    pub group: Option<String>,
    /// New visibility.
    pub hidden: Option<bool>,
    /// New choices.
    pub options: Option<OptionsChange>,
}

impl PropertyChange {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A new list of choices. HubSpot replaces the whole list (API.md §7), so the old one is a precondition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionsChange {
    /// The list this was planned on.
    pub from: Vec<PropertyOption>,
    /// The whole new list.
    pub to: Vec<PropertyOption>,
}

/// Something that cannot be brought in line by us, and what a person can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// In one word.
    pub reason: Reason,
    /// What a person can do.
    pub message: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}
