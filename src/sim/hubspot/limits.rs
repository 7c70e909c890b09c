//! HubSpot's rate limits: the rolling ten seconds per app, the portal's day, search per second (API.md §11).
//! Counts and refuses; reads no clock.
//!
//! Choices where HubSpot is silent: a refused request counts to no limit; a search counts to the day.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use http::Response;
use jiff::{Timestamp, tz::TimeZone};
use serde_json::json;

use super::answer::{ApiError, put_header};

const WINDOW_MS: i64 = 10_000;
const SEARCHES_PER_SECOND: usize = 5;

/// The counters of one portal.
#[derive(Debug)]
pub(super) struct Limits {
    portal_id: u64,
    per_10s: u32,
    daily: u64,
    time_zone: TimeZone,
    windows: BTreeMap<u64, VecDeque<i64>>,
    searches: VecDeque<i64>,
    used_today: u64,
    resets_at: Timestamp,
}

/// What the headers of an answer say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    max: u32,
    remaining: usize,
    daily: u64,
    daily_remaining: u64,
}

impl Limits {
    pub(super) fn new(portal_id: u64, per_10s: u32, daily: u64, time_zone: TimeZone, now: Timestamp) -> Self {
        let resets_at = next_midnight(now, &time_zone);
        let (windows, searches) = (BTreeMap::new(), VecDeque::new());
        Self { portal_id, per_10s, daily, time_zone, windows, searches, used_today: 0, resets_at }
    }

    /// Counts a request of an app, or refuses it.
    pub(super) fn take(&mut self, now: Timestamp, app_id: u64, is_search: bool) -> Result<(), ApiError> {
        self.roll_day(now);
        let now_ms = now.as_millisecond();
        let window = self.windows.entry(app_id).or_default();
        forget(window, now_ms - WINDOW_MS);
        forget(&mut self.searches, now_ms - 1000);
        if self.used_today >= self.daily {
            let seconds = (self.resets_at.as_millisecond() - now_ms).div_euclid(1000) + 1;
            return Err(refusal("daily", "DAILY", seconds).with("requestId", json!(format!("{now_ms:032x}"))));
        }
        if is_search {
            if self.searches.len() >= SEARCHES_PER_SECOND {
                return Err(refusal("secondly", "SECONDLY", 1));
            }
            self.searches.push_back(now_ms);
        } else {
            if window.len() >= self.per_10s as usize {
                let group = format!("publicapi:private_app-api-calls-ten-secondly:{}:{app_id}", self.portal_id);
                let wait_ms = window.front().map_or(0, |first| first + WINDOW_MS - now_ms);
                let refused = refusal("ten_secondly_rolling", "TEN_SECONDLY_ROLLING", wait_ms.div_euclid(1000) + 1);
                return Err(refused.with("groupName", json!(group)));
            }
            window.push_back(now_ms);
        }
        self.used_today += 1;
        Ok(())
    }

    /// Counts a request to the day that was refused for another limit.
    pub(super) fn charge(&mut self) {
        self.used_today += 1;
    }

    /// For the headers of an answer given now.
    pub(super) fn standing(&mut self, now: Timestamp, app_id: u64) -> Standing {
        self.roll_day(now);
        let window = self.windows.entry(app_id).or_default();
        forget(window, now.as_millisecond() - WINDOW_MS);
        Standing {
            max: self.per_10s,
            remaining: (self.per_10s as usize).saturating_sub(window.len()),
            daily: self.daily,
            daily_remaining: self.daily.saturating_sub(self.used_today),
        }
    }

    /// Limit, use and reset of the portal's day.
    pub(super) fn day(&mut self, now: Timestamp) -> (u64, u64, Timestamp) {
        self.roll_day(now);
        (self.daily, self.used_today, self.resets_at)
    }

    fn roll_day(&mut self, now: Timestamp) {
        if now >= self.resets_at {
            self.used_today = 0;
            self.resets_at = next_midnight(now, &self.time_zone);
        }
    }
}

impl Standing {
    /// Writes HubSpot's headers, the deprecated pair included.
    pub(super) fn write(self, response: &mut Response<Bytes>) {
        let secondly = (self.max / 10).max(1);
        let headers = [
            ("x-hubspot-ratelimit-daily", self.daily.to_string()),
            ("x-hubspot-ratelimit-daily-remaining", self.daily_remaining.to_string()),
            ("x-hubspot-ratelimit-interval-milliseconds", WINDOW_MS.to_string()),
            ("x-hubspot-ratelimit-max", self.max.to_string()),
            ("x-hubspot-ratelimit-remaining", self.remaining.to_string()),
            ("x-hubspot-ratelimit-secondly", secondly.to_string()),
            ("x-hubspot-ratelimit-secondly-remaining", secondly.saturating_sub(1).to_string()),
        ];
        for (name, value) in headers {
            put_header(response, name, &value);
        }
    }
}

/// The 429 of one policy; the header is taken off again where the portal sends none.
pub(super) fn refusal(words: &str, policy: &str, retry_after_s: i64) -> ApiError {
    let message = match policy {
        "DAILY" => "You have reached your daily limit.".to_owned(),
        _ => format!("You have reached your {words} limit."),
    };
    ApiError::new(429, message)
        .with("errorType", json!("RATE_LIMIT"))
        .with("policyName", json!(policy))
        .header("retry-after", retry_after_s.to_string())
}

fn forget(times: &mut VecDeque<i64>, until_ms: i64) {
    while times.front().is_some_and(|at| *at <= until_ms) {
        times.pop_front();
    }
}

fn next_midnight(now: Timestamp, time_zone: &TimeZone) -> Timestamp {
    let today = now.to_zoned(time_zone.clone());
    let midnight = today.tomorrow().and_then(|tomorrow| tomorrow.start_of_day());
    midnight.map_or(Timestamp::MAX, |midnight| midnight.timestamp())
}
