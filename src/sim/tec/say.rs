//! What TEC is made to say: events as the contract has them, completed where the caller leaves out what TEC would know.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    State, TecSim,
    input::{is_id, present},
    leads::Lead,
};
use crate::sim::shared::{ControlError, answer::instant};

/// Characters of a body; TEC cuts what is longer.
const LONGEST_BODY: usize = 1_000_000;

/// An event as a caller gives it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    #[serde(default, deserialize_with = "present")]
    lead_id: Option<String>,
    #[serde(default, deserialize_with = "present")]
    crm_id: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, deserialize_with = "present")]
    seq: Option<u64>,
    #[serde(default, deserialize_with = "present")]
    occurred_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "present")]
    done: Option<bool>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Address {
    email: String,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    first_name: Option<String>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    last_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Email {
    subject: String,
    #[serde(default, deserialize_with = "present")]
    text: Option<String>,
    #[serde(default, deserialize_with = "present")]
    html: Option<String>,
    #[serde(default, deserialize_with = "present")]
    from: Option<Address>,
    #[serde(default, deserialize_with = "present")]
    to: Option<Vec<Address>>,
    #[serde(default)]
    cc: Vec<Address>,
    #[serde(default)]
    bcc: Vec<Address>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Task {
    subject: String,
    #[serde(default, deserialize_with = "present")]
    body: Option<String>,
    #[serde(default, deserialize_with = "present")]
    due_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "present")]
    priority: Option<Priority>,
    #[serde(default, rename = "type", deserialize_with = "present")]
    kind: Option<TaskType>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum Priority {
    Low,
    Medium,
    High,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum TaskType {
    Email,
    Call,
    Todo,
}

impl TecSim {
    /// Makes TEC say something; all of it or, on an error, nothing. Each event has `leadId` or `crmId` (its newest lead),
    /// `type`, what that type needs, and perhaps `done`, `seq`, `occurredAt`; the rest is filled in: `seq` is the lead's
    /// next, `occurredAt` is now, an e-mail goes between assistant and contact, a task is due in a day. An event of another
    /// type is said as it is. Returns what readers get.
    pub fn say(&self, events: Vec<Value>) -> Result<Vec<Value>, ControlError> {
        let now = self.now();
        let mut state = self.lock();
        let ready: Vec<_> = events.into_iter().map(|event| state.prepare(event, now)).collect::<Result<_, _>>()?;
        let said = ready.into_iter().map(|(place, event)| state.publish(place, event)).collect();
        drop(state);
        self.said.notify_waiters();
        Ok(said)
    }

    /// Puts anything into the feed, for tests of what a reader does with it.
    pub fn say_anything(&self, event: Value) {
        let mut state = self.lock();
        let State { config, rng, feed, .. } = &mut *state;
        feed.add(usize::MAX, event, config.reorder, rng);
        drop(state);
        self.said.notify_waiters();
    }
}

impl State {
    /// The lead and the complete event, but for a `seq` not given.
    fn prepare(&self, event: Value, now: Timestamp) -> Result<(usize, Map<String, Value>), ControlError> {
        let said: Said = read(event, "event")?;
        let Said { lead_id, crm_id, kind, seq, occurred_at, done, rest } = said;
        let place = match (&lead_id, &crm_id) {
            (Some(id), _) => self.leads.place_of(id),
            (None, Some(id)) => self.leads.place_of_contact(id),
            (None, None) => return Err(ControlError::new(400, "an event needs a leadId or a crmId")),
        };
        let place = place.ok_or_else(|| ControlError::new(404, "there is no such lead"))?;
        let lead = self.leads.get(place).ok_or_else(|| ControlError::new(404, "there is no such lead"))?;
        if !is_id(&kind) || seq == Some(0) {
            return Err(ControlError::new(400, "an event needs a plain type and a seq from 1"));
        }
        let mut event = self.details(lead, &kind, rest, now)?;
        event.insert("leadId".to_owned(), json!(lead.id()));
        event.insert("crmId".to_owned(), json!(crm_id.as_ref().unwrap_or(&lead.contact.crm_id)));
        event.insert("type".to_owned(), json!(kind));
        event.insert("occurredAt".to_owned(), json!(instant(occurred_at.unwrap_or(now))));
        if let Some(done) = done {
            event.insert("done".to_owned(), json!(done));
        }
        if let Some(seq) = seq {
            event.insert("seq".to_owned(), json!(seq));
        }
        Ok((place, event))
    }

    /// What only this type of event has.
    fn details(
        &self,
        lead: &Lead,
        kind: &str,
        mut rest: Map<String, Value>,
        now: Timestamp,
    ) -> Result<Map<String, Value>, ControlError> {
        let field = match kind {
            "StateChanged" => "state",
            "EmailSent" | "EmailReceived" => "email",
            "TaskCreated" => "task",
            _ => return Ok(rest),
        };
        let missing = || ControlError::new(400, format!("{kind} needs {field}"));
        let given = rest.remove(field).ok_or_else(missing)?;
        if let Some(other) = rest.keys().next() {
            return Err(ControlError::new(400, format!("{kind} has no {other}")));
        }
        let value = match field {
            "email" => self.email(lead, kind == "EmailSent", read(given, field)?),
            "task" => task(read(given, field)?, now),
            _ => {
                let state: String = read(given, field)?;
                if !(1..=64).contains(&state.chars().count()) {
                    return Err(ControlError::new(400, "a state has 1 to 64 characters"));
                }
                json!(state)
            }
        };
        Ok(Map::from_iter([(field.to_owned(), value)]))
    }

    fn email(&self, lead: &Lead, sent: bool, email: Email) -> Value {
        let Email { subject, text, html, from, to, cc, bcc } = email;
        let cut = |body: String| body.chars().take(LONGEST_BODY).collect::<String>();
        let (text, html) = (text.map(cut), html.map(cut));
        let assistant = || Address {
            email: lead.assistant_email.clone(),
            first_name: self.lists.assistant(&lead.assistant_email).map(|assistant| assistant.name.clone()),
            last_name: None,
        };
        let contact = || Address {
            email: lead.contact.email.clone(),
            first_name: lead.contact.first_name.clone(),
            last_name: lead.contact.last_name.clone(),
        };
        let (sender, recipient) = if sent { (assistant(), contact()) } else { (contact(), assistant()) };
        let (from, to) = (from.unwrap_or(sender), to.unwrap_or_else(|| vec![recipient]));
        let mut value = json!({ "subject": subject, "from": from, "to": to, "cc": cc, "bcc": bcc });
        for (field, body) in [("text", text), ("html", html)] {
            if let Some(body) = body {
                value[field] = json!(body);
            }
        }
        value
    }

    /// Gives the event its `seq`, lets the lead follow it, and delivers it.
    fn publish(&mut self, place: usize, mut event: Map<String, Value>) -> Value {
        let Self { config, rng, leads, feed, .. } = self;
        if let Some(lead) = leads.get_mut(place) {
            let seq = event.get("seq").and_then(Value::as_u64).unwrap_or(lead.seq + 1);
            event.insert("seq".to_owned(), json!(seq));
            if let Some(state) = event.get("state").and_then(Value::as_str).filter(|_| seq > lead.seq) {
                state.clone_into(&mut lead.state);
            }
            lead.seq = lead.seq.max(seq);
            lead.done |= event.get("done") == Some(&Value::Bool(true));
        }
        let event = Value::Object(event);
        feed.add(place, event.clone(), config.reorder, rng);
        event
    }
}

fn task(task: Task, now: Timestamp) -> Value {
    let Task { subject, body, due_at, priority, kind } = task;
    let due_at = due_at.unwrap_or_else(|| now.saturating_add(SignedDuration::from_hours(24)).unwrap_or(now));
    let mut value = json!({ "subject": subject, "dueAt": instant(due_at) });
    for (field, given) in [("body", json!(body)), ("priority", json!(priority)), ("type", json!(kind))] {
        if !given.is_null() {
            value[field] = given;
        }
    }
    value
}

fn read<T: serde::de::DeserializeOwned>(value: Value, what: &str) -> Result<T, ControlError> {
    serde_json::from_value(value).map_err(|error| ControlError::new(400, format!("{what}: {error}")))
}
