//! `CrmConnection`: one HubSpot portal, how to reach it and what its contact fields look like.

mod status;

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema, core::Duration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::status::{CrmConnectionStatus, FieldOrigin, FieldStatus, LeadsBookmark, QuotaForecast, QuotaStatus};
use super::shared::{Moment, SecretRef, SigningSecretRef, TokenSecretRef};
use crate::domain::LeadState;

/// One HubSpot portal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "crm.theeminenceco.com",
    version = "v1alpha1",
    kind = "CrmConnection",
    plural = "crmconnections",
    singular = "crmconnection",
    shortname = "crmconn",
    category = "tec",
    namespaced,
    status = "CrmConnectionStatus",
    derive = "PartialEq",
    doc = "A HubSpot portal: how to reach it, which contact fields TEC needs in it, and how far they are in line.",
    printcolumn = r#"{"name":"PORTAL","type":"string","jsonPath":".status.portalId"}"#,
    printcolumn = r#"{"name":"READY","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"REASON","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].reason"}"#,
    printcolumn = r#"{"name":"ASSISTANTS","type":"integer","jsonPath":".status.assistants"}"#,
    printcolumn = r#"{"name":"AGE","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct CrmConnectionSpec {
    /// The CRM. HubSpot is the one supported. Cannot be changed.
    #[serde(default)]
    #[x_kube(validation = Rule::new("self == oldSelf").message("provider cannot be changed"))]
    pub provider: Provider,
    /// The portal's id as digits, as a guard: a token of another portal is refused before anything is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 20))]
    #[x_kube(validation = Rule::new("self.matches('^[1-9][0-9]*$')").message("portalId is a number in quotes, e.g. \"12345678\""))]
    pub portal_id: Option<String>,
    /// Base URL of HubSpot's API. Found by asking if absent; only https and HubSpot's own hosts, unless the operator allows more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 8, max = 255))]
    #[x_kube(validation = Rule::new("self.matches('^https?://[^/?#@[:space:]]+/?$')").message("apiEndpoint is a base URL without path, e.g. https://api.hubapi.com"))]
    pub api_endpoint: Option<String>,
    /// How the operator authenticates to HubSpot: exactly one of `accessToken`, `oauth`.
    pub auth: Auth,
    /// Namespaces besides its own whose objects may use this connection; `["*"]` for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub allowed_namespaces: Vec<String>,
    /// The contact fields TEC needs.
    #[serde(default)]
    pub contact_fields: ContactFields,
    /// HubSpot's built-in field Lead Status (`hs_lead_status`).
    #[serde(default)]
    pub lead_status: LeadStatus,
    /// How leads are carried.
    #[serde(default)]
    pub leads: Leads,
    /// The TEC API. Leads are `Off` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tec: Option<Tec>,
    /// Webhook deliveries, to react within a second. Correctness never depends on them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhooks: Option<Webhooks>,
    /// How much of HubSpot's limits the operator leaves to others.
    #[serde(default)]
    pub quota: Quota,
    /// Time between full comparisons with HubSpot, at least 10s; jittered by 10 %.
    #[serde(default = "five_minutes")]
    #[schemars(extend("pattern" = "^([0-9]+([.][0-9]+)?(ms|s|m|h))+$"), length(max = 32))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('10s')").message("interval must be at least 10s"))]
    pub interval: Duration,
    /// Until then differences are shown and nothing is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_until: Option<Moment>,
    /// No reads and no writes while true. Deletion still works.
    #[serde(default)]
    pub suspend: bool,
    /// What happens to our fields when the connection is deleted. `Delete` never removes fields that contacts hold values in.
    #[serde(default)]
    pub deletion_policy: ConnectionDeletionPolicy,
}

fn five_minutes() -> Duration {
    std::time::Duration::from_mins(5).into()
}

fn ten_seconds() -> Duration {
    std::time::Duration::from_secs(10).into()
}

/// The CRM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Provider {
    /// HubSpot CRM.
    #[default]
    HubSpot,
}

/// How the operator authenticates to HubSpot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("[has(self.accessToken), has(self.oauth)].exists_one(x, x)").message("auth needs exactly one of accessToken, oauth")
)]
pub struct Auth {
    /// A service key or private-app token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token: Option<AccessTokenAuth>,
    /// An OAuth app, with the refresh token that a person's consent gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oauth: Option<OAuth>,
}

