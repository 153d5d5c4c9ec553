//! The contract assembled: every resource, one OpenAPI document.
mod document;

use std::sync::{Arc, LazyLock};

use futures_util::FutureExt;
use poem_openapi::{OpenApi, Tags};
use serde_json::{Value, json};

use crate::{
    app::App,
    edge::{Credential, Gate},
    resources::{
        api_keys::ApiKeysApi,
        authors::AuthorsApi,
        channels::ChannelsApi,
        comments::CommentsApi,
        customers::CustomersApi,
        dashboard::DashboardApi,
        docs::{DocRevisionsApi, DocsApi},
        events::EventsApi,
        health::HealthApi,
        invoices::{FormerApi, InvoicesApi, NegotiateApi},
        jobs::JobsApi,
        me::MeApi,
        media::{FilesApi, MediaApi},
        messages::MessagesApi,
        posts::{PostRevisionsApi, PostsApi},
        rates::RatesApi,
        redirects::RedirectsApi,
        revenues::RevenuesApi,
        sessions::{KeysApi, SessionsApi},
        tags::TagsApi,
        upstreams::UpstreamsApi,
        users::UsersApi,
        webhook_endpoints::{WebhookDeliveriesApi, WebhookEndpointsApi},
        webhook_events::WebhookEventsApi,
    },
};

pub use document::{projection, yaml};

#[derive(Tags)]
pub enum Tag {
    ApiKeys,
    Authors,
    Channels,
    Comments,
    Customers,
    Dashboard,
    Docs,
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

/// What stands behind each tag; sorted, as the document shows them.
const TAGS: &[(&str, &str)] = &[
    ("ApiKeys", "Keys for programs: scoped, rotated, shown once."),
    ("Authors", "Authors: what everybody may know of those who write."),
    ("Channels", "Where people talk: everybody, accounts, or those who work for the house."),
    ("Comments", "What readers say about a post: in threads, with moderation."),
    ("Customers", "Who is billed."),
    ("Dashboard", "What an office looks at first, in one answer."),
    ("Docs", "Pages of documentation in a tree, by path."),
    ("Events", "What happens, while it happens."),
    ("Health", "Whether the service lives, is ready, and how it is."),
    ("Invoices", "What customers owe, in the currency of a locale."),
    ("Jobs", "What is done after an answer, and what became of it."),
    ("Me", "The caller's own account."),
    ("Media", "Pictures: uploaded, made harmless, and shown in any size."),
    ("Messages", "What is said in channels, told as it is said."),
    ("Posts", "Articles: by slug, tag and author, draft or published."),
    ("Rates", "What currencies are worth, and who says so."),
    ("Redirects", "Paths that lead elsewhere, before anything else is looked at."),
    ("Revenues", "What months brought in, in the currency of a locale."),
    ("Sessions", "Signing in and out, and every client that is signed in."),
    ("Tags", "What posts are about."),
    ("Upstreams", "Other services, asked through this one."),
    ("Users", "Accounts: who may do what."),
    ("WebhookDeliveries", "What webhook endpoints were sent, and once more."),
    ("WebhookEndpoints", "Programs outside that are called when something happens."),
    ("WebhookEvents", "What Stripe, GitHub and PayPal tell: verified, kept once, handled after the answer."),
];

type Pictures = (MediaApi, FilesApi);
type Content =
    (PostsApi, PostRevisionsApi, CommentsApi, TagsApi, DocsApi, DocRevisionsApi, Pictures, RedirectsApi);
type Chat = (ChannelsApi, MessagesApi);
type Accounts = (UsersApi, AuthorsApi, MeApi, SessionsApi, KeysApi, ApiKeysApi);
type Invoicing = (InvoicesApi, NegotiateApi, FormerApi);
type Office = (CustomersApi, Invoicing, RatesApi, RevenuesApi, DashboardApi);
type Webhooks = (WebhookEndpointsApi, WebhookDeliveriesApi, WebhookEventsApi);
type After = (EventsApi, JobsApi, Webhooks, UpstreamsApi, HealthApi);
type Contract = (Content, Chat, Accounts, Office, After);

/// Every operation with its service behind it.
pub fn operations(app: &App) -> impl OpenApi + 'static {
    let content = (
        PostsApi(app.posts.clone()),
        PostRevisionsApi(app.posts.clone()),
        CommentsApi(app.comments.clone()),
        TagsApi(app.tags.clone()),
        DocsApi(app.docs.clone()),
        DocRevisionsApi(app.docs.clone()),
        (MediaApi(app.media.clone()), FilesApi(app.media.clone())),
        RedirectsApi(app.redirects.clone()),
    );
    let chat = (ChannelsApi(app.channels.clone()), MessagesApi(app.messages.clone()));
    let accounts = (
        UsersApi(app.users.clone()),
        AuthorsApi(app.authors.clone()),
        MeApi(app.users.clone()),
        SessionsApi(app.sessions.clone()),
        KeysApi(app.sessions.clone()),
        ApiKeysApi(app.api_keys.clone()),
    );
    let invoicing = (
        InvoicesApi(app.invoices.clone()),
        NegotiateApi(app.invoices.clone()),
        FormerApi(app.former_invoices.clone()),
    );
    let office = (
        CustomersApi(app.customers.clone()),
        invoicing,
        RatesApi(app.rates.clone()),
        RevenuesApi(app.revenues.clone()),
        DashboardApi(app.dashboard.clone()),
    );
    let webhooks = (
        WebhookEndpointsApi(app.webhook_endpoints.clone()),
        WebhookDeliveriesApi(app.webhook_endpoints.clone()),
        WebhookEventsApi { events: app.webhook_events.clone(), jobs: app.jobs.clone() },
    );
    let after = (
        EventsApi(app.events.clone()),
        JobsApi(app.jobs.clone()),
        webhooks,
        UpstreamsApi(app.upstreams.clone()),
        HealthApi(app.health.clone()),
    );
    (content, chat, accounts, office, after)
}

