//! What people do to single contacts at HubSpot's pages: the part of `/_sim` beyond bulk work (`actions`).

use serde_json::Value;

use super::{ControlError, HubSpotSim, contacts::Contact};

impl HubSpotSim {
    /// A contact with all its set properties, archived or not. None when there is none or it was merged away.
    pub fn contact(&self, id: &str) -> Option<Value> {
        let portal = &self.lock().portal;
        let contact: &Contact = portal.contacts.records.get(&id.parse().ok()?)?;
        Some(contact.to_full_json(portal))
    }

    /// A person merges the secondary into the primary. Returns the id of the contact that remains.
    pub fn merge_contacts(&self, primary: &str, secondary: &str) -> Result<String, ControlError> {
        let portal = &mut self.lock().portal;
        let by = portal.person();
        Ok(portal.merge_contacts(primary, secondary, by)?.to_string())
    }

    /// A person brings a deleted contact back.
    pub fn restore_contact(&self, id: &str) -> Result<(), ControlError> {
        let portal = &mut self.lock().portal;
        let by = portal.person();
        let missing = || ControlError::new(404, format!("contact {id} does not exist"));
        Ok(portal.restore_contact(id.parse().map_err(|_| missing())?, by)?)
    }
}
