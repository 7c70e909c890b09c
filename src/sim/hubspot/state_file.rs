//! The state a portal starts with, from YAML (`--state FILE.yaml`). Applied by the same rules as API writes, so that no
//! file can make a portal HubSpot could not have.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{
    answer::ApiError,
    groups, input,
    people::{NewUser, Role, Team},
    portal::{Actor, Portal},
    properties,
    switches::Switches,
};
use crate::sim::tec::InitialTec;

/// What a state file holds; everything is optional.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InitialState {
    /// Replace the default roles.
    roles: Option<Vec<InitialRole>>,
    /// Replace the default teams.
    teams: Option<Vec<InitialTeam>>,
    #[serde(default)]
    users: Vec<InitialUser>,
    /// In the API's `PropertyGroupCreate` shape.
    #[serde(default)]
    groups: Vec<Value>,
    /// In the API's `PropertyCreate` shape; a name that exists is changed instead.
    #[serde(default)]
    properties: Vec<Value>,
    #[serde(default)]
    contacts: Vec<InitialContact>,
    /// What is switched otherwise than by default.
    switches: Option<Switches>,
    /// What the TEC beside the portal starts with.
    tec: Option<InitialTec>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InitialRole {
    id: Option<String>,
    name: String,
    #[serde(default)]
    requires_billing_write: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InitialTeam {
    id: Option<String>,
    name: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InitialUser {
    email: String,
    first_name: Option<String>,
    last_name: Option<String>,
    /// By name.
    role: Option<String>,
    /// By name.
    team: Option<String>,
    #[serde(default)]
    super_admin: bool,
    #[serde(default = "yes")]
    accepted: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InitialContact {
    /// E-mail of the user who owns it.
    owner: Option<String>,
    #[serde(default)]
    properties: BTreeMap<String, String>,
}

fn yes() -> bool {
    true
}

/// Why a state file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It is not YAML of the right shape.
    #[error("state file: {0}")]
    Syntax(String),
    /// HubSpot would refuse a part of it.
    #[error("state file, {what}: {why}")]
    Refused {
        /// Which part.
        what: String,
        /// HubSpot's words.
        why: String,
    },
}

impl InitialState {
    /// Reads a state file's text.
    pub fn from_yaml(text: &str) -> Result<Self, StateError> {
        serde_saphyr::from_str(text).map_err(|error| StateError::Syntax(error.to_string()))
    }

    /// The part for TEC, if the file has one.
    pub fn tec(&self) -> Option<&InitialTec> {
        self.tec.as_ref()
    }

    pub(super) fn apply(&self, portal: &mut Portal) -> Result<(), StateError> {
        if let Some(switches) = &self.switches {
            portal.config.switches = switches.clone();
        }
        portal.without_lags(|portal| self.plant(portal))
    }

    fn plant(&self, portal: &mut Portal) -> Result<(), StateError> {
        let Self { roles, teams, users, groups, properties, contacts, switches: _, tec: _ } = self;
        let number =
            |id: &Option<String>, first: usize, place: usize| id.clone().unwrap_or((first + place).to_string());
        if let Some(roles) = roles {
            let role = |(place, role): (usize, &InitialRole)| Role {
                id: number(&role.id, 5001, place),
                name: role.name.clone(),
                requires_billing_write: role.requires_billing_write,
            };
            portal.people.roles = roles.iter().enumerate().map(role).collect();
        }
        if let Some(teams) = teams {
            let team = |(place, team): (usize, &InitialTeam)| Team {
                id: number(&team.id, 368_389, place),
                name: team.name.clone(),
            };
            portal.people.teams = teams.iter().enumerate().map(team).collect();
        }
        for user in users {
            add_user(portal, user).map_err(|why| refused(&format!("user {}", user.email), why))?;
        }
        let by = Actor::Person { user_id: portal.admin_id() };
        for group in groups {
            let done = input::item(group.clone()).and_then(|group| groups::create_one(portal, group));
            done.map_err(|error| refused(&format!("group {}", group["name"]), error.message().to_owned()))?;
        }
        for property in properties {
            let done = write_property(portal, property, by);
            done.map_err(|error| refused(&format!("property {}", property["name"]), error.message().to_owned()))?;
        }
        for (place, contact) in contacts.iter().enumerate() {
            add_contact(portal, contact, by).map_err(|why| refused(&format!("contact {}", place + 1), why))?;
        }
        Ok(())
    }
}

fn refused(what: &str, why: String) -> StateError {
    StateError::Refused { what: what.to_owned(), why }
}

fn add_user(portal: &mut Portal, user: &InitialUser) -> Result<(), String> {
    let InitialUser { email, first_name, last_name, role, team, super_admin, accepted } = user;
    let email = crate::domain::Email::new(email).map_err(|error| error.to_string())?.to_string();
    let roles = &portal.people.roles;
    let role_id = named(role.as_ref(), "role", roles.iter().map(|role| (&role.name, &role.id)))?;
    let teams = &portal.people.teams;
    let primary_team_id = named(team.as_ref(), "team", teams.iter().map(|team| (&team.name, &team.id)))?;
    let known = portal.people.user_by_email(&email).map(|user| user.id);
    if let Some(id) = known {
        return Err(format!("is in the portal already (user {id})"));
    }
    let id = portal.add_user(NewUser {
        email,
        first_name: first_name.clone(),
        last_name: last_name.clone(),
        role_id,
        primary_team_id,
        secondary_team_ids: Vec::new(),
        super_admin: *super_admin,
    });
    if *accepted {
        portal.accept_user(id);
    }
    Ok(())
}

/// The id of a thing given by name.
fn named<'a>(
    name: Option<&String>,
    kind: &str,
    mut known: impl Iterator<Item = (&'a String, &'a String)>,
) -> Result<Option<String>, String> {
    let Some(name) = name else { return Ok(None) };
    match known.find(|(known, _)| *known == name) {
        Some((_, id)) => Ok(Some(id.clone())),
        None => Err(format!("no {kind} is named {name:?}")),
    }
}

fn write_property(portal: &mut Portal, property: &Value, by: Actor) -> Result<(), ApiError> {
    let name = property["name"].as_str().unwrap_or_default();
    let input = input::item(property.clone())?;
    if portal.schema.active(name).is_some() {
        properties::update_one(portal, name, &input, by)?;
    } else {
        properties::create_one(portal, input, by)?;
    }
    Ok(())
}

fn add_contact(portal: &mut Portal, contact: &InitialContact, by: Actor) -> Result<(), String> {
    let InitialContact { owner, properties } = contact;
    let mut values = properties.clone();
    if let Some(email) = owner {
        let user = portal.people.user_by_email(email).ok_or(format!("no user {email}"))?;
        let owner_id = portal.people.owner_of.get(&user.id).ok_or(format!("{email} has no owner yet"))?;
        values.insert("hubspot_owner_id".to_owned(), owner_id.to_string());
    }
    portal.create_contact(&values, by).map(|_| ()).map_err(|error| error.message().to_owned())
}
