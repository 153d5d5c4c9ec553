//! Rejected requests: error codes, error locations, and the order of validation.
use poem::{Body, http::Method};
use serde_json::{Value, json};
use tenon::http::auth::Role;

use crate::{posts::new, support::Api};

#[api_test]
async fn names_every_invalid_parameter() {
    let api = Api::start().await;
    for (query, locations) in [
        ("limit=abc", vec!["limit"]),
        ("limit=0", vec!["limit"]),
        ("limit=-1", vec!["limit"]),
        ("limit=51", vec!["limit"]),
        ("limit=1e9", vec!["limit"]),
        ("limit=", vec!["limit"]),
        ("page=0", vec!["page"]),
        ("page=9223372036854775808", vec!["page"]),
        ("page=1&page=2", vec!["page"]),
        ("colour=red", vec!["colour"]),
        ("sort=password", vec!["sort"]),
        ("fields=passwordHash", vec!["fields"]),
        ("expand=comments", vec!["expand"]),
        ("status=secret", vec!["status"]),
        ("author=me", vec!["author"]),
        ("q=%ff", vec!["q"]),
        ("q=%zz", vec!["q"]),
        ("q=a%00b", vec!["q"]),
        ("publishedAt[gte]=yesterday", vec!["publishedAt[gte]"]),
        ("limit=0&page=x&colour=red&sort=x", vec!["colour", "limit", "page", "sort"]),
    ] {
        let rejected = api.get(&format!("/api/posts?{query}")).await.is(400);
        assert_eq!(rejected.locations(), locations, "{query}");
        assert_eq!(rejected.body["code"], "validation-failed");
    }
}

#[api_test]
async fn names_every_invalid_field() {
    let author = Api::start().await.sign_in(Role::Author).await;
    let long = |length: usize| "x".repeat(length);
    for (body, locations) in [
        (json!({}), vec!["#/content", "#/title"]),
        (json!({ "title": 5, "content": true, "tags": [1] }), vec!["#/content", "#/tags/0", "#/title"]),
        (json!({ "title": "", "content": "short" }), vec!["#/content", "#/title"]),
        (json!({ "title": long(201), "content": long(200_001) }), vec!["#/content", "#/title"]),
        (json!({ "title": " \t\n", "content": long(10) }), vec!["#/title"]),
        (json!({ "title": "T", "content": long(10), "authorId": "me" }), vec!["#/authorId"]),
        (json!({ "title": "T", "content": long(10), "a/b~c": 1 }), vec!["#/a~1b~0c"]),
        (json!({ "title": "T", "content": long(10), "excerpt": long(501) }), vec!["#/excerpt"]),
        (json!({ "title": "T", "content": long(10), "excerpt": null }), vec!["#/excerpt"]),
        (
            json!({ "title": "T", "content": long(10), "coverImage": "javascript:alert(1)" }),
            vec!["#/coverImage"],
        ),
        (json!({ "title": "T", "content": long(10), "slug": "Not A Slug" }), vec!["#/slug"]),
        (json!({ "title": "T", "content": long(10), "tags": vec!["t"; 11] }), vec!["#/tags"]),
        (json!({ "title": "T", "content": long(10), "tags": [" "] }), vec!["#/tags/0"]),
        (json!({ "title": "T\u{0}", "content": long(10) }), vec!["#/title"]),
        (json!([]), vec!["#"]),
        (json!("text"), vec!["#"]),
    ] {
        let rejected = author.post("/api/posts", body.clone()).await.is(400);
        assert_eq!(rejected.locations(), locations, "{body}");
    }
    let most = json!({ "title": "ä".repeat(200), "content": long(200_000), "excerpt": "ü".repeat(500) });
    author.post("/api/posts", most).await.is(201);
}

#[api_test]
async fn rejects_malformed_json() {
    let author = Api::start().await.sign_in(Role::Author).await;
    let json_typed = author.header("content-type", "application/json");
    let deep = format!("{}{}", "[".repeat(70), "]".repeat(70));
    for body in [
        &b"{"[..],
        b"{\"title\": \"a\", \"title\": \"b\"}",
        b"{} {}",
        b"\xef\xbb\xbf{}",
        b"{\"title\": NaN}",
        b"\"\xff\"",
        b"\"\\ud800\"",
        b"{'a': 1}",
        deep.as_bytes(),
        &[b'['; 100_000],
    ] {
        let rejected =
            json_typed.send(Method::POST, "/api/posts", Some(Body::from(body.to_vec()))).await.is(400);
        assert_eq!(rejected.body["code"], "malformed-json");
    }
    let empty = json_typed.send(Method::POST, "/api/posts", None).await.is(400);
    assert_eq!(empty.locations(), ["#"]);
    author.send(Method::POST, "/api/posts", None).await.is(400);
}

#[api_test]
async fn a_415_returns_the_accepted_media_types() {
    let author = Api::start().await.sign_in(Role::Author).await;
    for media in [
        "text/plain",
        "application/xml",
        "application/vnd.x+json",
        "application/json; charset=latin-1",
        "*/*",
        "",
    ] {
        let body = Some(Body::from("{}"));
        let rejected =
            author.header("content-type", media).send(Method::POST, "/api/posts", body).await.is(415);
        assert_eq!(rejected.header("accept"), "application/json", "{media}");
    }
    let body = || Some(Body::from(new("Typed").to_string()));
    let typed = author.header("content-type", "Application/JSON;charset=\"UTF-8\"");
    typed.send(Method::POST, "/api/posts", body()).await.is(201);
    typed.header("content-encoding", "gzip").send(Method::POST, "/api/posts", body()).await.is(415);
    let big = Body::from(vec![b' '; 1_048_577]);
    typed.send(Method::POST, "/api/posts", Some(big)).await.is(413);
    typed.header("content-length", "99999999").send(Method::POST, "/api/posts", body()).await.is(413);
}

