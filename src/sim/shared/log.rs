//! The request log: who called what how often. Counts go by route; tokens never get in.

use std::collections::{BTreeMap, VecDeque};

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::answer::instant;

/// Entries kept for the trace; counts are kept for all.
const TRACE_LIMIT: usize = 100_000;

/// Requests counted since the last reset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestCounts {
    /// All of them.
    pub total: u64,
    /// By method, route template and outcome; an unknown route is `(unknown)`.
    pub by_route: Vec<RouteCount>,
}

/// One line of [`RequestCounts`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteCount {
    /// HTTP method.
    pub method: String,
    /// Route template, such as `/crm/properties/contacts/{name}`.
    pub route: String,
    /// Status answered; `None` for a cut connection, or no answer yet.
    pub status: Option<u16>,
    /// How many.
    pub count: u64,
}

impl RequestCounts {
    /// Requests of one method and route, whatever came of them.
    pub fn of(&self, method: &str, route: &str) -> u64 {
        self.by_route.iter().filter(|line| line.method == method && line.route == route).map(|line| line.count).sum()
    }

    /// Requests that got this status.
    pub fn with_status(&self, status: u16) -> u64 {
        self.by_route.iter().filter(|line| line.status == Some(status)).map(|line| line.count).sum()
    }

    /// Requests other than reads (searches and batch reads are POSTs and count here only by their method).
    pub fn writes(&self) -> u64 {
        let reads = |line: &&RouteCount| {
            line.method == "GET" || line.route.ends_with("/search") || line.route.ends_with("/batch/read")
        };
        self.by_route.iter().filter(|line| !reads(line)).map(|line| line.count).sum()
    }
}

/// One request of the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceEntry {
    /// When it arrived, on the simulator's clock.
    pub at: Timestamp,
    /// HTTP method.
    pub method: String,
    /// Path and query as sent.
    pub path: String,
    /// Status answered; `None` for a cut connection, or no answer yet.
    pub status: Option<u16>,
}

#[derive(Debug, Default)]
pub(in crate::sim) struct RequestLog {
    total: u64,
    counts: BTreeMap<(String, &'static str, Option<u16>), u64>,
    trace: VecDeque<TraceEntry>,
    /// Number of the first entry in `trace`, counted from the start of the simulator.
    first: u64,
    /// Entries before this number were reset.
    valid_from: u64,
}

/// A request in the log whose answer is still to come.
#[derive(Clone, Copy, Debug)]
pub(in crate::sim) struct LogTicket {
    number: u64,
    route: &'static str,
}

impl RequestLog {
    pub(in crate::sim) fn arrive(
        &mut self,
        at: Timestamp,
        method: &Method,
        path: String,
        route: &'static str,
    ) -> LogTicket {
        if self.trace.len() >= TRACE_LIMIT {
            self.trace.pop_front();
            self.first += 1;
        }
        let number = self.first + self.trace.len() as u64;
        self.total += 1;
        *self.counts.entry((method.to_string(), route, None)).or_default() += 1;
        self.trace.push_back(TraceEntry { at, method: method.to_string(), path, status: None });
        LogTicket { number, route }
    }

    pub(in crate::sim) fn answer(&mut self, ticket: LogTicket, method: &Method, status: u16) {
        if ticket.number < self.valid_from {
            return;
        }
        let open = (method.to_string(), ticket.route, None);
        if let Some(count) = self.counts.get_mut(&open) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&open);
            }
        }
        *self.counts.entry((method.to_string(), ticket.route, Some(status))).or_default() += 1;
        let index = ticket.number.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        if let Some(entry) = index.and_then(|index| self.trace.get_mut(index)) {
            entry.status = Some(status);
        }
    }

    pub(in crate::sim) fn reset(&mut self) {
        self.first += self.trace.len() as u64;
        self.valid_from = self.first;
        self.total = 0;
        self.counts.clear();
        self.trace.clear();
    }

    pub(in crate::sim) fn counts(&self) -> RequestCounts {
        let by_route = self.counts.iter().map(|((method, route, status), count)| RouteCount {
            method: method.clone(),
            route: (*route).to_owned(),
            status: *status,
            count: *count,
        });
        RequestCounts { total: self.total, by_route: by_route.collect() }
    }

    pub(in crate::sim) fn trace(&self) -> Vec<TraceEntry> {
        self.trace.iter().cloned().collect()
    }

    /// The control route's answer.
    pub(in crate::sim) fn report(&self, with_trace: bool) -> Value {
        let lines = self.counts.iter().map(|((method, route, status), count)| {
            json!({ "method": method, "route": route, "status": status, "count": count })
        });
        let mut report = json!({ "total": self.total, "byRoute": lines.collect::<Vec<_>>() });
        if with_trace {
            let entry = |entry: &TraceEntry| {
                let TraceEntry { at, method, path, status } = entry;
                json!({ "at": instant(*at), "method": method, "path": path, "status": status })
            };
            report["log"] = Value::Array(self.trace.iter().map(entry).collect());
        }
        report
    }
}
