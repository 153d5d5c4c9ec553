//! Periodic jobs. Each run enqueues the next one in the transaction that finishes it, under a unique key. So
//! several processes on one database run each schedule once.
use std::time::Duration;

use sea_orm::DbErr;

use crate::{
    app::App,
    contract::attempt,
    ports::{
        db::Tx,
        queue::{Claimed, Failed, NewJob},
    },
};

pub const PURGE: &str = "trash.purge";
pub const SWEEP: &str = "service.sweep";

/// The job kinds, and the pause between the end of a run and the next one.
const SCHEDULES: &[(&str, Duration)] =
    &[(PURGE, Duration::from_secs(3600)), (SWEEP, Duration::from_secs(3600))];

const HOUR: i64 = 3_600_000;
/// Retention of events.
const EVENT_RETENTION: i64 = 24 * HOUR;
/// Retention of finished jobs.
const DONE_RETENTION: i64 = 3 * 24 * HOUR;
const DEAD_RETENTION: i64 = 30 * 24 * HOUR;

fn next_run(kind: &'static str, at: i64) -> Result<NewJob, DbErr> {
    Ok(NewJob::new(kind, &())?.unique(format!("schedule of {kind}")).at(at).attempts(i32::MAX))
}

/// Enqueues the first run of each schedule, unless one is already enqueued. Then its start time stays.
pub async fn begin(app: &App) -> Result<(), DbErr> {
    let now = app.clock.now();
    for (kind, _) in SCHEDULES {
        app.db
            .write(async move |tx: Tx| {
                if tx.waits(&format!("schedule of {kind}")).await? {
                    return Ok(());
                }
                tx.later(next_run(kind, now)?, now).await.map(|_| ())
            })
            .await?;
    }
    Ok(())
}

/// Finishes this run and enqueues the next one.
pub(super) async fn finish_and_reschedule(app: &App, job: &Claimed) -> Result<(), Failed> {
    let (job, now) = (job.clone(), app.clock.now());
    let interval = SCHEDULES.iter().find(|(kind, _)| *kind == job.kind);
    let Some((kind, interval)) = interval else { return Ok(()) };
    let at = now + interval.as_millis() as i64;
    app.db
        .write(async move |tx: Tx| {
            job.finish(&tx, now).await?;
            tx.later(next_run(kind, at)?, now).await.map(|_| ())
        })
        .await
        .map_err(Failed::from)
}

/// Deletes expired data of all services.
pub async fn sweep(app: &App, job: &Claimed) -> Result<(), Failed> {
    let now = app.clock.now();
    // All sweeps run, even if one of them fails.
    let results: [Result<(), Failed>; 8] = [
        app.sessions.sweep().await.map_err(Failed::from),
        app.posts.sweep().await.map_err(Failed::from),
        attempt::sweep(&app.db, now).await.map_err(Failed::from),
        app.webhook_events.sweep().await.map_err(Failed::from),
        app.webhook_endpoints.sweep().await.map_err(Failed::from),
        delete_events(app, now).await,
        app.db.forget_jobs(now - DONE_RETENTION, now - DEAD_RETENTION).await.map(drop).map_err(Failed::from),
        // Last, because it can wait for the S3 service.
        app.media.sweep().await.map_err(Failed::from),
    ];
    results.into_iter().collect::<Result<(), Failed>>()?;
    finish_and_reschedule(app, job).await
}

/// Deletes old events, after they have been dispatched to webhook endpoints.
async fn delete_events(app: &App, now: i64) -> Result<(), Failed> {
    app.webhook_endpoints.fan_all().await?;
    app.db.forget_events(now - EVENT_RETENTION).await?;
    Ok(())
}
