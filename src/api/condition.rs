//! Condition types and reasons, all of them, and the arithmetic of condition lists (kstatus rules).

use std::fmt;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// Every condition type we write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConditionType {
    /// The object is as its spec says. Present from the very first pass.
    Ready,
    /// Work is under way. Only while True (kstatus).
    Reconciling,
    /// Waiting will not help; a person has to change something. Only while True (kstatus).
    Stalled,
    /// HubSpot differs and we were told not to write. Only while True.
    Drifted,
    /// HubSpot's daily limit is used up. Only while True.
    QuotaExhausted,
    /// The credential works and belongs to the right portal.
    Authorized,
    /// Property group, contact fields and lead-status options are as the spec says.
    FieldsSynced,
    /// Assigned contacts become leads, and what TEC reports of them is shown in HubSpot.
    LeadsFlowing,
    /// The assistant has a HubSpot user.
    UserExists,
    /// The assistant can own contacts.
    OwnerActive,
    /// The options of `TEC Schedule` are as the spec says.
    OptionsSynced,
}

impl ConditionType {
    /// The type as it stands in status.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
            Self::Drifted => "Drifted",
            Self::QuotaExhausted => "QuotaExhausted",
            Self::Authorized => "Authorized",
            Self::FieldsSynced => "FieldsSynced",
            Self::LeadsFlowing => "LeadsFlowing",
            Self::UserExists => "UserExists",
            Self::OwnerActive => "OwnerActive",
            Self::OptionsSynced => "OptionsSynced",
        }
    }
}

/// Every reason we give, named after what to do about it. Also the reasons of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// As the spec says.
    Succeeded,
    /// First pass, or a change is being carried out.
    Progressing,
    /// Something that needs no person is awaited (HubSpot makes the owner, another object settles).
    Waiting,
    /// A passing failure; repeated with growing pauses.
    Retrying,
    /// The spec asks for something that cannot be; the message says what.
    InvalidSpec,
    /// HubSpot, or TEC, does not accept the token.
    InvalidCredentials,
    /// The token lacks scopes; the message names them.
    MissingScopes,
    /// The token belongs to another portal than the pinned one.
    WrongPortal,
    /// The portal lives in another region than the endpoint.
    WrongRegion,
    /// A referenced object, or a key in it, does not exist.
    ReferenceNotFound,
    /// The connection does not allow this namespace.
    ReferenceNotAllowed,
    /// The connection is not usable now; its own conditions say why.
    ConnectionNotReady,
    /// Another object or cluster owns the same thing.
    Conflict,
    /// The invitation has not been accepted yet, as far as HubSpot shows.
    InvitationPending,
    /// A person has to invite the user (`provisioning: Observe`).
    InvitationRequired,
    /// Someone removed the user from HubSpot twice: we do not insist.
    RemovedInCrm,
    /// TEC does not know the assistant yet, or is not done with it.
    NotCreatedInTec,
    /// A field of that name exists and cannot be taken over.
    AdoptionRefused,
    /// An option could not be deleted because contacts hold it.
    OptionInUse,
    /// Differences are reported, not repaired (`mode: Observe`).
    DriftReported,
    /// `holdUntil` lies ahead.
    OnHold,
    /// `suspend: true`.
    Suspended,
    /// The plan annotation asks for a plan instead of its execution.
    Planned,
    /// HubSpot's daily limit is used up.
    QuotaExhausted,
    /// HubSpot cannot be reached or answers with server errors.
    Unreachable,
    /// HubSpot refused a request as wrong.
    HubSpotRefused,
    /// TEC cannot be reached.
    TecUnreachable,
    /// Deletion waits for something named in the message.
    DeletionBlocked,
}

impl Reason {
    /// The reason as it stands in conditions and events.
    pub fn name(self) -> String {
        format!("{self:?}")
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Status of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It is not known.
    Unknown,
}

impl Truth {
    const fn name(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// One thing to say, before it has a time and a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// About what.
    pub kind: ConditionType,
    /// Does it hold.
    pub truth: Truth,
    /// Why, as one word.
    pub reason: Reason,
    /// Why, as a sentence. Stable: nothing in it changes from attempt to attempt.
    pub message: String,
}

impl Verdict {
    /// A verdict.
    pub fn new(kind: ConditionType, truth: Truth, reason: Reason, message: impl Into<String>) -> Self {
        Self { kind, truth, reason, message: message.into() }
    }
}

/// The condition list that says exactly `verdicts`, keeping transition times of conditions whose status did not change.
///
/// `old` is the list in status now, `generation` what was looked at.
pub fn render(old: &[Condition], verdicts: &[Verdict], generation: Option<i64>, now: Timestamp) -> Vec<Condition> {
    let mut verdicts: Vec<&Verdict> = verdicts.iter().collect();
    verdicts.sort_by_key(|verdict| verdict.kind);
    verdicts
        .into_iter()
        .map(|verdict| {
            let before = old.iter().find(|condition| condition.type_ == verdict.kind.name());
            let since = before.filter(|condition| condition.status == verdict.truth.name());
            Condition {
                type_: verdict.kind.name().to_owned(),
                status: verdict.truth.name().to_owned(),
                reason: verdict.reason.name(),
                message: verdict.message.clone(),
                observed_generation: generation,
                last_transition_time: since.map_or_else(|| Time(whole_second(now)), |c| c.last_transition_time.clone()),
            }
        })
        .collect()
}

/// The list with conditions of these types as they were, where nothing is said of them now: what was last known of
/// this generation stays known while HubSpot cannot be read.
pub fn keep(mut new: Vec<Condition>, old: &[Condition], kinds: &[ConditionType]) -> Vec<Condition> {
    let generation = new.first().and_then(|condition| condition.observed_generation);
    for kind in kinds {
        if find(&new, *kind).is_none() {
            new.extend(find(old, *kind).filter(|old| old.observed_generation == generation).cloned());
        }
    }
    new
}

/// Kubernetes keeps whole seconds; rounding here keeps "what we sent" equal to "what is stored".
pub fn whole_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// The condition of that type, if there.
pub fn find(conditions: &[Condition], kind: ConditionType) -> Option<&Condition> {
    conditions.iter().find(|condition| condition.type_ == kind.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transition_time_moves_only_with_the_status() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let ready = |truth, message: &str| [Verdict::new(ConditionType::Ready, truth, Reason::Progressing, message)];
        let first = render(&[], &ready(Truth::Unknown, "a"), Some(1), at(10));
        let second = render(&first, &ready(Truth::Unknown, "b"), Some(2), at(20));
        let third = render(&second, &ready(Truth::True, "b"), Some(2), at(30));
        let times: Vec<i64> = [&first, &second, &third].map(|list| list[0].last_transition_time.0.as_second()).to_vec();
        assert_eq!(times, [10, 10, 30]);
        assert_eq!(second[0].observed_generation, Some(2));
    }

    #[test]
    fn what_is_not_said_is_not_there() {
        let stalled = [Verdict::new(ConditionType::Stalled, Truth::True, Reason::InvalidSpec, "x")];
        let old = render(&[], &stalled, None, Timestamp::UNIX_EPOCH);
        assert!(find(&old, ConditionType::Stalled).is_some());
        assert!(find(&render(&old, &[], None, Timestamp::UNIX_EPOCH), ConditionType::Stalled).is_none());
    }
}
