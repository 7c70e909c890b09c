//! What people and circumstances do to a portal: the Rust side of `/_sim`, for tests in the same process.
//! None of it is counted, delayed, limited or failed.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Chaos, Consent, FaultRule, HubSpotSim, NeighbourConfig, NeighbourCounts, OAuthApp, PropertyUse, RequestCounts,
    Switches, TokenConfig, TraceEntry, account,
    answer::ApiError,
    contacts::Contact,
    crm_users, groups, input,
    lagged::Lagged,
    objects::Kind,
    owners,
    people::NewUser,
    portal::{Actor, Portal},
    properties,
    route::Route,
    users,
};
pub use crate::sim::shared::ControlError;
use crate::{domain::Email, sim::tec::TecSim};

impl From<ApiError> for ControlError {
    fn from(error: ApiError) -> Self {
        Self::new(error.status, error.message())
    }
}

/// A user an admin adds by hand.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewMember {
    /// E-mail.
    pub email: String,
    /// First name.
    #[serde(default)]
    pub first_name: Option<String>,
    /// Last name.
    #[serde(default)]
    pub last_name: Option<String>,
    /// Whether the invitation is accepted at once.
    #[serde(default)]
    pub accepted: bool,
}

impl HubSpotSim {
    /// Serves a TEC's control routes beside ours: `/_sim/tec/*`, its part of `/_sim/state` and `/_sim/requests`, its faults
    /// (routes that begin with `/v1/`), and one clock to move.
    pub fn attach_tec(&self, tec: TecSim) {
        let mut state = self.lock();
        tec.advance(state.ahead);
        state.tec = Some(tec);
    }

    /// The TEC attached.
    pub fn tec(&self) -> Option<TecSim> {
        self.lock().tec.clone()
    }

    /// The simulator's date.
    pub fn now(&self) -> Timestamp {
        self.lock().portal.now
    }

    /// Moves the simulator's date ahead of its clock; what falls due happens.
    pub fn advance(&self, by: Duration) {
        let mut state = self.lock();
        state.ahead = state.ahead.saturating_add(by);
        if let Some(tec) = &state.tec {
            tec.advance(by);
        }
        drop(state);
        self.lock().portal.wake.notify_one();
    }

    /// The templates of all routes, as [`Self::requests`] and faults name them.
    pub fn routes() -> Vec<&'static str> {
        Route::templates().collect()
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

    /// Adds a fault; one under `/v1/` is TEC's.
    pub fn add_fault(&self, rule: FaultRule) -> Result<(), ControlError> {
        if rule.route.starts_with("/v1/") {
            let tec = self.tec().ok_or_else(|| ControlError::new(400, "no TEC is simulated"))?;
            return tec.add_fault(rule);
        }
        self.lock().faults.add(rule).map_err(|message| ControlError::new(400, message))
    }

    /// Removes all faults (not chaos), TEC's too.
    pub fn clear_faults(&self) {
        self.lock().faults.clear();
        if let Some(tec) = self.tec() {
            tec.clear_faults();
        }
    }

    /// Sets or removes chaos.
    pub fn set_chaos(&self, chaos: Option<Box<dyn Chaos>>) {
        self.lock().faults.chaos = chaos;
    }

