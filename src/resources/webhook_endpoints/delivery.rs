//! How a delivery looks on the wire: an event on its way to an endpoint, and how far it is.
use poem_openapi::{Enum, Object};
use serde::Serialize;

use super::types::WebhookEndpoint;
use crate::{
    contract::{answer::Resource, cache::Cache, etag::ETag, id::Id, page::Paging, time::Timestamp},
    resources::events::Event,
};

/// An event on its way to an endpoint.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct WebhookDelivery {
    /// What the delivery is known by.
    pub id: Id<WebhookDelivery>,
    /// Where it goes.
    pub endpoint_id: Id<WebhookEndpoint>,
    /// What is delivered: the same as `webhook-id`, in each attempt.
    pub event_id: Id<Event>,
    /// What happened; `webhook.test` in tests.
    #[oai(rename = "type", validator(pattern = "^[a-z]+(\\.[a-z]+)+$", max_length = "60"))]
    #[serde(rename = "type")]
    pub kind: String,
    /// The body, as it is signed and sent.
    #[oai(validator(max_length = "20000"))]
    pub payload: String,
    /// How far it is.
    pub state: DeliveryState,
    /// How often it was tried since it was last asked for.
    #[oai(validator(minimum(value = "0"), maximum(value = "100")))]
    pub attempts: i32,
    /// What the last attempt was answered with.
    #[oai(validator(minimum(value = "100"), maximum(value = "999")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_status: Option<i32>,
    /// Why the last attempt failed.
    #[oai(validator(max_length = "500"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// How the last answer began.
    #[oai(validator(max_length = "1000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
    /// When it is tried next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
    /// When it was written down.
    pub created_at: Timestamp,
    /// When something last changed.
    pub updated_at: Timestamp,
    /// When it arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Timestamp>,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) version: i64,
}

impl Resource for WebhookDelivery {
    const FIELDS: &'static [&'static str] = &["Last-Modified"];

    fn etag(&self) -> ETag {
        ETag::of(self.id.0, self.version)
    }
    fn location(&self) -> String {
        format!("/api/webhook-deliveries/{}", self.id)
    }
    fn modified(&self) -> Option<Timestamp> {
        Some(self.updated_at)
    }
    fn cache(&self) -> Cache {
        Cache::Private
    }
}

impl From<entity::webhook_delivery::Model> for WebhookDelivery {
    fn from(row: entity::webhook_delivery::Model) -> Self {
        WebhookDelivery {
            id: row.id.into(),
            endpoint_id: row.endpoint_id.into(),
            event_id: row.event_id.into(),
            kind: row.kind,
            payload: row.payload,
            state: DeliveryState::parse(&row.state),
            attempts: row.attempts,
            last_status: row.last_status,
            last_error: row.last_error,
            response: row.response,
            next_at: row.next_at.map(Timestamp),
            created_at: Timestamp(row.created_at),
            updated_at: Timestamp(row.updated_at),
            delivered_at: row.delivered_at.map(Timestamp),
            version: row.version,
        }
    }
}

/// How far a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// It waits for its first or its next attempt.
    Pending,
    /// The endpoint has it.
    Delivered,
    /// It is tried no more.
    Failed,
}

impl DeliveryState {
    pub fn as_str(self) -> &'static str {
        match self {
            DeliveryState::Pending => "pending",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Failed => "failed",
        }
    }

    fn parse(text: &str) -> Self {
        match text {
            "pending" => DeliveryState::Pending,
            "delivered" => DeliveryState::Delivered,
            _ => DeliveryState::Failed,
        }
    }
}

/// Which deliveries are listed, newest first.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct WebhookDeliveryQuery {
    #[oai(flatten)]
    pub paging: Paging,
    /// Deliveries in this state.
    pub state: Option<DeliveryState>,
}
