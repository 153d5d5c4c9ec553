//! Background jobs: list, get and retry.
mod api;
mod service;
mod types;

pub use api::JobsApi;
pub use service::Jobs;
pub use types::{Job, JobQuery, JobState};
