//! The back office, as those who keep the books see it.
use entity::{invoice, rate};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, Set, sea_query::Expr};
use serde_json::{Value, json};
use tenon::http::auth::Role;

use crate::support::Api;

pub fn rabbit() -> Value {
    json!({ "name": "Evil Rabbit", "email": "Evil@Rabbit.test", "imageUrl": "/customers/evil-rabbit.png" })
}

#[api_test]
async fn a_customer_is_written_down_changed_and_deleted() {
    let api = Api::start().await;
    let books = api.sign_in(Role::Accountant).await;
    let keyed = books.header("idempotency-key", "rabbit");
    let made = keyed.post("/api/v2/customers", rabbit()).await.is(201);
    assert_eq!((&made.body["email"], &made.body["invoicesCount"]), (&json!("evil@rabbit.test"), &json!(0)));
    let path = made.header("location").to_owned();
    assert_eq!(path, format!("/api/v2/customers/{}", made.id()));
    let again = keyed.post("/api/v2/customers", rabbit()).await.is(201);
    assert_eq!((again.id(), again.header("idempotent-replayed")), (made.id(), "true"));
    keyed.post("/api/v2/customers", json!({ "name": "Other", "email": "o@acme.test" })).await.is(422);
    let taken = books.post("/api/v2/customers", rabbit()).await.is(409);
    assert_eq!(taken.locations(), ["#/email"]);

    let read = books.get(&path).await.is(200);
    assert_eq!((&read.body, read.header("etag")), (&made.body, made.header("etag")));
    books.header("if-none-match", made.header("etag")).get(&path).await.is(304);
    let named = books.header("if-match", made.header("etag"));
    let patched = named.patch(&path, json!({ "name": " The Rabbit ", "imageUrl": null })).await.is(200);
    assert_eq!((&patched.body["name"], patched.body.get("imageUrl")), (&json!("The Rabbit"), None));
    named.patch(&path, json!({ "name": "Too late" })).await.is(412);
    let put = json!({ "name": "Rabbit Ltd", "email": "office@rabbit.test" });
    assert_eq!(books.put(&path, put.clone()).await.is(200).body["email"], "office@rabbit.test");
    let other = json!({ "name": "Lee", "email": "lee@acme.test" });
    let other = books.post("/api/v2/customers", other).await.is(201).header("location").to_owned();
    books.put(&other, put.clone()).await.is(409);
    books.patch(&other, json!({ "email": "OFFICE@rabbit.test" })).await.is(409);
    named.put(&path, put).await.is(412);
    named.delete(&path).await.is(412);
    let owes = json!({ "customerId": made.id(), "amount": 15795, "status": "pending" });
    let owes = books.post("/api/v2/invoices/en-us", owes).await.is(201).header("location").to_owned();
    assert_eq!(books.get(&path).await.is(200).body["invoicesCount"], 1);
    books.delete(&path).await.is(409);
    books.delete(&owes).await.is(204);
    books.delete(&path).await.is(204);
    books.get(&path).await.is(404);
    books.delete(&path).await.is(404);
}

#[api_test]
async fn customers_are_listed_found_and_walked() {
    let api = Api::start().await;
    let books = api.sign_in(Role::Accountant).await;
    for name in ["Amy Burns", "Balázs Orbán", "Delba de Oliveira", "Lee Robinson", "Michael Novotny"] {
        let email = format!("{}@acme.test", name.split(' ').next().unwrap().to_lowercase().replace('á', "a"));
        books.post("/api/v2/customers", json!({ "name": name, "email": email })).await.is(201);
    }
    let names = |page: &Value| -> Vec<String> {
        let data = page["data"].as_array().unwrap();
        data.iter().map(|customer| customer["name"].as_str().unwrap().to_owned()).collect()
    };
    let list = books.get("/api/v2/customers").await.is(200);
    assert_eq!(names(&list.body)[0], "Amy Burns");
    books.header("if-none-match", list.header("etag")).get("/api/v2/customers").await.is(304);
    for (q, found) in [("orban", 1), ("ORB%C3%81N", 1), ("acme.test", 5), ("lee%20rob", 1), ("%25", 0)] {
        let page = books.get(&format!("/api/v2/customers?q={q}")).await.is(200).body;
        assert_eq!(page["pagination"]["total"], found, "{q}");
    }
    for sort in ["name", "-name", "email", "-createdAt"] {
        let whole = names(&books.get(&format!("/api/v2/customers?sort={sort}")).await.is(200).body);
        let (mut walked, mut after) = (Vec::new(), String::new());
        loop {
            let page = books.get(&format!("/api/v2/customers?sort={sort}&limit=2{after}")).await.is(200).body;
            walked.extend(names(&page));
            match page["pagination"]["nextCursor"].as_str() {
                Some(cursor) => after = format!("&after={cursor}"),
                None => break,
            }
        }
        assert_eq!(walked, whole, "{sort}");
    }
    books.get("/api/v2/customers?sort=password").await.is(400);
}

