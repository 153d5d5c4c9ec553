//! Trash: deleted posts and documents are hidden, and can be restored within the retention period.
use serde_json::{Value, json};
use tenon::http::auth::Role;

use crate::{
    posts::new,
    support::{Api, Response},
};

const DAY: i64 = 24 * 60 * 60 * 1000;

fn titles(list: &Response) -> Vec<&str> {
    let entries = list.body["data"].as_array().expect("entries");
    entries.iter().filter_map(|entry| entry["title"].as_str()).collect()
}

/// Requires that no list returns the only post.
async fn assert_unlisted(client: &Api) {
    let lists = ["/api/posts?status=any", "/api/posts?tag=rare", "/api/posts?q=back", "/api/authors"];
    for list in lists {
        assert_eq!(client.get(list).await.is(200).body["data"], json!([]), "{list}");
    }
    let comments = client.get("/api/comments").await;
    assert!(comments.status != 200 || comments.body["data"] == json!([]));
}

#[api_test]
async fn a_deleted_post_is_hidden_until_it_is_restored() {
    let api = Api::start().await;
    let (author, editor) = (api.sign_in(Role::Author).await, api.sign_in(Role::Editor).await);
    let mut post = new("Gone and back");
    post["tags"] = json!(["Rare"]);
    let created = author.post("/api/posts", post).await.is(201);
    let path = format!("/api/posts/{}", created.id());
    let thread = format!("{path}/comments");
    let comment =
        editor.post(&thread, json!({ "content": "Good" })).await.is(201).header("location").to_owned();
    let link = author.post_empty(&format!("{path}/preview")).await.is(201).body["url"].clone();
    let link = link.as_str().expect("an address");
    author.patch(&path, json!({ "slug": "renamed" })).await.is(200);
    author.delete(&path).await.is(204);
    for client in [&api, &author, &editor] {
        for location in [&path, "/api/posts/renamed", "/api/posts/gone-and-back", &thread, &comment, link] {
            client.get(location).await.is(404);
        }
        assert_unlisted(client).await;
    }
    assert_eq!(editor.get("/api/tags/rare").await.is(200).body["postsCount"], 0);
    author.get(&format!("{path}/revisions")).await.is(404);
    author.post_empty(&format!("{path}/preview")).await.is(404);
    author.patch(&path, json!({ "title": "No" })).await.is(404);
    author.delete(&path).await.is(404);
    let restored = author.post_empty(&format!("{path}/restore")).await.is(200).body;
    assert_eq!((&restored["slug"], &restored["published"]), (&json!("renamed"), &json!(true)));
    assert_eq!(
        (&restored["publishedAt"], &restored["commentsCount"]),
        (&created.body["publishedAt"], &json!(1))
    );
    for location in [&path, "/api/posts/renamed", &comment, link, "/api/tags/rare"] {
        api.get(location).await.is(200);
    }
    let redirect = api.get("/api/posts/gone-and-back").await.is(308);
    assert_eq!(redirect.header("location"), "/api/posts/renamed");
    let list = author.get(&format!("{path}/revisions")).await.is(200);
    let changes: Vec<&Value> =
        list.body["data"].as_array().expect("entries").iter().map(|entry| &entry["change"]).collect();
    assert_eq!(changes, ["undeleted", "deleted", "changed", "created"]);
    // A repeated restore creates no version.
    let repeated = author.post_empty(&format!("{path}/restore")).await.is(200);
    assert_eq!(repeated.body, restored);
    assert_eq!(author.get(&format!("{path}/revisions")).await.is(200).body["pagination"]["total"], 4);
}

