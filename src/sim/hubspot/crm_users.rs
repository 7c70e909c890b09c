//! The CRM users object and its property definitions (API.md §5.2): where an accepted invitation can be seen. Read-only here.

use serde_json::{Map, Value, json};

use super::{
    answer::{Answer, ApiError, Outcome, instant, page},
    lagged::Lagged,
    people::Record,
    portal::{Call, Portal},
    schema::{Definition, Property, built_in_option},
    switches::{InvitationShown, InviteEmail, Switches},
};

/// Name, label and type of every property of the object.
const PROPERTIES: [(&str, &str, &str); 13] = [
    ("hs_createdate", "Object create date/time", "datetime"),
    ("hs_deactivated", "Deactivated", "bool"),
    ("hs_email", "Email", "string"),
    ("hs_family_name", "Last Name", "string"),
    ("hs_given_name", "First Name", "string"),
    ("hs_internal_user_id", "User ID", "number"),
    ("hs_invite_accepted_time", "Invite Accepted Time", "datetime"),
    ("hs_invite_email_status", "Invite Email Status", "enumeration"),
    ("hs_invite_status", "Invite Status", "enumeration"),
    ("hs_job_title", "Job Title", "string"),
    ("hs_lastmodifieddate", "Object last modified date/time", "datetime"),
    ("hs_object_id", "Record ID", "number"),
    ("hubspot_owner_id", "Owner", "enumeration"),
];

/// Always in an answer, asked for or not.
const ALWAYS: [&str; 3] = ["hs_createdate", "hs_lastmodifieddate", "hs_object_id"];

pub(super) fn list(portal: &Portal, call: &Call<'_>) -> Outcome {
    check_access(portal)?;
    refuse_archived(call)?;
    let limit = call.query.limit(10, 100)?;
    let after = call.query.after()?.map_or(0, |id| id.saturating_add(1));
    let wanted = call.query.list("properties");
    let mut shown = portal.people.records.range(after..).filter_map(|(_, record)| record.shown(portal.now));
    let records: Vec<&Record> = shown.by_ref().take(limit).collect();
    let cursor = shown.next().and(records.last()).map(|last| last.id.to_string());
    let results = records.into_iter().map(|record| to_json(portal, record, &wanted)).collect();
    Ok(Answer::ok(page(results, cursor)))
}

pub(super) fn get(portal: &Portal, call: &Call<'_>) -> Outcome {
    check_access(portal)?;
    refuse_archived(call)?;
    let wanted = call.query.list("properties");
    let record = match call.query.get("idProperty") {
        None | Some("hs_object_id") => call.arg.parse().ok().and_then(|id: u64| portal.people.records.get(&id)),
        Some("hs_email") => {
            let user_id = portal.people.identities.get(&call.arg.to_lowercase()).map(|identity| identity.user_id);
            let id = user_id.and_then(|id| portal.people.record_of.get(&id));
            id.and_then(|id| portal.people.records.get(id))
        }
        Some(other) => {
            return Err(ApiError::invalid(format!("{other} is not a unique property of object type 0-115")));
        }
    };
    match record.and_then(Lagged::get) {
        Some(record) => Ok(Answer::ok(to_json(portal, record, &wanted))),
        None => Err(ApiError::not_found("Object not found.  objectId are usually numeric.")
            .with("context", json!({ "id": [call.arg] }))),
    }
}

/// Whether every credential may read the object is not established (API.md §14.3).
fn check_access(portal: &Portal) -> Result<(), ApiError> {
    match portal.config.switches.invitation_shown {
        InvitationShown::Forbidden => {
            Err(ApiError::new(403, "This object cannot be read with this credential").category("FORBIDDEN"))
        }
        InvitationShown::Plainly | InvitationShown::InOtherWords | InvitationShown::Unknown => Ok(()),
    }
}

/// Whether a property exists in this portal (switch).
fn is_known(portal: &Portal, name: &str) -> bool {
    let Switches { invitation_shown, invite_email, .. } = &portal.config.switches;
    let hidden = (*invitation_shown == InvitationShown::Unknown && name.starts_with("hs_invite_"))
        || (*invite_email == InviteEmail::Unknown && name == "hs_invite_email_status");
    !hidden && PROPERTIES.iter().any(|(known, _, _)| *known == name)
}

