//! The job queue, stored in the database.
//!
//! A job is enqueued in the transaction that causes it, and finished in the transaction of its effect, so
//! neither can exist without the other. A worker claims a job for the duration of a lease and renews it. If
//! the worker dies, the lease expires and another worker claims the job. Everything that a handler does before
//! that transaction must therefore be idempotent.
mod claimed;
mod depth;

pub use entity::job::Queue;
use entity::job::{self, JobState};
use sea_orm::{
    ColumnTrait, Condition, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set,
    sea_query::{Expr, ExprTrait, LockBehavior, LockType, OnConflict},
};
use serde::Serialize;
use uuid::Uuid;

use super::{
    db::{Db, Tx},
    db_error::custom_error,
};

pub use claimed::{ClaimedJob, JobError, Retry};
pub use depth::{KindDepth, QueueDepth};

/// A job to enqueue.
#[derive(Debug, Clone)]
pub struct NewJob {
    kind: &'static str,
    queue: Queue,
    unique: Option<String>,
    data: String,
    run_at: i64,
    attempts: i32,
}

impl NewJob {
    /// Creates a job that runs immediately, with at most 8 attempts.
    pub fn new(kind: &'static str, data: &impl Serialize) -> Result<Self, DbErr> {
        let data = serde_json::to_string(data).map_err(|error| DbErr::Json(error.to_string()))?;
        Ok(NewJob { kind, queue: Queue::Internal, unique: None, data, run_at: 0, attempts: 8 })
    }

    /// Sets the earliest start, in milliseconds since 1970.
    pub fn run_at(mut self, time: i64) -> Self {
        self.run_at = time;
        self
    }

    /// Sets a unique key. A waiting job with the same key is replaced; a running one runs again after it has
    /// finished.
    pub fn unique_key(mut self, key: impl Into<String>) -> Self {
        self.unique = Some(key.into());
        self
    }

    /// Sets the maximum number of attempts.
    pub fn max_attempts(mut self, max: i32) -> Self {
        self.attempts = max;
        self
    }

    pub fn queue(mut self, queue: Queue) -> Self {
        self.queue = queue;
        self
    }
}

impl Tx {
    /// Enqueues a job and returns its id. Workers can claim the job after the commit.
    pub async fn enqueue(&self, new: NewJob, now: i64) -> Result<Uuid, DbErr> {
        let row = job::ActiveModel {
            id: Set(Uuid::now_v7()),
            kind: Set(new.kind.to_owned()),
            queue: Set(new.queue),
            unique_key: Set(new.unique),
            data: Set(new.data),
            state: Set(JobState::Ready),
            run_at: Set(Ord::max(new.run_at, now)),
            enqueue_count: Set(1),
            attempts: Set(0),
            max_attempts: Set(new.attempts),
            lease: Set(None),
            leased_until: Set(None),
            last_error: Set(None),
            version: Set(1),
            created_at: Set(now),
            updated_at: Set(now),
            finished_at: Set(None),
        };
        // A worker finishes a job only if `enqueue_count` has not changed since the claim, so a job that was
        // enqueued while it was running runs again.
        let column = |column: job::Column| Expr::col((job::Entity, column));
        let on_conflict = OnConflict::column(job::Column::UniqueKey)
            .update_columns([
                job::Column::Kind,
                job::Column::Queue,
                job::Column::Data,
                job::Column::RunAt,
                job::Column::MaxAttempts,
                job::Column::UpdatedAt,
            ])
            .value(job::Column::EnqueueCount, column(job::Column::EnqueueCount).add(1))
            .value(job::Column::Attempts, 0)
            .value(job::Column::Version, column(job::Column::Version).add(1))
            .to_owned();
        // The id of the job that already has the key, if there is one.
        let ids = job::Entity::insert(row).on_conflict(on_conflict).exec_with_returning_keys(&**self).await?;
        self.mark_jobs_enqueued();
        ids.into_iter().next().ok_or_else(|| custom_error("the job is missing after its insert"))
    }

    /// Cancels the job with this key. A running handler cannot commit its effect afterwards, because
    /// finishing the deleted job fails and rolls its transaction back.
    pub async fn cancel(&self, key: &str) -> Result<(), DbErr> {
        job::Entity::delete_many().filter(job::Column::UniqueKey.eq(key)).exec(&**self).await?;
        Ok(())
    }

    /// Returns the start of the waiting or running job with this key.
    pub async fn queued_at(&self, key: &str) -> Result<Option<i64>, DbErr> {
        let job = job::Entity::find().filter(job::Column::UniqueKey.eq(key)).one(&**self).await?;
        Ok(job.map(|job| job.run_at))
    }

