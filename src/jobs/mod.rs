//! What happens after an answer: jobs from the queue, each done by one worker, each able to be done twice.
mod fan;
mod handlers;
mod publish;
mod purge;
mod run;
pub mod schedule;
mod webhook_events;

pub use run::{Pace, work};
