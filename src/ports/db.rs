//! The database behind its doors: `read` gives a connection for looking, `write` runs a piece of work in
//! the writer's transaction, `export` reads everything. Group commit, versions and replicas live behind them, and no service knows.
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
    export::{Export, Full, PLACES, Places},
    news::News,
    statements::{Watch, watched},
    transaction::{self, broken},
    writer::{Writer, immediate},
};

pub use super::transaction::Tx;

/// A piece of work that takes longer is given up: others wait for its locks.
const LONGEST: Duration = Duration::from_secs(30);

/// Steps may take their time, also in waiting for another program that takes them.
const ALONE: &str = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0;
    SELECT pg_advisory_xact_lock(hashtext('tenon schema'))";

#[derive(Clone)]
enum Doors {
    /// One writer that commits what waits together, and readers beside it.
    Sqlite {
        readers: DatabaseConnection,
        /// Exports take their time: they shall not take the readers' connections too.
        exports: DatabaseConnection,
        writer: Writer,
    },
    Postgres(DatabaseConnection),
}

/// The database.
#[derive(Clone)]
pub struct Db {
    doors: Doors,
    exporting: Places,
    news: News,
}

impl Db {
    /// Opens `sqlite://PATH` or `postgres://…`; a SQLite file is made if it is not there.
    pub async fn open(url: &str) -> Result<Db, DbErr> {
        Db::watched(url, None).await
    }

