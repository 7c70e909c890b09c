//! The settings of each switch: one enum per question, each of which can list all it has.

use serde::Deserialize;

/// An enum with a list of all its variants, so that a test over them cannot forget one.
macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $setting:ident,)+ })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub enum $name { $($(#[$about])* $setting,)+ }

        impl $name {
            /// Every setting.
            pub const ALL: &[Self] = &[$(Self::$setting),+];
        }
    )+};
}

choices! {
    /// Answer to the refresh of an uninstalled app.
    Uninstalled {
        /// `BAD_REFRESH_TOKEN`.
        #[default]
        BadRefreshToken,
        /// `BAD_HUB`.
        BadHub,
    }

    /// Answer of an association batch read about objects that have none.
    NoAssociations {
        /// 207 with an error each.
        #[default]
        Error,
        /// 200; they are just absent.
        Absent,
    }

    /// Answer to creating a user who exists.
    DuplicateUser {
        /// 409 `CONFLICT`.
        #[default]
        Conflict,
        /// 400 `VALIDATION_ERROR`.
        Invalid,
        /// 201 with the user as it is.
        SameUser,
    }

    /// When a user gets an owner. Acceptance always brings it at once.
    OwnerPolicy {
        /// `owner_delay` after the user was created, accepted or not.
        #[default]
        AfterDelay,
        /// Not before the invitation is accepted.
        AfterAcceptance,
    }

    /// When the CRM user record of a person appears.
    CrmRecordPolicy {
        /// With acceptance; with the owner for a person who has used HubSpot before.
        #[default]
        AfterAcceptance,
        /// Together with the owner.
        WithOwner,
    }

    /// What creating a property with an archived name does.
    ArchivedName {
        /// 201: the old property with the posted definition, its values and its `createdAt`.
        #[default]
        Restores,
        /// 201: a new property without values.
        Fresh,
        /// 409 as for an active one.
        Refused,
    }

    /// Answer to a call on the host of another region.
    WrongRegion {
        /// 401 `INVALID_AUTHENTICATION`.
        #[default]
        Unauthorized,
        /// 488 with `X-HubSpot-Correct-Hublet`.
        Misdirected,
        /// The true answer: the documented host serves all regions, as HubSpot says.
        Served,
    }

    /// Whether the portal has permission sets.
    Roles {
        /// They can be listed and assigned.
        #[default]
        Available,
        /// 400, as on a Free portal.
        Unavailable,
    }

    /// Form of a 403.
    MissingScopes {
        /// With `requiredGranularScopes`.
        #[default]
        Named,
        /// Without naming any.
        Unnamed,
    }

    /// Meaning of a field left out of a user's PUT.
    PutOmitted {
        /// It stays as it is.
        #[default]
        Keeps,
        /// It is cleared.
        Clears,
    }

    /// Whether a 429 says when to come back.
    RetryAfter {
        /// It does not.
        #[default]
        Absent,
        /// In whole seconds.
        Present,
    }

    /// Whether the date of assignment outlives the assignment.
    AssignedDateOnUnassign {
        /// It is cleared.
        #[default]
        Clears,
        /// It stays.
        Keeps,
    }

    /// Answer under the id of a contact that was merged into another.
    MergedRead {
        /// A single read is 404; batches leave it out without an error.
        #[default]
        Absent,
        /// The surviving contact, under its own id; writes go to it too.
        AnswersAsSurvivor,
    }

    /// When a batch write is not all or nothing.
    PartialWrites {
        /// When every input has an `objectWriteTraceId` of its own.
        #[default]
        WithTraceIds,
        /// Always.
        Always,
        /// Never.
        Never,
    }

    /// What a batch read says of ids that do not exist.
    MissingInBatch {
        /// 207 with one error that names all of them.
        #[default]
        Named,
        /// Nothing: they are left out of a 200.
        Silent,
    }

    /// Form of a contact's 404.
    UnknownId {
        /// `OBJECT_NOT_FOUND` with the id in the context.
        #[default]
        Explained,
        /// "resource not found", without a category.
        Bare,
    }

    /// Order of equal search results.
    SearchTies {
        /// An order of the seed's choosing, the same in every search.
        #[default]
        Stable,
        /// By id.
        ById,
        /// Another one in every search: pages repeat and miss.
        Unstable,
    }

    /// Whether the owner of somebody who has not accepted can be given contacts.
    PendingOwner {
        /// Yes.
        #[default]
        Assignable,
        /// 400 `INVALID_OWNER_ID` until the invitation is accepted.
        NotAssignable,
    }

    /// When the owner of a removed user is archived.
    OwnerArchival {
        /// Together with the removal.
        #[default]
        AtOnce,
        /// Ten minutes later.
        Later,
        /// Not at all: the list of active owners keeps it.
        Never,
    }

    /// How CRM user records show an invitation.
    InvitationShown {
        /// `hs_invite_status` is `PENDING` or `ACCEPTED`, `hs_invite_accepted_time` a date or null.
        #[default]
        Plainly,
        /// In other words: `Invite sent` and `active_user`.
        InOtherWords,
        /// The properties of invitations are unknown: left out of records, 404 as definitions.
        Unknown,
        /// 403 for the whole object, whatever the scopes.
        Forbidden,
    }

    /// What CRM user records say of the e-mail with the invitation, in `hs_invite_email_status`.
    InviteEmail {
        /// `SENT`, accepted or not.
        #[default]
        Sent,
        /// `BOUNCED`: nobody got it.
        Bounced,
        /// Nothing: null.
        Unset,
        /// The property is unknown.
        Unknown,
    }

    /// What HubSpot says to a new enumeration without options.
    EnumerationWithoutOptions {
        /// 201, with none.
        #[default]
        Accepted,
        /// 400.
        Refused,
    }

    /// What HubSpot says to options that are alike.
    DuplicateOptions {
        /// 400.
        #[default]
        Refused,
        /// Nothing: they are there.
        Accepted,
    }

    /// How much a refusal of options says.
    OptionErrors {
        /// A sub-category and an error with a code.
        #[default]
        Coded,
        /// Only a message.
        Bare,
    }

    /// What becomes of contacts that hold an option when it goes.
    RemovedOption {
        /// They keep the value, which is no option any more.
        #[default]
        ValuesStay,
        /// The property is cleared on them, with an entry in its history.
        ValuesCleared,
        /// 400 as long as some contact holds it.
        Refused,
    }

    /// Whether a property can become one of another type.
    TypeChange {
        /// It can.
        #[default]
        Accepted,
        /// 400.
        Refused,
    }

    /// Answer to creating a group that exists.
    DuplicateGroup {
        /// 409 in the form of the property's.
        #[default]
        Conflict,
        /// 400 `VALIDATION_ERROR`.
        Invalid,
        /// 201 with the group as it is.
        SameGroup,
    }

    /// Answer to a page beyond what a search reaches.
    PastEnd {
        /// 400 with the reason.
        #[default]
        Explained,
        /// 400 without a category or a reason.
        Bare,
        /// 200 without results.
        Empty,
    }

    /// Order of the versions of a property.
    HistoryOrder {
        /// As observed.
        #[default]
        NewestFirst,
        /// The other way round.
        OldestFirst,
    }

    /// `policyName` of a search's 429.
    SearchRefusal {
        /// `SECONDLY`.
        #[default]
        Secondly,
        /// `TEN_SECONDLY_ROLLING`, as for everything else.
        TenSecondly,
        /// None.
        Unnamed,
    }

    /// What a retry of a delivery calls its events.
    RetriedEvents {
        /// By the same `eventId`.
        #[default]
        KeepTheirIds,
        /// By a new one each time.
        GetNewIds,
    }

    /// When an app's new webhook settings count.
    WebhookSettings {
        /// At once.
        #[default]
        AtOnce,
        /// After five minutes; until then what was before. The first settings of all count at once.
        Cached,
    }

    /// Answer of the daily-usage endpoint.
    DailyUsage {
        /// Limit and use.
        #[default]
        Available,
        /// 403, as for a credential it is not made for.
        Forbidden,
        /// 404.
        NotFound,
        /// 200 with `fetchStatus` `FAILURE` and no numbers.
        Unfetched,
    }

    /// Whether an assignment at a contact's creation is dated.
    AssignedDateOnCreate {
        /// As any assignment.
        #[default]
        Set,
        /// Not at all.
        Absent,
    }

    /// Form of the 404 for a path HubSpot does not know.
    UnknownRoute {
        /// JSON, as everything else.
        #[default]
        Json,
        /// A page.
        Html,
        /// No body.
        Empty,
    }

    /// Whose rules are followed.
    AnswersAs {
        /// 207 for batches in part.
        #[default]
        V2026_03,
        /// 200 with `numErrors` and `errors` for batches in part.
        V2026_09,
    }
}
