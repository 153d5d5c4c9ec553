//! The connections for queries.
//!
//! A query runs on the calling thread, because a typical one takes less time than two context switches. One that
//! takes longer than [`INLINE_LIMIT`] would delay the other tasks of that thread: it is interrupted and repeated on
//! a thread for blocking work.
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, ExecResult, ProxyRow, QueryResult, Statement,
    prelude::async_trait::async_trait,
};
use tokio::runtime::Handle;

use super::{Access, Connection, Database, blocking::run_blocking, error::is_interrupted};
use crate::infra::{
    audit_log::Origin,
    client_permits::{ClientPermits, PermitLimits},
    db_metrics::PoolUse,
    rows::FromRow,
};

/// Maximum duration of a query on the calling thread.
const INLINE_LIMIT: Duration = Duration::from_millis(1);

/// After an interruption, this number of executions of the statement skips the inline connection.
const SKIPPED: u32 = 64;

/// Maximum number of statements that are known to be slow.
const MAX_SLOW: usize = 64;

/// Slow queries at the same time. More than there are cores, because they also wait for the disk.
pub(super) const SLOW_QUERIES: usize = 8;

/// Returns the numbers of slow queries at the same time. A client has at most half of the cores, so that the
/// queries of other clients find a free connection. The time that a query waits is limited, not the number of waiting ones.
fn limits() -> PermitLimits {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    PermitLimits {
        running: SLOW_QUERIES,
        running_per_client: (cores / 2).clamp(1, SLOW_QUERIES / 2),
        accepted: usize::MAX,
        accepted_per_client: usize::MAX,
    }
}

/// Maximum duration of a slow query, as `statement_timeout` on PostgreSQL.
pub const MAX_QUERY: Duration = Duration::from_secs(5);

/// How long a connection for slow queries stays open without a query. Its page cache may take 8 MB.
const MAX_IDLE: Duration = Duration::from_secs(1);

/// How long a slow query waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// The read-only connections of a database. Clones share them.
#[derive(Clone)]
pub struct Readers(Arc<Inner>);

struct Inner {
    database: Database,
    /// As many as the runtime has threads, so that one is usually available.
    inline: Box<[Mutex<Option<InlineReader>>]>,
    idle: Mutex<IdleConnections>,
    permits: ClientPermits,
    max_query: Duration,
}

/// Idle connections for slow queries, which are opened when they are needed, and the time of the last query of each.
#[derive(Default)]
struct IdleConnections {
    connections: Vec<(Connection, Instant)>,
    /// Whether a task closes them.
    is_closing: bool,
}

struct InlineReader {
    connection: Connection,
    /// Statements that were interrupted, with the number of executions that skip this reader.
    slow: HashMap<String, u32>,
}

impl Readers {
    /// Opens one connection per core. A query is interrupted after `max_query`.
    pub fn open(database: Database, max_query: Duration) -> Result<Self, DbErr> {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let open = || {
            let mut connection = database.connect(Access::ReadOnly)?;
            connection.set_time_limit(INLINE_LIMIT)?;
            Ok(Mutex::new(Some(InlineReader { connection, slow: HashMap::new() })))
        };
        let inline = (0..cores).map(|_| open()).collect::<Result<_, DbErr>>()?;
        let permits = ClientPermits::new(limits());
        Ok(Readers(Arc::new(Inner { database, inline, idle: Mutex::default(), permits, max_query })))
    }

    /// Returns the use of the connections for queries on the calling thread, and of those for slow queries.
    pub fn pools(&self) -> [PoolUse; 2] {
        let locked = self.0.inline.iter().filter(|reader| reader.is_locked()).count();
        let (slow, waiting) = self.0.permits.load();
        [
            PoolUse { pool: "inline", in_use: locked, max: self.0.inline.len(), waiting: 0 },
            PoolUse { pool: "slow", in_use: slow, max: SLOW_QUERIES, waiting },
        ]
    }

    async fn query(&self, statement: Statement, max_rows: usize) -> Result<Vec<ProxyRow>, DbErr> {
        let query =
            move |connection: &mut Connection, statement: &Statement| connection.query(statement, max_rows);
        self.run(statement, query).await
    }

