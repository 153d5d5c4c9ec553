//! `audit_entries`: the audit log. Rows are only inserted, and deleted from the front by the retention.
use poem_openapi::Enum;
use sea_orm::entity::prelude::*;
use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_entries")]
pub struct Model {
    /// Ascends by one from entry to entry, in commit order.
    #[sea_orm(primary_key, auto_increment = false)]
    pub position: i64,
    pub at: i64,
    pub action: String,
    pub resource: String,
    pub resource_id: Option<String>,
    pub actor: ActorKind,
    pub account: Option<Uuid>,
    /// The session or the API key.
    pub credential: Option<Uuid>,
    /// The kind of the job, or the command.
    pub actor_name: Option<String>,
    pub address: Option<String>,
    pub request_id: Option<String>,
    /// The class of the reason of a failed authentication.
    pub reason: Option<String>,
    /// The number of equal events that the entry stands for.
    pub count: i32,
    /// The changed fields, as JSON.
    pub changes: String,
    /// SHA-256 over the hash of the previous entry and this entry, in hexadecimal.
    pub hash: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The kind of actor of an audit entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, EnumIter, DeriveActiveEnum)]
#[oai(rename_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "kebab-case")]
pub enum ActorKind {
    /// An account with a session.
    User,
    /// An account with an API key.
    ApiKey,
    /// A client without a valid credential, or the sender of a signed webhook.
    Anonymous,
    /// A background job.
    Job,
    /// A command on the server.
    Cli,
    /// The server itself.
    System,
}
