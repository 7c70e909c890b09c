//! Ways of the office: what its people do more than once, and what they see.

use std::time::Duration;

use serde_json::{Value, json};

use super::{super::world::NAMESPACE, SECOND, office::Office};

/// What a contact shows from Sam's purchase to Ada's first day.
pub const TAKEN: [&str; 5] = [
    "owner: - to sam",
    "owner: sam to ada",
    "note: ada: Ada Assistant has taken over this contact and will get in touch by e-mail.",
    "status: hs_lead_status New",
    "status: Lead Connection Status New",
];
/// Ada's note on a contact that was a lead before.
pub const REFUSED: &str = "note: ada: Ada Assistant has already worked on this contact, so it went back to its previous owner. To start over, clear the field Lead Connection Status and assign the contact again.";
/// `Lead Connection Status`.
pub const STATUS: &str = "tec_lead_connection_status";
/// An assigned contact is found within this.
pub const FOUND: Duration = Duration::from_secs(11);

impl Office {
    /// A contact of Sam's that Ada works on.
    pub async fn in_work(&self, name: &str) -> String {
        let contact = self.contact(name);
        self.pass(SECOND).await;
        self.take_over(&contact).await;
        contact
    }

    /// Sam assigns a contact to Ada, and she begins.
    pub async fn take_over(&self, contact: &str) {
        self.assign(contact, &self.ada);
        self.pass(FOUND).await;
        assert_eq!(self.leads(contact).last().map(String::as_str), Some("New ada"));
        assert_eq!(self.owner_of(contact), "ada");
    }

    /// A contact that was a lead: Ada is done with it, and Sam has it again.
    pub async fn worked(&self, name: &str) -> String {
        let contact = self.in_work(name).await;
        self.done(&contact, "Responded").await;
        assert_eq!(self.owner_of(&contact), "sam");
        contact
    }

    /// TEC says that the lead is done.
    pub async fn done(&self, contact: &str, state: &str) {
        self.say(contact, json!({"type": "StateChanged", "state": state, "done": true}));
        self.pass(2 * SECOND).await;
    }

    /// What came after the first lines, which must be these.
    pub fn since(&self, contact: &str, before: &[&str]) -> Vec<String> {
        let timeline = self.timeline(contact);
        assert_eq!(timeline[..before.len().min(timeline.len())], *before);
        timeline[before.len()..].to_vec()
    }

    /// `kubectl patch`: what is `null` is removed.
    pub fn patch(&self, plural: &str, name: &str, patch: Value) {
        self.world.kube.patch(plural, NAMESPACE, name, patch).expect("the object");
    }

    pub fn change_connection(&self, spec: &Value) {
        self.patch("crmconnections", "portal", json!({"spec": spec}));
    }

    pub fn change_assistant(&self, name: &str, spec: &Value) {
        self.patch("assistants", name, json!({"spec": spec}));
    }

    pub fn annotate(&self, plural: &str, name: &str, annotation: &str, value: &Value) {
        let annotation = format!("crm.theeminenceco.com/{annotation}");
        self.patch(plural, name, json!({"metadata": {"annotations": {annotation: value}}}));
    }

    /// The date in so much time, as people write it.
    pub fn date_in(&self, time: Duration) -> String {
        (self.world.clock.now() + time).to_string()
    }

    /// `LeadsFlowing` of the connection.
    pub fn flowing(&self) -> String {
        self.world.condition("crmconnections", "portal", "LeadsFlowing")
    }

    /// `CRM STATUS` of an assistant.
    pub fn code(&self, name: &str) -> String {
        let object = self.world.object("assistants", name);
        object["status"]["crmIntegrationStatus"].as_str().unwrap_or("-").to_owned()
    }

    /// A step of an assistant's checklist, as `state: message`.
    pub fn step(&self, name: &str, step: &str) -> String {
        let object = self.world.object("assistants", name);
        let steps = object["status"]["setup"].as_array().cloned().unwrap_or_default();
        let found = steps.into_iter().find(|entry| entry["step"] == step).unwrap_or_default();
        format!("{}: {}", found["state"].as_str().unwrap_or("-"), found["message"].as_str().unwrap_or("-"))
    }

    /// Requests since the last reset that changed something in the portal.
    pub fn hubspot_writes(&self) -> Vec<String> {
        let read = |path: &str| path.ends_with("/search") || path.ends_with("/batch/read");
        let trace = self.world.hubspot.trace();
        let writes = trace.into_iter().filter(|entry| entry.method != "GET" && !read(&entry.path));
        writes.map(|entry| format!("{} {}", entry.method, entry.path)).collect()
    }

    /// Requests since the last reset that changed something in TEC.
    pub fn tec_writes(&self) -> Vec<String> {
        let trace = self.tec().trace();
        let writes = trace.into_iter().filter(|entry| entry.method != "GET");
        writes.map(|entry| format!("{} {}", entry.method, entry.path)).collect()
    }

    pub fn forget_requests(&self) {
        self.world.hubspot.reset_requests();
        self.tec().reset_requests();
    }
}
