//! The HubSpot user of an assistant.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{Action, Difference, Permission, Plan, Refusal, Step};
use crate::{
    api::{assistant::Provisioning, condition::Reason},
    desired::ValidatedAssistant,
    domain::{OwnerId, RoleId, TeamId, UserId},
    portal::{
        Trouble,
        snapshot::{Acceptance, Answer, Answers, PortalSnapshot, Question, User, UserValues},
    },
};

#[cfg(test)]
mod tests;

/// A user removed again within this time is not invited again.
pub const INSIST_ONCE_PER: SignedDuration = SignedDuration::from_hours(24);

/// What status remembers of the user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserMemory {
    /// The user seen last.
    pub user: Option<UserId>,
    /// When we created it.
    pub sent_at: Option<Timestamp>,
    /// When we found it removed and invited again.
    pub removed_at: Option<Timestamp>,
    /// For which request we gave up.
    pub given_up_for: Option<String>,
}

/// Everything the plan for a user depends on.
#[derive(Clone, Debug)]
pub struct UserDesired {
    /// The assistant.
    pub assistant: ValidatedAssistant,
    /// What status remembers.
    pub memory: UserMemory,
    /// Names the current wish (generation and `requestedAt`): a new wish lifts an old giving-up.
    pub wish: String,
    /// Whether we may write.
    pub permission: Permission,
}

/// The plan and what to tell.
#[derive(Clone, Debug, PartialEq)]
pub struct UserPlan {
    /// What to do.
    pub plan: Plan,
    /// What to tell.
    pub report: UserReport,
}

/// What is known of an assistant's user.
#[derive(Clone, Debug, PartialEq)]
pub struct UserReport {
    /// The user.
    pub user: UserFinding,
    /// The owner.
    pub owner: Result<Option<OwnerId>, Trouble>,
    /// The invitation, if HubSpot shows it.
    pub acceptance: Option<Acceptance>,
    /// What a person has to solve.
    pub refusal: Option<Refusal>,
    /// Differences that stay.
    pub drift: Vec<Difference>,
}

/// What is known of a user.
#[derive(Clone, Debug, PartialEq)]
pub enum UserFinding {
    /// It is there.
    Present(UserId),
    /// It never was.
    Absent,
    /// It was there; `given_up`: we will not invite again.
    Removed {
        /// Whether we leave it at that.
        given_up: bool,
    },
    /// Asked for.
    Asking,
    /// It could not be found out.
    Unknown(Trouble),
}

/// Plans.
pub fn plan(desired: &UserDesired, observed: &PortalSnapshot, answers: &Answers, now: Timestamp) -> UserPlan {
    let email = &desired.assistant.email;
    let mut plan = Plan::default();
    let mut report = UserReport {
        user: UserFinding::Asking,
        owner: observed.owners.fresh().map(|owners| owners.get(email).map(|owner| owner.id.clone())),
        acceptance: observed.acceptance.last_known().and_then(|seen| seen.get(email).copied()),
        refusal: None,
        drift: Vec::new(),
    };
    let question = Question::User(email.clone());
    let listed = match observed.users.fresh() {
        Ok(users) => users.get(email),
        Err(trouble) => {
            report.user = UserFinding::Unknown(trouble);
            return UserPlan { plan, report };
        }
    };
    match (listed, answers.given.get(&question)) {
        (Some(user), _) | (None, Some(Answer::User(Some(user)))) => {
            report.user = UserFinding::Present(user.id.clone());
            present(desired, user, observed, &mut plan, &mut report);
        }
        (None, Some(Answer::User(None))) => absent(desired, observed, now, &mut plan, &mut report),
        (None, Some(Answer::Trouble(trouble))) => report.user = UserFinding::Unknown(trouble.clone()),
        (None, Some(Answer::Count(_) | Answer::TokenUser(_)) | None) => plan.questions.push(question),
    }
    UserPlan { plan, report }
}

fn absent(desired: &UserDesired, observed: &PortalSnapshot, now: Timestamp, plan: &mut Plan, report: &mut UserReport) {
    let UserDesired { assistant, memory, wish, permission } = desired;
    let seen_before = memory.user.is_some();
    let recently = memory.removed_at.is_some_and(|at| now.duration_since(at) < INSIST_ONCE_PER);
    let same_wish = memory.given_up_for.as_ref() == Some(wish);
    let given_up = seen_before && (same_wish || (recently && memory.given_up_for.is_none()));
    report.user = if seen_before { UserFinding::Removed { given_up } } else { UserFinding::Absent };
    if given_up || assistant.provisioning == Provisioning::Observe {
        return;
    }
    let (role, team) = match (role(assistant, observed), team(assistant, observed)) {
        (Ok(role), Ok(team)) => (role, team),
        (Err(refusal), _) | (_, Err(refusal)) => {
            report.refusal = Some(refusal);
            return;
        }
    };
    let action = Action::CreateUser {
        email: assistant.email.clone(),
        first_name: assistant.first_name.clone(),
        last_name: assistant.last_name.clone(),
        role,
        team,
        send_invitation: assistant.send_invitation,
    };
    let because = Difference {
        subject: format!("user {}", assistant.email),
        field: String::new(),
        found: "absent".to_owned(),
        expected: "a user of the portal".to_owned(),
    };
    plan.add(Step { action, because: vec![because] }, *permission);
}

