//! What an office looks at first: totals, months, the latest invoices and the rates.
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use tenon::{
    http::{auth::Role, problem::Error},
    resources::{
        billing::revenues::ImportedRevenue,
        shared::import_log::ImportEffect::{self, Created, Unchanged, Updated},
    },
};

use crate::support::Api;

/// One customer, with invoices by amount, status, day and locale.
async fn books(api: &Api, invoices: &[(i64, &str, &str, &str)]) -> Api {
    let books = api.sign_in(Role::Accountant).await;
    let customer = json!({ "name": "Evil Rabbit", "email": "evil@rabbit.acme.test" });
    let customer = books.post("/api/v2/customers", customer).await.is(201).id();
    for (amount, status, date, locale) in invoices {
        let owes = json!({ "customerId": customer, "amount": amount, "status": status, "date": date });
        books.post(&format!("/api/v2/invoices/{locale}"), owes).await.is(201);
    }
    books
}

/// What becomes of a month from a file.
async fn told(api: &Api, source: &str, month: &str, amount: i64) -> Result<ImportEffect, String> {
    let (app, currency) = (api.app.clone(), "USD".parse().unwrap());
    let told = ImportedRevenue { source: source.to_owned(), month: month.parse().unwrap(), amount, currency };
    let done = api.app.db.write(async move |tx| app.revenues.import(&tx, &told).await);
    done.await.map_err(|error: Error| error.to_string())
}

fn months(page: &Value) -> Vec<(String, i64, String)> {
    let month = |month: &Value| {
        let text = |name: &str| month[name].as_str().unwrap().to_owned();
        (text("month"), month["amount"].as_i64().unwrap(), text("source"))
    };
    page.as_array().unwrap().iter().map(month).collect()
}

const INVOICES: [(i64, &str, &str, &str); 7] = [
    (1000, "paid", "2026-11-01", "en-us"),
    (500, "paid", "2026-11-30", "fr"),
    (70, "pending", "2026-11-05", "en-us"),
    (86, "pending", "2026-10-05", "de"),
    (300, "paid", "2026-01-31", "en-us"),
    (9, "void", "2026-11-02", "en-us"),
    (40, "paid", "2024-02-29", "en-us"),
];

#[api_test]
async fn months_are_summed_from_paid_invoices_of_every_currency() {
    let api = Api::start().await;
    let books = books(&api, &INVOICES).await;
    let year = books.get("/api/v2/revenues/en-us").await.is(200);
    let listed = months(&year.body["data"]);
    assert_eq!(listed.len(), 12);
    // 500 of the euros are 581.395 cents.
    assert_eq!(listed[0], ("2026-11".into(), 1581, "invoices".into()));
    assert_eq!(listed[1], ("2026-10".into(), 0, "invoices".into()));
    assert_eq!(listed[10], ("2026-01".into(), 300, "invoices".into()));
    assert_eq!(year.body["data"][0]["originals"][0]["currency"], "EUR");
    assert_eq!(year.body["data"][0]["originals"][0]["amount"], 500);
    // From February 2024 to November 2026.
    assert_eq!(year.body["pagination"]["total"], 34);
    let rising = books.get("/api/v2/revenues/en-us?sort=month&limit=1").await.is(200).body;
    assert_eq!(months(&rising["data"]), [("2024-02".into(), 40, "invoices".into())]);
    let (mut walked, mut after) = (Vec::new(), String::new());
    loop {
        let page = books.get(&format!("/api/v2/revenues/en-us?limit=10{after}")).await.is(200).body;
        walked.extend(months(&page["data"]));
        match page["pagination"]["nextCursor"].as_str() {
            Some(cursor) => after = format!("&after={cursor}"),
            None => break,
        }
    }
    assert_eq!(walked.len(), 34);
    let euros = books.get("/api/v2/revenues/fr?limit=1").await.is(200).body;
    assert_eq!(months(&euros["data"]), [("2026-11".into(), 1360, "invoices".into())]);
    books.header("if-none-match", year.header("etag")).get("/api/v2/revenues/en-us").await.is(304);
    books.get("/api/v2/revenues/it").await.is(404);
    assert!(months(&books.get("/api/v2/revenues/fr?page=9").await.is(200).body["data"]).is_empty());
    for wrong in ["sort=amount", "limit=51", "after=0123456789abcdef0123"] {
        books.get(&format!("/api/v2/revenues/en-us?{wrong}")).await.is(400);
    }
}

