//! Repeated imports: update rows whose file has changed, and reject updates of rows edited through the API.
use serde_json::json;
use tenon::{
    http::{auth::Role, problem::Error},
    resources::{
        accounts::users::find_or_create_author,
        content::{documents::ImportedDocument, posts::ImportedPost, revisions::store_revisions},
        shared::import_log::ImportEffect::{self, Created, Unchanged, Updated},
    },
};

use crate::support::{Api, START};

/// Imports a post, as a file does.
async fn import_post(api: &Api, source: &str, title: &str) -> Result<ImportEffect, String> {
    let (app, source, title) = (api.app.clone(), source.to_owned(), title.to_owned());
    let done = api.app.db.write(async move |tx| {
        let author = find_or_create_author(&tx, "Ada Turner", START).await?;
        let post = ImportedPost {
            id: None,
            slug: source.clone(),
            source,
            title,
            content: "0123456789".to_owned(),
            excerpt: None,
            cover_image: None,
            authors: vec![author],
            tags: vec!["Oak".to_owned()],
            aliases: vec!["/old".to_owned()],
            published_at: Some(START),
        };
        let mut history = Vec::new();
        let effect = app.posts.import(&tx, &post, &mut history).await?;
        store_revisions(&tx, history).await?;
        Ok(effect)
    });
    done.await.map_err(|error: Error| error.to_string())
}

/// Imports a document, as a file does.
async fn import_document(api: &Api, path: &str, title: &str) -> Result<ImportEffect, String> {
    let (app, path, title) = (api.app.clone(), path.to_owned(), title.to_owned());
    let done = api.app.db.write(async move |tx| {
        let document = ImportedDocument { path, title, content: "Text".to_owned(), position: 1 };
        let mut history = Vec::new();
        let effect = app.documents.import(&tx, &document, &mut history).await?;
        store_revisions(&tx, history).await?;
        Ok(effect)
    });
    done.await.map_err(|error: Error| error.to_string())
}

#[api_test]
async fn an_import_does_not_overwrite_an_edited_post() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    assert_eq!(import_post(&api, "one", "One").await, Ok(Created));
    assert_eq!(import_post(&api, "one", "One").await, Ok(Unchanged));
    assert_eq!(import_post(&api, "one", "One, mended").await, Ok(Updated));
    let read = api.get("/api/posts/one").await.is(200);
    assert_eq!(read.body["title"], "One, mended");
    let path = format!("/api/posts/{}", read.id());
    editor.patch(&path, json!({ "published": false })).await.is(200);
    assert_eq!(import_post(&api, "one", "One, mended").await, Ok(Unchanged));
    assert!(
        import_post(&api, "one", "One, again").await.unwrap_err().contains("both the file and the resource")
    );
    api.get(&path).await.is(404);
    editor.delete(&path).await.is(204);
    assert_eq!(import_post(&api, "one", "One, mended").await, Ok(Unchanged));
    assert!(import_post(&api, "one", "One, again").await.unwrap_err().contains("deleted here"));
    api.get(&path).await.is(404);
}

#[api_test]
async fn an_import_does_not_overwrite_an_edited_document() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    editor.put("/api/docs/own", json!({ "title": "Own", "content": "" })).await.is(201);
    assert!(import_document(&api, "own", "From a file").await.unwrap_err().contains("was not imported"));
    assert_eq!(import_document(&api, "guide", "Guide").await, Ok(Created));
    assert_eq!(import_document(&api, "guide", "Guide, mended").await, Ok(Updated));
    editor.put("/api/docs/guide", json!({ "title": "By hand", "content": "" })).await.is(200);
    assert_eq!(import_document(&api, "guide", "Guide, mended").await, Ok(Unchanged));
    assert!(import_document(&api, "guide", "Guide, again").await.is_err());
    assert_eq!(api.get("/api/docs/guide").await.is(200).body["title"], "By hand");
    editor.delete("/api/docs/guide").await.is(204);
    assert_eq!(import_document(&api, "guide", "Guide, mended").await, Ok(Unchanged));
    assert!(import_document(&api, "guide", "Guide, again").await.is_err());
    api.get("/api/docs/guide").await.is(404);
}

#[api_test]
async fn a_moved_document_is_not_overwritten() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    assert_eq!(import_document(&api, "guide", "Guide").await, Ok(Created));
    let id = api.get("/api/docs/guide").await.is(200).id();
    editor.patch(&format!("/api/documents/{id}"), json!({ "path": "handbook" })).await.is(200);
    assert_eq!(import_document(&api, "guide", "Guide").await, Ok(Unchanged));
    let rejected = import_document(&api, "guide", "New guide").await.unwrap_err();
    assert!(rejected.contains("both the file and the resource"), "{rejected}");
    assert_eq!(api.get("/api/docs/handbook").await.is(200).body["title"], "Guide");
    api.get("/api/docs/guide").await.is(404);
}
