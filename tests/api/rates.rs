//! Exchange rates: invalid and slow responses of a source, stored rates, fallback rates and retries.
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tenon::{http::auth::Role, resources::billing::rates::MaxChange};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use crate::support::{Api, DEADLINE, START, poll_until};

const HOUR: i64 = 3_600_000;

/// The behavior of the source for a request.
#[derive(Clone)]
enum Behavior {
    /// Sends this response and closes the connection.
    Send(Vec<u8>),
    /// Sends the headers, then single bytes without end.
    Trickle,
    /// Sends chunks without end.
    Flood,
    /// Reads the request and sends no response.
    Hang,
}

/// An HTTP server for rates at 127.0.0.1.
#[derive(Clone)]
struct Source {
    url: String,
    behavior: Arc<Mutex<Behavior>>,
    requests: Arc<AtomicUsize>,
}

impl Source {
    async fn start() -> Source {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/latest", listener.local_addr().expect("an address"));
        let source = Source { url, behavior: Arc::new(Mutex::new(Behavior::Hang)), requests: Arc::default() };
        let server = source.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                server.requests.fetch_add(1, Ordering::SeqCst);
                let behavior = server.behavior.lock().expect("the lock is not poisoned").clone();
                tokio::spawn(serve(stream, behavior));
            }
        });
        source
    }

    fn set_behavior(&self, behavior: Behavior) {
        *self.behavior.lock().expect("the lock is not poisoned") = behavior;
    }

    fn respond(&self, status: &str, media: &str, body: impl AsRef<[u8]>) {
        let body = body.as_ref();
        let head =
            format!("HTTP/1.1 {status}\r\ncontent-type: {media}\r\ncontent-length: {}\r\n\r\n", body.len());
        self.set_behavior(Behavior::Send([head.as_bytes(), body].concat()));
    }

    fn respond_with_rates(&self, base: &str, now: i64, rates: Value) {
        self.respond("200 OK", "application/json; charset=utf-8", latest(base, now, &rates.to_string()));
    }

    fn request_count(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// Serializes rates in the response format of open.er-api.com.
fn latest(base: &str, now: i64, rates: &str) -> String {
    let time = now / 1000;
    format!(r#"{{"result":"success","time_last_update_unix":{time},"base_code":"{base}","rates":{rates}}}"#)
}

async fn serve(mut stream: TcpStream, behavior: Behavior) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let begin = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    let (chunk, pause) = match behavior {
        Behavior::Send(all) => {
            let _ = stream.write_all(&all).await;
            let _ = stream.shutdown().await;
            return;
        }
        Behavior::Hang => return std::future::pending().await,
        Behavior::Trickle => ("1\r\n \r\n".to_owned(), Duration::from_millis(50)),
        Behavior::Flood => (format!("2000\r\n{}\r\n", " ".repeat(0x2000)), Duration::ZERO),
    };
    let mut sent = stream.write_all(begin.as_bytes()).await;
    while sent.is_ok() {
        tokio::time::sleep(pause).await;
        sent = stream.write_all(chunk.as_bytes()).await;
    }
}

/// Starts the service with this source and creates one invoice of 157.95 USD.
async fn start_with(source: &Source) -> Api {
    let api = Api::with(&[("rates_url", source.url.as_str()), ("allow_private_networks", "on")]).await;
    let accountant = api.sign_in(Role::Accountant).await;
    let customer = json!({ "name": "Evil Rabbit", "email": "evil@rabbit.test" });
    let customer = accountant.post("/api/v2/customers", customer).await.is(201).id();
    let new_invoice = json!({ "customerId": customer, "amount": 15795, "status": "pending" });
    accountant.post("/api/v2/invoices/en-us", new_invoice).await.is(201);
    api
}

/// Returns the invoice in the locale `fr`, which converts it to EUR.
async fn invoice_in_euros(api: &Api) -> Value {
    let accountant = api.sign_in(Role::Accountant).await;
    accountant.get("/api/v2/invoices/fr").await.is(200).body["data"][0].clone()
}

async fn euro_rate(api: &Api) -> Value {
    let table = api.get("/api/rates").await.is(200).body;
    table["rates"]
        .as_array()
        .expect("rates")
        .iter()
        .find(|rate| rate["currency"] == "EUR")
        .expect("one")
        .clone()
}

const ECB_XML: &str = "<?xml version='1.0'?><gesmes:Envelope xmlns:gesmes='http://www.gesmes.org/xml/2002-08-01'>\
    <Cube><Cube time='2026-11-22'><Cube currency='USD' rate='1.25'/><Cube currency='JPY' rate='200'/></Cube>\
    </Cube></gesmes:Envelope>";

#[api_test]
async fn parses_rates_of_both_formats() {
    let source = Source::start().await;
    let api = start_with(&source).await;
    let before = api.get("/api/rates").await.is(200);
    assert_eq!(before.header("cache-control"), "public, s-maxage=60, stale-while-revalidate=300");
    let fallback = json!({
        "base": "USD", "currency": "EUR", "rate": "0.86", "rateSource": "fallback", "rateState": "fallback",
    });
    assert_eq!((&before.body["base"], &euro_rate(&api).await), (&json!("USD"), &fallback));

    source.respond_with_rates("USD", START, json!({ "USD": 1, "EUR": 0.9, "CHF": 0.7 }));
    let fetched = api.app.rate_fetcher.fetch_now(MaxChange::Enforced).await.expect("rates");
    assert_eq!((fetched.rates.len(), fetched.changed, fetched.rejected.len()), (2, true, 0));
    let expected = json!({
        "base": "USD", "currency": "EUR", "rate": "0.9", "rateDate": "2026-11-21", "rateSource": "127.0.0.1",
        "rateState": "fresh", "fetchedAt": "2026-11-21T09:00:00.000Z",
    });
    assert_eq!(euro_rate(&api).await, expected);
    let invoice = invoice_in_euros(&api).await;
    assert_eq!(
        (&invoice["amount"], &invoice["original"]["rateSource"]),
        (&json!(14216), &json!("127.0.0.1"))
    );
    let conditional = api.header("if-none-match", before.header("etag")).get("/api/rates").await.is(200);
    let conditional = api.header("if-none-match", conditional.header("etag"));
    conditional.get("/api/rates").await.is(304);

    api.clock.advance(HOUR);
    assert!(!api.app.rate_fetcher.fetch_now(MaxChange::Enforced).await.expect("the same rates").changed);
    conditional.get("/api/rates").await.is(200);
    source.respond("200 OK", "text/xml", ECB_XML);
    assert!(api.app.rate_fetcher.fetch_now(MaxChange::Enforced).await.expect("the bank's rates").changed);
    let rate = euro_rate(&api).await;
    assert_eq!((&rate["rate"], &rate["rateDate"]), (&json!("0.8"), &json!("2026-11-22")));
    let euros = api.get("/api/rates?base=EUR").await.is(200).body;
    let lines: Vec<String> = euros["rates"]
        .as_array()
        .expect("rates")
        .iter()
        .map(|rate| format!("{} {} {}", rate["currency"], rate["rate"], rate["rateState"]).replace('"', ""))
        .collect();
    assert_eq!(lines, ["CHF 0.875 fresh", "GBP 0.9375 fallback", "JPY 200 fresh", "USD 1.25 fresh"]);
    for invalid in ["eur", "EURO", ""] {
        let rejected = api.get(&format!("/api/rates?base={invalid}")).await.is(400);
        assert_eq!(rejected.locations(), ["base"], "{invalid}");
    }
    let unknown = api.get("/api/rates?base=XAU").await.is(404);
    assert_eq!(unknown.body["detail"], "exchange rate of the currency in `base` not found");
}

/// Invalid responses of a source, each with a part of the expected error message.
fn invalid_sources(canary: &Source) -> Vec<(&'static str, Behavior)> {
    let http = |head: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n", body.len());
        Behavior::Send([head.as_bytes(), body].concat())
    };
    let json = |body: &str| http("200 OK\r\ncontent-type: application/json", body.as_bytes());
    let xml = |body: &str| http("200 OK\r\ncontent-type: text/xml", body.as_bytes());
    let good = latest("USD", START, r#"{"USD":1,"EUR":0.5,"JPY":140}"#);
    let bomb = "<!DOCTYPE c [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;'>]>";
    let long = format!("{good}{}", " ".repeat(1 << 20));
    let redirect = format!("302 Found\r\nlocation: {}", canary.url);
    let no_length = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
    let short =
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n{good}");
    let huge = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99999999999\r\n\r\n{";
    vec![
        ("within 2s", Behavior::Trickle),
        ("within 2s", Behavior::Hang),
        ("larger than", Behavior::Flood),
        ("larger than", json(&long)),
        ("larger than", Behavior::Send([no_length.as_bytes(), long.as_bytes()].concat())),
        ("larger than", Behavior::Send(huge.into())),
        ("invalid or incomplete response", Behavior::Send(short.into())),
        ("invalid or incomplete response", Behavior::Send(Vec::new())),
        ("invalid or incomplete response", Behavior::Send(b"220 mail.test ESMTP\r\n".to_vec())),
        ("status 302", http(&redirect, b"")),
        ("status 500", http("500 Internal Server Error", good.as_bytes())),
        ("status 204", Behavior::Send(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())),
        (
            "encoded",
            http("200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip", &[0x1f, 0x8b]),
        ),
        ("text/html", http("200 OK\r\ncontent-type: text/html", good.as_bytes())),
        ("are invalid", json("<html><title>Sign in</title></html>")),
        ("are invalid", json(r#"{"result":"error","error-type":"quota-reached"}"#)),
        ("are invalid", json("[1,2,3]")),
        ("got -0.9", json(&good.replace("0.5", "-0.9"))),
        ("got 0", json(&good.replace("0.5", "0"))),
        ("are invalid", json(&good.replace("0.5", "NaN"))),
        ("the rate of USD is missing", json(&latest("EUR", START, r#"{"JPY":160}"#))),
        ("2026-11-24", json(&latest("USD", START + 72 * HOUR, r#"{"EUR":0.5}"#))),
        ("2026-11-11", json(&latest("USD", START - 240 * HOUR, r#"{"EUR":0.5}"#))),
        ("document type", xml(&format!("{bomb}{ECB_XML}"))),
        ("is truncated", xml(ECB_XML.split("</Cube>").next().unwrap_or_default())),
    ]
}

#[api_test]
async fn a_failing_source_neither_changes_rates_nor_delays_requests() {
    let (source, canary) = (Source::start().await, Source::start().await);
    let api = start_with(&source).await;
    source.respond_with_rates("USD", START, json!({ "EUR": 0.9 }));
    api.app.rate_fetcher.fetch_now(MaxChange::Enforced).await.expect("rates");
    let (before, invoice) = (api.get("/api/rates").await.is(200).body, invoice_in_euros(&api).await);
    assert_eq!((&invoice["amount"], &invoice["original"]["rateState"]), (&json!(14216), &json!("fresh")));
    let accountant = api.sign_in(Role::Accountant).await;
    for (message, behavior) in invalid_sources(&canary) {
        source.set_behavior(behavior);
        let fetcher = api.app.rate_fetcher.clone();
        let fetch = tokio::spawn(async move { fetcher.fetch_now(MaxChange::Enforced).await });
        let response = accountant.get("/api/v2/invoices/fr").await.is(200).body["data"][0].clone();
        assert_eq!(response, invoice, "{message}");
        let error = fetch.await.expect("the task ends").expect_err(message).to_string();
        assert!(error.contains(message), "{message}: {error}");
        assert_eq!(api.get("/api/rates").await.is(200).body, before, "{message}");
    }
    assert_eq!(canary.request_count(), 0);
    let unreachable =
        Api::with(&[("rates_url", "http://127.0.0.1:9/"), ("allow_private_networks", "on")]).await;
    assert!(
        unreachable
            .app
            .rate_fetcher
            .fetch_now(MaxChange::Enforced)
            .await
            .expect_err("the port is closed")
            .to_string()
            .contains("cannot connect")
    );
    let private = canary.url.replace("http:", "https:");
    let private = Api::with(&[("rates_url", &private)]).await;
    let error = private
        .app
        .rate_fetcher
        .fetch_now(MaxChange::Enforced)
        .await
        .expect_err("the address is not public")
        .to_string();
    assert!(error.contains("which is not public") && canary.request_count() == 0, "{error}");
}

#[api_test]
async fn expired_rates_fall_back_and_recover() {
    let source = Source::start().await;
    let api = start_with(&source).await;
    source.respond_with_rates("USD", START, json!({ "EUR": 0.9, "CHF": 0.8 }));
    api.app.rate_fetcher.fetch_now(MaxChange::Enforced).await.expect("rates");
    source.respond("503 Service Unavailable", "text/plain", "later");
    for (hours, state, rate) in [(35, "fresh", "0.9"), (2, "lastKnown", "0.9"), (130, "lastKnown", "0.9")] {
        api.clock.advance(hours * HOUR);
        api.app.rate_fetcher.fetch_now(MaxChange::Enforced).await.expect_err("the source is down");
        let (entry, invoice) = (euro_rate(&api).await, invoice_in_euros(&api).await);
        assert_eq!((&entry["rateState"], &entry["rate"]), (&json!(state), &json!(rate)), "{hours}");
        assert_eq!(invoice["original"]["rateState"], state);
    }
    api.clock.advance(2 * HOUR);
    let (entry, invoice) = (euro_rate(&api).await, invoice_in_euros(&api).await);
    assert_eq!((&entry["rateState"], &entry["rate"]), (&json!("fallback"), &json!("0.86")));
    assert!(entry.get("fetchedAt").is_none() && entry.get("rateDate").is_none(), "{entry}");
    assert_eq!(invoice["original"]["rateSource"], "fallback");
    // Without a configured fallback rate, the response contains the expired rate with its state.
    let table = api.get("/api/rates").await.is(200).body["rates"].clone();
    let franc = table.as_array().expect("rates").iter().find(|rate| rate["currency"] == "CHF").cloned();
    assert_eq!(franc.expect("an old rate")["rateState"], "lastKnown");
    source.respond_with_rates("USD", api.clock.now(), json!({ "EUR": 0.91 }));
    assert!(api.app.rate_fetcher.fetch_now(MaxChange::Enforced).await.expect("rates").changed);
    assert_eq!(
        (&euro_rate(&api).await["rateState"], &euro_rate(&api).await["rate"]),
        (&json!("fresh"), &json!("0.91"))
    );
}

#[api_test]
async fn rejects_large_changes_until_the_stored_rate_expires() {
    let source = Source::start().await;
    let api = start_with(&source).await;
    source.respond_with_rates("USD", START, json!({ "EUR": 0.9, "JPY": 150 }));
    api.app.rate_fetcher.fetch_now(MaxChange::Enforced).await.expect("rates");
    for (rate, expected) in [(json!(1.36), "0.9"), (json!(0.59), "0.9"), (json!(1.35), "1.35")] {
        source.respond_with_rates("USD", START, json!({ "EUR": rate, "JPY": 151 }));
        let fetched = api.app.rate_fetcher.fetch_now(MaxChange::Enforced).await.expect("rates");
        assert_eq!(fetched.rejected.is_empty(), expected == "1.35", "{rate}");
        assert_eq!(euro_rate(&api).await["rate"], expected, "{rate}");
    }
    api.clock.advance(8 * 24 * HOUR);
    // Rates far from the configured fallback rate are rejected too.
    source.respond_with_rates("USD", api.clock.now(), json!({ "EUR": 13.5 }));
    assert_eq!(api.app.rate_fetcher.fetch_now(MaxChange::Enforced).await.expect("rates").rejected.len(), 1);
    source.respond_with_rates("USD", api.clock.now(), json!({ "EUR": 3.5 }));
    assert_eq!(api.app.rate_fetcher.fetch_now(MaxChange::Enforced).await.expect("rates").rejected, []);
    assert_eq!(euro_rate(&api).await["rate"], "3.5");
}

#[api_test]
async fn one_process_fetches_and_backs_off_after_errors() {
    let source = Source::start().await;
    let api = start_with(&source).await;
    assert_eq!(api.get("/api/health").await.is(200).body["rates"], "ok");
    source.respond("503 Service Unavailable", "text/plain", "later");
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let fetcher = api.app.rate_fetcher.clone();
        tasks.spawn(async move { fetcher.fetch_if_due().await });
    }
    tasks.join_all().await;
    assert_eq!(source.request_count(), 1);
    let health = api.get("/api/health").await.is(200).body;
    assert_eq!((&health["rates"], &health["status"]), (&json!("degraded"), &json!("degraded")));
    let mut pauses = Vec::new();
    for _ in 0..10 {
        api.clock.advance(HOUR + HOUR / 4);
        pauses.push(api.app.rate_fetcher.fetch_if_due().await.expect("a source").as_secs());
    }
    assert_eq!(source.request_count(), 11);
    assert!((54..=66).contains(&pauses[0]) && (3240..=3960).contains(&pauses[9]), "{pauses:?}");
    source.respond_with_rates("USD", api.clock.now(), json!({ "EUR": 0.9 }));
    api.clock.advance(HOUR + HOUR / 4);
    let pause = api.app.rate_fetcher.fetch_if_due().await.expect("a source").as_secs();
    assert!((19_440..=23_760).contains(&pause), "{pause}");
    assert_eq!(api.get("/api/health").await.is(200).body["status"], "ok");
    api.clock.advance(HOUR);
    let pause = api.app.rate_fetcher.fetch_if_due().await.expect("a source").as_secs();
    assert!(pause > 10_000 && source.request_count() == 12, "fetched before the next interval: {pause}");
}

#[api_test]
async fn the_fetch_loop_stops_with_the_service() {
    let source = Source::start().await;
    let api = start_with(&source).await;
    let (stop, stopping) = watch::channel(false);
    let task = tokio::spawn(api.app.rate_fetcher.clone().run(stopping));
    poll_until("a request", async || (source.request_count() > 0).then_some(())).await;
    stop.send(true).expect("the loop is running");
    tokio::time::timeout(DEADLINE, task).await.expect("the loop stops").expect("no panic");
    let unconfigured = Api::start().await;
    assert!(unconfigured.app.rate_fetcher.fetch_if_due().await.is_none());
    assert!(unconfigured.get("/api/health").await.is(200).body.get("rates").is_none());
}
