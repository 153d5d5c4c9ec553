//! The list of resources, the OpenAPI document, and the dispatcher that serves it.

use std::sync::{Arc, LazyLock};

use futures_util::FutureExt;
use poem_openapi::{OpenApi, Tags};
use serde_json::{Value, json};

use crate::{
    app::App,
    openapi,
    resources::{
        accounts::{
            api_keys::ApiKeysApi,
            authors::AuthorsApi,
            me::MeApi,
            sessions::{JwksApi, SessionsApi},
            users::UsersApi,
        },
        billing::{
            customers::CustomersApi,
            dashboard::DashboardApi,
            invoices::{InvoiceExportsApi, InvoicesApi, InvoicesV1Api, LocaleRedirectApi},
            rates::RatesApi,
            revenues::RevenuesApi,
        },
        chat::{channels::ChannelsApi, messages::MessagesApi},
        content::{
            comments::CommentsApi,
            documents::{DocumentRevisionsApi, DocumentsApi, DocumentsByPathApi},
            media::{MediaApi, MediaFilesApi},
            posts::{PostRevisionsApi, PostsApi},
            tags::TagsApi,
        },
        events::EventsApi,
        health::HealthApi,
        jobs::JobsApi,
        redirects::{RedirectFilesApi, RedirectsApi},
        upstreams::UpstreamsApi,
        webhooks::{
            inbound::WebhookEventsApi,
            outbound::{WebhookDeliveriesApi, WebhookEndpointsApi},
        },
    },
    server::{Credential, Dispatcher},
};

pub use crate::openapi::{to_openapi_30, to_yaml};

/// The tags of operations. Each operation has the tag of its resource.
#[derive(Tags)]
pub enum Tag {
    ApiKeys,
    Authors,
    Channels,
    Comments,
    Customers,
    Dashboard,
    Documents,
    Events,
    Health,
    Invoices,
    Jobs,
    Me,
    Media,
    Messages,
    Posts,
    Rates,
    Redirects,
    Revenues,
    Sessions,
    Tags,
    Upstreams,
    Users,
    WebhookDeliveries,
    WebhookEndpoints,
    WebhookEvents,
}

/// The descriptions of the tags, sorted by name.
const TAGS: &[(&str, &str)] = &[
    ("ApiKeys", "API keys: scoped credentials for programs."),
    ("Authors", "Authors: public profiles of users who write posts."),
    ("Channels", "Channels: chat for the public, for accounts or for staff."),
    ("Comments", "Comments: threaded replies to posts, with moderation."),
    ("Customers", "Customers: the recipients of invoices."),
    ("Dashboard", "Dashboard: key figures of the back office in one response."),
    ("Documents", "Documents: a tree of documentation pages, addressed by id or by path."),
    ("Events", "Events: a live stream of changes (server-sent events)."),
    ("Health", "Health: liveness, readiness and status of the service."),
    ("Invoices", "Invoices: amounts owed by customers, in the currency of a locale."),
    ("Jobs", "Jobs: background tasks and their results."),
    ("Me", "Me: the caller's own account."),
    ("Media", "Media: uploaded images without metadata, served in any size."),
    ("Messages", "Messages: chat messages in channels, delivered live."),
    ("Posts", "Posts: articles with slugs, tags and authors, as drafts or published."),
    ("Rates", "Rates: exchange rates and their sources."),
    ("Redirects", "Redirects: rules that redirect paths, applied before routing."),
    ("Revenues", "Revenues: monthly revenue in the currency of a locale."),
    ("Sessions", "Sessions: login, logout and the active sessions of an account."),
    ("Tags", "Tags: the topics of posts."),
    ("Upstreams", "Upstreams: other services, called through this one."),
    ("Users", "Users: accounts and their roles."),
    ("WebhookDeliveries", "Webhook deliveries: the log of sent events, with redelivery."),
    ("WebhookEndpoints", "Webhook endpoints: URLs that receive events."),
    ("WebhookEvents", "Webhook events: verified and deduplicated events from Stripe, GitHub and PayPal."),
];

type Documents = (DocumentsApi, DocumentsByPathApi, DocumentRevisionsApi);
type Images = (MediaApi, MediaFilesApi);
type Content = (PostsApi, PostRevisionsApi, CommentsApi, TagsApi, Documents, Images, Redirects);
type Redirects = (RedirectsApi, RedirectFilesApi);
type Chat = (ChannelsApi, MessagesApi);
type Accounts = (UsersApi, AuthorsApi, MeApi, SessionsApi, JwksApi, ApiKeysApi);
type Invoices = (InvoicesApi, InvoiceExportsApi, LocaleRedirectApi, InvoicesV1Api);
type Billing = (CustomersApi, Invoices, RatesApi, RevenuesApi, DashboardApi);
type Webhooks = (WebhookEndpointsApi, WebhookDeliveriesApi, WebhookEventsApi);
type System = (EventsApi, JobsApi, Webhooks, UpstreamsApi, HealthApi);
type AllApis = (Content, Chat, Accounts, Billing, System);

