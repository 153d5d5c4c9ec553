//! Erasure of deleted content from the file of the database.
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::{
    db::{Db, Tx},
    db_error::custom_error,
    export::Source,
    sqlite::{self, Access},
};

impl Tx {
    /// Overwrites what this and later transactions of the connection replace or delete, on SQLite.
    pub async fn overwrite_replaced(&self) -> Result<(), DbErr> {
        match self.get_database_backend() {
            DbBackend::Sqlite => self.execute_unprepared("PRAGMA secure_delete = ON").await.map(drop),
            _ => Ok(()),
        }
    }
}

impl Db {
    /// Rewrites a SQLite file without its free pages, which can contain deleted and replaced values. It needs free disk
    /// space of the size of the file. Has no effect on PostgreSQL, whose files only its operator can rewrite.
    ///
    /// # Errors
    ///
    /// If the disk is full, or another process reads the file for longer than five seconds.
    pub async fn erase_free_pages(&self) -> Result<(), DbErr> {
        let Source::Sqlite(database) = self.source() else { return Ok(()) };
        sqlite::run_blocking(move |mut cancellation| {
            // A full disk must not end the service.
            let mut connection = database.with_separate_failure().connect(Access::ReadWrite)?;
            connection.interrupt_if(move || cancellation.is_cancelled())?;
            connection.execute(&Statement::from_string(DbBackend::Sqlite, "VACUUM"))?;
            // Until then, the file itself is unchanged.
            let checkpoint = Statement::from_string(DbBackend::Sqlite, "PRAGMA wal_checkpoint(TRUNCATE)");
            let mut is_complete = false;
            connection.for_each_row(&checkpoint, |row| {
                let is_busy: i64 = row.get(0).map_err(sqlite::query_error)?;
                is_complete = is_busy == 0;
                Ok(true)
            })?;
            match is_complete {
                true => Ok(()),
                false => {
                    Err(custom_error("another connection reads the database: its log was not truncated"))
                }
            }
        })
        .await
    }
}
