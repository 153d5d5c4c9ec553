//! What is done again and again: each a job of its own that leaves the next one when it is done, so that many
//! processes on one database do it once.
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

/// Kinds of jobs, and how long after the end of one the next begins.
const SCHEDULES: &[(&str, Duration)] =
    &[(PURGE, Duration::from_secs(3600)), (SWEEP, Duration::from_secs(3600))];

const HOUR: i64 = 3_600_000;
/// How long events can be read again.
const EVENTS_KEPT: i64 = 24 * HOUR;
/// How long ended jobs can be looked at.
const DONE_KEPT: i64 = 3 * 24 * HOUR;
const DEAD_KEPT: i64 = 30 * 24 * HOUR;

fn next(kind: &'static str, at: i64) -> Result<NewJob, DbErr> {
    Ok(NewJob::new(kind, &())?.unique(format!("schedule of {kind}")).at(at).attempts(i32::MAX))
}

/// Sees to it that each schedule has its next job. One that is there keeps its time.
pub async fn begin(app: &App) -> Result<(), DbErr> {
    let now = app.clock.now();
    for (kind, _) in SCHEDULES {
        app.db
            .write(async move |tx: Tx| {
                if tx.waits(&format!("schedule of {kind}")).await? {
                    return Ok(());
                }
                tx.later(next(kind, now)?, now).await.map(|_| ())
            })
            .await?;
    }
    Ok(())
}

/// Ends this round and leaves the next.
pub(super) async fn again(app: &App, job: &Claimed) -> Result<(), Failed> {
    let (job, now) = (job.clone(), app.clock.now());
    let every = SCHEDULES.iter().find(|(kind, _)| *kind == job.kind);
    let Some((kind, every)) = every else { return Ok(()) };
    let at = now + every.as_millis() as i64;
    app.db
        .write(async move |tx: Tx| {
            job.finish(&tx, now).await?;
            tx.later(next(kind, at)?, now).await.map(|_| ())
        })
        .await
        .map_err(Failed::from)
}

/// Forgets what has ended.
pub async fn sweep(app: &App, job: &Claimed) -> Result<(), Failed> {
    let now = app.clock.now();
    // One that fails keeps none of the others back.
    let swept: [Result<(), Failed>; 8] = [
        app.sessions.sweep().await.map_err(Failed::from),
        app.posts.sweep().await.map_err(Failed::from),
        attempt::sweep(&app.db, now).await.map_err(Failed::from),
        app.webhook_events.sweep().await.map_err(Failed::from),
        app.webhook_endpoints.sweep().await.map_err(Failed::from),
        forget_events(app, now).await,
        app.db.forget_jobs(now - DONE_KEPT, now - DEAD_KEPT).await.map(drop).map_err(Failed::from),
        // The last, as it waits for others.
        app.media.sweep().await.map_err(Failed::from),
    ];
    swept.into_iter().collect::<Result<(), Failed>>()?;
    again(app, job).await
}

/// What is forgotten can be handed on no more.
async fn forget_events(app: &App, now: i64) -> Result<(), Failed> {
    app.webhook_endpoints.fan_all().await?;
    app.db.forget_events(now - EVENTS_KEPT).await?;
    Ok(())
}
