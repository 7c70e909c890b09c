//! The only writer to our objects: finalizers and status, and only when something changes.

use std::{collections::BTreeSet, fmt::Debug, future::Future, time::Duration};

use k8s_openapi::NamespaceResourceScope;
use kube::{
    Api, Resource, ResourceExt,
    api::{Patch, PatchParams},
    core::DynamicObject,
    discovery::ApiResource,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    context::Context,
    disposition::{self, Disposition},
    events::Severity,
};
use crate::{
    api::{
        FIELD_MANAGER, FINALIZER, PLAN, REQUESTED_AT,
        condition::{self, ConditionType, Reason, Truth, Verdict},
    },
    desired::references::{Kind, ObjectRef},
    plan::Refusal,
    portal::{Trouble, trouble::TroubleKind},
    runtime::lock,
};

/// Longest a call to Kubernetes may take: its client has no limit of its own (KUBE 17).
pub(super) const KUBE_TIMEOUT: Duration = Duration::from_secs(30);

/// How the report of a malformed object begins.
const UNREADABLE: &str = "the stored object cannot be read";

/// Kubernetes did not do what was asked; the run is repeated.
#[derive(Debug, thiserror::Error)]
pub(super) enum Interrupted {
    /// It answered with an error.
    #[error("Kubernetes refused: {0}")]
    Kube(String),
    /// It did not answer.
    #[error("Kubernetes did not answer within {} s", KUBE_TIMEOUT.as_secs())]
    Timeout,
}

impl From<kube::Error> for Interrupted {
    fn from(error: kube::Error) -> Self {
        // kube prints its sources itself (KUBE 18).
        Self::Kube(error.to_string())
    }
}

/// One of our kinds.
pub(super) trait Ours:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned
{
    /// Which.
    const KIND: Kind;
}

impl Ours for crate::api::CrmConnection {
    const KIND: Kind = Kind::Connection;
}

impl Ours for crate::api::Assistant {
    const KIND: Kind = Kind::Assistant;
}

impl Ours for crate::api::ScheduleSync {
    const KIND: Kind = Kind::ScheduleSync;
}

/// An object out of the store.
pub(super) enum Loaded<K> {
    /// It does not exist.
    Gone,
    /// It exists and is no `K`; what the reader said.
    Malformed(String),
    /// It is here.
    Object(K),
}

pub(super) fn load<K: Ours>(ctx: &Context, key: &ObjectRef) -> Loaded<K> {
    match lock(&ctx.store).get::<K>(key) {
        None => Loaded::Gone,
        Some(Ok(object)) => Loaded::Object(object),
        Some(Err(error)) => Loaded::Malformed(error.to_string()),
    }
}

/// Calls Kubernetes with a limit on time.
pub(super) async fn limited<T>(call: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Interrupted> {
    match tokio::time::timeout(KUBE_TIMEOUT, call).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(Interrupted::Timeout),
    }
}

/// Which object it is.
pub(super) fn key_of<K: Ours>(object: &K) -> ObjectRef {
    ObjectRef::new(K::KIND, object.namespace().unwrap_or_default(), object.name_any())
}

fn api<K: Ours>(ctx: &Context, object: &K) -> Api<K> {
    Api::namespaced(ctx.client.clone(), &object.namespace().unwrap_or_default())
}

/// Puts our finalizer on, if it is not there.
pub(super) async fn hold_on<K: Ours>(ctx: &Context, object: &K) -> Result<(), Interrupted> {
    if object.finalizers().iter().any(|name| name == FINALIZER) {
        return Ok(());
    }
    let mut finalizers = object.finalizers().to_vec();
    finalizers.push(FINALIZER.to_owned());
    set_finalizers(ctx, object, &finalizers).await
}

/// Takes our finalizer off: what the object caused has been dealt with.
pub(super) async fn let_go<K: Ours>(ctx: &Context, object: &K) -> Result<(), Interrupted> {
    if !object.finalizers().iter().any(|name| name == FINALIZER) {
        return Ok(());
    }
    let kept: Vec<String> = object.finalizers().iter().filter(|name| *name != FINALIZER).cloned().collect();
    match set_finalizers(ctx, object, &kept).await {
        Err(Interrupted::Kube(message)) if message.contains("NotFound") || message.contains("not found") => Ok(()),
        result => result,
    }
}

async fn set_finalizers<K: Ours>(ctx: &Context, object: &K, finalizers: &[String]) -> Result<(), Interrupted> {
    let patch = json!({"metadata": {
        "resourceVersion": object.resource_version(),
        "uid": object.uid(),
        "finalizers": finalizers,
    }});
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let patched = limited(api(ctx, object).patch(&object.name_any(), &params, &Patch::Merge(patch))).await?;
    remember(ctx, &patched);
    Ok(())
}

