//! Comments, tags, documents by path, and health endpoints.
use serde_json::{Value, json};
use tenon::http::auth::Role;

use crate::{posts::new, support::Api};

#[api_test]
async fn comments_are_hidden_until_an_editor_approves_them() {
    let api = Api::start().await;
    let (author, reader) = (api.sign_in(Role::Author).await, api.sign_in(Role::Reader).await);
    let (editor, other) = (api.sign_in(Role::Editor).await, api.sign_in(Role::Reader).await);
    let post = author.post("/api/posts", new("Talk")).await.is(201).id();
    let thread = format!("/api/posts/{post}/comments");
    let pending = reader.post(&thread, json!({ "content": " Nice. " })).await.is(201);
    assert_eq!((&pending.body["status"], &pending.body["content"]), (&json!("pending"), &json!("Nice.")));
    let path = pending.header("location").to_owned();
    for (client, status) in [(&api, 404), (&other, 404), (&author, 404), (&reader, 200), (&editor, 200)] {
        client.get(&path).await.is(status);
        let total = client.get(&thread).await.is(200).body["pagination"]["total"].clone();
        assert_eq!(total, i64::from(status == 200));
    }
    assert_eq!(api.get(&format!("/api/posts/{post}")).await.body["commentsCount"], 0);
    reader.get("/api/comments?status=pending").await.is(403);
    let queue = editor.get("/api/comments?status=pending&expand=post&sort=-createdAt").await.is(200).body;
    assert_eq!(queue["data"][0]["post"]["slug"], "talk");
    other.patch(&path, json!({ "content": "Ha!" })).await.is(404);
    reader.patch(&path, json!({ "status": "approved" })).await.is(403);
    editor.patch(&path, json!({ "status": "approved" })).await.is(200);
    other.patch(&path, json!({ "content": "Ha!" })).await.is(403);
    other.delete(&path).await.is(403);
    assert_eq!(api.get(&format!("/api/posts/{post}")).await.body["commentsCount"], 1);
    reader.patch(&path, json!({ "content": "Very nice." })).await.is(200);
    api.clock.advance(10 * 60 * 1000);
    reader.patch(&path, json!({ "content": "Really." })).await.is(200);
    api.clock.advance(4 * 60 * 1000);
    editor.patch(&path, json!({ "status": "rejected" })).await.is(200);
    assert_eq!(api.get(&format!("/api/posts/{post}")).await.body["commentsCount"], 0);
    let read = reader.get(&path).await.is(200);
    reader.header("if-none-match", read.header("etag")).get(&path).await.is(304);
    reader.header("if-match", "\"x\"").delete(&path).await.is(412);
    reader.header("if-match", "\"x\"").patch(&path, json!({})).await.is(412);
    reader.delete(&path).await.is(204);
    reader.delete(&path).await.is(404);
}

#[api_test]
async fn replies_belong_to_one_thread_and_are_deleted_with_their_parent() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let (one, two) = (
        editor.post("/api/posts", new("One")).await.is(201).id(),
        editor.post("/api/posts", new("Two")).await.is(201).id(),
    );
    let thread = format!("/api/posts/{one}/comments");
    let mut parents = vec![editor.post(&thread, json!({ "content": "0" })).await.is(201).id()];
    for depth in 1..=5 {
        let reply = json!({ "content": depth.to_string(), "parentId": parents[depth - 1] });
        let reply = editor.post(&thread, reply).await.is(201);
        assert_eq!(reply.body["depth"], depth);
        parents.push(reply.id());
    }
    editor.post(&thread, json!({ "content": "6", "parentId": parents[5] })).await.is(409);
    let reply_to_other_post = json!({ "content": "elsewhere", "parentId": parents[0] });
    editor.post(&format!("/api/posts/{two}/comments"), reply_to_other_post).await.is(409);
    let replies = api.get(&format!("{thread}?parent={}", parents[1])).await.is(200).body;
    assert_eq!(replies["data"][0]["id"], parents[2].as_str());
    let count = |api: Api, post: String| async move {
        api.get(&format!("/api/posts/{post}")).await.body["commentsCount"].clone()
    };
    assert_eq!(count(api.clone(), one.clone()).await, 6);
    editor.delete(&format!("/api/comments/{}", parents[2])).await.is(204);
    assert_eq!(count(api.clone(), one.clone()).await, 2);
    api.get(&format!("/api/comments/{}", parents[5])).await.is(404);
    let draft =
        editor.post("/api/posts", json!({ "title": "D", "content": "0123456789" })).await.is(201).id();
    editor.post(&format!("/api/posts/{draft}/comments"), json!({ "content": "Early" })).await.is(409);
    api.get(&format!("/api/posts/{draft}/comments")).await.is(404);
    editor.delete(&format!("/api/posts/{one}")).await.is(204);
    api.get(&thread).await.is(404);
    api.get(&format!("/api/comments/{}", parents[0])).await.is(404);
}

