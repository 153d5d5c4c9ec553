//! Infrastructure: adapters for the database, the clock, blob storage, GeoIP and outgoing HTTP. Each adapter
//! is an enum or a struct, so calls are statically dispatched.
pub mod blobs;
pub mod clock;
pub mod country;
pub mod db;
pub mod events;
pub mod export;
pub mod lease;
pub mod limiter;
pub mod news;
pub mod outgoing;
pub mod queue;
pub mod statements;
mod transaction;
pub mod trouble;
mod writer;
