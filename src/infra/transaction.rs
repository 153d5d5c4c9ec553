//! A transaction and what belongs to its commit: collection versions, events, and notifications.
use std::{
    collections::BTreeSet,
    future::Future,
    ops::Deref,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use entity::collection;
use futures_util::FutureExt;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, ExecResult, QueryResult, Set,
    Statement,
    prelude::async_trait::async_trait,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use tokio::sync::Mutex;

use super::{
    db_error::TOO_LONG,
    event_log::{self, NewEvent},
    notify::Changes,
};
use crate::domain::event::{Audience, EventType};

/// The handle that a unit of work writes with. It can be cloned, but it only works until the unit of work
/// ends: later statements fail instead of running outside of the transaction.
#[derive(Clone)]
pub struct Tx(Arc<Transaction>);

impl Deref for Tx {
    type Target = Transaction;
    fn deref(&self) -> &Transaction {
        &self.0
    }
}

pub struct Transaction {
    backend: DbBackend,
    open: Mutex<Option<DatabaseTransaction>>,
    failed: AtomicBool,
    touched: parking_lot::Mutex<BTreeSet<&'static str>>,
    events: parking_lot::Mutex<Vec<NewEvent>>,
    jobs_enqueued: AtomicBool,
}

impl Tx {
    /// Marks a collection as changed. Its version increases at the commit, which invalidates caches and list
    /// ETags.
    pub async fn touch(&self, collection: &'static str) -> Result<(), DbErr> {
        self.touched.lock().insert(collection);
        Ok(())
    }

    /// Returns whether this transaction has changed a collection. Its version increases only at the commit.
    pub fn is_touched(&self, collection: &str) -> bool {
        self.touched.lock().contains(collection)
    }

    /// Emits an event. It is appended to the event log if the transaction commits.
    /// `subject` and `href` identify the resource, `version` is its new version.
    pub fn emit(
        &self,
        kind: EventType,
        subject: impl ToString,
        href: String,
        version: i64,
        audience: Audience,
        at: i64,
    ) {
        let (audience, owner) = audience.columns();
        let event = NewEvent {
            kind: kind.as_str(),
            topic: kind.topic().as_str(),
            subject: subject.to_string(),
            href,
            version,
            audience,
            owner,
            occurred_at: at,
        };
        self.events.lock().push(event);
    }

    /// Notifies the workers of new jobs when the transaction commits.
    pub(super) fn mark_jobs_enqueued(&self) {
        self.jobs_enqueued.store(true, Ordering::SeqCst);
    }
}

/// Runs a unit of work. Returns its result and the transaction, which the caller commits or rolls back.
pub(super) async fn run<T, E, F, Fut>(
    transaction: DatabaseTransaction,
    max_duration: Duration,
    work: F,
) -> (Result<T, E>, Option<DatabaseTransaction>, Changes)
where
    F: FnOnce(Tx) -> Fut,
    Fut: Future<Output = Result<T, E>>,
    E: From<DbErr>,
{
    let tx = Tx(Arc::new(Transaction {
        backend: transaction.get_database_backend(),
        open: Mutex::new(Some(transaction)),
        failed: AtomicBool::new(false),
        touched: parking_lot::Mutex::default(),
        events: parking_lot::Mutex::default(),
        jobs_enqueued: AtomicBool::new(false),
    }));
    let running = AssertUnwindSafe(async { work(tx.clone()).await }).catch_unwind();
    let result = match tokio::time::timeout(max_duration, running).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(custom_error("the transaction panicked").into()),
        Err(_) => Err(custom_error(TOO_LONG).into()),
    };
    // Waits for a statement that is still running, then disables all clones of the handle.
    let open = tx.open.lock().await.take();
    match (result, open) {
        (Ok(value), Some(open)) => match tx.prepare_commit(&open).await {
            Ok(changes) => (Ok(value), Some(open), changes),
            Err(error) => (Err(error.into()), Some(open), Changes::default()),
        },
        (result, open) => (result, open, Changes::default()),
    }
}

/// Commits or rolls back.
pub(super) async fn finish(transaction: Option<DatabaseTransaction>, commit: bool) -> Result<(), DbErr> {
    match (transaction, commit) {
        (Some(transaction), true) => transaction.commit().await,
        (Some(transaction), false) => transaction.rollback().await,
        (None, _) => Err(custom_error("the transaction has already ended")),
    }
}

pub(super) fn custom_error(message: &str) -> DbErr {
    DbErr::Custom(message.to_owned())
}

impl Transaction {
    /// Writes the collection versions and the events, immediately before the commit.
    async fn prepare_commit(&self, open: &DatabaseTransaction) -> Result<Changes, DbErr> {
        // PostgreSQL responds to COMMIT after a failed statement with ROLLBACK, and the driver reports
        // success. Without this check work that ignored an error would be lost silently.
        if self.backend == DbBackend::Postgres && self.failed.load(Ordering::SeqCst) {
            return Err(custom_error("a statement failed and the transaction continued"));
        }
        // Last and in alphabetical order (BTreeSet). All writers update these rows, so their locks are held
        // briefly, and two transactions cannot deadlock on them.
        let touched = std::mem::take(&mut *self.touched.lock());
        if !touched.is_empty() {
            let rows = touched
                .into_iter()
                .map(|name| collection::ActiveModel { name: Set(name.to_owned()), version: Set(1) });
            let next = Expr::col((collection::Entity, collection::Column::Version)).add(1);
            let bump = OnConflict::column(collection::Column::Name)
                .value(collection::Column::Version, next)
                .to_owned();
            collection::Entity::insert_many(rows).on_conflict(bump).exec_without_returning(open).await?;
        }
        let events = std::mem::take(&mut *self.events.lock());
        let changes = Changes { events: !events.is_empty(), jobs: self.jobs_enqueued.load(Ordering::SeqCst) };
        event_log::write(open, events).await?;
        Ok(changes)
    }

    fn record_failure<T>(&self, result: Result<T, DbErr>) -> Result<T, DbErr> {
        if result.is_err() {
            self.failed.store(true, Ordering::SeqCst);
        }
        result
    }
}

fn active(open: &Option<DatabaseTransaction>) -> Result<&DatabaseTransaction, DbErr> {
    open.as_ref().ok_or_else(|| custom_error("the transaction has already ended"))
}

#[async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        self.backend
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.record_failure(active(&*self.open.lock().await)?.execute_raw(statement).await)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.record_failure(active(&*self.open.lock().await)?.execute_unprepared(sql).await)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.record_failure(active(&*self.open.lock().await)?.query_one_raw(statement).await)
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.record_failure(active(&*self.open.lock().await)?.query_all_raw(statement).await)
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{Database, TransactionTrait};

    use super::*;

    #[tokio::test]
    async fn rolls_back_after_the_time_limit() {
        let connection = Database::connect("sqlite::memory:").await.unwrap();
        let open = connection.begin().await.unwrap();
        let (result, open, _) = run(open, Duration::from_millis(50), async |tx: Tx| {
            tx.execute_unprepared("CREATE TABLE half (done integer)").await?;
            std::future::pending::<Result<(), DbErr>>().await
        })
        .await;
        assert!(result.unwrap_err().to_string().contains("time limit"));
        finish(open, false).await.unwrap();
        assert!(connection.execute_unprepared("SELECT * FROM half").await.is_err());
    }
}
