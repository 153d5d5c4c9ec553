//! Import and export of redirects as JSON, CSV and Netlify files.
use serde_json::{Value, json};
use tenon::http::auth::Role;

use crate::support::{Api, Response};

/// Returns the report of an import without skipped lines.
fn report(created: usize, updated: usize, unchanged: usize) -> Value {
    json!({
        "created": created, "updated": updated, "unchanged": unchanged,
        "skipped": 0, "warnings": [], "dryRun": false,
    })
}

#[api_test]
async fn imports_and_exports_every_format() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let acme = json!({
        "-api-v1-revenues": { "destination": "/api/v2/revenues/en-us", "permanent": false },
        "-api-v1-revenues-fr": { "destination": "/api/v2/revenues/en-us", "permanent": true },
        "/old/*": { "destination": "/new/*", "permanent": true },
    });
    let keyed = editor.header("idempotency-key", "acme");
    let first = keyed.post("/api/redirect-files/json", acme.clone()).await.is(201);
    assert_eq!(first.body, report(3, 0, 0));
    assert_eq!(keyed.post("/api/redirect-files/json", acme.clone()).await.is(201).body, first.body);
    keyed.post("/api/redirect-files/json", json!({})).await.is(422);
    let second = editor.post("/api/redirect-files/json", acme).await.is(201);
    assert_eq!(second.body, report(0, 0, 3));
    assert_eq!(api.get("/old/a?b=c").await.is(308).header("location"), "/new/a?b=c");
    assert_eq!(api.get("/api/v1/revenues/fr").await.is(308).header("location"), "/api/v2/revenues/en-us");

    for (format, media_type) in [("json", "application/json"), ("csv", "text/csv"), ("netlify", "text/plain")]
    {
        let path = format!("/api/redirect-files/{format}");
        let file = editor.get(&path).await.is(200);
        editor.header("if-none-match", file.header("etag")).get(&path).await.is(304);
        let target = Api::start().await;
        let target_editor = target.sign_in(Role::Editor).await;
        let request = target_editor.header("content-type", media_type).header("idempotency-key", "x");
        let import = format!("/api/redirect-files/{format}");
        let send_file = |bytes: Vec<u8>| request.send(poem::http::Method::POST, &import, Some(bytes.into()));
        assert_eq!(send_file(file.bytes.clone()).await.is(201).body["created"], 3, "{format}");
        send_file([&file.bytes[..], b"\n"].concat()).await.is(422);
        assert_eq!(target_editor.get(&path).await.is(200).bytes, file.bytes, "{format}");
        editor.header("content-type", "image/png").post_empty(&import).await.is(415);
    }
    let csv = editor.get("/api/redirect-files/csv").await.is(200);
    assert!(csv.header("content-disposition").contains("filename*=UTF-8''redirects.csv"));
}

#[api_test]
async fn an_invalid_row_rejects_the_whole_file() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let send = |format: &'static str, media_type: &'static str, file: &'static str| {
        let editor = editor.header("content-type", media_type);
        async move {
            let path = format!("/api/redirect-files/{format}");
            editor.send(poem::http::Method::POST, &path, Some(file.into())).await
        }
    };
    let json = r#"{ "/a": { "destination": "/b" }, "/livez": { "destination": "//evil.test" } }"#;
    let host = r#"{ "//evil.test/a": { "destination": "/b" } }"#;
    for (format, media_type, file, expected) in [
        ("json", "application/json", json, "source: must not match an operation of the API: /livez"),
        ("json", "application/json", host, "source: must not contain empty segments"),
        ("csv", "text/csv", "source,destination\n/a,/b\n/c,//evil.test\n", "line 3: destination: must"),
        ("csv", "text/csv", "from,to\n/a,/b\n", "line 1: the first line"),
        (
            "netlify",
            "text/plain",
            "/a /b\n/c //evil.test\n",
            "line 2: destination: must begin with one slash",
        ),
    ] {
        let rejected = send(format, media_type, file).await.is(400);
        let message = rejected.body["errors"][0]["message"].as_str().unwrap_or_default();
        assert!(message.starts_with(expected), "{file}: {message}");
    }
    send("csv", "text/csv", "source,destination\n/a,/b\n/b,/c\n/c,/a\n").await.is(409);
    send("netlify", "text/plain", "/a /b\n/b /a\n").await.is(409);
    assert_eq!(editor.get("/api/redirects").await.is(200).body["pagination"]["total"], 0);
    let latin = editor.header("content-type", "text/csv");
    let bytes = b"source,destination\n/a,/\xfc\n".to_vec();
    latin.send(poem::http::Method::POST, "/api/redirect-files/csv", Some(bytes.into())).await.is(400);
}

