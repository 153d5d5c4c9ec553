//! Example values of webhook endpoints and deliveries for the OpenAPI document.
use poem_openapi::types::Example;

use super::{
    filter::EventFilter,
    types::{
        DeliveryState, EndpointHeader, EndpointState, IssuedWebhookEndpoint, WebhookDelivery,
        WebhookDeliveryQuery, WebhookEndpoint, WebhookEndpointInput, WebhookEndpointPatch,
        WebhookEndpointQuery, WebhookFormat,
    },
};
use crate::{
    domain::{
        event::{EventType, Topic},
        id::Id,
        timestamp::Timestamp,
    },
    http::{merge_patch::Patch, pagination::PageParams},
};

const URL: &str = "https://hooks.acme.test/tenon";
const DESCRIPTION: &str = "Notifies the warehouse of paid invoices.";
const CREATED_AT: Timestamp = Timestamp(1_763_721_000_000);

fn id<T>(last: char) -> Id<T> {
    format!("0199c0de-9a9a-7c3d-8e1f-2a3b4c5d6e7{last}").parse().unwrap_or_else(|_| Id::generate())
}

fn events() -> Vec<EventFilter> {
    vec![EventFilter::Type(EventType::InvoicePaid), EventFilter::Topic(Topic::Posts)]
}

impl Example for WebhookEndpoint {
    fn example() -> Self {
        WebhookEndpoint {
            id: id('1'),
            url: URL.into(),
            description: Some(DESCRIPTION.into()),
            events: events(),
            format: WebhookFormat::Standard,
            header_names: vec!["authorization".into()],
            state: EndpointState::Enabled,
            disabled_reason: None,
            previous_secret_until: None,
            created_at: CREATED_AT,
            updated_at: CREATED_AT,
            version: 1,
        }
    }
}

impl Example for EndpointHeader {
    fn example() -> Self {
        EndpointHeader { name: "authorization".into(), value: "Bearer token-of-the-receiver".into() }
    }
}

impl Example for IssuedWebhookEndpoint {
    fn example() -> Self {
        let secret = format!("whsec_{}=", "A".repeat(43));
        IssuedWebhookEndpoint { endpoint: WebhookEndpoint::example(), secret: secret.into() }
    }
}

impl Example for WebhookEndpointInput {
    fn example() -> Self {
        WebhookEndpointInput {
            url: URL.into(),
            description: Some(DESCRIPTION.into()),
            events: events(),
            format: WebhookFormat::CloudEvents,
            secret: None,
            headers: vec![EndpointHeader::example()],
        }
    }
}

impl Example for WebhookEndpointPatch {
    fn example() -> Self {
        WebhookEndpointPatch {
            url: Some(URL.into()),
            description: Patch::Null,
            events: Some(events()),
            format: Some(WebhookFormat::Standard),
            secret: None,
            headers: Some(vec![EndpointHeader::example()]),
            state: Some(EndpointState::Enabled),
        }
    }
}

impl Example for WebhookEndpointQuery {
    fn example() -> Self {
        WebhookEndpointQuery { paging: PageParams::example(), state: Some(EndpointState::Enabled) }
    }
}

impl Example for WebhookDelivery {
    fn example() -> Self {
        WebhookDelivery {
            id: id('2'),
            endpoint_id: id('1'),
            event_id: "0199c0de-8888-7c3d-8e1f-2a3b4c5d6e7f".parse().unwrap_or_else(|_| Id::generate()),
            kind: EventType::PostPublished.as_str().into(),
            payload: r#"{"type":"post.published","timestamp":"2025-11-21T10:30:00.000Z","data":{"id":"0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f","href":"/api/posts/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f","version":3}}"#.into(),
            state: DeliveryState::Delivered,
            attempts: 1,
            last_status: Some(204),
            last_error: None,
            response: None,
            next_at: None,
            created_at: CREATED_AT,
            updated_at: Timestamp(CREATED_AT.0 + 120),
            delivered_at: Some(Timestamp(CREATED_AT.0 + 120)),
            version: 2,
        }
    }
}

impl Example for WebhookDeliveryQuery {
    fn example() -> Self {
        WebhookDeliveryQuery { paging: PageParams::example(), state: Some(DeliveryState::Failed) }
    }
}