#[api_test]
async fn imported_books_count_before_invoices() {
    let api = Api::start().await;
    let books = books(&api, &INVOICES).await;
    let list = books.get("/api/v2/revenues/en-us").await.is(200);
    assert_eq!(told(&api, "Nov", "2026-11", 300_000).await, Ok(Created));
    let known = books.header("if-none-match", list.header("etag"));
    let year = known.get("/api/v2/revenues/en-us").await.is(200).body;
    assert_eq!(months(&year["data"])[0], ("2026-11".into(), 300_000, "imported".into()));
    assert_eq!(told(&api, "Nov", "2026-11", 300_000).await, Ok(Unchanged));
    // A year later the same file means the same month.
    assert_eq!(told(&api, "Nov", "2027-11", 310_000).await, Ok(Updated));
    let year = books.get("/api/v2/revenues/en-us?limit=1").await.is(200).body;
    assert_eq!(months(&year["data"])[0], ("2026-11".into(), 310_000, "imported".into()));
    assert!(told(&api, "November", "2026-11", 1).await.unwrap_err().contains("another file"));
    assert_eq!(told(&api, "2020-12", "2020-12", 1).await, Ok(Created));
    assert_eq!(books.get("/api/v2/revenues/en-us").await.is(200).body["pagination"]["total"], 72);
}

#[api_test]
async fn a_month_is_read_as_the_list_shows_it() {
    let api = Api::start().await;
    let books = books(&api, &INVOICES).await;
    let list = books.get("/api/v2/revenues/en-us?limit=50").await.is(200).body;
    for month in list["data"].as_array().unwrap() {
        let path = format!("/api/v2/revenues/en-us/{}", month["month"].as_str().unwrap());
        let read = books.get(&path).await.is(200);
        assert_eq!(&read.body, month);
        assert!(read.header("etag").starts_with('"'), "a strong tag: {}", read.header("etag"));
        books.header("if-none-match", read.header("etag")).get(&path).await.is(304);
    }
    let known = books.get("/api/v2/revenues/en-us/2026-11").await.is(200);
    assert_eq!(known.body["amount"], 1581);
    let known = books.header("if-none-match", known.header("etag"));
    known.get("/api/v2/revenues/fr/2026-11").await.is(200);
    assert_eq!(books.get("/api/v2/revenues/fr/2199-12").await.is(200).body["amount"], 0);
    for nowhere in
        ["en-us/2026-13", "en-us/1899-12", "en-us/2200-01", "en-us/0000-01", "en-us/2026", "it/2026-11"]
    {
        books.get(&format!("/api/v2/revenues/{nowhere}")).await.is(404);
    }
}

