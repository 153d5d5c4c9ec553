//! Errors of SQLite as SeaORM errors.
use std::{borrow::Cow, error::Error, fmt};

use rusqlite::ffi;
use sea_orm::{
    DbErr, RuntimeErr,
    sqlx::{
        self,
        error::{DatabaseError, ErrorKind},
    },
};

use crate::infra::db_error::Fault;

/// An error of SQLite with its extended result code.
#[derive(Debug)]
struct SqliteFailure {
    code: i32,
    message: String,
}

impl fmt::Display for SqliteFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(code: {}) {}", self.code, self.message)
    }
}

impl Error for SqliteFailure {}

impl DatabaseError for SqliteFailure {
    fn message(&self) -> &str {
        &self.message
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(self.code.to_string().into())
    }

    fn as_error(&self) -> &(dyn Error + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn Error + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn Error + Send + Sync + 'static> {
        self
    }

    fn kind(&self) -> ErrorKind {
        match self.code {
            ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY => ErrorKind::UniqueViolation,
            ffi::SQLITE_CONSTRAINT_FOREIGNKEY => ErrorKind::ForeignKeyViolation,
            ffi::SQLITE_CONSTRAINT_NOTNULL => ErrorKind::NotNullViolation,
            ffi::SQLITE_CONSTRAINT_CHECK => ErrorKind::CheckViolation,
            _ => ErrorKind::Other,
        }
    }
}

/// Converts an error of the driver. Errors of SQLite keep their code.
fn runtime_error(error: &rusqlite::Error) -> RuntimeErr {
    match error.sqlite_error() {
        Some(failure) => {
            let failure = SqliteFailure { code: failure.extended_code, message: error.to_string() };
            RuntimeErr::SqlxError(sqlx::Error::Database(Box::new(failure)).into())
        }
        None => RuntimeErr::Internal(error.to_string()),
    }
}

/// Converts an error of a query.
pub fn query_error(error: rusqlite::Error) -> DbErr {
    DbErr::Query(runtime_error(&error))
}

/// Converts an error of a statement without rows.
pub fn exec_error(error: rusqlite::Error) -> DbErr {
    DbErr::Exec(runtime_error(&error))
}

/// Converts an error that occurred when a connection was opened.
pub fn connect_error(error: rusqlite::Error) -> DbErr {
    DbErr::Conn(match runtime_error(&error) {
        RuntimeErr::Internal(text) => RuntimeErr::Internal(format!("SQLite: {text}")),
        other => other,
    })
}

/// Returns the extended result code of an error of a connection of this module.
pub fn code(error: &DbErr) -> Option<i32> {
    let (DbErr::Conn(RuntimeErr::SqlxError(cause))
    | DbErr::Exec(RuntimeErr::SqlxError(cause))
    | DbErr::Query(RuntimeErr::SqlxError(cause))) = error
    else {
        return None;
    };
    let sqlx::Error::Database(error) = &**cause else { return None };
    error.try_downcast_ref::<SqliteFailure>().map(|failure| failure.code)
}

/// Returns the class of an extended result code. The low byte is the primary code.
pub fn fault(code: i32) -> Fault {
    match (code, code & 0xff) {
        // SQLite extends the index of the write-ahead log before it writes to the log.
        (ffi::SQLITE_IOERR_SHMSIZE, _) | (_, ffi::SQLITE_FULL) => Fault::StorageFull,
        // Only `BEGIN IMMEDIATE` waits for a lock, and queries never do (WAL mode).
        (_, ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED) => Fault::Busy,
        (_, ffi::SQLITE_INTERRUPT) => Fault::TimeLimit,
        // Other codes of this class, such as IOERR_NOMEM, do not mean that data could not be read or written.
        (
            ffi::SQLITE_IOERR_READ
            | ffi::SQLITE_IOERR_CORRUPTFS
            | ffi::SQLITE_IOERR_SHORT_READ
            | ffi::SQLITE_IOERR_WRITE
            | ffi::SQLITE_IOERR_FSYNC
            | ffi::SQLITE_IOERR_DIR_FSYNC
            | ffi::SQLITE_IOERR_TRUNCATE
            | ffi::SQLITE_IOERR_FSTAT,
            _,
        ) => Fault::Io,
        (_, ffi::SQLITE_IOERR | ffi::SQLITE_CANTOPEN) => Fault::Unreachable,
        _ => Fault::Other,
    }
}

/// Returns whether the file is damaged or is not a database.
pub fn is_damaged(error: &DbErr) -> bool {
    code(error).is_some_and(|code| matches!(code & 0xff, ffi::SQLITE_NOTADB | ffi::SQLITE_CORRUPT))
}

/// Returns whether a progress handler stopped the statement.
pub fn is_interrupted(error: &DbErr) -> bool {
    code(error) == Some(ffi::SQLITE_INTERRUPT)
}
