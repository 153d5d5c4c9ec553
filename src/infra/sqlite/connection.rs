//! A connection to a database file: prepared statements, time limits and decoded rows.
use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rusqlite::{OpenFlags, Row};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, ProxyDatabaseConnector,
    ProxyDatabaseTrait, ProxyExecResult, ProxyRow, QueryResult, Statement, metric::Info,
    prelude::async_trait::async_trait,
};

use super::{
    error::{connect_error, exec_error, query_error},
    failure::StorageFailure,
    rows::{Columns, bind},
};
use crate::infra::{
    query_log::QueryObserver,
    rows::{FromRow, RowReader},
};

/// How long a connection waits for a lock of another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Prepared statements per connection. Each takes about 10 KiB.
const MAX_PREPARED: usize = 128;

/// Instructions of the virtual machine between two calls of the progress handler: about 20 microseconds.
const PROGRESS_STEPS: i32 = 1000;

/// A checkpoint copies each page once that has changed since the previous one, so fewer checkpoints copy fewer pages. The
/// log grows to 16 MB.
const WRITE_PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
    PRAGMA trusted_schema = OFF; PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -8000;
    PRAGMA wal_autocheckpoint = 4000";

const READ_PRAGMAS: &str = "PRAGMA trusted_schema = OFF; PRAGMA cache_size = -8000; PRAGMA query_only = ON";

/// `foreign_keys` cannot be changed in a transaction.
const EXCLUSIVE_PRAGMAS: &str =
    "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
    PRAGMA trusted_schema = OFF";

/// `BEGIN IMMEDIATE` takes the write lock at the start. A deferred transaction that reads first can find the
/// lock held when it begins to write; SQLite then fails with BUSY at once, and the busy timeout does not
/// apply.
pub const BEGIN: &str = "BEGIN IMMEDIATE";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    ReadWrite,
    ReadOnly,
}

/// A database file, the observer of its statements, and the failure of its storage.
#[derive(Clone)]
pub struct Database {
    path: Arc<Path>,
    observer: Option<QueryObserver>,
    failure: StorageFailure,
}

impl Database {
    pub fn new(path: PathBuf, observer: Option<QueryObserver>) -> Self {
        Database { path: path.into(), observer, failure: StorageFailure::default() }
    }

    /// Returns the same file with a failure of its own, for work that also writes to another file system.
    pub fn with_separate_failure(&self) -> Self {
        Database { failure: StorageFailure::default(), ..self.clone() }
    }

    /// Returns the failure of the storage.
    pub fn failure(&self) -> &StorageFailure {
        &self.failure
    }

    /// Opens a connection.
    pub fn connect(&self, access: Access) -> Result<Connection, DbErr> {
        self.open(access).map_err(connect_error).inspect_err(|error| self.failure.record(error))
    }

    fn open(&self, access: Access) -> Result<Connection, rusqlite::Error> {
        // A connection is used by one thread at a time, so SQLite does not need to lock it.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let inner = rusqlite::Connection::open_with_flags(&self.path, flags)?;
        inner.busy_timeout(BUSY_TIMEOUT)?;
        inner.set_prepared_statement_cache_capacity(MAX_PREPARED);
        inner.execute_batch(match access {
            Access::ReadWrite => WRITE_PRAGMAS,
            Access::ReadOnly => READ_PRAGMAS,
        })?;
        Ok(self.connection(inner))
    }

    fn connection(&self, inner: rusqlite::Connection) -> Connection {
        let (observer, failure) = (self.observer.clone(), self.failure.clone());
        Connection { inner, columns: HashMap::default(), observer, failure, limit: None }
    }

    /// Opens an existing file with a lock that excludes all other connections. Returns `None` if there is another
    /// connection: in WAL mode, each one holds a shared lock on the file from its first read until it is closed.
    pub fn connect_exclusively(&self) -> Result<Option<Connection>, DbErr> {
        let open = || -> Result<Connection, rusqlite::Error> {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let inner = rusqlite::Connection::open_with_flags(&self.path, flags)?;
            inner.busy_timeout(Duration::ZERO)?;
            inner.execute_batch(EXCLUSIVE_PRAGMAS)?;
            inner.execute_batch("BEGIN EXCLUSIVE")?;
            Ok(self.connection(inner))
        };
        match open() {
            Ok(connection) => Ok(Some(connection)),
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => Ok(None),
            Err(error) => Err(connect_error(error)),
        }
    }
}

