//! Associations between contacts and engagements: what a request may ask for, and the links themselves (API.md §9).
//! Routes are elsewhere.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    answer::ApiError,
    input::{self, Query},
    lagged::Lagged,
    objects::{Kind, ObjectType, ends_of},
    portal::Portal,
};

const INVALID: &str = "One or more associations are invalid";

/// `{to, types}` of a create.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct AssociationInput {
    to: Option<ObjectId>,
    types: Option<Vec<AssociationSpec>>,
}

/// `{id}`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct ObjectId {
    id: Option<Value>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AssociationSpec {
    association_category: Option<String>,
    association_type_id: Option<i64>,
}

impl ObjectId {
    /// The id as text; numbers are understood too.
    pub(super) fn text(&self) -> Result<String, ApiError> {
        match &self.id {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(Value::Number(number)) => Ok(number.to_string()),
            _ => Err(input::require(&[("id", false)]).err().unwrap_or_else(|| ApiError::invalid("id"))),
        }
    }
}

/// Refuses specs that do not go from one type to the other.
pub(super) fn check_specs(from: ObjectType, to: ObjectType, specs: &[AssociationSpec]) -> Result<(), ApiError> {
    if specs.is_empty() {
        return Err(ApiError::invalid(INVALID));
    }
    for AssociationSpec { association_category, association_type_id } in specs {
        input::require(&[
            ("associationCategory", association_category.is_some()),
            ("associationTypeId", association_type_id.is_some()),
        ])?;
        let category = association_category.as_deref().unwrap_or_default();
        let type_id = association_type_id.unwrap_or_default();
        let ends = if category == "HUBSPOT_DEFINED" { ends_of(type_id) } else { None };
        let Some((right_from, right_to)) = ends else {
            let spec = format!("{category}={type_id}");
            let invalid = format!("{spec} is not a valid association definition id");
            return Err(ApiError::invalid(INVALID)
                .with("context", json!({ "associationSpec": [spec], "INVALID_ASSOCIATION_TYPE_ID": [invalid] })));
        };
        for (end, given, right) in [("from", from, right_from), ("to", to, right_to)] {
            if given != right {
                let (given, right) = (given.type_id(), right.type_id());
                let message =
                    format!("invalid {end} object type {given} for associations to be created. expected: {right}");
                return Err(ApiError::invalid(message));
            }
        }
    }
    Ok(())
}

impl AssociationSpec {
    /// The engagement at one end of the definition, if it is one that is known here.
    fn kind(&self) -> Option<Kind> {
        let (from, to) = ends_of(self.association_type_id?)?;
        [from, to].into_iter().find_map(|end| match end {
            ObjectType::Engagement(kind) => Some(kind),
            ObjectType::Contact => None,
        })
    }
}

/// The types whose ids a GET wants to have beside the object.
pub(super) fn wanted(query: &Query) -> Result<Vec<ObjectType>, ApiError> {
    let known = |text: String| {
        ObjectType::of(&text).ok_or_else(|| ApiError::invalid(format!("Unable to infer object type from: {text}")))
    };
    query.list("associations").into_iter().map(known).collect()
}

impl Portal {
    /// Writes the ids of one type that are associated with an object into its answer, where there are any.
    pub(super) fn with_associated(&self, (from, id): (ObjectType, u64), to: ObjectType, body: &mut Value) {
        let label = format!("{}_to_{}", from.name(), to.name());
        let ids = self.associated(from, id, to);
        if !ids.is_empty() {
            let results = ids.iter().map(|id| json!({ "id": id.to_string(), "type": label }));
            body["associations"][to.plural()] = json!({ "results": results.collect::<Vec<Value>>() });
        }
    }

    /// The engagements a new contact is to have; of which kind each is, the definition of the association says.
    pub(super) fn check_contact_associations(
        &self,
        associations: &[AssociationInput],
    ) -> Result<Vec<(Kind, u64)>, ApiError> {
        let (mut kinds, mut ends) = (Vec::new(), Vec::new());
        for AssociationInput { to, types } in associations {
            input::require(&[("to", to.is_some()), ("types", types.is_some())])?;
            let specs = types.as_deref().unwrap_or_default();
            let kind = specs.iter().find_map(AssociationSpec::kind);
            check_specs(ObjectType::Contact, kind.map_or(ObjectType::Contact, ObjectType::Engagement), specs)?;
            let Some(kind) = kind else { return Err(ApiError::invalid(INVALID)) };
            let id = to.as_ref().map(ObjectId::text).transpose()?.unwrap_or_default();
            kinds.push(kind);
            ends.push((ObjectType::Engagement(kind), id));
        }
        Ok(kinds.into_iter().zip(self.check_ends(&ends)?).collect())
    }