/// Rules of every kind, with the characters that each format has to escape.
fn rules() -> Value {
    let (temporary, permanent) = (
        |to: &str| json!({ "destination": to, "permanent": false }),
        |to: &str| json!({ "destination": to, "permanent": true }),
    );
    json!({
        "/-a-b": temporary("/a-b"),
        "/100%25": permanent("/per,cent"),
        "/a%2Fb": permanent("/\"quoted\""),
        "/a,\"b\"": temporary("/comma?a=b&c=d#top"),
        "/a/:id": temporary("/placeholder"),
        "/b/:id/:name": permanent("/:name/:id?x=:id#:name"),
        "/b/%3Aid": temporary("/%3Aid"),
        "/preset-*": permanent("/presets/*"),
        "/": temporary("/home"),
        "/ Country=CH,TW": temporary("/china"),
        "/ Country=IL Language=en": temporary("/israel"),
        "/blog?post=:post": permanent("/blog/:post"),
        "https://old.acme.test/*": permanent("https://shop.acme.test/*"),
        "/form": { "destination": "/thanks", "permanent": false, "status": 303 },
        "/shop": permanent("https://shop.acme.test/sale?x=1"),
        "/über uns": permanent("/über"),
        "/gone/*": temporary("/gone-for-good"),
        "/old/*": permanent("/new/*"),
        "/twice/*": temporary("/once/*/again/:splat"),
        "/words/*": temporary("/splat/:splat"),
        "/blog/*/by/*.html": permanent("/people/:splat/*"),
        "/feed*": temporary("/rss/*.xml"),
        "/sale": { "destination": "/winter", "permanent": false, "startsAt": "2026-12-01T00:00:00.000Z" },
        "/sale/*": {
            "destination": "/winter/*", "permanent": true,
            "startsAt": "2026-12-01T00:00:00.001Z", "endsAt": "2027-03-01T00:00:00.000Z",
        },
    })
}

/// Sources that the `_redirects` format cannot express.
const NOT_IN_NETLIFY: [&str; 3] = ["/blog/*/by/*.html", "/sale", "/sale/*"];

async fn import(editor: &Api, format: &str, media_type: &str, bytes: &[u8]) -> Response {
    let path = format!("/api/redirect-files/{format}");
    let editor = editor.header("content-type", media_type);
    editor.send(poem::http::Method::POST, &path, Some(bytes.to_vec().into())).await
}

#[api_test]
async fn every_format_preserves_every_kind_of_rule() {
    let settings = [("redirect_hosts", "shop.acme.test")];
    let api = Api::with(&settings).await;
    let editor = api.sign_in(Role::Editor).await;
    let rules = rules();
    let count = rules.as_object().map_or(0, serde_json::Map::len);
    editor.post("/api/redirect-files/json", rules.clone()).await.is(201);
    assert_eq!(editor.get("/api/redirect-files/json").await.is(200).body, rules);
    for (format, media_type) in [("json", "application/json"), ("csv", "text/csv"), ("netlify", "text/plain")]
    {
        let file = editor.get(&format!("/api/redirect-files/{format}")).await.is(200).bytes;
        let (mut count_in_file, mut expected) = (count, rules.clone());
        if format == "netlify" {
            count_in_file -= NOT_IN_NETLIFY.len();
            expected.as_object_mut().unwrap().retain(|source, _| !NOT_IN_NETLIFY.contains(&source.as_str()));
            // The format has one placeholder: a new redirect gets the one in the file, and a stored redirect with the
            // other one is not updated, because both are equivalent.
            expected["/words/*"]["destination"] = json!("/splat/*");
            expected["/twice/*"]["destination"] = json!("/once/:splat/again/:splat");
        }
        let target = Api::with(&settings).await;
        let target_editor = target.sign_in(Role::Editor).await;
        assert_eq!(
            import(&target_editor, format, media_type, &file).await.is(201).body["created"],
            count_in_file,
            "{format}"
        );
        assert_eq!(target_editor.get("/api/redirect-files/json").await.is(200).body, expected, "{format}");
        let second = import(&editor, format, media_type, &file).await.is(201).body;
        assert_eq!(second, report(0, 0, count_in_file), "{format}");
        assert_eq!(editor.get("/api/redirect-files/json").await.is(200).body, rules, "{format}");
    }
}

#[api_test]
async fn missing_columns_reset_fields_to_their_defaults() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let sale = json!({ "destination": "/winter", "permanent": true, "endsAt": "2027-03-01T00:00:00.000Z" });
    editor.put("/api/redirects/sale", sale).await.is(201);
    let response = import(&editor, "csv", "text/csv", b"source,destination\n/sale,/winter\n").await.is(201);
    assert_eq!(response.body["updated"], 1);
    let redirect = editor.get("/api/redirects/sale").await.is(200).body;
    assert_eq!((&redirect["permanent"], redirect.get("endsAt")), (&json!(false), None));
}

#[api_test]
async fn a_413_names_the_limit_and_the_import_command() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let rejected = import(&editor, "json", "application/json", &vec![b'x'; 1_048_577]).await.is(413);
    let detail = rejected.body["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("1048576 bytes") && detail.contains("tenon import redirects"), "{detail}");
}
