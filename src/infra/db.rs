//! The database. `read` returns a connection for queries, `write` runs a closure in a transaction, `export`
//! streams whole tables.
//!
//! SQLite has connections that execute statements on the calling thread (`super::sqlite`) and one writer thread with
//! group commit (`super::writer`), PostgreSQL has a connection pool. Services see no difference. A commit also
//! increments collection versions, appends events and enqueues jobs (`super::transaction`).
use std::{
    collections::BTreeSet,
    future::Future,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use entity::collection;
use sea_orm::{
    ColumnTrait, ConnectOptions, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, EntityTrait,
    ExecResult, QueryFilter, QueryResult, QuerySelect, Statement, TransactionTrait,
    prelude::async_trait::async_trait,
    sqlx::{self, Executor, postgres::PgListener},
};
use tokio::{
    sync::{Mutex, Semaphore},
    time::{sleep, timeout},
};
use tracing::Instrument;
use uuid::Uuid;

use super::{
    audit_log::Origin,
    client_permits::{ClientPermit, ClientPermits, PermitLimits},
    db_error::custom_error,
    db_metrics::DbMetrics,
    event_log,
    export::{Export, ExportPermits, Source, TooManyExports},
    metrics::{Exposition, InProgress},
    notify::ChangeNotifier,
    private_files::{self, Private},
    query_log::{QueryObserver, observe},
    rows::{FetchRows, FromRow, decode_all},
    schema, sqlite,
    transaction::{self, OpenTransaction, already_ended},
    writer::Writer,
};

pub use super::transaction::Tx;

/// Maximum duration of a write transaction. It is rolled back afterwards, because others wait for its locks.
const MAX_DURATION: Duration = Duration::from_secs(30);

/// Connections to PostgreSQL, and how long a statement waits for one.
const POOL_SIZE: u32 = 20;
const POOL_TIMEOUT: Duration = Duration::from_secs(3);

/// Maximum duration of a query of a check. It reads whole tables.
const MAX_CHECK: Duration = Duration::from_secs(6 * 3600);

/// The interval at which caches look for the commits of other processes, and the timeout of the query for them. A commit
/// is found within the sum of both: one second.
pub const FOLLOW_INTERVAL: Duration = Duration::from_millis(500);

/// How long a transaction waits for the commits of other transactions of this process before it waits for their locks.
const COMMIT_WAIT: Duration = Duration::from_secs(1);

/// The time for which notifications of the database are collected before the query.
const COLLECT_TIME: Duration = Duration::from_millis(10);

#[derive(Clone)]
enum Backend {
    Sqlite { database: sqlite::Database, writer: Writer },
    Postgres(DatabaseConnection),
}

/// The connections for queries. On SQLite they are read-only.
#[derive(Clone)]
pub enum ReadConnection {
    Sqlite(sqlite::Readers),
    Postgres(PostgresReaders),
}

/// The connection pool, shared between the clients that read.
#[derive(Clone)]
pub struct PostgresReaders {
    pub pool: DatabaseConnection,
    permits: ClientPermits,
    metrics: Arc<DbMetrics>,
}

impl PostgresReaders {
    fn new(pool: DatabaseConnection, metrics: Arc<DbMetrics>) -> Self {
        // The pool limits the total. One client has at most half of it.
        let connections = POOL_SIZE as usize;
        let permits = ClientPermits::new(PermitLimits {
            running: Semaphore::MAX_PERMITS,
            running_per_client: connections / 2,
            accepted: usize::MAX,
            accepted_per_client: usize::MAX,
        });
        PostgresReaders { pool, permits, metrics }
    }

    /// Waits for a permit for a query. The query counts as an operation until it is dropped.
    async fn permit(&self) -> Result<(ClientPermit, InProgress<'_>), DbErr> {
        let operation = self.metrics.operations.enter();
        let permit = self.permits.acquire(Origin::current().client(), POOL_TIMEOUT).await?;
        Ok((permit, operation))
    }
}

/// Returns the path of the SQLite file that a URL names, without the parameters of the URL; `None` for PostgreSQL.
pub fn sqlite_path(url: &str) -> Option<&Path> {
    let path = url.strip_prefix("sqlite://")?;
    Some(Path::new(path.split_once('?').map_or(path, |(path, _)| path)))
}

/// A handle to the database. Clones share the connections.
#[derive(Clone)]
pub struct Db {
    backend: Backend,
    reader: ReadConnection,
    export_permits: ExportPermits,
    notifier: ChangeNotifier,
    /// Held from the first lock that all writers share until the commit, on PostgreSQL. Many transactions that wait for
    /// one row lock cost the database more than the writes: 85 % of the time of a create was this wait.
    commits: Arc<Mutex<()>>,
    metrics: Arc<DbMetrics>,
}

impl Db {
    /// Opens `sqlite://PATH` or `postgres://…`. A missing SQLite file is created.
    pub async fn open(url: &str) -> Result<Db, DbErr> {
        Db::open_observed(url, None).await
    }

    /// Opens an existing database for checks: does not create it, and does not change the permissions of its files. Its
    /// queries may take six hours.
    pub async fn open_existing(url: &str) -> Result<Db, DbErr> {
        let Some(path) = sqlite_path(url) else { return Db::postgres(url, None, MAX_CHECK).await };
        match path.is_file() {
            true => Db::sqlite_file(path, None, MAX_CHECK),
            false => Err(custom_error(&format!("there is no database {}", path.display()))),
        }
    }

    /// Opens the database with an observer of all statements.
    pub async fn open_observed(url: &str, observer: Option<QueryObserver>) -> Result<Db, DbErr> {
        match sqlite_path(url) {
            Some(path) => Db::sqlite(path, observer),
            None if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                Db::postgres(url, observer.as_ref(), sqlite::MAX_QUERY).await
            }
            None => Err(DbErr::Custom("database URL: must start with sqlite:// or postgres://".into())),
        }
    }

    fn sqlite(path: &Path, observer: Option<QueryObserver>) -> Result<Db, DbErr> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            private_files::create_folder(folder).map_err(|error| {
                DbErr::Custom(format!("cannot create the folder {}: {error}", folder.display()))
            })?;
        }
        private_files::create_file(path).map_err(|error| {
            DbErr::Custom(format!("cannot open the database {}: {error}", path.display()))
        })?;
        for suffix in ["", "-wal", "-shm"] {
            let file = format!("{}{suffix}", path.display());
            private_files::restrict(Path::new(&file), Private::File).map_err(DbErr::Custom)?;
        }
        Db::sqlite_file(path, observer, sqlite::MAX_QUERY)
    }

    fn sqlite_file(path: &Path, observer: Option<QueryObserver>, max_query: Duration) -> Result<Db, DbErr> {
        let database = sqlite::Database::new(path.into(), observer);
        let notifier = ChangeNotifier::default();
        // The writer is opened first, because it sets the journal mode of the file.
        let writer = Writer::start(database.clone(), MAX_DURATION, notifier.clone())?;
        let reader = ReadConnection::Sqlite(sqlite::Readers::open(database.clone(), max_query)?);
        let metrics = writer.metrics().clone();
        Ok(Db::with_backend(Backend::Sqlite { database, writer }, reader, notifier, metrics))
    }

    async fn postgres(url: &str, observer: Option<&QueryObserver>, max_query: Duration) -> Result<Db, DbErr> {
        let max_query = max_query.as_millis().to_string();
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(POOL_SIZE)
            .acquire_timeout(POOL_TIMEOUT)
            .test_before_acquire_if_idle_for(Duration::from_secs(30))
            .sqlx_logging(false)
            .map_sqlx_postgres_pool_opts(|pool| {
                pool.after_connect(|connection, _| {
                    Box::pin(async move { connection.execute(schema::LOCK_SHARED).await.map(drop) })
                })
            })
            .map_sqlx_postgres_opts(move |postgres| {
                postgres.application_name("tenon").options([
                    ("statement_timeout", max_query.as_str()),
                    ("lock_timeout", "2000"),
                    ("idle_in_transaction_session_timeout", "10000"),
                ])
            });
        let pool = observe(sea_orm::Database::connect(options).await?, observer);
        let metrics = Arc::<DbMetrics>::default();
        let reader = ReadConnection::Postgres(PostgresReaders::new(pool.clone(), metrics.clone()));
        Ok(Db::with_backend(Backend::Postgres(pool), reader, ChangeNotifier::default(), metrics))
    }

    fn with_backend(
        backend: Backend,
        reader: ReadConnection,
        notifier: ChangeNotifier,
        metrics: Arc<DbMetrics>,
    ) -> Db {
        let (export_permits, commits) = (ExportPermits::default(), Arc::default());
        Db { backend, reader, export_permits, notifier, commits, metrics }
    }

    /// Writes the metrics of the connections and of the commits.
    pub fn write_metrics(&self, out: &mut Exposition) {
        match (&self.backend, &self.reader) {
            (Backend::Sqlite { writer, .. }, ReadConnection::Sqlite(readers)) => {
                self.metrics.write_sqlite(out, &readers.pools(), writer);
            }
            (Backend::Postgres(pool), _) => self.metrics.write_postgres(out, pool),
            _ => {}
        }
    }

    /// Returns the notifier of commits of this process.
    pub fn notifier(&self) -> &ChangeNotifier {
        &self.notifier
    }

    /// Starts an export.
    ///
    /// # Errors
    ///
    /// [`TooManyExports`] if the caller or the service runs too many exports.
    pub fn export(&self, caller: Uuid) -> Result<Export, TooManyExports> {
        let permit = self.export_permits.acquire(caller)?;
        Ok(Export { source: self.source(), permit })
    }

    /// Returns the database for work that needs a connection of its own.
    pub(super) fn source(&self) -> Source {
        match &self.backend {
            Backend::Sqlite { database, .. } => Source::Sqlite(database.clone()),
            Backend::Postgres(pool) => Source::Postgres(pool.clone()),
        }
    }

    /// Returns the connection for queries. On SQLite it is read-only.
    pub fn read(&self) -> &ReadConnection {
        &self.reader
    }

    /// Runs `work` in a transaction and returns after its commit. An error or a panic in `work` rolls
    /// everything back.
    pub async fn write<T, E, F, Fut>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(Tx) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<DbErr> + Send + 'static,
    {
        match &self.backend {
            Backend::Sqlite { writer, .. } => writer.run(work).await,
            Backend::Postgres(pool) => {
                let metrics = self.metrics.clone();
                let waiting = self.metrics.operations.enter();
                let open = pool.begin().await?;
                drop(waiting);
                let (notifier, commits) = (self.notifier.clone(), self.commits.clone());
                // On a task of its own, as on SQLite: the transaction completes even if the caller is
                // cancelled because its client disconnects, and its future does not enlarge the future of the
                // caller.
                let run = async move {
                    let _operation = metrics.operations.enter();
                    let open = OpenTransaction::Postgres(open);
                    let (result, open, pending) =
                        transaction::run(open, MAX_DURATION, BTreeSet::new(), work).await;
                    // After this time, the row locks alone decide, with their own time limit.
                    let _commit = match &result {
                        Ok(_) => timeout(COMMIT_WAIT, commits.lock()).await.ok(),
                        Err(_) => None,
                    };
                    let result = match (result, &open) {
                        (Ok(value), Some(open)) => {
                            pending.write(open).await.map(|changes| (value, changes)).map_err(E::from)
                        }
                        (Ok(_), None) => Err(already_ended().into()),
                        (Err(error), _) => Err(error),
                    };
                    let committed = match open {
                        Some(OpenTransaction::Postgres(open)) if result.is_ok() => {
                            let start = Instant::now();
                            open.commit()
                                .await
                                .inspect(|()| metrics.commits.observe_duration(start.elapsed()))
                        }
                        Some(OpenTransaction::Postgres(open)) => open.rollback().await,
                        _ => Err(already_ended()),
                    };
                    let (value, changes) = result?;
                    notifier.notify(changes);
                    committed.map(|()| value).map_err(E::from)
                };
                tokio::spawn(Origin::current().scope(run).in_current_span())
                    .await
                    .unwrap_or_else(|_| Err(custom_error("the transaction was cancelled").into()))
            }
        }
    }

    /// Returns a number that changes whenever one of the collections changes: the sum of their versions. It
    /// is the version of caches and list ETags. Versions only increase, so the sum never repeats.
    pub async fn versions(&self, collections: &[&str]) -> Result<i64, DbErr> {
        let rows: Vec<i64> = collection::Entity::find()
            .select_only()
            .column(collection::Column::Version)
            .filter(collection::Column::Name.is_in(collections.iter().copied()))
            .into_tuple()
            .all(self.read())
            .await?;
        Ok(rows.into_iter().sum())
    }

    /// Finds the commits of other processes, and invalidates the caches that depend on the collections that they
    /// have changed: on PostgreSQL when the database notifies this process, and on both databases within twice
    /// [`FOLLOW_INTERVAL`]. While the database does not respond, all cached values are invalidated at this rate.
    pub async fn follow_commits(self) {
        let mut notifications = None;
        loop {
            if timeout(FOLLOW_INTERVAL, self.observe_versions()).await.is_ok_and(|result| result.is_ok()) {
                wait_for_notification(&mut notifications, &self.backend).await;
            } else {
                self.notifier.versions().increment_all();
                sleep(FOLLOW_INTERVAL).await;
            }
        }
    }

    async fn observe_versions(&self) -> Result<(), DbErr> {
        let rows = collection::Entity::find().all(self.read()).await?;
        self.notifier.versions().observe(rows.into_iter().map(|row| (row.name, row.version)));
        Ok(())
    }

    /// Waits until the storage of a SQLite database fails to read or to write. The process must be restarted then:
    /// all later writes fail.
    pub async fn storage_failure(&self) -> DbErr {
        match &self.backend {
            Backend::Sqlite { database, .. } => database.failure().wait().await,
            // The failures of its storage are those of the database server.
            Backend::Postgres(_) => std::future::pending().await,
        }
    }

    /// Checks that reads and writes succeed and that the schema is up to date.
    pub async fn ready(&self) -> Result<(), DbErr> {
        if let Backend::Sqlite { database, .. } = &self.backend {
            database.failure().check()?;
        }
        if !schema::applied(self.read()).await?.contains(&migration::newest()) {
            return Err(custom_error("the schema is not up to date"));
        }
        self.write(async move |tx: Tx| event_log::write_probe(&*tx).await).await
    }

    /// Closes all connections, after the queries and writes that are running.
    pub async fn close(self) -> Result<(), DbErr> {
        if let ReadConnection::Sqlite(readers) = &self.reader {
            readers.close().await;
        }
        match self.backend {
            // The last connection copies the write-ahead log into the file and deletes it.
            Backend::Sqlite { writer, .. } => writer.close().await,
            Backend::Postgres(pool) => pool.close().await?,
        }
        Ok(())
    }
}

