//! Scheduled posts: workers publish and unpublish them once, at the scheduled time or later.
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
    for (field, hours) in [("publishAt", publish), ("unpublishAt", unpublish)] {
        if let Some(hours) = hours {
            post[field] = json!(at(hours));
        }
    }
    post
}

fn workers(api: &Api) -> watch::Sender<bool> {
    let (stop, stopping) = watch::channel(false);
    tokio::spawn(worker::run_worker(api.app.clone(), WorkerTimings::scaled(0.02), stopping));
    stop
}

async fn wait_for_status(api: &Api, path: &str, status: u16) -> Value {
    for _ in 0..3_000 {
        let response = api.get(path).await;
        if response.status == status {
            return response.body;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("{path}: no response with status {status} within 60 seconds")
}

/// Returns the due times of the queued `posts.schedule` jobs.
async fn due_times(api: &Api) -> Vec<String> {
    let admin = api.sign_in(Role::Admin).await;
    let jobs = admin.get("/api/jobs?kind=posts.schedule&state=ready").await.is(200).body;
    let jobs = jobs["data"].as_array().expect("jobs").iter();
    jobs.map(|job| job["runAt"].as_str().expect("a time").to_owned()).collect()
}

async fn revision_changes(api: &Api, path: &str) -> Vec<Value> {
    let editor = api.sign_in(Role::Editor).await;
    let list = editor.get(&format!("{path}/revisions?limit=50")).await.is(200).body;
    list["data"].as_array().expect("entries").iter().map(|entry| entry["change"].clone()).collect()
}

/// Claims the job that is due, if any.
async fn claim_job(api: &Api, lease: i64) -> Option<ClaimedJob> {
    let now = api.clock.now();
    api.app.db.claim_jobs(Queue::Internal, 1, now, now + lease).await.expect("the query succeeds").pop()
}

async fn run_job(api: &Api, job: &ClaimedJob) -> bool {
    let due = job.data().expect("job data");
    api.app.posts.publish_due(due, job.clone()).await.is_ok()
}

#[api_test]
async fn publishes_and_unpublishes_a_post_on_schedule() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let created = author.post("/api/posts", draft("Soon", Some(1), Some(3))).await.is(201);
    assert_eq!((&created.body["publishAt"], &created.body["published"]), (&json!(at(1)), &json!(false)));
    let path = format!("/api/posts/{}", created.id());
    api.clock.advance(HOUR - 1);
    assert!(claim_job(&api, 1000).await.is_none());
    let stop = workers(&api);
    api.get(&path).await.is(404);
    api.clock.advance(1);
    let published = wait_for_status(&api, &path, 200).await;
    assert_eq!((&published["publishedAt"], published.get("publishAt")), (&json!(at(1)), None));
    assert_eq!(api.get("/api/posts").await.is(200).body["pagination"]["total"], 1);
    assert_eq!(due_times(&api).await, [at(3)]);
    api.clock.advance(2 * HOUR);
    wait_for_status(&api, &path, 404).await;
    let editor = api.sign_in(Role::Editor).await;
    let unpublished = editor.get(&path).await.is(200).body;
    assert_eq!((unpublished.get("unpublishAt"), &unpublished["published"]), (None, &json!(false)));
    assert!(due_times(&api).await.is_empty());
    assert_eq!(revision_changes(&api, &path).await, ["unpublished", "published", "created"]);
    drop(stop);
}

#[api_test(worker_threads = 4)]
async fn publishes_overdue_posts_once_after_a_downtime() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let mut paths = Vec::new();
    for number in 0..12 {
        let created =
            author.post("/api/posts", draft(&format!("Number {number}"), Some(1), None)).await.is(201);
        paths.push(format!("/api/posts/{}", created.id()));
    }
    let ended = author.post("/api/posts", draft("Over", Some(1), Some(2))).await.is(201).id();
    api.clock.advance(48 * HOUR);
    let other = api.second_instance().await;
    let stops = [workers(&api), workers(&other)];
    for path in &paths {
        assert_eq!(wait_for_status(&api, path, 200).await["publishedAt"], at(1));
    }
    for _ in 0..3_000 {
        if due_times(&api).await.is_empty() {
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
        assert_eq!(revision_changes(&api, path).await, ["published", "created"]);
    }
    // A post whose `unpublishAt` has passed is not published.
    assert_eq!(revision_changes(&api, &format!("/api/posts/{ended}")).await, ["unpublished", "created"]);
    drop(stops);
}

#[api_test]
async fn a_worker_with_an_expired_lease_publishes_nothing() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let created = author.post("/api/posts", draft("Once", Some(1), None)).await.is(201);
    let path = format!("/api/posts/{}", created.id());
    assert!(claim_job(&api, HOUR).await.is_none());
    api.clock.advance(HOUR);
    let expired = claim_job(&api, 1000).await.expect("a job");
    api.clock.advance(1001);
    let current = claim_job(&api, 1000).await.expect("the job whose lease has expired");
    assert!(!run_job(&api, &expired).await);
    api.get(&path).await.is(404);
    assert!(run_job(&api, &current).await);
    assert!(!run_job(&api, &current).await && !run_job(&api, &expired).await);
    assert_eq!(revision_changes(&api, &path).await, ["published", "created"]);
    assert!(claim_job(&api, 1000).await.is_none());
}

