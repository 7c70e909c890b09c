//! One test's world: a namespace, a simulated portal on a socket, and the operator as users run it, with the rights of
//! its service account and no more. Several worlds share one control plane.
//!
//! Every world keeps a chronicle of its objects. When the test is over it is read for what must hold at any time: the
//! rules of [`super::kstatus`], and that no token is in a log line, an object or an event. Everything said between operator
//! and HubSpot is held against HubSpot's contract.

use std::{
    fmt::Write as _,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, OnceLock},
    time::{Duration, Instant},
};

use futures::StreamExt as _;
use kube::{
    Api,
    core::{ApiResource, DynamicObject, GroupVersionKind},
    runtime::{
        WatchStreamExt as _,
        watcher::{self, watcher},
    },
};
use serde_json::{Value, json};
use tec_crm::{
    api::{GROUP, REQUESTED_AT, VERSION},
    runtime::clock::SystemClock,
    sim::hubspot::{HubSpotSim, SimConfig, TokenConfig, serve},
};
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Runtime};

use super::kstatus;
use crate::{
    contract::hubspot::Kept,
    support::control_plane::{ControlPlane, client, control_plane},
};

/// Longest that anything may take which has no promise of its own.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// How soon the operator reacts to what a person does in Kubernetes.
pub(crate) const PROMPTLY: Duration = Duration::from_secs(2);
/// Our kinds, as the API server's paths name them.
pub(crate) const KINDS: [&str; 3] = ["crmconnections", "assistants", "schedulesyncs"];

const CLUSTER_ID: &str = "e2e";
/// Lines of the operator's log in a failure.
const TAIL: usize = 40;

/// What a world is made of, where it is not the usual.
pub(crate) struct Setup {
    /// Beginning of the namespace's name.
    pub(crate) name: &'static str,
    pub(crate) sim: SimConfig,
    /// Of the operator.
    pub(crate) rust_log: &'static str,
    pub(crate) args: Vec<String>,
    /// A control plane that starts without our CRDs, instead of the shared one.
    pub(crate) own_plane: bool,
    /// The test starts the operator itself.
    pub(crate) operator: bool,
}

impl Setup {
    pub(crate) fn new(name: &'static str) -> Self {
        let sim = SimConfig {
            tokens: vec![TokenConfig::with_all_scopes(token(name))],
            owner_delay: Duration::from_millis(200),
            // The operator's manners towards HubSpot's limits have tests of their own.
            limit_per_10s: 1_000,
            ..SimConfig::default()
        };
        Self { name, sim, rust_log: "info", args: Vec::new(), own_plane: false, operator: true }
    }
}

fn token(name: &str) -> String {
    format!("pat-na1-canary-{name}-5e1f")
}

/// One test's world.
pub(crate) struct World {
    pub(crate) sim: HubSpotSim,
    pub(crate) namespace: String,
    /// Base URL of the simulated HubSpot.
    pub(crate) endpoint: String,
    /// What must not be seen anywhere.
    pub(crate) secrets: Vec<String>,
    kubeconfig: PathBuf,
    operator_kubeconfig: PathBuf,
    kube: kube::Client,
    chronicle: Arc<Mutex<Vec<Value>>>,
    folder: Option<TempDir>,
    operator: Option<Child>,
    /// Where in the log its last start is.
    log_start: u64,
    rust_log: &'static str,
    /// Of the operator's next start.
    pub(crate) args: Vec<String>,
    /// Stops what runs on it when it is dropped.
    runtime: Option<Runtime>,
    own_plane: Option<ControlPlane>,
    contract: Kept,
}

impl World {
    pub(crate) fn start(name: &'static str) -> Self {
        Self::with(Setup::new(name))
    }

