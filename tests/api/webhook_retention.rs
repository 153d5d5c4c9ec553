//! What is known of webhooks to programs outside: for whom, and for how long.
use entity::webhook_delivery as delivery;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};
use tenon::{http::auth::Role, infra::db::Tx};
use tokio::time::{Duration, sleep};
use uuid::Uuid;

use crate::{
    support::Api,
    webhook_endpoints::{HOUR, begun, endpoint, write},
};

#[api_test]
async fn a_key_has_others_told_of_what_it_may_read_and_of_nothing_else() {
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
    let program = api.bearer(key.body["key"].as_str().expect("a key"));
    let new = |events: Value| json!({ "url": "http://127.0.0.1:9/", "events": events });
    for events in [json!([]), json!(["invoice.paid"]), json!(["posts", "customers"])] {
        program.post("/api/webhook-endpoints", new(events)).await.is(403);
    }
    let own = program.post("/api/webhook-endpoints", new(json!(["posts"]))).await.is(201);
    let path = own.header("location");
    program.patch(path, json!({ "events": ["post.deleted", "users"] })).await.is(403);
    program.patch(path, json!({ "events": ["post.deleted"] })).await.is(200);
    // Nor is what somebody else wants led elsewhere.
    let (all, _) = endpoint(&admin, "http://127.0.0.1:9/", json!([])).await;
    program.patch(&all, json!({ "url": "http://127.0.0.1:8/" })).await.is(403);
    program.header("if-match", "\"other\"").patch(&all, json!({ "description": "x" })).await.is(403);
    program.delete(&all).await.is(403);
    admin.patch(&all, json!({ "url": "http://127.0.0.1:8/" })).await.is(200);
    // Nor is its secret told, nor what was sent to it.
    program.post_empty(&format!("{path}/rotate-secret")).await.is(200);
    program.post_empty(&format!("{all}/rotate-secret")).await.is(403);
    admin.post("/api/channels", json!({ "name": "bench", "audience": "staff" })).await.is(201);
    write(&admin, "Pins").await;
    api.app.webhook_endpoints.dispatch_all().await.expect("handed on");
    let log = admin.get(&format!("{all}/deliveries")).await.is(200).body["data"].clone();
    let of = |kind: &str| {
        let found = log.as_array().into_iter().flatten().find(|delivery| delivery["type"] == kind);
        format!("/api/webhook-deliveries/{}", found.expect("a delivery")["id"].as_str().expect("an id"))
    };
    program.get(&of("post.created")).await.is(200);
    program.get(&of("channel.created")).await.is(403);
    program.post_empty(&format!("{}/replay", of("channel.created"))).await.is(403);
    let seen = program.get(&format!("{all}/deliveries")).await.is(200).body;
    let kinds = seen["data"].as_array().into_iter().flatten().map(|delivery| &delivery["type"]);
    assert!(kinds.clone().all(|kind| kind.as_str().is_some_and(|kind| kind.starts_with("post."))));
    assert_eq!(json!(kinds.count()), seen["pagination"]["total"]);
    // What waits since the endpoint wanted more goes where it was to go.
    admin.patch(&all, json!({ "events": ["posts"] })).await.is(200);
    program.patch(&all, json!({ "url": "http://127.0.0.1:7/" })).await.is(403);
    program.patch(&all, json!({ "description": "Ours" })).await.is(200);
    program.delete(&all).await.is(204);
}

#[api_test]
async fn there_are_so_many_endpoints_and_no_more() {
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
async fn a_long_log_goes_with_its_endpoint() {
    let (api, admin, _stop) = begun().await;
    let (path, _) = endpoint(&admin, "http://127.0.0.1:9/", json!([])).await;
    let id: Uuid = path.rsplit('/').next().and_then(|id| id.parse().ok()).expect("an id");
    let test = admin.post_empty(&format!("{path}/test")).await.is(202).id();
    let find = delivery::Entity::find_by_id(test.parse::<Uuid>().expect("an id"));
    let one = find.one(api.app.db.read()).await.expect("read").expect("a delivery");
    let long = async |count: usize, at: i64| {
        let rows: Vec<_> = (0..count)
            .map(|_| delivery::Model {
                id: Uuid::now_v7(),
                event_id: Uuid::now_v7(),
                state: "delivered".to_owned(),
                next_at: None,
                updated_at: at,
                ..one.clone()
            })
            .map(|row| row.into_active_model().reset_all())
            .collect();
        let insert = delivery::Entity::insert_many(rows);
        let done = api.app.db.write(async move |tx: Tx| insert.exec_without_returning(&*tx).await).await;
        done.expect("written");
    };
    let known = || async {
        let of = delivery::Column::EndpointId.eq(id);
        delivery::Entity::find().filter(of).count(api.app.db.read()).await.expect("counted")
    };
    // More than one statement takes, and some that are too young.
    long(1_500, api.clock.now() - 31 * 24 * HOUR).await;
    long(1_001, api.clock.now()).await;
    api.app.webhook_endpoints.sweep().await.expect("swept");
    assert_eq!(known().await, 1_002);
    let tag = admin.get(&path).await.is(200).header("etag").to_owned();
    admin.header("if-match", "\"other\"").delete(&path).await.is(412);
    assert_eq!(known().await, 1_002);
    admin.header("if-match", &tag).delete(&path).await.is(204);
    admin.get(&format!("/api/webhook-deliveries/{test}")).await.is(404);
    for _ in 0..3_000 {
        if known().await == 0 {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("its log never went");
}
