//! Outgoing webhooks: signatures, retries, stored deliveries, and rejected URLs.
use entity::webhook_endpoint;
use sea_orm::{EntityTrait, sea_query::Expr};
use serde_json::{Value, json};
use tenon::{
    domain::timestamp::Timestamp,
    http::auth::Role,
    infra::db::Tx,
    worker::{self, WorkerTimings},
};
use tokio::{
    sync::watch,
    time::{Duration, sleep},
};

use crate::{
    posts::new,
    support::{Api, Response},
    webhook_receiver::Receiver,
};

pub const HOUR: i64 = 3_600_000;

/// Starts the service with workers, and creates an admin.
pub async fn start_with_workers() -> (Api, Api, watch::Sender<bool>) {
    start_with_workers_and(&[("allow_private_networks", "on")]).await
}

/// Starts the service with these settings and with workers, and creates an admin.
pub async fn start_with_workers_and(settings: &[(&'static str, &str)]) -> (Api, Api, watch::Sender<bool>) {
    let api = Api::with(settings).await;
    let admin = api.sign_in(Role::Admin).await;
    let (stop, stopping) = watch::channel(false);
    tokio::spawn(worker::run_worker(api.app.clone(), WorkerTimings::scaled(0.02), stopping));
    (api, admin, stop)
}

/// Creates an endpoint; returns its path and its secret.
pub async fn endpoint(admin: &Api, url: &str, events: Value) -> (String, String) {
    let created = admin.post("/api/webhook-endpoints", json!({ "url": url, "events": events })).await.is(201);
    let secret = created.body["secret"].as_str().expect("a secret").to_owned();
    (created.header("location").to_owned(), secret)
}

/// Polls until the newest delivery has this state and number of attempts, and returns it.
async fn wait_for_delivery(admin: &Api, endpoint: &str, state: &str, attempts: i64) -> Value {
    let path = format!("{endpoint}/deliveries?limit=1");
    for _ in 0..3_000 {
        let delivery = admin.get(&path).await.is(200).body["data"][0].clone();
        if delivery["state"] == state && delivery["attempts"] == attempts {
            return delivery;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("no delivery in state {state} after {attempts} attempts: {:?}", admin.get(&path).await.body)
}

pub async fn create_draft(admin: &Api, title: &str) -> String {
    let mut post = new(title);
    post["published"] = json!(false);
    admin.post("/api/posts", post).await.is(201).id()
}

fn next_attempt_at(delivery: &Value) -> i64 {
    let text = delivery["nextAt"].as_str().expect("a next attempt");
    chrono::DateTime::parse_from_rfc3339(text).expect("a time").timestamp_millis()
}

#[api_test]
async fn delivers_signed_events() {
    let (api, admin, _stop) = start_with_workers().await;
    create_draft(&admin, "Before").await;
    let receiver = Receiver::start().await;
    let (endpoint, secret) = endpoint(&admin, &receiver.url, json!(["post.created", "tags"])).await;
    let post = create_draft(&admin, "After").await;
    let path = format!("/api/posts/{post}");
    admin.patch(&path, json!({ "title": "After all" })).await.is(200);
    let call = receiver.calls(1).await.remove(0);
    assert!(call.head.starts_with("POST /hook HTTP/1.1"), "{}", call.head);
    assert_eq!(call.header("content-type"), "application/json");
    assert_eq!(call.header("webhook-timestamp"), (api.clock.now() / 1000).to_string());
    assert!(call.signed_by(&secret), "{}", call.head);
    let body = call.json();
    assert_eq!(body["type"], "post.created");
    assert_eq!(body["data"], json!({ "id": post, "href": path, "version": 1 }));
    let delivery = wait_for_delivery(&admin, &endpoint, "delivered", 1).await;
    assert_eq!(delivery["eventId"], call.header("webhook-id"));
    assert_eq!((&delivery["lastStatus"], &delivery["payload"]), (&json!(204), &json!(call.body)));
    let deliveries = admin.get(&format!("{endpoint}/deliveries")).await.is(200).body;
    assert_eq!(deliveries["pagination"]["total"], 1, "neither earlier events nor other types are sent");
    let own = format!("/api/webhook-deliveries/{}", delivery["id"].as_str().expect("an id"));
    let read = admin.get(&own).await.is(200);
    admin.header("if-none-match", read.header("etag")).get(&own).await.is(304);
}

#[api_test]
async fn delivers_events_as_cloudevents() {
    let (api, admin, _stop) = start_with_workers().await;
    let receiver = Receiver::start().await;
    let (endpoint, secret) = endpoint(&admin, &receiver.url, json!(["post.created"])).await;
    assert_eq!(admin.get(&endpoint).await.is(200).body["format"], "standard");
    let set = async |format: &str| {
        let set = admin.patch(&endpoint, json!({ "format": format })).await.is(200);
        assert_eq!(set.body["format"], format);
    };
    set("cloudevents").await;
    let post = create_draft(&admin, "One").await;
    let data = json!({ "id": post, "href": format!("/api/posts/{post}"), "version": 1 });
    let call = receiver.calls(1).await.remove(0);
    for (name, value) in [
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", call.header("webhook-id")),
        ("ce-source", "/"),
        ("ce-type", "post.created"),
        ("ce-time", &Timestamp(api.clock.now()).to_string()),
    ] {
        assert_eq!(call.header(name), value, "{name}");
    }
    assert_eq!(call.json(), data);
    assert!(call.signed_by(&secret), "{}", call.head);
    let delivery = wait_for_delivery(&admin, &endpoint, "delivered", 1).await;
    assert_eq!(delivery["payload"], call.body);
    // A stored delivery retains its format.
    set("standard").await;
    let replay = format!("/api/webhook-deliveries/{}/replay", delivery["id"].as_str().expect("an id"));
    admin.post_empty(&replay).await.is(202);
    let replayed = receiver.calls(2).await.remove(1);
    assert_eq!((replayed.header("ce-id"), &replayed.body), (call.header("ce-id"), &call.body));
    create_draft(&admin, "Two").await;
    let third = receiver.calls(3).await.remove(2);
    assert_eq!((third.header("ce-id"), &third.json()["type"]), ("", &json!("post.created")));
    let unknown = json!({ "url": "https://hooks.acme.test/", "format": "xml" });
    assert_eq!(admin.post("/api/webhook-endpoints", unknown).await.is(400).locations(), ["#/format"]);
}

#[api_test]
async fn retries_a_failed_delivery_with_increasing_delays() {
    let (api, admin, _stop) = start_with_workers().await;
    let receiver = Receiver::start().await;
    let (endpoint, secret) = endpoint(&admin, &receiver.url, json!([])).await;
    receiver.respond_with("500 Internal Server Error", "", "it broke");
    receiver.respond_with("302 Found", "Location: /elsewhere\r\n", "");
    receiver.respond_with("503 Service Unavailable", "Retry-After: 7200\r\n", "");
    create_draft(&admin, "One").await;
    let first = wait_for_delivery(&admin, &endpoint, "pending", 1).await;
    assert_eq!((&first["lastStatus"], &first["response"]), (&json!(500), &json!("it broke")));
    let delay = next_attempt_at(&first) - api.clock.now();
    assert!((4000..=6000).contains(&delay), "{delay}");
    api.clock.advance(delay);
    let second = wait_for_delivery(&admin, &endpoint, "pending", 2).await;
    assert!(second["lastError"].as_str().expect("an error").contains("redirects"), "{second}");
    let delay = next_attempt_at(&second) - api.clock.now();
    assert!((240_000..=360_000).contains(&delay), "{delay}");
    api.clock.advance(delay);
    let third = wait_for_delivery(&admin, &endpoint, "pending", 3).await;
    assert_eq!(
        next_attempt_at(&third) - api.clock.now(),
        2 * HOUR,
        "Retry-After exceeds the default delay of half an hour"
    );
    api.clock.advance(2 * HOUR);
    let admin = api.sign_in(Role::Admin).await;
    wait_for_delivery(&admin, &endpoint, "delivered", 4).await;
    let calls = receiver.calls(4).await;
    assert!(calls.iter().all(|call| call.header("webhook-id") == calls[0].header("webhook-id")));
    assert!(calls.iter().all(|call| call.body == calls[0].body && call.signed_by(&secret)));
    assert_ne!(calls[0].header("webhook-timestamp"), calls[3].header("webhook-timestamp"));
}

#[api_test]
async fn disables_an_endpoint_after_a_410_or_five_days_of_errors() {
    let (api, admin, _stop) = start_with_workers().await;
    let receiver = Receiver::start().await;
    let (path, _) = endpoint(&admin, &receiver.url, json!(["posts"])).await;
    receiver.respond_with("410 Gone", "", "");
    create_draft(&admin, "One").await;
    wait_for_delivery(&admin, &path, "failed", 1).await;
    let shown = admin.get(&path).await.is(200);
    assert_eq!((&shown.body["state"], &shown.body["disabledReason"]), (&json!("disabled"), &json!("gone")));
    assert!(shown.headers.contains_key("last-modified"));
    let entries = admin.get("/api/audit?action=endpoint.updated").await.is(200).body["data"].take();
    assert_eq!(entries[0]["actor"], json!({ "kind": "job", "name": "webhooks.deliver" }));
    let changes = entries[0]["changes"].as_array().expect("a list");
    for change in [
        json!({ "field": "state", "from": "enabled", "to": "disabled" }),
        json!({ "field": "disabledReason", "to": "gone" }),
    ] {
        assert!(changes.contains(&change), "{changes:?}");
    }
    admin.post_empty(&format!("{path}/test")).await.is(409);
    create_draft(&admin, "Two").await;
    // After it is enabled again, the endpoint receives later events only.
    let tag = shown.header("etag").to_owned();
    let enabled = json!({ "state": "enabled" });
    admin.header("if-match", &tag).patch(&path, enabled.clone()).await.is(200);
    admin.header("if-match", &tag).patch(&path, enabled).await.is(412);
    create_draft(&admin, "Three").await;
    wait_for_delivery(&admin, &path, "delivered", 1).await;
    assert_eq!(admin.get(&format!("{path}/deliveries")).await.body["pagination"]["total"], 2);
    // Five days without a successful response.
    receiver.respond_with("500 No", "", "");
    create_draft(&admin, "Four").await;
    wait_for_delivery(&admin, &path, "pending", 1).await;
    receiver.respond_with("500 No", "", "");
    api.clock.advance(5 * 24 * HOUR);
    let admin = api.sign_in(Role::Admin).await;
    wait_for_delivery(&admin, &path, "failed", 2).await;
    assert_eq!(admin.get(&path).await.body["disabledReason"], "failing");
}

#[api_test]
async fn signs_with_both_secrets_for_a_day_after_a_rotation() {
    let (api, admin, _stop) = start_with_workers().await;
    let receiver = Receiver::start().await;
    let (endpoint, old) = endpoint(&admin, &receiver.url, json!(["posts"])).await;
    let rotated = admin.post_empty(&format!("{endpoint}/rotate-secret")).await.is(200).body;
    let new = rotated["secret"].as_str().expect("a secret").to_owned();
    assert_ne!(old, new);
    assert!(rotated["previousSecretUntil"].is_string());
    create_draft(&admin, "One").await;
    let call = receiver.calls(1).await.remove(0);
    assert_eq!(call.header("webhook-signature").split(' ').count(), 2);
    assert!(call.signed_by(&old) && call.signed_by(&new));
    api.clock.advance(24 * HOUR);
    let admin = api.sign_in(Role::Admin).await;
    create_draft(&admin, "Two").await;
    let call = receiver.calls(2).await.remove(1);
    assert!(call.signed_by(&new) && !call.signed_by(&old));
    for path in [&endpoint, "/api/webhook-endpoints", &format!("{endpoint}/deliveries")] {
        let shown = admin.get(path).await.is(200);
        assert!(!String::from_utf8_lossy(&shown.bytes).contains("whsec_"), "{path}");
        assert!(shown.body.get("previousSecretUntil").is_none());
    }
}

#[api_test]
async fn fails_an_attempt_with_an_invalid_stored_secret() {
    let (api, admin, _stop) = start_with_workers().await;
    let receiver = Receiver::start().await;
    let (endpoint, _) = endpoint(&admin, &receiver.url, json!(["posts"])).await;
    let corrupt = async move |tx: Tx| {
        let update = webhook_endpoint::Entity::update_many()
            .col_expr(webhook_endpoint::Column::Secret, Expr::value("whsec_?"));
        update.exec(&*tx).await
    };
    assert_eq!(api.app.db.write(corrupt).await.expect("written").rows_affected, 1);
    create_draft(&admin, "One").await;
    let failed = wait_for_delivery(&admin, &endpoint, "pending", 1).await;
    let error = failed["lastError"].as_str().expect("an error");
    assert!(error.contains("rotate the secret"), "{error}");
    let rotated = admin.post_empty(&format!("{endpoint}/rotate-secret")).await.is(200).body;
    assert!(rotated.get("previousSecretUntil").is_none(), "the invalid secret does not sign");
    api.clock.advance(next_attempt_at(&failed) - api.clock.now());
    wait_for_delivery(&admin, &endpoint, "delivered", 2).await;
    let call = receiver.calls(1).await.remove(0);
    assert!(call.signed_by(rotated["secret"].as_str().expect("a secret")), "{}", call.head);
}

#[api_test]
async fn sends_test_events_and_replays() {
    let (_api, admin, _stop) = start_with_workers().await;
    let receiver = Receiver::start().await;
    let (endpoint, secret) = endpoint(&admin, &receiver.url, json!(["invoice.paid"])).await;
    let test = admin.post_empty(&format!("{endpoint}/test")).await.is(202);
    let delivery = test.header("location").to_owned();
    let sent = wait_for_delivery(&admin, &endpoint, "delivered", 1).await;
    assert_eq!((&sent["type"], &sent["id"]), (&json!("webhook.test"), &test.body["id"]));
    admin.post_empty(&format!("{delivery}/replay")).await.is(202);
    let calls = receiver.calls(2).await;
    assert_eq!(calls[0].header("webhook-id"), calls[1].header("webhook-id"));
    assert!(calls[1].body == calls[0].body && calls[1].signed_by(&secret));
    assert_eq!(calls[0].json()["data"]["href"], json!(endpoint));
    wait_for_delivery(&admin, &endpoint, "delivered", 1).await;
    // Two attempts and a replay.
    let shown = admin.get(&delivery).await.is(200);
    assert!(shown.header("etag").ends_with("-4\"") && shown.headers.contains_key("last-modified"));
    let none = admin.get(&format!("{endpoint}/deliveries?state=failed")).await.is(200);
    assert_eq!(none.body["pagination"]["total"], 0);
    let former_etag = admin.get(&endpoint).await.header("etag").to_owned();
    for path in ["/api/webhook-endpoints", &endpoint, &format!("{endpoint}/deliveries")] {
        let etag = admin.get(path).await.is(200).header("etag").to_owned();
        admin.header("if-none-match", &etag).get(path).await.is(304);
    }
    admin.header("if-match", "\"another\"").delete(&endpoint).await.is(412);
    let change = json!({ "description": " For the warehouse " });
    admin.header("prefer", "return=minimal").patch(&endpoint, change).await.is(204);
    let shown = admin.get(&endpoint).await.is(200);
    assert_eq!(shown.body["description"], "For the warehouse");
    admin.header("if-match", &former_etag).delete(&endpoint).await.is(412);
    admin.header("if-match", shown.header("etag")).delete(&endpoint).await.is(204);
    for path in [&endpoint, &delivery, &format!("{endpoint}/deliveries")] {
        admin.get(path).await.is(404);
    }
    admin.post_empty(&format!("{delivery}/replay")).await.is(404);
}

#[api_test]
async fn concurrent_dispatchers_create_one_delivery_per_event() {
    let api = Api::with(&[("allow_private_networks", "on")]).await;
    let admin = api.sign_in(Role::Admin).await;
    let (endpoint, _) = endpoint(&admin, "http://127.0.0.1:9/", json!(["post.created"])).await;
    for title in ["One", "Two", "Three"] {
        create_draft(&admin, title).await;
    }
    let dispatchers = (0..8).map(|_| {
        let endpoints = api.app.webhook_endpoints.clone();
        tokio::spawn(async move { endpoints.dispatch_all().await })
    });
    for result in futures_util::future::join_all(dispatchers).await {
        result.expect("no panic").expect("dispatched");
    }
    let all = admin.get(&format!("{endpoint}/deliveries?state=pending")).await.is(200).body;
    assert_eq!(all["pagination"]["total"], 3);
    let first = admin.get(&format!("{endpoint}/deliveries?limit=2")).await.is(200).body;
    let cursor = first["pagination"]["nextCursor"].as_str().expect("a cursor").to_owned();
    let rest = admin.get(&format!("{endpoint}/deliveries?limit=2&after={cursor}")).await.is(200).body;
    assert_eq!(rest["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(admin.get("/api/jobs?kind=webhooks.deliver").await.body["pagination"]["total"], 1);
    // Pending deliveries fail when the endpoint is disabled.
    let tag = admin.get(&endpoint).await.header("etag").to_owned();
    admin.header("if-match", &tag).patch(&endpoint, json!({ "state": "disabled" })).await.is(200);
    let all = admin.get(&format!("{endpoint}/deliveries?state=failed")).await.is(200).body;
    assert_eq!(all["pagination"]["total"], 3);
    let replay = format!("/api/webhook-deliveries/{}/replay", all["data"][0]["id"].as_str().expect("an id"));
    admin.post_empty(&replay).await.is(409);
}

#[api_test]
async fn requires_if_match_when_configured() {
    let api = Api::with(&[("require_if_match", "on")]).await;
    let admin = api.sign_in(Role::Admin).await;
    let (endpoint, _) = endpoint(&admin, "https://hooks.acme.test/", json!([])).await;
    admin.patch(&endpoint, json!({ "events": [] })).await.is(428);
    admin.delete(&endpoint).await.is(428);
}

#[api_test]
async fn rejects_urls_at_private_addresses() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    for url in [
        "http://hooks.acme.test/",
        "https://user:password@hooks.acme.test/",
        "https://127.0.0.1/",
        "https://10.0.0.1:8443/hook",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://169.254.169.254/latest",
        "https://hooks.acme.test/#part",
        "ftp://hooks.acme.test/",
    ] {
        let rejected: Response = admin.post("/api/webhook-endpoints", json!({ "url": url })).await.is(400);
        assert_eq!(rejected.locations(), ["#/url"], "{url}");
    }
    let (stop, stopping) = watch::channel(false);
    tokio::spawn(worker::run_worker(api.app.clone(), WorkerTimings::scaled(0.02), stopping));
    // The client validates the resolved address of a host name on connect.
    let (private, _) = endpoint(&admin, "https://localhost:9/", json!([])).await;
    admin.post_empty(&format!("{private}/test")).await.is(202);
    let rejected = wait_for_delivery(&admin, &private, "pending", 1).await;
    assert!(rejected["lastError"].as_str().expect("an error").contains("which is not public"), "{rejected}");
    // An API key must not be able to search networks for addresses.
    let key = json!({ "name": "x", "scopes": ["webhook-endpoints:read", "webhook-deliveries:read"] });
    let key = admin.post("/api/api-keys", key).await.is(201).body;
    let program = api.bearer(key["key"].as_str().expect("a key"));
    let list = program.get(&format!("{private}/deliveries")).await.is(200).body["data"][0].clone();
    let delivery = format!("/api/webhook-deliveries/{}", list["id"].as_str().expect("an id"));
    for read in [&list, &program.get(&delivery).await.is(200).body] {
        let error = read["lastError"].as_str().expect("an error");
        assert!(error.starts_with("the endpoint did not respond: "), "{error}");
    }
    assert_eq!(admin.get(&delivery).await.is(200).body["lastError"], rejected["lastError"]);
    let duplicate = json!({ "url": "https://hooks.acme.test/", "events": ["posts", "posts"] });
    admin.post("/api/webhook-endpoints", duplicate).await.is(400);
    let unknown = json!({ "url": "https://hooks.acme.test/", "events": ["post.sold"] });
    assert_eq!(admin.post("/api/webhook-endpoints", unknown).await.is(400).locations(), ["#/events/0"]);
    drop(stop);
}
