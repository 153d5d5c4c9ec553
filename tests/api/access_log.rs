//! The access log: one line per request, with the error code, the violated rule and the caller of a failed one.
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use tenon::{http::auth::Role, infra::db::Tx};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{connections, support::Api};

#[api_test]
async fn logs_both_entity_tags_of_a_412() {
    let api = Api::start().await.sign_in(Role::Accountant).await;
    let customer = |name: &str| json!({ "name": name, "email": "oak@acme.test" });
    let path =
        format!("/api/v2/customers/{}", api.post("/api/v2/customers", customer("Oak")).await.is(201).id());
    api.log_lines();
    let failed = api.header("if-match", "\"stale\"").put(&path, customer("Ash")).await.is(412);
    let line = api.log_line();
    let current = failed.body["currentEtag"].as_str().expect("the current tag");
    assert_eq!(line["reason"], format!("If-Match \"stale\" does not match the current {current}"));
    assert_eq!((&line["status"], &line["code"]), (&json!(412), &json!("precondition-failed")));
    assert_eq!((&line["operation"], &line["id"]), (&json!("customersReplace"), &failed.body["trace"]));
    assert_eq!(line["caller"], api.get("/api/me").await.is(200).body["id"]);
    assert_eq!((&line["level"], &line["path"]), (&json!("INFO"), &json!(path)));
}

#[api_test]
async fn logs_the_violated_rules_of_a_400_without_values() {
    let api = Api::start().await;
    api.log_lines();
    let login = json!({ "email": "no address: geheim", "password": 4711, "geheim-field": true });
    api.post("/api/auth/login", login).await.is(400);
    let line = api.log_line();
    let reason = line["reason"].as_str().expect("a reason");
    assert!(reason.contains("#/password: must be a string"), "{reason}");
    assert!(!reason.contains("4711") && !reason.contains("no address"), "{reason}");
    assert_eq!(line["code"], "validation-failed");
    api.get("/api/posts?limit=4711").await.is(400);
    assert_eq!(api.log_line()["reason"], "limit: must be 1 to 50");
}

#[api_test]
async fn logs_the_rule_of_a_401_a_403_and_a_404() {
    let api = Api::start().await;
    let reader = api.sign_in(Role::Reader).await;
    api.log_lines();
    reader.get("/api/v2/customers").await.is(403);
    let line = api.log_line();
    assert_eq!(line["reason"], "requires one of accountant, admin, the caller is reader");
    assert_eq!(line["code"], "forbidden");
    let rejected = api.bearer("a.b.c").get("/api/me").await.is(401);
    assert_eq!(api.log_line()["reason"], "the access token is rejected: not a token");
    assert!(
        !String::from_utf8_lossy(&rejected.bytes).contains("rejected"),
        "the response must not contain the reason"
    );
    api.get("/api/me").await.is(401);
    assert_eq!(api.log_line()["reason"], "this operation requires authentication");
    api.get("/api/posts/019aa5a5-0000-7000-8000-000000000000").await.is(404);
    let line = api.log_line();
    assert_eq!((&line["code"], &line["reason"]), (&json!("not-found"), &json!("post not found")));
    api.get("/api/nothing").await.is(404);
    assert_eq!(api.log_line()["reason"], "no operation at this path: see /openapi.json");
}

