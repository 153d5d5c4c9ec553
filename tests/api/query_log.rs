//! The number of SQL statements per request, and query plans without full table scans.
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::json;
use tenon::{http::auth::Role, infra::db::Tx};

use crate::support::{Api, Response, START};

/// Starts the service with posts, tags and comments of several authors.
async fn start_with_posts() -> Api {
    let api = Api::with(&[("cache_bytes", "0")]).await;
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

/// Returns the number of statements of a request.
async fn count_statements(api: &Api, request: impl Future<Output = Response>) -> (usize, Response) {
    api.statements();
    let response = request.await;
    (api.statements().len(), response)
}

#[api_test]
async fn a_read_by_id_or_slug_sends_one_statement() {
    let api = start_with_posts().await;
    let post = api.get("/api/posts?limit=1").await.is(200).body["data"][0].clone();
    for key in ["id", "slug"] {
        let path = format!("/api/posts/{}", post[key].as_str().unwrap());
        let (sent, response) = count_statements(&api, api.get(&path)).await;
        assert_eq!((sent, response.status), (1, 200), "{path}");
        assert_eq!(response.body["tags"][1], json!({ "slug": "all", "name": "all" }));
    }
    let (sent, response) = count_statements(&api, api.get("/api/posts/unknown")).await;
    assert_eq!((sent, response.status), (2, 404), "the second statement searches the former slugs");
}

#[api_test]
async fn a_list_sends_one_statement_for_the_version_the_total_and_the_page() {
    let api = start_with_posts().await;
    let post = api.get("/api/posts?limit=1&count=none").await.is(200).body["data"][0]["id"].clone();
    // The list of comments has one statement more: it looks the post up.
    for (path, others) in [
        ("/api/posts?limit=50&expand=author&fields=content".to_owned(), 0),
        ("/api/posts?tag=tag-1&page=2&limit=2".to_owned(), 0),
        ("/api/posts?tag=all&tag=tag-1&sort=-title".to_owned(), 0),
        (format!("/api/posts/{}/comments", post.as_str().unwrap()), 1),
    ] {
        let (first, response) = count_statements(&api, api.get(&path)).await;
        assert_eq!((first, response.status), (3 + others, 200), "{path}");
        let (again, response) = count_statements(&api, api.get(&path)).await;
        assert_eq!((again, response.status), (2 + others, 200), "{path}: the total is cached");
        let (uncounted, _) = count_statements(&api, api.get(&path.replacen(['?'], "?count=none&", 1))).await;
        assert_eq!(uncounted, 2 + others, "{path}");
    }
    for path in ["/api/tags?sort=-postsCount", "/api/authors", "/api/documents"] {
        let (sent, response) = count_statements(&api, api.get(path)).await;
        assert_eq!((sent, response.status), (3, 200), "{path}");
    }
    let list = api.get("/api/posts").await.is(200);
    let unchanged = api.header("if-none-match", list.header("etag"));
    let (sent, response) = count_statements(&api, unchanged.get("/api/posts")).await;
    assert_eq!((sent, response.status), (1, 304), "a 304 queries the collection version only");
}

#[api_test]
async fn a_cached_total_changes_with_every_write() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let total = |path: &'static str| {
        let (api, editor) = (api.clone(), editor.clone());
        async move {
            let client = if path.contains("status") { editor } else { api };
            client.get(path).await.is(200).body["pagination"]["total"].as_i64().expect("a total")
        }
    };
    let (all, tagged, drafts) = ("/api/posts", "/api/posts?tag=oak", "/api/posts?status=draft");
    assert_eq!((total(all).await, total(tagged).await, total(drafts).await), (0, 0, 0));
    let post = json!({ "title": "One", "content": "0123456789", "tags": ["Oak"] });
    let path = format!("/api/posts/{}", editor.post("/api/posts", post).await.is(201).id());
    assert_eq!((total(all).await, total(tagged).await, total(drafts).await), (0, 0, 1));
    editor.patch(&path, json!({ "published": true })).await.is(200);
    assert_eq!((total(all).await, total(tagged).await, total(drafts).await), (1, 1, 0));
    editor.patch("/api/tags/oak", json!({ "slug": "ash" })).await.is(200);
    assert_eq!((total(all).await, total(tagged).await, total("/api/posts?tag=ash").await), (1, 0, 1));
    editor.delete(&path).await.is(204);
    assert_eq!((total(all).await, total("/api/posts?tag=ash").await), (0, 0));
    editor.post_empty(&format!("{path}/restore")).await.is(200);
    assert_eq!((total(all).await, total("/api/posts?tag=ash").await), (1, 1));
    editor.patch(&path, json!({ "published": false })).await.is(200);
    assert_eq!((total(all).await, total("/api/posts?tag=ash").await, total(drafts).await), (0, 0, 1));
}

