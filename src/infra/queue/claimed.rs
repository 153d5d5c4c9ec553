//! A job that a worker has claimed.
use entity::job::{self, JobState};
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, QueryFilter, UpdateMany,
    sea_query::{Expr, ExprTrait},
};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::infra::{
    db::{Db, Tx},
    db_error::{self, custom_error},
};

/// Maximum characters of an error that are stored with a job.
const MAX_ERROR_CHARS: usize = 1000;

/// A job that this worker has leased.
#[derive(Debug, Clone)]
pub struct ClaimedJob {
    pub id: Uuid,
    pub kind: String,
    /// The number of this attempt, from 1.
    pub attempt: i32,
    pub is_last_attempt: bool,
    /// All attempts have been used, and each time the worker died before it could report a failure.
    pub attempts_exhausted: bool,
    data: String,
    enqueue_count: i32,
    lease: Uuid,
}

/// When a failed job is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// After a delay that doubles with each attempt.
    Backoff,
    /// At this time, in milliseconds since 1970.
    At(i64),
    /// Only if an operator retries it.
    Never,
}

/// The reason why a job failed, and when to retry it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct JobError {
    pub message: String,
    pub retry: Retry,
}

impl JobError {
    pub fn new(message: impl ToString) -> Self {
        JobError { message: message.to_string(), retry: Retry::Backoff }
    }

    /// A permanent failure, which a retry cannot fix.
    pub fn permanent(message: impl ToString) -> Self {
        JobError { message: message.to_string(), retry: Retry::Never }
    }
}

impl From<DbErr> for JobError {
    fn from(error: DbErr) -> Self {
        JobError::new(db_error::message(&error))
    }
}

impl ClaimedJob {
    pub(super) fn of(row: job::Model) -> Option<Self> {
        let (last, attempts_exhausted) = (row.attempts >= row.max_attempts, row.attempts > row.max_attempts);
        let job::Model { id, kind, attempts, data, enqueue_count, lease, .. } = row;
        Some(ClaimedJob {
            id,
            kind,
            attempt: attempts,
            is_last_attempt: last,
            attempts_exhausted,
            data,
            enqueue_count,
            lease: lease?,
        })
    }

    /// Decodes the data of the job.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, JobError> {
        serde_json::from_str(&self.data).map_err(JobError::permanent)
    }

    /// Selects the job only while this worker holds the lease. Every update of a claimed job uses it, so a
    /// worker that lost its lease changes nothing.
    fn if_leased(&self) -> UpdateMany<job::Entity> {
        job::Entity::update_many()
            .filter(job::Column::Id.eq(self.id))
            .filter(job::Column::Lease.eq(self.lease))
            .filter(job::Column::State.eq(JobState::Running))
    }

    /// Releases the lease and sets the state.
    fn release(&self, state: JobState, now: i64) -> UpdateMany<job::Entity> {
        self.if_leased()
            .col_expr(job::Column::State, state.into())
            .col_expr(job::Column::Lease, Option::<Uuid>::None.into())
            .col_expr(job::Column::LeasedUntil, Option::<i64>::None.into())
            .col_expr(job::Column::Version, Expr::col(job::Column::Version).add(1))
            .col_expr(job::Column::UpdatedAt, now.into())
    }

    /// Finishes the job in a final state, unless it was enqueued again while it was running.
    fn finish_as(&self, state: JobState, now: i64) -> UpdateMany<job::Entity> {
        self.release(state, now)
            .col_expr(job::Column::UniqueKey, Option::<String>::None.into())
            .col_expr(job::Column::FinishedAt, now.into())
            .filter(job::Column::EnqueueCount.eq(self.enqueue_count))
    }

    /// Finishes the job in the transaction of its effect, so that both commit or neither does. Fails if the
    /// lease is lost, which rolls the effect back.
    ///
    /// Lock order: lock the row that the job is about before the job, as the code that enqueues a job does.
    /// In the other order the two transactions deadlock.
    pub async fn finish(&self, tx: &Tx, now: i64) -> Result<(), DbErr> {
        let done = self
            .finish_as(JobState::Done, now)
            .col_expr(job::Column::LastError, Option::<String>::None.into());
        if done.exec(&**tx).await?.rows_affected > 0 {
            return Ok(());
        }
        // The job was enqueued again while it was running.
        let retry = self.release(JobState::Ready, now).col_expr(job::Column::Attempts, 0.into());
        match retry.exec(&**tx).await?.rows_affected {
            0 => Err(custom_error("the job lease has expired and belongs to another worker")),
            _ => Ok(()),
        }
    }

    /// Extends the lease. Returns false if it is lost.
    pub async fn renew_lease(&self, db: &Db, until: i64) -> Result<bool, DbErr> {
        let renewed = self.if_leased().col_expr(job::Column::LeasedUntil, until.into());
        db.write(async move |tx: Tx| Ok(renewed.exec(&*tx).await?.rows_affected > 0)).await
    }

    /// Marks the job as done, unless its handler has already finished it.
    pub async fn mark_done(&self, db: &Db, now: i64) -> Result<(), DbErr> {
        let job = self.clone();
        db.write(async move |tx: Tx| {
            let still = job::Entity::find_by_id(job.id).filter(job::Column::Lease.eq(job.lease));
            match still.one(&*tx).await? {
                Some(_) => job.finish(&tx, now).await,
                None => Ok(()),
            }
        })
        .await
    }

    /// Releases a failed job: it is retried at `at`, or dead if `at` is `None`.
    pub async fn release_failed(&self, db: &Db, error: &str, at: Option<i64>, now: i64) -> Result<(), DbErr> {
        // Databases differ in the control characters that they accept.
        let printable = error.chars().map(|c| if c.is_control() { ' ' } else { c });
        let (job, error) = (self.clone(), printable.take(MAX_ERROR_CHARS).collect::<String>());
        db.write(async move |tx: Tx| {
            let with_error = |update: UpdateMany<job::Entity>| {
                update.col_expr(job::Column::LastError, error.clone().into())
            };
            if at.is_none()
                && with_error(job.finish_as(JobState::Dead, now)).exec(&*tx).await?.rows_affected > 0
            {
                return Ok(());
            }
            let retry = with_error(job.release(JobState::Ready, now));
            let enqueue_count = Expr::col(job::Column::EnqueueCount);
            let run_at = match at {
                // If the job was enqueued again while it was running, the new start time applies.
                Some(at) => Expr::case(enqueue_count.eq(job.enqueue_count), at)
                    .finally(Expr::col(job::Column::RunAt))
                    .into(),
                None => Expr::col(job::Column::RunAt),
            };
            retry.col_expr(job::Column::RunAt, run_at).exec(&*tx).await.map(|_| ())
        })
        .await
    }
}