#[api_test]
async fn logs_the_rate_limit_of_a_429() {
    let api = Api::with(&[("rate_limits", "on")]).await.from("203.0.113.77");
    while api.get("/api/tags").await.status != 429 {}
    api.log_lines();
    api.get("/api/tags").await.is(429);
    let line = api.log_line();
    let reason = line["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("rate limit anonymous-burst: "), "{reason}");
    assert_eq!((&line["code"], &line["client"]), (&json!("too-many-requests"), &json!("203.0.113.0/24")));
}

#[api_test]
async fn logs_the_cause_of_a_500_and_hides_it_from_the_client() {
    let api = Api::start().await;
    let rename = "ALTER TABLE tags RENAME TO missing";
    let result = api.app.db.write(async move |tx: Tx| tx.execute_unprepared(rename).await).await;
    result.expect("the table is renamed");
    api.log_lines();
    let failed = api.get("/api/tags").await.is(500);
    let line = api.log_line();
    let reason = line["reason"].as_str().expect("a reason");
    assert!(reason.contains("tags"), "{reason}");
    assert_eq!((&line["level"], &line["code"]), (&json!("ERROR"), &json!("internal-server-error")));
    assert_eq!(failed.body["detail"], "internal error: report the trace to the operator");
    assert!(!String::from_utf8_lossy(&failed.bytes).contains("tags"), "{failed:?}");
}

#[api_test]
async fn names_the_column_of_an_unknown_enum_value() {
    let api = Api::start().await.sign_in(Role::Admin).await;
    let channel = json!({ "name": "Wood", "audience": "public" });
    let path = format!("/api/channels/{}", api.post("/api/channels", channel).await.is(201).id());
    let update = "UPDATE channels SET audience = 'friends'";
    let updated = api.app.db.write(async move |tx: Tx| tx.execute_unprepared(update).await).await;
    updated.expect("no constraint forbids the value");
    api.log_lines();
    let failed = api.get(&path).await.is(500);
    let line = api.log_line();
    assert_eq!(line["reason"], "channels.audience: unknown value \"friends\"");
    assert_eq!((&line["level"], &line["operation"]), (&json!("ERROR"), &json!("channelsGet")));
    assert!(!String::from_utf8_lossy(&failed.bytes).contains("friends"), "{failed:?}");
}

#[api_test]
async fn logs_client_addresses_as_configured() {
    for (setting, v4, v6) in [
        (None, json!("203.0.113.0/24"), json!("2001:db8:1::/48")),
        (Some("network"), json!("203.0.113.0/24"), json!("2001:db8:1::/48")),
        (Some("full"), json!("203.0.113.77"), json!("2001:db8:1:2::77")),
        (Some("off"), Value::Null, Value::Null),
    ] {
        let settings: Vec<_> = setting.map(|value| ("log_client_address", value)).into_iter().collect();
        let api = Api::with(&settings).await;
        api.log_lines();
        api.from("203.0.113.77").get("/livez").await.is(200);
        let line = api.log_line();
        assert_eq!(line["client"], v4, "{setting:?}");
        assert_eq!((line.get("code"), line.get("reason")), (None, None));
        api.from("2001:db8:1:2::77").get("/api/nothing").await.is(404);
        assert_eq!(api.log_line()["client"], v6, "{setting:?}");
    }
}

#[api_test]
async fn logs_requests_rejected_before_dispatch() {
    let api = Api::start().await;
    let (address, _stop) = connections::start_server(&api).await;
    api.log_lines();
    let long = "a".repeat(9000);
    for (head, method, code) in [
        (format!("GET /{long} HTTP/1.1\r\nhost: a.test\r\n\r\n"), "-", "uri-too-long"),
        (format!("GET / HTTP/1.1\r\nhost: a.test\r\na: {long}\r\nb: {long}\r\n\r\n"), "-", "headers-too-large"),
        (
            "POST /api/comments HTTP/1.1\r\nhost: a.test\r\nx-request-id: mine\r\ncontent-length: 99999999\r\n\r\n".to_owned(),
            "POST",
            "payload-too-large",
        ),
    ] {
        let mut socket = TcpStream::connect(address).await.expect("a connection");
        socket.write_all(head.as_bytes()).await.expect("the request is sent");
        let mut response = String::new();
        socket.read_to_string(&mut response).await.expect("a response");
        let line = api.log_line();
        let id = line["id"].as_str().expect("an id");
        assert!(response.contains(&format!("\"trace\":\"{id}\"")), "{response}");
        assert_eq!((&line["method"], &line["code"]), (&json!(method), &json!(code)));
        assert_eq!(line["client"], "127.0.0.0/24");
        assert!(method == "-" || id == "mine", "{line}");
    }
}
