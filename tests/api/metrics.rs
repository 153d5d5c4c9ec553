//! The metrics at `/metrics`: access, exact counts, and a bounded set of labels.
use poem::http::Method;
use serde_json::json;
use tenon::{
    api::OPERATIONS,
    http::auth::Role,
    infra::{db::Tx, queue::NewJob},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    connections,
    metrics_parser::{Metrics, parse},
    support::{Api, START, poll_until},
    webhook_endpoints,
    webhook_receiver::Receiver,
};

const TOKEN: &str = "0123456789abcdef";

/// Returns the metrics as a client on the same machine reads them.
async fn scrape(api: &Api) -> Metrics {
    let response = api.from("127.0.0.1").get("/metrics").await.is(200);
    assert_eq!(response.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(response.header("cache-control"), "no-store");
    parse(response.body.as_str().expect("text"))
}

fn requests(operation: &str, status: &str) -> String {
    format!("tenon_http_requests_total{{operation=\"{operation}\",status=\"{status}\"}}")
}

#[api_test]
async fn counts_each_request_once_with_responses_from_the_cache() {
    let api = Api::start().await;
    // Without the comparison of a hit with a new response, which is another request.
    let client = api.header("accept-encoding", "identity");
    let before = scrape(&api).await;
    for _ in 0..3 {
        client.get("/livez").await.is(200);
    }
    client.header("if-none-match", "\"none\"").get("/api/tags").await.is(200);
    client.get("/api/posts?limit=4711").await.is(400);
    client.get("/api/me").await.is(401);
    client.get("/api/nothing").await.is(404);
    client.send(Method::OPTIONS, "/api/tags", None).await.is(204);
    let after = scrape(&api).await;
    for (operation, status, count) in [
        ("healthGetLiveness", "2xx", 3.0),
        ("tagsList", "2xx", 1.0),
        ("postsList", "4xx", 1.0),
        ("meGet", "4xx", 1.0),
        ("none", "4xx", 1.0),
        // OPTIONS, and the first request for the metrics.
        ("none", "2xx", 2.0),
    ] {
        let name = requests(operation, status);
        assert_eq!(after.get(&name) - before.get(&name), count, "{name}");
        let duration = name.replace("requests_total", "request_duration_seconds_count");
        assert_eq!(after.get(&duration) - before.get(&duration), count, "{duration}");
    }
    for (name, count) in [
        ("tenon_response_cache_hits_total", 2.0),
        ("tenon_response_cache_misses_total", 2.0),
        ("tenon_response_cache_entries", 2.0),
    ] {
        assert_eq!(after.get(name) - before.get(name), count, "{name}");
    }
    assert!(after.get("tenon_response_cache_bytes") > 0.0);
    // The request for the metrics itself.
    assert_eq!(after.get("tenon_http_requests_in_flight"), 1.0);
    assert_eq!(after.get("tenon_http_requests_cancelled_total"), 0.0);
}

#[api_test]
async fn labels_are_bounded() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    for number in 0..50 {
        api.get(&format!("/unknown/{number}")).await.is(404);
        api.get(&format!("/api/posts/{number}")).await.is(404);
        editor.get(&format!("/api/upstreams/unknown-{number}/a")).await.is(404);
        let method = format!("X{number}").parse().expect("a method");
        assert!(api.send(method, "/unknown", None).await.status >= 400);
    }
    let metrics = scrape(&api).await;
    let ids: Vec<&str> = OPERATIONS.iter().map(|operation| operation.id).chain(["none"]).collect();
    for (label, values) in &metrics.labels {
        match label.as_str() {
            "operation" => assert!(values.iter().all(|id| ids.contains(&id.as_str())), "{values:?}"),
            "status" => assert!(values.iter().all(|class| class.ends_with("xx")), "{values:?}"),
            "kind" | "result" | "pool" | "policy" | "reason" | "version" => {
                assert!(values.len() <= 32, "{label}")
            }
            other => panic!("the label {other} has no bound"),
        }
    }
    assert_eq!(metrics.get(&requests("none", "4xx")), 100.0);
}

#[api_test]
async fn only_local_clients_read_the_metrics_by_default() {
    let api = Api::start().await;
    api.get("/metrics").await.is(404);
    api.from("203.0.113.7").get("/metrics").await.is(404);
    let local = api.from("127.0.0.1");
    local.get("/metrics").await.is(200);
    local.header("x-forwarded-for", "127.0.0.1").get("/metrics").await.is(404);
    local.header("forwarded", "for=127.0.0.1").get("/metrics").await.is(404);
    local.send(Method::HEAD, "/metrics", None).await.is(200);
    let response = local.send(Method::POST, "/metrics", None).await.is(405);
    assert_eq!(response.header("allow"), "GET, HEAD");
    let unknown = api.get("/nothing").await.is(404);
    assert_eq!(api.get("/metrics").await.is(404).body["detail"], unknown.body["detail"]);
}