#[api_test]
async fn an_update_of_the_schedule_updates_the_job() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let path =
        format!("/api/posts/{}", author.post("/api/posts", draft("Maybe", Some(1), None)).await.is(201).id());
    assert_eq!(due_times(&api).await, [at(1)]);
    author.patch(&path, json!({ "title": "Perhaps" })).await.is(200);
    assert_eq!(due_times(&api).await, [at(1)]);
    author.patch(&path, json!({ "publishAt": at(5), "unpublishAt": at(6) })).await.is(200);
    assert_eq!(due_times(&api).await, [at(5)]);
    author.patch(&path, json!({ "publishAt": null })).await.is(200);
    assert_eq!(due_times(&api).await, [at(6)]);
    author.put(&path, draft("Never", None, None)).await.is(200);
    assert!(due_times(&api).await.is_empty());
    author.patch(&path, json!({ "publishAt": at(2), "unpublishAt": at(3) })).await.is(200);
    let published = author.patch(&path, json!({ "published": true })).await.is(200).body;
    assert_eq!((published.get("publishAt"), &published["unpublishAt"]), (None, &json!(at(3))));
    assert_eq!(due_times(&api).await, [at(3)]);
    let unpublished = author.patch(&path, json!({ "published": false })).await.is(200).body;
    assert_eq!(unpublished.get("unpublishAt"), None);
    author.patch(&path, json!({ "publishAt": at(2) })).await.is(200);
    author.delete(&path).await.is(204);
    assert!(due_times(&api).await.is_empty());
    // A restored post has no schedule.
    assert_eq!(author.post_empty(&format!("{path}/restore")).await.is(200).body.get("publishAt"), None);
}

#[api_test]
async fn a_running_job_reads_the_updated_schedule() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let path =
        format!("/api/posts/{}", author.post("/api/posts", draft("Later", Some(1), None)).await.is(201).id());
    api.clock.advance(HOUR);
    let job = claim_job(&api, 1000).await.expect("a job");
    let author = api.sign_in(Role::Editor).await;
    author.patch(&path, json!({ "publishAt": at(2) })).await.is(200);
    assert!(run_job(&api, &job).await);
    api.get(&path).await.is(404);
    assert_eq!(due_times(&api).await, [at(2)]);
    api.clock.advance(HOUR);
    let job = claim_job(&api, 1000).await.expect("the next job");
    assert!(run_job(&api, &job).await);
    api.get(&path).await.is(200);
}

#[api_test]
async fn hides_the_schedule_without_write_permission() {
    let api = Api::start().await;
    let (author, other) = (api.sign_in(Role::Author).await, api.sign_in(Role::Author).await);
    let editor = api.sign_in(Role::Editor).await;
    let mut open = draft("Open", None, Some(1));
    open["published"] = json!(true);
    let created = author.post("/api/posts", open).await.is(201);
    let path = format!("/api/posts/{}", created.id());
    for (client, visible) in [(&api, false), (&other, false), (&author, true), (&editor, true)] {
        let one = client.get(&path).await.is(200);
        assert_eq!(one.body.get("unpublishAt").is_some(), visible);
        assert_eq!(one.header("etag") == created.header("etag"), visible);
        let list = client.get("/api/posts?limit=1").await.is(200).body;
        assert_eq!(list["data"][0].get("unpublishAt").is_some(), visible);
        assert_eq!(client.get("/api/posts/open").await.is(200).body.get("unpublishAt").is_some(), visible);
    }
    let etag = editor.get(&path).await.is(200).header("etag").to_owned();
    editor.header("if-match", &etag).patch(&path, json!({ "unpublishAt": null })).await.is(200);
    let link = author.post_empty(&format!("{path}/preview")).await.is(201).body["url"].clone();
    author.patch(&path, json!({ "unpublishAt": at(4) })).await.is(200);
    assert_eq!(author.get(link.as_str().expect("a link")).await.is(200).body.get("unpublishAt"), None);
}

