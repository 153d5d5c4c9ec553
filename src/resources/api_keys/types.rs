//! How an API key looks on the wire: its secret only once.
use std::str::FromStr;

use poem_openapi::{Enum, Object};
use serde::Serialize;

use super::super::users::User;
use crate::contract::{answer::Resource, cache::Cache, etag::ETag, id::Id, page::Paging, time::Timestamp};

macro_rules! scopes {
    ($($name:ident = $word:literal, $meaning:literal;)*) => {
        /// What a key may be used for, as far as its owner may.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Enum, Serialize)]
        pub enum Scope {
            $(
                #[doc = $meaning]
                #[oai(rename = $word)]
                #[serde(rename = $word)]
                $name,
            )*
        }

        impl Scope {
            pub const ALL: &'static [Scope] = &[$(Scope::$name),*];

            pub fn as_str(self) -> &'static str {
                match self { $(Scope::$name => $word),* }
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
    DocsRead = "docs:read", "Read pages of documentation.";
    DocsWrite = "docs:write", "Write pages of documentation.";
    EventsRead = "events:read", "Listen to events.";
    InvoicesRead = "invoices:read", "Read invoices, with the names and addresses of their customers.";
    InvoicesWrite = "invoices:write", "Write invoices.";
    JobsRead = "jobs:read", "Read jobs.";
    JobsWrite = "jobs:write", "Have jobs done again.";
    MediaRead = "media:read", "Read what is known of pictures.";
    MediaWrite = "media:write", "Upload pictures, and change what is said of them.";
    MeRead = "me:read", "Read one's own account.";
    MessagesRead = "messages:read", "Read messages.";
    MessagesWrite = "messages:write", "Write messages.";
    PostsRead = "posts:read", "Read posts.";
    PostsWrite = "posts:write", "Write posts.";
    RatesRead = "rates:read", "Read rates.";
    RedirectsRead = "redirects:read", "Read redirects.";
    RedirectsWrite = "redirects:write", "Write redirects.";
    RevenuesRead = "revenues:read", "Read revenues.";
    RevenuesWrite = "revenues:write", "Write revenues.";
    TagsRead = "tags:read", "Read tags.";
    TagsWrite = "tags:write", "Write tags.";
    UpstreamsRead = "upstreams:read", "Read from the upstreams.";
    UpstreamsWrite = "upstreams:write", "Send to the upstreams.";
    UsersRead = "users:read", "Read accounts.";
    UsersWrite = "users:write", "Make accounts.";
    WebhookDeliveriesRead = "webhook-deliveries:read", "Read a delivery of a webhook.";
    WebhookDeliveriesWrite = "webhook-deliveries:write", "Have webhooks delivered again.";
    WebhookEndpointsRead = "webhook-endpoints:read", "Read webhook endpoints and lists of their deliveries.";
    WebhookEndpointsWrite = "webhook-endpoints:write", "Write webhook endpoints.";
    WebhookEventsRead = "webhook-events:read", "Read what providers told.";
    WebhookEventsWrite = "webhook-events:write", "Have what providers told handled again.";
}

impl FromStr for Scope {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let known = Scope::ALL.iter().find(|scope| scope.as_str() == text);
        known.copied().ok_or_else(|| format!("no scope is called {text}"))
    }
}

/// A key of a program, without its secret.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// What the key is known by; it stands in the key itself.
    pub id: Id<ApiKey>,
    /// What its owner calls it.
    #[oai(validator(min_length = "1", max_length = "100"))]
    pub name: String,
    /// What it may be used for.
    #[oai(validator(max_items = "50"))]
    pub scopes: Vec<Scope>,
    /// Whose it is. It may do what its owner may, within its scopes.
    pub owner: Id<User>,
    /// When it ends; left out in keys that do not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it was last used, within a minute; left out in keys that never were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
    /// Until when the secret before the last rotation still works.
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

impl Resource for ApiKey {
    const FIELDS: &'static [&'static str] = &["Last-Modified"];

    fn etag(&self) -> ETag {
        let time = |time: Option<Timestamp>| time.map_or_else(String::new, |time| time.to_string());
        let parts = [
            self.id.to_string(),
            self.version.to_string(),
            time(self.last_used_at),
            // It is shown until it has passed.
            time(self.previous_until),
        ];
        ETag::of_parts(&parts.each_ref().map(String::as_str))
    }
    fn location(&self) -> String {
        format!("/api/api-keys/{}", self.id)
    }
    fn modified(&self) -> Option<Timestamp> {
        Some(self.updated_at)
    }
    fn cache(&self) -> Cache {
        Cache::Private
    }
}

/// A key of a program with its secret, which is shown this once.
#[derive(Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct IssuedApiKey {
    #[oai(flatten)]
    #[serde(flatten)]
    pub api_key: ApiKey,
    /// What the program sends as `Authorization: Bearer …`.
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
    fn cache(&self) -> Cache {
        Cache::None
    }
}

/// A key to be made.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct NewApiKey {
    /// What its owner calls it; white space around it is dropped.
    #[oai(validator(
        min_length = "1",
        max_length = "100",
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*$"
    ))]
    pub name: String,
    /// What it may be used for.
    #[oai(validator(min_items = "1", max_items = "50"))]
    pub scopes: Vec<Scope>,
    /// When it ends; left out, it does not.
    pub expires_at: Option<Timestamp>,
}

/// Which keys are listed: one's own, newest first; admins see all.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct ApiKeyQuery {
    #[oai(flatten)]
    pub paging: Paging,
    /// Keys of this user.
    pub owner: Option<Id<User>>,
}
