//! What people and circumstances do to a TEC: the Rust side of `/_sim/tec`, for tests in the same process.
//! None of it is counted, delayed or failed.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    TecConfig, TecSim,
    lists::{InitialTec, NewAssistant, NewSchedule},
};
use crate::sim::shared::{
    ControlError,
    faults::{Chaos, FaultRule},
    log::{RequestCounts, TraceEntry},
};

impl TecSim {
    /// Sets an assistant up, or changes the one of that address. Returns it.
    pub fn assistant(&self, assistant: NewAssistant) -> Result<Value, ControlError> {
        self.lock().lists.set_assistant(assistant)
    }

    /// Sets a schedule up, or changes the one of that id. Returns it.
    pub fn schedule(&self, schedule: NewSchedule) -> Result<Value, ControlError> {
        self.lock().lists.set_schedule(schedule)
    }

    /// Sets up what a state file says.
    pub fn set_up(&self, initial: &InitialTec) -> Result<(), ControlError> {
        let InitialTec { assistants, schedules } = initial;
        for schedule in schedules {
            self.schedule(schedule.clone())?;
        }
        for assistant in assistants {
            self.assistant(assistant.clone())?;
        }
        Ok(())
    }

    /// All leads in the order they were begun: `{leadId, idempotencyKey, crmId, assistantEmail, contact, context, schedule,
    /// state, seq, stopped, done, requests}`; `stopped` is the reason or `null`, `requests` how often the lead was asked for.
    pub fn leads(&self) -> Vec<Value> {
        self.lock().leads.to_json()
    }

    /// `{assistants, schedules, leads}`.
    pub fn state(&self) -> Value {
        let state = self.lock();
        json!({
            "assistants": state.lists.all_assistants(),
            "schedules": state.lists.all_schedules(),
            "leads": state.leads.to_json(),
        })
    }

    /// Makes every cursor of the event feed given out so far expired.
    pub fn expire_cursors(&self) {
        self.lock().feed.expire_cursors();
    }

    /// Changes how it behaves while it runs; a new seed has no effect.
    pub fn configure(&self, change: impl FnOnce(&mut TecConfig)) {
        change(&mut self.lock().config);
    }

    /// Moves the simulator's date ahead of its clock.
    pub fn advance(&self, by: Duration) {
        let mut state = self.lock();
        state.ahead = state.ahead.saturating_add(by);
    }

    /// Requests since the last reset.
    pub fn requests(&self) -> RequestCounts {
        self.lock().log.counts()
    }

    /// Starts counting anew.
    pub fn reset_requests(&self) {
        self.lock().log.reset();
    }

    /// Requests since the last reset, one by one (the latest 100,000).
    pub fn trace(&self) -> Vec<TraceEntry> {
        self.lock().log.trace()
    }

    /// As [`TecSim::requests`], in the form of the control route.
    pub(in crate::sim) fn request_report(&self, with_trace: bool) -> Value {
        self.lock().log.report(with_trace)
    }

    /// Adds a fault.
    pub fn add_fault(&self, rule: FaultRule) -> Result<(), ControlError> {
        self.lock().faults.add(rule).map_err(|message| ControlError::new(400, message))
    }

    /// Removes all faults (not chaos).
    pub fn clear_faults(&self) {
        self.lock().faults.clear();
    }

    /// The faults with how many requests each has matched.
    pub(in crate::sim) fn fault_report(&self) -> Vec<Value> {
        self.lock().faults.report()
    }

    /// Sets or removes chaos.
    pub fn set_chaos(&self, chaos: Option<Box<dyn Chaos>>) {
        self.lock().faults.chaos = chaos;
    }
}
