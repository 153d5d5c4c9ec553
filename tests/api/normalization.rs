//! What is refused of names and addresses, in which words, and what a change that changes nothing does.
use serde_json::{Value, json};
use tenon::http::auth::Role;

use crate::{
    back_office::rabbit,
    support::{Api, Response},
};

/// What is said of one place.
fn words<'a>(refused: &'a Response, place: &str) -> &'a str {
    let errors = refused.body["errors"].as_array().expect("violations");
    let error = errors.iter().find(|error| error["pointer"] == place || error["parameter"] == place);
    error.unwrap_or_else(|| panic!("nothing of {place}: {refused:?}"))["message"].as_str().expect("words")
}

#[api_test]
async fn a_name_is_one_line_in_one_direction() {
    let admin = Api::start().await.sign_in(Role::Admin).await;
    let customer = |name: &str| json!({ "name": name, "email": "line@acme.test" });
    let line =
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
        let refused = admin.post("/api/v2/customers", customer(name)).await.is(400);
        assert_eq!(words(&refused, "#/name"), line, "{name:?}");
        let user = json!({ "name": name, "email": "line@acme.test", "password": "a long enough one" });
        assert_eq!(admin.post("/api/users", user).await.is(400).locations(), ["#/name"], "{name:?}");
        let tag = json!({ "name": name });
        assert_eq!(admin.put("/api/tags/line", tag).await.is(400).locations(), ["#/name"], "{name:?}");
    }
    for name in ["Zoë 日本", "أحمد", "שרה\u{200f}!", "O’Neill & Co.\u{a0}KG"] {
        let made = admin.post("/api/v2/customers", customer(name)).await.is(201);
        assert_eq!(made.body["name"], name);
        admin.delete(made.header("location")).await.is(204);
    }
}

#[api_test]
async fn a_picture_is_here_or_at_a_named_host() {
    let books = Api::start().await.sign_in(Role::Accountant).await;
    let made = books.post("/api/v2/customers", rabbit()).await.is(201);
    let path = made.header("location");
    for wrong in [
        "//evil.test/a.png",
        "/\\evil.test",
        "ftp://acme.test/a.png",
        "https:///a.png",
        "http:/a.png",
        "a.png",
        "/a b",
    ] {
        let refused = books.patch(path, json!({ "imageUrl": wrong })).await.is(400);
        let told = words(&refused, "#/imageUrl");
        assert!(told.ends_with("or a path that begins with a single /"), "{wrong}: {told}");
    }
    for right in ["https://acme.test/a.png", "http://acme.test:8080/a?b=c#d", "/a.png", "/a//b.png"] {
        assert_eq!(books.patch(path, json!({ "imageUrl": right })).await.is(200).body["imageUrl"], right);
    }
}

#[api_test]
async fn refusals_say_in_words_what_a_pattern_asks_for() {
    let books = Api::start().await.sign_in(Role::Accountant).await;
    for (query, place, told) in [
        (
            "/api/v2/customers?sort=address",
            "sort",
            "must be a comma-separated list of name, email or createdAt",
        ),
        ("/api/v2/invoices/fr?fields=secret", "fields", "must be a comma-separated list of id, number"),
        ("/api/v2/customers?email=nobody", "email", "must be an e-mail address in ASCII"),
        ("/api/rates?base=eur", "base", "must be three capital letters, such as EUR"),
    ] {
        let refused = books.get(query).await.is(400);
        assert!(words(&refused, place).starts_with(told), "{refused:?}");
    }
}

/// Tells nothing new to what is at the path, in several ways.
async fn unmoved(who: &Api, path: &str, patches: &[Value]) {
    let before = who.get(path).await.is(200);
    for patch in patches {
        let after = who.header("if-match", before.header("etag")).patch(path, patch.clone()).await.is(200);
        assert_eq!(
            (after.header("etag"), &after.body),
            (before.header("etag"), &before.body),
            "{path} {patch}"
        );
    }
}

#[api_test]
async fn a_change_that_changes_nothing_makes_no_version() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let post =
        json!({ "title": "A post", "content": "0123456789", "published": true, "tags": ["Rust", "Web"] });
    let post = admin.post("/api/posts", post).await.is(201).header("location").to_owned();
    let comment = admin.post(&format!("{post}/comments"), json!({ "content": "Well said" })).await.is(201);
    let customer = admin.post("/api/v2/customers", rabbit()).await.is(201);
    let owes =
        json!({ "customerId": customer.id(), "amount": 15795, "status": "pending", "date": "2026-11-21" });
    let invoice = admin.post("/api/v2/invoices/en-us", owes.clone()).await.is(201);
    let me = admin.get("/api/me").await.is(200);
    let user = format!("/api/users/{}", me.id());
    let list = admin.get("/api/posts").await.is(200);
    api.clock.advance(60_000);

    unmoved(
        &admin,
        &post,
        &[json!({}), json!({ "title": " A post ", "tags": ["rust", "Web"], "published": true })],
    )
    .await;
    unmoved(
        &admin,
        comment.header("location"),
        &[json!({}), json!({ "content": "Well said", "status": "approved" })],
    )
    .await;
    unmoved(&admin, customer.header("location"), &[json!({}), rabbit()]).await;
    unmoved(&admin, invoice.header("location"), &[json!({}), owes]).await;
    unmoved(&admin, "/api/tags/rust", &[json!({}), json!({ "name": "Rust", "slug": "rust" })]).await;
    let name = json!({ "name": me.body["name"], "bio": null });
    unmoved(&admin, "/api/me", &[json!({}), name.clone()]).await;
    unmoved(&admin, &user, &[json!({}), name]).await;
    admin.header("if-none-match", list.header("etag")).get("/api/posts").await.is(304);

    admin.patch(&post, json!({ "tags": ["Web", "Rust"] })).await.is(200);
    admin.header("if-none-match", list.header("etag")).get("/api/posts").await.is(200);
    assert_eq!(admin.get(&post).await.is(200).body["tags"].as_array().map(Vec::len), Some(2));
}
