//! How a webhook endpoint looks on the wire: its secret only once.
use poem_openapi::{Enum, Object};
use serde::Serialize;

use super::filter::EventFilter;
use crate::contract::{
    answer::Resource, cache::Cache, etag::ETag, id::Id, page::Paging, patch::Given, time::Timestamp,
};

/// A program outside that is called when something happens.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct WebhookEndpoint {
    /// What the endpoint is known by.
    pub id: Id<WebhookEndpoint>,
    /// Where it is called.
    #[oai(validator(pattern = "^https?://[\\u0021-\\u007e]+$", min_length = "8", max_length = "2000"))]
    pub url: String,
    /// What it is for.
    #[oai(validator(max_length = "500"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it wants to know of: types of events and topics. Empty: everything.
    #[oai(validator(max_items = "100"))]
    pub events: Vec<EventFilter>,
    /// In which form it is told.
    pub format: WebhookFormat,
    /// Whether it is called.
    pub state: EndpointState,
    /// Why it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_reason: Option<DisabledReason>,
    /// Until when the secret before the last rotation signs too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_until: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) version: i64,
}

impl Resource for WebhookEndpoint {
    const FIELDS: &'static [&'static str] = &["Last-Modified"];

    fn etag(&self) -> ETag {
        // The end of the old secret is shown until it has passed.
        let until = self.previous_until.map_or_else(String::new, |until| until.to_string());
        ETag::of_parts(&[&self.id.to_string(), &self.version.to_string(), &until])
    }
    fn location(&self) -> String {
        address(self.id)
    }
    fn modified(&self) -> Option<Timestamp> {
        Some(self.updated_at)
    }
    fn cache(&self) -> Cache {
        Cache::Private
    }
}

pub fn address(id: Id<WebhookEndpoint>) -> String {
    format!("/api/webhook-endpoints/{id}")
}

/// A webhook endpoint with its secret, which is shown this once.
#[derive(Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct IssuedWebhookEndpoint {
    #[oai(flatten)]
    #[serde(flatten)]
    pub endpoint: WebhookEndpoint,
    /// What deliveries are signed with: `whsec_` and the key in base64.
    #[oai(validator(pattern = "^whsec_[A-Za-z0-9+/]{43}=$", min_length = "50", max_length = "50"))]
    pub secret: String,
}

impl Resource for IssuedWebhookEndpoint {
    fn etag(&self) -> ETag {
        self.endpoint.etag()
    }
    fn location(&self) -> String {
        self.endpoint.location()
    }
    fn cache(&self) -> Cache {
        Cache::None
    }
}

/// Whether an endpoint is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum EndpointState {
    /// It is called.
    Enabled,
    /// It is not, and what happens meanwhile it never learns.
    Disabled,
}

impl EndpointState {
    pub fn as_str(self) -> &'static str {
        match self {
            EndpointState::Enabled => "enabled",
            EndpointState::Disabled => "disabled",
        }
    }

    /// As it was kept.
    pub fn parse(text: &str) -> Self {
        if text == "enabled" { EndpointState::Enabled } else { EndpointState::Disabled }
    }
}

/// In which form an endpoint is told of an event. Both are signed as Standard Webhooks has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Enum, Serialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum WebhookFormat {
    /// The body says what happened, when, and to what.
    #[default]
    Standard,
    /// A CloudEvent 1.0 in binary mode: header fields say what happened and when, and the body says to what.
    CloudEvents,
}

impl WebhookFormat {
    pub fn as_str(self) -> &'static str {
        match self {
            WebhookFormat::Standard => "standard",
            WebhookFormat::CloudEvents => "cloudevents",
        }
    }

    /// As it was kept.
    pub fn parse(text: &str) -> Self {
        if text == "cloudevents" { WebhookFormat::CloudEvents } else { WebhookFormat::Standard }
    }
}

/// Why an endpoint is not called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum DisabledReason {
    /// An admin said so.
    Asked,
    /// It answered 410.
    Gone,
    /// For five days every call failed.
    Failing,
}

impl DisabledReason {
    pub fn as_str(self) -> &'static str {
        match self {
            DisabledReason::Asked => "asked",
            DisabledReason::Gone => "gone",
            DisabledReason::Failing => "failing",
        }
    }

    pub fn parse(text: &str) -> Self {
        match text {
            "gone" => DisabledReason::Gone,
            "failing" => DisabledReason::Failing,
            _ => DisabledReason::Asked,
        }
    }
}

/// An endpoint to be made.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct NewWebhookEndpoint {
    /// Where it is called: `https://…`, at a public address, without a user or a password in it.
    #[oai(validator(pattern = "^https?://[\\u0021-\\u007e]+$", min_length = "8", max_length = "2000"))]
    pub url: String,
    /// What it is for; spaces around it are dropped.
    #[oai(validator(max_length = "500"))]
    pub description: Option<String>,
    /// What it wants to know of: types of events and topics. Left out or empty: everything.
    #[oai(default, validator(max_items = "100", unique_items))]
    pub events: Vec<EventFilter>,
    /// In which form it is told.
    #[oai(default)]
    pub format: WebhookFormat,
}

/// What shall change in an endpoint.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct WebhookEndpointPatch {
    /// Where it is called from now on, also with what waits already.
    #[oai(validator(pattern = "^https?://[\\u0021-\\u007e]+$", min_length = "8", max_length = "2000"))]
    pub url: Option<String>,
    /// What it is for; `null` clears it.
    #[oai(validator(max_length = "500"))]
    pub description: Given<String>,
    /// What it wants to know of from now on.
    #[oai(validator(max_items = "100", unique_items))]
    pub events: Option<Vec<EventFilter>>,
    /// In which form it is told of what happens from now on; what waits already stays as it is.
    pub format: Option<WebhookFormat>,
    /// Whether it is called. What waits when it is disabled fails.
    pub state: Option<EndpointState>,
}

/// Which endpoints are listed, newest first.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct WebhookEndpointQuery {
    #[oai(flatten)]
    pub paging: Paging,
    /// Endpoints in this state.
    pub state: Option<EndpointState>,
}
