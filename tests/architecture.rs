//! The arrows between the rooms, and the size of files and functions.
use std::{fs, path::Path};

/// In these places, none of these names may stand.
const ARROWS: &[(&str, &str, &[&str], &str)] = &[
    (
        "src/http",
        "",
        &["crate::resources", "crate::api", "crate::server", "crate::app", "crate::cli"],
        "the vocabulary knows nobody above it",
    ),
    (
        "src/infra",
        "",
        &["crate::resources", "crate::api", "crate::server", "crate::app", "crate::http"],
        "a door knows nobody inside",
    ),
    (
        "src/images",
        "",
        &["crate::infra", "crate::http", "crate::server", "poem", "sea_orm", "entity::", "tokio"],
        "bytes come in and bytes go out: pictures know no requests and no rows",
    ),
    ("src/server", "", &["crate::api", "crate::cli"], "the edge is handed the document"),
    ("src/infra", "", &["crate::cli", "crate::import"], "a door knows nobody inside"),
    ("src/http", "", &["crate::cli", "crate::import"], "the vocabulary knows nobody above it"),
    ("entity/src", "", &["poem", "tenon::"], "a table knows no HTTP"),
    (
        "src/server",
        "",
        &["crate::resources", "crate::app", "sea_orm", "entity::"],
        "the edge gets what it needs as values and closures",
    ),
    (
        "src/resources",
        "api.rs",
        &["sea_orm", "entity::", "crate::infra::db"],
        "an operation asks its service, never the database",
    ),
    (
        "src/resources",
        "service.rs",
        &[
            "poem::",
            "poem_openapi",
            "http::response::GetResponse",
            "CreateResponse<",
            "ListResponse<",
            "ApiError<",
        ],
        "a service speaks no HTTP",
    ),
    ("src/resources", "types.rs", &["sea_orm", "poem::", "crate::infra"], "types are data"),
    (
        "src/resources/webhooks/outbound",
        "sender.rs",
        &["poem::", "hyper::"],
        "what is sent is said in plain names and values: the door speaks HTTP",
    ),
    ("src/resources/upstreams", "forward.rs", &["poem::", "hyper::"], "the door speaks HTTP"),
    ("src", "", &["unwrap_unchecked", "std::env::var(\"HOME"], "settings are read in config.rs"),
];

fn files(folder: &Path, found: &mut Vec<(String, String)>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap_or_default();
            found.push((path.display().to_string(), text));
        }
    }
}

fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found);
    found
}

fn broken(path: &str, text: &str, names: &[&str]) -> Vec<String> {
    let code = |line: &&str| !line.trim_start().starts_with("//");
    let lines: Vec<&str> = text.lines().filter(code).collect();
    let has = |name: &&&str| lines.iter().any(|line| line.contains(**name));
    names.iter().filter(has).map(|name| format!("{path} names {name}")).collect()
}

#[test]
fn arrows_point_down() {
    let mut wrong = Vec::new();
    for (folder, file, names, reason) in ARROWS {
        let all = sources(folder);
        assert!(!all.is_empty(), "{folder} is empty");
        for (path, text) in all.iter().filter(|(path, _)| path.ends_with(file)) {
            wrong.extend(broken(path, text, names).into_iter().map(|line| format!("{line}: {reason}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The rooms of the vocabulary that speak of rows: paging, searching, and the keys of repeated creates.
const ROWS: [&str; 4] = ["idempotency.rs", "cursor.rs", "pagination.rs", "problem.rs"];

#[test]
fn few_words_speak_of_rows() {
    let others =
        sources("src/http").into_iter().filter(|(path, _)| !ROWS.iter().any(|row| path.ends_with(row)));
    let wrong: Vec<String> =
        others.flat_map(|(path, text)| broken(&path, &text, &["sea_orm", "entity::"])).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_test_of_the_arrows_can_fail() {
    assert_eq!(broken("x.rs", "use sea_orm::Select;", &["sea_orm"]), ["x.rs names sea_orm"]);
    assert!(broken("x.rs", "// sea_orm is slow", &["sea_orm"]).is_empty());
}

#[test]
fn the_environment_is_read_in_one_place() {
    let readers: Vec<String> = sources("src")
        .into_iter()
        .filter(|(_, text)| text.contains("env::var"))
        .map(|(path, _)| path)
        .collect();
    assert!(readers.iter().all(|path| path.ends_with("config.rs")), "{readers:?}");
}

#[test]
fn only_the_clock_asks_for_the_time() {
    let asks = |text: &str| text.contains("Utc::now") || text.contains("SystemTime::now");
    let readers: Vec<String> =
        sources("src").into_iter().filter(|(_, text)| asks(text)).map(|(path, _)| path).collect();
    assert!(readers.iter().all(|path| path.ends_with("clock.rs")), "{readers:?}");
}
