//! Background jobs: list, get and retry.
mod api;
mod service;
mod types;

pub use api::JobsApi;
pub use service::Jobs;
pub use types::{Job, JobQuery, JobState};

use crate::http::operation::Tag;

pub const TAG: Tag = Tag { name: "Jobs", description: "Jobs: background tasks and their results." };