/// A connection. It executes statements on the calling thread.
pub struct Connection {
    inner: rusqlite::Connection,
    /// The columns of prepared statements, by SQL text.
    columns: HashMap<Box<str>, Arc<Columns>, foldhash::fast::RandomState>,
    observer: Option<QueryObserver>,
    failure: StorageFailure,
    limit: Option<TimeLimit>,
}

/// A time limit of each statement.
struct TimeLimit {
    duration: Duration,
    epoch: Instant,
    /// The end of the running statement in microseconds since the epoch.
    deadline: Arc<AtomicU64>,
}

const NO_DEADLINE: u64 = u64::MAX;

impl TimeLimit {
    fn start(&self) {
        let deadline = self.epoch.elapsed() + self.duration;
        self.deadline.store(deadline.as_micros() as u64, Ordering::Relaxed);
    }

    fn stop(&self) {
        self.deadline.store(NO_DEADLINE, Ordering::Relaxed);
    }
}

impl Connection {
    /// Interrupts each later statement that takes longer.
    pub fn set_time_limit(&mut self, duration: Duration) -> Result<(), DbErr> {
        let limit =
            TimeLimit { duration, epoch: Instant::now(), deadline: Arc::new(AtomicU64::new(NO_DEADLINE)) };
        let (epoch, deadline) = (limit.epoch, limit.deadline.clone());
        let is_over = move || epoch.elapsed().as_micros() as u64 > deadline.load(Ordering::Relaxed);
        self.interrupt_if(is_over)?;
        self.limit = Some(limit);
        Ok(())
    }

    /// Interrupts each later statement for which the function returns true while it runs.
    pub fn interrupt_if(&mut self, is_over: impl FnMut() -> bool + Send + 'static) -> Result<(), DbErr> {
        self.inner.progress_handler(PROGRESS_STEPS, Some(is_over)).map_err(exec_error)
    }

    /// Returns up to `max_rows` rows.
    pub fn query(&mut self, statement: &Statement, max_rows: usize) -> Result<Vec<ProxyRow>, DbErr> {
        let columns = self.columns_of(&statement.sql)?;
        self.query_with(statement, max_rows, |row| columns.decode(row))
    }

    /// Returns all rows, decoded by the position of their columns.
    pub fn fetch<R: FromRow>(&mut self, statement: &Statement) -> Result<Vec<R>, DbErr> {
        self.query_with(statement, usize::MAX, |row| R::from_row(&mut RowReader::sqlite(row)))
    }