/// Values and labels of an invitation not yet accepted and of an accepted one: HubSpot's are not established (API.md §14.3).
fn invite_status(portal: &Portal) -> [(&'static str, &'static str); 2] {
    match portal.config.switches.invitation_shown {
        InvitationShown::InOtherWords => [("Invite sent", "Invite sent"), ("Active user", "active_user")],
        InvitationShown::Plainly | InvitationShown::Unknown | InvitationShown::Forbidden => {
            [("Pending", "PENDING"), ("Accepted", "ACCEPTED")]
        }
    }
}

fn refuse_archived(call: &Call<'_>) -> Result<(), ApiError> {
    if call.query.flag("archived")? {
        return Err(ApiError::invalid("Object type 0-115 does not support reading archived objects"));
    }
    Ok(())
}

/// A record in the API's shape with the wanted properties; unset ones are null, unknown ones absent.
pub(super) fn to_json(portal: &Portal, record: &Record, wanted: &[String]) -> Value {
    let mut properties = Map::new();
    for name in ALWAYS.iter().copied().chain(wanted.iter().map(String::as_str)) {
        if is_known(portal, name) {
            properties.insert(name.to_owned(), value(portal, record, name).map_or(Value::Null, Value::String));
        }
    }
    json!({
        "id": record.id.to_string(),
        "properties": properties,
        "createdAt": instant(record.created_at),
        "updatedAt": instant(record.updated_at),
        "archived": false,
    })
}

/// Every property of a record, for the control route.
pub(super) fn to_full_json(portal: &Portal, record: &Record) -> Value {
    let all: Vec<String> = PROPERTIES.iter().map(|(name, _, _)| (*name).to_owned()).collect();
    to_json(portal, record, &all)
}

fn value(portal: &Portal, record: &Record, name: &str) -> Option<String> {
    let user = portal.people.user(record.user_id);
    match name {
        "hs_createdate" => Some(instant(record.created_at)),
        "hs_lastmodifieddate" => Some(instant(record.updated_at)),
        "hs_object_id" => Some(record.id.to_string()),
        "hs_email" => Some(record.email.clone()),
        "hs_internal_user_id" => Some(record.user_id.to_string()),
        "hs_deactivated" => Some(record.deactivated.to_string()),
        "hs_invite_accepted_time" => record.accepted_at.map(instant),
        "hs_invite_status" => {
            let [(_, pending), (_, accepted)] = invite_status(portal);
            Some(if record.accepted_at.is_some() { accepted } else { pending }.to_owned())
        }
        "hs_invite_email_status" => match portal.config.switches.invite_email {
            InviteEmail::Sent => Some("SENT".to_owned()),
            InviteEmail::Bounced => Some("BOUNCED".to_owned()),
            InviteEmail::Unset | InviteEmail::Unknown => None,
        },
        "hs_given_name" => user.and_then(|user| user.first_name.clone()),
        "hs_family_name" => user.and_then(|user| user.last_name.clone()),
        "hubspot_owner_id" => portal.people.owner_of.get(&record.user_id).map(ToString::to_string),
        _ => None,
    }
}

fn definition(portal: &Portal, (name, label, value_type): &(&str, &str, &str)) -> Value {
    let field_type = match *value_type {
        "datetime" => "date",
        "bool" => "booleancheckbox",
        "enumeration" => "select",
        "number" => "number",
        _ => "text",
    };
    let definition = Definition {
        label: (*label).to_owned(),
        value_type: (*value_type).to_owned(),
        field_type: field_type.to_owned(),
        group: "user_information".to_owned(),
        ..Definition::default()
    };
    let mut property = Property::built_in(name, definition);
    let options = match *name {
        "hs_invite_status" => Some(invite_status(portal)),
        "hs_invite_email_status" => Some([("Sent", "SENT"), ("Bounced", "BOUNCED")]),
        _ => None,
    };
    if let Some(options) = options {
        property.definition.options =
            (0..).zip(options).map(|(place, option)| built_in_option(place, option)).collect();
    }
    property.to_json()
}

pub(super) fn list_properties(portal: &Portal, call: &Call<'_>) -> Outcome {
    let all = PROPERTIES.iter().filter(|(name, _, _)| is_known(portal, name)).map(|known| definition(portal, known));
    let results: Vec<Value> = if call.query.flag("archived")? { Vec::new() } else { all.collect() };
    Ok(Answer::ok(json!({ "results": results })))
}

pub(super) fn get_property(portal: &Portal, call: &Call<'_>) -> Outcome {
    match PROPERTIES.iter().find(|(name, _, _)| *name == call.arg && is_known(portal, name)) {
        Some(known) => Ok(Answer::ok(definition(portal, known))),
        None => {
            Err(ApiError::not_found(format!("No property exists with the name {} and object type 0-115", call.arg)))
        }
    }
}
