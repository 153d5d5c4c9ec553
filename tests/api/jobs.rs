//! Jobs, as admins see them and as workers do them.
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

/// Workers, until the sender is dropped or says so.
pub fn workers(api: &Api) -> watch::Sender<bool> {
    let (stop, stopping) = watch::channel(false);
    tokio::spawn(worker::run_worker(api.app.clone(), WorkerTimings::scaled(0.02), stopping));
    stop
}

/// The job, when it has come to this.
async fn until(admin: &Api, path: &str, state: &str) -> Response {
    for _ in 0..3_000 {
        let job = admin.get(path).await.is(200);
        if job.body["state"] == state {
            return job;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("{path} never got {state}: {:?}", admin.get(path).await.body)
}

async fn ask(api: &Api, kind: &'static str) -> String {
    ask_for(api, kind, 1).await
}

async fn ask_for(api: &Api, kind: &'static str, attempts: i32) -> String {
    let now = api.clock.now();
    let job = async move |tx: Tx| tx.enqueue(NewJob::new(kind, &())?.max_attempts(attempts), now).await;
    let made = api.app.db.write(job).await;
    format!("/api/jobs/{}", made.expect("the job is kept"))
}

#[api_test]
async fn jobs_are_done_and_what_cannot_be_done_is_dead_and_says_why() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let (good, bad) = (ask(&api, "service.sweep").await, ask(&api, "service.unheard").await);
    let listed = admin.get("/api/jobs").await.is(200);
    assert_eq!(listed.body["pagination"]["total"], 2);
    assert_eq!(listed.body["data"][0]["state"], "ready");
    admin.header("if-none-match", listed.header("etag")).get("/api/jobs").await.is(304);
    let stop = workers(&api);
    until(&admin, &good, "done").await;
    let dead = until(&admin, &bad, "dead").await;
    assert!(dead.body["lastError"].as_str().expect("a reason").contains("service.unheard"));
    let only = admin.get("/api/jobs?state=dead&kind=service.unheard").await.is(200);
    assert_eq!(only.body["pagination"]["total"], 1);
    let tag = dead.header("etag").to_owned();
    admin.header("if-none-match", &tag).get(&bad).await.is(304);
    // Again: it dies again, with a new finish.
    let again = admin.post_empty(&format!("{bad}/retry")).await.is(202);
    assert_eq!(again.header("location"), bad);
    assert_ne!(until(&admin, &bad, "dead").await.header("etag"), tag);
    drop(stop);
}

/// While a new version takes over, workers of the old one meet kinds that they do not know.
#[api_test]
async fn a_kind_that_a_worker_does_not_know_is_left_for_another_try() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let job = ask_for(&api, "service.unheard", 2).await;
    let stop = workers(&api);
    for _ in 0..3_000 {
        if admin.get(&job).await.is(200).body["attempts"] == 1 {
            break;
        }
        sleep(Duration::from_millis(20)).await;
    }
    let tried = until(&admin, &job, "ready").await.body;
    assert_eq!(tried["attempts"], 1);
    assert!(tried["lastError"].as_str().expect("a reason").contains("service.unheard"));
    api.clock.advance(60_000);
    let admin = api.sign_in(Role::Admin).await;
    until(&admin, &job, "dead").await;
    drop(stop);
}

#[api_test]
async fn a_job_that_waits_cannot_be_done_again() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let job = ask(&api, "service.sweep").await;
    admin.post_empty(&format!("{job}/retry")).await.is(409);
    admin.get("/api/jobs/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f").await.is(404);
    admin.post_empty("/api/jobs/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f/retry").await.is(404);
    assert_eq!(admin.get("/api/jobs?state=gone").await.is(400).locations(), ["state"]);
    assert_eq!(admin.get("/api/jobs?limit=1").await.is(200).body["data"][0]["kind"], json!("service.sweep"));
}

#[api_test]
async fn a_schedule_leaves_its_next_round() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    for _ in 0..2 {
        worker::schedule::ensure_scheduled(&api.app).await.expect("the schedules begin");
    }
    let first = admin.get("/api/jobs?kind=service.sweep").await.is(200);
    assert_eq!(first.body["pagination"]["total"], 1);
    let first = format!("/api/jobs/{}", first.body["data"][0]["id"].as_str().expect("an id"));
    let stop = workers(&api);
    until(&admin, &first, "done").await;
    let waiting = admin.get("/api/jobs?kind=service.sweep&state=ready").await.is(200);
    assert_eq!(waiting.body["pagination"]["total"], 1);
    api.clock.advance(3_600_000);
    let admin = api.sign_in(Role::Admin).await;
    let next = format!("/api/jobs/{}", waiting.body["data"][0]["id"].as_str().expect("an id"));
    until(&admin, &next, "done").await;
    drop(stop);
}
