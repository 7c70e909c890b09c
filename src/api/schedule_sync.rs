//! `ScheduleSync`: the options of the contact field `TEC Schedule`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::shared::{CommonStatus, ConfigMapKeyRef, ConnectionRef, DeletionPolicy, Moment};

/// Which schedules salespeople can pick.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "crm.theeminenceco.com",
    version = "v1alpha1",
    kind = "ScheduleSync",
    plural = "schedulesyncs",
    singular = "schedulesync",
    shortname = "schedsync",
    category = "tec",
    namespaced,
    status = "ScheduleSyncStatus",
    derive = "PartialEq",
    doc = "Keeps the options of the contact field TEC Schedule equal to a list of schedules. Several may feed one portal.",
    printcolumn = r#"{"name":"OPTIONS","type":"integer","jsonPath":".status.options"}"#,
    printcolumn = r#"{"name":"READY","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"REASON","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].reason"}"#,
    printcolumn = r#"{"name":"AGE","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleSyncSpec {
    /// The CrmConnection (HubSpot portal) whose field is fed.
    #[x_kube(validation = Rule::new("self == oldSelf").message("connectionRef cannot be changed; delete the ScheduleSync and create it again"))]
    pub connection_ref: ConnectionRef,
    /// Where the schedules come from: exactly one of `schedules`, `configMapRef`, `tec`.
    pub source: Source,
    /// What happens to an option the operator wrote whose schedule is gone.
    #[serde(default)]
    pub prune: Prune,
    /// Until then differences are shown and nothing is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_until: Option<Moment>,
    /// No reads and no writes while true. Deletion still works.
    #[serde(default)]
    pub suspend: bool,
    /// What happens to the options when the ScheduleSync is deleted. `Delete` treats all its schedules as gone.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

/// Where the schedules come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("[has(self.schedules), has(self.configMapRef), has(self.tec)].exists_one(x, x)").message("source needs exactly one of schedules, configMapRef, tec")
)]
pub struct Source {
    /// The list itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1000))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["value".into()]))]
    pub schedules: Option<Vec<Schedule>>,
    /// The same list as YAML in a ConfigMap of the same namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_ref: Option<ConfigMapKeyRef>,
    /// All active schedules of TEC; needs `tec` in the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tec: Option<TecSource>,
}

/// All active schedules of TEC. No settings yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct TecSource {}

/// One schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Schedule {
    /// TEC's schedule id: what the contact stores.
    #[schemars(length(min = 1, max = 255))]
    pub value: String,
    /// What salespeople read.
    #[schemars(length(min = 1, max = 255))]
    pub label: String,
    /// Keep the option, but do not offer it.
    #[serde(default)]
    pub hidden: bool,
}

/// What happens to an option the operator wrote whose schedule is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Prune {
    /// It is hidden: nobody can pick it, contacts that hold it keep it.
    #[default]
    Hide,
    /// It is removed if no contact holds it, else hidden.
    Delete,
    /// It stays.
    Keep,
}

/// How far the options are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleSyncStatus {
    /// How many options of the field this ScheduleSync feeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<i32>,
    /// Conditions, by type.
    #[serde(default)]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
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

impl CommonStatus for ScheduleSyncStatus {
    fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    fn last_handled_reconcile_at(&self) -> Option<&str> {
        self.last_handled_reconcile_at.as_deref()
    }
}
