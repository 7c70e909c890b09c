//! `tec-crm authorize`

use std::{fmt, sync::Arc, time::Duration};

use anyhow::Context as _;
use clap::Args;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::hinted;
use crate::{
    controllers::crm_connection::consent::{self, Asker, NoAsker},
    desired::{
        connection::{EndpointPolicy, SecretKey, is_loopback},
        references::{Kind, ObjectRef},
    },
    domain::PortalId,
    hubspot::{
        self, ErrorKind,
        oauth::{AuthorizationCode, Consent, Granted, NotKept, RefreshToken, TokenEndpoint},
        region::{DEFAULT_BASE, DEFAULT_CONSENT_BASE, Region},
        scopes::{self, Need, Scope},
    },
    runtime::{
        shutdown,
        telemetry::{self, LogFormat},
        transport::{HttpTransport, Transport},
    },
    server::callback::{self, Callback, Callbacks},
};

#[derive(Debug, Args)]
pub(super) struct AuthorizeArgs {
    /// Name of the CrmConnection; it authenticates by OAuth, and the Secret of its app exists.
    connection: String,
    /// Its namespace; your kubeconfig's by default.
    #[arg(long, short, value_name = "NS")]
    namespace: Option<String>,
    /// Where on this machine the browser brings the answer: the app must list `http://localhost:PORT/callback` among its
    /// redirect URLs. 0 picks a free one.
    #[arg(long, default_value_t = 8687, value_name = "PORT")]
    port: u16,
    /// Where the consent page is. By default app.hubspot.com, or the host of the region that the connection's apiEndpoint
    /// names; `https://app-eu1.hubspot.com` for a portal in the EU.
    #[arg(long, value_name = "URL")]
    consent_host: Option<Url>,
    /// An API endpoint the connection may name besides HubSpot's own, such as a simulator's; repeat for several.
    #[arg(long = "allow-endpoint", value_name = "URL")]
    allow_endpoints: Vec<Url>,
    /// How long to wait for the answer.
    #[arg(long, default_value = "5m", value_name = "DURATION")]
    timeout: kube::core::Duration,
}

pub(super) fn run(args: AuthorizeArgs) -> anyhow::Result<()> {
    telemetry::install(LogFormat::Text, "warn");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(authorize(args))
}

async fn authorize(args: AuthorizeArgs) -> anyhow::Result<()> {
    let AuthorizeArgs { connection, namespace, port, consent_host, allow_endpoints, timeout } = args;
    let stop = shutdown::on_signal()?;
    // Before kube's first client: it needs a crypto provider (KUBE P2).
    let transport = HttpTransport::new().context("cannot set up TLS")?;
    // kube prints its sources itself (KUBE 18).
    let client = kube::Client::try_default().await;
    let client = client.map_err(|error| hinted(format!("no cluster: {error}"), "set KUBECONFIG"))?;
    let namespace = namespace.unwrap_or_else(|| client.default_namespace().to_owned());
    let (listeners, port) = callback::listen(port).await.map_err(|error| {
        let hint = "end what listens there, or choose another --port and list that in the app";
        hinted(format!("cannot listen on port {port} of this machine: {error}"), hint)
    })?;
    let errand = Authorize {
        client,
        transport: Arc::new(transport),
        endpoints: EndpointPolicy::allowing(allow_endpoints)?,
        connection: ObjectRef::new(Kind::Connection, namespace, connection),
        redirect_uri: format!("http://localhost:{port}{}", callback::PATH),
        consent_host,
        timeout: timeout.into(),
    };
    errand.run(&StandardStreams, |callbacks, done| callback::serve(listeners, callbacks, done), stop).await
}

/// Who is told.
pub trait Terminal: Sync {
    /// What was asked for: standard output.
    fn data(&self, line: &str);
    /// What there is to say about it: standard error.
    fn say(&self, line: &str);
}

struct StandardStreams;

impl Terminal for StandardStreams {
    fn data(&self, line: &str) {
        println!("{line}");
    }

    fn say(&self, line: &str) {
        eprintln!("{line}");
    }
}

