//! SQLite connections that execute SeaORM statements on the calling thread. A driver that sends each statement to
//! a thread of the connection needs two context switches per statement, which take longer than most statements.
mod blocking;
mod connection;
mod error;
mod failure;
mod readers;
mod rows;
#[cfg(test)]
mod tests;

pub(super) use blocking::run_blocking;
pub(super) use connection::{Access, BEGIN, Connection, Database, SharedConnection};
pub(super) use error::{code, fault, is_damaged, query_error};
pub(super) use readers::{MAX_QUERY, Readers};
