//! The portal's day: asks how much of it is used where answers do not tell, and says in status whether it is going to do.
//!
//! Status holds what rarely changes: the limit, and a verdict that changes with a margin ([`Forecast`]).

use crate::{
    api::{
        assistant::moment,
        crm_connection::{QuotaForecast, QuotaStatus},
    },
    controllers::{context::Context, queue::Job},
    desired::references::ObjectRef,
    hubspot::{Forecast, limits::Quota},
    portal::Portal,
};

/// Asks HubSpot how much of the day is used, if no answer has said so for an hour; at most once an hour. Without an answer
/// the work goes on: a limit that is not known is obeyed when HubSpot refuses.
pub(super) async fn ask(job: &Job, portal: &Portal) {
    let hubspot = portal.hubspot(&job.urgency);
    if !hubspot.limiter().ask_usage() {
        return;
    }
    match hubspot.daily_usage().await {
        Ok(Some(_)) => {}
        Ok(None) => tracing::debug!(object = %job.key, "HubSpot cannot tell now how much of the day is used"),
        Err(error) => tracing::debug!(
            object = %job.key, correlation_id = error.correlation_id, %error,
            "how much of the day is used cannot be read"
        ),
    }
}

/// What status says of the day, where it said `old`. A change of the verdict is logged, once.
pub(super) fn status(ctx: &Context, key: &ObjectRef, old: Option<&QuotaStatus>) -> Option<QuotaStatus> {
    let Some(portal) = ctx.portals.portal(key) else { return old.cloned() };
    let quota = portal.limiter().quota();
    if quota.daily_max.is_none() && ctx.portals.authorization(key).is_some() {
        // OAuth apps have no limit of a day (API.md §11), whatever the token before them had.
        return None;
    }
    let new = describe(&quota, old, ctx.now())?;
    let QuotaStatus { daily_limit, forecast, resets_at } = &new;
    match (old.map(|old| old.forecast), *forecast) {
        (None | Some(QuotaForecast::WithinLimit), QuotaForecast::ExceedsLimit) => tracing::warn!(
            object = %key, daily_limit, resets_at = resets_at.as_ref().map(|at| at.0.to_string()),
            "at the present pace of all apps the day's calls to HubSpot, less the reserve, are used up before midnight"
        ),
        (Some(QuotaForecast::ExceedsLimit), QuotaForecast::WithinLimit) => {
            tracing::info!(object = %key, daily_limit, "the day's calls to HubSpot are going to do");
        }
        (None | Some(QuotaForecast::WithinLimit), QuotaForecast::WithinLimit)
        | (Some(QuotaForecast::ExceedsLimit), QuotaForecast::ExceedsLimit) => {}
    }
    Some(new)
}

/// `None` where no daily limit is known. What is not known yet after a start is as it was, while that day lasts.
fn describe(quota: &Quota, old: Option<&QuotaStatus>, now: jiff::Timestamp) -> Option<QuotaStatus> {
    let daily_limit = quota.daily_max.map(i64::from).or(old.map(|old| old.daily_limit))?;
    let kept = old.filter(|old| old.resets_at.as_ref().is_some_and(|at| at.0 > now));
    let exceeds = match quota.forecast {
        Some(Forecast::Exceeds) => true,
        Some(Forecast::Fits) => false,
        None => kept.is_some(),
    };
    Some(QuotaStatus {
        daily_limit,
        forecast: if exceeds { QuotaForecast::ExceedsLimit } else { QuotaForecast::WithinLimit },
        resets_at: exceeds.then(|| moment(quota.resets_at)),
    })
}
