//! Request and response bodies of API keys. Only the response to a creation or a rotation contains the
//! secret.
use std::str::FromStr;

use poem_openapi::{Enum, Object};
use serde::Serialize;

use crate::{
    domain::{id::Id, timestamp::Timestamp},
    http::{cache_control::CacheControl, etag::ETag, pagination::PageParams, response::Resource},
    resources::accounts::users::User,
};

macro_rules! scopes {
    ($($name:ident = $text:literal, $description:literal;)*) => {
        /// A permission of an API key, within the permissions of its owner.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Enum, Serialize)]
        pub enum Scope {
            $(
                #[doc = $description]
                #[oai(rename = $text)]
                #[serde(rename = $text)]
                $name,
            )*
        }

        impl Scope {
            pub const ALL: &'static [Scope] = &[$(Scope::$name),*];

            pub fn as_str(self) -> &'static str {
                match self { $(Scope::$name => $text),* }
            }
        }
    };
}

scopes! {
    AuthorsRead = "authors:read", "Read authors.";
    ChannelsRead = "channels:read", "Read channels.";
    ChannelsWrite = "channels:write", "Write channels.";
    CommentsRead = "comments:read", "Read comments.";
    CommentsWrite = "comments:write", "Write comments.";
    CustomersRead = "customers:read", "Read customers.";
    CustomersWrite = "customers:write", "Write customers.";
    DashboardRead = "dashboard:read", "Read the dashboard, with the names of customers.";
    DocumentsRead = "documents:read", "Read documents.";
    DocumentsWrite = "documents:write", "Write documents.";
    EventsRead = "events:read", "Receive events.";
    InvoicesRead = "invoices:read", "Read invoices, with the names and addresses of their customers.";
    InvoicesWrite = "invoices:write", "Write invoices.";
    JobsRead = "jobs:read", "Read jobs.";
    JobsWrite = "jobs:write", "Retry jobs.";
    MediaRead = "media:read", "Read the metadata of media.";
    MediaWrite = "media:write", "Upload media, and change their metadata.";
    MeRead = "me:read", "Read the account of the key's owner.";
    MessagesRead = "messages:read", "Read messages.";
    MessagesWrite = "messages:write", "Write messages.";
    PostsRead = "posts:read", "Read posts.";
    PostsWrite = "posts:write", "Write posts.";
    RatesRead = "rates:read", "Read exchange rates.";
    RedirectsRead = "redirects:read", "Read redirects.";
    RedirectsWrite = "redirects:write", "Write redirects.";
    RevenuesRead = "revenues:read", "Read revenues.";
    RevenuesWrite = "revenues:write", "Write revenues.";
    TagsRead = "tags:read", "Read tags.";
    TagsWrite = "tags:write", "Write tags.";
    UpstreamsRead = "upstreams:read", "Send read requests to upstreams.";
    UpstreamsWrite = "upstreams:write", "Send write requests to upstreams.";
    UsersRead = "users:read", "Read accounts.";
    UsersWrite = "users:write", "Create accounts.";
    WebhookDeliveriesRead = "webhook-deliveries:read", "Read a webhook delivery.";
    WebhookDeliveriesWrite = "webhook-deliveries:write", "Retry webhook deliveries.";
    WebhookEndpointsRead = "webhook-endpoints:read", "Read webhook endpoints and list their deliveries.";
    WebhookEndpointsWrite = "webhook-endpoints:write", "Write webhook endpoints.";
    WebhookEventsRead = "webhook-events:read", "Read incoming webhook events.";
    WebhookEventsWrite = "webhook-events:write", "Retry incoming webhook events.";
}

impl FromStr for Scope {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let scope = Scope::ALL.iter().find(|scope| scope.as_str() == text);
        scope.copied().ok_or_else(|| format!("unknown scope: {text}"))
    }
}

/// An API key, without its secret.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// The id of the key. It is part of the key itself.
    pub id: Id<ApiKey>,
    /// A name for the key, chosen by its owner.
    #[oai(validator(min_length = "1", max_length = "100"))]
    pub name: String,
    /// The scopes of the key.
    #[oai(validator(max_items = "50"))]
    pub scopes: Vec<Scope>,
    /// The owner of the key. The key has the permissions of its owner, limited to its scopes.
    pub owner: Id<User>,
    /// When the key expires; absent if it does not expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When the key was last used, accurate to one minute; absent if it was never used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
    /// When the previous secret expires after a rotation; absent if only the current secret is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_until: Option<Timestamp>,
    /// When the key was created.
    pub created_at: Timestamp,
    /// When the key was last changed.
    pub updated_at: Timestamp,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) version: i64,
}

impl Resource for ApiKey {
    const HEADERS: &'static [&'static str] = &["Last-Modified"];

    fn etag(&self) -> ETag {
        let time = |time: Option<Timestamp>| time.map_or_else(String::new, |time| time.to_string());
        let parts = [
            self.id.to_string(),
            self.version.to_string(),
            time(self.last_used_at),
            // The response contains `previousUntil` only until that time, so the entity tag must depend on
            // it.
            time(self.previous_until),
        ];
        ETag::from_parts(&parts.each_ref().map(String::as_str))
    }
    fn location(&self) -> String {
        format!("/api/api-keys/{}", self.id)
    }
    fn last_modified(&self) -> Option<Timestamp> {
        Some(self.updated_at)
    }
    fn cache(&self) -> CacheControl {
        CacheControl::Private
    }
}

/// An API key with its secret, which is returned only once.
#[derive(Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct IssuedApiKey {
    #[oai(flatten)]
    #[serde(flatten)]
    pub api_key: ApiKey,
    /// The key itself. Send it as `Authorization: Bearer …`.
    #[oai(validator(
        pattern = "^tenon_[0-9a-f]{32}_[A-Za-z0-9_-]{43}$",
        min_length = "82",
        max_length = "82"
    ))]
    pub key: String,
}

impl Resource for IssuedApiKey {
    fn etag(&self) -> ETag {
        self.api_key.etag()
    }
    fn location(&self) -> String {
        self.api_key.location()
    }
    fn cache(&self) -> CacheControl {
        CacheControl::NoStore
    }
}

/// The request to create an API key.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct NewApiKey {
    /// A name for the key. Surrounding white space is removed.
    #[oai(validator(
        min_length = "1",
        max_length = "100",
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*$"
    ))]
    pub name: String,
    /// The scopes of the key.
    #[oai(validator(min_items = "1", max_items = "50"))]
    pub scopes: Vec<Scope>,
    /// When the key expires. Without this field it does not expire.
    pub expires_at: Option<Timestamp>,
}

/// Filters of the list of API keys.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct ApiKeyQuery {
    #[oai(flatten)]
    pub paging: PageParams,
    /// Return only keys of this user.
    pub owner: Option<Id<User>>,
}
