//! Contact properties and their groups (API.md §7).

use serde::{Deserialize, Serialize};

use super::{lenient, open_enum::open_enum};
use crate::domain::{GroupName, PropertyName};

open_enum!(
    /// What a property stores.
    PropertyType {
        /// One or several of a list of options.
        Enumeration = "enumeration",
        /// Text.
        String = "string",
        /// True or false.
        Bool = "bool",
        /// A number.
        Number = "number",
        /// A day.
        Date = "date",
        /// An instant.
        DateTime = "datetime",
        /// A telephone number.
        PhoneNumber = "phone_number",
    }
);

open_enum!(
    /// How a property is edited.
    FieldType {
        /// Drop-down.
        Select = "select",
        /// Radio buttons.
        Radio = "radio",
        /// Several choices.
        Checkbox = "checkbox",
        /// One check box.
        BooleanCheckbox = "booleancheckbox",
        /// One line.
        Text = "text",
        /// Several lines.
        TextArea = "textarea",
        /// Rich text.
        Html = "html",
        /// A number.
        Number = "number",
        /// A day or an instant.
        Date = "date",
        /// A telephone number.
        PhoneNumber = "phonenumber",
        /// A file.
        File = "file",
    }
);

/// A property as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Property {
    /// Internal name.
    pub name: String,
    /// Name people see.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub label: String,
    /// What it stores.
    #[serde(rename = "type", default, deserialize_with = "lenient::or_default")]
    pub property_type: PropertyType,
    /// How it is edited.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub field_type: FieldType,
    /// Help text.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub description: String,
    /// Group it is shown in.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub group_name: String,
    /// Options, in the order HubSpot lists them; empty if it is not an enumeration.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub options: Vec<PropertyOption>,
    /// Place in the group; -1 means after all positive ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_order: Option<i64>,
    /// Not shown in HubSpot's pages.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub hidden: bool,
    /// Usable on forms.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub form_field: bool,
    /// Values are unique over all contacts.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub has_unique_value: bool,
    /// Computed by HubSpot.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub calculated: bool,
    /// Options come from elsewhere (owners).
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub external_options: bool,
    /// Comes with HubSpot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hubspot_defined: Option<bool>,
    /// What may be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modification_metadata: Option<ModificationMetadata>,
    /// Archived.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub archived: bool,
    /// Instant as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived_at: Option<String>,
    /// Instant as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// Instant as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<String>,
    /// Who created it.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub created_user_id: Option<String>,
    /// Who changed it last.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub updated_user_id: Option<String>,
    /// `non_sensitive`, `sensitive`, `highly_sensitive`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_sensitivity: Option<String>,
}

/// What HubSpot allows to be done with a property. All false where HubSpot says nothing but `archivable`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModificationMetadata {
    /// May be archived.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub archivable: bool,
    /// The definition cannot be changed.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub read_only_definition: bool,
    /// The options cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only_options: Option<bool>,
    /// Values cannot be written.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub read_only_value: bool,
}

/// One option. Label, value and description together: at most 3,000 characters; 5,000 options per property.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PropertyOption {
    /// Name people see; unique in the list.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub label: String,
    /// Stored value; unique in the list.
    #[serde(deserialize_with = "lenient::id")]
    pub value: String,
    /// Place in the list. HubSpot requires it in writes and may leave it out of answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_order: Option<i64>,
    /// Not offered; stored values stay.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub hidden: bool,
    /// Free text; carries our mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A property to create. An archived property of the name is restored with this definition (API.md §7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewProperty {
    /// Internal name.
    pub name: PropertyName,
    /// Name people see.
    pub label: String,
    /// What it stores.
    #[serde(rename = "type")]
    pub property_type: PropertyType,
    /// How it is edited.
    pub field_type: FieldType,
    /// Group; must exist.
    pub group_name: GroupName,
    /// Help text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Options; enumerations need some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Vec<PropertyOption>>,
    /// Place in the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_order: Option<i64>,
    /// Not shown in HubSpot's pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden: Option<bool>,
    /// Usable on forms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form_field: Option<bool>,
    /// Values are unique; cannot be changed later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has_unique_value: Option<bool>,
}

/// A partial change: what is `None` stays. `options` replaces the whole list: an option left out is removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PropertyUpdate {
    /// Name people see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What it stores.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub property_type: Option<PropertyType>,
    /// How it is edited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field_type: Option<FieldType>,
    /// Group; must exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_name: Option<GroupName>,
    /// Help text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The whole new list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Vec<PropertyOption>>,
    /// Place in the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_order: Option<i64>,
    /// Not shown in HubSpot's pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden: Option<bool>,
    /// Usable on forms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form_field: Option<bool>,
}

/// A group as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// Internal name.
    pub name: String,
    /// Name people see.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub label: String,
    /// Place among the groups; -1 means after all positive ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_order: Option<i64>,
    /// Archived.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub archived: bool,
}

/// A group to create.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewGroup {
    /// Internal name.
    pub name: GroupName,
    /// Name people see.
    pub label: String,
    /// Place among the groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_order: Option<i64>,
}

/// A partial change: what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupUpdate {
    /// Name people see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Place among the groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_order: Option<i64>,
}
