//! A database of an earlier version is migrated, and its content is readable.
//!
//! `upgrades/` contains the schema of migration 000013 as text for both databases, and a few rows of each table. Ids are
//! written as `uuid '…'`.
use regex::Regex;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use tenon::infra::db::{Db, Tx};

use crate::support::{Api, PASSWORD, create_database};

const ROWS: &str = include_str!("upgrades/rows.sql");
const SQLITE_SCHEMA: &str = include_str!("upgrades/schema.sqlite.sql");
const POSTGRES_SCHEMA: &str = include_str!("upgrades/schema.postgres.sql");

/// Creates a database with the schema of migration 000013. Returns its URL.
async fn create_earlier_database() -> String {
    let url = create_database().await;
    let sql = match url.starts_with("sqlite") {
        true => {
            let ids = Regex::new(r"uuid '([0-9a-f]+)-([0-9a-f]+)-([0-9a-f]+)-([0-9a-f]+)-([0-9a-f]+)'")
                .expect("valid");
            format!("{SQLITE_SCHEMA}{}", ids.replace_all(ROWS, "x'$1$2$3$4$5'"))
        }
        false => format!("{POSTGRES_SCHEMA}{ROWS}"),
    };
    let db = Db::open(&url).await.expect("the database opens");
    let create = async move |tx: Tx| tx.execute_unprepared(&sql).await;
    db.write(create).await.expect("the rows are inserted");
    db.close().await.expect("the database closes");
    url
}

/// Returns the field of each item of a list.
async fn list(api: &Api, path: &str, field: &str) -> Vec<Value> {
    let body = api.get(path).await.is(200).body;
    let items = body["data"].as_array().cloned().unwrap_or_default();
    items.into_iter().map(|item| item[field].clone()).collect()
}

#[api_test]
async fn a_database_of_an_earlier_version_is_migrated_and_readable() {
    let api = Api::on(create_earlier_database().await, &[]).await;
    let login = json!({ "email": "ada@acme.test", "password": PASSWORD });
    let token = api.post("/api/auth/login", login).await.is(200).body["accessToken"].clone();
    let admin = api.bearer(token.as_str().expect("a token"));
    for (path, field, expected) in [
        ("/api/posts?sort=title", "title", json!(["Cutting dovetails", "Oak"])),
        ("/api/posts?tag=joints", "slug", json!(["cutting-dovetails"])),
        ("/api/posts/cutting-dovetails/comments", "content", json!(["Tails or pins?"])),
        ("/api/posts/cutting-dovetails/revisions", "version", json!([2, 1])),
        ("/api/tags?sort=slug", "name", json!(["joints", "trees"])),
        ("/api/documents", "path", json!(["guide/glue"])),
        ("/api/redirects", "destination", json!(["/new/*"])),
        ("/api/channels", "name", json!(["workshop"])),
        ("/api/v2/customers", "email", json!(["billing@acme.test"])),
        ("/api/v2/invoices/en-us", "status", json!(["pending"])),
        ("/api/media", "filename", json!(["joint.png"])),
        ("/api/api-keys", "name", json!(["ci"])),
        ("/api/webhook-endpoints", "url", json!(["http://127.0.0.1:9/hook"])),
        ("/api/webhook-events", "provider", json!(["github"])),
    ] {
        assert_eq!(Value::from(list(&admin, path, field).await), expected, "{path}");
    }
    let revenue = admin.get("/api/v2/revenues/en-us/2024-03").await.is(200).body;
    assert_eq!(revenue["month"], "2024-03");
    let document = admin.get("/api/docs/guide/glue").await.is(200).body;
    assert_eq!(document["content"], "Use hide glue, warm.");
    let channel = list(&admin, "/api/channels", "id").await.remove(0);
    let messages = format!("/api/channels/{}/messages", channel.as_str().expect("an id"));
    assert_eq!(list(&admin, &messages, "text").await, ["The oak has arrived."]);
    let mut users = list(&admin, "/api/users", "name").await;
    users.retain(|name| name == "Ada Turner" || name == "Bob Reed");
    assert_eq!(users.len(), 2);
    assert!(!list(&admin, "/api/jobs", "kind").await.is_empty());
    // The audit log begins with the migration.
    let verified = api.app.db.verify_audit_log().await.expect("read").expect("no broken entry");
    assert!(verified.entries > 0);
    admin.patch("/api/posts/cutting-dovetails", json!({ "excerpt": "Tails first." })).await.is(200);
}
