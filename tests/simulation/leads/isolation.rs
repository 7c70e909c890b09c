//! Who has nothing to do with each other: two assistants in one portal, ten portals in one operator.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use serde_json::{Value, json};
use tec_crm::{
    api::schema,
    controllers::{Context, Operator, Settings, context::Outside},
    desired::connection::EndpointPolicy,
    domain::ClusterId,
    runtime::{
        chance::Chance,
        clock::{Clock, VirtualClock},
        transport::{HttpRequest, HttpResponse, Transport, TransportError},
    },
    sim::{
        hubspot::{HubSpotSim, NewMember, SimConfig, TokenConfig},
        kube::KubeSim,
        tec::{NewAssistant, TecConfig, TecSim},
    },
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{
    MINUTE, SECOND,
    office::Office,
    ways::{FOUND, TAKEN},
};

#[tokio::test(start_paused = true)]
async fn two_assistants_in_one_portal_work_side_by_side() {
    let office = Office::open().await;
    let contacts: Vec<String> = (0..40).map(|number| office.contact(&format!("lead{number}"))).collect();
    let (hers, his) = contacts.split_at(20);
    office.pass(SECOND).await;
    office.edit(hers, "hubspot_owner_id", &office.ada);
    office.edit(his, "hubspot_owner_id", &office.bob);
    office.pass(FOUND).await;
    for (contact, state) in contacts.iter().zip(["Cold", "Warm", "Hot", "Pending"].into_iter().cycle()) {
        office.state(contact, state);
    }
    office.pass(2 * SECOND).await;
    for (contact, state) in contacts.iter().zip(["Cold", "Warm", "Hot", "Pending"].into_iter().cycle()) {
        let (name, long) = if hers.contains(contact) { ("ada", "ada: Ada") } else { ("bob", "bob: Bob") };
        assert_eq!(office.leads(contact), [format!("{state} {name}")]);
        assert_eq!(office.notes(contact), [TAKEN[2].replace("note: ada: Ada", long)]);
        assert_eq!((office.owner_of(contact).as_str(), office.statuses(contact).1.as_str()), (name, state));
    }
    // The end of one is nothing to the other.
    for contact in hers {
        office.say(contact, json!({"type": "StateChanged", "state": "Processed", "done": true}));
    }
    office.pass(5 * SECOND).await;
    assert!(hers.iter().all(|contact| office.owner_of(contact) == "sam"));
    assert!(his.iter().all(|contact| office.owner_of(contact) == "bob" && office.leads(contact).len() == 1));
}

/// One of ten companies: the same ids, the same names, another portal and another TEC.
struct Company {
    hubspot: HubSpotSim,
    tec: TecSim,
    ada: String,
    sam: String,
}

/// Whom a request is for stands in its host.
struct ByHost(BTreeMap<String, Arc<dyn Transport>>);

impl Transport for ByHost {
    fn send(&self, request: HttpRequest) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
        match request.uri().host().and_then(|host| self.0.get(host)) {
            Some(transport) => transport.send(request),
            None => Box::pin(async { Err(TransportError::NotSent("name not found".to_owned())) }),
        }
    }
}

impl Company {
    fn found(number: u64, clock: &Arc<dyn Clock>) -> Self {
        let config = SimConfig {
            portal_id: 999_000 + number,
            data_hosting_location: format!("eu{number}"),
            tokens: vec![TokenConfig::with_all_scopes(hubspot_token(number))],
            auto_accept: true,
            ..SimConfig::default()
        };
        let hubspot = HubSpotSim::new(config, Arc::clone(clock));
        let tec = TecSim::new(TecConfig { token: tec_token(number), ..TecConfig::default() }, Arc::clone(clock));
        tec.assistant(NewAssistant::new("ada@example.com")).expect("an assistant");
        let sam = NewMember { email: "sam@example.com".to_owned(), accepted: true, ..NewMember::default() };
        hubspot.add_user(sam).expect("a salesperson");
        Self { hubspot, tec, ada: String::new(), sam: String::new() }
    }

    fn owner(&self, email: &str) -> String {
        let owners = self.hubspot.state()["owners"].as_array().cloned().unwrap_or_default();
        owners.iter().find(|owner| owner["email"] == email).expect("an owner")["id"].as_str().expect("id").to_owned()
    }

    fn contact(&self, name: &str) -> String {
        let values = [("email", format!("{name}@customer.example.com")), ("hubspot_owner_id", self.sam.clone())];
        let values = values.map(|(name, value)| (name.to_owned(), value));
        self.hubspot.create_contacts(1, &values.into()).expect("a contact").remove(0)
    }
}

