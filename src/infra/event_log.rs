//! The event log. Events are written at the end of the transaction that causes them, and numbered in commit
//! order.
//!
//! Commit order matters to readers: after a reader has seen position N, no event with a position up to N can
//! appear. So a position is a complete bookmark.
use entity::{
    event::{self, EventAudience},
    sequence,
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, Insert, Iterable, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait, Set,
    sea_query::{
        Expr, ExprTrait, InsertStatement, Keyword, OnConflict, Query, SimpleExpr, SubQueryStatement,
    },
};
use uuid::Uuid;

use super::{
    db::{Db, Tx},
    pending::INSERT_BATCH,
};

/// The row of the `sequence` table that assigns positions.
const SEQUENCE: &str = "events";

/// The row of the `sequence` table that a readiness check writes.
const PROBE: &str = "readiness";

/// An event that is appended when its transaction commits.
#[derive(Debug, Clone)]
pub(super) struct NewEvent {
    pub kind: &'static str,
    pub topic: &'static str,
    pub subject: String,
    pub href: String,
    pub version: i64,
    pub audience: EventAudience,
    pub owner: Option<Uuid>,
    pub post: Option<Uuid>,
    pub occurred_at: i64,
}

/// Appends events to the log.
///
/// Incrementing the sequence locks its row until the commit. A later transaction waits for it, therefore it
/// commits later and gets higher positions. The lock is acquired last, so that it is held briefly and no
/// transaction waits for another lock while it holds this one.
pub(super) async fn append(connection: &impl ConnectionTrait, events: Vec<NewEvent>) -> Result<(), DbErr> {
    if events.is_empty() {
        return Ok(());
    }
    let mut rows = rows_of(events);
    let last = increment(SEQUENCE, rows.len() as i64).exec_with_returning(connection).await?.value;
    while !rows.is_empty() {
        let rest = rows.split_off(rows.len().min(INSERT_BATCH));
        connection.execute(&insert(rows, || Expr::val(last))).await?;
        rows = rest;
    }
    Ok(())
}

/// Returns the parts of a PostgreSQL statement that appends events, with their names.
pub(super) fn statements(events: Vec<NewEvent>) -> Vec<(&'static str, SubQueryStatement)> {
    if events.is_empty() {
        return Vec::new();
    }
    let rows = rows_of(events);
    let mut next = increment(SEQUENCE, rows.len() as i64).into_query();
    next.returning_col(sequence::Column::Value);
    let insert = insert(rows, || Expr::cust("(SELECT value FROM next_position)"));
    vec![("next_position", next.into()), ("events_added", insert.into())]
}

/// Returns the rows of events, with positions relative to that of the last one.
fn rows_of(events: Vec<NewEvent>) -> Vec<event::ActiveModel> {
    let count = events.len() as i64;
    (1 - count..).zip(events).map(|(offset, event)| row_of(offset, event)).collect()
}

/// Returns the statement that increments a sequence.
fn increment(name: &str, count: i64) -> Insert<sequence::ActiveModel> {
    let row = sequence::ActiveModel { name: Set(name.to_owned()), value: Set(count) };
    let next = Expr::col((sequence::Entity, sequence::Column::Value)).add(count);
    let on_conflict =
        OnConflict::column(sequence::Column::Name).value(sequence::Column::Value, next).to_owned();
    sequence::Entity::insert(row).on_conflict(on_conflict)
}

/// Writes a row, to check that writes are possible.
pub(super) async fn write_probe(connection: &impl ConnectionTrait) -> Result<(), DbErr> {
    increment(PROBE, 1).exec_without_returning(connection).await.map(|_| ())
}

/// Returns the statement that inserts the rows. Their positions are relative to `last`, the position of the last row.
fn insert(rows: Vec<event::ActiveModel>, last: impl Fn() -> SimpleExpr) -> InsertStatement {
    let mut insert = Query::insert();
    insert.into_table(event::Entity).columns(event::Column::iter());
    for mut row in rows {
        let value = |column| match (column, row.take(column).into_value()) {
            (event::Column::Position, Some(offset)) => last().add(Expr::val(offset)),
            (_, value) => value.map_or_else(|| Keyword::Null.into(), Expr::val),
        };
        insert.values_panic(event::Column::iter().map(value).collect::<Vec<_>>());
    }
    insert
}

fn row_of(offset: i64, event: NewEvent) -> event::ActiveModel {
    let NewEvent { kind, topic, subject, href, version, audience, owner, post, occurred_at: at } = event;
    event::ActiveModel {
        position: Set(offset),
        id: Set(Uuid::now_v7()),
        kind: Set(kind.to_owned()),
        topic: Set(topic.to_owned()),
        subject: Set(subject),
        href: Set(href),
        version: Set(version),
        audience: Set(audience),
        owner: Set(owner),
        post: Set(post),
        occurred_at: Set(at),
    }
}

impl Db {
    /// Returns up to `max` events after `position`, oldest first.
    pub async fn events_after(&self, position: i64, max: u64) -> Result<Vec<event::Model>, DbErr> {
        let find = event::Entity::find().filter(event::Column::Position.gt(position));
        find.order_by_asc(event::Column::Position).limit(max).all(self.read()).await
    }

    /// Returns the position of the newest event, even if it has been deleted; 0 before the first event.
    pub async fn newest_event_position(&self) -> Result<i64, DbErr> {
        newest_position(self.read()).await
    }

    /// Returns whether all events after `position` are still stored.
    pub async fn has_all_events_after(&self, position: i64) -> Result<bool, DbErr> {
        let newest_position = self.newest_event_position().await?;
        if position >= newest_position {
            return Ok(position == newest_position);
        }
        let next = event::Entity::find_by_id(position + 1);
        Ok(next.count(self.read()).await? > 0)
    }

    /// Deletes events older than `time`, in small transactions. Returns their number.
    pub async fn delete_events_before(&self, time: i64) -> Result<u64, DbErr> {
        let mut deleted = 0;
        loop {
            let count = self.write(async move |tx: Tx| delete_before(&tx, time).await).await?;
            deleted += count;
            if count < DELETE_BATCH {
                return Ok(deleted);
            }
        }
    }
}

async fn newest_position(connection: &impl ConnectionTrait) -> Result<i64, DbErr> {
    let last = sequence::Entity::find_by_id(SEQUENCE.to_owned()).one(connection).await?;
    Ok(last.map_or(0, |row| row.value))
}

impl Tx {
    /// Returns the position of the newest committed event; 0 before the first.
    pub async fn newest_event_position(&self) -> Result<i64, DbErr> {
        newest_position(&**self).await
    }
}

/// Rows per delete transaction, so that other writers are not blocked for long.
const DELETE_BATCH: u64 = 1000;

async fn delete_before(tx: &Tx, time: i64) -> Result<u64, DbErr> {
    // Deletes the lowest positions without a gap. Then the event after a reader's position exists if and only
    // if the reader has missed none.
    let expired = event::Entity::find().select_only().column(event::Column::Position);
    let expired = expired.filter(event::Column::OccurredAt.lt(time)).order_by_desc(event::Column::Position);
    let Some(last) = expired.into_tuple::<i64>().one(&**tx).await? else { return Ok(0) };
    let first = event::Entity::find().select_only().column(event::Column::Position);
    let first = first.order_by_asc(event::Column::Position).into_tuple::<i64>().one(&**tx).await?;
    let end = Ord::min(last, first.unwrap_or(last) + DELETE_BATCH as i64 - 1);
    let result = event::Entity::delete_many().filter(event::Column::Position.lte(end)).exec(&**tx).await?;
    Ok(result.rows_affected)
}
