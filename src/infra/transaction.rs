//! A unit of work in a transaction.
use std::{
    collections::BTreeSet,
    future::Future,
    ops::Deref,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult, Statement,
    prelude::async_trait::async_trait,
};
use tokio::sync::Mutex;

use super::{
    audit_log::{NewEntry, PendingEntries},
    db_error::{TOO_LONG, custom_error},
    event_log::NewEvent,
    pending::Pending,
    rows::{FetchRows, FromRow, decode_all},
    sqlite::SharedConnection,
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
    open: Mutex<Option<OpenTransaction>>,
    deadline: Instant,
    failed: AtomicBool,
    pending: parking_lot::Mutex<Pending>,
    /// The collections that earlier units of work in the same transaction have changed.
    touched_before: BTreeSet<&'static str>,
}

impl Tx {
    /// Marks a collection as changed. Its version increases at the commit, which invalidates caches and list
    /// ETags.
    pub async fn touch(&self, collection: &'static str) -> Result<(), DbErr> {
        self.pending.lock().collections.insert(collection);
        Ok(())
    }

    /// Returns whether this transaction has changed a collection. Its version increases only at the commit.
    pub fn is_touched(&self, collection: &str) -> bool {
        self.touched_before.contains(collection) || self.pending.lock().collections.contains(collection)
    }

    /// Locks a text until the end of the transaction, for a rule about rows that do not exist yet. Other transactions wait
    /// that lock the same text, and at times those of another text. On SQLite, all transactions run one after the other.
    pub async fn lock_text(&self, text: &str) -> Result<(), DbErr> {
        if self.backend == DbBackend::Postgres {
            // 64 bits, unlike `hashtext`.
            let sql = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
            let lock = Statement::from_sql_and_values(DbBackend::Postgres, sql, [text.into()]);
            self.query_one_raw(lock).await?;
        }
        Ok(())
    }

    /// Emits an event. It is appended to the event log and to the audit log if the transaction commits.
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
        let (audience, owner, post) = audience.columns();
        let event = NewEvent {
            kind: kind.as_str(),
            topic: kind.topic().as_str(),
            subject: subject.to_string(),
            href,
            version,
            audience,
            owner,
            post,
            occurred_at: at,
        };
        let mut pending = self.pending.lock();
        pending.audit.push(NewEntry::of_event(kind, &event.subject, at));
        pending.events.push(event);
    }

    pub(super) fn audit(&self) -> parking_lot::MappedMutexGuard<'_, PendingEntries> {
        parking_lot::MutexGuard::map(self.pending.lock(), |pending| &mut pending.audit)
    }

    /// Notifies the workers of new jobs when the transaction commits.
    pub(super) fn mark_jobs_enqueued(&self) {
        self.pending.lock().jobs = true;
    }
}

/// The connection of a transaction.
pub(super) enum OpenTransaction {
    /// The writer begins and ends the transaction.
    Sqlite(SharedConnection),
    Postgres(DatabaseTransaction),
}

/// Runs a unit of work. Returns its result, the transaction, which the caller commits or rolls back, and the changes to
/// write before the commit.
///
/// `touched_before` has the collections that earlier units of work in the same transaction have changed.
pub(super) async fn run<T, E, F, Fut>(
    transaction: OpenTransaction,
    max_duration: Duration,
    touched_before: BTreeSet<&'static str>,
    work: F,
) -> (Result<T, E>, Option<OpenTransaction>, Pending)
where
    F: FnOnce(Tx) -> Fut,
    Fut: Future<Output = Result<T, E>>,
    E: From<DbErr>,
{
    let tx = Tx(Arc::new(Transaction {
        backend: transaction.get_database_backend(),
        open: Mutex::new(Some(transaction)),
        deadline: Instant::now() + max_duration,
        failed: AtomicBool::new(false),
        pending: parking_lot::Mutex::default(),
        touched_before,
    }));
    let running = AssertUnwindSafe(async { work(tx.clone()).await }).catch_unwind();
    let result = match tokio::time::timeout(max_duration, running).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(custom_error("the transaction panicked").into()),
        Err(_) => Err(custom_error(TOO_LONG).into()),
    };
    // Waits for a statement that is still running, then disables all clones of the handle.
    let open = tx.open.lock().await.take();
    let checked = result.and_then(|value| tx.check_commit(open.as_ref()).map(|()| value).map_err(E::from));
    let pending = std::mem::take(&mut *tx.pending.lock());
    match checked {
        Ok(value) => (Ok(value), open, pending),
        Err(error) => (Err(error), open, Pending::default()),
    }
}

pub(super) fn already_ended() -> DbErr {
    custom_error("the transaction has already ended")
}

impl Transaction {
    /// Checks that the transaction can be committed after work that reports success.
    fn check_commit(&self, open: Option<&OpenTransaction>) -> Result<(), DbErr> {
        // On SQLite, statements run without yielding, so the timeout may not have been polled.
        if self.is_over() {
            return Err(custom_error(TOO_LONG));
        }
        if open.is_none_or(OpenTransaction::has_ended) {
            return Err(already_ended());
        }
        // PostgreSQL responds to COMMIT after a failed statement with ROLLBACK, and the driver reports
        // success. Without this check work that ignored an error would be lost silently.
        if self.backend == DbBackend::Postgres && self.failed.load(Ordering::SeqCst) {
            return Err(custom_error("a statement failed and the transaction continued"));
        }
        Ok(())
    }

