//! Classifies database errors.
use sea_orm::{
    ConnAcquireErr, DbErr, RuntimeErr,
    sqlx::{self, error::DatabaseError},
};

use super::{client_permits::NotStarted, sqlite};

/// The class of a database error. It decides the status and the problem code of the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The transaction did not begin: no connection or write lock was available in time.
    Busy,
    /// Another transaction holds a lock, or the database aborted this one to resolve a deadlock.
    Contention,
    /// A query or a transaction exceeded its time limit.
    TimeLimit,
    /// The disk is full.
    StorageFull,
    /// The database cannot be reached, or is stopping.
    Unreachable,
    /// The storage failed to read or to write.
    Io,
    /// Any other error.
    Other,
}

/// Returns the class of an error.
pub fn fault(error: &DbErr) -> Fault {
    match error {
        DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed) => Fault::Unreachable,
        DbErr::ConnectionAcquire(ConnAcquireErr::Timeout) => Fault::Busy,
        DbErr::Conn(RuntimeErr::SqlxError(cause))
        | DbErr::Exec(RuntimeErr::SqlxError(cause))
        | DbErr::Query(RuntimeErr::SqlxError(cause)) => match &**cause {
            sqlx::Error::PoolTimedOut => Fault::Busy,
            // A connection to a server that stops can also end with a message that is not expected.
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Fault::Unreachable,
            sqlx::Error::Database(cause) => match sqlite::code(error) {
                Some(code) => sqlite::fault(code),
                None => postgres_fault(&**cause),
            },
            _ => Fault::Other,
        },
        DbErr::Custom(text) if text == TOO_LONG => Fault::TimeLimit,
        _ => Fault::Other,
    }
}

impl From<NotStarted> for DbErr {
    fn from(error: NotStarted) -> Self {
        DbErr::ConnectionAcquire(match error {
            NotStarted::Rejected(_) | NotStarted::Timeout => ConnAcquireErr::Timeout,
            NotStarted::Closed => ConnAcquireErr::ConnectionClosed,
        })
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

/// Returns the class of an error code of PostgreSQL (manual, appendix A).
fn postgres_fault(error: &dyn DatabaseError) -> Fault {
    let Some(code) = error.code() else { return Fault::Other };
    match &*code {
        // Too many connections.
        "53300" => Fault::Busy,
        // Lock not available, serialization failure, deadlock.
        "55P03" | "40001" | "40P01" => Fault::Contention,
        // Query canceled (`statement_timeout`), idle and transaction timeouts.
        "57014" | "25P03" | "25P04" => Fault::TimeLimit,
        "53100" => Fault::StorageFull,
        // A failed read or write of a file of the server, and other errors of its system.
        code if code.starts_with("58") => Fault::Io,
        // Connection exception, insufficient resources, operator intervention.
        code if ["08", "53", "57"].iter().any(|class| code.starts_with(class)) => Fault::Unreachable,
        _ => Fault::Other,
    }
}