/// One consent, from the question to the Secret. Everything outside comes in here.
pub struct Authorize {
    /// Kubernetes, with the rights of whoever asks.
    pub client: kube::Client,
    /// The way to HubSpot.
    pub transport: Arc<dyn Transport>,
    /// Which API endpoints the connection may name.
    pub endpoints: EndpointPolicy,
    /// For which connection.
    pub connection: ObjectRef,
    /// Where the answer comes to.
    pub redirect_uri: String,
    /// Where the consent page is, if not where it usually is.
    pub consent_host: Option<Url>,
    /// How long the answer is waited for.
    pub timeout: Duration,
}

impl Authorize {
    /// Asks, waits, and writes the Secret. `serve` lets the answer in until its token is cancelled; `stop` ends the wait. Once
    /// the code has come nothing ends the rest, which has limits of its own: a code is good once.
    pub async fn run<S: Future<Output = std::io::Result<()>>>(
        &self,
        terminal: &dyn Terminal,
        serve: impl FnOnce(Arc<Callbacks>, CancellationToken) -> S,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let asker = consent::asker(&self.client, &self.connection, &self.endpoints).await.map_err(explained)?;
        let host = self.consent_host(asker.endpoint.as_ref())?;
        let consent = Arc::new(Consent::new(&self.redirect_uri)?);
        let (callbacks, answer) = Callbacks::new({
            let consent = Arc::clone(&consent);
            move |state| consent.has_state(state)
        });
        let done = CancellationToken::new();
        let serving = serve(Arc::new(callbacks), done.clone());
        tokio::pin!(serving);
        self.ask(terminal, consent.page(&host, &asker.app).as_str(), &asker);
        let answer = tokio::select! {
            biased;
            served = &mut serving => {
                served.context("cannot listen any more")?;
                anyhow::bail!("the listener has ended");
            }
            answer = answer => answer.context("nobody listens any more")?,
            () = stop.cancelled() => anyhow::bail!("interrupted; nothing was written"),
            () = tokio::time::sleep(self.timeout) => return Err(hinted(
                "no answer came in time; nothing was written",
                "--timeout gives it longer",
            )),
        };
        // The browser gets its page before anything else is done.
        done.cancel();
        if let Err(error) = serving.await {
            terminal.say(&format!("warning: the browser may not have got its page: {error}"));
        }
        let granted = self.exchange(&asker, &consent, code(answer)?).await?;
        self.finish(terminal, &asker, granted).await
    }

    fn ask(&self, terminal: &dyn Terminal, page: &str, asker: &Asker) {
        let Self { connection, redirect_uri, timeout, .. } = self;
        let portal = asker.portal.map(|portal| format!(" of portal {portal}")).unwrap_or_default();
        terminal.say(&format!("Open this link in a browser on this machine, as a super admin{portal}:"));
        terminal.data(page);
        terminal.say(&format!("Waiting {timeout:?} for the answer, for {connection}. Ctrl-C ends it."));
        terminal.say(&format!(
            "hint: in HubSpot the app must list the redirect URL {redirect_uri}, and the link's scopes as required (`scope`) or \
             optional (`optional_scope`)"
        ));
    }

    /// Where the consent page is. A person's browser goes there with nothing secret, but comes back with what it is given.
    fn consent_host(&self, endpoint: Option<&Url>) -> anyhow::Result<Url> {
        let Some(host) = &self.consent_host else {
            let regional = endpoint.and_then(Region::of_base).and_then(|region| region.consent_base());
            return Ok(regional.map_or_else(|| Url::parse(DEFAULT_CONSENT_BASE), Ok)?);
        };
        let is_safe =
            host.host().is_some() && (host.scheme() == "https" || host.scheme() == "http" && is_loopback(host));
        anyhow::ensure!(is_safe, "--consent-host {host}: it must be https, or http on this machine");
        Ok(host.clone())
    }

