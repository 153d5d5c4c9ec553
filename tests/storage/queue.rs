//! The job queue: enqueue, claim, leases, retries and unique keys.
use entity::job::{self, JobState};
use sea_orm::EntityTrait;
use tenon::infra::{
    db::{Db, Tx},
    queue::{ClaimedJob, NewJob, Queue},
};

use crate::support::*;

const QUEUE: Queue = Queue::Internal;

async fn enqueue(db: &Db, job: NewJob) {
    db.write(async move |tx: Tx| tx.enqueue(job, 1000).await).await.unwrap();
}

fn new_job() -> NewJob {
    NewJob::new("test.plain", &42).unwrap()
}

async fn claim_one(db: &Db, now: i64) -> ClaimedJob {
    let mut claimed = db.claim_jobs(QUEUE, 10, now, now + 100).await.unwrap();
    assert_eq!(claimed.len(), 1, "{claimed:?}");
    claimed.remove(0)
}

async fn assert_none_due(db: &Db, now: i64) {
    assert!(db.claim_jobs(QUEUE, 10, now, now + 100).await.unwrap().is_empty());
}

async fn states(db: &Db) -> Vec<JobState> {
    let rows = job::Entity::find().all(db.read()).await.unwrap();
    rows.into_iter().map(|row| row.state).collect()
}

async fn finish(db: &Db, job: &ClaimedJob, now: i64) -> Result<(), sea_orm::DbErr> {
    let job = job.clone();
    db.write(async move |tx: Tx| {
        insert_secret(&tx, &format!("effect of {}", job.attempt)).await?;
        job.finish(&tx, now).await
    })
    .await
}

async fn effects(db: &Db) -> usize {
    entity::secret::Entity::find().all(db.read()).await.unwrap().len()
}

#[tokio::test]
async fn runs_a_job_once_when_it_is_due() {
    let db = migrated().await;
    enqueue(&db, new_job().run_at(2000)).await;
    assert_none_due(&db, 1999).await;
    let job = claim_one(&db, 2000).await;
    assert_eq!((job.data::<i32>().unwrap(), job.attempt), (42, 1));
    assert_none_due(&db, 2050).await;
    finish(&db, &job, 2060).await.unwrap();
    assert_none_due(&db, 10_000).await;
    assert_eq!((states(&db).await, effects(&db).await), (vec![JobState::Done], 1));
}

#[tokio::test]
async fn a_rolled_back_transaction_enqueues_nothing() {
    let db = migrated().await;
    let failed = db.write(async move |tx: Tx| {
        tx.enqueue(new_job(), 1000).await?;
        Err::<(), _>(sea_orm::DbErr::Custom("on purpose".into()))
    });
    failed.await.unwrap_err();
    assert!(states(&db).await.is_empty());
}

#[tokio::test]
async fn a_worker_with_an_expired_lease_cannot_finish_the_job() {
    let db = migrated().await;
    enqueue(&db, new_job()).await;
    let expired = claim_one(&db, 1000).await;
    let current = claim_one(&db, 1100).await;
    assert_eq!(current.attempt, 2);
    finish(&db, &expired, 1110).await.unwrap_err();
    assert_eq!(effects(&db).await, 0);
    assert!(!expired.renew_lease(&db, 5000).await.unwrap() && current.renew_lease(&db, 5000).await.unwrap());
    expired.release_failed(&db, "lease expired", None, 1110).await.unwrap();
    assert_none_due(&db, 4999).await;
    finish(&db, &current, 1120).await.unwrap();
    assert_eq!((states(&db).await, effects(&db).await), (vec![JobState::Done], 1));
}

#[tokio::test]
async fn retries_a_failed_job_until_it_is_dead_and_on_request() {
    let db = migrated().await;
    enqueue(&db, new_job().max_attempts(2)).await;
    let job = claim_one(&db, 1000).await;
    assert!(!job.is_last_attempt);
    job.release_failed(&db, "not yet", Some(3000), 1010).await.unwrap();
    assert_none_due(&db, 2999).await;
    let job = claim_one(&db, 3000).await;
    assert!(job.is_last_attempt);
    job.release_failed(&db, "never", None, 3010).await.unwrap();
    assert_none_due(&db, 1_000_000).await;
    let row = job::Entity::find().one(db.read()).await.unwrap().unwrap();
    assert_eq!((row.state, row.last_error.as_deref()), (JobState::Dead, Some("never")));
    let id = row.id;
    assert!(db.write(async move |tx: Tx| tx.retry_job(id, 4000).await).await.unwrap());
    assert_eq!(claim_one(&db, 4000).await.attempt, 1);
}

#[tokio::test]
async fn a_job_replaces_a_ready_job_with_the_same_key_and_follows_a_running_one() {
    let db = migrated().await;
    let keyed = |number: i32| NewJob::new("test.plain", &number).unwrap().unique_key("the key");
    enqueue(&db, keyed(1).run_at(9000)).await;
    enqueue(&db, keyed(2).run_at(2000)).await;
    let job = claim_one(&db, 2000).await;
    assert_eq!(job.data::<i32>().unwrap(), 2);
    enqueue(&db, keyed(3).run_at(3000)).await;
    assert_eq!(states(&db).await.len(), 1);
    finish(&db, &job, 2010).await.unwrap();
    assert_eq!(states(&db).await, [JobState::Ready]);
    assert_none_due(&db, 2999).await;
    let job = claim_one(&db, 3000).await;
    assert_eq!(job.data::<i32>().unwrap(), 3);
    job.release_failed(&db, "no", None, 3010).await.unwrap();
    assert_eq!(states(&db).await, [JobState::Dead]);
    // A dead job does not block its key.
    enqueue(&db, keyed(4)).await;
    assert_eq!(states(&db).await.len(), 2);
    db.write(async move |tx: Tx| tx.cancel("the key").await).await.unwrap();
    assert_none_due(&db, 10_000).await;
}

#[tokio::test]
async fn concurrent_workers_claim_each_job_once() {
    let db = migrated().await;
    for _ in 0..60 {
        enqueue(&db, new_job()).await;
    }
    let workers = (0..8).map(|_| {
        let db = Db::clone(&db);
        tokio::spawn(async move {
            let mut claimed = Vec::new();
            loop {
                let jobs = db.claim_jobs(QUEUE, 5, 1000, 100_000).await.unwrap();
                if jobs.is_empty() && db.next_job_at(QUEUE).await.unwrap().is_none() {
                    return claimed;
                }
                claimed.extend(jobs.into_iter().map(|job| job.id));
            }
        })
    });
    let mut ids: Vec<_> =
        futures_util::future::join_all(workers).await.into_iter().flat_map(Result::unwrap).collect();
    assert_eq!(ids.len(), 60);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 60);
}
