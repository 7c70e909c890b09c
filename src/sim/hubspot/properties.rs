//! Contact properties: list, create, get, PATCH, archive, and the purge of archived ones (API.md §7).
//! The same functions serve the API and a person in HubSpot's settings.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    answer::{Answer, ApiError, Outcome},
    input,
    lagged::Lagged,
    portal::{Actor, Call, Portal},
    schema::{Definition, Modifiable, Property, PropertyOption, check_name},
    switches::{ArchivedName, EnumerationWithoutOptions, RemovedOption, TypeChange},
};

/// Archived properties are gone for good after this.
const PURGE_AFTER: SignedDuration = SignedDuration::from_hours(90 * 24);

/// `PropertyCreate` and `PropertyUpdate` in one: which fields must be there differs, their forms do not.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PropertyInput {
    pub name: Option<String>,
    label: Option<String>,
    #[serde(rename = "type")]
    value_type: Option<String>,
    field_type: Option<String>,
    group_name: Option<String>,
    description: Option<String>,
    options: Option<Vec<OptionInput>>,
    display_order: Option<i64>,
    form_field: Option<bool>,
    hidden: Option<bool>,
    has_unique_value: Option<bool>,
    external_options: Option<bool>,
    data_sensitivity: Option<String>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OptionInput {
    label: Option<String>,
    value: Option<String>,
    display_order: Option<i64>,
    hidden: Option<bool>,
    description: Option<String>,
}

/// Fields kept as they come; every other unknown one is ignored, as HubSpot does.
const EXTRAS: [&str; 6] = [
    "calculationFormula",
    "currencyPropertyName",
    "numberDisplayHint",
    "referencedObjectType",
    "showCurrencySymbol",
    "textDisplayHint",
];

impl OptionInput {
    fn into_option(self) -> Result<PropertyOption, ApiError> {
        input::require(&[
            ("displayOrder", self.display_order.is_some()),
            ("hidden", self.hidden.is_some()),
            ("label", self.label.is_some()),
            ("value", self.value.is_some()),
        ])?;
        let Self { label, value, display_order, hidden, description } = self;
        Ok(PropertyOption {
            label: label.unwrap_or_default(),
            value: value.unwrap_or_default(),
            display_order: display_order.unwrap_or_default(),
            hidden: hidden.unwrap_or_default(),
            description,
        })
    }
}

impl PropertyInput {
    /// Writes what is named over a definition; `options` replaces the whole list.
    fn apply(&self, definition: &mut Definition) -> Result<(), ApiError> {
        let texts = [
            (&mut definition.label, &self.label),
            (&mut definition.value_type, &self.value_type),
            (&mut definition.field_type, &self.field_type),
            (&mut definition.group, &self.group_name),
            (&mut definition.description, &self.description),
        ];
        for (field, value) in texts {
            if let Some(value) = value {
                field.clone_from(value);
            }
        }
        if let Some(options) = &self.options {
            let options: Result<_, _> = options.iter().cloned().map(OptionInput::into_option).collect();
            definition.options = options?;
        }
        definition.display_order = self.display_order.unwrap_or(definition.display_order);
        definition.form_field = self.form_field.unwrap_or(definition.form_field);
        definition.hidden = self.hidden.unwrap_or(definition.hidden);
        for name in EXTRAS {
            if let Some(value) = self.others.get(name) {
                definition.extras.insert(name.to_owned(), value.clone());
            }
        }
        Ok(())
    }

    /// Whether anything but the options is named.
    fn touches_definition(&self) -> bool {
        let Self { label, value_type, field_type, group_name, description, display_order, form_field, hidden, .. } =
            self;
        let texts = [label, value_type, field_type, group_name, description];
        texts.iter().any(|text| text.is_some())
            || display_order.is_some()
            || form_field.is_some()
            || hidden.is_some()
            || EXTRAS.iter().any(|name| self.others.contains_key(*name))
    }
}

pub(super) fn list(portal: &Portal, call: &Call<'_>) -> Outcome {
    let archived = call.query.flag("archived")?;
    let sensitivity = call.query.get("dataSensitivity").unwrap_or("non_sensitive");
    let shown = portal.schema.properties.values().filter_map(|property| property.shown(portal.now));
    let shown = shown.filter(|p| p.archived_at.is_some() == archived && p.data_sensitivity == sensitivity);
    Ok(Answer::ok(json!({ "results": shown.map(Property::to_json).collect::<Vec<_>>() })))
}

pub(super) fn get(portal: &Portal, call: &Call<'_>) -> Outcome {
    let archived = call.query.flag("archived")?;
    read(portal, call.arg, archived).map(|property| Answer::ok(property.to_json()))
}