#[api_test]
async fn changes_in_the_office_can_be_quiet_and_must_be_careful() {
    let api = Api::with(&[("require_if_match", "on")]).await;
    let books = api.sign_in(Role::Accountant).await;
    let customer = books.post("/api/v2/customers", rabbit()).await.is(201);
    let quiet = books.header("if-match", "*").header("prefer", "return=minimal");
    let owes = json!({ "customerId": customer.id(), "amount": 100, "status": "draft" });
    let invoice = books.post("/api/v2/invoices/de", owes.clone()).await.is(201);
    for (path, patch, put) in [
        (customer.header("location"), json!({ "name": "New" }), rabbit()),
        (invoice.header("location"), json!({ "amount": 200 }), owes),
    ] {
        books.patch(path, patch.clone()).await.is(428);
        books.put(path, put.clone()).await.is(428);
        books.delete(path).await.is(428);
        quiet.patch(path, patch).await.is(204);
        quiet.put(path, put).await.is(204);
    }
}

/// Customers, and what they owe: by customer, amount, status and day, in dollars.
async fn acme(books: &Api) -> Vec<String> {
    let mut customers = Vec::new();
    for name in ["Evil Rabbit", "Delba de Oliveira"] {
        let email = format!("{}@acme.test", name.split(' ').next().unwrap().to_lowercase());
        customers.push(
            books.post("/api/v2/customers", json!({ "name": name, "email": email })).await.is(201).id(),
        );
    }
    for (customer, amount, status, date) in [
        (0, 15795, "pending", "2022-12-06"),
        (1, 20348, "pending", "2022-11-14"),
        (0, 3040, "paid", "2022-10-29"),
        (1, 44800, "paid", "2023-09-10"),
        (0, 666, "draft", "2023-06-27"),
    ] {
        let owes =
            json!({ "customerId": customers[customer], "amount": amount, "status": status, "date": date });
        books.post("/api/v2/invoices/en-us", owes).await.is(201);
    }
    customers
}

#[api_test]
async fn an_invoice_is_shown_in_the_currency_of_the_locale() {
    let api = Api::start().await;
    let books = api.sign_in(Role::Accountant).await;
    let customers = acme(&books).await;
    let page = |path: String| {
        let books = books.clone();
        async move { books.get(&path).await.is(200).body }
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
        books.get("/api/v2/invoices/it").await.is(404).body["detail"].as_str().unwrap().contains("en-us, fr")
    );
    books.get("/api/v2/invoices/EN-US").await.is(404);
    let owes = json!({ "customerId": customers[0], "amount": 1, "status": "draft" });
    books.post("/api/v2/invoices/it", owes).await.is(404);
}

/// Settings may have changed since it was written.
#[api_test]
async fn what_has_no_rate_is_named_by_its_currency() {
    let api = Api::start().await;
    let books = api.sign_in(Role::Accountant).await;
    acme(&books).await;
    let row = invoice::Entity::update_many().col_expr(invoice::Column::Currency, Expr::value("KWD"));
    let row = row.filter(invoice::Column::Amount.eq(666));
    api.app.db.write(async move |tx| row.exec(&*tx).await).await.expect("written");
    let none = books.get("/api/v2/invoices/fr").await.is(503);
    assert!(
        none.body["detail"]
            .as_str()
            .is_some_and(|words| words.contains("in KWD, which has no exchange rate")),
        "{none:?}"
    );
    let some = books.get("/api/v2/invoices/fr?status=pending").await.is(200);
    assert_eq!(some.body["pagination"]["total"], 2);
}

