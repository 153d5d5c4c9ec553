//! API keys: scopes, expiry, rotation and deletion.
use std::collections::BTreeSet;

use poem::http::Method;
use serde_json::{Value, json};
use tenon::http::auth::Role;

use crate::support::Api;

const HOUR: i64 = 3_600_000;

async fn create_key(owner: &Api, scopes: &[&str]) -> Value {
    owner.post("/api/api-keys", json!({ "name": "Site build", "scopes": scopes })).await.is(201).body
}

fn with_key(api: &Api, key: &Value) -> Api {
    api.bearer(key["key"].as_str().unwrap())
}

#[api_test]
async fn a_key_is_limited_to_its_scopes_and_the_role_of_its_owner() {
    let api = Api::start().await;
    let ada = api.sign_in(Role::Author).await;
    let read_key = create_key(&ada, &["posts:read", "me:read", "posts:read"]).await;
    assert_eq!(read_key["scopes"], json!(["me:read", "posts:read"]));
    let client = with_key(&api, &read_key);
    let me = client.get("/api/me").await.is(200).body;
    assert!(me.get("session").is_none());
    client.get("/api/posts").await.is(200);
    let post = json!({ "title": "A joint that fits", "content": "Cut to fit, and glued." });
    let rejected = client.post("/api/posts", post.clone()).await.is(403);
    assert_eq!(rejected.body["code"], "insufficient-scope");
    let writer = with_key(&api, &create_key(&ada, &["posts:write", "users:read"]).await);
    writer.post("/api/posts", post.clone()).await.is(201);
    writer.get("/api/users").await.is(403);
    for path in ["/api/api-keys", "/api/auth/sessions"] {
        writer.get(path).await.is(403);
    }
    writer.send(Method::POST, "/api/auth/logout", None).await.is(403);
    let reader = api.sign_in(Role::Reader).await;
    with_key(&api, &create_key(&reader, &["posts:write"]).await).post("/api/posts", post).await.is(403);
    assert_eq!(ada.get("/api/api-keys").await.is(200).body["pagination"]["total"], 2);
    ada.post("/api/api-keys", json!({ "name": "x", "scopes": ["everything"] })).await.is(400);
    ada.post("/api/api-keys", json!({ "name": "x", "scopes": [] })).await.is(400);
}

#[api_test]
async fn rejects_a_role_assigned_with_the_api_key_of_an_admin() {
    let api = Api::start().await;
    let client = with_key(&api, &create_key(&api.sign_in(Role::Admin).await, &["users:write"]).await);
    let mut user = json!({ "email": "eve@acme.test", "name": "Eve", "password": "mortise and tenon" });
    client.post("/api/users", user.clone()).await.is(201);
    user["role"] = json!("admin");
    client.post("/api/users", user).await.is(403);
}

#[api_test]
async fn rejects_a_key_that_expired_or_was_deleted() {
    let api = Api::start().await;
    let (ada, admin) = (api.sign_in(Role::Author).await, api.sign_in(Role::Admin).await);
    let in_the_past = json!({ "name": "x", "scopes": ["me:read"], "expiresAt": "2026-11-21T09:00:00Z" });
    assert_eq!(ada.post("/api/api-keys", in_the_past).await.is(400).locations(), ["#/expiresAt"]);
    let in_five_minutes = json!({ "name": "x", "scopes": ["me:read"], "expiresAt": "2026-11-21T09:05:00Z" });
    let issued = ada.post("/api/api-keys", in_five_minutes).await.is(201).body;
    let expiring = with_key(&api, &issued);
    let permanent = create_key(&ada, &["me:read"]).await;
    expiring.get("/api/me").await.is(200);
    api.clock.advance(5 * 60_000);
    expiring.get("/api/me").await.is(401);
    let rotate = format!("/api/api-keys/{}/rotate", issued["id"].as_str().unwrap());
    ada.post_empty(&rotate).await.is(409);
    let path = format!("/api/api-keys/{}", permanent["id"].as_str().unwrap());
    assert!(ada.get(&path).await.is(200).body.get("lastUsedAt").is_none());
    with_key(&api, &permanent).get("/api/me").await.is(200);
    assert_eq!(ada.get(&path).await.is(200).body["lastUsedAt"], "2026-11-21T09:05:00.000Z");
    api.sign_in(Role::Editor).await.get(&path).await.is(404);
    admin.delete(&path).await.is(204);
    with_key(&api, &permanent).get("/api/me").await.is(401);
    admin.delete(&path).await.is(404);
}

