//! Posts that are published and taken back by themselves: at their time or later, and once.
use serde_json::{Value, json};
use tenon::{
    domain::timestamp::Timestamp,
    http::auth::Role,
    infra::queue::{ClaimedJob, Queue},
    worker::{self, WorkerTimings},
};
use tokio::{
    sync::watch,
    time::{Duration, sleep},
};

use crate::support::{Api, START, poll_until};

const HOUR: i64 = 60 * 60 * 1000;

fn at(hours: i64) -> String {
    Timestamp(START + hours * HOUR).to_string()
}

fn draft(title: &str, publish: Option<i64>, unpublish: Option<i64>) -> Value {
    let mut post = json!({ "title": title, "content": "0123456789" });
    for (member, hours) in [("publishAt", publish), ("unpublishAt", unpublish)] {
        if let Some(hours) = hours {
            post[member] = json!(at(hours));
        }
    }
    post
}

fn workers(api: &Api) -> watch::Sender<bool> {
    let (stop, stopping) = watch::channel(false);
    tokio::spawn(worker::run_worker(api.app.clone(), WorkerTimings::scaled(0.02), stopping));
    stop
}

async fn until(api: &Api, path: &str, status: u16) -> Value {
    for _ in 0..3_000 {
        let answer = api.get(path).await;
        if answer.status == status {
            return answer.body;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("{path} never got {status}")
}

/// When the job that waits for posts is due, of each there is.
async fn waiting(api: &Api) -> Vec<String> {
    let admin = api.sign_in(Role::Admin).await;
    let jobs = admin.get("/api/jobs?kind=posts.schedule&state=ready").await.is(200).body;
    let jobs = jobs["data"].as_array().expect("jobs").iter();
    jobs.map(|job| job["runAt"].as_str().expect("a time").to_owned()).collect()
}

async fn changes(api: &Api, path: &str) -> Vec<Value> {
    let editor = api.sign_in(Role::Editor).await;
    let list = editor.get(&format!("{path}/revisions?limit=50")).await.is(200).body;
    list["data"].as_array().expect("entries").iter().map(|entry| entry["change"].clone()).collect()
}

/// Takes the job that is due.
async fn claimed(api: &Api, lease: i64) -> Option<ClaimedJob> {
    let now = api.clock.now();
    api.app.db.claim_jobs(Queue::Internal, 1, now, now + lease).await.expect("the queue is there").pop()
}

async fn publish(api: &Api, job: &ClaimedJob) -> bool {
    let due = job.data().expect("what it is about");
    api.app.posts.publish_due(due, job.clone()).await.is_ok()
}

#[api_test]
async fn a_post_is_published_and_taken_back_at_its_times() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let made = author.post("/api/posts", draft("Soon", Some(1), Some(3))).await.is(201);
    assert_eq!((&made.body["publishAt"], &made.body["published"]), (&json!(at(1)), &json!(false)));
    let path = format!("/api/posts/{}", made.id());
    api.clock.advance(HOUR - 1);
    assert!(claimed(&api, 1000).await.is_none());
    let stop = workers(&api);
    api.get(&path).await.is(404);
    api.clock.advance(1);
    let shown = until(&api, &path, 200).await;
    assert_eq!((&shown["publishedAt"], shown.get("publishAt")), (&json!(at(1)), None));
    assert_eq!(api.get("/api/posts").await.is(200).body["pagination"]["total"], 1);
    assert_eq!(waiting(&api).await, [at(3)]);
    api.clock.advance(2 * HOUR);
    until(&api, &path, 404).await;
    let editor = api.sign_in(Role::Editor).await;
    let after = editor.get(&path).await.is(200).body;
    assert_eq!((after.get("unpublishAt"), &after["published"]), (None, &json!(false)));
    assert!(waiting(&api).await.is_empty());
    assert_eq!(changes(&api, &path).await, ["unpublished", "published", "created"]);
    drop(stop);
}

#[api_test(worker_threads = 4)]
async fn after_a_downtime_it_is_done_late_and_once() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let mut paths = Vec::new();
    for number in 0..12 {
        let made = author.post("/api/posts", draft(&format!("Number {number}"), Some(1), None)).await.is(201);
        paths.push(format!("/api/posts/{}", made.id()));
    }
    let over = author.post("/api/posts", draft("Over", Some(1), Some(2))).await.is(201).id();
    api.clock.advance(48 * HOUR);
    let other = api.second_instance().await;
    let stops = [workers(&api), workers(&other)];
    for path in &paths {
        assert_eq!(until(&api, path, 200).await["publishedAt"], at(1));
    }
    for _ in 0..3_000 {
        if waiting(&api).await.is_empty() {
            break;
        }
        sleep(Duration::from_millis(20)).await;
    }
    let admin = api.sign_in(Role::Admin).await;
    poll_until("no job is running", async || {
        let running = admin.get("/api/jobs?state=running").await.is(200).body;
        (running["pagination"]["total"] == 0).then_some(())
    })
    .await;
    for path in &paths {
        assert_eq!(changes(&api, path).await, ["published", "created"]);
    }
    // What was over before it could begin never shows.
    assert_eq!(changes(&api, &format!("/api/posts/{over}")).await, ["unpublished", "created"]);
    drop(stops);
}

