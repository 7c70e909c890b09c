//! `CrmConnection` → [`ValidatedConnection`].

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use jiff::Timestamp;
use url::Url;

use super::Invalid;
use crate::{
    api::{
        crm_connection::{Adoption, ConnectionDeletionPolicy, CrmConnectionSpec, Leads, LeadsMode, Mode, OAuth},
        shared::{SecretRef, TokenSecretRef},
    },
    domain::{Email, GroupName, LeadState, PortalId, PropertyName},
};

/// A connection whose every value has been checked.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidatedConnection {
    /// The portal the spec insists on.
    pub portal_guard: Option<PortalId>,
    /// The base URL the spec insists on; `None`: ask HubSpot.
    pub endpoint: Option<Url>,
    /// How HubSpot is authenticated to.
    pub auth: Auth,
    /// The contact fields.
    pub fields: Fields,
    /// The options `hs_lead_status` needs.
    pub lead_status: LeadStatusOptions,
    /// How leads are carried; `None`: contacts are left alone.
    pub leads: Option<LeadRules>,
    /// The TEC API.
    pub tec: Option<TecEndpoint>,
    /// Where HubSpot delivers, and how it signs.
    pub webhooks: Option<WebhookEndpoint>,
    /// Percent of HubSpot's limits left to others, 0 to 90.
    pub reserve_percent: u8,
    /// Time between full comparisons.
    pub interval: Duration,
    /// Nothing is written before.
    pub hold_until: Option<Timestamp>,
    /// Neither read nor write.
    pub suspend: bool,
    /// What happens on deletion.
    pub deletion: ConnectionDeletionPolicy,
}

/// How HubSpot is authenticated to. Secrets are in the connection's own namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// A service key or private-app token, and where it is.
    Token(SecretKey),
    /// An OAuth app.
    OAuth(OAuthKeys),
}

/// Where the parts of OAuth are: the first two in one Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthKeys {
    /// The app's id.
    pub client_id: SecretKey,
    /// The app's secret.
    pub client_secret: SecretKey,
    /// Read, and written when HubSpot replaces it.
    pub refresh_token: SecretKey,
}

/// A key in a Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretKey {
    /// Name of the Secret.
    pub name: String,
    /// Key in its `data`.
    pub key: String,
}

/// How leads are carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeadRules {
    /// Only say what would be done.
    pub observe: bool,
    /// Time between looks for new assignments.
    pub poll_interval: Duration,
    /// Who gets a contact whose previous owner is gone.
    pub fallback_owner: Option<Email>,
    /// Note on an accepted contact, with `{assistant}` and `{field}`.
    pub accepted_note: String,
    /// Note on a contact that was a lead before.
    pub refused_note: String,
}

/// The TEC API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TecEndpoint {
    /// Base URL.
    pub url: Url,
    /// Where the token is, in the connection's own namespace.
    pub token: SecretKey,
}

/// Where HubSpot delivers, and how it signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookEndpoint {
    /// Where the app's client secret is, in the connection's own namespace.
    pub secret: SecretKey,
    /// The URL HubSpot calls.
    pub public_url: String,
}

/// The property group and the fields in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    /// Repair, or only look.
    pub mode: Mode,
    /// May fields that are already there be taken over.
    pub adoption: Adoption,
    /// Name of the group.
    pub group: GroupName,
    /// Label of the group.
    pub group_label: String,
    /// Context, schedule, lead connection status, in this order, then the hidden state field.
    pub context: Field,
    /// See `context`.
    pub schedule: Field,
    /// See `context`.
    pub lead_connection_status: Field,
}

/// Name and label of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Internal name.
    pub name: PropertyName,
    /// What people read.
    pub label: String,
}

/// What `hs_lead_status` needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeadStatusOptions {
    /// Repair, or only look.
    pub mode: Mode,
    /// TEC state to option value, complete.
    pub mapping: BTreeMap<LeadState, String>,
}

impl LeadStatusOptions {
    /// The values the mapping uses, once each, in the order of the states.
    pub fn values(&self) -> Vec<&str> {
        let mut values: Vec<&str> = Vec::new();
        for state in LeadState::ALL {
            if let Some(value) = self.mapping.get(&state)
                && !values.contains(&value.as_str())
            {
                values.push(value);
            }
        }
        values
    }
}

