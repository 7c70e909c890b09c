//! `tec-crm simulate`

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use clap::Args;
use tokio::net::TcpListener;

use crate::{
    domain::PortalId,
    runtime::{
        clock::SystemClock,
        shutdown,
        telemetry::{self, LogFormat},
        transport::HttpTransport,
    },
    sim::{
        hubspot::{HubSpotSim, InitialState, ReadLag, SimConfig, TokenConfig, deliver_webhooks, serve},
        tec::{self, TecConfig, TecSim},
    },
};

#[derive(Debug, Args)]
pub(super) struct SimulateArgs {
    /// Where HubSpot's API and the control routes (/_sim) are served; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:8686", value_name = "ADDR")]
    listen: SocketAddr,
    /// The portal's id.
    #[arg(long, default_value_t = 999_001, value_name = "ID")]
    portal: u64,
    /// The access token that is accepted; all scopes.
    #[arg(long, default_value = crate::sim::hubspot::DEFAULT_TOKEN, value_name = "TOKEN")]
    token: String,
    /// Where TEC's API is served; without it there is no TEC. Its control routes are /_sim/tec on the other address.
    #[arg(long, value_name = "ADDR")]
    tec_listen: Option<SocketAddr>,
    /// The access token TEC accepts.
    #[arg(long, default_value = tec::DEFAULT_TOKEN, value_name = "TOKEN")]
    tec_token: String,
    /// Decides everything that is left to chance.
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Time every call takes.
    #[arg(long, default_value_t = 0, value_name = "MS")]
    latency: u64,
    /// Calls allowed in ten seconds.
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit_per_10s: u32,
    /// How far search lags behind, at most.
    #[arg(long, default_value_t = 3_000, value_name = "MS")]
    search_lag: u64,
    /// How far lists and reads of properties lag behind, at most; 0: not at all. The state file may say it otherwise.
    #[arg(long, default_value_t = 700, value_name = "MS")]
    read_lag: u64,
    /// How long HubSpot takes to make an owner for a new user. Longer than a day: not before the invitation is accepted.
    #[arg(long, default_value_t = 2_000, value_name = "MS")]
    owner_delay: u64,
    /// Accept invitations without anybody's doing.
    #[arg(long)]
    auto_accept: bool,
    /// What is in the portal at the start, and what is switched otherwise than by default, as YAML.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
}

/// HubSpot's reads lag by a quarter of a second and more (API.md §7).
const SHORTEST_READ_LAG: Duration = Duration::from_millis(250);

pub(super) fn run(args: SimulateArgs) -> anyhow::Result<()> {
    telemetry::install(LogFormat::Text, "info");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(simulate(args))
}

async fn simulate(args: SimulateArgs) -> anyhow::Result<()> {
    let shutdown = shutdown::on_signal()?;
    let state = match &args.state {
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            InitialState::from_yaml(&text).with_context(|| format!("in {}", path.display()))?
        }
        None => InitialState::default(),
    };
    let config = SimConfig {
        portal_id: PortalId(args.portal).0,
        tokens: vec![TokenConfig::with_all_scopes(&args.token)],
        seed: args.seed,
        latency: Duration::from_millis(args.latency),
        limit_per_10s: args.limit_per_10s,
        owner_delay: Duration::from_millis(args.owner_delay),
        search_lag: Duration::from_millis(args.search_lag),
        auto_accept: args.auto_accept,
        ..SimConfig::default()
    };
    let sim = HubSpotSim::with_state(config, Arc::new(SystemClock), &state)?;
    sim.set_switches(|switches| {
        if switches.read_lag == ReadLag::default() {
            let max = Duration::from_millis(args.read_lag);
            switches.read_lag = ReadLag { min: SHORTEST_READ_LAG.min(max), max };
        }
    });
    let tec = simulated_tec(&args, &state).await?;
    let listener = bind(args.listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    // Ends with the process: what is not delivered by then, HubSpot would deliver later.
    tokio::spawn(deliver_webhooks(sim.clone(), HttpTransport::direct().context("cannot set up webhooks")?));
    let portal = serve(sim.clone(), listener, shutdown.clone().cancelled_owned());
    let Some((tec, listener)) = tec else { return Ok(portal.await?) };
    println!("TEC listening on http://{}", listener.local_addr()?);
    sim.attach_tec(tec.clone());
    tokio::try_join!(portal, tec::serve(tec, listener, shutdown.cancelled_owned()))?;
    Ok(())
}

/// A TEC and its socket, if one is to be served.
async fn simulated_tec(args: &SimulateArgs, state: &InitialState) -> anyhow::Result<Option<(TecSim, TcpListener)>> {
    let Some(address) = args.tec_listen else {
        anyhow::ensure!(state.tec().is_none(), "the state file has a part for TEC: give --tec-listen");
        return Ok(None);
    };
    let config = TecConfig {
        token: args.tec_token.clone(),
        seed: args.seed,
        latency: Duration::from_millis(args.latency),
        ..TecConfig::default()
    };
    let tec = TecSim::new(config, Arc::new(SystemClock));
    if let Some(initial) = state.tec() {
        tec.set_up(initial).context("state file, tec")?;
    }
    Ok(Some((tec, bind(address).await?)))
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}
