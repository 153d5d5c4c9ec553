//! The number of SQL statements per request, and query plans without full table scans.
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::json;
use tenon::{http::auth::Role, infra::db::Tx};

use crate::support::{Api, START};

/// Starts the service with posts, tags and comments of several authors.
async fn start_with_posts() -> Api {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    for number in 0..30 {
        let author = if number % 10 == 0 { api.sign_in(Role::Author).await } else { editor.clone() };
        let post = json!({
            "title": format!("Number {number}"), "content": "0123456789", "published": true,
            "tags": [format!("tag-{}", number % 5), "all"],
        });
        let post = author.post("/api/posts", post).await.is(201).id();
        let comment = json!({ "content": "Yes" });
        author.post(&format!("/api/posts/{post}/comments"), comment).await.is(201);
    }
    api
}

#[api_test]
async fn a_request_sends_at_most_five_statements() {
    let api = start_with_posts().await;
    let post = api.get("/api/posts?limit=1").await.is(200).body["data"][0]["id"].as_str().unwrap().to_owned();
    for path in [
        "/api/posts?limit=50&expand=author&fields=content",
        "/api/posts?limit=1",
        "/api/posts?tag=all&tag=tag-1&sort=-title",
        "/api/tags?sort=-postsCount",
        "/api/authors",
        "/api/documents",
        &format!("/api/posts/{post}"),
        &format!("/api/posts/{post}/comments"),
    ] {
        api.statements();
        api.get(path).await.is(200);
        let sent = api.statements();
        // One query each for the collection version, the count, the page and every relation.
        assert!((1..=5).contains(&sent.len()), "{path}: {sent:#?}");
    }
    let list = api.get("/api/posts").await.is(200);
    api.statements();
    api.header("if-none-match", list.header("etag")).get("/api/posts").await.is(304);
    assert_eq!(api.statements().len(), 1, "a 304 queries the collection version only");
}

/// Returns the query plan of a statement.
async fn query_plan(api: &Api, statement: &Statement) -> String {
    let db = api.app.db.read();
    if db.get_database_backend() == DbBackend::Sqlite {
        let sql = format!("EXPLAIN QUERY PLAN {}", statement.sql);
        let rows = Statement { sql, ..statement.clone() };
        let rows = db.query_all_raw(rows).await.expect("SQLite returns a plan");
        let lines = rows.iter().map(|row| row.try_get::<String>("", "detail").expect("a line"));
        return lines.collect::<Vec<_>>().join("\n");
    }
    // PostgreSQL scans a small table even if an index matches the query, unless sequential scans are disabled.
    let explain = Statement { sql: format!("EXPLAIN {}", statement.sql), ..statement.clone() };
    let rows = api.app.db.write(async move |tx: Tx| {
        tx.execute_unprepared("SET LOCAL enable_seqscan = off").await?;
        tx.query_all_raw(explain).await
    });
    let rows = rows.await.expect("PostgreSQL returns a plan");
    let lines = rows.iter().map(|row| row.try_get_by_index::<String>(0).expect("a line"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the lines of a query plan that scan a full table.
fn full_scans(plan: &str, backend: DbBackend) -> Vec<&str> {
    let is_full_scan = |line: &&str| match backend {
        DbBackend::Sqlite => line.starts_with("SCAN ") && !line.contains("USING"),
        _ => line.contains("Seq Scan"),
    };
    plan.lines().filter(is_full_scan).collect()
}

#[api_test]
async fn no_filter_or_sort_scans_a_full_table() {
    let api = start_with_posts().await;
    let author = api.get("/api/authors").await.is(200).body["data"][0]["id"].as_str().unwrap().to_owned();
    let post = api.get("/api/posts").await.is(200).body["data"][0]["id"].as_str().unwrap().to_owned();
    let channel = json!({ "name": "Workshop", "audience": "public" });
    let editor = api.sign_in(Role::Editor).await;
    let channel = editor.post("/api/channels", channel).await.is(201).header("location").to_owned();
    let messages = format!("{channel}/messages");
    let message = editor.post(&messages, json!({ "text": "Hello" })).await.is(201);
    let backend = api.app.db.read().get_database_backend();
    let from = tenon::domain::timestamp::Timestamp(START);
    for path in [
        "/api/posts?count=none",
        "/api/posts",
        "/api/posts?tag=tag-1",
        "/api/posts?tag=tag-1,tag-2&tag=all",
        &format!("/api/posts?author={author}"),
        &format!("/api/posts?publishedAt[gte]={from}"),
        "/api/posts?sort=-createdAt&count=none",
        "/api/posts/number-3",
        &format!("/api/posts/{post}"),
        &format!("/api/posts/{post}/comments"),
        "/api/tags/tag-1",
        &channel,
        &messages,
        message.header("location"),
    ] {
        api.statements();
        api.get(path).await.is(200);
        for statement in api.statements() {
            let query_plan = query_plan(&api, &statement).await;
            let scans = full_scans(&query_plan, backend);
            // `collections` has about 20 rows, so an index would not help.
            let scans: Vec<_> = scans.into_iter().filter(|line| !line.contains("collections")).collect();
            assert!(scans.is_empty(), "{path}: {scans:?}\n{query_plan}\n{}", statement.sql);
        }
    }
    let scans = Statement::from_string(backend, "SELECT content FROM posts WHERE content = 'x'");
    assert_eq!(full_scans(&query_plan(&api, &scans).await, backend).len(), 1, "a full scan is detected");
}
