//! The dashboard and monthly revenues: totals, imports, the latest invoices and exchange rates.
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

/// Creates a customer with these invoices (amount, status, date, locale); returns the accountant.
async fn create_invoices(api: &Api, invoices: &[(i64, &str, &str, &str)]) -> Api {
    let accountant = api.sign_in(Role::Accountant).await;
    let customer = json!({ "name": "Evil Rabbit", "email": "evil@rabbit.acme.test" });
    let customer = accountant.post("/api/v2/customers", customer).await.is(201).id();
    for (amount, status, date, locale) in invoices {
        let invoice = json!({ "customerId": customer, "amount": amount, "status": status, "date": date });
        accountant.post(&format!("/api/v2/invoices/{locale}"), invoice).await.is(201);
    }
    accountant
}

/// Imports the revenue of a month, as a file does.
async fn import_revenue(api: &Api, source: &str, month: &str, amount: i64) -> Result<ImportEffect, String> {
    let (app, currency) = (api.app.clone(), "USD".parse().unwrap());
    let revenue =
        ImportedRevenue { source: source.to_owned(), month: month.parse().unwrap(), amount, currency };
    let done = api.app.db.write(async move |tx| app.revenues.import(&tx, &revenue).await);
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
    let accountant = create_invoices(&api, &INVOICES).await;
    let year = accountant.get("/api/v2/revenues/en-us").await.is(200);
    let listed = months(&year.body["data"]);
    assert_eq!(listed.len(), 12);
    // The default rate converts 5.00 EUR to 5.81395 USD.
    assert_eq!(listed[0], ("2026-11".into(), 1581, "invoices".into()));
    assert_eq!(listed[1], ("2026-10".into(), 0, "invoices".into()));
    assert_eq!(listed[10], ("2026-01".into(), 300, "invoices".into()));
    assert_eq!(year.body["data"][0]["originals"][0]["currency"], "EUR");
    assert_eq!(year.body["data"][0]["originals"][0]["amount"], 500);
    // From February 2024 to November 2026.
    assert_eq!(year.body["pagination"]["total"], 34);
    let ascending = accountant.get("/api/v2/revenues/en-us?sort=month&limit=1").await.is(200).body;
    assert_eq!(months(&ascending["data"]), [("2024-02".into(), 40, "invoices".into())]);
    let (mut collected, mut after) = (Vec::new(), String::new());
    loop {
        let page = accountant.get(&format!("/api/v2/revenues/en-us?limit=10{after}")).await.is(200).body;
        collected.extend(months(&page["data"]));
        match page["pagination"]["nextCursor"].as_str() {
            Some(cursor) => after = format!("&after={cursor}"),
            None => break,
        }
    }
    assert_eq!(collected.len(), 34);
    let euros = accountant.get("/api/v2/revenues/fr?limit=1").await.is(200).body;
    assert_eq!(months(&euros["data"]), [("2026-11".into(), 1360, "invoices".into())]);
    accountant.header("if-none-match", year.header("etag")).get("/api/v2/revenues/en-us").await.is(304);
    accountant.get("/api/v2/revenues/it").await.is(404);
    assert!(months(&accountant.get("/api/v2/revenues/fr?page=9").await.is(200).body["data"]).is_empty());
    for invalid in ["sort=amount", "limit=51", "after=0123456789abcdef0123"] {
        accountant.get(&format!("/api/v2/revenues/en-us?{invalid}")).await.is(400);
    }
}

