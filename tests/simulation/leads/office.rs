//! An office: two salespeople, two assistants, a portal, a TEC, and the operator carrying leads between them.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use tec_crm::sim::{
    hubspot::{NewMember, SimConfig, WebhookTarget},
    tec::{NewAssistant, NewSchedule, TecConfig, TecSim},
};

use crate::simulation::world::World;

/// A portal with two salespeople and two assistants, and leads flowing.
pub struct Office {
    pub world: World,
    /// Owner ids.
    pub sam: String,
    pub sue: String,
    pub ada: String,
    pub bob: String,
}

/// How an office begins.
pub struct Start {
    pub seed: u64,
    pub portal: SimConfig,
    pub tec: TecConfig,
    /// More of the connection's spec.
    pub connection: Value,
    /// How the portal tells of changes; [`hooks`] is one that does it well.
    pub webhooks: Option<WebhookTarget>,
}

/// The URL webhooks are signed for.
const HOOKS: &str = "https://hooks.example.com/hubspot";

/// Webhooks, promptly, once and in order.
pub fn hooks() -> WebhookTarget {
    WebhookTarget::new(HOOKS, "http://operator/hubspot", "11111111-2222-3333-4444-555555555555").expect("a target")
}

impl Default for Start {
    fn default() -> Self {
        let portal = SimConfig { limit_per_10s: 1000, auto_accept: true, ..SimConfig::default() };
        Self { seed: 1, portal, tec: TecConfig::default(), connection: json!({}), webhooks: None }
    }
}

impl Office {
    pub async fn open() -> Self {
        Self::open_with(Start::default()).await
    }

    /// Everybody is there and leads flow; HubSpot's and TEC's logs are empty.
    pub async fn open_with(start: Start) -> Self {
        let mut office = Self::closed(start);
        office.world.start();
        office.world.pass(Duration::from_mins(3)).await;
        (office.ada, office.bob) = (office.owner("ada@example.com"), office.owner("bob@example.com"));
        office.world.assert_all_ready();
        let flowing = office.world.condition("crmconnections", "portal", "LeadsFlowing");
        assert!(flowing.starts_with("True/Succeeded"), "{flowing}");
        office.world.hubspot.reset_requests();
        office.tec().reset_requests();
        office
    }

    /// Everything is applied, and the operator does not run yet.
    pub fn closed(Start { seed, portal, tec, mut connection, webhooks }: Start) -> Self {
        let mut world = World::new(seed, portal).with_tec(tec);
        if let Some(target) = webhooks {
            json_patch::merge(&mut connection, &World::webhooks(&target.url));
            world = world.with_webhooks(target);
        }
        for name in ["ada", "bob"] {
            world.tec().assistant(NewAssistant::new(format!("{name}@example.com"))).expect("an assistant");
        }
        world.tec().schedule(NewSchedule::new("101", "Weekdays")).expect("a schedule");
        world.tec().schedule(NewSchedule::new("102", "Evenings")).expect("a schedule");
        for name in ["sam", "sue"] {
            let email = format!("{name}@example.com");
            world.hubspot.add_user(NewMember { email, accepted: true, ..NewMember::default() }).expect("a salesperson");
        }
        world.connection_with_tec(&connection);
        let names = |first: &str| json!({"firstName": first, "lastName": "Assistant"});
        let mut ada = names("Ada");
        json_patch::merge(&mut ada, &json!({"defaults": {"context": "Our product is a boat.", "schedule": "101"}}));
        world.assistant("ada", &ada);
        world.assistant("bob", &names("Bob"));
        world.schedules("schedules", &[("101", "Weekdays"), ("102", "Evenings")], &json!({}));
        let mut office = Self { world, sam: String::new(), sue: String::new(), ada: String::new(), bob: String::new() };
        office.world.hubspot.advance(Duration::from_mins(1));
        (office.sam, office.sue) = (office.owner("sam@example.com"), office.owner("sue@example.com"));
        office
    }

    pub fn tec(&self) -> &TecSim {
        self.world.tec()
    }

    pub fn owner(&self, email: &str) -> String {
        let state = self.world.hubspot.state();
        let owners = state["owners"].as_array().cloned().unwrap_or_default();
        let found = owners.iter().find(|owner| owner["email"] == email && owner["archived"] != true);
        found.and_then(|owner| owner["id"].as_str()).unwrap_or_default().to_owned()
    }

    /// A contact that Sam has had for a while.
    pub fn contact(&self, name: &str) -> String {
        self.contact_with(name, &[])
    }