fn hubspot_token(number: u64) -> String {
    format!("pat-eu{number}-00000000-0000-4000-8000-{number:012}")
}

fn tec_token(number: u64) -> String {
    format!("tec-{number}")
}

/// Kubernetes' half of a company.
fn apply_company(kube: &KubeSim, number: u64) {
    let namespace = format!("company{number}");
    let create = |object: Value| kube.create(object).expect("new");
    create(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}));
    for (name, token) in [("hubspot", hubspot_token(number)), ("tec", tec_token(number))] {
        create(json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace},
            "data": {"token": super::super::world::base64(token.as_bytes())},
        }));
    }
    let ours = |kind: &str, name: &str, spec: Value| {
        create(json!({
            "apiVersion": "crm.theeminenceco.com/v1alpha1", "kind": kind,
            "metadata": {"name": name, "namespace": namespace}, "spec": spec,
        }));
    };
    ours(
        "CrmConnection",
        "portal",
        json!({
            "apiEndpoint": format!("https://api-eu{number}.hubapi.com"),
            "auth": {"accessToken": {"secretRef": {"name": "hubspot", "key": "token"}}},
            "tec": {"endpoint": format!("https://tec{number}.example.com"), "tokenSecretRef": {"name": "tec", "key": "token"}},
        }),
    );
    ours(
        "Assistant",
        "ada",
        json!({
            "connectionRef": {"name": "portal"}, "email": "ada@example.com", "firstName": format!("Ada{number}"),
            "defaults": {"context": format!("Product {number}")},
        }),
    );
}

fn operate(kube: &KubeSim, clock: &Arc<dyn Clock>, hosts: BTreeMap<String, Arc<dyn Transport>>) -> JoinHandle<()> {
    let outside = Outside {
        client: kube.client(),
        transport: Arc::new(ByHost(hosts)),
        clock: Arc::clone(clock),
        chance: Arc::new(Chance::seeded(7)),
    };
    let settings = Settings {
        cluster: ClusterId::new("simulated").expect("a cluster id"),
        endpoints: EndpointPolicy::default(),
        namespaces: Vec::new(),
        concurrency: 16,
        deletion_grace: Duration::from_hours(1),
    };
    tokio::spawn(Operator::new(Context::new(outside, settings)).run(CancellationToken::new()))
}

/// Whether an older connection's leads survive a younger one that uses its TEC, whatever the older one is up to.
async fn shares_a_tec(younger: u64, older: u64, change: Option<Value>) {
    fastrand::seed(1);
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::starting_at("2026-11-22T10:00:00Z".parse().expect("a date")));
    let kube = KubeSim::new(Arc::clone(&clock));
    for crd in schema::crds() {
        kube.create(serde_json::to_value(crd).expect("a CRD")).expect("CRDs are new");
    }
    let mut hosts: BTreeMap<String, Arc<dyn Transport>> = BTreeMap::new();
    let companies: BTreeMap<u64, Company> =
        [older, younger].map(|number| (number, Company::found(number, &clock))).into();
    for (number, company) in &companies {
        hosts.insert(format!("api-eu{number}.hubapi.com"), company.hubspot.transport());
    }
    hosts.insert(format!("tec{older}.example.com"), companies[&older].tec.transport());
    apply_company(&kube, older);
    let first = operate(&kube, &clock, hosts.clone());
    tokio::time::sleep(2 * MINUTE).await;
    let company = &companies[&older];
    let contact = company.contact("lena");
    tokio::time::sleep(SECOND).await;
    let owner = [("hubspot_owner_id".to_owned(), company.owner("ada@example.com"))].into();
    company.hubspot.update_contacts(std::slice::from_ref(&contact), &owner).expect("an edit");
    tokio::time::sleep(FOUND).await;
    assert_eq!(company.tec.leads().len(), 1);
    first.abort();
    let _ended = first.await;

    if let Some(change) = change {
        kube.patch("crmconnections", format!("company{older}").as_str(), "portal", json!({"spec": change}))
            .expect("a change");
    }
    apply_company(&kube, younger);
    let namespace = format!("company{younger}");
    let token = super::super::world::base64(tec_token(older).as_bytes());
    kube.patch("secrets", namespace.as_str(), "tec", json!({"data": {"token": token}})).expect("a token");
    let tec = json!({"spec": {"tec": {"endpoint": format!("https://tec{older}.example.com")}}});
    kube.patch("crmconnections", namespace.as_str(), "portal", tec).expect("an endpoint");
    let second = operate(&kube, &clock, hosts);
    tokio::time::sleep(2 * MINUTE).await;
    company.tec.say(vec![json!({"crmId": contact, "type": "StateChanged", "state": "Hot"})]).expect("an event");
    tokio::time::sleep(10 * MINUTE).await;
    assert_eq!(company.tec.leads()[0]["stopped"], Value::Null);
    let portal = kube.get("crmconnections", namespace.as_str(), "portal").expect("a connection");
    let conditions = portal["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let said = conditions.iter().find(|condition| condition["type"] == "LeadsFlowing").expect("a word");
    assert_eq!((&said["status"], &said["reason"]), (&json!("False"), &json!("Conflict")), "{said}");
    second.abort();
}