fn present(desired: &UserDesired, user: &User, observed: &PortalSnapshot, plan: &mut Plan, report: &mut UserReport) {
    let assistant = &desired.assistant;
    let (role, team) = match (role(assistant, observed), team(assistant, observed)) {
        (Ok(role), Ok(team)) => (role, team),
        (Err(refusal), _) | (_, Err(refusal)) => {
            report.refusal = Some(refusal);
            return;
        }
    };
    let mut to = UserValues {
        first_name: user.first_name.clone(),
        last_name: user.last_name.clone(),
        role: user.roles.first().cloned(),
        team: user.team.clone(),
        secondary_teams: user.secondary_teams.clone(),
    };
    let mut because = Vec::new();
    let mut differs = |field: &str, found: Option<&str>, expected: Option<&str>| {
        let different = expected.is_some() && found != expected;
        if different {
            because.push(Difference {
                subject: format!("user {}", assistant.email),
                field: field.to_owned(),
                found: found.unwrap_or("none").to_owned(),
                expected: expected.unwrap_or_default().to_owned(),
            });
        }
        different
    };
    // A user someone else made is taken as it is: its names are its own. Role and team are asked for by name.
    let made_by_us = desired.memory.sent_at.is_some();
    if made_by_us && differs("first name", user.first_name.as_deref(), assistant.first_name.as_deref()) {
        to.first_name.clone_from(&assistant.first_name);
    }
    if made_by_us && differs("last name", user.last_name.as_deref(), assistant.last_name.as_deref()) {
        to.last_name.clone_from(&assistant.last_name);
    }
    let has_role = role.as_ref().is_none_or(|role| user.roles.contains(role));
    if !has_role && differs("role", name_of_role(user, observed), assistant.role.as_deref()) {
        to.role = role;
    }
    let has_team = team.is_none() || user.team == team;
    if !has_team && differs("team", name_of_team(user, observed), assistant.team.as_deref()) {
        to.team = team;
    }
    if because.is_empty() {
        return;
    }
    // HubSpot refuses changes of a user who never logged in (API.md §5): wait for the owner.
    let active = matches!(report.owner, Ok(Some(_)));
    if !active || assistant.provisioning == Provisioning::Observe {
        report.drift = because;
        return;
    }
    let action = Action::UpdateUser { email: assistant.email.clone(), user: user.id.clone(), to };
    plan.add(Step { action, because }, desired.permission);
}

fn name_of_role<'a>(user: &User, observed: &'a PortalSnapshot) -> Option<&'a str> {
    let held = user.roles.first()?;
    observed.roles.last_known()?.iter().find(|role| role.id == *held).map(|role| role.name.as_str())
}

fn name_of_team<'a>(user: &User, observed: &'a PortalSnapshot) -> Option<&'a str> {
    let held = user.team.as_ref()?;
    observed.teams.last_known()?.iter().find(|team| team.id == *held).map(|team| team.name.as_str())
}

fn role(assistant: &ValidatedAssistant, observed: &PortalSnapshot) -> Result<Option<RoleId>, Refusal> {
    let Some(wanted) = &assistant.role else { return Ok(None) };
    let roles = observed.roles.fresh().map_err(|trouble| unreadable("role", &trouble))?;
    let found = roles.iter().find(|role| role.name == *wanted);
    found
        .map(|role| Some(role.id.clone()))
        .ok_or_else(|| unknown("role", wanted, roles.iter().map(|role| role.name.as_str()).collect()))
}

fn team(assistant: &ValidatedAssistant, observed: &PortalSnapshot) -> Result<Option<TeamId>, Refusal> {
    let Some(wanted) = &assistant.team else { return Ok(None) };
    let teams = observed.teams.fresh().map_err(|trouble| unreadable("team", &trouble))?;
    let found = teams.iter().find(|team| team.name == *wanted);
    found
        .map(|team| Some(team.id.clone()))
        .ok_or_else(|| unknown("team", wanted, teams.iter().map(|team| team.name.as_str()).collect()))
}

fn unreadable(what: &str, trouble: &Trouble) -> Refusal {
    Refusal::new(trouble.reason(), format!("the {what}s of the portal cannot be read: {trouble}"))
}

fn unknown(what: &str, wanted: &str, known: BTreeSet<&str>) -> Refusal {
    let names: Vec<&str> = known.into_iter().collect();
    let exist = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Refusal::new(Reason::InvalidSpec, format!("{what} {wanted:?} does not exist in the portal; there are: {exist}"))
}
