//! Creating and changing contact properties.

use super::{Applied, Failed, after_looking, may_exist, reread, unclear};
use crate::{
    domain::{GroupName, PropertyName},
    hubspot::{
        Error, ErrorKind, HubSpot,
        wire::properties::{NewProperty, PropertyOption, PropertyUpdate},
    },
    plan::{Definition, PropertyChange},
    portal::{Portal, Trouble, snapshot, trouble::TroubleKind},
};

/// Creates, or restores an archived one: for HubSpot both are the same call (API.md §7).
pub(super) async fn create(portal: &Portal, hubspot: &HubSpot, definition: &Definition) -> Result<Applied, Failed> {
    let Definition { name, label, description, r#type, field_type, group, hidden, options } = definition;
    let new = NewProperty {
        name: PropertyName::new(name.clone()).map_err(|error| impossible(&error))?,
        label: label.clone(),
        property_type: (*r#type).to_owned().into(),
        field_type: (*field_type).to_owned().into(),
        group_name: GroupName::new(group.clone()).map_err(|error| impossible(&error))?,
        description: Some(description.clone()),
        options: (*r#type == "enumeration").then(|| to_wire(options)),
        display_order: None,
        hidden: Some(*hidden),
        form_field: Some(false),
        has_unique_value: None,
    };
    match hubspot.create_property(&new).await {
        Ok(made) => {
            portal.fold_property(name, Some(made)).await;
            Ok(Applied::Done)
        }
        Err(error) if may_exist(&error) => match reread(portal, hubspot, name).await.map_err(unclear)? {
            Some(_) => Ok(Applied::Stale),
            None => Err(taken(name, error)),
        },
        Err(error) => Err(error.into()),
    }
}

/// HubSpot does not show a property it says is there: the name of an archived one may not be free (API.md §14.6).
fn taken(name: &str, error: Error) -> Failed {
    match &error.kind {
        ErrorKind::AlreadyExists { .. } => {
            let message = format!(
                "property {name}: HubSpot says that it exists and does not show it, so most likely it is archived; \
                 restore it in HubSpot, delete it there for good, or choose another name"
            );
            Failed { trouble: Trouble::new(TroubleKind::Refused, message), correlation_id: error.correlation_id }
        }
        _ => after_looking(error),
    }
}

/// Changes. A list of choices is replaced whole, so it is read again just before (DESIGN section 4).
pub(super) async fn update(
    portal: &Portal,
    hubspot: &HubSpot,
    name: &str,
    change: &PropertyChange,
) -> Result<Applied, Failed> {
    let PropertyChange { label, description, field_type, group, hidden, options } = change;
    if let Some(options) = options {
        match reread(portal, hubspot, name).await? {
            Some(now) if now.options == options.from => {}
            Some(_) | None => return Ok(Applied::Stale),
        }
    }
    let group = group.as_ref().map(|name| GroupName::new(name.clone())).transpose();
    let update = PropertyUpdate {
        label: label.clone(),
        property_type: None,
        field_type: field_type.map(|kind| kind.to_owned().into()),
        group_name: group.map_err(|error| impossible(&error))?,
        description: description.clone(),
        options: options.as_ref().map(|options| to_wire(&options.to)),
        display_order: None,
        hidden: *hidden,
        form_field: None,
    };
    let now = hubspot.update_property(name, &update).await?;
    portal.fold_property(name, Some(now)).await;
    Ok(Applied::Done)
}

fn to_wire(options: &[snapshot::PropertyOption]) -> Vec<PropertyOption> {
    let to_wire = |option: &snapshot::PropertyOption| PropertyOption {
        label: option.label.clone(),
        value: option.value.clone(),
        display_order: Some(option.display_order),
        hidden: option.hidden,
        description: Some(option.description.clone()),
    };
    options.iter().map(to_wire).collect()
}

/// Names come checked out of `desired`; HubSpot's own are never created or regrouped.
fn impossible(error: &crate::domain::InvalidName) -> Failed {
    Failed { trouble: Trouble::new(TroubleKind::Refused, error.to_string()), correlation_id: None }
}