    pub(crate) fn with(setup: Setup) -> Self {
        let Setup { name, sim, rust_log, args, own_plane, operator } = setup;
        let own_plane = own_plane.then(|| {
            let plane = ControlPlane::start();
            grant_rights(&plane.admin_kubeconfig);
            plane
        });
        let plane = own_plane.as_ref().unwrap_or_else(|| cluster());
        let (kubeconfig, operator_kubeconfig) = (plane.admin_kubeconfig.clone(), plane.operator_kubeconfig.clone());
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let secrets = sim.tokens.iter().map(|token| token.token.clone()).collect();
        let contract = Kept::in_world();
        let (sim, endpoint) = runtime.block_on(simulate(sim, &contract));
        let kube = runtime.block_on(client(&kubeconfig));
        let mut world = Self {
            sim,
            namespace: String::new(),
            endpoint,
            secrets,
            kubeconfig,
            operator_kubeconfig,
            kube,
            chronicle: Arc::default(),
            folder: Some(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder")),
            operator: None,
            log_start: 0,
            rust_log,
            args,
            runtime: Some(runtime),
            own_plane,
            contract,
        };
        let namespace = json!({"metadata": {"generateName": format!("{name}-")}});
        let made = world.request("POST", "/api/v1/namespaces", Some(&namespace)).expect("a namespace");
        made["metadata"]["name"].as_str().expect("its name").clone_into(&mut world.namespace);
        world.record(&world.namespace);
        if operator {
            world.start_operator();
        }
        world
    }

    /// One more simulated portal, on a socket of its own, that the operator may talk to from its next start.
    pub(crate) fn another_portal(&mut self, config: SimConfig) -> (HubSpotSim, String) {
        self.secrets.extend(config.tokens.iter().map(|token| token.token.clone()));
        let (sim, endpoint) = self.runtime().block_on(simulate(config, &self.contract));
        self.args.extend(["--allow-endpoint".to_owned(), endpoint.clone()]);
        (sim, endpoint)
    }

    // The operator.

    pub(crate) fn start_operator(&mut self) {
        let log = self.folder().join("operator.log");
        let file = std::fs::File::options().create(true).append(true).open(&log).expect("a log");
        self.log_start = file.metadata().expect("its size").len();
        // Ended by the kernel should this process be killed.
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", env!("CARGO_BIN_EXE_tec-crm"), "run"])
            .args(["--namespace", &self.namespace, "--allow-endpoint", &self.endpoint])
            .args(["--health-addr", "127.0.0.1:0", "--webhook-addr", "127.0.0.1:0", "--cluster-id", CLUSTER_ID])
            .args(&self.args)
            .env("KUBECONFIG", &self.operator_kubeconfig)
            .env("RUST_LOG", self.rust_log)
            .env("RUST_BACKTRACE", "1")
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a second handle"))
            .stderr(file)
            .spawn()
            .expect("setpriv and the operator");
        self.operator = Some(process);
    }

    /// SIGTERM, and how it ended and how long that took.
    pub(crate) fn terminate_operator(&mut self) -> (ExitStatus, Duration) {
        let mut operator = self.operator.take().expect("a running operator");
        let began = Instant::now();
        let sent = Command::new("kill").args(["-TERM", &operator.id().to_string()]).status().expect("kill");
        assert!(sent.success(), "the operator had ended by itself");
        let status = self
            .wait_for("the operator ends after SIGTERM", PATIENCE, || operator.try_wait().expect("its exit status"));
        (status, began.elapsed())
    }

    /// Ends it without asking.
    pub(crate) fn kill_operator(&mut self) {
        if let Some(mut operator) = self.operator.take() {
            let _ = operator.kill();
            let _ = operator.wait();
        }
    }

    /// Everything it has said, over all starts.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder().join("operator.log")).unwrap_or_default()
    }

    /// The address its log gives with these words since its last start; `None` while there is no listener.
    pub(crate) fn address(&self, words: &str) -> Option<String> {
        let log = self.log();
        let line = log.get(usize::try_from(self.log_start).ok()?..)?.lines().find(|line| line.contains(words))?;
        line.split("address=").nth(1)?.split_whitespace().next().map(str::to_owned)
    }

    /// The status its health listener answers; `None` while there is no listener.
    pub(crate) fn probe(&self, path: &str) -> Option<u16> {
        let mut stream = TcpStream::connect(self.address("health probes are answered")?).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.split(' ').nth(1)?.parse().ok()
    }

    // Kubernetes.

    /// The administrator's kubeconfig.
    pub(crate) fn admin(&self) -> &Path {
        &self.kubeconfig
    }

    /// kubectl, as an administrator of the cluster, in the world's namespace. Standard output if it succeeds, else
    /// standard error.
    pub(crate) fn try_kubectl(&self, args: &[&str], input: Option<&str>) -> Result<String, String> {
        kubectl(&self.kubeconfig, &[&["--namespace", &self.namespace], args].concat(), input)
    }

    pub(crate) fn kubectl(&self, args: &[&str]) -> String {
        self.try_kubectl(args, None).unwrap_or_else(|error| panic!("kubectl {}: {error}", args.join(" ")))
    }

    /// `kubectl apply` of some manifests.
    pub(crate) fn apply(&self, manifests: &[Value]) {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": manifests}).to_string();
        let applied = self.try_kubectl(&["apply", "--server-side", "--filename", "-"], Some(&list));
        applied.unwrap_or_else(|error| panic!("kubectl apply: {error}"));
    }