#[api_test]
async fn rejects_invalid_schedules() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    for (publish, unpublish, location) in [
        (Some(0), None, "#/publishAt"),
        (Some(2), Some(2), "#/unpublishAt"),
        (None, Some(-1), "#/unpublishAt"),
    ] {
        let rejected = author.post("/api/posts", draft("No", publish, unpublish)).await.is(400);
        assert_eq!(rejected.locations(), [location]);
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
    assert!(due_times(&api).await.is_empty());
}

/// Sets a field of the account with this id.
async fn change_account(api: &Api, account: &str, patch: Value) {
    let admin = api.sign_in(Role::Admin).await;
    admin.patch(&format!("/api/users/{account}"), patch).await.is(200);
}

#[api_test]
async fn a_post_stays_a_draft_if_the_account_that_scheduled_it_lost_its_rights() {
    for lost in [json!({ "role": "reader" }), json!({ "status": "disabled" })] {
        let api = Api::start().await;
        let (author, _) = api.account(Role::Author).await;
        let account = author.get("/api/me").await.is(200).id();
        let of_author = author.post("/api/posts", draft("Lost", Some(1), Some(3))).await.is(201).id();
        let of_editor = author.post("/api/posts", draft("Adopted", None, None)).await.is(201).id();
        let published = author.post("/api/posts", draft("Open", None, None)).await.is(201).id();
        let editor = api.sign_in(Role::Editor).await;
        editor.patch(&format!("/api/posts/{of_editor}"), json!({ "publishAt": at(1) })).await.is(200);
        let ends = json!({ "published": true, "unpublishAt": at(1) });
        author.patch(&format!("/api/posts/{published}"), ends).await.is(200);
        change_account(&api, &account, lost).await;
        api.clock.advance(HOUR);
        while let Some(job) = claim_job(&api, 1000).await {
            assert!(run_job(&api, &job).await);
        }
        api.get(&format!("/api/posts/{of_author}")).await.is(404);
        api.get(&format!("/api/posts/{of_editor}")).await.is(200);
        // The end of a publication needs no right.
        api.get(&format!("/api/posts/{published}")).await.is(404);
        let editor = api.sign_in(Role::Editor).await;
        let draft = editor.get(&format!("/api/posts/{of_author}")).await.is(200).body;
        assert_eq!((draft.get("publishAt"), draft.get("unpublishAt")), (None, None));
        assert_eq!(revision_changes(&api, &format!("/api/posts/{of_author}")).await, ["changed", "created"]);
        assert!(due_times(&api).await.is_empty());
        let admin = api.sign_in(Role::Admin).await;
        let entries = admin.get("/api/audit?action=publication.rejected").await.is(200).body;
        let entries = entries["data"].as_array().expect("entries");
        assert_eq!(entries.len(), 1, "{entries:?}");
        assert_eq!(entries[0]["resourceId"], of_author);
        // An editor can publish it.
        editor.patch(&format!("/api/posts/{of_author}"), json!({ "publishAt": at(2) })).await.is(200);
        api.clock.advance(HOUR);
        let job = claim_job(&api, 1000).await.expect("a job");
        assert!(run_job(&api, &job).await);
        api.get(&format!("/api/posts/{of_author}")).await.is(200);
    }
}

#[api_test]
async fn a_job_without_an_account_belongs_to_the_author() {
    let api = Api::start().await;
    let (author, _) = api.account(Role::Author).await;
    let account = author.get("/api/me").await.is(200).id();
    let post = author.post("/api/posts", draft("Earlier", Some(1), None)).await.is(201).id();
    change_account(&api, &account, json!({ "role": "reader" })).await;
    api.clock.advance(HOUR);
    let job = claim_job(&api, 1000).await.expect("a job");
    let due = serde_json::from_value(json!({ "post": post })).expect("the data of an earlier program");
    api.app.posts.publish_due(due, job).await.expect("the job runs");
    api.get(&format!("/api/posts/{post}")).await.is(404);
}
