//! The two doors of the storage on a real database, alike on SQLite and on PostgreSQL.
mod constraints;
mod migrations;
mod orphans;
mod queue;
mod support;
mod writer;
