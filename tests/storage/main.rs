//! Tests of the database layer, on SQLite and on PostgreSQL (`TENON_TEST_DATABASE`).
mod constraints;
mod decoding;
mod migrations;
mod orphans;
mod queue;
mod readers;
mod shared_limits;
mod support;
mod writer;
