//! A client around a scripted transport. For the tests of this room only.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use url::Url;

use super::{AccessToken, Connection, HubSpot, Limiter, region::DEFAULT_BASE};
pub(super) use crate::runtime::testing::{Reply, Script};
use crate::runtime::{chance::Chance, clock::VirtualClock, testing, transport::Transport};

pub(super) const CANARY: &str = "pat-na1-canary-5f0e";

/// An answer with a JSON (or any other) body.
pub(super) fn reply(status: u16, body: &str) -> Reply {
    testing::reply(status, body)
}

/// 429 with a policy.
pub(super) fn limited(policy: &str) -> Reply {
    reply(
        429,
        &format!(
            r#"{{"status":"error","message":"You have reached your limit.","errorType":"RATE_LIMIT","policyName":"{policy}"}}"#
        ),
    )
}

/// A client on a script.
pub(super) struct Bench {
    pub hubspot: HubSpot,
    pub script: Arc<Script>,
}

/// No reserve, no latency, 22 November 2026 10:00 UTC.
pub(super) fn bench(replies: impl IntoIterator<Item = Reply>) -> Bench {
    bench_with(replies, CANARY, 0, Duration::ZERO)
}

pub(super) fn bench_with(
    replies: impl IntoIterator<Item = Reply>,
    token: &str,
    reserve_percent: u8,
    latency: Duration,
) -> Bench {
    let epoch: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    let script = Script::new(replies, latency);
    let hubspot = HubSpot::new(Connection {
        transport: Arc::clone(&script) as Arc<dyn Transport>,
        base: Url::parse(DEFAULT_BASE).unwrap(),
        credential: AccessToken::new(token).unwrap().into(),
        limiter: Arc::new(Limiter::new(Arc::new(VirtualClock::starting_at(epoch)), reserve_percent)),
        chance: Arc::new(Chance::seeded(1)),
    });
    Bench { hubspot, script }
}