#[api_test]
async fn a_key_expires_after_a_year_unless_an_admin_chooses_another_time() {
    let api = Api::start().await;
    let (author, admin) = (api.sign_in(Role::Author).await, api.sign_in(Role::Admin).await);
    let new = |field: &str, value: &str| json!({ "name": "x", "scopes": ["me:read"], field: value });
    let of_author = create_key(&author, &["me:read"]).await;
    assert_eq!(of_author["expiresAt"], "2027-11-21T09:00:00.000Z");
    assert_eq!(create_key(&admin, &["me:read"]).await["expiresAt"], "2027-11-21T09:00:00.000Z");
    author.post("/api/api-keys", new("expiresAt", "2027-11-21T09:00:00Z")).await.is(201);
    for later in ["2027-11-21T09:00:01Z", "2126-11-21T09:00:00Z"] {
        author.post("/api/api-keys", new("expiresAt", later)).await.is(403);
        admin.post("/api/api-keys", new("expiresAt", later)).await.is(201);
    }
    author.post("/api/api-keys", new("expires", "never")).await.is(403);
    author.post("/api/api-keys", new("expires", "tomorrow")).await.is(400);
    let unlimited = admin.post("/api/api-keys", new("expires", "never")).await.is(201).body;
    assert!(unlimited.get("expiresAt").is_none());
    let mut both = new("expires", "never");
    both["expiresAt"] = json!("2027-01-01T09:00:00Z");
    assert_eq!(admin.post("/api/api-keys", both).await.is(400).locations(), ["#/expires"]);
    api.clock.advance(365 * 24 * HOUR - 1);
    with_key(&api, &of_author).get("/api/me").await.is(200);
    api.clock.advance(1);
    with_key(&api, &of_author).get("/api/me").await.is(401);
    with_key(&api, &unlimited).get("/api/me").await.is(200);
}

#[api_test]
async fn an_account_has_at_most_50_keys() {
    let api = Api::start().await;
    let owner = api.sign_in(Role::Author).await;
    let mut last = Value::Null;
    for _ in 0..50 {
        last = create_key(&owner, &["me:read"]).await;
    }
    let new = json!({ "name": "x", "scopes": ["me:read"] });
    assert_eq!(owner.post("/api/api-keys", new.clone()).await.is(409).body["code"], "conflict");
    api.sign_in(Role::Author).await.post("/api/api-keys", new.clone()).await.is(201);
    owner.delete(&format!("/api/api-keys/{}", last["id"].as_str().unwrap())).await.is(204);
    let (one, two) = tokio::join!(owner.post("/api/api-keys", new.clone()), owner.post("/api/api-keys", new));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
}

#[api_test]
async fn accepts_the_previous_secret_for_a_day_after_a_rotation() {
    let api = Api::start().await;
    let ada = api.sign_in(Role::Author).await;
    let old = create_key(&ada, &["me:read"]).await;
    let path = format!("/api/api-keys/{}/rotate", old["id"].as_str().unwrap());
    let key_path = format!("/api/api-keys/{}", old["id"].as_str().unwrap());
    assert!(ada.get(&key_path).await.is(200).headers.contains_key("last-modified"));
    let rotate = |client: Api| {
        let path = path.clone();
        async move { client.send(Method::POST, &path, None).await }
    };
    rotate(api.sign_in(Role::Reader).await).await.is(404);
    rotate(api.sign_in(Role::Admin).await).await.is(403);
    let new = rotate(ada.clone()).await.is(200).body;
    assert_eq!((&new["id"], &new["previousSecretUntil"]), (&old["id"], &json!("2026-11-22T09:00:00.000Z")));
    api.clock.advance(24 * HOUR - 1);
    with_key(&api, &old).get("/api/me").await.is(200);
    with_key(&api, &new).get("/api/me").await.is(200);
    api.clock.advance(1);
    let read = api.sign_in(Role::Admin).await.get(&key_path).await.is(200);
    assert!(read.body.get("previousSecretUntil").is_none());
    with_key(&api, &old).get("/api/me").await.is(401);
    with_key(&api, &new).get("/api/me").await.is(200);
    let mut forged = new.clone();
    forged["key"] = json!(format!("{}A", &new["key"].as_str().unwrap()[..81]));
    if forged["key"] != new["key"] {
        with_key(&api, &forged).get("/api/me").await.is(401);
    }
}

#[api_test]
async fn records_the_last_use_of_a_key_once_a_minute() {
    let api = Api::start().await;
    let (ada, admin) = (api.sign_in(Role::Author).await, api.sign_in(Role::Admin).await);
    let key = create_key(&ada, &["me:read"]).await;
    let path = format!("/api/api-keys/{}", key["id"].as_str().unwrap());
    let client = with_key(&api, &key);
    client.get("/api/me").await.is(200);
    for (milliseconds, last_used_at) in [
        (59_999, "2026-11-21T09:00:00.000Z"),
        (1, "2026-11-21T09:01:00.000Z"),
        (60_000, "2026-11-21T09:02:00.000Z"),
    ] {
        api.clock.advance(milliseconds);
        client.get("/api/me").await.is(200);
        assert_eq!(admin.get(&path).await.is(200).body["lastUsedAt"], last_used_at);
    }
}

#[api_test]
fn every_scope_of_an_operation_can_be_granted() {
    let document = &*tenon::api::DOCUMENT;
    let granted = document["components"]["schemas"]["Scope"]["enum"].as_array().into_iter().flatten();
    let granted: BTreeSet<&str> = granted.filter_map(Value::as_str).collect();
    let operations = document["paths"].as_object().into_iter().flatten();
    let operations = operations.flat_map(|(_, item)| item.as_object().into_iter().flatten());
    let credentials =
        operations.flat_map(|(_, operation)| operation["security"].as_array().into_iter().flatten());
    let required: BTreeSet<&str> =
        credentials.filter_map(|credential| credential["api_key"][0].as_str()).collect();
    assert!(required.contains("posts:read"));
    assert_eq!(required, granted);
}
