//! Keys of programs.
use std::collections::BTreeSet;

use poem::http::Method;
use serde_json::{Value, json};
use tenon::http::auth::Role;

use crate::support::Api;

const HOUR: i64 = 3_600_000;

async fn key(owner: &Api, scopes: &[&str]) -> Value {
    owner.post("/api/api-keys", json!({ "name": "Site build", "scopes": scopes })).await.is(201).body
}

fn with(api: &Api, key: &Value) -> Api {
    api.bearer(key["key"].as_str().unwrap())
}

#[api_test]
async fn a_key_does_what_its_owner_may_within_its_scopes() {
    let api = Api::start().await;
    let ada = api.sign_in(Role::Author).await;
    let reads = key(&ada, &["posts:read", "me:read", "posts:read"]).await;
    assert_eq!(reads["scopes"], json!(["me:read", "posts:read"]));
    let program = with(&api, &reads);
    let me = program.get("/api/me").await.is(200).body;
    assert!(me.get("session").is_none());
    program.get("/api/posts").await.is(200);
    let post = json!({ "title": "A joint that fits", "content": "Cut to fit, and glued." });
    let refused = program.post("/api/posts", post.clone()).await.is(403);
    assert_eq!(refused.body["code"], "insufficient-scope");
    let writes = with(&api, &key(&ada, &["posts:write", "users:read"]).await);
    writes.post("/api/posts", post.clone()).await.is(201);
    writes.get("/api/users").await.is(403);
    for path in ["/api/api-keys", "/api/auth/sessions"] {
        writes.get(path).await.is(403);
    }
    writes.send(Method::POST, "/api/auth/logout", None).await.is(403);
    let reader = api.sign_in(Role::Reader).await;
    with(&api, &key(&reader, &["posts:write"]).await).post("/api/posts", post).await.is(403);
    assert_eq!(ada.get("/api/api-keys").await.is(200).body["pagination"]["total"], 2);
    ada.post("/api/api-keys", json!({ "name": "x", "scopes": ["everything"] })).await.is(400);
    ada.post("/api/api-keys", json!({ "name": "x", "scopes": [] })).await.is(400);
}

#[api_test]
async fn a_key_of_an_admin_gives_no_roles() {
    let api = Api::start().await;
    let program = with(&api, &key(&api.sign_in(Role::Admin).await, &["users:write"]).await);
    let mut new = json!({ "email": "eve@acme.test", "name": "Eve", "password": "mortise and tenon" });
    program.post("/api/users", new.clone()).await.is(201);
    new["role"] = json!("admin");
    program.post("/api/users", new).await.is(403);
}

#[api_test]
async fn a_key_ends_by_time_by_removal_and_with_its_owner() {
    let api = Api::start().await;
    let (ada, admin) = (api.sign_in(Role::Author).await, api.sign_in(Role::Admin).await);
    let past = json!({ "name": "x", "scopes": ["me:read"], "expiresAt": "2026-11-21T09:00:00Z" });
    ada.post("/api/api-keys", past).await.is(409);
    let soon = json!({ "name": "x", "scopes": ["me:read"], "expiresAt": "2026-11-21T09:05:00Z" });
    let issued = ada.post("/api/api-keys", soon).await.is(201).body;
    let brief = with(&api, &issued);
    let lasting = key(&ada, &["me:read"]).await;
    brief.get("/api/me").await.is(200);
    api.clock.advance(5 * 60_000);
    brief.get("/api/me").await.is(401);
    let rotate = format!("/api/api-keys/{}/rotate", issued["id"].as_str().unwrap());
    ada.post_empty(&rotate).await.is(409);
    let path = format!("/api/api-keys/{}", lasting["id"].as_str().unwrap());
    assert!(ada.get(&path).await.is(200).body.get("lastUsedAt").is_none());
    with(&api, &lasting).get("/api/me").await.is(200);
    assert_eq!(ada.get(&path).await.is(200).body["lastUsedAt"], "2026-11-21T09:05:00.000Z");
    api.sign_in(Role::Editor).await.get(&path).await.is(404);
    let owner = lasting["owner"].as_str().unwrap();
    admin.patch(&format!("/api/users/{owner}"), json!({ "status": "disabled" })).await.is(200);
    with(&api, &lasting).get("/api/me").await.is(401);
    admin.patch(&format!("/api/users/{owner}"), json!({ "status": "active" })).await.is(200);
    with(&api, &lasting).get("/api/me").await.is(200);
    admin.delete(&path).await.is(204);
    with(&api, &lasting).get("/api/me").await.is(401);
    admin.delete(&path).await.is(404);
}

#[api_test]
async fn the_old_secret_works_for_a_day_after_a_rotation() {
    let api = Api::start().await;
    let ada = api.sign_in(Role::Author).await;
    let old = key(&ada, &["me:read"]).await;
    let path = format!("/api/api-keys/{}/rotate", old["id"].as_str().unwrap());
    let rotate = |who: Api| {
        let path = path.clone();
        async move { who.send(Method::POST, &path, None).await }
    };
    rotate(api.sign_in(Role::Reader).await).await.is(404);
    rotate(api.sign_in(Role::Admin).await).await.is(403);
    let new = rotate(ada.clone()).await.is(200).body;
    assert_eq!((&new["id"], &new["previousUntil"]), (&old["id"], &json!("2026-11-22T09:00:00.000Z")));
    api.clock.advance(24 * HOUR - 1);
    with(&api, &old).get("/api/me").await.is(200);
    with(&api, &new).get("/api/me").await.is(200);
    api.clock.advance(1);
    with(&api, &old).get("/api/me").await.is(401);
    with(&api, &new).get("/api/me").await.is(200);
    let mut forged = new.clone();
    forged["key"] = json!(format!("{}A", &new["key"].as_str().unwrap()[..81]));
    if forged["key"] != new["key"] {
        with(&api, &forged).get("/api/me").await.is(401);
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
    let required: BTreeSet<&str> = credentials.filter_map(|one| one["api_key"][0].as_str()).collect();
    assert!(required.contains("posts:read"));
    assert_eq!(required, granted);
}
