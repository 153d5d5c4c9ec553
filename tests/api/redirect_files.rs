//! Redirects as files: what goes out comes back as it was.
use serde_json::{Value, json};
use tenon::http::auth::Role;

use crate::support::{Api, Response};

#[api_test]
async fn rules_come_and_go_as_files() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let acme = json!({
        "-api-v1-revenues": { "destination": "/api/v2/revenues/en-us", "permanent": false },
        "-api-v1-revenues-fr": { "destination": "/api/v2/revenues/en-us", "permanent": true },
        "/old/*": { "destination": "/new/*", "permanent": true },
    });
    let keyed = editor.header("idempotency-key", "acme");
    let done = keyed.post("/api/redirect-files/json", acme.clone()).await.is(201);
    assert_eq!(done.body, json!({ "created": 3, "updated": 0, "unchanged": 0 }));
    assert_eq!(keyed.post("/api/redirect-files/json", acme.clone()).await.is(201).body, done.body);
    keyed.post("/api/redirect-files/json", json!({})).await.is(422);
    let again = editor.post("/api/redirect-files/json", acme).await.is(201);
    assert_eq!(again.body, json!({ "created": 0, "updated": 0, "unchanged": 3 }));
    assert_eq!(api.get("/old/a?b=c").await.is(308).header("location"), "/new/a?b=c");
    assert_eq!(api.get("/api/v1/revenues/fr").await.is(308).header("location"), "/api/v2/revenues/en-us");

    for (form, media) in [("json", "application/json"), ("csv", "text/csv"), ("netlify", "text/plain")] {
        let path = format!("/api/redirect-files/{form}");
        let file = editor.get(&path).await.is(200);
        editor.header("if-none-match", file.header("etag")).get(&path).await.is(304);
        let there = Api::start().await;
        let other = there.sign_in(Role::Editor).await;
        let send = other.header("content-type", media).header("idempotency-key", "x");
        let import = format!("/api/redirect-files/{form}");
        let sent = |bytes: Vec<u8>| send.send(poem::http::Method::POST, &import, Some(bytes.into()));
        assert_eq!(sent(file.bytes.clone()).await.is(201).body["created"], 3, "{form}");
        sent([&file.bytes[..], b"\n"].concat()).await.is(422);
        assert_eq!(other.get(&path).await.is(200).bytes, file.bytes, "{form}");
        editor.header("content-type", "image/png").post_empty(&import).await.is(415);
    }
    let csv = editor.get("/api/redirect-files/csv").await.is(200);
    assert!(csv.header("content-disposition").contains("filename*=UTF-8''redirects.csv"));
}

#[api_test]
async fn a_file_is_taken_as_a_whole_or_not_at_all() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let send = |form: &'static str, media: &'static str, text: &'static str| {
        let editor = editor.header("content-type", media);
        async move {
            let path = format!("/api/redirect-files/{form}");
            editor.send(poem::http::Method::POST, &path, Some(text.into())).await
        }
    };
    let json = r#"{ "/a": { "destination": "/b" }, "/livez": { "destination": "//evil.test" } }"#;
    for (form, media, text, says) in [
        ("json", "application/json", json, "source: must not cover"),
        ("csv", "text/csv", "source,destination\n/a,/b\n/c,//evil.test\n", "line 3: destination: must"),
        ("csv", "text/csv", "source,destination\n/a,/b\n/a/,/c\n", "line 3: source: must not occur twice"),
        ("csv", "text/csv", "from,to\n/a,/b\n", "line 1: the first line"),
        ("netlify", "text/plain", "/a /b\n/c /d 200\n", "line 2: the status"),
    ] {
        let refused = send(form, media, text).await.is(400);
        let message = refused.body["errors"][0]["message"].as_str().unwrap_or_default();
        assert!(message.starts_with(says), "{text}: {message}");
    }
    send("csv", "text/csv", "source,destination\n/a,/b\n/b,/c\n").await.is(409);
    send("netlify", "text/plain", "/a /b\n/b /a\n").await.is(409);
    assert_eq!(editor.get("/api/redirects").await.is(200).body["pagination"]["total"], 0);
    let latin = editor.header("content-type", "text/csv");
    let bytes = b"source,destination\n/a,/\xfc\n".to_vec();
    latin.send(poem::http::Method::POST, "/api/redirect-files/csv", Some(bytes.into())).await.is(400);
}

