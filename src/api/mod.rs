//! The contract assembled: every resource, one OpenAPI document.
mod document;

use std::sync::LazyLock;

use poem_openapi::{OpenApi, Tags};
use serde_json::{Value, json};

use crate::{
    app::App,
    contract::problem::Error,
    edge::Gate,
    resources::{comments::CommentsApi, docs::DocsApi, health::HealthApi, posts::PostsApi, tags::TagsApi},
};

pub use document::{projection, yaml};

#[derive(Tags)]
pub enum Tag {
    Comments,
    Docs,
    Health,
    Posts,
    Tags,
}

/// What stands behind each tag; sorted, as the document shows them.
const TAGS: &[(&str, &str)] = &[
    ("Comments", "What readers say about a post: in threads, with moderation."),
    ("Docs", "Pages of documentation in a tree, by path."),
    ("Health", "Whether the service lives, is ready, and how it is."),
    ("Posts", "Articles: by slug, tag and author, draft or published."),
    ("Tags", "What posts are about."),
];

type Contract = (PostsApi, CommentsApi, TagsApi, DocsApi, HealthApi);

/// Every operation with its service behind it.
pub fn operations(app: &App) -> impl OpenApi + 'static {
    (
        PostsApi(app.posts.clone()),
        CommentsApi(app.comments.clone()),
        TagsApi(app.tags.clone()),
        DocsApi(app.docs.clone()),
        HealthApi(app.health.clone()),
    )
}

/// The finished document, OpenAPI 3.1. It needs nothing but the code.
pub static DOCUMENT: LazyLock<Value> = LazyLock::new(|| document::document::<Contract>(info(), TAGS));

fn info() -> Value {
    json!({
        "title": "Tenon",
        "summary": "A backend for front-end teams",
        "description": "Posts, comments, documents and accounts for a site and its dashboard.\n\n\
            Every list is paged, every resource has an ETag, every failure is a problem (RFC 9457). \
            What this document forbids is refused; what it allows is taken.",
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
    let _ = app;
    Gate::compile(&DOCUMENT, endpoints, std::sync::Arc::new(|_| Box::pin(async { Err(Error::InvalidToken) })))
}
