//! Owners: list and get (API.md §6). Read-only, as in HubSpot.

use serde_json::{Value, json};

use super::{
    answer::{Answer, ApiError, Outcome, instant, page},
    lagged::Lagged,
    people::Owner,
    portal::{Call, Portal},
};

/// An owner in the API's shape; an archived one has no `userId`, only `userIdIncludingInactive`.
pub(super) fn to_json(portal: &Portal, owner: &Owner) -> Value {
    let mut body = json!({
        "id": owner.id.to_string(),
        "type": "PERSON",
        "email": owner.email,
        "userId": if owner.archived { Value::Null } else { json!(owner.user_id) },
        "userIdIncludingInactive": owner.user_id,
        "createdAt": instant(owner.created_at),
        "updatedAt": instant(owner.updated_at),
        "archived": owner.archived,
    });
    for (name, value) in [("firstName", &owner.first_name), ("lastName", &owner.last_name)] {
        body[name] = json!(value.as_deref().unwrap_or_default());
    }
    let teams: Vec<Value> = owner
        .team_ids
        .iter()
        .filter_map(|(id, primary)| {
            let team = portal.people.teams.iter().find(|team| team.id == *id)?;
            Some(json!({ "id": id, "name": team.name, "primary": primary }))
        })
        .collect();
    if !teams.is_empty() {
        body["teams"] = Value::Array(teams);
    }
    body
}

pub(super) fn list(portal: &Portal, call: &Call<'_>) -> Outcome {
    let limit = call.query.limit(100, 500)?;
    let after = call.query.after()?.map_or(0, |id| id.saturating_add(1));
    let archived = call.query.flag("archived")?;
    let email = call.query.get("email").map(str::to_lowercase);
    let mut shown = portal
        .people
        .owners
        .range(after..)
        .filter_map(|(_, owner)| owner.shown(portal.now))
        .filter(|owner| owner.archived == archived && email.as_ref().is_none_or(|email| *email == owner.email));
    let owners: Vec<&Owner> = shown.by_ref().take(limit).collect();
    let cursor = shown.next().and(owners.last()).map(|last| last.id.to_string());
    Ok(Answer::ok(page(owners.into_iter().map(|owner| to_json(portal, owner)).collect(), cursor)))
}

pub(super) fn get(portal: &Portal, call: &Call<'_>) -> Outcome {
    let archived = call.query.flag("archived")?;
    let id: u64 = call.arg.parse().map_err(|_| ApiError::invalid(format!("Invalid owner id: {}", call.arg)))?;
    let found = match call.query.get("idProperty") {
        None | Some("id") => portal.people.owners.get(&id),
        Some("userId") => portal.people.owner_of.get(&id).and_then(|id| portal.people.owners.get(id)),
        Some(other) => {
            return Err(ApiError::invalid(format!("Invalid idProperty '{other}': must be one of [id, userId]")));
        }
    };
    let owner = found.and_then(Lagged::get).filter(|owner| owner.archived == archived);
    match owner {
        Some(owner) => Ok(Answer::ok(to_json(portal, owner))),
        None => Err(ApiError::not_found("resource not found")),
    }
}
