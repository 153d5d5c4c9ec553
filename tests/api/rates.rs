//! Rates: what a source may do, and that nobody waits for it or is led astray by it.
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

/// How a source behaves.
#[derive(Clone)]
enum Manner {
    /// It says this and closes.
    Says(Vec<u8>),
    /// It begins, and sends a byte now and then for good.
    Drips,
    /// It sends chunks for good.
    Floods,
    /// It takes the request and is silent.
    Sleeps,
}

/// A source on this machine.
#[derive(Clone)]
struct Source {
    url: String,
    manner: Arc<Mutex<Manner>>,
    asked: Arc<AtomicUsize>,
}

impl Source {
    async fn start() -> Source {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/latest", listener.local_addr().expect("an address"));
        let source = Source { url, manner: Arc::new(Mutex::new(Manner::Sleeps)), asked: Arc::default() };
        let own = source.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                own.asked.fetch_add(1, Ordering::SeqCst);
                let manner = own.manner.lock().expect("whole").clone();
                tokio::spawn(behave(stream, manner));
            }
        });
        source
    }

    fn is(&self, manner: Manner) {
        *self.manner.lock().expect("whole") = manner;
    }

    fn says(&self, status: &str, media: &str, body: impl AsRef<[u8]>) {
        let body = body.as_ref();
        let head =
            format!("HTTP/1.1 {status}\r\ncontent-type: {media}\r\ncontent-length: {}\r\n\r\n", body.len());
        self.is(Manner::Says([head.as_bytes(), body].concat()));
    }

    fn tells(&self, base: &str, now: i64, rates: Value) {
        self.says("200 OK", "application/json; charset=utf-8", latest(base, now, &rates.to_string()));
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// The form of open.er-api.com.
fn latest(base: &str, now: i64, rates: &str) -> String {
    let time = now / 1000;
    format!(r#"{{"result":"success","time_last_update_unix":{time},"base_code":"{base}","rates":{rates}}}"#)
}

async fn behave(mut stream: TcpStream, manner: Manner) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let begin = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    let (piece, pause) = match manner {
        Manner::Says(all) => {
            let _ = stream.write_all(&all).await;
            let _ = stream.shutdown().await;
            return;
        }
        Manner::Sleeps => return std::future::pending().await,
        Manner::Drips => ("1\r\n \r\n".to_owned(), Duration::from_millis(50)),
        Manner::Floods => (format!("2000\r\n{}\r\n", " ".repeat(0x2000)), Duration::ZERO),
    };
    let mut told = stream.write_all(begin.as_bytes()).await;
    while told.is_ok() {
        tokio::time::sleep(pause).await;
        told = stream.write_all(piece.as_bytes()).await;
    }
}

/// The service with this source, an accountant, and one invoice over 157.95 dollars.
async fn with(source: &Source) -> Api {
    let api = Api::with(&[("rates_url", source.url.as_str()), ("allow_private_networks", "on")]).await;
    let books = api.sign_in(Role::Accountant).await;
    let customer = json!({ "name": "Evil Rabbit", "email": "evil@rabbit.test" });
    let customer = books.post("/api/v2/customers", customer).await.is(201).id();
    let owes = json!({ "customerId": customer, "amount": 15795, "status": "pending" });
    books.post("/api/v2/invoices/en-us", owes).await.is(201);
    api
}

/// The invoice as it is shown in France.
async fn in_france(api: &Api) -> Value {
    let books = api.sign_in(Role::Accountant).await;
    books.get("/api/v2/invoices/fr").await.is(200).body["data"][0].clone()
}

async fn euro(api: &Api) -> Value {
    let table = api.get("/api/rates").await.is(200).body;
    table["rates"]
        .as_array()
        .expect("rates")
        .iter()
        .find(|rate| rate["currency"] == "EUR")
        .expect("one")
        .clone()
}

const BANK: &str = "<?xml version='1.0'?><gesmes:Envelope xmlns:gesmes='http://www.gesmes.org/xml/2002-08-01'>\
    <Cube><Cube time='2026-11-22'><Cube currency='USD' rate='1.25'/><Cube currency='JPY' rate='200'/></Cube>\
    </Cube></gesmes:Envelope>";

#[api_test]
async fn a_source_of_either_form_tells_what_a_dollar_is() {
    let source = Source::start().await;
    let api = with(&source).await;
    let before = api.get("/api/rates").await.is(200);
    assert_eq!(before.header("cache-control"), "public, s-maxage=60, stale-while-revalidate=300");
    let fallback = json!({
        "base": "USD", "currency": "EUR", "rate": "0.86", "rateSource": "fallback", "rateState": "fallback",
    });
    assert_eq!((&before.body["base"], &euro(&api).await), (&json!("USD"), &fallback));

    source.tells("USD", START, json!({ "USD": 1, "EUR": 0.9, "CHF": 0.7 }));
    let taken = api.app.rate_fetcher.fetch_now(MaxChange::Enforced).await.expect("rates");
    assert_eq!((taken.rates.len(), taken.changed, taken.rejected.len()), (2, true, 0));
    let told = json!({
        "base": "USD", "currency": "EUR", "rate": "0.9", "rateDate": "2026-11-21", "rateSource": "127.0.0.1",
        "rateState": "fresh", "fetchedAt": "2026-11-21T09:00:00.000Z",
    });
    assert_eq!(euro(&api).await, told);
    let shown = in_france(&api).await;
    assert_eq!((&shown["amount"], &shown["original"]["rateSource"]), (&json!(14216), &json!("127.0.0.1")));
    let known = api.header("if-none-match", before.header("etag")).get("/api/rates").await.is(200);
    let known = api.header("if-none-match", known.header("etag"));
    known.get("/api/rates").await.is(304);

    api.clock.advance(HOUR);
    assert!(!api.app.rate_fetcher.fetch_now(MaxChange::Enforced).await.expect("the same rates").changed);
    known.get("/api/rates").await.is(200);
    source.says("200 OK", "text/xml", BANK);
    assert!(api.app.rate_fetcher.fetch_now(MaxChange::Enforced).await.expect("the bank's rates").changed);
    let told = euro(&api).await;
    assert_eq!((&told["rate"], &told["rateDate"]), (&json!("0.8"), &json!("2026-11-22")));
    let euros = api.get("/api/rates?base=EUR").await.is(200).body;
    let words: Vec<String> = euros["rates"]
        .as_array()
        .expect("rates")
        .iter()
        .map(|rate| format!("{} {} {}", rate["currency"], rate["rate"], rate["rateState"]).replace('"', ""))
        .collect();
    assert_eq!(words, ["CHF 0.875 fresh", "GBP 0.9375 fallback", "JPY 200 fresh", "USD 1.25 fresh"]);
    for wrong in ["XAU", "eur", "EURO", ""] {
        let refused = api.get(&format!("/api/rates?base={wrong}")).await.is(400);
        assert_eq!(refused.locations(), ["base"], "{wrong}");
    }
}

/// Everything that a source may do wrong, and a word of what is said about it.
fn troubles(canary: &Source) -> Vec<(&'static str, Manner)> {
    let says = |head: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n", body.len());
        Manner::Says([head.as_bytes(), body].concat())
    };
    let json = |body: &str| says("200 OK\r\ncontent-type: application/json", body.as_bytes());
    let xml = |body: &str| says("200 OK\r\ncontent-type: text/xml", body.as_bytes());
    let good = latest("USD", START, r#"{"USD":1,"EUR":0.5,"JPY":140}"#);
    let bomb = "<!DOCTYPE c [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;'>]>";
    let long = format!("{good}{}", " ".repeat(1 << 20));
    let away = format!("302 Found\r\nlocation: {}", canary.url);
    let unsaid = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
    let short =
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n{good}");
    let vast = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99999999999\r\n\r\n{";
    vec![
        ("within 2s", Manner::Drips),
        ("within 2s", Manner::Sleeps),
        ("larger than", Manner::Floods),
        ("larger than", json(&long)),
        ("larger than", Manner::Says([unsaid.as_bytes(), long.as_bytes()].concat())),
        ("larger than", Manner::Says(vast.into())),
        ("invalid or incomplete response", Manner::Says(short.into())),
        ("invalid or incomplete response", Manner::Says(Vec::new())),
        ("invalid or incomplete response", Manner::Says(b"220 mail.test ESMTP\r\n".to_vec())),
        ("status 302", says(&away, b"")),
        ("status 500", says("500 Internal Server Error", good.as_bytes())),
        ("status 204", Manner::Says(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())),
        (
            "encoded",
            says("200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip", &[0x1f, 0x8b]),
        ),
        ("text/html", says("200 OK\r\ncontent-type: text/html", good.as_bytes())),
        ("are invalid", json("<html><title>Sign in</title></html>")),
        ("are invalid", json(r#"{"result":"error","error-type":"quota-reached"}"#)),
        ("are invalid", json("[1,2,3]")),
        ("got -0.9", json(&good.replace("0.5", "-0.9"))),
        ("got 0", json(&good.replace("0.5", "0"))),
        ("are invalid", json(&good.replace("0.5", "NaN"))),
        ("the rate of USD is missing", json(&latest("EUR", START, r#"{"JPY":160}"#))),
        ("2026-11-24", json(&latest("USD", START + 72 * HOUR, r#"{"EUR":0.5}"#))),
        ("2026-11-11", json(&latest("USD", START - 240 * HOUR, r#"{"EUR":0.5}"#))),
        ("document type", xml(&format!("{bomb}{BANK}"))),
        ("is truncated", xml(BANK.split("</Cube>").next().unwrap_or_default())),
    ]
}

#[api_test]
async fn nothing_that_a_source_does_changes_what_is_known() {
    let (source, canary) = (Source::start().await, Source::start().await);
    let api = with(&source).await;
    source.tells("USD", START, json!({ "EUR": 0.9 }));
    api.app.rate_fetcher.fetch_now(MaxChange::Enforced).await.expect("rates");
    let (before, shown) = (api.get("/api/rates").await.is(200).body, in_france(&api).await);
    assert_eq!((&shown["amount"], &shown["original"]["rateState"]), (&json!(14216), &json!("fresh")));
    let books = api.sign_in(Role::Accountant).await;
    for (words, manner) in troubles(&canary) {
        source.is(manner);
        let refresh = api.app.rate_fetcher.clone();
        let asking = tokio::spawn(async move { refresh.fetch_now(MaxChange::Enforced).await });
        let now = books.get("/api/v2/invoices/fr").await.is(200).body["data"][0].clone();
        assert_eq!(now, shown, "{words}");
        let error = asking.await.expect("it ends").expect_err(words).to_string();
        assert!(error.contains(words), "{words}: {error}");
        assert_eq!(api.get("/api/rates").await.is(200).body, before, "{words}");
    }
    assert_eq!(canary.asked(), 0);
    let nobody = Api::with(&[("rates_url", "http://127.0.0.1:9/"), ("allow_private_networks", "on")]).await;
    assert!(
        nobody
            .app
            .rate_fetcher
            .fetch_now(MaxChange::Enforced)
            .await
            .expect_err("nobody is there")
            .to_string()
            .contains("cannot connect")
    );
    let inside = canary.url.replace("http:", "https:");
    let inside = Api::with(&[("rates_url", &inside)]).await;
    let error = inside
        .app
        .rate_fetcher
        .fetch_now(MaxChange::Enforced)
        .await
        .expect_err("it is no public place")
        .to_string();
    assert!(error.contains("which is not public") && canary.asked() == 0, "{error}");
}

#[api_test]
async fn rates_grow_old_and_fall_back_and_come_again() {
    let source = Source::start().await;
    let api = with(&source).await;
    source.tells("USD", START, json!({ "EUR": 0.9, "CHF": 0.8 }));
    api.app.rate_fetcher.fetch_now(MaxChange::Enforced).await.expect("rates");
    source.says("503 Service Unavailable", "text/plain", "later");
    for (hours, state, rate) in [(35, "fresh", "0.9"), (2, "lastKnown", "0.9"), (130, "lastKnown", "0.9")] {
        api.clock.advance(hours * HOUR);
        api.app.rate_fetcher.fetch_now(MaxChange::Enforced).await.expect_err("the source is down");
        let (told, shown) = (euro(&api).await, in_france(&api).await);
        assert_eq!((&told["rateState"], &told["rate"]), (&json!(state), &json!(rate)), "{hours}");
        assert_eq!(shown["original"]["rateState"], state);
    }
    api.clock.advance(2 * HOUR);
    let (told, shown) = (euro(&api).await, in_france(&api).await);
    assert_eq!((&told["rateState"], &told["rate"]), (&json!("fallback"), &json!("0.86")));
    assert!(told.get("fetchedAt").is_none() && told.get("rateDate").is_none(), "{told}");
    assert_eq!(shown["original"]["rateSource"], "fallback");
    // Where the operator has no figure, an old one is better than none, and is told as what it is.
    let table = api.get("/api/rates").await.is(200).body["rates"].clone();
    let franc = table.as_array().expect("rates").iter().find(|rate| rate["currency"] == "CHF").cloned();
    assert_eq!(franc.expect("an old rate")["rateState"], "lastKnown");
    source.tells("USD", api.clock.now(), json!({ "EUR": 0.91 }));
    assert!(api.app.rate_fetcher.fetch_now(MaxChange::Enforced).await.expect("rates").changed);
    assert_eq!(
        (&euro(&api).await["rateState"], &euro(&api).await["rate"]),
        (&json!("fresh"), &json!("0.91"))
    );
}

#[api_test]
async fn a_rate_that_jumps_stays_until_it_is_forgotten() {
    let source = Source::start().await;
    let api = with(&source).await;
    source.tells("USD", START, json!({ "EUR": 0.9, "JPY": 150 }));
    api.app.rate_fetcher.fetch_now(MaxChange::Enforced).await.expect("rates");
    for (rate, known) in [(json!(1.36), "0.9"), (json!(0.59), "0.9"), (json!(1.35), "1.35")] {
        source.tells("USD", START, json!({ "EUR": rate, "JPY": 151 }));
        let taken = api.app.rate_fetcher.fetch_now(MaxChange::Enforced).await.expect("rates");
        assert_eq!(taken.rejected.is_empty(), known == "1.35", "{rate}");
        assert_eq!(euro(&api).await["rate"], known, "{rate}");
    }
    api.clock.advance(8 * 24 * HOUR);
    // Far from the operator's own figure, it is not believed then either.
    source.tells("USD", api.clock.now(), json!({ "EUR": 13.5 }));
    assert_eq!(api.app.rate_fetcher.fetch_now(MaxChange::Enforced).await.expect("rates").rejected.len(), 1);
    source.tells("USD", api.clock.now(), json!({ "EUR": 3.5 }));
    assert_eq!(api.app.rate_fetcher.fetch_now(MaxChange::Enforced).await.expect("rates").rejected, []);
    assert_eq!(euro(&api).await["rate"], "3.5");
}

#[api_test]
async fn one_asks_for_all_and_less_often_while_it_fails() {
    let source = Source::start().await;
    let api = with(&source).await;
    assert_eq!(api.get("/api/health").await.is(200).body["rates"], "ok");
    source.says("503 Service Unavailable", "text/plain", "later");
    let mut turns = JoinSet::new();
    for _ in 0..8 {
        let refresh = api.app.rate_fetcher.clone();
        turns.spawn(async move { refresh.fetch_if_due().await });
    }
    turns.join_all().await;
    assert_eq!(source.asked(), 1);
    let health = api.get("/api/health").await.is(200).body;
    assert_eq!((&health["rates"], &health["status"]), (&json!("degraded"), &json!("degraded")));
    let mut pauses = Vec::new();
    for _ in 0..10 {
        api.clock.advance(HOUR + HOUR / 4);
        pauses.push(api.app.rate_fetcher.fetch_if_due().await.expect("a source").as_secs());
    }
    assert_eq!(source.asked(), 11);
    assert!((54..=66).contains(&pauses[0]) && (3240..=3960).contains(&pauses[9]), "{pauses:?}");
    source.tells("USD", api.clock.now(), json!({ "EUR": 0.9 }));
    api.clock.advance(HOUR + HOUR / 4);
    let pause = api.app.rate_fetcher.fetch_if_due().await.expect("a source").as_secs();
    assert!((19_440..=23_760).contains(&pause), "{pause}");
    assert_eq!(api.get("/api/health").await.is(200).body["status"], "ok");
    api.clock.advance(HOUR);
    let pause = api.app.rate_fetcher.fetch_if_due().await.expect("a source").as_secs();
    assert!(pause > 10_000 && source.asked() == 12, "it is not yet time: {pause}");
}

#[api_test]
async fn asking_ends_with_the_service() {
    let source = Source::start().await;
    let api = with(&source).await;
    let (stop, stopping) = watch::channel(false);
    let keeping = tokio::spawn(api.app.rate_fetcher.clone().run(stopping));
    poll_until("a request", async || (source.asked() > 0).then_some(())).await;
    stop.send(true).expect("somebody listens");
    tokio::time::timeout(DEADLINE, keeping).await.expect("it stops").expect("without panic");
    let without = Api::start().await;
    assert!(without.app.rate_fetcher.fetch_if_due().await.is_none());
    assert!(without.get("/api/health").await.is(200).body.get("rates").is_none());
}