#[api_test]
async fn the_comment_count_is_correct_after_concurrent_creates() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let post = editor.post("/api/posts", new("Busy")).await.is(201).id();
    let writes: Vec<_> = (0..24)
        .map(|i| {
            let (editor, thread) = (editor.clone(), format!("/api/posts/{post}/comments"));
            tokio::spawn(
                async move { editor.post(&thread, json!({ "content": format!("{i}") })).await.is(201) },
            )
        })
        .collect();
    for write in writes {
        write.await.expect("the request completes");
    }
    assert_eq!(api.get(&format!("/api/posts/{post}")).await.body["commentsCount"], 24);
}

#[api_test]
async fn a_repeated_create_of_a_comment_returns_the_stored_response() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let post = editor.post("/api/posts", new("Twice")).await.is(201).id();
    let thread = format!("/api/posts/{post}/comments");
    let idempotent = editor.header("idempotency-key", "comment-1");
    let first = idempotent.post(&thread, json!({ "content": "Once" })).await.is(201).id();
    assert_eq!(idempotent.post(&thread, json!({ "content": "Once" })).await.is(201).id(), first);
    idempotent.post(&thread, json!({ "content": "Other" })).await.is(422);
    // A string of structured fields is the same key.
    let quoted = editor.header("idempotency-key", "\"comment-1\"");
    let again = quoted.post(&thread, json!({ "content": "Once" })).await.is(201);
    assert_eq!((again.id(), again.header("idempotent-replayed")), (first, "true"));
    let idempotent = idempotent.header("idempotency-key", "comment-1");
    idempotent.post(&thread, json!({ "content": "Twice named" })).await.is(400);
    let list = api.get(&thread).await.is(200);
    api.header("if-none-match", list.header("etag")).get(&thread).await.is(304);
    editor.get("/api/comments").await.is(200);
    let queue = editor.get("/api/comments").await.is(200);
    editor.header("if-none-match", queue.header("etag")).get("/api/comments").await.is(304);
}

#[api_test]
async fn tags_are_created_renamed_and_deleted() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let create_only = editor.header("if-none-match", "*");
    let created = create_only.put("/api/tags/wood", json!({ "name": "Wood" })).await.is(201);
    assert_eq!(created.header("location"), "/api/tags/wood");
    let existing = create_only.put("/api/tags/wood", json!({ "name": "Other" })).await.is(412);
    assert_eq!(existing.body["currentEtag"], created.header("etag"));
    editor.header("if-match", "\"x\"").put("/api/tags/iron", json!({ "name": "Iron" })).await.is(412);
    editor.put("/api/tags/wood", json!({ "name": "Wood", "description": "Grows." })).await.is(200);
    editor.header("prefer", "return=minimal").put("/api/tags/wood", json!({ "name": "Wood" })).await.is(204);
    editor
        .header("prefer", "return=minimal")
        .patch("/api/tags/wood", json!({ "name": "Wood" }))
        .await
        .is(204);
    editor
        .header("if-match", created.header("etag"))
        .patch("/api/tags/wood", json!({ "name": "x" }))
        .await
        .is(412);
    let mut post = new("Tagged");
    post["tags"] = json!(["Wood", "Iron"]);
    let post = editor.post("/api/posts", post).await.is(201).id();
    editor.patch("/api/tags/wood", json!({ "slug": "iron" })).await.is(409);
    editor
        .patch("/api/tags/wood", json!({ "slug": "timber", "name": "Timber", "description": null }))
        .await
        .is(200);
    let tags = api.get(&format!("/api/posts/{post}")).await.is(200).body["tags"].clone();
    assert_eq!(tags[0], json!({ "slug": "timber", "name": "Timber" }));
    let list = api.get("/api/tags?sort=-postsCount&q=i").await.is(200);
    assert_eq!(list.body["pagination"]["total"], 2);
    api.header("if-none-match", list.header("etag")).get("/api/tags?sort=-postsCount&q=i").await.is(304);
    let one = api.get("/api/tags/timber").await.is(200);
    api.header("if-none-match", one.header("etag")).get("/api/tags/timber").await.is(304);
    editor.header("if-match", "\"x\"").delete("/api/tags/timber").await.is(412);
    editor.delete("/api/tags/timber").await.is(204);
    editor.delete("/api/tags/timber").await.is(404);
    editor.patch("/api/tags/timber", json!({})).await.is(404);
    let tags = api.get(&format!("/api/posts/{post}")).await.is(200).body["tags"].clone();
    assert_eq!(tags, json!([{ "slug": "iron", "name": "Iron" }]));
}

