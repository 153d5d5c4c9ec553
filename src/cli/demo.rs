//! `tenon serve --demo`: demo content that matches the examples in the OpenAPI document. None of its users
//! can sign in.
mod billing;

use uuid::Uuid;

use crate::{
    app::App,
    domain::{id::Id, slug::slugify},
    http::{
        auth::{Principal, RESTRICTED, Role, Via},
        problem::{Error, Result},
    },
    infra::db::Tx,
    resources::{
        accounts::users::find_or_create_author,
        content::{comments::CommentInput, documents, posts, posts::PostKey, revisions::store_revisions},
    },
};

/// The id of the post in the examples of the OpenAPI document.
const EXAMPLE_POST: Uuid = Uuid::from_u128(0x0199_c0de_7a5b_7c3d_8e1f_2a3b_4c5d_6e7f);

const POSTS: [(&str, &str, &str, &[&str]); 3] = [
    (
        "A joint that fits",
        "Why every client is cut from the same contract.",
        "A tenon is the part of a joint that is *cut to fit*.\n\nMeasure the mortise, then cut.",
        &["Joinery", "Contracts"],
    ),
    (
        "Three ways to sharpen a chisel",
        "Stone, paper, patience.",
        "A dull chisel is more dangerous than a sharp one.\n\n1. Flatten the back.\n2. Raise a burr.\n3. Take it off.",
        &["Tools"],
    ),
    (
        "What we learned from a drawer that stuck",
        "Wood moves; plan for it.",
        "In winter it ran like silk. In summer it did not open at all.",
        &["Joinery", "Wood"],
    ),
];

const DOCUMENTS: [(&str, &str, &str); 3] = [
    ("index", "The workshop handbook", "# The workshop handbook\n\nStart with the guides."),
    ("guides/getting-started", "Getting started", "# Getting started\n\nCut the tenon to the mortise."),
    ("guides/glue-up", "Glue-up", "# Glue-up\n\nDry fit first. Always."),
];

/// Creates the demo content if the service has neither posts nor documents. Returns whether it did.
pub async fn fill(app: &App) -> Result<bool> {
    if app.db.versions(&["posts", "documents", RESTRICTED]).await? > 0 {
        return Ok(false);
    }
    let services = app.clone();
    let author = app.db.write(async move |tx| write(&services, &tx).await).await?;
    let ada = Principal { user: author, role: Role::Author, via: Via::Cli };
    for text in ["Does this work for a drawer as well?", "It does: leave a hair of room for the summer."] {
        let comment = CommentInput { content: text.into(), parent_id: None };
        app.comments.create(&ada, PostKey::Id(Id::from(EXAMPLE_POST)), comment, None).await?;
    }
    Ok(true)
}

async fn write(app: &App, tx: &Tx) -> Result<Uuid> {
    let now = app.clock.now();
    let ada = find_or_create_author(tx, "Ada Turner", now).await?;
    let mut history = Vec::new();
    for (i, (title, excerpt, content, tags)) in (0i64..).zip(POSTS) {
        let post = posts::ImportedPost {
            id: (i == 0).then_some(EXAMPLE_POST),
            source: format!("demo/{i}"),
            title: title.to_owned(),
            content: content.to_owned(),
            excerpt: Some(excerpt.to_owned()),
            cover_image: None,
            slug: slugify(title, "post"),
            authors: vec![ada],
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            aliases: vec![],
            published_at: Some(now - i * 86_400_000),
        };
        app.posts.import(tx, &post, &mut history).await?;
    }
    for (position, (path, title, content)) in (0i64..).zip(DOCUMENTS) {
        let (path, title, content) = (path.to_owned(), title.to_owned(), content.to_owned());
        let document = documents::ImportedDocument { path, title, content, position };
        app.documents.import(tx, &document, &mut history).await?;
    }
    store_revisions(tx, history).await?;
    billing::fill(app, tx).await?;
    Ok::<_, Error>(ada)
}
