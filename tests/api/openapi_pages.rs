//! The OpenAPI document, Swagger UI, problem pages, and headers of every response.
use serde_json::Value;

use crate::support::Api;

#[api_test]
async fn serves_the_committed_openapi_document() {
    let api = Api::start().await;
    let committed = include_str!("../../openapi.yaml");
    let served = api.get("/openapi.yaml").await.is(200);
    assert_eq!(String::from_utf8_lossy(&served.bytes), committed);
    api.header("if-none-match", served.header("etag")).get("/openapi.yaml").await.is(304);
    let json: Value = api.get("/openapi.json").await.is(200).body;
    assert_eq!(json["openapi"], "3.1.0");
    assert_eq!(api.get("/openapi-3.0.json").await.is(200).body["openapi"], "3.0.3");
    assert!(served.header("link").contains("rel=\"service-desc\""));
    for encoding in ["gzip", "br", "zstd"] {
        let client = api.header("accept-encoding", encoding);
        let encoded = client.get("/openapi.json").await.is(200);
        assert_eq!(encoded.header("content-encoding"), encoding);
        assert!(
            encoded.bytes.len() * 4 < served.bytes.len()
                && encoded.header("etag").ends_with(&format!("~{encoding}\""))
        );
        assert!(encoded.header("vary").contains("Accept-Encoding"));
        let unchanged =
            client.header("if-none-match", encoded.header("etag")).get("/openapi.json").await.is(304);
        assert_eq!(unchanged.header("etag"), encoded.header("etag"));
    }
}

#[api_test]
async fn a_304_has_the_headers_of_its_200() {
    let api = Api::with(&[("cors_origins", "https://www.acme.test")]).await;
    for (path, compressed) in [
        ("/openapi.json", true),
        ("/swagger", true),
        ("/swagger/swagger-ui.css", true),
        ("/swagger/favicon-32x32.png", false),
        ("/problems/not-found", true),
        ("/.well-known/api-catalog", true),
        ("/api/tags", true),
    ] {
        let client = api.header("accept-encoding", "gzip");
        let full = client.get(path).await.is(200);
        assert_eq!(full.header("vary").contains("Accept-Encoding"), compressed, "{path}");
        let conditional = client.header("if-none-match", full.header("etag"));
        let unchanged = conditional.get(path).await.is(304);
        for name in ["vary", "etag", "cache-control"] {
            assert_eq!(unchanged.header(name), full.header(name), "{name} of {path}");
        }
        assert!(unchanged.headers.get("content-type").is_none(), "{path}");
    }
    api.header("accept-encoding", "*;q=0").get("/openapi.json").await.is(406);
}

#[api_test]
async fn rejects_an_unacceptable_encoding_without_effect() {
    let api = Api::start().await;
    let author = api.sign_in(tenon::http::auth::Role::Author).await;
    let client = author.header("accept-encoding", "identity;q=0, *;q=0");
    client.post("/api/posts", crate::posts::new("One")).await.is(406);
    assert_eq!(api.get("/api/posts").await.is(200).body["data"], serde_json::json!([]));
}

#[api_test]
async fn every_problem_code_has_a_page() {
    let api = Api::start().await;
    let codes =
        tenon::api::DOCUMENT["components"]["schemas"]["ProblemCode"]["enum"].as_array().expect("codes");
    assert!(codes.len() > 20);
    for code in codes {
        let page = api.get(&format!("/problems/{}", code.as_str().unwrap_or_default())).await.is(200);
        let text = String::from_utf8_lossy(&page.bytes).into_owned();
        assert!(text.contains("<h1>") && text.contains(code.as_str().unwrap_or("?")));
        assert!(page.header("content-security-policy").contains("default-src 'none'"));
        assert_eq!(page.header("cross-origin-opener-policy"), "same-origin");
    }
    api.get("/problems/nothing").await.is(404);
}

#[api_test]
async fn serves_swagger_ui_and_the_api_catalog() {
    let api = Api::start().await;
    for path in ["/swagger", "/swagger/swagger-ui-bundle.js", "/swagger/swagger-ui.css", "/swagger/start.js"]
    {
        let page = api.get(path).await.is(200);
        assert!(!page.bytes.is_empty() && page.header("x-content-type-options") == "nosniff", "{path}");
        let opener = page.header("cross-origin-opener-policy");
        assert_eq!(opener, if path == "/swagger" { "same-origin" } else { "" }, "{path}");
    }
    assert_eq!(api.get("/").await.is(307).header("location"), "/swagger");
    let catalogue = api.get("/.well-known/api-catalog").await.is(200).body;
    assert_eq!(catalogue["linkset"][0]["service-desc"][0]["href"], "/openapi.json");
    api.delete("/swagger").await.is(405);
}

#[api_test]
async fn cors_accepts_configured_origins_only() {
    let api = Api::with(&[("cors_origins", "https://www.acme.test")]).await;
    let preflight = |origin: &str| {
        let request = api.header("origin", origin).header("access-control-request-method", "PATCH");
        async move { request.send(poem::http::Method::OPTIONS, "/api/me", None).await.is(204) }
    };
    let listed = preflight("https://www.acme.test").await;
    assert_eq!(listed.header("access-control-allow-origin"), "https://www.acme.test");
    assert!(preflight("https://evil.test").await.headers.get("access-control-allow-origin").is_none());
    let read = api.header("origin", "https://www.acme.test").get("/api/posts").await.is(200);
    assert_eq!(read.header("access-control-allow-origin"), "https://www.acme.test");
    assert!(read.header("vary").contains("Origin"));
}

#[api_test]
async fn returns_a_valid_request_id_and_replaces_an_invalid_one() {
    let api = Api::start().await;
    let valid = api.header("x-request-id", "order-17.a_b").get("/api/nothing").await.is(404);
    assert_eq!(
        (valid.header("x-request-id"), &valid.body["trace"]),
        ("order-17.a_b", &Value::from("order-17.a_b"))
    );
    assert_eq!(valid.body["instance"], "urn:request:order-17.a_b");
    let invalid = api.header("x-request-id", "<script>").get("/api/nothing").await.is(404);
    assert_eq!(invalid.header("x-request-id").len(), 36);
}
