//! `webhook_endpoints`: URLs that receive events by webhook.
use poem_openapi::Enum;
use sea_orm::entity::prelude::*;
use serde::Serialize;

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
    pub format: WebhookFormat,
    /// The names of the header fields of its own, as a JSON list in lower case.
    pub header_names: String,
    /// The values of these header fields, as a sealed JSON list.
    pub header_values: Option<Redacted>,
    /// The signing secret. It is needed to sign, so it cannot be hashed.
    pub secret: Redacted,
    pub previous_secret: Option<Redacted>,
    pub previous_secret_until: Option<i64>,
    pub state: EndpointState,
    pub disabled_reason: Option<DisabledReason>,
    /// The time of the first failed attempt after the last successful one.
    pub failing_since: Option<i64>,
    /// The position of the last event before the endpoint was created or enabled again; only later events are
    /// sent.
    pub start_position: i64,
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Whether an endpoint receives deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, EnumIter, DeriveActiveEnum)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "lowercase")]
pub enum EndpointState {
    /// The endpoint receives deliveries.
    Enabled,
    /// The endpoint receives nothing. Events that occur while it is disabled are not delivered later.
    Disabled,
}

/// The format of deliveries. Both formats are signed as in Standard Webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Enum, Serialize, EnumIter, DeriveActiveEnum)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "lowercase")]
pub enum WebhookFormat {
    /// The body contains the type, the time and the resource of the event.
    #[default]
    Standard,
    /// A CloudEvent 1.0 in binary mode: headers contain the type and the time, the body contains the
    /// resource.
    CloudEvents,
}

/// The reason why an endpoint is disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, EnumIter, DeriveActiveEnum)]
#[oai(rename_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "kebab-case")]
pub enum DisabledReason {
    /// An admin disabled it.
    ByAdmin,
    /// It responded with 410.
    Gone,
    /// All deliveries failed for five days.
    Failing,
}
