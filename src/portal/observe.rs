//! Collects a portal: HubSpot's answers to values of [`super::snapshot`].

use std::collections::BTreeMap;

use super::{
    snapshot::{
        Acceptance, Account, Answer, Group, Owner, Properties, Property, PropertyOption, Question, Role, Team, User,
    },
    trouble::Trouble,
};
use crate::{
    domain::Email,
    hubspot::{Archived, Filter, FilterOperator, HubSpot, Result, wire},
};

pub(super) async fn account(hubspot: &HubSpot) -> Result<Account> {
    hubspot.account_details().await.map(to_account)
}

pub(super) fn to_account(details: wire::account::AccountDetails) -> Account {
    Account {
        portal: details.portal_id,
        account_type: details.account_type.as_str().to_owned(),
        ui_domain: details.ui_domain,
    }
}

pub(super) async fn groups(hubspot: &HubSpot) -> Result<BTreeMap<String, Group>> {
    let groups = hubspot.list_groups().await?;
    Ok(groups
        .into_iter()
        .filter(|group| !group.archived)
        .map(|group| (group.name, Group { label: group.label }))
        .collect())
}

/// All active properties; the archived ones only when one of `ours` is missing.
pub(super) async fn properties(hubspot: &HubSpot, ours: &[String]) -> Result<Properties> {
    let named = |list: Vec<wire::properties::Property>| -> BTreeMap<String, Property> {
        list.into_iter().map(|property| (property.name.clone(), to_property(property))).collect()
    };
    let active = named(hubspot.list_properties(Archived::Exclude).await?);
    let complete = ours.iter().all(|name| active.contains_key(name));
    let archived = if complete { BTreeMap::new() } else { named(hubspot.list_properties(Archived::Only).await?) };
    Ok(Properties { active, archived })
}

pub(crate) fn to_property(property: wire::properties::Property) -> Property {
    let metadata = property.modification_metadata.as_ref();
    Property {
        read_only_definition: metadata.is_some_and(|metadata| metadata.read_only_definition),
        read_only_options: metadata.and_then(|metadata| metadata.read_only_options).unwrap_or(false),
        label: property.label,
        description: property.description,
        r#type: property.property_type.as_str().to_owned(),
        field_type: property.field_type.as_str().to_owned(),
        group: property.group_name,
        hidden: property.hidden,
        options: property.options.into_iter().map(to_option).collect(),
    }
}

fn to_option(option: wire::properties::PropertyOption) -> PropertyOption {
    PropertyOption {
        value: option.value,
        label: option.label,
        description: option.description.unwrap_or_default(),
        hidden: option.hidden,
        display_order: option.display_order.unwrap_or(-1),
    }
}

pub(super) async fn users(hubspot: &HubSpot) -> Result<BTreeMap<Email, User>> {
    let users = hubspot.list_users().await?;
    Ok(users.into_iter().filter_map(|user| Some((user.address()?, to_user(user)))).collect())
}

pub(crate) fn to_user(user: wire::users::User) -> User {
    let mut roles = user.role_ids;
    if let Some(main) = user.role_id {
        roles.retain(|role| *role != main);
        roles.insert(0, main);
    }
    User {
        id: user.id,
        first_name: user.first_name,
        last_name: user.last_name,
        roles,
        team: user.primary_team_id,
        secondary_teams: user.secondary_team_ids.unwrap_or_default(),
        super_admin: user.super_admin,
    }
}

pub(super) async fn owners(hubspot: &HubSpot) -> Result<BTreeMap<Email, Owner>> {
    let owners = hubspot.list_owners(Archived::Exclude).await?;
    let active = owners.into_iter().filter(|owner| !owner.archived);
    Ok(active.filter_map(|owner| Some((owner.address()?, Owner { id: owner.id }))).collect())
}

pub(super) async fn roles(hubspot: &HubSpot) -> Result<Vec<Role>> {
    let roles = hubspot.list_roles().await?;
    Ok(roles.into_iter().map(|role| Role { id: role.id, name: role.name }).collect())
}

pub(super) async fn teams(hubspot: &HubSpot) -> Result<Vec<Team>> {
    let teams = hubspot.list_teams().await?;
    Ok(teams.into_iter().map(|team| Team { id: team.id, name: team.name }).collect())
}

pub(super) async fn acceptance(hubspot: &HubSpot) -> Result<BTreeMap<Email, Acceptance>> {
    let users = hubspot.list_crm_users().await?;
    let seen = |accepted| if accepted { Acceptance::Accepted } else { Acceptance::Pending };
    Ok(users.into_iter().filter_map(|user| Some((user.address()?, seen(user.has_accepted())))).collect())
}

pub(super) async fn answer(hubspot: &HubSpot, question: &Question) -> Answer {
    let answer = match question {
        Question::User(email) => hubspot.find_user(email).await.map(|user| Answer::User(user.map(to_user))),
        Question::ContactsHoldingOption { property, value } => {
            count(hubspot, property, FilterOperator::Eq(value.clone())).await
        }
        Question::ContactsHoldingProperty { property } => count(hubspot, property, FilterOperator::HasProperty).await,
        Question::TokenUser => hubspot.token_info().await.map(|info| Answer::TokenUser(info.user_id)),
    };
    answer.unwrap_or_else(|error| Answer::Trouble(Trouble::from(&error)))
}

async fn count(hubspot: &HubSpot, property: &str, operator: FilterOperator) -> Result<Answer> {
    let filter = Filter { property: property.to_owned(), operator };
    hubspot.count_contacts(&[filter]).await.map(Answer::Count)
}