/// The statements of writes, with one statement for the authentication.
#[api_test]
async fn a_write_sends_few_statements() {
    let api = start_with_posts().await;
    let editor = api.sign_in(Role::Editor).await;
    // On PostgreSQL, the row is locked by a statement of its own.
    let is_postgres = api.app.db.read().get_database_backend() == DbBackend::Postgres;
    let lock = usize::from(is_postgres);
    // The audit log: the lock of the chain, its new end and the entries. PostgreSQL writes the last two at once.
    let audit = if is_postgres { 2 } else { 3 };
    // The first write of a day also reads the bytes that the account has written.
    editor.post("/api/posts", json!({ "title": "First", "content": "0123456789" })).await.is(201);
    let mut last = String::new();
    for (tags, max) in [(["all", "tag-1"], 10 + audit), (["all", "new"], 11 + audit)] {
        let title = format!("With {}", tags[1]);
        let post = json!({ "title": title, "content": "0123456789", "published": true, "tags": tags });
        let (sent, response) = count_statements(&api, editor.post("/api/posts", post)).await;
        assert_eq!(response.status, 201);
        assert!(sent <= max, "a post with {tags:?}: {sent} statements");
        last = response.header("location").to_owned();
    }
    for (patch, max) in [
        (json!({ "title": "Another" }), 8 + lock + audit),
        (json!({ "published": false }), 8 + lock + audit),
        (json!({ "published": true }), 8 + lock + audit),
        (json!({ "tags": ["tag-2", "all"] }), 11 + lock + audit),
        (json!({ "tags": ["tag-2", "all"] }), 4 + lock),
    ] {
        let (sent, response) = count_statements(&api, editor.patch(&last, patch.clone())).await;
        assert_eq!(response.status, 200);
        assert!(sent <= max, "{patch}: {sent} statements");
    }
    let thread = format!("{last}/comments");
    let (sent, response) = count_statements(&api, editor.post(&thread, json!({ "content": "Yes" }))).await;
    assert!(response.status == 201 && sent <= 8 + audit, "an approved comment: {sent} statements");
    let reader = api.sign_in(Role::Reader).await;
    let (sent, response) = count_statements(&api, reader.post(&thread, json!({ "content": "Yes" }))).await;
    assert!(response.status == 201 && sent <= 8 + audit, "a pending comment: {sent} statements");
    let comment = response.header("location").to_owned();
    let approved = editor.patch(&comment, json!({ "status": "approved" }));
    let (sent, response) = count_statements(&api, approved).await;
    assert!(response.status == 200 && sent <= 8 + lock + audit, "an approval: {sent} statements");
    let (sent, response) = count_statements(&api, editor.delete(&last)).await;
    assert!(response.status == 204 && sent <= 8 + lock + audit, "a deletion: {sent} statements");
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

#[api_test]
async fn a_page_of_posts_is_read_in_the_order_of_an_index() {
    let api = start_with_posts().await;
    if api.app.db.read().get_database_backend() != DbBackend::Sqlite {
        return;
    }
    let editor = api.sign_in(Role::Editor).await;
    let sorts = ["publishedAt", "createdAt", "updatedAt", "title"];
    let sorts = sorts.into_iter().flat_map(|name| [name.to_owned(), format!("-{name}")]);
    let mut lists: Vec<String> = sorts.map(|sort| format!("/api/posts?sort={sort}")).collect();
    lists.extend(["/api/posts?status=any".to_owned(), "/api/comments?".to_owned()]);
    lists.extend(["/api/comments?status=approved".to_owned(), "/api/comments?sort=-createdAt".to_owned()]);
    for list in lists {
        let first = format!("{list}&limit=3&count=none");
        let cursor = editor.get(&first).await.is(200).body["pagination"]["nextCursor"].clone();
        for path in [first.clone(), format!("{first}&after={}", cursor.as_str().expect("a next page"))] {
            let plan = page_plan(&api, &editor, &path).await;
            let scans = full_scans(&plan, DbBackend::Sqlite);
            assert!(!plan.contains("TEMP B-TREE") && scans.is_empty(), "{path}:\n{plan}");
        }
    }
    // Pages with an offset or of a tag select the ids first, and then sort the rows of the page.
    let tag = "/api/posts?tag=all&limit=3";
    let cursor = editor.get(tag).await.is(200).body["pagination"]["nextCursor"].clone();
    let after = format!("{tag}&after={}", cursor.as_str().expect("a next page"));
    for (path, index) in [
        ("/api/posts?page=3&limit=3", "COVERING INDEX ix_posts_deleted_at_published_at_id"),
        ("/api/posts?page=3&limit=3&sort=title", "COVERING INDEX ix_posts_deleted_at_title_id_published_at"),
        (tag, "COVERING INDEX ix_post_tags_tag_id_listed_at_post_id (tag_id=? AND listed_at>?)"),
        ("/api/posts?tag=all&limit=3&page=4", "COVERING INDEX ix_post_tags_tag_id_listed_at_post_id"),
        (&after, "COVERING INDEX ix_post_tags_tag_id_listed_at_post_id"),
    ] {
        let plan = page_plan(&api, &editor, &format!("{path}&count=none")).await;
        let sorts = plan.lines().filter(|line| line.contains("TEMP B-TREE")).count();
        let scans = full_scans(&plan, DbBackend::Sqlite);
        assert!(plan.contains(index) && sorts == 1 && scans.is_empty(), "{path}:\n{plan}");
    }
}

/// Returns the query plan of the last statement of a request, which reads the page.
async fn page_plan(api: &Api, client: &Api, path: &str) -> String {
    api.statements();
    client.get(path).await.is(200);
    let statements = api.statements();
    query_plan(api, statements.last().expect("a statement")).await
}
