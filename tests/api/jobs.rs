//! Jobs: requests of admins, the worker, and schedules.
use serde_json::json;
use tenon::{
    http::auth::Role,
    infra::{db::Tx, queue::NewJob},
    worker::{self, WorkerTimings},
};
use tokio::{
    sync::watch,
    time::{Duration, sleep},
};

use crate::support::{Api, Response};

/// Starts a worker. It stops when the returned sender is dropped.
pub fn start_worker(api: &Api) -> watch::Sender<bool> {
    let (stop, stopping) = watch::channel(false);
    tokio::spawn(worker::run_worker(api.app.clone(), WorkerTimings::scaled(0.02), stopping));
    stop
}

/// Polls until the job has this state and returns it.
async fn wait_for_state(admin: &Api, path: &str, state: &str) -> Response {
    for _ in 0..3_000 {
        let job = admin.get(path).await.is(200);
        if job.body["state"] == state {
            return job;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("{path} did not reach the state {state} within 60 s: {:?}", admin.get(path).await.body)
}

async fn enqueue(api: &Api, kind: &'static str) -> String {
    enqueue_with_attempts(api, kind, 1).await
}

async fn enqueue_with_attempts(api: &Api, kind: &'static str, attempts: i32) -> String {
    let now = api.clock.now();
    let job = async move |tx: Tx| tx.enqueue(NewJob::new(kind, &())?.max_attempts(attempts), now).await;
    let id = api.app.db.write(job).await;
    format!("/api/jobs/{}", id.expect("the job is stored"))
}

#[api_test]
async fn a_job_that_fails_is_dead_and_has_an_error() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let (good, bad) = (enqueue(&api, "service.sweep").await, enqueue(&api, "service.unheard").await);
    let listed = admin.get("/api/jobs").await.is(200);
    assert_eq!(listed.body["pagination"]["total"], 2);
    assert_eq!(listed.body["data"][0]["state"], "ready");
    admin.header("if-none-match", listed.header("etag")).get("/api/jobs").await.is(304);
    let stop = start_worker(&api);
    wait_for_state(&admin, &good, "done").await;
    let dead = wait_for_state(&admin, &bad, "dead").await;
    assert!(dead.body["lastError"].as_str().expect("a reason").contains("service.unheard"));
    let only = admin.get("/api/jobs?state=dead&kind=service.unheard").await.is(200);
    assert_eq!(only.body["pagination"]["total"], 1);
    let tag = dead.header("etag").to_owned();
    admin.header("if-none-match", &tag).get(&bad).await.is(304);
    // A retry fails with the same error and updates the finish time.
    let again = admin.post_empty(&format!("{bad}/retry")).await.is(202);
    assert_eq!(again.header("location"), bad);
    assert_ne!(wait_for_state(&admin, &bad, "dead").await.header("etag"), tag);
    drop(stop);
}

/// During an upgrade, workers of the previous version claim jobs of kinds that they cannot handle.
#[api_test]
async fn a_job_of_an_unknown_kind_is_retried() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let job = enqueue_with_attempts(&api, "service.unheard", 2).await;
    let stop = start_worker(&api);
    for _ in 0..3_000 {
        if admin.get(&job).await.is(200).body["attempts"] == 1 {
            break;
        }
        sleep(Duration::from_millis(20)).await;
    }
    let tried = wait_for_state(&admin, &job, "ready").await.body;
    assert_eq!(tried["attempts"], 1);
    assert!(tried["lastError"].as_str().expect("a reason").contains("service.unheard"));
    api.clock.advance(60_000);
    let admin = api.sign_in(Role::Admin).await;
    wait_for_state(&admin, &job, "dead").await;
    drop(stop);
}

#[api_test]
async fn rejects_a_retry_of_a_ready_job() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let job = enqueue(&api, "service.sweep").await;
    admin.post_empty(&format!("{job}/retry")).await.is(409);
    admin.get("/api/jobs/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f").await.is(404);
    admin.post_empty("/api/jobs/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f/retry").await.is(404);
    assert_eq!(admin.get("/api/jobs?state=gone").await.is(400).locations(), ["state"]);
    assert_eq!(admin.get("/api/jobs?limit=1").await.is(200).body["data"][0]["kind"], json!("service.sweep"));
}

#[api_test]
async fn a_schedule_enqueues_its_next_run() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    for _ in 0..2 {
        worker::schedule::ensure_scheduled(&api.app).await.expect("the schedules are stored");
    }
    let first = admin.get("/api/jobs?kind=service.sweep").await.is(200);
    assert_eq!(first.body["pagination"]["total"], 1);
    let first = format!("/api/jobs/{}", first.body["data"][0]["id"].as_str().expect("an id"));
    let stop = start_worker(&api);
    wait_for_state(&admin, &first, "done").await;
    let scheduled = admin.get("/api/jobs?kind=service.sweep&state=ready").await.is(200);
    assert_eq!(scheduled.body["pagination"]["total"], 1);
    api.clock.advance(3_600_000);
    let admin = api.sign_in(Role::Admin).await;
    let next = format!("/api/jobs/{}", scheduled.body["data"][0]["id"].as_str().expect("an id"));
    wait_for_state(&admin, &next, "done").await;
    drop(stop);
}
