//! Invoice exports as CSV and NDJSON: content, headers, and the limit of concurrent exports.
use entity::invoice;
use poem::http::Method;
use sea_orm::{EntityTrait, Set};
use serde_json::{Value, json};
use tenon::http::auth::Role;
use uuid::Uuid;

use crate::support::{Api, Response};

/// Creates invoices of customers whose names a CSV export must escape; returns the accountant.
async fn create_invoices(api: &Api) -> Api {
    let accountant = api.sign_in(Role::Accountant).await;
    for (i, name) in ["=SUM(A1)", "Ada, \"the\" Turner", "Zoë; 日本", "@home"].into_iter().enumerate() {
        let customer = json!({ "name": name, "email": format!("c{i}@acme.test") });
        let customer = accountant.post("/api/v2/customers", customer).await.is(201).id();
        for (amount, status, locale) in [(15795, "pending", "en-us"), (3040, "paid", "fr")] {
            let date = format!("2026-0{}-1{i}", i + 1);
            let invoice = json!({ "customerId": customer, "amount": amount, "status": status, "date": date });
            accountant.post(&format!("/api/v2/invoices/{locale}"), invoice).await.is(201);
        }
    }
    accountant
}

fn parse_csv(response: &Response) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::Reader::from_reader(response.bytes.as_slice());
    let header = reader.headers().expect("a header").iter().map(str::to_owned).collect();
    let cells = |record: Result<csv::StringRecord, csv::Error>| {
        record.expect("a line").iter().map(str::to_owned).collect::<Vec<String>>()
    };
    (header, reader.records().map(cells).collect())
}

