//! Leads begun and stopped, in batches. One outcome per item, in the order of the request; one bad item holds up no other.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Tec,
    call::Call,
    error::{ErrorKind, Operation, Result},
    wire,
};
use crate::domain::{ContactId, Email, LeadId};

/// Most items per batch.
pub const MAX_BATCH: usize = 100;

/// A contact for an assistant to work on.
#[derive(Clone, PartialEq, Eq)]
pub struct NewLead {
    /// One assignment: the same key is the same lead, however often it is sent.
    pub idempotency_key: String,
    /// Whose lead it is.
    pub assistant_email: Email,
    /// Whom to write to.
    pub contact: LeadContact,
    /// What the assistant should know; TEC's default when absent.
    pub context: Option<String>,
    /// Id of a schedule; TEC's default when absent.
    pub schedule: Option<String>,
}

/// The person, as the CRM knows them. `Debug` shows the id only.
#[derive(Clone, PartialEq, Eq)]
pub struct LeadContact {
    /// The record.
    pub crm_id: ContactId,
    /// As the CRM has it; TEC judges it.
    pub email: String,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// Company.
    pub company: Option<String>,
    /// Phone number.
    pub phone: Option<String>,
}

/// What became of a [`NewLead`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreatedLead {
    /// TEC has it, now or since an earlier call.
    Created {
        /// Its id.
        lead: LeadId,
        /// Its present state; an open set.
        state: String,
    },
    /// TEC has not taken it.
    Refused(ItemError),
}

/// Why one item of a batch failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemError {
    /// TEC's code (`UNKNOWN_ASSISTANT`, …) or [`ItemError::NO_ANSWER`]. Capital letters, digits and `_`; open set.
    pub code: String,
}

impl ItemError {
    /// No assistant has the address.
    pub const UNKNOWN_ASSISTANT: &str = "UNKNOWN_ASSISTANT";
    /// TEC cannot write to the contact as it is.
    pub const INVALID_CONTACT: &str = "INVALID_CONTACT";
    /// There is no such schedule, or it is not active.
    pub const UNKNOWN_SCHEDULE: &str = "UNKNOWN_SCHEDULE";
    /// There is no such lead.
    pub const UNKNOWN_LEAD: &str = "UNKNOWN_LEAD";
    /// Come back later.
    pub const TEMPORARY: &str = "TEMPORARY";
    /// Ours: the answer says nothing readable about the item. It may have been done; asking again is safe.
    pub const NO_ANSWER: &str = "NO_ANSWER";
    /// Ours: refused with something that is no code.
    pub const UNNAMED: &str = "UNNAMED";

    fn new(code: &str) -> Self {
        Self { code: code.to_owned() }
    }
}

impl fmt::Display for ItemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)
    }
}

/// A lead to work on no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopLead {
    /// Which.
    pub lead: LeadId,
    /// Why.
    pub reason: StopReason,
}

/// Why a lead is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum StopReason {
    /// A person took the contact away from the assistant.
    TakenBack,
    /// The contact was deleted, or merged into another.
    ContactGone,
    /// The assistant is removed.
    AssistantDeleted,
}

/// What became of a [`StopLead`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopOutcome {
    /// It is stopped, now or since an earlier call.
    Stopped,
    /// TEC has no such lead.
    Unknown,
    /// It is not stopped.
    Refused(ItemError),
}

impl fmt::Debug for NewLead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewLead")
            .field("idempotency_key", &self.idempotency_key)
            .field("contact", &self.contact)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for LeadContact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeadContact").field("crm_id", &self.crm_id).finish_non_exhaustive()
    }
}

