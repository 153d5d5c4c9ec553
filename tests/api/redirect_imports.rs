//! Imports of redirects from files of other tools, by the API and by the command line.
use std::{fmt::Write as _, fs};

use poem::http::Method;
use serde_json::{Value, json};
use tenon::http::auth::Role;

use crate::{
    commands::Sandbox,
    support::{Api, Response},
};

async fn import(editor: &Api, format: &str, text: &str) -> Response {
    let media_type = match format.split('?').next() {
        Some("json") => "application/json",
        Some("csv") => "text/csv",
        _ => "text/plain",
    };
    let path = format!("/api/redirect-files/{format}");
    let editor = editor.header("content-type", media_type);
    editor.send(Method::POST, &path, Some(text.to_owned().into())).await
}

fn messages(response: &Response) -> Vec<String> {
    let errors = response.body["errors"].as_array().cloned().unwrap_or_default();
    errors.iter().map(|error| error["message"].as_str().unwrap_or_default().to_owned()).collect()
}

#[api_test]
async fn the_first_rule_of_a_repeated_source_is_imported() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let (csv, netlify) =
        ("source,destination\n/a,/1\n/b,/2\n/a/,/3\n/%61,/4\n", "/a /1\n/b /2\n/a/ /3\n/%61 /4\n");
    for (format, text, first) in [("csv", csv, 2), ("netlify", netlify, 1)] {
        let report = import(&editor, format, text).await.is(201).body;
        assert_eq!((&report["skipped"], report["warnings"].as_array().map(Vec::len)), (&json!(2), Some(2)));
        let expected =
            format!("line {}: source: repeats the source of line {first}, which applies", first + 2);
        assert_eq!(report["warnings"][0], expected);
        assert_eq!(api.get("/a").await.header("location"), "/1", "{format}");
    }
    let json = r#"{ "/a": { "destination": "/1" }, "/a/": { "destination": "/3" }, "/c/:x": { "destination": "/5" },
        "/c/:y": { "destination": "/6" } }"#;
    let report = import(&editor, "json", json).await.is(201).body;
    assert_eq!(
        report["warnings"],
        json!([
            "#/~1a~1: source: repeats the source of #/~1a, which applies",
            "#/~1c~1:y: source: repeats the source of #/~1c~1:x, which applies",
        ])
    );
    assert_eq!(api.get("/c/1").await.is(307).header("location"), "/5");
    // A stored rule is replaced only by its own source.
    let rejected = import(&editor, "netlify", "/d /7\n/c/:z /8\n").await.is(409);
    let message = "line 2: must not match the same requests as the redirect /c/:x: update or delete that one";
    assert_eq!(messages(&rejected), [message]);
    assert_eq!(import(&editor, "netlify", "/c/:x /8\n").await.is(201).body["updated"], 1);
}

#[api_test]
async fn unsupported_lines_of_a_netlify_file_are_skipped_with_a_warning_each() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let text = "/old /new 301\r\n/* /index.html 200\r\n/fr/* /fr/404.html 404\r\n\r\n/lone\r\n/blog /blog/\r\n\
                /a /b 302 Role=admin\r\n/en/* /:splat\r\n/en /\r\n/legacy/form /new/form 303\r\n\
                /docs/preset-* /docs/babel-preset-:splat\r\n/x?y=:z /w/:z\r\n";
    let report = import(&editor, "netlify", text).await.is(201).body;
    assert_eq!((&report["created"], &report["skipped"]), (&json!(6), &json!(5)));
    assert_eq!(
        report["warnings"],
        json!([
            "line 2: the status 200 is a rewrite, which is not supported",
            "line 3: the status 404 is a page for missing resources, which is not supported",
            "line 5: a destination is missing after the source /lone",
            "line 6: the rule redirects its source to itself",
            "line 7: the condition Role is not supported",
        ])
    );
    for (path, status, location) in [
        ("/old", 308, "/new"),
        ("/en/a/b", 308, "/a/b"),
        ("/en", 308, "/"),
        ("/legacy/form", 303, "/new/form"),
        ("/docs/preset-env", 308, "/docs/babel-preset-env"),
        ("/docs/preset-env/a/", 308, "/docs/babel-preset-env/a"),
        ("/x?y=1", 308, "/w/1"),
    ] {
        assert_eq!(api.get(path).await.is(status).header("location"), location, "{path}");
    }
}

