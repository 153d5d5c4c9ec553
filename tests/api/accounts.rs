//! User accounts: registration, access rights, updates and deletes.
use serde_json::{Value, json};
use tenon::http::auth::Role;

use crate::support::{Api, PASSWORD};

fn new_user(email: &str) -> Value {
    json!({ "email": email, "name": " Ada Turner ", "password": "mortise and tenon" })
}

async fn user_id(api: &Api) -> String {
    api.get("/api/me").await.is(200).id()
}

#[api_test]
async fn registration_creates_readers_if_it_is_enabled() {
    let disabled = Api::start().await;
    disabled.post("/api/users", new_user("ada@acme.test")).await.is(403);
    let api = Api::with(&[("registration", "on")]).await;
    let idempotent = api.header("idempotency-key", "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f");
    let created = idempotent.post("/api/users", new_user("Ada@ACME.test")).await.is(201);
    assert_eq!((&created.body["email"], &created.body["role"]), (&json!("ada@acme.test"), &json!("reader")));
    assert_eq!(created.body["name"], "Ada Turner");
    assert_eq!(created.header("location"), format!("/api/users/{}", created.id()));
    let again = idempotent.post("/api/users", new_user("Ada@ACME.test")).await.is(201);
    assert_eq!((again.id(), again.header("idempotent-replayed")), (created.id(), "true"));
    idempotent.post("/api/users", new_user("bob@acme.test")).await.is(422);
    let conflict = api.post("/api/users", new_user("ADA@acme.test")).await.is(409);
    assert_eq!(conflict.locations(), ["#/email"]);
    let mut editor = new_user("eve@acme.test");
    editor["role"] = json!("editor");
    api.post("/api/users", editor.clone()).await.is(403);
    api.sign_in(Role::Editor).await.post("/api/users", editor.clone()).await.is(403);
    let created = api.sign_in(Role::Admin).await.post("/api/users", editor).await.is(201);
    assert_eq!(created.body["role"], "editor");
    for (field, value) in
        [("password", "12345678"), ("password", "short"), ("email", "acme.test"), ("name", "  ")]
    {
        let mut body = new_user("bob@acme.test");
        body[field] = json!(value);
        let rejected = api.post("/api/users", body).await.is(400);
        assert_eq!(rejected.locations(), [format!("#/{field}")]);
    }
}

#[api_test]
async fn an_account_is_visible_to_its_owner_and_to_admins() {
    let api = Api::start().await;
    let (ada, eve, admin) =
        (api.sign_in(Role::Author).await, api.sign_in(Role::Editor).await, api.sign_in(Role::Admin).await);
    let path = format!("/api/users/{}", user_id(&ada).await);
    let read = ada.get(&path).await.is(200);
    ada.header("if-none-match", read.header("etag")).get(&path).await.is(304);
    admin.get(&path).await.is(200);
    eve.get(&path).await.is(404);
    eve.patch(&path, json!({ "name": "Eve" })).await.is(404);
    eve.delete(&path).await.is(404);
    api.get(&path).await.is(401);
    eve.get("/api/users").await.is(403);
    let list = admin.get("/api/users?sort=name&role=author&status=active&limit=1").await.is(200).body;
    assert_eq!(list["pagination"]["total"], 1);
    assert!(!list.to_string().contains("argon2"));
    for (sort, count) in [("email", 3), ("-createdAt", 3), ("-name", 3)] {
        let first = admin.get(&format!("/api/users?sort={sort}&limit=2")).await.is(200).body;
        let next = first["pagination"]["nextCursor"].as_str().unwrap();
        let rest = admin.get(&format!("/api/users?sort={sort}&after={next}")).await.is(200).body;
        let listed = first["data"].as_array().unwrap().len() + rest["data"].as_array().unwrap().len();
        assert_eq!(listed, count, "{sort}");
    }
    assert_eq!(admin.get("/api/users?q=ACME%20%25").await.is(200).body["pagination"]["total"], 0);
}

