//! Everything the client can send, sent: with success, and refused in every way that matters. Each answer is what HubSpot's
//! files say, and the client reads it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::json;
use tec_crm::{
    domain::{ContactId, Email, GroupName, PropertyName, RoleId, UserId},
    hubspot::{
        AccessToken, Archived, Connection, ContactUpdate, Direction, EngagementKind, Error, ErrorKind, Filter,
        FilterOperator, HubSpot, ItemOutcome, Limiter, NewEngagement, Operation, Search,
        wire::{
            properties::{FieldType, GroupUpdate, NewGroup, NewProperty, PropertyOption, PropertyType, PropertyUpdate},
            users::{NewUser, UserUpdate},
        },
    },
    runtime::{
        chance::Chance,
        clock::{Clock, VirtualClock},
    },
    sim::hubspot::{DEFAULT_TOKEN, HubSpotSim, NewMember, PropertyUse, Roles, SimConfig, TokenConfig, WrongRegion},
};

use super::{
    coverage::{asks, report},
    hubspot::{Kept, contract, tell},
    watch::Found,
};

/// All that is seen here together.
pub async fn everything() -> Vec<Found> {
    let mut seen = vec![successes().await];
    for (_, desk) in refusals().await {
        seen.push(desk.kept.found());
    }
    seen
}

/// Every call of the client, with success.
async fn successes() -> Found {
    let desk = Desk::new(SimConfig::default());
    let client = desk.client(DEFAULT_TOKEN);
    for operation in Operation::ALL {
        let before = desk.kept.found().exchanges;
        let outcome = desk.call(*operation, &client).await;
        assert!(outcome.is_ok(), "{operation}: {outcome:?}");
        let after = desk.kept.found().exchanges;
        let new = after.iter().filter(|(exchange, count)| before.get(*exchange) != Some(*count));
        for ((name, status), _) in new {
            assert_eq!((name.as_str(), status / 100), (asks(*operation), 2), "{operation}");
        }
        assert!(before != after, "{operation} asked nothing");
    }
    desk.kept.found()
}

/// Every call of the client, refused for what is wrong with the caller or the portal.
async fn refusals() -> Vec<(&'static str, Desk)> {
    let mut all = Vec::new();
    for operation in Operation::ALL.iter().copied() {
        let desk = Desk::new(SimConfig::default());
        let error = desk.call(operation, &desk.client("pat-na1-wrong")).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Unauthorized { .. }), "{operation}: {error}");
        all.push(desk.refused("401", operation, 401));
        if operation == Operation::TokenInfo {
            // Everybody may ask, as often as they like.
            continue;
        }
        let desk = Desk::new(SimConfig { daily_limit: 0, ..SimConfig::default() });
        let error = desk.call(operation, &desk.client(DEFAULT_TOKEN)).await.unwrap_err();
        assert!(!error.is_ambiguous(), "{operation}: {error}");
        all.push(desk.refused("daily", operation, 429));
        let is_search = matches!(operation, Operation::CountContacts | Operation::SearchContacts);
        let desk = Desk::new(SimConfig { limit_per_10s: 1, ..SimConfig::default() });
        let others = if is_search { Operation::CountContacts } else { Operation::AccountDetails };
        for _ in 0..if is_search { 5 } else { 1 } {
            desk.call(others, &desk.client(DEFAULT_TOKEN)).await.unwrap();
        }
        // Refused once; what the client makes of it has tests of its own.
        drop(desk.call(operation, &desk.client(DEFAULT_TOKEN)).await);
        all.push(desk.refused("limit", operation, 429));
        if operation == Operation::AccountDetails {
            // Every token may ask.
            continue;
        }
        let token = TokenConfig { token: "pat-na1-nothing".into(), scopes: Vec::new(), app_id: 7 };
        let desk = Desk::new(SimConfig { tokens: vec![token], ..SimConfig::default() });
        let error = desk.call(operation, &desk.client("pat-na1-nothing")).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::MissingScopes { .. }), "{operation}: {error}");
        all.push(desk.refused("403", operation, 403));
    }
    let config = SimConfig { data_hosting_location: "eu1".into(), ..SimConfig::default() };
    let desk = Desk::new(config);
    desk.sim.set_switches(|switches| switches.wrong_region = WrongRegion::Misdirected);
    let error = desk.client(DEFAULT_TOKEN).account_details().await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::WrongRegion { .. }), "{error}");
    all.push(desk.refused("488", Operation::AccountDetails, 488));
    all
}

