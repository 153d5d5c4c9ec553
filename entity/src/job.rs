//! `jobs`: what is to be done after an answer, and what became of it.
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "jobs")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub kind: String,
    /// Who waits for whom: jobs of one lane share their workers.
    pub lane: String,
    /// Of jobs that are not finished there is one of this key.
    pub unique_key: Option<String>,
    /// JSON.
    pub data: String,
    /// `ready`, `running`, `done` or `dead`.
    pub state: String,
    pub run_at: i64,
    /// How often it was asked for; more than when it was begun means once again.
    pub asked: i32,
    pub attempts: i32,
    pub max_attempts: i32,
    /// Whose attempt this is; whoever holds another one is too late.
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
