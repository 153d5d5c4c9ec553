//! Accounts: who may make, see, change and remove them.
use serde_json::{Value, json};
use tenon::http::auth::Role;

use crate::support::{Api, PASSWORD};

fn new(email: &str) -> Value {
    json!({ "email": email, "name": " Ada Turner ", "password": "mortise and tenon" })
}

async fn id(api: &Api) -> String {
    api.get("/api/me").await.is(200).id()
}

#[api_test]
async fn registration_makes_readers_where_it_is_on() {
    let off = Api::start().await;
    off.post("/api/users", new("ada@acme.test")).await.is(403);
    let api = Api::with(&[("registration", "on")]).await;
    let keyed = api.header("idempotency-key", "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f");
    let made = keyed.post("/api/users", new("Ada@ACME.test")).await.is(201);
    assert_eq!((&made.body["email"], &made.body["role"]), (&json!("ada@acme.test"), &json!("reader")));
    assert_eq!(made.body["name"], "Ada Turner");
    assert_eq!(made.header("location"), format!("/api/users/{}", made.id()));
    let again = keyed.post("/api/users", new("Ada@ACME.test")).await.is(201);
    assert_eq!((again.id(), again.header("idempotent-replayed")), (made.id(), "true"));
    keyed.post("/api/users", new("bob@acme.test")).await.is(422);
    let taken = api.post("/api/users", new("ADA@acme.test")).await.is(409);
    assert_eq!(taken.locations(), ["#/email"]);
    let mut editor = new("eve@acme.test");
    editor["role"] = json!("editor");
    api.post("/api/users", editor.clone()).await.is(403);
    api.sign_in(Role::Editor).await.post("/api/users", editor.clone()).await.is(403);
    let made = api.sign_in(Role::Admin).await.post("/api/users", editor).await.is(201);
    assert_eq!(made.body["role"], "editor");
    for (member, value) in
        [("password", "12345678"), ("password", "short"), ("email", "acme.test"), ("name", "  ")]
    {
        let mut body = new("bob@acme.test");
        body[member] = json!(value);
        let refused = api.post("/api/users", body).await.is(400);
        assert_eq!(refused.locations(), [format!("#/{member}")]);
    }
}

#[api_test]
async fn an_account_is_there_for_its_owner_and_for_admins() {
    let api = Api::start().await;
    let (ada, eve, admin) =
        (api.sign_in(Role::Author).await, api.sign_in(Role::Editor).await, api.sign_in(Role::Admin).await);
    let path = format!("/api/users/{}", id(&ada).await);
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
        let seen = first["data"].as_array().unwrap().len() + rest["data"].as_array().unwrap().len();
        assert_eq!(seen, count, "{sort}");
    }
    assert_eq!(admin.get("/api/users?q=ACME%20%25").await.is(200).body["pagination"]["total"], 0);
}

#[api_test]
async fn owners_change_themselves_and_admins_the_rest() {
    let api = Api::start().await;
    let (ada, admin) = (api.sign_in(Role::Author).await, api.sign_in(Role::Admin).await);
    let me = ada.get("/api/me").await.is(200);
    let path = format!("/api/users/{}", me.id());
    let patch = json!({ "bio": "Turns wood.", "url": "https://ada.acme.test/" });
    ada.header("if-match", "\"other\"").patch("/api/me", patch.clone()).await.is(412);
    let changed = ada.header("if-match", me.header("etag")).patch("/api/me", patch).await.is(200);
    assert_eq!(changed.body["bio"], "Turns wood.");
    assert_eq!(changed.header("etag"), ada.get("/api/me").await.header("etag"));
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
async fn a_new_password_takes_the_old_one_and_ends_other_sessions() {
    let api = Api::start().await;
    let (ada, email) = api.account(Role::Reader).await;
    let login = |password: &'static str| {
        let (api, body) = (api.clone(), json!({ "email": email, "password": password }));
        async move { api.post("/api/auth/login", body).await }
    };
    let other = login(PASSWORD).await.is(200).body;
    let new = "dovetail and biscuit";
    ada.patch("/api/me", json!({ "password": new })).await.is(403);
    let wrong = json!({ "password": new, "currentPassword": "wrong horse" });
    ada.patch("/api/me", wrong).await.is(403);
    ada.patch("/api/me", json!({ "password": new, "currentPassword": PASSWORD })).await.is(200);
    ada.get("/api/me").await.is(200);
    api.bearer(other["accessToken"].as_str().unwrap()).get("/api/me").await.is(401);
    api.post("/api/auth/refresh", json!({ "refreshToken": other["refreshToken"] })).await.is(401);
    login(PASSWORD).await.is(401);
    login(new).await.is(200);
}

#[api_test]
async fn somebody_is_left_to_run_the_service() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let path = format!("/api/users/{}", id(&admin).await);
    for patch in [json!({ "role": "reader" }), json!({ "status": "disabled" })] {
        admin.patch(&path, patch).await.is(409);
    }
    admin.delete(&path).await.is(409);
    let second = api.sign_in(Role::Admin).await;
    second.patch(&path, json!({ "status": "disabled" })).await.is(200);
    admin.get("/api/me").await.is(401);
    second.delete(&format!("/api/users/{}", id(&second).await)).await.is(409);
    second.delete(&path).await.is(204);
    second.get(&path).await.is(404);
}

#[api_test]
async fn whoever_has_written_stays() {
    let api = Api::start().await;
    let (ada, admin) = (api.sign_in(Role::Author).await, api.sign_in(Role::Admin).await);
    let id = id(&ada).await;
    let author = format!("/api/authors/{id}");
    assert_eq!(api.get(&author).await.is(200).body["postsCount"], 0);
    let draft = json!({ "title": "A joint that fits", "content": "Cut to fit, and glued." });
    let post = ada.post("/api/posts", draft).await.is(201).id();
    assert_eq!(api.get("/api/authors").await.is(200).body["data"], json!([]));
    ada.patch(&format!("/api/posts/{post}"), json!({ "published": true })).await.is(200);
    let profile = api.get(&author).await.is(200).body;
    assert_eq!(profile["postsCount"], 1);
    assert!(profile.get("email").is_none() && profile.get("role").is_none());
    let list = api.get("/api/authors").await.is(200).body;
    assert_eq!((&list["data"][0]["id"], &list["pagination"]["total"]), (&json!(id), &json!(1)));
    admin.delete(&format!("/api/users/{id}")).await.is(409);
}
