//! Migrations and rollbacks.
use entity::{
    api_key, post, preview,
    user::{self, Role, Status},
};
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryOrder, prelude::Uuid,
};
use tenon::infra::{
    db::{Db, Tx},
    schema::ExclusiveSchema,
};

use crate::support::*;

async fn tables(db: &Db) -> Vec<String> {
    let sql = match on_sqlite(db) {
        true => "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1",
        false => "SELECT tablename::text AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
    };
    let statement = sea_orm::Statement::from_string(db.read().get_database_backend(), sql);
    let rows = db.read().query_all_raw(statement).await.unwrap();
    rows.iter().map(|row| row.try_get("", "name").unwrap()).collect()
}

/// Returns the tables of the entities, and the table of applied migrations.
fn expected_tables() -> Vec<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("entity/src");
    let texts =
        std::fs::read_dir(folder).unwrap().map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    let table = |text: String| Some(text.split_once("table_name = \"")?.1.split_once('"')?.0.to_owned());
    let mut tables: Vec<String> = texts.filter_map(table).chain(["seaql_migrations".to_owned()]).collect();
    tables.sort();
    tables
}

#[tokio::test]
async fn migrates_rolls_back_and_migrates_again() {
    let mut db = empty().await;
    assert!(db.ready().await.is_err());
    db.migrate().await.unwrap();
    let created = tables(&db).await;
    assert_eq!(created, expected_tables());
    assert!(db.ready().await.is_ok());
    db.migrate().await.unwrap();
    let migrations = db.migrations().await.unwrap();
    assert!(migrations.iter().all(|(_, is_applied)| *is_applied));
    db.rollback(1).await.unwrap();
    assert!(db.ready().await.is_err());
    assert_eq!(
        db.migrations().await.unwrap().iter().filter(|(_, is_applied)| *is_applied).count(),
        migrations.len() - 1
    );
    db.rollback(migrations.len()).await.unwrap();
    assert_eq!(tables(&db).await, ["seaql_migrations"]);
    db.migrate().await.unwrap();
    assert_eq!(tables(&db).await, created);
    Db::clone(&db).close().await.unwrap();
}

#[tokio::test]
async fn rejects_a_database_of_a_newer_version() {
    let mut db = migrated().await;
    let sql = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29991231_000001_later', 0)";
    db.write(async move |tx: Tx| tx.execute_unprepared(sql).await.map(|_| ())).await.unwrap();
    let error = db.migrate().await.unwrap_err().to_string();
    assert!(error.contains("m29991231_000001_later of a newer program"), "{error}");
    let error = db.rollback(1).await.unwrap_err().to_string();
    assert!(error.contains("m29991231_000001_later of a newer program"), "{error}");
}

#[tokio::test]
async fn a_migration_is_not_reverted_while_the_database_is_open() {
    let db = migrated().await;
    assert!(ExclusiveSchema::lock(&db.url).await.unwrap().is_none());
    db.ready().await.unwrap();
    Db::clone(&db).close().await.unwrap();
    let schema = ExclusiveSchema::lock(&db.url).await.unwrap().expect("no other connection");
    assert!(ExclusiveSchema::lock(&db.url).await.is_ok_and(|second| second.is_none()));
    drop(schema);
}

