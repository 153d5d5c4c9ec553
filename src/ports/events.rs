//! The log of what happened: written at the end of the transaction that did it, numbered in the order of the commits,
//! so that a reader who knows a number has missed nothing below it.
use entity::{event, sequence};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    Set,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use uuid::Uuid;

use super::{
    db::{Db, Tx},
    transaction::broken,
};

/// The name under which positions are given out.
const SEQUENCE: &str = "events";

/// Rows of one statement; each has ten values, and databases bound how many a statement has.
const TOGETHER: usize = 500;

/// Something that happened, to be told of when its transaction commits.
#[derive(Debug, Clone)]
pub struct Told {
    pub kind: &'static str,
    pub topic: &'static str,
    pub subject: String,
    pub href: String,
    pub version: i64,
    pub audience: &'static str,
    pub owner: Option<Uuid>,
    pub at: i64,
}

/// Writes what was told. The positions are taken last of all locks, and kept until the commit: whoever comes later
/// commits later.
pub(super) async fn write(connection: &impl ConnectionTrait, told: Vec<Told>) -> Result<(), DbErr> {
    if told.is_empty() {
        return Ok(());
    }
    let row = sequence::ActiveModel { name: Set(SEQUENCE.to_owned()), value: Set(told.len() as i64) };
    let next = Expr::col((sequence::Entity, sequence::Column::Value)).add(told.len() as i64);
    let again = OnConflict::column(sequence::Column::Name).value(sequence::Column::Value, next).to_owned();
    sequence::Entity::insert(row).on_conflict(again).exec_without_returning(connection).await?;
    let last = sequence::Entity::find_by_id(SEQUENCE.to_owned()).one(connection).await?;
    let first = last.ok_or_else(|| broken("the sequence of events is gone"))?.value - told.len() as i64;
    let mut rows: Vec<_> = (first + 1..).zip(told).map(|(position, told)| row_of(position, told)).collect();
    while !rows.is_empty() {
        let rest = rows.split_off(rows.len().min(TOGETHER));
        event::Entity::insert_many(rows).exec_without_returning(connection).await?;
        rows = rest;
    }
    Ok(())
}

fn row_of(position: i64, told: Told) -> event::ActiveModel {
    let Told { kind, topic, subject, href, version, audience, owner, at } = told;
    event::ActiveModel {
        position: Set(position),
        id: Set(Uuid::now_v7()),
        kind: Set(kind.to_owned()),
        topic: Set(topic.to_owned()),
        subject: Set(subject),
        href: Set(href),
        version: Set(version),
        audience: Set(audience.to_owned()),
        owner: Set(owner),
        occurred_at: Set(at),
    }
}

impl Db {
    /// The events behind `position`, oldest first, at most `most`.
    pub async fn events_after(&self, position: i64, most: u64) -> Result<Vec<event::Model>, DbErr> {
        let find = event::Entity::find().filter(event::Column::Position.gt(position));
        find.order_by_asc(event::Column::Position).limit(most).all(self.read()).await
    }

    /// The position of the newest event, also when it is forgotten; 0 before the first.
    pub async fn newest_event(&self) -> Result<i64, DbErr> {
        newest(self.read()).await
    }

    /// Whether every event behind `position` is still there.
    pub async fn remembers(&self, position: i64) -> Result<bool, DbErr> {
        let newest = self.newest_event().await?;
        if position >= newest {
            return Ok(position == newest);
        }
        let next = event::Entity::find_by_id(position + 1);
        Ok(next.count(self.read()).await? > 0)
    }

    /// Forgets events before `moment`, a few at a time; says how many.
    pub async fn forget_events(&self, moment: i64) -> Result<u64, DbErr> {
        let mut forgotten = 0;
        loop {
            let gone = self.write(async move |tx: Tx| forget(&tx, moment).await).await?;
            forgotten += gone;
            if gone < SOME {
                return Ok(forgotten);
            }
        }
    }
}

async fn newest(connection: &impl ConnectionTrait) -> Result<i64, DbErr> {
    let last = sequence::Entity::find_by_id(SEQUENCE.to_owned()).one(connection).await?;
    Ok(last.map_or(0, |row| row.value))
}

impl Tx {
    /// The position of the newest event that has committed; 0 before the first.
    pub async fn newest_event(&self) -> Result<i64, DbErr> {
        newest(&**self).await
    }
}

/// Rows that are deleted at once, so that others get their turn.
const SOME: u64 = 1000;

async fn forget(tx: &Tx, moment: i64) -> Result<u64, DbErr> {
    // By position and without a gap: whoever resumes must be able to tell that something is missing.
    let old = event::Entity::find().select_only().column(event::Column::Position);
    let old = old.filter(event::Column::OccurredAt.lt(moment)).order_by_desc(event::Column::Position);
    let Some(last) = old.into_tuple::<i64>().one(&**tx).await? else { return Ok(0) };
    let first = event::Entity::find().select_only().column(event::Column::Position);
    let first = first.order_by_asc(event::Column::Position).into_tuple::<i64>().one(&**tx).await?;
    let end = Ord::min(last, first.unwrap_or(last) + SOME as i64 - 1);
    let gone = event::Entity::delete_many().filter(event::Column::Position.lte(end)).exec(&**tx).await?;
    Ok(gone.rows_affected)
}
