//! Faults by route, and chaos for simulations: what to answer instead of, or after, the truth (DESIGN.md §8).
//! Decides only; the front doors carry it out.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use http::{Method, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    answer::{JSON, respond},
    later,
};

/// A fault to be answered on matching requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FaultRule {
    /// A route template (`/crm/properties/contacts/{name}`), or the beginning of a template or path, or `*`.
    pub route: String,
    /// Only this method; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// How many matching requests it strikes; 1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// How many matching requests pass before the first strike.
    #[serde(default)]
    pub after_n: u32,
    /// Whether the request has its effect.
    #[serde(default)]
    pub when: When,
    /// Status answered; without it (and without `drop`) the true answer is only delayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// A text is sent as it is, anything else as JSON; a body fit for the status when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// Extra headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Delay before the effect (`before`) or after it (`after`), in milliseconds.
    #[serde(default)]
    pub delay_ms: u64,
    /// Closes the connection without an answer.
    #[serde(default)]
    pub drop: bool,
    /// Breaks the true answer's body off in the middle.
    #[serde(default)]
    pub cut: bool,
    /// Strikes every matching request for so many milliseconds from the first strike on, instead of `times`: a lock (423) is
    /// over after two seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasts_ms: Option<u64>,
}

/// When a fault strikes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum When {
    /// Nothing has happened.
    #[default]
    Before,
    /// The request has had its effect.
    After,
}

/// One strike.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// Whether the request has its effect.
    pub when: When,
    /// Waited before the effect (`Before`) or after it (`After`).
    pub delay: Duration,
    /// What is answered instead of the truth.
    pub reply: FaultReply,
}

/// What a struck request is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FaultReply {
    /// The true answer, only later.
    #[default]
    True,
    /// Nothing: the connection closes.
    Drop,
    /// The first half of the true answer's body.
    Cut,
    /// This answer.
    Answer {
        /// HTTP status.
        status: u16,
        /// A text is sent as it is, anything else as JSON; `None` for a body fit for the status.
        body: Option<Value>,
        /// Extra headers.
        headers: BTreeMap<String, String>,
    },
}

impl Fault {
    /// The connection closes before or after the effect.
    pub fn drop(when: When) -> Self {
        Self { when, delay: Duration::ZERO, reply: FaultReply::Drop }
    }

    /// A status with the body it usually has.
    pub fn status(when: When, status: u16) -> Self {
        let reply = FaultReply::Answer { status, body: None, headers: BTreeMap::new() };
        Self { when, delay: Duration::ZERO, reply }
    }
}

/// Seeded mischief for simulation tests, asked once per request no rule has struck.
pub trait Chaos: Send {
    /// Decides the fate of a request; `route` is its template.
    fn strike(&mut self, method: &Method, route: &str) -> Option<Fault>;
}

impl<F: FnMut(&Method, &str) -> Option<Fault> + Send> Chaos for F {
    fn strike(&mut self, method: &Method, route: &str) -> Option<Fault> {
        self(method, route)
    }
}

/// The rules in force.
pub(in crate::sim) struct Faults {
    rules: Vec<Armed>,
    /// Whether a rule's route is a whole template, not a beginning.
    is_template: fn(&str) -> bool,
    pub(in crate::sim) chaos: Option<Box<dyn Chaos>>,
}

/// A rule and what it has seen.
struct Armed {
    rule: FaultRule,
    seen: u32,
    /// When it struck first.
    since: Option<Timestamp>,
}

impl Armed {
    /// Whether it is the rule's turn; the request counts as seen either way.
    fn strikes(&mut self, now: Timestamp) -> bool {
        let Self { rule, seen, since } = self;
        let turn = *seen;
        *seen = seen.saturating_add(1);
        match rule.lasts_ms {
            Some(lasts) if turn >= rule.after_n => now < later(*since.get_or_insert(now), Duration::from_millis(lasts)),
            Some(_) => false,
            None => (rule.after_n..rule.after_n.saturating_add(rule.times.unwrap_or(1))).contains(&turn),
        }
    }
}

impl Faults {
    pub(in crate::sim) fn new(is_template: fn(&str) -> bool) -> Self {
        Self { rules: Vec::new(), is_template, chaos: None }
    }

