//! How what providers told looks on the wire.
use poem_openapi::{Enum, Object};
use serde::Serialize;

use crate::contract::{
    answer::Resource, cache::Cache, etag::ETag, id::Id, page::Paging, signed::Signer, time::Timestamp,
};

/// Who tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Payments.
    Stripe,
    /// Repositories.
    Github,
    /// Payments.
    Paypal,
}

impl Provider {
    pub fn as_str(self) -> &'static str {
        match self {
            Provider::Stripe => "stripe",
            Provider::Github => "github",
            Provider::Paypal => "paypal",
        }
    }

    pub fn parse(text: &str) -> Self {
        match text {
            "stripe" => Provider::Stripe,
            "github" => Provider::Github,
            _ => Provider::Paypal,
        }
    }
}

macro_rules! signers {
    ($($(#[doc = $doc:literal])* $name:ident = $scheme:literal, $most:literal, $example:literal;)*) => {$(
        $(#[doc = $doc])*
        pub struct $name;
        impl Signer for $name {
            const SCHEME: &'static str = concat!("signed:", $scheme);
            const MOST: usize = $most;
            const EXAMPLE: &'static str = $example;
        }
    )*};
}

signers! {
    /// Events of payments: objects of some kilobytes.
    Stripe = "stripe_signature", 262_144,
        r#"{"id":"evt_1SVr2xGQ","object":"event","type":"invoice.paid","data":{"object":{"id":"in_1SVr2wGQ","metadata":{"invoice":"1"}}}}"#;
    /// A push may tell of many commits.
    Github = "github_signature", 1_048_576,
        r#"{"ref":"refs/heads/main","repository":{"full_name":"acme/handbook"}}"#;
    /// Events of payments: objects of some kilobytes.
    Paypal = "paypal_signature", 262_144,
        r#"{"id":"WH-58D329510W468432D-8HN650336L201105X","event_type":"PAYMENT.SALE.COMPLETED","resource":{"amount":{"total":"7.47","currency":"USD"}}}"#;
}

/// What a provider hears back.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", example)]
pub struct WebhookReceipt {
    /// That it was received; what comes of it is seen later.
    pub received: bool,
}

/// How far an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum WebhookEventState {
    /// Kept, and not handled yet.
    Received,
    /// It had its effect, or what it tells was so already.
    Handled,
    /// Nothing here is done about events of its type; it can be read.
    Kept,
    /// It could not be handled: `outcome` says why. It can be handled again.
    Failed,
    /// There is nothing to do about it.
    Ignored,
}

impl WebhookEventState {
    pub fn as_str(self) -> &'static str {
        match self {
            WebhookEventState::Received => "received",
            WebhookEventState::Handled => "handled",
            WebhookEventState::Kept => "kept",
            WebhookEventState::Failed => "failed",
            WebhookEventState::Ignored => "ignored",
        }
    }

    pub fn parse(text: &str) -> Self {
        match text {
            "handled" => WebhookEventState::Handled,
            "kept" => WebhookEventState::Kept,
            "failed" => WebhookEventState::Failed,
            "ignored" => WebhookEventState::Ignored,
            _ => WebhookEventState::Received,
        }
    }
}

/// An event that a provider told, with its body.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct WebhookEvent {
    #[oai(flatten)]
    #[serde(flatten)]
    pub summary: WebhookEventSummary,
    /// The body as it came: JSON, as a text.
    #[oai(validator(min_length = "1", max_length = "1048576"))]
    pub body: String,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) version: i64,
}

/// An event in a list.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct WebhookEventSummary {
    /// What the event is known by here.
    pub id: Id<WebhookEvent>,
    /// Who told.
    pub provider: Provider,
    /// What the provider calls it; sent again, it is the same event.
    #[oai(validator(min_length = "1", max_length = "255"))]
    pub provider_id: String,
    /// What it is about, in the provider's words.
    #[oai(rename = "type", validator(min_length = "1", max_length = "255"))]
    #[serde(rename = "type")]
    pub kind: String,
    /// How far it is.
    pub state: WebhookEventState,
    /// What came of it, or why nothing did.
    #[oai(validator(min_length = "1", max_length = "1000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// How often it was tried to handle it.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000")))]
    pub attempts: i32,
    /// When it came.
    pub received_at: Timestamp,
    /// When it was handled last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handled_at: Option<Timestamp>,
}

impl Resource for WebhookEvent {
    fn etag(&self) -> ETag {
        ETag::of(self.summary.id.0, self.version)
    }
    fn location(&self) -> String {
        format!("/api/webhook-events/{}", self.summary.id)
    }
    fn cache(&self) -> Cache {
        Cache::Private
    }
}

/// Which events, and in which order.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct WebhookEventQuery {
    #[oai(flatten)]
    pub paging: Paging,
    /// Events of this provider.
    pub provider: Option<Provider>,
    /// Events of this type, such as `invoice.paid`.
    #[oai(
        rename = "type",
        validator(pattern = "^[\\u0021-\\u007e]+$", min_length = "1", max_length = "255")
    )]
    pub kind: Option<String>,
    /// Events that are this far.
    pub state: Option<WebhookEventState>,
    /// The order, with `-` for falling; left out, the newest come first.
    #[oai(validator(pattern = "^-?receivedAt$", min_length = "10", max_length = "11"))]
    pub sort: Option<String>,
}
