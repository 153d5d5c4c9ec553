//! Limits of attempts to sign in, to refresh, to register and to change a password, shared by two processes.
use std::{future::poll_fn, task::Poll};

use entity::shared_limit;
use poem::http::header;
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use tenon::{http::auth::Role, resources::accounts::users::password::HashSlot};

use crate::{
    metrics_parser::parse,
    support::{Api, PASSWORD, Response},
};

const LIMITED: &[(&str, &str)] = &[("rate_limits", "on")];
const MINUTE: i64 = 60_000;
/// More than every limit.
const MANY: usize = 1000;

async fn login(api: &Api, email: &str, password: &str) -> Response {
    api.post("/api/auth/login", json!({ "email": email, "password": password })).await
}

async fn fail(api: &Api, email: &str) -> Response {
    login(api, email, "wrong horse").await
}

/// Refreshes with an invalid token, which needs no hash.
async fn refresh(api: &Api) -> Response {
    api.post("/api/auth/refresh", json!({ "refreshToken": "nonsense" })).await
}

/// Returns the item of a limit in `RateLimit-Policy` and in `RateLimit`.
fn limit(response: &Response, name: &str) -> Option<(String, String)> {
    let item = |header: &str| {
        let mut items = response.header(header).split(", ");
        items.find_map(|item| item.strip_prefix(&format!("\"{name}\";"))).map(str::to_owned)
    };
    Some((item("ratelimit-policy")?, item("ratelimit")?))
}

#[track_caller]
fn assert_limited(response: Response, name: &str, policy: &str, seconds: u64) {
    let response = response.is(429);
    assert_eq!(response.body["code"], "too-many-requests");
    assert_eq!(response.header("retry-after"), seconds.to_string());
    let expected = (policy.to_owned(), format!("r=0;t={seconds}"));
    assert_eq!(limit(&response, name), Some(expected), "{:?}", response.headers);
    let detail = response.body["detail"].as_str().expect("a detail");
    assert!(detail.contains(&format!("(rate limit {name})")), "{detail}");
    let general = limit(&response, "anonymous-burst").or_else(|| limit(&response, "user-burst"));
    assert!(general.is_some_and(|(_, limit)| !limit.starts_with("r=0;")), "{:?}", response.headers);
}

#[api_test]
async fn two_processes_share_the_sign_in_limit_of_a_client() {
    let api = Api::with(LIMITED).await.from("203.0.113.1");
    let other = api.other_process().await;
    for number in 0..30 {
        let process = if number % 2 == 0 { &api } else { &other };
        fail(process, &format!("invented-{number}@acme.test")).await.is(401);
    }
    for process in [&api, &other] {
        assert_limited(fail(process, "another@acme.test").await, "sign-in", "q=30;w=60", 2);
    }
    fail(&api.from("198.51.100.1"), "another@acme.test").await.is(401);
    api.clock.advance(2_000);
    fail(&other, "another@acme.test").await.is(401);
    assert_limited(fail(&api, "another@acme.test").await, "sign-in", "q=30;w=60", 2);
}

/// Returns the responses to failed attempts from another network each, on two processes.
async fn delays(api: &Api, other: &Api, email: &str) -> Vec<(u16, String, Value)> {
    let mut responses = Vec::new();
    for attempt in 0..12 {
        let process = if attempt % 2 == 0 { api } else { other };
        let client = process.from(&format!("10.{attempt}.7.1"));
        let response = fail(&client, email).await;
        let seconds = response.header("retry-after").to_owned();
        api.clock.advance(1000 * seconds.parse().unwrap_or(0));
        responses.push((response.status, seconds, response.body["detail"].clone()));
    }
    responses
}

#[api_test]
async fn failures_delay_a_known_and_an_unknown_account_equally_over_all_addresses() {
    let api = Api::with(LIMITED).await;
    let other = api.other_process().await;
    let email = api.user(Role::Reader, "Reader").await;
    let known = delays(&api, &other, &email).await;
    let statuses: Vec<(u16, &str)> =
        known.iter().map(|(status, after, _)| (*status, after.as_str())).collect();
    let failed = (401, "");
    let expected =
        [&[failed; 5][..], &[(429, "1"), failed, (429, "2"), failed, (429, "4"), failed, (429, "8")]];
    assert_eq!(statuses, expected.concat());
    assert_eq!(delays(&api, &other, "nobody@acme.test").await, known);
    fail(&api.from("10.99.0.1"), &email.to_uppercase()).await.is(401);
    assert_limited(login(&api.from("10.98.0.1"), &email, PASSWORD).await, "account", "q=1;w=16", 16);
    api.clock.advance(16_000);
    login(&other.from("10.97.0.1"), &email, PASSWORD).await.is(200);
    for _ in 0..5 {
        fail(&api, &email).await.is(401);
    }
    assert_limited(fail(&api, &email).await, "account", "q=1;w=1", 1);
}

