//! A portal with something of everything, and every call of the client as it succeeds there.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::json;
use tec_crm::{
    domain::{ContactId, Email, GroupName, PropertyName, UserId},
    hubspot::{
        AccessToken, Archived, Connection, ContactUpdate, Direction, EngagementKind, Error, Filter, FilterOperator,
        HubSpot, ItemOutcome, Limiter, NewEngagement, Operation, Search,
        oauth::{App, AuthorizationCode, ClientId, ClientSecret, CodeVerifier, Places, RefreshToken, TokenEndpoint},
        wire::{
            properties::{FieldType, GroupUpdate, NewGroup, NewProperty, PropertyOption, PropertyType, PropertyUpdate},
            users::{NewUser, UserUpdate},
        },
    },
    runtime::{
        chance::Chance,
        clock::{Clock, VirtualClock},
    },
    sim::hubspot::{Consent, DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, HubSpotSim, NewMember, OAuthApp, SimConfig},
};

use super::{coverage::asks, hubspot::Kept};

/// A portal with something of everything.
pub struct Desk {
    pub sim: HubSpotSim,
    clock: Arc<dyn Clock>,
    pub kept: Kept,
    pub contact: ContactId,
    /// Notes, e-mails and tasks that were made.
    made: Mutex<BTreeMap<EngagementKind, Vec<String>>>,
    user: UserId,
    /// By OAuth.
    granted: Mutex<Option<AccessToken>>,
}

pub type Outcome = Result<(), Error>;

impl Desk {
    pub fn new(config: SimConfig) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(VirtualClock::starting_at("2026-11-22T10:00:00Z".parse().unwrap()));
        let sim = HubSpotSim::new(config, Arc::clone(&clock));
        let kept = Kept::new();
        kept.watch(&sim);
        sim.register_app(OAuthApp::default());
        let user = sim.add_user(member("ada@example.com", true)).unwrap()["id"].as_str().unwrap().to_owned();
        sim.add_user(member("gone@example.com", true)).unwrap();
        sim.advance(Duration::from_mins(1));
        sim.remove_user("gone@example.com").unwrap();
        sim.add_user(member("invited@example.com", false)).unwrap();
        let values = [("email", "lead@example.org"), ("firstname", "Grace")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let lead = sim.create_contacts(1, &values.into()).unwrap().remove(0);
        sim.create_group(json!({"name": "acme", "label": "Acme"})).unwrap();
        sim.create_group(json!({"name": "empty", "label": "Empty"})).unwrap();
        let property = |name: &str| json!({"name": name, "label": name, "type": "string", "fieldType": "text", "groupName": "acme"});
        sim.create_property(property("acme_stage")).unwrap();
        sim.create_property(property("acme_old")).unwrap();
        Self {
            sim,
            clock,
            kept,
            contact: ContactId(lead),
            made: Mutex::default(),
            user: UserId(user),
            granted: Mutex::default(),
        }
    }

    pub fn client(&self, token: &str) -> HubSpot {
        self.client_at("https://api.hubapi.com", token)
    }

    pub fn client_at(&self, base: &str, token: &str) -> HubSpot {
        HubSpot::new(Connection {
            transport: self.sim.transport(),
            base: base.parse().unwrap(),
            credential: AccessToken::new(token).unwrap().into(),
            limiter: Arc::new(Limiter::new(Arc::clone(&self.clock), 0)),
            chance: Arc::new(Chance::seeded(1)),
        })
    }

    /// HubSpot's token endpoint, as an app that is known there calls it.
    pub fn endpoint(&self) -> TokenEndpoint {
        TokenEndpoint {
            transport: self.sim.transport(),
            base: "https://api.hubapi.com".parse().unwrap(),
            app: App {
                id: ClientId::new(DEFAULT_CLIENT_ID).unwrap(),
                secret: ClientSecret::new(DEFAULT_CLIENT_SECRET).unwrap(),
            },
            places: Places { app: "Secret app".into(), token: "Secret tokens".into() },
        }
    }

