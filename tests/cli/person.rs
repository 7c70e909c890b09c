//! A person at a terminal and a browser, a cluster and a portal for `tec-crm authorize`.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::Method;
use serde_json::{Value, json};
use tec_crm::{
    cli::authorize::{Authorize, Terminal},
    desired::{
        connection::EndpointPolicy,
        references::{Kind, ObjectRef},
    },
    server::callback::Callbacks,
    sim::hubspot::{Consent, DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, OAuthApp, SimConfig},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::simulation::world::{NAMESPACE, World, base64};

pub const REDIRECT: &str = "http://localhost:8687/callback";
pub const TIMEOUT: Duration = Duration::from_mins(5);

/// What is said and shown, in order.
#[derive(Default)]
pub struct Screen {
    pub data: Mutex<Vec<String>>,
    talk: Mutex<Vec<String>>,
}

impl Terminal for Screen {
    fn data(&self, line: &str) {
        self.data.lock().unwrap().push(line.to_owned());
    }

    fn say(&self, line: &str) {
        self.talk.lock().unwrap().push(line.to_owned());
    }
}

impl Screen {
    /// The link, taken apart.
    pub fn page(&self) -> (Url, BTreeMap<String, String>) {
        let data = self.data.lock().unwrap();
        let [link] = data.as_slice() else { panic!("one link on standard output: {data:?}") };
        let link = Url::parse(link).unwrap();
        let query = link.query_pairs().into_owned().collect();
        (link, query)
    }

    pub fn talk(&self) -> String {
        self.talk.lock().unwrap().join("\n")
    }
}

/// How one run of the command went.
pub struct Went {
    pub screen: Screen,
    pub result: Result<(), String>,
    pub took: Duration,
}

impl Went {
    pub fn error(&self) -> &str {
        self.result.as_ref().expect_err("an error")
    }

    /// Nothing that was said, shown or reported has any of these in it.
    pub fn shows_none_of(&self, secrets: &[&str]) {
        let shown = format!("{:?} {} {:?}", self.screen.data.lock().unwrap(), self.screen.talk(), self.result);
        for secret in secrets {
            assert!(!shown.contains(secret), "a secret is shown: {shown}");
        }
    }
}

/// What the person and the browser do.
pub type Browser = Box<dyn FnOnce(&World, &BTreeMap<String, String>, &Callbacks) + Send>;

pub fn world() -> World {
    let world = World::new(1, SimConfig::default());
    world.hubspot.register_app(OAuthApp::default());
    secret(&world, "app", &[("client_id", DEFAULT_CLIENT_ID), ("client_secret", DEFAULT_CLIENT_SECRET)]);
    world.connection(&auth());
    world
}

pub fn auth() -> Value {
    json!({"auth": {"oauth": {"clientSecretRef": {"name": "app"}, "tokenSecretRef": {"name": "tokens"}}}})
}

pub fn secret(world: &World, name: &str, data: &[(&str, &str)]) {
    let data: Value = data.iter().map(|(key, text)| ((*key).to_owned(), json!(base64(text.as_bytes())))).collect();
    let metadata = json!({"name": name, "namespace": NAMESPACE});
    world.kube.apply(json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})).unwrap();
}

/// A key of the Secret the token goes to, if there is such a Secret.
pub fn stored(world: &World, key: &str) -> Option<String> {
    let secret = world.kube.get("secrets", NAMESPACE, "tokens")?;
    Some(String::from_utf8(STANDARD.decode(secret["data"][key].as_str()?).unwrap()).unwrap())
}

/// A person agrees to all of the link, or to these scopes.
pub fn agree(world: &World, query: &BTreeMap<String, String>, scopes: Option<&[&str]>) -> String {
    let consent = Consent {
        client_id: query["client_id"].clone(),
        redirect_uri: query["redirect_uri"].clone(),
        scopes: scopes.map(|scopes| scopes.iter().map(ToString::to_string).collect()),
        code_challenge: Some(query["code_challenge"].clone()),
    };
    world.hubspot.authorize(consent).expect("a code")
}

/// The browser comes back with these.
pub fn come_back(callbacks: &Callbacks, parameters: &[(&str, &str)]) -> u16 {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    let response = callbacks.receive(&Method::GET, &format!("/callback?{query}").parse().unwrap());
    let (status, page) = (response.status().as_u16(), response.into_body());
    assert!(parameters.iter().all(|(_, value)| value.len() < 8 || !page.contains(value)), "{page}");
    status
}

/// Agrees and comes back as it should be.
pub fn usual(scopes: Option<&'static [&'static str]>) -> Browser {
    Box::new(move |world, query, callbacks| {
        let code = agree(world, query, scopes);
        assert_eq!(come_back(callbacks, &[("code", &code), ("state", &query["state"])]), 200);
    })
}

pub fn errand(world: &World) -> Authorize {
    Authorize {
        client: world.kube.client(),
        transport: world.hubspot.transport(),
        endpoints: EndpointPolicy::default(),
        connection: ObjectRef::new(Kind::Connection, NAMESPACE, "portal"),
        redirect_uri: REDIRECT.to_owned(),
        consent_host: None,
        timeout: TIMEOUT,
    }
}

pub async fn run(world: &World, browser: Browser) -> Went {
    run_until(world, browser, CancellationToken::new()).await
}

pub async fn run_until(world: &World, browser: Browser, stop: CancellationToken) -> Went {
    let (screen, began) = (Screen::default(), Instant::now());
    let errand = errand(world);
    let serve = |callbacks: Arc<Callbacks>, done: CancellationToken| {
        let screen = &screen;
        async move {
            browser(world, &screen.page().1, &callbacks);
            done.cancelled().await;
            Ok(())
        }
    };
    let result = errand.run(&screen, serve, stop).await.map_err(|error| format!("{error:#}"));
    Went { screen, result, took: began.elapsed() }
}

pub fn writes(world: &World) -> Vec<String> {
    world.kube.requests().into_iter().filter(|line| !line.starts_with("GET ")).collect()
}
