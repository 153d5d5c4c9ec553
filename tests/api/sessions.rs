//! Sessions: login, refresh, logout, expiry, cookies and signing keys.
use poem::http::Method;
use serde_json::json;
use tenon::http::auth::Role;

use crate::support::{Api, PASSWORD, SECRET_KEY};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

async fn login(api: &Api, email: &str) -> serde_json::Value {
    api.post("/api/auth/login", json!({ "email": email, "password": PASSWORD })).await.is(200).body
}

#[api_test]
async fn a_login_returns_an_access_token() {
    let api = Api::start().await;
    let email = api.user(Role::Editor, "Ada Turner").await;
    let login = login(&api, &email.to_uppercase()).await;
    assert_eq!((&login["tokenType"], &login["expiresIn"]), (&json!("Bearer"), &json!(900)));
    assert_eq!(login["user"]["name"], "Ada Turner");
    let me = api.bearer(login["accessToken"].as_str().unwrap()).get("/api/me").await.is(200);
    assert_eq!((&me.body["role"], me.header("cache-control")), (&json!("editor"), "no-store"));
    assert!(me.body["session"].is_string() && !me.body.to_string().contains("argon2"));
    api.get("/api/me").await.is(401);
}

#[api_test]
async fn every_failed_login_returns_the_same_error() {
    let api = Api::start().await;
    let email = api.user(Role::Reader, "Reader").await;
    let admin = api.sign_in(Role::Admin).await;
    let disabled = api.user(Role::Reader, "Disabled").await;
    let found = admin.get(&format!("/api/users?q={disabled}")).await.is(200);
    let id = found.body["data"][0]["id"].as_str().unwrap().to_owned();
    admin.patch(&format!("/api/users/{id}"), json!({ "status": "disabled" })).await.is(200);
    for (email, password) in [
        (email.as_str(), "wrong horse"),
        ("nobody@acme.test", PASSWORD),
        (disabled.as_str(), PASSWORD),
        ("%", "x"),
    ] {
        let rejected =
            api.post("/api/auth/login", json!({ "email": email, "password": password })).await.is(401);
        assert_eq!(rejected.body["code"], "invalid-credentials", "{email}");
        assert!(rejected.header("www-authenticate").starts_with("Bearer"));
    }
    for body in
        [json!({}), json!({ "email": "", "password": "" }), json!({ "email": 1, "password": "x", "more": 1 })]
    {
        api.post("/api/auth/login", body).await.is(400);
    }
}

#[api_test]
async fn a_reused_refresh_token_ends_the_session() {
    let api = Api::start().await;
    let email = api.user(Role::Reader, "Reader").await;
    let first = login(&api, &email).await;
    let refresh = |token: serde_json::Value| {
        let api = api.clone();
        async move { api.post("/api/auth/refresh", json!({ "refreshToken": token })).await }
    };
    let second = refresh(first["refreshToken"].clone()).await.is(200).body;
    assert_ne!(first["refreshToken"], second["refreshToken"]);
    let repeated = refresh(first["refreshToken"].clone()).await.is(200).body;
    assert_eq!(repeated["refreshToken"], second["refreshToken"], "within the grace period");
    let bearer = api.bearer(second["accessToken"].as_str().unwrap());
    bearer.get("/api/me").await.is(200);
    api.clock.advance(11_000);
    let reused = refresh(first["refreshToken"].clone()).await.is(401);
    assert_eq!(reused.body["code"], "invalid-token");
    refresh(second["refreshToken"].clone()).await.is(401);
    bearer.get("/api/me").await.is(401);
    refresh(json!("nonsense")).await.is(401);
    refresh(json!("")).await.is(400);
}

#[api_test]
async fn sessions_end_by_logout_idle_timeout_and_maximum_age() {
    let api = Api::start().await;
    let (signed_in, email) = api.account(Role::Reader).await;
    let logout = signed_in.send(Method::POST, "/api/auth/logout", None).await.is(204);
    assert!(logout.header("set-cookie").contains("Max-Age=0"));
    signed_in.get("/api/me").await.is(401);
    let token = login(&api, &email).await;
    api.clock.advance(16 * MINUTE);
    api.bearer(token["accessToken"].as_str().unwrap()).get("/api/me").await.is(401);
    api.clock.advance(7 * DAY);
    let refresh = json!({ "refreshToken": token["refreshToken"] });
    api.post("/api/auth/refresh", refresh).await.is(401);
    let mut token = login(&api, &email).await;
    for day in 0..31 {
        api.clock.advance(DAY);
        let refresh = json!({ "refreshToken": token["refreshToken"] });
        let response = api.post("/api/auth/refresh", refresh).await;
        assert_eq!(response.status, if day < 29 { 200 } else { 401 }, "day {day}");
        token = if day < 29 { response.body } else { token };
    }
}

#[api_test]
async fn a_cookie_session_ends_after_a_week_without_use_and_after_thirty_days() {
    let api = Api::start().await;
    let email = api.user(Role::Reader, "Ada Turner").await;
    let sign_in = async || {
        let body = json!({ "email": email, "password": PASSWORD, "cookie": true });
        let response = api.post("/api/auth/login", body).await.is(200);
        api.header("cookie", response.header("set-cookie").split(';').next().expect("a cookie"))
    };
    let reason = async |browser: &Api| {
        api.log_lines();
        browser.get("/api/me").await.is(401);
        api.log_line()["reason"].as_str().expect("a reason").to_owned()
    };
    let browser = sign_in().await;
    for _ in 0..2 {
        api.clock.advance(7 * DAY);
        browser.get("/api/me").await.is(200);
    }
    api.clock.advance(7 * DAY + 1);
    assert!(reason(&browser).await.starts_with("the session was idle for too long"));
    let browser = sign_in().await;
    for _ in 0..29 {
        api.clock.advance(DAY);
        browser.get("/api/me").await.is(200);
    }
    api.clock.advance(DAY - 1);
    browser.get("/api/me").await.is(200);
    api.clock.advance(1);
    assert!(reason(&browser).await.starts_with("the session is expired"));
}

