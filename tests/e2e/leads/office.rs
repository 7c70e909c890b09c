//! An office on sockets: a portal with two salespeople, a TEC, webhooks, and helpers to live a salesperson's day.

use std::{collections::BTreeMap, ops::Deref, time::Duration};

use serde_json::{Value, json};
use tec_crm::{
    runtime::transport::HttpTransport,
    sim::{
        hubspot::{NewMember, SimConfig, WebhookTarget, deliver_webhooks},
        tec::{NewAssistant, NewSchedule, TecConfig, TecSim},
    },
};

use super::super::{
    tec::simulate,
    world::{PATIENCE, PROMPTLY, Setup, World, assistant, schedules},
};

pub(super) const PORTAL: &str = "crmconnections/portal";
pub(super) const ADA: &str = "assistants/ada";
/// What is configured at HubSpot, and signed.
const PUBLIC_URL: &str = "https://crm-hooks.example.com/hubspot";

/// A world with a TEC. Sam and Sue are salespeople; Ada is an assistant once she is applied.
pub(super) struct Office {
    pub(super) world: World,
    pub(super) tec: TecSim,
    /// Base URL of the simulated TEC.
    tec_endpoint: String,
    tec_token: String,
    signing_secret: String,
    /// Owner ids.
    pub(super) sam: String,
    pub(super) sue: String,
}

impl Deref for Office {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

/// What an office is made of, where it is not the usual.
pub(super) struct Opening {
    pub(super) setup: Setup,
    pub(super) tec: TecConfig,
}

impl Opening {
    pub(super) fn new(name: &'static str) -> Self {
        let setup = Setup::new(name);
        let sim = SimConfig { auto_accept: true, ..setup.sim };
        let tec = TecConfig { token: format!("tec-canary-{name}-80b2"), ..TecConfig::default() };
        Self { setup: Setup { sim, operator: false, ..setup }, tec }
    }
}

impl Office {
    /// The operator runs, and nothing is applied.
    pub(super) fn open(opening: Opening) -> Self {
        let Opening { setup, tec } = opening;
        let (tec_token, signing_secret) = (tec.token.clone(), format!("canary-{}-signing-11d4", setup.name));
        let mut world = World::with(setup);
        let (tec, tec_endpoint) = simulate(&mut world, tec);
        let transport = HttpTransport::direct().expect("a transport");
        world.runtime().spawn(deliver_webhooks(world.sim.clone(), transport));
        world.secrets.push(signing_secret.clone());
        // Of every contact here.
        world.secrets.push("@customer.example.com".to_owned());
        for (id, name) in [("101", "Weekdays"), ("102", "Evenings")] {
            tec.schedule(NewSchedule::new(id, name)).expect("a schedule");
        }
        for name in ["sam", "sue"] {
            let email = format!("{name}@example.com");
            world.sim.add_user(NewMember { email, accepted: true, ..NewMember::default() }).expect("a salesperson");
        }
        let (sam, sue) = (String::new(), String::new());
        let mut office = Self { world, tec, tec_endpoint, tec_token, signing_secret, sam, sue };
        // HubSpot makes owners with a little delay.
        (office.sam, office.sue) = (office.wait_owner("sam@example.com"), office.wait_owner("sue@example.com"));
        office.world.start_operator();
        office
    }

