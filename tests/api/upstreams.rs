//! Upstreams: forwarded requests, returned responses and errors.
use poem::http::Method;
use serde_json::{Value, json};
use tenon::http::auth::Role;

use crate::{
    support::{Api, Response},
    webhook_receiver::{Call, Receiver},
};

const JSON: &str = "Content-Type: application/json\r\n";

/// Starts the service with two upstreams, one with a credential. Returns an editor and the server of both upstreams.
async fn start() -> (Api, Receiver) {
    let receiver = Receiver::start().await;
    let upstreams = json!({
        "weather": receiver.url,
        "stock": { "url": format!("{}/", receiver.url), "authorization": "Bearer geheim" },
    })
    .to_string();
    let api = Api::with(&[
        ("upstreams_allow_private_networks", "on"),
        ("timeout_scale", "0.1"),
        ("upstreams", &upstreams),
    ])
    .await;
    (api.sign_in(Role::Editor).await, receiver)
}

fn header_names(call: &Call) -> Vec<String> {
    let names = call.head.lines().skip(1).filter_map(|request_line| request_line.split_once(':'));
    let mut names: Vec<String> = names.map(|(name, _)| name.to_lowercase()).collect();
    names.sort();
    names
}

fn request_line(call: &Call) -> &str {
    call.head.lines().next().unwrap_or_default()
}

