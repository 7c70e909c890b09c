//! What leaves HubSpot when an object is deleted with `deletionPolicy: Delete`.

use super::{Action, Difference, Plan, Refusal, Step, ownership};
use crate::{
    api::{
        condition::Reason,
        crm_connection::{ConnectionDeletionPolicy, FieldOrigin},
    },
    desired::connection::STATE_FIELD,
    domain::Email,
    plan::{fields::group_key, portal::PortalDesired},
    portal::{
        Trouble,
        snapshot::{Answer, Answers, PortalSnapshot, Property, Question},
    },
};

#[cfg(test)]
mod tests;

/// How far a removal is.
#[derive(Clone, Debug, PartialEq)]
pub enum Removal {
    /// Nothing of ours is left.
    Done,
    /// These steps, or answers to these questions, come next.
    Next(Plan),
    /// A person has to decide.
    Blocked(Refusal),
}

/// Removes an assistant's user: never a super admin, never the user the token belongs to.
pub fn user(email: &Email, observed: &PortalSnapshot, answers: &Answers) -> Result<Removal, Trouble> {
    let question = Question::User(email.clone());
    let user = match (observed.users.fresh()?.get(email), answers.given.get(&question)) {
        (_, Some(Answer::User(Some(user)))) | (Some(user), None) => user,
        (_, Some(Answer::User(None))) => return Ok(Removal::Done),
        (_, Some(Answer::Trouble(trouble))) => return Err(trouble.clone()),
        (_, Some(Answer::Count(_) | Answer::TokenUser(_))) | (None, None) => {
            return Ok(Removal::Next(Plan { questions: vec![question], ..Plan::default() }));
        }
    };
    if user.super_admin {
        return Ok(Removal::Blocked(Refusal::new(
            Reason::DeletionBlocked,
            "the user is a super admin of the portal and is never removed; take that right away in HubSpot, or set deletionPolicy to Retain",
        )));
    }
    match answers.given.get(&Question::TokenUser) {
        Some(Answer::TokenUser(owner)) if *owner == user.id => Ok(Removal::Blocked(Refusal::new(
            Reason::DeletionBlocked,
            "the access token belongs to this user, who is never removed; set deletionPolicy to Retain",
        ))),
        Some(Answer::TokenUser(_)) => {
            let because = Difference {
                subject: format!("user {email}"),
                field: String::new(),
                found: "a user of the portal".to_owned(),
                expected: "absent".to_owned(),
            };
            let action = Action::DeleteUser { email: email.clone(), user: user.id.clone() };
            Ok(Removal::Next(Plan { steps: vec![Step { action, because: vec![because] }], ..Plan::default() }))
        }
        Some(Answer::Trouble(trouble)) => Err(trouble.clone()),
        Some(Answer::User(_) | Answer::Count(_)) | None => {
            Ok(Removal::Next(Plan { questions: vec![Question::TokenUser], ..Plan::default() }))
        }
    }
}

/// Removes the fields and the group the operator made. A field someone else made stays, and so does a group with fields in it.
pub fn portal(desired: &PortalDesired, observed: &PortalSnapshot, answers: &Answers) -> Result<Removal, Trouble> {
    let properties = observed.properties.fresh()?;
    let groups = observed.groups.fresh()?;
    let fields = &desired.connection.fields;
    let names = [
        fields.context.name.as_str(),
        fields.schedule.name.as_str(),
        fields.lead_connection_status.name.as_str(),
        STATE_FIELD,
    ];
    let ours: Vec<&str> = names
        .into_iter()
        .filter(|name| properties.active.get(*name).is_some_and(|p| is_ours(desired, name, p)))
        .collect();
    if desired.connection.deletion == ConnectionDeletionPolicy::Delete
        && let Some(stop) = values_held(&ours, answers)?
    {
        return Ok(stop);
    }
    let mut plan = Plan::default();
    for name in &ours {
        plan.steps.push(gone(&format!("property {name}"), Action::ArchiveProperty { name: (*name).to_owned() }));
    }
    let group = &fields.group;
    let others = properties.active.iter().any(|(name, p)| p.group == group.as_str() && !ours.contains(&name.as_str()));
    let group_is_ours = desired.known.get(&group_key(group.as_str())) == Some(&FieldOrigin::Created);
    if groups.contains_key(group.as_str()) && group_is_ours && !others {
        plan.steps.push(gone(&format!("property group {group}"), Action::DeleteGroup { name: group.clone() }));
    }
    Ok(if plan.steps.is_empty() { Removal::Done } else { Removal::Next(plan) })
}

fn is_ours(desired: &PortalDesired, name: &str, property: &Property) -> bool {
    match ownership::owner(&property.description, &desired.cluster) {
        ownership::Owner::Us => true,
        ownership::Owner::OtherCluster(_) => false,
        ownership::Owner::Person => desired.known.get(name) == Some(&FieldOrigin::Created),
    }
}

/// Whether contacts hold values in a field that is to go: questions first, then the verdict.
fn values_held(ours: &[&str], answers: &Answers) -> Result<Option<Removal>, Trouble> {
    let mut questions = Vec::new();
    let mut held = Vec::new();
    for name in ours {
        let question = Question::ContactsHoldingProperty { property: (*name).to_owned() };
        match answers.given.get(&question) {
            Some(Answer::Count(0)) => {}
            Some(Answer::Count(count)) => held.push(format!("{name} ({count} contacts)")),
            Some(Answer::Trouble(trouble)) => return Err(trouble.clone()),
            Some(Answer::User(_) | Answer::TokenUser(_)) | None => questions.push(question),
        }
    }
    if !held.is_empty() {
        return Ok(Some(Removal::Blocked(Refusal::new(
            Reason::DeletionBlocked,
            format!(
                "contacts hold values in {}; clear them, or set deletionPolicy to Retain or ForceDelete",
                held.join(", ")
            ),
        ))));
    }
    if questions.is_empty() { Ok(None) } else { Ok(Some(Removal::Next(Plan { questions, ..Plan::default() }))) }
}

fn gone(subject: &str, action: Action) -> Step {
    let because = Difference {
        subject: subject.to_owned(),
        field: String::new(),
        found: "present".to_owned(),
        expected: "absent".to_owned(),
    };
    Step { action, because: vec![because] }
}