#[api_test]
async fn a_token_gives_access_to_other_machines() {
    let api = Api::with(&[("metrics_token", TOKEN)]).await;
    for peer in ["127.0.0.1", "203.0.113.7"] {
        let client = api.from(peer);
        client.get("/metrics").await.is(404);
        client.bearer("0123456789abcdeg").get("/metrics").await.is(404);
        let behind_proxy = client.bearer(TOKEN).header("x-forwarded-for", "203.0.113.9");
        behind_proxy.get("/metrics").await.is(200);
    }
    let api = Api::with(&[("metrics", "on")]).await;
    api.from("203.0.113.7").get("/metrics").await.is(200);
    let api = Api::with(&[("metrics", "off"), ("metrics_token", TOKEN)]).await;
    api.from("127.0.0.1").bearer(TOKEN).get("/metrics").await.is(404);
}

#[api_test]
async fn guesses_of_the_token_are_rate_limited_and_counted() {
    let api = Api::with(&[("rate_limits", "on"), ("metrics_token", TOKEN)]).await;
    let client = api.from("203.0.113.7").bearer("guess");
    let mut guesses = 0;
    while client.get("/metrics").await.status == 404 {
        guesses += 1;
        assert!(guesses < 1000, "no rate limit");
    }
    let metrics = api.from("127.0.0.1").bearer(TOKEN).get("/metrics").await.is(200);
    let metrics = parse(metrics.body.as_str().expect("text"));
    let rejections = "tenon_http_rate_limit_rejections_total{policy=\"anonymous\"}";
    assert_eq!(metrics.get(rejections), 1.0);
    assert_eq!(metrics.get("tenon_http_rate_limit_rejections_total{policy=\"images\"}"), 0.0);
}

/// Polls until this number of connections runs a statement.
async fn wait_for_connections(api: &Api, pool: &str, count: f64) {
    let name = format!("tenon_db_connections_in_use{{pool=\"{pool}\"}}");
    poll_until("connections in use", async || {
        scrape(api).await.samples.get(&name).filter(|value| **value == count).map(drop)
    })
    .await;
}

#[api_test]
async fn reports_the_database_and_the_process() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let before = scrape(&api).await;
    let post = json!({ "title": "One", "content": "0123456789" });
    editor.post("/api/posts", post).await.is(201);
    let after = scrape(&api).await;
    let commits = "tenon_db_commit_duration_seconds_count";
    assert_eq!(after.get(commits) - before.get(commits), 1.0);
    let is_sqlite = api.database_url.starts_with("sqlite:");
    let groups = "tenon_db_writer_group_size_count";
    assert_eq!(after.get(groups) - before.get(groups), if is_sqlite { 1.0 } else { 0.0 });
    assert_eq!(after.has("tenon_db_writer_queue_length"), is_sqlite);
    let pool = if is_sqlite { "slow" } else { "postgres" };
    // The pool of PostgreSQL takes a connection back after its last statement has completed.
    wait_for_connections(&api, pool, 0.0).await;
    let waiting = format!("tenon_db_connections_waiting{{pool=\"{pool}\"}}");
    assert_eq!(after.samples.get(&waiting), Some(&0.0));
    assert!(after.get(&format!("tenon_db_connections_max{{pool=\"{pool}\"}}")) > 1.0);
    assert_eq!(after.get(&format!("tenon_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"))), 1.0);
    for name in
        ["process_resident_memory_bytes", "process_open_fds", "process_max_fds", "process_start_time_seconds"]
    {
        assert!(after.get(name) > 0.0, "{name}");
    }
    assert!(after.get("process_cpu_seconds_total") >= before.get("process_cpu_seconds_total"));
    for name in ["tenon_password_hashes_waiting", "tenon_access_log_dropped_lines_total"] {
        assert_eq!(after.samples.get(name), Some(&0.0), "{name}");
    }
}

#[api_test]
async fn counts_a_held_transaction_as_a_connection_in_use() {
    let api = Api::start().await;
    if api.database_url.starts_with("sqlite:") {
        return;
    }
    let (entered, wait_for_entry) = tokio::sync::oneshot::channel();
    let (release, released) = tokio::sync::oneshot::channel::<()>();
    let db = api.app.db.clone();
    let held = tokio::spawn(async move {
        db.write(async move |_: Tx| {
            let _ = entered.send(());
            let _ = released.await;
            Ok::<_, sea_orm::DbErr>(())
        })
        .await
    });
    wait_for_entry.await.expect("the transaction has begun");
    wait_for_connections(&api, "postgres", 1.0).await;
    release.send(()).expect("the transaction waits");
    held.await.expect("no panic").expect("the transaction commits");
}

