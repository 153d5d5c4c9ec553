//! Own secrets and own header fields of webhook endpoints.
use base64::{Engine, engine::general_purpose::STANDARD};
use entity::webhook_endpoint;
use sea_orm::{EntityTrait, sea_query::Expr};
use serde_json::{Value, json};
use tenon::{http::auth::Role, infra::db::Tx};
use tokio::time::{Duration, sleep};

use crate::{
    support::Api,
    webhook_endpoints::{create_draft, start_with_workers},
    webhook_receiver::Receiver,
};

const VALUE: &str = "Bearer token-of-the-receiver";

fn secret(bytes: usize) -> String {
    format!("whsec_{}", STANDARD.encode(vec![7_u8; bytes]))
}

fn with_headers(url: &str) -> Value {
    let headers = json!([{ "name": "Authorization", "value": VALUE }, { "name": "x-shop", "value": "acme" }]);
    json!({ "url": url, "events": ["posts"], "headers": headers })
}

#[api_test]
async fn deliveries_are_signed_with_an_own_secret() {
    let (_api, admin, _stop) = start_with_workers().await;
    let receiver = Receiver::start().await;
    let own = secret(24);
    let new = json!({ "url": receiver.url, "events": ["posts"], "secret": own });
    let created = admin.post("/api/webhook-endpoints", new).await.is(201);
    assert_eq!(created.body["secret"], own);
    create_draft(&admin, "One").await;
    assert!(receiver.calls(1).await[0].signed_by(&own));
    // A new secret: the previous one also signs.
    let path = created.header("location");
    let second = secret(64);
    let changed = admin.patch(path, json!({ "secret": second })).await.is(200);
    assert!(changed.body["previousSecretUntil"].is_string() && changed.body.get("secret").is_none());
    create_draft(&admin, "Two").await;
    let call = receiver.calls(2).await.remove(1);
    assert!(call.signed_by(&own) && call.signed_by(&second));
    // The current secret changes nothing.
    let same = admin.patch(path, json!({ "secret": second })).await.is(200);
    assert_eq!(same.header("etag"), changed.header("etag"));
}

#[api_test]
async fn rejects_own_secrets_of_another_form() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let url = "https://hooks.acme.test/";
    let path = admin.post("/api/webhook-endpoints", json!({ "url": url })).await.is(201);
    let path = path.header("location").to_owned();
    for invalid in [
        secret(23),
        secret(65),
        secret(32).replace("whsec_", ""),
        secret(32).replace("whsec_", "whsec-"),
        secret(32).trim_end_matches('=').to_owned(),
        format!("whsec_{}", "-".repeat(43)),
        String::new(),
    ] {
        let rejected =
            admin.post("/api/webhook-endpoints", json!({ "url": url, "secret": invalid })).await.is(400);
        assert_eq!(rejected.locations(), ["#/secret"], "{invalid}");
        assert!(
            invalid.is_empty() || !String::from_utf8_lossy(&rejected.bytes).contains(&invalid),
            "{invalid}"
        );
        admin.patch(&path, json!({ "secret": invalid })).await.is(400);
    }
}

#[api_test]
async fn deliveries_have_the_own_header_fields_and_responses_never_their_values() {
    let (api, admin, _stop) = start_with_workers().await;
    let receiver = Receiver::start().await;
    let created = admin.post("/api/webhook-endpoints", with_headers(&receiver.url)).await.is(201);
    let path = created.header("location").to_owned();
    assert_eq!(created.body["headerNames"], json!(["authorization", "x-shop"]));
    create_draft(&admin, "One").await;
    let call = receiver.calls(1).await.remove(0);
    assert_eq!((call.header("authorization"), call.header("x-shop")), (VALUE, "acme"));
    assert!(call.signed_by(created.body["secret"].as_str().expect("a secret")));
    let list = admin.get(&format!("{path}/deliveries")).await.is(200);
    let shown =
        [created, admin.get(&path).await.is(200), admin.get("/api/webhook-endpoints").await.is(200), list];
    for response in shown {
        assert!(!String::from_utf8_lossy(&response.bytes).contains("token-of-the-receiver"));
    }
    let audit = admin.get("/api/audit").await.is(200);
    assert!(!String::from_utf8_lossy(&audit.bytes).contains("token-of-the-receiver"));
    let row = webhook_endpoint::Entity::find().one(api.app.db.read()).await.expect("found").expect("a row");
    let stored = row.header_values.expect("sealed values");
    assert!(tenon::infra::sealing::key_id(stored.expose()).is_some(), "sealed");
    assert!(!stored.expose().contains("token-of-the-receiver"));
    // A patch without `headers` retains them, and a list replaces all.
    admin.patch(&path, json!({ "description": "Ours" })).await.is(200);
    let changed =
        admin.patch(&path, json!({ "headers": [{ "name": "x-shop", "value": "other" }] })).await.is(200);
    assert_eq!(changed.body["headerNames"], json!(["x-shop"]));
    create_draft(&admin, "Two").await;
    let call = receiver.calls(2).await.remove(1);
    assert_eq!((call.header("authorization"), call.header("x-shop")), ("", "other"));
    let removed = admin.patch(&path, json!({ "headers": [] })).await.is(200);
    assert_eq!(removed.body["headerNames"], json!([]));
    create_draft(&admin, "Three").await;
    assert_eq!(receiver.calls(3).await[2].header("x-shop"), "");
}