/// Signs in with cookies. Returns a browser with each of them.
async fn sign_in_with_cookies(api: &Api, email: &str, password: &str) -> (Api, Api) {
    let body = json!({ "email": email, "password": password, "cookie": true });
    let response = api.post("/api/auth/login", body).await.is(200);
    let cookies: Vec<&str> = response
        .headers
        .get_all(header::SET_COOKIE)
        .iter()
        .map(|value| value.to_str().expect("text"))
        .collect();
    let [session, device] = cookies[..] else { panic!("{cookies:?}") };
    assert!(session.starts_with("__Host-session=") && session.ends_with("; Max-Age=2592000"), "{session}");
    assert!(device.starts_with("__Host-device="), "{device}");
    let attributes = "; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=31536000";
    assert!(device.ends_with(attributes), "{device}");
    let browser = |cookie: &str| api.header("cookie", cookie.split(';').next().expect("a cookie"));
    (browser(session), browser(device))
}

#[api_test]
async fn failures_of_others_affect_neither_a_session_nor_a_device_of_the_owner() {
    let api = Api::with(LIMITED).await.from("203.0.113.1");
    let email = api.user(Role::Reader, "Reader").await;
    let another = api.user(Role::Reader, "Other").await;
    let (session, device) = sign_in_with_cookies(&api, &email, PASSWORD).await;
    let (_, other_device) = sign_in_with_cookies(&api, &another, PASSWORD).await;
    let attacker = api.from("198.51.100.1");
    for _ in 0..5 {
        fail(&attacker, &email).await.is(401);
    }
    session.get("/api/me").await.is(200);
    for client in [&api, &other_device, &api.header("cookie", "__Host-device=nonsense")] {
        assert_limited(login(client, &email, PASSWORD).await, "account", "q=1;w=1", 1);
    }
    login(&device, &email, PASSWORD).await.is(200);
    assert_limited(login(&api, &email, PASSWORD).await, "account", "q=1;w=1", 1);
    for _ in 0..5 {
        fail(&device, &email).await.is(401);
    }
    assert_limited(login(&device, &email, PASSWORD).await, "device", "q=1;w=1", 1);
    api.clock.advance(1_000);
    login(&device, &email, PASSWORD).await.is(200);
}

#[api_test]
async fn a_password_change_revokes_the_devices() {
    let api = Api::with(LIMITED).await;
    let email = api.user(Role::Reader, "Reader").await;
    let (session, device) = sign_in_with_cookies(&api, &email, PASSWORD).await;
    let new = "dovetail and biscuit";
    let change = json!({ "password": new, "currentPassword": PASSWORD });
    session.header("sec-fetch-site", "same-origin").patch("/api/me", change).await.is(200);
    for _ in 0..5 {
        fail(&api, &email).await.is(401);
    }
    assert_limited(login(&device, &email, new).await, "account", "q=1;w=1", 1);
    api.clock.advance(1_000);
    let (_, device) = sign_in_with_cookies(&api, &email, new).await;
    for _ in 0..5 {
        fail(&api, &email).await.is(401);
    }
    login(&device, &email, new).await.is(200);
}

/// Reserves all slots of the queue of password hashes.
fn all_hash_slots(api: &Api) -> Vec<HashSlot> {
    let slots: Vec<_> = std::iter::from_fn(|| api.app.sessions.passwords.reserve().ok()).take(MANY).collect();
    assert!(slots.len() < MANY, "the queue is not bounded");
    slots
}

/// Sends failed refreshes and returns the number of those that were counted. Ends after three rejected ones.
async fn counted(api: &Api) -> (usize, Response) {
    let mut counted = 0;
    loop {
        let response = refresh(api).await;
        if response.status == 429 {
            refresh(api).await.is(429);
            return (counted, refresh(api).await);
        }
        response.is(401);
        counted += 1;
        assert!(counted < MANY, "not limited");
    }
}

#[api_test]
async fn failures_count_for_the_blocks_around_a_client() {
    let api = Api::with(LIMITED).await;
    for (address, expected, quota) in [
        ("2001:db8:1:1100::1", 30, 30),
        ("2001:db8:1:1100::2", 0, 30),
        ("2001:db8:1:11ff::1", 30, 30),
        // The /56 has 60 failures.
        ("2001:db8:1:1101::1", 0, 60),
        ("2001:db8:1:2200::1", 30, 30),
        ("2001:db8:1:3300::1", 30, 30),
        // The /48 has 120.
        ("2001:db8:1:4400::1", 0, 120),
        ("2001:db8:2:4400::1", 30, 30),
        ("192.0.2.1", 30, 30),
        ("192.0.2.2", 30, 30),
        ("192.0.2.3", 30, 30),
        ("192.0.2.4", 30, 30),
        // The /24 has 120.
        ("192.0.2.5", 0, 120),
        ("192.0.3.5", 30, 30),
    ] {
        let (counted, rejected) = counted(&api.from(address)).await;
        let policy = limit(&rejected, "refresh").map(|(policy, _)| policy);
        // An exhausted block rejects with the longest wait, which is that of the narrowest exhausted one.
        assert_eq!((counted, policy), (expected, Some(format!("q={quota};w=60"))), "{address}");
    }
}

