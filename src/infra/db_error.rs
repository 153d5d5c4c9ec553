//! Classifies database errors: transient errors and unique violations.
use sea_orm::{
    DbErr, RuntimeErr, SqlErr,
    sqlx::{self, error::DatabaseError},
};

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
            sqlx::Error::Database(error) => is_transient_code(&**error),
            _ => false,
        },
        DbErr::Custom(text) => text == TOO_LONG,
        _ => false,
    }
}

/// The error message of a transaction or export that exceeded its time limit.
pub const TOO_LONG: &str = "the database operation exceeded its time limit";

/// Returns the error message for logs. If a column contains an unknown value of an enum, the message names the
/// table and the column.
pub fn message(error: &DbErr) -> String {
    entity::unknown_value(error).unwrap_or_else(|| error.to_string())
}

/// Returns whether a unique constraint was violated.
pub fn is_unique_violation(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

fn is_transient_code(error: &dyn DatabaseError) -> bool {
    let Some(code) = error.code() else { return false };
    if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
        // The low byte is the primary code: BUSY, LOCKED, IOERR, FULL, CANTOPEN.
        return code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13 | 14));
    }
    // Classes 08, 53 and 57: connection exception, insufficient resources, operator intervention (including
    // statement_timeout). Codes: lock not available, serialization failure, deadlock, idle and transaction
    // timeouts (PostgreSQL manual, appendix A).
    matches!(&*code, "55P03" | "40001" | "40P01" | "25P03" | "25P04")
        || ["08", "53", "57"].iter().any(|class| code.starts_with(class))
}