#[api_test]
async fn a_rate_that_somebody_told_takes_over_until_it_is_too_old() {
    let api = Api::start().await;
    let books = api.sign_in(Role::Accountant).await;
    acme(&books).await;
    let list = books.get("/api/v2/invoices/fr").await.is(200);
    let told = rate::ActiveModel {
        base: Set("USD".into()),
        quote: Set("EUR".into()),
        rate: Set("0.9".into()),
        date: Set("2026-11-20".into()),
        source: Set("bank.test".into()),
        fetched_at: Set(api.clock.now()),
    };
    api.app.db.write(async move |tx| told.insert(&*tx).await).await.unwrap();
    let known = books.header("if-none-match", list.header("etag"));
    for (days, amount, state) in [(0, 14216, "fresh"), (2, 14216, "lastKnown"), (8, 13584, "fallback")] {
        api.clock.advance(days * 86_400_000);
        let books = api.sign_in(Role::Accountant).await;
        let fresh = books.get("/api/v2/invoices/fr?sort=number").await.is(200).body["data"][0].clone();
        assert_eq!((&fresh["amount"], &fresh["original"]["rateState"]), (&json!(amount), &json!(state)));
        if days == 0 {
            assert_eq!(fresh["original"]["rateDate"], "2026-11-20");
            known.get("/api/v2/invoices/fr").await.is(200);
        }
    }
}

#[api_test]
async fn invoices_are_filtered_sorted_and_walked() {
    let api = Api::start().await;
    let books = api.sign_in(Role::Accountant).await;
    let customers = acme(&books).await;
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
        let (mut walked, mut after) = (Vec::new(), String::new());
        loop {
            let page = books.get(&format!("/api/v2/invoices/fr?{query}&limit=2{after}")).await.is(200).body;
            let data = page["data"].as_array().unwrap().clone();
            walked.extend(data.into_iter().map(|invoice| invoice["number"].as_i64().unwrap()));
            match page["pagination"]["nextCursor"].as_str() {
                Some(cursor) => after = format!("&after={cursor}"),
                None => break,
            }
        }
        assert_eq!(walked, numbers, "{query}");
    }
    let few = books.get("/api/v2/invoices/fr?fields=amount,date&limit=1").await.is(200).body;
    let few: Vec<&String> = few["data"][0].as_object().unwrap().keys().collect();
    assert_eq!(few, ["id", "amount", "currency", "original", "date"]);
    let whole = books.get("/api/v2/invoices/en-us?expand=customer&limit=1").await.is(200).body;
    assert_eq!(whole["data"][0]["customer"]["email"], "delba@acme.test");
    let list = books.get("/api/v2/invoices/en-us").await.is(200);
    books.header("if-none-match", list.header("etag")).get("/api/v2/invoices/en-us").await.is(304);
    for wrong in ["status=open", "fields=secret", "sort=amount", "date%5Bgte%5D=2022-13-01", "currency=euro"]
    {
        books.get(&format!("/api/v2/invoices/en-us?{wrong}")).await.is(400);
    }
}

#[api_test]
async fn an_invoice_goes_its_way_and_no_other() {
    let api = Api::start().await;
    let books = api.sign_in(Role::Accountant).await;
    let customers = acme(&books).await;
    let new = |status: &str| json!({ "customerId": customers[0], "amount": 100, "status": status });
    let ways = ["draft", "pending", "paid", "void"];
    let allowed = [
        ("draft", "pending"),
        ("draft", "paid"),
        ("draft", "void"),
        ("pending", "draft"),
        ("pending", "paid"),
        ("pending", "void"),
        ("paid", "void"),
    ];
    for from in ways {
        for to in ways {
            let path =
                books.post("/api/v2/invoices/en-us", new(from)).await.is(201).header("location").to_owned();
            let goes = from == to || allowed.contains(&(from, to));
            let status = if goes { 200 } else { 409 };
            books.patch(&path, json!({ "status": to })).await.is(status);
            let closed = matches!(if goes { to } else { from }, "paid" | "void");
            let changed = books.patch(&path, json!({ "amount": 7 })).await;
            assert_eq!(changed.status, if closed { 409 } else { 200 }, "{from} {to}");
        }
    }
}