#[tokio::test(start_paused = true)]
async fn cover_every_operation_the_client_can_send() {
    let Some(contract) = contract() else { return };
    let found = successes().await;
    let report = report(contract, &found);
    let every = format!("{0} of {0} calls of the client", Operation::ALL.len());
    assert!(report.contains(&every), "{report}");
    tell(&format!("{}\n", report.lines().next().unwrap_or_default()));
}

#[tokio::test(start_paused = true)]
async fn every_operation_is_refused_as_written() {
    if contract().is_some() {
        assert!(refusals().await.len() > 4 * (Operation::ALL.len() - 2));
    }
}

/// What only some calls can be told.
#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_a_request_is_told_as_written() {
    if contract().is_none() {
        return;
    }
    let desk = Desk::new(SimConfig::default());
    let client = desk.client(DEFAULT_TOKEN);
    desk.sim.set_switches(|switches| switches.roles = Roles::Unavailable);
    desk.sim
        .set_property_uses("acme_old", vec![PropertyUse { parent_type: "WORKFLOW".into(), parent_name: "x".into() }])
        .unwrap();
    assert_eq!(client.find_user(&email("nobody@example.com")).await.unwrap(), None);
    let is = |error: Error, category: &str| assert_eq!(error.category(), category, "{error}");
    is(client.update_user(&UserId("1".into()), &all_of_a_user()).await.unwrap_err(), "not_found");
    let invited = client.find_user(&email("invited@example.com")).await.unwrap().unwrap();
    is(client.update_user(&invited.id, &all_of_a_user()).await.unwrap_err(), "rejected");
    is(client.create_user(&new_user("ada@example.com")).await.unwrap_err(), "already_exists");
    let role = Some(RoleId("nope".into()));
    is(client.create_user(&NewUser { role_id: role, ..new_user("x@example.com") }).await.unwrap_err(), "rejected");
    is(client.list_roles().await.unwrap_err(), "rejected");
    is(client.create_group(&new_group("acme")).await.unwrap_err(), "already_exists");
    is(client.update_group(&group("nope"), &all_of_a_group()).await.unwrap_err(), "not_found");
    is(client.delete_group(&group("acme")).await.unwrap_err(), "rejected");
    client.delete_group(&group("nope")).await.unwrap();
    assert!(client.find_property("nope", Archived::Exclude).await.unwrap().is_none());
    is(client.create_property(&new_property("acme_stage")).await.unwrap_err(), "already_exists");
    let nowhere = NewProperty { group_name: group("nope"), ..new_property("acme_new") };
    is(client.create_property(&nowhere).await.unwrap_err(), "rejected");
    is(client.update_property("nope", &all_of_a_property()).await.unwrap_err(), "not_found");
    is(client.update_property("createdate", &all_of_a_property()).await.unwrap_err(), "rejected");
    is(client.delete_property("acme_old").await.unwrap_err(), "rejected");
    client.delete_property("nope").await.unwrap();
    let nowhere = Filter { property: "nope".into(), operator: FilterOperator::HasProperty };
    is(client.count_contacts(&[nowhere]).await.unwrap_err(), "rejected");
    let bad = ContactUpdate { id: desk.contact.clone(), properties: values("hs_lead_status", "NOPE") };
    assert!(matches!(client.update_contacts(&[bad]).await.unwrap()[..], [ItemOutcome::Refused(_)]));
    let refused = |operation| desk.statuses(operation).into_iter().filter(|status| *status >= 400).collect::<Vec<_>>();
    let table: [(Operation, &[u16]); 12] = [
        (Operation::FindUser, &[404]),
        (Operation::UpdateUser, &[400, 404]),
        (Operation::CreateUser, &[400, 409]),
        (Operation::ListRoles, &[400]),
        (Operation::CreateGroup, &[409]),
        (Operation::UpdateGroup, &[404]),
        (Operation::DeleteGroup, &[400, 404]),
        (Operation::FindProperty, &[404]),
        (Operation::CreateProperty, &[400, 409]),
        (Operation::UpdateProperty, &[400, 404]),
        (Operation::DeleteProperty, &[400, 404]),
        (Operation::CountContacts, &[400]),
    ];
    for (operation, statuses) in table {
        assert_eq!(refused(operation), statuses, "{operation}");
    }
}

