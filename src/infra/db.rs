//! The database. `read` returns a connection for queries, `write` runs a closure in a transaction, `export`
//! streams whole tables.
//!
//! SQLite has connections that execute statements on the calling thread (`super::sqlite`) and one writer thread with
//! group commit (`super::writer`), PostgreSQL has a connection pool. Services see no difference. A commit also
//! increments collection versions, appends events and enqueues jobs (`super::transaction`).
use std::{collections::BTreeSet, future::Future, path::Path, time::Duration};

use entity::collection;
use migration::{Migrator, MigratorTrait};
use sea_orm::{
    ColumnTrait, ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseExecutor, DatabaseTransaction,
    DbBackend, DbErr, EntityTrait, ExecResult, QueryFilter, QueryResult, QuerySelect, Statement,
    TransactionTrait,
    prelude::async_trait::async_trait,
    sqlx::{self, postgres::PgListener},
};
use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};
use tracing::Instrument;
use uuid::Uuid;

use super::{
    audit_log::Origin,
    client_permits::{ClientPermit, ClientPermits, Shares},
    db_error::custom_error,
    event_log,
    export::{Export, ExportPermits, Source, TooManyExports},
    notify::ChangeNotifier,
    private_files::{self, Private},
    query_log::{QueryObserver, observe},
    rows::{FetchRows, FromRow, decode_all},
    sqlite,
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

/// The time for which notifications of the database are collected before the query.
const COLLECT_TIME: Duration = Duration::from_millis(10);

/// Migrations may run for any time, and wait for the advisory lock of another process that migrates.
const MIGRATION_SETUP: &str = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0;
    SELECT pg_advisory_xact_lock(hashtext('tenon schema'))";

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
}

impl PostgresReaders {
    fn new(pool: DatabaseConnection) -> Self {
        // The pool limits the total. One client has at most half of it.
        let connections = POOL_SIZE as usize;
        let permits = ClientPermits::new(Shares {
            running: Semaphore::MAX_PERMITS,
            running_per_client: connections / 2,
            accepted: usize::MAX,
            accepted_per_client: usize::MAX,
        });
        PostgresReaders { pool, permits }
    }

    async fn permit(&self) -> Result<ClientPermit, DbErr> {
        self.permits.acquire(Origin::current().client(), POOL_TIMEOUT).await
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
        Ok(Db::with_backend(Backend::Sqlite { database, writer }, reader, notifier))
    }

    async fn postgres(url: &str, observer: Option<&QueryObserver>, max_query: Duration) -> Result<Db, DbErr> {
        let max_query = max_query.as_millis().to_string();
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(POOL_SIZE)
            .acquire_timeout(POOL_TIMEOUT)
            .test_before_acquire_if_idle_for(Duration::from_secs(30))
            .sqlx_logging(false)
            .map_sqlx_postgres_opts(move |postgres| {
                postgres.application_name("tenon").options([
                    ("statement_timeout", max_query.as_str()),
                    ("lock_timeout", "2000"),
                    ("idle_in_transaction_session_timeout", "10000"),
                ])
            });
        let pool = observe(sea_orm::Database::connect(options).await?, observer);
        let reader = ReadConnection::Postgres(PostgresReaders::new(pool.clone()));
        Ok(Db::with_backend(Backend::Postgres(pool), reader, ChangeNotifier::default()))
    }