#[tokio::test(start_paused = true)]
async fn the_leads_of_an_older_connection_are_not_touched_by_a_younger_one_with_its_token() {
    for (younger, older) in [(1, 2), (2, 1)] {
        for change in [None, Some(json!({"suspend": true})), Some(json!({"leads": {"mode": "Off"}}))] {
            shares_a_tec(younger, older, change).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn ten_portals_in_one_operator_never_meet() {
    fastrand::seed(1);
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::starting_at("2026-11-22T10:00:00Z".parse().expect("a date")));
    let kube = KubeSim::new(Arc::clone(&clock));
    for crd in schema::crds() {
        kube.create(serde_json::to_value(crd).expect("a CRD")).expect("CRDs are new");
    }
    let mut companies: Vec<Company> = (1..=10).map(|number| Company::found(number, &clock)).collect();
    let mut hosts: BTreeMap<String, Arc<dyn Transport>> = BTreeMap::new();
    for (number, company) in (1..=10).zip(&companies) {
        apply_company(&kube, number);
        hosts.insert(format!("api-eu{number}.hubapi.com"), company.hubspot.transport());
        hosts.insert(format!("tec{number}.example.com"), company.tec.transport());
    }
    let operator = operate(&kube, &clock, hosts);
    tokio::time::sleep(2 * MINUTE).await;
    for company in &mut companies {
        (company.ada, company.sam) = (company.owner("ada@example.com"), company.owner("sam@example.com"));
    }

    // Company n has n contacts; their ids are the same everywhere.
    let contacts: Vec<Vec<String>> = (1..=10)
        .zip(&companies)
        .map(|(number, company)| (0..number).map(|contact| company.contact(&format!("c{number}x{contact}"))).collect())
        .collect();
    assert_eq!(contacts[0][0], contacts[9][0]);
    tokio::time::sleep(SECOND).await;
    for (company, contacts) in companies.iter().zip(&contacts) {
        let owner = [("hubspot_owner_id".to_owned(), company.ada.clone())].into();
        company.hubspot.update_contacts(contacts, &owner).expect("an edit");
    }
    tokio::time::sleep(FOUND).await;
    for (company, contacts) in companies.iter().zip(&contacts).step_by(2) {
        let done = |contact: &String| json!({"crmId": contact, "type": "StateChanged", "state": "Hot", "done": true});
        company.tec.say(contacts.iter().map(done).collect()).expect("events");
    }
    tokio::time::sleep(MINUTE).await;
    for ((number, company), contacts) in (1..=10).zip(&companies).zip(&contacts) {
        let leads = company.tec.leads();
        assert_eq!(leads.len(), contacts.len(), "company {number}");
        for lead in &leads {
            let email = lead["contact"]["email"].as_str().expect("an address");
            assert!(email.starts_with(&format!("c{number}x")), "{lead}");
            assert_eq!((&lead["context"], &lead["stopped"]), (&json!(format!("Product {number}")), &Value::Null));
            let key = lead["idempotencyKey"].as_str().expect("a key");
            assert!(key.starts_with(&format!("{}:", 999_000 + number)), "{key}");
        }
        let (owner, status) = if number % 2 == 1 { (&company.sam, "Hot") } else { (&company.ada, "New") };
        for contact in contacts {
            let properties = company.hubspot.contact(contact).expect("a contact")["properties"].clone();
            assert_eq!(properties["hubspot_owner_id"], json!(owner), "company {number}");
            assert_eq!(properties["tec_lead_connection_status"], status, "company {number}");
            let notes = company.hubspot.notes_of(contact).expect("notes");
            assert_eq!(notes.len(), 1, "company {number}");
            let body = notes[0]["properties"]["hs_note_body"].as_str().expect("a text");
            assert!(body.starts_with(&format!("Ada{number} has taken over")), "{body}");
        }
        for (what, statuses) in [("HubSpot", company.hubspot.requests()), ("TEC", company.tec.requests())] {
            assert_eq!(statuses.with_status(401), 0, "{what} of company {number} met a stranger");
        }
    }
    operator.abort();
}
