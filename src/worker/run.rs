//! The worker loop: claims due jobs, renews their leases while they run, and reschedules failed ones.
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use sea_orm::Iterable;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::{interval, sleep, timeout},
};

use super::handlers::{self, handle};
use crate::{
    app::App,
    domain::result_ext::ResultExt,
    infra::{
        audit_log::Origin,
        jitter::jitter,
        queue::{ClaimedJob, JobError, Queue, Retry},
        traces::{Span, SpanKind},
    },
};

/// Lease of a job. A worker that does not renew it within this time is considered dead.
const LEASE: Duration = Duration::from_secs(30);

/// Maximum duration of a job.
const MAX_DURATION: Duration = Duration::from_secs(600);

/// Maximum duration of a backup, which reads the whole database and all images.
const MAX_BACKUP_DURATION: Duration = Duration::from_secs(6 * 3600);

fn max_duration(kind: &str) -> Duration {
    match kind {
        super::schedule::BACKUP => MAX_BACKUP_DURATION,
        _ => MAX_DURATION,
    }
}

/// Poll interval, for jobs that other processes enqueue.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Poll delay in milliseconds while another worker holds the only due job. Without it the loop would spin.
const CONTENTION_DELAY_MS: i64 = 50;

/// Timeout for running jobs to complete when the service stops. Then they are canceled.
const DRAIN: Duration = Duration::from_secs(15);

/// Retry delay after the first failure. It doubles with each further failure, up to [`MAX_RETRY`].
const FIRST_RETRY: Duration = Duration::from_secs(5);
const MAX_RETRY: Duration = Duration::from_secs(3600);

/// Returns the number of jobs that run concurrently in a queue.
fn max_concurrent(queue: Queue) -> usize {
    match queue {
        Queue::Internal => 4,
        Queue::External => 32,
    }
}

/// Timings of the worker. Crash tests shorten them.
#[derive(Debug, Clone, Copy)]
pub struct WorkerTimings {
    lease: Duration,
    poll_interval: Duration,
}

impl WorkerTimings {
    pub fn scaled(factor: f64) -> Self {
        let factor = factor.clamp(0.001, 100.0);
        WorkerTimings { lease: LEASE.mul_f64(factor), poll_interval: POLL_INTERVAL.mul_f64(factor) }
    }
}

/// Runs the jobs of all queues until the service stops, then waits for the running ones.
pub async fn run_worker(app: App, timings: WorkerTimings, stopping: watch::Receiver<bool>) {
    let queues = Queue::iter().map(|queue| run_queue(app.clone(), queue, timings, stopping.clone()));
    let dispatch = super::event_dispatch::run(app.clone(), timings.poll_interval, stopping.clone());
    tokio::join!(futures_util::future::join_all(queues), dispatch);
}

/// The loop of one queue.
async fn run_queue(app: App, queue: Queue, timings: WorkerTimings, mut stopping: watch::Receiver<bool>) {
    let slots = Arc::new(Semaphore::new(max_concurrent(queue)));
    let mut notifications = app.db.notifier().jobs();
    let mut running = JoinSet::new();
    loop {
        // Claiming is not cancelled by the stop signal: a claimed job that is not started would wait for its
        // lease to expire.
        let first = tokio::select! {
            permit = slots.clone().acquire_owned() => permit,
            _ = stopping.wait_for(|stopping| *stopping) => break,
        };
        let Ok(first) = first else { break };
        if *stopping.borrow() {
            break;
        }
        notifications.mark_unchanged();
        let started = start_jobs(&app, queue, timings, first, &slots, &mut running).await;
        while running.try_join_next().is_some() {}
        if started == 0 {
            let delay = poll_delay(&app, queue, timings).await;
            tokio::select! {
                _ = timeout(delay, notifications.changed()) => {}
                _ = stopping.wait_for(|stopping| *stopping) => break,
            }
        }
    }
    let _ = timeout(DRAIN, async { while running.join_next().await.is_some() {} }).await;
}

