//! Periodic jobs. Each run enqueues the next run in the transaction that finishes it. The unique key ensures
//! that several processes with one database run each schedule only once.
use std::time::Duration;

use sea_orm::DbErr;

use crate::{
    app::App,
    http::idempotency,
    infra::{
        db::Tx,
        queue::{ClaimedJob, JobError, NewJob},
    },
};

/// Kind of the job that deletes posts and documents after their retention period in the trash.
pub const PURGE: &str = "trash.purge";
/// Kind of the job that deletes expired data of all services.
pub const SWEEP: &str = "service.sweep";

/// Kind of the job that makes a backup.
pub const BACKUP: &str = "service.backup";

/// The kinds of periodic jobs.
const SCHEDULES: [&str; 3] = [PURGE, SWEEP, BACKUP];

/// Returns the delay between the end of a run and the start of the next run. `None` if there is no next run.
fn interval(app: &App, kind: &str) -> Option<Duration> {
    match kind {
        BACKUP => app.backups.interval(),
        _ => Some(Duration::from_secs(3600)),
    }
}

const HOUR: i64 = 3_600_000;
/// Retention of events.
const EVENT_RETENTION: i64 = 24 * HOUR;
/// Retention of completed jobs.
const DONE_RETENTION: i64 = 3 * 24 * HOUR;
/// Retention of jobs that failed permanently.
const DEAD_RETENTION: i64 = 30 * 24 * HOUR;

fn next_run(kind: &'static str, at: i64) -> Result<NewJob, DbErr> {
    Ok(NewJob::new(kind, &())?.unique_key(format!("schedule of {kind}")).run_at(at).max_attempts(i32::MAX))
}

/// Enqueues the first run of each schedule. A run that is already enqueued is unchanged, unless its interval has become
/// shorter. A backup is due at once if its destination contains none.
pub async fn ensure_scheduled(app: &App) -> Result<(), DbErr> {
    let now = app.clock.now();
    for kind in SCHEDULES {
        let Some(interval) = interval(app, kind) else { continue };
        let latest = match kind == BACKUP && app.backups.is_destination_empty().await {
            true => now,
            false => now + interval.as_millis() as i64,
        };
        app.db
            .write(async move |tx: Tx| {
                let next = match tx.queued_at(&format!("schedule of {kind}")).await? {
                    Some(at) if at <= latest => return Ok(()),
                    Some(_) => latest,
                    None => now,
                };
                tx.enqueue(next_run(kind, next)?, now).await.map(|_| ())
            })
            .await?;
    }
    Ok(())
}

/// Finishes this run and enqueues the next one.
pub(super) async fn finish_and_reschedule(app: &App, job: &ClaimedJob) -> Result<(), JobError> {
    let (job, now) = (job.clone(), app.clock.now());
    let Some(kind) = SCHEDULES.into_iter().find(|kind| *kind == job.kind) else { return Ok(()) };
    let Some(interval) = interval(app, kind) else { return Ok(()) };
    let at = now + interval.as_millis() as i64;
    app.db
        .write(async move |tx: Tx| {
            job.finish(&tx, now).await?;
            tx.enqueue(next_run(kind, at)?, now).await.map(|_| ())
        })
        .await
        .map_err(JobError::from)
}

/// Makes a scheduled backup.
pub async fn backup(app: &App, job: &ClaimedJob) -> Result<(), JobError> {
    if let Some(name) = app.backups.run_scheduled().await.map_err(JobError::new)? {
        tracing::info!(name, "a scheduled backup is complete");
    }
    finish_and_reschedule(app, job).await
}

/// Deletes expired data of all services.
pub async fn sweep(app: &App, job: &ClaimedJob) -> Result<(), JobError> {
    let now = app.clock.now();
    // All sweeps run, even if one of them fails.
    let results: [Result<(), JobError>; 11] = [
        app.sessions.delete_expired().await.map_err(JobError::from),
        app.sessions.attempts.0.trim().await.map_err(JobError::from),
        app.audit.delete_expired().await.map_err(JobError::from),
        app.posts.delete_expired_previews().await.map_err(JobError::from),
        idempotency::delete_expired(&app.db, now).await.map_err(JobError::from),
        app.daily_writes.delete_expired().await.map_err(JobError::from),
        app.webhook_events.sweep().await.map_err(JobError::from),
        app.webhook_endpoints.sweep().await.map_err(JobError::from),
        delete_events(app, now).await,
        app.db
            .delete_finished_jobs(now - DONE_RETENTION, now - DEAD_RETENTION)
            .await
            .map(drop)
            .map_err(JobError::from),
        // Last, because it can wait for the S3 service.
        app.media.sweep().await.map_err(JobError::from),
    ];
    results.into_iter().collect::<Result<(), JobError>>()?;
    finish_and_reschedule(app, job).await
}

/// Deletes old events, after they have been dispatched to webhook endpoints.
async fn delete_events(app: &App, now: i64) -> Result<(), JobError> {
    app.webhook_endpoints.dispatch_all().await?;
    app.db.delete_events_before(now - EVENT_RETENTION).await?;
    Ok(())
}
