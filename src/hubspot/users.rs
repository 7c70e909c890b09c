//! Users, roles and teams: the settings API (API.md §5).

use http::Method;

use super::{
    HubSpot, VERSION,
    call::{Call, segment},
    error::Result,
    operation::Operation,
    wire::users::{NewUser, Role, Team, User, UserUpdate},
};
use crate::domain::{Email, UserId};

fn path(rest: &str) -> String {
    format!("/settings/users/{VERSION}{rest}")
}

impl HubSpot {
    /// All users. The list can lag behind a create or removal; [`HubSpot::find_user`] does not.
    pub async fn list_users(&self) -> Result<Vec<User>> {
        self.fetch_pages(Call::get(Operation::ListUsers, path(""))).await
    }

    /// The user with that e-mail, if there is one.
    pub async fn find_user(&self, email: &Email) -> Result<Option<User>> {
        let path = path(&format!("/{}", segment(email.as_str())));
        self.fetch_optional(&Call::get(Operation::FindUser, path).query("idProperty", "EMAIL")).await
    }

    /// Invites a user. What HubSpot answers for an e-mail that is a user already is not established (API.md §14.1):
    /// look first, and look again after any refusal.
    pub async fn create_user(&self, user: &NewUser) -> Result<User> {
        self.fetch(&Call::new(Operation::CreateUser, Method::POST, path("")).json(user)?).await
    }

    /// Changes a user. Names of a user who never activated are refused; see [`UserUpdate`].
    pub async fn update_user(&self, id: &UserId, update: &UserUpdate) -> Result<User> {
        let path = path(&format!("/{}", segment(id.as_str())));
        self.fetch(&Call::new(Operation::UpdateUser, Method::PUT, path).json(update)?).await
    }

    /// Removes the user from the portal. One who is gone is fine.
    pub async fn delete_user(&self, id: &UserId) -> Result<()> {
        let path = path(&format!("/{}", segment(id.as_str())));
        self.remove(&Call::new(Operation::DeleteUser, Method::DELETE, path)).await
    }

    /// Permission sets. A free portal refuses with `VALIDATION_ERROR`.
    pub async fn list_roles(&self) -> Result<Vec<Role>> {
        self.fetch_list(&Call::get(Operation::ListRoles, path("/roles"))).await
    }

    /// Teams.
    pub async fn list_teams(&self) -> Result<Vec<Team>> {
        self.fetch_list(&Call::get(Operation::ListTeams, path("/teams"))).await
    }
}