#[api_test]
async fn returns_json_unchanged() {
    let (editor, upstream) = start().await;
    let text = r#"{"now": {"temperature": 7.50, "id": 12345678901234567890123}, "a/b": [true]}"#;
    let headers =
        format!("{JSON}Set-Cookie: a=b\r\nETag: \"theirs\"\r\nX-Own: 1\r\nX-Request-Id: theirs\r\n");
    let path = "/api/upstreams/weather/v1/forecast?query=city%3DOslo%26at%3D12%253A30";
    upstream.respond_with("200 OK", &headers, text);
    let response = editor.get(path).await.is(200);
    assert_eq!(String::from_utf8_lossy(&response.bytes), text);
    assert_eq!(response.header("cache-control"), "private, no-cache");
    for name in ["set-cookie", "x-own"] {
        assert!(!response.headers.contains_key(name), "{name}");
    }
    assert_ne!(response.header("x-request-id"), "theirs");
    upstream.respond_with("203 Whoever", "Content-Type: Application/JSON; charset=utf-8\r\n", text);
    let conditional = editor.header("if-none-match", response.header("etag"));
    assert!(conditional.get(path).await.is(304).bytes.is_empty());
    for (pointer, expected) in [
        ("", text),
        ("/now/temperature", "7.50"),
        ("/now", r#"{"temperature": 7.50, "id": 12345678901234567890123}"#),
        ("/a~1b/0", "true"),
    ] {
        upstream.respond_with("200 OK", JSON, text);
        let response = editor.get(&format!("{path}&pointer={pointer}")).await.is(200);
        assert_eq!(String::from_utf8_lossy(&response.bytes), expected, "{pointer}");
    }
    upstream.respond_with("200 OK", JSON, text);
    editor.get(&format!("{path}&pointer=/now/rain")).await.is(404);
    let calls = upstream.calls(7).await;
    assert!(
        calls.iter().all(|call| request_line(call) == "GET /hook/v1/forecast?city=Oslo&at=12%3A30 HTTP/1.1")
    );
}

#[api_test]
async fn sends_no_client_header_except_the_request_id() {
    let (editor, upstream) = start().await;
    let own = ["accept", "accept-encoding", "connection", "host", "user-agent", "x-request-id"];
    let caller = editor
        .header("x-request-id", "trace-1")
        .header("x-forwarded-for", "192.0.2.7")
        .header("x-api-key", "secret")
        .header("accept-language", "fr")
        .header("te", "trailers");
    upstream.respond_with("200 OK", JSON, "1");
    caller.get("/api/upstreams/weather/a").await.is(200);
    upstream.respond_with("200 OK", JSON, "2");
    caller.get("/api/upstreams/stock/a").await.is(200);
    upstream.respond_with("201 Created", JSON, r#"{"id": 1}"#);
    let body = json!({ "sku": "oak", "count": [1, 2.5, null] });
    let sent = caller.post("/api/upstreams/stock/orders?pointer=/id", body.clone()).await.is(200);
    assert_eq!((sent.body, sent.headers.contains_key("etag")), (json!(1), false));
    let calls = upstream.calls(3).await;
    assert!(calls.iter().all(|call| call.header("x-request-id") == "trace-1"));
    assert!(calls.iter().all(|call| call.header("accept") == "application/json"));
    assert_eq!(header_names(&calls[0]), own, "no credential is sent to another upstream");
    assert_eq!(calls[1].header("authorization"), "Bearer geheim");
    assert_eq!((request_line(&calls[2]), calls[2].json()), ("POST /hook/orders HTTP/1.1", body));
    assert_eq!(calls[2].header("content-type"), "application/json");
}

/// Returns the detail of an error, which must contain neither the address nor the credential of the upstream.
fn detail(response: &Response) -> String {
    let detail = response.body["detail"].as_str().expect("words");
    for secret in ["geheim", "127.0.0.1", "/hook", "localhost"] {
        assert!(!detail.contains(secret), "{detail}");
    }
    detail.to_owned()
}

#[api_test]
async fn returns_502_unless_the_response_is_successful_json() {
    let (editor, upstream) = start().await;
    let large = format!("[\"{}\"]", "a".repeat(1 << 20));
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    let encoded = format!("{JSON}Content-Encoding: gzip\r\n");
    let responses: Vec<(&str, &str, &str, &str)> = vec![
        ("500 Broken", JSON, "{}", "responded with 500"),
        ("404 Not Found", JSON, "{}", "responded with 404"),
        ("302 Found", "Location: http://127.0.0.1/hook\r\n", "", "responded with 302"),
        ("304 Not Modified", "", "", "responded with 304"),
        ("204 No Content", "", "", "responded with 204 and an empty body"),
        ("200 OK", "", "{}", "responded with 200 and a media type other than application/json"),
        ("200 OK", "Content-Type: text/html\r\n", "<p>", "and a media type other than application/json"),
        (
            "200 OK",
            "Content-Type: application/problem+json\r\n",
            "{}",
            "and a media type other than application/json",
        ),
        ("200 OK", JSON, "", "and an empty body"),
        ("200 OK", JSON, "{\"a\":1", "and invalid JSON"),
        ("200 OK", JSON, "{\"a\":1,\"a\":2}", "and invalid JSON"),
        ("200 OK", JSON, &deep, "and invalid JSON"),
        ("200 OK", JSON, &large, "sent a response of more than 1 MiB"),
        ("200 OK", &encoded, "{}", "sent a content encoding that was not requested"),
        ("broken", "", "", "sent an incomplete or invalid response"),
    ];
    for (status, headers, body, expected) in responses {
        upstream.respond_with(status, headers, body);
        let rejected = editor.get("/api/upstreams/stock/a").await.is(502);
        assert_eq!(rejected.body["code"], "bad-gateway");
        assert!(
            detail(&rejected).starts_with("the upstream stock ") && detail(&rejected).ends_with(expected),
            "{rejected:?}"
        );
        assert_eq!(rejected.header("cache-control"), "no-store");
    }
    upstream.respond_with("503 Busy", "", "");
    let rejected = editor.post("/api/upstreams/stock/a", json!(1)).await.is(502);
    assert!(detail(&rejected).ends_with("responded with 503"));
    upstream.hang();
    upstream.hang();
    for rejected in
        [editor.get("/api/upstreams/stock/a").await, editor.post("/api/upstreams/stock/a", json!({})).await]
    {
        let rejected = rejected.is(504);
        assert_eq!(
            (detail(&rejected), &rejected.body["code"]),
            (
                "the upstream stock did not complete its response in time".to_owned(),
                &json!("gateway-timeout")
            )
        );
    }
}

#[api_test]
async fn rejects_unreachable_and_private_addresses() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let upstreams = json!({
        "inside": format!("https://localhost:{port}"),
        "nowhere": "https://nowhere.invalid",
    })
    .to_string();
    let api = Api::with(&[("upstreams", &upstreams)]).await;
    let editor = api.sign_in(Role::Editor).await;
    let rejected = editor.get("/api/upstreams/inside/a").await.is(502);
    assert_eq!(detail(&rejected), "the upstream inside has an address that is not allowed");
    // The socket is non-blocking: `accept` fails if no connection is pending.
    let listener = listener.into_std().expect("a socket");
    assert!(listener.accept().is_err(), "no connection was opened");
    drop(listener);
    let upstreams = json!({ "closed": format!("http://127.0.0.1:{port}") }).to_string();
    let api = Api::with(&[("upstreams", &upstreams), ("upstreams_allow_private_networks", "on")]).await;
    let editor = api.sign_in(Role::Editor).await;
    let rejected = editor.get("/api/upstreams/closed/a").await.is(502);
    assert_eq!(detail(&rejected), "the upstream closed cannot be reached");
}

#[api_test]
async fn rejects_paths_outside_of_the_base_url() {
    let (editor, upstream) = start().await;
    let long = "a".repeat(501);
    for path in [
        "a/../b",
        "../b",
        "a/..",
        "a/./b",
        "%2e%2e/b",
        "a/%2E%2e/b",
        "a%2F..%2Fb",
        "a/..;/b",
        "a/..%3b/b",
        "a;b",
        "a//b",
        "/a",
        "a%2F%2Fb",
        "%2Fa",
        "a%252Fb",
        "a%25",
        "a%3Fb",
        "a%23b",
        "a%5Cb",
        "a%00",
        "a%0d%0aHost:%20b",
        "a%20b",
        "%C3%A4",
        "%ff",
        &long,
    ] {
        editor.get(&format!("/api/upstreams/weather/{path}")).await.is(404);
    }
    // Clients may encode slashes, because the path is one parameter.
    upstream.respond_with("200 OK", JSON, "{}");
    editor.get("/api/upstreams/weather/a%2Fb~%21/c").await.is(200);
    assert_eq!(request_line(&upstream.calls(1).await[0]), "GET /hook/a/b~!/c HTTP/1.1");
}

#[api_test]
async fn rejects_invalid_queries_and_pointers() {
    let (editor, upstream) = start().await;
    for (query, location) in [
        ("query=a%23b", "query"),
        ("query=a%20b", "query"),
        ("query=a%0d%0ab", "query"),
        ("query=%25zz", "query"),
        ("query=%C3%A4", "query"),
        (&format!("query={}", "a".repeat(1001)), "query"),
        ("query=a&query=b", "query"),
        ("pointer=a", "pointer"),
        ("pointer=/a~2", "pointer"),
        ("city=Oslo", "city"),
    ] {
        let rejected = editor.get(&format!("/api/upstreams/weather/a?{query}")).await.is(400);
        assert_eq!(rejected.locations(), [location], "{query}");
    }
    for path in ["other/a", "Weather/a", "weather", "weather/"] {
        editor.get(&format!("/api/upstreams/{path}")).await.is(404);
    }
    let redirect = editor.get("/api/upstreams/weather/a/b/?query=c").await.is(308);
    assert_eq!(redirect.header("location"), "/api/upstreams/weather/a/b?query=c");
    editor.post("/api/upstreams/weather/a/b/", json!({})).await.is(308);
    editor.send(Method::POST, "/api/upstreams/weather/a", None).await.is(400);
    let keyed = editor.header("idempotency-key", "once").post("/api/upstreams/weather/a", json!({})).await;
    assert_eq!(keyed.is(400).locations(), ["Idempotency-Key"]);
    upstream.calls(0).await;
}

#[api_test]
async fn staff_list_the_upstreams() {
    let (editor, _) = start().await;
    let names = json!([
        { "name": "stock", "href": "/api/upstreams/stock" },
        { "name": "weather", "href": "/api/upstreams/weather" },
    ]);
    let list = editor.get("/api/upstreams").await.is(200);
    assert_eq!(list.body["data"], names);
    editor.header("if-none-match", list.header("etag")).get("/api/upstreams").await.is(304);
    let none: Value =
        Api::start().await.sign_in(Role::Accountant).await.get("/api/upstreams").await.is(200).body;
    assert_eq!(none, json!({ "data": [] }));
    let reader = editor.sign_in(Role::Reader).await;
    for path in ["/api/upstreams", "/api/upstreams/weather/a"] {
        reader.get(path).await.is(403);
    }
    let admin = editor.sign_in(Role::Admin).await;
    let new = json!({ "name": "k", "scopes": ["upstreams:read"] });
    let key = admin.post("/api/api-keys", new).await.is(201).body["key"].as_str().expect("a key").to_owned();
    let key_client = editor.bearer(&key);
    assert_eq!(key_client.get("/api/upstreams").await.is(200).body["data"], names);
    key_client.post("/api/upstreams/weather/a", json!({})).await.is(403);
}
