//! The queue of jobs: written in the transaction that causes them, taken by one worker at a time, and finished in the
//! transaction that has their effect. A worker that dies loses its lease, and another one begins anew.
mod claimed;

use entity::job;
use sea_orm::{
    ColumnTrait, Condition, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set,
    sea_query::{Expr, ExprTrait, LockBehavior, LockType, OnConflict},
};
use serde::Serialize;
use uuid::Uuid;

use super::{
    db::{Db, Tx},
    transaction::broken,
};

pub use claimed::{Claimed, Failed, Next};

pub const READY: &str = "ready";
pub const RUNNING: &str = "running";
pub const DONE: &str = "done";
pub const DEAD: &str = "dead";

/// Jobs that wait for others outside must not keep back those that don't.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Work in the house.
    House,
    /// Calls to the outside.
    Outside,
}

impl Lane {
    pub const ALL: [Lane; 2] = [Lane::House, Lane::Outside];

    pub fn as_str(self) -> &'static str {
        match self {
            Lane::House => "house",
            Lane::Outside => "outside",
        }
    }
}

/// A job to be done.
#[derive(Debug, Clone)]
pub struct NewJob {
    kind: &'static str,
    lane: Lane,
    unique: Option<String>,
    data: String,
    run_at: i64,
    attempts: i32,
}

impl NewJob {
    /// At once, at most eight times.
    pub fn new(kind: &'static str, data: &impl Serialize) -> Result<Self, DbErr> {
        let data = serde_json::to_string(data).map_err(|error| DbErr::Json(error.to_string()))?;
        Ok(NewJob { kind, lane: Lane::House, unique: None, data, run_at: 0, attempts: 8 })
    }

    /// Not before this moment.
    pub fn at(mut self, moment: i64) -> Self {
        self.run_at = moment;
        self
    }

    /// One that waits under the same key is replaced, and one that runs is followed by another run.
    pub fn unique(mut self, key: impl Into<String>) -> Self {
        self.unique = Some(key.into());
        self
    }

    /// How often it is tried.
    pub fn attempts(mut self, most: i32) -> Self {
        self.attempts = most;
        self
    }

    pub fn lane(mut self, lane: Lane) -> Self {
        self.lane = lane;
        self
    }
}

