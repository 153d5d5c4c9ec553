//! Incoming webhook events: each has one effect, even if requests are duplicated, late or out of order.
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
    webhooks::{GITHUB, STRIPE, event, github, listed, start_with_providers, stripe},
};

/// Polls until the check returns a value, for at most 60 seconds.
pub async fn wait_for<T>(check: impl AsyncFn() -> Option<T>) -> T {
    for _ in 0..3_000 {
        if let Some(found) = check().await {
            return found;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("the check returned no value within 60 seconds");
}

/// Starts workers, which run until the sender is dropped.
pub fn workers(api: &Api) -> (watch::Sender<bool>, JoinHandle<()>) {
    let (stop, stopping) = watch::channel(false);
    let working = tokio::spawn(worker::run_worker(api.app.clone(), WorkerTimings::scaled(0.02), stopping));
    (stop, working)
}

/// Waits until no event is in the state `received`, and returns the events, newest first. Advances the clock of the
/// service, so that workers retry after temporary errors.
pub async fn handled_events(admin: &Api) -> Vec<Value> {
    for _ in 0..1500 {
        if listed(admin, "?state=received").await.is_empty() {
            return listed(admin, "?limit=50").await;
        }
        sleep(Duration::from_millis(20)).await;
        admin.clock.advance(20);
    }
    panic!("events are still in the state received: {:?}", listed(admin, "?state=received").await)
}

pub async fn create_invoice(admin: &Api, status: &str) -> Value {
    let email = format!("{}@acme.test", Uuid::now_v7().simple());
    let customer = admin.post("/api/v2/customers", json!({ "name": "Evil Rabbit", "email": email })).await;
    let new = json!({ "customerId": customer.is(201).id(), "amount": 15795, "status": status });
    admin.post("/api/v2/invoices/en-us", new).await.is(201).body
}

pub async fn invoice_state(admin: &Api, invoice: &Value) -> Value {
    let path = format!("/api/v2/invoices/en-us/{}", invoice["id"].as_str().expect("an id"));
    admin.get(&path).await.is(200).body["status"].clone()
}

/// The payment of an invoice. Events with the same name are about the same payment.
fn paid(id: &str, name: &Value) -> Value {
    let name = name.to_string().trim_matches('"').to_owned();
    let object = json!({
        "id": format!("in_{name}"), "object": "invoice", "payment_intent": format!("pi_{name}"), "status": "paid",
        "amount_paid": 15795, "currency": "usd", "metadata": { "invoice": name },
    });
    event(id, "invoice.paid", object)
}

/// The full refund of the same payment.
fn refunded(id: &str, name: &Value) -> Value {
    let name = name.to_string().trim_matches('"').to_owned();
    let object = json!({
        "id": format!("ch_{name}"), "object": "charge", "payment_intent": format!("pi_{name}"), "refunded": true,
        "amount": 15795, "amount_refunded": 15795, "currency": "usd", "metadata": { "invoice": name },
    });
    event(id, "charge.refunded", object)
}

#[api_test]
async fn applies_payments_and_refunds_in_any_order() {
    let api = start_with_providers().await;
    let admin = api.sign_in(Role::Admin).await;
    let (stop, _) = workers(&api);
    let (first, second, draft) = (
        create_invoice(&admin, "pending").await,
        create_invoice(&admin, "pending").await,
        create_invoice(&admin, "draft").await,
    );
    for payload in [
        paid("evt_1", &first["number"]),
        paid("evt_2", &first["id"]),
        refunded("evt_3", &second["id"]),
        paid("evt_5", &draft["number"]),
    ] {
        stripe(&api, &payload).await.is(200);
        // Concurrent events may be handled in any order.
        handled_events(&admin).await;
    }
    stripe(&api, &paid("evt_4", &second["id"])).await.is(200);
    let events = handled_events(&admin).await;
    let outcome = |id: &str| {
        let found = events.iter().find(|event| event["providerId"] == id).expect("a stored event");
        (found["state"].as_str().expect("a state"), found["outcome"].as_str().expect("an outcome").to_owned())
    };
    let (first_number, second_number) = (&first["number"], &second["number"]);
    assert_eq!(outcome("evt_1"), ("handled", format!("invoice {first_number} is paid")));
    let another =
        format!("invoice {first_number} was already paid: another payment of 157.95 USD is recorded");
    assert_eq!(outcome("evt_2"), ("handled", another));
    assert_eq!(outcome("evt_3"), ("handled", format!("invoice {second_number} is void")));
    assert_eq!(outcome("evt_4"), ("handled", format!("invoice {second_number} was already void")));
    assert_eq!(invoice_state(&admin, &first).await, "paid");
    assert_eq!(invoice_state(&admin, &second).await, "void");
    assert_eq!(invoice_state(&admin, &draft).await, "paid");
    // The refund of another payment does not cancel the invoice.
    stripe(&api, &refunded("evt_6", &first["id"])).await.is(200);
    let refund = format!("invoice {first_number}: 157.95 USD of 157.95 USD refunded");
    assert_eq!(handled_events(&admin).await[0]["outcome"], refund);
    assert_eq!(invoice_state(&admin, &first).await, "paid");
    stripe(&api, &refunded("evt_7", &first["number"])).await.is(200);
    handled_events(&admin).await;
    assert_eq!(invoice_state(&admin, &first).await, "void");
    drop(stop);
}

#[api_test]
async fn stores_events_without_an_action() {
    let api = start_with_providers().await;
    let admin = api.sign_in(Role::Admin).await;
    let (stop, _) = workers(&api);
    let partial_refund =
        event("evt_2", "charge.refunded", json!({ "refunded": false, "metadata": { "invoice": "1" } }));
    for payload in [
        event("evt_1", "invoice.paid", json!({ "metadata": {} })),
        partial_refund,
        event("evt_3", "customer.created", json!({})),
        event("evt_4", "invoice.paid", json!("a text")),
    ] {
        stripe(&api, &payload).await.is(200);
    }
    github(&api, "ping", "d-1", &json!({ "zen": "Keep it logically awesome." })).await.is(200);
    github(&api, "push", "d-2", &json!({ "ref": "refs/heads/main" })).await.is(200);
    let mut found: Vec<(String, String)> = handled_events(&admin)
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

/// Records an outcome of an event without a worker.
async fn record(api: &Api, event: &Value, state: WebhookEventState, message: &str) {
    let id: Uuid = event["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    let outcome = Outcome { state, message: Some(message.to_owned()) };
    let events = api.app.webhook_events.clone();
    let recorded = api.app.db.write(async move |tx: Tx| events.record_outcome(&tx, id, outcome).await).await;
    recorded.expect("the transaction commits");
}

/// Waits until the only event has failed, and returns it. It is retried for ten minutes.
async fn fail_after_ten_minutes(api: &Api, admin: &Api) -> Value {
    for (attempt, seconds) in (1..).zip([5, 10, 20, 40, 80, 160, 285]) {
        let tried = async || listed(admin, "").await.pop().filter(|event| event["attempts"] == attempt);
        let waiting = wait_for(tried).await;
        assert_eq!(
            (&waiting["state"], &waiting["outcome"]),
            (&json!("received"), &json!("no invoice has this name"))
        );
        api.clock.advance(seconds * 1000);
    }
    wait_for(async || listed(admin, "?state=failed").await.pop()).await
}

#[api_test]
async fn an_event_is_handled_when_its_invoice_has_been_created() {
    let api = start_with_providers().await;
    let admin = api.sign_in(Role::Admin).await;
    stripe(&api, &paid("evt_1", &json!(1))).await.is(200);
    let (stop, _) = workers(&api);
    wait_for(async || (listed(&admin, "").await[0]["attempts"] == 1).then_some(())).await;
    let invoice = create_invoice(&admin, "pending").await;
    api.clock.advance(5000);
    let handled = wait_for(async || listed(&admin, "?state=handled").await.pop()).await;
    assert_eq!((&handled["attempts"], &handled["outcome"]), (&json!(2), &json!("invoice 1 is paid")));
    assert_eq!(invoice_state(&admin, &invoice).await, "paid");
    drop(stop);
}

#[api_test]
async fn a_failed_event_that_is_delivered_again_is_enqueued_again() {
    let api = start_with_providers().await;
    let admin = api.sign_in(Role::Admin).await;
    let invoice = create_invoice(&admin, "pending").await;
    let payment = paid("evt_1", &invoice["number"]);
    let push = json!({ "ref": "refs/heads/other", "repository": { "default_branch": "main" } });
    stripe(&api, &payment).await.is(200);
    github(&api, "push", "d-1", &push).await.is(200);
    let state = async |provider: &str| {
        let events = listed(&admin, &format!("?provider={provider}")).await;
        assert_eq!(events.len(), 1);
        events[0]["state"].clone()
    };
    for provider in ["stripe", "github"] {
        // Only a failed event is enqueued again.
        for (before, after) in [
            (WebhookEventState::Failed, "received"),
            (WebhookEventState::Handled, "handled"),
            (WebhookEventState::Ignored, "ignored"),
            (WebhookEventState::Unhandled, "unhandled"),
        ] {
            record(&api, &listed(&admin, &format!("?provider={provider}")).await[0], before, "x").await;
            match provider {
                "stripe" => stripe(&api, &payment).await.is(200),
                _ => github(&api, "push", "d-1", &push).await.is(200),
            };
            assert_eq!(state(provider).await, after, "{provider}");
        }
    }
    // An equal body with another id.
    let again = listed(&admin, "?provider=github").await[0].clone();
    admin
        .post_empty(&format!("/api/webhook-events/{}/replay", again["id"].as_str().expect("an id")))
        .await
        .is(202);
    record(&api, &again, WebhookEventState::Failed, "x").await;
    github(&api, "push", "d-2", &push).await.is(200);
    assert_eq!(state("github").await, "received");
    let replays = admin.get("/api/audit?action=webhook.replayed").await.is(200).body["data"].take();
    assert_eq!(replays.as_array().map(Vec::len), Some(4));
    let failed = listed(&admin, "?provider=stripe").await[0].clone();
    admin
        .post_empty(&format!("/api/webhook-events/{}/replay", failed["id"].as_str().expect("an id")))
        .await
        .is(202);
    record(&api, &failed, WebhookEventState::Failed, "x").await;
    stripe(&api, &payment).await.is(200);
    let (stop, _) = workers(&api);
    handled_events(&admin).await;
    assert_eq!(invoice_state(&admin, &invoice).await, "paid");
    drop(stop);
}

#[api_test]
async fn a_failed_event_stores_the_error_and_can_be_replayed() {
    let api = start_with_providers().await;
    let admin = api.sign_in(Role::Admin).await;
    stripe(&api, &paid("evt_1", &json!(1))).await.is(200);
    let waiting = listed(&admin, "").await[0].clone();
    let replay = format!("/api/webhook-events/{}/replay", waiting["id"].as_str().expect("an id"));
    let early = admin.post_empty(&replay).await.is(202);
    assert_eq!(early.body["state"], "ready");
    assert_eq!(admin.get("/api/jobs").await.is(200).body["pagination"]["total"], 1);
    let (stop, _) = workers(&api);
    let failed = fail_after_ten_minutes(&api, &admin).await;
    // A late temporary error does not change it.
    record(&api, &failed, WebhookEventState::Received, "late").await;
    let failed = listed(&admin, "").await[0].clone();
    assert_eq!((&failed["state"], &failed["attempts"]), (&json!("failed"), &json!(8)));
    assert_eq!(failed["outcome"], "no invoice has this name");
    let invoice = create_invoice(&admin, "pending").await;
    assert_eq!(invoice["number"], 1);
    // A retry of the job updates the event.
    let dead = wait_for(async || {
        admin.get("/api/jobs?state=dead").await.is(200).body["data"][0]["id"].as_str().map(str::to_owned)
    });
    admin.post_empty(&format!("/api/jobs/{}/retry", dead.await)).await.is(202);
    let handled = wait_for(async || listed(&admin, "?state=handled").await.pop()).await;
    assert_eq!((&handled["attempts"], &handled["outcome"]), (&json!(9), &json!("invoice 1 is paid")));
    let replayed = admin.post_empty(&replay).await.is(202);
    let job = admin.get(replayed.header("location")).await.is(200);
    assert_eq!(job.body["kind"], "webhooks.handle");
    assert_eq!(handled_events(&admin).await[0]["outcome"], "invoice 1 was already paid");
    admin.post_empty("/api/webhook-events/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f/replay").await.is(404);
    admin.get("/api/webhook-events/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f").await.is(404);
    drop(stop);
}

#[api_test]
async fn a_push_event_imports_the_documents() {
    let folder = std::env::temp_dir().join(format!("tenon-handbook-{}", Uuid::now_v7()));
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("welcome.md"), "# Welcome\n\nHow we work.\n").expect("written");
    let shown = folder.display().to_string();
    let api = Api::with(&[("webhooks_github_secrets", GITHUB), ("webhooks_github_docs", &shown)]).await;
    let admin = api.sign_in(Role::Admin).await;
    let (stop, _) = workers(&api);
    let repository = json!({ "full_name": "acme/handbook", "default_branch": "main" });
    let push = |branch: &str, commit: &str| json!({ "ref": format!("refs/heads/{branch}"), "after": commit, "repository": repository });
    github(&api, "push", "d-1", &push("main", "1a")).await.is(200);
    assert_eq!(handled_events(&admin).await[0]["outcome"], "documents: 1 created, 0 updated, 0 unchanged");
    assert!(api.get("/api/docs/welcome").await.is(200).body["content"].to_string().contains("How we work"));
    fs::write(folder.join("welcome.md"), "# Welcome\n\nHow we work now.\n").expect("written");
    api.clock.advance(1);
    github(&api, "push", "d-1", &push("main", "1a")).await.is(200);
    github(&api, "push", "d-2", &push("other", "2b")).await.is(200);
    assert_eq!(handled_events(&admin).await[0]["state"], "ignored");
    api.clock.advance(1);
    github(&api, "push", "d-3", &push("main", "3c")).await.is(200);
    assert_eq!(handled_events(&admin).await[0]["outcome"], "documents: 0 created, 1 updated, 0 unchanged");
    fs::remove_dir_all(&folder).expect("removed");
    drop(stop);
}

#[api_test]
async fn an_event_fails_after_eight_lost_workers_and_can_be_replayed() {
    let api = start_with_providers().await;
    let admin = api.sign_in(Role::Admin).await;
    let invoice = create_invoice(&admin, "pending").await;
    stripe(&api, &paid("evt_1", &invoice["number"])).await.is(200);
    for attempt in 1..=8 {
        let now = api.clock.now();
        let claimed =
            api.app.db.claim_jobs(Queue::Internal, 1, now, now + 10).await.expect("the query succeeds");
        assert_eq!(claimed.first().map(|job| job.attempt), Some(attempt));
        api.clock.advance(20);
    }
    let (stop, _) = workers(&api);
    let failed = handled_events(&admin).await[0].clone();
    assert_eq!(
        (&failed["state"], &failed["outcome"]),
        (&json!("failed"), &json!("the worker died in each attempt"))
    );
    let replay = format!("/api/webhook-events/{}/replay", failed["id"].as_str().expect("an id"));
    admin.post_empty(&replay).await.is(202);
    assert_eq!(handled_events(&admin).await[0]["state"], "handled");
    assert_eq!(invoice_state(&admin, &invoice).await, "paid");
    drop(stop);
}

/// Returns two copies of a payment event for each invoice and three copies of a refund event for every second one, in a
/// pseudorandom order that is the same in each run.
fn shuffled(invoices: &[Value]) -> Vec<Value> {
    let mut events = Vec::new();
    for (index, invoice) in invoices.iter().enumerate() {
        let number = &invoice["number"];
        events.extend((0..2).map(|_| paid(&format!("evt_p{index}"), number)));
        if index % 2 == 0 {
            events.extend((0..3).map(|_| refunded(&format!("evt_r{index}"), number)));
        }
    }
    events.sort_by_key(|event| {
        event.to_string().bytes().fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()))
    });
    events
}

/// Requests are duplicated and unordered, and workers are aborted while they handle events.
#[api_test(worker_threads = 4)]
async fn handles_each_event_once_although_workers_are_aborted() {
    let api = Api::with(&[("webhooks_stripe_secrets", STRIPE)]).await;
    let admin = api.sign_in(Role::Admin).await;
    let mut invoices = Vec::new();
    for _ in 0..8 {
        invoices.push(create_invoice(&admin, "pending").await);
    }
    let sender = {
        let (api, payloads) = (api.clone(), shuffled(&invoices));
        tokio::spawn(async move {
            for payload in payloads {
                stripe(&api, &payload).await.is(200);
            }
        })
    };
    // A job has eight attempts, so seven workers may be lost.
    for _ in 0..7 {
        let (stop, working) = workers(&api);
        sleep(Duration::from_millis(15)).await;
        working.abort();
        drop(stop);
        // Leases expire by the clock of the service.
        api.clock.advance(1000);
    }
    sender.await.expect("all are sent");
    api.clock.advance(1000);
    let (stop, _) = workers(&api);
    let admin = api.sign_in(Role::Admin).await;
    let events = handled_events(&admin).await;
    assert_eq!(events.len(), 12);
    for (index, invoice) in invoices.iter().enumerate() {
        let (number, even) = (&invoice["number"], index % 2 == 0);
        assert_eq!(invoice_state(&admin, invoice).await, if even { "void" } else { "paid" });
        let changes = events.iter().filter_map(|payload| payload["outcome"].as_str());
        let changes = changes.filter(|outcome| outcome.starts_with(&format!("invoice {number} is "))).count();
        assert!(changes == 1 || (even && changes == 2), "{number} changed {changes} times: {events:?}");
    }
    drop(stop);
}