    /// One call, as it succeeds in this portal.
    pub async fn call(&self, operation: Operation, client: &HubSpot) -> Outcome {
        match operation {
            Operation::AccountDetails => client.account_details().await.map(drop),
            Operation::DailyUsage => client.daily_usage().await.map(drop),
            Operation::TokenInfo => client.token_info().await.map(drop),
            Operation::RefreshToken => {
                let installed = self.sim.install_app(DEFAULT_CLIENT_ID).unwrap();
                let granted = self.endpoint().refresh(&RefreshToken::new(installed).unwrap()).await?;
                *self.granted.lock().unwrap() = Some(granted.access);
                Ok(())
            }
            Operation::ExchangeCode => {
                let code = AuthorizationCode::new(self.sim.authorize(consent()).unwrap()).unwrap();
                let verifier = CodeVerifier::new(VERIFIER).unwrap();
                self.endpoint().exchange(&code, REDIRECT, &verifier).await.map(drop)
            }
            Operation::IntrospectToken => {
                let granted = self.granted.lock().unwrap().clone();
                self.endpoint().introspect(&granted.expect("a token that was granted before")).await.map(drop)
            }
            Operation::ListUsers => client.list_users().await.map(drop),
            Operation::FindUser => client.find_user(&email("ada@example.com")).await.map(drop),
            Operation::CreateUser => client.create_user(&new_user("new@example.com")).await.map(drop),
            Operation::UpdateUser => client.update_user(&self.user, &all_of_a_user()).await.map(drop),
            Operation::DeleteUser => client.delete_user(&self.user).await,
            Operation::ListRoles => client.list_roles().await.map(drop),
            Operation::ListTeams => client.list_teams().await.map(drop),
            Operation::ListOwners => {
                client.list_owners(Archived::Exclude).await?;
                client.list_owners(Archived::Only).await.map(drop)
            }
            Operation::ListCrmUsers => client.list_crm_users().await.map(drop),
            Operation::ListGroups => client.list_groups().await.map(drop),
            Operation::CreateGroup => client.create_group(&new_group("fresh")).await.map(drop),
            Operation::UpdateGroup => client.update_group(&group("acme"), &all_of_a_group()).await.map(drop),
            Operation::DeleteGroup => client.delete_group(&group("empty")).await,
            Operation::ListProperties => {
                client.list_properties(Archived::Exclude).await?;
                client.list_properties(Archived::Only).await.map(drop)
            }
            Operation::FindProperty => client.find_property("hs_lead_status", Archived::Exclude).await.map(drop),
            Operation::CreateProperty => client.create_property(&new_property("acme_new")).await.map(drop),
            Operation::UpdateProperty => client.update_property("acme_stage", &all_of_a_property()).await.map(drop),
            Operation::DeleteProperty => client.delete_property("acme_old").await,
            Operation::CountContacts => client.count_contacts(&every_filter()).await.map(drop),
            Operation::SearchContacts => client.search_contacts(&search()).await.map(drop),
            Operation::ReadContacts => {
                let ids = [self.contact.clone(), ContactId("999".into())];
                client.read_contacts(&ids, &["email", "acme_stage"], &[]).await?;
                client.read_contacts(&ids[..1], &["email"], &["hubspot_owner_id", "email"]).await.map(drop)
            }
            Operation::UpdateContacts => {
                let update =
                    |id: &ContactId| ContactUpdate { id: id.clone(), properties: values("acme_stage", "done") };
                client.update_contacts(&[update(&self.contact)]).await?;
                client.update_contacts(&[update(&self.contact), update(&ContactId("999".into()))]).await.map(drop)
            }
            Operation::CreateNotes => self.create(client, EngagementKind::Note).await,
            Operation::CreateEmails => self.create(client, EngagementKind::Email).await,
            Operation::CreateTasks => self.create(client, EngagementKind::Task).await,
            Operation::ReadAssociations => {
                let contacts = [self.contact.clone(), ContactId("999".into())];
                client.engagements_of(EngagementKind::Note, &contacts).await.map(drop)
            }
            Operation::ReadNotes => self.read(client, EngagementKind::Note).await,
            Operation::ReadEmails => self.read(client, EngagementKind::Email).await,
            Operation::ReadTasks => self.read(client, EngagementKind::Task).await,
        }
    }

    async fn create(&self, client: &HubSpot, kind: EngagementKind) -> Outcome {
        let mut properties = values("hs_timestamp", "2026-11-22T10:00:00Z");
        let more: &[(&str, &str)] = match kind {
            EngagementKind::Note => &[("hs_note_body", "Hello")],
            EngagementKind::Email => &[("hs_email_direction", "EMAIL"), ("hs_email_status", "SENT")],
            EngagementKind::Task => &[("hs_task_subject", "Call"), ("hs_task_status", "NOT_STARTED")],
        };
        properties.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let one = |contact: &ContactId| NewEngagement { contact: contact.clone(), properties: properties.clone() };
        for outcome in client.create_engagements(kind, &[one(&self.contact)]).await? {
            let ItemOutcome::Done(Some(id)) = outcome else { panic!("{outcome:?}") };
            self.made.lock().unwrap().entry(kind).or_default().push(id);
        }
        client.create_engagements(kind, &[one(&self.contact), one(&ContactId("999".into()))]).await.map(drop)
    }