impl Tec {
    /// Begins leads, at most [`MAX_BATCH`] of them: one outcome per input, in input order.
    pub async fn create_leads(&self, leads: &[NewLead]) -> Result<Vec<CreatedLead>> {
        let items = leads.iter().map(new_lead).collect();
        let call = Call::post(Operation::CreateLeads, "/v1/leads/batch", &wire::Leads { leads: items })?;
        let answers = self.batch(&call, leads.len()).await?;
        let mut found: BTreeMap<String, CreatedLead> = BTreeMap::new();
        for answer in &answers {
            if let Ok(item) = wire::CreatedLead::deserialize(answer) {
                found.insert(item.idempotency_key.clone(), self.created(item));
            }
        }
        let outcome = |lead: &NewLead| found.get(&lead.idempotency_key).cloned();
        let none = || CreatedLead::Refused(ItemError::new(ItemError::NO_ANSWER));
        Ok(leads.iter().map(|lead| outcome(lead).unwrap_or_else(none)).collect())
    }

    /// Stops leads, at most [`MAX_BATCH`] of them: one outcome per input, in input order.
    pub async fn stop_leads(&self, stops: &[StopLead]) -> Result<Vec<StopOutcome>> {
        let item = |stop: &StopLead| wire::StopLead { lead_id: stop.lead.0.clone(), reason: stop.reason };
        let items = stops.iter().map(item).collect();
        let call = Call::post(Operation::StopLeads, "/v1/leads/stop/batch", &wire::Leads { leads: items })?;
        let answers = self.batch(&call, stops.len()).await?;
        let mut found: BTreeMap<String, StopOutcome> = BTreeMap::new();
        for answer in &answers {
            if let Ok(item) = wire::StoppedLead::deserialize(answer) {
                found.insert(item.lead_id.clone(), self.stopped(&item));
            }
        }
        let outcome = |stop: &StopLead| found.get(stop.lead.as_str()).cloned();
        let none = || StopOutcome::Refused(ItemError::new(ItemError::NO_ANSWER));
        Ok(stops.iter().map(|stop| outcome(stop).unwrap_or_else(none)).collect())
    }

    /// Sends a batch of a size TEC takes; none is nothing to send.
    async fn batch(&self, call: &Call, size: usize) -> Result<Vec<Value>> {
        if size == 0 {
            return Ok(Vec::new());
        }
        if size > MAX_BATCH {
            return Err(call.fail(ErrorKind::Rejected { code: "BATCH_TOO_LARGE".to_owned() }));
        }
        let answer: wire::Results = self.fetch(call).await?;
        Ok(answer.results)
    }

    fn created(&self, item: wire::CreatedLead) -> CreatedLead {
        match item {
            wire::CreatedLead { error: Some(error), .. } => CreatedLead::Refused(self.refusal(&error)),
            wire::CreatedLead { lead_id: Some(id), state: Some(state), .. } if wire::is_word(&id) => {
                CreatedLead::Created { lead: LeadId(id), state }
            }
            _ => CreatedLead::Refused(ItemError::new(ItemError::NO_ANSWER)),
        }
    }

    fn stopped(&self, item: &wire::StoppedLead) -> StopOutcome {
        match &item.error {
            Some(error) if error.code == ItemError::UNKNOWN_LEAD => StopOutcome::Unknown,
            Some(error) => StopOutcome::Refused(self.refusal(error)),
            None if item.stopped => StopOutcome::Stopped,
            None => StopOutcome::Refused(ItemError::new(ItemError::NO_ANSWER)),
        }
    }

    fn refusal(&self, error: &wire::ErrorBody) -> ItemError {
        ItemError { code: self.code(&error.code).unwrap_or_else(|| ItemError::UNNAMED.to_owned()) }
    }
}

fn new_lead(lead: &NewLead) -> wire::NewLead<'_> {
    let NewLead { idempotency_key, assistant_email, contact, context, schedule } = lead;
    let LeadContact { crm_id, email, first_name, last_name, company, phone } = contact;
    wire::NewLead {
        idempotency_key,
        assistant_email: assistant_email.as_str(),
        contact: wire::Contact {
            crm_id: crm_id.as_str(),
            email,
            first_name: first_name.as_deref(),
            last_name: last_name.as_deref(),
            company: company.as_deref(),
            phone: phone.as_deref(),
        },
        context: context.as_deref(),
        schedule: schedule.as_deref(),
    }
}
