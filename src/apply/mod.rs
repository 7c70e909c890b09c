//! Carries out [`Action`]s: the only room that changes a portal's configuration.
//!
//! Decides nothing: an action says all. What HubSpot answers is folded into the portal's snapshot. A write whose answer
//! was lost is looked up by its natural key before anybody repeats it (DESIGN section 4).

mod property;
mod user;

use crate::{
    domain::{Fingerprint, GroupName, UserId},
    hubspot::{Archived, Error, ErrorKind, HubSpot, Lane, Urgency, wire},
    plan::Action,
    portal::{Portal, Trouble, snapshot, trouble::TroubleKind},
};

/// What came of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Done, by this call or by an earlier one whose answer was lost.
    Done,
    /// The user is there.
    User(UserId),
    /// The portal is not as the plan took for granted: the snapshot has been corrected, plan again.
    Stale,
}

/// An action that could not be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// What it means.
    pub trouble: Trouble,
    /// For logs.
    pub correlation_id: Option<String>,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { trouble: Trouble::from(&error), correlation_id: error.correlation_id }
    }
}

/// Carries one action out. What HubSpot refused within the last hour is not asked again unless a person is waiting.
pub async fn apply(portal: &Portal, action: &Action, urgency: &Urgency) -> Result<Applied, Failed> {
    let fingerprint = Fingerprint::of(&[format!("{action:?}").as_bytes()]);
    if urgency.lane() != Lane::Edit
        && let Some(trouble) = portal.refusal(fingerprint)
    {
        return Err(Failed { trouble, correlation_id: None });
    }
    let result = carry_out(portal, &portal.hubspot(urgency), action).await;
    if let Err(failed) = &result {
        portal.note_refusal(fingerprint, &failed.trouble);
    }
    result
}

async fn carry_out(portal: &Portal, hubspot: &HubSpot, action: &Action) -> Result<Applied, Failed> {
    match action {
        Action::CreateGroup { name, label } => create_group(portal, hubspot, name, label).await,
        Action::RelabelGroup { name, label } => {
            let update = wire::properties::GroupUpdate { label: Some(label.clone()), display_order: None };
            let group = hubspot.update_group(name, &update).await?;
            portal.fold_group(name, Some(snapshot::Group { label: group.label })).await;
            Ok(Applied::Done)
        }
        Action::DeleteGroup { name } => {
            hubspot.delete_group(name).await?;
            portal.fold_group(name, None).await;
            Ok(Applied::Done)
        }
        Action::CreateProperty { definition, restores: _ } => property::create(portal, hubspot, definition).await,
        Action::UpdateProperty { name, change } => property::update(portal, hubspot, name, change).await,
        Action::ArchiveProperty { name } => {
            hubspot.delete_property(name).await?;
            portal.fold_property(name, None).await;
            Ok(Applied::Done)
        }
        Action::CreateUser { email, first_name, last_name, role, team, send_invitation } => {
            let new = wire::users::NewUser {
                email: email.clone(),
                first_name: first_name.clone(),
                last_name: last_name.clone(),
                role_id: role.clone(),
                primary_team_id: team.clone(),
                send_welcome_email: *send_invitation,
            };
            user::create(portal, hubspot, &new).await
        }
        Action::UpdateUser { email, user, to } => user::update(portal, hubspot, email, (user, to)).await,
        Action::DeleteUser { email, user } => {
            hubspot.delete_user(user).await?;
            portal.fold_user(email, None).await;
            Ok(Applied::Done)
        }
    }
}

/// What HubSpot answers to the create of a group that exists is not known (API.md §7): any refusal is looked into.
async fn create_group(portal: &Portal, hubspot: &HubSpot, name: &GroupName, label: &str) -> Result<Applied, Failed> {
    let new = wire::properties::NewGroup { name: name.clone(), label: label.to_owned(), display_order: None };
    match hubspot.create_group(&new).await {
        Ok(group) => {
            portal.fold_group(name, Some(snapshot::Group { label: group.label })).await;
            Ok(Applied::Done)
        }
        Err(error) if may_exist(&error) => {
            let groups = hubspot.list_groups().await.map_err(unclear)?;
            match groups.into_iter().find(|group| group.name == name.as_str() && !group.archived) {
                Some(group) => {
                    portal.fold_group(name, Some(snapshot::Group { label: group.label })).await;
                    Ok(Applied::Stale)
                }
                None => Err(after_looking(error)),
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether the thing may be there although its create failed.
fn may_exist(error: &Error) -> bool {
    error.is_ambiguous() || matches!(error.kind, ErrorKind::AlreadyExists { .. } | ErrorKind::Rejected(_))
}

/// A create that failed, and the thing is not there: an unclear one can now be repeated.
fn after_looking(error: Error) -> Failed {
    let mut failed = Failed::from(error);
    if failed.trouble.kind == TroubleKind::Unclear {
        failed.trouble.kind = TroubleKind::Unreachable;
    }
    failed
}

/// A create that may have happened, and looking failed, too: whoever repeats it has to look first.
fn unclear(error: Error) -> Failed {
    let mut failed = Failed::from(error);
    failed.trouble.kind = TroubleKind::Unclear;
    failed
}

/// The property as HubSpot has it now, folded in.
async fn reread(portal: &Portal, hubspot: &HubSpot, name: &str) -> Result<Option<snapshot::Property>, Error> {
    let now = hubspot.find_property(name, Archived::Exclude).await?;
    Ok(portal.fold_property(name, now).await)
}
