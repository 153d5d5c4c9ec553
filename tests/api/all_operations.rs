//! What holds for every operation there is: the refusals of the gate, one by one, on all of them.
use poem::{Body, http::Method};
use serde_json::{Value, json};
use tenon::{http::auth::Role, server::request_body::BodyError};

use crate::{
    access::{Operation, operations},
    posts::new,
    support::Api,
};

fn with(operation: &Operation, who: &Api) -> Api {
    match &operation.media {
        Some(media) => who.header("content-type", media),
        None => who.clone(),
    }
}

#[tokio::test]
async fn every_operation_refuses_what_it_does_not_know() {
    let admin = Api::start().await.sign_in(Role::Admin).await;
    for operation in operations() {
        let path = format!("{}?colour=red", operation.path);
        let body = operation.body.clone().map(Body::from);
        let answer = with(&operation, &admin).send(operation.method.clone(), &path, body).await.is(400);
        assert_eq!(answer.places(), ["colour"], "{}", operation.id);
    }
}

#[tokio::test]
async fn every_operation_with_an_answer_refuses_to_answer_with_a_picture() {
    let admin = Api::start().await.sign_in(Role::Admin).await.header("accept", "image/png");
    let elsewhere =
        ["sessionsLogout", "invoicesRedirectToLocale", "revenuesRedirectToLocale", "mediaGetFile"];
    for operation in operations()
        .iter()
        .filter(|operation| operation.method != Method::DELETE && !elsewhere.contains(&operation.id))
    {
        assert_eq!(operation.ask(&admin).await.status, 406, "{}", operation.id);
    }
}

#[tokio::test]
async fn every_body_has_its_type_its_size_and_its_time() {
    let admin = Api::start().await.sign_in(Role::Admin).await;
    for operation in operations().iter().filter(|operation| operation.body.is_some()) {
        let most = if operation.id == "mediaUpload" { 5_308_416 } else { 1_048_576 };
        let send = |who: Api, body: Body| {
            let (method, path) = (operation.method.clone(), operation.path.clone());
            async move { who.send(method, &path, Some(body)).await.status }
        };
        let xml = admin.header("content-type", "application/xml");
        assert_eq!(send(xml, Body::from("<a/>")).await, 415, "{}", operation.id);
        let typed = with(operation, &admin);
        assert_eq!(send(typed.clone(), Body::from(vec![b' '; most + 1])).await, 413, "{}", operation.id);
        let slow = async_pieces(BodyError::Timeout);
        assert_eq!(send(typed.clone(), slow).await, 408, "{}", operation.id);
        assert_eq!(send(typed.clone(), async_pieces(BodyError::Incomplete)).await, 400, "{}", operation.id);
        assert_eq!(send(typed, async_pieces(BodyError::TooLarge)).await, 413, "{}", operation.id);
    }
}

/// A body that begins and then fails.
fn async_pieces(error: BodyError) -> Body {
    let pieces: [std::io::Result<Vec<u8>>; 2] = [Ok(b"{".to_vec()), Err(error.into())];
    Body::from_bytes_stream(futures_util::stream::iter(pieces))
}

#[tokio::test]
async fn every_operation_with_a_budget_ends_it() {
    let api = Api::with(&[("rate_limits", "on")]).await;
    let admin = api.sign_in(Role::Admin).await;
    for who in [&api, &admin] {
        while who.get("/api/tags").await.status == 200 {}
    }
    while admin.get(&format!("/media/{}.png", "0".repeat(32))).await.status == 404 {}
    for operation in operations().iter().filter(|operation| {
        !operation.id.starts_with("health") && !operation.path.starts_with("/api/webhooks/")
    }) {
        let answer = operation.ask(&admin).await.is(429);
        assert!(answer.headers.contains_key("retry-after") && answer.headers.contains_key("ratelimit"));
    }
    api.get("/api/health").await.is(200);
}

#[tokio::test]
async fn every_path_that_names_nothing_is_404() {
    let admin = Api::start().await.sign_in(Role::Admin).await;
    let names = ["0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f", "a-joint-that-fits", "guides/getting-started"];
    for operation in
        operations().iter().filter(|operation| names.iter().any(|name| operation.path.contains(name)))
    {
        let mut path = operation.path.clone();
        for name in names {
            path = path.replace(name, "No_Such~Thing");
        }
        let body = operation.body.clone().map(Body::from);
        with(operation, &admin).send(operation.method.clone(), &path, body).await.is(404);
    }
}

#[tokio::test]
async fn every_read_with_a_validator_can_be_304() {
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
        let known = admin.header("if-none-match", read.header("etag"));
        assert_eq!(known.get(&path).await.is(304).header("etag"), read.header("etag"), "{path}");
        admin.header("if-none-match", "\"other\"").get(&path).await.is(200);
        admin.header("if-none-match", "nonsense").get(&path).await.is(200);
        admin.header("if-none-match", "*").get(&path).await.is(304);
    }
}

#[tokio::test]
async fn every_change_can_be_quiet_and_careful() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let reader = api.sign_in(Role::Reader).await;
    let other = format!("/api/users/{}", reader.get("/api/me").await.is(200).id());
    let post = admin.post("/api/posts", new("Quiet")).await.is(201).id();
    let thread = format!("/api/posts/{post}/comments");
    let comment =
        admin.post(&thread, json!({ "content": "Hm." })).await.is(201).header("location").to_owned();
    let quiet = admin.header("prefer", "return=minimal");
    let name = json!({ "name": "New name" });
    for (path, change) in [("/api/me", &name), (&other, &name), (&comment, &json!({ "content": "Ha." }))] {
        let done = quiet.patch(path, change.clone()).await.is(204);
        assert!(done.bytes.is_empty() && !done.header("etag").is_empty(), "{path}");
        let careful = admin.header("if-match", "\"other\"");
        careful.patch(path, change.clone()).await.is(412);
    }
    admin.header("if-match", "\"other\"").delete(&other).await.is(412);
    let taken: Value = reader.get("/api/me").await.is(200).body;
    assert_eq!(
        admin.patch("/api/me", json!({ "email": taken["email"] })).await.is(409).places(),
        ["#/email"]
    );
}