#[api_test]
async fn owners_update_their_profile_and_admins_the_role() {
    let api = Api::start().await;
    let (ada, admin) = (api.sign_in(Role::Author).await, api.sign_in(Role::Admin).await);
    let me = ada.get("/api/me").await.is(200);
    let path = format!("/api/users/{}", me.id());
    let patch = json!({ "bio": "Turns wood.", "url": "https://ada.acme.test/" });
    ada.header("if-match", "\"other\"").patch("/api/me", patch.clone()).await.is(412);
    let updated = ada.header("if-match", me.header("etag")).patch("/api/me", patch).await.is(200);
    assert_eq!(updated.body["bio"], "Turns wood.");
    assert_eq!(updated.header("etag"), ada.get("/api/me").await.header("etag"));
    let cleared = ada.patch(&path, json!({ "bio": null, "role": "author" })).await.is(200);
    assert!(cleared.body.get("bio").is_none());
    for patch in [json!({ "role": "admin" }), json!({ "status": "disabled" }), json!({ "email": "x@y.z" })] {
        ada.patch(&path, patch).await.is(403);
    }
    ada.patch(&path, json!({ "version": 9 })).await.is(400);
    admin.patch(&path, json!({ "name": "Ada" })).await.is(200);
    ada.get("/api/me").await.is(200);
    admin.patch(&path, json!({ "role": "editor", "email": "Ada@acme.test" })).await.is(200);
    ada.get("/api/me").await.is(401);
}

#[api_test]
async fn a_password_change_requires_the_current_one_and_revokes_other_sessions() {
    let api = Api::start().await;
    let (ada, email) = api.account(Role::Reader).await;
    let login = |password: &'static str| {
        let (api, body) = (api.clone(), json!({ "email": email, "password": password }));
        async move { api.post("/api/auth/login", body).await }
    };
    let other = login(PASSWORD).await.is(200).body;
    let new_password = "dovetail and biscuit";
    ada.patch("/api/me", json!({ "password": new_password })).await.is(403);
    let invalid = json!({ "password": new_password, "currentPassword": "wrong horse" });
    ada.patch("/api/me", invalid).await.is(403);
    ada.patch("/api/me", json!({ "password": new_password, "currentPassword": PASSWORD })).await.is(200);
    ada.get("/api/me").await.is(200);
    api.bearer(other["accessToken"].as_str().unwrap()).get("/api/me").await.is(401);
    api.post("/api/auth/refresh", json!({ "refreshToken": other["refreshToken"] })).await.is(401);
    login(PASSWORD).await.is(401);
    login(new_password).await.is(200);
}

#[api_test]
async fn rejects_the_removal_of_the_last_admin() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let path = format!("/api/users/{}", user_id(&admin).await);
    for patch in [json!({ "role": "reader" }), json!({ "status": "disabled" })] {
        admin.patch(&path, patch).await.is(409);
    }
    admin.delete(&path).await.is(409);
    let second = api.sign_in(Role::Admin).await;
    second.patch(&path, json!({ "status": "disabled" })).await.is(200);
    admin.get("/api/me").await.is(401);
    second.delete(&format!("/api/users/{}", user_id(&second).await)).await.is(409);
    second.delete(&path).await.is(204);
    second.get(&path).await.is(404);
}

#[api_test]
async fn rejects_the_deletion_of_a_user_with_posts() {
    let api = Api::start().await;
    let (ada, admin) = (api.sign_in(Role::Author).await, api.sign_in(Role::Admin).await);
    let id = user_id(&ada).await;
    let author = format!("/api/authors/{id}");
    for client in [&api, &ada, &admin] {
        client.get(&author).await.is(404);
    }
    let draft = json!({ "title": "A joint that fits", "content": "Cut to fit, and glued." });
    let post = ada.post("/api/posts", draft).await.is(201).id();
    assert_eq!(api.get("/api/authors").await.is(200).body["data"], json!([]));
    api.get(&author).await.is(404);
    ada.patch(&format!("/api/posts/{post}"), json!({ "published": true })).await.is(200);
    let profile = api.get(&author).await.is(200).body;
    assert_eq!(profile["postsCount"], 1);
    assert!(profile.get("email").is_none() && profile.get("role").is_none());
    let list = api.get("/api/authors").await.is(200).body;
    assert_eq!((&list["data"][0]["id"], &list["pagination"]["total"]), (&json!(id), &json!(1)));
    admin.delete(&format!("/api/users/{id}")).await.is(409);
}
