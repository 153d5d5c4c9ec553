//! Outgoing webhooks: scopes of API keys, the number of endpoints, and the retention of deliveries.
use entity::webhook_delivery as delivery;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};
use tenon::{http::auth::Role, infra::db::Tx};
use tokio::time::{Duration, sleep};
use uuid::Uuid;

use crate::{
    support::Api,
    webhook_endpoints::{HOUR, create_draft, endpoint, start_with_workers},
};

#[api_test]
async fn an_api_key_is_limited_to_events_within_its_scopes() {
    let api = Api::with(&[("allow_private_networks", "on")]).await;
    let admin = api.sign_in(Role::Admin).await;
    let scopes = [
        "webhook-endpoints:read",
        "webhook-endpoints:write",
        "webhook-deliveries:read",
        "webhook-deliveries:write",
        "posts:read",
    ];
    let key = admin.post("/api/api-keys", json!({ "name": "CI", "scopes": scopes })).await.is(201);
    let key_client = api.bearer(key.body["key"].as_str().expect("a key"));
    let new = |events: Value| json!({ "url": "http://127.0.0.1:9/", "events": events });
    for events in [json!([]), json!(["invoice.paid"]), json!(["posts", "customers"])] {
        key_client.post("/api/webhook-endpoints", new(events)).await.is(403);
    }
    let own = key_client.post("/api/webhook-endpoints", new(json!(["posts"]))).await.is(201);
    let path = own.header("location");
    key_client.patch(path, json!({ "events": ["post.deleted", "users"] })).await.is(403);
    key_client.patch(path, json!({ "events": ["post.deleted"] })).await.is(200);
    // The key cannot update an endpoint that receives events outside of its scopes.
    let (all, _) = endpoint(&admin, "http://127.0.0.1:9/", json!([])).await;
    key_client.patch(&all, json!({ "url": "http://127.0.0.1:8/" })).await.is(403);
    key_client.header("if-match", "\"other\"").patch(&all, json!({ "description": "x" })).await.is(403);
    key_client.delete(&all).await.is(403);
    admin.patch(&all, json!({ "url": "http://127.0.0.1:8/" })).await.is(200);
    // The key can read neither the secret of that endpoint nor deliveries outside of its scopes.
    key_client.post_empty(&format!("{path}/rotate-secret")).await.is(200);
    key_client.post_empty(&format!("{all}/rotate-secret")).await.is(403);
    admin.post("/api/channels", json!({ "name": "bench", "audience": "staff" })).await.is(201);
    create_draft(&admin, "Pins").await;
    api.app.webhook_endpoints.dispatch_all().await.expect("dispatched");
    let deliveries = admin.get(&format!("{all}/deliveries")).await.is(200).body["data"].clone();
    let delivery_path = |kind: &str| {
        let found = deliveries.as_array().into_iter().flatten().find(|delivery| delivery["type"] == kind);
        format!("/api/webhook-deliveries/{}", found.expect("a delivery")["id"].as_str().expect("an id"))
    };
    key_client.get(&delivery_path("post.created")).await.is(200);
    key_client.get(&delivery_path("channel.created")).await.is(403);
    key_client.post_empty(&format!("{}/replay", delivery_path("channel.created"))).await.is(403);
    let visible = key_client.get(&format!("{all}/deliveries")).await.is(200).body;
    let kinds = visible["data"].as_array().into_iter().flatten().map(|delivery| &delivery["type"]);
    assert!(kinds.clone().all(|kind| kind.as_str().is_some_and(|kind| kind.starts_with("post."))));
    assert_eq!(json!(kinds.count()), visible["pagination"]["total"]);
    // Pending deliveries outside of the scopes block an update of the URL.
    admin.patch(&all, json!({ "events": ["posts"] })).await.is(200);
    key_client.patch(&all, json!({ "url": "http://127.0.0.1:7/" })).await.is(403);
    key_client.patch(&all, json!({ "description": "Ours" })).await.is(200);
    key_client.delete(&all).await.is(204);
}

#[api_test]
async fn accepts_at_most_100_endpoints() {
    let api = Api::with(&[("allow_private_networks", "on")]).await;
    let admin = api.sign_in(Role::Admin).await;
    let mut last = String::new();
    for _ in 0..100 {
        last = endpoint(&admin, "http://127.0.0.1:9/", json!([])).await.0;
    }
    let new = json!({ "url": "http://127.0.0.1:9/" });
    admin.post("/api/webhook-endpoints", new.clone()).await.is(409);
    admin.delete(&last).await.is(204);
    admin.post("/api/webhook-endpoints", new).await.is(201);
}

#[api_test]
async fn deletes_expired_deliveries_and_those_of_a_deleted_endpoint() {
    let (api, admin, _stop) = start_with_workers().await;
    let (path, _) = endpoint(&admin, "http://127.0.0.1:9/", json!([])).await;
    let id: Uuid = path.rsplit('/').next().and_then(|id| id.parse().ok()).expect("an id");
    let test = admin.post_empty(&format!("{path}/test")).await.is(202).id();
    let find = delivery::Entity::find_by_id(test.parse::<Uuid>().expect("an id"));
    let delivery_model = find.one(api.app.db.read()).await.expect("read").expect("a delivery");
    let insert_deliveries = async |count: usize, at: i64| {
        let rows: Vec<_> = (0..count)
            .map(|_| delivery::Model {
                id: Uuid::now_v7(),
                event_id: Uuid::now_v7(),
                state: delivery::DeliveryState::Delivered,
                next_at: None,
                updated_at: at,
                ..delivery_model.clone()
            })
            .map(|row| row.into_active_model().reset_all())
            .collect();
        let insert = delivery::Entity::insert_many(rows);
        let insertion = api.app.db.write(async move |tx: Tx| insert.exec_without_returning(&*tx).await).await;
        insertion.expect("written");
    };
    let delivery_count = || async {
        let filter = delivery::Column::EndpointId.eq(id);
        delivery::Entity::find().filter(filter).count(api.app.db.read()).await.expect("counted")
    };
    // More expired rows than one statement deletes, and recent rows.
    insert_deliveries(1_500, api.clock.now() - 31 * 24 * HOUR).await;
    insert_deliveries(1_001, api.clock.now()).await;
    api.app.webhook_endpoints.sweep().await.expect("the sweep succeeds");
    assert_eq!(delivery_count().await, 1_002);
    let tag = admin.get(&path).await.is(200).header("etag").to_owned();
    admin.header("if-match", "\"other\"").delete(&path).await.is(412);
    assert_eq!(delivery_count().await, 1_002);
    admin.header("if-match", &tag).delete(&path).await.is(204);
    admin.get(&format!("/api/webhook-deliveries/{test}")).await.is(404);
    for _ in 0..3_000 {
        if delivery_count().await == 0 {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("the deliveries were not deleted within 60 seconds");
}
