//! What a simulated portal is like: its identity, its limits, and a named switch for every behaviour of HubSpot
//! that is not established (API.md §14). Values only; nothing here acts.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::webhooks::WebhookTarget;

/// A simulated portal's settings. `Default` is the portal of the documentation: 999001, United States, generous scopes.
#[derive(Clone, Debug)]
pub struct SimConfig {
    /// HubSpot's account id.
    pub portal_id: u64,
    /// Tokens that work from the start.
    pub tokens: Vec<TokenConfig>,
    /// Decides everything left to chance.
    pub seed: u64,
    /// Time an answer takes: half passes before the effect, half after it.
    pub latency: Duration,
    /// Requests per rolling ten seconds and app (API.md §11).
    pub limit_per_10s: u32,
    /// Requests per day of the portal's time zone.
    pub daily_limit: u64,
    /// Time from a user's creation to what HubSpot does by itself: make the owner, or (with `auto_accept`) have the invitation accepted.
    pub owner_delay: Duration,
    /// Longest time the search index lags behind a write; each write draws its own.
    pub search_lag: Duration,
    /// Invitations are accepted by themselves after `owner_delay`.
    pub auto_accept: bool,
    /// Decides when the daily counter starts anew.
    pub time_zone: TimeZone,
    /// `na1`, `eu1`, …: where the portal lives.
    pub data_hosting_location: String,
    /// `STANDARD`, `SANDBOX`, `DEVELOPER_TEST` or `APP_DEVELOPER`.
    pub account_type: String,
    /// E-mail of the super admin every portal starts with; the tokens are that person's.
    pub admin_email: String,
    /// Custom properties the portal may hold per object type.
    pub custom_property_limit: usize,
    /// Where changes of contacts are told from the start.
    pub webhooks: Option<WebhookTarget>,
    /// Behaviours HubSpot does not document.
    pub switches: Switches,
}

/// A token and what it may do.
#[derive(Clone)]
pub struct TokenConfig {
    /// The secret itself.
    pub token: String,
    /// Scope names; `oauth` is always added, as HubSpot does (API.md §2).
    pub scopes: Vec<String>,
    /// The app it belongs to: the ten-second limit counts per app.
    pub app_id: u64,
}

impl std::fmt::Debug for TokenConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenConfig")
            .field("scopes", &self.scopes)
            .field("app_id", &self.app_id)
            .finish_non_exhaustive()
    }
}

impl TokenConfig {
    /// A token of the default app with every scope the operator can ask for.
    pub fn with_all_scopes(token: impl Into<String>) -> Self {
        Self {
            token: token.into(),
            scopes: ALL_SCOPES.iter().map(ToString::to_string).collect(),
            app_id: DEFAULT_APP_ID,
        }
    }
}

/// The token of [`SimConfig::default`].
pub const DEFAULT_TOKEN: &str = "pat-na1-00000000-0000-4000-8000-000000000001";

/// The app tokens belong to unless said otherwise.
pub const DEFAULT_APP_ID: u64 = 777;

/// Every scope the simulated routes look at (API.md §2.2).
pub const ALL_SCOPES: &[&str] = &[
    "oauth",
    "settings.users.read",
    "settings.users.write",
    "settings.users.teams.read",
    "crm.objects.users.read",
    "crm.objects.users.write",
    "crm.objects.owners.read",
    "crm.schemas.contacts.read",
    "crm.schemas.contacts.write",
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "sales-email-read",
];

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            portal_id: 999_001,
            tokens: vec![TokenConfig::with_all_scopes(DEFAULT_TOKEN)],
            seed: 1,
            latency: Duration::ZERO,
            limit_per_10s: 100,
            daily_limit: 250_000,
            owner_delay: Duration::from_secs(2),
            search_lag: Duration::ZERO,
            auto_accept: false,
            time_zone: TimeZone::UTC,
            data_hosting_location: "na1".to_owned(),
            account_type: "DEVELOPER_TEST".to_owned(),
            admin_email: "admin@example.com".to_owned(),
            custom_property_limit: 1000,
            webhooks: None,
            switches: Switches::default(),
        }
    }
}