#[api_test]
async fn imported_revenues_override_invoices() {
    let api = Api::start().await;
    let accountant = create_invoices(&api, &INVOICES).await;
    let list = accountant.get("/api/v2/revenues/en-us").await.is(200);
    assert_eq!(import_revenue(&api, "Nov", "2026-11", 300_000).await, Ok(Created));
    let conditional = accountant.header("if-none-match", list.header("etag"));
    let year = conditional.get("/api/v2/revenues/en-us").await.is(200).body;
    assert_eq!(months(&year["data"])[0], ("2026-11".into(), 300_000, "imported".into()));
    assert_eq!(import_revenue(&api, "Nov", "2026-11", 300_000).await, Ok(Unchanged));
    // The source identifies the row: the month of a repeated import is ignored.
    assert_eq!(import_revenue(&api, "Nov", "2027-11", 310_000).await, Ok(Updated));
    let year = accountant.get("/api/v2/revenues/en-us?limit=1").await.is(200).body;
    assert_eq!(months(&year["data"])[0], ("2026-11".into(), 310_000, "imported".into()));
    assert!(import_revenue(&api, "November", "2026-11", 1).await.unwrap_err().contains("another file"));
    assert_eq!(import_revenue(&api, "2020-12", "2020-12", 1).await, Ok(Created));
    assert_eq!(accountant.get("/api/v2/revenues/en-us").await.is(200).body["pagination"]["total"], 72);
}

#[api_test]
async fn a_month_equals_its_entry_in_the_list() {
    let api = Api::start().await;
    let accountant = create_invoices(&api, &INVOICES).await;
    let list = accountant.get("/api/v2/revenues/en-us?limit=50").await.is(200).body;
    for month in list["data"].as_array().unwrap() {
        let path = format!("/api/v2/revenues/en-us/{}", month["month"].as_str().unwrap());
        let read = accountant.get(&path).await.is(200);
        assert_eq!(&read.body, month);
        assert!(read.header("etag").starts_with('"'), "a strong tag: {}", read.header("etag"));
        accountant.header("if-none-match", read.header("etag")).get(&path).await.is(304);
    }
    let november = accountant.get("/api/v2/revenues/en-us/2026-11").await.is(200);
    assert_eq!(november.body["amount"], 1581);
    let conditional = accountant.header("if-none-match", november.header("etag"));
    conditional.get("/api/v2/revenues/fr/2026-11").await.is(200);
    assert_eq!(accountant.get("/api/v2/revenues/fr/2199-12").await.is(200).body["amount"], 0);
    for unknown in
        ["en-us/2026-13", "en-us/1899-12", "en-us/2200-01", "en-us/0000-01", "en-us/2026", "it/2026-11"]
    {
        accountant.get(&format!("/api/v2/revenues/{unknown}")).await.is(404);
    }
}

#[api_test]
async fn revenues_are_created_replaced_and_deleted() {
    let api = Api::start().await;
    let accountant = create_invoices(&api, &INVOICES).await;
    let revenue = |amount: i64| json!({ "amount": amount });
    let path = "/api/v2/revenues/fr/2026-11";
    let computed = accountant.get(path).await.is(200);
    let (list, dashboard) = (
        accountant.get("/api/v2/revenues/fr").await.is(200),
        accountant.get("/api/v2/dashboard?locale=fr").await.is(200),
    );
    let other = accountant.get("/api/v2/revenues/fr/2026-10").await.is(200);
    accountant.header("if-match", other.header("etag")).put(path, revenue(1)).await.is(412);
    accountant.header("if-none-match", computed.header("etag")).put(path, revenue(1)).await.is(412);
    accountant.delete(path).await.is(404);
    // If-Match accepts the entity tag of a computed month; the response is 201, since no row is stored.
    let created =
        accountant.header("if-match", computed.header("etag")).put(path, revenue(500)).await.is(201);
    assert_eq!(created.header("location"), path);
    assert_eq!(
        (&created.body["amount"], &created.body["currency"], &created.body["source"]),
        (&json!(500), &json!("EUR"), &json!("imported"))
    );
    for (cached, path) in [(list, "/api/v2/revenues/fr"), (dashboard, "/api/v2/dashboard?locale=fr")] {
        let current = accountant.header("if-none-match", cached.header("etag")).get(path).await.is(200);
        assert!(String::from_utf8_lossy(&current.bytes).contains("\"imported\""), "{path}");
    }
    accountant.header("if-none-match", "*").put(path, revenue(2)).await.is(412);
    let current = accountant.header("if-match", computed.header("etag")).put(path, revenue(2)).await.is(412);
    assert_eq!(current.body["currentEtag"], created.header("etag"));
    let conditional = accountant.header("if-match", created.header("etag"));
    let dollars = accountant.put("/api/v2/revenues/en-us/2026-11", revenue(700)).await.is(200);
    assert_eq!((&dollars.body["currency"], &dollars.body["originals"]), (&json!("USD"), &json!([])));
    let euros = accountant.get(path).await.is(200);
    assert_eq!((&euros.body["amount"], &euros.body["originals"][0]["amount"]), (&json!(602), &json!(700)));
    conditional.delete(path).await.is(412);
    accountant.header("if-match", euros.header("etag")).delete(path).await.is(204);
    assert_eq!(accountant.get(path).await.is(200).body, computed.body);
    accountant.delete(path).await.is(404);
    accountant.header("if-none-match", "*").put(path, revenue(3)).await.is(201);
    for invalid in
        [revenue(-1), revenue(1_000_000_000_001), json!({}), json!({ "amount": 1, "month": "2026-11" })]
    {
        accountant.put(path, invalid).await.is(400);
    }
    accountant.put("/api/v2/revenues/it/2026-11", revenue(1)).await.is(404);
    accountant.delete("/api/v2/revenues/it/2026-11").await.is(404);
}

