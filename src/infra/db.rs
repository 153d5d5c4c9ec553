//! The database. `read` returns a connection for queries, `write` runs a closure in a transaction, `export`
//! streams whole tables.
//!
//! SQLite has one writer task with group commit (`super::writer`), PostgreSQL a connection pool. Services
//! see no difference. A commit also increments collection versions, appends events and enqueues jobs
//! (`super::transaction`).
use std::{
    fs::{DirBuilder, OpenOptions},
    future::Future,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    time::Duration,
};

use entity::collection;
use migration::{Migrator, MigratorTrait};
use sea_orm::{
    ColumnTrait, ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbErr,
    EntityTrait, QueryFilter, QuerySelect, TransactionTrait,
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};
use tracing::Instrument;
use uuid::Uuid;

use super::{
    export::{Export, ExportPermits, MAX_EXPORTS, TooManyExports},
    notify::ChangeNotifier,
    query_log::{QueryObserver, observe},
    transaction::{self, custom_error},
    writer::{Writer, immediate},
};

pub use super::transaction::Tx;

/// Maximum duration of a write transaction. It is rolled back afterwards, because others wait for its locks.
const MAX_DURATION: Duration = Duration::from_secs(30);

/// Migrations may run for any time, and wait for the advisory lock of another process that migrates.
const MIGRATION_SETUP: &str = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0;
    SELECT pg_advisory_xact_lock(hashtext('tenon schema'))";

#[derive(Clone)]
enum Backend {
    /// One writer with group commit, and a pool of read-only connections.
    Sqlite {
        readers: DatabaseConnection,
        /// Exports have connections of their own, because they are slow and would exhaust the pool of the
        /// readers.
        exports: DatabaseConnection,
        writer: Writer,
    },
    Postgres(DatabaseConnection),
}

/// A handle to the database. Clones share the connections.
#[derive(Clone)]
pub struct Db {
    backend: Backend,
    export_permits: ExportPermits,
    notifier: ChangeNotifier,
}

impl Db {
    /// Opens `sqlite://PATH` or `postgres://…`. A missing SQLite file is created.
    pub async fn open(url: &str) -> Result<Db, DbErr> {
        Db::open_observed(url, None).await
    }

