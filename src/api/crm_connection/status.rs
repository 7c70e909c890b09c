//! What is said of a portal: who it is, how far it is in line, what of it was made by the operator.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::shared::{CommonStatus, Moment};

/// How far the portal is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CrmConnectionStatus {
    /// The portal the token belongs to. Pinned: a token of another portal is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub portal_id: Option<String>,
    /// The base URL that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_endpoint: Option<String>,
    /// HubSpot's kind of account: `STANDARD`, `SANDBOX`, `DEVELOPER_TEST`, `APP_DEVELOPER`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_type: Option<String>,
    /// How many Assistants use the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assistants: Option<i32>,
    /// Conditions, by type.
    #[serde(default)]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The contact fields in use and where each came from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub fields: Vec<FieldStatus>,
    /// The property group in use and where it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<FieldStatus>,
    /// Where the operator goes on with leads after a restart. Losing it costs calls, nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leads: Option<LeadsBookmark>,
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
    /// The portal's daily limit, and whether it is going to do. Absent where there is none, or none is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<QuotaStatus>,
}

/// The portal's daily limit. Says what rarely changes; the numbers of the moment are metrics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuotaStatus {
    /// Calls that all apps of the account together may make in a day.
    pub daily_limit: i64,
    /// Whether today's calls are going to be enough.
    pub forecast: QuotaForecast,
    /// The portal's next midnight, while they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resets_at: Option<Moment>,
}

/// Whether today's calls are going to be enough: judged by the pace of all apps today and in the last hour, the slower of
/// the two. It becomes `ExceedsLimit` above the limit less the reserve, and `WithinLimit` again a tenth below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum QuotaForecast {
    /// At the present pace they are.
    WithinLimit,
    /// At the present pace all but the reserve is used before the portal's midnight.
    ExceedsLimit,
}

/// Where the operator goes on with leads. Written at most every 30 s, and at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeadsBookmark {
    /// TEC's events up to here are on their contacts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Assignments before this were seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked_until: Option<Moment>,
}

/// A contact field in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldStatus {
    /// Internal name.
    pub name: String,
    /// Made by the operator, or found and taken over. Only what the operator made is ever removed by it.
    pub origin: FieldOrigin,
}

/// Where a contact field came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FieldOrigin {
    /// The operator made it.
    Created,
    /// It was there and fits.
    Adopted,
}

impl CommonStatus for CrmConnectionStatus {
    fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    fn last_handled_reconcile_at(&self) -> Option<&str> {
        self.last_handled_reconcile_at.as_deref()
    }
}
