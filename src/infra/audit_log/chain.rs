//! The hash chain. The only writer of the tables `audit_entries` and `audit_chain`.
//!
//! The hash of an entry is SHA-256 over the hash of the previous entry, a line feed, and the entry as a JSON array of its
//! columns. An entry that is changed, inserted or deleted afterwards breaks the chain at its position. The row of
//! `audit_chain` stores both ends, so a deletion at an end is found too.
use std::fmt::Write;

use entity::{audit_chain, audit_entry};
use ring::digest::{Context, SHA256};
use sea_orm::{
    ActiveEnum, ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait, Set,
    sea_query::{ExprTrait, InsertStatement, Query, UpdateStatement},
};
use serde_json::json;

use super::NewEntry;
use crate::infra::{
    db::{Db, ReadConnection, Tx},
    db_error::custom_error,
    pending::INSERT_BATCH,
};

/// Rows per query of a verification, and per transaction of the retention.
const BATCH: u64 = 1000;

/// Appends the entries of one or several units of work, in their order.
pub(in crate::infra) async fn append(
    connection: &impl ConnectionTrait,
    mut entries: Vec<NewEntry>,
) -> Result<(), DbErr> {
    while !entries.is_empty() {
        let rest = entries.split_off(entries.len().min(INSERT_BATCH));
        let (insert, update) = statements(lock(connection).await?, entries);
        connection.execute(&insert).await?;
        connection.execute(&update).await?;
        entries = rest;
    }
    Ok(())
}

/// Returns the statements that insert the entries and move the end of the chain.
pub(in crate::infra) fn statements(
    end: audit_chain::Model,
    entries: Vec<NewEntry>,
) -> (InsertStatement, UpdateStatement) {
    let (mut position, mut hash) = (end.position, end.hash);
    let rows = entries.into_iter().map(|entry| {
        position += 1;
        let row = row_of(position, entry, &hash);
        hash.clone_from(&row.hash);
        row.into_active_model().reset_all()
    });
    let insert = audit_entry::Entity::insert_many(rows.collect::<Vec<_>>()).into_query();
    (insert, move_end(position, hash))
}

/// Locks the end of the chain until the commit, so that positions and hashes follow the commit order.
pub(in crate::infra) async fn lock(connection: &impl ConnectionTrait) -> Result<audit_chain::Model, DbErr> {
    let chain = audit_chain::Entity::find_by_id(audit_chain::ID).lock_exclusive().one(connection).await?;
    chain.ok_or_else(|| custom_error("audit_chain: the row 1 is missing, restore the table from a backup"))
}

fn move_end(position: i64, hash: String) -> UpdateStatement {
    Query::update()
        .table(audit_chain::Entity)
        .value(audit_chain::Column::Position, position)
        .value(audit_chain::Column::Hash, hash)
        .and_where(audit_chain::Column::Id.into_expr().eq(audit_chain::ID))
        .to_owned()
}

fn row_of(position: i64, entry: NewEntry, previous: &str) -> audit_entry::Model {
    let actor = entry.origin.actor();
    let mut row = audit_entry::Model {
        position,
        at: entry.at,
        action: entry.action.to_owned(),
        resource: entry.resource.to_owned(),
        resource_id: entry.resource_id,
        actor: actor.kind,
        account: actor.account,
        credential: actor.credential,
        actor_name: entry.origin.name().map(str::to_owned),
        address: entry.origin.address().map(str::to_owned),
        request_id: entry.origin.request_id().map(str::to_owned),
        reason: entry.reason.map(|class| class.as_str().to_owned()),
        count: entry.count,
        changes: entry.changes.to_json(),
        hash: String::new(),
    };
    row.hash = hash_of(&row, previous);
    row
}

/// Returns the hash of an entry whose predecessor has the hash `previous`.
fn hash_of(row: &audit_entry::Model, previous: &str) -> String {
    let canonical = json!([
        row.position,
        row.at,
        row.action,
        row.resource,
        row.resource_id,
        row.actor.to_value(),
        row.account,
        row.credential,
        row.actor_name,
        row.address,
        row.request_id,
        row.reason,
        row.count,
        row.changes,
    ]);
    let mut context = Context::new(&SHA256);
    context.update(previous.as_bytes());
    context.update(b"\n");
    context.update(canonical.to_string().as_bytes());
    let hash = context.finish();
    hash.as_ref().iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The result of a verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    pub entries: u64,
    /// The position and the hash of the newest entry.
    pub position: i64,
    pub hash: String,
}

/// The first entry that breaks the chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("audit entry {position}: {rule}")]
pub struct BrokenChain {
    pub position: i64,
    pub rule: &'static str,
}

const MISSING: &str = "is missing: it was deleted, or its position was changed";
const CHANGED: &str = "its hash does not match: this entry or the previous one was changed";
const CUT: &str = "is the newest entry, but later ones were deleted or the end of the chain was changed";

