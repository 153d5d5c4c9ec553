//! Migrations of the database schema. They are applied all or none, and by one process at a time: SQLite has its write lock,
//! PostgreSQL an advisory lock.
use std::{collections::BTreeSet, fmt, time::Duration};

use migration::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseExecutor, DatabaseTransaction, DbBackend,
    DbErr, QueryResult, Statement, TransactionTrait,
};

use super::{
    db::{Db, sqlite_path},
    db_error::custom_error,
    export::Source,
    sqlite::{self, Database},
};

/// Each connection of a pool holds this lock until it is closed, so that a migration is not reverted while a process uses
/// the tables. SQLite has the same lock on its file.
pub(super) const LOCK_SHARED: &str = "SELECT pg_advisory_lock_shared(hashtext('tenon service'))";

const LOCK_EXCLUSIVELY: &str = "SELECT pg_try_advisory_xact_lock(hashtext('tenon service')) AS locked";

/// Migrations may run for any time, and wait for the advisory lock of another process that migrates.
const SETUP: &str = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0;
    SELECT pg_advisory_xact_lock(hashtext('tenon schema'))";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

impl Db {
    /// Applies all pending migrations.
    ///
    /// # Errors
    ///
    /// If the database has a migration that this program does not have.
    pub async fn migrate(&self) -> Result<(), DbErr> {
        let migration = Migration::begin(self.source()).await?;
        let applied = migration.applied().await?;
        if Migrator::migrations().iter().all(|step| applied.iter().any(|name| name == step.name())) {
            return Ok(());
        }
        Migrator::up(migration.executor(), None).await?;
        migration.commit().await
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
}

/// The schema of a database that no other process has open. Its transaction is rolled back on drop.
pub struct ExclusiveSchema(Migration);

/// A migration that is reverted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reversal {
    pub name: String,
    /// The tables and columns that are dropped.
    pub losses: Vec<Loss>,
}

/// A table or a column that is dropped, and the number of its rows or values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    pub table: String,
    /// `None` for the whole table.
    pub column: Option<String>,
    pub rows: i64,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Loss { table, column, rows } = self;
        let noun = if *rows == 1 { "row" } else { "rows" };
        match column {
            None => write!(f, "table {table} ({rows} {noun})"),
            Some(column) => write!(f, "column {table}.{column} ({rows} {noun})"),
        }
    }
}

impl ExclusiveSchema {
    /// Locks an existing database. Returns `None` if another process has it open.
    ///
    /// # Errors
    ///
    /// If the database has a migration that this program does not have.
    pub async fn lock(url: &str) -> Result<Option<Self>, DbErr> {
        let migration = match sqlite_path(url) {
            Some(path) => match Database::new(path.to_owned(), None).connect_exclusively()? {
                Some(connection) => Migration::sqlite(connection)?,
                None => return Ok(None),
            },
            None => {
                // One connection without the shared lock.
                let mut options = ConnectOptions::new(url);
                options.max_connections(1).acquire_timeout(CONNECT_TIMEOUT).sqlx_logging(false);
                let tx = sea_orm::Database::connect(options).await?.begin().await?;
                let lock = Statement::from_string(DbBackend::Postgres, LOCK_EXCLUSIVELY);
                let row = tx.query_one_raw(lock).await?;
                if !row.map_or(Ok(false), |row| row.try_get("", "locked"))? {
                    return Ok(None);
                }
                tx.execute_unprepared(SETUP).await?;
                Migration::Postgres(tx)
            }
        };
        migration.reject_unknown().await?;
        Ok(Some(ExclusiveSchema(migration)))
    }

    /// Returns the number of applied migrations.
    pub async fn applied(&self) -> Result<usize, DbErr> {
        Ok(self.0.applied().await?.len())
    }

    /// Reverts the last `steps` migrations, and returns what they drop.
    async fn down(&self, steps: u32) -> Result<Vec<Reversal>, DbErr> {
        let mut reversals = Vec::new();
        let mut before = self.columns().await?;
        for name in self.0.applied().await?.into_iter().rev().take(steps as usize) {
            Migrator::down(self.0.executor(), Some(1)).await?;
            let after = self.columns().await?;
            reversals.push(Reversal { name, losses: dropped(&before, &after) });
            before = after;
        }
        Ok(reversals)
    }

    /// Returns the last `steps` migrations in the order in which they are reverted, each with the tables and columns that
    /// reverting drops. Changes nothing.
    pub async fn losses(&self, steps: u32) -> Result<Vec<Reversal>, DbErr> {
        // The steps are tried, because a migration does not declare what it drops.
        self.0.execute("SAVEPOINT trial").await?;
        let reversals = self.down(steps).await;
        self.0.execute("ROLLBACK TO SAVEPOINT trial").await?;
        let mut reversals = reversals?;
        for loss in reversals.iter_mut().flat_map(|reversal| &mut reversal.losses) {
            loss.rows = self.count(loss).await?;
        }
        Ok(reversals)
    }