/// Returns the CSV cell for the field at a path such as `customer.name`.
fn cell(entry: &Value, path: &str) -> String {
    let text = match path.split('.').fold(entry, |entry, field| &entry[field]) {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { format!("'{text}") } else { text }
}

/// The CSV columns, each with the path of the same value in the JSON list.
const COLUMNS: [(&str, &str); 15] = [
    ("id", "id"),
    ("number", "number"),
    ("date", "date"),
    ("status", "status"),
    ("amount", "amount"),
    ("currency", "currency"),
    ("customerId", "customerId"),
    ("customer.name", "customer.name"),
    ("customer.email", "customer.email"),
    ("original.amount", "original.amount"),
    ("original.currency", "original.currency"),
    ("original.rate", "original.rate"),
    ("original.rateDate", "original.rateDate"),
    ("original.rateSource", "original.rateSource"),
    ("original.rateState", "original.rateState"),
];

#[api_test]
async fn exports_contain_the_values_of_the_list() {
    let api = Api::start().await;
    let accountant = create_invoices(&api).await;
    for query in [
        "",
        "sort=number",
        "status=paid",
        "currency=USD&sort=-number",
        "q=c3",
        "date%5Bgte%5D=2026-02-01&date%5Blt%5D=2026-04-01",
        "status=void",
    ] {
        for locale in ["en-us", "fr", "ja"] {
            let path = |kind: &str| format!("/api/v2/invoice-exports/{locale}{kind}{query}");
            let list = accountant
                .get(&format!("/api/v2/invoices/{locale}?limit=50&expand=customer&{query}"))
                .await
                .is(200)
                .body;
            let list = list["data"].as_array().unwrap();
            let (header, rows) = parse_csv(&accountant.get(&path("/csv?")).await.is(200));
            assert_eq!(header, COLUMNS.map(|(name, _)| name));
            let expected: Vec<Vec<String>> = list
                .iter()
                .map(|entry| COLUMNS.iter().map(|(_, path)| cell(entry, path)).collect())
                .collect();
            assert_eq!(rows, expected, "{locale} {query}");
            let ndjson = accountant.get(&path("/ndjson?expand=customer&")).await.is(200);
            let ndjson: Vec<Value> = String::from_utf8(ndjson.bytes)
                .unwrap()
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            assert_eq!(&ndjson, list, "{locale} {query}");
        }
    }
}

#[api_test]
async fn exports_have_a_file_name_an_entity_tag_and_the_requested_columns() {
    let api = Api::start().await;
    let accountant = create_invoices(&api).await;
    let csv = accountant.get("/api/v2/invoice-exports/fr/csv?fields=amount,customer&bom=true").await.is(200);
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8; header=present");
    let name =
        "attachment; filename=\"invoices-fr-2026-11-21.csv\"; filename*=UTF-8''invoices-fr-2026-11-21.csv";
    assert_eq!(csv.header("content-disposition"), name);
    let header = "\u{feff}id,amount,currency,customer.name,customer.email,original.amount,original.currency,\
                original.rate,original.rateDate,original.rateSource,original.rateState\r\n";
    assert!(csv.bytes.starts_with(header.as_bytes()), "{}", String::from_utf8_lossy(&csv.bytes));
    let dates = accountant.get("/api/v2/invoice-exports/fr/csv?fields=date").await.is(200);
    assert_eq!(parse_csv(&dates).0, ["id", "date"]);
    let ndjson = accountant.get("/api/v2/invoice-exports/fr/ndjson?fields=date").await.is(200);
    assert_eq!(ndjson.header("content-type"), "application/x-ndjson");
    assert!(ndjson.header("content-disposition").contains("invoices-fr-2026-11-21.ndjson"));
    for (path, tag) in [
        ("/api/v2/invoice-exports/fr/csv?fields=date", dates.header("etag")),
        ("/api/v2/invoice-exports/fr/ndjson?fields=date", ndjson.header("etag")),
    ] {
        let conditional = accountant.header("if-none-match", tag);
        conditional.get(path).await.is(304);
        conditional.get(&path.replace("/fr/", "/de/")).await.is(200);
        accountant.header("accept", "application/json").get(path).await.is(406);
        accountant.send(Method::HEAD, path, None).await.is(200);
        accountant.get(&path.replace("/fr/", "/it/")).await.is(404);
        accountant.get(&path.replace("date", "secret")).await.is(400);
        accountant.get(&format!("{path}&limit=1")).await.is(400);
        api.sign_in(Role::Editor).await.get(path).await.is(403);
    }
    accountant.post("/api/v2/customers", json!({ "name": "New", "email": "new@acme.test" })).await.is(201);
    accountant
        .header("if-none-match", dates.header("etag"))
        .get("/api/v2/invoice-exports/fr/csv?fields=date")
        .await
        .is(200);
}

/// Inserts 5,000 invoices: more than all buffers of a response can store.
async fn insert_invoices(api: &Api, accountant: &Api) {
    let customer = json!({ "name": "Many", "email": "many@acme.test" });
    let customer: Uuid = accountant.post("/api/v2/customers", customer).await.is(201).id().parse().unwrap();
    for batch in 0..10 {
        let row = |number: i64| invoice::ActiveModel {
            id: Set(Uuid::now_v7()),
            number: Set(number),
            customer_id: Set(customer),
            amount: Set(number),
            currency: Set("USD".into()),
            status: Set(invoice::InvoiceStatus::Paid),
            date: Set("2026-11-21".into()),
            version: Set(1),
            created_at: Set(0),
            updated_at: Set(0),
            paid_at: Set(Some(0)),
        };
        let rows: Vec<_> = (1..=500).map(|i| row(batch * 500 + i)).collect();
        let insert = async move |tx: tenon::infra::db::Tx| {
            invoice::Entity::insert_many(rows).exec_without_returning(&*tx).await.map(|_| ())
        };
        api.app.db.write(insert).await.unwrap();
    }
}

#[api_test]
async fn a_dropped_export_releases_its_slot() {
    let api = Api::start().await;
    let accountant = api.sign_in(Role::Accountant).await;
    let (second, third) = (api.sign_in(Role::Accountant).await, api.sign_in(Role::Admin).await);
    insert_invoices(&api, &accountant).await;
    let path = "/api/v2/invoice-exports/en-us/csv";
    let ndjson = path.replace("csv", "ndjson");
    let all = parse_csv(&accountant.get(&format!("{path}?sort=number")).await.is(200)).1;
    assert_eq!(all.len(), 5000);
    assert!(all.iter().zip(1..).all(|(row, number)| row[1] == number.to_string()));
    for round in 0..5 {
        let first = accountant.send_streaming(Method::GET, path, None).await;
        // One caller may run one export at a time.
        let repeated = accountant.get(&ndjson).await.is(503);
        assert!(repeated.headers.contains_key("retry-after"));
        assert!(
            repeated.body["detail"].as_str().unwrap().contains("already have a running export"),
            "{repeated:?}"
        );
        let other = second.send_streaming(Method::GET, &ndjson, None).await;
        assert_eq!((first.status().as_u16(), other.status().as_u16()), (200, 200), "{round}");
        let rejected = third.get(path).await.is(503);
        assert!(rejected.headers.contains_key("retry-after"));
        // Running exports do not block other queries.
        accountant.get("/api/v2/invoices/en-us").await.is(200);
        drop((first, other));
        let slots = || [Uuid::nil(), Uuid::max()].map(|caller| api.app.db.export(caller).is_ok());
        while slots() != [true, true] {
            tokio::task::yield_now().await;
        }
    }
}
