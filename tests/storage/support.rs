//! Databases and rows for the tests.
use std::{ops::Deref, path::PathBuf, time::Duration};

use entity::{post, secret};
use sea_orm::{ConnectionTrait, Database, DbErr, EntityTrait, QueryOrder, Set, prelude::Uuid};
use tenon::infra::{
    db::{Db, Tx},
    schema::ExclusiveSchema,
};
use tokio::time::timeout;

/// Longer than any operation of a test takes, and shorter than the timeout of a pool.
pub const MAX_WAIT: Duration = Duration::from_secs(60);

/// A database with its URL, and its folder, which is deleted on drop.
pub struct TestDatabase {
    db: Db,
    pub url: String,
    folder: PathBuf,
}

impl TestDatabase {
    /// Reverts the last `steps` migrations. The database is closed meanwhile, because they require it.
    pub async fn rollback(&mut self, steps: usize) -> Result<(), DbErr> {
        self.db.clone().close().await?;
        let schema = ExclusiveSchema::lock(&self.url).await;
        let result = match schema {
            Ok(schema) => schema.expect("the database is not in use").rollback(steps as u32).await.map(drop),
            Err(error) => Err(error),
        };
        self.db = Db::open(&self.url).await?;
        result
    }
}

impl Deref for TestDatabase {
    type Target = Db;
    fn deref(&self) -> &Db {
        &self.db
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Creates an empty database.
pub async fn empty() -> TestDatabase {
    let name = format!("t{}", Uuid::now_v7().simple());
    let folder = std::env::temp_dir().join(format!("tenon-{name}"));
    let url = match std::env::var("TENON_TEST_DATABASE") {
        Ok(server) => {
            let admin = Database::connect(&server).await.unwrap();
            admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
            admin.close().await.unwrap();
            format!("{}/{name}", server.rsplit_once('/').unwrap().0)
        }
        Err(_) => format!("sqlite://{}", folder.join("50% ready.db").display()),
    };
    TestDatabase { db: Db::open(&url).await.unwrap(), url, folder }
}

/// Creates a database with all tables.
pub async fn migrated() -> TestDatabase {
    let db = empty().await;
    db.migrate().await.unwrap();
    db
}

pub fn on_sqlite(db: &Db) -> bool {
    matches!(db.read().get_database_backend(), sea_orm::DbBackend::Sqlite)
}

pub async fn insert_secret(tx: &Tx, name: &str) -> Result<(), DbErr> {
    let row = secret::ActiveModel { name: Set(name.to_owned()), value: Set(String::new().into()) };
    secret::Entity::insert(row).exec_without_returning(&**tx).await.map(|_| ())
}

pub async fn write_secret(db: &Db, name: &'static str) -> Result<(), DbErr> {
    timeout(MAX_WAIT, db.write(async move |tx: Tx| insert_secret(&tx, name).await))
        .await
        .expect("the write does not block")
}

pub async fn secret_names(db: &Db) -> Vec<String> {
    let rows = secret::Entity::find().order_by_asc(secret::Column::Name).all(db.read()).await.unwrap();
    rows.into_iter().map(|row| row.name).collect()
}

pub fn post_of(author: Uuid, slug: &str) -> post::ActiveModel {
    post::ActiveModel {
        id: Set(Uuid::now_v7()),
        slug: Set(slug.to_owned()),
        title: Set(slug.to_owned()),
        content: Set(String::new()),
        excerpt: Set(None),
        cover_image: Set(None),
        author_id: Set(author),
        published_at: Set(0),
        publish_at: Set(None),
        unpublish_at: Set(None),
        comments_count: Set(0),
        search: Set(String::new()),
        source: Set(None),
        version: Set(1),
        created_at: Set(0),
        updated_at: Set(0),
        deleted_at: Set(None),
    }
}

/// Returns the path of a SQLite database.
pub async fn file(db: &Db) -> String {
    let sql = "SELECT file FROM pragma_database_list WHERE name = 'main'";
    let statement = sea_orm::Statement::from_string(sea_orm::DbBackend::Sqlite, sql);
    db.read().query_one_raw(statement).await.unwrap().unwrap().try_get("", "file").unwrap()
}
