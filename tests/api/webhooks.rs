//! Incoming webhooks: requests are validated, stored once and returned to admins only.
use poem::{Body, http::Method};
use ring::hmac;
use serde_json::{Value, json};
use tenon::http::auth::Role;
use uuid::Uuid;

use crate::support::{Api, Response, START};

pub const STRIPE: &str = "whsec_of_a_test_and_of_nobody";
pub const GITHUB: &str = "It's a secret to everybody here";

/// Starts the service with the secrets of two providers.
pub async fn start_with_providers() -> Api {
    Api::with(&[("webhooks_stripe_secrets", STRIPE), ("webhooks_github_secrets", GITHUB)]).await
}

fn mac(secret: &str, message: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::sign(&key, message).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn send(api: &Api, provider: &str, body: &str) -> Response {
    let typed = api.header("content-type", "application/json; charset=utf-8");
    typed.send(Method::POST, &format!("/api/webhooks/{provider}"), Some(Body::from(body.to_owned()))).await
}

pub async fn stripe(api: &Api, event: &Value) -> Response {
    let (body, now) = (event.to_string(), START / 1000);
    let signature = format!("t={now},v1={}", mac(STRIPE, format!("{now}.{body}").as_bytes()));
    send(&api.header("stripe-signature", &signature), "stripe", &body).await
}

pub async fn github(api: &Api, event: &str, delivery: &str, payload: &Value) -> Response {
    let body = payload.to_string();
    let signature = format!("sha256={}", mac(GITHUB, body.as_bytes()));
    let request = api.header("x-github-event", event).header("x-github-delivery", delivery);
    send(&request.header("x-hub-signature-256", &signature), "github", &body).await
}

/// Sends an event of GitHub as a form.
pub async fn github_form(api: &Api, event: &str, delivery: &str, body: &str) -> Response {
    let signature = format!("sha256={}", mac(GITHUB, body.as_bytes()));
    api.header("x-github-event", event)
        .header("x-github-delivery", delivery)
        .header("x-hub-signature-256", &signature)
        .header("content-type", "application/x-www-form-urlencoded")
        .send(Method::POST, "/api/webhooks/github", Some(Body::from(body.to_owned())))
        .await
}

pub fn event(id: &str, kind: &str, object: Value) -> Value {
    json!({ "id": id, "object": "event", "type": kind, "data": { "object": object } })
}

pub async fn listed(admin: &Api, query: &str) -> Vec<Value> {
    let list = admin.get(&format!("/api/webhook-events{query}")).await.is(200).body;
    list["data"].as_array().cloned().unwrap_or_default()
}

#[api_test]
async fn stores_a_duplicate_event_once_for_admins() {
    let api = start_with_providers().await;
    let admin = api.sign_in(Role::Admin).await;
    let payload = event("evt_1", "customer.created", json!({ "name": "Evil Rabbit" }));
    for _ in 0..3 {
        assert_eq!(stripe(&api, &payload).await.is(200).bytes, br#"{"received":true}"#);
    }
    let delivery = Uuid::now_v7().to_string();
    for _ in 0..2 {
        github(&api, "ping", &delivery, &json!({ "zen": "Keep it logically awesome." })).await.is(200);
    }
    let all = listed(&admin, "").await;
    assert_eq!(all.len(), 2, "{all:?}");
    assert_eq!((&all[1]["provider"], &all[1]["providerId"]), (&json!("stripe"), &json!("evt_1")));
    assert_eq!((&all[0]["type"], &all[0]["providerId"]), (&json!("ping"), &json!(delivery)));
    assert!(all[0].get("body").is_none());
    for (query, found) in [
        ("?provider=stripe", 1),
        ("?provider=paypal", 0),
        ("?type=ping", 1),
        ("?type=customer.created&provider=github", 0),
        ("?sort=receivedAt", 2),
    ] {
        assert_eq!(listed(&admin, query).await.len(), found, "{query}");
    }
    let path = format!("/api/webhook-events/{}", all[1]["id"].as_str().unwrap_or_default());
    let read = admin.get(&path).await.is(200);
    assert_eq!(read.body["body"], json!(payload.to_string()));
    admin.header("if-none-match", read.header("etag")).get(&path).await.is(304);
}

#[api_test]
async fn ignores_an_equal_github_body_with_another_id_for_an_hour() {
    let api = start_with_providers().await;
    let admin = api.sign_in(Role::Admin).await;
    let payload = json!({ "ref": "refs/heads/main", "after": "6113728f" });
    github(&api, "push", "d-1", &payload).await.is(200);
    // A replay with other headers, which the signature does not cover.
    github(&api, "push", "d-2", &payload).await.is(200);
    github(&api, "ping", "d-3", &payload).await.is(200);
    assert_eq!(listed(&admin, "").await.len(), 1);
    github(&api, "push", "d-4", &json!({ "ref": "refs/heads/main", "after": "7e4a9c12" })).await.is(200);
    assert_eq!(listed(&admin, "").await.len(), 2);
    api.clock.advance(3_600_000);
    let admin = api.sign_in(Role::Admin).await;
    github(&api, "push", "d-1", &payload).await.is(200);
    assert_eq!(listed(&admin, "").await.len(), 2);
    github(&api, "push", "d-5", &payload).await.is(200);
    assert_eq!(listed(&admin, "").await.len(), 3);
}

#[api_test(worker_threads = 4)]
async fn concurrent_deliveries_of_one_github_body_are_stored_once() {
    let api = start_with_providers().await;
    let admin = api.sign_in(Role::Admin).await;
    for round in 0..10 {
        let payload = json!({ "ref": "refs/heads/main", "after": format!("{round}") });
        let requests = (0..16).map(|number| {
            let (api, payload) = (api.clone(), payload.clone());
            tokio::spawn(async move {
                github(&api, "push", &format!("d-{round}-{number}"), &payload).await.is(200);
            })
        });
        futures_util::future::try_join_all(requests).await.expect("the requests end");
        assert_eq!(listed(&admin, "").await.len(), round + 1);
    }
}

#[api_test]
async fn accepts_the_forms_of_github() {
    let api = start_with_providers().await;
    let admin = api.sign_in(Role::Admin).await;
    let form = "payload=%7B%22zen%22%3A%22Half+%26+half%22%7D";
    github_form(&api, "ping", "d-1", form).await.is(200);
    let stored = listed(&admin, "").await;
    let path = format!("/api/webhook-events/{}", stored[0]["id"].as_str().expect("an id"));
    assert_eq!(admin.get(&path).await.is(200).body["body"], json!(r#"{"zen":"Half & half"}"#));
    // The same event as JSON.
    github(&api, "ping", "d-2", &json!({ "zen": "Half & half" })).await.is(200);
    assert_eq!(listed(&admin, "").await.len(), 1);
    for body in ["payload=%7B%7D&payload=%7B%7D", "payload=%7B", "zen=1", r#"{"zen":"&payload=%7B%7D"}"#] {
        assert_eq!(
            github_form(&api, "ping", "d-3", body).await.is(400).body["code"],
            "validation-failed",
            "{body}"
        );
    }
    let unsigned = api.header("content-type", "application/x-www-form-urlencoded");
    let unsigned = unsigned.send(Method::POST, "/api/webhooks/github", Some(Body::from(form))).await;
    assert_eq!(unsigned.is(400).body["code"], "invalid-signature");
    // Stripe and PayPal send JSON only.
    let stripe = api.header("content-type", "application/x-www-form-urlencoded");
    stripe.send(Method::POST, "/api/webhooks/stripe", Some(Body::from(form))).await.is(415);
    assert_eq!(listed(&admin, "").await.len(), 1);
}

#[api_test]
async fn lists_events_by_page_and_by_cursor() {
    let api = start_with_providers().await;
    let admin = api.sign_in(Role::Admin).await;
    for number in 0..5 {
        stripe(&api, &event(&format!("evt_{number}"), "x", json!({}))).await.is(200);
        api.clock.advance(1);
    }
    let provider_ids = |page: &Value| -> Vec<String> {
        let data = page["data"].as_array().cloned().unwrap_or_default();
        data.iter().map(|entry| entry["providerId"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let first = admin.get("/api/webhook-events?limit=2").await.is(200);
    assert_eq!(provider_ids(&first.body), ["evt_4", "evt_3"]);
    let cursor = first.body["pagination"]["nextCursor"].as_str().expect("more").to_owned();
    stripe(&api, &event("evt_5", "x", json!({}))).await.is(200);
    let next = admin.get(&format!("/api/webhook-events?limit=2&after={cursor}")).await.is(200);
    assert_eq!(provider_ids(&next.body), ["evt_2", "evt_1"]);
    let third = admin.get("/api/webhook-events?limit=2&page=3&sort=receivedAt").await.is(200);
    assert_eq!(provider_ids(&third.body), ["evt_4", "evt_5"]);
    admin.get(&format!("/api/webhook-events?limit=2&type=x&after={cursor}")).await.is(400);
    let conditional = admin.header("if-none-match", third.header("etag"));
    conditional.get("/api/webhook-events?limit=2&page=3&sort=receivedAt").await.is(304);
}

#[api_test]
async fn rejects_invalid_signatures_and_stores_nothing() {
    let api = start_with_providers().await;
    let admin = api.sign_in(Role::Admin).await;
    let body = event("evt_1", "invoice.paid", json!({})).to_string();
    let now = START / 1000;
    let valid = mac(STRIPE, format!("{now}.{body}").as_bytes());
    let assert_invalid = |response: Response, case: &str| {
        assert_eq!((response.status, &response.body["code"]), (400, &json!("invalid-signature")), "{case}");
    };
    assert_invalid(send(&api, "stripe", &body).await, "no signature");
    assert_invalid(send(&api, "github", &body).await, "no signature");
    for signature in [
        "".to_owned(),
        valid.clone(),
        format!("t={now},v1="),
        format!("t={now},v1={}", mac("", format!("{now}.{body}").as_bytes())),
        format!("t={now},v1={}", mac("undefined", format!("{now}.{body}").as_bytes())),
        format!("t={now},v1={}", mac(GITHUB, format!("{now}.{body}").as_bytes())),
        format!("t={now},v0={valid}"),
    ] {
        assert_invalid(send(&api.header("stripe-signature", &signature), "stripe", &body).await, &signature);
        assert_invalid(
            send(&api.header("x-hub-signature-256", &signature), "github", &body).await,
            &signature,
        );
    }
    let signed = api.header("stripe-signature", &format!("t={now},v1={valid}"));
    assert_invalid(send(&signed.header("stripe-signature", "t=1,v1="), "stripe", &body).await, "two fields");
    assert_invalid(send(&signed, "stripe", &format!("{body} ")).await, "another body");
    assert_invalid(send(&signed, "stripe", "").await, "no body");
    api.clock.advance(301_000);
    assert_invalid(send(&signed, "stripe", &body).await, "late");
    api.clock.advance(-301_000 - 61_000);
    assert_invalid(send(&signed, "stripe", &body).await, "early");
    api.clock.advance(61_000);
    assert!(listed(&admin, "").await.is_empty());
    send(&signed, "stripe", &body).await.is(200);
    assert_eq!(listed(&admin, "").await.len(), 1);
}

#[api_test]
async fn rejects_a_signed_body_that_is_no_event() {
    let api = start_with_providers().await;
    let now = START / 1000;
    for body in [
        "{}",
        "[]",
        "nonsense",
        r#"{"id":"","type":"x"}"#,
        r#"{"id":"a b","type":"x"}"#,
        r#"{"id":7,"type":"x"}"#,
    ] {
        let signature = format!("t={now},v1={}", mac(STRIPE, format!("{now}.{body}").as_bytes()));
        let response = send(&api.header("stripe-signature", &signature), "stripe", body).await.is(400);
        assert_eq!(response.body["code"], "validation-failed", "{body}");
    }
}

#[api_test]
async fn returns_404_for_a_provider_without_a_secret() {
    let api = Api::start().await;
    for provider in ["stripe", "github", "paypal", "square"] {
        send(&api, provider, "{}").await.is(404);
    }
    let body = event("evt_1", "x", json!({}));
    stripe(&api, &body).await.is(404);
}

#[api_test(worker_threads = 4)]
async fn concurrent_duplicates_are_stored_once() {
    let api = start_with_providers().await;
    let admin = api.sign_in(Role::Admin).await;
    let payload = event("evt_100", "customer.created", json!({}));
    let requests = (0..100).map(|_| stripe(&api, &payload));
    for response in futures_util::future::join_all(requests).await {
        assert_eq!(response.is(200).body, json!({ "received": true }));
    }
    assert_eq!(listed(&admin, "").await.len(), 1);
}

#[api_test]
async fn invalid_signatures_count_against_the_rate_limit_of_the_client() {
    let api = Api::with(&[("rate_limits", "on"), ("webhooks_stripe_secrets", STRIPE)]).await;
    let (forger, provider) = (api.from("192.0.2.66"), api.from("192.0.2.1"));
    let mut count = 0;
    while send(&forger, "stripe", "{}").await.status == 400 {
        count += 1;
    }
    assert_eq!(count, 200);
    for name in ["stripe", "github", "paypal"] {
        let rejected = send(&forger, name, "{}").await.is(429);
        assert!(rejected.header("ratelimit-policy").starts_with("\"webhooks\";q=600;w=60"));
    }
    stripe(&provider, &event("evt_1", "x", json!({}))).await.is(200);
    forger.get("/api/tags").await.is(200);
}

#[api_test]
async fn ignores_cookies_and_tokens() {
    let api = start_with_providers().await;
    for client in [
        api.bearer("nonsense"),
        api.header("cookie", "__Host-session=abc").header("sec-fetch-site", "cross-site"),
    ] {
        stripe(&client, &event("evt_1", "x", json!({}))).await.is(200);
    }
}