    /// Adds a rule, or says what is wrong with it.
    pub(in crate::sim) fn add(&mut self, rule: FaultRule) -> Result<(), String> {
        if rule.route != "*" && !rule.route.starts_with('/') {
            return Err(format!("route {:?} must begin with '/' or be '*'", rule.route));
        }
        if rule.times == Some(0) {
            return Err("times must be at least 1".to_owned());
        }
        if let Some(status) = rule.status.filter(|status| !(200..=599).contains(status)) {
            return Err(format!("status {status} is not from 200 to 599"));
        }
        if rule.status.is_none() && !rule.drop && !rule.cut && rule.delay_ms == 0 {
            return Err("a fault needs a status, a delayMs, cut or drop".to_owned());
        }
        if rule.times.is_some() && rule.lasts_ms.is_some() {
            return Err("a fault has times or lastsMs, not both".to_owned());
        }
        self.rules.push(Armed { rule, seen: 0, since: None });
        Ok(())
    }

    pub(in crate::sim) fn clear(&mut self) {
        self.rules.clear();
    }

    /// The rules with how many requests each has matched.
    pub(in crate::sim) fn report(&self) -> Vec<Value> {
        self.rules.iter().map(|Armed { rule, seen, .. }| json!({ "rule": rule, "matched": seen })).collect()
    }

    /// The fault that strikes a request: the first rule whose turn it is, else chaos.
    pub(in crate::sim) fn strike(
        &mut self,
        (method, template, path): (&Method, &str, &str),
        now: Timestamp,
    ) -> Option<Fault> {
        for armed in &mut self.rules {
            if armed.rule.matches(method, template, path, self.is_template) && armed.strikes(now) {
                return Some(armed.rule.fault());
            }
        }
        self.chaos.as_mut().and_then(|chaos| chaos.strike(method, template))
    }
}

impl FaultRule {
    fn matches(&self, method: &Method, template: &str, path: &str, is_template: fn(&str) -> bool) -> bool {
        if self.method.as_ref().is_some_and(|wanted| !wanted.eq_ignore_ascii_case(method.as_str())) {
            return false;
        }
        if is_template(&self.route) {
            return template == self.route;
        }
        let prefix = self.route.strip_suffix('*').unwrap_or(&self.route);
        template.starts_with(prefix) || path.starts_with(prefix)
    }

    fn fault(&self) -> Fault {
        let reply = match (self.drop, self.status) {
            (true, _) => FaultReply::Drop,
            (false, None) if self.cut => FaultReply::Cut,
            (false, None) => FaultReply::True,
            (false, Some(status)) => {
                FaultReply::Answer { status, body: self.body.clone(), headers: self.headers.clone() }
            }
        };
        Fault { when: self.when, delay: Duration::from_millis(self.delay_ms), reply }
    }
}

/// An answer whose body breaks off in the middle.
pub(in crate::sim) fn broken_off(response: Response<Bytes>) -> Response<Bytes> {
    response.map(|body| body.slice(..body.len() / 2))
}

/// A body a rule asks for.
pub(in crate::sim) fn custom(status: u16, body: &Value) -> Response<Bytes> {
    match body {
        Value::String(text) => respond(status, text_type(text), Bytes::from(text.clone())),
        json => respond(status, JSON, Bytes::from(json.to_string())),
    }
}

/// Headers a rule asks for; what is no header is left out.
pub(in crate::sim) fn put_headers(response: &mut Response<Bytes>, headers: &BTreeMap<String, String>) {
    for (name, value) in headers {
        let name = http::HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, http::HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
    }
}

/// What proxies say when the servers behind them do not answer.
pub(in crate::sim) fn proxy_page(status: u16) -> Option<Response<Bytes>> {
    matches!(status, 502 | 504 | 520..=529).then(|| {
        let page = format!("<html><head><title>{status}</title></head><body><h1>Error {status}</h1></body></html>");
        respond(status, HTML, Bytes::from(page))
    })
}

const HTML: &str = "text/html;charset=utf-8";

fn text_type(text: &str) -> &'static str {
    if text.trim_start().starts_with('<') { HTML } else { JSON }
}
