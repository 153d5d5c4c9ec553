//! `webhook_endpoints`: who is called when something happens.
use sea_orm::entity::prelude::*;

use crate::hidden::Hidden;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_endpoints")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub url: String,
    pub description: Option<String>,
    /// A JSON list of types and topics; an empty one stands for all.
    pub events: String,
    /// `standard` or `cloudevents`.
    pub format: String,
    /// Signs, so it is kept as it is.
    pub secret: Hidden,
    pub previous_secret: Option<Hidden>,
    pub previous_until: Option<i64>,
    /// `enabled` or `disabled`.
    pub state: String,
    /// `asked`, `gone` or `failing`.
    pub disabled_reason: Option<String>,
    /// When the first call failed since the last good one.
    pub failing_since: Option<i64>,
    /// The position of the newest event that is not meant for it.
    pub since: i64,
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
