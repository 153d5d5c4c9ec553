//! What providers tell has its effect: once, whatever comes twice, late or in between.
use std::fs;

use serde_json::{Value, json};
use tenon::{
    http::auth::Role,
    infra::{db::Tx, queue::Queue},
    resources::webhooks::inbound::{Outcome, WebhookEventState},
    worker::{self, WorkerTimings},
};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Duration, sleep},
};
use uuid::Uuid;

use crate::{
    support::Api,
    webhooks::{GITHUB, STRIPE, event, github, house, listed, stripe},
};

/// What comes to be there in time.
async fn until<T>(look: impl AsyncFn() -> Option<T>) -> T {
    for _ in 0..3_000 {
        if let Some(found) = look().await {
            return found;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("it never came");
}

/// Workers, until the sender is dropped.
fn workers(api: &Api) -> (watch::Sender<bool>, JoinHandle<()>) {
    let (stop, stopping) = watch::channel(false);
    let working = tokio::spawn(worker::run_worker(api.app.clone(), WorkerTimings::scaled(0.02), stopping));
    (stop, working)
}

/// The events, newest first, when none of them waits any more. The clock of the house goes on meanwhile, so that what
/// failed for now is tried again.
async fn settled(admin: &Api) -> Vec<Value> {
    for _ in 0..1500 {
        if listed(admin, "?state=received").await.is_empty() {
            return listed(admin, "?limit=50").await;
        }
        sleep(Duration::from_millis(20)).await;
        admin.clock.advance(20);
    }
    panic!("still waiting: {:?}", listed(admin, "?state=received").await)
}

async fn invoice(admin: &Api, status: &str) -> Value {
    let email = format!("{}@acme.test", Uuid::now_v7().simple());
    let customer = admin.post("/api/v2/customers", json!({ "name": "Evil Rabbit", "email": email })).await;
    let new = json!({ "customerId": customer.is(201).id(), "amount": 15795, "status": status });
    admin.post("/api/v2/invoices/en-us", new).await.is(201).body
}

async fn state(admin: &Api, invoice: &Value) -> Value {
    let path = format!("/api/v2/invoices/en-us/{}", invoice["id"].as_str().expect("an id"));
    admin.get(&path).await.is(200).body["status"].clone()
}

fn paid(id: &str, name: &Value) -> Value {
    event(id, "invoice.paid", json!({ "metadata": { "invoice": name.to_string().trim_matches('"') } }))
}

fn refunded(id: &str, name: &Value) -> Value {
    let metadata = json!({ "invoice": name.to_string().trim_matches('"') });
    event(id, "charge.refunded", json!({ "refunded": true, "metadata": metadata }))
}

#[api_test]
async fn payments_and_refunds_move_invoices_forward_in_any_order() {
    let api = house().await;
    let admin = api.sign_in(Role::Admin).await;
    let (stop, _) = workers(&api);
    let (first, second, draft) =
        (invoice(&admin, "pending").await, invoice(&admin, "pending").await, invoice(&admin, "draft").await);
    for told in [
        paid("evt_1", &first["number"]),
        paid("evt_2", &first["id"]),
        refunded("evt_3", &second["id"]),
        paid("evt_5", &draft["number"]),
    ] {
        stripe(&api, &told).await.is(200);
        // Two that come at once may be handled in any order.
        settled(&admin).await;
    }
    stripe(&api, &paid("evt_4", &second["number"])).await.is(200);
    let events = settled(&admin).await;
    let outcome = |id: &str| {
        let found = events.iter().find(|event| event["providerId"] == id).expect("kept");
        (found["state"].as_str().expect("a state"), found["outcome"].as_str().expect("words").to_owned())
    };
    let (one, two) = (&first["number"], &second["number"]);
    assert_eq!(outcome("evt_1"), ("handled", format!("invoice {one} is paid")));
    assert_eq!(outcome("evt_2"), ("handled", format!("invoice {one} was already paid")));
    assert_eq!(outcome("evt_3"), ("handled", format!("invoice {two} is void")));
    assert_eq!(outcome("evt_4"), ("handled", format!("invoice {two} was already void")));
    assert_eq!(state(&admin, &first).await, "paid");
    assert_eq!(state(&admin, &second).await, "void");
    assert_eq!(state(&admin, &draft).await, "paid");
    stripe(&api, &refunded("evt_6", &first["id"])).await.is(200);
    settled(&admin).await;
    assert_eq!(state(&admin, &first).await, "void");
    drop(stop);
}

#[api_test]
async fn what_means_nothing_here_is_kept_or_passed_over() {
    let api = house().await;
    let admin = api.sign_in(Role::Admin).await;
    let (stop, _) = workers(&api);
    let part =
        event("evt_2", "charge.refunded", json!({ "refunded": false, "metadata": { "invoice": "1" } }));
    for told in [
        event("evt_1", "invoice.paid", json!({ "metadata": {} })),
        part,
        event("evt_3", "customer.created", json!({})),
        event("evt_4", "invoice.paid", json!("a text")),
    ] {
        stripe(&api, &told).await.is(200);
    }
    github(&api, "ping", "d-1", &json!({ "zen": "Keep it logically awesome." })).await.is(200);
    github(&api, "push", "d-2", &json!({ "ref": "refs/heads/main" })).await.is(200);
    let mut found: Vec<(String, String)> = settled(&admin)
        .await
        .iter()
        .map(|event| {
            let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            (text("providerId"), text("state"))
        })
        .collect();
    found.sort();
    let expected = [
        ("d-1", "ignored"),
        ("d-2", "unhandled"),
        ("evt_1", "ignored"),
        ("evt_2", "ignored"),
        ("evt_3", "unhandled"),
        ("evt_4", "ignored"),
    ];
    assert_eq!(found, expected.map(|(id, state)| (id.to_owned(), state.to_owned())));
    drop(stop);
}

#[api_test]
async fn an_event_that_fails_says_why_and_can_be_handled_again() {
    let api = house().await;
    let admin = api.sign_in(Role::Admin).await;
    stripe(&api, &paid("evt_1", &json!(1))).await.is(200);
    let waiting = listed(&admin, "").await[0].clone();
    let replay = format!("/api/webhook-events/{}/replay", waiting["id"].as_str().expect("an id"));
    let early = admin.post_empty(&replay).await.is(202);
    assert_eq!(early.body["state"], "ready");
    assert_eq!(admin.get("/api/jobs").await.is(200).body["pagination"]["total"], 1);
    let (stop, _) = workers(&api);
    let failed = settled(&admin).await[0].clone();
    assert_eq!((&failed["state"], &failed["attempts"]), (&json!("failed"), &json!(1)));
    assert_eq!(failed["outcome"], "no invoice has this name");
    // Done again as a job, it says so; and who is late with a failure for now changes nothing.
    let dead = until(async || {
        admin.get("/api/jobs?state=dead").await.is(200).body["data"][0]["id"].as_str().map(str::to_owned)
    });
    admin.post_empty(&format!("/api/jobs/{}/retry", dead.await)).await.is(202);
    until(async || (listed(&admin, "").await[0]["attempts"] == 2).then_some(())).await;
    let late = Outcome { state: WebhookEventState::Received, message: Some("late".to_owned()) };
    let (events, id) = (api.app.webhook_events.clone(), failed["id"].as_str().expect("an id").parse());
    let id: Uuid = id.expect("an id");
    let noted = api.app.db.write(async move |tx: Tx| events.record_outcome(&tx, id, late).await).await;
    noted.expect("noted");
    let failed = listed(&admin, "").await[0].clone();
    assert_eq!((&failed["state"], &failed["attempts"]), (&json!("failed"), &json!(2)));
    let made = invoice(&admin, "pending").await;
    assert_eq!(made["number"], 1);
    let again = admin.post_empty(&replay).await.is(202);
    let job = admin.get(again.header("location")).await.is(200);
    assert_eq!(job.body["kind"], "webhooks.handle");
    let handled = settled(&admin).await[0].clone();
    assert_eq!((&handled["state"], &handled["attempts"]), (&json!("handled"), &json!(3)));
    assert_eq!(handled["outcome"], "invoice 1 is paid");
    admin.post_empty(&replay).await.is(202);
    assert_eq!(settled(&admin).await[0]["outcome"], "invoice 1 was already paid");
    admin.post_empty("/api/webhook-events/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f/replay").await.is(404);
    admin.get("/api/webhook-events/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f").await.is(404);
    drop(stop);
}

#[api_test]
async fn a_push_brings_the_documents_up_to_date() {
    let folder = std::env::temp_dir().join(format!("tenon-handbook-{}", Uuid::now_v7()));
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("welcome.md"), "# Welcome\n\nHow we work.\n").expect("written");
    let shown = folder.display().to_string();
    let api = Api::with(&[("webhooks_github_secrets", GITHUB), ("webhooks_github_docs", &shown)]).await;
    let admin = api.sign_in(Role::Admin).await;
    let (stop, _) = workers(&api);
    let repository = json!({ "full_name": "acme/handbook", "default_branch": "main" });
    let push = |branch: &str| json!({ "ref": format!("refs/heads/{branch}"), "repository": repository });
    github(&api, "push", "d-1", &push("main")).await.is(200);
    assert_eq!(settled(&admin).await[0]["outcome"], "documents: 1 created, 0 updated, 0 unchanged");
    assert!(api.get("/api/docs/welcome").await.is(200).body["content"].to_string().contains("How we work"));
    fs::write(folder.join("welcome.md"), "# Welcome\n\nHow we work now.\n").expect("written");
    api.clock.advance(1);
    github(&api, "push", "d-1", &push("main")).await.is(200);
    github(&api, "push", "d-2", &push("other")).await.is(200);
    assert_eq!(settled(&admin).await[0]["state"], "ignored");
    api.clock.advance(1);
    github(&api, "push", "d-3", &push("main")).await.is(200);
    assert_eq!(settled(&admin).await[0]["outcome"], "documents: 0 created, 1 updated, 0 unchanged");
    fs::remove_dir_all(&folder).expect("removed");
    drop(stop);
}

#[api_test]
async fn an_event_whose_workers_all_die_has_failed_and_can_be_handled_again() {
    let api = house().await;
    let admin = api.sign_in(Role::Admin).await;
    let made = invoice(&admin, "pending").await;
    stripe(&api, &paid("evt_1", &made["number"])).await.is(200);
    for attempt in 1..=8 {
        let now = api.clock.now();
        let taken =
            api.app.db.claim_jobs(Queue::Internal, 1, now, now + 10).await.expect("the queue is there");
        assert_eq!(taken.first().map(|job| job.attempt), Some(attempt));
        api.clock.advance(20);
    }
    let (stop, _) = workers(&api);
    let failed = settled(&admin).await[0].clone();
    assert_eq!(
        (&failed["state"], &failed["outcome"]),
        (&json!("failed"), &json!("the worker died in each attempt"))
    );
    let replay = format!("/api/webhook-events/{}/replay", failed["id"].as_str().expect("an id"));
    admin.post_empty(&replay).await.is(202);
    assert_eq!(settled(&admin).await[0]["state"], "handled");
    assert_eq!(state(&admin, &made).await, "paid");
    drop(stop);
}

/// Payments of all, told twice, and refunds of every other one, told three times; in no order, and in the same one
/// each time.
fn shuffled(invoices: &[Value]) -> Vec<Value> {
    let mut told = Vec::new();
    for (place, made) in invoices.iter().enumerate() {
        let number = &made["number"];
        told.extend((0..2).map(|_| paid(&format!("evt_p{place}"), number)));
        if place % 2 == 0 {
            told.extend((0..3).map(|_| refunded(&format!("evt_r{place}"), number)));
        }
    }
    told.sort_by_key(|event| {
        event.to_string().bytes().fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()))
    });
    told
}

