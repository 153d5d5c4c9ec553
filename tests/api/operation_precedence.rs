//! Operations and pages of the API have precedence over redirects.
use std::collections::BTreeSet;

use poem::http::Method;
use serde_json::{Value, json};
use tenon::{http::auth::Role, server::api_docs};

use crate::{access::example_requests, support::Api};

fn rule(source: &str) -> Value {
    json!({ "source": source, "destination": "/elsewhere" })
}

#[api_test]
async fn rejects_sources_that_match_an_operation() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let operations: BTreeSet<String> =
        example_requests().into_iter().map(|operation| operation.path).collect();
    assert!(operations.len() > 50, "found only {} paths", operations.len());
    for path in operations.into_iter().chain(api_docs::paths()) {
        for source in [path.clone(), format!("{}/*", path.trim_end_matches('/'))] {
            let rejected = editor.post("/api/redirects", rule(&source)).await.is(400);
            assert_eq!(rejected.locations(), ["#/source"], "{source}");
        }
    }
    for (source, template) in [
        ("/livez/", "/livez"),
        ("/api/p%6Fsts", "/api/posts"),
        ("/api/posts/dovetails", "/api/posts/{post}"),
        ("/api/posts/*", "/api/posts/{post}"),
        ("/api/v2/customers/*", "/api/v2/customers/{id}"),
        ("/api/posts/*/comments", "/api/posts/{post}/comments"),
        ("/api/docs/a/b", "/api/docs/{path}"),
        ("/api/docs/a/*", "/api/docs/{path}"),
        ("/swagger", "/swagger"),
    ] {
        let rejected = editor.post("/api/redirects", rule(source)).await.is(400);
        let message = format!("must not match an operation of the API: {template}");
        assert_eq!(rejected.body["errors"][0]["message"], message, "{source}");
    }
    let rejected = editor.put("/api/redirects/api/posts", json!({ "destination": "/new" })).await.is(400);
    assert_eq!(rejected.locations(), ["key"]);
}

#[api_test]
async fn broad_redirects_do_not_affect_operations() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    for source in ["/*", "/api/*", "/api/v1/*", "/*.json", "/*/posts", "/.well-known/*"] {
        editor.post("/api/redirects", rule(source)).await.is(201);
    }
    for operation in example_requests() {
        let response = operation.send(&api).await;
        assert_ne!(response.header("location"), "/elsewhere", "{}", operation.id);
        // No operation uses TRACE.
        api.send(Method::TRACE, &operation.path, None).await.is(405);
    }
    for path in api_docs::paths() {
        assert_ne!(api.get(&path).await.header("location"), "/elsewhere", "{path}");
    }
    for path in ["/", "/about", "/api", "/api/v1/revenues", "/problems/none", "/feed.json"] {
        assert_eq!(api.get(path).await.is(307).header("location"), "/elsewhere", "{path}");
    }
    for source in ["*", "api/*"] {
        editor.delete(&format!("/api/redirects/{source}")).await.is(204);
    }
    api.get("/about").await.is(404);
    assert_eq!(api.get("/").await.is(307).header("location"), "/swagger");
}

#[api_test]
async fn destinations_at_the_public_url_are_internal() {
    let api = Api::with(&[("public_url", "https://api.acme.test")]).await;
    let editor = api.sign_in(Role::Editor).await;
    let to = |destination: &str| json!({ "destination": destination });
    editor.put("/api/redirects/old/*", to("https://api.acme.test/new/*")).await.is(201);
    assert_eq!(api.get("/old/a?b=c").await.is(307).header("location"), "https://api.acme.test/new/a?b=c");
    for (key, destination) in [
        ("new/a", "https://api.acme.test/old/a"),
        ("new", "http://API.acme.test:80/old"),
        ("self", "https://api.acme.test:443/self"),
    ] {
        editor.put(&format!("/api/redirects/{key}"), to(destination)).await.is(409);
    }
    editor.put("/api/redirects/x", to("https://api.acme.test/old/x")).await.is(201);
    for destination in
        ["https://acme.test/", "https://api.acme.test:8443/", "https://api.acme.test.evil.test/"]
    {
        let rejected = editor.put("/api/redirects/x", to(destination)).await.is(400);
        assert_eq!(rejected.locations(), ["#/destination"], "{destination}");
    }
}
