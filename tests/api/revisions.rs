//! Revisions of posts and documents: list, read, diff and restore.
use serde_json::{Value, json};
use tenon::http::auth::Role;

use crate::{
    posts::new,
    support::{Api, Response},
};

/// Returns the ids of the revisions in a response, newest first.
fn ids(list: &Response) -> Vec<String> {
    let entries = list.body["data"].as_array().expect("entries");
    entries.iter().map(|entry| entry["id"].as_str().expect("an id").to_owned()).collect()
}

fn column(list: &Response, field: &str) -> Vec<Value> {
    list.body["data"].as_array().expect("entries").iter().map(|entry| entry[field].clone()).collect()
}

#[api_test]
async fn every_update_of_a_post_creates_a_revision() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let editor = api.sign_in(Role::Editor).await;
    let mut first = new("First");
    first["tags"] = json!(["Wood"]);
    let created = author.post("/api/posts", first).await.is(201);
    let path = format!("/api/posts/{}", created.id());
    api.clock.advance(1000);
    editor.patch(&path, json!({ "title": "Second", "tags": ["Wood", "Iron"] })).await.is(200);
    author.put(&path, new("Third")).await.is(200);
    author.patch(&path, json!({ "title": "" })).await.is(400);
    author.header("if-match", "\"x\"").patch(&path, json!({ "title": "Never" })).await.is(412);
    let list = author.get(&format!("{path}/revisions")).await.is(200);
    assert_eq!(column(&list, "version"), [3, 2, 1]);
    assert_eq!(column(&list, "change"), ["changed", "changed", "created"]);
    let (me, other) = (author.get("/api/me").await.id(), editor.get("/api/me").await.id());
    let by: Vec<Value> = column(&list, "by").iter().map(|by| by["id"].clone()).collect();
    assert_eq!(by, [me.as_str(), other.as_str(), me.as_str()]);
    assert_eq!(list.body["data"][2]["createdAt"], created.body["createdAt"]);
    let second = &ids(&list)[1];
    let read = editor.get(&format!("{path}/revisions/{second}")).await.is(200);
    assert_eq!(
        read.body["post"],
        json!({
            "title": "Second", "slug": "first", "content": created.body["content"], "tags": ["Wood", "Iron"],
            "published": true,
        })
    );
    let conditional = editor.header("if-none-match", read.header("etag"));
    conditional.get(&format!("{path}/revisions/{second}")).await.is(304);
    author.header("if-none-match", list.header("etag")).get(&format!("{path}/revisions")).await.is(304);
    assert_eq!(read.header("cache-control"), "private, no-cache");
}

#[api_test]
async fn lists_revisions_by_page_and_by_cursor() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let path = format!("/api/posts/{}", author.post("/api/posts", new("0")).await.is(201).id());
    for number in 1..5 {
        author.patch(&path, json!({ "title": number.to_string() })).await.is(200);
    }
    let page = author.get(&format!("{path}/revisions?limit=2&page=2")).await.is(200);
    assert_eq!(
        (column(&page, "version"), &page.body["pagination"]["total"]),
        (vec![json!(3), json!(2)], &json!(5))
    );
    let first = author.get(&format!("{path}/revisions?limit=2")).await.is(200);
    let cursor = first.body["pagination"]["nextCursor"].as_str().expect("a cursor");
    author.patch(&path, json!({ "title": "Meanwhile" })).await.is(200);
    let next = author.get(&format!("{path}/revisions?limit=2&after={cursor}")).await.is(200);
    assert_eq!(column(&next, "version"), [3, 2]);
    author.get(&format!("{path}/revisions?after={cursor}x")).await.is(400);
    let other = author.post("/api/posts", new("Other")).await.is(201).id();
    author.get(&format!("/api/posts/{other}/revisions?limit=2&after={cursor}")).await.is(400);
}

#[api_test]
async fn rejects_callers_without_write_permission() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let path = format!("/api/posts/{}", author.post("/api/posts", new("Open")).await.is(201).id());
    let revision = ids(&author.get(&format!("{path}/revisions")).await.is(200)).remove(0);
    let one = format!("{path}/revisions/{revision}");
    // Authors could own the post, so the response to them does not disclose whether it exists.
    for (role, status) in [(Role::Reader, 403), (Role::Author, 404), (Role::Accountant, 403)] {
        let unauthorized = api.sign_in(role).await;
        unauthorized.get(&path).await.is(200);
        for suffix in [&format!("{path}/revisions"), &one, &format!("{one}/diff")] {
            unauthorized.get(suffix).await.is(status);
        }
        unauthorized.post_empty(&format!("{one}/restore")).await.is(status);
    }
    // Revisions of another post return 404.
    let other = author.post("/api/posts", new("Other")).await.is(201).id();
    for suffix in ["", "/diff"] {
        author.get(&format!("/api/posts/{other}/revisions/{revision}{suffix}")).await.is(404);
    }
    author.post_empty(&format!("/api/posts/{other}/revisions/{revision}/restore")).await.is(404);
    let other_revision = ids(&author.get(&format!("/api/posts/{other}/revisions")).await.is(200)).remove(0);
    author.get(&format!("{one}/diff?against={other_revision}")).await.is(404);
    for role in [Role::Editor, Role::Admin] {
        api.sign_in(role).await.get(&one).await.is(200);
    }
}

