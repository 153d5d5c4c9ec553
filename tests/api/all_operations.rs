//! Rules of every operation: rejections by the dispatcher, conditional requests, and `Prefer`.
use poem::Body;
use serde_json::{Value, json};
use tenon::{
    http::{auth::Role, operation::RateLimitClass},
    server::request_body::BodyError,
};

use crate::{access::example_requests, posts::new, support::Api};

#[api_test]
async fn rejects_unknown_query_parameters_unless_they_are_declared_as_ignored() {
    let admin = Api::start().await.sign_in(Role::Admin).await;
    for request in example_requests() {
        let path = format!("{}?colour=red", request.path);
        let body = request.body.clone().map(Body::from);
        let response = request.typed(&admin).send(request.method.clone(), &path, body).await;
        let is_ignored = request.declared.ignores_unknown_query;
        assert_eq!(response.locations() != ["colour"], is_ignored, "{}: {}", request.id, response.body);
    }
}

#[api_test]
async fn rejects_media_types_that_the_response_cannot_have() {
    let admin = Api::start().await.sign_in(Role::Admin).await.header("accept", "image/png");
    for request in example_requests() {
        let produces = request.declared.produces();
        if !produces.is_empty() && !produces.contains(&"image/png") {
            assert_eq!(request.send(&admin).await.status, 406, "{}", request.id);
        }
    }
}

#[api_test]
async fn rejects_bodies_of_another_type_too_large_or_too_slow() {
    let admin = Api::start().await.sign_in(Role::Admin).await;
    for request in example_requests().iter().filter(|request| request.body.is_some()) {
        let max_bytes = if request.id == "mediaUpload" { 21_037_056 } else { 1_048_576 };
        let send = |client: Api, body: Body| {
            let (method, path) = (request.method.clone(), request.path.clone());
            async move { client.send(method, &path, Some(body)).await.status }
        };
        let xml = admin.header("content-type", "application/xml");
        assert_eq!(send(xml, Body::from("<a/>")).await, 415, "{}", request.id);
        let typed = request.typed(&admin);
        assert_eq!(send(typed.clone(), Body::from(vec![b' '; max_bytes + 1])).await, 413, "{}", request.id);
        assert_eq!(send(typed.clone(), failing_body(BodyError::Timeout)).await, 408, "{}", request.id);
        assert_eq!(send(typed.clone(), failing_body(BodyError::Incomplete)).await, 400, "{}", request.id);
        assert_eq!(send(typed, failing_body(BodyError::TooLarge)).await, 413, "{}", request.id);
    }
}

/// Returns a body that fails after the first byte.
fn failing_body(error: BodyError) -> Body {
    let chunks: [std::io::Result<Vec<u8>>; 2] = [Ok(b"{".to_vec()), Err(error.into())];
    Body::from_bytes_stream(futures_util::stream::iter(chunks))
}

#[api_test]
async fn every_rate_limited_operation_returns_429() {
    let api = Api::with(&[("rate_limits", "on")]).await;
    let admin = api.sign_in(Role::Admin).await;
    for client in [&api, &admin] {
        while client.get("/api/tags").await.status == 200 {}
    }
    while admin.get(&format!("/media/{}.png", "0".repeat(32))).await.status == 404 {}
    for request in example_requests() {
        // Webhooks have their own rate limit, which the requests above do not exhaust.
        if matches!(request.declared.rate_limit, None | Some(RateLimitClass::Webhook)) {
            continue;
        }
        let response = request.send(&admin).await.is(429);
        assert!(response.headers.contains_key("retry-after") && response.headers.contains_key("ratelimit"));
    }
    api.get("/api/health").await.is(200);
}

#[api_test]
async fn returns_404_for_unknown_ids_slugs_and_paths() {
    let admin = Api::start().await.sign_in(Role::Admin).await;
    let names = ["0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f", "a-joint-that-fits", "guides/getting-started"];
    for request in example_requests() {
        if !names.iter().any(|name| request.path.contains(name)) {
            continue;
        }
        let mut path = request.path.clone();
        for name in names {
            path = path.replace(name, "No_Such~Thing");
        }
        let body = request.body.clone().map(Body::from);
        request.typed(&admin).send(request.method.clone(), &path, body).await.is(404);
    }
}

#[api_test]
async fn returns_304_for_a_matching_if_none_match() {
    let api = Api::start().await;
    let (admin, _) = api.account(Role::Admin).await;
    let post = admin.post("/api/posts", new("Known")).await.is(201).body;
    let user = admin.get("/api/me").await.is(200).id();
    let key =
        admin.post("/api/api-keys", json!({ "name": "k", "scopes": ["posts:read"] })).await.is(201).id();
    let id = post["id"].as_str().unwrap_or_default();
    for path in [
        "/api/api-keys".to_owned(),
        format!("/api/api-keys/{key}"),
        "/api/auth/sessions".to_owned(),
        "/api/authors".to_owned(),
        format!("/api/authors/{user}"),
        "/api/me".to_owned(),
        "/api/posts/known".to_owned(),
        format!("/api/posts/{id}"),
        "/api/users".to_owned(),
        format!("/api/users/{user}"),
        "/api/tags".to_owned(),
        "/api/documents".to_owned(),
        "/api/comments".to_owned(),
        "/api/media".to_owned(),
    ] {
        let read = admin.get(&path).await.is(200);
        let cached = admin.header("if-none-match", read.header("etag"));
        assert_eq!(cached.get(&path).await.is(304).header("etag"), read.header("etag"), "{path}");
        admin.header("if-none-match", "\"other\"").get(&path).await.is(200);
        admin.header("if-none-match", "nonsense").get(&path).await.is(200);
        admin.header("if-none-match", "*").get(&path).await.is(304);
    }
}

#[api_test]
async fn updates_honor_prefer_and_if_match() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let reader = api.sign_in(Role::Reader).await;
    let other = format!("/api/users/{}", reader.get("/api/me").await.is(200).id());
    let post = admin.post("/api/posts", new("Quiet")).await.is(201).id();
    let thread = format!("/api/posts/{post}/comments");
    let comment =
        admin.post(&thread, json!({ "content": "Hm." })).await.is(201).header("location").to_owned();
    let minimal = admin.header("prefer", "return=minimal");
    let name = json!({ "name": "New name" });
    for (path, change) in [("/api/me", &name), (&other, &name), (&comment, &json!({ "content": "Ha." }))] {
        let updated = minimal.patch(path, change.clone()).await.is(204);
        assert!(updated.bytes.is_empty() && !updated.header("etag").is_empty(), "{path}");
        let stale = admin.header("if-match", "\"other\"");
        stale.patch(path, change.clone()).await.is(412);
    }
    admin.header("if-match", "\"other\"").delete(&other).await.is(412);
    let other: Value = reader.get("/api/me").await.is(200).body;
    assert_eq!(
        admin.patch("/api/me", json!({ "email": other["email"] })).await.is(409).locations(),
        ["#/email"]
    );
}
