//! Comments, tags and documents.
use serde_json::{Value, json};
use tenon::http::auth::Role;

use crate::{posts::new, support::Api};

#[api_test]
async fn comments_wait_until_somebody_has_looked() {
    let api = Api::start().await;
    let (author, reader) = (api.sign_in(Role::Author).await, api.sign_in(Role::Reader).await);
    let (editor, other) = (api.sign_in(Role::Editor).await, api.sign_in(Role::Reader).await);
    let post = author.post("/api/posts", new("Talk")).await.is(201).id();
    let thread = format!("/api/posts/{post}/comments");
    let waits = reader.post(&thread, json!({ "content": " Nice. " })).await.is(201);
    assert_eq!((&waits.body["status"], &waits.body["content"]), (&json!("pending"), &json!("Nice.")));
    let path = waits.header("location").to_owned();
    for (who, status) in [(&api, 404), (&other, 404), (&author, 404), (&reader, 200), (&editor, 200)] {
        who.get(&path).await.is(status);
        let seen = who.get(&thread).await.is(200).body["pagination"]["total"].clone();
        assert_eq!(seen, i64::from(status == 200));
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
async fn replies_stay_in_their_thread_and_go_with_it() {
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
    let across = json!({ "content": "elsewhere", "parentId": parents[0] });
    editor.post(&format!("/api/posts/{two}/comments"), across).await.is(409);
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
async fn the_count_is_right_when_many_write_at_once() {
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
        write.await.expect("the write ends");
    }
    assert_eq!(api.get(&format!("/api/posts/{post}")).await.body["commentsCount"], 24);
}

#[api_test]
async fn a_comment_can_be_repeated_safely() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let post = editor.post("/api/posts", new("Twice")).await.is(201).id();
    let thread = format!("/api/posts/{post}/comments");
    let keyed = editor.header("idempotency-key", "comment-1");
    let first = keyed.post(&thread, json!({ "content": "Once" })).await.is(201).id();
    assert_eq!(keyed.post(&thread, json!({ "content": "Once" })).await.is(201).id(), first);
    keyed.post(&thread, json!({ "content": "Other" })).await.is(422);
    let keyed = keyed.header("idempotency-key", "comment-1");
    keyed.post(&thread, json!({ "content": "Twice named" })).await.is(400);
    let list = api.get(&thread).await.is(200);
    api.header("if-none-match", list.header("etag")).get(&thread).await.is(304);
    editor.get("/api/comments").await.is(200);
    let queue = editor.get("/api/comments").await.is(200);
    editor.header("if-none-match", queue.header("etag")).get("/api/comments").await.is(304);
}

#[api_test]
async fn tags_can_be_made_renamed_and_taken_away() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let only_new = editor.header("if-none-match", "*");
    let made = only_new.put("/api/tags/wood", json!({ "name": "Wood" })).await.is(201);
    assert_eq!(made.header("location"), "/api/tags/wood");
    let there = only_new.put("/api/tags/wood", json!({ "name": "Other" })).await.is(412);
    assert_eq!(there.body["currentEtag"], made.header("etag"));
    editor.header("if-match", "\"x\"").put("/api/tags/iron", json!({ "name": "Iron" })).await.is(412);
    editor.put("/api/tags/wood", json!({ "name": "Wood", "description": "Grows." })).await.is(200);
    editor.header("prefer", "return=minimal").put("/api/tags/wood", json!({ "name": "Wood" })).await.is(204);
    editor
        .header("prefer", "return=minimal")
        .patch("/api/tags/wood", json!({ "name": "Wood" }))
        .await
        .is(204);
    editor
        .header("if-match", made.header("etag"))
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
async fn documents_live_in_a_tree() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let page =
        |title: &str, position: i64| json!({ "title": title, "content": "# Text", "position": position });
    for (path, position) in
        [("guides", 2), ("guides/start", 1), ("guides/start/first-steps", 3), ("guidesman", 0)]
    {
        let made = editor.put(&format!("/api/docs/{path}"), page(path, position)).await.is(201);
        assert_eq!(made.header("location"), format!("/api/documents/{}", made.id()));
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
async fn health_is_told_to_everybody() {
    let api = Api::start().await;
    for path in ["/livez", "/readyz", "/api/health"] {
        let told = api.get(path).await.is(200);
        assert_eq!((told.header("cache-control"), &told.body["status"]), ("no-store", &json!("ok")));
        assert!(told.headers.get("ratelimit").is_none());
    }
    api.app.health.drain();
    let stopping = api.get("/readyz").await.is(503);
    assert_eq!(stopping.header("retry-after"), "5");
    api.get("/livez").await.is(200);
}

#[api_test]
async fn what_is_said_about_a_post_is_hidden_with_it() {
    let api = Api::start().await;
    let (author, reader) = (api.sign_in(Role::Author).await, api.sign_in(Role::Reader).await);
    let (editor, other) = (api.sign_in(Role::Editor).await, api.sign_in(Role::Author).await);
    let post = author.post("/api/posts", new("Withdrawn")).await.is(201).id();
    let thread = format!("/api/posts/{post}/comments");
    let seen = author.post(&thread, json!({ "content": "Mine" })).await.is(201).header("location").to_owned();
    let waits =
        reader.post(&thread, json!({ "content": "Ours" })).await.is(201).header("location").to_owned();
    let reply = reader.post(&thread, json!({ "content": "Re", "parentId": &seen[14..] })).await.is(201);
    assert_eq!(reply.body["depth"], 1);
    // Nobody may answer, or learn of, what still waits for somebody to look at it.
    other.post(&thread, json!({ "content": "Re", "parentId": &waits[14..] })).await.is(409);
    author.patch(&format!("/api/posts/{post}"), json!({ "published": false })).await.is(200);
    for who in [&api, &reader, &other] {
        who.get(&thread).await.is(404);
        who.get(&seen).await.is(404);
        who.get(&waits).await.is(404);
    }
    for who in [&reader, &other] {
        who.post(&thread, json!({ "content": "Still?" })).await.is(404);
        who.patch(&waits, json!({ "content": "Still?" })).await.is(404);
        who.delete(&waits).await.is(404);
    }
    author.post(&thread, json!({ "content": "Not yet" })).await.is(409);
    author.get(&thread).await.is(200);
    author.get(&seen).await.is(200);
    editor.get(&waits).await.is(200);
}

#[api_test]
async fn tags_count_what_everybody_may_read() {
    let api = Api::start().await;
    let (author, editor) = (api.sign_in(Role::Author).await, api.sign_in(Role::Editor).await);
    let tagged = |title: &str, tags: Value, published: bool| json!({ "title": title, "content": "0123456789", "tags": tags, "published": published });
    author.post("/api/posts", tagged("There", json!(["Oak", "Ash"]), true)).await.is(201);
    let draft = author.post("/api/posts", tagged("Draft", json!(["Oak"]), false)).await.is(201).id();
    let gone = author.post("/api/posts", tagged("Gone", json!(["Oak"]), true)).await.is(201).id();
    let oak = || async { api.get("/api/tags/oak").await.is(200) };
    let before = oak().await;
    assert_eq!(before.body["postsCount"], 2);
    author.delete(&format!("/api/posts/{gone}")).await.is(204);
    let known = api.header("if-none-match", before.header("etag"));
    assert_eq!(known.get("/api/tags/oak").await.is(200).body["postsCount"], 1);
    // Editors see the draft, but the number is the same for all.
    assert_eq!(editor.get("/api/tags/oak").await.is(200).body["postsCount"], 1);
    let list = api.get("/api/tags?sort=-postsCount").await.is(200);
    let counts: Vec<(&str, i64)> = list.body["data"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|tag| Some((tag["slug"].as_str()?, tag["postsCount"].as_i64()?)))
        .collect();
    assert_eq!(counts, [("ash", 1), ("oak", 1)]);
    let known = api.header("if-none-match", list.header("etag"));
    author.patch(&format!("/api/posts/{draft}"), json!({ "published": true })).await.is(200);
    let list = known.get("/api/tags?sort=-postsCount").await.is(200).body;
    assert_eq!((&list["data"][0]["slug"], &list["data"][0]["postsCount"]), (&json!("oak"), &json!(2)));
}

#[api_test]
async fn a_comment_shows_its_author_as_they_are_now() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let post = editor.post("/api/posts", new("Faces")).await.is(201).id();
    let thread = format!("/api/posts/{post}/comments");
    let path = editor.post(&thread, json!({ "content": "Me" })).await.is(201).header("location").to_owned();
    for change in [json!({ "name": "Ada Turner" }), json!({ "avatarUrl": "https://www.acme.test/ada.webp" })]
    {
        let before = api.get(&path).await.is(200);
        editor.patch("/api/me", change).await.is(200);
        let now = api.header("if-none-match", before.header("etag")).get(&path).await.is(200);
        assert_ne!(now.body["author"], before.body["author"]);
    }
}