#[api_test]
async fn records_the_last_use_of_a_session_once_a_minute() {
    let api = Api::start().await;
    let ada = api.sign_in(Role::Author).await;
    for (milliseconds, last_used_at) in [
        (59_999, "2026-11-21T09:00:00.000Z"),
        (1, "2026-11-21T09:01:00.000Z"),
        (30_000, "2026-11-21T09:01:00.000Z"),
        (30_000, "2026-11-21T09:02:00.000Z"),
    ] {
        api.clock.advance(milliseconds);
        let list = ada.get("/api/auth/sessions").await.is(200).body;
        assert_eq!(list["data"][0]["lastUsedAt"], last_used_at);
    }
}

#[api_test]
async fn accepts_a_session_cookie_and_rejects_cross_site_writes() {
    let api = Api::start().await;
    let email = api.user(Role::Editor, "Ada Turner").await;
    let body = json!({ "email": email, "password": PASSWORD, "cookie": true });
    let response = api.post("/api/auth/login", body).await.is(200);
    let cookie = response.header("set-cookie").to_owned();
    assert!(cookie.starts_with("__Host-session=") && cookie.contains("HttpOnly; SameSite=Lax"), "{cookie}");
    let browser = api.header("cookie", cookie.split(';').next().unwrap());
    browser.get("/api/me").await.is(200);
    let patch = json!({ "bio": "Turns wood." });
    browser.patch("/api/me", patch.clone()).await.is(403);
    browser.header("sec-fetch-site", "cross-site").patch("/api/me", patch.clone()).await.is(403);
    let same_origin = browser.header("sec-fetch-site", "same-origin");
    same_origin.patch("/api/me", patch).await.is(200);
    let logout = same_origin.send(Method::POST, "/api/auth/logout", None).await.is(204);
    // Scripts cannot delete an HttpOnly cookie, so the 401 response deletes it.
    for path in ["/api/me", "/api/posts"] {
        assert_eq!(browser.get(path).await.is(401).header("set-cookie"), logout.header("set-cookie"));
    }
    assert!(logout.header("set-cookie").starts_with("__Host-session=;"));
    api.bearer("stale").get("/api/posts").await.is(401);
}

#[api_test]
async fn users_list_and_delete_only_their_own_sessions() {
    let api = Api::start().await;
    let (ada, email) = api.header("user-agent", "workshop").account(Role::Author).await;
    let eve = api.sign_in(Role::Admin).await;
    api.clock.advance(2 * MINUTE);
    login(&api, &email).await;
    let list = ada.get("/api/auth/sessions?limit=1").await.is(200).body;
    assert_eq!(list["pagination"]["total"], 2);
    assert_eq!(list["data"][0]["current"], false);
    let next = list["pagination"]["nextCursor"].as_str().unwrap();
    let list = ada.get(&format!("/api/auth/sessions?after={next}")).await.is(200).body;
    assert_eq!(
        (&list["data"][0]["current"], &list["data"][0]["userAgent"]),
        (&json!(true), &json!("workshop"))
    );
    assert_eq!(
        list["data"][0]["lastUsedAt"], "2026-11-21T09:02:00.000Z",
        "the time of the last request is stored"
    );
    let id = list["data"][0]["id"].as_str().unwrap();
    eve.delete(&format!("/api/auth/sessions/{id}")).await.is(404);
    ada.delete(&format!("/api/auth/sessions/{id}")).await.is(204);
    ada.get("/api/auth/sessions").await.is(401);
}

#[api_test]
async fn a_key_rotation_ends_no_session() {
    let api = Api::start().await;
    let keys = api.get("/.well-known/jwks.json").await.is(200);
    assert_eq!(keys.body["keys"].as_array().unwrap().len(), 1);
    assert!(keys.header("cache-control").starts_with("public"), "{}", keys.header("cache-control"));
    let conditional = api.header("if-none-match", keys.header("etag"));
    conditional.get("/.well-known/jwks.json").await.is(304);
    api.clock.advance(29 * DAY);
    api.app.sessions.rotate_keys().await.unwrap();
    assert_eq!(api.get("/.well-known/jwks.json").await.body["keys"].as_array().unwrap().len(), 2);
    let (signed_in, _) = api.account(Role::Reader).await;
    signed_in.get("/api/me").await.is(200);
    api.app.sessions.delete_expired().await.unwrap();
    signed_in.get("/api/me").await.is(200);
}

#[api_test]
async fn accepts_a_token_signed_by_another_process() {
    let api = Api::start().await;
    let (db, clock) = (api.app.db.clone(), api.clock.clone());
    clock.advance(29 * DAY);
    let config = tenon::config::Config::read(&[("secret_key", Some(SECRET_KEY.to_owned()))]).unwrap();
    let other = tenon::app::App::new(db, clock, &config, tenon::api::operation_paths()).await.unwrap();
    api.clock.advance(2 * DAY);
    let email = api.user(Role::Reader, "Reader").await;
    let credentials = tenon::resources::accounts::sessions::Credentials {
        email: email.into(),
        password: PASSWORD.into(),
        cookie: false,
    };
    let login = other.sessions.login(credentials, &Default::default(), None).await.unwrap().login;
    assert!(api.app.sessions.authenticate_bearer(&login.access_token).await.is_ok());
}
