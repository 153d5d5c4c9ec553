//! `Idempotency-Key`: the status and the location are stored, and the resource is read again for a repeated request.
use entity::idempotency_key;
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use tenon::http::auth::Role;

use crate::{
    multipart::{png, upload},
    posts::new,
    support::{Api, PASSWORD, Response},
};

/// Returns the stored rows.
async fn stored(api: &Api) -> Vec<idempotency_key::Model> {
    idempotency_key::Entity::find().all(api.app.db.read()).await.expect("the rows")
}

/// Asserts that a response repeats the first one.
#[track_caller]
fn assert_repeats(first: &Response, again: &Response) {
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!(again.header("idempotent-replayed"), "true");
    for name in ["etag", "location", "content-type", "cache-control"] {
        assert_eq!(again.header(name), first.header(name), "{name}");
    }
}

/// Sends a request twice with one key, and returns the first response.
async fn twice(client: &Api, path: &str, body: Value) -> Response {
    let client = client.header("idempotency-key", "twice");
    let first = client.post(path, body.clone()).await;
    assert!(matches!(first.status, 200 | 201), "{path}: {first:?}");
    assert_repeats(&first, &client.post(path, body).await);
    first
}

#[api_test]
async fn a_repeated_create_reads_the_resource_and_stores_no_copy_of_it() {
    let api = Api::start().await;
    let (editor, admin) = (api.sign_in(Role::Editor).await, api.sign_in(Role::Admin).await);
    let accountant = api.sign_in(Role::Accountant).await;
    let post = twice(&editor, "/api/posts", new("Twice")).await.id();
    twice(&editor, &format!("/api/posts/{post}/comments"), json!({ "content": "Twice" })).await;
    let document = json!({ "path": "twice", "title": "Twice", "content": "Twice" });
    twice(&editor, "/api/documents", document).await;
    let channel = json!({ "name": "Twice", "audience": "public" });
    let channel = twice(&editor, "/api/channels", channel).await.id();
    twice(&editor, &format!("/api/channels/{channel}/messages"), json!({ "text": "Twice" })).await;
    let redirect = json!({ "source": "/twice/*", "destination": "/once" });
    twice(&editor, "/api/redirects", redirect).await;
    let escaped = json!({ "source": "/-a%2Ab", "destination": "/once" });
    editor.header("idempotency-key", "escaped").post("/api/redirects", escaped.clone()).await.is(201);
    let again = editor.header("idempotency-key", "escaped").post("/api/redirects", escaped).await.is(201);
    assert_eq!(again.header("idempotent-replayed"), "true");
    let customer = json!({ "name": "Twice", "email": "twice@acme.test" });
    let customer = twice(&accountant, "/api/v2/customers", customer).await.id();
    let invoice = json!({ "customerId": customer, "amount": 1000, "status": "pending" });
    twice(&accountant, "/api/v2/invoices/en-us", invoice).await;
    let user = json!({ "email": "eve@acme.test", "name": "Eve", "password": PASSWORD });
    twice(&admin, "/api/users", user).await;
    let keyed = editor.header("idempotency-key", "image");
    let file = png(8, 6, 1);
    let parts = [("file", Some("twice.png"), &file[..])];
    let image = upload(&keyed, &parts).await.is(201);
    assert_repeats(&image, &upload(&keyed, &parts).await);
    let rows = stored(&api).await;
    assert_eq!(rows.len(), 11);
    for row in rows {
        assert_eq!((row.body.as_str(), row.status), ("", 201), "{row:?}");
    }
}

#[api_test]
async fn a_repeated_create_returns_the_current_version() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let keyed = author.header("idempotency-key", "once");
    let first = keyed.post("/api/posts", new("Once")).await.is(201);
    let path = first.header("location").to_owned();
    let changed = author.patch(&path, json!({ "title": "Changed" })).await.is(200);
    let again = keyed.post("/api/posts", new("Once")).await.is(201);
    assert_eq!((again.header("location"), again.header("etag")), (path.as_str(), changed.header("etag")));
    assert_eq!((&again.body, again.header("idempotent-replayed")), (&changed.body, "true"));
    author.delete(&path).await.is(204);
    let deleted = keyed.post("/api/posts", new("Once")).await.is(409);
    assert_eq!(deleted.body["code"], "conflict");
    assert!(
        deleted.body["detail"].as_str().is_some_and(|text| text.contains("Idempotency-Key")),
        "{deleted:?}"
    );
    keyed.post("/api/posts", new("Another")).await.is(422);
    author.header("idempotency-key", "other").post("/api/posts", new("Once")).await.is(201);
}

#[api_test]
async fn a_repeated_create_returns_only_what_the_caller_may_read() {
    let api = Api::with(&[("registration", "on")]).await;
    let (editor, admin) = (api.sign_in(Role::Editor).await, api.sign_in(Role::Admin).await);
    let channel = json!({ "name": "Open", "audience": "accounts" });
    let channel = editor.post("/api/channels", channel).await.is(201).header("location").to_owned();
    let reader = api.sign_in(Role::Reader).await.header("idempotency-key", "hello");
    let messages = format!("{channel}/messages");
    reader.post(&messages, json!({ "text": "Hello" })).await.is(201);
    editor.patch(&channel, json!({ "audience": "staff" })).await.is(200);
    reader.post(&messages, json!({ "text": "Hello" })).await.is(409);
    // An anonymous caller has no right to the account that they registered.
    let anonymous = api.header("idempotency-key", "register");
    let user = json!({ "email": "eve@acme.test", "name": "Eve", "password": PASSWORD });
    let first = anonymous.post("/api/users", user.clone()).await.is(201);
    assert_repeats(&first, &anonymous.post("/api/users", user.clone()).await);
    admin.patch(first.header("location"), json!({ "role": "author" })).await.is(200);
    anonymous.post("/api/users", user).await.is(409);
}

#[api_test]
async fn a_result_that_cannot_be_read_again_is_stored_and_small() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let rules: serde_json::Map<String, Value> =
        (0..500).map(|n| (format!("/from-{n}"), json!({ "destination": "/to" }))).collect();
    let keyed = editor.header("idempotency-key", "import");
    let first = keyed.post("/api/redirect-files/json", Value::Object(rules.clone())).await.is(201);
    editor.delete("/api/redirects/from-0").await.is(204);
    assert_repeats(&first, &keyed.post("/api/redirect-files/json", Value::Object(rules)).await);
    let rows = stored(&api).await;
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert!((1..200).contains(&row.body.len()), "{row:?}");
}

#[api_test]
async fn a_response_with_a_secret_is_never_stored() {
    let api = Api::with(&[("allow_private_networks", "on")]).await;
    let admin = api.sign_in(Role::Admin).await;
    let post = admin.post("/api/posts", new("Secret")).await.is(201).id();
    let keyed = admin.header("idempotency-key", "secret");
    for (path, body) in [
        ("/api/api-keys", json!({ "name": "ci", "scopes": ["posts:read"] })),
        ("/api/webhook-endpoints", json!({ "url": "http://127.0.0.1:9/hook", "events": ["posts"] })),
    ] {
        assert_eq!(keyed.post(path, body.clone()).await.is(400).locations(), ["Idempotency-Key"], "{path}");
        admin.post(path, body).await.is(201);
    }
    let preview = format!("/api/posts/{post}/preview");
    assert_eq!(keyed.post_empty(&preview).await.is(400).locations(), ["Idempotency-Key"]);
    admin.post_empty(&preview).await.is(201);
    assert!(stored(&api).await.is_empty());
}
