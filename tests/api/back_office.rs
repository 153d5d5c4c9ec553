//! Customers and invoices: requests of an accountant to create, list, update and delete them.
use entity::{invoice, rate};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, Set, sea_query::Expr};
use serde_json::{Value, json};
use tenon::http::auth::Role;

use crate::support::Api;

pub fn rabbit() -> Value {
    json!({ "name": "Evil Rabbit", "email": "Evil@Rabbit.test", "imageUrl": "/customers/evil-rabbit.png" })
}

#[api_test]
async fn customers_are_created_read_updated_and_deleted() {
    let api = Api::start().await;
    let accountant = api.sign_in(Role::Accountant).await;
    let idempotent = accountant.header("idempotency-key", "rabbit");
    let created = idempotent.post("/api/v2/customers", rabbit()).await.is(201);
    assert_eq!(
        (&created.body["email"], &created.body["invoicesCount"]),
        (&json!("evil@rabbit.test"), &json!(0))
    );
    let path = created.header("location").to_owned();
    assert_eq!(path, format!("/api/v2/customers/{}", created.id()));
    let again = idempotent.post("/api/v2/customers", rabbit()).await.is(201);
    assert_eq!((again.id(), again.header("idempotent-replayed")), (created.id(), "true"));
    idempotent.post("/api/v2/customers", json!({ "name": "Other", "email": "o@acme.test" })).await.is(422);
    let conflict = accountant.post("/api/v2/customers", rabbit()).await.is(409);
    assert_eq!(conflict.locations(), ["#/email"]);

    let read = accountant.get(&path).await.is(200);
    assert_eq!((&read.body, read.header("etag")), (&created.body, created.header("etag")));
    accountant.header("if-none-match", created.header("etag")).get(&path).await.is(304);
    let conditional = accountant.header("if-match", created.header("etag"));
    let patched = conditional.patch(&path, json!({ "name": " The Rabbit ", "imageUrl": null })).await.is(200);
    assert_eq!((&patched.body["name"], patched.body.get("imageUrl")), (&json!("The Rabbit"), None));
    conditional.patch(&path, json!({ "name": "Too late" })).await.is(412);
    let replacement = json!({ "name": "Rabbit Ltd", "email": "office@rabbit.test" });
    assert_eq!(accountant.put(&path, replacement.clone()).await.is(200).body["email"], "office@rabbit.test");
    let other = json!({ "name": "Lee", "email": "lee@acme.test" });
    let other = accountant.post("/api/v2/customers", other).await.is(201).header("location").to_owned();
    accountant.put(&other, replacement.clone()).await.is(409);
    accountant.patch(&other, json!({ "email": "OFFICE@rabbit.test" })).await.is(409);
    conditional.put(&path, replacement).await.is(412);
    conditional.delete(&path).await.is(412);
    let invoice = json!({ "customerId": created.id(), "amount": 15795, "status": "pending" });
    let invoice =
        accountant.post("/api/v2/invoices/en-us", invoice).await.is(201).header("location").to_owned();
    assert_eq!(accountant.get(&path).await.is(200).body["invoicesCount"], 1);
    accountant.delete(&path).await.is(409);
    accountant.delete(&invoice).await.is(204);
    accountant.delete(&path).await.is(204);
    accountant.get(&path).await.is(404);
    accountant.delete(&path).await.is(404);
}

#[api_test]
async fn customers_are_listed_searched_and_paginated() {
    let api = Api::start().await;
    let accountant = api.sign_in(Role::Accountant).await;
    for name in ["Amy Burns", "Balázs Orbán", "Delba de Oliveira", "Lee Robinson", "Michael Novotny"] {
        let email = format!("{}@acme.test", name.split(' ').next().unwrap().to_lowercase().replace('á', "a"));
        accountant.post("/api/v2/customers", json!({ "name": name, "email": email })).await.is(201);
    }
    let names = |page: &Value| -> Vec<String> {
        let data = page["data"].as_array().unwrap();
        data.iter().map(|customer| customer["name"].as_str().unwrap().to_owned()).collect()
    };
    let list = accountant.get("/api/v2/customers").await.is(200);
    assert_eq!(names(&list.body)[0], "Amy Burns");
    accountant.header("if-none-match", list.header("etag")).get("/api/v2/customers").await.is(304);
    for (q, total) in [("orban", 1), ("ORB%C3%81N", 1), ("acme.test", 5), ("lee%20rob", 1), ("%25", 0)] {
        let page = accountant.get(&format!("/api/v2/customers?q={q}")).await.is(200).body;
        assert_eq!(page["pagination"]["total"], total, "{q}");
    }
    for sort in ["name", "-name", "email", "-createdAt"] {
        let all = names(&accountant.get(&format!("/api/v2/customers?sort={sort}")).await.is(200).body);
        let (mut collected, mut after) = (Vec::new(), String::new());
        loop {
            let page =
                accountant.get(&format!("/api/v2/customers?sort={sort}&limit=2{after}")).await.is(200).body;
            collected.extend(names(&page));
            match page["pagination"]["nextCursor"].as_str() {
                Some(cursor) => after = format!("&after={cursor}"),
                None => break,
            }
        }
        assert_eq!(collected, all, "{sort}");
    }
    accountant.get("/api/v2/customers?sort=password").await.is(400);
}