#[api_test]
async fn a_dry_run_returns_the_report_and_writes_nothing() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    editor.put("/api/redirects/a", json!({ "destination": "/1", "permanent": true })).await.is(201);
    for (format, text) in [
        ("json?dryRun=true", r#"{ "/a": { "destination": "/2" }, "/b": { "destination": "/3" } }"#),
        ("csv?dryRun=true", "source,destination\n/a,/2\n/b,/3\n"),
        ("netlify?dryRun=true", "/a /2\n/b /3\n"),
    ] {
        let checked = editor.header("idempotency-key", "dry");
        let report = import(&checked, format, text).await.is(200).body;
        let expected = json!({
            "created": 1, "updated": 1, "unchanged": 0, "skipped": 0, "warnings": [], "dryRun": true,
        });
        assert_eq!(report, expected, "{format}");
        assert_eq!(api.get("/a").await.is(308).header("location"), "/1");
        api.get("/b").await.is(404);
        // The checks are the same as those of an import.
        let cycle = text.replace("/3", "/b");
        if format.starts_with("netlify") {
            assert_eq!(import(&editor, format, &cycle).await.is(200).body["skipped"], 1);
        } else {
            import(&editor, format, &cycle).await.is(409);
        }
    }
    // The key was not used up.
    import(&editor.header("idempotency-key", "dry"), "netlify?dryRun=false", "/b /3\n").await.is(201);
    import(&editor, "netlify?dryRun=yes", "/b /3\n").await.is(400);
}

#[api_test]
async fn every_error_and_every_conflict_is_reported_with_its_line() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let csv =
        "source,destination,permanent\r\n/a,/b,true\r\n/c,/d,maybe\r\n/livez,//evil.test,\r\n/e,new,\r\n";
    let rejected = import(&editor, "csv", csv).await.is(400);
    let expected = [
        "line 3: permanent: must be true or false (or 1 or 0), got maybe",
        "line 4: source: must not match an operation of the API: /livez",
        "line 4: destination: must begin with one slash: two slashes name another host",
        "line 5: destination: must begin with a slash, such as /new, or with http:// or https:// and a host",
    ];
    assert_eq!(messages(&rejected), expected);
    let cycles = "/a /b\n/b /a\n/c /d\n/x /y\n/y /z\n/z /x\n/e/* /e/f/*\n";
    let rejected = import(&editor, "netlify", cycles).await.is(409);
    let found = messages(&rejected);
    let expected = [
        "line 1: must not form a redirect cycle: /a -> /b -> /a",
        "line 4: must not form a redirect cycle: /x -> /y -> /z -> /x",
        "line 7: must not form a sequence of more than 20 redirects: /e/x",
    ];
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}");
    }
    assert_eq!(editor.get("/api/redirects").await.is(200).body["pagination"]["total"], 0);
    let map = json!({ "/a": { "destination": "/b" }, "/b": { "destination": "/a" }, "/c": { "destination": "/d" } });
    assert_eq!(editor.post("/api/redirect-files/json", map).await.is(409).locations(), ["#/~1a"]);
    // An import that repairs a stored rule is accepted, and one that closes a cycle with it is not.
    import(&editor, "netlify", "/a /b\n").await.is(201);
    assert_eq!(messages(&import(&editor, "netlify", "/k /l\n/b /a\n").await.is(409))[0][..7], *"line 2:");
    import(&editor, "netlify", "/b /a\n/a /c\n").await.is(201);
    let many: String = (0..150).map(|i| format!("/{i} //evil.test\n")).collect();
    let found = messages(&import(&editor, "netlify", &many).await.is(400));
    assert_eq!((found.len(), found[99].as_str()), (100, "file: 51 more errors are not listed"));
}

