//! Invoices as a table and as lines: equal to the list, safe to open, and read only while somebody takes them.
use entity::invoice;
use poem::http::Method;
use sea_orm::{EntityTrait, Set};
use serde_json::{Value, json};
use tenon::http::auth::Role;
use uuid::Uuid;

use crate::support::{Answer, Api};

/// Customers whose names get on the nerves of tables, and what they owe.
async fn books(api: &Api) -> Api {
    let books = api.sign_in(Role::Accountant).await;
    for (i, name) in ["=SUM(A1)", "Ada, \"the\" Turner", "Zoë; 日本", "@home"].into_iter().enumerate() {
        let customer = json!({ "name": name, "email": format!("c{i}@acme.test") });
        let customer = books.post("/api/v2/customers", customer).await.is(201).id();
        for (amount, status, locale) in [(15795, "pending", "en-us"), (3040, "paid", "fr")] {
            let date = format!("2026-0{}-1{i}", i + 1);
            let owes = json!({ "customerId": customer, "amount": amount, "status": status, "date": date });
            books.post(&format!("/api/v2/invoices/{locale}"), owes).await.is(201);
        }
    }
    books
}

fn table(answer: &Answer) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::Reader::from_reader(answer.bytes.as_slice());
    let head = reader.headers().expect("a head").iter().map(str::to_owned).collect();
    let cells = |line: Result<csv::StringRecord, csv::Error>| {
        line.expect("a line").iter().map(str::to_owned).collect::<Vec<String>>()
    };
    (head, reader.records().map(cells).collect())
}

/// What stands at a path such as `customer.name`, as a cell shows it.
fn cell(entry: &Value, path: &str) -> String {
    let text = match path.split('.').fold(entry, |entry, member| &entry[member]) {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { format!("'{text}") } else { text }
}

/// The names in the table, and where the list says the same.
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

#[tokio::test]
async fn a_table_and_the_lines_say_what_the_list_says() {
    let api = Api::start().await;
    let books = books(&api).await;
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
            let list = books
                .get(&format!("/api/v2/invoices/{locale}?limit=50&expand=customer&{query}"))
                .await
                .is(200)
                .body;
            let list = list["data"].as_array().unwrap();
            let (head, lines) = table(&books.get(&path("/csv?")).await.is(200));
            assert_eq!(head, COLUMNS.map(|(name, _)| name));
            let meant: Vec<Vec<String>> = list
                .iter()
                .map(|entry| COLUMNS.iter().map(|(_, path)| cell(entry, path)).collect())
                .collect();
            assert_eq!(lines, meant, "{locale} {query}");
            let told = books.get(&path("/ndjson?expand=customer&")).await.is(200);
            let told: Vec<Value> = String::from_utf8(told.bytes)
                .unwrap()
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            assert_eq!(&told, list, "{locale} {query}");
        }
    }
}

#[tokio::test]
async fn a_download_has_a_name_a_version_and_the_columns_that_were_asked_for() {
    let api = Api::start().await;
    let books = books(&api).await;
    let csv = books.get("/api/v2/invoice-exports/fr/csv?fields=amount,customer&bom=true").await.is(200);
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8; header=present");
    let name =
        "attachment; filename=\"invoices-fr-2026-11-21.csv\"; filename*=UTF-8''invoices-fr-2026-11-21.csv";
    assert_eq!(csv.header("content-disposition"), name);
    let head = "\u{feff}id,amount,currency,customer.name,customer.email,original.amount,original.currency,\
                original.rate,original.rateDate,original.rateSource,original.rateState\r\n";
    assert!(csv.bytes.starts_with(head.as_bytes()), "{}", String::from_utf8_lossy(&csv.bytes));
    let few = books.get("/api/v2/invoice-exports/fr/csv?fields=date").await.is(200);
    assert_eq!(table(&few).0, ["id", "date"]);
    let lines = books.get("/api/v2/invoice-exports/fr/ndjson?fields=date").await.is(200);
    assert_eq!(lines.header("content-type"), "application/x-ndjson");
    assert!(lines.header("content-disposition").contains("invoices-fr-2026-11-21.ndjson"));
    for (path, tag) in [
        ("/api/v2/invoice-exports/fr/csv?fields=date", few.header("etag")),
        ("/api/v2/invoice-exports/fr/ndjson?fields=date", lines.header("etag")),
    ] {
        let known = books.header("if-none-match", tag);
        known.get(path).await.is(304);
        known.get(&path.replace("/fr/", "/de/")).await.is(200);
        books.header("accept", "application/json").get(path).await.is(406);
        books.send(Method::HEAD, path, None).await.is(200);
        books.get(&path.replace("/fr/", "/it/")).await.is(404);
        books.get(&path.replace("date", "secret")).await.is(400);
        books.get(&format!("{path}&limit=1")).await.is(400);
        api.sign_in(Role::Editor).await.get(path).await.is(403);
    }
    books.post("/api/v2/customers", json!({ "name": "New", "email": "new@acme.test" })).await.is(201);
    books
        .header("if-none-match", few.header("etag"))
        .get("/api/v2/invoice-exports/fr/csv?fields=date")
        .await
        .is(200);
}

/// So many invoices that no channel and no buffer holds them all.
async fn many(api: &Api, books: &Api) {
    let customer = json!({ "name": "Many", "email": "many@acme.test" });
    let customer: Uuid = books.post("/api/v2/customers", customer).await.is(201).id().parse().unwrap();
    for batch in 0..10 {
        let row = |number: i64| invoice::ActiveModel {
            id: Set(Uuid::now_v7()),
            number: Set(number),
            customer_id: Set(customer),
            amount: Set(number),
            currency: Set("USD".into()),
            status: Set("paid".into()),
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

#[tokio::test]
async fn an_export_that_nobody_takes_any_more_makes_place_for_others() {
    let api = Api::start().await;
    let books = api.sign_in(Role::Accountant).await;
    let (second, third) = (api.sign_in(Role::Accountant).await, api.sign_in(Role::Admin).await);
    many(&api, &books).await;
    let path = "/api/v2/invoice-exports/en-us/csv";
    let lines = path.replace("csv", "ndjson");
    let all = table(&books.get(&format!("{path}?sort=number")).await.is(200)).1;
    assert_eq!(all.len(), 5000);
    assert!(all.iter().zip(1..).all(|(line, number)| line[1] == number.to_string()));
    for round in 0..5 {
        let one = books.begin(Method::GET, path, None).await;
        // The other place is for others.
        let own = books.get(&lines).await.is(503);
        assert!(own.headers.contains_key("retry-after"));
        assert!(own.body["detail"].as_str().unwrap().contains("already have a running export"), "{own:?}");
        let other = second.begin(Method::GET, &lines, None).await;
        assert_eq!((one.status().as_u16(), other.status().as_u16()), (200, 200), "{round}");
        let full = third.get(path).await.is(503);
        assert!(full.headers.contains_key("retry-after"));
        // Whoever only reads a page is not kept waiting.
        books.get("/api/v2/invoices/en-us").await.is(200);
        drop((one, other));
        let free = || [Uuid::nil(), Uuid::max()].map(|somebody| api.app.db.export(somebody).is_ok());
        while free() != [true, true] {
            tokio::task::yield_now().await;
        }
    }
}
