//! What goes after what was deleted, because there may be much of it.
use entity::message;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, PaginatorTrait};
use tenon::{
    contract::caller::Role,
    jobs::{self, Pace},
    ports::db::Tx,
};
use tokio::{
    sync::watch,
    time::{Duration, sleep},
};
use uuid::Uuid;

use crate::{
    channels::{channel, say},
    support::Api,
};

#[tokio::test]
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
    let (_stop, stopping) = watch::channel(false);
    tokio::spawn(jobs::work(api.app.clone(), Pace::scaled(0.02), stopping));
    for _ in 0..250 {
        if known().await == 0 {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("what was said never went");
}
