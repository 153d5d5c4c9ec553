//! Every answer held against the document, before the test sees it.
use std::{collections::BTreeSet, fs, sync::LazyLock};

use parking_lot::Mutex;
use poem::http::Method;
use serde_json::{Value, json};
use tenon::schema::Schema;

use crate::support::Answer;

/// The template in the document that a path belongs to: literal segments win over parameters.
fn template(path: &str) -> Option<&'static str> {
    let paths = tenon::api::DOCUMENT["paths"].as_object()?;
    let fits = |template: &str| {
        let (wanted, given): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
        let rest = ["/docs/{", "/redirects/{", "/upstreams/{"].iter().any(|rest| template.contains(rest));
        let rest = rest && given.len() >= wanted.len();
        let same = |(want, have): (&&str, &&str)| want.starts_with('{') || want == have;
        (wanted.len() == given.len() || rest) && wanted.iter().zip(&given).all(same)
    };
    let mut found: Vec<&str> = paths.keys().map(String::as_str).filter(|template| fits(template)).collect();
    found.sort_by_key(|template| template.matches('{').count());
    found.first().copied()
}

/// Fails the test when an answer is not the one that the document promises.
pub fn hold(method: &Method, path: &str, answer: &Answer) {
    let shown =
        || format!("{method} {path} answered {}: {}", answer.status, String::from_utf8_lossy(&answer.bytes));
    assert!(answer.headers.contains_key("x-request-id"), "no request id: {}", shown());
    assert!(answer.headers.contains_key("cache-control"), "no Cache-Control: {}", shown());
    if answer.status >= 400 {
        assert_eq!(answer.header("content-type"), "application/problem+json", "{}", shown());
        never_internal(answer);
    }
    let verb = if *method == Method::HEAD { "get".to_owned() } else { method.as_str().to_lowercase() };
    let Some(operation) = template(path).map(|template| &tenon::api::DOCUMENT["paths"][template][verb])
    else {
        return;
    };
    if operation.is_null() {
        assert!(matches!(answer.status, 204 | 405), "{}", shown());
        return;
    }
    let id = operation["operationId"].as_str().unwrap_or_default();
    let declared = operation["responses"].get(answer.status.to_string());
    let declared = declared.unwrap_or_else(|| panic!("{id} does not declare this status: {}", shown()));
    seen(id, answer.status);
    let declared = follow(declared);
    for name in answer.headers.keys().filter(|name| !told_once(name.as_str())) {
        let known = declared["headers"].as_object().into_iter().flatten();
        let known = known.into_iter().any(|(known, _)| known.eq_ignore_ascii_case(name.as_str()));
        assert!(known, "{id} does not declare the field {name}: {}", shown());
    }
    for (name, header) in declared["headers"].as_object().into_iter().flatten() {
        let header = follow(header);
        let Some(value) = answer.headers.get(name.as_str()) else {
            assert!(header["required"] != true, "{id} promises the field {name}: {}", shown());
            continue;
        };
        let text = value.to_str().unwrap_or_default();
        let typed = text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number));
        let typed = if header["schema"]["type"] == "integer" { typed } else { json!(text) };
        valid(&header["schema"], &typed, &format!("{id} {name}: {text}"));
    }
    if *method != Method::HEAD {
        hold_body(id, declared, answer, &shown);
    }
}

fn hold_body(id: &str, declared: &Value, answer: &Answer, shown: &dyn Fn() -> String) {
    let media = answer.header("content-type").split(';').next().unwrap_or_default();
    match declared["content"].as_object() {
        None => assert!(answer.bytes.is_empty(), "a body where none is declared: {}", shown()),
        Some(content) => {
            let declared =
                content.get(media).unwrap_or_else(|| panic!("{id} does not declare {media}: {}", shown()));
            let (schema, text) = (&declared["schema"], String::from_utf8_lossy(&answer.bytes));
            match media {
                _ if schema["format"] == "binary" => {
                    assert!(!answer.bytes.is_empty(), "an empty file: {}", shown())
                }
                "application/x-ndjson" => {
                    for line in text.lines() {
                        valid(schema, &serde_json::from_str(line).expect("JSON in each line"), &shown());
                    }
                }
                "text/event-stream" => text.split("\n\n").for_each(|block| hold_event(schema, block)),
                _ => valid(schema, &answer.body, &shown()),
            }
        }
    }
}

/// Holds an event of a stream against the document; a reset is none of the log.
pub fn event(block: &str) {
    let listen = &tenon::api::DOCUMENT["paths"]["/api/events"]["get"]["responses"]["200"];
    hold_event(&listen["content"]["text/event-stream"]["schema"], block);
}

fn hold_event(schema: &Value, block: &str) {
    assert!(!schema.is_null(), "the document says nothing of events");
    let data = block.lines().find_map(|line| line.strip_prefix("data: "));
    if let Some(data) = data.filter(|_| !block.contains("event: reset")) {
        valid(schema, &serde_json::from_str(data).expect("JSON as data"), block);
    }
}

/// Fields that say nothing of an operation: how the bytes are framed, and what browsers may do with any answer.
/// The document tells of them once.
fn told_once(name: &str) -> bool {
    name.starts_with("x-content-")
        || name.starts_with("cross-origin-")
        || matches!(name, "content-type" | "content-length" | "content-encoding" | "content-security-policy")
        || matches!(name, "referrer-policy" | "strict-transport-security" | "permissions-policy")
}

fn valid(schema: &Value, value: &Value, shown: &str) {
    let compiled = Schema::compile(&tenon::api::DOCUMENT, schema).expect("the schema compiles");
    let mut violations = Vec::new();
    compiled.validate(value, "#", &mut violations);
    assert!(violations.is_empty(), "{violations:?} in {shown}");
}

fn follow(value: &Value) -> &Value {
    match value["$ref"].as_str() {
        Some(reference) => tenon::api::DOCUMENT
            .pointer(reference.trim_start_matches('#'))
            .expect("the reference leads somewhere"),
        None => value,
    }
}

/// No failure shows what only the log may: statements, files, types of ours.
fn never_internal(answer: &Answer) {
    let text = String::from_utf8_lossy(&answer.bytes).to_lowercase();
    for word in ["select ", "insert into", "sqlx", "sea_orm", "dberr", ".rs:", "panicked", "/src/", "unwrap"]
    {
        assert!(!text.contains(word), "a failure shows {word}: {text}");
    }
}

/// Notes that an operation has answered with a status; the contract's own test reads the notes.
fn seen(id: &str, status: u16) {
    static SEEN: LazyLock<Mutex<BTreeSet<String>>> = LazyLock::new(Mutex::default);
    let note = format!("{id} {status}");
    let mut seen = SEEN.lock();
    if seen.insert(note) {
        let all: Vec<&str> = seen.iter().map(String::as_str).collect();
        let _ = fs::write(concat!(env!("CARGO_TARGET_TMPDIR"), "/seen.txt"), all.join("\n"));
    }
}