/// The mapping of DESIGN table 6.3.
pub fn default_mapping(state: LeadState) -> &'static str {
    match state {
        LeadState::Cold | LeadState::Engaged | LeadState::Warm | LeadState::OutOfOffice | LeadState::Pending => {
            "IN_PROGRESS"
        }
        LeadState::Hot | LeadState::Responded | LeadState::LeadAtRisk => "CONNECTED",
        LeadState::UnSubscribed | LeadState::DeActivated => "UNQUALIFIED",
        LeadState::Processed => "QUALIFIED",
        LeadState::New => "NEW",
    }
}

/// Which endpoints besides HubSpot's own an operator may talk to (`--allow-endpoint`).
#[derive(Clone, Debug, Default)]
pub struct EndpointPolicy {
    allowed: Vec<Url>,
}

impl EndpointPolicy {
    /// HubSpot's hosts and these. Plain http must be on loopback: a token would travel readable.
    pub fn allowing(allowed: Vec<Url>) -> Result<Self, Invalid> {
        for url in &allowed {
            if url.scheme() != "https" && !is_loopback(url) {
                return Err(Invalid(format!("--allow-endpoint {url}: plain http is allowed on loopback only")));
            }
        }
        Ok(Self { allowed })
    }

    /// TEC may live on any host, but a token travels readable only on loopback, and there only if the operator was told so.
    fn check_tec(&self, url: &Url) -> Result<(), Invalid> {
        let plain = url.host_str().is_some() && url.username().is_empty() && url.password().is_none();
        let allowed = self.allowed.iter().any(|allowed| allowed.origin() == url.origin());
        if plain && (url.scheme() == "https" || allowed) {
            return Ok(());
        }
        Err(Invalid::at(
            "tec.endpoint",
            format!("{url} is not https, and the operator was not started with --allow-endpoint for it"),
        ))
    }

    fn check(&self, url: &Url) -> Result<(), Invalid> {
        if self.allowed.iter().any(|allowed| allowed.origin() == url.origin()) {
            return Ok(());
        }
        let host = url.host_str().unwrap_or_default();
        if url.scheme() == "https" && url.port().is_none() && is_hubspot_host(host) {
            return Ok(());
        }
        Err(Invalid::at(
            "apiEndpoint",
            format!(
                "{url} is not one of HubSpot's API hosts, and the operator was not started with --allow-endpoint for it"
            ),
        ))
    }
}

/// Whether it leads no farther than this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
        Some(url::Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        None => false,
    }
}

/// `api.hubapi.com`, `api.hubspot.com` and the regional `api-eu1.hubapi.com` (API.md §1).
fn is_hubspot_host(host: &str) -> bool {
    let regional = host.strip_prefix("api-").and_then(|rest| rest.strip_suffix(".hubapi.com"));
    matches!(host, "api.hubapi.com" | "api.hubspot.com")
        || regional.is_some_and(|region| {
            (2..=5).contains(&region.len()) && region.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        })
}

/// Checks everything CEL could not, and resolves every default.
pub fn validate(spec: &CrmConnectionSpec, endpoints: &EndpointPolicy) -> Result<ValidatedConnection, Invalid> {
    let CrmConnectionSpec {
        provider: _, // one value
        portal_id,
        api_endpoint,
        auth,
        allowed_namespaces: _, // asked for by users of the connection: see `allows`
        contact_fields,
        lead_status,
        leads,
        tec,
        webhooks,
        quota,
        interval,
        hold_until,
        suspend,
        deletion_policy,
    } = spec;
    let endpoint = api_endpoint.as_deref().map(|text| endpoint(text, endpoints)).transpose()?;
    let portal_guard = portal_id.as_deref().map(portal).transpose()?;
    let tec = tec.as_ref().map(|tec| tec_endpoint(tec, endpoints)).transpose()?;
    let leads = lead_rules(leads)?;
    let interval = Duration::from(*interval);
    if interval < Duration::from_secs(10) {
        return Err(Invalid::at("interval", "must be at least 10s"));
    }
    Ok(ValidatedConnection {
        portal_guard,
        endpoint,
        auth: self::auth(auth)?,
        fields: fields(contact_fields)?,
        lead_status: LeadStatusOptions { mode: lead_status.mode, mapping: mapping(&lead_status.mapping)? },
        leads: leads.filter(|_| tec.is_some()),
        tec,
        webhooks: webhooks.as_ref().map(|webhooks| WebhookEndpoint {
            secret: SecretKey {
                name: webhooks.signing_secret_ref.name.clone(),
                key: webhooks.signing_secret_ref.key.clone(),
            },
            public_url: webhooks.public_url.clone(),
        }),
        reserve_percent: u8::try_from(quota.reserve_percent.clamp(0, 90)).unwrap_or(20),
        interval,
        hold_until: hold_until.as_ref().map(|time| time.0),
        suspend: *suspend,
        deletion: *deletion_policy,
    })
}