#[api_test]
async fn a_figure_is_written_replaced_and_taken_away() {
    let api = Api::start().await;
    let books = books(&api, &INVOICES).await;
    let figure = |amount: i64| json!({ "amount": amount });
    let path = "/api/v2/revenues/fr/2026-11";
    let summed = books.get(path).await.is(200);
    let (list, dashboard) = (
        books.get("/api/v2/revenues/fr").await.is(200),
        books.get("/api/v2/dashboard?locale=fr").await.is(200),
    );
    let other = books.get("/api/v2/revenues/fr/2026-10").await.is(200);
    books.header("if-match", other.header("etag")).put(path, figure(1)).await.is(412);
    books.header("if-none-match", summed.header("etag")).put(path, figure(1)).await.is(412);
    books.delete(path).await.is(404);
    // What is summed up can be named, and is no figure yet.
    let made = books.header("if-match", summed.header("etag")).put(path, figure(500)).await.is(201);
    assert_eq!(made.header("location"), path);
    assert_eq!(
        (&made.body["amount"], &made.body["currency"], &made.body["source"]),
        (&json!(500), &json!("EUR"), &json!("imported"))
    );
    for (kept, path) in [(list, "/api/v2/revenues/fr"), (dashboard, "/api/v2/dashboard?locale=fr")] {
        let now = books.header("if-none-match", kept.header("etag")).get(path).await.is(200);
        assert!(String::from_utf8_lossy(&now.bytes).contains("\"imported\""), "{path}");
    }
    books.header("if-none-match", "*").put(path, figure(2)).await.is(412);
    let current = books.header("if-match", summed.header("etag")).put(path, figure(2)).await.is(412);
    assert_eq!(current.body["currentEtag"], made.header("etag"));
    let named = books.header("if-match", made.header("etag"));
    let dollars = books.put("/api/v2/revenues/en-us/2026-11", figure(700)).await.is(200);
    assert_eq!((&dollars.body["currency"], &dollars.body["originals"]), (&json!("USD"), &json!([])));
    let euros = books.get(path).await.is(200);
    assert_eq!((&euros.body["amount"], &euros.body["originals"][0]["amount"]), (&json!(602), &json!(700)));
    named.delete(path).await.is(412);
    books.header("if-match", euros.header("etag")).delete(path).await.is(204);
    assert_eq!(books.get(path).await.is(200).body, summed.body);
    books.delete(path).await.is(404);
    books.header("if-none-match", "*").put(path, figure(3)).await.is(201);
    for wrong in
        [figure(-1), figure(1_000_000_000_001), json!({}), json!({ "amount": 1, "month": "2026-11" })]
    {
        books.put(path, wrong).await.is(400);
    }
    books.put("/api/v2/revenues/it/2026-11", figure(1)).await.is(404);
    books.delete("/api/v2/revenues/it/2026-11").await.is(404);
}

#[api_test]
async fn a_figure_and_an_import_keep_off_each_other() {
    let api = Api::with(&[("require_if_match", "on")]).await;
    let books = books(&api, &[]).await;
    let path = "/api/v2/revenues/en-us/2026-11";
    // There is no figure whose version could be named.
    let made = books.put(path, json!({ "amount": 1 })).await.is(201);
    books.put(path, json!({ "amount": 2 })).await.is(428);
    books.delete(path).await.is(428);
    assert!(told(&api, "Nov", "2026-11", 5).await.unwrap_err().contains("another file or a request created"));
    books.header("if-match", made.header("etag")).delete(path).await.is(204);
    // An import that was wrong is mended, and does not come back.
    assert_eq!(told(&api, "Nov", "2026-11", 5).await, Ok(Created));
    let wrong = books.get(path).await.is(200);
    let named = books.header("if-match", wrong.header("etag")).header("prefer", "return=minimal");
    named.put(path, json!({ "amount": 50 })).await.is(204);
    assert_eq!(told(&api, "Nov", "2026-11", 5).await, Ok(Unchanged));
    assert!(told(&api, "Nov", "2026-11", 6).await.unwrap_err().contains("have changed: nothing was written"));
    assert_eq!(books.get(path).await.is(200).body["amount"], 50);
    books.header("if-match", "*").delete(path).await.is(204);
    assert!(told(&api, "Nov", "2026-11", 6).await.unwrap_err().contains("was deleted here"));
}