/// A property as readers see it: it may lag (API.md §7).
pub(super) fn read<'a>(portal: &'a Portal, name: &str, archived: bool) -> Result<&'a Property, ApiError> {
    let shown = portal.schema.properties.get(name).and_then(|property| property.shown(portal.now));
    in_state(shown, name, archived)
}

pub(super) fn find<'a>(portal: &'a Portal, name: &str, archived: bool) -> Result<&'a Property, ApiError> {
    in_state(portal.schema.property(name), name, archived)
}

fn in_state<'a>(found: Option<&'a Property>, name: &str, archived: bool) -> Result<&'a Property, ApiError> {
    let found = found.filter(|property| property.archived_at.is_some() == archived);
    found.ok_or_else(|| ApiError::not_found(format!("No property exists with the name {name} and object type 0-1")))
}

pub(super) fn create(portal: &mut Portal, call: &Call<'_>) -> Outcome {
    let created = create_one(portal, input::body(call.body)?, call.actor)?;
    let location = format!("/crm/properties/2026-03/contacts/{}", created.name);
    Ok(Answer::created(created.to_json(), location))
}

/// Creates a property, or restores an archived one, as the switch says.
pub(super) fn create_one(portal: &mut Portal, input: PropertyInput, actor: Actor) -> Result<Property, ApiError> {
    input::require(&[
        ("fieldType", input.field_type.is_some()),
        ("groupName", input.group_name.is_some()),
        ("label", input.label.is_some()),
        ("name", input.name.is_some()),
        ("type", input.value_type.is_some()),
    ])?;
    let name = input.name.clone().unwrap_or_default();
    let policy = portal.config.switches.archived_name;
    let archived = match portal.schema.property(&name) {
        Some(property) if property.archived_at.is_none() || policy == ArchivedName::Refused => {
            let message = format!("A property named '{name}' already exists.");
            let error = ApiError::new(409, message).category("OBJECT_ALREADY_EXISTS");
            return Err(error.sub_category("Properties.PROPERTY_WITH_NAME_EXISTS"));
        }
        Some(archived) if policy == ArchivedName::Restores => Some(archived.clone()),
        _ => None,
    };
    check_name(&name, portal.config.switches.name_limit)?;
    let mut definition = Definition { display_order: -1, ..Definition::default() };
    input.apply(&mut definition)?;
    check_group(portal, &definition.group)?;
    definition.check(&portal.config.switches)?;
    let without_options = definition.value_type == "enumeration" && definition.options.is_empty();
    if without_options && portal.config.switches.enumeration_without_options == EnumerationWithoutOptions::Refused {
        return Err(ApiError::invalid(format!("Property {name} is an enumeration and needs options")));
    }
    check_room(portal)?;
    let now = Some(portal.now);
    let user = Some(actor.user_id());
    let (created_at, created_user) = archived.as_ref().map_or((now, user), |old| (old.created_at, old.created_user));
    if archived.is_none() {
        portal.contacts.forget_property(&name);
    }
    let property = Property {
        name,
        definition,
        has_unique_value: input.has_unique_value.unwrap_or_default(),
        external_options: input.external_options.unwrap_or_default(),
        data_sensitivity: input.data_sensitivity.unwrap_or_else(|| "non_sensitive".to_owned()),
        hubspot_defined: false,
        modifiable: Modifiable::OPEN,
        created_at,
        updated_at: now,
        archived_at: None,
        created_user,
        updated_user: user,
    };
    put(portal, property.clone());
    Ok(property)
}

fn check_group(portal: &Portal, group: &str) -> Result<(), ApiError> {
    if portal.schema.group(group).is_some() {
        return Ok(());
    }
    let message = format!("Property group {group} does not exist for object type 0-1");
    Err(ApiError::invalid(message).sub_category("PropertyValidationError.PROPERTY_GROUP_DOES_NOT_EXIST"))
}

fn check_room(portal: &Portal) -> Result<(), ApiError> {
    let limit = portal.config.custom_property_limit;
    if portal.schema.custom_count() < limit {
        return Ok(());
    }
    let message = format!("The limit of {limit} custom properties for object type 0-1 is reached");
    Err(ApiError::invalid(message).sub_category("PropertyValidationError.PROPERTY_LIMIT_REACHED"))
}

pub(super) fn put(portal: &mut Portal, property: Property) {
    let (now, follow) = (portal.now, portal.reads_follow());
    let slot: &mut Lagged<Property> = portal.schema.properties.entry(property.name.clone()).or_default();
    slot.set(now, follow, Some(property));
}

pub(super) fn update(portal: &mut Portal, call: &Call<'_>) -> Outcome {
    let input = input::body(call.body)?;
    update_one(portal, call.arg, &input, call.actor).map(|property| Answer::ok(property.to_json()))
}