#[api_test]
async fn the_trash_lists_the_posts_that_the_caller_can_restore() {
    let api = Api::start().await;
    let (one, two) = (api.sign_in(Role::Author).await, api.sign_in(Role::Author).await);
    let (editor, reader) = (api.sign_in(Role::Editor).await, api.sign_in(Role::Reader).await);
    let mut draft = new("Draft of one");
    draft["published"] = json!(false);
    for (client, post) in [(&one, new("Open of one")), (&one, draft), (&two, new("Open of two"))] {
        let id = client.post("/api/posts", post).await.is(201).id();
        api.clock.advance(1000);
        client.delete(&format!("/api/posts/{id}")).await.is(204);
    }
    let trash = "/api/posts?deleted=only";
    let own = one.get(trash).await.is(200);
    assert_eq!(titles(&own), ["Draft of one", "Open of one"]);
    assert_eq!(own.header("cache-control"), "private, no-cache");
    assert!(own.body["data"][0]["deletedAt"].is_string());
    assert_eq!(titles(&two.get(trash).await.is(200)), ["Open of two"]);
    let all = editor.get(trash).await.is(200);
    assert_eq!(titles(&all), ["Open of two", "Draft of one", "Open of one"]);
    for unauthorized in [&api, &reader] {
        assert_eq!(unauthorized.get(trash).await.is(200).body["data"], json!([]));
    }
    let published = editor.get(&format!("{trash}&status=published&sort=title&limit=1")).await.is(200);
    assert_eq!(
        (titles(&published), &published.body["pagination"]["total"]),
        (vec!["Open of one"], &json!(2))
    );
    let first = editor.get(&format!("{trash}&limit=2")).await.is(200);
    let cursor = first.body["pagination"]["nextCursor"].as_str().expect("a cursor");
    assert_eq!(
        titles(&editor.get(&format!("{trash}&limit=2&after={cursor}")).await.is(200)),
        ["Open of one"]
    );
    editor.get(&format!("/api/posts?limit=2&after={cursor}")).await.is(400);
    let id = all.body["data"][0]["id"].as_str().expect("an id");
    for (unauthorized, status) in [(&one, 404), (&reader, 403)] {
        unauthorized.post_empty(&format!("/api/posts/{id}/restore")).await.is(status);
    }
    let conditional = editor.header("if-none-match", all.header("etag"));
    conditional.get(trash).await.is(304);
    editor.post_empty(&format!("/api/posts/{id}/restore")).await.is(200);
    assert_eq!(titles(&conditional.get(trash).await.is(200)), ["Draft of one", "Open of one"]);
    // A restored post is public, so the response is 403 instead of 404.
    one.post_empty(&format!("/api/posts/{id}/restore")).await.is(403);
}

#[api_test]
async fn purging_a_post_releases_its_slug() {
    let api = Api::with(&[("trash_retention_days", "7")]).await;
    let editor = api.sign_in(Role::Editor).await;
    let created = editor.post("/api/posts", new("Unique")).await.is(201);
    let path = format!("/api/posts/{}", created.id());
    editor.post(&format!("{path}/comments"), json!({ "content": "Hm" })).await.is(201);
    editor.delete(&path).await.is(204);
    let mut same = new("Other");
    same["slug"] = json!("unique");
    editor.post("/api/posts", same.clone()).await.is(409);
    api.clock.advance(7 * DAY - 1);
    api.app.posts.purge().await.expect("the purge succeeds");
    let editor = api.sign_in(Role::Editor).await;
    assert_eq!(titles(&editor.get("/api/posts?deleted=only").await.is(200)), ["Unique"]);
    api.clock.advance(1);
    // The retention period also ends if the purge has not deleted the rows yet.
    assert_eq!(editor.get("/api/posts?deleted=only").await.is(200).body["data"], json!([]));
    editor.post_empty(&format!("{path}/restore")).await.is(404);
    api.app.posts.purge().await.expect("the purge succeeds");
    editor.post_empty(&format!("{path}/restore")).await.is(404);
    editor.post("/api/posts", same).await.is(201);
}

