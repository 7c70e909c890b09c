//! Routes of notes, e-mails and tasks, one at a time: create, get, list, PATCH, delete (API.md §9).

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    answer::{Answer, ApiError, Outcome, page},
    associations,
    engagement_batch::{self, CreateInput, no_history},
    engagement_search,
    engagement_values::texts,
    engagements::Engagement,
    input,
    lagged::Lagged,
    objects::{EngagementPath, Kind, ObjectType},
    portal::{Call, Portal, not_allowed},
};

pub(super) fn dispatch(
    portal: &mut Portal,
    kind: Kind,
    path: EngagementPath,
    method: &http::Method,
    call: &Call<'_>,
) -> Outcome {
    match (path, method.as_str()) {
        (EngagementPath::Objects, "GET") => list(portal, kind, call),
        (EngagementPath::Objects, "POST") => create(portal, kind, call),
        (EngagementPath::Object, "GET") => get(portal, kind, call),
        (EngagementPath::Object, "PATCH") => update(portal, kind, call),
        (EngagementPath::Object, "DELETE") => delete(portal, kind, call),
        (EngagementPath::Search, "POST") => engagement_search::search(portal, kind, call),
        (EngagementPath::BatchCreate, "POST") => engagement_batch::create(portal, kind, call),
        (EngagementPath::BatchRead, "POST") => engagement_batch::read(portal, kind, call),
        (EngagementPath::BatchArchive, "POST") => engagement_batch::archive(portal, kind, call),
        _ => Err(not_allowed(method)),
    }
}

fn create(portal: &mut Portal, kind: Kind, call: &Call<'_>) -> Outcome {
    let input: CreateInput = input::body(call.body)?;
    let body = input.into_creation()?.carry_out(portal, kind)?;
    let location = format!("/crm/objects/2026-03/{}/{}", kind.plural(), body["id"].as_str().unwrap_or_default());
    Ok(Answer::created(body, location))
}

/// What a GET asks for.
struct Wanted {
    properties: Vec<String>,
    associations: Vec<ObjectType>,
    archived: bool,
}

impl Wanted {
    fn read(call: &Call<'_>) -> Result<Self, ApiError> {
        no_history(&call.query.list("propertiesWithHistory"))?;
        Ok(Self {
            properties: call.query.list("properties"),
            associations: associations::wanted(&call.query)?,
            archived: call.query.flag("archived")?,
        })
    }

    fn show(&self, portal: &Portal, engagement: &Engagement) -> Value {
        let mut body = engagement.to_json(self.properties.iter().map(String::as_str));
        if self.associations.contains(&ObjectType::Contact) {
            with_contacts(portal, engagement, &mut body);
        }
        body
    }
}

/// All set properties and the contacts, for tests and the control routes.
pub(super) fn to_full_json(portal: &Portal, engagement: &Engagement) -> Value {
    let mut body = engagement.to_full_json();
    with_contacts(portal, engagement, &mut body);
    body
}

fn with_contacts(portal: &Portal, engagement: &Engagement, body: &mut Value) {
    let own = (ObjectType::Engagement(engagement.kind), engagement.id);
    portal.with_associated(own, ObjectType::Contact, body);
}

fn list(portal: &Portal, kind: Kind, call: &Call<'_>) -> Outcome {
    let wanted = Wanted::read(call)?;
    let limit = call.query.limit(10, 100)?;
    let after = call.query.after()?.map_or(0, |id| id.saturating_add(1));
    let records = portal.engagements.records.range(after..).filter_map(|(_, record)| record.get());
    let mut shown =
        records.filter(|engagement| engagement.kind == kind && engagement.archived_at.is_some() == wanted.archived);
    let page_of: Vec<&Engagement> = shown.by_ref().take(limit).collect();
    let cursor = shown.next().and(page_of.last()).map(|last| last.id.to_string());
    Ok(Answer::ok(page(page_of.into_iter().map(|engagement| wanted.show(portal, engagement)).collect(), cursor)))
}

fn get(portal: &Portal, kind: Kind, call: &Call<'_>) -> Outcome {
    let wanted = Wanted::read(call)?;
    let engagement = find(portal, kind, call, wanted.archived)?;
    Ok(Answer::ok(wanted.show(portal, engagement)))
}

fn find<'a>(portal: &'a Portal, kind: Kind, call: &Call<'_>, archived: bool) -> Result<&'a Engagement, ApiError> {
    if let Some(other) = call.query.get("idProperty").filter(|name| *name != "hs_object_id") {
        return Err(ApiError::invalid(format!("{other} is not a unique property of object type {}", kind.type_id())));
    }
    let found = call.arg.parse().ok().and_then(|id| portal.engagements.any(kind, id));
    found.filter(|engagement| engagement.archived_at.is_some() == archived).ok_or_else(|| {
        ApiError::not_found("Object not found.  objectId are usually numeric.")
            .with("context", json!({ "id": [call.arg] }))
    })
}

fn update(portal: &mut Portal, kind: Kind, call: &Call<'_>) -> Outcome {
    #[derive(Deserialize)]
    struct Update {
        properties: Option<Map<String, Value>>,
    }
    let Update { properties } = input::body(call.body)?;
    input::require(&[("properties", properties.is_some())])?;
    let values = texts(properties.unwrap_or_default())?;
    let engagement = find(portal, kind, call, false)?.clone();
    portal.check_engagement_values(kind, &values)?;
    Ok(Answer::ok(portal.update_engagement(engagement, &values).to_full_json()))
}

/// 204 for what is gone already, too.
fn delete(portal: &mut Portal, kind: Kind, call: &Call<'_>) -> Outcome {
    let known = call.arg.parse().ok().filter(|id: &u64| portal.engagements.records.contains_key(id));
    let Some(id) = known else { return find(portal, kind, call, false).map(|_| Answer::no_content()) };
    portal.archive_engagement(kind, id);
    Ok(Answer::no_content())
}

impl Portal {
    /// All engagements of a kind, archived ones among them.
    pub(super) fn engagements_json(&self, kind: Kind) -> Vec<Value> {
        let all = self.engagements.records.values().filter_map(Lagged::get);
        all.filter(|engagement| engagement.kind == kind).map(|engagement| to_full_json(self, engagement)).collect()
    }
}