/// Whether objects in `namespace` may use a connection that lives in `own`.
pub fn allows(spec: &CrmConnectionSpec, own: &str, namespace: &str) -> bool {
    own == namespace || spec.allowed_namespaces.iter().any(|allowed| allowed == "*" || allowed == namespace)
}

fn endpoint(text: &str, policy: &EndpointPolicy) -> Result<Url, Invalid> {
    let url = Url::parse(text).map_err(|error| Invalid::at("apiEndpoint", error))?;
    policy.check(&url)?;
    Ok(url)
}

fn portal(text: &str) -> Result<PortalId, Invalid> {
    text.parse().map(PortalId).map_err(|_| Invalid::at("portalId", format!("{text:?} is not a portal id")))
}

fn tec_endpoint(tec: &crate::api::crm_connection::Tec, policy: &EndpointPolicy) -> Result<TecEndpoint, Invalid> {
    let url = Url::parse(&tec.endpoint).map_err(|error| Invalid::at("tec.endpoint", error))?;
    policy.check_tec(&url)?;
    let token = SecretKey { name: tec.token_secret_ref.name.clone(), key: tec.token_secret_ref.key.clone() };
    Ok(TecEndpoint { url, token })
}

/// `None` if contacts are to be left alone.
fn lead_rules(leads: &Leads) -> Result<Option<LeadRules>, Invalid> {
    let Leads { mode, poll_interval, fallback_owner_email, notes } = leads;
    let fallback_owner = fallback_owner_email
        .as_deref()
        .map(Email::new)
        .transpose()
        .map_err(|error| Invalid::at("leads.fallbackOwnerEmail", error))?;
    let poll_interval = Duration::from(*poll_interval);
    if poll_interval < Duration::from_secs(1) {
        return Err(Invalid::at("leads.pollInterval", "must be at least 1s"));
    }
    let observe = match mode {
        LeadsMode::Process => false,
        LeadsMode::Observe => true,
        LeadsMode::Off => return Ok(None),
    };
    let crate::api::crm_connection::Notes { accepted, refused } = notes.clone();
    Ok(Some(LeadRules { observe, poll_interval, fallback_owner, accepted_note: accepted, refused_note: refused }))
}

fn auth(auth: &crate::api::crm_connection::Auth) -> Result<Auth, Invalid> {
    match (&auth.access_token, &auth.oauth) {
        (Some(token), None) => {
            let TokenSecretRef { name, key } = &token.secret_ref;
            Ok(Auth::Token(SecretKey { name: name.clone(), key: key.clone() }))
        }
        (None, Some(OAuth { client_secret_ref: app, token_secret_ref: tokens })) => {
            let at = |secret: &SecretRef, key: &str| SecretKey { name: secret.name.clone(), key: key.to_owned() };
            Ok(Auth::OAuth(OAuthKeys {
                client_id: at(app, "client_id"),
                client_secret: at(app, "client_secret"),
                refresh_token: at(tokens, "refresh_token"),
            }))
        }
        (Some(_), Some(_)) | (None, None) => Err(Invalid::at("auth", "needs exactly one of accessToken, oauth")),
    }
}

