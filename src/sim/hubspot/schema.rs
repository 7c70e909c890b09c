//! Property and group definitions as values, with the rules a definition must obey (API.md §7). Pure: no routes, no time.
//!
//! Choices where HubSpot is silent: an enumeration without options is accepted with an empty list; options on a type that
//! has none are refused; a type and field type must fit each other after a PATCH as after a create.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    answer::{ApiError, instant},
    lagged::Lagged,
    portal::ByName,
    switches::{DuplicateOptions, OptionErrors, Switches},
};

/// Groups and properties of one object type.
#[derive(Debug, Default)]
pub(super) struct Schema {
    pub groups: ByName<Lagged<Group>>,
    pub properties: ByName<Lagged<Property>>,
    /// What uses a property (workflows, lists, forms): it cannot be archived.
    pub uses: ByName<Vec<PropertyUse>>,
}

/// A group; a removed one is forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub name: String,
    pub label: String,
    pub display_order: i64,
}

/// Something in the portal that uses a property.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PropertyUse {
    /// `WORKFLOW`, `LIST`, `FORM`, …
    pub parent_type: String,
    /// Its name.
    pub parent_name: String,
}

/// One option of a select field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PropertyOption {
    pub label: String,
    pub value: String,
    pub display_order: i64,
    pub hidden: bool,
    pub description: Option<String>,
}

/// The part of a property an API client may write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Definition {
    pub label: String,
    pub value_type: String,
    pub field_type: String,
    pub group: String,
    pub description: String,
    pub options: Vec<PropertyOption>,
    pub display_order: i64,
    pub form_field: bool,
    pub hidden: bool,
    /// Display hints and formulas, kept and given back as they came.
    pub extras: Map<String, Value>,
}

/// What may be changed (`modificationMetadata`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Modifiable {
    pub archivable: bool,
    pub read_only_definition: bool,
    pub read_only_options: bool,
    pub read_only_value: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Property {
    pub name: String,
    pub definition: Definition,
    pub has_unique_value: bool,
    pub external_options: bool,
    pub data_sensitivity: String,
    pub hubspot_defined: bool,
    pub modifiable: Modifiable,
    pub created_at: Option<Timestamp>,
    pub updated_at: Option<Timestamp>,
    pub archived_at: Option<Timestamp>,
    pub created_user: Option<u64>,
    pub updated_user: Option<u64>,
}

impl Schema {
    pub(super) fn property(&self, name: &str) -> Option<&Property> {
        self.properties.get(name).and_then(Lagged::get)
    }

    pub(super) fn active(&self, name: &str) -> Option<&Property> {
        self.property(name).filter(|property| property.archived_at.is_none())
    }

    pub(super) fn group(&self, name: &str) -> Option<&Group> {
        self.groups.get(name).and_then(Lagged::get)
    }

    /// Active properties that are not HubSpot's own.
    pub(super) fn custom_count(&self) -> usize {
        let all = self.properties.values().filter_map(Lagged::get);
        all.filter(|property| !property.hubspot_defined && property.archived_at.is_none()).count()
    }
}

impl Property {
    /// One of HubSpot's own: nothing about it can be changed.
    pub(super) fn built_in(name: &str, definition: Definition) -> Self {
        Self {
            name: name.to_owned(),
            definition,
            has_unique_value: false,
            external_options: false,
            data_sensitivity: "non_sensitive".to_owned(),
            hubspot_defined: true,
            modifiable: Modifiable {
                archivable: false,
                read_only_definition: true,
                read_only_options: true,
                read_only_value: true,
            },
            created_at: None,
            updated_at: None,
            archived_at: None,
            created_user: None,
            updated_user: None,
        }
    }

    /// The API's shape, with every field the specification requires and the observed ones.
    pub(super) fn to_json(&self) -> Value {
        let Definition {
            label,
            value_type,
            field_type,
            group,
            description,
            options,
            display_order,
            form_field,
            hidden,
            extras,
        } = &self.definition;
        let mut body = json!({
            "name": self.name,
            "label": label,
            "type": value_type,
            "fieldType": field_type,
            "groupName": group,
            "description": description,
            "options": options.iter().map(PropertyOption::to_json).collect::<Vec<_>>(),
            "displayOrder": display_order,
            "formField": form_field,
            "hidden": hidden,
            "calculated": false,
            "externalOptions": self.external_options,
            "hasUniqueValue": self.has_unique_value,
            "dataSensitivity": self.data_sensitivity,
            "modificationMetadata": self.modifiable.to_json(value_type == "enumeration" && self.hubspot_defined),
        });
        for (name, value) in extras {
            body[name] = value.clone();
        }
        if self.hubspot_defined {
            body["hubspotDefined"] = json!(true);
        } else {
            body["archived"] = json!(self.archived_at.is_some());
        }
        let dates = [("createdAt", self.created_at), ("updatedAt", self.updated_at), ("archivedAt", self.archived_at)];
        for (name, at) in dates {
            if let Some(at) = at {
                body[name] = json!(instant(at));
            }
        }
        for (name, user) in [("createdUserId", self.created_user), ("updatedUserId", self.updated_user)] {
            if let Some(user) = user {
                body[name] = json!(user.to_string());
            }
        }
        body
    }
}

impl Modifiable {
    /// A custom property: everything is open.
    pub(super) const OPEN: Self =
        Self { archivable: true, read_only_definition: false, read_only_options: false, read_only_value: false };

    fn to_json(self, with_options: bool) -> Value {
        let mut body = json!({
            "archivable": self.archivable,
            "readOnlyDefinition": self.read_only_definition,
            "readOnlyValue": self.read_only_value,
        });
        if with_options {
            body["readOnlyOptions"] = json!(self.read_only_options);
        }
        body
    }
}

