//! The response cache: no stale response, no response for other rights, and one computation for equal requests.
//!
//! The test client compares each response from the cache with a new one, so every other test checks the cache too.
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use serde_json::{Value, json};
use tenon::http::auth::Role;

use crate::{
    concurrency::run_concurrently,
    posts::new,
    support::{Api, Response, poll_until},
};

const HIT: &str = "tenon; hit";
const STORED: &str = "tenon; fwd=miss; stored";

fn cache_status(response: &Response) -> &str {
    response.header("cache-status")
}

/// A resource with a text that ends with the number of its last write.
struct Subject {
    path: String,
    /// The field that a write changes.
    field: &'static str,
    /// Paths that contain the resource, with the JSON pointer to the field.
    reads: Vec<(String, String)>,
}

/// Creates one resource of each kind that is cached.
async fn subjects(editor: &Api) -> Vec<Subject> {
    let post = new("Number 0");
    let post = editor.post("/api/posts", post).await.is(201);
    let (post_id, slug) = (post.id(), post.body["slug"].as_str().expect("a slug").to_owned());
    let thread = format!("/api/posts/{post_id}/comments");
    let comment = editor.post(&thread, json!({ "content": "Number 0" })).await.is(201).id();
    editor.put("/api/tags/wood", json!({ "name": "Number 0" })).await.is(201);
    let document = json!({ "path": "guide", "title": "Number 0", "content": "Cut." });
    let document = editor.post("/api/documents", document).await.is(201).id();
    editor.patch("/api/me", json!({ "name": "Number 0" })).await.is(200);
    let author = editor.get("/api/me").await.is(200).id();
    let subject = |path: String, field, reads: &[(&str, &str)]| {
        let reads = reads.iter().map(|(path, pointer)| ((*path).to_owned(), (*pointer).to_owned()));
        Subject { path, field, reads: reads.collect() }
    };
    let post_path = format!("/api/posts/{post_id}");
    let comment_path = format!("/api/comments/{comment}");
    let document_path = format!("/api/documents/{document}");
    vec![
        subject(
            post_path.clone(),
            "title",
            &[
                (&post_path, "/title"),
                (&format!("/api/posts/{slug}"), "/title"),
                ("/api/posts?limit=5", "/data/0/title"),
            ],
        ),
        subject(
            comment_path.clone(),
            "content",
            &[(&comment_path, "/content"), (&thread, "/data/0/content")],
        ),
        subject(
            "/api/tags/wood".to_owned(),
            "name",
            &[("/api/tags/wood", "/name"), ("/api/tags", "/data/0/name")],
        ),
        subject(
            document_path.clone(),
            "title",
            &[(&document_path, "/title"), ("/api/docs/guide", "/title"), ("/api/documents", "/data/0/title")],
        ),
        subject(
            "/api/me".to_owned(),
            "name",
            &[
                (&format!("/api/authors/{author}"), "/name"),
                ("/api/authors", "/data/0/name"),
                (&post_path, "/author/name"),
            ],
        ),
    ]
}

/// Returns the number at the end of the text.
fn number(body: &Value, pointer: &str) -> i64 {
    let text = body.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer}: {body}"));
    text.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{text}"))
}

const WRITES: i64 = 25;

/// Reads until the last write is visible. Each response must contain a write that was acknowledged before the request,
/// or a later one, and no earlier one than the last response.
async fn read(api: Api, path: String, pointer: String, acknowledged: Option<Arc<AtomicI64>>) {
    let mut last = 0;
    while last < WRITES {
        let known = acknowledged.as_ref().map_or(0, |acknowledged| acknowledged.load(Ordering::SeqCst));
        let response = api.get(&path).await.is(200);
        let found = number(&response.body, &pointer);
        assert!(found >= known, "{path} returned write {found} after the response to write {known}");
        assert!(found >= last, "{path} returned write {found} after it had returned {last}");
        last = found;
        tokio::task::yield_now().await;
    }
}

async fn interleave_reads_and_writes(cache_bytes: &str, with_other_process: bool) {
    let api = Api::with(&[("cache_bytes", cache_bytes), ("cache_status", "on")]).await;
    let (editor, reader) = (api.sign_in(Role::Editor).await, api.sign_in(Role::Reader).await);
    let other = if with_other_process { Some(api.other_process().await) } else { None };
    for subject in subjects(&editor).await {
        let acknowledged = Arc::new(AtomicI64::new(0));
        let mut tasks = Vec::new();
        for (path, pointer) in &subject.reads {
            for client in [&api, &reader] {
                let floor = Some(acknowledged.clone());
                tasks.push(tokio::spawn(read(client.clone(), path.clone(), pointer.clone(), floor)));
            }
            if let Some(other) = &other {
                tasks.push(tokio::spawn(read(other.clone(), path.clone(), pointer.clone(), None)));
            }
        }
        for number in 1..=WRITES {
            editor.patch(&subject.path, json!({ subject.field: format!("Number {number}") })).await.is(200);
            acknowledged.store(number, Ordering::SeqCst);
        }
        for task in tasks {
            task.await.expect("no stale response");
        }
    }
}