#[api_test]
async fn updates_require_if_match_and_support_minimal_responses() {
    let api = Api::with(&[("require_if_match", "on")]).await;
    let accountant = api.sign_in(Role::Accountant).await;
    let customer = accountant.post("/api/v2/customers", rabbit()).await.is(201);
    let minimal = accountant.header("if-match", "*").header("prefer", "return=minimal");
    let body = json!({ "customerId": customer.id(), "amount": 100, "status": "draft" });
    let invoice = accountant.post("/api/v2/invoices/de", body.clone()).await.is(201);
    for (path, patch, put) in [
        (customer.header("location"), json!({ "name": "New" }), rabbit()),
        (invoice.header("location"), json!({ "amount": 200 }), body),
    ] {
        accountant.patch(path, patch.clone()).await.is(428);
        accountant.put(path, put.clone()).await.is(428);
        accountant.delete(path).await.is(428);
        minimal.patch(path, patch).await.is(204);
        minimal.put(path, put).await.is(204);
    }
}

/// Creates two customers and five invoices in USD; returns the customer ids.
async fn create_invoices(accountant: &Api) -> Vec<String> {
    let mut customers = Vec::new();
    for name in ["Evil Rabbit", "Delba de Oliveira"] {
        let email = format!("{}@acme.test", name.split(' ').next().unwrap().to_lowercase());
        customers.push(
            accountant.post("/api/v2/customers", json!({ "name": name, "email": email })).await.is(201).id(),
        );
    }
    for (customer, amount, status, date) in [
        (0, 15795, "pending", "2022-12-06"),
        (1, 20348, "pending", "2022-11-14"),
        (0, 3040, "paid", "2022-10-29"),
        (1, 44800, "paid", "2023-09-10"),
        (0, 666, "draft", "2023-06-27"),
    ] {
        let invoice =
            json!({ "customerId": customers[customer], "amount": amount, "status": status, "date": date });
        accountant.post("/api/v2/invoices/en-us", invoice).await.is(201);
    }
    customers
}

#[api_test]
async fn invoices_are_converted_to_the_currency_of_the_locale() {
    let api = Api::start().await;
    let accountant = api.sign_in(Role::Accountant).await;
    let customers = create_invoices(&accountant).await;
    let page = |path: String| {
        let accountant = accountant.clone();
        async move { accountant.get(&path).await.is(200).body }
    };
    let dollars = page("/api/v2/invoices/en-us?sort=number".into()).await;
    assert_eq!(
        (&dollars["data"][0]["amount"], &dollars["data"][0]["currency"]),
        (&json!(15795), &json!("USD"))
    );
    assert!(dollars["data"][0].get("original").is_none());
    for (locale, currency, amount, rate) in [
        ("fr", "EUR", 13584, "0.86"),
        ("de", "EUR", 13584, "0.86"),
        ("en-gb", "GBP", 11846, "0.75"),
        ("ja", "JPY", 23692, "150"),
    ] {
        let first = page(format!("/api/v2/invoices/{locale}?sort=number")).await["data"][0].clone();
        assert_eq!((&first["amount"], &first["currency"]), (&json!(amount), &json!(currency)), "{locale}");
        let original = json!({
            "amount": 15795, "currency": "USD", "rate": rate, "rateSource": "fallback", "rateState": "fallback",
        });
        assert_eq!(first["original"], original);
    }
    assert!(
        accountant.get("/api/v2/invoices/it").await.is(404).body["detail"]
            .as_str()
            .unwrap()
            .contains("en-us, fr")
    );
    accountant.get("/api/v2/invoices/EN-US").await.is(404);
    let invoice = json!({ "customerId": customers[0], "amount": 1, "status": "draft" });
    accountant.post("/api/v2/invoices/it", invoice).await.is(404);
}

