//! Wire types of webhook endpoints and deliveries.
pub use entity::{
    webhook_delivery::DeliveryState,
    webhook_endpoint::{DisabledReason, EndpointState, WebhookFormat},
};
use poem_openapi::Object;
use serde::Serialize;

use super::filter::EventFilter;
use crate::{
    domain::{
        id::Id,
        pattern,
        text::{DottedName, Text, text_type, trim, trim_lower},
        timestamp::Timestamp,
    },
    http::{
        auth::{Principal, Via},
        cache_control::CacheControl,
        etag::ETag,
        merge_patch::Patch,
        pagination::PageParams,
        response::Resource,
    },
    resources::events::Event,
};

text_type! {
    /// The URL of a webhook endpoint.
    pub struct EndpointUrl {
        length: 8..=2000,
        pattern: pattern::ASCII_URL,
        example: "https://hooks.acme.test/tenon",
    }

    /// The purpose of a webhook endpoint. An empty text is stored as no description.
    pub struct EndpointDescription {
        length: 0..=500,
        normalize: trim,
        example: "Notifies the warehouse of paid invoices.",
    }

    /// The secret of a webhook endpoint.
    pub struct WebhookSecret {
        length: 38..=94,
        pattern: pattern::WEBHOOK_SECRET,
        debug: "[redacted]",
        example: "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
    }

    /// The name of a header field of an endpoint, in lower case.
    pub struct EndpointHeaderName {
        length: 1..=64,
        pattern: pattern::TOKEN,
        normalize: trim_lower,
        example: "x-api-key",
    }

    /// The value of a header field of an endpoint.
    pub struct EndpointHeaderValue {
        length: 1..=1000,
        pattern: pattern::ENTITY_TAGS,
        debug: "[redacted]",
        example: "an-api-key-of-the-receiver",
    }
}

/// A header field that is added to the deliveries of an endpoint.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", example)]
pub struct EndpointHeader {
    /// The name. Names that the sender sets (`Content-*`, `Webhook-*`, `Ce-*`, `User-Agent`, trace headers) and those that
    /// concern the connection (`Host`, `Proxy-*`, `TE`, `Upgrade` and others) are rejected.
    pub name: EndpointHeaderName,
    /// The value. It is stored sealed and never returned.
    pub value: EndpointHeaderValue,
}

/// A webhook endpoint: a URL that receives events.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct WebhookEndpoint {
    /// The id of the endpoint.
    pub id: Id<WebhookEndpoint>,
    /// The URL that receives the deliveries.
    pub url: EndpointUrl,
    /// The purpose of the endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<EndpointDescription>,
    /// The event types and topics that the endpoint receives. Empty: all events.
    #[oai(validator(max_items = "100"))]
    pub events: Vec<EventFilter>,
    /// The format of the deliveries.
    pub format: WebhookFormat,
    /// The names of the header fields that are added to the deliveries. The values are never returned.
    #[oai(validator(max_items = "8"))]
    pub header_names: Vec<EndpointHeaderName>,
    /// Whether the endpoint receives deliveries.
    pub state: EndpointState,
    /// The reason why the endpoint is disabled. Absent if it is enabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_reason: Option<DisabledReason>,
    /// The time until which deliveries are also signed with the previous secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_secret_until: Option<Timestamp>,
    /// The time of creation.
    pub created_at: Timestamp,
    /// The time of the last update.
    pub updated_at: Timestamp,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) version: i64,
}

impl Resource for WebhookEndpoint {
    const HEADERS: &'static [&'static str] = &["Last-Modified"];

    fn etag(&self) -> ETag {
        // `previousSecretUntil` disappears from the representation when it has passed.
        let until = self.previous_secret_until.map_or_else(String::new, |until| until.to_string());
        ETag::from_parts(&[&self.id.to_string(), &self.version.to_string(), &until])
    }
    fn location(&self) -> String {
        location_path(self.id)
    }
    fn last_modified(&self) -> Option<Timestamp> {
        Some(self.updated_at)
    }
    fn cache(&self) -> CacheControl {
        CacheControl::Private
    }
}

pub fn location_path(id: Id<WebhookEndpoint>) -> String {
    format!("/api/webhook-endpoints/{id}")
}

/// A webhook endpoint with its secret. The secret is returned only when it is created or rotated.
#[derive(Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct IssuedWebhookEndpoint {
    #[oai(flatten)]
    #[serde(flatten)]
    pub endpoint: WebhookEndpoint,
    /// The secret that signs the deliveries: `whsec_` and the key in base64.
    pub secret: WebhookSecret,
}

impl Resource for IssuedWebhookEndpoint {
    fn etag(&self) -> ETag {
        self.endpoint.etag()
    }
    fn location(&self) -> String {
        self.endpoint.location()
    }
    fn cache(&self) -> CacheControl {
        CacheControl::NoStore
    }
}

