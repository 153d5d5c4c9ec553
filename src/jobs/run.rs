//! The workers: they take what is due, keep it while it runs, and give back what failed for a later try.
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use aws_lc_rs::rand;
use futures_util::FutureExt;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::{interval, sleep, timeout},
};

use super::handlers::{self, handle};
use crate::{
    app::App,
    contract::or_log::OrLog,
    ports::queue::{Claimed, Failed, Lane, Next},
};

/// For how long a worker has a job without a sign of life.
const LEASE: Duration = Duration::from_secs(30);

/// No job takes longer.
const LONGEST: Duration = Duration::from_secs(600);

/// How long jobs of other processes wait until somebody looks.
const LOOK: Duration = Duration::from_secs(1);

/// Who finds nothing to take although something is due waits for this many milliseconds: somebody is about to write it.
const MOMENT: i64 = 50;

/// How long what runs may go on when the service stops.
const DRAIN: Duration = Duration::from_secs(15);

/// The first pause after a failure, doubled by each further one, up to the longest.
const AGAIN: Duration = Duration::from_secs(5);
const AGAIN_AT_MOST: Duration = Duration::from_secs(3600);

/// How many jobs of a lane run at a time.
fn workers(lane: Lane) -> usize {
    match lane {
        Lane::House => 4,
        Lane::Outside => 32,
    }
}

/// Times of the workers; tests that kill them have less of it.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    lease: Duration,
    look: Duration,
}

impl Pace {
    pub fn scaled(factor: f64) -> Self {
        let factor = factor.clamp(0.001, 100.0);
        Pace { lease: LEASE.mul_f64(factor), look: LOOK.mul_f64(factor) }
    }
}

/// Does the jobs of all lanes until the service stops, and what runs then to its end.
pub async fn work(app: App, pace: Pace, stopping: watch::Receiver<bool>) {
    let lanes = Lane::ALL.map(|lane| keep(app.clone(), lane, pace, stopping.clone()));
    let fan = super::fan::keep(app.clone(), pace.look, stopping.clone());
    tokio::join!(futures_util::future::join_all(lanes), fan);
}

async fn keep(app: App, lane: Lane, pace: Pace, mut stopping: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(workers(lane)));
    let mut news = app.db.news().jobs();
    let mut running = JoinSet::new();
    loop {
        // What was begun to be taken is taken: nobody stops in the middle of it.
        let first = tokio::select! {
            place = places.clone().acquire_owned() => place,
            _ = stopping.wait_for(|stopping| *stopping) => break,
        };
        let Ok(first) = first else { break };
        if *stopping.borrow() {
            break;
        }
        news.mark_unchanged();
        let begun = begin(&app, lane, pace, first, &places, &mut running).await;
        while running.try_join_next().is_some() {}
        if begun == 0 {
            let rest = rest(&app, lane, pace).await;
            tokio::select! {
                _ = timeout(rest, news.changed()) => {}
                _ = stopping.wait_for(|stopping| *stopping) => break,
            }
        }
    }
    let _ = timeout(DRAIN, async { while running.join_next().await.is_some() {} }).await;
}

/// Begins as many jobs as there are places for and says how many.
async fn begin(
    app: &App,
    lane: Lane,
    pace: Pace,
    first: OwnedSemaphorePermit,
    places: &Arc<Semaphore>,
    running: &mut JoinSet<()>,
) -> usize {
    let mut permits = vec![first];
    permits.extend(std::iter::from_fn(|| places.clone().try_acquire_owned().ok()));
    let now = app.clock.now();
    let until = now + pace.lease.as_millis() as i64;
    let claimed = match app.db.claim(lane, permits.len() as u64, now, until).await {
        Ok(claimed) => claimed,
        Err(error) => {
            tracing::warn!(%error, "the queue of jobs cannot be read");
            sleep(pace.look).await;
            return 0;
        }
    };
    let begun = claimed.len();
    for (job, permit) in claimed.into_iter().zip(permits) {
        let app = app.clone();
        running.spawn(async move {
            one(&app, &job, pace).await;
            drop(permit);
        });
    }
    begun
}

/// Until the next job is due, or until somebody should look again.
async fn rest(app: &App, lane: Lane, pace: Pace) -> Duration {
    let next = app.db.next_job(lane).await.ok().flatten();
    let until = next.map_or(pace.look, |at| Duration::from_millis((at - app.clock.now()).max(MOMENT) as u64));
    until.min(pace.look)
}

/// Does a job, and says what became of it.
async fn one(app: &App, job: &Claimed, pace: Pace) {
    if job.beyond {
        return give_back(app, job, &Failed::for_good("its worker died each time")).await;
    }
    let work = AssertUnwindSafe(timeout(LONGEST, handle(app, job))).catch_unwind();
    let done = tokio::select! {
        done = work => match done {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(Failed::new("it took too long")),
            Err(_) => Err(Failed::new("it panicked")),
        },
        () = lost(app, job, pace) => {
            tracing::warn!(id = %job.id, kind = job.kind, "a job was lost to another worker");
            return;
        }
    };
    match done {
        Ok(()) => drop(job.done(&app.db, app.clock.now()).await.or_log("noting that a job is done")),
        Err(failed) => give_back(app, job, &failed).await,
    }
}

/// Keeps the job; ends when it is lost.
async fn lost(app: &App, job: &Claimed, pace: Pace) {
    let mut beats = interval(pace.lease / 3);
    beats.tick().await;
    loop {
        beats.tick().await;
        let until = app.clock.now() + pace.lease.as_millis() as i64;
        if matches!(job.keep(&app.db, until).await, Ok(false)) {
            // Its end may just have been written.
            sleep(pace.look).await;
            return;
        }
    }
}

async fn give_back(app: &App, job: &Claimed, failed: &Failed) {
    let now = app.clock.now();
    handlers::failed(app, job, failed, job.last || failed.next == Next::Never).await;
    let at = match failed.next {
        _ if job.last => None,
        Next::Never => None,
        Next::At(at) => Some(at),
        Next::Backoff => Some(now + backoff(job.attempt).as_millis() as i64),
    };
    match at {
        Some(_) => {
            tracing::warn!(id = %job.id, kind = job.kind, error = %failed, "a job failed and is tried again")
        }
        None => tracing::error!(id = %job.id, kind = job.kind, error = %failed, "a job failed for good"),
    }
    job.failed(&app.db, &failed.why, at, now).await.or_log("noting that a job failed");
}

/// With a fifth more or less, so that what failed together does not come back together.
fn backoff(attempt: i32) -> Duration {
    let doubled = AGAIN.saturating_mul(1 << attempt.saturating_sub(1).clamp(0, 16));
    let mut byte = [0; 1];
    // Without a random number they do come back together, and that is all.
    let _ = rand::fill(&mut byte);
    doubled.min(AGAIN_AT_MOST).mul_f64(0.8 + 0.4 * f64::from(byte[0]) / 255.0)
}