/// A currency loses its exchange rate if the settings change after the invoice was stored.
#[api_test]
async fn returns_503_with_the_currency_that_has_no_exchange_rate() {
    let api = Api::start().await;
    let accountant = api.sign_in(Role::Accountant).await;
    create_invoices(&accountant).await;
    let update = invoice::Entity::update_many().col_expr(invoice::Column::Currency, Expr::value("KWD"));
    let update = update.filter(invoice::Column::Amount.eq(666));
    api.app.db.write(async move |tx| update.exec(&*tx).await).await.expect("the row is updated");
    let failed = accountant.get("/api/v2/invoices/fr").await.is(503);
    assert!(
        failed.body["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("in KWD, which has no exchange rate")),
        "{failed:?}"
    );
    let pending = accountant.get("/api/v2/invoices/fr?status=pending").await.is(200);
    assert_eq!(pending.body["pagination"]["total"], 2);
}

#[api_test]
async fn a_fetched_rate_replaces_the_fallback_until_it_expires() {
    let api = Api::start().await;
    let accountant = api.sign_in(Role::Accountant).await;
    create_invoices(&accountant).await;
    let list = accountant.get("/api/v2/invoices/fr").await.is(200);
    let fetched = rate::ActiveModel {
        base: Set("USD".into()),
        quote: Set("EUR".into()),
        rate: Set("0.9".into()),
        date: Set("2026-11-20".into()),
        source: Set("bank.test".into()),
        fetched_at: Set(api.clock.now()),
    };
    api.app.db.write(async move |tx| fetched.insert(&*tx).await).await.unwrap();
    let conditional = accountant.header("if-none-match", list.header("etag"));
    for (days, amount, state) in [(0, 14216, "fresh"), (2, 14216, "lastKnown"), (8, 13584, "fallback")] {
        api.clock.advance(days * 86_400_000);
        let accountant = api.sign_in(Role::Accountant).await;
        let first = accountant.get("/api/v2/invoices/fr?sort=number").await.is(200).body["data"][0].clone();
        assert_eq!((&first["amount"], &first["original"]["rateState"]), (&json!(amount), &json!(state)));
        if days == 0 {
            assert_eq!(first["original"]["rateDate"], "2026-11-20");
            conditional.get("/api/v2/invoices/fr").await.is(200);
        }
    }
}

#[api_test]
async fn invoices_are_filtered_sorted_and_paginated() {
    let api = Api::start().await;
    let accountant = api.sign_in(Role::Accountant).await;
    let customers = create_invoices(&accountant).await;
    let owner = format!("customer={}", customers[0]);
    for (query, numbers) in [
        ("", vec![4, 5, 1, 2, 3]),
        ("sort=number", vec![1, 2, 3, 4, 5]),
        ("status=pending", vec![1, 2]),
        (&owner, vec![5, 1, 3]),
        ("q=OLIVEIRA", vec![4, 2]),
        ("currency=EUR", vec![]),
        ("date%5Bgte%5D=2022-11-14&date%5Blt%5D=2023-06-27", vec![1, 2]),
    ] {
        let (mut collected, mut after) = (Vec::new(), String::new());
        loop {
            let page =
                accountant.get(&format!("/api/v2/invoices/fr?{query}&limit=2{after}")).await.is(200).body;
            let data = page["data"].as_array().unwrap().clone();
            collected.extend(data.into_iter().map(|invoice| invoice["number"].as_i64().unwrap()));
            match page["pagination"]["nextCursor"].as_str() {
                Some(cursor) => after = format!("&after={cursor}"),
                None => break,
            }
        }
        assert_eq!(collected, numbers, "{query}");
    }
    let selected = accountant.get("/api/v2/invoices/fr?fields=amount,date&limit=1").await.is(200).body;
    let selected: Vec<&String> = selected["data"][0].as_object().unwrap().keys().collect();
    assert_eq!(selected, ["id", "amount", "currency", "original", "date"]);
    let expanded = accountant.get("/api/v2/invoices/en-us?expand=customer&limit=1").await.is(200).body;
    assert_eq!(expanded["data"][0]["customer"]["email"], "delba@acme.test");
    let list = accountant.get("/api/v2/invoices/en-us").await.is(200);
    accountant.header("if-none-match", list.header("etag")).get("/api/v2/invoices/en-us").await.is(304);
    for invalid in
        ["status=open", "fields=secret", "sort=amount", "date%5Bgte%5D=2022-13-01", "currency=euro"]
    {
        accountant.get(&format!("/api/v2/invoices/en-us?{invalid}")).await.is(400);
    }
}

#[api_test]
async fn invoices_allow_only_the_defined_status_transitions() {
    let api = Api::start().await;
    let accountant = api.sign_in(Role::Accountant).await;
    let customers = create_invoices(&accountant).await;
    let new = |status: &str| json!({ "customerId": customers[0], "amount": 100, "status": status });
    let statuses = ["draft", "pending", "paid", "void"];
    let transitions = [
        ("draft", "pending"),
        ("draft", "paid"),
        ("draft", "void"),
        ("pending", "draft"),
        ("pending", "paid"),
        ("pending", "void"),
        ("paid", "void"),
    ];
    for from in statuses {
        for to in statuses {
            let path = accountant
                .post("/api/v2/invoices/en-us", new(from))
                .await
                .is(201)
                .header("location")
                .to_owned();
            let allowed = from == to || transitions.contains(&(from, to));
            let status = if allowed { 200 } else { 409 };
            accountant.patch(&path, json!({ "status": to })).await.is(status);
            let closed = matches!(if allowed { to } else { from }, "paid" | "void");
            let update = accountant.patch(&path, json!({ "amount": 7 })).await;
            assert_eq!(update.status, if closed { 409 } else { 200 }, "{from} {to}");
        }
    }
}

#[api_test]
async fn invoices_support_idempotency_keys_and_entity_tags() {
    let api = Api::start().await;
    let accountant = api.sign_in(Role::Accountant).await;
    let customers = create_invoices(&accountant).await;
    let new = |status: &str| json!({ "customerId": customers[0], "amount": 100, "status": status });
    let idempotent = accountant.header("idempotency-key", "once");
    let created = idempotent.post("/api/v2/invoices/en-us", new("pending")).await.is(201);
    assert_eq!(created.body["date"], "2026-11-21");
    assert_eq!(idempotent.post("/api/v2/invoices/en-us", new("pending")).await.is(201).id(), created.id());
    idempotent.post("/api/v2/invoices/en-us", new("draft")).await.is(422);
    let unknown_customer = json!({ "customerId": created.id(), "amount": 1, "status": "draft" });
    assert_eq!(
        accountant.post("/api/v2/invoices/en-us", unknown_customer).await.is(409).locations(),
        ["#/customerId"]
    );
    let path = created.header("location").to_owned();
    let read = accountant.get(&path).await.is(200);
    accountant.header("if-none-match", read.header("etag")).get(&path).await.is(304);
    // The entity tag does not depend on the embedded customer.
    let expanded = accountant.get(&format!("{path}?expand=customer")).await.is(200);
    accountant
        .header("if-match", expanded.header("etag"))
        .patch(&path, json!({ "status": "pending" }))
        .await
        .is(200);
    let read = accountant.get(&path).await.is(200);
    let conditional = accountant.header("if-match", read.header("etag"));
    let replacement =
        json!({ "customerId": customers[1], "amount": 200, "status": "pending", "date": "2026-01-31" });
    let replaced = conditional.put(&path, replacement.clone()).await.is(200);
    assert_eq!((&replaced.body["amount"], &replaced.body["date"]), (&json!(200), &json!("2026-01-31")));
    conditional.put(&path, replacement.clone()).await.is(412);
    conditional.patch(&path, json!({ "amount": 1 })).await.is(412);
    conditional.delete(&path).await.is(412);
    // Only the original currency accepts an update of the amount.
    let french = path.replace("en-us", "fr");
    assert_eq!(accountant.put(&french, replacement.clone()).await.is(409).locations(), ["#/amount"]);
    let mut same = replacement;
    same["amount"] = accountant.get(&french).await.is(200).body["amount"].clone();
    assert_eq!(accountant.put(&french, same).await.is(200).body["original"]["amount"], 200);
    accountant.patch(&french, json!({ "status": "paid" })).await.is(200);
    accountant.delete(&path).await.is(409);
    let other =
        accountant.post("/api/v2/invoices/en-us", new("draft")).await.is(201).header("location").to_owned();
    accountant.delete(&other).await.is(204);
    accountant.get(&other).await.is(404);
    accountant.get(&format!("{other}?expand=customer")).await.is(404);
}

#[api_test]
async fn rejects_the_deletion_of_an_invoice_that_was_paid() {
    let api = Api::start().await;
    let accountant = api.sign_in(Role::Accountant).await;
    let customers = create_invoices(&accountant).await;
    for (statuses, retained) in [
        (&["draft"][..], false),
        (&["pending", "void"], false),
        (&["void"], false),
        (&["paid"], true),
        (&["paid", "void"], true),
        (&["draft", "pending", "paid", "void"], true),
    ] {
        let invoice = json!({ "customerId": customers[0], "amount": 100, "status": statuses[0] });
        let path =
            accountant.post("/api/v2/invoices/en-us", invoice).await.is(201).header("location").to_owned();
        for status in &statuses[1..] {
            accountant.patch(&path, json!({ "status": status })).await.is(200);
        }
        let response = accountant.delete(&path).await.is(if retained { 409 } else { 204 });
        assert_eq!(
            response.body["detail"].as_str().is_some_and(|detail| detail.contains("was paid")),
            retained,
            "{statuses:?}"
        );
        accountant.get(&path).await.is(if retained { 200 } else { 404 });
    }
}
