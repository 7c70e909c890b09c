//! `Assistant`: one AI assistant and its HubSpot user.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::shared::{CommonStatus, ConfigMapKeyRef, ConnectionRef, DeletionPolicy, Moment};

/// What the assistant should be in HubSpot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "crm.theeminenceco.com",
    version = "v1alpha1",
    kind = "Assistant",
    plural = "assistants",
    singular = "assistant",
    shortname = "asst",
    category = "tec",
    namespaced,
    status = "AssistantStatus",
    derive = "PartialEq",
    doc = "An AI sales assistant of TEC: its user in HubSpot, its defaults, and how far its set-up is.",
    selectable = ".spec.email",
    printcolumn = r#"{"name":"CRM STATUS","type":"string","jsonPath":".status.crmIntegrationStatus","description":"The status code of TEC's CRM Details page"}"#,
    printcolumn = r#"{"name":"READY","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"REASON","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].reason"}"#,
    printcolumn = r#"{"name":"OWNER","type":"string","jsonPath":".status.ownerId","description":"HubSpot owner id, the value of hubspot_owner_id"}"#,
    printcolumn = r#"{"name":"EMAIL","type":"string","jsonPath":".spec.email","priority":1}"#,
    printcolumn = r#"{"name":"AGE","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct AssistantSpec {
    /// The CrmConnection (HubSpot portal) the assistant works in.
    #[x_kube(validation = Rule::new("self == oldSelf").message("connectionRef cannot be changed; delete the Assistant and create it again"))]
    pub connection_ref: ConnectionRef,
    /// The assistant's e-mail address: its identity in TEC and in HubSpot. Compared in lower case. Cannot be changed.
    #[schemars(length(min = 3, max = 254))]
    #[x_kube(
        validation = Rule::new("self == oldSelf").message("email cannot be changed; delete the Assistant and create it again"),
        validation = Rule::new("self.matches('^[^@[:space:]]+@[^@[:space:].]+([.][^@[:space:].]+)+$')").message("email must be an address like ada@example.com")
    )]
    pub email: String,
    /// First name, set when the user is created; a later difference is reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub first_name: Option<String>,
    /// Last name, set when the user is created; a later difference is reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub last_name: Option<String>,
    /// `Invite`: the operator creates the user. `Observe`: an admin invites by hand, the operator only looks.
    #[serde(default)]
    pub provisioning: Provisioning,
    /// Whether HubSpot mails an invitation when the user is created. It reaches the assistant's mailbox, and TEC forwards it.
    #[serde(default = "yes")]
    pub send_invitation: bool,
    /// Name of a permission set ("role") of the portal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub role: Option<String>,
    /// Name of a team of the portal, to be the user's main team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub team: Option<String>,
    /// Context and schedule for contacts that have none of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defaults: Option<Defaults>,
    /// Manual set-up steps a person has done, for example `EmailNotificationsDisabled`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub acknowledged: Vec<ManualStep>,
    /// How the assistant treats its leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leads: Option<AssistantLeads>,
    /// Until then differences are shown and nothing is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_until: Option<Moment>,
    /// No reads and no writes while true. Deletion still works.
    #[serde(default)]
    pub suspend: bool,
    /// What happens to the HubSpot user when the Assistant is deleted. Super admins and the token's own user are never removed.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

fn yes() -> bool {
    true
}

/// Who makes the HubSpot user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Provisioning {
    /// The operator.
    #[default]
    Invite,
    /// An admin, by hand.
    Observe,
}

/// Context and schedule for contacts that have none of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!(has(self.context) && has(self.contextFrom))").message("give defaults.context or defaults.contextFrom, not both")
)]
pub struct Defaults {
    /// Default context, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 65536))]
    pub context: Option<String>,
    /// Default context, from elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_from: Option<ContextSource>,
    /// Value of an option of `TEC Schedule`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub schedule: Option<String>,
}

/// Where a default context comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContextSource {
    /// A key in a ConfigMap of the same namespace.
    pub config_map_key_ref: ConfigMapKeyRef,
}

/// A step no API can do or see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum ManualStep {
    /// HubSpot's e-mail notifications of the assistant's user are switched off.
    EmailNotificationsDisabled,
    /// The invitation was accepted (for portals that do not show it).
    InvitationAccepted,
}

/// How the assistant treats its leads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssistantLeads {
    /// What happens to contacts the assistant still owns when the Assistant is deleted.
    #[serde(default)]
    pub on_delete: LeadsOnDelete,
}

/// What happens to contacts an assistant still owns when it is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LeadsOnDelete {
    /// They go back to their previous owners.
    #[default]
    HandBack,
    /// They stay with the assistant's user.
    Keep,
}

/// How far the assistant is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssistantStatus {
    /// The status code of TEC's CRM Details page. Absent before the first successful look at HubSpot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crm_integration_status: Option<CrmIntegrationStatus>,
    /// Conditions, by type.
    #[serde(default)]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The eight steps of TEC's set-up page.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["step".into()]))]
    pub setup: Vec<SetupEntry>,
    /// HubSpot user id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// HubSpot owner id: what `hubspot_owner_id` of a contact holds when it is assigned to this assistant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<String>,
    /// What we remember of inviting the user, so that an admin who removes it is not fought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation: Option<Invitation>,
    /// When the first contact was accepted as a lead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_lead_accepted_at: Option<Moment>,
    /// When HubSpot was read for this status. Moves only when something else moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_at: Option<Moment>,
    /// `metadata.generation` this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The last value of the `requestedAt` annotation that was handled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// What would be done, while the plan annotation asks for it; at most 32 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Vec<String>>,
}

/// The status codes of TEC's CRM Details page. The spelling is TEC's and a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CrmIntegrationStatus {
    /// TEC does not know the e-mail address, or has not finished onboarding it.
    AssistantNotYetCreated,
    /// There is no HubSpot user with that address, or no active owner for it yet.
    AssistantDoesNotExistsAsUserInCrm,
    /// User and active owner exist: contacts can be assigned.
    AssistantExistsAsUserInCrm,
    /// And at least one contact was accepted, and leads flow now.
    AllWorkingWell,
}

/// What we remember of inviting the user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Invitation {
    /// When the operator last created the user; absent if it never did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Moment>,
    /// When the user, seen before, was last found removed and was invited again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_at: Option<Moment>,
    /// Generation and `requestedAt` for which the operator no longer invites, because the user was removed again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_up_for: Option<String>,
}

/// One step of the set-up page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetupEntry {
    /// Which step.
    pub step: SetupStep,
    /// How far.
    pub state: StepState,
    /// One sentence.
    pub message: String,
}

/// The eight steps of TEC's set-up page, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "the names are the page's own")]
pub enum SetupStep {
    Authorized,
    AssistantCreated,
    UserInvited,
    InvitationAccepted,
    EmailNotificationsDisabled,
    DefaultContext,
    SchedulesSynced,
    FirstContact,
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StepState {
    /// Done.
    Done,
    /// Will be done without anybody, or by the person named in the message.
    Pending,
    /// Only a person can do or see it.
    Manual,
    /// Something before it has to be solved.
    Blocked,
}

impl CommonStatus for AssistantStatus {
    fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    fn last_handled_reconcile_at(&self) -> Option<&str> {
        self.last_handled_reconcile_at.as_deref()
    }
}

/// A [`Moment`] from a timestamp, in whole seconds as Kubernetes keeps them.
pub fn moment(time: Timestamp) -> Moment {
    k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(super::condition::whole_second(time))
}
