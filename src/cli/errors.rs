//! Error messages for the command line, without the prefixes that libraries add.
use sea_orm::{
    DbErr, RuntimeErr,
    sqlx::{self, Error::*},
};

use crate::{
    http::problem::Error,
    schema::{Location, Violation},
};

/// Returns the message of an error of a service. Names the command-line option of each invalid value.
pub fn message(error: &Error) -> String {
    match error {
        Error::Invalid(all) => violations(all),
        Error::Storage(error) => database_message(error),
        other => other.to_string(),
    }
}

/// Returns the message of an error about a record of a file. Names the field of each invalid value.
pub fn record_message(error: &Error) -> String {
    let describe = |one: &Violation| match &one.location {
        Location::Pointer(pointer) => {
            let field = pointer.trim_start_matches("#/").replace("~1", "/").replace("~0", "~");
            format!("{field}: {}", one.message)
        }
        _ => one.message.clone(),
    };
    match error {
        Error::Invalid(all) | Error::Conflicts(all) => {
            all.iter().map(describe).collect::<Vec<_>>().join("; ")
        }
        other => message(other),
    }
}

/// Returns the messages of all violations, each with its command-line option.
pub fn violations(all: &[Violation]) -> String {
    let describe = |one: &Violation| format!("{}: {}", option_of(&one.location), one.message);
    all.iter().map(describe).collect::<Vec<_>>().join("; ")
}

/// Returns the command-line option for a field of a request body.
fn option_of(place: &Location) -> String {
    let Location::Pointer(pointer) = place else { return "value".to_owned() };
    match pointer.trim_start_matches("#/").split('/').next().unwrap_or_default() {
        "password" => "password".to_owned(),
        "expiresAt" => "--expires".to_owned(),
        field => format!("--{field}"),
    }
}

/// Returns the message of a database error.
pub fn database_message(error: &DbErr) -> String {
    match error {
        DbErr::Custom(text) | DbErr::Migration(text) | DbErr::Type(text) | DbErr::Json(text) => text.clone(),
        DbErr::RecordNotFound(text) | DbErr::RbacError(text) => text.clone(),
        DbErr::Conn(cause) | DbErr::Exec(cause) | DbErr::Query(cause) => match cause {
            RuntimeErr::SqlxError(cause) => driver_message(cause),
            RuntimeErr::Internal(text) => text.clone(),
        },
        DbErr::ConnectionAcquire(_) => driver_message(&PoolTimedOut),
        other => other.to_string(),
    }
}

/// Returns the message of an error of the database driver.
pub fn driver_message(error: &sqlx::Error) -> String {
    match error {
        Database(error) => error.message().to_owned(),
        Io(cause) => cause.to_string(),
        Configuration(cause) | Tls(cause) | Decode(cause) | Encode(cause) => cause.to_string(),
        PoolTimedOut => "timed out while waiting for a database connection".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_the_prefixes_of_libraries() {
        let io = || std::io::Error::other("connection reset");
        let run = |error: sqlx::Error| RuntimeErr::SqlxError(error.into());
        for (error, expected) in [
            (DbErr::Custom("connection reset".into()), "connection reset"),
            (DbErr::Migration("connection reset".into()), "connection reset"),
            (DbErr::Exec(RuntimeErr::Internal("connection reset".into())), "connection reset"),
            (DbErr::Query(run(Io(io()))), "connection reset"),
            (DbErr::Conn(run(Configuration(Box::new(io())))), "connection reset"),
            (DbErr::Conn(run(PoolTimedOut)), "timed out while waiting for a database connection"),
        ] {
            assert_eq!(database_message(&error), expected);
            assert_eq!(message(&Error::Storage(error)), expected);
        }
    }
}
