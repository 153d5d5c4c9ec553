//! What goes after what was deleted, because there may be much of it.
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
    channels::{channel, say},
    jobs::workers,
    support::Api,
    webhook_endpoints::endpoint,
};

#[api_test]
async fn much_that_was_said_goes_with_its_channel() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let path = channel(&editor, "accounts").await;
    let first = say(&editor, &path, "First").await.is(201).id();
    let find = message::Entity::find_by_id(first.parse::<Uuid>().expect("an id"));
    let first = find.one(api.app.db.read()).await.expect("read").expect("a message");
    let more = async |count: usize| {
        let another = || message::Model { id: Uuid::now_v7(), ..first.clone() };
        let rows: Vec<_> = (0..count).map(|_| another().into_active_model().reset_all()).collect();
        let insert = message::Entity::insert_many(rows);
        let done = api.app.db.write(async move |tx: Tx| insert.exec_without_returning(&*tx).await).await;
        done.expect("written");
    };
    let known = || async { message::Entity::find().count(api.app.db.read()).await.expect("counted") };
    more(1_500).await;
    editor.header("if-match", "\"other\"").delete(&path).await.is(412);
    assert_eq!(known().await, 1_501);
    editor.delete(&path).await.is(204);
    // They go after it, and until then they are nowhere.
    assert_eq!(known().await, 1_501);
    editor.get(&format!("/api/messages/{}", first.id)).await.is(404);
    editor.delete(&format!("/api/messages/{}", first.id)).await.is(404);
    let _stop = workers(&api);
    empty(known).await;
}

/// Waits until none are known any more.
async fn empty(known: impl AsyncFn() -> u64) {
    for _ in 0..3_000 {
        if known().await == 0 {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("what was left never went")
}

#[api_test]
async fn the_log_of_an_endpoint_goes_with_it_and_what_was_to_be_sent_is_not() {
    let api = Api::with(&[("allow_private_networks", "on")]).await;
    let admin = api.sign_in(Role::Admin).await;
    let (path, _) = endpoint(&admin, "http://127.0.0.1:9/", json!([])).await;
    let own = admin.post_empty(&format!("{path}/test")).await.is(202).header("location").to_owned();
    admin.delete(&path).await.is(204);
    let known =
        || async { webhook_delivery::Entity::find().count(api.app.db.read()).await.expect("counted") };
    assert_eq!(known().await, 1);
    // It goes after the endpoint, and until then it is nowhere.
    admin.get(&own).await.is(404);
    admin.post_empty(&format!("{own}/replay")).await.is(404);
    // A job that was under way already finds nobody to call.
    let (id, now) = (path.rsplit('/').next().expect("an id").to_owned(), api.clock.now());
    let late = async move |tx: Tx| {
        tx.enqueue(NewJob::new("webhooks.deliver", &json!({ "endpoint": id }))?, now).await
    };
    let late = api.app.db.write(late).await.expect("the job is kept");
    let _stop = workers(&api);
    empty(known).await;
    for _ in 0..3_000 {
        let job = admin.get(&format!("/api/jobs/{late}")).await.is(200).body;
        if job["state"] == "done" {
            assert!(job["lastError"].is_null() && job["attempts"] == 1, "{job}");
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("the job never ended")
}
