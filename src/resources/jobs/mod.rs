//! Jobs: what is done after an answer, and what became of it.
mod api;
mod service;
mod types;

pub use api::JobsApi;
pub use service::Jobs;
pub use types::{Job, JobQuery, JobState};