/// A portal with something of everything.
struct Desk {
    sim: HubSpotSim,
    clock: Arc<dyn Clock>,
    kept: Kept,
    contact: ContactId,
    /// Notes, e-mails and tasks that were made.
    made: Mutex<BTreeMap<EngagementKind, Vec<String>>>,
    user: UserId,
}

type Outcome = Result<(), Error>;

impl Desk {
    fn new(config: SimConfig) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(VirtualClock::starting_at("2026-11-22T10:00:00Z".parse().unwrap()));
        let sim = HubSpotSim::new(config, Arc::clone(&clock));
        let kept = Kept::new();
        kept.watch(&sim);
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
        Self { sim, clock, kept, contact: ContactId(lead), made: Mutex::default(), user: UserId(user) }
    }

    fn client(&self, token: &str) -> HubSpot {
        self.client_at("https://api.hubapi.com", token)
    }

    fn client_at(&self, base: &str, token: &str) -> HubSpot {
        HubSpot::new(Connection {
            transport: self.sim.transport(),
            base: base.parse().unwrap(),
            token: AccessToken::new(token).unwrap(),
            limiter: Arc::new(Limiter::new(Arc::clone(&self.clock), 0)),
            chance: Arc::new(Chance::seeded(1)),
        })
    }

    /// One call, as it succeeds in this portal.
    async fn call(&self, operation: Operation, client: &HubSpot) -> Outcome {
        match operation {
            Operation::AccountDetails => client.account_details().await.map(drop),
            Operation::TokenInfo => client.token_info().await.map(drop),
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
    fn refused(self, what: &'static str, operation: Operation, status: u16) -> (&'static str, Self) {
        assert!(self.statuses(operation).contains(&status), "{operation} has not got its {what}");
        (what, self)
    }

    fn statuses(&self, operation: Operation) -> Vec<u16> {
        let found = self.kept.found();
        let asked = found.exchanges.keys().filter(|(name, _)| name == asks(operation));
        asked.map(|(_, status)| *status).collect()
    }
}

fn member(email: &str, accepted: bool) -> NewMember {
    NewMember { email: email.into(), first_name: Some("Ada".into()), last_name: Some("Assistant".into()), accepted }
}

fn email(text: &str) -> Email {
    Email::new(text).unwrap()
}

fn group(name: &str) -> GroupName {
    GroupName::new(name).unwrap()
}

fn values(name: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(name.to_owned(), value.to_owned())])
}

fn new_user(address: &str) -> NewUser {
    NewUser {
        email: email(address),
        first_name: Some("New".into()),
        last_name: Some("Assistant".into()),
        role_id: None,
        primary_team_id: None,
        send_welcome_email: true,
    }
}

fn all_of_a_user() -> UserUpdate {
    UserUpdate {
        first_name: Some("Ada".into()),
        last_name: Some("Lovelace".into()),
        role_id: None,
        primary_team_id: None,
        secondary_team_ids: Some(Vec::new()),
    }
}

fn new_group(name: &str) -> NewGroup {
    NewGroup { name: group(name), label: "Fresh".into(), display_order: Some(-1) }
}

fn all_of_a_group() -> GroupUpdate {
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

fn new_property(name: &str) -> NewProperty {
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

fn all_of_a_property() -> PropertyUpdate {
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