    /// Opens the database with an observer of all statements.
    pub async fn open_observed(url: &str, observer: Option<QueryObserver>) -> Result<Db, DbErr> {
        match url.strip_prefix("sqlite://") {
            Some(path) => Db::sqlite(path, observer.as_ref()).await,
            None if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                Db::postgres(url, observer.as_ref()).await
            }
            None => Err(DbErr::Custom("database URL: must start with sqlite:// or postgres://".into())),
        }
    }

    async fn sqlite(path: &str, observer: Option<&QueryObserver>) -> Result<Db, DbErr> {
        let path = path.split('?').next().unwrap_or_default();
        if let Some(folder) = Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty()) {
            create_private_folder(folder).map_err(|error| {
                DbErr::Custom(format!("cannot create the folder {}: {error}", folder.display()))
            })?;
        }
        create_private_file(path)
            .map_err(|error| DbErr::Custom(format!("cannot open the database {path}: {error}")))?;
        let options = |connections: u32, read_only: bool| {
            // A path in the URL would be percent-decoded, so it is set separately.
            let path = path.to_owned();
            let mut options = ConnectOptions::new("sqlite://tenon.db");
            options
                .max_connections(connections)
                .min_connections(1)
                .acquire_timeout(Duration::from_secs(10))
                .test_before_acquire(false)
                .sqlx_logging(false)
                .map_sqlx_sqlite_opts(move |sqlite| {
                    sqlite
                        .filename(&path)
                        .create_if_missing(true)
                        .journal_mode(SqliteJournalMode::Wal)
                        .synchronous(SqliteSynchronous::Full)
                        .foreign_keys(true)
                        .busy_timeout(Duration::from_secs(5))
                        .pragma("trusted_schema", "OFF")
                        .pragma("journal_size_limit", "67108864")
                        .pragma("cache_size", "-16000")
                        .pragma("query_only", if read_only { "ON" } else { "OFF" })
                        .statement_cache_capacity(256)
                });
            options
        };
        let writer = observe(Database::connect(options(1, false)).await?, observer);
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get) as u32;
        let readers = observe(Database::connect(options(cores * 2, true)).await?, observer);
        let exports = observe(Database::connect(options(MAX_EXPORTS as u32, true)).await?, observer);
        let notifier = ChangeNotifier::default();
        let writer = Writer::start(writer, MAX_DURATION, notifier.clone());
        Ok(Db::with_backend(Backend::Sqlite { readers, exports, writer }, notifier))
    }

    async fn postgres(url: &str, observer: Option<&QueryObserver>) -> Result<Db, DbErr> {
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(20)
            .acquire_timeout(Duration::from_secs(3))
            .test_before_acquire_if_idle_for(Duration::from_secs(30))
            .sqlx_logging(false)
            .map_sqlx_postgres_opts(|postgres| {
                postgres.application_name("tenon").options([
                    ("statement_timeout", "5000"),
                    ("lock_timeout", "2000"),
                    ("idle_in_transaction_session_timeout", "10000"),
                ])
            });
        let pool = observe(Database::connect(options).await?, observer);
        Ok(Db::with_backend(Backend::Postgres(pool), ChangeNotifier::default()))
    }

    fn with_backend(backend: Backend, notifier: ChangeNotifier) -> Db {
        Db { backend, export_permits: ExportPermits::default(), notifier }
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
        let connection = match &self.backend {
            Backend::Sqlite { exports, .. } => exports.clone(),
            Backend::Postgres(pool) => pool.clone(),
        };
        let permit = self.export_permits.acquire(caller)?;
        Ok(Export { connection, permit })
    }

    /// Returns the connection for queries. On SQLite it is read-only.
    pub fn read(&self) -> &DatabaseConnection {
        match &self.backend {
            Backend::Sqlite { readers, .. } => readers,
            Backend::Postgres(pool) => pool,
        }
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
                    let (result, open, changes) = transaction::run(open, MAX_DURATION, work).await;
                    let committed = transaction::finish(open, result.is_ok()).await;
                    if committed.is_ok() {
                        notifier.notify(changes);
                    }
                    result.and_then(|value| committed.map(|()| value).map_err(E::from))
                };
                tokio::spawn(run.in_current_span())
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

    /// Applies all pending migrations.
    ///
    /// # Errors
    ///
    /// If the database has a migration that this program does not have.
    pub async fn migrate(&self) -> Result<(), DbErr> {
        let tx = self.migration_transaction().await?;
        Migrator::up(&tx, None).await?;
        tx.commit().await
    }

    /// Reverts the last `steps` migrations, and deletes the data in them.
    pub async fn rollback(&self, steps: u32) -> Result<(), DbErr> {
        let tx = self.migration_transaction().await?;
        Migrator::down(&tx, Some(steps)).await?;
        tx.commit().await
    }

    /// Begins a transaction for migrations. They are applied all or none, and by one process at a time:
    /// SQLite has its write lock, PostgreSQL an advisory lock.
    async fn migration_transaction(&self) -> Result<DatabaseTransaction, DbErr> {
        let tx = match &self.backend {
            Backend::Sqlite { writer, .. } => writer.connection().begin_with_options(immediate()).await?,
            Backend::Postgres(pool) => {
                let tx = pool.begin().await?;
                tx.execute_unprepared(MIGRATION_SETUP).await?;
                tx
            }
        };
        let known: Vec<String> = Migrator::migrations().iter().map(|step| step.name().to_owned()).collect();
        match applied(&tx).await?.into_iter().find(|step| !known.contains(step)) {
            Some(step) => Err(custom_error(&format!(
                "the database has the migration {step} of a newer program: use that program"
            ))),
            None => Ok(tx),
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

    /// Checks that reads and writes succeed and that the schema is up to date.
    pub async fn ready(&self) -> Result<(), DbErr> {
        if !applied(self.read()).await?.contains(&migration::newest()) {
            return Err(custom_error("the schema is not up to date"));
        }
        self.write(async move |tx: Tx| tx.execute_unprepared("SELECT 1").await.map(|_| ())).await
    }

    pub async fn close(self) -> Result<(), DbErr> {
        match self.backend {
            Backend::Sqlite { readers, exports, writer } => {
                readers.close().await?;
                exports.close().await?;
                writer.connection().clone().close().await
            }
            Backend::Postgres(pool) => pool.close().await,
        }
    }
}

/// Creates the database file with mode 0600, because it contains the signing keys of tokens. SQLite gives its
/// other files the same mode.
fn create_private_file(path: &str) -> std::io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map(|_| ())
}

fn create_private_folder(folder: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Returns the names of the applied migrations.
async fn applied<'c, C>(connection: &'c C) -> Result<Vec<String>, DbErr>
where
    C: ConnectionTrait,
    &'c C: migration::IntoSchemaManagerConnection<'c>,
{
    let manager = migration::SchemaManager::new(connection);
    if !manager.has_table("seaql_migrations").await? {
        return Ok(Vec::new());
    }
    let rows = connection.query_all_raw(sea_orm::Statement::from_string(
        connection.get_database_backend(),
        "SELECT version FROM seaql_migrations",
    ));
    rows.await?.iter().map(|row| row.try_get("", "version")).collect()
}
