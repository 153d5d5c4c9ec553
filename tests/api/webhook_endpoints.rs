//! Webhooks to programs outside: signed, tried again, logged, and only sent where they may go.
use serde_json::{Value, json};
use tenon::{
    domain::timestamp::Timestamp,
    http::auth::Role,
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

/// The service with workers, and an admin.
pub async fn begun() -> (Api, Api, watch::Sender<bool>) {
    let api = Api::with(&[("allow_private_networks", "on")]).await;
    let admin = api.sign_in(Role::Admin).await;
    let (stop, stopping) = watch::channel(false);
    tokio::spawn(worker::run_worker(api.app.clone(), WorkerTimings::scaled(0.02), stopping));
    (api, admin, stop)
}

/// A new endpoint: its address and its secret.
pub async fn endpoint(admin: &Api, url: &str, events: Value) -> (String, String) {
    let made = admin.post("/api/webhook-endpoints", json!({ "url": url, "events": events })).await.is(201);
    let secret = made.body["secret"].as_str().expect("a secret").to_owned();
    (made.header("location").to_owned(), secret)
}

/// The newest delivery, when it is so far.
async fn until(admin: &Api, endpoint: &str, state: &str, attempts: i64) -> Value {
    let path = format!("{endpoint}/deliveries?limit=1");
    for _ in 0..3_000 {
        let delivery = admin.get(&path).await.is(200).body["data"][0].clone();
        if delivery["state"] == state && delivery["attempts"] == attempts {
            return delivery;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("never {state} after {attempts}: {:?}", admin.get(&path).await.body)
}

pub async fn write(admin: &Api, title: &str) -> String {
    let mut post = new(title);
    post["published"] = json!(false);
    admin.post("/api/posts", post).await.is(201).id()
}

fn at(delivery: &Value) -> i64 {
    let text = delivery["nextAt"].as_str().expect("a next attempt");
    chrono::DateTime::parse_from_rfc3339(text).expect("a time").timestamp_millis()
}

#[api_test]
async fn what_happens_is_delivered_and_signed() {
    let (api, admin, _stop) = begun().await;
    write(&admin, "Before").await;
    let receiver = Receiver::start().await;
    let (endpoint, secret) = endpoint(&admin, &receiver.url, json!(["post.created", "tags"])).await;
    let post = write(&admin, "After").await;
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
    let delivery = until(&admin, &endpoint, "delivered", 1).await;
    assert_eq!(delivery["eventId"], call.header("webhook-id"));
    assert_eq!((&delivery["lastStatus"], &delivery["payload"]), (&json!(204), &json!(call.body)));
    let all = admin.get(&format!("{endpoint}/deliveries")).await.is(200).body;
    assert_eq!(all["pagination"]["total"], 1, "what was before, or is not wanted, is not sent");
    let own = format!("/api/webhook-deliveries/{}", delivery["id"].as_str().expect("an id"));
    let read = admin.get(&own).await.is(200);
    admin.header("if-none-match", read.header("etag")).get(&own).await.is(304);
}

#[api_test]
async fn an_endpoint_may_be_told_as_cloudevents() {
    let (api, admin, _stop) = begun().await;
    let receiver = Receiver::start().await;
    let (endpoint, secret) = endpoint(&admin, &receiver.url, json!(["post.created"])).await;
    assert_eq!(admin.get(&endpoint).await.is(200).body["format"], "standard");
    let set = async |format: &str| {
        let set = admin.patch(&endpoint, json!({ "format": format })).await.is(200);
        assert_eq!(set.body["format"], format);
    };
    set("cloudevents").await;
    let post = write(&admin, "One").await;
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
    let delivery = until(&admin, &endpoint, "delivered", 1).await;
    assert_eq!(delivery["payload"], call.body);
    // What was written down in one form stays in it.
    set("standard").await;
    let replay = format!("/api/webhook-deliveries/{}/replay", delivery["id"].as_str().expect("an id"));
    admin.post_empty(&replay).await.is(202);
    let again = receiver.calls(2).await.remove(1);
    assert_eq!((again.header("ce-id"), &again.body), (call.header("ce-id"), &call.body));
    write(&admin, "Two").await;
    let third = receiver.calls(3).await.remove(2);
    assert_eq!((third.header("ce-id"), &third.json()["type"]), ("", &json!("post.created")));
    let unheard = json!({ "url": "https://hooks.acme.test/", "format": "xml" });
    assert_eq!(admin.post("/api/webhook-endpoints", unheard).await.is(400).locations(), ["#/format"]);
}

#[api_test]
async fn a_failed_delivery_is_tried_again_later_and_later() {
    let (api, admin, _stop) = begun().await;
    let receiver = Receiver::start().await;
    let (endpoint, secret) = endpoint(&admin, &receiver.url, json!([])).await;
    receiver.answers("500 Internal Server Error", "", "it broke");
    receiver.answers("302 Found", "Location: /elsewhere\r\n", "");
    receiver.answers("503 Service Unavailable", "Retry-After: 7200\r\n", "");
    write(&admin, "One").await;
    let first = until(&admin, &endpoint, "pending", 1).await;
    assert_eq!((&first["lastStatus"], &first["response"]), (&json!(500), &json!("it broke")));
    let pause = at(&first) - api.clock.now();
    assert!((4000..=6000).contains(&pause), "{pause}");
    api.clock.advance(pause);
    let second = until(&admin, &endpoint, "pending", 2).await;
    assert!(second["lastError"].as_str().expect("words").contains("redirects"), "{second}");
    let pause = at(&second) - api.clock.now();
    assert!((240_000..=360_000).contains(&pause), "{pause}");
    api.clock.advance(pause);
    let third = until(&admin, &endpoint, "pending", 3).await;
    assert_eq!(at(&third) - api.clock.now(), 2 * HOUR, "Retry-After is later than the half hour");
    api.clock.advance(2 * HOUR);
    let admin = api.sign_in(Role::Admin).await;
    until(&admin, &endpoint, "delivered", 4).await;
    let calls = receiver.calls(4).await;
    assert!(calls.iter().all(|call| call.header("webhook-id") == calls[0].header("webhook-id")));
    assert!(calls.iter().all(|call| call.body == calls[0].body && call.signed_by(&secret)));
    assert_ne!(calls[0].header("webhook-timestamp"), calls[3].header("webhook-timestamp"));
}

#[api_test]
async fn who_is_gone_or_fails_for_days_is_called_no_more() {
    let (api, admin, _stop) = begun().await;
    let receiver = Receiver::start().await;
    let (gone, _) = endpoint(&admin, &receiver.url, json!(["posts"])).await;
    receiver.answers("410 Gone", "", "");
    write(&admin, "One").await;
    until(&admin, &gone, "failed", 1).await;
    let shown = admin.get(&gone).await.is(200);
    assert_eq!((&shown.body["state"], &shown.body["disabledReason"]), (&json!("disabled"), &json!("gone")));
    admin.post_empty(&format!("{gone}/test")).await.is(409);
    write(&admin, "Two").await;
    // Enabled again it is told of what happens from then on.
    let tag = shown.header("etag").to_owned();
    let enabled = json!({ "state": "enabled" });
    admin.header("if-match", &tag).patch(&gone, enabled.clone()).await.is(200);
    admin.header("if-match", &tag).patch(&gone, enabled).await.is(412);
    write(&admin, "Three").await;
    until(&admin, &gone, "delivered", 1).await;
    assert_eq!(admin.get(&format!("{gone}/deliveries")).await.body["pagination"]["total"], 2);
    // Five days without one good answer.
    receiver.answers("500 No", "", "");
    write(&admin, "Four").await;
    until(&admin, &gone, "pending", 1).await;
    receiver.answers("500 No", "", "");
    api.clock.advance(5 * 24 * HOUR);
    let admin = api.sign_in(Role::Admin).await;
    until(&admin, &gone, "failed", 2).await;
    assert_eq!(admin.get(&gone).await.body["disabledReason"], "failing");
}

#[api_test]
async fn both_secrets_sign_for_a_day() {
    let (api, admin, _stop) = begun().await;
    let receiver = Receiver::start().await;
    let (endpoint, old) = endpoint(&admin, &receiver.url, json!(["posts"])).await;
    let rotated = admin.post_empty(&format!("{endpoint}/rotate-secret")).await.is(200).body;
    let new = rotated["secret"].as_str().expect("a secret").to_owned();
    assert_ne!(old, new);
    assert!(rotated["previousUntil"].is_string());
    write(&admin, "One").await;
    let call = receiver.calls(1).await.remove(0);
    assert_eq!(call.header("webhook-signature").split(' ').count(), 2);
    assert!(call.signed_by(&old) && call.signed_by(&new));
    api.clock.advance(24 * HOUR);
    let admin = api.sign_in(Role::Admin).await;
    write(&admin, "Two").await;
    let call = receiver.calls(2).await.remove(1);
    assert!(call.signed_by(&new) && !call.signed_by(&old));
    for path in [&endpoint, "/api/webhook-endpoints", &format!("{endpoint}/deliveries")] {
        let shown = admin.get(path).await.is(200);
        assert!(!String::from_utf8_lossy(&shown.bytes).contains("whsec_"), "{path}");
        assert!(shown.body.get("previousUntil").is_none());
    }
}

#[api_test]
async fn tests_and_replays_are_sent() {
    let (_api, admin, _stop) = begun().await;
    let receiver = Receiver::start().await;
    let (endpoint, secret) = endpoint(&admin, &receiver.url, json!(["invoice.paid"])).await;
    let test = admin.post_empty(&format!("{endpoint}/test")).await.is(202);
    let own = test.header("location").to_owned();
    let sent = until(&admin, &endpoint, "delivered", 1).await;
    assert_eq!((&sent["type"], &sent["id"]), (&json!("webhook.test"), &test.body["id"]));
    admin.post_empty(&format!("{own}/replay")).await.is(202);
    let calls = receiver.calls(2).await;
    assert_eq!(calls[0].header("webhook-id"), calls[1].header("webhook-id"));
    assert!(calls[1].body == calls[0].body && calls[1].signed_by(&secret));
    assert_eq!(calls[0].json()["data"]["href"], json!(endpoint));
    until(&admin, &endpoint, "delivered", 1).await;
    let none = admin.get(&format!("{endpoint}/deliveries?state=failed")).await.is(200);
    assert_eq!(none.body["pagination"]["total"], 0);
    let tag = admin.get(&endpoint).await.header("etag").to_owned();
    for path in ["/api/webhook-endpoints", &endpoint, &format!("{endpoint}/deliveries")] {
        let known = admin.get(path).await.is(200).header("etag").to_owned();
        admin.header("if-none-match", &known).get(path).await.is(304);
    }
    admin.header("if-match", "\"another\"").delete(&endpoint).await.is(412);
    let described = json!({ "description": " For the warehouse " });
    admin.header("prefer", "return=minimal").patch(&endpoint, described).await.is(204);
    let shown = admin.get(&endpoint).await.is(200);
    assert_eq!(shown.body["description"], "For the warehouse");
    admin.header("if-match", &tag).delete(&endpoint).await.is(412);
    admin.header("if-match", shown.header("etag")).delete(&endpoint).await.is(204);
    for path in [&endpoint, &own, &format!("{endpoint}/deliveries")] {
        admin.get(path).await.is(404);
    }
    admin.post_empty(&format!("{own}/replay")).await.is(404);
}

#[api_test]
async fn each_event_becomes_one_delivery_however_many_hand_on() {
    let api = Api::with(&[("allow_private_networks", "on")]).await;
    let admin = api.sign_in(Role::Admin).await;
    let (endpoint, _) = endpoint(&admin, "http://127.0.0.1:9/", json!(["post.created"])).await;
    for title in ["One", "Two", "Three"] {
        write(&admin, title).await;
    }
    let fans = (0..8).map(|_| {
        let endpoints = api.app.webhook_endpoints.clone();
        tokio::spawn(async move { endpoints.dispatch_all().await })
    });
    for fan in futures_util::future::join_all(fans).await {
        fan.expect("no panic").expect("handed on");
    }
    let all = admin.get(&format!("{endpoint}/deliveries?state=pending")).await.is(200).body;
    assert_eq!(all["pagination"]["total"], 3);
    let first = admin.get(&format!("{endpoint}/deliveries?limit=2")).await.is(200).body;
    let cursor = first["pagination"]["nextCursor"].as_str().expect("a cursor").to_owned();
    let rest = admin.get(&format!("{endpoint}/deliveries?limit=2&after={cursor}")).await.is(200).body;
    assert_eq!(rest["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(admin.get("/api/jobs?kind=webhooks.deliver").await.body["pagination"]["total"], 1);
    // What waits for somebody who is called no more has failed.
    let tag = admin.get(&endpoint).await.header("etag").to_owned();
    admin.header("if-match", &tag).patch(&endpoint, json!({ "state": "disabled" })).await.is(200);
    let all = admin.get(&format!("{endpoint}/deliveries?state=failed")).await.is(200).body;
    assert_eq!(all["pagination"]["total"], 3);
    let replay = format!("/api/webhook-deliveries/{}/replay", all["data"][0]["id"].as_str().expect("an id"));
    admin.post_empty(&replay).await.is(409);
}

#[api_test]
async fn a_version_is_named_where_the_service_insists() {
    let api = Api::with(&[("require_if_match", "on")]).await;
    let admin = api.sign_in(Role::Admin).await;
    let (endpoint, _) = endpoint(&admin, "https://hooks.acme.test/", json!([])).await;
    admin.patch(&endpoint, json!({ "events": [] })).await.is(428);
    admin.delete(&endpoint).await.is(428);
}

#[api_test]
async fn only_public_places_are_called() {
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
        let refused: Response = admin.post("/api/webhook-endpoints", json!({ "url": url })).await.is(400);
        assert_eq!(refused.locations(), ["#/url"], "{url}");
    }
    let (stop, stopping) = watch::channel(false);
    tokio::spawn(worker::run_worker(api.app.clone(), WorkerTimings::scaled(0.02), stopping));
    // What its name hides shows when it is connected to.
    let (hidden, _) = endpoint(&admin, "https://localhost:9/", json!([])).await;
    admin.post_empty(&format!("{hidden}/test")).await.is(202);
    let refused = until(&admin, &hidden, "pending", 1).await;
    assert!(refused["lastError"].as_str().expect("words").contains("which is not public"), "{refused}");
    let twice = json!({ "url": "https://hooks.acme.test/", "events": ["posts", "posts"] });
    admin.post("/api/webhook-endpoints", twice).await.is(400);
    let unheard = json!({ "url": "https://hooks.acme.test/", "events": ["post.sold"] });
    assert_eq!(admin.post("/api/webhook-endpoints", unheard).await.is(400).locations(), ["#/events/0"]);
    drop(stop);
}