/// Rules of every kind, with what the forms have to write in their own ways.
fn kinds() -> Value {
    let (now, ever) = (
        |to: &str| json!({ "destination": to, "permanent": false }),
        |to: &str| json!({ "destination": to, "permanent": true }),
    );
    json!({
        "/": now("/home"),
        "/-a-b": now("/a-b"),
        "/100%25": ever("/per,cent"),
        "/a%2Fb": ever("/\"quoted\""),
        "/a,\"b\"": now("/comma?a=b&c=d#top"),
        "/a/:id": now("/placeholder"),
        "/shop": ever("https://shop.acme.test/sale?x=1"),
        "/über uns": ever("/über"),
        "/gone/*": now("/gone-for-good"),
        "/old/*": ever("/new/*"),
        "/twice/*": now("/once/*/again/:splat"),
        "/words/*": now("/splat/:splat"),
        "/blog/*/by/*.html": ever("/people/:splat/*"),
        "/feed*": now("/feeds/*.xml"),
        "/sale": { "destination": "/winter", "permanent": false, "startsAt": "2026-12-01T00:00:00.000Z" },
        "/sale/*": {
            "destination": "/winter/*", "permanent": true,
            "startsAt": "2026-12-01T00:00:00.001Z", "endsAt": "2027-03-01T00:00:00.000Z",
        },
    })
}

/// Those that a `_redirects` file has no form for.
const BEYOND: [&str; 4] = ["/blog/*/by/*.html", "/feed*", "/sale", "/sale/*"];

async fn sent(editor: &Api, form: &str, media: &str, bytes: &[u8]) -> Response {
    let path = format!("/api/redirect-files/{form}");
    let editor = editor.header("content-type", media);
    editor.send(poem::http::Method::POST, &path, Some(bytes.to_vec().into())).await
}

#[api_test]
async fn every_kind_of_rule_survives_every_form() {
    let settings = [("redirect_hosts", "shop.acme.test")];
    let api = Api::with(&settings).await;
    let editor = api.sign_in(Role::Editor).await;
    let kinds = kinds();
    let count = kinds.as_object().map_or(0, serde_json::Map::len);
    editor.post("/api/redirect-files/json", kinds.clone()).await.is(201);
    assert_eq!(editor.get("/api/redirect-files/json").await.is(200).body, kinds);
    for (form, media) in [("json", "application/json"), ("csv", "text/csv"), ("netlify", "text/plain")] {
        let file = editor.get(&format!("/api/redirect-files/{form}")).await.is(200).bytes;
        let (mut written, mut expected) = (count, kinds.clone());
        if form == "netlify" {
            written -= BEYOND.len();
            expected.as_object_mut().unwrap().retain(|source, _| !BEYOND.contains(&source.as_str()));
            // Neither of the two words is lost; where there is no rule yet, the file can say one of them only.
            expected["/words/*"]["destination"] = json!("/splat/*");
            expected["/twice/*"]["destination"] = json!("/once/:splat/again/:splat");
        }
        let there = Api::with(&settings).await;
        let other = there.sign_in(Role::Editor).await;
        assert_eq!(sent(&other, form, media, &file).await.is(201).body["created"], written, "{form}");
        assert_eq!(other.get("/api/redirect-files/json").await.is(200).body, expected, "{form}");
        let again = sent(&editor, form, media, &file).await.is(201).body;
        assert_eq!(again, json!({ "created": 0, "updated": 0, "unchanged": written }), "{form}");
        assert_eq!(editor.get("/api/redirect-files/json").await.is(200).body, kinds, "{form}");
    }
}

#[api_test]
async fn what_a_row_leaves_out_is_as_if_it_were_new() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let sale = json!({ "destination": "/winter", "permanent": true, "endsAt": "2027-03-01T00:00:00.000Z" });
    editor.put("/api/redirects/sale", sale).await.is(201);
    let done = sent(&editor, "csv", "text/csv", b"source,destination\n/sale,/winter\n").await.is(201);
    assert_eq!(done.body["updated"], 1);
    let read = editor.get("/api/redirects/sale").await.is(200).body;
    assert_eq!((&read["permanent"], read.get("endsAt")), (&json!(false), None));
}

#[api_test]
async fn a_file_that_is_too_large_is_told_where_to_go() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let refused = sent(&editor, "json", "application/json", &vec![b'x'; 1_048_577]).await.is(413);
    let detail = refused.body["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("1048576 bytes") && detail.contains("tenon import json"), "{detail}");
}
