//! `webhook_events`: what providers told, each once, as it came.
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_events")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// `stripe`, `github` or `paypal`.
    pub provider: String,
    /// What the provider calls it; one row each.
    pub provider_id: String,
    /// Under which number it was sent, where that is another one; nothing else comes under it.
    pub delivery: Option<String>,
    pub kind: String,
    pub body: String,
    /// `received`, `handled`, `kept`, `failed` or `ignored`.
    pub state: String,
    /// What came of it.
    pub outcome: Option<String>,
    pub attempts: i32,
    pub version: i64,
    pub received_at: i64,
    pub updated_at: i64,
    pub handled_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
