//! The token and contact data never show, whatever HubSpot sends back.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::json;
use tracing_subscriber::layer::SubscriberExt;

use crate::{
    domain::{ContactId, Email},
    hubspot::{
        AccessToken, ContactUpdate, EngagementKind, Filter, FilterOperator, HubSpot, NewEngagement, Search,
        testing::{CANARY, Reply, bench, reply},
    },
    runtime::testing::Everything,
};

async fn everything_shown(hubspot: &HubSpot) -> String {
    let email = Email::new("canary.person@example.com").unwrap();
    let error = hubspot.find_user(&email).await;
    let details = hubspot.account_details().await;
    let error = error.map(|_| ()).unwrap_err();
    let details = details.map(|_| ()).unwrap_err();
    format!("{error} {error:?} {details} {details:?} {hubspot:?} {:?}", hubspot.limiter())
}

#[tokio::test(start_paused = true)]
async fn neither_errors_nor_logs_nor_debug_show_token_or_person() {
    let echo = format!(
        r#"{{"status":"error","message":"bad Bearer {CANARY} of canary.person@example.com {{\"message\":\"{CANARY}\"}}","correlationId":"{CANARY}","category":"{CANARY}","subCategory":{{"x":"{CANARY}"}},"policyName":"{CANARY}","correctHublet":"{CANARY}","errors":[{{"code":"{CANARY}","context":{{"requiredScopes":["{CANARY}","canary.person@example.com"]}}}}]}}"#
    );
    let log = Everything::default();
    let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(log.clone()));
    let mut shown = String::new();
    for status in [200, 302, 400, 401, 403, 404, 409, 423, 429, 477, 488, 500, 503] {
        let answer = reply(status, &echo)
            .header("X-HubSpot-Correlation-Id", CANARY)
            .header("X-HubSpot-Correct-Hublet", CANARY)
            .header("Location", &format!("https://evil.example/{CANARY}"));
        // Another test's thread may have met the log line first, with nobody listening; that is cached.
        tracing::callsite::rebuild_interest_cache();
        if status != 404 {
            shown.push_str(&everything_shown(&bench([answer]).hubspot).await);
        }
    }
    shown.push_str(&everything_shown(&bench([Reply::Lost]).hubspot).await);
    drop(guard);
    let log = log.text();
    for needle in ["canary", "Bearer pat", "%40"] {
        assert!(!shown.contains(needle), "{needle} in {shown}");
        assert!(!log.contains(needle), "{needle} in {log}");
    }
    assert!(log.contains("operation=\"find_user\""), "{log}");
    assert!(log.contains("status=500") && log.contains("outcome=\"unavailable\"") && log.contains("duration_ms=0"));
}

/// A value of a contact, as one word, as a code and as JSON.
const VALUES: [&str; 4] =
    ["canary", "CANARY", r#"{"code":"CANARY","category":"CANARY","message":"canary"}"#, "canary\n"];

/// Every way in which HubSpot may repeat a value, in one body.
fn echo_of(value: &str) -> String {
    let bad = json!([{"isValid": false, "message": value, "error": "INVALID_OPTION", "name": "city", "propertyValue": value}]);
    let item = json!({
        "status": "error", "category": "VALIDATION_ERROR", "message": format!("Property values were not valid: {bad}"),
        "errors": [{"message": value, "code": "INVALID_OPTION", "in": value, "context": {"propertyName": ["city"], "value": [value]}}],
        "context": {"objectWriteTraceId": ["input-0"], "propertyValue": [value]},
    });
    let mut body = item.clone();
    body["message"] = json!(format!("{value} is not valid: {value}"));
    body["results"] = json!([]);
    body["errors"] = json!([item, {"message": value, "context": {"x": [value]}}]);
    body.to_string()
}

#[tokio::test(start_paused = true)]
async fn no_value_of_a_contact_shows_whatever_hubspot_repeats() {
    let log = Everything::default();
    let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(log.clone()));
    let mut shown = String::new();
    for value in VALUES {
        let properties = BTreeMap::from([("city".to_owned(), value.to_owned())]);
        let id = ContactId("1".to_owned());
        let filter = Filter { property: "city".to_owned(), operator: FilterOperator::Eq(value.to_owned()) };
        let search = Search { any_of: vec![vec![filter]], sort: None, properties: vec![], limit: 1, after: 0 };
        let update = ContactUpdate { id: id.clone(), properties: properties.clone() };
        let note = NewEngagement { contact: id, properties };
        write!(shown, "{search:?} {update:?} {note:?}").unwrap();
        for status in [200, 207, 400, 404, 409, 414, 423, 429, 477, 500, 502, 503, 521] {
            tracing::callsite::rebuild_interest_cache();
            let hubspot = bench([reply(status, &echo_of(value))]).hubspot;
            let searched = hubspot.search_contacts(&search).await;
            let updated = hubspot.update_contacts(std::slice::from_ref(&update)).await;
            let created = hubspot.create_engagements(EngagementKind::Email, std::slice::from_ref(&note)).await;
            write!(shown, "{searched:?} {updated:?} {created:?}").unwrap();
            for error in [searched.map(drop).err(), updated.map(drop).err(), created.map(drop).err()] {
                write!(shown, "{}", error.map(|error| error.to_string()).unwrap_or_default()).unwrap();
            }
        }
    }
    drop(guard);
    shown.push_str(&log.text());
    assert!(!shown.to_lowercase().contains("canary"), "{shown}");
    assert!(shown.contains("INVALID_OPTION on city") && shown.contains("operation=\"update_contacts\""), "{shown}");
}

#[test]
fn the_token_itself_is_redacted() {
    let token = AccessToken::new(CANARY).unwrap();
    assert!(!format!("{token:?}").contains("canary"));
    assert!(!format!("{:?}", AccessToken::new("bad canary")).contains("canary"));
}