    /// The contacts a new engagement is to hang on.
    pub(super) fn check_associations(
        &self,
        kind: Kind,
        associations: &[AssociationInput],
    ) -> Result<Vec<u64>, ApiError> {
        let mut contacts = Vec::with_capacity(associations.len());
        for AssociationInput { to, types } in associations {
            input::require(&[("to", to.is_some()), ("types", types.is_some())])?;
            check_specs(ObjectType::Engagement(kind), ObjectType::Contact, types.as_deref().unwrap_or_default())?;
            let id = to.as_ref().map(ObjectId::text).transpose()?.unwrap_or_default();
            contacts.push((ObjectType::Contact, id));
        }
        self.check_ends(&contacts)
    }

    /// The ids of objects that can be associated; the switch makes every one of them invalid.
    pub(super) fn check_ends(&self, ends: &[(ObjectType, String)]) -> Result<Vec<u64>, ApiError> {
        let always_fail = self.config.switches.associations_always_fail;
        let known = |(object_type, text): &(ObjectType, String)| {
            let id = text.parse().ok().filter(|id| !always_fail && self.is_active(*object_type, *id));
            id.ok_or((object_type.name().to_uppercase(), text.clone()))
        };
        let (mut ids, mut invalid) = (Vec::new(), Vec::new());
        for end in ends {
            match known(end) {
                Ok(id) => ids.push(id),
                Err(bad) => invalid.push(bad),
            }
        }
        if invalid.is_empty() {
            return Ok(ids);
        }
        let words: Vec<String> = invalid.iter().map(|(kind, id)| format!("{kind}={id} is not valid")).collect();
        let ids: Vec<&String> = invalid.iter().map(|(_, id)| id).collect();
        let types: Vec<&String> = invalid.iter().map(|(kind, _)| kind).collect();
        Err(ApiError::invalid(INVALID)
            .with("context", json!({ "INVALID_OBJECT_IDS": words, "objectId": ids, "objectType": types })))
    }

    fn is_active(&self, object_type: ObjectType, id: u64) -> bool {
        match object_type {
            ObjectType::Contact => self.contacts.get(id).is_some(),
            ObjectType::Engagement(kind) => self.engagements.get(kind, id).is_some(),
        }
    }

    /// Ids of one type associated with an object, both active, in order of id.
    pub(super) fn associated(&self, from: ObjectType, id: u64, to: ObjectType) -> Vec<u64> {
        if !self.is_active(from, id) {
            return Vec::new();
        }
        match (from, to) {
            (ObjectType::Contact, ObjectType::Engagement(kind)) => {
                let engagements = self.engagements.on_contact(id);
                engagements.filter(|engagement| engagement.kind == kind).map(|engagement| engagement.id).collect()
            }
            (ObjectType::Engagement(kind), ObjectType::Contact) => {
                let engagement = self.engagements.get(kind, id);
                let contacts = engagement.into_iter().flat_map(|engagement| engagement.contacts.keys().copied());
                contacts.filter(|contact| self.contacts.get(*contact).is_some()).collect()
            }
            (ObjectType::Contact, ObjectType::Contact) | (ObjectType::Engagement(_), ObjectType::Engagement(_)) => {
                Vec::new()
            }
        }
    }

    /// Associates an active engagement with an active contact; again changes nothing.
    pub(super) fn link(&mut self, kind: Kind, id: u64, contact: u64) {
        let Some(mut engagement) = self.engagements.get(kind, id).cloned() else { return };
        if engagement.contacts.contains_key(&contact) {
            return;
        }
        let order = self.touch_contact(contact);
        engagement.contacts.insert(contact, order);
        self.engagements.of_contact.entry(contact).or_default().insert(id);
        self.put_engagement(id, Some(engagement));
    }

    /// Ends an association, if there is one.
    pub(super) fn unlink(&mut self, kind: Kind, id: u64, contact: u64) {
        let Some(mut engagement) = self.engagements.get(kind, id).cloned() else { return };
        if engagement.contacts.remove(&contact).is_some() {
            self.touch_contact(contact);
            self.put_engagement(id, Some(engagement));
        }
    }

    /// What hangs on merged contacts hangs on the survivor from now on.
    pub(super) fn reassociate(&mut self, from: &[u64], to: u64) {
        for contact in from.iter().filter(|contact| **contact != to) {
            let ids = self.engagements.of_contact.get(contact).cloned().unwrap_or_default();
            for id in ids {
                let Some(mut engagement) = self.engagements.records.get(&id).and_then(Lagged::get).cloned() else {
                    continue;
                };
                let Some(order) = engagement.contacts.remove(contact) else { continue };
                engagement.contacts.entry(to).or_insert(order);
                self.engagements.of_contact.entry(to).or_default().insert(id);
                self.put_engagement(id, Some(engagement));
            }
        }
    }
}
