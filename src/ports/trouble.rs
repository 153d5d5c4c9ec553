//! What a failure of the database means: whether it passes by itself, or whether a value was taken.
use sea_orm::{
    DbErr, RuntimeErr, SqlErr,
    sqlx::{self, error::DatabaseError},
};

/// Somebody else holds what was wanted, or the database is not to be reached just now: the same work may
/// succeed a little later.
pub fn passing(error: &DbErr) -> bool {
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
            sqlx::Error::Database(refusal) => busy(&**refusal),
            _ => false,
        },
        DbErr::Custom(text) => text == TOO_LONG,
        _ => false,
    }
}

/// What work that was given up fails with.
pub const TOO_LONG: &str = "the work took too long";

/// A unique value is there already.
pub fn taken(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

fn busy(refusal: &dyn DatabaseError) -> bool {
    let Some(code) = refusal.code() else { return false };
    if refusal.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
        // The low byte is the primary code: BUSY, LOCKED, IOERR, FULL, CANTOPEN.
        return code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13 | 14));
    }
    // Connection exceptions, insufficient resources, operator intervention (timeouts among them), a lock not
    // to be had, and what a repeated transaction would not meet again (appendix A of PostgreSQL's manual).
    matches!(&*code, "55P03" | "40001" | "40P01" | "25P03" | "25P04")
        || ["08", "53", "57"].iter().any(|class| code.starts_with(class))
}