    /// The object, such as `assistants/ada`; `None` if it does not exist.
    pub(crate) fn find(&self, object: &str) -> Option<Value> {
        match self.request("GET", &self.path(object), None) {
            Ok(object) => Some(object),
            Err(kube::Error::Api(status)) if status.code == 404 => None,
            Err(error) => panic!("{object}: {error}"),
        }
    }

    pub(crate) fn get(&self, object: &str) -> Value {
        self.find(object).unwrap_or_else(|| panic!("{object} does not exist"))
    }

    /// A JSON merge patch.
    pub(crate) fn patch(&self, object: &str, patch: &Value) -> Value {
        self.request("PATCH", &self.path(object), Some(patch)).unwrap_or_else(|error| panic!("{object}: {error}"))
    }

    pub(crate) fn delete(&self, object: &str) {
        self.request("DELETE", &self.path(object), None).unwrap_or_else(|error| panic!("{object}: {error}"));
    }

    pub(crate) fn path(&self, object: &str) -> String {
        let core = ["secrets", "configmaps"].iter().any(|plural| object.starts_with(plural));
        let group = if core { "api/v1".to_owned() } else { format!("apis/{GROUP}/{VERSION}") };
        format!("/{group}/namespaces/{}/{object}", self.namespace)
    }

    pub(crate) fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, kube::Error> {
        let kind = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let request = http::Request::builder().method(method).uri(path).header("content-type", kind).body(body);
        self.runtime().block_on(self.kube.request::<Value>(request.expect("a request")))
    }

    /// All objects of our kinds.
    pub(crate) fn objects(&self) -> Vec<Value> {
        KINDS.iter().flat_map(|kind| self.list(&self.path(kind))).collect()
    }

    pub(crate) fn events(&self) -> Vec<Value> {
        self.list(&format!("/apis/events.k8s.io/v1/namespaces/{}/events", self.namespace))
    }

    fn list(&self, path: &str) -> Vec<Value> {
        let list = self.request("GET", path, None).unwrap_or_default();
        list["items"].as_array().cloned().unwrap_or_default()
    }

    /// "Compare now"; returns the value that will be echoed.
    pub(crate) fn refresh(&self, object: &str) -> String {
        let stamp = format!("{:?}", std::time::SystemTime::now());
        self.patch(object, &json!({"metadata": {"annotations": {REQUESTED_AT: stamp}}}));
        stamp
    }

    /// "Compare now", then waits until `repaired` and the echo are both there, within the promised time.
    pub(crate) fn repaired_on_request(&self, object: &str, what: &str, mut repaired: impl FnMut(&Value) -> bool) {
        let stamp = self.refresh(object);
        self.wait_until(&format!("{what}, and the echo in {object}"), PROMPTLY, || {
            repaired(&self.sim.state()) && self.get(object)["status"]["lastHandledReconcileAt"] == stamp.as_str()
        });
    }

    // Waiting.

