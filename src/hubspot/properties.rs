//! Contact properties and their groups (API.md §7).
//!
//! Names of properties are plain text here because built-ins (`hs_lead_status`) are read and changed too; what may be
//! created is typed.

use http::Method;

use super::{
    Archived, CONTACTS, HubSpot, VERSION,
    call::{Call, segment},
    error::Result,
    operation::Operation,
    wire::properties::{Group, GroupUpdate, NewGroup, NewProperty, Property, PropertyUpdate},
};
use crate::domain::GroupName;

fn all() -> String {
    format!("/crm/properties/{VERSION}/{CONTACTS}")
}

fn one(name: &str) -> String {
    format!("{}/{}", all(), segment(name))
}

fn groups() -> String {
    format!("{}/groups", all())
}

fn group(name: &GroupName) -> String {
    format!("{}/{}", groups(), segment(name.as_str()))
}

impl HubSpot {
    /// All groups.
    pub async fn list_groups(&self) -> Result<Vec<Group>> {
        self.fetch_list(&Call::get(Operation::ListGroups, groups())).await
    }

    /// Creates a group. The answer to a duplicate is not established (API.md §14.5): read back after any refusal.
    pub async fn create_group(&self, new: &NewGroup) -> Result<Group> {
        self.fetch(&Call::new(Operation::CreateGroup, Method::POST, groups()).json(new)?).await
    }

    /// Changes label or place.
    pub async fn update_group(&self, name: &GroupName, update: &GroupUpdate) -> Result<Group> {
        self.fetch(&Call::new(Operation::UpdateGroup, Method::PATCH, group(name)).json(update)?).await
    }

    /// Removes a group, for good. One that is gone is fine; one with active properties is refused with
    /// `PropertyGroupError.GROUP_WITH_ACTIVE_PROPERTIES`.
    pub async fn delete_group(&self, name: &GroupName) -> Result<()> {
        self.remove(&Call::new(Operation::DeleteGroup, Method::DELETE, group(name))).await
    }

    /// All properties, active or archived.
    pub async fn list_properties(&self, archived: Archived) -> Result<Vec<Property>> {
        let call = Call::get(Operation::ListProperties, all());
        self.fetch_list(&call.query("archived", archived.as_str())).await
    }

    /// The property of that name, if there is one, among the active or the archived ones.
    pub async fn find_property(&self, name: &str, archived: Archived) -> Result<Option<Property>> {
        let call = Call::get(Operation::FindProperty, one(name));
        self.fetch_optional(&call.query("archived", archived.as_str())).await
    }

    /// Creates a property, or restores an archived one of the name with this definition.
    pub async fn create_property(&self, new: &NewProperty) -> Result<Property> {
        self.fetch(&Call::new(Operation::CreateProperty, Method::POST, all()).json(new)?).await
    }

    /// Changes a property. There is no concurrency control: the last writer wins, and `options` replaces all of them.
    pub async fn update_property(&self, name: &str, update: &PropertyUpdate) -> Result<Property> {
        self.fetch(&Call::new(Operation::UpdateProperty, Method::PATCH, one(name)).json(update)?).await
    }

    /// Archives a property. One that is gone is fine; one in use is refused with
    /// `PropertyValidationError.CANNOT_DELETE_PROPERTY_IN_USE`.
    pub async fn delete_property(&self, name: &str) -> Result<()> {
        self.remove(&Call::new(Operation::DeleteProperty, Method::DELETE, one(name))).await
    }
}
