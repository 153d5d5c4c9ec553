//! Concurrent requests: one of several conditional updates succeeds, and stored counts are correct.
use serde_json::{Value, json};
use tenon::http::auth::Role;

use crate::{
    posts::new,
    support::{Api, Response},
};

/// Sends `count` requests concurrently and returns the sorted status codes of the responses.
pub async fn run_concurrently<F, Fut>(count: usize, request: F) -> Vec<u16>
where
    F: Fn(usize) -> Fut,
    Fut: Future<Output = Response> + Send + 'static,
{
    let tasks: Vec<_> = (0..count).map(|number| tokio::spawn(request(number))).collect();
    let mut statuses = Vec::with_capacity(count);
    for task in tasks {
        statuses.push(task.await.expect("the request completes").status);
    }
    statuses.sort_unstable();
    statuses
}

/// Returns the stored comment count of a post and the total of its comment list.
async fn comment_counts(api: &Api, post: &str) -> (Value, Value) {
    let stored = api.get(&format!("/api/posts/{post}")).await.is(200).body["commentsCount"].clone();
    let listed = api.get(&format!("/api/posts/{post}/comments")).await.is(200).body;
    (stored, listed["pagination"]["total"].clone())
}

#[api_test(worker_threads = 4)]
async fn concurrent_approvals_count_a_comment_once() {
    let api = Api::start().await;
    let (editor, reader) = (api.sign_in(Role::Editor).await, api.sign_in(Role::Reader).await);
    let post = editor.post("/api/posts", new("Judged")).await.is(201).id();
    for _ in 0..5 {
        let thread = format!("/api/posts/{post}/comments");
        let path =
            reader.post(&thread, json!({ "content": "Yes" })).await.is(201).header("location").to_owned();
        for status in ["approved", "rejected", "approved"] {
            run_concurrently(6, |_| {
                let (editor, path) = (editor.clone(), path.clone());
                async move { editor.patch(&path, json!({ "status": status })).await.is(200) }
            })
            .await;
            let (stored, listed) = comment_counts(&api, &post).await;
            assert_eq!(stored, listed, "after concurrent updates to {status}");
        }
    }
}

#[api_test(worker_threads = 4)]
async fn the_comment_count_is_correct_after_concurrent_replies_and_a_delete() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let post = editor.post("/api/posts", new("Cut short")).await.is(201).id();
    let thread = format!("/api/posts/{post}/comments");
    for _ in 0..8 {
        let parent = editor.post(&thread, json!({ "content": "Top" })).await.is(201).id();
        let reply = json!({ "content": "Below", "parentId": parent });
        let reply = editor.post(&thread, reply).await.is(201).id();
        let statuses = run_concurrently(9, |number| {
            let (editor, thread) = (editor.clone(), thread.clone());
            let (parent, reply) = (parent.clone(), reply.clone());
            async move {
                match number {
                    4 => editor.delete(&format!("/api/comments/{parent}")).await,
                    _ => editor.post(&thread, json!({ "content": "And", "parentId": reply })).await,
                }
            }
        })
        .await;
        assert!(statuses.iter().all(|status| [201, 204, 409].contains(status)), "{statuses:?}");
        let (stored, listed) = comment_counts(&api, &post).await;
        assert_eq!(stored, listed);
    }
}

#[api_test(worker_threads = 4)]
async fn one_of_several_concurrent_updates_with_the_same_if_match_succeeds() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let post = editor.post("/api/posts", new("Held")).await.is(201).id();
    let comment = format!("/api/posts/{post}/comments");
    let comment = editor.post(&comment, json!({ "content": "Held" })).await.is(201).id();
    editor.put("/api/tags/held", json!({ "name": "Held" })).await.is(201);
    editor.put("/api/docs/held", json!({ "title": "Held", "content": "" })).await.is(201);
    for path in ["/api/tags/held", "/api/docs/held", &format!("/api/comments/{comment}")] {
        for round in 0..4 {
            let etag = api.get(path).await.is(200).header("etag").to_owned();
            let mut statuses = run_concurrently(6, |number| {
                let (editor, path) = (editor.header("if-match", &etag), path.to_owned());
                async move {
                    // Each request sends a different text, because an update without a change does not change
                    // the entity tag.
                    let text = format!("Number {number} of round {round}");
                    match path.split('/').nth(2) {
                        Some("tags") => editor.patch(&path, json!({ "name": text })).await,
                        Some("docs") => editor.put(&path, json!({ "title": text, "content": "" })).await,
                        _ => editor.patch(&path, json!({ "content": text })).await,
                    }
                }
            })
            .await;
            assert_eq!(statuses.remove(0), 200, "{path}");
            assert!(statuses.iter().all(|status| *status == 412), "{path}: {statuses:?}");
        }
    }
}

#[api_test(worker_threads = 4)]
async fn one_of_several_concurrent_creates_succeeds() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await.header("if-none-match", "*");
    for path in ["/api/tags/first", "/api/docs/first/of-all"] {
        let statuses = run_concurrently(6, |number| {
            let (editor, path) = (editor.clone(), path.to_owned());
            async move {
                let text = format!("Number {number}");
                match path.contains("/tags/") {
                    true => editor.put(&path, json!({ "name": text })).await,
                    false => editor.put(&path, json!({ "title": text, "content": "" })).await,
                }
            }
        })
        .await;
        assert_eq!(statuses, [201, 412, 412, 412, 412, 412], "{path}");
    }
    let unconditional = api.sign_in(Role::Editor).await;
    for path in ["/api/tags/whoever", "/api/docs/whoever"] {
        let statuses = run_concurrently(6, |number| {
            let (editor, path) = (unconditional.clone(), path.to_owned());
            async move {
                let text = format!("Number {number}");
                match path.contains("/tags/") {
                    true => editor.put(&path, json!({ "name": text })).await,
                    false => editor.put(&path, json!({ "title": text, "content": "" })).await,
                }
            }
        })
        .await;
        assert_eq!(statuses, [200, 200, 200, 200, 200, 201], "{path}");
    }
}

#[api_test(worker_threads = 4)]
async fn accepts_concurrent_assignments_and_deletes_of_a_tag() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let mut posts = Vec::new();
    for number in 0..3 {
        posts.push(editor.post("/api/posts", new(&format!("Number {number}"))).await.is(201).id());
    }
    for round in 0..6 {
        let statuses = run_concurrently(6, |number| {
            let (editor, post) = (editor.clone(), posts[number / 2].clone());
            async move {
                let tags = if round % 2 == 0 { ["oak", "ash"] } else { ["ash", "oak"] };
                match number % 2 {
                    0 => editor.patch(&format!("/api/posts/{post}"), json!({ "tags": tags })).await,
                    _ => editor.delete("/api/tags/oak").await,
                }
            }
        })
        .await;
        assert!(statuses.iter().all(|status| [200, 204, 404].contains(status)), "{statuses:?}");
    }
}