    /// Asks again and again until there is an answer.
    pub(crate) fn wait_for<T>(&self, what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + limit;
        loop {
            // Looked at once more after the deadline, so that a slow look is not taken for a slow operator.
            let late = Instant::now() > deadline;
            if let Some(seen) = look() {
                return seen;
            }
            assert!(!late, "after {limit:?} still not so: {what}\n{}", self.describe());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn wait_until(&self, what: &str, limit: Duration, mut look: impl FnMut() -> bool) {
        self.wait_for(what, limit, || look().then_some(()));
    }

    /// Waits for a condition to have this status and reason; returns its message.
    pub(crate) fn wait_condition(&self, object: &str, [kind, status, reason]: [&str; 3], limit: Duration) -> String {
        self.wait_for(&format!("{object} has {kind}={status} {reason}"), limit, || {
            let found = self.find(object)?;
            let condition = kstatus::condition(&found, kind)?;
            let settled = found["status"]["observedGeneration"] == found["metadata"]["generation"];
            let wanted = settled && condition["status"] == status && condition["reason"] == reason;
            wanted.then(|| condition["message"].as_str().unwrap_or_default().to_owned())
        })
    }

    /// Waits until the object is as its spec says.
    pub(crate) fn wait_ready(&self, object: &str) {
        self.wait_condition(object, ["Ready", "True", "Succeeded"], PATIENCE);
        let state = kstatus::of(&self.get(object));
        assert_eq!(state, kstatus::State::Current, "{object}\n{}", self.describe());
    }

    /// Waits until nobody has written to our objects for `calm`.
    pub(crate) fn wait_calm(&self, calm: Duration) {
        let (mut versions, mut since) = (self.versions(), Instant::now());
        self.wait_until("nobody writes to the objects", PATIENCE, || {
            let now = self.versions();
            if now != versions {
                (versions, since) = (now, Instant::now());
            }
            since.elapsed() >= calm
        });
    }

    /// The resource version of each object.
    pub(crate) fn versions(&self) -> Vec<(String, String)> {
        let version = |object: &Value| {
            let meta = &object["metadata"];
            (format!("{}/{}", object["kind"], meta["name"]), meta["resourceVersion"].to_string())
        };
        self.objects().iter().map(version).collect()
    }

    /// Objects and log, for a failure.
    fn describe(&self) -> String {
        let mut text = String::new();
        for mut object in self.objects() {
            object["metadata"]["managedFields"].take();
            let _ = writeln!(text, "--- {object:#}");
        }
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let _ = writeln!(text, "--- requests to HubSpot: {:?}", self.sim.requests().by_route);
        let _ =
            writeln!(text, "--- the operator's last lines:\n{}", lines[lines.len().saturating_sub(TAIL)..].join("\n"));
        text
    }

    // What goes into it.

    pub(crate) fn token(&self) -> &str {
        &self.secrets[0]
    }

    /// The Secret that [`World::connection`] names.
    pub(crate) fn secret(&self) -> Value {
        secret(self.token())
    }

    /// The connection `portal`. Compared once an hour, so that what is seen sooner has another cause.
    pub(crate) fn connection(&self, more: &Value) -> Value {
        let mut spec = json!({
            "apiEndpoint": self.endpoint, "interval": "1h", "auth": {"accessToken": {"secretRef": {"name": "portal"}}},
        });
        json_patch::merge(&mut spec, more);
        manifest("CrmConnection", "portal", &spec)
    }

    /// Connection, assistant `ada` and schedules `schedules`, all ready.
    pub(crate) fn bring_in_line(&self) {
        self.apply(&[
            self.secret(),
            self.connection(&json!({})),
            assistant("ada", &json!({})),
            schedules(&["101", "102"]),
        ]);
        for object in ["crmconnections/portal", "assistants/ada", "schedulesyncs/schedules"] {
            self.wait_ready(object);
        }
        self.wait_calm(Duration::from_millis(300));
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.as_ref().expect("kept until the end").path()
    }

    /// Where the simulators run.
    pub(crate) fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("kept until the end")
    }

    /// Notes every version of every object of our kinds.
    fn record(&self, namespace: &str) {
        for kind in ["CrmConnection", "Assistant", "ScheduleSync"] {
            let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(GROUP, VERSION, kind));
            let api: Api<DynamicObject> = Api::namespaced_with(self.kube.clone(), namespace, &resource);
            let chronicle = Arc::clone(&self.chronicle);
            self.runtime().spawn(async move {
                let mut events = watcher(api, watcher::Config::default()).default_backoff().boxed();
                while let Some(event) = events.next().await {
                    if let Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) = event
                        && let Ok(object) = serde_json::to_value(object)
                    {
                        chronicle.lock().expect("no panic while held").push(object);
                    }
                }
            });
        }
    }

    /// Every version of every object so far.
    pub(crate) fn chronicle(&self) -> Vec<Value> {
        self.chronicle.lock().expect("no panic while held").clone()
    }

    /// What must hold at any time, whatever the test was about.
    fn verify(&self) {
        let (chronicle, log) = (self.chronicle(), self.log());
        let broken: Vec<String> = chronicle.iter().flat_map(kstatus::broken_rules).collect();
        assert!(broken.is_empty(), "{}", broken.join("\n"));
        let events = self.events();
        let seen = [log, serde_json::to_string(&(chronicle, self.objects(), events)).expect("JSON")];
        for secret in &self.secrets {
            for text in &seen {
                let at = text.find(secret.as_str());
                assert!(at.is_none(), "a token is seen: {}", excerpt(text, at.unwrap_or_default()));
            }
        }
        assert!(!seen[0].contains("panicked"), "the operator panicked\n{}", self.describe());
    }
}

fn excerpt(text: &str, at: usize) -> String {
    let before: String = text[..at].chars().rev().take(200).collect::<Vec<_>>().into_iter().rev().collect();
    format!("{before}<<token>>")
}