    /// Returns the rows of a query, decoded by the position of their columns.
    pub async fn fetch<R: FromRow + Send + 'static>(&self, statement: Statement) -> Result<Vec<R>, DbErr> {
        self.run(statement, Connection::fetch).await
    }

    /// Runs a query on the calling thread, or on a thread for blocking work if it takes long.
    async fn run<R: Send + 'static>(
        &self,
        statement: Statement,
        query: impl Fn(&mut Connection, &Statement) -> Result<Vec<R>, DbErr> + Send + 'static,
    ) -> Result<Vec<R>, DbErr> {
        match self.run_inline(&statement, &query) {
            Some(result) => result,
            None => self.on_thread(move |connection| query(connection, &statement)).await,
        }
    }

    /// Runs a query on the calling thread. Returns `None` if it must run on a thread for blocking work.
    fn run_inline<R>(
        &self,
        statement: &Statement,
        query: impl Fn(&mut Connection, &Statement) -> Result<Vec<R>, DbErr>,
    ) -> Option<Result<Vec<R>, DbErr>> {
        let readers = &self.0.inline;
        let first = thread_number();
        let free = (0..readers.len()).find_map(|step| readers[(first + step) % readers.len()].try_lock());
        let mut slot = free?;
        let reader = slot.as_mut()?;
        // Usually empty, so that most queries need no lookup.
        if !reader.slow.is_empty()
            && let Some(skips) = reader.slow.get_mut(&statement.sql)
        {
            *skips -= 1;
            if *skips == 0 {
                reader.slow.remove(&statement.sql);
            }
            return None;
        }
        let start = Instant::now();
        let result = query(&mut reader.connection, statement);
        let interrupted = result.as_ref().is_err_and(is_interrupted);
        // Some statements, such as a COUNT of a whole table, cannot be interrupted.
        if interrupted || start.elapsed() > 4 * INLINE_LIMIT {
            if reader.slow.len() >= MAX_SLOW {
                reader.slow.clear();
            }
            reader.slow.insert(statement.sql.clone(), SKIPPED);
        }
        (!interrupted).then_some(result)
    }

    /// Runs `work` on a thread for blocking work with a connection. Its statement is interrupted when the caller is
    /// cancelled and after the maximum duration.
    pub async fn on_thread<T, F>(&self, work: F) -> Result<T, DbErr>
    where
        F: FnOnce(&mut Connection) -> Result<T, DbErr> + Send + 'static,
        T: Send + 'static,
    {
        let permit = self.0.permits.acquire(Origin::current().client(), ACQUIRE_TIMEOUT).await?;
        let readers = self.clone();
        run_blocking(move |mut cancellation| {
            let idle = readers.0.idle.lock().connections.pop();
            let mut connection = match idle {
                Some((connection, _)) => connection,
                None => readers.0.database.connect(Access::ReadOnly)?,
            };
            let (started, max_query) = (Instant::now(), readers.0.max_query);
            connection.interrupt_if(move || cancellation.is_cancelled() || started.elapsed() > max_query)?;
            let result = work(&mut connection);
            // After `close`, the connection is dropped.
            if !readers.0.permits.is_closed() {
                readers.add_idle(connection);
            }
            drop(permit);
            result
        })
        .await
    }

    fn add_idle(&self, connection: Connection) {
        let mut idle = self.0.idle.lock();
        idle.connections.push((connection, Instant::now()));
        if idle.is_closing {
            return;
        }
        idle.is_closing = true;
        // Without a reference, so that the last clone closes all connections.
        let readers = Arc::downgrade(&self.0);
        Handle::current().spawn(async move {
            loop {
                tokio::time::sleep(MAX_IDLE / 2).await;
                let Some(readers) = readers.upgrade().map(Readers) else { return };
                if readers.close_idle(Instant::now()).await == 0 {
                    return;
                }
            }
        });
    }

    /// Closes the connections that have been idle for a second. Returns the number of other idle connections. If it is 0,
    /// the caller must stop.
    pub(super) async fn close_idle(&self, now: Instant) -> usize {
        let (expired, rest) = {
            let mut idle = self.0.idle.lock();
            let is_expired = |(_, used): &mut (_, Instant)| now.saturating_duration_since(*used) >= MAX_IDLE;
            let expired: Vec<_> = idle.connections.extract_if(.., is_expired).collect();
            idle.is_closing = !idle.connections.is_empty();
            (expired, idle.connections.len())
        };
        // Closing a file may wait for the disk.
        let _ = tokio::task::spawn_blocking(move || drop(expired)).await;
        rest
    }

    /// Closes the connections, after the queries that are running.
    pub async fn close(&self) {
        self.0.permits.close().await;
        self.0.idle.lock().connections.clear();
        for reader in &self.0.inline {
            *reader.lock() = None;
        }
    }
}

/// Returns the number of this thread, so that a thread finds its pages in the cache of the connection that it used
/// before.
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: usize = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    NUMBER.with(|number| *number)
}

#[async_trait]
impl ConnectionTrait for Readers {
    fn get_database_backend(&self) -> DbBackend {
        DbBackend::Sqlite
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.on_thread(move |connection| connection.execute(&statement)).await.map(Into::into)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let sql = sql.to_owned();
        self.on_thread(move |connection| connection.execute_unprepared(&sql)).await.map(Into::into)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        Ok(self.query(statement, 1).await?.pop().map(Into::into))
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        Ok(self.query(statement, usize::MAX).await?.into_iter().map(Into::into).collect())
    }

    fn support_returning(&self) -> bool {
        true
    }
}