#[api_test]
async fn an_admin_imports_destinations_on_any_host() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let text = "/help https://github.com/acme/docs#help\n/here /there\nhttps://old.acme.test/* https://acme.test/:splat\n";
    let rejected = import(&admin, "netlify", text).await.is(400);
    assert_eq!(messages(&rejected).len(), 2, "{rejected:?}");
    assert_eq!(import(&admin, "netlify?external=true", text).await.is(201).body["created"], 3);
    assert_eq!(api.get("/help").await.is(308).header("location"), "https://github.com/acme/docs#help");
    assert_eq!(admin.get("/api/redirects/help").await.is(200).body["external"], true);
    assert_eq!(admin.get("/api/redirects/here").await.is(200).body["external"], false);
    let exported = admin.get("/api/redirect-files/csv").await.is(200).bytes;
    let exported = String::from_utf8(exported).unwrap();
    assert!(exported.contains("/help,https://github.com/acme/docs#help,true,,,,true\r\n"), "{exported}");
    assert_eq!(import(&admin, "csv", &exported).await.is(201).body["unchanged"], 3);
}

#[api_test]
fn the_command_imports_45_000_rules_in_every_format() {
    let sandbox = Sandbox::new();
    let count = 45_000;
    let mut json = serde_json::Map::new();
    let (mut csv, mut netlify) = ("source,destination,permanent\r\n".to_owned(), String::new());
    for i in 0..count {
        json.insert(format!("/json/{i}"), json!({ "destination": format!("/new/{i}") }));
        let _ = write!(csv, "/csv/{i},/new/{i},TRUE\r\n");
        let _ = writeln!(netlify, "/netlify/{i} /new/{i} 301");
    }
    netlify.push_str("/* /index.html 200\n");
    let files =
        [("rules.json", Value::Object(json).to_string()), ("rules.csv", csv), ("_redirects", netlify)];
    for (name, text) in &files {
        fs::write(sandbox.0.join(name), text).expect("a file");
    }
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    let run = |options: &[&str]| sandbox.tenon(&[&["import", "redirects"], &names[..], options].concat());
    let checked = run(&["--dry-run"]).succeeds().stdout;
    assert!(
        checked.contains("rules.csv: 45000 created, 0 updated, 0 unchanged, 0 skipped (dry run"),
        "{checked}"
    );
    assert!(!sandbox.has_data());
    let imported = run(&[]).succeeds().stdout;
    assert!(
        imported.contains("_redirects: 45000 created, 0 updated, 0 unchanged, 1 skipped\n"),
        "{imported}"
    );
    assert!(imported.contains("  line 45001: the status 200 is a rewrite"), "{imported}");
    let again: Value = serde_json::from_str(&run(&["--json"]).succeeds().stdout).expect("JSON");
    let unchanged: Vec<&Value> = (0..3).map(|i| &again["files"][i]["unchanged"]).collect();
    assert_eq!(unchanged, [count, count, count]);
}

#[api_test]
fn the_command_reports_errors_per_file_and_imports_the_other_files() {
    let sandbox = Sandbox::new();
    for (name, text) in [
        ("good.csv", "source;destination\n/a;/b\n"),
        ("bad.json", r#"{ "/c": { "destination": "//evil.test" }, "/d": { "target": "/e" } }"#),
        ("twice.json", r#"{ "/c": { "destination": "/d" }, "/c": { "destination": "/e" } }"#),
        ("other.txt", "/x https://github.com/acme\n/b /a\n"),
    ] {
        fs::write(sandbox.0.join(name), text).expect("a file");
    }
    let output = sandbox.tenon(&["import", "redirects", "good.csv", "bad.json", "twice.json", "other.txt"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    for line in [
        "good.csv: 1 created, 0 updated, 0 unchanged, 0 skipped\n",
        "bad.json: not imported, ",
        "twice.json: not imported, 1 errors\n",
        "other.txt: not imported, 1 errors\n  line 1: destination: must be on this service or on a host",
    ] {
        assert!(output.stdout.contains(line), "{line}: {output:?}");
    }
    let external = sandbox.tenon(&["import", "redirects", "other.txt", "--external"]);
    assert!(
        external.stdout.contains("line 2: must not form a redirect cycle: /b -> /a -> /b"),
        "{external:?}"
    );
    sandbox.tenon(&["import", "redirects", "missing.csv"]).fails(1, "file not found: missing.csv");
    let forced = sandbox.tenon(&["import", "redirects", "other.txt", "--format", "csv"]);
    assert!(forced.stdout.contains("the first line must name the columns"), "{forced:?}");
}
