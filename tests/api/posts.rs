//! Posts: create, read, update, delete and preview.
use serde_json::{Value, json};
use tenon::http::auth::Role;

use crate::support::Api;

pub fn new(title: &str) -> Value {
    json!({ "title": title, "content": "Cut the tenon to the mortise.", "published": true })
}

#[api_test]
async fn creates_a_post_and_returns_304_for_a_matching_etag() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let created = author.post("/api/posts", new(" A joint that fits ")).await.is(201);
    assert_eq!(
        (&created.body["title"], &created.body["slug"]),
        (&json!("A joint that fits"), &json!("a-joint-that-fits"))
    );
    assert_eq!(created.header("location"), format!("/api/posts/{}", created.id()));
    let read = api.get(created.header("location")).await.is(200);
    assert_eq!(read.body, created.body);
    assert_eq!(read.header("etag"), created.header("etag"));
    assert!(read.header("cache-control").starts_with("public, s-maxage=300"));
    let unchanged =
        api.header("if-none-match", read.header("etag")).get(created.header("location")).await.is(304);
    assert_eq!(unchanged.header("etag"), read.header("etag"));
    for tags in ["*", "\"x\", W/\"y\", *"] {
        let _ = api.header("if-none-match", tags).get(created.header("location")).await;
    }
    let weak = format!("\"nope\", W/{}", read.header("etag"));
    api.header("if-none-match", &weak).get(created.header("location")).await.is(304);
    let authenticated = author.get(created.header("location")).await.is(200);
    assert_eq!(authenticated.header("cache-control"), "private, no-cache");
    let head = api.send(poem::http::Method::HEAD, created.header("location"), None).await.is(200);
    assert_eq!(head.header("etag"), read.header("etag"));
}

#[api_test]
async fn reads_every_field_as_it_was_written() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let post = json!({
        "title": "A joint", "slug": "joint", "content": "Cut the tenon.", "excerpt": "In short", "coverImage": "https://acme.test/c.png",
        "tags": ["Wood", "Glue"], "publishAt": "2027-01-01T00:00:00.000Z", "unpublishAt": "2027-02-01T00:00:00.000Z",
    });
    let created = author.post("/api/posts", post.clone()).await.is(201);
    for (name, value) in post.as_object().expect("an object").iter().filter(|(name, _)| *name != "tags") {
        assert_eq!(&created.body[name], value);
    }
    api.clock.advance(1000);
    let changed = author.patch(created.header("location"), json!({ "excerpt": "Shorter" })).await.is(200);
    assert_ne!(changed.body["updatedAt"], changed.body["createdAt"]);
    let read = author.get(created.header("location")).await.is(200);
    assert_eq!(read.body, changed.body);
    let fields = "/api/posts?status=draft&fields=excerpt,coverImage,content";
    let listed = author.get(fields).await.is(200).body["data"][0].clone();
    for (name, value) in listed.as_object().expect("an object") {
        assert_eq!(value, &read.body[name], "{name}");
    }
}

#[api_test]
async fn drafts_are_visible_to_their_author_and_to_editors_only() {
    let api = Api::start().await;
    let (author, other) = (api.sign_in(Role::Author).await, api.sign_in(Role::Author).await);
    let editor = api.sign_in(Role::Editor).await;
    let mut draft = new("Not yet");
    draft["published"] = json!(false);
    draft["tags"] = json!(["Secret plans"]);
    let created = author.post("/api/posts", draft).await.is(201);
    let path = format!("/api/posts/{}", created.id());
    for (client, status) in [(&api, 404), (&other, 404), (&author, 200), (&editor, 200)] {
        client.get(&path).await.is(status);
        client.get("/api/posts/not-yet").await.is(status);
        let expected = i64::from(status == 200);
        for query in
            ["status=any", "status=draft", "status=draft&q=yet", "status=any&tag=secret-plans&sort=title"]
        {
            let list = client.get(&format!("/api/posts?{query}")).await.is(200).body;
            assert_eq!(list["pagination"]["total"], expected, "{query}");
        }
    }
    other.patch(&path, json!({ "title": "Mine" })).await.is(404);
    other.delete(&path).await.is(404);
    assert_eq!(api.get("/api/posts").await.is(200).body["data"], json!([]));
    api.get("/api/tags/secret-plans").await.is(404);
    editor.patch(&path, json!({ "published": true })).await.is(200);
    assert_eq!(api.get("/api/tags/secret-plans").await.is(200).body["postsCount"], 1);
}