/// Our own write comes back by watch later; until then the store would be behind us.
fn remember<K: Ours>(ctx: &Context, object: &K) {
    let value = serde_json::to_value(object).and_then(serde_json::from_value::<DynamicObject>);
    if let Ok(object) = value {
        lock(&ctx.store).answered(K::KIND, object);
    }
}

/// Writes the whole status, unless nothing but `observedAt` differs from what is there.
pub(super) async fn write<K: Ours, S: Serialize>(
    ctx: &Context,
    object: &K,
    old: Option<&S>,
    new: &S,
) -> Result<(), Interrupted> {
    let comparable = |status: Option<&S>| {
        let mut value = serde_json::to_value(status).unwrap_or(Value::Null);
        if let Some(map) = value.as_object_mut() {
            map.remove("observedAt");
            // Lists with keys: the API server may keep them in another order than they were sent.
            for list in
                map.values_mut().filter_map(Value::as_array_mut).filter(|list| list.iter().all(Value::is_object))
            {
                list.sort_by_cached_key(ToString::to_string);
            }
        }
        value
    };
    if old.is_some() && comparable(old) == comparable(Some(new)) {
        return Ok(());
    }
    let (patch, params) = if json!(old)["conditions"].to_string().contains(UNREADABLE) {
        // The report was no apply, so applying would leave its Stalled beside the new conditions.
        (Patch::Merge(json!({"status": new})), PatchParams::default())
    } else {
        let body = json!({"apiVersion": K::api_version(&()), "kind": K::kind(&()), "status": new});
        (Patch::Apply(body), PatchParams::default().force())
    };
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..params };
    let patch = api(ctx, object).patch_status(&object.name_any(), &params, &patch).await_limited().await?;
    let Some(mut patched) = patch else { return Ok(()) };
    let wanted = json!(new);
    if condition_types(&json!(&patched)["status"]) != condition_types(&wanted) {
        // As above, when one of that first write's conditions has ended.
        let exact = json!({"status": {"conditions": wanted["conditions"]}});
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let (api, exact) = (api(ctx, object), Patch::Merge(exact));
        let Some(exact) = api.patch_status(&object.name_any(), &params, &exact).await_limited().await? else {
            return Ok(());
        };
        patched = exact;
    }
    remember(ctx, &patched);
    Ok(())
}

fn condition_types(status: &Value) -> BTreeSet<String> {
    let conditions = status["conditions"].as_array().into_iter().flatten();
    conditions.filter_map(|condition| condition["type"].as_str()).map(ToOwned::to_owned).collect()
}

trait AwaitLimited<T> {
    /// As [`limited`]; an object that is gone needs no status.
    async fn await_limited(self) -> Result<Option<T>, Interrupted>;
}

impl<T, F: Future<Output = Result<T, kube::Error>>> AwaitLimited<T> for F {
    async fn await_limited(self) -> Result<Option<T>, Interrupted> {
        match tokio::time::timeout(KUBE_TIMEOUT, self).await {
            Ok(Ok(value)) => Ok(Some(value)),
            Ok(Err(kube::Error::Api(status))) if status.is_not_found() => Ok(None),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(Interrupted::Timeout),
        }
    }
}