impl PropertyOption {
    fn to_json(&self) -> Value {
        let Self { label, value, display_order, hidden, description } = self;
        let mut body = json!({ "label": label, "value": value, "displayOrder": display_order, "hidden": hidden });
        if let Some(description) = description {
            body["description"] = json!(description);
        }
        body
    }
}

impl Group {
    pub(super) fn to_json(&self) -> Value {
        let Self { name, label, display_order } = self;
        json!({ "name": name, "label": label, "displayOrder": display_order, "archived": false })
    }
}

/// An option of one of HubSpot's own properties.
pub(super) fn built_in_option(display_order: i64, (label, value): (&str, &str)) -> PropertyOption {
    PropertyOption { label: label.to_owned(), value: value.to_owned(), display_order, hidden: false, description: None }
}

/// Field types that fit a type; nothing for an unknown type (API.md §7).
fn field_types(value_type: &str) -> &'static [&'static str] {
    match value_type {
        "string" => &["text", "textarea", "html", "file", "phonenumber", "calculation_equation"],
        "enumeration" => &["select", "radio", "checkbox", "booleancheckbox", "calculation_equation"],
        "bool" => &["booleancheckbox", "calculation_equation"],
        "number" => &["number", "calculation_equation"],
        "date" | "datetime" => &["date"],
        "phone_number" => &["phonenumber", "text"],
        _ => &[],
    }
}

const TYPES: [&str; 7] = ["bool", "date", "datetime", "enumeration", "number", "phone_number", "string"];
const OPTION_LENGTH: usize = 3_000;

impl Definition {
    /// Refuses a definition HubSpot would refuse; whether its group exists is not looked at here.
    pub(super) fn check(&self, switches: &Switches) -> Result<(), ApiError> {
        let fitting = field_types(&self.value_type);
        if fitting.is_empty() {
            return Err(ApiError::invalid(format!("Invalid type {}: must be one of {TYPES:?}", self.value_type)));
        }
        if !fitting.contains(&self.field_type.as_str()) {
            let message = format!("Invalid fieldType {} for type {}: {fitting:?}", self.field_type, self.value_type);
            return Err(ApiError::invalid(message).sub_category("PropertyValidationError.INVALID_FIELD_TYPE"));
        }
        if self.label.trim().is_empty() {
            return Err(ApiError::invalid("Property label must not be empty"));
        }
        self.check_options(switches)
    }

    fn check_options(&self, switches: &Switches) -> Result<(), ApiError> {
        let options = &self.options;
        let invalid = |code: &str, message: String| {
            if switches.option_errors == OptionErrors::Bare {
                return ApiError::invalid(message);
            }
            let item = json!({ "message": message, "code": code });
            ApiError::invalid(message)
                .sub_category(&format!("PropertyValidationError.{code}"))
                .with("errors", json!([item]))
        };
        if self.value_type == "bool" {
            let values: BTreeSet<&str> = options.iter().map(|option| option.value.as_str()).collect();
            if options.len() != 2 || values != BTreeSet::from(["false", "true"]) {
                return Err(invalid("INVALID_BOOLEAN_OPTION", "Boolean options must be exactly true and false".into()));
            }
        } else if self.value_type != "enumeration" && !options.is_empty() {
            return Err(invalid("INVALID_OPTION", format!("Type {} does not take options", self.value_type)));
        }
        let limit = switches.option_limit;
        if options.len() > limit {
            return Err(invalid("TOO_MANY_OPTIONS", format!("A property can have at most {limit} options")));
        }
        let (mut labels, mut values) = (BTreeSet::new(), BTreeSet::new());
        for PropertyOption { label, value, description, .. } in options {
            if label.is_empty() || value.is_empty() {
                return Err(invalid("INVALID_OPTION", "Option labels and values must not be empty".into()));
            }
            let length = [label, value, description.as_ref().unwrap_or(label)].iter().map(|t| t.chars().count()).sum();
            if OPTION_LENGTH < length {
                return Err(invalid("OPTION_TOO_LONG", format!("Option {value} is longer than {OPTION_LENGTH}")));
            }
            if switches.duplicate_options == DuplicateOptions::Accepted {
                continue;
            }
            if !labels.insert(label) {
                return Err(invalid("DUPLICATE_OPTION_LABEL", format!("Option label '{label}' is not unique")));
            }
            if !values.insert(value) {
                return Err(invalid("DUPLICATE_OPTION_VALUE", format!("Option value '{value}' is not unique")));
            }
        }
        Ok(())
    }
}

/// Lower case, digits and `_`, starting with a letter; not HubSpot's `hs_` nor an app's `a<id>_` (API.md §7 "Names").
pub(super) fn check_name(name: &str, limit: usize) -> Result<(), ApiError> {
    let mut chars = name.chars();
    let plain = chars.next().is_some_and(|c| c.is_ascii_lowercase())
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && name.len() <= limit;
    let app = name.strip_prefix('a').map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    let app_prefix = app.is_some_and(|rest| rest.starts_with('_') && rest.len() + 1 < name.len());
    if plain && !name.starts_with("hs_") && !app_prefix {
        return Ok(());
    }
    let message = format!(
        "Invalid name '{name}': use at most {limit} lower case letters, digits and underscores, starting with a letter; \
         the prefixes hs_ and a<appId>_ are reserved"
    );
    Err(ApiError::invalid(message).sub_category("PropertyValidationError.INVALID_NAME"))
}
