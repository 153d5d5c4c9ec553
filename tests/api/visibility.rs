//! Restricted data appears in no public response: neither in lists, nor in related resources, nor in ETags.
use poem::http::Method;
use sea_orm::Iterable;
use serde_json::{Value, json};
use tenon::http::auth::Role;

use crate::{
    access::example_requests,
    posts::new,
    support::{Api, PASSWORD},
};

#[api_test]
async fn drafts_do_not_change_public_responses() {
    let api = Api::start().await;
    let (author, other) = (api.sign_in(Role::Author).await, api.sign_in(Role::Author).await);
    let editor = api.sign_in(Role::Editor).await;
    let post = json!({ "title": "Open", "content": "0123456789", "published": true, "tags": ["Oak"] });
    let open = author.post("/api/posts", post).await.is(201).id();
    let thread = format!("/api/posts/{open}/comments");
    let lists = ["/api/posts", "/api/tags", "/api/authors", &thread];
    let mut before = Vec::new();
    for list in lists {
        before.push(api.get(list).await.is(200).header("etag").to_owned());
    }
    let draft = json!({ "title": "Merger", "content": "0123456789", "tags": ["Project Bluebird", "Oak"] });
    let draft = author.post("/api/posts", draft).await.is(201).id();
    let draft = format!("/api/posts/{draft}");
    author.patch(&draft, json!({ "title": "The merger" })).await.is(200);
    other.post(&thread, json!({ "content": "Waits" })).await.is(201);
    for (list, etag) in lists.iter().zip(&before) {
        api.header("if-none-match", etag).get(list).await.is(304);
    }
    for (client, visible) in [(&api, false), (&other, false), (&author, true), (&editor, true)] {
        client.get("/api/tags/project-bluebird").await.is(if visible { 200 } else { 404 });
        let found = client.get("/api/tags?q=bluebird").await.is(200).body["pagination"]["total"].clone();
        assert_eq!(found, i32::from(visible));
        assert_eq!(client.get("/api/tags").await.is(200).body["pagination"]["total"], 1 + i32::from(visible));
    }
    author.patch(&draft, json!({ "published": true })).await.is(200);
    api.get("/api/tags/project-bluebird").await.is(200);
    author.patch(&draft, json!({ "published": false })).await.is(200);
    api.get("/api/tags/project-bluebird").await.is(404);
    let change = json!({ "description": "Of public interest." });
    editor.patch("/api/tags/project-bluebird", change).await.is(200);
    assert_eq!(api.get("/api/tags/project-bluebird").await.is(200).body["postsCount"], 0);
    author.delete(&draft).await.is(204);
}

#[api_test]
async fn only_approved_comments_are_visible() {
    let api = Api::start().await;
    let (author, reader) = (api.sign_in(Role::Author).await, api.sign_in(Role::Reader).await);
    let editor = api.sign_in(Role::Editor).await;
    let post = json!({ "title": "Open", "content": "0123456789", "published": true });
    let post = author.post("/api/posts", post).await.is(201).id();
    let thread = format!("/api/posts/{post}/comments");
    let visible_count = async || {
        let count = api.get(&format!("/api/posts/{post}")).await.is(200).body["commentsCount"].clone();
        let list = api.get(&thread).await.is(200).body;
        assert_eq!(count, list["pagination"]["total"]);
        count
    };
    let parent = reader.post(&thread, json!({ "content": "Nice" })).await.is(201).id();
    let path = format!("/api/comments/{parent}");
    editor.patch(&path, json!({ "status": "approved" })).await.is(200);
    let changed = reader.patch(&path, json!({ "content": "Buy pills" })).await.is(200);
    assert_eq!(changed.body["status"], "pending");
    assert_eq!(visible_count().await, 0);
    let reply_body = json!({ "content": "No", "parentId": parent });
    editor.post(&thread, reply_body.clone()).await.is(409);
    let pending = reader.post(&thread, reply_body.clone()).await.is(201).id();
    editor.patch(&format!("/api/comments/{pending}"), json!({ "status": "approved" })).await.is(409);
    editor.patch(&path, json!({ "status": "approved" })).await.is(200);
    editor.patch(&format!("/api/comments/{pending}"), json!({ "status": "approved" })).await.is(200);
    let nested = author.post(&thread, json!({ "content": "Deeper", "parentId": pending })).await.is(201);
    assert_eq!((nested.body["status"].clone(), visible_count().await), (json!("approved"), json!(3)));
    // Rejecting a comment hides its replies.
    editor.patch(&path, json!({ "status": "rejected" })).await.is(200);
    assert_eq!(visible_count().await, 0);
    api.get(&format!("/api/comments/{}", nested.id())).await.is(404);
    // Comments of the post's author need no approval.
    let own = author.post(&thread, json!({ "content": "Mine" })).await.is(201).id();
    let own = author.patch(&format!("/api/comments/{own}"), json!({ "content": "Still mine" })).await.is(200);
    assert_eq!((own.body["status"].clone(), visible_count().await), (json!("approved"), json!(1)));
}