    /// Changes switches while the portal runs.
    pub fn set_switches(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.lock().portal.config.switches);
    }

    /// Lets another app of the account send beside us from now on, instead of the one that does.
    pub fn neighbour(&self, config: &NeighbourConfig) {
        let mut state = self.lock();
        let now = state.portal.now;
        state.portal.limits.set_neighbour(config, now);
    }

    /// What became of the calls of the other app so far.
    pub fn neighbour_counts(&self) -> NeighbourCounts {
        let mut state = self.lock();
        let now = state.portal.now;
        state.portal.limits.neighbour(now)
    }

    /// Whether headers tell of the day's limit, as HubSpot's do but for OAuth apps.
    pub fn tell_day(&self, tells: bool) {
        self.lock().portal.limits.tell_day(tells);
    }

    /// Makes a token valid, or changes what it may do.
    pub fn set_token(&self, token: &TokenConfig) {
        let mut state = self.lock();
        let admin = state.portal.admin_id();
        state.portal.tokens.grant(token, admin);
    }

    /// Makes a token invalid.
    pub fn revoke_token(&self, token: &str) -> Result<(), ControlError> {
        let known = self.lock().portal.tokens.revoke(token);
        if known { Ok(()) } else { Err(ControlError::new(404, "no such token")) }
    }

    /// A developer registers an OAuth app, or changes it.
    pub fn register_app(&self, app: OAuthApp) {
        self.lock().portal.oauth.register(app);
    }

    /// A person agrees on the consent page. Returns the code.
    pub fn authorize(&self, consent: Consent) -> Result<String, ControlError> {
        Ok(self.lock().portal.consent(consent)?)
    }

    /// The same with the exchange. Returns a refresh token with all scopes of the app.
    pub fn install_app(&self, client_id: &str) -> Result<String, ControlError> {
        Ok(self.lock().portal.install(client_id)?)
    }

    /// An admin removes the app from the portal.
    pub fn uninstall_app(&self, client_id: &str) -> Result<(), ControlError> {
        Ok(self.lock().portal.uninstall(client_id)?)
    }

    /// Makes a refresh token invalid; access tokens live on.
    pub fn revoke_refresh_token(&self, token: &str) -> Result<(), ControlError> {
        Ok(self.lock().portal.revoke_refresh_token(token)?)
    }

    /// The invitee accepts; accepting again changes nothing. Returns the user.
    pub fn accept_invitation(&self, email: &str) -> Result<Value, ControlError> {
        let portal = &mut self.lock().portal;
        let id = member_id(portal, email)?;
        portal.accept_user(id);
        user_json(portal, id)
    }

    /// An admin adds a user by hand. Returns the user.
    pub fn add_user(&self, member: NewMember) -> Result<Value, ControlError> {
        let portal = &mut self.lock().portal;
        let NewMember { email, first_name, last_name, accepted } = member;
        let email = Email::new(&email).map_err(|error| ControlError::new(400, error.to_string()))?.to_string();
        if portal.people.user_by_email(&email).is_some() {
            return Err(ControlError::new(409, format!("{email} is a user of this portal already")));
        }
        let id = portal.add_user(NewUser { email, first_name, last_name, ..NewUser::default() });
        if accepted {
            portal.accept_user(id);
        }
        user_json(portal, id)
    }

    /// An admin removes a user.
    pub fn remove_user(&self, email: &str) -> Result<(), ControlError> {
        let portal = &mut self.lock().portal;
        let id = member_id(portal, email)?;
        portal.remove_user(id);
        Ok(())
    }

    /// A person creates contacts. `{n}` in a value is the contact's number from 1; an e-mail without it gets `+n` before
    /// the `@` when there are several. Returns the ids.
    pub fn create_contacts(
        &self,
        count: usize,
        values: &BTreeMap<String, String>,
    ) -> Result<Vec<String>, ControlError> {
        let portal = &mut self.lock().portal;
        let by = portal.person();
        let mut ids = Vec::with_capacity(count);
        for number in 1..=count {
            let values = values.iter().map(|(name, value)| (name.clone(), numbered(name, value, number, count)));
            ids.push(portal.create_contact(&values.collect(), by)?.to_string());
        }
        Ok(ids)
    }

    /// A person edits contacts: one at its page, several marked in a list, all at the same time.
    pub fn update_contacts(&self, ids: &[String], values: &BTreeMap<String, String>) -> Result<(), ControlError> {
        let portal = &mut self.lock().portal;
        let by = portal.person_at(ids.len());
        for id in contact_ids(portal, ids)? {
            portal.update_contact(id, values, by)?;
        }
        Ok(())
    }

    /// A person deletes contacts: they are archived, and can be restored.
    pub fn delete_contacts(&self, ids: &[String]) -> Result<(), ControlError> {
        let portal = &mut self.lock().portal;
        let by = portal.person_at(ids.len());
        for id in contact_ids(portal, ids)? {
            portal.archive_contact(id, by);
        }
        Ok(())
    }

    /// The versions of a contact's property, newest first, as `ValueWithTimestamp`.
    pub fn contact_history(&self, id: &str, property: &str) -> Result<Vec<Value>, ControlError> {
        let portal = &self.lock().portal;
        let contact = id.parse().ok().and_then(|id: u64| portal.contacts.records.get(&id));
        let missing = || ControlError::new(404, format!("contact {id} does not exist"));
        Ok(contact.ok_or_else(missing)?.history(property, &portal.config.switches))
    }

    /// A person creates a contact property (`PropertyCreate`). Returns it.
    pub fn create_property(&self, create: Value) -> Result<Value, ControlError> {
        let portal = &mut self.lock().portal;
        let by = portal.person();
        Ok(properties::create_one(portal, input::item(create)?, by)?.to_json())
    }

    /// A person edits a contact property (`PropertyUpdate`). Returns it.
    pub fn edit_property(&self, name: &str, update: Value) -> Result<Value, ControlError> {
        let portal = &mut self.lock().portal;
        let by = portal.person();
        Ok(properties::update_one(portal, name, &input::item(update)?, by)?.to_json())
    }

    /// A person archives a contact property.
    pub fn archive_property(&self, name: &str) -> Result<(), ControlError> {
        let portal = &mut self.lock().portal;
        let by = portal.person();
        Ok(properties::archive_one(portal, name, by)?)
    }

    /// What uses a property; while there is anything it cannot be archived.
    pub fn set_property_uses(&self, name: &str, uses: Vec<PropertyUse>) -> Result<(), ControlError> {
        let portal = &mut self.lock().portal;
        properties::find(portal, name, false)?;
        portal.schema.uses.insert(name.to_owned(), uses);
        Ok(())
    }

    /// A person creates a property group. Returns it.
    pub fn create_group(&self, create: Value) -> Result<Value, ControlError> {
        let portal = &mut self.lock().portal;
        Ok(groups::create_one(portal, input::item(create)?)?.to_json())
    }

    /// A person edits a property group. Returns it.
    pub fn edit_group(&self, name: &str, update: Value) -> Result<Value, ControlError> {
        let portal = &mut self.lock().portal;
        Ok(groups::update_one(portal, name, input::item(update)?)?.to_json())
    }

    /// A person deletes a property group.
    pub fn archive_group(&self, name: &str) -> Result<(), ControlError> {
        let portal = &mut self.lock().portal;
        Ok(groups::archive_one(portal, name)?)
    }

    /// The truth, whatever lists show: `{account, users, owners, crmUsers, groups, properties, contacts, notes, emails,
    /// tasks}` in the API's shapes. Archived owners, properties, contacts and engagements are among them, marked as such. With a TEC
    /// attached also `tec: {assistants, schedules, leads}`.
    pub fn state(&self) -> Value {
        let state = self.lock();
        let portal = &state.portal;
        let people = &portal.people;
        let users = people.users.values().filter_map(Lagged::get).map(|user| users::to_json(user, false));
        let owners = people.owners.values().filter_map(Lagged::get).map(|owner| owners::to_json(portal, owner));
        let records = people.records.values().filter_map(Lagged::get);
        let groups = portal.schema.groups.values().filter_map(Lagged::get);
        let properties = portal.schema.properties.values().filter_map(Lagged::get);
        let contacts = portal.contacts.records.values().map(|contact: &Contact| contact.to_full_json(portal));
        let mut all = json!({
            "account": account::details(portal).body,
            "users": users.collect::<Vec<_>>(),
            "owners": owners.collect::<Vec<_>>(),
            "crmUsers": records.map(|record| crm_users::to_full_json(portal, record)).collect::<Vec<_>>(),
            "groups": groups.map(super::schema::Group::to_json).collect::<Vec<_>>(),
            "properties": properties.map(super::schema::Property::to_json).collect::<Vec<_>>(),
            "contacts": contacts.collect::<Vec<_>>(),
            "notes": portal.engagements_json(Kind::Note),
            "emails": portal.engagements_json(Kind::Email),
            "tasks": portal.engagements_json(Kind::Task),
        });
        if let Some(tec) = &state.tec {
            all["tec"] = tec.state();
        }
        all
    }
}