/// Changes an active property; fields that cannot change are ignored without a word (API.md §7).
pub(super) fn update_one(
    portal: &mut Portal,
    name: &str,
    input: &PropertyInput,
    actor: Actor,
) -> Result<Property, ApiError> {
    let mut property = find(portal, name, false)?.clone();
    let Modifiable { read_only_definition, read_only_options, .. } = property.modifiable;
    if (read_only_definition && input.touches_definition()) || (read_only_options && input.options.is_some()) {
        let message = format!("Property {name} is defined by HubSpot and this part of it cannot be changed");
        return Err(ApiError::invalid(message).sub_category("PropertyValidationError.READ_ONLY_DEFINITION"));
    }
    let before = property.definition.clone();
    input.apply(&mut property.definition)?;
    check_group(portal, &property.definition.group)?;
    property.definition.check(&portal.config.switches)?;
    if before.value_type != property.definition.value_type && portal.config.switches.type_change == TypeChange::Refused
    {
        let message = format!("The type of property {name} cannot be changed");
        return Err(ApiError::invalid(message).sub_category("PropertyValidationError.TYPE_CHANGE_NOT_ALLOWED"));
    }
    let holders = holders_of_removed(portal, name, &before, &property.definition);
    check_holders(portal, name, &holders)?;
    property.updated_at = Some(portal.now);
    property.updated_user = Some(actor.user_id());
    put(portal, property.clone());
    if portal.config.switches.removed_option == RemovedOption::ValuesCleared {
        for contact in holders {
            portal.update_contact(
                contact,
                &[(name.to_owned(), String::new())].into(),
                Actor::Person { user_id: actor.user_id() },
            )?;
        }
    }
    Ok(property)
}

/// Contacts whose value was an option and is none any more.
fn holders_of_removed(portal: &Portal, name: &str, before: &Definition, after: &Definition) -> Vec<u64> {
    let is_option =
        |definition: &Definition, value: &str| definition.options.iter().any(|option| option.value == value);
    let contacts = portal.contacts.records.values().filter(|contact| contact.archived_at.is_none());
    let lost = |value: &String| is_option(before, value) && !is_option(after, value);
    contacts.filter(|contact| contact.value(name).as_ref().is_some_and(lost)).map(|contact| contact.id).collect()
}

fn check_holders(portal: &Portal, name: &str, holders: &[u64]) -> Result<(), ApiError> {
    if holders.is_empty() || portal.config.switches.removed_option != RemovedOption::Refused {
        return Ok(());
    }
    let message = format!("An option of property {name} is held by {} records and cannot be removed", holders.len());
    Err(ApiError::invalid(message).sub_category("PropertyValidationError.OPTION_IN_USE"))
}

pub(super) fn archive(portal: &mut Portal, call: &Call<'_>) -> Outcome {
    archive_one(portal, call.arg, call.actor)?;
    Ok(Answer::no_content())
}

/// Archives an active property nothing uses.
pub(super) fn archive_one(portal: &mut Portal, name: &str, actor: Actor) -> Result<(), ApiError> {
    let mut property = find(portal, name, false)?.clone();
    if !property.modifiable.archivable {
        let message = format!("Property {name} is defined by HubSpot and cannot be deleted");
        return Err(ApiError::invalid(message).sub_category("PropertyValidationError.PROPERTY_NOT_ARCHIVABLE"));
    }
    if let Some(uses) = portal.schema.uses.get(name).filter(|uses| !uses.is_empty()) {
        let places = uses.len();
        let message =
            format!("Property: {name} of object type 0-1 is currently used in {places} places and cannot be deleted");
        let item = |used: &super::schema::PropertyUse| {
            let context = json!({ "parentType": [used.parent_type], "parentName": [used.parent_name] });
            json!({ "message": format!("{name} is used in {}", used.parent_name), "context": context })
        };
        let errors: Vec<Value> = uses.iter().map(item).collect();
        return Err(ApiError::invalid(message)
            .sub_category("PropertyValidationError.CANNOT_DELETE_PROPERTY_IN_USE")
            .with("errors", Value::Array(errors)));
    }
    property.archived_at = Some(portal.now);
    property.updated_at = Some(portal.now);
    property.updated_user = Some(actor.user_id());
    put(portal, property);
    Ok(())
}

/// Forgets properties archived more than ninety days ago, and their values.
pub(super) fn purge(portal: &mut Portal) {
    let now = portal.now;
    let long_ago = |at: Timestamp| now.duration_since(at) > PURGE_AFTER;
    let expired = |property: &Lagged<Property>| property.get().and_then(|p| p.archived_at).is_some_and(long_ago);
    let names: Vec<String> = portal
        .schema
        .properties
        .iter()
        .filter(|(_, property)| expired(property))
        .map(|(name, _)| name.clone())
        .collect();
    for name in names {
        portal.schema.properties.remove(&name);
        portal.contacts.forget_property(&name);
    }
}