impl Tx {
    /// Leaves a job to be done when this commits; gives back its id.
    pub async fn later(&self, new: NewJob, now: i64) -> Result<Uuid, DbErr> {
        let id = Uuid::now_v7();
        let unique = new.unique.clone();
        let row = job::ActiveModel {
            id: Set(id),
            kind: Set(new.kind.to_owned()),
            lane: Set(new.lane.as_str().to_owned()),
            unique_key: Set(new.unique),
            data: Set(new.data),
            state: Set(READY.to_owned()),
            run_at: Set(Ord::max(new.run_at, now)),
            asked: Set(1),
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
        let column = |column: job::Column| Expr::col((job::Entity, column));
        let again = OnConflict::column(job::Column::UniqueKey)
            .update_columns([
                job::Column::Kind,
                job::Column::Lane,
                job::Column::Data,
                job::Column::RunAt,
                job::Column::MaxAttempts,
                job::Column::UpdatedAt,
            ])
            .value(job::Column::Asked, column(job::Column::Asked).add(1))
            .value(job::Column::Attempts, 0)
            .value(job::Column::Version, column(job::Column::Version).add(1))
            .to_owned();
        job::Entity::insert(row).on_conflict(again).exec_without_returning(&**self).await?;
        self.asks();
        let Some(key) = unique else { return Ok(id) };
        let found = job::Entity::find().filter(job::Column::UniqueKey.eq(key)).one(&**self).await?;
        found.map(|row| row.id).ok_or_else(|| broken("a job is gone"))
    }

    /// Takes the job of this key back. One that runs has no effect any more, unless it had it already: its end is not
    /// found then, and its transaction fails.
    pub async fn not_later(&self, key: &str) -> Result<(), DbErr> {
        job::Entity::delete_many().filter(job::Column::UniqueKey.eq(key)).exec(&**self).await?;
        Ok(())
    }

    /// Whether a job of this key waits or runs.
    pub async fn waits(&self, key: &str) -> Result<bool, DbErr> {
        Ok(job::Entity::find().filter(job::Column::UniqueKey.eq(key)).one(&**self).await?.is_some())
    }

    /// Has a job that has ended, well or not, done again; whether there is one.
    pub async fn again(&self, id: Uuid, now: i64) -> Result<bool, DbErr> {
        let ended = job::Entity::update_many()
            .col_expr(job::Column::State, READY.into())
            .col_expr(job::Column::RunAt, now.into())
            .col_expr(job::Column::Attempts, 0.into())
            .col_expr(job::Column::Version, Expr::col(job::Column::Version).add(1))
            .col_expr(job::Column::UpdatedAt, now.into())
            .col_expr(job::Column::FinishedAt, Option::<i64>::None.into())
            .filter(job::Column::Id.eq(id))
            .filter(job::Column::State.is_in([DONE, DEAD]));
        let there = ended.exec(&**self).await?.rows_affected > 0;
        self.asks();
        Ok(there)
    }
}

/// Rows that are deleted at once, so that others get their turn.
const SOME: u64 = 1000;

/// What may be begun: what is due, and what a worker has begun and not brought to an end in its time.
fn due(now: i64) -> Condition {
    let waits = job::Column::State.eq(READY);
    let lost = Condition::all().add(job::Column::State.eq(RUNNING)).add(job::Column::LeasedUntil.lte(now));
    // Also of what was lost: it may have been put off meanwhile.
    Condition::all().add(job::Column::RunAt.lte(now)).add(Condition::any().add(waits).add(lost))
}

impl Db {
    /// Takes jobs that are due, at most `most`, for the time of a lease.
    pub async fn claim(&self, lane: Lane, most: u64, now: i64, until: i64) -> Result<Vec<Claimed>, DbErr> {
        // Looking costs no write.
        let of_lane = || job::Entity::find().filter(job::Column::Lane.eq(lane.as_str())).filter(due(now));
        if of_lane().one(self.read()).await?.is_none() {
            return Ok(Vec::new());
        }
        let rows = self
            .write(async move |tx: Tx| {
                // By themselves: within the update they might be read more than once, and be more.
                let which = job::Entity::find()
                    .select_only()
                    .column(job::Column::Id)
                    .filter(job::Column::Lane.eq(lane.as_str()))
                    .filter(due(now))
                    .order_by_asc(job::Column::RunAt)
                    .order_by_asc(job::Column::Id)
                    .limit(most)
                    .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
                let which: Vec<Uuid> = which.into_tuple().all(&*tx).await?;
                let taken = job::Entity::update_many()
                    .col_expr(job::Column::State, RUNNING.into())
                    .col_expr(job::Column::Attempts, Expr::col(job::Column::Attempts).add(1))
                    .col_expr(job::Column::Lease, Uuid::now_v7().into())
                    .col_expr(job::Column::LeasedUntil, until.into())
                    .col_expr(job::Column::Version, Expr::col(job::Column::Version).add(1))
                    .col_expr(job::Column::UpdatedAt, now.into())
                    .filter(job::Column::Id.is_in(which));
                taken.exec_with_returning(&*tx).await
            })
            .await?;
        Ok(rows.into_iter().filter_map(Claimed::of).collect())
    }

    /// When the next job of a lane is due.
    pub async fn next_job(&self, lane: Lane) -> Result<Option<i64>, DbErr> {
        let find = job::Entity::find().select_only().column(job::Column::RunAt);
        let find = find.filter(job::Column::Lane.eq(lane.as_str())).filter(job::Column::State.eq(READY));
        find.order_by_asc(job::Column::RunAt).into_tuple().one(self.read()).await
    }

    /// Forgets jobs that ended before these moments, the good ones and the dead ones.
    pub async fn forget_jobs(&self, done: i64, dead: i64) -> Result<u64, DbErr> {
        let old = |state: &str, moment: i64| {
            Condition::all().add(job::Column::State.eq(state)).add(job::Column::FinishedAt.lt(moment))
        };
        let old = Condition::any().add(old(DONE, done)).add(old(DEAD, dead));
        let mut forgotten = 0;
        loop {
            let old = old.clone();
            let find = job::Entity::find().select_only().column(job::Column::Id).filter(old.clone());
            let some: Vec<Uuid> = find.limit(SOME).into_tuple().all(self.read()).await?;
            let last = (some.len() as u64) < SOME;
            forgotten += self
                .write(async move |tx: Tx| {
                    // One that is tried again meanwhile is none of them any more.
                    let gone = job::Entity::delete_many().filter(old).filter(job::Column::Id.is_in(some));
                    Ok::<_, DbErr>(gone.exec(&*tx).await?.rows_affected)
                })
                .await?;
            if last {
                return Ok(forgotten);
            }
        }
    }
}