    /// Reverts the last `steps` migrations, and deletes the data in them.
    pub async fn rollback(self, steps: u32) -> Result<(), DbErr> {
        self.down(steps).await?;
        self.0.commit().await
    }

    /// Returns the table and the name of each column.
    async fn columns(&self) -> Result<BTreeSet<(String, String)>, DbErr> {
        let sql = match self.0.backend() {
            DbBackend::Sqlite => {
                "SELECT t.name AS t, c.name AS c FROM sqlite_schema t JOIN pragma_table_info(t.name) c \
                 WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%'"
            }
            _ => {
                "SELECT table_name::text AS t, column_name::text AS c FROM information_schema.columns \
                 WHERE table_schema = current_schema()"
            }
        };
        let rows = self.0.query(sql).await?;
        rows.iter().map(|row| Ok((row.try_get("", "t")?, row.try_get("", "c")?))).collect()
    }

    async fn count(&self, loss: &Loss) -> Result<i64, DbErr> {
        let counted = loss.column.as_ref().map_or("*".to_owned(), |column| format!("\"{column}\""));
        let rows = self.0.query(&format!("SELECT COUNT({counted}) AS n FROM \"{}\"", loss.table)).await?;
        rows.first().map_or(Ok(0), |row| row.try_get("", "n"))
    }
}

/// Returns the tables and columns that exist before a step and not after it. The rows are not counted.
fn dropped(before: &BTreeSet<(String, String)>, after: &BTreeSet<(String, String)>) -> Vec<Loss> {
    let remains = |table: &str| after.iter().any(|(known, _)| known == table);
    let mut losses: Vec<Loss> = Vec::new();
    for (table, column) in before.difference(after) {
        let column = remains(table).then(|| column.clone());
        let loss = Loss { table: table.clone(), column, rows: 0 };
        if losses.last() != Some(&loss) {
            losses.push(loss);
        }
    }
    losses
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
    async fn begin(source: Source) -> Result<Self, DbErr> {
        let migration = match source {
            Source::Sqlite(database) => {
                let mut connection = database.connect(sqlite::Access::ReadWrite)?;
                connection.control(sqlite::BEGIN)?;
                Migration::sqlite(connection)?
            }
            Source::Postgres(pool) => {
                let tx = pool.begin().await?;
                tx.execute_unprepared(SETUP).await?;
                Migration::Postgres(tx)
            }
        };
        migration.reject_unknown().await?;
        Ok(migration)
    }

    /// `connection` has an open transaction.
    fn sqlite(connection: sqlite::Connection) -> Result<Self, DbErr> {
        let connection = sqlite::SharedConnection::new(connection);
        Ok(Migration::Sqlite { proxy: connection.proxy()?, connection })
    }

    /// Rejects a database with a migration that this program does not have.
    async fn reject_unknown(&self) -> Result<(), DbErr> {
        match self.applied().await?.iter().find(|step| !migration::is_known(step)) {
            Some(step) => Err(custom_error(&format!(
                "the database has the migration {step} of a newer program: use that program"
            ))),
            None => Ok(()),
        }
    }

    async fn applied(&self) -> Result<Vec<String>, DbErr> {
        match self {
            Migration::Sqlite { connection, .. } => applied(connection).await,
            Migration::Postgres(tx) => applied(tx).await,
        }
    }

    fn backend(&self) -> DbBackend {
        match self {
            Migration::Sqlite { .. } => DbBackend::Sqlite,
            Migration::Postgres(_) => DbBackend::Postgres,
        }
    }

    fn executor(&self) -> DatabaseExecutor<'_> {
        match self {
            Migration::Sqlite { proxy, .. } => DatabaseExecutor::Connection(proxy),
            Migration::Postgres(tx) => DatabaseExecutor::Transaction(tx),
        }
    }

    async fn execute(&self, sql: &str) -> Result<(), DbErr> {
        self.executor().execute_unprepared(sql).await.map(drop)
    }

    async fn query(&self, sql: &str) -> Result<Vec<QueryResult>, DbErr> {
        self.executor().query_all_raw(Statement::from_string(self.backend(), sql)).await
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

/// Returns the names of the applied migrations, in the order of their names.
pub(super) async fn applied(connection: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    let backend = connection.get_database_backend();
    let table = match backend {
        DbBackend::Sqlite => "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'seaql_migrations'",
        _ => "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'seaql_migrations'",
    };
    if connection.query_one_raw(Statement::from_string(backend, table)).await?.is_none() {
        return Ok(Vec::new());
    }
    let versions = "SELECT version FROM seaql_migrations ORDER BY version";
    let rows = connection.query_all_raw(Statement::from_string(backend, versions));
    rows.await?.iter().map(|row| row.try_get("", "version")).collect()
}
