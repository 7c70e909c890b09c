//! User provisioning: list, get, create, PUT, DELETE, roles, teams (API.md §5). This API never tells whether an
//! invitation was accepted.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    answer::{Answer, ApiError, Outcome, page},
    input,
    lagged::Lagged,
    people::{NewUser, User},
    portal::{Call, Portal, later},
    switches::{DuplicateUser, PutOmitted, Roles},
};
use crate::domain::Email;

const PAGE: usize = 100;

/// A user in the API's shape; `sendWelcomeEmail` is true only in the answer to its creation.
pub(super) fn to_json(user: &User, sends_welcome_email: bool) -> Value {
    let mut body = json!({
        "id": user.id.to_string(),
        "email": user.email,
        "roleIds": user.role_id.iter().collect::<Vec<_>>(),
        "superAdmin": user.super_admin,
        "sendWelcomeEmail": sends_welcome_email,
    });
    let optional = [
        ("firstName", &user.first_name),
        ("lastName", &user.last_name),
        ("roleId", &user.role_id),
        ("primaryTeamId", &user.primary_team_id),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            body[name] = json!(value);
        }
    }
    if !user.secondary_team_ids.is_empty() {
        body["secondaryTeamIds"] = json!(user.secondary_team_ids);
    }
    body
}

pub(super) fn list(portal: &Portal, call: &Call<'_>) -> Outcome {
    let limit = call.query.limit(PAGE, PAGE)?;
    let after = call.query.after()?.map_or(0, |id| id.saturating_add(1));
    let mut shown = portal.people.users.range(after..).filter_map(|(_, user)| user.shown(portal.now));
    let users: Vec<&User> = shown.by_ref().take(limit).collect();
    let cursor = shown.next().and(users.last()).map(|last| last.id.to_string());
    Ok(Answer::ok(page(users.into_iter().map(|user| to_json(user, false)).collect(), cursor)))
}

pub(super) fn get(portal: &Portal, call: &Call<'_>) -> Outcome {
    find(portal, call).map(|user| Answer::ok(to_json(user, false)))
}