#[tokio::test]
async fn the_losses_of_a_rollback_are_counted_and_nothing_is_changed() {
    let db = migrated().await;
    let insert = "INSERT INTO channels (id, name, audience, version, created_at, updated_at)
        VALUES ('0199a000-0000-7000-8000-000000000001', 'general', 'public', 1, 0, 0);
        INSERT INTO previews (id, post_id, created_by, expires_at, created_at) SELECT id, id, id, 0, 0 FROM posts";
    db.write(async move |tx: Tx| tx.execute_unprepared(insert).await.map(|_| ())).await.unwrap();
    Db::clone(&db).close().await.unwrap();
    let schema = ExclusiveSchema::lock(&db.url).await.unwrap().expect("no other connection");
    let all = schema.losses(99).await.unwrap();
    drop(schema);
    let of = |name: &str| {
        let found = all.iter().find(|reversal| reversal.name.ends_with(name)).expect("a migration");
        found.losses.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(of("_000013_channels"), ["table channels (1 row)", "table messages (0 rows)"]);
    let columns = ["column events.post (0 rows)", "column webhook_events.body_digest (0 rows)"];
    assert_eq!(of("_000018_rights"), columns);
    assert_eq!(of("_000015_notify_collections"), [""; 0]);
    let db = Db::open(&db.url).await.unwrap();
    db.ready().await.unwrap();
    assert!(db.migrations().await.unwrap().iter().all(|(_, is_applied)| *is_applied));
    db.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_migrations_create_one_schema() {
    let db = empty().await;
    let runs = (0..4).map(|_| {
        let db = Db::clone(&db);
        tokio::spawn(async move { db.migrate().await })
    });
    for result in futures_util::future::join_all(runs).await {
        result.unwrap().unwrap();
    }
    assert!(db.ready().await.is_ok());
}

#[tokio::test]
async fn a_failed_migration_is_rolled_back() {
    let db = empty().await;
    let sql = "CREATE TABLE tags (id integer)";
    db.write(async move |tx: Tx| tx.execute_unprepared(sql).await.map(|_| ())).await.unwrap();
    db.migrate().await.unwrap_err();
    let left = tables(&db).await;
    assert!(left.iter().all(|name| name == "tags" || name == "seaql_migrations"), "{left:?}");
    let sql = "DROP TABLE tags";
    db.write(async move |tx: Tx| tx.execute_unprepared(sql).await.map(|_| ())).await.unwrap();
    db.migrate().await.unwrap();
}

#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let db = migrated().await;
    if !on_sqlite(&db) {
        return;
    }
    write_secret(&db, "key").await.unwrap();
    let file = std::path::PathBuf::from(file(&db).await);
    let folder = file.parent().unwrap();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder), 0o700);
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 2, "expected the database and its write-ahead log, found {files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn deletes_the_previews_and_keys_of_accounts_without_the_right_to_create_them() {
    let mut db = migrated().await;
    let applied = db.migrations().await.unwrap();
    let at = applied.iter().position(|(name, _)| name.ends_with("_000018_rights")).expect("a migration");
    db.rollback(applied.len() - at).await.unwrap();
    let accounts =
        [(Role::Author, Status::Active), (Role::Reader, Status::Active), (Role::Admin, Status::Disabled)];
    let ids: Vec<Uuid> = accounts.iter().map(|_| Uuid::now_v7()).collect();
    let owners = ids.clone();
    let insert = async move |tx: Tx| {
        for ((role, status), id) in accounts.into_iter().zip(owners) {
            let row = user::Model {
                id,
                email: None,
                name: "Ada".to_owned(),
                bio: None,
                url: None,
                avatar_url: None,
                role,
                status,
                password_hash: None,
                source: None,
                version: 1,
                created_at: 1,
                updated_at: 1,
            };
            row.into_active_model().insert(&*tx).await?;
            let post = post::Model { id, slug: id.to_string(), author_id: id, ..post::Model::default() };
            post.into_active_model().insert(&*tx).await?;
            let link = preview::Model { id, post_id: id, created_by: id, expires_at: 1, created_at: 1 };
            link.into_active_model().insert(&*tx).await?;
            let key = api_key::Model {
                id,
                user_id: id,
                name: "Build".to_owned(),
                hash: String::new(),
                previous_hash: None,
                previous_secret_until: None,
                scopes: String::new(),
                expires_at: None,
                last_used_at: None,
                version: 1,
                created_at: 1,
                updated_at: 1,
            };
            key.into_active_model().insert(&*tx).await?;
        }
        Ok::<_, DbErr>(())
    };
    db.write(insert).await.unwrap();
    db.migrate().await.unwrap();
    let links = preview::Entity::find().all(db.read()).await.unwrap();
    assert_eq!(links.iter().map(|link| link.id).collect::<Vec<_>>(), [ids[0]]);
    let keys = api_key::Entity::find().order_by_asc(api_key::Column::Id).all(db.read()).await.unwrap();
    assert_eq!(keys.iter().map(|key| key.id).collect::<Vec<_>>(), ids[..2]);
    Db::clone(&db).close().await.unwrap();
}