    /// Enqueues a finished or dead job again. Returns false if there is no such job.
    pub async fn retry_job(&self, id: Uuid, now: i64) -> Result<bool, DbErr> {
        let ended = job::Entity::update_many()
            .col_expr(job::Column::State, JobState::Ready.into())
            .col_expr(job::Column::RunAt, now.into())
            .col_expr(job::Column::Attempts, 0.into())
            .col_expr(job::Column::Version, Expr::col(job::Column::Version).add(1))
            .col_expr(job::Column::UpdatedAt, now.into())
            .col_expr(job::Column::FinishedAt, Option::<i64>::None.into())
            .filter(job::Column::Id.eq(id))
            .filter(job::Column::State.is_in([JobState::Done, JobState::Dead]));
        let found = ended.exec(&**self).await?.rows_affected > 0;
        self.mark_jobs_enqueued();
        Ok(found)
    }
}

/// Rows per delete transaction, so that other writers are not blocked for long.
const DELETE_BATCH: u64 = 1000;

/// Jobs to claim: those that are due, and those whose lease has expired.
fn claimable(now: i64) -> Condition {
    let waiting = job::Column::State.eq(JobState::Ready);
    let expired =
        Condition::all().add(job::Column::State.eq(JobState::Running)).add(job::Column::LeasedUntil.lte(now));
    // `run_at` applies to expired leases too: the job may have been rescheduled while it was running.
    Condition::all().add(job::Column::RunAt.lte(now)).add(Condition::any().add(waiting).add(expired))
}

impl Db {
    /// Claims up to `max` due jobs and leases them until `until`, in milliseconds since 1970.
    pub async fn claim_jobs(
        &self,
        queue: Queue,
        max: u64,
        now: i64,
        until: i64,
    ) -> Result<Vec<ClaimedJob>, DbErr> {
        // An idle poll is a read, and does not occupy the writer.
        let of_queue = || job::Entity::find().filter(job::Column::Queue.eq(queue)).filter(claimable(now));
        if of_queue().one(self.read()).await?.is_none() {
            return Ok(Vec::new());
        }
        let rows = self
            .write(async move |tx: Tx| {
                // The ids are selected by a separate query: PostgreSQL can evaluate a subquery with LIMIT
                // inside UPDATE more than once, and would then claim more jobs than the limit. With SKIP
                // LOCKED, concurrent workers claim different jobs without waiting.
                let ids = job::Entity::find()
                    .select_only()
                    .column(job::Column::Id)
                    .filter(job::Column::Queue.eq(queue))
                    .filter(claimable(now))
                    .order_by_asc(job::Column::RunAt)
                    .order_by_asc(job::Column::Id)
                    .limit(max)
                    .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
                let ids: Vec<Uuid> = ids.into_tuple().all(&*tx).await?;
                let update = job::Entity::update_many()
                    .col_expr(job::Column::State, JobState::Running.into())
                    .col_expr(job::Column::Attempts, Expr::col(job::Column::Attempts).add(1))
                    .col_expr(job::Column::Lease, Uuid::now_v7().into())
                    .col_expr(job::Column::LeasedUntil, until.into())
                    .col_expr(job::Column::Version, Expr::col(job::Column::Version).add(1))
                    .col_expr(job::Column::UpdatedAt, now.into())
                    .filter(job::Column::Id.is_in(ids));
                update.exec_with_returning(&*tx).await
            })
            .await?;
        Ok(rows.into_iter().filter_map(ClaimedJob::of).collect())
    }

    /// Returns the start time of the next waiting job.
    pub async fn next_job_at(&self, queue: Queue) -> Result<Option<i64>, DbErr> {
        let find = job::Entity::find().select_only().column(job::Column::RunAt);
        let find = find.filter(job::Column::Queue.eq(queue)).filter(job::Column::State.eq(JobState::Ready));
        find.order_by_asc(job::Column::RunAt).into_tuple().one(self.read()).await
    }

    /// Deletes jobs that finished before `done` or died before `dead`. Returns their number.
    pub async fn delete_finished_jobs(&self, done: i64, dead: i64) -> Result<u64, DbErr> {
        let expired_jobs = |state: JobState, time: i64| {
            Condition::all().add(job::Column::State.eq(state)).add(job::Column::FinishedAt.lt(time))
        };
        let expired_jobs =
            Condition::any().add(expired_jobs(JobState::Done, done)).add(expired_jobs(JobState::Dead, dead));
        let mut deleted = 0;
        loop {
            let expired_jobs = expired_jobs.clone();
            let find = job::Entity::find().select_only().column(job::Column::Id).filter(expired_jobs.clone());
            let batch: Vec<Uuid> = find.limit(DELETE_BATCH).into_tuple().all(self.read()).await?;
            let last = (batch.len() as u64) < DELETE_BATCH;
            deleted += self
                .write(async move |tx: Tx| {
                    // The filter applies again, because a job may have been retried since the query.
                    let delete =
                        job::Entity::delete_many().filter(expired_jobs).filter(job::Column::Id.is_in(batch));
                    Ok::<_, DbErr>(delete.exec(&*tx).await?.rows_affected)
                })
                .await?;
            if last {
                return Ok(deleted);
            }
        }
    }
}