#[api_test]
async fn the_dashboard_is_told_in_one_answer_and_one_currency() {
    let api = Api::start().await;
    let books = books(&api, &INVOICES).await;
    let whole = books.get("/api/v2/dashboard").await.is(200);
    assert_eq!((&whole.body["locale"], &whole.body["currency"]), (&json!("en-us"), &json!("USD")));
    let cards = json!({ "collected": 1921, "pending": 170, "invoices": 7, "customers": 1 });
    assert_eq!(whole.body["cards"], cards);
    let year = months(&whole.body["revenues"]);
    assert_eq!((year.len(), &year[11]), (12, &("2026-11".into(), 1581, "invoices".into())));
    let latest = whole.body["latest"].as_array().unwrap();
    let dates: Vec<&str> = latest.iter().map(|invoice| invoice["date"].as_str().unwrap()).collect();
    assert_eq!(dates, ["2026-11-30", "2026-11-05", "2026-11-02", "2026-11-01", "2026-10-05"]);
    assert_eq!(latest[0]["customer"]["name"], "Evil Rabbit");
    assert_eq!(whole.body["failed"], json!([]));
    let euro = json!({
        "base": "EUR", "currency": "USD", "rate": "1.16279069767", "rateSource": "fallback",
        "rateState": "fallback",
    });
    assert_eq!(whole.body["rates"][0], euro);
    let french = books.get("/api/v2/dashboard?locale=fr").await.is(200).body;
    assert_eq!(french["cards"]["collected"], 1652);
    books.get("/api/v2/dashboard?locale=it").await.is(404);
    let known = books.header("if-none-match", whole.header("etag"));
    known.get("/api/v2/dashboard").await.is(304);
    known.get("/api/v2/dashboard?locale=fr").await.is(200);
    books.post("/api/v2/customers", json!({ "name": "New", "email": "new@acme.test" })).await.is(201);
    assert_eq!(known.get("/api/v2/dashboard").await.is(200).body["cards"]["customers"], 2);
}

#[api_test]
async fn a_part_that_cannot_be_read_is_named_and_the_rest_is_answered() {
    let api = Api::start().await;
    let books = books(&api, &INVOICES).await;
    let whole = books.get("/api/v2/dashboard").await.is(200);
    let rename = |from: &'static str, to: &'static str| {
        api.app.db.write(async move |tx| {
            tx.execute_unprepared(&format!("ALTER TABLE {from} RENAME TO {to}")).await.map(|_| ())
        })
    };
    rename("revenues", "lost").await.unwrap();
    let known = books.header("if-none-match", whole.header("etag"));
    // Nothing in the office has changed: the copy is as good as before.
    known.get("/api/v2/dashboard").await.is(304);
    let rest = books.get("/api/v2/dashboard").await.is(200);
    assert_eq!(rest.body["failed"], json!(["revenues"]));
    assert!(rest.body.get("revenues").is_none());
    assert_eq!(rest.body["cards"], whole.body["cards"]);
    assert_eq!(rest.header("cache-control"), "no-store");
    rename("lost", "revenues").await.unwrap();
    // Nothing of several currencies can be told without any rates.
    rename("rates", "lost").await.unwrap();
    books.get("/api/v2/dashboard").await.is(503);
    rename("lost", "rates").await.unwrap();
    // What was incomplete is no copy of the whole.
    let known = books.header("if-none-match", rest.header("etag"));
    assert_eq!(known.get("/api/v2/dashboard").await.is(200).body["failed"], json!([]));
}

#[api_test]
async fn an_empty_office_has_a_dashboard_too() {
    let api = Api::start().await;
    let books = api.sign_in(Role::Accountant).await;
    let whole = books.get("/api/v2/dashboard").await.is(200).body;
    assert_eq!(whole["cards"], json!({ "collected": 0, "pending": 0, "invoices": 0, "customers": 0 }));
    assert_eq!(months(&whole["revenues"]).len(), 12);
    assert_eq!(whole["latest"], json!([]));
    assert_eq!(books.get("/api/v2/revenues/ja").await.is(200).body["pagination"]["total"], 12);
    let lost = async |tx: tenon::infra::db::Tx| {
        tx.execute_unprepared("ALTER TABLE rates RENAME TO lost").await.map(|_| ())
    };
    api.app.db.write(lost).await.unwrap();
    let rest = books.get("/api/v2/dashboard").await.is(200).body;
    assert_eq!((&rest["failed"], &rest["cards"]), (&json!(["rates"]), &whole["cards"]));
}
