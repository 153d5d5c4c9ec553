//! Turns: what one of several processes on the same database does, and the others leave alone meanwhile.
use entity::lease;
use sea_orm::{ColumnTrait, Condition, DbErr, EntityTrait, Set, sea_query::OnConflict};

use super::db::{Db, Tx};

/// A turn at something, by name.
#[derive(Clone)]
pub struct Lease {
    pub db: Db,
    pub name: String,
    /// Nobody has a turn for longer, in milliseconds: if it seems so, a clock was set back.
    pub longest: i64,
}

impl Lease {
    /// Takes the turn until `end`, or says when the turn of somebody else ends.
    pub async fn take(&self, now: i64, end: i64) -> Result<Option<i64>, DbErr> {
        let (name, longest) = (self.name.clone(), self.longest);
        self.db
            .write(async move |tx: Tx| {
                let free = Condition::any()
                    .add(lease::Column::EndsAt.lte(now))
                    .add(lease::Column::EndsAt.gt(now.saturating_add(longest)));
                let row = lease::ActiveModel { name: Set(name.clone()), ends_at: Set(end) };
                let taken = lease::Entity::insert(row)
                    .on_conflict(
                        OnConflict::column(lease::Column::Name)
                            .update_column(lease::Column::EndsAt)
                            .action_cond_where(free)
                            .to_owned(),
                    )
                    .exec_without_returning(&*tx)
                    .await?;
                if taken > 0 {
                    return Ok(None);
                }
                let row = lease::Entity::find_by_id(name).one(&*tx).await?;
                Ok(Some(row.map_or(now, |row| row.ends_at)))
            })
            .await
    }

    /// Says when the next turn may be taken, whoever has the present one.
    pub async fn end(&self, end: i64) -> Result<(), DbErr> {
        let row = lease::ActiveModel { name: Set(self.name.clone()), ends_at: Set(end) };
        self.db
            .write(async move |tx: Tx| {
                let always =
                    OnConflict::column(lease::Column::Name).update_column(lease::Column::EndsAt).to_owned();
                lease::Entity::insert(row).on_conflict(always).exec_without_returning(&*tx).await.map(|_| ())
            })
            .await
    }
}
