//! Creating and changing users.

use super::{Applied, Failed, after_looking, may_exist, unclear};
use crate::{
    domain::{Email, UserId},
    hubspot::{
        HubSpot,
        wire::users::{NewUser, UserUpdate},
    },
    portal::{Portal, snapshot::UserValues},
};

/// Creates. What HubSpot answers for an address that is a member already is not known (API.md §5): any refusal is
/// looked into.
pub(super) async fn create(portal: &Portal, hubspot: &HubSpot, new: &NewUser) -> Result<Applied, Failed> {
    let error = match hubspot.create_user(new).await {
        Ok(user) => return Ok(Applied::User(portal.fold_wire_user(&new.email, user).await)),
        Err(error) if may_exist(&error) => error,
        Err(error) => return Err(error.into()),
    };
    match hubspot.find_user(&new.email).await.map_err(unclear)? {
        Some(user) => Ok(Applied::User(portal.fold_wire_user(&new.email, user).await)),
        None => Err(after_looking(error)),
    }
}

/// Replaces everything that can be replaced.
pub(super) async fn update(
    portal: &Portal,
    hubspot: &HubSpot,
    email: &Email,
    (user, to): (&UserId, &UserValues),
) -> Result<Applied, Failed> {
    let UserValues { first_name, last_name, role, team, secondary_teams } = to.clone();
    let update = UserUpdate {
        first_name,
        last_name,
        role_id: role,
        primary_team_id: team,
        secondary_team_ids: (!secondary_teams.is_empty()).then_some(secondary_teams),
    };
    let now = hubspot.update_user(user, &update).await?;
    Ok(Applied::User(portal.fold_wire_user(email, now).await))
}