#[api_test]
async fn requests_and_imports_do_not_overwrite_the_revenues_of_each_other() {
    let api = Api::with(&[("require_if_match", "on")]).await;
    let accountant = create_invoices(&api, &[]).await;
    let path = "/api/v2/revenues/en-us/2026-11";
    // If-Match is required only for a stored row.
    let created = accountant.put(path, json!({ "amount": 1 })).await.is(201);
    accountant.put(path, json!({ "amount": 2 })).await.is(428);
    accountant.delete(path).await.is(428);
    assert!(
        import_revenue(&api, "Nov", "2026-11", 5)
            .await
            .unwrap_err()
            .contains("another file or a request created")
    );
    accountant.header("if-match", created.header("etag")).delete(path).await.is(204);
    // A repeated import does not overwrite an update of the imported row.
    assert_eq!(import_revenue(&api, "Nov", "2026-11", 5).await, Ok(Created));
    let imported = accountant.get(path).await.is(200);
    let conditional =
        accountant.header("if-match", imported.header("etag")).header("prefer", "return=minimal");
    conditional.put(path, json!({ "amount": 50 })).await.is(204);
    assert_eq!(import_revenue(&api, "Nov", "2026-11", 5).await, Ok(Unchanged));
    assert!(
        import_revenue(&api, "Nov", "2026-11", 6)
            .await
            .unwrap_err()
            .contains("have changed: nothing was written")
    );
    assert_eq!(accountant.get(path).await.is(200).body["amount"], 50);
    accountant.header("if-match", "*").delete(path).await.is(204);
    assert!(import_revenue(&api, "Nov", "2026-11", 6).await.unwrap_err().contains("was deleted here"));
}