/// One switch per open question of API.md §14 that the simulated routes touch.
#[derive(Clone, Debug, Default)]
pub struct Switches {
    /// Creating a user whose e-mail is a member already (§14.1).
    pub duplicate_user: DuplicateUser,
    /// When a pending user gets an owner (§14.2).
    pub owner: OwnerPolicy,
    /// When the CRM user record appears (§5.2).
    pub crm_record: CrmRecordPolicy,
    /// Creating a property whose name is archived (§14.6).
    pub archived_name: ArchivedName,
    /// How long lists may show what was before a write.
    pub list_lag: ListLag,
    /// What a call on the wrong region's host gets (§1, §14.14).
    pub wrong_region: WrongRegion,
    /// Whether permission sets exist (a Free portal has none, §5).
    pub roles: Roles,
    /// Whether a 403 names the scopes it misses (§2.2).
    pub missing_scopes: MissingScopes,
    /// What PUT does to fields of a user it does not name (§14.4).
    pub user_put_omitted: PutOmitted,
    /// How long a removed user's seat stays taken; creating the user again meanwhile is refused (§5).
    pub seat_release: Duration,
    /// Members a portal may have (a Free portal: 2, §5).
    pub user_cap: Option<usize>,
    /// Whether 429 answers carry `Retry-After` (§14.10).
    pub retry_after: RetryAfter,
    /// Every association is invalid, as one integration met (§14.15).
    pub associations_always_fail: bool,
    /// How a batch read answers objects without associations.
    pub no_associations: NoAssociations,
    /// `toObjectId` as a number, as in the guides, instead of a text, as in the specification (§9).
    pub association_ids_are_numbers: bool,
    /// Whether saving a value again adds an entry to the property's history (§14.8).
    pub resave_adds_history: bool,
    /// What taking a contact's owner away does to `hubspot_owner_assigneddate` (§14.13).
    pub assigned_date_on_unassign: AssignedDateOnUnassign,
    /// Whether a merge adds to the history of every property that has a value, and dates the assignment anew (§14.13).
    /// Else only what had to change gets an entry.
    pub merge_stamps: bool,
    /// What a contact's id means after it was merged away (§8.1).
    pub merged_read: MergedRead,
    /// The beta in which a merge keeps the primary's id instead of making a new one (§8.2).
    pub merge_keeps_primary_id: bool,
    /// When a batch write with bad items still writes the good ones (§14.9).
    pub partial_writes: PartialWrites,
    /// Whether a batch read names the ids it did not find (§8.1).
    pub missing_in_batch: MissingInBatch,
    /// Form of the 404 for a contact id that is a number (§8.2).
    pub unknown_contact_id: UnknownId,
    /// Order of search results whose sort keys are equal (§14.7).
    pub search_ties: SearchTies,
    /// What a refresh hands out (§3).
    pub refresh_rotation: RefreshRotation,
    /// What an uninstalled app hears when it refreshes (§3).
    pub uninstalled: Uninstalled,
    /// Whether `NEQ`, `NOT_IN` and `NOT_CONTAINS_TOKEN` also find contacts without a value.
    pub negation_finds_unset: bool,
}

/// Which refresh token a refresh answers with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RefreshRotation {
    /// The same one, as in a live test.
    #[default]
    Same,
    /// A new one.
    Rotates {
        /// How long the old one works beside it, and answers with the same new one. Zero: it dies at once.
        grace: Duration,
    },
}

/// Answer to the refresh of an uninstalled app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Uninstalled {
    /// `BAD_REFRESH_TOKEN`.
    #[default]
    BadRefreshToken,
    /// `BAD_HUB`.
    BadHub,
}

/// Answer of an association batch read about objects that have none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoAssociations {
    /// 207 with an error each.
    #[default]
    Error,
    /// 200; they are just absent.
    Absent,
}

/// Answer to creating a user who exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DuplicateUser {
    /// 409 `CONFLICT`.
    #[default]
    Conflict,
    /// 400 `VALIDATION_ERROR`.
    Invalid,
    /// 201 with the user as it is.
    SameUser,
}

/// When a user gets an owner. Acceptance always brings it at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OwnerPolicy {
    /// `owner_delay` after the user was created, accepted or not.
    #[default]
    AfterDelay,
    /// Not before the invitation is accepted.
    AfterAcceptance,
}

/// When the CRM user record of a person appears.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CrmRecordPolicy {
    /// With acceptance; with the owner for a person who has used HubSpot before.
    #[default]
    AfterAcceptance,
    /// Together with the owner.
    WithOwner,
}

/// What creating a property with an archived name does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ArchivedName {
    /// 201: the old property with the posted definition, its values and its `createdAt`.
    #[default]
    Restores,
    /// 201: a new property without values.
    Fresh,
    /// 409 as for an active one.
    Refused,
}

/// Bounds of the time lists lag behind a write; each write draws its own. Zero by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListLag {
    /// Shortest lag.
    pub min: Duration,
    /// Longest lag.
    pub max: Duration,
}

/// Answer to a call on the host of another region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WrongRegion {
    /// 401 `INVALID_AUTHENTICATION`.
    #[default]
    Unauthorized,
    /// 488 with `X-HubSpot-Correct-Hublet`.
    Misdirected,
}

/// Whether the portal has permission sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Roles {
    /// They can be listed and assigned.
    #[default]
    Available,
    /// 400, as on a Free portal.
    Unavailable,
}

/// Form of a 403.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingScopes {
    /// With `requiredGranularScopes`.
    #[default]
    Named,
    /// Without naming any.
    Unnamed,
}

/// Meaning of a field left out of a user's PUT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PutOmitted {
    /// It stays as it is.
    #[default]
    Keeps,
    /// It is cleared.
    Clears,
}

/// Whether a 429 says when to come back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetryAfter {
    /// It does not.
    #[default]
    Absent,
    /// In whole seconds.
    Present,
}

/// Whether the date of assignment outlives the assignment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AssignedDateOnUnassign {
    /// It is cleared.
    #[default]
    Clears,
    /// It stays.
    Keeps,
}

/// Answer under the id of a contact that was merged into another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MergedRead {
    /// A single read is 404; batches leave it out without an error.
    #[default]
    Absent,
    /// The surviving contact, under its own id; writes go to it too.
    AnswersAsSurvivor,
}

/// When a batch write is not all or nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PartialWrites {
    /// When every input has an `objectWriteTraceId` of its own.
    #[default]
    WithTraceIds,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What a batch read says of ids that do not exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingInBatch {
    /// 207 with one error that names all of them.
    #[default]
    Named,
    /// Nothing: they are left out of a 200.
    Silent,
}

/// Form of a contact's 404.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownId {
    /// `OBJECT_NOT_FOUND` with the id in the context.
    #[default]
    Explained,
    /// "resource not found", without a category.
    Bare,
}

/// Order of equal search results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SearchTies {
    /// An order of the seed's choosing, the same in every search.
    #[default]
    Stable,
    /// By id.
    ById,
    /// Another one in every search: pages repeat and miss.
    Unstable,
}