#[api_test]
async fn rejects_a_stale_if_match() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let created = author.post("/api/posts", new("One")).await.is(201);
    let path = format!("/api/posts/{}", created.id());
    let first = created.header("etag").to_owned();
    let changed = author.header("if-match", &first).patch(&path, json!({ "title": "Two" })).await.is(200);
    let stale = author.header("if-match", &first).patch(&path, json!({ "title": "Three" })).await.is(412);
    assert_eq!(stale.body["currentEtag"], changed.header("etag"));
    author.header("if-match", &first).put(&path, new("Three")).await.is(412);
    author.header("if-match", &first).delete(&path).await.is(412);
    author.header("if-match", &format!("W/{}", changed.header("etag"))).delete(&path).await.is(412);
    author.header("if-match", "nonsense").delete(&path).await.is(412);
    assert_eq!(api.get(&path).await.is(200).body["title"], "Two");
    let encoded = changed.header("etag").replace("\"", "");
    let encoded = format!("\"x\", \"{encoded}~gzip\"");
    author.header("if-match", &encoded).patch(&path, json!({ "title": "Four" })).await.is(200);
    author.header("if-match", "*").delete(&path).await.is(204);
    author.delete(&path).await.is(404);
    api.get(&path).await.is(404);
}

#[api_test]
async fn requires_if_match_when_configured() {
    let api = Api::with(&[("require_if_match", "on")]).await;
    let editor = api.sign_in(Role::Editor).await;
    let created = editor.post("/api/posts", new("One")).await.is(201);
    let path = format!("/api/posts/{}", created.id());
    editor.patch(&path, json!({ "title": "Two" })).await.is(428);
    editor.put(&path, new("Two")).await.is(428);
    editor.delete(&path).await.is(428);
    editor.header("if-match", created.header("etag")).delete(&path).await.is(204);
    editor.put("/api/docs/a", json!({ "title": "A", "content": "a" })).await.is(201);
    editor.put("/api/docs/a", json!({ "title": "B", "content": "b" })).await.is(428);
    editor.delete("/api/docs/a").await.is(428);
    editor.put("/api/tags/a", json!({ "name": "A" })).await.is(201);
    editor.put("/api/tags/a", json!({ "name": "B" })).await.is(428);
    editor.patch("/api/tags/a", json!({ "name": "B" })).await.is(428);
    editor.delete("/api/tags/a").await.is(428);
    let post = editor.post("/api/posts", new("Two")).await.is(201).id();
    let comment =
        editor.post(&format!("/api/posts/{post}/comments"), json!({ "content": "Well." })).await.is(201);
    editor.patch(comment.header("location"), json!({ "content": "Hm." })).await.is(428);
    editor.delete(comment.header("location")).await.is(428);
    editor.patch("/api/me", json!({ "name": "Eve" })).await.is(428);
    let admin = api.sign_in(Role::Admin).await;
    let user = format!("/api/users/{}", editor.get("/api/me").await.id());
    admin.patch(&user, json!({ "name": "Eve" })).await.is(428);
    admin.delete(&user).await.is(428);
}

#[api_test]
async fn put_replaces_and_patch_merges() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let mut body = new("A joint");
    body["excerpt"] = json!("Short.");
    body["tags"] = json!(["Wood", "wood", "Éclair"]);
    let created = author.post("/api/posts", body).await.is(201);
    assert_eq!(
        created.body["tags"],
        json!([{ "slug": "wood", "name": "Wood" }, { "slug": "eclair", "name": "Éclair" }])
    );
    let path = format!("/api/posts/{}", created.id());
    let patched =
        author.patch(&path, json!({ "excerpt": null, "title": "Another joint" })).await.is(200).body;
    assert_eq!((&patched["title"], patched.get("excerpt")), (&json!("Another joint"), None));
    assert_eq!((&patched["slug"], patched["tags"].as_array().map(Vec::len)), (&json!("a-joint"), Some(2)));
    let replaced =
        author.put(&path, json!({ "title": "Bare", "content": "Nothing else." })).await.is(200).body;
    assert_eq!(
        (&replaced["tags"], &replaced["published"], replaced.get("publishedAt")),
        (&json!([]), &json!(false), None)
    );
    assert_eq!(replaced["slug"], "a-joint");
    let minimal =
        author.header("prefer", "return=minimal").patch(&path, json!({ "title": "Barer" })).await.is(204);
    assert_eq!(minimal.header("preference-applied"), "return=minimal");
    author.header("prefer", "return=minimal").put(&path, new("Barest")).await.is(204);
}