#[api_test]
async fn returns_the_diff_of_two_revisions() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let mut post = new("One");
    post["content"] = json!("first line\nsecond line\n");
    post["tags"] = json!(["Wood"]);
    post["excerpt"] = json!("Short.");
    let path = format!("/api/posts/{}", author.post("/api/posts", post).await.is(201).id());
    let change = json!({ "title": "Two", "excerpt": null, "tags": ["Wood", "Iron"], "slug": "two" });
    author.patch(&path, change).await.is(200);
    author
        .patch(&path, json!({ "content": "first line\nanother line\nmore", "published": false }))
        .await
        .is(200);
    let [third, second, first] = &ids(&author.get(&format!("{path}/revisions")).await.is(200))[..] else {
        panic!("three revisions")
    };
    let diff = author.get(&format!("{path}/revisions/{third}/diff")).await.is(200);
    assert_eq!(
        diff.body,
        json!({
            "revision": third, "against": second,
            "fields": [{ "field": "published", "before": ["true"], "after": ["false"] }],
            "content": "@@ -1,2 +1,3 @@\n first line\n-second line\n+another line\n+more\n\\ No newline at end of file\n",
            "linesAdded": 2, "linesRemoved": 1,
        })
    );
    let conditional = author.header("if-none-match", diff.header("etag"));
    conditional.get(&format!("{path}/revisions/{third}/diff?against={second}")).await.is(304);
    let diff = author.get(&format!("{path}/revisions/{second}/diff?against={first}")).await.is(200).body;
    assert_eq!(
        diff["fields"],
        json!([
            { "field": "title", "before": ["One"], "after": ["Two"] },
            { "field": "slug", "before": ["one"], "after": ["two"] },
            { "field": "excerpt", "before": ["Short."], "after": [] },
            { "field": "tags", "before": ["Wood"], "after": ["Wood", "Iron"] },
        ])
    );
    assert_eq!(diff.get("content"), None);
    let initial = author.get(&format!("{path}/revisions/{first}/diff")).await.is(200).body;
    assert_eq!((initial.get("against"), &initial["linesAdded"]), (None, &json!(2)));
    let backwards = author.get(&format!("{path}/revisions/{first}/diff?against={third}")).await.is(200).body;
    assert_eq!((&backwards["linesAdded"], &backwards["linesRemoved"]), (&json!(1), &json!(2)));
}

#[api_test]
async fn restoring_a_revision_creates_a_version() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let mut post = new("One");
    post["tags"] = json!(["Wood"]);
    post["excerpt"] = json!("Short.");
    let created = author.post("/api/posts", post).await.is(201);
    let path = format!("/api/posts/{}", created.id());
    let change =
        json!({ "title": "Two", "excerpt": null, "tags": [], "slug": "two", "content": "Something else" });
    let changed = author.patch(&path, change).await.is(200);
    let first = ids(&author.get(&format!("{path}/revisions")).await.is(200)).remove(1);
    let restore = format!("{path}/revisions/{first}/restore");
    author.header("if-match", created.header("etag")).post_empty(&restore).await.is(412);
    let restored = author.header("if-match", changed.header("etag")).post_empty(&restore).await.is(200);
    for field in ["title", "excerpt", "content", "tags", "author"] {
        assert_eq!(restored.body[field], created.body[field], "{field}");
    }
    // A restore updates neither `slug` nor `published`.
    assert_eq!((&restored.body["slug"], &restored.body["published"]), (&json!("two"), &json!(true)));
    assert_eq!(restored.header("etag"), author.get(&path).await.is(200).header("etag"));
    let list = author.get(&format!("{path}/revisions")).await.is(200);
    assert_eq!(column(&list, "change"), ["restored", "changed", "created"]);
    assert_eq!(list.body["data"][0]["restoredFrom"], first.as_str());
    // A repeated restore creates no version.
    let repeated = author.post_empty(&restore).await.is(200);
    assert_eq!((repeated.header("etag"), &repeated.body), (restored.header("etag"), &restored.body));
    assert_eq!(author.get(&format!("{path}/revisions")).await.is(200).body["pagination"]["total"], 3);
    let api = Api::with(&[("require_if_match", "on")]).await;
    let editor = api.sign_in(Role::Editor).await;
    let path = format!("/api/posts/{}", editor.post("/api/posts", new("One")).await.is(201).id());
    let first = ids(&editor.get(&format!("{path}/revisions")).await.is(200)).remove(0);
    editor.post_empty(&format!("{path}/revisions/{first}/restore")).await.is(428);
}

#[api_test]
async fn restoring_a_revision_publishes_no_draft() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let path = format!("/api/posts/{}", author.post("/api/posts", new("Out")).await.is(201).id());
    author.patch(&path, json!({ "published": false, "title": "Back in" })).await.is(200);
    let first = ids(&author.get(&format!("{path}/revisions")).await.is(200)).remove(1);
    let restored = author.post_empty(&format!("{path}/revisions/{first}/restore")).await.is(200).body;
    assert_eq!((&restored["title"], &restored["published"]), (&json!("Out"), &json!(false)));
    api.get(&path).await.is(404);
}

