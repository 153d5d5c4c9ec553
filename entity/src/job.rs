//! `jobs`: the job queue, with the results of finished jobs.
use poem_openapi::Enum;
use sea_orm::entity::prelude::*;
use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "jobs")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub kind: String,
    /// The queue; jobs of one queue share its workers.
    pub queue: Queue,
    /// Deduplicates jobs: at most one unfinished job has this key.
    pub unique_key: Option<String>,
    /// The arguments, as JSON.
    pub data: String,
    pub state: JobState,
    pub run_at: i64,
    /// The number of times that the job was enqueued. If it increases during a run, the job runs again.
    pub enqueue_count: i32,
    pub attempts: i32,
    pub max_attempts: i32,
    /// The id of the current attempt. A worker with another id has lost its lease and must not write.
    pub lease: Option<Uuid>,
    pub leased_until: Option<i64>,
    pub last_error: Option<String>,
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
    pub finished_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The state of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, EnumIter, DeriveActiveEnum)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "lowercase")]
pub enum JobState {
    /// Waits for its time or for a worker.
    Ready,
    /// A worker executes it.
    Running,
    /// It succeeded.
    Done,
    /// It failed too often, or with an error that a retry cannot fix.
    Dead,
}

/// A queue with workers of its own, so that slow calls to other services do not delay internal jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum Queue {
    /// Jobs that use the database only.
    #[sea_orm(string_value = "internal")]
    Internal,
    /// Jobs that send requests to other services.
    #[sea_orm(string_value = "external")]
    External,
}