#[api_test]
async fn documents_are_addressed_by_nested_paths() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let page =
        |title: &str, position: i64| json!({ "title": title, "content": "# Text", "position": position });
    for (path, position) in
        [("guides", 2), ("guides/start", 1), ("guides/start/first-steps", 3), ("guidesman", 0)]
    {
        let created = editor.put(&format!("/api/docs/{path}"), page(path, position)).await.is(201);
        assert_eq!(created.header("location"), format!("/api/documents/{}", created.id()));
    }
    let list = api.get("/api/documents?prefix=guides").await.is(200);
    let paths: Vec<&Value> =
        list.body["data"].as_array().expect("entries").iter().map(|d| &d["path"]).collect();
    assert_eq!(paths, ["guides/start", "guides", "guides/start/first-steps"]);
    api.header("if-none-match", list.header("etag")).get("/api/documents?prefix=guides").await.is(304);
    assert_eq!(api.get("/api/documents?q=FIRST-steps").await.is(200).body["pagination"]["total"], 1);
    let read = api.get("/api/docs/guides/start/first-steps").await.is(200);
    api.header("if-none-match", read.header("etag")).get("/api/docs/guides/start/first-steps").await.is(304);
    assert_eq!(api.get("/api/docs/guides/start/").await.is(308).header("location"), "/api/docs/guides/start");
    editor.delete("/api/docs/guides/start/").await.is(308);
    editor.put("/api/docs/guides/start/", page("x", 0)).await.is(308);
    editor.header("if-none-match", "*").put("/api/docs/guides", page("x", 0)).await.is(412);
    editor.header("if-match", "\"x\"").put("/api/docs/guides", page("x", 0)).await.is(412);
    editor.header("if-match", "\"x\"").delete("/api/docs/guides").await.is(412);
    let first = api.get("/api/docs/guides").await.is(200).header("etag").to_owned();
    editor.header("if-match", &first).put("/api/docs/guides", page("Guides", 1)).await.is(200);
    editor.header("prefer", "return=minimal").put("/api/docs/guides", page("Guides", 1)).await.is(204);
    editor.delete("/api/docs/guides").await.is(204);
    editor.delete("/api/docs/guides").await.is(404);
    api.get("/api/docs/guides/start").await.is(200);
    api.get("/api/docs/guides%2Fstart").await.is(200);
    for path in ["a//b", "a/../b", "A", "a%2F..%2Fb", "a/%00", "a_b", "1/2/3/4/5/6/7/8/9/10/11", "%ff"] {
        api.get(&format!("/api/docs/{path}")).await.is(404);
        editor.put(&format!("/api/docs/{path}"), page("x", 0)).await.is(404);
    }
}

#[api_test]
async fn health_endpoints_require_no_authentication() {
    let api = Api::start().await;
    for path in ["/livez", "/readyz", "/api/health"] {
        let response = api.get(path).await.is(200);
        assert_eq!((response.header("cache-control"), &response.body["status"]), ("no-store", &json!("ok")));
        assert!(response.headers.get("ratelimit").is_none());
    }
    api.app.health.drain();
    let stopping = api.get("/readyz").await.is(503);
    assert_eq!(stopping.header("retry-after"), "5");
    api.get("/livez").await.is(200);
}

