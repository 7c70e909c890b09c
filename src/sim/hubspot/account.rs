//! Account details, daily usage, custom-property limits (API.md §4, §7). Reads only.

use jiff::tz::Offset;
use serde_json::json;

use super::{
    answer::{Answer, ApiError, Outcome, instant},
    portal::Portal,
    switches::DailyUsage,
};

pub(super) fn details(portal: &Portal) -> Answer {
    let config = &portal.config;
    let zone = &config.time_zone;
    let offset = zone.to_offset(portal.now);
    let home = config.data_hosting_location.as_str();
    let ui_domain = if home == "na1" { "app.hubspot.com".to_owned() } else { format!("app-{home}.hubspot.com") };
    Answer::ok(json!({
        "portalId": config.portal_id,
        "accountType": config.account_type,
        "timeZone": zone.iana_name().unwrap_or("UTC"),
        "companyCurrency": "USD",
        "additionalCurrencies": [],
        "utcOffset": offset_text(offset),
        "utcOffsetMilliseconds": i64::from(offset.seconds()) * 1000,
        "uiDomain": ui_domain,
        "dataHostingLocation": home,
    }))
}

fn offset_text(offset: Offset) -> String {
    let minutes = offset.seconds().abs() / 60;
    let sign = if offset.is_negative() { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// Whether it answers every credential is not established (API.md §4, §14.12).
pub(super) fn daily_usage(portal: &mut Portal) -> Outcome {
    let (limit, used, resets_at) = portal.limits.day(portal.now);
    let (limit, used, status) = match portal.config.switches.daily_usage {
        DailyUsage::Available => (limit, used, "SUCCESS"),
        DailyUsage::Unfetched => (0, 0, "FAILURE"),
        DailyUsage::Forbidden => {
            return Err(ApiError::new(403, "This credential has no daily usage of its own").category("FORBIDDEN"));
        }
        DailyUsage::NotFound => return Err(ApiError::new(404, "resource not found")),
    };
    Ok(Answer::ok(json!({ "results": [{
        "name": "private-apps-api-calls-daily",
        "usageLimit": limit,
        "currentUsage": used,
        "collectedAt": instant(portal.now),
        "fetchStatus": status,
        "resetsAt": instant(resets_at),
    }] })))
}

pub(super) fn custom_property_limits(portal: &Portal) -> Answer {
    let overall = portal.config.custom_property_limit * 10;
    let limit = portal.config.custom_property_limit;
    let usage = portal.schema.custom_count();
    Answer::ok(json!({
        "overallLimit": overall,
        "overallUsage": usage,
        "overallPercentage": percentage(usage, overall),
        "byObjectType": [{
            "objectTypeId": "0-1",
            "singularLabel": "Contact",
            "pluralLabel": "Contacts",
            "limit": limit,
            "usage": usage,
            "percentage": percentage(usage, limit),
        }],
    }))
}

/// In per cent, to two places.
fn percentage(usage: usize, limit: usize) -> f64 {
    let hundredths = u32::try_from(usage.saturating_mul(10_000) / limit.max(1)).unwrap_or(u32::MAX);
    f64::from(hundredths) / 100.0
}