#[api_test]
async fn a_valid_refresh_is_not_limited_by_the_failures_of_its_network() {
    let api = Api::with(LIMITED).await.from("203.0.113.1");
    let email = api.user(Role::Reader, "Reader").await;
    let token = login(&api, &email, PASSWORD).await.is(200).body["refreshToken"].clone();
    let other = api.other_process().await;
    for number in 0..30 {
        refresh(if number % 2 == 0 { &api } else { &other }).await.is(401);
    }
    assert_limited(refresh(&other).await, "refresh", "q=30;w=60", 2);
    api.post("/api/auth/refresh", json!({ "refreshToken": token })).await.is(200);
}

fn registration(number: usize) -> Value {
    let email = format!("new-{number}@acme.test");
    json!({ "email": email, "name": "Ada Turner", "password": "mortise and glue" })
}

#[api_test]
async fn registrations_of_a_client_are_limited() {
    let api = Api::with(&[("rate_limits", "on"), ("registration", "on")]).await.from("203.0.113.1");
    let other = api.other_process().await;
    let admin = api.sign_in(Role::Admin).await;
    for number in 0..10 {
        let process = if number % 2 == 0 { &api } else { &other };
        // One of two reveals that the account exists, and counts too.
        let status = if number % 2 == 0 { 201 } else { 409 };
        process.post("/api/users", registration(number / 2)).await.is(status);
    }
    // An invalid request is not counted, and reveals nothing.
    api.post("/api/users", json!({})).await.is(400);
    assert_limited(other.post("/api/users", registration(10)).await, "registration", "q=10;w=3600", 360);
    admin.post("/api/users", registration(11)).await.is(201);
    api.from("198.51.100.1").post("/api/users", registration(12)).await.is(201);
    api.clock.advance(6 * MINUTE);
    api.post("/api/users", registration(13)).await.is(201);
    let page = other.from("127.0.0.1").get("/metrics").await.is(200).body;
    let metrics = parse(page.as_str().expect("text"));
    let rejected =
        |name: &str| metrics.get(&format!("tenon_attempt_limit_rejections_total{{policy=\"{name}\"}}"));
    assert_eq!((rejected("registration"), rejected("sign-in")), (1.0, 0.0));
}

#[api_test]
async fn wrong_current_passwords_delay_the_change_and_nothing_else() {
    let api = Api::with(LIMITED).await;
    let other = api.other_process().await;
    let (ada, email) = api.account(Role::Reader).await;
    let change = |password: &str| json!({ "password": "dovetail and biscuit", "currentPassword": password });
    for number in 0..5 {
        let process = if number % 2 == 0 { &api } else { &other };
        process.with_credentials_of(&ada).patch("/api/me", change("wrong horse")).await.is(403);
    }
    let there = other.with_credentials_of(&ada);
    assert_limited(there.patch("/api/me", change(PASSWORD)).await, "current-password", "q=1;w=1", 1);
    ada.get("/api/me").await.is(200);
    login(&api, &email, PASSWORD).await.is(200);
    for _ in 0..6 {
        fail(&api, &email).await;
    }
    fail(&api, &email).await.is(429);
    api.clock.advance(1_000);
    ada.patch("/api/me", change(PASSWORD)).await.is(200);
}

#[api_test]
async fn a_full_hash_queue_rejects_every_operation_that_hashes() {
    let api = Api::with(&[("rate_limits", "on"), ("registration", "on")]).await;
    let (ada, email) = api.account(Role::Reader).await;
    let admin = api.sign_in(Role::Admin).await;
    let path = format!("/api/users/{}", ada.get("/api/me").await.is(200).id());
    let slots = all_hash_slots(&api);
    let change = json!({ "password": "dovetail and biscuit", "currentPassword": PASSWORD });
    for _ in 0..7 {
        for response in [
            login(&api, &email, PASSWORD).await,
            ada.patch("/api/me", change.clone()).await,
            admin.patch(&path, json!({ "password": "dovetail and biscuit" })).await,
        ] {
            let response = response.is(503);
            assert_eq!(
                (response.body["code"].as_str(), response.header("retry-after")),
                (Some("hashing-busy"), "1")
            );
        }
    }
    api.post("/api/users", registration(1)).await.is(503);
    let failed = admin.get("/api/audit?action=auth.failed").await.is(200).body;
    assert_eq!(failed["data"][0]["reason"], "hashing-busy", "{failed}");
    drop(slots);
    // None of the attempts above was counted.
    for _ in 0..5 {
        fail(&api, &email).await.is(401);
    }
    fail(&api, &email).await.is(429);
    ada.patch("/api/me", change).await.is(200);
    api.post("/api/users", registration(1)).await.is(201);
}

