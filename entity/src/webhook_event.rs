//! `webhook_events`: events received from webhook providers, once each, with the original body.
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_events")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// `stripe`, `github` or `paypal`.
    pub provider: String,
    /// The provider's id of the event; unique per provider.
    pub provider_id: String,
    /// The provider's id of the delivery, if it differs from that of the event; unique per provider.
    pub delivery: Option<String>,
    pub kind: String,
    pub body: String,
    /// `received`, `handled`, `kept`, `failed` or `ignored`.
    pub state: String,
    /// The result of the handling, as text.
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