#[api_test]
async fn a_password_reset_by_an_admin_revokes_api_keys() {
    let api = Api::start().await;
    let (admin, (author, _)) = (api.sign_in(Role::Admin).await, api.account(Role::Author).await);
    let id = author.get("/api/me").await.is(200).id();
    let key = json!({ "name": "Build", "scopes": ["posts:write"] });
    let key = author.post("/api/api-keys", key).await.is(201);
    let key_client = api.bearer(key.body["key"].as_str().unwrap());
    let post = json!({ "title": "By a program", "content": "0123456789" });
    key_client.post("/api/posts", post.clone()).await.is(201);
    let own = json!({ "password": "another long password", "currentPassword": PASSWORD });
    author.patch("/api/me", own).await.is(200);
    key_client.post("/api/posts", post.clone()).await.is(201);
    let reset = json!({ "password": "one more long password" });
    admin.patch(&format!("/api/users/{id}"), reset).await.is(200);
    key_client.post("/api/posts", post).await.is(401);
}

/// Stores canary values in a draft and searches every response for them.
#[api_test]
async fn no_response_contains_restricted_data() {
    let api = Api::start().await;
    let (admin, email) = api.account(Role::Admin).await;
    let author = api.sign_in(Role::Author).await;
    let mut draft = new("canary draft");
    draft["published"] = json!(false);
    author.post("/api/posts", draft).await.is(201);
    author.post("/api/posts", new("Open")).await.is(201);
    let viewers: Vec<(Option<Role>, Api)> = {
        let mut all = vec![(None, api.clone())];
        for role in Role::iter() {
            all.push((Some(role), api.sign_in(role).await));
        }
        all
    };
    for operation in example_requests().iter().filter(|operation| operation.method == Method::GET) {
        for (role, viewer) in &viewers {
            let response = operation.send(viewer).await;
            let text = String::from_utf8_lossy(&response.bytes).to_lowercase();
            // The entries of the audit log have the hash of their chain.
            let has_hash = operation.id != "auditList" && text.contains("hash");
            assert!(!text.contains("argon2") && !has_hash, "{}", operation.id);
            let edits = role.is_some_and(Role::is_editor);
            assert!(edits || !text.contains("canary draft"), "{} as {role:?}", operation.id);
            assert!(*role == Some(Role::Admin) || !text.contains(&email), "{} as {role:?}", operation.id);
        }
    }
    for query in ["status=any&q=canary", "status=draft&sort=title", "status=any&fields=content&expand=author"]
    {
        let list: Value = api.get(&format!("/api/posts?{query}")).await.is(200).body;
        assert!(!list.to_string().contains("canary"), "{query}");
    }
    admin.get("/api/users").await.is(200);
}
