//! Many at once: whoever names a version changes that version or nothing, and counts stay what they count.
use serde_json::{Value, json};
use tenon::http::auth::Role;

use crate::{
    posts::new,
    support::{Api, Response},
};

/// Asks all at the same time, and says with which statuses they were answered, sorted.
pub async fn at_once<F, Fut>(count: usize, ask: F) -> Vec<u16>
where
    F: Fn(usize) -> Fut,
    Fut: Future<Output = Response> + Send + 'static,
{
    let asked: Vec<_> = (0..count).map(|number| tokio::spawn(ask(number))).collect();
    let mut statuses = Vec::with_capacity(count);
    for answer in asked {
        statuses.push(answer.await.expect("the request ends").status);
    }
    statuses.sort_unstable();
    statuses
}

/// What a post says of its comments, and how many there are for everybody.
async fn counted(api: &Api, post: &str) -> (Value, Value) {
    let said = api.get(&format!("/api/posts/{post}")).await.is(200).body["commentsCount"].clone();
    let seen = api.get(&format!("/api/posts/{post}/comments")).await.is(200).body;
    (said, seen["pagination"]["total"].clone())
}

#[api_test(worker_threads = 4)]
async fn a_comment_that_many_approve_counts_once() {
    let api = Api::start().await;
    let (editor, reader) = (api.sign_in(Role::Editor).await, api.sign_in(Role::Reader).await);
    let post = editor.post("/api/posts", new("Judged")).await.is(201).id();
    for _ in 0..5 {
        let thread = format!("/api/posts/{post}/comments");
        let path =
            reader.post(&thread, json!({ "content": "Yes" })).await.is(201).header("location").to_owned();
        for status in ["approved", "rejected", "approved"] {
            at_once(6, |_| {
                let (editor, path) = (editor.clone(), path.clone());
                async move { editor.patch(&path, json!({ "status": status })).await.is(200) }
            })
            .await;
            let (said, seen) = counted(&api, &post).await;
            assert_eq!(said, seen, "after all said {status}");
        }
    }
}

#[api_test(worker_threads = 4)]
async fn a_thread_that_goes_while_it_is_answered_leaves_a_right_count() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let post = editor.post("/api/posts", new("Cut short")).await.is(201).id();
    let thread = format!("/api/posts/{post}/comments");
    for _ in 0..8 {
        let top = editor.post(&thread, json!({ "content": "Top" })).await.is(201).id();
        let below = json!({ "content": "Below", "parentId": top });
        let below = editor.post(&thread, below).await.is(201).id();
        let statuses = at_once(9, |number| {
            let (editor, thread) = (editor.clone(), thread.clone());
            let (top, below) = (top.clone(), below.clone());
            async move {
                match number {
                    4 => editor.delete(&format!("/api/comments/{top}")).await,
                    _ => editor.post(&thread, json!({ "content": "And", "parentId": below })).await,
                }
            }
        })
        .await;
        assert!(statuses.iter().all(|status| [201, 204, 409].contains(status)), "{statuses:?}");
        let (said, seen) = counted(&api, &post).await;
        assert_eq!(said, seen);
    }
}

#[api_test(worker_threads = 4)]
async fn of_those_who_mean_one_version_one_changes_it() {
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
            let mut statuses = at_once(6, |number| {
                let (editor, path) = (editor.header("if-match", &etag), path.to_owned());
                async move {
                    // What is there already would be no change, and refused to nobody.
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
async fn of_those_who_want_to_be_first_one_is() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await.header("if-none-match", "*");
    for path in ["/api/tags/first", "/api/docs/first/of-all"] {
        let statuses = at_once(6, |number| {
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
    let anyhow = api.sign_in(Role::Editor).await;
    for path in ["/api/tags/whoever", "/api/docs/whoever"] {
        let statuses = at_once(6, |number| {
            let (editor, path) = (anyhow.clone(), path.to_owned());
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
async fn tags_that_go_while_they_are_given_stop_nobody() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let mut posts = Vec::new();
    for number in 0..3 {
        posts.push(editor.post("/api/posts", new(&format!("Number {number}"))).await.is(201).id());
    }
    for round in 0..6 {
        let statuses = at_once(6, |number| {
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