    /// The same, with somebody who is told of every statement.
    pub async fn watched(url: &str, watch: Option<Watch>) -> Result<Db, DbErr> {
        match url.strip_prefix("sqlite://") {
            Some(path) => Db::sqlite(path, watch.as_ref()).await,
            None if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                Db::postgres(url, watch.as_ref()).await
            }
            None => Err(DbErr::Custom("a database URL starts with sqlite:// or postgres://".into())),
        }
    }

    async fn sqlite(path: &str, watch: Option<&Watch>) -> Result<Db, DbErr> {
        let path = path.split('?').next().unwrap_or_default();
        if let Some(folder) = Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty()) {
            folder_for_us(folder).map_err(|error| {
                DbErr::Custom(format!("cannot make the folder {}: {error}", folder.display()))
            })?;
        }
        file_for_us(path)
            .map_err(|error| DbErr::Custom(format!("cannot open the database {path}: {error}")))?;
        let options = |connections: u32, reads: bool| {
            // A URL would have its percent signs decoded: the path is given as it is.
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
                        .pragma("query_only", if reads { "ON" } else { "OFF" })
                        .statement_cache_capacity(256)
                });
            options
        };
        let writer = watched(Database::connect(options(1, false)).await?, watch);
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get) as u32;
        let readers = watched(Database::connect(options(cores * 2, true)).await?, watch);
        let exports = watched(Database::connect(options(PLACES as u32, true)).await?, watch);
        let news = News::default();
        let writer = Writer::start(writer, LONGEST, news.clone());
        Ok(Db::behind(Doors::Sqlite { readers, exports, writer }, news))
    }

    async fn postgres(url: &str, watch: Option<&Watch>) -> Result<Db, DbErr> {
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
        let pool = watched(Database::connect(options).await?, watch);
        Ok(Db::behind(Doors::Postgres(pool), News::default()))
    }

    fn behind(doors: Doors, news: News) -> Db {
        Db { doors, exporting: Places::default(), news }
    }

    /// What commits of this process bring.
    pub fn news(&self) -> &News {
        &self.news
    }

    /// The door for reading everything, as far as there is place for this caller.
    pub fn export(&self, caller: Uuid) -> Result<Export, Full> {
        let connection = match &self.doors {
            Doors::Sqlite { exports, .. } => exports.clone(),
            Doors::Postgres(pool) => pool.clone(),
        };
        let place = self.exporting.take(caller)?;
        Ok(Export { connection, place })
    }

    /// The door for looking.
    pub fn read(&self) -> &DatabaseConnection {
        match &self.doors {
            Doors::Sqlite { readers, .. } => readers,
            Doors::Postgres(pool) => pool,
        }
    }

    /// The door for changing: runs `work` in a transaction and answers after its commit. A failing work
    /// leaves nothing behind.
    pub async fn write<T, E, F, Fut>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(Tx) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<DbErr> + Send + 'static,
    {
        match &self.doors {
            Doors::Sqlite { writer, .. } => writer.run(work).await,
            Doors::Postgres(pool) => {
                let open = pool.begin().await?;
                // As on SQLite: on a stack of its own, and to its end also when whoever asked has gone.
                let news = self.news.clone();
                let run = async move {
                    let (done, open, stir) = transaction::run(open, LONGEST, work).await;
                    let ended = transaction::end(open, done.is_ok()).await;
                    if ended.is_ok() {
                        news.tell(stir);
                    }
                    done.and_then(|value| ended.map(|()| value).map_err(E::from))
                };
                tokio::spawn(run.in_current_span())
                    .await
                    .unwrap_or_else(|_| Err(broken("the work was stopped").into()))
            }
        }
    }

    /// One number that changes whenever one of the collections does.
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

    /// Brings the schema up to date; refuses a database that a newer program has changed.
    pub async fn migrate(&self) -> Result<(), DbErr> {
        let alone = self.alone().await?;
        Migrator::up(&alone, None).await?;
        alone.commit().await
    }

    /// Takes the last `steps` steps of the schema back, with everything in them.
    pub async fn rollback(&self, steps: u32) -> Result<(), DbErr> {
        let alone = self.alone().await?;
        Migrator::down(&alone, Some(steps)).await?;
        alone.commit().await
    }

    /// A transaction for the schema, which is changed as a whole or not at all, and by one program at a time.
    async fn alone(&self) -> Result<DatabaseTransaction, DbErr> {
        let alone = match &self.doors {
            Doors::Sqlite { writer, .. } => writer.connection().begin_with_options(immediate()).await?,
            Doors::Postgres(pool) => {
                let alone = pool.begin().await?;
                alone.execute_unprepared(ALONE).await?;
                alone
            }
        };
        let known: Vec<String> = Migrator::migrations().iter().map(|step| step.name().to_owned()).collect();
        match applied(&alone).await?.into_iter().find(|step| !known.contains(step)) {
            Some(step) => {
                Err(broken(&format!("the database has the step {step} of a newer program: use that program")))
            }
            None => Ok(alone),
        }
    }

    /// Each step of the schema, and whether it is taken.
    pub async fn steps(&self) -> Result<Vec<(String, bool)>, DbErr> {
        let applied: Vec<String> = applied(self.read()).await?;
        let steps = Migrator::migrations().into_iter().map(|step| {
            let name = step.name().to_owned();
            let taken = applied.contains(&name);
            (name, taken)
        });
        Ok(steps.collect())
    }

    /// Whether both doors open and the schema is this program's.
    pub async fn ready(&self) -> Result<(), DbErr> {
        if !applied(self.read()).await?.contains(&migration::newest()) {
            return Err(broken("the schema is not up to date"));
        }
        self.write(async move |tx: Tx| tx.execute_unprepared("SELECT 1").await.map(|_| ())).await
    }

    pub async fn close(self) -> Result<(), DbErr> {
        match self.doors {
            Doors::Sqlite { readers, exports, writer } => {
                readers.close().await?;
                exports.close().await?;
                writer.connection().clone().close().await
            }
            Doors::Postgres(pool) => pool.close().await,
        }
    }
}

/// The database holds the keys that tokens are signed with: nobody else on the machine may read it. SQLite
/// gives its other files the mode of this one.
fn file_for_us(path: &str) -> std::io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map(|_| ())
}

fn folder_for_us(folder: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

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
