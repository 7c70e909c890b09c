//! The finite list of what we ask HubSpot to do: names for metrics and logs, and what a repeat would do.

use std::fmt;

/// What repeating a call does. HubSpot has no idempotency keys (API.md §8.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Changes nothing.
    Read,
    /// A repeat ends in the same state.
    IdempotentWrite,
    /// A repeat may write over what somebody changed in the meantime: whoever decided on it looks again before any repeat.
    Overwrite,
    /// A repeat may make a second thing: never repeated once it may have been received.
    Create,
}

macro_rules! operations {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $effect:ident;)+) => {
        /// One kind of call.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Operation {
            $($(#[$doc])* $variant,)+
        }

        impl Operation {
            /// All operations, for metrics that want every series from the start.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Stable name, `snake_case`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// What a repeat does.
            pub fn effect(self) -> Effect {
                match self {
                    $(Self::$variant => Effect::$effect,)+
                }
            }
        }
    };
}

operations! {
    /// Account details (API.md §4).
    AccountDetails = "account_details", Read;
    /// How much of the day's limit is used (API.md §4).
    DailyUsage = "daily_usage", Read;
    /// Whom the token belongs to (API.md §2.1).
    TokenInfo = "token_info", Read;
    /// A new access token for a refresh token (API.md §3). HubSpot may replace the refresh token with it.
    RefreshToken = "refresh_token", Create;
    /// The first tokens for a code from the consent page.
    ExchangeCode = "exchange_code", Create;
    /// Whom an access token belongs to.
    IntrospectToken = "introspect_token", Read;
    /// All users (API.md §5).
    ListUsers = "list_users", Read;
    /// One user by e-mail.
    FindUser = "find_user", Read;
    /// Invitation of a user.
    CreateUser = "create_user", Create;
    /// New names, role or team of a user.
    UpdateUser = "update_user", IdempotentWrite;
    /// Removal of a user; a repeat answers 204 as well.
    DeleteUser = "delete_user", IdempotentWrite;
    /// Permission sets.
    ListRoles = "list_roles", Read;
    /// Teams.
    ListTeams = "list_teams", Read;
    /// All owners (API.md §6).
    ListOwners = "list_owners", Read;
    /// CRM users (API.md §5.2).
    ListCrmUsers = "list_crm_users", Read;
    /// Property groups (API.md §7).
    ListGroups = "list_groups", Read;
    /// New group.
    CreateGroup = "create_group", Create;
    /// New label or place of a group.
    UpdateGroup = "update_group", IdempotentWrite;
    /// Removal of a group.
    DeleteGroup = "delete_group", IdempotentWrite;
    /// All contact properties.
    ListProperties = "list_properties", Read;
    /// One property by name.
    FindProperty = "find_property", Read;
    /// New property.
    CreateProperty = "create_property", Create;
    /// New definition of a property.
    UpdateProperty = "update_property", IdempotentWrite;
    /// Archiving of a property.
    DeleteProperty = "delete_property", IdempotentWrite;
    /// Number of contacts that match (API.md §8.3).
    CountContacts = "count_contacts", Read;
    /// Contacts that match (API.md §8.3).
    SearchContacts = "search_contacts", Read;
    /// Contacts by id (API.md §8.1).
    ReadContacts = "read_contacts", Read;
    /// New values of contacts (API.md §8.2).
    UpdateContacts = "update_contacts", Overwrite;
    /// New notes (API.md §9).
    CreateNotes = "create_notes", Create;
    /// New logged e-mails.
    CreateEmails = "create_emails", Create;
    /// New tasks.
    CreateTasks = "create_tasks", Create;
    /// Which notes, e-mails or tasks belong to contacts.
    ReadAssociations = "read_associations", Read;
    /// Notes by id.
    ReadNotes = "read_notes", Read;
    /// Logged e-mails by id.
    ReadEmails = "read_emails", Read;
    /// Tasks by id.
    ReadTasks = "read_tasks", Read;
}

impl Operation {
    /// Whether the request holds values of contacts, which HubSpot's error texts then repeat.
    pub(super) fn sends_contact_data(self) -> bool {
        matches!(
            self,
            Self::SearchContacts | Self::UpdateContacts | Self::CreateNotes | Self::CreateEmails | Self::CreateTasks
        )
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