/// A service key or private-app token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessTokenAuth {
    /// The Secret that holds it.
    pub secret_ref: TokenSecretRef,
}

/// An OAuth app, with the refresh token that a person's consent gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct OAuth {
    /// Secret with the keys `client_id` and `client_secret` of the app.
    pub client_secret_ref: SecretRef,
    /// Secret with the key `refresh_token`. When HubSpot replaces the token, the operator writes the new one under this key,
    /// and touches nothing else: it needs to be allowed to patch the Secret, and nothing may put the old token back.
    pub token_secret_ref: SecretRef,
}

/// Repair, or only look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Mode {
    /// Differences are repaired.
    #[default]
    Enforce,
    /// Differences are reported; nothing is written.
    Observe,
}

/// Whether a field that is already there may be taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Adoption {
    /// No: only fields made by the operator are used.
    Never,
    /// Yes, if its type fits.
    #[default]
    IfCompatible,
    /// Yes, whatever its field type; the type itself is never changed.
    Always,
}

/// The contact fields TEC needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.context.name != self.schedule.name && self.schedule.name != self.leadConnectionStatus.name && self.context.name != self.leadConnectionStatus.name").message("the three contact fields need three different names")
)]
pub struct ContactFields {
    /// Repair, or only look.
    #[serde(default)]
    pub mode: Mode,
    /// The property group they live in.
    #[serde(default)]
    pub group: Group,
    /// Multi-line text: what the assistant should know about the contact.
    #[serde(default)]
    pub context: ContextField,
    /// Single select fed by ScheduleSyncs: when the assistant writes.
    #[serde(default)]
    pub schedule: ScheduleField,
    /// Single select of the twelve TEC states.
    #[serde(default)]
    pub lead_connection_status: LeadConnectionStatusField,
    /// Whether a field that is already there may be taken over.
    #[serde(default)]
    pub adoption: Adoption,
}

macro_rules! named_thing {
    ($(#[$doc:meta])* $type:ident, $name_fn:ident $name_path:literal $name:literal, $label_fn:ident $label_path:literal $label:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
        #[serde(rename_all = "camelCase")]
        pub struct $type {
            /// Internal name in HubSpot. Cannot be changed.
            #[serde(default = $name_path)]
            #[schemars(length(min = 1, max = 100))]
            #[x_kube(
                validation = Rule::new("self == oldSelf").message("an internal name cannot be changed; HubSpot has no rename"),
                validation = Rule::new("self.matches('^[a-z][a-z0-9_]*$') && !self.startsWith('hs_') && !self.matches('^a[0-9]+_')").message("an internal name is a-z, 0-9 and _, starts with a letter, and not with hs_ or a<number>_ (reserved by HubSpot)")
            )]
            pub name: String,
            /// What people read.
            #[serde(default = $label_path)]
            #[schemars(length(min = 1, max = 255))]
            pub label: String,
        }

        fn $name_fn() -> String {
            $name.to_owned()
        }

        fn $label_fn() -> String {
            $label.to_owned()
        }

        impl Default for $type {
            fn default() -> Self {
                Self { name: $name_fn(), label: $label_fn() }
            }
        }
    };
}

named_thing!(
    /// A property group.
    Group, group_name "group_name" "tec_ai_assistant", group_label "group_label" "TEC AI Assistant"
);
named_thing!(
    /// The field `Context`.
    ContextField, context_name "context_name" "tec_context", context_label "context_label" "Context"
);
named_thing!(
    /// The field `TEC Schedule`.
    ScheduleField, schedule_name "schedule_name" "tec_schedule", schedule_label "schedule_label" "TEC Schedule"
);
named_thing!(
    /// The field `Lead Connection Status`.
    LeadConnectionStatusField, connection_status_name "connection_status_name" "tec_lead_connection_status", connection_status_label "connection_status_label" "Lead Connection Status"
);

