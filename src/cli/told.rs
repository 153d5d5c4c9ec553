//! Failures in words for whoever runs the program, without the prefixes of the libraries.
use sea_orm::{
    DbErr, RuntimeErr,
    sqlx::{self, Error::*},
};

use crate::contract::{
    check::{Place, Violation},
    problem::Error,
};

/// What a service refused or failed at.
pub fn told(error: &Error) -> String {
    match error {
        Error::Invalid(all) => violations(all),
        Error::Storage(error) => plain(error),
        other => other.to_string(),
    }
}

/// The same of an entry in a file, which has members and no flags.
pub fn entry(error: &Error) -> String {
    let member = |one: &Violation| match &one.place {
        Place::Pointer(pointer) => {
            let member = pointer.trim_start_matches("#/").replace("~1", "/").replace("~0", "~");
            format!("{member}: {}", one.message)
        }
        _ => one.message.clone(),
    };
    match error {
        Error::Invalid(all) => all.iter().map(member).collect::<Vec<_>>().join("; "),
        other => told(other),
    }
}

/// Each thing that is wrong, with the flag that it was given by.
pub fn violations(all: &[Violation]) -> String {
    let one = |one: &Violation| format!("{}: {}", flag(&one.place), one.message);
    all.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn flag(place: &Place) -> String {
    let Place::Pointer(pointer) = place else { return "the value".to_owned() };
    match pointer.trim_start_matches("#/").split('/').next().unwrap_or_default() {
        "password" => "the password".to_owned(),
        "expiresAt" => "--expires".to_owned(),
        member => format!("--{member}"),
    }
}

/// What the database, or the way to it, says.
pub fn plain(error: &DbErr) -> String {
    match error {
        DbErr::Custom(text) | DbErr::Migration(text) | DbErr::Type(text) | DbErr::Json(text) => text.clone(),
        DbErr::RecordNotFound(text) | DbErr::RbacError(text) => text.clone(),
        DbErr::Conn(cause) | DbErr::Exec(cause) | DbErr::Query(cause) => match cause {
            RuntimeErr::SqlxError(cause) => spoken(cause),
            RuntimeErr::Internal(text) => text.clone(),
        },
        DbErr::ConnectionAcquire(_) => spoken(&PoolTimedOut),
        other => other.to_string(),
    }
}

/// The same for the library below.
pub fn spoken(error: &sqlx::Error) -> String {
    match error {
        Database(refusal) => refusal.message().to_owned(),
        Io(cause) => cause.to_string(),
        Configuration(cause) | Tls(cause) | Decode(cause) | Encode(cause) => cause.to_string(),
        PoolTimedOut => "the database had no connection free in time".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_prefix_of_a_library_is_left() {
        let io = || std::io::Error::other("cut off");
        let run = |error: sqlx::Error| RuntimeErr::SqlxError(error.into());
        for (error, words) in [
            (DbErr::Custom("cut off".into()), "cut off"),
            (DbErr::Migration("cut off".into()), "cut off"),
            (DbErr::Exec(RuntimeErr::Internal("cut off".into())), "cut off"),
            (DbErr::Query(run(Io(io()))), "cut off"),
            (DbErr::Conn(run(Configuration(Box::new(io())))), "cut off"),
            (DbErr::Conn(run(PoolTimedOut)), "the database had no connection free in time"),
        ] {
            assert_eq!(plain(&error), words);
            assert_eq!(told(&Error::Storage(error)), words);
        }
    }
}