/// Says of an object that does not fit its type what is wrong with it; lets it go if it is being deleted.
pub(super) async fn report_malformed<K: Ours>(ctx: &Context, key: &ObjectRef, error: &str) -> Result<(), Interrupted> {
    let Some(object) = lock(&ctx.store).get_untyped(key) else { return Ok(()) };
    let resource = ApiResource::erase::<K>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(ctx.client.clone(), &key.namespace, &resource);
    if object.metadata.deletion_timestamp.is_some() {
        let kept: Vec<&String> =
            object.metadata.finalizers.iter().flatten().filter(|name| *name != FINALIZER).collect();
        let patch = json!({"metadata": {"resourceVersion": object.metadata.resource_version, "finalizers": kept}});
        api.patch(&key.name, &PatchParams::default(), &Patch::Merge(patch)).await_limited().await?;
        return Ok(());
    }
    let message = format!("{UNREADABLE}: {error}");
    let standing = Standing::Stalled(Refusal::new(Reason::InvalidSpec, message.clone()));
    let generation = object.metadata.generation;
    let conditions = condition::render(&[], &standing.verdicts(), generation, ctx.now());
    let said = |object: &DynamicObject| object.data.pointer("/status/conditions").map(without_times);
    let new = serde_json::to_value(&conditions).unwrap_or(Value::Null);
    if said(&object) == Some(without_times(&new)) {
        return Ok(());
    }
    let reference = object.object_ref(&resource);
    let about = (Severity::Warning, Reason::InvalidSpec);
    ctx.events.send_about(&reference, about, "Reconcile", &message).await;
    // Not applied: the API server, too, fails to read such an object as its type when it looks for who owns what.
    let patch = json!({"status": {"conditions": conditions, "observedGeneration": generation}});
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let patched = tokio::time::timeout(KUBE_TIMEOUT, api.patch_status(&key.name, &params, &Patch::Merge(patch))).await;
    match patched.map_err(|_| Interrupted::Timeout)? {
        Ok(patched) => lock(&ctx.store).answered(K::KIND, patched),
        // A field with a rule of its own stops every write until a person has corrected it: the event has to do.
        Err(kube::Error::Api(status)) if status.code == 422 => {
            tracing::warn!(object = %key, %message, "the API server takes no status for this object");
        }
        Err(kube::Error::Api(status)) if status.is_not_found() => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

fn without_times(conditions: &Value) -> Value {
    let mut conditions = conditions.clone();
    for condition in conditions.as_array_mut().into_iter().flatten() {
        if let Some(map) = condition.as_object_mut() {
            map.remove("lastTransitionTime");
        }
    }
    conditions
}

/// How an object stands, in kstatus terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// As its spec says.
    Good(String),
    /// On its way; nobody has to act.
    Waiting(Refusal),
    /// Somebody has to act.
    Stalled(Refusal),
    /// Nothing is known now.
    Unknown(Refusal),
    /// Not as its spec says, and left so on purpose.
    Paused(Refusal),
}

impl Standing {
    /// What a trouble makes of an object.
    pub(super) fn of(trouble: &Trouble, ctx: &Context) -> Self {
        let refusal = Refusal::new(trouble.reason(), trouble.message.clone());
        match disposition::of(trouble, ctx) {
            Disposition::Stalled => Self::Stalled(refusal),
            Disposition::Retry | Disposition::Wait(_) => Self::Unknown(refusal),
        }
    }

    /// `Ready` and what goes with it.
    pub(super) fn verdicts(&self) -> Vec<Verdict> {
        let ready = |truth, reason, message: &str| Verdict::new(ConditionType::Ready, truth, reason, message);
        let also = |kind, refusal: &Refusal| Verdict::new(kind, Truth::True, refusal.reason, refusal.message.clone());
        match self {
            Self::Good(message) => vec![ready(Truth::True, Reason::Succeeded, message)],
            Self::Waiting(why) => {
                vec![ready(Truth::False, why.reason, &why.message), also(ConditionType::Reconciling, why)]
            }
            Self::Stalled(why) => {
                vec![ready(Truth::False, why.reason, &why.message), also(ConditionType::Stalled, why)]
            }
            Self::Unknown(why) => {
                let mut verdicts =
                    vec![ready(Truth::Unknown, why.reason, &why.message), also(ConditionType::Reconciling, why)];
                if why.reason == Reason::QuotaExhausted {
                    verdicts.push(also(ConditionType::QuotaExhausted, why));
                }
                verdicts
            }
            Self::Paused(why) => vec![ready(Truth::False, why.reason, &why.message)],
        }
    }

    /// The very first thing said of an object (kstatus takes a missing Ready for healthy).
    pub(super) fn progressing() -> Self {
        Self::Unknown(Refusal::new(Reason::Progressing, "not looked at yet"))
    }
}

/// Whether a trouble is so short that nobody needs to read of it: status stays as it is.
pub(super) fn passes_by_itself(trouble: &Trouble) -> bool {
    trouble.kind == TroubleKind::RateLimited
}

/// The value of the `requestedAt` annotation.
pub(super) fn requested_at<K: Ours>(object: &K) -> Option<String> {
    object.annotations().get(REQUESTED_AT).cloned()
}

/// Whether the plan annotation asks for a plan instead of its execution.
pub(super) fn plan_only<K: Ours>(object: &K) -> bool {
    object.annotations().get(PLAN).is_some_and(|value| value == "true")
}

/// Most bytes of a plan in status.
const PLAN_LIMIT: usize = 32 * 1024;

/// A plan for status: whole lines, at most 32 KiB of them.
pub(super) fn plan_lines(lines: Vec<String>) -> Vec<String> {
    let total = lines.len();
    let mut left = PLAN_LIMIT - 64;
    let mut kept: Vec<String> = lines
        .into_iter()
        .take_while(|line| {
            let fits = line.len() <= left;
            left = left.saturating_sub(line.len());
            fits
        })
        .collect();
    if kept.len() < total {
        kept.push(format!("… and {} more steps", total - kept.len()));
    }
    kept
}
