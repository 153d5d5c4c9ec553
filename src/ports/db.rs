//! The database behind two doors: `read` gives a connection for looking, `write` runs a piece of work in
//! the writer's transaction. Group commit, versions and replicas live behind them, and no service knows.
use std::{future::Future, ops::Deref, path::Path, sync::Arc, time::Duration};

use entity::collection;
use migration::{Migrator, MigratorTrait};
use sea_orm::{
    ColumnTrait, ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbErr,
    EntityTrait, QueryFilter, QuerySelect, Set, TransactionTrait,
    sea_query::{Expr, ExprTrait, OnConflict},
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};

use super::writer::Writer;

/// A transaction, held by the piece of work that runs in it. It ends when the work does.
#[derive(Clone)]
pub struct Tx(pub(super) Arc<DatabaseTransaction>);

impl Deref for Tx {
    type Target = DatabaseTransaction;
    fn deref(&self) -> &DatabaseTransaction {
        &self.0
    }
}

impl Tx {
    /// Says that a collection has changed; whoever caches its lists sees another version after the commit.
    pub async fn touch(&self, collection: &'static str) -> Result<(), DbErr> {
        let row = collection::ActiveModel { name: Set(collection.to_owned()), version: Set(1) };
        let next = Expr::col((collection::Entity, collection::Column::Version)).add(1);
        let bump =
            OnConflict::column(collection::Column::Name).value(collection::Column::Version, next).to_owned();
        collection::Entity::insert(row).on_conflict(bump).exec_without_returning(&**self).await?;
        Ok(())
    }
}

#[derive(Clone)]
enum Doors {
    /// One writer that commits what waits together, and readers beside it.
    Sqlite {
        readers: DatabaseConnection,
        writer: Writer,
    },
    Postgres(DatabaseConnection),
}

/// The database.
#[derive(Clone)]
pub struct Db(Doors);

impl Db {
    /// Opens `sqlite://PATH` or `postgres://…`; a SQLite file is made if it is not there.
    pub async fn open(url: &str) -> Result<Db, DbErr> {
        match url.strip_prefix("sqlite://") {
            Some(path) => Db::sqlite(path).await,
            None if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                Db::postgres(url).await
            }
            None => Err(DbErr::Custom("a database URL starts with sqlite:// or postgres://".into())),
        }
    }

    async fn sqlite(path: &str) -> Result<Db, DbErr> {
        let path = path.split('?').next().unwrap_or_default();
        if let Some(folder) = Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|error| {
                DbErr::Custom(format!("cannot make the folder {}: {error}", folder.display()))
            })?;
        }
        let options = |connections: u32, reads: bool| {
            let mut options = ConnectOptions::new(format!("sqlite://{path}?mode=rwc"));
            options
                .max_connections(connections)
                .min_connections(1)
                .acquire_timeout(Duration::from_secs(10))
                .test_before_acquire(false)
                .sqlx_logging(false)
                .map_sqlx_sqlite_opts(move |sqlite| {
                    sqlite
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
        let writer = Database::connect(options(1, false)).await?;
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get) as u32;
        let readers = Database::connect(options(cores * 2, true)).await?;
        Ok(Db(Doors::Sqlite { readers, writer: Writer::start(writer) }))
    }

    async fn postgres(url: &str) -> Result<Db, DbErr> {
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
        Ok(Db(Doors::Postgres(Database::connect(options).await?)))
    }

    /// The door for looking.
    pub fn read(&self) -> &DatabaseConnection {
        match &self.0 {
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
        match &self.0 {
            Doors::Sqlite { writer, .. } => writer.run(work).await,
            Doors::Postgres(pool) => {
                let tx = Tx(Arc::new(pool.begin().await?));
                let done = work(tx.clone()).await;
                let Ok(tx) = Arc::try_unwrap(tx.0) else {
                    return Err(DbErr::Custom("a transaction outlived its work".into()).into());
                };
                match done {
                    Ok(value) => tx.commit().await.map(|()| value).map_err(E::from),
                    Err(error) => {
                        tx.rollback().await?;
                        Err(error)
                    }
                }
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
        match &self.0 {
            Doors::Sqlite { writer, .. } => up(writer.connection()).await,
            Doors::Postgres(pool) => up(pool).await,
        }
    }

    /// Takes the last `steps` steps of the schema back, with everything in them.
    pub async fn rollback(&self, steps: u32) -> Result<(), DbErr> {
        match &self.0 {
            Doors::Sqlite { writer, .. } => Migrator::down(writer.connection(), Some(steps)).await,
            Doors::Postgres(pool) => Migrator::down(pool, Some(steps)).await,
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

    /// Whether the database answers and has the schema of this program.
    pub async fn ready(&self) -> Result<(), DbErr> {
        let applied = applied(self.read()).await?;
        match applied.contains(&migration::newest()) {
            true => Ok(()),
            false => Err(DbErr::Custom("the schema is not up to date".into())),
        }
    }

    pub async fn close(self) -> Result<(), DbErr> {
        match self.0 {
            Doors::Sqlite { readers, writer } => {
                readers.close().await?;
                writer.connection().clone().close().await
            }
            Doors::Postgres(pool) => pool.close().await,
        }
    }
}

async fn up(connection: &DatabaseConnection) -> Result<(), DbErr> {
    let known: Vec<String> = Migrator::migrations().iter().map(|step| step.name().to_owned()).collect();
    if let Some(stranger) = applied(connection).await?.into_iter().find(|step| !known.contains(step)) {
        return Err(DbErr::Custom(format!(
            "the database has the step {stranger} of a newer program: use that program"
        )));
    }
    Migrator::up(connection, None).await
}

async fn applied(connection: &DatabaseConnection) -> Result<Vec<String>, DbErr> {
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
