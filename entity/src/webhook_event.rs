//! `webhook_events`: events received from webhook providers, once each, with the original body.
use poem_openapi::Enum;
use sea_orm::entity::prelude::*;
use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_events")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub provider: Provider,
    /// The provider's id of the event; unique per provider.
    pub provider_id: String,
    /// The provider's id of the delivery, if it differs from that of the event; unique per provider.
    pub delivery: Option<String>,
    pub kind: String,
    pub body: String,
    /// The SHA-256 hash of the body; `None` for events of an earlier version.
    pub body_digest: Option<String>,
    pub state: WebhookEventState,
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

/// The provider of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, EnumIter, DeriveActiveEnum)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "lowercase")]
pub enum Provider {
    /// Payment events.
    Stripe,
    /// Repository events.
    Github,
    /// Payment events.
    Paypal,
}

/// The state of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, EnumIter, DeriveActiveEnum)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "lowercase")]
pub enum WebhookEventState {
    /// Stored and not handled yet.
    Received,
    /// Handled: its action was applied, or had been applied before.
    Handled,
    /// No handler exists for its type.
    Unhandled,
    /// Handling failed: `outcome` contains the error. The event can be replayed.
    Failed,
    /// Handled: no action was needed.
    Ignored,
}
