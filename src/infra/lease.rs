//! Leases: work that only one of several processes on the same database performs at a time.
use entity::lease;
use sea_orm::{ColumnTrait, Condition, DbErr, EntityTrait, Set, sea_query::OnConflict};

use super::db::{Db, Tx};

/// A named lease.
#[derive(Clone)]
pub struct Lease {
    pub db: Db,
    pub name: String,
    /// Maximum duration in milliseconds. A longer lease means that a clock was set back, so it counts as
    /// expired.
    pub max_duration_ms: i64,
}

/// The result of [`Lease::try_acquire`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acquire {
    Acquired,
    /// The lease is held until this time, in milliseconds since 1970.
    HeldUntil(i64),
}

impl Lease {
    /// Acquires the lease until `end`, unless it is held. Times are in milliseconds since 1970.
    ///
    /// A single `INSERT … ON CONFLICT … WHERE` statement tests and acquires the lease, so two processes cannot
    /// both acquire it.
    pub async fn try_acquire(&self, now: i64, end: i64) -> Result<Acquire, DbErr> {
        let (name, longest) = (self.name.clone(), self.max_duration_ms);
        self.db
            .write(async move |tx: Tx| {
                let is_free = Condition::any()
                    .add(lease::Column::EndsAt.lte(now))
                    .add(lease::Column::EndsAt.gt(now.saturating_add(longest)));
                let row = lease::ActiveModel { name: Set(name.clone()), ends_at: Set(end) };
                let acquired = lease::Entity::insert(row)
                    .on_conflict(
                        OnConflict::column(lease::Column::Name)
                            .update_column(lease::Column::EndsAt)
                            .action_cond_where(is_free)
                            .to_owned(),
                    )
                    .exec_without_returning(&*tx)
                    .await?;
                if acquired > 0 {
                    return Ok(Acquire::Acquired);
                }
                let row = lease::Entity::find_by_id(name).one(&*tx).await?;
                Ok(Acquire::HeldUntil(row.map_or(now, |row| row.ends_at)))
            })
            .await
    }

    /// Sets the end of the lease, regardless of its holder.
    pub async fn set_end(&self, end: i64) -> Result<(), DbErr> {
        let row = lease::ActiveModel { name: Set(self.name.clone()), ends_at: Set(end) };
        self.db
            .write(async move |tx: Tx| {
                let overwrite =
                    OnConflict::column(lease::Column::Name).update_column(lease::Column::EndsAt).to_owned();
                lease::Entity::insert(row)
                    .on_conflict(overwrite)
                    .exec_without_returning(&*tx)
                    .await
                    .map(|_| ())
            })
            .await
    }
}
