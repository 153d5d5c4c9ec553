//! Payments that providers report: each is recorded once, and only the exact amount pays an invoice.
use serde_json::{Value, json};
use tenon::http::auth::Role;

use crate::{
    support::{Api, Response},
    webhook_actions::{create_invoice, handled_events, invoice_state, wait_for, workers},
    webhook_receiver::Receiver,
    webhooks::{STRIPE, event, listed, start_with_providers, stripe},
};

async fn read(admin: &Api, invoice: &Value) -> Response {
    let path = format!("/api/v2/invoices/en-us/{}", invoice["id"].as_str().expect("an id"));
    admin.get(&path).await.is(200)
}

async fn payments(admin: &Api, invoice: &Value) -> Vec<Value> {
    read(admin, invoice).await.body["payments"].as_array().cloned().expect("a list")
}

/// Sends an event and returns its outcome.
async fn outcome(api: &Api, admin: &Api, payload: Value) -> String {
    stripe(api, &payload).await.is(200);
    let events = handled_events(admin).await;
    let own = events.iter().find(|event| event["providerId"] == payload["id"]).expect("a stored event");
    own["outcome"].as_str().unwrap_or_default().to_owned()
}

fn session(id: &str, number: &Value, payment: &str) -> Value {
    let object = json!({
        "id": format!("cs_{payment}"), "object": "checkout.session", "payment_intent": format!("pi_{payment}"),
        "payment_status": "paid", "amount_total": 15795, "currency": "usd", "client_reference_id": number.to_string(),
    });
    event(id, "checkout.session.completed", object)
}

fn intent(id: &str, number: &Value, payment: &str, amount: i64, currency: &str) -> Value {
    let object = json!({
        "id": format!("pi_{payment}"), "object": "payment_intent", "latest_charge": format!("ch_{payment}"),
        "status": "succeeded", "amount": amount, "amount_received": amount, "currency": currency,
        "metadata": { "invoice": format!("invoice {number}") },
    });
    event(id, "payment_intent.succeeded", object)
}

/// A charge, of which this part is refunded.
fn charge(id: &str, kind: &str, number: Option<&Value>, payment: &str, refunded: i64) -> Value {
    let mut object = json!({
        "id": format!("ch_{payment}"), "object": "charge", "payment_intent": format!("pi_{payment}"),
        "status": "succeeded", "captured": true, "amount": 15795, "amount_captured": 15795,
        "amount_refunded": refunded, "refunded": refunded == 15795, "currency": "usd", "metadata": {},
    });
    if let Some(number) = number {
        object["metadata"]["invoice"] = json!(format!("#{number}"));
    }
    event(id, kind, object)
}

#[api_test(worker_threads = 4)]
async fn one_payment_that_several_event_types_report_has_one_effect() {
    let api = start_with_providers().await;
    let admin = api.sign_in(Role::Admin).await;
    let (stop, _) = workers(&api);
    let mut invoices = Vec::new();
    for _ in 0..5 {
        invoices.push(create_invoice(&admin, "pending").await);
    }
    // The events of all payments arrive at the same time.
    let payloads = invoices.iter().flat_map(|invoice| {
        let number = &invoice["number"];
        let name = number.to_string();
        [
            session(&format!("evt_a{name}"), number, &name),
            intent(&format!("evt_b{name}"), number, &name, 15795, "usd"),
            charge(&format!("evt_c{name}"), "charge.succeeded", Some(number), &name, 0),
        ]
    });
    let sent = payloads.map(|payload| {
        let api = api.clone();
        async move { stripe(&api, &payload).await.is(200) }
    });
    futures_util::future::join_all(sent).await;
    let events = handled_events(&admin).await;
    for invoice in &invoices {
        let number = &invoice["number"];
        let all = payments(&admin, invoice).await;
        assert_eq!(all.len(), 1, "{all:?}");
        assert_eq!(
            (&all[0]["reference"], &all[0]["outcome"], &all[0]["amount"], &all[0]["currency"]),
            (&json!(format!("pi_{number}")), &json!("paid"), &json!(15795), &json!("USD"))
        );
        assert_eq!(invoice_state(&admin, invoice).await, "paid");
        let count = |text: String| events.iter().filter(|event| event["outcome"] == text).count();
        assert_eq!(count(format!("invoice {number} is paid")), 1, "{events:?}");
        assert_eq!(count(format!("invoice {number} was already paid")), 2, "{events:?}");
    }
    drop(stop);
}