impl Portal {
    /// The admin, at HubSpot's pages.
    pub(super) fn person(&self) -> Actor {
        Actor::Person { user_id: self.admin_id() }
    }

    /// The admin with so many records at once.
    fn person_at(&self, count: usize) -> Actor {
        let user_id = self.admin_id();
        if count > 1 { Actor::PersonInBulk { user_id } } else { Actor::Person { user_id } }
    }

    /// Whose name the tokens are in.
    pub(super) fn admin_id(&self) -> u64 {
        let admin = self.people.identities.get(&self.config.admin_email.to_lowercase());
        admin.map_or(0, |identity| identity.user_id)
    }
}

fn member_id(portal: &Portal, email: &str) -> Result<u64, ControlError> {
    let user = portal.people.user_by_email(email.trim());
    user.map(|user| user.id).ok_or_else(|| ControlError::new(404, format!("{email} is not a user of this portal")))
}

fn user_json(portal: &Portal, id: u64) -> Result<Value, ControlError> {
    let user = portal.people.user(id).ok_or_else(|| ControlError::new(404, "no such user"))?;
    Ok(users::to_json(user, false))
}

/// The ids as numbers, all of existing contacts.
fn contact_ids(portal: &Portal, ids: &[String]) -> Result<Vec<u64>, ControlError> {
    let find = |id: &String| {
        let known = id.parse().ok().filter(|id| portal.contacts.get(*id).is_some());
        known.ok_or_else(|| ControlError::new(404, format!("contact {id} does not exist")))
    };
    ids.iter().map(find).collect()
}

fn numbered(name: &str, value: &str, number: usize, count: usize) -> String {
    if value.contains("{n}") {
        return value.replace("{n}", &number.to_string());
    }
    match value.split_once('@') {
        Some((local, domain)) if name == "email" && count > 1 => format!("{local}+{number}@{domain}"),
        _ => value.to_owned(),
    }
}
