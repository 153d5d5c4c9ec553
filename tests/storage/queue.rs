//! The queue of jobs: nothing is lost, nothing is done by two, and what is asked for twice is done once more.
use entity::job::{self, JobState};
use sea_orm::EntityTrait;
use tenon::infra::{
    db::{Db, Tx},
    queue::{ClaimedJob, NewJob, Queue},
};

use crate::support::*;

const HOUSE: Queue = Queue::Internal;

async fn ask(db: &Db, job: NewJob) {
    db.write(async move |tx: Tx| tx.enqueue(job, 1000).await).await.unwrap();
}

fn plain() -> NewJob {
    NewJob::new("test.plain", &42).unwrap()
}

async fn one(db: &Db, now: i64) -> ClaimedJob {
    let mut claimed = db.claim_jobs(HOUSE, 10, now, now + 100).await.unwrap();
    assert_eq!(claimed.len(), 1, "{claimed:?}");
    claimed.remove(0)
}

async fn none(db: &Db, now: i64) {
    assert!(db.claim_jobs(HOUSE, 10, now, now + 100).await.unwrap().is_empty());
}

async fn states(db: &Db) -> Vec<JobState> {
    let rows = job::Entity::find().all(db.read()).await.unwrap();
    rows.into_iter().map(|row| row.state).collect()
}

async fn finish(db: &Db, job: &ClaimedJob, now: i64) -> Result<(), sea_orm::DbErr> {
    let job = job.clone();
    db.write(async move |tx: Tx| {
        keep(&tx, &format!("effect of {}", job.attempt)).await?;
        job.finish(&tx, now).await
    })
    .await
}

async fn effects(db: &Db) -> usize {
    entity::secret::Entity::find().all(db.read()).await.unwrap().len()
}

#[tokio::test]
async fn a_job_waits_for_its_time_and_is_done_once() {
    let db = fresh().await;
    ask(&db, plain().run_at(2000)).await;
    none(&db, 1999).await;
    let job = one(&db, 2000).await;
    assert_eq!((job.data::<i32>().unwrap(), job.attempt), (42, 1));
    none(&db, 2050).await;
    finish(&db, &job, 2060).await.unwrap();
    none(&db, 10_000).await;
    assert_eq!((states(&db).await, effects(&db).await), (vec![JobState::Done], 1));
}

#[tokio::test]
async fn a_job_of_work_that_failed_was_never_asked_for() {
    let db = fresh().await;
    let failed = db.write(async move |tx: Tx| {
        tx.enqueue(plain(), 1000).await?;
        Err::<(), _>(sea_orm::DbErr::Custom("changed my mind".into()))
    });
    failed.await.unwrap_err();
    assert!(states(&db).await.is_empty());
}

#[tokio::test]
async fn whoever_lost_a_lease_has_no_effect_any_more() {
    let db = fresh().await;
    ask(&db, plain()).await;
    let late = one(&db, 1000).await;
    let next = one(&db, 1100).await;
    assert_eq!(next.attempt, 2);
    finish(&db, &late, 1110).await.unwrap_err();
    assert_eq!(effects(&db).await, 0);
    assert!(!late.renew_lease(&db, 5000).await.unwrap() && next.renew_lease(&db, 5000).await.unwrap());
    late.release_failed(&db, "too late", None, 1110).await.unwrap();
    none(&db, 4999).await;
    finish(&db, &next, 1120).await.unwrap();
    assert_eq!((states(&db).await, effects(&db).await), (vec![JobState::Done], 1));
}

#[tokio::test]
async fn what_fails_comes_back_until_it_is_dead_and_can_be_asked_for_again() {
    let db = fresh().await;
    ask(&db, plain().max_attempts(2)).await;
    let job = one(&db, 1000).await;
    assert!(!job.is_last_attempt);
    job.release_failed(&db, "not yet", Some(3000), 1010).await.unwrap();
    none(&db, 2999).await;
    let job = one(&db, 3000).await;
    assert!(job.is_last_attempt);
    job.release_failed(&db, "never", None, 3010).await.unwrap();
    none(&db, 1_000_000).await;
    let row = job::Entity::find().one(db.read()).await.unwrap().unwrap();
    assert_eq!((row.state, row.last_error.as_deref()), (JobState::Dead, Some("never")));
    let id = row.id;
    assert!(db.write(async move |tx: Tx| tx.retry_job(id, 4000).await).await.unwrap());
    assert_eq!(one(&db, 4000).await.attempt, 1);
}

#[tokio::test]
async fn jobs_of_one_key_replace_each_other_and_follow_the_one_that_runs() {
    let db = fresh().await;
    let keyed = |number: i32| NewJob::new("test.plain", &number).unwrap().unique_key("the key");
    ask(&db, keyed(1).run_at(9000)).await;
    ask(&db, keyed(2).run_at(2000)).await;
    let job = one(&db, 2000).await;
    assert_eq!(job.data::<i32>().unwrap(), 2);
    ask(&db, keyed(3).run_at(3000)).await;
    assert_eq!(states(&db).await.len(), 1);
    finish(&db, &job, 2010).await.unwrap();
    assert_eq!(states(&db).await, [JobState::Ready]);
    none(&db, 2999).await;
    let job = one(&db, 3000).await;
    assert_eq!(job.data::<i32>().unwrap(), 3);
    job.release_failed(&db, "no", None, 3010).await.unwrap();
    assert_eq!(states(&db).await, [JobState::Dead]);
    // The key is free again.
    ask(&db, keyed(4)).await;
    assert_eq!(states(&db).await.len(), 2);
    db.write(async move |tx: Tx| tx.cancel("the key").await).await.unwrap();
    none(&db, 10_000).await;
}

#[tokio::test]
async fn many_workers_take_each_job_once() {
    let db = fresh().await;
    for _ in 0..60 {
        ask(&db, plain()).await;
    }
    let takers = (0..8).map(|_| {
        let db = Db::clone(&db);
        tokio::spawn(async move {
            let mut taken = Vec::new();
            loop {
                let some = db.claim_jobs(HOUSE, 5, 1000, 100_000).await.unwrap();
                if some.is_empty() && db.next_job_at(HOUSE).await.unwrap().is_none() {
                    return taken;
                }
                taken.extend(some.into_iter().map(|job| job.id));
            }
        })
    });
    let mut all: Vec<_> =
        futures_util::future::join_all(takers).await.into_iter().flat_map(Result::unwrap).collect();
    assert_eq!(all.len(), 60);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 60);
}