/// Returns all operations, connected to the services of `app`.
pub fn operations(app: &App) -> impl OpenApi + 'static {
    let documents = (
        DocumentsApi(app.documents.clone()),
        DocumentsByPathApi(app.documents.clone()),
        DocumentRevisionsApi(app.documents.clone()),
    );
    let content = (
        PostsApi(app.posts.clone()),
        PostRevisionsApi(app.posts.clone()),
        CommentsApi(app.comments.clone()),
        TagsApi(app.tags.clone()),
        documents,
        (MediaApi(app.media.clone()), MediaFilesApi(app.media.clone())),
        (RedirectsApi(app.redirects.clone()), RedirectFilesApi(app.redirects.clone())),
    );
    let chat = (ChannelsApi(app.channels.clone()), MessagesApi(app.messages.clone()));
    let accounts = (
        UsersApi(app.users.clone()),
        AuthorsApi(app.authors.clone()),
        MeApi(app.users.clone()),
        SessionsApi(app.sessions.clone()),
        JwksApi(app.sessions.clone()),
        ApiKeysApi(app.api_keys.clone()),
    );
    let invoices = (
        InvoicesApi(app.invoices.clone()),
        InvoiceExportsApi(app.invoices.clone()),
        LocaleRedirectApi(app.invoices.clone()),
        InvoicesV1Api(app.invoices_v1.clone()),
    );
    let billing = (
        CustomersApi(app.customers.clone()),
        invoices,
        RatesApi(app.rates.clone()),
        RevenuesApi(app.revenues.clone()),
        DashboardApi(app.dashboard.clone()),
    );
    let webhooks = (
        WebhookEndpointsApi(app.webhook_endpoints.clone()),
        WebhookDeliveriesApi(app.webhook_endpoints.clone()),
        WebhookEventsApi { events: app.webhook_events.clone(), jobs: app.jobs.clone() },
    );
    let system = (
        EventsApi(app.events.clone()),
        JobsApi(app.jobs.clone()),
        webhooks,
        UpstreamsApi(app.upstreams.clone()),
        HealthApi(app.health.clone()),
    );
    (content, chat, accounts, billing, system)
}

/// The OpenAPI 3.1 document. It depends on the code only, not on configuration or data.
pub static DOCUMENT: LazyLock<Value> = LazyLock::new(|| openapi::document::<AllApis>(info(), TAGS));

fn info() -> Value {
    json!({
        "title": "Tenon",
        "summary": "A backend for front-end teams",
        "description": "Posts, documents, images, chat, invoices, redirects, webhooks and live events for a website and its \
        dashboard.\n\n\
        Every list is paginated, every resource has an ETag, and every error is a problem document (RFC 9457). \
        Requests are validated against this OpenAPI document: a request that violates it is rejected. If a redirect \
        rule matches the path of a request, the response is 307 or 308 with `Location`.",
        "version": env!("CARGO_PKG_VERSION"),
        "termsOfService": "https://github.com/tenon-api/tenon/blob/main/README.md",
        "contact": { "name": "Tenon", "url": "https://github.com/tenon-api/tenon", "email": "tenon@acme.test" },
        "license": { "name": "MIT OR Apache-2.0", "url": "https://spdx.org/licenses/MIT.html" },
        "x-api-id": "0199c0de-0000-7000-8000-74656e6f6e00",
        "x-audience": "external-public"
    })
}

/// Creates the dispatcher: it validates requests against the OpenAPI document and calls the operations.
pub fn dispatcher(app: &App) -> Result<Dispatcher, String> {
    let mut endpoints = std::collections::HashMap::new();
    operations(app).add_routes(&mut endpoints);
    let sessions = app.sessions.clone();
    let authenticate = move |credential| {
        let sessions = sessions.clone();
        async move {
            match credential {
                Credential::Bearer(token) => sessions.authenticate_bearer(&token).await,
                Credential::Cookie(token) => sessions.authenticate_cookie(&token).await,
            }
        }
        .boxed()
    };
    Dispatcher::compile(&DOCUMENT, endpoints, Arc::new(authenticate))
}
