//! Another app of the account, or a script with our own token: it uses HubSpot's limits, and that is all it does.
//!
//! Its calls are worked out when somebody looks at the counters: they came when they were due, before whoever looks.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{DEFAULT_APP_ID, limits::Limits};

/// How much it sends. `Default` sends nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NeighbourConfig {
    /// Whose ten seconds it uses: with the app of our token, ours.
    pub app_id: u64,
    /// Calls in ten seconds, other than searches.
    #[serde(rename = "per10s")]
    pub per_10s: u32,
    /// Calls in a day, evenly, besides.
    pub per_day: u32,
    /// Searches in a second.
    pub searches_per_s: u32,
    /// All calls of ten seconds, and all searches of a second, at once.
    pub in_bursts: bool,
}

impl Default for NeighbourConfig {
    fn default() -> Self {
        Self { app_id: DEFAULT_APP_ID, per_10s: 0, per_day: 0, searches_per_s: 0, in_bursts: false }
    }
}

/// What became of its calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NeighbourCounts {
    /// Calls it made, the refused ones with them.
    pub sent: u64,
    /// Calls that were refused, by policy.
    pub refused: BTreeMap<&'static str, u64>,
}

/// Calls in an even stream.
#[derive(Debug)]
struct Stream {
    is_search: bool,
    every_us: i64,
    at_once: u32,
    due_us: i64,
}

/// A neighbour at work.
#[derive(Debug)]
pub(super) struct Neighbour {
    app_id: u64,
    streams: Vec<Stream>,
    pub(super) counts: NeighbourCounts,
}

impl Neighbour {
    /// It begins now.
    pub(super) fn new(config: &NeighbourConfig, now: Timestamp) -> Self {
        let NeighbourConfig { app_id, per_10s, per_day, searches_per_s, in_bursts } = *config;
        let stream = |count: u32, period_us: i64, is_search, in_bursts: bool| {
            let at_once = if in_bursts { count } else { 1 };
            let every_us = period_us * i64::from(at_once) / i64::from(count.max(1));
            (count > 0).then_some(Stream { is_search, every_us, at_once, due_us: now.as_microsecond() })
        };
        let streams = [
            stream(per_10s, 10_000_000, false, in_bursts),
            stream(searches_per_s, 1_000_000, true, in_bursts),
            stream(per_day, 86_400_000_000, false, false),
        ];
        Self { app_id, streams: streams.into_iter().flatten().collect(), counts: NeighbourCounts::default() }
    }

    /// Makes the calls that were due by now, in their order.
    pub(super) fn work(&mut self, limits: &mut Limits, now: Timestamp) {
        while let Some(stream) = self.streams.iter_mut().min_by_key(|stream| stream.due_us) {
            let Ok(at) = Timestamp::from_microsecond(stream.due_us) else { return };
            if at > now {
                return;
            }
            stream.due_us += stream.every_us;
            for _ in 0..stream.at_once {
                self.counts.sent += 1;
                if let Err(policy) = limits.take_for_neighbour(at, self.app_id, stream.is_search) {
                    *self.counts.refused.entry(policy).or_default() += 1;
                }
            }
        }
    }
}
