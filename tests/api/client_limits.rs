//! Limits on the work that one client has in progress.
use entity::daily_write;
use sea_orm::EntityTrait;
use serde_json::json;
use tenon::{domain::client_key::ClientKey, http::auth::Role};

use crate::{
    metrics_parser::parse,
    multipart::{png, upload},
    posts::new,
    support::{Api, PASSWORD, Response},
};

#[api_test]
async fn rejects_a_search_of_a_client_with_too_many_searches_in_progress() {
    let api = Api::start().await;
    let (client, other) = (api.from("192.0.2.1"), api.from("192.0.2.2"));
    let key = ClientKey::Address("192.0.2.1".parse().ok());
    let accept = || api.server.dispatcher.searches.accept(Some(key)).ok();
    let in_progress: Vec<_> = std::iter::from_fn(accept).take(100).collect();
    assert_eq!(in_progress.len(), 8);
    for path in ["/api/posts?q=joint", "/api/documents?q=joint", "/api/authors?q=joint"] {
        let rejected = client.get(path).await.is(503);
        assert_eq!(rejected.body["code"], "concurrency-limit", "{path}");
        assert_eq!(rejected.header("retry-after"), "1", "{path}");
        other.get(path).await.is(200);
    }
    client.get("/api/posts?sort=title").await.is(200);
    drop(in_progress);
    client.get("/api/posts?q=joint&limit=5").await.is(200);
}

const DAY: i64 = 24 * 60 * 60 * 1000;

/// Returns the stored bytes of all accounts and days.
async fn stored_bytes(api: &Api) -> i64 {
    let rows = daily_write::Entity::find().all(api.app.db.read()).await.expect("read");
    rows.into_iter().map(|row| row.bytes).sum()
}

#[track_caller]
fn assert_limited(api: &Api, response: Response) {
    let response = response.is(429);
    assert_eq!(response.body["code"], "daily-write-limit");
    let midnight = (DAY - api.clock.now() % DAY) / 1000;
    assert_eq!(response.header("retry-after"), midnight.to_string());
}

#[api_test]
async fn rejects_writes_beyond_the_bytes_of_an_account_until_midnight() {
    let api = Api::with(&[("daily_write_bytes", "1000")]).await;
    let ((author, email), other) = (api.account(Role::Author).await, api.sign_in(Role::Author).await);
    let post = author.post("/api/posts", new("First")).await.is(201);
    let long = json!({ "content": "x".repeat(950) });
    let path = post.header("location").to_owned();
    author.patch(&path, long.clone()).await.is(200);
    assert_limited(&api, author.patch(&path, json!({ "title": "Other" })).await);
    assert_limited(&api, upload(&author, &[("file", Some("a.png"), &png(8, 6, 1))]).await);
    assert_limited(&api, author.header("content-length", "900").post("/api/posts", new("Second")).await);
    author.get(&path).await.is(200);
    other.post("/api/posts", new("Of another account")).await.is(201);
    // A write without a body sends no bytes.
    author.delete(&path).await.is(204);
    api.clock.advance(DAY - api.clock.now() % DAY);
    let login = json!({ "email": email, "password": PASSWORD });
    let login = api.post("/api/auth/login", login).await.is(200);
    let author = api.bearer(login.body["accessToken"].as_str().expect("a token"));
    author.post("/api/posts", new("Next day")).await.is(201);
}

#[api_test]
async fn counts_the_declared_length_before_the_body_is_read() {
    let api = Api::with(&[("daily_write_bytes", "1000")]).await;
    let author = api.sign_in(Role::Author).await;
    assert_limited(&api, author.header("content-length", "1001").post("/api/posts", new("Long")).await);
    author.header("content-length", "600").post("/api/posts", new("Declared")).await.is(201);
    assert_limited(&api, author.header("content-length", "401").post("/api/posts", new("Long")).await);
    author.header("content-length", "400").post("/api/posts", new("Exact")).await.is(201);
    let beyond = author.post("/api/posts", new("Beyond")).await;
    assert!(
        beyond.body["detail"].as_str().is_some_and(|text| text.contains("daily_write_bytes")),
        "{beyond:?}"
    );
    assert_limited(&api, beyond);
    let page = api.from("127.0.0.1").get("/metrics").await.is(200).body;
    let metrics = parse(page.as_str().expect("text"));
    assert_eq!(metrics.get("tenon_daily_write_limit_rejections_total"), 3.0);
}

#[api_test]
async fn stores_the_bytes_in_batches_and_adds_those_of_other_processes() {
    let api = Api::with(&[("daily_write_bytes", "100000")]).await;
    let author = api.sign_in(Role::Author).await;
    let other = api.restarted_with(&[("daily_write_bytes", "100000")]).await.with_credentials_of(&author);
    for client in [&author, &other] {
        client.header("content-length", "40000").post("/api/posts", new("A post")).await.is(201);
    }
    assert_eq!(stored_bytes(&api).await, 0, "a request stores nothing");
    api.app.daily_writes.flush().await.expect("flushed");
    other.app.daily_writes.flush().await.expect("flushed");
    assert_eq!(stored_bytes(&api).await, 80_000);
    api.statements();
    api.app.daily_writes.flush().await.expect("flushed");
    assert!(api.statements().is_empty(), "nothing to store");
    let rest = other.header("content-length", "20001");
    assert_limited(&api, rest.post("/api/posts", new("Of both processes")).await);
    let restarted = api.restarted_with(&[("daily_write_bytes", "100000")]).await.with_credentials_of(&author);
    let rest = restarted.header("content-length", "20001");
    assert_limited(&api, rest.post("/api/posts", new("After a restart")).await);
    // More than a mebibyte is stored at once.
    let large = api.restarted_with(&[("daily_write_bytes", "10000000")]).await.with_credentials_of(&author);
    large.header("content-length", "1048576").post("/api/posts", new("Large")).await.is(201);
    assert_eq!(stored_bytes(&api).await, 80_000 + 1_048_576);
    api.clock.advance(DAY);
    api.app.daily_writes.delete_expired().await.expect("deleted");
    assert_eq!(stored_bytes(&api).await, 0);
}
