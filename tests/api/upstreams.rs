//! Other services asked through this one: what goes out, what comes back, and what does not.
use poem::http::Method;
use serde_json::{Value, json};
use tenon::http::auth::Role;

use crate::{
    support::{Api, Response},
    webhook_receiver::{Call, Receiver},
};

const JSON: &str = "Content-Type: application/json\r\n";

/// The service with two upstreams, one of which wants a credential, and somebody who may ask them.
async fn begun() -> (Api, Receiver) {
    let receiver = Receiver::start().await;
    let known = json!({
        "weather": receiver.url,
        "stock": { "url": format!("{}/", receiver.url), "authorization": "Bearer geheim" },
    })
    .to_string();
    let api = Api::with(&[
        ("upstreams_allow_private_networks", "on"),
        ("timeout_scale", "0.1"),
        ("upstreams", &known),
    ])
    .await;
    (api.sign_in(Role::Editor).await, receiver)
}

fn fields(call: &Call) -> Vec<String> {
    let names = call.head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let mut names: Vec<String> = names.map(|(name, _)| name.to_lowercase()).collect();
    names.sort();
    names
}

fn line(call: &Call) -> &str {
    call.head.lines().next().unwrap_or_default()
}

#[api_test]
async fn json_is_handed_on_as_it_is() {
    let (editor, upstream) = begun().await;
    let text = r#"{"now": {"temperature": 7.50, "id": 12345678901234567890123}, "a/b": [true]}"#;
    let fields_of_it =
        format!("{JSON}Set-Cookie: a=b\r\nETag: \"theirs\"\r\nX-Own: 1\r\nX-Request-Id: theirs\r\n");
    let path = "/api/upstreams/weather/v1/forecast?query=city%3DOslo%26at%3D12%253A30";
    upstream.answers("200 OK", &fields_of_it, text);
    let read = editor.get(path).await.is(200);
    assert_eq!(String::from_utf8_lossy(&read.bytes), text);
    assert_eq!(read.header("cache-control"), "private, no-cache");
    for name in ["set-cookie", "x-own"] {
        assert!(!read.headers.contains_key(name), "{name}");
    }
    assert_ne!(read.header("x-request-id"), "theirs");
    upstream.answers("203 Whoever", "Content-Type: Application/JSON; charset=utf-8\r\n", text);
    let known = editor.header("if-none-match", read.header("etag"));
    assert!(known.get(path).await.is(304).bytes.is_empty());
    for (pointer, found) in [
        ("", text),
        ("/now/temperature", "7.50"),
        ("/now", r#"{"temperature": 7.50, "id": 12345678901234567890123}"#),
        ("/a~1b/0", "true"),
    ] {
        upstream.answers("200 OK", JSON, text);
        let read = editor.get(&format!("{path}&pointer={pointer}")).await.is(200);
        assert_eq!(String::from_utf8_lossy(&read.bytes), found, "{pointer}");
    }
    upstream.answers("200 OK", JSON, text);
    editor.get(&format!("{path}&pointer=/now/rain")).await.is(404);
    let calls = upstream.calls(7).await;
    assert!(calls.iter().all(|call| line(call) == "GET /hook/v1/forecast?city=Oslo&at=12%3A30 HTTP/1.1"));
}

#[api_test]
async fn nothing_of_the_caller_goes_out_but_the_id_of_the_request() {
    let (editor, upstream) = begun().await;
    let own = ["accept", "accept-encoding", "connection", "host", "user-agent", "x-request-id"];
    let caller = editor
        .header("x-request-id", "trace-1")
        .header("x-forwarded-for", "192.0.2.7")
        .header("x-api-key", "secret")
        .header("accept-language", "fr")
        .header("te", "trailers");
    upstream.answers("200 OK", JSON, "1");
    caller.get("/api/upstreams/weather/a").await.is(200);
    upstream.answers("200 OK", JSON, "2");
    caller.get("/api/upstreams/stock/a").await.is(200);
    upstream.answers("201 Created", JSON, r#"{"id": 1}"#);
    let body = json!({ "sku": "oak", "count": [1, 2.5, null] });
    let sent = caller.post("/api/upstreams/stock/orders?pointer=/id", body.clone()).await.is(200);
    assert_eq!((sent.body, sent.headers.contains_key("etag")), (json!(1), false));
    let calls = upstream.calls(3).await;
    assert!(calls.iter().all(|call| call.header("x-request-id") == "trace-1"));
    assert!(calls.iter().all(|call| call.header("accept") == "application/json"));
    assert_eq!(fields(&calls[0]), own, "no credential is sent to another upstream");
    assert_eq!(calls[1].header("authorization"), "Bearer geheim");
    assert_eq!((line(&calls[2]), calls[2].json()), ("POST /hook/orders HTTP/1.1", body));
    assert_eq!(calls[2].header("content-type"), "application/json");
}

/// The words of a failure that hides where the upstream is and what it is sent.
fn words(answer: &Response) -> String {
    let words = answer.body["detail"].as_str().expect("words");
    for secret in ["geheim", "127.0.0.1", "/hook", "localhost"] {
        assert!(!words.contains(secret), "{words}");
    }
    words.to_owned()
}

#[api_test]
async fn only_success_with_json_is_handed_on() {
    let (editor, upstream) = begun().await;
    let large = format!("[\"{}\"]", "a".repeat(1 << 20));
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    let coded = format!("{JSON}Content-Encoding: gzip\r\n");
    let answers: Vec<(&str, &str, &str, &str)> = vec![
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
        ("200 OK", &coded, "{}", "sent a content encoding that was not requested"),
        ("broken", "", "", "sent an incomplete or invalid response"),
    ];
    for (status, fields, body, said) in answers {
        upstream.answers(status, fields, body);
        let refused = editor.get("/api/upstreams/stock/a").await.is(502);
        assert_eq!(refused.body["code"], "bad-gateway");
        assert!(
            words(&refused).starts_with("the upstream stock ") && words(&refused).ends_with(said),
            "{refused:?}"
        );
        assert_eq!(refused.header("cache-control"), "no-store");
    }
    upstream.answers("503 Busy", "", "");
    let refused = editor.post("/api/upstreams/stock/a", json!(1)).await.is(502);
    assert!(words(&refused).ends_with("responded with 503"));
    upstream.says_nothing();
    upstream.says_nothing();
    for refused in
        [editor.get("/api/upstreams/stock/a").await, editor.post("/api/upstreams/stock/a", json!({})).await]
    {
        let refused = refused.is(504);
        assert_eq!(
            (words(&refused), &refused.body["code"]),
            (
                "the upstream stock did not complete its response in time".to_owned(),
                &json!("gateway-timeout")
            )
        );
    }
}

#[api_test]
async fn what_is_not_there_or_not_public_is_not_asked() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let known = json!({
        "inside": format!("https://localhost:{port}"),
        "nowhere": "https://nowhere.invalid",
    })
    .to_string();
    let api = Api::with(&[("upstreams", &known)]).await;
    let editor = api.sign_in(Role::Editor).await;
    let refused = editor.get("/api/upstreams/inside/a").await.is(502);
    assert_eq!(words(&refused), "the upstream inside has an address that is not allowed");
    // The socket does not block.
    let listener = listener.into_std().expect("a socket");
    assert!(listener.accept().is_err(), "nobody has connected");
    drop(listener);
    let own = json!({ "closed": format!("http://127.0.0.1:{port}") }).to_string();
    let api = Api::with(&[("upstreams", &own), ("upstreams_allow_private_networks", "on")]).await;
    let editor = api.sign_in(Role::Editor).await;
    let refused = editor.get("/api/upstreams/closed/a").await.is(502);
    assert_eq!(words(&refused), "the upstream closed cannot be reached");
}

#[api_test]
async fn no_path_leads_out_of_the_base() {
    let (editor, upstream) = begun().await;
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
    // Slashes that a client has encoded, because they stand in one parameter, are slashes.
    upstream.answers("200 OK", JSON, "{}");
    editor.get("/api/upstreams/weather/a%2Fb~%21/c").await.is(200);
    assert_eq!(line(&upstream.calls(1).await[0]), "GET /hook/a/b~!/c HTTP/1.1");
}

#[api_test]
async fn what_an_upstream_cannot_be_asked_is_refused() {
    let (editor, upstream) = begun().await;
    for (query, place) in [
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
        let refused = editor.get(&format!("/api/upstreams/weather/a?{query}")).await.is(400);
        assert_eq!(refused.locations(), [place], "{query}");
    }
    for path in ["other/a", "Weather/a", "weather", "weather/"] {
        editor.get(&format!("/api/upstreams/{path}")).await.is(404);
    }
    let moved = editor.get("/api/upstreams/weather/a/b/?query=c").await.is(308);
    assert_eq!(moved.header("location"), "/api/upstreams/weather/a/b?query=c");
    editor.post("/api/upstreams/weather/a/b/", json!({})).await.is(308);
    editor.send(Method::POST, "/api/upstreams/weather/a", None).await.is(400);
    let keyed = editor.header("idempotency-key", "once").post("/api/upstreams/weather/a", json!({})).await;
    assert_eq!(keyed.is(400).locations(), ["Idempotency-Key"]);
    upstream.calls(0).await;
}

#[api_test]
async fn staff_may_know_the_upstreams_by_name() {
    let (editor, _) = begun().await;
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
    let program = editor.bearer(&key);
    assert_eq!(program.get("/api/upstreams").await.is(200).body["data"], names);
    program.post("/api/upstreams/weather/a", json!({})).await.is(403);
}