#[async_trait]
impl ConnectionTrait for ReadConnection {
    fn get_database_backend(&self) -> DbBackend {
        match self {
            ReadConnection::Sqlite(_) => DbBackend::Sqlite,
            ReadConnection::Postgres(..) => DbBackend::Postgres,
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match self {
            ReadConnection::Sqlite(readers) => readers.execute_raw(statement).await,
            ReadConnection::Postgres(readers) => {
                let _permit = readers.permit().await?;
                readers.pool.execute_raw(statement).await
            }
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        match self {
            ReadConnection::Sqlite(readers) => readers.execute_unprepared(sql).await,
            ReadConnection::Postgres(readers) => {
                let _permit = readers.permit().await?;
                readers.pool.execute_unprepared(sql).await
            }
        }
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match self {
            ReadConnection::Sqlite(readers) => readers.query_one_raw(statement).await,
            ReadConnection::Postgres(readers) => {
                let _permit = readers.permit().await?;
                readers.pool.query_one_raw(statement).await
            }
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match self {
            ReadConnection::Sqlite(readers) => readers.query_all_raw(statement).await,
            ReadConnection::Postgres(readers) => {
                let _permit = readers.permit().await?;
                readers.pool.query_all_raw(statement).await
            }
        }
    }
}

impl FetchRows for ReadConnection {
    async fn fetch_rows<R: FromRow + Send + 'static>(&self, query: Statement) -> Result<Vec<R>, DbErr> {
        match self {
            ReadConnection::Sqlite(readers) => readers.fetch(query).await,
            ReadConnection::Postgres(_) => decode_all(&self.query_all_raw(query).await?),
        }
    }
}

/// Waits for a notification of the database, for at most [`FOLLOW_INTERVAL`].
async fn wait_for_notification(listener: &mut Option<PgListener>, backend: &Backend) {
    let Backend::Postgres(pool) = backend else { return sleep(FOLLOW_INTERVAL).await };
    if listener.is_none() {
        *listener = timeout(FOLLOW_INTERVAL, subscribe(pool)).await.ok().and_then(Result::ok);
    }
    let Some(open) = listener else { return sleep(FOLLOW_INTERVAL).await };
    match timeout(FOLLOW_INTERVAL, open.recv()).await {
        Ok(Ok(_)) => {
            // One query for all commits of this time.
            sleep(COLLECT_TIME).await;
            while open.next_buffered().is_some() {}
        }
        // The next call subscribes again.
        Ok(Err(_)) => *listener = None,
        Err(_) => {}
    }
}

/// Subscribes to the notifications of the trigger on the table `collections`.
async fn subscribe(pool: &DatabaseConnection) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool.get_postgres_connection_pool()).await?;
    listener.listen("tenon_collections").await?;
    Ok(listener)
}
