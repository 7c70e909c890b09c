//! What kstatus (kubectl, Flux, Argo CD) reads from an object, and what must hold for every version of one.

use serde_json::Value;

/// kstatus's verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Current,
    InProgress,
    Failed,
    Terminating,
}

/// Every reason of `api::condition`, spelled out: dashboards match on them.
const REASONS: [&str; 28] = [
    "Succeeded",
    "Progressing",
    "Waiting",
    "Retrying",
    "InvalidSpec",
    "InvalidCredentials",
    "MissingScopes",
    "WrongPortal",
    "WrongRegion",
    "ReferenceNotFound",
    "ReferenceNotAllowed",
    "ConnectionNotReady",
    "Conflict",
    "InvitationPending",
    "InvitationRequired",
    "RemovedInCrm",
    "NotCreatedInTec",
    "AdoptionRefused",
    "OptionInUse",
    "DriftReported",
    "OnHold",
    "Suspended",
    "Planned",
    "QuotaExhausted",
    "Unreachable",
    "HubSpotRefused",
    "TecUnreachable",
    "DeletionBlocked",
];
/// Conditions that are there only while they hold.
const ONLY_WHILE_TRUE: [&str; 4] = ["Reconciling", "Stalled", "Drifted", "QuotaExhausted"];

/// As `sigs.k8s.io/cli-utils/pkg/kstatus/status` computes it for custom resources.
pub(crate) fn of(object: &Value) -> State {
    let meta = &object["metadata"];
    let is = |kind: &str, status: &str| condition(object, kind).is_some_and(|found| found["status"] == status);
    let observed = object["status"]["observedGeneration"].as_i64();
    if !meta["deletionTimestamp"].is_null() {
        State::Terminating
    } else if observed.is_some_and(|observed| Some(observed) != meta["generation"].as_i64())
        || is("Reconciling", "True")
    {
        State::InProgress
    } else if is("Stalled", "True") {
        State::Failed
    } else if is("Ready", "False") || is("Ready", "Unknown") {
        State::InProgress
    } else {
        State::Current
    }
}

pub(crate) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

/// What is wrong with one version of an object.
pub(crate) fn broken_rules(object: &Value) -> Vec<String> {
    let status = &object["status"];
    if status.is_null() {
        return Vec::new();
    }
    let mut broken = Vec::new();
    let mut rule = |holds: bool, what: &str| {
        if !holds {
            broken.push(format!("{} {}: {what}: {status}", object["kind"], object["metadata"]["name"]));
        }
    };
    rule(condition(object, "Ready").is_some(), "a status without Ready is taken for healthy");
    rule(status["observedGeneration"].is_i64(), "observedGeneration is missing");
    rule(
        condition(object, "Reconciling").is_none() || condition(object, "Stalled").is_none(),
        "Reconciling and Stalled contradict each other",
    );
    for condition in status["conditions"].as_array().into_iter().flatten() {
        let kind = condition["type"].as_str().unwrap_or_default();
        rule(condition["observedGeneration"] == status["observedGeneration"], "a condition of another generation");
        rule(!condition["message"].as_str().unwrap_or_default().is_empty(), "a condition without words");
        rule(REASONS.iter().any(|reason| condition["reason"] == *reason), "an unknown reason");
        rule(!ONLY_WHILE_TRUE.contains(&kind) || condition["status"] == "True", "a condition only while it holds");
    }
    broken
}
