//! Wire types of webhook events.
pub use entity::webhook_event::{Provider, WebhookEventState};
use poem_openapi::Object;
use serde::Serialize;

use crate::{
    domain::{
        id::Id,
        names::names_type,
        pattern,
        text::{Text, text_type},
        timestamp::Timestamp,
    },
    http::{cache_control::CacheControl, etag::ETag, pagination::PageParams, response::Resource},
};

text_type! {
    /// An event type of a provider, as a filter.
    pub struct ProviderEventType {
        length: 1..=255,
        pattern: pattern::NO_SPACES,
        example: "invoice.paid",
    }
}

names_type! {
    /// The sort order of webhook events.
    pub struct WebhookEventSort {
        names: ["receivedAt"],
        signed: true,
        max: 1,
        example: "receivedAt",
    }
}

/// The response to a provider.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", example)]
pub struct WebhookReceipt {
    /// Always `true`. The result of handling is not part of the response.
    pub received: bool,
}

/// An event from a provider, with its body.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct WebhookEvent {
    #[oai(flatten)]
    #[serde(flatten)]
    pub summary: WebhookEventSummary,
    /// The received JSON body, as a string. Of a form, the value of its field.
    pub body: Text<1_048_576>,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) version: i64,
}

/// An event without its body.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct WebhookEventSummary {
    /// The id of the event on this server.
    pub id: Id<WebhookEvent>,
    /// The provider that sent the event.
    pub provider: Provider,
    /// The event id of the provider. An event with a known id is not stored again; if it failed, it is enqueued again.
    pub provider_id: Text<255>,
    /// The event type of the provider.
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    pub kind: Text<255>,
    /// The state of the event.
    pub state: WebhookEventState,
    /// The result of handling the event, or the reason why nothing was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Text<1000>>,
    /// The number of attempts to handle it.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000")))]
    pub attempts: i32,
    /// The time of receipt.
    pub received_at: Timestamp,
    /// The time of the last handling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handled_at: Option<Timestamp>,
}

impl Resource for WebhookEvent {
    fn etag(&self) -> ETag {
        ETag::for_version(self.summary.id.0, self.version)
    }
    fn location(&self) -> String {
        format!("/api/webhook-events/{}", self.summary.id)
    }
    fn cache(&self) -> CacheControl {
        CacheControl::Private
    }
}

/// Filters and sort order of the list of events.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct WebhookEventQuery {
    #[oai(flatten)]
    pub paging: PageParams,
    /// Only events from this provider.
    pub provider: Option<Provider>,
    /// Only events of this type, such as `invoice.paid`.
    #[oai(rename = "type")]
    pub kind: Option<ProviderEventType>,
    /// Only events in this state.
    pub state: Option<WebhookEventState>,
    /// The sort field, with a leading `-` for descending order. The default is `-receivedAt`.
    pub sort: Option<WebhookEventSort>,
}
