//! Wire types of jobs. The payload is not exposed: it can name resources that the caller cannot read.
pub use entity::job::JobState;
use poem_openapi::{Object, types::Example};
use serde::Serialize;

use crate::{
    domain::{id::Id, text::DottedName, timestamp::Timestamp},
    http::{cache_control::CacheControl, etag::ETag, pagination::PageParams, response::Resource},
};

/// A background job.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// The id of the job.
    pub id: Id<Job>,
    /// The kind of work.
    pub kind: DottedName,
    /// The state of the job.
    pub state: JobState,
    /// The time of the next attempt, or of the last one if the job has ended.
    pub run_at: Timestamp,
    /// The number of attempts since the job was enqueued or retried.
    #[oai(validator(minimum(value = "0"), maximum(value = "2147483647")))]
    pub attempts: i32,
    /// The number of attempts after which the job is dead. Absent if it is retried without limit.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<i32>,
    /// The error of the last attempt.
    #[oai(validator(max_length = "1000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// The time when the job was first enqueued.
    pub created_at: Timestamp,
    /// The time of the last update.
    pub updated_at: Timestamp,
    /// The time when the job ended, as `done` or as `dead`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) version: i64,
}

impl Resource for Job {
    const HEADERS: &'static [&'static str] = &["Last-Modified"];

    fn etag(&self) -> ETag {
        ETag::for_version(self.id.0, self.version)
    }
    fn location(&self) -> String {
        format!("/api/jobs/{}", self.id)
    }
    fn last_modified(&self) -> Option<Timestamp> {
        Some(self.updated_at)
    }
    fn cache(&self) -> CacheControl {
        CacheControl::Private
    }
}

impl From<entity::job::Model> for Job {
    fn from(row: entity::job::Model) -> Self {
        let entity::job::Model {
            id,
            kind,
            queue: _,
            unique_key: _,
            data: _,
            state,
            run_at,
            enqueue_count: _,
            attempts,
            max_attempts,
            lease: _,
            leased_until: _,
            last_error,
            version,
            created_at,
            updated_at,
            finished_at,
        } = row;
        Job {
            id: id.into(),
            kind: kind.into(),
            state,
            run_at: Timestamp(run_at),
            attempts,
            max_attempts: Some(max_attempts).filter(|max| *max < i32::MAX),
            last_error,
            created_at: Timestamp(created_at),
            updated_at: Timestamp(updated_at),
            finished_at: finished_at.map(Timestamp),
            version,
        }
    }
}

/// Filters of the list of jobs.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct JobQuery {
    #[oai(flatten)]
    pub paging: PageParams,
    /// Only jobs in this state.
    pub state: Option<JobState>,
    /// Only jobs of this kind.
    pub kind: Option<DottedName>,
}

const KIND: &str = "service.sweep";

impl Example for Job {
    fn example() -> Self {
        Job {
            id: "0199c0de-9999-7c3d-8e1f-2a3b4c5d6e7f".parse().unwrap_or_else(|_| Id::generate()),
            kind: KIND.into(),
            state: JobState::Done,
            run_at: Timestamp(1_763_721_000_000),
            attempts: 1,
            max_attempts: Some(8),
            last_error: None,
            created_at: Timestamp(1_763_721_000_000),
            updated_at: Timestamp(1_763_721_000_250),
            finished_at: Some(Timestamp(1_763_721_000_250)),
            version: 3,
        }
    }
}

impl Example for JobQuery {
    fn example() -> Self {
        JobQuery { paging: PageParams::example(), state: Some(JobState::Dead), kind: Some(KIND.into()) }
    }
}
