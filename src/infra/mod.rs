//! Infrastructure: adapters for the database, the clock, blob storage, GeoIP and outgoing HTTP. Each adapter
//! is an enum or a struct, so calls are statically dispatched.
pub mod archive;
pub mod audit_log;
pub mod blobs;
pub mod clock;
pub mod collection_versions;
pub mod db;
pub mod db_error;
pub mod disk;
pub mod dump;
pub mod event_log;
pub mod export;
pub mod geoip;
pub mod http_client;
pub mod jitter;
pub mod lease;
pub mod notify;
pub mod pg_tools;
pub mod private_files;
pub mod query_log;
pub mod queue;
pub mod rate_limiter;
pub mod rows;
pub mod sealing;
mod sqlite;
mod transaction;
pub mod work_folder;
mod writer;