impl Drop for World {
    fn drop(&mut self) {
        self.kill_operator();
        if std::thread::panicking() {
            // A look at the whole log may help.
            #[allow(clippy::print_stderr, reason = "the test runner shows it with the failure")]
            {
                let folder = self.folder.take().map(TempDir::keep);
                eprintln!("the operator's log is kept in {folder:?}");
            }
        } else {
            self.verify();
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        if let Some(plane) = self.own_plane.take() {
            plane.stop();
        }
    }
}

/// The shared control plane, with CRDs and the operator's rights.
pub(crate) fn cluster() -> &'static ControlPlane {
    static READY: OnceLock<()> = OnceLock::new();
    let plane = control_plane();
    READY.get_or_init(|| {
        grant_rights(&plane.admin_kubeconfig);
        install_crds(&plane.admin_kubeconfig).expect("CRDs without a warning");
    });
    plane
}

/// Exactly what the manifests grant.
fn grant_rights(kubeconfig: &Path) {
    for file in ["namespace.yaml", "rbac.yaml"] {
        let file = repository().join("manifests/base").join(file);
        let file = file.to_str().expect("a readable path");
        kubectl(kubeconfig, &["apply", "--server-side", "--filename", file], None).expect("the operator's rights");
    }
}

/// As users do; a warning of the API server is a failure.
pub(crate) fn install_crds(kubeconfig: &Path) -> Result<String, String> {
    let folder = repository().join("crds");
    let folder = folder.to_str().expect("a readable path");
    kubectl(kubeconfig, &["apply", "--server-side", "--warnings-as-errors", "--kustomize", folder], None)?;
    let crds = KINDS.map(|kind| format!("crd/{kind}.{GROUP}"));
    let wait = ["wait", "--for=condition=Established", "--timeout=20s", &crds[0], &crds[1], &crds[2]];
    kubectl(kubeconfig, &wait, None)
}

pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Standard output if it succeeds, else standard error.
pub(crate) fn kubectl(kubeconfig: &Path, args: &[&str], input: Option<&str>) -> Result<String, String> {
    let mut command = Command::new("kubectl");
    command.arg("--kubeconfig").arg(kubeconfig).args(args).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("kubectl");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input.unwrap_or_default().as_bytes()).expect("kubectl reads");
    drop(stdin);
    let output = child.wait_with_output().expect("its output");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

async fn simulate(config: SimConfig, contract: &Kept) -> (HubSpotSim, String) {
    let sim = HubSpotSim::new(config, Arc::new(SystemClock));
    contract.watch(&sim);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("its address"));
    tokio::spawn(serve(sim.clone(), listener, std::future::pending()));
    (sim, endpoint)
}

/// A manifest of one of our kinds.
pub(crate) fn manifest(kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": format!("{GROUP}/{VERSION}"), "kind": kind, "metadata": {"name": name}, "spec": spec})
}

pub(crate) fn secret(token: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "portal"}, "stringData": {"token": token}})
}

/// An assistant `<name>@example.com` of the connection `portal`.
pub(crate) fn assistant(name: &str, more: &Value) -> Value {
    let mut spec = json!({"connectionRef": {"name": "portal"}, "email": format!("{name}@example.com")});
    json_patch::merge(&mut spec, more);
    manifest("Assistant", name, &spec)
}

/// A ScheduleSync `schedules` with these values, labelled `Schedule <value>`.
pub(crate) fn schedules(values: &[&str]) -> Value {
    let list: Vec<Value> =
        values.iter().map(|value| json!({"value": value, "label": format!("Schedule {value}")})).collect();
    manifest("ScheduleSync", "schedules", &json!({"connectionRef": {"name": "portal"}, "source": {"schedules": list}}))
}

/// A property of the portal; `Null` if there is none.
pub(crate) fn property<'a>(state: &'a Value, name: &str) -> &'a Value {
    named(&state["properties"], name)
}

/// The entry of a list with this name.
pub(crate) fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    list.as_array().and_then(|all| all.iter().find(|one| one["name"] == name)).unwrap_or(&Value::Null)
}

/// The option of a property with this value; `Null` if there is none.
pub(crate) fn option<'a>(state: &'a Value, name: &str, value: &str) -> &'a Value {
    let options = property(state, name)["options"].as_array();
    options.and_then(|all| all.iter().find(|one| one["value"] == value)).unwrap_or(&Value::Null)
}

/// The portal's users with this e-mail.
pub(crate) fn users(state: &Value, email: &str) -> usize {
    state["users"].as_array().map_or(0, |all| all.iter().filter(|user| user["email"] == email).count())
}
