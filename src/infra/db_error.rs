//! Classifies database errors: transient errors and unique violations.
use sea_orm::{
    DbErr, RuntimeErr,
    sqlx::{self, error::DatabaseError},
};

use super::sqlite;

/// Returns whether the error is transient: a lock conflict, a timeout, or an unreachable database. A retry
/// may succeed.
pub fn is_transient(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(_) => true,
        DbErr::Conn(RuntimeErr::SqlxError(cause))
        | DbErr::Exec(RuntimeErr::SqlxError(cause))
        | DbErr::Query(RuntimeErr::SqlxError(cause)) => match &**cause {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => true,
            sqlx::Error::Database(cause) => match sqlite::code(error) {
                Some(code) => is_transient_sqlite_code(code),
                None => is_transient_sqlstate(&**cause),
            },
            _ => false,
        },
        DbErr::Custom(text) => text == TOO_LONG,
        _ => false,
    }
}

/// The error message of a transaction or export that exceeded its time limit.
pub const TOO_LONG: &str = "the database operation exceeded its time limit";

/// Returns an error of this program, not of the database.
pub(super) fn custom_error(message: &str) -> DbErr {
    DbErr::Custom(message.to_owned())
}

/// Returns the error message for logs. If a column contains an unknown value of an enum, the message names the
/// table and the column.
pub fn message(error: &DbErr) -> String {
    entity::unknown_value(error).unwrap_or_else(|| error.to_string())
}

/// Returns whether a unique constraint was violated. `DbErr::sql_err` recognizes only the error types of sqlx, and
/// not the errors of `infra/sqlite`.
pub fn is_unique_violation(error: &DbErr) -> bool {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause)) => {
            cause.as_database_error().is_some_and(DatabaseError::is_unique_violation)
        }
        _ => false,
    }
}

/// Returns whether a result code of SQLite is BUSY, LOCKED, IOERR, FULL or CANTOPEN. The low byte is the primary
/// code.
fn is_transient_sqlite_code(code: i32) -> bool {
    matches!(code & 0xff, 5 | 6 | 10 | 13 | 14)
}

fn is_transient_sqlstate(error: &dyn DatabaseError) -> bool {
    let Some(code) = error.code() else { return false };
    // Classes 08, 53 and 57: connection exception, insufficient resources, operator intervention (including
    // statement_timeout). Codes: lock not available, serialization failure, deadlock, idle and transaction
    // timeouts (PostgreSQL manual, appendix A).
    matches!(&*code, "55P03" | "40001" | "40P01" | "25P03" | "25P04")
        || ["08", "53", "57"].iter().any(|class| code.starts_with(class))
}
