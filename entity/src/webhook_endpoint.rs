//! `webhook_endpoints`: URLs that receive events by webhook.
use sea_orm::entity::prelude::*;

use crate::redacted::Redacted;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_endpoints")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub url: String,
    pub description: Option<String>,
    /// The subscribed event types and topics, as a JSON list; an empty list means all.
    pub events: String,
    /// `standard` or `cloudevents`.
    pub format: String,
    /// The signing secret. It is needed to sign, so it cannot be hashed.
    pub secret: Redacted,
    pub previous_secret: Option<Redacted>,
    pub previous_until: Option<i64>,
    /// `enabled` or `disabled`.
    pub state: String,
    /// `asked`, `gone` or `failing`.
    pub disabled_reason: Option<String>,
    /// The time of the first failed attempt after the last successful one.
    pub failing_since: Option<i64>,
    /// The position of the last event before the endpoint was created or enabled again; only later events are
    /// sent.
    pub since: i64,
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