    /// Those that were made, and one that is not there.
    async fn read(&self, client: &HubSpot, kind: EngagementKind) -> Outcome {
        let mut ids = self.made.lock().unwrap().get(&kind).cloned().unwrap_or_default();
        ids.push("999".to_owned());
        client.read_engagements(kind, &ids, &["hs_timestamp", "hubspot_owner_id"]).await.map(drop)
    }

    /// Sees to it that the call got this status.
    pub fn refused(self, what: &'static str, operation: Operation, status: u16) -> (&'static str, Self) {
        assert!(self.statuses(operation).contains(&status), "{operation} has not got its {what}");
        (what, self)
    }

    pub fn statuses(&self, operation: Operation) -> Vec<u16> {
        let found = self.kept.found();
        let asked = found.exchanges.keys().filter(|(name, _)| name == asks(operation));
        asked.map(|(_, status)| *status).collect()
    }
}

/// A verifier and its challenge: RFC 7636, appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub const REDIRECT: &str = "http://localhost:8687/callback";

/// An admin says yes.
pub fn consent() -> Consent {
    Consent {
        client_id: DEFAULT_CLIENT_ID.to_owned(),
        redirect_uri: REDIRECT.to_owned(),
        scopes: None,
        code_challenge: Some(CHALLENGE.to_owned()),
    }
}

fn member(email: &str, accepted: bool) -> NewMember {
    NewMember { email: email.into(), first_name: Some("Ada".into()), last_name: Some("Assistant".into()), accepted }
}

pub fn email(text: &str) -> Email {
    Email::new(text).unwrap()
}

pub fn group(name: &str) -> GroupName {
    GroupName::new(name).unwrap()
}

pub fn values(name: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(name.to_owned(), value.to_owned())])
}

pub fn new_user(address: &str) -> NewUser {
    NewUser {
        email: email(address),
        first_name: Some("New".into()),
        last_name: Some("Assistant".into()),
        role_id: None,
        primary_team_id: None,
        send_welcome_email: true,
    }
}

pub fn all_of_a_user() -> UserUpdate {
    UserUpdate {
        first_name: Some("Ada".into()),
        last_name: Some("Lovelace".into()),
        role_id: None,
        primary_team_id: None,
        secondary_team_ids: Some(Vec::new()),
    }
}

pub fn new_group(name: &str) -> NewGroup {
    NewGroup { name: group(name), label: "Fresh".into(), display_order: Some(-1) }
}

pub fn all_of_a_group() -> GroupUpdate {
    GroupUpdate { label: Some("Acme, Inc.".into()), display_order: Some(3) }
}

fn options() -> Vec<PropertyOption> {
    let option = |(place, value): (i64, &str)| PropertyOption {
        label: format!("Option {value}"),
        value: value.to_owned(),
        display_order: Some(place),
        hidden: false,
        description: Some("Kept by tec-crm".into()),
    };
    (0..).zip(["101", "102"]).map(option).collect()
}

pub fn new_property(name: &str) -> NewProperty {
    NewProperty {
        name: PropertyName::new(name).unwrap(),
        label: "New".into(),
        property_type: PropertyType::Enumeration,
        field_type: FieldType::Select,
        group_name: group("acme"),
        description: Some("Help".into()),
        options: Some(options()),
        display_order: Some(-1),
        hidden: Some(false),
        form_field: Some(false),
        has_unique_value: Some(false),
    }
}

pub fn all_of_a_property() -> PropertyUpdate {
    PropertyUpdate {
        label: Some("Stage".into()),
        property_type: Some(PropertyType::Enumeration),
        field_type: Some(FieldType::Select),
        group_name: Some(group("acme")),
        description: Some("Help".into()),
        options: Some(options()),
        display_order: Some(2),
        hidden: Some(false),
        form_field: Some(true),
    }
}

fn every_filter() -> Vec<Filter> {
    let filter = |property: &str, operator| Filter { property: property.into(), operator };
    let (address, date) = ("lead@example.org".to_owned(), "1763800000000".to_owned());
    vec![
        filter("email", FilterOperator::HasProperty),
        filter("email", FilterOperator::Eq(address.clone())),
        filter("email", FilterOperator::In(vec![address])),
        filter("createdate", FilterOperator::Gte(date.clone())),
        filter("createdate", FilterOperator::Lte(date)),
    ]
}

fn search() -> Search {
    let filter = |property: &str, operator| vec![Filter { property: property.into(), operator }];
    Search {
        any_of: vec![
            filter("email", FilterOperator::HasProperty),
            filter("hubspot_owner_id", FilterOperator::NotHasProperty),
            filter("createdate", FilterOperator::Gt("1763800000000".into())),
            filter("createdate", FilterOperator::Lt("1763800000000".into())),
        ],
        sort: Some(("createdate".into(), Direction::Descending)),
        properties: vec!["email".into(), "hubspot_owner_id".into()],
        limit: 200,
        after: 0,
    }
}