fn fields(spec: &crate::api::crm_connection::ContactFields) -> Result<Fields, Invalid> {
    let crate::api::crm_connection::ContactFields { mode, group, context, schedule, lead_connection_status, adoption } =
        spec;
    let field = |path: &str, name: &str, label: &str| {
        let name = PropertyName::new(name).map_err(|error| Invalid::at(path, error))?;
        if name.as_str() == STATE_FIELD {
            return Err(Invalid::at(path, format!("{STATE_FIELD} is the operator's own field")));
        }
        Ok(Field { name, label: label.to_owned() })
    };
    Ok(Fields {
        mode: *mode,
        adoption: *adoption,
        group: GroupName::new(group.name.clone()).map_err(|error| Invalid::at("contactFields.group.name", error))?,
        group_label: group.label.clone(),
        context: field("contactFields.context.name", &context.name, &context.label)?,
        schedule: field("contactFields.schedule.name", &schedule.name, &schedule.label)?,
        lead_connection_status: field(
            "contactFields.leadConnectionStatus.name",
            &lead_connection_status.name,
            &lead_connection_status.label,
        )?,
    })
}

/// The hidden field that carries the state of a contact in work (DESIGN 6.2).
pub const STATE_FIELD: &str = "tec_assistant_state";

fn mapping(rows: &BTreeMap<LeadState, String>) -> Result<BTreeMap<LeadState, String>, Invalid> {
    LeadState::ALL
        .into_iter()
        .map(|state| {
            let value = rows.get(&state).map_or(default_mapping(state), String::as_str);
            crate::domain::OptionValue::new(value)
                .map(|value| (state, value.into()))
                .map_err(|error| Invalid::at("leadStatus.mapping", error))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(extra: &serde_json::Value) -> CrmConnectionSpec {
        let mut spec = serde_json::json!({"auth": {"accessToken": {"secretRef": {"name": "hubspot"}}}});
        json_patch::merge(&mut spec, extra);
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn a_minimal_spec_gets_every_default() {
        let valid = validate(&spec(&serde_json::json!({})), &EndpointPolicy::default()).unwrap();
        assert_eq!(valid.auth, Auth::Token(SecretKey { name: "hubspot".into(), key: "token".into() }));
        assert_eq!(valid.fields.context.label, "Context");
        assert_eq!(valid.lead_status.values(), ["NEW", "IN_PROGRESS", "CONNECTED", "QUALIFIED", "UNQUALIFIED"]);
        assert_eq!(valid.interval, Duration::from_mins(5));
    }

    #[test]
    fn endpoints_are_hubspots_or_allowed() {
        let simulator = Url::parse("http://127.0.0.1:8686").unwrap();
        let policy = EndpointPolicy::allowing(vec![simulator]).unwrap();
        let check = |text: &str| validate(&spec(&serde_json::json!({"apiEndpoint": text})), &policy).is_ok();
        for good in ["https://api.hubapi.com", "https://api-eu1.hubapi.com/", "http://127.0.0.1:8686"] {
            assert!(check(good), "{good}");
        }
        for bad in [
            "http://api.hubapi.com",
            "https://api.hubapi.com.evil.example",
            "https://api-evil.example/.hubapi.com",
            "https://api.hubapi.com:8443",
            "http://127.0.0.1:1",
            "http://10.0.0.1",
        ] {
            assert!(!check(bad), "{bad}");
        }
        assert!(EndpointPolicy::allowing(vec![Url::parse("http://example.com").unwrap()]).is_err());
    }

    #[test]
    fn mapping_rows_override_singly() {
        let valid = validate(
            &spec(&serde_json::json!({"leadStatus": {"mapping": {"Hot": "OPEN_DEAL"}}})),
            &EndpointPolicy::default(),
        )
        .unwrap();
        assert_eq!(valid.lead_status.mapping[&LeadState::Hot], "OPEN_DEAL");
        assert_eq!(valid.lead_status.mapping[&LeadState::Responded], "CONNECTED");
    }

    #[test]
    fn namespaces_are_asked_for() {
        let mut connection = spec(&serde_json::json!({"allowedNamespaces": ["sales"]}));
        assert!(allows(&connection, "tec", "tec") && allows(&connection, "tec", "sales"));
        assert!(!allows(&connection, "tec", "other"));
        connection.allowed_namespaces = vec!["*".into()];
        assert!(allows(&connection, "tec", "other"));
    }
}