#[api_test(worker_threads = 4)]
async fn a_response_is_never_older_than_an_acknowledged_write() {
    interleave_reads_and_writes("67108864", false).await;
}

#[api_test(worker_threads = 4)]
async fn without_the_cache_a_response_is_never_older_than_an_acknowledged_write() {
    interleave_reads_and_writes("0", false).await;
}

#[api_test(worker_threads = 4)]
async fn another_process_returns_the_writes_in_their_order() {
    interleave_reads_and_writes("67108864", true).await;
}

#[api_test]
async fn the_second_request_is_served_from_the_cache() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let post = editor.post("/api/posts", new("Cached")).await.is(201).id();
    for path in [
        "/livez",
        "/api/posts",
        "/api/tags",
        "/api/authors",
        "/api/documents",
        &format!("/api/posts/{post}"),
        &format!("/api/posts/{post}/comments"),
    ] {
        let first = api.get(path).await.is(200);
        assert_eq!(cache_status(&first), STORED, "{path}");
        api.statements();
        let second = api.get(path).await.is(200);
        assert_eq!(cache_status(&second), HIT, "{path}");
        assert_eq!(api.statements().len(), 0, "{path}");
        assert_eq!((&second.bytes, second.headers.len()), (&first.bytes, first.headers.len()), "{path}");
    }
}

#[api_test]
async fn a_304_has_the_headers_of_an_uncached_one() {
    let (api, uncached) = (Api::start().await, Api::with(&[("cache_bytes", "0")]).await);
    let mut responses = Vec::new();
    for api in [api, uncached] {
        let tag = api.get("/api/posts").await.is(200).header("etag").to_owned();
        let response = api.header("if-none-match", &tag).get("/api/posts").await.is(304);
        let mut names: Vec<String> = response.headers.keys().map(ToString::to_string).collect();
        names.retain(|name| name != "cache-status");
        names.sort();
        responses.push((response.header("etag").to_owned(), names));
    }
    assert_eq!(responses[0].1, responses[1].1);
}

#[api_test]
async fn each_encoding_is_cached_with_its_own_tag() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let mut post = new("Long");
    post["content"] = json!("Cut the tenon to the mortise. ".repeat(100));
    let path = format!("/api/posts/{}", editor.post("/api/posts", post).await.is(201).id());
    let mut tags = Vec::new();
    for encoding in ["identity", "gzip", "br", "zstd"] {
        let client = api.header("accept-encoding", encoding);
        let first = client.send_streaming(poem::http::Method::GET, &path, None).await;
        let second = client.send_streaming(poem::http::Method::GET, &path, None).await;
        assert_eq!(second.headers()["cache-status"], HIT, "{encoding}");
        assert_eq!(first.headers()["etag"], second.headers()["etag"]);
        tags.push(second.headers()["etag"].to_str().expect("a tag").to_owned());
        let known = client.header("if-none-match", &tags[tags.len() - 1]).get(&path).await.is(304);
        assert_eq!((cache_status(&known), known.header("etag")), (HIT, tags[tags.len() - 1].as_str()));
    }
    tags.dedup();
    assert_eq!(tags.len(), 4);
}

#[api_test]
async fn a_response_is_cached_for_its_account_only() {
    let api = Api::start().await;
    let (author, other) = (api.sign_in(Role::Author).await, api.sign_in(Role::Author).await);
    author.post("/api/posts", json!({ "title": "Draft", "content": "Visible to its author" })).await.is(201);
    let path = "/api/posts?status=any";
    for _ in 0..2 {
        let own = author.get(path).await.is(200);
        assert_eq!(own.body["pagination"]["total"], 1);
        assert!(own.header("cache-control").starts_with("private"), "{own:?}");
        for client in [&other, &api] {
            assert_eq!(client.get(path).await.is(200).body["pagination"]["total"], 0);
        }
    }
    assert_eq!(cache_status(&author.get(path).await), HIT);
}

#[api_test]
async fn a_revoked_session_gets_no_cached_response() {
    let api = Api::start().await;
    let reader = api.sign_in(Role::Reader).await;
    reader.get("/api/posts").await.is(200);
    assert_eq!(cache_status(&reader.get("/api/posts").await), HIT);
    reader.post_empty("/api/auth/logout").await.is(204);
    reader.get("/api/posts").await.is(401);
}

#[api_test]
async fn another_process_rejects_a_revoked_session() {
    let api = Api::start().await;
    let reader = api.sign_in(Role::Reader).await;
    let other = api.other_process().await.with_credentials_of(&reader);
    other.get("/api/posts").await.is(200);
    reader.post_empty("/api/auth/logout").await.is(204);
    poll_until("the other process rejects the session", async || {
        (other.get("/api/posts").await.status == 401).then_some(())
    })
    .await;
}

