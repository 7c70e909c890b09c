//! Leads: begun by key, stopped by id, remembered for ever.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    State, TecSim,
    answer::{Refusal, item_error},
    input::{is_id, present},
};
use crate::domain::Email;

/// `NewLead` of the contract.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NewLead {
    idempotency_key: String,
    assistant_email: String,
    contact: Contact,
    #[serde(default, deserialize_with = "present")]
    context: Option<String>,
    #[serde(default, deserialize_with = "present")]
    schedule: Option<String>,
}

/// `Contact` of the contract.
#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Contact {
    pub crm_id: String,
    pub email: String,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    company: Option<String>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
}

/// An item of `StopLeads` of the contract.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct StopLead {
    lead_id: String,
    reason: Reason,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
enum Reason {
    TakenBack,
    ContactGone,
    AssistantDeleted,
}

pub(super) struct Lead {
    id: String,
    key: String,
    pub assistant_email: String,
    pub contact: Contact,
    context: Option<String>,
    schedule: Option<String>,
    pub state: String,
    /// The newest event's.
    pub seq: u64,
    stopped: Option<Reason>,
    pub done: bool,
    /// How often it was asked for.
    requests: u64,
}

impl Lead {
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// `CreatedLead` of the contract.
    fn answer(&self) -> Value {
        json!({ "idempotencyKey": self.key, "leadId": self.id, "state": self.state })
    }

    fn to_json(&self) -> Value {
        let Self { id, key, assistant_email, contact, context, schedule, state, seq, stopped, done, requests } = self;
        json!({
            "leadId": id,
            "idempotencyKey": key,
            "crmId": contact.crm_id,
            "assistantEmail": assistant_email,
            "contact": contact,
            "context": context,
            "schedule": schedule,
            "state": state,
            "seq": seq,
            "stopped": stopped,
            "done": done,
            "requests": requests,
        })
    }
}

/// All leads, in the order they were begun.
#[derive(Default)]
pub(super) struct Leads {
    all: Vec<Lead>,
    by_key: BTreeMap<String, usize>,
    /// By the CRM's id.
    newest: BTreeMap<String, usize>,
}

impl Leads {
    /// `lead-7` is the seventh.
    pub(super) fn place_of(&self, id: &str) -> Option<usize> {
        let number: usize = id.strip_prefix("lead-")?.parse().ok()?;
        number.checked_sub(1).filter(|place| self.all.get(*place).is_some_and(|lead| lead.id == id))
    }

    /// The newest lead of a contact.
    pub(super) fn place_of_contact(&self, crm_id: &str) -> Option<usize> {
        self.newest.get(crm_id).copied()
    }

    pub(super) fn get(&self, place: usize) -> Option<&Lead> {
        self.all.get(place)
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut Lead> {
        self.all.get_mut(place)
    }

    pub(super) fn to_json(&self) -> Vec<Value> {
        self.all.iter().map(Lead::to_json).collect()
    }

    fn by_key(&mut self, key: &str) -> Option<&mut Lead> {
        self.by_key.get(key).and_then(|place| self.all.get_mut(*place))
    }

    fn begin(&mut self, new: NewLead, assistant_email: String) -> &Lead {
        let NewLead { idempotency_key: key, assistant_email: _, contact, context, schedule } = new;
        let place = self.all.len();
        self.by_key.insert(key.clone(), place);
        self.newest.insert(contact.crm_id.clone(), place);
        self.all.push(Lead {
            id: format!("lead-{}", place + 1),
            key,
            assistant_email,
            contact,
            context,
            schedule,
            state: "New".to_owned(),
            seq: 0,
            stopped: None,
            done: false,
            requests: 1,
        });
        &self.all[place]
    }
}

impl TecSim {
    /// `POST /v1/leads/batch`
    pub(super) fn create_leads(&self, items: Vec<NewLead>) -> Result<Value, Refusal> {
        for item in &items {
            if !(1..=200).contains(&item.idempotency_key.chars().count()) {
                return Err(Refusal::invalid("idempotencyKey: 1 to 200 characters are expected"));
            }
            if !is_id(&item.contact.crm_id) {
                return Err(Refusal::invalid("contact.crmId: no id"));
            }
        }
        let mut state = self.lock();
        let results: Vec<Value> = items.into_iter().map(|item| state.create_lead(item)).collect();
        Ok(json!({ "results": results }))
    }

    /// `POST /v1/leads/stop/batch`
    pub(super) fn stop_leads(&self, items: Vec<StopLead>) -> Result<Value, Refusal> {
        if items.iter().any(|item| !is_id(&item.lead_id)) {
            return Err(Refusal::invalid("leadId: no id"));
        }
        let mut state = self.lock();
        let results: Vec<Value> = items.into_iter().map(|item| state.stop_lead(&item)).collect();
        Ok(json!({ "results": results }))
    }
}

impl State {
    fn create_lead(&mut self, new: NewLead) -> Value {
        let key = new.idempotency_key.clone();
        let refused = |code, message| item_error("idempotencyKey", &key, code, message);
        if self.unlucky() {
            return refused("TEMPORARY", "Please try again later.");
        }
        if let Some(lead) = self.leads.by_key(&key) {
            lead.requests += 1;
            return lead.answer();
        }
        let Some(assistant) = self.lists.worker(&new.assistant_email) else {
            return refused("UNKNOWN_ASSISTANT", "No onboarded assistant has this address.");
        };
        if Email::new(&new.contact.email).is_err() {
            return refused("INVALID_CONTACT", "The contact's e-mail address is none.");
        }
        if new.schedule.as_ref().is_some_and(|id| !self.lists.has_active_schedule(id)) {
            return refused("UNKNOWN_SCHEDULE", "There is no such active schedule.");
        }
        self.leads.begin(new, assistant.email.to_string()).answer()
    }

    fn stop_lead(&mut self, stop: &StopLead) -> Value {
        let StopLead { lead_id, reason } = stop;
        let refused = |code, message| item_error("leadId", lead_id, code, message);
        if self.unlucky() {
            return refused("TEMPORARY", "Please try again later.");
        }
        let lead = self.leads.place_of(lead_id).and_then(|place| self.leads.get_mut(place));
        let Some(lead) = lead else { return refused("UNKNOWN_LEAD", "There is no such lead.") };
        lead.stopped.get_or_insert(*reason);
        json!({ "leadId": lead_id, "stopped": true })
    }

    /// Asks chance only where there is one, so that a seed's other draws stay the same without it.
    fn unlucky(&mut self) -> bool {
        self.config.temporary > 0.0 && self.rng.f64() < self.config.temporary
    }
}
