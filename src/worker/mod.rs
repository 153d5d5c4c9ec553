//! The background worker: runs queued jobs after the response has been sent. Jobs run at least once, so
//! handlers are idempotent.
pub mod audit;
mod event_dispatch;
mod handlers;
mod publish;
mod purge;
mod run;
pub mod schedule;
mod webhook_events;

pub use run::{WorkerTimings, run_worker};