#[api_test]
async fn a_rejected_attempt_occupies_no_hash_slot() {
    let api = Api::with(LIMITED).await;
    let email = api.user(Role::Reader, "Reader").await;
    for _ in 0..5 {
        fail(&api, &email).await.is(401);
    }
    let _slots = all_hash_slots(&api);
    fail(&api, &email).await.is(429);
    api.clock.advance(1_000);
    fail(&api, &email).await.is(503);
}

#[api_test]
async fn an_attempt_counts_although_its_client_disconnects_while_the_password_is_hashed() {
    let api = Api::with(LIMITED).await;
    let email = api.user(Role::Reader, "Reader").await;
    let is_hashing = || api.app.sessions.passwords.load().0 > 0;
    let mut attempts = 0;
    loop {
        attempts += 1;
        let mut attempt = std::pin::pin!(fail(&api, &email));
        let is_complete = poll_fn(|context| match attempt.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if is_hashing() => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        });
        if !is_complete.await {
            break;
        }
        // The hash was complete before this thread ran again.
        assert!(attempts < 5, "no attempt was hashed");
    }
    for _ in attempts..5 {
        fail(&api, &email).await.is(401);
    }
    fail(&api, &email).await.is(429);
}

#[api_test]
async fn an_attempt_is_one_statement_and_other_requests_are_none() {
    let api = Api::with(LIMITED).await;
    let (ada, email) = api.account(Role::Reader).await;
    let written = |api: &Api| {
        let statements = api.statements();
        let counts = statements.iter().filter(|statement| statement.sql.contains("INTO \"shared_limits\""));
        let all = statements.iter().filter(|statement| statement.sql.contains("shared_limits"));
        (counts.count(), all.count())
    };
    api.statements();
    fail(&api, &email).await.is(401);
    assert_eq!(written(&api), (1, 2), "a check and a count");
    ada.get("/api/me").await.is(200);
    ada.patch("/api/me", json!({ "bio": "Turns wood." })).await.is(200);
    assert_eq!(written(&api), (0, 0));
    for _ in 0..4 {
        fail(&api, &email).await.is(401);
    }
    api.statements();
    fail(&api, &email).await.is(429);
    assert_eq!(written(&api), (0, 1), "a rejected attempt writes nothing");
}

#[api_test]
async fn the_table_contains_neither_addresses_nor_accounts() {
    let api = Api::with(LIMITED).await.from("203.0.113.1");
    let email = api.user(Role::Reader, "Reader").await;
    fail(&api, &email).await.is(401);
    let rows = shared_limit::Entity::find().all(api.app.db.read()).await.expect("the rows");
    assert_eq!(rows.len(), 3, "/32, /24 and the account");
    for row in rows {
        assert!(row.key.len() == 43 && !row.key.contains("203") && !row.key.contains("acme"), "{row:?}");
    }
}

#[api_test]
async fn rejects_common_passwords_and_those_of_the_account() {
    let api = Api::with(&[("registration", "on")]).await;
    let new = |password: &str| json!({ "email": "grace@workshop.test", "name": "Ada Turner", "password": password });
    let common = "too-common";
    let similar = "too-similar";
    for (password, code) in [
        ("!QAZ2wsx", common),
        ("Summer2026!", common),
        ("abcabcabcabc", common),
        ("Turner-1815", similar),
        ("workshop1", similar),
        ("tenon-tenon", similar),
    ] {
        let rejected = api.post("/api/users", new(password)).await.is(400);
        let error = &rejected.body["errors"][0];
        assert_eq!((&error["code"], &error["pointer"]), (&json!(code), &json!("#/password")), "{password}");
        let message = error["message"].as_str().expect("a message");
        assert!(message.ends_with("choose another one, such as four unrelated words"), "{message}");
    }
    let id = api.post("/api/users", new("mortise and glue")).await.is(201).id();
    let admin = api.sign_in(Role::Admin).await;
    let path = format!("/api/users/{id}");
    for patch in [
        json!({ "password": "turner1815" }),
        json!({ "password": "hopper1815", "name": "Grace Hopper" }),
        json!({ "password": "lathe-181", "email": "lathe@acme.test" }),
    ] {
        let rejected = admin.patch(&path, patch).await.is(400);
        assert_eq!(rejected.body["errors"][0]["code"], similar);
    }
    admin.patch(&path, json!({ "password": "hopper1815" })).await.is(200);
}