#[api_test]
async fn comments_are_hidden_with_their_post() {
    let api = Api::start().await;
    let (author, reader) = (api.sign_in(Role::Author).await, api.sign_in(Role::Reader).await);
    let (editor, other) = (api.sign_in(Role::Editor).await, api.sign_in(Role::Author).await);
    let post = author.post("/api/posts", new("Withdrawn")).await.is(201).id();
    let thread = format!("/api/posts/{post}/comments");
    let approved =
        author.post(&thread, json!({ "content": "Mine" })).await.is(201).header("location").to_owned();
    let pending =
        reader.post(&thread, json!({ "content": "Ours" })).await.is(201).header("location").to_owned();
    let reply = reader.post(&thread, json!({ "content": "Re", "parentId": &approved[14..] })).await.is(201);
    assert_eq!(reply.body["depth"], 1);
    // A reply to a pending comment is rejected as if the comment did not exist.
    other.post(&thread, json!({ "content": "Re", "parentId": &pending[14..] })).await.is(409);
    author.patch(&format!("/api/posts/{post}"), json!({ "published": false })).await.is(200);
    for client in [&api, &reader, &other] {
        client.get(&thread).await.is(404);
        client.get(&approved).await.is(404);
        client.get(&pending).await.is(404);
    }
    for client in [&reader, &other] {
        client.post(&thread, json!({ "content": "Still?" })).await.is(404);
        client.patch(&pending, json!({ "content": "Still?" })).await.is(404);
        client.delete(&pending).await.is(404);
    }
    author.post(&thread, json!({ "content": "Not yet" })).await.is(409);
    author.get(&thread).await.is(200);
    author.get(&approved).await.is(200);
    editor.get(&pending).await.is(200);
}

#[api_test]
async fn tags_count_published_posts_only() {
    let api = Api::start().await;
    let (author, editor) = (api.sign_in(Role::Author).await, api.sign_in(Role::Editor).await);
    let tagged = |title: &str, tags: Value, published: bool| json!({ "title": title, "content": "0123456789", "tags": tags, "published": published });
    author.post("/api/posts", tagged("There", json!(["Oak", "Ash"]), true)).await.is(201);
    let draft = author.post("/api/posts", tagged("Draft", json!(["Oak"]), false)).await.is(201).id();
    let deleted = author.post("/api/posts", tagged("Gone", json!(["Oak"]), true)).await.is(201).id();
    let oak = || async { api.get("/api/tags/oak").await.is(200) };
    let before = oak().await;
    assert_eq!(before.body["postsCount"], 2);
    author.delete(&format!("/api/posts/{deleted}")).await.is(204);
    let conditional = api.header("if-none-match", before.header("etag"));
    assert_eq!(conditional.get("/api/tags/oak").await.is(200).body["postsCount"], 1);
    // Editors may read the draft, but the count is the same for all clients.
    assert_eq!(editor.get("/api/tags/oak").await.is(200).body["postsCount"], 1);
    let list = api.get("/api/tags?sort=-postsCount").await.is(200);
    let counts: Vec<(&str, i64)> = list.body["data"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|tag| Some((tag["slug"].as_str()?, tag["postsCount"].as_i64()?)))
        .collect();
    assert_eq!(counts, [("ash", 1), ("oak", 1)]);
    let conditional = api.header("if-none-match", list.header("etag"));
    author.patch(&format!("/api/posts/{draft}"), json!({ "published": true })).await.is(200);
    let list = conditional.get("/api/tags?sort=-postsCount").await.is(200).body;
    assert_eq!((&list["data"][0]["slug"], &list["data"][0]["postsCount"]), (&json!("oak"), &json!(2)));
}

#[api_test]
async fn a_comment_contains_the_current_name_and_avatar_of_its_author() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let post = editor.post("/api/posts", new("Faces")).await.is(201).id();
    let thread = format!("/api/posts/{post}/comments");
    let path = editor.post(&thread, json!({ "content": "Me" })).await.is(201).header("location").to_owned();
    for change in [json!({ "name": "Ada Turner" }), json!({ "avatarUrl": "https://www.acme.test/ada.webp" })]
    {
        let before = api.get(&path).await.is(200);
        editor.patch("/api/me", change).await.is(200);
        let after = api.header("if-none-match", before.header("etag")).get(&path).await.is(200);
        assert_ne!(after.body["author"], before.body["author"]);
    }
}