#[api_test]
async fn an_invoice_of_stripe_and_its_payment_intent_are_one_payment() {
    let api = start_with_providers().await;
    let admin = api.sign_in(Role::Admin).await;
    let (stop, _) = workers(&api);
    // Since 2025, an invoice of Stripe does not name its payment intent.
    let stripe_invoice = |id: &str, name: &str, number: &Value| {
        let metadata = json!({ "metadata": { "invoice": number.to_string() } });
        let object = json!({
            "id": format!("in_{name}"), "object": "invoice", "status": "paid", "amount_paid": 15795, "currency": "usd",
            "parent": { "subscription_details": metadata },
        });
        event(id, "invoice.payment_succeeded", object)
    };
    let (first, second) = (create_invoice(&admin, "pending").await, create_invoice(&admin, "pending").await);
    let (one, two) = (&first["number"], &second["number"]);
    assert_eq!(
        outcome(&api, &admin, stripe_invoice("evt_1", "1", one)).await,
        format!("invoice {one} is paid")
    );
    assert_eq!(payments(&admin, &first).await[0]["reference"], "in_1");
    let already = format!("invoice {one} was already paid");
    assert_eq!(outcome(&api, &admin, intent("evt_2", one, "1", 15795, "usd")).await, already);
    assert_eq!(payments(&admin, &first).await[0]["reference"], "pi_1");
    assert_eq!(outcome(&api, &admin, charge("evt_3", "charge.succeeded", Some(one), "1", 0)).await, already);
    assert_eq!(payments(&admin, &first).await.len(), 1);
    // The other order.
    outcome(&api, &admin, intent("evt_4", two, "2", 15795, "usd")).await;
    outcome(&api, &admin, stripe_invoice("evt_5", "2", two)).await;
    assert_eq!(payments(&admin, &second).await.len(), 1);
    // Another payment intent is another payment.
    outcome(&api, &admin, intent("evt_6", two, "3", 15795, "usd")).await;
    let all = payments(&admin, &second).await;
    assert_eq!((all.len(), &all[0]["outcome"]), (2, &json!("invoice-closed")));
    drop(stop);
}

#[api_test]
async fn a_payment_of_another_amount_or_currency_does_not_pay_the_invoice() {
    let api = start_with_providers().await;
    let admin = api.sign_in(Role::Admin).await;
    let (stop, _) = workers(&api);
    let invoice = create_invoice(&admin, "pending").await;
    let (number, before) = (&invoice["number"], read(&admin, &invoice).await);
    let text = outcome(&api, &admin, intent("evt_1", number, "1", 100, "usd")).await;
    assert_eq!(
        text,
        format!("amount-mismatch: invoice {number} is over 157.95 USD, the payment over 1.00 USD")
    );
    let text = outcome(&api, &admin, intent("evt_2", number, "2", 15795, "eur")).await;
    assert_eq!(
        text,
        format!("amount-mismatch: invoice {number} is over 157.95 USD, the payment over 157.95 EUR")
    );
    let text = outcome(&api, &admin, charge("evt_3", "charge.succeeded", Some(number), "1", 0)).await;
    assert_eq!(text, format!("the payment of invoice {number} was already recorded"));
    let after = read(&admin, &invoice).await;
    assert_eq!(after.body["status"], "pending");
    assert_ne!(after.header("etag"), before.header("etag"));
    let all = after.body["payments"].as_array().expect("a list");
    let shown: Vec<_> = all.iter().map(|it| (&it["outcome"], &it["amount"], &it["currency"])).collect();
    let mismatch = json!("amount-mismatch");
    assert_eq!(shown, [(&mismatch, &json!(15795), &json!("EUR")), (&mismatch, &json!(100), &json!("USD"))]);
    let path = format!("/api/v2/invoices/en-us/{}", invoice["id"].as_str().expect("an id"));
    assert_eq!(admin.delete(&path).await.is(409).body["code"], "conflict");
    let entries = admin.get("/api/audit?action=invoice.updated").await.is(200).body["data"].take();
    let change = json!({ "field": "payments", "to": "amount-mismatch" });
    assert!(entries[0]["changes"].as_array().is_some_and(|changes| changes.contains(&change)), "{entries}");
    // The refund of such a payment does not cancel the invoice, and the exact amount still pays it.
    let text = outcome(&api, &admin, charge("evt_4", "charge.refunded", None, "1", 100)).await;
    assert_eq!(text, format!("invoice {number}: 1.00 USD of 1.00 USD refunded"));
    assert_eq!(invoice_state(&admin, &invoice).await, "pending");
    let text = outcome(&api, &admin, intent("evt_5", number, "3", 15795, "usd")).await;
    assert_eq!(text, format!("invoice {number} is paid"));
    drop(stop);
}

