//! Validation and normalization of names, URLs and query parameters, and updates without effect.
use serde_json::{Value, json};
use tenon::http::auth::Role;

use crate::{
    back_office::rabbit,
    support::{Api, Response},
};

/// Returns the error message for one field or parameter.
fn message_at<'a>(rejected: &'a Response, location: &str) -> &'a str {
    let errors = rejected.body["errors"].as_array().expect("violations");
    let error = errors.iter().find(|error| error["pointer"] == location || error["parameter"] == location);
    error.unwrap_or_else(|| panic!("no error for {location}: {rejected:?}"))["message"]
        .as_str()
        .expect("a message")
}

#[api_test]
async fn rejects_control_and_bidirectional_characters_in_names() {
    let admin = Api::start().await.sign_in(Role::Admin).await;
    let customer = |name: &str| json!({ "name": name, "email": "line@acme.test" });
    let expected =
        "must not be blank or contain line breaks, control characters or bidirectional formatting characters";
    for name in [
        "Two\nlines",
        "Two\r\nlines",
        "tab\tbed",
        "\u{7f}",
        "a\u{202e}b",
        "a\u{2067}b",
        "a\u{2028}b",
        " ",
        "end\n",
    ] {
        let rejected = admin.post("/api/v2/customers", customer(name)).await.is(400);
        assert_eq!(message_at(&rejected, "#/name"), expected, "{name:?}");
        let user = json!({ "name": name, "email": "line@acme.test", "password": "a long enough one" });
        assert_eq!(admin.post("/api/users", user).await.is(400).locations(), ["#/name"], "{name:?}");
        let tag = json!({ "name": name });
        assert_eq!(admin.put("/api/tags/line", tag).await.is(400).locations(), ["#/name"], "{name:?}");
    }
    for name in ["Zoë 日本", "أحمد", "שרה\u{200f}!", "O’Neill & Co.\u{a0}KG"] {
        let created = admin.post("/api/v2/customers", customer(name)).await.is(201);
        assert_eq!(created.body["name"], name);
        admin.delete(created.header("location")).await.is(204);
    }
}

#[api_test]
async fn image_urls_are_http_urls_or_absolute_paths() {
    let accountant = Api::start().await.sign_in(Role::Accountant).await;
    let created = accountant.post("/api/v2/customers", rabbit()).await.is(201);
    let path = created.header("location");
    for invalid in [
        "//evil.test/a.png",
        "/\\evil.test",
        "ftp://acme.test/a.png",
        "https:///a.png",
        "http:/a.png",
        "a.png",
        "/a b",
    ] {
        let rejected = accountant.patch(path, json!({ "imageUrl": invalid })).await.is(400);
        let message = message_at(&rejected, "#/imageUrl");
        assert!(message.ends_with("or a path that begins with a single /"), "{invalid}: {message}");
    }
    for valid in ["https://acme.test/a.png", "http://acme.test:8080/a?b=c#d", "/a.png", "/a//b.png"] {
        assert_eq!(
            accountant.patch(path, json!({ "imageUrl": valid })).await.is(200).body["imageUrl"],
            valid
        );
    }
}

#[api_test]
async fn error_messages_describe_the_expected_format() {
    let accountant = Api::start().await.sign_in(Role::Accountant).await;
    for (query, location, expected) in [
        (
            "/api/v2/customers?sort=address",
            "sort",
            "must be a comma-separated list of name, email or createdAt",
        ),
        ("/api/v2/invoices/fr?fields=secret", "fields", "must be a comma-separated list of id, number"),
        ("/api/v2/customers?email=nobody", "email", "must be an e-mail address in ASCII"),
        ("/api/rates?base=eur", "base", "must be three capital letters, such as EUR"),
    ] {
        let rejected = accountant.get(query).await.is(400);
        assert!(message_at(&rejected, location).starts_with(expected), "{rejected:?}");
    }
}

/// Sends patches without effect and requires the same ETag and body in each response.
async fn assert_unchanged(client: &Api, path: &str, patches: &[Value]) {
    let before = client.get(path).await.is(200);
    for patch in patches {
        let after = client.header("if-match", before.header("etag")).patch(path, patch.clone()).await.is(200);
        assert_eq!(
            (after.header("etag"), &after.body),
            (before.header("etag"), &before.body),
            "{path} {patch}"
        );
    }
}

#[api_test]
async fn a_patch_without_effect_creates_no_version() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let post =
        json!({ "title": "A post", "content": "0123456789", "published": true, "tags": ["Rust", "Web"] });
    let post = admin.post("/api/posts", post).await.is(201).header("location").to_owned();
    let comment = admin.post(&format!("{post}/comments"), json!({ "content": "Well said" })).await.is(201);
    let customer = admin.post("/api/v2/customers", rabbit()).await.is(201);
    let new_invoice =
        json!({ "customerId": customer.id(), "amount": 15795, "status": "pending", "date": "2026-11-21" });
    let invoice = admin.post("/api/v2/invoices/en-us", new_invoice.clone()).await.is(201);
    let me = admin.get("/api/me").await.is(200);
    let user = format!("/api/users/{}", me.id());
    let list = admin.get("/api/posts").await.is(200);
    api.clock.advance(60_000);

    assert_unchanged(
        &admin,
        &post,
        &[json!({}), json!({ "title": " A post ", "tags": ["rust", "Web"], "published": true })],
    )
    .await;
    assert_unchanged(
        &admin,
        comment.header("location"),
        &[json!({}), json!({ "content": "Well said", "status": "approved" })],
    )
    .await;
    assert_unchanged(&admin, customer.header("location"), &[json!({}), rabbit()]).await;
    assert_unchanged(&admin, invoice.header("location"), &[json!({}), new_invoice]).await;
    assert_unchanged(&admin, "/api/tags/rust", &[json!({}), json!({ "name": "Rust", "slug": "rust" })]).await;
    let name = json!({ "name": me.body["name"], "bio": null });
    assert_unchanged(&admin, "/api/me", &[json!({}), name.clone()]).await;
    assert_unchanged(&admin, &user, &[json!({}), name]).await;
    admin.header("if-none-match", list.header("etag")).get("/api/posts").await.is(304);

    admin.patch(&post, json!({ "tags": ["Web", "Rust"] })).await.is(200);
    admin.header("if-none-match", list.header("etag")).get("/api/posts").await.is(200);
    assert_eq!(admin.get(&post).await.is(200).body["tags"].as_array().map(Vec::len), Some(2));
}