    fn query_with<R>(
        &mut self,
        statement: &Statement,
        max_rows: usize,
        decode: impl Fn(&Row<'_>) -> Result<R, DbErr>,
    ) -> Result<Vec<R>, DbErr> {
        let mut found = Vec::new();
        self.observe(statement, |connection| {
            connection.for_each_row(statement, |row| {
                found.push(decode(row)?);
                Ok(found.len() < max_rows)
            })
        })?;
        Ok(found)
    }

    /// Returns the columns of a statement.
    fn columns_of(&mut self, sql: &str) -> Result<Arc<Columns>, DbErr> {
        if let Some(columns) = self.columns.get(sql) {
            return Ok(columns.clone());
        }
        if self.columns.len() >= 2 * MAX_PREPARED {
            self.columns.clear();
        }
        let columns = Arc::new(Columns::of(&self.inner.prepare_cached(sql).map_err(query_error)?));
        self.columns.insert(sql.into(), columns.clone());
        Ok(columns)
    }

    /// Calls `next` with each row until it returns false or an error.
    pub fn for_each_row(
        &mut self,
        statement: &Statement,
        next: impl FnMut(&Row<'_>) -> Result<bool, DbErr>,
    ) -> Result<(), DbErr> {
        self.recorded(|connection| connection.step_rows(statement, next))
    }

    fn step_rows(
        &mut self,
        statement: &Statement,
        mut next: impl FnMut(&Row<'_>) -> Result<bool, DbErr>,
    ) -> Result<(), DbErr> {
        let mut prepared = self.inner.prepare_cached(&statement.sql).map_err(query_error)?;
        bind(&mut prepared, statement.values.as_ref()).map_err(query_error)?;
        // The preparation has no limit: it loads the schema the first time.
        if let Some(limit) = &self.limit {
            limit.start();
        }
        let mut rows = prepared.raw_query();
        let result = loop {
            match rows.next() {
                Ok(Some(row)) => match next(row) {
                    Ok(true) => {}
                    Ok(false) => break Ok(()),
                    Err(error) => break Err(error),
                },
                Ok(None) => break Ok(()),
                Err(error) => break Err(query_error(error)),
            }
        };
        if let Some(limit) = &self.limit {
            limit.stop();
        }
        result
    }

    /// Runs a statement and ignores its rows.
    pub fn execute(&mut self, statement: &Statement) -> Result<ProxyExecResult, DbErr> {
        self.observe(statement, |connection| {
            let mut prepared = connection.inner.prepare_cached(&statement.sql).map_err(exec_error)?;
            bind(&mut prepared, statement.values.as_ref()).map_err(exec_error)?;
            let mut rows = prepared.raw_query();
            while rows.next().map_err(exec_error)?.is_some() {}
            drop(rows);
            Ok(connection.exec_result())
        })
    }

    /// Runs statements without values.
    pub fn execute_unprepared(&mut self, sql: &str) -> Result<ProxyExecResult, DbErr> {
        let statement = Statement::from_string(DbBackend::Sqlite, sql);
        self.observe(&statement, |connection| {
            connection.inner.execute_batch(sql).map_err(exec_error)?;
            Ok(connection.exec_result())
        })
    }

    fn exec_result(&self) -> ProxyExecResult {
        ProxyExecResult {
            last_insert_id: u64::try_from(self.inner.last_insert_rowid()).unwrap_or_default(),
            rows_affected: self.inner.changes(),
        }
    }

    /// Runs a statement without values that belongs to a transaction, such as BEGIN.
    pub fn control(&mut self, sql: &str) -> Result<(), DbErr> {
        let execute = || self.inner.prepare_cached(sql)?.raw_execute();
        execute().map(|_| ()).map_err(exec_error).inspect_err(|error| self.failure.record(error))
    }

    /// Returns whether a transaction is open.
    pub fn in_transaction(&self) -> bool {
        !self.inner.is_autocommit()
    }

    fn recorded<T>(&mut self, run: impl FnOnce(&mut Self) -> Result<T, DbErr>) -> Result<T, DbErr> {
        run(self).inspect_err(|error| self.failure.record(error))
    }

    fn observe<T>(
        &mut self,
        statement: &Statement,
        run: impl FnOnce(&mut Self) -> Result<T, DbErr>,
    ) -> Result<T, DbErr> {
        let Some(observer) = self.observer.clone() else { return self.recorded(run) };
        let started = Instant::now();
        let result = self.recorded(run);
        // An interrupted statement is repeated, or its caller is cancelled.
        if !result.as_ref().is_err_and(super::error::is_interrupted) {
            observer(&Info { elapsed: started.elapsed(), statement, failed: result.is_err() });
        }
        result
    }
}

/// A connection that a transaction shares with the handles to it.
#[derive(Clone)]
pub struct SharedConnection(Arc<Mutex<Connection>>);

impl SharedConnection {
    pub fn new(connection: Connection) -> Self {
        SharedConnection(Arc::new(Mutex::new(connection)))
    }

    /// Runs `work`, after the statement that is running.
    pub fn with<T>(&self, work: impl FnOnce(&mut Connection) -> T) -> T {
        work(&mut self.0.lock())
    }
}

impl SharedConnection {
    /// Returns a connection of SeaORM, which migrations require. Its transactions have no effect: the caller begins
    /// and ends one around the migrations, because the proxy cannot report that a commit fails.
    pub fn proxy(&self) -> Result<DatabaseConnection, DbErr> {
        ProxyDatabaseConnector::connect(DbBackend::Sqlite, Arc::new(Box::new(Proxy(self.clone()))))
    }
}

struct Proxy(SharedConnection);

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proxy")
    }
}

#[async_trait]
impl ProxyDatabaseTrait for Proxy {
    async fn query(&self, statement: Statement) -> Result<Vec<ProxyRow>, DbErr> {
        self.0.with(|connection| connection.query(&statement, usize::MAX))
    }

    async fn execute(&self, statement: Statement) -> Result<ProxyExecResult, DbErr> {
        self.0.with(|connection| match &statement.values {
            Some(_) => connection.execute(&statement),
            // The proxy passes several statements as one if they have no values.
            None => connection.execute_unprepared(&statement.sql),
        })
    }
}

#[async_trait]
impl ConnectionTrait for SharedConnection {
    fn get_database_backend(&self) -> DbBackend {
        DbBackend::Sqlite
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.with(|connection| connection.execute(&statement)).map(Into::into)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.with(|connection| connection.execute_unprepared(sql)).map(Into::into)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let rows = self.with(|connection| connection.query(&statement, 1))?;
        Ok(rows.into_iter().next().map(Into::into))
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let rows = self.with(|connection| connection.query(&statement, usize::MAX))?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    fn support_returning(&self) -> bool {
        true
    }
}