#[api_test]
async fn a_worker_that_was_too_slow_or_comes_again_publishes_nothing() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let made = author.post("/api/posts", draft("Once", Some(1), None)).await.is(201);
    let path = format!("/api/posts/{}", made.id());
    assert!(claimed(&api, HOUR).await.is_none());
    api.clock.advance(HOUR);
    let slow = claimed(&api, 1000).await.expect("a job");
    api.clock.advance(1001);
    let fast = claimed(&api, 1000).await.expect("the job of the one that is too slow");
    assert!(!publish(&api, &slow).await);
    api.get(&path).await.is(404);
    assert!(publish(&api, &fast).await);
    assert!(!publish(&api, &fast).await && !publish(&api, &slow).await);
    assert_eq!(changes(&api, &path).await, ["published", "created"]);
    assert!(claimed(&api, 1000).await.is_none());
}

#[api_test]
async fn changing_one_s_mind_takes_the_job_along() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let path =
        format!("/api/posts/{}", author.post("/api/posts", draft("Maybe", Some(1), None)).await.is(201).id());
    assert_eq!(waiting(&api).await, [at(1)]);
    author.patch(&path, json!({ "title": "Perhaps" })).await.is(200);
    assert_eq!(waiting(&api).await, [at(1)]);
    author.patch(&path, json!({ "publishAt": at(5), "unpublishAt": at(6) })).await.is(200);
    assert_eq!(waiting(&api).await, [at(5)]);
    author.patch(&path, json!({ "publishAt": null })).await.is(200);
    assert_eq!(waiting(&api).await, [at(6)]);
    author.put(&path, draft("Never", None, None)).await.is(200);
    assert!(waiting(&api).await.is_empty());
    author.patch(&path, json!({ "publishAt": at(2), "unpublishAt": at(3) })).await.is(200);
    let now = author.patch(&path, json!({ "published": true })).await.is(200).body;
    assert_eq!((now.get("publishAt"), &now["unpublishAt"]), (None, &json!(at(3))));
    assert_eq!(waiting(&api).await, [at(3)]);
    let back = author.patch(&path, json!({ "published": false })).await.is(200).body;
    assert_eq!(back.get("unpublishAt"), None);
    author.patch(&path, json!({ "publishAt": at(2) })).await.is(200);
    author.delete(&path).await.is(204);
    assert!(waiting(&api).await.is_empty());
    // Out of the trash it is a draft that waits for nothing.
    assert_eq!(author.post_empty(&format!("{path}/restore")).await.is(200).body.get("publishAt"), None);
}

#[api_test]
async fn a_change_while_the_job_runs_is_heeded() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let path =
        format!("/api/posts/{}", author.post("/api/posts", draft("Later", Some(1), None)).await.is(201).id());
    api.clock.advance(HOUR);
    let job = claimed(&api, 1000).await.expect("a job");
    let author = api.sign_in(Role::Editor).await;
    author.patch(&path, json!({ "publishAt": at(2) })).await.is(200);
    assert!(publish(&api, &job).await);
    api.get(&path).await.is(404);
    assert_eq!(waiting(&api).await, [at(2)]);
    api.clock.advance(HOUR);
    let job = claimed(&api, 1000).await.expect("the next job");
    assert!(publish(&api, &job).await);
    api.get(&path).await.is(200);
}

#[api_test]
async fn what_is_to_come_shows_to_whoever_may_change_it() {
    let api = Api::start().await;
    let (author, other) = (api.sign_in(Role::Author).await, api.sign_in(Role::Author).await);
    let editor = api.sign_in(Role::Editor).await;
    let mut open = draft("Open", None, Some(1));
    open["published"] = json!(true);
    let made = author.post("/api/posts", open).await.is(201);
    let path = format!("/api/posts/{}", made.id());
    for (who, sees) in [(&api, false), (&other, false), (&author, true), (&editor, true)] {
        let one = who.get(&path).await.is(200);
        assert_eq!(one.body.get("unpublishAt").is_some(), sees);
        assert_eq!(one.header("etag") == made.header("etag"), sees);
        let list = who.get("/api/posts?limit=1").await.is(200).body;
        assert_eq!(list["data"][0].get("unpublishAt").is_some(), sees);
        assert_eq!(who.get("/api/posts/open").await.is(200).body.get("unpublishAt").is_some(), sees);
    }
    let etag = editor.get(&path).await.is(200).header("etag").to_owned();
    editor.header("if-match", &etag).patch(&path, json!({ "unpublishAt": null })).await.is(200);
    let link = author.post_empty(&format!("{path}/preview")).await.is(201).body["url"].clone();
    author.patch(&path, json!({ "unpublishAt": at(4) })).await.is(200);
    assert_eq!(author.get(link.as_str().expect("a link")).await.is(200).body.get("unpublishAt"), None);
}

#[api_test]
async fn times_that_make_no_sense_are_refused() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    for (publish, unpublish, place) in [
        (Some(0), None, "#/publishAt"),
        (Some(2), Some(2), "#/unpublishAt"),
        (None, Some(-1), "#/unpublishAt"),
    ] {
        let refused = author.post("/api/posts", draft("No", publish, unpublish)).await.is(409);
        assert_eq!(refused.locations(), [place]);
    }
    let mut now = draft("Now", Some(1), None);
    now["published"] = json!(true);
    assert_eq!(author.post("/api/posts", now.clone()).await.is(409).locations(), ["#/publishAt"]);
    let path =
        format!("/api/posts/{}", author.post("/api/posts", draft("Yes", Some(3), None)).await.is(201).id());
    author.patch(&path, json!({ "unpublishAt": at(2) })).await.is(409);
    author.put(&path, now).await.is(409);
    author.patch(&path, json!({ "publishAt": "tomorrow" })).await.is(400);
    author.patch(&path, json!({ "published": true })).await.is(200);
    author.patch(&path, json!({ "publishAt": at(2) })).await.is(409);
    assert!(waiting(&api).await.is_empty());
}
