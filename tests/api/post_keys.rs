//! Posts are addressed by id or by slug.
use serde_json::json;
use tenon::http::auth::Role;

use crate::support::Api;

fn post(title: &str, slug: &str) -> serde_json::Value {
    json!({ "title": title, "content": "Cut the tails first.", "slug": slug, "published": true })
}

#[api_test]
async fn every_operation_accepts_the_id_and_the_slug() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let id = author.post("/api/posts", post("Dovetails", "dovetails")).await.is(201).id();
    for key in ["dovetails", &id, &id.to_uppercase()] {
        let path = format!("/api/posts/{key}");
        let read = api.get(&path).await.is(200);
        assert_eq!(read.id(), id);
        api.header("if-none-match", read.header("etag")).get(&path).await.is(304);
        author.header("if-match", "\"other\"").patch(&path, json!({ "title": "Tails" })).await.is(412);
        author.patch(&path, json!({ "title": format!("Tails {key}") })).await.is(200);
        author.put(&path, post("Dovetails", "dovetails")).await.is(200);
        let comment = json!({ "content": format!("Nice {key}") });
        let comment = author.post(&format!("{path}/comments"), comment).await.is(201);
        assert_eq!(comment.body["postId"], json!(id));
        api.get(&format!("{path}/comments?limit=5")).await.is(200);
        let link = author.post_empty(&format!("{path}/preview")).await.is(201);
        assert!(link.header("location").starts_with(&format!("/api/posts/{id}?")));
        let token = link.body["token"].as_str().unwrap();
        api.get(&format!("{path}?preview={token}")).await.is(200);
        author.delete(&format!("{path}/preview")).await.is(204);
        let revisions = author.get(&format!("{path}/revisions?limit=1")).await.is(200);
        let revision = revisions.body["data"][0]["id"].as_str().unwrap().to_owned();
        author.get(&format!("{path}/revisions/{revision}")).await.is(200);
        author.get(&format!("{path}/revisions/{revision}/diff")).await.is(200);
        author.post_empty(&format!("{path}/revisions/{revision}/restore")).await.is(200);
        author.delete(&path).await.is(204);
        api.get(&path).await.is(404);
        author.post_empty(&format!("{path}/restore")).await.is(200);
        author.post_empty(&format!("{path}/restore")).await.is(200);
    }
}

#[api_test]
async fn a_former_slug_redirects_reads_and_returns_404_for_writes() {
    let api = Api::start().await;
    let (author, reader) = (api.sign_in(Role::Author).await, api.sign_in(Role::Reader).await);
    let id = author.post("/api/posts", post("Old", "old")).await.is(201).id();
    author.patch("/api/posts/old", json!({ "slug": "new" })).await.is(200);
    let link = author.post_empty("/api/posts/new/preview").await.is(201).body["token"].clone();
    let link = link.as_str().unwrap();
    let revision = author.get("/api/posts/new/revisions").await.is(200);
    let revision = revision.body["data"][0]["id"].as_str().unwrap().to_owned();
    for (suffix, public) in [
        (String::new(), true),
        (format!("?preview={link}"), true),
        ("/comments?limit=5&page=2".to_owned(), true),
        ("/revisions?limit=5".to_owned(), false),
        (format!("/revisions/{revision}"), false),
        (format!("/revisions/{revision}/diff?against={revision}"), false),
    ] {
        let current = format!("/api/posts/new{suffix}");
        let read = author.get(&format!("/api/posts/old{suffix}")).await.is(308);
        assert_eq!(read.header("location"), current);
        author.get(&current).await.is(200);
        if public {
            assert_eq!(api.get(&format!("/api/posts/old{suffix}")).await.is(308).header("location"), current);
        }
    }
    reader.get("/api/posts/new/revisions").await.is(403);
    author.patch("/api/posts/old", json!({ "title": "Older" })).await.is(404);
    author.put("/api/posts/old", post("Older", "older")).await.is(404);
    author.delete("/api/posts/old").await.is(404);
    for write in ["restore", "preview", &format!("revisions/{revision}/restore")] {
        author.post_empty(&format!("/api/posts/old/{write}")).await.is(404);
    }
    author.post("/api/posts/old/comments", json!({ "content": "Nice" })).await.is(404);
    author.delete("/api/posts/old/preview").await.is(404);
    let other = author.post("/api/posts", post("Other", "other")).await.is(201).id();
    api.get(&format!("/api/posts/other?preview={link}")).await.is(404);
    api.get(&format!("/api/posts/{other}?preview={link}")).await.is(404);
    author.patch("/api/posts/new", json!({ "published": false })).await.is(200);
    for path in ["old", "new", &id, "old/comments", "new/comments"] {
        api.get(&format!("/api/posts/{path}")).await.is(404);
        reader.get(&format!("/api/posts/{path}")).await.is(404);
    }
    api.get(&format!("/api/posts/new?preview={link}")).await.is(200);
    api.get(&format!("/api/posts/old?preview={link}")).await.is(308);
    author.get("/api/posts/old").await.is(308);
}

#[api_test]
async fn rejects_a_slug_in_the_format_of_an_id() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let uuid = "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f";
    let rejected = author.post("/api/posts", post("A", uuid)).await.is(400);
    assert_eq!(rejected.locations(), ["#/slug"]);
    let first = author.post("/api/posts", post("B", "b")).await.is(201).id();
    author.patch("/api/posts/b", json!({ "slug": uuid })).await.is(400);
    author.put("/api/posts/b", post("B", uuid)).await.is(400);
    author.patch("/api/posts/b", json!({ "slug": first })).await.is(400);
    // A slug that is derived from the title gets a number.
    let titled = json!({ "title": uuid, "content": "Cut the tails first.", "published": true });
    let titled = author.post("/api/posts", titled).await.is(201);
    assert_eq!(titled.body["slug"], format!("{uuid}-2"));
    assert_eq!(api.get(&format!("/api/posts/{uuid}-2")).await.is(200).id(), titled.id());
    // 32 digits without hyphens are a slug, not an id.
    let plain = uuid.replace('-', "");
    let digits = author.post("/api/posts", post("C", &plain)).await.is(201).id();
    assert_eq!(api.get(&format!("/api/posts/{plain}")).await.is(200).id(), digits);
    api.get(&format!("/api/posts/{}", digits.replace('-', ""))).await.is(404);
    for invalid in ["-a", "a--b", "a%20b", "a_b", &"a".repeat(121)] {
        api.get(&format!("/api/posts/{invalid}")).await.is(404);
    }
}