/// HubSpot's built-in field Lead Status (`hs_lead_status`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeadStatus {
    /// `Enforce`: options the mapping needs are added at the end. Nothing is ever removed or reordered.
    #[serde(default)]
    pub mode: Mode,
    /// TEC state to `hs_lead_status` value; given rows override the defaults.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "super::schema::lead_state_map")]
    #[x_kube(
        validation = Rule::new("self.all(state, state in ['New','Pending','Cold','Engaged','Warm','Hot','Responded','OutOfOffice','LeadAtRisk','Processed','UnSubscribed','DeActivated'])").message("leadStatus.mapping has a key that is no TEC state (New, Pending, Cold, Engaged, Warm, Hot, Responded, OutOfOffice, LeadAtRisk, Processed, UnSubscribed, DeActivated)")
    )]
    pub mapping: BTreeMap<LeadState, String>,
}

/// How leads are carried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Leads {
    /// `Process`, `Observe` (say what would be done), or `Off`. `Off` without `tec`.
    #[serde(default)]
    pub mode: LeadsMode,
    /// Time between looks for new assignments, at least 1s.
    #[serde(default = "ten_seconds")]
    #[schemars(extend("pattern" = "^([0-9]+([.][0-9]+)?(ms|s|m|h))+$"), length(max = 32))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1s')").message("pollInterval must be at least 1s"))]
    pub poll_interval: Duration,
    /// Owner who gets a contact back when its previous owner is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 3, max = 254))]
    pub fallback_owner_email: Option<String>,
    /// Texts of the notes on the contact.
    #[serde(default)]
    pub notes: Notes,
}

impl Default for Leads {
    fn default() -> Self {
        Self {
            mode: LeadsMode::Process,
            poll_interval: ten_seconds(),
            fallback_owner_email: None,
            notes: Notes::default(),
        }
    }
}

/// How leads are carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LeadsMode {
    /// Carry them.
    #[default]
    Process,
    /// Say what would be done.
    Observe,
    /// Leave contacts alone.
    Off,
}

/// Texts of the notes on the contact; `{assistant}` and `{field}` are replaced. Plain text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notes {
    /// When a contact is accepted.
    #[serde(default = "accepted_note")]
    #[schemars(length(min = 1, max = 2000))]
    pub accepted: String,
    /// When a contact is refused because it was a lead before.
    #[serde(default = "refused_note")]
    #[schemars(length(min = 1, max = 2000))]
    pub refused: String,
}

fn accepted_note() -> String {
    "{assistant} has taken over this contact and will get in touch by e-mail.".to_owned()
}

fn refused_note() -> String {
    "{assistant} has already worked on this contact, so it went back to its previous owner. \
     To start over, clear the field {field} and assign the contact again."
        .to_owned()
}

impl Default for Notes {
    fn default() -> Self {
        Self { accepted: accepted_note(), refused: refused_note() }
    }
}

/// The TEC API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tec {
    /// Base URL.
    #[schemars(length(min = 8, max = 255))]
    #[x_kube(validation = Rule::new("self.matches('^https?://[^?#@[:space:]]+$')").message("tec.endpoint is a URL, e.g. https://api.theeminenceco.com"))]
    pub endpoint: String,
    /// The Secret that holds the bearer token.
    pub token_secret_ref: TokenSecretRef,
}

/// Webhook deliveries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Webhooks {
    /// The Secret with the app's client secret, which signs deliveries.
    pub signing_secret_ref: SigningSecretRef,
    /// The URL HubSpot calls, exactly as configured there: it is part of the signature.
    #[schemars(length(min = 8, max = 1024))]
    #[x_kube(validation = Rule::new("self.startsWith('https://')").message("webhooks.publicUrl must be https: HubSpot delivers nowhere else"))]
    pub public_url: String,
}

/// How much of HubSpot's limits the operator leaves to others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Quota {
    /// Percent of every limit that is left to the customer's other apps.
    #[serde(default = "reserve_percent")]
    #[schemars(range(min = 0, max = 90))]
    pub reserve_percent: i32,
}

fn reserve_percent() -> i32 {
    20
}

impl Default for Quota {
    fn default() -> Self {
        Self { reserve_percent: reserve_percent() }
    }
}

/// What happens to our fields when the connection is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConnectionDeletionPolicy {
    /// They stay.
    #[default]
    Retain,
    /// Fields and group the operator made are removed, unless contacts hold values in them.
    Delete,
    /// Fields and group the operator made are removed, with the values contacts hold in them.
    ForceDelete,
}
