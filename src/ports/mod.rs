//! The doors to the outside. Each is one enum or struct: the choice is visible, the calls are static.
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
