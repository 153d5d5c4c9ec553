//! `webhook_deliveries`: one event to be sent to one endpoint, with the result of the attempts.
use poem_openapi::Enum;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::webhook_endpoint::WebhookFormat;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_deliveries")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub endpoint_id: Uuid,
    pub event_id: Uuid,
    /// The position in the event log; `None` for a test delivery.
    pub position: Option<i64>,
    pub kind: String,
    pub occurred_at: i64,
    /// The format of the endpoint at the creation of the delivery.
    pub format: WebhookFormat,
    /// The request body, identical in all attempts.
    pub payload: String,
    pub state: DeliveryState,
    pub attempts: i32,
    pub last_status: Option<i32>,
    pub last_error: Option<String>,
    /// The beginning of the last response body.
    pub response: Option<String>,
    pub next_at: Option<i64>,
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
    pub delivered_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The state of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, EnumIter, DeriveActiveEnum)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "lowercase")]
pub enum DeliveryState {
    /// Waits for its first or next attempt.
    Pending,
    /// The endpoint responded with a 2xx status.
    Delivered,
    /// All attempts failed, or the endpoint was disabled.
    Failed,
}