fn find<'a>(portal: &'a Portal, call: &Call<'_>) -> Result<&'a User, ApiError> {
    let found = match call.query.get("idProperty") {
        None | Some("USER_ID") => call.arg.parse().ok().and_then(|id| portal.people.user(id)),
        Some("EMAIL") => portal.people.user_by_email(call.arg),
        Some(other) => {
            return Err(ApiError::invalid(format!("Invalid idProperty '{other}': must be one of [USER_ID, EMAIL]")));
        }
    };
    found.ok_or_else(|| ApiError::not_found(format!("User {} was not found", call.arg)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserInput {
    email: Option<String>,
    send_welcome_email: Option<bool>,
    first_name: Option<String>,
    last_name: Option<String>,
    role_id: Option<String>,
    primary_team_id: Option<String>,
    secondary_team_ids: Option<Vec<String>>,
}

pub(super) fn create(portal: &mut Portal, call: &Call<'_>) -> Outcome {
    let input: UserInput = input::body(call.body)?;
    let required = [("email", input.email.is_some()), ("sendWelcomeEmail", input.send_welcome_email.is_some())];
    input::require(&required)?;
    check_references(portal, &input)?;
    let UserInput { email, send_welcome_email, first_name, last_name, role_id, primary_team_id, secondary_team_ids } =
        input;
    let email = email.unwrap_or_default();
    let email =
        Email::new(&email).map_err(|_| ApiError::invalid(format!("Email address {email} is invalid")))?.to_string();
    if let Some(user) = portal.people.user_by_email(&email) {
        return duplicate(portal, user);
    }
    check_seat(portal, &email)?;
    let secondary_team_ids = secondary_team_ids.unwrap_or_default();
    let new =
        NewUser { email, first_name, last_name, role_id, primary_team_id, secondary_team_ids, super_admin: false };
    let id = portal.add_user(new);
    let user = portal.people.user(id).ok_or_else(|| ApiError::new(500, "internal error"))?;
    let location = format!("/settings/users/2026-03/{id}");
    Ok(Answer::created(to_json(user, send_welcome_email == Some(true)), location))
}

fn duplicate(portal: &Portal, user: &User) -> Outcome {
    let message = format!("User {} already exists in this account", user.email);
    match portal.config.switches.duplicate_user {
        DuplicateUser::Conflict => Err(ApiError::new(409, message).category("CONFLICT")),
        DuplicateUser::Invalid => Err(ApiError::invalid(message)),
        DuplicateUser::SameUser => {
            let location = format!("/settings/users/2026-03/{}", user.id);
            Ok(Answer::created(to_json(user, false), location))
        }
    }
}

fn check_seat(portal: &Portal, email: &str) -> Result<(), ApiError> {
    let switches = &portal.config.switches;
    let removed_at = portal.people.identities.get(email).and_then(|identity| identity.removed_at);
    let still_taken = removed_at.is_some_and(|at| later(at, switches.seat_release) > portal.now);
    let full = switches.user_cap.is_some_and(|cap| portal.people.member_count() >= cap);
    if !still_taken && !full {
        return Ok(());
    }
    let code = "AppUserErrors.NO_SEAT_AVAILABLE_FOR_ROLE_COMBINATION";
    let message = "No seat is available for this combination of roles";
    let item = json!({ "message": message, "code": code });
    Err(ApiError::invalid(message).sub_category(code).with("errors", json!([item])))
}

/// Roles and teams must exist; roles not at all on a Free portal.
fn check_references(portal: &Portal, input: &UserInput) -> Result<(), ApiError> {
    if let Some(role_id) = &input.role_id {
        check_roles(portal)?;
        if !portal.people.roles.iter().any(|role| role.id == *role_id) {
            return Err(ApiError::invalid(format!("Role {role_id} does not exist")));
        }
    }
    let teams = input.primary_team_id.iter().chain(input.secondary_team_ids.iter().flatten());
    for team_id in teams {
        if !portal.people.teams.iter().any(|team| team.id == *team_id) {
            return Err(ApiError::invalid(format!("Team {team_id} does not exist")));
        }
    }
    Ok(())
}

pub(super) fn replace(portal: &mut Portal, call: &Call<'_>) -> Outcome {
    let mut user = find(portal, call)?.clone();
    let input: UserInput = input::body(call.body)?;
    check_references(portal, &input)?;
    let activated = portal.people.identities.get(&user.email).is_some_and(|identity| identity.activated);
    let names = input.first_name.is_some() || input.last_name.is_some();
    if names && !activated {
        let message = format!("User {} is not on any hubs", user.id);
        let item = json!({ "message": message, "code": "USER_NOT_ON_ANY_HUBS" });
        return Err(ApiError::invalid("Unable to update the user's name").with("errors", json!([item])));
    }
    let keeps = portal.config.switches.user_put_omitted == PutOmitted::Keeps;
    let merge = |field: &mut Option<String>, value: Option<String>| {
        if value.is_some() || !keeps {
            *field = value;
        }
    };
    if activated {
        merge(&mut user.first_name, input.first_name);
        merge(&mut user.last_name, input.last_name);
    }
    merge(&mut user.role_id, input.role_id);
    merge(&mut user.primary_team_id, input.primary_team_id);
    match input.secondary_team_ids {
        Some(ids) => user.secondary_team_ids = ids,
        None if keeps => {}
        None => user.secondary_team_ids.clear(),
    }
    let body = to_json(&user, false);
    portal.put_user(user);
    Ok(Answer::ok(body))
}

/// 204 for a member and for one removed before; 404 for an id this portal never had.
pub(super) fn delete(portal: &mut Portal, call: &Call<'_>) -> Outcome {
    match find(portal, call).map(|user| user.id) {
        Ok(id) => portal.remove_user(id),
        Err(error) if error.status == 404 && was_member(portal, call) => {}
        Err(error) => return Err(error),
    }
    Ok(Answer::no_content())
}

fn was_member(portal: &Portal, call: &Call<'_>) -> bool {
    let by_id = call.arg.parse().is_ok_and(|id| portal.people.users.contains_key(&id));
    by_id || portal.people.identities.contains_key(&call.arg.to_lowercase())
}

fn check_roles(portal: &Portal) -> Result<(), ApiError> {
    match portal.config.switches.roles {
        Roles::Available => Ok(()),
        Roles::Unavailable => Err(ApiError::invalid("Account doesn't have access to roles.")),
    }
}

pub(super) fn roles(portal: &Portal) -> Outcome {
    check_roles(portal)?;
    let roles = portal.people.roles.iter();
    let roles = roles
        .map(|role| json!({ "id": role.id, "name": role.name, "requiresBillingWrite": role.requires_billing_write }));
    Ok(Answer::ok(json!({ "results": roles.collect::<Vec<_>>() })))
}

pub(super) fn teams(portal: &Portal) -> Answer {
    let members: Vec<&User> = portal.people.users.values().filter_map(Lagged::get).collect();
    let ids = |belongs: &dyn Fn(&User) -> bool| -> Vec<String> {
        members.iter().filter(|user| belongs(user)).map(|user| user.id.to_string()).collect()
    };
    let teams = portal.people.teams.iter().map(|team| {
        let primary = ids(&|user| user.primary_team_id.as_ref() == Some(&team.id));
        let secondary = ids(&|user| user.secondary_team_ids.contains(&team.id));
        json!({ "id": team.id, "name": team.name, "userIds": primary, "secondaryUserIds": secondary })
    });
    Answer::ok(json!({ "results": teams.collect::<Vec<_>>() }))
}