#[api_test]
async fn refunds_are_recorded_in_any_order() {
    let api = start_with_providers().await;
    let admin = api.sign_in(Role::Admin).await;
    let (stop, _) = workers(&api);
    let (first, second) = (create_invoice(&admin, "pending").await, create_invoice(&admin, "pending").await);
    let (one, two) = (&first["number"], &second["number"]);
    // The charge of a checkout session has no metadata: its invoice is the one of the payment.
    outcome(&api, &admin, session("evt_1", one, "1")).await;
    let text = outcome(&api, &admin, charge("evt_2", "charge.refunded", None, "1", 5795)).await;
    assert_eq!(text, format!("invoice {one}: 57.95 USD of 157.95 USD refunded"));
    assert_eq!(invoice_state(&admin, &first).await, "paid");
    // A late event about an earlier refund.
    let text = outcome(&api, &admin, charge("evt_3", "charge.refunded", None, "1", 1000)).await;
    assert_eq!(text, format!("invoice {one} was already paid"));
    assert_eq!(payments(&admin, &first).await[0]["refunded"], 5795);
    let text = outcome(&api, &admin, charge("evt_4", "charge.refunded", None, "1", 15795)).await;
    assert_eq!(text, format!("invoice {one} is void"));
    // A partial refund before the payment.
    let text = outcome(&api, &admin, charge("evt_5", "charge.refunded", Some(two), "2", 1000)).await;
    assert_eq!(text, format!("invoice {two} is paid"));
    let text = outcome(&api, &admin, intent("evt_6", two, "2", 15795, "usd")).await;
    assert_eq!(text, format!("invoice {two} was already paid"));
    let all = payments(&admin, &second).await;
    assert_eq!((all.len(), &all[0]["refunded"], &all[0]["outcome"]), (1, &json!(1000), &json!("paid")));
    // A refund that names neither an invoice nor a known payment waits for the payment.
    stripe(&api, &charge("evt_7", "charge.refunded", None, "9", 1000)).await.is(200);
    let waiting =
        wait_for(async || listed(&admin, "?state=received").await.pop().filter(|it| it["attempts"] == 1))
            .await;
    assert_eq!(waiting["outcome"], "no payment has this id");
    drop(stop);
}

#[api_test]
async fn the_object_of_a_thin_event_is_requested_with_an_api_key_only() {
    let thin = |id: &str, payment: &str| {
        json!({
            "id": id, "object": "v2.core.event", "type": "v1.payment_intent.succeeded", "livemode": false,
            "related_object": { "id": payment, "type": "payment_intent", "url": format!("/v1/payment_intents/{payment}"),
                "stripe_context": "acct_1" },
        })
    };
    let without = start_with_providers().await;
    let admin = without.sign_in(Role::Admin).await;
    let (stop, _) = workers(&without);
    stripe(&without, &thin("evt_1", "pi_1")).await.is(200);
    let stored = handled_events(&admin).await[0].clone();
    assert_eq!(stored["state"], "ignored");
    assert!(
        stored["outcome"].as_str().is_some_and(|text| text.contains("set webhooks_stripe_api_key")),
        "{stored}"
    );
    drop(stop);

    let receiver = Receiver::start().await;
    let url = receiver.url.trim_end_matches("/hook").to_owned();
    let key = "rk_test_0123456789abcdef";
    let api = Api::with(&[
        ("webhooks_stripe_secrets", STRIPE),
        ("webhooks_stripe_api_key", key),
        ("webhooks_stripe_api_url", &url),
        ("allow_private_networks", "on"),
    ])
    .await;
    let admin = api.sign_in(Role::Admin).await;
    let (stop, _) = workers(&api);
    let invoice = create_invoice(&admin, "pending").await;
    let number = &invoice["number"];
    let object = intent("", number, "1", 15795, "usd")["data"]["object"].to_string();
    receiver.respond_with("500 Internal Server Error", "", "");
    receiver.respond_with("200 OK", "Content-Type: application/json\r\n", &object);
    stripe(&api, &thin("evt_1", "pi_1")).await.is(200);
    let retried = wait_for(async || listed(&admin, "").await.pop().filter(|it| it["attempts"] == 1)).await;
    assert_eq!(retried["outcome"], "the API of Stripe responded with 500");
    api.clock.advance(6000);
    wait_for(async || listed(&admin, "?state=handled").await.pop()).await;
    let calls = receiver.calls(2).await;
    assert!(calls[1].head.starts_with("GET /v1/payment_intents/pi_1 HTTP/1.1"), "{}", calls[1].head);
    assert_eq!(calls[1].header("authorization"), format!("Bearer {key}"));
    assert_eq!(calls[1].header("stripe-context"), "acct_1");
    assert_eq!(invoice_state(&admin, &invoice).await, "paid");
    assert_eq!(payments(&admin, &invoice).await[0]["reference"], "pi_1");
    // A rejected key and an unknown object are permanent failures; another state of the object is ignored.
    let pending = json!({ "id": "pi_4", "object": "payment_intent", "status": "processing" }).to_string();
    for (id, status, body, state, outcome) in [
        ("evt_2", "401 Unauthorized", "", "failed", "check webhooks_stripe_api_key"),
        ("evt_3", "404 Not Found", "", "failed", "responded with 404"),
        ("evt_4", "200 OK", pending.as_str(), "ignored", "has not succeeded"),
    ] {
        receiver.respond_with(status, "", body);
        stripe(&api, &thin(id, "pi_4")).await.is(200);
        let stored = handled_events(&admin).await[0].clone();
        assert_eq!((&stored["providerId"], &stored["state"]), (&json!(id), &json!(state)));
        assert!(stored["outcome"].as_str().is_some_and(|text| text.contains(outcome)), "{stored}");
    }
    let shown = admin.get("/api/webhook-events").await.is(200);
    assert!(!String::from_utf8_lossy(&shown.bytes).contains(key));
    drop(stop);
}