/// An endpoint to create.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct WebhookEndpointInput {
    /// The URL that receives the deliveries: `https://…` with a public address and without user information.
    pub url: EndpointUrl,
    /// The purpose of the endpoint. Leading and trailing spaces are removed.
    pub description: Option<EndpointDescription>,
    /// The event types and topics that the endpoint receives. Default: all events.
    #[oai(default, validator(max_items = "100", unique_items))]
    pub events: Vec<EventFilter>,
    /// The format of the deliveries.
    #[oai(default)]
    pub format: WebhookFormat,
    /// The secret that signs the deliveries: `whsec_` and 24 to 64 bytes in base64. Default: a random secret.
    pub secret: Option<WebhookSecret>,
    /// Header fields that are added to the deliveries, such as `Authorization`.
    #[oai(default, validator(max_items = "8"))]
    pub headers: Vec<EndpointHeader>,
}

/// A merge patch of an endpoint.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct WebhookEndpointPatch {
    /// The new URL. It also applies to pending deliveries.
    pub url: Option<EndpointUrl>,
    /// The purpose of the endpoint; `null` clears it.
    pub description: Patch<EndpointDescription>,
    /// The event types and topics that the endpoint receives. The change applies to later events.
    #[oai(validator(max_items = "100", unique_items))]
    pub events: Option<Vec<EventFilter>>,
    /// The format of the deliveries of later events. Pending deliveries retain their format.
    pub format: Option<WebhookFormat>,
    /// The new secret. For 24 hours, deliveries are also signed with the previous one.
    pub secret: Option<WebhookSecret>,
    /// The header fields that replace all previous ones. Required with a `url` of another origin if the endpoint has
    /// header fields, because their values are credentials of the previous receiver.
    #[oai(validator(max_items = "8"))]
    pub headers: Option<Vec<EndpointHeader>>,
    /// Whether the endpoint receives deliveries. Disabling it fails all pending deliveries.
    pub state: Option<EndpointState>,
}

/// Filters of the list of endpoints.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct WebhookEndpointQuery {
    #[oai(flatten)]
    pub paging: PageParams,
    /// Only endpoints in this state.
    pub state: Option<EndpointState>,
}

/// A delivery of an event to an endpoint.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct WebhookDelivery {
    /// The id of the delivery.
    pub id: Id<WebhookDelivery>,
    /// The id of the endpoint.
    pub endpoint_id: Id<WebhookEndpoint>,
    /// The id of the event. Every attempt sends it as `webhook-id`.
    pub event_id: Id<Event>,
    /// The event type; `webhook.test` for test deliveries.
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    pub kind: DottedName,
    /// The signed request body.
    pub payload: Text<20000>,
    /// The state of the delivery.
    pub state: DeliveryState,
    /// The number of attempts since the delivery was created or replayed.
    #[oai(validator(minimum(value = "0"), maximum(value = "100")))]
    pub attempts: i32,
    /// The status code of the last response.
    #[oai(validator(minimum(value = "100"), maximum(value = "999")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_status: Option<i32>,
    /// The error of the last attempt. Why a request had no response is returned to sessions only: an API key could
    /// use it to search networks for addresses.
    #[oai(validator(max_length = "500"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// The start of the last response body.
    #[oai(validator(max_length = "1000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
    /// The time of the next attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
    /// The time of creation.
    pub created_at: Timestamp,
    /// The time of the last update.
    pub updated_at: Timestamp,
    /// The time of the successful attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Timestamp>,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) version: i64,
}

impl WebhookDelivery {
    /// Replaces the error of a request without a response, unless the caller has a session.
    pub(super) fn redacted_for(self, admin: &Principal) -> Self {
        let is_hidden = matches!(admin.via, Via::Key { .. }) && self.last_status.is_none();
        match self.last_error {
            Some(_) if is_hidden => WebhookDelivery { last_error: Some(NO_RESPONSE.to_owned()), ..self },
            _ => self,
        }
    }
}

/// The error of a request without a response, as API keys read it.
const NO_RESPONSE: &str = "the endpoint did not respond: read the delivery with a session for the reason";

impl Resource for WebhookDelivery {
    const HEADERS: &'static [&'static str] = &["Last-Modified"];

    fn etag(&self) -> ETag {
        ETag::for_version(self.id.0, self.version)
    }
    fn location(&self) -> String {
        format!("/api/webhook-deliveries/{}", self.id)
    }
    fn last_modified(&self) -> Option<Timestamp> {
        Some(self.updated_at)
    }
    fn cache(&self) -> CacheControl {
        CacheControl::Private
    }
}

impl From<entity::webhook_delivery::Model> for WebhookDelivery {
    fn from(row: entity::webhook_delivery::Model) -> Self {
        WebhookDelivery {
            id: row.id.into(),
            endpoint_id: row.endpoint_id.into(),
            event_id: row.event_id.into(),
            kind: row.kind.into(),
            payload: row.payload.into(),
            state: row.state,
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

/// Filters of the list of deliveries.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct WebhookDeliveryQuery {
    #[oai(flatten)]
    pub paging: PageParams,
    /// Only deliveries in this state.
    pub state: Option<DeliveryState>,
}
