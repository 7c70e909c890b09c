//! What every portal starts with: one admin, roles, teams, HubSpot's groups and properties. Runs once.

use serde_json::Map;

use super::{
    lagged::Lagged,
    people::{NewUser, Role, Team},
    portal::Portal,
    schema::{Definition, Group, Modifiable, Property, built_in_option},
};

const GROUPS: [(&str, &str); 2] =
    [("contactinformation", "Contact information"), ("sales_properties", "Sales properties")];

/// Name, label, type, field type, group, whether values are read-only.
const PROPERTIES: [(&str, &str, &str, &str, &str, bool); 11] = [
    ("company", "Company Name", "string", "text", "contactinformation", false),
    ("createdate", "Create Date", "datetime", "date", "contactinformation", true),
    ("email", "Email", "string", "text", "contactinformation", false),
    ("firstname", "First Name", "string", "text", "contactinformation", false),
    ("hs_object_id", "Record ID", "number", "number", "contactinformation", true),
    ("hubspot_owner_assigneddate", "Owner assigned date", "datetime", "date", "sales_properties", true),
    ("hubspot_owner_id", "Contact owner", "enumeration", "select", "sales_properties", false),
    ("jobtitle", "Job Title", "string", "text", "contactinformation", false),
    ("lastmodifieddate", "Last Modified Date", "datetime", "date", "contactinformation", true),
    ("lastname", "Last Name", "string", "text", "contactinformation", false),
    ("phone", "Phone Number", "string", "phonenumber", "contactinformation", false),
];

const LEAD_STATUS: [(&str, &str); 8] = [
    ("New", "NEW"),
    ("Open", "OPEN"),
    ("In Progress", "IN_PROGRESS"),
    ("Open Deal", "OPEN_DEAL"),
    ("Unqualified", "UNQUALIFIED"),
    ("Attempted to Contact", "ATTEMPTED_TO_CONTACT"),
    ("Connected", "CONNECTED"),
    ("Bad Timing", "BAD_TIMING"),
];

const LIFECYCLE: [(&str, &str); 8] = [
    ("Subscriber", "subscriber"),
    ("Lead", "lead"),
    ("Marketing Qualified Lead", "marketingqualifiedlead"),
    ("Sales Qualified Lead", "salesqualifiedlead"),
    ("Opportunity", "opportunity"),
    ("Customer", "customer"),
    ("Evangelist", "evangelist"),
    ("Other", "other"),
];

/// Fills an empty portal.
pub(super) fn plant(portal: &mut Portal) {
    for (place, (name, label)) in (0..).zip(GROUPS) {
        let group = Group { name: name.to_owned(), label: label.to_owned(), display_order: place };
        set(portal.schema.groups.entry(name.to_owned()).or_default(), portal.now, group);
    }
    for (name, label, value_type, field_type, group, read_only_value) in PROPERTIES {
        let mut property = built_in(name, label, (value_type, field_type), group);
        property.modifiable.read_only_value = read_only_value;
        property.external_options = name == "hubspot_owner_id";
        property.has_unique_value = name == "hs_object_id";
        plant_property(portal, property);
    }
    for (name, label, field_type, group, options) in [
        ("hs_lead_status", "Lead Status", "radio", "sales_properties", LEAD_STATUS),
        ("lifecyclestage", "Lifecycle Stage", "radio", "contactinformation", LIFECYCLE),
    ] {
        let mut property = built_in(name, label, ("enumeration", field_type), group);
        property.definition.options =
            (0..).zip(options).map(|(place, option)| built_in_option(place, option)).collect();
        // Options of both can be edited per portal although the rest of the definition cannot (API.md §7.1).
        property.modifiable = Modifiable {
            archivable: false,
            read_only_definition: true,
            read_only_options: false,
            read_only_value: false,
        };
        plant_property(portal, property);
    }
    let role = |id: &str, name: &str| Role { id: id.to_owned(), name: name.to_owned(), requires_billing_write: false };
    portal.people.roles = vec![role("5001", "Sales rep"), role("5002", "Read only")];
    let team = |id: &str, name: &str| Team { id: id.to_owned(), name: name.to_owned() };
    portal.people.teams = vec![team("368389", "Sales Team"), team("368390", "Support")];
    let admin = NewUser {
        email: portal.config.admin_email.clone(),
        first_name: Some("Alex".to_owned()),
        last_name: Some("Admin".to_owned()),
        super_admin: true,
        ..NewUser::default()
    };
    let admin = portal.add_user(admin);
    portal.accept_user(admin);
    for token in portal.config.tokens.clone() {
        portal.tokens.grant(&token, admin);
    }
}

fn built_in(name: &str, label: &str, (value_type, field_type): (&str, &str), group: &str) -> Property {
    let definition = Definition {
        label: label.to_owned(),
        value_type: value_type.to_owned(),
        field_type: field_type.to_owned(),
        group: group.to_owned(),
        description: format!("{label} of the contact. Set by HubSpot."),
        display_order: -1,
        form_field: matches!(name, "email" | "firstname" | "lastname" | "phone"),
        extras: Map::new(),
        ..Definition::default()
    };
    Property::built_in(name, definition)
}

fn plant_property(portal: &mut Portal, mut property: Property) {
    property.created_at = Some(portal.now);
    property.updated_at = Some(portal.now);
    set(portal.schema.properties.entry(property.name.clone()).or_default(), portal.now, property);
}

fn set<T: Clone>(slot: &mut Lagged<T>, now: jiff::Timestamp, value: T) {
    slot.set(now, now, Some(value));
}
