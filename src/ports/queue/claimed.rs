//! A job in the hands of a worker.
use entity::job;
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, QueryFilter, UpdateMany,
    sea_query::{Expr, ExprTrait},
};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::{DEAD, DONE, READY, RUNNING};
use crate::ports::{
    db::{Db, Tx},
    transaction::broken,
};

/// The most of an error that is kept with a job.
const WORDS: usize = 1000;

/// A job that this worker, and nobody else, does.
#[derive(Debug, Clone)]
pub struct Claimed {
    pub id: Uuid,
    pub kind: String,
    /// Counted from 1.
    pub attempt: i32,
    pub last: bool,
    /// It was begun as often as it may be already, and its worker died each time.
    pub beyond: bool,
    data: String,
    asked: i32,
    lease: Uuid,
}

/// When a job that failed is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Later and later.
    Backoff,
    /// At this moment.
    At(i64),
    /// Not by itself.
    Never,
}

/// Why a job could not be done.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{why}")]
pub struct Failed {
    pub why: String,
    pub next: Next,
}

impl Failed {
    pub fn new(why: impl ToString) -> Self {
        Failed { why: why.to_string(), next: Next::Backoff }
    }

    /// No further try would do better.
    pub fn for_good(why: impl ToString) -> Self {
        Failed { why: why.to_string(), next: Next::Never }
    }
}

impl From<DbErr> for Failed {
    fn from(error: DbErr) -> Self {
        Failed::new(error)
    }
}

impl Claimed {
    pub(super) fn of(row: job::Model) -> Option<Self> {
        let (last, beyond) = (row.attempts >= row.max_attempts, row.attempts > row.max_attempts);
        let job::Model { id, kind, attempts, data, asked, lease, .. } = row;
        Some(Claimed { id, kind, attempt: attempts, last, beyond, data, asked, lease: lease? })
    }

    /// What it is about.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, Failed> {
        serde_json::from_str(&self.data).map_err(Failed::for_good)
    }

    fn mine(&self) -> UpdateMany<job::Entity> {
        job::Entity::update_many()
            .filter(job::Column::Id.eq(self.id))
            .filter(job::Column::Lease.eq(self.lease))
            .filter(job::Column::State.eq(RUNNING))
    }

    fn moved(&self, state: &str, now: i64) -> UpdateMany<job::Entity> {
        self.mine()
            .col_expr(job::Column::State, state.into())
            .col_expr(job::Column::Lease, Option::<Uuid>::None.into())
            .col_expr(job::Column::LeasedUntil, Option::<i64>::None.into())
            .col_expr(job::Column::Version, Expr::col(job::Column::Version).add(1))
            .col_expr(job::Column::UpdatedAt, now.into())
    }

    fn ended(&self, state: &str, now: i64) -> UpdateMany<job::Entity> {
        self.moved(state, now)
            .col_expr(job::Column::UniqueKey, Option::<String>::None.into())
            .col_expr(job::Column::FinishedAt, now.into())
            .filter(job::Column::Asked.eq(self.asked))
    }

    /// Ends it in the transaction of its effect, as the last thing there: either both are there or neither. Fails when
    /// the lease is lost, and the transaction with it.
    pub async fn finish(&self, tx: &Tx, now: i64) -> Result<(), DbErr> {
        let done = self.ended(DONE, now).col_expr(job::Column::LastError, Option::<String>::None.into());
        if done.exec(&**tx).await?.rows_affected > 0 {
            return Ok(());
        }
        // Asked for once more while it ran.
        let again = self.moved(READY, now).col_expr(job::Column::Attempts, 0.into());
        match again.exec(&**tx).await?.rows_affected {
            0 => Err(broken("the job is somebody else's by now")),
            _ => Ok(()),
        }
    }

    /// Keeps it for longer; false when it is lost.
    pub async fn keep(&self, db: &Db, until: i64) -> Result<bool, DbErr> {
        let kept = self.mine().col_expr(job::Column::LeasedUntil, until.into());
        db.write(async move |tx: Tx| Ok(kept.exec(&*tx).await?.rows_affected > 0)).await
    }

    /// Notes that it is done, unless its effect has noted that already.
    pub async fn done(&self, db: &Db, now: i64) -> Result<(), DbErr> {
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

    /// Gives it back, to be tried at `at`, or as dead.
    pub async fn failed(&self, db: &Db, why: &str, at: Option<i64>, now: i64) -> Result<(), DbErr> {
        // No database takes all characters.
        let plain = why.chars().map(|c| if c.is_control() { ' ' } else { c });
        let (job, why) = (self.clone(), plain.take(WORDS).collect::<String>());
        db.write(async move |tx: Tx| {
            let noted =
                |update: UpdateMany<job::Entity>| update.col_expr(job::Column::LastError, why.clone().into());
            if at.is_none() && noted(job.ended(DEAD, now)).exec(&*tx).await?.rows_affected > 0 {
                return Ok(());
            }
            let again = noted(job.moved(READY, now));
            let asked = Expr::col(job::Column::Asked);
            let when = match at {
                // A newer wish has a time of its own.
                Some(at) => Expr::case(asked.eq(job.asked), at).finally(Expr::col(job::Column::RunAt)).into(),
                None => Expr::col(job::Column::RunAt),
            };
            again.col_expr(job::Column::RunAt, when).exec(&*tx).await.map(|_| ())
        })
        .await
    }
}