    /// Returns whether the time limit has passed.
    fn is_over(&self) -> bool {
        Instant::now() > self.deadline
    }

    fn active<'a>(&self, open: &'a Option<OpenTransaction>) -> Result<&'a OpenTransaction, DbErr> {
        let open = open.as_ref().filter(|open| !open.has_ended()).ok_or_else(already_ended)?;
        if self.is_over() { Err(custom_error(TOO_LONG)) } else { Ok(open) }
    }

    fn record_failure<T>(&self, result: Result<T, DbErr>) -> Result<T, DbErr> {
        if result.is_err() {
            self.failed.store(true, Ordering::SeqCst);
        }
        result
    }
}

impl OpenTransaction {
    /// Returns whether SQLite has rolled the transaction back on its own, after an error such as a full disk. A later
    /// statement would then be a transaction of its own.
    fn has_ended(&self) -> bool {
        match self {
            OpenTransaction::Sqlite(open) => open.with(|connection| !connection.in_transaction()),
            OpenTransaction::Postgres(_) => false,
        }
    }
}

#[async_trait]
impl ConnectionTrait for OpenTransaction {
    fn get_database_backend(&self) -> DbBackend {
        match self {
            OpenTransaction::Sqlite(_) => DbBackend::Sqlite,
            OpenTransaction::Postgres(_) => DbBackend::Postgres,
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match self {
            OpenTransaction::Sqlite(open) => open.execute_raw(statement).await,
            OpenTransaction::Postgres(open) => open.execute_raw(statement).await,
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        match self {
            OpenTransaction::Sqlite(open) => open.execute_unprepared(sql).await,
            OpenTransaction::Postgres(open) => open.execute_unprepared(sql).await,
        }
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match self {
            OpenTransaction::Sqlite(open) => open.query_one_raw(statement).await,
            OpenTransaction::Postgres(open) => open.query_one_raw(statement).await,
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match self {
            OpenTransaction::Sqlite(open) => open.query_all_raw(statement).await,
            OpenTransaction::Postgres(open) => open.query_all_raw(statement).await,
        }
    }

    fn support_returning(&self) -> bool {
        true
    }
}

#[async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        self.backend
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.record_failure(self.active(&*self.open.lock().await)?.execute_raw(statement).await)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.record_failure(self.active(&*self.open.lock().await)?.execute_unprepared(sql).await)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.record_failure(self.active(&*self.open.lock().await)?.query_one_raw(statement).await)
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.record_failure(self.active(&*self.open.lock().await)?.query_all_raw(statement).await)
    }

    fn support_returning(&self) -> bool {
        true
    }
}

impl FetchRows for Transaction {
    async fn fetch_rows<R: FromRow + Send + 'static>(&self, query: Statement) -> Result<Vec<R>, DbErr> {
        let open = self.open.lock().await;
        self.record_failure(match self.active(&open)? {
            OpenTransaction::Sqlite(open) => open.with(|connection| connection.fetch(&query)),
            OpenTransaction::Postgres(open) => {
                open.query_all_raw(query).await.and_then(|rows| decode_all(&rows))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::sqlite::{Access, BEGIN, Database};

    #[tokio::test]
    async fn rolls_back_after_the_time_limit() {
        let folder = std::env::temp_dir().join(format!("tenon-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&folder).unwrap();
        let database = Database::new(folder.join("tenon.db"), None);
        let connection = SharedConnection::new(database.connect(Access::ReadWrite).unwrap());
        connection.with(|connection| connection.control(BEGIN)).unwrap();
        let limit = Duration::from_millis(50);
        let waits = async |tx: Tx| {
            tx.execute_unprepared("SELECT 1").await?;
            std::future::pending::<Result<(), DbErr>>().await
        };
        let blocks = async |tx: Tx| {
            tx.execute_unprepared("SELECT 1").await?;
            std::thread::sleep(limit * 2);
            Ok::<_, DbErr>(())
        };
        let open = || OpenTransaction::Sqlite(connection.clone());
        for result in [
            run(open(), limit, BTreeSet::new(), waits).await.0,
            run(open(), limit, BTreeSet::new(), blocks).await.0,
        ] {
            assert!(result.unwrap_err().to_string().contains("time limit"));
        }
        let blocks_and_writes = async |tx: Tx| {
            std::thread::sleep(limit * 2);
            assert!(tx.execute_unprepared("SELECT 1").await.unwrap_err().to_string().contains("time limit"));
            Ok::<_, DbErr>(())
        };
        assert!(run(open(), limit, BTreeSet::new(), blocks_and_writes).await.0.is_err());
        // After an error, SQLite may end a transaction on its own. Later statements must not run outside of it.
        connection.with(|connection| connection.control("ROLLBACK")).unwrap();
        let ended = run(open(), limit, BTreeSet::new(), async |tx: Tx| {
            tx.execute_unprepared("SELECT 1").await.map(|_| ())
        })
        .await;
        assert!(ended.0.unwrap_err().to_string().contains("already ended"));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