#[api_test]
async fn slugs_are_unique_and_former_slugs_redirect() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let mut slugs = Vec::new();
    for _ in 0..3 {
        slugs.push(author.post("/api/posts", new("Same title")).await.is(201).body["slug"].clone());
    }
    assert_eq!(slugs, ["same-title", "same-title-2", "same-title-3"]);
    let mut body = new("Other");
    body["slug"] = json!("same-title");
    assert_eq!(author.post("/api/posts", body).await.is(409).locations(), ["#/slug"]);
    let id = author.post("/api/posts", new("Old name")).await.is(201).id();
    author.patch(&format!("/api/posts/{id}"), json!({ "slug": "new-name" })).await.is(200);
    let redirect = api.get("/api/posts/old-name").await.is(308);
    assert_eq!(redirect.header("location"), "/api/posts/new-name");
    author.patch(&format!("/api/posts/{id}"), json!({ "slug": "same-title" })).await.is(409);
    author
        .put(
            &format!("/api/posts/{id}"),
            json!({ "title": "T", "content": "0123456789", "slug": "same-title" }),
        )
        .await
        .is(409);
    author.patch(&format!("/api/posts/{id}"), json!({ "slug": "old-name" })).await.is(200);
    api.get("/api/posts/nothing").await.is(404);
}

#[api_test]
async fn concurrent_posts_with_one_title_get_different_slugs() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let writes = (0..16).map(|_| {
        let author = author.clone();
        tokio::spawn(
            async move { author.post("/api/posts", new("Race")).await.is(201).body["slug"].to_string() },
        )
    });
    let mut slugs = std::collections::BTreeSet::new();
    for write in writes.collect::<Vec<_>>() {
        slugs.insert(write.await.expect("the request ends"));
    }
    assert_eq!(slugs.len(), 16);
}

#[api_test]
async fn replays_a_create_with_the_same_idempotency_key() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await.header("idempotency-key", "welcome-1");
    let first = author.post("/api/posts", new("Once")).await.is(201);
    let second = author.post("/api/posts", new("Once")).await.is(201);
    assert_eq!(
        (second.body, second.headers["idempotent-replayed"].to_str().ok()),
        (first.body.clone(), Some("true"))
    );
    author.post("/api/posts", new("Twice")).await.is(422);
    let total =
        |api: Api| async move { api.get("/api/posts").await.is(200).body["pagination"]["total"].clone() };
    assert_eq!(total(api.clone()).await, 1);
    let other = api.sign_in(Role::Author).await.header("idempotency-key", "welcome-1");
    other.post("/api/posts", new("Another's")).await.is(201);
    assert_eq!(total(api.clone()).await, 2);
    api.clock.advance(tenon::http::idempotency::RETENTION_MS + 1);
    let late = api.sign_in(Role::Author).await.header("idempotency-key", "welcome-1");
    late.post("/api/posts", new("Later")).await.is(201);
}

#[api_test]
async fn concurrent_creates_with_one_key_create_one_post() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await.header("idempotency-key", "race");
    let requests = (0..16).map(|_| {
        let author = author.clone();
        tokio::spawn(async move { author.post("/api/posts", new("Once")).await })
    });
    for request in requests.collect::<Vec<_>>() {
        let response = request.await.expect("the request ends");
        assert!(matches!(response.status, 201 | 409), "{response:?}");
        assert!(response.status == 201 || response.header("retry-after") == "1");
    }
    assert_eq!(api.get("/api/posts").await.is(200).body["pagination"]["total"], 1);
}

#[api_test]
async fn a_preview_link_shows_one_draft_until_it_expires() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let draft = json!({ "title": "Draft", "content": "Not for everybody." });
    let id = author.post("/api/posts", draft.clone()).await.is(201).id();
    let other = author.post("/api/posts", draft).await.is(201).id();
    let link = author.post_empty(&format!("/api/posts/{id}/preview")).await.is(201).body;
    let url = link["url"].as_str().expect("an address").to_owned();
    let response = api.get(&url).await.is(200);
    assert_eq!((response.header("cache-control"), response.header("x-robots-tag")), ("no-store", "noindex"));
    api.get(&url.replace(&id, &other)).await.is(404);
    let forged = url.replace(&url[url.len() - 2..], "AA");
    api.get(&forged).await.is(if forged == url { 200 } else { 404 });
    api.sign_in(Role::Author).await.post_empty(&format!("/api/posts/{id}/preview")).await.is(404);
    api.clock.advance(4 * 24 * 60 * 60 * 1000);
    api.get(&url).await.is(404);
    let author = api.sign_in(Role::Editor).await;
    let link = author.post_empty(&format!("/api/posts/{id}/preview")).await.is(201).body;
    author.delete(&format!("/api/posts/{id}/preview")).await.is(204);
    api.get(link["url"].as_str().expect("an address")).await.is(404);
}