#[api_test]
async fn rejects_header_fields_that_the_sender_sets_or_that_frame_the_request() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let new = |headers: Value| json!({ "url": "https://hooks.acme.test/", "headers": headers });
    for name in [
        "Host",
        "Content-Type",
        "content-length",
        "Content-Encoding",
        "webhook-id",
        "Webhook-Signature",
        "ce-id",
        "Connection",
        "Keep-Alive",
        "Proxy-Authorization",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
        "Expect",
        "User-Agent",
        "Accept-Encoding",
        "traceparent",
        "tracestate",
        "baggage",
        "Date",
        "HTTP2-Settings",
    ] {
        let rejected =
            admin.post("/api/webhook-endpoints", new(json!([{ "name": name, "value": "x" }]))).await.is(400);
        assert_eq!(rejected.locations(), ["#/headers/0/name"], "{name}");
    }
    for (header, location) in [
        (json!({ "name": "", "value": "x" }), "#/headers/0/name"),
        (json!({ "name": "x y", "value": "x" }), "#/headers/0/name"),
        (json!({ "name": "x:y", "value": "x" }), "#/headers/0/name"),
        (json!({ "name": "x\r\ny", "value": "x" }), "#/headers/0/name"),
        (json!({ "name": "x".repeat(65), "value": "x" }), "#/headers/0/name"),
        (json!({ "name": "x", "value": "" }), "#/headers/0/value"),
        (json!({ "name": "x", "value": " secret-of-a-test" }), "#/headers/0/value"),
        (json!({ "name": "x", "value": "secret-of-a-test\r\ny: z" }), "#/headers/0/value"),
        (json!({ "name": "x", "value": "é" }), "#/headers/0/value"),
        (json!({ "name": "x", "value": "x".repeat(1001) }), "#/headers/0/value"),
    ] {
        let rejected = admin.post("/api/webhook-endpoints", new(json!([header]))).await.is(400);
        assert_eq!(rejected.locations(), [location], "{header}");
        assert!(!String::from_utf8_lossy(&rejected.bytes).contains("secret-of-a-test"), "{header}");
    }
    let repeated = json!([{ "name": "x-shop", "value": "a" }, { "name": "X-Shop", "value": "b" }]);
    let rejected = admin.post("/api/webhook-endpoints", new(repeated)).await.is(400);
    assert_eq!(rejected.locations(), ["#/headers/1/name"]);
    let numbered = |count: usize| {
        let headers = (0..count).map(|number| json!({ "name": format!("x-{number}"), "value": "x" }));
        Value::from_iter(headers)
    };
    admin.post("/api/webhook-endpoints", new(numbered(9))).await.is(400);
    let path = admin.post("/api/webhook-endpoints", new(numbered(8))).await.is(201);
    let reserved = json!({ "headers": [{ "name": "host", "value": "x" }] });
    admin.patch(path.header("location"), reserved).await.is(400);
}

#[api_test]
async fn a_url_of_another_origin_requires_the_header_fields_again() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let created =
        admin.post("/api/webhook-endpoints", with_headers("https://hooks.acme.test/a")).await.is(201);
    let path = created.header("location");
    admin.patch(path, json!({ "url": "https://hooks.acme.test/b" })).await.is(200);
    admin.patch(path, json!({ "url": "https://HOOKS.acme.test:443/c" })).await.is(200);
    for url in ["https://evil.test/b", "https://hooks.acme.test:8443/b", "https://x.hooks.acme.test/"] {
        let rejected = admin.patch(path, json!({ "url": url })).await.is(400);
        assert_eq!(rejected.locations(), ["#/headers"], "{url}");
    }
    let moved = admin.patch(path, json!({ "url": "https://hooks.other.test/", "headers": [] })).await.is(200);
    assert_eq!(
        (&moved.body["url"], &moved.body["headerNames"]),
        (&json!("https://hooks.other.test/"), &json!([]))
    );
    // Without header fields, the origin can change.
    admin.patch(path, json!({ "url": "https://hooks.third.test/" })).await.is(200);
}

#[api_test]
async fn fails_an_attempt_with_invalid_stored_header_fields() {
    let (api, admin, _stop) = start_with_workers().await;
    let receiver = Receiver::start().await;
    let created = admin.post("/api/webhook-endpoints", with_headers(&receiver.url)).await.is(201);
    let corrupt = async move |tx: Tx| {
        let update = webhook_endpoint::Entity::update_many()
            .col_expr(webhook_endpoint::Column::HeaderValues, Expr::value("x"));
        update.exec(&*tx).await
    };
    api.app.db.write(corrupt).await.expect("written");
    create_draft(&admin, "One").await;
    let path = format!("{}/deliveries", created.header("location"));
    for _ in 0..3_000 {
        let delivery = admin.get(&path).await.is(200).body["data"][0].clone();
        if delivery["attempts"] == 1 {
            assert!(
                delivery["lastError"].as_str().is_some_and(|error| error.contains("set `headers` again"))
            );
            assert!(receiver.received().is_empty(), "nothing is sent without the header fields");
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("the delivery was not attempted within 60 seconds");
}
