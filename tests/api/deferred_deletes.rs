//! Deletes of channels and webhook endpoints: a job deletes the dependent rows, which may be many.
use entity::{message, webhook_delivery};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, PaginatorTrait};
use serde_json::json;
use tenon::{
    http::auth::Role,
    infra::{db::Tx, queue::NewJob},
};
use tokio::time::{Duration, sleep};
use uuid::Uuid;

use crate::{
    channels::{create_channel, post_message},
    jobs::start_worker,
    support::Api,
    webhook_endpoints::endpoint,
};

#[api_test]
async fn a_job_deletes_the_messages_of_a_deleted_channel() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let path = create_channel(&editor, "accounts").await;
    let first = post_message(&editor, &path, "First").await.is(201).id();
    let find = message::Entity::find_by_id(first.parse::<Uuid>().expect("an id"));
    let first = find.one(api.app.db.read()).await.expect("read").expect("a message");
    let insert_messages = async |count: usize| {
        let copy = || message::Model { id: Uuid::now_v7(), ..first.clone() };
        let rows: Vec<_> = (0..count).map(|_| copy().into_active_model().reset_all()).collect();
        let insert = message::Entity::insert_many(rows);
        let result = api.app.db.write(async move |tx: Tx| insert.exec_without_returning(&*tx).await).await;
        result.expect("the rows are inserted");
    };
    let count = || async { message::Entity::find().count(api.app.db.read()).await.expect("counted") };
    insert_messages(1_500).await;
    editor.header("if-match", "\"other\"").delete(&path).await.is(412);
    assert_eq!(count().await, 1_501);
    editor.delete(&path).await.is(204);
    // The job deletes the rows; requests return 404 immediately.
    assert_eq!(count().await, 1_501);
    editor.get(&format!("/api/messages/{}", first.id)).await.is(404);
    editor.delete(&format!("/api/messages/{}", first.id)).await.is(404);
    let _stop = start_worker(&api);
    wait_until_empty(count).await;
}

/// Polls until no rows are left.
async fn wait_until_empty(count: impl AsyncFn() -> u64) {
    for _ in 0..3_000 {
        if count().await == 0 {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("the rows were not deleted within 60 s")
}

#[api_test]
async fn a_job_deletes_the_deliveries_of_a_deleted_endpoint_without_sending_them() {
    let api = Api::with(&[("allow_private_networks", "on")]).await;
    let admin = api.sign_in(Role::Admin).await;
    let (path, _) = endpoint(&admin, "http://127.0.0.1:9/", json!([])).await;
    let delivery = admin.post_empty(&format!("{path}/test")).await.is(202).header("location").to_owned();
    admin.delete(&path).await.is(204);
    let count =
        || async { webhook_delivery::Entity::find().count(api.app.db.read()).await.expect("counted") };
    assert_eq!(count().await, 1);
    // The job deletes the row; requests return 404 immediately.
    admin.get(&delivery).await.is(404);
    admin.post_empty(&format!("{delivery}/replay")).await.is(404);
    // A delivery job that was already queued succeeds without sending a request.
    let (id, now) = (path.rsplit('/').next().expect("an id").to_owned(), api.clock.now());
    let queued = async move |tx: Tx| {
        tx.enqueue(NewJob::new("webhooks.deliver", &json!({ "endpoint": id }))?, now).await
    };
    let queued = api.app.db.write(queued).await.expect("the job is stored");
    let _stop = start_worker(&api);
    wait_until_empty(count).await;
    for _ in 0..3_000 {
        let job = admin.get(&format!("/api/jobs/{queued}")).await.is(200).body;
        if job["state"] == "done" {
            assert!(job["lastError"].is_null() && job["attempts"] == 1, "{job}");
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("the job was not done within 60 s")
}
