//! HubSpot's rate limits: the rolling ten seconds per app, the portal's day, search per second (API.md §11). OAuth apps have
//! a window of their own per portal, and no day.
//! Counts and refuses; reads no clock.
//!
//! Choices where HubSpot is silent: a refused request counts to no limit; a search counts to the day.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use http::Response;
use jiff::{Timestamp, tz::TimeZone};
use serde_json::json;

use super::{
    answer::{ApiError, put_header},
    config::SimConfig,
    neighbour::{Neighbour, NeighbourConfig, NeighbourCounts},
};

const WINDOW_MS: i64 = 10_000;
const SEARCHES_PER_SECOND: usize = 5;

/// Whose limits a request counts to, by app id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Payer {
    /// Service keys and private apps.
    Private(u64),
    /// OAuth apps.
    OAuth(u64),
}

/// The counters of one portal.
#[derive(Debug)]
pub(super) struct Limits {
    portal_id: u64,
    per_10s: u32,
    oauth_per_10s: u32,
    daily: u64,
    time_zone: TimeZone,
    windows: BTreeMap<Payer, VecDeque<i64>>,
    searches: VecDeque<i64>,
    used_today: u64,
    resets_at: Timestamp,
    neighbour: Option<Neighbour>,
    /// Whether answers tell of the day.
    tells_day: bool,
}

/// What the headers of an answer say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    max: u32,
    remaining: usize,
    /// Limit and rest of the day, where they are told.
    day: Option<(u64, u64)>,
}

impl Limits {
    pub(super) fn new(config: &SimConfig, now: Timestamp) -> Self {
        let resets_at = next_midnight(now, &config.time_zone);
        let (windows, searches) = (BTreeMap::new(), VecDeque::new());
        Self {
            portal_id: config.portal_id,
            per_10s: config.limit_per_10s,
            oauth_per_10s: config.oauth_per_10s,
            daily: config.daily_limit,
            time_zone: config.time_zone.clone(),
            windows,
            searches,
            used_today: 0,
            resets_at,
            neighbour: None,
            tells_day: true,
        }
    }

    /// Another app beside those that call, instead of the one there is.
    pub(super) fn set_neighbour(&mut self, config: &NeighbourConfig, now: Timestamp) {
        self.let_neighbour_work(now);
        self.neighbour = Some(Neighbour::new(config, now));
    }

    /// What became of the neighbour's calls so far.
    pub(super) fn neighbour(&mut self, now: Timestamp) -> NeighbourCounts {
        self.let_neighbour_work(now);
        self.neighbour.as_ref().map(|neighbour| neighbour.counts.clone()).unwrap_or_default()
    }

    /// Whether answers are to tell of the day.
    pub(super) fn tell_day(&mut self, tells: bool) {
        self.tells_day = tells;
    }

    /// The neighbour's calls that were due by now come before whatever comes now.
    fn let_neighbour_work(&mut self, now: Timestamp) {
        if let Some(mut neighbour) = self.neighbour.take() {
            neighbour.work(self, now);
            self.neighbour = Some(neighbour);
        }
    }

    /// Counts a call of the neighbour's, or refuses it: which limit it is then.
    pub(super) fn take_for_neighbour(
        &mut self,
        at: Timestamp,
        app_id: u64,
        is_search: bool,
    ) -> Result<(), &'static str> {
        self.take(at, Payer::Private(app_id), is_search).map_err(|_| {
            if self.used_today >= self.daily {
                "DAILY"
            } else if is_search {
                "SECONDLY"
            } else {
                "TEN_SECONDLY_ROLLING"
            }
        })
    }

    /// Counts a request of an app, or refuses it.
    pub(super) fn take(&mut self, now: Timestamp, payer: Payer, is_search: bool) -> Result<(), ApiError> {
        self.let_neighbour_work(now);
        self.roll_day(now);
        let now_ms = now.as_millisecond();
        let max = self.max(payer) as usize;
        let (has_day, group) = match payer {
            Payer::Private(app) => (true, format!("private_app-api-calls-ten-secondly:{}:{app}", self.portal_id)),
            Payer::OAuth(app) => (false, format!("api-calls-ten-secondly:{}:{app}", self.portal_id)),
        };
        let window = self.windows.entry(payer).or_default();
        forget(window, now_ms - WINDOW_MS);
        forget(&mut self.searches, now_ms - 1000);
        if has_day && self.used_today >= self.daily {
            let seconds = (self.resets_at.as_millisecond() - now_ms).div_euclid(1000) + 1;
            return Err(refusal("daily", "DAILY", seconds).with("requestId", json!(format!("{now_ms:032x}"))));
        }
        if is_search {
            if self.searches.len() >= SEARCHES_PER_SECOND {
                return Err(refusal("secondly", "SECONDLY", 1));
            }
            self.searches.push_back(now_ms);
        } else {
            if window.len() >= max {
                let wait_ms = window.front().map_or(0, |first| first + WINDOW_MS - now_ms);
                let refused = refusal("ten_secondly_rolling", "TEN_SECONDLY_ROLLING", wait_ms.div_euclid(1000) + 1);
                return Err(refused.with("groupName", json!(format!("publicapi:{group}"))));
            }
            window.push_back(now_ms);
        }
        self.used_today += u64::from(has_day);
        Ok(())
    }

    /// Counts a request to the day that was refused for another limit.
    pub(super) fn charge(&mut self) {
        self.used_today += 1;
    }

    /// Requests of a payer in ten seconds.
    fn max(&self, payer: Payer) -> u32 {
        match payer {
            Payer::Private(_) => self.per_10s,
            Payer::OAuth(_) => self.oauth_per_10s,
        }
    }

    /// For the headers of an answer given now.
    pub(super) fn standing(&mut self, now: Timestamp, payer: Payer) -> Standing {
        self.let_neighbour_work(now);
        self.roll_day(now);
        let max = self.max(payer);
        let window = self.windows.entry(payer).or_default();
        forget(window, now.as_millisecond() - WINDOW_MS);
        let day = match payer {
            Payer::Private(_) if self.tells_day => Some((self.daily, self.daily.saturating_sub(self.used_today))),
            Payer::Private(_) | Payer::OAuth(_) => None,
        };
        Standing { max, remaining: (max as usize).saturating_sub(window.len()), day }
    }

    /// Limit, use and reset of the portal's day.
    pub(super) fn day(&mut self, now: Timestamp) -> (u64, u64, Timestamp) {
        self.let_neighbour_work(now);
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
            ("x-hubspot-ratelimit-interval-milliseconds", WINDOW_MS.to_string()),
            ("x-hubspot-ratelimit-max", self.max.to_string()),
            ("x-hubspot-ratelimit-remaining", self.remaining.to_string()),
            ("x-hubspot-ratelimit-secondly", secondly.to_string()),
            ("x-hubspot-ratelimit-secondly-remaining", secondly.saturating_sub(1).to_string()),
        ];
        for (name, value) in headers {
            put_header(response, name, &value);
        }
        if let Some((daily, remaining)) = self.day {
            put_header(response, "x-hubspot-ratelimit-daily", &daily.to_string());
            put_header(response, "x-hubspot-ratelimit-daily-remaining", &remaining.to_string());
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
