//! Assistants and schedules: what TEC's people have set up.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    answer::Refusal,
    input::{Page, Query, is_id},
};
use crate::{domain::Email, sim::shared::ControlError};

/// An assistant set up or changed by e-mail; what is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewAssistant {
    /// Its key.
    pub email: String,
    /// What it is called; what is before the `@` at first.
    #[serde(default)]
    pub name: Option<String>,
    /// Whether it can work; yes at first.
    #[serde(default)]
    pub onboarded: Option<bool>,
    /// What it knows of a lead without context.
    #[serde(default)]
    pub default_context: Option<String>,
    /// Id of its usual schedule.
    #[serde(default)]
    pub default_schedule: Option<String>,
}

impl NewAssistant {
    /// One that is onboarded and has no defaults.
    pub fn new(email: impl Into<String>) -> Self {
        Self { email: email.into(), ..Self::default() }
    }
}

/// A schedule set up or changed by id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewSchedule {
    /// Its key.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Whether leads can have it; absent, it stays as it is, and is active at first.
    #[serde(default)]
    pub active: Option<bool>,
}

impl NewSchedule {
    /// One that is active.
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self { id: id.into(), name: name.into(), active: None }
    }
}

/// What a TEC starts with: the `tec` part of a state file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InitialTec {
    /// Assistants.
    #[serde(default)]
    pub assistants: Vec<NewAssistant>,
    /// Schedules.
    #[serde(default)]
    pub schedules: Vec<NewSchedule>,
}

#[derive(Default)]
pub(super) struct Lists {
    assistants: Vec<Assistant>,
    schedules: Vec<Schedule>,
}

#[derive(Clone)]
pub(super) struct Assistant {
    id: String,
    pub email: Email,
    pub name: String,
    onboarded: bool,
    default_context: Option<String>,
    default_schedule: Option<String>,
}

struct Schedule {
    id: String,
    name: String,
    active: bool,
}

impl Assistant {
    fn to_json(&self) -> Value {
        let Self { id, email, name, onboarded, default_context, default_schedule } = self;
        let mut shown = json!({ "id": id, "email": email, "name": name, "onboarded": onboarded });
        for (field, value) in [("defaultContext", default_context), ("defaultSchedule", default_schedule)] {
            if let Some(value) = value {
                shown[field] = json!(value);
            }
        }
        shown
    }
}

impl Schedule {
    fn to_json(&self) -> Value {
        let Self { id, name, active } = self;
        json!({ "id": id, "name": name, "active": active })
    }
}

impl Lists {
    pub(super) fn set_assistant(&mut self, new: NewAssistant) -> Result<Value, ControlError> {
        let NewAssistant { email, name, onboarded, default_context, default_schedule } = new;
        let email = Email::new(&email).map_err(|error| ControlError::new(400, error.to_string()))?;
        if default_schedule.as_deref().is_some_and(|id| !is_id(id)) {
            return Err(ControlError::new(400, "defaultSchedule is no id"));
        }
        let place = self.assistants.iter().position(|known| known.email == email).unwrap_or_else(|| {
            let name = email.as_str().split('@').next().unwrap_or_default().to_owned();
            let id = format!("assistant-{}", self.assistants.len() + 1);
            let (default_context, default_schedule) = (None, None);
            let new = Assistant { id, email, name, onboarded: true, default_context, default_schedule };
            self.assistants.push(new);
            self.assistants.len() - 1
        });
        let known = &mut self.assistants[place];
        known.name = name.unwrap_or(std::mem::take(&mut known.name));
        known.onboarded = onboarded.unwrap_or(known.onboarded);
        known.default_context = default_context.or(known.default_context.take());
        known.default_schedule = default_schedule.or(known.default_schedule.take());
        Ok(known.to_json())
    }

    pub(super) fn set_schedule(&mut self, new: NewSchedule) -> Result<Value, ControlError> {
        let NewSchedule { id, name, active } = new;
        if !is_id(&id) {
            return Err(ControlError::new(400, "a schedule's id is 1 to 64 of A-Z a-z 0-9 . _ : -"));
        }
        let place = self.schedules.iter().position(|known| known.id == id).unwrap_or_else(|| {
            self.schedules.push(Schedule { id, name: String::new(), active: true });
            self.schedules.len() - 1
        });
        let known = &mut self.schedules[place];
        known.name = name;
        known.active = active.unwrap_or(known.active);
        Ok(known.to_json())
    }

    /// The assistant of an address, if it can work.
    pub(super) fn worker(&self, email: &str) -> Option<&Assistant> {
        let email = Email::new(email).ok()?;
        self.assistants.iter().find(|assistant| assistant.email == email && assistant.onboarded)
    }

    /// The assistant of an address, whether it can work or not.
    pub(super) fn assistant(&self, email: &str) -> Option<&Assistant> {
        self.assistants.iter().find(|assistant| assistant.email.as_str() == email)
    }

    pub(super) fn has_active_schedule(&self, id: &str) -> bool {
        self.schedules.iter().any(|schedule| schedule.id == id && schedule.active)
    }

    pub(super) fn all_assistants(&self) -> Vec<Value> {
        self.assistants.iter().map(Assistant::to_json).collect()
    }

    pub(super) fn all_schedules(&self) -> Vec<Value> {
        self.schedules.iter().map(Schedule::to_json).collect()
    }

    /// `GET /v1/assistants`
    pub(super) fn assistants(&self, query: &Query) -> Result<Value, Refusal> {
        let wanted = query.text("email")?.map(str::to_lowercase);
        let mut found = self.all_assistants();
        found.retain(|assistant| wanted.is_none() || assistant["email"].as_str() == wanted.as_deref());
        page("assistants", &found, query.page()?)
    }

    /// `GET /v1/schedules`
    pub(super) fn schedules(&self, query: &Query) -> Result<Value, Refusal> {
        page("schedules", &self.all_schedules(), query.page()?)
    }
}

fn page(name: &str, items: &[Value], page: Page<'_>) -> Result<Value, Refusal> {
    let first: usize = match page.after {
        None => 0,
        Some(cursor) => {
            let place = cursor.strip_prefix("lst_").and_then(|place| place.parse().ok());
            place.ok_or_else(|| Refusal::invalid("after: no cursor of this list"))?
        }
    };
    let end = items.len().min(first.saturating_add(page.limit));
    let mut body = json!({ name: items.get(first..end).unwrap_or_default() });
    if end < items.len() {
        body["next"] = json!(format!("lst_{end}"));
    }
    Ok(body)
}