#[api_test]
async fn reports_the_job_queue_with_one_query_per_second() {
    let api = Api::start().await;
    let enqueue = async move |tx: Tx| {
        for (kind, run_at) in [("test.a", START - 5000), ("test.a", START + 60_000), ("test.b", START - 2000)]
        {
            tx.enqueue(NewJob::new(kind, &json!({}))?.run_at(run_at), START - 5000).await?;
        }
        Ok::<_, sea_orm::DbErr>(())
    };
    api.app.db.write(enqueue).await.expect("the jobs are enqueued");
    let count_queries =
        |api: &Api| api.statements().iter().filter(|statement| statement.sql.contains("jobs")).count();
    count_queries(&api);
    let metrics = scrape(&api).await;
    for (name, kind, value) in [
        ("tenon_jobs_waiting", "test.a", 2.0),
        ("tenon_jobs_due", "test.a", 1.0),
        ("tenon_jobs_running", "test.a", 0.0),
        ("tenon_jobs_oldest_due_age_seconds", "test.a", 5.0),
        ("tenon_jobs_due", "test.b", 1.0),
        ("tenon_jobs_oldest_due_age_seconds", "test.b", 2.0),
    ] {
        assert_eq!(metrics.samples.get(&format!("{name}{{kind=\"{kind}\"}}")), Some(&value), "{name} {kind}");
    }
    scrape(&api).await;
    api.clock.advance(999);
    scrape(&api).await;
    assert_eq!(count_queries(&api), 1);
    api.clock.advance(1);
    let later = scrape(&api).await;
    assert_eq!(count_queries(&api), 1);
    assert_eq!(later.get("tenon_jobs_oldest_due_age_seconds{kind=\"test.a\"}"), 6.0);
}

#[api_test]
async fn counts_webhook_deliveries_and_outgoing_requests() {
    let (api, admin, _stop) = webhook_endpoints::start_with_workers().await;
    let receiver = Receiver::start().await;
    webhook_endpoints::endpoint(&admin, &receiver.url, json!(["post.created"])).await;
    receiver.respond_with("500 Broken", "", "");
    webhook_endpoints::create_draft(&admin, "One").await;
    let retried = "tenon_webhook_delivery_attempts_total{result=\"retried\"}";
    let metrics = poll_until("a failed delivery", async || {
        Some(scrape(&api).await).filter(|metrics| metrics.get(retried) > 0.0)
    })
    .await;
    assert_eq!(metrics.get(retried), 1.0);
    assert_eq!(metrics.get("tenon_outgoing_requests_total{kind=\"webhook\",result=\"5xx\"}"), 1.0);
    webhook_endpoints::create_draft(&admin, "Two").await;
    let delivered = "tenon_webhook_delivery_attempts_total{result=\"delivered\"}";
    let metrics = poll_until("a delivery", async || {
        Some(scrape(&api).await).filter(|metrics| metrics.get(delivered) > 0.0)
    })
    .await;
    assert_eq!(metrics.get("tenon_outgoing_requests_total{kind=\"webhook\",result=\"2xx\"}"), 1.0);
    assert_eq!(metrics.get("tenon_outgoing_requests_total{kind=\"upstream\",result=\"2xx\"}"), 0.0);
}

#[api_test]
async fn counts_connections_and_event_streams() {
    let api = Api::start().await;
    let (address, _stop) = connections::start_server(&api).await;
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(b"GET /api/events HTTP/1.1\r\nhost: a.test\r\n\r\n").await.expect("the request is sent");
    let mut first = [0; 1024];
    assert!(stream.read(&mut first).await.expect("a response") > 0);
    let mut socket = TcpStream::connect(address).await.expect("a connection");
    let request = b"GET /metrics HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n";
    socket.write_all(request).await.expect("the request is sent");
    let mut response = String::new();
    socket.read_to_string(&mut response).await.expect("a response");
    let (_, body) = response.split_once("\r\n\r\n").expect("a body");
    let metrics = parse(body);
    for (name, value) in [
        ("tenon_http_connections_open", 2.0),
        ("tenon_http_connections_accepted_total", 2.0),
        ("tenon_http_connections_rejected_total", 0.0),
        ("tenon_event_streams_open", 1.0),
    ] {
        assert_eq!(metrics.samples.get(name), Some(&value), "{name}");
    }
    let mut socket = TcpStream::connect(address).await.expect("a connection");
    socket.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n").await.expect("the request is sent");
    let mut response = String::new();
    socket.read_to_string(&mut response).await.expect("a response");
    assert!(response.starts_with("HTTP/1.1 400"), "{response}");
    assert_eq!(scrape(&api).await.get(&requests("none", "4xx")), 1.0, "a rejected request is counted");
}
