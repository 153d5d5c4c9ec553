//! Faults of the storage: a full disk, too little free space.
use entity::user::Role;
use sea_orm::{ConnectionTrait, DbBackend};
use serde_json::{Value, json};

use crate::support::Api;

/// Makes the database report a full disk when it needs space.
async fn fill_disk(api: &Api) {
    execute(
        api,
        // The current size, because it cannot be less.
        "PRAGMA max_page_count = 1",
        "CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'disk full' USING ERRCODE = 'disk_full'; END $$;
         CREATE TRIGGER disk_full BEFORE INSERT ON posts EXECUTE FUNCTION disk_full()",
    )
    .await;
}

async fn free_disk(api: &Api) {
    execute(api, "PRAGMA max_page_count = 1000000", "DROP TRIGGER disk_full ON posts").await;
}

/// Executes a statement on the connection of writes.
async fn execute(api: &Api, sqlite: &'static str, postgres: &'static str) {
    let executed = api.app.db.write(async move |tx| {
        let sql = if tx.get_database_backend() == DbBackend::Sqlite { sqlite } else { postgres };
        tx.execute_unprepared(sql).await.map(|_| ())
    });
    executed.await.expect("the statement succeeds");
}

fn large_post() -> Value {
    json!({ "title": "A large post", "content": "x".repeat(100_000), "published": true })
}

#[api_test]
async fn a_full_disk_rejects_writes_and_serves_reads_until_there_is_space() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let path = author.post("/api/posts", large_post()).await.is(201).header("location").to_owned();
    fill_disk(&api).await;
    for _ in 0..2 {
        let rejected = author.post("/api/posts", large_post()).await.is(507);
        assert_eq!(rejected.body["code"], "insufficient-storage");
        assert!(!rejected.headers.contains_key("retry-after"));
        assert_eq!(api.get("/api/posts").await.is(200).body["pagination"]["total"], 1);
        author.get(&path).await.is(200);
        assert_eq!(api.get("/api/health").await.is(200).body["database"], "ok");
    }
    free_disk(&api).await;
    author.post("/api/posts", large_post()).await.is(201);
    assert_eq!(api.get("/api/posts").await.is(200).body["pagination"]["total"], 2);
}

#[api_test]
async fn an_instance_without_free_space_is_not_ready() {
    // The largest value of the setting, which is more than the memory of the machine.
    let folder = "/dev/shm";
    let api = Api::with(&[("data_dir", folder), ("min_free_space", "1099511627776")]).await;
    let rejected = api.get("/readyz").await.is(503);
    assert!(rejected.body["detail"].as_str().is_some_and(|text| text.contains("min_free_space")));
    let report = api.get("/api/health").await.is(200).body;
    assert_eq!((&report["status"], &report["storage"]), (&json!("degraded"), &json!("degraded")));
    assert_eq!(report["database"], "ok");
    let api = Api::with(&[("data_dir", folder), ("min_free_space", "0")]).await;
    api.get("/readyz").await.is(200);
}

#[api_test]
async fn readiness_requires_a_write() {
    let api = Api::start().await;
    api.get("/readyz").await.is(200);
    execute(
        &api,
        "CREATE TRIGGER broken BEFORE UPDATE ON sequences BEGIN SELECT RAISE(ABORT, 'broken'); END",
        "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'broken'; END $$;
         CREATE TRIGGER broken BEFORE UPDATE ON sequences EXECUTE FUNCTION broken()",
    )
    .await;
    // A successful check is cached for a second.
    api.clock.advance(1000);
    api.get("/readyz").await.is(503);
    api.get("/livez").await.is(200);
    assert_eq!(api.get("/api/health").await.is(200).body["database"], "degraded");
    execute(&api, "DROP TRIGGER broken", "DROP TRIGGER broken ON sequences").await;
    api.get("/readyz").await.is(200);
}