#[api_test]
async fn rejects_unknown_paths_methods_and_representations() {
    let api = Api::start().await;
    for path in [
        "/api/nothing",
        "/api/posts/",
        "/api//posts",
        "/api/posts/%2e%2e",
        "/API/posts",
        "/api/posts/a%2Fb",
        "/.env",
    ] {
        api.get(path).await.is(404);
    }
    for id in ["1", "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7", "%ff", "null"] {
        api.get(&format!("/api/posts/{id}")).await.is(404);
    }
    let rejected = api.send(Method::PATCH, "/api/posts", None).await.is(405);
    assert_eq!(rejected.header("allow"), "GET, HEAD, OPTIONS, POST");
    let options = api.send(Method::OPTIONS, "/api/tags/wood", None).await.is(204);
    assert_eq!(options.header("allow"), "DELETE, GET, HEAD, OPTIONS, PATCH, PUT");
    assert_eq!(options.header("accept-patch"), "application/merge-patch+json, application/json");
    let unknown = Method::from_bytes(b"BREW").expect("a token");
    api.send(unknown, "/api/posts", None).await.is(405);
    api.header("accept", "image/png").get("/api/posts").await.is(406);
    api.header("accept", "text/html, application/*;q=0.1").get("/api/posts").await.is(200);
    api.header("accept-encoding", "identity;q=0, *;q=0").get("/openapi.json").await.is(406);
}

#[api_test]
async fn validates_credentials_then_parameters_then_body_then_state() {
    let api = Api::start().await;
    let reader = api.sign_in(Role::Reader).await;
    let author = api.sign_in(Role::Author).await;
    api.send(Method::POST, "/api/posts?x=1", None).await.is(401);
    reader.send(Method::POST, "/api/posts?x=1", None).await.is(403);
    author.header("content-type", "text/plain").send(Method::POST, "/api/posts?x=1", None).await.is(400);
    author
        .header("content-type", "text/plain")
        .send(Method::POST, "/api/posts", Some("x".into()))
        .await
        .is(415);
    let missing = "/api/posts/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f";
    author.header("if-match", "\"x\"").patch(missing, json!({ "title": "" })).await.is(400);
    author.header("if-match", "\"x\"").patch(missing, json!({})).await.is(404);
}

#[api_test]
async fn returns_429_and_rate_limit_headers() {
    let api = Api::with(&[("rate_limits", "on")]).await;
    let mut rejected = None;
    for _ in 0..80 {
        let response = api.get("/api/tags").await;
        // The average and the burst, which is the limit that rejects.
        assert_eq!(
            response.header("ratelimit-policy"),
            "\"anonymous\";q=300;w=60, \"anonymous-burst\";q=60;w=12"
        );
        assert!(response.header("ratelimit").starts_with("\"anonymous-burst\";r="), "{response:?}");
        if response.status == 429 {
            assert_eq!(response.header("ratelimit"), "\"anonymous-burst\";r=0;t=1");
            rejected = Some(response);
            break;
        }
    }
    let rejected: Value = rejected
        .map(|response| {
            json!([response.header("retry-after"), response.body["code"], response.body["detail"]])
        })
        .expect("a 429 response");
    let detail = "rate limit anonymous exceeded (300 requests in 60 seconds, bursts of 60): retry in 1 s";
    assert_eq!(rejected, json!(["1", "too-many-requests", detail]));
    api.clock.advance(1000);
    api.get("/api/tags").await.is(200);
    api.get("/livez").await.is(200);
}

#[api_test]
async fn pages_and_missing_resources_count_against_the_rate_limit() {
    for path in ["/openapi.json", "/swagger", "/problems/not-found", "/missing", "/"] {
        let api = Api::with(&[("rate_limits", "on")]).await;
        let mut statuses = Vec::new();
        for _ in 0..61 {
            let response = api.get(path).await;
            assert!(response.headers.contains_key("ratelimit"), "{path}");
            statuses.push(response.status);
        }
        assert_eq!(statuses.iter().position(|status| *status == 429), Some(60), "{path}: {statuses:?}");
        api.get("/api/tags").await.is(429);
    }
}

#[api_test]
async fn rejects_preconditions_that_it_would_ignore() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let post = json!({ "title": "Held", "content": "0123456789" });
    let created = author.post("/api/posts", post.clone()).await.is(201);
    let path = created.header("location").to_owned();
    let patch = json!({ "title": "Changed" });
    for (name, value) in [("if-none-match", "*"), ("if-unmodified-since", "Sat, 21 Nov 2026 09:00:00 GMT")] {
        let rejected = author.header(name, value).patch(&path, patch.clone()).await.is(400);
        assert!(rejected.body["errors"][0]["header"].as_str().unwrap().eq_ignore_ascii_case(name));
    }
    author.header("if-match", "*").post("/api/posts", post).await.is(400);
    let key = json!({ "name": "Build", "scopes": ["posts:read"] });
    author.header("idempotency-key", "once").post("/api/api-keys", key).await.is(400);
    // Reads change no data, so they ignore unsupported preconditions.
    author.header("if-unmodified-since", "Sat, 21 Nov 2020 09:00:00 GMT").get(&path).await.is(200);
    for preference in ["respond-async", "handling=strict, wait=10", "return=representation"] {
        author.header("prefer", preference).patch(&path, patch.clone()).await.is(200);
    }
    author.header("prefer", "respond-async, return=minimal").patch(&path, patch).await.is(204);
}
