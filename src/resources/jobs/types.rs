//! How a job looks on the wire. What it is about stays inside: it may name what others may not read.
use poem_openapi::{Enum, Object, types::Example};
use serde::Serialize;

use crate::contract::{answer::Resource, cache::Cache, etag::ETag, id::Id, page::Paging, time::Timestamp};

/// Something that is done after an answer.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// What the job is known by.
    pub id: Id<Job>,
    /// What is done.
    #[oai(validator(pattern = "^[a-z]+(\\.[a-z]+)+$", max_length = "60"))]
    pub kind: String,
    /// How far it is.
    pub state: JobState,
    /// When it is tried next, or was tried last.
    pub run_at: Timestamp,
    /// How often it was begun since it was last asked for.
    #[oai(validator(minimum(value = "0"), maximum(value = "2147483647")))]
    pub attempts: i32,
    /// How often it is begun before it is given up; left out where it never is.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<i32>,
    /// Why the last try failed.
    #[oai(validator(max_length = "1000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When it was asked for first.
    pub created_at: Timestamp,
    /// When something last changed.
    pub updated_at: Timestamp,
    /// When it ended, well or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) version: i64,
}

impl Resource for Job {
    const FIELDS: &'static [&'static str] = &["Last-Modified"];

    fn etag(&self) -> ETag {
        ETag::of(self.id.0, self.version)
    }
    fn location(&self) -> String {
        format!("/api/jobs/{}", self.id)
    }
    fn modified(&self) -> Option<Timestamp> {
        Some(self.updated_at)
    }
    fn cache(&self) -> Cache {
        Cache::Private
    }
}

impl From<entity::job::Model> for Job {
    fn from(row: entity::job::Model) -> Self {
        let entity::job::Model {
            id,
            kind,
            lane: _,
            unique_key: _,
            data: _,
            state,
            run_at,
            asked: _,
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
            kind,
            state: JobState::parse(&state),
            run_at: Timestamp(run_at),
            attempts,
            max_attempts: Some(max_attempts).filter(|most| *most < i32::MAX),
            last_error,
            created_at: Timestamp(created_at),
            updated_at: Timestamp(updated_at),
            finished_at: finished_at.map(Timestamp),
            version,
        }
    }
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// It waits for its time, or for a worker.
    Ready,
    /// A worker is at it.
    Running,
    /// It is done.
    Done,
    /// It failed too often, or in a way that no further try would mend.
    Dead,
}

impl JobState {
    pub const ALL: [JobState; 4] = [JobState::Ready, JobState::Running, JobState::Done, JobState::Dead];

    pub fn as_str(self) -> &'static str {
        match self {
            JobState::Ready => "ready",
            JobState::Running => "running",
            JobState::Done => "done",
            JobState::Dead => "dead",
        }
    }

    fn parse(text: &str) -> Self {
        let known = JobState::ALL.into_iter().find(|state| state.as_str() == text);
        known.unwrap_or(JobState::Dead)
    }
}

/// Which jobs are listed, newest first.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct JobQuery {
    #[oai(flatten)]
    pub paging: Paging,
    /// Jobs in this state.
    pub state: Option<JobState>,
    /// Jobs of this kind.
    #[oai(validator(pattern = "^[a-z]+(\\.[a-z]+)+$", max_length = "60"))]
    pub kind: Option<String>,
}

const KIND: &str = "service.sweep";

impl Example for Job {
    fn example() -> Self {
        Job {
            id: "0199c0de-9999-7c3d-8e1f-2a3b4c5d6e7f".parse().unwrap_or_else(|_| Id::fresh()),
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
        JobQuery { paging: Paging::example(), state: Some(JobState::Dead), kind: Some(KIND.into()) }
    }
}
