//! The two doors of the storage on a real database, alike on SQLite and on PostgreSQL.
mod leftovers;
mod queue;
mod rows;
mod schema;
mod support;
mod writes;
