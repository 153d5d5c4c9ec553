//! The audit log: an entry for each write, export and authentication decision, in a hash chain.
//!
//! A transaction appends its entries immediately before its commit. An acknowledged write therefore has its entries, and a
//! write that is rolled back has none.
mod chain;
mod changes;
mod failures;
mod origin;

use sea_orm::DbErr;
use uuid::Uuid;

use super::db::{Db, Tx};
use crate::domain::{
    audit::{AuditAction, AuthFailure},
    event::EventType,
};

pub use chain::{BrokenChain, Verified};
pub(super) use chain::{append, lock, statements};
pub use changes::Changes;
pub use failures::AuthFailures;
pub use origin::Origin;

/// Characters of the id of a resource that are stored at most.
const MAX_ID: usize = 200;

/// An entry that is appended when its transaction commits. Its actor is the [`Origin`] of the task that creates it.
#[derive(Debug, Clone)]
pub struct NewEntry {
    at: i64,
    action: &'static str,
    resource: &'static str,
    resource_id: Option<String>,
    origin: Origin,
    reason: Option<AuthFailure>,
    count: i32,
    changes: Changes,
}

impl NewEntry {
    /// Creates an entry about a resource. An empty id means that the action concerns the whole collection.
    pub fn new(action: AuditAction, id: impl ToString, at: i64) -> Self {
        NewEntry::about(action.as_str(), action.resource(), id.to_string(), at)
    }

    /// Creates the entry of an event. [`Tx::emit`] records it.
    pub fn of_event(kind: EventType, subject: impl ToString, at: i64) -> Self {
        NewEntry::about(kind.as_str(), kind.topic().as_str(), subject.to_string(), at)
    }

    fn about(action: &'static str, resource: &'static str, id: String, at: i64) -> Self {
        let resource_id = Some(stored_id(&id)).filter(|id| !id.is_empty());
        let origin = Origin::current();
        NewEntry {
            at,
            action,
            resource,
            resource_id,
            origin,
            reason: None,
            count: 1,
            changes: Changes::default(),
        }
    }

    /// Sets the account and the session that act, for requests that sign in.
    #[must_use]
    pub fn by_session(mut self, account: Uuid, session: Uuid) -> Self {
        self.origin.set_session(account, session);
        self
    }

    #[must_use]
    pub fn with_changes(mut self, changes: Changes) -> Self {
        self.changes = changes;
        self
    }
}

/// Returns the part of an id that is stored.
fn stored_id(id: &str) -> String {
    id.chars().take(MAX_ID).collect()
}

/// The entries of a transaction.
#[derive(Debug, Default)]
pub(super) struct PendingEntries {
    entries: Vec<NewEntry>,
    /// Changed fields with the id of their resource, until its entry is added.
    changes: Vec<(String, Changes)>,
}

impl PendingEntries {
    /// Adds an entry, with the changed fields that were added for its resource.
    pub fn push(&mut self, mut entry: NewEntry) {
        let of_entry = |(id, _): &(String, Changes)| entry.resource_id.as_deref() == Some(&**id);
        if let Some(at) = self.changes.iter().position(of_entry) {
            entry.changes = self.changes.swap_remove(at).1;
        }
        self.entries.push(entry);
    }

    /// Adds the entries of a later unit of work.
    pub fn append(&mut self, mut later: PendingEntries) {
        self.entries.append(&mut later.take());
    }

    /// Removes and returns the entries. Changed fields without an entry are logged, because a write has recorded them for
    /// another id than that of its entry.
    pub fn take(&mut self) -> Vec<NewEntry> {
        for (id, changes) in self.changes.drain(..) {
            tracing::error!(id, fields = changes.to_json(), "the audit log has no entry for changed fields");
        }
        std::mem::take(&mut self.entries)
    }

    /// Adds changed fields to the next entry about the resource with this id.
    fn add_changes(&mut self, id: &str, changes: Changes) {
        self.changes.push((stored_id(id), changes));
    }
}

impl Tx {
    /// Records an action that emits no event. It is appended to the audit log if the transaction commits.
    pub fn record(&self, entry: NewEntry) {
        self.audit().push(entry);
    }

    /// Adds the changed fields of a resource to the next entry about it: that of [`emit`](Self::emit) or
    /// [`record`](Self::record).
    pub fn record_changes(&self, id: impl ToString, changes: Changes) {
        self.audit().add_changes(&id.to_string(), changes);
    }
}

impl Db {
    /// Records actions that write nothing else.
    pub async fn record(&self, entries: Vec<NewEntry>) -> Result<(), DbErr> {
        self.write(async move |tx: Tx| {
            entries.into_iter().for_each(|entry| tx.record(entry));
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
mod tests;
