//! A named switch for every behaviour of HubSpot that is not established (API.md §14), and for some that differ from portal to
//! portal. The default is what we believe, or what asks most of a client. Values only; nothing here acts.
//!
//! The operator is tested under every setting of every switch: `tests/simulation/switches/mod.rs` does not compile without a new one.

mod choices;

use std::time::Duration;

use serde::{Deserialize, Deserializer};

pub use self::choices::{
    AnswersAs, ArchivedName, AssignedDateOnCreate, AssignedDateOnUnassign, CrmRecordPolicy, DailyUsage, DuplicateGroup,
    DuplicateOptions, DuplicateUser, EnumerationWithoutOptions, HistoryOrder, InvitationShown, InviteEmail, MergedRead,
    MissingInBatch, MissingScopes, NoAssociations, OptionErrors, OwnerArchival, OwnerPolicy, PartialWrites, PastEnd,
    PendingOwner, PutOmitted, RemovedOption, RetriedEvents, RetryAfter, Roles, SearchRefusal, SearchTies, TypeChange,
    Uninstalled, UnknownId, UnknownRoute, WebhookSettings, WrongRegion,
};
use super::noise::Noise;

/// All switches. In a state file they stand under `switches`, in camel case; times in milliseconds, with `Ms` at the end.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Switches {
    /// Creating a user whose e-mail is a member already (§14.1).
    pub duplicate_user: DuplicateUser,
    /// When a pending user gets an owner (§14.2).
    pub owner: OwnerPolicy,
    /// Whether the owner of a pending user can own contacts (§14.2).
    pub pending_owner: PendingOwner,
    /// How long after acceptance an owner appears that is not there yet (§14.2).
    #[serde(rename = "ownerAfterAcceptanceMs", deserialize_with = "millis")]
    pub owner_after_acceptance: Duration,
    /// When the owner of a removed user is archived (§14.2).
    pub owner_archival: OwnerArchival,
    /// When the CRM user record appears (§5.2).
    pub crm_record: CrmRecordPolicy,
    /// How CRM user records show an invitation (§14.3).
    pub invitation_shown: InvitationShown,
    /// What CRM user records say of the e-mail with the invitation (§14.3).
    pub invite_email: InviteEmail,
    /// What PUT does to fields of a user it does not name (§14.4).
    pub user_put_omitted: PutOmitted,
    /// Whether permission sets exist (a Free portal has none, §5).
    pub roles: Roles,
    /// How long a removed user's seat stays taken; creating the user again meanwhile is refused (§5).
    #[serde(rename = "seatReleaseMs", deserialize_with = "millis")]
    pub seat_release: Duration,
    /// Members a portal may have (a Free portal: 2, §5).
    pub user_cap: Option<usize>,
    /// Two options of one property with the same label or value (§14.5).
    pub duplicate_options: DuplicateOptions,
    /// How a refused list of options is explained (§14.5).
    pub option_errors: OptionErrors,
    /// Options a property may have (§14.5).
    pub option_limit: usize,
    /// Creating an enumeration without options (§15 has it refused; the operator makes its schedule field before there are schedules).
    pub enumeration_without_options: EnumerationWithoutOptions,
    /// What leaving an option out of a PATCH does to the contacts that hold it (§14.5).
    pub removed_option: RemovedOption,
    /// Whether the type of an existing property can be changed (§14.5).
    pub type_change: TypeChange,
    /// Characters a property's or group's name may have (§14.5).
    pub name_limit: usize,
    /// Creating a group that exists (§14.5).
    pub duplicate_group: DuplicateGroup,
    /// Creating a property whose name is archived (§14.6).
    pub archived_name: ArchivedName,
    /// How long lists, and reads of a property or group, may show what was before a write (§7). A user that is read by itself is
    /// never behind (§5).
    pub read_lag: ReadLag,
    /// Paging beyond the 10,000th result of a search (§14.7).
    pub search_past_end: PastEnd,
    /// Order of search results whose sort keys are equal (§14.7).
    pub search_ties: SearchTies,
    /// Whether `NEQ`, `NOT_IN` and `NOT_CONTAINS_TOKEN` also find contacts without a value.
    pub negation_finds_unset: bool,
    /// Order of a property's history (§14.8).
    pub history_order: HistoryOrder,
    /// Versions of a property that are kept; all when absent (§14.8).
    pub history_depth: Option<usize>,
    /// Whether saving a value again adds an entry to the property's history (§14.8).
    pub resave_adds_history: bool,
    /// When a batch write with bad items still writes the good ones (§14.9).
    pub partial_writes: PartialWrites,
    /// Whether 429 answers carry `Retry-After` (§14.10).
    pub retry_after: RetryAfter,
    /// Which policy a search beyond the limit is told of (§14.10).
    pub search_refusal: SearchRefusal,
    /// Whether a search that is refused counts to the day (§14.10).
    pub refused_search_counts: bool,
    /// Whether a retried delivery keeps its `eventId`s (§14.11).
    pub retried_events: RetriedEvents,
    /// When a change of an app's webhook settings takes effect (§10.1).
    pub webhook_settings: WebhookSettings,
    /// What the daily-usage endpoint answers (§14.12).
    pub daily_usage: DailyUsage,
    /// Whether a contact created with an owner has a date of assignment, as in an import (§14.13).
    pub assigned_date_on_create: AssignedDateOnCreate,
    /// What taking a contact's owner away does to `hubspot_owner_assigneddate` (§14.13).
    pub assigned_date_on_unassign: AssignedDateOnUnassign,
    /// Whether a merge adds to the history of every property that has a value, and dates the assignment anew (§14.13).
    /// Else only what had to change gets an entry.
    pub merge_stamps: bool,
    /// What a refresh hands out (§3).
    pub refresh_rotation: RefreshRotation,
    /// What an uninstalled app hears when it refreshes (§3).
    pub uninstalled: Uninstalled,
    /// What a call on the wrong region's host gets (§1, §14.14).
    pub wrong_region: WrongRegion,
    /// Every association is invalid, as one integration met (§14.15).
    pub associations_always_fail: bool,
    /// How a batch read answers objects without associations.
    pub no_associations: NoAssociations,
    /// `toObjectId` as a number, as in the guides, instead of a text, as in the specification (§9).
    pub association_ids_are_numbers: bool,
    /// What a contact's id means after it was merged away (§8.1).
    pub merged_read: MergedRead,
    /// The beta in which a merge keeps the primary's id instead of making a new one (§8.2).
    pub merge_keeps_primary_id: bool,
    /// Whether a batch read names the ids it did not find (§8.1).
    pub missing_in_batch: MissingInBatch,
    /// Form of the 404 for a contact id that is a number (§8.2).
    pub unknown_contact_id: UnknownId,
    /// Form of the 404 for a path that is no route (§12).
    pub unknown_route: UnknownRoute,
    /// Whether a 403 names the scopes it misses (§2.2).
    pub missing_scopes: MissingScopes,
    /// Which version's rules 2026-03 answers follow (§1): 2026-09 is what HubSpot moves to.
    pub answers_as: AnswersAs,
    /// A contact property an admin made required: writes that leave it empty are refused (§1, 2026-09).
    pub required_property: Option<String>,
    /// Strange but well-formed answers, of every call (§12: all fields optional, open sets of values).
    pub noise: Noise,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            duplicate_user: DuplicateUser::default(),
            owner: OwnerPolicy::default(),
            pending_owner: PendingOwner::default(),
            owner_after_acceptance: Duration::ZERO,
            owner_archival: OwnerArchival::default(),
            crm_record: CrmRecordPolicy::default(),
            invitation_shown: InvitationShown::default(),
            invite_email: InviteEmail::default(),
            user_put_omitted: PutOmitted::default(),
            roles: Roles::default(),
            seat_release: Duration::ZERO,
            user_cap: None,
            duplicate_options: DuplicateOptions::default(),
            option_errors: OptionErrors::default(),
            option_limit: 5_000,
            enumeration_without_options: EnumerationWithoutOptions::default(),
            removed_option: RemovedOption::default(),
            type_change: TypeChange::default(),
            name_limit: 100,
            duplicate_group: DuplicateGroup::default(),
            archived_name: ArchivedName::default(),
            read_lag: ReadLag::default(),
            search_past_end: PastEnd::default(),
            search_ties: SearchTies::default(),
            negation_finds_unset: false,
            history_order: HistoryOrder::default(),
            history_depth: None,
            resave_adds_history: false,
            partial_writes: PartialWrites::default(),
            retry_after: RetryAfter::default(),
            search_refusal: SearchRefusal::default(),
            refused_search_counts: false,
            retried_events: RetriedEvents::default(),
            webhook_settings: WebhookSettings::default(),
            daily_usage: DailyUsage::default(),
            assigned_date_on_create: AssignedDateOnCreate::default(),
            assigned_date_on_unassign: AssignedDateOnUnassign::default(),
            merge_stamps: false,
            refresh_rotation: RefreshRotation::default(),
            uninstalled: Uninstalled::default(),
            wrong_region: WrongRegion::default(),
            associations_always_fail: false,
            no_associations: NoAssociations::default(),
            association_ids_are_numbers: false,
            merged_read: MergedRead::default(),
            merge_keeps_primary_id: false,
            missing_in_batch: MissingInBatch::default(),
            unknown_contact_id: UnknownId::default(),
            unknown_route: UnknownRoute::default(),
            missing_scopes: MissingScopes::default(),
            answers_as: AnswersAs::default(),
            required_property: None,
            noise: Noise::default(),
        }
    }
}

/// Which refresh token a refresh answers with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RefreshRotation {
    /// The same one, as in a live test.
    #[default]
    Same,
    /// A new one.
    Rotates {
        /// How long the old one works beside it, and answers with the same new one. Zero: it dies at once.
        #[serde(rename = "graceMs", deserialize_with = "millis")]
        grace: Duration,
    },
}

/// Bounds of the time reads lag behind a write; each write draws its own. Zero by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadLag {
    /// Shortest lag.
    #[serde(rename = "minMs", deserialize_with = "millis")]
    pub min: Duration,
    /// Longest lag.
    #[serde(rename = "maxMs", deserialize_with = "millis")]
    pub max: Duration,
}

fn millis<'de, D: Deserializer<'de>>(value: D) -> Result<Duration, D::Error> {
    u64::deserialize(value).map(Duration::from_millis)
}
