//! The token and contact data never show, whatever HubSpot sends back.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex},
};

use tracing::field::{Field, Visit};
use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt};

use crate::{
    domain::Email,
    hubspot::{
        AccessToken, HubSpot,
        testing::{CANARY, Reply, bench, reply},
    },
};

/// Writes down every field of every event and span, at every level.
#[derive(Clone, Default)]
struct Everything(Arc<Mutex<String>>);

struct Writer<'a>(&'a mut String);

impl Visit for Writer<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
    }
}

impl<S: tracing::Subscriber> Layer<S> for Everything {
    fn on_new_span(&self, attributes: &tracing::span::Attributes<'_>, _: &tracing::span::Id, _: Context<'_, S>) {
        attributes.record(&mut Writer(&mut self.0.lock().unwrap()));
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut text = self.0.lock().unwrap();
        event.record(&mut Writer(&mut text));
        text.push('\n');
    }
}

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
    let log = log.0.lock().unwrap().clone();
    for needle in ["canary", "Bearer pat", "%40"] {
        assert!(!shown.contains(needle), "{needle} in {shown}");
        assert!(!log.contains(needle), "{needle} in {log}");
    }
    assert!(log.contains("operation=\"find_user\""), "{log}");
    assert!(log.contains("status=500") && log.contains("outcome=\"unavailable\"") && log.contains("duration_ms=0"));
}

#[test]
fn the_token_itself_is_redacted() {
    let token = AccessToken::new(CANARY).unwrap();
    assert!(!format!("{token:?}").contains("canary"));
    assert!(!format!("{:?}", AccessToken::new("bad canary")).contains("canary"));
}