#[api_test]
async fn the_dashboard_returns_all_parts_in_one_currency() {
    let api = Api::start().await;
    let accountant = create_invoices(&api, &INVOICES).await;
    let dashboard = accountant.get("/api/v2/dashboard").await.is(200);
    assert_eq!((&dashboard.body["locale"], &dashboard.body["currency"]), (&json!("en-us"), &json!("USD")));
    let cards = json!({ "collected": 1921, "pending": 170, "invoices": 7, "customers": 1 });
    assert_eq!(dashboard.body["cards"], cards);
    let year = months(&dashboard.body["revenues"]);
    assert_eq!((year.len(), &year[11]), (12, &("2026-11".into(), 1581, "invoices".into())));
    let latest = dashboard.body["latest"].as_array().unwrap();
    let dates: Vec<&str> = latest.iter().map(|invoice| invoice["date"].as_str().unwrap()).collect();
    assert_eq!(dates, ["2026-11-30", "2026-11-05", "2026-11-02", "2026-11-01", "2026-10-05"]);
    assert_eq!(latest[0]["customer"]["name"], "Evil Rabbit");
    assert_eq!(dashboard.body["failed"], json!([]));
    let euro = json!({
        "base": "EUR", "currency": "USD", "rate": "1.16279069767", "rateSource": "fallback",
        "rateState": "fallback",
    });
    assert_eq!(dashboard.body["rates"][0], euro);
    let french = accountant.get("/api/v2/dashboard?locale=fr").await.is(200).body;
    assert_eq!(french["cards"]["collected"], 1652);
    accountant.get("/api/v2/dashboard?locale=it").await.is(404);
    let conditional = accountant.header("if-none-match", dashboard.header("etag"));
    conditional.get("/api/v2/dashboard").await.is(304);
    conditional.get("/api/v2/dashboard?locale=fr").await.is(200);
    accountant.post("/api/v2/customers", json!({ "name": "New", "email": "new@acme.test" })).await.is(201);
    assert_eq!(conditional.get("/api/v2/dashboard").await.is(200).body["cards"]["customers"], 2);
}

#[api_test]
async fn the_dashboard_names_a_part_whose_query_failed_and_returns_the_rest() {
    let api = Api::start().await;
    let accountant = create_invoices(&api, &INVOICES).await;
    let complete = accountant.get("/api/v2/dashboard").await.is(200);
    let rename = |from: &'static str, to: &'static str| {
        api.app.db.write(async move |tx| {
            tx.execute_unprepared(&format!("ALTER TABLE {from} RENAME TO {to}")).await.map(|_| ())
        })
    };
    rename("revenues", "lost").await.unwrap();
    let conditional = accountant.header("if-none-match", complete.header("etag"));
    // The versions have not changed, so the cached response is valid.
    conditional.get("/api/v2/dashboard").await.is(304);
    let partial = accountant.get("/api/v2/dashboard").await.is(200);
    assert_eq!(partial.body["failed"], json!(["revenues"]));
    assert!(partial.body.get("revenues").is_none());
    assert_eq!(partial.body["cards"], complete.body["cards"]);
    assert_eq!(partial.header("cache-control"), "no-store");
    rename("lost", "revenues").await.unwrap();
    // Totals of several currencies require the table of rates.
    rename("rates", "lost").await.unwrap();
    accountant.get("/api/v2/dashboard").await.is(503);
    rename("lost", "rates").await.unwrap();
    // The entity tag of a partial response does not match the complete response.
    let conditional = accountant.header("if-none-match", partial.header("etag"));
    assert_eq!(conditional.get("/api/v2/dashboard").await.is(200).body["failed"], json!([]));
}

#[api_test]
async fn the_dashboard_without_data_has_zero_totals() {
    let api = Api::start().await;
    let accountant = api.sign_in(Role::Accountant).await;
    let complete = accountant.get("/api/v2/dashboard").await.is(200).body;
    assert_eq!(complete["cards"], json!({ "collected": 0, "pending": 0, "invoices": 0, "customers": 0 }));
    assert_eq!(months(&complete["revenues"]).len(), 12);
    assert_eq!(complete["latest"], json!([]));
    assert_eq!(accountant.get("/api/v2/revenues/ja").await.is(200).body["pagination"]["total"], 12);
    let rename = async |tx: tenon::infra::db::Tx| {
        tx.execute_unprepared("ALTER TABLE rates RENAME TO lost").await.map(|_| ())
    };
    api.app.db.write(rename).await.unwrap();
    let partial = accountant.get("/api/v2/dashboard").await.is(200).body;
    assert_eq!((&partial["failed"], &partial["cards"]), (&json!(["rates"]), &complete["cards"]));
}
