//! `jobs`: the job queue, with the results of finished jobs.
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "jobs")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub kind: String,
    /// The queue; jobs of one queue share its workers.
    pub lane: String,
    /// Deduplicates jobs: at most one unfinished job has this key.
    pub unique_key: Option<String>,
    /// The arguments, as JSON.
    pub data: String,
    /// `ready`, `running`, `done` or `dead`.
    pub state: String,
    pub run_at: i64,
    /// The number of times that the job was enqueued. A value that increased during the run means: run again.
    pub asked: i32,
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
