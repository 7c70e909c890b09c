//! `/_sim/webhooks`: deliveries on and off, and what became of them.

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    super::{
        answer::instant,
        control::{Reply, no_route},
    },
    ControlError, HubSpotSim, WebhookAttempt, WebhookTarget,
};
use crate::sim::shared::parse;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    url: String,
    deliver_to: Option<String>,
    secret: String,
    app_id: Option<u64>,
    #[serde(default)]
    duplicate_rate: f64,
    #[serde(default)]
    reorder: Probability,
    #[serde(default)]
    delay_ms: Delay,
}

/// `true` and `false` for always and never.
#[derive(Deserialize)]
#[serde(untagged)]
enum Probability {
    Certain(bool),
    Of(f64),
}

impl Default for Probability {
    fn default() -> Self {
        Self::Certain(false)
    }
}

/// One number, or the shortest and the longest.
#[derive(Deserialize)]
#[serde(untagged)]
enum Delay {
    Fixed(u64),
    Between(u64, u64),
}

impl Default for Delay {
    fn default() -> Self {
        Self::Fixed(0)
    }
}

pub(in super::super) fn control(sim: &HubSpotSim, method: &str, body: &Bytes) -> Reply {
    match method {
        "GET" => Ok(Some(sim.webhook_attempts().iter().map(shown).collect())),
        "POST" => {
            sim.start_webhooks(target(parse(body)?)?);
            Ok(None)
        }
        "DELETE" => {
            sim.stop_webhooks();
            Ok(None)
        }
        _ => Err(no_route(method, "/_sim/webhooks")),
    }
}

fn target(settings: Settings) -> Result<WebhookTarget, ControlError> {
    let refused = |message: &str| ControlError::new(400, message);
    let Settings { url, deliver_to, secret, app_id, duplicate_rate, reorder, delay_ms } = settings;
    let reorder = match reorder {
        Probability::Certain(certain) => f64::from(u8::from(certain)),
        Probability::Of(probability) => probability,
    };
    let (shortest, longest) = match delay_ms {
        Delay::Fixed(millis) => (millis, millis),
        Delay::Between(shortest, longest) => (shortest, longest),
    };
    if secret.is_empty() {
        return Err(refused("secret must not be empty"));
    }
    if ![duplicate_rate, reorder].iter().all(|rate| (0.0..=1.0).contains(rate)) {
        return Err(refused("duplicateRate and reorder go from 0 to 1"));
    }
    if !url.starts_with("https://") && !url.starts_with("http://") {
        return Err(refused("url must be absolute"));
    }
    let deliver_to = deliver_to.unwrap_or_else(|| url.clone());
    let mut target = WebhookTarget::new(url, &deliver_to, secret).map_err(|_| refused("deliverTo is no URL"))?;
    if target.deliver_to.scheme().is_none() || target.deliver_to.host().is_none() {
        return Err(refused("deliverTo must be absolute"));
    }
    target.app_id = app_id.unwrap_or(target.app_id);
    target.duplicate_rate = duplicate_rate;
    target.reorder = reorder;
    target.delay = (Duration::from_millis(shortest), Duration::from_millis(longest));
    Ok(target)
}

fn shown(attempt: &WebhookAttempt) -> Value {
    let WebhookAttempt { at, attempt, status, events } = attempt;
    json!({ "at": instant(*at), "attempt": attempt, "status": status, "events": events })
}
