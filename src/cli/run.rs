//! `tec-crm run`

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use tokio::net::TcpListener;
use url::Url;

use crate::{
    controllers::{Context, Operator, Settings, context::Outside},
    desired::connection::EndpointPolicy,
    domain::ClusterId,
    runtime::{
        chance::Chance,
        clock::SystemClock,
        shutdown,
        telemetry::{self, LogFormat},
        transport::HttpTransport,
    },
    server::{health, webhook},
};

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Watch only this namespace; repeat for several. All by default.
    #[arg(long = "namespace", short = 'n', value_name = "NS")]
    namespaces: Vec<String>,
    /// Where health probes are answered.
    #[arg(long, default_value = "0.0.0.0:8081", value_name = "ADDR")]
    health_addr: SocketAddr,
    /// Where HubSpot's webhooks arrive, as plain http: TLS ends before it.
    #[arg(long, default_value = "0.0.0.0:8082", value_name = "ADDR")]
    webhook_addr: SocketAddr,
    /// Who this cluster is in HubSpot. Derived from the uid of the namespace kube-system by default; set it under GitOps, so
    /// that a rebuilt cluster keeps its mark.
    #[arg(long, env = "TEC_CRM_CLUSTER_ID", value_name = "ID")]
    cluster_id: Option<String>,
    /// An API endpoint connections may name besides HubSpot's own, such as a simulator's; repeat for several.
    #[arg(long = "allow-endpoint", value_name = "URL")]
    allow_endpoints: Vec<Url>,
    /// Most objects worked on at once, besides those a person has just changed; a quarter of them for one connection.
    #[arg(long, default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    concurrency: u16,
    /// How long a deletion waits for an unusable connection before it lets go.
    #[arg(long, default_value = "1h", value_name = "DURATION")]
    deletion_grace: kube::core::Duration,
    /// Shape of log lines.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    log_format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For eyes.
    Text,
    /// One JSON object a line.
    Json,
}

pub(super) fn run(args: RunArgs) -> anyhow::Result<()> {
    let format = match args.log_format {
        Format::Text => LogFormat::Text,
        Format::Json => LogFormat::Json,
    };
    telemetry::install(format, "info");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(operate(args))
}

async fn operate(args: RunArgs) -> anyhow::Result<()> {
    let shutdown = shutdown::on_signal()?;
    // Both kube and our own transport need a crypto provider chosen before their first client (KUBE P2).
    let transport = HttpTransport::new().context("cannot set up TLS")?;
    let mut config = kube::Config::infer().await.context("no cluster: set KUBECONFIG or run in a pod")?;
    // Our queue repeats, with a back-off per object (KUBE 17).
    config.default_retry = false;
    let client = kube::Client::try_from(config)?;
    let cluster = match args.cluster_id {
        Some(id) => ClusterId::new(id)?,
        None => derived_cluster_id(&client).await?,
    };
    let settings = Settings {
        cluster,
        endpoints: EndpointPolicy::allowing(args.allow_endpoints)?,
        namespaces: args.namespaces,
        concurrency: args.concurrency.into(),
        deletion_grace: args.deletion_grace.into(),
    };
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"), cluster_id = %settings.cluster,
        namespaces = if settings.namespaces.is_empty() { "all".to_owned() } else { settings.namespaces.join(",") },
        "starting"
    );
    let outside = Outside {
        client,
        transport: Arc::new(transport),
        clock: Arc::new(SystemClock),
        chance: Arc::new(Chance::from_entropy()),
    };
    let operator = Operator::new(Context::new(outside, settings));
    let readiness = operator.readiness();
    let listener = TcpListener::bind(args.health_addr)
        .await
        .with_context(|| format!("cannot listen on {} (--health-addr)", args.health_addr))?;
    tracing::info!(address = %listener.local_addr()?, "health probes are answered");
    let hooks = TcpListener::bind(args.webhook_addr)
        .await
        .with_context(|| format!("cannot listen on {} (--webhook-addr)", args.webhook_addr))?;
    tracing::info!(address = %hooks.local_addr()?, "webhooks are taken");
    let doorbell = Arc::clone(&operator.context().leads);
    let webhooks = tokio::spawn(webhook::serve(hooks, doorbell, Arc::new(SystemClock), shutdown.clone()));
    let health = tokio::spawn(health::serve(listener, move || readiness.is_ready(), shutdown.clone()));
    operator.run(shutdown).await;
    health.await??;
    webhooks.await??;
    tracing::info!("stopped");
    Ok(())
}

async fn derived_cluster_id(client: &kube::Client) -> anyhow::Result<ClusterId> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let kube_system = namespaces
        .get("kube-system")
        .await
        .context("cannot read the namespace kube-system; give --cluster-id instead")?;
    let uid = kube_system.metadata.uid.unwrap_or_default();
    Ok(ClusterId::from_kube_system_uid(&uid))
}
