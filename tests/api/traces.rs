//! Traces: spans of requests, statements, jobs and outgoing requests at a collector, and the headers of W3C Trace Context.
use std::collections::BTreeSet;

use serde_json::{Value, json};
use tenon::{
    http::auth::Role,
    infra::{
        audit_log::Origin,
        traces::{SpanContext, SpanKind},
    },
    resources::billing::rates::MaxChange,
};

use crate::{
    metrics_parser::parse,
    multipart::{png, upload},
    support::{Api, PASSWORD, poll_until},
    webhook_endpoints,
    webhook_receiver::Receiver,
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-{CALLER}-{flags}")
}

/// A span at the collector.
#[derive(Debug, Clone)]
struct Span(Value);

impl Span {
    fn text(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap_or_default()
    }

    fn attribute(&self, key: &str) -> Value {
        let attributes = self.0["attributes"].as_array().expect("attributes");
        let found = attributes.iter().find(|attribute| attribute["key"] == key);
        let value = found.map(|attribute| attribute["value"].clone()).unwrap_or_default();
        value.get("stringValue").or(value.get("intValue")).cloned().unwrap_or_default()
    }

    fn is_statement(&self) -> bool {
        !self.attribute("db.query.text").is_null()
    }
}

/// Starts the service with a collector.
async fn start(settings: &[(&'static str, &str)]) -> (Api, Receiver) {
    let collector = Receiver::start().await;
    let mut settings = settings.to_vec();
    settings.extend([("otlp_endpoint", collector.url.as_str()), ("otlp_headers", r#"{"x-key": "geheim"}"#)]);
    (Api::with(&settings).await, collector)
}

/// Returns the spans that the collector has received, with those that have ended.
async fn spans(api: &Api, collector: &Receiver) -> Vec<Span> {
    api.app.tracer.as_ref().expect("a tracer").flush().await;
    let mut spans = Vec::new();
    for call in collector.received() {
        assert!(call.head.starts_with("POST /hook/v1/traces HTTP/1.1"), "{}", call.head);
        assert_eq!((call.header("content-type"), call.header("x-key")), ("application/json", "geheim"));
        assert_eq!(call.header("traceparent"), "", "the export is not traced");
        let body = call.json();
        let resource = &body["resourceSpans"][0];
        let service = json!({ "key": "service.name", "value": { "stringValue": "tenon" } });
        assert_eq!(resource["resource"]["attributes"][0], service);
        spans.extend(resource["scopeSpans"][0]["spans"].as_array().expect("spans").iter().cloned().map(Span));
    }
    spans
}

/// Returns the spans of the trace of the caller.
async fn spans_of_caller(api: &Api, collector: &Receiver) -> Vec<Span> {
    spans(api, collector).await.into_iter().filter(|span| span.text("traceId") == TRACE).collect()
}

fn of_kind(spans: &[Span], kind: u8) -> Vec<&Span> {
    spans.iter().filter(|span| span.0["kind"] == kind && !span.is_statement()).collect()
}

#[api_test]
async fn exports_a_request_with_its_statements_below_the_span_of_the_caller() {
    let (api, collector) = start(&[("log_client_address", "network")]).await;
    let client = api
        .from("203.0.113.7")
        .header("traceparent", &traceparent("01"))
        .header("tracestate", "rojo=1")
        .header("tracestate", "congo=t61");
    client.get("/api/posts/unknown-slug?fields=geheim-query").await.is(400);
    client.get("/api/tags?limit=7").await.is(200);
    let all = spans_of_caller(&api, &collector).await;
    let server = of_kind(&all, 2);
    let [invalid, request] = server[..] else { panic!("{server:#?}") };
    assert_eq!(invalid.attribute("http.response.status_code"), "400");
    assert_eq!(request.text("parentSpanId"), CALLER);
    assert_eq!((request.text("name"), request.text("traceState")), ("GET /api/tags", "rojo=1,congo=t61"));
    for (key, value) in [
        ("http.request.method", "GET"),
        ("http.route", "/api/tags"),
        ("url.path", "/api/tags"),
        ("http.response.status_code", "200"),
        ("client.address", "203.0.113.0/24"),
    ] {
        assert_eq!(request.attribute(key), value, "{key}");
    }
    let operations = of_kind(&all, 1);
    let [operation] = operations[..] else { panic!("{operations:#?}") };
    assert_eq!(
        (operation.text("name"), operation.text("parentSpanId")),
        ("tagsList", request.text("spanId"))
    );
    let statements: Vec<&Span> = all.iter().filter(|span| span.is_statement()).collect();
    let is_postgres = !api.database_url.starts_with("sqlite:");
    assert!(statements.len() >= 2, "{statements:#?}");
    for statement in statements {
        assert_eq!(statement.text("parentSpanId"), operation.text("spanId"), "{statement:?}");
        let system = if is_postgres { "postgresql" } else { "sqlite" };
        assert_eq!(statement.attribute("db.system.name"), system);
        assert_eq!(statement.text("name"), "SELECT");
    }
    let number = |span: &Span, field: &str| span.text(field).parse::<u64>().expect("nanoseconds");
    assert!(all.iter().all(|span| number(span, "endTimeUnixNano") >= number(span, "startTimeUnixNano")));
    assert!(!format!("{all:?}").contains("geheim"), "the query is not exported");
}

#[api_test]
async fn statements_of_a_write_belong_to_the_request_and_have_no_values() {
    let (api, collector) = start(&[]).await;
    let editor = api.sign_in(Role::Editor).await.header("traceparent", &traceparent("01"));
    let post = json!({ "title": "geheim", "content": "0123456789" });
    editor.post("/api/posts", post).await.is(201);
    let all = spans_of_caller(&api, &collector).await;
    let (server, operations) = (of_kind(&all, 2), of_kind(&all, 1));
    let ([request], [operation]) = (&server[..], &operations[..]) else { panic!("{all:#?}") };
    let inserts: Vec<&Span> = all.iter().filter(|span| span.text("name") == "INSERT").collect();
    assert!(
        inserts
            .iter()
            .any(|span| span.attribute("db.query.text").as_str().is_some_and(|sql| sql.contains("posts")))
    );
    for span in all.iter().filter(|span| span.is_statement()) {
        // The credential is verified before the operation.
        let parents = [request.text("spanId"), operation.text("spanId")];
        assert!(parents.contains(&span.text("parentSpanId")), "{span:?}");
    }
    assert!(inserts.iter().any(|span| span.text("parentSpanId") == operation.text("spanId")));
    assert!(!format!("{all:?}").contains("geheim"), "the values are not exported");
}

#[api_test]
async fn records_a_response_from_the_cache_and_an_error() {
    let (api, collector) = start(&[]).await;
    let client = api.header("accept-encoding", "identity").header("traceparent", &traceparent("01"));
    for _ in 0..2 {
        client.get("/api/tags").await.is(200);
    }
    let all = spans_of_caller(&api, &collector).await;
    assert_eq!(of_kind(&all, 2).len(), 2, "{all:#?}");
    assert_eq!(of_kind(&all, 1).len(), 1, "the second response has no operation: {all:#?}");
    assert!(of_kind(&all, 2).iter().all(|span| span.text("name") == "GET /api/tags"));
    let (editor, upstream) = (api.sign_in(Role::Editor).await, "/api/upstreams/unknown/a");
    editor.header("traceparent", &traceparent("01")).get(upstream).await.is(404);
    let all = spans_of_caller(&api, &collector).await;
    let failed = all.iter().find(|span| span.attribute("http.response.status_code") == "404");
    assert_eq!(failed.expect("a span").0["status"], json!({}), "an error of the client is not a failure");
}

#[api_test]
async fn the_line_in_the_log_names_the_trace_and_the_span_names_the_request() {
    let (api, collector) = start(&[]).await;
    let client = api.header("accept-encoding", "identity").header("traceparent", &traceparent("01"));
    let unsampled = api.header("traceparent", &traceparent("00"));
    // The second response is from the cache.
    for path in ["/api/tags", "/api/tags", "/api/nothing"] {
        api.log_lines();
        client.get(path).await;
        let line = api.log_line();
        assert_eq!(line["trace_id"], TRACE, "{line}");
        let all = spans_of_caller(&api, &collector).await;
        let found = of_kind(&all, 2).into_iter().any(|span| span.attribute("tenon.request_id") == line["id"]);
        assert!(found, "{line}: {all:#?}");
    }
    unsampled.get("/api/tags").await.is(200);
    assert_eq!(api.log_line().get("trace_id"), None);
}

#[api_test]
async fn probes_and_the_metrics_have_no_span() {
    let (api, collector) = start(&[]).await;
    let local = api.from("127.0.0.1").header("traceparent", &traceparent("01"));
    for path in ["/livez", "/livez", "/readyz", "/metrics"] {
        local.get(path).await.is(200);
    }
    assert_eq!(spans(&api, &collector).await.len(), 0);
}

#[api_test]
async fn hashing_and_image_work_have_spans() {
    let (api, collector) = start(&[]).await;
    let (author, email) = api.account(Role::Author).await;
    let file = png(64, 48, 1);
    let traced = author.header("traceparent", &traceparent("01"));
    let image = upload(&traced, &[("file", Some("a.png"), &file[..])]).await.is(201).body;
    let url = image["url"].as_str().expect("a URL").to_owned();
    let anonymous = api.header("traceparent", &traceparent("01"));
    anonymous.get(&format!("{url}?w=16")).await;
    anonymous.post("/api/auth/login", json!({ "email": email, "password": PASSWORD })).await.is(200);
    let all = spans_of_caller(&api, &collector).await;
    let operations: BTreeSet<&str> = all.iter().map(|span| span.text("spanId")).collect();
    for name in ["images.sanitize", "passwords.verify"] {
        let span = all.iter().find(|span| span.text("name") == name);
        let span = span.unwrap_or_else(|| panic!("{name}: {all:#?}"));
        assert!(operations.contains(span.text("parentSpanId")), "{span:?}");
    }
}

#[api_test]
async fn an_invalid_traceparent_starts_a_new_trace() {
    let (api, collector) = start(&[]).await;
    let invalid = [
        traceparent("01").to_uppercase(),
        format!("{}-x", traceparent("01")),
        format!("00-{}-{CALLER}-01", "0".repeat(32)),
        format!("00-{TRACE}-{}-01", "0".repeat(16)),
    ];
    for header in &invalid {
        api.header("traceparent", header).get("/api/nothing").await.is(404);
    }
    let twice = api.header("traceparent", &traceparent("01")).header("traceparent", &traceparent("01"));
    twice.get("/api/nothing").await.is(404);
    api.get("/api/nothing").await.is(404);
    let all = spans(&api, &collector).await;
    let traces: BTreeSet<&str> = all.iter().map(|span| span.text("traceId")).collect();
    assert_eq!((all.len(), traces.len()), (6, 6), "{all:#?}");
    assert!(!traces.contains(TRACE) && traces.iter().all(|id| id.len() == 32));
    assert!(all.iter().all(|span| span.text("parentSpanId").is_empty() && span.text("name") == "GET"));
}

/// Starts the service with an upstream and returns an editor.
async fn start_with_upstream(settings: &[(&'static str, &str)]) -> (Api, Receiver, Receiver) {
    let upstream = Receiver::start().await;
    let upstreams = json!({ "weather": upstream.url }).to_string();
    let mut settings = settings.to_vec();
    settings.extend([("upstreams_allow_private_networks", "on"), ("upstreams", &upstreams)]);
    let (api, collector) = start(&settings).await;
    (api.sign_in(Role::Editor).await, upstream, collector)
}

const JSON: &str = "Content-Type: application/json\r\n";

#[api_test]
async fn an_outgoing_request_has_a_span_and_carries_its_id() {
    let (editor, upstream, collector) = start_with_upstream(&[]).await;
    upstream.respond_with("200 OK", JSON, "1");
    let caller = editor.header("traceparent", &traceparent("01")).header("tracestate", "rojo=1");
    caller.get("/api/upstreams/weather/a?query=geheim").await.is(200);
    let call = &upstream.calls(1).await[0];
    let all = spans_of_caller(&editor, &collector).await;
    let (operations, clients) = (of_kind(&all, 1), of_kind(&all, 3));
    let ([operation], [client]) = (&operations[..], &clients[..]) else { panic!("{all:#?}") };
    assert_eq!(client.text("parentSpanId"), operation.text("spanId"));
    assert_eq!(call.header("traceparent"), format!("00-{TRACE}-{}-01", client.text("spanId")));
    assert_eq!(call.header("tracestate"), "rojo=1");
    assert_eq!(client.attribute("server.address"), "127.0.0.1");
    assert_eq!(client.attribute("http.response.status_code"), "200");
    assert!(!format!("{all:?}").contains("geheim"), "{all:#?}");
}

#[api_test]
async fn the_source_of_rates_gets_no_trace_header() {
    let source = Receiver::start().await;
    let settings = [("allow_private_networks", "on"), ("rates_url", source.url.as_str())];
    let (api, collector) = start(&settings).await;
    let caller = SpanContext::parse(&traceparent("01"), Some("rojo=1"));
    let tracer = api.app.tracer.as_ref().expect("a tracer");
    let span = tracer.begin(caller, "fetch", SpanKind::Internal);
    let fetch = api.app.rate_fetcher.fetch_now(MaxChange::Enforced);
    let fetched = Origin::current().with_trace(span.trace()).scope(fetch).await;
    assert!(fetched.is_err(), "the source has no rates");
    let call = &source.calls(1).await[0];
    assert_eq!((call.header("traceparent"), call.header("tracestate")), ("", ""));
    let all = spans_of_caller(&api, &collector).await;
    assert_eq!(of_kind(&all, 3).len(), 1, "the request has a span: {all:#?}");
}

#[api_test]
async fn an_unsampled_trace_is_passed_on_but_not_exported() {
    for (settings, flags) in [(vec![], "00"), (vec![("trace_sample_ratio", "0")], "01")] {
        let (editor, upstream, collector) = start_with_upstream(&settings).await;
        upstream.respond_with("200 OK", JSON, "1");
        let caller = editor.header("traceparent", &traceparent(flags));
        caller.get("/api/upstreams/weather/a").await.is(200);
        let sent = upstream.calls(1).await[0].header("traceparent").to_owned();
        assert!(sent.starts_with(&format!("00-{TRACE}-")) && sent.ends_with("-00"), "{sent}");
        assert!(!sent.contains(CALLER), "{sent}");
        assert_eq!(spans_of_caller(&editor, &collector).await.len(), 0);
    }
}

#[api_test]
async fn without_a_collector_no_header_is_sent_and_no_task_runs() {
    let upstream = Receiver::start().await;
    let upstreams = json!({ "weather": upstream.url }).to_string();
    let settings = [("upstreams_allow_private_networks", "on"), ("upstreams", upstreams.as_str())];
    let api = Api::with(&settings).await;
    assert!(api.app.tracer.is_none() && api.server.tracer.is_none());
    let editor = api.sign_in(Role::Editor).await;
    upstream.respond_with("200 OK", JSON, "1");
    let caller = editor.header("traceparent", &traceparent("01")).header("tracestate", "rojo=1");
    caller.get("/api/upstreams/weather/a").await.is(200);
    let call = &upstream.calls(1).await[0];
    assert_eq!((call.header("traceparent"), call.header("tracestate")), ("", ""));
}

#[api_test]
async fn a_job_is_the_root_of_a_trace_that_its_webhook_carries() {
    let collector = Receiver::start().await;
    let settings = [("allow_private_networks", "on"), ("otlp_endpoint", collector.url.as_str())];
    let (api, admin, _stop) = webhook_endpoints::start_with_workers_and(&settings).await;
    let receiver = Receiver::start().await;
    webhook_endpoints::endpoint(&admin, &receiver.url, json!(["post.created"])).await;
    webhook_endpoints::create_draft(&admin, "One").await;
    let sent = receiver.calls(1).await[0].header("traceparent").to_owned();
    let trace = sent.split('-').nth(1).expect("a trace id").to_owned();
    let root = poll_until("the span of the job", async || {
        api.app.tracer.as_ref().expect("a tracer").flush().await;
        let bodies = collector.received().into_iter().map(|call| call.json());
        let mut spans = bodies.flat_map(|body| {
            body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().cloned().expect("spans")
        });
        spans.find(|span| span["traceId"] == trace.as_str() && span["parentSpanId"].is_null()).map(Span)
    })
    .await;
    assert_eq!((root.text("name"), &root.0["kind"]), ("job webhooks.deliver", &json!(5)));
}

#[api_test]
async fn counts_exported_spans_and_spans_that_the_collector_rejects() {
    let (api, collector) = start(&[]).await;
    let results = async || {
        let text = api.from("127.0.0.1").get("/metrics").await.is(200).body;
        let metrics = parse(text.as_str().expect("text"));
        let result = |name: &str| metrics.get(&format!("tenon_trace_spans_total{{result=\"{name}\"}}"));
        ["exported", "failed", "dropped"].map(result)
    };
    api.get("/api/nothing").await.is(404);
    collector.respond_with("503 Busy", "", "");
    api.app.tracer.as_ref().expect("a tracer").flush().await;
    assert_eq!(results().await, [0.0, 1.0, 0.0]);
    api.get("/api/nothing").await.is(404);
    api.app.tracer.as_ref().expect("a tracer").flush().await;
    assert_eq!(results().await, [1.0, 1.0, 0.0], "the requests for the metrics have no span");
}