    /// Secrets, connection, Ada and her schedules. `more` is laid over the connection's spec.
    pub(super) fn manifests(&self, more: &Value) -> Vec<Value> {
        let named = |name: &str, key: &str, value: &str| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {key: value}});
        // Only webhooks are in a hurry, so that what is soon has that cause.
        let mut spec = json!({
            "tec": {"endpoint": self.tec_endpoint, "tokenSecretRef": {"name": "tec"}},
            "webhooks": {"publicUrl": PUBLIC_URL, "signingSecretRef": {"name": "webhooks"}},
            "leads": {"pollInterval": "1h"},
        });
        json_patch::merge(&mut spec, more);
        vec![
            self.secret(),
            named("tec", "token", &self.tec_token),
            named("webhooks", "client_secret", &self.signing_secret),
            self.connection(&spec),
            assistant("ada", &json!({"firstName": "Ada", "lastName": "Assistant", "defaults": {"schedule": "101"}})),
            schedules(&["101", "102"]),
        ]
    }

    /// Everything is applied, TEC knows Ada, leads flow, and webhooks are told.
    pub(super) fn bring_in_work(&self, more: &Value) {
        self.tec.assistant(NewAssistant::new("ada@example.com")).expect("an assistant");
        self.apply(&self.manifests(more));
        self.wait_flowing();
        self.tell_webhooks();
    }

    pub(super) fn wait_flowing(&self) {
        self.wait_ready(PORTAL);
        self.wait_ready(ADA);
        // Also while TEC has nothing to say.
        self.wait_condition(PORTAL, ["LeadsFlowing", "True", "Succeeded"], PROMPTLY);
    }

    /// HubSpot tells the operator that runs now of owners, deletions and merges.
    pub(super) fn tell_webhooks(&self) {
        let address = self.wait_for("webhooks are taken", PATIENCE, || self.address("webhooks are taken"));
        let target = WebhookTarget::new(PUBLIC_URL, &format!("http://{address}/hubspot"), &self.signing_secret);
        self.sim.start_webhooks(target.expect("an address"));
    }

    fn wait_owner(&self, email: &str) -> String {
        self.wait_for(&format!("{email} is an owner"), PATIENCE, || self.owner(email))
    }

    /// Its owner id.
    fn owner(&self, email: &str) -> Option<String> {
        let state = self.sim.state();
        let found =
            state["owners"].as_array()?.iter().find(|owner| owner["email"] == email && owner["archived"] != true)?;
        found["id"].as_str().map(str::to_owned)
    }

    pub(super) fn ada(&self) -> String {
        self.owner("ada@example.com").expect("Ada is an owner")
    }

    // A salesperson's day.

    /// A contact of Sam's.
    pub(super) fn contact(&self, name: &str, more: &[(&str, &str)]) -> String {
        let email = format!("{name}@customer.example.com");
        let mut values = vec![("email", email.as_str()), ("firstname", name), ("hubspot_owner_id", self.sam.as_str())];
        values.extend(more);
        self.sim.create_contacts(1, &map(&values)).expect("a contact").remove(0)
    }

    /// Somebody changes a property of contacts marked in a list.
    pub(super) fn edit(&self, contacts: &[String], property: &str, value: &str) {
        self.sim.update_contacts(contacts, &map(&[(property, value)])).expect("an edit");
    }

    pub(super) fn assign(&self, contacts: &[String], owner: &str) {
        self.edit(contacts, "hubspot_owner_id", owner);
    }

    /// TEC says something of a contact's newest lead.
    pub(super) fn say(&self, contact: &str, event: &Value) {
        let mut said = json!({"crmId": contact});
        json_patch::merge(&mut said, event);
        self.tec.say(vec![said]).expect("an event");
    }

    /// A value of a contact; empty if it has none.
    pub(super) fn value(&self, contact: &str, property: &str) -> String {
        let contact = self.sim.contact(contact).unwrap_or_default();
        contact["properties"][property].as_str().unwrap_or_default().to_owned()
    }

    /// `hs_lead_status` and `Lead Connection Status`.
    pub(super) fn statuses(&self, contact: &str) -> [String; 2] {
        ["hs_lead_status", "tec_lead_connection_status"].map(|property| self.value(contact, property))
    }

    pub(super) fn entries(&self, contact: &str) -> Vec<Value> {
        self.sim.timeline(contact).expect("a timeline").as_array().cloned().unwrap_or_default()
    }

    /// What a salesperson sees, one line each, without the dates.
    pub(super) fn timeline(&self, contact: &str) -> Vec<String> {
        self.entries(contact).iter().map(line).collect()
    }
}

fn line(entry: &Value) -> String {
    let text = |name: &str| entry[name].as_str().unwrap_or("-").trim_end_matches("@example.com").to_owned();
    match entry["kind"].as_str().unwrap_or_default() {
        "note" => format!("note: {}: {}", text("owner"), text("body")),
        "email" => format!("email: {} {}: {}", text("direction"), text("subject"), text("text")),
        "task" => format!("task: {}", text("subject")),
        "owner" => format!("owner: {} to {}", text("from"), text("to")),
        "status" => format!("status: {} {}", text("property"), text("to")),
        other => format!("{other}: {entry}"),
    }
}

pub(super) fn map(values: &[(&str, &str)]) -> BTreeMap<String, String> {
    values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Time between two entries of a timeline.
pub(super) fn between(earlier: &Value, later: &Value) -> Duration {
    let at = |entry: &Value| entry["at"].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok()).expect("a date");
    Duration::try_from(at(later).duration_since(at(earlier))).unwrap_or_default()
}
