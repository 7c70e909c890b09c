//! `Assistant` → [`ValidatedAssistant`].

use jiff::Timestamp;

use super::Invalid;
use crate::{
    api::{
        assistant::{AssistantSpec, LeadsOnDelete, ManualStep, Provisioning},
        shared::DeletionPolicy,
    },
    domain::{Email, OptionValue},
};

/// An assistant whose every value has been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatedAssistant {
    /// Its identity in HubSpot.
    pub email: Email,
    /// First name, if given.
    pub first_name: Option<String>,
    /// Last name, if given.
    pub last_name: Option<String>,
    /// Who makes the user.
    pub provisioning: Provisioning,
    /// Whether HubSpot mails an invitation.
    pub send_invitation: bool,
    /// Permission set, by name.
    pub role: Option<String>,
    /// Main team, by name.
    pub team: Option<String>,
    /// Whether a default context is given, and where.
    pub context: DefaultContext,
    /// Default schedule.
    pub schedule: Option<OptionValue>,
    /// Manual steps a person has done.
    pub acknowledged: Vec<ManualStep>,
    /// What happens to contacts it still has when it is deleted.
    pub on_delete: LeadsOnDelete,
    /// Nothing is written before.
    pub hold_until: Option<Timestamp>,
    /// Neither read nor write.
    pub suspend: bool,
    /// What happens on deletion.
    pub deletion: DeletionPolicy,
}

/// Where the default context is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DefaultContext {
    /// None given.
    None,
    /// In the spec.
    Inline(String),
    /// Under a key of a ConfigMap of the same namespace.
    ConfigMap {
        /// Name of the ConfigMap.
        name: String,
        /// Key in its `data`.
        key: String,
    },
}

/// Checks everything CEL could not.
pub fn validate(spec: &AssistantSpec) -> Result<ValidatedAssistant, Invalid> {
    let AssistantSpec {
        connection_ref: _, // resolved by `references`
        email,
        first_name,
        last_name,
        provisioning,
        send_invitation,
        role,
        team,
        defaults,
        acknowledged,
        leads,
        hold_until,
        suspend,
        deletion_policy,
    } = spec;
    let defaults = defaults.clone().unwrap_or_default();
    let context = match (&defaults.context, &defaults.context_from) {
        (Some(_), Some(_)) => return Err(Invalid::at("defaults", "give context or contextFrom, not both")),
        (Some(text), None) => DefaultContext::Inline(text.clone()),
        (None, Some(source)) => DefaultContext::ConfigMap {
            name: source.config_map_key_ref.name.clone(),
            key: source.config_map_key_ref.key.clone(),
        },
        (None, None) => DefaultContext::None,
    };
    Ok(ValidatedAssistant {
        email: Email::new(email).map_err(|error| Invalid::at("email", error))?,
        first_name: first_name.clone(),
        last_name: last_name.clone(),
        provisioning: *provisioning,
        send_invitation: *send_invitation,
        role: role.clone(),
        team: team.clone(),
        context,
        schedule: defaults
            .schedule
            .map(OptionValue::new)
            .transpose()
            .map_err(|error| Invalid::at("defaults.schedule", error))?,
        acknowledged: acknowledged.clone(),
        on_delete: leads.as_ref().map(|leads| leads.on_delete).unwrap_or_default(),
        hold_until: hold_until.as_ref().map(|time| time.0),
        suspend: *suspend,
        deletion: *deletion_policy,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn email_is_lower_cased_and_context_is_one_of_two() {
        let spec = |extra: &serde_json::Value| {
            let mut spec = serde_json::json!({"connectionRef": {"name": "portal"}, "email": "Ada@Example.com"});
            json_patch::merge(&mut spec, extra);
            validate(&serde_json::from_value(spec).unwrap())
        };
        assert_eq!(spec(&serde_json::json!({})).unwrap().email.as_str(), "ada@example.com");
        assert!(spec(&serde_json::json!({"email": "ada"})).is_err());
        let both = serde_json::json!({"defaults": {"context": "x", "contextFrom": {"configMapKeyRef": {"name": "a", "key": "b"}}}});
        assert!(spec(&both).is_err());
    }
}
