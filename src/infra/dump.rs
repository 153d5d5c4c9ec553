//! Dumps of the database into a file, while the service runs.
//!
//! A dump is a snapshot: it contains every write that was acknowledged before its start. The dump of a SQLite database is a
//! database file, the dump of a PostgreSQL database is a file of `pg_dump` in its custom format.
use std::{path::Path, sync::Arc};

use sea_orm::{DbBackend, DbErr, Statement};

use super::{
    db::Db,
    db_error::custom_error,
    export::Source,
    pg_tools, private_files,
    sqlite::{self, Access, Database},
};
use crate::domain::secret::Secret;

/// Maximum number of integrity errors that are reported.
const MAX_PROBLEMS: usize = 10;

impl Db {
    /// Dumps the database into the new file `path`. `url` is the URL of the database. Dropping the future interrupts the
    /// dump.
    ///
    /// # Errors
    ///
    /// Also if the integrity check of the dump fails.
    pub async fn dump(&self, url: &Secret<String>, path: &Path) -> Result<(), DbErr> {
        let path: Arc<Path> = path.into();
        match self.source() {
            Source::Sqlite(database) => {
                dump_sqlite(database, path.clone()).await?;
                match check_sqlite(&path).await?.first() {
                    Some(problem) => Err(custom_error(&format!(
                        "the integrity check of the database failed: {problem}. Run tenon doctor"
                    ))),
                    None => Ok(()),
                }
            }
            Source::Postgres(_) => pg_tools::dump(url, &path).await.map_err(DbErr::Custom),
        }
    }
}

/// `VACUUM INTO` reads in one transaction, which does not block the writer, and copies no deleted content.
async fn dump_sqlite(database: Database, path: Arc<Path>) -> Result<(), DbErr> {
    sqlite::run_blocking(move |mut cancellation| {
        // SQLite would create the file with the permissions of the umask. It accepts an empty file.
        private_files::write_new_file(&path, b"")
            .map_err(|error| custom_error(&format!("cannot create {}: {error}", path.display())))?;
        // The storage of the dump may be another one, and its failure must not end the service.
        let mut connection = database.with_separate_failure().connect(Access::ReadWrite)?;
        connection.interrupt_if(move || cancellation.is_cancelled())?;
        let path = path.to_str().ok_or_else(|| custom_error("the path of the dump is not UTF-8"))?;
        let vacuum = Statement::from_sql_and_values(DbBackend::Sqlite, "VACUUM INTO ?", [path.into()]);
        connection.execute(&vacuum).map(drop)
    })
    .await
}

/// Returns the errors that the integrity checks of a SQLite file find.
pub async fn check_sqlite(path: &Path) -> Result<Vec<String>, DbErr> {
    let database = Database::new(path.to_owned(), None);
    sqlite::run_blocking(move |mut cancellation| {
        let mut connection = database.connect(Access::ReadOnly)?;
        connection.interrupt_if(move || cancellation.is_cancelled())?;
        let mut problems = Vec::new();
        let check = Statement::from_string(DbBackend::Sqlite, "PRAGMA integrity_check(10)");
        connection.for_each_row(&check, |row| {
            let text: String = row.get(0).map_err(sqlite::query_error)?;
            problems.extend(Some(text).filter(|text| text != "ok"));
            Ok(true)
        })?;
        let check = Statement::from_string(DbBackend::Sqlite, "PRAGMA foreign_key_check");
        connection.for_each_row(&check, |row| {
            let (table, parent): (String, String) =
                row.get(0).and_then(|table| Ok((table, row.get(2)?))).map_err(sqlite::query_error)?;
            problems.push(format!("a row of {table} references a missing row of {parent}"));
            Ok(problems.len() < MAX_PROBLEMS)
        })?;
        Ok(problems)
    })
    .await
}

/// Returns whether an error means that a SQLite file is damaged, or is not a database.
pub fn is_damaged(error: &DbErr) -> bool {
    sqlite::is_damaged(error)
}

/// A lock on a SQLite file that no other connection is open on.
pub struct ExclusiveLock(#[expect(dead_code, reason = "holds the lock")] sqlite::Connection);

/// Locks a SQLite file. Returns `None` if another connection is open, for example of a running service.
///
/// # Errors
///
/// The file is not a database, or it cannot be read.
pub fn lock_exclusively(path: &Path) -> Result<Option<ExclusiveLock>, DbErr> {
    Ok(Database::new(path.to_owned(), None).connect_exclusively()?.map(ExclusiveLock))
}
