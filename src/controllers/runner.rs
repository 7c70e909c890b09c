//! The loop: takes what the watches say, starts what the queue holds, ends what a shutdown asks for.

use std::{
    fmt,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::FutureExt;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, runtime::conditions::is_crd_established};
use tokio::{
    task::{JoinError, JoinSet},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    assistant,
    context::Context,
    crm_connection,
    feed::Feed,
    leads,
    queue::{Job, Next},
    schedule_sync,
    status::{Interrupted, limited},
};
use crate::{
    api::schema,
    desired::references::{Kind, ObjectRef},
    runtime::lock,
};

/// How long reconciles under way may take to finish after a shutdown was asked for.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(25);
/// How often missing CRDs are looked for.
const CRD_POLL: Duration = Duration::from_secs(2);

/// Whether the operator can do its work: CRDs are there and the first lists are complete.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Whether it can.
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The three controllers and what they share.
pub struct Operator {
    ctx: Arc<Context>,
    readiness: Readiness,
}

impl Operator {
    /// An operator that has not started yet.
    pub fn new(ctx: Context) -> Self {
        Self { ctx: Arc::new(ctx), readiness: Readiness::default() }
    }

    /// Tells when it is ready.
    pub fn readiness(&self) -> Readiness {
        self.readiness.clone()
    }

    /// What its reconciles share.
    pub fn context(&self) -> Arc<Context> {
        Arc::clone(&self.ctx)
    }

    /// Works until `shutdown`, then lets what is under way finish.
    pub async fn run(self, shutdown: CancellationToken) {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            () = wait_for_crds(&self.ctx) => {}
        }
        let feed = Feed::start(&self.ctx.client, &self.ctx.settings.namespaces);
        let mut tasks = JoinSet::new();
        self.work(feed, &mut tasks, &shutdown).await;
        let rest = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(SHUTDOWN_GRACE, rest).await.is_err() {
            tracing::warn!("some work did not finish in time; it is redone at the next start");
        }
        leads::close(&self.ctx).await;
        let tokens = self.ctx.portals.authorizations();
        let settled = futures::future::join_all(tokens.iter().map(|tokens| tokens.settled()));
        if tokio::time::timeout(SHUTDOWN_GRACE, settled).await.is_err() {
            tracing::error!("a new refresh token is not stored yet: the app may have to be authorised again");
        }
    }

    async fn work(&self, mut feed: Feed, tasks: &mut JoinSet<Ended>, shutdown: &CancellationToken) {
        let ctx = &self.ctx;
        loop {
            if feed.is_complete() {
                if !self.readiness.is_ready() {
                    tracing::info!("all caches are filled, work begins");
                    self.readiness.set();
                }
                self.start_jobs(tasks);
            }
            // A timer that is due has been taken by `start_jobs`, whether there was a place for it or not.
            let due = if feed.is_complete() { lock(&ctx.queue).next_due() } else { None };
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                Some(ended) = tasks.join_next(), if !tasks.is_empty() => self.end_job(ended),
                Some(said) = feed.next() => feed.take(ctx, said),
                () = ctx.work.notified() => {}
                () = sleep_until(due) => {}
            }
        }
    }

    fn start_jobs(&self, tasks: &mut JoinSet<Ended>) {
        let mut queue = lock(&self.ctx.queue);
        while let Some(job) = queue.pop(Instant::now()) {
            tasks.spawn(run_job(Arc::clone(&self.ctx), job));
        }
    }

    fn end_job(&self, ended: Result<Ended, JoinError>) {
        match ended {
            Ok(Ended { key, next }) => lock(&self.ctx.queue).done(&key, next, Instant::now(), &self.ctx.chance),
            // `run_job` catches panics; only a cancelled runtime gets here.
            Err(error) => tracing::error!(%error, "a task was lost"),
        }
    }
}

struct Ended {
    key: ObjectRef,
    next: Next,
}

/// Runs one job. A panic in it costs that object a retry and nobody else anything.
async fn run_job(ctx: Arc<Context>, job: Job) -> Ended {
    let key = job.key.clone();
    let run = async move {
        match job.key.kind {
            Kind::Connection => {
                let reconciled = crm_connection::reconcile(&ctx, &job).await;
                // Leads obey the spec also while nothing can be written to status.
                leads::attend(&ctx, &job.key).await?;
                reconciled
            }
            Kind::ScheduleSync => schedule_sync::reconcile(&ctx, &job).await,
            Kind::Assistant => {
                let next = assistant::reconcile(&ctx, &job).await?;
                leads::notice(&ctx, &job.key).await?;
                Ok(next)
            }
            Kind::Secret | Kind::ConfigMap => Ok(Next::Forget),
        }
    };
    // What a reconcile shares with others stays whole between any two statements, and it is thrown away afterwards.
    let next = match AssertUnwindSafe(run).catch_unwind().await {
        Ok(Ok(next)) => next,
        Ok(Err(error)) => interrupted(&key, &error),
        Err(_) => {
            tracing::error!(object = %key, "reconcile panicked, will be repeated");
            Next::Retry
        }
    };
    Ended { key, next }
}

fn interrupted(key: &ObjectRef, error: &Interrupted) -> Next {
    tracing::warn!(object = %key, %error, "reconcile interrupted, will be repeated");
    Next::Retry
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Waits until our CRDs are served; says what is missing instead of ending the process.
async fn wait_for_crds(ctx: &Context) {
    let api: Api<CustomResourceDefinition> = Api::all(ctx.client.clone());
    let names: Vec<String> = schema::crds().into_iter().filter_map(|crd| crd.metadata.name).collect();
    let mut said = Vec::new();
    loop {
        let mut missing = Vec::new();
        for name in &names {
            match limited(api.get_opt(name)).await {
                Ok(Some(crd)) if kube::runtime::wait::Condition::matches_object(&is_crd_established(), Some(&crd)) => {}
                Ok(_) => missing.push(format!("{name} is not installed")),
                Err(error) => missing.push(format!("{name} cannot be read: {error}")),
            }
        }
        if missing.is_empty() {
            return;
        }
        if said != missing {
            tracing::warn!(missing = missing.join(", "), "waiting for CRDs; apply the files in crds/");
            said = missing;
        }
        tokio::time::sleep(CRD_POLL).await;
    }
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operator").field("ctx", &self.ctx).finish_non_exhaustive()
    }
}