    /// The first tokens, and whose portal they are for.
    async fn exchange(&self, asker: &Asker, consent: &Consent, code: AuthorizationCode) -> anyhow::Result<New> {
        let Asker { app, places, endpoint, portal: expected, at: _ } = asker;
        let base = endpoint.clone().map_or_else(|| Url::parse(DEFAULT_BASE), Ok)?;
        let (transport, app, places) = (Arc::clone(&self.transport), app.clone(), places.clone());
        let endpoint = TokenEndpoint { transport, base, app, places };
        let granted = endpoint
            .exchange(&code, consent.redirect_uri(), consent.verifier())
            .await
            .map_err(|error| not_exchanged(&error))?;
        let Granted { access, refresh, lifetime: _, asked_at: _, scopes, portal } = granted;
        let refresh = refresh.context("HubSpot gave no refresh token; nothing was written")?;
        let (portal, scopes) = match (portal, scopes) {
            (Some(portal), scopes) if !scopes.is_empty() => (portal, scopes),
            (portal, _) => match (endpoint.introspect(&access).await, portal) {
                (Ok(info), portal) => (portal.unwrap_or(info.hub_id), info.scopes),
                (Err(_), Some(portal)) => (portal, Vec::new()),
                (Err(error), None) => {
                    return Err(error).context("whose portal it is cannot be told; nothing was written");
                }
            },
        };
        if let Some(expected) = expected.filter(|expected| *expected != portal) {
            return Err(hinted(
                format!(
                    "the consent is for portal {portal}, this connection is for portal {expected}; nothing was written"
                ),
                "choose the right account on the consent page, and uninstall the app where it does not belong",
            ));
        }
        Ok(New { refresh, portal, scopes })
    }

    /// Keeps the token and says how it stands.
    async fn finish(&self, terminal: &dyn Terminal, asker: &Asker, new: New) -> anyhow::Result<()> {
        let New { refresh, portal, scopes } = new;
        let namespace = &self.connection.namespace;
        consent::keep(&self.client, namespace, (&asker.at, &refresh)).await.map_err(|NotKept(why)| {
            hinted(
                format!("the refresh token is not stored: {why}"),
                "put that right and run this again: a consent can be given twice",
            )
        })?;
        let SecretKey { name, key } = &asker.at;
        terminal
            .say(&format!("Portal {portal} is authorised: its token is in Secret {namespace}/{name}, key {key:?}."));
        if scopes.is_empty() {
            terminal.say("warning: HubSpot does not say which scopes were granted");
            return Ok(());
        }
        if list(terminal, "warning: these scopes are missing:", &scopes::missing(&scopes, Need::Always)) {
            terminal.say("hint: list them as required in the app, and run this again");
        }
        list(terminal, "note: these optional scopes were not granted:", &scopes::missing(&scopes, Need::Sometimes));
        Ok(())
    }
}

impl fmt::Debug for Authorize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorize").field("connection", &self.connection).finish_non_exhaustive()
    }
}

/// What came of a consent.
struct New {
    refresh: RefreshToken,
    portal: PortalId,
    /// Empty if HubSpot does not say.
    scopes: Vec<String>,
}

/// Scopes and what they are for, under a title. `false`, and nothing, if there are none.
fn list(terminal: &dyn Terminal, title: &str, scopes: &[&Scope]) -> bool {
    if !scopes.is_empty() {
        terminal.say(title);
    }
    for Scope { name, purpose, .. } in scopes {
        terminal.say(&format!("  {name}: {purpose}"));
    }
    !scopes.is_empty()
}

fn code(answer: Callback) -> anyhow::Result<AuthorizationCode> {
    match answer {
        Callback::Code(code) => Ok(AuthorizationCode::new(code.expose())?),
        Callback::Refused(word) if word == "access_denied" => Err(hinted(
            "no consent was given (access_denied); nothing was written",
            "only a super admin may install the app",
        )),
        Callback::Refused(word) => Err(hinted(
            format!("HubSpot refused ({word}); nothing was written"),
            "compare the app's redirect URLs and scopes with the link's",
        )),
        Callback::Unusable => anyhow::bail!("HubSpot's answer has no usable code; nothing was written"),
    }
}

fn explained(error: NoAsker) -> anyhow::Error {
    let hint = match &error {
        NoAsker::NoConnection(_) => "--namespace says where it is",
        NoAsker::NotOAuth(_) => "set spec.auth.oauth instead of spec.auth.accessToken",
        NoAsker::NoApp(_) => "it holds the client_id and client_secret of the app, from HubSpot's page of it",
        NoAsker::Invalid(..) | NoAsker::Unreadable(_) => return error.into(),
    };
    hinted(error.to_string(), hint)
}

fn not_exchanged(error: &hubspot::Error) -> anyhow::Error {
    let message = format!("{error}; nothing was written");
    match &error.kind {
        ErrorKind::WrongRegion { .. } => hinted(message, "set apiEndpoint to the host of the portal's region"),
        ErrorKind::Rejected(_) => hinted(message, "a code is good once and for some minutes: run this again"),
        _ => anyhow::anyhow!(message),
    }
}