/// Events come one to three times and in no order, and workers are struck down while they work.
#[api_test(worker_threads = 4)]
async fn each_event_has_one_effect_though_workers_die() {
    let api = Api::with(&[("webhooks_stripe_secrets", STRIPE)]).await;
    let admin = api.sign_in(Role::Admin).await;
    let mut invoices = Vec::new();
    for _ in 0..8 {
        invoices.push(invoice(&admin, "pending").await);
    }
    let sender = {
        let (api, told) = (api.clone(), shuffled(&invoices));
        tokio::spawn(async move {
            for event in told {
                stripe(&api, &event).await.is(200);
            }
        })
    };
    // As often as a job may lose its worker: it is begun eight times.
    for _ in 0..7 {
        let (stop, working) = workers(&api);
        sleep(Duration::from_millis(15)).await;
        working.abort();
        drop(stop);
        // A lease ends by the clock of the house.
        api.clock.advance(1000);
    }
    sender.await.expect("all are sent");
    api.clock.advance(1000);
    let (stop, _) = workers(&api);
    let admin = api.sign_in(Role::Admin).await;
    let events = settled(&admin).await;
    assert_eq!(events.len(), 12);
    for (place, made) in invoices.iter().enumerate() {
        let (number, even) = (&made["number"], place % 2 == 0);
        assert_eq!(state(&admin, made).await, if even { "void" } else { "paid" });
        let moves = events.iter().filter_map(|event| event["outcome"].as_str());
        let moves = moves.filter(|words| words.starts_with(&format!("invoice {number} is "))).count();
        assert!(moves == 1 || (even && moves == 2), "{number} moved {moves} times: {events:?}");
    }
    drop(stop);
}