impl Db {
    /// Verifies all entries. Writes can continue meanwhile: entries after the start of the verification are not included.
    pub async fn verify_audit_log(&self) -> Result<Result<Verified, BrokenChain>, DbErr> {
        loop {
            let chain = self.audit_chain().await?;
            let result = verify(self.read(), &chain).await?;
            // The retention may have deleted entries since the ends were read.
            if result.is_ok() || self.audit_chain().await?.anchor_position == chain.anchor_position {
                return Ok(result);
            }
        }
    }

    async fn audit_chain(&self) -> Result<audit_chain::Model, DbErr> {
        let chain = audit_chain::Entity::find_by_id(audit_chain::ID).one(self.read()).await?;
        chain
            .ok_or_else(|| custom_error("audit_chain: the row 1 is missing, restore the table from a backup"))
    }

    /// Returns up to `max` entries after `position`, oldest first.
    pub async fn audit_entries_after(
        &self,
        position: i64,
        max: u64,
    ) -> Result<Vec<audit_entry::Model>, DbErr> {
        entries_after(self.read(), position, max).await
    }

    /// Returns the position of the newest entry; 0 before the first.
    pub async fn newest_audit_position(&self) -> Result<i64, DbErr> {
        Ok(self.audit_chain().await?.position)
    }

    /// Deletes the oldest entries up to the first one that is not older than `time`, in small transactions. The hash of the
    /// last deleted entry is stored, so that the rest can be verified.
    pub async fn delete_audit_entries_before(&self, time: i64) -> Result<u64, DbErr> {
        let mut deleted = 0;
        loop {
            let count = self.write(async move |tx: Tx| delete_before(&tx, time).await).await?;
            deleted += count;
            if count < BATCH {
                return Ok(deleted);
            }
        }
    }
}

async fn entries_after(
    connection: &impl ConnectionTrait,
    position: i64,
    max: u64,
) -> Result<Vec<audit_entry::Model>, DbErr> {
    let find = audit_entry::Entity::find().filter(audit_entry::Column::Position.gt(position));
    find.order_by_asc(audit_entry::Column::Position).limit(max).all(connection).await
}

async fn verify(
    connection: &ReadConnection,
    chain: &audit_chain::Model,
) -> Result<Result<Verified, BrokenChain>, DbErr> {
    let broken = |position, rule| Ok(Err(BrokenChain { position, rule }));
    let (mut position, mut hash, mut entries) = (chain.anchor_position, chain.anchor_hash.clone(), 0);
    while position < chain.position {
        let rows = entries_after(connection, position, BATCH).await?;
        if rows.is_empty() {
            return broken(position + 1, MISSING);
        }
        for row in rows.into_iter().take_while(|row| row.position <= chain.position) {
            if row.position != position + 1 {
                return broken(position + 1, MISSING);
            }
            if row.hash != hash_of(&row, &hash) {
                return broken(row.position, CHANGED);
            }
            (position, hash, entries) = (row.position, row.hash, entries + 1);
        }
    }
    // The writer moves the end and inserts the entries in one transaction.
    let end = entries_after(connection, position, 1).await?;
    let newest = audit_chain::Entity::find_by_id(audit_chain::ID).one(connection).await?;
    let is_newer = newest.is_some_and(|newest| newest.position > chain.position);
    if hash != chain.hash || !end.is_empty() && !is_newer {
        return broken(position, CUT);
    }
    Ok(Ok(Verified { entries, position, hash }))
}

async fn delete_before(tx: &Tx, time: i64) -> Result<u64, DbErr> {
    // The lock of the chain blocks all other writes, so it is not acquired while no entry has expired.
    if expired_after(tx, 0, time, 1).await?.is_empty() {
        return Ok(0);
    }
    // The entries are read after the lock. Otherwise a concurrent run could move the anchor back to entries that this
    // run has already deleted.
    let chain = lock(&**tx).await?;
    let expired = expired_after(tx, chain.anchor_position, time, BATCH).await?.pop();
    let Some((last, hash)) = expired else { return Ok(0) };
    let mut chain = chain.into_active_model();
    chain.anchor_position = Set(last);
    chain.anchor_hash = Set(hash);
    chain.update(&**tx).await?;
    let delete = audit_entry::Entity::delete_many().filter(audit_entry::Column::Position.lte(last));
    Ok(delete.exec(&**tx).await?.rows_affected)
}

/// Returns the positions and hashes of up to `max` entries after `position` that are older than `time`, oldest first.
async fn expired_after(tx: &Tx, position: i64, time: i64, max: u64) -> Result<Vec<(i64, String)>, DbErr> {
    use audit_entry::Column;
    let find =
        audit_entry::Entity::find().select_only().columns([Column::Position, Column::At, Column::Hash]);
    let find = find.filter(Column::Position.gt(position)).order_by_asc(Column::Position).limit(max);
    let rows: Vec<(i64, i64, String)> = find.into_tuple().all(&**tx).await?;
    // In the order of positions: an entry with a wrong time, from a clock that was set back, must not delete newer ones.
    let expired = rows.into_iter().take_while(|(_, at, _)| *at < time);
    Ok(expired.map(|(position, _, hash)| (position, hash)).collect())
}
