//! The example event of the OpenAPI document: the payment of the example invoice.
use poem_openapi::types::Example;

use super::{
    providers::stripe::Stripe,
    types::{
        Provider, WebhookEvent, WebhookEventQuery, WebhookEventState, WebhookEventSummary, WebhookReceipt,
    },
};
use crate::{
    domain::{id::Id, timestamp::Timestamp},
    http::{pagination::PageParams, signed_request::WebhookSigner},
};

impl Example for WebhookReceipt {
    fn example() -> Self {
        WebhookReceipt { received: true }
    }
}

impl Example for WebhookEventSummary {
    fn example() -> Self {
        WebhookEventSummary {
            id: "0199c0de-4444-7c3d-8e1f-2a3b4c5d6e7f".parse().unwrap_or_else(|_| Id::generate()),
            provider: Provider::Stripe,
            provider_id: "evt_1SVr2xGQ".into(),
            kind: "invoice.paid".into(),
            state: WebhookEventState::Handled,
            outcome: Some("invoice 1 is paid".into()),
            attempts: 1,
            received_at: Timestamp(1_763_715_600_000),
            handled_at: Some(Timestamp(1_763_715_600_040)),
        }
    }
}

impl Example for WebhookEvent {
    fn example() -> Self {
        WebhookEvent { summary: WebhookEventSummary::example(), body: Stripe::EXAMPLE.into(), version: 2 }
    }
}

impl Example for WebhookEventQuery {
    fn example() -> Self {
        WebhookEventQuery {
            paging: PageParams::example(),
            provider: Some(Provider::Stripe),
            kind: Some("invoice.paid".into()),
            state: Some(WebhookEventState::Failed),
            sort: Some("receivedAt".into()),
        }
    }
}
