//! The changes that a transaction writes immediately before its commit: collection versions, events and audit entries.
//!
//! All writers update the same few rows for them: the versions, the sequence of the events and the end of the audit chain.
//! Their locks are therefore acquired last, and held for as few round trips as possible.
use std::collections::BTreeSet;

use entity::collection;
use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryTrait, Set,
    sea_query::{
        CommonTableExpression, Expr, ExprTrait, InsertStatement, OnConflict, Query, SubQueryStatement,
        WithClause,
    },
};

use super::{
    audit_log::{self, NewEntry, PendingEntries},
    event_log::{self, NewEvent},
    notify::Changes,
    transaction::OpenTransaction,
};

/// Rows per INSERT. Each has up to 15 values, and databases limit the number of bound values.
pub(super) const INSERT_BATCH: usize = 500;

/// Changes of units of work that are written immediately before the commit, once for all of them.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub collections: BTreeSet<&'static str>,
    pub events: Vec<NewEvent>,
    pub audit: PendingEntries,
    pub jobs: bool,
}

impl Pending {
    /// Adds the changes of a later unit of work.
    pub fn append(&mut self, mut later: Pending) {
        self.collections.append(&mut later.collections);
        self.events.append(&mut later.events);
        self.audit.append(later.audit);
        self.jobs |= later.jobs;
    }

    /// Writes the collection versions, the events and the audit entries. Returns the changes to notify after the commit.
    pub async fn write(mut self, open: &OpenTransaction) -> Result<Changes, DbErr> {
        let entries = self.audit.take();
        let changes = Changes {
            events: !self.events.is_empty(),
            jobs: self.jobs,
            collections: std::mem::take(&mut self.collections),
        };
        let is_small = self.events.len().max(entries.len()) <= INSERT_BATCH;
        if open.get_database_backend() == DbBackend::Postgres && is_small {
            write_at_once(open, &changes.collections, self.events, entries).await?;
        } else {
            audit_log::append(open, entries).await?;
            if let Some(increment) = increment_versions(&changes.collections) {
                open.execute(&increment).await?;
            }
            event_log::append(open, self.events).await?;
        }
        Ok(changes)
    }
}

/// Writes the changes with one statement, after one that locks the end of the audit chain.
///
/// Every event has an audit entry, so a transaction that locks the sequence of the events holds the lock of the chain. The
/// versions are locked in alphabetical order. Two transactions therefore cannot deadlock, although PostgreSQL does not
/// define the order in which the parts of the statement run.
async fn write_at_once(
    open: &OpenTransaction,
    collections: &BTreeSet<&'static str>,
    events: Vec<NewEvent>,
    entries: Vec<NewEntry>,
) -> Result<(), DbErr> {
    let mut parts: Vec<(&str, SubQueryStatement)> = Vec::new();
    if !entries.is_empty() {
        let end = audit_log::lock(open).await?;
        let (entries, end) = audit_log::statements(end, entries);
        parts.extend([("audit_entries_added", entries.into()), ("audit_chain_moved", end.into())]);
    }
    parts.extend(increment_versions(collections).map(|increment| ("collections_changed", increment.into())));
    parts.extend(event_log::statements(events));
    if parts.is_empty() {
        return Ok(());
    }
    let with = parts.into_iter().fold(WithClause::new(), |mut with, (name, query)| {
        with.cte(CommonTableExpression::new().table_name(name).query(query).to_owned()).to_owned()
    });
    open.execute(&Query::select().expr(Expr::val(1)).to_owned().with(with)).await.map(|_| ())
}

/// Returns the statement that increments the versions of the collections, in alphabetical order.
fn increment_versions(collections: &BTreeSet<&'static str>) -> Option<InsertStatement> {
    if collections.is_empty() {
        return None;
    }
    let rows = collections
        .iter()
        .map(|name| collection::ActiveModel { name: Set((*name).to_owned()), version: Set(1) });
    let next = Expr::col((collection::Entity, collection::Column::Version)).add(1);
    let increment =
        OnConflict::column(collection::Column::Name).value(collection::Column::Version, next).to_owned();
    Some(collection::Entity::insert_many(rows).on_conflict(increment).into_query())
}