#[api_test]
async fn purging_a_post_deletes_its_related_rows() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let remaining = editor.post("/api/posts", new("Stays")).await.is(201).id();
    for number in 0..45 {
        let mut post = new(&format!("Number {number}"));
        post["tags"] = json!(["Common"]);
        let path = format!("/api/posts/{}", editor.post("/api/posts", post).await.is(201).id());
        editor.delete(&path).await.is(204);
    }
    editor.put("/api/docs/a", json!({ "title": "A", "content": "a" })).await.is(201);
    editor.delete("/api/docs/a").await.is(204);
    api.clock.advance(31 * DAY);
    api.app.posts.purge().await.expect("the purge succeeds");
    api.app.documents.purge().await.expect("the purge succeeds");
    let count = async |table: &str| {
        use sea_orm::ConnectionTrait;
        let db = api.app.db.read();
        let sql = format!("SELECT count(*) AS n FROM {table}");
        let count = sea_orm::Statement::from_string(db.get_database_backend(), sql);
        let row = db.query_one_raw(count).await.expect("the query succeeds").expect("a row");
        row.try_get::<i64>("", "n").expect("a number")
    };
    for (table, expected) in
        [("posts", 1), ("post_slugs", 1), ("post_tags", 0), ("documents", 0), ("revisions", 1)]
    {
        assert_eq!(count(table).await, expected, "{table}");
    }
    api.get(&format!("/api/posts/{remaining}")).await.is(200);
}

#[api_test]
async fn a_deleted_document_releases_its_path_and_can_be_restored() {
    let api = Api::start().await;
    let (editor, author) = (api.sign_in(Role::Editor).await, api.sign_in(Role::Author).await);
    let page = |title: &str| json!({ "title": title, "content": "Text" });
    let first = editor.put("/api/docs/guides/start", page("First")).await.is(201).id();
    editor.delete("/api/docs/guides/start").await.is(204);
    for client in [&api, &editor] {
        client.get("/api/docs/guides/start").await.is(404);
        assert_eq!(client.get("/api/documents?prefix=guides").await.is(200).body["data"], json!([]));
    }
    editor.get(&format!("/api/documents/{first}/revisions")).await.is(404);
    let trash = "/api/documents?deleted=only";
    let list = editor.get(trash).await.is(200);
    assert_eq!((titles(&list), &list.body["data"][0]["id"]), (vec!["First"], &json!(first)));
    for unauthorized in [&api, &author] {
        let response = unauthorized.header("if-none-match", list.header("etag")).get(trash).await.is(200);
        assert_eq!(response.body["data"], json!([]));
    }
    let only_new = editor.header("if-none-match", "*");
    let second = only_new.put("/api/docs/guides/start", page("Second")).await.is(201).id();
    assert_ne!(first, second);
    let restore = format!("/api/documents/{first}/restore");
    editor.post_empty(&restore).await.is(409);
    author.post_empty(&restore).await.is(403);
    editor.delete("/api/docs/guides/start").await.is(204);
    let restored = editor.post_empty(&restore).await.is(200);
    assert_eq!((&restored.body["title"], &restored.body["path"]), (&json!("First"), &json!("guides/start")));
    let repeated = editor.post_empty(&restore).await.is(200);
    assert_eq!(repeated.header("etag"), restored.header("etag"));
    assert_eq!(api.get("/api/docs/guides/start").await.is(200).body["title"], "First");
    assert_eq!(titles(&editor.get(trash).await.is(200)), ["Second"]);
    api.clock.advance(30 * DAY);
    let editor = api.sign_in(Role::Editor).await;
    assert_eq!(editor.get(trash).await.is(200).body["data"], json!([]));
    editor.post_empty(&format!("/api/documents/{second}/restore")).await.is(404);
}

#[api_test(worker_threads = 4)]
async fn concurrent_restores_to_one_path_restore_one_document() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let mut deleted = Vec::new();
    for number in 0..8 {
        let page = json!({ "title": format!("Number {number}"), "content": "Text" });
        deleted.push(editor.put("/api/docs/one", page).await.is(201).id());
        editor.delete("/api/docs/one").await.is(204);
    }
    let requests: Vec<_> = deleted
        .into_iter()
        .map(|id| {
            let editor = editor.clone();
            tokio::spawn(
                async move { editor.post_empty(&format!("/api/documents/{id}/restore")).await.status },
            )
        })
        .collect();
    let mut statuses = Vec::new();
    for request in requests {
        statuses.push(request.await.expect("the request ends"));
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409, 409, 409, 409, 409]);
    assert_eq!(editor.get("/api/documents").await.is(200).body["pagination"]["total"], 1);
}