    pub fn contact_with(&self, name: &str, more: &[(&str, &str)]) -> String {
        let email = format!("{name}@customer.example.com");
        let mut values = vec![("email", email.as_str()), ("firstname", name), ("hubspot_owner_id", self.sam.as_str())];
        values.extend(more);
        self.world.hubspot.create_contacts(1, &map(&values)).expect("a contact").remove(0)
    }

    /// Somebody changes a property of contacts in a list.
    pub fn edit(&self, contacts: &[String], property: &str, value: &str) {
        self.world.hubspot.update_contacts(contacts, &map(&[(property, value)])).expect("an edit");
    }

    pub fn assign(&self, contact: &str, owner: &str) {
        self.edit(&[contact.to_owned()], "hubspot_owner_id", owner);
    }

    pub async fn pass(&self, time: Duration) {
        self.world.pass(time).await;
    }

    /// TEC says something of a contact's newest lead.
    #[allow(clippy::needless_pass_by_value, reason = "written where it is said")]
    pub fn say(&self, contact: &str, event: Value) {
        let mut said = json!({"crmId": contact});
        json_patch::merge(&mut said, &event);
        self.tec().say(vec![said]).expect("an event");
    }

    pub fn state(&self, contact: &str, state: &str) {
        self.say(contact, json!({"type": "StateChanged", "state": state}));
    }

    /// A value of a contact; empty if it has none.
    pub fn value(&self, contact: &str, property: &str) -> String {
        let contact = self.world.hubspot.contact(contact).unwrap_or_default();
        contact["properties"][property].as_str().unwrap_or_default().to_owned()
    }

    /// Who owns it: `sam`, `ada`, …
    pub fn owner_of(&self, contact: &str) -> String {
        let id = self.value(contact, "hubspot_owner_id");
        let known = [(&self.sam, "sam"), (&self.sue, "sue"), (&self.ada, "ada"), (&self.bob, "bob")];
        known.into_iter().find(|(owner, _)| **owner == id).map_or(id.clone(), |(_, name)| name.to_owned())
    }

    /// `hs_lead_status` and `Lead Connection Status`.
    pub fn statuses(&self, contact: &str) -> (String, String) {
        (self.value(contact, "hs_lead_status"), self.value(contact, "tec_lead_connection_status"))
    }

    /// What a salesperson sees, one line each, without the dates.
    pub fn timeline(&self, contact: &str) -> Vec<String> {
        let entries = self.world.hubspot.timeline(contact).expect("a timeline");
        entries.as_array().into_iter().flatten().map(line).collect()
    }

    /// Lines of one kind.
    pub fn lines(&self, contact: &str, kind: &str) -> Vec<String> {
        let begin = format!("{kind}: ");
        self.timeline(contact).into_iter().filter_map(|line| line.strip_prefix(&begin).map(str::to_owned)).collect()
    }

    pub fn notes(&self, contact: &str) -> Vec<String> {
        self.lines(contact, "note")
    }

    /// TEC's leads of a contact, oldest first: `state, assistant[, stopped why][, done]`.
    pub fn leads(&self, contact: &str) -> Vec<String> {
        let all = self.tec().leads();
        let mine = all.iter().filter(|lead| lead["crmId"] == contact);
        mine.map(|lead| {
            let text = |name: &str| lead[name].as_str().unwrap_or_default().to_owned();
            let mut said = format!("{} {}", text("state"), text("assistantEmail").trim_end_matches("@example.com"));
            if !lead["stopped"].is_null() {
                said = format!("{said} stopped {}", text("stopped"));
            }
            if lead["done"] == true {
                said.push_str(" done");
            }
            said
        })
        .collect()
    }
}

fn line(entry: &Value) -> String {
    let text = |name: &str| entry[name].as_str().unwrap_or("-").to_owned();
    let who = |name: &str| text(name).trim_end_matches("@example.com").to_owned();
    match entry["kind"].as_str().unwrap_or_default() {
        "note" => format!("note: {}: {}", who("owner"), text("body")),
        "email" => format!("email: {} {}: {}", text("direction"), text("subject"), text("text")),
        "task" => format!("task: {}: {}", text("subject"), text("body")),
        "owner" => format!("owner: {} to {}", who("from"), who("to")),
        "status" => format!("status: {} {}", text("property"), text("to")),
        other => format!("{other}: {entry}"),
    }
}

fn map(values: &[(&str, &str)]) -> BTreeMap<String, String> {
    values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