#[api_test]
async fn a_key_without_the_scope_gets_no_cached_response() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let mut keys = Vec::new();
    for scope in ["posts:read", "tags:read"] {
        let key = json!({ "name": "Reader", "scopes": [scope] });
        let issued = editor.post("/api/api-keys", key).await.is(201);
        keys.push(api.bearer(issued.body["key"].as_str().expect("a key")));
    }
    keys[0].get("/api/posts").await.is(200);
    assert_eq!(cache_status(&keys[0].get("/api/posts").await), HIT);
    keys[1].get("/api/posts").await.is(403);
}

#[api_test]
async fn an_authenticated_request_needs_no_query() {
    let api = Api::start().await;
    let reader = api.sign_in(Role::Reader).await;
    reader.get("/api/posts").await.is(200);
    reader.get("/api/posts").await.is(200);
    api.statements();
    assert_eq!(cache_status(&reader.get("/api/posts").await), HIT);
    assert_eq!(api.statements().len(), 0);
}

#[api_test(worker_threads = 4)]
async fn equal_requests_share_one_computation() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    editor.post("/api/posts", new("Shared")).await.is(201);
    api.get("/api/posts?limit=7").await.is(200);
    editor.post("/api/posts", new("Second")).await.is(201);
    api.statements();
    api.send_streaming(poem::http::Method::GET, "/api/posts?limit=7", None).await;
    let single = api.statements().len();
    editor.post("/api/posts", new("Third")).await.is(201);
    api.statements();
    let statuses = run_concurrently(20, |_| {
        let api = api.clone();
        async move {
            let response = api.send_streaming(poem::http::Method::GET, "/api/posts?limit=7", None).await;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Response { status, headers, bytes: Vec::new(), body: Value::Null }
        }
    })
    .await;
    assert_eq!(statuses, [200; 20]);
    let statements = api.statements();
    assert_eq!(statements.len(), single, "{statements:#?}");
}

#[api_test]
async fn a_preview_is_not_cached() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let draft = json!({ "title": "Draft", "content": "Published soon" });
    let path = format!("/api/posts/{}", editor.post("/api/posts", draft).await.is(201).id());
    let link = editor.post_empty(&format!("{path}/preview")).await.is(201);
    let preview = format!("{path}?preview={}", link.body["token"].as_str().expect("a token"));
    for _ in 0..2 {
        assert_eq!(cache_status(&api.get(&preview).await.is(200)), "tenon; fwd=miss");
    }
}

#[api_test]
async fn a_role_change_applies_to_the_next_request() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let author = api.sign_in(Role::Author).await;
    author.post("/api/posts", json!({ "title": "Draft", "content": "Visible to its author" })).await.is(201);
    let editor = api.sign_in(Role::Editor).await;
    let path = "/api/posts?status=draft";
    for _ in 0..2 {
        assert_eq!(editor.get(path).await.is(200).body["pagination"]["total"], 1);
    }
    let id = editor.get("/api/me").await.is(200).id();
    admin.patch(&format!("/api/users/{id}"), json!({ "role": "reader" })).await.is(200);
    editor.get(path).await.is(401);
}

#[api_test]
async fn a_session_cookie_is_no_bearer_token() {
    let api = Api::start().await;
    let (_, email) = api.account(Role::Reader).await;
    let login = json!({ "email": email, "password": crate::support::PASSWORD, "cookie": true });
    let login = api.post("/api/auth/login", login).await.is(200);
    let cookie = login.header("set-cookie").split(';').next().expect("a cookie").to_owned();
    let browser = api.header("cookie", &cookie);
    browser.get("/api/posts").await.is(200);
    assert_eq!(cache_status(&browser.get("/api/posts").await.is(200)), HIT);
    let (_, value) = cookie.split_once('=').expect("a value");
    api.bearer(value).get("/api/posts").await.is(401);
}

#[api_test]
async fn a_head_request_has_the_headers_of_the_cached_response() {
    let api = Api::start().await;
    let get = api.get("/api/tags").await.is(200);
    let head = api.send(poem::http::Method::HEAD, "/api/tags", None).await.is(200);
    assert_eq!(cache_status(&head), HIT);
    assert_eq!((head.header("etag"), head.headers.len()), (get.header("etag"), get.headers.len()));
}

#[api_test]
async fn rate_limits_and_cors_apply_to_cached_responses() {
    let settings = [("rate_limits", "on"), ("cors_origins", "https://www.acme.test")];
    let api = Api::with(&settings).await.from("203.0.113.77").header("origin", "https://www.acme.test");
    api.get("/api/tags").await.is(200);
    let mut hits = 0;
    loop {
        let response = api.get("/api/tags").await;
        if response.status == 429 {
            break;
        }
        assert_eq!(response.header("access-control-allow-origin"), "https://www.acme.test");
        assert!(response.headers.contains_key("ratelimit"), "{response:?}");
        hits += usize::from(cache_status(&response) == HIT);
    }
    assert!(hits > 10, "{hits}");
}