    fn with_backend(backend: Backend, reader: ReadConnection, notifier: ChangeNotifier) -> Db {
        Db { backend, reader, export_permits: ExportPermits::default(), notifier }
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
                let open = pool.begin().await?;
                // On a task of its own, as on SQLite: the transaction completes even if the caller is
                // cancelled because its client disconnects, and its future does not enlarge the future of the
                // caller.
                let notifier = self.notifier.clone();
                let run = async move {
                    let open = OpenTransaction::Postgres(open);
                    let (result, open, pending) =
                        transaction::run(open, MAX_DURATION, BTreeSet::new(), work).await;
                    let result = match (result, &open) {
                        (Ok(value), Some(open)) => {
                            pending.write(open).await.map(|changes| (value, changes)).map_err(E::from)
                        }
                        (Ok(_), None) => Err(already_ended().into()),
                        (Err(error), _) => Err(error),
                    };
                    let committed = match open {
                        Some(OpenTransaction::Postgres(open)) if result.is_ok() => open.commit().await,
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

    /// Applies all pending migrations.
    ///
    /// # Errors
    ///
    /// If the database has a migration that this program does not have.
    pub async fn migrate(&self) -> Result<(), DbErr> {
        let migration = self.begin_migration().await?;
        Migrator::up(migration.connection(), None).await?;
        migration.commit().await
    }

    /// Reverts the last `steps` migrations, and deletes the data in them.
    pub async fn rollback(&self, steps: u32) -> Result<(), DbErr> {
        let migration = self.begin_migration().await?;
        Migrator::down(migration.connection(), Some(steps)).await?;
        migration.commit().await
    }

    /// Begins a transaction for migrations. They are applied all or none, and by one process at a time: SQLite has
    /// its write lock, PostgreSQL an advisory lock.
    async fn begin_migration(&self) -> Result<Migration, DbErr> {
        let migration = match &self.backend {
            Backend::Sqlite { database, .. } => {
                let connection = database.connect(sqlite::Access::ReadWrite)?;
                let connection = sqlite::SharedConnection::new(connection);
                connection.with(|connection| connection.control(sqlite::BEGIN))?;
                Migration::Sqlite { proxy: connection.proxy()?, connection }
            }
            Backend::Postgres(pool) => {
                let tx = pool.begin().await?;
                tx.execute_unprepared(MIGRATION_SETUP).await?;
                Migration::Postgres(tx)
            }
        };
        let known: Vec<String> = Migrator::migrations().iter().map(|step| step.name().to_owned()).collect();
        let applied = match &migration {
            Migration::Sqlite { connection, .. } => applied(connection).await?,
            Migration::Postgres(tx) => applied(tx).await?,
        };
        match applied.into_iter().find(|step| !known.contains(step)) {
            Some(step) => Err(custom_error(&format!(
                "the database has the migration {step} of a newer program: use that program"
            ))),
            None => Ok(migration),
        }
    }

    /// Returns each migration and whether it is applied.
    pub async fn migrations(&self) -> Result<Vec<(String, bool)>, DbErr> {
        let applied: Vec<String> = applied(self.read()).await?;
        let steps = Migrator::migrations().into_iter().map(|step| {
            let name = step.name().to_owned();
            let is_applied = applied.contains(&name);
            (name, is_applied)
        });
        Ok(steps.collect())
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
        if !applied(self.read()).await?.contains(&migration::newest()) {
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
            ReadConnection::Postgres(_) => DbBackend::Postgres,
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

/// An open transaction for migrations. It is rolled back when it is dropped.
enum Migration {
    /// A connection of its own, and the same connection as the migrator requires it.
    Sqlite {
        connection: sqlite::SharedConnection,
        proxy: DatabaseConnection,
    },
    Postgres(DatabaseTransaction),
}

impl Migration {
    fn connection(&self) -> DatabaseExecutor<'_> {
        match self {
            Migration::Sqlite { proxy, .. } => DatabaseExecutor::Connection(proxy),
            Migration::Postgres(tx) => DatabaseExecutor::Transaction(tx),
        }
    }

    async fn commit(self) -> Result<(), DbErr> {
        match self {
            Migration::Sqlite { connection, .. } => {
                connection.with(|connection| connection.control("COMMIT"))
            }
            Migration::Postgres(tx) => tx.commit().await,
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

/// Returns the names of the applied migrations.
async fn applied(connection: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    let backend = connection.get_database_backend();
    let table = match backend {
        DbBackend::Sqlite => "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'seaql_migrations'",
        _ => "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'seaql_migrations'",
    };
    if connection.query_one_raw(Statement::from_string(backend, table)).await?.is_none() {
        return Ok(Vec::new());
    }
    let rows =
        connection.query_all_raw(Statement::from_string(backend, "SELECT version FROM seaql_migrations"));
    rows.await?.iter().map(|row| row.try_get("", "version")).collect()
}
