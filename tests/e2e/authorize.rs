//! `tec-crm authorize` as a process, with a socket for the browser and a real API server for the Secret.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use tec_crm::sim::hubspot::{Consent, DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, OAuthApp};
use url::Url;

use super::world::{PATIENCE, Setup, World};

const PORTAL: &str = "crmconnections/portal";

/// The command, waiting for its answer.
struct Waiting {
    process: Child,
    /// What follows the link on standard output.
    rest: BufReader<ChildStdout>,
    link: String,
    query: BTreeMap<String, String>,
}

/// A connection and its app, which has never been authorised.
fn world(name: &'static str) -> World {
    let mut world = World::with(Setup { operator: false, ..Setup::new(name) });
    let app = json!({"client_id": DEFAULT_CLIENT_ID, "client_secret": DEFAULT_CLIENT_SECRET});
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "app"}, "stringData": app});
    let oauth = json!({"clientSecretRef": {"name": "app"}, "tokenSecretRef": {"name": "tokens"}});
    world.apply(&[secret, world.connection(&json!({"auth": {"accessToken": null, "oauth": oauth}}))]);
    world.secrets.push(DEFAULT_CLIENT_SECRET.to_owned());
    world
}

fn begin(world: &World) -> Waiting {
    let talk = File::create(world.folder().join("authorize.log")).expect("a log");
    let mut process = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", env!("CARGO_BIN_EXE_tec-crm"), "authorize", "portal", "--port", "0"])
        .args(["--namespace", &world.namespace, "--allow-endpoint", &world.endpoint])
        .env("KUBECONFIG", world.admin())
        .env("RUST_LOG", "debug")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(talk)
        .spawn()
        .expect("setpriv and the command");
    let mut rest = BufReader::new(process.stdout.take().expect("its standard output"));
    let mut link = String::new();
    rest.read_line(&mut link).expect("a link");
    let query = Url::parse(link.trim()).unwrap_or_else(|error| panic!("{error}: {link:?} {}", talk_of(world)));
    let query = query.query_pairs().into_owned().collect();
    Waiting { process, rest, link, query }
}

fn talk_of(world: &World) -> String {
    std::fs::read_to_string(world.folder().join("authorize.log")).expect("a log")
}

/// The browser comes back with this query; status and page.
fn come_back(waiting: &Waiting, query: &str) -> (u16, String) {
    let redirect = Url::parse(&waiting.query["redirect_uri"]).expect("a URL");
    assert_eq!((redirect.host_str(), redirect.path()), (Some("localhost"), "/callback"));
    let mut stream = TcpStream::connect(("localhost", redirect.port().expect("a port"))).expect("a listener");
    write!(stream, "GET /callback?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer, and then the end");
    (answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status"), answer)
}

fn ended(world: &World, waiting: &mut Waiting) -> ExitStatus {
    world.wait_for("the command ends", PATIENCE, || waiting.process.try_wait().expect("its exit status"))
}

#[test]
fn a_consent_in_the_browser_makes_the_connection_ready() {
    let mut world = world("authorize");
    let mut waiting = begin(&world);
    let redirect_uri = waiting.query["redirect_uri"].clone();
    world.sim.register_app(OAuthApp { redirect_uris: vec![redirect_uri.clone()], ..OAuthApp::default() });
    let code_challenge = Some(waiting.query["code_challenge"].clone());
    let consent = Consent { client_id: DEFAULT_CLIENT_ID.to_owned(), redirect_uri, scopes: None, code_challenge };
    let code = world.sim.authorize(consent).expect("a code");
    let state = waiting.query["state"].clone();

    // Somebody who connects and says nothing holds nobody up.
    let port = Url::parse(&waiting.query["redirect_uri"]).expect("a URL").port().expect("a port");
    let _silent = TcpStream::connect(("localhost", port)).expect("a listener");
    assert_eq!(come_back(&waiting, &format!("code={code}&state=wrong")).0, 400);
    let (status, page) = come_back(&waiting, &format!("code={code}&state={state}"));
    assert_eq!(status, 200);
    for part in
        ["cache-control: no-store", "referrer-policy: no-referrer", "content-security-policy: default-src 'none'"]
    {
        assert!(page.contains(part), "{page}");
    }
    assert!(!page.contains(&code) && !page.contains(&state), "{page}");
    let status = ended(&world, &mut waiting);
    let talk = talk_of(&world);
    assert_eq!(status.code(), Some(0), "{talk}");

    let stored = world.get("secrets/tokens");
    let encoded = stored["data"]["refresh_token"].as_str().expect("a token");
    let token = String::from_utf8(STANDARD.decode(encoded).expect("base64")).expect("text");
    let mut more = String::new();
    waiting.rest.read_to_string(&mut more).expect("the rest of it");
    assert_eq!(more, "", "the link is all there is on standard output");
    assert!(talk.contains("Portal 999001 is authorised") && talk.contains(" DEBUG "), "{talk}");
    for secret in [&token, encoded, &code, DEFAULT_CLIENT_SECRET] {
        assert!(!talk.contains(secret) && !waiting.link.contains(secret), "a secret is shown: {talk}");
    }
    world.secrets.push(token);

    world.start_operator();
    world.wait_condition(PORTAL, ["Ready", "True", "Succeeded"], PATIENCE);
}

#[test]
fn ctrl_c_ends_it_at_once_and_nothing_is_written() {
    let world = world("authorize-interrupted");
    let mut waiting = begin(&world);
    let pressed = Command::new("kill").args(["-INT", &waiting.process.id().to_string()]).status().expect("kill");
    assert!(pressed.success());
    let status = ended(&world, &mut waiting);
    let talk = talk_of(&world);
    assert_eq!(status.code(), Some(1), "{talk}");
    assert!(talk.ends_with("error: interrupted; nothing was written\n"), "{talk}");
    assert!(world.find("secrets/tokens").is_none());
}