#[api_test]
async fn stores_at_most_200_revisions() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    for number in 0..203 {
        let page = json!({ "title": format!("Number {number}"), "content": "Text" });
        let status = if number == 0 { 201 } else { 200 };
        editor.put("/api/docs/busy", page).await.is(status);
    }
    let id = editor.get("/api/docs/busy").await.is(200).id();
    let list = editor.get(&format!("/api/documents/{id}/revisions?limit=50&page=4")).await.is(200);
    assert_eq!(list.body["pagination"]["total"], 200);
    assert_eq!((&column(&list, "version")[0], &column(&list, "version")[49]), (&json!(53), &json!(4)));
    let oldest = ids(&list).remove(49);
    let diff = editor.get(&format!("/api/documents/{id}/revisions/{oldest}/diff")).await.is(200).body;
    assert_eq!(diff.get("against"), None);
}

#[api_test]
async fn documents_have_revisions() {
    let api = Api::start().await;
    let (editor, author) = (api.sign_in(Role::Editor).await, api.sign_in(Role::Author).await);
    let page = |title: &str, content: &str| json!({ "title": title, "content": content });
    let created = editor.put("/api/docs/guides/start", page("Start", "One\n")).await.is(201);
    let changed = editor.put("/api/docs/guides/start", page("Begin", "Two\n")).await.is(200);
    let path = format!("/api/documents/{}", created.id());
    let list = editor.get(&format!("{path}/revisions")).await.is(200);
    assert_eq!(column(&list, "change"), ["changed", "created"]);
    editor.header("if-none-match", list.header("etag")).get(&format!("{path}/revisions")).await.is(304);
    editor.get(&format!("{path}/revisions?after=0123456789abcdef")).await.is(400);
    let (second, first) = (&ids(&list)[0], &ids(&list)[1]);
    let one = format!("{path}/revisions/{first}");
    let read = editor.get(&one).await.is(200);
    let expected = json!({ "path": "guides/start", "title": "Start", "content": "One\n", "position": 0 });
    assert_eq!(read.body["document"], expected);
    editor.header("if-none-match", read.header("etag")).get(&one).await.is(304);
    let diff = editor.get(&format!("{path}/revisions/{second}/diff")).await.is(200);
    assert_eq!(diff.body["content"], "@@ -1 +1 @@\n-One\n+Two\n");
    assert_eq!(diff.body["fields"], json!([{ "field": "title", "before": ["Start"], "after": ["Begin"] }]));
    let conditional = editor.header("if-none-match", diff.header("etag"));
    conditional.get(&format!("{path}/revisions/{second}/diff")).await.is(304);
    author.get(&one).await.is(403);
    let other = editor.put("/api/docs/other", page("Other", "")).await.is(201).id();
    editor.get(&format!("/api/documents/{other}/revisions/{first}")).await.is(404);
    let restore = format!("{one}/restore");
    editor.header("if-match", created.header("etag")).post_empty(&restore).await.is(412);
    let restored = editor.header("if-match", changed.header("etag")).post_empty(&restore).await.is(200);
    assert_eq!((&restored.body["title"], &restored.body["content"]), (&json!("Start"), &json!("One\n")));
    assert_eq!(editor.post_empty(&restore).await.is(200).header("etag"), restored.header("etag"));
    let list = editor.get(&format!("{path}/revisions")).await.is(200);
    assert_eq!(column(&list, "change"), ["restored", "changed", "created"]);
    let strict = Api::with(&[("require_if_match", "on")]).await;
    let editor = strict.sign_in(Role::Editor).await;
    let id = editor.put("/api/docs/a", page("A", "a")).await.is(201).id();
    let first = ids(&editor.get(&format!("/api/documents/{id}/revisions")).await.is(200)).remove(0);
    editor.post_empty(&format!("/api/documents/{id}/revisions/{first}/restore")).await.is(428);
}

#[api_test(worker_threads = 4)]
async fn concurrent_updates_create_one_revision_each() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let path = format!("/api/posts/{}", editor.post("/api/posts", new("Busy")).await.is(201).id());
    let writes: Vec<_> = (0..16)
        .map(|number| {
            let (editor, path) = (editor.clone(), path.clone());
            let change = json!({ "title": format!("Writer {number}") });
            tokio::spawn(async move { editor.patch(&path, change).await.is(200) })
        })
        .collect();
    for write in writes {
        write.await.expect("the request ends");
    }
    let list = editor.get(&format!("{path}/revisions?limit=50")).await.is(200);
    let versions: Vec<i64> = column(&list, "version").iter().filter_map(Value::as_i64).collect();
    assert_eq!(versions, (1..=17).rev().collect::<Vec<_>>());
    let newest = editor.get(&format!("{path}/revisions/{}", ids(&list)[0])).await.is(200).body;
    assert_eq!(newest["post"]["title"], editor.get(&path).await.is(200).body["title"]);
}