#[api_test]
async fn an_invoice_is_written_once_and_changed_by_who_knows_it() {
    let api = Api::start().await;
    let books = api.sign_in(Role::Accountant).await;
    let customers = acme(&books).await;
    let new = |status: &str| json!({ "customerId": customers[0], "amount": 100, "status": status });
    let key = books.header("idempotency-key", "once");
    let made = key.post("/api/v2/invoices/en-us", new("pending")).await.is(201);
    assert_eq!(made.body["date"], "2026-11-21");
    assert_eq!(key.post("/api/v2/invoices/en-us", new("pending")).await.is(201).id(), made.id());
    key.post("/api/v2/invoices/en-us", new("draft")).await.is(422);
    let nobody = json!({ "customerId": made.id(), "amount": 1, "status": "draft" });
    assert_eq!(books.post("/api/v2/invoices/en-us", nobody).await.is(409).locations(), ["#/customerId"]);
    let path = made.header("location").to_owned();
    let read = books.get(&path).await.is(200);
    books.header("if-none-match", read.header("etag")).get(&path).await.is(304);
    // The version is the same with the customer beside it.
    let expanded = books.get(&format!("{path}?expand=customer")).await.is(200);
    books
        .header("if-match", expanded.header("etag"))
        .patch(&path, json!({ "status": "pending" }))
        .await
        .is(200);
    let read = books.get(&path).await.is(200);
    let named = books.header("if-match", read.header("etag"));
    let put = json!({ "customerId": customers[1], "amount": 200, "status": "pending", "date": "2026-01-31" });
    let put_there = named.put(&path, put.clone()).await.is(200);
    assert_eq!((&put_there.body["amount"], &put_there.body["date"]), (&json!(200), &json!("2026-01-31")));
    named.put(&path, put.clone()).await.is(412);
    named.patch(&path, json!({ "amount": 1 })).await.is(412);
    named.delete(&path).await.is(412);
    // In another currency the amount is only looked at.
    let french = path.replace("en-us", "fr");
    assert_eq!(books.put(&french, put.clone()).await.is(409).locations(), ["#/amount"]);
    let mut same = put;
    same["amount"] = books.get(&french).await.is(200).body["amount"].clone();
    assert_eq!(books.put(&french, same).await.is(200).body["original"]["amount"], 200);
    books.patch(&french, json!({ "status": "paid" })).await.is(200);
    books.delete(&path).await.is(409);
    let other =
        books.post("/api/v2/invoices/en-us", new("draft")).await.is(201).header("location").to_owned();
    books.delete(&other).await.is(204);
    books.get(&other).await.is(404);
    books.get(&format!("{other}?expand=customer")).await.is(404);
}

#[api_test]
async fn an_invoice_that_was_paid_stays_in_the_books() {
    let api = Api::start().await;
    let books = api.sign_in(Role::Accountant).await;
    let customers = acme(&books).await;
    for (ways, stays) in [
        (&["draft"][..], false),
        (&["pending", "void"], false),
        (&["void"], false),
        (&["paid"], true),
        (&["paid", "void"], true),
        (&["draft", "pending", "paid", "void"], true),
    ] {
        let owes = json!({ "customerId": customers[0], "amount": 100, "status": ways[0] });
        let path = books.post("/api/v2/invoices/en-us", owes).await.is(201).header("location").to_owned();
        for status in &ways[1..] {
            books.patch(&path, json!({ "status": status })).await.is(200);
        }
        let answer = books.delete(&path).await.is(if stays { 409 } else { 204 });
        assert_eq!(
            answer.body["detail"].as_str().is_some_and(|said| said.contains("was paid")),
            stays,
            "{ways:?}"
        );
        books.get(&path).await.is(if stays { 200 } else { 404 });
    }
}