/// The finished document, OpenAPI 3.1. It needs nothing but the code.
pub static DOCUMENT: LazyLock<Value> = LazyLock::new(|| document::document::<Contract>(info(), TAGS));

fn info() -> Value {
    json!({
        "title": "Tenon",
        "summary": "A backend for front-end teams",
        "description": "Posts, documents, pictures, talk, invoices, redirects, webhooks and live events for a site and its \
            dashboard.\n\n\
            Every list is paged, every resource has an ETag, every failure is a problem (RFC 9457). \
            What this document forbids is refused; what it allows is taken. Where a redirect of an editor has the \
            path of a request, its answer is 307 or 308 with `Location` instead.",
        "version": env!("CARGO_PKG_VERSION"),
        "termsOfService": "https://github.com/tenon-api/tenon/blob/main/README.md",
        "contact": { "name": "Tenon", "url": "https://github.com/tenon-api/tenon", "email": "tenon@acme.test" },
        "license": { "name": "MIT OR Apache-2.0", "url": "https://spdx.org/licenses/MIT.html" },
        "x-api-id": "0199c0de-0000-7000-8000-74656e6f6e00",
        "x-audience": "external-public"
    })
}

/// The gate of the document, with the operations behind it.
pub fn gate(app: &App) -> Result<Gate, String> {
    let mut endpoints = std::collections::HashMap::new();
    operations(app).add_routes(&mut endpoints);
    let sessions = app.sessions.clone();
    let authenticate = move |credential| {
        let sessions = sessions.clone();
        async move {
            match credential {
                Credential::Bearer(token) => sessions.by_bearer(&token).await,
                Credential::Cookie(token) => sessions.by_cookie(&token).await,
            }
        }
        .boxed()
    };
    Gate::compile(&DOCUMENT, endpoints, Arc::new(authenticate))
}