/// Claims and starts as many jobs as there are permits. Returns their number.
async fn start_jobs(
    app: &App,
    queue: Queue,
    timings: WorkerTimings,
    first: OwnedSemaphorePermit,
    slots: &Arc<Semaphore>,
    running: &mut JoinSet<()>,
) -> usize {
    let mut permits = vec![first];
    permits.extend(std::iter::from_fn(|| slots.clone().try_acquire_owned().ok()));
    let now = app.clock.now();
    let until = now + timings.lease.as_millis() as i64;
    let claimed = match app.db.claim_jobs(queue, permits.len() as u64, now, until).await {
        Ok(claimed) => claimed,
        Err(error) => {
            tracing::warn!(%error, "the job queue cannot be read");
            sleep(timings.poll_interval).await;
            return 0;
        }
    };
    let started = claimed.len();
    for (job, permit) in claimed.into_iter().zip(permits) {
        let app = app.clone();
        // The root of a trace: the request that enqueued the job is not stored.
        let name = format!("job {}", job.kind);
        let span = app.tracer.as_ref().map(|tracer| tracer.begin(None, name, SpanKind::Consumer));
        let origin = Origin::job(&job.kind);
        let origin = match &span {
            Some(span) => origin.with_trace(span.trace()),
            None => origin,
        };
        running.spawn(origin.scope(async move {
            run_job(&app, &job, timings, span).await;
            drop(permit);
        }));
    }
    started
}

/// Returns the time until the next job is due, at most the poll interval.
async fn poll_delay(app: &App, queue: Queue, timings: WorkerTimings) -> Duration {
    let next = app.db.next_job_at(queue).await.ok().flatten();
    let until = next.map_or(timings.poll_interval, |at| {
        Duration::from_millis((at - app.clock.now()).max(CONTENTION_DELAY_MS) as u64)
    });
    until.min(timings.poll_interval)
}

/// Runs one job and records the result.
async fn run_job(app: &App, job: &ClaimedJob, timings: WorkerTimings, mut span: Option<Span>) {
    if job.attempts_exhausted {
        return release_failed(app, job, &JobError::permanent("the worker died in each attempt")).await;
    }
    let handler = AssertUnwindSafe(timeout(max_duration(&job.kind), handle(app, job))).catch_unwind();
    let result = tokio::select! {
        result = handler => match result {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(JobError::new("the job exceeded its time limit")),
            Err(_) => Err(JobError::new("the job panicked")),
        },
        () = renew_until_lost(app, job, timings) => {
            tracing::warn!(id = %job.id, kind = job.kind, "a job lease was lost to another worker");
            return;
        }
    };
    if let (Err(_), Some(span)) = (&result, &mut span) {
        span.fail("job_failed");
    }
    match result {
        Ok(()) => drop(job.mark_done(&app.db, app.clock.now()).await.ok_or_log("marking a job as done")),
        Err(error) => release_failed(app, job, &error).await,
    }
}

/// Renews the lease periodically. Returns when the lease is lost; the caller must then cancel the job,
/// because another worker may run it.
async fn renew_until_lost(app: &App, job: &ClaimedJob, timings: WorkerTimings) {
    // Two renewals can fail before the lease expires.
    let mut ticks = interval(timings.lease / 3);
    // The first tick completes immediately.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let until = app.clock.now() + timings.lease.as_millis() as i64;
        if matches!(job.renew_lease(&app.db, until).await, Ok(false)) {
            // A handler that finishes the job in its own transaction also ends the lease. The delay lets such
            // a handler return before it is canceled.
            sleep(timings.poll_interval).await;
            return;
        }
    }
}

/// Records a failure and releases the job.
async fn release_failed(app: &App, job: &ClaimedJob, error: &JobError) {
    let now = app.clock.now();
    handlers::failed(app, job, error, job.is_last_attempt || error.retry == Retry::Never).await;
    let at = match error.retry {
        _ if job.is_last_attempt => None,
        Retry::Never => None,
        Retry::At(at) => Some(at),
        Retry::Backoff => Some(now + backoff(job.attempt).as_millis() as i64),
    };
    match at {
        Some(_) => {
            tracing::warn!(id = %job.id, kind = job.kind, %error, "a job failed and will be retried")
        }
        None => tracing::error!(id = %job.id, kind = job.kind, %error, "a job failed permanently"),
    }
    job.release_failed(&app.db, &error.message, at, now).await.ok_or_log("recording a failed job");
}

/// Returns the retry delay with 20 % jitter, so that jobs that failed together are not retried together.
fn backoff(attempt: i32) -> Duration {
    let delay = FIRST_RETRY.saturating_mul(1 << attempt.saturating_sub(1).clamp(0, 16));
    jitter(delay.min(MAX_RETRY), 0.2)
}
